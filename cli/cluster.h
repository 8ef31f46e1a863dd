/* SPDX-License-Identifier: Apache-2.0 */
/* The cluster that the command line means, and its objects read once. */
#ifndef CLI_CLUSTER_H
#define CLI_CLUSTER_H

#include <stdbool.h>

#include "base/err.h"
#include "base/loop.h"
#include "cli/cli.h"
#include "kube/api.h"
#include "kube/cluster.h"
#include "kube/restart.h"

/*
 * A client for --kubeconfig and --context, else $KUBECONFIG, ~/.kube/config, else the service account of the pod that moat
 * runs in. ERR_USAGE when there is none of these: then -f is missing.
 */
struct kube *cli_kube(const struct cli *cli, struct loop *loop, const struct credential_options *credential,
		      struct err *e);
/*
 * The same for a command, which has the terminal to itself: with a loop of its own. Both are the caller's to free, the
 * client first; without a client *loop may be there all the same.
 */
struct kube *cli_connect(const struct cli *cli, struct loop **loop, struct err *e);
/* Is there a terminal that an interactive plugin could have? */
bool cli_has_terminal(void);
/* On stderr, when the server may be anybody: for commands without a screen. */
void cli_warn_insecure(const struct kube *k);
/*
 * SIGINT, SIGTERM and SIGHUP end the program by themselves, as they would without a loop, but not before a credential plugin
 * that runs in a session of its own. For commands that write nothing. As long as the loop.
 */
void cli_end_by_signals(struct loop *loop, struct kube *k);

/*
 * Who does what is done, as the kubeconfig has it, and whose account it is here: "admin@prod (ann)", "admin as root@prod (ann)".
 * No secret; the caller's.
 */
char *cli_who(const struct cli *cli, const struct kube *k);
/* What fleets of that client say of where they come from; borrowed from it. Reads the CA's file: once a client. */
struct source cli_source(const struct cli *cli, const struct kube *k);
/* The fleet of what has been read so far. NULL and e while no workload may be or could be read. */
struct fleet *cli_fleet_of(const struct cli *cli, const struct source *source, const struct cluster *c, struct err *e);
/*
 * Everything that a fleet is made of, read once; waits until nothing more will come. What could not be read is a gap of
 * the fleet, as long as there is any workload to show; else the error says why. with_evidence: and what is known besides
 * the objects (tiers.h).
 */
struct fleet *cli_cluster_fleet(struct cli *cli, bool with_evidence, struct err *e);
/* cli_cluster_fleet of objects alone, with a client that is there already, on its loop. */
struct fleet *cli_cluster_read(struct cli *cli, struct loop *loop, struct kube *k, struct err *e);
/*
 * Why t is not restarted: a Pipelock that would refuse what is there now does not come up again, so the restart would be
 * its end. Safe to show, in the arena. NULL: no reason is known, or the fleet (NULL: none was read) does not have it.
 */
const char *cli_restart_refusal(const struct fleet *f, const struct restart_target *t, struct arena *a);

#endif
