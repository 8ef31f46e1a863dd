/* SPDX-License-Identifier: Apache-2.0 */
/* Where a container takes its Pipelock config from: a mounted file, its environment, its image. */
#ifndef FLEET_CONFIG_SOURCE_H
#define FLEET_CONFIG_SOURCE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "fleet/command.h"
#include "fleet/fleet.h"

struct config_sources {
	const struct config_source *at; /* the main one first, when there is one */
	size_t n;
	bool has_main; /* the first is what Pipelock reads */
	bool unknown; /* it reads one, and which cannot be told */
	bool missing; /* no ConfigMap or key is where the main one should come from, and it must be */
	const char *text; /* the main one's, when it is known; NUL-terminated */
	size_t len;
	struct pipelock_command command; /* variables put in where they are known */
};

struct config_sources config_source_find(const struct fleet *f, const struct workload *w, const struct container *c,
					 struct arena *a);

enum mount_type config_source_type(const struct config_source *s);

#endif
