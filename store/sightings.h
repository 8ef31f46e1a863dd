/* SPDX-License-Identifier: Apache-2.0 */
/* Which config running Pipelocks were seen to have, kept by cluster. */
#ifndef STORE_SIGHTINGS_H
#define STORE_SIGHTINGS_H

#include "base/arena.h"
#include "base/err.h"
#include "fleet/evidence.h"
#include "fleet/fleet.h"
#include "store/db.h"

/* In one transaction; the fleet says which cluster it is, which has to have a uid of kube-system or an address. */
bool sightings_write(struct db *d, const struct fleet *f, const struct config_sighting *at, size_t n,
		     struct err *e);

/*
 * The newest of each workload, pod and container of the fleet's cluster, in that order; the arena has them. *n is 0 when
 * there is none, or the fleet names no cluster.
 */
bool sightings_last(struct db *d, const struct fleet *f, struct arena *a, struct config_sighting **out, size_t *n,
		    struct err *e);

#endif
