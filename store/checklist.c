/* SPDX-License-Identifier: Apache-2.0 */
#include "store/checklist.h"

#include <assert.h>

#include "base/attr.h"
#include "base/vec.h"
#include "store/source.h"
#include "store/sql.h"

/* The file has numbers: they stay what they are. */
static_assert(CHECKLIST_NOTED == 0 && CHECKLIST_TICKED == 1 && CHECKLIST_SKIPPED == 2, "checklist.state");

struct change {
	const struct fleet *fleet;
	const struct checklist_entry *entry; /* written */
	const struct workload_key *agent; /* removed */
	const char *step;
	int64_t removed;
};

static bool
write_entry(struct db *d, void *ctx, struct err *e)
{
	const struct change *c = ctx;
	const struct checklist_entry *x = c->entry;
	struct cluster_key key = cluster_key_of(c->fleet);
	int64_t cluster;

	return cluster_keep(d, &key, &cluster, e) &&
	       sql_ask(d, NULL, e,
		       "INSERT OR REPLACE INTO checklist (cluster, namespace, agent, kind, step, state, who, at, "
		       "note) "
		       "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
		       "ittttitit", cluster, x->agent.namespace, x->agent.name, x->agent.kind, x->step,
		       (int64_t)x->state, x->who, x->at, x->note);
}

bool
checklist_write(struct db *d, const struct fleet *f, const struct checklist_entry *entry, struct err *e)
{
	struct change c = {.fleet = f, .entry = entry};

	return sql_transact(d, write_entry, &c, e);
}

static bool
remove_entries(struct db *d, void *ctx, struct err *e)
{
	struct change *c = ctx;
	struct workload_key all = {0}, agent = c->agent ? *c->agent : all;
	struct cluster_key key = cluster_key_of(c->fleet);
	int64_t cluster;

	return cluster_find(d, &key, &cluster, e) &&
	       sql_ask(d, NULL, e,
		       "DELETE FROM checklist WHERE cluster = ? AND namespace = ifnull(?, namespace) AND "
		       "agent = ifnull(?, agent) AND kind = ifnull(?, kind) AND step = ifnull(?, step)",
		       "itttt", cluster, agent.namespace, agent.name, agent.kind, c->step) &&
	       sql_ask(d, &c->removed, e, "SELECT changes()", "");
}

bool
checklist_remove(struct db *d, const struct fleet *f, const struct workload_key *agent, const char *step,
		 int64_t *removed, struct err *e)
{
	struct change c = {.fleet = f, .agent = agent, .step = step};

	if (!sql_transact(d, remove_entries, &c, e))
		return false;
	*removed = c.removed;
	return true;
}

static struct checklist_entry
read_entry(sqlite3_stmt *s, struct arena *a)
{
	int state = sqlite3_column_int(s, 4);

	return (struct checklist_entry){
		.agent = {.namespace = sql_text(s, 0, a), .name = sql_text(s, 1, a), .kind = sql_text(s, 2, a)},
		.step = sql_text(s, 3, a),
		/* A number that is not known says nothing. */
		.state = state == CHECKLIST_TICKED || state == CHECKLIST_SKIPPED ? (enum checklist_state)state
										 : CHECKLIST_NOTED,
		.who = sql_text(s, 5, a),
		.at = sqlite3_column_int64(s, 6),
		.note = sql_text(s, 7, a),
	};
}

bool
checklist_read(struct db *d, const struct fleet *f, struct arena *a, struct checklist_entry **out, size_t *n,
	       struct err *e)
{
	VEC(struct checklist_entry) list = {0};
	AUTO(stmt) sqlite3_stmt *s = NULL;
	bool ok = cluster_select(
		d, f,
		"SELECT namespace, agent, kind, step, state, who, at, note FROM checklist WHERE cluster = ? "
		"ORDER BY namespace, agent, kind, step",
		&s, e);

	*out = NULL;
	*n = 0;
	while (s && sql_row(d, s, &ok, e))
		vec_push(&list, read_entry(s, a));
	if (ok && list.n) {
		*out = arena_copy(a, list.at, list.n * sizeof(*list.at));
		*n = list.n;
	}
	vec_free(&list);
	return ok;
}
