/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which workloads a source has brought so far, so that what belongs to one of them is kept in brief: of a Deployment's
 * ReplicaSets and pods only the labels, ports and status are asked for, and in a snapshot they are the larger part.
 */
#ifndef DECODE_SEEN_H
#define DECODE_SEEN_H

#include <stdbool.h>

#include "fleet/object.h"

struct seen_entry;

/* Zeroed, nothing was seen. */
struct seen {
	const struct object_set *set; /* where the objects are; those that leave it at its end are no longer seen */
	struct seen_entry *entries;
	/* In place of both, where objects come and go: the one that is there now; NULL for none. */
	const struct object *(*find)(void *ctx, const char *namespace, const char *kind, const char *name);
	void *ctx;
};

/* The object was just added to the set. */
void seen_add(struct seen *s);
/* Does a workload that was seen, with a template of its own, speak for this ReplicaSet, Job or pod? */
bool seen_owner(const struct seen *s, const struct object *o);
void seen_free(struct seen *s);

#endif
