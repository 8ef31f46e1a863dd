/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/http1.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/str.h"

#define LINE_LIMIT 8192
#define HEAD_LIMIT 65536

/* What the next bytes are: first the states that read lines, then those that read bytes of the body. */
enum state { STATUS, HEADER, CHUNK_SIZE, CHUNK_END, TRAILER, LENGTH, CHUNK, REST };

static bool
finish(struct http1 *h)
{
	h->done = true;
	return true;
}

static const char *
next_header(const struct http1 *h, const char *after)
{
	const char *line = after ? after + strlen(after) + 1 : h->head.data;

	return h->head.len && line < h->head.data + h->head.len ? line : NULL;
}

/* The value of a header line, NULL when it is another header. */
static const char *
value_of(const char *line, const char *name)
{
	size_t len = strlen(name);

	if (strncasecmp(line, name, len) != 0 || line[len] != ':')
		return NULL;
	for (line += len + 1; *line == ' ' || *line == '\t';)
		line++;
	return line;
}

const char *
http1_header(const struct http1 *h, const char *name)
{
	const char *value;

	for (const char *line = NULL; (line = next_header(h, line));)
		if ((value = value_of(line, name)))
			return value;
	return NULL;
}

static bool
list_has(const char *list, const char *word)
{
	size_t len = strlen(word), n;

	for (; *list; list += n) {
		list += strspn(list, ", \t");
		n = strcspn(list, ", \t");
		if (n == len && strncasecmp(list, word, n) == 0)
			return true;
	}
	return false;
}

bool
http1_header_has(const struct http1 *h, const char *name, const char *word)
{
	const char *value;

	for (const char *line = NULL; (line = next_header(h, line));)
		if ((value = value_of(line, name)) && list_has(value, word))
			return true;
	return false;
}

static bool
read_status(struct http1 *h, struct err *e)
{
	const char *s = h->line.data;

	if (!str_starts(s, "HTTP/1.") || !isdigit((unsigned char)s[7]) || s[8] != ' ' ||
	    strspn(s + 9, "0123456789") != 3 || s[9] == '0' || (s[12] && s[12] != ' '))
		return err_set(e, ERR_SOURCE, 0, "what answers does not speak HTTP/1.1: \"%.60s\"", s);
	h->status_line = (s[9] - '0') * 100 + (s[10] - '0') * 10 + (s[11] - '0');
	h->state = HEADER;
	return true;
}

/* All Content-Length headers have to say the same. */
static bool
read_length(struct http1 *h, bool *found, struct err *e)
{
	const char *first = NULL, *value;
	int64_t length;

	for (const char *line = NULL; (line = next_header(h, line));) {
		if (!(value = value_of(line, "Content-Length")))
			continue;
		if ((first && !str_eq(first, value)) || !isdigit((unsigned char)*value) || !str_i64(value, &length))
			return err_set(e, ERR_SOURCE, 0, "the answer has no usable Content-Length: \"%.60s\"",
				       value);
		first = value;
		h->left = (uint64_t)length;
	}
	*found = first != NULL;
	return true;
}

/* The head is whole: where does its body end? */
static bool
begin_body(struct http1 *h, struct err *e)
{
	const char *encoding = http1_header(h, "Transfer-Encoding");
	bool found = false;

	if (h->status_line < 200 && h->status_line != 101) { /* "100 Continue": the answer is still to come */
		buf_clear(&h->head);
		h->state = STATUS;
		return true;
	}
	h->status = h->status_line;
	if (h->status == 101 || h->status == 204 || h->status == 304)
		return finish(h);
	if (encoding) {
		h->state = CHUNK_SIZE;
		return strcasecmp(encoding, "chunked") == 0 ||
		       err_set(e, ERR_SOURCE, 0, "the answer comes in an unknown transfer encoding: \"%.60s\"",
			       encoding);
	}
	if (!read_length(h, &found, e))
		return false;
	h->state = found ? LENGTH : REST;
	return !found || h->left || finish(h);
}

static bool
read_header(struct http1 *h, struct err *e)
{
	const char *s = h->line.data;

	if (!*s)
		return begin_body(h, e);
	if (!strchr(s, ':') || *s == ':' || strcspn(s, " \t") < strcspn(s, ":"))
		return err_set(e, ERR_SOURCE, 0, "the answer's head has a line that is no header");
	while (h->line.len && strchr(" \t", h->line.data[h->line.len - 1]))
		h->line.data[--h->line.len] = '\0';
	buf_add(&h->head, h->line.data, h->line.len + 1);
	return true;
}

static bool
read_chunk_size(struct http1 *h, struct err *e)
{
	const char *s = h->line.data;
	size_t digits = strspn(s, "0123456789abcdefABCDEF");

	if (!digits || digits > 8 || !strchr("; \t", s[digits]))
		return err_set(e, ERR_SOURCE, 0, "the answer's body has a chunk without a size");
	for (h->left = 0; digits--; s++)
		h->left = h->left * 16 + (uint64_t)(isdigit((unsigned char)*s) ? *s - '0' : (*s | 0x20) - 'a' + 10);
	h->state = h->left ? CHUNK : TRAILER;
	return true;
}

static bool
read_chunk_end(struct http1 *h, struct err *e)
{
	h->state = CHUNK_SIZE;
	return !*h->line.data || err_set(e, ERR_SOURCE, 0, "the answer's body has a chunk longer than its size");
}

static bool
read_trailer(struct http1 *h, struct err *e)
{
	(void)e;
	return *h->line.data || finish(h); /* nobody asks for trailers */
}

static bool (*const read_line[])(struct http1 *h, struct err *e) = {
	[STATUS] = read_status,	      [HEADER] = read_header,	[CHUNK_SIZE] = read_chunk_size,
	[CHUNK_END] = read_chunk_end, [TRAILER] = read_trailer,
};

/*
 * Bytes of a line; once it is whole it is read. A bare newline ends one too. Returns how many were taken, 0 for
 * an error.
 */
static size_t
take_line(struct http1 *h, const char *data, size_t len, struct err *e)
{
	const char *newline = memchr(data, '\n', len);
	size_t n = newline ? (size_t)(newline - data) : len;
	bool read;

	if (h->line.len + n > LINE_LIMIT)
		return err_set(e, ERR_SOURCE, 0, "the answer's head has a line of more than %d bytes", LINE_LIMIT);
	buf_add(&h->line, data, n);
	if (!newline)
		return n;
	if (h->state == STATUS || h->state == HEADER || h->state == TRAILER)
		h->head_len += h->line.len + 1;
	if (h->head_len > HEAD_LIMIT)
		return err_set(e, ERR_SOURCE, 0, "the answer's head is longer than %d bytes", HEAD_LIMIT);
	if (h->line.len && h->line.data[h->line.len - 1] == '\r')
		h->line.data[--h->line.len] = '\0';
	if (h->line.len && memchr(h->line.data, 0, h->line.len))
		return err_set(e, ERR_SOURCE, 0, "the answer's head has a NUL byte");
	read = read_line[h->state](h, e);
	buf_clear(&h->line);
	return read ? n + 1 : 0;
}

static size_t
take_body(struct http1 *h, const char *data, size_t len)
{
	size_t room = h->body_limit - h->body.len;
	size_t n = h->state != REST && h->left < len ? (size_t)h->left : len;

	if (n > room) {
		buf_add(&h->body, data, room);
		h->cut = finish(h);
		return room;
	}
	buf_add(&h->body, data, n);
	if (h->state == REST)
		return n;
	h->left -= n;
	if (!h->left && h->state == CHUNK)
		h->state = CHUNK_END;
	else if (!h->left)
		finish(h);
	return n;
}

bool
http1_feed(struct http1 *h, const char *data, size_t len, size_t *used, struct err *e)
{
	size_t at = 0, n;

	while (at < len && !h->done) {
		if (h->state >= LENGTH) {
			at += take_body(h, data + at, len - at);
		} else {
			if (!(n = take_line(h, data + at, len - at, e)))
				return false;
			at += n;
		}
	}
	*used = at;
	return true;
}

bool
http1_end(struct http1 *h, struct err *e)
{
	if (h->done || h->state == REST)
		return finish(h);
	if (h->state == STATUS && !h->line.len)
		return err_set(e, ERR_SOURCE, 0, "the connection was closed without an answer");
	return err_set(e, ERR_SOURCE, 0, "the connection was closed in the middle of the answer");
}

void
http1_free(struct http1 *h)
{
	buf_free(&h->body);
	buf_free(&h->line);
	buf_free(&h->head);
}
