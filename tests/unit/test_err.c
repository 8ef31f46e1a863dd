/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"

static void
set_and_wrap(void **state)
{
	struct err e = {0};

	(void)state;
	assert_false(err_set(&e, ERR_DENIED, 403, "list %s", "pods"));
	assert_int_equal(e.kind, ERR_DENIED);
	assert_int_equal(e.code, 403);
	assert_string_equal(e.msg, "list pods");
	assert_false(err_wrap(&e, "read %s", "prod"));
	assert_string_equal(e.msg, "read prod: list pods");
	assert_int_equal(e.kind, ERR_DENIED);
	assert_false(err_sys(&e, ERR_INPUT, ENOENT, "open %s", "x"));
	assert_string_equal(e.msg, "open x: No such file or directory");
	assert_int_equal(e.code, ENOENT);
}

static void
messages_are_safe_once(void **state)
{
	struct err e = {0};

	(void)state;
	err_set(&e, ERR_INPUT, 0, "name \x1b[2J\n");
	assert_string_equal(e.msg, "name \\x1b[2J\\n");
	err_wrap(&e, "file \t");
	assert_string_equal(e.msg, "file \\t: name \\x1b[2J\\n"); /* not made safe a second time */
}

static void
long_messages_end_whole(void **state)
{
	struct err e = {0};
	char text[600];

	(void)state;
	memset(text, 'x', sizeof(text));
	memcpy(text + sizeof(e.msg) - 2, "\xc3\xa9", 2); /* a character across the limit */
	text[sizeof(text) - 1] = '\0';
	err_set(&e, ERR_INPUT, 0, "%s", text);
	assert_int_equal(strlen(e.msg), sizeof(e.msg) - 2);
	assert_int_equal(e.msg[sizeof(e.msg) - 3], 'x');
}

static void
nobody_wants_to_know(void **state)
{
	(void)state;
	assert_false(err_set(NULL, ERR_INPUT, 0, "x"));
	assert_false(err_sys(NULL, ERR_INPUT, ENOENT, "x"));
	assert_false(err_wrap(NULL, "x"));
}

static void
statuses(void **state)
{
	(void)state;
	assert_int_equal(err_exit_status(ERR_NONE), 0);
	assert_int_equal(err_exit_status(ERR_USAGE), 2);
	assert_int_equal(err_exit_status(ERR_INPUT), 2);
	assert_int_equal(err_exit_status(ERR_SOURCE), 3);
	assert_int_equal(err_exit_status(ERR_NOTHING), 3);
	assert_int_equal(err_exit_status(ERR_INCOMPLETE), 4);
	assert_string_equal(err_word(ERR_DENIED), "permission denied");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(set_and_wrap),
		cmocka_unit_test(messages_are_safe_once),
		cmocka_unit_test(long_messages_end_whole),
		cmocka_unit_test(nobody_wants_to_know),
		cmocka_unit_test(statuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
