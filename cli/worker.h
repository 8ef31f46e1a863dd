/* SPDX-License-Identifier: Apache-2.0 */
/* The console's source for fleets that are read whole: a worker thread reads and judges, the loop hands over. */
#ifndef CLI_WORKER_H
#define CLI_WORKER_H

#include "base/err.h"
#include "base/loop.h"
#include "cli/cli.h"
#include "tui/source.h"

struct worker;

/* Starts the worker and a first reading. Signals that the loop takes have to be added to it before. */
struct worker *worker_new(struct cli *cli, struct loop *loop, struct err *e);
struct app_data_source worker_source(struct worker *w);
/* Called on the loop's thread whenever data or status is new. */
void worker_on_change(struct worker *w, void (*fn)(void *ctx), void *ctx);
/* Waits for nothing: a reading that is under way is left to the end of the process. NULL is fine. */
void worker_free(struct worker *w);

#endif
