/* SPDX-License-Identifier: Apache-2.0 */
/* The head or the tail of a container's log, line by line. */
#ifndef KUBE_LOGS_H
#define KUBE_LOGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "kube/api.h"

struct logs;

struct logs_args {
	struct kube *kube;
	const char *namespace, *pod, *container;
	int64_t tail; /* last so many lines; 0: from the beginning */
	size_t head_bytes; /* stop after so many bytes (limitBytes); 0: no limit */
	int64_t since; /* seconds, by the clock of the pod's node: only what was logged from then on; 0: all of it */
	bool previous, follow;
	bool timestamps; /* "2026-01-02T03:04:05.123456789Z " in front of each line: when it was logged */
	int64_t idle_ms; /* 0: the request timeout; not for follow */
	void *ctx;
	/*
	 * As it came (text_safe before showing it), without its newline; a line longer than 64 KiB comes in
	 * pieces, `more` set on all but the last. false: enough. logs_cancel may not be called in here.
	 */
	bool (*line)(void *ctx, const char *line, size_t len, bool more);
	/* e is NULL when all of it came, or `line` had enough. It is gone after it. */
	void (*done)(void *ctx, const struct err *e);
};

/* Texts are copied. Cancel it before kube_free. */
struct logs *logs_start(const struct logs_args *args);
void logs_cancel(struct logs *l); /* NULL is fine */

#endif
