/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A window of the stream holds one part of it at a time: an item of a list, or a document that is none. A part that
 * reaches the window's end is parsed again once the window holds more of it; windows double, so no byte is parsed
 * more than a few times.
 */
#include "base/json_scan.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/json_text.h"
#include "base/mem.h"

#define WINDOW (256 * 1024)
#define MAX_ITEM ((size_t)256 * 1024 * 1024)
#define ITEM_DEPTH 2 /* an item stands in the list's object and in its items */

static struct node *
whole_text(struct json_text *t, char *start)
{
	struct node *root;
	char *p = json_text_value(t, bytes_skip_space(start), 0, &root);

	if (!p)
		return NULL;
	p = bytes_skip_space(p);
	if (p != t->end) {
		json_text_expected(t, p, "nothing behind the value", NULL);
		return NULL;
	}
	json_text_terminate(t);
	return root;
}

bool
json_parse(struct arena *a, const char *name, const char *text, size_t len, unsigned line,
	   const struct json_options *opt, struct node **out, struct err *e)
{
	struct json_text t;
	struct node *root;
	char *copy;

	if (len > MAX_ITEM)
		return err_set(e, ERR_INPUT, 0, "%s:%u: a JSON text of more than 256 MiB", name, line);
	copy = arena_alloc(a, len + BYTES_PAD);
	if (len)
		memcpy(copy, text, len);
	json_text_init(&t, name, opt);
	json_text_start(&t, a, copy + len, line);
	root = whole_text(&t, copy);
	if (root)
		*out = root;
	else
		json_text_error(&t, line + (unsigned)bytes_count_lines(copy, t.at), "text", e);
	json_text_free(&t);
	return root != NULL;
}

/* --- streams --- */

struct stream {
	struct json_text text;
	struct reader *in;
	const struct document_sink *sink;
	struct arena item; /* emptied before each value */
	struct arena head; /* a list's other members */
	size_t head_nodes, head_bytes;
	char *window;
	size_t cap; /* without the padding */
	char *at, *end; /* what is not read yet */
	/* What is behind the part in use, whose numbers may have cost it newlines, and the byte behind it. */
	unsigned next_line;
	char behind;
	bool eof;
	char *counted; /* this byte is on that line */
	unsigned line;
	struct err *e;
};

/* The part of a document that is parsed in one go. */
enum part { PART_DOCUMENT, PART_ITEM, PART_MEMBER };

static unsigned
line_of(const struct stream *st, const char *p)
{
	return st->line + (unsigned)bytes_count_lines(st->counted, p);
}

static void
count_to(struct stream *st, char *p)
{
	st->line = line_of(st, p);
	st->counted = p;
}

static bool
stream_error(struct stream *st)
{
	return json_text_error(&st->text, line_of(st, st->text.at), "file", st->e);
}

static bool
unexpected(struct stream *st, const char *expected, const char *inside)
{
	st->text.end = st->end;
	json_text_expected(&st->text, st->at, expected, inside);
	return stream_error(st);
}

/* Moves what is left to the front, and makes the window twice as large where that is more than half of it. */
static bool
make_room(struct stream *st)
{
	size_t left = (size_t)(st->end - st->at);

	count_to(st, st->at);
	if (left >= MAX_ITEM)
		return err_set(st->e, ERR_INPUT, 0, "%s:%u: one object is larger than 256 MiB", st->text.name,
			       st->line);
	if (left)
		memmove(st->window, st->at, left);
	if (left > st->cap / 2 || !st->window) {
		st->cap = st->window ? st->cap * 2 : st->cap;
		st->window = mem_grow(st->window, st->cap + BYTES_PAD, 1);
	}
	st->at = st->counted = st->window;
	st->end = st->window + left;
	return true;
}

/* Keeps what st->at points to and fills the window to its end, so that a slow pipe causes no short rounds. */
static bool
refill(struct stream *st)
{
	if (!make_room(st))
		return false;
	while (!st->eof && st->end < st->window + st->cap) {
		size_t got;

		if (!reader_read(st->in, st->end, (size_t)(st->window + st->cap - st->end), &got, st->e))
			return false;
		st->end += got;
		st->eof = got == 0;
	}
	memset(st->end, 0, BYTES_PAD);
	return true;
}

/* Skips white space; *c is the next byte, NUL at the end. */
static bool
peek(struct stream *st, char *c)
{
	for (;;) {
		st->at = bytes_skip_space(st->at);
		if (st->at < st->end || st->eof)
			break;
		if (!refill(st))
			return false;
	}
	*c = *st->at;
	return true;
}

/* Returns what is behind the part, or NULL. */
static char *
attempt(struct stream *st, enum part part, struct node **out)
{
	arena_reset(&st->item);
	json_text_start(&st->text, &st->item, st->end, st->line);
	switch (part) {
	case PART_MEMBER:
		return json_text_member(&st->text, st->at, out);
	case PART_ITEM:
		return json_text_value(&st->text, st->at, ITEM_DEPTH, out);
	default:
		return json_text_document(&st->text, st->at, out);
	}
}

/*
 * The tree of what starts at st->at. *next is what is behind it or, where a document turned out to be a list and *out
 * holds the members so far, the bracket of its items.
 */
static bool
parse_part(struct stream *st, enum part part, struct node **out, char **next)
{
	for (;;) {
		count_to(st, st->at);
		*next = attempt(st, part, out);
		if (!*next)
			*next = st->text.items;
		/* A number that ends where the window ends may go on. */
		if (*next && (*next < st->end || st->eof)) {
			st->behind = **next;
			st->next_line = line_of(st, *next);
			json_text_terminate(&st->text);
			return true;
		}
		if (!*next && (st->text.at != st->end || st->eof))
			return stream_error(st);
		if (!refill(st))
			return false;
	}
}

/* The part is used: goes on behind it. */
static void
move_on(struct stream *st, char *next)
{
	*next = st->behind;
	st->at = st->counted = next;
	st->line = st->next_line;
}

static bool
list_items(struct stream *st, const char *kind, size_t *count)
{
	char c;

	st->at++;
	if (!peek(st, &c))
		return false;
	if (c == ']') {
		st->at++;
		return true;
	}
	for (;;) {
		struct node *item;
		char *next;

		if (!peek(st, &c) || !parse_part(st, PART_ITEM, &item, &next))
			return false;
		if (!st->sink->item(st->sink->ctx, kind, item, st->e))
			return false;
		++*count;
		move_on(st, next);
		if (!peek(st, &c))
			return false;
		if (c != ',' && c != ']')
			return unexpected(st, "',' or ']' after an item", "inside a list");
		st->at++;
		if (c == ']')
			return true;
	}
}

/* A member behind the items; it starts at st->at. */
static bool
tail_member(struct stream *st, struct node *head, struct node **tail)
{
	struct node *found;
	char *next;

	if (!parse_part(st, PART_MEMBER, &found, &next))
		return false;
	if (strcmp(found->key, "items") == 0)
		return err_set(st->e, ERR_INPUT, 0, "%s:%u: a list with `items` twice", st->text.name, st->line);
	st->head_nodes += st->text.nodes;
	st->head_bytes += (size_t)(next - st->at);
	if (st->head_nodes > NODE_MAX || st->head_bytes > MAX_ITEM)
		return err_set(st->e, ERR_INPUT, 0, "%s:%u: a list with too much beside its items", st->text.name,
			       st->line);
	*tail = node_copy(&st->head, found);
	head->len++;
	move_on(st, next);
	return true;
}

/* From the bracket of the items to the end of the object. */
static bool
list_document(struct stream *st, const struct node *members, char *bracket)
{
	struct node *head = node_copy(&st->head, members);
	struct node **tail = &head->first;
	size_t count = 0;
	char c;

	st->head_nodes = st->head_bytes = 0;
	move_on(st, bracket);
	if (!list_items(st, node_get_str(head, "kind"), &count))
		return false;
	while (*tail)
		tail = &(*tail)->next;
	for (;;) {
		if (!peek(st, &c))
			return false;
		if (c == '}')
			break;
		if (c != ',')
			return unexpected(st, "',' or '}' after a member", "inside an object");
		st->at++;
		if (!peek(st, &c))
			return false;
		if (!tail_member(st, head, tail))
			return false;
		tail = &(*tail)->next;
	}
	st->at++;
	return st->sink->list_end(st->sink->ctx, head, count, st->e);
}

static bool
document(struct stream *st)
{
	struct node *root;
	char *next;

	if (!parse_part(st, PART_DOCUMENT, &root, &next))
		return false;
	if (st->text.items) {
		arena_reset(&st->head);
		return list_document(st, root, next);
	}
	if (!st->sink->document(st->sink->ctx, root, st->e))
		return false;
	move_on(st, next);
	return true;
}

static bool
documents(struct stream *st)
{
	char c;

	do {
		if (!refill(st))
			return false;
	} while (st->end - st->at < 3 && !st->eof);
	if (st->end - st->at >= 3 && memcmp(st->at, "\xef\xbb\xbf", 3) == 0)
		st->at += 3;
	for (;;) {
		if (!peek(st, &c))
			return false;
		if (st->at == st->end)
			return true;
		if (!document(st))
			return false;
	}
}

bool
json_stream(struct reader *in, const struct json_options *opt, const struct document_sink *sink, struct err *e)
{
	struct stream st = {.in = in, .sink = sink, .cap = WINDOW, .line = 1, .e = e};
	bool ok;

	if (opt && opt->window)
		st.cap = opt->window;
	json_text_init(&st.text, reader_name(in), opt);
	ok = documents(&st);
	arena_free(&st.item);
	arena_free(&st.head);
	json_text_free(&st.text);
	free(st.window);
	return ok;
}
