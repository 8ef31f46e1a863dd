/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <locale.h>
#include <stdlib.h>

#include "base/json_scan.h"
#include "base/mem.h"
#include "base/node.h"
#include "tests/tree.h"

static struct arena arena;

static const struct node *
tree(const char *json)
{
	static const char *const raw[] = {"raw", NULL};
	const struct json_options opt = {.raw_keys = raw};
	struct node *n = NULL;
	struct err e;

	if (!json_parse(&arena, "x", json, strlen(json), 1, &opt, &n, &e))
		fail_msg("%s", e.msg);
	return n;
}

static int
free_arena(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

static void
last_of_a_name(void **state)
{
	const struct node *n = tree("{\"a\": 1, \"ab\": 2, \"a\": 3}");

	(void)state;
	assert_int_equal(node_int(node_get(n, "a"), 0), 3);
	assert_int_equal(node_int(node_get(n, "ab"), 0), 2);
	assert_null(node_get(n, "b"));
	assert_null(node_get(n, ""));
	assert_int_equal(node_count(n), 3);
}

static void
absent_everywhere(void **state)
{
	const struct node *list = tree("[1]");

	(void)state;
	assert_null(node_get(NULL, "a"));
	assert_null(node_get(list, "a"));
	assert_null(node_path(NULL, "a.b"));
	assert_null(node_str(NULL));
	assert_null(node_text(NULL));
	assert_true(node_bool(NULL, true));
	assert_false(node_bool(list, false));
	assert_int_equal(node_int(NULL, -7), -7);
	assert_null(node_get_str(NULL, "a"));
	assert_int_equal(node_count(NULL), 0);
	assert_null(node_duplicate_key(NULL));
	assert_null(node_duplicate_key(list));
	node_each(member, (const struct node *)NULL) {
		fail_msg("a member of nothing");
	}
	node_each(member, node_path(list, "x")) {
		fail_msg("a member of nothing");
	}
	node_each(member, tree("\"text\"")) {
		fail_msg("a member of a string");
	}
}

static void
paths(void **state)
{
	const struct node *n = tree("{\"a\": {\"b\": {\"c\": \"d\"}, \"bb\": 1}, \"\": {\"x\": 2}}");

	(void)state;
	assert_string_equal(node_str(node_path(n, "a.b.c")), "d");
	assert_int_equal(node_int(node_path(n, "a.bb"), 0), 1);
	assert_int_equal(node_int(node_path(n, ".x"), 0), 2);
	assert_null(node_path(n, "a.b.c.d"));
	assert_null(node_path(n, "a.c.b"));
	assert_null(node_path(n, "a.b."));
	assert_string_equal(node_get_str(node_path(n, "a.b"), "c"), "d");
	assert_null(node_get_str(n, "a"));
}

static void
text_of_scalars(void **state)
{
	const struct node *n = tree("[\"s\", 12, 1.50, true, null, [], {}]");
	const char *const want[] = {"s", "12", "1.50", "true", NULL, NULL, NULL};
	size_t i = 0;

	(void)state;
	node_each(member, n) {
		if (want[i])
			assert_string_equal(node_text(member), want[i]);
		else
			assert_null(node_text(member));
		if (i == 0)
			assert_string_equal(node_str(member), "s");
		else
			assert_null(node_str(member));
		i++;
	}
	assert_int_equal(i, COUNT_OF(want));
}

static void
whole_numbers(void **state)
{
	static const struct {
		const char *json;
		int64_t want;
	} cases[] = {
		{"0", 0},
		{"-5", -5},
		{"9223372036854775807", INT64_MAX},
		{"-9223372036854775808", INT64_MIN},
		{"8888.0", 8888},
		{"1e3", 1000},
		{"-2.0", -2},
		{"-9223372036854775808.0", INT64_MIN},
		/* not whole, or not in range: the answer for "absent" */
		{"1.5", -1},
		{"9223372036854775808", -1},
		{"1e300", -1},
		{"-1e300", -1},
		{"true", -1},
		{"\"5\"", -1},
		{"null", -1},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		int64_t got = node_int(tree(cases[i].json), -1);

		if (got != cases[i].want)
			fail_msg("%s: %" PRId64 " instead of %" PRId64, cases[i].json, got, cases[i].want);
	}
}

static void
type_names(void **state)
{
	const struct node *raw =
		tree("[{\"raw\": {}}, {\"raw\": []}, {\"raw\": \"\"}, {\"raw\": true}, {\"raw\": null},"
		     "{\"raw\": -1}]");
	const char *const of_raw[] = {"a map", "a list", "a string", "a boolean", "null", "a number"};
	size_t i = 0;

	(void)state;
	assert_string_equal(node_type_name(NULL), "nothing");
	assert_string_equal(node_type_name(tree("null")), "null");
	assert_string_equal(node_type_name(tree("false")), "a boolean");
	assert_string_equal(node_type_name(tree("1")), "a number");
	assert_string_equal(node_type_name(tree("1.5")), "a number");
	assert_string_equal(node_type_name(tree("\"\"")), "a string");
	assert_string_equal(node_type_name(tree("[]")), "a list");
	assert_string_equal(node_type_name(tree("{}")), "a map");
	node_each(member, raw) {
		const struct node *value = node_get(member, "raw");

		assert_int_equal(value->type, NODE_RAW);
		assert_string_equal(node_type_name(value), of_raw[i++]);
	}
	assert_int_equal(i, COUNT_OF(of_raw));
}

/* A map with that many keys, of which two are the same. */
static char *
map_with_twins(size_t count, size_t first, size_t second)
{
	AUTO(buf) struct buf text = {0};

	buf_addc(&text, '{');
	for (size_t i = 0; i < count; i++)
		buf_addf(&text, "%s\"key%zu\":%zu", i ? "," : "", i == second ? first : i * 7919 % 100003, i);
	buf_addc(&text, '}');
	return buf_take(&text);
}

static void
duplicate_keys(void **state)
{
	static const size_t sizes[] = {2, 3, 23, 24, 25, 26, 1000};

	(void)state;
	assert_null(node_duplicate_key(tree("{}")));
	assert_null(node_duplicate_key(tree("{\"a\":1,\"b\":1,\"aa\":1}")));
	for (size_t i = 0; i < COUNT_OF(sizes); i++) {
		AUTO(free) char *twins = map_with_twins(sizes[i], 0, sizes[i] - 1);
		AUTO(free) char *none = map_with_twins(sizes[i], 0, sizes[i]);
		const struct node *found = node_duplicate_key(tree(twins));

		assert_non_null(found);
		assert_string_equal(found->key, "key0");
		assert_int_equal(found->number, sizes[i] - 1);
		assert_null(node_duplicate_key(tree(none)));
	}
}

/* Of several, the one that is met first when reading. */
static void
first_duplicate_key(void **state)
{
	AUTO(buf) struct buf text = {0};

	(void)state;
	buf_adds(&text, "{\"z\":0,\"a\":0,\"z\":1,\"a\":1");
	assert_string_equal(node_duplicate_key(tree("{\"z\":0,\"a\":0,\"z\":1,\"a\":1}"))->key, "z");
	for (int i = 0; i < 50; i++)
		buf_addf(&text, ",\"k%d\":1", i);
	buf_addc(&text, '}');
	assert_string_equal(node_duplicate_key(tree(text.data))->key, "z");
}

static void
reals_in_any_locale(void **state)
{
	double value = 0;
	/* Not every machine has one that writes a comma; where it is missing the plain one is tested. */
	const char *set = setlocale(LC_NUMERIC, "de_DE.UTF-8");

	(void)state;
	assert_true(node_parse_real("-1.5e3", &value));
	assert_true(value == -1500);
	assert_true(node_parse_real("0.1", &value));
	assert_true(value == 0.1);
	assert_false(node_parse_real("1e400", &value));
	assert_true(value == 0.1);
	if (set)
		setlocale(LC_NUMERIC, "C");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(last_of_a_name, free_arena),
		cmocka_unit_test_teardown(absent_everywhere, free_arena),
		cmocka_unit_test_teardown(paths, free_arena),
		cmocka_unit_test_teardown(text_of_scalars, free_arena),
		cmocka_unit_test_teardown(whole_numbers, free_arena),
		cmocka_unit_test_teardown(type_names, free_arena),
		cmocka_unit_test_teardown(duplicate_keys, free_arena),
		cmocka_unit_test_teardown(first_duplicate_key, free_arena),
		cmocka_unit_test_teardown(reals_in_any_locale, free_arena),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
