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

struct env_value {
	enum env_state state;
	const char *value; /* ENV_SET only; lives in the fleet or in the arena passed in */
	unsigned line; /* of the env entry, or the envFrom entry */
};

/*
 * envFrom with prefixes first, then env over it, $(VAR) expanded from what stands before it, $$ unescaped,
 * configMapKeyRef where the ConfigMap is known, optional references that are missing leave the variable out. A
 * Secret under envFrom could set any name: a name that nothing else sets is then still ENV_ABSENT.
 */
struct env_value env_lookup(const struct fleet *f, const char *namespace, const struct container *c, const char *name,
			    struct arena *a);

/* A text of command or args as the kubelet expands it; what it may hide is hidden, as in a variable. */
struct env_value env_expand(const struct fleet *f, const char *namespace, const struct container *c, const char *text,
			    struct arena *a);

#endif
