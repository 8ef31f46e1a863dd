/* SPDX-License-Identifier: Apache-2.0 */
/* The user's config file: ~/.config/moat/config.yaml. docs/config.md describes it for users. */
#ifndef CLI_CONFIG_FILE_H
#define CLI_CONFIG_FILE_H

#include "audit/audit.h"
#include "base/arena.h"
#include "base/err.h"
#include "fleet/settings.h"

struct config_file {
	struct arena arena;
	const char *path; /* NULL: there is none, the defaults hold */
	const char *skin; /* NULL */
	struct settings fleet;
	struct audit_settings audit;
};

/*
 * Reads `path`, or the default place when it is NULL; only a file that was named has to exist. An unknown key, a wrong
 * type, an unknown rule, role or severity is ERR_INPUT: "PATH:LINE: ...".
 */
struct config_file *config_file_read(const char *path, struct err *e);
void config_file_free(struct config_file *c); /* NULL is fine */

#endif
