/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The change that a fix asks for, as YAML in one line (flow style) that can be pasted as it is. Names and labels are those
 * of the objects at hand. Strings live as long as the audit.
 */
#ifndef AUDIT_RULES_PATCH_H
#define AUDIT_RULES_PATCH_H

#include "audit/rule.h"

/* A peer that means the pods of w in a policy of that namespace: "{podSelector: {matchLabels: {app: x}}}". */
const char *patch_pods(struct audit_run *run, const struct workload *w, const char *namespace);
/* Labels that its pods have and keep: "{app: x}". */
const char *patch_labels(struct audit_run *run, const struct workload *w);

/* Egress rules: for the agent's companion (in capitals what is not known, without one), for DNS, for the web. */
const char *patch_to_companion(struct audit_run *run, const struct workload *agent);
const char *patch_to_dns(struct audit_run *run);
extern const char patch_to_web[];
/* Of a scraper or another workload: any TCP port where it is 0. */
const char *patch_to_pods(struct audit_run *run, const struct workload *w, const char *namespace, int port);
/* The ingress rule for a companion's agents. */
const char *patch_from_agents(struct audit_run *run, const struct workload *companion, int port);

/* A whole NetworkPolicy for w; `what` is "policyTypes: [Egress], egress: [...]". */
const char *patch_policy(struct audit_run *run, const struct workload *w, const char *suffix, const char *what);

#endif
