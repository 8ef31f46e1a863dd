/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One JSON value in memory, parsed where it lies: strings and numbers of the tree point into the text. Nothing is
 * written there until json_text_terminate, so a text that turned out to be too short can be parsed again with more
 * of it. json_scan.h is what others use.
 */
#ifndef BASE_JSON_TEXT_H
#define BASE_JSON_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/json_scan.h"
#include "base/node.h"
#include "base/vec.h"

struct json_text {
	const char *name; /* for messages */
	const struct json_options *opt;
	uint64_t raw_lengths; /* bit n: a raw key is that long; the last bit: that long or longer */
	char *end; /* of the text; BYTES_PAD zero bytes follow */
	struct arena *arena;
	struct node *spare, *spare_end;
	size_t nodes; /* taken from the arena */
	VEC(char *) ends; /* where a NUL goes once the value is whole */
	unsigned line; /* of every node */
	bool stop_at_items;
	char *items; /* the bracket where it stopped */

	/* The failure. With at == end the text was too short, else problem or expected says what is wrong there. */
	char *at;
	const char *problem, *expected, *inside;
};

void json_text_init(struct json_text *t, const char *name, const struct json_options *opt);
void json_text_free(struct json_text *t);

/* The text goes to `end`; the tree comes from the arena. */
void json_text_start(struct json_text *t, struct arena *a, char *end, unsigned line);
/*
 * The value that starts at p, which is no white space. Returns what is behind it, or NULL: then t->items is set where
 * a document turned out to be a list (*out holds its members so far), else the failure is.
 */
char *json_text_document(struct json_text *t, char *p, struct node **out);
/* The same for a value that stands `depth` levels deep, which is never taken for a list. */
char *json_text_value(struct json_text *t, char *p, unsigned depth, struct node **out);
/* The same for a member of the outermost object, name and all. */
char *json_text_member(struct json_text *t, char *p, struct node **out);
/* The tree is whole: its strings get their NUL, and the text is no JSON any more. */
void json_text_terminate(struct json_text *t);

/* Sets the failure for a byte that the caller found. */
void json_text_expected(struct json_text *t, char *at, const char *expected, const char *inside);
/* The failure in words; it happened on that line of `what`, the file or the text. Returns false. */
bool json_text_error(const struct json_text *t, unsigned line, const char *what, struct err *e);

#endif
