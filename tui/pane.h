/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of text in several roles, wrapped to a width: details below a table, help, messages. */
#ifndef TUI_PANE_H
#define TUI_PANE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/vec.h"
#include "tui/screen.h"

struct pane_span {
	const char *text;
	enum style style;
	bool newline; /* a new line starts before it */
};

struct pane {
	int columns; /* the width to fill; set it before adding */
	bool ascii; /* what is drawn has to be ASCII; for who draws arrows of its own */
	struct arena arena;
	struct {
		struct pane_span *at;
		size_t n, cap;
	} spans;
	int column; /* reached on the last line */
	int lines;
};

/* Appends to the last line; what is too long for it goes on below, `indent` columns from the left. Raw text is fine. */
void pane_add(struct pane *p, enum style style, int indent, const char *text);
void pane_addf(struct pane *p, enum style style, int indent, const char *fmt, ...) PRINTF(4, 5);
void pane_newline(struct pane *p);
void pane_tab(struct pane *p,
	      int column); /* blanks up to that column, at least one unless at it or at the left edge */
/* Empty again; columns and ascii stay. */
void pane_clear(struct pane *p);
void pane_free(struct pane *p);
/* Draws from line `first` on into a rectangle whose background is there already. */
void pane_draw(const struct pane *p, struct screen *s, int row, int column, int rows, int columns, int first);

static inline void
auto_pane(struct pane *p)
{
	pane_free(p);
}

#endif
