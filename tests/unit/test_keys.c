/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "tui/frame.h"
#include "tui/help.h"
#include "tui/keys.h"

static void
act(struct app *app)
{
	(void)app;
}

static void
other(struct app *app)
{
	(void)app;
}

static const struct binding mine[] = {
	{K_ENTER, "open", "open the agent", KEY_NEEDS_ROW, act},
	{'r', "restart", "restart this workload", KEY_WRITES | KEY_NEEDS_ROW, other},
	{'j', NULL, "jump", 0, act},
};

static const struct binding common[] = {
	{'j', NULL, "down", 0, other},
	{K_DOWN, NULL, NULL, KEY_HIDDEN, other},
	{'?', "help", "this page", 0, act},
};

static const struct key_group groups[] = {{"agents", mine, 3}, {"moving", common, 3}};

static void
the_first_group_wins(void **state)
{
	(void)state;
	assert_ptr_equal(keys_find(groups, 2, 'j'), &mine[2]);
	assert_ptr_equal(keys_find(groups, 2, K_DOWN), &common[1]);
	assert_null(keys_find(groups, 2, 'x'));
	assert_null(keys_find(groups, 0, 'j'));
}

static void
read_only_refuses_what_writes(void **state)
{
	const struct keys_state read_only = {.read_only = true, .has_row = true};
	struct err e = {0};

	(void)state;
	assert_int_equal(keys_judge(&mine[1], &read_only, &e), KEYS_REFUSE);
	assert_string_equal(e.msg, "read-only: will not restart this workload");
	assert_int_equal(keys_judge(&mine[0], &read_only, &e), KEYS_RUN);
}

static void
what_writes_is_asked_for(void **state)
{
	const struct keys_state free_hand = {.has_row = true};
	struct err e;

	(void)state;
	assert_int_equal(keys_judge(&mine[1], &free_hand, &e), KEYS_ASK);
	assert_int_equal(keys_judge(&mine[2], &free_hand, &e), KEYS_RUN);
}

static void
files_are_not_written_to(void **state)
{
	const struct keys_state files = {.files = true, .has_row = true};
	struct err e = {0};

	(void)state;
	assert_int_equal(keys_judge(&mine[1], &files, &e), KEYS_REFUSE);
	assert_string_equal(e.msg, "what is shown was read from files: cannot restart this workload");
	assert_int_equal(keys_judge(&mine[0], &files, &e), KEYS_RUN);
}

static void
what_shows_a_plan_asks_by_itself(void **state)
{
	const struct binding plans = {'p', "plan", "plan it", KEY_WRITES | KEY_PLANS, act};
	const struct keys_state free_hand = {.has_row = true}, read_only = {.read_only = true, .has_row = true};
	struct err e = {0};

	(void)state;
	assert_int_equal(keys_judge(&plans, &free_hand, &e), KEYS_RUN);
	assert_int_equal(keys_judge(&plans, &read_only, &e), KEYS_REFUSE);
}

static void
some_need_a_row(void **state)
{
	const struct keys_state empty = {0};
	struct err e = {0};

	(void)state;
	assert_int_equal(keys_judge(&mine[0], &empty, &e), KEYS_REFUSE);
	assert_string_equal(e.msg, "no row is selected: cannot open the agent");
	assert_int_equal(keys_judge(&mine[2], &empty, &e), KEYS_RUN);
}

static void
check(const struct screen *s, const char *want)
{
	AUTO(buf) struct buf text = {0};

	screen_text(s, &text);
	assert_string_equal(buf_str(&text), want);
}

static void
hints_come_from_bindings(void **state)
{
	AUTO(screen) struct screen s = {0};

	(void)state;
	screen_resize(&s, 1, 60);
	frame_hints(&s, 0, groups, 2, false);
	check(&s, " <enter> open  <r> restart  <?> help\n");
	frame_hints(&s, 0, groups, 2, true);
	check(&s, " <enter> open  <?> help\n");
	screen_resize(&s, 1, 26); /* help stays in sight */
	frame_hints(&s, 0, groups, 2, false);
	check(&s, " <enter> open  <?> help\n");
	screen_resize(&s, 1, 12);
	frame_hints(&s, 0, groups, 2, false);
	check(&s, " <?> help\n");
}

static const struct column columns[] = {{.name = "AGENT", .sort_key = 'A'}, {.name = "STATE"}};
static const struct view view = {.columns = columns, .n_columns = 2};

static void
help_comes_from_bindings(void **state)
{
	AUTO(screen) struct screen s = {0};
	int first = 0;

	(void)state;
	screen_resize(&s, 11, 40);
	help_draw(&s, groups, 2, &view, NULL, 0, 11, &first);
	check(&s, " agents\n"
		  " enter    open the agent\n"
		  " r        restart this workload\n"
		  " j        jump\n"
		  "\n"
		  " moving\n"
		  " j, down  down\n"
		  " ?        this page\n"
		  "\n"
		  " sort by (again: the other way)\n"
		  " shift-a  AGENT\n");
}

static void
help_uses_the_width_and_scrolls(void **state)
{
	AUTO(screen) struct screen s = {0};
	int first = 99;

	(void)state;
	screen_resize(&s, 6, 70);
	help_draw(&s, groups, 2, &view, NULL, 0, 6, &first);
	check(&s, " agents                         j, down  down\n"
		  " enter  open the agent          ?        this page\n"
		  " r      restart this workload\n"
		  " j      jump                    sort by (again: the other way)\n"
		  "                                shift-a  AGENT\n"
		  " moving\n");
	assert_int_equal(first, 0);
	screen_resize(&s, 2, 20);
	first = 99;
	help_draw(&s, groups, 2, &view, NULL, 0, 2, &first);
	assert_int_equal(first, 9);
	screen_resize(&s, 0, 0);
	help_draw(&s, groups, 2, &view, NULL, 0, 0, &first);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_group_wins),
		cmocka_unit_test(read_only_refuses_what_writes),
		cmocka_unit_test(what_writes_is_asked_for),
		cmocka_unit_test(files_are_not_written_to),
		cmocka_unit_test(what_shows_a_plan_asks_by_itself),
		cmocka_unit_test(some_need_a_row),
		cmocka_unit_test(hints_come_from_bindings),
		cmocka_unit_test(help_comes_from_bindings),
		cmocka_unit_test(help_uses_the_width_and_scrolls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
