/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/reach.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "base/vec.h"
#include "fleet/reach_index.h"

size_t
reach_n_classes(const struct reach *r)
{
	return r->n_classes;
}

const struct pod_class *
reach_class(const struct reach *r, size_t class)
{
	return &r->classes[class];
}

const uint32_t *
reach_classes(const struct reach *r, const struct workload *w, size_t *n)
{
	size_t i = (size_t)(w - r->fleet->workloads);

	*n = r->first_class[i + 1] - r->first_class[i];
	return r->workload_classes + r->first_class[i];
}

const struct workload *const *
reach_class_workloads(const struct reach *r, size_t class, size_t *n)
{
	*n = r->classes[class].n_workloads;
	return r->class_workloads + r->classes[class].first_workload;
}

size_t
reach_n_policies(const struct reach *r)
{
	return r->n_policies;
}

const struct policy *
reach_policy(const struct reach *r, size_t i, size_t *n_classes)
{
	*n_classes = r->policies[i].n_classes;
	return r->policies[i].policy;
}

size_t
reach_policies(const struct reach *r, enum direction d, size_t class, const struct policy *const **out)
{
	const struct rows *rows = &r->selected[d];

	*out = r->selected_policies[d] + rows->first[class];
	return rows->first[class + 1] - rows->first[class];
}

bool
reach_isolated(const struct reach *r, enum direction d, size_t class)
{
	const struct policy *const *p;
	size_t n = reach_policies(r, d, class, &p);

	for (size_t i = 0; i < n; i++)
		if (p[i]->tier == TIER_NETWORK)
			return true;
	return false;
}

bool
class_set_has(const struct class_set *s, size_t class)
{
	size_t low = 0, high = s->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (s->at[mid] < class)
			low = mid + 1;
		else
			high = mid;
	}
	return low < s->n && s->at[low] == class;
}

struct port_set
reach_named_ports(const struct reach *r, const struct policy_port *port, size_t to, struct arena *a)
{
	const struct pod_spec *spec = r->classes[to].spec;
	struct port_set found = ports_none;

	for (size_t i = 0; i < spec->n_containers; i++) {
		const struct container *c = &spec->containers[i];

		for (size_t k = 0; k < c->n_ports; k++) {
			enum protocol protocol;
			struct port_set one;

			if (!str_eq(c->ports[k].name, port->name) || c->ports[k].port < 1 ||
			    c->ports[k].port > 65535 || !protocol_parse(c->ports[k].protocol, &protocol) ||
			    (!port->any_protocol && protocol != port->protocol))
				continue;
			one = ports_one(a, protocol, (uint16_t)c->ports[k].port, (uint16_t)c->ports[k].port);
			found = ports_union(a, &found, &one);
		}
	}
	return found;
}

struct port_set
reach_rule_ports(const struct reach *r, const struct compiled_rule *c, size_t to, struct arena *a)
{
	struct port_set all = c->fixed;

	if (!c->named || to == SIZE_MAX)
		return all;
	for (size_t i = 0; i < c->rule->n_ports; i++) {
		struct port_set named;

		if (!c->rule->ports[i].name)
			continue;
		named = reach_named_ports(r, &c->rule->ports[i], to, a);
		all = ports_union(a, &all, &named);
	}
	return all;
}

/*
 * A block in an admin policy also meets pods by their addresses, which a file of manifests does not have: what would
 * forbid counts only when it covers the family, what would allow counts always. The answer errs on the side of "may
 * reach".
 */
static bool
admin_block_matches(const struct policy_rule *rule, const struct policy_peer *peer)
{
	struct ip_range every = ip_range_all(peer->family);

	if (rule->action == ACTION_ACCEPT)
		return true;
	return !peer->n_except && ip_cmp(peer->block.first, every.first) == 0 &&
	       ip_cmp(peer->block.last, every.last) == 0;
}

static bool
peer_matches(const struct reach *r, const struct compiled_policy *p, const struct compiled_rule *c, size_t i,
	     size_t other)
{
	const struct policy_peer *peer = &c->rule->peers[i];

	switch (peer->type) {
	case PEER_PODS:
		if (c->sets[i]->all)
			return !r->classes[other].host_network;
		return class_set_has(c->sets[i], other);
	case PEER_BLOCK:
		return p->policy->tier != TIER_NETWORK && admin_block_matches(c->rule, peer);
	case PEER_OTHER:
		return c->rule->action != ACTION_ACCEPT;
	case PEER_NODES:
	case PEER_DOMAINS:
		break;
	}
	return false;
}

/* Does the rule speak of pods of that class? *peer is the first that does, NULL for a rule without peers. */
static bool
rule_matches(const struct reach *r, const struct compiled_policy *p, const struct compiled_rule *c, size_t other,
	     const struct policy_peer **peer)
{
	*peer = NULL;
	if (!c->rule->n_peers)
		return true;
	for (size_t i = 0; c->pods && i < c->rule->n_peers; i++) {
		if (peer_matches(r, p, c, i, other)) {
			*peer = &c->rule->peers[i];
			return true;
		}
	}
	return false;
}

void
ways_add(struct arena *a, struct ways *out, const struct way *w)
{
	if (!out || ports_empty(&w->ports))
		return;
	if (out->n == out->cap) {
		struct way *more = arena_array(a, out->cap * 2 + 8, sizeof(*more));

		if (out->n)
			memcpy(more, out->at, out->n * sizeof(*more));
		out->at = more;
		out->cap = out->cap * 2 + 8;
	}
	out->at[out->n++] = *w;
}

/* One rule of an admin tier: takes its ports out of what is still undecided. */
static void
ask_admin_rule(struct verdict *v, const struct way *w, enum policy_action action, struct arena *a, struct ways *out)
{
	struct way effective = *w;

	effective.ports = ports_intersect(a, &w->ports, &v->undecided);
	v->undecided = ports_minus(a, &v->undecided, &w->ports);
	if (action == ACTION_ACCEPT) {
		v->allowed = ports_union(a, &v->allowed, &effective.ports);
		ways_add(a, out, &effective);
	} else if (action == ACTION_PASS) {
		v->passed = ports_union(a, &v->passed, &effective.ports);
	} else {
		ways_add(a, v->denials, &effective);
	}
}

static void
verdict_rule(struct verdict *v, const struct way *w, const struct compiled_rule *c, struct arena *a,
	     struct ways *out)
{
	struct way effective = *w;

	if (w->policy->tier != TIER_NETWORK) {
		ask_admin_rule(v, w, c->rule->action, a, out);
		return;
	}
	effective.ports = ports_intersect(a, &w->ports, &v->undecided);
	v->network = ports_union(a, &v->network, &effective.ports);
	ways_add(a, out, &effective);
}

/*
 * Between two tiers: what a Pass rule let go on is undecided again; once network policies have spoken for a pod they have
 * the last word.
 */
static void
verdict_tier(struct verdict *v, enum policy_tier next, bool isolated, struct arena *a)
{
	v->undecided = ports_union(a, &v->undecided, &v->passed);
	v->passed = ports_none;
	if (next == TIER_BASELINE && isolated) {
		v->allowed = ports_union(a, &v->allowed, &v->network);
		v->undecided = ports_none;
	}
}

/* What no tier decided, or the last one passed on, is let through. */
static struct port_set
verdict_end(struct verdict *v, enum direction d, struct arena *a, struct ways *out)
{
	struct way open = {.direction = d, .ports = ports_union(a, &v->undecided, &v->passed)};

	ways_add(a, out, &open);
	return ports_union(a, &v->allowed, &open.ports);
}

/* Lists in `denials`, unless it is NULL, what admin policies forbid. */
static struct port_set
ask(const struct reach *r, enum direction d, size_t subject, reach_matches *matches, const void *ctx,
    struct arena *a, struct ways *out, struct ways *denials)
{
	const struct rows *rows = &r->selected[d];
	struct verdict v = {.undecided = ports_all, .denials = denials};
	enum policy_tier tier = TIER_ADMIN;
	bool isolated = false;

	if (r->classes[subject].host_network)
		return verdict_end(&v, d, a, out);
	for (size_t i = rows->first[subject]; i < rows->first[subject + 1]; i++) {
		const struct compiled_policy *p = &r->policies[rows->at[i]];

		for (; tier < p->policy->tier; tier++)
			verdict_tier(&v, tier + 1, isolated, a);
		isolated |= tier == TIER_NETWORK;
		for (size_t k = 0; k < p->policy->n_rules[d]; k++) {
			struct way w = {.policy = p->policy, .direction = d, .rule = (uint32_t)k};

			if (matches(ctx, p, &p->rules[d][k], &w, a))
				verdict_rule(&v, &w, &p->rules[d][k], a, out);
		}
	}
	for (; tier < TIER_BASELINE; tier++)
		verdict_tier(&v, tier + 1, isolated, a);
	return verdict_end(&v, d, a, out);
}

struct port_set
reach_ask(const struct reach *r, enum direction d, size_t subject, reach_matches *matches, const void *ctx,
	  struct arena *a, struct ways *out)
{
	return ask(r, d, subject, matches, ctx, a, out, NULL);
}

bool
reach_match_pods(const void *ctx, const struct compiled_policy *p, const struct compiled_rule *c, struct way *w,
		 struct arena *a)
{
	const struct pod_question *q = ctx;

	if (!rule_matches(q->r, p, c, q->other, &w->peer))
		return false;
	w->ports = reach_rule_ports(q->r, c, q->to, a);
	return true;
}

static struct port_set
ask_pods(const struct reach *r, enum direction d, size_t from, size_t to, struct arena *a, struct ways *out)
{
	size_t subject = d == DIRECTION_EGRESS ? from : to, other = d == DIRECTION_EGRESS ? to : from;

	return reach_ask(r, d, subject, reach_match_pods, &(struct pod_question){r, other, to}, a, out);
}

struct port_set
reach_end(const struct reach *r, enum direction d, size_t from, size_t to, struct arena *a)
{
	return ask_pods(r, d, from, to, a, NULL);
}

size_t
reach_ways(const struct reach *r, enum direction d, size_t from, size_t to, struct arena *a, struct way **out)
{
	struct ways ways = {0};

	ask_pods(r, d, from, to, a, &ways);
	*out = ways.at;
	return ways.n;
}

size_t
reach_denials(const struct reach *r, enum direction d, size_t from, size_t to, struct arena *a, struct way **out)
{
	size_t subject = d == DIRECTION_EGRESS ? from : to, other = d == DIRECTION_EGRESS ? to : from;
	struct ways denials = {0};

	ask(r, d, subject, reach_match_pods, &(struct pod_question){r, other, to}, a, NULL, &denials);
	*out = denials.at;
	return denials.n;
}

struct port_set
reach_pods(const struct reach *r, size_t from, size_t to, struct arena *a)
{
	struct port_set egress = reach_end(r, DIRECTION_EGRESS, from, to, a);
	struct port_set ingress;

	if (ports_empty(&egress))
		return egress;
	ingress = reach_end(r, DIRECTION_INGRESS, from, to, a);
	return ports_intersect(a, &egress, &ingress);
}

bool
way_is_broad(const struct way *w)
{
	return !w->peer || (w->peer->type == PEER_PODS && !w->peer->pods.n);
}

/*
 * Who can be at the other end: looked for from both ends, so that "every pod" at one end costs only those whose other end
 * lets it in. Of each direction: the classes that let in (or out) broadly, and for each set the classes whose rules
 * name it.
 */
struct reach_reverse {
	bool *is_broad; /* by class */
	struct list broad;
	struct rows users; /* of a set: classes that are not broad */
	struct rows sets; /* of a class: the sets it is in */
	struct list *large; /* of a large set: its members that are broad; made when first needed */
};

/* Does the class talk to (or take in) every pod as far as this end goes? Else its sets are listed. */
static bool
is_broad(const struct reach *r, enum direction d, size_t class, struct u32_list *sets)
{
	const struct rows *rows = &r->selected[d];

	if (!reach_isolated(r, d, class))
		return true;
	for (size_t i = rows->first[class]; i < rows->first[class + 1]; i++) {
		const struct compiled_policy *p = &r->policies[rows->at[i]];

		for (size_t k = 0; k < p->policy->n_rules[d]; k++) {
			const struct compiled_rule *c = &p->rules[d][k];

			if (c->rule->action != ACTION_ACCEPT) /* Pass only hands on */
				continue;
			if (!c->rule->n_peers)
				return true;
			for (size_t j = 0; c->pods && j < c->rule->n_peers; j++) {
				/* a block of an admin policy may meet any pod */
				if (!c->sets[j] && p->policy->tier != TIER_NETWORK)
					return true;
				if (c->sets[j] && c->sets[j]->all)
					return true;
				if (c->sets[j])
					vec_push(sets, (uint32_t)c->sets[j]->id);
			}
		}
	}
	return false;
}

struct rows
rows_make(struct arena *a, size_t n_rows, const struct u32_list *pairs)
{
	struct rows rows = {ARENA_ARRAY(a, uint32_t, n_rows + 1), ARENA_ARRAY(a, uint32_t, pairs->n / 2 + 1)};
	uint32_t *next = ARENA_ARRAY(a, uint32_t, n_rows + 1);

	for (size_t i = 0; i < pairs->n; i += 2)
		rows.first[pairs->at[i] + 1]++;
	for (size_t i = 0; i < n_rows; i++)
		rows.first[i + 1] += rows.first[i];
	memcpy(next, rows.first, (n_rows + 1) * sizeof(uint32_t));
	for (size_t i = 0; i < pairs->n; i += 2)
		rows.at[next[pairs->at[i]]++] = pairs->at[i + 1];
	return rows;
}

static struct list
row(const struct rows *rows, size_t i)
{
	return (struct list){rows->at + rows->first[i], rows->first[i + 1] - rows->first[i]};
}

static struct list
keep_list(struct arena *a, const struct u32_list *l)
{
	return (struct list){arena_copy(a, l->at, l->n * sizeof(uint32_t)), l->n};
}

static struct reach_reverse *
reverse_new(const struct reach *r, enum direction d)
{
	struct reach_reverse *v = ARENA_NEW(r->arena, struct reach_reverse);
	struct u32_list broad = {0}, users = {0}, members = {0}, sets = {0};

	v->is_broad = ARENA_ARRAY(r->arena, bool, r->n_classes);
	v->large = ARENA_ARRAY(r->arena, struct list, r->n_sets);
	for (size_t c = 0; c < r->n_classes; c++) {
		sets.n = 0;
		v->is_broad[c] = is_broad(r, d, c, &sets);
		if (v->is_broad[c]) {
			vec_push(&broad, (uint32_t)c);
			continue;
		}
		u32_list_sort_unique(&sets);
		for (size_t i = 0; i < sets.n; i++) {
			vec_push(&users, sets.at[i]);
			vec_push(&users, (uint32_t)c);
		}
	}
	for (size_t s = 0; s < r->n_sets; s++) {
		for (size_t i = 0; i < r->sets[s]->n; i++) {
			vec_push(&members, r->sets[s]->at[i]);
			vec_push(&members, (uint32_t)s);
		}
	}
	v->broad = keep_list(r->arena, &broad);
	v->users = rows_make(r->arena, r->n_sets, &users);
	v->sets = rows_make(r->arena, r->n_classes, &members);
	vec_free(&broad);
	vec_free(&users);
	vec_free(&members);
	vec_free(&sets);
	return v;
}

/* The members of a large set that take anybody in: each set is gone through once. */
static struct list
large_broad(const struct reach *r, struct reach_reverse *v, size_t set)
{
	struct u32_list found = {0};

	if (!v->large[set].at) {
		for (size_t i = 0; i < r->sets[set]->n; i++)
			if (v->is_broad[r->sets[set]->at[i]])
				vec_push(&found, r->sets[set]->at[i]);
		v->large[set] = keep_list(r->arena, &found);
		vec_free(&found);
	}
	return v->large[set];
}

/* Sorted lists, gone through together. */
struct merge {
	VEC(struct list) lists;
	struct u32_list small; /* one of them */
};

static bool
merge_next(struct merge *m, uint32_t *out)
{
	bool any = false;

	for (size_t i = 0; i < m->lists.n; i++) {
		if (m->lists.at[i].n && (!any || m->lists.at[i].at[0] < *out)) {
			*out = m->lists.at[i].at[0];
			any = true;
		}
	}
	for (size_t i = 0; any && i < m->lists.n; i++) {
		struct list *l = &m->lists.at[i];

		if (l->n && l->at[0] == *out)
			*l = (struct list){l->at + 1, l->n - 1};
	}
	return any;
}

/* The classes that may be at the other end; a superset of those that are. */
static void
candidates(const struct reach *r, enum direction d, size_t class, struct merge *m)
{
	struct reach_reverse *v = r->reverse[d == DIRECTION_EGRESS ? DIRECTION_INGRESS : DIRECTION_EGRESS];
	struct u32_list sets = {0};
	bool broad = is_broad(r, d, class, &sets), ask_others = broad;

	if (broad)
		vec_push(&m->lists, v->broad);
	u32_list_sort_unique(&sets);
	for (size_t i = 0; !broad && i < sets.n; i++) {
		const struct class_set *s = r->sets[sets.at[i]];

		if (s->n > r->large) {
			vec_push(&m->lists, large_broad(r, v, sets.at[i]));
			ask_others = true;
			continue;
		}
		for (size_t k = 0; k < s->n; k++)
			vec_push(&m->small, s->at[k]);
	}
	u32_list_sort_unique(&m->small);
	vec_push(&m->lists, (struct list){m->small.at, m->small.n});
	for (size_t i = v->sets.first[class]; ask_others && i < v->sets.first[class + 1]; i++)
		vec_push(&m->lists, row(&v->users, v->sets.at[i]));
	vec_free(&sets);
}

void
reach_each_candidate(struct reach *r, enum direction d, size_t class, bool (*fn)(void *ctx, size_t other),
		     void *ctx)
{
	enum direction back = d == DIRECTION_EGRESS ? DIRECTION_INGRESS : DIRECTION_EGRESS;
	struct merge m = {0};
	uint32_t other = 0;

	if (!r->reverse[back])
		r->reverse[back] = reverse_new(r, back);
	candidates(r, d, class, &m);
	while (merge_next(&m, &other))
		if (other != class && !fn(ctx, other))
			break;
	vec_free(&m.lists);
	vec_free(&m.small);
}

struct each {
	const struct reach *r;
	enum direction direction;
	size_t class;
	struct arena *arena;
	bool (*fn)(void *ctx, size_t other, const struct port_set *ports);
	void *ctx;
};

static bool
each_reached(void *ctx, size_t other)
{
	const struct each *e = ctx;
	bool out = e->direction == DIRECTION_EGRESS;
	struct port_set ports = reach_pods(e->r, out ? e->class : other, out ? other : e->class, e->arena);

	return ports_empty(&ports) || e->fn(e->ctx, other, &ports);
}

void
reach_each(struct reach *r, enum direction d, size_t class, struct arena *a,
	   bool (*fn)(void *ctx, size_t other, const struct port_set *ports), void *ctx)
{
	reach_each_candidate(r, d, class, each_reached, &(struct each){r, d, class, a, fn, ctx});
}

void
reach_each_named(const struct reach *r, enum direction d, size_t class, bool (*fn)(void *ctx, size_t other),
		 void *ctx)
{
	const struct rows *rows = &r->selected[d];
	struct u32_list found = {0};

	for (size_t i = rows->first[class]; i < rows->first[class + 1]; i++) {
		const struct compiled_policy *p = &r->policies[rows->at[i]];

		for (size_t k = 0; k < p->policy->n_rules[d]; k++) {
			const struct compiled_rule *c = &p->rules[d][k];

			for (size_t j = 0; c->pods && c->rule->action == ACTION_ACCEPT && j < c->rule->n_peers;
			     j++) {
				const struct class_set *s = c->sets[j];

				for (size_t m = 0; s && s->n <= r->large && m < s->n; m++)
					vec_push(&found, s->at[m]);
			}
		}
	}
	u32_list_sort_unique(&found);
	for (size_t i = 0; i < found.n && fn(ctx, found.at[i]); i++)
		;
	vec_free(&found);
}

/* Adds a rule, or one of its peers, that is about more pods than are listed one by one. */
static void
add_wide(const struct reach *r, enum direction d, const struct compiled_policy *p, size_t rule, struct arena *a,
	 struct ways *out)
{
	const struct compiled_rule *c = &p->rules[d][rule];
	struct way w = {.policy = p->policy,
			.direction = d,
			.rule = (uint32_t)rule,
			.ports = c->named ? ports_all : c->fixed};

	if (c->rule->action != ACTION_ACCEPT)
		return;
	if (!c->rule->n_peers)
		ways_add(a, out, &w);
	for (size_t i = 0; c->pods && i < c->rule->n_peers; i++) {
		w.peer = &c->rule->peers[i];
		if (c->sets[i] && (c->sets[i]->all || c->sets[i]->n > r->large))
			ways_add(a, out, &w);
	}
}

size_t
reach_wide(const struct reach *r, enum direction d, size_t class, struct arena *a, struct way **out)
{
	const struct rows *rows = &r->selected[d];
	struct ways ways = {0};

	for (size_t i = rows->first[class]; i < rows->first[class + 1]; i++)
		for (size_t k = 0; k < r->policies[rows->at[i]].policy->n_rules[d]; k++)
			add_wide(r, d, &r->policies[rows->at[i]], k, a, &ways);
	if (!reach_isolated(r, d, class))
		ways_add(a, &ways, &(struct way){.direction = d, .ports = ports_all});
	*out = ways.at;
	return ways.n;
}

const uint32_t *
reach_dns(const struct reach *r, size_t *n)
{
	*n = r->n_dns;
	return r->dns;
}
