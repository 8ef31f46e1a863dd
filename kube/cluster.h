/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The objects of a cluster, kept up to date by reflectors: what a fleet is built from. Knows which kinds are there, which
 * may be read, and what has changed since the last fleet.
 */
#ifndef KUBE_CLUSTER_H
#define KUBE_CLUSTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "fleet/fleet.h"
#include "kube/api.h"
#include "kube/reflector.h"

struct cluster;

struct cluster_options {
	struct kube *kube;
	struct loop *loop;
	const char *namespace; /* read nothing outside of it; NULL: all */
	bool watch;
	void *ctx;
	void (*changed)(void *ctx); /* objects or status are new; may come often: the caller gathers. NULL */
};

enum cluster_state {
	CLUSTER_LOADING, /* a kind was not listed yet, and none has failed for good */
	CLUSTER_LIVE, /* every kind is watched, or was read, or is known to be forbidden or absent */
	CLUSTER_STALE, /* read, but the server does not answer any more, or lets it not be watched: see `heard_ms` */
	CLUSTER_FORBIDDEN, /* nothing that makes a fleet (workloads) may be read */
	CLUSTER_FAILED, /* nothing was read, and the server does not answer */
};

struct cluster_status {
	enum cluster_state state;
	struct err err; /* of what is not well: the first that an operator should know */
	int64_t heard_ms; /* clock_ms: the last time that everything was heard of; -1 before */
	size_t kinds, listed, forbidden, retrying, absent;
	size_t objects, bad;
};

struct cluster *cluster_new(const struct cluster_options *opt);
void cluster_free(struct cluster *c);
struct cluster_status cluster_status(const struct cluster *c);
/* Nothing more will come without a watch: every kind is listed, absent, forbidden, or was given up. */
bool cluster_settled(const struct cluster *c);

/* Only one namespace is read, and it was looked for: the server does not have it. */
bool cluster_lacks_namespace(const struct cluster *c);

/* All objects, a reference each, and what could not be read: input of fleet_new. Gaps live in the arena. */
void cluster_objects(const struct cluster *c, struct object_set *out);
size_t cluster_gaps(const struct cluster *c, struct arena *a, struct gap **out);

/*
 * What changed since the last take, the same object once: `before` NULL for a new one, `after` NULL for one that is gone; a
 * reference each. too_many: a list was read anew or the set grew beyond use: build from cluster_objects.
 */
struct cluster_change {
	struct object *before, *after;
};
struct cluster_changes {
	struct cluster_change *at;
	size_t n, cap;
	bool too_many;
};
void cluster_take_changes(struct cluster *c, struct cluster_changes *out);
void cluster_changes_free(struct cluster_changes *ch);

void cluster_refresh(struct cluster *c); /* lists everything anew */

#endif
