/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which programs would a container start? Scripts are read, never run: quotes, variables, substitutions, pipes, loops,
 * functions and here-documents as POSIX sh and bash have them, both branches of every condition, a loop's body once. A
 * redirection to /dev/tcp/HOST/PORT counts as a program: "/dev/tcp", "HOST".
 */
#ifndef FLEET_SHELL_H
#define FLEET_SHELL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"

/* Stands in a word for a part that only the running shell could know. */
#define SHELL_UNKNOWN '\x1a'

/* One program that would be started. What wraps it (exec, sudo, timeout, env, busybox, xargs, ...) is taken off. */
struct shell_command {
	const char *const *words; /* the program first, at least one; quotes removed, variables put in */
	const char *const *raw; /* the same words as they stand in the script: safe to show where values are not */
	size_t n_words;
	const char *script; /* what an interpreter is given to run, as here-document or as a known file; NULL */
};

struct shell;

/* What surrounds the script. `variable` and `file` answer NULL for what is not known; either may be NULL itself. */
struct shell_host {
	void *ctx;
	const char *(*variable)(void *ctx, const char *name);
	const char *(*file)(void *ctx, const char *path); /* the text of a file in the container */
	void (*command)(void *ctx, const struct shell *sh, const struct shell_command *cmd);
};

/*
 * Calls host->command for each program that argv (a container's command and args, $(VAR) already expanded) would
 * start, in order. Words live in the arena. false: nested too deep or too long, the rest was not read.
 */
bool shell_read(struct arena *a, const char *const *argv, size_t n, const struct shell_host *host);

/* A variable as the command that is being reported sees it, NULL when it is not known to be set. Only in `command`. */
const char *shell_variable(const struct shell *sh, const char *name);

/* The last path part of a program's name. */
const char *shell_program(const char *word);

#endif
