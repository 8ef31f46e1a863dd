/* SPDX-License-Identifier: Apache-2.0 */
/* Labels and label selectors. */
#ifndef FLEET_LABELS_H
#define FLEET_LABELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

struct label {
	const char *key, *value;
};

/* Sorted by key, each key once. Annotations are kept the same way. */
struct labels {
	const struct label *at;
	size_t n;
};

enum selector_op { OP_IN, OP_NOT_IN, OP_EXISTS, OP_DOES_NOT_EXIST };

struct requirement {
	const char *key;
	enum selector_op op;
	const char *const *values;
	size_t n_values;
};

/*
 * A conjunction of requirements; matchLabels are OP_IN with one value. `present` tells a missing selector from an
 * empty one: an empty selector matches everything, and what a missing one means is for the object that holds it
 * to say.
 */
struct selector {
	bool present;
	const struct requirement *at;
	size_t n;
};

const char *labels_get(const struct labels *l, const char *key); /* NULL when it is not there */
bool labels_equal(const struct labels *a, const struct labels *b);
/* Sorts and drops all but the last of equal keys, in place. */
void labels_sort(struct label *at, size_t *n);

/* As Kubernetes matches: NotIn and DoesNotExist hold for a missing key. A selector without requirements matches. */
bool selector_matches(const struct selector *s, const struct labels *l);
/* kubectl's -l: "a=b,c!=d,e in (f,g),!h,i". */
bool selector_parse(struct arena *a, const char *text, struct selector *out, struct err *e);
/* The same syntax, for evidence. "every pod" for an empty one. */
void selector_format(struct buf *out, const struct selector *s);

/*
 * An index over label sets, so that a selector looks only at those that share its rarest key=value. Positions are the
 * caller's. Selectors without an OP_IN of one value look at all. Everything lives in the arena.
 */
struct labels_index;
struct label_table;
struct labels_index *labels_index_new(struct arena *a, const struct labels *const *sets, size_t n);

/* Label sets whose labels have numbers, and maybe others beside. All of it is borrowed, and the table may go on growing. */
struct labels_numbered {
	const struct labels *const *sets;
	size_t n;
	const struct label_table *table;
	const uint32_t *first; /* n + 1; the labels of set i are labels[first[i]] to labels[first[i + 1] - 1] */
	const uint32_t *labels;
};
struct labels_index *labels_index_numbered(struct arena *a, const struct labels_numbered *sets);
/* Calls fn for each match in ascending order of position; stops when fn answers false. */
void labels_index_select(const struct labels_index *ix, const struct selector *s, bool (*fn)(void *ctx, size_t pos),
			 void *ctx);
/* The same among the sets that have one more label, by its number; LABEL_NONE: among all. Of numbered sets only. */
void labels_index_select_with(const struct labels_index *ix, uint32_t label, const struct selector *s,
			      bool (*fn)(void *ctx, size_t pos), void *ctx);

#endif
