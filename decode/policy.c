/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NetworkPolicy, and the cluster-wide policies of policy.networking.k8s.io: AdminNetworkPolicy and
 * BaselineAdminNetworkPolicy (v1alpha1), ClusterNetworkPolicy (v1alpha2). What the API server would refuse is refused: a
 * policy that is read as something else than it says is worse than none.
 */
#include <string.h>

#include "base/str.h"
#include "decode/kinds.h"
#include "fleet/policy.h"

#define LAST_PORT 65535
#define LARGEST_PRIORITY 1000

static const struct {
	const char *rules, *peers;
} keys[DIRECTIONS] = {
	[DIRECTION_EGRESS] = {"egress", "to"},
	[DIRECTION_INGRESS] = {"ingress", "from"},
};

/* ---- ports */

static enum protocol
decode_protocol(struct decoder *d, const struct node *parent)
{
	const char *name = field_str_or(d, parent, "protocol", "TCP");
	enum protocol p = PROTOCOL_TCP;

	if (!protocol_parse(name, &p))
		field_fail(d, node_get(parent, "protocol"), "TCP, UDP or SCTP expected, got %.100s", name);
	return p;
}

static void
decode_range(struct decoder *d, const struct node *n, const char *first, const char *last, struct policy_port *p)
{
	p->first = (uint16_t)field_int(d, n, first, 1, 1, LAST_PORT);
	p->last = (uint16_t)field_int(d, n, last, p->first, 1, LAST_PORT);
	if (p->last < p->first)
		field_fail(d, node_get(n, last), "%u is below %s %u", p->last, first, p->first);
}

static struct policy_port
decode_network_port(struct decoder *d, const struct node *n)
{
	const struct node *port = field_get(n, "port"), *end = field_get(n, "endPort");
	struct policy_port p = {.protocol = decode_protocol(d, n), .first = 1, .last = LAST_PORT, .line = n->line};

	if (port && port->type == NODE_STRING)
		p.name = field_scalar(d, port);
	else if (port)
		decode_range(d, n, "port", end ? "endPort" : "port", &p);
	if (end && (!port || p.name))
		field_fail(d, end, "endPort needs a port that is a number");
	return p;
}

/* v1alpha1: portNumber, portRange or namedPort. */
static struct policy_port
decode_admin_port(struct decoder *d, const struct node *n)
{
	const struct node *number = field_map(d, n, "portNumber"), *range = field_map(d, n, "portRange");
	struct policy_port p = {.name = field_str(d, n, "namedPort"), .any_protocol = true, .first = 1, .last = LAST_PORT,
				.line = n->line};

	if (number) {
		p.protocol = decode_protocol(d, number);
		decode_range(d, number, "port", "port", &p);
	} else if (range) {
		p.protocol = decode_protocol(d, range);
		decode_range(d, range, "start", "end", &p);
	} else if (!p.name) {
		field_fail(d, n, "portNumber, portRange or namedPort expected");
	}
	return p;
}

/* v1alpha2: tcp, udp or sctp with an optional destinationPort, or destinationNamedPort. */
static struct policy_port
decode_cluster_port(struct decoder *d, const struct node *n)
{
	static const char *const words[PROTOCOLS] = {"tcp", "udp", "sctp"};
	struct policy_port p = {.name = field_str(d, n, "destinationNamedPort"), .any_protocol = true, .first = 1,
				.last = LAST_PORT, .line = n->line};

	for (int i = 0; i < PROTOCOLS; i++) {
		const struct node *match = field_map(d, n, words[i]);
		const struct node *port = field_map(d, match, "destinationPort");

		if (!match)
			continue;
		p.protocol = (enum protocol)i;
		if (field_get(port, "range"))
			decode_range(d, field_map(d, port, "range"), "start", "end", &p);
		else if (port)
			decode_range(d, port, "number", "number", &p);
		return p;
	}
	if (!p.name)
		field_fail(d, n, "tcp, udp, sctp or destinationNamedPort expected");
	return p;
}

static void
decode_ports(struct decoder *d, const struct node *rule, const char *key,
	     struct policy_port (*decode)(struct decoder *, const struct node *), struct policy_rule *out)
{
	const struct node *list = field_maps(d, rule, key);
	struct policy_port *at = FIELD_ARRAY(d, struct policy_port, node_count(list));

	out->ports = at;
	node_each(n, list)
		at[out->n_ports++] = decode(d, n);
}

/* ---- peers */

static void
decode_cidr(struct decoder *d, const struct node *n, enum ip_family *family, struct ip_range *range, const char **text)
{
	*text = field_scalar(d, n);
	if (!*text || !cidr_parse(*text, family, range))
		field_fail(d, n, "\"%.100s\" is no address block", *text ? *text : "");
}

static void
decode_block(struct decoder *d, const struct node *n, struct policy_peer *p)
{
	const struct node *list = field_list(d, n, "except");
	struct ip_range *except = FIELD_ARRAY(d, struct ip_range, node_count(list));

	p->type = PEER_BLOCK;
	p->except = except;
	if (!field_get(n, "cidr")) {
		field_missing(d, n, "cidr");
		return;
	}
	decode_cidr(d, node_get(n, "cidr"), &p->family, &p->block, &p->text);
	node_each(e, list) {
		struct ip_range *range = &except[p->n_except++];
		enum ip_family family = p->family;
		const char *text;

		decode_cidr(d, e, &family, range, &text);
		if (family != p->family || ip_cmp(range->first, p->block.first) < 0 || ip_cmp(range->last, p->block.last) > 0)
			field_fail(d, e, "\"%.100s\" is not inside the block \"%.100s\"", text ? text : "",
				   p->text ? p->text : "");
	}
}

static struct policy_peer
decode_network_peer(struct decoder *d, const struct node *n)
{
	const struct node *block = field_map(d, n, "ipBlock");
	struct policy_peer p = {.type = PEER_PODS, .line = n->line};

	if (!block) {
		p.namespaces = selector_decode(d, n, "namespaceSelector");
		p.pods = selector_decode(d, n, "podSelector");
		if (!p.namespaces.present && !p.pods.present)
			field_fail(d, n, "a peer needs a podSelector, a namespaceSelector or an ipBlock");
		return p;
	}
	if (field_get(n, "podSelector") || field_get(n, "namespaceSelector"))
		field_fail(d, n, "an ipBlock stands alone: no podSelector or namespaceSelector beside it");
	decode_block(d, block, &p);
	return p;
}

/* namespaces: SELECTOR, or pods: {namespaceSelector, podSelector}; both are cluster-wide. */
static bool
decode_admin_pods(struct decoder *d, const struct node *n, struct selector *namespaces, struct selector *pods)
{
	const struct node *both = field_map(d, n, "pods");

	if (both) {
		*namespaces = selector_decode(d, both, "namespaceSelector");
		*pods = selector_decode(d, both, "podSelector");
	} else if (field_get(n, "namespaces")) {
		*namespaces = selector_decode(d, n, "namespaces");
	} else {
		return false;
	}
	namespaces->present = true;
	return true;
}

/* One written peer may hold several blocks or names: each becomes a peer. */
static void
decode_admin_peer(struct decoder *d, const struct node *n, struct policy_peer *at, size_t *n_at)
{
	const struct node *networks = field_list(d, n, "networks"), *domains = field_list(d, n, "domainNames");
	struct policy_peer p = {.line = n->line};

	node_each(cidr, networks) {
		p.type = PEER_BLOCK;
		decode_cidr(d, cidr, &p.family, &p.block, &p.text);
		at[(*n_at)++] = p;
	}
	node_each(name, domains) {
		p.type = PEER_DOMAINS;
		p.text = field_scalar(d, name);
		at[(*n_at)++] = p;
	}
	if (networks || domains)
		return;
	if (field_get(n, "nodes"))
		p.type = PEER_NODES;
	else
		p.type = decode_admin_pods(d, n, &p.namespaces, &p.pods) ? PEER_PODS : PEER_OTHER;
	at[(*n_at)++] = p;
}

static size_t
count_admin_peers(const struct node *list)
{
	size_t n = 0;

	node_each(peer, list)
		n += 1 + node_count(node_get(peer, "networks")) + node_count(node_get(peer, "domainNames"));
	return n;
}

/* ---- rules */

static struct policy_rule
decode_network_rule(struct decoder *d, const struct node *n, enum direction dir)
{
	const struct node *list = field_maps(d, n, keys[dir].peers);
	struct policy_peer *peers = FIELD_ARRAY(d, struct policy_peer, node_count(list));
	struct policy_rule rule = {.action = ACTION_ACCEPT, .peers = peers, .line = n->line};

	node_each(peer, list)
		peers[rule.n_peers++] = decode_network_peer(d, peer);
	decode_ports(d, n, "ports", decode_network_port, &rule);
	return rule;
}

static enum policy_action
decode_action(struct decoder *d, const struct node *rule, bool baseline)
{
	const char *word = field_need(d, rule, "action");

	if (str_eq(word, "Accept") || str_eq(word, "Allow"))
		return ACTION_ACCEPT;
	if (str_eq(word, "Pass") && !baseline)
		return ACTION_PASS;
	if (!str_eq(word, "Deny"))
		field_fail(d, node_get(rule, "action"), "Accept (Allow), Deny%s expected, got %.100s", baseline ? "" : " or Pass",
			   word);
	return ACTION_DENY;
}

static struct policy_rule
decode_admin_rule(struct decoder *d, const struct node *n, enum direction dir)
{
	const struct policy *p = (const struct policy *)d->object;
	const struct node *list = field_maps(d, n, keys[dir].peers);
	struct policy_peer *peers = FIELD_ARRAY(d, struct policy_peer, count_admin_peers(list));
	struct policy_rule rule = {.name = field_str(d, n, "name"), .peers = peers, .line = n->line};

	/* A ClusterNetworkPolicy may pass in its baseline tier; a BaselineAdminNetworkPolicy may not. */
	rule.action = decode_action(d, n, str_eq(p->object.kind, "BaselineAdminNetworkPolicy"));
	if (!node_count(list))
		field_missing(d, n, keys[dir].peers);
	node_each(peer, list) {
		decode_admin_peer(d, peer, peers, &rule.n_peers);
		if (peers[rule.n_peers - 1].type == PEER_OTHER && rule.action == ACTION_PASS)
			rule.action = ACTION_DENY;
	}
	if (field_get(n, "protocols"))
		decode_ports(d, n, "protocols", decode_cluster_port, &rule);
	else
		decode_ports(d, n, "ports", decode_admin_port, &rule);
	return rule;
}

static void
decode_rules(struct decoder *d, const struct node *spec,
	     struct policy_rule (*decode)(struct decoder *, const struct node *, enum direction))
{
	struct policy *p = (struct policy *)d->object;

	for (int dir = 0; dir < DIRECTIONS; dir++) {
		const struct node *list = field_maps(d, spec, keys[dir].rules);
		struct policy_rule *rules = FIELD_ARRAY(d, struct policy_rule, node_count(list));

		p->rules[dir] = rules;
		node_each(n, list)
			rules[p->n_rules[dir]++] = decode(d, n, (enum direction)dir);
	}
}

/* ---- policies */

/* Without policyTypes a policy is about ingress, and about egress only when it has such rules. */
static void
decode_types(struct decoder *d, const struct node *spec, struct policy *p)
{
	const struct node *types = field_list(d, spec, "policyTypes");

	if (!node_count(types)) {
		p->isolates[DIRECTION_INGRESS] = true;
		p->isolates[DIRECTION_EGRESS] = p->n_rules[DIRECTION_EGRESS] > 0;
	}
	node_each(n, types) {
		const char *word = field_scalar(d, n);

		if (str_eq(word, "Ingress"))
			p->isolates[DIRECTION_INGRESS] = true;
		else if (str_eq(word, "Egress"))
			p->isolates[DIRECTION_EGRESS] = true;
		else
			field_fail(d, n, "Ingress or Egress expected, got %.100s", word ? word : "null");
	}
}

void
network_policy_decode(struct decoder *d)
{
	struct policy *p = (struct policy *)d->object;
	const struct node *spec = field_map(d, d->doc, "spec");

	p->tier = TIER_NETWORK;
	p->pods = selector_decode(d, spec, "podSelector");
	decode_rules(d, spec, decode_network_rule);
	decode_types(d, spec, p);
}

void
admin_policy_decode(struct decoder *d)
{
	struct policy *p = (struct policy *)d->object;
	const struct node *spec = field_map(d, d->doc, "spec");
	const struct node *subject = field_map(d, spec, "subject");
	/* Only a ClusterNetworkPolicy says its tier; of the others each is in one. */
	const char *tier = field_str_or(d, spec, "tier", str_starts(p->object.kind, "Baseline") ? "Baseline" : "Admin");
	bool baseline = strcmp(tier, "Baseline") == 0;

	if (!baseline && strcmp(tier, "Admin") != 0)
		field_fail(d, node_get(spec, "tier"), "Admin or Baseline expected, got %.100s", tier);
	p->tier = baseline ? TIER_BASELINE : TIER_ADMIN;
	p->priority = field_int(d, spec, "priority", 0, 0, LARGEST_PRIORITY);
	if (!decode_admin_pods(d, subject, &p->namespaces, &p->pods))
		field_fail(d, subject ? subject : d->doc, "spec.subject needs namespaces or pods");
	decode_rules(d, spec, decode_admin_rule);
	for (int dir = 0; dir < DIRECTIONS; dir++)
		p->isolates[dir] = p->n_rules[dir] > 0;
}
