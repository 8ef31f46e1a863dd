/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/restart.h"

#include <assert.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/json_scan.h"
#include "base/mem.h"
#include "base/str.h"
#include "kube/access.h"
#include "kube/recreate.h"
#include "kube/resource.h"
#include "kube/rollout.h"

#define FIELD_MANAGER "moat"
#define LIMIT_MS (10 * 60 * 1000)
#define CONTROLLER_FIRST_MS (60 * 1000) /* after its deadline the controller itself gets to say that it gave up */
#define POLL_FIRST_MS 200
#define POLL_MOST_MS 2000
#define ERROR_MOST_MS 15000 /* between two tries while the server does not answer */
#define STALL_MS 3000 /* without progress, after which the pods are asked why */
#define TROUBLE_MS 5000 /* between two such questions */
#define WRITE_TRIES 8
#define WRITE_FIRST_MS 1000 /* before the second try, and so much more before each of the next */
#define TEMPLATE_ANNOTATIONS "spec.template.metadata.annotations"

/* What is known of a step beside what is shown. */
struct work {
	const struct resource *resource;
	struct buf reason; /* the step's */
	const char *uid; /* of the object that was planned for */
	int64_t deadline_ms; /* of its controller; 0: none */
};

struct restart {
	struct restart_args args; /* strings are copies */
	struct arena arena;
	struct restart_step *steps;
	struct work *work;
	size_t n;
	size_t at; /* the one being looked at or restarted */

	struct kube_call *call; /* the one under way */
	void (*answered)(struct restart *r, const struct kube_answer *a);
	struct loop_timer *timer;
	void (*elapsed)(struct restart *r);

	struct access *access;
	struct access_question *questions;
	size_t *asked_by; /* the step of each question */
	size_t n_questions;

	bool going, failed;
	struct err error; /* ERR_NONE, or why the server gave no answer */

	/* Of the step that runs. */
	char stamp[24]; /* what the annotation was set to */
	char *manifest; /* of the pod that is created again */
	unsigned writes; /* PATCHes or POSTs sent */
	bool seen; /* the controller has taken the patch up: counts are about it */
	bool overruled; /* somebody took the annotation away */
	int64_t best_updated, best_available, least_old;
	int64_t progress_ms, trouble_ms; /* clock_ms of the last progress, and of the last look at the pods */
	int64_t wait_ms; /* before the next look */
	struct buf trouble; /* why it stalls */
};

static struct restart_step *
step(struct restart *r)
{
	return &r->steps[r->at];
}

static struct work *
work(struct restart *r)
{
	return &r->work[r->at];
}

static void
changed(struct restart *r)
{
	if (r->args.changed)
		r->args.changed(r->args.ctx, r);
}

static void set_reason(struct restart *r, size_t i, const char *fmt, ...) PRINTF(3, 4);

static void
set_reason(struct restart *r, size_t i, const char *fmt, ...)
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

static void
start(struct restart *r, const struct kube_call_args *args,
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

static void
after(struct restart *r, int64_t ms, void (*fn)(struct restart *r))
{
	r->elapsed = fn;
	loop_timer_set(r->timer, ms);
}

static void
object_path(struct restart *r, struct buf *path)
{
	const struct restart_target *t = &step(r)->target;

	resource_path(path, work(r)->resource, t->namespace, t->name, NULL);
}

static void
get_object(struct restart *r, unsigned flags, void (*fn)(struct restart *r, const struct kube_answer *a))
{
	AUTO(buf) struct buf path = {0};

	object_path(r, &path);
	start(r, &(struct kube_call_args){.path = buf_str(&path), .flags = flags}, fn);
}

static bool
parse(const struct kube_answer *a, struct arena *scratch, const struct node **out, struct err *e)
{
	struct node *root;

	if (!json_parse(scratch, "the server's answer", a->body, a->body_len, 1, NULL, &root, e))
		return false;
	*out = root;
	return node_str(node_path(root, "metadata.uid")) ||
	       err_set(e, ERR_SOURCE, 0, "the server's answer is no object");
}

/* The server gave no answer that means anything: no verdict on the workload. */
static bool
is_source_error(const struct kube_answer *a)
{
	return a->status == 0 || a->status == 401 || a->status == 429 || a->status >= 500 ||
	       (a->status < 300 && !a->ok);
}

/* ---- the plan */

static void
refuse(struct restart *r, size_t i, const char *reason)
{
	r->steps[i].state = RESTART_REFUSED;
	set_reason(r, i, "%s", reason);
}

/* Kubernetes' names and nothing else go into a path. */
static bool
valid_name(const char *name)
{
	size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-.");

	return len && len < 254 && !name[len] && *name != '.' && *name != '-';
}

static bool
same_target(const struct restart_target *a, const struct restart_target *b)
{
	return str_eq(a->kind, b->kind) && str_eq(a->namespace, b->namespace) && str_eq(a->name, b->name);
}

/* What can be refused without asking anybody; NULL for nothing. */
static const char *
refused_unseen(const struct restart *r, size_t i)
{
	const struct restart_target *t = &r->steps[i].target;
	const char *reason = rollout_kind_refused(t->kind);

	if (r->args.read_only)
		return "moat is read-only";
	if (reason && *reason)
		return reason;
	if (!valid_name(t->name) || !valid_name(t->namespace))
		return "no object can have that name";
	for (size_t k = 0; k < i; k++)
		if (same_target(t, &r->steps[k].target))
			return "it is in the list already";
	return NULL;
}

static void finish(struct restart *r);
static void plan_next(struct restart *r);

static const char *
bare_pod_refused(const struct restart *r)
{
	if (!r->args.recreate)
		return "nothing recreates a bare pod: --recreate saves its manifest, deletes it and creates it "
		       "again";
	return r->args.save_folder ? NULL : "there is no folder to save its manifest in";
}

static bool
object_refused(struct restart *r, const struct node *object, struct buf *reason)
{
	const char *kind = step(r)->target.kind;

	if (rollout_kind(kind))
		return rollout_refused(kind, object, reason);
	if (rollout_pod_refused(object, reason))
		return true;
	if (bare_pod_refused(r))
		buf_adds(reason, bare_pod_refused(r));
	return reason->len;
}

static void
plan_object(struct restart *r, const struct node *object)
{
	AUTO(buf) struct buf text = {0};
	struct rollout now;

	if (object_refused(r, object, &text)) {
		refuse(r, r->at, buf_str(&text));
		return;
	}
	now = rollout_read(step(r)->target.kind, object, &text);
	step(r)->desired = now.desired;
	step(r)->updated = now.updated;
	step(r)->available = now.available;
	step(r)->recreate = !rollout_kind(step(r)->target.kind);
	work(r)->uid = arena_strdup(&r->arena, node_str(node_path(object, "metadata.uid")));
	work(r)->deadline_ms = rollout_deadline_ms(object);
	if (step(r)->recreate)
		set_reason(r, r->at, "saved, deleted and created again");
	else if (now.state != ROLLOUT_DONE)
		set_reason(r, r->at, "as it is now: %s", buf_str(&text));
}

/* A server that does not answer does not for the others either. */
static void
plan_broken(struct restart *r, const struct err *e)
{
	r->error = *e;
	for (size_t i = r->at; i < r->n; i++)
		refuse(r, i, i == r->at ? e->msg : "not looked at: the server did not answer");
	finish(r);
}

static void
plan_read(struct restart *r, const struct kube_answer *a)
{
	const struct restart_target *t = &step(r)->target;
	AUTO(arena) struct arena scratch = {0};
	const struct node *object;
	struct err e = a->err;

	if (a->ok ? !parse(a, &scratch, &object, &e) : is_source_error(a)) {
		plan_broken(r, &e);
		return;
	}
	if (a->ok) {
		plan_object(r, object);
	} else if (a->status == 404) {
		AUTO(free)
		char *reason = mem_printf("there is no %s %s in namespace %s", t->kind, t->name, t->namespace);

		refuse(r, r->at, reason);
	} else {
		refuse(r, r->at, e.msg);
	}
	r->at++;
	plan_next(r);
}

/* ---- what is allowed */

struct permission {
	const char *verb;
	bool recreate; /* for a pod that is created again; else for a rollout */
};

static const struct permission permissions[] = {
	{"patch", false},
	{"delete", true},
	{"create", true},
};

static void
permissions_asked(void *ctx)
{
	struct restart *r = ctx;

	r->access = NULL;
	for (size_t i = 0; i < r->n_questions; i++) {
		const struct access_question *q = &r->questions[i];
		struct restart_step *s = &r->steps[r->asked_by[i]];

		if (q->answer == ACCESS_YES || s->state != RESTART_PLANNED)
			continue;
		if (q->answer == ACCESS_NO)
			s->state = RESTART_REFUSED;
		set_reason(r, r->asked_by[i], "%s %s %s in namespace %s%s%s",
			   q->answer == ACCESS_NO ? "you are not allowed to" : "it is not known whether you may",
			   q->verb, q->resource, q->namespace, q->reason ? ": " : "", q->reason ? q->reason : "");
	}
	finish(r);
}

static void
ask_permissions(struct restart *r)
{
	r->questions = ARENA_ARRAY(&r->arena, struct access_question, r->n * COUNT_OF(permissions));
	r->asked_by = ARENA_ARRAY(&r->arena, size_t, r->n * COUNT_OF(permissions));
	for (size_t i = 0; i < r->n; i++) {
		for (size_t k = 0; r->steps[i].state == RESTART_PLANNED && k < COUNT_OF(permissions); k++) {
			if (permissions[k].recreate != r->steps[i].recreate)
				continue;
			r->asked_by[r->n_questions] = i;
			r->questions[r->n_questions++] = (struct access_question){
				.verb = permissions[k].verb,
				.group = r->work[i].resource->group,
				.resource = r->work[i].resource->plural,
				.namespace = r->steps[i].target.namespace,
				/* create is never asked by name: no object of that name is there to grant it on */
				.name = str_eq(permissions[k].verb, "create") ? NULL : r->steps[i].target.name,
			};
		}
	}
	if (!r->n_questions) {
		finish(r);
		return;
	}
	r->access = access_ask(&(struct access_args){
		.kube = r->args.kube,
		.at = r->questions,
		.n = r->n_questions,
		.arena = &r->arena,
		.ctx = r,
		.done = permissions_asked,
	});
}

static void
plan_next(struct restart *r)
{
	for (; r->at < r->n; r->at++) {
		const char *reason = refused_unseen(r, r->at);

		if (!reason) {
			get_object(r, KUBE_RETRY, plan_read);
			return;
		}
		refuse(r, r->at, reason);
	}
	ask_permissions(r);
}

/* ---- the restart of one */

static void run_next(struct restart *r);
static void poll_object(struct restart *r);

static void
end_step(struct restart *r, enum restart_step_state state)
{
	step(r)->state = state;
	step(r)->ended_ms = clock_ms();
	free(take(r->manifest));
	changed(r);
}

/* The first failure ends it all: the ones behind it are not touched. */
static void
fail_step(struct restart *r)
{
	r->failed = true;
	end_step(r, RESTART_FAILED);
	for (size_t i = r->at + 1; i < r->n; i++) {
		if (r->steps[i].state != RESTART_PLANNED)
			continue;
		r->steps[i].state = RESTART_SKIPPED;
		set_reason(r, i, "not restarted: %s/%s failed", step(r)->target.namespace, step(r)->target.name);
	}
	finish(r);
}

static void
fail_with(struct restart *r, const char *reason)
{
	set_reason(r, r->at, "%s", reason);
	fail_step(r);
}

static void
fail_answer(struct restart *r, const char *what, const struct kube_answer *a)
{
	if (is_source_error(a))
		r->error = a->err;
	set_reason(r, r->at, "%s: %s", what, a->err.msg);
	fail_step(r);
}

static int64_t
limit_ms(struct restart *r)
{
	if (r->args.limit_ms)
		return r->args.limit_ms;
	return work(r)->deadline_ms ? work(r)->deadline_ms + CONTROLLER_FIRST_MS : LIMIT_MS;
}

static bool
out_of_time(struct restart *r)
{
	return clock_ms() - r->progress_ms >= limit_ms(r);
}

static void
poll_again(struct restart *r, int64_t most_ms)
{
	after(r, r->wait_ms, poll_object);
	r->wait_ms = r->wait_ms * 2 < most_ms ? r->wait_ms * 2 : most_ms;
}

/* Lost connections, throttling, garbage: the rollout goes on in the cluster, so one looks again. */
static void
wait_through_error(struct restart *r, const struct kube_answer *a, const struct err *e)
{
	if (out_of_time(r)) {
		r->error = *e;
		set_reason(r, r->at, "how it went is not known, the server gives no answer: %s", e->msg);
		fail_step(r);
		return;
	}
	set_reason(r, r->at, "no answer, trying again: %s", e->msg);
	changed(r);
	if (a->retry_after_ms > r->wait_ms)
		r->wait_ms = a->retry_after_ms < ERROR_MOST_MS ? a->retry_after_ms : ERROR_MOST_MS;
	poll_again(r, ERROR_MOST_MS);
}

static bool
same_object(struct restart *r, const struct node *object)
{
	return str_eq(node_str(node_path(object, "metadata.uid")), work(r)->uid);
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

	if (step(r)->recreate)
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

	step(r)->desired = now->desired;
	step(r)->updated = now->updated;
	step(r)->available = now->available;
	if (!observed && !step(r)->recreate)
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
		fail_with(r, "somebody took the restartedAt annotation away again, so that it rolled back or "
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
	struct rollout now = rollout_read(step(r)->target.kind, object, &text);

	look_for_annotation(r, object);
	note_progress(r, object, &now);
	if (step(r)->recreate) {
		buf_clear(&r->trouble);
		rollout_pod_trouble(object, &r->trouble);
	}
	if (now.state != ROLLOUT_DONE && r->trouble.len)
		buf_addf(&text, "; %s", buf_str(&r->trouble));
	set_reason(r, r->at, "%s", buf_str(&text));
	if (now.state == ROLLOUT_DONE) {
		done_step(r);
	} else if (now.state == ROLLOUT_FAILED) {
		fail_step(r);
	} else if (out_of_time(r)) {
		set_reason(r, r->at, "no progress for %" PRId64 " s: %s", limit_ms(r) / 1000, buf_str(&text));
		fail_step(r);
	} else {
		changed(r);
		poll_again(r, POLL_MOST_MS);
	}
}

/* ---- why does it not go on? */

/* The pods are asked once it stalls, and before it is given up. The object is looked at again after it. */
static bool
wants_trouble(struct restart *r, const struct node *object)
{
	AUTO(buf) struct buf text = {0};
	struct rollout now = rollout_read(step(r)->target.kind, object, &text);
	int64_t ms = clock_ms();

	if (now.state == ROLLOUT_DONE || step(r)->recreate || ms - r->trouble_ms < TROUBLE_MS)
		return false;
	return now.state == ROLLOUT_FAILED || ms - r->progress_ms >= STALL_MS || out_of_time(r);
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
	resource_path(&path, resource_by_kind("Pod"), step(r)->target.namespace, NULL, NULL);
	resource_query(&path, "labelSelector", buf_str(&selector));
	resource_query(&path, "limit", "500");
	r->trouble_ms = clock_ms();
	start(r, &(struct kube_call_args){.path = buf_str(&path)}, read_trouble);
}

/* ---- waiting */

static void
poll_read(struct restart *r, const struct kube_answer *a)
{
	AUTO(arena) struct arena scratch = {0};
	const struct node *object;
	struct err e = a->err;

	if (a->status == 404) {
		fail_with(r, "it was deleted meanwhile");
		return;
	}
	if (!a->ok || !parse(a, &scratch, &object, &e)) {
		wait_through_error(r, a, &e);
		return;
	}
	if (r->wait_ms > POLL_MOST_MS)
		r->wait_ms = POLL_MOST_MS;
	if (!same_object(r, object))
		fail_with(r, "it was deleted meanwhile, and another one has its name");
	else if (!step(r)->recreate && node_bool(node_path(object, "spec.paused"), false))
		fail_with(r, "it was paused meanwhile");
	else if (wants_trouble(r, object))
		ask_trouble(r, object);
	else
		settle(r, object);
}

static void
poll_object(struct restart *r)
{
	get_object(r, 0, poll_read);
}

static void
start_waiting(struct restart *r)
{
	r->progress_ms = clock_ms();
	r->trouble_ms = r->progress_ms - TROUBLE_MS;
	r->wait_ms = POLL_FIRST_MS;
	r->seen = false;
	r->best_updated = r->best_available = -1;
	r->least_old = INT64_MIN;
	buf_clear(&r->trouble);
	poll_again(r, POLL_MOST_MS);
}

/* ---- a rollout */

static void send_patch(struct restart *r);

/* An answer that is not the object with its new annotation proves nothing, whatever its status. */
static bool
is_patched(struct restart *r, const struct kube_answer *a, struct err *e)
{
	AUTO(arena) struct arena scratch = {0};
	const struct node *object;

	if (!parse(a, &scratch, &object, e))
		return false;
	return str_eq(node_get_str(node_path(object, TEMPLATE_ANNOTATIONS), ROLLOUT_ANNOTATION), r->stamp) ||
	       err_set(e, ERR_SOURCE, 0, "the server's answer has not the annotation that it was to set");
}

/* Writes are done again by us, who know that the same twice is one: kube_start gives up where an answer has begun. */
static bool
write_again(struct restart *r, const char *what, const struct kube_answer *a, const struct err *e,
	    void (*fn)(struct restart *r))
{
	int64_t ms = (int64_t)WRITE_FIRST_MS * r->writes;

	if (r->writes >= WRITE_TRIES || a->status == 401 || !(a->ok || is_source_error(a)))
		return false;
	if (a->retry_after_ms > ms)
		ms = a->retry_after_ms < ERROR_MOST_MS ? a->retry_after_ms : ERROR_MOST_MS;
	set_reason(r, r->at, "%s: no answer, trying again: %s", what, e->msg);
	after(r, ms, fn);
	changed(r);
	return true;
}

static void
patched(struct restart *r, const struct kube_answer *a)
{
	struct err e = a->err;

	if (a->ok && is_patched(r, a, &e)) {
		set_reason(r, r->at, "patched");
		start_waiting(r);
		changed(r);
	} else if (!write_again(r, "patch", a, &e, send_patch)) {
		bool unknown = a->ok || is_source_error(a);

		if (unknown)
			r->error = e;
		set_reason(r, r->at, "patch%s: %s", unknown ? ", which may have been done" : "", e.msg);
		fail_step(r);
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
	step(r)->written = true;
	object_path(r, &path);
	resource_query(&path, "fieldManager", r->args.field_manager);
	buf_addf(&body, "{\"spec\":{\"template\":{\"metadata\":{\"annotations\":{\"%s\":\"%s\"}}}}}",
		 ROLLOUT_ANNOTATION, r->stamp);
	start(r,
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

/* ---- a bare pod */

static void create_pod(struct restart *r);

static void
fail_created(struct restart *r, const char *problem)
{
	set_reason(r, r->at, "it was deleted, and cannot be created again: %s; kubectl create -f %s does it",
		   problem, step(r)->saved);
	fail_step(r);
}

/* The answer to a POST was lost: was it taken? */
static void
look_for_created(struct restart *r, const struct kube_answer *a)
{
	AUTO(arena) struct arena scratch = {0};
	const struct node *object;
	struct err e = a->err;

	if (a->ok && parse(a, &scratch, &object, &e)) {
		work(r)->uid = arena_strdup(&r->arena, node_str(node_path(object, "metadata.uid")));
		start_waiting(r);
	} else if (r->writes < WRITE_TRIES) {
		create_pod(r);
	} else {
		if (a->status != 404)
			r->error = e;
		fail_created(r, e.msg);
	}
}

static void
look_again(struct restart *r)
{
	get_object(r, KUBE_RETRY, look_for_created);
}

static void
created(struct restart *r, const struct kube_answer *a)
{
	AUTO(arena) struct arena scratch = {0};
	const struct node *object;
	struct err e = a->err;

	if (a->ok && parse(a, &scratch, &object, &e)) {
		work(r)->uid = arena_strdup(&r->arena, node_str(node_path(object, "metadata.uid")));
		set_reason(r, r->at, "created");
		start_waiting(r);
		changed(r);
	} else if (is_source_error(a) || a->ok || (a->status == 409 && r->writes > 1)) {
		set_reason(r, r->at, "create: no answer, trying again: %s", e.msg);
		after(r, (int64_t)POLL_MOST_MS * r->writes, look_again);
		changed(r);
	} else {
		fail_created(r, e.msg);
	}
}

static void
create_pod(struct restart *r)
{
	AUTO(buf) struct buf path = {0};

	r->writes++;
	resource_path(&path, work(r)->resource, step(r)->target.namespace, NULL, NULL);
	resource_query(&path, "fieldManager", r->args.field_manager);
	start(r,
	      &(struct kube_call_args){
		      .method = "POST",
		      .path = buf_str(&path),
		      .body = r->manifest,
		      .body_len = strlen(r->manifest),
	      },
	      created);
}

static void delete_pod(struct restart *r);
static void look_for_end(struct restart *r);

static void
wait_for_end(struct restart *r)
{
	if (out_of_time(r)) {
		set_reason(r, r->at, "it has not ended within %" PRId64 " s; its manifest is %s",
			   limit_ms(r) / 1000, step(r)->saved);
		fail_step(r);
		return;
	}
	after(r, POLL_MOST_MS / 2, look_for_end);
}

static void
end_read(struct restart *r, const struct kube_answer *a)
{
	AUTO(arena) struct arena scratch = {0};
	const struct node *object;
	struct err e;

	if (a->status == 404) {
		set_reason(r, r->at, "deleted, its manifest is %s", step(r)->saved);
		r->writes = 0;
		changed(r);
		create_pod(r);
	} else if (!a->ok || !parse(a, &scratch, &object, &e)) {
		wait_for_end(r);
	} else if (!same_object(r, object)) {
		set_reason(r, r->at,
			   "it was deleted, and somebody else made another of its name; its manifest is %s",
			   step(r)->saved);
		fail_step(r);
	} else if (!node_path(object, "metadata.deletionTimestamp") && r->writes < WRITE_TRIES) {
		delete_pod(r); /* it was not heard */
	} else {
		wait_for_end(r);
	}
}

static void
look_for_end(struct restart *r)
{
	get_object(r, 0, end_read);
}

static void
deleted(struct restart *r, const struct kube_answer *a)
{
	struct err e = a->err;

	if (a->ok || a->status == 404) {
		set_reason(r, r->at, "waiting for it to end; its manifest is %s", step(r)->saved);
		changed(r);
		look_for_end(r);
	} else if (!write_again(r, "delete", a, &e, look_for_end)) {
		fail_answer(r, "delete", a);
	}
}

/* By uid: another pod that took its name meanwhile is left alone. */
static void
delete_pod(struct restart *r)
{
	AUTO(buf) struct buf path = {0};
	json_t *options = json_pack("{s:s, s:s, s:{s:s}}", "apiVersion", "v1", "kind", "DeleteOptions",
				    "preconditions", "uid", work(r)->uid);
	AUTO(free) char *body = json_dumps(options, JSON_COMPACT);

	json_decref(options);
	if (!body) {
		fail_with(r, "its uid is not text");
		return;
	}
	r->writes++;
	step(r)->written = true;
	object_path(r, &path);
	start(r,
	      &(struct kube_call_args){
		      .method = "DELETE",
		      .path = buf_str(&path),
		      .body = body,
		      .body_len = strlen(body),
	      },
	      deleted);
}

/* Saved first: from the moment it is deleted, that file is all there is of it. */
static void
recreate(struct restart *r, const struct kube_answer *a)
{
	const struct restart_target *t = &step(r)->target;
	AUTO(free) char *saved = NULL;
	struct err e;

	r->writes = 0;
	r->progress_ms = clock_ms();
	r->manifest = recreate_manifest(a->body, a->body_len, &e);
	if (r->manifest)
		saved = recreate_save(r->args.save_folder, t->namespace, t->name, r->manifest, &e);
	if (!saved) {
		fail_with(r, e.msg);
		return;
	}
	step(r)->saved = arena_strdup(&r->arena, saved);
	set_reason(r, r->at, "saved as %s", saved);
	changed(r);
	delete_pod(r);
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

	if (!a->ok || !parse(a, &scratch, &object, &e)) {
		if (a->ok || is_source_error(a))
			r->error = e;
		fail_with(r, e.msg);
	} else if (!same_object(r, object)) {
		fail_with(r, "another one has its name since the plan was made");
	} else if (object_refused(r, object, &reason)) {
		fail_with(r, buf_str(&reason));
	} else if (step(r)->recreate) {
		recreate(r, a);
	} else {
		patch_object(r, object);
	}
}

static void
run_next(struct restart *r)
{
	while (r->at < r->n && step(r)->state != RESTART_PLANNED)
		r->at++;
	if (r->at == r->n) {
		finish(r);
		return;
	}
	step(r)->state = RESTART_RUNNING;
	step(r)->started_ms = clock_ms();
	set_reason(r, r->at, "starting");
	changed(r);
	get_object(r, KUBE_RETRY, run_read);
}

/* The last thing that happens before control is given back: it may be freed in there. */
static void
finish(struct restart *r)
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
	after(r, 0, plan_next);
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
	after(r, 0, run_next);
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
