/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of a workload besides its objects, as lines of its page: probes, the config in force, /health. */
#ifndef TUI_PROOF_PAGE_H
#define TUI_PROOF_PAGE_H

#include "fleet/fleet.h"
#include "tui/pane.h"

/* A new line that begins with a fact's name; what is added goes on in PAGE_LABEL. "" for one more line of the same. */
#define PAGE_LABEL 11
void page_label(struct pane *out, const char *name);

/* Each probe, and each node it was run on: verdict, control, target, method, age. */
void proof_page_probes(const struct fleet *f, const struct workload *agent, struct pane *out);
/* Of a migrated agent that is not verified: what its probes lack. */
void proof_page_lack(const struct fleet *f, const struct workload *agent, struct pane *out);
/* Pod by pod of what runs Pipelock: does its file have the ConfigMap's bytes, has the process loaded them, did a reload fail? */
void proof_page_config(const struct fleet *f, const struct workload *w, struct pane *out);
/* What its pods answer to GET /health. */
void proof_page_health(const struct fleet *f, const struct workload *w, struct pane *out);
/* Its pods and where they run; `name` is the fact's. */
void proof_page_pods(const struct fleet *f, const struct workload *w, const char *name, struct pane *out);

#endif
