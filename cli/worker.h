/* SPDX-License-Identifier: Apache-2.0 */
/* The console's source for fleets that are read whole: a worker thread reads and judges, the loop hands over. */
#ifndef CLI_WORKER_H
#define CLI_WORKER_H

#include "base/err.h"
#include "base/loop.h"
#include "cli/cli.h"
#include "cli/feed.h"

/*
 * Starts the worker and a first reading. Signals that the loop takes have to be added to it before. Freeing it waits for
 * nothing: a reading that is under way is left to the end of the process.
 */
bool worker_open(struct cli *cli, struct loop *loop, struct feed *out, struct err *e);

#endif
