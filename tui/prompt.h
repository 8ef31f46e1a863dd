/* SPDX-License-Identifier: Apache-2.0 */
/* The line at which commands and filters are typed: editing, completion, history. No drawing, no terminal. */
#ifndef TUI_PROMPT_H
#define TUI_PROMPT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

enum prompt_mode {
	PROMPT_OFF,
	PROMPT_COMMAND, /* : */
	PROMPT_FILTER, /* / */
	PROMPT_CONFIRM, /* a question; y is yes, anything else is no */
};

/*
 * The i-th whole line that could be meant by what is typed so far, best first; NULL behind the last. Each starts with
 * what is typed.
 */
typedef const char *prompt_completer(void *ctx, const char *typed, size_t i);

struct prompt {
	enum prompt_mode mode;
	struct buf text;
	size_t cursor; /* byte offset */
	char *question; /* PROMPT_CONFIRM */
	prompt_completer *complete;
	void *complete_ctx;
	struct {
		char **at;
		size_t n, cap;
	} history; /* commands, oldest first; no two neighbours alike */
	size_t history_at; /* the entry shown; history.n: what was typed */
	char *typed; /* what was typed before up was pressed */
	size_t completion; /* which one tab shows next */
	char *stem; /* what tab completes; NULL until it is pressed */
};

enum prompt_result {
	PROMPT_EDITED, /* the line may have changed */
	PROMPT_DONE, /* enter, or a yes: text stands, mode is off */
	PROMPT_CANCELLED, /* esc, or a no: mode is off */
};

/* Opens it with text to start from; "" for none. */
void prompt_open(struct prompt *p, enum prompt_mode mode, const char *text);
void prompt_ask(struct prompt *p, const char *question);
enum prompt_result prompt_key(struct prompt *p, int key);
/* What completion would add to the line, to be shown behind the cursor; "" for nothing. */
const char *prompt_suggestion(const struct prompt *p);
/* Remembers a command. */
void prompt_remember(struct prompt *p, const char *command);
void prompt_free(struct prompt *p);

#endif
