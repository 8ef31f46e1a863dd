/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/key_table.h"

#include <string.h>

#define SMALLEST 64 /* slots */

static uint32_t
hash_of(const struct u32_list *key)
{
	uint64_t hash = key->n;

	for (size_t i = 0; i < key->n; i++) {
		hash = (hash ^ key->at[i]) * 0x9e3779b97f4a7c15;
		hash ^= hash >> 32;
	}
	return (uint32_t)hash;
}

static bool
is_key(const struct key_table *t, uint32_t place, const struct u32_list *key)
{
	uint32_t first = place ? t->ends.at[place - 1] : 0;

	return t->ends.at[place] - first == key->n &&
	       (!key->n || memcmp(t->keys.at + first, key->at, key->n * sizeof(key->at[0])) == 0);
}

/* More than half of the slots are never taken, so there is always a free one. */
static void
grow(struct key_table *t)
{
	size_t n_slots = t->n_slots ? t->n_slots * 2 : SMALLEST;
	struct slot *slots = mem_array(n_slots, sizeof(*slots));

	slots_move(t->slots, t->n_slots, slots, n_slots);
	free(t->slots);
	t->slots = slots;
	t->n_slots = n_slots;
}

uint32_t
key_table_add(struct key_table *t, const struct u32_list *key, bool *added)
{
	uint32_t hash = hash_of(key);
	size_t at;

	if (t->ends.n >= t->n_slots / 2)
		grow(t);
	for (at = hash & (t->n_slots - 1); t->slots[at].next; at = (at + 1) & (t->n_slots - 1)) {
		if (t->slots[at].hash == hash && is_key(t, t->slots[at].next - 1, key)) {
			*added = false;
			return t->slots[at].next - 1;
		}
	}
	for (size_t i = 0; i < key->n; i++)
		vec_push(&t->keys, key->at[i]);
	vec_push(&t->ends, (uint32_t)t->keys.n);
	t->slots[at] = (struct slot){hash, (uint32_t)t->ends.n};
	*added = true;
	return (uint32_t)t->ends.n - 1;
}

void
key_table_free(struct key_table *t)
{
	vec_free(&t->keys);
	vec_free(&t->ends);
	free(t->slots);
	*t = (struct key_table){.n_slots = 0};
}
