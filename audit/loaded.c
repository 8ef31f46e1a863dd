/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/loaded.h"

#include "base/clock.h"
#include "fleet/loading.h"

enum loaded
loaded_config(const struct fleet *f, const struct workload *w)
{
	const struct live *live = fleet_live(f, w);
	const struct pipelock *p = w->pipelock;
	size_t seen = 0, current = 0;

	if (!p || !p->n_sources || !p->config_map || p->config_map->data_changed_at == CLOCK_UNKNOWN)
		return LOADED_UNKNOWN;
	for (size_t i = 0; i < live->n_pods; i++) {
		const struct container_status *s = loading_running(live->pods[i], p->container->name);
		enum loaded l;

		if (!s)
			continue;
		l = loading_by_start(s->started_at, p->config_map->data_changed_at, &p->sources[0]);
		if (l == LOADED_STALE)
			return l;
		seen++;
		current += l == LOADED_CURRENT;
	}
	return seen && current == seen ? LOADED_CURRENT : LOADED_UNKNOWN;
}

const char *
loaded_name(enum loaded l)
{
	static const char *const names[] = {
		[LOADED_UNKNOWN] = "unknown",
		[LOADED_CURRENT] = "current",
		[LOADED_STALE] = "stale",
	};

	return names[l];
}
