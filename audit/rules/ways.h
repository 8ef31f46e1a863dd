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
};

/*
 * The ways out of w. NULL where none were evaluated, for a policy of another engine may have its say: the rule is then
 * unknown for w, and the caller has nothing to add.
 */
const struct egress *ways_egress(struct audit_run *run, const struct workload *w);

/*
 * One finding for each policy with such ways, on the policy, at the line of the first one; on the workload for ways that
 * no policy restricts. Evidence is every such way: rule, peer, ports.
 */
void ways_report(struct audit_run *run, const struct workload *w, ways_wanted *wanted, const struct ways_words *words);

/* "NetworkPolicy a/x-egress" */
const char *ways_policy(struct audit_run *run, const struct policy *p);
/* The egress rule that an agent needs for its companion, as YAML in one line. */
const char *ways_companion_rule(struct audit_run *run, const struct workload *agent);

#endif
