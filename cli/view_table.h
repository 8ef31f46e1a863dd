/* SPDX-License-Identifier: Apache-2.0 */
/* A console's view as a plain table, JSON names and the like: cells come from the same functions. */
#ifndef CLI_VIEW_TABLE_H
#define CLI_VIEW_TABLE_H

#include "base/buf.h"
#include "cli/cli.h"
#include "tui/pane.h"
#include "tui/view.h"

/* All rows under a header; columns as wide as they need, separated by two blanks. `wide` adds the wide columns. */
void view_table(const struct view *view, const void *data, bool wide, const struct report_options *opt, struct buf *out);
/* Lines of a pane, coloured where asked for. */
void view_pane(const struct pane *pane, const struct report_options *opt, struct buf *out);

#endif
