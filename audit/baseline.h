/* SPDX-License-Identifier: Apache-2.0 */
/* An earlier report to compare with: what is new, what was known, what is fixed. */
#ifndef AUDIT_BASELINE_H
#define AUDIT_BASELINE_H

#include "audit/audit.h"

/* One finding that counted then. Strings are as the report has them: raw. */
struct baseline_entry {
	const char *fingerprint, *rule, *severity;
	const char *object; /* "Deployment a/x" */
};

struct baseline {
	const char *name; /* for people: its path */
	const struct baseline_entry *at; /* sorted by fingerprint, each once */
	size_t n;
};

/* Takes the findings out of a report of schema moat.audit/v1; suppressed ones are left out. `name` is copied. */
bool baseline_parse(struct arena *a, const char *name, const char *text, size_t len, struct baseline *out,
		    struct err *e);

/*
 * Marks the findings of an audit that is being made and lists what is fixed. What a rule could not judge this time, or
 * was not asked (another namespace, a source without the facts), is not fixed. The lists go to the arena, whole: the baseline
 * may go before the audit.
 */
void baseline_compare(const struct baseline *b, struct audit *a, struct arena *memory);

const char *novelty_name(enum novelty n); /* "new"; NULL for NOVELTY_NONE */

#endif
