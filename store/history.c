/* SPDX-License-Identifier: Apache-2.0 */
#include "store/history.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "base/vec.h"
#include "store/runs.h"
#include "store/sql.h"

/* ---- runs */

#define RUN_COLUMNS                                                                                                \
	"SELECT r.id, r.source, o.name, o.namespace, o.selector, c.server, r.started_at, r.duration_ms, "          \
	"r.version, "                                                                                              \
	"r.complete, r.agents, r.companions, r.unguarded, r.legacy, r.migrating, r.migrated, r.verified, r.info, " \
	"r.low, r.medium, r.high, r.critical, r.suppressed, r.new, r.fixed, r.unjudged FROM runs r "               \
	"JOIN sources o ON o.id = r.source LEFT JOIN clusters c ON c.id = o.cluster "

static void
read_run(sqlite3_stmt *s, struct arena *a, struct history_run *r)
{
	int at = 0;

	*r = (struct history_run){.id = sqlite3_column_int64(s, at++), .source = sqlite3_column_int64(s, at++)};
	r->name = sql_text(s, at++, a);
	r->namespace = sql_text(s, at++, a);
	r->selector = sql_text(s, at++, a);
	r->server = sql_column(s, at++, a);
	r->started_at = sqlite3_column_int64(s, at++);
	r->duration_ms = sqlite3_column_int64(s, at++);
	r->version = sql_text(s, at++, a);
	r->complete = sqlite3_column_int(s, at++);
	r->agents = sqlite3_column_int64(s, at++);
	r->companions = sqlite3_column_int64(s, at++);
	for (int i = 0; i < STATES; i++)
		r->states[i] = sqlite3_column_int64(s, at++);
	for (int i = 0; i < SEVERITIES; i++)
		r->severities[i] = sqlite3_column_int64(s, at++);
	r->suppressed = sqlite3_column_int64(s, at++);
	r->n_new = sqlite3_column_int64(s, at++);
	r->n_fixed = sqlite3_column_int64(s, at++);
	r->unjudged = sql_text(s, at, a);
}

bool
history_runs(struct db *d, void (*fn)(void *ctx, const struct history_run *r), void *ctx, struct err *e)
{
	AUTO(stmt) sqlite3_stmt *s = sql_prepare(d, RUN_COLUMNS "ORDER BY r.id DESC", e);
	AUTO(arena) struct arena scratch = {0};
	bool ok = s != NULL;

	while (s && sql_row(d, s, &ok, e)) {
		struct history_run r;

		read_run(s, &scratch, &r);
		fn(ctx, &r);
		arena_reset(&scratch);
	}
	return ok;
}

static bool
one_run(struct db *d, const char *text, int64_t a_value, int64_t b_value, struct arena *a, struct history_run *out,
	struct err *e)
{
	AUTO(stmt) sqlite3_stmt *s = sql_prepare(d, text, e);
	bool ok = true;

	if (!s)
		return false;
	sql_bind(s, "ii", a_value, b_value);
	*out = (struct history_run){0};
	if (sql_row(d, s, &ok, e))
		read_run(s, a, out);
	return ok;
}

bool
history_run(struct db *d, int64_t id, struct arena *a, struct history_run *out, struct err *e)
{
	if (!one_run(d, RUN_COLUMNS "WHERE r.id = ?1 OR (?1 = ?2 AND r.id = (SELECT max(id) FROM runs))", id, 0, a,
		     out, e))
		return false;
	if (out->id)
		return true;
	if (!id)
		return err_set(e, ERR_USAGE, 0, "no run yet in %s; moat audit writes one", db_path(d));
	return err_set(e, ERR_USAGE, 0, "no run %lld in %s; moat history lists them", (long long)id, db_path(d));
}

bool
history_run_before(struct db *d, const struct history_run *r, struct arena *a, struct history_run *out,
		   struct err *e)
{
	return one_run(d, RUN_COLUMNS "WHERE r.source = ? AND r.id < ? ORDER BY r.id DESC LIMIT 1", r->source,
		       r->id, a, out, e);
}

/* ---- findings */

/* Those of run ?2 of source ?1; not those that run ?3 of the same source has just so. */
#define COVERING "s.source = ?1 AND s.first_run <= ?2 AND (s.first_run > ?3 OR s.last_run < ?3)"
#define FINDING_COLUMNS(object)                                                                           \
	"SELECT f.fingerprint, f.rule, s.severity, f.namespace, f.kind, f.object, f.agent, f.container, " \
	"s.message, s.evidence, s.suppressed, f.first_run, f.first_at, s.first_run, f.last_run, " object  \
	" FROM spans s JOIN findings f ON f.id = s.finding WHERE " COVERING
#define FINDINGS_OF_RUN(object) \
	FINDING_COLUMNS(object) \
	" AND s.last_run IS NULL UNION ALL " FINDING_COLUMNS(object) " AND s.last_run >= ?2 "

typedef VEC(struct history_finding) finding_list;

/* The first letters: what is before another in strcmp's order is not behind it in this one. */
static uint64_t
letters(const char *text, int n)
{
	uint64_t key = 0;

	for (int i = 0; i < n; i++)
		key = key << 8 | (*text ? (unsigned char)*text++ : 0);
	return key;
}

/* A rule, and whether the run says something of it. */
struct judged {
	uint64_t key; /* letters */
	const char *id;
	bool judged;
};

/* A run read: its texts go into the arena. */
struct reading {
	const struct history_run *run;
	struct arena *arena;
	struct judged *rules; /* as many as rules[] */
};

/* Asked of each finding. */
static bool
is_judged(const struct reading *r, const char *rule)
{
	uint64_t key = letters(rule, 8);

	for (size_t i = 0; i < n_rules; i++)
		if (r->rules[i].key == key && strcmp(r->rules[i].id, rule) == 0)
			return r->rules[i].judged;
	return false;
}

static struct judged *
judged_by(const struct history_run *r)
{
	struct judged *list = mem_array(n_rules, sizeof(*list));

	for (size_t i = 0; i < n_rules; i++)
		list[i] = (struct judged){letters(rules[i]->id, 8), rules[i]->id,
					  runs_judged(rules[i]->id, r->unjudged)};
	return list;
}

static struct history_finding
read_finding(const struct reading *r, sqlite3_stmt *s)
{
	int severity = sqlite3_column_int(s, 2);
	struct arena *a = r->arena;
	struct history_finding f = {
		.fingerprint = sql_text(s, 0, a),
		.rule = sql_text(s, 1, a),
		.severity = severity >= 0 && severity < SEVERITIES ? (enum severity)severity : SEV_INFO,
		.namespace = sql_text(s, 3, a),
		.kind = sql_text(s, 4, a),
		.object = sql_text(s, 5, a),
		.agent = sql_column(s, 6, a),
		.container = sql_column(s, 7, a),
		.message = sql_text(s, 8, a),
		.evidence = sql_column(s, 9, a),
		.suppressed = sql_column(s, 10, a),
		.first_run = sqlite3_column_int64(s, 11),
		.first_at = sqlite3_column_int64(s, 12),
		.since_run = sqlite3_column_int64(s, 13),
		.last_run = sqlite3_column_int64(s, 14),
		.uid = sql_column(s, 15, a),
		.generation = sqlite3_column_int64(s, 16),
	};

	f.judged = is_judged(r, f.rule);
	return f;
}

/* ---- in order */

/* What decides most comparisons without a look at the texts, which lie all over memory. */
struct place {
	uint64_t key;
	const struct history_finding *finding;
};

static uint64_t
fingerprint_key(const struct history_finding *f)
{
	return letters(f->fingerprint, 8);
}

static uint64_t
worst_first_key(const struct history_finding *f)
{
	return (uint64_t)(SEVERITIES - 1 - (int)f->severity) << 56 | letters(f->namespace, 7);
}

static int
fingerprint_cmp(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return strcmp(x->finding->fingerprint, y->finding->fingerprint);
}

static int
worst_first_cmp(const void *a, const void *b)
{
	const struct place *p = a, *q = b;
	const struct history_finding *x = p->finding, *y = q->finding;
	int order;

	if (p->key != q->key)
		return p->key < q->key ? -1 : 1;
	order = strcmp(x->namespace, y->namespace);
	if (!order)
		order = strcmp(x->object, y->object);
	if (!order)
		order = strcmp(x->rule, y->rule);
	return order ? order : strcmp(x->fingerprint, y->fingerprint);
}

static const struct order {
	uint64_t (*key)(const struct history_finding *f);
	int (*cmp)(const void *a, const void *b); /* of places */
} by_fingerprint = {fingerprint_key, fingerprint_cmp}, worst_first = {worst_first_key, worst_first_cmp};

/* As many as the list has; the caller's. */
static struct place *
sorted(const finding_list *list, const struct order *order)
{
	struct place *places = mem_array(list->n, sizeof(*places));

	for (size_t i = 0; i < list->n; i++)
		places[i] = (struct place){order->key(&list->at[i]), &list->at[i]};
	if (list->n)
		qsort(places, list->n, sizeof(*places), order->cmp);
	return places;
}

/* What a run has. */
struct found {
	finding_list list;
	struct place *places; /* of the list, in the order wanted */
};

static void
found_free(struct found *f)
{
	vec_free(&f->list);
	free(f->places);
}

/* Sorted here: SQLite would copy all the texts to and fro. */
static bool
read_list(struct db *d, const struct history_run *r, int64_t other, const struct order *order, struct arena *a,
	  struct found *out, struct err *e)
{
	const char *text =
		d->version < SCHEMA_PROBES ? FINDINGS_OF_RUN("NULL, NULL") : FINDINGS_OF_RUN("f.uid, f.generation");
	AUTO(stmt) sqlite3_stmt *s = sql_prepare(d, text, e);
	struct reading reading = {r, a, judged_by(r)};
	bool ok = s != NULL;

	if (s)
		sql_bind(s, "iii", r->source, r->id, other);
	while (s && sql_row(d, s, &ok, e))
		vec_push(&out->list, read_finding(&reading, s));
	free(reading.rules);
	out->places = sorted(&out->list, order);
	return ok;
}

/*
 * Asked after a run was read: another process may have pruned it meanwhile, and half of a run is none. One that is there now
 * was there all the time, for numbers are never used again.
 */
static bool
still_there(struct db *d, const struct history_run *r, struct err *e)
{
	int64_t n;

	if (!sql_ask(d, &n, e, "SELECT count(*) FROM runs WHERE id = ?", "i", r->id))
		return false;
	return n || err_set(e, ERR_USAGE, 0,
			    "run %lld was pruned from %s meanwhile; moat history lists those that are left",
			    (long long)r->id, db_path(d));
}

bool
history_findings(struct db *d, const struct history_run *r, struct arena *a,
		 void (*fn)(void *ctx, const struct history_finding *f), void *ctx, struct err *e)
{
	struct found found = {0};
	bool ok = read_list(d, r, 0, &worst_first, a, &found, e) && still_there(d, r, e);

	for (size_t i = 0; ok && i < found.list.n; i++)
		fn(ctx, found.places[i].finding);
	found_free(&found);
	return ok;
}

static bool
looks_the_same(const struct history_finding *x, const struct history_finding *y)
{
	return x->severity == y->severity && str_eq(x->suppressed, y->suppressed) &&
	       str_eq(x->message, y->message) && str_eq(x->evidence, y->evidence);
}

static enum history_change_kind
kind_of(const struct history_finding *before, const struct history_finding *after, const struct history_run *now)
{
	if (!before)
		return HISTORY_NEW;
	if (after)
		return HISTORY_CHANGED;
	return runs_judged(before->rule, now->unjudged) ? HISTORY_FIXED : HISTORY_UNJUDGED;
}

static void
tell_changes(const struct found *x, const struct found *y, const struct history_run *now,
	     void (*fn)(void *ctx, const struct history_change *c), void *ctx)
{
	for (size_t i = 0, j = 0; i < x->list.n || j < y->list.n;) {
		const struct history_finding *before = i < x->list.n ? x->places[i].finding : NULL,
					     *after = j < y->list.n ? y->places[j].finding : NULL;
		int order = before && after ? strcmp(before->fingerprint, after->fingerprint) : before ? -1 : 1;

		if (order < 0)
			after = NULL;
		if (order > 0)
			before = NULL;
		i += before != NULL;
		j += after != NULL;
		if (!before || !after || !looks_the_same(before, after))
			fn(ctx, &(struct history_change){kind_of(before, after, now), before, after});
	}
}

/* ---- two runs read at once */

/* So many runs lie between those that have little in common: reading both takes long enough for a second thread. */
#define FAR_APART 30

struct beside {
	const struct db *db;
	const struct history_run *run;
	int64_t other;
	struct arena arena;
	struct found found;
	bool ok;
};

/* By a connection of its own. Why it fails is not told: the one who waits tries again, and finds out. */
static void *
read_beside(void *ctx)
{
	struct beside *b = ctx;
	struct err e;
	struct db *d =
		db_open(&(struct db_options){.path = db_path(b->db), .use = DB_READ, .vfs = b->db->opt.vfs}, &e);

	b->ok = d && read_list(d, b->run, b->other, &by_fingerprint, &b->arena, &b->found, &e);
	db_close(d);
	return NULL;
}

/* What is in x and not just so in y, and the other way round. */
static bool
read_one_by_one(struct db *d, const struct history_run *runs[2], const int64_t others[2], struct arena *a,
		struct found found[2], struct err *e)
{
	return read_list(d, runs[0], others[0], &by_fingerprint, a, &found[0], e) &&
	       read_list(d, runs[1], others[1], &by_fingerprint, a, &found[1], e);
}

static bool
read_both(struct db *d, const struct history_run *runs[2], const int64_t others[2], struct arena *a,
	  struct found found[2], struct err *e)
{
	struct beside b = {.db = d, .run = runs[0], .other = others[0]};
	pthread_t thread;
	bool ok;

	if (llabs(runs[0]->id - runs[1]->id) < FAR_APART || pthread_create(&thread, NULL, read_beside, &b) != 0)
		return read_one_by_one(d, runs, others, a, found, e);
	ok = read_list(d, runs[1], others[1], &by_fingerprint, a, &found[1], e);
	pthread_join(thread, NULL);
	arena_join(a, &b.arena);
	if (b.ok)
		found[0] = b.found;
	else
		found_free(&b.found);
	return ok && (b.ok || read_list(d, runs[0], others[0], &by_fingerprint, a, &found[0], e));
}

/* Runs of one source: only what is not in both is read, so that the answer costs what it says. */
bool
history_diff(struct db *d, const struct history_run *before, const struct history_run *after, struct arena *a,
	     void (*fn)(void *ctx, const struct history_change *c), void *ctx, struct err *e)
{
	bool same = before->source == after->source;
	const struct history_run *runs[2] = {before, after};
	const int64_t others[2] = {same ? after->id : 0, same ? before->id : 0};
	struct found found[2] = {{{0}, NULL}, {{0}, NULL}};
	bool ok = read_both(d, runs, others, a, found, e) && still_there(d, before, e) && still_there(d, after, e);

	if (ok)
		tell_changes(&found[0], &found[1], after, fn, ctx);
	found_free(&found[0]);
	found_free(&found[1]);
	return ok;
}

const char *
history_change_name(enum history_change_kind kind)
{
	static const char *const names[] = {
		[HISTORY_NEW] = "new",
		[HISTORY_FIXED] = "fixed",
		[HISTORY_CHANGED] = "changed",
		[HISTORY_UNJUDGED] = "not judged",
	};

	return names[kind];
}

/* ---- pruning */

/* Of each cluster the oldest run that stays, since when its other facts stay: none goes of one without runs. */
#define OLDEST "(SELECT min(started_at) FROM runs r JOIN sources o ON o.id = r.source WHERE o.cluster = c.id)"
#define SINCE "(SELECT since FROM temp.since s WHERE s.cluster = "

static bool
remove_rows(struct db *d, const char *text, int64_t *removed, struct err *e)
{
	int64_t n;

	if (!sql_exec(d, text, e) || !sql_ask(d, &n, e, "SELECT changes()", ""))
		return false;
	*removed += n;
	return true;
}

/* The newest result stays, unless it found no way out and its node has none since while others have: the node is gone. */
static bool
prune_by_time(struct db *d, struct history_pruned *removed, struct err *e)
{
	return sql_exec(
		       d,
		       "DROP TABLE IF EXISTS temp.since; CREATE TEMP TABLE since AS SELECT c.id AS cluster, " OLDEST
		       " AS since FROM clusters c",
		       e) &&
	       remove_rows(d, "DELETE FROM probes WHERE ended = 1 AND last_at < " SINCE "probes.cluster)",
			   &removed->probes, e) &&
	       remove_rows(
		       d,
		       "DELETE FROM probes WHERE ended = 0 AND verdict <> 1 AND last_at < " SINCE
		       "probes.cluster) AND EXISTS (SELECT 1 FROM probes p WHERE p.cluster = probes.cluster AND "
		       "p.ended = 0 AND p.namespace = probes.namespace AND p.agent = probes.agent AND "
		       "p.kind = probes.kind AND p.probe = probes.probe AND p.last_at >= " SINCE "probes.cluster))",
		       &removed->probes, e) &&
	       remove_rows(d, "DELETE FROM actions WHERE at < " SINCE "actions.cluster)", &removed->actions, e) &&
	       remove_rows(d, "DELETE FROM sightings WHERE last_at < " SINCE "sightings.cluster)",
			   &removed->sightings, e) &&
	       sql_exec(d, "DROP TABLE temp.since", e);
}

/*
 * Runs first: what no run is left for goes with them. Sources stay, for they are few and their next run may
 * come.
 */
static bool
prune_all(struct db *d, int64_t keep, struct history_pruned *removed, struct err *e)
{
	return sql_ask(d, NULL, e,
		       "DELETE FROM runs WHERE id < ifnull((SELECT id FROM runs r WHERE r.source = runs.source "
		       "ORDER BY id DESC "
		       "LIMIT 1 OFFSET ?), 0)",
		       "i", keep - 1) &&
	       sql_ask(d, &removed->runs, e, "SELECT changes()", "") &&
	       sql_ask(d, NULL, e,
		       "DELETE FROM spans WHERE last_run < (SELECT min(id) FROM runs r WHERE r.source = "
		       "spans.source)",
		       "") &&
	       sql_ask(d, NULL, e, "DELETE FROM findings WHERE id NOT IN (SELECT finding FROM spans)", "") &&
	       prune_by_time(d, removed, e);
}

struct pruning {
	int64_t keep;
	struct history_pruned removed;
};

static bool
prune(struct db *d, void *ctx, struct err *e)
{
	struct pruning *p = ctx;

	p->removed = (struct history_pruned){0};
	return prune_all(d, p->keep, &p->removed, e);
}

bool
history_prune(struct db *d, int64_t keep, struct history_pruned *removed, struct err *e)
{
	struct pruning p = {.keep = keep};

	if (!sql_transact(d, prune, &p, e))
		return false;
	*removed = p.removed;
	return sql_exec(d, "PRAGMA incremental_vacuum; PRAGMA wal_checkpoint(TRUNCATE)", e);
}
