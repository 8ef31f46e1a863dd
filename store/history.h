/* SPDX-License-Identifier: Apache-2.0 */
/* What the history holds, read back: runs, the findings of a run, what lies between two. And the pruning of it. */
#ifndef STORE_HISTORY_H
#define STORE_HISTORY_H

#include <stdint.h>

#include "audit/severity.h"
#include "base/arena.h"
#include "fleet/fleet.h"
#include "store/db.h"

struct history_run {
	int64_t id;
	int64_t source; /* runs of one source are of the same cluster or files, and of the same -n and -l */
	const char *name; /* of the source, for people: raw text */
	const char *namespace, *selector; /* "" without -n, -l */
	const char *server; /* NULL for files */
	int64_t started_at, duration_ms; /* seconds; milliseconds */
	const char *version; /* of the moat that wrote it */
	bool complete;
	int64_t agents, companions;
	int64_t states[STATES];
	int64_t severities[SEVERITIES], suppressed; /* findings that counted, by severity; and those that did not */
	int64_t n_new, n_fixed; /* since the run before of the same source */
	const char
		*unjudged; /* rules, each between commas: its findings of these rules are those of the run before */
};

/* A finding as it looked in one run. Texts are raw. */
struct history_finding {
	const char *fingerprint, *rule;
	enum severity severity;
	const char *namespace, *kind, *object;
	const char *agent, *container; /* NULL for none */
	const char *uid; /* of the object as it was last seen with this finding; NULL: not known */
	int64_t generation; /* likewise; 0: not known */
	const char *message, *evidence; /* evidence may be NULL */
	const char *suppressed; /* the reason; NULL: it counts */
	int64_t first_run,
		first_at; /* when it was seen for the first time ever, though it may have been gone since */
	int64_t since_run; /* it looks like this since that run */
	int64_t last_run; /* in which it was seen; 0: it was still there in the last run of its source */
	bool judged; /* by this run; false: taken over from the run before */
};

enum history_change_kind { HISTORY_NEW, HISTORY_FIXED, HISTORY_CHANGED, HISTORY_UNJUDGED };

struct history_change {
	enum history_change_kind kind;
	const struct history_finding *before, *after; /* NULL: it was not there */
};

/* All runs, the newest first; what fn is given is gone when it returns. */
bool history_runs(struct db *d, void (*fn)(void *ctx, const struct history_run *r), void *ctx, struct err *e);
/* One run, in the arena; 0 is the last of all. ERR_USAGE when there is no such run. */
bool history_run(struct db *d, int64_t id, struct arena *a, struct history_run *out, struct err *e);
/* The run before that one, of the same source; out->id is 0 when there is none. */
bool history_run_before(struct db *d, const struct history_run *r, struct arena *a, struct history_run *out,
			struct err *e);
/* The findings of a run, worst first; the texts of what fn is given are in the arena. */
bool history_findings(struct db *d, const struct history_run *r, struct arena *a,
		      void (*fn)(void *ctx, const struct history_finding *f), void *ctx, struct err *e);
/*
 * What is different in `after`; findings are told apart by fingerprint. In the order of fingerprints; the
 * texts of what fn is given are in the arena.
 */
bool history_diff(struct db *d, const struct history_run *before, const struct history_run *after, struct arena *a,
		  void (*fn)(void *ctx, const struct history_change *c), void *ctx, struct err *e);
struct history_pruned {
	int64_t runs, probes, actions, sightings; /* rows that went */
};
/*
 * Keeps the newest runs of each source, so many, and what was found in them; of a cluster's probes, actions and sightings
 * those since the oldest run of it that stays, and what is still the last word on an agent. Gives the space back to the system.
 */
bool history_prune(struct db *d, int64_t keep, struct history_pruned *removed, struct err *e);

const char *history_change_name(enum history_change_kind kind); /* "fixed" */

#endif
