/* SPDX-License-Identifier: Apache-2.0 */
/* What people said of the steps of a migration: ticked, skipped, noted; by cluster, agent and step. */
#ifndef STORE_CHECKLIST_H
#define STORE_CHECKLIST_H

#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "fleet/evidence.h"
#include "fleet/fleet.h"
#include "store/db.h"

enum checklist_state { CHECKLIST_NOTED, CHECKLIST_TICKED, CHECKLIST_SKIPPED };

struct checklist_entry {
	struct workload_key agent;
	const char *step; /* "agent-egress" */
	enum checklist_state state; /* CHECKLIST_NOTED: there is a note alone */
	const char *who; /* as in actions */
	int64_t at; /* seconds */
	const char *note; /* "" */
};

/*
 * In place of what was there of that agent and step. The fleet says which cluster it is, which has to have a uid of
 * kube-system or an address.
 */
bool checklist_write(struct db *d, const struct fleet *f, const struct checklist_entry *entry, struct err *e);
/* Forgets a step of an agent; step NULL: all of them; agent NULL too: all of the cluster. *removed: entries. */
bool checklist_remove(struct db *d, const struct fleet *f, const struct workload_key *agent, const char *step,
		      int64_t *removed, struct err *e);
/* All of the cluster, by agent, then step; the arena has them. */
bool checklist_read(struct db *d, const struct fleet *f, struct arena *a, struct checklist_entry **out, size_t *n,
		    struct err *e);

#endif
