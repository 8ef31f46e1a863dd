/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/restart_state.h"

#include <assert.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json_scan.h"
#include "base/mem.h"
#include "base/str.h"
#include "kube/rollout.h"

#define FIELD_MANAGER "moat"
#define LIMIT_MS (10 * 60 * 1000)
#define CONTROLLER_FIRST_MS (60 * 1000) /* after its deadline the controller itself gets to say that it gave up */
#define POLL_FIRST_MS 200
#define ERROR_MOST_MS 15000 /* between two tries while the server does not answer */
#define STALL_MS 3000 /* without progress, after which the pods are asked why */
#define TROUBLE_MS 5000 /* between two such questions */
#define WRITE_FIRST_MS 1000 /* before the second try, and so much more before each of the next */
#define TEMPLATE_ANNOTATIONS "spec.template.metadata.annotations"

void
restart_tell(struct restart *r)
{
	if (r->args.changed)
		r->args.changed(r->args.ctx, r);
}

void
restart_say(struct restart *r, size_t i, const char *fmt, ...)
{
	AUTO(buf) struct buf text = {0};
	va_list ap;

	va_start(ap, fmt);
	buf_addv(&text, fmt, ap);
	va_end(ap);
	buf_clear(&r->work[i].reason);
	buf_adds(&r->work[i].reason, buf_str(&text));
	r->steps[i].reason = buf_str(&r->work[i].reason);
}

/* ---- requests and waiting: one at a time */

static void
got_answer(void *ctx, const struct kube_answer *a)
{
	struct restart *r = ctx;

	r->call = NULL;
	r->answered(r, a);
}

void
restart_ask(struct restart *r, const struct kube_call_args *args,
	    void (*fn)(struct restart *r, const struct kube_answer *a))
{
	struct kube_call_args copy = *args;

	copy.ctx = r;
	copy.done = got_answer;
	r->answered = fn;
	r->call = kube_start(r->args.kube, &copy);
}

static void
time_passed(void *ctx)
{
	struct restart *r = ctx;

	r->elapsed(r);
}

void
restart_after(struct restart *r, int64_t ms, void (*fn)(struct restart *r))
{
	r->elapsed = fn;
	loop_timer_set(r->timer, ms);
}

void
restart_path(struct restart *r, struct buf *path)
{
	const struct restart_target *t = &restart_at(r)->target;

	resource_path(path, restart_work(r)->resource, t->namespace, t->name, NULL);
}

void
restart_get(struct restart *r, unsigned flags, void (*fn)(struct restart *r, const struct kube_answer *a))
{
	AUTO(buf) struct buf path = {0};

	restart_path(r, &path);
	restart_ask(r, &(struct kube_call_args){.path = buf_str(&path), .flags = flags}, fn);
}

bool
restart_parse(const struct kube_answer *a, struct arena *scratch, const struct node **out, struct err *e)
{
	struct node *root;

	if (!json_parse(scratch, "the server's answer", a->body, a->body_len, 1, NULL, &root, e))
		return false;
	*out = root;
	return node_str(node_path(root, "metadata.uid")) ||
	       err_set(e, ERR_SOURCE, 0, "the server's answer is no object");
}

/* The server gave no answer that means anything: no verdict on the workload. */
bool
restart_is_source_error(const struct kube_answer *a)
{
	return a->status == 0 || a->status == 401 || a->status == 429 || a->status >= 500 ||
	       (a->status < 300 && !a->ok);
}

/* ---- the restart of one */

static void run_next(struct restart *r);
static void poll_object(struct restart *r);

static void
end_step(struct restart *r, enum restart_step_state state)
{
	restart_at(r)->state = state;
	restart_at(r)->ended_ms = clock_ms();
	free(take(r->manifest));
	restart_tell(r);
}

/* The first failure ends it all: the ones behind it are not touched. */
void
restart_fail(struct restart *r)
{
	r->failed = true;
	end_step(r, RESTART_FAILED);
	for (size_t i = r->at + 1; i < r->n; i++) {
		if (r->steps[i].state != RESTART_PLANNED)
			continue;
		r->steps[i].state = RESTART_SKIPPED;
		restart_say(r, i, "not restarted: %s/%s failed", restart_at(r)->target.namespace,
			    restart_at(r)->target.name);
	}
	restart_finish(r);
}

void
restart_fail_with(struct restart *r, const char *reason)
{
	restart_say(r, r->at, "%s", reason);
	restart_fail(r);
}

void
restart_fail_answer(struct restart *r, const char *what, const struct kube_answer *a)
{
	if (restart_is_source_error(a))
		r->error = a->err;
	restart_say(r, r->at, "%s: %s", what, a->err.msg);
	restart_fail(r);
}

int64_t
restart_limit_ms(struct restart *r)
{
	if (r->args.limit_ms)
		return r->args.limit_ms;
	return restart_work(r)->deadline_ms ? restart_work(r)->deadline_ms + CONTROLLER_FIRST_MS : LIMIT_MS;
}

bool
restart_out_of_time(struct restart *r)
{
	return clock_ms() - r->progress_ms >= restart_limit_ms(r);
}

static void
poll_again(struct restart *r, int64_t most_ms)
{
	restart_after(r, r->wait_ms, poll_object);
	r->wait_ms = r->wait_ms * 2 < most_ms ? r->wait_ms * 2 : most_ms;
}

/* Lost connections, throttling, garbage: the rollout goes on in the cluster, so one looks again. */
static void
wait_through_error(struct restart *r, const struct kube_answer *a, const struct err *e)
{
	if (restart_out_of_time(r)) {
		r->error = *e;
		restart_say(r, r->at, "how it went is not known, the server gives no answer: %s", e->msg);
		restart_fail(r);
		return;
	}
	restart_say(r, r->at, "no answer, trying again: %s", e->msg);
	restart_tell(r);
	if (a->retry_after_ms > r->wait_ms)
		r->wait_ms = a->retry_after_ms < ERROR_MOST_MS ? a->retry_after_ms : ERROR_MOST_MS;
	poll_again(r, ERROR_MOST_MS);
}

bool
restart_same_object(struct restart *r, const struct node *object)
{
	return str_eq(node_str(node_path(object, "metadata.uid")), restart_work(r)->uid);
}

/*
 * GitOps tools apply the template as they know it and so take the annotation away: the workload rolls back to the pods
 * of before, or once more.
 */
static void
look_for_annotation(struct restart *r, const struct node *object)
{
	const char *value = node_get_str(node_path(object, TEMPLATE_ANNOTATIONS), ROLLOUT_ANNOTATION);
	int64_t ours, now;

	if (restart_at(r)->recreate)
		return;
	/* A later time is somebody's restart behind ours. */
	r->overruled = !value || (clock_parse(value, &now) && clock_parse(r->stamp, &ours) && now < ours);
}

static bool
better(int64_t now, int64_t *best)
{
	bool is = now > *best;

	if (is)
		*best = now;
	return is;
}

/* Progress is what was never reached before: a pod that starts and falls over again and again is none. */
static void
note_progress(struct restart *r, const struct node *object, const struct rollout *now)
{
	bool observed = node_int(node_path(object, "status.observedGeneration"), 0) >=
			node_int(node_path(object, "metadata.generation"), 0);
	bool more;

	restart_at(r)->desired = now->desired;
	restart_at(r)->updated = now->updated;
	restart_at(r)->available = now->available;
	if (!observed && !restart_at(r)->recreate)
		return;
	more = better(now->updated, &r->best_updated);
	more = better(now->available, &r->best_available) || more;
	more = better(-now->old, &r->least_old) || more;
	if (more)
		r->progress_ms = clock_ms();
	if (more && r->seen)
		buf_clear(&r->trouble); /* it was about what is over */
	r->seen = true;
}

static void
done_step(struct restart *r)
{
	if (r->overruled) {
		restart_fail_with(r,
				  "somebody took the restartedAt annotation away again, so that it rolled back or "
				  "twice: a GitOps "
				  "tool manages it; --field-manager with that tool's own name makes it stay");
		return;
	}
	end_step(r, RESTART_DONE);
	r->at++;
	run_next(r);
}

static void
settle(struct restart *r, const struct node *object)
{
	AUTO(buf) struct buf text = {0};
	struct rollout now = rollout_read(restart_at(r)->target.kind, object, &text);

	look_for_annotation(r, object);
	note_progress(r, object, &now);
	if (restart_at(r)->recreate) {
		buf_clear(&r->trouble);
		rollout_pod_trouble(object, &r->trouble);
	}
	if (now.state != ROLLOUT_DONE && r->trouble.len)
		buf_addf(&text, "; %s", buf_str(&r->trouble));
	restart_say(r, r->at, "%s", buf_str(&text));
	if (now.state == ROLLOUT_DONE) {
		done_step(r);
	} else if (now.state == ROLLOUT_FAILED) {
		restart_fail(r);
	} else if (restart_out_of_time(r)) {
		restart_say(r, r->at, "no progress for %" PRId64 " s: %s", restart_limit_ms(r) / 1000,
			    buf_str(&text));
		restart_fail(r);
	} else {
		restart_tell(r);
		poll_again(r, RESTART_POLL_MOST_MS);
	}
}

/* ---- why does it not go on? */

/* The pods are asked once it stalls, and before it is given up. The object is looked at again after it. */
static bool
wants_trouble(struct restart *r, const struct node *object)
{
	AUTO(buf) struct buf text = {0};
	struct rollout now = rollout_read(restart_at(r)->target.kind, object, &text);
	int64_t ms = clock_ms();

	if (now.state == ROLLOUT_DONE || restart_at(r)->recreate || ms - r->trouble_ms < TROUBLE_MS)
		return false;
	return now.state == ROLLOUT_FAILED || ms - r->progress_ms >= STALL_MS || restart_out_of_time(r);
}

static void
read_trouble(struct restart *r, const struct kube_answer *a)
{
	AUTO(arena) struct arena scratch = {0};
	struct node *pods;
	struct err e;

	/* Somebody who may not list pods goes without the reason. */
	if (a->ok && json_parse(&scratch, "the list of pods", a->body, a->body_len, 1, NULL, &pods, &e)) {
		buf_clear(&r->trouble);
		rollout_trouble(pods, &r->trouble);
	}
	poll_object(r);
}

static void
ask_trouble(struct restart *r, const struct node *object)
{
	AUTO(buf) struct buf path = {0}, selector = {0};

	rollout_selector(object, &selector);
	resource_path(&path, resource_by_kind("Pod"), restart_at(r)->target.namespace, NULL, NULL);
	resource_query(&path, "labelSelector", buf_str(&selector));
	resource_query(&path, "limit", "500");
	r->trouble_ms = clock_ms();
	restart_ask(r, &(struct kube_call_args){.path = buf_str(&path)}, read_trouble);
}

/* ---- waiting */

static void
poll_read(struct restart *r, const struct kube_answer *a)
{
	AUTO(arena) struct arena scratch = {0};
	const struct node *object;
	struct err e = a->err;

	if (a->status == 404) {
		restart_fail_with(r, "it was deleted meanwhile");
		return;
	}
	if (!a->ok || !restart_parse(a, &scratch, &object, &e)) {
		wait_through_error(r, a, &e);
		return;
	}
	if (r->wait_ms > RESTART_POLL_MOST_MS)
		r->wait_ms = RESTART_POLL_MOST_MS;
	if (!restart_same_object(r, object))
		restart_fail_with(r, "it was deleted meanwhile, and another one has its name");
	else if (!restart_at(r)->recreate && node_bool(node_path(object, "spec.paused"), false))
		restart_fail_with(r, "it was paused meanwhile");
	else if (wants_trouble(r, object))
		ask_trouble(r, object);
	else
		settle(r, object);
}

static void
poll_object(struct restart *r)
{
	restart_get(r, 0, poll_read);
}

void
restart_wait(struct restart *r)
{
	r->progress_ms = clock_ms();
	r->trouble_ms = r->progress_ms - TROUBLE_MS;
	r->wait_ms = POLL_FIRST_MS;
	r->seen = false;
	r->best_updated = r->best_available = -1;
	r->least_old = INT64_MIN;
	buf_clear(&r->trouble);
	poll_again(r, RESTART_POLL_MOST_MS);
}

/* ---- a rollout */

static void send_patch(struct restart *r);

/* An answer that is not the object with its new annotation proves nothing, whatever its status. */
static bool
is_patched(struct restart *r, const struct kube_answer *a, struct err *e)
{
	AUTO(arena) struct arena scratch = {0};
	const struct node *object;

	if (!restart_parse(a, &scratch, &object, e))
		return false;
	return str_eq(node_get_str(node_path(object, TEMPLATE_ANNOTATIONS), ROLLOUT_ANNOTATION), r->stamp) ||
	       err_set(e, ERR_SOURCE, 0, "the server's answer has not the annotation that it was to set");
}

/* Writes are done again by us, who know that the same twice is one: kube_start gives up where an answer has begun. */
bool
restart_write_again(struct restart *r, const char *what, const struct kube_answer *a, const struct err *e,
		    void (*fn)(struct restart *r))
{
	int64_t ms = (int64_t)WRITE_FIRST_MS * r->writes;

	if (r->writes >= RESTART_WRITE_TRIES || a->status == 401 || !(a->ok || restart_is_source_error(a)))
		return false;
	if (a->retry_after_ms > ms)
		ms = a->retry_after_ms < ERROR_MOST_MS ? a->retry_after_ms : ERROR_MOST_MS;
	restart_say(r, r->at, "%s: no answer, trying again: %s", what, e->msg);
	restart_after(r, ms, fn);
	restart_tell(r);
	return true;
}

static void
patched(struct restart *r, const struct kube_answer *a)
{
	struct err e = a->err;

	if (a->ok && is_patched(r, a, &e)) {
		restart_say(r, r->at, "patched");
		restart_wait(r);
		restart_tell(r);
	} else if (!restart_write_again(r, "patch", a, &e, send_patch)) {
		bool unknown = a->ok || restart_is_source_error(a);

		if (unknown)
			r->error = e;
		restart_say(r, r->at, "patch%s: %s", unknown ? ", which may have been done" : "", e.msg);
		restart_fail(r);
	}
}

/* A time that the template does not have yet: the same again would change nothing. */
static void
set_stamp(struct restart *r, const struct node *object)
{
	const char *before = node_get_str(node_path(object, TEMPLATE_ANNOTATIONS), ROLLOUT_ANNOTATION);
	int64_t now = clock_now();

	clock_format(now, r->stamp);
	if (str_eq(r->stamp, before))
		clock_format(now + 1, r->stamp);
}

static void
send_patch(struct restart *r)
{
	AUTO(buf) struct buf path = {0}, body = {0};

	r->writes++;
	restart_at(r)->written = true;
	restart_path(r, &path);
	resource_query(&path, "fieldManager", r->args.field_manager);
	buf_addf(&body, "{\"spec\":{\"template\":{\"metadata\":{\"annotations\":{\"%s\":\"%s\"}}}}}",
		 ROLLOUT_ANNOTATION, r->stamp);
	restart_ask(r,
		    &(struct kube_call_args){
			    .method = "PATCH",
			    .path = buf_str(&path),
			    .content_type = "application/strategic-merge-patch+json",
			    .body = body.data,
			    .body_len = body.len,
		    },
		    patched);
}

static void
patch_object(struct restart *r, const struct node *object)
{
	r->writes = 0;
	set_stamp(r, object);
	send_patch(r);
}

/* ---- one after another */

/* The yes may have come long after the plan. */
static void
run_read(struct restart *r, const struct kube_answer *a)
{
	AUTO(arena) struct arena scratch = {0};
	AUTO(buf) struct buf reason = {0};
	const struct node *object;
	struct err e = a->err;

	if (!a->ok || !restart_parse(a, &scratch, &object, &e)) {
		if (a->ok || restart_is_source_error(a))
			r->error = e;
		restart_fail_with(r, e.msg);
	} else if (!restart_same_object(r, object)) {
		restart_fail_with(r, "another one has its name since the plan was made");
	} else if (restart_object_refused(r, object, &reason)) {
		restart_fail_with(r, buf_str(&reason));
	} else if (restart_at(r)->recreate) {
		restart_pod(r, a);
	} else {
		patch_object(r, object);
	}
}

static void
run_next(struct restart *r)
{
	while (r->at < r->n && restart_at(r)->state != RESTART_PLANNED)
		r->at++;
	if (r->at == r->n) {
		restart_finish(r);
		return;
	}
	restart_at(r)->state = RESTART_RUNNING;
	restart_at(r)->started_ms = clock_ms();
	restart_say(r, r->at, "starting");
	restart_tell(r);
	restart_get(r, KUBE_RETRY, run_read);
}

/* The last thing that happens before control is given back: it may be freed in there. */
void
restart_finish(struct restart *r)
{
	r->args.done(r->args.ctx, r);
}

/* ---- offered */

static void
copy_args(struct restart *r, const struct restart_args *args)
{
	r->args = *args;
	r->args.targets = NULL;
	r->args.field_manager = arena_strdup(&r->arena, args->field_manager ? args->field_manager : FIELD_MANAGER);
	r->args.save_folder = arena_strdup(&r->arena, args->save_folder);
	r->n = args->n_targets;
	r->steps = ARENA_ARRAY(&r->arena, struct restart_step, r->n);
	r->work = ARENA_ARRAY(&r->arena, struct work, r->n);
	for (size_t i = 0; i < r->n; i++) {
		const struct restart_target *t = &args->targets[i];

		r->work[i].resource = resource_by_kind(t->kind);
		r->steps[i] = (struct restart_step){
			.target = {arena_strdup(&r->arena, t->kind), arena_strdup(&r->arena, t->namespace),
				   arena_strdup(&r->arena, t->name)},
			.state = RESTART_PLANNED,
			.reason = "",
			.desired = -1,
			.updated = -1,
			.available = -1,
			.started_ms = -1,
			.ended_ms = -1,
		};
	}
}

/* Begins on the loop: nothing is called back from inside restart_plan, however little there is to do. */
struct restart *
restart_plan(const struct restart_args *args)
{
	struct restart *r = mem_alloc(sizeof(*r));

	copy_args(r, args);
	r->timer = loop_add_timer(args->loop, time_passed, r);
	restart_after(r, 0, restart_plan_next);
	return r;
}

static bool
has_state(const struct restart *r, enum restart_step_state state)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->steps[i].state == state)
			return true;
	return false;
}

bool
restart_possible(const struct restart *r)
{
	return has_state(r, RESTART_PLANNED) && !has_state(r, RESTART_REFUSED);
}

const struct restart_step *
restart_steps(const struct restart *r, size_t *n)
{
	*n = r->n;
	return r->steps;
}

void
restart_go(struct restart *r)
{
	assert(!r->going && restart_possible(r) && !r->args.read_only);
	r->going = true;
	r->at = 0;
	restart_after(r, 0, run_next);
}

bool
restart_failed(const struct restart *r)
{
	return r->failed;
}

const struct err *
restart_error(const struct restart *r)
{
	return r->error.kind == ERR_NONE ? NULL : &r->error;
}

void
restart_free(struct restart *r)
{
	if (!r)
		return;
	kube_cancel(r->call);
	access_cancel(r->access);
	loop_timer_remove(r->timer);
	for (size_t i = 0; i < r->n; i++)
		buf_free(&r->work[i].reason);
	buf_free(&r->trouble);
	free(r->manifest);
	arena_free(&r->arena);
	free(r);
}
