/* SPDX-License-Identifier: Apache-2.0 */
/* Pipelock's profiles (`agents:` of its config, a Pro feature): do they tell those behind one companion apart? */
#ifndef FLEET_PROFILES_H
#define FLEET_PROFILES_H

#include "fleet/fleet.h"

/*
 * Sets told_apart of every companion. A profile tells its callers apart by ports of its own, or by address ranges that
 * no other profile's overlap; one agent may be left without. Where pods run, their addresses are looked up.
 */
void profiles_assign(struct fleet *f);

/* The same of one companion, by the addresses that the fleet's pods have now. */
bool profiles_tell_apart(const struct fleet *f, const struct workload *companion, struct arena *scratch);

#endif
