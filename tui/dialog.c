/* SPDX-License-Identifier: Apache-2.0 */
#include "tui/dialog.h"

#include "base/text.h"
#include "tui/frame.h"
#include "tui/input.h"

#define ABOVE "\xe2\x96\xb4" /* more text is there: arrows and page keys go to it */
#define BELOW "\xe2\x96\xbe"
#define WIDEST 76
#define FRAME_COLUMNS 4 /* a border and a blank on both sides */
#define FRAME_ROWS 3 /* borders, a blank line above the buttons */

static const struct border {
	const char *across, *down, *top_left, *top_right, *bottom_left, *bottom_right;
} lines = {"\u2500", "\u2502", "\u250c", "\u2510", "\u2514", "\u2518"}, ascii = {"-", "|", "+", "+", "+", "+"};

void
dialog_open(struct dialog *d, const char *title, const char *const *buttons)
{
	*d = (struct dialog){.title = title};
	while (d->n_buttons < DIALOG_BUTTONS && buttons[d->n_buttons]) {
		d->buttons[d->n_buttons] = buttons[d->n_buttons];
		d->n_buttons++;
	}
}

static void
scroll(struct dialog *d, int by)
{
	if (by > d->below)
		by = d->below;
	d->first = d->first + by < 0 ? 0 : d->first + by;
}

enum dialog_answer
dialog_key(struct dialog *d, int key)
{
	switch (key) {
	case K_ENTER:
		return DIALOG_PRESSED;
	case K_ESC:
	case K_CTRL('c'):
		return DIALOG_LEFT;
	case K_TAB:
	case K_RIGHT:
		d->focus = (d->focus + 1) % d->n_buttons;
		break;
	case K_BACKTAB:
	case K_LEFT:
		d->focus = (d->focus + d->n_buttons - 1) % d->n_buttons;
		break;
	case K_DOWN:
	case 'j':
		scroll(d, 1);
		break;
	case K_UP:
	case 'k':
		scroll(d, -1);
		break;
	case K_PAGE_DOWN:
		scroll(d, 5);
		break;
	case K_PAGE_UP:
		scroll(d, -5);
		break;
	}
	return DIALOG_STAYS;
}

int
dialog_columns(const struct screen *s)
{
	int columns = s->columns < WIDEST ? s->columns : WIDEST;

	return columns > FRAME_COLUMNS ? columns - FRAME_COLUMNS : 1;
}

/* One line of the box, empty, from border to border. */
static void
draw_edge(struct screen *s, int row, int column, int columns, const char *left, const char *fill, const char *right)
{
	screen_put(s, row, column, 1, STYLE_BORDER, left);
	screen_fill(s, row, column + 1, columns - 2, STYLE_BORDER, fill);
	screen_put(s, row, column + columns - 1, 1, STYLE_BORDER, right);
}

#define BUTTON_GAP 2
#define BUTTON_FRAME 4 /* "[ " and " ]" */

static int
button_width(const struct dialog *d, size_t i)
{
	return (int)text_width(d->buttons[i]) + BUTTON_FRAME;
}

/* Which line each button is in: those that do not fit beside the ones before go on below. Returns how many lines. */
static int
place_buttons(const struct dialog *d, int columns, int *lines_of)
{
	int line = 0, used = 0;

	for (size_t i = 0; i < d->n_buttons; i++) {
		int width = button_width(d, i);

		if (used && used + BUTTON_GAP + width > columns) {
			line++;
			used = 0;
		}
		lines_of[i] = line;
		used += width + (used ? BUTTON_GAP : 0);
	}
	return line + 1;
}

/* "[ Cancel ]": brackets, for terminals without colours. The one with the focus has the cursor too. */
static void
draw_button(const struct dialog *d, size_t i, struct screen *s, int row, int column, int columns)
{
	enum style style = i == d->focus ? STYLE_CURSOR : STYLE_MENU_KEY;
	int text = (int)text_width(d->buttons[i]);

	screen_put(s, row, column, columns, style, "[ ");
	screen_put(s, row, column + 2, columns - 2, style, d->buttons[i]);
	screen_put(s, row, column + 2 + text, columns - 2 - text, style, " ]");
	if (i == d->focus) {
		s->cursor_row = row;
		s->cursor_column = column + 2;
	}
}

/* The buttons of one line, in its middle. */
static void
draw_button_line(const struct dialog *d, const int *lines_of, int line, struct screen *s, int row, int column,
		 int columns)
{
	int width = -BUTTON_GAP, end = column + columns;

	for (size_t i = 0; i < d->n_buttons; i++)
		if (lines_of[i] == line)
			width += button_width(d, i) + BUTTON_GAP;
	if (width < columns)
		column += (columns - width) / 2;
	for (size_t i = 0; i < d->n_buttons; i++) {
		if (lines_of[i] != line)
			continue;
		draw_button(d, i, s, row, column, end - column);
		column += button_width(d, i) + BUTTON_GAP;
	}
}

/* On a low screen not all lines are in sight, but the one with the focus is. */
static void
draw_buttons(const struct dialog *d, const int *lines_of, struct screen *s, int row, int rows, int column,
	     int columns)
{
	int first = lines_of[d->focus] - rows + 1;

	for (int i = 0; i < rows; i++)
		draw_button_line(d, lines_of, (first > 0 ? first : 0) + i, s, row + i, column, columns);
}

/* How many of the lines of buttons can be shown: the text keeps one line where it can. */
static int
button_rows(int lines_of_buttons, int rows)
{
	int most = rows - FRAME_ROWS - 1;

	most = most < 1 ? 1 : most;
	return lines_of_buttons < most ? lines_of_buttons : most;
}

void
dialog_draw(struct dialog *d, const struct pane *text, struct screen *s, int row, int rows)
{
	const struct border *b = s->ascii ? &ascii : &lines;
	int columns = dialog_columns(s) + FRAME_COLUMNS, column = (s->columns - columns) / 2,
	    lines_of[DIALOG_BUTTONS];
	int buttons = button_rows(place_buttons(d, columns - 2, lines_of), rows), shown;
	int height = text->lines + FRAME_ROWS + buttons;

	height = height > rows ? rows : height;
	row += (rows - height) / 2;
	shown = height - FRAME_ROWS - buttons > 0 ? height - FRAME_ROWS - buttons : 0;
	d->below = text->lines - shown - d->first;
	if (d->below < 0) { /* the text has become shorter, or the screen higher */
		d->first = d->first + d->below > 0 ? d->first + d->below : 0;
		d->below = 0;
	}
	for (int i = 0; i < height; i++)
		draw_edge(s, row + i, column, columns, b->down, " ", b->down);
	draw_edge(s, row, column, columns, b->top_left, b->across, b->top_right);
	draw_edge(s, row + height - 1, column, columns, b->bottom_left, b->across, b->bottom_right);
	screen_put(s, row, column + 2, columns - 4, STYLE_TITLE, d->title);
	if (d->first > 0)
		screen_put(s, row + 1, column + columns - 2, 1, STYLE_BORDER, ABOVE);
	if (d->below > 0)
		screen_put(s, row + shown, column + columns - 2, 1, STYLE_BORDER, BELOW);
	pane_draw(text, s, row + 1, column + 2, shown, columns - FRAME_COLUMNS, d->first);
	draw_buttons(d, lines_of, s, row + height - 1 - buttons, buttons, column + 1, columns - 2);
}
