/* SPDX-License-Identifier: Apache-2.0 */
/* One HTTP request to a port of a pod, through the API server's port-forward: /health of a companion. */
#ifndef KUBE_PORTFORWARD_H
#define KUBE_PORTFORWARD_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/loop.h"
#include "kube/api.h"

struct portforward;

struct portforward_args {
	struct kube *kube;
	struct loop *loop;
	const char *namespace, *pod;
	int port;
	const char *path; /* of the GET, "/health" */
	int64_t limit_ms; /* for all of it; 0: 10 s */
	size_t body_limit; /* 0: 64 KiB */
	void *ctx;
	/*
	 * status 0 and e when there was no answer; the body, as it came, is borrowed for the call. It is gone
	 * after it.
	 */
	void (*done)(void *ctx, int status, const char *body, size_t len, const struct err *e);
};

/* Texts are copied. Cancel it before kube_free. */
struct portforward *portforward_get(const struct portforward_args *args);
void portforward_cancel(struct portforward *p); /* NULL is fine */

#endif
