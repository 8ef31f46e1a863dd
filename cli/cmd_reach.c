/* SPDX-License-Identifier: Apache-2.0 */
/* moat reach: who may talk to what, and why. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/str.h"
#include "base/vec.h"
#include "cli/cli.h"
#include "cli/connection_sheet.h"
#include "fleet/connect.h"
#include "fleet/explain.h"
#include "fleet/foreign.h"

typedef VEC(const struct workload *) workload_list;

/* ---- which workloads */

static bool
in_scope(const struct audit_settings *s, const struct workload *w)
{
	if (s->namespace && !str_eq(s->namespace, w->namespace))
		return false;
	return !s->selector.present || selector_matches(&s->selector, &w->object->labels) ||
	       selector_matches(&s->selector, &w->template->labels);
}

static int
workload_cmp(const void *a, const void *b)
{
	const struct workload *x = *(const struct workload *const *)a, *y = *(const struct workload *const *)b;

	return (x > y) - (x < y); /* the fleet's order */
}

static void
sort_unique(workload_list *l)
{
	size_t n = 0;

	if (l->n > 1)
		qsort(l->at, l->n, sizeof(l->at[0]), workload_cmp);
	for (size_t i = 0; i < l->n; i++)
		if (!i || l->at[i] != l->at[i - 1])
			l->at[n++] = l->at[i];
	l->n = n;
}

/* The workloads that are asked about: those named behind the command, else all that -n and -l leave. */
static bool
choose_sources(const struct cli *cli, const struct fleet *f, workload_list *out, struct err *e)
{
	const struct audit_settings *scope = &cli->config->audit;

	for (size_t i = 0; i < cli->n_args; i++) {
		const struct workload *w = cli_find_workload(cli, f, cli->args[i], e);

		if (!w)
			return false;
		if (scope->selector.present && !in_scope(&(struct audit_settings){.selector = scope->selector}, w))
			return err_set(e, ERR_USAGE, 0, "\"%s\" has not the labels of -l %s", cli->args[i],
				       cli->selector);
		vec_push(out, w);
	}
	for (size_t i = 0; i < f->n_workloads && !cli->n_args; i++)
		if (connect_counts(f, &f->workloads[i]) && in_scope(scope, &f->workloads[i]))
			vec_push(out, &f->workloads[i]);
	sort_unique(out);
	return true;
}

/* ---- the list */

static bool
print_connection(void *ctx, const struct connection *c)
{
	struct sheet *sheet = ctx;
	AUTO(buf) struct buf conns = {0};

	if (ports_is_all(&c->ports))
		return sheet_row(sheet, &c->from, &c->to, "All Connections");
	ports_format(&conns, &c->ports);
	return sheet_row(sheet, &c->from, &c->to, buf_str(&conns));
}

/* What comes from outside is found by destination and printed by source, so it is kept. */
struct external {
	struct connect_end from, to;
	const char *conns;
};

struct external_list {
	struct arena arena;
	VEC(struct external) rows;
};

static bool
keep_connection(void *ctx, const struct connection *c)
{
	struct external_list *l = ctx;
	AUTO(buf) struct buf conns = {0};

	ports_format(&conns, &c->ports);
	vec_push(&l->rows, (struct external){c->from, c->to, arena_strdup(&l->arena, buf_str(&conns))});
	return true;
}

static int
external_cmp(const void *a, const void *b)
{
	const struct external *x = a, *y = b;
	int order = (x->from.family > y->from.family) - (x->from.family < y->from.family);

	if (!order)
		order = ip_cmp(x->from.range.first, y->from.range.first);
	if (!order)
		order = ip_cmp(x->from.range.last, y->from.range.last);
	return order ? order : workload_cmp(&x->to.workload, &y->to.workload);
}

static bool
print_external(struct connect *c, const workload_list *targets, bool ipv6, struct sheet *sheet)
{
	struct external_list l = {0};
	bool more = true;

	for (size_t i = 0; i < targets->n; i++)
		connect_external(c, targets->at[i], ipv6, keep_connection, &l);
	if (l.rows.n > 1)
		qsort(l.rows.at, l.rows.n, sizeof(l.rows.at[0]), external_cmp);
	for (size_t i = 0; i < l.rows.n && more; i++)
		more = sheet_row(sheet, &l.rows.at[i].from, &l.rows.at[i].to, l.rows.at[i].conns);
	vec_free(&l.rows);
	arena_free(&l.arena);
	return more;
}

static bool
print_list(const struct cli *cli, const struct fleet *f, const workload_list *sources,
	   const struct sheet_format *format, struct err *e)
{
	struct sheet *sheet = sheet_new(format, f, sources->at, sources->n);
	struct connect *c = connect_new(f);
	bool ipv6 = connect_has_ipv6(f), more = true;

	if (cli->external_sources)
		more = print_external(c, sources, ipv6, sheet);
	for (size_t i = 0; i < sources->n && more; i++)
		more = connect_from(c, sources->at[i], ipv6, print_connection, sheet);
	connect_free(c);
	return sheet_end(sheet, e);
}

/* ---- what the answer does not know */

static void
warn_foreign(const struct foreign_policy *p, const struct workload *w)
{
	struct err text;

	/* Made safe to show on the way. */
	err_set(&text, ERR_INCOMPLETE, 0, "%s %s%s%s, which moat does not evaluate, may select %s/%s",
		p->object.kind, p->object.namespace, *p->object.namespace ? "/" : "", p->object.name, w->namespace,
		w->name);
	fprintf(stderr, "moat: warning: %s: the answer is incomplete\n", text.msg);
}

/* Says so when an engine that is not evaluated may have its say about one of these, once: the first will do. */
static bool
is_complete(const struct fleet *f, const struct workload *const *at, size_t n)
{
	if (fleet_missing_facts(f, FACT_PODS, FACT_UNREADABLE)) {
		fprintf(stderr, "moat: warning: pods could not be read, so templates stand for them: the answer is "
				"incomplete\n");
		return false;
	}
	for (size_t i = 0; i < n && f->n_foreign; i++) {
		const struct foreign_policy *p = at[i] ? foreign_first(f, at[i]) : NULL;

		if (!p)
			continue;
		warn_foreign(p, at[i]);
		return false;
	}
	return true;
}

/* Any workload may be at the other end of a row. */
static bool
list_is_complete(const struct fleet *f)
{
	workload_list all = {0};
	bool complete;

	for (size_t i = 0; i < f->n_workloads; i++)
		vec_push(&all, &f->workloads[i]);
	complete = is_complete(f, all.at, all.n);
	vec_free(&all);
	return complete;
}

/* ---- one pair */

/* An address of a pod means the pod: a block matches none. One of a Service means nothing to a policy. */
static bool
resolve_address(const struct fleet *f, const char *option, const char *text, struct connect_end *out, struct err *e)
{
	const struct service *service = fleet_service_by_ip(f, text);

	if (service)
		return err_set(e, ERR_USAGE, 0,
			       "--%s %s is Service %s/%s: policies see the pods behind it, so name their workload",
			       option, text, service->object.namespace, service->object.name);
	out->range.last = out->range.first;
	out->workload = connect_at(f, out->family, out->range.first);
	return true;
}

static bool
parse_end(const struct cli *cli, const struct fleet *f, const char *option, const char *text,
	  struct connect_end *out, struct err *e)
{
	*out = (struct connect_end){0};
	if (ip_parse(text, &out->family, &out->range.first))
		return resolve_address(f, option, text, out, e);
	out->workload = cli_find_workload(cli, f, text, e);
	return out->workload || err_wrap(e, "--%s", option);
}

/* "TCP/443", "udp/53", "443" */
static bool
parse_port(struct arena *a, const char *text, struct port_set *out, struct err *e)
{
	const char *slash = strchr(text, '/');
	size_t len = slash ? (size_t)(slash - text) : 0;
	int64_t port;

	for (int p = 0; p < PROTOCOLS; p++) {
		const char *name = protocol_name((enum protocol)p);

		if (slash ? len != strlen(name) || strncasecmp(text, name, len) != 0 : p != PROTOCOL_TCP)
			continue;
		if (!str_i64(slash ? slash + 1 : text, &port) || port < 1 || port > 65535)
			break;
		*out = ports_one(a, (enum protocol)p, (uint16_t)port, (uint16_t)port);
		return true;
	}
	return err_set(e, ERR_USAGE, 0, "--port %s: PROTOCOL/NUMBER is expected, such as TCP/443", text);
}

struct pair {
	struct connect_end from, to;
	struct port_set wanted; /* --port, else all */
};

static bool
parse_pair(struct cli *cli, const struct fleet *f, struct pair *out, struct err *e)
{
	out->wanted = ports_all;
	if (!parse_end(cli, f, "from", cli->from, &out->from, e) || !parse_end(cli, f, "to", cli->to, &out->to, e))
		return false;
	if (!out->from.workload && !out->to.workload)
		return err_set(e, ERR_USAGE, 0,
			       "--from and --to are both addresses: one of them has to be a workload");
	return !cli->port || parse_port(&cli->arena, cli->port, &out->wanted, e);
}

static bool
explain(const struct fleet *f, const struct pair *pair, struct err *e)
{
	AUTO(buf) struct buf text = {0};

	explain_pair(f, &pair->from, &pair->to, &pair->wanted, &text);
	return output_stdout(&text, e);
}

/* As a list of one row or none; a table says "No Connections". */
static bool
print_pair(const struct cli *cli, const struct fleet *f, const struct connection *c,
	   const struct sheet_format *format, struct err *e)
{
	struct sheet *sheet = sheet_new(format, f, &c->from.workload, c->from.workload != NULL);

	if (!ports_empty(&c->ports) || !cli->outputs.n || str_eq(cli->outputs.at[0].format, "table"))
		print_connection(sheet, c);
	return sheet_end(sheet, e);
}

/* 0: something is allowed, 1: nothing is; 4 when an engine that is not evaluated may say otherwise. */
static int
answer_pair(struct cli *cli, const struct fleet *f, const struct sheet_format *format)
{
	AUTO(arena) struct arena a = {0};
	struct connection c;
	struct pair pair;
	struct err e = {0};

	if (!parse_pair(cli, f, &pair, &e))
		return cli_fail(&e);
	c = (struct connection){pair.from, pair.to, connect_pair(f, &pair.from, &pair.to, &a)};
	c.ports = ports_intersect(&a, &c.ports, &pair.wanted);
	if (cli->explain ? !explain(f, &pair, &e) : !print_pair(cli, f, &c, format, &e))
		return cli_fail(&e);
	if (!is_complete(f, (const struct workload *[]){pair.from.workload, pair.to.workload}, 2))
		return err_exit_status(ERR_INCOMPLETE);
	return ports_empty(&c.ports);
}

/* ---- the command */

static bool
check_usage(const struct cli *cli, struct err *e)
{
	bool pair = cli->from || cli->to;

	if (pair && (!cli->from || !cli->to))
		return err_set(e, ERR_USAGE, 0, "--from and --to belong together");
	if (pair && cli->n_args)
		return err_set(e, ERR_USAGE, 0, "\"%s\": --from and --to name the workloads already", cli->args[0]);
	if (!pair && cli->port)
		return err_set(e, ERR_USAGE, 0, "--port asks about a pair: --from A --to B are missing");
	if (pair && cli->external_sources)
		return err_set(e, ERR_USAGE, 0, "--external-sources belongs to the list, not to --from and --to");
	if (cli->explain && (!pair || cli->outputs.n))
		return err_set(e, ERR_USAGE, 0, "--explain goes with --from A --to B, and is text");
	if (cli->outputs.n > 1 || (cli->outputs.n && cli->outputs.at[0].path))
		return err_set(e, ERR_USAGE, 0, "moat reach takes one -o, without a file");
	return true;
}

static int
answer(struct cli *cli, const struct fleet *f, const struct sheet_format *format)
{
	workload_list sources = {0};
	struct err e = {0};
	bool ok;

	if (!f->n_workloads) {
		err_set(&e, ERR_NOTHING, 0, "there is no workload here: nothing to ask about");
		return cli_fail(&e);
	}
	if (!f->reach) {
		err_set(&e, ERR_INCOMPLETE, 0,
			"policies, namespaces or workloads could not all be read: no answer would be right");
		return cli_fail(&e);
	}
	if (cli->from)
		return answer_pair(cli, f, format);
	ok = choose_sources(cli, f, &sources, &e) && print_list(cli, f, &sources, format, &e);
	vec_free(&sources);
	if (!ok)
		return cli_fail(&e);
	return list_is_complete(f) ? 0 : err_exit_status(ERR_INCOMPLETE);
}

int
cmd_reach(struct cli *cli)
{
	const struct sheet_format *format;
	struct err e = {0};
	struct fleet *f;
	int status;

	if (!check_usage(cli, &e))
		return cli_fail(&e);
	format = sheet_format_find(cli->outputs.n ? cli->outputs.at[0].format : "table", &e);
	if (!format)
		return cli_fail(&e);
	f = cli_fleet(cli, &e);
	if (!f)
		return cli_fail(&e);
	cli_warn(f);
	status = answer(cli, f, format);
	fleet_unref(f);
	return status;
}
