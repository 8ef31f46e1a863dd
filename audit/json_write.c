/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/json_write.h"

#include <string.h>

#include "base/mem.h"
#include "base/text.h"

#define WINDOW 256 /* what is looked at again behind each character that needs an escape */

/* So many bytes, of a text that has at least one, need no escape. */
static size_t
plain(const char *s, size_t len)
{
	size_t n = text_plain(s, len < WINDOW ? len : WINDOW);
	const char *quote = memchr(s, '"', n), *backslash;

	if (quote)
		n = (size_t)(quote - s);
	backslash = memchr(s, '\\', n);
	return backslash ? (size_t)(backslash - s) : n;
}

static void
write_escaped(struct buf *out, uint32_t c)
{
	static const char letters[][2] = {{'"', '"'},  {'\\', '\\'}, {'\b', 'b'}, {'\f', 'f'},
					  {'\n', 'n'}, {'\r', 'r'},  {'\t', 't'}};

	for (size_t i = 0; i < COUNT_OF(letters); i++) {
		if (c == (unsigned char)letters[i][0]) {
			buf_addc(out, '\\');
			buf_addc(out, letters[i][1]);
			return;
		}
	}
	if (c < 0x10000) {
		buf_addf(out, "\\u%04X", c);
		return;
	}
	c -= 0x10000;
	buf_addf(out, "\\u%04X\\u%04X", 0xd800 + (c >> 10), 0xdc00 + (c & 0x3ff));
}

void
json_write_text(struct buf *out, const char *s, size_t len)
{
	const char *end = s + len;

	buf_addc(out, '"');
	while (s < end) {
		size_t n = plain(s, (size_t)(end - s));

		buf_add(out, s, n);
		s += n;
		if (s < end && n < WINDOW)
			write_escaped(out, (unsigned char)*s < 0x80 ? (unsigned char)*s++ : text_next(&s, end));
	}
	buf_addc(out, '"');
}

static void
write_object(struct buf *out, json_t *object)
{
	const char *between = "";

	buf_addc(out, '{');
	for (void *at = json_object_iter(object); at; at = json_object_iter_next(object, at)) {
		const char *key = json_object_iter_key(at);

		buf_adds(out, between);
		json_write_text(out, key, strlen(key));
		buf_adds(out, ": ");
		json_write(out, json_object_iter_value(at));
		between = ", ";
	}
	buf_addc(out, '}');
}

static void
write_array(struct buf *out, const json_t *array)
{
	buf_addc(out, '[');
	for (size_t i = 0; i < json_array_size(array); i++) {
		if (i)
			buf_adds(out, ", ");
		json_write(out, json_array_get(array, i));
	}
	buf_addc(out, ']');
}

static void
write_real(struct buf *out, const json_t *real)
{
	AUTO(free) char *text = json_dumps(real, JSON_ENCODE_ANY);

	if (!text)
		die("out of memory");
	buf_adds(out, text);
}

void
json_write(struct buf *out, const json_t *value)
{
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		write_object(out, (json_t *)value); /* iterators want it writable */
		break;
	case JSON_ARRAY:
		write_array(out, value);
		break;
	case JSON_STRING:
		json_write_text(out, json_string_value(value), json_string_length(value));
		break;
	case JSON_INTEGER:
		buf_addf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
		break;
	case JSON_REAL:
		write_real(out, value);
		break;
	case JSON_TRUE:
	case JSON_FALSE:
		buf_adds(out, json_is_true(value) ? "true" : "false");
		break;
	case JSON_NULL:
		buf_adds(out, "null");
		break;
	}
}
