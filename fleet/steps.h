/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The manifest steps of a migration, as the objects show them: 1 to 5 of the checklist. An agent whose five are done is
 * `migrated`. Rules on the same things share their questions with this.
 */
#ifndef FLEET_STEPS_H
#define FLEET_STEPS_H

#include <stdbool.h>

#include "base/arena.h"
#include "fleet/fleet.h"

enum step {
	STEP_COMPANION, /* a companion, and a Service through which the agent reaches it */
	STEP_COMPANION_EGRESS, /* the companion's own policy: public addresses on TCP 443 and 80 alone, and 443 is there */
	STEP_SIDECAR_REMOVED,
	STEP_PROXY_ENV, /* every client of the agent has HTTPS_PROXY, and each spelling leads to a companion */
	STEP_AGENT_EGRESS, /* shape companion, companion+scraper or none */
	STEPS,
};

struct step_state {
	bool done;
	const char *reason; /* why it is not, in the arena; NULL when it is */
};

const char *step_name(enum step s); /* "proxy-env" */

/* Without evaluated policies the two egress steps are not done: what is not known is not good. */
void steps_of(const struct fleet *f, const struct workload *agent, struct arena *a, struct step_state out[STEPS]);

/* Gives every agent with a companion its state: migrating or migrated. */
void steps_assign_states(struct fleet *f);

#endif
