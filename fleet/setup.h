/* SPDX-License-Identifier: Apache-2.0 */
/* What a workload's Pipelock containers are set up with: where their config comes from, and their CA keys. */
#ifndef FLEET_SETUP_H
#define FLEET_SETUP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "fleet/fleet.h"

/*
 * What the Pipelock container(s) of w run with; NULL when none runs there. In the fleet's arena. Wants the index of
 * ConfigMaps (fleet_config_map) and f->facts; roles and pairs are not looked at.
 */
const struct pipelock *pipelock_setup(struct fleet *f, const struct workload *w);

/*
 * The Pipelock config files mounted into any container of w, an agent's or an init container's too: what --config of
 * one of Pipelock's commands names, and what is called like one. In the arena.
 */
const struct config_source *setup_config_mounts(const struct fleet *f, const struct workload *w,
						const struct container *c, struct arena *a, size_t *n);

/* Can the fields of p->config be held against it? Not while its text is unread, or no YAML that Pipelock could read. */
bool setup_config_speaks(const struct pipelock *p);

/*
 * Why the Pipelock of w would not come up again with what is there now, so that a restart would take it down: a config
 * that it refuses or that is gone, a CA key that it refuses or cannot read. Safe to show, in the arena. NULL: no reason
 * is known, or no Pipelock runs there.
 */
const char *setup_refusal(const struct workload *w, struct arena *a);

#endif
