/* SPDX-License-Identifier: Apache-2.0 */
/* What the screens of the history have in common: is there one, was it read, and what is missing of it? */
#ifndef TUI_HISTORY_STATE_H
#define TUI_HISTORY_STATE_H

#include "base/err.h"
#include "tui/source.h"
#include "tui/view.h"

/* false and an error where nothing is kept, or nothing could be read of it. */
bool history_state_load(struct view_data *v, struct err *e);
/* "reading ...", until it was read. */
const char *history_state_pending(const struct view_data *v, struct arena *a);
/* Notes: that what is shown is not the newest; how many are left out. */
size_t history_state_notes(const struct history_view *h, size_t left_out, struct cell *cells, size_t max,
			   struct arena *a);

/* "2026-01-02 03:04:05", UTC */
struct cell cell_time(int64_t at, struct arena *a);
/* "1.5s"; "-" for less than 0. */
struct cell cell_took(int64_t ms, struct arena *a);

#endif
