/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Typed look-ups for decoders. What is not written, or null, gives the absent answer; a value of a type that leaves
 * its meaning to guesses is a complaint. Only the first complaint is kept, and the reading goes on with absent
 * answers, so that a decoder is a plain list of assignments; decode_object looks once, at the end.
 *
 * Where a text is wanted any scalar counts as its text: people forget quotes around numbers and booleans, and what
 * they mean is plain. The other way round (replicas: "three", privileged: "yes") it is not.
 */
#ifndef DECODE_FIELD_H
#define DECODE_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "decode/decode.h"

/* Texts of the object in hand that were kept lately, by a cheap hash: names, label keys and values recur in it. */
#define FIELD_KEPT 128

/* One object being decoded. */
struct decoder {
	const struct decode_context *ctx;
	const struct node *doc;
	struct object *object;
	struct arena *arena; /* the object's: what the answers live in */
	struct arena *scratch; /* gone when the object is decoded */
	struct err *e;
	bool failed;
	bool brief; /* of a pod template only what pod_template.brief says */
	const char *pipelock, *pipelock_image; /* of the pod, from when it was read whole; in scratch */
	struct kept {
		const char *text;
		size_t len;
	} kept[FIELD_KEPT];
};

/* An array in the object; NULL for none. */
#define FIELD_ARRAY(d, type, n) ((n) ? ARENA_ARRAY((d)->arena, type, (n)) : NULL)

/* "Deployment a/x, line 12: spec.replicas: " and the message; the path is found by looking for the node. */
void field_fail(struct decoder *d, const struct node *at, const char *fmt, ...) PRINTF(3, 4);
void field_missing(struct decoder *d, const struct node *parent, const char *key);

const struct node *field_map(struct decoder *d, const struct node *parent, const char *key);
const struct node *field_list(struct decoder *d, const struct node *parent, const char *key);
/* A list whose members are maps. */
const struct node *field_maps(struct decoder *d, const struct node *parent, const char *key);

/* A copy in the object, NUL-terminated; the same one for the same text, if it was kept not long ago. */
const char *field_keep(struct decoder *d, const char *text, size_t len);
/* The scalar itself as text; NULL when it is null or absent. One with a NUL byte inside is a complaint. */
const char *field_scalar(struct decoder *d, const struct node *n);
const char *field_str(struct decoder *d, const struct node *parent, const char *key); /* NULL when absent */
/* `absent` has to outlive the object; the answer is never NULL. */
__attribute__((returns_nonnull)) const char *field_str_or(struct decoder *d, const struct node *parent, const char *key, const char *absent);
/* Absent or empty is a complaint; never NULL. */
__attribute__((returns_nonnull)) const char *field_need(struct decoder *d, const struct node *parent, const char *key);
const char *const *field_strs(struct decoder *d, const struct node *parent, const char *key, size_t *n);

bool field_bool(struct decoder *d, const struct node *parent, const char *key, bool absent);
/* A number outside min and max is a complaint. */
int64_t field_int(struct decoder *d, const struct node *parent, const char *key, int64_t absent, int64_t min,
		  int64_t max);
int64_t field_count(struct decoder *d, const struct node *parent, const char *key, int64_t absent); /* from 0 */
/* CLOCK_UNKNOWN when absent or no time. */
int64_t field_time(struct decoder *d, const struct node *parent, const char *key);

/* The member of that name, NULL when it is null too. */
const struct node *field_get(const struct node *parent, const char *key);
unsigned field_line(const struct node *parent, const char *key); /* 0 when absent */
/* The tree of a node that the reader left unparsed (decode_raw_keys); any other node as it is. NULL: a complaint. */
const struct node *field_parsed(struct decoder *d, const struct node *n);

#endif
