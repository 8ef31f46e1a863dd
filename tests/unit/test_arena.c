/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"

static void
gives_zeroed_aligned_memory(void **state)
{
	AUTO(arena) struct arena a = {0};

	(void)state;
	for (size_t size = 1; size < 3000; size += 7) {
		unsigned char *p = arena_alloc(&a, size);

		assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
		for (size_t i = 0; i < size; i++)
			assert_int_equal(p[i], 0);
		memset(p, 0xff, size);
	}
}

static void
takes_one_piece_larger_than_a_chunk(void **state)
{
	AUTO(arena) struct arena a = {0};
	char *small = arena_strdup(&a, "before");
	char *big = arena_alloc(&a, 1 << 20);

	(void)state;
	memset(big, 'x', 1 << 20);
	assert_string_equal(small, "before");
	assert_true(arena_size(&a) >= 1 << 20);
	assert_string_equal(arena_strdup(&a, "after"), "after");
}

static void
copies_text(void **state)
{
	AUTO(arena) struct arena a = {0};
	int number = 42;

	(void)state;
	assert_null(arena_strdup(&a, NULL));
	assert_string_equal(arena_strndup(&a, "scouting", 5), "scout");
	assert_string_equal(arena_printf(&a, "%s/%d", "ns", 7), "ns/7");
	assert_int_equal(*(int *)arena_copy(&a, &number, sizeof(number)), 42);
}

static void
reset_keeps_one_chunk_and_zeroes_again(void **state)
{
	AUTO(arena) struct arena a = {.first = 64};
	size_t size;
	char *p;

	(void)state;
	for (int i = 0; i < 100; i++)
		memset(arena_alloc(&a, 50), 0xff, 50);
	size = arena_size(&a);
	arena_reset(&a);
	assert_true(arena_size(&a) > 0);
	assert_true(arena_size(&a) < size);
	p = arena_alloc(&a, 50);
	for (int i = 0; i < 50; i++)
		assert_int_equal(p[i], 0);
}

/* Sizes and alignments that leave gaps, and pieces that do not fit into the rest of a chunk. */
static void
fill(struct arena *a)
{
	for (size_t i = 1; i < 400; i++) {
		arena_strndup(a, "some text of some length, for a name or a value", i % 47);
		arena_array(a, i % 5, 24);
	}
	arena_alloc(a, 100000);
	arena_strdup(a, "end");
}

static void
used_is_what_one_chunk_needs(void **state)
{
	AUTO(arena) struct arena many = {.first = 64};
	AUTO(arena) struct arena one = {0};
	size_t header;

	(void)state;
	arena_strdup(&one, "");
	header = arena_size(&one) - 1024;
	arena_free(&one);

	fill(&many);
	one.first = arena_used(&many);
	fill(&one);
	assert_int_equal(arena_size(&one), one.first + header);
	assert_true(arena_used(&one) <= one.first);
}

static void
joined(void **state)
{
	struct arena a = {0}, b = {0}, none = {0};
	const char *before, *texts[100];

	(void)state;
	arena_join(&a, &none);
	assert_int_equal(arena_size(&a), 0);
	for (size_t i = 0; i < COUNT_OF(texts); i++)
		texts[i] = arena_printf(&b, "%0100zu", i);
	arena_join(&a, &b); /* into an empty one */
	assert_int_equal(arena_size(&b), 0);
	before = arena_strdup(&a, "before");
	arena_strdup(&b, "again");
	arena_join(&a, &b);
	assert_string_equal(arena_strdup(&a, "behind"), "behind");
	assert_string_equal(before, "before");
	for (size_t i = 0; i < COUNT_OF(texts); i++)
		assert_int_equal(atoi(texts[i] + 90), i);
	arena_free(&a);
	arena_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(joined),
		cmocka_unit_test(gives_zeroed_aligned_memory),
		cmocka_unit_test(takes_one_piece_larger_than_a_chunk),
		cmocka_unit_test(copies_text),
		cmocka_unit_test(reset_keeps_one_chunk_and_zeroes_again),
		cmocka_unit_test(used_is_what_one_chunk_needs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
