/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/resource.h"

#include <ctype.h>
#include <string.h>

#include "base/attr.h"
#include "base/mem.h"
#include "base/str.h"

/* A kind of another engine, or of the admin tiers: a server without it has none of its policies. */
#define POLICIES_OF(kind_, group_, version_, plural_, namespaced_) \
	{.kind = kind_, .group = group_, .version = version_, .plural = plural_, .namespaced = namespaced_, \
	 .optional = true, .facts = FACT_POLICIES}

const struct resource resources[] = {
	{.kind = "Namespace", .group = "", .version = "v1", .plural = "namespaces", .facts = FACT_NAMESPACES},
	{.kind = "Deployment", .group = "apps", .version = "v1", .plural = "deployments", .namespaced = true,
	 .facts = FACT_WORKLOADS},
	{.kind = "StatefulSet", .group = "apps", .version = "v1", .plural = "statefulsets", .namespaced = true,
	 .facts = FACT_WORKLOADS},
	{.kind = "DaemonSet", .group = "apps", .version = "v1", .plural = "daemonsets", .namespaced = true,
	 .facts = FACT_WORKLOADS},
	{.kind = "CronJob", .group = "batch", .version = "v1", .plural = "cronjobs", .namespaced = true,
	 .facts = FACT_WORKLOADS},
	{.kind = "Job", .group = "batch", .version = "v1", .plural = "jobs", .namespaced = true, .facts = FACT_WORKLOADS},
	/* Of these only the owner is asked for: a bare one's pods speak for it. */
	{.kind = "ReplicaSet", .group = "apps", .version = "v1", .plural = "replicasets", .namespaced = true,
	 .metadata = true, .facts = FACT_WORKLOADS},
	{.kind = "Pod", .group = "", .version = "v1", .plural = "pods", .namespaced = true,
	 .facts = FACT_WORKLOADS | FACT_PODS},
	{.kind = "Service", .group = "", .version = "v1", .plural = "services", .namespaced = true,
	 .facts = FACT_SERVICES},
	{.kind = "ConfigMap", .group = "", .version = "v1", .plural = "configmaps", .namespaced = true,
	 .facts = FACT_CONFIG_MAPS},
	{.kind = "NetworkPolicy", .group = "networking.k8s.io", .version = "v1", .plural = "networkpolicies",
	 .namespaced = true, .facts = FACT_POLICIES},
	POLICIES_OF("ClusterNetworkPolicy", "policy.networking.k8s.io", "v1alpha2", "clusternetworkpolicies", false),
	POLICIES_OF("AdminNetworkPolicy", "policy.networking.k8s.io", "v1alpha1", "adminnetworkpolicies", false),
	POLICIES_OF("BaselineAdminNetworkPolicy", "policy.networking.k8s.io", "v1alpha1",
		    "baselineadminnetworkpolicies", false),
	POLICIES_OF("CiliumNetworkPolicy", "cilium.io", "v2", "ciliumnetworkpolicies", true),
	POLICIES_OF("CiliumClusterwideNetworkPolicy", "cilium.io", "v2", "ciliumclusterwidenetworkpolicies", false),
	POLICIES_OF("NetworkPolicy", "crd.projectcalico.org", "v1", "networkpolicies", true),
	POLICIES_OF("GlobalNetworkPolicy", "crd.projectcalico.org", "v1", "globalnetworkpolicies", false),
	POLICIES_OF("NetworkPolicy", "projectcalico.org", "v3", "networkpolicies", true),
	POLICIES_OF("GlobalNetworkPolicy", "projectcalico.org", "v3", "globalnetworkpolicies", false),
	POLICIES_OF("NetworkPolicy", "crd.antrea.io", "v1beta1", "networkpolicies", true),
	POLICIES_OF("ClusterNetworkPolicy", "crd.antrea.io", "v1beta1", "clusternetworkpolicies", false),
	POLICIES_OF("EgressFirewall", "k8s.ovn.org", "v1", "egressfirewalls", true),
	POLICIES_OF("EgressNetworkPolicy", "network.openshift.io", "v1", "egressnetworkpolicies", true),
	POLICIES_OF("ApplicationNetworkPolicy", "networking.k8s.aws", "v1alpha1", "applicationnetworkpolicies", true),
	POLICIES_OF("ClusterNetworkPolicy", "networking.k8s.aws", "v1alpha1", "clusternetworkpolicies", false),
	POLICIES_OF("SecurityGroupPolicy", "vpcresources.k8s.aws", "v1beta1", "securitygrouppolicies", true),
	POLICIES_OF("FQDNNetworkPolicy", "networking.gke.io", "v1alpha3", "fqdnnetworkpolicies", true),
};
const size_t n_resources = COUNT_OF(resources);

const struct resource *
resource_by_kind(const char *kind)
{
	for (size_t i = 0; i < n_resources; i++)
		if (str_eq(resources[i].kind, kind))
			return &resources[i]; /* Kubernetes' own come first */
	return NULL;
}

char *
resource_api_version(const struct resource *r)
{
	return mem_printf("%s%s%s", r->group, *r->group ? "/" : "", r->version);
}

static void
escape(struct buf *out, const char *text)
{
	for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
		if (*p < 0x80 && (isalnum(*p) || strchr("-._~", *p)))
			buf_addc(out, (char)*p);
		else
			buf_addf(out, "%%%02X", *p);
	}
}

static void
add_part(struct buf *out, const char *text)
{
	buf_addc(out, '/');
	escape(out, text);
}

void
resource_path(struct buf *out, const struct resource *r, const char *namespace, const char *name, const char *sub)
{
	buf_adds(out, *r->group ? "/apis" : "/api");
	if (*r->group)
		add_part(out, r->group);
	add_part(out, r->version);
	if (r->namespaced && namespace) {
		buf_adds(out, "/namespaces");
		add_part(out, namespace);
	}
	add_part(out, r->plural);
	if (name)
		add_part(out, name);
	if (sub)
		add_part(out, sub);
}

void
resource_query(struct buf *path, const char *name, const char *value)
{
	buf_addc(path, strchr(buf_str(path), '?') ? '&' : '?');
	escape(path, name);
	buf_addc(path, '=');
	escape(path, value);
}
