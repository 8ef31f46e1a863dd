/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the console asks to be done, between its thread and the cluster's: wishes one way, snapshots of how far it is the
 * other. tui/source.h says what the console sees. What is begun and how it ends goes into the history.
 */
#ifndef CLI_OPERATIONS_H
#define CLI_OPERATIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/loop.h"
#include "cli/archive.h"
#include "cli/config_file.h"
#include "kube/api.h"
#include "tui/source.h"

struct operations;

struct operations_options {
	struct kube *kube;
	struct loop *loop; /* the cluster's */
	bool read_only;
	const char *field_manager; /* NULL: moat's own */
	const struct probe_settings *probes; /* borrowed */
	struct archive *archive; /* borrowed; NULL: nothing is kept */
	const char *who; /* struct action's; borrowed */
	void *ctx;
	void (*wish)(void *ctx); /* on the console's thread: have operations_act called on the cluster's */
	void (*news)(void *ctx); /* on the cluster's thread: have operations_take called on the console's */
	/* All on the cluster's thread: */
	struct fleet *(*fleet)(void *ctx); /* the newest; borrowed. NULL: there is none yet */
	void (*probed)(void *ctx, const struct probe_result *r); /* borrowed for the call */
	void (*restarted)(void *ctx, const struct operation_target *t); /* its rollout has come to its end */
};

struct operations *operations_new(const struct operations_options *opt);
void operations_free(struct operations *o); /* once the cluster's thread has ended, before its loop is freed; NULL is fine */

/* The console's thread. */
void operations_restart(struct operations *o, const struct operation_target *targets, size_t n);
void operations_probe(struct operations *o, const struct operation_target *agents, size_t n);
void operations_go(struct operations *o);
void operations_drop(struct operations *o);
struct operation operations_look(const struct operations *o);
void operations_take(struct operations *o);

/* The cluster's thread. */
void operations_act(struct operations *o);
/* What runs is left to itself, and the history is told: before that thread ends. */
void operations_end(struct operations *o);

#endif
