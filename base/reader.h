/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes of a file, a descriptor or a piece of memory, gunzipped on the way where they are gzip, in windows. */
#ifndef BASE_READER_H
#define BASE_READER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

struct reader;

/* "-" is standard input, whose name is then "stdin". Gzip is recognised by its first bytes, whatever the name. NULL and e on failure. */
struct reader *reader_open(const char *path, struct err *e);
/* Borrows the bytes. */
struct reader *reader_open_memory(const char *name, const void *data, size_t len);
/* Reads up to size bytes; *got is 0 at the end only. false on a read error or damaged gzip (a cut stream is an error too). */
bool reader_read(struct reader *r, void *out, size_t size, size_t *got, struct err *e);
/*
 * The next bytes, which reader_read then gives like all others: READER_PEEK of them, less only at the end. Borrowed
 * until the next call.
 */
#define READER_PEEK 4096
bool reader_peek(struct reader *r, const char **data, size_t *len, struct err *e);
/* A whole small file; one of more than `limit` bytes is ERR_INPUT. */
bool reader_slurp(const char *path, size_t limit, struct buf *out, struct err *e);
const char *reader_name(const struct reader *r);
/* At most that many stored bytes at a time; 0: no limit. Tests cut windows at every byte with it. */
void reader_limit(struct reader *r, size_t bytes);
void reader_close(struct reader *r); /* NULL is fine */

static inline void
auto_reader(struct reader **r)
{
	reader_close(*r);
}

#endif
