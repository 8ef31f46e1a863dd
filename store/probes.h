/* SPDX-License-Identifier: Apache-2.0 */
/* Bypass probes kept, by cluster: the last of each agent, node and probe as a fact for the model, and all of them in time. */
#ifndef STORE_PROBES_H
#define STORE_PROBES_H

#include "base/arena.h"
#include "base/err.h"
#include "fleet/evidence.h"
#include "fleet/fleet.h"
#include "store/db.h"

/* In one transaction; the fleet says which cluster it is, which has to have a uid of kube-system or an address. */
bool probes_write(struct db *d, const struct fleet *f, const struct probe_result *at, size_t n, struct err *e);

/*
 * The newest of each agent, node and probe of the fleet's cluster; the arena has them. *n is 0 when there is none, or the
 * fleet names no cluster (files without kube-system).
 */
bool probes_last(struct db *d, const struct fleet *f, struct arena *a, struct probe_result **out, size_t *n,
		 struct err *e);

#endif
