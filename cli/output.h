/* SPDX-License-Identifier: Apache-2.0 */
/* Where output goes, and the table formats that commands share. */
#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

/* All of it to standard output. A reader that went away (EPIPE) is no error. */
bool output_stdout(const struct buf *text, struct err *e);

/*
 * Text that comes in pieces. A file is written beside its path, synced, then renamed over it, so that there is never half
 * a report. Devices and pipes (/dev/stdout, a fifo) are written in place: there is nothing to rename over.
 */
struct output_stream {
	const char *path; /* borrowed; NULL: standard output */
	char *beside; /* what is going to be renamed; NULL: written in place */
	int fd;
	int code; /* errno of the first write that failed */
};
bool output_open(struct output_stream *o, const char *path, struct err *e) MUST_USE;
/* Writes what is in the buffer and empties it; `stream` is the output_stream. What fails is told by output_close. */
void output_spill(void *stream, struct buf *text);
bool output_close(struct output_stream *o, struct err *e);

/* A field of CSV, as RFC 4180 has it; the text is safe to show already. */
void output_csv(struct buf *out, const char *safe);

enum table_format { TABLE_TEXT, TABLE_WIDE, TABLE_JSON, TABLE_YAML, TABLE_NAME };
bool table_format_parse(const char *word, enum table_format *out, struct err *e);

/* TABLE_JSON, or TABLE_YAML: the same value in block style, by libyaml. Takes the value. */
void output_value(struct buf *out, enum table_format format, json_t *value);

#endif
