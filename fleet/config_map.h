/* SPDX-License-Identifier: Apache-2.0 */
/* ConfigMaps that others refer to: there, not there, or not known because they were not read. */
#ifndef FLEET_CONFIG_MAP_H
#define FLEET_CONFIG_MAP_H

#include "fleet/fleet.h"

enum presence { PRESENCE_THERE, PRESENCE_MISSING, PRESENCE_UNKNOWN };

/* *out is set with PRESENCE_THERE only. Unknown where ConfigMaps, or those of this namespace, could not be read. */
enum presence config_map_find(const struct fleet *f, const char *namespace, const char *name,
			      const struct config_map **out);

/* Could ConfigMaps of this namespace not be read? */
bool config_maps_unread(const struct fleet *f, const char *namespace);

#endif
