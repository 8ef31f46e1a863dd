/* SPDX-License-Identifier: Apache-2.0 */
/* YAML read with libyaml: all of the language, and every error message. yaml.h comes here for what is not plain. */
#ifndef BASE_YAML_EVENTS_H
#define BASE_YAML_EVENTS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/node.h"
#include "base/reader.h"
#include "base/yaml.h"

struct yaml_events;

/* Where the bytes come from. *got is 0 at the end only. */
struct yaml_events_input {
	void *ctx;
	bool (*read)(void *ctx, unsigned char *out, size_t size, size_t *got, struct err *e);
};

/* Of a list that was begun elsewhere: what was delivered. The first item in the input is a stand-in for all of it. */
struct yaml_events_taken {
	size_t items; /* 0: nothing, and no stand-in */
	size_t nodes, bytes; /* values, and their text */
};

/* Starts at a document whose lines have `lines_before` others in front. Name and arenas are borrowed. */
struct yaml_events *yaml_events_new(const char *name, const struct yaml_events_input *in, size_t lines_before,
				    struct arena *document, struct arena *item);
void yaml_events_free(struct yaml_events *b);
/*
 * Delivers one document; *more is false where the stream ended instead. `taken` may be NULL. *next_line is the line of
 * the --- or of the stream's end that ended it; 0 where something else did.
 */
bool yaml_events_document(struct yaml_events *b, const struct document_sink *sink,
			  const struct yaml_events_taken *taken, bool *more, size_t *next_line,
			  struct err *e) MUST_USE;

/* yaml_stream and yaml_parse by libyaml alone. */
bool yaml_events_stream(struct reader *in, const struct document_sink *sink, struct err *e) MUST_USE;
bool yaml_events_parse(struct arena *a, const char *name, const char *text, size_t len, bool strict,
		       struct node **out, struct err *e) MUST_USE;

/* May a document with these members, so far, be a list whose items are delivered one by one? */
bool yaml_may_be_list(const struct node *head);

#endif
