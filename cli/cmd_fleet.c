/* SPDX-License-Identifier: Apache-2.0 */
/* moat fleet and moat show: the console's screens as text, and the report's agents as JSON. */
#include <stdio.h>

#include "audit/report_agents.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/view_table.h"
#include "tui/agent_page.h"
#include "tui/views.h"

static void
add_names(const struct audit *a, struct buf *out)
{
	for (size_t i = 0; i < a->n_agents; i++) {
		const struct workload *w = a->agents[i];
		AUTO(buf) struct buf raw = {0};

		buf_addf(&raw, "%s/%s/%s", w->namespace, w->kind, w->name);
		text_safe(out, raw.data, raw.len);
		buf_addc(out, '\n');
	}
}

/* 3 for a source without agents and companions, 4 for one that was not read whole: as for moat audit. */
static int
finish(const struct audit *a, const struct buf *out)
{
	struct err e = {0};

	cli_warn(a->fleet);
	if (!a->n_agents && !a->n_companions)
		fputs("moat: no agent and no companion here; moat explain no-companion says what makes an agent\n", stderr);
	return output_stdout(out, &e) ? audit_exit_status(a, SEV_NEVER) : cli_fail(&e);
}

int
cmd_fleet(struct cli *cli)
{
	struct report_options opt = cli_report_options(cli);
	AUTO(buf) struct buf out = {0};
	enum table_format format;
	struct err e = {0};
	struct audit *a;
	int status;

	if (!cli_no_args(cli, &e) || !cli_table_format(cli, &format, &e))
		return cli_fail(&e);
	a = cli_audit(cli, &e);
	if (!a)
		return cli_fail(&e);
	if (format == TABLE_NAME)
		add_names(a, &out);
	else if (format == TABLE_JSON || format == TABLE_YAML)
		output_value(&out, format, report_agents_json(a));
	else
		view_table(&view_fleet, a, format == TABLE_WIDE, &opt, &out);
	status = finish(a, &out);
	audit_unref(a);
	return status;
}

int
cmd_show(struct cli *cli)
{
	struct report_options opt = cli_report_options(cli);
	AUTO(buf) struct buf out = {0};
	const struct workload *agent;
	enum table_format format;
	struct err e = {0};
	struct audit *a;
	int status;

	if (cli->n_args != 1)
		return cli_fail_usage("one agent is expected: moat show [NS/]AGENT; moat fleet lists them");
	if (!cli_table_format(cli, &format, &e))
		return cli_fail(&e);
	a = cli_audit(cli, &e);
	if (!a)
		return cli_fail(&e);
	agent = cli_find_agent(a->agents, a->n_agents, cli->args[0], &e);
	if (!agent) {
		audit_unref(a);
		return cli_fail(&e);
	}
	if (format == TABLE_JSON || format == TABLE_YAML) {
		output_value(&out, format, report_agent_json(a, agent));
	} else {
		AUTO(pane) struct pane page = {.columns = (int)opt.columns};

		agent_page(a, agent, &page);
		view_pane(&page, &opt, &out);
	}
	status = finish(a, &out);
	audit_unref(a);
	return status;
}
