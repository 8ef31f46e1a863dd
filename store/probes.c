/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A row is a span: the same answer again and again of one agent, node and probe. What a nightly probe changes of it are
 * the end, the count and what is only true of the last one (pod, detail, duration, against).
 */
#include "store/probes.h"

#include <assert.h>
#include <string.h>

#include "base/attr.h"
#include "base/str.h"
#include "base/vec.h"
#include "store/source.h"
#include "store/sql.h"

/* The file has numbers: they stay what they are. */
static_assert(PROBE_RAW_TCP == 0 && PROBE_ENV_CLEAR == 1 && PROBE_NO_PROXY == 2 && PROBE_DNS_TCP == 3 &&
		      PROBES == 4,
	      "probes.probe");
static_assert(PROBE_BLOCKED == 0 && PROBE_OPEN == 1 && PROBE_INCONCLUSIVE == 2, "probes.verdict");
static_assert(PROBE_CONTROL_OK == 0 && PROBE_CONTROL_FAILED == 1 && PROBE_CONTROL_SKIPPED == 2, "probes.control");

/* ---- written */

#define KEY_IS \
	"cluster = ?1 AND ended = 0 AND namespace = ?2 AND agent = ?3 AND kind = ?4 AND node = ?5 AND probe = ?6"

enum { NEWEST, AGAIN, EARLIER, END, MAKE_ROOM, BEGIN, STATEMENTS };

static const char *const texts[STATEMENTS] = {
	[NEWEST] = "SELECT nr, last_at, container, target, verdict, control, method FROM probes WHERE " KEY_IS,
	[AGAIN] = "UPDATE probes SET count = count + 1, last_at = ?7, pod = ?8, detail = ?9, duration_ms = ?10, "
		  "against = ?11 WHERE " KEY_IS " AND last_at <= ?7 AND container = ?12 AND target = ?13 AND "
		  "verdict = ?14 AND control = ?15 AND method = ?16",
	[EARLIER] = "UPDATE probes SET count = count + 1, first_at = min(first_at, ?7) WHERE " KEY_IS,
	/* What it was made against matters of the newest alone. */
	[END] = "UPDATE probes SET ended = 1, against = '' WHERE " KEY_IS,
	[MAKE_ROOM] = "UPDATE probes SET nr = nr + 1 WHERE " KEY_IS,
	[BEGIN] =
		"INSERT INTO probes (cluster, namespace, agent, kind, node, probe, first_at, last_at, pod, detail, "
		"duration_ms, against, ended, nr, container, target, verdict, control, method, count) VALUES "
		"(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, 1)",
};

struct writer {
	struct db *d;
	const struct cluster_key *key;
	const struct probe_result *results;
	size_t n;
	int64_t cluster;
	sqlite3_stmt *s[STATEMENTS];
};

/* What is known of the same agent, node and probe. */
struct newest {
	int64_t nr; /* 0: nothing */
	int64_t last_at;
	bool same; /* it says what the new one says */
};

static bool
read_newest(struct writer *w, const struct probe_result *r, struct newest *out, struct err *e)
{
	sqlite3_stmt *s = w->s[NEWEST];
	bool ok = true;

	*out = (struct newest){0};
	sql_bind(s, "itttti", w->cluster, r->agent.namespace, r->agent.name, r->agent.kind, r->node,
		 (int64_t)r->probe);
	if (sql_row(w->d, s, &ok, e))
		*out = (struct newest){
			.nr = sqlite3_column_int64(s, 0),
			.last_at = sqlite3_column_int64(s, 1),
			.same = str_eq(sql_str(s, 2), r->container) && str_eq(sql_str(s, 3), r->target) &&
				sqlite3_column_int(s, 4) == (int)r->verdict &&
				sqlite3_column_int(s, 5) == (int)r->control && str_eq(sql_str(s, 6), r->method),
		};
	sqlite3_reset(s);
	return ok;
}

/* EARLIER, END and MAKE_ROOM: the time is of EARLIER alone. */
static bool
move_newest(struct writer *w, int which, const struct probe_result *r, struct err *e)
{
	sql_bind(w->s[which], which == EARLIER ? "ittttii" : "itttti", w->cluster, r->agent.namespace,
		 r->agent.name, r->agent.kind, r->node, (int64_t)r->probe, r->at);
	return sql_run(w->d, w->s[which], e);
}

/* Nearly always it says what the newest one says: *done, in one go. */
static bool
write_again(struct writer *w, const struct probe_result *r, bool *done, struct err *e)
{
	sql_bind(w->s[AGAIN], "ittttiittitttiit", w->cluster, r->agent.namespace, r->agent.name, r->agent.kind,
		 r->node, (int64_t)r->probe, r->at, r->pod, r->detail, r->duration_ms, r->against, r->container,
		 r->target, (int64_t)r->verdict, (int64_t)r->control, r->method);
	if (!sql_run(w->d, w->s[AGAIN], e))
		return false;
	*done = sqlite3_changes(w->d->handle) > 0;
	return true;
}

static bool
write_span(struct writer *w, const struct probe_result *r, bool ended, int64_t nr, struct err *e)
{
	sql_bind(w->s[BEGIN], "ittttiittitiittiit", w->cluster, r->agent.namespace, r->agent.name, r->agent.kind,
		 r->node, (int64_t)r->probe, r->at, r->pod, r->detail, r->duration_ms, ended ? "" : r->against,
		 (int64_t)ended, nr, r->container, r->target, (int64_t)r->verdict, (int64_t)r->control, r->method);
	return sql_run(w->d, w->s[BEGIN], e);
}

/* Two who probe at once may write in another order than they probed in: the newest by time stays the newest. */
static bool
write_result(struct writer *w, const struct probe_result *r, struct err *e)
{
	struct newest now;
	bool done;

	if (!write_again(w, r, &done, e))
		return false;
	if (done)
		return true;
	if (!read_newest(w, r, &now, e))
		return false;
	if (!now.nr)
		return write_span(w, r, false, 1, e);
	if (now.same)
		return move_newest(w, EARLIER, r, e);
	if (r->at < now.last_at)
		return move_newest(w, MAKE_ROOM, r, e) && write_span(w, r, true, now.nr, e);
	return move_newest(w, END, r, e) && write_span(w, r, false, now.nr + 1, e);
}

static bool
write_all(struct db *d, void *ctx, struct err *e)
{
	struct writer *w = ctx;
	bool ok = cluster_keep(d, w->key, &w->cluster, e);

	for (size_t i = 0; ok && i < STATEMENTS; i++)
		ok = (w->s[i] = sql_prepare(d, texts[i], e)) != NULL;
	for (size_t i = 0; ok && i < w->n; i++)
		ok = write_result(w, &w->results[i], e);
	for (size_t i = 0; i < STATEMENTS; i++)
		sqlite3_finalize(take(w->s[i]));
	return ok;
}

bool
probes_write(struct db *d, const struct fleet *f, const struct probe_result *at, size_t n, struct err *e)
{
	struct cluster_key key = cluster_key_of(f);
	struct writer w = {.d = d, .key = &key, .results = at, .n = n};

	return !n || sql_transact(d, write_all, &w, e);
}

/* ---- read back */

/* Neighbours have most texts in common: a text that the one before has, too, is that one's. */
static const char *
text_of(sqlite3_stmt *s, int column, const char *before, struct arena *a)
{
	const char *text = sqlite3_column_blob(s, column); /* as in sql_column */
	size_t len = text ? (size_t)sqlite3_column_bytes(s, column) : 0;

	if (before && strncmp(before, text ? text : "", len) == 0 && !before[len])
		return before;
	return text ? arena_strndup(a, text, len) : "";
}

#define PROBE_COLUMNS                                                                                              \
	"namespace, agent, kind, node, probe, container, target, verdict, control, method, pod, detail, against, " \
	"duration_ms, last_at "

static struct probe_result
read_probe(sqlite3_stmt *s, const struct probe_result *before, struct arena *a)
{
	static const struct probe_result none;
	const struct probe_result *b = before ? before : &none;

	return (struct probe_result){
		.agent = {.namespace = text_of(s, 0, b->agent.namespace, a),
			  .name = text_of(s, 1, b->agent.name, a),
			  .kind = text_of(s, 2, b->agent.kind, a)},
		.node = text_of(s, 3, b->node, a),
		.probe = (enum probe)sql_number(s, 4, PROBES),
		.container = text_of(s, 5, b->container, a),
		.target = text_of(s, 6, b->target, a),
		.verdict = (enum probe_verdict)sql_number(s, 7, PROBE_INCONCLUSIVE + 1),
		.control = (enum probe_control)sql_number(s, 8, PROBE_CONTROL_SKIPPED + 1),
		.method = text_of(s, 9, b->method, a),
		.pod = text_of(s, 10, b->pod, a),
		.detail = text_of(s, 11, b->detail, a),
		.against = text_of(s, 12, b->against, a),
		.duration_ms = sqlite3_column_int64(s, 13),
		.at = sqlite3_column_int64(s, 14),
	};
}

bool
probes_last(struct db *d, const struct fleet *f, struct arena *a, struct probe_result **out, size_t *n,
	    struct err *e)
{
	VEC(struct probe_result) list = {0};
	AUTO(stmt) sqlite3_stmt *s = NULL;
	bool ok = cluster_select(d, f,
				 "SELECT " PROBE_COLUMNS "FROM probes WHERE cluster = ? AND ended = 0 "
				 "ORDER BY namespace, agent, kind, node, probe",
				 &s, e);

	*out = NULL;
	*n = 0;
	while (s && sql_row(d, s, &ok, e)) {
		struct probe_result r = read_probe(s, list.n ? &list.at[list.n - 1] : NULL, a);

		vec_push(&list, r);
	}
	if (ok && list.n) {
		*out = arena_copy(a, list.at, list.n * sizeof(*list.at));
		*n = list.n;
	}
	vec_free(&list);
	return ok;
}
