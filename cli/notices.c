/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/notices.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define ROOM 16

struct notices {
	char *taken; /* the taker's alone: what it was given last */
	pthread_mutex_t lock; /* of what follows */
	struct app_notice at[ROOM]; /* the oldest first; texts of their own */
	size_t n;
};

struct notices *
notices_new(void)
{
	struct notices *n = mem_alloc(sizeof(*n));

	pthread_mutex_init(&n->lock, NULL);
	return n;
}

void
notices_free(struct notices *n)
{
	if (!n)
		return;
	for (size_t i = 0; i < n->n; i++)
		free((char *)n->at[i].text);
	free(n->taken);
	pthread_mutex_destroy(&n->lock);
	free(n);
}

static struct app_notice
shift(struct notices *n)
{
	struct app_notice first = n->at[0];

	n->n--;
	memmove(&n->at[0], &n->at[1], n->n * sizeof(n->at[0]));
	return first;
}

void
notices_add(struct notices *n, enum style style, const char *fmt, ...)
{
	AUTO(buf) struct buf text = {0};
	va_list ap;

	va_start(ap, fmt);
	buf_addv(&text, fmt, ap);
	va_end(ap);
	pthread_mutex_lock(&n->lock);
	if (n->n == ROOM)
		free((char *)shift(n).text);
	n->at[n->n++] = (struct app_notice){style, buf_take(&text)};
	pthread_mutex_unlock(&n->lock);
}

bool
notices_take(struct notices *n, struct app_notice *out)
{
	struct app_notice first;
	bool any;

	pthread_mutex_lock(&n->lock);
	any = n->n > 0;
	if (any)
		first = shift(n);
	pthread_mutex_unlock(&n->lock);
	if (!any)
		return false;
	free(n->taken);
	n->taken = (char *)first.text;
	*out = first;
	return true;
}
