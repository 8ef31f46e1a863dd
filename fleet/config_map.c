/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/config_map.h"

#include <string.h>

/* A gap without a namespace is one of all namespaces. */
static bool
is_gap(const struct gap *g, const char *namespace)
{
	return (g->fact & FACT_CONFIG_MAPS) && (!*g->namespace || strcmp(g->namespace, namespace) == 0);
}

bool
config_maps_unread(const struct fleet *f, const char *namespace)
{
	bool explained = false;

	if (f->facts[__builtin_ctz(FACT_CONFIG_MAPS)] == FACT_READ)
		return false;
	for (size_t i = 0; i < f->n_gaps; i++) {
		if (is_gap(&f->gaps[i], namespace))
			return true;
		explained |= (f->gaps[i].fact & FACT_CONFIG_MAPS) != 0;
	}
	return !explained; /* gaps that are all elsewhere leave this namespace read */
}

enum presence
config_map_find(const struct fleet *f, const char *namespace, const char *name, const struct config_map **out)
{
	const struct config_map *found = name ? fleet_config_map(f, namespace, name) : NULL;

	if (found) {
		*out = found;
		return PRESENCE_THERE;
	}
	return config_maps_unread(f, namespace) ? PRESENCE_UNKNOWN : PRESENCE_MISSING;
}
