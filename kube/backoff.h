/* SPDX-License-Identifier: Apache-2.0 */
/* How long to wait before the next try: twice as long each time, with jitter: clients must not come in step. */
#ifndef KUBE_BACKOFF_H
#define KUBE_BACKOFF_H

#include <stdint.h>

/* Zeroed, nothing has failed yet. */
struct backoff {
	int64_t ms; /* the next wait without its jitter; 0: the first */
};

int64_t backoff_next(struct backoff *b); /* milliseconds, 0.8 to 60 s; the next time twice as long */
void backoff_reset(struct backoff *b);
/* Evenly from low to high, both possible. Not for secrets. */
int64_t backoff_between(int64_t low, int64_t high);

#endif
