/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/tiers.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/vec.h"
#include "cli/keep.h"
#include "fleet/proof.h"
#include "fleet/sight_plan.h"
#include "kube/sight.h"
#include "store/probes.h"
#include "store/source.h"

#define LOOK_MS 60000 /* for all that is looked at, and for each of them more */
#define LOOK_EACH_MS 100

struct tiers {
	const struct cli *cli;
	const struct fleet *fleet;
	struct loop *loop;
	struct kube *kube;
	struct arena arena;
	struct evidence_parts parts;

	VEC(struct sight_task) tasks;
	VEC(struct config_sighting) configs;
	VEC(struct health_sighting) healths;
	bool done, late; /* all was seen; the time for it has passed */
};

/* ---- the probes that were kept */

/* No file, no probes. One that cannot be read is not the same: what it holds might be bad news. */
static void
add_probes(struct tiers *t)
{
	struct cluster_key key = cluster_key_of(t->fleet);
	AUTO(free) char *path = keep_path(t->cli);
	AUTO(db) struct db *d = NULL;
	struct probe_result *at = NULL;
	struct err e = {0};

	if (t->cli->demo || t->cli->no_store || !cluster_known(&key))
		return;
	t->parts.has_probes = true;
	if (!path || !*path || (access(path, F_OK) != 0 && errno == ENOENT))
		return;
	d = db_open(&(struct db_options){.path = path, .use = DB_READ}, &e);
	if (d && probes_last(d, t->fleet, &t->arena, &at, &t->parts.n_probes, &e)) {
		t->parts.probes = at;
		return;
	}
	t->parts.probes_error = arena_strdup(&t->arena, e.msg);
	log_warn("the probes of the history: %s", e.msg);
}

/* ---- whom to look at */

typedef VEC(const struct workload *) workload_list;

/* What is judged and runs Pipelock. */
static void
choose(const struct tiers *t, workload_list *out)
{
	const struct fleet *f = t->fleet;

	for (size_t i = 0; i < f->n_workloads; i++) {
		const struct workload *w = &f->workloads[i];

		if (w->pipelock && (w->role == ROLE_AGENT || w->role == ROLE_COMPANION) &&
		    audit_chooses(&t->cli->config->audit, w))
			vec_push(out, w);
	}
}

static void
add_tasks(struct tiers *t, const struct sight_task *at, size_t n)
{
	for (size_t i = 0; i < n; i++)
		vec_push(&t->tasks, at[i]);
}

static int64_t
server_now(const struct tiers *t)
{
	return clock_now() + kube_clock_skew(t->kube);
}

static void
not_read(struct tiers *t, const struct sight_task *task, const char *why)
{
	struct config_sighting s = {
		.workload = task->workload,
		.pod = task->pod,
		.pod_uid = task->pod_uid,
		.container = task->container,
		.started_at = task->started_at,
		.loaded_at = CLOCK_UNKNOWN,
		.log_error = task->log ? why : NULL,
		.file_error = task->file ? why : NULL,
		.at = server_now(t),
	};

	if (task->log || task->file)
		vec_push(&t->configs, s);
}

/* The logs that matter. */
static void
plan_logs(struct tiers *t, const workload_list *list)
{
	struct sight_task *at;
	size_t left_out, n = sight_plan_make(t->fleet, list->at, list->n, SIGHT_LOG_NEEDED, NULL, 0, &t->arena, &at,
					     &left_out);
	const char *why =
		arena_printf(&t->arena, "there are %zu that matter, and moat reads %d at most", n, TIERS_MOST_LOGS);

	add_tasks(t, at, n < TIERS_MOST_LOGS ? n : TIERS_MOST_LOGS);
	for (size_t i = TIERS_MOST_LOGS; i < n; i++)
		not_read(t, &at[i], why);
}

static void
plan_of(struct tiers *t, const struct workload *const *list, size_t n, unsigned what)
{
	struct sight_task *at;
	size_t left_out, count;

	count = sight_plan_make(t->fleet, list, n, what, NULL, 0, &t->arena, &at, &left_out);
	add_tasks(t, at, count);
}

/*
 * Of the one that is shown, what runs the Pipelock that it talks through is looked at in full. A command in a container is no
 * write, yet nothing that a read-only moat should be seen to do.
 */
static void
plan_one(struct tiers *t)
{
	const struct cli *cli = t->cli;
	const struct workload *w = cli->n_args == 1 ? cli_agent_named(t->fleet, cli->args[0]) : NULL;
	unsigned what = SIGHT_HEALTH | (cli->no_logs ? 0u : (unsigned)SIGHT_LOG_NEEDED) |
			(cli->read_only ? 0u : (unsigned)SIGHT_FILE);

	if (w && !w->pipelock)
		w = w->companion;
	if (w && w->pipelock)
		plan_of(t, &w, 1, what);
}

static void
plan(struct tiers *t)
{
	workload_list list = {0};

	if (t->cli->command->bit & CMD_SHOW) {
		plan_one(t);
		return;
	}
	choose(t, &list);
	if (!t->cli->no_logs)
		plan_logs(t, &list);
	if (t->cli->health)
		plan_of(t, list.at, list.n, SIGHT_HEALTH);
	vec_free(&list);
}

/* ---- the looking */

static void
on_seen(void *ctx, const struct config_sighting *config, const struct health_sighting *health)
{
	struct tiers *t = ctx;

	if (config)
		vec_push(&t->configs, config_sighting_copy(&t->arena, config));
	if (health)
		vec_push(&t->healths, health_sighting_copy(&t->arena, health));
}

static void
on_done(void *ctx)
{
	((struct tiers *)ctx)->done = true;
}

static void
on_late(void *ctx)
{
	((struct tiers *)ctx)->late = true;
}

static void
not_seen(void *ctx, const struct sight_task *task)
{
	static const char why[] = "there was no time left for it: others took too long to answer";
	struct tiers *t = ctx;

	not_read(t, task, why);
	if (task->health)
		vec_push(&t->healths, (struct health_sighting){.workload = task->workload,
							       .pod = task->pod,
							       .pod_uid = task->pod_uid,
							       .error = why,
							       .uptime_s = -1,
							       .kill_switch = -1,
							       .at = server_now(t)});
}

/* Nodes that are gone make every look at their pods last: a command does not wait for all of them. */
static void
run(struct tiers *t)
{
	struct loop_timer *limit = loop_add_timer(t->loop, on_late, t);
	struct sight *s = sight_start(&(struct sight_args){
		.kube = t->kube,
		.loop = t->loop,
		.tasks = t->tasks.at,
		.n_tasks = t->tasks.n,
		.ctx = t,
		.seen = on_seen,
		.done = on_done,
	});
	struct err e;

	loop_timer_set(limit, LOOK_MS + LOOK_EACH_MS * (int64_t)t->tasks.n);
	while (!t->done && !t->late && loop_once(t->loop, -1, &e))
		;
	if (!t->done) {
		sight_left(s, not_seen, t);
		sight_cancel(s);
	}
	loop_timer_remove(limit);
}

static void
look(struct tiers *t)
{
	int64_t started_ms = clock_ms();
	size_t before = kube_counts(t->kube).requests;

	plan(t);
	run(t);
	log_info("looked at %zu Pipelocks by %zu requests in %lld ms", t->tasks.n,
		 kube_counts(t->kube).requests - before, (long long)(clock_ms() - started_ms));
	t->parts.has_logs = !t->cli->no_logs;
	/* What nobody asked for is shown where it is there, and no rule misses it. */
	t->parts.has_health = t->cli->health;
	t->parts.configs = t->configs.at;
	t->parts.n_configs = t->configs.n;
	t->parts.healths = t->healths.at;
	t->parts.n_healths = t->healths.n;
}

struct fleet *
tiers_add(const struct cli *cli, struct fleet *f, struct loop *loop, struct kube *k)
{
	struct tiers t = {.cli = cli, .fleet = f, .loop = loop, .kube = k};
	struct fleet_touched touched = {0};
	struct evidence *evidence;
	struct fleet *next;

	add_probes(&t);
	if (!k && !t.parts.has_probes)
		return f; /* files that name no cluster: nothing is known besides them */
	if (k)
		look(&t);
	evidence = evidence_add(NULL, &t.parts);
	next = fleet_prove(f, evidence, &touched);
	fleet_touched_free(&touched);
	evidence_unref(evidence);
	fleet_unref(f);
	vec_free(&t.tasks);
	vec_free(&t.configs);
	vec_free(&t.healths);
	arena_free(&t.arena);
	return next;
}
