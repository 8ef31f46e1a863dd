/* SPDX-License-Identifier: Apache-2.0 */
/* What cannot stand behind the wall belongs into a pod of its own. */
#include "audit/rules/common.h"
#include "base/str.h"
#include "fleet/image.h"

/*
 * browser-in-agent
 */

static void
report_browser(struct audit_run *run, const struct workload *w, const struct container *c, const struct known *k)
{
	audit_report(
		run, w,
		&(struct finding_args){
			.container = c->name,
			.line = c->line,
			.message = audit_printf(
				run,
				"container %s of %s is a %s in the agent's own pod: it breaks under TLS "
				"interception, and a way out for it is a way out for the agent",
				c->name, rule_workload(run, w), k->what),
			.evidence = audit_printf(run, "container %s, image %s", c->name, c->image),
			.fix = audit_printf(run,
					    "Move container %s out of %s into a Deployment and Service of its own "
					    "(for example %s-%s in namespace %s) with an egress policy of TCP 443, "
					    "TCP 80 and DNS; allow it in the agent's policy, name it in the "
					    "annotation moat.dev/scraper, and call it through its Service.",
					    c->name, rule_workload(run, w), w->name, c->name, w->namespace),
		});
}

static void
browser_in_agent(struct audit_run *run, const struct workload *w)
{
	const struct pod_spec *s = &w->template->spec;

	for (size_t i = 0; i < s->n_containers; i++) {
		const struct container *c = &s->containers[i];
		const struct known *k = known_find(KNOWN_BROWSER, c);

		if (k && (c->class == CONTAINER_MAIN || c->class == CONTAINER_SIDECAR) && !container_is_pipelock(c))
			report_browser(run, w, c, k);
	}
}

const struct rule rule_browser_in_agent = {
	.id = "browser-in-agent",
	.severity = SEV_MEDIUM,
	.scope = RULE_AGENT,
	.needs = FACT_WORKLOADS,
	.title = "Browser or scraper inside an agent's pod",
	.why = "A browser driver does its own TLS, pins certificates and is told apart by its handshake: "
	       "sites that look for bots refuse what comes out of an intercepting proxy. So it is given "
	       "direct internet, and since a policy holds for a whole pod, the agent beside it has direct "
	       "internet too. Pipelock's passthrough_domains spares some sites the interception, but not the "
	       "need for another way out. The split that mirrors the firewall's: the browser in its own "
	       "Deployment with its own egress, reached through a Service; the URLs that the agent hands over "
	       "still pass the scanner.",
	.evidence = "The container and its image; `moat rules --lists` prints what is taken for a browser",
	.fix = "Move it into its own Deployment and Service with an egress policy of TCP 443/80 and DNS, "
	       "allow that Service in the agent's policy, and name it with the annotation moat.dev/scraper.",
	.reference = "Per-Pod NetworkPolicy in Practice: Migrating Five Agents in a Day, \"Gotcha 3: browser "
		     "automation that can't tolerate TLS interception\"",
	.run = browser_in_agent,
};
