/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/attr.h"
#include "base/str.h"

static void
comparing(void **state)
{
	(void)state;
	assert_true(str_eq(NULL, NULL));
	assert_false(str_eq(NULL, ""));
	assert_true(str_eq("a", "a"));
	assert_true(str_starts("pipelock-ca", "pipelock"));
	assert_false(str_starts("pipe", "pipelock"));
	assert_false(str_starts(NULL, ""));
	assert_true(str_ends("ca-key.pem", ".pem"));
	assert_false(str_ends("pem", ".pem"));
	assert_true(str_has("a.b.c", ".b"));
	assert_false(str_has(NULL, ""));
	assert_int_equal(str_cmp(NULL, NULL), 0);
	assert_true(str_cmp(NULL, "") < 0);
	assert_true(str_cmp("", NULL) > 0);
	assert_true(str_cmp("a", "b") < 0);
}

static void
words_of_a_list(void **state)
{
	(void)state;
	assert_true(str_in_list("a,b, c", "c"));
	assert_true(str_in_list("a b", "b"));
	assert_false(str_in_list("ab,c", "a"));
	assert_false(str_in_list("a,,b", ""));
	assert_false(str_in_list(NULL, "a"));
}

static void
numbers(void **state)
{
	int64_t n = 7;

	(void)state;
	assert_true(str_i64("0", &n) && n == 0);
	assert_true(str_i64("0440", &n) && n == 440);
	assert_true(str_i64("-9223372036854775808", &n) && n == INT64_MIN);
	assert_true(str_i64("9223372036854775807", &n) && n == INT64_MAX);
	n = 7;
	assert_false(str_i64("9223372036854775808", &n));
	assert_false(str_i64("", &n));
	assert_false(str_i64("-", &n));
	assert_false(str_i64(" 1", &n));
	assert_false(str_i64("1 ", &n));
	assert_false(str_i64("0x10", &n));
	assert_false(str_i64(NULL, &n));
	assert_int_equal(n, 7); /* written only on success */
}

static void
durations(void **state)
{
	int64_t n = 7;

	(void)state;
	assert_true(str_duration("90s", &n) && n == 90);
	assert_true(str_duration("1h30m", &n) && n == 5400);
	assert_true(str_duration("30d", &n) && n == 30 * 86400);
	assert_true(str_duration("2w", &n) && n == 14 * 86400);
	assert_true(str_duration("0s", &n) && n == 0);
	n = 7;
	assert_false(str_duration("15", &n));
	assert_false(str_duration("", &n));
	assert_false(str_duration("h", &n));
	assert_false(str_duration("-1h", &n));
	assert_false(str_duration("1y", &n));
	assert_false(str_duration("1h 2m", &n));
	assert_false(str_duration("9223372036854775807w", &n));
	assert_false(str_duration("9223372036854775807s1s", &n));
	assert_int_equal(n, 7);
}

static void
check_age(int64_t seconds, const char *want)
{
	char out[8];

	str_age(seconds, out);
	assert_string_equal(out, want);
}

static void
ages(void **state)
{
	(void)state;
	check_age(0, "0s");
	check_age(59, "59s");
	check_age(60, "1m");
	check_age(3599, "59m");
	check_age(3 * 3600, "3h");
	check_age(2 * 86400, "2d");
	check_age(729 * 86400, "729d");
	check_age(730 * 86400, "2y");
	check_age(-5, "0s");
	check_age(INT64_MAX, "99999y");
	check_age(INT64_MIN, "0s");
}

static void
globs(void **state)
{
	(void)state;
	assert_true(str_glob("*", ""));
	assert_true(str_glob("", ""));
	assert_false(str_glob("", "a"));
	assert_true(str_glob("agent-*", "agent-"));
	assert_true(str_glob("a*b*c", "aXXbYYbZc"));
	assert_false(str_glob("a*b*c", "aXXbYY"));
	assert_true(str_glob("?-?", "a-b"));
	assert_false(str_glob("?", ""));
	assert_true(str_glob("?", "\xc3\xa9"));
	assert_false(str_glob("??", "\xc3\xa9"));
	assert_true(str_glob("*?", "\xc3\xa9"));
	assert_false(str_glob("a", "ab"));
	assert_true(str_glob("**a**", "bab"));
	/* the exponential case of naive matchers */
	assert_false(str_glob("*a*a*a*a*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
}

static void
word_boundaries(void **state)
{
	(void)state;
	assert_true(str_has_word("run curl now", "curl"));
	assert_true(str_has_word("/usr/bin/curl", "curl"));
	assert_false(str_has_word("curlrc", "curl"));
	assert_false(str_has_word("my_curl", "curl"));
	assert_true(str_has_word("curly curl", "curl"));
	assert_false(str_has_word("", "curl"));
	assert_false(str_has_word("curl", ""));
	assert_false(str_has_word(NULL, "curl"));
}

static void
hashes(void **state)
{
	(void)state;
	/* FNV-1a's published vectors */
	assert_true(str_hash("", 0) == 0xcbf29ce484222325);
	assert_true(str_hash("a", 1) == 0xaf63dc4c8601ec8c);
	assert_true(str_hash("foobar", 6) == 0x85944171f73967e8);
}

static void
distances(void **state)
{
	(void)state;
	assert_int_equal(str_distance("", "", 3), 0);
	assert_int_equal(str_distance("fleet", "fleet", 0), 0);
	assert_int_equal(str_distance("kitten", "sitting", 5), 3);
	assert_int_equal(str_distance("kitten", "sitting", 3), 3);
	assert_int_equal(str_distance("kitten", "sitting", 2), 3);
	assert_int_equal(str_distance("", "abc", 9), 3);
	assert_int_equal(str_distance("a", "abcdefgh", 2), 3);
	assert_int_equal(str_distance("audti", "audit", 2), 2);
}

static void
the_nearest_name(void **state UNUSED)
{
	struct nearest n = {.word = "audti", .too_far = 3};

	nearest_offer(&n, "demo");
	assert_null(n.name);
	nearest_offer(&n, "audit");
	nearest_offer(&n, "audits"); /* further */
	assert_string_equal(n.name, "audit");
	nearest_offer(&n, "audti");
	nearest_offer(&n, "audti2");
	assert_string_equal(n.name, "audti");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(comparing),
		cmocka_unit_test(words_of_a_list),
		cmocka_unit_test(numbers),
		cmocka_unit_test(durations),
		cmocka_unit_test(ages),
		cmocka_unit_test(globs),
		cmocka_unit_test(word_boundaries),
		cmocka_unit_test(hashes),
		cmocka_unit_test(distances),
		cmocka_unit_test(the_nearest_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
