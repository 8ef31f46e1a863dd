/* SPDX-License-Identifier: Apache-2.0 */
#include "base/u32_list.h"

#include <stdbool.h>
#include <stdlib.h>

static int
u32_cmp(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static bool
is_sorted(const struct u32_list *l)
{
	for (size_t i = 1; i < l->n; i++)
		if (l->at[i - 1] > l->at[i])
			return false;
	return true;
}

void
u32_list_sort(struct u32_list *l)
{
	if (!is_sorted(l)) /* most are: what comes out of an index, or out of one other list */
		qsort(l->at, l->n, sizeof(*l->at), u32_cmp);
}

void
u32_list_sort_unique(struct u32_list *l)
{
	size_t n = 0;

	u32_list_sort(l);
	for (size_t i = 0; i < l->n; i++)
		if (!i || l->at[i] != l->at[i - 1])
			l->at[n++] = l->at[i];
	l->n = n;
}
