/* SPDX-License-Identifier: Apache-2.0 */
/* Every -o of a command that prints reports: each format to its place, several in one run. */
#ifndef CLI_OUTPUTS_H
#define CLI_OUTPUTS_H

#include "audit/report.h"
#include "cli/cli.h"

struct output_formats {
	const char *standard; /* without an -o */
	const char *(*name)(size_t i); /* of the i-th; NULL behind the last */
	/* May hand text on by opt->spill as it goes. `what` is what outputs_write was given. */
	void (*render)(const void *what, const char *format, const struct report_options *opt, struct buf *out);
};

/* Before anything is read: a wrong -o shall not cost a whole run. */
bool outputs_check(const struct cli *cli, const struct output_formats *formats, struct err *e);
/* 0, or the exit status of what could not be written, which is said: one does not cost the others. */
int outputs_write(const struct cli *cli, const struct output_formats *formats, const void *what);

#endif
