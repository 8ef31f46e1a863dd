/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "base/mem.h"
#include "base/shared_array.h"

struct thing {
	struct shared_item item;
	int value;
};

static int alive;

static void
drop(struct shared_item *item)
{
	alive--;
	free(item);
}

static struct shared_item *
thing(int value)
{
	struct thing *t = mem_alloc(sizeof(*t));

	t->item.refs = 1;
	t->value = value;
	alive++;
	return &t->item;
}

static int
value(const struct shared_array *a, size_t place)
{
	return ((const struct thing *)shared_array_at(a, place))->value;
}

static struct shared_array *
filled(size_t n)
{
	struct shared_array *a = shared_array_new(n, drop);

	for (size_t i = 0; i < n; i++)
		shared_array_put(a, i, thing((int)i));
	return a;
}

static void
the_next_version_shares(void **state)
{
	struct shared_array *a = filled(1000), *b = shared_array_next(a);

	(void)state;
	assert_int_equal(alive, 1000);
	shared_array_put(b, 500, thing(-1));
	assert_int_equal(value(a, 500), 500);
	assert_int_equal(value(b, 500), -1);
	assert_ptr_equal(shared_array_at(a, 501), shared_array_at(b, 501));
	assert_ptr_equal(a->chunks[0], b->chunks[0]);
	assert_int_equal(alive, 1001);
	shared_array_free(a);
	assert_int_equal(alive, 1000); /* what only the first had is gone */
	assert_int_equal(value(b, 999), 999);
	shared_array_free(b);
	assert_int_equal(alive, 0);
}

/* Versions come and go in any order; what none of them has any more is freed at once. */
static void
a_chain_holds_no_more_than_its_versions(void **state)
{
	struct shared_array *now = filled(300), *kept = shared_array_next(now);

	(void)state;
	for (int i = 0; i < 10000; i++) {
		struct shared_array *next = shared_array_next(now);

		shared_array_put(next, (size_t)(i * 7919) % 300, thing(i));
		shared_array_free(now);
		now = next;
	}
	assert_int_equal(alive, 600);
	for (size_t i = 0; i < 300; i++)
		assert_int_equal(value(kept, i), i);
	shared_array_free(kept);
	assert_int_equal(alive, 300);
	shared_array_free(now);
	assert_int_equal(alive, 0);
}

static void
places_may_be_empty(void **state)
{
	struct shared_array *a = shared_array_new(65, drop), *none = shared_array_new(0, drop);

	(void)state;
	assert_null(shared_array_at(a, 64));
	shared_array_put(a, 64, thing(1));
	shared_array_put(a, 64, NULL);
	assert_int_equal(alive, 0);
	shared_array_free(a);
	shared_array_free(none);
	shared_array_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_next_version_shares),
		cmocka_unit_test(a_chain_holds_no_more_than_its_versions),
		cmocka_unit_test(places_may_be_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
