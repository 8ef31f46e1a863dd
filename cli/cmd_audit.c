/* SPDX-License-Identifier: Apache-2.0 */
/* moat audit: the headless report. */
#include <errno.h>

#include "base/buf.h"
#include "cli/cli.h"
#include "cli/keep.h"
#include "cli/output.h"

static const struct report_format *
find_format(const struct output *o, struct err *e)
{
	AUTO(buf) struct buf names = {0};
	const struct report_format *f = report_find(o->format);

	if (f)
		return f;
	for (size_t i = 0; i < n_report_formats; i++)
		buf_addf(&names, "%s%s", i ? ", " : "", report_formats[i].name);
	err_set(e, ERR_USAGE, 0, "-o %s: no such format; there are %s", o->format, buf_str(&names));
	return NULL;
}

/* Before anything is read: a wrong -o shall not cost a whole audit. */
static bool
check_outputs(const struct cli *cli, struct err *e)
{
	size_t to_stdout = 0;

	for (size_t i = 0; i < cli->outputs.n; i++) {
		if (!find_format(&cli->outputs.at[i], e))
			return false;
		to_stdout += !cli->outputs.at[i].path;
	}
	return to_stdout <= 1 || err_set(e, ERR_USAGE, 0, "only one -o can go to standard output: use -o FORMAT=FILE");
}

static bool
write_output(const struct cli *cli, const struct audit *a, const struct output *o, struct err *e)
{
	struct report_options opt = {.columns = 80};
	AUTO(buf) struct buf text = {0};
	struct output_stream stream;

	if (!o->path)
		opt = cli_report_options(cli);
	if (!output_open(&stream, o->path, e))
		return false;
	opt.spill = output_spill;
	opt.spill_ctx = &stream;
	report_find(o->format)->render(a, &opt, &text);
	output_spill(&stream, &text);
	return output_close(&stream, e);
}

int
cli_report(struct cli *cli, const struct audit *a)
{
	static const struct output text = {.format = "text"};
	const struct output *outputs = cli->outputs.n ? cli->outputs.at : &text;
	size_t n = cli->outputs.n ? cli->outputs.n : 1;
	int failed = 0;
	struct err e = {0};

	/* One that cannot be written does not cost the others. */
	for (size_t i = 0; i < n; i++)
		if (!write_output(cli, a, &outputs[i], &e))
			failed = cli_fail(&e);
	return failed;
}

int
cmd_audit(struct cli *cli)
{
	struct err e = {0};
	struct audit *a;
	int failed, status;

	if (!check_outputs(cli, &e) || !cli_no_args(cli, &e))
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
