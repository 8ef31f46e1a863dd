/* SPDX-License-Identifier: Apache-2.0 */
#include "store/runs.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/vec.h"
#include "build-config.h"
#include "store/source.h"
#include "store/sql.h"

/* A span that ends with the last run. */
struct ending {
	int64_t span, finding;
	bool gone; /* else it goes on, looking otherwise */
};

/* One that looks as it did, though its object is another one, or was changed. */
struct renewal {
	const struct finding *found;
	int64_t finding;
};

struct difference {
	VEC(const struct finding *) openings;
	VEC(struct ending) endings;
	VEC(struct renewal) renewals;
	int64_t n_new, n_fixed;
};

/* ---- what changed since the last run */

static int
finding_cmp(const void *a, const void *b)
{
	const struct finding *const *x = a, *const *y = b;

	return strcmp((*x)->fingerprint, (*y)->fingerprint);
}

/* By fingerprint, each once; the caller's. */
static const struct finding **
sorted(const struct audit *a, size_t *n)
{
	const struct finding **list = mem_array(a->n_findings, sizeof(*list));
	size_t unique = 0;

	for (size_t i = 0; i < a->n_findings; i++)
		list[i] = &a->findings[i];
	if (a->n_findings)
		qsort(list, a->n_findings, sizeof(*list), finding_cmp);
	for (size_t i = 0; i < a->n_findings; i++)
		if (!i || finding_cmp(&list[i], &list[unique - 1]) != 0)
			list[unique++] = list[i];
	*n = unique;
	return list;
}

/* Rules that this run says nothing about, between commas; the caller's. */
static char *
unjudged(const struct audit *a)
{
	AUTO(buf) struct buf list = {0};

	buf_addc(&list, ',');
	for (size_t i = 0; i < a->n_unknown; i++)
		buf_addf(&list, "%s,", a->unknown[i]->id);
	for (size_t i = 0; i < a->n_not_applicable; i++)
		buf_addf(&list, "%s,", a->not_applicable[i]->id);
	return buf_take(&list);
}

/* A rule that this version does not have was not judged either. */
bool
runs_judged(const char *rule, const char *unjudged_rules)
{
	AUTO(free) char *entry = mem_printf(",%s,", rule);

	return rule_find(rule) && !str_has(unjudged_rules, entry);
}

static const char *
reason_of(const struct finding *f)
{
	return f->suppressed ? f->suppressed->reason : NULL;
}

/* The columns of `open_spans`. */
enum {
	OPEN_FINGERPRINT,
	OPEN_FINDING,
	OPEN_SPAN,
	OPEN_RULE,
	OPEN_SEVERITY,
	OPEN_SUPPRESSED,
	OPEN_MESSAGE,
	OPEN_EVIDENCE,
	OPEN_UID,
	OPEN_GENERATION
};
static const char open_spans[] =
	"SELECT f.fingerprint, f.id, s.id, f.rule, s.severity, s.suppressed, s.message, s.evidence, "
	"f.uid, f.generation FROM spans s JOIN findings f ON f.id = s.finding WHERE s.source = ? AND s.last_run IS "
	"NULL ORDER BY f.fingerprint";

static bool
same_text(sqlite3_stmt *s, int column, const char *text)
{
	return str_eq((const char *)sqlite3_column_text(s, column), text);
}

static bool
looks_the_same(sqlite3_stmt *s, const struct finding *f)
{
	return sqlite3_column_int(s, OPEN_SEVERITY) == (int)f->severity &&
	       same_text(s, OPEN_SUPPRESSED, reason_of(f)) && same_text(s, OPEN_MESSAGE, f->message) &&
	       same_text(s, OPEN_EVIDENCE, f->evidence);
}

static bool
is_the_same_object(sqlite3_stmt *s, const struct finding *f)
{
	return same_text(s, OPEN_UID, f->object.uid) &&
	       sqlite3_column_int64(s, OPEN_GENERATION) == f->object.generation;
}

static void
open_one(struct difference *diff, const struct finding *f, bool fresh)
{
	vec_push(&diff->openings, f);
	diff->n_new += fresh;
}

static void
end_one(struct difference *diff, sqlite3_stmt *s, bool gone)
{
	vec_push(&diff->endings,
		 (struct ending){sqlite3_column_int64(s, OPEN_SPAN), sqlite3_column_int64(s, OPEN_FINDING), gone});
	diff->n_fixed += gone;
}

/* Both lists are sorted by fingerprint and walked side by side. */
static bool
compare(struct db *d, int64_t source, const struct audit *a, const char *unjudged_rules, struct difference *diff,
	struct err *e)
{
	AUTO(stmt) sqlite3_stmt *s = sql_prepare(d, open_spans, e);
	size_t n, at = 0;
	const struct finding **list;
	bool ok = true;

	if (!s)
		return false;
	sql_bind(s, "i", source);
	list = sorted(a, &n);
	while (sql_row(d, s, &ok, e)) {
		const char *fingerprint = sql_str(s, OPEN_FINGERPRINT);

		while (at < n && strcmp(list[at]->fingerprint, fingerprint) < 0)
			open_one(diff, list[at++], true);
		if (at < n && str_eq(list[at]->fingerprint, fingerprint)) {
			if (!looks_the_same(s, list[at])) {
				end_one(diff, s, false);
				open_one(diff, list[at], false);
			} else if (!is_the_same_object(s, list[at])) {
				vec_push(&diff->renewals,
					 (struct renewal){list[at], sqlite3_column_int64(s, OPEN_FINDING)});
			}
			at++;
		} else if (runs_judged(sql_str(s, OPEN_RULE), unjudged_rules)) {
			end_one(diff, s, true);
		}
	}
	while (ok && at < n)
		open_one(diff, list[at++], true);
	free(list);
	return ok;
}

/* ---- written */

static bool
write_run(struct db *d, int64_t source, const struct audit *a, const char *unjudged_rules,
	  const struct difference *diff, int64_t *id, struct err *e)
{
	static const char insert[] = "INSERT INTO runs (source, started_at, duration_ms, version, complete, "
				     "agents, companions, unguarded, legacy, "
				     "migrating, migrated, verified, critical, high, medium, low, info, "
				     "suppressed, new, fixed, unjudged) "
				     "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
	const size_t *states = a->states, *severities = a->severities;

	return sql_ask(d, NULL, e, insert, "iiitiiiiiiiiiiiiiiiit", source, a->started_at, a->duration_ms,
		       PACKAGE_VERSION, (int64_t)a->complete, (int64_t)a->n_agents, (int64_t)a->n_companions,
		       (int64_t)states[STATE_UNGUARDED], (int64_t)states[STATE_LEGACY],
		       (int64_t)states[STATE_MIGRATING], (int64_t)states[STATE_MIGRATED],
		       (int64_t)states[STATE_VERIFIED], (int64_t)severities[SEV_CRITICAL],
		       (int64_t)severities[SEV_HIGH], (int64_t)severities[SEV_MEDIUM], (int64_t)severities[SEV_LOW],
		       (int64_t)severities[SEV_INFO], (int64_t)a->suppressed, diff->n_new, diff->n_fixed,
		       unjudged_rules) &&
	       sql_ask(d, id, e, "SELECT last_insert_rowid()", "");
}

static bool
write_endings(struct db *d, const struct difference *diff, int64_t last, struct err *e)
{
	AUTO(stmt) sqlite3_stmt *span = sql_prepare(d, "UPDATE spans SET last_run = ? WHERE id = ?", e);
	AUTO(stmt) sqlite3_stmt *finding = sql_prepare(d, "UPDATE findings SET last_run = ? WHERE id = ?", e);

	if (!span || !finding)
		return false;
	for (size_t i = 0; i < diff->endings.n; i++) {
		const struct ending *end = &diff->endings.at[i];

		sql_bind(span, "ii", last, end->span);
		if (!sql_run(d, span, e))
			return false;
		sql_bind(finding, "ii", last, end->finding);
		if (end->gone && !sql_run(d, finding, e))
			return false;
	}
	return true;
}

static bool
write_renewals(struct db *d, const struct difference *diff, struct err *e)
{
	AUTO(stmt)
	sqlite3_stmt *s = sql_prepare(d, "UPDATE findings SET uid = ?, generation = nullif(?, 0) WHERE id = ?", e);
	bool ok = s != NULL;

	for (size_t i = 0; ok && i < diff->renewals.n; i++) {
		const struct renewal *r = &diff->renewals.at[i];

		sql_bind(s, "tii", r->found->object.uid, r->found->object.generation, r->finding);
		ok = sql_run(d, s, e);
	}
	return ok;
}

struct opener {
	struct db *d;
	int64_t source, run, at;
	sqlite3_stmt *finding, *span;
};

static bool
write_opening(struct opener *o, const struct finding *f, struct err *e)
{
	AUTO(free) char *agent = NULL;

	if (f->agent)
		agent = mem_printf("%s/%s/%s", f->agent->namespace, f->agent->kind, f->agent->name);
	sql_bind(o->finding, "itttttttiiti", o->source, f->fingerprint, f->rule->id, f->namespace, agent,
		 f->object.kind, f->object.name, f->object.container, o->run, o->at, f->object.uid,
		 f->object.generation);
	if (!sql_run(o->d, o->finding, e))
		return false;
	sql_bind(o->span, "iitittti", o->source, o->run, reason_of(f), (int64_t)f->severity, f->message,
		 f->evidence, f->fingerprint, o->source);
	return sql_run(o->d, o->span, e);
}

static bool
write_openings(struct db *d, const struct difference *diff, int64_t source, int64_t run, int64_t at, struct err *e)
{
	AUTO(stmt)
	sqlite3_stmt *finding = sql_prepare(d,
					    "INSERT INTO findings (source, fingerprint, rule, namespace, agent, "
					    "kind, object, container, first_run, first_at, uid, generation) "
					    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, nullif(?, 0)) ON CONFLICT "
					    "(source, fingerprint) DO UPDATE SET last_run = NULL, "
					    "uid = excluded.uid, generation = excluded.generation",
					    e);
	AUTO(stmt) sqlite3_stmt *span =
		finding ? sql_prepare(
				  d,
				  "INSERT INTO spans (source, first_run, suppressed, severity, message, evidence, "
				  "finding) "
				  "SELECT ?, ?, ?, ?, ?, ?, id FROM findings WHERE fingerprint = ? AND source = ?",
				  e)
			: NULL;
	struct opener o = {d, source, run, at, finding, span};

	for (size_t i = 0; span && i < diff->openings.n; i++)
		if (!write_opening(&o, diff->openings.at[i], e))
			return false;
	return span != NULL;
}

struct writing {
	const struct run_scope *scope;
	const struct audit *audit;
	int64_t id;
};

static bool
write_parts(struct db *d, const struct writing *w, struct difference *diff, int64_t *id, struct err *e)
{
	const struct audit *a = w->audit;
	AUTO(free) char *rules_left = unjudged(a);
	int64_t source, last;

	return source_keep(d, w->scope, &source, e) &&
	       sql_ask(d, &last, e, "SELECT max(id) FROM runs WHERE source = ?", "i", source) &&
	       compare(d, source, a, rules_left, diff, e) && write_run(d, source, a, rules_left, diff, id, e) &&
	       write_endings(d, diff, last, e) && write_renewals(d, diff, e) &&
	       write_openings(d, diff, source, *id, a->started_at, e);
}

static bool
write_all(struct db *d, void *ctx, struct err *e)
{
	struct writing *w = ctx;
	struct difference diff = {0};
	bool ok = write_parts(d, w, &diff, &w->id, e);

	vec_free(&diff.openings);
	vec_free(&diff.endings);
	vec_free(&diff.renewals);
	return ok;
}

bool
runs_write(struct db *d, const struct run_scope *scope, const struct audit *a, int64_t *id, struct err *e)
{
	struct writing w = {.scope = scope, .audit = a};

	if (!sql_transact(d, write_all, &w, e))
		return false;
	*id = w.id;
	return true;
}

/* ---- the last run as a baseline */

static bool
read_entries(struct db *d, int64_t source, struct arena *a, struct baseline *out, struct err *e)
{
	AUTO(stmt) sqlite3_stmt *s =
		sql_prepare(d,
			    "SELECT f.fingerprint, f.rule, s.severity, f.kind, f.namespace, f.object FROM spans s "
			    "JOIN findings f ON f.id = s.finding WHERE s.source = ? AND s.last_run IS NULL AND "
			    "s.suppressed IS NULL "
			    "ORDER BY f.fingerprint",
			    e);
	VEC(struct baseline_entry) list = {0};
	bool ok = true;

	if (!s)
		return false;
	sql_bind(s, "i", source);
	while (sql_row(d, s, &ok, e)) {
		const char *namespace = sql_str(s, 4);
		int severity = sqlite3_column_int(s, 2);

		vec_push(&list, (struct baseline_entry){
					.fingerprint = arena_strdup(a, sql_str(s, 0)),
					.rule = arena_strdup(a, sql_str(s, 1)),
					.severity = severity_name(
						severity >= 0 && severity < SEVERITIES ? severity : SEV_INFO),
					.object = arena_printf(a, "%s %s%s%s", sql_str(s, 3), namespace,
							       *namespace ? "/" : "", sql_str(s, 5)),
				});
	}
	if (ok && list.n)
		out->at = arena_copy(a, list.at, list.n * sizeof(*list.at));
	out->n = ok ? list.n : 0;
	vec_free(&list);
	return ok;
}

bool
runs_last(struct db *d, const struct run_scope *scope, struct arena *a, struct baseline *out, struct err *e)
{
	int64_t source, run = 0, at = 0;
	char when[24];

	*out = (struct baseline){0};
	if (!source_find(d, scope, &source, e) ||
	    !sql_ask(d, &run, e, "SELECT max(id) FROM runs WHERE source = ?", "i", source) ||
	    !sql_ask(d, &at, e, "SELECT started_at FROM runs WHERE id = ?", "i", run))
		return false;
	if (!run)
		return true;
	clock_format(at, when);
	if (!read_entries(d, source, a, out, e))
		return false;
	out->name = arena_printf(a, "run %lld of %s", (long long)run, when);
	return true;
}
