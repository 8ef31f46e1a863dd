/* SPDX-License-Identifier: Apache-2.0 */
#include "base/yaml_window.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/mem.h"

#define FIRST_WINDOW ((size_t)64 * 1024)

/* The first byte that is no printable ASCII, tab or newline, or at most 15 bytes before it. */
static const unsigned char *
skip_usual(const unsigned char *p, const unsigned char *end)
{
#ifdef BYTES_SSE2
	for (; end - p >= 16; p += 16) {
		__m128i block = bytes_load((const char *)p);
		/* As signed numbers: what is not ASCII is below zero. */
		__m128i printable =
			_mm_andnot_si128(bytes_equal(block, 0x7f), _mm_cmpgt_epi8(block, _mm_set1_epi8(0x1f)));
		__m128i white = _mm_or_si128(bytes_equal(block, '\n'), bytes_equal(block, '\t'));

		if (_mm_movemask_epi8(_mm_or_si128(printable, white)) != 0xffff)
			break;
	}
#else
	(void)end;
#endif
	return p;
}

static size_t
utf8_length(unsigned char first)
{
	if (first >= 0xc2 && first <= 0xdf)
		return 2;
	if (first >= 0xe0 && first <= 0xef)
		return 3;
	return first >= 0xf0 && first <= 0xf4 ? 4 : 0;
}

static bool
is_text(uint32_t c, size_t len)
{
	static const uint32_t least[] = {[2] = 0xa0, [3] = 0x800, [4] = 0x10000}; /* C1 controls are none */

	if (c < least[len] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return false;
	/* Line ends of YAML 1.1, the byte order mark, and what is no character. */
	return c != 0x2028 && c != 0x2029 && c != 0xfeff && c != 0xfffe && c != 0xffff;
}

/* Bytes of the character at p; 0: it is none, or cut off. */
static size_t
character(const unsigned char *p, const unsigned char *end, bool *cut)
{
	size_t len = utf8_length(*p);
	uint32_t c;

	if (!len)
		return 0;
	if ((size_t)(end - p) < len) {
		*cut = true;
		return 0;
	}
	c = *p & (0x7fu >> len);
	for (size_t i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3fu);
	}
	return is_text(c, len) ? len : 0;
}

const char *
yaml_window_check(const char *start, const char *text_end, bool *cut)
{
	const unsigned char *p = (const unsigned char *)start, *end = (const unsigned char *)text_end;

	*cut = false;
	for (p = skip_usual(p, end); p < end;) {
		size_t len = 1;

		if (*p >= 0x80)
			len = character(p, end, cut);
		else if ((*p < 0x20 && *p != '\n' && *p != '\t') || *p == 0x7f)
			len = 0;
		if (!len)
			break;
		p += len;
		if (*(p - 1) == '\n')
			p = skip_usual(p, end);
	}
	return (const char *)p;
}

/* Drops what is not kept and makes room. */
static void
make_room(struct yaml_window *w)
{
	size_t gone = w->keep - w->base;

	if (gone) {
		w->len -= gone;
		memmove(w->data, w->data + gone, w->len);
		w->base = w->keep;
	}
	if (w->cap && w->len <= w->cap / 2)
		return;
	w->cap = w->cap ? w->cap * 2 : w->first ? w->first : FIRST_WINDOW;
	w->data = mem_grow(w->data, w->cap + 1, 1); /* + 1: a newline at the end of the last line */
}

static void
fill(struct yaml_window *w)
{
	size_t got = 1;

	make_room(w);
	while (got && w->len < w->cap) {
		if (!reader_read(w->in, w->data + w->len, w->cap - w->len, &got, &w->error))
			return;
		w->len += got;
		w->eof = got == 0;
	}
}

/* Checks what came and finds the last whole line. */
static void
check(struct yaml_window *w)
{
	const char *from, *to, *end = w->data + w->len, *newline;
	bool cut;

	if (w->odd)
		return;
	from = yaml_window_at(w, w->checked);
	to = yaml_window_check(from, end, &cut);
	w->checked += (size_t)(to - from);
	w->odd = to < end && (!cut || w->eof);
	if (w->eof && !w->odd && w->len && end[-1] != '\n') {
		w->data[w->len++] = '\n';
		w->checked++;
		w->newline_added = true;
		to++;
	}
	newline = memrchr(from, '\n', (size_t)(to - from));
	if (newline)
		w->lines = w->base + (size_t)(newline + 1 - w->data);
}

bool
yaml_window_more(struct yaml_window *w)
{
	size_t lines = w->lines;

	while (w->lines == lines) {
		if (w->eof || w->odd || w->error.kind != ERR_NONE ||
		    w->len - (w->keep - w->base) >= YAML_WINDOW_MAX)
			return false;
		fill(w);
		check(w);
	}
	return true;
}

bool
yaml_window_is_whole(const struct yaml_window *w)
{
	return w->eof && !w->odd;
}

/* The end of the bytes that can be given as they are; half a character only where nothing can complete it. */
static size_t
bytes_end(const struct yaml_window *w)
{
	bool last = w->odd || w->eof || w->error.kind != ERR_NONE;

	return last ? w->base + w->len - w->newline_added : w->checked;
}

bool
yaml_window_bytes(struct yaml_window *w, size_t at, const char **bytes, size_t *len, struct err *e)
{
	while (at == bytes_end(w) && !w->eof && w->error.kind == ERR_NONE) {
		fill(w);
		check(w);
	}
	*bytes = yaml_window_at(w, at);
	*len = bytes_end(w) - at;
	if (*len || w->error.kind == ERR_NONE)
		return true;
	if (e)
		*e = w->error;
	return false;
}

void
yaml_window_free(struct yaml_window *w)
{
	free(w->data);
}
