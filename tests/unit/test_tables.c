/* SPDX-License-Identifier: Apache-2.0 */
/* Labels and keys as numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/attr.h"
#include "fleet/key_table.h"
#include "fleet/label_table.h"

#define MANY 5000 /* both tables grow several times */

static void
labels_have_numbers(void **state)
{
	AUTO(arena) struct arena a = {0};
	struct label_table *t = label_table_new(&a, 0);

	(void)state;
	assert_int_equal(label_table_find(t, "app", "scout"), LABEL_NONE);
	assert_int_equal(label_table_add(t, "app", "scout"), 0);
	assert_int_equal(label_table_add(t, "app", ""), 1);
	assert_int_equal(label_table_add(t, "", "app"), 2); /* where the key ends is part of it */
	assert_int_equal(label_table_add(t, "apps", "cout"), 3);
	assert_int_equal(label_table_add(t, "app", "scout"), 0);
	assert_int_equal(label_table_find(t, "", "app"), 2);
	assert_int_equal(label_table_find(t, "app", "scouts"), LABEL_NONE);
	assert_int_equal(label_table_size(t), 4);
}

/* Of all lengths: values are hashed eight bytes at a time. */
static const char *
value(struct arena *a, size_t i)
{
	return arena_printf(a, "%0*zu", (int)(i % 30) + 1, i);
}

static void
many_labels(void **state)
{
	AUTO(arena) struct arena a = {0};
	struct label_table *t = label_table_new(&a, 100);

	(void)state;
	for (size_t i = 0; i < MANY; i++)
		assert_int_equal(label_table_add(t, "app.kubernetes.io/name", value(&a, i)), i);
	for (size_t i = 0; i < MANY; i++) {
		assert_int_equal(label_table_find(t, "app.kubernetes.io/name", value(&a, i)), i);
		assert_int_equal(label_table_find(t, "app.kubernetes.io/nama", value(&a, i)), LABEL_NONE);
	}
}

static uint32_t
add_key(struct key_table *t, size_t n, uint32_t first, uint32_t last, bool is_new)
{
	struct u32_list key = {0};
	uint32_t place;
	bool added;

	for (size_t i = 0; i < n; i++)
		vec_push(&key, i ? last : first);
	place = key_table_add(t, &key, &added);
	assert_int_equal(added, is_new);
	vec_free(&key);
	return place;
}

static void
keys_have_places(void **state)
{
	struct key_table t = {0};

	(void)state;
	assert_int_equal(add_key(&t, 0, 0, 0, true), 0);
	assert_int_equal(add_key(&t, 1, 0, 0, true), 1); /* how many numbers there are is part of it */
	assert_int_equal(add_key(&t, 2, 0, 0, true), 2);
	assert_int_equal(add_key(&t, 1, 0, 0, false), 1);
	for (uint32_t i = 0; i < MANY; i++)
		assert_int_equal(add_key(&t, 1 + i % 3, i + 1, i, true), i + 3);
	for (uint32_t i = 0; i < MANY; i++)
		assert_int_equal(add_key(&t, 1 + i % 3, i + 1, i, false), i + 3);
	key_table_free(&t);
	assert_int_equal(add_key(&t, 3, 1, 2, true), 0);
	key_table_free(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(labels_have_numbers),
		cmocka_unit_test(many_labels),
		cmocka_unit_test(keys_have_places),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
