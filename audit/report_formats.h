/* SPDX-License-Identifier: Apache-2.0 */
/* The renderers, for the table in report.c; one file each. */
#ifndef AUDIT_REPORT_FORMATS_H
#define AUDIT_REPORT_FORMATS_H

#include "audit/report.h"

void report_json(const struct audit *a, const struct report_options *opt, struct buf *out);
void report_text(const struct audit *a, const struct report_options *opt, struct buf *out);

#endif
