/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "fleet/workload.h"

static struct object *
named(const char *kind, const char *namespace, const char *name)
{
	struct object *o = object_new(sizeof(struct object), OBJECT_POLICY);

	o->kind = arena_strdup(&o->memory, kind);
	o->namespace = arena_strdup(&o->memory, namespace);
	o->name = arena_strdup(&o->memory, name);
	return o;
}

static void
a_new_object_is_empty(void **state)
{
	struct object *o = object_new(sizeof(struct config_map), OBJECT_CONFIG_MAP);
	const struct config_map *m = object_config_map(o);

	(void)state;
	assert_int_equal(o->type, OBJECT_CONFIG_MAP);
	assert_int_equal(o->created_at, CLOCK_UNKNOWN);
	assert_string_equal(o->namespace, "");
	assert_string_equal(o->name, "");
	assert_null(o->uid);
	assert_null(m->keys);
	assert_int_equal(m->n_keys, 0);
	object_unref(o);
	object_unref(NULL);
}

static void
room_is_taken_at_once(void **state)
{
	struct object *o = object_new_room(sizeof(struct object), OBJECT_POLICY, 200000);
	size_t size = arena_size(&o->memory);

	(void)state;
	assert_true(size >= 200000);
	memset(arena_alloc(&o->memory, 200000), 'x', 200000);
	assert_int_equal(arena_size(&o->memory), size);
	object_unref(o);
}

static void *
hold_and_let_go(void *arg)
{
	for (int i = 0; i < 20000; i++)
		object_unref(object_ref(arg));
	object_unref(arg);
	return NULL;
}

static void
references_are_counted_across_threads(void **state)
{
	struct object *o = named("NetworkPolicy", "a", "x");
	pthread_t threads[4];

	(void)state;
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, hold_and_let_go, object_ref(o)), 0);
	for (size_t i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(o->refs, 1);
	assert_string_equal(o->name, "x");
	object_unref(o);
}

static void
order_is_namespace_name_kind(void **state)
{
	struct object *in_order[] = {named("Pod", "a", "x"), named("Pod", "a", "y"), named("Service", "a", "y"),
				     named("Pod", "b", "a")};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		for (size_t j = 0; j < 4; j++) {
			int order = object_cmp(in_order[i], in_order[j]);

			assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
		}
	}
	for (size_t i = 0; i < 4; i++)
		object_unref(in_order[i]);
}

static void
a_set_owns_its_objects_and_shows_safe_warnings(void **state)
{
	struct object_set set = {0};
	struct object *o = named("Pod", "a", "x");

	(void)state;
	object_set_add(&set, object_ref(o));
	assert_int_equal(set.n, 1);
	assert_int_equal(o->refs, 2);
	for (int i = 0; i < 20; i++)
		object_set_warn(&set, "%s twice: %d", "a\033[2J", i);
	assert_int_equal(set.n_warnings, 20);
	assert_string_equal(set.warnings[19], "a\\x1b[2J twice: 19");
	object_set_free(&set);
	assert_int_equal(set.n, 0);
	assert_int_equal(o->refs, 1);
	object_unref(o);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_object_is_empty),
		cmocka_unit_test(room_is_taken_at_once),
		cmocka_unit_test(references_are_counted_across_threads),
		cmocka_unit_test(order_is_namespace_name_kind),
		cmocka_unit_test(a_set_owns_its_objects_and_shows_safe_warnings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
