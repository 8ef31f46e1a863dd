/* SPDX-License-Identifier: Apache-2.0 */
/* The console: on files with -f, on the built-in fleet, else on the cluster. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "cli/watcher.h"
#include "cli/worker.h"
#include "tui/console.h"
#include "tui/views.h"

static void
on_change(void *ctx)
{
	app_changed(ctx);
}

static bool
no_color(void)
{
	const char *set = getenv("NO_COLOR");

	return set && *set;
}

static bool
is_open(const struct operation_step *s)
{
	return s->state == OPERATION_STEP_RUNNING || s->state == OPERATION_STEP_PLANNED;
}

static void
say_step(const struct operation_step *s)
{
	AUTO(buf) struct buf name = {0};
	AUTO(buf) struct buf safe = {0};

	buf_addf(&name, "%s %s/%s", s->target.kind, s->target.namespace, s->target.name);
	text_safe(&safe, name.data, name.len);
	fprintf(stderr, "moat: %s%s\n", buf_str(&safe),
		s->state == OPERATION_STEP_RUNNING ? ": its rollout goes on in the cluster" : " was not restarted");
}

/* Who leaves in the middle of a restart is told what becomes of it; probes are over then. */
static void
say_what_goes_on(const struct app_data_source *source)
{
	struct operation o = source->operations ? source->operations->look(source->ctx) : (struct operation){0};
	size_t open = 0;

	for (size_t i = 0; o.phase == OPERATION_RUNNING && i < o.n; i++) {
		if (!is_open(&o.steps[i]))
			continue;
		open++;
		if (o.kind == OPERATION_RESTART)
			say_step(&o.steps[i]);
	}
	if (open && o.kind == OPERATION_PROBE)
		fprintf(stderr, "moat: %zu of %zu agents were not probed to the end\n", open, o.n);
}

static int
run(struct cli *cli, struct loop *loop, const struct theme *theme, struct err *e)
{
	bool colors = cli->color == COLOR_ALWAYS || (cli->color == COLOR_AUTO && !no_color());
	struct feed feed;
	struct app *app;
	int signo = 0;
	bool ok = cli_is_live(cli) ? watcher_open(cli, loop, &feed, e) : worker_open(cli, loop, &feed, e);

	if (!ok)
		return cli_fail(e);
	app = app_new(&(struct app_options){.source = feed.source, .views = views, .start = "fleet"});
	feed.listen(feed.source.ctx, on_change, app);
	ok = console_run(loop, app, theme, colors, &signo, e);
	feed.listen(feed.source.ctx, NULL, NULL);
	say_what_goes_on(&feed.source);
	app_free(app);
	feed.free(feed.source.ctx);
	if (!ok)
		return cli_fail(e);
	return signo ? 128 + signo : 0;
}

int
cli_console(struct cli *cli)
{
	const char *skin = getenv("MOAT_SKIN");
	const struct config_file *config;
	struct theme theme;
	struct loop *loop;
	struct err e = {0};
	int status;

	config = cli_config(cli, &e);
	if (!config || !theme_load(&theme, skin && *skin ? skin : config->skin, &e))
		return cli_fail(&e);
	loop = loop_new(&e);
	if (!loop)
		return cli_fail(&e);
	status = run(cli, loop, &theme, &e);
	loop_free(loop);
	return status;
}

int
cmd_console(struct cli *cli)
{
	AUTO(buf) struct buf keys = {0};
	struct err e = {0};

	if (!cli_no_args(cli, &e))
		return cli_fail(&e);
	if (cli->markdown) {
		app_keys_markdown(views, &keys);
		return output_stdout(&keys, &e) ? 0 : cli_fail(&e);
	}
	if (!isatty(STDOUT_FILENO))
		return cli_fail_usage("the console needs a terminal; moat audit prints a report");
	return cli_console(cli);
}
