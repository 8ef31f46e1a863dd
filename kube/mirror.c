/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/mirror.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base/mem.h"
#include "base/str.h"
#include "base/vec.h"
#include "fleet/workload.h"

/* More changes than this, and than half of the objects, are quicker built from all objects. */
#define CHANGES_MAX 5000
#define BAD_NAMED 200 /* of a kind; the rest is only counted */

struct entry {
	struct object *object; /* NULL: gone, and stands here until the change was taken */
	struct object
		*before; /* what it was when changes were last taken; NULL: it was not there. Counts if `changed` */
	uint64_t version; /* hash of its resourceVersion; 0: none */
	unsigned round; /* of the list that put it last */
	bool changed; /* stands in `changes` */
	struct kind *kind;
	UT_hash_handle hh;
	size_t key_len;
	char key[]; /* namespace, NUL, name */
};

struct bad {
	char *message;
	unsigned round;
	UT_hash_handle hh;
	char key[];
};

struct kind {
	struct entry *entries;
	struct bad *bads;
	size_t objects;
	size_t more_bads; /* since the list began, beyond those that are named */
	unsigned round;
};

struct mirror {
	struct kind *kinds;
	size_t n_kinds, objects;
	VEC(struct entry *) changes;
	bool noting; /* somebody takes changes, and they have not become too many */
	size_t lost_owners;
	struct buf key; /* scratch */
};

struct mirror *
mirror_new(size_t kinds)
{
	struct mirror *m = mem_alloc(sizeof(*m));

	m->kinds = mem_array(kinds, sizeof(m->kinds[0]));
	m->n_kinds = kinds;
	return m;
}

static void
free_entry(struct entry *entry)
{
	object_unref(entry->object);
	object_unref(entry->before);
	free(entry);
}

static void
free_bad(struct bad *b)
{
	free(b->message);
	free(b);
}

static void
free_kind(struct kind *k)
{
	struct entry *entry, *next;
	struct bad *b, *next_bad;

	HASH_ITER(hh, k->entries, entry, next) {
		HASH_DEL(k->entries, entry);
		free_entry(entry);
	}
	HASH_ITER(hh, k->bads, b, next_bad) {
		HASH_DEL(k->bads, b);
		free_bad(b);
	}
}

void
mirror_free(struct mirror *m)
{
	if (!m)
		return;
	for (size_t i = 0; i < m->n_kinds; i++)
		free_kind(&m->kinds[i]);
	free(m->kinds);
	vec_free(&m->changes);
	buf_free(&m->key);
	free(m);
}

static void
make_key(struct buf *key, const char *namespace, const char *name)
{
	buf_clear(key);
	buf_add(key, namespace, strlen(namespace) + 1);
	buf_adds(key, name);
}

static struct entry *
find(const struct mirror *m, size_t kind, const char *namespace, const char *name)
{
	struct mirror *scratch = (struct mirror *)m;
	struct entry *found;

	make_key(&scratch->key, namespace, name);
	HASH_FIND(hh, m->kinds[kind].entries, m->key.data, m->key.len, found);
	return found;
}

/* m->key names it. */
static struct entry *
add_entry(struct mirror *m, struct kind *k)
{
	struct entry *entry = mem_alloc(sizeof(*entry) + m->key.len);

	entry->kind = k;
	entry->key_len = m->key.len;
	memcpy(entry->key, m->key.data, m->key.len);
	HASH_ADD_KEYPTR(hh, k->entries, entry->key, entry->key_len, entry);
	return entry;
}

static void
remove_entry(struct entry *entry)
{
	HASH_DEL(entry->kind->entries, entry);
	free_entry(entry);
}

/* --- changes --- */

static void
forget_changes(struct mirror *m)
{
	for (size_t i = 0; i < m->changes.n; i++) {
		struct entry *entry = m->changes.at[i];

		object_unref(take(entry->before));
		entry->changed = false;
		if (!entry->object)
			remove_entry(entry);
	}
	m->changes.n = 0;
}

/* The entry is about to hold something else. */
static void
note_change(struct mirror *m, struct entry *entry)
{
	if (!m->noting || entry->changed)
		return;
	entry->changed = true;
	entry->before = entry->object ? object_ref(entry->object) : NULL;
	vec_push(&m->changes, entry);
}

/* After an entry was changed: it may be gone. */
static void
limit_changes(struct mirror *m)
{
	if (m->changes.n <= CHANGES_MAX || m->changes.n <= m->objects / 2)
		return;
	m->noting = false;
	forget_changes(m);
}

void
mirror_take(struct mirror *m, struct cluster_changes *out)
{
	*out = (struct cluster_changes){.too_many = !m->noting};
	m->noting = true;
	for (size_t i = 0; i < m->changes.n; i++) {
		struct entry *entry = m->changes.at[i];
		struct cluster_change change = {.before = entry->before};

		if (entry->before == entry->object)
			continue;
		if (entry->object)
			change.after = object_ref(entry->object);
		entry->before = NULL;
		vec_push(out, change);
	}
	forget_changes(m);
}

/* --- objects --- */

static bool
same_owner(const struct object *a, const struct object *b)
{
	return str_eq(a->owner.kind, b->owner.kind) && str_eq(a->owner.name, b->owner.name);
}

static void
set_object(struct mirror *m, struct entry *entry, struct object *o)
{
	struct object *old = entry->object;

	if (old && old->type == OBJECT_CONTROLLER && (!o || !same_owner(old, o)))
		m->lost_owners++;
	note_change(m, entry);
	entry->object = o;
	entry->kind->objects += (o != NULL) - (old != NULL);
	m->objects += (o != NULL) - (old != NULL);
	object_unref(old);
}

static void
drop(struct mirror *m, struct entry *entry)
{
	set_object(m, entry, NULL);
	if (!entry->changed)
		remove_entry(entry);
}

static uint64_t
hash_version(const char *version)
{
	uint64_t hash = *version ? str_hash(version, strlen(version)) : 0;

	return *version && !hash ? 1 : hash;
}

/* m->key names it. */
static void
forget_bad(struct mirror *m, struct kind *k)
{
	struct bad *b;

	HASH_FIND(hh, k->bads, m->key.data, m->key.len, b);
	if (!b)
		return;
	HASH_DEL(k->bads, b);
	free_bad(b);
}

void
mirror_begin(struct mirror *m, size_t kind)
{
	m->kinds[kind].round++;
	m->kinds[kind].more_bads = 0;
}

bool
mirror_put(struct mirror *m, size_t kind, struct object *o, const char *version)
{
	struct kind *k = &m->kinds[kind];
	struct entry *entry = find(m, kind, o->namespace, o->name);
	uint64_t hash = hash_version(version);

	forget_bad(m, k);
	if (!entry)
		entry = add_entry(m, k);
	entry->round = k->round;
	if (entry->object && hash && hash == entry->version && object_is_brief(entry->object) == object_is_brief(o)) {
		object_unref(o);
		return false;
	}
	entry->version = hash;
	set_object(m, entry, o);
	limit_changes(m);
	return true;
}

bool
mirror_gone(struct mirror *m, size_t kind, const char *namespace, const char *name)
{
	struct entry *entry = find(m, kind, namespace, name);

	forget_bad(m, &m->kinds[kind]);
	if (!entry || !entry->object)
		return false;
	drop(m, entry);
	limit_changes(m);
	return true;
}

bool
mirror_bad(struct mirror *m, size_t kind, const char *namespace, const char *name, const struct err *e)
{
	struct kind *k = &m->kinds[kind];
	struct bad *b;

	mirror_gone(m, kind, namespace, name);
	if (HASH_COUNT(k->bads) >= BAD_NAMED) {
		k->more_bads++;
		return true;
	}
	make_key(&m->key, namespace, name);
	b = mem_alloc(sizeof(*b) + m->key.len + 1);
	memcpy(b->key, m->key.data, m->key.len);
	b->message = mem_strdup(e->msg);
	b->round = k->round;
	HASH_ADD(hh, k->bads, key, m->key.len, b);
	return true;
}

bool
mirror_commit(struct mirror *m, size_t kind)
{
	struct kind *k = &m->kinds[kind];
	struct entry *entry, *next;
	struct bad *b, *next_bad;
	bool changed = false;

	HASH_ITER(hh, k->entries, entry, next) {
		if (entry->round == k->round || !entry->object)
			continue;
		drop(m, entry);
		changed = true;
	}
	HASH_ITER(hh, k->bads, b, next_bad) {
		if (b->round == k->round)
			continue;
		HASH_DEL(k->bads, b);
		free_bad(b);
		changed = true;
	}
	limit_changes(m);
	return changed;
}

struct object *
mirror_find(const struct mirror *m, size_t kind, const char *namespace, const char *name)
{
	struct entry *entry = find(m, kind, namespace, name);

	return entry ? entry->object : NULL;
}

size_t
mirror_objects(const struct mirror *m, size_t kind)
{
	return m->kinds[kind].objects;
}

size_t
mirror_bads(const struct mirror *m, size_t kind)
{
	return HASH_COUNT(m->kinds[kind].bads) + m->kinds[kind].more_bads;
}

void
mirror_each(const struct mirror *m, size_t kind, bool (*fn)(void *ctx, struct object *o), void *ctx)
{
	for (struct entry *entry = m->kinds[kind].entries; entry; entry = entry->hh.next)
		if (entry->object && !fn(ctx, entry->object))
			return;
}

void
mirror_each_bad(const struct mirror *m, size_t kind,
		void (*fn)(void *ctx, const char *namespace, const char *message), void *ctx)
{
	for (struct bad *b = m->kinds[kind].bads; b; b = b->hh.next)
		fn(ctx, b->key, b->message);
}

size_t
mirror_lost_owners(const struct mirror *m)
{
	return m->lost_owners;
}
