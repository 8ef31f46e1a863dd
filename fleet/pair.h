/* SPDX-License-Identifier: Apache-2.0 */
/* Which companion an agent's traffic goes through. */
#ifndef FLEET_PAIR_H
#define FLEET_PAIR_H

#include "base/arena.h"
#include "fleet/fleet.h"
#include "fleet/proxy.h"

/* Where HTTPS_PROXY and HTTP_PROXY of a workload's main containers lead. */
struct proxy_target {
	struct workload *companion; /* of the first variable that leads to one; NULL */
	const struct service *service; /* through which; else the first Service named, whatever it leads to; NULL */
	int port; /* of that Service, as the variable has it */
	/* The first host named that has the form of a Service's and is none, in scratch; NULL. */
	const char *missing;
	/* The first variable that was not read, and its container; NULL when all of them were. */
	const struct container *unread_in;
	struct proxy_var unread;
	bool set; /* one of them is known */
};

/* Wants companions to be known. */
struct proxy_target pair_proxy_target(const struct fleet *f, const struct workload *w, struct arena *scratch);

/* Among the Services of a companion's namespace: one that reaches the proxy, of its own name if it can be. NULL: none. */
const struct service *pair_service(const struct fleet *f, const struct workload *companion);

/*
 * Pairs every agent with its companion, finds the Service between them, and tells the agents' states as far as
 * objects show them without policies: STATE_MIGRATING at best. Wants roles and set-ups.
 */
void pair_assign(struct fleet *f);

#endif
