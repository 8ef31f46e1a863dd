/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/lookout.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/vec.h"
#include "cli/own_key.h"
#include "fleet/loading.h"
#include "fleet/sight_plan.h"
#include "kube/sight.h"

#define TICK_MS 500
#define PAGE_MS 15000 /* between two looks at what is on the screen */
#define PAGE_MOST 16 /* replicas of one companion */
#define FIRST_MS 1000 /* after the first fleet */
#define SETTLE_MS 5000 /* changes come in swarms: a fleet that is made anew may soon be another */
#define ROUND_MS 60000 /* between two rounds through the fleet */
#define ROUND_MOST 200 /* containers in one round: ten thousand companions are no ten thousand requests at once */
#define AWAIT_MS 15000 /* between two looks at one whose new config is awaited */
#define AWAIT_FIRST_MS 2000
#define AWAIT_LONGEST_MS 180000 /* the kubelet brings a change within 66 s; then the Pipelock has to load it */
#define AWAIT_MOST 64 /* at once; more are left to the rounds */

enum cause { CAUSE_CHANGE, CAUSE_RESTART };

/* One whose new config is awaited. */
struct awaited {
	struct workload_key key; /* strings of its own */
	enum cause cause;
	int64_t since_ms, next_ms; /* clock_ms */
};

/* What a workload's config was in the fleet before, to tell a change by. */
struct wanted {
	struct workload_key key; /* in the arena */
	const char *hash;
};

/* One run of kube/sight, with the tasks it borrows. */
struct look {
	struct lookout *lookout;
	struct arena arena;
	struct sight *sight; /* NULL: none is under way */
};

struct lookout {
	struct lookout_options opt;
	struct loop_timer *tick;

	struct look round; /* through the fleet, or at those that are awaited */
	bool round_is_for_all;
	size_t left_out;
	bool round_wanted, had_round;
	int64_t round_ms; /* not before */
	int64_t last_round_ms;

	struct look page;
	struct workload_key agent; /* on the screen, strings of its own; name NULL: none */
	bool page_looked; /* a first time: from then on only at what may be another */
	int64_t page_ms; /* not before */

	VEC(struct awaited) awaited;
	struct arena wanted_arena;
	struct wanted *wanted; /* in the fleet's order; NULL before the first */
	size_t n_wanted;
};

static struct workload *
find(const struct fleet *f, const struct workload_key *k)
{
	return fleet_workload(f, k->namespace, k->kind, k->name);
}

/* ---- looks */

static void
on_seen(void *ctx, const struct config_sighting *config, const struct health_sighting *health)
{
	struct look *k = ctx;

	k->lookout->opt.saw(k->lookout->opt.ctx, config, health);
}

struct wish {
	const struct workload *const *at;
	size_t n;
	unsigned what;
	bool anew; /* what was seen before does not count */
	size_t most;
};

/* Nothing is done when there is nothing to look at: false. */
static bool
look(struct look *k, const struct wish *w, size_t *left_out, void (*done)(void *ctx))
{
	struct lookout *l = k->lookout;
	const struct fleet *f = l->opt.fleet(l->opt.ctx);
	struct sight_task *tasks;
	size_t n_tasks;

	arena_reset(&k->arena);
	n_tasks = sight_plan_make(f, w->at, w->n, w->what, w->anew ? NULL : f->evidence, w->most, &k->arena, &tasks,
				  left_out);
	if (!n_tasks)
		return false;
	k->sight = sight_start(&(struct sight_args){
		.kube = l->opt.kube,
		.loop = l->opt.loop,
		.tasks = tasks,
		.n_tasks = n_tasks,
		.ctx = k,
		.seen = on_seen,
		.done = done,
	});
	return true;
}

/* ---- the fleet */

static void
end_round(struct lookout *l)
{
	if (l->round_is_for_all && !l->left_out)
		l->opt.saw(l->opt.ctx, NULL, NULL);
	/* Those that were left out have their turn in the next one. */
	l->round_wanted |= l->round_is_for_all && l->left_out;
	l->last_round_ms = clock_ms();
	l->round_ms = l->last_round_ms + ROUND_MS;
}

static void
round_done(void *ctx)
{
	struct look *k = ctx;

	k->sight = NULL;
	if (k->lookout->round_is_for_all)
		end_round(k->lookout);
}

/* Companions, and agents with a sidecar. */
static const struct workload **
with_pipelock(const struct fleet *f, size_t *n)
{
	const struct workload **at = mem_array(f->n_workloads + 1, sizeof(*at));

	*n = 0;
	for (size_t i = 0; i < f->n_workloads; i++)
		if (f->workloads[i].pipelock)
			at[(*n)++] = &f->workloads[i];
	return at;
}

static void
go_round(struct lookout *l, const struct fleet *f)
{
	size_t n;
	const struct workload **at = with_pipelock(f, &n);

	l->round_wanted = false;
	l->had_round = true;
	l->round_is_for_all = true;
	if (!look(&l->round, &(struct wish){at, n, SIGHT_LOG_NEEDED, false, ROUND_MOST}, &l->left_out, round_done))
		end_round(l);
	free(at);
}

/* ---- new configs */

enum arrival { ARRIVAL_LOADED, ARRIVAL_OTHER, ARRIVAL_UNKNOWN };

static const struct config_sighting *
sighting_of(const struct fleet *f, const struct workload_key *k, const struct pod *pod,
	    const struct container_status *s)
{
	size_t n;
	const struct config_sighting *at = evidence_configs(f->evidence, k, &n);

	for (size_t i = 0; i < n; i++)
		if (str_eq(at[i].pod_uid, pod->object.uid) && str_eq(at[i].container, s->name) &&
		    at[i].started_at == s->started_at)
			return &at[i];
	return NULL;
}

/* Of several replicas the worst counts. */
static enum arrival
arrival(const struct fleet *f, const struct workload *w, const struct workload_key *k)
{
	const struct live *live = fleet_live(f, w);
	enum arrival worst = ARRIVAL_UNKNOWN;
	bool any = false;

	for (size_t i = 0; i < live->n_pods; i++) {
		const struct container_status *s = loading_running(live->pods[i], w->pipelock->container->name);
		const struct config_sighting *seen = s ? sighting_of(f, k, live->pods[i], s) : NULL;

		if (!s)
			continue;
		if (!seen || !seen->loaded_hash)
			return ARRIVAL_UNKNOWN;
		if (!str_eq(seen->loaded_hash, w->pipelock->config_hash))
			worst = ARRIVAL_OTHER;
		else if (!any)
			worst = ARRIVAL_LOADED;
		any = true;
	}
	return worst;
}

static void
tell_loaded(struct lookout *l, const struct awaited *a, const char *hash)
{
	notices_add(l->opt.notices, STYLE_OK, "%s/%s %s (%.12s)", a->key.namespace, a->key.name,
		    a->cause == CAUSE_RESTART ? "has come up with the present config"
					      : "has loaded its changed config",
		    hash);
	l->opt.news(l->opt.ctx);
}

static void
tell_not_loaded(struct lookout *l, const struct awaited *a, enum arrival state)
{
	const char *since = a->cause == CAUSE_RESTART ? "its restart" : "its ConfigMap changed";

	if (state == ARRIVAL_UNKNOWN)
		notices_add(l->opt.notices, STYLE_WARN, "%s/%s: which config it has loaded since %s is not known",
			    a->key.namespace, a->key.name, since);
	else
		notices_add(l->opt.notices, STYLE_BAD, "%s/%s still runs another config, three minutes after %s%s",
			    a->key.namespace, a->key.name, since,
			    a->cause == CAUSE_RESTART ? "" : ": restart it (r)");
	l->opt.news(l->opt.ctx);
}

/* true: it is not awaited any more. */
static bool
settle(struct lookout *l, const struct fleet *f, const struct awaited *a, int64_t now)
{
	const struct workload *w = find(f, &a->key);
	enum arrival state;

	if (!w || !w->pipelock || !w->pipelock->config_hash)
		return true;
	state = arrival(f, w, &a->key);
	if (state == ARRIVAL_LOADED)
		tell_loaded(l, a, w->pipelock->config_hash);
	else if (now - a->since_ms >= AWAIT_LONGEST_MS)
		tell_not_loaded(l, a, state);
	else
		return false;
	return true;
}

static void
settle_all(struct lookout *l, const struct fleet *f, int64_t now)
{
	size_t kept = 0;

	for (size_t i = 0; i < l->awaited.n; i++) {
		if (settle(l, f, &l->awaited.at[i], now))
			own_key_free(&l->awaited.at[i].key);
		else
			l->awaited.at[kept++] = l->awaited.at[i];
	}
	l->awaited.n = kept;
}

static void
await(struct lookout *l, const struct workload_key *k, enum cause cause)
{
	struct awaited *a = NULL;

	for (size_t i = 0; i < l->awaited.n; i++)
		if (workload_key_cmp(&l->awaited.at[i].key, k) == 0)
			a = &l->awaited.at[i];
	if (!a && l->awaited.n == AWAIT_MOST)
		return;
	if (!a) {
		vec_push(&l->awaited, (struct awaited){.key = own_key_new(k)});
		a = &l->awaited.at[l->awaited.n - 1];
	}
	a->cause = cause;
	a->since_ms = clock_ms();
	a->next_ms = a->since_ms + AWAIT_FIRST_MS;
}

static void
look_at_awaited(struct lookout *l, const struct fleet *f, int64_t now)
{
	const struct workload *at[AWAIT_MOST];
	size_t n = 0;

	for (size_t i = 0; i < l->awaited.n; i++) {
		struct awaited *a = &l->awaited.at[i];
		const struct workload *w = now >= a->next_ms ? find(f, &a->key) : NULL;

		if (!w)
			continue;
		a->next_ms = now + AWAIT_MS;
		at[n++] = w;
	}
	l->round_is_for_all = false;
	if (n)
		look(&l->round, &(struct wish){at, n, SIGHT_LOG, true, ROUND_MOST}, &l->left_out, round_done);
}

/* ---- what is on the screen */

static void
page_done(void *ctx)
{
	struct look *k = ctx;

	k->sight = NULL;
	k->lookout->page_ms = clock_ms() + PAGE_MS;
}

static void
look_at_page(struct lookout *l, const struct fleet *f, int64_t now)
{
	const struct workload *w = find(f, &l->agent);
	unsigned what = SIGHT_LOG | SIGHT_HEALTH | (l->opt.read_only ? 0u : (unsigned)SIGHT_FILE);
	struct wish wish = {&w, 1, what, !l->page_looked, PAGE_MOST};
	size_t left_out;

	if (w && w->companion)
		w = w->companion;
	l->page_looked = true;
	if (!w || !w->pipelock || !look(&l->page, &wish, &left_out, page_done))
		l->page_ms = now + PAGE_MS;
}

/* ---- */

static void
on_tick(void *ctx)
{
	struct lookout *l = ctx;
	const struct fleet *f = l->opt.fleet(l->opt.ctx);
	int64_t now = clock_ms();

	loop_timer_set(l->tick, TICK_MS);
	if (!f)
		return;
	if (l->agent.name && !l->page.sight && now >= l->page_ms)
		look_at_page(l, f, now);
	settle_all(l, f, now);
	if (!l->round.sight)
		look_at_awaited(l, f, now);
	if (!l->round.sight && l->round_wanted && now >= l->round_ms)
		go_round(l, f);
}

/* Both lists are in the order of keys: whose hash is another than it was? */
static void
note_changes(struct lookout *l, const struct wanted *at, size_t n)
{
	size_t k = 0;

	for (size_t i = 0; i < n; i++) {
		while (k < l->n_wanted && workload_key_cmp(&l->wanted[k].key, &at[i].key) < 0)
			k++;
		if (k < l->n_wanted && workload_key_cmp(&l->wanted[k].key, &at[i].key) == 0 &&
		    !str_eq(l->wanted[k].hash, at[i].hash))
			await(l, &at[i].key, CAUSE_CHANGE);
	}
}

void
lookout_fleet(struct lookout *l)
{
	const struct fleet *f = l->opt.fleet(l->opt.ctx);
	int64_t now = clock_ms(), soonest = now + (l->had_round ? SETTLE_MS : FIRST_MS);
	struct arena arena = {0};
	struct wanted *at = ARENA_ARRAY(&arena, struct wanted, f->n_workloads);
	size_t n = 0;

	for (size_t i = 0; i < f->n_workloads; i++) {
		const struct workload *w = &f->workloads[i];

		if (w->pipelock && w->pipelock->config_hash)
			at[n++] = (struct wanted){{arena_strdup(&arena, w->namespace),
						   arena_strdup(&arena, w->name), arena_strdup(&arena, w->kind)},
						  arena_strdup(&arena, w->pipelock->config_hash)};
	}
	note_changes(l, at, n);
	arena_free(&l->wanted_arena);
	l->wanted_arena = arena;
	l->wanted = at;
	l->n_wanted = n;
	l->round_wanted = true;
	l->round_ms = l->had_round && l->last_round_ms + ROUND_MS > soonest ? l->last_round_ms + ROUND_MS : soonest;
}

void
lookout_look_at(struct lookout *l, const struct workload_key *agent)
{
	if (own_key_is(&l->agent, agent))
		return;
	sight_cancel(take(l->page.sight));
	own_key_free(&l->agent);
	if (agent)
		l->agent = own_key_new(agent);
	l->page_ms = 0;
	l->page_looked = false;
	loop_timer_set(l->tick, 0);
}

void
lookout_restarted(struct lookout *l, const struct operation_target *t)
{
	const struct workload_key key = {t->namespace, t->name, t->kind};
	const struct fleet *f = l->opt.fleet(l->opt.ctx);
	const struct workload *w = f ? find(f, &key) : NULL;

	if (w && w->pipelock && w->pipelock->config_hash)
		await(l, &key, CAUSE_RESTART);
}

struct lookout *
lookout_new(const struct lookout_options *opt)
{
	struct lookout *l = mem_alloc(sizeof(*l));

	l->opt = *opt;
	l->round.lookout = l->page.lookout = l;
	l->tick = loop_add_timer(opt->loop, on_tick, l);
	loop_timer_set(l->tick, TICK_MS);
	return l;
}

void
lookout_free(struct lookout *l)
{
	if (!l)
		return;
	sight_cancel(l->round.sight);
	sight_cancel(l->page.sight);
	loop_timer_remove(l->tick);
	for (size_t i = 0; i < l->awaited.n; i++)
		own_key_free(&l->awaited.at[i].key);
	vec_free(&l->awaited);
	own_key_free(&l->agent);
	arena_free(&l->round.arena);
	arena_free(&l->page.arena);
	arena_free(&l->wanted_arena);
	free(l);
}
