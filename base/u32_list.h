/* SPDX-License-Identifier: Apache-2.0 */
/* Growing lists of positions, for vec_push and its like. */
#ifndef BASE_U32_LIST_H
#define BASE_U32_LIST_H

#include <stdint.h>

#include "base/vec.h"

struct u32_list {
	uint32_t *at;
	size_t n, cap;
};

void u32_list_sort(struct u32_list *l);
/* Sorted, each once. */
void u32_list_sort_unique(struct u32_list *l);

#endif
