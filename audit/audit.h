/* SPDX-License-Identifier: Apache-2.0 */
/* A fleet judged: findings, what could not be judged, what it means for the exit status. Immutable once made. */
#ifndef AUDIT_AUDIT_H
#define AUDIT_AUDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "audit/rule.h"
#include "audit/severity.h"
#include "base/arena.h"
#include "base/err.h"
#include "fleet/fleet.h"
#include "fleet/update.h"

/* An exemption or a severity from the config file. */
struct exemption_setting {
	const char *rule; /* an id, or "*" */
	struct workload_match match;
	const char *reason, *owner;
	int64_t expires_at; /* CLOCK_UNKNOWN: never */
	unsigned line;
};

struct audit_settings {
	/* By position in rules[]; -1: the rule's own, SEVERITIES: off. NULL for none. */
	const int *severities;
	const struct exemption_setting *exemptions;
	size_t n_exemptions;
	const char *config_path; /* for messages about the entries; NULL */
	const char *namespace; /* only agents and findings of this namespace; NULL: all */
	struct selector selector; /* only agents whose labels match (-l); not present: all */
	const struct baseline *baseline; /* an earlier report to compare with (baseline.h); NULL for none */
	bool fail_on_new; /* only findings that the baseline does not have count for the exit status */
};

/* Does the scope (-n, -l) take in that agent or companion? A companion is in it with its agents, too. */
bool audit_chooses(const struct audit_settings *s, const struct workload *w);

enum novelty { NOVELTY_NONE, NOVELTY_NEW, NOVELTY_KNOWN }; /* NONE: there is no baseline */

struct suppression {
	const char *reason, *owner, *from; /* from: "annotation" or "config" */
	int64_t expires_at; /* CLOCK_UNKNOWN: never */
};

/* An exemption or a role set on an object: the object's owner could silence moat with it, so it is listed. */
struct object_exemption {
	const char *kind, *namespace, *name;
	const char *key; /* "moat.dev/ignore", "moat.dev/role" */
	const char *value; /* as written */
	const char *reason; /* NULL: none given, or a role */
	bool ignored; /* objects are not trusted (--no-object-exemptions) */
};

struct finding {
	const struct rule *rule;
	enum severity severity;
	const char *namespace; /* of the object */
	const struct workload *agent; /* NULL: belongs to none, or to several */
	const struct workload *workload; /* it was found on; NULL for a policy or the fleet */
	struct {
		const char *kind, *namespace, *name, *container; /* container NULL */
		const char *uid; /* NULL in manifests, and of a controller that was not read */
		int64_t generation; /* 0 likewise */
	} object;
	const char *message, *evidence, *fix; /* evidence may be NULL */
	char fingerprint[17];
	struct location location; /* path NULL when unknown */
	const struct suppression *suppressed; /* NULL: it counts */
	enum novelty novelty;
};

/* A rule that a source of this kind cannot judge for one workload. */
struct inapplicable {
	const struct rule *rule;
	const struct workload *workload;
	const char *reason; /* "its config /etc/x.yaml is in its image" */
};

struct audit {
	int refs; /* first: refs_copy_rest */
	struct fleet *fleet; /* one reference */
	int64_t started_at; /* seconds */
	int64_t duration_ms;
	/* Agents and companions in scope, in the fleet's order. */
	struct workload **agents, **companions;
	size_t n_agents, n_companions;
	struct finding *findings; /* worst first, then namespace, agent, rule, object: a stable order */
	size_t n_findings;
	bool complete;
	const struct gap *gaps; /* what was not read, by the source or by a rule; sorted, each once */
	size_t n_gaps;
	/* Rules that ask for what this kind of source cannot have, of every workload or of some; in the order of rules[]. */
	const struct rule **not_applicable;
	size_t n_not_applicable;
	/* Those of some workloads: by workload in the fleet's order, then by reason, then in the order of rules[]. */
	const struct inapplicable *inapplicable;
	size_t n_inapplicable;
	const struct rule **unknown; /* rules that could not be judged everywhere */
	size_t n_unknown;
	size_t n_judged; /* rules that were, for every workload that they are about */
	/* Set on objects in scope, trusted or not; exemptions_from_objects counts them. Sorted by object. */
	const struct object_exemption *exemptions;
	size_t exemptions_from_objects, exemptions_from_config;
	size_t states[STATES + 1]; /* agents by state; the last of them of STATE_UNKNOWN */
	size_t severities[SEVERITIES]; /* findings that count */
	size_t suppressed;
	const char *baseline; /* what it was compared with, for people; NULL: with nothing */
	bool restricted; /* -n or -l: what it does not show may still be there */
	bool fail_on_new;
	size_t n_new, n_known; /* among the findings that count */
	size_t new_severities[SEVERITIES];
	const struct baseline_entry *const *fixed; /* in the baseline, judged again, and gone */
	size_t n_fixed;
	uint32_t (*by_workload)[SEVERITIES]; /* findings that count, by their agent's place in fleet->workloads */

	/* What the next audit is made of (audit_update). */
	int64_t next_expiry; /* seconds: when an exemption that is in force ends, or a probe gets too old; INT64_MAX for none */
	struct audit_frame *frame;
	struct shared_array *judgments;
	struct summary *summary;
};

/*
 * Judges; takes no reference away from the caller. `started_at` (seconds) is the time against which exemptions
 * expire. duration_ms is the judging alone; who wants the reading in it adds that before handing the audit on.
 */
struct audit *audit_new(struct fleet *f, const struct audit_settings *s, int64_t started_at);
/*
 * The audit of a fleet that fleet_update made of the old one's: what audit_new would say of it, with only those judged anew
 * that what was touched concerns. NULL where that does not do (an exemption has ended since, a probe has become too old, a
 * tier of evidence came or went): then make one with audit_new.
 * The settings are those of the old audit.
 */
struct audit *audit_update(struct audit *old, struct fleet *next, const struct fleet_touched *touched,
			   const struct audit_settings *s, int64_t started_at);
struct audit *audit_ref(struct audit *a);
void audit_unref(struct audit *a); /* NULL is fine */

/*
 * 0, 1, 3 (no agent and no companion) or 4, as the contract has it. SEV_NEVER for fail_on never gives 1. With
 * fail_on_new in its settings only new findings give 1.
 */
int audit_exit_status(const struct audit *a, enum severity fail_on);

/* The Pipelock that an agent's traffic should pass: its companion's, else its sidecar; NULL without either. */
const struct pipelock *audit_pipelock(const struct workload *agent);

/* Findings of one agent: its own and those of what it alone is paired with. Counts by severity; returns the sum. */
size_t audit_count(const struct audit *a, const struct workload *agent, size_t by_severity[SEVERITIES]);

/* Is the finding about the agent: its own, or its companion's? */
bool audit_is_about(const struct finding *f, const struct workload *agent);

#endif
