/* SPDX-License-Identifier: Apache-2.0 */
/* Is what two versions of an object declare the same, so that they differ in status alone? */
#ifndef FLEET_SAME_H
#define FLEET_SAME_H

#include <stdbool.h>

#include "fleet/object.h"

/*
 * All that moat reads of them but status, the number of replicas, times and lines. Of annotations only those that moat
 * reads: others carry leases and heartbeats. Policies are the same only when they are one object.
 */
bool object_same(const struct object *a, const struct object *b);
bool owner_same(const struct owner *a, const struct owner *b);

#endif
