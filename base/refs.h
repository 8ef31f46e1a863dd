/* SPDX-License-Identifier: Apache-2.0 */
/* Counts of references to what threads share. A thing starts with one; whoever drops the last frees it. */
#ifndef BASE_REFS_H
#define BASE_REFS_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* Whoever hands out a reference holds one: nothing has to be seen in order. */
static inline void
refs_take(int *refs)
{
	__atomic_fetch_add(refs, 1, __ATOMIC_RELAXED);
}

/* Was it the last? The thread that frees has to see all that the others did before they let go. */
static inline bool
refs_drop(int *refs)
{
	return __atomic_sub_fetch(refs, 1, __ATOMIC_ACQ_REL) == 0;
}

/* Is the caller's the only one? Then nobody else can take another. */
static inline bool
refs_alone(const int *refs)
{
	return __atomic_load_n(refs, __ATOMIC_ACQUIRE) == 1;
}

/* Copies a thing of that size that begins with its count, all but the count: others may be changing it at this moment. */
static inline void
refs_copy_rest(void *to, const void *from, size_t size)
{
	memcpy((int *)to + 1, (const int *)from + 1, size - sizeof(int));
}

#endif
