/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"

static void
check_safe(const char *raw, size_t len, const char *want)
{
	AUTO(buf) struct buf out = {0};

	text_safe(&out, raw, len);
	assert_string_equal(buf_str(&out), want);
	assert_int_equal(out.len, strlen(want));
}

#define SAFE(raw, want) check_safe(raw, sizeof(raw) - 1, want)

static void
safe_text_stays(void **state)
{
	(void)state;
	SAFE("", "");
	SAFE("plain \\ text", "plain \\ text");
	SAFE("na\xc3\xafve \xe6\xbc\xa2\xe5\xad\x97", "na\xc3\xafve \xe6\xbc\xa2\xe5\xad\x97");
	SAFE("\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80");
	SAFE("e\xcc\x81", "e\xcc\x81"); /* a combining accent */
	SAFE("\xef\xbf\xbd", "\xef\xbf\xbd"); /* a real U+FFFD is no bad byte */
	SAFE("\xd9\x83\xd8\xaa\xd8\xa7\xd8\xa8", "\xd9\x83\xd8\xaa\xd8\xa7\xd8\xa8"); /* Arabic letters */
}

static void
controls_are_visible(void **state)
{
	(void)state;
	SAFE("a\nb\tc\rd", "a\\nb\\tc\\rd");
	SAFE("\x1b]0;pwned\x07", "\\x1b]0;pwned\\x07");
	SAFE("nul\0end", "nul\\x00end");
	SAFE("\x7f", "\\x7f");
	SAFE("\xc2\x9b"
	     "2J",
	     "\\u009b2J"); /* CSI as a C1 control */
	SAFE("\xc2\x85", "\\u0085");
}

static void
misleading_characters_are_visible(void **state)
{
	(void)state;
	SAFE("a\xe2\x80\xae"
	     "b",
	     "a\\u202eb");
	SAFE("\xe2\x81\xa6\xe2\x80\x8b\xe2\x80\x8d\xef\xbb\xbf", "\\u2066\\u200b\\u200d\\ufeff");
	SAFE("\xd8\x9c\xc2\xad", "\\u061c\\u00ad");
	SAFE("\xe2\x80\xa8\xe2\x80\xa9", "\\u2028\\u2029");
	SAFE("\xee\x80\x80", "\\ue000"); /* private use */
	SAFE("\xf3\xa0\x81\xa1", "\\U000e0061"); /* a tag letter */
	SAFE("\xef\xb8\x8f", "\\ufe0f");
	SAFE("\xe3\x85\xa4", "\\u3164"); /* the Hangul filler looks like nothing */
}

static void
bad_bytes_are_visible(void **state)
{
	(void)state;
	SAFE("\xff\xfe", "\\xff\\xfe");
	SAFE("\xc0\xaf", "\\xc0\\xaf"); /* overlong */
	SAFE("\xe0\x80\xaf", "\\xe0\\x80\\xaf");
	SAFE("\xed\xa0\x80", "\\xed\\xa0\\x80"); /* surrogate */
	SAFE("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"); /* beyond U+10FFFF */
	SAFE("ok\xe2\x82", "ok\\xe2\\x82"); /* cut short */
	SAFE("\x9b"
	     "1m",
	     "\\x9b1m");
}

static void
safe_characters(void **state)
{
	(void)state;
	assert_true(text_char_safe('~'));
	assert_true(text_char_safe(0x301));
	assert_true(text_char_safe(0xfffd));
	assert_false(text_char_safe(0x1b));
	assert_false(text_char_safe(0x9b));
	assert_false(text_char_safe(0x202e));
	assert_false(text_char_safe(0x110000));
}

static void
next_never_passes_the_end(void **state)
{
	const char text[] = "a\xc3\xa9\xe2\x82";
	const char *s = text, *end = text + 5;

	(void)state;
	assert_int_equal(text_next(&s, end), 'a');
	assert_int_equal(text_next(&s, end), 0xe9);
	assert_int_equal(text_next(&s, end), 0xfffd);
	assert_int_equal(text_next(&s, end), 0xfffd);
	assert_ptr_equal(s, end);
	assert_int_equal(text_next(&s, end), 0);
	s = "\0x";
	assert_int_equal(text_next(&s, s + 2), 0xfffd);
}

static void
widths(void **state)
{
	(void)state;
	assert_int_equal(text_char_width('a'), 1);
	assert_int_equal(text_char_width(0x1b), 0);
	assert_int_equal(text_char_width(0xe9), 1);
	assert_int_equal(text_char_width(0x301), 0);
	assert_int_equal(text_char_width(0x6f22), 2);
	assert_int_equal(text_char_width(0xff21), 2); /* full width A */
	assert_int_equal(text_char_width(0x1f600), 2);
	assert_int_equal(text_char_width(0x25cf), 1); /* ambiguous: the dots and arrows of the console */
	assert_int_equal(text_char_width(0x2500), 1);
	assert_int_equal(text_char_width(0x2714), 1);
	assert_int_equal(text_char_width(0x11a8), 0); /* a Hangul final */
	assert_int_equal(text_char_width(0x378), 1); /* not assigned */
	assert_int_equal(text_char_width(0x2fffd), 2);
	assert_int_equal(text_width("caf\xc3\xa9"), 4);
	assert_int_equal(text_width("\xe6\xbc\xa2\xe5\xad\x97"), 4);
	assert_int_equal(text_width("e\xcc\x81"), 1);
	assert_int_equal(text_width(""), 0);
}

static void
fit_keeps_characters_whole(void **state)
{
	(void)state;
	assert_int_equal(text_fit("abc", 2), 2);
	assert_int_equal(text_fit("abc", 9), 3);
	assert_int_equal(text_fit("\xe6\xbc\xa2\xe5\xad\x97", 3), 3);
	assert_int_equal(text_fit("\xe6\xbc\xa2", 1), 0);
	assert_int_equal(text_fit("e\xcc\x81x", 1), 3); /* the accent goes with its letter */
	assert_int_equal(text_fit("abc", 0), 0);
}

static void
check_wrap(const char *s, size_t columns, size_t at, size_t indent, const char *want)
{
	AUTO(buf) struct buf out = {0};

	text_wrap(&out, s, columns, at, indent);
	assert_string_equal(buf_str(&out), want);
}

static void
wrap_breaks_at_spaces(void **state)
{
	(void)state;
	check_wrap("", 10, 0, 2, "");
	check_wrap("one two three", 80, 0, 0, "one two three");
	check_wrap("one two three", 7, 0, 0, "one two\nthree");
	check_wrap("one two three", 7, 0, 2, "one two\n  three");
	check_wrap("one two", 10, 8, 4, "\n    one\n    two");
	check_wrap("one two", 10, 6, 4, "one\n    two");
	check_wrap("a  b", 80, 0, 0, "a  b"); /* spaces within a line stay */
	check_wrap("first\n\nsecond", 80, 0, 2, "first\n\n  second");
	check_wrap("\xe6\xbc\xa2 \xe5\xad\x97", 4, 0, 0, "\xe6\xbc\xa2\n\xe5\xad\x97");
}

static void
wrap_loses_nothing(void **state)
{
	(void)state;
	check_wrap("abcdefgh", 3, 0, 0, "abc\ndef\ngh");
	check_wrap("abcdefgh", 4, 0, 2, "abcd\n  ef\n  gh");
	check_wrap("x abcdefgh", 4, 0, 1, "x\n abc\n def\n gh");
	check_wrap("abc", 0, 0, 0, "a\nb\nc");
	check_wrap("ab", 1, 0, 9, "a\nb"); /* an indent wider than the line counts as none */
	check_wrap("\xe6\xbc\xa2\xe5\xad\x97", 1, 0, 0, "\xe6\xbc\xa2\n\xe5\xad\x97");
	check_wrap("word", 4, 99, 0, "\nword");
}

/* At every place of a word and behind it, each byte that there is. */
static void
what_needs_no_look(void **state)
{
	char text[20];

	(void)state;
	assert_int_equal(text_plain("", 0), 0);
	for (size_t at = 0; at < sizeof(text); at++) {
		for (int c = 0; c < 256; c++) {
			bool plain = c >= 0x20 && c < 0x7f;

			memset(text, c % 2 ? ' ' : '~', sizeof(text));
			text[at] = (char)c;
			assert_int_equal(text_plain(text, sizeof(text)), plain ? sizeof(text) : at);
			assert_int_equal(text_plain(text, at), at);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(safe_text_stays),
		cmocka_unit_test(controls_are_visible),
		cmocka_unit_test(misleading_characters_are_visible),
		cmocka_unit_test(bad_bytes_are_visible),
		cmocka_unit_test(safe_characters),
		cmocka_unit_test(next_never_passes_the_end),
		cmocka_unit_test(widths),
		cmocka_unit_test(fit_keeps_characters_whole),
		cmocka_unit_test(wrap_breaks_at_spaces),
		cmocka_unit_test(wrap_loses_nothing),
		cmocka_unit_test(what_needs_no_look),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
