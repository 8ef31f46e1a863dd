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
#include "cli/feed.h"

/*
 * Starts the thread. Signals that the loop takes have to be added to it before. Freeing it waits for nothing but a fleet that
 * is being judged.
 */
bool watcher_open(struct cli *cli, struct loop *loop, struct feed *out, struct err *e);

#endif
