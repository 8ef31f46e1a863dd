/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/gather.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "fleet/visible.h"

/* Owners are followed this far up; what is longer is a circle. */
#define MAX_OWNERS 8

/* An object and the workload it belongs to. */
struct member {
	const char *namespace, *name, *kind; /* of the workload */
	bool foreign; /* the kind has a name of Kubernetes' own, but is another API group's: Volcano's Job */
	bool itself; /* the object is that workload's controller, or a bare pod */
	struct object *object;
	size_t place; /* in the set: of two objects with one name the later counts */
};

struct gather {
	const struct object **controllers; /* sorted by object_cmp */
	size_t n_controllers;
	struct member *members; /* sorted by workload: the object itself, other controllers, pods by name */
	size_t n_members;
	struct object **let_go;
	size_t n_let_go;
};

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
gather_is_foreign(const struct owner *owner)
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
	return (!row->owner || strcmp(row->owner, owner->kind) == 0) && (!row->group || in_group(owner, row->group));
}

const struct owner *
gather_owner(const struct object *o)
{
	const struct owner *owner = &o->owner;

	if (!owner->kind || !owner->name || (o->type == OBJECT_POD && is_static(o)))
		return NULL;
	for (size_t i = 0; i < COUNT_OF(followed); i++)
		if (strcmp(followed[i].kind, o->kind) == 0)
			return is_followed(&followed[i], owner) ? owner : NULL;
	return NULL;
}

static int
object_ptr_cmp(const void *a, const void *b)
{
	return object_cmp(*(const struct object *const *)a, *(const struct object *const *)b);
}

static const struct object *
find_controller(const struct gather *g, const char *namespace, const char *kind, const char *name)
{
	const struct object key = {.namespace = namespace, .kind = kind, .name = name}, *at = &key;
	const struct object **found =
		bsearch(&at, g->controllers, g->n_controllers, sizeof(g->controllers[0]), object_ptr_cmp);

	return found ? *found : NULL;
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

/*
 * A pod whose ReplicaSet or Job was not read still tells its Deployment or CronJob: they name what they make after
 * themselves.
 */
static const struct object *
guess_controller(const struct gather *g, const struct object *pod)
{
	static const struct {
		const char *owner, *maker;
		bool (*fits)(const struct object *o, const struct object *pod, const char *suffix);
	} makers[] = {{"ReplicaSet", "Deployment", fits_deployment}, {"Job", "CronJob", fits_cron_job}};
	const char *dash = strrchr(pod->owner.name, '-');
	const struct object *found;
	char name[254];

	if (!dash || (size_t)(dash - pod->owner.name) >= sizeof(name))
		return NULL;
	memcpy(name, pod->owner.name, (size_t)(dash - pod->owner.name));
	name[dash - pod->owner.name] = '\0';
	for (size_t i = 0; i < COUNT_OF(makers); i++) {
		if (strcmp(makers[i].owner, pod->owner.kind) != 0)
			continue;
		found = find_controller(g, pod->namespace, makers[i].maker, name);
		return found && makers[i].fits(found, pod, dash + 1) ? found : NULL;
	}
	return NULL;
}

static const struct object *
parent_of(const struct gather *g, const struct object *o, const struct owner *owner)
{
	const struct object *parent;

	if (gather_is_foreign(owner))
		return NULL;
	parent = find_controller(g, o->namespace, owner->kind, owner->name);
	return parent || o->type != OBJECT_POD ? parent : guess_controller(g, o);
}

/* Follows owners up to the workload that the object belongs to. */
static struct member
member_of(const struct gather *g, struct object *object, size_t place)
{
	const struct object *o = object;
	const struct owner *owner = gather_owner(o);
	struct member m = {.object = object, .place = place, .namespace = object->namespace};

	for (int i = 0; owner && i < MAX_OWNERS; i++) {
		const struct object *parent = parent_of(g, o, owner);

		if (!parent) {
			m.name = owner->name;
			m.kind = owner->kind;
			m.foreign = gather_is_foreign(owner);
			return m;
		}
		o = parent;
		owner = gather_owner(o);
	}
	m.name = o->name;
	m.kind = o->kind;
	m.itself = o == object || object_cmp(o, object) == 0; /* the same name twice: both are it */
	return m;
}

static int
workload_cmp(const struct member *a, const struct member *b)
{
	int order = strcmp(a->namespace, b->namespace);

	if (!order)
		order = strcmp(a->name, b->name);
	if (!order)
		order = strcmp(a->kind, b->kind);
	return order ? order : a->foreign - b->foreign;
}

static int
member_cmp(const void *a, const void *b)
{
	const struct member *x = a, *y = b;
	int order = workload_cmp(x, y);

	if (!order)
		order = y->itself - x->itself;
	if (!order) /* controllers before pods */
		order = (x->object->type == OBJECT_POD) - (y->object->type == OBJECT_POD);
	if (!order)
		order = strcmp(x->object->name, y->object->name);
	return order ? order : (x->place > y->place) - (x->place < y->place);
}

static void
find_members(struct gather *g, const struct object_set *set)
{
	g->controllers = mem_array(set->n, sizeof(g->controllers[0]));
	for (size_t i = 0; i < set->n; i++)
		if (set->at[i]->type == OBJECT_CONTROLLER)
			g->controllers[g->n_controllers++] = set->at[i];
	qsort(g->controllers, g->n_controllers, sizeof(g->controllers[0]), object_ptr_cmp);

	g->members = mem_array(set->n, sizeof(g->members[0]));
	for (size_t i = 0; i < set->n; i++)
		if (set->at[i]->type == OBJECT_CONTROLLER || set->at[i]->type == OBJECT_POD)
			g->members[g->n_members++] = member_of(g, set->at[i], i);
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
	while (group.n_own < group.first_pod && group.at[group.n_own].itself)
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

	if (g->at[0].itself && g->first_pod > 0)
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

/* Does its status say how many pods are ready? A Job's pods come and go: they are counted. */
static bool
has_counts(const struct object *o)
{
	static const char *const kinds[] = {"DaemonSet", "Deployment", "ReplicaSet", "StatefulSet", NULL};

	return object_controller(o)->has_status && one_of(o->kind, kinds);
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
	for (size_t i = g->at[0].itself ? g->n_own - 1 : 0; i < g->n_own; i++) {
		const struct controller *c = object_controller(g->at[i].object);

		*desired = plus(*desired, c->replicas);
		*ready = plus(*ready, has_counts(&c->object) ? c->ready : -1);
	}
}

static int64_t
count_ready_pods(const struct live *l)
{
	int64_t ready = -1;

	for (size_t i = 0; i < l->n_pods; i++) {
		const struct pod *p = l->pods[i];

		if (!p->has_status)
			continue;
		if (ready < 0)
			ready = 0;
		ready += p->ready && !p->finished && !p->deleting;
	}
	return ready;
}

static void
count(struct live *l, const struct group *g)
{
	l->desired = l->ready = -1;
	if (g->n_own > 0)
		count_controllers(g, &l->desired, &l->ready);
	else if (g->at[0].itself)
		l->desired = !is_finished(g->at[0].object);
	l->counted = l->ready < 0;
	if (l->counted)
		l->ready = count_ready_pods(l);
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
	struct live *l = &f->live[w - f->workloads];
	static const char *const restartable[] = {"DaemonSet", "Deployment", "StatefulSet", NULL};
	const struct member *m = g->at;

	w->object = speaker(g);
	w->template = template_of(w->object);
	/* Names may lie in a ReplicaSet that is let go. */
	w->namespace = w->object->namespace;
	w->name = m->itself ? w->object->name : arena_strdup(&f->arena, m->name);
	w->kind = m->itself ? w->object->kind : arena_strdup(&f->arena, m->kind);
	w->itself = m->itself;
	w->restartable = m->itself && one_of(w->kind, restartable);
	l->n_pods = g->n - g->first_pod;
	l->pods = pods_of(f, g);
	count(l, g);
	show(f, v, w, l);
}

/* Keeps what the workload speaks by, and all pods; its other controllers are let go once nothing points to them. */
static void
sort_out(struct fleet *f, struct gather *g, const struct workload *w, const struct group *group)
{
	for (size_t i = 0; i < group->n; i++) {
		struct object *o = group->at[i].object;

		if (o->type == OBJECT_POD || o == w->object)
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
	f->live = ARENA_ARRAY(&f->arena, struct live, groups);
	g->let_go = mem_array(g->n_controllers, sizeof(g->let_go[0]));
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

	f->objects = ARENA_ARRAY(&f->arena, struct object *, set->n);
	f->policies = list_kind(f, set, OBJECT_POLICY, &f->n_policies);
	f->foreign = list_kind(f, set, OBJECT_FOREIGN_POLICY, &f->n_foreign);
	f->namespaces = list_kind(f, set, OBJECT_NAMESPACE, &f->n_namespaces);
	f->services = (const struct service **)list_kind(f, set, OBJECT_SERVICE, &f->n_services);
	f->config_maps = (const struct config_map **)list_kind(f, set, OBJECT_CONFIG_MAP, &f->n_config_maps);
	f->visible = visible_new(f);
	find_members(&g, set);
	make_workloads(f, &g);
	set->n = 0;
	free(g.controllers);
	free(g.members);
	free(g.let_go);
}
