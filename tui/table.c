/* SPDX-License-Identifier: Apache-2.0 */
#include "tui/table.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>

#include "base/mem.h"
#include "base/str.h"
#include "base/text.h"
#include "tui/filter.h"

#define SORTED_UP "\xe2\x86\x91"
#define SORTED_DOWN "\xe2\x86\x93"
#define MORE_LEFT "\xe2\x97\x82"
#define MORE_RIGHT "\xe2\x96\xb8"
#define WIDEST 400 /* columns that one column may ask for, whatever is written in it */
#define LEAST_CUT 4 /* columns in which a cut column still tells something */

/* A row as it was filled, kept until data is new. */
struct kept_row {
	struct cell *cells;
	char *folded; /* its cells in small letters, for filters; NULL until one is set */
	bool bad; /* a cell is STYLE_BAD */
};

/* A row that was marked: its key, for rows are others with every load. */
struct mark {
	UT_hash_handle hh;
	char key[];
};

struct table {
	const struct view *view;
	char *arg;
	struct view_data data;
	bool loaded;
	struct err error;
	bool failed; /* error says why */

	size_t total;
	struct kept_row *kept; /* NULL until order or filter need all rows */
	struct arena kept_arena;
	int widths[TABLE_COLUMNS]; /* the widest cell seen of each column */

	unsigned *sorted; /* all rows in their order; NULL until it is needed */
	unsigned *order; /* those of them that are shown */
	size_t n_order;
	bool arranged; /* sorted and order are up to date */

	int sort_column; /* -1: as the rows come */
	bool descending;
	char *filter_text;
	struct filter filter;
	void *view_filter; /* what the view made of the text; then `filter` is not used */
	struct arena filter_arena;
	bool faults, wide;

	struct mark *marks; /* by key */
	char *last_mark; /* where a range begins; NULL: nothing was marked yet */

	size_t cursor; /* index into order */
	size_t selected; /* the row there; SIZE_MAX: none */
	char *selected_key; /* its key: the old data may be gone when new data comes */
	size_t top; /* index of the first row drawn */
	size_t page; /* rows drawn last */
	int left; /* columns scrolled out of sight, sticky ones not counted */
	bool dropped[TABLE_COLUMNS]; /* left out of the last drawing for lack of room */
};

static int
find_column(const struct view *v, const char *name)
{
	for (size_t i = 0; name && i < v->n_columns; i++) {
		if (str_eq(v->columns[i].name, name))
			return (int)i;
	}
	return -1;
}

struct table *
table_new(const struct view *view, const char *arg)
{
	struct table *t = mem_alloc(sizeof(*t));

	assert(view->n_columns <= TABLE_COLUMNS);
	t->view = view;
	t->arg = mem_strdup(arg);
	t->filter_text = mem_strdup("");
	t->sort_column = find_column(view, view->sort);
	t->descending = t->sort_column >= 0 && view->columns[t->sort_column].descending;
	return t;
}

static void
forget_rows(struct table *t)
{
	free(t->kept);
	free(t->sorted);
	free(t->order);
	t->kept = NULL;
	t->sorted = t->order = NULL;
	t->n_order = t->total = 0;
	t->arranged = false;
	arena_reset(&t->kept_arena);
	memset(t->widths, 0, sizeof(t->widths));
}

static void
unload(struct table *t)
{
	forget_rows(t);
	if (t->loaded && t->view->unload)
		t->view->unload(&t->data);
	arena_free(&t->data.arena);
	t->data = (struct view_data){0};
	t->loaded = t->failed = false;
}

void
table_free(struct table *t)
{
	if (!t)
		return;
	unload(t);
	arena_free(&t->kept_arena);
	arena_free(&t->filter_arena);
	free(t->arg);
	free(t->filter_text);
	free(t->selected_key);
	table_unmark(t);
	free(t);
}

/* Where the row of that key is now; false when it is gone. */
static bool
find_key(const struct table *t, const char *key, size_t *row)
{
	AUTO(arena) struct arena scratch = {0};

	for (size_t i = 0; i < t->total; i++) {
		if (str_eq(t->view->key(&t->data, i, &scratch), key)) {
			*row = i;
			return true;
		}
		arena_reset(&scratch);
	}
	return false;
}

void
table_load(struct table *t, const void *data, const struct history_view *history)
{
	unload(t);
	t->data.data = data;
	t->data.history = history;
	t->data.arg = t->arg;
	if (!data && !t->view->of_history)
		return;
	t->failed = t->view->load && !t->view->load(&t->data, &t->error);
	t->loaded = !t->failed;
	t->total = t->loaded ? t->view->rows(&t->data) : 0;
	/* Where the row is gone, the cursor stays where it is on the screen. */
	if (!t->selected_key || !find_key(t, t->selected_key, &t->selected))
		t->selected = SIZE_MAX;
	/* What the view made of the filter may hold pieces of the old data. */
	t->view_filter = NULL;
	table_set_filter(t, t->filter_text, NULL);
}

bool
table_is_of(const struct table *t, const void *data, const struct history_view *history)
{
	return t->data.data == data && t->data.history == history;
}

const struct view *
table_view(const struct table *t)
{
	return t->view;
}

const struct view_data *
table_data(const struct table *t)
{
	return t->loaded ? &t->data : NULL;
}

const char *
table_arg(const struct table *t)
{
	return t->arg;
}

const struct err *
table_error(const struct table *t)
{
	return t->failed ? &t->error : NULL;
}

size_t
table_total(const struct table *t)
{
	return t->total;
}

/* A text of printable ASCII, as most are, is safe and as wide as it is long. */
static bool
is_clean(const char *s, size_t *len)
{
	const char *at = s;

	while (*at >= 0x20 && *at < 0x7f)
		at++;
	*len = (size_t)(at - s);
	return !*at;
}

/* Makes it safe to show; returns how many columns it takes. */
static int
make_safe(struct cell *cell, struct arena *a)
{
	AUTO(buf) struct buf safe = {0};
	size_t len;

	if (!cell->text)
		cell->text = "";
	if (is_clean(cell->text, &len))
		return (int)len;
	text_safe(&safe, cell->text, strlen(cell->text));
	cell->text = arena_strndup(a, buf_str(&safe), safe.len);
	return (int)text_width(cell->text);
}

/* The one way from a view to the screen: whatever the text is, it is safe behind this. */
static void
fill_row(struct table *t, size_t row, struct cell *cells, struct arena *a)
{
	t->view->fill(&t->data, row, cells, a);
	for (size_t i = 0; i < t->view->n_columns; i++) {
		int width = make_safe(&cells[i], a);

		if (width > t->widths[i])
			t->widths[i] = width;
	}
}

static void
keep_rows(struct table *t)
{
	size_t n = t->view->n_columns;

	if (t->kept)
		return;
	t->kept = mem_array(t->total, sizeof(*t->kept));
	for (size_t row = 0; row < t->total; row++) {
		struct kept_row *k = &t->kept[row];

		k->cells = ARENA_ARRAY(&t->kept_arena, struct cell, n);
		fill_row(t, row, k->cells, &t->kept_arena);
		for (size_t i = 0; i < n; i++)
			k->bad |= k->cells[i].style == STYLE_BAD;
	}
}

static const char *
folded_row(struct table *t, size_t row)
{
	struct kept_row *k = &t->kept[row];
	AUTO(buf) struct buf text = {0};

	if (k->folded)
		return k->folded;
	for (size_t i = 0; i < t->view->n_columns; i++) {
		buf_adds(&text, k->cells[i].text);
		buf_addc(&text, '\n');
	}
	k->folded = arena_strndup(&t->kept_arena, buf_str(&text), text.len);
	filter_fold(k->folded);
	return k->folded;
}

/* What rows are compared by, computed once. */
struct sort_entry {
	int64_t number;
	const char *text;
	unsigned row;
};

static int
compare_up(const void *x, const void *y)
{
	const struct sort_entry *a = x, *b = y;
	int order = (a->number > b->number) - (a->number < b->number);

	if (!order)
		order = strcmp(a->text, b->text);
	return order ? order : a->row < b->row ? -1 : 1;
}

/* Rows that compare equal keep their order this way too. */
static int
compare_down(const void *x, const void *y)
{
	const struct sort_entry *a = x, *b = y;
	int order = (a->number < b->number) - (a->number > b->number);

	if (!order)
		order = strcmp(b->text, a->text);
	return order ? order : a->row < b->row ? -1 : 1;
}

/* Small letters, and each number as its length and its digits, so that strcmp takes a2 before a10. */
static const char *
natural_key(const char *s, struct arena *a)
{
	char *made = arena_alloc(a, 3 * strlen(s) + 1), *at = made; /* a digit alone takes three bytes */

	while (*s) {
		size_t digits = strspn(s, "0123456789"), zeros;

		if (!digits) {
			*at++ = *s++;
			continue;
		}
		zeros = strspn(s, "0");
		zeros = zeros < digits ? zeros : digits - 1;
		s += zeros;
		digits -= zeros;
		*at++ = '0';
		*at++ = (char)(digits < 250 ? digits : 250);
		memcpy(at, s, digits);
		at += digits;
		s += digits;
	}
	filter_fold(made);
	return made;
}

static int64_t
age_seconds(const char *s)
{
	size_t len = strlen(s);
	int64_t n;

	if (str_duration(s, &n))
		return n;
	if (len > 1 && len < 10 && s[len - 1] == 'y') {
		char digits[10] = {0};

		memcpy(digits, s, len - 1);
		if (str_i64(digits, &n))
			return n * 365 * 86400;
	}
	return INT64_MAX;
}

static struct sort_entry
sort_entry(const struct table *t, unsigned row, struct arena *a)
{
	const struct cell *cell = &t->kept[row].cells[t->sort_column];
	struct sort_entry entry = {.text = "", .row = row};

	switch (t->view->columns[t->sort_column].sort) {
	case SORT_TEXT:
		entry.text = natural_key(cell->text, a);
		break;
	case SORT_AGE:
		entry.number = age_seconds(cell->text);
		break;
	case SORT_ORDER:
		entry.number = cell->order;
		break;
	}
	return entry;
}

static void
sort_rows(struct table *t)
{
	AUTO(arena) struct arena keys = {0};
	struct sort_entry *entries;

	t->sorted = mem_array(t->total, sizeof(*t->sorted));
	for (unsigned i = 0; i < t->total; i++)
		t->sorted[i] = i;
	if (t->sort_column < 0)
		return;
	keep_rows(t);
	entries = mem_array(t->total, sizeof(*entries));
	for (unsigned i = 0; i < t->total; i++)
		entries[i] = sort_entry(t, i, &keys);
	qsort(entries, t->total, sizeof(*entries), t->descending ? compare_down : compare_up);
	for (size_t i = 0; i < t->total; i++)
		t->sorted[i] = entries[i].row;
	free(entries);
}

static bool
is_shown(struct table *t, size_t row)
{
	if (t->faults && !t->kept[row].bad)
		return false;
	if (t->view_filter)
		return t->view->filter_match(&t->data, t->view_filter, row);
	return t->filter.kind == FILTER_NONE || filter_matches(&t->filter, folded_row(t, row));
}

static void
select_row(struct table *t, size_t row)
{
	AUTO(arena) struct arena scratch = {0};

	t->selected = row;
	free(t->selected_key);
	t->selected_key = mem_strdup(t->view->key(&t->data, row, &scratch));
}

/* The cursor goes to the row it was on; when that is out of sight it stays at its place. */
static void
place_cursor(struct table *t)
{
	for (size_t i = 0; i < t->n_order; i++) {
		if (t->order[i] == t->selected) {
			t->cursor = i;
			return;
		}
	}
	if (t->cursor >= t->n_order)
		t->cursor = t->n_order ? t->n_order - 1 : 0;
	if (t->n_order)
		select_row(t, t->order[t->cursor]);
}

static void
arrange(struct table *t)
{
	if (t->arranged)
		return;
	if (!t->sorted)
		sort_rows(t);
	if (t->faults || t->filter.kind != FILTER_NONE)
		keep_rows(t);
	if (!t->order)
		t->order = mem_array(t->total, sizeof(*t->order));
	t->n_order = 0;
	for (size_t i = 0; i < t->total; i++) {
		if (is_shown(t, t->sorted[i]))
			t->order[t->n_order++] = t->sorted[i];
	}
	t->arranged = true;
	place_cursor(t);
}

static void
resort(struct table *t)
{
	free(t->sorted);
	t->sorted = NULL;
	t->arranged = false;
}

size_t
table_shown(struct table *t)
{
	arrange(t);
	return t->n_order;
}

bool
table_selected(struct table *t, size_t *row)
{
	arrange(t);
	if (!t->n_order)
		return false;
	*row = t->order[t->cursor];
	return true;
}

static struct mark *
find_mark(const struct table *t, size_t row)
{
	AUTO(arena) struct arena scratch = {0};
	struct mark *m = NULL;
	const char *key;

	if (!t->marks)
		return NULL;
	key = t->view->key(&t->data, row, &scratch);
	HASH_FIND_STR(t->marks, key, m);
	return m;
}

static void
set_mark(struct table *t, size_t row, bool on)
{
	struct mark *m = find_mark(t, row);

	if (on && !m) {
		AUTO(arena) struct arena scratch = {0};
		const char *key = t->view->key(&t->data, row, &scratch);

		m = mem_alloc(sizeof(*m) + strlen(key) + 1);
		strcpy(m->key, key);
		HASH_ADD_STR(t->marks, key, m);
	} else if (!on && m) {
		HASH_DEL(t->marks, m);
		free(m);
	}
}

void
table_mark(struct table *t)
{
	AUTO(arena) struct arena scratch = {0};
	size_t row;

	if (!table_selected(t, &row))
		return;
	set_mark(t, row, !find_mark(t, row));
	free(t->last_mark);
	t->last_mark = mem_strdup(t->view->key(&t->data, row, &scratch));
}

void
table_mark_range(struct table *t)
{
	size_t from, place = 0;

	arrange(t);
	if (!t->n_order || !t->last_mark || !find_key(t, t->last_mark, &from))
		return;
	while (place < t->n_order && t->order[place] != from)
		place++;
	if (place == t->n_order)
		return; /* out of sight: nobody sees what would be marked */
	for (size_t i = place < t->cursor ? place : t->cursor; i <= (place < t->cursor ? t->cursor : place); i++)
		set_mark(t, t->order[i], true);
}

void
table_unmark(struct table *t)
{
	struct mark *m, *next;

	HASH_ITER(hh, t->marks, m, next) {
		HASH_DEL(t->marks, m);
		free(m);
	}
	free(t->last_mark);
	t->last_mark = NULL;
}

size_t
table_marked(struct table *t, struct arena *a, size_t **out)
{
	size_t n = 0;

	arrange(t);
	*out = ARENA_ARRAY(a, size_t, t->marks ? t->n_order : 0);
	for (size_t i = 0; t->marks && i < t->n_order; i++)
		if (find_mark(t, t->order[i]))
			(*out)[n++] = t->order[i];
	return n;
}

void
table_position(const struct table *t, size_t *first, size_t *last)
{
	size_t end = t->top + t->page;

	*last = end < t->n_order ? end : t->n_order;
	*first = *last ? t->top + 1 : 0;
}

void
table_move(struct table *t, long rows)
{
	arrange(t);
	if (!t->n_order)
		return;
	if (rows < 0)
		t->cursor -= (size_t)-rows < t->cursor ? (size_t)-rows : t->cursor;
	else
		t->cursor += (size_t)rows < t->n_order - 1 - t->cursor ? (size_t)rows : t->n_order - 1 - t->cursor;
	select_row(t, t->order[t->cursor]);
}

void
table_move_page(struct table *t, int pages)
{
	long page = t->page > 1 ? (long)t->page - 1 : 1; /* one row of the page before stays, to hold on to */

	table_move(t, pages * page);
}

void
table_move_first(struct table *t)
{
	arrange(t);
	table_move(t, -(long)t->n_order);
}

void
table_move_last(struct table *t)
{
	arrange(t);
	table_move(t, (long)t->n_order);
}

void
table_scroll(struct table *t, int columns)
{
	t->left += columns; /* drawing knows how far it goes */
	if (t->left < 0)
		t->left = 0;
}

bool
table_set_filter(struct table *t, const char *text, struct err *e)
{
	struct arena arena = {0};
	void *mine = NULL;

	if (t->view->filter_parse && t->loaded && !t->view->filter_parse(&t->data, text, &arena, &mine, e)) {
		arena_free(&arena);
		return false;
	}
	arena_free(&t->filter_arena);
	t->filter_arena = arena;
	t->view_filter = mine;
	if (mine)
		t->filter = (struct filter){0};
	else
		t->filter = filter_parse(text, &t->filter_arena);
	if (text != t->filter_text) {
		free(t->filter_text);
		t->filter_text = mem_strdup(text);
	}
	t->arranged = false;
	return true;
}

const char *
table_filter(const struct table *t)
{
	return t->filter_text;
}

void
table_set_faults(struct table *t, bool on)
{
	t->faults = on;
	t->arranged = false;
}

bool
table_faults(const struct table *t)
{
	return t->faults;
}

void
table_set_wide(struct table *t, bool on)
{
	t->wide = on;
}

bool
table_wide(const struct table *t)
{
	return t->wide;
}

static bool
is_visible(const struct table *t, int column)
{
	return (t->wide || !t->view->columns[column].wide) && !t->dropped[column];
}

static void
sort_by(struct table *t, int column)
{
	t->descending = column == t->sort_column ? !t->descending : t->view->columns[column].descending;
	t->sort_column = column;
	resort(t);
}

bool
table_sort_by_key(struct table *t, int key)
{
	for (size_t i = 0; i < t->view->n_columns; i++) {
		if (key && t->view->columns[i].sort_key == key) {
			sort_by(t, (int)i);
			return true;
		}
	}
	return false;
}

void
table_sort_next(struct table *t, int step)
{
	int n = (int)t->view->n_columns, column = t->sort_column;

	if (column < 0)
		column = step > 0 ? n - 1 : 0;
	for (int i = 0; i < n; i++) {
		column = (column + step + n) % n;
		if (is_visible(t, column))
			break;
	}
	if (column != t->sort_column)
		sort_by(t, column);
}

void
table_sort_direction(struct table *t, bool descending)
{
	t->descending = descending;
	resort(t);
}

int
table_sorted(const struct table *t, bool *descending)
{
	*descending = t->descending;
	return t->sort_column;
}

/* Where the columns go, for one drawing. */
struct layout {
	struct {
		int column, x, width;
	} at[TABLE_COLUMNS];
	int n;
	int left_mark; /* x of the sign that columns are hidden to the left; -1 for none */
	bool more_right;
};

static int
wanted_width(const struct table *t, int column)
{
	int header = (int)text_width(t->view->columns[column].name) + (column == t->sort_column);
	int wanted = t->widths[column] > header ? t->widths[column] : header ? header : 1;

	return wanted < WIDEST ? wanted : WIDEST;
}

static int
least_width(const struct table *t, int column, int wanted)
{
	int least = t->view->columns[column].min;

	if (!least)
		least = (int)text_width(t->view->columns[column].name) + (column == t->sort_column);
	return least < wanted ? least : wanted;
}

static int
sum_widths(const struct table *t, const int *widths, int gap)
{
	int sum = -gap;

	for (int i = 0; i < (int)t->view->n_columns; i++) {
		if (is_visible(t, i))
			sum += widths[i] + gap;
	}
	return sum;
}

static bool
fits_at_least(const struct table *t, const int *widths, int columns)
{
	int least[TABLE_COLUMNS];

	for (int i = 0; i < (int)t->view->n_columns; i++)
		least[i] = t->view->columns[i].shrink ? least_width(t, i, widths[i]) : widths[i];
	return sum_widths(t, least, 1) <= columns;
}

/* Leaves out those that may be, until the rest fits. Who wants more columns, or scrolls, sees them all. */
static bool
drop_columns(struct table *t, const int *widths, int columns)
{
	bool any = false;

	memset(t->dropped, 0, sizeof(t->dropped));
	while (!t->wide && t->left == 0 && !fits_at_least(t, widths, columns)) {
		int next = -1;

		for (int i = 0; i < (int)t->view->n_columns; i++) {
			if (is_visible(t, i) && t->view->columns[i].drop &&
			    (next < 0 || t->view->columns[i].drop > t->view->columns[next].drop))
				next = i;
		}
		if (next < 0)
			break;
		t->dropped[next] = any = true;
	}
	return any;
}

/* Of the columns with that priority, the widest that can still give; -1 for none. */
static int
widest_to_shrink(const struct table *t, const int *widths, int priority)
{
	int best = -1;

	for (int i = 0; i < (int)t->view->n_columns; i++) {
		if (is_visible(t, i) && t->view->columns[i].shrink == priority &&
		    widths[i] > least_width(t, i, widths[i]) && (best < 0 || widths[i] > widths[best]))
			best = i;
	}
	return best;
}

static void
shrink_columns(const struct table *t, int *widths, int excess)
{
	int highest = 0;

	for (size_t i = 0; i < t->view->n_columns; i++)
		highest = t->view->columns[i].shrink > highest ? t->view->columns[i].shrink : highest;
	for (int priority = highest; priority > 0 && excess > 0; priority--) {
		int column;

		while (excess > 0 && (column = widest_to_shrink(t, widths, priority)) >= 0) {
			widths[column]--;
			excess--;
		}
	}
}

/* Puts a column at x; what is left of the room when it does not fit whole. Returns the x of the next, -1: full. */
static int
place_column(struct layout *l, int column, int x, int width, int gap, int columns)
{
	int room = columns - x;

	if (width > room) {
		l->more_right = true;
		if (room < LEAST_CUT && l->n)
			return -1;
		width = room;
	}
	if (width <= 0)
		return -1;
	l->at[l->n].column = column;
	l->at[l->n].x = x;
	l->at[l->n].width = width;
	l->n++;
	return x + width + gap;
}

static int
sticky_width(const struct table *t, const int *widths, int gap)
{
	int sum = 0;

	for (int i = 0; i < (int)t->view->n_columns; i++) {
		if (is_visible(t, i) && t->view->columns[i].sticky)
			sum += widths[i] + gap;
	}
	return sum;
}

/* Too many columns: the sticky ones, unless they would take more than half, then the others from `left` on. */
static void
place_scrolled(struct table *t, struct layout *l, const int *widths, int gap, int columns)
{
	bool stick = sticky_width(t, widths, gap) <= columns / 2;
	int n = (int)t->view->n_columns, movable = 0, skipped = 0, x = 0;

	for (int i = 0; i < n && stick; i++) {
		if (is_visible(t, i) && t->view->columns[i].sticky)
			x = place_column(l, i, x, widths[i], gap, columns);
	}
	l->left_mark = x > 0 ? x - 1 : 0;
	for (int i = 0; i < n; i++)
		movable += is_visible(t, i) && !(stick && t->view->columns[i].sticky);
	if (t->left > movable - 1)
		t->left = movable > 0 ? movable - 1 : 0;
	for (int i = 0; i < n && x >= 0; i++) {
		if (!is_visible(t, i) || (stick && t->view->columns[i].sticky) || skipped++ < t->left)
			continue;
		x = place_column(l, i, x, widths[i], gap, columns);
	}
	if (t->left == 0)
		l->left_mark = -1;
}

static void
lay_out(struct table *t, struct layout *l, int columns)
{
	int widths[TABLE_COLUMNS], gap = 2, x = 0;

	*l = (struct layout){.left_mark = -1};
	for (int i = 0; i < (int)t->view->n_columns; i++)
		widths[i] = wanted_width(t, i);
	l->more_right = drop_columns(t, widths, columns);
	if (sum_widths(t, widths, gap) > columns)
		gap = 1;
	shrink_columns(t, widths, sum_widths(t, widths, gap) - columns);
	if (sum_widths(t, widths, gap) > columns) {
		place_scrolled(t, l, widths, gap, columns);
		return;
	}
	t->left = 0;
	for (int i = 0; i < (int)t->view->n_columns; i++) {
		if (is_visible(t, i))
			x = place_column(l, i, x, widths[i], gap, columns);
	}
}

static void
draw_header(const struct table *t, struct screen *s, const struct layout *l, int row, int column, int columns)
{
	screen_fill(s, row, column, columns, STYLE_HEADER, " ");
	for (int i = 0; i < l->n; i++) {
		const struct column *c = &t->view->columns[l->at[i].column];
		bool sorted = l->at[i].column == t->sort_column;
		int width = l->at[i].width - sorted, name = (int)text_width(c->name);
		int x = column + l->at[i].x;

		screen_put_padded(s, row, x, width, c->right, STYLE_HEADER, c->name);
		if (sorted)
			screen_put(s, row, x + (c->right || name > width ? width : name), 1, STYLE_SORTER,
				   t->descending ? SORTED_DOWN : SORTED_UP);
	}
	if (l->left_mark >= 0)
		screen_put(s, row, column + l->left_mark, 1, STYLE_SORTER, MORE_LEFT);
	if (l->more_right)
		screen_put(s, row, column + columns - 1, 1, STYLE_SORTER, MORE_RIGHT);
}

static void
draw_row(struct table *t, struct screen *s, const struct layout *l, size_t index, int row, int column, int columns)
{
	AUTO(arena) struct arena scratch = {0};
	struct cell cells[TABLE_COLUMNS] = {0};
	bool under_cursor = index == t->cursor, marked = find_mark(t, t->order[index]);

	fill_row(t, t->order[index], cells, &scratch); /* anew, whatever it is sorted by: ages go on */
	screen_fill(s, row, column, columns, under_cursor ? STYLE_CURSOR : STYLE_CELL, " ");
	for (int i = 0; i < l->n; i++) {
		const struct cell *cell = &cells[l->at[i].column];
		enum style style = marked ? STYLE_MARK : cell->style;

		screen_put_padded(s, row, column + l->at[i].x, l->at[i].width,
				  t->view->columns[l->at[i].column].right,
				  under_cursor ? STYLE_CURSOR : style, cell->text);
	}
}

/* The widths of what is about to be drawn, where not all rows are known. */
static void
measure_page(struct table *t)
{
	AUTO(arena) struct arena scratch = {0};

	for (size_t i = t->top; !t->kept && i < t->n_order && i < t->top + t->page; i++) {
		struct cell cells[TABLE_COLUMNS] = {0};

		fill_row(t, t->order[i], cells, &scratch);
	}
}

static void
scroll_to_cursor(struct table *t)
{
	if (t->cursor < t->top)
		t->top = t->cursor;
	if (t->page && t->cursor >= t->top + t->page)
		t->top = t->cursor - t->page + 1;
	if (t->top + t->page > t->n_order)
		t->top = t->n_order > t->page ? t->n_order - t->page : 0;
}

void
table_draw(struct table *t, struct screen *s, int row, int column, int rows, int columns)
{
	struct layout l;

	if (rows <= 0 || columns <= 0)
		return;
	arrange(t);
	t->page = (size_t)rows - 1;
	scroll_to_cursor(t);
	measure_page(t);
	lay_out(t, &l, columns);
	draw_header(t, s, &l, row, column, columns);
	for (size_t i = 0; i < t->page; i++) {
		int y = row + 1 + (int)i;

		if (t->top + i < t->n_order)
			draw_row(t, s, &l, t->top + i, y, column, columns);
		else
			screen_fill(s, y, column, columns, STYLE_CELL, " ");
	}
}
