/* SPDX-License-Identifier: Apache-2.0 */
/* What commands have to do with the history: where it is, a run kept, the last one to compare with. */
#ifndef CLI_KEEP_H
#define CLI_KEEP_H

#include "cli/cli.h"
#include "fleet/evidence.h"
#include "store/actions.h"
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

/* Something done to a cluster, which is in the history from its begin on. What goes wrong with that is a warning on stderr. */
struct keep_action {
	int64_t id; /* 0: it is not kept, or has ended */
	int64_t at; /* struct action's */
	int64_t started_ms;
};

/* The cluster of a fleet; borrowed from it. */
struct action_cluster keep_cluster(const struct fleet *f);
/* who: cli_who. */
struct keep_action keep_action_begin(const struct cli *cli, const struct action_cluster *c, const char *who,
				     const char *what, struct workload_key target);
/* outcome: as struct action has it; detail: why. */
void keep_action_end(const struct cli *cli, struct keep_action *a, const char *outcome, const char *detail);
/* In the history of the fleet's cluster; what goes wrong is a warning here as well. */
void keep_probes(const struct cli *cli, const struct fleet *f, const struct probe_result *at, size_t n);

#endif
