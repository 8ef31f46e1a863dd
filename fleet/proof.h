/* SPDX-License-Identifier: Apache-2.0 */
/* What the evidence proves of an agent as it is now: do its probes still count, and is it verified? */
#ifndef FLEET_PROOF_H
#define FLEET_PROOF_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "fleet/evidence.h"
#include "fleet/fleet.h"
#include "fleet/update.h"

/*
 * The fleet that has this evidence in place of what it had (a reference is taken; NULL: none), sharing all else; `out` has
 * the places of the workloads that it says something else of. fleet_touched_free it. Never fails. Works on any fleet.
 */
struct fleet *fleet_prove(struct fleet *f, struct evidence *e, struct fleet_touched *out);

/*
 * A digest of what an agent's probes are made against: its running pods' revisions (pod-template-hash, controller-revision-
 * hash, else uid and generation), the same of its companion, uid and generation of the policies of either direction that
 * select one of them. Hex, in the arena. NULL where that cannot be known (policies not read, no pod seen).
 */
const char *proof_against(const struct fleet *f, const struct workload *agent, struct arena *a);

/* One probe of an agent, all nodes that carry it together. */
struct probe_standing {
	/* The worst of them: open before inconclusive before blocked. NULL: never run on any of the nodes. */
	const struct probe_result *worst;
	size_t nodes, probed; /* that carry a ready pod of it; and those of them with a result */
	bool stale; /* one of the results was made against something else, or is older than settings.probe_max_age */
	int64_t at; /* of the oldest of them; CLOCK_UNKNOWN */
};

/* An open result counts wherever it was found, as long as nothing has changed since. */
struct probe_standing proof_standing(const struct fleet *f, const struct workload *agent, enum probe p);
/* All of them at once. */
void proof_standings(const struct fleet *f, const struct workload *agent, struct probe_standing out[PROBES]);
/* What it proves: one that is blocked without a good control blocks nothing that anyone has seen, and is inconclusive. */
enum probe_verdict proof_verdict(const struct probe_result *r);
/* Was it made against something else than there is now, or against what nobody knows? */
bool proof_changed(const struct fleet *f, const struct workload *agent, const struct probe_result *r);
/* Is it older than settings.probe_max_age? */
bool proof_too_old(const struct fleet *f, const struct probe_result *r);
/* One or the other: what it says is not of what runs now. */
bool proof_stale(const struct fleet *f, const struct workload *agent, const struct probe_result *r);
/* The nodes that carry a ready pod of it, sorted, each once; in the arena. Returns how many. */
size_t proof_nodes(const struct fleet *f, const struct workload *agent, struct arena *a, const char *const **out);

/* All the bypass probes blocked, controls good, on every node that carries a ready pod, none stale; at least one node. */
bool proof_verified(const struct fleet *f, const struct workload *agent);
/* For update.c, of a fleet that nobody else has seen yet: looks again at an agent whose pods or companion's pods are others. */
void proof_refresh(struct fleet *f, const struct workload *agent);
/* Do the pods of a workload run the same in both, whose workloads are the same? */
bool proof_same_running(const struct fleet *a, const struct fleet *b, const struct workload *w);

/* When, in seconds, a result of it becomes too old; INT64_MAX without any. */
int64_t proof_expiry(const struct fleet *f, const struct workload *agent);

#endif
