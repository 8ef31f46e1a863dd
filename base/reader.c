/* SPDX-License-Identifier: Apache-2.0 */
#include "base/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/attr.h"
#include "base/mem.h"

#define IN_SIZE (64 * 1024)
#define GZIP_WINDOW (MAX_WBITS + 16) /* + 16: a gzip header, no zlib one */

enum form { FORM_UNKNOWN, FORM_PLAIN, FORM_GZIP };

struct reader {
	char *name;
	int fd; /* -1: memory */
	const unsigned char *memory; /* what is left of it */
	size_t memory_len, limit;
	enum form form;
	unsigned char *in; /* compressed bytes, or the first ones of a plain file */
	size_t in_at, in_len;
	z_stream z;
	bool z_open;
	bool between; /* a gzip member has ended: what follows is the end or the next one */
	char *ahead; /* bytes that were peeked at */
	size_t ahead_at, ahead_len;
};

static struct reader *
reader_new(const char *name, int fd)
{
	struct reader *r = mem_alloc(sizeof(*r));

	r->name = mem_strdup(name);
	r->fd = fd;
	return r;
}

static bool
open_file(const char *path, int *fd, struct err *e)
{
	struct stat st;

	*fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (*fd < 0)
		return err_sys(e, ERR_INPUT, errno, "open %s", path);
	if (fstat(*fd, &st) == 0 && S_ISDIR(st.st_mode)) {
		close(*fd);
		return err_set(e, ERR_INPUT, EISDIR, "%s: is a directory, not a file", path);
	}
	posix_fadvise(*fd, 0, 0, POSIX_FADV_SEQUENTIAL); /* only a hint: pipes refuse it */
	return true;
}

struct reader *
reader_open(const char *path, struct err *e)
{
	int fd;

	if (strcmp(path, "-") == 0)
		return reader_new("stdin", STDIN_FILENO);
	return open_file(path, &fd, e) ? reader_new(path, fd) : NULL;
}

struct reader *
reader_open_memory(const char *name, const void *data, size_t len)
{
	struct reader *r = reader_new(name, -1);

	r->memory = data;
	r->memory_len = len;
	return r;
}

void
reader_limit(struct reader *r, size_t bytes)
{
	r->limit = bytes;
}

const char *
reader_name(const struct reader *r)
{
	return r->name;
}

void
reader_close(struct reader *r)
{
	if (!r)
		return;
	if (r->z_open)
		inflateEnd(&r->z);
	if (r->fd > STDIN_FILENO)
		close(r->fd);
	free(r->in);
	free(r->ahead);
	free(r->name);
	free(r);
}

/* Bytes as they are stored, from wherever they come. */
static bool
take_stored(struct reader *r, void *out, size_t size, size_t *got, struct err *e)
{
	ssize_t n;

	if (r->limit && size > r->limit)
		size = r->limit;
	if (r->fd < 0) {
		*got = size < r->memory_len ? size : r->memory_len;
		if (!*got) /* the memory may be NULL */
			return true;
		memcpy(out, r->memory, *got);
		r->memory += *got;
		r->memory_len -= *got;
		return true;
	}
	do
		n = read(r->fd, out, size);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_sys(e, ERR_INPUT, errno, "%s: read", r->name);
	*got = (size_t)n;
	return true;
}

/* One read more into r->in. *more is false at the end. */
static bool
fill(struct reader *r, bool *more, struct err *e)
{
	size_t got;

	if (r->in_at == r->in_len)
		r->in_at = r->in_len = 0;
	if (!take_stored(r, r->in + r->in_len, IN_SIZE - r->in_len, &got, e))
		return false;
	r->in_len += got;
	*more = got > 0;
	return true;
}

static bool
recognise(struct reader *r, struct err *e)
{
	bool more = true;

	r->in = mem_grow(NULL, IN_SIZE, 1);
	while (more && r->in_len < 2)
		if (!fill(r, &more, e))
			return false;
	if (r->in_len < 2 || r->in[0] != 0x1f || r->in[1] != 0x8b) {
		r->form = FORM_PLAIN;
		return true;
	}
	if (inflateInit2(&r->z, GZIP_WINDOW) != Z_OK)
		die("out of memory");
	r->z_open = true;
	r->form = FORM_GZIP;
	return true;
}

static bool
read_plain(struct reader *r, void *out, size_t size, size_t *got, struct err *e)
{
	size_t left = r->in_len - r->in_at;

	if (!left)
		return take_stored(r, out, size, got, e);
	*got = size < left ? size : left;
	memcpy(out, r->in + r->in_at, *got);
	r->in_at += *got;
	return true;
}

static bool
gzip_error(const struct reader *r, int status, struct err *e)
{
	if (r->between)
		return err_set(e, ERR_INPUT, 0, "%s: data behind the end of the gzip stream", r->name);
	return err_set(e, ERR_INPUT, 0, "%s: damaged gzip: %s", r->name, r->z.msg ? r->z.msg : zError(status));
}

/* Inflates what is in r->in into z's output, at most to the end of one gzip member. */
static bool
inflate_some(struct reader *r, struct err *e)
{
	int status;

	r->z.next_in = r->in + r->in_at;
	r->z.avail_in = (uInt)(r->in_len - r->in_at);
	status = inflate(&r->z, Z_NO_FLUSH);
	r->in_at = r->in_len - r->z.avail_in;
	if (status == Z_STREAM_END) {
		r->between = true;
		inflateReset(&r->z);
		return true;
	}
	if (status != Z_OK && status != Z_BUF_ERROR)
		return gzip_error(r, status, e);
	/* The header is complete once something came out; before that it may still turn out to be no gzip. */
	if (r->z.total_out)
		r->between = false;
	return true;
}

static bool
read_gzip(struct reader *r, void *out, size_t size, size_t *got, struct err *e)
{
	uInt room = size < IN_SIZE * 16 ? (uInt)size : IN_SIZE * 16;
	bool more = true;

	r->z.next_out = out;
	r->z.avail_out = room;
	for (;;) {
		/* Even without input: zlib may still hold back what did not fit last time. */
		if (!inflate_some(r, e))
			return false;
		if (r->z.avail_out < room)
			break;
		if (r->in_at < r->in_len)
			continue;
		if (!fill(r, &more, e))
			return false;
		if (more)
			continue;
		if (r->between && r->z.total_in == 0)
			break;
		return err_set(e, ERR_INPUT, 0, "%s: truncated gzip: the file ends inside the compressed data",
			       r->name);
	}
	*got = room - r->z.avail_out;
	return true;
}

static bool
read_next(struct reader *r, void *out, size_t size, size_t *got, struct err *e)
{
	if (r->form == FORM_UNKNOWN && !recognise(r, e))
		return false;
	return r->form == FORM_GZIP ? read_gzip(r, out, size, got, e) : read_plain(r, out, size, got, e);
}

bool
reader_read(struct reader *r, void *out, size_t size, size_t *got, struct err *e)
{
	size_t ahead = r->ahead_len - r->ahead_at;

	if (ahead || !size) {
		*got = size < ahead ? size : ahead;
		if (*got)
			memcpy(out, r->ahead + r->ahead_at, *got);
		r->ahead_at += *got;
		return true;
	}
	return read_next(r, out, size, got, e);
}

bool
reader_peek(struct reader *r, const char **data, size_t *len, struct err *e)
{
	size_t got = 1;

	if (!r->ahead)
		r->ahead = mem_alloc(READER_PEEK);
	r->ahead_len -= r->ahead_at;
	memmove(r->ahead, r->ahead + r->ahead_at, r->ahead_len);
	r->ahead_at = 0;
	while (got && r->ahead_len < READER_PEEK) {
		if (!read_next(r, r->ahead + r->ahead_len, READER_PEEK - r->ahead_len, &got, e))
			return false;
		r->ahead_len += got;
	}
	*data = r->ahead;
	*len = r->ahead_len;
	return true;
}

bool
reader_slurp(const char *path, size_t limit, struct buf *out, struct err *e)
{
	struct reader *r = reader_open(path, e);
	size_t got;
	bool ok;

	if (!r)
		return false;
	do {
		ok = reader_read(r, buf_reserve(out, READER_PEEK), READER_PEEK, &got, e);
		out->len += ok ? got : 0;
	} while (ok && got && out->len <= limit);
	reader_close(r);
	if (ok && out->len > limit)
		return err_set(e, ERR_INPUT, 0, "%s: larger than %zu bytes", path, limit);
	return ok;
}
