/* SPDX-License-Identifier: Apache-2.0 */
/* A command in a container: its output, its exit status, or why it could not be run. */
#ifndef KUBE_EXEC_H
#define KUBE_EXEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/loop.h"
#include "kube/api.h"

struct exec;

struct exec_result {
	bool ran; /* the command was started and ended by itself: status holds */
	int status; /* its exit status; 128+n for signal n where the runtime says so */
	/*
	 * Without `ran`: ERR_DENIED (403), ERR_INPUT (no such container or program), ERR_SOURCE (cut off, time
	 * limit), with the server's words.
	 */
	struct err err;
	const char *out, *errors; /* as they came: text_safe before showing them. Borrowed for the call */
	size_t out_len, errors_len;
	bool cut; /* more came than the limit */
};

struct exec_args {
	struct kube *kube;
	struct loop *loop;
	const char *namespace, *pod, *container;
	const char *const *command;
	size_t n_command;
	const void *input; /* for stdin, which is then closed (else an error); copied. NULL: no stdin */
	size_t input_len;
	int64_t limit_ms; /* for all of it; 0: 60 s */
	size_t output_limit; /* bytes kept of each; 0: 256 KiB */
	void *ctx;
	void (*done)(void *ctx, const struct exec_result *r); /* it is gone after it */
};

/* Texts are copied. Cancel it before kube_free. */
struct exec *exec_start(const struct exec_args *args);
void exec_cancel(struct exec *x); /* NULL is fine; closes the stream */

#endif
