/* SPDX-License-Identifier: Apache-2.0 */
#include "tui/pane.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/text.h"

static void
add_span(struct pane *p, enum style style, const char *text, size_t len, bool newline)
{
	struct pane_span span = {.text = arena_strndup(&p->arena, text, len), .style = style, .newline = newline};

	if (p->lines == 0 || newline)
		p->lines++;
	p->column = (newline ? 0 : p->column) + (int)text_width(span.text);
	vec_push(&p->spans, span);
}

/* Wrapping drops blanks at a line's end; here more text may follow them. */
static void
add_trailing_blanks(struct pane *p, enum style style, const char *text)
{
	size_t len = strlen(text), n = 0;

	while (n < len && text[len - 1 - n] == ' ')
		n++;
	if (n && n < len && p->column + (int)n < p->columns)
		add_span(p, style, text + len - n, n, false);
}

void
pane_add(struct pane *p, enum style style, int indent, const char *text)
{
	AUTO(buf) struct buf safe = {0};
	AUTO(buf) struct buf wrapped = {0};
	const char *at;

	text_safe(&safe, text, strlen(text));
	text_wrap(&wrapped, buf_str(&safe), (size_t)(p->columns > 0 ? p->columns : 1), (size_t)p->column,
		  (size_t)(indent > 0 ? indent : 0));
	at = buf_str(&wrapped);
	for (bool newline = false;; newline = true) {
		size_t len = strcspn(at, "\n");

		add_span(p, style, at, len, newline);
		if (!at[len])
			break;
		at += len + 1;
	}
	add_trailing_blanks(p, style, text);
}

void
pane_addf(struct pane *p, enum style style, int indent, const char *fmt, ...)
{
	AUTO(buf) struct buf text = {0};
	va_list ap;

	va_start(ap, fmt);
	buf_addv(&text, fmt, ap);
	va_end(ap);
	pane_add(p, style, indent, buf_str(&text));
}

void
pane_newline(struct pane *p)
{
	if (p->lines == 0)
		add_span(p, STYLE_CELL, "", 0, false);
	add_span(p, STYLE_CELL, "", 0, true);
}

void
pane_tab(struct pane *p, int column)
{
	AUTO(buf) struct buf blanks = {0};

	if (p->column < column)
		buf_fill(&blanks, ' ', (size_t)(column - p->column));
	else if (p->column > column)
		buf_addc(&blanks, ' ');
	add_span(p, STYLE_CELL, buf_str(&blanks), blanks.len, false);
}

void
pane_clear(struct pane *p)
{
	arena_reset(&p->arena);
	p->spans.n = 0;
	p->column = p->lines = 0;
}

void
pane_free(struct pane *p)
{
	arena_free(&p->arena);
	vec_free(&p->spans);
	*p = (struct pane){0};
}

void
pane_draw(const struct pane *p, struct screen *s, int row, int column, int rows, int columns, int first)
{
	int line = 0, used = 0;

	for (size_t i = 0; i < p->spans.n; i++) {
		const struct pane_span *span = &p->spans.at[i];

		if (span->newline) {
			line++;
			used = 0;
		}
		if (line >= first && line - first < rows)
			used += screen_put(s, row + line - first, column + used, columns - used, span->style,
					   span->text);
	}
}
