/* SPDX-License-Identifier: Apache-2.0 */
/* Text for people: made safe to show, measured and wrapped in terminal columns. UTF-8 throughout. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* So many bytes at its beginning are printable ASCII: they need no look, and each is a column wide. */
size_t text_plain(const char *s, size_t len);

/*
 * Appends text with everything that could act on a terminal or mislead a reader made visible: C0 and C1 controls,
 * DEL, bidi and zero-width characters, line and paragraph separators, private use, and bytes that are not UTF-8.
 * They appear as \n, \t, \x1b, \u202e; what was safe stays byte for byte. A newline is made visible too.
 */
void text_safe(struct buf *out, const char *s, size_t len);

/* The next character (U+FFFD for a bad byte, and for NUL); *s moves on and never passes end. 0 at the end. */
uint32_t text_next(const char **s, const char *end);
/* May it be shown as it is? false for all that text_safe makes visible. */
bool text_char_safe(uint32_t c);
/* Columns one character takes: 0, 1 or 2. By a table of our own, so that it does not depend on the locale. */
int text_char_width(uint32_t c);
/* Columns a safe text takes. */
size_t text_width(const char *s);
/* How many bytes of s fit into that many columns, never half a character. */
size_t text_fit(const char *s, size_t columns);
/*
 * Appends s broken at spaces so that no line passes `columns`; lines after the first start with `indent` spaces.
 * `at` is the column where the first line starts. A word longer than a line is broken, so nothing is lost.
 * No newline behind the last line.
 */
void text_wrap(struct buf *out, const char *s, size_t columns, size_t at, size_t indent);

/* An ASCII character that can stand for this one where there is no UTF-8: "-" for a line, ">" for an arrow; else "?". */
char text_stand_in(uint32_t c);
/* Appends s with stand-ins for all that is not ASCII. */
void text_ascii(struct buf *out, const char *s);

#endif
