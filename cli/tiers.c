/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/tiers.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/vec.h"
#include "cli/keep.h"
#include "fleet/proof.h"
#include "fleet/sight_plan.h"
#include "kube/sight.h"
#include "store/probes.h"
#include "store/source.h"

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
	bool done;
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

static void
not_read(struct tiers *t, const struct sight_task *task, size_t wanted)
{
	struct config_sighting s = {
		.workload = task->workload,
		.pod = task->pod,
		.pod_uid = task->pod_uid,
		.container = task->container,
		.started_at = task->started_at,
		.loaded_at = CLOCK_UNKNOWN,
		.at = clock_now() + kube_clock_skew(t->kube),
	};

	s.log_error = arena_printf(&t->arena, "there are %zu that matter, and moat reads %d at most", wanted,
				   TIERS_MOST_LOGS);
	vec_push(&t->configs, s);
}

/* The logs that matter. */
static void
plan_logs(struct tiers *t, const workload_list *list)
{
	struct sight_task *at;
	size_t left_out, n = sight_plan_make(t->fleet, list->at, list->n, SIGHT_LOG_NEEDED, NULL, 0, &t->arena, &at,
					     &left_out);

	add_tasks(t, at, n < TIERS_MOST_LOGS ? n : TIERS_MOST_LOGS);
	for (size_t i = TIERS_MOST_LOGS; i < n; i++)
		not_read(t, &at[i], n);
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
		vec_push(&t->configs, sight_copy_config(&t->arena, config));
	if (health)
		vec_push(&t->healths, sight_copy_health(&t->arena, health));
}

static void
on_done(void *ctx)
{
	((struct tiers *)ctx)->done = true;
}

static void
look(struct tiers *t)
{
	int64_t started_ms = clock_ms();
	size_t before = kube_counts(t->kube).requests;
	struct sight *s;
	struct err e;

	plan(t);
	s = sight_start(&(struct sight_args){
		.kube = t->kube,
		.loop = t->loop,
		.tasks = t->tasks.at,
		.n_tasks = t->tasks.n,
		.ctx = t,
		.seen = on_seen,
		.done = on_done,
	});
	while (!t->done && loop_once(t->loop, -1, &e))
		;
	if (!t->done)
		sight_cancel(s);
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
