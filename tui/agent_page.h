/* SPDX-License-Identifier: Apache-2.0 */
/* One agent in full, as lines: what it runs behind, how anyone knows, and the boundary drawn. */
#ifndef TUI_AGENT_PAGE_H
#define TUI_AGENT_PAGE_H

#include "audit/audit.h"
#include "tui/pane.h"

/* The boundary: who is behind what, and each way out with the policy that opens it. */
void agent_page_boundary(const struct workload *agent, struct pane *out);
/* All that is known of the agent but its findings. */
void agent_page_facts(const struct fleet *f, const struct workload *agent, struct pane *out);
/* One finding: what, the proof, the fix, where. */
void agent_page_finding(const struct finding *f, struct pane *out);
/* Facts, boundary and findings: what `moat show` prints. */
void agent_page(const struct audit *audit, const struct workload *agent, struct pane *out);

#endif
