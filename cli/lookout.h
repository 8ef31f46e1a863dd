/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When the console looks at running Pipelocks (kube/sight): at logs where they can matter, when the fleet has
 * been made anew; at those whose config has changed, or that were restarted, until the new one is loaded or
 * three minutes have passed; at all there is of the agent on the screen. Few requests at a time, however large
 * the fleet. On the cluster's thread.
 */
#ifndef CLI_LOOKOUT_H
#define CLI_LOOKOUT_H

#include "base/loop.h"
#include "cli/notices.h"
#include "fleet/evidence.h"
#include "fleet/fleet.h"
#include "kube/api.h"
#include "tui/source.h"

struct lookout;

struct lookout_options {
	struct kube *kube;
	struct loop *loop;
	bool read_only; /* nothing is executed in a container: files are not looked at */
	struct notices *notices; /* that a new config came, or did not; borrowed */
	void *ctx;
	struct fleet *(*fleet)(void *ctx); /* the newest, with its evidence; borrowed. NULL: there is none yet */
	/* Borrowed for the call. Both NULL: all logs that matter were read, though there may be none. */
	void (*saw)(void *ctx, const struct config_sighting *config, const struct health_sighting *health);
	void (*news)(void *ctx); /* there is a notice */
};

struct lookout *lookout_new(const struct lookout_options *opt);
void lookout_free(struct lookout *l); /* NULL is fine */

/* The newest fleet was made anew: configs may be others. */
void lookout_fleet(struct lookout *l);
/* Whose Pipelocks are looked at again and again; copied. NULL: nobody's. */
void lookout_look_at(struct lookout *l, const struct workload_key *agent);
/* Its rollout has come to its end. Of no interest where no Pipelock runs. */
void lookout_restarted(struct lookout *l, const struct operation_target *t);

#endif
