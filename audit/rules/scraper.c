/* SPDX-License-Identifier: Apache-2.0 */
/* Scrapers: split out of an agent, with a way out of their own that has to stay narrow. */
#include <stdlib.h>

#include "audit/rules/common.h"
#include "audit/rules/patch.h"
#include "audit/rules/ways.h"
#include "base/str.h"
#include "base/vec.h"
#include "fleet/endpoint.h"
#include "fleet/env.h"
#include "fleet/fleet_index.h"
#include "fleet/proxy.h"

/*
 * scraper-egress
 */

/* A firewall in front of it is no way out of its own. */
static bool
beyond_web(struct audit_run *run UNUSED, const struct allow *a)
{
	bool firewall = a->to == ALLOW_POD && a->workload->role == ROLE_COMPANION;

	return !firewall && a->to != ALLOW_COMPANION && !a->exempt && !egress_only_web(&a->ports);
}

static struct ways_words
say_beyond_web(struct audit_run *run, const struct workload *w)
{
	return (struct ways_words){
		.message = audit_printf(run, "lets scraper %s reach more than TCP 443 and 80 and DNS",
			rule_workload(run, w)),
		.fix = "allow TCP 443 and 80 alone, and port 53 of the DNS pods in a rule of its own.",
	};
}

static void
check(struct audit_run *run, const struct workload *w)
{
	const struct egress *e = ways_egress(run, w);

	if (!e)
		return;
	if (e->isolated) {
		ways_report(run, w, beyond_web, say_beyond_web);
		return;
	}
	audit_report(run, w, &(struct finding_args){
		.message = audit_printf(run, "no NetworkPolicy with Egress selects scraper %s: it reaches "
			"everything, and the agent through it", rule_workload(run, w)),
		.evidence = e->host_network ? "it is on the host's network, where no policy applies" : "policies "
			"with Egress that select it: none",
		.fix = audit_printf(run, "Add the policy %s", patch_policy(run, w, "egress", audit_printf(run,
			"policyTypes: [Egress], egress: [%s, %s]", patch_to_web, patch_to_dns(run)))),
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
	.why = "A scraper is let past the firewall because it cannot stand TLS interception. That is a bargain "
	       "only while it can do nothing else: without a policy of its own it reaches the whole cluster and "
	       "every port outside, and does so for whoever calls it.",
	.evidence = "The rules that open more than TCP 443 and 80 and DNS, or that no policy with Egress selects "
		    "it",
	.fix = "Give the scraper a policy with TCP 443 and 80 to public addresses and port 53 of the DNS pods.",
	.reference = "Per-Pod NetworkPolicy in Practice: Migrating Five Agents in a Day, gotcha 3",
	.run = scraper_egress,
};

/*
 * scraper-unreachable
 */

#define SCRAPER "moat.dev/scraper"

/* Pod ports behind a name: one of them is enough. */
struct target {
	const struct workload *workload;
	int port; /* 0: it declares none, so any */
};

struct targets {
	VEC(struct target) at;
	const struct service *service; /* whose ports are meant, while its pods are gone through */
	int port; /* of the Service; 0: any */
	bool scrapers_only;
};

static void
add_target(struct targets *t, const struct workload *w, int port)
{
	vec_push(&t->at, (struct target){w, port});
}

static bool
add_behind(void *ctx, struct workload *w)
{
	struct targets *t = ctx;

	if (t->scrapers_only && w->role != ROLE_SCRAPER)
		return true;
	for (size_t i = 0; i < t->service->n_ports; i++) {
		const struct service_port *p = &t->service->ports[i];

		if (str_eq(p->protocol, "TCP") && (!t->port || p->port == t->port) && endpoint_target(p, w))
			add_target(t, w, endpoint_target(p, w));
	}
	return true;
}

static void
add_service(const struct fleet *f, struct targets *t, const struct service *s, int port)
{
	t->service = s;
	t->port = port;
	fleet_selected(f, s, add_behind, t);
}

static void
add_workload(struct targets *t, const struct workload *w)
{
	const struct pod_spec *s = &w->template->spec;
	size_t before = t->at.n;

	for (size_t i = 0; i < s->n_containers; i++)
		for (size_t k = 0; k < s->containers[i].n_ports; k++)
			if (str_eq(s->containers[i].ports[k].protocol, "TCP"))
				add_target(t, w, s->containers[i].ports[k].port);
	if (t->at.n == before)
		add_target(t, w, 0);
}

/* Without a port to ask for: is there one? */
static struct path
any_port(const struct fleet *f, const struct workload *from, const struct workload *to, struct arena *a)
{
	struct path path = {.egress = true, .ingress = true};
	size_t n_from, n_to;
	const uint32_t *sources = reach_classes(f->reach, from, &n_from),
		       *ends = reach_classes(f->reach, to, &n_to);

	for (size_t i = 0; i < n_from; i++) {
		for (size_t k = 0; k < n_to; k++) {
			struct port_set out = reach_end(f->reach, DIRECTION_EGRESS, sources[i], ends[k], a);
			struct port_set in = reach_end(f->reach, DIRECTION_INGRESS, sources[i], ends[k], a);

			if (!ports_empty(&out) && !ports_empty(&in))
				continue;
			return (struct path){!ports_empty(&out), !ports_empty(&in), sources[i], ends[k]};
		}
	}
	return path;
}

static void
report_blocked(struct audit_run *run, const struct workload *w, const char *name, const struct target *t,
	       const struct path *path)
{
	enum direction d = path->egress ? DIRECTION_INGRESS : DIRECTION_EGRESS;
	const struct policy *p = ways_in_the_way(run, d, path, PROTOCOL_TCP, (uint16_t)(t->port ? t->port : 80));
	const char *rule = d == DIRECTION_EGRESS
				   ? patch_to_pods(run, t->workload, w->namespace, t->port)
				   : audit_printf(run, "{from: [%s]}", patch_pods(run, w, t->workload->namespace));
	const char *where = p ? ways_policy(run, p) : audit_printf(run, "a policy for %s", rule_workload(run, w));

	audit_report(run, w, &(struct finding_args){
		.object = p ? &p->object : NULL,
		.subject = audit_printf(run, "%s to %s", rule_workload(run, w), name),
		.message = audit_printf(run, "%s names scraper %s, which policies do not let it reach",
			rule_workload(run, w), name),
		.evidence = audit_printf(run, "%s is %s; %s of %s does not allow it%s", name, rule_workload(run,
			t->workload), direction_name(d), where, t->port ? audit_printf(run, " on TCP %d", t->port)
			: ""),
		.fix = audit_printf(run, "In %s add to %s: %s", where, direction_name(d), rule),
	});
}

/* Reports when none of the targets can be reached; the first one is the one to open. */
static void
check_targets(struct audit_run *run, const struct workload *w, const char *name, const struct targets *t)
{
	struct path first = {0};

	for (size_t i = 0; i < t->at.n; i++)
		audit_looks_at(run, t->at.at[i].workload);
	for (size_t i = 0; i < t->at.n; i++) {
		const struct target *at = &t->at.at[i];
		struct path path =
			at->port ? path_find(audit_fleet(run), w, at->workload, PROTOCOL_TCP, (uint16_t)at->port)
				 : any_port(audit_fleet(run), w, at->workload, audit_scratch(run));

		if (path.egress && path.ingress)
			return;
		if (!i)
			first = path;
	}
	if (t->at.n)
		report_blocked(run, w, name, &t->at.at[0], &first);
}

/* "[ns/]name": a workload, a Service, or both of that name. */
static void
check_named(struct audit_run *run, const struct workload *w, const char *word)
{
	const struct fleet *f = audit_fleet(run);
	const char *slash = strchr(word, '/');
	const char *namespace = slash ? audit_printf(run, "%.*s", (int)(slash - word), word) : w->namespace;
	const char *name = slash ? slash + 1 : word;
	const struct service *s = fleet_service(f, namespace, name);
	struct targets t = {.scrapers_only = false};
	size_t n;
	const struct workload *named = fleet_named(f, namespace, name, &n);

	if (s)
		add_service(f, &t, s, 0);
	for (size_t i = 0; i < n; i++)
		add_workload(&t, &named[i]);
	if (!t.at.n)
		audit_report(run, w, &(struct finding_args){
			.subject = audit_printf(run, "%s to %s", rule_workload(run, w), word),
			.message = audit_printf(run, "%s names scraper %s, and no workload of that name, nor "
				"pods behind such a Service, are there", rule_workload(run, w), word),
			.evidence = audit_printf(run, SCRAPER ": %s", word),
			.fix = audit_printf(run, "Write the name of the scraper's workload or Service into "
				"annotation " SCRAPER " of %s, as [namespace/]name, or delete the annotation.",
				rule_workload(run, w)),
		});
	else
		check_targets(run, w, word, &t);
	vec_free(&t.at);
}

/* The host and port of "ws://browserless.research.svc:3000/path", or of "browserless:3000". 0: no port is written. */
static bool
host_of(const char *value, char host[256], int *port)
{
	const char *scheme = strstr(value, "://"), *at = scheme ? scheme + 3 : value;
	const char *end = at + strcspn(at, "/?#");
	size_t len;
	char *stop;

	for (const char *s = at; s < end; s++)
		if (*s == '@')
			at = s + 1;
	len = strcspn(at, ":/?#");
	if (!len || len >= 256)
		return false;
	memcpy(host, at, len);
	host[len] = '\0';
	*port = at[len] == ':' ? (int)strtol(at + len + 1, &stop, 10) : 0;
	return at[len] != ':' || (stop == end && *port > 0 && *port <= 65535);
}

static void
check_value(struct audit_run *run, const struct workload *w, const char *value)
{
	const struct fleet *f = audit_fleet(run);
	struct targets t = {.scrapers_only = true};
	const struct service *s;
	char host[256];
	int port;

	if (!host_of(value, host, &port) || !(s = fleet_resolve_host(f, w->namespace, host)))
		return;
	add_service(f, &t, s, port);
	check_targets(run, w, audit_printf(run, "%s/%s", s->object.namespace, s->object.name), &t);
	vec_free(&t.at);
}

static void
check_env(struct audit_run *run, const struct workload *w)
{
	const struct fleet *f = audit_fleet(run);
	const struct pod_spec *spec = &w->template->spec;

	for (size_t i = 0; f->n_scrapers && i < spec->n_containers; i++) {
		const struct container *c = &spec->containers[i];

		if (!proxy_is_client(c))
			continue;
		for (size_t k = 0; k < c->n_env; k++) {
			struct env_value v = env_lookup(f, w->namespace, c, c->env[k].name, audit_scratch(run));

			if (v.state == ENV_SET)
				check_value(run, w, v.value);
		}
	}
}

static void
scraper_unreachable(struct audit_run *run, const struct workload *w)
{
	static const char separators[] = ", \t\r\n";
	const struct egress *e = ways_egress(run, w);
	const char *named = labels_get(&w->object->annotations, SCRAPER);

	if (!named)
		named = labels_get(&w->template->annotations, SCRAPER);
	if (!e || e->host_network)
		return;
	for (const char *at = named ? named + strspn(named, separators) : ""; *at; at += strspn(at, separators)) {
		int len = (int)strcspn(at, separators);

		check_named(run, w, audit_printf(run, "%.*s", len, at));
		at += len;
	}
	check_env(run, w);
}

const struct rule rule_scraper_unreachable = {
	.id = "scraper-unreachable",
	.severity = SEV_MEDIUM,
	.scope = RULE_AGENT,
	.needs = FACT_WORKLOADS | FACT_SERVICES | FACT_POLICIES | FACT_NAMESPACES | FACT_EGRESS,
	.title = "The agent names a scraper that policies do not let it reach",
	.why = "A browser that was split out of the agent's pod is called through a Service, and the agent's "
	       "tight policy needs one rule more for it, with the pod's port and not the Service's. Without that "
	       "rule the calls hang; with the wrong repair the agent gets the internet back.",
	.evidence = "The scraper, by annotation moat.dev/scraper or by a URL in the agent's env, and the end "
		    "that does not allow it",
	.fix = "Allow the scraper's pod labels and pod port in the agent's egress policy.",
	.reference = "Per-Pod NetworkPolicy in Practice: Migrating Five Agents in a Day, gotcha 3",
	.run = scraper_unreachable,
};
