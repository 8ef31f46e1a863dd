/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/shell.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/str.h"
#include "base/vec.h"

/* Scripts come from outside: nesting is bounded for the stack's sake, bytes read for that of time and memory. */
#define DEPTH_MAX 60
#define BYTES_MAX (4 * 1024 * 1024)
#define VALUE_MAX 4096 /* of a variable; what is longer is not known */
#define WORD_COST 16

struct variable {
	struct variable *next;
	const char *name, *value;
	bool list; /* of a for loop or an array: several words, even between double quotes */
};

struct function {
	struct function *next;
	const char *name, *body;
	size_t len;
};

struct shell {
	struct arena *arena;
	const struct shell_host *host;
	struct variable *variables;
	struct variable *prefix; /* NAME=value in front of the present command */
	struct function *functions;
	const char *const *args; /* $0, $1, ... */
	size_t n_args;
	const char *input; /* what a pipe feeds the present command; NULL: not known */
	unsigned depth, dry; /* dry: a function's body is looked through, not run */
	size_t bytes; /* read so far */
	bool exhausted;
};

struct reader {
	struct shell *sh;
	const char *s, *end;
	const char *line_end, *bodies_end; /* here-documents: where their line ends, and where they do; NULL */
	const char *printed; /* by the command before the cursor, for a pipe; NULL: not known */
};

struct words {
	VEC(const char *) text;
	VEC(const char *) raw;
};

/* A word while it is read. */
struct word {
	struct words *out;
	struct buf text;
	bool started; /* there were quotes: it is a word even when it is empty */
	bool whole; /* spaces in values do not end it: an assignment's value, a here-document */
};

enum stop { STOP_END, STOP_PAREN, STOP_BRACE, STOP_CASE, STOP_ESAC };

static enum stop run_list(struct reader *r, enum stop until);
static void run_text(struct shell *sh, const char *text, size_t len);
static void launch(struct shell *sh, struct shell_command *cmd);

static void
auto_words(struct words *w)
{
	vec_free(&w->text);
	vec_free(&w->raw);
}

/* ---- budget ---- */

static bool
spend(struct shell *sh, size_t bytes)
{
	sh->bytes += bytes;
	if (sh->bytes > BYTES_MAX)
		sh->exhausted = true;
	return !sh->exhausted;
}

static bool
enter(struct shell *sh)
{
	if (sh->depth >= DEPTH_MAX)
		sh->exhausted = true;
	if (sh->exhausted)
		return false;
	sh->depth++;
	return true;
}

/* ---- variables ---- */

static bool
is_name_char(char c, bool first)
{
	return c == '_' || isalpha((unsigned char)c) || (!first && isdigit((unsigned char)c));
}

/* Length of the name that s starts with. */
static size_t
name_length(const char *s, const char *end)
{
	size_t n = 0;

	while (s + n < end && is_name_char(s[n], n == 0))
		n++;
	return n;
}

static struct variable *
find_variable(struct variable *v, const char *name)
{
	while (v && strcmp(v->name, name) != 0)
		v = v->next;
	return v;
}

/* What stands in front of the enclosing commands counts over what the script set, and that over what it was given. */
static const char *
look_up(const struct shell *sh, const char *name, bool *list)
{
	const struct variable *v = find_variable(sh->prefix, name);

	if (!v)
		v = find_variable(sh->variables, name);
	*list = v && v->list;
	if (v)
		return v->value;
	return sh->host->variable ? sh->host->variable(sh->host->ctx, name) : NULL;
}

const char *
shell_variable(const struct shell *sh, const char *name)
{
	bool list;

	return look_up(sh, name, &list);
}

/* In front of the others of that name, if any. */
static void
push_variable(struct shell *sh, struct variable **list, const char *name, const char *value, bool is_list)
{
	static const char unknown[] = {SHELL_UNKNOWN, 0};
	struct variable *v = ARENA_NEW(sh->arena, struct variable);

	v->name = name;
	v->value = value && strlen(value) <= VALUE_MAX ? value : unknown;
	v->list = is_list;
	v->next = *list;
	*list = v;
}

static void
set_variable(struct shell *sh, const char *name, const char *value, bool is_list)
{
	struct variable *old = find_variable(sh->variables, name);

	if (sh->dry || !spend(sh, WORD_COST))
		return;
	push_variable(sh, &sh->variables, name, value, is_list);
	if (old) { /* replaced in its place: the list does not grow with a loop */
		old->value = sh->variables->value;
		old->list = is_list;
		sh->variables = sh->variables->next;
	}
}

/* "NAME=value" */
static bool
split_assignment(struct shell *sh, const char *word, const char **name, const char **value)
{
	size_t n = name_length(word, word + strlen(word));

	if (n == 0 || word[n] != '=')
		return false;
	*name = arena_strndup(sh->arena, word, n);
	*value = word + n + 1;
	return true;
}

static const char *
join(struct shell *sh, const char *const *words, size_t n)
{
	AUTO(buf) struct buf b = {0};

	for (size_t i = 0; i < n && b.len <= VALUE_MAX; i++)
		buf_addf(&b, "%s%s", i ? " " : "", words[i]);
	return arena_strdup(sh->arena, buf_str(&b));
}

/* ---- words ---- */

static void
word_end(struct shell *sh, struct word *w)
{
	if (w->text.len == 0 && !w->started)
		return;
	if (spend(sh, w->text.len + WORD_COST))
		vec_push(&w->out->text, arena_strndup(sh->arena, buf_str(&w->text), w->text.len));
	buf_clear(&w->text);
	w->started = false;
}

/* NULL: a value that is not known. */
static void
word_value(struct shell *sh, struct word *w, const char *value, bool split)
{
	if (!value) {
		buf_addc(&w->text, SHELL_UNKNOWN);
		return;
	}
	if (!spend(sh, strlen(value)))
		return;
	for (; *value; value++) {
		if (split && !w->whole && isspace((unsigned char)*value))
			word_end(sh, w);
		else
			buf_addc(&w->text, *value);
	}
}

static void
word_args(struct shell *sh, struct word *w, bool split)
{
	for (size_t i = 1; i < sh->n_args; i++) {
		if (i > 1)
			word_value(sh, w, " ", true);
		word_value(sh, w, sh->args[i], split);
	}
}

/* $1: NULL when nobody says what the script is called with. */
static const char *
positional(const struct shell *sh, size_t i)
{
	if (sh->n_args == 0)
		return NULL;
	return i < sh->n_args ? sh->args[i] : "";
}

/* One of $@ $* $0..$9 $? $# $$ $! $- */
static void
word_special(struct shell *sh, struct word *w, char c, bool split)
{
	if (c == '@' || c == '*')
		word_args(sh, w, split);
	else
		word_value(sh, w, isdigit((unsigned char)c) ? positional(sh, (size_t)(c - '0')) : NULL, split);
}

static void word_char(struct reader *r, struct word *w, bool quoted);

/*
 * A text of its own, in which spaces are nothing special: the operand of ${NAME:-operand}, where quotes quote even
 * between double quotes, or a here-document, where they are text.
 */
static void
word_text(struct shell *sh, const char *s, const char *end, struct word *w, bool quoted, bool quotes_are_text)
{
	struct reader r = {.sh = sh, .s = s, .end = end};

	if (!enter(sh))
		return;
	while (r.s < r.end && !sh->exhausted) {
		if (*r.s == '"' && quoted && !quotes_are_text)
			r.s++;
		else
			word_char(&r, w, quoted);
	}
	sh->depth--;
}

/* From behind "${" to its "}"; NULL when there is none. */
static const char *
brace_end(const char *s, const char *end)
{
	unsigned open = 1;

	for (; s < end; s++) {
		if (*s == '\\' && s + 1 < end)
			s++;
		else if (*s == '$' && s + 1 < end && s[1] == '{')
			open++, s++;
		else if (*s == '}' && --open == 0)
			return s;
	}
	return NULL;
}

/*
 * ${NAME...}. Defaults and alternatives are followed; for what cuts a value (%, #, /, :0:3) the whole value stands:
 * it is asked for host names, and those are what a cut leaves. ${#NAME} and ${!NAME} are not known.
 */
static void
word_brace(struct reader *r, struct word *w, bool quoted)
{
	struct shell *sh = r->sh;
	const char *s = r->s + 2, *close = brace_end(s, r->end), *value, *op;
	size_t n = close ? name_length(s, close) : 0;
	bool list = false;

	if (!close) {
		r->s = r->end;
		return;
	}
	r->s = close + 1;
	op = s + n;
	if (n > 0) {
		value = look_up(sh, arena_strndup(sh->arena, s, n), &list);
	} else if (s < close && isdigit((unsigned char)*s)) {
		size_t i = 0;

		for (; op < close && isdigit((unsigned char)*op) && i < 1000; op++)
			i = i * 10 + (size_t)(*op - '0');
		value = positional(sh, i);
	} else {
		word_special(sh, w, close == s + 1 ? *s : '?', !quoted);
		return;
	}
	if (op < close && *op == '[') { /* an array's element */
		while (op < close && *op != ']')
			op++;
		op += op < close;
	}
	if (op < close && *op == ':')
		op++;
	if (op < close && (*op == '-' || *op == '=') && (!value || !*value))
		word_text(sh, op + 1, close, w, quoted, false);
	else if (op < close && *op == '+') {
		if (value && *value)
			word_text(sh, op + 1, close, w, quoted, false);
	} else
		word_value(sh, w, value, !quoted || list);
}

/* From "((" to behind "))". */
static void
skip_arithmetic(struct reader *r)
{
	unsigned open = 0;

	for (; r->s < r->end; r->s++) {
		open += *r->s == '(';
		if (*r->s == ')' && --open == 0) {
			r->s++;
			return;
		}
	}
}

/* $(which curl), $(command -v curl): the program's name; NULL for any other command. */
static const char *
located(struct shell *sh, const char *s, size_t len)
{
	static const char *const ways[] = {"which ", "command -v ", "type -p "};
	static const char name[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+-/";

	for (; len > 0 && *s == ' '; len--)
		s++;
	for (size_t i = 0; i < COUNT_OF(ways); i++) {
		size_t n = strlen(ways[i]), used = n;

		if (len <= n || memcmp(s, ways[i], n) != 0)
			continue;
		while (used < len && strchr(name, s[used]))
			used++;
		return used > n && s[n] != '-' ? arena_strndup(sh->arena, s + n, used - n) : NULL;
	}
	return NULL;
}

static void
word_dollar(struct reader *r, struct word *w, bool quoted)
{
	struct shell *sh = r->sh;
	char c = r->s + 1 < r->end ? r->s[1] : 0;
	size_t n = name_length(r->s + 1, r->end);

	if (n > 0) {
		bool list;
		const char *value = look_up(sh, arena_strndup(sh->arena, r->s + 1, n), &list);

		word_value(sh, w, value, !quoted || list);
		r->s += n + 1;
	} else if (c == '{') {
		word_brace(r, w, quoted);
	} else if (c == '(' && r->s + 2 < r->end && r->s[2] == '(') {
		r->s++;
		skip_arithmetic(r);
		word_value(sh, w, NULL, false);
	} else if (c == '(') {
		const char *from = r->s += 2;

		run_list(r, STOP_PAREN);
		word_value(sh, w, located(sh, from, (size_t)(r->s - from)), false);
	} else if (c && strchr("@*#?-$!0123456789", c)) {
		word_special(sh, w, c, !quoted);
		r->s += 2;
	} else if (!quoted && (c == '\'' || c == '"')) {
		r->s++;
	} else {
		buf_addc(&w->text, '$');
		r->s++;
	}
}

static void
word_backtick(struct reader *r, struct word *w)
{
	AUTO(buf) struct buf inside = {0};

	for (r->s++; r->s < r->end && *r->s != '`'; r->s++) {
		if (*r->s == '\\' && r->s + 1 < r->end && strchr("`\\$", r->s[1]))
			r->s++;
		buf_addc(&inside, *r->s);
	}
	r->s += r->s < r->end;
	run_text(r->sh, buf_str(&inside), inside.len);
	word_value(r->sh, w, located(r->sh, buf_str(&inside), inside.len), false);
}

static void
word_single_quotes(struct reader *r, struct word *w)
{
	const char *close;

	r->s++;
	close = memchr(r->s, '\'', (size_t)(r->end - r->s));
	if (!close)
		close = r->end;
	buf_add(&w->text, r->s, (size_t)(close - r->s));
	r->s = close + (close < r->end);
	w->started = true;
}

static void
word_double_quotes(struct reader *r, struct word *w)
{
	w->started = true;
	r->s++;
	while (r->s < r->end && *r->s != '"' && !r->sh->exhausted)
		word_char(r, w, true);
	r->s += r->s < r->end;
}

/* Takes one character, or what it begins: a quotation, an expansion. */
static void
word_char(struct reader *r, struct word *w, bool quoted)
{
	char c = *r->s;

	if (c == '$') {
		word_dollar(r, w, quoted);
	} else if (c == '`') {
		word_backtick(r, w);
	} else if (c == '\\' && r->s + 1 < r->end) {
		if (r->s[1] == '\r' && r->s + 2 < r->end && r->s[2] == '\n')
			r->s++;
		else if (r->s[1] != '\n') {
			if (quoted && !strchr("$`\"\\", r->s[1]))
				buf_addc(&w->text, '\\');
			buf_addc(&w->text, r->s[1]);
		}
		r->s += 2;
	} else if (c == '\'' && !quoted) {
		word_single_quotes(r, w);
	} else if (c == '"' && !quoted) {
		word_double_quotes(r, w);
	} else {
		buf_addc(&w->text, c);
		r->s++;
	}
}

static bool
is_meta(char c)
{
	return strchr(" \t\r\n;&|<>()", c) != NULL;
}

/* Reads up to the next blank or operator; a list of values becomes several words, each with the same raw text. */
static void
read_word(struct reader *r, struct words *out, bool whole)
{
	struct word w = {.out = out, .whole = whole};
	const char *from = r->s, *raw;

	while (r->s < r->end && !is_meta(*r->s) && !r->sh->exhausted)
		word_char(r, &w, false);
	word_end(r->sh, &w);
	buf_free(&w.text);
	raw = arena_strndup(r->sh->arena, from, (size_t)(r->s - from));
	while (out->raw.n < out->text.n)
		vec_push(&out->raw, raw);
}

static void
skip_blank(struct reader *r)
{
	while (r->s < r->end) {
		size_t left = (size_t)(r->end - r->s);

		if (*r->s == ' ' || *r->s == '\t' || *r->s == '\r')
			r->s++;
		else if (left >= 2 && memcmp(r->s, "\\\n", 2) == 0)
			r->s += 2;
		else if (left >= 3 && memcmp(r->s, "\\\r\n", 3) == 0)
			r->s += 3;
		else
			break;
	}
}

static void
skip_comment(struct reader *r)
{
	while (r->s < r->end && *r->s != '\n')
		r->s++;
}

/* Over a newline, and over the here-documents that follow its line. */
static void
take_newline(struct reader *r)
{
	if (r->s == r->line_end) {
		r->s = r->bodies_end;
		r->line_end = NULL;
	} else {
		r->s++;
	}
}

static void
skip_lines(struct reader *r)
{
	for (skip_blank(r); r->s < r->end && (*r->s == '\n' || *r->s == '#'); skip_blank(r)) {
		if (*r->s == '#')
			skip_comment(r);
		else
			take_newline(r);
	}
}

/* ---- redirections ---- */

/* The lines up to the delimiter. */
static const char *
heredoc_end(const char *s, const char *end, const char *delimiter, bool strip, const char **next)
{
	size_t n = strlen(delimiter);

	while (s < end) {
		const char *line = s, *newline = memchr(s, '\n', (size_t)(end - s));
		const char *stop = newline ? newline : end;

		while (strip && line < stop && *line == '\t')
			line++;
		if ((size_t)(stop - line) == n && memcmp(line, delimiter, n) == 0) {
			*next = newline ? newline + 1 : end;
			return s;
		}
		s = newline ? newline + 1 : end;
	}
	*next = end;
	return end;
}

/* Behind << or <<-. The text is expanded unless its delimiter is quoted. */
static const char *
read_heredoc(struct reader *r, bool strip)
{
	AUTO(words) struct words delimiter = {0};
	struct word w = {.out = &delimiter, .whole = true};
	const char *from, *to, *at;
	bool quoted;

	skip_blank(r);
	at = r->s;
	read_word(r, &delimiter, true);
	if (delimiter.text.n == 0)
		return NULL;
	quoted = memchr(at, '\'', (size_t)(r->s - at)) || memchr(at, '"', (size_t)(r->s - at)) ||
		 memchr(at, '\\', (size_t)(r->s - at));
	if (!r->line_end) {
		r->line_end = memchr(r->s, '\n', (size_t)(r->end - r->s));
		if (!r->line_end)
			return NULL;
		r->bodies_end = r->line_end + 1;
	}
	from = r->bodies_end;
	to = heredoc_end(from, r->end, delimiter.text.at[0], strip, &r->bodies_end);
	if (quoted)
		buf_add(&w.text, from, (size_t)(to - from));
	else
		word_text(r->sh, from, to, &w, true, true);
	w.started = true;
	word_end(r->sh, &w);
	buf_free(&w.text);
	return delimiter.text.at[delimiter.text.n - 1];
}

/* Is a redirection next? Numbers and & in front of it belong to it. */
static bool
at_redirection(const struct reader *r)
{
	const char *s = r->s;

	if (s < r->end && *s == '&')
		return s + 1 < r->end && s[1] == '>';
	while (s < r->end && isdigit((unsigned char)*s))
		s++;
	return s < r->end && (*s == '<' || *s == '>');
}

/* bash opens a connection where a redirection says /dev/tcp/HOST/PORT: reported as a program of that name. */
static void
open_socket(struct shell *sh, const struct words *target)
{
	const char *path = target->text.at[0], *name = "/dev/tcp";
	const char **words;

	if (sh->dry || sh->exhausted || (!str_starts(path, "/dev/tcp/") && !str_starts(path, "/dev/udp/")))
		return;
	words = ARENA_ARRAY(sh->arena, const char *, 4);
	words[0] = words[2] = name;
	words[1] = arena_strndup(sh->arena, path + 9, strcspn(path + 9, "/"));
	words[3] = target->raw.at[0];
	sh->host->command(sh->host->ctx, sh, &(struct shell_command){.words = words, .raw = words + 2, .n_words = 2});
}

/* Consumes one redirection; *script becomes what a here-document says. */
static void
read_redirection(struct reader *r, struct words *out, const char **script)
{
	AUTO(words) struct words target = {0};
	const char *op;
	size_t n = 0;

	while (*r->s != '<' && *r->s != '>')
		r->s++;
	op = r->s;
	while (r->s < r->end && n < 3 && (*r->s == '<' || *r->s == '>' || *r->s == '&' || *r->s == '|')) {
		r->s++;
		n++;
	}
	if (n >= 2 && op[0] == '<' && op[1] == '<' && (n == 2 || op[2] != '<')) {
		bool strip = r->s < r->end && *r->s == '-';

		r->s += strip;
		*script = read_heredoc(r, strip);
		return;
	}
	if (n == 1 && r->s < r->end && *r->s == '(') { /* <(command) is an argument */
		struct word w = {.out = out};

		r->s++;
		run_list(r, STOP_PAREN);
		word_value(r->sh, &w, NULL, false);
		word_end(r->sh, &w);
		buf_free(&w.text);
		while (out->raw.n < out->text.n)
			vec_push(&out->raw, "<(...)");
		return;
	}
	skip_blank(r);
	read_word(r, &target, true);
	if (n == 3 && op[0] == '<' && target.text.n)
		*script = target.text.at[0];
	else if (target.text.n)
		open_socket(r->sh, &target);
}

/* ---- commands ---- */

/* NAME=(a b c): from behind "(" to behind ")". */
static const char *
read_array(struct reader *r)
{
	AUTO(words) struct words items = {0};

	for (skip_lines(r); r->s < r->end && *r->s != ')' && !r->sh->exhausted; skip_lines(r)) {
		const char *before = r->s;

		read_word(r, &items, false);
		if (r->s == before)
			r->s++;
	}
	r->s += r->s < r->end;
	return join(r->sh, items.text.at, items.text.n);
}

/* NAME=value or NAME+=value in front of a command, or alone. Pushed onto *list, which its value can refer to. */
static bool
read_assignment(struct reader *r, struct variable **list)
{
	struct shell *sh = r->sh;
	struct variable *outer = sh->prefix;
	size_t n = name_length(r->s, r->end);
	const char *op = r->s + n, *name, *value = "";
	bool append = op + 1 < r->end && op[0] == '+' && op[1] == '=';
	bool array;

	if (n == 0 || op >= r->end || (*op != '=' && !append))
		return false;
	name = arena_strndup(sh->arena, r->s, n);
	r->s = op + 1 + append;
	sh->prefix = *list;
	array = r->s < r->end && *r->s == '(';
	if (array) {
		r->s++;
		value = read_array(r);
	} else {
		AUTO(words) struct words words = {0};

		read_word(r, &words, true);
		if (words.text.n)
			value = words.text.at[0];
	}
	if (append) {
		const char *old = shell_variable(sh, name);

		value = old && spend(sh, strlen(old) + strlen(value))
				? arena_printf(sh->arena, array ? "%s %s" : "%s%s", old, value)
				: NULL;
	}
	sh->prefix = outer;
	if (spend(sh, WORD_COST))
		push_variable(sh, list, name, value, array);
	return true;
}

static void
run_text(struct shell *sh, const char *text, size_t len)
{
	struct reader r = {.sh = sh, .s = text, .end = text + len};

	run_list(&r, STOP_END);
}

static void
call_function(struct shell *sh, const struct function *f, const struct shell_command *cmd)
{
	const char *const *args = sh->args;
	size_t n_args = sh->n_args;

	sh->args = cmd->words;
	sh->n_args = cmd->n_words;
	run_text(sh, f->body, f->len);
	sh->args = args;
	sh->n_args = n_args;
}

static void
builtin_export(struct shell *sh, const struct shell_command *cmd)
{
	const char *name, *value;

	for (size_t i = 1; i < cmd->n_words; i++)
		if (split_assignment(sh, cmd->words[i], &name, &value))
			set_variable(sh, name, value, false);
}

static void
builtin_read(struct shell *sh, const struct shell_command *cmd)
{
	for (size_t i = 1; i < cmd->n_words; i++)
		if (name_length(cmd->words[i], cmd->words[i] + strlen(cmd->words[i])) == strlen(cmd->words[i]))
			set_variable(sh, cmd->words[i], NULL, false);
}

static void
builtin_unset(struct shell *sh, const struct shell_command *cmd)
{
	for (size_t i = 1; i < cmd->n_words; i++)
		set_variable(sh, cmd->words[i], "", false);
}

static void
builtin_set(struct shell *sh, const struct shell_command *cmd)
{
	for (size_t i = 1; i < cmd->n_words; i++) {
		if (strcmp(cmd->words[i], "--") == 0) {
			sh->args = cmd->words + i; /* "--" stands where $0 would */
			sh->n_args = cmd->n_words - i;
			return;
		}
	}
}

static void
builtin_shift(struct shell *sh, const struct shell_command *cmd)
{
	(void)cmd;
	if (sh->n_args > 1) {
		sh->args++;
		sh->n_args--;
	}
}

static void
builtin_eval(struct shell *sh, const struct shell_command *cmd)
{
	const char *text = join(sh, cmd->words + 1, cmd->n_words - 1);

	run_text(sh, text, strlen(text));
}

static void
builtin_source(struct shell *sh, const struct shell_command *cmd)
{
	const char *text = cmd->n_words > 1 && sh->host->file ? sh->host->file(sh->host->ctx, cmd->words[1]) : NULL;

	if (text)
		run_text(sh, text, strlen(text));
}

static const struct builtin {
	const char *name;
	void (*run)(struct shell *sh, const struct shell_command *cmd);
} builtins[] = {
	{"export", builtin_export},  {"local", builtin_export},	  {"readonly", builtin_export},
	{"declare", builtin_export}, {"typeset", builtin_export}, {"read", builtin_read},
	{"mapfile", builtin_read},   {"readarray", builtin_read}, {"getopts", builtin_read},
	{"set", builtin_set},	     {"shift", builtin_shift},	  {"unset", builtin_unset},
	{"eval", builtin_eval},	     {".", builtin_source},	  {"source", builtin_source},
};

/* A command as the shell has it: a function, a builtin, or a program. */
static void
run_command(struct shell *sh, struct shell_command *cmd)
{
	if (!enter(sh))
		return;
	for (const struct function *f = sh->functions; f; f = f->next) {
		if (strcmp(f->name, cmd->words[0]) == 0) {
			call_function(sh, f, cmd);
			sh->depth--;
			return;
		}
	}
	for (size_t i = 0; i < COUNT_OF(builtins); i++) {
		if (strcmp(builtins[i].name, cmd->words[0]) == 0) {
			builtins[i].run(sh, cmd);
			sh->depth--;
			return;
		}
	}
	launch(sh, cmd);
	sh->depth--;
}

/* Stores the body that follows; nothing in it runs before it is called. */
static void
define_function(struct reader *r, const char *name)
{
	struct shell *sh = r->sh;
	struct function *f;
	const char *from;

	skip_lines(r);
	from = r->s;
	sh->dry++;
	if (r->s < r->end && (*r->s == '{' || *r->s == '(')) {
		r->s++;
		run_list(r, r->s[-1] == '{' ? STOP_BRACE : STOP_PAREN);
	}
	sh->dry--;
	if (sh->dry || !spend(sh, (size_t)(r->s - from)))
		return;
	f = ARENA_NEW(sh->arena, struct function);
	f->name = name;
	f->body = arena_strndup(sh->arena, from, (size_t)(r->s - from));
	f->len = (size_t)(r->s - from);
	f->next = sh->functions;
	sh->functions = f;
}

/* "()" behind a first word. */
static bool
take_parentheses(struct reader *r)
{
	const char *s = r->s;

	if (s >= r->end || *s != '(')
		return false;
	for (s++; s < r->end && (*s == ' ' || *s == '\t'); s++)
		;
	if (s >= r->end || *s != ')')
		return false;
	r->s = s + 1;
	return true;
}

static bool
at_pipe(const struct reader *r)
{
	return r->s < r->end && *r->s == '|' && !(r->s + 1 < r->end && r->s[1] == '|');
}

/* What goes into a pipe: cat's here-document, echo's words. NULL for what only the running program knows. */
static const char *
printed(struct shell *sh, const struct words *words, const char *script)
{
	size_t n = words->text.n, i = 1;

	if (sh->dry || sh->exhausted || n == 0)
		return NULL;
	if (strcmp(words->text.at[0], "cat") == 0 && (n == 1 || (n == 2 && strcmp(words->text.at[1], "-") == 0)))
		return script;
	if (strcmp(words->text.at[0], "echo") != 0)
		return NULL;
	while (i < n && str_in_list("-n -e -ne -en", words->text.at[i]))
		i++;
	return join(sh, words->text.at + i, n - i);
}

static void
finish_simple(struct shell *sh, struct words *words, struct variable *prefix, const char *script)
{
	struct shell_command cmd = {
		.words = words->text.at, .raw = words->raw.at, .n_words = words->text.n, .script = script};
	struct variable *outer = sh->prefix;

	if (sh->dry || sh->exhausted)
		return;
	if (cmd.n_words == 0) {
		for (const struct variable *v = prefix; v != outer; v = v->next)
			set_variable(sh, v->name, v->value, v->list);
		return;
	}
	/* Words outlive this call: positional parameters point to them. */
	cmd.words = arena_copy(sh->arena, cmd.words, cmd.n_words * sizeof(*cmd.words));
	cmd.raw = arena_copy(sh->arena, cmd.raw, cmd.n_words * sizeof(*cmd.raw));
	sh->prefix = prefix;
	run_command(sh, &cmd);
	sh->prefix = outer;
}

static void
run_simple(struct reader *r)
{
	AUTO(words) struct words words = {0};
	struct variable *prefix = r->sh->prefix;
	const char *script = NULL, *start = r->s, *input = r->printed, *outer = r->sh->input;

	r->printed = NULL;

	for (; r->s < r->end && !r->sh->exhausted; skip_blank(r)) {
		if (at_redirection(r))
			read_redirection(r, &words, &script);
		else if (*r->s == '#' && r->s > start)
			skip_comment(r);
		else if (words.text.n == 1 && take_parentheses(r)) {
			define_function(r, words.text.at[0]);
			return;
		} else if (is_meta(*r->s))
			break;
		else if (words.text.n > 0 || !read_assignment(r, &prefix))
			read_word(r, &words, false);
	}
	if (input)
		r->sh->input = input;
	finish_simple(r->sh, &words, prefix, script);
	r->sh->input = outer;
	if (at_pipe(r))
		r->printed = printed(r->sh, &words, script);
}

/* ---- compound commands ---- */

/* The bare word at the cursor, without consuming it. */
static size_t
bare_length(const struct reader *r)
{
	const char *s = r->s;

	while (s < r->end && !is_meta(*s))
		s++;
	return (size_t)(s - r->s);
}

static bool
bare_is(const struct reader *r, size_t n, const char *word)
{
	return strlen(word) == n && memcmp(r->s, word, n) == 0;
}

/* for NAME in words; do */
static void
run_for(struct reader *r)
{
	AUTO(words) struct words words = {0};
	size_t n;
	const char *name;

	skip_blank(r);
	if (r->s < r->end && *r->s == '(') {
		skip_arithmetic(r);
		return;
	}
	n = name_length(r->s, r->end);
	if (n == 0)
		return;
	name = arena_strndup(r->sh->arena, r->s, n);
	r->s += n;
	skip_lines(r);
	if (bare_is(r, bare_length(r), "in")) {
		r->s += 2;
		for (skip_blank(r); r->s < r->end && !is_meta(*r->s) && !r->sh->exhausted; skip_blank(r))
			read_word(r, &words, false);
		set_variable(r->sh, name, join(r->sh, words.text.at, words.text.n), true);
	} else if (r->sh->n_args > 1) {
		set_variable(r->sh, name, join(r->sh, r->sh->args + 1, r->sh->n_args - 1), true);
	}
}

/* case WORD in pattern) commands ;; ... esac: every branch. */
static void
run_case(struct reader *r)
{
	AUTO(words) struct words head = {0};

	skip_lines(r);
	read_word(r, &head, true);
	skip_lines(r);
	if (bare_is(r, bare_length(r), "in"))
		r->s += 2;
	while (r->s < r->end && !r->sh->exhausted) {
		skip_lines(r);
		if (bare_is(r, bare_length(r), "esac")) {
			r->s += 4;
			return;
		}
		while (r->s < r->end && *r->s != ')')
			r->s++;
		r->s += r->s < r->end;
		if (run_list(r, STOP_CASE) == STOP_ESAC)
			return;
	}
}

static void
run_function_keyword(struct reader *r)
{
	AUTO(words) struct words words = {0};

	skip_blank(r);
	read_word(r, &words, true);
	skip_blank(r);
	take_parentheses(r);
	if (words.text.n)
		define_function(r, words.text.at[0]);
}

/* [[ ... ]]: no command, but substitutions in it run. */
static void
run_test(struct reader *r)
{
	AUTO(words) struct words words = {0};

	while (r->s < r->end && !r->sh->exhausted) {
		const char *from = r->s;

		if (r->end - r->s >= 2 && memcmp(r->s, "]]", 2) == 0) {
			r->s += 2;
			return;
		}
		if (is_meta(*r->s))
			r->s++;
		else
			read_word(r, &words, true);
		if (r->s == from)
			return;
	}
}

static void
run_group(struct reader *r)
{
	run_list(r, STOP_BRACE);
}

/* Words that only shape the script: what follows them is a command again. */
static const struct keyword {
	const char *word;
	void (*run)(struct reader *r); /* NULL: nothing more */
} keywords[] = {
	{"if", NULL},	     {"then", NULL},	 {"elif", NULL},
	{"else", NULL},	     {"fi", NULL},	 {"while", NULL},
	{"until", NULL},     {"do", NULL},	 {"done", NULL},
	{"!", NULL},	     {"time", NULL},	 {"for", run_for},
	{"select", run_for}, {"case", run_case}, {"function", run_function_keyword},
	{"[[", run_test},    {"{", run_group},
};

static bool
take_keyword(struct reader *r, size_t n)
{
	for (size_t i = 0; i < COUNT_OF(keywords); i++) {
		if (!bare_is(r, n, keywords[i].word))
			continue;
		r->s += n;
		if (keywords[i].run)
			keywords[i].run(r);
		return true;
	}
	return false;
}

/* ; & | and ( ): true when the cursor was at one. *stop is set when the list ends there. */
static bool
take_operator(struct reader *r, enum stop until, bool *stop)
{
	char c = *r->s, next = r->s + 1 < r->end ? r->s[1] : 0;

	if (c == ';' && (next == ';' || next == '&')) {
		r->s += 2;
		*stop = until == STOP_CASE;
	} else if (c == '(' && next == '(') {
		skip_arithmetic(r);
	} else if (c == '(') {
		r->s++;
		run_list(r, STOP_PAREN);
	} else if (c == ')') {
		r->s++;
		*stop = until == STOP_PAREN;
	} else if (c == ';' || c == '|' || (c == '&' && next != '>')) {
		r->s++;
	} else {
		return false;
	}
	return true;
}

/* Reads commands up to what ends the list, which is consumed. */
static enum stop
run_commands(struct reader *r, enum stop until)
{
	while (!r->sh->exhausted) {
		const char *from = r->s, *start;
		bool stop = false;
		size_t n;

		skip_lines(r);
		spend(r->sh, (size_t)(r->s - from) / 8);
		if (r->s >= r->end)
			return STOP_END;
		start = r->s;
		if (take_operator(r, until, &stop)) {
			if (stop)
				return until;
			continue;
		}
		n = bare_length(r);
		if ((until == STOP_BRACE && bare_is(r, n, "}")) || (until == STOP_CASE && bare_is(r, n, "esac"))) {
			r->s += n;
			return until == STOP_BRACE ? STOP_BRACE : STOP_ESAC;
		}
		if (!take_keyword(r, n))
			run_simple(r);
		if (r->s == start)
			r->s++; /* nothing that a shell would take */
		spend(r->sh, (size_t)(r->s - start) / 8);
	}
	return STOP_END;
}

static enum stop
run_list(struct reader *r, enum stop until)
{
	enum stop stop = STOP_END;

	if (enter(r->sh)) {
		stop = run_commands(r, until);
		r->sh->depth--;
	}
	return stop;
}

/* ---- programs that start programs ---- */

static const struct wrapper {
	const char *name;
	const char *with_value; /* letters of options that take a value */
	unsigned operands; /* its own, before the program: timeout's duration, gosu's user */
} wrappers[] = {
	{"exec", "a", 0},     {"command", "", 0},    {"builtin", "", 0},    {"sudo", "CDghpRrTtuU", 0},
	{"doas", "Cu", 0},    {"env", "CSu", 0},     {"timeout", "kst", 1}, {"nice", "n", 0},
	{"ionice", "cnp", 0}, {"nohup", "", 0},	     {"setsid", "", 0},	    {"time", "fo", 0},
	{"stdbuf", "ioe", 0}, {"busybox", "", 0},    {"toybox", "", 0},	    {"xargs", "adEIILlnPs", 0},
	{"tini", "pe", 0},    {"dumb-init", "r", 0}, {"catatonit", "", 0},  {"gosu", "", 1},
	{"su-exec", "", 1},   {"chroot", "", 1},     {"setpriv", "", 0},    {"watch", "n", 0},
};

static const char *const shells[] = {"sh", "ash", "bash", "dash", "ksh", "mksh", "zsh"};

const char *
shell_program(const char *word)
{
	const char *slash = strrchr(word, '/');

	return slash ? slash + 1 : word;
}

static bool
is_shell(const char *name)
{
	for (size_t i = 0; i < COUNT_OF(shells); i++)
		if (strcmp(shells[i], name) == 0)
			return true;
	return false;
}

static void
drop_words(struct shell_command *cmd, size_t n)
{
	if (n > cmd->n_words)
		n = cmd->n_words;
	cmd->words += n;
	cmd->raw += n;
	cmd->n_words -= n;
}

/* An option of a wrapper, and its value when that is a word of its own: how many words. */
static size_t
option_words(const char *word, const char *with_value)
{
	size_t n = strlen(word);

	if (word[1] != '-' && n >= 2 && strchr(with_value, word[n - 1]))
		return 2; /* sudo -u agent; a cluster's last letter may take a value too */
	return 1;
}

/* Takes one wrapper off. false: the first word is none, or it starts nothing (command -v curl). */
static bool
unwrap(struct shell *sh, struct shell_command *cmd)
{
	const struct wrapper *w = NULL;
	const char *name, *value;
	unsigned operands;

	for (size_t i = 0; i < COUNT_OF(wrappers); i++)
		if (strcmp(wrappers[i].name, shell_program(cmd->words[0])) == 0)
			w = &wrappers[i];
	if (!w)
		return false;
	if (strcmp(w->name, "command") == 0 && cmd->n_words > 1 && str_in_list("-v -V", cmd->words[1])) {
		cmd->n_words = 0;
		return true;
	}
	operands = w->operands;
	drop_words(cmd, 1);
	while (cmd->n_words > 0) {
		if (strcmp(cmd->words[0], "--") == 0) {
			drop_words(cmd, 1);
			break;
		}
		if (cmd->words[0][0] == '-' && cmd->words[0][1])
			drop_words(cmd, option_words(cmd->words[0], w->with_value));
		else if (split_assignment(sh, cmd->words[0], &name, &value)) {
			push_variable(sh, &sh->prefix, name, value, false);
			drop_words(cmd, 1);
		} else if (operands > 0) {
			operands--;
			drop_words(cmd, 1);
		} else
			break;
	}
	return true;
}

/* The position of the script behind -c (or -ec, -euxo pipefail -c); 0: none. */
static size_t
script_position(const struct shell_command *cmd, bool anywhere)
{
	for (size_t i = 1; i + 1 < cmd->n_words; i++) {
		const char *word = cmd->words[i];

		if ((word[0] != '-' && word[0] != '+') || !word[1]) {
			if (anywhere)
				continue;
			return 0;
		}
		if (word[0] == '-' && word[1] != '-' && strchr(word, 'c')) {
			i++;
			while (i + 1 < cmd->n_words && (cmd->words[i][0] == '-' || cmd->words[i][0] == '+') &&
			       !strchr(cmd->words[i], ' '))
				i++;
			return i;
		}
		if (word[1] != '-' && (word[strlen(word) - 1] == 'o' || word[strlen(word) - 1] == 'O'))
			i++;
	}
	return 0;
}

static void
run_script(struct shell *sh, const char *text, const char *const *args, size_t n)
{
	const char *const *outer = sh->args;
	size_t n_outer = sh->n_args;

	if (!spend(sh, WORD_COST))
		return;
	sh->args = args;
	sh->n_args = n;
	run_text(sh, text, strlen(text));
	sh->args = outer;
	sh->n_args = n_outer;
}

/* sh -c TEXT, sh FILE, sh <<EOF, ... | sh. false: what it runs is not known. */
static bool
run_shell(struct shell *sh, const struct shell_command *cmd)
{
	size_t at = script_position(cmd, false);
	const char *text = cmd->script ? cmd->script : sh->input;
	bool stdin_named = false; /* sh -s ARGUMENTS */

	if (at > 0) {
		run_script(sh, cmd->words[at], cmd->words + at + 1, cmd->n_words - at - 1);
		return true;
	}
	for (at = 1; at < cmd->n_words && cmd->words[at][0] == '-'; at++)
		stdin_named |= strcmp(cmd->words[at], "-s") == 0;
	if (at < cmd->n_words && !stdin_named)
		text = sh->host->file ? sh->host->file(sh->host->ctx, cmd->words[at]) : NULL;
	if (!text)
		return false;
	if (text == sh->input)
		sh->input = NULL; /* read to its end */
	run_script(sh, text, cmd->words + (at < cmd->n_words ? at : 0), at < cmd->n_words ? cmd->n_words - at : 0);
	return true;
}

/* Does a file's first line name an interpreter that is no shell? */
static bool
is_foreign(const char *text)
{
	const char *end = strchr(text, '\n');
	AUTO(buf) struct buf line = {0};

	if (text[0] != '#' || text[1] != '!')
		return false;
	buf_add(&line, text, end ? (size_t)(end - text) : strlen(text));
	for (size_t i = 0; i < COUNT_OF(shells); i++)
		if (str_has_word(buf_str(&line), shells[i]))
			return false;
	return true;
}

/* /scripts/init.sh as a program, or as what an interpreter runs. */
static bool
run_file(struct shell *sh, struct shell_command *cmd)
{
	const char *text = NULL;

	if (!sh->host->file)
		return false;
	if (strchr(cmd->words[0], '/'))
		text = sh->host->file(sh->host->ctx, cmd->words[0]);
	if (text && !is_foreign(text)) {
		run_script(sh, text, cmd->words, cmd->n_words);
		return true;
	}
	for (size_t i = 1; i < cmd->n_words && !text && !cmd->script; i++)
		if (cmd->words[i][0] == '/')
			text = sh->host->file(sh->host->ctx, cmd->words[i]);
	if (text)
		cmd->script = text;
	return false;
}

/* Follows a command to the program that does the work, and reports it. */
static void
launch(struct shell *sh, struct shell_command *cmd)
{
	const char *name;
	size_t at;

	while (cmd->n_words > 0 && unwrap(sh, cmd))
		;
	if (cmd->n_words == 0 || !enter(sh))
		return;
	name = shell_program(cmd->words[0]);
	if (str_in_list("su runuser", name) && (at = script_position(cmd, true)) > 0)
		run_script(sh, cmd->words[at], NULL, 0);
	else if (!(is_shell(name) && run_shell(sh, cmd)) && !run_file(sh, cmd))
		sh->host->command(sh->host->ctx, sh, cmd);
	sh->depth--;
}

bool
shell_read(struct arena *a, const char *const *argv, size_t n, const struct shell_host *host)
{
	struct shell sh = {.arena = a, .host = host};
	struct shell_command cmd = {.words = argv, .raw = argv, .n_words = n};

	if (n > 0)
		launch(&sh, &cmd);
	return !sh.exhausted;
}
