/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/operations.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/clock.h"
#include "base/mem.h"
#include "cli/cluster.h"
#include "cli/probing.h"
#include "kube/restart.h"

#define GATHER_MS 150 /* what is new of many agents within a moment is one snapshot */

/* How far one operation is, in memory of its own: made by one thread, read by the other. */
struct snapshot {
	struct arena arena;
	struct operation operation;
	unsigned serial; /* of the operation */
};

/* What the console wants of the operation of that serial. */
struct wishes {
	struct arena arena; /* of the targets */
	enum operation_kind kind;
	struct operation_target *targets;
	size_t n_targets;
	unsigned serial;
	bool plan, go, drop;
};

/* What the history knows of a step. */
struct kept {
	unsigned action; /* archive_begin's; 0: it has not begun */
	int64_t began_ms; /* clock_ms */
	bool ended;
};

struct operations {
	struct operations_options opt;

	/* The console's thread alone. */
	struct snapshot *shown; /* NULL: nothing goes on */
	unsigned serial; /* of the operation that is shown */

	pthread_mutex_t lock; /* of these two */
	struct wishes wishes;
	struct snapshot *fresh;

	/* The cluster's thread alone: one of the two is there, or none. */
	struct restart *restart;
	struct probing *probing;
	enum operation_kind kind;
	unsigned running; /* its serial */
	bool planned, begun, ended;
	struct kept *kept; /* one for each step; NULL before it has begun */
	struct loop_timer *soon; /* publishes */
	struct arena refusal; /* of the text of the last one */
};

static struct snapshot *
snapshot_new(enum operation_kind kind, enum operation_phase phase, unsigned serial)
{
	struct snapshot *s = mem_alloc(sizeof(*s));

	s->operation.kind = kind;
	s->operation.phase = phase;
	s->serial = serial;
	return s;
}

static void
snapshot_free(struct snapshot *s)
{
	if (!s)
		return;
	arena_free(&s->arena);
	free(s);
}

static struct operation_target
copy_target(struct arena *a, const struct operation_target *t)
{
	return (struct operation_target){arena_strdup(a, t->kind), arena_strdup(a, t->namespace),
					 arena_strdup(a, t->name)};
}

/* ---- the cluster's thread: what goes on, as the console sees it */

static const enum operation_state states[] = {
	[RESTART_PLANNED] = OPERATION_STEP_PLANNED, [RESTART_REFUSED] = OPERATION_STEP_REFUSED,
	[RESTART_RUNNING] = OPERATION_STEP_RUNNING, [RESTART_DONE] = OPERATION_STEP_DONE,
	[RESTART_FAILED] = OPERATION_STEP_FAILED,   [RESTART_SKIPPED] = OPERATION_STEP_SKIPPED,
};

static enum operation_phase
phase_of(const struct operations *o)
{
	if (!o->planned)
		return OPERATION_PLANNING;
	if (!o->begun)
		return OPERATION_PLANNED;
	return o->ended ? OPERATION_ENDED : OPERATION_RUNNING;
}

static struct operation_step
step_of_restart(const struct restart_step *from)
{
	return (struct operation_step){
		.target = {from->target.kind, from->target.namespace, from->target.name},
		.state = states[from->state],
		.reason = from->reason,
		.pods = from->desired,
	};
}

/* The steps as they are now; texts are borrowed, the array is in the arena. */
static struct operation_step *
steps_now(const struct operations *o, struct arena *a, size_t *n)
{
	const struct restart_step *from;
	struct operation_step *steps;

	if (o->probing) {
		const struct operation_step *at = probing_steps(o->probing, n);

		return arena_copy(a, at, *n * sizeof(*at));
	}
	from = restart_steps(o->restart, n);
	steps = ARENA_ARRAY(a, struct operation_step, *n);
	for (size_t i = 0; i < *n; i++)
		steps[i] = step_of_restart(&from[i]);
	return steps;
}

static bool
has_ended(const struct operation_step *s)
{
	return s->state != OPERATION_STEP_PLANNED && s->state != OPERATION_STEP_RUNNING;
}

/* ---- into the history */

static void
begin_action(struct operations *o, const struct operation_step *s, struct kept *k)
{
	k->began_ms = clock_ms();
	k->action = archive_begin(o->opt.archive,
				  &(struct action){
					  .at = clock_now(),
					  .duration_ms = -1,
					  .who = o->opt.who,
					  .what = o->kind == OPERATION_PROBE ? "probe" : "restart",
					  .target = {s->target.namespace, s->target.name, s->target.kind},
					  .outcome = "begun",
					  .detail = "",
				  });
}

static void
end_action(struct operations *o, struct kept *k, const char *outcome, const char *detail)
{
	archive_end(o->opt.archive, k->action, outcome, detail, clock_ms() - k->began_ms);
	k->ended = true;
}

/* What was refused, or skipped, after the yes was never begun. */
static void
keep_step(struct operations *o, const struct operation_step *s, struct kept *k)
{
	bool done = s->state == OPERATION_STEP_DONE, failed = s->state == OPERATION_STEP_FAILED;

	if (!k->action && (done || failed || s->state == OPERATION_STEP_RUNNING))
		begin_action(o, s, k);
	if (k->action && !k->ended && (done || failed))
		end_action(o, k, done ? "done" : "failed", s->reason);
}

static void
keep(struct operations *o)
{
	AUTO(arena) struct arena scratch = {0};
	struct operation_step *steps;
	size_t n;

	if (!o->opt.archive || !o->begun)
		return;
	steps = steps_now(o, &scratch, &n);
	if (!o->kept)
		o->kept = mem_array(n, sizeof(*o->kept));
	for (size_t i = 0; i < n; i++)
		keep_step(o, &steps[i], &o->kept[i]);
}

/* Of a rollout that nobody waits for any more the end is not known; probes are over. */
static void
keep_breaking_off(struct operations *o)
{
	size_t n = 0;

	if (o->restart)
		restart_steps(o->restart, &n);
	else if (o->probing)
		probing_steps(o->probing, &n);
	for (size_t i = 0; o->kept && i < n; i++) {
		if (!o->kept[i].action || o->kept[i].ended)
			continue;
		if (o->probing)
			end_action(o, &o->kept[i], "failed", "broken off");
		else
			archive_end(o->opt.archive, o->kept[i].action, "begun",
				    "not waited for: its rollout goes on", -1);
	}
	free(take(o->kept));
}

/* ---- what is new */

static bool
has_failed(const struct operations *o)
{
	return o->probing ? probing_failed(o->probing) : restart_failed(o->restart);
}

static bool
is_possible(const struct operations *o)
{
	return o->probing ? probing_possible(o->probing) : restart_possible(o->restart);
}

static void
publish(void *ctx)
{
	struct operations *o = ctx;
	struct snapshot *s = snapshot_new(o->kind, phase_of(o), o->running), *old;
	struct operation *op = &s->operation;
	size_t n;
	struct operation_step *steps = steps_now(o, &s->arena, &n);

	for (size_t i = 0; i < n; i++) {
		steps[i].target = copy_target(&s->arena, &steps[i].target);
		steps[i].reason = arena_strdup(&s->arena, steps[i].reason);
		op->done += o->begun && has_ended(&steps[i]);
	}
	op->steps = steps;
	op->n = n;
	op->possible = o->planned && is_possible(o);
	op->failed = o->ended && has_failed(o);
	op->error = o->probing ? arena_strdup(&s->arena, probing_error(o->probing)) : NULL;
	pthread_mutex_lock(&o->lock);
	old = o->fresh;
	o->fresh = s;
	pthread_mutex_unlock(&o->lock);
	snapshot_free(old);
	loop_timer_cancel(o->soon);
	keep(o);
	o->opt.news(o->opt.ctx);
}

static void
on_restart(void *ctx, struct restart *r)
{
	struct operations *o = ctx;

	if (r == o->restart)
		publish(o);
}

static void
tell_restarted(struct operations *o)
{
	size_t n;
	const struct restart_step *steps = restart_steps(o->restart, &n);

	for (size_t i = 0; i < n; i++)
		if (steps[i].state == RESTART_DONE)
			o->opt.restarted(o->opt.ctx,
					 &(struct operation_target){steps[i].target.kind, steps[i].target.namespace,
								    steps[i].target.name});
}

static void
on_restart_done(void *ctx, struct restart *r)
{
	struct operations *o = ctx;

	if (r != o->restart)
		return;
	o->ended = o->begun;
	o->planned = true;
	publish(o);
	if (o->ended)
		tell_restarted(o);
}

static void
on_probing(void *ctx)
{
	loop_timer_set(((struct operations *)ctx)->soon, GATHER_MS);
}

static void
on_result(void *ctx, const struct probe_result *r)
{
	struct operations *o = ctx;

	o->opt.probed(o->opt.ctx, r);
}

static void
on_probing_done(void *ctx)
{
	struct operations *o = ctx;

	o->ended = o->begun;
	o->planned = true;
	publish(o);
}

/* ---- doing it */

static void
drop(struct operations *o)
{
	keep_breaking_off(o);
	restart_free(take(o->restart));
	probing_free(take(o->probing));
	loop_timer_cancel(o->soon);
	o->planned = o->begun = o->ended = false;
}

static const char *
refusal(void *ctx, const struct restart_target *t)
{
	struct operations *o = ctx;

	arena_reset(&o->refusal);
	return cli_restart_refusal(o->opt.fleet(o->opt.ctx), t, &o->refusal);
}

static void
plan_restart(struct operations *o, struct wishes *w)
{
	struct restart_target *targets = ARENA_ARRAY(&w->arena, struct restart_target, w->n_targets);

	for (size_t i = 0; i < w->n_targets; i++)
		targets[i] =
			(struct restart_target){w->targets[i].kind, w->targets[i].namespace, w->targets[i].name};
	o->restart = restart_plan(&(struct restart_args){
		.kube = o->opt.kube,
		.loop = o->opt.loop,
		.targets = targets,
		.n_targets = w->n_targets,
		.read_only = o->opt.read_only,
		.field_manager = o->opt.field_manager,
		.ctx = o,
		.refusal = refusal,
		.changed = on_restart,
		.done = on_restart_done,
	});
}

static void
plan_probing(struct operations *o, const struct wishes *w)
{
	const struct probe_settings *s = o->opt.probes;

	o->probing = probing_plan(&(struct probing_args){
		.kube = o->opt.kube,
		.loop = o->opt.loop,
		.fleet = o->opt.fleet(o->opt.ctx),
		.agents = w->targets,
		.n_agents = w->n_targets,
		.options = {.target = s->target},
		.parallel = (size_t)s->parallel,
		.dial_ms = s->dial_ms,
		.read_only = o->opt.read_only,
		.ctx = o,
		.changed = on_probing,
		.result = on_result,
		.done = on_probing_done,
	});
}

static void
plan(struct operations *o, struct wishes *w)
{
	drop(o);
	o->running = w->serial;
	o->kind = w->kind;
	if (w->kind == OPERATION_PROBE)
		plan_probing(o, w);
	else
		plan_restart(o, w);
}

static void
start(struct operations *o)
{
	o->begun = true;
	if (o->probing)
		probing_go(o->probing);
	else
		restart_go(o->restart);
	publish(o);
}

void
operations_act(struct operations *o)
{
	struct wishes w;

	pthread_mutex_lock(&o->lock);
	w = o->wishes;
	o->wishes = (struct wishes){.serial = w.serial};
	pthread_mutex_unlock(&o->lock);
	if (w.plan)
		plan(o, &w);
	if (w.drop)
		drop(o);
	else if (w.go && (o->restart || o->probing) && o->running == w.serial && o->planned && !o->begun &&
		 is_possible(o))
		start(o);
	arena_free(&w.arena);
}

void
operations_end(struct operations *o)
{
	drop(o);
}

/* ---- the console's thread */

static void
show(struct operations *o, struct snapshot *s)
{
	snapshot_free(o->shown);
	o->shown = s;
}

static void
wish_plan(struct operations *o, enum operation_kind kind, const struct operation_target *targets, size_t n)
{
	struct wishes w = {.kind = kind, .plan = true, .n_targets = n, .serial = ++o->serial};

	w.targets = ARENA_ARRAY(&w.arena, struct operation_target, n);
	for (size_t i = 0; i < n; i++)
		w.targets[i] = copy_target(&w.arena, &targets[i]);
	show(o, snapshot_new(kind, OPERATION_PLANNING, w.serial));
	pthread_mutex_lock(&o->lock);
	arena_free(&o->wishes.arena);
	o->wishes = w;
	pthread_mutex_unlock(&o->lock);
	o->opt.wish(o->opt.ctx);
}

void
operations_restart(struct operations *o, const struct operation_target *targets, size_t n)
{
	wish_plan(o, OPERATION_RESTART, targets, n);
}

void
operations_probe(struct operations *o, const struct operation_target *agents, size_t n)
{
	wish_plan(o, OPERATION_PROBE, agents, n);
}

void
operations_go(struct operations *o)
{
	pthread_mutex_lock(&o->lock);
	o->wishes.go = true;
	pthread_mutex_unlock(&o->lock);
	o->opt.wish(o->opt.ctx);
}

void
operations_drop(struct operations *o)
{
	show(o, NULL);
	o->serial++; /* what is under way of it is not shown any more */
	pthread_mutex_lock(&o->lock);
	arena_free(&o->wishes.arena);
	o->wishes = (struct wishes){.drop = true, .serial = o->serial};
	pthread_mutex_unlock(&o->lock);
	o->opt.wish(o->opt.ctx);
}

struct operation
operations_look(const struct operations *o)
{
	return o->shown ? o->shown->operation : (struct operation){0};
}

void
operations_take(struct operations *o)
{
	struct snapshot *s;

	pthread_mutex_lock(&o->lock);
	s = take(o->fresh);
	pthread_mutex_unlock(&o->lock);
	if (s && s->serial == o->serial)
		show(o, s);
	else
		snapshot_free(s);
}

struct operations *
operations_new(const struct operations_options *opt)
{
	struct operations *o = mem_alloc(sizeof(*o));

	o->opt = *opt;
	o->soon = loop_add_timer(opt->loop, publish, o);
	pthread_mutex_init(&o->lock, NULL);
	return o;
}

void
operations_free(struct operations *o)
{
	if (!o)
		return;
	drop(o);
	loop_timer_remove(o->soon);
	arena_free(&o->refusal);
	arena_free(&o->wishes.arena);
	snapshot_free(o->fresh);
	snapshot_free(o->shown);
	pthread_mutex_destroy(&o->lock);
	free(o);
}
