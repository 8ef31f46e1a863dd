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
	enum direction direction;
	uint32_t subject;
	enum ip_family family;
	bool found;
};

/* Where addresses of pods may be that are not known. */
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
look_at_block(void *ctx, struct ip_range block, const struct port_set *ports)
{
	struct question *q = ctx;

	q->found = ports_has(ports, q->protocol, q->port) && !is_service(q->fleet, q->family, block);
	return !q->found;
}

static bool
is_met(struct question *q, enum ip_family family, struct ip_range range)
{
	q->family = family;
	q->found = false;
	reach_each_block(q->fleet->reach, q->direction, q->subject, family, range, &q->scratch, look_at_block, q);
	return q->found;
}

/* Does a block meet an address of these pods? *known: they have some. */
static bool
meets_pods(struct question *q, const struct workload *w, bool *known)
{
	const struct live *l = fleet_live(q->fleet, w);

	for (size_t i = 0; i < l->n_pods; i++) {
		for (size_t k = 0; !l->pods[i]->finished && k < l->pods[i]->n_ips; k++) {
			enum ip_family family;
			struct ip ip;

			if (!ip_parse(l->pods[i]->ips[k], &family, &ip))
				continue;
			*known = true;
			if (is_met(q, family, (struct ip_range){ip, ip}))
				return true;
		}
	}
	return false;
}

static bool
meets(struct question *q, uint32_t other)
{
	size_t n;
	const struct workload *const *at = reach_class_workloads(q->fleet->reach, other, &n);
	bool known = false;

	if (q->dns && q->direction == DIRECTION_EGRESS &&
	    is_met(q, IP_V4, (struct ip_range){node_local_dns, node_local_dns}))
		return true;
	for (size_t i = 0; i < n; i++)
		if (meets_pods(q, at[i], &known))
			return true;
	for (size_t i = 0; !known && i < COUNT_OF(inside); i++)
		if (is_met(q, inside[i].family, inside[i].range))
			return true;
	return false;
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
	q->direction = d;
	q->subject = subject;
	return meets(q, other);
}

struct path
path_find(const struct fleet *f, const struct workload *from, const struct workload *to, enum protocol p,
	  uint16_t port)
{
	struct question q = {.fleet = f, .protocol = p, .port = port};
	struct path path = {.egress = true, .ingress = true};
	size_t n_from, n_to;
	const uint32_t *sources = reach_classes(f->reach, from, &n_from),
		       *targets = reach_classes(f->reach, to, &n_to);

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
