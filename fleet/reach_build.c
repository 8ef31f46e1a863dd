/* SPDX-License-Identifier: Apache-2.0 */
/* Compiling a fleet's policies: classes of pods, sets of peers, and which policy selects whom. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "base/vec.h"
#include "fleet/key_table.h"
#include "fleet/label_table.h"
#include "fleet/reach_index.h"
#include "fleet/visible.h"

#define LARGE_SET 64
#define NAMESPACE_KEY "\001namespace" /* no label can have this key: a pod's namespace, among its labels' numbers */

struct named_namespace {
	const char *name;
	struct labels labels;
};

struct build {
	struct fleet *fleet;
	struct reach *r;
	struct arena *a; /* the fleet's */
	struct arena scratch;
	VEC(struct named_namespace) listed; /* becomes namespaces */
	struct named_namespace *namespaces; /* sorted by name, in the fleet's arena */
	size_t n_namespaces;
	struct {
		const char *name; /* NULL: none yet */
		const struct labels *labels;
		uint32_t label; /* its number */
	} own; /* the namespace of the workload that is looked at */
	struct labels_index *namespace_index, *class_index;
	struct label_table *labels; /* numbers of pods' labels, and of all that makes a key */
	VEC(signed char) visible; /* by label: -1 not asked yet, 0, 1: some selector names its key */
	const char *policy_namespace; /* the last one that was asked for, and its label's number */
	uint32_t policy_label;
	struct u32_list declared, shown; /* labels of a workload, and of pods of it */
	struct u32_list key; /* of a class, or of a set */
	struct key_table class_keys, set_keys; /* the places are those of `all` and `all_sets` */
	struct u32_list first_label, class_labels; /* as class_index has them */
	VEC(struct pod_class) all;
	VEC(uint32_t) members; /* class of each (workload, class) pair, by workload */
	VEC(const struct class_set *) all_sets;
	struct u32_list pairs[DIRECTIONS]; /* whom policies select: class, policy, class, policy ... */
	struct u32_list found; /* scratch of one selection */
	VEC(struct rule_range) pieces; /* scratch of one rule */
};

#define AHEAD 4 /* objects */

/*
 * An object and what belongs to it lie one behind the other, and objects lie all over memory: those that come next are
 * fetched while this one is worked on.
 */
static void
fetch(const struct object *o)
{
	for (size_t i = 0; i < 16; i++)
		__builtin_prefetch((const char *)o + i * 64);
}

/* ---- keys: lists with their lengths, so that no two of them make the same key */

static void
key_add(struct build *b, size_t n)
{
	vec_push(&b->key, (uint32_t)n);
}

static void
key_add_selector(struct build *b, const struct selector *s)
{
	key_add(b, s->n);
	for (size_t i = 0; i < s->n; i++) {
		const struct requirement *r = &s->at[i];

		key_add(b, r->op);
		key_add(b, r->n_values);
		if (!r->n_values)
			key_add(b, label_table_add(b->labels, r->key, ""));
		for (size_t k = 0; k < r->n_values; k++)
			key_add(b, label_table_add(b->labels, r->key, r->values[k]));
	}
}

/* ---- DNS */

const struct selector *
reach_dns_selector(const struct settings *settings)
{
	static const char *const values[] = {"kube-dns"};
	static const struct requirement requirement = {
		.key = "k8s-app", .op = OP_IN, .values = values, .n_values = 1};
	static const struct selector kube_dns = {true, &requirement, 1};

	return settings->dns_namespace ? &settings->dns_pods : &kube_dns;
}

static const char *
dns_namespace(const struct settings *settings)
{
	return settings->dns_namespace ? settings->dns_namespace : "kube-system";
}

/* A pod that the selector means, for a source that shows none: what has one value carries it. */
static const struct pod_template *
assumed_dns(struct build *b, const struct selector *s)
{
	static const struct container_port ports[] = {{"dns", "UDP", 53}, {"dns-tcp", "TCP", 53}};
	static const struct container container = {
		.name = "dns", .image = "", .ports = ports, .n_ports = COUNT_OF(ports)};
	struct pod_template *t = ARENA_NEW(b->a, struct pod_template);
	struct label *at = ARENA_ARRAY(b->a, struct label, s->n);

	t->spec = (struct pod_spec){.containers = &container, .n_containers = 1};
	for (size_t i = 0; i < s->n; i++)
		if (s->at[i].op == OP_IN || s->at[i].op == OP_EXISTS)
			at[t->labels.n++] =
				(struct label){s->at[i].key, s->at[i].n_values ? s->at[i].values[0] : ""};
	labels_sort(at, &t->labels.n);
	t->labels.at = at;
	return t;
}

/* Is there a workload whose template or pods the DNS selector means? Looked for among those of its namespace. */
static bool
has_dns(const struct build *b, const char *namespace, const struct selector *s)
{
	size_t n;
	const struct workload *w = fleet_namespace(b->fleet, namespace, &n);

	for (size_t i = 0; i < n; i++) {
		if (selector_matches(s, &w[i].template->labels))
			return true;
		for (size_t k = 0; k < w[i].n_shown; k++)
			if (selector_matches(s, &w[i].shown[k]->labels))
				return true;
	}
	return false;
}

/* ---- namespaces: those that are objects, and those that only appear as the namespace of something */

/* By name; of two that are called the same the one with more labels first. */
static int
namespace_cmp(const void *a, const void *b)
{
	const struct named_namespace *x = a, *y = b;
	int order = strcmp(x->name, y->name);

	return order ? order : (y->labels.n > x->labels.n) - (y->labels.n < x->labels.n);
}

static struct labels
with_name_label(struct arena *a, const struct labels *l, const char *name)
{
	struct label *at = ARENA_ARRAY(a, struct label, l->n + 1);
	size_t k = 0, rest;

	while (k < l->n && strcmp(l->at[k].key, REACH_NAMESPACE_NAME) < 0)
		k++;
	rest = k < l->n && strcmp(l->at[k].key, REACH_NAMESPACE_NAME) == 0 ? k + 1 : k;
	if (k)
		memcpy(at, l->at, k * sizeof(*at));
	at[k] = (struct label){REACH_NAMESPACE_NAME, name};
	if (rest < l->n)
		memcpy(at + k + 1, l->at + rest, (l->n - rest) * sizeof(*at));
	return (struct labels){at, k + 1 + l->n - rest};
}

static void
add_namespace(struct build *b, const char *name, const struct labels *l)
{
	if (!b->listed.n || !str_eq(b->listed.at[b->listed.n - 1].name, name))
		vec_push(&b->listed, (struct named_namespace){name, with_name_label(b->a, l, name)});
}

/* Two lists in order make one: namespaces that are objects, with that of DNS, and those of workloads. */
static void
merge_namespaces(struct build *b, const struct named_namespace *objects, size_t n)
{
	const struct fleet *f = b->fleet;
	static const struct labels none;
	size_t i = 0;

	for (size_t k = 0; k < f->n_workloads; k++) {
		const char *name = f->workloads[k].namespace;

		for (; i < n && strcmp(objects[i].name, name) <= 0; i++)
			add_namespace(b, objects[i].name, &objects[i].labels);
		add_namespace(b, name, &none);
	}
	for (; i < n; i++)
		add_namespace(b, objects[i].name, &objects[i].labels);
}

static void
collect_namespaces(struct build *b)
{
	const struct fleet *f = b->fleet;
	static const struct labels none;
	struct named_namespace *objects = ARENA_ARRAY(&b->scratch, struct named_namespace, f->n_namespaces + 1);
	const struct labels **sets;
	size_t n = 0;

	objects[n++] = (struct named_namespace){dns_namespace(f->settings), none};
	for (size_t i = 0; i < f->n_namespaces; i++)
		objects[n++] = (struct named_namespace){f->namespaces[i]->name, f->namespaces[i]->labels};
	qsort(objects, n, sizeof(objects[0]), namespace_cmp);
	merge_namespaces(b, objects, n);
	b->n_namespaces = b->listed.n;
	b->namespaces = arena_copy(b->a, b->listed.at, b->listed.n * sizeof(b->listed.at[0]));
	sets = ARENA_ARRAY(&b->scratch, const struct labels *, b->n_namespaces);
	for (size_t i = 0; i < b->n_namespaces; i++)
		sets[i] = &b->namespaces[i].labels;
	b->namespace_index = labels_index_new(&b->scratch, sets, b->n_namespaces);
}

static int
namespace_find_cmp(const void *key, const void *member)
{
	return strcmp(key, ((const struct named_namespace *)member)->name);
}

/* Workloads come by namespace: mostly it is the one of the last. */
static void
enter_namespace(struct build *b, const char *name)
{
	const struct named_namespace *ns;

	if (str_eq(b->own.name, name))
		return;
	ns = bsearch(name, b->namespaces, b->n_namespaces, sizeof(*ns), namespace_find_cmp);
	b->own.name = name;
	b->own.labels = &ns->labels;
	b->own.label = label_table_add(b->labels, NAMESPACE_KEY, name);
}

/* ---- classes */

static void
number_labels(struct build *b, const struct labels *l, struct u32_list *out)
{
	out->n = 0;
	for (size_t i = 0; i < l->n; i++)
		vec_push(out, label_table_add(b->labels, l->at[i].key, l->at[i].value));
}

static bool
is_visible(struct build *b, uint32_t label, const char *key)
{
	while (b->visible.n <= label)
		vec_push(&b->visible, -1);
	if (b->visible.at[label] < 0)
		b->visible.at[label] = visible_label(b->fleet->visible, key);
	return b->visible.at[label];
}

/* Named ports of the containers: policies can mean them. */
static void
key_add_ports(struct build *b, const struct pod_spec *s)
{
	for (size_t i = 0; i < s->n_containers; i++) {
		for (size_t k = 0; k < s->containers[i].n_ports; k++) {
			const struct container_port *p = &s->containers[i].ports[k];

			if (!p->name)
				continue;
			key_add(b, label_table_add(b->labels, p->name, p->protocol));
			key_add(b, (uint32_t)p->port);
		}
	}
}

/* What visible_key says of the pods, in numbers: their labels are b->shown. */
static void
key_add_visible(struct build *b, const struct pod_template *t)
{
	size_t at = b->key.n;

	key_add(b, 0);
	for (size_t i = 0; i < t->labels.n; i++)
		if (is_visible(b, b->shown.at[i], t->labels.at[i].key))
			key_add(b, b->shown.at[i]);
	b->key.at[at] = (uint32_t)(b->key.n - at);
	key_add(b, t->spec.host_network);
	key_add_ports(b, &t->spec);
}

/*
 * Pods are alike when policies cannot tell them apart and their workloads declare the same labels: those of one workload
 * that differ in a hash or a number only, and those of two that are called the same. Their namespace is b->own, their
 * labels are b->declared and b->shown.
 */
static uint32_t
class_of(struct build *b, const struct pod_template *t)
{
	uint32_t class;
	bool added;

	b->key.n = 0;
	key_add(b, b->own.label);
	key_add(b, b->declared.n);
	for (size_t i = 0; i < b->declared.n; i++)
		key_add(b, b->declared.at[i]);
	key_add_visible(b, t);
	class = key_table_add(&b->class_keys, &b->key, &added);
	if (!added)
		return class;
	vec_push(&b->all, (struct pod_class){
				  .namespace = b->own.name,
				  .labels = &t->labels,
				  .namespace_labels = b->own.labels,
				  .spec = &t->spec,
				  .host_network = t->spec.host_network,
			  });
	vec_push(&b->first_label, (uint32_t)b->class_labels.n);
	vec_push(&b->class_labels, b->own.label);
	for (size_t i = 0; i < b->shown.n; i++)
		vec_push(&b->class_labels, b->shown.at[i]);
	return class;
}

/* Appends the class to the workload's, which start at `first`, unless it is there. */
static void
add_member(struct build *b, size_t first, uint32_t class)
{
	for (size_t i = first; i < b->members.n; i++)
		if (b->members.at[i] == class)
			return;
	vec_push(&b->members, class);
}

static void
collect_members(struct build *b, const struct workload *w)
{
	size_t first = b->members.n;

	enter_namespace(b, w->namespace);
	number_labels(b, &w->template->labels, &b->declared);
	for (size_t k = 0; k < w->n_shown; k++) {
		number_labels(b, &w->shown[k]->labels, &b->shown);
		add_member(b, first, class_of(b, w->shown[k]));
	}
}

static void
collect_assumed_dns(struct build *b)
{
	const struct pod_template *t = assumed_dns(b, reach_dns_selector(b->fleet->settings));

	enter_namespace(b, dns_namespace(b->fleet->settings));
	b->declared.n = 0;
	number_labels(b, &t->labels, &b->shown);
	class_of(b, t);
}

static void
collect_classes(struct build *b)
{
	const struct fleet *f = b->fleet;
	struct reach *r = b->r;

	b->labels = label_table_new(&b->scratch, f->n_workloads);
	r->first_class = ARENA_ARRAY(b->a, uint32_t, f->n_workloads + 1);
	for (size_t i = 0; i < f->n_workloads; i++) {
		r->first_class[i] = (uint32_t)b->members.n;
		if (i + AHEAD < f->n_workloads)
			fetch(f->workloads[i + AHEAD].object);
		collect_members(b, &f->workloads[i]);
	}
	r->first_class[f->n_workloads] = (uint32_t)b->members.n;
	if (!has_dns(b, dns_namespace(f->settings), reach_dns_selector(f->settings)))
		collect_assumed_dns(b);
	vec_push(&b->first_label, (uint32_t)b->class_labels.n);
	r->workload_classes = arena_copy(b->a, b->members.at, b->members.n * sizeof(uint32_t));
	r->classes = arena_copy(b->a, b->all.at, b->all.n * sizeof(struct pod_class));
	r->n_classes = b->all.n;
}

/* The workloads of each class: the same pairs the other way round. */
static void
list_class_workloads(struct build *b)
{
	const struct fleet *f = b->fleet;
	struct reach *r = b->r;
	uint32_t next = 0;

	for (size_t i = 0; i < b->members.n; i++)
		r->classes[b->members.at[i]].n_workloads++;
	for (size_t i = 0; i < r->n_classes; i++) {
		r->classes[i].first_workload = next;
		next += r->classes[i].n_workloads;
		r->classes[i].n_workloads = 0;
	}
	r->class_workloads = ARENA_ARRAY(b->a, const struct workload *, b->members.n + 1);
	for (size_t i = 0; i < f->n_workloads; i++) {
		for (size_t k = r->first_class[i]; k < r->first_class[i + 1]; k++) {
			struct pod_class *c = &r->classes[r->workload_classes[k]];

			r->class_workloads[c->first_workload + c->n_workloads++] = &f->workloads[i];
		}
	}
}

static void
index_classes(struct build *b)
{
	const struct labels **sets = ARENA_ARRAY(&b->scratch, const struct labels *, b->r->n_classes);

	for (size_t i = 0; i < b->r->n_classes; i++)
		sets[i] = b->r->classes[i].labels;
	b->class_index = labels_index_numbered(&b->scratch, &(struct labels_numbered){
		.sets = sets,
		.n = b->r->n_classes,
		.table = b->labels,
		.first = b->first_label.at,
		.labels = b->class_labels.at,
	});
}

static bool
found_class(void *ctx, size_t pos)
{
	struct build *b = ctx;

	if (!b->r->classes[pos].host_network)
		vec_push(&b->found, (uint32_t)pos);
	return true;
}

/* A policy asks for its own namespace again and again. */
static uint32_t
namespace_label(struct build *b, const char *name)
{
	if (b->policy_namespace != name) {
		b->policy_namespace = name;
		b->policy_label = label_table_add(b->labels, NAMESPACE_KEY, name);
	}
	return b->policy_label;
}

/* Adds to b->found the classes of a namespace (NULL: of all) that a pod selector means. */
static void
select_classes(struct build *b, const char *namespace, const struct selector *pods)
{
	uint32_t label = namespace ? namespace_label(b, namespace) : LABEL_NONE;

	labels_index_select_with(b->class_index, label, pods, found_class, b);
}

struct namespace_walk {
	struct build *build;
	const struct selector *pods;
};

static bool
found_namespace(void *ctx, size_t pos)
{
	struct namespace_walk *walk = ctx;

	select_classes(walk->build, walk->build->namespaces[pos].name, walk->pods);
	return true;
}

/* Leaves in b->found, sorted, the classes that namespace and pod selectors mean; own is used without the former. */
static void
select_by(struct build *b, const char *own, const struct selector *namespaces, const struct selector *pods)
{
	b->found.n = 0;
	if (!namespaces->present)
		select_classes(b, own, pods);
	else if (!namespaces->n)
		select_classes(b, NULL, pods);
	else
		labels_index_select(b->namespace_index, namespaces, found_namespace,
				    &(struct namespace_walk){b, pods});
	u32_list_sort(&b->found);
}

/* Host-network DNS pods (NodeLocal DNSCache) count as well, so this is not a selection of peers. */
static void
list_dns(struct build *b)
{
	const char *namespace = dns_namespace(b->fleet->settings);
	const struct selector *s = reach_dns_selector(b->fleet->settings);
	struct reach *r = b->r;

	b->found.n = 0;
	for (size_t i = 0; i < r->n_classes; i++)
		if (str_eq(r->classes[i].namespace, namespace) && selector_matches(s, r->classes[i].labels))
			vec_push(&b->found, (uint32_t)i);
	r->n_dns = b->found.n;
	r->dns = arena_copy(b->a, b->found.at, b->found.n * sizeof(uint32_t));
}

/* ---- peers and rules */

static int
range_cmp(const void *a, const void *b)
{
	return ip_cmp(((const struct ip_range *)a)->first, ((const struct ip_range *)b)->first);
}

static const struct class_set *
set_of(struct build *b, const char *own, const struct policy_peer *peer)
{
	struct class_set *set;
	uint32_t id;
	bool added;

	b->key.n = 0;
	key_add(b, peer->namespaces.present ? LABEL_NONE : namespace_label(b, own));
	key_add_selector(b, &peer->namespaces);
	key_add_selector(b, &peer->pods);
	id = key_table_add(&b->set_keys, &b->key, &added);
	if (!added)
		return b->all_sets.at[id];
	set = ARENA_NEW(b->a, struct class_set);
	set->all = peer->namespaces.present && !peer->namespaces.n && !peer->pods.n;
	if (!set->all) {
		select_by(b, own, &peer->namespaces, &peer->pods);
		set->n = b->found.n;
		set->at = arena_copy(b->a, b->found.at, b->found.n * sizeof(uint32_t));
	}
	set->id = id;
	vec_push(&b->all_sets, set);
	return set;
}

/* A block less its exceptions, and other peers that mean addresses, piece by piece. */
static void
add_pieces(struct build *b, const struct policy_rule *rule, size_t peer, enum ip_family family)
{
	const struct policy_peer *p = &rule->peers[peer];
	struct ip_range rest = ip_range_all(family);
	struct ip_range *except;

	if (p->type == PEER_BLOCK ? p->family != family
				  : !(p->type == PEER_DOMAINS && rule->action == ACTION_ACCEPT) &&
					    !(p->type == PEER_OTHER && rule->action != ACTION_ACCEPT))
		return;
	if (p->type == PEER_BLOCK)
		rest = p->block;
	except = arena_copy(&b->scratch, p->except, p->n_except * sizeof(*except));
	if (p->n_except)
		qsort(except, p->n_except, sizeof(*except), range_cmp);
	for (size_t i = 0; i < p->n_except; i++) {
		if (ip_cmp(except[i].last, rest.first) < 0)
			continue;
		if (ip_cmp(rest.first, except[i].first) < 0)
			vec_push(&b->pieces,
				 (struct rule_range){{rest.first, ip_before(except[i].first)}, (uint32_t)peer});
		if (ip_cmp(except[i].last, rest.last) >= 0)
			return;
		rest.first = ip_after(except[i].last);
	}
	vec_push(&b->pieces, (struct rule_range){rest, (uint32_t)peer});
}

/* By start; of those with one start the widest first. */
static int
piece_cmp(const void *a, const void *b)
{
	const struct rule_range *x = a, *y = b;
	int order = ip_cmp(x->range.first, y->range.first);

	if (!order)
		order = ip_cmp(y->range.last, x->range.last);
	return order ? order : (x->peer > y->peer) - (x->peer < y->peer);
}

static void
compile_ranges(struct build *b, const struct policy_rule *rule, enum ip_family family, int which,
	       struct compiled_rule *out)
{
	uint32_t n = 0;

	b->pieces.n = 0;
	for (size_t i = 0; i < rule->n_peers; i++)
		add_pieces(b, rule, i, family);
	if (b->pieces.n > 1)
		qsort(b->pieces.at, b->pieces.n, sizeof(b->pieces.at[0]), piece_cmp);
	for (size_t i = 0; i < b->pieces.n; i++) {
		struct rule_range piece = b->pieces.at[i];

		if (n && ip_cmp(piece.range.last, b->pieces.at[n - 1].range.last) <= 0)
			continue;
		if (n && ip_cmp(piece.range.first, b->pieces.at[n - 1].range.last) <= 0)
			piece.range.first = ip_after(b->pieces.at[n - 1].range.last);
		b->pieces.at[n++] = piece;
	}
	out->ranges[which] = arena_copy(b->a, b->pieces.at, n * sizeof(b->pieces.at[0]));
	out->n_ranges[which] = n;
}

static void
compile_rule(struct build *b, const struct policy *p, const struct policy_rule *rule, struct compiled_rule *out)
{
	out->rule = rule;
	out->fixed = rule->n_ports ? ports_none : ports_all;
	for (size_t i = 0; i < rule->n_ports; i++) {
		const struct policy_port *port = &rule->ports[i];
		struct port_set one;

		if (port->name) {
			out->named = true;
			continue;
		}
		one = ports_one(b->a, port->protocol, port->first, port->last);
		out->fixed = ports_union(b->a, &out->fixed, &one);
	}
	out->sets = ARENA_ARRAY(b->a, const struct class_set *, rule->n_peers);
	out->pods = p->tier != TIER_NETWORK; /* whose blocks may meet pods too */
	for (size_t i = 0; i < rule->n_peers; i++) {
		if (rule->peers[i].type != PEER_PODS)
			continue;
		out->sets[i] = set_of(b, p->object.namespace, &rule->peers[i]);
		out->pods = true;
	}
	compile_ranges(b, rule, IP_V4, RANGES_V4, out);
	compile_ranges(b, rule, IP_V6, RANGES_V6, out);
}

/* In the order in which they are asked: by tier, by priority, by name. */
static int
policy_order(const void *a, const void *b)
{
	const struct policy *x = *(const struct policy *const *)a, *y = *(const struct policy *const *)b;

	if (x->tier != y->tier)
		return x->tier < y->tier ? -1 : 1;
	if (x->tier != TIER_NETWORK && x->priority != y->priority)
		return x->priority < y->priority ? -1 : 1;
	return object_cmp(&x->object, &y->object);
}

/* They are by name already, which is the order when all are NetworkPolicies. */
static bool
in_order(const struct policy *const *at, size_t n)
{
	for (size_t i = 1; i < n; i++)
		if (policy_order(&at[i - 1], &at[i]) > 0)
			return false;
	return true;
}

/* While the policy is at hand: by the time all are compiled its texts have left the cache. */
static void
select_subjects(struct build *b, size_t i)
{
	const struct policy *p = b->r->policies[i].policy;

	select_by(b, p->object.namespace, &p->namespaces, &p->pods);
	b->r->policies[i].n_classes = b->found.n;
	for (size_t k = 0; k < b->found.n; k++) {
		for (int d = 0; d < DIRECTIONS; d++) {
			if (!p->isolates[d])
				continue;
			vec_push(&b->pairs[d], b->found.at[k]);
			vec_push(&b->pairs[d], (uint32_t)i);
		}
	}
}

static void
compile_policies(struct build *b)
{
	struct reach *r = b->r;
	const struct policy **order;

	r->n_policies = b->fleet->n_policies;
	order = arena_copy(&b->scratch, b->fleet->policies, r->n_policies * sizeof(*order));
	if (!in_order(order, r->n_policies))
		qsort(order, r->n_policies, sizeof(*order), policy_order);
	r->policies = ARENA_ARRAY(b->a, struct compiled_policy, r->n_policies);
	for (size_t i = 0; i < r->n_policies; i++) {
		if (i + AHEAD < r->n_policies)
			fetch(&order[i + AHEAD]->object);
		r->policies[i].policy = order[i];
		for (int d = 0; d < DIRECTIONS; d++) {
			struct compiled_rule *rules = ARENA_ARRAY(b->a, struct compiled_rule, order[i]->n_rules[d]);

			for (size_t k = 0; k < order[i]->n_rules[d]; k++)
				compile_rule(b, order[i], &order[i]->rules[d][k], &rules[k]);
			r->policies[i].rules[d] = rules;
		}
		select_subjects(b, i);
	}
}

/* Which policies select which class: the pairs as rows. Policies come in order, so each row is in order. */
static void
list_selected(struct build *b)
{
	struct reach *r = b->r;

	for (int d = 0; d < DIRECTIONS; d++) {
		size_t n = b->pairs[d].n / 2;

		r->selected[d] = rows_make(b->a, r->n_classes, &b->pairs[d]);
		r->selected_policies[d] = ARENA_ARRAY(b->a, const struct policy *, n + 1);
		for (size_t i = 0; i < n; i++)
			r->selected_policies[d][i] = r->policies[r->selected[d].at[i]].policy;
		vec_free(&b->pairs[d]);
	}
}

struct reach *
reach_new(struct fleet *f)
{
	struct build b = {.fleet = f, .a = &f->arena};

	b.r = ARENA_NEW(b.a, struct reach);
	b.r->arena = b.a;
	b.r->fleet = f;
	b.r->large = LARGE_SET;
	collect_namespaces(&b);
	collect_classes(&b);
	list_class_workloads(&b);
	index_classes(&b);
	list_dns(&b);
	compile_policies(&b);
	list_selected(&b);
	b.r->n_sets = b.all_sets.n;
	b.r->sets = arena_copy(b.a, b.all_sets.at, b.all_sets.n * sizeof(b.all_sets.at[0]));
	vec_free(&b.all_sets);
	key_table_free(&b.class_keys);
	key_table_free(&b.set_keys);
	vec_free(&b.key);
	vec_free(&b.declared);
	vec_free(&b.shown);
	vec_free(&b.visible);
	vec_free(&b.first_label);
	vec_free(&b.class_labels);
	vec_free(&b.listed);
	vec_free(&b.all);
	vec_free(&b.members);
	vec_free(&b.found);
	vec_free(&b.pieces);
	arena_free(&b.scratch);
	return b.r;
}
