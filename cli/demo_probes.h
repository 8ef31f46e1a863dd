/* SPDX-License-Identifier: Apache-2.0 */
/* The probes of the built-in fleet: made up, as its objects are, and marked as such. */
#ifndef CLI_DEMO_PROBES_H
#define CLI_DEMO_PROBES_H

#include "base/embed.h"
#include "base/err.h"
#include "fleet/fleet.h"

extern const struct embedded_file demo_probes_files[]; /* demo/probes.txt alone */

/* The fleet with those probes as its evidence: one reference, f keeps its own. The text is as demo/probes.txt says. */
struct fleet *demo_probes(struct fleet *f, const char *text, struct err *e);

#endif
