/* SPDX-License-Identifier: Apache-2.0 */
/* Which workload an object is part of: owners followed up to what people know by name. */
#ifndef FLEET_OWNERS_H
#define FLEET_OWNERS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "fleet/object.h"

/* The controllers of a source. */
struct owners;

/* The workload that an object belongs to. Strings are borrowed from objects. */
struct membership {
	const char *namespace, *name, *kind;
	bool foreign; /* the kind has a name of Kubernetes' own, but is another API group's: Volcano's Job */
	bool itself; /* the object is that workload's controller, or a bare pod */
};

/* In the arena. Borrows the objects. */
struct owners *owners_new(struct arena *a, const struct object_set *set);
struct membership owners_workload(const struct owners *os, const struct object *o);

/* The same with some that came and some that went; shares the rest with `os`, and holds references on those. */
struct owners *owners_next(const struct owners *os);
void owners_add(struct owners *os, const struct object *o);
void owners_remove(struct owners *os, const struct object *o);
/* How many came or went since owners_new: each makes a look-up dearer. */
size_t owners_changed(const struct owners *os);
void owners_free(struct owners *os); /* of owners_next; NULL is fine */
/* The Deployment or CronJob that pods of that ReplicaSet or Job may be taken for as long as it is not among them; NULL. */
const struct object *owners_guess(const struct owners *os, const struct object *controller);

/* Does it own a controller that is there? */
bool owners_has_child(const struct owners *os, const struct object *o);

/* The owner that a pod, ReplicaSet, Job or Knative's Deployment is part of; NULL: it is a workload by itself. */
const struct owner *owners_parent(const struct object *o);
/* Has that owner only its kind's name in common with one of Kubernetes' own controllers? Then it was never read. */
bool owners_is_foreign(const struct owner *owner);

#endif
