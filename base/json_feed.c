/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json_feed.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json_text.h"
#include "base/mem.h"

#define LIMIT ((size_t)64 * 1024 * 1024)
#define KEPT ((size_t)1024 * 1024) /* a buffer larger than this is given back once it is empty */
#define ITEMS_DEPTH 2 /* inside the list's object, and inside its items */

/* What may come between values. */
enum between { FIRST, ITEM, COMMA, OVER };

struct json_feed {
	struct json_feed_options opt;
	struct json_text text;
	struct json_options text_options;
	struct arena arena; /* the tree in hand */
	struct buf in; /* what is not used yet; BYTES_PAD zero bytes behind it */
	size_t at; /* of it: looked at so far */
	size_t start; /* of it: where the value in hand begins, or what was not yet copied to the head */
	struct buf head; /* the list without its items */
	unsigned depth; /* open brackets and braces */
	bool in_string, in_items, whole;
	enum between between; /* items */
	unsigned line;
};

struct json_feed *
json_feed_new(const struct json_feed_options *opt)
{
	struct json_feed *f = mem_alloc(sizeof(*f));

	f->opt = *opt;
	if (!f->opt.limit)
		f->opt.limit = LIMIT;
	f->text_options.raw_keys = opt->raw_keys;
	json_text_init(&f->text, opt->name, &f->text_options);
	f->line = 1;
	return f;
}

void
json_feed_free(struct json_feed *f)
{
	if (!f)
		return;
	json_text_free(&f->text);
	arena_free(&f->arena);
	buf_free(&f->in);
	buf_free(&f->head);
	free(f);
}

/* The number of a line is good enough for a message: a number at its end may have cost one its newline. */
static unsigned
line_of(const struct json_feed *f, const char *p)
{
	return f->line + (unsigned)bytes_count_lines(f->in.data, p);
}

static bool
bad(struct json_feed *f, const char *p, const char *expected, struct err *e)
{
	unsigned char found = (unsigned char)*p;

	if (found > ' ' && found < 0x7f)
		return err_set(e, ERR_INPUT, 0, "%s:%u: bad JSON: expected %s, found '%c'", f->opt.name,
			       line_of(f, p), expected, found);
	return err_set(e, ERR_INPUT, 0, "%s:%u: bad JSON: expected %s, found byte 0x%02x", f->opt.name,
		       line_of(f, p), expected, found);
}

/* The text from start is one value up to end; its bytes may be written to. */
static bool
parse(struct json_feed *f, char *start, char *text_end, unsigned line, unsigned depth, struct node **out,
      struct err *e)
{
	char *p;

	arena_reset(&f->arena);
	json_text_start(&f->text, &f->arena, text_end, 0);
	p = json_text_value(&f->text, start, depth, out);
	if (!p)
		return json_text_error(&f->text, line, "answer", e);
	json_text_terminate(&f->text);
	return true;
}

static bool
value_done(struct json_feed *f, struct err *e)
{
	char *start = f->in.data + f->start;
	struct node *value;

	if (!parse(f, start, f->in.data + f->in.len, line_of(f, start), f->in_items ? ITEMS_DEPTH : 0, &value, e))
		return false;
	f->start = f->at;
	return f->opt.value(f->opt.ctx, value, e);
}

/* What was passed since `start` belongs to the list itself. */
static bool
keep_head(struct json_feed *f, struct err *e)
{
	buf_add(&f->head, f->in.data + f->start, f->at - f->start);
	f->start = f->at;
	if (f->head.len > f->opt.limit)
		return err_set(e, ERR_INPUT, 0, "%s:%u: a list with too much beside its items", f->opt.name,
			       f->line);
	return true;
}

static bool
head_done(struct json_feed *f, struct err *e)
{
	struct node *head;
	size_t len;

	if (!keep_head(f, e))
		return false;
	f->whole = true;
	len = f->head.len;
	memset(buf_reserve(&f->head, BYTES_PAD), 0, BYTES_PAD);
	return parse(f, f->head.data, f->head.data + len, f->line, 0, &head, e) && f->opt.head(f->opt.ctx, head, e);
}

static size_t
back_over_space(const char *text, size_t len)
{
	while (len && bytes_is_space(text[len - 1]))
		len--;
	return len;
}

/* Does the text end in the name `items` and its colon? */
static bool
ends_in_items(const char *text, size_t len)
{
	static const char name[] = "\"items\"";

	len = back_over_space(text, len);
	if (!len || text[len - 1] != ':')
		return false;
	len = back_over_space(text, len - 1);
	return len >= sizeof(name) - 1 && memcmp(text + len - (sizeof(name) - 1), name, sizeof(name) - 1) == 0;
}

/* A bracket or brace was opened at p, which has been passed. */
static bool
opened(struct json_feed *f, char c, struct err *e)
{
	f->depth++;
	if (!f->opt.items || f->in_items || c != '[' || f->depth != ITEMS_DEPTH)
		return true;
	if (!keep_head(f, e))
		return false;
	if (!ends_in_items(f->head.data, f->head.len - 1))
		return true;
	f->in_items = true;
	f->between = FIRST;
	return true;
}

static bool
closed(struct json_feed *f, const char *p, struct err *e)
{
	if (!f->depth)
		return bad(f, p, "a value", e);
	f->depth--;
	if (f->in_items && f->depth == ITEMS_DEPTH) {
		f->between = COMMA;
		return value_done(f, e);
	}
	if (f->depth)
		return true;
	return f->opt.items ? head_done(f, e) : value_done(f, e);
}

/* A byte between items. */
static bool
between_items(struct json_feed *f, const char *p, struct err *e)
{
	if (*p == ']' && f->between != ITEM) {
		f->start = f->at++;
		f->in_items = false;
		f->depth--;
		return true;
	}
	if (*p == ',' && f->between == COMMA) {
		f->between = ITEM;
		f->at++;
		return true;
	}
	if (*p != '{' || f->between == COMMA)
		return bad(f, p, f->between == COMMA ? "',' or ']' after an item" : "an object as an item", e);
	f->start = f->at++;
	f->depth++;
	return true;
}

/* A byte outside of all values. */
static bool
between_values(struct json_feed *f, const char *p, struct err *e)
{
	if (*p != '{' || f->whole)
		return bad(f, p, f->whole ? "nothing behind the list" : "an object", e);
	f->start = f->at++;
	f->depth++;
	return true;
}

static bool
in_string(struct json_feed *f, char *p, const char *end, struct err *e)
{
	p = bytes_skip_string(p);
	if (p < end && *p == '\\' && p + 1 == end) {
		f->at = (size_t)(p - f->in.data); /* what is escaped has not come yet */
		return true;
	}
	if (p < end && !*p)
		return bad(f, p, "no NUL byte", e);
	if (p < end && *p == '"')
		f->in_string = false;
	if (p < end)
		p += *p == '\\' ? 2 : 1;
	f->at = (size_t)(p - f->in.data);
	return true;
}

static bool
in_value(struct json_feed *f, char *p, const char *end, struct err *e)
{
	p = bytes_skip_flat(p);
	f->at = (size_t)(p - f->in.data);
	if (p >= end)
		return true;
	if (!*p)
		return bad(f, p, "no NUL byte", e);
	f->at++;
	if (*p == '"')
		f->in_string = true;
	else if (*p == '{' || *p == '[')
		return opened(f, *p, e);
	else
		return closed(f, p, e);
	return true;
}

/* One step, which uses at least one byte or needs more than there are: *more. */
static bool
step(struct json_feed *f, bool *more, struct err *e)
{
	bool outside = f->depth == (f->in_items ? ITEMS_DEPTH : 0);
	const char *end = f->in.data + f->in.len;
	char *p = f->in.data + f->at;
	size_t before = f->at;
	bool ok;

	if (outside) {
		p = bytes_skip_space(p);
		f->start = f->at = before = (size_t)(p - f->in.data);
		*more = p == end;
		if (*more)
			return true;
		return f->in_items ? between_items(f, p, e) : between_values(f, p, e);
	}
	ok = f->in_string ? in_string(f, p, end, e) : in_value(f, p, end, e);
	*more = f->at == before || f->at >= f->in.len;
	return ok;
}

/* What was used goes; what is left of a value stays. */
static bool
shift(struct json_feed *f, struct err *e)
{
	size_t left;

	if (f->opt.items && !f->in_items && !f->whole && f->depth && !keep_head(f, e))
		return false;
	left = f->in.len - f->start;
	if (left > f->opt.limit)
		return err_set(e, ERR_INPUT, 0, "%s:%u: one object of more than %zu bytes", f->opt.name, f->line,
			       f->opt.limit);
	f->line += (unsigned)bytes_count_lines(f->in.data, f->in.data + f->start);
	if (!left && f->in.cap > KEPT) {
		buf_free(&f->in);
	} else if (f->start) {
		memmove(f->in.data, f->in.data + f->start, left);
		f->in.len = left;
	}
	f->at -= f->start;
	f->start = 0;
	return true;
}

bool
json_feed_add(struct json_feed *f, const char *data, size_t len, struct err *e)
{
	bool more = !len;

	if (!len)
		return true;
	buf_add(&f->in, data, len);
	memset(buf_reserve(&f->in, BYTES_PAD), 0, BYTES_PAD);
	while (!more)
		if (!step(f, &more, e))
			return false;
	return shift(f, e);
}

bool
json_feed_end(struct json_feed *f, struct err *e)
{
	if (f->depth || (f->opt.items && !f->whole))
		return err_set(e, ERR_INPUT, 0, "%s:%u: truncated JSON: the answer ends %s", f->opt.name, f->line,
			       f->depth ? "inside an object" : "before it began");
	return true;
}
