/* SPDX-License-Identifier: Apache-2.0 */
/* What tables say of proof, one cell a fact: how probes stand, and which config is in force. */
#ifndef TUI_PROOF_CELLS_H
#define TUI_PROOF_CELLS_H

#include "audit/loaded.h"
#include "fleet/proof.h"
#include "tui/mark.h"
#include "tui/source.h"
#include "tui/view.h"

#define HASH_SHOWN 12 /* digits of a hash: enough to compare by eye */

/* A result alone, whatever has changed since. */
enum probe_mark proof_result_mark(const struct probe_result *r);
/* All nodes together: MARK_NONE where it was never run. */
enum probe_mark proof_mark(const struct probe_standing *s);

/* "✔✘? 12m": the three that count for `verified`, the age of the oldest, "stale" when they prove nothing any more. */
struct cell cell_probes(const struct fleet *f, const struct workload *agent, struct arena *a);

/* The config that a workload's running Pipelocks have loaded, the worst of its pods. */
struct in_force {
	enum loaded loaded; /* is it the ConfigMap's? */
	enum reload
		reload; /* the last of one that does not go on: RELOAD_FAILED, RELOAD_REFUSED; else RELOAD_NONE */
	/* The sighting that this is known by, or the one that says most; NULL: nothing was looked at. */
	const struct config_sighting *seen;
};

struct in_force in_force_of(const struct fleet *f, const struct workload *w);
/* "current", "stale", "reload failed", "?" */
struct cell cell_in_force(const struct in_force *in);
/* One of those hashes held against the ConfigMap's, in its first digits; "?" where one is not known. */
struct cell cell_hash(const char *hash, const char *wanted, struct arena *a);

/* "12m"; "?" for CLOCK_UNKNOWN. */
struct cell cell_age(int64_t at, struct arena *a);

#endif
