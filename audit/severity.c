/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/severity.h"

#include <stddef.h>

#include "base/str.h"

static const char *const names[SEVERITIES] = {
	[SEV_INFO] = "info",
	[SEV_LOW] = "low",
	[SEV_MEDIUM] = "medium",
	[SEV_HIGH] = "high",
	[SEV_CRITICAL] = "critical",
};

const char *
severity_name(enum severity s)
{
	return names[s];
}

bool
severity_parse(const char *word, enum severity *out)
{
	for (size_t i = 0; i < SEVERITIES; i++) {
		if (str_eq(word, names[i])) {
			*out = (enum severity)i;
			return true;
		}
	}
	return false;
}
