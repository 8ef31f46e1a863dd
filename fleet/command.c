/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/command.h"

#include <ctype.h>
#include <string.h>

#include "base/str.h"
#include "fleet/image.h"

struct search {
	const struct shell_host *around;
	struct pipelock_command found;
};

/* A command's name, as opposed to an option, a path or a file. */
static bool
is_subcommand(const char *word)
{
	if (!islower((unsigned char)*word))
		return false;
	return strspn(word, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(word);
}

static bool
is_shell(const char *word)
{
	static const char *const shells[] = {"sh", "bash", "ash", "dash", "ksh", "zsh", "busybox"};

	for (size_t i = 0; i < COUNT_OF(shells); i++)
		if (strcmp(shell_program(word), shells[i]) == 0)
			return true;
	return false;
}

/* Is word i this option, and what is its value? Moves i to the last word that was used. As pflag reads them. */
static bool
option(const struct shell_command *cmd, size_t *i, const char *name, char letter, const char **value)
{
	const char *word = cmd->words[*i], *rest;
	bool lettered = word[0] == '-' && word[1] == letter;

	if (!lettered && !str_starts(word, name))
		return false;
	rest = word + (lettered ? 2 : strlen(name));
	if (*rest == '=')
		*value = rest + 1;
	else if (*rest && lettered)
		*value = rest; /* -cFILE */
	else if (!*rest && *i + 1 < cmd->n_words)
		*value = cmd->words[++*i];
	else
		return false;
	return true;
}

/* The words from i on, up to "--": what stands there is the agent's, or the tool's. */
static void
read_options(const struct shell_command *cmd, size_t i, enum pipelock_use use, struct pipelock_command *out)
{
	*out = (struct pipelock_command){.use = use};
	for (; i < cmd->n_words && strcmp(cmd->words[i], "--") != 0; i++) {
		if (option(cmd, &i, "--config", 'c', &out->config) ||
		    option(cmd, &i, "--listen", 'l', &out->listen))
			continue;
		option(cmd, &i, "--mode", 'm', &out->mode);
	}
}

/* What scripts do once the firewall runs in their background, without being a program of their own. */
static bool
is_idle(const char *program)
{
	static const char *const idle[] = {"wait", "trap", "sleep", "tail", "echo", "printf", "kill",
					   "exit", "true", ":",	    "test", "[",    "set",    "return"};

	for (size_t i = 0; i < COUNT_OF(idle); i++)
		if (strcmp(program, idle[i]) == 0)
			return true;
	return false;
}

static void
see(void *ctx, const struct shell *sh, const struct shell_command *cmd)
{
	struct search *s = ctx;
	const char *program = shell_program(cmd->words[0]);
	size_t i = 1;

	(void)sh;
	if (strcmp(program, "pipelock") != 0) {
		if (s->found.use == PIPELOCK_RUN && !is_idle(program))
			s->found.use = PIPELOCK_BESIDE;
		return;
	}
	while (i < cmd->n_words && cmd->words[i][0] == '-')
		i++;
	if (i == cmd->n_words || !is_subcommand(cmd->words[i]) || s->found.use == PIPELOCK_RUN)
		return;
	if (strcmp(cmd->words[i], "run") == 0)
		read_options(cmd, i + 1, PIPELOCK_RUN, &s->found);
	else if (s->found.use == PIPELOCK_UNSEEN)
		read_options(cmd, i + 1, PIPELOCK_OTHER, &s->found);
}

static const char *
variable(void *ctx, const char *name)
{
	const struct search *s = ctx;

	return s->around && s->around->variable ? s->around->variable(s->around->ctx, name) : NULL;
}

static const char *
file(void *ctx, const char *path)
{
	const struct search *s = ctx;

	return s->around && s->around->file ? s->around->file(s->around->ctx, path) : NULL;
}

/* args alone go to the image's entrypoint, which in Pipelock's own image is pipelock. */
static bool
starts_by_entrypoint(const struct container *c)
{
	if (c->n_command || !c->n_args)
		return false;
	if (image_is(c->image, "pipelock"))
		return is_subcommand(c->args[0]) && !is_shell(c->args[0]);
	return strcmp(c->name, "pipelock") == 0 && strcmp(c->args[0], "run") == 0;
}

/* Options alone: an image of somebody's own whose entrypoint is `pipelock run`. */
static bool
gives_options(const struct container *c)
{
	return !c->n_command && c->n_args && c->args[0][0] == '-' &&
	       (image_is(c->image, "pipelock") || strcmp(c->name, "pipelock") == 0);
}

const char *const *
command_line(struct arena *a, const struct container *c, size_t *n)
{
	const char **argv = ARENA_ARRAY(a, const char *, c->n_command + c->n_args);

	*n = 0;
	for (size_t i = 0; i < c->n_command; i++)
		argv[(*n)++] = c->command[i];
	for (size_t i = 0; i < c->n_args; i++)
		argv[(*n)++] = c->args[i];
	return argv;
}

struct pipelock_command
command_pipelock(struct arena *a, const struct container *c, const char *const *argv, size_t n,
		 const struct shell_host *around)
{
	struct search s = {.around = around};
	struct shell_host host = {.ctx = &s, .variable = variable, .file = file, .command = see};
	const char **words = ARENA_ARRAY(a, const char *, n + 1);
	bool entrypoint = starts_by_entrypoint(c);

	if (gives_options(c)) {
		struct shell_command cmd = {.words = argv, .n_words = n};

		read_options(&cmd, 0, PIPELOCK_UNSEEN, &s.found);
		return s.found;
	}
	words[0] = "pipelock";
	for (size_t i = 0; i < n; i++)
		words[i + entrypoint] = argv[i];
	if (!shell_read(a, words, n + entrypoint, &host) && s.found.use == PIPELOCK_OTHER)
		s.found.use = PIPELOCK_UNSEEN; /* what was not read may run it */
	return s.found;
}

bool
command_is_known(const char *word)
{
	return !strchr(word, SHELL_UNKNOWN) && !strstr(word, "$(");
}
