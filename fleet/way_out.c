/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/way_out.h"

#include "fleet/egress.h"
#include "fleet/reach.h"

struct search {
	bool any; /* any address will do */
	struct ip ip;
	uint16_t port;
	struct way_out *out;
};

static void
look_at_range(void *ctx, struct ip_range range, const struct port_set *ports, const struct way *ways, size_t n)
{
	struct search *s = ctx;

	if (s->out->policy || !ports_has(ports, PROTOCOL_TCP, s->port) ||
	    (!s->any && (ip_cmp(s->ip, range.first) < 0 || ip_cmp(s->ip, range.last) > 0)))
		return;
	s->out->verdict = WAY_OUT_UNRESTRICTED;
	for (size_t i = 0; i < n; i++) {
		if (!ways[i].policy || !ports_has(&ways[i].ports, PROTOCOL_TCP, s->port))
			continue;
		*s->out = (struct way_out){WAY_OUT_RULE, ways[i].policy, ways[i].rule};
		return;
	}
}

static void
look_outside(const struct fleet *f, const struct workload *w, enum ip_family family, struct search *s)
{
	AUTO(arena) struct arena scratch = {0};
	size_t n;
	const uint32_t *classes = reach_classes(f->reach, w, &n);

	for (size_t i = 0; i < n && s->out->verdict == WAY_OUT_NONE; i++)
		reach_each_range(f->reach, DIRECTION_EGRESS, classes[i], family, &scratch, look_at_range, s);
}

/* Is it let through to some pods on that port? */
static bool
reaches_pods(const struct egress *e, uint16_t port)
{
	for (size_t i = 0; i < e->n_allows; i++)
		if (e->allows[i].to >= ALLOW_PODS && ports_has(&e->allows[i].ports, PROTOCOL_TCP, port))
			return true;
	return e->outside; /* of other namespaces, which were not read */
}

struct way_out
way_out_find(const struct fleet *f, const struct workload *w, const char *host, int port)
{
	struct way_out out = {.verdict = WAY_OUT_NONE};
	struct search s = {.port = (uint16_t)port, .out = &out};
	const struct egress *e = w->egress;
	enum ip_family family;

	if (!f->reach || !e)
		return (struct way_out){.verdict = WAY_OUT_UNKNOWN};
	if (e->host_network || !e->isolated)
		return (struct way_out){.verdict = WAY_OUT_UNRESTRICTED};
	s.any = !ip_parse(host, &family, &s.ip);
	if (s.any) {
		look_outside(f, w, IP_V4, &s);
		family = IP_V6;
	}
	if (out.verdict == WAY_OUT_NONE)
		look_outside(f, w, family, &s);
	/* pods have no public addresses of IPv4 but where somebody went out of his way */
	if (out.verdict == WAY_OUT_NONE && (s.any || family == IP_V6 || !ip_is_public(family, s.ip)) &&
	    reaches_pods(e, s.port))
		out.verdict = WAY_OUT_UNKNOWN;
	return out;
}
