/* SPDX-License-Identifier: Apache-2.0 */
/* Who is an agent, a companion, a scraper: the contract's list, first match wins. */
#ifndef FLEET_ROLE_H
#define FLEET_ROLE_H

#include "fleet/fleet.h"

/*
 * Gives every workload its role and fills agents, companions and scrapers. Wants fleet_index_build and f->settings;
 * calls fleet_index_companions. A role label that names no role is passed over, with a warning in the set.
 */
void role_assign(struct fleet *f, struct object_set *set);
/*
 * Notes what has no role and may be an agent all the same: its proxy variable was not read (workload.unsure). Wants
 * pairs.
 */
void role_note_unsure(struct fleet *f);
/* The last line of the list, which asks policies: wants f->reach. Adds to scrapers. */
void role_assign_scrapers(struct fleet *f);

#endif
