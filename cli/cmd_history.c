/* SPDX-License-Identifier: Apache-2.0 */
/* moat history: what the store holds. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/keep.h"
#include "cli/records.h"
#include "store/actions.h"
#include "store/history.h"
#include "store/probe_past.h"

struct request {
	struct cli *cli;
	const char *const *args; /* behind the subcommand */
	size_t n_args;
	const struct records_format *format;
	struct db *db;
	struct records records;
	struct output_stream stream; /* standard output */
};

/* A number where there is one. */
static void
add_known(struct records *out, bool known, int64_t number)
{
	if (known)
		records_number(out, number);
	else
		records_borrow(out, NULL);
}

/* ---- runs */

static const struct record_column run_columns[] = {
	{"run", false},	     {"started_at", false}, {"source", false},	   {"namespace", true},
	{"selector", true},  {"server", true},	    {"agents", false},	   {"companions", true},
	{"unguarded", true}, {"legacy", true},	    {"migrating", true},   {"migrated", true},
	{"verified", true},  {"critical", false},   {"high", false},	   {"medium", false},
	{"low", false},	     {"info", false},	    {"suppressed", false}, {"new", false},
	{"fixed", false},    {"complete", false},   {"duration_ms", true}, {"version", true},
};

/* The runs of one source say -n and -l in the same words. */
static void
add_run(void *ctx, const struct history_run *r)
{
	struct request *q = ctx;
	struct records *out = &q->records;

	if ((q->cli->namespace && !str_eq(r->namespace, q->cli->namespace)) ||
	    (q->cli->selector && !str_eq(r->selector, q->cli->selector)))
		return;
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
	return history_runs(q->db, add_run, q, e);
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
	{"message", true},    {"evidence", true},  {"fingerprint", false}, {"uid", true},
	{"generation", true},
};

/* -n: of the object, as in the row. */
static bool
is_wanted(const struct request *q, const struct history_finding *f)
{
	return !q->cli->namespace || str_eq(f->namespace, q->cli->namespace);
}

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
	struct request *q = ctx;
	struct records *out = &q->records;

	if (!is_wanted(q, f))
		return;
	add_what(out, f);
	records_time(out, f->first_at);
	records_number(out, f->first_run);
	add_known(out, f->last_run != 0, f->last_run);
	records_borrow(out, f->suppressed);
	records_bool(out, f->judged);
	records_borrow(out, f->message);
	records_borrow(out, f->evidence);
	records_borrow(out, f->fingerprint);
	records_borrow(out, f->uid);
	add_known(out, f->generation != 0, f->generation);
}

/* Where all is read before the first row, so that there is no half answer for a file that cannot be read to its end. */
static void
write_as_it_grows(struct request *q)
{
	q->records.spill = output_spill;
	q->records.spill_ctx = &q->stream;
}

static bool
findings(struct request *q, struct err *e)
{
	struct history_run r;

	records_start(&q->records, finding_columns, COUNT_OF(finding_columns), q->format);
	write_as_it_grows(q);
	return find_run(q, q->n_args ? q->args[0] : "last", &r, e) &&
	       history_findings(q->db, &r, &q->records.arena, add_finding, q, e);
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
	struct request *q = ctx;
	struct records *out = &q->records;

	if (!is_wanted(q, f))
		return;
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
	write_as_it_grows(q);
	if (!two_runs(q, &before, &after, e))
		return false;
	if (before.source != after.source)
		fprintf(stderr,
			"moat: warning: runs %" PRId64 " and %" PRId64
			" are of different sources, or of different -n and -l\n",
			before.id, after.id);
	return history_diff(q->db, &before, &after, &q->records.arena, add_change, q, e);
}

/* ---- probes */

/* [NS/]AGENT, or NS/KIND/AGENT; -n says which namespace where the name does not. */
static struct probe_filter
name_filter(struct request *q)
{
	struct probe_filter f = {.namespace = q->cli->namespace};
	const char *name = q->n_args ? q->args[0] : NULL, *first = name ? strchr(name, '/') : NULL,
		   *last = name ? strrchr(name, '/') : NULL;

	f.agent = last ? last + 1 : name;
	if (first)
		f.namespace = arena_strndup(&q->records.arena, name, (size_t)(first - name));
	if (first != last)
		f.kind = arena_strndup(&q->records.arena, first + 1, (size_t)(last - first - 1));
	return f;
}

static const struct record_column past_columns[] = {
	{"server", true},     {"namespace", false}, {"kind", true},	{"agent", false},   {"raw_tcp", false},
	{"env_clear", false}, {"no_proxy", false},  {"dns_tcp", false}, {"last_at", false},
};

/* The oldest at the left. For people the marks of the console, for others letters: b, o, i. */
static const char *
strip(struct request *q, const struct probe_past *p, int probe)
{
	static const char *const marks[] = {
		[PROBE_BLOCKED] = "\u2714", [PROBE_OPEN] = "\u2718", [PROBE_INCONCLUSIVE] = "?"};
	static const char *const letters[] = {
		[PROBE_BLOCKED] = "b", [PROBE_OPEN] = "o", [PROBE_INCONCLUSIVE] = "i"};
	const char *const *words = records_is_table(q->format) ? marks : letters;
	char text[PROBE_PAST_MOST * 4 + 1], *end = text;

	for (size_t i = p->of[probe].n; i > 0; i--)
		end = stpcpy(end, words[p->of[probe].marks[i - 1].verdict]);
	return end == text ? NULL : arena_strndup(&q->records.arena, text, (size_t)(end - text));
}

static void
add_past(void *ctx, const struct probe_past *p)
{
	struct request *q = ctx;
	struct records *out = &q->records;
	int64_t last = CLOCK_UNKNOWN;

	records_text(out, p->server);
	records_text(out, p->agent.namespace);
	records_text(out, p->agent.kind);
	records_text(out, p->agent.name);
	for (int i = 0; i < PROBES; i++) {
		records_borrow(out, strip(q, p, i));
		if (p->of[i].n && p->of[i].marks[0].at > last)
			last = p->of[i].marks[0].at;
	}
	records_time(out, last);
}

static const struct record_column span_columns[] = {
	{"server", true},      {"namespace", true}, {"kind", true},    {"agent", true},	    {"probe", false},
	{"node", false},       {"verdict", false},  {"times", false},  {"first_at", false}, {"last_at", false},
	{"target", false},     {"method", false},   {"control", true}, {"container", true}, {"pod", true},
	{"duration_ms", true}, {"newest", true},    {"detail", true},
};

static void
add_span(void *ctx, const struct probe_span *s)
{
	struct records *out = &((struct request *)ctx)->records;
	const struct probe_result *r = &s->last;

	records_text(out, s->server);
	records_text(out, r->agent.namespace);
	records_text(out, r->agent.kind);
	records_text(out, r->agent.name);
	records_borrow(out, probe_name(r->probe));
	records_text(out, r->node);
	records_borrow(out, probe_verdict_name(r->verdict));
	records_number(out, s->count);
	records_time(out, s->first_at);
	records_time(out, r->at);
	records_text(out, r->target);
	records_text(out, r->method);
	records_borrow(out, probe_control_name(r->control));
	records_text(out, r->container);
	records_text(out, r->pod);
	records_number(out, r->duration_ms);
	records_bool(out, s->newest);
	records_text(out, r->detail);
}

/* All agents, a strip for each probe; of one agent what the strips are made of. */
static bool
probes(struct request *q, struct err *e)
{
	struct probe_filter filter = name_filter(q);

	if (!filter.agent) {
		records_start(&q->records, past_columns, COUNT_OF(past_columns), q->format);
		return probe_past(q->db, &filter, add_past, q, e);
	}
	records_start(&q->records, span_columns, COUNT_OF(span_columns), q->format);
	if (!probe_spans(q->db, &filter, add_span, q, e))
		return false;
	return q->records.rows ||
	       err_set(e, ERR_USAGE, 0, "no probe of \"%s\" in %s; moat history probes lists whose there are",
		       q->args[0], db_path(q->db));
}

/* ---- actions */

static const struct record_column action_columns[] = {
	{"action", true},      {"at", false},	{"server", true},  {"what", false},
	{"namespace", false},  {"kind", false}, {"name", false},   {"outcome", false},
	{"duration_ms", true}, {"who", false},	{"detail", false},
};

static void
add_action(void *ctx, const struct action_row *r)
{
	struct records *out = &((struct request *)ctx)->records;
	const struct action *a = &r->action;

	records_number(out, r->id);
	records_time(out, a->at);
	records_text(out, r->server);
	records_text(out, a->what);
	records_text(out, a->target.namespace);
	records_text(out, a->target.kind);
	records_text(out, a->target.name);
	records_text(out, a->outcome);
	add_known(out, a->duration_ms >= 0, a->duration_ms);
	records_text(out, a->who);
	records_text(out, a->detail);
}

static bool
actions(struct request *q, struct err *e)
{
	struct action_filter filter = {.namespace = q->cli->namespace};

	records_start(&q->records, action_columns, COUNT_OF(action_columns), q->format);
	return actions_list(q->db, &filter, add_action, q, e);
}

/* ---- prune */

static const struct record_column pruned_columns[] = {{"removed_runs", false},
						      {"removed_probes", false},
						      {"removed_actions", false},
						      {"removed_sightings", false}};

static bool
prune(struct request *q, struct err *e)
{
	struct history_pruned removed;

	records_start(&q->records, pruned_columns, COUNT_OF(pruned_columns), q->format);
	if (!history_prune(q->db, q->cli->keep, &removed, e))
		return false;
	records_number(&q->records, removed.runs);
	records_number(&q->records, removed.probes);
	records_number(&q->records, removed.actions);
	records_number(&q->records, removed.sightings);
	return true;
}

/* ---- which of them */

static const struct subcommand {
	const char *name, *args; /* args: as in messages */
	size_t fewest, most; /* arguments; nothing between them */
	enum db_use use;
	bool (*run)(struct request *q, struct err *e);
	bool has_namespaces, has_selectors; /* -n and -l choose rows */
} subcommands[] = {
	{"runs", "", 0, 0, DB_READ, runs, true, true},
	{"findings", " [RUN]", 0, 1, DB_READ, findings, true, false},
	{"probes", " [[NS/]AGENT]", 0, 1, DB_READ, probes, true, false},
	{"actions", "", 0, 0, DB_READ, actions, true, false},
	{"diff", " [RUN RUN]", 0, 2, DB_READ, diff, true, false},
	{"prune", " --keep N", 0, 0, DB_WRITE, prune, false, false},
};

static const struct subcommand *
find_subcommand(const char *word, struct err *e)
{
	for (size_t i = 0; i < COUNT_OF(subcommands); i++)
		if (str_eq(word, subcommands[i].name))
			return &subcommands[i];
	err_set(e, ERR_USAGE, 0, "moat history %s: runs, findings, probes, actions, diff or prune is expected",
		word);
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
	if ((cli->namespace || cli->selector) && !s->has_namespaces)
		return err_set(e, ERR_USAGE, 0,
			       "moat history %s is about all of the file: there is no -n and no -l", s->name);
	if (cli->selector && !s->has_selectors)
		return err_set(e, ERR_USAGE, 0,
			       "moat history %s cannot choose by -l: labels are not kept; -n can; moat history "
			       "runs -l lists "
			       "the runs that were made with it",
			       s->name);
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
	if (!q->db || !output_open(&q->stream, NULL, e) || !s->run(q, e))
		return false;
	return output_stdout(records_end(&q->records, opt.ascii), e) && output_close(&q->stream, e);
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
