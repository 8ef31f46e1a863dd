/* SPDX-License-Identifier: Apache-2.0 */
/* A row is a span: the same seen again and again of one container, since it started. */
#include "store/sightings.h"

#include <assert.h>

#include "base/attr.h"
#include "base/clock.h"
#include "base/vec.h"
#include "store/source.h"
#include "store/sql.h"

/* The file has numbers: they stay what they are. */
static_assert(RELOAD_NONE == 0 && RELOAD_DONE == 1 && RELOAD_FAILED == 2 && RELOAD_REFUSED == 3,
	      "sightings.reload");

#define UNKNOWN "-9223372036854775808" /* CLOCK_UNKNOWN, which is NULL in the file */

enum { NEWEST, AGAIN, BEGIN, STATEMENTS };

/* Why something could not be read may be said in other words each time: whether it could is what counts. */
static const char *const texts[STATEMENTS] = {
	[NEWEST] = "SELECT id, pod_uid = ?7 AND started_at = ?8 AND loaded_hash IS ?9 AND reload = ?10 AND "
		   "file_hash IS ?11 AND (log_error IS NULL) = ?12 AND (file_error IS NULL) = ?13 FROM sightings "
		   "WHERE cluster = ?1 AND namespace = ?2 AND workload = ?3 AND kind = ?4 AND pod = ?5 AND "
		   "container = ?6 ORDER BY id DESC LIMIT 1",
	[AGAIN] = "UPDATE sightings SET count = count + 1, last_at = max(last_at, ?2) WHERE id = ?1",
	[BEGIN] = "INSERT INTO sightings (cluster, namespace, workload, kind, pod, container, pod_uid, started_at, "
		  "loaded_hash, loaded_at, log_error, reload, reload_detail, file_hash, file_error, first_at, "
		  "last_at, "
		  "count) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, nullif(?10, " UNKNOWN
		  "), ?11, ?12, ?13, ?14, ?15, ?16, ?16, 1)",
};

struct writer {
	const struct fleet *fleet;
	const struct config_sighting *at;
	size_t n;
	int64_t cluster;
	sqlite3_stmt *s[STATEMENTS];
};

static bool
begin_row(struct db *d, struct writer *w, const struct config_sighting *c, struct err *e)
{
	sql_bind(w->s[BEGIN],
		 "itttttt"
		 "iti"
		 "tit"
		 "tti",
		 w->cluster, c->workload.namespace, c->workload.name, c->workload.kind, c->pod, c->container,
		 c->pod_uid, c->started_at, c->loaded_hash, c->loaded_at, c->log_error, (int64_t)c->reload,
		 c->reload_detail, c->file_hash, c->file_error, c->at);
	return sql_run(d, w->s[BEGIN], e);
}

static bool
write_one(struct db *d, struct writer *w, const struct config_sighting *c, struct err *e)
{
	sqlite3_stmt *s = w->s[NEWEST];
	int64_t id = 0;
	bool ok = true;

	sql_bind(s,
		 "itttttt"
		 "iti"
		 "tii",
		 w->cluster, c->workload.namespace, c->workload.name, c->workload.kind, c->pod, c->container,
		 c->pod_uid, c->started_at, c->loaded_hash, (int64_t)c->reload, c->file_hash,
		 (int64_t)!c->log_error, (int64_t)!c->file_error);
	if (sql_row(d, s, &ok, e) && sqlite3_column_int(s, 1))
		id = sqlite3_column_int64(s, 0);
	sqlite3_reset(s);
	if (!ok)
		return false;
	if (!id)
		return begin_row(d, w, c, e);
	sql_bind(w->s[AGAIN], "ii", id, c->at);
	return sql_run(d, w->s[AGAIN], e);
}

static bool
write_all(struct db *d, void *ctx, struct err *e)
{
	struct writer *w = ctx;
	struct cluster_key key = cluster_key_of(w->fleet);
	bool ok = cluster_keep(d, &key, &w->cluster, e);

	for (size_t i = 0; ok && i < STATEMENTS; i++)
		ok = (w->s[i] = sql_prepare(d, texts[i], e)) != NULL;
	for (size_t i = 0; ok && i < w->n; i++)
		ok = write_one(d, w, &w->at[i], e);
	for (size_t i = 0; i < STATEMENTS; i++)
		sqlite3_finalize(take(w->s[i]));
	return ok;
}

bool
sightings_write(struct db *d, const struct fleet *f, const struct config_sighting *at, size_t n, struct err *e)
{
	struct writer w = {.fleet = f, .at = at, .n = n};

	return !n || sql_transact(d, write_all, &w, e);
}

static struct config_sighting
read_one(sqlite3_stmt *s, struct arena *a)
{
	return (struct config_sighting){
		.workload = {.namespace = sql_text(s, 0, a), .name = sql_text(s, 1, a), .kind = sql_text(s, 2, a)},
		.pod = sql_text(s, 3, a),
		.container = sql_text(s, 4, a),
		.pod_uid = sql_text(s, 5, a),
		.started_at = sqlite3_column_int64(s, 6),
		.loaded_hash = sql_column(s, 7, a),
		.loaded_at = sqlite3_column_int64(s, 8),
		.reload = (enum reload)sql_number(s, 9, RELOAD_REFUSED + 1),
		.log_error = sql_column(s, 10, a),
		.reload_detail = sql_column(s, 11, a),
		.file_hash = sql_column(s, 12, a),
		.file_error = sql_column(s, 13, a),
		.at = sqlite3_column_int64(s, 14),
	};
}

bool
sightings_last(struct db *d, const struct fleet *f, struct arena *a, struct config_sighting **out, size_t *n,
	       struct err *e)
{
	VEC(struct config_sighting) list = {0};
	AUTO(stmt) sqlite3_stmt *s = NULL;
	bool ok = cluster_select(
		d, f,
		"SELECT namespace, workload, kind, pod, container, pod_uid, started_at, loaded_hash, "
		"ifnull(loaded_at, " UNKNOWN "), "
		"reload, log_error, reload_detail, file_hash, file_error, last_at, max(id) FROM sightings "
		"WHERE cluster = ? GROUP BY namespace, workload, kind, pod, container "
		"ORDER BY namespace, workload, kind, pod, container",
		&s, e);

	*out = NULL;
	*n = 0;
	while (s && sql_row(d, s, &ok, e))
		vec_push(&list, read_one(s, a));
	if (ok && list.n) {
		*out = arena_copy(a, list.at, list.n * sizeof(*list.at));
		*n = list.n;
	}
	vec_free(&list);
	return ok;
}
