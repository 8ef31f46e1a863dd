/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define ALIGN alignof(max_align_t)
#define FIRST_CHUNK 1024
#define LARGEST_CHUNK (64 * 1024)

struct arena_chunk {
	struct arena_chunk *next;
	size_t used, size;
	alignas(max_align_t) char data[];
};

static struct arena_chunk *
grow(struct arena *a, size_t need)
{
	size_t size = a->first ? a->first : FIRST_CHUNK;
	struct arena_chunk *chunk;

	if (a->head)
		size = a->head->size < LARGEST_CHUNK / 2 ? a->head->size * 2 : LARGEST_CHUNK;
	if (size < need)
		size = need;
	if (size > SIZE_MAX - sizeof(*chunk))
		die("out of memory");
	chunk = malloc(sizeof(*chunk) + size);
	if (!chunk)
		die("out of memory");
	chunk->used = 0;
	chunk->size = size;
	chunk->next = a->head;
	a->head = chunk;
	return chunk;
}

/* Not zeroed: for what is filled at once. */
static void *
raw(struct arena *a, size_t size, size_t align)
{
	struct arena_chunk *chunk = a->head;
	size_t at = chunk ? (chunk->used + align - 1) & ~(align - 1) : 0;

	if (!chunk || at > chunk->size || size > chunk->size - at) {
		chunk = grow(a, size);
		at = 0;
	}
	chunk->used = at + size;
	return chunk->data + at;
}

void *
arena_alloc(struct arena *a, size_t size)
{
	return memset(raw(a, size, ALIGN), 0, size);
}

void *
arena_array(struct arena *a, size_t count, size_t size)
{
	if (size && count > SIZE_MAX / size)
		die("out of memory");
	return arena_alloc(a, count * size);
}

char *
arena_strndup(struct arena *a, const char *s, size_t len)
{
	char *copy = raw(a, len + 1, 1);

	memcpy(copy, s, len);
	copy[len] = '\0';
	return copy;
}

char *
arena_strdup(struct arena *a, const char *s)
{
	return s ? arena_strndup(a, s, strlen(s)) : NULL;
}

void *
arena_copy(struct arena *a, const void *p, size_t size)
{
	void *copy = raw(a, size, ALIGN);

	return size ? memcpy(copy, p, size) : copy;
}

char *
arena_vprintf(struct arena *a, const char *fmt, va_list ap)
{
	char most[512]; /* made once if it fits, else once more */
	va_list again;
	char *text;
	int len;

	va_copy(again, ap);
	len = vsnprintf(most, sizeof(most), fmt, ap);
	if (len < 0)
		die("bad format: %s", fmt);
	if ((size_t)len < sizeof(most)) {
		text = arena_strndup(a, most, (size_t)len);
	} else {
		text = raw(a, (size_t)len + 1, 1);
		vsnprintf(text, (size_t)len + 1, fmt, again);
	}
	va_end(again);
	return text;
}

char *
arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap;
	char *text;

	va_start(ap, fmt);
	text = arena_vprintf(a, fmt, ap);
	va_end(ap);
	return text;
}

/* Behind a's own chunk, which has room left. */
void
arena_join(struct arena *a, struct arena *from)
{
	struct arena_chunk *last = from->head;

	if (!last)
		return;
	while (last->next)
		last = last->next;
	if (a->head) {
		last->next = a->head->next;
		a->head->next = from->head;
	} else {
		a->head = from->head;
	}
	from->head = NULL;
}

size_t
arena_size(const struct arena *a)
{
	size_t size = 0;

	for (const struct arena_chunk *c = a->head; c; c = c->next)
		size += sizeof(*c) + c->size;
	return size;
}

size_t
arena_used(const struct arena *a)
{
	size_t used = 0;

	for (const struct arena_chunk *c = a->head; c; c = c->next)
		used += (c->used + ALIGN - 1) & ~(ALIGN - 1);
	return used;
}

void
arena_reset(struct arena *a)
{
	struct arena_chunk *keep = a->head;

	if (!keep)
		return;
	for (struct arena_chunk *c = keep->next, *next; c; c = next) {
		next = c->next;
		free(c);
	}
	keep->next = NULL;
	keep->used = 0;
}

void
arena_free(struct arena *a)
{
	for (struct arena_chunk *c = a->head, *next; c; c = next) {
		next = c->next;
		free(c);
	}
	a->head = NULL;
}
