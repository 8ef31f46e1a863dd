/* SPDX-License-Identifier: Apache-2.0 */
/* Policies that do nothing, and policies of which nothing is known. */
#include "audit/rules/common.h"
#include "audit/rules/ways.h"
#include "base/buf.h"
#include "fleet/foreign.h"

static bool
has_agent(const struct fleet *f, const char *namespace)
{
	size_t n;
	const struct workload *w = fleet_namespace(f, namespace, &n);

	for (size_t i = 0; i < n; i++)
		if (w[i].role == ROLE_AGENT)
			return true;
	return false;
}

/* A pod on the host's network is no class that a policy could hold, but it is what this one was meant for. */
static bool
selects_host_network(const struct fleet *f, const struct policy *p)
{
	size_t n;
	const struct workload *w = fleet_namespace(f, p->object.namespace, &n);

	for (size_t i = 0; i < n; i++)
		if (w[i].template->spec.host_network && selector_matches(&p->pods, &w[i].template->labels))
			return true;
	return false;
}

/* A workload with one of the selector's keys and another value: a typo, or the label of the wrong thing. */
static const char *
nearest(struct audit_run *run, const struct policy *p)
{
	size_t n;
	const struct workload *w = fleet_namespace(audit_fleet(run), p->object.namespace, &n);

	for (size_t k = 0; k < p->pods.n; k++) {
		for (size_t i = 0; i < n; i++) {
			const char *value = labels_get(&w[i].template->labels, p->pods.at[k].key);

			if (value)
				return audit_printf(run, "; the pods of %s have %s=%s", rule_workload(run, &w[i]),
						    p->pods.at[k].key, value);
		}
	}
	return "";
}

static void
policy_selects_nothing(struct audit_run *run, const struct workload *w UNUSED)
{
	const struct fleet *f = audit_fleet(run);

	for (size_t i = 0; f->reach && i < reach_n_policies(f->reach); i++) {
		size_t n_classes;
		const struct policy *p = reach_policy(f->reach, i, &n_classes);
		AUTO(buf) struct buf selector = {0};

		if (n_classes || p->tier != TIER_NETWORK || !has_agent(f, p->object.namespace) ||
		    selects_host_network(f, p))
			continue;
		selector_format(&selector, &p->pods);
		audit_report(run, NULL, &(struct finding_args){
			.object = &p->object,
			.message = audit_printf(run, "%s selects no workload: what it says holds for nobody",
				ways_policy(run, p)),
			.evidence = audit_printf(run, "podSelector: %s%s", buf_str(&selector), nearest(run, p)),
			.fix = audit_printf(run, "Write the labels of the pods it is meant for (those of the pod "
				"template, not of the Deployment) into spec.podSelector of %s, or delete it.",
				ways_policy(run, p)),
		});
	}
}

const struct rule rule_policy_selects_nothing = {
	.id = "policy-selects-nothing",
	.severity = SEV_LOW,
	.scope = RULE_FLEET,
	.needs = FACT_WORKLOADS | FACT_POLICIES | FACT_EGRESS,
	.title = "NetworkPolicy in an agent's namespace selects no workload",
	.why = "The API server accepts a selector that matches nothing, and kubectl shows the policy like any "
	       "other. A typo, a renamed label or a selector of the Deployment's labels instead of its pods' "
	       "leaves the pod that was meant without the policy, and everybody sure that it has one.",
	.evidence = "The policy's podSelector",
	.fix = "Correct the selector, or delete the policy.",
	.reference = "https://kubernetes.io/docs/concepts/services-networking/network-policies/",
	.run = policy_selects_nothing,
};

/*
 * policy-unevaluated
 */

struct selected {
	struct audit_run *run;
	const struct workload *workload;
};

/* The same policy from several workloads is one finding. */
static bool
report_foreign(void *ctx, const struct foreign_policy *p)
{
	const struct selected *s = ctx;
	const char *kind = p->object.kind;

	audit_report(s->run, s->workload, &(struct finding_args){
		.object = &p->object,
		.message = audit_printf(s->run, "%s %s%s%s may select an agent or a companion: what policies let "
			"out of it is not known", kind, p->object.namespace, *p->object.namespace ? "/" : "",
			p->object.name),
		.evidence = audit_printf(s->run, "moat evaluates NetworkPolicy and the admin policies of "
			"policy.networking.k8s.io; a %s may allow more than they do, and forbid what they allow",
			kind),
		.fix = "Say it with a NetworkPolicy where one can, or run moat probe: whether the wall holds "
			"shows there. Until then the agent's egress is unknown.",
	});
	return true;
}

static void
policy_unevaluated(struct audit_run *run, const struct workload *w)
{
	const struct fleet *f = audit_fleet(run);
	size_t n;
	const uint32_t *classes = w->foreign ? reach_classes(f->reach, w, &n) : NULL;

	for (size_t i = 0; classes && i < n; i++)
		foreign_each(f, reach_class(f->reach, classes[i]), report_foreign, &(struct selected){run, w});
}

const struct rule rule_policy_unevaluated = {
	.id = "policy-unevaluated",
	.severity = SEV_INFO,
	.scope = RULE_GUARDED,
	.needs = FACT_WORKLOADS | FACT_POLICIES | FACT_NAMESPACES,
	.title = "Policy of another engine may change the verdict",
	.why = "Cilium, Calico, Antrea, OVN-Kubernetes and others have policies of their own beside "
	       "NetworkPolicy. They can allow a name that no NetworkPolicy knows, and forbid what all of them "
	       "allow. moat does not evaluate them: for the agents that one may select it says neither that they "
	       "are walled in nor that they are not, and calls the audit incomplete.",
	.evidence = "The policy's kind and name",
	.fix = "Express it as a NetworkPolicy or a ClusterNetworkPolicy where one can; else let moat probe show "
	       "that the wall holds.",
	.reference = "https://docs.cilium.io/en/stable/security/policy/; "
		     "https://docs.tigera.io/calico/latest/network-policy/get-started/calico-policy/"
		     "calico-network-policy",
	.run = policy_unevaluated,
};
