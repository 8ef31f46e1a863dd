/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json_text.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define NODES_AT_ONCE 32
#define LONG_KEY 63 /* keys of this length and more share a bit of raw_lengths */

#define BAD_UTF8 "a string is not valid UTF-8"
#define HALF_PAIR "\\u with half of a surrogate pair"
#define TOO_LARGE "a number too large for a double"
#define STR(x) #x
#define XSTR(x) STR(x)
#define TOO_DEEP "nested deeper than " XSTR(JSON_MAX_DEPTH) " levels"

/* The three failures; all return NULL, for callers to return. The text is too short: */
static char *
cut(struct json_text *t, const char *inside)
{
	t->at = t->end;
	t->inside = inside;
	return NULL;
}

/* Something else stands at p, or the text ends there: */
static char *
expected(struct json_text *t, char *p, const char *what, const char *inside)
{
	t->at = p;
	t->problem = NULL;
	t->expected = what;
	t->inside = inside;
	return NULL;
}

/* What stands at p may not: */
static char *
refuse(struct json_text *t, char *p, const char *problem)
{
	t->at = p;
	t->problem = problem;
	return NULL;
}

/* NULL when the item has too many; p is for the message. */
static struct node *
new_node(struct json_text *t, char *p)
{
	if (t->spare == t->spare_end) {
		if (t->nodes >= NODE_MAX) {
			refuse(t, p, "more values in one object than " XSTR(NODE_MAX));
			return NULL;
		}
		t->nodes += NODES_AT_ONCE;
		t->spare = ARENA_ARRAY(t->arena, struct node, NODES_AT_ONCE);
		t->spare_end = t->spare + NODES_AT_ONCE;
	}
	t->spare->line = t->line;
	return t->spare++;
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
unicode_unit(struct json_text *t, char *p)
{
	int unit;

	for (int i = 2; i < 6; i++) {
		if (p + i == t->end) {
			cut(t, "inside a string");
			return -1;
		}
	}
	unit = hex4(p + 2);
	if (unit < 0)
		refuse(t, p, "\\u without four hex digits");
	return unit;
}

/* Checks the escape at p and returns what is behind it. */
static char *
skip_escape(struct json_text *t, char *p)
{
	int unit;

	if (p + 1 == t->end)
		return cut(t, "inside a string");
	if (p[1] != 'u') {
		if (p[1] && strchr("\"\\/bfnrt", p[1]))
			return p + 2;
		return expected(t, p + 1, "one of \" \\ / b f n r t u after a backslash", "inside a string");
	}
	unit = unicode_unit(t, p);
	if (unit < 0)
		return NULL;
	if (unit < 0xd800 || unit > 0xdfff)
		return p + 6;
	if (unit > 0xdbff)
		return refuse(t, p, HALF_PAIR);
	p += 6;
	if (p == t->end || (*p == '\\' && p + 1 == t->end))
		return cut(t, "inside a string");
	if (*p != '\\' || p[1] != 'u')
		return refuse(t, p, HALF_PAIR);
	unit = unicode_unit(t, p);
	if (unit < 0)
		return NULL;
	return unit >= 0xdc00 && unit <= 0xdfff ? p + 6 : refuse(t, p, HALF_PAIR);
}

/* Checks the character at p, which is not ASCII, and returns what is behind it. */
static char *
skip_utf8(struct json_text *t, char *p)
{
	unsigned char c = (unsigned char)*p;
	size_t len = c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
	unsigned char second;

	if (c < 0xc2 || c > 0xf4)
		return refuse(t, p, BAD_UTF8);
	for (size_t i = 1; i < len; i++) {
		if (p + i == t->end)
			return cut(t, "inside a string");
		if (((unsigned char)p[i] & 0xc0) != 0x80)
			return refuse(t, p, BAD_UTF8);
	}
	/* Overlong, surrogates, beyond U+10FFFF: all are told by the first two bytes. */
	second = (unsigned char)p[1];
	if ((c == 0xe0 && second < 0xa0) || (c == 0xed && second > 0x9f) || (c == 0xf0 && second < 0x90) ||
	    (c == 0xf4 && second > 0x8f))
		return refuse(t, p, BAD_UTF8);
	return p + len;
}

/* p is behind the opening quote; returns the closing one. */
static char *
string_end(struct json_text *t, char *p, bool *escaped)
{
	for (;;) {
		p = bytes_skip_plain(p);
		if (*p == '"')
			return p;
		if (*p == '\\') {
			*escaped = true;
			p = skip_escape(t, p);
		} else if ((unsigned char)*p >= 0x80) {
			p = skip_utf8(t, p);
		} else {
			return expected(t, p, "a closing quote, or an escape for a control character",
					"inside a string");
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
unescape(struct json_text *t, const char *text, size_t *len)
{
	char *copy = arena_strndup(t->arena, text, *len);
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
string(struct json_text *t, char *p, const char **text, size_t *len)
{
	bool escaped = false;
	char *start = p + 1, *end = string_end(t, start, &escaped);

	if (!end)
		return NULL;
	*len = (size_t)(end - start);
	if (escaped) {
		*text = unescape(t, start, len);
	} else {
		*text = start;
		vec_push(&t->ends, end);
	}
	return end + 1;
}

/* --- numbers and words --- */

static char *
skip_digits(struct json_text *t, char *p)
{
	if (*p < '0' || *p > '9')
		return expected(t, p, "a digit", "inside a number");
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
number(struct json_text *t, char *p, struct node *n)
{
	char *start = p;
	bool whole = true;

	p += *p == '-';
	if (*p == '0')
		p++;
	else if (!(p = skip_digits(t, p)))
		return NULL;
	if (*p == '.') {
		whole = false;
		if (!(p = skip_digits(t, p + 1)))
			return NULL;
	}
	if (*p == 'e' || *p == 'E') {
		whole = false;
		p++;
		p += *p == '+' || *p == '-';
		if (!(p = skip_digits(t, p)))
			return NULL;
	}
	n->text = start;
	n->len = (uint32_t)(p - start);
	n->type = NODE_INT;
	if (!whole || !int_value(start, p, &n->number)) {
		n->type = NODE_FLOAT;
		if (!real_value(start, n->len, &n->real))
			return p == t->end ? cut(t, "inside a number") : refuse(t, start, TOO_LARGE);
	}
	vec_push(&t->ends, p);
	return p;
}

static char *
word(struct json_text *t, char *p, struct node *n)
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
		if (same && p + same == t->end)
			return cut(t, "inside a word");
	}
	return expected(t, p, "a value", "before a value");
}

/* --- what stays unparsed --- */

static bool
is_raw(const struct json_text *t, const char *key, size_t len)
{
	if (!(t->raw_lengths >> (len < LONG_KEY ? len : LONG_KEY) & 1))
		return false;
	for (const char *const *raw = t->opt->raw_keys; *raw; raw++)
		if (strlen(*raw) == len && memcmp(*raw, key, len) == 0)
			return true;
	return false;
}

static char *
skip_raw_string(struct json_text *t, char *p)
{
	for (p++;; p += 2) {
		p = bytes_skip_string(p);
		if (*p == '"')
			return p + 1;
		if (*p != '\\' || p + 1 == t->end)
			return expected(t, *p == '\\' ? t->end : p, "a closing quote", "inside a string");
	}
}

/* Brackets and braces have to match; a bit for each that is open tells which it is. */
static char *
skip_raw_nested(struct json_text *t, char *p, unsigned depth)
{
	uint64_t lists[JSON_MAX_DEPTH / 64 + 1] = {0};
	unsigned outside = depth;

	do {
		uint64_t *set = &lists[depth / 64], bit = (uint64_t)1 << depth % 64;

		switch (*p) {
		case '"':
			p = skip_raw_string(t, p);
			if (!p)
				return NULL;
			break;
		case '{':
		case '[':
			if (depth >= JSON_MAX_DEPTH)
				return refuse(t, p, TOO_DEEP);
			*set = *p == '[' ? *set | bit : *set & ~bit;
			depth++;
			p++;
			break;
		case '}':
		case ']':
			depth--;
			if ((lists[depth / 64] >> depth % 64 & 1) != (*p == ']'))
				return expected(t, p, *p == ']' ? "'}'" : "']'", "inside a value");
			p++;
			break;
		default:
			return expected(t, p, "no NUL byte", "inside an object");
		}
		if (depth == outside)
			return p;
		p = bytes_skip_flat(p);
	} while (true);
}

static char *
raw(struct json_text *t, char *p, struct node *n, unsigned depth)
{
	char *start = p;

	if (*p == '{' || *p == '[')
		p = skip_raw_nested(t, p, depth);
	else if (*p == '"')
		p = skip_raw_string(t, p);
	else if (*p == '-' || (*p >= '0' && *p <= '9'))
		p = number(t, p, n);
	else
		p = word(t, p, n);
	if (!p)
		return NULL;
	n->type = NODE_RAW;
	n->text = start;
	n->len = (uint32_t)(p - start);
	return p;
}

/* --- values --- */

static char *value(struct json_text *t, char *p, struct node *n, unsigned depth);

static char *
list(struct json_text *t, char *p, struct node *n, unsigned depth)
{
	struct node **tail = &n->first;

	n->type = NODE_LIST;
	p = bytes_skip_space(p + 1);
	if (*p == ']')
		return p + 1;
	for (;;) {
		struct node *next = new_node(t, p);

		if (!next || !(p = value(t, p, next, depth)))
			return NULL;
		*tail = next;
		tail = &next->next;
		n->len++;
		p = bytes_skip_space(p);
		if (*p == ']')
			return p + 1;
		if (*p != ',')
			return expected(t, p, "',' or ']' after a list's member", "inside a list");
		p = bytes_skip_space(p + 1);
	}
}

/* The name and the colon; returns where the value starts. */
static char *
name(struct json_text *t, char *p, struct node *n, size_t *len)
{
	if (*p != '"')
		return expected(t, p, "a name in double quotes", "inside an object");
	if (!(p = string(t, p, &n->key, len)))
		return NULL;
	p = bytes_skip_space(p);
	if (*p != ':')
		return expected(t, p, "':' after a name", "inside an object");
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
	return !kind ||
	       (kind->type == NODE_STRING && kind->len >= 4 && memcmp(kind->text + kind->len - 4, "List", 4) == 0);
}

/* One member: its name, its value. NULL too when it is the `items` to stop at. */
static char *
member(struct json_text *t, char *p, struct node *n, unsigned depth, const struct node **kind)
{
	size_t len;
	char *start = p;

	if (!(p = name(t, p, n, &len)))
		return NULL;
	if (t->stop_at_items && depth == 1) {
		if (is_name(n, len, "kind", 4))
			*kind = n;
		else if (*p == '[' && is_name(n, len, "items", 5) && may_be_list(*kind)) {
			t->items = p;
			return NULL;
		}
	}
	/* Only an escape can bring one, and then the name is a copy. */
	if (n->key != start + 1 && memchr(n->key, '\0', len))
		return refuse(t, start, "a NUL in a name");
	return is_raw(t, n->key, len) ? raw(t, p, n, depth) : value(t, p, n, depth);
}

static char *
object(struct json_text *t, char *p, struct node *n, unsigned depth)
{
	struct node **tail = &n->first;
	const struct node *kind = NULL;

	n->type = NODE_MAP;
	p = bytes_skip_space(p + 1);
	if (*p == '}')
		return p + 1;
	for (;;) {
		struct node *next = new_node(t, p);

		if (!next || !(p = member(t, p, next, depth, &kind)))
			return NULL;
		*tail = next;
		tail = &next->next;
		n->len++;
		p = bytes_skip_space(p);
		if (*p == '}')
			return p + 1;
		if (*p != ',')
			return expected(t, p, "',' or '}' after a member", "inside an object");
		p = bytes_skip_space(p + 1);
	}
}

static char *
value(struct json_text *t, char *p, struct node *n, unsigned depth)
{
	char *(*const nested)(struct json_text *, char *, struct node *, unsigned) = *p == '{' ? object : list;

	switch (*p) {
	case '"': {
		const char *start = p;
		size_t len;

		n->type = NODE_STRING;
		n->quoted = true;
		if (!(p = string(t, p, &n->text, &len)))
			return NULL;
		n->len = (uint32_t)len;
		/* Only an escape can bring one, and then the text is a copy. */
		n->has_nul = n->text != start + 1 && memchr(n->text, '\0', len);
		return p;
	}
	case '{':
	case '[':
		if (depth >= JSON_MAX_DEPTH)
			return refuse(t, p, TOO_DEEP);
		return nested(t, p, n, depth + 1);
	case '-':
	case '0' ... '9':
		return number(t, p, n);
	default:
		return word(t, p, n);
	}
}

/* --- what others call --- */

void
json_text_init(struct json_text *t, const char *name, const struct json_options *opt)
{
	*t = (struct json_text){.name = name, .opt = opt};
	for (const char *const *key = opt ? opt->raw_keys : NULL; key && *key; key++) {
		size_t len = strlen(*key);

		t->raw_lengths |= (uint64_t)1 << (len < LONG_KEY ? len : LONG_KEY);
	}
}

void
json_text_free(struct json_text *t)
{
	vec_free(&t->ends);
}

void
json_text_start(struct json_text *t, struct arena *a, char *end, unsigned line)
{
	t->arena = a;
	t->spare = t->spare_end = NULL;
	t->nodes = 0;
	t->ends.n = 0;
	t->end = end;
	t->line = line;
	t->stop_at_items = false;
	t->items = NULL;
}

char *
json_text_document(struct json_text *t, char *p, struct node **out)
{
	t->stop_at_items = true;
	return json_text_value(t, p, 0, out);
}

char *
json_text_value(struct json_text *t, char *p, unsigned depth, struct node **out)
{
	*out = new_node(t, p);
	return value(t, p, *out, depth);
}

char *
json_text_member(struct json_text *t, char *p, struct node **out)
{
	const struct node *kind = NULL;

	*out = new_node(t, p);
	return member(t, p, *out, 1, &kind);
}

void
json_text_terminate(struct json_text *t)
{
	for (size_t i = 0; i < t->ends.n; i++)
		*t->ends.at[i] = '\0';
}

void
json_text_expected(struct json_text *t, char *at, const char *what, const char *inside)
{
	expected(t, at, what, inside);
}

bool
json_text_error(const struct json_text *t, unsigned line, const char *what, struct err *e)
{
	unsigned char found = (unsigned char)*t->at;

	if (t->at == t->end)
		return err_set(e, ERR_INPUT, 0, "%s:%u: truncated JSON: the %s ends %s", t->name, line, what,
			       t->inside);
	if (t->problem)
		return err_set(e, ERR_INPUT, 0, "%s:%u: bad JSON: %s", t->name, line, t->problem);
	if (found > ' ' && found < 0x7f)
		return err_set(e, ERR_INPUT, 0, "%s:%u: bad JSON: expected %s, found '%c'", t->name, line,
			       t->expected, found);
	return err_set(e, ERR_INPUT, 0, "%s:%u: bad JSON: expected %s, found byte 0x%02x", t->name, line,
		       t->expected, found);
}
