/* SPDX-License-Identifier: Apache-2.0 */
/* moat history: what the store holds. */
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/keep.h"
#include "cli/records.h"
#include "store/history.h"

struct request {
	struct cli *cli;
	const char *const *args; /* behind the subcommand */
	size_t n_args;
	const struct records_format *format;
	struct db *db;
	struct records records;
};

/* ---- runs */

static const struct record_column run_columns[] = {
	{"run", false},	     {"started_at", false}, {"source", false},	   {"namespace", true},
	{"selector", true},  {"server", true},	    {"agents", false},	   {"companions", true},
	{"unguarded", true}, {"legacy", true},	    {"migrating", true},   {"migrated", true},
	{"verified", true},  {"critical", false},   {"high", false},	   {"medium", false},
	{"low", false},	     {"info", false},	    {"suppressed", false}, {"new", false},
	{"fixed", false},    {"complete", false},   {"duration_ms", true}, {"version", true},
};

static void
add_run(void *ctx, const struct history_run *r)
{
	struct records *out = ctx;

	records_number(out, r->id);
	records_time(out, r->started_at);
	records_text(out, r->name);
	records_text(out, *r->namespace ? r->namespace : NULL);
	records_text(out, *r->selector ? r->selector : NULL);
	records_text(out, r->server);
	records_number(out, r->agents);
	records_number(out, r->companions);
	for (int i = 0; i < STATES; i++)
		records_number(out, r->states[i]);
	for (int i = SEVERITIES - 1; i >= 0; i--)
		records_number(out, r->severities[i]);
	records_number(out, r->suppressed);
	records_number(out, r->n_new);
	records_number(out, r->n_fixed);
	records_bool(out, r->complete);
	records_number(out, r->duration_ms);
	records_text(out, r->version);
}

static bool
runs(struct request *q, struct err *e)
{
	records_start(&q->records, run_columns, COUNT_OF(run_columns), q->format);
	return history_runs(q->db, add_run, &q->records, e);
}

/* ---- findings of a run */

/* "last", or a run's number. */
static bool
find_run(struct request *q, const char *word, struct history_run *out, struct err *e)
{
	int64_t id = 0;

	if (!str_eq(word, "last") && (!str_i64(word, &id) || id <= 0))
		return err_set(e, ERR_USAGE, 0,
			       "\"%s\" is no run: a number from moat history, or last, is expected", word);
	return history_run(q->db, id, &q->records.arena, out, e);
}

static const struct record_column finding_columns[] = {
	{"severity", false},  {"rule", false},	   {"namespace", false},   {"kind", true},
	{"object", false},    {"container", true}, {"agent", true},	   {"since", false},
	{"first_run", false}, {"last_run", true},  {"suppressed", false},  {"judged", false},
	{"message", true},    {"evidence", true},  {"fingerprint", false},
};

/* What every row about a finding says of it: severity to agent. */
static void
add_what(struct records *out, const struct history_finding *f)
{
	records_borrow(out, severity_name(f->severity));
	records_borrow(out, f->rule);
	records_borrow(out, f->namespace);
	records_borrow(out, f->kind);
	records_borrow(out, f->object);
	records_borrow(out, f->container);
	records_borrow(out, f->agent);
}

static void
add_finding(void *ctx, const struct history_finding *f)
{
	struct records *out = ctx;

	add_what(out, f);
	records_time(out, f->first_at);
	records_number(out, f->first_run);
	if (f->last_run)
		records_number(out, f->last_run);
	else
		records_borrow(out, NULL);
	records_borrow(out, f->suppressed);
	records_bool(out, f->judged);
	records_borrow(out, f->message);
	records_borrow(out, f->evidence);
	records_borrow(out, f->fingerprint);
}

static bool
findings(struct request *q, struct err *e)
{
	struct history_run r;

	records_start(&q->records, finding_columns, COUNT_OF(finding_columns), q->format);
	return find_run(q, q->n_args ? q->args[0] : "last", &r, e) &&
	       history_findings(q->db, &r, &q->records.arena, add_finding, &q->records, e);
}

/* ---- what lies between two runs */

static const struct record_column change_columns[] = {
	{"change", false},	   {"severity", false},	  {"rule", false},
	{"namespace", false},	   {"kind", true},	  {"object", false},
	{"container", true},	   {"agent", true},	  {"moved", false},
	{"message", true},	   {"evidence", true},	  {"message_before", true},
	{"evidence_before", true}, {"fingerprint", true},
};

/* What moved, in words; NULL for a finding that only came or went. */
static const char *
moved(struct arena *a, const struct history_change *c)
{
	const struct history_finding *x = c->before, *y = c->after;
	const char *text = NULL;

	if (!x || !y)
		return NULL;
	if (x->severity != y->severity)
		text = arena_printf(a, "%s to %s", severity_name(x->severity), severity_name(y->severity));
	if (!str_eq(x->suppressed, y->suppressed))
		text = arena_printf(a, "%s%s%s", text ? text : "", text ? ", " : "",
				    !y->suppressed  ? "no longer suppressed"
				    : x->suppressed ? "suppressed for another reason"
						    : "suppressed");
	if (!str_eq(x->message, y->message) || !str_eq(x->evidence, y->evidence))
		text = arena_printf(a, "%s%s%s", text ? text : "", text ? ", " : "",
				    str_eq(x->message, y->message) ? "evidence" : "message");
	return text;
}

static void
add_change(void *ctx, const struct history_change *c)
{
	const struct history_finding *f = c->after ? c->after : c->before, *was = c->after ? c->before : NULL;
	struct records *out = ctx;

	records_borrow(out, history_change_name(c->kind));
	add_what(out, f);
	records_borrow(out, moved(&out->arena, c));
	records_borrow(out, f->message);
	records_borrow(out, f->evidence);
	records_borrow(out, was ? was->message : NULL);
	records_borrow(out, was ? was->evidence : NULL);
	records_borrow(out, f->fingerprint);
}

/* Without arguments: the last run and the one before it of the same source. */
static bool
two_runs(struct request *q, struct history_run *before, struct history_run *after, struct err *e)
{
	if (q->n_args)
		return find_run(q, q->args[0], before, e) && find_run(q, q->args[1], after, e);
	if (!find_run(q, "last", after, e) || !history_run_before(q->db, after, &q->records.arena, before, e))
		return false;
	return before->id ||
	       err_set(e, ERR_USAGE, 0, "run %" PRId64 " is the first of its source: there is none before it",
		       after->id);
}

static bool
diff(struct request *q, struct err *e)
{
	struct history_run before, after;

	records_start(&q->records, change_columns, COUNT_OF(change_columns), q->format);
	if (!two_runs(q, &before, &after, e))
		return false;
	if (before.source != after.source)
		fprintf(stderr,
			"moat: warning: runs %" PRId64 " and %" PRId64
			" are of different sources, or of different -n and -l\n",
			before.id, after.id);
	return history_diff(q->db, &before, &after, &q->records.arena, add_change, &q->records, e);
}

/* ---- prune */

static const struct record_column pruned_columns[] = {{"removed_runs", false}};

static bool
prune(struct request *q, struct err *e)
{
	int64_t removed;

	records_start(&q->records, pruned_columns, COUNT_OF(pruned_columns), q->format);
	if (!history_prune(q->db, q->cli->keep, &removed, e))
		return false;
	records_number(&q->records, removed);
	return true;
}

/* ---- which of them */

static const struct subcommand {
	const char *name, *args; /* args: as in messages */
	size_t fewest, most; /* arguments; nothing between them */
	enum db_use use;
	bool (*run)(struct request *q, struct err *e);
} subcommands[] = {
	{"runs", "", 0, 0, DB_READ, runs},
	{"findings", " [RUN]", 0, 1, DB_READ, findings},
	{"diff", " [RUN RUN]", 0, 2, DB_READ, diff},
	{"prune", " --keep N", 0, 0, DB_WRITE, prune},
};

static const struct subcommand *
find_subcommand(const char *word, struct err *e)
{
	for (size_t i = 0; i < COUNT_OF(subcommands); i++)
		if (str_eq(word, subcommands[i].name))
			return &subcommands[i];
	err_set(e, ERR_USAGE, 0, "moat history %s: runs, findings, diff or prune is expected", word);
	return NULL;
}

static bool
check_usage(const struct request *q, const struct subcommand *s, struct err *e)
{
	const struct cli *cli = q->cli;

	if (q->n_args != s->fewest && q->n_args != s->most)
		return err_set(e, ERR_USAGE, 0, "moat history %s%s is expected", s->name, s->args);
	if (cli->outputs.n > 1 || (cli->outputs.n && cli->outputs.at[0].path))
		return err_set(e, ERR_USAGE, 0, "moat history takes one -o, without a file");
	if ((s->run == prune) != (cli->keep > 0))
		return err_set(e, ERR_USAGE, 0,
			       s->run == prune ? "moat history prune --keep N: how many runs of each source?"
					       : "--keep is for moat history prune");
	if (s->use == DB_WRITE && cli->read_only)
		return err_set(e, ERR_USAGE, 0, "moat history %s writes, and --read-only refuses that", s->name);
	return true;
}

static bool
answer(struct request *q, const struct subcommand *s, struct err *e)
{
	struct report_options opt = cli_report_options(q->cli);

	q->format = records_format_find(q->cli->outputs.n ? q->cli->outputs.at[0].format : NULL, e);
	if (!q->format)
		return false;
	q->db = keep_open(q->cli, s->use, e);
	if (!q->db || !s->run(q, e))
		return false;
	return output_stdout(records_end(&q->records, opt.ascii), e);
}

int
cmd_history(struct cli *cli)
{
	struct request q = {
		.cli = cli, .args = cli->args + (cli->n_args ? 1 : 0), .n_args = cli->n_args ? cli->n_args - 1 : 0};
	struct err e = {0};
	const struct subcommand *s = find_subcommand(cli->n_args ? cli->args[0] : "runs", &e);
	bool ok = s && check_usage(&q, s, &e) && answer(&q, s, &e);

	db_close(q.db);
	records_free(&q.records);
	return ok ? 0 : cli_fail(&e);
}
