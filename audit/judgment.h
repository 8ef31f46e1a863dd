/* SPDX-License-Identifier: Apache-2.0 */
/* What the rules said of one workload, or of the fleet as a whole: kept apart, so that one can be judged again alone. */
#ifndef AUDIT_JUDGMENT_H
#define AUDIT_JUDGMENT_H

#include "audit/audit.h"
#include "audit/exempt.h"
#include "base/shared_array.h"
#include "base/u32_list.h"
#include "base/vec.h"

/* Places of judgments that are not about one workload: of the rules for the fleet, and of exemptions without use. */
#define PLACE_FLEET (UINT32_MAX - 1)
#define PLACE_INERT UINT32_MAX

/* A finding and what it takes to sort and to suppress it. */
struct draft {
	struct finding finding;
	const struct object *object; /* NULL: the workload's own */
	const char *subject; /* "" for none */
	size_t order; /* the rule's place */
	uint32_t place; /* of the judgment: in fleet->workloads, or one of the above */
	uint64_t print; /* the fingerprint as a number */
};

/* How a rule fared in a judgment. */
enum mark { MARK_PARTLY = 1, MARK_UNKNOWN = 2, MARK_INAPPLICABLE = 4 };

struct judgment {
	struct shared_item item;
	bool own; /* it lies in a piece of memory of its own, with its arena; false: in that of the first audit */
	struct arena arena;
	struct draft *drafts;
	size_t n_drafts;
	const struct gap *gaps;
	size_t n_gaps;
	const struct inapplicable *inapplicable; /* by reason, then in the order of rules[]; each once */
	size_t n_inapplicable;
	const uint8_t *marks; /* enum mark, a place in rules[] each; NULL for none */
};

/* Whether and how each rule is run: the same for all workloads. */
struct rule_plan {
	bool off; /* switched off, neither judged nor missed */
	bool not_applicable; /* it needs what such a source does not have */
	unsigned unreadable; /* facts it needs that were not read, or not everywhere */
};

struct u32_pair {
	uint32_t target, place;
};

/* What stands as long as an audit is updated: one reference of each that goes back to the same first. */
struct audit_frame {
	int refs;
	struct arena arena; /* with the first judgments in it */
	bool *in_scope; /* a place in fleet->workloads each: agents and companions that are judged */
	struct rule_plan *plan; /* a place in rules[] each */
	struct exempt *exempt;
	struct judgment *fleet; /* what is about no single workload */
	/* Whose addresses a judgment hangs on beside its own workload's: target, place, target, place ... sorted. */
	struct u32_pair *lookers;
	size_t n_lookers;
};

/* One go of the rules. */
struct audit_run {
	const struct fleet *fleet;
	const struct audit_settings *settings;
	const struct audit_frame *frame;
	struct arena *arena; /* where what is said is kept */
	struct arena scratch;
	const struct rule *rule; /* the one that runs */
	size_t order; /* its place in rules[] */
	uint32_t place; /* of the judgment that is being made */
	/* what it consists of so far */
	VEC(struct draft) drafts;
	VEC(struct gap) gaps;
	VEC(struct inapplicable) inapplicable;
	uint8_t *marks;
	bool marked;
	/* over all */
	VEC(struct u32_pair) lookers;
};

void run_open(struct audit_run *run, const struct fleet *f, const struct audit_settings *s,
	      const struct audit_frame *frame);
void run_close(struct audit_run *run);

/* Which rules can be judged, of the facts that the fleet has. In the arena. */
struct rule_plan *judgment_plan(struct arena *a, const struct fleet *f, const struct audit_settings *s);

/* Of an agent or companion in scope. Lies in the arena, or with NULL in memory of its own. */
struct judgment *judgment_of(struct audit_run *run, const struct workload *w, struct arena *a);
/* Of the rules for the fleet, and what was not read of it. */
struct judgment *judgment_of_fleet(struct audit_run *run, struct arena *a);
/* Of the exemptions that are of no use. `judged` says of each rule whether it was judged everywhere. */
struct judgment *judgment_of_exemptions(struct audit_run *run, struct arena *a, const uint32_t *uses,
					const bool *judged);
bool judgment_same(const struct judgment *a, const struct judgment *b);
void judgment_drop(struct shared_item *item); /* what a shared array calls */

/* Is that what was asked about? Agents and companions by choice, the rest by namespace; "" is the config file. */
bool run_in_scope(const struct audit_run *run, const char *namespace, const struct workload *w);

#endif
