/* SPDX-License-Identifier: Apache-2.0 */
/* When the console looks at running Pipelocks, with a cluster whose logs say what a test wants. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "cli/lookout.h"
#include "cli/pending.h"
#include "fleet/proof.h"
#include "kube/sight.h"
#include "tests/unit/fleet_fixture.h"

static struct {
	struct loop *loop;
	struct lookout *lookout;
	struct notices *notices;
	struct fleet *fleet;
	struct pending pending;
	struct evidence *evidence;
	const char *hash; /* that all logs have; NULL: none is read */
	size_t looks, tasks, logs, files, healths, cancelled, rounds_done;
} t;

/* ---- kube/sight.c, as far as it is needed */

struct sight {
	struct sight_args args;
	struct loop_timer *timer;
};

static void
see(struct sight *s, const struct sight_task *task)
{
	struct config_sighting c = {
		.workload = task->workload,
		.pod = task->pod,
		.pod_uid = task->pod_uid,
		.container = task->container,
		.started_at = task->started_at,
		.loaded_hash = t.hash,
		.loaded_at = CLOCK_UNKNOWN,
		.at = clock_now(),
	};

	s->args.seen(s->args.ctx, &c, NULL);
}

static void
finish(void *ctx)
{
	struct sight *s = ctx;
	struct sight_args args = s->args;

	for (size_t i = 0; t.hash && i < args.n_tasks; i++)
		see(s, &args.tasks[i]);
	loop_timer_remove(s->timer);
	free(s);
	args.done(args.ctx);
}

struct sight *
sight_start(const struct sight_args *args)
{
	struct sight *s = mem_alloc(sizeof(*s));

	s->args = *args;
	s->timer = loop_add_timer(args->loop, finish, s);
	loop_timer_set(s->timer, 10);
	t.looks++;
	t.tasks += args->n_tasks;
	for (size_t i = 0; i < args->n_tasks; i++) {
		t.logs += args->tasks[i].log;
		t.files += args->tasks[i].file;
		t.healths += args->tasks[i].health;
	}
	return s;
}

void
sight_cancel(struct sight *s)
{
	if (!s)
		return;
	loop_timer_remove(s->timer);
	free(s);
	t.cancelled++;
}

/* ---- the watcher, likewise */

static struct fleet *
newest(void *ctx)
{
	(void)ctx;
	return t.fleet;
}

static void
prove(void)
{
	struct evidence *next = pending_fold(&t.pending, t.evidence);
	struct fleet_touched touched;
	struct fleet *proved;

	evidence_unref(t.evidence);
	t.evidence = next;
	proved = fleet_prove(t.fleet, next, &touched);
	fleet_touched_free(&touched);
	fleet_unref(t.fleet);
	t.fleet = proved;
}

static void
saw(void *ctx, const struct config_sighting *config, const struct health_sighting *health)
{
	(void)ctx;
	(void)health;
	if (!config) {
		t.rounds_done++;
		return;
	}
	pending_config(&t.pending, config);
	prove();
}

static void
news(void *ctx)
{
	(void)ctx;
}

static int
open_for(bool read_only)
{
	struct err e;

	memset(&t, 0, sizeof(t));
	t.loop = loop_new(&e);
	t.notices = notices_new();
	t.lookout = lookout_new(&(struct lookout_options){.loop = t.loop,
							  .read_only = read_only,
							  .notices = t.notices,
							  .fleet = newest,
							  .saw = saw,
							  .news = news});
	return 0;
}

static int
setup(void **state)
{
	(void)state;
	return open_for(false);
}

static int
setup_read_only(void **state)
{
	(void)state;
	return open_for(true);
}

static int
teardown(void **state)
{
	(void)state;
	lookout_free(t.lookout);
	notices_free(t.notices);
	pending_free(&t.pending);
	evidence_unref(t.evidence);
	fleet_unref(t.fleet);
	loop_free(t.loop);
	return 0;
}

static void
run_for(int64_t ms)
{
	int64_t until = clock_ms() + ms;
	struct err e;

	while (clock_ms() < until)
		loop_once(t.loop, 20, &e);
}

/* Until that much has been looked at. */
static void
run_until(const size_t *count, size_t wanted, int64_t ms)
{
	int64_t until = clock_ms() + ms;
	struct err e;

	while (*count < wanted && clock_ms() < until)
		loop_once(t.loop, 20, &e);
	assert_true(*count >= wanted);
}

/* n pods that run Pipelock with that config, started before it was changed, and an agent beside them. */
static void
make_fleet(size_t n, const char *config)
{
	AUTO(buf) struct buf yaml = {0};
	struct fleet *f;

	buf_addf(&yaml,
		 "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: config\n  managedFields:\n"
		 "  - {manager: kubectl, operation: Update, time: \"2026-05-21T12:00:00Z\", fieldsV1: {\"f:data\": "
		 "{}}}\n"
		 "data: {pipelock.yaml: \"%s\"}\n",
		 config);
	for (size_t i = 0; i < n; i++)
		buf_addf(
			&yaml,
			"---\napiVersion: v1\nkind: Pod\nmetadata: {name: companion-%zu, uid: u-%zu}\nspec:\n"
			"  containers:\n  - {name: pipelock, image: \"pipelock:2.3.0\", args: [run, --config, "
			"/etc/pipelock/pipelock.yaml, --listen, \"0.0.0.0:8888\"], ports: [{containerPort: 8888}], "
			"volumeMounts: [{name: c, mountPath: /etc/pipelock}]}\n"
			"  volumes: [{name: c, configMap: {name: config}}]\nstatus:\n  phase: Running\n"
			"  containerStatuses:\n  - {name: pipelock, ready: true, restartCount: 0, image: x, "
			"imageID: \"\", "
			"state: {running: {startedAt: \"2026-05-21T11:00:00Z\"}}}\n",
			i, i);
	f = fixture(buf_str(&yaml));
	fleet_unref(t.fleet);
	t.fleet = f;
	prove();
	lookout_fleet(t.lookout);
}

static struct workload_key
key_of(const char *name)
{
	struct workload_key k = {"a", name, "Pod"};

	return k;
}

static const char *
present_hash(void)
{
	return t.fleet->companions[0]->pipelock->config_hash;
}

/* Logs alone, so many at once, and not again for a while however often the fleet changes. */
static void
a_round_is_bounded(void **state)
{
	(void)state;
	make_fleet(250, "mode: balanced");
	run_until(&t.looks, 1, 5000);
	assert_int_equal(t.logs, 200);
	assert_int_equal(t.files + t.healths, 0);
	for (int i = 0; i < 5; i++) {
		lookout_fleet(t.lookout);
		run_for(300);
	}
	assert_int_equal(t.looks, 1);
	assert_int_equal(t.rounds_done, 0); /* fifty have not had their turn */
}

static void
what_is_known_is_not_asked_again(void **state)
{
	(void)state;
	make_fleet(3, "mode: balanced");
	t.hash = present_hash();
	run_until(&t.rounds_done, 1, 5000);
	assert_int_equal(t.logs, 3);
}

static void
the_screen_has_all_of_its_pipelock(void **state)
{
	struct workload_key k = key_of("companion-1");

	(void)state;
	make_fleet(3, "mode: balanced");
	lookout_look_at(t.lookout, &k);
	lookout_look_at(t.lookout, &k);
	run_until(&t.healths, 1, 900); /* before the round, which comes a second after the fleet */
	assert_int_equal(t.looks, 1);
	assert_int_equal(t.tasks, 1);
	assert_int_equal(t.logs, 1);
	assert_int_equal(t.files, 1);
	lookout_look_at(t.lookout, NULL);
	assert_int_equal(t.cancelled, 1);
}

/* A command in a container is no write, yet nothing that a read-only moat should be seen to do. */
static void
nothing_is_executed_read_only(void **state)
{
	struct workload_key k = key_of("companion-1");

	(void)state;
	make_fleet(3, "mode: balanced");
	lookout_look_at(t.lookout, &k);
	run_until(&t.healths, 1, 900);
	assert_int_equal(t.logs, 1);
	assert_int_equal(t.files, 0);
}

static void
assert_notice(enum style style, const char *part)
{
	struct app_notice n;

	assert_true(notices_take(t.notices, &n));
	assert_non_null(strstr(n.text, part));
	assert_int_equal(n.style, style);
	assert_false(notices_take(t.notices, &n));
}

/* The old one is no news, the new one is. */
static void
a_new_config_is_awaited(void **state)
{
	struct app_notice n;
	size_t logs;

	(void)state;
	make_fleet(1, "mode: balanced");
	t.hash = "old";
	run_until(&t.rounds_done, 1, 5000);
	make_fleet(1, "mode: strict");
	logs = t.logs;
	run_until(&t.logs, logs + 1, 6000);
	run_for(700);
	assert_false(notices_take(t.notices, &n));
	t.hash = present_hash();
	lookout_restarted(t.lookout, &(struct operation_target){"Pod", "a", "companion-0"});
	run_until(&t.logs, logs + 2, 6000);
	run_for(700);
	assert_notice(STYLE_OK, "a/companion-0 has come up with the present config");
}

/* Whoever runs no Pipelock is of no interest. */
static void
other_restarts_are_of_no_interest(void **state)
{
	(void)state;
	make_fleet(0, "mode: balanced");
	lookout_restarted(t.lookout, &(struct operation_target){"Deployment", "a", "web"});
	run_for(3000);
	assert_int_equal(t.looks, 0);
	assert_int_equal(t.rounds_done, 1); /* all that matters was read: nothing */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_round_is_bounded, setup, teardown),
		cmocka_unit_test_setup_teardown(nothing_is_executed_read_only, setup_read_only, teardown),
		cmocka_unit_test_setup_teardown(what_is_known_is_not_asked_again, setup, teardown),
		cmocka_unit_test_setup_teardown(the_screen_has_all_of_its_pipelock, setup, teardown),
		cmocka_unit_test_setup_teardown(a_new_config_is_awaited, setup, teardown),
		cmocka_unit_test_setup_teardown(other_restarts_are_of_no_interest, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
