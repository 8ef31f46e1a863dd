/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is to be shown, as cells in memory. The console draws here; tui/term.c carries it to the terminal, tests read
 * it as text. Rows and columns count from 0; what lies outside is cut off without complaint.
 */
#ifndef TUI_SCREEN_H
#define TUI_SCREEN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "tui/theme.h"

#define SCREEN_CELL_BYTES 16 /* a character and its combining marks; more marks than fit are left out */

struct screen_cell {
	char text[SCREEN_CELL_BYTES]; /* UTF-8, NUL-terminated; "" is the right half of a wide character */
	unsigned char style; /* enum style */
};

struct screen {
	int rows, columns;
	struct screen_cell *cells; /* row by row */
	int cursor_row, cursor_column; /* of the terminal's cursor; row -1: hidden */
	bool ascii; /* draw with ASCII alone: the locale has no UTF-8 */
};

/* A zeroed struct is a screen of no size. All cells are blank after a change of size. */
void screen_resize(struct screen *s, int rows, int columns);
/* All blank, cursor hidden. */
void screen_clear(struct screen *s, enum style style);
void screen_free(struct screen *s);

/*
 * Writes text into at most `columns` columns and returns how many it took. The text ought to be safe to show
 * (base/text.h); a character that is not appears as "?".
 */
int screen_put(struct screen *s, int row, int column, int columns, enum style style, const char *text);
/* Writes into exactly `columns` columns: padded, or cut with an ellipsis. */
void screen_put_padded(struct screen *s, int row, int column, int columns, bool right, enum style style,
		       const char *text);
/* The same character over and over; it must be one column wide. */
void screen_fill(struct screen *s, int row, int column, int columns, enum style style, const char *character);

/* The rows as lines, without the blanks at their ends: for tests. */
void screen_text(const struct screen *s, struct buf *out);

static inline void
auto_screen(struct screen *s)
{
	screen_free(s);
}

#endif
