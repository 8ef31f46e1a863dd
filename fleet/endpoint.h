/* SPDX-License-Identifier: Apache-2.0 */
/* Where a workload answers, and whether a Service leads there. */
#ifndef FLEET_ENDPOINT_H
#define FLEET_ENDPOINT_H

#include <stdbool.h>

#include "fleet/fleet.h"

/* The pod port behind a Service's port: by number, or by the name that a container gives it. 0 when none has the name. */
int endpoint_target(const struct service_port *p, const struct workload *w);

enum endpoint_fault {
	ENDPOINT_OK,
	ENDPOINT_UNKNOWN, /* where the companion listens is not known, nor do its containers say */
	ENDPOINT_NO_SERVICE,
	ENDPOINT_SELECTS_NOTHING, /* the Service selects no pod of the companion */
	ENDPOINT_WRONG_PORT, /* it leads to a port that the companion does not serve */
	ENDPOINT_LOOPBACK, /* the companion listens on a loopback address */
};

struct endpoint {
	enum endpoint_fault fault;
	const struct service_port *port; /* of the Service: the one in use, or the first that is wrong; NULL */
	int pod_port; /* where the companion answers, with a Service or without; 0 unknown */
};

/*
 * A companion behind a Service (NULL for none), by the Service's port that an agent dials, 0 for any. What a companion
 * serves is what its Pipelock container declares, and what it listens on.
 */
struct endpoint endpoint_companion(const struct workload *companion, const struct service *s, int port);
/* The one that an agent with a companion uses: found out once, when they are paired. */
struct endpoint endpoint_of_agent(const struct workload *agent);

#endif
