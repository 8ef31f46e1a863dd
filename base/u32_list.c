/* SPDX-License-Identifier: Apache-2.0 */
#include "base/u32_list.h"

#include <stdlib.h>

static int
u32_cmp(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

void
u32_list_sort(struct u32_list *l)
{
	if (l->n > 1)
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
