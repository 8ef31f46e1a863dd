/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/command.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/str.h"
#include "base/vec.h"
#include "fleet/image.h"

#define MAX_WORDS 10000
#define MAX_SUBSTITUTIONS 64 /* $(...) followed in one script, at any depth */

struct slice {
	const char *at;
	size_t len;
};

struct words {
	struct arena *arena;
	VEC(struct command_word) list;
};

static void
add_word(struct words *w, const char *text, size_t len)
{
	if (w->list.n < MAX_WORDS)
		vec_push(&w->list, (struct command_word){.text = arena_strndup(w->arena, text, len)});
}

static void
add_end(struct words *w, bool background)
{
	if (w->list.n && w->list.at[w->list.n - 1].text)
		vec_push(&w->list, (struct command_word){.background = background});
}

/* A script being split. */
struct script {
	struct words *words;
	const char *at, *end;
	struct buf word;
	bool in_word; /* there is a word, perhaps an empty one: "" */
	bool is_target; /* the next word is a redirection's */
	bool is_delimiter; /* the next word ends here-documents */
	VEC(char *) delimiters; /* of the here-documents that start behind this line */
	VEC(struct slice) substitutions;
	size_t budget; /* substitutions that may still be followed */
};

static char
peek(const struct script *s, size_t ahead)
{
	return (size_t)(s->end - s->at) > ahead ? s->at[ahead] : '\0';
}

static void
finish_word(struct script *s)
{
	if (!s->in_word)
		return;
	s->in_word = false;
	if (s->is_delimiter && s->delimiters.n < MAX_SUBSTITUTIONS)
		vec_push(&s->delimiters, arena_strndup(s->words->arena, buf_str(&s->word), s->word.len));
	else if (!s->is_target && !s->is_delimiter)
		add_word(s->words, buf_str(&s->word), s->word.len);
	s->is_target = s->is_delimiter = false;
	buf_clear(&s->word);
}

static void
finish_command(struct script *s, bool background)
{
	finish_word(s);
	s->is_target = s->is_delimiter = false;
	add_end(s->words, background);
}

static void
take_char(struct script *s, char c)
{
	buf_addc(&s->word, c);
	s->in_word = true;
}

/* $(...) or `...`: kept in the word as written, and remembered for later. s->at is on its first byte. */
static void
take_substitution(struct script *s)
{
	const char *start = s->at;
	bool tick = *s->at == '`';
	int depth = 0;

	s->at += tick ? 1 : 2;
	for (depth = 1; s->at < s->end && depth; s->at++) {
		if (*s->at == '\\' && s->at + 1 < s->end)
			s->at++;
		else if (tick)
			depth -= *s->at == '`';
		else
			depth += (*s->at == '(') - (*s->at == ')');
	}
	if (s->substitutions.n < s->budget) {
		const char *inner = start + (tick ? 1 : 2), *last = depth ? s->at : s->at - 1;

		vec_push(&s->substitutions, (struct slice){inner, (size_t)(last - inner)});
	}
	buf_add(&s->word, start, (size_t)(s->at - start));
	s->in_word = true;
}

/* ${...}, whose braces end no command. */
static void
take_braces(struct script *s)
{
	while (s->at < s->end) {
		char c = *s->at++;

		take_char(s, c);
		if (c == '}')
			return;
	}
}

static bool
take_expansion(struct script *s)
{
	if (*s->at == '`' || (*s->at == '$' && peek(s, 1) == '('))
		take_substitution(s);
	else if (*s->at == '$' && peek(s, 1) == '{')
		take_braces(s);
	else
		return false;
	return true;
}

static void
take_single_quoted(struct script *s)
{
	const char *close = memchr(s->at + 1, '\'', (size_t)(s->end - s->at - 1));

	if (!close)
		close = s->end;
	buf_add(&s->word, s->at + 1, (size_t)(close - s->at - 1));
	s->in_word = true;
	s->at = close < s->end ? close + 1 : s->end;
}

static void
take_double_quoted(struct script *s)
{
	s->in_word = true;
	for (s->at++; s->at < s->end && *s->at != '"';) {
		if (*s->at == '\\' && s->at + 1 < s->end && strchr("\"\\$`\n", s->at[1])) {
			if (s->at[1] != '\n')
				take_char(s, s->at[1]);
			s->at += 2;
		} else if (!take_expansion(s)) {
			take_char(s, *s->at++);
		}
	}
	if (s->at < s->end)
		s->at++;
}

/* What follows the newline that s->at is behind: lines up to each delimiter are data. */
static void
skip_documents(struct script *s)
{
	for (size_t i = 0; i < s->delimiters.n; i++) {
		size_t len = strlen(s->delimiters.at[i]);
		bool found = false;

		while (s->at < s->end && !found) {
			const char *line = s->at;
			const char *newline = memchr(line, '\n', (size_t)(s->end - line));

			s->at = newline ? newline + 1 : s->end;
			while (line < s->end && *line == '\t') /* <<- takes leading tabs off */
				line++;
			found = (size_t)((newline ? newline : s->end) - line) == len &&
				memcmp(line, s->delimiters.at[i], len) == 0;
		}
	}
	s->delimiters.n = 0;
}

/* < > >> 2>&1 <<EOF: the word that follows names a file; digits just before are a descriptor. */
static void
take_redirection(struct script *s)
{
	bool document = *s->at == '<' && peek(s, 1) == '<' && peek(s, 2) != '<';
	bool descriptor = s->in_word && s->word.len && strspn(buf_str(&s->word), "0123456789") == s->word.len;

	if (descriptor) {
		buf_clear(&s->word);
		s->in_word = false;
	}
	finish_word(s);
	while (s->at < s->end && strchr("<>&|-", *s->at) && *s->at)
		s->at++;
	s->is_delimiter = document;
	s->is_target = !document;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\0';
}

static void
skip_comment(struct script *s)
{
	while (s->at < s->end && *s->at != '\n')
		s->at++;
}

static void
take_operator(struct script *s)
{
	char c = *s->at++;

	if (c == '&' && peek(s, 0) == '>') {
		take_redirection(s);
		return;
	}
	if ((c == '&' || c == '|') && peek(s, 0) == c) {
		s->at++;
		finish_command(s, false);
		return;
	}
	finish_command(s, c == '&');
	if (c == '\n')
		skip_documents(s);
}

/* One byte or more of the script. */
static void
take_next(struct script *s)
{
	char c = *s->at;

	if (is_blank(c)) {
		finish_word(s);
		s->at++;
	} else if (c == '\\' && peek(s, 1) == '\n') {
		s->at += 2;
	} else if (c == '\\' && s->at + 1 < s->end) {
		take_char(s, s->at[1]);
		s->at += 2;
	} else if (c == '\'') {
		take_single_quoted(s);
	} else if (c == '"') {
		take_double_quoted(s);
	} else if (c == '#' && !s->in_word) {
		skip_comment(s);
	} else if (c == '<' || c == '>') {
		take_redirection(s);
	} else if (strchr(";&|\n()", c)) {
		take_operator(s);
	} else if (!take_expansion(s)) {
		take_char(s, c);
		s->at++;
	}
}

static void
split_once(struct script *s, struct slice text)
{
	s->at = text.at;
	s->end = text.at + text.len;
	while (s->at < s->end && s->words->list.n < MAX_WORDS)
		take_next(s);
	finish_command(s, false);
	s->delimiters.n = 0;
}

/* The script, then what was substituted in it, then what was substituted in that. */
static void
split_script(struct words *w, const char *text)
{
	struct script s = {.words = w, .budget = MAX_SUBSTITUTIONS};

	split_once(&s, (struct slice){text, strlen(text)});
	for (size_t i = 0; i < s.substitutions.n; i++)
		split_once(&s, s.substitutions.at[i]);
	buf_free(&s.word);
	vec_free(&s.delimiters);
	vec_free(&s.substitutions);
}

const char *
command_program(const char *word)
{
	const char *slash = strrchr(word, '/');

	return slash ? slash + 1 : word;
}

static bool
is_shell(const char *word)
{
	static const char *const shells[] = {"sh", "bash", "ash", "dash", "ksh", "zsh"};
	const char *program = command_program(word);

	for (size_t i = 0; i < COUNT_OF(shells); i++)
		if (strcmp(program, shells[i]) == 0)
			return true;
	return false;
}

/* "-c", "-ec", "-lc" */
static bool
is_script_option(const char *word)
{
	return word[0] == '-' && word[1] != '-' && strchr(word, 'c') &&
	       strspn(word + 1, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") == strlen(word + 1);
}

static const char *
argument(const struct container *c, size_t i)
{
	return i < c->n_command ? c->command[i] : c->args[i - c->n_command];
}

/* Where the script of the shell at position i stands: behind -c and further options. 0 when there is none. */
static size_t
script_position(const struct container *c, size_t i)
{
	size_t n = c->n_command + c->n_args;

	for (i++; i < n && !is_script_option(argument(c, i)); i++) {
		if (argument(c, i)[0] != '-' && argument(c, i)[0] != '+' && !str_ends(argument(c, i - 1), "o"))
			return 0; /* a file to run */
	}
	for (i++; i < n && (argument(c, i)[0] == '-' || argument(c, i)[0] == '+'); i++)
		;
	return i < n ? i : 0;
}

struct command
command_words(struct arena *a, const struct container *c)
{
	struct words w = {.arena = a};
	struct command out;
	size_t script = 0;

	for (size_t i = 0; i < c->n_command + c->n_args; i++) {
		const char *word = argument(c, i);

		if (script && i == script) {
			add_end(&w, false);
			split_script(&w, word);
			continue;
		}
		add_word(&w, word, strlen(word));
		if (!script && is_shell(word))
			script = script_position(c, i);
	}
	while (w.list.n && !w.list.at[w.list.n - 1].text)
		w.list.n--;
	out = (struct command){arena_copy(a, w.list.at, w.list.n * sizeof(w.list.at[0])), w.list.n};
	vec_free(&w.list);
	return out;
}

/* A command's name, as opposed to an option or a path. */
static bool
is_subcommand(const char *word)
{
	if (!word || !islower((unsigned char)*word))
		return false;
	return strspn(word, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(word);
}

/* Is the word at i the option, and what is its value? Moves i to the last word that was used. */
static bool
option(const struct command *c, size_t *i, const char *name, char letter, const char **value)
{
	const char *word = c->at[*i].text, *rest = NULL;

	if (str_starts(word, name))
		rest = word + strlen(name);
	else if (word[0] == '-' && word[1] == letter)
		rest = word + 2;
	else
		return false;
	if (*rest == '=') {
		*value = rest + 1;
	} else if (*rest && word[1] == letter) {
		*value = rest; /* -cFILE */
	} else if (!*rest && *i + 1 < c->n && c->at[*i + 1].text) {
		*value = c->at[++*i].text;
	} else {
		return false;
	}
	return true;
}

/* Reads the options behind `run` at position i, up to the end of the command or "--". Answers where it stopped. */
static size_t
run_options(const struct command *c, size_t i, struct pipelock_command *out)
{
	for (i++; i < c->n && c->at[i].text && strcmp(c->at[i].text, "--") != 0; i++) {
		if (!option(c, &i, "--config", 'c', &out->config) && !option(c, &i, "--listen", 'l', &out->listen))
			option(c, &i, "--mode", 'm', &out->mode);
	}
	while (i < c->n && c->at[i].text)
		i++;
	return i;
}

/* Does another program start behind a command that was left running? A script that only waits is no program. */
static bool
goes_on(const struct command *c, size_t end)
{
	static const char *const idle[] = {"wait", "trap", "sleep", "tail", "echo"};
	bool waits = false;

	if (end + 1 >= c->n || !c->at[end].background)
		return false;
	for (size_t i = 0; i < COUNT_OF(idle); i++)
		waits |= strcmp(command_program(c->at[end + 1].text), idle[i]) == 0;
	return !waits;
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

static void
found(const struct command *c, size_t i, struct pipelock_command *out)
{
	if (strcmp(c->at[i].text, "run") == 0) {
		size_t end = run_options(c, i, out);

		out->use = goes_on(c, end) ? PIPELOCK_BESIDE : PIPELOCK_RUN;
	} else {
		out->use = PIPELOCK_OTHER;
	}
}

/* The position of the word behind a program named pipelock, its global options skipped; 0 when nothing is there. */
static size_t
subcommand_of(const struct command *c, size_t i)
{
	if (strcmp(command_program(c->at[i].text), "pipelock") != 0)
		return 0;
	for (i++; i < c->n && c->at[i].text && c->at[i].text[0] == '-'; i++)
		;
	return i < c->n && is_subcommand(c->at[i].text) ? i : 0;
}

struct pipelock_command
command_pipelock(struct arena *a, const struct container *c)
{
	struct pipelock_command out = {.use = PIPELOCK_UNSEEN};
	struct command words = command_words(a, c);

	if (starts_by_entrypoint(c)) {
		found(&words, 0, &out);
		return out;
	}
	for (size_t i = 0; i < words.n && out.use != PIPELOCK_RUN && out.use != PIPELOCK_BESIDE; i++) {
		size_t sub = words.at[i].text ? subcommand_of(&words, i) : 0;

		if (sub)
			found(&words, sub, &out);
	}
	return out;
}
