/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the evaluator: what reach_build.c compiles, and reach.c and reach_address.c read. */
#ifndef FLEET_REACH_INDEX_H
#define FLEET_REACH_INDEX_H

#include "base/u32_list.h"
#include "fleet/reach.h"

/* Classes that a pair of selectors means; shared by all peers that say the same. Host-network classes are never in it. */
struct class_set {
	bool all; /* every class without host network: `at` is then not filled */
	const uint32_t *at; /* sorted */
	size_t n;
	size_t id; /* position in reach.sets */
};

/* Addresses that one of a rule's peers means. */
struct rule_range {
	struct ip_range range;
	uint32_t peer; /* its place in the rule */
};

enum { RANGES_V4, RANGES_V6, RANGES };

struct compiled_rule {
	const struct policy_rule *rule;
	const struct class_set **sets; /* one a peer; NULL for a peer that is no pod */
	/* Sorted and disjoint: of peers that overlap the one that starts first counts, of those the widest. */
	const struct rule_range *ranges[RANGES];
	uint32_t n_ranges[RANGES];
	bool pods; /* some peer may mean pods */
	struct port_set fixed; /* its ports less the named ones */
	bool named; /* some ports are named: reach_rule_ports adds them */
};

struct compiled_policy {
	const struct policy *policy;
	struct compiled_rule *rules[DIRECTIONS];
	size_t n_classes; /* that it selects, in whatever direction */
};

/* Rows of a sparse table: those of class i are at[first[i]] to at[first[i + 1] - 1], in order. */
struct rows {
	uint32_t *first; /* n classes + 1 */
	uint32_t *at;
};

/* Rows out of (row, value) pairs: row, value, row, value ... Within a row the values keep their order. */
struct rows rows_make(struct arena *a, size_t n_rows, const struct u32_list *pairs);

/* Numbers in ascending order, borrowed. */
struct list {
	const uint32_t *at;
	size_t n;
};

struct reach {
	struct arena *arena;
	const struct fleet *fleet;
	struct pod_class *classes;
	size_t n_classes;
	const struct workload **class_workloads;
	uint32_t *workload_classes; /* by workload: see first */
	uint32_t *first_class; /* n workloads + 1 */

	struct compiled_policy
		*policies; /* network tier by namespace and name; admin tiers by tier and priority before and
					     behind them: the order in which they are asked */
	size_t n_policies;
	struct rows selected[DIRECTIONS]; /* policies of a class, as positions, in that order */
	const struct policy **selected_policies[DIRECTIONS]; /* the same as pointers */

	uint32_t *dns; /* classes of DNS pods, at least one */
	size_t n_dns;

	const struct class_set **sets; /* by id */
	size_t n_sets;
	size_t large; /* a set of more classes is not gone through for each pod whose policies name it */
	struct reach_reverse *reverse[DIRECTIONS]; /* made when first needed */
};

/* A growing list of evidence, in an arena. */
struct ways {
	struct way *at;
	size_t n, cap;
};

/* Adds a way that lets something through; nothing for a NULL list. */
void ways_add(struct arena *a, struct ways *out, const struct way *w);

/* The state of one question while tier after tier is asked. */
struct verdict {
	struct port_set undecided, passed, allowed, network;
	struct ways *denials; /* NULL: nobody asks */
};

/*
 * Asks all tiers of one class in one direction. `matches` says whether a rule speaks of what is at the other end, and
 * fills in the way's peer and ports. The ways that let something through are added to `out`, which may be NULL.
 */
typedef bool reach_matches(const void *ctx, const struct compiled_policy *p, const struct compiled_rule *c,
			   struct way *w, struct arena *a);
struct port_set reach_ask(const struct reach *r, enum direction d, size_t subject, reach_matches *matches,
			  const void *ctx, struct arena *a, struct ways *out);

/* What reach_ask is asked about pods of a class, and about an address. */
struct pod_question {
	const struct reach *r;
	size_t other, to; /* the class at the other end, and the one whose ports are meant */
};
reach_matches reach_match_pods;
struct address_question {
	const struct reach *r;
	enum ip_family family;
	struct ip ip;
	size_t to; /* the class whose ports are meant; SIZE_MAX: those of the address */
};
reach_matches reach_match_address;

/* The numbers behind a named port, among the ports that the class's containers declare. */
struct port_set reach_named_ports(const struct reach *r, const struct policy_port *port, size_t to,
				  struct arena *a);
/* Ports of a rule towards that class; SIZE_MAX: an address, on which a named port matches nothing. */
struct port_set reach_rule_ports(const struct reach *r, const struct compiled_rule *c, size_t to, struct arena *a);
/* Which pods serve DNS: the settings say it, else k8s-app: kube-dns. */
const struct selector *reach_dns_selector(const struct settings *settings);
bool class_set_has(const struct class_set *s, size_t class);

#endif
