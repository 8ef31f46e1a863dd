/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One probing of agents for the console: the plan with what is allowed, then the run, told agent by agent. kube/prober does the
 * work, fleet/probe_plan says what it is.
 */
#ifndef CLI_PROBING_H
#define CLI_PROBING_H

#include <stdbool.h>
#include <stddef.h>

#include "base/loop.h"
#include "fleet/fleet.h"
#include "fleet/probe_plan.h"
#include "kube/api.h"
#include "tui/source.h"

struct probing;

struct probing_args {
	struct kube *kube;
	struct loop *loop;
	const struct fleet *fleet; /* borrowed for the call; NULL: none is there yet, and all are skipped */
	const struct operation_target *agents; /* copied */
	size_t n_agents;
	struct probe_plan_options options; /* texts are copied */
	size_t parallel; /* agents at once; 0: 10 */
	int64_t dial_ms; /* for one dial; 0: the prober's own */
	bool read_only; /* everything is refused */
	void *ctx;
	void (*changed)(void *ctx); /* a step has something new: may come very often */
	void (*result)(void *ctx, const struct probe_result *r); /* borrowed for the call */
	void (*done)(
		void *ctx); /* planned (before go), or all of it ended (after); never within probing_plan or _go */
};

struct probing *probing_plan(const struct probing_args *args);
bool probing_possible(const struct probing *p);
void probing_go(struct probing *p); /* after a yes */
/* One of each agent, in their order; texts are borrowed until the next callback. */
const struct operation_step *probing_steps(const struct probing *p, size_t *n);
bool probing_failed(const struct probing *p);
const char *probing_error(const struct probing *p); /* why the server could not be asked at all; NULL */
void probing_free(struct probing *p); /* breaks off what runs; NULL is fine */

#endif
