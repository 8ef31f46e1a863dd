/* SPDX-License-Identifier: Apache-2.0 */
/* The lines around the table, drawn from what they are told. */
#ifndef TUI_FRAME_H
#define TUI_FRAME_H

#include <stddef.h>

#include "tui/keys.h"
#include "tui/prompt.h"
#include "tui/screen.h"
#include "tui/source.h"

/* Program, source and scope, the fleet in a few words, how fresh that is, the time of day. */
void frame_header(struct screen *s, int row, const struct app_status *status, const struct cell *summary, size_t n);

struct frame_title {
	const char *crumbs[20]; /* the screens one came through, the present one last */
	size_t n_crumbs;
	bool rows; /* the rest is about a table's rows; false: there is none */
	size_t shown, total;
	size_t first, last; /* rows in sight, from 1 */
	size_t marked;
	const char *filter; /* "" for none */
	bool faults, wide;
	struct cell notes[4]; /* what the view adds; raw text is fine */
	size_t n_notes;
};

void frame_title(struct screen *s, int row, const struct frame_title *title);
/* As many hints as fit; help comes last and is always there. */
void frame_hints(struct screen *s, int row, const struct key_group *groups, size_t n, bool read_only);
/* The prompt, with the terminal's cursor in it. */
void frame_prompt(struct screen *s, int row, const struct prompt *p);
/* A message where rows would be. */
void frame_message(struct screen *s, int row, int rows, enum style style, const char *text, const char *hint);
/* Signs at the right edge that there are lines above the first and below the last of the `rows` that are shown. */
void frame_more(struct screen *s, int row, int rows, int first, int lines);
/* A line across; with `below` lines more than there is room for. */
void frame_rule(struct screen *s, int row, int below);

#endif
