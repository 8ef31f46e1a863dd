/* SPDX-License-Identifier: Apache-2.0 */
/* moat demo: the console on the built-in fleet. Its objects pass through the same decoders as everybody else's. */
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
	a = cli_audit(cli, &e);
	if (!a)
		return cli_fail(&e);
	failed = cli_report(cli, a);
	audit_unref(a);
	return failed;
}
