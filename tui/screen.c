/* SPDX-License-Identifier: Apache-2.0 */
#include "tui/screen.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"

#define ELLIPSIS "\xe2\x80\xa6"

void
screen_resize(struct screen *s, int rows, int columns)
{
	rows = rows < 0 ? 0 : rows;
	columns = columns < 0 ? 0 : columns;
	free(s->cells);
	s->cells = mem_array((size_t)rows * (size_t)columns, sizeof(*s->cells));
	s->rows = rows;
	s->columns = columns;
	screen_clear(s, STYLE_BODY);
}

static struct screen_cell *
cell_at(const struct screen *s, int row, int column)
{
	return &s->cells[(size_t)row * (size_t)s->columns + (size_t)column];
}

void
screen_clear(struct screen *s, enum style style)
{
	for (int row = 0; row < s->rows; row++)
		screen_fill(s, row, 0, s->columns, style, " ");
	s->cursor_row = s->cursor_column = -1;
}

void
screen_free(struct screen *s)
{
	free(s->cells);
	*s = (struct screen){0};
}

static bool
inside(const struct screen *s, int row, int column)
{
	return row >= 0 && row < s->rows && column >= 0 && column < s->columns;
}

static void
set_cell(struct screen *s, int row, int column, enum style style, const char *text, size_t len)
{
	struct screen_cell *cell;

	if (!inside(s, row, column) || len >= sizeof(cell->text))
		return;
	cell = cell_at(s, row, column);
	memcpy(cell->text, text, len);
	cell->text[len] = '\0';
	cell->style = (unsigned char)style;
}

/* Half of a wide character cannot stay when the other half is written over. */
static void
break_wide(struct screen *s, int row, int column)
{
	if (!inside(s, row, column))
		return;
	if (cell_at(s, row, column)->text[0] == '\0' && column > 0)
		set_cell(s, row, column - 1, cell_at(s, row, column - 1)->style, " ", 1);
	if (inside(s, row, column + 1) && cell_at(s, row, column + 1)->text[0] == '\0')
		set_cell(s, row, column + 1, cell_at(s, row, column + 1)->style, " ", 1);
}

static void
set_character(struct screen *s, int row, int column, int width, enum style style, const char *text, size_t len)
{
	for (int i = 0; i < width; i++)
		break_wide(s, row, column + i);
	if (width == 2 && column == s->columns - 1) { /* its right half would be outside */
		set_cell(s, row, column, style, " ", 1);
		return;
	}
	set_cell(s, row, column, style, text, len);
	if (width == 2)
		set_cell(s, row, column + 1, style, "", 0);
}

static void
add_mark(struct screen *s, int row, int column, const char *mark, size_t len)
{
	struct screen_cell *cell;
	size_t have;

	while (column > 0 && inside(s, row, column) && cell_at(s, row, column)->text[0] == '\0')
		column--;
	if (!inside(s, row, column))
		return;
	cell = cell_at(s, row, column);
	have = strlen(cell->text);
	if (have && have + len < sizeof(cell->text))
		memcpy(cell->text + have, mark, len + 1);
}

/* One character at s, `len` bytes; returns the columns it takes, -1 when it does not fit into `columns`. */
static int
put_character(struct screen *s, int row, int column, int columns, enum style style, uint32_t c, const char *text,
	      size_t len)
{
	bool safe = text_char_safe(c);
	int width = safe ? text_char_width(c) : 1;
	char mark[8] = {0};

	if (width == 0) {
		memcpy(mark, text, len);
		if (column > 0 && !s->ascii)
			add_mark(s, row, column - 1, mark, len);
		return 0;
	}
	if (width > columns)
		return -1;
	if (safe && !(s->ascii && c >= 0x7f)) {
		set_character(s, row, column, width, style, text, len);
		return width;
	}
	mark[0] = s->ascii && safe ? text_stand_in(c) : '?';
	for (int i = 0; i < width; i++)
		set_character(s, row, column + i, 1, style, mark, 1);
	return width;
}

int
screen_put(struct screen *s, int row, int column, int columns, enum style style, const char *text)
{
	const char *end = text + strlen(text), *from = text;
	int used = 0;

	if (row < 0 || row >= s->rows)
		return 0;
	for (uint32_t c; (c = text_next(&text, end)); from = text) {
		bool bad = c == 0xfffd && text - from == 1; /* a byte that is not UTF-8 */
		int width = put_character(s, row, column + used, columns - used, style, bad ? 0 : c, from,
					  (size_t)(text - from));

		if (width < 0)
			break;
		used += width;
	}
	return used;
}

void
screen_put_padded(struct screen *s, int row, int column, int columns, bool right, enum style style,
		  const char *text)
{
	int width = (int)text_width(text), lead = right && width < columns ? columns - width : 0;

	if (columns <= 0)
		return;
	screen_fill(s, row, column, columns, style, " ");
	if (width <= columns) {
		screen_put(s, row, column + lead, columns - lead, style, text);
	} else {
		int used = screen_put(s, row, column, columns - 1, style, text);

		screen_put(s, row, column + used, 1, style, ELLIPSIS);
	}
}

void
screen_fill(struct screen *s, int row, int column, int columns, enum style style, const char *character)
{
	for (int i = 0; i < columns && column + i < s->columns; i++)
		screen_put(s, row, column + i, 1, style, character);
}

static void
add_row(const struct screen *s, int row, struct buf *out)
{
	size_t blanks = 0;

	for (int column = 0; column < s->columns; column++) {
		const char *text = cell_at(s, row, column)->text;

		if (strcmp(text, " ") == 0) {
			blanks++;
			continue;
		}
		buf_fill(out, ' ', blanks);
		blanks = 0;
		buf_adds(out, text);
	}
	buf_addc(out, '\n');
}

void
screen_text(const struct screen *s, struct buf *out)
{
	for (int row = 0; row < s->rows; row++)
		add_row(s, row, out);
}
