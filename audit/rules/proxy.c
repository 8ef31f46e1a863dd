/* SPDX-License-Identifier: Apache-2.0 */
/* Do the agent's clients go to the companion: HTTPS_PROXY and NO_PROXY of each container. */
#include <string.h>
#include <strings.h>

#include "audit/rules/common.h"
#include "base/str.h"
#include "fleet/proxy.h"

typedef void check(struct audit_run *run, const struct workload *w, const struct container *c,
		   const struct proxy_var *vars, size_t n);

static void
each_client(struct audit_run *run, const struct workload *w, enum proxy_kind kind, check *fn)
{
	const struct pod_spec *s = &w->template->spec;

	for (size_t i = 0; i < s->n_containers; i++) {
		struct proxy_var vars[2];
		size_t n;

		if (!proxy_is_client(&s->containers[i]))
			continue;
		n = proxy_vars(audit_fleet(run), w->namespace, &s->containers[i], kind, audit_scratch(run), vars);
		fn(run, w, &s->containers[i], vars, n);
	}
}

/* A value that moat cannot see is not judged, and never counts as right. true when this one is such. */
static bool
unseen(struct audit_run *run, const struct workload *w, const struct container *c, const struct proxy_var *v)
{
	static const char hint[] = "write host and port as plain text, and $(NAME) for what is secret (user, password)";

	if (v->env.state == ENV_SET)
		return false;
	rule_env_unknown(run, w, c, v->name, &v->env,
			 v->env.state == ENV_HIDDEN && strcasecmp(v->name, "NO_PROXY") != 0 ? hint : NULL);
	return true;
}

/* The change for one container, as YAML in one line. */
static const char *
set_env(struct audit_run *run, const struct workload *w, const struct container *c, const char *name)
{
	const char *url = rule_proxy_url(run, w);

	if (!url)
		return audit_printf(run,
				    "In container %s of %s set %s to the URL of a companion's Service, "
				    "such as http://pipelock.%s.svc:8888.",
				    c->name, rule_workload(run, w), name, w->namespace);
	return audit_printf(run, "In container %s of %s: env: [{name: %s, value: \"%s\"}]", c->name,
			    rule_workload(run, w), name, url);
}

/*
 * proxy-env-missing
 */

/* A Secret under envFrom is no proof of a proxy variable; who reads the finding is told to look there. */
static const char *
missing_evidence(struct audit_run *run, const struct container *c)
{
	const char *secret = env_secret_source(c, "HTTPS_PROXY");

	if (!secret)
		secret = env_secret_source(c, "https_proxy");
	return secret ? audit_printf(run, "nothing that moat reads sets it; Secret %s under envFrom, which moat does not "
				     "read, could: host and port of a companion belong in plain text", secret)
		      : NULL;
}

static void
report_missing(struct audit_run *run, const struct workload *w, const struct container *c)
{
	audit_report(run, w, &(struct finding_args){
		.container = c->name,
		.line = c->line,
		.message = audit_printf(run, "container %s of %s has no HTTPS_PROXY: its clients dial the "
			"internet directly instead of companion %s", c->name, rule_workload(run, w),
			rule_workload(run, w->companion)),
		.evidence = missing_evidence(run, c),
		.fix = set_env(run, w, c, "HTTPS_PROXY"),
	});
}

/* Beside a good HTTPS_PROXY: curl and Python look at the lower-case one first, and take an empty one for "no proxy". */
static void
check_empty(struct audit_run *run, const struct workload *w, const struct container *c)
{
	struct env_value v = env_lookup(audit_fleet(run), w->namespace, c, "https_proxy", audit_scratch(run));

	if (v.state != ENV_SET || v.value[strspn(v.value, " \t")])
		return;
	audit_report(run, w, &(struct finding_args){
		.container = c->name,
		.subject = "https_proxy",
		.line = v.line,
		.message = audit_printf(run, "container %s of %s has an empty https_proxy: clients that look at "
			"it first, such as curl, dial the internet directly", c->name, rule_workload(run, w)),
		.evidence = "https_proxy is set to nothing, beside HTTPS_PROXY",
		.fix = set_env(run, w, c, "https_proxy"),
	});
}

static void
check_missing(struct audit_run *run, const struct workload *w, const struct container *c,
	      const struct proxy_var *vars, size_t n)
{
	bool set = false, unknown = false;

	for (size_t i = 0; i < n; i++) {
		if (vars[i].env.state == ENV_SET || vars[i].env.state == ENV_HIDDEN)
			set = true;
		if (vars[i].env.state == ENV_UNKNOWN && !unknown)
			unknown = unseen(run, w, c, &vars[i]);
	}
	if (set)
		check_empty(run, w, c);
	else if (!unknown)
		report_missing(run, w, c);
}

static void
proxy_env_missing(struct audit_run *run, const struct workload *w)
{
	if (w->companion)
		each_client(run, w, PROXY_HTTPS, check_missing);
}

const struct rule rule_proxy_env_missing = {
	.id = "proxy-env-missing",
	.severity = SEV_HIGH,
	.scope = RULE_AGENT,
	.needs = FACT_WORKLOADS | FACT_SERVICES,
	.title = "Container of an agent without HTTPS_PROXY",
	.why = "The agent has a companion, but this container's clients do not know of it. While the "
	       "agent's policy is still wide they go out unscanned; once it is tightened they hang or "
	       "fail, and someone opens the policy again to get the agent working. Containers added "
	       "later (a tool server, a second worker) are the usual ones: environment is per "
	       "container. An empty https_proxy counts too: clients that look at it first, "
	       "curl and Python among them, take it for \"no proxy\".",
	.evidence = "The container; the variable that is set to nothing; a Secret under envFrom that could set it",
	.fix = "Set HTTPS_PROXY (and HTTP_PROXY and http_proxy, since curl reads only the lower-case "
	       "one for http:// URLs) to the companion's Service in each main container. Log and "
	       "metrics helpers need none.",
	.reference = "Per-Pod NetworkPolicy in Practice: Migrating Five Agents in a Day, \"The five "
		     "agents and the migration sequence\", step 4; Pipelock "
		     "docs/guides/deployment-recipes.md",
	.run = proxy_env_missing,
};

/*
 * proxy-env-loopback
 */

static void
check_loopback(struct audit_run *run, const struct workload *w, const struct container *c,
	       const struct proxy_var *vars, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct proxy_var *v = &vars[i];

		if (unseen(run, w, c, v) || v->env.state != ENV_SET || !v->url.valid || !v->url.loopback)
			continue;
		audit_report(run, w, &(struct finding_args){
			.container = c->name,
			.subject = v->name,
			.line = v->env.line,
			.message = audit_printf(run, "%s of container %s of %s is a loopback address, "
				"and no Pipelock runs in the pod: nothing listens there",
				v->name, c->name, rule_workload(run, w)),
			.evidence = audit_printf(run, "%s=%s", v->name, v->url.shown),
			.fix = set_env(run, w, c, v->name),
		});
	}
}

static void
proxy_env_loopback(struct audit_run *run, const struct workload *w)
{
	if (!w->pipelock)
		each_client(run, w, PROXY_HTTPS, check_loopback);
}

const struct rule rule_proxy_env_loopback = {
	.id = "proxy-env-loopback",
	.severity = SEV_HIGH,
	.scope = RULE_AGENT,
	.needs = FACT_WORKLOADS,
	.title = "HTTPS_PROXY still points at the sidecar that is gone",
	.why = "http://127.0.0.1:8888 was right while Pipelock ran in the pod. With the sidecar "
	       "removed nothing listens there: every request through the proxy fails at once, and "
	       "clients that fall back to a direct connection, as some do, leave unscanned wherever "
	       "the policy lets them. It is step 4 of the migration forgotten after step 3.",
	.evidence = "The variable and its URL, without user and password",
	.fix = "Set HTTPS_PROXY to the companion's Service: http://NAME.NAMESPACE.svc:PORT.",
	.reference = "Per-Pod NetworkPolicy in Practice: Migrating Five Agents in a Day, \"The five "
		     "agents and the migration sequence\", steps 3 and 4",
	.run = proxy_env_loopback,
};

/*
 * proxy-env-target
 */

/* What stands before the host stays: it may come from a Secret, and does not belong in the manifest. */
static const char *
point_to_companion(struct audit_run *run, const struct workload *w, const struct container *c, const struct proxy_var *v)
{
	const char *fix = set_env(run, w, c, v->name);

	if (!strchr(v->env.value, ENV_MASK) || !strchr(v->env.value, '@'))
		return fix;
	return audit_printf(run, "%s, with the user and password references before the host kept as they are", fix);
}

static void
check_target(struct audit_run *run, const struct workload *w, const struct container *c,
	     const struct proxy_var *vars, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct proxy_var *v = &vars[i];
		const char *wrong;

		if (unseen(run, w, c, v) || v->env.state != ENV_SET)
			continue;
		wrong = proxy_wrong_target(audit_fleet(run), w, &v->url, audit_scratch(run));
		if (!wrong)
			continue;
		audit_report(run, w, &(struct finding_args){
			.container = c->name,
			.subject = v->name,
			.line = v->env.line,
			.message = audit_printf(run, "%s of container %s of %s leads to no companion: "
				"%s", v->name, c->name, rule_workload(run, w), wrong),
			.evidence = v->url.valid ? audit_printf(run, "%s=%s", v->name, v->url.shown)
				: NULL,
			.fix = point_to_companion(run, w, c, v),
		});
	}
}

static void
proxy_env_target(struct audit_run *run, const struct workload *w)
{
	each_client(run, w, PROXY_HTTPS, check_target);
}

const struct rule rule_proxy_env_target = {
	.id = "proxy-env-target",
	.severity = SEV_HIGH,
	.scope = RULE_AGENT,
	.needs = FACT_WORKLOADS | FACT_SERVICES,
	.title = "HTTPS_PROXY names something that is no companion",
	.why = "The container's clients send everything to this address. A proxy of another kind scans "
	       "nothing that Pipelock scans; a name without a Service, or a port the Service does not "
	       "have, means that nothing works, until somebody clears the variable. Renamed Services, "
	       "a namespace copied from another agent and a pod port written where the Service's port "
	       "belongs are what it turns out to be.",
	.evidence = "The variable and its URL, without user and password, and what is wrong with it",
	.fix = "Write the name, namespace and port of the companion's Service: "
	       "http://NAME.NAMESPACE.svc:PORT. Both spellings, HTTPS_PROXY and https_proxy, have to "
	       "be right where both are set.",
	.reference = "Per-Pod NetworkPolicy in Practice: Migrating Five Agents in a Day, \"The five "
		     "agents and the migration sequence\", step 4; "
		     "https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/",
	.run = proxy_env_target,
};

/*
 * no-proxy-wide
 */

static void
check_no_proxy(struct audit_run *run, const struct workload *w, const struct container *c,
	       const struct proxy_var *vars, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct proxy_var *v = &vars[i];
		const char *entry;

		if (unseen(run, w, c, v) || v->env.state != ENV_SET)
			continue;
		entry = no_proxy_wide(audit_fleet(run), w->namespace, v->env.value, audit_scratch(run));
		if (!entry)
			continue;
		audit_report(run, w, &(struct finding_args){
			.container = c->name,
			.subject = v->name,
			.line = v->env.line,
			.message = audit_printf(run, "%s of container %s of %s sends traffic for %s "
				"past the companion", v->name, c->name, rule_workload(run, w),
				str_eq(entry, "*") ? "every host" : entry),
			.evidence = audit_printf(run, "%s has the entry %s", v->name, entry),
			.fix = audit_printf(run, "In container %s of %s take %s out of %s; cluster "
				"names are enough: localhost,127.0.0.1,.svc,.cluster.local",
				c->name, rule_workload(run, w), entry, v->name),
		});
	}
}

static void
no_proxy_wide_run(struct audit_run *run, const struct workload *w)
{
	each_client(run, w, PROXY_NO, check_no_proxy);
}

const struct rule rule_no_proxy_wide = {
	.id = "no-proxy-wide",
	.severity = SEV_MEDIUM,
	.scope = RULE_AGENT,
	.needs = FACT_WORKLOADS | FACT_SERVICES,
	.title = "NO_PROXY lets clients pass by the firewall",
	.why = "Every well-behaved client goes directly to what NO_PROXY matches. An entry for "
	       "something outside the cluster is therefore a way around the firewall by configuration: "
	       "it is the third of the bypass probes (a NO_PROXY domain match). While the agent's "
	       "policy is wide the traffic leaves unscanned; under a tight policy that one site just "
	       "fails. Entries come from a proxy problem long solved, or from a corporate default that "
	       "was right on a laptop. NAME.NAMESPACE counts as the cluster's own unless it ends in a "
	       "country's or another common top-level domain.",
	.evidence = "The entry that matches names or addresses outside the cluster",
	.fix = "Keep NO_PROXY to the cluster: localhost,127.0.0.1,.svc,.cluster.local. A site that "
	       "cannot stand interception goes into Pipelock's passthrough_domains, or its client into "
	       "a scraper of its own.",
	.reference = "Per-Pod NetworkPolicy in Practice: Migrating Five Agents in a Day, \"The five "
		     "agents and the migration sequence\", step 7; Pipelock "
		     "docs/guides/deployment-recipes.md",
	.run = no_proxy_wide_run,
};
