/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A credential plugin, run once: a child of the loop in a process group of its own, within a time limit, its output
 * bounded, its stderr kept for the error. For credential.c alone.
 */
#ifndef KUBE_PLUGIN_H
#define KUBE_PLUGIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/loop.h"
#include "kube/credential.h"
#include "kube/kubeconfig.h"

#define PLUGIN_OUTPUT_MAX (1024 * 1024) /* bytes of its answer */

/* The status of an ExecCredential: a token, a certificate with its key, or both. */
struct plugin_answer {
	const char *token; /* NULL */
	struct kube_blob cert, key;
	int64_t expires; /* seconds since the epoch; CLOCK_UNKNOWN: never */
};

struct plugin;
struct plugin_args {
	struct loop *loop;
	const struct kube_exec *exec; /* these three are borrowed until done */
	const struct kube_cluster *cluster;
	const char *user; /* for messages */
	bool interactive; /* it gets the terminal: `terminal` has to be there */
	struct credential_terminal terminal;
	int64_t limit_ms; /* from its start: waiting for the terminal does not count */
	credential_note_fn *note; /* NULL */
	void *note_ctx;
	void *ctx;
	/* Never inside plugin_start. `a` and `e` are borrowed for the call, one of them is NULL. It is gone after it. */
	void (*done)(void *ctx, const struct plugin_answer *a, const struct err *e);
};

struct plugin *plugin_start(const struct plugin_args *args);
/* Ends it, by SIGTERM and after a quarter of a second by SIGKILL; done is not called any more. NULL is fine. */
void plugin_free(struct plugin *p);

/* What it is told in KUBERNETES_EXEC_INFO. false when the cluster's CA file cannot be read. */
bool plugin_info(struct buf *out, const struct kube_exec *exec, const struct kube_cluster *cluster,
		 bool interactive, struct err *e);
/* What it printed; messages go behind "plugin NAME" and have nothing of the text in them. */
bool plugin_parse(struct arena *a, const char *api_version, const char *text, size_t len, struct plugin_answer *out,
		  struct err *e);

#endif
