/* SPDX-License-Identifier: Apache-2.0 */
/* moat audit: the headless report. */
#include "cli/cli.h"
#include "cli/keep.h"
#include "cli/outputs.h"

static const char *
format_name(size_t i)
{
	return i < n_report_formats ? report_formats[i].name : NULL;
}

static void
render(const void *audit, const char *format, const struct report_options *opt, struct buf *out)
{
	report_find(format)->render(audit, opt, out);
}

static const struct output_formats formats = {.standard = "text", .name = format_name, .render = render};

int
cli_report(struct cli *cli, const struct audit *a)
{
	return outputs_write(cli, &formats, a);
}

int
cmd_audit(struct cli *cli)
{
	struct err e = {0};
	struct audit *a;
	int failed, status;

	if (!outputs_check(cli, &formats, &e) || !cli_no_args(cli, &e))
		return cli_fail(&e);
	a = cli_audit(cli, &e);
	if (!a)
		return cli_fail(&e);
	cli_warn(a->fleet);
	failed = cli_report(cli, a);
	keep_run(cli, a);
	status = failed ? failed : audit_exit_status(a, cli->fail_on);
	audit_unref(a);
	return status;
}
