/* SPDX-License-Identifier: Apache-2.0 */
/* Scrapers: split out of an agent, with a way out of their own that has to stay narrow. */
#include "audit/rules/common.h"
#include "audit/rules/ways.h"

static bool
beyond_web(struct audit_run *run, const struct allow *a)
{
	struct port_set rest = egress_less_dns(audit_scratch(run), &a->ports);

	return a->to != ALLOW_DNS && a->to != ALLOW_ANYWHERE && !ports_within(&rest, &egress_web_ports);
}

static void
check(struct audit_run *run, const struct workload *w)
{
	const struct egress *e = ways_egress(run, w);

	if (!e)
		return;
	if (e->isolated) {
		ways_report(run, w, beyond_web, &(struct ways_words){
			.message = audit_printf(run, "lets scraper %s reach more than TCP 443 and 80 and DNS", rule_workload(run, w)),
			.fix = "allow TCP 443 and 80 alone, and port 53 of the DNS pods in a rule of its own.",
		});
		return;
	}
	audit_report(run, w, &(struct finding_args){
		.message = audit_printf(run, "no NetworkPolicy with Egress selects scraper %s: it reaches everything, and the agent "
			"through it", rule_workload(run, w)),
		.evidence = e->host_network ? "it is on the host's network, where no policy applies" : "policies with Egress that select it: none",
		.fix = audit_printf(run, "Add a NetworkPolicy in namespace %s that selects %s, with policyTypes: [Egress], TCP 443 and 80 "
			"to public addresses and port 53 of the DNS pods.", w->namespace, rule_workload(run, w)),
	});
}

static void
scraper_egress(struct audit_run *run, const struct workload *w UNUSED)
{
	const struct fleet *f = audit_fleet(run);

	for (size_t i = 0; i < f->n_scrapers; i++)
		check(run, f->scrapers[i]);
}

const struct rule rule_scraper_egress = {
	.id = "scraper-egress",
	.severity = SEV_HIGH,
	.scope = RULE_FLEET,
	.needs = FACT_WORKLOADS | FACT_POLICIES | FACT_EGRESS,
	.title = "Scraper without a narrow egress policy of its own",
	.why = "A scraper is let past the firewall because it cannot stand TLS interception. That is a bargain only while it can do "
	       "nothing else: without a policy of its own it reaches the whole cluster and every port outside, and does so for "
	       "whoever calls it.",
	.evidence = "The rules that open more than TCP 443 and 80 and DNS, or that no policy with Egress selects it",
	.fix = "Give the scraper a policy with TCP 443 and 80 to public addresses and port 53 of the DNS pods.",
	.reference = "Per-Pod NetworkPolicy in Practice: Migrating Five Agents in a Day, gotcha 3",
	.run = scraper_egress,
};
