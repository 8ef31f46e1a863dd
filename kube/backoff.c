/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/backoff.h"

#include <sys/random.h>

#include "base/clock.h"

#define FIRST_MS 800
#define LAST_MS 30000

int64_t
backoff_between(int64_t low, int64_t high)
{
	uint64_t random;

	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) != (ssize_t)sizeof(random))
		random = (uint64_t)clock_ms() * 2654435761u;
	return low + (int64_t)(random % (uint64_t)(high - low + 1));
}

int64_t
backoff_next(struct backoff *b)
{
	int64_t ms = b->ms ? b->ms : FIRST_MS;

	b->ms = ms * 2 > LAST_MS ? LAST_MS : ms * 2;
	return backoff_between(ms, ms * 2);
}

void
backoff_reset(struct backoff *b)
{
	b->ms = 0;
}
