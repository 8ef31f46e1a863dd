/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The console's history on its thread: what is handed over is written, what is there comes back, what fails is
 * told once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <cmocka.h>

#include "audit/audit.h"
#include "base/clock.h"
#include "base/loop.h"
#include "cli/archive.h"
#include "decode/files.h"
#include "store/probes.h"
#include "store/runs.h"
#include "store/sightings.h"
#include "tests/unit/folder.h"

#define PATIENCE_MS 10000

static const char agents[] = "apiVersion: v1\nkind: Namespace\nmetadata: {name: kube-system, uid: u-1}\n---\n"
			     "apiVersion: v1\nkind: Pod\nmetadata: {name: scout, namespace: a, labels: "
			     "{moat.dev/role: agent}}\nspec: {containers: [{name: c, image: i}]}\n";

static struct {
	char *path;
	struct fleet *fleet;
	struct loop *loop;
	struct loop_wake *wake;
	struct notices *notices;
	struct archive *archive;
	struct history_copy *copy;
} t;

static void
arrived(void *ctx)
{
	struct history_copy *c = archive_take(t.archive);

	(void)ctx;
	if (!c)
		return;
	history_copy_unref(t.copy);
	t.copy = c;
}

static void
on_news(void *ctx)
{
	(void)ctx;
	loop_wake_up(t.wake);
}

static struct fleet *
fleet_of(const char *yaml)
{
	struct object_set set = {0};
	struct fleet_input in = {
		.objects = &set,
		.source = {.type = SOURCE_CLUSTER, .context = "prod", .server = "https://c", .address = "c"}};
	struct fleet *f;
	struct err e;

	if (!files_read_memory("fleet.yaml", yaml, strlen(yaml), "default", &set, &e))
		fail_msg("%s", e.msg);
	f = fleet_new(&in);
	object_set_free(&set);
	return f;
}

static void
begin(void)
{
	struct err e;

	t.archive =
		archive_new(&(struct archive_options){.path = t.path, .notices = t.notices, .news = on_news}, &e);
	if (!t.archive)
		fail_msg("%s", e.msg);
}

static int
setup(void **state)
{
	struct err e;

	if (folder_make(state))
		return -1;
	memset(&t, 0, sizeof(t));
	t.path = folder_path("moat.db");
	t.fleet = fleet_of(agents);
	t.loop = loop_new(&e);
	t.wake = loop_add_wake(t.loop, arrived, NULL);
	t.notices = notices_new();
	begin();
	return 0;
}

static int
teardown(void **state)
{
	archive_free(t.archive);
	history_copy_unref(t.copy);
	notices_free(t.notices);
	loop_wake_remove(t.wake);
	loop_free(t.loop);
	fleet_unref(t.fleet);
	free(t.path);
	return folder_remove(state);
}

/* One that was read after now. */
static const struct history_copy *
read_copy(int64_t run)
{
	int64_t until = clock_ms() + PATIENCE_MS;
	struct err e;

	history_copy_unref(t.copy);
	t.copy = NULL;
	archive_read(t.archive, t.fleet, run);
	while (!t.copy) {
		if (clock_ms() > until)
			fail_msg("nothing was read");
		loop_once(t.loop, 100, &e);
	}
	return t.copy;
}

static bool
next_notice(struct app_notice *out, int64_t ms)
{
	int64_t until = clock_ms() + ms;
	struct err e;

	while (!notices_take(t.notices, out)) {
		if (clock_ms() > until)
			return false;
		loop_once(t.loop, 50, &e);
	}
	return true;
}

static struct probe_result
result(enum probe p, int64_t at)
{
	return (struct probe_result){
		.agent = {.namespace = "a", .name = "scout", .kind = "Pod"},
		.pod = "scout",
		.node = "n1",
		.container = "c",
		.probe = p,
		.target = "1.1.1.1:443",
		.method = "bash",
		.detail = "no route",
		.at = at,
		.against = "abc",
	};
}

static void
an_empty_history_is_no_failure(void **state)
{
	const struct history_copy *c = read_copy(0);
	struct app_notice n;
	struct stat st;

	(void)state;
	assert_null(c->view.error);
	assert_false(c->view.loading);
	assert_string_equal(c->view.path, t.path);
	assert_int_equal(c->view.n_runs, 0);
	assert_null(c->view.last);
	assert_null(c->baseline.name);
	assert_false(notices_take(t.notices, &n));
	assert_int_equal(stat(t.path, &st), -1); /* to look makes no file */
}

static void
probes_are_written_and_come_back(void **state)
{
	struct probe_result both[] = {result(PROBE_RAW_TCP, 1000), result(PROBE_NO_PROXY, 1001)};
	const struct history_copy *c;

	(void)state;
	read_copy(0);
	archive_probes(t.archive, both, 2);
	c = read_copy(0);
	assert_int_equal(c->n_probes, 2);
	assert_string_equal(c->probes[1].detail, "no route");
	assert_int_equal(c->probes[1].at, 1001);
}

/* The oldest on the left. */
static void
probings_are_a_strip(void **state)
{
	struct probe_result r = result(PROBE_RAW_TCP, 1000);
	const struct history_copy *c;

	(void)state;
	read_copy(0);
	archive_probes(t.archive, &r, 1);
	r.at = 100000;
	r.verdict = PROBE_OPEN;
	archive_probes(t.archive, &r, 1);
	c = read_copy(0);
	assert_int_equal(c->view.n_strips, 1);
	assert_string_equal(c->view.strips[0].agent.name, "scout");
	assert_int_equal(c->view.strips[0].of[PROBE_RAW_TCP].n, 2);
	assert_int_equal(c->view.strips[0].of[PROBE_RAW_TCP].marks[0], MARK_BLOCKED);
	assert_int_equal(c->view.strips[0].of[PROBE_RAW_TCP].marks[1], MARK_OPEN);
	assert_int_equal(c->view.strips[0].of[PROBE_RAW_TCP].at, 100000);
	assert_int_equal(c->view.strips[0].of[PROBE_DNS_TCP].n, 0);
	assert_int_equal(c->view.strips[0].of[PROBE_DNS_TCP].at, CLOCK_UNKNOWN);
}

/* What is handed over before the end is there after it. */
static void
the_end_writes_what_is_left(void **state)
{
	struct probe_result r = result(PROBE_RAW_TCP, 1000);

	(void)state;
	read_copy(0);
	for (int i = 0; i < 50; i++) {
		r.at = 1000 + i;
		archive_probes(t.archive, &r, 1);
	}
	archive_free(t.archive);
	begin();
	assert_int_equal(read_copy(0)->probes[0].at, 1049);
}

static unsigned
begin_restart(const char *name, int64_t at)
{
	return archive_begin(t.archive, &(struct action){
						.at = at,
						.duration_ms = -1,
						.who = "admin@prod",
						.what = "restart",
						.target = {"a", name, "Deployment"},
						.outcome = "begun",
						.detail = "",
					});
}

/* Each end finds its beginning, in whatever order they come. */
static void
actions_begin_and_end(void **state)
{
	const struct history_copy *c;
	unsigned first, second;

	(void)state;
	read_copy(0);
	first = begin_restart("x", 1000);
	second = begin_restart("y", 1001);
	archive_end(t.archive, second, "failed", "CrashLoopBackOff", 500);
	c = read_copy(0);
	assert_int_equal(c->view.n_actions, 2);
	assert_string_equal(c->view.actions[0].target.name, "y");
	assert_string_equal(c->view.actions[0].outcome, "failed");
	assert_string_equal(c->view.actions[0].detail, "CrashLoopBackOff");
	assert_int_equal(c->view.actions[0].duration_ms, 500);
	assert_string_equal(c->view.actions[1].outcome, "begun");
	assert_int_equal(c->view.actions[1].duration_ms, -1);
	archive_end(t.archive, first, "done", "2 of 2 pods updated", 900);
	c = read_copy(0);
	assert_string_equal(c->view.actions[1].target.name, "x");
	assert_string_equal(c->view.actions[1].outcome, "done");
	assert_string_equal(c->view.actions[1].who, "admin@prod");
	assert_int_equal(c->view.actions[1].at, 1000);
}

static void
sightings_are_kept(void **state)
{
	struct config_sighting seen = {
		.workload = {"a", "fw", "Deployment"},
		.pod = "fw-1",
		.pod_uid = "u",
		.container = "pipelock",
		.started_at = 900,
		.loaded_hash = "abc",
		.loaded_at = 901,
		.at = 1000,
	};
	AUTO(arena) struct arena texts = {0};
	struct config_sighting *at;
	AUTO(db) struct db *d = NULL;
	struct err e;
	size_t n;

	(void)state;
	read_copy(0);
	archive_sightings(t.archive, &seen, 1);
	read_copy(0);
	d = db_open(&(struct db_options){.path = t.path, .use = DB_READ}, &e);
	assert_true(d && sightings_last(d, t.fleet, &texts, &at, &n, &e));
	assert_int_equal(n, 1);
	assert_string_equal(at[0].loaded_hash, "abc");
}

static void
keep_run(const char *yaml)
{
	struct fleet *f = fleet_of(yaml);
	struct audit *a = audit_new(f, NULL, 1000);
	struct run_scope scope = {.fleet = f};
	struct err e = {0};
	struct db *d = db_open(&(struct db_options){.path = t.path, .use = DB_WRITE}, &e);
	int64_t id;

	if (!d || !runs_write(d, &scope, a, &id, &e))
		fail_msg("%s", e.msg);
	db_close(d);
	audit_unref(a);
	fleet_unref(f);
}

/* Another moat's runs: the last is what to compare with, and each has what is different in it. */
static void
runs_of_others_are_seen(void **state)
{
	static const char fewer[] =
		"apiVersion: v1\nkind: Namespace\nmetadata: {name: kube-system, uid: u-1}\n---\n"
		"apiVersion: v1\nkind: Pod\nmetadata: {name: other, namespace: a, labels: "
		"{moat.dev/role: agent}}\nspec: {containers: [{name: c, image: i}]}\n";
	const struct history_copy *c;

	(void)state;
	keep_run(agents);
	c = read_copy(0);
	assert_null(c->view.error);
	assert_int_equal(c->view.n_runs, 1);
	assert_non_null(c->view.last);
	assert_int_equal(c->view.last->id, 1);
	assert_true(c->view.source > 0);
	assert_true(c->baseline.n > 0);
	keep_run(fewer);
	c = read_copy(2);
	assert_int_equal(c->view.n_runs, 2);
	assert_int_equal(c->view.runs[0].id, 2);
	assert_int_equal(c->view.last->id, 2);
	assert_int_equal(c->view.changes_of, 2);
	assert_true(c->view.n_changes > 1);
	assert_int_equal(c->view.changes[0].kind, HISTORY_NEW);
	assert_string_equal(c->view.changes[0].after->object, "other");
	assert_int_equal(c->view.changes[c->view.n_changes - 1].kind, HISTORY_FIXED);
	for (size_t i = 1; i < c->view.n_changes; i++) {
		const struct history_change *x = &c->view.changes[i - 1], *y = &c->view.changes[i];

		assert_true(x->kind < y->kind || (x->after ? x->after : x->before)->severity >=
							 (y->after ? y->after : y->before)->severity);
	}
	/* One that is not there (any more) has none. */
	c = read_copy(77);
	assert_null(c->view.error);
	assert_int_equal(c->view.changes_of, 77);
	assert_int_equal(c->view.n_changes, 0);
}

/* Told once, however often it fails; nobody waits for it. */
static void
a_history_that_cannot_be_written_is_told_once(void **state)
{
	struct probe_result r = result(PROBE_RAW_TCP, 1000);
	AUTO(free) char *file = folder_file("file", "");
	AUTO(free) char *path = mem_printf("%s/moat.db", file);
	struct app_notice n;
	int64_t start;

	(void)state;
	archive_free(t.archive);
	free(t.path);
	t.path = take(path);
	begin();
	start = clock_ms();
	archive_read(t.archive, t.fleet, 0);
	for (int i = 0; i < 20; i++)
		archive_probes(t.archive, &r, 1);
	assert_true(clock_ms() - start < 100);
	assert_true(next_notice(&n, PATIENCE_MS));
	assert_int_equal(n.style, STYLE_BAD);
	assert_non_null(strstr(n.text, "is not in the history: "));
	assert_false(next_notice(&n, 300));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_empty_history_is_no_failure, setup, teardown),
		cmocka_unit_test_setup_teardown(probes_are_written_and_come_back, setup, teardown),
		cmocka_unit_test_setup_teardown(probings_are_a_strip, setup, teardown),
		cmocka_unit_test_setup_teardown(the_end_writes_what_is_left, setup, teardown),
		cmocka_unit_test_setup_teardown(actions_begin_and_end, setup, teardown),
		cmocka_unit_test_setup_teardown(sightings_are_kept, setup, teardown),
		cmocka_unit_test_setup_teardown(runs_of_others_are_seen, setup, teardown),
		cmocka_unit_test_setup_teardown(a_history_that_cannot_be_written_is_told_once, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
