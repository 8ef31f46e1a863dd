/* SPDX-License-Identifier: Apache-2.0 */
/* A companion's own way out: TCP 443 and 80 to public addresses, by a policy of its own. */
#include "audit/rules/common.h"
#include "audit/rules/ways.h"

#define REPORT "Per-Pod NetworkPolicy in Practice: Migrating Five Agents in a Day, "
#define OWN_RULES "egress: - to: [{ipBlock: {cidr: 0.0.0.0/0}}], ports: [{protocol: TCP, port: 443}, {protocol: TCP, port: 80}]"

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
		.message = audit_printf(run, "no NetworkPolicy with Egress selects companion %s: it may dial any port of any address",
			rule_workload(run, w)),
		.evidence = "policies with Egress that select every pod of it: none",
		.fix = audit_printf(run, "Add a NetworkPolicy in namespace %s that selects %s, with policyTypes: [Egress] and " OWN_RULES
			", and port 53 of the DNS pods.", w->namespace, rule_workload(run, w)),
	});
}

const struct rule rule_companion_egress_open = {
	.id = "companion-egress-open",
	.severity = SEV_MEDIUM,
	.scope = RULE_COMPANION,
	.needs = FACT_WORKLOADS | FACT_POLICIES | FACT_EGRESS,
	.title = "No policy with Egress selects the companion",
	.why = "The companion is the one pod that may reach the internet. Without a policy of its own it may also reach every pod, "
	       "every port and the cloud metadata address, and an agent that finds a way to make it dial gets all of that.",
	.evidence = "The policies with Egress that select the companion",
	.fix = "Give the companion a policy that allows TCP 443 and 80 to public addresses and port 53 of the DNS pods.",
	.reference = REPORT "\"The five agents and the migration sequence\", step 2",
	.run = companion_egress_open,
};

/*
 * companion-egress-wide
 */

static bool
beyond_web(struct audit_run *run, const struct allow *a)
{
	struct port_set rest = egress_less_dns(audit_scratch(run), &a->ports);

	return a->to == ALLOW_INTERNET && !ports_within(&rest, &egress_web_ports);
}

static void
companion_egress_wide(struct audit_run *run, const struct workload *w)
{
	ways_report(run, w, beyond_web, &(struct ways_words){
		.message = audit_printf(run, "lets companion %s reach public addresses on more than TCP 443 and 80",
			rule_workload(run, w)),
		.fix = "write ports: [{protocol: TCP, port: 443}, {protocol: TCP, port: 80}].",
	});
}

const struct rule rule_companion_egress_wide = {
	.id = "companion-egress-wide",
	.severity = SEV_MEDIUM,
	.scope = RULE_COMPANION,
	.needs = FACT_WORKLOADS | FACT_POLICIES | FACT_EGRESS,
	.title = "Companion reaches public addresses on more than TCP 443 and 80",
	.why = "Pipelock scans web traffic. A CONNECT to another port is a tunnel it cannot look into; with the ports open, mail, "
	       "SSH and whatever else an agent asks for leaves by the firewall's own door.",
	.evidence = "Each rule that opens other ports, with the ports",
	.fix = "Keep TCP 443 and 80 to public addresses, and port 53 of the DNS pods.",
	.reference = REPORT "\"The five agents and the migration sequence\", step 2",
	.run = companion_egress_wide,
};

/*
 * companion-egress-blocked
 */

/* The policy to add a permission to: not one that selects the whole namespace, agents included, if there is another. */
static const struct policy *
policy_to_widen(const struct egress *e)
{
	for (size_t i = 0; i < e->n_policies; i++)
		if (e->policies[i]->pods.n)
			return e->policies[i];
	return e->n_policies ? e->policies[0] : NULL;
}

static const char *
let_out(struct audit_run *run, const struct workload *w, const struct policy *p)
{
	if (p && p->pods.n)
		return audit_printf(run, "In %s add " OWN_RULES ".", ways_policy(run, p));
	return audit_printf(run, "%s%sdd a NetworkPolicy in namespace %s that selects the pod labels of %s alone, with policyTypes: "
			    "[Egress] and " OWN_RULES ".",
			    p ? ways_policy(run, p) : "", p ? " selects every pod and stays as it is; a" : "A", w->namespace,
			    rule_workload(run, w));
}

static void
companion_egress_blocked(struct audit_run *run, const struct workload *w)
{
	const struct egress *e = ways_egress(run, w);
	const struct policy *p;

	if (!e || !e->isolated || ports_has(&e->public_ports, PROTOCOL_TCP, 443))
		return;
	p = policy_to_widen(e);
	audit_report(run, w, &(struct finding_args){
		.object = p ? &p->object : NULL,
		.subject = rule_workload(run, w),
		.message = audit_printf(run, "companion %s cannot reach public addresses on TCP 443: its agents reach nothing",
			rule_workload(run, w)),
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
	.why = "A default-deny policy of the namespace selects the companion too. Until a policy of its own lets it out, every "
	       "request of its agents ends in a timeout, and the quick fix that somebody finds is to open the agents.",
	.evidence = "The policies with Egress that select the companion, and that none opens TCP 443",
	.fix = "Add a rule that allows TCP 443 and 80 to public addresses.",
	.reference = REPORT "\"The five agents and the migration sequence\", step 2",
	.run = companion_egress_blocked,
};
