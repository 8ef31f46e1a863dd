/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The evaluator: who may talk to whom on which ports. One compiled index a fleet answers `moat reach` and every rule on
 * egress and ingress; nobody else reads a policy.
 *
 * Pods are evaluated as classes of equal pods (namespace, labels, ports, host network), addresses as intervals. Both ends
 * are asked for pod-to-pod traffic; ports are pod ports. A block stands for addresses outside the cluster and matches no
 * pod. A host-network pod is outside policy: nothing restricts it, and only a rule without peers lets pods talk to it or
 * takes it in. Traffic of a pod to itself is always let through.
 */
#ifndef FLEET_REACH_H
#define FLEET_REACH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/cidr.h"
#include "fleet/fleet.h"
#include "fleet/policy.h"
#include "fleet/ports.h"

struct reach;

/* The label that every namespace carries, whether or not the source shows it: its own name. */
#define REACH_NAMESPACE_NAME "kubernetes.io/metadata.name"

/* Equal pods. Running pods' own labels count over their template's; finished pods do not count. */
struct pod_class {
	const char *namespace;
	const struct labels *labels, *namespace_labels;
	const struct pod_spec *spec; /* its containerPorts name the ports */
	bool host_network;
	uint32_t first_workload, n_workloads; /* a slice of reach_workloads */
};

/* Compiles the fleet's policies; lives in the fleet's arena. */
struct reach *reach_new(struct fleet *f);

size_t reach_n_classes(const struct reach *r);
const struct pod_class *reach_class(const struct reach *r, size_t class);
/* The classes of a workload's pods, of its template where no pod was seen: at least one. */
const uint32_t *reach_classes(const struct reach *r, const struct workload *w, size_t *n);
const struct workload *const *reach_class_workloads(const struct reach *r, size_t class, size_t *n);

/*
 * A rule that has a say, and for which ports: evidence. A NULL policy stands for the absence of one: no policy selects
 * the pod in that direction.
 */
struct way {
	const struct policy *policy;
	enum direction direction;
	uint32_t rule; /* from 0 */
	const struct policy_peer *peer; /* that matches; NULL: the rule has none, so everywhere */
	struct port_set ports; /* what this way lets through, after deny rules of admin policies */
};

/* What pods of one class may send to pods of another, both ends asked. */
struct port_set reach_pods(const struct reach *r, size_t from, size_t to, struct arena *a);
/* One end alone: what egress of `from`, or ingress of `to`, lets through between the two. */
struct port_set reach_end(const struct reach *r, enum direction d, size_t from, size_t to, struct arena *a);
/* The ways behind reach_end, in the order of policies and rules. Returns how many; *out is in the arena. */
size_t reach_ways(const struct reach *r, enum direction d, size_t from, size_t to, struct arena *a,
		  struct way **out);

/* What admin policies forbid between the two at one end, which nothing behind them can allow. */
size_t reach_denials(const struct reach *r, enum direction d, size_t from, size_t to, struct arena *a,
		     struct way **out);

/* All policies, in the order in which they are asked; with how many classes each selects, in whatever direction. */
size_t reach_n_policies(const struct reach *r);
const struct policy *reach_policy(const struct reach *r, size_t i, size_t *n_classes);

/* Is the class restricted in that direction by a NetworkPolicy? */
bool reach_isolated(const struct reach *r, enum direction d, size_t class);
/* The policies of all tiers that select it in that direction. */
size_t reach_policies(const struct reach *r, enum direction d, size_t class, const struct policy *const **out);

/*
 * The classes that pods of this class may reach at all (or be reached by), other than itself: calls fn with the ports, in
 * ascending order, until it answers false. Cost follows what is let through, not the size of the fleet.
 */
void reach_each(struct reach *r, enum direction d, size_t class, struct arena *a,
		bool (*fn)(void *ctx, size_t other, const struct port_set *ports), void *ctx);

/* The same without asking: those among whom the others are, and perhaps more. */
void reach_each_candidate(struct reach *r, enum direction d, size_t class, bool (*fn)(void *ctx, size_t other),
			  void *ctx);

/*
 * The classes that accepting rules of this class name by a peer, in ascending order, perhaps itself; those named only by
 * a rule of reach_wide are left out. The other end is not asked.
 */
void reach_each_named(const struct reach *r, enum direction d, size_t class, bool (*fn)(void *ctx, size_t other),
		      void *ctx);
/*
 * The accepting rules that are about more pods than are listed one by one: all pods, or a great many; rules without
 * peers, that are about addresses too; and the absence of a policy. Their ports are as written, all where they have names.
 */
size_t reach_wide(const struct reach *r, enum direction d, size_t class, struct arena *a, struct way **out);

/* The classes of DNS pods; where the source has none, one that stands for them. */
const uint32_t *reach_dns(const struct reach *r, size_t *n);

/* Addresses outside the cluster: disjoint ranges in order, each with its ports; what is not listed is not allowed. */
struct reach_range {
	struct ip_range range;
	struct port_set ports;
};
size_t reach_addresses(const struct reach *r, enum direction d, size_t class, enum ip_family family,
		       struct arena *a, struct reach_range **out);
/* The same piece by piece, with the ways that let each piece through; pieces with equal ports are not joined. */
void reach_each_range(const struct reach *r, enum direction d, size_t class, enum ip_family family, struct arena *a,
		      void (*fn)(void *ctx, struct ip_range range, const struct port_set *ports,
				 const struct way *ways, size_t n),
		      void *ctx);

/*
 * The blocks of accepting rules that have addresses of the range, whatever else has its say, with the ports of their rule;
 * until fn answers false.
 */
void reach_each_block(const struct reach *r, enum direction d, size_t class, enum ip_family family,
		      struct ip_range range, struct arena *a,
		      bool (*fn)(void *ctx, struct ip_range block, const struct port_set *ports), void *ctx);

/* Does a way let through pods that its peer names broadly (every pod of the cluster or of a namespace)? For words. */
bool way_is_broad(const struct way *w);

#endif
