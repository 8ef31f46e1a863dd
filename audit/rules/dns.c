/* SPDX-License-Identifier: Apache-2.0 */
/* Names have to be resolved, by the cluster's DNS. (dns-unrestricted is about ways out: egress.c.) */
#include "audit/rules/common.h"
#include "audit/rules/patch.h"
#include "audit/rules/ways.h"

static void
report_egress(struct audit_run *run, const struct workload *w, const struct path *path)
{
	const struct policy *p = ways_in_the_way(run, DIRECTION_EGRESS, path, PROTOCOL_UDP, 53);
	bool own = p && p->pods.n && p->tier == TIER_NETWORK;

	audit_report(run, w, &(struct finding_args){
		.object = p ? &p->object : NULL,
		.subject = rule_workload(run, w),
		.message = audit_printf(run, "the policies of %s do not let it reach port 53 of the cluster's "
			"DNS pods: it resolves no name", rule_workload(run, w)),
		.evidence = p ? audit_printf(run, "%s selects it, and no rule allows UDP or TCP 53 to the DNS "
			"pods", ways_policy(run, p)) : NULL,
		.fix = own ? audit_printf(run, "In %s add to egress: %s", ways_policy(run, p), patch_to_dns(run))
			: audit_printf(run, "Add the policy %s", patch_policy(run, w, "dns", audit_printf(run,
			"policyTypes: [Egress], egress: [%s]", patch_to_dns(run)))),
	});
}

static void
report_ingress(struct audit_run *run, const struct workload *w, const struct path *path)
{
	const struct policy *p = ways_in_the_way(run, DIRECTION_INGRESS, path, PROTOCOL_UDP, 53);

	audit_report(run, w, &(struct finding_args){
		.object = p ? &p->object : NULL,
		.subject = rule_workload(run, w),
		.message = audit_printf(run, "the policies of the DNS pods do not let %s in on port 53: it "
			"resolves no name", rule_workload(run, w)),
		.evidence = p ? audit_printf(run, "%s selects the DNS pods", ways_policy(run, p)) : NULL,
		.fix = p ? audit_printf(run, "In %s add to ingress: {from: [%s], ports: [{protocol: UDP, port: "
			"53}, {protocol: TCP, port: 53}]}", ways_policy(run, p), patch_pods(run, w,
			p->object.namespace)) : NULL,
	});
}

static void
dns_blocked(struct audit_run *run, const struct workload *w)
{
	const struct egress *e = ways_egress(run, w);

	if (!e || !e->isolated || e->host_network)
		return;
	if (!e->dns.egress)
		report_egress(run, w, &e->dns);
	else if (!e->dns.ingress)
		report_ingress(run, w, &e->dns);
}

const struct rule rule_dns_blocked = {
	.id = "dns-blocked",
	.severity = SEV_MEDIUM,
	.scope = RULE_GUARDED,
	.needs = FACT_WORKLOADS | FACT_POLICIES | FACT_NAMESPACES | FACT_EGRESS,
	.title = "Policies cut the pod off from the cluster's DNS",
	.why = "An egress policy forbids what it does not allow, DNS too. The agent then cannot resolve the name "
	       "of its companion's Service, or the companion no name at all; it looks like a slow network, and "
	       "the first repair that works is a rule with port 53 to anywhere, which is a tunnel. The DNS pods "
	       "are those of the config file, else k8s-app: kube-dns in kube-system; the label of that namespace "
	       "is kubernetes.io/metadata.name.",
	.evidence = "The policy that selects the pod, or the DNS pods, and has no rule for port 53",
	.fix = "Allow port 53, UDP and TCP, to the DNS pods.",
	.reference = "https://kubernetes.io/docs/concepts/services-networking/network-policies/; "
		     "https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/",
	.run = dns_blocked,
};
