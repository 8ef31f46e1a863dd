/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a screen may ask the world to do. The program fills it in (files now, a cluster later), tests with fakes. Calls
 * return at once; results arrive on the thread that runs the loop.
 */
#ifndef FLEET_OPS_H
#define FLEET_OPS_H

#include <stdbool.h>
#include <stdint.h>

struct audit;

enum ops_state {
	OPS_LOADING, /* nothing has arrived yet */
	OPS_LIVE, /* what is shown is what there is: files as last read, or a watch that is connected */
	OPS_STALE, /* shown, but the source does not answer since `since` */
	OPS_FAILED, /* nothing to show, and why */
};

struct ops_status {
	enum ops_state state;
	const char *source; /* "prod-eu", "demo", "3 files"; safe to show */
	const char *message; /* why it failed or is stale; NULL */
	int64_t since; /* seconds: of the last good answer, CLOCK_UNKNOWN for none */
	bool busy; /* a refresh is under way */
	bool read_only;
};

struct ops {
	void *ctx;
	void (*refresh)(void *ctx); /* start reading anew */
	/* The newest judged fleet, borrowed until the next call of `changed`; NULL until there is one. */
	const struct audit *(*audit)(void *ctx);
	struct ops_status (*status)(void *ctx);
	/* The console's ear, called on the loop's thread whenever audit or status is new. Set by the console. */
	void (*changed)(void *listener);
	void *listener;
};

#endif
