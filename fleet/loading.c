/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/loading.h"

#include "base/clock.h"
#include "base/str.h"

static bool
follows(const struct config_source *s)
{
	return !s->env && s->mount && !s->mount->sub_path && !s->mount->sub_path_expr;
}

enum loaded
loading_by_start(int64_t started_at, int64_t changed_at, const struct config_source *s)
{
	if (started_at == CLOCK_UNKNOWN || changed_at == CLOCK_UNKNOWN)
		return LOADED_UNKNOWN;
	if (started_at >= changed_at + LOADED_SETTLED)
		return LOADED_CURRENT;
	return started_at < changed_at && !follows(s) ? LOADED_STALE : LOADED_UNKNOWN;
}

const struct container_status *
loading_running(const struct pod *p, const char *container)
{
	for (size_t i = 0; i < p->n_statuses; i++) {
		if (!p->finished && p->statuses[i].running && str_eq(p->statuses[i].name, container))
			return &p->statuses[i];
	}
	return NULL;
}
