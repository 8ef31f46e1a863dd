/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/workload.h"

#include <string.h>

const struct config_key *
config_map_key(const struct config_map *m, const char *key)
{
	size_t low = 0, high = m->n_keys;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int order = strcmp(key, m->keys[mid].key);

		if (order == 0)
			return &m->keys[mid];
		if (order < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return NULL;
}

const struct volume *
pod_spec_volume(const struct pod_spec *s, const char *name)
{
	for (size_t i = 0; i < s->n_volumes; i++)
		if (strcmp(s->volumes[i].name, name) == 0)
			return &s->volumes[i];
	return NULL;
}

const struct container *
pod_spec_container(const struct pod_spec *s, const char *name)
{
	for (size_t i = 0; i < s->n_containers; i++)
		if (strcmp(s->containers[i].name, name) == 0)
			return &s->containers[i];
	return NULL;
}
