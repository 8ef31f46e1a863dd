/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/history_copy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/attr.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/refs.h"
#include "base/vec.h"
#include "store/actions.h"
#include "store/probe_past.h"
#include "store/probes.h"
#include "store/source.h"

struct reading {
	const struct history_wanted *wanted;
	struct history_copy *copy;
	struct run_scope scope;
	VEC(struct history_run) runs;
	VEC(struct history_change) changes;
	VEC(struct action) actions;
	VEC(struct probe_strip) strips;
};

/* ---- runs */

static struct history_run
keep_run(struct arena *a, const struct history_run *r)
{
	struct history_run kept = *r;

	kept.name = arena_strdup(a, r->name);
	kept.namespace = arena_strdup(a, r->namespace);
	kept.selector = arena_strdup(a, r->selector);
	kept.server = arena_strdup(a, r->server);
	kept.version = arena_strdup(a, r->version);
	kept.unjudged = arena_strdup(a, r->unjudged);
	return kept;
}

/* The newest first: the first of its source is the last run. */
static void
on_run(void *ctx, const struct history_run *r)
{
	struct reading *rd = ctx;
	struct history_view *v = &rd->copy->view;
	struct arena *a = &rd->copy->arena;

	if (r->source == v->source && !v->last) {
		struct history_run *last = ARENA_NEW(a, struct history_run);

		*last = keep_run(a, r);
		v->last = last;
	}
	if (rd->runs.n < HISTORY_ROWS)
		vec_push(&rd->runs, keep_run(a, r));
	else
		v->runs_left_out++;
}

static bool
read_runs(struct reading *rd, struct db *d, struct err *e)
{
	struct history_view *v = &rd->copy->view;

	if (!source_find(d, &rd->scope, &v->source, e) || !history_runs(d, on_run, rd, e) ||
	    !runs_last(d, &rd->scope, &rd->copy->arena, &rd->copy->baseline, e))
		return false;
	v->runs = arena_copy(&rd->copy->arena, rd->runs.at, rd->runs.n * sizeof(*rd->runs.at));
	v->n_runs = rd->runs.n;
	return true;
}

/* ---- what is different in a run */

static enum severity
severity_of(const struct history_change *c)
{
	return c->after ? c->after->severity : c->before->severity;
}

/* New, fixed, changed; each worst first. */
static int
change_cmp(const void *a, const void *b)
{
	const struct history_change *x = a, *y = b;

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	if (severity_of(x) != severity_of(y))
		return severity_of(x) > severity_of(y) ? -1 : 1;
	return strcmp((x->after ? x->after : x->before)->fingerprint,
		      (y->after ? y->after : y->before)->fingerprint);
}

static const struct history_finding *
keep_finding(struct arena *a, const struct history_finding *f)
{
	struct history_finding *kept = f ? arena_copy(a, f, sizeof(*f)) : NULL;

	if (!f)
		return NULL;
	kept->fingerprint = arena_strdup(a, f->fingerprint);
	kept->rule = arena_strdup(a, f->rule);
	kept->namespace = arena_strdup(a, f->namespace);
	kept->kind = arena_strdup(a, f->kind);
	kept->object = arena_strdup(a, f->object);
	kept->agent = arena_strdup(a, f->agent);
	kept->container = arena_strdup(a, f->container);
	kept->message = arena_strdup(a, f->message);
	kept->evidence = arena_strdup(a, f->evidence);
	kept->suppressed = arena_strdup(a, f->suppressed);
	return kept;
}

struct diffing {
	struct reading *rd;
	struct arena *scratch;
};

/* Texts are in the scratch arena, the findings themselves are not. */
static void
on_change(void *ctx, const struct history_change *c)
{
	struct diffing *d = ctx;
	struct history_change kept = *c;

	if (c->kind == HISTORY_UNJUDGED)
		return;
	kept.before = c->before ? arena_copy(d->scratch, c->before, sizeof(*c->before)) : NULL;
	kept.after = c->after ? arena_copy(d->scratch, c->after, sizeof(*c->after)) : NULL;
	vec_push(&d->rd->changes, kept);
}

static void
keep_changes(struct reading *rd)
{
	struct arena *a = &rd->copy->arena;
	struct history_view *v = &rd->copy->view;
	size_t n = rd->changes.n < HISTORY_CHANGES ? rd->changes.n : HISTORY_CHANGES;
	struct history_change *kept = ARENA_ARRAY(a, struct history_change, n);

	if (rd->changes.n)
		qsort(rd->changes.at, rd->changes.n, sizeof(rd->changes.at[0]), change_cmp);
	for (size_t i = 0; i < n; i++)
		kept[i] = (struct history_change){rd->changes.at[i].kind, keep_finding(a, rd->changes.at[i].before),
						  keep_finding(a, rd->changes.at[i].after)};
	v->changes = kept;
	v->n_changes = n;
	v->changes_left_out = rd->changes.n - n;
}

/* A run that has been pruned meanwhile has no changes. */
static bool
read_changes(struct reading *rd, struct db *d, struct err *e)
{
	AUTO(arena) struct arena scratch = {0};
	struct diffing diffing = {rd, &scratch};
	struct history_run after, before;
	struct err gone = {0};

	if (!rd->wanted->run)
		return true;
	rd->copy->view.changes_of = rd->wanted->run;
	if (!history_run(d, rd->wanted->run, &scratch, &after, &gone)) {
		if (gone.kind != ERR_USAGE)
			*e = gone;
		return gone.kind == ERR_USAGE;
	}
	if (!history_run_before(d, &after, &scratch, &before, e) ||
	    (before.id && !history_diff(d, &before, &after, &scratch, on_change, &diffing, e)))
		return false;
	keep_changes(rd);
	return true;
}

/* ---- actions */

/* The newest first. */
static void
on_action(void *ctx, const struct action_row *row)
{
	struct reading *rd = ctx;

	if (rd->actions.n == HISTORY_ROWS) {
		rd->copy->view.actions_left_out++;
		return;
	}
	vec_push(&rd->actions, action_copy(&rd->copy->arena, &row->action));
}

static bool
read_actions(struct reading *rd, struct db *d, struct err *e)
{
	const struct action_filter filter = {.fleet = rd->wanted->fleet, .namespace = rd->wanted->namespace};
	struct history_view *v = &rd->copy->view;

	if (!actions_list(d, &filter, on_action, rd, e))
		return false;
	v->actions = arena_copy(&rd->copy->arena, rd->actions.at, rd->actions.n * sizeof(*rd->actions.at));
	v->n_actions = rd->actions.n;
	return true;
}

/* ---- probes */

static bool
read_probes(struct reading *rd, struct db *d, struct err *e)
{
	struct probe_result *probes;
	size_t n;

	if (!probes_last(d, rd->wanted->fleet, &rd->copy->arena, &probes, &n, e))
		return false;
	rd->copy->probes = probes;
	rd->copy->n_probes = n;
	return true;
}

static enum probe_mark
mark_of(enum probe_verdict v)
{
	static const enum probe_mark marks[] = {
		[PROBE_BLOCKED] = MARK_BLOCKED,
		[PROBE_OPEN] = MARK_OPEN,
		[PROBE_INCONCLUSIVE] = MARK_INCONCLUSIVE,
	};

	return marks[v];
}

/* The file has the newest first, a strip is read from the left. */
static void
on_past(void *ctx, const struct probe_past *p)
{
	struct reading *rd = ctx;
	struct arena *a = &rd->copy->arena;
	struct probe_strip strip = {.agent = {arena_strdup(a, p->agent.namespace), arena_strdup(a, p->agent.name),
					      arena_strdup(a, p->agent.kind)}};

	for (size_t k = 0; k < PROBES; k++) {
		size_t n = p->of[k].n < HISTORY_STRIP ? p->of[k].n : HISTORY_STRIP;

		strip.of[k].n = (unsigned)n;
		strip.of[k].at = n ? p->of[k].marks[0].at : CLOCK_UNKNOWN;
		for (size_t i = 0; i < n; i++)
			strip.of[k].marks[n - 1 - i] = mark_of(p->of[k].marks[i].verdict);
	}
	vec_push(&rd->strips, strip);
}

static int
strip_cmp(const void *a, const void *b)
{
	return workload_key_cmp(&((const struct probe_strip *)a)->agent, &((const struct probe_strip *)b)->agent);
}

static bool
read_strips(struct reading *rd, struct db *d, struct err *e)
{
	const struct probe_filter filter = {.fleet = rd->wanted->fleet, .namespace = rd->wanted->namespace};
	struct history_view *v = &rd->copy->view;

	if (!probe_past(d, &filter, on_past, rd, e))
		return false;
	if (rd->strips.n)
		qsort(rd->strips.at, rd->strips.n, sizeof(*rd->strips.at), strip_cmp);
	v->strips = arena_copy(&rd->copy->arena, rd->strips.at, rd->strips.n * sizeof(*rd->strips.at));
	v->n_strips = rd->strips.n;
	return true;
}

/* ---- */

struct history_copy *
history_copy_none(const char *path)
{
	struct history_copy *c = mem_alloc(sizeof(*c));

	c->refs = 1;
	c->view.path = arena_strdup(&c->arena, path);
	c->view.loading = true;
	return c;
}

struct history_copy *
history_copy_read(const struct history_wanted *w)
{
	struct history_copy *c = history_copy_none(w->path);
	struct reading rd = {.wanted = w, .copy = c};
	AUTO(db) struct db *d = NULL;
	struct err e = {0};

	c->view.loading = false;
	if (access(w->path, F_OK) != 0 && errno == ENOENT)
		return c;
	rd.scope = (struct run_scope){.fleet = w->fleet, .namespace = w->namespace, .selector = w->selector};
	d = db_open(&(struct db_options){.path = w->path, .use = DB_READ}, &e);
	if (!d || !read_probes(&rd, d, &e) || !read_strips(&rd, d, &e) || !read_runs(&rd, d, &e) ||
	    !read_actions(&rd, d, &e) || !read_changes(&rd, d, &e))
		c->view.error = arena_strdup(&c->arena, e.msg);
	vec_free(&rd.runs);
	vec_free(&rd.changes);
	vec_free(&rd.actions);
	vec_free(&rd.strips);
	return c;
}

struct history_copy *
history_copy_ref(struct history_copy *c)
{
	refs_take(&c->refs);
	return c;
}

void
history_copy_unref(struct history_copy *c)
{
	if (!c || !refs_drop(&c->refs))
		return;
	arena_free(&c->arena);
	free(c);
}
