/* SPDX-License-Identifier: Apache-2.0 */
/* What the console is fed by: files that are read whole (worker.h), or a cluster that is watched (watcher.h). */
#ifndef CLI_FEED_H
#define CLI_FEED_H

#include "tui/source.h"

/* Both functions take source.ctx, on the loop's thread. */
struct feed {
	struct app_data_source source;
	/* fn is called on the loop's thread whenever data or status is new. NULL takes it away. */
	void (*listen)(void *ctx, void (*fn)(void *arg), void *arg);
	void (*free)(void *ctx);
};

#endif
