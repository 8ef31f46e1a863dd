/* SPDX-License-Identifier: Apache-2.0 */
/* Turns of a loop, for tests of what answers later. Include it after cmocka.h. */
#ifndef TESTS_TURNS_H
#define TESTS_TURNS_H

#include "base/clock.h"
#include "base/loop.h"

#define TURNS_ENOUGH_MS 20000 /* a bound for what happens at once; never waited for */

static inline void
turn(struct loop *loop, int ms)
{
	struct err e = {0};

	if (!loop_once(loop, ms, &e))
		fail_msg("%s", e.msg);
}

/* Until something was called, once. */
static inline void
turns_until(struct loop *loop, const int *times)
{
	int64_t end = clock_ms() + TURNS_ENOUGH_MS;

	while (!*times && clock_ms() < end)
		turn(loop, 100);
	assert_int_equal(*times, 1);
}

/* For what must not come: a call that was cancelled says nothing more. */
static inline void
turns_for(struct loop *loop, int ms)
{
	int64_t end = clock_ms() + ms;

	while (clock_ms() < end)
		turn(loop, 5);
}

#endif
