/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/operations.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/mem.h"
#include "fleet/setup.h"
#include "kube/restart.h"

/* How far one restart is, in memory of its own: made by one thread, read by the other. */
struct snapshot {
	struct arena arena;
	struct operation operation;
	unsigned serial; /* of the restart */
};

/* What the console wants of the restart of that serial. */
struct wishes {
	struct arena arena; /* of the targets */
	struct restart_target *targets;
	size_t n_targets;
	unsigned serial;
	bool plan, go, drop;
};

struct operations {
	struct operations_options opt;

	/* The console's thread alone. */
	struct snapshot *shown; /* NULL: nothing goes on */
	unsigned serial; /* of the restart that is shown */

	pthread_mutex_t lock; /* of these two */
	struct wishes wishes;
	struct snapshot *fresh;

	/* The cluster's thread alone. */
	struct restart *restart;
	unsigned running; /* its serial */
	bool planned, begun, ended;
	struct arena refusal; /* of the text of the last one */
};

static struct snapshot *
snapshot_new(enum operation_phase phase, unsigned serial)
{
	struct snapshot *s = mem_alloc(sizeof(*s));

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

/* ---- the cluster's thread */

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
copy_step(struct arena *a, const struct restart_step *from)
{
	return (struct operation_step){
		.target = {arena_strdup(a, from->target.kind), arena_strdup(a, from->target.namespace),
			   arena_strdup(a, from->target.name)},
		.state = states[from->state],
		.reason = arena_strdup(a, from->reason),
		.pods = from->desired,
	};
}

static void
publish(struct operations *o)
{
	struct snapshot *s = snapshot_new(phase_of(o), o->running), *old;
	size_t n;
	const struct restart_step *from = restart_steps(o->restart, &n);
	struct operation_step *steps = ARENA_ARRAY(&s->arena, struct operation_step, n);

	for (size_t i = 0; i < n; i++)
		steps[i] = copy_step(&s->arena, &from[i]);
	s->operation.steps = steps;
	s->operation.n = n;
	s->operation.possible = o->planned && restart_possible(o->restart);
	s->operation.failed = o->ended && restart_failed(o->restart);
	pthread_mutex_lock(&o->lock);
	old = o->fresh;
	o->fresh = s;
	pthread_mutex_unlock(&o->lock);
	snapshot_free(old);
	o->opt.news(o->opt.ctx);
}

static void
on_changed(void *ctx, struct restart *r)
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
on_done(void *ctx, struct restart *r)
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
drop(struct operations *o)
{
	restart_free(take(o->restart));
	o->planned = o->begun = o->ended = false;
}

/* What would not come up again is not taken down. */
static const char *
refusal(void *ctx, const struct restart_target *t)
{
	struct operations *o = ctx;
	const struct fleet *f = o->opt.fleet(o->opt.ctx);
	const struct workload *w = f ? fleet_workload(f, t->namespace, t->kind, t->name) : NULL;
	const char *reason;

	arena_reset(&o->refusal);
	reason = w ? setup_refusal(w, &o->refusal) : NULL;
	return reason ? arena_printf(&o->refusal, "its Pipelock would not come up again: %s", reason) : NULL;
}

static void
plan(struct operations *o, const struct wishes *w)
{
	drop(o);
	o->running = w->serial;
	o->restart = restart_plan(&(struct restart_args){
		.kube = o->opt.kube,
		.loop = o->opt.loop,
		.targets = w->targets,
		.n_targets = w->n_targets,
		.read_only = o->opt.read_only,
		.field_manager = o->opt.field_manager,
		.ctx = o,
		.refusal = refusal,
		.changed = on_changed,
		.done = on_done,
	});
}

void
operations_end(struct operations *o)
{
	drop(o);
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
	if (w.drop && o->restart)
		drop(o);
	else if (w.go && o->restart && o->running == w.serial && o->planned && !o->begun && restart_possible(o->restart)) {
		o->begun = true;
		restart_go(o->restart);
		publish(o);
	}
	arena_free(&w.arena);
}

/* ---- the console's thread */

static void
show(struct operations *o, struct snapshot *s)
{
	snapshot_free(o->shown);
	o->shown = s;
}

void
operations_restart(struct operations *o, const struct operation_target *targets, size_t n)
{
	struct wishes w = {.plan = true, .n_targets = n, .serial = ++o->serial};

	w.targets = ARENA_ARRAY(&w.arena, struct restart_target, n);
	for (size_t i = 0; i < n; i++)
		w.targets[i] = (struct restart_target){arena_strdup(&w.arena, targets[i].kind),
						       arena_strdup(&w.arena, targets[i].namespace),
						       arena_strdup(&w.arena, targets[i].name)};
	show(o, snapshot_new(OPERATION_PLANNING, w.serial));
	pthread_mutex_lock(&o->lock);
	arena_free(&o->wishes.arena);
	o->wishes = w;
	pthread_mutex_unlock(&o->lock);
	o->opt.wish(o->opt.ctx);
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
	pthread_mutex_init(&o->lock, NULL);
	return o;
}

void
operations_free(struct operations *o)
{
	if (!o)
		return;
	drop(o);
	arena_free(&o->wishes.arena);
	arena_free(&o->refusal);
	snapshot_free(o->fresh);
	snapshot_free(o->shown);
	pthread_mutex_destroy(&o->lock);
	free(o);
}
