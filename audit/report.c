/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/report.h"

#include "audit/report_formats.h"
#include "base/str.h"

const struct report_format report_formats[] = {
	{"text", "for people: findings by agent, what to change, what is not known", report_text},
	{"json", "for programs: the schema moat.audit/v1", report_json},
};

const size_t n_report_formats = COUNT_OF(report_formats);

const struct report_format *
report_find(const char *name)
{
	for (size_t i = 0; i < n_report_formats; i++) {
		if (str_eq(report_formats[i].name, name))
			return &report_formats[i];
	}
	return NULL;
}
