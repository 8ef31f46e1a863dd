/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/owners.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "base/vec.h"
#include "fleet/workload.h"

/* Owners are followed this far up; what is longer is a circle. */
#define MAX_OWNERS 8

/* A controller that came or went. */
struct change {
	struct object *object; /* a reference */
	bool gone;
};

struct owners {
	const struct object **at; /* sorted by object_cmp */
	size_t n;
	VEC(struct change) changes; /* since; the last that means an object counts */
};

struct owners *
owners_new(struct arena *a, const struct object_set *set)
{
	struct owners *os = ARENA_NEW(a, struct owners);

	for (size_t i = 0; i < set->n; i++)
		os->n += set->at[i]->type == OBJECT_CONTROLLER;
	os->at = ARENA_ARRAY(a, const struct object *, os->n);
	os->n = 0;
	for (size_t i = 0; i < set->n; i++)
		if (set->at[i]->type == OBJECT_CONTROLLER)
			os->at[os->n++] = set->at[i];
	if (os->n)
		qsort(os->at, os->n, sizeof(os->at[0]), object_ptr_cmp);
	return os;
}

static void
note(struct owners *os, const struct object *o, bool gone)
{
	vec_push(&os->changes, (struct change){object_ref((struct object *)o), gone});
}

struct owners *
owners_next(const struct owners *os)
{
	struct owners *next = mem_alloc(sizeof(*next));

	next->at = os->at;
	next->n = os->n;
	for (size_t i = 0; i < os->changes.n; i++)
		note(next, os->changes.at[i].object, os->changes.at[i].gone);
	return next;
}

void
owners_add(struct owners *os, const struct object *o)
{
	note(os, o, false);
}

void
owners_remove(struct owners *os, const struct object *o)
{
	note(os, o, true);
}

size_t
owners_changed(const struct owners *os)
{
	return os->changes.n;
}

void
owners_free(struct owners *os)
{
	if (!os)
		return;
	for (size_t i = 0; i < os->changes.n; i++)
		object_unref(os->changes.at[i].object);
	vec_free(&os->changes);
	free(os);
}

static const struct object *
find_controller(const struct owners *os, const char *namespace, const char *kind, const char *name)
{
	const struct object key = {.namespace = namespace, .kind = kind, .name = name}, *at = &key;
	const struct object **found;

	for (size_t i = os->changes.n; i-- > 0;)
		if (object_cmp(os->changes.at[i].object, &key) == 0)
			return os->changes.at[i].gone ? NULL : os->changes.at[i].object;
	found = os->n ? bsearch(&at, os->at, os->n, sizeof(os->at[0]), object_ptr_cmp) : NULL;
	return found ? *found : NULL;
}

/* Kubernetes' own controllers and the API group that makes them so. */
static const struct {
	const char *kind, *group;
} native[] = {
	{"CronJob", "batch"}, {"DaemonSet", "apps"},  {"Deployment", "apps"},
	{"Job", "batch"},     {"ReplicaSet", "apps"}, {"StatefulSet", "apps"},
};

/*
 * Where the owner is the workload to show. A StatefulSet or Deployment that some operator owns is a workload of its
 * own, as people know it by that name; Knative alone takes back what others change on its Deployments. NULL: any.
 */
static const struct followed {
	const char *kind, *owner, *group;
} followed[] = {
	{"Pod", NULL, NULL},
	{"ReplicaSet", NULL, NULL},
	{"Job", "CronJob", "batch"},
	{"Deployment", NULL, "serving.knative.dev"},
};

static bool
in_group(const struct owner *owner, const char *group)
{
	size_t len = strlen(group);

	return owner->api_version && strncmp(owner->api_version, group, len) == 0 && owner->api_version[len] == '/';
}

/* Does it only share its name with a native kind? An owner without an apiVersion is believed. */
bool
owners_is_foreign(const struct owner *owner)
{
	for (size_t i = 0; i < COUNT_OF(native); i++)
		if (strcmp(native[i].kind, owner->kind) == 0)
			return owner->api_version && !in_group(owner, native[i].group);
	return false;
}

/* Static pods are shown as pods that belong to their node. */
static bool
is_static(const struct object *pod)
{
	return str_eq(pod->owner.kind, "Node") || labels_get(&pod->annotations, "kubernetes.io/config.mirror");
}

static bool
is_followed(const struct followed *row, const struct owner *owner)
{
	return (!row->owner || strcmp(row->owner, owner->kind) == 0) &&
	       (!row->group || in_group(owner, row->group));
}

const struct owner *
owners_parent(const struct object *o)
{
	const struct owner *owner = &o->owner;

	if (!owner->kind || !owner->name || (o->type == OBJECT_POD && is_static(o)))
		return NULL;
	for (size_t i = 0; i < COUNT_OF(followed); i++)
		if (strcmp(followed[i].kind, o->kind) == 0)
			return is_followed(&followed[i], owner) ? owner : NULL;
	return NULL;
}

static bool
fits_deployment(const struct object *o, const struct object *pod, const char *suffix)
{
	const struct selector *s = &object_controller(o)->selector;

	(void)suffix;
	return s->present && selector_matches(s, &pod->labels);
}

static bool
fits_cron_job(const struct object *o, const struct object *pod, const char *suffix)
{
	(void)o;
	(void)pod;
	return *suffix && suffix[strspn(suffix, "0123456789")] == '\0'; /* the minute it was due */
}

/* What makes ReplicaSets and Jobs, and names them after itself. */
static const struct maker {
	const char *made, *kind;
	bool (*fits)(const struct object *o, const struct object *pod, const char *suffix);
} makers[] = {{"ReplicaSet", "Deployment", fits_deployment}, {"Job", "CronJob", fits_cron_job}};

/* The Deployment or CronJob that would have made a controller of that name; NULL when there is none. */
static const struct object *
find_maker(const struct owners *os, const char *namespace, const char *kind, const char *made,
	   const struct maker **by)
{
	const char *dash = strrchr(made, '-');
	char name[254];

	if (!dash || (size_t)(dash - made) >= sizeof(name))
		return NULL;
	memcpy(name, made, (size_t)(dash - made));
	name[dash - made] = '\0';
	for (size_t i = 0; i < COUNT_OF(makers); i++) {
		*by = &makers[i];
		if (strcmp(makers[i].made, kind) == 0)
			return find_controller(os, namespace, makers[i].kind, name);
	}
	return NULL;
}

/* A pod whose ReplicaSet or Job was not read still tells its Deployment or CronJob by the name. */
static const struct object *
guess_controller(const struct owners *os, const struct object *pod)
{
	const struct maker *by;
	const struct object *found = find_maker(os, pod->namespace, pod->owner.kind, pod->owner.name, &by);

	return found && by->fits(found, pod, strrchr(pod->owner.name, '-') + 1) ? found : NULL;
}

const struct object *
owners_guess(const struct owners *os, const struct object *controller)
{
	const struct maker *by;

	return find_maker(os, controller->namespace, controller->kind, controller->name, &by);
}

static const struct object *
parent_of(const struct owners *os, const struct object *o, const struct owner *owner)
{
	const struct object *parent;

	if (owners_is_foreign(owner))
		return NULL;
	parent = find_controller(os, o->namespace, owner->kind, owner->name);
	return parent || o->type != OBJECT_POD ? parent : guess_controller(os, o);
}

static bool
is_child(const struct object *child, const struct object *of)
{
	const struct owner *owner = owners_parent(child);

	return owner && str_eq(owner->name, of->name) && str_eq(owner->kind, of->kind) &&
	       str_eq(child->namespace, of->namespace);
}

bool
owners_has_child(const struct owners *os, const struct object *o)
{
	for (size_t i = 0; i < os->n; i++)
		if (is_child(os->at[i], o) && find_controller(os, o->namespace, os->at[i]->kind, os->at[i]->name))
			return true;
	for (size_t i = 0; i < os->changes.n; i++) {
		const struct object *child = os->changes.at[i].object;

		if (is_child(child, o) && find_controller(os, o->namespace, child->kind, child->name))
			return true;
	}
	return false;
}

struct membership
owners_workload(const struct owners *os, const struct object *object)
{
	const struct object *o = object;
	const struct owner *owner = owners_parent(o);

	for (int i = 0; owner && i < MAX_OWNERS; i++) {
		const struct object *parent = parent_of(os, o, owner);

		if (!parent)
			return (struct membership){object->namespace, owner->name, owner->kind,
						   .foreign = owners_is_foreign(owner)};
		o = parent;
		owner = owners_parent(o);
	}
	/* the same name twice: both are it */
	return (struct membership){object->namespace, o->name, o->kind,
				   .itself = o == object || object_cmp(o, object) == 0};
}
