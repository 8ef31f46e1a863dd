/* SPDX-License-Identifier: Apache-2.0 */
/* All judgments together: findings merged and in order, what was not read, what it counts up to. Shared and counted. */
#ifndef AUDIT_SUMMARY_H
#define AUDIT_SUMMARY_H

#include "audit/judgment.h"

/* One gap of one judgment. */
struct noted_gap {
	struct gap gap;
	uint32_t place; /* of the judgment */
};

struct summary {
	int refs;
	struct arena arena;
	/* Findings in the order that audit.h gives them, and beside each the draft it is made of, and its fingerprint. */
	struct finding *findings;
	const struct draft **drafts;
	uint64_t *prints;
	size_t n_findings;
	/* All drafts of those findings that have several, by fingerprint: a thing is said once, whoever came upon it. */
	const struct draft **shared;
	size_t n_shared;
	uint32_t (*by_workload)[SEVERITIES];
	size_t n_workloads;
	size_t severities[SEVERITIES], suppressed;
	struct noted_gap *noted; /* by text, then by place */
	size_t n_noted;
	struct gap *gaps; /* each once */
	size_t n_gaps;
	struct inapplicable *inapplicable;
	size_t n_inapplicable;
	/* In how many judgments each rule has each mark: a place in rules[] each. */
	uint32_t (*marks)[3];
	uint32_t *uses; /* of exemptions (exempt.h) */
	struct judgment *inert; /* a reference */
	const struct rule **unknown, **not_applicable;
	size_t n_unknown, n_not_applicable, n_judged;
};

/* A judgment that takes the place of another, by places in ascending order. */
struct replaced {
	uint32_t place;
	const struct judgment *before;
	struct judgment *after;
};

/* Of all judgments of an audit; looks up their exemptions, and judges those in the arena. */
struct summary *summary_new(struct audit_run *run, struct arena *a, const struct shared_array *judgments);
/*
 * With some judgments replaced: costs a copy of the lists, and looking for what the new judgments say. `uses` are those of
 * exemptions now: of the old summary, less those of the judgments that go, with those of the ones that come.
 */
struct summary *summary_next(const struct summary *old, struct audit_run *run, const struct replaced *at, size_t n,
			     const uint32_t *uses);
struct summary *summary_ref(struct summary *s);
void summary_unref(struct summary *s); /* NULL is fine */

/* Looks up the exemptions of a judgment that is about to take another's place, and counts them; counts off the other's. */
void summary_suppress(const struct audit_run *run, struct judgment *j, uint32_t *uses);
void summary_count_off(const struct audit_run *run, const struct judgment *j, uint32_t *uses);

#endif
