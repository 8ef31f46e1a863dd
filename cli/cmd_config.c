/* SPDX-License-Identifier: Apache-2.0 */
/* moat config check. */
#include <stdio.h>

#include "base/str.h"
#include "cli/cli.h"
#include "tui/theme.h"

int
cmd_config(struct cli *cli)
{
	const struct config_file *c;
	struct theme theme;
	struct err e = {0};

	if (cli->n_args != 1 || !str_eq(cli->args[0], "check"))
		return cli_fail_usage("moat config knows one word: check");
	c = cli_config(cli, &e);
	if (!c)
		return cli_fail(&e);
	if (c->skin && !theme_load(&theme, c->skin, &e)) {
		err_wrap(&e, "%s: skin", c->path);
		return cli_fail(&e);
	}
	if (!c->path)
		puts("there is no config file: the defaults hold");
	else
		printf("%s: fine: roles %zu, scrapers %zu, exemptions %zu\n", c->path, c->fleet.n_roles, c->fleet.n_scrapers,
		       c->audit.n_exemptions);
	return 0;
}
