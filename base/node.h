/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A document as a tree, the same for YAML and JSON: what decoders read. Look-ups are typed and forgiving: a NULL node
 * or another type than asked for gives the "absent" answer, so that chains need no checks.
 */
#ifndef BASE_NODE_H
#define BASE_NODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

enum node_type {
	NODE_NULL,
	NODE_BOOL,
	NODE_INT,
	NODE_FLOAT,
	NODE_STRING,
	NODE_LIST,
	NODE_MAP,
	NODE_RAW, /* JSON text left unparsed (json_scan.h); json_parse gives its tree */
};

/* A document, or an item of a list, with more values than this is refused: its tree would not fit into memory. */
#define NODE_MAX 5000000

/* Lives in the arena it was parsed into. */
struct node {
	unsigned char type; /* enum node_type */
	bool octal; /* YAML integer written in octal (0440, 0o440) */
	bool quoted; /* a string that was quoted or a block: never a number or a boolean by mistake */
	bool has_nul; /* a string with a NUL byte inside */
	unsigned line; /* from 1. In JSON, the line of the enclosing item */
	uint32_t len; /* bytes of text; members of a list or map */
	unsigned literal : 1; /* a YAML block of the | kind: its lines stand in the source, the first one below `line` */
	unsigned below_key : 31; /* lines from a map member's key down to `line` */
	const char *key; /* of a map's member, NUL-terminated; NULL otherwise */
	const char *text; /* scalars: as written (strings: their value), NUL-terminated. NODE_RAW: JSON, not terminated */
	union {
		int64_t number; /* NODE_INT, and NODE_BOOL as 0 or 1 */
		double real; /* NODE_FLOAT */
		struct node *first; /* NODE_LIST, NODE_MAP */
	};
	struct node *next; /* in the list or map */
};

/* The last member of that name: where a key stands twice the last one wins, as in kubectl. */
const struct node *node_get(const struct node *map, const char *key);
/* Follows a path such as "spec.template.metadata"; dots in keys cannot be named this way. */
const struct node *node_path(const struct node *map, const char *path);

const char *node_str(const struct node *n); /* NULL unless a string */
/* Any scalar as its text, NULL for null, lists and maps: for values people forget to quote. */
const char *node_text(const struct node *n);
bool node_bool(const struct node *n, bool absent);
int64_t node_int(const struct node *n, int64_t absent); /* a FLOAT that is whole counts */
const char *node_get_str(const struct node *map, const char *key);
const char *node_get_text(const struct node *map, const char *key); /* the same, "" for none */
size_t node_count(const struct node *n); /* members of a list or map, else 0 */
/* "a string", "a list", "null" ...: for messages. */
const char *node_type_name(const struct node *n);
/* The first member whose key stood before in the same map, or NULL. */
const struct node *node_duplicate_key(const struct node *map);
unsigned node_key_line(const struct node *member);
/* The same tree in another arena, text and all, without what follows n in its list or map. */
struct node *node_copy(struct arena *a, const struct node *n);
/* Decimal text ("-1.5e3", already checked to be a number) as a double, whatever the locale. false: out of range. */
bool node_parse_real(const char *text, double *out) MUST_USE;

/* Members of a list or a map, in order; for anything else none. */
#define node_each(var, parent)                                                                                   \
	for (const struct node *var = (parent) && ((parent)->type == NODE_LIST || (parent)->type == NODE_MAP)    \
					      ? (parent)->first                                                  \
					      : NULL;                                                            \
	     var; var = var->next)

#endif
