/* SPDX-License-Identifier: Apache-2.0 */
/* What comes and goes with a workload's pods: counted from them, and made anew when they change. */
#ifndef FLEET_LIVE_H
#define FLEET_LIVE_H

#include "fleet/fleet.h"

/* With room for that many pods, and one reference. `pods` is to be filled with references: they are dropped with it. */
struct live *live_new(size_t n_pods, const struct pod ***pods);
/* The same with references of its own. */
struct live *live_copy(const struct live *l);
void live_drop(struct shared_item *item); /* what a fleet's array calls */

/* Ready, and to stay. */
bool live_is_ready(const struct pod *p);
/* Pods that are ready and are to stay; -1 when none has a status. */
int64_t live_count_ready(const struct live *l);
/* Does its status say how many pods are ready? A Job's pods come and go: they are counted. */
bool live_has_counts(const struct controller *c);

#endif
