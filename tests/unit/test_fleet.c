/* SPDX-License-Identifier: Apache-2.0 */
/* Fleets from manifests: workloads and their pods, roles, pairs, states, look-ups. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/str.h"
#include "decode/files.h"
#include "fleet/fleet.h"

/* --- manifests ---------------------------------------------------------------------------------------------- */

#define META(ns, name, more) "metadata: {namespace: " ns ", name: " name more "}"
#define TEMPLATE(labels, more, spec) "template: {metadata: {labels: {" labels "}" more "}, spec: {" spec "}}"
/* The selector is app: name, as are the template's labels. */
#define DEPLOYMENT(ns, name, more, template_more, spec)                                                            \
	"---\n{apiVersion: apps/v1, kind: Deployment, " META(ns, name, more) ", "                                  \
	"spec: {selector: {matchLabels: {app: " name "}}, " TEMPLATE("app: " name, template_more, spec) "}}\n"
#define SERVICE(ns, name, spec) \
	"---\n{apiVersion: v1, kind: Service, " META(ns, name, "") ", spec: {" spec ", ports: [{port: 8888}]}}\n"
#define SELECTS(app) "selector: {app: " app "}"
#define OWNED(group, kind, name) \
	", ownerReferences: [{apiVersion: " group ", kind: " kind ", name: " name ", uid: u, controller: true}]"
#define POD(ns, name, labels, more, status)                                                                        \
	"---\n{apiVersion: v1, kind: Pod, " META(ns, name, ", labels: {" labels "}" more) ", "                     \
	"spec: {" CONTAINERS(AGENT) "}, status: {" status "}}\n"
#define READY "phase: Running, conditions: [{type: Ready, status: 'True'}]"
#define UNREADY "phase: Running, conditions: [{type: Ready, status: 'False'}]"
#define DONE "phase: Succeeded"

#define CONTAINERS(list) "containers: [" list "]"
#define INIT(list) "initContainers: [" list "], "
#define AGENT "{name: agent, image: 'registry:5000/scout:1.2'}"
#define AGENT_ENV(env) "{name: agent, image: 'registry:5000/scout:1.2', env: [" env "]}"
#define VAR(name, value) "{name: " name ", value: '" value "'}"
#define PIPELOCK "{name: pipelock, image: 'ghcr.io/luckypipewrench/pipelock:2.3.0', args: [run]}"
#define VPN "{name: gluetun, image: qmcgaw/gluetun}"
#define LOGS "{name: fluent-bit, image: 'fluent/fluent-bit:3.0'}"

#define ROLE(role) ", labels: {moat.dev/role: " role "}"
#define ANNOTATED(list) ", annotations: {" list "}"
#define TOPOLOGY "pipelock.dev/topology: companion-proxy"

#define COMPANION(ns, name) DEPLOYMENT(ns, name, "", "", CONTAINERS(PIPELOCK)) SERVICE(ns, name, SELECTS(name))
#define AGENT_ANNOTATED(ns, name, list) DEPLOYMENT(ns, name, ANNOTATED(TOPOLOGY ", " list), "", CONTAINERS(AGENT))
#define AGENT_BY_COMPONENT(ns, name, containers) \
	DEPLOYMENT(ns, name, ", labels: {app.kubernetes.io/component: agent}", "", CONTAINERS(containers))

/* --- a fleet of them ---------------------------------------------------------------------------------------- */

static struct object_set set;
static struct fleet *fleet;

static void
load_with(const char *yaml, const struct settings *settings)
{
	struct fleet_input in = {.objects = &set, .settings = settings};
	struct err e = {0};

	fleet_unref(fleet);
	object_set_free(&set);
	if (!files_read_memory("test.yaml", yaml, strlen(yaml), "default", &set, &e))
		fail_msg("%s", e.msg);
	fleet = fleet_new(&in);
	assert_int_equal(set.n, 0);
}

static void
load(const char *yaml)
{
	load_with(yaml, NULL);
}

static int
unload(void **state)
{
	(void)state;
	fleet_unref(fleet);
	fleet = NULL;
	object_set_free(&set);
	return 0;
}

/* "namespace/name", a Deployment, or "Kind namespace/name". */
static struct workload *
get(const char *key)
{
	char text[200], *name;
	const char *kind = "Deployment", *namespace = text;
	struct workload *w;

	assert_true(strlen(key) < sizeof(text));
	strcpy(text, key);
	if (strchr(text, ' ')) {
		kind = text;
		namespace = strchr(text, ' ') + 1;
		text[namespace - text - 1] = '\0';
	}
	name = strchr(namespace, '/');
	*name++ = '\0';
	w = fleet_workload(fleet, namespace, kind, name);
	if (!w)
		fail_msg("no workload %s", key);
	return w;
}

static const struct live *
live(const char *key)
{
	return fleet_live(fleet, get(key));
}

static void
check_role(const char *key, enum role role, enum role_reason reason)
{
	const struct workload *w = get(key);

	if (w->role != role || w->role_reason != reason)
		fail_msg("%s: %s by %s, not %s by %s", key, role_name(w->role), role_reason_text(w->role_reason),
			 role_name(role), role_reason_text(reason));
}

/* companion and service are "namespace/name", NULL for none. */
static void
check_pair(const char *agent, const char *companion, enum pair_reason reason, const char *service)
{
	const struct workload *w = get(agent);
	AUTO(buf) struct buf b = {0};

	if (w->companion)
		buf_addf(&b, "%s/%s", w->companion->namespace, w->companion->name);
	assert_string_equal(buf_str(&b), companion ? companion : "");
	if (w->pair_reason != reason)
		fail_msg("%s: paired by %s, not %s", agent, pair_reason_text(w->pair_reason), pair_reason_text(reason));
	buf_clear(&b);
	if (w->service)
		buf_addf(&b, "%s/%s", w->service->object.namespace, w->service->object.name);
	assert_string_equal(b.len ? buf_str(&b) : "", service ? service : "");
}

/* --- workloads and their pods ------------------------------------------------------------------------------- */

static void
one_workload_for_each_controller(void **state)
{
	(void)state;
	load(DEPLOYMENT("b", "scout", "", "", CONTAINERS(AGENT)) DEPLOYMENT("a", "scout", "", "", CONTAINERS(AGENT))
	     "---\n{apiVersion: apps/v1, kind: StatefulSet, " META("a", "scout", "") ", spec: {serviceName: s, "
	     TEMPLATE("app: s", "", CONTAINERS(AGENT)) "}}\n"
	     "---\n{apiVersion: apps/v1, kind: DaemonSet, " META("a", "node", "") ", spec: {"
	     TEMPLATE("app: s", "", CONTAINERS(AGENT)) "}}\n"
	     "---\n{apiVersion: batch/v1, kind: Job, " META("a", "once", "") ", spec: {"
	     TEMPLATE("app: s", "", CONTAINERS(AGENT)) "}}\n"
	     "---\n{apiVersion: batch/v1, kind: CronJob, " META("a", "nightly", "") ", spec: {jobTemplate: {spec: {"
	     TEMPLATE("app: s", "", CONTAINERS(AGENT)) "}}}}\n"
	     "---\n{apiVersion: apps/v1, kind: ReplicaSet, " META("a", "bare", "") ", spec: {"
	     TEMPLATE("app: s", "", CONTAINERS(AGENT)) "}}\n"
	     "---\n{apiVersion: v1, kind: Pod, " META("a", "alone", "") ", spec: {" CONTAINERS(AGENT) "}}\n");
	static const struct {
		const char *namespace, *name, *kind;
		bool restartable;
		int64_t desired;
	} want[] = {
		{"a", "alone", "Pod", false, 1},	{"a", "bare", "ReplicaSet", false, 1},
		{"a", "nightly", "CronJob", false, -1}, {"a", "node", "DaemonSet", true, -1},
		{"a", "once", "Job", false, -1},	{"a", "scout", "Deployment", true, 1},
		{"a", "scout", "StatefulSet", true, 1}, {"b", "scout", "Deployment", true, 1},
	};

	assert_int_equal(fleet->n_workloads, 8);
	for (size_t i = 0; i < 8; i++) {
		const struct workload *w = &fleet->workloads[i];

		assert_string_equal(w->namespace, want[i].namespace);
		assert_string_equal(w->name, want[i].name);
		assert_string_equal(w->kind, want[i].kind);
		assert_int_equal(w->restartable, want[i].restartable);
		assert_int_equal(fleet_live(fleet, w)->desired, want[i].desired);
		assert_int_equal(fleet_live(fleet, w)->ready, -1);
		assert_string_equal(w->template->spec.containers[0].name, "agent");
	}
}

static void
pods_go_to_their_deployment(void **state)
{
	const struct workload *w;

	(void)state;
	load(DEPLOYMENT("a", "scout", "", "", CONTAINERS(AGENT))
	     "---\n{apiVersion: apps/v1, kind: ReplicaSet, "
	     META("a", "scout-6d4cf56db6", OWNED("apps/v1", "Deployment", "scout")) ", spec: {"
	     TEMPLATE("app: scout", "", CONTAINERS(AGENT)) "}}\n"
	     POD("a", "scout-6d4cf56db6-z", "app: scout", OWNED("apps/v1", "ReplicaSet", "scout-6d4cf56db6"), READY)
	     POD("a", "scout-6d4cf56db6-b", "app: scout", OWNED("apps/v1", "ReplicaSet", "scout-6d4cf56db6"), UNREADY)
	     POD("a", "scout-6d4cf56db6-x", "app: scout", OWNED("apps/v1", "ReplicaSet", "scout-6d4cf56db6"), DONE)
	     /* its ReplicaSet was not read, but its name and labels tell */
	     POD("a", "scout-77777-a", "app: scout", OWNED("apps/v1", "ReplicaSet", "scout-77777"), READY)
	     /* this one's labels tell that it is another's */
	     POD("a", "scout-88888-a", "app: other", OWNED("apps/v1", "ReplicaSet", "scout-88888"), READY)
	     POD("b", "scout-77777-a", "app: scout", OWNED("apps/v1", "ReplicaSet", "scout-77777"), READY));

	assert_int_equal(fleet->n_workloads, 3);
	w = get("a/scout");
	assert_int_equal(fleet_live(fleet, w)->n_pods, 4);
	assert_string_equal(fleet_live(fleet, w)->pods[0]->object.name, "scout-6d4cf56db6-b");
	assert_string_equal(fleet_live(fleet, w)->pods[3]->object.name, "scout-77777-a");
	assert_string_equal(w->object->kind, "Deployment");
	assert_int_equal(fleet_live(fleet, w)->ready, 2);
	assert_int_equal(live("ReplicaSet a/scout-88888")->n_pods, 1);
	assert_int_equal(live("ReplicaSet b/scout-77777")->ready, 1);
	/* the ReplicaSet is let go */
	for (size_t i = 0; i < fleet->n_objects; i++)
		assert_string_not_equal(fleet->objects[i]->kind, "ReplicaSet");
	assert_int_equal(fleet_missing_facts(fleet, FACT_PODS, FACT_READ), FACT_PODS);
}

static void
jobs_go_to_their_cron_job(void **state)
{
	(void)state;
	load("---\n{apiVersion: batch/v1, kind: CronJob, " META("a", "nightly", "") ", spec: {jobTemplate: {spec: {"
	     TEMPLATE("app: s", "", CONTAINERS(AGENT)) "}}}}\n"
	     "---\n{apiVersion: batch/v1, kind: Job, " META("a", "nightly-29", OWNED("batch/v1", "CronJob", "nightly"))
	     ", spec: {" TEMPLATE("app: s", "", CONTAINERS(AGENT)) "}, status: {active: 1, ready: 1}}\n"
	     POD("a", "nightly-29-x", "app: s", OWNED("batch/v1", "Job", "nightly-29"), READY)
	     POD("a", "nightly-28-x", "app: s", OWNED("batch/v1", "Job", "nightly-28"), DONE)
	     POD("a", "nightly-byhand-x", "app: s", OWNED("batch/v1", "Job", "nightly-byhand"), READY)
	     /* Volcano's Job is not Kubernetes' own */
	     "---\n{apiVersion: batch/v1, kind: Job, " META("a", "train", "") ", spec: {"
	     TEMPLATE("app: s", "", CONTAINERS(AGENT)) "}}\n"
	     POD("a", "train-0", "app: s", OWNED("batch.volcano.sh/v1alpha1", "Job", "train"), READY)
	     /* its CronJob was not read */
	     "---\n{apiVersion: batch/v1, kind: Job, " META("a", "weekly-7", OWNED("batch/v1", "CronJob", "weekly"))
	     ", spec: {" TEMPLATE("app: s", "", CONTAINERS(AGENT)) "}}\n");

	assert_int_equal(fleet->n_workloads, 5);
	assert_int_equal(live("CronJob a/nightly")->n_pods, 2);
	assert_int_equal(live("CronJob a/nightly")->ready, 1);
	assert_int_equal(live("CronJob a/nightly")->desired, -1);
	assert_int_equal(live("Job a/nightly-byhand")->n_pods, 1);
	assert_int_equal(live("Job a/train")->n_pods, 0); /* of two with one name the native one is found */
	assert_string_equal(get("CronJob a/weekly")->object->name, "weekly-7");
}

static void
pods_of_other_controllers(void **state)
{
	const struct workload *w;

	(void)state;
	load(/* an Argo Rollout: its ReplicaSets are there, it is not */
	     "---\n{apiVersion: apps/v1, kind: ReplicaSet, "
	     META("a", "scout-1", OWNED("argoproj.io/v1alpha1", "Rollout", "scout")) ", spec: {replicas: 0, "
	     TEMPLATE("app: s", "", CONTAINERS(AGENT)) "}, status: {replicas: 0, observedGeneration: 1}}\n"
	     "---\n{apiVersion: apps/v1, kind: ReplicaSet, "
	     META("a", "scout-2", OWNED("argoproj.io/v1alpha1", "Rollout", "scout")) ", spec: {replicas: 3, "
	     TEMPLATE("app: s", "", CONTAINERS(AGENT)) "}, status: {replicas: 3, readyReplicas: 2}}\n"
	     POD("a", "scout-1-a", "v: old", OWNED("apps/v1", "ReplicaSet", "scout-1")
		 ", creationTimestamp: '2026-01-01T00:00:00Z'", READY)
	     POD("a", "scout-2-b", "v: new", OWNED("apps/v1", "ReplicaSet", "scout-2")
		 ", creationTimestamp: '2026-01-02T00:00:00Z'", UNREADY)
	     POD("a", "scout-3-c", "v: failed", OWNED("apps/v1", "ReplicaSet", "scout-2")
		 ", creationTimestamp: '2026-01-03T00:00:00Z'", DONE)
	     /* a sandbox's pod */
	     POD("a", "box", "app: s", OWNED("agents.x-k8s.io/v1alpha1", "Sandbox", "box"), READY)
	     /* Knative: a Deployment that is there, but not for people */
	     DEPLOYMENT("a", "fn-1-deployment", OWNED("serving.knative.dev/v1", "Revision", "fn-1"), "", CONTAINERS(AGENT))
	     /* an operator's Deployment is one like any other */
	     DEPLOYMENT("a", "operated", OWNED("example.com/v1", "Crew", "c"), "", CONTAINERS(AGENT))
	     /* a ReplicaSet whose Deployment was not read */
	     "---\n{apiVersion: apps/v1, kind: ReplicaSet, "
	     META("a", "lost-1", OWNED("apps/v1", "Deployment", "lost")) ", spec: {"
	     TEMPLATE("app: s", "", CONTAINERS(AGENT)) "}}\n"
	     /* static pods */
	     POD("a", "proxy-node1", "app: s", OWNED("v1", "Node", "node1"), READY)
	     POD("a", "proxy-node2", "app: s", ANNOTATED("kubernetes.io/config.mirror: h"), READY));

	assert_int_equal(fleet->n_workloads, 7);
	w = get("Rollout a/scout");
	assert_int_equal(fleet_live(fleet, w)->n_pods, 3);
	assert_int_equal(fleet_live(fleet, w)->desired, 3);
	assert_int_equal(fleet_live(fleet, w)->ready, 2);
	assert_false(w->restartable);
	assert_string_equal(labels_get(&w->template->labels, "v"), "new"); /* the newest that runs */
	assert_string_equal(w->object->name, "scout-2-b");
	w = get("Sandbox a/box");
	assert_int_equal(fleet_live(fleet, w)->ready, 1);
	assert_int_equal(fleet_live(fleet, w)->desired, -1);
	w = get("Revision a/fn-1");
	assert_false(w->restartable);
	assert_string_equal(w->object->name, "fn-1-deployment");
	assert_true(get("a/operated")->restartable);
	assert_false(get("a/lost")->restartable);
	assert_string_equal(get("a/lost")->object->name, "lost-1");
	assert_int_equal(live("Pod a/proxy-node1")->n_pods, 1);
	assert_int_equal(live("Pod a/proxy-node2")->n_pods, 1);
}

static void
owners_in_a_circle(void **state)
{
	(void)state;
	load("---\n{apiVersion: apps/v1, kind: ReplicaSet, " META("a", "x", OWNED("apps/v1", "ReplicaSet", "y"))
	     ", spec: {" TEMPLATE("app: s", "", CONTAINERS(AGENT)) "}}\n"
	     "---\n{apiVersion: apps/v1, kind: ReplicaSet, " META("a", "y", OWNED("apps/v1", "ReplicaSet", "z"))
	     ", spec: {" TEMPLATE("app: s", "", CONTAINERS(AGENT)) "}}\n"
	     "---\n{apiVersion: apps/v1, kind: ReplicaSet, " META("a", "z", OWNED("apps/v1", "ReplicaSet", "x"))
	     ", spec: {" TEMPLATE("app: s", "", CONTAINERS(AGENT)) "}}\n"
	     POD("a", "p", "app: s", OWNED("apps/v1", "ReplicaSet", "x"), READY)
	     POD("a", "self", "app: s", OWNED("v1", "Pod", "self"), READY));
	assert_true(fleet->n_workloads >= 2);
	assert_int_equal(live("Pod a/self")->n_pods, 1);
}

static void
counts(void **state)
{
	(void)state;
	load("---\n{apiVersion: apps/v1, kind: Deployment, " META("a", "scout", "") ", spec: {replicas: 5, "
	     TEMPLATE("app: s", "", CONTAINERS(AGENT)) "}, status: {replicas: 5, readyReplicas: 3}}\n"
	     "---\n{apiVersion: apps/v1, kind: DaemonSet, " META("a", "node", "") ", spec: {"
	     TEMPLATE("app: s", "", CONTAINERS(AGENT)) "}, status: {desiredNumberScheduled: 7, numberReady: 6}}\n"
	     "---\n{apiVersion: apps/v1, kind: StatefulSet, " META("a", "set", "") ", spec: {replicas: 2, "
	     TEMPLATE("app: s", "", CONTAINERS(AGENT)) "}}\n"
	     POD("a", "set-0", "app: s", OWNED("apps/v1", "StatefulSet", "set"), READY)
	     POD("a", "set-1", "app: s",
		 OWNED("apps/v1", "StatefulSet", "set") ", deletionTimestamp: '2026-01-01T00:00:00Z'", READY)
	     DEPLOYMENT("a", "no-pods", "", "", CONTAINERS(AGENT))
	     POD("a", "ended", "app: s", "", DONE));
	assert_int_equal(live("a/scout")->desired, 5);
	assert_int_equal(live("a/scout")->ready, 3);
	assert_int_equal(live("DaemonSet a/node")->desired, 7);
	assert_int_equal(live("DaemonSet a/node")->ready, 6);
	assert_int_equal(live("StatefulSet a/set")->desired, 2);
	assert_int_equal(live("StatefulSet a/set")->ready, 1);
	assert_int_equal(live("a/no-pods")->ready, -1); /* unknown, not unready */
	assert_int_equal(live("Pod a/ended")->desired, 0);
	assert_int_equal(live("Pod a/ended")->ready, 0);
	assert_int_equal(live("Pod a/ended")->n_pods, 1);
}

/* --- roles -------------------------------------------------------------------------------------------------- */

static void
roles_by_label(void **state)
{
	(void)state;
	load(DEPLOYMENT("a", "one", ROLE("agent"), "", CONTAINERS(AGENT))
	     DEPLOYMENT("a", "two", "", "", CONTAINERS(AGENT)) /* replaced: the last wins */
	     DEPLOYMENT("a", "three", ROLE("companion"), "", CONTAINERS(AGENT))
	     DEPLOYMENT("a", "four", ROLE("scraper"), "", CONTAINERS(AGENT))
	     DEPLOYMENT("a", "five", ROLE("none"), ANNOTATED(TOPOLOGY), CONTAINERS(AGENT ", " PIPELOCK))
	     "---\n{apiVersion: apps/v1, kind: Deployment, " META("a", "two", "") ", spec: {"
	     TEMPLATE("app: two, moat.dev/role: agent", "", CONTAINERS(AGENT)) "}}\n"
	     "---\n{apiVersion: apps/v1, kind: Deployment, " META("a", "six", ROLE("none")) ", spec: {"
	     TEMPLATE("app: six, moat.dev/role: agent", "", CONTAINERS(AGENT)) "}}\n");
	check_role("a/one", ROLE_AGENT, ROLE_BY_LABEL);
	check_role("a/two", ROLE_AGENT, ROLE_BY_LABEL);
	check_role("a/three", ROLE_COMPANION, ROLE_BY_LABEL);
	check_role("a/four", ROLE_SCRAPER, ROLE_BY_LABEL);
	check_role("a/five", ROLE_NONE, ROLE_BY_LABEL);
	check_role("a/six", ROLE_NONE, ROLE_BY_LABEL); /* the workload before its template */
	assert_string_equal(get("a/two")->role_label, "agent");
	assert_int_equal(fleet->n_agents, 2);
	assert_int_equal(fleet->n_companions, 1);
	assert_int_equal(fleet->n_scrapers, 1);
	assert_ptr_equal(fleet->scrapers[0], get("a/four"));
}

static void
role_labels_not_trusted(void **state)
{
	static const struct settings settings = {.trust_objects = false};

	(void)state;
	load_with(DEPLOYMENT("a", "one", ROLE("none"), "", CONTAINERS(AGENT ", " PIPELOCK))
		  DEPLOYMENT("a", "two", ROLE("agent"), "", CONTAINERS(AGENT)),
		  &settings);
	check_role("a/one", ROLE_AGENT, ROLE_BY_CONTAINERS);
	check_role("a/two", ROLE_NONE, ROLE_BY_NOTHING);
	assert_string_equal(get("a/one")->role_label, "none"); /* reports list who tried */
}

static void
role_labels_that_are_none(void **state)
{
	(void)state;
	load(DEPLOYMENT("a", "one", ROLE("\"Agent\\e[2J\""), "", CONTAINERS(AGENT))
	     DEPLOYMENT("a", "two", ROLE("''"), "", CONTAINERS(AGENT ", " PIPELOCK))
	     "---\n{apiVersion: apps/v1, kind: Deployment, " META("a", "six", ROLE("helper")) ", spec: {"
	     TEMPLATE("app: six, moat.dev/role: agent", "", CONTAINERS(AGENT)) "}}\n");
	check_role("a/one", ROLE_NONE, ROLE_BY_NOTHING);
	check_role("a/two", ROLE_AGENT, ROLE_BY_CONTAINERS);
	check_role("a/six", ROLE_AGENT, ROLE_BY_LABEL);
	assert_null(get("a/one")->role_label);
	assert_int_equal(fleet->n_warnings, 3);
	assert_non_null(strstr(fleet->warnings[0], "Deployment a/one: label moat.dev/role: Agent\\x1b[2J is passed"));
}

static void
roles_by_the_config_file(void **state)
{
	const struct requirement app = {"app", OP_IN, (const char *const[]){"three"}, 1};
	const struct role_setting roles[] = {
		{.match = {.namespace = "a", .name = "on*"}, .role = ROLE_NONE},
		{.match = {.name = "one"}, .role = ROLE_COMPANION},
		{.match = {.kind = "StatefulSet"}, .role = ROLE_AGENT},
		{.match = {.selector = {true, &app, 1}}, .role = ROLE_COMPANION},
	};
	const struct workload_match scrapers[] = {{.name = "browser"}};
	const struct settings settings = {
		.roles = roles, .n_roles = 4, .scrapers = scrapers, .n_scrapers = 1, .trust_objects = true};

	(void)state;
	load_with(DEPLOYMENT("a", "one", ROLE("agent"), "", CONTAINERS(AGENT))
		  DEPLOYMENT("b", "one", ROLE("agent"), "", CONTAINERS(AGENT))
		  DEPLOYMENT("b", "two", "", "", CONTAINERS(AGENT))
		  DEPLOYMENT("b", "three", "", "", CONTAINERS(AGENT)) /* by its template's label */
		  DEPLOYMENT("b", "browser", ROLE("agent"), "", CONTAINERS(AGENT)),
		  &settings);
	check_role("a/one", ROLE_NONE, ROLE_BY_CONFIG);
	check_role("b/one", ROLE_COMPANION, ROLE_BY_CONFIG);
	check_role("b/two", ROLE_NONE, ROLE_BY_NOTHING);
	check_role("b/three", ROLE_COMPANION, ROLE_BY_CONFIG);
	check_role("b/browser", ROLE_SCRAPER, ROLE_BY_CONFIG);
	assert_string_equal(get("b/one")->role_label, "agent"); /* it is set all the same */
	assert_ptr_equal(fleet->settings, &settings);
}

static void
roles_by_marks_of_pipelock(void **state)
{
	(void)state;
	load(AGENT_ANNOTATED("a", "one", "x: y")
	     DEPLOYMENT("a", "two", "", ANNOTATED(TOPOLOGY), CONTAINERS(AGENT))
	     DEPLOYMENT("a", "three", ANNOTATED("pipelock.dev/topology: sidecar"), "", CONTAINERS(AGENT))
	     DEPLOYMENT("a", "four", ", labels: {app.kubernetes.io/name: pipelock, app.kubernetes.io/component: proxy}",
			"", CONTAINERS(AGENT))
	     DEPLOYMENT("a", "five", ", labels: {app.kubernetes.io/name: pipelock}", "", CONTAINERS(AGENT)));
	check_role("a/one", ROLE_AGENT, ROLE_BY_ANNOTATION);
	check_role("a/two", ROLE_AGENT, ROLE_BY_ANNOTATION);
	check_role("a/three", ROLE_NONE, ROLE_BY_NOTHING);
	check_role("a/four", ROLE_COMPANION, ROLE_BY_NAME_LABELS);
	check_role("a/five", ROLE_NONE, ROLE_BY_NOTHING);
}

static void
roles_by_containers(void **state)
{
	(void)state;
	load(DEPLOYMENT("a", "alone", "", "", CONTAINERS(PIPELOCK))
	     DEPLOYMENT("a", "renamed", "", "", CONTAINERS("{name: firewall, image: 'registry:5000/x/pipelock@sha256:00'}"))
	     DEPLOYMENT("a", "with-vpn", "", "", CONTAINERS(PIPELOCK ", " VPN))
	     DEPLOYMENT("a", "with-logs", "", "", CONTAINERS(LOGS ", " PIPELOCK))
	     DEPLOYMENT("a", "beside", "", "", CONTAINERS(AGENT ", " PIPELOCK))
	     DEPLOYMENT("a", "native", "", "",
			INIT("{name: pipelock, image: pipelock, restartPolicy: Always}") CONTAINERS(AGENT))
	     DEPLOYMENT("a", "beside-vpn", "", "", CONTAINERS(AGENT ", " PIPELOCK ", " VPN))
	     DEPLOYMENT("a", "mesh-native", "", "",
			INIT("{name: istio-proxy, image: istio/proxyv2, restartPolicy: Always}") CONTAINERS(PIPELOCK))
	     /* whatever else is native or runs to its end is not what the pod is for */
	     DEPLOYMENT("a", "warmed-up", "", "",
			INIT("{name: warm, image: warm, restartPolicy: Always}, {name: wait, image: wait}")
			CONTAINERS(PIPELOCK))
	     DEPLOYMENT("a", "copies", "", "",
			INIT("{name: pipelock, image: pipelock, command: [cp, /pipelock, /opt/pipelock]}")
			CONTAINERS(AGENT)));
	check_role("a/alone", ROLE_COMPANION, ROLE_BY_CONTAINERS);
	check_role("a/renamed", ROLE_COMPANION, ROLE_BY_CONTAINERS);
	check_role("a/with-vpn", ROLE_COMPANION, ROLE_BY_CONTAINERS);
	check_role("a/with-logs", ROLE_COMPANION, ROLE_BY_CONTAINERS);
	check_role("a/mesh-native", ROLE_COMPANION, ROLE_BY_CONTAINERS);
	check_role("a/warmed-up", ROLE_COMPANION, ROLE_BY_CONTAINERS);
	check_role("a/beside", ROLE_AGENT, ROLE_BY_CONTAINERS);
	check_role("a/native", ROLE_AGENT, ROLE_BY_CONTAINERS);
	check_role("a/beside-vpn", ROLE_AGENT, ROLE_BY_CONTAINERS);
	check_role("a/copies", ROLE_NONE, ROLE_BY_NOTHING);
	assert_non_null(get("a/alone")->pipelock);
	assert_non_null(get("a/native")->pipelock);
	assert_null(get("a/copies")->pipelock);
}

static void
roles_by_proxy_and_component(void **state)
{
	(void)state;
	load(COMPANION("sec", "wall")
	     /* a companion by what rules say after this one in the list of objects */
	     DEPLOYMENT("a", "short", "", "", CONTAINERS(AGENT_ENV(VAR("HTTPS_PROXY", "http://zz-wall:8888"))))
	     COMPANION("a", "zz-wall")
	     DEPLOYMENT("b", "far", "", "", CONTAINERS(AGENT_ENV(VAR("http_proxy", "wall.sec.svc.cluster.local:8888"))))
	     DEPLOYMENT("b", "outside", "", "", CONTAINERS(AGENT_ENV(VAR("HTTPS_PROXY", "http://proxy.corp.example:3128"))))
	     SERVICE("b", "squid", SELECTS("outside"))
	     DEPLOYMENT("b", "squid-user", "", "", CONTAINERS(AGENT_ENV(VAR("HTTPS_PROXY", "http://squid:3128"))))
	     "---\n{apiVersion: v1, kind: ConfigMap, " META("b", "env", "") ", data: {proxy: 'http://wall.sec:8888'}}\n"
	     DEPLOYMENT("b", "mapped", "", "", CONTAINERS(AGENT_ENV(
		"{name: HTTPS_PROXY, valueFrom: {configMapKeyRef: {name: env, key: proxy}}}")))
	     "---\n{apiVersion: batch/v1, kind: CronJob, " META("b", "nightly", "") ", spec: {jobTemplate: {spec: {"
	     TEMPLATE("app: s", "", CONTAINERS(AGENT_ENV(VAR("HTTPS_PROXY", "http://wall.sec.svc:8888")))) "}}}}\n"
	     DEPLOYMENT("b", "excused", ROLE("none"), "", CONTAINERS(AGENT_ENV(VAR("HTTPS_PROXY", "http://wall.sec:8888"))))
	     AGENT_BY_COMPONENT("b", "named", AGENT)
	     "---\n{apiVersion: v1, kind: Pod, " META("b", "bare", ", labels: {app.kubernetes.io/component: agent}")
	     ", spec: {" CONTAINERS(AGENT) "}}\n");
	check_role("a/short", ROLE_AGENT, ROLE_BY_PROXY);
	check_role("b/far", ROLE_AGENT, ROLE_BY_PROXY);
	check_role("b/mapped", ROLE_AGENT, ROLE_BY_PROXY);
	check_role("CronJob b/nightly", ROLE_AGENT, ROLE_BY_PROXY);
	check_role("b/outside", ROLE_NONE, ROLE_BY_NOTHING);
	check_role("b/excused", ROLE_NONE, ROLE_BY_LABEL);
	check_role("b/squid-user", ROLE_NONE, ROLE_BY_NOTHING);
	check_role("b/named", ROLE_AGENT, ROLE_BY_COMPONENT);
	check_role("Pod b/bare", ROLE_AGENT, ROLE_BY_COMPONENT);
}

/* --- pairs -------------------------------------------------------------------------------------------------- */

static void
pairs_by_annotation(void **state)
{
	(void)state;
	load(COMPANION("a", "wall-1") COMPANION("a", "wall-2") COMPANION("sec", "wall")
	     AGENT_ANNOTATED("a", "name", "pipelock.dev/proxy-name: wall-2")
	     AGENT_ANNOTATED("a", "elsewhere", "pipelock.dev/proxy-name: sec/wall")
	     AGENT_ANNOTATED("a", "url", "pipelock.dev/proxy-service: 'http://wall-1.a.svc:8888'")
	     AGENT_ANNOTATED("a", "bare-host", "pipelock.dev/proxy-service: 'wall.sec:8888'")
	     /* traffic follows the Service */
	     AGENT_ANNOTATED("a", "disagree", "pipelock.dev/proxy-name: wall-2, pipelock.dev/proxy-service: 'http://wall-1'")
	     AGENT_ANNOTATED("a", "half", "pipelock.dev/proxy-name: gone, pipelock.dev/proxy-service: 'http://wall-1'")
	     /* the template's annotations count too */
	     DEPLOYMENT("a", "template", "", ANNOTATED(TOPOLOGY ", pipelock.dev/proxy-name: wall-1"), CONTAINERS(AGENT))
	     /* before the proxy variables */
	     DEPLOYMENT("a", "other-proxy", ANNOTATED("pipelock.dev/proxy-name: wall-1"), "",
			CONTAINERS(AGENT_ENV(VAR("HTTPS_PROXY", "http://wall-2:8888")))));
	check_pair("a/name", "a/wall-2", PAIR_ANNOTATION, "a/wall-2");
	check_pair("a/elsewhere", "sec/wall", PAIR_ANNOTATION, "sec/wall");
	check_pair("a/url", "a/wall-1", PAIR_ANNOTATION, "a/wall-1");
	check_pair("a/bare-host", "sec/wall", PAIR_ANNOTATION, "sec/wall");
	check_pair("a/disagree", "a/wall-1", PAIR_ANNOTATION, "a/wall-1");
	check_pair("a/half", "a/wall-1", PAIR_ANNOTATION, "a/wall-1");
	check_pair("a/template", "a/wall-1", PAIR_ANNOTATION, "a/wall-1");
	check_pair("a/other-proxy", "a/wall-1", PAIR_ANNOTATION, "a/wall-1");
	assert_null(get("a/half")->wanted_companion);
	assert_int_equal(get("a/name")->state, STATE_MIGRATING);
}

static void
annotations_that_name_what_is_missing(void **state)
{
	(void)state;
	load(COMPANION("a", "wall-1") COMPANION("a", "wall-2") COMPANION("b", "wall")
	     AGENT_ANNOTATED("a", "nobody", "pipelock.dev/proxy-name: gone")
	     DEPLOYMENT("a", "proxied", ANNOTATED(TOPOLOGY ", pipelock.dev/proxy-name: gone"), "",
			CONTAINERS(AGENT_ENV(VAR("HTTPS_PROXY", "http://wall-2:8888"))))
	     AGENT_ANNOTATED("b", "only", "pipelock.dev/proxy-service: 'http://gone:8888'")
	     /* a Service of that name, but nothing behind it; and a workload that is no companion */
	     SERVICE("a", "hollow", SELECTS("nothing"))
	     AGENT_ANNOTATED("a", "hollow-user", "pipelock.dev/proxy-service: 'http://hollow'")
	     AGENT_ANNOTATED("a", "strange", "pipelock.dev/proxy-name: nobody"));
	check_pair("a/nobody", NULL, PAIR_NONE, NULL);
	assert_string_equal(get("a/nobody")->wanted_companion, "gone");
	assert_int_equal(get("a/nobody")->state, STATE_UNGUARDED);
	check_pair("a/proxied", "a/wall-2", PAIR_PROXY_HOST, "a/wall-2");
	assert_string_equal(get("a/proxied")->wanted_companion, "gone");
	check_pair("b/only", "b/wall", PAIR_ONLY_COMPANION, "b/wall");
	assert_string_equal(get("b/only")->wanted_companion, "gone");
	check_pair("a/hollow-user", NULL, PAIR_NONE, NULL);
	assert_null(get("a/hollow-user")->wanted_companion);
	check_pair("a/strange", NULL, PAIR_NONE, NULL);
	assert_string_equal(get("a/strange")->wanted_companion, "nobody");
}

static void
pairs_by_proxy_host(void **state)
{
#define BY(name, var, url) AGENT_BY_COMPONENT("a", name, AGENT_ENV(VAR(var, url)))
	(void)state;
	load(COMPANION("a", "wall") COMPANION("a", "wall-2") COMPANION("sec", "wall")
	     SERVICE("a", "by-ip", "selector: {app: wall-2}, clusterIP: 10.96.0.7, clusterIPs: [10.96.0.7, 'fd00::7']")
	     SERVICE("a", "alias", "type: ExternalName, externalName: wall.a.svc.cluster.local, selector: {app: wall}")
	     SERVICE("a", "no-selector", "clusterIP: 10.96.0.8")
	     BY("short", "HTTPS_PROXY", "http://user:secret@Wall:8888") BY("dotted", "https_proxy", "http://wall.sec:8888")
	     BY("svc", "HTTP_PROXY", "http://wall.sec.svc:8888")
	     BY("full", "http_proxy", "http://wall.sec.svc.cluster.local.:8888")
	     BY("ip", "HTTPS_PROXY", "http://10.96.0.7:8888") BY("ip6", "HTTPS_PROXY", "http://[fd00:0::7]:8888")
	     BY("via-alias", "HTTPS_PROXY", "http://alias:8888") BY("manual", "HTTPS_PROXY", "http://no-selector:8888")
	     BY("loop", "HTTPS_PROXY", "http://localhost:8888") BY("typo", "HTTPS_PROXY", "http://wal:8888")
	     BY("typo-ns", "HTTPS_PROXY", "http://wal.sec:8888") BY("external", "HTTPS_PROXY", "http://proxy.corp:3128")
	     AGENT_BY_COMPONENT("a", "second", LOGS ", " AGENT_ENV(VAR("HTTP_PROXY", "http://wall:8888")
				", " VAR("HTTPS_PROXY", "http://wall-2:8888")))
	     AGENT_BY_COMPONENT("a", "twice", AGENT_ENV(VAR("HTTPS_PROXY", "http://wall:8888")
				", " VAR("https_proxy", "http://wall-2:8888"))));
	check_pair("a/short", "a/wall", PAIR_PROXY_HOST, "a/wall");
	check_pair("a/dotted", "sec/wall", PAIR_PROXY_HOST, "sec/wall");
	check_pair("a/svc", "sec/wall", PAIR_PROXY_HOST, "sec/wall");
	check_pair("a/full", "sec/wall", PAIR_PROXY_HOST, "sec/wall");
	check_pair("a/ip", "a/wall-2", PAIR_PROXY_HOST, "a/by-ip");
	check_pair("a/ip6", "a/wall-2", PAIR_PROXY_HOST, "a/by-ip");
	check_pair("a/second", "a/wall-2", PAIR_PROXY_HOST, "a/wall-2"); /* HTTPS_PROXY first */
	check_pair("a/twice", "a/wall", PAIR_PROXY_HOST, "a/wall"); /* the upper case first */
	check_pair("a/via-alias", NULL, PAIR_NONE, NULL);
	check_pair("a/manual", NULL, PAIR_NONE, NULL);
	check_pair("a/loop", NULL, PAIR_NONE, NULL);
	check_pair("a/typo", NULL, PAIR_NONE, NULL);
	assert_string_equal(get("a/typo")->wanted_companion, "wal");
	assert_string_equal(get("a/typo-ns")->wanted_companion, "wal.sec");
	assert_null(get("a/external")->wanted_companion);
	assert_null(get("a/loop")->wanted_companion);
	assert_int_equal(get("a/loop")->state, STATE_UNGUARDED);
}

static void
the_only_companion(void **state)
{
	(void)state;
	load(COMPANION("a", "wall") AGENT_BY_COMPONENT("a", "scout", AGENT) AGENT_BY_COMPONENT("a", "builder", AGENT)
	     DEPLOYMENT("a", "legacy", "", "", CONTAINERS(AGENT ", " PIPELOCK))
	     DEPLOYMENT("a", "native", "", "",
			INIT("{name: pipelock, image: pipelock, restartPolicy: Always}") CONTAINERS(AGENT))
	     /* where the sidecar itself goes out is not where the agent does */
	     DEPLOYMENT("a", "chained", "", "", CONTAINERS(AGENT ", {name: pipelock, image: pipelock, args: [run], env: ["
			VAR("HTTPS_PROXY", "http://wall:8888") "]}"))
	     /* a sidecar that is still there, but the proxy is the companion already */
	     DEPLOYMENT("a", "halfway", "", "",
			CONTAINERS(AGENT_ENV(VAR("HTTPS_PROXY", "http://wall:8888")) ", " PIPELOCK))
	     COMPANION("b", "wall-1") COMPANION("b", "wall-2") AGENT_BY_COMPONENT("b", "scout", AGENT)
	     AGENT_BY_COMPONENT("c", "scout", AGENT));
	check_pair("a/scout", "a/wall", PAIR_ONLY_COMPANION, "a/wall");
	check_pair("a/builder", "a/wall", PAIR_ONLY_COMPANION, "a/wall");
	check_pair("a/legacy", NULL, PAIR_NONE, NULL);
	check_pair("a/native", NULL, PAIR_NONE, NULL);
	check_pair("a/chained", NULL, PAIR_NONE, NULL);
	check_pair("a/halfway", "a/wall", PAIR_PROXY_HOST, "a/wall");
	check_pair("b/scout", NULL, PAIR_NONE, NULL); /* a shared namespace: nothing tells which */
	check_pair("c/scout", NULL, PAIR_NONE, NULL);
	assert_int_equal(get("a/legacy")->state, STATE_LEGACY);
	assert_int_equal(get("a/native")->state, STATE_LEGACY);
	assert_int_equal(get("a/halfway")->state, STATE_MIGRATING);
	assert_int_equal(get("b/scout")->state, STATE_UNGUARDED);
	/* two agents and a third share it; sorted */
	assert_int_equal(get("a/wall")->n_agents, 3);
	assert_string_equal(get("a/wall")->agents[0]->name, "builder");
	assert_string_equal(get("a/wall")->agents[1]->name, "halfway");
	assert_string_equal(get("a/wall")->agents[2]->name, "scout");
	assert_int_equal(get("b/wall-1")->n_agents, 0);
}

/* One Service in front of two companions, as an inexact selector makes it. */
static void
a_service_before_two(void **state)
{
#define BOTH(name) \
	"---\n{apiVersion: apps/v1, kind: Deployment, " META("a", name, "") ", spec: {" \
	TEMPLATE("both: 'true'", "", CONTAINERS(PIPELOCK)) "}}\n"
	(void)state;
	load(BOTH("wall-1") BOTH("wall-2") BOTH("wall-3") SERVICE("a", "walls", "selector: {both: 'true'}")
	     SERVICE("a", "wall-2", "selector: {both: 'true'}")
	     AGENT_ANNOTATED("a", "any", "pipelock.dev/proxy-service: 'http://walls'")
	     AGENT_ANNOTATED("a", "own", "pipelock.dev/proxy-service: 'http://wall-2'")
	     AGENT_ANNOTATED("a", "both", "pipelock.dev/proxy-service: 'http://walls', pipelock.dev/proxy-name: wall-3"));
	check_pair("a/any", "a/wall-1", PAIR_ANNOTATION, "a/walls");
	check_pair("a/own", "a/wall-2", PAIR_ANNOTATION, "a/wall-2");
	check_pair("a/both", "a/wall-3", PAIR_ANNOTATION, "a/walls");
}

static void
the_service_between(void **state)
{
#define WALL(ns) DEPLOYMENT(ns, "wall", "", "", CONTAINERS(PIPELOCK))
#define METRICS(ns) "---\n{apiVersion: v1, kind: Service, " META(ns, "a-metrics", "") \
	", spec: {selector: {app: wall}, ports: [{port: 9091}]}}\n"
#define NAMED(ns) AGENT_ANNOTATED(ns, "scout", "pipelock.dev/proxy-name: wall")
	(void)state;
	load(/* two select it, one of them at another port */
	     WALL("a") METRICS("a") SERVICE("a", "proxy", SELECTS("wall")) NAMED("a")
	     /* of two that fit the one the agent uses */
	     WALL("b") SERVICE("b", "wall", SELECTS("wall")) SERVICE("b", "zz", SELECTS("wall"))
	     DEPLOYMENT("b", "scout", ANNOTATED(TOPOLOGY ", pipelock.dev/proxy-name: wall"), "",
			CONTAINERS(AGENT_ENV(VAR("HTTPS_PROXY", "http://zz:8888"))))
	     DEPLOYMENT("b", "builder", ANNOTATED(TOPOLOGY ", pipelock.dev/proxy-service: 'http://wall'"), "",
			CONTAINERS(AGENT_ENV(VAR("HTTPS_PROXY", "http://zz:8888"))))
	     /* a typing error in the selector: still the one that is meant */
	     WALL("c") SERVICE("c", "wall", SELECTS("wal")) NAMED("c")
	     WALL("d") SERVICE("d", "proxy", SELECTS("wal")) METRICS("d")
	     AGENT_BY_COMPONENT("d", "scout", AGENT_ENV(VAR("HTTPS_PROXY", "http://proxy:8888")))
	     /* no Service at all; and only one of the metrics */
	     WALL("e") NAMED("e") WALL("f") METRICS("f") NAMED("f")
	     /* a Service of something else is not taken for it */
	     WALL("g") SERVICE("g", "squid", SELECTS("scout")) SERVICE("g", "wall", SELECTS("wall"))
	     DEPLOYMENT("g", "scout", ANNOTATED(TOPOLOGY ", pipelock.dev/proxy-name: wall"), "",
			CONTAINERS(AGENT_ENV(VAR("HTTPS_PROXY", "http://squid:3128")))));
	check_pair("a/scout", "a/wall", PAIR_ANNOTATION, "a/proxy");
	check_pair("b/scout", "b/wall", PAIR_ANNOTATION, "b/zz");
	check_pair("b/builder", "b/wall", PAIR_ANNOTATION, "b/zz");
	check_pair("c/scout", "c/wall", PAIR_ANNOTATION, "c/wall");
	check_pair("d/scout", "d/wall", PAIR_ONLY_COMPANION, "d/proxy");
	check_pair("e/scout", "e/wall", PAIR_ANNOTATION, NULL);
	check_pair("f/scout", "f/wall", PAIR_ANNOTATION, "f/a-metrics");
	check_pair("g/scout", "g/wall", PAIR_ANNOTATION, "g/wall");
}

/* --- look-ups and the rest ---------------------------------------------------------------------------------- */

static void
check_host(const char *namespace, const char *host, const char *want)
{
	const struct service *s = fleet_resolve_host(fleet, namespace, host);

	if (!str_eq(s ? s->object.name : NULL, want))
		fail_msg("%s: %s, not %s", host, s ? s->object.name : "none", want ? want : "none");
}

static void
hosts(void **state)
{
	char long_name[400];

	(void)state;
	load(COMPANION("a", "wall") SERVICE("b", "other", "clusterIP: 10.0.0.1")
	     SERVICE("b", "same-ip", "clusterIP: 10.0.0.1") SERVICE("b", "headless", "clusterIP: None"));
	check_host("a", "wall", "wall");
	check_host("b", "wall", NULL);
	check_host("b", "wall.a", "wall");
	check_host("b", "WALL.A.SVC", "wall");
	check_host("b", "wall.a.svc.cluster.local", "wall");
	check_host("b", "wall.a.svc.cluster.local.", "wall");
	check_host("b", "wall.a.svc.example.com", "wall");
	check_host("b", "wall.a.svc.k8s", "wall");
	/* a dot at the end keeps DNS from completing the name */
	check_host("a", "wall.", NULL);
	check_host("b", "wall.a.svc.", NULL);
	check_host("b", "wall.a.svc..", NULL);
	check_host("b", "wall.a.example.com", NULL);
	check_host("b", "x.wall.a.svc", NULL);
	check_host("b", "10.0.0.1", "other");
	check_host("b", "10.0.0.2", NULL);
	check_host("b", "None", NULL);
	check_host("b", "", NULL);
	check_host("b", ".", NULL);
	check_host("b", "...", NULL);
	check_host("b", NULL, NULL);
	memset(long_name, 'a', sizeof(long_name) - 1);
	long_name[sizeof(long_name) - 1] = '\0';
	check_host("b", long_name, NULL);
}

static bool
append_name(void *ctx, struct workload *w)
{
	buf_addf(ctx, "%s ", w->name);
	return true;
}

static void
check_selected(const char *namespace, const char *service, const char *want)
{
	AUTO(buf) struct buf b = {0};

	fleet_selected(fleet, fleet_service(fleet, namespace, service), append_name, &b);
	assert_string_equal(buf_str(&b), want);
}

static void
what_services_select(void **state)
{
	(void)state;
	load(DEPLOYMENT("a", "one", "", "", CONTAINERS(AGENT)) DEPLOYMENT("a", "two", "", "", CONTAINERS(AGENT))
	     DEPLOYMENT("b", "one", "", "", CONTAINERS(AGENT))
	     /* pods count, not the template: an old and a new one, and one that has ended */
	     POD("a", "two-1-a", "app: two, v: old", OWNED("apps/v1", "ReplicaSet", "two-1"), READY)
	     POD("a", "two-2-a", "app: two, v: new", OWNED("apps/v1", "ReplicaSet", "two-2"), READY)
	     POD("a", "two-2-b", "app: two, v: new", OWNED("apps/v1", "ReplicaSet", "two-2"), READY)
	     POD("a", "two-3-a", "app: two, v: ended", OWNED("apps/v1", "ReplicaSet", "two-3"), DONE)
	     SERVICE("a", "one", SELECTS("one")) SERVICE("a", "two", SELECTS("two"))
	     SERVICE("a", "old", "selector: {v: old}") SERVICE("a", "ended", "selector: {v: ended}")
	     SERVICE("a", "none", "clusterIP: None") SERVICE("a", "empty", "selector: {}")
	     SERVICE("c", "one", SELECTS("one")));
	check_selected("a", "one", "one ");
	check_selected("a", "two", "two ");
	check_selected("a", "old", "two ");
	check_selected("a", "ended", "");
	check_selected("a", "none", "");
	check_selected("a", "empty", "");
	check_selected("c", "one", "");
	assert_true(fleet_selects(fleet_service(fleet, "a", "old"), get("a/two")));
	assert_false(fleet_selects(fleet_service(fleet, "a", "old"), get("a/one")));
	assert_false(fleet_selects(fleet_service(fleet, "a", "one"), get("b/one")));
}

static void
looking_up(void **state)
{
	size_t n;

	(void)state;
	load(COMPANION("a", "x") COMPANION("b", "y") COMPANION("b", "z")
	     "---\n{apiVersion: v1, kind: ConfigMap, " META("b", "m", "") ", data: {}}\n");
	assert_ptr_equal(fleet_namespace(fleet, "b", &n), get("b/y"));
	assert_int_equal(n, 2);
	fleet_namespace(fleet, "aa", &n);
	assert_int_equal(n, 0);
	assert_null(fleet_workload(fleet, "b", "StatefulSet", "y"));
	assert_null(fleet_workload(fleet, "a", "Deployment", "y"));
	assert_null(fleet_service(fleet, "a", "y"));
	assert_string_equal(fleet_service(fleet, "b", "z")->object.name, "z");
	assert_string_equal(fleet_config_map(fleet, "b", "m")->object.name, "m");
	assert_null(fleet_config_map(fleet, "a", "m"));
	assert_ptr_equal(fleet_companion_behind(fleet, fleet_service(fleet, "b", "z")), get("b/z"));
	load("");
	fleet_namespace(fleet, "a", &n);
	assert_int_equal(n, 0);
	assert_null(fleet_service(fleet, "a", "y"));
	assert_null(fleet_service_by_ip(fleet, "10.0.0.1"));
}

static void
facts(void **state)
{
	static const struct gap gaps[] = {
		{FACT_SERVICES, "Service", "a", "forbidden"},
		{FACT_PODS, "Pod", "", "page lost"},
	};
	static const char *const paths[] = {"x.yaml"};
	struct fleet_input in = {
		.source = {.type = SOURCE_FILES, .paths = paths, .n_paths = 1},
		.objects = &set,
		.gaps = gaps,
		.n_gaps = 2,
	};
	struct fleet *f;

	(void)state;
	load(DEPLOYMENT("a", "one", "", "", CONTAINERS(AGENT)) "---\n{apiVersion: v1, kind: Pod, "
	     META("a", "p", "") ", spec: {" CONTAINERS(AGENT) "}}\n");
	assert_int_equal(fleet_missing_facts(fleet, FACT_WORKLOADS | FACT_PODS | FACT_PROBES, FACT_NOT_APPLICABLE),
			 FACT_PODS | FACT_PROBES);
	assert_int_equal(fleet_missing_facts(fleet, ~0u, FACT_UNREADABLE), 0);
	f = fleet_new(&in);
	assert_int_equal(fleet_missing_facts(f, ~0u, FACT_UNREADABLE), FACT_SERVICES | FACT_PODS);
	assert_int_equal(f->n_gaps, 2);
	assert_string_equal(f->gaps[1].reason, "page lost");
	assert_string_equal(f->source.paths[0], "x.yaml");
	assert_true(f->settings->trust_objects);
	fleet_unref(fleet_ref(f));
	assert_int_equal(f->n_workloads, 0);
	fleet_unref(f);
	fleet_unref(NULL);
}

static void
names(void **state)
{
	(void)state;
	assert_string_equal(role_name(ROLE_NONE), "none");
	assert_string_equal(role_name(ROLE_SCRAPER), "scraper");
	assert_string_equal(state_name(STATE_UNGUARDED), "unguarded");
	assert_string_equal(state_name(STATE_VERIFIED), "verified");
	assert_string_equal(mount_type_name(MOUNT_SUBPATH), "subPath");
	assert_string_equal(mount_type_name(MOUNT_UNKNOWN), "unknown");
	assert_string_equal(secret_verdict_name(SECRET_UNKNOWN), "unknown");
	assert_string_equal(role_reason_text(ROLE_BY_COMPONENT), "label app.kubernetes.io/component");
	assert_string_equal(pair_reason_text(PAIR_ONLY_COMPANION), "only companion in the namespace");
	assert_string_equal(fact_name(FACT_WORKLOADS), "workloads");
	assert_string_equal(fact_name(FACT_HEALTH), "health");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_workload_for_each_controller),
		cmocka_unit_test(pods_go_to_their_deployment),
		cmocka_unit_test(jobs_go_to_their_cron_job),
		cmocka_unit_test(pods_of_other_controllers),
		cmocka_unit_test(owners_in_a_circle),
		cmocka_unit_test(counts),
		cmocka_unit_test(roles_by_label),
		cmocka_unit_test(role_labels_not_trusted),
		cmocka_unit_test(role_labels_that_are_none),
		cmocka_unit_test(roles_by_the_config_file),
		cmocka_unit_test(roles_by_marks_of_pipelock),
		cmocka_unit_test(roles_by_containers),
		cmocka_unit_test(roles_by_proxy_and_component),
		cmocka_unit_test(pairs_by_annotation),
		cmocka_unit_test(annotations_that_name_what_is_missing),
		cmocka_unit_test(pairs_by_proxy_host),
		cmocka_unit_test(the_only_companion),
		cmocka_unit_test(a_service_before_two),
		cmocka_unit_test(the_service_between),
		cmocka_unit_test(hosts),
		cmocka_unit_test(what_services_select),
		cmocka_unit_test(looking_up),
		cmocka_unit_test(facts),
		cmocka_unit_test(names),
	};

	return cmocka_run_group_tests(tests, NULL, unload);
}
