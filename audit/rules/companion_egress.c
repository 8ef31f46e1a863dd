/* SPDX-License-Identifier: Apache-2.0 */
/* A companion's own way out: TCP 443 and 80 to public addresses, by a policy of its own. */
#include "audit/rules/common.h"
#include "audit/rules/patch.h"
#include "audit/rules/ways.h"

#define REPORT "Per-Pod NetworkPolicy in Practice: Migrating Five Agents in a Day, "

/*
 * companion-egress-open
 */

static void
companion_egress_open(struct audit_run *run, const struct workload *w)
{
	const struct egress *e = ways_egress(run, w);

	if (!e || e->isolated || e->host_network)
		return;
	audit_report(run, w, &(struct finding_args){
		.message = audit_printf(run, "no NetworkPolicy with Egress selects companion %s: it may dial any "
			"port of any address", rule_workload(run, w)),
		.evidence = "policies with Egress that select every pod of it: none",
		.fix = audit_printf(run, "Add the policy %s", patch_policy(run, w, "egress", audit_printf(run,
			"policyTypes: [Egress], egress: [%s, %s]", patch_to_web, patch_to_dns(run)))),
	});
}

const struct rule rule_companion_egress_open = {
	.id = "companion-egress-open",
	.severity = SEV_MEDIUM,
	.scope = RULE_COMPANION,
	.needs = FACT_WORKLOADS | FACT_POLICIES | FACT_EGRESS,
	.title = "No policy with Egress selects the companion",
	.why = "The companion is the one pod that may reach the internet. Without a policy of its own it may "
	       "also reach every pod, every port and the cloud metadata address, and an agent that finds a way "
	       "to make it dial gets all of that.",
	.evidence = "The policies with Egress that select the companion",
	.fix = "Give the companion a policy that allows TCP 443 and 80 to public addresses and port 53 of the "
	       "DNS pods.",
	.reference = REPORT "\"The five agents and the migration sequence\", step 2",
	.run = companion_egress_open,
};

/*
 * companion-egress-wide
 */

static bool
beyond_web(struct audit_run *run UNUSED, const struct allow *a)
{
	return a->to == ALLOW_INTERNET && !egress_only_web(&a->ports);
}

static struct ways_words
say_beyond_web(struct audit_run *run, const struct workload *w)
{
	return (struct ways_words){
		.message = audit_printf(run, "lets companion %s reach public addresses on more than TCP 443 and "
			"80", rule_workload(run, w)),
		.fix = "write ports: [{protocol: TCP, port: 443}, {protocol: TCP, port: 80}].",
	};
}

static void
companion_egress_wide(struct audit_run *run, const struct workload *w)
{
	ways_report(run, w, beyond_web, say_beyond_web);
}

const struct rule rule_companion_egress_wide = {
	.id = "companion-egress-wide",
	.severity = SEV_MEDIUM,
	.scope = RULE_COMPANION,
	.needs = FACT_WORKLOADS | FACT_POLICIES | FACT_EGRESS,
	.title = "Companion reaches public addresses on more than TCP 443 and 80",
	.why = "Pipelock scans web traffic. A CONNECT to another port is a tunnel it cannot look into; with the "
	       "ports open, mail, SSH and whatever else an agent asks for leaves by the firewall's own door.",
	.evidence = "Each rule that opens other ports, with the ports",
	.fix = "Keep TCP 443 and 80 to public addresses, and port 53 of the DNS pods.",
	.reference = REPORT "\"The five agents and the migration sequence\", step 2",
	.run = companion_egress_wide,
};

/*
 * companion-egress-blocked
 */

/* A policy of every pod in the namespace, agents included, is not the place for it. */
static const char *
let_out(struct audit_run *run, const struct workload *w, const struct policy *p)
{
	if (p && p->pods.n && p->tier == TIER_NETWORK)
		return audit_printf(run, "In %s add to egress: %s", ways_policy(run, p), patch_to_web);
	return audit_printf(
		run, "%sAdd the policy %s",
		p ? audit_printf(run, "%s is for other pods too and stays as it is. ", ways_policy(run, p)) : "",
		patch_policy(run, w, "egress",
			     audit_printf(run, "policyTypes: [Egress], egress: [%s, %s]", patch_to_web,
					  patch_to_dns(run))));
}

static void
companion_egress_blocked(struct audit_run *run, const struct workload *w)
{
	const struct egress *e = ways_egress(run, w);
	const struct policy *p;
	const uint32_t *classes;
	size_t n;

	if (!e || !e->isolated || e->https)
		return;
	classes = reach_classes(audit_fleet(run)->reach, w, &n);
	p = ways_to_edit(run, DIRECTION_EGRESS, classes[0]);
	audit_report(run, w, &(struct finding_args){
		.object = p ? &p->object : NULL,
		.subject = rule_workload(run, w),
		.message = audit_printf(run, "companion %s cannot reach public addresses on TCP 443: its agents "
			"reach nothing", rule_workload(run, w)),
		.evidence = audit_printf(run, "%zu polic%s it, and none allows TCP 443 to a public address",
			e->n_policies, e->n_policies == 1 ? "y with Egress selects" : "ies with Egress select"),
		.fix = let_out(run, w, p),
	});
}

const struct rule rule_companion_egress_blocked = {
	.id = "companion-egress-blocked",
	.severity = SEV_HIGH,
	.scope = RULE_COMPANION,
	.needs = FACT_WORKLOADS | FACT_POLICIES | FACT_EGRESS,
	.title = "Companion cannot reach public addresses on TCP 443",
	.why = "A default-deny policy of the namespace selects the companion too. Until a policy of its own lets "
	       "it out, every request of its agents ends in a timeout, and the quick fix that somebody finds is "
	       "to open the agents.",
	.evidence = "The policies with Egress that select the companion, and that none opens TCP 443",
	.fix = "Add a rule that allows TCP 443 and 80 to public addresses.",
	.reference = REPORT "\"The five agents and the migration sequence\", step 2",
	.run = companion_egress_blocked,
};
