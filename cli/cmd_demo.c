/* SPDX-License-Identifier: Apache-2.0 */
/* moat demo: the console on the built-in fleet; not on a terminal, its audit. Its objects pass through the same decoders as everybody else's. */
#include <unistd.h>

#include "cli/cli.h"

int
cmd_demo(struct cli *cli)
{
	struct err e = {0};
	struct audit *a;
	int failed;

	if (!cli_no_args(cli, &e))
		return cli_fail(&e);
	cli->demo = true;
	if (isatty(STDOUT_FILENO) && isatty(STDIN_FILENO) && !cli->outputs.n)
		return cli_console(cli);
	a = cli_audit(cli, &e);
	if (!a)
		return cli_fail(&e);
	failed = cli_report(cli, a);
	audit_unref(a);
	return failed;
}
