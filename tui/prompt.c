/* SPDX-License-Identifier: Apache-2.0 */
#include "tui/prompt.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "base/text.h"
#include "base/vec.h"
#include "tui/input.h"

#define MAX_LINE 1000 /* bytes; nobody types more, and a paste shall not grow it */
#define MAX_HISTORY 100

static void
set_text(struct prompt *p, const char *text)
{
	buf_clear(&p->text);
	buf_adds(&p->text, text);
	p->cursor = p->text.len;
}

static void
forget_typed(struct prompt *p)
{
	free(p->typed);
	free(p->stem);
	p->typed = p->stem = NULL;
	p->history_at = p->history.n;
	p->completion = 0;
}

void
prompt_open(struct prompt *p, enum prompt_mode mode, const char *text)
{
	p->mode = mode;
	set_text(p, text);
	forget_typed(p);
}

void
prompt_ask(struct prompt *p, const char *question)
{
	prompt_open(p, PROMPT_CONFIRM, "");
	free(p->question);
	p->question = mem_strdup(question);
}

void
prompt_remember(struct prompt *p, const char *command)
{
	if (p->history.n && str_eq(p->history.at[p->history.n - 1], command))
		return;
	if (p->history.n == MAX_HISTORY) {
		free(p->history.at[0]);
		memmove(p->history.at, p->history.at + 1, --p->history.n * sizeof(p->history.at[0]));
	}
	vec_push(&p->history, mem_strdup(command));
	p->history_at = p->history.n;
}

void
prompt_free(struct prompt *p)
{
	for (size_t i = 0; i < p->history.n; i++)
		free(p->history.at[i]);
	vec_free(&p->history);
	buf_free(&p->text);
	free(p->question);
	free(p->typed);
	free(p->stem);
	*p = (struct prompt){0};
}

const char *
prompt_suggestion(const struct prompt *p)
{
	const char *line;

	if (p->mode != PROMPT_COMMAND || !p->complete || p->cursor < p->text.len || !p->text.len)
		return "";
	line = p->complete(p->complete_ctx, buf_str(&p->text), 0);
	return line && strlen(line) > p->text.len ? line + p->text.len : "";
}

/* Each tab shows the next line that could be meant, and after the last one what was typed. */
static void
complete(struct prompt *p, bool backwards)
{
	const char *line;
	size_t n = 0;

	if (p->mode != PROMPT_COMMAND || !p->complete)
		return;
	if (!p->stem) {
		p->stem = mem_strdup(buf_str(&p->text));
		p->completion = backwards ? 0 : (size_t)-1;
	}
	while (p->complete(p->complete_ctx, p->stem, n))
		n++;
	p->completion = (p->completion + (backwards ? n : 1)) % (n + 1); /* n itself stands for the stem */
	line = p->complete(p->complete_ctx, p->stem, p->completion);
	set_text(p, line ? line : p->stem);
}

/* -1 is older. What was typed comes back at the end. */
static void
walk_history(struct prompt *p, int step)
{
	if (p->mode != PROMPT_COMMAND || (step < 0 && p->history_at == 0) ||
	    (step > 0 && p->history_at == p->history.n))
		return;
	if (p->history_at == p->history.n) {
		free(p->typed);
		p->typed = mem_strdup(buf_str(&p->text));
	}
	p->history_at += (size_t)step;
	set_text(p, p->history_at < p->history.n ? p->history.at[p->history_at] : p->typed);
}

static bool
is_continuation(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

static size_t
before(const struct prompt *p, size_t at)
{
	while (at > 0 && is_continuation(p->text.data[--at]))
		;
	return at;
}

static size_t
behind(const struct prompt *p, size_t at)
{
	if (at < p->text.len)
		at++;
	while (at < p->text.len && is_continuation(p->text.data[at]))
		at++;
	return at;
}

static void
erase(struct prompt *p, size_t from, size_t to)
{
	if (from >= to)
		return;
	memmove(p->text.data + from, p->text.data + to, p->text.len - to + 1);
	p->text.len -= to - from;
	p->cursor = from;
}

static size_t
word_start(const struct prompt *p)
{
	size_t at = p->cursor;

	while (at > 0 && p->text.data[at - 1] == ' ')
		at--;
	while (at > 0 && p->text.data[at - 1] != ' ')
		at--;
	return at;
}

static size_t
encode(int c, char out[4])
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 0x3f));
		out[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 0x3f));
	out[2] = (char)(0x80 | (c >> 6 & 0x3f));
	out[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

static void
insert(struct prompt *p, int c)
{
	char bytes[4];
	size_t len = encode(c, bytes);

	if (!text_char_safe((uint32_t)c) || p->text.len + len > MAX_LINE)
		return;
	buf_reserve(&p->text, len);
	memmove(p->text.data + p->cursor + len, p->text.data + p->cursor, p->text.len - p->cursor + 1);
	memcpy(p->text.data + p->cursor, bytes, len);
	p->text.len += len;
	p->cursor += len;
}

/* The keys that move or cut. false: it is none of them. */
static bool
edit(struct prompt *p, int key)
{
	switch (key) {
	case K_LEFT:
	case K_CTRL('b'):
		p->cursor = before(p, p->cursor);
		return true;
	case K_HOME:
	case K_CTRL('a'):
		p->cursor = 0;
		return true;
	case K_END:
	case K_CTRL('e'):
		p->cursor = p->text.len;
		return true;
	case K_BACKSPACE:
		erase(p, before(p, p->cursor), p->cursor);
		return true;
	case K_DELETE:
	case K_CTRL('d'):
		erase(p, p->cursor, behind(p, p->cursor));
		return true;
	case K_CTRL('u'):
		erase(p, 0, p->text.len);
		return true;
	case K_CTRL('k'):
		erase(p, p->cursor, p->text.len);
		return true;
	case K_CTRL('w'):
		erase(p, word_start(p), p->cursor);
		return true;
	default:
		return false;
	}
}

/* Right, and at the end of the line the suggestion, as in k9s and fish. */
static void
go_right(struct prompt *p)
{
	AUTO(free) char *more = mem_strdup(prompt_suggestion(p));

	if (p->cursor == p->text.len && *more) {
		buf_adds(&p->text, more);
		p->cursor = p->text.len;
	} else {
		p->cursor = behind(p, p->cursor);
	}
}

static enum prompt_result
leave(struct prompt *p, enum prompt_result result)
{
	p->mode = PROMPT_OFF;
	return result;
}

static enum prompt_result
edit_line(struct prompt *p, int key)
{
	switch (key) {
	case K_TAB:
	case K_BACKTAB:
		complete(p, key == K_BACKTAB);
		return PROMPT_EDITED;
	case K_UP:
	case K_CTRL('p'):
		walk_history(p, -1);
		return PROMPT_EDITED;
	case K_DOWN:
	case K_CTRL('n'):
		walk_history(p, 1);
		return PROMPT_EDITED;
	default:
		break;
	}
	free(p->stem);
	p->stem = NULL;
	if (key == K_RIGHT || key == K_CTRL('f'))
		go_right(p);
	else if (!edit(p, key) && key >= ' ' && key < K_UP)
		insert(p, key);
	return PROMPT_EDITED;
}

enum prompt_result
prompt_key(struct prompt *p, int key)
{
	if (p->mode == PROMPT_CONFIRM)
		return leave(p, key == 'y' || key == 'Y' ? PROMPT_DONE : PROMPT_CANCELLED);
	if (key == K_ENTER)
		return leave(p, PROMPT_DONE);
	/* Rubbing out what is not there leaves, as in vi. */
	if (key == K_ESC || key == K_CTRL('c') || (key == K_BACKSPACE && !p->text.len))
		return leave(p, PROMPT_CANCELLED);
	return edit_line(p, key);
}
