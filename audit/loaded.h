/* SPDX-License-Identifier: Apache-2.0 */
/* Has a running Pipelock loaded its ConfigMap's present bytes? As far as times tell; logs will tell exactly. */
#ifndef AUDIT_LOADED_H
#define AUDIT_LOADED_H

#include <stdint.h>

#include "fleet/fleet.h"

/* Seconds: the kubelet brings a change into the pod's files after up to 66 s, and a container may start in between. */
#define LOADED_SETTLED INT64_C(120)

enum loaded {
	LOADED_UNKNOWN, /* no running pod, no times, or a mount that follows and a process that may not have looked */
	LOADED_CURRENT, /* all its containers started well after the last change */
	LOADED_STALE, /* one started before it, and its mount (subPath) or env never follows */
};

/* w is what runs Pipelock: a companion, or an agent with a sidecar. The worst of its pods counts. */
enum loaded loaded_config(const struct fleet *f, const struct workload *w);
const char *loaded_name(enum loaded l); /* "current" */

#endif
