/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The objects of a cluster by kind, namespace and name, one reference each, and what has changed since somebody looked.
 * Kinds are numbers; a list of a kind (begin ... commit) leaves exactly what it put.
 */
#ifndef KUBE_MIRROR_H
#define KUBE_MIRROR_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "fleet/object.h"
#include "kube/cluster.h"

struct mirror;

struct mirror *mirror_new(size_t kinds);
void mirror_free(struct mirror *m);

/* Each says whether there is anything else now. */
void mirror_begin(struct mirror *m, size_t kind);
bool mirror_put(struct mirror *m, size_t kind, struct object *o, const char *version); /* takes the reference */
bool mirror_gone(struct mirror *m, size_t kind, const char *namespace, const char *name);
bool mirror_bad(struct mirror *m, size_t kind, const char *namespace, const char *name, const struct err *e);
bool mirror_commit(struct mirror *m, size_t kind);

/* NULL for none. */
struct object *mirror_find(const struct mirror *m, size_t kind, const char *namespace, const char *name);
size_t mirror_objects(const struct mirror *m, size_t kind);
size_t mirror_bads(const struct mirror *m, size_t kind);
/* false from fn ends it. */
void mirror_each(const struct mirror *m, size_t kind, bool (*fn)(void *ctx, struct object *o), void *ctx);
void mirror_each_bad(const struct mirror *m, size_t kind,
		     void (*fn)(void *ctx, const char *namespace, const char *message), void *ctx);

/*
 * As cluster_take_changes. Nothing is noted down before the first call: until then everything is new.
 * How often a controller went away, or got another owner: what was kept in brief may have lost what speaks for it.
 */
void mirror_take(struct mirror *m, struct cluster_changes *out);
size_t mirror_lost_owners(const struct mirror *m);

#endif
