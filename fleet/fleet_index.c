/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/fleet_index.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/cidr.h"
#include "base/str.h"
#include "base/vec.h"

/* Label sets and the workloads they belong to, in the order of the workloads. */
struct label_sets {
	const struct labels **at;
	struct workload **workload;
	size_t n;
	const struct labels_index *index;
};

/* A namespace that has workloads. */
struct place {
	const char *name;
	struct workload *workloads;
	size_t n_workloads;
	struct label_sets all, companions;
	struct workload *companion; /* the first */
	size_t n_companions;
};

struct service_ip {
	enum ip_family family;
	struct ip ip;
	const struct service *service;
	size_t place; /* in f->services: of two Services with one address the first counts */
};

struct fleet_index {
	struct place *places; /* sorted by name */
	size_t n_places;
	struct service_ip *ips; /* sorted */
	size_t n_ips;
};

/* Calls fn with each label set that a workload shows. */
static void
each_label_set(const struct workload *w, void (*fn)(void *ctx, const struct labels *set), void *ctx)
{
	for (size_t i = 0; i < w->n_shown; i++)
		fn(ctx, &w->shown[i]->labels);
}

static void
count_set(void *ctx, const struct labels *set)
{
	size_t *n = ctx;

	(void)set;
	(*n)++;
}

static void
add_set(void *ctx, const struct labels *set)
{
	struct label_sets *sets = ctx;

	sets->at[sets->n++] = set;
}

/* The label sets of a place's workloads, of all or of its companions. */
static void
index_labels(struct fleet *f, const struct place *p, struct label_sets *sets, bool companions)
{
	size_t n = 0;

	for (size_t i = 0; i < p->n_workloads; i++)
		if (!companions || p->workloads[i].role == ROLE_COMPANION)
			each_label_set(&p->workloads[i], count_set, &n);
	sets->at = ARENA_ARRAY(&f->arena, const struct labels *, n);
	sets->workload = ARENA_ARRAY(&f->arena, struct workload *, n);
	for (size_t i = 0; i < p->n_workloads; i++) {
		size_t first = sets->n;

		if (!companions || p->workloads[i].role == ROLE_COMPANION)
			each_label_set(&p->workloads[i], add_set, sets);
		while (first < sets->n)
			sets->workload[first++] = &p->workloads[i];
	}
	sets->index = labels_index_new(&f->arena, sets->at, sets->n);
}

static void
index_places(struct fleet *f)
{
	struct fleet_index *ix = f->index;
	VEC(struct place) found = {0};

	for (size_t i = 0; i < f->n_workloads; i++) {
		struct workload *w = &f->workloads[i];

		if (i == 0 || strcmp(w[-1].namespace, w->namespace) != 0)
			vec_push(&found, (struct place){.name = w->namespace, .workloads = w});
		found.at[found.n - 1].n_workloads++;
	}
	ix->places = arena_copy(&f->arena, found.at, found.n * sizeof(found.at[0]));
	ix->n_places = found.n;
	vec_free(&found);
	for (size_t i = 0; i < ix->n_places; i++)
		index_labels(f, &ix->places[i], &ix->places[i].all, false);
}

static int
ip_order(const void *a, const void *b)
{
	const struct service_ip *x = a, *y = b;

	return x->family != y->family ? (int)x->family - (int)y->family : ip_cmp(x->ip, y->ip);
}

static int
service_ip_cmp(const void *a, const void *b)
{
	const struct service_ip *x = a, *y = b;
	int order = ip_order(x, y);

	return order ? order : (x->place > y->place) - (x->place < y->place);
}

static void
index_ips(struct fleet *f)
{
	VEC(struct service_ip) found = {0};
	struct fleet_index *ix = f->index;

	for (size_t i = 0; i < f->n_services; i++) {
		const struct service *s = f->services[i];

		for (size_t k = 0; k < s->n_cluster_ips; k++) {
			struct service_ip ip = {.service = s, .place = i};

			if (ip_parse(s->cluster_ips[k], &ip.family, &ip.ip))
				vec_push(&found, ip);
		}
	}
	if (found.n)
		qsort(found.at, found.n, sizeof(found.at[0]), service_ip_cmp);
	ix->ips = ARENA_ARRAY(&f->arena, struct service_ip, found.n);
	for (size_t i = 0; i < found.n; i++)
		if (i == 0 || ip_order(&found.at[i - 1], &found.at[i]) != 0)
			ix->ips[ix->n_ips++] = found.at[i];
	vec_free(&found);
}

void
fleet_index_build(struct fleet *f)
{
	f->index = ARENA_NEW(&f->arena, struct fleet_index);
	index_places(f);
	index_ips(f);
}

void
fleet_index_companions(struct fleet *f)
{
	for (size_t i = 0; i < f->index->n_places; i++) {
		struct place *p = &f->index->places[i];

		for (size_t k = 0; k < p->n_workloads; k++) {
			if (p->workloads[k].role != ROLE_COMPANION)
				continue;
			if (p->n_companions++ == 0)
				p->companion = &p->workloads[k];
		}
		if (p->n_companions)
			index_labels(f, p, &p->companions, true);
	}
}

static int
place_cmp(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	return strcmp(x->name, y->name);
}

/* Never NULL: an empty one for a namespace without workloads. */
static const struct place *
find_place(const struct fleet *f, const char *namespace)
{
	static const struct place empty;
	const struct place key = {.name = namespace};
	const struct place *found = bsearch(&key, f->index->places, f->index->n_places, sizeof(key), place_cmp);

	return found ? found : &empty;
}

struct workload *
fleet_named(const struct fleet *f, const char *namespace, const char *name, size_t *n)
{
	const struct place *p = find_place(f, namespace);
	size_t low = 0, high = p->n_workloads;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (strcmp(p->workloads[mid].name, name) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	for (*n = 0; low + *n < p->n_workloads && strcmp(p->workloads[low + *n].name, name) == 0;)
		(*n)++;
	return p->workloads + low;
}

struct workload *
fleet_workload(const struct fleet *f, const char *namespace, const char *kind, const char *name)
{
	size_t n;
	struct workload *named = fleet_named(f, namespace, name, &n);

	for (size_t i = 0; i < n; i++)
		if (strcmp(named[i].kind, kind) == 0)
			return &named[i];
	return NULL;
}

struct workload *
fleet_companion(const struct fleet *f, const char *namespace, const char *name)
{
	size_t n;
	struct workload *named = fleet_named(f, namespace, name, &n);

	for (size_t i = 0; i < n; i++)
		if (named[i].role == ROLE_COMPANION)
			return &named[i];
	return NULL;
}

struct workload *
fleet_only_companion(const struct fleet *f, const char *namespace)
{
	const struct place *p = find_place(f, namespace);

	return p->n_companions == 1 ? p->companion : NULL;
}

struct workload *
fleet_namespace(const struct fleet *f, const char *namespace, size_t *n)
{
	const struct place *p = find_place(f, namespace);

	*n = p->n_workloads;
	return p->workloads;
}

/* The first object of a sorted list that does not stand before (namespace, name). */
static size_t
first_object(const struct object *const *list, size_t n, const char *namespace, const char *name)
{
	size_t low = 0;

	while (low < n) {
		size_t mid = low + (n - low) / 2;
		int order = strcmp(list[mid]->namespace, namespace);

		if (order < 0 || (order == 0 && strcmp(list[mid]->name, name) < 0))
			low = mid + 1;
		else
			n = mid;
	}
	return low;
}

static const struct object *
find_object(const struct object *const *list, size_t n, const char *namespace, const char *name)
{
	size_t at = first_object(list, n, namespace, name);

	if (at == n || strcmp(list[at]->namespace, namespace) != 0 || strcmp(list[at]->name, name) != 0)
		return NULL;
	return list[at];
}

const struct service *
fleet_service(const struct fleet *f, const char *namespace, const char *name)
{
	const struct object *const *services = (const struct object *const *)f->services;

	return object_service(find_object(services, f->n_services, namespace, name));
}

const struct config_map *
fleet_config_map(const struct fleet *f, const char *namespace, const char *name)
{
	const struct object *const *maps = (const struct object *const *)f->config_maps;

	return object_config_map(find_object(maps, f->n_config_maps, namespace, name));
}

const struct service *const *
fleet_services(const struct fleet *f, const char *namespace, size_t *n)
{
	const struct object *const *services = (const struct object *const *)f->services;
	size_t first = first_object(services, f->n_services, namespace, "");
	size_t end = first;

	while (end < f->n_services && strcmp(f->services[end]->object.namespace, namespace) == 0)
		end++;
	*n = end - first;
	return f->services + first;
}

const struct service *
fleet_service_by_ip(const struct fleet *f, const char *ip)
{
	struct service_ip key = {0};
	const struct service_ip *found = NULL;

	if (ip_parse(ip, &key.family, &key.ip))
		found = bsearch(&key, f->index->ips, f->index->n_ips, sizeof(key), ip_order);
	return found ? found->service : NULL;
}

/* Kubernetes looks for pods only then: no selector means endpoints made by hand, an external name means an alias. */
static bool
has_pods(const struct service *s)
{
	return s->selector.n > 0 && !str_eq(s->type, "ExternalName");
}

struct visit {
	const struct label_sets *sets;
	struct workload *last; /* a workload may stand in the list with several label sets */
	bool (*fn)(void *ctx, struct workload *w);
	void *ctx;
};

static bool
visit_set(void *ctx, size_t pos)
{
	struct visit *v = ctx;
	struct workload *w = v->sets->workload[pos];

	if (w == v->last)
		return true;
	v->last = w;
	return v->fn(v->ctx, w);
}

void
fleet_selected(const struct fleet *f, const struct service *s, bool (*fn)(void *ctx, struct workload *w), void *ctx)
{
	const struct place *p = find_place(f, s->object.namespace);
	struct visit v = {.sets = &p->all, .fn = fn, .ctx = ctx};

	if (p->n_workloads && has_pods(s))
		labels_index_select(p->all.index, &s->selector, visit_set, &v);
}

struct match {
	const struct selector *selector;
	bool found;
};

static void
match_set(void *ctx, const struct labels *set)
{
	struct match *m = ctx;

	m->found = m->found || selector_matches(m->selector, set);
}

bool
fleet_selects(const struct service *s, const struct workload *w)
{
	struct match m = {.selector = &s->selector};

	if (has_pods(s) && strcmp(s->object.namespace, w->namespace) == 0)
		each_label_set(w, match_set, &m);
	return m.found;
}

static bool
take_first(void *ctx, struct workload *w)
{
	*(struct workload **)ctx = w;
	return false;
}

struct workload *
fleet_companion_behind(const struct fleet *f, const struct service *s)
{
	const struct place *p = find_place(f, s->object.namespace);
	struct workload *found = fleet_companion(f, s->object.namespace, s->object.name);
	struct visit v = {.sets = &p->companions, .fn = take_first, .ctx = &found};

	if (found && fleet_selects(s, found))
		return found;
	found = NULL;
	if (p->n_companions && has_pods(s))
		labels_index_select(p->companions.index, &s->selector, visit_set, &v);
	return found;
}

/* Cuts text at its dots, in place; the last part keeps what is left. Returns the number of parts. */
static size_t
cut(char *text, char **parts, size_t max)
{
	size_t n = 0;

	for (parts[n++] = text; n < max && (text = strchr(text, '.')); parts[n++] = text)
		*text++ = '\0';
	return n;
}

/*
 * DNS in a pod: the search list completes "name", "name.ns" and "name.ns.svc"; a dot at the end stops it from doing
 * so, which leaves the full name. What the cluster's domain is called is not in the objects: any will do.
 */
static const struct service *
resolve_name(const struct fleet *f, const char *namespace, char *host)
{
	size_t len = strlen(host);
	bool absolute = len > 0 && host[len - 1] == '.';
	char *parts[4];
	size_t n;

	if (absolute)
		host[len - 1] = '\0';
	n = cut(host, parts, COUNT_OF(parts));
	if ((absolute && n < 4) || (n > 2 && strcmp(parts[2], "svc") != 0) || !*parts[n - 1])
		return NULL;
	return fleet_service(f, n > 1 ? parts[1] : namespace, parts[0]);
}

const struct service *
fleet_resolve_host(const struct fleet *f, const char *namespace, const char *host)
{
	const struct service *by_ip = host ? fleet_service_by_ip(f, host) : NULL;
	char name[256];
	size_t len = host ? strlen(host) : 0;

	if (by_ip || len == 0 || len >= sizeof(name)) /* no name in DNS is longer than 253 bytes */
		return by_ip;
	for (size_t i = 0; i <= len; i++)
		name[i] = (char)tolower((unsigned char)host[i]);
	return resolve_name(f, namespace, name);
}
