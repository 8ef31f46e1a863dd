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
	APP_FAILED, /* nothing to show */
};

struct app_status {
	enum app_state state;
	const char *source; /* "prod-eu", "demo", "3 files" */
	const char *scope; /* "all namespaces"; NULL for none */
	const char *message; /* why it failed or is stale; NULL */
	int64_t since; /* seconds: of the last good answer; CLOCK_UNKNOWN leaves the age out */
	bool busy; /* being read again */
	bool read_only;
};

/* Calls return at once, on the loop's thread. */
struct app_data_source {
	void *ctx;
	/* What views are called with; borrowed until app_changed. NULL until there is some. */
	const void *(*data)(void *ctx);
	struct app_status (*status)(void *ctx); /* strings borrowed until the next call */
	/* The fleet in a few words for the header ("5 agents", "3 verified"); returns how many were set. NULL: none. */
	size_t (*summary)(void *ctx, struct cell *cells, size_t max, struct arena *a);
	void (*refresh)(void *ctx); /* read anew; app_changed follows */
};

#endif
