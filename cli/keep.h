/* SPDX-License-Identifier: Apache-2.0 */
/* What commands have to do with the history: where it is, a run kept, the last one to compare with. */
#ifndef CLI_KEEP_H
#define CLI_KEEP_H

#include "cli/cli.h"
#include "store/db.h"

/* Where the history is, --db or the default; the caller's. NULL or empty: there is no place for it. */
char *keep_path(const struct cli *cli);
/* The file of --db, else the default one; what it has to say goes to stderr. NULL and an error. */
struct db *keep_open(const struct cli *cli, enum db_use use, struct err *e);
/*
 * Keeps a run of moat audit. What goes wrong is a warning on stderr: the verdict is what it is without a
 * history.
 */
void keep_run(const struct cli *cli, const struct audit *a);
/* --baseline last: the last run of the same source, read into cli->baseline. Without one all findings are new. */
bool keep_last(struct cli *cli, const struct fleet *f, struct err *e);

#endif
