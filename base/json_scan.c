/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text is parsed where it lies: strings and numbers of the tree point into the window, which holds one item at a
 * time. An item that reaches the window's end is parsed again once the window holds more of it (windows double, so
 * no byte is read more than a few times). Nothing is written into the text until the item is whole; then the byte
 * behind each string and number becomes NUL.
 */
#include "base/json_scan.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "base/vec.h"

#define WINDOW (256 * 1024)
#define MAX_ITEM ((size_t)256 * 1024 * 1024)
#define NODES_AT_ONCE 32
#define ITEM_DEPTH 2 /* an item stands in the list's object and in its items */
#define LONG_KEY 63

struct scan {
	const char *name;
	struct arena *arena;
	const struct json_options *opt;
	uint64_t raw_lengths; /* bit n: a raw key has that length; the last bit: that or more */
	char *end; /* of the text; BYTES_PAD zero bytes follow */
	struct node *spare, *spare_end;
	size_t nodes;
	VEC(char *) ends; /* where a NUL goes once the item is whole */
	unsigned line; /* of every node */
	bool list_allowed; /* stop at the `items` of the outermost object */
	char *items; /* the bracket where it stopped */

	/* The failure: at is the end when the text was too short. */
	char *at;
	const char *expected, *inside;
};

/* Returns NULL, for callers to return. */
static char *
fail(struct scan *s, char *at, const char *expected, const char *inside)
{
	s->at = at;
	s->expected = expected;
	s->inside = inside;
	return NULL;
}

/* NULL when the item has too many; p is for the message. */
static struct node *
new_node(struct scan *s, char *p)
{
	if (s->spare == s->spare_end) {
		if (s->nodes >= NODE_MAX) {
			fail(s, p, "fewer values in one object", "inside an object");
			return NULL;
		}
		s->nodes += NODES_AT_ONCE;
		s->spare = ARENA_ARRAY(s->arena, struct node, NODES_AT_ONCE);
		s->spare_end = s->spare + NODES_AT_ONCE;
	}
	s->spare->line = s->line;
	return s->spare++;
}

/* --- strings --- */

static int
hex4(const char *p)
{
	int value = 0;

	for (int i = 0; i < 4; i++) {
		int c = p[i] | 0x20;

		if (p[i] >= '0' && p[i] <= '9')
			value = value * 16 + p[i] - '0';
		else if (c >= 'a' && c <= 'f')
			value = value * 16 + c - 'a' + 10;
		else
			return -1;
	}
	return value;
}

/* The unit of a \uXXXX at p, or -1 and a failure set. */
static int
unicode_unit(struct scan *s, char *p)
{
	int unit;

	for (int i = 2; i < 6; i++) {
		if (p + i == s->end) {
			fail(s, s->end, NULL, "inside a string");
			return -1;
		}
	}
	unit = hex4(p + 2);
	if (unit < 0)
		fail(s, p, "four hex digits after \\u", "inside a string");
	return unit;
}

/* Checks the escape at p and returns what is behind it. */
static char *
skip_escape(struct scan *s, char *p)
{
	int unit;

	if (p + 1 == s->end)
		return fail(s, s->end, NULL, "inside a string");
	if (p[1] != 'u') {
		if (p[1] && strchr("\"\\/bfnrt", p[1]))
			return p + 2;
		return fail(s, p + 1, "one of \" \\ / b f n r t u after a backslash", "inside a string");
	}
	unit = unicode_unit(s, p);
	if (unit < 0)
		return NULL;
	if (unit < 0xd800 || unit > 0xdfff)
		return p + 6;
	if (unit > 0xdbff)
		return fail(s, p, "a high surrogate before a low one", "inside a string");
	p += 6;
	if (p == s->end || (*p == '\\' && p + 1 == s->end))
		return fail(s, s->end, NULL, "inside a string");
	if (*p != '\\' || p[1] != 'u')
		return fail(s, p, "a low surrogate after a high one", "inside a string");
	unit = unicode_unit(s, p);
	if (unit < 0)
		return NULL;
	return unit >= 0xdc00 && unit <= 0xdfff ? p + 6 : fail(s, p, "a low surrogate after a high one", "inside a string");
}

/* Checks the character at p, which is not ASCII, and returns what is behind it. */
static char *
skip_utf8(struct scan *s, char *p)
{
	unsigned char c = (unsigned char)*p;
	size_t len = c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
	unsigned char second;

	if (c < 0xc2 || c > 0xf4)
		return fail(s, p, "UTF-8", "inside a string");
	for (size_t i = 1; i < len; i++) {
		if (p + i == s->end)
			return fail(s, s->end, NULL, "inside a string");
		if (((unsigned char)p[i] & 0xc0) != 0x80)
			return fail(s, p, "UTF-8", "inside a string");
	}
	/* Overlong, surrogates, beyond U+10FFFF: all are told by the first two bytes. */
	second = (unsigned char)p[1];
	if ((c == 0xe0 && second < 0xa0) || (c == 0xed && second > 0x9f) || (c == 0xf0 && second < 0x90) ||
	    (c == 0xf4 && second > 0x8f))
		return fail(s, p, "UTF-8", "inside a string");
	return p + len;
}

/* p is behind the opening quote; returns the closing one. */
static char *
string_end(struct scan *s, char *p, bool *escaped)
{
	for (;;) {
		p = bytes_skip_plain(p);
		if (*p == '"')
			return p;
		if (*p == '\\') {
			*escaped = true;
			p = skip_escape(s, p);
		} else if ((unsigned char)*p >= 0x80) {
			p = skip_utf8(s, p);
		} else {
			return fail(s, p, "a closing quote, or an escape for a control character", "inside a string");
		}
		if (!p)
			return NULL;
	}
}

static char *
put_utf8(char *out, unsigned c)
{
	if (c < 0x80) {
		*out++ = (char)c;
		return out;
	}
	if (c < 0x800) {
		*out++ = (char)(0xc0 | c >> 6);
	} else {
		if (c < 0x10000) {
			*out++ = (char)(0xe0 | c >> 12);
		} else {
			*out++ = (char)(0xf0 | c >> 18);
			*out++ = (char)(0x80 | (c >> 12 & 0x3f));
		}
		*out++ = (char)(0x80 | (c >> 6 & 0x3f));
	}
	*out++ = (char)(0x80 | (c & 0x3f));
	return out;
}

/* Writes what the checked escape at p stands for, never longer than it is; p moves behind it. */
static char *
put_escape(const char **p, char *out)
{
	const char *at = *p;
	unsigned c;

	*p = at + 2;
	switch (at[1]) {
	case 'b':
		*out = '\b';
		return out + 1;
	case 'f':
		*out = '\f';
		return out + 1;
	case 'n':
		*out = '\n';
		return out + 1;
	case 'r':
		*out = '\r';
		return out + 1;
	case 't':
		*out = '\t';
		return out + 1;
	case 'u':
		c = (unsigned)hex4(at + 2);
		*p = at + 6;
		if (c >= 0xd800 && c <= 0xdfff) {
			c = 0x10000 + ((c & 0x3ff) << 10) + ((unsigned)hex4(at + 8) & 0x3ff);
			*p = at + 12;
		}
		return put_utf8(out, c);
	default:
		*out = at[1];
		return out + 1;
	}
}

/* A copy of a checked text in the arena, without its escapes. */
static char *
unescape(struct scan *s, const char *text, size_t *len)
{
	char *copy = arena_strndup(s->arena, text, *len);
	const char *in = copy, *end = copy + *len;
	char *out = copy;

	while (in < end) {
		const char *escape = memchr(in, '\\', (size_t)(end - in));
		size_t run = (size_t)((escape ? escape : end) - in);

		memmove(out, in, run);
		out += run;
		in += run;
		if (escape)
			out = put_escape(&in, out);
	}
	*out = '\0';
	*len = (size_t)(out - copy);
	return copy;
}

/* p is at the opening quote; returns what is behind the closing one. */
static char *
string(struct scan *s, char *p, const char **text, size_t *len)
{
	bool escaped = false;
	char *start = p + 1, *end = string_end(s, start, &escaped);

	if (!end)
		return NULL;
	*len = (size_t)(end - start);
	if (escaped) {
		*text = unescape(s, start, len);
	} else {
		*text = start;
		vec_push(&s->ends, end);
	}
	return end + 1;
}

/* --- numbers and words --- */

static char *
skip_digits(struct scan *s, char *p)
{
	if (*p < '0' || *p > '9')
		return fail(s, p, "a digit", "inside a number");
	while (*p >= '0' && *p <= '9')
		p++;
	return p;
}

static bool
int_value(const char *p, const char *end, int64_t *out)
{
	bool negative = *p == '-';
	uint64_t value = 0;

	for (p += negative; p < end; p++) {
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(*p - '0'), &value))
			return false;
	}
	if (value > (uint64_t)INT64_MAX + negative)
		return false;
	*out = (int64_t)(negative ? 0 - value : value);
	return true;
}

/* The number's text has no NUL behind it yet. */
static bool
real_value(const char *p, size_t len, double *out)
{
	char small[64];
	char *text = len < sizeof(small) ? small : mem_grow(NULL, len + 1, 1);
	bool ok;

	memcpy(text, p, len);
	text[len] = '\0';
	ok = node_parse_real(text, out);
	if (text != small)
		free(text);
	return ok;
}

static char *
number(struct scan *s, char *p, struct node *n)
{
	char *start = p;
	bool whole = true;

	p += *p == '-';
	if (*p == '0')
		p++;
	else if (!(p = skip_digits(s, p)))
		return NULL;
	if (*p == '.') {
		whole = false;
		if (!(p = skip_digits(s, p + 1)))
			return NULL;
	}
	if (*p == 'e' || *p == 'E') {
		whole = false;
		p++;
		p += *p == '+' || *p == '-';
		if (!(p = skip_digits(s, p)))
			return NULL;
	}
	n->text = start;
	n->len = (uint32_t)(p - start);
	n->type = NODE_INT;
	if (!whole || !int_value(start, p, &n->number)) {
		n->type = NODE_FLOAT;
		if (!real_value(start, n->len, &n->real))
			return fail(s, start, "a number that fits into a double", "inside a number");
	}
	vec_push(&s->ends, p);
	return p;
}

static char *
word(struct scan *s, char *p, struct node *n)
{
	static const struct {
		const char *text;
		uint32_t len;
		unsigned char type;
		bool value;
	} words[] = {
		{"true", 4, NODE_BOOL, true},
		{"false", 5, NODE_BOOL, false},
		{"null", 4, NODE_NULL, false},
	};

	for (size_t i = 0; i < COUNT_OF(words); i++) {
		size_t same = 0;

		while (same < words[i].len && p[same] == words[i].text[same])
			same++;
		if (same == words[i].len) {
			n->type = words[i].type;
			n->text = words[i].text;
			n->len = words[i].len;
			n->number = words[i].value;
			return p + same;
		}
		if (same && p + same == s->end)
			return fail(s, s->end, NULL, "inside a word");
	}
	return fail(s, p, "a value", "before a value");
}

/* --- what stays unparsed --- */

static bool
is_raw(const struct scan *s, const char *key, size_t len)
{
	if (!(s->raw_lengths >> (len < LONG_KEY ? len : LONG_KEY) & 1))
		return false;
	for (const char *const *raw = s->opt->raw_keys; *raw; raw++)
		if (strlen(*raw) == len && memcmp(*raw, key, len) == 0)
			return true;
	return false;
}

static char *
skip_raw_string(struct scan *s, char *p)
{
	for (p++;; p += 2) {
		p = bytes_skip_string(p);
		if (*p == '"')
			return p + 1;
		if (*p != '\\' || p + 1 == s->end)
			return fail(s, *p == '\\' ? s->end : p, "a closing quote", "inside a string");
	}
}

/* Brackets and braces have to match; a bit for each that is open tells which it is. */
static char *
skip_raw_nested(struct scan *s, char *p, unsigned depth)
{
	uint64_t lists[JSON_MAX_DEPTH / 64 + 1] = {0};
	unsigned outside = depth;

	do {
		uint64_t *set = &lists[depth / 64], bit = (uint64_t)1 << depth % 64;

		switch (*p) {
		case '"':
			p = skip_raw_string(s, p);
			if (!p)
				return NULL;
			break;
		case '{':
		case '[':
			if (depth >= JSON_MAX_DEPTH)
				return fail(s, p, "less nesting", "inside a value");
			*set = *p == '[' ? *set | bit : *set & ~bit;
			depth++;
			p++;
			break;
		case '}':
		case ']':
			depth--;
			if ((lists[depth / 64] >> depth % 64 & 1) != (*p == ']'))
				return fail(s, p, *p == ']' ? "'}'" : "']'", "inside a value");
			p++;
			break;
		default:
			return fail(s, p, "no NUL byte", "inside an object");
		}
		if (depth == outside)
			return p;
		p = bytes_skip_flat(p);
	} while (true);
}

static char *
raw(struct scan *s, char *p, struct node *n, unsigned depth)
{
	char *start = p;

	if (*p == '{' || *p == '[')
		p = skip_raw_nested(s, p, depth);
	else if (*p == '"')
		p = skip_raw_string(s, p);
	else if (*p == '-' || (*p >= '0' && *p <= '9'))
		p = number(s, p, n);
	else
		p = word(s, p, n);
	if (!p)
		return NULL;
	n->type = NODE_RAW;
	n->text = start;
	n->len = (uint32_t)(p - start);
	return p;
}

/* --- values --- */

static char *value(struct scan *s, char *p, struct node *n, unsigned depth);

static char *
list(struct scan *s, char *p, struct node *n, unsigned depth)
{
	struct node **tail = &n->first;

	n->type = NODE_LIST;
	p = bytes_skip_space(p + 1);
	if (*p == ']')
		return p + 1;
	for (;;) {
		struct node *next = new_node(s, p);

		if (!next || !(p = value(s, p, next, depth)))
			return NULL;
		*tail = next;
		tail = &next->next;
		n->len++;
		p = bytes_skip_space(p);
		if (*p == ']')
			return p + 1;
		if (*p != ',')
			return fail(s, p, "',' or ']' after a list's member", "inside a list");
		p = bytes_skip_space(p + 1);
	}
}

/* The name and the colon; returns where the value starts. */
static char *
name(struct scan *s, char *p, struct node *n, size_t *len)
{
	if (*p != '"')
		return fail(s, p, "a name in double quotes", "inside an object");
	if (!(p = string(s, p, &n->key, len)))
		return NULL;
	p = bytes_skip_space(p);
	if (*p != ':')
		return fail(s, p, "':' after a name", "inside an object");
	return bytes_skip_space(p + 1);
}

static bool
is_name(const struct node *n, size_t len, const char *text, size_t text_len)
{
	return len == text_len && memcmp(n->key, text, len) == 0;
}

/* May an object with this kind (NULL: not seen yet) be a list? */
static bool
may_be_list(const struct node *kind)
{
	return !kind || (kind->type == NODE_STRING && kind->len >= 4 &&
			 memcmp(kind->text + kind->len - 4, "List", 4) == 0);
}

/* One member: its name, its value. NULL too when it is the `items` to stop at. */
static char *
member(struct scan *s, char *p, struct node *n, unsigned depth, const struct node **kind)
{
	size_t len;
	char *start = p;

	if (!(p = name(s, p, n, &len)))
		return NULL;
	if (s->list_allowed && depth == 1) {
		if (is_name(n, len, "kind", 4))
			*kind = n;
		else if (*p == '[' && is_name(n, len, "items", 5) && may_be_list(*kind)) {
			s->items = p;
			return NULL;
		}
	}
	/* Only an escape can bring one, and then the name is a copy. */
	if (n->key != start + 1 && memchr(n->key, '\0', len))
		return fail(s, start, "a name without NUL", "inside an object");
	return is_raw(s, n->key, len) ? raw(s, p, n, depth) : value(s, p, n, depth);
}

static char *
object(struct scan *s, char *p, struct node *n, unsigned depth)
{
	struct node **tail = &n->first;
	const struct node *kind = NULL;

	n->type = NODE_MAP;
	p = bytes_skip_space(p + 1);
	if (*p == '}')
		return p + 1;
	for (;;) {
		struct node *next = new_node(s, p);

		if (!next || !(p = member(s, p, next, depth, &kind)))
			return NULL;
		*tail = next;
		tail = &next->next;
		n->len++;
		p = bytes_skip_space(p);
		if (*p == '}')
			return p + 1;
		if (*p != ',')
			return fail(s, p, "',' or '}' after a member", "inside an object");
		p = bytes_skip_space(p + 1);
	}
}

static char *
value(struct scan *s, char *p, struct node *n, unsigned depth)
{
	char *(*const nested)(struct scan *, char *, struct node *, unsigned) = *p == '{' ? object : list;

	switch (*p) {
	case '"': {
		size_t len;

		n->type = NODE_STRING;
		n->quoted = true;
		if (!(p = string(s, p, &n->text, &len)))
			return NULL;
		n->len = (uint32_t)len;
		return p;
	}
	case '{':
	case '[':
		if (depth >= JSON_MAX_DEPTH)
			return fail(s, p, "less nesting", "inside a value");
		return nested(s, p, n, depth + 1);
	case '-':
	case '0' ... '9':
		return number(s, p, n);
	default:
		return word(s, p, n);
	}
}

/* --- one value, and what it failed with --- */

static void
scan_init(struct scan *s, const char *source, const struct json_options *opt)
{
	*s = (struct scan){.name = source, .opt = opt};
	for (const char *const *key = opt ? opt->raw_keys : NULL; key && *key; key++) {
		size_t len = strlen(*key);

		s->raw_lengths |= (uint64_t)1 << (len < LONG_KEY ? len : LONG_KEY);
	}
}

/* Starts a tree: what the last one took from the arena is forgotten. */
static void
scan_start(struct scan *s, struct arena *a, char *end, unsigned line)
{
	s->arena = a;
	s->spare = s->spare_end = NULL;
	s->nodes = 0;
	s->ends.n = 0;
	s->end = end;
	s->line = line;
	s->list_allowed = false;
	s->items = NULL;
}

/* The tree is whole: from here on its strings end in NUL, and the text is no JSON any more. */
static void
terminate(struct scan *s)
{
	for (size_t i = 0; i < s->ends.n; i++)
		*s->ends.at[i] = '\0';
}

/* The scan failed on that line; `what` is the file or the text. */
static bool
json_error(const struct scan *s, unsigned line, const char *what, struct err *e)
{
	unsigned char found = (unsigned char)*s->at;

	if (s->at == s->end)
		return err_set(e, ERR_INPUT, 0, "%s:%u: truncated JSON: the %s ends %s", s->name, line, what,
			       s->inside);
	if (found > ' ' && found < 0x7f)
		return err_set(e, ERR_INPUT, 0, "%s:%u: bad JSON: expected %s, found '%c'", s->name, line,
			       s->expected, found);
	return err_set(e, ERR_INPUT, 0, "%s:%u: bad JSON: expected %s, found byte 0x%02x", s->name, line,
		       s->expected, found);
}

static struct node *
whole_text(struct scan *s, char *start)
{
	char *p = bytes_skip_space(start);
	struct node *root = new_node(s, p);

	if (p == s->end) {
		fail(s, p, NULL, "before a value");
		return NULL;
	}
	if (!root || !(p = value(s, p, root, 0)))
		return NULL;
	p = bytes_skip_space(p);
	if (p != s->end) {
		fail(s, p, "nothing behind the value", NULL);
		return NULL;
	}
	terminate(s);
	return root;
}

bool
json_parse(struct arena *a, const char *source, const char *text, size_t len, unsigned line,
	   const struct json_options *opt, struct node **out, struct err *e)
{
	struct scan s;
	struct node *root;
	char *copy;

	if (len > MAX_ITEM)
		return err_set(e, ERR_INPUT, 0, "%s:%u: a JSON text of more than 256 MiB", source, line);
	copy = arena_alloc(a, len + BYTES_PAD);
	if (len)
		memcpy(copy, text, len);
	scan_init(&s, source, opt);
	scan_start(&s, a, copy + len, line);
	root = whole_text(&s, copy);
	if (root)
		*out = root;
	else
		json_error(&s, line + (unsigned)bytes_count_lines(copy, s.at), "text", e);
	free(s.ends.at);
	return root != NULL;
}

/* --- streams --- */

struct stream {
	struct scan scan;
	struct reader *in;
	const struct document_sink *sink;
	struct arena item; /* emptied before each value */
	struct arena head; /* a list's other members */
	size_t head_nodes, head_bytes;
	char *window;
	size_t cap; /* without the padding */
	char *at, *end; /* what is not read yet */
	char behind; /* the byte behind the part in use, where a number's NUL may stand now */
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
	return json_error(&st->scan, line_of(st, st->scan.at), "file", st->e);
}

static bool
unexpected(struct stream *st, const char *expected, const char *inside)
{
	st->scan.end = st->end;
	fail(&st->scan, st->at, expected, inside);
	return stream_error(st);
}

/* Moves what is left to the front, and makes the window twice as large where that is more than half of it. */
static bool
make_room(struct stream *st)
{
	size_t left = (size_t)(st->end - st->at);

	count_to(st, st->at);
	if (left > MAX_ITEM)
		return err_set(st->e, ERR_INPUT, 0, "%s:%u: one object is larger than 256 MiB", st->scan.name, st->line);
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
	struct scan *s = &st->scan;
	const struct node *kind = NULL;

	arena_reset(&st->item);
	scan_start(s, &st->item, st->end, st->line);
	s->list_allowed = part == PART_DOCUMENT;
	*out = new_node(s, st->at);
	switch (part) {
	case PART_MEMBER:
		return member(s, st->at, *out, 1, &kind);
	case PART_ITEM:
		return value(s, st->at, *out, ITEM_DEPTH);
	default:
		return value(s, st->at, *out, 0);
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
			*next = st->scan.items;
		/* A number that ends where the window ends may go on. */
		if (*next && (*next < st->end || st->eof)) {
			st->behind = **next;
			terminate(&st->scan);
			return true;
		}
		if (!*next && (st->scan.at != st->end || st->eof))
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
	st->at = next;
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
		return err_set(st->e, ERR_INPUT, 0, "%s:%u: a list with `items` twice", st->scan.name, st->line);
	st->head_nodes += st->scan.nodes;
	st->head_bytes += (size_t)(next - st->at);
	if (st->head_nodes > NODE_MAX || st->head_bytes > MAX_ITEM)
		return err_set(st->e, ERR_INPUT, 0, "%s:%u: a list with too much beside its items", st->scan.name,
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
	if (st->scan.items) {
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

	if (!refill(st))
		return false;
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
	scan_init(&st.scan, reader_name(in), opt);
	ok = documents(&st);
	arena_free(&st.item);
	arena_free(&st.head);
	free(st.scan.ends.at);
	free(st.window);
	return ok;
}
