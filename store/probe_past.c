/* SPDX-License-Identifier: Apache-2.0 */
#include "store/probe_past.h"

#include "base/arena.h"
#include "base/attr.h"
#include "base/buf.h"
#include "base/vec.h"
#include "store/source.h"
#include "store/sql.h"

/* ---- which clusters */

struct answer {
	struct db *d;
	const struct probe_filter *filter;
	const char *server; /* of the cluster that is read */
	bool (*read)(struct answer *a, int64_t cluster, struct err *e);
	void (*on_past)(void *ctx, const struct probe_past *p);
	void (*on_span)(void *ctx, const struct probe_span *s);
	void *ctx;
};

static bool
each_cluster(struct answer *a, struct err *e)
{
	AUTO(stmt) sqlite3_stmt *s = NULL;
	int64_t one = 0;
	bool ok = true;

	if (a->d->version < SCHEMA_PROBES)
		return true;
	if (a->filter->fleet && !cluster_find_read(a->d, a->filter->fleet, &one, e))
		return false;
	s = sql_prepare(a->d,
			a->filter->fleet ? "SELECT id, server FROM clusters WHERE id = ?"
					 : "SELECT id, server FROM clusters WHERE ? = 0 ORDER BY id",
			e);
	if (!s)
		return false;
	sql_bind(s, "i", one);
	while (sql_row(a->d, s, &ok, e)) {
		a->server = sql_str(s, 1);
		if (!a->read(a, sqlite3_column_int64(s, 0), e))
			return false;
	}
	return ok;
}

/* The select of a cluster's rows that the filter lets through; ?2 to ?4 are its. */
static sqlite3_stmt *
prepare(const struct answer *a, int64_t cluster, const char *select, const char *order, struct err *e)
{
	const struct probe_filter *f = a->filter;
	AUTO(buf) struct buf text = {0};
	sqlite3_stmt *s;

	/* What is not asked for is not there: by the rest SQLite finds the place. */
	buf_addf(&text, "%s AND cluster = ?1%s%s%s ORDER BY %s", select, f->namespace ? " AND namespace = ?2" : "",
		 f->agent ? " AND agent = ?3" : "", f->kind ? " AND kind = ?4" : "", order);
	s = sql_prepare(a->d, buf_str(&text), e);
	if (!s)
		return NULL;
	sqlite3_bind_int64(s, 1, cluster);
	if (f->namespace)
		sqlite3_bind_text(s, 2, f->namespace, -1, SQLITE_STATIC);
	if (f->agent)
		sqlite3_bind_text(s, 3, f->agent, -1, SQLITE_STATIC);
	if (f->kind)
		sqlite3_bind_text(s, 4, f->kind, -1, SQLITE_STATIC);
	return s;
}

/* ---- how an agent's probes went */

struct span {
	int64_t first_at, last_at, count;
	enum probe_verdict verdict;
};

/* The spans of one node and probe, the newest first, and how far they are told. */
struct node_spans {
	enum probe probe;
	size_t first, n; /* in gathered.spans */
	size_t at; /* the span that is told now; n: all of it is */
	int64_t told; /* of its answers */
	size_t in; /* the probing that it has a part in, counted from 1 */
};

struct gathered {
	struct answer *answer;
	sqlite3_stmt *older;
	int64_t cluster;
	struct arena arena; /* the agent's texts */
	struct workload_key agent;
	VEC(struct span) spans;
	VEC(struct node_spans) nodes;
};

/* The columns of both statements; those of `older` are the same but the key. */
enum { VERDICT, COUNT, FIRST_AT, LAST_AT, NAMESPACE, AGENT, KIND, NODE, PROBE, NR };
static const char newest_rows[] =
	"SELECT verdict, count, first_at, last_at, namespace, agent, kind, node, probe, nr "
	"FROM probes WHERE ended = 0";
static const char older_rows[] = "SELECT verdict, count, first_at, last_at FROM probes WHERE cluster = ? AND ended "
				 "= 1 AND namespace = ? AND "
				 "agent = ? AND kind = ? AND node = ? AND probe = ? ORDER BY nr DESC";

/* false when it has enough. */
static bool
add_span(struct gathered *g, struct node_spans *n, sqlite3_stmt *s, int64_t *answers)
{
	struct span span = {
		.first_at = sqlite3_column_int64(s, FIRST_AT),
		.last_at = sqlite3_column_int64(s, LAST_AT),
		.count = sqlite3_column_int64(s, COUNT),
		.verdict = (enum probe_verdict)sql_number(s, VERDICT, PROBE_INCONCLUSIVE + 1),
	};

	if (span.count < 1)
		span.count = 1;
	vec_push(&g->spans, span);
	n->n++;
	*answers += span.count;
	return *answers < PROBE_PAST_MOST;
}

/* Of most nodes and probes the newest span says enough. */
static bool
gather(struct gathered *g, sqlite3_stmt *s, struct err *e)
{
	struct node_spans n = {.probe = (enum probe)sql_number(s, PROBE, PROBES), .first = g->spans.n};
	int64_t answers = 0;
	bool ok = true;

	if (add_span(g, &n, s, &answers) && sqlite3_column_int64(s, NR) > 1) {
		sql_bind(g->older, "itttti", g->cluster, sql_str(s, NAMESPACE), sql_str(s, AGENT), sql_str(s, KIND),
			 sql_str(s, NODE), sqlite3_column_int64(s, PROBE));
		while (sql_row(g->answer->d, g->older, &ok, e))
			if (!add_span(g, &n, g->older, &answers))
				break;
		sqlite3_reset(g->older);
	}
	vec_push(&g->nodes, n);
	return ok;
}

/* When the next answer that was not told yet was given. */
static int64_t
next_at(const struct gathered *g, const struct node_spans *n)
{
	const struct span *s = &g->spans.at[n->first + n->at];

	if (s->count == 1 || s->last_at < s->first_at)
		return s->last_at;
	return s->last_at -
	       (int64_t)((double)(s->last_at - s->first_at) * (double)n->told / (double)(s->count - 1));
}

/* The node of that probe with the newest answer that was not told yet; NULL: all were. */
static struct node_spans *
next_node(struct gathered *g, enum probe p, int64_t *at)
{
	struct node_spans *newest = NULL;

	for (size_t i = 0; i < g->nodes.n; i++) {
		struct node_spans *n = &g->nodes.at[i];
		int64_t its = n->probe == p && n->at < n->n ? next_at(g, n) : 0;

		if (n->probe == p && n->at < n->n && (!newest || its > *at)) {
			newest = n;
			*at = its;
		}
	}
	return newest;
}

static enum probe_verdict
worse(enum probe_verdict x, enum probe_verdict y)
{
	static const int badness[] = {[PROBE_BLOCKED] = 0, [PROBE_INCONCLUSIVE] = 1, [PROBE_OPEN] = 2};

	return badness[x] >= badness[y] ? x : y;
}

static void
tell_probe(struct gathered *g, enum probe p, struct probe_past *out)
{
	size_t n = 0;
	struct node_spans *node;
	int64_t at = 0;

	while ((node = next_node(g, p, &at))) {
		const struct span *s = &g->spans.at[node->first + node->at];
		/* Since the newest of the probing; what a node said before is of another one. */
		bool together = n && node->in != n && out->of[p].marks[n - 1].at - at < PROBE_PAST_TOGETHER_S;

		if (!together && n == PROBE_PAST_MOST)
			break;
		if (!together) {
			out->of[p].marks[n].at = at;
			out->of[p].marks[n++].verdict = s->verdict;
		}
		out->of[p].marks[n - 1].verdict = worse(out->of[p].marks[n - 1].verdict, s->verdict);
		node->in = n;
		if (++node->told == s->count) {
			node->told = 0;
			node->at++;
		}
	}
	out->of[p].n = n;
}

static void
tell_agent(struct gathered *g)
{
	struct probe_past past;

	if (!g->nodes.n)
		return;
	past.server = g->answer->server;
	past.agent = g->agent;
	for (int p = 0; p < PROBES; p++)
		tell_probe(g, (enum probe)p, &past);
	g->answer->on_past(g->answer->ctx, &past);
	g->nodes.n = g->spans.n = 0;
}

static void
begin_agent(struct gathered *g, sqlite3_stmt *s)
{
	const struct workload_key k = {sql_str(s, NAMESPACE), sql_str(s, AGENT), sql_str(s, KIND)};

	if (g->nodes.n && workload_key_cmp(&k, &g->agent) == 0)
		return;
	tell_agent(g);
	arena_reset(&g->arena);
	g->agent = workload_key_copy(&g->arena, &k);
}

static bool
read_past(struct answer *a, int64_t cluster, struct err *e)
{
	AUTO(stmt) sqlite3_stmt *s = prepare(a, cluster, newest_rows, "namespace, agent, kind, node, probe", e);
	AUTO(stmt) sqlite3_stmt *older = s ? sql_prepare(a->d, older_rows, e) : NULL;
	struct gathered g = {.answer = a, .older = older, .cluster = cluster};
	bool ok = older != NULL;

	while (ok && sql_row(a->d, s, &ok, e)) {
		begin_agent(&g, s);
		ok = gather(&g, s, e);
	}
	if (ok)
		tell_agent(&g);
	arena_free(&g.arena);
	vec_free(&g.spans);
	vec_free(&g.nodes);
	return ok;
}

bool
probe_past(struct db *d, const struct probe_filter *filter, void (*fn)(void *ctx, const struct probe_past *p),
	   void *ctx, struct err *e)
{
	return each_cluster(
		&(struct answer){.d = d, .filter = filter, .read = read_past, .on_past = fn, .ctx = ctx}, e);
}

/* ---- what they said */

static struct probe_span
read_span(sqlite3_stmt *s)
{
	return (struct probe_span){
		.count = sqlite3_column_int64(s, 0),
		.first_at = sqlite3_column_int64(s, 1),
		.newest = !sqlite3_column_int64(s, 2),
		.last = {.agent = {.namespace = sql_str(s, 3), .name = sql_str(s, 4), .kind = sql_str(s, 5)},
			 .node = sql_str(s, 6),
			 .probe = (enum probe)sql_number(s, 7, PROBES),
			 .container = sql_str(s, 8),
			 .target = sql_str(s, 9),
			 .verdict = (enum probe_verdict)sql_number(s, 10, PROBE_INCONCLUSIVE + 1),
			 .control = (enum probe_control)sql_number(s, 11, PROBE_CONTROL_SKIPPED + 1),
			 .method = sql_str(s, 12),
			 .at = sqlite3_column_int64(s, 13),
			 .pod = sql_str(s, 14),
			 .detail = sql_str(s, 15),
			 .duration_ms = sqlite3_column_int64(s, 16),
			 .against = sql_str(s, 17)},
	};
}

static bool
read_spans(struct answer *a, int64_t cluster, struct err *e)
{
	AUTO(stmt)
	sqlite3_stmt *s = prepare(
		a, cluster,
		"SELECT count, first_at, ended, namespace, agent, kind, node, probe, container, target, verdict, "
		"control, method, last_at, pod, detail, duration_ms, against FROM probes WHERE ended IN (0, 1)",
		"namespace, agent, kind, probe, node, nr DESC", e);
	bool ok = s != NULL;

	while (s && sql_row(a->d, s, &ok, e)) {
		struct probe_span span = read_span(s);

		span.server = a->server;
		a->on_span(a->ctx, &span);
	}
	return ok;
}

bool
probe_spans(struct db *d, const struct probe_filter *filter, void (*fn)(void *ctx, const struct probe_span *s),
	    void *ctx, struct err *e)
{
	return each_cluster(
		&(struct answer){.d = d, .filter = filter, .read = read_spans, .on_span = fn, .ctx = ctx}, e);
}
