/* SPDX-License-Identifier: Apache-2.0 */
/* Has a running Pipelock loaded its ConfigMap's present bytes? As far as times tell; logs will tell exactly. */
#ifndef AUDIT_LOADED_H
#define AUDIT_LOADED_H

#include "fleet/fleet.h"
#include "fleet/loading.h"

/* w is what runs Pipelock: a companion, or an agent with a sidecar. The worst of its pods counts. */
enum loaded loaded_config(const struct fleet *f, const struct workload *w);
const char *loaded_name(enum loaded l); /* "current" */

#endif
