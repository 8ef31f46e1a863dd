/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses outside the cluster: intervals between all the bounds that rules name, each asked once. */
#include <stdlib.h>

#include "base/vec.h"
#include "fleet/reach_index.h"

static bool
in_range(struct ip_range range, struct ip ip)
{
	return ip_cmp(range.first, ip) <= 0 && ip_cmp(ip, range.last) <= 0;
}

static bool
peer_has(const struct policy_rule *rule, const struct policy_peer *peer, enum ip_family family, struct ip ip)
{
	if (peer->type == PEER_DOMAINS)
		return rule->action == ACTION_ACCEPT;
	if (peer->type == PEER_OTHER)
		return rule->action != ACTION_ACCEPT;
	if (peer->type != PEER_BLOCK || peer->family != family || !in_range(peer->block, ip))
		return false;
	for (size_t i = 0; i < peer->n_except; i++)
		if (in_range(peer->except[i], ip))
			return false;
	return true;
}

bool
reach_match_address(const void *ctx, const struct compiled_policy *p UNUSED, const struct compiled_rule *c,
		    struct way *w, struct arena *a)
{
	const struct address_question *q = ctx;

	if (c->rule->n_peers) {
		size_t i = 0;

		while (i < c->rule->n_peers && !peer_has(c->rule, &c->rule->peers[i], q->family, q->ip))
			i++;
		if (i == c->rule->n_peers)
			return false;
		w->peer = &c->rule->peers[i];
	}
	w->ports = reach_rule_ports(q->r, c, q->to, a);
	return true;
}

static struct ip
next(struct ip ip)
{
	return (struct ip){ip.hi + (ip.lo == UINT64_MAX), ip.lo + 1};
}

static struct ip
previous(struct ip ip)
{
	return (struct ip){ip.hi - (ip.lo == 0), ip.lo - 1};
}

static struct ip
last_of(enum ip_family family)
{
	return family == IP_V4 ? (struct ip){0, UINT32_MAX} : (struct ip){UINT64_MAX, UINT64_MAX};
}

typedef VEC(struct ip) bounds;

/* Where an interval starts: at the range's first address, and behind its last one. */
static void
add_bounds(bounds *b, struct ip_range range, struct ip last)
{
	vec_push(b, range.first);
	if (ip_cmp(range.last, last) < 0)
		vec_push(b, next(range.last));
}

static int
bound_cmp(const void *a, const void *b)
{
	return ip_cmp(*(const struct ip *)a, *(const struct ip *)b);
}

/* The starts of all intervals, sorted, each once; the first is address zero. */
static void
collect_bounds(const struct reach *r, enum direction d, size_t class, enum ip_family family, bounds *b)
{
	const struct rows *rows = &r->selected[d];
	struct ip last = last_of(family);
	size_t n = 0;

	vec_push(b, (struct ip){0, 0});
	for (size_t i = rows->first[class]; i < rows->first[class + 1]; i++) {
		const struct policy *p = r->policies[rows->at[i]].policy;

		for (size_t k = 0; k < p->n_rules[d]; k++) {
			for (size_t j = 0; j < p->rules[d][k].n_peers; j++) {
				const struct policy_peer *peer = &p->rules[d][k].peers[j];

				if (peer->type != PEER_BLOCK || peer->family != family)
					continue;
				add_bounds(b, peer->block, last);
				for (size_t e = 0; e < peer->n_except; e++)
					add_bounds(b, peer->except[e], last);
			}
		}
	}
	if (b->n > 1)
		qsort(b->at, b->n, sizeof(b->at[0]), bound_cmp);
	for (size_t i = 0; i < b->n; i++)
		if (!i || ip_cmp(b->at[i], b->at[n - 1]) != 0)
			b->at[n++] = b->at[i];
	b->n = n;
}

void
reach_each_range(const struct reach *r, enum direction d, size_t class, enum ip_family family, struct arena *a,
		 void (*fn)(void *ctx, struct ip_range range, const struct port_set *ports, const struct way *ways, size_t n),
		 void *ctx)
{
	bounds b = {0};

	collect_bounds(r, d, class, family, &b);
	for (size_t i = 0; i < b.n; i++) {
		struct address_question q = {r, family, b.at[i], d == DIRECTION_INGRESS ? class : SIZE_MAX};
		struct ip_range range = {b.at[i], i + 1 < b.n ? previous(b.at[i + 1]) : last_of(family)};
		struct ways ways = {0};
		struct port_set ports = reach_ask(r, d, class, reach_match_address, &q, a, &ways);

		if (!ports_empty(&ports))
			fn(ctx, range, &ports, ways.at, ways.n);
	}
	vec_free(&b);
}

struct range_list {
	VEC(struct reach_range) list;
};

static void
add_range(void *ctx, struct ip_range range, const struct port_set *ports, const struct way *ways UNUSED, size_t n UNUSED)
{
	struct range_list *l = ctx;
	struct reach_range *before = l->list.n ? &l->list.at[l->list.n - 1] : NULL;

	if (before && ports_equal(&before->ports, ports) && ip_cmp(next(before->range.last), range.first) == 0)
		before->range.last = range.last;
	else
		vec_push(&l->list, (struct reach_range){range, *ports});
}

size_t
reach_addresses(const struct reach *r, enum direction d, size_t class, enum ip_family family, struct arena *a,
		struct reach_range **out)
{
	struct range_list l = {{0}};
	size_t n;

	reach_each_range(r, d, class, family, a, add_range, &l);
	n = l.list.n;
	*out = arena_copy(a, l.list.at, n * sizeof(**out));
	vec_free(&l.list);
	return n;
}
