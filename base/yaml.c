/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each document is tried by yaml_block first; what that declines goes to libyaml, which may only see whole documents
 * from their first byte on. Nothing of a document has been delivered by then, unless it is a list: its first items
 * may be gone. Then libyaml gets the lines in front of the items as they were, a stand-in for the first item, empty
 * lines for what was delivered, and the rest. So every line and every message is as if it had read it all. Where the
 * document ends with a ---, yaml_block goes on.
 */
#include "base/yaml.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "base/yaml_block.h"
#include "base/yaml_events.h"
#include "base/yaml_window.h"

/* A first item that nothing below can go on with. */
#define STAND_IN "- ''\n"

struct stream {
	struct yaml_window window;
	struct yaml_block block;
	struct arena document, item;
	const struct document_sink *sink;
	struct err *e;
	bool ended;

	/* The document in hand. */
	unsigned first_line;
	unsigned keep_line; /* of the first byte that the window keeps */
	struct node *head, **tail;
	struct node *entry;
	bool is_list; /* its items were, or are, delivered one by one */
	bool at_items; /* they come next */
	int items_column;
	unsigned items_line;
	struct yaml_events_taken taken;

	/* What libyaml gets of it. */
	struct buf front; /* lines in front of what the window keeps; empty ones follow */
	size_t front_at, empty_lines;
	size_t fed; /* place */
	unsigned fed_line;
	bool line_start; /* the next byte starts a line */
	size_t next; /* place of the --- that was fed last */
	unsigned next_line; /* 0: more was fed since */
};

/* --- the plain way --- */

static size_t
place(const struct stream *s)
{
	return s->window.base + (size_t)(s->block.at - s->window.data);
}

/* The block reader at a place of the window as it is now. */
static void
set_place(struct stream *s, size_t at)
{
	const struct yaml_window *w = &s->window;

	s->block.at = yaml_window_at(w, at);
	s->block.end = yaml_window_at(w, w->lines);
	s->block.whole = yaml_window_is_whole(w);
	s->block.newline_added = w->newline_added;
}

/* Tries a step again and again with more of the text, from where it began. false: declined. */
static bool
try(struct stream *s, bool (*step)(struct stream *s))
{
	struct yaml_block *b = &s->block;
	const size_t at = place(s), nodes = b->nodes, bytes = b->bytes;
	const unsigned line = b->line;
	const int column = b->column;

	while (!step(s)) {
		if (b->stop != YAML_BLOCK_SHORT || !yaml_window_more(&s->window))
			return false;
		arena_reset(&s->item);
		set_place(s, at);
		b->line = line;
		b->column = column;
		b->nodes = nodes;
		b->bytes = bytes;
	}
	return true;
}

/* The start of the line that holds the token at hand. */
static size_t
token_line(const struct stream *s)
{
	return place(s) - (s->block.column > 0 ? (size_t)s->block.column : 0);
}

static bool
open_document(struct stream *s)
{
	bool more;

	if (!yaml_block_open(&s->block, &more))
		return false;
	s->ended = !more;
	return true;
}

static void
keep_from_here(struct stream *s)
{
	s->window.keep = token_line(s);
	s->keep_line = s->block.line;
}

/* Are the items of a list next, which are delivered one by one? */
static bool
are_items(const struct stream *s, const char *key, bool same_line)
{
	return strcmp(key, "items") == 0 && yaml_may_be_list(s->head) &&
	       (same_line ? *s->block.at == '[' : yaml_block_is_entry(&s->block));
}

/* A member of the document's map, without its items. */
static bool
member(struct stream *s)
{
	struct yaml_block *b = &s->block;
	unsigned line = b->line;
	struct node *value;
	const char *name;
	bool same_line;

	if (!yaml_block_key(b, &name, &same_line))
		return false;
	s->at_items = are_items(s, name, same_line);
	if (s->at_items) {
		/* Twice is an error, and on one line it is a list of libyaml's. */
		b->stop = YAML_BLOCK_DECLINED;
		return !same_line && !s->is_list;
	}
	value = yaml_block_value(b, 0, 1, line, same_line);
	if (!value)
		return false;
	value->key = name;
	*s->tail = value;
	s->tail = &value->next;
	s->head->len++;
	return true;
}

static bool
item(struct stream *s)
{
	struct yaml_block *b = &s->block;

	s->entry = yaml_block_entry(b, 2);
	if (!s->entry)
		return false;
	b->stop = YAML_BLOCK_DECLINED;
	return b->column == s->items_column ? yaml_block_is_entry(b) || b->column == 0 : b->column <= 0;
}

enum outcome { READ, DECLINED, FAILED };

static enum outcome
items(struct stream *s)
{
	struct yaml_block *b = &s->block;
	enum outcome outcome = READ;

	s->is_list = true;
	s->items_column = b->column;
	s->items_line = b->line;
	buf_clear(&s->front);
	buf_add(&s->front, yaml_window_at(&s->window, s->window.keep), place(s) - s->window.keep);
	buf_adds(&s->front, STAND_IN);
	b->arena = &s->item;
	while (outcome == READ && b->column == s->items_column && yaml_block_is_entry(b)) {
		if (!try(s, item)) {
			outcome = DECLINED;
			break;
		}
		s->taken = (struct yaml_events_taken){s->taken.items + 1, b->nodes, b->bytes};
		if (!s->sink->item(s->sink->ctx, node_get_str(s->head, "kind"), s->entry, s->e))
			outcome = FAILED;
		arena_reset(&s->item);
		keep_from_here(s);
	}
	b->arena = &s->document;
	return outcome;
}

static enum outcome
members(struct stream *s)
{
	enum outcome outcome = READ;

	while (outcome == READ && s->block.column >= 0) {
		if (s->block.column > 0 || !try(s, member))
			return DECLINED;
		if (s->at_items)
			outcome = items(s);
	}
	return outcome;
}

static void
document_start(struct stream *s)
{
	arena_reset(&s->document);
	s->block.arena = &s->document;
	s->block.column = 0;
	s->block.nodes = s->block.bytes = 0;
	s->is_list = false;
	s->taken = (struct yaml_events_taken){0};
	buf_clear(&s->front);
	keep_from_here(s);
	s->first_line = s->block.line;
}

static enum outcome
plain_document(struct stream *s)
{
	enum outcome outcome;
	bool ok;

	document_start(s);
	if (!try(s, open_document))
		return DECLINED;
	if (s->ended || s->block.column < 0)
		return READ;
	s->head = ARENA_NEW(&s->document, struct node);
	s->head->type = NODE_MAP;
	s->head->line = s->block.line;
	s->tail = &s->head->first;
	outcome = members(s);
	if (outcome != READ)
		return outcome;
	ok = s->is_list ? s->sink->list_end(s->sink->ctx, s->head, s->taken.items, s->e)
			: s->sink->document(s->sink->ctx, s->head, s->e);
	return ok ? READ : FAILED;
}

/* --- libyaml's way --- */

static bool
feed_front(struct stream *s, unsigned char *out, size_t size, size_t *got)
{
	size_t left = s->front.len - s->front_at;

	if (left) {
		*got = left < size ? left : size;
		memcpy(out, s->front.data + s->front_at, *got);
		s->front_at += *got;
	} else {
		*got = s->empty_lines < size ? s->empty_lines : size;
		memset(out, '\n', *got);
		s->empty_lines -= *got;
	}
	return *got > 0;
}

static bool
is_marker(const char *p, size_t len)
{
	return len > 3 && memcmp(p, "---", 3) == 0 && strchr(" \t\r\n", p[3]) && p[3];
}

/* How much to give of these bytes: up to the end of the first line that starts with a ---. */
static size_t
up_to_marker(struct stream *s, const char *bytes, size_t len)
{
	const char *p = bytes, *end = bytes + len, *newline;

	s->next_line = 0;
	if (!s->line_start) {
		newline = memchr(p, '\n', len);
		if (!newline)
			return len;
		p = newline + 1;
		s->fed_line++;
	}
	for (; p < end; p = newline + 1) {
		bool marker = is_marker(p, (size_t)(end - p));

		newline = memchr(p, '\n', (size_t)(end - p));
		if (marker) {
			s->next = s->fed + (size_t)(p - bytes);
			s->next_line = s->fed_line;
		}
		if (!newline)
			break;
		s->fed_line++;
		if (marker)
			return (size_t)(newline + 1 - bytes);
	}
	return len;
}

static bool
feed(void *ctx, unsigned char *out, size_t size, size_t *got, struct err *e)
{
	struct stream *s = ctx;
	const char *bytes;

	if (feed_front(s, out, size, got))
		return true;
	s->window.keep = s->fed;
	if (!yaml_window_bytes(&s->window, s->fed, &bytes, got, e))
		return false;
	*got = up_to_marker(s, bytes, *got < size ? *got : size);
	if (!*got)
		return true;
	memcpy(out, bytes, *got);
	s->line_start = bytes[*got - 1] == '\n';
	s->fed += *got;
	if (s->next_line)
		s->window.keep = s->next;
	return true;
}

/* The document that was declined and those behind it, until one ends where yaml_block can go on. */
static bool
by_libyaml(struct stream *s)
{
	const struct yaml_events_input input = {s, feed};
	struct yaml_events *events;
	const struct yaml_events_taken *taken = &s->taken;
	size_t next_line;
	bool ok = true, more = true;

	if (!s->taken.items)
		buf_clear(&s->front);
	s->front_at = 0;
	s->empty_lines = s->taken.items ? s->keep_line - s->items_line - 1 : 0;
	s->fed = s->window.keep;
	s->fed_line = s->keep_line;
	s->line_start = true;
	s->next_line = 0;
	arena_reset(&s->document);
	arena_reset(&s->item);
	events = yaml_events_new(reader_name(s->window.in), &input, s->first_line - 1, &s->document, &s->item);
	while (ok && more) {
		ok = yaml_events_document(events, s->sink, taken, &more, &next_line, s->e);
		taken = NULL;
		if (ok && next_line && next_line == s->next_line && !s->window.odd)
			break;
	}
	yaml_events_free(events);
	s->ended = !more;
	s->block.line = s->next_line;
	if (ok && more)
		set_place(s, s->next);
	return ok;
}

/* --- what others call --- */

bool
yaml_stream_by(struct reader *in, size_t window, const struct document_sink *sink, struct err *e)
{
	struct stream s = {.window = {.in = in, .first = window}, .sink = sink, .e = e};
	bool ok = true;

	yaml_window_more(&s.window);
	set_place(&s, 0);
	s.block.line = 1;
	while (ok && !s.ended) {
		enum outcome outcome = plain_document(&s);

		ok = outcome == READ || (outcome == DECLINED && by_libyaml(&s));
	}
	yaml_window_free(&s.window);
	buf_free(&s.block.text);
	buf_free(&s.front);
	arena_free(&s.document);
	arena_free(&s.item);
	return ok;
}

bool
yaml_stream(struct reader *in, const struct document_sink *sink, struct err *e)
{
	return yaml_stream_by(in, 0, sink, e);
}

/* The only document of a text that yaml_block takes as a whole; else NULL. */
static struct node *
plain_text(struct arena *a, const char *text, size_t len, bool strict)
{
	AUTO(free) char *lines = mem_grow(NULL, len + 1, 1);
	struct yaml_block b = {.at = lines, .arena = a, .line = 1, .whole = true, .strict = strict};
	struct node *root = NULL;
	bool cut, more;

	memcpy(lines, text, len);
	b.newline_added = text[len - 1] != '\n';
	lines[len] = '\n';
	b.end = lines + len + b.newline_added;
	if (yaml_window_check(lines, b.end, &cut) == b.end && yaml_block_open(&b, &more) && more)
		root = yaml_block_map(&b);
	/* More documents are left to libyaml: it knows which may follow. */
	if (root && b.at < b.end)
		root = NULL;
	buf_free(&b.text);
	return root;
}

bool
yaml_parse(struct arena *a, const char *name, const char *text, size_t len, bool strict, struct node **out,
	   struct err *e)
{
	struct node *root = len && len <= YAML_WINDOW_MAX ? plain_text(a, text, len, strict) : NULL;

	if (!root)
		return yaml_events_parse(a, name, text, len, strict, out, e);
	*out = root;
	return true;
}
