/* SPDX-License-Identifier: Apache-2.0 */
#include "decode/seen.h"

#include <stdlib.h>
#include <uthash.h>

#include "base/mem.h"
#include "base/str.h"
#include "fleet/owners.h"
#include "fleet/workload.h"

/* Of two objects with one hash the later is remembered: the other's pods are kept in full, no more. */
struct seen_entry {
	uint64_t hash;
	size_t place; /* in the set */
	UT_hash_handle hh;
};

/*
 * Owners that speak for what they own, however many objects of one name a source has: a Deployment and a CronJob are
 * never kept in brief. With longer chains the one that spoke could lose its place to one that does not.
 */
static const struct {
	const char *kind, *owner;
} brief[] = {{"Job", "CronJob"}, {"ReplicaSet", "Deployment"}};

static bool
may_be_brief(const struct object *o, const struct owner *owner)
{
	if (o->type == OBJECT_POD)
		return true;
	for (size_t i = 0; i < COUNT_OF(brief); i++)
		if (str_eq(brief[i].kind, o->kind))
			return str_eq(brief[i].owner, owner->kind);
	return false;
}

static uint64_t
hash_of(const char *namespace, const char *kind, const char *name)
{
	uint64_t hash = str_hash(name, strlen(name));

	hash = hash * 31 + str_hash(namespace, strlen(namespace));
	return hash * 31 + str_hash(kind, strlen(kind));
}

static bool
has(const struct seen *s, const char *namespace, const char *kind, const char *name)
{
	uint64_t hash = hash_of(namespace, kind, name);
	const struct object *o;
	struct seen_entry *found;

	HASH_FIND(hh, s->entries, &hash, sizeof(hash), found);
	if (!found || found->place >= s->set->n)
		return false;
	o = s->set->at[found->place];
	return o->type == OBJECT_CONTROLLER && str_eq(o->name, name) && str_eq(o->namespace, namespace) &&
	       str_eq(o->kind, kind);
}

/* Is it there now, with a template to speak by, its own or its owner's? brief[] bounds how far up that leads. */
static bool
is_there(const struct seen *s, const char *namespace, const struct owner *owner)
{
	const struct object *o = s->find(s->ctx, namespace, owner->kind, owner->name);

	if (!o || o->type != OBJECT_CONTROLLER)
		return false;
	return owners_parent(o) ? seen_owner(s, o) : !object_controller(o)->template.brief;
}

bool
seen_owner(const struct seen *s, const struct object *o)
{
	const struct owner *owner = owners_parent(o);

	if (!owner || owners_is_foreign(owner) || !may_be_brief(o, owner))
		return false;
	return s->find ? is_there(s, o->namespace, owner) : has(s, o->namespace, owner->kind, owner->name);
}

void
seen_add(struct seen *s)
{
	const struct object *o = s->set->at[s->set->n - 1];
	struct seen_entry *entry;
	uint64_t hash;

	if (o->type != OBJECT_CONTROLLER || (owners_parent(o) && !seen_owner(s, o)))
		return;
	hash = hash_of(o->namespace, o->kind, o->name);
	HASH_FIND(hh, s->entries, &hash, sizeof(hash), entry);
	if (!entry) {
		entry = mem_alloc(sizeof(*entry));
		entry->hash = hash;
		HASH_ADD(hh, s->entries, hash, sizeof(entry->hash), entry);
	}
	entry->place = s->set->n - 1;
}

void
seen_free(struct seen *s)
{
	struct seen_entry *entry, *next;

	HASH_ITER(hh, s->entries, entry, next) {
		HASH_DEL(s->entries, entry);
		free(entry);
	}
}
