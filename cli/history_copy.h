/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the history file says of what the console shows, copied out of it: the screens' view, the last run to
 * compare with, the last probes. Frozen and counted, so that threads share it.
 */
#ifndef CLI_HISTORY_COPY_H
#define CLI_HISTORY_COPY_H

#include "audit/baseline.h"
#include "fleet/evidence.h"
#include "fleet/fleet.h"
#include "store/db.h"
#include "tui/source.h"

struct history_copy {
	int refs;
	struct arena arena;
	struct history_view view;
	struct baseline baseline; /* name NULL: no run of it was ever kept */
	const struct probe_result *probes; /* the last of each agent, node and probe */
	size_t n_probes;
};

struct history_wanted {
	const char *path;
	const char *namespace, *selector; /* -n and -l; NULL without */
	const struct fleet *fleet; /* says of which cluster or files */
	int64_t run; /* whose changes are wanted; 0: none */
};

/* Before anything was read: view.loading. */
struct history_copy *history_copy_none(const char *path);
/*
 * Never NULL: what could not be read is said in view.error. A file that is not there yet is an empty history.
 * May wait for other processes: not for the thread that has the screen.
 */
struct history_copy *history_copy_read(const struct history_wanted *w);
struct history_copy *history_copy_ref(struct history_copy *c);
void history_copy_unref(struct history_copy *c); /* NULL is fine */

#endif
