/* SPDX-License-Identifier: Apache-2.0 */
/* Random clusters with random policies, as YAML: they pass through the decoders like everything else. */
#ifndef TESTS_RANDOM_CLUSTER_H
#define TESTS_RANDOM_CLUSTER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"
#include "decode/files.h"
#include "fleet/fleet.h"

static uint64_t seed; /* the same one gives the same cluster */
static bool only_ipv4; /* no IPv6 blocks */

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
	bool v6 = !only_ipv4 && chance(40);

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

#endif
