/* SPDX-License-Identifier: Apache-2.0 */
/* A container's command line taken apart into words, the script behind `sh -c` included. */
#ifndef FLEET_COMMAND_H
#define FLEET_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "fleet/workload.h"

struct command_word {
	const char
		*text; /* quotes and backslashes resolved; NULL for what ends a command: ; && || | & newline ( ) */
	bool background; /* of an end: the command before it was left running */
};

/* An end never stands first, last or twice. Words such as `if`, `until`, `exec` are words like any other. */
struct command {
	const struct command_word *at;
	size_t n;
};

/*
 * The words of command and args. A script is split into its commands; comments, redirections and here-documents are
 * left out, what stands in $(...) and backticks follows as commands of its own. Variables stay as they are written,
 * the kubelet's $(VAR) outside scripts too. Text goes into the arena. Of an absurdly long line the first words.
 */
struct command command_words(struct arena *a, const struct container *c);

/* The last path part of a word: "/usr/bin/curl" runs "curl". */
const char *command_program(const char *word);

/* How a command line uses Pipelock. */
enum pipelock_use {
	PIPELOCK_UNSEEN, /* neither command nor args say: the image's own command does, or a script inside it */
	PIPELOCK_RUN, /* the firewall: `pipelock run` */
	PIPELOCK_BESIDE, /* `pipelock run &`, and then another program in the same container */
	PIPELOCK_OTHER, /* another of its commands: it wraps a tool (`pipelock mcp proxy -- tool`) or does a task */
};

struct pipelock_command {
	enum pipelock_use use;
	/* Options of `run`, the last of each, as written: variables not expanded. NULL when not given. */
	const char *config, *listen, *mode;
};

/* `name` and `image` of the container count where there is no command: args then go to the image's entrypoint. */
struct pipelock_command command_pipelock(struct arena *a, const struct container *c);

#endif
