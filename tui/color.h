/* SPDX-License-Identifier: Apache-2.0 */
/* Colours as a skin names them, and the nearest that a terminal has. No curses here. */
#ifndef TUI_COLOR_H
#define TUI_COLOR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"

struct color {
	bool set; /* false: the terminal's own default */
	uint32_t rgb; /* 0xrrggbb */
};

/* "#rrggbb", "#rgb", a name of color.def in any case, or "default" and "-" for the terminal's own. */
bool color_parse(const char *text, struct color *out) MUST_USE;

/*
 * The index nearest to rgb on a terminal of that many colours: 256, 16 or 8. Of 256 the first 16 are taken only for
 * an exact match, since users repaint them: a skin that names `maroon` gets the user's own red.
 */
int color_nearest(uint32_t rgb, int colors);

/* Contrast of two colours, close to WCAG's: 1 (the same) to 21 (black on white). */
double color_contrast(uint32_t a, uint32_t b);

#endif
