/* SPDX-License-Identifier: Apache-2.0 */
/* The help screen, made from the same tables that the keys are looked up in. */
#ifndef TUI_HELP_H
#define TUI_HELP_H

#include "base/buf.h"
#include "tui/keys.h"
#include "tui/screen.h"
#include "tui/view.h"

/*
 * Draws the groups, the sort keys of a view and the screens there are (a list that ends with NULL; NULL for none) into as
 * many columns as fit, from line *first on, which is kept within what there is.
 */
void help_draw(struct screen *s, const struct key_group *groups, size_t n, const struct view *view,
	       const struct view *const *views, int row, int rows, int *first);

/* The group as a section of docs/keys.md. */
void help_markdown(struct buf *out, const struct key_group *g);
/* The screens, likewise. */
void help_screens_markdown(struct buf *out, const struct view *const *views);

#endif
