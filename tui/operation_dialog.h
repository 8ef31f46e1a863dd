/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The dialog of an operation (a restart, probes) from the question to its end: what is meant, the plan, how it goes, what
 * came of it. It can be hidden while the operation goes on; then one line tells of it.
 */
#ifndef TUI_OPERATION_DIALOG_H
#define TUI_OPERATION_DIALOG_H

#include <stdbool.h>
#include <stddef.h>

#include "tui/app.h"
#include "tui/dialog.h"
#include "tui/screen.h"
#include "tui/source.h"

struct operation_dialog;

/* The source is borrowed; it has operations. */
struct operation_dialog *operation_dialog_new(const struct app_data_source *source);
void operation_dialog_free(struct operation_dialog *d); /* NULL is fine; what was begun goes on */

/*
 * Of several choices one is picked first. Everything is copied. While an operation goes on, or has failed and was not looked at
 * yet, that one is shown instead.
 */
void operation_dialog_open(struct operation_dialog *d, enum operation_kind kind,
			   const struct operation_choice *choices, size_t n);
/* The operation may be further than it was. */
void operation_dialog_changed(struct operation_dialog *d);
bool operation_dialog_shown(const struct operation_dialog *d);
void operation_dialog_key(struct operation_dialog *d, int key);
void operation_dialog_draw(struct operation_dialog *d, struct screen *s, int row, int rows);
/* It came to a good end out of sight: true once, with a line about it; it is forgotten then. Borrowed like the line below. */
bool operation_dialog_done(struct operation_dialog *d, const char **line);
/* While it is hidden: one line and its style; NULL for none. Borrowed until the next call. */
const char *operation_dialog_line(struct operation_dialog *d, enum style *style);

#endif
