/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An array of counted things of which the next version shares what did not change: for snapshots that come one after
 * another and differ in a few places. Each version may be read by any thread; who makes one fills it before others see it.
 */
#ifndef BASE_SHARED_ARRAY_H
#define BASE_SHARED_ARRAY_H

#include <stddef.h>

#define SHARED_CHUNK 64

/* The first member of a thing. It starts with one reference, which is the array's once it is put. */
struct shared_item {
	int refs;
};

struct shared_chunk {
	int refs;
	struct shared_item *at[SHARED_CHUNK];
};

struct shared_array {
	size_t n_chunks;
	void (*drop)(struct shared_item *item); /* the last reference is gone */
	struct shared_chunk *chunks[];
};

/* n places, all NULL. */
struct shared_array *shared_array_new(size_t n, void (*drop)(struct shared_item *item));
/* A version with the same things. */
struct shared_array *shared_array_next(const struct shared_array *a);
/* Takes the reference, and lets go what stood there. `item` may be NULL. */
void shared_array_put(struct shared_array *a, size_t place, struct shared_item *item);
void shared_array_free(struct shared_array *a); /* NULL is fine */

static inline struct shared_item *
shared_array_at(const struct shared_array *a, size_t place)
{
	return a->chunks[place / SHARED_CHUNK]->at[place % SHARED_CHUNK];
}

#endif
