/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The dialog of a restart from the question to its end: what is to be restarted, the plan, how it goes. It can be hidden
 * while the rollout goes on; then one line tells of it.
 */
#ifndef TUI_RESTART_DIALOG_H
#define TUI_RESTART_DIALOG_H

#include <stdbool.h>
#include <stddef.h>

#include "tui/app.h"
#include "tui/dialog.h"
#include "tui/screen.h"
#include "tui/source.h"

struct restart_dialog;

/* The source is borrowed; it has operations. */
struct restart_dialog *restart_dialog_new(const struct app_data_source *source);
void restart_dialog_free(struct restart_dialog *r); /* NULL is fine; a rollout goes on */

/* Everything is copied. While one goes on, or has failed and was not looked at yet, that one is shown instead. */
void restart_dialog_open(struct restart_dialog *r, const struct restart_choice *choices, size_t n);
/* The operation may be further than it was. */
void restart_dialog_changed(struct restart_dialog *r);
bool restart_dialog_shown(const struct restart_dialog *r);
void restart_dialog_key(struct restart_dialog *r, int key);
void restart_dialog_draw(struct restart_dialog *r, struct screen *s, int row, int rows);
/* It came to a good end out of sight: true once, with a line about it; it is forgotten then. Borrowed like the line below. */
bool restart_dialog_done(struct restart_dialog *r, const char **line);
/* While it is hidden: one line and its style; NULL for none. Borrowed until the next call. */
const char *restart_dialog_line(struct restart_dialog *r, enum style *style);

#endif
