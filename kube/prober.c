/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/prober.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/vec.h"
#include "kube/ephemeral.h"
#include "kube/exec.h"
#include "kube/probe_answer.h"
#include "kube/probe_method.h"
#include "kube/probe_verdict.h"

#define PARALLEL 10
#define DIAL_MS 4000
#define SETTLE_MS 10000
#define YOUNG_MS 60000 /* policies of a container younger than that may not be in force yet */
/* What a command may take beside its dials: a runtime that starts it, an interpreter on little CPU. */
#define START_MS 20000
#define LOOK_MS 20000
#define RETRY_MS 1000 /* before a command is tried again, and twice that before the last try */
#define TRIES 3
#define ERRNO_MOST 199 /* an error's code is an errno up to here, and an HTTP status from 200 on */

/* One command in a container; tried again where the connection was lost or the server had too much to do. */
struct run {
	struct job *job;
	struct exec *exec;
	struct loop_timer *timer; /* the next try */
	int tries;
	int64_t begun; /* clock_ms */
	void (*start)(struct run *r);
	void (*ended)(struct run *r, const struct exec_result *x);
};

/* One of a job's probes. */
struct ask {
	struct run run;
	enum probe probe;
	bool wanted, told;
	int64_t age_ms; /* of the container when it was asked first; -1: not known */
	bool again; /* it got out of a young container: this is the second time */
	/* What was found the first time: it stands when the second time brings no answer. */
	char *way_out;
	enum probe_control control;
	const char *method;
	int64_t duration_ms;
};

enum job_state { JOB_WAITING, JOB_RUNNING, JOB_ENDED };

struct job {
	struct prober *p;
	const struct probe_job *job;
	enum job_state state;
	int64_t not_before; /* clock_ms; 0: not known yet */
	struct image *image;
	struct run look;
	struct ask asks[PROBES];
	size_t left; /* probes without a result */
	struct ephemeral *ephemeral;
	char *container; /* the ephemeral one; NULL: the job's */
};

/* What is known of all containers of one image. */
struct image {
	uint64_t hash;
	char *name;
	enum { IMAGE_UNKNOWN, IMAGE_LOOKED_AT, IMAGE_KNOWN, IMAGE_EMPTY } state;
	enum probe_method method; /* the one that is there, or that is looked for */
};

struct refusal {
	const char *namespace;
	struct err err;
};

struct prober {
	struct prober_args args;
	struct job *jobs;
	size_t first; /* all before it have ended */
	size_t running, ended;
	VEC(struct image *) images;
	VEC(struct refusal) refusals; /* where exec is forbidden */
	struct err gone; /* ERR_NONE, or why the server cannot be asked */
	struct loop_timer *timer;
	int busy; /* inside callbacks of ours */
	bool cancelled;
	bool allowed; /* a command was not forbidden */
};

static void schedule(struct prober *p);
static void run_probes(struct job *j);
static void look(struct job *j);

/* ---- its life */

static void
stop_run(struct run *r)
{
	exec_cancel(take(r->exec));
	loop_timer_remove(take(r->timer));
}

static void
stop_job(struct job *j)
{
	stop_run(&j->look);
	for (size_t i = 0; i < PROBES; i++)
		stop_run(&j->asks[i].run);
	ephemeral_cancel(take(j->ephemeral));
}

static void
stop_all(struct prober *p)
{
	for (size_t i = 0; i < p->args.n_jobs; i++)
		stop_job(&p->jobs[i]);
	loop_timer_cancel(p->timer);
}

static void
destroy(struct prober *p)
{
	stop_all(p);
	for (size_t i = 0; i < p->args.n_jobs; i++) {
		free(p->jobs[i].container);
		for (size_t n = 0; n < PROBES; n++)
			free(p->jobs[i].asks[n].way_out);
	}
	for (size_t i = 0; i < p->images.n; i++) {
		free(p->images.at[i]->name);
		free(p->images.at[i]);
	}
	vec_free(&p->images);
	vec_free(&p->refusals);
	loop_timer_remove(p->timer);
	free(p->jobs);
	free(p);
}

/* Around all that is called from outside: whatever is cancelled in a callback is freed once that is over. */
static void
enter(struct prober *p)
{
	p->busy++;
}

static void
leave(struct prober *p)
{
	const struct err *e = p->gone.kind != ERR_NONE ? &p->gone : NULL;

	if (p->busy > 1) {
		p->busy--;
		return;
	}
	if (!p->cancelled && p->ended < p->args.n_jobs) {
		p->busy--;
		return;
	}
	/* All jobs refused: there is one reason, not one for each. */
	if (!e && p->refusals.n && !p->allowed)
		e = &p->refusals.at[0].err;
	if (!p->cancelled)
		p->args.done(p->args.ctx, e);
	destroy(p);
}

/* ---- results */

static int64_t
server_time(const struct prober *p)
{
	return clock_now() + kube_clock_skew(p->args.kube);
}

static void
end_job(struct job *j)
{
	struct prober *p = j->p;

	stop_job(j);
	if (j->state == JOB_RUNNING)
		p->running--;
	j->state = JOB_ENDED;
	p->ended++;
	if (p->args.job_done && !p->cancelled)
		p->args.job_done(p->args.ctx, p->ended);
}

static const char *
container_of(const struct job *j)
{
	return j->container ? j->container : j->job->container;
}

/* One result, of which `r` has what is not the job's. The last one ends the job. */
static void
tell(struct ask *a, struct probe_result *r)
{
	AUTO(arena) struct arena arena = {0};
	struct job *j = a->run.job;
	struct prober *p = j->p;
	const struct probe_job *job = j->job;

	r->agent = job->agent;
	r->pod = job->pod ? job->pod : "";
	r->node = job->node ? job->node : "";
	r->container = container_of(j) ? container_of(j) : "";
	r->probe = a->probe;
	r->target = probe_target_text(a->probe == PROBE_DNS_TCP ? &job->dns : &job->target, &arena);
	r->at = server_time(p);
	r->against = job->against ? job->against : "";
	a->told = true;
	if (!p->cancelled)
		p->args.result(p->args.ctx, r);
	if (--j->left == 0)
		end_job(j);
}

/* A way out that was seen is one, even if nobody could look again. */
static void
tell_way_out(struct ask *a, const char *why)
{
	AUTO(free)
	char *detail = mem_printf("%s; the container was %" PRId64 " s old, and nothing came of asking again: %s",
				  a->way_out, a->age_ms / 1000, why);

	tell(a, &(struct probe_result){.verdict = PROBE_OPEN,
				       .control = a->control,
				       .method = a->method,
				       .detail = detail,
				       .duration_ms = a->duration_ms});
}

static void
tell_nothing(struct ask *a, const char *why)
{
	if (a->way_out)
		tell_way_out(a, why);
	else
		tell(a, &(struct probe_result){.verdict = PROBE_INCONCLUSIVE,
					       .control = PROBE_CONTROL_SKIPPED,
					       .method = "",
					       .detail = why});
}

/* None of its probes can be made, or what is left of them. */
static void
give_up(struct job *j, const char *why)
{
	for (size_t i = 0; i < PROBES; i++)
		if (j->asks[i].wanted && !j->asks[i].told) {
			stop_run(&j->asks[i].run);
			tell_nothing(&j->asks[i], why);
		}
}

/* ---- the server's no */

static const struct err *
refusal_of(const struct prober *p, const char *namespace)
{
	for (size_t i = 0; i < p->refusals.n; i++)
		if (str_eq(p->refusals.at[i].namespace, namespace))
			return &p->refusals.at[i].err;
	return NULL;
}

static void
on_gone(struct prober *p, const struct err *e)
{
	if (p->gone.kind == ERR_NONE) {
		p->gone = *e;
		loop_timer_set(p->timer, 0); /* not in here, where one of its commands is ending */
	}
}

/* Why the server did not let it run, told of all that this is true of. false: it is about this command alone. */
static bool
refused(struct job *j, const struct err *e)
{
	struct prober *p = j->p;

	if (e->kind == ERR_DENIED && e->code == 403) {
		if (!refusal_of(p, j->job->agent.namespace))
			vec_push(&p->refusals, (struct refusal){j->job->agent.namespace, *e});
		give_up(j, e->msg);
		return true;
	}
	if (e->kind == ERR_DENIED || (e->code > 0 && e->code <= ERRNO_MOST)) {
		on_gone(p, e);
		return true;
	}
	return false;
}

/* ---- commands */

static void
on_retry(void *ctx)
{
	struct run *r = ctx;
	struct prober *p = r->job->p;

	enter(p);
	r->start(r);
	leave(p);
}

static void
retry(struct run *r)
{
	if (!r->timer)
		r->timer = loop_add_timer(r->job->p->args.loop, on_retry, r);
	loop_timer_set(r->timer, RETRY_MS * r->tries);
}

/* No connection, or too much at once for the server. */
static bool
may_be_better_soon(const struct err *e)
{
	return e->kind == ERR_SOURCE && e->code > 0 && (e->code <= ERRNO_MOST || e->code == 429 || e->code == 503);
}

static void
on_exec(void *ctx, const struct exec_result *x)
{
	struct run *r = ctx;
	struct prober *p = r->job->p;

	enter(p);
	r->exec = NULL;
	p->allowed |= x->ran || x->err.kind != ERR_DENIED;
	if (p->cancelled)
		;
	else if (!x->ran && may_be_better_soon(&x->err) && r->tries < TRIES)
		retry(r);
	else
		r->ended(r, x);
	if (!p->cancelled)
		schedule(p);
	leave(p);
}

static void
run_command(struct run *r, enum probe_method m, const struct probe_try *t, int64_t limit_ms)
{
	AUTO(arena) struct arena a = {0};
	struct job *j = r->job;
	struct probe_command c;

	if (j->p->cancelled)
		return;
	probe_method_command(m, t, &a, &c);
	r->tries++;
	r->begun = clock_ms();
	r->exec = exec_start(&(struct exec_args){.kube = j->p->args.kube,
						 .loop = j->p->args.loop,
						 .namespace = j->job->agent.namespace,
						 .pod = j->job->pod,
						 .container = container_of(j),
						 .command = c.argv,
						 .n_command = c.n,
						 .limit_ms = limit_ms,
						 .output_limit = PROBE_OUTPUT_LIMIT + 1,
						 .ctx = r,
						 .done = on_exec});
}

/* ---- which method an image has */

static void
on_ephemeral(void *ctx, const char *container, const struct err *e)
{
	struct job *j = ctx;
	struct prober *p = j->p;

	enter(p);
	j->ephemeral = NULL;
	if (container) {
		j->container = mem_strdup(container);
		j->image = NULL;
		look(j);
	} else {
		give_up(j, e->msg);
	}
	if (!p->cancelled)
		schedule(p);
	leave(p);
}

static void
no_method(struct job *j)
{
	struct prober *p = j->p;

	if (j->container) {
		AUTO(free)
		char *why = mem_printf("the ephemeral container of image %s has none of python3, bash, nc, "
				       "curl, wget, perl and node either; name another image",
				       p->args.ephemeral);

		give_up(j, why);
	} else if (p->args.ephemeral) {
		j->ephemeral = ephemeral_start(&(struct ephemeral_args){.kube = p->args.kube,
									.loop = p->args.loop,
									.namespace = j->job->agent.namespace,
									.pod = j->job->pod,
									.image = p->args.ephemeral,
									.ctx = j,
									.done = on_ephemeral});
	} else {
		give_up(j, "the container has none of python3, bash, nc, curl, wget, perl and node to probe with; "
			   "--ephemeral IMAGE probes from a container of that image, which stays in the pod");
	}
}

/* Its image is known to have the method, or to have none. */
static void
go_on(struct job *j)
{
	if (j->image->state == IMAGE_EMPTY)
		no_method(j);
	else
		run_probes(j);
}

static void
look_start(struct run *r)
{
	run_command(r, r->job->image->method, NULL, LOOK_MS);
}

/* The command ran, or there was no program for it: the next method may be there. */
static bool
says_not_there(const struct exec_result *x)
{
	return x->ran || (x->err.kind == ERR_INPUT && x->err.code == 0);
}

static void
look_ended(struct run *r, const struct exec_result *x)
{
	struct job *j = r->job;
	struct image *image = j->image;
	struct probe_answer answer;

	/* Whatever its status is, which not every runtime brings back. */
	if (probe_answer_parse(x->out, x->out_len, true, &answer, NULL)) {
		image->state = IMAGE_KNOWN;
		go_on(j);
		return;
	}
	r->tries = 0;
	if (says_not_there(x) && image->method + 1 < PROBE_METHODS) {
		image->method++;
		look_start(r);
		return;
	}
	if (says_not_there(x)) {
		image->state = IMAGE_EMPTY;
		go_on(j);
		return;
	}
	image->state = IMAGE_UNKNOWN; /* the next job may be luckier */
	image->method = 0;
	if (!refused(j, &x->err))
		give_up(j, x->err.msg);
}

static struct image *
image_find(struct prober *p, const char *name)
{
	uint64_t hash = str_hash(name, strlen(name));
	struct image *image;

	for (size_t i = 0; i < p->images.n; i++)
		if (p->images.at[i]->hash == hash && str_eq(p->images.at[i]->name, name))
			return p->images.at[i];
	image = mem_alloc(sizeof(*image));
	image->hash = hash;
	image->name = mem_strdup(name);
	vec_push(&p->images, image);
	return image;
}

/* By its name; where that is not known, by the workload's container, which has the same one in all its pods. */
static struct image *
image_of(struct job *j)
{
	const struct probe_job *job = j->job;
	AUTO(free) char *name = NULL;

	if (j->image)
		return j->image;
	if (j->container)
		name = mem_printf("ephemeral %s", j->p->args.ephemeral);
	else if (job->image)
		name = mem_printf("image %s", job->image);
	else
		name = mem_printf("container %s/%s/%s/%s", job->agent.namespace, job->agent.kind, job->agent.name,
				  job->container ? job->container : "");
	return j->image = image_find(j->p, name);
}

static void
look(struct job *j)
{
	struct image *image = image_of(j);

	if (image->state == IMAGE_KNOWN || image->state == IMAGE_EMPTY) {
		go_on(j);
		return;
	}
	if (image->state == IMAGE_LOOKED_AT) /* by the job of another ephemeral container */
		j->image = image_find(j->p, j->container);
	j->image->state = IMAGE_LOOKED_AT;
	j->look.start = look_start;
	j->look.ended = look_ended;
	look_start(&j->look);
}

/* ---- the probes */

/* Milliseconds since the container started; -1: not known. */
static int64_t
age_ms(const struct job *j)
{
	int64_t s;

	if (j->job->started_at == CLOCK_UNKNOWN)
		return -1;
	s = server_time(j->p) - j->job->started_at;
	if (s < 0)
		return 0;
	return s < INT32_MAX ? s * 1000 : INT64_C(1000) * INT32_MAX;
}

static void
ask_start(struct run *r)
{
	struct ask *a = CONTAINER_OF(r, struct ask, run);
	struct job *j = r->job;
	int64_t dial_ms = j->p->args.dial_ms;
	struct probe_try t = probe_try_of(j->job, a->probe, dial_ms);

	run_command(r, j->image->method, &t, dial_ms + START_MS);
}

static void
ask_again(struct ask *a)
{
	struct run *r = &a->run;

	a->again = true;
	r->tries = 0;
	if (!r->timer)
		r->timer = loop_add_timer(r->job->p->args.loop, on_retry, r);
	loop_timer_set(r->timer, r->job->p->args.settle_ms);
}

static void
add_circumstances(const struct ask *a, enum probe_verdict verdict, struct buf *detail)
{
	const struct job *j = a->run.job;

	if (a->again)
		buf_addf(detail,
			 "; the container was %" PRId64 " s old and got out, %s when asked again %" PRId64
			 " s later",
			 a->age_ms / 1000, verdict == PROBE_OPEN ? "and still did" : "but not any more",
			 (j->p->args.settle_ms + 999) / 1000);
	if (j->container)
		buf_addf(detail, "; from the ephemeral container %s, which stays in the pod", j->container);
}

static void
ask_ended(struct run *r, const struct exec_result *x)
{
	struct ask *a = CONTAINER_OF(r, struct ask, run);
	struct probe_try t = probe_try_of(r->job->job, a->probe, r->job->p->args.dial_ms);
	AUTO(buf) struct buf detail = {0};
	struct probe_answer answer;
	struct probe_finding f;
	struct err e;

	if (!probe_answer_parse(x->out, x->out_len, false, &answer, &e)) {
		if (x->ran)
			tell_nothing(a, e.msg);
		else if (!refused(r->job, &x->err))
			tell_nothing(a, x->err.msg);
		return;
	}
	f = probe_verdict(&t, &answer, &detail);
	if (f.verdict == PROBE_OPEN && !a->again && a->age_ms >= 0 && a->age_ms < YOUNG_MS) {
		a->way_out = mem_strdup(buf_str(&detail));
		a->control = f.control;
		a->method = answer.method;
		a->duration_ms = clock_ms() - r->begun;
		ask_again(a);
		return;
	}
	add_circumstances(a, f.verdict, &detail);
	tell(a, &(struct probe_result){.verdict = f.verdict,
				       .control = f.control,
				       .method = answer.method,
				       .detail = buf_str(&detail),
				       .duration_ms = clock_ms() - r->begun});
}

static void
run_probes(struct job *j)
{
	for (size_t i = 0; i < PROBES && j->left; i++) {
		struct ask *a = &j->asks[i];
		struct probe_try t = probe_try_of(j->job, a->probe, j->p->args.dial_ms);
		struct err e;

		if (!a->wanted || a->told)
			continue;
		a->age_ms = age_ms(j);
		a->run.start = ask_start;
		a->run.ended = ask_ended;
		if (probe_try_check(&t, &e))
			ask_start(&a->run);
		else
			tell_nothing(a, e.msg);
	}
}

/* ---- which job is next */

/* Milliseconds until it may begin; 0: now. */
static int64_t
wait_ms(struct job *j)
{
	int64_t now = clock_ms(), age;

	if (!j->not_before) {
		age = age_ms(j);
		j->not_before = age >= 0 && age < j->p->args.settle_ms ? now + j->p->args.settle_ms - age : now;
	}
	return j->not_before > now ? j->not_before - now : 0;
}

static void
begin(struct job *j)
{
	const struct err *no = refusal_of(j->p, j->job->agent.namespace);

	j->state = JOB_RUNNING;
	j->p->running++;
	if (no)
		give_up(j, no->msg);
	else
		look(j);
}

/* Begins what may run now; sets the timer for what has to wait. */
static void
schedule(struct prober *p)
{
	int64_t next = INT64_MAX;

	while (p->first < p->args.n_jobs && p->jobs[p->first].state == JOB_ENDED)
		p->first++;
	for (size_t i = p->first; i < p->args.n_jobs && p->running < p->args.parallel; i++) {
		struct job *j = &p->jobs[i];
		int64_t wait;

		if (p->cancelled || p->gone.kind != ERR_NONE)
			return;
		if (j->state != JOB_WAITING)
			continue;
		wait = wait_ms(j);
		if (wait > 0 && wait < next)
			next = wait;
		/* Another job is finding out what its image has. */
		if (wait == 0 && (refusal_of(p, j->job->agent.namespace) || image_of(j)->state != IMAGE_LOOKED_AT))
			begin(j);
	}
	if (next < INT64_MAX)
		loop_timer_set(p->timer, next);
}

static void
on_timer(void *ctx)
{
	struct prober *p = ctx;

	enter(p);
	if (p->gone.kind != ERR_NONE)
		for (size_t i = p->first; i < p->args.n_jobs; i++) {
			stop_job(&p->jobs[i]);
			give_up(&p->jobs[i], p->gone.msg);
		}
	else
		schedule(p);
	leave(p);
}

/* ---- from outside */

static void
fill_job(struct prober *p, size_t i)
{
	struct job *j = &p->jobs[i];

	j->p = p;
	j->job = &p->args.jobs[i];
	j->look.job = j;
	for (size_t n = 0; n < PROBES; n++) {
		j->asks[n].run.job = j;
		j->asks[n].probe = (enum probe)n;
		j->asks[n].wanted = p->args.probes & 1u << n;
		j->left += j->asks[n].wanted;
	}
}

struct prober *
prober_start(const struct prober_args *args)
{
	struct prober *p = mem_alloc(sizeof(*p));

	p->args = *args;
	p->args.probes &= (1u << PROBES) - 1;
	if (!p->args.probes)
		p->args.probes = (1u << PROBES) - 1;
	p->args.parallel = args->parallel ? args->parallel : PARALLEL;
	p->args.dial_ms = args->dial_ms ? args->dial_ms : DIAL_MS;
	p->args.settle_ms = args->settle_ms ? args->settle_ms : SETTLE_MS;
	p->jobs = mem_array(args->n_jobs + 1, sizeof(*p->jobs));
	for (size_t i = 0; i < args->n_jobs; i++)
		fill_job(p, i);
	p->timer = loop_add_timer(args->loop, on_timer, p);
	loop_timer_set(p->timer, 0);
	return p;
}

void
prober_cancel(struct prober *p)
{
	if (!p)
		return;
	p->cancelled = true;
	if (p->busy)
		stop_all(p);
	else
		destroy(p);
}
