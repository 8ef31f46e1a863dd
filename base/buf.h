/* SPDX-License-Identifier: Apache-2.0 */
/* Growing text. Always NUL-terminated once something was added; may hold NUL bytes. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdarg.h>
#include <stddef.h>

#include "base/attr.h"

/* A zeroed struct is an empty buffer; data is NULL until the first byte. */
struct buf {
	char *data;
	size_t len, cap;
};

void buf_add(struct buf *b, const void *data, size_t len);
void buf_adds(struct buf *b, const char *s);
void buf_addc(struct buf *b, char c);
void buf_fill(struct buf *b, char c, size_t count); /* count times the same byte */
void buf_addf(struct buf *b, const char *fmt, ...) PRINTF(2, 3);
void buf_addv(struct buf *b, const char *fmt, va_list ap) PRINTF(2, 0);
/* Room for that many more bytes; the pointer is where they go. Add what was used to len. */
char *buf_reserve(struct buf *b, size_t more);
void buf_clear(struct buf *b); /* keeps the memory */
/* The text, "" for an empty one. Borrowed until the next change. */
const char *buf_str(const struct buf *b);
/* The text, which is now the caller's; the buffer is empty. Never NULL. */
char *buf_take(struct buf *b);
void buf_free(struct buf *b);

static inline void
auto_buf(struct buf *b)
{
	buf_free(b);
}

#endif
