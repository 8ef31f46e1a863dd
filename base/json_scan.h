/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON pulled into node trees by a scanner of our own: items of a list one at a time, what the model never reads left
 * unparsed. Accepts what jansson accepts, down to JSON_MAX_DEPTH, and more: \u0000, integers beyond 64 bits (as
 * NODE_FLOAT), a BOM.
 * Checked against jansson on a corpus, and fuzzed.
 */
#ifndef BASE_JSON_SCAN_H
#define BASE_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/node.h"
#include "base/reader.h"
#include "base/yaml.h" /* struct document_sink */

#define JSON_MAX_DEPTH 200

/*
 * Values of these keys become NODE_RAW, wherever they stand. NULL-terminated; NULL for none. They are still checked
 * to be balanced, not to be valid: json_parse does that for who needs one.
 */
struct json_options {
	const char *const *raw_keys;
	size_t window; /* bytes held at first; 0: a good number. Tests cut items at every byte with it */
};

/* Any number of top-level values, white space between them. Errors are ERR_INPUT, "NAME:LINE: ...". */
bool json_stream(struct reader *in, const struct json_options *opt, const struct document_sink *sink,
		 struct err *e) MUST_USE;

/* One whole value held in memory. `line` is the number its nodes get. */
bool json_parse(struct arena *a, const char *name, const char *text, size_t len, unsigned line,
		const struct json_options *opt, struct node **out, struct err *e) MUST_USE;

#endif
