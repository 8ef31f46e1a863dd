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
/* To a file: written beside it, synced, then renamed over it, so that there is never half a report. */
bool output_file(const char *path, const struct buf *text, struct err *e);

enum table_format { TABLE_TEXT, TABLE_WIDE, TABLE_JSON, TABLE_YAML, TABLE_NAME };
bool table_format_parse(const char *word, enum table_format *out, struct err *e);

void output_json(struct buf *out, const json_t *value);
/* The same value as block-style YAML, by libyaml. */
void output_yaml(struct buf *out, const json_t *value);

#endif
