/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The evaluator against one that is slow and obvious: thousands of random clusters, every pair of pods, every port and
 * address at which an answer can change.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include "decode/files.h"
#include "fleet/reach_index.h"
#include "tests/unit/random_cluster.h"

/* ---- the slow and obvious evaluator: one connection at a time */

struct connection {
	const struct pod_class *from, *to; /* NULL: the address */
	enum ip_family family;
	struct ip ip;
	enum protocol protocol;
	unsigned port;
};

static bool
naive_label(const struct selector *s, const struct labels *l)
{
	for (size_t i = 0; i < s->n; i++) {
		const char *value = labels_get(l, s->at[i].key);
		bool in = false;

		for (size_t k = 0; k < s->at[i].n_values; k++)
			in |= value && strcmp(value, s->at[i].values[k]) == 0;
		if ((s->at[i].op == OP_IN && !in) || (s->at[i].op == OP_NOT_IN && in) || (s->at[i].op == OP_EXISTS && !value) ||
		    (s->at[i].op == OP_DOES_NOT_EXIST && value))
			return false;
	}
	return true;
}

static bool
naive_selects(const struct policy *p, const struct selector *namespaces, const struct selector *pods,
	      const struct pod_class *c)
{
	if (c->host_network)
		return false;
	if (namespaces->present ? !naive_label(namespaces, c->namespace_labels)
				: strcmp(p->object.namespace, c->namespace) != 0)
		return false;
	return naive_label(pods, c->labels);
}

static bool
inside(struct ip_range r, struct ip ip)
{
	return ip_cmp(r.first, ip) <= 0 && ip_cmp(ip, r.last) <= 0;
}

static bool
naive_peer(const struct policy *p, const struct policy_rule *rule, const struct policy_peer *peer, const struct pod_class *c,
	   const struct connection *conn)
{
	if (peer->type == PEER_PODS)
		return c && naive_selects(p, &peer->namespaces, &peer->pods, c);
	if (peer->type != PEER_BLOCK)
		return false;
	if (c) /* pods and blocks: only in admin policies, erring towards "may" */
		return p->tier != TIER_NETWORK && (rule->action == ACTION_ACCEPT || str_eq(peer->text, "0.0.0.0/0") ||
						   str_eq(peer->text, "::/0"));
	if (peer->family != conn->family || !inside(peer->block, conn->ip))
		return false;
	for (size_t i = 0; i < peer->n_except; i++)
		if (inside(peer->except[i], conn->ip))
			return false;
	return true;
}

static bool
naive_port(const struct policy_port *port, const struct connection *c)
{
	if (!port->name)
		return port->protocol == c->protocol && c->port >= port->first && c->port <= port->last;
	for (size_t i = 0; c->to && i < c->to->spec->n_containers; i++) {
		const struct container *k = &c->to->spec->containers[i];

		for (size_t j = 0; j < k->n_ports; j++)
			if (str_eq(k->ports[j].name, port->name) && (unsigned)k->ports[j].port == c->port &&
			    str_eq(k->ports[j].protocol, protocol_name(c->protocol)) && port->protocol == c->protocol)
				return true;
	}
	return false;
}

static bool
naive_rule(const struct policy *p, const struct policy_rule *r, const struct pod_class *other, const struct connection *c)
{
	bool peer = !r->n_peers, port = !r->n_ports;

	for (size_t i = 0; i < r->n_peers; i++)
		peer |= naive_peer(p, r, &r->peers[i], other, c);
	for (size_t i = 0; i < r->n_ports; i++)
		port |= naive_port(&r->ports[i], c);
	return peer && port;
}

/* -1: this tier has not decided. */
static int
naive_admin(const struct fleet *f, enum policy_tier tier, enum direction d, const struct pod_class *subject,
	    const struct pod_class *other, const struct connection *c)
{
	int64_t best = INT64_MAX;
	int answer = -1;

	for (size_t i = 0; i < f->n_policies; i++) {
		const struct policy *p = object_policy(f->policies[i]);

		if (p->tier != tier || p->priority >= best || !naive_selects(p, &p->namespaces, &p->pods, subject))
			continue;
		for (size_t k = 0; k < p->n_rules[d]; k++) {
			if (!naive_rule(p, &p->rules[d][k], other, c))
				continue;
			best = p->priority;
			answer = p->rules[d][k].action == ACTION_ACCEPT ? 1 : p->rules[d][k].action == ACTION_DENY ? 0 : -1;
			break;
		}
	}
	return answer;
}

static bool
naive_end(const struct fleet *f, enum direction d, const struct connection *c)
{
	const struct pod_class *subject = d == DIRECTION_EGRESS ? c->from : c->to;
	const struct pod_class *other = d == DIRECTION_EGRESS ? c->to : c->from;
	bool isolated = false, allowed = false;
	int answer;

	if (!subject || subject->host_network)
		return true;
	answer = naive_admin(f, TIER_ADMIN, d, subject, other, c);
	if (answer >= 0)
		return answer;
	for (size_t i = 0; i < f->n_policies; i++) {
		const struct policy *p = object_policy(f->policies[i]);

		if (p->tier != TIER_NETWORK || !p->isolates[d] || !naive_selects(p, &p->namespaces, &p->pods, subject))
			continue;
		isolated = true;
		for (size_t k = 0; k < p->n_rules[d]; k++)
			allowed |= naive_rule(p, &p->rules[d][k], other, c);
	}
	if (isolated)
		return allowed;
	answer = naive_admin(f, TIER_BASELINE, d, subject, other, c);
	return answer != 0;
}

/* ---- comparison */

/* Ports at which an answer can change, and their neighbours. */
static const unsigned probes[] = {1, 2, 52, 53, 54, 79, 80, 81, 442, 443, 444, 7999, 8000, 8001, 8887, 8888, 8889, 65534, 65535};

static void
collect_range_ends(const struct fleet *f, unsigned *at, size_t *n)
{
	memcpy(at, probes, sizeof(probes));
	*n = COUNT_OF(probes);
	for (size_t i = 0; i < f->n_policies; i++) {
		const struct policy *p = object_policy(f->policies[i]);

		for (int d = 0; d < DIRECTIONS; d++)
			for (size_t k = 0; k < p->n_rules[d]; k++)
				for (size_t j = 0; j < p->rules[d][k].n_ports && *n < 100; j++)
					if (p->rules[d][k].ports[j].last < 65535) {
						at[(*n)++] = p->rules[d][k].ports[j].last;
						at[(*n)++] = p->rules[d][k].ports[j].last + 1u;
					}
	}
}

/* cmocka cuts long messages: the cluster goes to the log first. */
#define FAIL(text, ...)                     \
	do {                                \
		fputs((text), stderr);      \
		fail_msg(__VA_ARGS__);      \
	} while (0)

static void
compare_ports(const struct fleet *f, const struct port_set *got, struct connection c, const char *text)
{
	unsigned at[128];
	size_t n;

	collect_range_ends(f, at, &n);
	for (int p = 0; p < PROTOCOLS; p++) {
		for (size_t i = 0; i < n; i++) {
			bool wanted;

			c.protocol = (enum protocol)p;
			c.port = at[i];
			wanted = naive_end(f, DIRECTION_EGRESS, &c) && naive_end(f, DIRECTION_INGRESS, &c);
			if (ports_has(got, c.protocol, (uint16_t)at[i]) != wanted)
				FAIL(text, "%s %u from %s to %s: %s expected", protocols[p], at[i],
				     c.from ? c.from->namespace : "address", c.to ? c.to->namespace : "address",
				     wanted ? "allowed" : "denied");
		}
	}
}

struct found {
	bool at[64];
	struct port_set ports[64];
};

static bool
note_class(void *ctx, size_t other, const struct port_set *got)
{
	struct found *found = ctx;

	assert_false(found->at[other]);
	found->at[other] = true;
	found->ports[other] = *got;
	return true;
}

static void
compare_pods(const struct fleet *f, const char *text)
{
	AUTO(arena) struct arena a = {0};
	struct reach *r = f->reach;
	size_t n = reach_n_classes(r);

	assert_true(n <= 64);
	for (size_t i = 0; i < n; i++) {
		struct found to = {0}, from = {0};

		reach_each(r, DIRECTION_EGRESS, i, &a, note_class, &to);
		reach_each(r, DIRECTION_INGRESS, i, &a, note_class, &from);
		for (size_t k = 0; k < n; k++) {
			struct port_set out, in;

			if (i == k)
				continue;
			out = reach_pods(r, i, k, &a);
			in = reach_pods(r, k, i, &a);
			compare_ports(f, &out, (struct connection){.from = reach_class(r, i), .to = reach_class(r, k)}, text);
			if (to.at[k] != !ports_empty(&out) || (to.at[k] && !ports_equal(&to.ports[k], &out)) ||
			    from.at[k] != !ports_empty(&in) || (from.at[k] && !ports_equal(&from.ports[k], &in)))
				FAIL(text, "the list of peers of class %zu is wrong about %zu", i, k);
		}
	}
}

static struct port_set
ports_at(const struct reach_range *ranges, size_t n, struct ip ip)
{
	for (size_t i = 0; i < n; i++)
		if (inside(ranges[i].range, ip))
			return ranges[i].ports;
	return ports_none;
}

static void
compare_addresses(const struct fleet *f, enum direction d, const char *text)
{
	static const char *const v4[] = {"0.0.0.0", "9.255.255.255", "10.0.0.0", "10.0.255.255", "10.1.0.0", "10.1.255.255",
					 "10.2.0.0", "10.255.255.255", "11.0.0.0", "127.255.255.255", "128.0.0.0", "203.0.113.6",
					 "203.0.113.7", "203.0.113.8", "255.255.255.255"};
	static const char *const v6[] = {"::", "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db8::", "2001:db8::1", "2001:db8::2",
					 "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db9::", "7fff::", "8000::", "fcff::1",
					 "fd00::", "fdff::1", "fe00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"};
	AUTO(arena) struct arena a = {0};

	for (size_t c = 0; c < reach_n_classes(f->reach); c++) {
		for (int family = 0; family < 2; family++) {
			const char *const *samples = family ? v6 : v4;
			struct reach_range *ranges;
			size_t n = reach_addresses(f->reach, d, c, family ? IP_V6 : IP_V4, &a, &ranges);

			for (size_t i = 1; i < n; i++)
				assert_true(ip_cmp(ranges[i - 1].range.last, ranges[i].range.first) < 0);
			for (size_t i = 0; i < (family ? COUNT_OF(v6) : COUNT_OF(v4)); i++) {
				const struct pod_class *own = reach_class(f->reach, c);
				struct connection conn = {.from = d == DIRECTION_EGRESS ? own : NULL,
							  .to = d == DIRECTION_EGRESS ? NULL : own};
				struct port_set got;

				assert_true(ip_parse(samples[i], &conn.family, &conn.ip));
				got = ports_at(ranges, n, conn.ip);
				compare_ports(f, &got, conn, text);
			}
		}
	}
}

static void
random_clusters(unsigned n, bool admin)
{
	static const struct settings settings = {.trust_objects = true};

	for (unsigned i = 0; i < n; i++) {
		AUTO(buf) struct buf text = {0};
		struct fleet *f;

		seed = i * 2654435761u + admin;
		random_cluster(&text, admin);
		f = load(&text, &settings);
		f->reach->large = i % 2 ? 1 : f->reach->large;
		compare_pods(f, text.data);
		compare_addresses(f, DIRECTION_EGRESS, text.data);
		compare_addresses(f, DIRECTION_INGRESS, text.data);
		fleet_unref(f);
	}
}

static void
random_network_policies(void **state UNUSED)
{
	random_clusters(1500, false);
}

static void
random_with_admin_policies(void **state UNUSED)
{
	random_clusters(1500, true);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_network_policies),
		cmocka_unit_test(random_with_admin_policies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
