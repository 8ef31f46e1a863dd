/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The console without its terminal: a stack of views, commands, keys, and what the screen shows of them. It knows
 * views only through view.h and data only as what a source hands it. console.h puts it on a terminal.
 */
#ifndef TUI_APP_H
#define TUI_APP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "tui/screen.h"
#include "tui/source.h"
#include "tui/theme.h"
#include "tui/view.h"

struct app;
struct buf;

struct app_options {
	struct app_data_source source;
	const struct view *const *views; /* ends with NULL */
	const char *start; /* the command that opens the first screen: "fleet" */
};

/* The options are copied, what they point to is borrowed. */
struct app *app_new(const struct app_options *options);
void app_free(struct app *app); /* NULL is fine */

/* Data or status of the source is new. The old data is not looked at any more, so it may be gone already. */
void app_changed(struct app *app);
/* Called when the screen is no longer what app_draw would draw. NULL takes it away. */
void app_on_change(struct app *app, void (*fn)(void *ctx), void *ctx);

void app_key(struct app *app, int key);
void app_draw(struct app *app, struct screen *s);
/*
 * Does the source want the terminal for a program of its own? app_lend_terminal tells it that it is free; nothing is to be
 * drawn or read from then on, until this is false again.
 */
bool app_wants_terminal(const struct app *app);
void app_lend_terminal(struct app *app);
bool app_ended(const struct app *app); /* the user has quit */

/* For what bindings call. */

/* Runs a command as typed behind `:`. A view takes the place of the screens there are. */
void app_command(struct app *app, const char *line);
/* Puts a view on top of the present one; esc comes back. */
void app_open(struct app *app, const char *view, const char *arg);
void app_quit(struct app *app);
/* What may be meant: "companion, then agent", and the workloads in that order. */
struct operation_choice {
	const char *label;
	const struct operation_target *targets;
	size_t n;
};
/* Asks which of these, shows the plan, asks again, and shows how it goes. Everything is copied. */
void app_restart(struct app *app, const struct operation_choice *choices, size_t n);
/* Likewise, for the bypass probes of these agents. */
void app_probe(struct app *app, const struct operation_target *agents, size_t n);
/* One line for a few seconds; STYLE_BAD for errors. Raw text is fine. */
void app_flash(struct app *app, enum style style, const char *fmt, ...) PRINTF(3, 4);
/* The view on top with what it was called with, and its row; false when no row is under the cursor. */
bool app_selected(struct app *app, const struct view_data **data, size_t *row);
/* The rows that are meant: those that are marked and in sight, else the one under the cursor. Returns how many. */
size_t app_chosen(struct app *app, const struct view_data **data, struct arena *a, size_t **rows);

/* All bindings, as docs/keys.md has them; views ends with NULL. */
void app_keys_markdown(const struct view *const *views, struct buf *out);

#endif
