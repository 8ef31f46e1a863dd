/* SPDX-License-Identifier: Apache-2.0 */
/* When a Pipelock container has read its config: what its start and the ConfigMap's last change say of one another. */
#ifndef FLEET_LOADING_H
#define FLEET_LOADING_H

#include <stdint.h>

#include "fleet/fleet.h"

/* Seconds: the kubelet brings a change into the pod's files after up to 66 s, and a container may start in between. */
#define LOADED_SETTLED INT64_C(120)

enum loaded {
	LOADED_UNKNOWN, /* no running pod, no times, or a mount that follows and a process that may not have looked */
	LOADED_CURRENT, /* all its containers started well after the last change */
	LOADED_STALE, /* one started before it, and its mount (subPath) or env never follows */
};

/* Seconds both, CLOCK_UNKNOWN too; s is where the container takes its config from. */
enum loaded loading_by_start(int64_t started_at, int64_t changed_at, const struct config_source *s);

/* The container's status while it runs; NULL: it does not, and has nothing loaded. */
const struct container_status *loading_running(const struct pod *p, const char *container);

#endif
