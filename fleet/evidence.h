/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known of a fleet besides its objects: the last bypass probes (from the history), what running Pipelocks have
 * loaded (from their logs and files), what their /health says. Frozen and counted, so that fleets share it; fleet_prove
 * makes it part of a fleet. Every text is raw: make it safe to show.
 */
#ifndef FLEET_EVIDENCE_H
#define FLEET_EVIDENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

struct workload;

/* Which workload something is about; the kind is its controller's, as struct workload has it. */
struct workload_key {
	const char *namespace, *name, *kind;
};

struct workload_key workload_key_of(const struct workload *w); /* texts are the workload's */
int workload_key_cmp(const struct workload_key *a, const struct workload_key *b); /* namespace, name, kind */
struct workload_key workload_key_copy(struct arena *a, const struct workload_key *k); /* its texts in the arena */

enum probe { PROBE_RAW_TCP, PROBE_ENV_CLEAR, PROBE_NO_PROXY, PROBE_DNS_TCP, PROBES };

/* Those that a `verified` agent has to have blocked; the fourth counts for dns-unrestricted alone. */
#define PROBES_BYPASS PROBE_DNS_TCP

enum probe_verdict { PROBE_BLOCKED, PROBE_OPEN, PROBE_INCONCLUSIVE };

enum probe_control { PROBE_CONTROL_OK, PROBE_CONTROL_FAILED, PROBE_CONTROL_SKIPPED };

/* One attempt in one container, with its control. No text is NULL; "" where it is not known. */
struct probe_result {
	struct workload_key agent; /* first, as in the others: look-ups count on it */
	const char *pod, *node, *container;
	enum probe probe;
	const char *target; /* "1.1.1.1:443" */
	enum probe_verdict verdict;
	enum probe_control control;
	const char *method; /* "python3", "curl", ...; "" when none could be used */
	const char *detail; /* one sentence: what was tried and what answered */
	int64_t duration_ms, at; /* at: seconds, by the server's clock */
	const char *against; /* proof_against of the agent when it was made; "" never counts as current */
};

enum reload { RELOAD_NONE, RELOAD_DONE, RELOAD_FAILED, RELOAD_REFUSED };

/* What one Pipelock container was seen to have: of several replicas there are several. */
struct config_sighting {
	struct workload_key workload; /* companion, or agent with a sidecar */
	const char *pod, *pod_uid, *container;
	int64_t started_at; /* of the container that it was seen of (seconds): another start makes it void */
	const char *
		loaded_hash; /* config_hash of the last startup or config_reload in its log, bare hex; NULL: not seen */
	int64_t loaded_at; /* when that was logged; CLOCK_UNKNOWN */
	/* NULL: the log was read as far as it matters. Else why not, and loaded_hash says nothing of what came after. */
	const char *log_error;
	enum reload reload; /* the last that the log has */
	const char *reload_detail; /* Pipelock's words, when it failed or was refused; NULL */
	const char *file_hash; /* sha256 of the file in the pod, bare hex; NULL: not asked, or file_error */
	const char *file_error; /* NULL */
	int64_t at; /* seconds: when it was looked */
};

/* What GET /health of one Pipelock said. */
struct health_sighting {
	struct workload_key workload;
	const char *pod, *pod_uid;
	const char *error; /* no answer that can be read: why; the rest says nothing then. NULL */
	int http_status;
	const char *status, *version, *mode; /* "healthy"; NULL where it does not say */
	int64_t uptime_s; /* -1 */
	int8_t kill_switch; /* -1 it does not say, 0, 1 active */
	int64_t at; /* seconds */
};

#define PROOF_AGAINST 32 /* hex digits of proof_against */

struct evidence {
	int refs;
	struct arena arena;
	/* Which tiers were asked for and could be: without it the rules on them are not applicable. */
	bool has_probes, has_logs, has_health;
	const char *probes_error; /* the history should have been read and could not be: why; NULL */
	/* The newest of each agent, node and probe; sorted by agent, node, probe. */
	const struct probe_result *probes;
	size_t n_probes;
	const struct config_sighting *configs; /* by workload, pod, container; the newest of each */
	size_t n_configs;
	const struct health_sighting *healths; /* by workload, pod; the newest of each */
	size_t n_healths;
};

/* The same with its texts in the arena. */
struct probe_result probe_result_copy(struct arena *a, const struct probe_result *r);
struct config_sighting config_sighting_copy(struct arena *a, const struct config_sighting *s);
struct health_sighting health_sighting_copy(struct arena *a, const struct health_sighting *s);

/* What to add: in any order, copied; of two about the same the later `at` wins, of equal ones the later in the array. */
struct evidence_parts {
	bool has_probes, has_logs, has_health; /* or'd to what the one before has */
	const char *probes_error;
	const struct probe_result *probes;
	size_t n_probes;
	const struct config_sighting *configs;
	size_t n_configs;
	const struct health_sighting *healths;
	size_t n_healths;
};

/* The next evidence: that of `old` (NULL: none; no reference is taken away) and the parts. One reference. */
struct evidence *evidence_add(const struct evidence *old, const struct evidence_parts *parts);
struct evidence *evidence_ref(struct evidence *e); /* NULL is fine */
void evidence_unref(struct evidence *e); /* NULL is fine */

/* The slice about one workload; e may be NULL. */
const struct probe_result *evidence_probes(const struct evidence *e, const struct workload_key *k, size_t *n);
const struct config_sighting *evidence_configs(const struct evidence *e, const struct workload_key *k, size_t *n);
const struct health_sighting *evidence_healths(const struct evidence *e, const struct workload_key *k, size_t *n);

/*
 * Calls fn with each workload of which the two say something else; up to once for each sort of things. Either may be NULL. Cost
 * is a walk through both.
 */
void evidence_differences(const struct evidence *a, const struct evidence *b,
			  void (*fn)(void *ctx, const struct workload_key *k), void *ctx);

const char *probe_name(enum probe p); /* "raw-tcp" */
const char *probe_verdict_name(enum probe_verdict v); /* "blocked" */
const char *probe_control_name(enum probe_control c); /* "ok" */
/* By the names above; false for another word. */
bool probe_from_name(const char *name, enum probe *out);
bool probe_verdict_from_name(const char *name, enum probe_verdict *out);
bool probe_control_from_name(const char *name, enum probe_control *out);
const char *reload_name(enum reload r); /* "refused" */

#endif
