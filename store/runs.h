/* SPDX-License-Identifier: Apache-2.0 */
/* An audit kept as a run, and the last run as a baseline. docs/store.md says what goes into which table. */
#ifndef STORE_RUNS_H
#define STORE_RUNS_H

#include "audit/audit.h"
#include "audit/baseline.h"
#include "store/db.h"

/* What was audited, and how much of it: runs of the same are compared with each other. */
struct run_scope {
	const struct fleet *fleet; /* its source, and its kube-system */
	const char *namespace, *selector; /* -n and -l; NULL without */
};

/*
 * In one transaction: the run, the findings that are new, changed or gone since the last run of the same
 * scope. On a failure nothing of it is kept. *id is the run's number.
 */
bool runs_write(struct db *d, const struct run_scope *scope, const struct audit *a, int64_t *id, struct err *e);

/* The findings that counted in the last run of that scope; *out is empty, with name NULL, when there was none. */
bool runs_last(struct db *d, const struct run_scope *scope, struct arena *a, struct baseline *out, struct err *e);

/* Does a run whose list of rules that it could not judge is that one (runs.unjudged) say something of a rule? */
bool runs_judged(const char *rule, const char *unjudged_rules);

#endif
