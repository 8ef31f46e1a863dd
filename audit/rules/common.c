/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/rules/common.h"

#include <string.h>

#include "base/attr.h"
#include "base/str.h"
#include "fleet/setup.h"

const char *
rule_workload(struct audit_run *run, const struct workload *w)
{
	return audit_printf(run, "%s %s/%s", w->kind, w->namespace, w->name);
}

const char *
rule_spec_path(const struct workload *w)
{
	if (str_eq(w->kind, "CronJob"))
		return "spec.jobTemplate.spec.template.spec";
	return str_eq(w->kind, "Pod") ? "spec" : "spec.template.spec";
}

const char *
rule_restart(struct audit_run *run, const struct workload *w)
{
	static const char *const resources[][2] = {
		{"Deployment", "deployment"}, {"StatefulSet", "statefulset"}, {"DaemonSet", "daemonset"}};

	for (size_t i = 0; i < COUNT_OF(resources); i++)
		if (strcmp(resources[i][0], w->kind) == 0)
			return audit_printf(run, "kubectl -n %s rollout restart %s/%s", w->namespace,
					    resources[i][1], w->name);
	if (strcmp(w->kind, "Pod") == 0)
		return audit_printf(run, "delete %s and create it again", rule_workload(run, w));
	return audit_printf(run, "let new pods of %s replace those that run", rule_workload(run, w));
}

bool
rule_pods_unseen(struct audit_run *run, const struct workload *w)
{
	const struct live *l = fleet_live(audit_fleet(run), w);

	return !l->n_pods && w->restartable && l->desired != 0;
}

/* The port of a Service that leads to this port of its pods, by number; else its first one. */
static int
service_port_for(const struct service *s, int pod_port)
{
	for (size_t i = 0; i < s->n_ports; i++) {
		if (s->ports[i].target_port == pod_port)
			return s->ports[i].port;
	}
	return s->n_ports ? s->ports[0].port : pod_port;
}

const char *
rule_proxy_url(struct audit_run *run, const struct workload *agent)
{
	const struct workload *c = agent->companion;
	const struct service *s = agent->service;
	int port = c && c->pipelock && c->pipelock->listen_port ? c->pipelock->listen_port : 8888;

	if (!c)
		return NULL;
	if (!s)
		return audit_printf(run, "http://%s.%s.svc:%d", c->name, c->namespace, port);
	return audit_printf(run, "http://%s.%s.svc:%d", s->object.name, s->object.namespace,
			    service_port_for(s, port));
}

static void
report_host_network_pod(struct audit_run *run, const struct workload *w)
{
	const struct live *l = fleet_live(audit_fleet(run), w);

	for (size_t i = 0; i < l->n_pods && !w->template->spec.host_network; i++) {
		const struct pod *p = l->pods[i];

		if (p->finished || !p->template.spec.host_network)
			continue;
		audit_report(run, w, &(struct finding_args){
			.message = audit_printf(run, "pod %s of %s still runs with hostNetwork: true: no NetworkPolicy applies to it",
				p->object.name, rule_workload(run, w)),
			.evidence = audit_printf(run, "the pod has it, %s.hostNetwork has not", rule_spec_path(w)),
			.fix = audit_printf(run, "Let the pod be made anew: kubectl -n %s delete pod %s", p->object.namespace, p->object.name),
		});
		return;
	}
}

void
rule_report_host_network(struct audit_run *run, const struct workload *w, const char *means)
{
	const struct pod_spec *s = &w->template->spec;

	report_host_network_pod(run, w);
	if (!s->host_network)
		return;
	audit_report(run, w, &(struct finding_args){
		.line = s->host_network_line,
		.message = audit_printf(run, "%s runs with hostNetwork: true: %s", rule_workload(run, w), means),
		.evidence = audit_printf(run, "%s.hostNetwork: true", rule_spec_path(w)),
		.fix = audit_printf(run, "Delete hostNetwork: true from %s of %s.", rule_spec_path(w), rule_workload(run, w)),
	});
}

void
rule_env_unknown(struct audit_run *run, const struct workload *w, const struct container *c, const char *name,
		 const struct env_value *v, const char *hint)
{
	audit_unknown(run, w, v->kind ? v->kind : w->kind,
		      audit_printf(run, "%s of container %s of %s %s from %s%s%s", name, c->name, rule_workload(run, w),
				   v->perhaps ? "may come" : "comes", v->cause, hint ? ": " : "", hint ? hint : ""));
}

bool
rule_config_speaks(const struct pipelock *p)
{
	return setup_config_speaks(p);
}

bool
rule_config_judged(struct audit_run *run, const struct workload *w)
{
	if (w->pipelock->config_hidden)
		audit_not_applicable(run, w, w->pipelock->config_hidden);
	return setup_config_speaks(w->pipelock);
}

const struct object *
rule_config_object(const struct pipelock *p)
{
	return p->config_map ? &p->config_map->object : NULL;
}

const char *
rule_config_name(struct audit_run *run, const struct workload *w)
{
	const struct pipelock *p = w->pipelock;

	if (p->config_unused)
		return audit_printf(run, "the defaults of %s %s/%s (pipelock run has no --config: %s is not read)",
				    w->kind, w->namespace, w->name,
				    p->sources[0].path ? p->sources[0].path : "its environment");
	if (!p->config_map)
		return audit_printf(run, "the defaults of %s %s/%s", w->kind, w->namespace, w->name);
	return audit_printf(run, "ConfigMap %s/%s (key %s)", p->config_map->object.namespace,
			    p->config_map->object.name, p->sources[0].key);
}

unsigned
rule_config_line(const struct pipelock *p, unsigned text_line)
{
	const struct config_key *key = p->config_map ? config_map_key(p->config_map, p->sources[0].key) : NULL;

	if (!key)
		return 0;
	/* quoted and folded text, and JSON, have no lines of their own in the source */
	return key->literal && text_line ? key->line + text_line : key->line;
}
