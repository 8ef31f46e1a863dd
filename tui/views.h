/* SPDX-License-Identifier: Apache-2.0 */
/* All views: a file view_NAME.c and a line in views.def each. */
#ifndef TUI_VIEWS_H
#define TUI_VIEWS_H

#include "tui/view.h"

#define VIEW(name) extern const struct view view_##name;
#include "tui/views.def"
#undef VIEW

extern const struct view *const views[]; /* ends with NULL */

#endif
