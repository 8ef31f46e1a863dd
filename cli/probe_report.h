/* SPDX-License-Identifier: Apache-2.0 */
/* What a run of bypass probes has found, as a table, JSON, YAML (schema moat.probe/v1) or JUnit. */
#ifndef CLI_PROBE_REPORT_H
#define CLI_PROBE_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/outputs.h"
#include "fleet/evidence.h"
#include "fleet/probe_plan.h"

/* One probe that was to be run. */
struct probe_row {
	/* Where it was not run: inconclusive, its detail why, `at` CLOCK_UNKNOWN. */
	struct probe_result result;
	bool ran;
};

struct probe_report {
	const struct probe_row *rows; /* in the plan's order, of each job by probe */
	size_t n;
	const struct probe_skip *skipped; /* agents without a row */
	size_t n_skipped;
	int64_t started_at; /* seconds */
};

struct probe_totals {
	size_t agents, nodes; /* that were probed, or were to be */
	size_t verdicts[PROBE_INCONCLUSIVE + 1]; /* of the probes that ran */
	size_t not_run; /* rows */
};

struct probe_totals probe_report_count(const struct probe_report *r);
/* "12 agents on 3 nodes: 34 blocked, 1 open, 1 inconclusive" */
void probe_report_summary(const struct probe_report *r, struct buf *out);

extern const struct output_formats probe_report_formats;

#endif
