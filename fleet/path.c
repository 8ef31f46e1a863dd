/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/path.h"

#include "base/attr.h"
#include "fleet/reach.h"

/* Where NodeLocal DNSCache listens on every node; kubelets tell pods to ask there. */
static const struct ip node_local_dns = {0, 0xa9fe140a}; /* 169.254.20.10 */

struct question {
	const struct fleet *fleet;
	struct arena scratch;
	enum protocol protocol;
	uint16_t port;
	bool dns;
	/* of one look at blocks */
	const struct workload *const *others; /* whose pods may be behind a block */
	size_t n_others;
	enum ip_family family;
	bool known; /* addresses of theirs are known */
	bool found;
};

static bool
in_range(struct ip_range range, struct ip ip)
{
	return ip_cmp(range.first, ip) <= 0 && ip_cmp(ip, range.last) <= 0;
}

/* Calls fn with the addresses of the pods, until it answers false. */
static bool
each_address(const struct question *q, bool (*fn)(void *ctx, enum ip_family family, struct ip ip), void *ctx)
{
	for (size_t i = 0; i < q->n_others; i++) {
		const struct workload *w = q->others[i];

		for (size_t k = 0; k < w->n_pods; k++) {
			for (size_t m = 0; !w->pods[k]->finished && m < w->pods[k]->n_ips; m++) {
				enum ip_family family;
				struct ip ip;

				if (ip_parse(w->pods[k]->ips[m], &family, &ip) && !fn(ctx, family, ip))
					return false;
			}
		}
	}
	return true;
}

static bool
stop(void *ctx UNUSED, enum ip_family family UNUSED, struct ip ip UNUSED)
{
	return false;
}

struct range_question {
	enum ip_family family;
	struct ip_range range;
};

static bool
is_outside(void *ctx, enum ip_family family, struct ip ip)
{
	const struct range_question *q = ctx;

	return family != q->family || !in_range(q->range, ip);
}

/* Could addresses of pods be in it? */
static bool
may_hold_pods(enum ip_family family, struct ip_range range)
{
	static const struct {
		enum ip_family family;
		struct ip_range range;
	} inside[] = {
		{IP_V4, {{0, 0x0a000000}, {0, 0x0affffff}}}, /* RFC 1918 */
		{IP_V4, {{0, 0xac100000}, {0, 0xac1fffff}}},
		{IP_V4, {{0, 0xc0a80000}, {0, 0xc0a8ffff}}},
		{IP_V4, {{0, 0x64400000}, {0, 0x647fffff}}}, /* RFC 6598 */
		{IP_V4, {{0, 0xa9fe0000}, {0, 0xa9feffff}}}, /* link-local */
		{IP_V6, {{0xfc00000000000000, 0}, {0xfdffffffffffffff, UINT64_MAX}}},
		{IP_V6, {{0xfe80000000000000, 0}, {0xfebfffffffffffff, UINT64_MAX}}},
	};

	for (size_t i = 0; i < COUNT_OF(inside); i++)
		if (inside[i].family == family && ip_cmp(range.first, inside[i].range.last) <= 0 &&
		    ip_cmp(inside[i].range.first, range.last) <= 0)
			return true;
	return false;
}

static bool
is_service(const struct fleet *f, enum ip_family family, struct ip_range range)
{
	char text[46];

	if (ip_cmp(range.first, range.last) != 0)
		return false;
	ip_format(family, range.first, text);
	return fleet_service_by_ip(f, text);
}

static bool
by_block(const struct question *q, const struct way *ways, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (ways[i].peer && ways[i].peer->type == PEER_BLOCK && ports_has(&ways[i].ports, q->protocol, q->port))
			return true;
	return false;
}

static void
look_at_range(void *ctx, struct ip_range range, const struct port_set *ports UNUSED, const struct way *ways, size_t n)
{
	struct question *q = ctx;
	struct range_question r = {q->family, range};

	if (q->found || !by_block(q, ways, n))
		return;
	if (q->dns && q->family == IP_V4 && in_range(range, node_local_dns))
		q->found = true;
	else if (q->known)
		q->found = !each_address(q, is_outside, &r);
	else
		q->found = may_hold_pods(q->family, range) && !is_service(q->fleet, q->family, range);
}

static bool
denied(struct question *q, enum direction d, uint32_t from, uint32_t to)
{
	struct way *ways;
	size_t n = reach_denials(q->fleet->reach, d, from, to, &q->scratch, &ways);

	for (size_t i = 0; i < n; i++)
		if (ports_has(&ways[i].ports, q->protocol, q->port))
			return true;
	return false;
}

static bool
end_open(struct question *q, enum direction d, uint32_t from, uint32_t to)
{
	const struct reach *r = q->fleet->reach;
	uint32_t subject = d == DIRECTION_EGRESS ? from : to, other = d == DIRECTION_EGRESS ? to : from;
	struct port_set ports = reach_end(r, d, from, to, &q->scratch);

	if (ports_has(&ports, q->protocol, q->port))
		return true;
	if (denied(q, d, from, to))
		return false;
	q->others = reach_class_workloads(r, other, &q->n_others);
	q->known = !each_address(q, stop, NULL);
	q->found = false;
	for (q->family = IP_V4; !q->found; q->family = IP_V6) {
		reach_each_range(r, d, subject, q->family, &q->scratch, look_at_range, q);
		if (q->family == IP_V6)
			break;
	}
	return q->found;
}

struct path
path_find(const struct fleet *f, const struct workload *from, const struct workload *to, enum protocol p, uint16_t port)
{
	struct question q = {.fleet = f, .protocol = p, .port = port};
	struct path path = {.egress = true, .ingress = true};
	size_t n_from, n_to;
	const uint32_t *sources = reach_classes(f->reach, from, &n_from), *targets = reach_classes(f->reach, to, &n_to);

	for (size_t i = 0; i < n_from && path.egress && path.ingress; i++) {
		for (size_t k = 0; k < n_to && path.egress && path.ingress; k++) {
			path.from = sources[i];
			path.to = targets[k];
			path.egress = end_open(&q, DIRECTION_EGRESS, sources[i], targets[k]);
			path.ingress = end_open(&q, DIRECTION_INGRESS, sources[i], targets[k]);
			arena_reset(&q.scratch);
		}
	}
	arena_free(&q.scratch);
	return path;
}

/* The best that one class has: what is open at both ends, else out of its own. */
static struct path
class_to_dns(struct question *q, uint32_t from)
{
	static const enum protocol protocols[] = {PROTOCOL_UDP, PROTOCOL_TCP};
	struct path best = {.from = from};
	size_t n;
	const uint32_t *dns = reach_dns(q->fleet->reach, &n);

	best.to = dns[0];
	for (size_t i = 0; i < n && !(best.egress && best.ingress); i++) {
		for (size_t p = 0; p < COUNT_OF(protocols) && !(best.egress && best.ingress); p++) {
			struct path path = {.from = from, .to = dns[i]};

			q->protocol = protocols[p];
			path.egress = end_open(q, DIRECTION_EGRESS, from, dns[i]);
			path.ingress = path.egress && end_open(q, DIRECTION_INGRESS, from, dns[i]);
			if (path.egress)
				best = path;
		}
	}
	return best;
}

struct path
path_to_dns(const struct fleet *f, const struct workload *from)
{
	struct question q = {.fleet = f, .port = 53, .dns = true};
	struct path path = {.egress = true, .ingress = true};
	size_t n;
	const uint32_t *sources = reach_classes(f->reach, from, &n);

	for (size_t i = 0; i < n && path.egress && path.ingress; i++) {
		path = class_to_dns(&q, sources[i]);
		arena_reset(&q.scratch);
	}
	arena_free(&q.scratch);
	return path;
}
