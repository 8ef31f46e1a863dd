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
#include "fleet/reach.h"

/* ---- random clusters, as text: they pass through the decoders like everything else */

static uint64_t seed;

static unsigned
pick(unsigned n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(seed >> 33) % n;
}

static bool
chance(unsigned percent)
{
	return pick(100) < percent;
}

static const char *const apps[] = {"a", "b", "c"};
static const char *const tiers[] = {"x", "y"};
static const char *const protocols[] = {"TCP", "UDP", "SCTP"};
static const char *const port_names[] = {"web", "dns", "nope"};
static const unsigned ports[] = {1, 53, 80, 443, 8000, 8888, 65535};
static const char *const v4_blocks[] = {"0.0.0.0/0", "10.0.0.0/8", "10.1.0.0/16", "203.0.113.7/32", "128.0.0.0/1"};
static const char *const v6_blocks[] = {"::/0", "fd00::/8", "2001:db8::/32", "2001:db8::1/128", "8000::/1"};

static void
add_selector(struct buf *t, const char *key, const char *label)
{
	const char *value = str_eq(label, "app") ? apps[pick(3)] : str_eq(label, "tier") ? tiers[pick(2)] : tiers[pick(2)];

	switch (pick(7)) {
	case 0:
		buf_addf(t, "%s: {}", key);
		break;
	case 1:
	case 2:
	case 3:
		buf_addf(t, "%s: {matchLabels: {%s: %s}}", key, label, value);
		break;
	case 4:
		buf_addf(t, "%s: {matchExpressions: [{key: %s, operator: NotIn, values: [%s]}]}", key, label, value);
		break;
	case 5:
		buf_addf(t, "%s: {matchExpressions: [{key: %s, operator: %s}]}", key, label,
			 chance(50) ? "Exists" : "DoesNotExist");
		break;
	default:
		buf_addf(t, "%s: {matchExpressions: [{key: %s, operator: In, values: [%s, q]}]}", key, label, value);
	}
}

static void
add_pod(struct buf *t, unsigned ns, unsigned i)
{
	buf_addf(t, "---\napiVersion: v1\nkind: Pod\nmetadata: {name: p%u, namespace: n%u, labels: {", i, ns);
	if (chance(85))
		buf_addf(t, "app: %s, ", apps[pick(3)]);
	if (chance(60))
		buf_addf(t, "tier: %s, ", tiers[pick(2)]);
	buf_addf(t, "z: z}}\nspec:\n  hostNetwork: %s\n  containers:\n  - name: c\n    image: i\n    ports:\n",
		 chance(8) ? "true" : "false");
	buf_addf(t, "    - {name: web, containerPort: %u, protocol: %s}\n", ports[pick(7)], protocols[pick(3)]);
	buf_addf(t, "    - {name: dns, containerPort: 53, protocol: %s}\n", protocols[pick(2)]);
}

static void
add_ports(struct buf *t, const char *indent)
{
	unsigned n = pick(4);

	if (!n && chance(50))
		return;
	buf_addf(t, "%sports:%s\n", indent, n ? "" : " []");
	for (unsigned i = 0; i < n; i++) {
		unsigned first = ports[pick(6)], kind = pick(4);

		buf_addf(t, "%s- {protocol: %s", indent, protocols[pick(3)]);
		if (kind == 0)
			buf_addf(t, ", port: %s", port_names[pick(3)]);
		else if (kind < 3)
			buf_addf(t, ", port: %u", first);
		if (kind == 2)
			buf_addf(t, ", endPort: %u", first + pick(65535 - first));
		buf_adds(t, "}\n");
	}
}

static void
add_block(struct buf *t, bool brackets)
{
	bool v6 = chance(40);

	if (brackets) {
		buf_addf(t, "networks: [\"%s\"]", v6 ? v6_blocks[pick(5)] : v4_blocks[pick(5)]);
		return;
	}
	if (chance(40))
		buf_addf(t, "ipBlock: {cidr: \"%s\", except: [\"%s\"]}", v6 ? "::/0" : "0.0.0.0/0",
			 v6 ? v6_blocks[1 + pick(4)] : v4_blocks[1 + pick(4)]);
	else
		buf_addf(t, "ipBlock: {cidr: \"%s\"}", v6 ? v6_blocks[pick(5)] : v4_blocks[pick(5)]);
}

static void
add_rules(struct buf *t, const char *direction, const char *peers)
{
	unsigned n = pick(4);

	if (!n) {
		if (chance(40))
			buf_addf(t, "  %s: []\n", direction);
		return;
	}
	buf_addf(t, "  %s:\n", direction);
	for (unsigned i = 0; i < n; i++) {
		unsigned n_peers = pick(3);

		buf_addf(t, "  - %s:%s\n", peers, n_peers ? "" : " []");
		for (unsigned k = 0; k < n_peers; k++) {
			buf_adds(t, "    - {");
			if (chance(35)) {
				add_block(t, false);
			} else if (chance(50)) {
				add_selector(t, "podSelector", chance(60) ? "app" : "tier");
				if (chance(50)) {
					buf_adds(t, ", ");
					add_selector(t, "namespaceSelector", "team");
				}
			} else {
				add_selector(t, "namespaceSelector", "team");
			}
			buf_adds(t, "}\n");
		}
		add_ports(t, "    ");
	}
}

static void
add_network_policy(struct buf *t, unsigned ns, unsigned i)
{
	static const char *const types[] = {"", "  policyTypes: [Ingress]\n", "  policyTypes: [Egress]\n",
					    "  policyTypes: [Ingress, Egress]\n", "  policyTypes: [Egress]\n"};

	buf_addf(t, "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: np%u, namespace: n%u}\nspec:\n  ",
		 i, ns);
	add_selector(t, "podSelector", chance(60) ? "app" : "tier");
	buf_addf(t, "\n%s", types[pick(5)]);
	add_rules(t, "ingress", "from");
	add_rules(t, "egress", "to");
}

static void
add_admin_policy(struct buf *t, unsigned i)
{
	static const char *const actions[] = {"Accept", "Deny", "Pass"};

	buf_addf(t, "---\napiVersion: policy.networking.k8s.io/v1alpha2\nkind: ClusterNetworkPolicy\nmetadata: {name: c%u}\nspec:\n"
		    "  tier: %s\n  priority: %u\n  subject: {",
		 i, chance(60) ? "Admin" : "Baseline", 10 + i);
	add_selector(t, "namespaces", "team");
	buf_adds(t, "}\n");
	for (int dir = 0; dir < 2; dir++) {
		unsigned n = pick(3);

		if (n)
			buf_addf(t, "  %s:\n", dir ? "ingress" : "egress");
		for (unsigned k = 0; k < n; k++) {
			buf_addf(t, "  - action: %s\n    %s:\n    - {", actions[pick(3)], dir ? "from" : "to");
			if (!dir && chance(25)) {
				add_block(t, true);
			} else if (chance(50)) {
				add_selector(t, "namespaces", "team");
			} else {
				buf_adds(t, "pods: {");
				add_selector(t, "namespaceSelector", "team");
				buf_adds(t, ", ");
				add_selector(t, "podSelector", "app");
				buf_adds(t, "}");
			}
			buf_adds(t, "}\n");
			if (chance(60))
				buf_addf(t, "    protocols:\n    - {%s: {destinationPort: {number: %u}}}\n", chance(70) ? "tcp" : "udp",
					 ports[pick(7)]);
		}
	}
}

static struct fleet *
load(const struct buf *text, const struct settings *settings)
{
	struct object_set set = {0};
	struct err e = {0};
	struct fleet *f;

	if (!files_read_memory("random", text->data, text->len, "default", &set, &e))
		fail_msg("%s\n%s", e.msg, text->data);
	f = fleet_new(&(struct fleet_input){.source = {.type = SOURCE_FILES}, .objects = &set, .settings = settings});
	object_set_free(&set);
	return f;
}

static void
random_cluster(struct buf *t, bool admin)
{
	unsigned n_ns = 1 + pick(3);

	for (unsigned ns = 0; ns < n_ns; ns++) {
		unsigned n_pods = 1 + pick(3), n_policies = pick(3);

		if (chance(80))
			buf_addf(t, "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: n%u, labels: {team: %s}}\n", ns,
				 tiers[pick(2)]);
		for (unsigned i = 0; i < n_pods; i++)
			add_pod(t, ns, i);
		for (unsigned i = 0; i < n_policies; i++)
			add_network_policy(t, ns, i);
	}
	for (unsigned i = 0; admin && i < 3; i++)
		if (chance(60))
			add_admin_policy(t, i);
}

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
