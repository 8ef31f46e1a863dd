/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container added to a running pod, to run commands in: without privileges, and idle until it ends by itself after ten
 * minutes. What was added can not be taken away again: it stays in the pod's spec for good. One that a pod already has
 * of the same image, and that still runs, is used again.
 */
#ifndef KUBE_EPHEMERAL_H
#define KUBE_EPHEMERAL_H

#include <stdint.h>

#include "base/err.h"
#include "base/loop.h"
#include "kube/api.h"

struct ephemeral;

struct ephemeral_args {
	struct kube *kube;
	struct loop *loop;
	const char *namespace, *pod, *image; /* copied */
	int64_t limit_ms; /* until it runs; 0: 60 s */
	int64_t poll_ms; /* between two looks; 0: 1 s */
	void *ctx;
	/* Its name once it runs, borrowed for the call; or NULL and why it does not. It is gone after it. */
	void (*done)(void *ctx, const char *container, const struct err *e);
};

struct ephemeral *ephemeral_start(const struct ephemeral_args *args);
void ephemeral_cancel(struct ephemeral *x); /* NULL is fine; what was added stays */

#endif
