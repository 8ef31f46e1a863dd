/* SPDX-License-Identifier: Apache-2.0 */
/* What keys do to the workloads that rows are about: the same on every screen that lists them. */
#ifndef TUI_WORKLOAD_KEYS_H
#define TUI_WORKLOAD_KEYS_H

#include "fleet/fleet.h"
#include "tui/app.h"
#include "tui/view.h"

typedef const struct workload *workload_of_row(const struct view_data *v, size_t row);

/* Probes these agents: the marked, else the one under the cursor. */
void workload_keys_probe(struct app *app, workload_of_row *at);
/* Restarts these agents, or their companions, or both: asks which. */
void workload_keys_restart(struct app *app, workload_of_row *at);
/* Restarts just these. */
void workload_keys_restart_only(struct app *app, workload_of_row *at);

#endif
