/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tui/pane.h"
#include "tui/screen.h"

static void
check(const struct screen *s, const char *want)
{
	AUTO(buf) struct buf text = {0};

	screen_text(s, &text);
	assert_string_equal(buf_str(&text), want);
}

static void
text_is_cut(void **state)
{
	AUTO(screen) struct screen s = {0};

	(void)state;
	screen_resize(&s, 2, 6);
	assert_int_equal(screen_put(&s, 0, 0, 6, STYLE_CELL, "abcdefgh"), 6);
	assert_int_equal(screen_put(&s, 1, 4, 6, STYLE_CELL, "xyz"), 3);
	assert_int_equal(screen_put(&s, 2, 0, 6, STYLE_CELL, "outside"), 0);
	assert_int_equal(screen_put(&s, -1, 0, 6, STYLE_CELL, "outside"), 0);
	check(&s, "abcdef\n    xy\n");
	screen_clear(&s, STYLE_BODY);
	check(&s, "\n\n");
}

static void
no_room_at_all(void **state)
{
	AUTO(screen) struct screen s = {0};

	(void)state;
	screen_put(&s, 0, 0, 5, STYLE_CELL, "text");
	screen_resize(&s, -3, 7);
	screen_fill(&s, 0, 0, 5, STYLE_CELL, " ");
	check(&s, "");
}

static void
wide_and_combining(void **state)
{
	AUTO(screen) struct screen s = {0};

	(void)state;
	screen_resize(&s, 1, 6);
	assert_int_equal(screen_put(&s, 0, 0, 3, STYLE_CELL, "\xe6\xbc\xa2\xe5\xad\x97"),
			 2); /* the second is cut */
	assert_int_equal(screen_put(&s, 0, 3, 3, STYLE_CELL, "e\xcc\x81"), 1);
	check(&s, "\xe6\xbc\xa2 e\xcc\x81\n");
	screen_put(&s, 0, 1, 1, STYLE_CELL, "x"); /* over half of a wide one */
	check(&s, " x e\xcc\x81\n");
	screen_put(&s, 0, 5, 2, STYLE_CELL, "\xe6\xbc\xa2"); /* across the edge */
	check(&s, " x e\xcc\x81\n");
}

static void
marks_do_not_pile_up(void **state)
{
	AUTO(screen) struct screen s = {0};
	AUTO(buf) struct buf text = {0};

	(void)state;
	screen_resize(&s, 1, 4);
	buf_addc(&text, 'z');
	for (int i = 0; i < 50; i++)
		buf_adds(&text, "\xcc\x81");
	assert_int_equal(screen_put(&s, 0, 0, 4, STYLE_CELL, buf_str(&text)), 1);
	check(&s, "z\xcc\x81\xcc\x81\xcc\x81\xcc\x81\xcc\x81\xcc\x81\xcc\x81\n");
}

static void
unsafe_text_is_no_danger(void **state)
{
	AUTO(screen) struct screen s = {0};

	(void)state;
	screen_resize(&s, 1, 20);
	screen_put(&s, 0, 0, 20, STYLE_CELL,
		   "a\x1b[2Jb\xe2\x80\xae"
		   "c\xff");
	check(&s, "a?[2Jb?c?\n");
}

static void
ascii_stand_ins(void **state)
{
	AUTO(screen) struct screen s = {.ascii = true};

	(void)state;
	screen_resize(&s, 1, 20);
	screen_put(&s, 0, 0, 20, STYLE_CELL,
		   "\xe2\x97\x8f\xe2\x97\x90\xe2\x97\x8b \xe2\x94\x80\xe2\x96\xb6 \xc3\xa9 \xe6\xbc\xa2|e\xcc\x81");
	check(&s, "*%o -> ? ??|e\n");
}

static void
padded(void **state)
{
	AUTO(screen) struct screen s = {0};

	(void)state;
	screen_resize(&s, 4, 8);
	for (int row = 0; row < 4; row++)
		screen_fill(&s, row, 0, 8, STYLE_CELL, ".");
	screen_put_padded(&s, 0, 1, 5, false, STYLE_CELL, "ab");
	screen_put_padded(&s, 1, 1, 5, true, STYLE_CELL, "ab");
	screen_put_padded(&s, 2, 1, 5, true, STYLE_CELL, "abcdefg");
	screen_put_padded(&s, 3, 1, 4, false, STYLE_CELL, "\xe6\xbc\xa2\xe6\xbc\xa2\xe6\xbc\xa2");
	check(&s, ".ab   ..\n.   ab..\n.abcd\xe2\x80\xa6..\n.\xe6\xbc\xa2\xe2\x80\xa6 ...\n");
}

static void
panes_wrap_and_scroll(void **state)
{
	AUTO(screen) struct screen s = {0};
	AUTO(pane) struct pane p = {.columns = 12};

	(void)state;
	screen_resize(&s, 4, 14);
	pane_add(&p, STYLE_ACCENT, 2, "why ");
	pane_addf(&p, STYLE_CELL, 2, "the %s is\x1b advisory", "boundary");
	pane_newline(&p);
	pane_tab(&p, 4);
	pane_add(&p, STYLE_CELL, 0, "end");
	assert_int_equal(p.lines, 5);
	pane_draw(&p, &s, 0, 1, 4, 12, 0);
	check(&s, " why the\n   boundary\n   is\\x1b\n   advisory\n");
	screen_clear(&s, STYLE_BODY);
	pane_draw(&p, &s, 0, 1, 4, 12, 2);
	check(&s, "   is\\x1b\n   advisory\n     end\n\n");
	pane_clear(&p);
	assert_int_equal(p.lines, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_is_cut),
		cmocka_unit_test(no_room_at_all),
		cmocka_unit_test(wide_and_combining),
		cmocka_unit_test(marks_do_not_pile_up),
		cmocka_unit_test(unsafe_text_is_no_danger),
		cmocka_unit_test(ascii_stand_ins),
		cmocka_unit_test(padded),
		cmocka_unit_test(panes_wrap_and_scroll),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
