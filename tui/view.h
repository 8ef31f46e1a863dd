/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A view: what one kind of screen shows, as data. It turns rows into cells and knows nothing of curses; the frame
 * (app.h) sorts, filters, scrolls and draws. One file view_NAME.c with one const struct, and one line in views.def.
 */
#ifndef TUI_VIEW_H
#define TUI_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "tui/keys.h"
#include "tui/pane.h"
#include "tui/theme.h"

struct cell {
	const char *text; /* NULL is ""; raw is fine: the frame makes it safe to show */
	enum style style; /* a role, STYLE_CELL to STYLE_ACCENT: a skin says how it looks */
	int64_t order; /* for columns with SORT_ORDER */
};

enum column_sort {
	SORT_TEXT, /* letters without case, runs of digits as numbers: a2 before a10 */
	SORT_AGE, /* "5s" before "3m" before "2d"; what is no duration comes last */
	SORT_ORDER, /* by cell.order, which the view sets: severities, counts */
};

struct column {
	const char *name; /* as in the header: "NAMESPACE" */
	int min; /* columns it keeps when there is little room; 0: all it needs */
	int shrink; /* who gives up room first: the highest, down to its min. 0 never does */
	int drop; /* who is left out when not even the least widths fit: the highest first. 0 never is */
	bool right; /* numbers */
	bool wide; /* shown with ctrl-w only */
	bool sticky; /* stays in sight when the table is scrolled sideways */
	enum column_sort sort;
	bool descending; /* its first sort is from the highest */
	char sort_key; /* capital letter that sorts by it; 0 for none */
};

struct history_view;
struct workload_key;

/* What the functions of a view are called with. */
struct view_data {
	const void *data; /* the newest judged fleet; NULL with of_history alone */
	const struct history_view *history; /* source.h; NULL: nothing is kept of what is shown */
	const char *arg; /* what the view was opened with, such as "research/scout"; "" for nothing */
	void *state; /* made by load, freed by unload */
	struct arena arena; /* lives until unload */
};

struct view {
	const char *name; /* as in `:name` */
	const char *aliases; /* other words for it, separated by spaces; NULL for none */
	const char *title; /* one line: what is shown */
	const struct column *columns;
	size_t n_columns;
	const struct binding *bindings;
	size_t n_bindings;
	const char *sort; /* name of the column it is sorted by at first; NULL: as the rows come */
	const char *empty; /* said where there is not one row; NULL for "nothing here" */
	bool of_history; /* its rows come from the history: there may be some before there is a fleet */

	/*
	 * Called when the view is opened and when data or history is new, for what is worth computing once. false: the error is
	 * shown in place of rows (no such agent). NULL when there is nothing to do.
	 */
	bool (*load)(struct view_data *v, struct err *e);
	/* NULL when state lives in v->arena. The data may be gone by now: only state is to be touched. */
	void (*unload)(struct view_data *v);
	size_t (*rows)(const struct view_data *v);
	/* What the row is, the same from one fleet to the next: the cursor follows it. Borrowed, or made in `a`. */
	const char *(*key)(const struct view_data *v, size_t row, struct arena *a);
	/* Sets cells[0..n_columns-1], zeroed before. Texts are borrowed until unload, or made in `a`. */
	void (*fill)(const struct view_data *v, size_t row, struct cell *cells, struct arena *a);
	/* More on the row under the cursor, below the table; NULL for none. */
	void (*detail)(const struct view_data *v, size_t row, struct pane *out);
	/* All there is to say of it, as a page of its own; NULL: what detail says. */
	void (*page)(const struct view_data *v, size_t row, struct pane *out);
	/* The agent that the row is about: the source looks at it while its page is shown. false: none. May be NULL. */
	bool (*subject)(const struct view_data *v, size_t row, struct workload_key *out);
	/* The run whose changes it shows, or 0; the source reads them. May be NULL. */
	int64_t (*run)(const struct view_data *v);
	/* A few words beside the title; returns how many cells were set. May be NULL. */
	size_t (*notes)(const struct view_data *v, struct cell *cells, size_t max, struct arena *a);
	/* What is still waited for, in place of rows; NULL: nothing. May be NULL. */
	const char *(*pending)(const struct view_data *v, struct arena *a);

	/* The i-th argument it can be opened with, for completion; NULL behind the last. NULL where it takes none. */
	const char *(*argument)(const void *data, size_t i, struct arena *a);

	/*
	 * Filters of its own, such as "rule=config-*" or "-l app=x". parse gets every filter first and leaves *out
	 * NULL for those it does not know; what it makes lives in `a` and is handed to match. Both or none.
	 */
	bool (*filter_parse)(const struct view_data *v, const char *text, struct arena *a, void **out,
			     struct err *e);
	bool (*filter_match)(const struct view_data *v, const void *filter, size_t row);
};

#endif
