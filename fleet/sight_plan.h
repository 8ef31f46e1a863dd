/* SPDX-License-Identifier: Apache-2.0 */
/* Which running Pipelocks are worth a look besides the objects, cheap first: logs only where they can matter. */
#ifndef FLEET_SIGHT_PLAN_H
#define FLEET_SIGHT_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "fleet/evidence.h"
#include "fleet/fleet.h"

struct sight_task {
	struct workload_key workload;
	const char *pod, *pod_uid, *container;
	int64_t started_at; /* of that container, seconds */
	bool log, file, health; /* what to look at */
	int64_t changed_at; /* of the ConfigMap, seconds; CLOCK_UNKNOWN: of the log everything matters */
	const char *config_path; /* of the file in the pod; NULL: file is false */
	const char *program; /* to exec: the container's own Pipelock ("/pipelock"); NULL likewise */
	int port; /* of /health; 0: health is false */
};

enum sight_what {
	SIGHT_LOG_NEEDED = 1 << 0, /* logs, where by times the config loaded is not known to be the present one */
	SIGHT_LOG = 1 << 1, /* logs of all */
	SIGHT_FILE = 1 << 2,
	SIGHT_HEALTH = 1 << 3,
};

/*
 * Tasks for these companions and agents with a sidecar, one for each running Pipelock container, at most `max` (0: no
 * limit): first those of which nothing was seen since the ConfigMap changed, of equals those likeliest to be stale;
 * *left_out says how many more there were. What `have` (NULL) has seen of the same container since then is not looked at
 * again, unless it could not be seen. Everything is copied into the arena.
 */
size_t sight_plan_make(const struct fleet *f, const struct workload *const *at, size_t n, unsigned what,
		       const struct evidence *have, size_t max, struct arena *a, struct sight_task **out,
		       size_t *left_out);

#endif
