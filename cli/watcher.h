/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The console's source for a cluster: a thread of its own lists and watches on a loop of its own, folds what changes into
 * the next frozen fleet, judges it, and hands over. Nothing of the network is on the loop that has the keyboard.
 */
#ifndef CLI_WATCHER_H
#define CLI_WATCHER_H

#include "base/err.h"
#include "base/loop.h"
#include "cli/cli.h"
#include "tui/source.h"

struct watcher;

/* Starts the thread. Signals that the loop takes have to be added to it before. */
struct watcher *watcher_new(struct cli *cli, struct loop *loop, struct err *e);
struct app_data_source watcher_source(struct watcher *w);
/* Called on the loop's thread whenever data or status is new. */
void watcher_on_change(struct watcher *w, void (*fn)(void *ctx), void *ctx);
/* Waits for nothing but a fleet that is being judged. NULL is fine. */
void watcher_free(struct watcher *w);

#endif
