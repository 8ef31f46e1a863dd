/* SPDX-License-Identifier: Apache-2.0 */
/* Objects sorted into a fleet: one workload for each controller, its pods with it, and the lists of other kinds. */
#ifndef FLEET_GATHER_H
#define FLEET_GATHER_H

#include "fleet/fleet.h"

/*
 * Takes all objects out of the set and fills the fleet's lists, each sorted, and of each workload what its objects
 * say: names, template, pods, counts. ReplicaSets and Jobs that are part of another workload
 * are let go. The set keeps its warnings and paths.
 */
void gather_objects(struct fleet *f, struct object_set *set);

#endif
