/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plain YAML that kubectl and people write, read without libyaml: block maps and lists, scalars on one line, plain
 * or quoted, | and > blocks, comments, and flow collections on one line. It gives the trees that yaml_events.h gives,
 * or declines: anchors, aliases, tags, scalars over several lines, tabs between tokens, complex keys, directives, and
 * all that may be an error are libyaml's to judge.
 */
#ifndef BASE_YAML_BLOCK_H
#define BASE_YAML_BLOCK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/node.h"

/* Why a function below gave false or NULL. */
enum yaml_block_stop {
	YAML_BLOCK_SHORT, /* the text ends too early: once more from where the function was called, with more of it */
	YAML_BLOCK_DECLINED,
};

/* Between calls `at` is the first byte of a token. */
struct yaml_block {
	const char *at;
	const char *end; /* of whole lines, checked by yaml_window_check */
	bool whole; /* the document does not go on behind `end` */
	bool newline_added; /* the last line had no end */
	bool strict; /* a key that stands twice in one map is declined */
	unsigned line; /* of `at`, from 1 */
	int column; /* of `at`, from 0; -1: the document ends here, at `end` or with a --- */
	struct arena *arena; /* where nodes go */
	size_t nodes, bytes; /* made so far, and the text of their scalars */
	enum yaml_block_stop stop;
	struct buf text; /* a scalar that does not stand in the source as it is */
};

/*
 * From the start of a line to a document's first token. *more is false where the stream ends instead. An empty
 * document has column -1.
 */
bool yaml_block_open(struct yaml_block *b, bool *more);
/*
 * The key of a member of a map at `column`, and on to its value; *same_line tells whether that stands on its line.
 * Else `at` is the next token, which may be what follows an empty value.
 */
bool yaml_block_key(struct yaml_block *b, const char **name, bool *same_line);
/* The value at hand, of a key of that line in a map at that column `depth` levels deep, and on to the next token. */
struct node *yaml_block_value(struct yaml_block *b, int column, unsigned depth, unsigned key_line, bool same_line);
/* A dash that makes an entry of a list. */
bool yaml_block_is_entry(const struct yaml_block *b);
/* The entry at hand of a list `depth` levels deep, and on to the next token. */
struct node *yaml_block_entry(struct yaml_block *b, unsigned depth);
/* The rest of a document of which no part was taken: a map at the line's start. */
struct node *yaml_block_map(struct yaml_block *b);

#endif
