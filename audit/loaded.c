/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/loaded.h"

#include "base/clock.h"
#include "base/str.h"

static bool
follows(const struct config_source *s)
{
	return !s->env && s->mount && !s->mount->sub_path && !s->mount->sub_path_expr;
}

static enum loaded
by_start(int64_t started_at, int64_t changed_at, const struct config_source *s)
{
	if (started_at == CLOCK_UNKNOWN)
		return LOADED_UNKNOWN;
	if (started_at >= changed_at + LOADED_SETTLED)
		return LOADED_CURRENT;
	return started_at < changed_at && !follows(s) ? LOADED_STALE : LOADED_UNKNOWN;
}

/* Not running: it has loaded nothing, and does not count. */
static const struct container_status *
running(const struct pod *p, const char *container)
{
	for (size_t i = 0; i < p->n_statuses; i++) {
		if (!p->finished && p->statuses[i].running && str_eq(p->statuses[i].name, container))
			return &p->statuses[i];
	}
	return NULL;
}

enum loaded
loaded_config(const struct fleet *f, const struct workload *w)
{
	const struct live *live = fleet_live(f, w);
	const struct pipelock *p = w->pipelock;
	size_t seen = 0, current = 0;

	if (!p || !p->n_sources || !p->config_map || p->config_map->data_changed_at == CLOCK_UNKNOWN)
		return LOADED_UNKNOWN;
	for (size_t i = 0; i < live->n_pods; i++) {
		const struct container_status *s = running(live->pods[i], p->container->name);
		enum loaded l;

		if (!s)
			continue;
		l = by_start(s->started_at, p->config_map->data_changed_at, &p->sources[0]);
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
