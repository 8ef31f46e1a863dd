/* SPDX-License-Identifier: Apache-2.0 */
/* Which of the kinds that moat reads a server has, and in which version: none is then asked for in vain. */
#ifndef KUBE_DISCOVERY_H
#define KUBE_DISCOVERY_H

#include <stdbool.h>

#include "base/err.h"
#include "kube/api.h"
#include "kube/resource.h"

struct discovery;

/* Of one resource. */
struct discovered {
	bool absent; /* the server has told its kinds, and this one is not among them */
	char version[32]; /* to ask for */
};

struct discovery_args {
	struct kube *kube;
	void *ctx;
	/*
	 * One for each of resources[], in order, borrowed for the call; e is NULL when the server has told, else nothing
	 * is absent. stream: it has streaming lists. The discovery is gone after it.
	 */
	void (*done)(void *ctx, const struct discovered *at, bool stream, const struct err *e);
};

struct discovery *discovery_start(const struct discovery_args *args);
void discovery_cancel(struct discovery *d); /* NULL is fine */

#endif
