/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"

static void
empty_is_the_empty_text(void **state)
{
	AUTO(buf) struct buf b = {0};
	AUTO(free) char *text = NULL;

	(void)state;
	assert_string_equal(buf_str(&b), "");
	text = buf_take(&b);
	assert_string_equal(text, "");
}

static void
grows_and_stays_terminated(void **state)
{
	AUTO(buf) struct buf b = {0};

	(void)state;
	for (int i = 0; i < 1000; i++) {
		buf_addf(&b, "%d,", i);
		assert_int_equal(b.data[b.len], '\0');
		assert_int_equal(strlen(b.data), b.len);
	}
	assert_memory_equal(b.data, "0,1,2,3,", 8);
	assert_string_equal(b.data + b.len - 8, "998,999,");
}

static void
may_hold_nul_bytes(void **state)
{
	AUTO(buf) struct buf b = {0};

	(void)state;
	buf_add(&b, "a\0b", 3);
	buf_addc(&b, 'c');
	assert_int_equal(b.len, 4);
	assert_memory_equal(b.data, "a\0bc", 5);
}

static void
fills_reserves_clears(void **state)
{
	AUTO(buf) struct buf b = {0};

	(void)state;
	buf_fill(&b, '-', 5);
	assert_string_equal(buf_str(&b), "-----");
	memcpy(buf_reserve(&b, 3), "abc", 3);
	b.len += 3;
	buf_adds(&b, "!");
	assert_string_equal(buf_str(&b), "-----abc!");
	buf_clear(&b);
	assert_string_equal(buf_str(&b), "");
	assert_true(b.cap > 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty_is_the_empty_text),
		cmocka_unit_test(grows_and_stays_terminated),
		cmocka_unit_test(may_hold_nul_bytes),
		cmocka_unit_test(fills_reserves_clears),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
