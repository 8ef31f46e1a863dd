/* SPDX-License-Identifier: Apache-2.0 */
/* What the screen shows of the console's state. */
#include "base/clock.h"
#include "fleet/evidence.h"
#include "tui/app_state.h"
#include "tui/frame.h"
#include "tui/help.h"

#define ROOM_FOR_DETAIL 14 /* rows below which the table needs them all */

static void
draw_header(const struct app *app, struct screen *s, int row, const struct app_status *status)
{
	AUTO(arena) struct arena a = {0};
	struct cell cells[12] = {0};
	size_t n = 0;

	if (app_source(app)->summary)
		n = app_source(app)->summary(app_source(app)->ctx, cells, COUNT_OF(cells), &a);
	frame_header(s, row, status, cells, n);
}

static void
draw_title(const struct app *app, struct screen *s, int row)
{
	AUTO(arena) struct arena a = {0};
	struct frame_title title = {.filter = ""};
	struct table *t = app_top(app);
	size_t *marked;

	for (size_t i = 0; i < app->depth; i++) {
		const char *arg = table_arg(app->stack[i]);

		title.crumbs[title.n_crumbs++] =
			arena_printf(&a, "%s%s%s", table_view(app->stack[i])->name, *arg ? " " : "", arg);
	}
	if (app->page) {
		title.crumbs[title.n_crumbs++] = app->page == PAGE_HELP ? "help" : "details";
	} else if (t &&
		   table_data(t)) { /* before there is data, "0 rows" would be said of a fleet nobody has seen */
		title.rows = true;
		title.shown = table_shown(t);
		title.total = table_total(t);
		title.filter = table_filter(t);
		title.faults = table_faults(t);
		title.wide = table_wide(t);
		title.marked = table_marked(t, &a, &marked);
		table_position(t, &title.first, &title.last);
		if (table_view(t)->notes)
			title.n_notes = table_view(t)->notes(table_data(t), title.notes, COUNT_OF(title.notes), &a);
	}
	frame_title(s, row, &title);
}

/* All is there, but nothing to show. */
static void
draw_no_row(struct table *t, struct screen *s, int row, int rows)
{
	const char *empty = table_view(t)->empty;

	if (table_total(t))
		frame_message(s, row, rows, STYLE_CELL, "no row passes the filter", "esc clears it");
	else
		frame_message(s, row, rows, STYLE_CELL, empty ? empty : "nothing here", NULL);
}

static const char *
pending_of(const struct table *t, struct arena *a)
{
	return table_data(t) && table_view(t)->pending ? table_view(t)->pending(table_data(t), a) : NULL;
}

/* In the place of rows: what is going on. */
static void
draw_state(struct table *t, const struct app_status *status, struct screen *s, int row, int rows)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf text = {0};
	const char *pending = pending_of(t, &a);
	const struct err *error = table_error(t);
	const char *name = status->source ? status->source : "the source";

	if (error) {
		frame_message(s, row, rows, STYLE_BAD, error->msg, "esc goes back");
	} else if (pending) {
		frame_message(s, row, rows, STYLE_ACCENT, pending, NULL);
	} else if (table_view(t)->of_history) {
		draw_no_row(t, s, row, rows);
	} else if (status->state == APP_LOADING) {
		buf_addf(&text, "reading %s", name);
		if (status->message)
			buf_addf(&text, ": %s", status->message);
		frame_message(s, row, rows, STYLE_ACCENT, buf_str(&text), NULL);
	} else if (status->state == APP_FAILED) {
		buf_addf(&text, "%s", status->message ? status->message : "the source failed");
		frame_message(s, row, rows, STYLE_BAD, buf_str(&text), "ctrl-r tries again");
	} else if (status->state == APP_FORBIDDEN) {
		buf_addf(&text, "%s", status->message ? status->message : "nothing may be read");
		frame_message(s, row, rows, STYLE_BAD, buf_str(&text), "moat doctor says which permissions are missing");
	} else if (status->state == APP_EMPTY && !table_total(t)) {
		buf_addf(&text, "%s was read, and holds no agent and no companion", name);
		frame_message(s, row, rows, STYLE_WARN, buf_str(&text),
			      "moat explain no-companion says what makes an agent");
	} else {
		draw_no_row(t, s, row, rows);
	}
}

/* What is known of the row under the cursor, in the lower part; returns the rows left for the table. */
static int
draw_detail(struct app *app, struct screen *s, int row, int rows)
{
	AUTO(pane) struct pane p = {.columns = s->columns - 2, .ascii = s->ascii};
	const struct view_data *data;
	int height = rows / 3;
	size_t selected;

	if (rows < ROOM_FOR_DETAIL || !table_view(app_top(app))->detail || !app_selected(app, &data, &selected))
		return rows;
	table_view(app_top(app))->detail(data, selected, &p);
	row += rows - height;
	frame_rule(s, row - 1, p.lines - height);
	for (int i = 0; i < height; i++)
		screen_fill(s, row + i, 0, s->columns, STYLE_CELL, " ");
	pane_draw(&p, s, row, 1, height, s->columns - 2, 0);
	return rows - height - 1;
}

static void
draw_body(struct app *app, struct screen *s, int row, int rows, const struct app_status *status)
{
	struct table *t = app_top(app);

	if (!t)
		return;
	rows = draw_detail(app, s, row, rows);
	table_draw(t, s, row, 0, rows, s->columns);
	if (!table_shown(t))
		draw_state(t, status, s, row + 1, rows - 1);
}

static void
draw_help(struct app *app, struct screen *s, int row, int rows)
{
	struct key_group groups[APP_KEY_GROUPS];

	app_key_groups(app, groups);
	help_draw(s, groups, APP_KEY_GROUPS, app_top(app) ? table_view(app_top(app)) : NULL, app->options.views,
		  row, rows, &app->page_first);
}

/* All of what is known of the row under the cursor, with room to scroll. */
static void
draw_details(struct app *app, struct screen *s, int row, int rows)
{
	AUTO(pane) struct pane p = {.columns = s->columns - 2, .ascii = s->ascii};
	const struct view *view = table_view(app_top(app));
	const struct view_data *data;
	size_t selected;

	if (app_selected(app, &data, &selected))
		(view->page ? view->page : view->detail)(data, selected, &p);
	else
		pane_add(&p, STYLE_DIM, 0, "the row is no longer there");
	app->page_first = app->page_first > p.lines - rows ? p.lines - rows : app->page_first;
	app->page_first = app->page_first < 0 ? 0 : app->page_first;
	for (int i = 0; i < rows; i++)
		screen_fill(s, row + i, 0, s->columns, STYLE_CELL, " ");
	pane_draw(&p, s, row, 1, rows, s->columns - 2, app->page_first);
	frame_more(s, row, rows, app->page_first, p.lines);
}

static void
draw_page(struct app *app, struct screen *s, int row, int rows)
{
	app->page_rows = rows > 1 ? rows - 1 : 1;
	if (app->page == PAGE_HELP)
		draw_help(app, s, row, rows);
	else
		draw_details(app, s, row, rows);
}

static void
draw_footer(const struct app *app, struct screen *s, int row, bool read_only)
{
	struct key_group groups[APP_KEY_GROUPS], page[] = {app_page_keys(), {0}};

	app_key_groups(app, groups);
	page[1] = groups[0];
	if (app->prompt.mode != PROMPT_OFF)
		frame_prompt(s, row, &app->prompt);
	else if (app->page)
		frame_hints(s, row, page, app->page == PAGE_DETAILS ? 2 : 1, read_only);
	else
		frame_hints(s, row, groups, APP_KEY_GROUPS, read_only);
}

static void
draw_flash(const struct app *app, struct screen *s, int row)
{
	if (clock_ms() >= app->flash_until || row < 0)
		return;
	screen_fill(s, row, 0, s->columns, STYLE_BODY, " ");
	screen_put_padded(s, row, 1, s->columns - 2, false, app->flash_style, buf_str(&app->flash));
}

/* A restart or probes that go on out of sight. */
static void
draw_operation_line(const struct app *app, struct screen *s, int row)
{
	enum style style;
	const char *line = app->operation ? operation_dialog_line(app->operation, &style) : NULL;

	if (!line || row < 0)
		return;
	screen_fill(s, row, 0, s->columns, STYLE_BODY, " ");
	screen_put_padded(s, row, 1, s->columns - 2, false, style, line);
}

/* What goes with rows that are shown; without rows it stands in their place. */
static bool
has_notice(const struct app_status *status)
{
	return status->message && (status->state == APP_LIVE || status->state == APP_STALE || status->state == APP_EMPTY);
}

static void
draw_notice(const struct app_status *status, struct screen *s, int row)
{
	screen_fill(s, row, 0, s->columns, STYLE_BODY, " ");
	screen_put_padded(s, row, 1, s->columns - 2, false, STYLE_WARN, status->message);
}

/* The source looks closer at what is on the screen: the agent of a page, the changes of a run. */
static void
look_at(const struct app *app)
{
	const struct app_data_source *source = app_source(app);
	const struct view *view = app_top(app) ? table_view(app_top(app)) : NULL;
	const struct view_data *data = app_top(app) ? table_data(app_top(app)) : NULL;
	struct workload_key key;
	size_t row;
	bool agent = view && data && app->page == PAGE_DETAILS && view->subject &&
		     table_selected(app_top(app), &row) && view->subject(data, row, &key);

	if (source->look_at)
		source->look_at(source->ctx, agent ? &key : NULL);
	if (source->look_at_run)
		source->look_at_run(source->ctx, view && data && view->run ? view->run(data) : 0);
}

/* A line gives way as the terminal gets lower: the header first, then the title, last the footer. */
void
app_draw(struct app *app, struct screen *s)
{
	struct app_status status = app_source(app)->status(app_source(app)->ctx);
	bool header = !app->no_header && s->rows >= 6, title = s->rows >= 4;
	bool footer = s->rows >= 2 || app->prompt.mode != PROMPT_OFF;
	bool notice = s->rows >= 8 && has_notice(&status);
	int body = header + title, rows = s->rows - body - footer - notice;

	look_at(app);
	app_next_notice(app);
	screen_clear(s, STYLE_BODY);
	if (app->page)
		draw_page(app, s, body, rows);
	else
		draw_body(app, s, body, rows, &status);
	if (header)
		draw_header(app, s, 0, &status);
	if (title)
		draw_title(app, s, header);
	if (notice)
		draw_notice(&status, s, body + rows);
	if (footer)
		draw_footer(app, s, s->rows - 1, status.read_only || !app_source(app)->operations);
	draw_operation_line(app, s, s->rows - 1 - footer);
	if (app->operation && operation_dialog_shown(app->operation))
		operation_dialog_draw(app->operation, s, body, rows);
	draw_flash(app, s, s->rows - 1 - footer);
}
