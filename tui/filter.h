/* SPDX-License-Identifier: Apache-2.0 */
/* The filters of `/`: text, "!text" for rows without it, "-f text" for its letters in order. Case does not count. */
#ifndef TUI_FILTER_H
#define TUI_FILTER_H

#include <stdbool.h>

#include "base/arena.h"

enum filter_kind { FILTER_NONE, FILTER_TEXT, FILTER_INVERSE, FILTER_FUZZY };

struct filter {
	enum filter_kind kind;
	const char *text; /* in small letters */
};

/* "" and blanks alone give FILTER_NONE. The text lives in `a`. */
struct filter filter_parse(const char *text, struct arena *a);

/*
 * `row` is the row's cells in small letters, a newline behind each. Text may stand in any cell but not across two; so
 * must the letters of a fuzzy filter.
 */
bool filter_matches(const struct filter *f, const char *row);

/* Small letters, of ASCII alone, in place. */
void filter_fold(char *s);

#endif
