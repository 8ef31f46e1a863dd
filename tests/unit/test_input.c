/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tui/input.h"

/* All keys of the bytes, as names with a blank behind each; K_NONE is a dash. */
static void
check(struct input *in, const char *bytes, bool flush, const char *want)
{
	AUTO(buf) struct buf got = {0};
	char name[16];
	int key;

	input_add(in, bytes, strlen(bytes));
	while (input_next(in, flush, &key)) {
		input_key_name(key, name);
		buf_addf(&got, "%s ", key == K_NONE ? "-" : name);
	}
	assert_string_equal(buf_str(&got), want);
}

#define CHECK(bytes, want)                         \
	do {                                       \
		struct input in_ = {0};            \
		check(&in_, bytes, false, want);   \
		assert_false(input_pending(&in_)); \
		input_free(&in_);                  \
	} while (0)

static void
characters(void **state)
{
	(void)state;
	CHECK("aZ?:", "a shift-z ? : ");
	CHECK("\x12\x03\x1a", "ctrl-r ctrl-c ctrl-z ");
	CHECK("\r\n\t\x7f\x08", "enter enter tab backspace backspace ");
	CHECK("\xc3\xa9\xe6\xbc\xa2", "U+00E9 U+6F22 ");
	CHECK("\xff"
	      "a",
	      "- a ");
}

static void
sequences(void **state)
{
	(void)state;
	CHECK("\x1b[A\x1b[B\x1bOC\x1bOD", "up down right left ");
	CHECK("\x1b[H\x1b[F\x1b[1~\x1b[4~\x1b[7~\x1b[8~", "home end home end home end ");
	CHECK("\x1b[5~\x1b[6~\x1b[2~\x1b[3~\x1b[Z", "pgup pgdn insert delete shift-tab ");
	CHECK("\x1b[1;2A\x1b[1;2D", "shift-up shift-left ");
	CHECK("\x1b[1;5C\x1b[1;3C", "right - "); /* ctrl is not told apart, alt means nothing */
	CHECK("\x1bOP\x1b[15~\x1b[24~\x1b[[B", "f1 f5 f12 f2 ");
	CHECK("\x1bOM", "enter ");
}

static void
noise(void **state)
{
	(void)state;
	CHECK("\x1bx", "- "); /* alt-x */
	CHECK("\x1b[?62;22cq", "- q "); /* an answer of the terminal */
	CHECK("\x1b[<35;10;10Mq", "- q "); /* a mouse */
	CHECK("\x1b[12\x01q", "- ctrl-a q "); /* broken off */
	CHECK("\x1b\x1b[A", "esc up ");
}

static void
endless_sequence_is_dropped(void **state)
{
	struct input in = {0};
	char digits[200];
	int key = 1;

	(void)state;
	memset(digits, '1', sizeof(digits));
	input_add(&in, "\x1b[", 2);
	input_add(&in, digits, sizeof(digits));
	assert_true(input_next(&in, false, &key));
	assert_int_equal(key, K_NONE);
	assert_false(input_pending(&in));
	input_free(&in);
}

static void
lone_esc_needs_time(void **state)
{
	struct input in = {0};

	(void)state;
	check(&in, "\x1b", false, "");
	assert_true(input_pending(&in));
	check(&in, "", true, "esc ");
	assert_false(input_pending(&in));
	/* a sequence in three pieces is one key */
	check(&in, "\x1b", false, "");
	check(&in, "[1;", false, "");
	check(&in, "2C", false, "shift-right ");
	/* half a character waits too, and is nothing when nothing follows */
	check(&in, "\xe6\xbc", false, "");
	check(&in, "\xa2", false, "U+6F22 ");
	check(&in, "\xe6", false, "");
	check(&in, "", true, "- ");
	check(&in, "\x1b[1", true, "- ");
	input_free(&in);
}

static void
learned_sequences(void **state)
{
	struct input in = {0};

	(void)state;
	input_learn(&in, "\x1b[d", K_SHIFT_LEFT);
	input_learn(&in, "\x1b[[5h", K_INSERT);
	input_learn(&in, "x", K_UP); /* no sequence */
	check(&in, "\x1b[dx", false, "shift-left x ");
	check(&in, "\x1b[[5", false, "");
	check(&in, "h", false, "insert ");
	check(&in, "\x1b[A", false, "up ");
	input_free(&in);
}

static void
pasted_text(void **state)
{
	struct input in = {0};
	int key;

	(void)state;
	input_add(&in, "\x1b[200~q\x1b[201~", 13);
	assert_true(input_next(&in, false, &key) && key == K_PASTE_BEGIN);
	assert_true(input_next(&in, false, &key) && key == 'q');
	assert_true(input_next(&in, false, &key) && key == K_PASTE_END);
	input_free(&in);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(characters),
		cmocka_unit_test(sequences),
		cmocka_unit_test(noise),
		cmocka_unit_test(endless_sequence_is_dropped),
		cmocka_unit_test(lone_esc_needs_time),
		cmocka_unit_test(learned_sequences),
		cmocka_unit_test(pasted_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
