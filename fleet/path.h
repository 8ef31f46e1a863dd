/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Can one workload get to a port of another? Asked where a permission may be lacking, so blocks are given the benefit of
 * the doubt: many enforcers match them against pods' addresses too, and a private block without known addresses may hold
 * the pod. (Only the address of a Service never does: it is exchanged for a pod's before policies are asked.)
 */
#ifndef FLEET_PATH_H
#define FLEET_PATH_H

#include <stdbool.h>
#include <stdint.h>

#include "fleet/fleet.h"
#include "fleet/ports.h"

struct path {
	bool egress, ingress; /* the source's policies let it out, the destination's let it in */
	uint32_t from, to; /* classes (reach.h) for which one of them does not */
};

/* From every class of the one to every class of the other: the worst counts. Wants f->reach. */
struct path path_find(const struct fleet *f, const struct workload *from, const struct workload *to,
		      enum protocol p, uint16_t port);
/* From every class to port 53, UDP or TCP, of some DNS pod. */
struct path path_to_dns(const struct fleet *f, const struct workload *from);

#endif
