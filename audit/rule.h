/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A rule: one struct in a file of audit/rules/ and one line in rules.def. Reports, the console, `moat explain` and
 * docs/rules.md all print this struct; there is no second copy of its words.
 */
#ifndef AUDIT_RULE_H
#define AUDIT_RULE_H

#include <stddef.h>

#include "audit/severity.h"
#include "base/attr.h"
#include "fleet/fleet.h"

/* What a rule is called with, once each. */
enum rule_scope {
	RULE_AGENT, /* every agent */
	RULE_COMPANION, /* every companion */
	RULE_PIPELOCK, /* every workload that runs Pipelock: companions, and agents with a sidecar */
	RULE_GUARDED, /* every agent and every companion */
	RULE_FLEET, /* the fleet: w is NULL */
};

struct audit_run;

struct rule {
	const char *id; /* stable */
	enum severity severity; /* the default: the config file can change it */
	enum rule_scope scope;
	unsigned needs; /* enum fact bits: the runner answers unknown when one was not read */
	const char *title; /* one line, no full stop */
	const char *why; /* what goes wrong in the field */
	const char *evidence; /* what the finding shows as proof */
	const char *fix; /* what to change, in general; a finding may bring its own */
	const char *reference; /* a URL or the name of a page */
	void (*run)(struct audit_run *run, const struct workload *w);
};

/* The object that the fix edits, and what is wrong with it. */
struct finding_args {
	const struct object *object; /* NULL: the workload's own */
	const char *container; /* NULL when it is about no container */
	/*
	 * Tells two findings of one rule on one object apart (a volume, a key, a variable), and is part of the
	 * fingerprint: nothing that changes from run to run. NULL: the container is enough.
	 */
	const char *subject;
	unsigned line; /* 0: the object's */
	const char *message; /* one sentence: what is wrong, where */
	const char *evidence; /* the proof: names, values that are no secret; NULL when the message says all */
	const char *fix; /* the exact change; NULL: the rule's */
};

/* Strings are copied; they may hold raw names: every report escapes for its own format. */
void audit_report(struct audit_run *run, const struct workload *w, const struct finding_args *args);
/* A formatted string for finding_args and audit_unknown, which copy it; it is gone when the rule returns. */
const char *audit_printf(struct audit_run *run, const char *fmt, ...) PRINTF(2, 3);
/* Scratch memory that is reset after each call of a rule. */
struct arena *audit_scratch(struct audit_run *run);
const struct fleet *audit_fleet(const struct audit_run *run);
/* What is said of the present workload hangs on the addresses of the other's pods too (path.h): whatever they are now. */
void audit_looks_at(struct audit_run *run, const struct workload *other);
/* This rule cannot be judged for this workload, as a fact of its own is missing: the audit becomes incomplete. */
void audit_unknown(struct audit_run *run, const struct workload *w, const char *kind, const char *reason);
/*
 * Of this workload such a source cannot tell what this rule asks for: neither a pass nor a gap. `reason` is a phrase
 * behind its name: "its config /etc/x.yaml is in its image". w is not NULL.
 */
void audit_not_applicable(struct audit_run *run, const struct workload *w, const char *reason);

extern const struct rule *const rules[];
extern const size_t n_rules;
const struct rule *rule_find(const char *id);
size_t rule_place(const struct rule *r); /* in rules[] */

#endif
