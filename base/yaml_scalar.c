/* SPDX-License-Identifier: Apache-2.0 */
#include "base/yaml_scalar.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define LONGEST_WORD 5

static const struct {
	const char *text;
	unsigned char type;
	bool value;
} words[] = {
	{"", NODE_NULL, 0},	{"~", NODE_NULL, 0},	 {"null", NODE_NULL, 0},  {"Null", NODE_NULL, 0},
	{"NULL", NODE_NULL, 0}, {"y", NODE_BOOL, 1},	 {"Y", NODE_BOOL, 1},	  {"yes", NODE_BOOL, 1},
	{"Yes", NODE_BOOL, 1},	{"YES", NODE_BOOL, 1},	 {"true", NODE_BOOL, 1},  {"True", NODE_BOOL, 1},
	{"TRUE", NODE_BOOL, 1}, {"on", NODE_BOOL, 1},	 {"On", NODE_BOOL, 1},	  {"ON", NODE_BOOL, 1},
	{"n", NODE_BOOL, 0},	{"N", NODE_BOOL, 0},	 {"no", NODE_BOOL, 0},	  {"No", NODE_BOOL, 0},
	{"NO", NODE_BOOL, 0},	{"false", NODE_BOOL, 0}, {"False", NODE_BOOL, 0}, {"FALSE", NODE_BOOL, 0},
	{"off", NODE_BOOL, 0},	{"Off", NODE_BOOL, 0},	 {"OFF", NODE_BOOL, 0},
};

static const struct {
	const char *text;
	double value;
} reals[] = {
	{".nan", NAN},	     {".NaN", NAN},	   {".NAN", NAN},	 {".inf", INFINITY},
	{".Inf", INFINITY},  {".INF", INFINITY},   {"+.inf", INFINITY},	 {"+.Inf", INFINITY},
	{"+.INF", INFINITY}, {"-.inf", -INFINITY}, {"-.Inf", -INFINITY}, {"-.INF", -INFINITY},
};

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
word(struct node *n, const char *text, size_t len)
{
	for (size_t i = 0; len <= LONGEST_WORD && i < COUNT_OF(words); i++) {
		/* Keys come by here too, and most differ in their first byte: the call is what costs. */
		if (words[i].text[0] == text[0] && strcmp(text, words[i].text) == 0) {
			n->type = words[i].type;
			n->number = words[i].value;
			return true;
		}
	}
	return false;
}

static bool
special_real(struct node *n, const char *text)
{
	for (size_t i = 0; i < COUNT_OF(reals); i++) {
		if (strcmp(text, reals[i].text) == 0) {
			n->type = NODE_FLOAT;
			n->real = reals[i].value;
			return true;
		}
	}
	return false;
}

/* The base that a number's prefix (behind the sign) names, as Go's ParseInt with base 0 reads it; *digits moves on. */
static unsigned
number_base(const char **digits)
{
	const char *p = *digits;

	if (*p != '0' || !p[1])
		return 10;
	*digits += 2;
	switch (p[1]) {
	case 'x':
	case 'X':
		return 16;
	case 'o':
	case 'O':
		return 8;
	case 'b':
	case 'B':
		return 2;
	default:
		*digits = p + 1;
		return 8;
	}
}

static bool
unsigned_value(const char *p, unsigned base, uint64_t *out)
{
	uint64_t value = 0;

	if (!*p)
		return false;
	for (; *p; p++) {
		unsigned digit = is_digit(*p) ? (unsigned)(*p - '0') : (unsigned)((*p | 0x20) - 'a') + 10;

		if ((!is_digit(*p) && ((*p | 0x20) < 'a' || (*p | 0x20) > 'f')) || digit >= base)
			return false;
		if (__builtin_mul_overflow(value, base, &value) || __builtin_add_overflow(value, digit, &value))
			return false;
	}
	*out = value;
	return true;
}

static bool
whole(struct node *n, const char *text)
{
	bool negative = *text == '-', sign = negative || *text == '+';
	const char *digits = text + sign;
	unsigned base = number_base(&digits);
	uint64_t value;

	if (!unsigned_value(digits, base, &value))
		return false;
	if (value > (uint64_t)INT64_MAX + negative) {
		if (sign)
			return false;
		n->type = NODE_FLOAT;
		n->real = (double)value;
		return true;
	}
	n->type = NODE_INT;
	n->octal = base == 8;
	n->number = (int64_t)(negative ? 0 - value : value);
	return true;
}

/* [-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)? */
static bool
looks_real(const char *p)
{
	bool before, behind;

	p += *p == '-' || *p == '+';
	before = is_digit(*p);
	while (is_digit(*p))
		p++;
	behind = *p == '.' && is_digit(p[1]);
	if (*p == '.')
		p++;
	while (is_digit(*p))
		p++;
	if (!before && !behind)
		return false;
	if (*p == 'e' || *p == 'E') {
		p++;
		p += *p == '-' || *p == '+';
		if (!is_digit(*p))
			return false;
		while (is_digit(*p))
			p++;
	}
	return !*p;
}

static bool
real(struct node *n, const char *text)
{
	double value;

	if (!looks_real(text) || !node_parse_real(text, &value))
		return false;
	n->type = NODE_FLOAT;
	n->real = value;
	return true;
}

/* Starts with a digit or a sign: a number, unless it is not. Underscores do not count. */
static bool
number(struct node *n, const char *text, size_t len)
{
	char small[64];
	char *plain, *out;
	bool ok;

	if (!memchr(text, '_', len))
		return whole(n, text) || real(n, text);
	plain = out = len < sizeof(small) ? small : mem_grow(NULL, len + 1, 1);
	for (const char *p = text; *p; p++)
		if (*p != '_')
			*out++ = *p;
	*out = '\0';
	ok = whole(n, plain) || real(n, plain);
	if (plain != small)
		free(plain);
	return ok;
}

/* Sets type and value if the text is anything but a string. */
static bool
resolve(struct node *n, const char *text, size_t len)
{
	switch (*text) {
	case '.':
		return special_real(n, text) || real(n, text);
	case '+':
	case '-':
		return special_real(n, text) || number(n, text, len);
	case '0' ... '9':
		return number(n, text, len);
	case '\0':
		return len == 0 && word(n, text, len);
	case '~':
	case 'y':
	case 'Y':
	case 'n':
	case 'N':
	case 't':
	case 'T':
	case 'f':
	case 'F':
	case 'o':
	case 'O':
		return word(n, text, len);
	default:
		return false;
	}
}

static int
base64_digit(char c)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* Line breaks are passed over, as Go does; padding is needed. */
static bool
binary(struct arena *a, struct node *n, const char *text, size_t len)
{
	char *out = arena_alloc(a, len + 1);
	unsigned bits = 0, held = 0, padding = 0, digits = 0;

	n->text = out;
	for (size_t i = 0; i < len; i++) {
		int digit = base64_digit(text[i]);

		if (text[i] == '\n' || text[i] == '\r')
			continue;
		digits++;
		if (text[i] == '=') {
			padding++;
			continue;
		}
		if (digit < 0 || padding)
			return false;
		held = held << 6 | (unsigned)digit;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			*out++ = (char)(held >> bits);
		}
	}
	n->len = (uint32_t)(out - n->text);
	*out = '\0';
	return digits % 4 == 0 && padding <= 2;
}

static bool
is_tag(const char *tag, const char *name)
{
	static const char core[] = "tag:yaml.org,2002:";

	return strncmp(tag, core, sizeof(core) - 1) == 0 && strcmp(tag + sizeof(core) - 1, name) == 0;
}

/* An explicit tag of the core schema, and the types that satisfy it. */
static bool
tagged(struct arena *a, struct node *n, const char *tag)
{
	static const struct {
		const char *name;
		unsigned char type;
	} tags[] = {{"null", NODE_NULL}, {"bool", NODE_BOOL}, {"int", NODE_INT}, {"float", NODE_FLOAT}};

	if (is_tag(tag, "binary"))
		return binary(a, n, n->text, n->len);
	for (size_t i = 0; i < COUNT_OF(tags); i++) {
		if (!is_tag(tag, tags[i].name))
			continue;
		if (memchr(n->text, '\0', n->len))
			return false;
		resolve(n, n->text, n->len);
		if (tags[i].type == NODE_FLOAT && n->type == NODE_INT) {
			n->type = NODE_FLOAT;
			n->real = (double)n->number;
		}
		n->quoted = false;
		return n->type == tags[i].type;
	}
	return true; /* a string: !!str, !!timestamp, and tags that nobody here knows */
}

bool
yaml_scalar(struct arena *a, struct node *n, const char *tag, bool plain, const char *text, size_t len)
{
	n->type = NODE_STRING;
	n->quoted = !plain;
	n->text = arena_strndup(a, text, len);
	n->len = (uint32_t)len;
	if (tag) {
		n->quoted = true;
		if (!tagged(a, n, tag))
			return false;
	} else if (plain) {
		resolve(n, n->text, len);
	}
	n->has_nul = memchr(n->text, '\0', n->len) != NULL;
	return true;
}

const char *
yaml_key(struct arena *a, const struct node *n)
{
	switch (n->type) {
	case NODE_NULL:
		return NULL;
	case NODE_BOOL:
		return n->number ? "true" : "false";
	case NODE_INT:
		return arena_printf(a, "%" PRId64, n->number);
	default:
		return n->text;
	}
}
