/* SPDX-License-Identifier: Apache-2.0 */
/* Is the firewall itself fit: its config, its pod, its image. */
#include "audit/rules/common.h"
#include "base/str.h"
#include "fleet/env.h"
#include "fleet/image.h"
#include "fleet/label_table.h"

/*
 * Is a field that Pipelock's config has, or leaves at its default, to be judged? Of a config that is not valid
 * only what is written counts: the rest could not be read, and config-invalid says so.
 */
static bool
field_speaks(struct audit_run *run, const struct workload *w, unsigned line)
{
	return rule_config_judged(run, w) && (w->pipelock->config.valid || line);
}

/* "the agent" or "its agents", for messages. */
static const char *
agents_word(const struct workload *w)
{
	return w->n_agents == 1 ? "its agent" : "its agents";
}

/* Where to edit: the ConfigMap, or the workload that has none. */
static const char *
edit_config(struct audit_run *run, const struct workload *w, const char *change)
{
	if (w->pipelock->config_unused && w->pipelock->sources[0].path)
		return audit_printf(run, "Start container %s of %s with pipelock run --config %s, and write there: %s.",
				    w->pipelock->container->name, rule_workload(run, w),
				    w->pipelock->sources[0].path, change);
	if (!w->pipelock->config_map)
		return audit_printf(run, "Give %s a ConfigMap with the config and, in it, %s.",
				    rule_workload(run, w), change);
	return audit_printf(run, "In %s: %s.", rule_config_name(run, w), change);
}

/*
 * companion-no-forward-proxy
 */

static void
companion_no_forward_proxy(struct audit_run *run, const struct workload *w)
{
	const struct pipelock *p = w->pipelock;
	bool written;

	if (!p || p->config.forward_proxy || !field_speaks(run, w, p->config.forward_proxy_line))
		return;
	written = p->config.forward_proxy_line != 0;
	audit_report(run, w, &(struct finding_args){
		.object = rule_config_object(p),
		.line = rule_config_line(p, p->config.forward_proxy_line),
		.message = audit_printf(run, "forward_proxy.enabled is false in %s: HTTPS_PROXY gets no "
			"tunnel from %s", rule_config_name(run, w), rule_workload(run, w)),
		.evidence = written ? "forward_proxy.enabled: false" : "forward_proxy.enabled is "
			"not written; its default is false",
		.fix = edit_config(run, w, "forward_proxy: {enabled: true}"),
	});
}

const struct rule rule_companion_no_forward_proxy = {
	.id = "companion-no-forward-proxy",
	.severity = SEV_HIGH,
	.scope = RULE_COMPANION,
	.needs = FACT_WORKLOADS | FACT_CONFIG_MAPS,
	.title = "Companion answers no CONNECT: the forward proxy is off",
	.why = "Pipelock's fetch proxy is on by default, its forward proxy is not. A client with "
	       "HTTPS_PROXY set asks for a CONNECT tunnel, and a companion without "
	       "forward_proxy.enabled refuses it. Nothing of the agent's works, /health is healthy all "
	       "the same, and the likely repair, clearing HTTPS_PROXY, takes the firewall out of the "
	       "path. Enabling it is one of the settings that need a restart.",
	.evidence = "The field, or that it is not written",
	.fix = "Write forward_proxy: {enabled: true} into the companion's config and restart the companion.",
	.reference = "Pipelock docs/configuration.md, \"Forward Proxy\"",
	.run = companion_no_forward_proxy,
};

/*
 * companion-host-network
 */

static void
companion_host_network(struct audit_run *run, const struct workload *w)
{
	rule_report_host_network(run, w, "neither its ingress nor its egress policy does anything");
}

const struct rule rule_companion_host_network = {
	.id = "companion-host-network",
	.severity = SEV_HIGH,
	.scope = RULE_COMPANION,
	.needs = FACT_WORKLOADS,
	.title = "Companion on the host's network: its policies do nothing",
	.why = "No NetworkPolicy applies to a pod in its node's network namespace. Any pod of the "
	       "cluster may use the companion's proxy port, and with it another agent's identity; the "
	       "companion itself may go anywhere. An agent's policy that names the companion by "
	       "podSelector does not match it either, so the agent is cut off or somebody opens its "
	       "policy to the nodes' addresses.",
	.evidence = "The field in the pod's spec",
	.fix = "Delete hostNetwork: true; agents reach the companion through its Service.",
	.reference = "https://kubernetes.io/docs/concepts/services-networking/network-policies/"
		     "#networkpolicy-and-hostnetwork-pods",
	.run = companion_host_network,
};

/*
 * companion-not-ready
 */

/* "pod pipelock-1 Running, pipelock waiting: CrashLoopBackOff, 12 restarts" of the first pods. */
static const char *
pod_states(struct audit_run *run, const struct workload *w)
{
	const struct live *l = fleet_live(audit_fleet(run), w);
	const char *text = "";
	size_t shown = l->n_pods < 3 ? l->n_pods : 3;

	for (size_t i = 0; i < shown; i++) {
		const struct pod *p = l->pods[i];

		text = audit_printf(run, "%s%spod %s %s", text, i ? "; " : "", p->object.name,
				    p->deleting ? "Terminating" : p->phase ? p->phase : "without status");
		for (size_t j = 0; j < p->n_statuses; j++) {
			const struct container_status *s = &p->statuses[j];

			if (!s->ready)
				text = audit_printf(run, "%s, container %s %s%s, %lld restarts", text, s->name,
						    s->waiting ? "waiting: " : "not ready",
						    s->waiting ? s->waiting : "", (long long)s->restarts);
		}
	}
	return l->n_pods > shown ? audit_printf(run, "%s; %zu more", text, l->n_pods - shown) : text;
}

static void
companion_not_ready(struct audit_run *run, const struct workload *w)
{
	const struct live *l = fleet_live(audit_fleet(run), w);

	if (!l->n_pods) {
		audit_unknown(run, w, "Pod",
			      audit_printf(run, "no pod of companion %s was seen", rule_workload(run, w)));
		return;
	}
	for (size_t i = 0; i < l->n_pods; i++) {
		if (l->pods[i]->ready && !l->pods[i]->finished && !l->pods[i]->deleting)
			return;
	}
	audit_report(run, w, &(struct finding_args){
		.message = audit_printf(run, "no pod of companion %s is ready: %s cannot get out",
			rule_workload(run, w), agents_word(w)),
		.evidence = pod_states(run, w),
		.fix = audit_printf(run, "Find out why: kubectl -n %s describe pod %s; kubectl -n %s "
			"logs %s -c %s", w->namespace, l->pods[0]->object.name, w->namespace,
			l->pods[0]->object.name, w->pipelock ? w->pipelock->container->name :
			"pipelock"),
	});
}

const struct rule rule_companion_not_ready = {
	.id = "companion-not-ready",
	.severity = SEV_HIGH,
	.scope = RULE_COMPANION,
	.needs = FACT_WORKLOADS | FACT_PODS,
	.title = "No ready companion pod",
	.why = "A tightened agent has no other way out than its companion: without a ready pod behind "
	       "the Service it is cut off, safely but completely. An agent whose policy is still wide "
	       "goes around it instead. Typical causes are a CA key whose mode Pipelock refuses, a "
	       "config with an unknown field (strict parsing), a missing ConfigMap, a VPN container "
	       "that does not come up.",
	.evidence = "The pods: phase, what their containers wait for, restarts",
	.fix = "kubectl describe the pod and read the log of its Pipelock container; look at this "
	       "companion's other findings first, one of them is often the cause.",
	.reference = "Per-Pod NetworkPolicy in Practice: Migrating Five Agents in a Day, gotchas 5 and "
		     "6; Pipelock docs/guides/health.md",
	.run = companion_not_ready,
};

/*
 * companion-vpn
 */

static void
companion_vpn(struct audit_run *run, const struct workload *w)
{
	const struct pod_spec *s = &w->template->spec;

	for (size_t i = 0; i < s->n_containers; i++) {
		const struct container *c = &s->containers[i];
		const struct known *k = known_find(KNOWN_VPN, c);

		if (!k || (c->class != CONTAINER_MAIN && c->class != CONTAINER_SIDECAR))
			continue;
		audit_report(run, w, &(struct finding_args){
			.container = c->name,
			.line = c->line,
			.message = audit_printf(run, "%s carries a VPN in container %s: when its "
				"tunnel flaps, %s cannot get out", rule_workload(run, w), c->name,
				agents_word(w)),
			.evidence = audit_printf(run, "container %s, image %s (%s)", c->name,
				c->image, k->what),
			.fix = audit_printf(run, "Delete container %s from %s, with the volumes, "
				"secrets and NET_ADMIN that it alone needs; the cluster's normal "
				"egress is enough for a companion.", c->name, rule_workload(run,
				w)),
		});
	}
}

const struct rule rule_companion_vpn = {
	.id = "companion-vpn",
	.severity = SEV_MEDIUM,
	.scope = RULE_COMPANION,
	.needs = FACT_WORKLOADS,
	.title = "VPN container in the companion's pod",
	.why = "The companion's job is to scan content; the cluster's normal egress is fine for that. "
	       "A VPN in its pod makes the agent's only way out depend on a tunnel: on migration day "
	       "one cycled for minutes on the same image, provider and config that had run for months, "
	       "because it had picked a flaky server. It also needs NET_ADMIN in the firewall's pod, "
	       "and its tunnel carries traffic past what the companion's egress policy says about "
	       "ports.",
	.evidence = "The container, its image and what it was taken for",
	.fix = "Take the VPN out of the companion. Only an agent that needs exit addresses of its own "
	       "keeps one, in a pod apart.",
	.reference = "Per-Pod NetworkPolicy in Practice: Migrating Five Agents in a Day, gotcha 6",
	.run = companion_vpn,
};

/*
 * kill-switch-exposed
 */

#define TOKEN_VARIABLE "PIPELOCK_KILLSWITCH_API_TOKEN"

/* Where a token comes from, in words; NULL when there is none. *v is the variable that could hold one. */
static const char *
token_source(struct audit_run *run, const struct workload *w, struct env_value *v)
{
	const struct pipelock *p = w->pipelock;
	*v = (struct env_value){.state = ENV_ABSENT};
	if (p->config.has_kill_switch_token)
		return "kill_switch.api_token is set";
	*v = env_lookup(audit_fleet(run), w->namespace, p->container, TOKEN_VARIABLE, audit_scratch(run));
	if (v->state == ENV_HIDDEN || (v->state == ENV_SET && *v->value))
		return "env " TOKEN_VARIABLE " is set";
	return NULL;
}

static void
kill_switch_exposed(struct audit_run *run, const struct workload *w)
{
	const struct pipelock *p = w->pipelock;
	const char *source;
	struct env_value token;

	if (p->config.kill_switch_listen || !field_speaks(run, w, p->config.kill_switch_line))
		return;
	source = token_source(run, w, &token);
	if (token.state == ENV_UNKNOWN)
		rule_env_unknown(run, w, p->container, TOKEN_VARIABLE, &token, NULL);
	if (!source)
		return;
	audit_report(run, w, &(struct finding_args){
		.object = rule_config_object(p),
		.line = rule_config_line(p, p->config.kill_switch_line),
		.message = audit_printf(run, "the kill switch of %s has a token but no port of its "
			"own: its API answers on port %d, which agents reach", rule_workload(run,
			w), p->listen_port ? p->listen_port : 8888),
		.evidence = audit_printf(run, "%s; kill_switch.api_listen is not", source),
		.fix = edit_config(run, w, "kill_switch: {api_listen: \"0.0.0.0:9090\"}, a port that "
			"no policy opens to agents; then restart Pipelock"),
	});
}

const struct rule rule_kill_switch_exposed = {
	.id = "kill-switch-exposed",
	.severity = SEV_MEDIUM,
	.scope = RULE_PIPELOCK,
	.needs = FACT_WORKLOADS | FACT_CONFIG_MAPS,
	.title = "Kill-switch API on the port that agents reach",
	.why = "With a token and without kill_switch.api_listen, /api/v1/killswitch is served on the "
	       "proxy port. The agent has to reach that port, so only the token stands between it and "
	       "the switch that was made to stop it: an agent that learns the token can switch itself "
	       "back on, or cut off every other agent of that companion. With api_listen set, the "
	       "proxy port answers 404.",
	.evidence = "Where the token is set (never its value), and that api_listen is not",
	.fix = "Set kill_switch.api_listen to a port of its own, open it in the companion's ingress "
	       "policy to operators alone, and keep the token in a Secret (env "
	       "PIPELOCK_KILLSWITCH_API_TOKEN).",
	.reference = "Pipelock docs/configuration.md, \"Kill Switch\", \"Port isolation\"",
	.run = kill_switch_exposed,
};

/*
 * companion-not-enforcing
 */

/* pipelock run --mode audit: it stands in the workload, whatever the config says. */
static void
mode_by_flag(struct audit_run *run, const struct workload *w)
{
	const struct container *c = w->pipelock->container;

	if (!str_eq(w->pipelock->mode_option, "audit"))
		return;
	audit_report(run, w, &(struct finding_args){
		.container = c->name,
		.line = c->line,
		.message = audit_printf(run, "container %s of %s runs Pipelock with --mode audit: it logs and "
			"blocks nothing", c->name, rule_workload(run, w)),
		.evidence = "--mode audit",
		.fix = audit_printf(run, "In container %s of %s delete --mode audit, or write --mode balanced.",
			c->name, rule_workload(run, w)),
	});
}

/* A reload takes the mode from the file: --mode holds over it from the start to the first reload. */
static const char *
mode_evidence(struct audit_run *run, const struct pipelock *p)
{
	if (!p->mode_option || str_eq(p->mode_option, "audit"))
		return "mode: audit";
	return audit_printf(run, "mode: audit; --mode %s holds over it until the config is reloaded",
			    p->mode_option);
}

static void
report_not_enforcing(struct audit_run *run, const struct workload *w, const char *field, unsigned line,
		     const char *evidence, const char *meaning, const char *change)
{
	audit_report(run, w, &(struct finding_args){
		.object = rule_config_object(w->pipelock),
		.subject = field,
		.line = rule_config_line(w->pipelock, line),
		.message = audit_printf(run, "%s in %s: %s", field, rule_config_name(run, w), meaning),
		.evidence = evidence,
		.fix = edit_config(run, w, change),
	});
}

static void
companion_not_enforcing(struct audit_run *run, const struct workload *w)
{
	const struct pipelock *p = w->pipelock;

	if (!p)
		return;
	mode_by_flag(run, w);
	if (!rule_config_judged(run, w))
		return;
	if (str_eq(p->config.mode, "audit"))
		report_not_enforcing(run, w, "mode: audit", p->config.mode_line, mode_evidence(run, p),
				     "Pipelock logs and blocks nothing", "mode: balanced (or strict, with its api_allowlist)");
	if (!p->config.enforce)
		report_not_enforcing(run, w, "enforce: false", p->config.enforce_line, "enforce: false",
				     "what Pipelock would block becomes a warning", "enforce: true, or delete the line");
}

const struct rule rule_companion_not_enforcing = {
	.id = "companion-not-enforcing",
	.severity = SEV_HIGH,
	.scope = RULE_COMPANION,
	.needs = FACT_WORKLOADS | FACT_CONFIG_MAPS,
	.title = "Companion watches but blocks nothing",
	.why = "In mode: audit Pipelock reports and lets everything through; with enforce: false every "
	       "block becomes a warning. Both are made for the first days, and stay: traffic flows, "
	       "dashboards fill, secrets leave. enforce is not shown by /health, so the config is the "
	       "only place to see it.",
	.evidence = "The field as the config has it, or the flag",
	.fix = "mode: balanced or strict, enforce: true (its default), and no --mode audit on the command line.",
	.reference = "Pipelock docs/configuration.md, \"Top-Level Fields\" and \"Modes\"",
	.run = companion_not_enforcing,
};

/*
 * companion-root
 */

static void
companion_root(struct audit_run *run, const struct workload *w)
{
	const struct security *pod = &w->template->spec.security, *own;
	const struct container *c;
	int64_t user;
	int non_root;

	if (!w->pipelock)
		return;
	c = w->pipelock->container;
	own = &c->security;
	user = own->run_as_user != ID_UNSET ? own->run_as_user : pod->run_as_user;
	non_root = own->run_as_non_root >= 0 ? own->run_as_non_root : pod->run_as_non_root;
	if (user > 0 || (user == ID_UNSET && non_root == 1))
		return;
	audit_report(run, w, &(struct finding_args){
		.container = c->name,
		.line = own->line ? own->line : c->line,
		.message = audit_printf(run, "container %s of %s %s", c->name, rule_workload(run,
			w), user == 0 ? "runs as root" : "may run as root: nothing in the manifest "
			"forbids it"),
		.evidence = user == 0 ? "runAsUser: 0" : "no runAsUser, and runAsNonRoot is not "
			"true",
		.fix = audit_printf(run, "In container %s of %s: securityContext: {runAsNonRoot: true, "
			"runAsUser: 65534}; with a CA key mounted, fsGroup: 65534 for the pod as well.",
			c->name, rule_workload(run, w)),
	});
}

const struct rule rule_companion_root = {
	.id = "companion-root",
	.severity = SEV_MEDIUM,
	.scope = RULE_COMPANION,
	.needs = FACT_WORKLOADS,
	.title = "Pipelock may run as root",
	.why = "The companion parses hostile traffic, holds the CA key that every agent trusts, and "
	       "has the way to the internet. Root inside its container makes any flaw there worse. "
	       "Without runAsUser the image decides: today's runs as another user, tomorrow's, or a "
	       "copy in your registry, may not.",
	.evidence = "runAsUser and runAsNonRoot as they take effect for the Pipelock container",
	.fix = "runAsNonRoot: true and a numeric runAsUser, in the container or in the pod. A CA key "
	       "then needs fsGroup to be readable.",
	.reference = "https://kubernetes.io/docs/tasks/configure-pod-container/security-context/; "
		     "Pipelock charts/pipelock/values.yaml",
	.run = companion_root,
};

/*
 * companion-image-unpinned
 */

static void
companion_image_unpinned(struct audit_run *run, const struct workload *w)
{
	const struct container *c;
	struct image_ref ref;
	bool latest;

	if (!w->pipelock)
		return;
	c = w->pipelock->container;
	ref = image_parse(c->image);
	latest = ref.tag_len == 6 && strncmp(ref.tag, "latest", 6) == 0;
	if (ref.digest_len || (ref.tag_len && !latest))
		return;
	audit_report(run, w, &(struct finding_args){
		.container = c->name,
		.line = c->image_line ? c->image_line : c->line,
		.message = audit_printf(run, "container %s of %s takes whatever %s is when a pod "
			"starts: its image has %s and no digest", c->name, rule_workload(run, w),
			*c->image ? c->image : "its image", latest ? "the tag latest" : "no tag"),
		.evidence = audit_printf(run, "image: %s", *c->image ? c->image : "(none)"),
		.fix = audit_printf(run, "In container %s of %s: image: %.*s:VERSION, or "
			"@sha256:DIGEST.", c->name, rule_workload(run, w), (int)ref.repository_len,
			ref.repository),
	});
}

const struct rule rule_companion_image_unpinned = {
	.id = "companion-image-unpinned",
	.severity = SEV_LOW,
	.scope = RULE_COMPANION,
	.needs = FACT_WORKLOADS,
	.title = "Companion's image is not pinned",
	.why = "Without a tag, or with latest, each restart may bring another Pipelock: replicas "
	       "differ from each other, a new release's strict parsing may refuse a config that was "
	       "fine yesterday, and there is no telling which version let something through. The init "
	       "containers that copy the binary drift likewise.",
	.evidence = "The image as written",
	.fix = "Name a version, better a digest: image: REGISTRY/pipelock:VERSION@sha256:DIGEST.",
	.reference = "https://kubernetes.io/docs/concepts/containers/images/; Pipelock "
		     "docs/guides/kubernetes-image-upgrades.md",
	.run = companion_image_unpinned,
};

/*
 * companion-version-skew
 */

struct version {
	const char *text;
	const struct workload *workload;
	uint32_t number; /* the same for the same text */
};

/* The tag, less a leading v: v2.3.0 and 2.3.0 are one release. NULL: not judged, pinned by digest alone or not at all. */
static const char *
version_of(struct audit_run *run, const struct workload *w)
{
	struct image_ref ref;

	if (!w->pipelock)
		return NULL;
	ref = image_parse(w->pipelock->container->image);
	if (!ref.tag_len || (ref.tag_len == 6 && strncmp(ref.tag, "latest", 6) == 0))
		return NULL;
	if (ref.tag_len > 1 && ref.tag[0] == 'v' && ref.tag[1] >= '0' && ref.tag[1] <= '9')
		return arena_strndup(audit_scratch(run), ref.tag + 1, ref.tag_len - 1);
	return arena_strndup(audit_scratch(run), ref.tag, ref.tag_len);
}

/* The version that more companions have than any other; NULL on a tie, when no side is the odd one. */
static const struct version *
most_common(struct audit_run *run, const struct version *versions, size_t n, size_t *count)
{
	size_t *counts = ARENA_ARRAY(audit_scratch(run), size_t, n); /* by number */
	const struct version *best = NULL;
	bool tie = false;

	*count = 0;
	for (size_t i = 0; i < n; i++)
		counts[versions[i].number]++;
	for (size_t i = 0; i < n; i++) {
		size_t same = counts[versions[i].number];

		if (same < *count || (best && best->number == versions[i].number))
			continue;
		tie = same == *count;
		if (!tie)
			best = &versions[i];
		*count = same;
	}
	return tie ? NULL : best;
}

static void
report_skew(struct audit_run *run, const struct version *v, const char *common, size_t count, size_t n)
{
	const struct workload *w = v->workload;
	const struct container *c = w->pipelock->container;

	audit_report(run, w, &(struct finding_args){
		.container = c->name,
		.line = c->image_line ? c->image_line : c->line,
		.message = audit_printf(run, "%s runs Pipelock %s, most companions of the fleet run %s",
			rule_workload(run, w), v->text, common),
		.evidence = audit_printf(run, "image: %s; %zu of %zu companions run %s", c->image,
			count, n, common),
		.fix = audit_printf(run, "Bring container %s of %s to version %s, or the others to %s, "
			"and the init containers that copy Pipelock with it.", c->name,
			rule_workload(run, w), common, v->text),
	});
}

/* Over the whole fleet, whatever part of it is judged: the runner drops findings out of scope. */
static void
companion_version_skew(struct audit_run *run, UNUSED const struct workload *none)
{
	const struct fleet *f = audit_fleet(run);
	struct version *versions = ARENA_ARRAY(audit_scratch(run), struct version, f->n_companions);
	struct label_table *texts = label_table_new(audit_scratch(run), 0);
	const struct version *common;
	size_t n = 0, count;

	for (size_t i = 0; i < f->n_companions; i++) {
		const char *text = version_of(run, f->companions[i]);

		if (text)
			versions[n++] = (struct version){text, f->companions[i], label_table_add(texts, "", text)};
	}
	common = most_common(run, versions, n, &count);
	for (size_t i = 0; common && i < n; i++) {
		if (versions[i].number != common->number)
			report_skew(run, &versions[i], common->text, count, n);
	}
}

const struct rule rule_companion_version_skew = {
	.id = "companion-version-skew",
	.severity = SEV_LOW,
	.scope = RULE_FLEET,
	.needs = FACT_WORKLOADS,
	.title = "Companion runs another version than most of the fleet",
	.why = "The odd one was left out of an upgrade, or is the only one that got it. It scans with "
	       "other patterns, reads its config by other rules, and a finding or a fix that holds for "
	       "the fleet may not hold for it. Only tags are compared: an image pinned by digest alone "
	       "does not tell its version, and where two versions are equally common neither is the "
	       "odd one.",
	.evidence = "The image, and how many companions run the most common version",
	.fix = "Bring it to the version of the others, with the init containers that copy Pipelock.",
	.reference = "Pipelock docs/guides/kubernetes-image-upgrades.md",
	.run = companion_version_skew,
};

/*
 * companion-single
 */

static void
companion_single(struct audit_run *run, const struct workload *w)
{
	bool pod = str_eq(w->kind, "Pod");
	bool unwritten = w->object->type == OBJECT_CONTROLLER && !object_controller(w->object)->replicas_written;

	if (fleet_live(audit_fleet(run), w)->desired != 1 || str_eq(w->kind, "DaemonSet"))
		return;
	audit_report(run, w, &(struct finding_args){
		.message = audit_printf(run, "%s %s one replica: while it restarts, %s %s cut off",
			rule_workload(run, w), unwritten ? "asks for no number of replicas, which gives it" : "has",
			agents_word(w), w->n_agents == 1 ? "is" : "are"),
		.evidence = pod ? "a pod of its own" : unwritten ? "replicas is not written, which means one, unless "
			"an autoscaler sets it" : "replicas: 1",
		.fix = pod ? audit_printf(run, "Make %s a Deployment with replicas: 2.",
			rule_workload(run, w)) : audit_printf(run, "In %s: replicas: 2, with a "
			"PodDisruptionBudget of minAvailable: 1; or accept it and say why in an "
			"exemption.", rule_workload(run, w)),
	});
}

const struct rule rule_companion_single = {
	.id = "companion-single",
	.severity = SEV_INFO,
	.scope = RULE_COMPANION,
	.needs = FACT_WORKLOADS,
	.title = "One replica: the companion's restart cuts the agent off",
	.why = "A walled-in agent has no other way out. Config mounted with subPath, settings that "
	       "need a restart and node drains all restart the companion; with one replica each of "
	       "them interrupts the agent's open tunnels. That is safe, and for one agent often good "
	       "enough: hence a note and no more.",
	.evidence = "The number of replicas",
	.fix = "replicas: 2 and a PodDisruptionBudget, or an exemption with the reason why one is enough.",
	.reference = "https://kubernetes.io/docs/tasks/run-application/configure-pdb/; Pipelock "
		     "docs/cli/init-sidecar.md",
	.run = companion_single,
};
