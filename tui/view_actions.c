/* SPDX-License-Identifier: Apache-2.0 */
/* What moat did to the cluster: who, what, when, outcome. */
#include "base/str.h"
#include "tui/history_state.h"
#include "tui/proof_cells.h"
#include "tui/proof_page.h"
#include "tui/views.h"

enum column_id {
	COLUMN_AT,
	COLUMN_AGE,
	COLUMN_WHO,
	COLUMN_WHAT,
	COLUMN_TARGET,
	COLUMN_OUTCOME,
	COLUMN_TOOK,
	COLUMN_DETAIL,
};

static const struct column columns[] = {
	[COLUMN_AT] = {.name = "AT (UTC)", .drop = 2},
	[COLUMN_AGE] = {.name = "AGE", .sort = SORT_AGE, .sort_key = 'A'},
	[COLUMN_WHO] = {.name = "WHO", .min = 10, .shrink = 3, .sort_key = 'W'},
	[COLUMN_WHAT] = {.name = "WHAT", .sort_key = 'D'},
	[COLUMN_TARGET] = {.name = "TARGET", .min = 16, .shrink = 2, .sort_key = 'T'},
	[COLUMN_OUTCOME] = {.name = "OUTCOME", .sort_key = 'O'},
	[COLUMN_TOOK] = {.name = "TOOK", .right = true, .drop = 1},
	[COLUMN_DETAIL] = {.name = "DETAIL", .min = 24, .shrink = 4},
};

static const struct action *
action(const struct view_data *v, size_t row)
{
	return &v->history->actions[row];
}

static size_t
rows(const struct view_data *v)
{
	return v->history->n_actions;
}

static const char *
key(const struct view_data *v, size_t row, struct arena *a)
{
	const struct action *x = action(v, row);

	return arena_printf(a, "%lld %s %s/%s/%s", (long long)x->at, x->what, x->target.namespace, x->target.kind,
			    x->target.name);
}

static struct cell
cell_outcome(const char *outcome)
{
	static const struct {
		const char *word;
		enum style style;
	} outcomes[] = {
		{"done", STYLE_OK}, {"failed", STYLE_BAD}, {"refused", STYLE_WARN}, {"begun", STYLE_UNKNOWN}};

	for (size_t i = 0; i < COUNT_OF(outcomes); i++)
		if (str_eq(outcomes[i].word, outcome))
			return (struct cell){.text = outcome, .style = outcomes[i].style};
	return (struct cell){.text = outcome};
}

static void
fill(const struct view_data *v, size_t row, struct cell *cells, struct arena *a)
{
	const struct action *x = action(v, row);

	cells[COLUMN_AT] = cell_time(x->at, a);
	cells[COLUMN_AGE] = cell_age(x->at, a);
	cells[COLUMN_WHO].text = x->who;
	cells[COLUMN_WHAT].text = x->what;
	cells[COLUMN_TARGET].text = arena_printf(a, "%s/%s", x->target.namespace, x->target.name);
	cells[COLUMN_OUTCOME] = cell_outcome(x->outcome);
	cells[COLUMN_TOOK] = cell_took(x->duration_ms, a);
	cells[COLUMN_DETAIL].text = x->detail;
}

static void
detail(const struct view_data *v, size_t row, struct pane *out)
{
	const struct action *x = action(v, row);
	struct cell outcome = cell_outcome(x->outcome);

	pane_addf(out, STYLE_ACCENT, 0, "%s %s %s/%s ", x->what, x->target.kind, x->target.namespace,
		  x->target.name);
	pane_add(out, outcome.style, 0, outcome.text);
	page_label(out, "who");
	pane_add(out, STYLE_CELL, PAGE_LABEL, x->who);
	page_label(out, "when");
	pane_addf(out, STYLE_CELL, PAGE_LABEL, "%s UTC", cell_time(x->at, &out->arena).text);
	if (x->duration_ms >= 0)
		pane_addf(out, STYLE_CELL, PAGE_LABEL, ", took %s", cell_took(x->duration_ms, &out->arena).text);
	if (*x->detail) {
		page_label(out, "why");
		pane_add(out, STYLE_CELL, PAGE_LABEL, x->detail);
	}
}

static size_t
notes(const struct view_data *v, struct cell *cells, size_t max, struct arena *a)
{
	return history_state_notes(v->history, v->history->actions_left_out, cells, max, a);
}

const struct view view_actions = {
	.name = "actions",
	.aliases = "action",
	.title = "what moat did",
	.columns = columns,
	.n_columns = COUNT_OF(columns),
	.empty = "nothing was done to this cluster by moat, as far as is kept",
	.of_history = true,
	.load = history_state_load,
	.rows = rows,
	.key = key,
	.fill = fill,
	.detail = detail,
	.notes = notes,
	.pending = history_state_pending,
};
