/* SPDX-License-Identifier: Apache-2.0 */
/* Growing arrays: any struct with members `at`, `n` and `cap`, zeroed when empty. */
#ifndef BASE_VEC_H
#define BASE_VEC_H

#include <stdlib.h>

#include "base/mem.h"

#define VEC(type)              \
	struct {               \
		type *at;      \
		size_t n, cap; \
	}

#define vec_reserve(v, count)                                                             \
	do {                                                                              \
		if ((v)->cap < (count)) {                                                 \
			(v)->cap = (v)->cap * 2 > (count) ? (v)->cap * 2 : (count) + 4;   \
			(v)->at = mem_grow((v)->at, (v)->cap, sizeof((v)->at[0]));        \
		}                                                                         \
	} while (0)

#define vec_push(v, ...)                              \
	do {                                          \
		vec_reserve((v), (v)->n + 1);         \
		(v)->at[(v)->n++] = (__VA_ARGS__);    \
	} while (0)

#define vec_free(v)              \
	do {                     \
		free((v)->at);   \
		(v)->at = NULL;  \
		(v)->n = 0;      \
		(v)->cap = 0;    \
	} while (0)

#endif
