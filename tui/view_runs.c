/* SPDX-License-Identifier: Apache-2.0 */
/* The audits that the history keeps, the newest first; enter shows what one has changed. */
#include <inttypes.h>

#include "tui/agent_cells.h"
#include "tui/app.h"
#include "tui/history_state.h"
#include "tui/proof_cells.h"
#include "tui/views.h"

enum column_id {
	COLUMN_RUN,
	COLUMN_AT,
	COLUMN_AGE,
	COLUMN_SOURCE,
	COLUMN_SCOPE,
	COLUMN_AGENTS,
	COLUMN_VERIFIED,
	COLUMN_FINDINGS,
	COLUMN_NEW,
	COLUMN_FIXED,
	COLUMN_TOOK,
	COLUMN_VERSION,
};

static const struct column columns[] = {
	[COLUMN_RUN] = {.name = "RUN",
			.right = true,
			.sort = SORT_ORDER,
			.descending = true,
			.sticky = true,
			.sort_key = 'R'},
	[COLUMN_AT] = {.name = "AT (UTC)", .drop = 2},
	[COLUMN_AGE] = {.name = "AGE", .sort = SORT_AGE, .sort_key = 'A'},
	[COLUMN_SOURCE] = {.name = "SOURCE", .min = 10, .shrink = 2, .sort_key = 'S'},
	[COLUMN_SCOPE] = {.name = "SCOPE", .min = 5, .shrink = 3, .drop = 4},
	[COLUMN_AGENTS] = {.name = "AGENTS", .right = true, .sort = SORT_ORDER, .descending = true, .drop = 3},
	[COLUMN_VERIFIED] = {.name = "VERIFIED",
			     .right = true,
			     .sort = SORT_ORDER,
			     .descending = true,
			     .drop = 1,
			     .sort_key = 'V'},
	[COLUMN_FINDINGS] = {.name = "FINDINGS", .sort = SORT_ORDER, .descending = true, .sort_key = 'F'},
	[COLUMN_NEW] = {.name = "NEW", .right = true, .sort = SORT_ORDER, .descending = true},
	[COLUMN_FIXED] = {.name = "FIXED", .right = true, .sort = SORT_ORDER, .descending = true},
	[COLUMN_TOOK] = {.name = "TOOK", .right = true, .wide = true},
	[COLUMN_VERSION] = {.name = "VERSION", .wide = true},
};

static const struct history_run *
run(const struct view_data *v, size_t row)
{
	return &v->history->runs[row];
}

static size_t
rows(const struct view_data *v)
{
	return v->history->n_runs;
}

static const char *
key(const struct view_data *v, size_t row, struct arena *a)
{
	return arena_printf(a, "%" PRId64, run(v, row)->id);
}

static struct cell
cell_number(int64_t n, enum style some, struct arena *a)
{
	return (struct cell){n ? arena_printf(a, "%" PRId64, n) : "-", n ? some : STYLE_DIM, n};
}

/* What was not read whole is never shown as clean. */
static struct cell
cell_found(const struct history_run *r, struct arena *a)
{
	struct cell cell = cell_counts(r->severities, a);

	if (r->complete)
		return cell;
	cell.text = arena_printf(a, "%s incomplete", cell.text);
	cell.style = cell.style == STYLE_OK ? STYLE_UNKNOWN : cell.style;
	return cell;
}

static struct cell
cell_scope(const struct history_run *r, struct arena *a)
{
	if (!*r->namespace && !*r->selector)
		return (struct cell){.text = "all", .style = STYLE_DIM};
	return (struct cell){.text = arena_printf(a, "%s%s%s%s%s", *r->namespace ? "-n " : "", r->namespace,
						  *r->namespace && *r->selector ? " " : "",
						  *r->selector ? "-l " : "", r->selector)};
}

static void
fill(const struct view_data *v, size_t row, struct cell *cells, struct arena *a)
{
	const struct history_run *r = run(v, row);

	cells[COLUMN_RUN] = (struct cell){key(v, row, a), STYLE_CELL, r->id};
	cells[COLUMN_AT] = cell_time(r->started_at, a);
	cells[COLUMN_AGE] = cell_age(r->started_at, a);
	/* Runs of what is on the screen stand out among those of other clusters and files. */
	cells[COLUMN_SOURCE] =
		(struct cell){.text = r->name, .style = r->source == v->history->source ? STYLE_CELL : STYLE_DIM};
	cells[COLUMN_SCOPE] = cell_scope(r, a);
	cells[COLUMN_AGENTS] = cell_number(r->agents, STYLE_CELL, a);
	cells[COLUMN_VERIFIED] = cell_number(r->states[STATE_VERIFIED], STYLE_OK, a);
	cells[COLUMN_FINDINGS] = cell_found(r, a);
	cells[COLUMN_NEW] = cell_number(r->n_new, STYLE_WARN, a);
	cells[COLUMN_FIXED] = cell_number(r->n_fixed, STYLE_OK, a);
	cells[COLUMN_TOOK] = cell_took(r->duration_ms, a);
	cells[COLUMN_VERSION].text = r->version;
}

static size_t
notes(const struct view_data *v, struct cell *cells, size_t max, struct arena *a)
{
	return history_state_notes(v->history, v->history->runs_left_out, cells, max, a);
}

static void
open_changes(struct app *app)
{
	AUTO(arena) struct arena a = {0};
	const struct view_data *v;
	size_t row;

	if (app_selected(app, &v, &row))
		app_open(app, "changes", key(v, row, &a));
}

static const struct binding bindings[] = {
	{K_ENTER, "changes", "show what it changed", KEY_NEEDS_ROW, open_changes},
};

const struct view view_runs = {
	.name = "runs",
	.aliases = "run history",
	.title = "audits that are kept",
	.columns = columns,
	.n_columns = COUNT_OF(columns),
	.bindings = bindings,
	.n_bindings = COUNT_OF(bindings),
	.empty = "no audit is kept yet: moat audit keeps each run",
	.of_history = true,
	.load = history_state_load,
	.rows = rows,
	.key = key,
	.fill = fill,
	.notes = notes,
	.pending = history_state_pending,
};
