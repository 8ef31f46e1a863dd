/* SPDX-License-Identifier: Apache-2.0 */
/* What bypass probes have shown of an agent, and whether its policies say the same. */
#include <stdlib.h>
#include <string.h>

#include "audit/rules/common.h"
#include "audit/rules/patch.h"
#include "audit/rules/ways.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/str.h"
#include "fleet/egress.h"
#include "fleet/probe_plan.h"
#include "fleet/proof.h"
#include "fleet/way_out.h"

#define REPORT "Per-Pod NetworkPolicy in Practice: Migrating Five Agents in a Day, "
#define POLICY_DOC "https://kubernetes.io/docs/concepts/services-networking/network-policies/"
#define SHOWN 6 /* results in the evidence */

/* All that is known of one agent's probes. */
struct probes {
	const struct fleet *fleet;
	const struct workload *agent;
	const struct probe_result *at; /* by node, then by probe */
	size_t n;
	const char *const *nodes; /* that carry it, sorted */
	size_t n_nodes;
};

static struct probes
probes_of(struct audit_run *run, const struct workload *w)
{
	const struct workload_key key = workload_key_of(w);
	struct probes p = {.fleet = audit_fleet(run), .agent = w};

	p.at = evidence_probes(p.fleet->evidence, &key, &p.n);
	p.n_nodes = proof_nodes(p.fleet, w, audit_scratch(run), &p.nodes);
	return p;
}

static int
node_cmp(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Of a node that carries the agent now? */
static bool
is_here(const struct probes *p, const struct probe_result *r)
{
	return p->n_nodes && bsearch(&r->node, p->nodes, p->n_nodes, sizeof(p->nodes[0]), node_cmp);
}

static const char *
probe_command(struct audit_run *run, const struct workload *w)
{
	return audit_printf(run, "moat probe %s/%s", w->namespace, w->name);
}

/*
 * Results in words
 */

#define ONE_GO UINT64_C(120) /* seconds: results of one pod that are no further apart are told together */

struct list {
	struct buf text;
	size_t n; /* results, or nodes: those in the text and those that found no room */
	size_t groups;
	/* The group that is being told: its results are alike but for their probes. */
	const struct probe_result *first;
	const char *note;
	struct buf names;
};

static void
auto_list(struct list *l)
{
	buf_free(&l->text);
	buf_free(&l->names);
}

/* "raw-tcp, env-clear to 1.1.1.1:443 from pod scout-1 on node worker-2 at 2026-01-02T03:04:05Z by python3" */
static void
end_group(struct list *l)
{
	const struct probe_result *r = l->first;
	char at[24];

	if (!r)
		return;
	clock_format(r->at, at);
	buf_addf(&l->text, "%s%s to %s from pod %s on node %s at %s", l->groups++ ? "; " : "", buf_str(&l->names),
		 r->target, r->pod, r->node, at);
	if (*r->method)
		buf_addf(&l->text, " by %s", r->method);
	buf_adds(&l->text, l->note);
	buf_clear(&l->names);
	l->first = NULL;
}

/* Times of a damaged history may be as far apart as numbers can be. */
static bool
is_one_go(int64_t a, int64_t b)
{
	return (a > b ? (uint64_t)a - (uint64_t)b : (uint64_t)b - (uint64_t)a) <= ONE_GO;
}

static bool
is_alike(const struct probe_result *a, const struct probe_result *b)
{
	return str_eq(a->node, b->node) && str_eq(a->pod, b->pod) && str_eq(a->target, b->target) &&
	       str_eq(a->method, b->method) && is_one_go(a->at, b->at);
}

/* `note` stands behind it; it is a text of the program's own, the same for the same thing. */
static void
add_result(struct list *l, const struct probe_result *r, const char *note)
{
	if (++l->n > SHOWN)
		return;
	if (l->first && !(is_alike(l->first, r) && str_eq(l->note, note)))
		end_group(l);
	if (!l->first) {
		l->first = r;
		l->note = note;
	}
	buf_addf(&l->names, "%s%s", l->names.len ? ", " : "", probe_name(r->probe));
}

static const char *
listed(struct list *l)
{
	end_group(l);
	if (l->n > SHOWN)
		buf_addf(&l->text, "; and %zu more", l->n - SHOWN);
	return buf_str(&l->text);
}

/*
 * probe-missing
 */

/* "raw-tcp, no-proxy on node worker-2": those of the three without one among the results of that node. */
static void
add_missing(struct list *l, const struct probe_result *at, size_t n, const char *node)
{
	bool has[PROBES] = {false}, first = true;

	for (size_t i = 0; i < n; i++)
		has[at[i].probe] = true;
	if (has[PROBE_RAW_TCP] && has[PROBE_ENV_CLEAR] && has[PROBE_NO_PROXY])
		return;
	if (++l->n > SHOWN)
		return;
	buf_adds(&l->text, l->n > 1 ? "; " : "");
	for (int p = 0; p < PROBES_BYPASS; p++) {
		if (has[p])
			continue;
		buf_addf(&l->text, "%s%s", first ? "" : ", ", probe_name((enum probe)p));
		first = false;
	}
	buf_addf(&l->text, " on node %s", node);
}

/* Results and nodes are both in the nodes' order. */
static void
list_missing(const struct probes *p, struct list *out)
{
	size_t from = 0, end;

	for (size_t i = 0; i < p->n_nodes; i++) {
		while (from < p->n && strcmp(p->at[from].node, p->nodes[i]) < 0)
			from++;
		for (end = from; end < p->n && strcmp(p->at[end].node, p->nodes[i]) == 0;)
			end++;
		add_missing(out, p->at + from, end - from, p->nodes[i]);
	}
}

/* Nothing of it can be probed now. */
static void
note_not_there(struct audit_run *run, const struct workload *w)
{
	if (rule_pods_unseen(run, w))
		audit_unknown(run, w, "Pod", audit_printf(run, "no pod of %s was seen", rule_workload(run, w)));
	else
		audit_not_applicable(run, w, "no pod of it is ready on a node: there is nothing to probe from");
}

static void
probe_missing(struct audit_run *run, const struct workload *w)
{
	AUTO(list) struct list missing = {0};
	struct probes p;
	const char *where = "";

	if (w->state != STATE_MIGRATED)
		return;
	p = probes_of(run, w);
	if (!p.n_nodes) {
		note_not_there(run, w);
		return;
	}
	list_missing(&p, &missing);
	if (!missing.n)
		return;
	if (missing.n < p.n_nodes)
		where = audit_printf(run, " on %zu of the %zu nodes that carry it", missing.n, p.n_nodes);
	audit_report(run, w,
		     &(struct finding_args){
			     .message = audit_printf(
				     run,
				     "%s is migrated, but its full set of bypass probes was never run%s: "
				     "nobody has tried its wall",
				     rule_workload(run, w), where),
			     .evidence = audit_printf(run, "never run: %s", listed(&missing)),
			     .fix = audit_printf(run, "Run them: %s", probe_command(run, w)),
		     });
}

const struct rule rule_probe_missing = {
	.id = "probe-missing",
	.severity = SEV_MEDIUM,
	.scope = RULE_AGENT,
	.needs = FACT_WORKLOADS | FACT_PODS | FACT_PROBES,
	.title = "Migrated agent whose bypass probes were never run",
	.why = "A policy is a promise: NetworkPolicy has no status, and a CNI that does not enforce it accepts it "
	       "all "
	       "the same. What holds is what was tried. On migration day the full set was run on one agent of "
	       "five; "
	       "the other four were believed, and the report regrets it. Enforcement is per node, so a set counts "
	       "for the nodes that it was run on.",
	.evidence = "Which of raw-tcp, env-clear and no-proxy were never run, on which nodes that carry the agent",
	.fix = "moat probe NS/AGENT, or moat probe --all.",
	.reference = REPORT "\"What I would do differently next time\"",
	.run = probe_missing,
};

/*
 * probe-stale
 */

enum staleness { STALE_NOT, STALE_OLD, STALE_UNKNOWN, STALE_CHANGED };

static const struct {
	const char *note, *message;
} staleness[] = {
	[STALE_NOT] = {"", ""},
	[STALE_OLD] = {" (longer ago than probes.max_age)", "they were run too long ago"},
	[STALE_UNKNOWN] = {" (what it was made against is not known)",
			   "what they were made against was not written down"},
	[STALE_CHANGED] = {" (before what runs now)",
			   "its pod template, its policies or its companion are others now"},
};

static enum staleness
staleness_of(const struct probes *p, const struct probe_result *r)
{
	if (proof_changed(p->fleet, p->agent, r))
		return *r->against ? STALE_CHANGED : STALE_UNKNOWN;
	return proof_too_old(p->fleet, r) ? STALE_OLD : STALE_NOT;
}

static void
probe_stale(struct audit_run *run, const struct workload *w)
{
	const struct probes p = probes_of(run, w);
	AUTO(list) struct list stale = {0};
	enum staleness worst = STALE_NOT;

	for (size_t i = 0; i < p.n; i++) {
		const struct probe_result *r = &p.at[i];
		enum staleness now = staleness_of(&p, r);

		if (r->probe >= PROBES_BYPASS || now == STALE_NOT || !is_here(&p, r))
			continue;
		worst = now > worst ? now : worst;
		add_result(&stale, r, staleness[now].note);
	}
	if (worst == STALE_NOT)
		return;
	audit_report(run, w,
		     &(struct finding_args){
			     .message = audit_printf(run, "the bypass probes of %s prove nothing any more: %s",
						     rule_workload(run, w), staleness[worst].message),
			     .evidence = listed(&stale),
			     .fix = audit_printf(run, "Run them again: %s", probe_command(run, w)),
		     });
}

const struct rule rule_probe_stale = {
	.id = "probe-stale",
	.severity = SEV_LOW,
	.scope = RULE_AGENT,
	.needs = FACT_WORKLOADS | FACT_PODS | FACT_POLICIES | FACT_EGRESS | FACT_PROBES,
	.title = "Bypass probes from before the present template, policies or companion",
	.why = "A probe shows what held when it was run. A new image, a policy that was edited, a companion that "
	       "was "
	       "replaced, and it says nothing of today; and a wall that nobody has tried for weeks may have been "
	       "taken down by a node's upgrade, which no object of the agent's shows. An agent whose probes are "
	       "stale "
	       "is not verified.",
	.evidence = "Each probe that is stale: when it was run, where, and why it does not count any more",
	.fix = "moat probe NS/AGENT after each rollout; a nightly moat probe --all keeps them fresh.",
	.reference = REPORT "\"What I would do differently next time\"",
	.run = probe_stale,
};

/*
 * probe-open
 */

/* The way that the policies leave, for the words of a fix. */
static struct way_out
way_of(const struct probes *p, const struct probe_result *r)
{
	AUTO(arena) struct arena scratch = {0};
	struct probe_target target;
	struct err e;

	if (!probe_target_parse(r->target, true, &scratch, &target, &e) || !target.host)
		return (struct way_out){.verdict = WAY_OUT_UNKNOWN};
	return way_out_find(p->fleet, p->agent, target.host, target.port);
}

static const char *
close_unrestricted(struct audit_run *run, const struct workload *w)
{
	if (w->egress->host_network)
		return audit_printf(run, "Delete hostNetwork: true from %s of %s, for no policy applies to it.",
				    rule_spec_path(w), rule_workload(run, w));
	return audit_printf(run, "Add the policy %s.",
			    patch_policy(run, w, "egress",
					 audit_printf(run, "policyTypes: [Egress], egress: [%s, %s]",
						      patch_to_companion(run, w), patch_to_dns(run))));
}

static const char *
close_way(struct audit_run *run, const struct workload *w, const struct way_out *way)
{
	switch (way->verdict) {
	case WAY_OUT_RULE:
		return audit_printf(run, "In %s delete egress rule %u or narrow it: the agent needs %s and %s.",
				    ways_policy(run, way->policy), way->rule + 1, patch_to_companion(run, w),
				    patch_to_dns(run));
	case WAY_OUT_UNRESTRICTED:
		return close_unrestricted(run, w);
	case WAY_OUT_NONE:
		return "Its policies forbid it, so find out why the node does not enforce them: "
		       "policy-not-enforced "
		       "has more.";
	case WAY_OUT_UNKNOWN:
		break;
	}
	return audit_printf(run,
			    "Find the policy that lets it: moat reach %s/%s, and the policies of other engines.",
			    w->namespace, w->name);
}

static void
report_open(struct audit_run *run, const struct probes *p, const struct probe_result *first, struct list *all)
{
	const struct workload *w = p->agent;
	struct way_out way = way_of(p, first);
	const struct policy *policy = way.policy;
	const char *close = close_way(run, w, &way), *again = probe_command(run, w);
	bool stale = proof_stale(p->fleet, w, first);

	audit_report(
		run, w,
		&(struct finding_args){
			.object = policy ? &policy->object : NULL,
			.subject = policy ? rule_workload(run, w) : NULL,
			.line = policy ? policy->rules[DIRECTION_EGRESS][way.rule].line : 0,
			.message = audit_printf(
				run, "%s got past its firewall: probe %s reached %s from pod %s on node %s%s",
				rule_workload(run, w), probe_name(first->probe), first->target, first->pod,
				first->node, stale ? ", before what runs now, and was not repeated since" : ""),
			.evidence = listed(all),
			.fix = stale ? audit_printf(run, "Probe again: %s. If it still gets out, then this: %s",
						    again, close)
				     : audit_printf(run, "%s Then probe again: %s", close, again),
		});
}

/* An attempt that shows nothing is no pass. */
static void
note_inconclusive(struct audit_run *run, const struct workload *w, const struct probe_result *r, size_t n)
{
	if (n == 1)
		audit_unknown(run, w, "probe",
			      audit_printf(run, "%s of %s on node %s is inconclusive: %s", probe_name(r->probe),
					   rule_workload(run, w), r->node,
					   *r->detail ? r->detail : "it says no more"));
	else if (n)
		audit_unknown(run, w, "probe",
			      audit_printf(run,
					   "%zu probes of %s are inconclusive, %s on node %s the "
					   "first: %s",
					   n, rule_workload(run, w), probe_name(r->probe), r->node,
					   *r->detail ? r->detail : "it says no more"));
}

/* One that counts comes before one from before what runs now, whatever their nodes. */
static void
probe_open(struct audit_run *run, const struct workload *w)
{
	const struct probes p = probes_of(run, w);
	const struct probe_result *first = NULL, *unsure = NULL;
	AUTO(list) struct list all = {0};
	size_t n_unsure = 0;

	for (size_t i = 0; i < p.n; i++) {
		const struct probe_result *r = &p.at[i];
		bool here = is_here(&p, r), stale = proof_stale(p.fleet, w, r);

		if (r->probe >= PROBES_BYPASS)
			continue;
		if (proof_verdict(r) == PROBE_OPEN && (here || !stale)) {
			if (!first || (proof_stale(p.fleet, w, first) && !stale))
				first = r;
			add_result(&all, r, stale ? " (before what runs now)" : "");
		} else if (proof_verdict(r) == PROBE_INCONCLUSIVE && here && !n_unsure++) {
			unsure = r;
		}
	}
	if (first)
		report_open(run, &p, first, &all);
	else
		note_inconclusive(run, w, unsure, n_unsure);
}

const struct rule rule_probe_open = {
	.id = "probe-open",
	.severity = SEV_CRITICAL,
	.scope = RULE_AGENT,
	.needs = FACT_WORKLOADS | FACT_PODS | FACT_PROBES,
	.title = "A bypass probe found a way out",
	.why = "From inside the agent's own pod something reached the outside without the firewall: by a bare TCP "
	       "dial, "
	       "by a client with an emptied environment, or by one whose NO_PROXY names the target. Whatever the "
	       "agent "
	       "runs can do the same. This is no reading of manifests but what happened; where the policies say "
	       "otherwise, policy-not-enforced is broken too. It stands until the probe is run again and blocked.",
	.evidence = "The probe, its target, from which pod on which node, when, and what it was made with",
	.fix = "Close the way that the policies leave, or find out why the node does not enforce them; then probe "
	       "again.",
	.reference = REPORT "\"The structural reason for separation\"; " POLICY_DOC,
	.run = probe_open,
};

/*
 * policy-not-enforced
 */

/* The policy that should have held it, of those that select one of its pods. */
static const struct policy *
broken_policy(struct audit_run *run, const struct workload *w)
{
	const struct policy *best = NULL;
	size_t n;
	const uint32_t *classes = reach_classes(audit_fleet(run)->reach, w, &n);

	for (size_t i = 0; i < n && !best; i++)
		best = ways_to_edit(run, DIRECTION_EGRESS, classes[i]);
	return best;
}

static void
report_unenforced(struct audit_run *run, const struct workload *w, const struct probe_result *first,
		  struct list *all)
{
	const struct policy *policy = broken_policy(run, w);
	const char *name = policy ? ways_policy(run, policy) : "its policies";

	audit_report(
		run, w,
		&(struct finding_args){
			.object = policy ? &policy->object : NULL,
			.subject = policy ? rule_workload(run, w) : NULL,
			.message = audit_printf(
				run,
				"%s is not enforced on node %s: %s of %s reached %s, which no policy that "
				"selects it allows",
				name, first->node, probe_name(first->probe), rule_workload(run, w), first->target),
			.evidence = listed(all),
			.fix = audit_printf(
				run,
				"Find out why node %s lets it through: does the CNI enforce NetworkPolicy at all, "
				"and does its agent run there (kubectl -n kube-system get pods -o wide "
				"--field-selector "
				"spec.nodeName=%s)? Until then keep agents off it: kubectl cordon %s; then %s",
				first->node, first->node, first->node, probe_command(run, w)),
		});
}

static void
policy_not_enforced(struct audit_run *run, const struct workload *w)
{
	const struct probes p = probes_of(run, w);
	const struct probe_result *first = NULL;
	const char *target = NULL;
	struct way_out way = {0};
	AUTO(list) struct list all = {0};
	bool unknown = false;

	for (size_t i = 0; i < p.n; i++) {
		const struct probe_result *r = &p.at[i];

		if (r->verdict != PROBE_OPEN || proof_changed(p.fleet, w, r))
			continue;
		if (!target || strcmp(target, r->target) != 0)
			way = way_of(&p, r); /* one after another has the same */
		target = r->target;
		unknown |= way.verdict == WAY_OUT_UNKNOWN;
		if (way.verdict != WAY_OUT_NONE)
			continue;
		first = first ? first : r;
		add_result(&all, r, "");
	}
	if (first)
		report_unenforced(run, w, first, &all);
	else if (unknown)
		ways_egress(run, w); /* a policy of another engine may let it: says so */
}

const struct rule rule_policy_not_enforced = {
	.id = "policy-not-enforced",
	.severity = SEV_CRITICAL,
	.scope = RULE_AGENT,
	.needs = FACT_WORKLOADS | FACT_PODS | FACT_NAMESPACES | FACT_POLICIES | FACT_EGRESS | FACT_PROBES,
	.title = "Policies forbid what a probe did: nothing enforces them",
	.why = "The API server takes any NetworkPolicy; whether something holds pods to it is the CNI's business. "
	       "Some "
	       "do not at all, some only where their agent runs, some not for a pod's first seconds or after an "
	       "upgrade "
	       "of the node. Everything looks right: the objects, kubectl, every auditor that reads them. Only an "
	       "attempt shows it. What it means for one agent, it likely means for every pod of that node.",
	.evidence =
		"Each attempt that got out though the evaluator finds no rule that allows that address and port, "
		"made against the policies and pods that are there now",
	.fix = "Make the node's CNI enforce NetworkPolicy, or move the agents to nodes where it does; then probe "
	       "again.",
	.reference = POLICY_DOC "#prerequisites",
	.run = policy_not_enforced,
};
