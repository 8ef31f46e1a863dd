/* SPDX-License-Identifier: Apache-2.0 */
/* Kubernetes objects out of node trees: one decoder for manifests, snapshots and, later, the API server. */
#ifndef DECODE_DECODE_H
#define DECODE_DECODE_H

#include <stdbool.h>

#include "base/err.h"
#include "base/node.h"
#include "decode/seen.h"
#include "fleet/object.h"

struct decode_context {
	const char *path; /* for locations and messages; borrowed, it has to outlive the objects. NULL for a cluster */
	const char *default_namespace; /* for namespaced objects that name none */
	struct seen *seen; /* what belongs to one of these is kept in brief; NULL: nothing is */
	/* Of a cluster, where the path of a request says what comes: the items of its lists do not. NULL: they say it. */
	const char *kind, *api_version;
	bool metadata; /* they come as PartialObjectMetadata: kept in brief, replicas unknown */
};

/*
 * *out is NULL for a kind the model does not keep (Secrets among them: their data is never looked at) and for what is
 * no Kubernetes object at all (a Kustomization). An object of a known kind that cannot be one (no name, containers
 * that are no list, an embedded NUL in a name) is an error that names it: "Deployment a/x, line 12: spec.template ...".
 * `list_kind` gives the kind of an item that does not say ("PodList"); NULL otherwise.
 */
bool decode_object(const struct decode_context *ctx, const char *list_kind, const struct node *doc,
		   struct object **out, struct err *e) MUST_USE;

/* Keys whose values decoders look at only sometimes: for json_options.raw_keys. */
extern const char *const decode_raw_keys[];

#endif
