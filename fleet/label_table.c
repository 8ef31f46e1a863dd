/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/label_table.h"

#include <string.h>

#define SMALLEST 16 /* slots */

struct entry {
	uint64_t hash;
	const char *key, *value;
};

/* Open addressing; a slot holds a label's number + 1, and is 0 when it is free. */
struct label_table {
	struct arena *arena;
	struct entry *entries; /* by number; half as many fit as there are slots */
	size_t n;
	uint32_t *slots;
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

static uint64_t
hash_of(const char *key, const char *value)
{
	return add_text(add_text(0, key), value);
}

static size_t
start(const struct label_table *t, uint64_t hash)
{
	return (size_t)hash & (t->n_slots - 1);
}

static void
make_room(struct label_table *t, size_t n_slots)
{
	struct entry *entries = ARENA_ARRAY(t->arena, struct entry, n_slots / 2);

	if (t->n)
		memcpy(entries, t->entries, t->n * sizeof(*entries));
	t->entries = entries;
	t->n_slots = n_slots;
	t->slots = ARENA_ARRAY(t->arena, uint32_t, n_slots);
	for (size_t i = 0; i < t->n; i++) {
		size_t at = start(t, entries[i].hash);

		while (t->slots[at])
			at = (at + 1) & (n_slots - 1);
		t->slots[at] = (uint32_t)i + 1;
	}
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
static size_t
find(const struct label_table *t, uint64_t hash, const char *key, const char *value)
{
	size_t at = start(t, hash);

	for (; t->slots[at]; at = (at + 1) & (t->n_slots - 1)) {
		const struct entry *e = &t->entries[t->slots[at] - 1];

		if (e->hash == hash && strcmp(e->key, key) == 0 && strcmp(e->value, value) == 0)
			break;
	}
	return at;
}

uint32_t
label_table_add(struct label_table *t, const char *key, const char *value)
{
	uint64_t hash = hash_of(key, value);
	size_t at = find(t, hash, key, value);

	if (t->slots[at])
		return t->slots[at] - 1;
	if (t->n == t->n_slots / 2) {
		make_room(t, t->n_slots * 2);
		at = find(t, hash, key, value);
	}
	t->entries[t->n++] = (struct entry){hash, key, value};
	t->slots[at] = (uint32_t)t->n;
	return (uint32_t)t->n - 1;
}

uint32_t
label_table_find(const struct label_table *t, const char *key, const char *value)
{
	return t->slots[find(t, hash_of(key, value), key, value)] - 1; /* of a free slot: LABEL_NONE */
}

size_t
label_table_size(const struct label_table *t)
{
	return t->n;
}
