/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What restart.c, restart_plan.c and restart_pod.c share, and nobody else's business: a restart's state, one request or one
 * wait of it at a time, and how its steps end.
 */
#ifndef KUBE_RESTART_STATE_H
#define KUBE_RESTART_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/buf.h"
#include "base/node.h"
#include "kube/access.h"
#include "kube/resource.h"
#include "kube/restart.h"

#define RESTART_POLL_MOST_MS 2000 /* between two looks at an object */
#define RESTART_WRITE_TRIES 8

/* What is known of a step beside what is shown. */
struct work {
	const struct resource *resource;
	struct buf reason; /* the step's */
	const char *uid; /* of the object that was planned for */
	int64_t deadline_ms; /* of its controller; 0: none */
};

struct restart {
	struct restart_args args; /* strings are copies */
	struct arena arena;
	struct restart_step *steps;
	struct work *work;
	size_t n;
	size_t at; /* the one being looked at or restarted */

	struct kube_call *call; /* the one under way */
	void (*answered)(struct restart *r, const struct kube_answer *a);
	struct loop_timer *timer;
	void (*elapsed)(struct restart *r);

	struct access *access;
	struct access_question *questions;
	size_t *asked_by; /* the step of each question */
	size_t n_questions;

	bool going, failed;
	struct err error; /* ERR_NONE, or why the server gave no answer */

	/* Of the step that runs. */
	char stamp[24]; /* what the annotation was set to */
	char *manifest; /* of the pod that is created again */
	unsigned writes; /* PATCHes or POSTs sent */
	bool seen; /* the controller has taken the patch up: counts are about it */
	bool overruled; /* somebody took the annotation away */
	int64_t best_updated, best_available, least_old;
	int64_t progress_ms, trouble_ms; /* clock_ms of the last progress, and of the last look at the pods */
	int64_t wait_ms; /* before the next look */
	struct buf trouble; /* why it stalls */
};

static inline struct restart_step *
restart_at(struct restart *r)
{
	return &r->steps[r->at];
}

static inline struct work *
restart_work(struct restart *r)
{
	return &r->work[r->at];
}

void restart_tell(struct restart *r); /* the step has something new */
/* Sets the step's reason. */
void restart_say(struct restart *r, size_t step, const char *fmt, ...) PRINTF(3, 4);

/* One thing at a time: fn gets the answer of a request, or is called when the time has passed. */
void restart_ask(struct restart *r, const struct kube_call_args *args,
		 void (*fn)(struct restart *r, const struct kube_answer *a));
void restart_after(struct restart *r, int64_t ms, void (*fn)(struct restart *r));
void restart_path(struct restart *r, struct buf *path); /* of the step's object */
void restart_get(struct restart *r, unsigned flags, void (*fn)(struct restart *r, const struct kube_answer *a));
/* An answer that is an object; the tree lives in the arena. */
bool restart_parse(const struct kube_answer *a, struct arena *scratch, const struct node **out, struct err *e);
/* The server gave no answer that means anything: no verdict on the workload. */
bool restart_is_source_error(const struct kube_answer *a);

/* The step has failed, and those behind it are skipped: with the reason it has, with another, by an answer to `what`. */
void restart_fail(struct restart *r);
void restart_fail_with(struct restart *r, const char *reason);
void restart_fail_answer(struct restart *r, const char *what, const struct kube_answer *a);
void restart_finish(struct restart *r); /* all of it: planned, or ended. It may be freed in there */

/* Is the object still the one that was planned for? */
bool restart_same_object(struct restart *r, const struct node *object);
int64_t restart_limit_ms(struct restart *r); /* of one step without progress */
bool restart_out_of_time(struct restart *r);
void restart_wait(struct restart *r); /* from now on the step's object is looked at until it is done */
/*
 * A write that brought no answer that can be believed: sends it once more, by fn and after a while. false: it was refused, or
 * tried often enough, and the step has still to fail.
 */
bool restart_write_again(struct restart *r, const char *what, const struct kube_answer *a, const struct err *e,
			 void (*fn)(struct restart *r));

/* restart_plan.c: reads the next target, or asks what is allowed once all were read. */
void restart_plan_next(struct restart *r);
/* Why the object may not be restarted, into `reason`; false: it may. */
bool restart_object_refused(struct restart *r, const struct node *object, struct buf *reason);
/* restart_pod.c: the bare pod of that answer, saved, deleted and created again. */
void restart_pod(struct restart *r, const struct kube_answer *a);

#endif
