/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/clock.h"

static void
check(const char *text, int64_t want)
{
	int64_t got = 0;

	assert_true(clock_parse(text, &got));
	assert_int_equal(got, want);
}

static void
times(void **state)
{
	(void)state;
	check("1970-01-01T00:00:00Z", 0);
	check("2026-01-02T03:04:05Z", 1767323045);
	check("2026-01-02T03:04:05.987654321Z", 1767323045);
	check("2026-01-02T03:04:05+02:00", 1767323045 - 7200);
	check("2026-01-02T03:04:05-05:30", 1767323045 + 19800);
	check("2026-01-02t03:04:05z", 1767323045);
	check("2024-02-29T00:00:00Z", 1709164800);
	check("2016-12-31T23:59:60Z", 1483228800); /* a leap second */
	check("1969-12-31T23:59:59Z", -1);
}

static void
no_times(void **state)
{
	static const char *const bad[] = {
		"",
		"2026-01-02",
		"2026-01-02 03:04:05Z",
		"2026-01-02T03:04:05",
		"2026-13-02T03:04:05Z",
		"2026-02-29T03:04:05Z",
		"2026-01-00T03:04:05Z",
		"2026-01-02T24:00:00Z",
		"2026-01-02T03:60:05Z",
		"2026-01-02T03:04:05.Z",
		"2026-01-02T03:04:05Zx",
		"2026-01-02T03:04:05+0200",
		"26-01-02T03:04:05Z",
		"2026-01-02T03:04:61Z",
	};
	int64_t got = 7;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		assert_false(clock_parse(bad[i], &got));
	assert_false(clock_parse(NULL, &got));
	assert_int_equal(got, 7);
}

static void
check_format(int64_t seconds, const char *want)
{
	char out[24];

	clock_format(seconds, out);
	assert_string_equal(out, want);
}

static void
formats(void **state)
{
	(void)state;
	check_format(0, "1970-01-01T00:00:00Z");
	check_format(1767323045, "2026-01-02T03:04:05Z");
	check_format(-1, "1969-12-31T23:59:59Z");
	check_format(INT64_MAX, "9999-12-31T23:59:59Z");
	check_format(CLOCK_UNKNOWN, "0000-01-01T00:00:00Z");
}

static void
expiry_dates(void **state)
{
	int64_t got = 0;

	(void)state;
	assert_true(clock_parse_day_end("2026-01-02", &got));
	check_format(got, "2026-01-02T23:59:59Z");
	assert_true(clock_parse_day_end("2026-01-02T03:04:05Z", &got));
	check_format(got, "2026-01-02T03:04:05Z");
	assert_false(clock_parse_day_end("2026-01-32", &got));
	assert_false(clock_parse_day_end("tomorrow", &got));
	assert_false(clock_parse_day_end(NULL, &got));
}

/* The environment is read once: what is set later does not move the clock. */
static void
now_is_fixed(void **state)
{
	(void)state;
	setenv("MOAT_NOW", "2026-01-02T03:04:05Z", 1);
	assert_int_equal(clock_now(), 1767323045);
	setenv("MOAT_NOW", "2027-01-02T03:04:05Z", 1);
	assert_int_equal(clock_now(), 1767323045);
}

static void
ms_runs_on(void **state)
{
	int64_t before = clock_ms();

	(void)state;
	assert_true(before > 0);
	assert_true(clock_ms() >= before);
	assert_true(clock_ms() - before < 60000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(times),	cmocka_unit_test(no_times),	cmocka_unit_test(formats),
		cmocka_unit_test(expiry_dates), cmocka_unit_test(now_is_fixed), cmocka_unit_test(ms_runs_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
