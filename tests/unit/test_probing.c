/* SPDX-License-Identifier: Apache-2.0 */
/* The console's probing from the plan to its end, with a server that allows what a test wants and a prober of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "cli/probing.h"
#include "fake_kube.h"
#include "kube/prober.h"
#include "tests/unit/fleet_fixture.h"

#define REVIEWS "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
#define YES "{\"status\":{\"allowed\":true}}"
#define NO "{\"status\":{\"allowed\":false}}"

#define AGENT(ns, name, ready)                                                                              \
	"---\n{apiVersion: v1, kind: Pod, metadata: {namespace: " ns ", name: " name ", uid: " name         \
	"-u, labels: {moat.dev/role: agent}}, spec: {nodeName: n1, containers: [{name: main, image: i}]}, " \
	"status: {phase: Running, conditions: [{type: Ready, status: '" ready                               \
	"'}], containerStatuses: [{name: main, ready: true, restartCount: 0, image: i, imageID: '', "       \
	"state: {running: {startedAt: '2026-01-01T00:00:00Z'}}}]}}\n"

static const char agents[] =
	AGENT("a", "x", "True") AGENT("a", "y", "True") AGENT("b", "z", "True") AGENT("b", "sleeps", "False");

/* ---- kube/prober.c, as far as it is needed */

static struct {
	struct prober_args args;
	int started, cancelled;
} prober;

struct prober *
prober_start(const struct prober_args *args)
{
	prober.args = *args;
	prober.started++;
	return (struct prober *)&prober;
}

void
prober_cancel(struct prober *p)
{
	prober.cancelled += p != NULL;
}

static void
find(size_t job, enum probe p, enum probe_verdict v, enum probe_control c)
{
	const struct probe_job *j = &prober.args.jobs[job];

	prober.args.result(prober.args.ctx, &(struct probe_result){
						    .agent = j->agent,
						    .pod = j->pod,
						    .node = j->node,
						    .container = j->container,
						    .probe = p,
						    .target = "1.1.1.1:443",
						    .verdict = v,
						    .control = c,
						    .method = "bash",
						    .detail = "it is said why",
						    .against = j->against,
					    });
}

static void
find_all(size_t job, enum probe_verdict v)
{
	for (int p = 0; p < PROBES; p++)
		find(job, (enum probe)p, v, PROBE_CONTROL_OK);
}

/* ---- */

static struct {
	struct fleet *fleet;
	struct probing *probing;
	size_t results, changes, done;
} t;

static void
on_changed(void *ctx)
{
	(void)ctx;
	t.changes++;
}

static void
on_result(void *ctx, const struct probe_result *r)
{
	(void)ctx;
	(void)r;
	t.results++;
}

static void
on_done(void *ctx)
{
	(void)ctx;
	t.done++;
}

static int
setup(void **state)
{
	memset(&t, 0, sizeof(t));
	memset(&prober, 0, sizeof(prober));
	t.fleet = fixture(agents);
	return fake_open(state);
}

static int
teardown(void **state)
{
	probing_free(t.probing);
	fleet_unref(t.fleet);
	return fake_close(state);
}

static void
answer(const char *wants, const char *body)
{
	fake_rule((struct fake_rule){"POST", REVIEWS, 201, body, wants, 0});
}

static void
plan(const struct operation_target *at, size_t n, bool read_only)
{
	struct err e;

	t.probing = probing_plan(&(struct probing_args){
		.loop = fake.loop,
		.fleet = t.fleet,
		.agents = at,
		.n_agents = n,
		.parallel = 1,
		.read_only = read_only,
		.changed = on_changed,
		.result = on_result,
		.done = on_done,
	});
	assert_int_equal(t.done, 0);
	while (!t.done)
		assert_true(loop_once(fake.loop, 1000, &e));
}

static const struct operation_step *
step(size_t i)
{
	size_t n;
	const struct operation_step *at = probing_steps(t.probing, &n);

	assert_true(i < n);
	return &at[i];
}

static size_t
asked(void)
{
	size_t n = 0;

	for (const char *p = buf_str(&fake.log); (p = strstr(p, "POST ")) != NULL; p++)
		n++;
	return n;
}

static const struct operation_target x = {"Pod", "a", "x"}, y = {"Pod", "a", "y"}, z = {"Pod", "b", "z"};

/* Who may everywhere is asked two questions, however many namespaces there are. */
static void
a_plan(void **state)
{
	const struct operation_target at[] = {z, x, {"Pod", "b", "sleeps"}, {"Deployment", "a", "gone"}, x};

	(void)state;
	answer("\"exec\"", YES);
	plan(at, 5, false);
	assert_int_equal(asked(), 2);
	assert_true(probing_possible(t.probing));
	assert_int_equal(step(0)->state, OPERATION_STEP_PLANNED);
	assert_int_equal(step(0)->pods, 1);
	assert_non_null(strstr(step(0)->reason, "1.1.1.1:443 from 1 node"));
	assert_int_equal(step(1)->state, OPERATION_STEP_PLANNED);
	assert_int_equal(step(2)->state, OPERATION_STEP_SKIPPED);
	assert_true(*step(2)->reason);
	assert_int_equal(step(3)->state, OPERATION_STEP_SKIPPED);
	assert_string_equal(step(3)->reason, "it is no agent of the cluster (any more)");
	assert_int_equal(step(4)->state, OPERATION_STEP_SKIPPED);
	assert_string_equal(step(4)->reason, "it is in the list already");
	assert_int_equal(prober.started, 0);
}

/* Else namespace by namespace: one where it is forbidden is refused, the others go on. */
static void
what_is_not_allowed(void **state)
{
	const struct operation_target at[] = {x, y, z};

	(void)state;
	answer("\"namespace\":\"a\"", YES);
	answer("\"exec\"", NO);
	plan(at, 3, false);
	assert_int_equal(asked(), 2 + 4);
	assert_int_equal(step(0)->state, OPERATION_STEP_PLANNED);
	assert_int_equal(step(1)->state, OPERATION_STEP_PLANNED);
	assert_int_equal(step(2)->state, OPERATION_STEP_REFUSED);
	assert_non_null(strstr(step(2)->reason, "you are not allowed to get pods/exec in namespace b"));
	assert_true(probing_possible(t.probing));
	probing_go(t.probing);
	assert_int_equal(prober.args.n_jobs, 2);
}

static void
read_only(void **state)
{
	(void)state;
	plan(&x, 1, true);
	assert_int_equal(asked(), 0);
	assert_int_equal(step(0)->state, OPERATION_STEP_REFUSED);
	assert_string_equal(step(0)->reason, "moat is read-only");
	assert_false(probing_possible(t.probing));
}

static void
before_there_is_a_fleet(void **state)
{
	(void)state;
	fleet_unref(t.fleet);
	t.fleet = NULL;
	plan(&x, 1, false);
	assert_int_equal(step(0)->state, OPERATION_STEP_SKIPPED);
	assert_false(probing_possible(t.probing));
}

static void
begin(const struct operation_target *at, size_t n)
{
	answer("\"exec\"", YES);
	plan(at, n, false);
	t.done = 0;
	probing_go(t.probing);
	assert_int_equal(prober.started, 1);
}

static void
a_run(void **state)
{
	const struct operation_target at[] = {x, y, z};

	(void)state;
	begin(at, 3);
	assert_int_equal(step(0)->state, OPERATION_STEP_RUNNING);
	assert_int_equal(step(1)->state, OPERATION_STEP_PLANNED); /* one at a time */
	find(0, PROBE_RAW_TCP, PROBE_BLOCKED, PROBE_CONTROL_OK);
	assert_int_equal(step(0)->marks[PROBE_RAW_TCP], MARK_BLOCKED);
	assert_int_equal(step(0)->marks[PROBE_NO_PROXY], MARK_NONE);
	assert_string_equal(step(0)->reason, "1 of 4 attempts");
	for (int p = 1; p < PROBES; p++)
		find(0, (enum probe)p, PROBE_BLOCKED, PROBE_CONTROL_OK);
	assert_int_equal(step(0)->state, OPERATION_STEP_DONE);
	prober.args.job_done(prober.args.ctx, 1);
	assert_int_equal(step(1)->state, OPERATION_STEP_RUNNING);
	find_all(1, PROBE_OPEN);
	assert_int_equal(step(1)->state, OPERATION_STEP_FAILED);
	assert_int_equal(step(1)->marks[PROBE_DNS_TCP], MARK_OPEN);
	assert_string_equal(step(1)->reason, "raw-tcp is open on node n1: it is said why");
	prober.args.job_done(prober.args.ctx, 2);
	/* Blocked without a control is nothing that was seen. */
	for (int p = 0; p < PROBES; p++)
		find(2, (enum probe)p, PROBE_BLOCKED,
		     p == PROBE_ENV_CLEAR ? PROBE_CONTROL_FAILED : PROBE_CONTROL_OK);
	assert_int_equal(step(2)->state, OPERATION_STEP_FAILED);
	assert_int_equal(step(2)->marks[PROBE_ENV_CLEAR], MARK_INCONCLUSIVE);
	assert_string_equal(step(2)->reason, "env-clear proved nothing on node n1: it is said why");
	prober.args.done(prober.args.ctx, NULL);
	assert_int_equal(t.done, 1);
	assert_int_equal(t.results, 3 * PROBES);
	assert_true(probing_failed(t.probing));
	assert_null(probing_error(t.probing));
}

static void
all_blocked(void **state)
{
	(void)state;
	begin(&x, 1);
	find_all(0, PROBE_BLOCKED);
	prober.args.done(prober.args.ctx, NULL);
	assert_false(probing_failed(t.probing));
	assert_string_equal(step(0)->reason, "blocked on 1 node, controls good");
}

/* What came before the server went away stands; the rest has failed, with the reason. */
static void
a_server_that_goes_away(void **state)
{
	const struct operation_target at[] = {x, y};
	struct err e;

	(void)state;
	begin(at, 2);
	find_all(0, PROBE_BLOCKED);
	err_set(&e, ERR_SOURCE, 0, "connection refused");
	prober.args.done(prober.args.ctx, &e);
	assert_int_equal(step(0)->state, OPERATION_STEP_DONE);
	assert_int_equal(step(1)->state, OPERATION_STEP_FAILED);
	assert_string_equal(step(1)->reason, "connection refused");
	assert_string_equal(probing_error(t.probing), "connection refused");
	assert_int_equal(prober.cancelled, 0);
}

static void
broken_off(void **state)
{
	(void)state;
	begin(&x, 1);
	probing_free(t.probing);
	t.probing = NULL;
	assert_int_equal(prober.cancelled, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_plan, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_not_allowed, setup, teardown),
		cmocka_unit_test_setup_teardown(read_only, setup, teardown),
		cmocka_unit_test_setup_teardown(before_there_is_a_fleet, setup, teardown),
		cmocka_unit_test_setup_teardown(a_run, setup, teardown),
		cmocka_unit_test_setup_teardown(all_blocked, setup, teardown),
		cmocka_unit_test_setup_teardown(a_server_that_goes_away, setup, teardown),
		cmocka_unit_test_setup_teardown(broken_off, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
