/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The next fleet of a cluster, out of the present one and the few objects that changed: it shares all that did not. What
 * is declared (workloads, roles, pairs, set-ups, policies evaluated) stands; what is live of them (fleet_live) moves on.
 */
#ifndef FLEET_UPDATE_H
#define FLEET_UPDATE_H

#include <stddef.h>

#include "base/u32_list.h"
#include "fleet/fleet.h"

struct fleet_change {
	const struct object *before, *after; /* of one name; NULL: it was not there, it is gone */
};

/* Places in fleet->workloads, in ascending order. */
struct fleet_touched {
	struct u32_list places; /* whose pods or numbers are others now */
	struct u32_list
		moved; /* of these, those whose pods' addresses blocks of policies may tell from those before */
};

/*
 * The fleet that fleet_new would make of the objects after the changes, but for the times. A change of pods that nothing
 * can tell apart (visible.h), of a status or a number of replicas, of a ReplicaSet or Job that a workload made, is folded
 * in. NULL for any other: then build it anew. Also where gaps or settings are others, which the caller knows. Workloads and
 * what they point to are those of the present fleet; of theirs w->object may be an older version, with an older status.
 *
 * Takes no reference away from the caller, on the fleet or on objects. `out` is filled on success: fleet_touched_free it.
 */
struct fleet *fleet_update(struct fleet *f, const struct fleet_change *at, size_t n, struct fleet_touched *out);
/* One that shares everything with f, to be made another by who calls (update.c, proof.c): with a list of live parts of its own. */
struct fleet *fleet_share(struct fleet *f);
void fleet_touched_free(struct fleet_touched *t);

#endif
