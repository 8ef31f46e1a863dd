/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/str.h"
#include "fleet/ports.h"

/* A set over ports 1 to 8 of two protocols as bits, to hold the operations against. */
static struct port_set
from_bits(struct arena *a, unsigned bits)
{
	struct port_set s = ports_none;

	for (unsigned i = 0; i < 16; i++) {
		struct port_set one = ports_one(a, i / 8 ? PROTOCOL_UDP : PROTOCOL_TCP, (uint16_t)(i % 8 + 1), (uint16_t)(i % 8 + 1));

		if (bits & 1u << i)
			s = ports_union(a, &s, &one);
	}
	return s;
}

static unsigned
to_bits(const struct port_set *s)
{
	unsigned bits = 0;

	for (unsigned i = 0; i < 16; i++)
		if (ports_has(s, i / 8 ? PROTOCOL_UDP : PROTOCOL_TCP, (uint16_t)(i % 8 + 1)))
			bits |= 1u << i;
	return bits;
}

static void
operations_are_those_of_sets(void **state UNUSED)
{
	AUTO(arena) struct arena a = {0};

	srand(7);
	for (int i = 0; i < 20000; i++) {
		unsigned x = (unsigned)rand() & 0xffff, y = (unsigned)rand() & 0xffff;
		struct port_set sx = from_bits(&a, x), sy = from_bits(&a, y);
		struct port_set both = ports_union(&a, &sx, &sy), common = ports_intersect(&a, &sx, &sy);
		struct port_set rest = ports_minus(&a, &sx, &sy), again = from_bits(&a, x & ~y);

		assert_int_equal(to_bits(&both), x | y);
		assert_int_equal(to_bits(&common), x & y);
		assert_int_equal(to_bits(&rest), x & ~y);
		assert_true(ports_equal(&rest, &again));
		assert_int_equal(ports_within(&sx, &sy), (x & ~y) == 0);
		assert_int_equal(ports_empty(&common), (x & y) == 0);
		arena_reset(&a);
	}
}

static void
all_is_everything(void **state UNUSED)
{
	AUTO(arena) struct arena a = {0};
	struct port_set web = ports_one(&a, PROTOCOL_TCP, 443, 443), tcp = ports_protocol(PROTOCOL_TCP);
	struct port_set rest = ports_minus(&a, &ports_all, &web), back = ports_union(&a, &rest, &web);

	assert_false(ports_is_all(&rest));
	assert_false(ports_has(&rest, PROTOCOL_TCP, 443));
	assert_true(ports_has(&rest, PROTOCOL_TCP, 65535));
	assert_true(ports_is_all(&back));
	assert_false(ports_is_all(&tcp));
	rest = ports_minus(&a, &web, &ports_all);
	assert_true(ports_empty(&rest));
}

static void
written_as_reach_prints_them(void **state UNUSED)
{
	static const struct {
		const char *name;
		int tcp, tcp_last, udp;
		const char *reach, *list;
	} cases[] = {
		{"one", 443, 443, 0, "TCP 443", "TCP 443"},
		{"a range", 8000, 8080, 0, "TCP 8000-8080", "TCP 8000-8080"},
		{"two protocols", 53, 53, 53, "TCP 53;UDP 53", "TCP 53,UDP 53"},
		{"only UDP", 0, 0, 53, "UDP 53", "UDP 53"},
	};
	AUTO(arena) struct arena a = {0};

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		AUTO(buf) struct buf reach = {0};
		AUTO(buf) struct buf list = {0};
		struct port_set s = ports_none, add;

		if (cases[i].tcp) {
			add = ports_one(&a, PROTOCOL_TCP, (uint16_t)cases[i].tcp, (uint16_t)cases[i].tcp_last);
			s = ports_union(&a, &s, &add);
		}
		if (cases[i].udp) {
			add = ports_one(&a, PROTOCOL_UDP, (uint16_t)cases[i].udp, (uint16_t)cases[i].udp);
			s = ports_union(&a, &s, &add);
		}
		ports_format(&reach, &s);
		ports_format_list(&list, &s);
		assert_string_equal(buf_str(&reach), cases[i].reach);
		assert_string_equal(buf_str(&list), cases[i].list);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(operations_are_those_of_sets),
		cmocka_unit_test(all_is_everything),
		cmocka_unit_test(written_as_reach_prints_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
