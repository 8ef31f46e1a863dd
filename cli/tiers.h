/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a command learns of a fleet beside its objects, tier by tier: the probes that the history has; logs of the Pipelocks
 * whose present config may not be loaded; /health and config files where that was asked for.
 */
#ifndef CLI_TIERS_H
#define CLI_TIERS_H

#include "base/loop.h"
#include "cli/cli.h"
#include "fleet/fleet.h"
#include "kube/api.h"

/* Of so many containers the logs are read, the likeliest to be stale first; of the others it is not known what they loaded. */
#define TIERS_MOST_LOGS 500

/*
 * The fleet with its evidence, in place of the one that is given, whose reference is taken. `k` reads logs and the rest of a
 * cluster, on its loop, and is NULL for files. Never fails: what could not be read is told by the evidence.
 */
struct fleet *tiers_add(const struct cli *cli, struct fleet *f, struct loop *loop, struct kube *k);

#endif
