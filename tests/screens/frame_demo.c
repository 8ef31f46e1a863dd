/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frame with made-up rows, for tests of what a terminal shows and how it is given back:
 *     frame_demo [ROWS | loading | failed | nothing]
 * The keys 1, 2 and 3 crash it on purpose: SIGSEGV, abort() and die(). p probes an agent that is not there: SIGUSR1
 * brings what is under way a step further, as answers of a cluster would.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "tui/console.h"

struct demo {
	size_t rows;
	enum app_state state;
	struct app *app;
	unsigned restarts;
	struct operation operation;
	struct operation_step step;
};

static const char *const agents[] = {"scout", "librarian", "builder", "r\xc3\xa9viseur",
				     "\xe6\xbc\xa2\xe5\xad\x97"};
static const char *const namespaces[] = {"research", "coding", "ops"};
static const char *const states[] = {"\xe2\x97\x8f verified", "\xe2\x97\x90 migrating", "\xe2\x97\x8b legacy"};
static const enum style state_styles[] = {STYLE_OK, STYLE_WARN, STYLE_BAD};

static const struct column fleet_columns[] = {
	{.name = "NAMESPACE", .min = 6, .shrink = 1, .sticky = true, .sort_key = 'N'},
	{.name = "AGENT", .min = 8, .shrink = 1, .sticky = true, .sort_key = 'A'},
	{.name = "STATE", .sort = SORT_ORDER, .sort_key = 'S'},
	{.name = "COMPANION", .min = 9, .shrink = 3},
	{.name = "EGRESS", .min = 6, .shrink = 2},
	{.name = "CONFIG"},
	{.name = "IDENTITY", .wide = true},
	{.name = "AGE", .right = true, .sort = SORT_AGE},
	{.name = "FINDINGS", .right = true, .sort = SORT_ORDER, .descending = true, .sort_key = 'F'},
};

static size_t
fleet_rows(const struct view_data *v)
{
	return ((const struct demo *)v->data)->rows;
}

static const char *
fleet_key(const struct view_data *v UNUSED, size_t row, struct arena *a)
{
	return arena_printf(a, "%s/%s-%zu", namespaces[row / 2 % 3], agents[row % 5], row);
}

static void
fleet_fill(const struct view_data *v UNUSED, size_t row, struct cell *cells, struct arena *a)
{
	size_t state = row % 3, findings = row * 7 % 5;
	char age[8];

	str_age((int64_t)(row * row) * 97, age);
	cells[0].text = namespaces[row / 2 % 3];
	cells[1].text = arena_printf(a, "%s-%zu", agents[row % 5], row);
	cells[2] = (struct cell){.text = states[state], .style = state_styles[state], .order = (int64_t)state};
	cells[3].text = state == 2 ? "(sidecar)" : "pipelock-companion 1/1";
	cells[4].text = state == 2 ? "web" : "companion";
	cells[5].text = state == 0 ? "directory" : "subPath";
	cells[6].text = agents[row % 5];
	cells[7].text = arena_strdup(a, age);
	cells[8] = (struct cell){.text = findings ? arena_printf(a, "%zu high", findings) : "-",
				 .style = findings ? STYLE_BAD : STYLE_DIM,
				 .order = (int64_t)findings};
}

static void
fleet_detail(const struct view_data *v, size_t row, struct pane *out)
{
	AUTO(arena) struct arena a = {0};

	pane_add(out, STYLE_CELL, 2, fleet_key(v, row, &a));
	pane_add(out, STYLE_DIM, 2, " \xe2\x94\x80\xe2\x94\x80proxy\xe2\x94\x80\xe2\x94\x80\xe2\x96\xb6 ");
	pane_add(out, STYLE_OK, 2, "pipelock-companion:8888");
	for (int i = 1; i <= 9; i++) {
		pane_newline(out);
		pane_addf(out, STYLE_DIM, 2, "way %d", i);
	}
}

static struct demo *
demo_of(struct app *app)
{
	const struct view_data *v;
	size_t row;

	return app_selected(app, &v, &row) ? (struct demo *)(uintptr_t)v->data : NULL;
}

static void
open_findings(struct app *app)
{
	AUTO(arena) struct arena a = {0};
	const struct view_data *v;
	size_t row;

	if (app_selected(app, &v, &row))
		app_open(app, "findings", fleet_key(v, row, &a));
}

static void
restart(struct app *app)
{
	app_flash(app, STYLE_OK, "restarted, %u in all", ++demo_of(app)->restarts);
}

/* The phases of a probe that finds a way out. */
static void
go_on(void *ctx, int signo UNUSED)
{
	struct demo *d = ctx;
	struct operation *o = &d->operation;

	if (o->phase == OPERATION_PLANNING) {
		o->phase = OPERATION_PLANNED;
		o->possible = true;
		o->steps = &d->step;
		o->n = 1;
		d->step.reason = "1.1.1.1:443 from 1 node, control through pipelock-companion.research:8888";
	} else if (o->phase == OPERATION_RUNNING) {
		o->phase = OPERATION_ENDED;
		o->failed = true;
		o->done = 1;
		d->step.state = OPERATION_STEP_FAILED;
		d->step.marks[PROBE_ENV_CLEAR] = MARK_OPEN;
		d->step.reason = "worker-1: 1.1.1.1:443 answered\x1b[2J";
	}
	app_changed(d->app);
}

static void
probe(struct app *app)
{
	app_probe(app, &(struct operation_target){"Deployment", "research", "scout"}, 1);
}

static void
crash(struct app *app UNUSED)
{
	raise(SIGSEGV);
}

static void
give_up(struct app *app UNUSED)
{
	abort();
}

static void
run_out(struct app *app UNUSED)
{
	die("out of memory");
}

static const struct binding fleet_bindings[] = {
	{K_ENTER, "open", "what was found on this agent", KEY_NEEDS_ROW, open_findings},
	{'r', "restart", "restart this workload", KEY_WRITES | KEY_NEEDS_ROW, restart},
	{'p', NULL, "probe this agent", KEY_WRITES | KEY_NEEDS_ROW | KEY_PLANS, probe},
	{'1', NULL, "crash by SIGSEGV", 0, crash},
	{'2', NULL, "crash by abort", 0, give_up},
	{'3', NULL, "end by die", 0, run_out},
};

static const char *
fleet_argument(const void *data, size_t i, struct arena *a)
{
	const struct view_data v = {.data = data};

	return i < fleet_rows(&v) ? fleet_key(&v, i, a) : NULL;
}

static const struct view view_fleet = {
	.name = "fleet",
	.aliases = "fl agents",
	.title = "agents",
	.columns = fleet_columns,
	.n_columns = COUNT_OF(fleet_columns),
	.bindings = fleet_bindings,
	.n_bindings = COUNT_OF(fleet_bindings),
	.empty = "no agent and no companion found",
	.rows = fleet_rows,
	.key = fleet_key,
	.fill = fleet_fill,
	.detail = fleet_detail,
};

static const struct column findings_columns[] = {
	{.name = "SEVERITY", .sort = SORT_ORDER, .descending = true, .sort_key = 'S'},
	{.name = "RULE", .min = 10, .shrink = 1, .sort_key = 'R'},
	{.name = "MESSAGE", .min = 20, .shrink = 2},
};

static size_t
findings_rows(const struct view_data *v UNUSED)
{
	return 2;
}

static const char *
findings_key(const struct view_data *v UNUSED, size_t row, struct arena *a)
{
	return arena_printf(a, "finding-%zu", row);
}

static void
findings_fill(const struct view_data *v, size_t row, struct cell *cells, struct arena *a)
{
	cells[0] = (struct cell){
		.text = row ? "medium" : "high", .style = row ? STYLE_WARN : STYLE_BAD, .order = row ? 2 : 3};
	cells[1].text = row ? "config-subpath" : "sidecar-in-pod";
	cells[2].text = arena_printf(a, "%s: the boundary is advisory\x1b[2J", v->arg);
}

static bool
findings_load(struct view_data *v, struct err *e)
{
	return strchr(v->arg, '/') ? true : err_set(e, ERR_USAGE, 0, "findings of whom? :findings NAMESPACE/AGENT");
}

static const struct view view_findings = {
	.name = "findings",
	.title = "findings",
	.columns = findings_columns,
	.n_columns = COUNT_OF(findings_columns),
	.sort = "SEVERITY",
	.load = findings_load,
	.rows = findings_rows,
	.key = findings_key,
	.fill = findings_fill,
	.argument = fleet_argument,
};

static const struct view *const demo_views[] = {&view_fleet, &view_findings, NULL};

static const void *
demo_data(void *ctx)
{
	struct demo *d = ctx;

	return d->state == APP_LIVE ? d : NULL;
}

static struct app_status
demo_status(void *ctx)
{
	const struct demo *d = ctx;

	return (struct app_status){
		.state = d->state,
		.source = "made-up",
		.scope = "all namespaces",
		.message = d->state == APP_FAILED ? "read pods in agents: connect 127.0.0.1:6443: refused" : NULL,
		.since = d->state == APP_LIVE ? clock_now() - 2 : CLOCK_UNKNOWN,
		.read_only = getenv("FRAME_DEMO_READ_ONLY") != NULL,
	};
}

static size_t
demo_summary(void *ctx, struct cell *cells, size_t max UNUSED, struct arena *a)
{
	const struct demo *d = ctx;

	if (d->state != APP_LIVE)
		return 0;
	cells[0] = (struct cell){.text = arena_printf(a, "%zu agents", d->rows)};
	cells[1] = (struct cell){.text = "\xe2\x97\x8f 3 verified", .style = STYLE_OK};
	cells[2] = (struct cell){.text = "\xe2\x97\x8b 1 legacy", .style = STYLE_BAD};
	return 3;
}

static void
demo_probe(void *ctx, const struct operation_target *at, size_t n UNUSED)
{
	struct demo *d = ctx;

	d->step = (struct operation_step){.target = at[0], .reason = "", .pods = 1};
	d->operation = (struct operation){.kind = OPERATION_PROBE, .phase = OPERATION_PLANNING};
}

static void
demo_go(void *ctx)
{
	struct demo *d = ctx;

	d->operation.phase = OPERATION_RUNNING;
	d->step.state = OPERATION_STEP_RUNNING;
	d->step.marks[PROBE_RAW_TCP] = MARK_BLOCKED;
}

static void
demo_drop(void *ctx)
{
	((struct demo *)ctx)->operation = (struct operation){0};
}

static struct operation
demo_look(void *ctx)
{
	return ((struct demo *)ctx)->operation;
}

static const struct app_operations operations = {
	.probe = demo_probe, .go = demo_go, .drop = demo_drop, .look = demo_look};

static void
demo_refresh(void *ctx)
{
	struct demo *d = ctx;

	d->state = APP_LIVE;
	app_changed(d->app);
}

static bool
set_up(struct demo *d, const char *what)
{
	int64_t n;

	d->state = APP_LIVE;
	if (str_i64(what, &n) && n >= 0)
		d->rows = (size_t)n;
	else if (str_eq(what, "loading"))
		d->state = APP_LOADING;
	else if (str_eq(what, "failed"))
		d->state = APP_FAILED;
	else
		return str_eq(what, "nothing");
	return true;
}

static int
run(struct demo *d)
{
	struct err e;
	struct theme theme;
	struct loop *loop = loop_new(&e);
	struct loop_signal *answers = loop ? loop_add_signal(loop, SIGUSR1, go_on, d) : NULL;
	int signo = 0;
	bool ok;

	d->app = app_new(&(struct app_options){
		.source = {.ctx = d,
			   .data = demo_data,
			   .status = demo_status,
			   .summary = demo_summary,
			   .refresh = demo_refresh,
			   .operations = &operations},
		.views = demo_views,
		.start = "fleet",
	});
	ok = loop && theme_load(&theme, getenv("MOAT_SKIN"), &e) &&
	     console_run(loop, d->app, &theme, !getenv("NO_COLOR"), &signo, &e);
	app_free(d->app);
	if (answers)
		loop_signal_remove(answers);
	loop_free(loop);
	if (!ok)
		fprintf(stderr, "frame_demo: %s\n", e.msg);
	if (signo)
		raise(signo);
	return ok ? 0 : 2;
}

int
main(int argc, char **argv)
{
	struct demo d = {0};

	if (argc > 2 || !set_up(&d, argc == 2 ? argv[1] : "5")) {
		fprintf(stderr, "usage: frame_demo [ROWS | loading | failed | nothing]\n");
		return 2;
	}
	return run(&d);
}
