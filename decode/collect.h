/* SPDX-License-Identifier: Apache-2.0 */
/* The documents of one source, lists and all, into an object set. */
#ifndef DECODE_COLLECT_H
#define DECODE_COLLECT_H

#include "base/vec.h"
#include "base/yaml.h"
#include "decode/decode.h"

#define COLLECT_NAMED 20

/* Where a source begins. */
struct collect_start {
	size_t objects, warnings, twice;
};

struct collector {
	struct object_set *set;
	struct decode_context ctx; /* its path names the source in messages */
	/*
	 * Whoever names a file means it: what is no object in it is an error. A folder holds other things too, such as
	 * the values of a Helm chart: those are passed over, and the first one is noted.
	 */
	bool in_folder;
	const char *foreign; /* what it is: "a list"; NULL: there was none */
	unsigned foreign_line;
	/* Objects in which a key stands twice, with those of earlier sources: the first COLLECT_NAMED are warned of. */
	size_t twice;

	/* What follows is the collector's own. */
	bool refused; /* an error came from an object, not from the syntax */
	bool open; /* inside a list whose kind comes behind its items */
	size_t start; /* objects before that list */
	struct err held; /* what is wrong with its items, which counts once it is known to be a list */
	VEC(const struct node *) kindless; /* its items that do not say what they are */
	struct arena kept; /* where those live */
};

struct document_sink collect_sink(struct collector *c);
/* Forgets what a source has brought so far: it is going to be read in another way. */
void collect_undo(struct collector *c, const struct collect_start *start);
void collect_free(struct collector *c);

#endif
