/* SPDX-License-Identifier: Apache-2.0 */
/* What a workload's Pipelock containers are set up with: where their config comes from, and their CA keys. */
#ifndef FLEET_SETUP_H
#define FLEET_SETUP_H

#include "fleet/fleet.h"

/*
 * What the Pipelock container(s) of w run with; NULL when none runs there. In the fleet's arena. Wants the index of
 * ConfigMaps (fleet_config_map) and f->facts; roles and pairs are not looked at.
 */
const struct pipelock *pipelock_setup(struct fleet *f, const struct workload *w);

#endif
