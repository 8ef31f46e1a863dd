/* SPDX-License-Identifier: Apache-2.0 */
/* How bad a finding is. */
#ifndef AUDIT_SEVERITY_H
#define AUDIT_SEVERITY_H

#include <stdbool.h>

enum severity { SEV_INFO, SEV_LOW, SEV_MEDIUM, SEV_HIGH, SEV_CRITICAL, SEVERITIES };

#define SEV_NEVER SEVERITIES /* --fail-on never */

const char *severity_name(enum severity s);
bool severity_parse(const char *word, enum severity *out);

#endif
