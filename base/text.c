/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"

#include <string.h>

struct range {
	uint32_t first, last;
};

#include "base/text_table.h"

#define REPLACEMENT 0xfffd

static bool
within(const struct range *table, size_t n, uint32_t c)
{
	size_t low = 0;

	if (c < table[0].first || c > table[n - 1].last)
		return false;
	while (low < n) {
		size_t mid = low + (n - low) / 2;

		if (c > table[mid].last)
			low = mid + 1;
		else if (c < table[mid].first)
			n = mid;
		else
			return true;
	}
	return false;
}

#define WITHIN(table, c) within(table, COUNT_OF(table), c)

/* Bytes of the character at s, 0 if they are not UTF-8 as RFC 3629 has it (overlong, surrogate, cut short). */
static size_t
decode(const unsigned char *s, const unsigned char *end, uint32_t *out)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t len = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : s[0] < 0xf5 ? 4 : 0;
	uint32_t c;

	if (!len || len > (size_t)(end - s))
		return 0;
	c = len == 1 ? s[0] : s[0] & (0x7f >> len);
	for (size_t i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	if (c < least[len] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	*out = c;
	return len;
}

static void
add_visible(struct buf *out, uint32_t c)
{
	if (c == '\n')
		buf_adds(out, "\\n");
	else if (c == '\t')
		buf_adds(out, "\\t");
	else if (c == '\r')
		buf_adds(out, "\\r");
	else
		buf_addf(out, c < 0x80 ? "\\x%02x" : c < 0x10000 ? "\\u%04x" : "\\U%08x", c);
}

#define EACH_BYTE(b) (UINT64_C(0x0101010101010101) * (b))

/* Eight at a time: a byte that is none of them has its highest bit set, or gets it. */
size_t
text_plain(const char *s, size_t len)
{
	size_t i = 0;

	for (uint64_t x; i + sizeof(x) <= len; i += sizeof(x)) {
		memcpy(&x, s + i, sizeof(x));
		if ((x | (x - EACH_BYTE(0x20)) | (x + EACH_BYTE(1))) & EACH_BYTE(0x80))
			break;
	}
	while (i < len && s[i] >= 0x20 && s[i] < 0x7f)
		i++;
	return i;
}

void
text_safe(struct buf *out, const char *s, size_t len)
{
	const unsigned char *at = (const unsigned char *)s, *end = at + len, *clean = at;

	while (at < end) {
		uint32_t c = 0;
		size_t n;

		at += text_plain((const char *)at, (size_t)(end - at));
		if (at == end)
			break;
		n = decode(at, end, &c);
		if (!n || WITHIN(unsafe, c)) {
			buf_add(out, clean, (size_t)(at - clean));
			if (n)
				add_visible(out, c);
			else
				buf_addf(out, "\\x%02x", *at);
			clean = at + (n ? n : 1);
		}
		at += n ? n : 1;
	}
	buf_add(out, clean, (size_t)(end - clean));
}

uint32_t
text_next(const char **s, const char *end)
{
	const unsigned char *at = (const unsigned char *)*s;
	uint32_t c = REPLACEMENT;
	size_t n;

	if (*s >= end)
		return 0;
	n = decode(at, (const unsigned char *)end, &c);
	*s += n ? n : 1;
	return n && c ? c : REPLACEMENT;
}

bool
text_char_safe(uint32_t c)
{
	return (c >= 0x20 && c < 0x7f) || (c <= 0x10ffff && !WITHIN(unsafe, c));
}

int
text_char_width(uint32_t c)
{
	if (c >= 0x20 && c < 0x7f)
		return 1;
	if (c < 0xa0)
		return 0;
	if (c < 0x300)
		return 1;
	return WITHIN(zero, c) || WITHIN(unsafe, c) ? 0 : WITHIN(wide, c) ? 2 : 1;
}

size_t
text_width(const char *s)
{
	size_t len = strlen(s), width = text_plain(s, len);
	const char *end = s + len;

	s += width;
	for (uint32_t c; (c = text_next(&s, end));)
		width += (size_t)text_char_width(c);
	return width;
}

static size_t
fit(const char *s, const char *end, size_t columns)
{
	const char *at = s, *fits = s;
	size_t width = 0;

	for (uint32_t c; (c = text_next(&at, end)); fits = at) {
		width += (size_t)text_char_width(c);
		if (width > columns)
			break;
	}
	return (size_t)(fits - s);
}

size_t
text_fit(const char *s, size_t columns)
{
	return fit(s, s + strlen(s), columns);
}

struct wrap {
	struct buf *out;
	size_t columns, indent;
	size_t at; /* the column reached */
	size_t gap; /* spaces owed before the next word */
	bool fresh; /* no word on this line yet */
};

static void
wrap_newline(struct wrap *w)
{
	buf_addc(w->out, '\n');
	w->at = 0;
	w->gap = w->indent;
	w->fresh = true;
}

static void
wrap_put(struct wrap *w, const char *s, size_t len, size_t width)
{
	buf_fill(w->out, ' ', w->gap);
	buf_add(w->out, s, len);
	w->at += w->gap + width;
	w->gap = 0;
	w->fresh = false;
}

static size_t
width_of(const char *s, const char *end)
{
	size_t width = 0;

	for (uint32_t c; (c = text_next(&s, end));)
		width += (size_t)text_char_width(c);
	return width;
}

static void
wrap_word(struct wrap *w, const char *s, const char *end)
{
	size_t width = width_of(s, end);

	if (w->at + w->gap + width > w->columns && (!w->fresh || w->at + w->gap > w->indent))
		wrap_newline(w);
	while (w->at + w->gap + width > w->columns) {
		const char *rest = s;
		size_t len = fit(s, end, w->columns - w->at - w->gap);

		if (len == 0) { /* a wide character in one column: it sticks out, or it would never be shown */
			text_next(&rest, end);
			len = (size_t)(rest - s);
		}
		wrap_put(w, s, len, width_of(s, s + len));
		s += len;
		if (s == end)
			return;
		wrap_newline(w);
		width = width_of(s, end);
	}
	wrap_put(w, s, (size_t)(end - s), width);
}

void
text_wrap(struct buf *out, const char *s, size_t columns, size_t at, size_t indent)
{
	struct wrap w = {.out = out, .columns = columns ? columns : 1, .at = at, .fresh = true};

	w.indent = indent < w.columns ? indent : 0;
	while (*s) {
		size_t len = strcspn(s, " \n");

		if (*s == '\n') {
			wrap_newline(&w);
			s++;
		} else if (*s == ' ') {
			w.gap++;
			s++;
		} else {
			wrap_word(&w, s, s + len);
			s += len;
		}
	}
}

/* What stands for the console's own signs where only ASCII can be shown. Each is one column wide, as its stand-in. */
static const struct {
	uint32_t c;
	char ascii;
} stand_ins[] = {
	{0x00b7, '.'}, /* middle dot */
	{0x2014, '-'}, /* em dash */
	{0x2022, '*'}, /* bullet */
	{0x2026, '~'}, /* ellipsis */
	{0x203a, '>'}, /* single angle quotation mark */
	{0x2190, '<'}, {0x2191, '^'}, {0x2192, '>'}, {0x2193, 'v'}, /* arrows */
	{0x2500, '-'}, {0x2502, '|'}, {0x250c, '+'}, {0x2510, '+'}, {0x2514, '+'}, {0x2518, '+'}, /* lines */
	{0x251c, '+'}, {0x2524, '+'}, {0x252c, '+'}, {0x2534, '+'}, {0x253c, '+'},
	{0x2550, '='}, {0x2551, '|'}, /* double lines */
	{0x2588, '#'}, {0x2591, '.'}, {0x2592, ':'}, /* blocks */
	{0x25b2, '^'}, {0x25b4, '^'}, {0x25b6, '>'}, {0x25b8, '>'}, /* triangles */
	{0x25bc, 'v'}, {0x25be, 'v'}, {0x25c0, '<'}, {0x25c2, '<'},
	{0x25cb, 'o'}, {0x25cf, '*'}, {0x25d0, '%'}, {0x25d5, '@'}, /* states */
	{0x2713, '+'}, {0x2714, '+'}, {0x2717, 'x'}, {0x2718, 'x'}, /* check marks */
};

char
text_stand_in(uint32_t c)
{
	for (size_t i = 0; i < COUNT_OF(stand_ins); i++) {
		if (stand_ins[i].c == c)
			return stand_ins[i].ascii;
	}
	return '?';
}

void
text_ascii(struct buf *out, const char *s)
{
	const char *end = s + strlen(s);

	while (s < end) {
		uint32_t c = text_next(&s, end);

		buf_addc(out, c < 0x80 ? (char)c : text_stand_in(c));
	}
}
