/* SPDX-License-Identifier: Apache-2.0 */
/* What rules on egress share: the ways out of a workload, one finding for each policy that opens some of them. */
#ifndef AUDIT_RULES_WAYS_H
#define AUDIT_RULES_WAYS_H

#include "audit/rule.h"
#include "fleet/egress.h"

/* Is the rule about this way? */
typedef bool ways_wanted(struct audit_run *run, const struct allow *a);

struct ways_words {
	const char *message; /* behind the name of the policy: "lets Deployment a/x reach public addresses" */
	const char *fix; /* behind "In NetworkPolicy a/x-egress, egress rule 2: " */
	const char *tried; /* behind the ways, as evidence: what somebody has tried; NULL */
};

/* Only asked for when there is something to report: most workloads have no such way, and words cost more than looking. */
typedef struct ways_words ways_say(struct audit_run *run, const struct workload *w);

/*
 * The ways out of w. NULL where none were evaluated, for a policy of another engine may have its say: the rule is then
 * unknown for w, and the caller has nothing to add.
 */
const struct egress *ways_egress(struct audit_run *run, const struct workload *w);

/*
 * One finding for each policy with such ways, on the policy, at the line of the first one; on the workload for ways that
 * no policy restricts. Evidence is every such way: rule, peer, ports.
 */
void ways_report(struct audit_run *run, const struct workload *w, ways_wanted *wanted, ways_say *say);

/*
 * Where only one namespace was read: the rule is unknown for w when a policy of it lets through pods of others. What it
 * finds among those that were read stands.
 */
void ways_outside(struct audit_run *run, const struct workload *w, enum direction d);

/* "NetworkPolicy a/x-egress" */
const char *ways_policy(struct audit_run *run, const struct policy *p);
/* Of the policies that select the class in that direction the one that is most about it; NULL: none does. */
const struct policy *ways_to_edit(struct audit_run *run, enum direction d, uint32_t class);
/* The same where a permission is lacking between two classes at that end: the one that forbids it, if one does. */
const struct policy *ways_in_the_way(struct audit_run *run, enum direction d, const struct path *path, enum protocol p,
				     uint16_t port);

#endif
