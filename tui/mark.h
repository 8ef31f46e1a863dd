/* SPDX-License-Identifier: Apache-2.0 */
/* The sign of what an attempt to get out came to, in its role: told apart without colours too. */
#ifndef TUI_MARK_H
#define TUI_MARK_H

#include "tui/source.h"

struct cell cell_mark(enum probe_mark m);

#endif
