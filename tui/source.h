/* SPDX-License-Identifier: Apache-2.0 */
/* Where the console has its data from: the program's business, as functions. */
#ifndef TUI_SOURCE_H
#define TUI_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "fleet/evidence.h"
#include "store/actions.h"
#include "store/history.h"
#include "tui/view.h"

enum app_state {
	APP_LOADING, /* nothing has arrived yet */
	APP_LIVE, /* what is shown is what there is */
	APP_STALE, /* shown, but the source does not answer */
	APP_FAILED, /* nothing to show: the source does not answer */
	APP_FORBIDDEN, /* nothing to show: it answers, and refuses */
	APP_EMPTY, /* all was read, and there is no agent and no companion */
};

struct app_status {
	enum app_state state;
	const char *source; /* "prod-eu", "demo", "3 files" */
	const char *scope; /* "all namespaces"; NULL for none */
	const char *message; /* why it failed or is stale, or what to know of the source; NULL */
	int64_t since; /* seconds: of the last good answer; CLOCK_UNKNOWN leaves the age out */
	bool busy; /* being read again */
	bool read_only;
	bool wants_terminal; /* a program on the source's side (a credential plugin) asks the operator something */
};

/*
 * What may be done to the cluster, one operation at a time: first its plan is made, which writes nothing, then `go` does
 * it. What becomes of it is looked at when app_changed comes. A read-only source refuses every step, with that reason.
 */
enum operation_kind {
	OPERATION_RESTART, /* a step is a workload, one after another; the first that fails ends it */
	OPERATION_PROBE, /* a step is an agent, several at once; one that fails does not end it */
};

enum operation_phase {
	OPERATION_NONE,
	OPERATION_PLANNING,
	OPERATION_PLANNED, /* waits for go or drop */
	OPERATION_RUNNING,
	OPERATION_ENDED, /* until drop */
};

enum operation_state {
	OPERATION_STEP_PLANNED,
	OPERATION_STEP_REFUSED,
	OPERATION_STEP_RUNNING,
	OPERATION_STEP_DONE, /* probe: every attempt was blocked, with a good control */
	OPERATION_STEP_FAILED, /* probe: a way out was found, or one attempt proved nothing; the marks tell which */
	OPERATION_STEP_SKIPPED, /* restart: one before it failed. probe: it cannot be probed now (in the plan already) */
};

/* What one kind of attempt came to, on all nodes of an agent together: the worst there is. */
enum probe_mark { MARK_NONE, MARK_BLOCKED, MARK_INCONCLUSIVE, MARK_OPEN };

struct operation_target {
	const char *kind, *namespace, *name;
};

struct operation_step {
	struct operation_target target;
	enum operation_state state;
	/*
	 * Raw text; "". How far it is, why it stalls, why it was refused, skipped or failed. A probe's plan: what will be
	 * dialled from where ("1.1.1.1:443 from 2 nodes, control through pipelock.research:8888"); its end: the sentence of
	 * the worst attempt, with its node.
	 */
	const char *reason;
	int64_t pods; /* restart: it wants; probe: that are probed, one on each node. -1 unknown */
	enum probe_mark marks[PROBES]; /* probe: as far as it is */
};

struct operation {
	enum operation_phase phase;
	const struct operation_step *steps;
	size_t n;
	bool possible; /* PLANNED: go may be called. restart: nothing is refused; probe: one step at least is planned */
	bool failed; /* ENDED: a step failed */
	enum operation_kind kind;
	size_t done; /* steps that have ended, for "7 of 100" */
	const char *error; /* raw; why the server could not be asked at all, and the rest was given up; NULL */
};

/* All with the source's ctx. */
struct app_operations {
	/* Makes the plan of restarting these, in this order; targets are copied. Only while the phase is NONE. */
	void (*restart)(void *ctx, const struct operation_target *targets, size_t n);
	void (*go)(void *ctx);
	/*
	 * Forgets it. What a restart has begun goes on in the cluster, and nothing more is begun; probes that run are broken
	 * off, and what they had found until then is kept.
	 */
	void (*drop)(void *ctx);
	struct operation (*look)(void *ctx); /* borrowed until the next call of any of these */
	/*
	 * Makes the plan of probing these agents; targets are copied, one that is no agent (any more) is skipped. Only while
	 * the phase is NONE. What is found is evidence at once: data() has it a second later. NULL: nothing can be probed.
	 */
	void (*probe)(void *ctx, const struct operation_target *agents, size_t n);
};

/* ---- the history, as the console shows it */

#define HISTORY_ROWS 1000 /* runs and actions: the newest */
#define HISTORY_CHANGES 2000 /* of one run */
#define HISTORY_STRIP 10 /* probings of an agent: the newest */

/* The probes of an agent in time. Attempts of one probe less than ten minutes apart, of all nodes, are one probing. */
struct probe_strip {
	struct workload_key agent;
	struct {
		enum probe_mark marks[HISTORY_STRIP]; /* the oldest first; n of them */
		unsigned n;
		int64_t at; /* of the newest, seconds; CLOCK_UNKNOWN without any */
	} of[PROBES];
};

/*
 * A frozen copy of what the history file holds of the present cluster or files, texts and all. Read on another thread: what
 * another moat writes is seen within a minute.
 */
struct history_view {
	const char *error; /* why there is none, or why it is not the newest: a sentence, safe to show; NULL */
	const char *path; /* of the file */
	bool loading; /* nothing was read yet */
	const struct history_run *runs; /* of all sources, the newest first */
	size_t n_runs, runs_left_out;
	int64_t source; /* history_run.source of what the console shows; 0: no run of it was ever kept */
	/*
	 * The run that the data is compared with, the last of that source: struct audit has what is new and fixed since
	 * (novelty, n_new, fixed). NULL: there is none, and nothing is compared.
	 */
	const struct history_run *last;
	const struct action *actions; /* of the cluster shown, the newest first */
	size_t n_actions, actions_left_out;
	const struct probe_strip *strips; /* of the cluster shown, sorted by agent */
	size_t n_strips;
	/* What is different between the run that was looked at (look_at_run) and the one before it of its source. */
	int64_t changes_of; /* its id; 0: none is looked at, or not yet read */
	const struct history_change *changes; /* new, then fixed, then changed; each worst first */
	size_t n_changes, changes_left_out;
};

/* Something to be told once: a line for a few seconds. */
struct app_notice {
	enum style style; /* STYLE_OK, STYLE_WARN, STYLE_BAD */
	const char *text; /* raw */
};

/* Calls return at once, on the loop's thread. */
struct app_data_source {
	void *ctx;
	/* What views are called with; borrowed until app_changed. NULL until there is some. The same again is nothing new. */
	const void *(*data)(void *ctx);
	struct app_status (*status)(void *ctx); /* strings borrowed until the next call */
	/* The fleet in a few words for the header ("5 agents", "3 verified"); returns how many were set. NULL: none. */
	size_t (*summary)(void *ctx, struct cell *cells, size_t max, struct arena *a);
	void (*refresh)(void *ctx); /* read anew; app_changed follows */
	/* The console has left the terminal, as was wanted, until the status does not want it any more. NULL: it never is. */
	void (*lend_terminal)(void *ctx);
	const struct app_operations *operations; /* NULL: nothing can be changed there (files) */
	/*
	 * Whose page is on the screen: the logs, the config file and /health of its Pipelocks are looked at then, and every 15
	 * seconds as long as it stays there; evidence has them. The key is copied. NULL for an agent: none any more. To be called
	 * again is cheap: the same agent is nothing new. A NULL function: there is nothing to look at (files).
	 */
	void (*look_at)(void *ctx, const struct workload_key *agent);
	/* Which run's changes are wanted in the history view; 0: none. Cheap likewise. NULL: there is no history. */
	void (*look_at_run)(void *ctx, int64_t run);
	/*
	 * The newest history; borrowed, with all that it points to, until app_changed, like data. The same pointer again is
	 * nothing new. The function is NULL where nothing is kept (demo, --no-store); it never answers NULL.
	 */
	const struct history_view *(*history)(void *ctx);
	/*
	 * What is to be told next, oldest first; each once. false: nothing. To be asked until then whenever app_changed came. The
	 * text is borrowed until the next call. NULL: it never has anything.
	 */
	bool (*notice)(void *ctx, struct app_notice *out);
};

#endif
