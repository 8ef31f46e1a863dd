/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Network policies as they are written: NetworkPolicy, and ClusterNetworkPolicy, AdminNetworkPolicy and
 * BaselineAdminNetworkPolicy on the same model. decode/policy.c fills them and refuses what is malformed (a bad CIDR, an
 * exception outside its block, endPort below port, an unknown operator); fleet/reach.h evaluates them.
 */
#ifndef FLEET_POLICY_H
#define FLEET_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cidr.h"
#include "fleet/object.h"
#include "fleet/ports.h"

enum direction { DIRECTION_EGRESS, DIRECTION_INGRESS, DIRECTIONS };

enum peer_type {
	PEER_PODS, /* by namespace and pod selectors */
	PEER_BLOCK, /* addresses outside the cluster */
	PEER_NODES, /* admin policies: addresses of nodes; neither pods nor addresses outside */
	PEER_DOMAINS, /* admin policies, Accept only: names, so any address outside */
	PEER_OTHER, /* a kind this version does not know: see policy_rule */
};

struct policy_peer {
	enum peer_type type;
	struct selector namespaces; /* not present: the policy's own namespace (every one in an admin policy) */
	struct selector pods; /* not present: every pod */
	enum ip_family family;
	struct ip_range block;
	const struct ip_range *except;
	size_t n_except;
	const char *text; /* the block, or the domain name, as written; NULL otherwise */
	unsigned line;
};

struct policy_port {
	enum protocol protocol; /* TCP when not written */
	const char *name; /* a named port, resolved for each destination and protocol; else NULL */
	bool any_protocol; /* admin policies: a named port of whatever protocol */
	uint16_t first, last; /* without a name; every port of the protocol when none is written */
	unsigned line;
};

enum policy_action { ACTION_ACCEPT, ACTION_DENY, ACTION_PASS };

struct policy_rule {
	const char *name; /* admin policies; NULL */
	enum policy_action action; /* ACTION_ACCEPT in a NetworkPolicy */
	/*
	 * No peers: everywhere. The API asks a client to fail closed on a peer it does not know: such a peer matches
	 * nothing in an Accept rule, and makes any other rule one that denies everything.
	 */
	const struct policy_peer *peers;
	size_t n_peers;
	const struct policy_port *ports; /* none: all */
	size_t n_ports;
	unsigned line;
};

/* In the order in which they are asked. */
enum policy_tier { TIER_ADMIN, TIER_NETWORK, TIER_BASELINE };

struct policy {
	struct object object;
	enum policy_tier tier;
	int64_t priority; /* admin tiers: lower is asked first */
	struct selector namespaces; /* admin tiers: which namespaces; not present in a NetworkPolicy */
	struct selector pods; /* which pods; an empty one selects all */
	bool isolates[DIRECTIONS]; /* policyTypes with their defaults; admin policies: has rules that way */
	const struct policy_rule *rules[DIRECTIONS];
	size_t n_rules[DIRECTIONS];
};

static inline const struct policy *
object_policy(const struct object *o)
{
	return (const struct policy *)o;
}

const char *direction_name(enum direction d); /* "egress" */
/* "rule 2 (line 14)", counted from 1, for evidence. */
void policy_rule_format(struct buf *out, const struct policy *p, enum direction d, size_t rule);
/* "pods app=x in namespace y", "10.0.0.0/8 except 10.1.0.0/16", "everywhere": NULL is everywhere. */
void policy_peer_format(struct buf *out, const struct policy *p, const struct policy_peer *peer);

#endif
