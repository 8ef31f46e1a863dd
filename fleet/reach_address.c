/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses outside the cluster: intervals between all the bounds that rules name, each asked once. */
#include <stdlib.h>

#include "base/vec.h"
#include "fleet/reach_index.h"

/* The range that has the address; NULL. */
static const struct rule_range *
find_range(const struct compiled_rule *c, enum ip_family family, struct ip ip)
{
	int which = family == IP_V4 ? RANGES_V4 : RANGES_V6;
	const struct rule_range *at = c->ranges[which];
	size_t low = 0, high = c->n_ranges[which];

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (ip_cmp(at[mid].range.last, ip) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low < c->n_ranges[which] && ip_cmp(at[low].range.first, ip) <= 0 ? &at[low] : NULL;
}

bool
reach_match_address(const void *ctx, const struct compiled_policy *p UNUSED, const struct compiled_rule *c,
		    struct way *w, struct arena *a)
{
	const struct address_question *q = ctx;

	if (c->rule->n_peers) {
		const struct rule_range *range = find_range(c, q->family, q->ip);

		if (!range)
			return false;
		w->peer = &c->rule->peers[range->peer];
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
	int which = family == IP_V4 ? RANGES_V4 : RANGES_V6;
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
		 void (*fn)(void *ctx, struct ip_range range, const struct port_set *ports, const struct way *ways, size_t n),
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

struct range_list {
	VEC(struct reach_range) list;
};

static void
add_range(void *ctx, struct ip_range range, const struct port_set *ports, const struct way *ways UNUSED, size_t n UNUSED)
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
