/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of a stream that is in memory, for the readers of YAML: whole lines of checked text, as far as it is text,
 * and the bytes as they are for libyaml. Places are offsets into the stream, which stay right when the window moves on.
 */
#ifndef BASE_YAML_WINDOW_H
#define BASE_YAML_WINDOW_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/reader.h"

/* What is kept may grow to this; the window never does beyond. */
#define YAML_WINDOW_MAX ((size_t)2 * 1024 * 1024)

struct yaml_window {
	struct reader *in;
	size_t first; /* bytes to hold at first; 0: the usual */
	char *data;
	size_t cap, len;
	size_t base; /* place of data[0] */
	size_t keep; /* place: what stands before it may go */
	size_t checked; /* place: text up to here, by whole characters */
	size_t lines; /* place: whole lines up to here */
	bool eof;
	bool odd; /* at `checked` stands what is no text, or a line end other than \n: no more lines */
	bool newline_added; /* the last line had no end */
	struct err error; /* of reading, which is then at an end */
};

/*
 * More whole lines behind `keep`, if it can be: false at the end of the stream, before what is odd, or where more than
 * YAML_WINDOW_MAX would have to be kept.
 */
bool yaml_window_more(struct yaml_window *w);
/* No more lines will come, and `lines` is the end of the stream. */
bool yaml_window_is_whole(const struct yaml_window *w);
/* Bytes as they are from that place on, which is not before `keep`; `*len` is 0 at the end only. */
bool yaml_window_bytes(struct yaml_window *w, size_t at, const char **bytes, size_t *len, struct err *e) MUST_USE;
/* The byte at that place. */
static inline char *
yaml_window_at(const struct yaml_window *w, size_t at)
{
	return w->data + (at - w->base);
}
void yaml_window_free(struct yaml_window *w);

/*
 * The end of the text that starts at p: characters that YAML has as text and this reader takes as they are, whole and
 * in UTF-8. No carriage return, no line end but \n, no byte order mark. *cut: the last character may only be
 * incomplete.
 */
const char *yaml_window_check(const char *p, const char *end, bool *cut);

#endif
