/* SPDX-License-Identifier: Apache-2.0 */
/* Is there a wall at all: a firewall in a pod of its own, around a pod that policies and the kernel hold. */
#include <strings.h>

#include "audit/rules/common.h"
#include "base/str.h"
#include "fleet/image.h"
#include "fleet/proxy.h"

static const char *
with_port(struct audit_run *run, const struct workload *w)
{
	int port = w->pipelock && w->pipelock->listen_port ? w->pipelock->listen_port : 8888;

	return audit_printf(run, "http://%s-pipelock.%s.svc:%d", w->name, w->namespace, port);
}

/*
 * sidecar-in-pod
 */

static const char *
drop_sidecar(struct audit_run *run, const struct workload *w, const struct container *c)
{
	const char *list = c->class == CONTAINER_MAIN ? "containers" : "initContainers";

	if (w->companion)
		return audit_printf(run,
				    "Delete container %s from %s.%s of %s and set HTTPS_PROXY to %s in "
				    "its other containers: companion %s is there already.",
				    c->name, rule_spec_path(w), list, rule_workload(run, w), rule_proxy_url(run, w),
				    rule_workload(run, w->companion));
	return audit_printf(run,
			    "Deploy Pipelock as a Deployment and Service of its own in namespace %s "
			    "(for example %s-pipelock), then delete container %s from %s.%s of %s and "
			    "set HTTPS_PROXY to %s in its other containers.",
			    w->namespace, w->name, c->name, rule_spec_path(w), list, rule_workload(run, w),
			    with_port(run, w));
}

static bool
has_container(const struct pod_spec *s, const char *name)
{
	for (size_t i = 0; i < s->n_containers; i++) {
		if (str_eq(s->containers[i].name, name))
			return true;
	}
	return false;
}

/* Does the pod run a Pipelock that the template does not have: a webhook's, or one of an older template? */
static bool
is_injected(const struct workload *w, const struct pod *pod)
{
	return pod->has_status && !pod->finished && pod->pipelock &&
	       !has_container(&w->template->spec, pod->pipelock);
}

static void
injected_sidecar(struct audit_run *run, const struct workload *w)
{
	const struct live *l = fleet_live(audit_fleet(run), w);
	const struct pod *first = NULL;
	size_t n = 0;

	for (size_t i = 0; i < l->n_pods; i++) {
		if (!is_injected(w, l->pods[i]))
			continue;
		first = first ? first : l->pods[i];
		n++;
	}
	if (!first)
		return;
	audit_report(run, w, &(struct finding_args){
		.container = first->pipelock,
		.message = audit_printf(run, "pod %s of %s runs Pipelock as container %s, which its template does not "
			"have: one NetworkPolicy holds for both, so what lets the firewall out lets the agent out",
			first->object.name, rule_workload(run, w), first->pipelock),
		.evidence = audit_printf(run, "container %s, image %s, in %zu of %zu pods", first->pipelock,
			first->pipelock_image, n, l->n_pods),
		.fix = audit_printf(run, "Find what adds container %s to pods of namespace %s (kubectl get "
			"mutatingwebhookconfigurations, or an older template), take it away, and let new pods of %s "
			"replace those that run.", first->pipelock, w->namespace, rule_workload(run, w)),
	});
}

static void
sidecar_in_pod(struct audit_run *run, const struct workload *w)
{
	const struct pod_spec *s = &w->template->spec;

	for (size_t i = 0; i < s->n_containers; i++) {
		const struct container *c = &s->containers[i];

		if (!container_is_pipelock(c))
			continue;
		audit_report(run, w, &(struct finding_args){
			.container = c->name,
			.line = c->line,
			.message = audit_printf(run, "%s runs Pipelock as container %s in the agent's "
				"own pod: one NetworkPolicy holds for both, so what lets the firewall "
				"out lets the agent out", rule_workload(run, w),
				c->name),
			.evidence = audit_printf(run, "container %s, image %s", c->name, c->image),
			.fix = drop_sidecar(run, w, c),
		});
	}
	injected_sidecar(run, w);
}

const struct rule rule_sidecar_in_pod = {
	.id = "sidecar-in-pod",
	.severity = SEV_HIGH,
	.scope = RULE_AGENT,
	.needs = FACT_WORKLOADS,
	.title = "Pipelock runs as a container inside the agent's pod",
	.why = "All containers of a pod share one network namespace, and a NetworkPolicy selects pods, "
	       "never containers. A policy that lets the sidecar out lets the agent out; one that "
	       "holds the agent blocks the sidecar. So the policy stays wide open and the boundary "
	       "rests on HTTPS_PROXY alone: a subprocess with a cleared environment, a raw socket or a "
	       "name in NO_PROXY goes straight to the internet. Measured on such an agent: raw TCP to "
	       "any port, the cloud metadata address, the API server and direct HTTPS were all open.",
	.evidence = "The container that runs Pipelock, and its image",
	.fix = "Run Pipelock in a pod of its own (a companion: Deployment, Service and its own egress "
	       "policy), delete the container from the agent's pod, point HTTPS_PROXY at the "
	       "companion's Service, and only then tighten the agent's policy to the companion and "
	       "DNS. Companion first: the other order cuts the agent off.",
	.reference = "Per-Pod NetworkPolicy in Practice: Migrating Five Agents in a Day, \"The "
		     "structural reason for separation\"; Pipelock docs/guides/deployment-recipes.md, "
		     "\"Enforcement Tiers\"",
	.run = sidecar_in_pod,
};

/*
 * no-companion
 */

struct unseen {
	const struct container *container; /* NULL: all is seen */
	struct proxy_var var; /* the least known one */
};

/* Could a proxy variable that moat does not see name a companion? */
static struct unseen
unseen_proxy(struct audit_run *run, const struct workload *w)
{
	const struct pod_spec *s = &w->template->spec;
	struct unseen least = {.var.env.state = ENV_SET};

	for (size_t i = 0; i < s->n_containers; i++) {
		const struct container *c = &s->containers[i];
		struct proxy_var vars[2];
		size_t n;

		if (c->class != CONTAINER_MAIN)
			continue;
		n = proxy_vars(audit_fleet(run), w->namespace, c, PROXY_HTTPS, audit_scratch(run), vars);
		for (size_t j = 0; j < n; j++)
			if (vars[j].env.state > least.var.env.state)
				least = (struct unseen){c, vars[j]};
	}
	return least;
}

static size_t
companions_near(const struct audit_run *run, const struct workload *w)
{
	size_t n, found = 0;
	const struct workload *near = fleet_namespace(audit_fleet(run), w->namespace, &n);

	for (size_t i = 0; i < n; i++)
		found += near[i].role == ROLE_COMPANION;
	return found;
}

static const char *
lone_evidence(struct audit_run *run, const struct workload *w, const struct unseen *hidden)
{
	size_t near = companions_near(run, w);

	if (w->wanted_companion)
		return audit_printf(run, "it names %s, which is not there or is no companion",
				    w->wanted_companion);
	if (hidden->container)
		return audit_printf(run,
				    "%s of container %s comes from %s: "
				    "if it names a companion, annotate the workload with pipelock.dev/proxy-name",
				    hidden->var.name, hidden->container->name, hidden->var.env.cause);
	return near ? audit_printf(run, "nothing says which of the %zu companions in namespace %s is its", near,
				   w->namespace)
		    : NULL;
}

static const char *
give_companion(struct audit_run *run, const struct workload *w)
{
	if (companions_near(run, w))
		return audit_printf(run,
				    "Set HTTPS_PROXY in each container of %s to the Service of its companion, or "
				    "annotate it with pipelock.dev/topology: companion-proxy and "
				    "pipelock.dev/proxy-name: NAME.",
				    rule_workload(run, w));
	return audit_printf(run,
			    "Deploy Pipelock as a Deployment and Service in namespace %s (for example %s-pipelock) "
			    "and set HTTPS_PROXY to %s in each container of %s. If it is no agent, say so: label "
			    "moat.dev/role: none.",
			    w->namespace, w->name, with_port(run, w), rule_workload(run, w));
}

static void
no_companion(struct audit_run *run, const struct workload *w)
{
	struct unseen unseen;

	if (w->companion || w->pipelock)
		return;
	unseen = unseen_proxy(run, w);
	if (unseen.var.env.state == ENV_UNKNOWN) {
		rule_env_unknown(run, w, unseen.container, unseen.var.name, &unseen.var.env, NULL);
		return;
	}
	audit_report(run, w, &(struct finding_args){
		.message = audit_printf(run, "%s has neither a companion nor a sidecar: nothing scans or stops "
			"what this agent sends", rule_workload(run, w)),
		.evidence = lone_evidence(run, w, &unseen),
		.fix = give_companion(run, w),
	});
}

const struct rule rule_no_companion = {
	.id = "no-companion",
	.severity = SEV_CRITICAL,
	.scope = RULE_AGENT,
	.needs = FACT_WORKLOADS | FACT_SERVICES,
	.title = "Agent without any firewall",
	.why = "The workload is marked or recognised as an agent, yet no Pipelock stands between it "
	       "and the network: none in its pod, and none that its annotations, its proxy variables "
	       "or its namespace lead to. Whatever the agent is talked into sending, keys and file "
	       "contents included, leaves without being seen. In the field this is the new agent "
	       "deployed from an old template, or a companion renamed or deleted under an agent that "
	       "still names it.",
	.evidence = "The companion that the agent names, when that one does not exist",
	.fix = "Give the agent a companion in its namespace and point HTTPS_PROXY at the companion's "
	       "Service. If the workload is no agent, label it moat.dev/role: none or give it that "
	       "role in the config file.",
	.reference = "Per-Pod NetworkPolicy in Practice: Migrating Five Agents in a Day, \"The five "
		     "agents and the migration sequence\"; Pipelock docs/cli/init-sidecar.md",
	.run = no_companion,
};

/*
 * agent-host-network
 */

static void
agent_host_network(struct audit_run *run, const struct workload *w)
{
	rule_report_host_network(run, w, "no NetworkPolicy applies to it, it has its node's way to the internet");
}

const struct rule rule_agent_host_network = {
	.id = "agent-host-network",
	.severity = SEV_CRITICAL,
	.scope = RULE_AGENT,
	.needs = FACT_WORKLOADS,
	.title = "Agent on the host's network: no NetworkPolicy applies",
	.why = "A pod with hostNetwork: true has no network namespace of its own. Policies select it, "
	       "kubectl shows them, and no CNI enforces them: its traffic is the node's. It also "
	       "reaches what listens on the node's loopback (kubelet, agents of the cloud) and the "
	       "cloud's metadata address. Tools that read policies alone report such an agent as "
	       "contained.",
	.evidence = "The field in the pod's spec",
	.fix = "Delete hostNetwork: true. An agent that needs a port of its node gets a hostPort or a "
	       "Service of type NodePort instead.",
	.reference = "https://kubernetes.io/docs/concepts/services-networking/network-policies/"
		     "#networkpolicy-and-hostnetwork-pods",
	.run = agent_host_network,
};

/*
 * agent-privileged
 */

static bool
is_strong(const char *capability)
{
	static const char *const strong[] = {"NET_ADMIN", "NET_RAW", "SYS_ADMIN", "ALL"};

	if (strncasecmp(capability, "CAP_", 4) == 0) /* some runtimes take it with the prefix */
		capability += 4;
	for (size_t i = 0; i < COUNT_OF(strong); i++) {
		if (strcasecmp(capability, strong[i]) == 0)
			return true;
	}
	return false;
}

/* "privileged: true, capabilities.add: NET_ADMIN, NET_RAW"; NULL when there is nothing to say. */
static const char *
powers(struct audit_run *run, const struct security *s)
{
	const char *text = s->privileged ? "privileged: true" : NULL;
	bool listed = false;

	for (size_t i = 0; i < s->n_caps_added; i++) {
		if (!is_strong(s->caps_added[i]))
			continue;
		text = audit_printf(run, "%s%s%s%s", text ? text : "", text ? ", " : "",
				    listed ? "" : "capabilities.add: ", s->caps_added[i]);
		listed = true;
	}
	return text;
}

static void
privileged_container(struct audit_run *run, const struct workload *w, const struct container *c)
{
	const char *found = powers(run, &c->security);

	if (!found)
		return;
	audit_report(run, w, &(struct finding_args){
		.container = c->name,
		.line = c->security.line ? c->security.line : c->line,
		.message = audit_printf(run, "container %s of %s holds powers with which an agent can "
			"leave its network boundary", c->name, rule_workload(run, w)),
		.evidence = audit_printf(run, "securityContext: %s", found),
		.fix = audit_printf(run, "In container %s of %s take these out of securityContext (%s) "
			"and write capabilities: {drop: [ALL]} and allowPrivilegeEscalation: false.",
			c->name, rule_workload(run, w), found),
	});
}

static void
agent_privileged(struct audit_run *run, const struct workload *w)
{
	const struct pod_spec *s = &w->template->spec;

	for (size_t i = 0; i < s->n_containers; i++)
		privileged_container(run, w, &s->containers[i]);
	if (!s->host_pid)
		return;
	audit_report(run, w, &(struct finding_args){
		.subject = "hostPID",
		.line = s->host_pid_line,
		.message = audit_printf(run, "%s shares its node's PID namespace: it sees every "
			"process there, and with root it can enter their network",
			rule_workload(run, w)),
		.evidence = audit_printf(run, "%s.hostPID: true", rule_spec_path(w)),
		.fix = audit_printf(run, "Delete hostPID: true from %s of %s.", rule_spec_path(w),
			rule_workload(run, w)),
	});
}

const struct rule rule_agent_privileged = {
	.id = "agent-privileged",
	.severity = SEV_HIGH,
	.scope = RULE_AGENT,
	.needs = FACT_WORKLOADS,
	.title = "Agent container with powers over the network or the node",
	.why = "The wall holds an ordinary process. A privileged container, or one with SYS_ADMIN, can "
	       "reach the node and from there any network; NET_ADMIN rewrites routes, addresses and "
	       "iptables inside the pod; NET_RAW forges packets, which defeats enforcers that go by "
	       "source address; hostPID shows the processes of the whole node, and with root lets a "
	       "process enter their namespaces. It is usually a leftover of an in-pod VPN or of an "
	       "iptables redirect that the companion made needless.",
	.evidence = "privileged, the capabilities added, or hostPID, as the manifest has them",
	.fix = "Take privileged, NET_ADMIN, NET_RAW, SYS_ADMIN and ALL out of the containers' "
	       "securityContext (drop: [ALL] instead) and hostPID out of the pod's spec. What needs "
	       "them belongs into a pod of its own.",
	.reference = "https://kubernetes.io/docs/concepts/security/pod-security-standards/; "
		     "https://kubernetes.io/docs/tasks/configure-pod-container/security-context/",
	.run = agent_privileged,
};
