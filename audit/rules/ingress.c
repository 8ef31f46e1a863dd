/* SPDX-License-Identifier: Apache-2.0 */
/* Who else can reach a companion's proxy port. */
#include "audit/rules/common.h"
#include "audit/rules/patch.h"
#include "audit/rules/ways.h"
#include "base/buf.h"
#include "fleet/endpoint.h"
#include "fleet/pair.h"

#define ENOUGH 20 /* policies with such a way, after which nobody looks on */
#define PATIENCE 2000 /* kinds of pods asked for their ways to one companion: in large fleets others are like them */

/* Policies that let in somebody who is no agent of the companion, each with the first such way in words. */
struct opening {
	const struct policy *policy; /* NULL: no policy restricts it */
	uint32_t rule;
	unsigned line;
	const char *who;
};

struct search {
	struct audit_run *run;
	const struct workload *companion;
	struct reach *reach;
	size_t class;
	uint16_t port;
	struct opening found[ENOUGH];
	size_t n, asked;
};

static bool
is_found(const struct search *s, const struct policy *p)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->found[i].policy == p)
			return true;
	return false;
}

static void
add(struct search *s, const struct way *w, const char *who)
{
	if (is_found(s, w->policy) || s->n == ENOUGH)
		return;
	s->found[s->n++] = (struct opening){
		.policy = w->policy,
		.rule = w->rule,
		.line = w->peer ? w->peer->line : w->policy ? w->policy->rules[DIRECTION_INGRESS][w->rule].line : 0,
		.who = who,
	};
}

/* Rules without from, and blocks: whoever is at such an address. */
static void
from_addresses(void *ctx, struct ip_range range UNUSED, const struct port_set *ports UNUSED, const struct way *ways,
	       size_t n)
{
	struct search *s = ctx;

	for (size_t i = 0; i < n; i++) {
		AUTO(buf) struct buf who = {0};

		if (!ports_has(&ways[i].ports, PROTOCOL_TCP, s->port))
			continue;
		if (!ways[i].peer)
			buf_adds(&who, "everybody, for it has no from");
		else
			policy_peer_format(&who, ways[i].policy, ways[i].peer);
		add(s, &ways[i], audit_printf(s->run, "%s", buf_str(&who)));
	}
}

/* A workload of the class that is neither the companion nor paired with it; NULL for none. */
static const struct workload *
stranger(const struct search *s, size_t class)
{
	size_t n;
	const struct workload *const *at = reach_class_workloads(s->reach, class, &n);

	for (size_t i = 0; i < n; i++)
		if (at[i] != s->companion && at[i]->companion != s->companion)
			return at[i];
	return NULL;
}

/* Is there a policy left that may turn out to open the port? */
static bool
wants_more(const struct search *s)
{
	const struct policy *const *at;
	size_t n = reach_policies(s->reach, DIRECTION_INGRESS, s->class, &at);

	for (size_t i = 0; i < n; i++)
		if (!is_found(s, at[i]))
			return s->n < ENOUGH && s->asked < PATIENCE;
	return false;
}

static bool
from_pods(void *ctx, size_t class)
{
	struct search *s = ctx;
	const struct workload *who = stranger(s, class);
	struct port_set out;
	struct way *ways;
	size_t n;

	if (!who)
		return true;
	s->asked++;
	out = reach_end(s->reach, DIRECTION_EGRESS, class, s->class, audit_scratch(s->run));
	if (!ports_has(&out, PROTOCOL_TCP, s->port))
		return s->asked < PATIENCE;
	n = reach_ways(s->reach, DIRECTION_INGRESS, class, s->class, audit_scratch(s->run), &ways);
	for (size_t i = 0; i < n; i++)
		if (ports_has(&ways[i].ports, PROTOCOL_TCP, s->port))
			add(s, &ways[i], rule_workload(s->run, who));
	return wants_more(s);
}

static void
report(struct audit_run *run, const struct workload *w, const struct opening *o, uint16_t port)
{
	const char *subject =
		o->policy ? ways_policy(run, o->policy) : "no policy with Ingress selects it, so the cluster";

	audit_report(run, w, &(struct finding_args){
		.object = o->policy ? &o->policy->object : NULL,
		.subject = o->policy ? rule_workload(run, w) : NULL,
		.line = o->line,
		.message = audit_printf(run, "pods other than its agents can reach port %u of companion %s: %s "
			"lets them in", port, rule_workload(run, w), subject),
		.evidence = o->policy ? audit_printf(run, "ingress rule %u lets in %s", o->rule + 1, o->who) :
			"policies with Ingress that select it: none",
		.fix = o->policy ? audit_printf(run, "In %s replace ingress rule %u by %s", subject, o->rule + 1,
			patch_from_agents(run, w, port)) : audit_printf(run, "Add the policy %s",
			patch_policy(run, w, "ingress", audit_printf(run, "policyTypes: [Ingress], ingress: [%s]",
			patch_from_agents(run, w, port)))),
	});
}

static void
search_class(struct search *s)
{
	static const struct way nothing = {0};

	if (!reach_isolated(s->reach, DIRECTION_INGRESS, s->class)) {
		const struct policy *const *p;

		if (!reach_policies(s->reach, DIRECTION_INGRESS, s->class, &p)) {
			add(s, &nothing, "everything");
			return;
		}
	}
	reach_each_range(s->reach, DIRECTION_INGRESS, s->class, IP_V4, audit_scratch(s->run), from_addresses, s);
	reach_each_range(s->reach, DIRECTION_INGRESS, s->class, IP_V6, audit_scratch(s->run), from_addresses, s);
	s->asked = 0;
	reach_each_candidate(s->reach, DIRECTION_INGRESS, s->class, from_pods, s);
}

/* Where its agents reach it; 0 when that is not known. */
static uint16_t
proxy_port(struct audit_run *run, const struct workload *w)
{
	if (w->n_agents)
		return (uint16_t)endpoint_of_agent(w->agents[0]).pod_port;
	return (uint16_t)endpoint_companion(w, pair_service(audit_fleet(run), w), 0).pod_port;
}

static void
companion_ingress_open(struct audit_run *run, const struct workload *w)
{
	struct search s = {.run = run, .companion = w, .reach = audit_fleet(run)->reach};
	const uint32_t *classes;
	size_t n;

	if (!s.reach || !ways_egress(run, w) || w->template->spec.host_network)
		return;
	s.port = proxy_port(run, w);
	if (!s.port) {
		audit_unknown(run, w, "ConfigMap",
			      audit_printf(run, "the port of companion %s is not known", rule_workload(run, w)));
		return;
	}
	ways_outside(run, w, DIRECTION_INGRESS);
	classes = reach_classes(s.reach, w, &n);
	for (size_t i = 0; i < n; i++) {
		s.class = classes[i];
		search_class(&s);
	}
	for (size_t i = 0; i < s.n; i++)
		report(run, w, &s.found[i], s.port);
}

const struct rule rule_companion_ingress_open = {
	.id = "companion-ingress-open",
	.severity = SEV_MEDIUM,
	.scope = RULE_COMPANION,
	.needs = FACT_WORKLOADS | FACT_POLICIES | FACT_EGRESS,
	.title = "Pods other than its agents can reach the companion's proxy port",
	.why = "Whoever reaches the proxy port uses the companion's way out, under the identity that the "
	       "companion binds. A pod with a tight policy of its own that may talk to this one has the internet "
	       "after all, and what it does is written down as the agent's doing.",
	.evidence = "The ingress rule and whom it lets in, or that no policy with Ingress selects the companion",
	.fix = "Let in the companion's agents alone, on the proxy port.",
	.reference = "https://kubernetes.io/docs/concepts/services-networking/network-policies/",
	.run = companion_ingress_open,
};
