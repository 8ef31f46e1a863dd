/* SPDX-License-Identifier: Apache-2.0 */
/* Objects read once more, one by one: those that were kept in brief and have lost what spoke for them. */
#ifndef KUBE_REREAD_H
#define KUBE_REREAD_H

#include <stddef.h>

#include "base/err.h"
#include "decode/seen.h"
#include "fleet/object.h"
#include "kube/api.h"
#include "kube/resource.h"

struct reread;

struct reread_args {
	struct kube *kube;
	struct seen *seen; /* decode_context's */
	void *ctx;
	/* One was read: takes the reference. It may be older or newer than what a watch has brought meanwhile. */
	void (*got)(void *ctx, const struct resource *r, struct object *o, const char *version);
	/* One could not be read, and it is not for its being gone. */
	void (*failed)(void *ctx, const struct resource *r, const struct err *e);
};

struct reread *reread_new(const struct reread_args *args);
/* The resource is borrowed until the answer is there. */
void reread_add(struct reread *r, const struct resource *resource, const char *namespace, const char *name);
size_t reread_waiting(const struct reread *r); /* not answered yet */
void reread_free(struct reread *r); /* NULL is fine */

#endif
