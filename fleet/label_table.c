/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/label_table.h"

#include <string.h>

#include "fleet/slots.h"

#define SMALLEST 16 /* slots */

struct entry {
	const char *key, *value;
};

/* Open addressing. */
struct label_table {
	struct arena *arena;
	struct entry *entries; /* by number; half as many fit as there are slots */
	size_t n;
	struct slot *slots; /* of labels' numbers */
	size_t n_slots; /* a power of two */
};

#define MIX 0x9e3779b97f4a7c15

/* Eight bytes at a time: str_hash goes byte by byte, and all labels of a fleet come by here. */
static uint64_t
add_text(uint64_t hash, const char *s)
{
	size_t len = strlen(s);
	uint64_t word;

	for (hash = (hash ^ len) * MIX; len >= sizeof(word); len -= sizeof(word), s += sizeof(word)) {
		memcpy(&word, s, sizeof(word));
		hash = (hash ^ word) * MIX;
		hash ^= hash >> 32;
	}
	for (word = 0; len; len--)
		word = word << 8 | (unsigned char)s[len - 1];
	hash = (hash ^ word) * MIX;
	return hash ^ hash >> 32;
}

static uint32_t
hash_of(const char *key, const char *value)
{
	return (uint32_t)add_text(add_text(0, key), value);
}

static void
make_room(struct label_table *t, size_t n_slots)
{
	struct entry *entries = ARENA_ARRAY(t->arena, struct entry, n_slots / 2);
	struct slot *slots = ARENA_ARRAY(t->arena, struct slot, n_slots);

	if (t->n)
		memcpy(entries, t->entries, t->n * sizeof(*entries));
	slots_move(t->slots, t->n_slots, slots, n_slots);
	t->entries = entries;
	t->slots = slots;
	t->n_slots = n_slots;
}

struct label_table *
label_table_new(struct arena *a, size_t expected)
{
	struct label_table *t = ARENA_NEW(a, struct label_table);
	size_t n_slots = SMALLEST;

	while (n_slots / 2 < expected)
		n_slots *= 2;
	t->arena = a;
	make_room(t, n_slots);
	return t;
}

/* The slot that has the label, or the free one where it would be. */
static struct slot *
find(const struct label_table *t, uint32_t hash, const char *key, const char *value)
{
	size_t at = hash & (t->n_slots - 1);

	for (; t->slots[at].next; at = (at + 1) & (t->n_slots - 1)) {
		const struct entry *e = &t->entries[t->slots[at].next - 1];

		if (t->slots[at].hash == hash && strcmp(e->key, key) == 0 && strcmp(e->value, value) == 0)
			break;
	}
	return &t->slots[at];
}

uint32_t
label_table_add(struct label_table *t, const char *key, const char *value)
{
	uint32_t hash = hash_of(key, value);
	struct slot *slot = find(t, hash, key, value);

	if (slot->next)
		return slot->next - 1;
	if (t->n == t->n_slots / 2) {
		make_room(t, t->n_slots * 2);
		slot = find(t, hash, key, value);
	}
	t->entries[t->n++] = (struct entry){key, value};
	*slot = (struct slot){hash, (uint32_t)t->n};
	return (uint32_t)t->n - 1;
}

uint32_t
label_table_find(const struct label_table *t, const char *key, const char *value)
{
	return find(t, hash_of(key, value), key, value)->next - 1; /* of a free slot: LABEL_NONE */
}

size_t
label_table_size(const struct label_table *t)
{
	return t->n;
}
