/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses outside the cluster: intervals between all the bounds that rules name, each asked once. */
#include <stdlib.h>

#include "base/vec.h"
#include "fleet/reach_index.h"

/* Where the first range is that does not end before the address. */
static size_t
find_range(const struct compiled_rule *c, int which, struct ip ip)
{
	const struct rule_range *at = c->ranges[which];
	size_t low = 0, high = c->n_ranges[which];

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (ip_cmp(at[mid].range.last, ip) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static int
ranges_of(enum ip_family family)
{
	return family == IP_V4 ? RANGES_V4 : RANGES_V6;
}

bool
reach_match_address(const void *ctx, const struct compiled_policy *p UNUSED, const struct compiled_rule *c,
		    struct way *w, struct arena *a)
{
	const struct address_question *q = ctx;

	if (c->rule->n_peers) {
		int which = ranges_of(q->family);
		size_t i = find_range(c, which, q->ip);

		if (i == c->n_ranges[which] || ip_cmp(c->ranges[which][i].range.first, q->ip) > 0)
			return false;
		w->peer = &c->rule->peers[c->ranges[which][i].peer];
	}
	w->ports = reach_rule_ports(q->r, c, q->to, a);
	return true;
}

typedef VEC(struct ip) bounds;

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
	int which = ranges_of(family);
	struct ip last = ip_range_all(family).last;
	size_t n = 0;

	vec_push(b, (struct ip){0, 0});
	for (size_t i = rows->first[class]; i < rows->first[class + 1]; i++) {
		const struct compiled_policy *p = &r->policies[rows->at[i]];

		for (size_t k = 0; k < p->policy->n_rules[d]; k++) {
			const struct compiled_rule *c = &p->rules[d][k];

			for (size_t j = 0; j < c->n_ranges[which]; j++) {
				vec_push(b, c->ranges[which][j].range.first);
				if (ip_cmp(c->ranges[which][j].range.last, last) < 0)
					vec_push(b, ip_after(c->ranges[which][j].range.last));
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
		 void (*fn)(void *ctx, struct ip_range range, const struct port_set *ports, const struct way *ways,
			    size_t n),
		 void *ctx)
{
	bounds b = {0};

	collect_bounds(r, d, class, family, &b);
	for (size_t i = 0; i < b.n; i++) {
		struct address_question q = {r, family, b.at[i], d == DIRECTION_INGRESS ? class : SIZE_MAX};
		struct ip_range range = {b.at[i], i + 1 < b.n ? ip_before(b.at[i + 1]) : ip_range_all(family).last};
		struct ways ways = {0};
		struct port_set ports = reach_ask(r, d, class, reach_match_address, &q, a, &ways);

		if (!ports_empty(&ports))
			fn(ctx, range, &ports, ways.at, ways.n);
	}
	vec_free(&b);
}

/* Of one rule; false when fn wants no more. */
static bool
each_block(const struct compiled_rule *c, enum ip_family family, struct ip_range range,
	   const struct port_set *ports, bool (*fn)(void *ctx, struct ip_range block, const struct port_set *ports),
	   void *ctx)
{
	int which = ranges_of(family);

	for (size_t i = find_range(c, which, range.first); i < c->n_ranges[which]; i++) {
		const struct rule_range *at = &c->ranges[which][i];

		if (ip_cmp(at->range.first, range.last) > 0)
			break;
		if (c->rule->peers[at->peer].type == PEER_BLOCK && !fn(ctx, at->range, ports))
			return false;
	}
	return true;
}

void
reach_each_block(const struct reach *r, enum direction d, size_t class, enum ip_family family,
		 struct ip_range range, struct arena *a,
		 bool (*fn)(void *ctx, struct ip_range block, const struct port_set *ports), void *ctx)
{
	const struct rows *rows = &r->selected[d];

	for (size_t i = rows->first[class]; i < rows->first[class + 1]; i++) {
		const struct compiled_policy *p = &r->policies[rows->at[i]];

		for (size_t k = 0; k < p->policy->n_rules[d]; k++) {
			const struct compiled_rule *c = &p->rules[d][k];
			struct port_set ports;

			if (c->rule->action != ACTION_ACCEPT || !c->n_ranges[ranges_of(family)])
				continue;
			ports = reach_rule_ports(r, c, d == DIRECTION_INGRESS ? class : SIZE_MAX, a);
			if (!each_block(c, family, range, &ports, fn, ctx))
				return;
		}
	}
}

struct range_list {
	VEC(struct reach_range) list;
};

static void
add_range(void *ctx, struct ip_range range, const struct port_set *ports, const struct way *ways UNUSED,
	  size_t n UNUSED)
{
	struct range_list *l = ctx;
	struct reach_range *before = l->list.n ? &l->list.at[l->list.n - 1] : NULL;

	if (before && ports_equal(&before->ports, ports) && ip_cmp(ip_after(before->range.last), range.first) == 0)
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
