/* SPDX-License-Identifier: Apache-2.0 */
/* Policies that do nothing. */
#include <stdlib.h>

#include "audit/rules/common.h"
#include "audit/rules/ways.h"
#include "base/buf.h"
#include "base/str.h"

static int
pointer_cmp(const void *a, const void *b)
{
	uintptr_t x = (uintptr_t) * (const struct policy *const *)a, y = (uintptr_t) * (const struct policy *const *)b;

	return (x > y) - (x < y);
}

/* The policies that select some class, sorted by address. */
static const struct policy **
selecting(struct audit_run *run, struct reach *r, size_t *n)
{
	const struct policy *const *at;
	const struct policy **all;
	size_t total = 0;

	*n = 0;
	for (size_t c = 0; c < reach_n_classes(r); c++)
		for (int d = 0; d < DIRECTIONS; d++)
			total += reach_policies(r, (enum direction)d, c, &at);
	all = ARENA_ARRAY(audit_scratch(run), const struct policy *, total);
	for (size_t c = 0; c < reach_n_classes(r); c++) {
		for (int d = 0; d < DIRECTIONS; d++) {
			size_t more = reach_policies(r, (enum direction)d, c, &at);

			for (size_t i = 0; i < more; i++)
				all[(*n)++] = at[i];
		}
	}
	if (total)
		qsort(all, total, sizeof(*all), pointer_cmp);
	return all;
}

/* Pods on the host's network are outside policy, and so in no class that a policy is listed for; selected they are. */
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

static void
policy_selects_nothing(struct audit_run *run, const struct workload *w UNUSED)
{
	const struct fleet *f = audit_fleet(run);
	const struct policy **used;
	size_t n;

	if (!f->reach)
		return;
	used = selecting(run, f->reach, &n);
	for (size_t i = 0; i < f->n_policies; i++) {
		const struct policy *p = object_policy(f->policies[i]);
		AUTO(buf) struct buf selector = {0};

		if (p->tier != TIER_NETWORK || !has_agent(f, p->object.namespace) ||
		    (n && bsearch(&p, used, n, sizeof(*used), pointer_cmp)) || selects_host_network(f, p))
			continue;
		selector_format(&selector, &p->pods);
		audit_report(run, NULL, &(struct finding_args){
			.object = &p->object,
			.message = audit_printf(run, "%s selects no workload: what it says holds for nobody", ways_policy(run, p)),
			.evidence = audit_printf(run, "podSelector: %s", buf_str(&selector)),
			.fix = audit_printf(run, "Write the labels of the pods it is meant for (those of the pod template, not of the "
				"Deployment) into spec.podSelector of %s, or delete it.", ways_policy(run, p)),
		});
	}
}

const struct rule rule_policy_selects_nothing = {
	.id = "policy-selects-nothing",
	.severity = SEV_LOW,
	.scope = RULE_FLEET,
	.needs = FACT_WORKLOADS | FACT_POLICIES | FACT_EGRESS,
	.title = "NetworkPolicy in an agent's namespace selects no workload",
	.why = "The API server accepts a selector that matches nothing, and kubectl shows the policy like any other. A typo, a "
	       "renamed label or a selector of the Deployment's labels instead of its pods' leaves the pod that was meant "
	       "without the policy, and everybody sure that it has one.",
	.evidence = "The policy's podSelector",
	.fix = "Correct the selector, or delete the policy.",
	.reference = "https://kubernetes.io/docs/concepts/services-networking/network-policies/",
	.run = policy_selects_nothing,
};
