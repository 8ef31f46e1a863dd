/* SPDX-License-Identifier: Apache-2.0 */
#include "base/shared_array.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/refs.h"

struct shared_array *
shared_array_new(size_t n, void (*drop)(struct shared_item *item))
{
	size_t n_chunks = (n + SHARED_CHUNK - 1) / SHARED_CHUNK;
	struct shared_array *a = mem_alloc(sizeof(*a) + n_chunks * sizeof(a->chunks[0]));

	a->n_chunks = n_chunks;
	a->drop = drop;
	for (size_t i = 0; i < n_chunks; i++) {
		a->chunks[i] = mem_alloc(sizeof(*a->chunks[i]));
		a->chunks[i]->refs = 1;
	}
	return a;
}

struct shared_array *
shared_array_next(const struct shared_array *a)
{
	size_t size = sizeof(*a) + a->n_chunks * sizeof(a->chunks[0]);
	struct shared_array *next = mem_alloc(size);

	memcpy(next, a, size);
	for (size_t i = 0; i < next->n_chunks; i++)
		refs_take(&next->chunks[i]->refs);
	return next;
}

static void
let_go(const struct shared_array *a, struct shared_item *item)
{
	if (item && refs_drop(&item->refs))
		a->drop(item);
}

static void
free_chunk(const struct shared_array *a, struct shared_chunk *c)
{
	if (!refs_drop(&c->refs))
		return;
	for (size_t i = 0; i < SHARED_CHUNK; i++)
		let_go(a, c->at[i]);
	free(c);
}

/* A chunk that no other version has. */
static struct shared_chunk *
own_chunk(struct shared_array *a, size_t which)
{
	struct shared_chunk *old = a->chunks[which], *copy;

	if (refs_alone(&old->refs))
		return old;
	copy = mem_alloc(sizeof(*copy));
	memcpy(copy->at, old->at, sizeof(copy->at));
	copy->refs = 1;
	for (size_t i = 0; i < SHARED_CHUNK; i++)
		if (copy->at[i])
			refs_take(&copy->at[i]->refs);
	a->chunks[which] = copy;
	free_chunk(a, old);
	return copy;
}

void
shared_array_put(struct shared_array *a, size_t place, struct shared_item *item)
{
	struct shared_chunk *c = own_chunk(a, place / SHARED_CHUNK);
	struct shared_item *before = c->at[place % SHARED_CHUNK];

	c->at[place % SHARED_CHUNK] = item;
	let_go(a, before);
}

void
shared_array_free(struct shared_array *a)
{
	if (!a)
		return;
	for (size_t i = 0; i < a->n_chunks; i++)
		free_chunk(a, a->chunks[i]);
	free(a);
}
