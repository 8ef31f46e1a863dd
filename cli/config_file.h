/* SPDX-License-Identifier: Apache-2.0 */
/* The user's config file: ~/.config/moat/config.yaml. docs/config.md describes it for users. */
#ifndef CLI_CONFIG_FILE_H
#define CLI_CONFIG_FILE_H

#include "audit/audit.h"
#include "base/arena.h"
#include "base/err.h"
#include "fleet/probe_plan.h"
#include "fleet/settings.h"

/* `probes:`, as far as it is about running them; zeros: the command's own. */
struct probe_settings {
	struct probe_target target;
	int64_t parallel; /* pods at once, 1 to PROBE_MOST_PARALLEL */
	int64_t dial_ms; /* for one dial */
};

#define PROBE_MOST_PARALLEL 100
#define PROBE_LONGEST_DIAL_S 60

struct config_file {
	struct arena arena;
	const char *path; /* NULL: there is none, the defaults hold */
	const char *skin; /* NULL */
	struct settings fleet;
	struct audit_settings audit;
	struct probe_settings probes;
};

/*
 * Reads `path`, or the default place when it is NULL; only a file that was named has to exist. An unknown key, a wrong
 * type, an unknown rule, role or severity is ERR_INPUT: "PATH:LINE: ...".
 */
struct config_file *config_file_read(const char *path, struct err *e);
void config_file_free(struct config_file *c); /* NULL is fine */

#endif
