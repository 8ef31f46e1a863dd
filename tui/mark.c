/* SPDX-License-Identifier: Apache-2.0 */
#include "tui/mark.h"

struct cell
cell_mark(enum probe_mark m)
{
	static const struct cell marks[] = {
		[MARK_NONE] = {.text = "-", .style = STYLE_DIM},
		[MARK_BLOCKED] = {.text = "\u2714", .style = STYLE_OK},
		[MARK_INCONCLUSIVE] = {.text = "?", .style = STYLE_UNKNOWN},
		[MARK_OPEN] = {.text = "\u2718", .style = STYLE_BAD},
	};

	return marks[m];
}
