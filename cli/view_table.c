/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/view_table.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"

/* ANSI for the roles of cells; "" where the terminal's own colour serves. */
static const char *
ink(enum style style)
{
	switch (style) {
	case STYLE_OK:
		return "\033[32m";
	case STYLE_WARN:
		return "\033[33m";
	case STYLE_BAD:
		return "\033[31m";
	case STYLE_UNKNOWN:
		return "\033[35m";
	case STYLE_DIM:
		return "\033[2m";
	case STYLE_ACCENT:
	case STYLE_HEADER:
		return "\033[1m";
	default:
		return "";
	}
}

static void
add_inked(struct buf *out, const struct report_options *opt, enum style style, const char *text)
{
	const char *on = opt->color ? ink(style) : "";
	AUTO(buf) struct buf ascii = {0};

	if (opt->ascii) {
		text_ascii(&ascii, text);
		text = buf_str(&ascii);
	}
	buf_addf(out, "%s%s%s", on, text, *on ? "\033[0m" : "");
}

struct grid {
	const struct view *view;
	const struct report_options *opt;
	size_t rows;
	char **texts; /* safe to show, row by row, the header first */
	enum style *styles;
	size_t *widths;
};

static void
set_cell(struct grid *g, size_t row, size_t column, const char *raw, enum style style)
{
	AUTO(buf) struct buf safe = {0};
	size_t at = row * g->view->n_columns + column, width;

	text_safe(&safe, raw ? raw : "", raw ? strlen(raw) : 0);
	width = text_width(buf_str(&safe));
	if (width > g->widths[column])
		g->widths[column] = width;
	g->texts[at] = buf_take(&safe);
	g->styles[at] = style;
}

static void
fill_grid(struct grid *g, const struct view_data *v)
{
	struct cell *cells = mem_array(g->view->n_columns, sizeof(*cells));
	AUTO(arena) struct arena scratch = {0};

	for (size_t c = 0; c < g->view->n_columns; c++)
		set_cell(g, 0, c, g->view->columns[c].name, STYLE_HEADER);
	for (size_t r = 0; r < g->rows; r++) {
		memset(cells, 0, g->view->n_columns * sizeof(*cells));
		g->view->fill(v, r, cells, &scratch);
		for (size_t c = 0; c < g->view->n_columns; c++)
			set_cell(g, r + 1, c, cells[c].text, cells[c].style);
		arena_reset(&scratch);
	}
	free(cells);
}

static void
add_row(const struct grid *g, size_t row, bool wide, struct buf *out)
{
	size_t pending = 0; /* blanks before the next cell: none behind the last */

	for (size_t c = 0; c < g->view->n_columns; c++) {
		const char *text = g->texts[row * g->view->n_columns + c];
		size_t pad = g->widths[c] - text_width(text);

		if (g->view->columns[c].wide && !wide)
			continue;
		buf_fill(out, ' ', pending + (g->view->columns[c].right ? pad : 0));
		add_inked(out, g->opt, g->styles[row * g->view->n_columns + c], text);
		pending = 2 + (g->view->columns[c].right ? 0 : pad);
	}
	buf_addc(out, '\n');
}

void
view_table(const struct view *view, const void *data, bool wide, const struct report_options *opt, struct buf *out)
{
	struct view_data v = {.data = data, .arg = ""};
	struct grid g = {.view = view, .opt = opt};
	size_t n;

	if (view->load && !view->load(&v, &(struct err){0}))
		return;
	g.rows = view->rows(&v);
	n = (g.rows + 1) * view->n_columns;
	g.texts = mem_array(n, sizeof(*g.texts));
	g.styles = mem_array(n, sizeof(*g.styles));
	g.widths = mem_array(view->n_columns, sizeof(*g.widths));
	fill_grid(&g, &v);
	for (size_t r = 0; r <= g.rows; r++)
		add_row(&g, r, wide, out);
	for (size_t i = 0; i < n; i++)
		free(g.texts[i]);
	free(g.texts);
	free(g.styles);
	free(g.widths);
	if (view->unload)
		view->unload(&v);
	arena_free(&v.arena);
}

void
view_pane(const struct pane *pane, const struct report_options *opt, struct buf *out)
{
	for (size_t i = 0; i < pane->spans.n; i++) {
		const struct pane_span *span = &pane->spans.at[i];

		if (span->newline)
			buf_addc(out, '\n');
		if (*span->text)
			add_inked(out, opt, span->style, span->text);
	}
	buf_addc(out, '\n');
}
