/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YAML as Kubernetes reads it (sigs.k8s.io/yaml, YAML 1.1 scalars): 0440 and 0o440 are octal, yes/no/on/off/y/n are
 * booleans, ~ and empty are null, << merges (a map's own keys win, wherever they stand). Documents are delivered one
 * by one; of a document whose top is a mapping with a sequence under `items`, the items are delivered one by one, so
 * that memory does not follow the file.
 */
#ifndef BASE_YAML_H
#define BASE_YAML_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/node.h"
#include "base/reader.h"

#define YAML_MAX_DEPTH 100
/* Nodes that aliases may add to one document, beyond as many as it has itself: a "billion laughs" ends here. */
#define YAML_MAX_ALIAS_NODES 100000
/* The same for bytes of text, since who reads a tree may copy them. */
#define YAML_MAX_ALIAS_BYTES (16 * 1024 * 1024)

/* What the streaming readers of YAML and JSON call. */
struct document_sink {
	void *ctx;
	/* One document that is no list. The tree is freed after the call. */
	bool (*document)(void *ctx, const struct node *doc, struct err *e);
	/*
	 * One item of a list. list_kind is the list's kind where it is known by now ("List", "PodList"), else NULL: the
	 * items came first. The tree is freed after the call.
	 */
	bool (*item)(void *ctx, const char *list_kind, const struct node *item, struct err *e);
	/*
	 * The end of a document whose items were delivered; head holds its other members (kind, metadata). When the
	 * items came before the kind, this is the place to use, or to undo, what they brought.
	 */
	bool (*list_end)(void *ctx, const struct node *head, size_t items, struct err *e);
};

/* Errors are ERR_INPUT and start with "NAME:LINE: ". Documents that are empty or null are passed over. */
bool yaml_stream(struct reader *in, const struct document_sink *sink, struct err *e) MUST_USE;
/* The same with so many bytes in memory at first; 0: as many as usual. For tests. */
bool yaml_stream_by(struct reader *in, size_t window, const struct document_sink *sink, struct err *e) MUST_USE;

/*
 * One document held in memory, for example a Pipelock config; `name` is for messages. An empty text gives a
 * NODE_NULL. With strict, a second document and a duplicate key (at any depth) are errors.
 */
bool yaml_parse(struct arena *a, const char *name, const char *text, size_t len, bool strict, struct node **out,
		struct err *e) MUST_USE;

#endif
