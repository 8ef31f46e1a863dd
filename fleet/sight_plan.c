/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/sight_plan.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "base/vec.h"
#include "fleet/command.h"
#include "fleet/loading.h"
#include "fleet/shell.h"

#define DEFAULT_PROGRAM "/pipelock" /* of Pipelock's own image, which has nothing else */

struct planned {
	struct sight_task task;
	enum loaded by_times;
	bool tried; /* something was seen of it since the change, if only that it cannot be seen */
	size_t at; /* in the order of the workloads and their pods */
};

struct planner {
	const struct fleet *fleet;
	const struct evidence *have;
	unsigned what;
	struct arena *arena;
	VEC(struct planned) found;
};

/* ---- what there is to look at ---- */

/* The container's own binary, where its command names one by its path: an agent's image may have it anywhere. */
static const char *
program_of(const struct container *c, struct arena *a)
{
	size_t n;
	const char *const *words = command_line(a, c, &n);

	for (size_t i = 0; i < n; i++)
		if (*words[i] == '/' && strcmp(shell_program(words[i]), "pipelock") == 0)
			return words[i];
	return DEFAULT_PROGRAM;
}

/* The folder is gone through as a whole: a file right below the root is not worth all that lies there. */
static const char *
file_of(const struct pipelock *p)
{
	const struct config_source *s = p->n_sources ? &p->sources[0] : NULL;

	if (!p->config_map || !s->mount || !s->path || *s->path != '/' || strrchr(s->path, '/') == s->path)
		return NULL;
	return s->path;
}

/* Where the config is not known, a container's only port is the one that answers. */
static int
port_of(const struct pipelock *p)
{
	if (p->listen_port)
		return p->listen_port;
	return !p->listen_known && p->container->n_ports == 1 ? p->container->ports[0].port : 0;
}

/* ---- what is worth it ---- */

static const struct config_sighting *
last_sighting(const struct planner *p, const struct sight_task *t)
{
	size_t n;
	const struct config_sighting *at = evidence_configs(p->have, &t->workload, &n);

	for (size_t i = 0; i < n; i++)
		if (str_eq(at[i].pod_uid, t->pod_uid) && str_eq(at[i].container, t->container) &&
		    at[i].started_at == t->started_at)
			return &at[i];
	return NULL;
}

static bool
is_since_change(const struct config_sighting *s, const struct sight_task *t)
{
	return t->changed_at == CLOCK_UNKNOWN || s->at >= t->changed_at;
}

/* Its log can say nothing that matters where there are no bytes to compare with. */
static bool
wants_log(const struct planner *p, const struct pipelock *pipelock, enum loaded by_times)
{
	if (p->what & SIGHT_LOG)
		return true;
	return (p->what & SIGHT_LOG_NEEDED) && pipelock->config_hash && by_times != LOADED_CURRENT;
}

/* One that is not the present file may still be on its way: it is looked at again until it had the time to come. */
static bool
file_is_known(const struct pipelock *p, const struct config_sighting *seen, const struct sight_task *t)
{
	return seen->file_hash && is_since_change(seen, t) &&
	       (str_eq(seen->file_hash, p->config_hash) || t->changed_at == CLOCK_UNKNOWN ||
		seen->at >= t->changed_at + LOADED_SETTLED);
}

/* A new sighting takes the place of the old: what it is to say, it says as a whole. */
static void
wants(const struct planner *p, const struct pipelock *pipelock, struct planned *plan,
      const struct config_sighting *seen)
{
	struct sight_task *t = &plan->task;
	bool log = wants_log(p, pipelock, plan->by_times), file = t->config_path != NULL;
	bool log_known = seen && seen->loaded_hash && !seen->log_error && is_since_change(seen, t);

	if ((!log || log_known) && (!file || (seen && file_is_known(pipelock, seen, t))))
		return;
	t->log = log;
	t->file = file;
}

static void
add_container(struct planner *p, const struct workload *w, const struct pod *pod, const struct container_status *s)
{
	const struct pipelock *pipelock = w->pipelock;
	const struct config_map *map = pipelock->config_map;
	struct planned plan = {.task = {
				       .workload = {w->namespace, w->name, w->kind},
				       .pod = pod->object.name,
				       .pod_uid = pod->object.uid,
				       .container = s->name,
				       .started_at = s->started_at,
				       .changed_at = map ? map->data_changed_at : CLOCK_UNKNOWN,
			       }};
	struct sight_task *t = &plan.task;
	const struct config_sighting *seen;

	plan.at = p->found.n;
	if (pipelock->n_sources)
		plan.by_times = loading_by_start(t->started_at, t->changed_at, &pipelock->sources[0]);
	if (p->what & SIGHT_FILE)
		t->config_path = file_of(pipelock);
	seen = last_sighting(p, t);
	plan.tried = seen && is_since_change(seen, t);
	wants(p, pipelock, &plan, seen);
	if (p->what & SIGHT_HEALTH)
		t->port = port_of(pipelock);
	t->health = t->port != 0;
	t->program = t->config_path ? program_of(pipelock->container, p->arena) : NULL;
	if (t->log || t->file || t->health)
		vec_push(&p->found, plan);
}

static void
add_workload(struct planner *p, const struct workload *w)
{
	const struct live *live = w->pipelock ? fleet_live(p->fleet, w) : NULL;

	for (size_t i = 0; live && i < live->n_pods; i++) {
		const struct container_status *s = loading_running(live->pods[i], w->pipelock->container->name);

		if (s)
			add_container(p, w, live->pods[i], s);
	}
}

/* ---- the list ---- */

static int
rank(enum loaded by_times)
{
	static const int ranks[] = {[LOADED_STALE] = 0, [LOADED_UNKNOWN] = 1, [LOADED_CURRENT] = 2};

	return ranks[by_times];
}

/* Where only so many are looked at in one go, those that cannot be seen do not keep others from their turn. */
static int
by_worth(const void *a, const void *b)
{
	const struct planned *x = a, *y = b;

	if (x->tried != y->tried)
		return x->tried - y->tried;
	if (x->by_times != y->by_times)
		return rank(x->by_times) - rank(y->by_times);
	return x->at < y->at ? -1 : x->at > y->at;
}

static struct sight_task
copy(struct arena *a, const struct sight_task *t)
{
	struct sight_task c = *t;

	c.workload.namespace = arena_strdup(a, t->workload.namespace);
	c.workload.name = arena_strdup(a, t->workload.name);
	c.workload.kind = arena_strdup(a, t->workload.kind);
	c.pod = arena_strdup(a, t->pod);
	c.pod_uid = arena_strdup(a, t->pod_uid ? t->pod_uid : "");
	c.container = arena_strdup(a, t->container);
	c.config_path = arena_strdup(a, t->config_path);
	c.program = arena_strdup(a, t->program);
	return c;
}

size_t
sight_plan_make(const struct fleet *f, const struct workload *const *at, size_t n, unsigned what,
		const struct evidence *have, size_t max, struct arena *a, struct sight_task **out, size_t *left_out)
{
	struct planner p = {.fleet = f, .have = have, .what = what, .arena = a};
	size_t count;

	for (size_t i = 0; i < n; i++)
		add_workload(&p, at[i]);
	if (p.found.n)
		qsort(p.found.at, p.found.n, sizeof(p.found.at[0]), by_worth);
	count = max && p.found.n > max ? max : p.found.n;
	*left_out = p.found.n - count;
	*out = ARENA_ARRAY(a, struct sight_task, count);
	for (size_t i = 0; i < count; i++)
		(*out)[i] = copy(a, &p.found.at[i].task);
	vec_free(&p.found);
	return count;
}
