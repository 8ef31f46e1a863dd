/* SPDX-License-Identifier: Apache-2.0 */
/* A container's environment as the kubelet would compute it. */
#ifndef FLEET_ENV_H
#define FLEET_ENV_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "fleet/workload.h"

struct fleet;

enum env_state {
	ENV_ABSENT, /* the container has no such variable */
	ENV_SET, /* value is what the process sees */
	ENV_HIDDEN, /* it is set, from a Secret or another place that is not read */
	ENV_UNKNOWN, /* it comes, or may come, from a ConfigMap that could not be read */
};

#define ENV_MASK '\x1a' /* stands in env_value.known for what was not read */

/* Strings live in the fleet or in the arena passed in. */
struct env_value {
	enum env_state state;
	const char *value; /* ENV_SET only */
	unsigned line; /* of the env entry, or the envFrom entry */
	/* ENV_HIDDEN and ENV_UNKNOWN only: */
	const char *kind; /* of the object that keeps it: "Secret", "ConfigMap", "Service"; NULL: the workload itself */
	const char *cause; /* "Secret a/s, which moat does not read", "ConfigMap a/m, which was not found" */
	bool perhaps; /* under envFrom: it may as well not be set */
	/*
	 * The text with ENV_MASK for each part that is not known, and a Service's name where its address will stand;
	 * NULL when nothing of it is known.
	 */
	const char *known;
};

/*
 * envFrom with prefixes first, then env over it, $(VAR) expanded from what stands before it, $$ unescaped,
 * configMapKeyRef where the ConfigMap is known, optional references that are missing leave the variable out. A
 * Secret under envFrom could set any name: a name that nothing else sets is then still ENV_ABSENT.
 */
struct env_value env_lookup(const struct fleet *f, const char *namespace, const struct container *c, const char *name,
			    struct arena *a);

/* The first Secret under envFrom that could set this variable; NULL for none. */
const char *env_secret_source(const struct container *c, const char *name);

/* A text of command or args as the kubelet expands it; what it may hide is hidden, as in a variable. */
struct env_value env_expand(const struct fleet *f, const char *namespace, const struct container *c, const char *text,
			    struct arena *a);

#endif
