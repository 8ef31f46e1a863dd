/* SPDX-License-Identifier: Apache-2.0 */
/* Agents as JSON, as moat.audit/v1 has them, for `moat fleet` and `moat show`. */
#ifndef AUDIT_REPORT_AGENTS_H
#define AUDIT_REPORT_AGENTS_H

#include <jansson.h>

#include "audit/audit.h"

/* The list of all agents in scope. The caller's. */
json_t *report_agents_json(const struct audit *a);
/*
 * One agent, with `findings`: its own and its companion's; `probe_results`: the last of each node; `pipelocks`: what is known of
 * each that runs for it. The caller's.
 */
json_t *report_agent_json(const struct audit *a, const struct workload *agent);

#endif
