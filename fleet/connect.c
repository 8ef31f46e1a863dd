/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/connect.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/u32_list.h"
#include "base/vec.h"
#include "fleet/policy.h"
#include "fleet/reach.h"

#define NOWHERE UINT32_MAX

struct connect {
	const struct fleet *fleet;
	struct arena arena; /* of one question */
	uint32_t *place; /* by workload: where it is in `peers`, or NOWHERE */
	struct u32_list found; /* the workloads that are in it */
	VEC(struct port_set) peers;
	const struct workload *subject;
};

void
connect_end_name(struct buf *out, const struct connect_end *end)
{
	char first[46], last[46];

	if (end->workload) {
		buf_addf(out, "%s/%s[%s]", end->workload->namespace, end->workload->name, end->workload->kind);
		return;
	}
	ip_format(end->family, end->range.first, first);
	ip_format(end->family, end->range.last, last);
	buf_addf(out, "%s-%s", first, last);
}

bool
connect_counts(const struct fleet *f, const struct workload *w)
{
	const struct live *l = fleet_live(f, w);

	if (w->object->type != OBJECT_POD)
		return true;
	for (size_t i = 0; i < l->n_pods; i++)
		if (!l->pods[i]->finished)
			return true;
	return l->n_pods == 0;
}

/* ---- IPv6 */

static bool
rules_name_ipv6(const struct policy *p)
{
	for (int d = 0; d < DIRECTIONS; d++)
		for (size_t i = 0; i < p->n_rules[d]; i++)
			for (size_t k = 0; k < p->rules[d][i].n_peers; k++)
				if (p->rules[d][i].peers[k].type == PEER_BLOCK &&
				    p->rules[d][i].peers[k].family == IP_V6)
					return true;
	return false;
}

static bool
are_ipv6(const char *const *ips, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		enum ip_family family;
		struct ip ip;

		if (ip_parse(ips[i], &family, &ip) && family == IP_V6)
			return true;
	}
	return false;
}

static bool
has_ipv6_pod(const struct live *l)
{
	for (size_t i = 0; i < l->n_pods; i++)
		if (are_ipv6(l->pods[i]->ips, l->pods[i]->n_ips))
			return true;
	return false;
}

bool
connect_has_ipv6(const struct fleet *f)
{
	for (size_t i = 0; i < f->n_policies; i++)
		if (rules_name_ipv6(object_policy(f->policies[i])))
			return true;
	for (size_t i = 0; i < f->n_services; i++)
		if (are_ipv6(f->services[i]->cluster_ips, f->services[i]->n_cluster_ips))
			return true;
	for (size_t i = 0; i < f->n_workloads; i++)
		if (has_ipv6_pod(fleet_live(f, &f->workloads[i])))
			return true;
	return false;
}

static bool
has_address(const struct pod *p, enum ip_family family, struct ip ip)
{
	for (size_t i = 0; i < p->n_ips; i++) {
		enum ip_family own_family;
		struct ip own;

		if (ip_parse(p->ips[i], &own_family, &own) && own_family == family && ip_cmp(own, ip) == 0)
			return true;
	}
	return false;
}

const struct workload *
connect_at(const struct fleet *f, enum ip_family family, struct ip ip)
{
	for (size_t i = 0; i < f->n_workloads; i++) {
		const struct live *l = fleet_live(f, &f->workloads[i]);

		for (size_t k = 0; k < l->n_pods; k++) {
			const struct pod *p = l->pods[k];

			if (!p->finished && !p->template.spec.host_network && has_address(p, family, ip))
				return &f->workloads[i];
		}
	}
	return NULL;
}

/* ---- addresses */

static struct ip
after(struct ip ip)
{
	return (struct ip){ip.hi + (ip.lo == UINT64_MAX), ip.lo + 1};
}

static struct ip
before(struct ip ip)
{
	return (struct ip){ip.hi - (ip.lo == 0), ip.lo - 1};
}

struct range_list {
	VEC(struct reach_range) list;
};

static void
append(struct range_list *out, struct ip first, struct ip last, const struct port_set *ports)
{
	struct reach_range *end = out->list.n ? &out->list.at[out->list.n - 1] : NULL;

	if (ports_empty(ports))
		return;
	if (end && ports_equal(&end->ports, ports) && ip_cmp(after(end->range.last), first) == 0)
		end->range.last = last;
	else
		vec_push(&out->list, (struct reach_range){{first, last}, *ports});
}

/* Both lists at once: each step takes what lies before the next bound of either. */
static struct range_list
merge_ranges(struct arena *a, const struct reach_range *x, size_t nx, const struct reach_range *y, size_t ny)
{
	struct range_list out = {{0}};
	struct ip at = {0, 0};

	while (nx || ny) {
		bool in_x = nx && ip_cmp(x->range.first, at) <= 0, in_y = ny && ip_cmp(y->range.first, at) <= 0;
		struct port_set ports =
			ports_union(a, in_x ? &x->ports : &ports_none, in_y ? &y->ports : &ports_none);
		struct ip last = {UINT64_MAX, UINT64_MAX}, bound;

		if (nx && ip_cmp(bound = in_x ? x->range.last : before(x->range.first), last) < 0)
			last = bound;
		if (ny && ip_cmp(bound = in_y ? y->range.last : before(y->range.first), last) < 0)
			last = bound;
		append(&out, at, last, &ports);
		if (in_x && ip_cmp(x->range.last, last) == 0)
			x++, nx--;
		if (in_y && ip_cmp(y->range.last, last) == 0)
			y++, ny--;
		at = after(last);
	}
	return out;
}

/* What any class of the workload may reach, or be reached by. */
static struct range_list
workload_ranges(const struct fleet *f, enum direction d, const struct workload *w, enum ip_family family,
		struct arena *a)
{
	struct range_list all = {{0}};
	size_t n_classes;
	const uint32_t *classes = reach_classes(f->reach, w, &n_classes);

	for (size_t i = 0; i < n_classes; i++) {
		struct reach_range *own;
		size_t n = reach_addresses(f->reach, d, classes[i], family, a, &own);
		struct range_list both = merge_ranges(a, all.list.at, all.list.n, own, n);

		vec_free(&all.list);
		all = both;
	}
	return all;
}

static bool
tell_ranges(struct connect *c, enum direction d, const struct workload *w, enum ip_family family, connect_fn *fn,
	    void *ctx)
{
	struct range_list ranges = workload_ranges(c->fleet, d, w, family, &c->arena);
	bool more = true;

	for (size_t i = 0; i < ranges.list.n && more; i++) {
		struct connect_end own = {.workload = w}, outside = {NULL, family, ranges.list.at[i].range};

		more = fn(ctx, &(struct connection){
				       .from = d == DIRECTION_EGRESS ? own : outside,
				       .to = d == DIRECTION_EGRESS ? outside : own,
				       .ports = ranges.list.at[i].ports,
			       });
	}
	vec_free(&ranges.list);
	return more;
}

static bool
tell_addresses(struct connect *c, enum direction d, const struct workload *w, bool ipv6, connect_fn *fn, void *ctx)
{
	return tell_ranges(c, d, w, IP_V4, fn, ctx) && (!ipv6 || tell_ranges(c, d, w, IP_V6, fn, ctx));
}

/* ---- workloads */

/* All workloads of a class may be sent these ports. */
static bool
found_class(void *ctx, size_t class, const struct port_set *ports)
{
	struct connect *c = ctx;
	size_t n;
	const struct workload *const *at = reach_class_workloads(c->fleet->reach, class, &n);

	for (size_t i = 0; i < n; i++) {
		size_t w = (size_t)(at[i] - c->fleet->workloads);

		if (at[i] == c->subject || !connect_counts(c->fleet, at[i]))
			continue;
		if (c->place[w] == NOWHERE) {
			c->place[w] = (uint32_t)c->found.n;
			vec_push(&c->found, (uint32_t)w);
			vec_push(&c->peers, *ports);
		} else {
			struct port_set *known = &c->peers.at[c->place[w]];

			*known = ports_union(&c->arena, known, ports);
		}
	}
	return true;
}

static void
find_workloads(struct connect *c)
{
	struct reach *r = c->fleet->reach;
	size_t n;
	const uint32_t *classes = reach_classes(r, c->subject, &n);

	for (size_t i = 0; i < n; i++) {
		reach_each(r, DIRECTION_EGRESS, classes[i], &c->arena, found_class, c);
		/* Equal pods of another workload. */
		if (reach_class(r, classes[i])->n_workloads > 1) {
			struct port_set ports = reach_pods(r, classes[i], classes[i], &c->arena);

			if (!ports_empty(&ports))
				found_class(c, classes[i], &ports);
		}
	}
}

static bool
tell_workloads(struct connect *c, connect_fn *fn, void *ctx)
{
	bool more = true;

	u32_list_sort(&c->found);
	for (size_t i = 0; i < c->found.n; i++) {
		uint32_t w = c->found.at[i];

		if (more)
			more = fn(ctx, &(struct connection){
					       .from = {.workload = c->subject},
					       .to = {.workload = &c->fleet->workloads[w]},
					       .ports = c->peers.at[c->place[w]],
				       });
		c->place[w] = NOWHERE;
	}
	c->found.n = 0;
	c->peers.n = 0;
	return more;
}

/* ---- questions */

struct connect *
connect_new(const struct fleet *f)
{
	struct connect *c = mem_alloc(sizeof(*c));

	c->fleet = f;
	c->place = mem_array(f->n_workloads + 1, sizeof(*c->place));
	memset(c->place, 0xff, (f->n_workloads + 1) * sizeof(*c->place));
	return c;
}

void
connect_free(struct connect *c)
{
	if (!c)
		return;
	free(c->place);
	vec_free(&c->found);
	vec_free(&c->peers);
	arena_free(&c->arena);
	free(c);
}

bool
connect_from(struct connect *c, const struct workload *w, bool ipv6, connect_fn *fn, void *ctx)
{
	arena_reset(&c->arena);
	c->subject = w;
	if (!connect_counts(c->fleet, w))
		return true;
	if (!tell_addresses(c, DIRECTION_EGRESS, w, ipv6, fn, ctx))
		return false;
	find_workloads(c);
	return tell_workloads(c, fn, ctx);
}

bool
connect_external(struct connect *c, const struct workload *w, bool ipv6, connect_fn *fn, void *ctx)
{
	arena_reset(&c->arena);
	return !connect_counts(c->fleet, w) || tell_addresses(c, DIRECTION_INGRESS, w, ipv6, fn, ctx);
}

static struct port_set
ports_at(const struct fleet *f, enum direction d, const struct workload *w, const struct connect_end *outside,
	 struct arena *a)
{
	struct range_list ranges = workload_ranges(f, d, w, outside->family, a);
	struct port_set ports = ports_none;

	for (size_t i = 0; i < ranges.list.n; i++)
		if (ip_cmp(ranges.list.at[i].range.first, outside->range.first) <= 0 &&
		    ip_cmp(outside->range.first, ranges.list.at[i].range.last) <= 0)
			ports = ranges.list.at[i].ports;
	vec_free(&ranges.list);
	return ports;
}

struct port_set
connect_pair(const struct fleet *f, const struct connect_end *from, const struct connect_end *to, struct arena *a)
{
	struct port_set all = ports_none;
	const uint32_t *sources, *targets;
	size_t n_sources, n_targets;

	if (!from->workload)
		return ports_at(f, DIRECTION_INGRESS, to->workload, from, a);
	if (!to->workload)
		return ports_at(f, DIRECTION_EGRESS, from->workload, to, a);
	sources = reach_classes(f->reach, from->workload, &n_sources);
	targets = reach_classes(f->reach, to->workload, &n_targets);
	for (size_t i = 0; i < n_sources; i++) {
		for (size_t k = 0; k < n_targets; k++) {
			struct port_set one = reach_pods(f->reach, sources[i], targets[k], a);

			all = ports_union(a, &all, &one);
		}
	}
	return all;
}
