/* SPDX-License-Identifier: Apache-2.0 */
/* Where an agent's policies let it go besides its companion, its scrapers and DNS. */
#include "audit/rules/common.h"
#include "audit/rules/patch.h"
#include "audit/rules/ways.h"
#include "base/clock.h"
#include "fleet/proof.h"

#define REPORT "Per-Pod NetworkPolicy in Practice: Migrating Five Agents in a Day, "
#define POLICY_DOC "https://kubernetes.io/docs/concepts/services-networking/network-policies/"

static bool
beyond_dns(struct audit_run *run UNUSED, const struct allow *a)
{
	return !egress_only_dns(&a->ports);
}

/*
 * agent-egress-open
 */

static void
agent_egress_open(struct audit_run *run, const struct workload *w)
{
	const struct egress *e = ways_egress(run, w);
	bool some = e && e->n_policies; /* pods of a rollout that hangs, say: not all have the labels */

	if (!e || e->isolated || e->host_network)
		return;
	audit_report(run, w, &(struct finding_args){
		.message = audit_printf(run, "no NetworkPolicy with Egress selects %s%s: %s everything, whatever "
			"%s proxy variables say", some ? "some pods of " : "", rule_workload(run, w), some ?
			"they reach" : "it reaches", some ? "their" : "its"),
		.evidence = some ? "policies with Egress select only others of its pods" : "policies with Egress "
			"that select it: none",
		.fix = audit_printf(run, "%s %s", some ? "Write a selector that all of its pods have, as in:" :
			"Add the policy", patch_policy(run, w, "egress", audit_printf(run, "policyTypes: "
			"[Egress], egress: [%s, %s]", patch_to_companion(run, w), patch_to_dns(run)))),
	});
}

const struct rule rule_agent_egress_open = {
	.id = "agent-egress-open",
	.severity = SEV_CRITICAL,
	.scope = RULE_AGENT,
	.needs = FACT_WORKLOADS | FACT_POLICIES | FACT_EGRESS,
	.title = "No policy with Egress selects the agent",
	.why = "A pod that no policy selects for egress may talk to everything. Its HTTPS_PROXY is a courtesy: a "
	       "subprocess with an empty environment, or a tool that opens its own socket, is on the internet, "
	       "and the companion never hears of it. A selector with a typo and a policy left in another "
	       "namespace look the same as no policy, and the API server accepts both.",
	.evidence = "The policies with Egress that select the agent",
	.fix = "Give the agent a NetworkPolicy with policyTypes: [Egress] that allows its companion's pod port "
	       "and port 53 of the DNS pods, and nothing else.",
	.reference = REPORT "\"The structural reason for separation\"; " POLICY_DOC,
	.run = agent_egress_open,
};

/*
 * agent-egress-internet
 */

static bool
to_internet(struct audit_run *run, const struct allow *a)
{
	return a->to == ALLOW_INTERNET && beyond_dns(run, a);
}

static bool
is_rule_to_internet(struct audit_run *run, const struct egress *e, const struct allow *of)
{
	for (size_t i = 0; i < e->n_allows; i++)
		if (e->allows[i].policy == of->policy && e->allows[i].rule == of->rule &&
		    to_internet(run, &e->allows[i]))
			return true;
	return false;
}

/* Does some other rule let it reach its companion already? */
static bool
has_companion(struct audit_run *run, const struct egress *e)
{
	for (size_t i = 0; i < e->n_allows; i++) {
		const struct allow *a = &e->allows[i];

		if (a->to == ALLOW_COMPANION && beyond_dns(run, a) && !is_rule_to_internet(run, e, a))
			return true;
	}
	return false;
}

static const char *
close_internet(struct audit_run *run, const struct workload *w)
{
	if (!w->companion)
		return audit_printf(run, "give it a companion, then replace it by %s", patch_to_companion(run, w));
	if (w->egress && w->egress->internet && has_companion(run, w->egress))
		return "delete it: what the agent fetches goes through its companion, which other rules let it "
		       "reach.";
	return audit_printf(run, "replace it by %s", patch_to_companion(run, w));
}

static struct ways_words
say_internet(struct audit_run *run, const struct workload *w)
{
	return (struct ways_words){
		.message = audit_printf(run, "lets %s reach public addresses: whatever ignores the proxy is on "
			"the internet, unscanned", rule_workload(run, w)),
		.fix = close_internet(run, w),
	};
}

static void
agent_egress_internet(struct audit_run *run, const struct workload *w)
{
	ways_report(run, w, to_internet, say_internet);
}

const struct rule rule_agent_egress_internet = {
	.id = "agent-egress-internet",
	.severity = SEV_CRITICAL,
	.scope = RULE_AGENT,
	.needs = FACT_WORKLOADS | FACT_POLICIES | FACT_EGRESS,
	.title = "Policies let the agent reach public addresses",
	.why = "Policies add up: one wide rule in any policy that selects the pod undoes the narrow ones. A rule "
	       "without to, a block of 0.0.0.0/0, and an egress of [{}] are what the sidecar needed while it "
	       "lived in the agent's pod; left in place after the split they leave the agent the way out that "
	       "the split was for.",
	.evidence = "Each rule that covers a public address, with its ports; port 53 aside, which "
		    "dns-unrestricted is about",
	.fix = "Delete the rule. The companion has the internet; the agent needs the companion and DNS.",
	.reference = REPORT "\"The five agents and the migration sequence\", step 5; " POLICY_DOC,
	.run = agent_egress_internet,
};

/*
 * agent-egress-extra
 */

static bool
to_cluster(struct audit_run *run, const struct allow *a)
{
	if (a->to == ALLOW_PRIVATE)
		return !a->exempt && !a->metadata && beyond_dns(run, a);
	return (a->to == ALLOW_POD || a->to == ALLOW_PODS) && beyond_dns(run, a);
}

static struct ways_words
say_cluster(struct audit_run *run, const struct workload *w)
{
	return (struct ways_words){
		.message = audit_printf(run, "lets %s reach more of the cluster than its companion, scrapers and "
			"DNS", rule_workload(run, w)),
		.fix = "delete it, or name the one peer that the agent needs and answer for it with an "
			"exemption.",
	};
}

static void
agent_egress_extra(struct audit_run *run, const struct workload *w)
{
	ways_outside(run, w, DIRECTION_EGRESS);
	ways_report(run, w, to_cluster, say_cluster);
}

const struct rule rule_agent_egress_extra = {
	.id = "agent-egress-extra",
	.severity = SEV_MEDIUM,
	.scope = RULE_AGENT,
	.needs = FACT_WORKLOADS | FACT_POLICIES | FACT_EGRESS,
	.title = "Policies let the agent reach more of the cluster than it needs",
	.why = "Every other pod that the agent can talk to is a way around the companion: a database to read, a "
	       "queue to write to, a pod that forwards. Private blocks such as 10.0.0.0/8 hold nodes, the API "
	       "server and other tenants, and whether they also hold pods depends on the network plug-in.",
	.evidence = "Each rule, with the workload or block it lets the agent reach and the ports",
	.fix = "Keep the companion's pod port, the scrapers and port 53 of the DNS pods; delete the rest, or "
	       "exempt what is meant, with a reason.",
	.reference = POLICY_DOC,
	.run = agent_egress_extra,
};

/*
 * agent-egress-metadata
 */

static bool
to_metadata(struct audit_run *run, const struct allow *a)
{
	return a->to == ALLOW_PRIVATE && a->metadata && beyond_dns(run, a);
}

static struct ways_words
say_metadata(struct audit_run *run, const struct workload *w)
{
	return (struct ways_words){
		.message = audit_printf(run, "lets %s reach the cloud metadata address: it hands out the node's "
			"credentials", rule_workload(run, w)),
		.fix = "take 169.254.169.254 (fd00:ec2::254) out: delete the block, or list it under except.",
	};
}

static void
agent_egress_metadata(struct audit_run *run, const struct workload *w)
{
	ways_report(run, w, to_metadata, say_metadata);
}

const struct rule rule_agent_egress_metadata = {
	.id = "agent-egress-metadata",
	.severity = SEV_CRITICAL,
	.scope = RULE_AGENT,
	.needs = FACT_WORKLOADS | FACT_POLICIES | FACT_EGRESS,
	.title = "Policies let the agent reach the cloud metadata address",
	.why = "169.254.169.254 (fd00:ec2::254 on IPv6) answers any pod that can reach it with the instance's "
	       "identity and, on many set-ups, credentials of the node's role. A link-local or private block in "
	       "an egress rule includes it without saying so.",
	.evidence = "The rule whose block holds the address, and its ports",
	.fix = "Delete the block, or put the address under except.",
	.reference = POLICY_DOC,
	.run = agent_egress_metadata,
};

/*
 * agent-egress-transitive
 */

static bool
to_onward(struct audit_run *run, const struct allow *a)
{
	return (a->to == ALLOW_POD || a->to == ALLOW_PODS) && a->onward && beyond_dns(run, a);
}

static struct ways_words
say_onward(struct audit_run *run, const struct workload *w)
{
	return (struct ways_words){
		.message = audit_printf(run, "lets %s reach pods that reach the internet themselves: one that "
			"forwards is a way out past the companion", rule_workload(run, w)),
		.fix = "delete it, or give those pods a policy with Egress that keeps them in; a scraper is told "
			"by the label moat.dev/role: scraper.",
	};
}

static void
agent_egress_transitive(struct audit_run *run, const struct workload *w)
{
	ways_outside(run, w, DIRECTION_EGRESS);
	ways_report(run, w, to_onward, say_onward);
}

const struct rule rule_agent_egress_transitive = {
	.id = "agent-egress-transitive",
	.severity = SEV_HIGH,
	.scope = RULE_AGENT,
	.needs = FACT_WORKLOADS | FACT_POLICIES | FACT_EGRESS,
	.title = "The agent reaches a pod that reaches the internet",
	.why = "The agent's own policy looks tight, but the pod next door has none. Anything there that fetches "
	       "a URL it is given, runs a command or forwards a port takes the agent's traffic out, and no "
	       "firewall sees it.",
	.evidence = "Each rule, with the pod that has public egress of its own",
	.fix = "Cut the way to that pod, or wall the pod in; name it a scraper if that is what it is.",
	.reference = REPORT "gotcha 3; " POLICY_DOC,
	.run = agent_egress_transitive,
};

/*
 * dns-unrestricted
 */

/* Is port 53 among the ports that are written? A rule for all ports is agent-egress-internet and no more. */
static bool
names_dns(const struct port_set *s, enum protocol p)
{
	return ports_has(s, p, 53) && !(s->at[p][0].first == 1 && s->at[p][0].last == 65535);
}

static bool
to_any_dns(struct audit_run *run UNUSED, const struct allow *a)
{
	return a->to == ALLOW_INTERNET &&
	       (names_dns(&a->ports, PROTOCOL_UDP) || names_dns(&a->ports, PROTOCOL_TCP));
}

static bool
to_more_than_dns(struct audit_run *run, const struct allow *a)
{
	return to_any_dns(run, a) && beyond_dns(run, a);
}

static const char *
close_dns(struct audit_run *run, const struct workload *w)
{
	bool more = false;

	for (size_t i = 0; w->egress && i < w->egress->n_allows; i++)
		more |= to_more_than_dns(run, &w->egress->allows[i]);
	return audit_printf(run, more ? "take port 53 out, and add %s" : "replace it by %s", patch_to_dns(run));
}

/* The probe dns-tcp that got out, in words; NULL: none did. */
static const char *
dns_probe(struct audit_run *run, const struct workload *w)
{
	const struct fleet *f = audit_fleet(run);
	const struct probe_result *r = f->evidence ? proof_standing(f, w, PROBE_DNS_TCP).worst : NULL;
	char at[24];

	if (!r || r->verdict != PROBE_OPEN)
		return NULL;
	clock_format(r->at, at);
	return audit_printf(run, "probe dns-tcp reached %s from pod %s on node %s at %s", r->target, r->pod, r->node, at);
}

static struct ways_words
say_any_dns(struct audit_run *run, const struct workload *w)
{
	return (struct ways_words){
		.message = audit_printf(run, "lets %s reach port 53 of public addresses: a tunnel for whoever "
			"has a server there, by UDP or TCP", rule_workload(run, w)),
		.fix = close_dns(run, w),
		.tried = dns_probe(run, w),
	};
}

/* Where policies of another engine leave it open what is allowed, an attempt has shown it. */
static void
report_dns_probe(struct audit_run *run, const struct workload *w)
{
	const char *probe = dns_probe(run, w);

	if (!probe)
		return;
	audit_report(run, w, &(struct finding_args){
		.message = audit_printf(run, "%s reaches port 53 of public addresses: a tunnel for whoever has a server "
			"there", rule_workload(run, w)),
		.evidence = probe,
		.fix = audit_printf(run, "Let the policies that select it name the DNS pods: %s. Then probe again: moat "
			"probe %s/%s", patch_to_dns(run), w->namespace, w->name),
	});
}

static void
dns_unrestricted(struct audit_run *run, const struct workload *w)
{
	ways_report(run, w, to_any_dns, say_any_dns);
	if (!w->egress)
		report_dns_probe(run, w);
}

const struct rule rule_dns_unrestricted = {
	.id = "dns-unrestricted",
	.severity = SEV_MEDIUM,
	.scope = RULE_AGENT,
	.needs = FACT_WORKLOADS | FACT_POLICIES | FACT_EGRESS,
	.title = "Port 53 is open to public addresses: a DNS tunnel",
	.why = "A rule with ports 53 and no to allows every address, not the cluster's DNS. It is what "
	       "Pipelock's own generator writes. A raw TCP dial to port 53 of a server outside passes, and so do "
	       "queries that carry data in their names.",
	.evidence = "The rule, what it covers and the protocols; the probe dns-tcp, where it got out",
	.fix = "Name the DNS pods in the rule: namespace kube-system and label k8s-app: kube-dns on most "
	       "clusters.",
	.reference = "Pipelock docs/cli/init-sidecar.md; " POLICY_DOC,
	.run = dns_unrestricted,
};
