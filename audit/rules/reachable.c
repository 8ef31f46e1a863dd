/* SPDX-License-Identifier: Apache-2.0 */
/* Does the agent get to its companion: the Service that leads there, and the policies of both ends. */
#include "audit/rules/common.h"
#include "audit/rules/patch.h"
#include "audit/rules/ways.h"
#include "base/str.h"
#include "fleet/endpoint.h"
#include "fleet/pair.h"

#define REPORT "Per-Pod NetworkPolicy in Practice: Migrating Five Agents in a Day, "

/*
 * companion-unreachable
 */

/* How an agent, or nobody yet, gets to a companion. */
struct approach {
	const struct workload *companion;
	const struct service *service; /* NULL: none */
	const char *wanted; /* what the agent names and does not exist; NULL */
	struct endpoint endpoint;
};

static const char *
service_name(struct audit_run *run, const struct service *s)
{
	return audit_printf(run, "Service %s/%s", s->object.namespace, s->object.name);
}

static int
good_port(const struct approach *a)
{
	return a->endpoint.pod_port ? a->endpoint.pod_port : 8888;
}

static void
report_no_service(struct audit_run *run, const struct approach *a)
{
	const struct workload *c = a->companion;

	audit_report(run, c, &(struct finding_args){
		.subject = "no Service",
		.message = audit_printf(run, "no Service leads to companion %s: nobody can name it",
			rule_workload(run, c)),
		.evidence = a->wanted ? audit_printf(run, "%s is named, and does not exist", a->wanted) :
			audit_printf(run, "no Service in namespace %s selects its pods", c->namespace),
		.fix = audit_printf(run, "Add {apiVersion: v1, kind: Service, metadata: {name: %s, namespace: "
			"%s}, spec: {selector: %s, ports: [{port: %d}]}}", c->name, c->namespace,
			patch_labels(run, c), good_port(a)),
	});
}

static void
report_selector(struct audit_run *run, const struct approach *a)
{
	const char *name = service_name(run, a->service);
	AUTO(buf) struct buf selector = {0};

	selector_format(&selector, &a->service->selector);
	audit_report(run, a->companion, &(struct finding_args){
		.subject = name,
		.message = audit_printf(run, "%s selects no pods of companion %s", name, rule_workload(run,
			a->companion)),
		.evidence = audit_printf(run, "selector of the Service: %s", a->service->selector.n ?
			buf_str(&selector) : "none"),
		.fix = audit_printf(run, "In %s write spec: {selector: %s}", name, patch_labels(run,
			a->companion)),
	});
}

static void
report_port(struct audit_run *run, const struct approach *a)
{
	const struct service_port *sp = a->endpoint.port;
	const char *name = service_name(run, a->service), *target;

	if (!sp) {
		audit_report(run, a->companion, &(struct finding_args){
			.subject = name,
			.message = audit_printf(run, "%s has no TCP port, so it leads nowhere on companion %s",
				name, rule_workload(run, a->companion)),
			.fix = audit_printf(run, "In %s write spec: {ports: [{port: %d}]}", name, good_port(a)),
		});
		return;
	}
	target = sp->target_name ? sp->target_name : audit_printf(run, "%d", sp->target_port);
	audit_report(run, a->companion, &(struct finding_args){
		.subject = name,
		.message = audit_printf(run, "%s sends port %d to targetPort %s, which companion %s does not "
			"serve", name, sp->port, target, rule_workload(run, a->companion)),
		.evidence = a->endpoint.pod_port ? audit_printf(run, "targetPort %s; Pipelock serves port %d",
			target, a->endpoint.pod_port) : audit_printf(run, "targetPort %s; no container has such "
			"a port", target),
		.fix = audit_printf(run, "In %s write spec: {ports: [{port: %d, targetPort: %d}]}", name,
			sp->port, good_port(a)),
	});
}

static void
report_loopback(struct audit_run *run, const struct approach *a)
{
	const struct workload *c = a->companion;
	const struct pipelock *p = c->pipelock;

	audit_report(run, c, &(struct finding_args){
		.container = p->container->name,
		.subject = "listen",
		.line = p->container->line,
		.message = audit_printf(run, "companion %s listens on loopback only: no agent reaches it from "
			"another pod", rule_workload(run, c)),
		.evidence = audit_printf(run, "it listens on %s", p->listen),
		.fix = audit_printf(run, "In %s write fetch_proxy: {listen: \"0.0.0.0:%d\"}, or args: [run, "
			"--listen, 0.0.0.0:%d, ...].", rule_config_name(run, c), good_port(a), good_port(a)),
	});
}

static void
check_approach(struct audit_run *run, const struct approach *a)
{
	switch (a->endpoint.fault) {
	case ENDPOINT_OK:
		break;
	case ENDPOINT_UNKNOWN:
		audit_unknown(
			run, a->companion, "ConfigMap",
			audit_printf(
				run,
				"where companion %s listens is not known: its containers declare no port, and its "
				"config was not read",
				rule_workload(run, a->companion)));
		break;
	case ENDPOINT_NO_SERVICE:
		report_no_service(run, a);
		break;
	case ENDPOINT_SELECTS_NOTHING:
		report_selector(run, a);
		break;
	case ENDPOINT_WRONG_PORT:
		report_port(run, a);
		break;
	case ENDPOINT_LOOPBACK:
		report_loopback(run, a);
		break;
	}
}

/* Agents that come one behind the other by the same way are one approach. */
static void
companion_unreachable(struct audit_run *run, const struct workload *w)
{
	const struct service *own = w->n_agents ? NULL : pair_service(audit_fleet(run), w);

	if (!w->n_agents)
		check_approach(run, &(struct approach){w, own, NULL, endpoint_companion(w, own, 0)});
	for (size_t i = 0; i < w->n_agents; i++) {
		const struct workload *agent = w->agents[i], *last = i ? w->agents[i - 1] : NULL;

		if (!last || last->service != agent->service || last->service_port != agent->service_port)
			check_approach(run, &(struct approach){w, agent->service, agent->wanted_companion,
							       endpoint_of_agent(agent)});
	}
}

const struct rule rule_companion_unreachable = {
	.id = "companion-unreachable",
	.severity = SEV_HIGH,
	.scope = RULE_COMPANION,
	.needs = FACT_WORKLOADS | FACT_SERVICES,
	.title = "No Service leads to the companion's port",
	.why = "The agent's only way out is the companion's Service. With a selector that matches nothing, a "
	       "targetPort on which nothing listens, or a Pipelock that kept the sidecar's loopback address, "
	       "every request fails at once, the policies look right, and the first thing somebody opens is the "
	       "agent's egress.",
	.evidence = "The Service, its selector or targetPort, and the address Pipelock listens on",
	.fix = "Let the Service select the companion's pod labels and name the port that Pipelock listens on; "
	       "let Pipelock listen on 0.0.0.0.",
	.reference = "Per-Pod NetworkPolicy in Practice: Migrating Five Agents in a Day, \"The five agents and "
		     "the migration sequence\", step 1; "
		     "https://kubernetes.io/docs/concepts/services-networking/service/",
	.run = companion_unreachable,
};

/*
 * agent-companion-blocked
 */

/* One end that does not let the traffic through, and the change there. */
struct blocked_end {
	enum direction direction;
	const struct workload *workload; /* whose policies these are */
	const struct policy *policy; /* to edit; NULL: none is known */
	const char *rule; /* that is missing */
};

static struct blocked_end
blocked_end(struct audit_run *run, const struct workload *w, enum direction d, const struct path *path, int port)
{
	const struct workload *c = w->companion;

	return (struct blocked_end){
		.direction = d,
		.workload = d == DIRECTION_EGRESS ? w : c,
		.policy = ways_in_the_way(run, d, path, PROTOCOL_TCP, (uint16_t)port),
		.rule = d == DIRECTION_EGRESS
				? patch_to_pods(run, c, w->namespace, port)
				: audit_printf(run, "{from: [%s], ports: [{protocol: TCP, port: %d}]}",
					       patch_pods(run, w, c->namespace), port),
	};
}

/* A policy for other pods too is not the place for this rule. */
static const char *
open_end(struct audit_run *run, const struct blocked_end *e)
{
	const char *d = direction_name(e->direction);
	const char *rule_list =
		e->direction == DIRECTION_EGRESS
			? audit_printf(run, "policyTypes: [Egress], egress: [%s, %s]", e->rule, patch_to_dns(run))
			: audit_printf(run, "policyTypes: [Ingress], ingress: [%s]", e->rule);

	if (e->policy && e->policy->pods.n && e->policy->tier == TIER_NETWORK)
		return audit_printf(run, "In %s add to %s: %s", ways_policy(run, e->policy), d, e->rule);
	return audit_printf(run, "Add the policy %s", patch_policy(run, e->workload, d, rule_list));
}

static void
report_blocked(struct audit_run *run, const struct workload *w, const struct blocked_end *e, const char *fix,
	       int port)
{
	bool out = e->direction == DIRECTION_EGRESS;
	const char *agent = rule_workload(run, w), *companion = rule_workload(run, w->companion);

	audit_report(run, w, &(struct finding_args){
		.object = e->policy ? &e->policy->object : e->workload->object,
		.subject = agent,
		.message = out ? audit_printf(run, "the policies of %s do not let it out to TCP port %d of its "
			"companion %s: it is cut off", agent, port, companion) : audit_printf(run, "the policies "
			"of companion %s do not let %s in on TCP port %d: it is cut off", companion, agent, port),
		.evidence = e->policy ? audit_printf(run, "%s selects %s, and no %s rule allows TCP %d %s",
			ways_policy(run, e->policy), out ? "it" : "the companion", direction_name(e->direction),
			port, out ? "to the companion's pods" : "from the agent's") : NULL,
		.fix = fix,
	});
}

/* One policy that holds both ends, such as a default-deny, is one finding. */
static void
report_ends(struct audit_run *run, const struct workload *w, const struct path *path, int port)
{
	struct blocked_end out = blocked_end(run, w, DIRECTION_EGRESS, path, port);
	struct blocked_end in = blocked_end(run, w, DIRECTION_INGRESS, path, port);
	bool both = !path->egress && !path->ingress && out.policy && out.policy == in.policy;

	if (both)
		report_blocked(run, w, &out, audit_printf(run, "%s. %s", open_end(run, &out), open_end(run, &in)),
			       port);
	if (!both && !path->egress)
		report_blocked(run, w, &out, open_end(run, &out), port);
	if (!both && !path->ingress)
		report_blocked(run, w, &in, open_end(run, &in), port);
}

static void
agent_companion_blocked(struct audit_run *run, const struct workload *w)
{
	const struct egress *e = ways_egress(run, w);
	struct path path;
	int port;

	if (!w->companion || !e || e->host_network || !ways_egress(run, w->companion))
		return;
	port = endpoint_of_agent(w).pod_port;
	if (!port) {
		audit_unknown(run, w, "ConfigMap", audit_printf(run, "the port of companion %s is not known",
			      rule_workload(run, w->companion)));
		return;
	}
	audit_looks_at(run, w->companion);
	path = path_find(audit_fleet(run), w, w->companion, PROTOCOL_TCP, (uint16_t)port);
	if (!path.egress || !path.ingress)
		report_ends(run, w, &path, port);
}

const struct rule rule_agent_companion_blocked = {
	.id = "agent-companion-blocked",
	.severity = SEV_HIGH,
	.scope = RULE_AGENT,
	.needs = FACT_WORKLOADS | FACT_SERVICES | FACT_POLICIES | FACT_NAMESPACES | FACT_EGRESS,
	.title = "Policies cut the agent off from its companion",
	.why = "Both ends are asked: the agent's policies have to let it out to the companion's pod port, the "
	       "companion's have to let it in. Ports are pod ports: a rule with the Service's port, where "
	       "targetPort differs, allows nothing; so does a podSelector without namespaceSelector for a "
	       "companion elsewhere. The agent hangs, and what helps at once is to open its egress.",
	.evidence = "The policy that selects the pod at the end where the permission is lacking, and the port",
	.fix = "Allow the companion's pod labels and pod port in the agent's egress, and the agent's pod labels "
	       "in the companion's ingress.",
	.reference = REPORT "\"The five agents and the migration sequence\", step 5; "
		     "https://kubernetes.io/docs/concepts/services-networking/network-policies/",
	.run = agent_companion_blocked,
};
