/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "fleet/loading.h"
#include "fleet/sight_plan.h"
#include "tests/unit/fleet_fixture.h"

#define NOON INT64_C(1779364800) /* 2026-05-21T12:00:00Z: when the ConfigMap changed */
#define SINCE(at) "running: {startedAt: \"2026-05-21T" at "Z\"}"
#define WAITING "waiting: {reason: CrashLoopBackOff}"

static const char config_map[] =
	"apiVersion: v1\n"
	"kind: ConfigMap\n"
	"metadata:\n"
	"  name: config\n"
	"  uid: 11111111-1111-1111-1111-111111111111\n"
	"  creationTimestamp: \"2026-05-01T00:00:00Z\"\n"
	"  managedFields:\n"
	"  - {manager: kubectl, operation: Update, time: \"2026-05-21T12:00:00Z\", fieldsV1: {\"f:data\": {}}}\n"
	"data: {pipelock.yaml: \"fetch_proxy: {listen: '0.0.0.0:9000'}\"}\n";

static struct buf yaml;
static struct fleet *world;
static struct arena arena;
static struct sight_task *tasks;
static size_t n_tasks, left_out;

/* A bare pod that runs Pipelock: mounts stand in `mounts`, its command in `command`. */
static void
add_pod(const char *name, const char *command, const char *mounts, const char *state)
{
	buf_addf(&yaml,
		 "---\n"
		 "apiVersion: v1\n"
		 "kind: Pod\n"
		 "metadata: {name: %s, uid: uid-of-%s}\n"
		 "spec:\n"
		 "  containers:\n"
		 "  - {name: pipelock, image: \"pipelock:2.3.0\", ports: [{containerPort: 7000}], %s, "
		 "volumeMounts: [%s]}\n"
		 "  volumes: [{name: c, configMap: {name: config}}, {name: secret, secret: {secretName: s}}]\n"
		 "status:\n"
		 "  phase: Running\n"
		 "  containerStatuses:\n"
		 "  - {name: pipelock, ready: true, restartCount: 0, image: x, imageID: \"\", state: {%s}}\n",
		 name, name, command, mounts, state);
}

#define ARGS "args: [run, --config, /etc/pipelock/pipelock.yaml]"
#define DIRECTORY "{name: c, mountPath: /etc/pipelock}"
#define SUBPATH "{name: c, mountPath: /etc/pipelock/pipelock.yaml, subPath: pipelock.yaml}"

static void
plan(unsigned what, const struct evidence *have, size_t max)
{
	const struct workload **at;

	if (!world) {
		buf_adds(&yaml, "---\n");
		buf_adds(&yaml, config_map);
		world = fixture(buf_str(&yaml));
	}
	at = mem_array(world->n_workloads, sizeof(*at));
	for (size_t i = 0; i < world->n_workloads; i++)
		at[i] = &world->workloads[i];
	n_tasks = sight_plan_make(world, at, world->n_workloads, what, have, max, &arena, &tasks, &left_out);
	free(at);
}

static int
forget(void **state)
{
	(void)state;
	fleet_unref(world);
	world = NULL;
	buf_free(&yaml);
	arena_free(&arena);
	return 0;
}

static void
names_are(const char *wanted)
{
	AUTO(buf) struct buf names = {0};

	for (size_t i = 0; i < n_tasks; i++)
		buf_addf(&names, "%s%s", i ? " " : "", tasks[i].pod);
	assert_string_equal(buf_str(&names), wanted);
}

/* What started well after the change has loaded it; what does not run has loaded nothing. */
static void
logs_where_they_can_matter(void **state)
{
	(void)state;
	add_pod("a-current", ARGS, DIRECTORY, SINCE("12:02:00"));
	add_pod("b-follows", ARGS, DIRECTORY, SINCE("11:00:00"));
	add_pod("c-stale", ARGS, SUBPATH, SINCE("11:00:00"));
	add_pod("d-soon-after", ARGS, SUBPATH, SINCE("12:01:00"));
	add_pod("e-crashes", ARGS, DIRECTORY, WAITING);
	add_pod("f-secret", ARGS, "{name: secret, mountPath: /etc/pipelock}", SINCE("11:00:00"));
	add_pod("g-defaults", "args: [run]", DIRECTORY, SINCE("11:00:00"));
	plan(SIGHT_LOG_NEEDED, NULL, 0);
	names_are("c-stale b-follows d-soon-after");
	assert_int_equal(left_out, 0);
	assert_true(tasks[0].log && !tasks[0].file && !tasks[0].health);
	assert_string_equal(tasks[0].container, "pipelock");
	assert_string_equal(tasks[0].pod_uid, "uid-of-c-stale");
	assert_string_equal(tasks[0].workload.kind, "Pod");
	assert_int_equal(tasks[0].changed_at, NOON);
	assert_int_equal(tasks[0].started_at, NOON - 3600);
	plan(SIGHT_LOG_NEEDED, NULL, 2);
	names_are("c-stale b-follows");
	assert_int_equal(left_out, 1);
	plan(SIGHT_LOG, NULL, 0);
	names_are("c-stale b-follows d-soon-after f-secret g-defaults a-current");
}

static void
files_and_ports(void **state)
{
	(void)state;
	add_pod("a", ARGS, DIRECTORY, SINCE("12:02:00"));
	add_pod("b", "command: [/opt/bin/pipelock, run, --config, /etc/pipelock/pipelock.yaml]", SUBPATH,
		SINCE("12:02:00"));
	add_pod("c", ARGS, "{name: secret, mountPath: /etc/pipelock}", SINCE("12:02:00"));
	add_pod("d", "args: [run, --config, /pipelock.yaml]",
		"{name: c, mountPath: /pipelock.yaml, subPath: pipelock.yaml}", SINCE("12:02:00"));
	plan(SIGHT_FILE, NULL, 0);
	names_are("a b"); /* a Secret is nobody's to read, and all below the root is too much */
	assert_true(tasks[0].file && !tasks[0].log && !tasks[0].health);
	assert_string_equal(tasks[0].program, "/pipelock");
	assert_string_equal(tasks[0].config_path, "/etc/pipelock/pipelock.yaml");
	assert_string_equal(tasks[1].program, "/opt/bin/pipelock");
	plan(SIGHT_HEALTH, NULL, 0);
	names_are("c a b d");
	assert_int_equal(tasks[0].port, 7000); /* of a config that is not known */
	assert_int_equal(tasks[1].port, 9000);
	assert_null(tasks[0].program);
}

static const struct config_sighting *
seen(struct config_sighting s)
{
	static struct config_sighting out;

	out = s;
	out.workload = (struct workload_key){"a", "p", "Pod"};
	out.pod = "p";
	out.pod_uid = out.pod_uid ? out.pod_uid : "uid-of-p";
	out.container = "pipelock";
	if (!out.started_at)
		out.started_at = NOON - 3600;
	return &out;
}

#define HASH "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

/* What it is to say, a new sighting says as a whole: the log is read again for the sake of the file. */
static void
what_was_seen_is_not_looked_at_again(void **state)
{
	static const struct {
		struct config_sighting seen;
		bool log, both; /* looked at when the log is wanted, when log and file are */
	} cases[] = {
		{{.at = NOON + 60, .loaded_hash = HASH}, false, true},
		{{.at = NOON - 1, .loaded_hash = HASH, .file_hash = HASH}, true, true}, /* before the change */
		{{.at = NOON + 60, .loaded_hash = HASH, .started_at = NOON - 7200},
		 true,
		 true}, /* of an earlier start */
		{{.at = NOON + 60, .loaded_hash = HASH, .pod_uid = "other"}, true, true},
		{{.at = NOON + 60, .log_error = "cut", .loaded_hash = HASH}, true, true},
		{{.at = NOON + 60, .loaded_hash = HASH, .file_hash = HASH}, false, true}, /* it may be on its way */
		{{.at = NOON + LOADED_SETTLED, .loaded_hash = HASH, .file_hash = HASH}, false, false},
		{{.at = NOON + LOADED_SETTLED, .loaded_hash = HASH, .file_error = "x"}, false, true},
		{{.at = NOON + LOADED_SETTLED, .file_hash = HASH}, true, true},
	};

	(void)state;
	add_pod("p", ARGS, DIRECTORY, SINCE("11:00:00"));
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct evidence *have = evidence_add(
			NULL,
			&(struct evidence_parts){.has_logs = true, .configs = seen(cases[i].seen), .n_configs = 1});

		plan(SIGHT_LOG_NEEDED, have, 0);
		if ((n_tasks == 1) != cases[i].log)
			fail_msg("case %zu: the log", i);
		plan(SIGHT_LOG_NEEDED | SIGHT_FILE, have, 0);
		if ((n_tasks == 1) != cases[i].both || (n_tasks && !(tasks[0].log && tasks[0].file)))
			fail_msg("case %zu: log and file", i);
		evidence_unref(have);
	}
}

/* So many at once: those that could not be seen come when the others had their turn. */
static void
each_has_its_turn(void **state)
{
	const struct config_sighting failed = {.workload = {"a", "a", "Pod"},
					       .pod = "a",
					       .pod_uid = "uid-of-a",
					       .container = "pipelock",
					       .started_at = NOON - 3600,
					       .log_error = "forbidden",
					       .at = NOON + 60};
	struct evidence *have =
		evidence_add(NULL, &(struct evidence_parts){.has_logs = true, .configs = &failed, .n_configs = 1});

	(void)state;
	add_pod("a", ARGS, SUBPATH, SINCE("11:00:00"));
	add_pod("b", ARGS, DIRECTORY, SINCE("11:00:00"));
	plan(SIGHT_LOG_NEEDED, NULL, 0);
	names_are("a b");
	plan(SIGHT_LOG_NEEDED, have, 0);
	names_are("b a");
	evidence_unref(have);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(logs_where_they_can_matter, forget),
		cmocka_unit_test_teardown(files_and_ports, forget),
		cmocka_unit_test_teardown(what_was_seen_is_not_looked_at_again, forget),
		cmocka_unit_test_teardown(each_has_its_turn, forget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
