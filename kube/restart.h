/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rollout restarts: one workload after another, each waited for, stopped at the first failure. The plan comes first and
 * is shown; only restart_go writes. A bare pod is recreated only when that was asked for.
 */
#ifndef KUBE_RESTART_H
#define KUBE_RESTART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/loop.h"
#include "kube/api.h"

struct restart;

struct restart_target {
	const char *kind, *namespace, *name;
};

enum restart_step_state {
	RESTART_PLANNED,
	RESTART_REFUSED, /* may not be restarted: reason says why (paused, a Job, a bare pod, forbidden) */
	RESTART_RUNNING,
	RESTART_DONE,
	RESTART_FAILED,
	RESTART_SKIPPED, /* one before it failed */
};

struct restart_step {
	struct restart_target target;
	enum restart_step_state state;
	const char *reason; /* progress ("1 of 3 updated"), why it stalls, why it was refused or failed; "" */
	int64_t desired, updated, available; /* -1 before they were read */
	int64_t started_ms, ended_ms; /* clock_ms; -1 */
	bool recreate; /* a bare pod: saved, deleted, created again */
	bool written; /* its patch or its deletion was sent: it goes on without us */
	const char *saved; /* the file that holds its manifest; NULL: not saved yet */
};

struct restart_args {
	struct kube *kube;
	struct loop *loop;
	const struct restart_target *targets; /* in the order wanted (a companion before its agent); copied */
	size_t n_targets;
	bool read_only; /* everything is refused */
	bool recreate; /* bare pods too */
	const char *save_folder; /* where their manifests are saved before; copied. NULL: they are refused */
	const char *field_manager; /* NULL: "moat" */
	/*
	 * Why one is to be refused by what else is known of it, asked while the plan is made; borrowed until the next call. NULL:
	 * nothing speaks against it. The function may be NULL.
	 */
	const char *(*refusal)(void *ctx, const struct restart_target *t);
	int64_t limit_ms; /* for one of them without progress; 0: its progressDeadlineSeconds and a minute, else 10 min */
	void *ctx;
	void (*changed)(void *ctx, struct restart *r); /* a step has something new */
	void (*done)(void *ctx, struct restart *r); /* planned (before go), or all of it ended (after); call may restart_free */
};

/* Reads the targets and asks what is allowed; writes nothing. `done` says that the plan is there. */
struct restart *restart_plan(const struct restart_args *args);
bool restart_possible(const struct restart *r); /* the plan has no refused step and at least one planned */
const struct restart_step *restart_steps(const struct restart *r, size_t *n);
void restart_go(struct restart *r); /* after a yes */
bool restart_failed(const struct restart *r);
/* Why it could not be found out, when the server did not answer; NULL: it did. */
const struct err *restart_error(const struct restart *r);
void restart_free(struct restart *r); /* NULL is fine; a rollout that was begun goes on in the cluster */

#endif
