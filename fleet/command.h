/* SPDX-License-Identifier: Apache-2.0 */
/* How a container's command line uses Pipelock. */
#ifndef FLEET_COMMAND_H
#define FLEET_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "fleet/shell.h"
#include "fleet/workload.h"

enum pipelock_use {
	PIPELOCK_UNSEEN, /* neither command nor args say: the image's own command does, or a program inside it */
	PIPELOCK_RUN, /* the firewall: `pipelock run` */
	PIPELOCK_BESIDE, /* `pipelock run &`, and then another program in the same container */
	PIPELOCK_OTHER, /* another of its commands: it wraps a tool (`pipelock mcp proxy -- tool`) or does a task */
};

struct pipelock_command {
	enum pipelock_use use;
	/* The last of each option; NULL when not given. Ask command_is_known before they are taken at their word. */
	const char *config, *listen, *mode;
};

/*
 * argv is the container's command and args (command_line), $(VAR) expanded by who can. Name and image count where there
 * is no command: args then go to the image's entrypoint. `around` gives variables and files to scripts; its `command`
 * is not used; NULL when nothing is known.
 */
struct pipelock_command command_pipelock(struct arena *a, const struct container *c, const char *const *argv, size_t n,
					 const struct shell_host *around);

/* Is the word whole: without a $(VAR) or a part that only the running shell could know? */
bool command_is_known(const char *word);

/* command and args in one array. */
const char *const *command_line(struct arena *a, const struct container *c, size_t *n);

#endif
