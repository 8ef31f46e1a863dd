/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/gather.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "fleet/live.h"
#include "fleet/owners.h"
#include "fleet/visible.h"

/* An object and the workload it belongs to. */
struct member {
	struct membership of;
	struct object *object;
	size_t place; /* in the set: of two objects with one name the later counts */
};

struct gather {
	struct arena scratch;
	struct owners *owners;
	struct member *members; /* sorted by workload: the object itself, other controllers, pods by name */
	size_t n_members;
	struct object **let_go;
	size_t n_let_go;
};

static int
workload_cmp(const struct member *a, const struct member *b)
{
	const struct membership *p = &a->of, *q = &b->of;
	int order = strcmp(p->namespace, q->namespace);

	if (!order)
		order = strcmp(p->name, q->name);
	if (!order)
		order = strcmp(p->kind, q->kind);
	return order ? order : p->foreign - q->foreign;
}

static int
member_cmp(const void *a, const void *b)
{
	const struct member *x = a, *y = b;
	int order = workload_cmp(x, y);

	if (!order)
		order = y->of.itself - x->of.itself;
	if (!order) /* controllers before pods */
		order = (x->object->type == OBJECT_POD) - (y->object->type == OBJECT_POD);
	if (!order)
		order = strcmp(x->object->name, y->object->name);
	return order ? order : (x->place > y->place) - (x->place < y->place);
}

static void
find_members(struct gather *g, const struct object_set *set)
{
	g->members = mem_array(set->n, sizeof(g->members[0]));
	for (size_t i = 0; i < set->n; i++)
		if (set->at[i]->type == OBJECT_CONTROLLER || set->at[i]->type == OBJECT_POD)
			g->members[g->n_members++] = (struct member){owners_workload(g->owners, set->at[i]), set->at[i], i};
	qsort(g->members, g->n_members, sizeof(g->members[0]), member_cmp);
}

/* The members of one workload, taken apart. */
struct group {
	const struct member *at;
	size_t n;
	size_t n_own; /* at the front: what counts as the controller, or its ReplicaSets and Jobs */
	size_t first_pod;
};

static struct group
group_at(const struct gather *g, size_t first)
{
	struct group group = {.at = &g->members[first]};

	while (first + group.n < g->n_members && workload_cmp(group.at, &group.at[group.n]) == 0)
		group.n++;
	while (group.first_pod < group.n && group.at[group.first_pod].object->type != OBJECT_POD)
		group.first_pod++;
	while (group.n_own < group.first_pod && group.at[group.n_own].of.itself)
		group.n_own++;
	if (group.n_own == 0)
		group.n_own = group.first_pod;
	return group;
}

static bool
is_finished(const struct object *o)
{
	return o->type == OBJECT_POD && object_pod(o)->finished;
}

static const struct pod_template *
template_of(const struct object *o)
{
	return o->type == OBJECT_POD ? &object_pod(o)->template : &object_controller(o)->template;
}

/* What was kept whole, then pods that run before those that have ended, then the younger; equal ones by name, so that runs agree. */
static bool
is_newer(const struct object *a, const struct object *b)
{
	if (template_of(a)->brief != template_of(b)->brief)
		return !template_of(a)->brief;
	if (is_finished(a) != is_finished(b))
		return !is_finished(a);
	if (a->created_at != b->created_at)
		return a->created_at > b->created_at;
	return strcmp(a->name, b->name) > 0;
}

/* The object that speaks for the workload. */
static const struct object *
speaker(const struct group *g)
{
	size_t first = g->first_pod < g->n ? g->first_pod : 0;
	const struct object *newest = g->at[first].object;

	if (g->at[0].of.itself && g->first_pod > 0)
		return g->at[g->n_own - 1].object; /* the later of two with one name */
	for (size_t i = first + 1; i < g->n; i++)
		if (is_newer(g->at[i].object, newest))
			newest = g->at[i].object;
	/* All pods were kept in brief: the object that they belonged to stands twice, and the later one is part of another. */
	for (size_t i = 0; i < first && template_of(newest)->brief; i++)
		newest = g->at[i].object;
	return newest;
}

static bool
one_of(const char *kind, const char *const *kinds)
{
	while (*kinds && strcmp(*kinds, kind) != 0)
		kinds++;
	return *kinds;
}

/* The sum; -1, unknown, when one of them is. */
static int64_t
plus(int64_t a, int64_t b)
{
	return a < 0 || b < 0 || a > INT64_MAX - b ? -1 : a + b;
}

/* What its controller, or the ReplicaSets of one that was not read, want and have. */
static void
count_controllers(const struct group *g, int64_t *desired, int64_t *ready)
{
	*desired = *ready = 0;
	for (size_t i = g->at[0].of.itself ? g->n_own - 1 : 0; i < g->n_own; i++) {
		const struct controller *c = object_controller(g->at[i].object);

		*desired = plus(*desired, c->replicas);
		*ready = plus(*ready, live_has_counts(c) ? c->ready : -1);
	}
}

static void
count(struct live *l, const struct group *g)
{
	l->desired = l->ready = -1;
	if (g->n_own > 0)
		count_controllers(g, &l->desired, &l->ready);
	else if (g->at[0].of.itself)
		l->desired = !is_finished(g->at[0].object);
	l->counted = l->ready < 0;
	if (l->counted)
		l->ready = live_count_ready(l);
}

static const struct pod *const *
pods_of(struct fleet *f, const struct group *g)
{
	const struct pod **pods = ARENA_ARRAY(&f->arena, const struct pod *, g->n - g->first_pod);

	for (size_t i = g->first_pod; i < g->n; i++)
		pods[i - g->first_pod] = object_pod(g->at[i].object);
	return pods;
}

/* Pods alike are shown once; they are few kinds. */
static void
show(struct fleet *f, const struct visible *v, struct workload *w, const struct live *l)
{
	const struct pod_template **shown = ARENA_ARRAY(&f->arena, const struct pod_template *, l->n_pods + 1);

	w->n_shown = visible_kinds(v, l, shown);
	if (!w->n_shown)
		shown[w->n_shown++] = w->template;
	w->shown = shown;
}

static void
fill(struct fleet *f, const struct visible *v, struct workload *w, const struct group *g)
{
	struct live *l = ARENA_NEW(&f->arena, struct live);
	static const char *const restartable[] = {"DaemonSet", "Deployment", "StatefulSet", NULL};
	const struct member *m = g->at;

	w->object = speaker(g);
	w->template = template_of(w->object);
	/* Names may lie in a ReplicaSet that is let go. */
	w->namespace = w->object->namespace;
	w->name = m->of.itself ? w->object->name : arena_strdup(&f->arena, m->of.name);
	w->kind = m->of.itself ? w->object->kind : arena_strdup(&f->arena, m->of.kind);
	w->itself = m->of.itself;
	w->foreign_kind = m->of.foreign;
	w->restartable = m->of.itself && one_of(w->kind, restartable);
	l->n_pods = g->n - g->first_pod;
	l->pods = pods_of(f, g);
	count(l, g);
	for (size_t i = 0; i < l->n_pods; i++)
		f->reporting += l->pods[i]->has_status;
	l->item.refs = 1;
	shared_array_put(f->live, (size_t)(w - f->workloads), &l->item);
	show(f, v, w, l);
}

/*
 * Keeps what the workload speaks by, and all pods; its other controllers are let go once nothing points to them, unless
 * later pods are to be told by them.
 */
static void
sort_out(struct fleet *f, struct gather *g, const struct workload *w, const struct group *group)
{
	for (size_t i = 0; i < group->n; i++) {
		struct object *o = group->at[i].object;

		if (o->type == OBJECT_POD || o == w->object || f->owners)
			f->objects[f->n_objects++] = o;
		else
			g->let_go[g->n_let_go++] = o;
	}
}

static void
make_workloads(struct fleet *f, struct gather *g)
{
	size_t groups = 0;

	for (size_t i = 0; i < g->n_members; i++)
		groups += i == 0 || workload_cmp(&g->members[i - 1], &g->members[i]) != 0;
	f->workloads = ARENA_ARRAY(&f->arena, struct workload, groups);
	f->live = shared_array_new(groups, live_drop);
	g->let_go = mem_array(g->n_members, sizeof(g->let_go[0]));
	for (size_t i = 0; i < g->n_members;) {
		struct group group = group_at(g, i);
		struct workload *w = &f->workloads[f->n_workloads++];

		fill(f, f->visible, w, &group);
		sort_out(f, g, w, &group);
		i += group.n;
	}
	for (size_t i = 0; i < g->n_let_go; i++)
		object_unref(g->let_go[i]);
}

/* The other kinds, each in a sorted list of its own. */
static const struct object **
list_kind(struct fleet *f, const struct object_set *set, enum object_kind type, size_t *n)
{
	const struct object **list;

	*n = 0;
	for (size_t i = 0; i < set->n; i++)
		*n += set->at[i]->type == type;
	list = ARENA_ARRAY(&f->arena, const struct object *, *n);
	*n = 0;
	for (size_t i = 0; i < set->n; i++) {
		if (set->at[i]->type != type)
			continue;
		list[(*n)++] = set->at[i];
		f->objects[f->n_objects++] = set->at[i];
	}
	qsort(list, *n, sizeof(list[0]), object_ptr_cmp);
	return list;
}

void
gather_objects(struct fleet *f, struct object_set *set)
{
	struct gather g = {0};
	bool live;

	f->objects = ARENA_ARRAY(&f->arena, struct object *, set->n);
	f->policies = list_kind(f, set, OBJECT_POLICY, &f->n_policies);
	f->foreign = list_kind(f, set, OBJECT_FOREIGN_POLICY, &f->n_foreign);
	f->namespaces = list_kind(f, set, OBJECT_NAMESPACE, &f->n_namespaces);
	f->services = (const struct service **)list_kind(f, set, OBJECT_SERVICE, &f->n_services);
	f->config_maps = (const struct config_map **)list_kind(f, set, OBJECT_CONFIG_MAP, &f->n_config_maps);
	f->visible = visible_new(f);
	live = f->source.type == SOURCE_CLUSTER;
	g.owners = owners_new(live ? &f->arena : &g.scratch, set);
	if (live)
		f->owners = g.owners;
	find_members(&g, set);
	make_workloads(f, &g);
	set->n = 0;
	arena_free(&g.scratch);
	free(g.members);
	free(g.let_go);
}
