/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs bypass probes with their controls by exec, several agents at once within a limit. Nothing is written into a
 * container. A job's probes run side by side; each attempt and its control in one command.
 */
#ifndef KUBE_PROBER_H
#define KUBE_PROBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/loop.h"
#include "fleet/evidence.h"
#include "fleet/probe_plan.h"
#include "kube/api.h"

struct prober;

struct prober_args {
	struct kube *kube;
	struct loop *loop;
	const struct probe_job *jobs; /* borrowed, with their texts, until done */
	size_t n_jobs;
	unsigned probes; /* bits 1 << enum probe; 0: all four */
	size_t parallel; /* jobs at once; 0: 10 */
	int64_t dial_ms; /* for one dial; 0: 4 s */
	int64_t settle_ms; /* a container younger than that is waited for, and what it lets out is asked again; 0: 10 s */
	const char *
		ephemeral; /* image of an ephemeral container where a container has no method; NULL: none is made */
	void *ctx;
	/* As each ends, in any order; borrowed for the call. */
	void (*result)(void *ctx, const struct probe_result *r);
	void (*job_done)(void *ctx, size_t done); /* so many jobs have ended. NULL */
	/*
	 * All of them ended, each probe with a result. e: why the server could not be asked, or why it let no command run
	 * anywhere; what was not asked is inconclusive with these words. NULL. It is gone after it.
	 */
	void (*done)(void *ctx, const struct err *e);
};

struct prober *prober_start(const struct prober_args *args);
void prober_cancel(struct prober *p); /* closes the streams; no callback any more. NULL is fine */

#endif
