/* SPDX-License-Identifier: Apache-2.0 */
/* Does a Service lead to the companion, on the port it serves? */
#include <string.h>

#include "audit/rules/common.h"
#include "base/cidr.h"
#include "base/str.h"
#include "fleet/proxy.h"

/* "127.0.0.1:8888", "localhost:8888", "[::1]:8888" */
static bool
is_loopback(struct arena *a, const char *listen)
{
	const char *colon = strrchr(listen, ':');
	char *host = arena_strndup(a, listen, colon ? (size_t)(colon - listen) : strlen(listen));
	size_t len = strlen(host);
	enum ip_family family;
	struct ip ip;

	if (len > 1 && host[0] == '[' && host[len - 1] == ']') {
		host[len - 1] = '\0';
		host++;
	}
	if (ip_parse(host, &family, &ip))
		return ip_is_loopback(family, ip);
	return str_eq(host, "localhost");
}

static void
check_listen(struct audit_run *run, const struct workload *c)
{
	const struct pipelock *p = c->pipelock;

	if (!p || !p->listen_known || !p->listen || !is_loopback(audit_scratch(run), p->listen))
		return;
	audit_report(run, c, &(struct finding_args){
		.container = p->container->name,
		.subject = "listen",
		.line = p->container->line,
		.message = audit_printf(run, "companion %s listens on loopback only: no agent reaches it from another pod",
			rule_workload(run, c)),
		.evidence = audit_printf(run, "it listens on %s", p->listen),
		.fix = audit_printf(run, "In %s write fetch_proxy: {listen: \"0.0.0.0:%d\"}, or args: [run, --listen, 0.0.0.0:%d, ...].",
			rule_config_name(run, c), p->listen_port ? p->listen_port : 8888, p->listen_port ? p->listen_port : 8888),
	});
}

/* Is that a port of some container of the companion, or, where none declares any, the one it listens on? */
static bool
serves(const struct workload *c, const struct service_port *sp)
{
	const struct pod_spec *s = &c->template->spec;
	bool declared = false;

	for (size_t i = 0; i < s->n_containers; i++) {
		for (size_t k = 0; k < s->containers[i].n_ports; k++) {
			const struct container_port *p = &s->containers[i].ports[k];

			declared = true;
			if (!str_eq(p->protocol, sp->protocol))
				continue;
			if (sp->target_name ? str_eq(p->name, sp->target_name) : p->port == sp->target_port)
				return true;
		}
	}
	if (sp->target_name || !c->pipelock || !c->pipelock->listen_known)
		return !sp->target_name && !declared;
	return !declared && sp->target_port == c->pipelock->listen_port;
}

/* The port of the Service that the agent uses: its proxy variable's; else the one that Pipelock listens on. */
static int
port_used(struct audit_run *run, const struct workload *agent)
{
	const struct fleet *f = audit_fleet(run);
	const struct pod_spec *s = &agent->template->spec;

	for (size_t i = 0; i < s->n_containers; i++) {
		struct proxy_var vars[2];
		size_t n;

		if (!proxy_is_client(&s->containers[i]))
			continue;
		n = proxy_vars(f, agent->namespace, &s->containers[i], PROXY_HTTPS, audit_scratch(run), vars);
		for (size_t k = 0; k < n; k++)
			if (vars[k].env.state == ENV_SET && vars[k].url.valid &&
			    fleet_resolve_host(f, agent->namespace, vars[k].url.host) == agent->service)
				return vars[k].url.port;
	}
	return agent->companion->pipelock ? agent->companion->pipelock->listen_port : 0;
}

static void
report_port(struct audit_run *run, const struct workload *c, const struct service *s, const struct service_port *sp)
{
	int listen = c->pipelock && c->pipelock->listen_port ? c->pipelock->listen_port : 8888;
	const char *target = sp->target_name ? sp->target_name : audit_printf(run, "%d", sp->target_port);

	audit_report(run, c, &(struct finding_args){
		.subject = audit_printf(run, "%s/%s", s->object.namespace, s->object.name),
		.message = audit_printf(run, "Service %s/%s sends port %d to targetPort %s, which %s does not serve",
			s->object.namespace, s->object.name, sp->port, target, rule_workload(run, c)),
		.evidence = audit_printf(run, "targetPort %s; Pipelock listens on port %d", target, listen),
		.fix = audit_printf(run, "In Service %s/%s write ports: [{port: %d, targetPort: %d}].", s->object.namespace,
			s->object.name, sp->port, listen),
	});
}

static void
check_service(struct audit_run *run, const struct workload *c, const struct workload *agent)
{
	const struct service *s = agent->service;
	int port;

	if (!s) {
		audit_report(run, c, &(struct finding_args){
			.subject = "no Service",
			.message = audit_printf(run, "no Service leads to companion %s: its agents cannot name it", rule_workload(run, c)),
			.evidence = agent->wanted_companion ? audit_printf(run, "%s is named, and does not exist", agent->wanted_companion) : NULL,
			.fix = audit_printf(run, "Add a Service %s in namespace %s that selects the pod labels of %s, with port 8888.",
				c->name, c->namespace, rule_workload(run, c)),
		});
		return;
	}
	if (!fleet_selects(s, c)) {
		audit_report(run, c, &(struct finding_args){
			.subject = audit_printf(run, "%s/%s", s->object.namespace, s->object.name),
			.message = audit_printf(run, "Service %s/%s selects no pods of companion %s", s->object.namespace,
				s->object.name, rule_workload(run, c)),
			.evidence = "its selector does not match the labels of the pods",
			.fix = audit_printf(run, "Write the pod labels of %s as spec.selector of Service %s/%s.", rule_workload(run, c),
				s->object.namespace, s->object.name),
		});
		return;
	}
	port = port_used(run, agent);
	for (size_t i = 0; i < s->n_ports; i++)
		if (s->ports[i].port == port && str_eq(s->ports[i].protocol, "TCP") && !serves(c, &s->ports[i]))
			report_port(run, c, s, &s->ports[i]);
}

static void
companion_unreachable(struct audit_run *run, const struct workload *w)
{
	check_listen(run, w);
	for (size_t i = 0; i < w->n_agents; i++)
		check_service(run, w, w->agents[i]);
}

const struct rule rule_companion_unreachable = {
	.id = "companion-unreachable",
	.severity = SEV_HIGH,
	.scope = RULE_COMPANION,
	.needs = FACT_WORKLOADS | FACT_SERVICES,
	.title = "No Service leads to the companion's port",
	.why = "The agent's only way out is the companion's Service. With a selector that matches nothing, a targetPort on which "
	       "nothing listens, or a Pipelock that kept the sidecar's loopback address, every request fails at once, the "
	       "policies look right, and the first thing somebody opens is the agent's egress.",
	.evidence = "The Service, its selector or targetPort, and the address Pipelock listens on",
	.fix = "Let the Service select the companion's pod labels and name the port that Pipelock listens on; let Pipelock listen "
	       "on 0.0.0.0.",
	.reference = "Per-Pod NetworkPolicy in Practice: Migrating Five Agents in a Day, \"The five agents and the migration "
		     "sequence\", step 1; https://kubernetes.io/docs/concepts/services-networking/service/",
	.run = companion_unreachable,
};
