/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes of a file, a descriptor or a piece of memory, gunzipped on the way where they are gzip, in windows. */
#ifndef BASE_READER_H
#define BASE_READER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct reader;

/* "-" is standard input. Gzip is recognised by its first bytes, whatever the name. NULL and e on failure. */
struct reader *reader_open(const char *path, struct err *e);
/* Borrows the bytes. */
struct reader *reader_open_memory(const char *name, const void *data, size_t len);
/* Reads up to size bytes; 0 at the end. false on a read error or damaged gzip (a cut stream is an error too). */
bool reader_read(struct reader *r, void *out, size_t size, size_t *got, struct err *e);
const char *reader_name(const struct reader *r);
void reader_close(struct reader *r);

#endif
