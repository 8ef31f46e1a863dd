/* SPDX-License-Identifier: Apache-2.0 */
#include "store/actions.h"

#include "base/arena.h"
#include "base/attr.h"
#include "store/source.h"
#include "store/sql.h"

struct beginning {
	struct cluster_key cluster;
	const struct action *action;
	int64_t id;
};

static bool
write_begin(struct db *d, void *ctx, struct err *e)
{
	struct beginning *b = ctx;
	const struct action *a = b->action;
	int64_t cluster;

	return cluster_keep(d, &b->cluster, &cluster, e) &&
	       sql_ask(d, NULL, e,
		       "INSERT INTO actions (cluster, at, duration_ms, who, what, namespace, kind, name, outcome, "
		       "detail) "
		       "VALUES (?, ?, nullif(?, -1), ?, ?, ?, ?, ?, ?, ?)",
		       "iiittttttt", cluster, a->at, a->duration_ms, a->who, a->what, a->target.namespace,
		       a->target.kind, a->target.name, a->outcome, a->detail) &&
	       sql_ask(d, &b->id, e, "SELECT last_insert_rowid()", "");
}

struct action
action_copy(struct arena *a, const struct action *action)
{
	struct action copy = *action;

	copy.who = arena_strdup(a, action->who);
	copy.what = arena_strdup(a, action->what);
	copy.target = workload_key_copy(a, &action->target);
	copy.outcome = arena_strdup(a, action->outcome);
	copy.detail = arena_strdup(a, action->detail);
	return copy;
}

bool
actions_begin(struct db *d, const struct action_cluster *c, const struct action *a, int64_t *id, struct err *e)
{
	struct beginning b = {.cluster = {c->uid, c->address, c->server}, .action = a};

	if (!sql_transact(d, write_begin, &b, e))
		return false;
	*id = b.id;
	return true;
}

bool
actions_end(struct db *d, int64_t id, int64_t at, const char *outcome, const char *detail, int64_t duration_ms,
	    struct err *e)
{
	return sql_ask(
		d, NULL, e,
		"UPDATE actions SET outcome = ?, detail = ?, duration_ms = nullif(?, -1) WHERE id = ? AND at = ?",
		"ttiii", outcome, detail, duration_ms, id, at);
}

static struct action_row
read_row(sqlite3_stmt *s)
{
	return (struct action_row){
		.id = sqlite3_column_int64(s, 0),
		.action = {.at = sqlite3_column_int64(s, 1),
			   .duration_ms = sqlite3_column_int64(s, 2),
			   .who = sql_str(s, 3),
			   .what = sql_str(s, 4),
			   .target = {.namespace = sql_str(s, 5), .kind = sql_str(s, 6), .name = sql_str(s, 7)},
			   .outcome = sql_str(s, 8),
			   .detail = sql_str(s, 9)},
		.server = sql_str(s, 10),
	};
}

bool
actions_list(struct db *d, const struct action_filter *filter, void (*fn)(void *ctx, const struct action_row *r),
	     void *ctx, struct err *e)
{
	AUTO(stmt) sqlite3_stmt *s = NULL;
	int64_t cluster = 0;
	bool ok = true;

	if (filter->fleet && !cluster_find_read(d, filter->fleet, &cluster, e))
		return false;
	if (d->version < SCHEMA_PROBES)
		return true;
	s = sql_prepare(d,
			"SELECT a.id, a.at, ifnull(a.duration_ms, -1), a.who, a.what, a.namespace, a.kind, a.name, "
			"a.outcome, a.detail, c.server FROM actions a JOIN clusters c ON c.id = a.cluster "
			"WHERE a.namespace = ifnull(?1, a.namespace) AND a.name = ifnull(?2, a.name) AND "
			"a.cluster = ifnull(?3, a.cluster) "
			"ORDER BY a.id DESC",
			e);
	if (!s)
		return false;
	sql_bind(s, "tt", filter->namespace, filter->name);
	if (filter->fleet)
		sqlite3_bind_int64(s, 3, cluster); /* 0: it has none */
	while (sql_row(d, s, &ok, e)) {
		struct action_row r = read_row(s);

		fn(ctx, &r);
	}
	return ok;
}
