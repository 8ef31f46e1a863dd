/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A decoded object: what the model keeps of one Kubernetes object. Immutable once decoded, counted, all its memory in
 * an arena of its own, so that the next fleet can share it. The kinds' own structs begin with a struct object.
 */
#ifndef FLEET_OBJECT_H
#define FLEET_OBJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "fleet/labels.h"

enum object_kind {
	OBJECT_NAMESPACE,
	OBJECT_CONTROLLER, /* Deployment, StatefulSet, DaemonSet, ReplicaSet, Job, CronJob: struct controller */
	OBJECT_POD, /* struct pod */
	OBJECT_SERVICE, /* struct service */
	OBJECT_CONFIG_MAP, /* struct config_map */
	OBJECT_POLICY, /* NetworkPolicy and the admin kinds: struct policy (policy.h) */
	OBJECT_FOREIGN_POLICY, /* of an engine that moat does not evaluate: struct foreign_policy (foreign.h) */
	OBJECT_KINDS,
};

/* Where it was read; path is NULL for a cluster. Lines start at 1. */
struct location {
	const char *path;
	unsigned line;
};

struct owner {
	const char *api_version, *kind, *name, *uid; /* kind is NULL when no controller owns the object */
};

struct object {
	int refs; /* object_ref and object_unref; atomic */
	enum object_kind type;
	const char *kind; /* as written: "Deployment" */
	const char *namespace; /* "" for cluster-wide kinds; never NULL */
	const char *name;
	const char *uid; /* NULL in manifests */
	int64_t generation; /* 0 in manifests */
	int64_t created_at; /* seconds; CLOCK_UNKNOWN in manifests */
	struct labels labels, annotations;
	struct owner owner; /* the controller among ownerReferences */
	struct location location;
	struct arena memory; /* everything above and below, this struct too */
};

/*
 * A zeroed object of the given size (its struct begins with struct object), one reference, with its arena; the decoder
 * fills it and then leaves it alone.
 */
struct object *object_new(size_t size, enum object_kind type);
/* The same with that much room behind the struct at once: the decoder knows what it is going to need. */
struct object *object_new_room(size_t size, enum object_kind type, size_t room);
struct object *object_ref(struct object *o);
void object_unref(struct object *o); /* NULL is fine */

/* Order of (namespace, name, kind), as lists are sorted. */
int object_cmp(const struct object *a, const struct object *b);
int object_ptr_cmp(const void *a, const void *b); /* the same of two pointers to objects, for qsort and bsearch */

/* What a source has read: objects in any order, and what it has to say about them. */
struct object_set {
	struct object **at; /* one reference each */
	size_t n, cap;
	char **warnings; /* safe to show: duplicates, ... */
	size_t n_warnings, cap_warnings;
	struct arena paths; /* the paths that locations point to; a fleet takes them over */
};

void object_set_add(struct object_set *set, struct object *o); /* takes the reference */
void object_set_warn(struct object_set *set, const char *fmt, ...) PRINTF(2, 3);
void object_set_free(struct object_set *set);

#endif
