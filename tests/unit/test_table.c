/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "tui/table.h"

/* A made-up fleet. With `many` its rows are computed, so that there can be any number of them. */
struct fake {
	size_t n;
	bool many;
	const char *refuse; /* what load says no with */
	struct {
		const char *name, *age;
		int findings;
		const char *note;
	} rows[8];
	size_t fills; /* how often fill was called */
	int loaded; /* loads less unloads */
};

static const struct column columns[] = {
	{.name = "NAME", .min = 4, .shrink = 1, .sticky = true, .sort_key = 'N'},
	{.name = "AGE", .right = true, .sort = SORT_AGE, .sort_key = 'A'},
	{.name = "FINDINGS", .sort = SORT_ORDER, .descending = true, .sort_key = 'F'},
	{.name = "NOTE", .min = 6, .shrink = 2},
	{.name = "UID", .wide = true},
};

static struct fake *
fake_of(const struct view_data *v)
{
	return (struct fake *)(uintptr_t)v->data;
}

static bool
load(struct view_data *v, struct err *e)
{
	if (fake_of(v)->refuse)
		return err_set(e, ERR_USAGE, 0, "%s: %s", v->arg, fake_of(v)->refuse);
	fake_of(v)->loaded++;
	v->state = &fake_of(v)->loaded;
	return true;
}

static void
unload(struct view_data *v)
{
	--*(int *)v->state;
}

static size_t
rows(const struct view_data *v)
{
	return fake_of(v)->n;
}

static const char *
key(const struct view_data *v, size_t row, struct arena *a)
{
	return fake_of(v)->many ? arena_printf(a, "agent-%zu", row) : fake_of(v)->rows[row].name;
}

static void
fill(const struct view_data *v, size_t row, struct cell *cells, struct arena *a)
{
	struct fake *f = fake_of(v);
	int findings = f->many ? (int)(row * 7919 % 10007) : f->rows[row].findings;
	char age[8];

	f->fills++;
	str_age((int64_t)(row * 7919 % 100003), age);
	cells[0].text = key(v, row, a);
	cells[1].text = f->many ? arena_strdup(a, age) : f->rows[row].age;
	cells[2] = (struct cell){.text = arena_printf(a, "%d high", findings),
				 .style = findings > 2 ? STYLE_BAD : STYLE_OK,
				 .order = findings};
	cells[3].text = f->many ? "pipelock-companion 1/1, companion, directory, 0440 ok" : f->rows[row].note;
	cells[4].text = "3b1f";
}

/* "max=3": rows with at most that many findings. */
static bool
parse_filter(const struct view_data *v, const char *text, struct arena *a, void **out, struct err *e)
{
	int64_t max;

	(void)v;
	if (!str_starts(text, "max="))
		return true;
	if (!str_i64(text + 4, &max))
		return err_set(e, ERR_USAGE, 0, "max=%s is no number", text + 4);
	*out = arena_copy(a, &max, sizeof(max));
	return true;
}

static bool
match_filter(const struct view_data *v, const void *filter, size_t row)
{
	return fake_of(v)->rows[row].findings <= *(const int64_t *)filter;
}

static const struct view view = {
	.name = "fake",
	.columns = columns,
	.n_columns = COUNT_OF(columns),
	.load = load,
	.unload = unload,
	.rows = rows,
	.key = key,
	.fill = fill,
	.filter_parse = parse_filter,
	.filter_match = match_filter,
};

static const struct fake five = {
	.n = 5,
	.rows = {{"a10", "2d", 1, "x"},
		 {"a2", "5s", 0, "y"},
		 {"B1", "3h", 7, "y"},
		 {"a1", "-", 3, ""},
		 {"c", "10m", 1, "z"}},
};

struct test {
	struct fake fake;
	struct table *table;
};

static int
setup(void **state)
{
	struct test *t = mem_alloc(sizeof(*t));

	t->fake = five;
	t->table = table_new(&view, "arg");
	table_load(t->table, &t->fake, NULL);
	*state = t;
	return 0;
}

static int
teardown(void **state)
{
	struct test *t = *state;
	int loaded;

	table_free(t->table);
	loaded = t->fake.loaded;
	free(t);
	return loaded; /* what was loaded was unloaded */
}

static void
check_drawn(struct test *t, int height, int width, const char *want)
{
	AUTO(screen) struct screen s = {0};
	AUTO(buf) struct buf text = {0};

	screen_resize(&s, height, width);
	table_draw(t->table, &s, 0, 0, height, width);
	screen_text(&s, &text);
	assert_string_equal(buf_str(&text), want);
}

/* The names in the order they are shown, the one under the cursor in brackets. */
static void
check_order(struct test *t, const char *want)
{
	AUTO(buf) struct buf got = {0};
	size_t selected = SIZE_MAX;
	AUTO(screen) struct screen s = {0};
	AUTO(buf) struct buf text = {0};

	screen_resize(&s, 20, 40);
	table_draw(t->table, &s, 0, 0, 20, 40);
	screen_text(&s, &text);
	if (!table_selected(t->table, &selected))
		selected = SIZE_MAX;
	for (char *line = strchr(text.data, '\n') + 1; *line && *line != '\n'; line = strchr(line, '\n') + 1) {
		size_t len = strcspn(line, " \n");
		bool here = selected != SIZE_MAX && strlen(t->fake.rows[selected].name) == len &&
			    strncmp(line, t->fake.rows[selected].name, len) == 0;

		buf_addf(&got, here ? "[%.*s] " : "%.*s ", (int)len, line);
	}
	assert_string_equal(buf_str(&got), want);
}

static void
drawn_as_it_comes(void **state)
{
	struct test *t = *state;

	check_drawn(t, 7, 40,
		    "NAME  AGE  FINDINGS  NOTE\n"
		    "a10    2d  1 high    x\n"
		    "a2     5s  0 high    y\n"
		    "B1     3h  7 high    y\n"
		    "a1      -  3 high\n"
		    "c     10m  1 high    z\n"
		    "\n");
	assert_int_equal(t->fake.fills, 10); /* measured and drawn; nothing else asked for */
}

static void
sorted_by_text(void **state)
{
	struct test *t = *state;

	check_order(t, "[a10] a2 B1 a1 c ");
	assert_true(table_sort_by_key(t->table, 'N'));
	check_order(t, "a1 a2 [a10] B1 c "); /* numbers as numbers, case as none, the cursor on its row */
	assert_true(table_sort_by_key(t->table, 'N'));
	check_order(t, "c B1 [a10] a2 a1 ");
	assert_false(table_sort_by_key(t->table, 'X'));
	assert_false(table_sort_by_key(t->table, 0));
}

static void
sorted_by_age_and_order(void **state)
{
	struct test *t = *state;

	check_order(t, "[a10] a2 B1 a1 c ");
	table_sort_by_key(t->table, 'A');
	check_order(t, "a2 c B1 [a10] a1 ");
	table_sort_by_key(t->table, 'F'); /* the highest first; equals as they come */
	check_order(t, "B1 a1 [a10] c a2 ");
	table_sort_direction(t->table, false);
	check_order(t, "a2 [a10] c a1 B1 ");
	check_drawn(t, 2, 40, "NAME  AGE  FINDINGS↑  NOTE\na10    2d  1 high     x\n");
}

static void
sorted_by_the_next_column(void **state)
{
	struct test *t = *state;
	bool descending;

	table_sort_next(t->table, 1);
	assert_int_equal(table_sorted(t->table, &descending), 0);
	table_sort_next(t->table, 1);
	table_sort_next(t->table, 1);
	assert_int_equal(table_sorted(t->table, &descending), 2);
	assert_true(descending);
	table_sort_next(t->table, 1);
	table_sort_next(t->table, 1); /* past the hidden column, round to the first */
	assert_int_equal(table_sorted(t->table, &descending), 0);
	table_sort_next(t->table, -1);
	assert_int_equal(table_sorted(t->table, &descending), 3);
}

static void
filtered(void **state)
{
	struct test *t = *state;
	struct err e = {0};

	assert_true(table_set_filter(t->table, "A1", &e));
	check_order(t, "[a10] a1 ");
	assert_int_equal(table_shown(t->table), 2);
	assert_int_equal(table_total(t->table), 5);
	assert_true(table_set_filter(t->table, "!a", &e));
	check_order(t, "[B1] c ");
	assert_true(table_set_filter(t->table, "nosuch", &e));
	check_order(t, "");
	assert_true(table_set_filter(t->table, "", &e));
	check_order(t, "a10 a2 [B1] a1 c ");
}

static void
filtered_by_the_view(void **state)
{
	struct test *t = *state;
	struct err e = {0};

	assert_true(table_set_filter(t->table, "max=1", &e));
	check_order(t, "[a10] a2 c ");
	assert_false(table_set_filter(t->table, "max=x", &e));
	assert_string_equal(e.msg, "max=x is no number");
	assert_string_equal(table_filter(t->table), "max=1");
	check_order(t, "[a10] a2 c ");
	t->fake.rows[0].findings = 9; /* new data, the same filter */
	table_load(t->table, &t->fake, NULL);
	check_order(t, "[a2] c ");
}

static void
only_faults(void **state)
{
	struct test *t = *state;

	table_set_faults(t->table, true);
	check_order(t, "[B1] a1 ");
	table_set_faults(t->table, false);
	check_order(t, "a10 a2 [B1] a1 c ");
}

static void
cursor_moves_within_the_rows(void **state)
{
	struct test *t = *state;

	table_move(t->table, 2);
	check_order(t, "a10 a2 [B1] a1 c ");
	table_move(t->table, 99);
	check_order(t, "a10 a2 B1 a1 [c] ");
	table_move(t->table, -99);
	check_order(t, "[a10] a2 B1 a1 c ");
	table_move_last(t->table);
	check_order(t, "a10 a2 B1 a1 [c] ");
	table_move_first(t->table);
	check_order(t, "[a10] a2 B1 a1 c ");
}

static void
cursor_follows_its_row(void **state)
{
	struct test *t = *state;
	struct fake next = {
		.n = 4,
		.rows = {{"new", "1s", 0, ""}, {"c", "11m", 1, ""}, {"B1", "3h", 7, ""}, {"a1", "-", 0, ""}}};

	table_move(t->table, 2);
	t->fake = next;
	t->fake.loaded = 1;
	table_load(t->table, &t->fake, NULL);
	check_order(t, "new c [B1] a1 ");
	t->fake.rows[2].name = "gone"; /* its row is no more: the place stays */
	table_load(t->table, &t->fake, NULL);
	check_order(t, "new c [gone] a1 ");
	t->fake.n = 1;
	table_load(t->table, &t->fake, NULL);
	check_order(t, "[new] ");
	t->fake.n = 0;
	table_load(t->table, &t->fake, NULL);
	check_order(t, "");
	table_load(t->table, NULL, NULL);
	check_order(t, "");
	assert_null(table_data(t->table));
	table_move(t->table, 1);
	table_move_page(t->table, 1);
	t->fake.n = 2;
	table_load(t->table, &t->fake, NULL);
	check_order(t, "[new] c ");
}

static void
load_may_refuse(void **state)
{
	struct test *t = *state;

	t->fake.refuse = "no such agent";
	table_load(t->table, &t->fake, NULL);
	assert_string_equal(table_error(t->table)->msg, "arg: no such agent");
	assert_int_equal(table_total(t->table), 0);
	check_order(t, "");
	t->fake.refuse = NULL;
	table_load(t->table, &t->fake, NULL);
	assert_null(table_error(t->table));
	check_order(t, "[a10] a2 B1 a1 c ");
}

static void
scrolled_to_the_cursor(void **state)
{
	struct test *t = *state;
	size_t first, last;

	table_move_last(t->table);
	check_drawn(t, 3, 40, "NAME  AGE  FINDINGS  NOTE\na1      -  3 high\nc     10m  1 high    z\n");
	table_position(t->table, &first, &last);
	assert_int_equal(first, 4);
	assert_int_equal(last, 5);
	table_move(t->table, -1); /* in sight: nothing scrolls */
	check_drawn(t, 3, 40, "NAME  AGE  FINDINGS  NOTE\na1      -  3 high\nc     10m  1 high    z\n");
	table_move_page(t->table, -1);
	check_drawn(t, 3, 40, "NAME  AGE  FINDINGS  NOTE\nB1     3h  7 high    y\na1      -  3 high\n");
	check_drawn(t, 7, 9, "NAME AGE▸\na10   2d\na2    5s\nB1    3h\na1     -\nc    10m\n\n");
	table_position(t->table, &first, &last);
	assert_int_equal(first, 1);
}

static void
columns_shrink_then_scroll(void **state)
{
	struct test *t = *state;

	t->fake.n = 1;
	t->fake.rows[0].name = "librarian";
	t->fake.rows[0].note = "a note with many words";
	table_load(t->table, &t->fake, NULL);
	check_drawn(t, 2, 60, "NAME       AGE  FINDINGS  NOTE\nlibrarian   2d  1 high    a note with many words\n");
	check_drawn(t, 2, 40, "NAME      AGE FINDINGS NOTE\nlibrarian  2d 1 high   a note with many…\n");
	check_drawn(t, 2, 26, "NAME   AGE FINDINGS NOTE\nlibra…  2d 1 high   a not…\n");
	check_drawn(t, 2, 22, "NAME AGE FINDINGS NOT▸\nlib…  2d 1 high   a n…\n");
	table_scroll(t->table, 1);
	check_drawn(t, 2, 14, "NAME◂FINDINGS▸\nlib… 1 high\n");
	table_scroll(t->table, 1);
	check_drawn(t, 2, 14, "NAME◂NOTE\nlib… a not…\n");
	table_scroll(t->table, 9); /* no further than the last */
	check_drawn(t, 2, 14, "NAME◂NOTE\nlib… a not…\n");
	table_scroll(t->table, -99);
	check_drawn(t, 2, 6, "NAME ▸\nlib…\n"); /* sticky would be too much of so little */
	check_drawn(t, 2, 60, "NAME       AGE  FINDINGS  NOTE\nlibrarian   2d  1 high    a note with many words\n");
}

static void
wide_columns(void **state)
{
	struct test *t = *state;

	table_set_wide(t->table, true);
	check_drawn(t, 2, 40, "NAME  AGE  FINDINGS  NOTE  UID\na10    2d  1 high    x     3b1f\n");
}

static const struct column droppable[] = {
	{.name = "NAME"},
	{.name = "AGE", .drop = 1},
	{.name = "FINDINGS", .drop = 2},
	{.name = "NOTE", .min = 4, .shrink = 1},
	{.name = "UID", .wide = true},
};

static void
columns_are_left_out(void **state)
{
	struct test *t = *state;
	struct view other = view;

	other.columns = droppable;
	table_free(t->table);
	t->table = table_new(&other, "");
	t->fake.n = 1;
	t->fake.rows[0].note = "a long note";
	table_load(t->table, &t->fake, NULL);
	check_drawn(t, 2, 24, "NAME AGE FINDINGS NOTE\na10  2d  1 high   a lon…\n");
	check_drawn(t, 2, 20, "NAME AGE NOTE      ▸\na10  2d  a long note\n");
	check_drawn(t, 2, 10, "NAME NOTE▸\na10  a lo…\n");
	table_scroll(t->table, 1); /* who scrolls wants them */
	check_drawn(t, 2, 20, "◂GE FINDINGS NOTE\n2d  1 high   a l…\n");
	table_scroll(t->table, -1);
	table_set_wide(t->table, true);
	check_drawn(t, 2, 20, "NAME AGE FINDINGS  ▸\na10  2d  1 high\n");
	table_free(t->table); /* before the view goes */
	t->table = NULL;
}

static void
any_size_will_do(void **state)
{
	struct test *t = *state;
	AUTO(screen) struct screen s = {0};

	for (int height = 0; height < 5; height++) {
		for (int width = 0; width < 12; width++) {
			screen_resize(&s, height, width);
			table_draw(t->table, &s, 0, 0, height, width);
		}
	}
	check_drawn(t, 1, 1, "▸\n");
}

static void
hostile_cells_are_made_safe(void **state)
{
	struct test *t = *state;

	t->fake.n = 1;
	t->fake.rows[0].name = "a\x1b[31m\nb\xe2\x80\xae";
	t->fake.rows[0].note = NULL;
	table_load(t->table, &t->fake, NULL);
	check_drawn(t, 2, 50, "NAME                AGE  FINDINGS  NOTE\na\\x1b[31m\\nb\\u202e   2d  1 high\n");
	table_sort_by_key(t->table, 'N'); /* and so is what is kept */
	check_drawn(t, 2, 50, "NAME↑               AGE  FINDINGS  NOTE\na\\x1b[31m\\nb\\u202e   2d  1 high\n");
}

static double
cpu_ms(void)
{
	return (double)clock() * 1000 / CLOCKS_PER_SEC;
}

/* The bound is ten times what it takes on a slow machine: it is there for what grows with the square. */
static void
ten_thousand_rows(void **state)
{
	struct test *t = *state;
	AUTO(screen) struct screen s = {0};
	double start, drawn, sorted, filtered_once, filtered_again;
	struct err e;

	t->fake.many = true;
	t->fake.n = 10000;
	table_load(t->table, &t->fake, NULL);
	screen_resize(&s, 50, 200);
	start = cpu_ms();
	table_draw(t->table, &s, 0, 0, 50, 200);
	drawn = cpu_ms() - start;
	assert_int_equal(t->fake.fills, 98); /* 49 rows, measured and drawn */
	start = cpu_ms();
	table_sort_by_key(t->table, 'F');
	table_draw(t->table, &s, 0, 0, 50, 200);
	sorted = cpu_ms() - start;
	assert_int_equal(t->fake.fills, 10098 + 49); /* those in sight are drawn as they are now: ages go on */
	start = cpu_ms();
	assert_true(table_set_filter(t->table, "agent-77", &e));
	table_draw(t->table, &s, 0, 0, 50, 200);
	filtered_once = cpu_ms() - start;
	assert_int_equal(table_shown(t->table), 111);
	start = cpu_ms();
	assert_true(table_set_filter(t->table, "agent-777", &e));
	table_sort_by_key(t->table, 'N');
	table_draw(t->table, &s, 0, 0, 50, 200);
	filtered_again = cpu_ms() - start;
	assert_int_equal(t->fake.fills, 10098 + 49 + 49 + 11); /* 111 and 11 rows pass: nothing else is filled again */
	fprintf(stderr,
		"10,000 rows: drawn %.1f ms, filled and sorted %.1f, filtered %.1f, again and sorted %.1f\n", drawn,
		sorted, filtered_once, filtered_again);
	assert_true(drawn + sorted + filtered_once + filtered_again < 2000);
}

/* The names of the marked rows, in the order in which they are shown. */
static void
check_marked(struct test *t, const char *want)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf got = {0};
	size_t *rows, n = table_marked(t->table, &a, &rows);

	for (size_t i = 0; i < n; i++)
		buf_addf(&got, "%s ", t->fake.rows[rows[i]].name);
	assert_string_equal(buf_str(&got), want);
}

static void
marked(void **state)
{
	struct test *t = *state;
	struct err e;

	table_mark_range(t->table); /* from nowhere */
	check_marked(t, "");
	table_mark(t->table);
	check_marked(t, "a10 ");
	table_move(t->table, 2);
	table_mark_range(t->table);
	check_marked(t, "a10 a2 B1 ");
	table_move(t->table, -1);
	table_mark(t->table);
	check_marked(t, "a10 B1 ");
	assert_true(table_sort_by_key(t->table, 'N'));
	check_marked(t, "a10 B1 ");
	/* What the filter hides is not meant, and neither lost. */
	assert_true(table_set_filter(t->table, "7 high", &e));
	check_marked(t, "B1 ");
	assert_true(table_set_filter(t->table, "", &e));
	check_marked(t, "a10 B1 ");
	/* They are of rows, not of places. */
	t->fake.rows[0].name = "a9";
	table_load(t->table, &t->fake, NULL);
	check_marked(t, "B1 ");
	table_unmark(t->table);
	check_marked(t, "");
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(drawn_as_it_comes),
		TEST(sorted_by_text),
		TEST(sorted_by_age_and_order),
		TEST(sorted_by_the_next_column),
		TEST(filtered),
		TEST(filtered_by_the_view),
		TEST(only_faults),
		TEST(cursor_moves_within_the_rows),
		TEST(cursor_follows_its_row),
		TEST(load_may_refuse),
		TEST(scrolled_to_the_cursor),
		TEST(columns_shrink_then_scroll),
		TEST(wide_columns),
		TEST(columns_are_left_out),
		TEST(any_size_will_do),
		TEST(marked),
		TEST(hostile_cells_are_made_safe),
		TEST(ten_thousand_rows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
