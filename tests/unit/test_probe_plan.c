/* SPDX-License-Identifier: Apache-2.0 */
/* What is to be probed: which pods, in which container, at which target, through which companion. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "fleet/probe_plan.h"
#include "fleet/proof.h"
#include "tests/source.h"
#include "tests/unit/fleet_fixture.h"

#define COMPANION                                                                                               \
	"{apiVersion: apps/v1, kind: Deployment, metadata: {name: wall}, spec: {selector: {matchLabels: {app: " \
	"wall}}, template: {metadata: {labels: {app: wall}}, spec: {containers: [{name: pipelock, image: "      \
	"'pipelock:2', args: [run, --config, /etc/pipelock/pipelock.yaml, --listen, '0.0.0.0:8888'], ports: "   \
	"[{containerPort: 8888}], volumeMounts: [{name: c, mountPath: /etc/pipelock}]}], volumes: [{name: c, "  \
	"configMap: {name: wall}}]}}}}\n---\n"                                                                  \
	"{apiVersion: v1, kind: Service, metadata: {name: wall}, spec: {selector: {app: wall}, ports: [{port: " \
	"3128, targetPort: 8888}]}}\n---\n"
#define CONFIG(text) \
	"{apiVersion: v1, kind: ConfigMap, metadata: {name: wall}, data: {pipelock.yaml: '" text "'}}\n---\n"

#define AGENT(name, containers)                                                                                \
	"{apiVersion: apps/v1, kind: Deployment, metadata: {name: " name ", uid: u-" name                      \
	", labels: {moat.dev/role: agent}}, spec: {selector: {matchLabels: {app: " name                        \
	"}}, template: {metadata: {labels: {app: " name "}}, spec: {containers: [" containers "]}}}}\n---\n"   \
	"{apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: " name "-1, ownerReferences: [{apiVersion: " \
	"apps/v1, kind: Deployment, name: " name ", uid: u-" name ", controller: true}]}, spec: {selector: "   \
	"{matchLabels: {app: " name "}}, template: {metadata: {labels: {app: " name "}}, spec: {containers: "  \
	"[" containers "]}}}}\n---\n"
#define MAIN "{name: main, image: agent, env: [{name: HTTPS_PROXY, value: 'http://wall:3128'}]}"

/* A pod of an agent; `more` goes into its metadata. */
#define POD(agent, name, node, created, more, status)                                                         \
	"{apiVersion: v1, kind: Pod, metadata: {name: " name ", uid: u-" name ", creationTimestamp: " created \
	", labels: {app: " agent "}" more                                                                     \
	", ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: " agent                            \
	"-1, uid: r, controller: true}]}, spec: {nodeName: " node ", containers: [{name: main, image: agent}" \
	"]}, status: " status "}\n---\n"
#define STATUS(phase, ready, container)                                 \
	"{phase: " phase ", conditions: [{type: Ready, status: '" ready \
	"'}], containerStatuses: [{name: " container                    \
	", ready: true, state: {running: {startedAt: '2026-01-02T03:04:05Z'}}}]}"
#define READY STATUS("Running", "True", "main")

#define JAN "'2026-01-01T00:00:00Z'"
#define FEB "'2026-02-01T00:00:00Z'"

struct planned {
	struct fleet *fleet;
	struct arena arena;
	struct probe_plan plan;
};

/* The fleet goes before the plan is looked at: nothing may point into it. */
static struct planned
plan_with(const char *yaml, const struct probe_plan_options *opt)
{
	struct planned p = {.fleet = fixture(yaml)};

	probe_plan_make(p.fleet, p.fleet->agents, p.fleet->n_agents, opt, &p.arena, &p.plan);
	fleet_unref(p.fleet);
	return p;
}

static struct planned
plan(const char *yaml)
{
	return plan_with(yaml, &(struct probe_plan_options){0});
}

static const struct probe_job *
only_job(const struct planned *p)
{
	assert_int_equal(p->plan.n_jobs, 1);
	assert_int_equal(p->plan.n_skipped, 0);
	return p->plan.jobs;
}

static void
targets(void **state)
{
	static const struct {
		const char *text;
		bool no_control;
		const char *host; /* NULL: refused */
		int port;
	} cases[] = {
		{"1.1.1.1:443", false, "1.1.1.1", 443},
		{"example.com:80", false, "example.com", 80},
		{"[2606:4700::1111]:443", false, "2606:4700::1111", 443},
		{"example.com:8443", true, "example.com", 8443},
		{"example.com:8443", false, NULL, 0},
		{"1.1.1.1:53", false, NULL, 0},
		{"example.com", false, NULL, 0},
		{"example.com:", false, NULL, 0},
		{"example.com:0", true, NULL, 0},
		{"example.com:65536", true, NULL, 0},
		{":443", false, NULL, 0},
		{"[]:443", false, NULL, 0},
		{"[example.com]:443", false, NULL, 0},
		{"2606:4700::1111:443", false, NULL, 0},
		{"-oProxyCommand:443", false, NULL, 0},
		{"a..b:443", false, NULL, 0},
		{"a b:443", false, NULL, 0},
		{"a;b:443", false, NULL, 0},
		{"http://example.com:443", false, NULL, 0},
		{"127.1:443", false, NULL, 0},
		{"1.1.1.256:443", false, NULL, 0},
		{"0x7f.0x1:443", false, NULL, 0},
	};
	AUTO(arena) struct arena a = {0};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct probe_target t;
		struct err e = {0};
		bool ok = probe_target_parse(cases[i].text, cases[i].no_control, &a, &t, &e);

		if (ok != (cases[i].host != NULL))
			fail_msg("%s: %s", cases[i].text, ok ? "accepted" : e.msg);
		if (!ok) {
			assert_int_equal(e.kind, ERR_USAGE);
			continue;
		}
		assert_string_equal(t.host, cases[i].host);
		assert_int_equal(t.port, cases[i].port);
		assert_string_equal(probe_target_text(&t, &a), cases[i].text);
	}
}

static void
one_pod_a_node(void **state)
{
	struct planned p =
		plan(COMPANION AGENT("scout", MAIN) POD("scout", "p-new", "n2", FEB, "", READY)
			     POD("scout", "p-b", "n1", FEB, "", READY) POD("scout", "p-old", "n2", JAN, "", READY)
				     POD("scout", "p-a", "n1", FEB, "", READY));
	int64_t started;

	(void)state;
	assert_int_equal(p.plan.n_jobs, 2);
	assert_string_equal(p.plan.jobs[0].node, "n1");
	assert_string_equal(p.plan.jobs[0].pod, "p-a"); /* of equal age the first by name */
	assert_string_equal(p.plan.jobs[1].node, "n2");
	assert_string_equal(p.plan.jobs[1].pod, "p-old");
	assert_string_equal(p.plan.jobs[1].pod_uid, "u-p-old");
	assert_string_equal(p.plan.jobs[1].container, "main");
	assert_string_equal(p.plan.jobs[1].agent.kind, "Deployment");
	assert_string_equal(p.plan.jobs[1].agent.name, "scout");
	assert_true(clock_parse("2026-01-02T03:04:05Z", &started));
	assert_int_equal(p.plan.jobs[1].started_at, started);
	assert_true(*p.plan.jobs[1].against);
	arena_free(&p.arena);
}

static void
pods_that_cannot(void **state)
{
	static const struct {
		const char *pods, *reason;
	} cases[] = {
		{"", "it has no pod now"},
		{POD("scout", "p", "n", JAN, "", STATUS("Running", "False", "main")),
		 "no pod of it is running and ready (1 seen)"},
		{POD("scout", "p", "n", JAN, "", STATUS("Pending", "True", "main")),
		 "no pod of it is running and ready (1 seen)"},
		{POD("scout", "p", "n", JAN, "", STATUS("Succeeded", "True", "main")),
		 "no pod of it is running and ready (1 seen)"},
		{POD("scout", "p", "n", JAN, ", deletionTimestamp: '2026-01-03T00:00:00Z'", READY)
			 POD("scout", "q", "n", JAN, "", STATUS("Failed", "False", "main")),
		 "no pod of it is running and ready (2 seen)"},
		{POD("scout", "p", "n", JAN, "", STATUS("Running", "True", "pipelock")),
		 "no container but Pipelock runs in its pods"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		AUTO(free) char *yaml = mem_printf("%s%s", COMPANION AGENT("scout", MAIN), cases[i].pods);
		struct planned p = plan(yaml);

		assert_int_equal(p.plan.n_jobs, 0);
		assert_int_equal(p.plan.n_skipped, 1);
		assert_string_equal(p.plan.skipped[0].agent.name, "scout");
		assert_string_equal(p.plan.skipped[0].reason, cases[i].reason);
		arena_free(&p.arena);
	}
}

static void
pods_not_read(void **state)
{
	const struct gap gap = {FACT_PODS, "Pod", "", "forbidden"};
	struct fleet *f = fixture_with_gaps(COMPANION AGENT("scout", MAIN), &gap, 1);
	AUTO(arena) struct arena a = {0};
	struct probe_plan p;

	(void)state;
	probe_plan_make(f, f->agents, f->n_agents, &(struct probe_plan_options){0}, &a, &p);
	fleet_unref(f);
	assert_int_equal(p.n_skipped, 1);
	assert_string_equal(p.skipped[0].reason, "its pods could not be read");
}

static void
containers(void **state)
{
	static const struct {
		const char *template, *running, *container;
	} cases[] = {
		{"{name: log, image: fluent/fluent-bit}, {name: work, image: i}", "work", "work"},
		{"{name: pipelock, image: 'pipelock:2', args: [run]}, {name: work, image: i}", "work", "work"},
		{"{name: vpn, image: qmcgaw/gluetun}, {name: work, image: i}", "work", "work"},
		{"{name: log, image: fluent/fluent-bit}", "log", "log"}, /* it has nothing else */
		{"{name: first, image: i}, {name: second, image: i}", "second", "second"}, /* the one that runs */
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		AUTO(free)
		char *yaml = mem_printf(AGENT("scout", "%s")
						POD("scout", "p", "n", JAN, "", STATUS("Running", "True", "%s")),
					cases[i].template, cases[i].template, cases[i].running);
		struct planned p = plan(yaml);

		assert_string_equal(only_job(&p)->container, cases[i].container);
		arena_free(&p.arena);
	}
}

#define SIDECAR "{name: pipelock, image: 'pipelock:2', args: [run, --listen, '127.0.0.1:9999']}, "

static void
ways(void **state)
{
	static const struct {
		const char *objects, *containers, *host;
		int port;
	} cases[] = {
		{COMPANION, MAIN, "wall", 3128},
		/* as the variable says it, in either spelling */
		{COMPANION,
		 "{name: main, image: i, env: [{name: https_proxy, value: 'http://u:p@wall.a.svc:3128'}]}",
		 "wall.a.svc", 3128},
		/* the variable leads elsewhere, or is not there: the companion's Service */
		{COMPANION,
		 "{name: main, image: i, env: [{name: HTTPS_PROXY, value: 'http://proxy.example.com:3128'}]}",
		 "wall.a.svc", 3128},
		{COMPANION, "{name: main, image: i}", "wall.a.svc", 3128},
		{COMPANION, "{name: main, image: i, env: [{name: HTTPS_PROXY, value: 'http://127.0.0.1:1'}]}",
		 "wall.a.svc", 3128}, /* no sidecar answers there */
		/* a sidecar */
		{"", SIDECAR "{name: main, image: i, env: [{name: HTTPS_PROXY, value: 'http://localhost:9999'}]}",
		 "127.0.0.1", 9999},
		{"", SIDECAR "{name: main, image: i, env: [{name: HTTPS_PROXY, value: 'http://[::1]:9999'}]}",
		 "::1", 9999},
		{"", SIDECAR "{name: main, image: i}", "127.0.0.1", 9999},
		{"", "{name: main, image: i}", NULL, 0},
		{"", "{name: main, image: i, env: [{name: HTTPS_PROXY, value: 'http://proxy.example.com:3128'}]}",
		 NULL, 0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		AUTO(free)
		char *yaml = mem_printf("%s" AGENT("scout", "%s") "%s", cases[i].objects, cases[i].containers,
					cases[i].containers, POD("scout", "p", "n", JAN, "", READY));
		struct planned p = plan(yaml);
		const struct probe_job *job = only_job(&p);

		if (!str_eq(job->proxy_host, cases[i].host) || job->proxy_port != cases[i].port)
			fail_msg("%zu: %s %d", i, job->proxy_host ? job->proxy_host : "none", job->proxy_port);
		arena_free(&p.arena);
	}
}

/* With -n the companion's namespace is not read: the control goes where the agent is told to go. */
static void
companion_not_read(void **state)
{
	static const struct {
		const char *url, *host;
	} cases[] = {
		{"http://wall.walls.svc:3128", "wall.walls.svc"},
		{"http://proxy.example.com:3128", NULL},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		AUTO(free)
		char *yaml = mem_printf(
			AGENT("scout", "{name: main, image: i, env: [{name: HTTPS_PROXY, value: '%s'}]}") "%s",
			cases[i].url, cases[i].url, POD("scout", "p", "n", JAN, "", READY));
		struct object_set set = {0};
		struct fleet_input in = {.source = {.type = SOURCE_CLUSTER, .namespace = "a"}, .objects = &set};
		AUTO(arena) struct arena a = {0};
		struct probe_plan p;
		struct fleet *f;
		struct err e;

		assert_true(files_read_memory("test.yaml", yaml, strlen(yaml), "a", &set, &e));
		f = fleet_new(&in);
		object_set_free(&set);
		probe_plan_make(f, f->agents, f->n_agents, &(struct probe_plan_options){0}, &a, &p);
		fleet_unref(f);
		assert_int_equal(p.n_jobs, 1);
		if (cases[i].host)
			assert_string_equal(p.jobs[0].proxy_host, cases[i].host);
		else
			assert_null(p.jobs[0].proxy_host);
	}
}

static void
chosen_targets(void **state)
{
	static const struct {
		const char *config, *host;
	} cases[] = {
		{"mode: balanced\n\n    api_allowlist: [api.example.com]", PROBE_DEFAULT_HOST},
		{"mode: strict\n\n    api_allowlist: [\"*.example.com\", db.prod.svc, 10.1.2.3, localhost, "
		 "api.example.com, "
		 "b.example.com]",
		 "api.example.com"},
		{"mode: strict\n\n    api_allowlist: [\"*.example.com\"]", PROBE_DEFAULT_HOST},
		{"mode: strict\n\n    api_allowlist: [\"--help\", \"a b.c\", \"$(x).com\"]", PROBE_DEFAULT_HOST},
	};
	const struct probe_plan_options named = {.target = {"example.org", 80}},
					address = {.target = {"8.8.8.8", 443}};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		AUTO(free)
		char *yaml = mem_printf(COMPANION CONFIG("%s") AGENT("scout", MAIN) "%s", cases[i].config,
					POD("scout", "p", "n", JAN, "", READY));
		struct planned p = plan(yaml);

		assert_string_equal(only_job(&p)->target.host, cases[i].host);
		assert_int_equal(only_job(&p)->target.port, 443);
		assert_string_equal(only_job(&p)->dns.host, PROBE_DEFAULT_HOST);
		assert_int_equal(only_job(&p)->dns.port, 53);
		arena_free(&p.arena);

		p = plan_with(yaml, &named);
		assert_string_equal(only_job(&p)->target.host, "example.org");
		assert_int_equal(only_job(&p)->target.port, 80);
		assert_string_equal(only_job(&p)->dns.host, PROBE_DEFAULT_HOST);
		arena_free(&p.arena);

		p = plan_with(yaml, &address);
		assert_string_equal(only_job(&p)->dns.host, "8.8.8.8");
		arena_free(&p.arena);
	}
}

static void
strict_sidecar(void **state)
{
	struct planned p = plan(CONFIG("mode: balanced\n\n    api_allowlist: [api.example.com]") AGENT(
		"scout", "{name: pipelock, image: 'pipelock:2', args: [run, --mode, strict, --config, "
			 "/etc/pipelock/pipelock.yaml], volumeMounts: [{name: c, mountPath: /etc/pipelock}]}, "
			 "{name: main, image: i}], volumes: [{name: c, configMap: {name: wall}}")
					POD("scout", "p", "n", JAN, "", READY));

	(void)state;
	assert_string_equal(only_job(&p)->target.host, "api.example.com"); /* --mode holds over the config's */
	assert_string_equal(only_job(&p)->proxy_host, "127.0.0.1");
	arena_free(&p.arena);
}

static void
no_control(void **state)
{
	struct planned p =
		plan_with(COMPANION AGENT("scout", MAIN) POD("scout", "p", "n", JAN, "", READY),
			  &(struct probe_plan_options){.target = {"example.com", 8443}, .no_control = true});

	(void)state;
	assert_true(only_job(&p)->no_control);
	assert_int_equal(only_job(&p)->target.port, 8443);
	arena_free(&p.arena);
}

/* The built-in fleet, as it is read from its files: each agent has one pod. */
static void
the_demo(void **state)
{
	static const char *const wanted[] = {
		"coding/builder worker-2 agent pipelock-companion.coding.svc:8888",
		"coding/reviewer worker-3 agent pipelock-companion.coding.svc:8888",
		"market/buyer worker-2 agent 127.0.0.1:8888",
		"research/librarian worker-3 agent pipelock-librarian.research.svc:8888",
		"research/scout worker-1 agent pipelock-companion.research.svc:8888",
	};
	AUTO(free) char *folder = source_path("demo");
	const char *const paths[] = {folder};
	struct object_set set = {0};
	AUTO(arena) struct arena a = {0};
	struct probe_plan p;
	struct fleet *f;
	struct err e;

	(void)state;
	if (!files_read(paths, 1, "default", &set, &e))
		fail_msg("%s", e.msg);
	f = fleet_new(&(struct fleet_input){.objects = &set});
	object_set_free(&set);
	probe_plan_make(f, f->agents, f->n_agents, &(struct probe_plan_options){0}, &a, &p);
	assert_int_equal(p.n_skipped, 0);
	assert_int_equal(p.n_jobs, COUNT_OF(wanted));
	for (size_t i = 0; i < p.n_jobs; i++) {
		const struct probe_job *j = &p.jobs[i];

		assert_string_equal(arena_printf(&a, "%s/%s %s %s %s:%d", j->agent.namespace, j->agent.name,
						 j->node, j->container, j->proxy_host, j->proxy_port),
				    wanted[i]);
		assert_string_equal(j->against, proof_against(f, f->agents[i], &a));
	}
	fleet_unref(f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(targets),
		cmocka_unit_test(one_pod_a_node),
		cmocka_unit_test(pods_that_cannot),
		cmocka_unit_test(pods_not_read),
		cmocka_unit_test(containers),
		cmocka_unit_test(ways),
		cmocka_unit_test(chosen_targets),
		cmocka_unit_test(strict_sidecar),
		cmocka_unit_test(no_control),
		cmocka_unit_test(the_demo),
		cmocka_unit_test(companion_not_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
