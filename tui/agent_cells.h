/* SPDX-License-Identifier: Apache-2.0 */
/* What tables say of an agent, one cell a fact: for the console and for `moat fleet`. */
#ifndef TUI_AGENT_CELLS_H
#define TUI_AGENT_CELLS_H

#include "audit/audit.h"
#include "tui/view.h"

/* Each answers for one agent; texts are borrowed from the fleet or made in the arena. "?" is unknown, "-" is nothing. */
struct cell cell_state(const struct fleet *f, const struct workload *agent);
struct cell cell_companion(const struct fleet *f, const struct workload *agent, struct arena *a);
struct cell cell_egress(const struct workload *agent);
struct cell cell_config(const struct fleet *f, const struct workload *agent, struct arena *a);
struct cell cell_secrets(const struct workload *agent, struct arena *a);
struct cell cell_identity(const struct workload *agent);
struct cell cell_findings(const struct audit *audit, const struct workload *agent, struct arena *a);
/* "1 critical 3 high": the worst two of these numbers. */
struct cell cell_counts(const int64_t counts[SEVERITIES], struct arena *a);

/* The fleet in a few words: agents, then those in each state there is. Returns how many cells were set. */
size_t cells_summary(const struct audit *audit, struct cell *cells, size_t max, struct arena *a);

/* "medium" and the like, in its role, ordered by how bad it is. */
struct cell cell_severity(enum severity s);

#endif
