/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rows of a view, arranged: sorted, filtered, scrolled, with a cursor that stays on its row when data is new.
 * Made for 10,000 rows: what is drawn is what is filled, and sorting and filtering work on what was filled once.
 */
#ifndef TUI_TABLE_H
#define TUI_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "tui/screen.h"
#include "tui/view.h"

#define TABLE_COLUMNS 32 /* the most a view may have */

struct table;

struct table *table_new(const struct view *view, const char *arg);
void table_free(struct table *t); /* NULL is fine */

/*
 * Takes new data and history, borrowed until the next call; NULL when there is none. The view's load may fail: then there
 * are no rows, and table_error says why. Cursor, filter and order stay.
 */
void table_load(struct table *t, const void *data, const struct history_view *history);
bool table_is_of(const struct table *t, const void *data,
		 const struct history_view *history); /* loaded with these? */

const struct view *table_view(const struct table *t);
const struct view_data *table_data(const struct table *t); /* NULL when nothing is loaded */
const char *table_arg(const struct table *t);
const struct err *table_error(const struct table *t); /* NULL when all is well */
size_t table_total(const struct table *t); /* rows there are */
size_t table_shown(struct table *t); /* rows that the filter lets through */
bool table_selected(struct table *t, size_t *row); /* the view's number of the row under the cursor; false: none */
/*
 * Marks, by the rows' keys: they stay while data changes. table_mark turns the one under the cursor on or off, table_mark_range
 * sets all from the last one turned to the cursor.
 */
void table_mark(struct table *t);
void table_mark_range(struct table *t);
void table_unmark(struct table *t); /* all of them */
/* Rows that are marked and pass the filter, in their order: what is out of sight is never meant. Returns how many. */
size_t table_marked(struct table *t, struct arena *a, size_t **out);
/* The rows drawn last, counted from 1, of those shown; 0 and 0 for none. */
void table_position(const struct table *t, size_t *first, size_t *last);

void table_move(struct table *t, long rows); /* the cursor, as far as there are rows */
void table_move_page(struct table *t, int pages);
void table_move_first(struct table *t);
void table_move_last(struct table *t);
void table_scroll(struct table *t, int columns); /* sideways, by whole columns */

/* "" shows all. false: the view refused the text, and the filter stays as it was. */
bool table_set_filter(struct table *t, const char *text, struct err *e);
const char *table_filter(const struct table *t);
void table_set_faults(struct table *t, bool on); /* only rows with a cell that is STYLE_BAD */
bool table_faults(const struct table *t);
void table_set_wide(struct table *t, bool on); /* show columns that are `wide` */
bool table_wide(const struct table *t);

bool table_sort_by_key(struct table *t, int key); /* false: no column has that letter. Again: the other way round */
void table_sort_next(struct table *t, int step); /* by the column to the right (1) or left (-1) */
void table_sort_direction(struct table *t, bool descending);
/* The column it is sorted by, -1 for none. */
int table_sorted(const struct table *t, bool *descending);

/* Header and rows into a rectangle. */
void table_draw(struct table *t, struct screen *s, int row, int column, int rows, int columns);

#endif
