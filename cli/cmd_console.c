/* SPDX-License-Identifier: Apache-2.0 */
/* The console: on files with -f, on the built-in fleet, else on the cluster. */
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/str.h"
#include "cli/cli.h"
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

static int
run(struct cli *cli, struct loop *loop, const struct theme *theme, struct err *e)
{
	bool colors = cli->color == COLOR_ALWAYS || (cli->color == COLOR_AUTO && !no_color());
	struct worker *worker = cli_is_live(cli) ? NULL : worker_new(cli, loop, e);
	struct watcher *watcher = cli_is_live(cli) ? watcher_new(cli, loop, e) : NULL;
	struct app *app;
	int signo = 0;
	bool ok;

	if (!worker && !watcher)
		return cli_fail(e);
	app = app_new(&(struct app_options){
		.source = watcher ? watcher_source(watcher) : worker_source(worker),
		.views = views,
		.start = "fleet",
	});
	if (watcher)
		watcher_on_change(watcher, on_change, app);
	else
		worker_on_change(worker, on_change, app);
	ok = console_run(loop, app, theme, colors, &signo, e);
	if (watcher)
		watcher_on_change(watcher, NULL, NULL);
	else
		worker_on_change(worker, NULL, NULL);
	app_free(app);
	watcher_free(watcher);
	worker_free(worker);
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
	struct err e = {0};

	if (!cli_no_args(cli, &e))
		return cli_fail(&e);
	if (!isatty(STDOUT_FILENO))
		return cli_fail_usage("the console needs a terminal; moat audit prints a report");
	return cli_console(cli);
}
