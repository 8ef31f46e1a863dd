/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What keys do: tables of bindings, looked up, refused and confirmed in one place. Footer and help are printed from
 * the same tables.
 */
#ifndef TUI_KEYS_H
#define TUI_KEYS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "tui/input.h"

struct app;

#define KEY_WRITES 1u /* changes the cluster: asked before, and refused when moat is read-only */
#define KEY_NEEDS_ROW 2u /* acts on the row under the cursor */
#define KEY_HIDDEN 4u /* another key for something that is listed already */
#define KEY_PLANS 8u /* with KEY_WRITES: shows what it would do and asks then, so that keys need not ask */

struct binding {
	int key; /* enum key, a character or K_CTRL('x') */
	const char *name; /* one word or two for the footer; NULL: help alone lists it */
	const char *help; /* what it does, for the help screen; NULL with KEY_HIDDEN */
	unsigned flags;
	void (*fn)(struct app *app);
};

/* Bindings under one heading. */
struct key_group {
	const char *title;
	const struct binding *bindings;
	size_t n;
};

/* The first binding of the key, in the order of the groups; NULL for none. */
const struct binding *keys_find(const struct key_group *groups, size_t n, int key);

struct keys_state {
	bool read_only;
	bool files; /* the source is nothing that could be changed */
	bool has_row;
};

enum keys_verdict {
	KEYS_RUN,
	KEYS_ASK, /* run it after a yes */
	KEYS_REFUSE, /* e says why */
};

/* The only place that knows what a flag means. */
enum keys_verdict keys_judge(const struct binding *b, const struct keys_state *state, struct err *e);

#endif
