/* SPDX-License-Identifier: Apache-2.0 */
/* What a run changed since the one before it of its source: new, fixed, changed. */
#include <inttypes.h>

#include "base/str.h"
#include "tui/agent_cells.h"
#include "tui/app.h"
#include "tui/history_state.h"
#include "tui/proof_page.h"
#include "tui/views.h"

enum column_id {
	COLUMN_CHANGE,
	COLUMN_SEVERITY,
	COLUMN_RULE,
	COLUMN_OBJECT,
	COLUMN_CONTAINER,
	COLUMN_AGENT,
	COLUMN_MESSAGE,
};

static const struct column columns[] = {
	[COLUMN_CHANGE] = {.name = "CHANGE", .sort = SORT_ORDER, .sticky = true, .sort_key = 'C'},
	[COLUMN_SEVERITY] =
		{.name = "SEVERITY", .sort = SORT_ORDER, .descending = true, .sort_key = 'S', .sticky = true},
	[COLUMN_RULE] = {.name = "RULE", .min = 12, .shrink = 1, .sort_key = 'R'},
	[COLUMN_OBJECT] = {.name = "OBJECT", .min = 16, .shrink = 2, .sort_key = 'O'},
	[COLUMN_CONTAINER] = {.name = "CONTAINER", .wide = true},
	[COLUMN_AGENT] = {.name = "AGENT", .wide = true, .sort_key = 'A'},
	[COLUMN_MESSAGE] = {.name = "MESSAGE", .min = 20, .shrink = 3},
};

static int64_t
run(const struct view_data *v)
{
	int64_t id;

	return str_i64(v->arg, &id) && id > 0 ? id : 0;
}

static const struct history_run *
find_run(const struct history_view *h, int64_t id)
{
	for (size_t i = 0; i < h->n_runs; i++)
		if (h->runs[i].id == id)
			return &h->runs[i];
	return NULL;
}

static bool
has_one_before(const struct history_view *h, const struct history_run *r)
{
	for (size_t i = 0; i < h->n_runs; i++)
		if (h->runs[i].source == r->source && h->runs[i].id < r->id)
			return true;
	return false;
}

static bool
load(struct view_data *v, struct err *e)
{
	const struct history_view *h = v->history;
	const struct history_run *r;

	if (!history_state_load(v, e))
		return false;
	if (!run(v))
		return err_set(e, ERR_USAGE, 0, "the changes of which run? :changes NUMBER, as in :runs");
	r = find_run(h, run(v));
	if (h->loading || h->runs_left_out) /* it may be among those that are not at hand */
		return true;
	if (!r)
		return err_set(e, ERR_USAGE, 0, "no run %s is kept: :runs lists them", v->arg);
	if (!has_one_before(h, r))
		return err_set(e, ERR_USAGE, 0, "run %s is the first of %s: there is none before it", v->arg,
			       r->name);
	return true;
}

static bool
is_read(const struct view_data *v)
{
	return v->history->changes_of == run(v);
}

static const char *
pending(const struct view_data *v, struct arena *a)
{
	const char *text = history_state_pending(v, a);

	return text || is_read(v) ? text : arena_printf(a, "reading what run %s changed", v->arg);
}

static size_t
rows(const struct view_data *v)
{
	return is_read(v) ? v->history->n_changes : 0;
}

static const struct history_change *
change(const struct view_data *v, size_t row)
{
	return &v->history->changes[row];
}

static const struct history_finding *
finding(const struct history_change *c)
{
	return c->after ? c->after : c->before;
}

static const char *
key(const struct view_data *v, size_t row, struct arena *a UNUSED)
{
	return finding(change(v, row))->fingerprint;
}

static struct cell
cell_change(enum history_change_kind kind)
{
	static const enum style styles[] = {
		[HISTORY_NEW] = STYLE_BAD,
		[HISTORY_FIXED] = STYLE_OK,
		[HISTORY_CHANGED] = STYLE_WARN,
		[HISTORY_UNJUDGED] = STYLE_UNKNOWN,
	};

	return (struct cell){history_change_name(kind), styles[kind], kind};
}

static void
fill(const struct view_data *v, size_t row, struct cell *cells, struct arena *a)
{
	const struct history_change *c = change(v, row);
	const struct history_finding *f = finding(c);

	cells[COLUMN_CHANGE] = cell_change(c->kind);
	cells[COLUMN_SEVERITY] = cell_severity(f->severity);
	if (c->kind == HISTORY_FIXED || f->suppressed)
		cells[COLUMN_SEVERITY].style = STYLE_DIM;
	cells[COLUMN_RULE].text = f->rule;
	cells[COLUMN_OBJECT].text = arena_printf(a, "%s %s/%s", f->kind, f->namespace, f->object);
	cells[COLUMN_CONTAINER].text = f->container;
	cells[COLUMN_AGENT].text = f->agent;
	cells[COLUMN_MESSAGE].text = f->message;
}

static void
add_text(struct pane *out, const char *name, enum style style, const char *text)
{
	if (!text)
		return;
	page_label(out, name);
	pane_add(out, style, PAGE_LABEL, text);
}

/* What it is now in full; what it was, where that differs. */
static void
detail(const struct view_data *v, size_t row, struct pane *out)
{
	const struct history_change *c = change(v, row);
	const struct history_finding *f = finding(c), *was = c->after ? c->before : NULL;
	struct cell severity = cell_severity(f->severity), kind = cell_change(c->kind);

	pane_addf(out, kind.style, 0, "%s ", kind.text);
	pane_addf(out, severity.style, 0, "%s ", severity.text);
	if (was && was->severity != f->severity)
		pane_addf(out, STYLE_DIM, 0, "(was %s) ", severity_name(was->severity));
	pane_add(out, STYLE_ACCENT, 0, f->rule);
	add_text(out, "what", STYLE_CELL, f->message);
	if (was && !str_eq(was->message, f->message))
		add_text(out, "was", STYLE_DIM, was->message);
	add_text(out, "seen", STYLE_CELL, f->evidence);
	if (was && !str_eq(was->evidence, f->evidence))
		add_text(out, "was", STYLE_DIM, was->evidence ? was->evidence : "(nothing)");
	add_text(out, "exempt", STYLE_CELL, f->suppressed);
	if (was && !str_eq(was->suppressed, f->suppressed))
		add_text(out, "was", STYLE_DIM, was->suppressed ? was->suppressed : "(not exempt)");
	add_text(out, "first seen", STYLE_DIM, cell_time(f->first_at, &out->arena).text);
}

static size_t
notes(const struct view_data *v, struct cell *cells, size_t max, struct arena *a)
{
	return history_state_notes(v->history, is_read(v) ? v->history->changes_left_out : 0, cells, max, a);
}

const struct view view_changes = {
	.name = "changes",
	.aliases = "diff",
	.title = "what a run changed",
	.columns = columns,
	.n_columns = COUNT_OF(columns),
	.empty = "nothing is different from the run before",
	.of_history = true,
	.load = load,
	.rows = rows,
	.key = key,
	.fill = fill,
	.detail = detail,
	.run = run,
	.notes = notes,
	.pending = pending,
};
