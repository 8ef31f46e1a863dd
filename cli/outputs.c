/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/outputs.h"

#include "base/str.h"
#include "cli/output.h"

static bool
check_format(const struct output_formats *formats, const struct output *o, struct err *e)
{
	AUTO(buf) struct buf names = {0};
	const char *name;

	for (size_t i = 0; (name = formats->name(i)); i++) {
		if (str_eq(name, o->format))
			return true;
		buf_addf(&names, "%s%s", i ? ", " : "", name);
	}
	return err_set(e, ERR_USAGE, 0, "-o %s: no such format; there are %s", o->format, buf_str(&names));
}

bool
outputs_check(const struct cli *cli, const struct output_formats *formats, struct err *e)
{
	size_t to_stdout = 0;

	for (size_t i = 0; i < cli->outputs.n; i++) {
		if (!check_format(formats, &cli->outputs.at[i], e))
			return false;
		to_stdout += !cli->outputs.at[i].path;
	}
	return to_stdout <= 1 ||
	       err_set(e, ERR_USAGE, 0, "only one -o can go to standard output: use -o FORMAT=FILE");
}

static bool
write_output(const struct cli *cli, const struct output_formats *formats, const void *what, const struct output *o,
	     struct err *e)
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
	formats->render(what, o->format, &opt, &text);
	output_spill(&stream, &text);
	return output_close(&stream, e);
}

int
outputs_write(const struct cli *cli, const struct output_formats *formats, const void *what)
{
	const struct output standard = {.format = formats->standard};
	const struct output *outputs = cli->outputs.n ? cli->outputs.at : &standard;
	size_t n = cli->outputs.n ? cli->outputs.n : 1;
	int failed = 0;
	struct err e = {0};

	for (size_t i = 0; i < n; i++)
		if (!write_output(cli, formats, what, &outputs[i], &e))
			failed = cli_fail(&e);
	return failed;
}
