/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/reader.h"
#include "fake_kube.h"
#include "kube/restart.h"
#include "tests/unit/folder.h"

#define REVIEWS "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
#define OF(kinds, name) "/apis/apps/v1/namespaces/a/" kinds "/" name
#define POD "/api/v1/namespaces/a/pods/x"
#define PODS "/api/v1/namespaces/a/pods"
#define STAMP "\"annotations\":{\"kubectl.kubernetes.io/restartedAt\":\"2026-01-02T03:04:05Z\"}"

/* Three replicas, after the patch: `status` is what is behind observedGeneration. */
#define DEPLOYMENT(template, generation, status)                                                                  \
	"{\"metadata\":{\"uid\":\"u1\",\"generation\":" #generation "},\"spec\":{\"replicas\":3,"                 \
	"\"selector\":{\"matchLabels\":{\"app\":\"x\"},\"matchExpressions\":[{\"key\":\"t\",\"operator\":\"In\"," \
	"\"values\":[\"p\",\"q\"]}]},\"template\":{\"metadata\":{" template "}}},\"status\":{" status "}}"
#define IDLE \
	DEPLOYMENT("", 1, "\"observedGeneration\":1,\"replicas\":3,\"updatedReplicas\":3,\"availableReplicas\":3")
#define UNSEEN               \
	DEPLOYMENT(STAMP, 2, \
		   "\"observedGeneration\":1,\"replicas\":3,\"updatedReplicas\":3,\"availableReplicas\":3")
#define HALF                 \
	DEPLOYMENT(STAMP, 2, \
		   "\"observedGeneration\":2,\"replicas\":4,\"updatedReplicas\":1,\"availableReplicas\":3")
#define OLD                  \
	DEPLOYMENT(STAMP, 2, \
		   "\"observedGeneration\":2,\"replicas\":4,\"updatedReplicas\":3,\"availableReplicas\":3")
#define WHOLE                \
	DEPLOYMENT(STAMP, 2, \
		   "\"observedGeneration\":2,\"replicas\":3,\"updatedReplicas\":3,\"availableReplicas\":3")

struct run {
	struct restart *r;
	int done, changes;
};

static char *save_folder;

static int
make_folders(void **state)
{
	int status = folder_make(state);

	save_folder = folder_path("deep/saved");
	return status;
}

static int
remove_folders(void **state)
{
	free(save_folder);
	return folder_remove(state);
}

static void
changed(void *ctx, struct restart *r)
{
	(void)r;
	((struct run *)ctx)->changes++;
}

static void
done(void *ctx, struct restart *r)
{
	(void)r;
	((struct run *)ctx)->done++;
}

static void
get(const char *path, const char *body, int times)
{
	fake_rule((struct fake_rule){"GET", path, 200, body, NULL, times});
}

static void
allow(void)
{
	fake_rule((struct fake_rule){"POST", REVIEWS, 201, "{\"status\":{\"allowed\":true}}", NULL, 0});
}

static void
patch(const char *path, const char *body)
{
	fake_rule((struct fake_rule){"PATCH", path, 200, body, NULL, 0});
}

static void
wait_for(struct run *run, int calls)
{
	struct err e;

	while (run->done < calls)
		assert_true(loop_once(fake.loop, 5000, &e));
}

static void
plan_with(struct run *run, struct restart_args args)
{
	args.loop = fake.loop;
	args.ctx = run;
	args.changed = changed;
	args.done = done;
	args.save_folder = save_folder;
	if (!args.limit_ms)
		args.limit_ms = 300;
	run->r = restart_plan(&args);
	assert_int_equal(run->done, 0);
	wait_for(run, 1);
}

static void
plan_one(struct run *run, const char *kind)
{
	struct restart_target target = {kind, "a", "x"};

	plan_with(run, (struct restart_args){.targets = &target, .n_targets = 1});
}

static const struct restart_step *
step(const struct run *run, size_t i)
{
	size_t n;
	const struct restart_step *steps = restart_steps(run->r, &n);

	assert_true(i < n);
	return &steps[i];
}

static void
go(struct run *run)
{
	assert_true(restart_possible(run->r));
	restart_go(run->r);
	wait_for(run, 2);
}

static void
assert_has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("\"%s\" has no \"%s\"", text, part);
}

static size_t
requests(const char *start)
{
	size_t n = 0;

	for (const char *p = buf_str(&fake.log); (p = strstr(p, start)); p++)
		n++;
	return n;
}

/* ---- plans */

static void
refused(const char *kind, const char *path, const char *object, const char *reason)
{
	struct run run = {0};

	if (path)
		get(path, object, 1);
	plan_one(&run, kind);
	assert_int_equal(step(&run, 0)->state, RESTART_REFUSED);
	assert_has(step(&run, 0)->reason, reason);
	assert_false(restart_possible(run.r));
	restart_free(run.r);
}

static void
test_what_is_refused(void **state)
{
	(void)state;
	allow();
	refused("Deployment", OF("deployments", "x"), "{\"metadata\":{\"uid\":\"u\"},\"spec\":{\"paused\":true}}",
		"paused");
	refused("Deployment", OF("deployments", "x"),
		"{\"metadata\":{\"uid\":\"u\",\"deletionTimestamp\":\"2026-01-01T00:00:00Z\"},\"spec\":{}}",
		"being deleted");
	refused("Deployment", NULL, NULL, "there is no Deployment x in namespace a");
	refused("DaemonSet", OF("daemonsets", "x"),
		"{\"metadata\":{\"uid\":\"u\"},\"spec\":{\"updateStrategy\":{\"type\":\"OnDelete\"}}}", "OnDelete");
	refused("StatefulSet", OF("statefulsets", "x"),
		"{\"metadata\":{\"uid\":\"u\"},\"spec\":{\"updateStrategy\":{\"type\":\"OnDelete\"}}}", "OnDelete");
	refused("StatefulSet", OF("statefulsets", "x"),
		"{\"metadata\":{\"uid\":\"u\"},\"spec\":{\"replicas\":2,"
		"\"updateStrategy\":{\"rollingUpdate\":{\"partition\":2}}}}",
		"partition 2");
	refused("Job", NULL, NULL, "its next run");
	refused("CronJob", NULL, NULL, "its next run");
	refused("ReplicaSet", NULL, NULL, "ReplicaSet");
	refused("Rollout", NULL, NULL, "another controller");
	refused("Pod", POD, "{\"metadata\":{\"uid\":\"u\"},\"spec\":{}}", "--recreate");
	refused("Pod", POD,
		"{\"metadata\":{\"uid\":\"u\",\"ownerReferences\":[{\"kind\":\"ReplicaSet\",\"name\":\"x-1\","
		"\"controller\":true}]},\"spec\":{}}",
		"ReplicaSet x-1");
	assert_int_equal(requests("PATCH"), 0);
}

static void
test_read_only_asks_nobody(void **state)
{
	struct restart_target target = {"Deployment", "a", "x"};
	struct run run = {0};

	(void)state;
	plan_with(&run, (struct restart_args){.targets = &target, .n_targets = 1, .read_only = true});
	assert_int_equal(step(&run, 0)->state, RESTART_REFUSED);
	assert_has(step(&run, 0)->reason, "read-only");
	assert_int_equal(fake.log.len, 0);
	restart_free(run.r);
}

static void
test_names_that_are_paths(void **state)
{
	static const char *const names[] = {"", "..", "../x", "a/b", "A", "-x", "x?y", "\x1b"};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		struct restart_target target = {"Deployment", "a", names[i]};
		struct run run = {0};

		plan_with(&run, (struct restart_args){.targets = &target, .n_targets = 1});
		assert_int_equal(step(&run, 0)->state, RESTART_REFUSED);
		restart_free(run.r);
	}
	assert_int_equal(fake.log.len, 0);
}

static void
test_permissions_are_asked(void **state)
{
	struct restart_target targets[] = {
		{"Deployment", "a", "x"}, {"Deployment", "a", "y"}, {"Deployment", "a", "x"}};
	struct run run = {0};

	(void)state;
	get(OF("deployments", "x"), IDLE, 0);
	get(OF("deployments", "y"), IDLE, 0);
	fake_rule((struct fake_rule){"POST", REVIEWS, 201,
				     "{\"status\":{\"allowed\":false,\"reason\":\"no rule\"}}", "\"name\":\"x\"",
				     0});
	fake_rule((struct fake_rule){"POST", REVIEWS, 500, "webhook", "\"name\":\"y\"", 0});
	plan_with(&run, (struct restart_args){.targets = targets, .n_targets = 3});
	assert_int_equal(step(&run, 0)->state, RESTART_REFUSED);
	assert_has(step(&run, 0)->reason, "not allowed to patch deployments in namespace a: no rule");
	assert_int_equal(step(&run, 1)->state, RESTART_PLANNED);
	assert_has(step(&run, 1)->reason, "not known");
	assert_int_equal(step(&run, 1)->desired, 3);
	assert_int_equal(step(&run, 2)->state, RESTART_REFUSED);
	assert_has(step(&run, 2)->reason, "already");
	assert_false(restart_possible(run.r));
	assert_null(restart_error(run.r));
	restart_free(run.r);
}

static const char *
no_y(void *ctx, const struct restart_target *t)
{
	(void)ctx;
	return strcmp(t->name, "y") == 0 ? "it would not come up again" : NULL;
}

/* Who asks knows more of an object than it says itself: nobody is asked about it any more. */
static void
test_what_else_is_known_refuses(void **state)
{
	struct restart_target targets[] = {{"Deployment", "a", "x"}, {"Deployment", "a", "y"}};
	struct run run = {0};

	(void)state;
	get(OF("deployments", "x"), IDLE, 0);
	allow();
	plan_with(&run, (struct restart_args){.targets = targets, .n_targets = 2, .refusal = no_y});
	assert_int_equal(step(&run, 0)->state, RESTART_PLANNED);
	assert_int_equal(step(&run, 1)->state, RESTART_REFUSED);
	assert_string_equal(step(&run, 1)->reason, "it would not come up again");
	assert_false(restart_possible(run.r));
	restart_free(run.r);
}

static void
test_a_server_that_does_not_answer(void **state)
{
	struct restart_target targets[] = {{"Deployment", "a", "x"}, {"Deployment", "a", "y"}};
	struct run run = {0};

	(void)state;
	fake_rule((struct fake_rule){"GET", OF("deployments", "x"), 0, NULL, NULL, 0});
	plan_with(&run, (struct restart_args){.targets = targets, .n_targets = 2});
	assert_non_null(restart_error(run.r));
	assert_has(restart_error(run.r)->msg, "connection refused");
	assert_int_equal(step(&run, 1)->state, RESTART_REFUSED);
	assert_int_equal(requests("GET"), 1);
	restart_free(run.r);
}

/* ---- rollouts */

static void
test_a_rollout(void **state)
{
	struct run run = {0};

	(void)state;
	allow();
	get(OF("deployments", "x"), IDLE, 2);
	get(OF("deployments", "x"), UNSEEN, 1);
	get(OF("deployments", "x"), HALF, 1);
	get(OF("deployments", "x"), OLD, 1);
	get(OF("deployments", "x"), WHOLE, 0);
	patch(OF("deployments", "x"), UNSEEN);
	plan_one(&run, "Deployment");
	assert_int_equal(step(&run, 0)->state, RESTART_PLANNED);
	assert_int_equal(requests("PATCH"), 0);
	go(&run);
	assert_int_equal(step(&run, 0)->state, RESTART_DONE);
	assert_has(step(&run, 0)->reason, "3 of 3 pods updated and available");
	assert_false(restart_failed(run.r));
	assert_true(step(&run, 0)->ended_ms >= step(&run, 0)->started_ms);
	assert_int_equal(requests("PATCH"), 1);
	assert_has(buf_str(&fake.log),
		   "PATCH " OF("deployments", "x") "?fieldManager=moat "
						   "{\"spec\":{\"template\":{\"metadata\":{\"annotations\":{"
						   "\"kubectl.kubernetes.io/restartedAt\":\"2026-");
	assert_true(run.changes >= 4);
	restart_free(run.r);
}

static void
test_lost_answers_are_waited_through(void **state)
{
	struct restart_target target = {"Deployment", "a", "x"};
	struct run run = {0};

	(void)state;
	allow();
	get(OF("deployments", "x"), IDLE, 2);
	fake_rule((struct fake_rule){"GET", OF("deployments", "x"), 0, NULL, NULL, 1});
	fake_rule((struct fake_rule){"GET", OF("deployments", "x"), 403, "for a moment", NULL, 1});
	get(OF("deployments", "x"), "<html>", 1);
	get(OF("deployments", "x"), WHOLE, 0);
	patch(OF("deployments", "x"), UNSEEN);
	plan_with(&run, (struct restart_args){.targets = &target,
					      .n_targets = 1,
					      .limit_ms = 20000,
					      .field_manager = "flux-client-side-apply"});
	go(&run);
	assert_int_equal(step(&run, 0)->state, RESTART_DONE);
	assert_has(buf_str(&fake.log), "?fieldManager=flux-client-side-apply ");
	restart_free(run.r);
}

static void
failed(const char *poll, const char *reason)
{
	struct run run = {0};

	fake.n_rules = 0;
	allow();
	get(OF("deployments", "x"), IDLE, 2);
	if (poll)
		get(OF("deployments", "x"), poll, 0);
	patch(OF("deployments", "x"), UNSEEN);
	get(PODS,
	    "{\"items\":[{\"metadata\":{\"name\":\"old\",\"creationTimestamp\":\"2026-01-01T00:00:00Z\"},"
	    "\"status\":{"
	    "\"containerStatuses\":[{\"name\":\"c\",\"state\":{\"waiting\":{\"reason\":\"ErrImagePull\"}}}]}},"
	    "{\"metadata\":{\"name\":\"new\",\"creationTimestamp\":\"2026-01-02T00:00:00Z\"},\"status\":{"
	    "\"containerStatuses\":[{\"name\":\"c\",\"state\":{\"waiting\":{\"reason\":\"CrashLoopBackOff\","
	    "\"message\":\"back-off\\u001b[2J\"}}}]}}]}",
	    0);
	plan_one(&run, "Deployment");
	go(&run);
	assert_int_equal(step(&run, 0)->state, RESTART_FAILED);
	assert_has(step(&run, 0)->reason, reason);
	assert_null(strchr(step(&run, 0)->reason, '\x1b'));
	assert_true(restart_failed(run.r));
	restart_free(run.r);
}

static void
test_what_fails(void **state)
{
	(void)state;
	failed(HALF, "no progress for 0 s: 1 of 3 pods updated; pod new: container c: CrashLoopBackOff, "
		     "back-off\\x1b[2J");
	assert_has(buf_str(&fake.log), PODS "?labelSelector=app%3Dx%2Ct%20in%20%28p%2Cq%29&limit=500");
	failed(DEPLOYMENT(
		       STAMP, 2,
		       "\"observedGeneration\":2,\"updatedReplicas\":1,\"conditions\":[{\"type\":\"Progressing\","
		       "\"status\":\"False\",\"reason\":\"ProgressDeadlineExceeded\"}]"),
	       "ProgressDeadlineExceeded), 1 of 3 pods updated; pod new: container c: CrashLoopBackOff");
	failed(DEPLOYMENT(
		       STAMP, 2,
		       "\"observedGeneration\":2,\"conditions\":[{\"type\":\"ReplicaFailure\",\"status\":\"True\","
		       "\"message\":\"exceeded quota\"}]"),
	       "exceeded quota");
	failed(NULL, "deleted meanwhile");
	failed("{\"metadata\":{\"uid\":\"u2\"},\"spec\":{}}", "another one has its name");
	failed("{\"metadata\":{\"uid\":\"u1\"},\"spec\":{\"paused\":true}}", "paused meanwhile");
	failed(DEPLOYMENT("", 3,
			  "\"observedGeneration\":3,\"replicas\":3,\"updatedReplicas\":3,\"availableReplicas\":3"),
	       "--field-manager");
}

static void
test_the_first_failure_ends_it(void **state)
{
	struct restart_target targets[] = {
		{"Deployment", "a", "w"}, {"Deployment", "a", "x"}, {"Deployment", "a", "y"}};
	struct run run = {0};

	(void)state;
	allow();
	get(OF("deployments", "w"), IDLE, 2);
	get(OF("deployments", "w"), WHOLE, 0);
	get(OF("deployments", "x"), IDLE, 0);
	get(OF("deployments", "y"), IDLE, 0);
	patch(OF("deployments", "w"), UNSEEN);
	fake_rule((struct fake_rule){"PATCH", OF("deployments", "x"), 422, "invalid", NULL, 0});
	plan_with(&run, (struct restart_args){.targets = targets, .n_targets = 3});
	go(&run);
	assert_int_equal(step(&run, 0)->state, RESTART_DONE);
	assert_int_equal(step(&run, 1)->state, RESTART_FAILED);
	assert_has(step(&run, 1)->reason, "invalid");
	assert_int_equal(step(&run, 2)->state, RESTART_SKIPPED);
	assert_has(step(&run, 2)->reason, "a/x failed");
	assert_int_equal(requests("PATCH"), 2);
	assert_null(restart_error(run.r));
	restart_free(run.r);
}

static void
test_a_patch_that_was_not_done(void **state)
{
	static const char *const answers[] = {"<html>", IDLE, "{\"metadata\":{}}"};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(answers); i++) {
		struct run run = {0};

		fake.n_rules = 0;
		buf_clear(&fake.log);
		allow();
		get(OF("deployments", "x"), IDLE, 2);
		get(OF("deployments", "x"), WHOLE, 0);
		fake_rule((struct fake_rule){"PATCH", OF("deployments", "x"), 200, answers[i], NULL, 1});
		patch(OF("deployments", "x"), UNSEEN);
		plan_one(&run, "Deployment");
		go(&run);
		assert_int_equal(step(&run, 0)->state, RESTART_DONE);
		assert_int_equal(requests("PATCH"), 2); /* the same twice is one restart */
		restart_free(run.r);
	}
}

static void
test_changed_after_the_plan(void **state)
{
	struct run run = {0};

	(void)state;
	allow();
	get(OF("deployments", "x"), IDLE, 1);
	get(OF("deployments", "x"), "{\"metadata\":{\"uid\":\"u1\"},\"spec\":{\"paused\":true}}", 0);
	plan_one(&run, "Deployment");
	go(&run);
	assert_int_equal(step(&run, 0)->state, RESTART_FAILED);
	assert_has(step(&run, 0)->reason, "paused");
	assert_int_equal(requests("PATCH"), 0);
	restart_free(run.r);
}

static void
test_freed_at_any_time(void **state)
{
	(void)state;
	allow();
	get(OF("deployments", "x"), IDLE, 0);
	patch(OF("deployments", "x"), UNSEEN);
	for (int rounds = 0; rounds < 12; rounds++) {
		struct restart_target target = {"Deployment", "a", "x"};
		struct run run = {0};
		struct err e;
		bool going = false;

		run.r = restart_plan(&(struct restart_args){.loop = fake.loop,
							    .targets = &target,
							    .n_targets = 1,
							    .ctx = &run,
							    .changed = changed,
							    .done = done});
		for (int i = 0; i < rounds; i++) {
			assert_true(loop_once(fake.loop, 300, &e));
			if (run.done && !going)
				restart_go(run.r);
			going = run.done;
		}
		restart_free(run.r);
		assert_int_equal(fake.under_way, 0);
	}
	restart_free(NULL);
}

/* ---- other kinds: what counts as done */

#define SET(spec, status)                                                                                      \
	"{\"metadata\":{\"uid\":\"u1\",\"generation\":2},\"spec\":{" spec "\"template\":{\"metadata\":{" STAMP \
	"}}},\"status\":{\"observedGeneration\":2," status "}}"

static void
rollout(const char *kind, const char *path, const char *object, enum restart_step_state state, const char *reason)
{
	struct run run = {0};

	fake.n_rules = 0;
	allow();
	get(path, "{\"metadata\":{\"uid\":\"u1\"},\"spec\":{}}", 2); /* for the plan, and before the patch */
	get(path, object, 0);
	patch(path, object);
	plan_one(&run, kind);
	go(&run);
	assert_int_equal(step(&run, 0)->state, state);
	assert_has(step(&run, 0)->reason, reason);
	restart_free(run.r);
}

static void
test_stateful_sets(void **state)
{
	static const char path[] = OF("statefulsets", "x");

	(void)state;
	rollout("StatefulSet", path,
		SET("\"replicas\":2,", "\"readyReplicas\":2,\"availableReplicas\":2,\"updatedReplicas\":1"),
		RESTART_FAILED, "1 of 2 pods updated");
	rollout("StatefulSet", path,
		SET("\"replicas\":2,", "\"readyReplicas\":1,\"availableReplicas\":1,\"updatedReplicas\":2"),
		RESTART_FAILED, "1 of 2 pods available");
	rollout("StatefulSet", path,
		SET("\"replicas\":2,", "\"readyReplicas\":2,\"availableReplicas\":2,\"updatedReplicas\":2,"
				       "\"currentRevision\":\"a\",\"updateRevision\":\"b\""),
		RESTART_FAILED, "new revision");
	rollout("StatefulSet", path,
		SET("\"replicas\":2,", "\"readyReplicas\":2,\"availableReplicas\":2,\"updatedReplicas\":2,"
				       "\"currentRevision\":\"b\",\"updateRevision\":\"b\""),
		RESTART_DONE, "2 of 2 pods");
	rollout("StatefulSet", path,
		SET("\"replicas\":3,\"updateStrategy\":{\"rollingUpdate\":{\"partition\":2}},",
		    "\"readyReplicas\":3,\"availableReplicas\":3,\"updatedReplicas\":1,"
		    "\"currentRevision\":\"a\",\"updateRevision\":\"b\""),
		RESTART_DONE, "1 of 3 pods updated and available (partition 2");
}

static void
test_daemon_sets(void **state)
{
	static const char path[] = OF("daemonsets", "x");

	(void)state;
	rollout("DaemonSet", path,
		SET("", "\"desiredNumberScheduled\":2,\"updatedNumberScheduled\":1,\"numberAvailable\":2"),
		RESTART_FAILED, "1 of 2 pods updated");
	rollout("DaemonSet", path,
		SET("", "\"desiredNumberScheduled\":2,\"updatedNumberScheduled\":2,\"numberAvailable\":1"),
		RESTART_FAILED, "1 of 2 new pods available");
	rollout("DaemonSet", path,
		SET("", "\"desiredNumberScheduled\":2,\"updatedNumberScheduled\":2,\"numberAvailable\":2"),
		RESTART_DONE, "2 of 2 pods");
}

/* ---- bare pods */

#define LIVE_POD                                                                                                   \
	"{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"x\",\"namespace\":\"a\",\"uid\":\"u1\"," \
	"\"resourceVersion\":\"7\",\"creationTimestamp\":\"2026-01-01T00:00:00Z\",\"managedFields\":[],"           \
	"\"labels\":"                                                                                              \
	"{\"l\":\"v\"}},\"spec\":{\"nodeName\":\"n1\",\"priority\":0,\"containers\":[{\"name\":\"c\","             \
	"\"env\":[{\"name\":\"E\",\"value\":\"v\"}]}]},\"status\":{\"phase\":\"Running\",\"conditions\":[{"        \
	"\"type\":"                                                                                                \
	"\"Ready\",\"status\":\"True\"}]}}"
#define ENDING_POD "{\"metadata\":{\"uid\":\"u1\",\"deletionTimestamp\":\"2026-01-02T03:04:05Z\"}}"
#define NEW_POD(status) \
	"{\"kind\":\"Pod\",\"metadata\":{\"name\":\"x\",\"uid\":\"u2\"},\"spec\":{},\"status\":{" status "}}"
#define READY "\"phase\":\"Running\",\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\"}]"

static void
plan_pod(struct run *run)
{
	struct restart_target target = {"Pod", "a", "x"};

	allow();
	fake_rule((struct fake_rule){"DELETE", POD, 200, "{}", "\"preconditions\":{\"uid\":\"u1\"}", 0});
	plan_with(run,
		  (struct restart_args){.targets = &target, .n_targets = 1, .recreate = true, .limit_ms = 9000});
	assert_true(step(run, 0)->recreate);
}

static void
assert_saved(const struct restart_step *s)
{
	AUTO(buf) struct buf text = {0};
	struct stat st;
	struct err e;

	assert_non_null(s->saved);
	assert_int_equal(stat(s->saved, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_true(reader_slurp(s->saved, 100000, &text, &e));
	assert_has(buf_str(&text), "\"value\": \"v\"");
	assert_null(strstr(buf_str(&text), "nodeName"));
	assert_null(strstr(buf_str(&text), "status"));
	assert_null(strstr(buf_str(&text), "uid"));
	assert_null(strstr(buf_str(&text), "priority"));
	assert_null(strstr(buf_str(&text), "resourceVersion"));
	unlink(s->saved);
}

static void
test_a_pod_is_created_again(void **state)
{
	struct run run = {0};

	(void)state;
	get(POD, LIVE_POD, 2); /* for the plan, and before */
	get(POD, ENDING_POD, 1);
	fake_rule((struct fake_rule){"GET", POD, 404, "gone", NULL, 1});
	get(POD, NEW_POD("\"phase\":\"Pending\""), 1);
	get(POD, NEW_POD(READY), 0);
	fake_rule((struct fake_rule){"POST", PODS, 201, NEW_POD(""), "\"l\"", 0});
	plan_pod(&run);
	go(&run);
	assert_int_equal(step(&run, 0)->state, RESTART_DONE);
	assert_has(step(&run, 0)->reason, "ready");
	assert_saved(step(&run, 0));
	assert_int_equal(requests("DELETE"), 1);
	assert_int_equal(requests("POST " PODS), 1);
	assert_has(buf_str(&fake.log), "\"verb\":\"delete\"");
	assert_has(buf_str(&fake.log), "\"verb\":\"create\"");
	restart_free(run.r);
}

static void
test_a_lost_answer_makes_no_second_pod(void **state)
{
	struct run run = {0};

	(void)state;
	get(POD, LIVE_POD, 2);
	fake_rule((struct fake_rule){"GET", POD, 404, "gone", NULL, 1});
	get(POD, NEW_POD(READY), 0);
	fake_rule((struct fake_rule){"POST", PODS, 0, NULL, NULL, 0});
	plan_pod(&run);
	go(&run);
	assert_int_equal(step(&run, 0)->state, RESTART_DONE);
	assert_int_equal(requests("POST " PODS), 1);
	unlink(step(&run, 0)->saved);
	restart_free(run.r);
}

static void
test_a_deletion_whose_answer_was_lost(void **state)
{
	struct run run = {0};

	(void)state;
	fake_rule((struct fake_rule){"DELETE", POD, 0, NULL, NULL,
				     1}); /* not heard: it is still there, and not ending */
	fake_rule((struct fake_rule){"DELETE", POD, 503, "busy", NULL, 1}); /* heard, whatever it says */
	get(POD, LIVE_POD, 3);
	get(POD, ENDING_POD, 1);
	fake_rule((struct fake_rule){"GET", POD, 404, "gone", NULL, 1});
	get(POD, NEW_POD(READY), 0);
	fake_rule((struct fake_rule){"POST", PODS, 201, NEW_POD(""), "\"l\"", 0});
	plan_pod(&run);
	go(&run);
	assert_int_equal(step(&run, 0)->state, RESTART_DONE);
	assert_int_equal(requests("DELETE " POD), 2);
	unlink(step(&run, 0)->saved);
	restart_free(run.r);
}

static void
test_another_pod_of_that_name_is_left_alone(void **state)
{
	struct run run = {0};

	(void)state;
	get(POD, LIVE_POD, 2);
	get(POD, NEW_POD(READY), 0);
	plan_pod(&run);
	go(&run);
	assert_int_equal(step(&run, 0)->state, RESTART_FAILED);
	assert_has(step(&run, 0)->reason, "somebody else");
	assert_int_equal(requests("POST " PODS), 0);
	unlink(step(&run, 0)->saved);
	restart_free(run.r);
}

static void
test_a_pod_that_cannot_come_back(void **state)
{
	struct run run = {0};

	(void)state;
	get(POD, LIVE_POD, 2);
	fake_rule((struct fake_rule){"GET", POD, 404, "gone", NULL, 0});
	fake_rule((struct fake_rule){"POST", PODS, 403, "exceeded quota", NULL, 0});
	plan_pod(&run);
	go(&run);
	assert_int_equal(step(&run, 0)->state, RESTART_FAILED);
	assert_has(step(&run, 0)->reason, "exceeded quota; kubectl create -f ");
	assert_has(step(&run, 0)->reason, save_folder);
	assert_saved(step(&run, 0));
	restart_free(run.r);
}

static void
test_nothing_is_deleted_that_was_not_saved(void **state)
{
	struct run run = {0};
	char *before = save_folder;

	(void)state;
	save_folder = "/proc/moat"; /* where nobody can write */
	get(POD, LIVE_POD, 0);
	plan_pod(&run);
	go(&run);
	save_folder = before;
	assert_int_equal(step(&run, 0)->state, RESTART_FAILED);
	assert_has(step(&run, 0)->reason, "/proc/moat");
	assert_int_equal(requests("DELETE"), 0);
	restart_free(run.r);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fake_open, fake_close)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_what_is_refused),
		TEST(test_read_only_asks_nobody),
		TEST(test_names_that_are_paths),
		TEST(test_permissions_are_asked),
		TEST(test_what_else_is_known_refuses),
		TEST(test_a_server_that_does_not_answer),
		TEST(test_a_rollout),
		TEST(test_lost_answers_are_waited_through),
		TEST(test_what_fails),
		TEST(test_the_first_failure_ends_it),
		TEST(test_a_patch_that_was_not_done),
		TEST(test_changed_after_the_plan),
		TEST(test_freed_at_any_time),
		TEST(test_stateful_sets),
		TEST(test_daemon_sets),
		TEST(test_a_pod_is_created_again),
		TEST(test_a_lost_answer_makes_no_second_pod),
		TEST(test_a_deletion_whose_answer_was_lost),
		TEST(test_another_pod_of_that_name_is_left_alone),
		TEST(test_a_pod_that_cannot_come_back),
		TEST(test_nothing_is_deleted_that_was_not_saved),
	};

	setenv("MOAT_NOW", "2026-01-02T03:04:05Z", 1);
	return cmocka_run_group_tests(tests, make_folders, remove_folders);
}
