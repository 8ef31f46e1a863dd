/* SPDX-License-Identifier: Apache-2.0 */
/* Does a program that a container starts fetch something from the network, and from where? */
#ifndef AUDIT_RULES_FETCH_H
#define AUDIT_RULES_FETCH_H

#include <stdbool.h>

#include "fleet/fleet.h"
#include "fleet/shell.h"

struct fetch {
	const char *what; /* "wget", "git clone" */
	const char *from; /* "github.com", "its package index", "an address in $URL that is not known here" */
	bool pipelock; /* it is Pipelock that is fetched */
};

/* Whose container it is. `arena` takes strings. */
struct fetch_view {
	const struct fleet *fleet;
	const struct workload *workload;
	const struct container *container;
	struct arena *arena;
};

/* Calls fn for each program that the container starts, scripts from ConfigMaps included. false: it was too much. */
bool fetch_programs(const struct fetch_view *v, void *ctx,
		    void (*fn)(void *ctx, const struct shell *sh, const struct shell_command *cmd));

/*
 * Does this program fetch? Not when all it asks is inside the cluster (a Service, a bare name, a private address), a
 * file, or reached through the workload's companion by a proxy variable that this program reads.
 */
bool fetch_find(const struct fetch_view *v, const struct shell *sh, const struct shell_command *cmd,
		struct fetch *out);

#endif
