/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fleets and audits that were updated held against ones made anew of the same objects: after random changes of pods,
 * controllers and the rest the two reports are the same, byte by byte.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "audit/audit.h"
#include "audit/baseline.h"
#include "audit/report.h"
#include "audit/summary.h"
#include "base/attr.h"
#include "base/clock.h"
#include "base/str.h"
#include "decode/files.h"
#include "fleet/egress.h"
#include "fleet/loading.h"
#include "fleet/proof.h"
#include "fleet/update.h"
#include "tests/source.h"
#include "tests/unit/folder.h"

#define NOW INT64_C(1790000000)

struct slot {
	struct object *object; /* NULL: gone */
	bool touched; /* in this step */
};

struct changes {
	struct fleet_change *at;
	size_t n, cap;
};

struct world {
	unsigned seed;
	VEC(struct slot) slots;
	VEC(struct object *) kept; /* all that ever was: later versions borrow their texts */
	struct arena paths, arena;
	struct changes changes;
	struct audit_settings settings;
	struct fleet *fleet;
	struct audit *audit;
	struct evidence *evidence; /* NULL: none */
	size_t updated, built, verified;
};

static unsigned
below(struct world *w, size_t n)
{
	w->seed = w->seed * 1103515245u + 12345u;
	return (unsigned)((w->seed >> 8) % n);
}

static size_t
size_of(const struct object *o)
{
	switch (o->type) {
	case OBJECT_POD:
		return sizeof(struct pod);
	case OBJECT_CONTROLLER:
		return sizeof(struct controller);
	case OBJECT_CONFIG_MAP:
		return sizeof(struct config_map);
	default:
		return sizeof(struct object);
	}
}

/* The next version of an object: the same, to be changed. */
static struct object *
next_version(struct world *w, const struct object *o)
{
	struct object *copy = object_new(size_of(o), o->type);
	struct arena memory = copy->memory;

	memcpy(copy, o, size_of(o));
	copy->refs = 1;
	copy->memory = memory;
	vec_push(&w->kept, copy);
	return copy;
}

static void
note(struct world *w, struct slot *s, struct object *after)
{
	vec_push(&w->changes, (struct fleet_change){s->object, after});
	s->object = after;
	s->touched = true;
}

static void
add(struct world *w, struct object *o)
{
	vec_push(&w->slots, (struct slot){0});
	note(w, &w->slots.at[w->slots.n - 1], o);
}

/* One of those that were not changed in this step; NULL when chance finds none. */
static struct slot *
pick(struct world *w, enum object_kind type, const char *kind)
{
	for (int i = 0; i < 200; i++) {
		struct slot *s = &w->slots.at[below(w, w->slots.n)];

		if (s->object && !s->touched && s->object->type == type && (!kind || str_eq(s->object->kind, kind)))
			return s;
	}
	return NULL;
}

static struct pod *
next_pod(struct world *w, const struct object *o)
{
	return (struct pod *)next_version(w, o);
}

static void
rename_pod(struct world *w, struct pod *p)
{
	const char **ips = ARENA_ARRAY(&w->arena, const char *, 1);

	p->object.name = arena_printf(&w->arena, "%.100s-%06x", p->object.owner.name ? p->object.owner.name : "pod",
				      below(w, 1u << 24));
	p->object.uid = arena_printf(&w->arena, "uid-%06x", below(w, 1u << 24));
	ips[0] = arena_printf(&w->arena, "10.%u.%u.%u", below(w, 8), below(w, 250), 1 + below(w, 250));
	p->ips = ips;
	p->n_ips = 1;
}

static void
set_label(struct world *w, struct pod *p, const char *key, const char *value)
{
	struct label *at = ARENA_ARRAY(&w->arena, struct label, p->object.labels.n + 1);
	size_t n = p->object.labels.n;

	if (n)
		memcpy(at, p->object.labels.at, n * sizeof(*at));
	at[n++] = (struct label){key, value};
	labels_sort(at, &n);
	p->object.labels = p->template.labels = (struct labels){at, n};
}

/*
 * What may happen
 */

static void
pod_status(struct world *w, struct slot *s)
{
	struct pod *p = next_pod(w, s->object);

	p->ready = below(w, 2);
	p->phase = p->ready ? "Running" : "Pending";
	p->deleting = below(w, 8) == 0;
	p->has_status = below(w, 20) != 0;
	note(w, s, &p->object);
}

static void
pod_ends(struct world *w, struct slot *s)
{
	struct pod *p = next_pod(w, s->object);

	p->finished = !p->finished;
	p->phase = p->finished ? "Failed" : "Running";
	note(w, s, &p->object);
}

static void
containers_restart(struct world *w, struct slot *s)
{
	struct pod *p = next_pod(w, s->object);
	struct container_status *at = ARENA_ARRAY(&w->arena, struct container_status, p->n_statuses);

	for (size_t i = 0; i < p->n_statuses; i++) {
		at[i] = p->statuses[i];
		at[i].restarts += 1;
		at[i].ready = at[i].running = below(w, 3);
		at[i].waiting = at[i].running ? NULL : "CrashLoopBackOff";
		at[i].started_at = at[i].running ? NOW - below(w, 4000000) : INT64_MIN;
	}
	p->statuses = at;
	note(w, s, &p->object);
}

/* One goes, another comes in its place. */
static void
pod_recreated(struct world *w, struct slot *s)
{
	struct pod *p = next_pod(w, s->object);

	rename_pod(w, p);
	if (below(w, 2))
		set_label(w, p, "pod-template-hash", arena_printf(&w->arena, "%06x", below(w, 1u << 24)));
	note(w, s, NULL);
	add(w, &p->object);
}

static void
is_gone(struct world *w, struct slot *s)
{
	note(w, s, NULL);
}

static void
pod_more(struct world *w, struct slot *s)
{
	struct pod *p = next_pod(w, s->object);

	rename_pod(w, p);
	add(w, &p->object);
}

/* What a webhook, an older template or a person may have done to a pod. */
static void
pod_odd(struct world *w, struct slot *s)
{
	struct pod *p = next_pod(w, s->object);

	switch (below(w, 4)) {
	case 0:
		set_label(w, p, below(w, 2) ? "app" : "note", "another");
		break;
	case 1:
		p->template.spec.host_network = !p->template.spec.host_network;
		break;
	case 2:
		p->pipelock = "pipelock-injected";
		p->pipelock_image = "ghcr.io/luckypipewrench/pipelock:1.0";
		break;
	default:
		p->n_ips = 0;
	}
	note(w, s, &p->object);
}

static void
controller_numbers(struct world *w, struct slot *s)
{
	struct controller *c = (struct controller *)next_version(w, s->object);

	c->has_status = below(w, 10) != 0;
	c->ready = below(w, 3);
	c->replicas = below(w, 3);
	note(w, s, &c->object);
}

/* Another ReplicaSet of a Deployment, or another Job, and a pod of it. */
static void
rollout(struct world *w, struct slot *s)
{
	const struct slot *old = pick(w, OBJECT_POD, NULL);
	struct controller *c;
	struct pod *p;

	if (!old)
		return;
	c = (struct controller *)next_version(w, s->object);
	c->object.kind = "ReplicaSet";
	c->object.owner = (struct owner){"apps/v1", "Deployment", s->object->name, s->object->uid};
	c->object.name = arena_printf(&w->arena, "%.100s-%06x", s->object->name, below(w, 1u << 24));
	p = next_pod(w, old->object);
	if (below(w, 2)) { /* a pod as the template has it */
		p->object.namespace = s->object->namespace;
		p->object.labels = object_controller(s->object)->template.labels;
		p->template = object_controller(s->object)->template;
	}
	p->object.owner = (struct owner){"apps/v1", "ReplicaSet", c->object.name, NULL};
	rename_pod(w, p);
	if (below(w, 4))
		add(w, &c->object);
	add(w, &p->object);
}

/* This and the next cannot be folded in: they are rare. */
static void
template_changed(struct world *w, struct slot *s)
{
	struct controller *c;

	if (below(w, 8))
		return;
	c = (struct controller *)next_version(w, s->object);
	c->template.spec.host_network = !c->template.spec.host_network;
	note(w, s, &c->object);
}

static void
policy_gone(struct world *w, struct slot *s)
{
	if (below(w, 8) == 0)
		note(w, s, NULL);
}

static void
config_map(struct world *w, struct slot *s)
{
	struct config_map *m = (struct config_map *)next_version(w, s->object);

	m->object.annotations = (struct labels){0};
	if (below(w, 8) == 0)
		m->data_changed_at = NOW - below(w, 4000000);
	note(w, s, &m->object);
}

/* Each with one that chance has picked; some twice, since they happen more often. */
static const struct {
	void (*act)(struct world *w, struct slot *s);
	enum object_kind type;
	const char *kind; /* NULL: any of the type */
} acts[] = {
	{pod_status, OBJECT_POD, NULL},
	{pod_status, OBJECT_POD, NULL},
	{pod_ends, OBJECT_POD, NULL},
	{containers_restart, OBJECT_POD, NULL},
	{containers_restart, OBJECT_POD, NULL},
	{pod_recreated, OBJECT_POD, NULL},
	{pod_recreated, OBJECT_POD, NULL},
	{is_gone, OBJECT_POD, NULL},
	{pod_more, OBJECT_POD, NULL},
	{pod_odd, OBJECT_POD, NULL},
	{controller_numbers, OBJECT_CONTROLLER, NULL},
	{controller_numbers, OBJECT_CONTROLLER, NULL},
	{rollout, OBJECT_CONTROLLER, "Deployment"},
	{is_gone, OBJECT_CONTROLLER, "ReplicaSet"},
	{template_changed, OBJECT_CONTROLLER, NULL},
	{policy_gone, OBJECT_POLICY, NULL},
	{config_map, OBJECT_CONFIG_MAP, NULL},
};

static void
something_happens(struct world *w)
{
	size_t i = below(w, COUNT_OF(acts));
	struct slot *s = pick(w, acts[i].type, acts[i].kind);

	if (s)
		acts[i].act(w, s);
}

/*
 * The comparison
 */

static struct fleet *
build(const struct world *w)
{
	static const struct source source = {.type = SOURCE_CLUSTER, .context = "test", .server = "https://test"};
	struct object_set set = {0};
	struct fleet_touched touched;
	struct fleet *f;

	for (size_t i = 0; i < w->slots.n; i++)
		if (w->slots.at[i].object)
			object_set_add(&set, object_ref(w->slots.at[i].object));
	f = fleet_new(&(struct fleet_input){.source = source, .objects = &set});
	if (w->evidence) {
		struct fleet *proven = fleet_prove(f, w->evidence, &touched);

		fleet_touched_free(&touched);
		fleet_unref(f);
		return proven;
	}
	return f;
}

static void
report(struct audit *a, struct buf *out)
{
	static const struct report_options options = {.columns = 80};

	a->duration_ms = 0;
	report_find("json")->render(a, &options, out);
}

static void
compare(struct audit *updated, struct audit *fresh, unsigned step)
{
	AUTO(buf) struct buf a = {0};
	AUTO(buf) struct buf b = {0};
	size_t i = 0, line = 0;

	report(updated, &a);
	report(fresh, &b);
	if (a.len == b.len && memcmp(a.data, b.data, a.len) == 0)
		return;
	for (; i < a.len && i < b.len && a.data[i] == b.data[i]; i++)
		if (a.data[i] == '\n')
			line = i + 1;
	fail_msg("step %u: updated has\n%.600s\nanew has\n%.600s", step, a.data + line, b.data + line);
}

/* What evidence proves of each of the two. */
static void
compare_proofs(const struct fleet *updated, const struct fleet *fresh)
{
	assert_int_equal(updated->n_workloads, fresh->n_workloads);
	for (size_t i = 0; i < fresh->n_workloads; i++) {
		const struct live *a = fleet_live(updated, &updated->workloads[i]);
		const struct live *b = fleet_live(fresh, &fresh->workloads[i]);

		assert_string_equal(a->against, b->against);
		assert_int_equal(a->verified, b->verified);
	}
}

/* Folds in what was noted, and compares. Was it folded in, or is all made anew? */
static bool
fold(struct world *w, unsigned number)
{
	struct fleet_touched touched;
	struct fleet *next, *fresh;
	struct audit *audit = NULL, *judged;

	next = fleet_update(w->fleet, w->changes.at, w->changes.n, &touched);
	if (next) {
		audit = audit_update(w->audit, next, &touched, &w->settings, NOW);
		assert_non_null(audit);
		fleet_touched_free(&touched);
	}
	fresh = build(w);
	judged = audit_new(fresh, &w->settings, NOW);
	if (audit) {
		compare(audit, judged, number);
		compare_proofs(next, fresh);
	}
	audit_unref(w->audit);
	fleet_unref(w->fleet);
	w->audit = audit ? audit : audit_ref(judged);
	w->fleet = audit ? next : fleet_ref(fresh);
	audit_unref(judged);
	fleet_unref(fresh);
	for (size_t i = 0; i < w->slots.n; i++)
		w->slots.at[i].touched = false;
	w->changes.n = 0;
	return audit;
}

static void
begin(struct world *w, struct object_set *set)
{
	for (size_t i = 0; i < set->n; i++) {
		vec_push(&w->slots, (struct slot){set->at[i], false});
		vec_push(&w->kept, set->at[i]); /* the reference */
	}
	w->paths = set->paths;
	set->n = 0;
	set->paths = (struct arena){0};
	object_set_free(set);
	w->fleet = build(w);
	w->audit = audit_new(w->fleet, &w->settings, NOW);
	assert_true(w->audit->n_agents > 0);
	assert_true(w->audit->n_findings > 0);
}

/* What becomes known besides the objects is folded in. */
static void
learn(struct world *w, const struct evidence_parts *parts)
{
	struct evidence *e = evidence_add(w->evidence, parts);
	struct fleet_touched touched;
	struct fleet *next = fleet_prove(w->fleet, e, &touched);
	struct audit *audit = audit_update(w->audit, next, &touched, &w->settings, NOW);

	assert_non_null(audit);
	fleet_touched_free(&touched);
	evidence_unref(w->evidence);
	audit_unref(w->audit);
	fleet_unref(w->fleet);
	w->evidence = e;
	w->fleet = next;
	w->audit = audit;
}

/* Someone probes an agent, on all nodes that carry it or on some, and is told the truth or what was true once. */
static void
probe(struct world *w)
{
	const struct workload *agent = w->fleet->agents[below(w, w->fleet->n_agents)];
	const struct live *live = fleet_live(w->fleet, agent);
	const char *against = proof_against(w->fleet, agent, &w->arena);
	VEC(struct probe_result) results = {0};
	bool good = below(w, 3);

	for (size_t i = 0; i < live->n_pods; i++)
		for (int p = 0; live->pods[i]->node && p < PROBES; p++)
			vec_push(&results,
				 (struct probe_result){
					 .agent = {agent->namespace, agent->name, agent->kind},
					 .pod = live->pods[i]->object.name,
					 .node = live->pods[i]->node,
					 .container = "agent",
					 .probe = (enum probe)p,
					 .target = "1.1.1.1:443",
					 .verdict = good ? PROBE_BLOCKED : (enum probe_verdict)below(w, 3),
					 .control = good ? PROBE_CONTROL_OK : (enum probe_control)below(w, 3),
					 .method = "python3",
					 .detail = "",
					 .at = clock_now(),
					 .against = against && below(w, 20) ? against : "",
				 });
	learn(w, &(struct evidence_parts){.probes = results.at, .n_probes = results.n});
	w->verified += fleet_live(w->fleet, agent)->verified;
	vec_free(&results);
}

/* Someone looks at what a Pipelock has loaded, or is told of a container that is no more. */
static void
look_at_one(struct world *w)
{
	static const char other[] = "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef";
	const struct workload *c = w->fleet->companions[below(w, w->fleet->n_companions)];
	const struct live *live = fleet_live(w->fleet, c);

	for (size_t i = 0; c->pipelock && i < live->n_pods; i++) {
		const struct pod *p = live->pods[i];
		const struct container_status *s = loading_running(p, c->pipelock->container->name);
		struct config_sighting config = {
			.workload = {c->namespace, c->name, c->kind},
			.pod = p->object.name,
			.pod_uid = below(w, 5) ? p->object.uid : "another",
			.container = c->pipelock->container->name,
			.started_at = s ? s->started_at : 0,
			.loaded_hash = below(w, 2) ? c->pipelock->config_hash : below(w, 2) ? other : NULL,
			.loaded_at = NOW,
			.log_error = below(w, 4) ? NULL : "rotated",
			.reload = (enum reload)below(w, 4),
			.at = clock_now(),
		};
		struct health_sighting health = {
			.workload = config.workload,
			.pod = config.pod,
			.pod_uid = config.pod_uid,
			.error = below(w, 4) ? NULL : "refused",
			.http_status = 200,
			.status = below(w, 3) ? "healthy" : "unhealthy",
			.kill_switch = (int8_t)below(w, 2),
			.at = clock_now(),
		};

		learn(w, &(struct evidence_parts){.configs = &config, .n_configs = 1, .healths = &health, .n_healths = 1});
	}
}

static void
end(struct world *w)
{
	evidence_unref(w->evidence);
	audit_unref(w->audit);
	fleet_unref(w->fleet);
	for (size_t i = 0; i < w->kept.n; i++)
		object_unref(w->kept.at[i]);
	vec_free(&w->kept);
	vec_free(&w->slots);
	vec_free(&w->changes);
	arena_free(&w->paths);
	arena_free(&w->arena);
}

static void
walk(const char *path, unsigned seed, unsigned steps, const struct audit_settings *settings)
{
	struct world w = {.seed = seed, .settings = *settings};
	struct object_set set = {0};
	struct err e;

	if (!files_read(&path, 1, NULL, &set, &e))
		fail_msg("%s", e.msg);
	w.evidence = evidence_add(NULL, &(struct evidence_parts){.has_probes = true, .has_logs = true, .has_health = true});
	begin(&w, &set);
	for (unsigned i = 0; i < steps; i++) {
		for (unsigned k = 0, n = below(&w, 3); k < n; k++)
			probe(&w);
		if (!below(&w, 4))
			look_at_one(&w);
		for (unsigned k = 0, n = 1 + below(&w, 3); k < n; k++)
			something_happens(&w);
		if (fold(&w, i))
			w.updated++;
		else
			w.built++;
	}
	print_message("# %s, seed %u: %zu updated, %zu built anew, %zu probed and verified\n", path, seed,
		      w.updated, w.built, w.verified);
	assert_true(w.verified > 0);
	assert_true(w.updated * 4 > steps);
	assert_true(w.built > 0);
	end(&w);
}

static const struct exemption_setting exemptions[] = {
	{.rule = "companion-not-ready",
	 .match = {.namespace = "research"},
	 .reason = "being moved",
	 .expires_at = NOW + 9},
	{.rule = "config-stale", .reason = "accepted", .owner = "sre", .expires_at = INT64_MIN},
	{.rule = "sidecar-in-pod", .match = {.kind = "StatefulSet"}, .reason = "later", .expires_at = INT64_MIN},
};
static const struct baseline nothing = {.name = "before.json"};
static const struct audit_settings plain = {0}, exempting = {.exemptions = exemptions,
							     .n_exemptions = COUNT_OF(exemptions),
							     .baseline = &nothing};

static void
the_demo(void **state)
{
	AUTO(free) char *path = source_path("demo");

	(void)state;
	walk(path, 1, 400, &plain);
	walk(path, 2, 400, &exempting);
}

/*
 * One case at a time
 */

/* clang-format off */
#define CONTROLLER(name, labels, containers, volumes) \
	"---\n{apiVersion: apps/v1, kind: Deployment, metadata: {name: " name ", namespace: a, uid: u-" name "}, " \
	"spec: {replicas: 1, selector: {matchLabels: {app: " name "}}, template: {metadata: {labels: {app: " name labels "}}, " \
	"spec: {containers: [" containers "]" volumes "}}}}\n"
#define POD(name, hash, ip, containers) \
	"---\n{apiVersion: v1, kind: Pod, metadata: {name: " name "-" hash "-x, namespace: a, " \
	"labels: {app: " name ", pod-template-hash: '" hash "'}, ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, " \
	"name: " name "-" hash ", uid: r, controller: true}]}, spec: {containers: [" containers "]}, " \
	"status: {phase: Running, podIP: " ip ", podIPs: [{ip: " ip "}], conditions: [{type: Ready, status: 'True'}]}}\n"
#define SERVICE(name, ip) \
	"---\n{apiVersion: v1, kind: Service, metadata: {name: " name ", namespace: a}, spec: {clusterIP: " ip ", " \
	"selector: {app: " name "}, ports: [{port: 8888}]}}\n"
#define AGENT(proxy) "{name: main, image: agent, env: [{name: HTTPS_PROXY, value: 'http://" proxy ":8888'}]}"
#define IS_AGENT ", app.kubernetes.io/component: agent"
#define PIPELOCK "{name: pipelock, image: pipelock, ports: [{name: proxy, containerPort: 8888}]}"
#define CONFIGURED \
	"{name: pipelock, image: pipelock, args: [run, --config, /etc/pipelock/pipelock.yaml], " \
	"ports: [{name: proxy, containerPort: 8888}], volumeMounts: [{name: config, mountPath: /etc/pipelock}]}"
#define CONFIG_VOLUME ", volumes: [{name: config, configMap: {name: cfg}}]"

/* An agent that is let out to its companion by a block of addresses alone. */
static const char small[] =
	CONTROLLER("scout", IS_AGENT, AGENT("pipelock"), "") POD("scout", "1a", "10.1.0.7", AGENT("pipelock"))
	CONTROLLER("pipelock", "", PIPELOCK, "") POD("pipelock", "2b", "10.1.0.8", PIPELOCK) SERVICE("pipelock", "10.96.0.9")
	"---\n{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: out, namespace: a}, spec: {podSelector: "
	"{matchLabels: {app: scout}}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 10.1.0.0/24}}]}]}}\n";

/* DNS pods that the agent is let out to, and that let in a block of addresses alone. */
static const char dns[] =
	"---\n{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: dns, namespace: a}, spec: {podSelector: "
	"{matchLabels: {app: scout}}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 10.3.0.0/24}}]}]}}\n"
	"---\n{apiVersion: v1, kind: Pod, metadata: {name: dns, namespace: kube-system, labels: {k8s-app: kube-dns}}, spec: "
	"{containers: [{name: dns, image: dns}]}, status: {phase: Running, podIP: 10.3.0.1, podIPs: [{ip: 10.3.0.1}]}}\n"
	"---\n{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: in, namespace: kube-system}, spec: "
	"{podSelector: {}, policyTypes: [Ingress], ingress: [{from: [{ipBlock: {cidr: 10.1.0.0/24}}]}]}}\n";

/* Two agents of one companion, told apart by their addresses. */
static const char profiles[] =
	CONTROLLER("one", IS_AGENT, AGENT("pipelock"), "") POD("one", "1a", "10.40.7.9", AGENT("pipelock"))
	CONTROLLER("two", IS_AGENT, AGENT("pipelock"), "") POD("two", "2b", "10.41.0.5", AGENT("pipelock"))
	CONTROLLER("pipelock", "", CONFIGURED, CONFIG_VOLUME) SERVICE("pipelock", "10.96.0.9")
	"---\n{apiVersion: v1, kind: ConfigMap, metadata: {name: cfg, namespace: a}, data: {pipelock.yaml: "
	"'{mode: balanced, agents: {one: {source_cidrs: [10.40.7.0/24]}}}'}}\n";

/* Two companions with one ConfigMap, in which something is wrong. */
static const char shared[] =
	CONTROLLER("one", IS_AGENT, AGENT("left"), "") CONTROLLER("two", IS_AGENT, AGENT("right"), "")
	CONTROLLER("left", "", CONFIGURED, CONFIG_VOLUME) POD("left", "1a", "10.1.0.7", CONFIGURED) SERVICE("left", "10.96.0.8")
	CONTROLLER("right", "", CONFIGURED, CONFIG_VOLUME) POD("right", "2b", "10.1.0.8", CONFIGURED) SERVICE("right", "10.96.0.9")
	"---\n{apiVersion: v1, kind: ConfigMap, metadata: {name: cfg, namespace: a}, data: {pipelock.yaml: '{enforce: false}'}}\n";
/* clang-format on */

/* Two texts, of which the second may be empty. */
static void
begin_with(struct world *w, const char *text, const char *more)
{
	AUTO(buf) struct buf yaml = {0};
	struct object_set set = {0};
	struct err e;

	buf_addf(&yaml, "%s%s", text, more);
	if (!files_read_memory("small.yaml", yaml.data, yaml.len, "a", &set, &e))
		fail_msg("%s", e.msg);
	begin(w, &set);
}

static struct slot *
pod_of(struct world *w, const char *prefix)
{
	for (size_t i = 0; i < w->slots.n; i++)
		if (w->slots.at[i].object && w->slots.at[i].object->type == OBJECT_POD &&
		    str_starts(w->slots.at[i].object->name, prefix))
			return &w->slots.at[i];
	fail();
	return NULL;
}

static size_t
count_rule(const struct world *w, const char *rule)
{
	size_t n = 0;

	for (size_t i = 0; i < w->audit->n_findings; i++)
		n += str_eq(w->audit->findings[i].rule->id, rule) && !w->audit->findings[i].suppressed;
	return n;
}

static void
move_pod(struct world *w, const char *prefix, const char *const *ip)
{
	struct slot *s = pod_of(w, prefix);
	struct pod *p = next_pod(w, s->object);

	p->ips = ip;
	note(w, s, &p->object);
}

/* Whoever looks at the addresses of what moved is judged again. */
static void
addresses_that_blocks_tell_apart(void **state)
{
	static const char *const outside = "10.2.0.8", *const other = "10.1.0.99";
	struct world w = {0};

	(void)state;
	begin_with(&w, small, "");
	assert_int_equal(count_rule(&w, "agent-companion-blocked"), 0);
	move_pod(&w, "pipelock", &outside);
	assert_true(fold(&w, 1));
	assert_int_equal(count_rule(&w, "agent-companion-blocked"), 1);
	move_pod(&w, "pipelock", &other);
	assert_true(fold(&w, 2));
	assert_int_equal(count_rule(&w, "agent-companion-blocked"), 0);
	end(&w);
}

/* Whether DNS lets an agent in stands in its way out, which is not made anew. */
static void
addresses_that_dns_tells_apart(void **state)
{
	static const char *const outside = "10.1.9.9", *const other = "10.1.0.99";
	struct world w = {0};

	(void)state;
	begin_with(&w, small, dns);
	assert_true(w.fleet->agents[0]->egress->dns.ingress);
	move_pod(&w, "scout", &other);
	assert_true(fold(&w, 1));
	move_pod(&w, "scout", &outside);
	assert_false(fold(&w, 2));
	assert_false(w.fleet->agents[0]->egress->dns.ingress);
	move_pod(&w, "dns", &outside); /* whom all ways out look at */
	assert_false(fold(&w, 3));
	end(&w);
}

static void
addresses_that_profiles_tell_apart(void **state)
{
	static const char *const same = "10.40.7.77", *const colliding = "10.41.0.6";
	struct world w = {0};

	(void)state;
	begin_with(&w, profiles, "");
	assert_true(w.fleet->companions[0]->told_apart);
	move_pod(&w, "one", &same);
	assert_true(fold(&w, 1));
	move_pod(&w, "one", &colliding);
	assert_false(fold(&w, 2));
	assert_false(w.fleet->companions[0]->told_apart);
	end(&w);
}

static void
set_ready(struct world *w, const char *prefix, bool ready)
{
	struct slot *s = pod_of(w, prefix);
	struct pod *p = next_pod(w, s->object);

	p->ready = ready;
	note(w, s, &p->object);
}

/* What two came upon stays while one of them is judged again. */
static void
findings_of_several(void **state)
{
	struct world w = {0};
	size_t n;

	(void)state;
	begin_with(&w, shared, "");
	n = w.audit->summary->n_shared;
	assert_true(n >= 2);
	for (unsigned i = 0; i < 6; i++) {
		set_ready(&w, i < 2 ? "left" : "right", i % 2);
		assert_true(fold(&w, i));
		assert_int_equal(w.audit->summary->n_shared, n);
		assert_int_equal(count_rule(&w, "companion-not-ready"), i % 2 == 0);
		assert_int_equal(count_rule(&w, "companion-not-enforcing"), 1);
	}
	end(&w);
}

/* One of use is so only as long as what it covers is there. */
static void
exemptions_in_use(void **state)
{
	static const struct exemption_setting one = {
		.rule = "companion-not-ready", .reason = "being moved", .expires_at = INT64_MIN};
	struct world w = {.settings = {.exemptions = &one, .n_exemptions = 1}};

	(void)state;
	begin_with(&w, small, "");
	for (unsigned i = 0; i < 6; i++) {
		assert_int_equal(count_rule(&w, "suppression-inert"), i % 2 == 0);
		assert_int_equal(w.audit->suppressed, i % 2);
		set_ready(&w, "pipelock", i % 2);
		assert_true(fold(&w, i));
	}
	end(&w);
}

/* An exemption that has ended since is for audit_new to say so. */
static void
exemptions_that_end(void **state)
{
	static const struct exemption_setting one = {
		.rule = "companion-not-ready", .reason = "being moved", .expires_at = NOW + 60};
	struct world w = {.settings = {.exemptions = &one, .n_exemptions = 1}};
	struct fleet_touched touched = {{0}, {0}};
	struct fleet *next;
	struct audit *a;

	(void)state;
	begin_with(&w, small, "");
	set_ready(&w, "pipelock", false);
	next = fleet_update(w.fleet, w.changes.at, w.changes.n, &touched);
	assert_non_null(next);
	a = audit_update(w.audit, next, &touched, &w.settings, NOW + 60);
	assert_non_null(a);
	audit_unref(a);
	assert_null(audit_update(w.audit, next, &touched, &w.settings, NOW + 61));
	fleet_touched_free(&touched);
	fleet_unref(next);
	end(&w);
}

/* The audit of a fleet that this evidence is added to; NULL: it has to be made anew. */
static struct audit *
update_with(const struct world *w, const struct evidence_parts *parts, int64_t at)
{
	struct evidence *e = evidence_add(w->evidence, parts);
	struct fleet_touched touched;
	struct fleet *next = fleet_prove(w->fleet, e, &touched);
	struct audit *a = audit_update(w->audit, next, &touched, &w->settings, at);

	fleet_touched_free(&touched);
	fleet_unref(next);
	evidence_unref(e);
	return a;
}

static bool
does_update(const struct world *w, const struct evidence_parts *parts, int64_t at)
{
	struct audit *a = update_with(w, parts, at);

	audit_unref(a);
	return a;
}

/* From when a probe is too old on all is judged anew, whether or not somebody says that it was touched. */
static void
probes_that_grow_old(void **state)
{
	const int64_t at = clock_now();
	struct probe_result result = {
		.agent = {"a", "scout", "Deployment"},
		.pod = "scout-1a-x",
		.node = "n1",
		.container = "main",
		.target = "1.1.1.1:443",
		.method = "",
		.detail = "",
		.at = at,
		.against = "",
	};
	const struct evidence_parts none = {0};
	struct world w = {0};

	(void)state;
	w.evidence = evidence_add(NULL, &(struct evidence_parts){.has_probes = true});
	begin_with(&w, small, "");
	assert_true(does_update(&w, &none, at + 2 * SETTINGS_PROBE_MAX_AGE));
	learn(&w, &(struct evidence_parts){.probes = &result, .n_probes = 1});
	assert_true(does_update(&w, &none, at + SETTINGS_PROBE_MAX_AGE));
	assert_false(does_update(&w, &none, at + SETTINGS_PROBE_MAX_AGE + 1));
	/* judged anew with all of it */
	set_ready(&w, "pipelock", false);
	assert_true(fold(&w, 1));
	assert_false(does_update(&w, &none, at + SETTINGS_PROBE_MAX_AGE + 1));
	end(&w);
}

/* Other rules can be judged when a tier comes, and not when it cannot be read: no audit before it says so. */
static void
tiers_that_come_and_go(void **state)
{
	const struct evidence_parts none = {0}, probes = {.has_probes = true}, logs = {.has_logs = true};
	const struct evidence_parts locked = {.probes_error = "locked"}, damaged = {.probes_error = "damaged"};
	struct world w = {0};

	(void)state;
	begin_with(&w, small, "");
	assert_true(does_update(&w, &none, NOW));
	assert_false(does_update(&w, &probes, NOW));
	assert_false(does_update(&w, &logs, NOW));
	assert_false(does_update(&w, &locked, NOW));
	end(&w);
	w = (struct world){.evidence = evidence_add(NULL, &locked)};
	begin_with(&w, small, "");
	assert_true(does_update(&w, &none, NOW));
	assert_true(does_update(&w, &locked, NOW));
	assert_false(does_update(&w, &damaged, NOW));
	assert_false(does_update(&w, &probes, NOW));
	end(&w);
}

/* Pods that a selector tells apart are shown once each, in their order, however many they are. */
static void
kinds_of_pods(void **state)
{
	AUTO(buf) struct buf yaml = {0};
	struct world w = {0};
	const struct workload *many;

	(void)state;
	buf_adds(&yaml, "---\n{apiVersion: v1, kind: Service, metadata: {name: one, namespace: a}, spec: {selector: {part: '7'}, "
			"ports: [{port: 1}]}}\n" CONTROLLER("many", "", PIPELOCK, ""));
	for (unsigned i = 0; i < 3000; i++)
		buf_addf(&yaml,
			 "---\n{apiVersion: v1, kind: Pod, metadata: {name: many-1a-%04u, namespace: a, labels: {app: many, part: "
			 "'%u', number: '%u'}, ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: many-1a, "
			 "controller: true}]}, spec: {containers: [" PIPELOCK "]}}\n",
			 i, i / 2, i);
	begin_with(&w, small, buf_str(&yaml));
	many = fleet_workload(w.fleet, "a", "Deployment", "many");
	assert_int_equal(fleet_live(w.fleet, many)->n_pods, 3000);
	assert_int_equal(many->n_shown, 1500);
	for (unsigned i = 0; i < 1500; i++)
		assert_string_equal(labels_get(&many->shown[i]->labels, "number"), arena_printf(&w.arena, "%u", 2 * i));
	end(&w);
}

/* A template is another, a policy is gone, a pod is on the host's network: all is made anew. */
static void
what_is_declared(void **state)
{
	struct world w = {0};
	struct slot *s;
	struct pod *p;

	(void)state;
	begin_with(&w, small, "");
	for (size_t i = 0; i < w.slots.n; i++) {
		struct object *o = w.slots.at[i].object;

		if (o->type == OBJECT_CONTROLLER) {
			struct controller *c = (struct controller *)next_version(&w, o);

			c->template.labels.n = 0;
			note(&w, &w.slots.at[i], &c->object);
			assert_false(fold(&w, (unsigned)i));
		}
	}
	s = pod_of(&w, "scout");
	p = next_pod(&w, s->object);
	p->template.spec.host_network = true;
	note(&w, s, &p->object);
	assert_false(fold(&w, 10));
	s = pick(&w, OBJECT_POLICY, NULL);
	note(&w, s, NULL);
	assert_false(fold(&w, 11));
	end(&w);
}

/* Pods that only a hash tells from those before, numbers of replicas, and an owner that came after its pod. */
static void
what_is_live(void **state)
{
	struct world w = {0};
	struct slot *s;
	struct controller *c;
	struct pod *p;

	(void)state;
	begin_with(&w, small, "");
	s = pod_of(&w, "scout");
	p = next_pod(&w, s->object);
	p->object.name = "scout-9f-y";
	set_label(&w, p, "pod-template-hash", "9f");
	p->object.owner.name = "scout-9f";
	note(&w, s, NULL);
	add(&w, &p->object);
	assert_true(fold(&w, 1));
	s = pick(&w, OBJECT_CONTROLLER, NULL);
	c = (struct controller *)next_version(&w, s->object);
	c->replicas = 7;
	note(&w, s, &c->object);
	assert_true(fold(&w, 2));
	assert_int_equal(fleet_live(w.fleet, fleet_workload(w.fleet, "a", "Deployment", s->object->name))->desired,
			 7);
	c = (struct controller *)next_version(&w, s->object);
	c->object.kind = "ReplicaSet";
	c->object.name = "scout-9f";
	c->object.owner = (struct owner){"apps/v1", "Deployment", "scout", NULL};
	add(&w, &c->object);
	assert_true(fold(&w, 3));
	end(&w);
}

static void
a_hundred_agents(void **state)
{
	AUTO(free) char *generator = source_path("tests/fleet/genfleet.py"), *path = folder_path("snapshot.json");
	AUTO(free)
	char *command = mem_printf("python3 '%s' -n 100 --managed-fields --only json --out %s >%s/log 2>&1",
				   generator, folder, folder);

	(void)state;
	assert_int_equal(system(command), 0);
	walk(path, 3, 150, &plain);
	walk(path, 4, 150, &exempting);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_that_blocks_tell_apart),
		cmocka_unit_test(addresses_that_dns_tells_apart),
		cmocka_unit_test(addresses_that_profiles_tell_apart),
		cmocka_unit_test(findings_of_several),
		cmocka_unit_test(exemptions_in_use),
		cmocka_unit_test(exemptions_that_end),
		cmocka_unit_test(probes_that_grow_old),
		cmocka_unit_test(tiers_that_come_and_go),
		cmocka_unit_test(kinds_of_pods),
		cmocka_unit_test(what_is_declared),
		cmocka_unit_test(what_is_live),
		cmocka_unit_test(the_demo),
		cmocka_unit_test_setup_teardown(a_hundred_agents, folder_make, folder_remove),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
