/* SPDX-License-Identifier: Apache-2.0 */
/* Where the console has its data from: the program's business, as functions. */
#ifndef TUI_SOURCE_H
#define TUI_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
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
 * it. What becomes of it is looked at when app_changed comes.
 */
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
	OPERATION_STEP_DONE,
	OPERATION_STEP_FAILED,
	OPERATION_STEP_SKIPPED, /* one before it failed */
};

struct operation_target {
	const char *kind, *namespace, *name;
};

struct operation_step {
	struct operation_target target;
	enum operation_state state;
	const char *reason; /* how far it is, why it stalls, why it was refused or failed; "" */
	int64_t pods; /* it wants; -1 unknown */
};

struct operation {
	enum operation_phase phase;
	const struct operation_step *steps;
	size_t n;
	bool possible; /* PLANNED: nothing is refused, go may be called */
	bool failed; /* ENDED: a step failed */
};

/* All with the source's ctx. */
struct app_operations {
	/* Makes the plan of restarting these, in this order; targets are copied. Only while the phase is NONE. */
	void (*restart)(void *ctx, const struct operation_target *targets, size_t n);
	void (*go)(void *ctx);
	/* Forgets it. What was begun goes on in the cluster, and nothing more is begun. */
	void (*drop)(void *ctx);
	struct operation (*look)(void *ctx); /* borrowed until the next call of any of these */
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
};

#endif
