/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looks at running Pipelocks: what their log says they have loaded, the bytes of the config file in the pod, /health. Reads
 * only; several pods at once within a limit.
 */
#ifndef KUBE_SIGHT_H
#define KUBE_SIGHT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/loop.h"
#include "fleet/evidence.h"
#include "fleet/sight_plan.h"
#include "kube/api.h"

struct sight;

struct sight_args {
	struct kube *kube;
	struct loop *loop;
	const struct sight_task *tasks; /* borrowed, with their texts, until done */
	size_t n_tasks;
	size_t parallel; /* pods at once; 0: 8 */
	int64_t log_ms; /* for one log; 0: 60 s */
	void *ctx;
	/*
	 * Of one task, as far as it was asked for (NULL else); borrowed for the call, in which sight_cancel may not be called. What
	 * could not be read says so itself.
	 */
	void (*seen)(void *ctx, const struct config_sighting *config, const struct health_sighting *health);
	void (*done)(void *ctx); /* it is gone after it */
};

struct sight *sight_start(const struct sight_args *args);
void sight_cancel(struct sight *s); /* no callback any more. NULL is fine */
/* The tasks that `seen` was not called for yet: those under way, then those that were not begun. */
void sight_left(const struct sight *s, void (*fn)(void *ctx, const struct sight_task *t), void *ctx);

#endif
