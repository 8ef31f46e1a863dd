/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/probing.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include "kube/access.h"
#include "kube/prober.h"

#define PARALLEL 10 /* agents at once, where nobody says otherwise */

/* What one agent's step is made of besides what is shown. */
struct work {
	struct workload_key key;
	size_t first_job, n_jobs; /* of the plan */
	size_t results;
	struct probe_result worst; /* texts in the arena; what the sentence at the end is of */
	bool has_worst;
};

struct probing {
	struct probing_args args;
	struct arena arena;
	struct operation_step *steps;
	struct work *work;
	size_t *by_key; /* places of the agents that have jobs, sorted by key */
	size_t n, n_keys;
	struct probe_plan plan;

	struct access *access;
	struct access_question *questions; /* of all namespaces, or two for each in `namespaces` */
	size_t n_questions;
	const char **namespaces;
	size_t n_namespaces;
	struct loop_timer *soon; /* a plan that needs no answer is there a moment later, too */

	struct probe_job *jobs; /* of the steps that are planned */
	size_t n_jobs, started;
	size_t *owner; /* of each job: its step */
	struct prober *prober;
	struct err error; /* ERR_NONE: the server could be asked */
};

/* ---- the plan */

static void
leave_out(struct probing *p, size_t i, enum operation_state state, const char *reason)
{
	p->steps[i].state = state;
	p->steps[i].reason = arena_strdup(&p->arena, reason);
}

static void
skip(struct probing *p, size_t i, const char *reason)
{
	leave_out(p, i, OPERATION_STEP_SKIPPED, reason);
}

/* Of one agent that is named twice the first place comes first. */
static int
place_cmp(const void *a, const void *b, void *ctx)
{
	const struct work *work = ctx;
	size_t x = *(const size_t *)a, y = *(const size_t *)b;
	int order = workload_key_cmp(&work[x].key, &work[y].key);

	return order ? order : (x > y) - (x < y);
}

/* The step of an agent; p->n when it has none. */
static size_t
find(const struct probing *p, const struct workload_key *k)
{
	size_t low = 0, high = p->n_keys;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int order = workload_key_cmp(&p->work[p->by_key[mid]].key, k);

		if (order == 0)
			return p->by_key[mid];
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return p->n;
}

/* "1.1.1.1:443 from 2 nodes, control through pipelock.research:8888" */
static const char *
in_words(struct probing *p, const struct work *w)
{
	const struct probe_job *job = &p->plan.jobs[w->first_job];
	AUTO(buf) struct buf text = {0};

	buf_addf(&text, "%s from %zu %s, ", probe_target_text(&job->target, &p->arena), w->n_jobs,
		 w->n_jobs == 1 ? "node" : "nodes");
	if (job->no_control)
		buf_adds(&text, "without a control, as asked");
	else if (job->proxy_host)
		buf_addf(&text, "control through %s:%d", job->proxy_host, job->proxy_port);
	else
		buf_adds(&text, "without a control: it has no companion, so nothing will count as blocked");
	return arena_strdup(&p->arena, buf_str(&text));
}

/* Sorts those that may have jobs, and leaves out whom was named before. */
static void
index_steps(struct probing *p)
{
	size_t n = 0;

	if (p->n_keys)
		qsort_r(p->by_key, p->n_keys, sizeof(*p->by_key), place_cmp, p->work);
	for (size_t i = 0; i < p->n_keys; i++) {
		size_t at = p->by_key[i];

		if (n && workload_key_cmp(&p->work[p->by_key[n - 1]].key, &p->work[at].key) == 0)
			skip(p, at, "it is in the list already");
		else
			p->by_key[n++] = at;
	}
	p->n_keys = n;
}

/* The agents that the fleet has; the others are skipped. */
static struct workload **
look_up(struct probing *p, size_t *n_out)
{
	const struct fleet *f = p->args.fleet;
	struct workload **at = ARENA_ARRAY(&p->arena, struct workload *, p->n);
	struct workload **found = ARENA_ARRAY(&p->arena, struct workload *, p->n);

	for (size_t i = 0; i < p->n; i++) {
		const struct workload_key *k = &p->work[i].key;

		at[i] = f ? fleet_workload(f, k->namespace, k->kind, k->name) : NULL;
		if (at[i] && at[i]->role == ROLE_AGENT)
			p->by_key[p->n_keys++] = i;
		else
			skip(p, i,
			     f ? "it is no agent of the cluster (any more)" : "the fleet has not been read yet");
	}
	index_steps(p);
	*n_out = 0;
	for (size_t i = 0; i < p->n; i++)
		if (p->steps[i].state != OPERATION_STEP_SKIPPED)
			found[(*n_out)++] = at[i];
	return found;
}

/* Jobs of one agent lie side by side. */
static void
spread_plan(struct probing *p)
{
	for (size_t i = 0; i < p->plan.n_jobs; i++) {
		size_t at = find(p, &p->plan.jobs[i].agent);

		if (at != p->n && !p->work[at].n_jobs++)
			p->work[at].first_job = i;
	}
	for (size_t i = 0; i < p->n_keys; i++) {
		size_t at = p->by_key[i];

		if (!p->work[at].n_jobs) {
			skip(p, at, "there is nothing in it to probe from");
			continue;
		}
		p->steps[at].pods = (int64_t)p->work[at].n_jobs;
		p->steps[at].reason = in_words(p, &p->work[at]);
	}
	for (size_t i = 0; i < p->plan.n_skipped; i++) {
		size_t at = find(p, &p->plan.skipped[i].agent);

		if (at != p->n && !p->work[at].n_jobs)
			skip(p, at, p->plan.skipped[i].reason);
	}
}

static void
make_plan(struct probing *p)
{
	size_t n;
	struct workload **found = look_up(p, &n);

	if (n)
		probe_plan_make(p->args.fleet, found, n, &p->args.options, &p->arena, &p->plan);
	spread_plan(p);
	if (!p->args.read_only)
		return;
	for (size_t i = 0; i < p->n; i++)
		leave_out(p, i, OPERATION_STEP_REFUSED, "moat is read-only");
}

/* ---- what is allowed */

/* A WebSocket handshake is a GET, and newer servers want create besides. */
static const char *const verbs[] = {"get", "create"};

static void
ask(struct probing *p, void (*done)(void *ctx))
{
	p->access = access_ask(&(struct access_args){
		.kube = p->args.kube,
		.at = p->questions,
		.n = p->n_questions,
		.arena = &p->arena,
		.ctx = p,
		.done = done,
	});
}

static void
add_questions(struct probing *p, const char *namespace)
{
	for (size_t i = 0; i < COUNT_OF(verbs); i++)
		p->questions[p->n_questions++] = (struct access_question){
			.verb = verbs[i],
			.group = "",
			.resource = "pods",
			.subresource = "exec",
			.namespace = namespace,
		};
}

static int
namespace_cmp(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void
refuse_namespace(struct probing *p, const struct access_question *q)
{
	AUTO(buf) struct buf reason = {0};

	buf_addf(&reason, "%s %s pods/exec in namespace %s%s%s",
		 q->answer == ACCESS_NO ? "you are not allowed to" : "it is not known whether you may", q->verb,
		 q->namespace, q->reason ? ": " : "", q->reason ? q->reason : "");
	for (size_t i = 0; i < p->n; i++)
		if (p->steps[i].state == OPERATION_STEP_PLANNED && str_eq(p->work[i].key.namespace, q->namespace))
			leave_out(p, i, OPERATION_STEP_REFUSED, buf_str(&reason));
}

static void
namespaces_answered(void *ctx)
{
	struct probing *p = ctx;

	p->access = NULL;
	for (size_t i = 0; i < p->n_questions; i++)
		if (p->questions[i].answer != ACCESS_YES)
			refuse_namespace(p, &p->questions[i]);
	p->args.done(p->args.ctx);
}

static void
ask_each_namespace(struct probing *p)
{
	p->namespaces = ARENA_ARRAY(&p->arena, const char *, p->n);
	for (size_t i = 0; i < p->n; i++)
		if (p->steps[i].state == OPERATION_STEP_PLANNED)
			p->namespaces[p->n_namespaces++] = p->work[i].key.namespace;
	qsort(p->namespaces, p->n_namespaces, sizeof(*p->namespaces), namespace_cmp);
	p->questions = ARENA_ARRAY(&p->arena, struct access_question, p->n_namespaces * COUNT_OF(verbs));
	p->n_questions = 0;
	for (size_t i = 0; i < p->n_namespaces; i++)
		if (!i || !str_eq(p->namespaces[i], p->namespaces[i - 1]))
			add_questions(p, p->namespaces[i]);
	ask(p, namespaces_answered);
}

/* Whoever may everywhere is asked nothing more: agents are in thousands of namespaces. */
static void
everywhere_answered(void *ctx)
{
	struct probing *p = ctx;
	bool all = true;

	p->access = NULL;
	for (size_t i = 0; i < p->n_questions; i++)
		all &= p->questions[i].answer == ACCESS_YES;
	if (all)
		p->args.done(p->args.ctx);
	else
		ask_each_namespace(p);
}

static void
planned_soon(void *ctx)
{
	struct probing *p = ctx;

	p->args.done(p->args.ctx);
}

static void
ask_permissions(struct probing *p)
{
	if (!probing_possible(p)) {
		loop_timer_set(p->soon, 0);
		return;
	}
	p->questions = ARENA_ARRAY(&p->arena, struct access_question, COUNT_OF(verbs));
	add_questions(p, NULL);
	ask(p, everywhere_answered);
}

/* ---- the run */

static enum probe_mark
mark_of(const struct probe_result *r)
{
	if (r->verdict == PROBE_OPEN)
		return MARK_OPEN;
	return r->verdict == PROBE_BLOCKED && r->control == PROBE_CONTROL_OK ? MARK_BLOCKED : MARK_INCONCLUSIVE;
}

/* Of equals the first probe: what it says is the plainest. */
static void
keep_worst(struct probing *p, struct work *w, const struct probe_result *r)
{
	if (w->has_worst &&
	    (mark_of(r) < mark_of(&w->worst) || (mark_of(r) == mark_of(&w->worst) && r->probe >= w->worst.probe)))
		return;
	w->worst = *r;
	w->worst.node = arena_strdup(&p->arena, r->node);
	w->worst.detail = arena_strdup(&p->arena, r->detail);
	w->has_worst = true;
}

static const char *
end_in_words(struct probing *p, const struct work *w)
{
	const struct probe_result *r = &w->worst;
	enum probe_mark mark = mark_of(r);

	if (mark == MARK_BLOCKED)
		return arena_printf(&p->arena, "blocked on %zu %s, controls good", w->n_jobs,
				    w->n_jobs == 1 ? "node" : "nodes");
	return arena_printf(&p->arena, "%s %s%s%s%s%s", probe_name(r->probe),
			    mark == MARK_OPEN ? "is open" : "proved nothing", *r->node ? " on node " : "", r->node,
			    *r->detail ? ": " : "", r->detail);
}

static void
end_step(struct probing *p, size_t i)
{
	struct operation_step *s = &p->steps[i];

	s->state = OPERATION_STEP_DONE;
	for (size_t k = 0; k < PROBES; k++)
		if (s->marks[k] != MARK_BLOCKED)
			s->state = OPERATION_STEP_FAILED;
	s->reason = end_in_words(p, &p->work[i]);
}

static void
count_result(struct probing *p, size_t i, const struct probe_result *r)
{
	struct operation_step *s = &p->steps[i];
	struct work *w = &p->work[i];

	if (mark_of(r) > s->marks[r->probe])
		s->marks[r->probe] = mark_of(r);
	keep_worst(p, w, r);
	w->results++;
	if (w->results == w->n_jobs * PROBES)
		end_step(p, i);
	else
		s->reason = arena_printf(&p->arena, "%zu of %zu attempts", w->results, w->n_jobs * PROBES);
}

static void
on_result(void *ctx, const struct probe_result *r)
{
	struct probing *p = ctx;
	size_t i = find(p, &r->agent);

	p->args.result(p->args.ctx, r);
	if (i == p->n)
		return;
	count_result(p, i, r);
	p->args.changed(p->args.ctx);
}

/* Jobs are begun in their order, so many at once. */
static void
start_steps(struct probing *p, size_t done)
{
	for (; p->started < p->n_jobs && p->started < done + p->args.parallel; p->started++) {
		struct operation_step *s = &p->steps[p->owner[p->started]];

		if (s->state != OPERATION_STEP_PLANNED)
			continue;
		s->state = OPERATION_STEP_RUNNING;
		s->reason = "";
	}
}

static void
on_job(void *ctx, size_t done)
{
	struct probing *p = ctx;

	start_steps(p, done);
	p->args.changed(p->args.ctx);
}

static void
on_done(void *ctx, const struct err *e)
{
	struct probing *p = ctx;

	p->prober = NULL;
	if (e)
		p->error = *e;
	for (size_t i = 0; i < p->n; i++) {
		if (p->steps[i].state != OPERATION_STEP_RUNNING && p->steps[i].state != OPERATION_STEP_PLANNED)
			continue;
		p->steps[i].state = OPERATION_STEP_FAILED;
		p->steps[i].reason = arena_strdup(&p->arena, e ? e->msg : "not every attempt has come to an end");
	}
	p->args.done(p->args.ctx);
}

void
probing_go(struct probing *p)
{
	p->jobs = ARENA_ARRAY(&p->arena, struct probe_job, p->plan.n_jobs);
	p->owner = ARENA_ARRAY(&p->arena, size_t, p->plan.n_jobs);
	for (size_t i = 0; i < p->n; i++) {
		for (size_t k = 0; p->steps[i].state == OPERATION_STEP_PLANNED && k < p->work[i].n_jobs; k++) {
			p->owner[p->n_jobs] = i;
			p->jobs[p->n_jobs++] = p->plan.jobs[p->work[i].first_job + k];
		}
	}
	start_steps(p, 0);
	p->prober = prober_start(&(struct prober_args){
		.kube = p->args.kube,
		.loop = p->args.loop,
		.jobs = p->jobs,
		.n_jobs = p->n_jobs,
		.parallel = p->args.parallel,
		.dial_ms = p->args.dial_ms,
		.ctx = p,
		.result = on_result,
		.job_done = on_job,
		.done = on_done,
	});
}

/* ---- */

bool
probing_possible(const struct probing *p)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->steps[i].state == OPERATION_STEP_PLANNED)
			return true;
	return false;
}

bool
probing_failed(const struct probing *p)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->steps[i].state == OPERATION_STEP_FAILED)
			return true;
	return false;
}

const char *
probing_error(const struct probing *p)
{
	return p->error.kind == ERR_NONE ? NULL : p->error.msg;
}

const struct operation_step *
probing_steps(const struct probing *p, size_t *n)
{
	*n = p->n;
	return p->steps;
}

struct probing *
probing_plan(const struct probing_args *args)
{
	struct probing *p = mem_alloc(sizeof(*p));

	p->args = *args;
	p->args.options.target.host = arena_strdup(&p->arena, args->options.target.host);
	p->args.parallel = args->parallel ? args->parallel : PARALLEL;
	p->n = args->n_agents;
	p->steps = ARENA_ARRAY(&p->arena, struct operation_step, p->n);
	p->work = ARENA_ARRAY(&p->arena, struct work, p->n);
	p->by_key = ARENA_ARRAY(&p->arena, size_t, p->n);
	for (size_t i = 0; i < p->n; i++) {
		struct workload_key *k = &p->work[i].key;

		k->kind = arena_strdup(&p->arena, args->agents[i].kind);
		k->namespace = arena_strdup(&p->arena, args->agents[i].namespace);
		k->name = arena_strdup(&p->arena, args->agents[i].name);
		p->steps[i] = (struct operation_step){
			.target = {k->kind, k->namespace, k->name}, .reason = "", .pods = -1};
	}
	p->soon = loop_add_timer(args->loop, planned_soon, p);
	make_plan(p);
	p->args.fleet = NULL;
	ask_permissions(p);
	return p;
}

void
probing_free(struct probing *p)
{
	if (!p)
		return;
	access_cancel(p->access);
	prober_cancel(p->prober);
	loop_timer_remove(p->soon);
	arena_free(&p->arena);
	free(p);
}
