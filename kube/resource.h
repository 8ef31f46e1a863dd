/* SPDX-License-Identifier: Apache-2.0 */
/* The kinds that moat reads or writes, and their paths. */
#ifndef KUBE_RESOURCE_H
#define KUBE_RESOURCE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "fleet/fleet.h"

struct resource {
	const char *kind; /* "NetworkPolicy" */
	const char *group; /* "" for core */
	const char *version, *plural;
	bool namespaced;
	bool optional; /* a CRD: the server may not have it, which is no gap */
	bool metadata; /* PartialObjectMetadata is enough */
	unsigned facts; /* enum fact: what is missing when it cannot be read */
};

extern const struct resource resources[]; /* sorted so that what speaks for pods comes before them */
extern const size_t n_resources;

const struct resource *resource_by_kind(const char *kind); /* NULL */
char *resource_api_version(const struct resource *r); /* "apps/v1", "v1": as an object of it has it; the caller's */
/* "/apis/apps/v1/namespaces/NS/deployments/NAME/SUB"; namespace, name and sub may be NULL. */
void resource_path(struct buf *out, const struct resource *r, const char *namespace, const char *name, const char *sub);
/* "?a=b", then "&c=d": both are percent-encoded. */
void resource_query(struct buf *path, const char *name, const char *value);

#endif
