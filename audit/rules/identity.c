/* SPDX-License-Identifier: Apache-2.0 */
/* Whose name a companion's verdicts and logs carry. */
#include <stdlib.h>
#include <string.h>

#include "audit/rules/common.h"
#include "base/buf.h"
#include "base/str.h"

#define NAMED_MAX 3 /* workloads that a message names */

#define GOTCHA                                                                                                  \
	"Per-Pod NetworkPolicy in Practice: Migrating Five Agents in a Day, \"Gotcha 4: identity binding with " \
	"shared "                                                                                               \
	"namespaces\"; "

static bool
has_profile(const struct pipelock_config *c)
{
	for (size_t i = 0; i < c->n_agents; i++)
		if (c->agents[i].n_source_cidrs || c->agents[i].n_listeners)
			return true;
	return false;
}

/* "default_agent_identity: scout": the agent's name where it has one agent. */
static const char *
suggested_identity(const struct workload *w)
{
	return w->n_agents == 1 ? w->agents[0]->name : w->name;
}

/* "In ConfigMap a/x (key pipelock.yaml)"; without a ConfigMap what there has to be first. */
static const char *
in_config(struct audit_run *run, const struct workload *w)
{
	if (rule_config_object(w->pipelock))
		return audit_printf(run, "In %s", rule_config_name(run, w));
	return audit_printf(
		run,
		"Give %s a config of its own (a ConfigMap, mounted as a directory and named by --config); there",
		rule_workload(run, w));
}

/*
 * identity-missing
 */

static void
identity_missing(struct audit_run *run, const struct workload *w)
{
	const struct pipelock *p = w->pipelock;

	if (!p || !rule_config_judged(run, w) || p->config.default_identity || has_profile(&p->config))
		return;
	audit_report(
		run, w,
		&(struct finding_args){
			.object = rule_config_object(p),
			.line = rule_config_line(p, 0),
			.message = audit_printf(run,
						"companion %s binds no identity: its log and its verdicts cannot "
						"say which agent sent what",
						rule_workload(run, w)),
			.evidence = audit_printf(run,
						 "%s: no default_agent_identity, and no profile under agents: "
						 "with source_cidrs or listeners",
						 rule_config_name(run, w)),
			.fix = audit_printf(run,
					    "%s write default_agent_identity: %s and "
					    "bind_default_agent_identity: true, then restart %s.",
					    in_config(run, w), suggested_identity(w), rule_workload(run, w)),
		});
}

const struct rule rule_identity_missing = {
	.id = "identity-missing",
	.severity = SEV_MEDIUM,
	.scope = RULE_COMPANION,
	.needs = FACT_WORKLOADS | FACT_CONFIG_MAPS,
	.title = "Companion that binds no identity",
	.why = "Pipelock keys its budgets, its adaptive enforcement and every line of its audit log by the "
	       "agent's identity. Without one, what a caller writes into X-Pipelock-Agent or ?agent= is "
	       "believed, and what writes nothing is anonymous: after an incident the log does not say whose "
	       "traffic it was.",
	.evidence = "The config that names no identity",
	.fix = "Set default_agent_identity to the agent's name and bind_default_agent_identity: true. The "
	       "model is one companion, one agent, one identity.",
	.reference = GOTCHA "Pipelock docs/configuration.md, \"Default Agent Identity\"",
	.run = identity_missing,
};

/*
 * identity-spoofable
 */

static void
identity_spoofable(struct audit_run *run, const struct workload *w)
{
	const struct pipelock *p = w->pipelock;
	const char *name;
	unsigned line;

	if (!p || !rule_config_judged(run, w) || p->config.bind_identity)
		return;
	name = p->config.default_identity;
	line = p->config.bind_line ? p->config.bind_line : p->config.identity_line;
	audit_report(
		run, w,
		&(struct finding_args){
			.object = rule_config_object(p),
			.line = rule_config_line(p, line),
			.message = audit_printf(run,
						"companion %s lets callers name themselves: a request with the "
						"header X-Pipelock-Agent is taken for whatever agent it says",
						rule_workload(run, w)),
			.evidence =
				audit_printf(run, "%s: bind_default_agent_identity is %s", rule_config_name(run, w),
					     p->config.bind_line ? "false" : "not written, which means false"),
			.fix = audit_printf(run, "%s write bind_default_agent_identity: true%s%s, then restart %s.",
					    in_config(run, w), name ? "" : " and default_agent_identity: ",
					    name ? "" : suggested_identity(w), rule_workload(run, w)),
		});
}

const struct rule rule_identity_spoofable = {
	.id = "identity-spoofable",
	.severity = SEV_MEDIUM,
	.scope = RULE_COMPANION,
	.needs = FACT_WORKLOADS | FACT_CONFIG_MAPS,
	.title = "Callers may name themselves",
	.why = "Unless bind_default_agent_identity is true, Pipelock takes the agent's name from the request: "
	       "the header X-Pipelock-Agent first, then the default, then ?agent=. An agent that was talked "
	       "into something can so act under another one's name, with that one's profile, budget and "
	       "record. Measured: the same request answered as \"evil\" unbound and as the bound name bound.",
	.evidence = "The field as the config has it",
	.fix = "Set bind_default_agent_identity: true beside default_agent_identity.",
	.reference = GOTCHA "Pipelock docs/configuration.md, \"Default Agent Identity\" and \"Agent Resolution\"",
	.run = identity_spoofable,
};

/*
 * identity-shared
 */

/* "Deployment a/x, Deployment a/y and 2 more" */
static const char *
list_workloads(struct audit_run *run, struct workload *const *at, size_t n)
{
	AUTO(buf) struct buf b = {0};

	for (size_t i = 0; i < n && i < NAMED_MAX; i++)
		buf_addf(&b, "%s%s %s/%s", i ? ", " : "", at[i]->kind, at[i]->namespace, at[i]->name);
	if (n > NAMED_MAX)
		buf_addf(&b, " and %zu more", n - NAMED_MAX);
	return audit_printf(run, "%s", buf_str(&b));
}

static void
identity_shared(struct audit_run *run, const struct workload *w)
{
	const struct pipelock *p = w->pipelock;

	if (!p || w->n_agents < 2 || !rule_config_judged(run, w) || !p->config.default_identity || w->told_apart)
		return;
	audit_report(
		run, w,
		&(struct finding_args){
			.object = rule_config_object(p),
			.line = rule_config_line(p, p->config.identity_line),
			.message = audit_printf(run,
						"%zu agents share companion %s, which binds the single identity "
						"%s: they cannot be told apart",
						w->n_agents, rule_workload(run, w), p->config.default_identity),
			.evidence = audit_printf(run, "%s; agents: %s", rule_config_name(run, w),
						 list_workloads(run, w->agents, w->n_agents)),
			.fix = audit_printf(
				run,
				"Deploy a second companion, with a ConfigMap of its own that says "
				"default_agent_identity: %s, and point HTTPS_PROXY of %s at its Service; or "
				"(Pro) give %s profiles agents.NAME.source_cidrs, one for each agent.",
				w->agents[1]->name, rule_workload(run, w->agents[1]), rule_config_name(run, w)),
		});
}

const struct rule rule_identity_shared = {
	.id = "identity-shared",
	.severity = SEV_HIGH,
	.scope = RULE_COMPANION,
	.needs = FACT_WORKLOADS | FACT_CONFIG_MAPS | FACT_SERVICES,
	.title = "Agents that share one companion and its single identity",
	.why = "A companion's config has one default_agent_identity. Two agents behind it, usually in a "
	       "shared namespace with shared ConfigMaps, are one agent to Pipelock: one budget, one risk "
	       "score, one name in the log. What one of them does raises the other's level, and an incident "
	       "cannot be laid at anyone's door. A companion costs about 50 MiB.",
	.evidence = "The agents that are paired with it, and the config that binds the identity",
	.fix = "One companion for each agent, each with its own ConfigMap and identity. Pipelock Pro can "
	       "instead tell agents apart by agents.NAME.source_cidrs (pod addresses) or "
	       "agents.NAME.listeners (a port each).",
	.reference = GOTCHA "Pipelock docs/configuration.md, \"Agent Resolution\"",
	.run = identity_shared,
};

/*
 * identity-duplicate
 */

struct bound {
	const char *identity;
	const struct workload *w;
	size_t place; /* in the fleet's order, so that the sort is stable */
};

static int
by_identity(const void *a, const void *b)
{
	const struct bound *p = a, *q = b;
	int order = strcmp(p->identity, q->identity);

	return order ? order : (p->place > q->place) - (p->place < q->place);
}

static size_t
collect_bound(struct audit_run *run, struct bound *out)
{
	const struct fleet *f = audit_fleet(run);
	size_t n = 0;

	for (size_t i = 0; i < f->n_companions; i++) {
		const struct workload *w = f->companions[i];

		if (w->pipelock && rule_config_judged(run, w) && w->pipelock->config.default_identity)
			out[n++] = (struct bound){w->pipelock->config.default_identity, w, i};
	}
	if (n)
		qsort(out, n, sizeof(*out), by_identity);
	return n;
}

/* Those of the group that are not group[self], at most NAMED_MAX of them. */
static const char *
list_others(struct audit_run *run, const struct bound *group, size_t n, size_t self)
{
	struct workload *others[NAMED_MAX + 1];
	size_t listed = 0;
	const char *text;

	for (size_t i = 0; i < n && listed < NAMED_MAX; i++)
		if (i != self)
			others[listed++] = (struct workload *)group[i].w;
	text = list_workloads(run, others, listed);
	return n - 1 > listed ? audit_printf(run, "%s and %zu more", text, n - 1 - listed) : text;
}

static bool
shares_config(const struct bound *group, size_t n, size_t self)
{
	const struct config_map *m = group[self].w->pipelock->config_map;

	for (size_t i = 0; m && i < n; i++)
		if (i != self && group[i].w->pipelock->config_map == m)
			return true;
	return false;
}

static const char *
duplicate_fix(struct audit_run *run, const struct bound *group, size_t n, size_t self, const char *others)
{
	const struct workload *w = group[self].w;
	const char *name = suggested_identity(w);

	if (shares_config(group, n, self))
		return audit_printf(
			run,
			"Give each of %s and %s a ConfigMap of its own, whose default_agent_identity is the "
			"agent that it serves.",
			rule_workload(run, w), others);
	if (strcmp(name, group[self].identity) == 0)
		return audit_printf(
			run,
			"This one serves %s and may keep the name: set default_agent_identity of %s to the "
			"agent that it serves.",
			name, others);
	return audit_printf(run, "In %s set default_agent_identity: %s, the agent that it serves, then restart %s.",
			    rule_config_name(run, w), name, rule_workload(run, w));
}

static void
report_duplicate(struct audit_run *run, const struct bound *group, size_t n, size_t self)
{
	const struct workload *w = group[self].w;
	const struct pipelock *p = w->pipelock;
	const char *others = list_others(run, group, n, self);

	audit_report(run, w,
		     &(struct finding_args){
			     .object = rule_config_object(p),
			     .line = rule_config_line(p, p->config.identity_line),
			     .message = audit_printf(run, "companion %s binds identity %s, and so does %s",
						     rule_workload(run, w), group[self].identity, others),
			     .evidence = audit_printf(run, "%s: default_agent_identity: %s; the same in %s",
						      rule_config_name(run, w), group[self].identity, others),
			     .fix = duplicate_fix(run, group, n, self, others),
		     });
}

static void
identity_duplicate(struct audit_run *run, const struct workload *none)
{
	const struct fleet *f = audit_fleet(run);
	struct bound *all = ARENA_ARRAY(audit_scratch(run), struct bound, f->n_companions);
	size_t n = collect_bound(run, all), end;

	(void)none;
	for (size_t i = 0; i < n; i = end) {
		for (end = i + 1; end < n && strcmp(all[i].identity, all[end].identity) == 0; end++)
			;
		for (size_t j = i; end - i > 1 && j < end; j++)
			report_duplicate(run, all + i, end - i, j - i);
	}
}

const struct rule rule_identity_duplicate = {
	.id = "identity-duplicate",
	.severity = SEV_MEDIUM,
	.scope = RULE_FLEET,
	.needs = FACT_WORKLOADS | FACT_CONFIG_MAPS,
	.title = "Two companions bind the same identity",
	.why = "An identity should lead to one agent. When a ConfigMap is copied for the next agent and its "
	       "default_agent_identity is left as it was, or two companions mount the same ConfigMap, two "
	       "agents report under one name: dashboards add them up, and the wrong team is called.",
	.evidence = "The other companions that bind it",
	.fix = "Give each companion's config the identity of the agent that it serves.",
	.reference = GOTCHA "Pipelock docs/configuration.md, \"Default Agent Identity\"",
	.run = identity_duplicate,
};
