/* SPDX-License-Identifier: Apache-2.0 */
/* Compiling a fleet's policies: classes of pods, sets of peers, and which policy selects whom. */
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base/mem.h"
#include "base/str.h"
#include "base/vec.h"
#include "fleet/reach_index.h"
#include "fleet/visible.h"

#define LARGE_SET 64
#define NAMESPACE_KEY "\001namespace" /* no label can have this key: the class's namespace, for the index */
#define NAMESPACE_NAME "kubernetes.io/metadata.name"

struct named_namespace {
	const char *name;
	struct labels labels;
};

/* A table from key bytes to a position or pointer. */
struct entry {
	UT_hash_handle hh;
	size_t position;
	void *value;
	size_t len;
	char key[];
};

struct build {
	struct fleet *fleet;
	struct reach *r;
	struct arena *a; /* the fleet's */
	struct arena scratch;
	struct named_namespace *namespaces; /* sorted by name */
	size_t n_namespaces;
	struct labels_index *namespace_index, *class_index;
	struct entry *classes, *sets; /* hash heads */
	struct buf key;
	VEC(struct pod_class) all;
	VEC(uint32_t) members; /* class of each (workload, class) pair, by workload */
	VEC(const struct class_set *) all_sets;
	struct u32_list found; /* scratch of one selection */
	VEC(struct rule_range) pieces; /* scratch of one rule */
};

static struct entry *
find_entry(struct entry *head, const struct buf *key)
{
	struct entry *found;

	HASH_FIND(hh, head, key->data, key->len, found);
	return found;
}

static struct entry *
add_entry(struct build *b, struct entry **head, const struct buf *key)
{
	struct entry *e = arena_alloc(&b->scratch, sizeof(*e) + key->len);

	e->len = key->len;
	memcpy(e->key, key->data, key->len);
	HASH_ADD_KEYPTR(hh, *head, e->key, e->len, e);
	return e;
}

/* Strings with their lengths, so that no two lists of strings make the same key. */
static void
key_add(struct buf *key, const char *s)
{
	size_t len = strlen(s);

	buf_add(key, &len, sizeof(len));
	buf_add(key, s, len);
}

static void
key_add_selector(struct buf *key, const struct selector *s)
{
	buf_add(key, &s->n, sizeof(s->n));
	for (size_t i = 0; i < s->n; i++) {
		key_add(key, s->at[i].key);
		buf_addc(key, (char)s->at[i].op);
		buf_add(key, &s->at[i].n_values, sizeof(s->at[i].n_values));
		for (size_t k = 0; k < s->at[i].n_values; k++)
			key_add(key, s->at[i].values[k]);
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

static int
namespace_cmp(const void *a, const void *b)
{
	const struct named_namespace *x = a, *y = b;
	int order = strcmp(x->name, y->name);

	return order ? order : (y->labels.n > x->labels.n) - (y->labels.n < x->labels.n);
}

/* Every namespace carries its own name as a label, whether or not the source shows it. */
static struct labels
with_name_label(struct arena *a, const struct labels *l, const char *name)
{
	struct label *at = ARENA_ARRAY(a, struct label, l->n + 1);
	size_t n = l->n;

	if (n)
		memcpy(at, l->at, n * sizeof(*at));
	at[n++] = (struct label){NAMESPACE_NAME, name};
	labels_sort(at, &n);
	return (struct labels){at, n};
}

static void
collect_namespaces(struct build *b)
{
	const struct fleet *f = b->fleet;
	static const struct labels none;
	const struct labels **sets;
	size_t n = 0;

	b->namespaces = ARENA_ARRAY(b->a, struct named_namespace, f->n_namespaces + f->n_workloads + 1);
	b->namespaces[n++] = (struct named_namespace){dns_namespace(f->settings), none};
	for (size_t i = 0; i < f->n_namespaces; i++)
		b->namespaces[n++] = (struct named_namespace){f->namespaces[i]->name, f->namespaces[i]->labels};
	for (size_t i = 0; i < f->n_workloads; i++)
		if (!i || !str_eq(f->workloads[i].namespace, f->workloads[i - 1].namespace))
			b->namespaces[n++] = (struct named_namespace){f->workloads[i].namespace, none};
	qsort(b->namespaces, n, sizeof(b->namespaces[0]), namespace_cmp);
	for (size_t i = 0; i < n; i++)
		if (!b->n_namespaces || !str_eq(b->namespaces[i].name, b->namespaces[b->n_namespaces - 1].name))
			b->namespaces[b->n_namespaces++] = b->namespaces[i];
	sets = ARENA_ARRAY(&b->scratch, const struct labels *, b->n_namespaces + 1);
	for (size_t i = 0; i < b->n_namespaces; i++) {
		struct named_namespace *ns = &b->namespaces[i];

		ns->labels = with_name_label(b->a, &ns->labels, ns->name);
		sets[i] = &ns->labels;
	}
	b->namespace_index = labels_index_new(&b->scratch, sets, b->n_namespaces);
}

static int
namespace_find_cmp(const void *key, const void *member)
{
	return strcmp(key, ((const struct named_namespace *)member)->name);
}

static const struct labels *
namespace_labels(const struct build *b, const char *name)
{
	const struct named_namespace *ns =
		bsearch(name, b->namespaces, b->n_namespaces, sizeof(*ns), namespace_find_cmp);

	return &ns->labels;
}

/* ---- classes */

static void
key_add_labels(struct buf *key, const struct labels *l)
{
	buf_add(key, &l->n, sizeof(l->n));
	for (size_t i = 0; i < l->n; i++) {
		key_add(key, l->at[i].key);
		key_add(key, l->at[i].value);
	}
}

/*
 * Pods are alike when policies cannot tell them apart and their workloads declare the same labels: those of one workload
 * that differ in a hash or a number only, and those of two that are called the same.
 */
static uint32_t
class_of(struct build *b, const char *namespace, const struct labels *declared, const struct pod_template *t)
{
	struct entry *found;

	buf_clear(&b->key);
	key_add(&b->key, namespace);
	key_add_labels(&b->key, declared);
	visible_key(b->fleet->visible, &b->key, t);
	found = find_entry(b->classes, &b->key);
	if (found)
		return (uint32_t)found->position;
	found = add_entry(b, &b->classes, &b->key);
	found->position = b->all.n;
	vec_push(&b->all, (struct pod_class){
				  .namespace = namespace,
				  .labels = &t->labels,
				  .namespace_labels = namespace_labels(b, namespace),
				  .spec = &t->spec,
				  .host_network = t->spec.host_network,
			  });
	return (uint32_t)found->position;
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
collect_classes(struct build *b)
{
	const struct fleet *f = b->fleet;
	struct reach *r = b->r;
	static const struct labels no_labels;

	r->first_class = ARENA_ARRAY(b->a, uint32_t, f->n_workloads + 1);
	for (size_t i = 0; i < f->n_workloads; i++) {
		const struct workload *w = &f->workloads[i];

		r->first_class[i] = (uint32_t)b->members.n;
		for (size_t k = 0; k < w->n_shown; k++)
			add_member(b, r->first_class[i], class_of(b, w->namespace, &w->template->labels, w->shown[k]));
	}
	r->first_class[f->n_workloads] = (uint32_t)b->members.n;
	if (!has_dns(b, dns_namespace(f->settings), reach_dns_selector(f->settings)))
		class_of(b, dns_namespace(f->settings), &no_labels, assumed_dns(b, reach_dns_selector(f->settings)));
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

/* Pod labels, and before them the namespace under a key that no selector of a user can name. */
static void
index_classes(struct build *b)
{
	struct reach *r = b->r;
	struct labels *sets = ARENA_ARRAY(&b->scratch, struct labels, r->n_classes + 1);
	const struct labels **pointers = ARENA_ARRAY(&b->scratch, const struct labels *, r->n_classes + 1);

	for (size_t i = 0; i < r->n_classes; i++) {
		const struct pod_class *c = &r->classes[i];
		struct label *at = ARENA_ARRAY(&b->scratch, struct label, c->labels->n + 1);

		at[0] = (struct label){NAMESPACE_KEY, c->namespace};
		if (c->labels->n)
			memcpy(at + 1, c->labels->at, c->labels->n * sizeof(*at));
		sets[i] = (struct labels){at, c->labels->n + 1};
		pointers[i] = &sets[i];
	}
	b->class_index = labels_index_new(&b->scratch, pointers, r->n_classes);
}

static bool
found_class(void *ctx, size_t pos)
{
	struct build *b = ctx;

	if (!b->r->classes[pos].host_network)
		vec_push(&b->found, (uint32_t)pos);
	return true;
}

/* Adds to b->found the classes of a namespace (NULL: of all) that a pod selector means. */
static void
select_classes(struct build *b, const char *namespace, const struct selector *pods)
{
	struct requirement *at;
	const char **value;

	if (!namespace) {
		labels_index_select(b->class_index, pods, found_class, b);
		return;
	}
	at = ARENA_ARRAY(&b->scratch, struct requirement, pods->n + 1);
	value = ARENA_NEW(&b->scratch, const char *);
	*value = namespace;
	at[0] = (struct requirement){.key = NAMESPACE_KEY, .op = OP_IN, .values = value, .n_values = 1};
	if (pods->n)
		memcpy(at + 1, pods->at, pods->n * sizeof(*at));
	labels_index_select(b->class_index, &(struct selector){true, at, pods->n + 1}, found_class, b);
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
	struct entry *e;
	struct class_set *set;

	buf_clear(&b->key);
	key_add(&b->key, peer->namespaces.present ? "" : own);
	buf_addc(&b->key, peer->namespaces.present);
	key_add_selector(&b->key, &peer->namespaces);
	key_add_selector(&b->key, &peer->pods);
	e = find_entry(b->sets, &b->key);
	if (e)
		return e->value;
	e = add_entry(b, &b->sets, &b->key);
	set = ARENA_NEW(b->a, struct class_set);
	set->all = peer->namespaces.present && !peer->namespaces.n && !peer->pods.n;
	if (!set->all) {
		select_by(b, own, &peer->namespaces, &peer->pods);
		set->n = b->found.n;
		set->at = arena_copy(b->a, b->found.at, b->found.n * sizeof(uint32_t));
	}
	set->id = b->all_sets.n;
	vec_push(&b->all_sets, set);
	e->value = set;
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

static void
compile_policies(struct build *b)
{
	struct reach *r = b->r;
	const struct policy **order;

	r->n_policies = b->fleet->n_policies;
	order = arena_copy(&b->scratch, b->fleet->policies, r->n_policies * sizeof(*order));
	qsort(order, r->n_policies, sizeof(*order), policy_order);
	r->policies = ARENA_ARRAY(b->a, struct compiled_policy, r->n_policies);
	for (size_t i = 0; i < r->n_policies; i++) {
		r->policies[i].policy = order[i];
		for (int d = 0; d < DIRECTIONS; d++) {
			struct compiled_rule *rules = ARENA_ARRAY(b->a, struct compiled_rule, order[i]->n_rules[d]);

			for (size_t k = 0; k < order[i]->n_rules[d]; k++)
				compile_rule(b, order[i], &order[i]->rules[d][k], &rules[k]);
			r->policies[i].rules[d] = rules;
		}
	}
}

/* Which policies select which class: pairs first, then rows. Policies come in order, so each row is in order. */
static void
list_selected(struct build *b)
{
	struct reach *r = b->r;
	struct u32_list pairs[DIRECTIONS] = {{0}}; /* class, policy, class, policy ... */

	for (size_t i = 0; i < r->n_policies; i++) {
		const struct policy *p = r->policies[i].policy;

		select_by(b, p->object.namespace, &p->namespaces, &p->pods);
		r->policies[i].n_classes = b->found.n;
		for (size_t k = 0; k < b->found.n; k++) {
			for (int d = 0; d < DIRECTIONS; d++) {
				if (!p->isolates[d])
					continue;
				vec_push(&pairs[d], b->found.at[k]);
				vec_push(&pairs[d], (uint32_t)i);
			}
		}
	}
	for (int d = 0; d < DIRECTIONS; d++) {
		size_t n = pairs[d].n / 2;

		r->selected[d] = rows_make(b->a, r->n_classes, &pairs[d]);
		r->selected_policies[d] = ARENA_ARRAY(b->a, const struct policy *, n + 1);
		for (size_t i = 0; i < n; i++)
			r->selected_policies[d][i] = r->policies[r->selected[d].at[i]].policy;
		vec_free(&pairs[d]);
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
	HASH_CLEAR(hh, b.classes);
	HASH_CLEAR(hh, b.sets);
	buf_free(&b.key);
	vec_free(&b.all);
	vec_free(&b.members);
	vec_free(&b.found);
	vec_free(&b.pieces);
	arena_free(&b.scratch);
	return b.r;
}
