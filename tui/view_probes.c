/* SPDX-License-Identifier: Apache-2.0 */
/* Probes in time: a strip of signs for each agent and probe, the newest last. */
#include <stdlib.h>
#include <string.h>

#include "audit/audit.h"
#include "base/buf.h"
#include "base/clock.h"
#include "tui/agent_cells.h"
#include "tui/proof_cells.h"
#include "tui/proof_page.h"
#include "tui/views.h"
#include "tui/workload_keys.h"

enum column_id {
	COLUMN_NAMESPACE,
	COLUMN_AGENT,
	COLUMN_KIND,
	COLUMN_STATE,
	COLUMN_NOW,
	COLUMN_RAW_TCP, /* the first of those in the order of enum probe */
	COLUMN_ENV_CLEAR,
	COLUMN_NO_PROXY,
	COLUMN_DNS_TCP,
};

static const struct column columns[] = {
	[COLUMN_NAMESPACE] = {.name = "NAMESPACE", .min = 9, .shrink = 3, .sticky = true, .sort_key = 'N'},
	[COLUMN_AGENT] = {.name = "AGENT", .min = 14, .shrink = 1, .sticky = true, .sort_key = 'A'},
	[COLUMN_KIND] = {.name = "KIND", .wide = true, .sort_key = 'K'},
	[COLUMN_STATE] = {.name = "STATE", .drop = 2, .sort = SORT_ORDER, .sort_key = 'S'},
	[COLUMN_NOW] = {.name = "NOW", .sort = SORT_ORDER, .descending = true, .sort_key = 'P'},
	[COLUMN_RAW_TCP] = {.name = "RAW-TCP", .sort = SORT_ORDER, .descending = true, .sort_key = 'R'},
	[COLUMN_ENV_CLEAR] = {.name = "ENV-CLEAR", .sort = SORT_ORDER, .descending = true, .sort_key = 'E'},
	[COLUMN_NO_PROXY] = {.name = "NO-PROXY", .sort = SORT_ORDER, .descending = true, .sort_key = 'O'},
	[COLUMN_DNS_TCP] = {.name = "DNS-TCP", .drop = 1, .sort = SORT_ORDER, .descending = true, .sort_key = 'D'},
};

static const struct workload *
agent(const struct view_data *v, size_t row)
{
	return ((const struct audit *)v->data)->agents[row];
}

static const struct fleet *
fleet(const struct view_data *v)
{
	return ((const struct audit *)v->data)->fleet;
}

static size_t
rows(const struct view_data *v)
{
	return ((const struct audit *)v->data)->n_agents;
}

static const char *
key(const struct view_data *v, size_t row, struct arena *a)
{
	const struct workload *w = agent(v, row);

	return arena_printf(a, "%s/%s/%s", w->namespace, w->kind, w->name);
}

static struct workload_key
key_of(const struct workload *w)
{
	return (struct workload_key){w->namespace, w->name, w->kind};
}

static int
compare_strip(const void *k, const void *strip)
{
	return workload_key_cmp(k, &((const struct probe_strip *)strip)->agent);
}

static const struct probe_strip *
strip_of(const struct view_data *v, const struct workload *w)
{
	const struct workload_key k = key_of(w);
	const struct history_view *h = v->history;

	return h && h->n_strips ? bsearch(&k, h->strips, h->n_strips, sizeof(*h->strips), compare_strip) : NULL;
}

/* Its newest sign gives the colour. Without a history there is one sign at most: how it stands now. */
static struct cell
cell_strip(const struct probe_strip *strip, enum probe p, const struct probe_standing *now, struct arena *a)
{
	enum probe_mark last = proof_mark(now);
	AUTO(buf) struct buf text = {0};
	unsigned n = strip ? strip->of[p].n : 0;

	for (unsigned i = 0; i < n; i++)
		buf_adds(&text, cell_mark(strip->of[p].marks[i]).text);
	if (n)
		last = strip->of[p].marks[n - 1];
	else
		buf_adds(&text, cell_mark(last).text);
	return (struct cell){arena_strdup(a, buf_str(&text)), cell_mark(last).style, last};
}

static void
fill(const struct view_data *v, size_t row, struct cell *cells, struct arena *a)
{
	const struct workload *w = agent(v, row);
	const struct probe_strip *strip = strip_of(v, w);
	struct probe_standing now[PROBES];

	cells[COLUMN_NAMESPACE].text = w->namespace;
	cells[COLUMN_AGENT].text = w->name;
	cells[COLUMN_KIND].text = w->kind;
	cells[COLUMN_STATE] = cell_state(fleet(v), w);
	cells[COLUMN_NOW] = cell_probes(fleet(v), w, a);
	proof_standings(fleet(v), w, now);
	for (int p = 0; p < PROBES; p++)
		cells[COLUMN_RAW_TCP + p] = cell_strip(strip, (enum probe)p, &now[p], a);
}

static void
detail(const struct view_data *v, size_t row, struct pane *out)
{
	proof_page_probes(fleet(v), agent(v, row), out);
}

static bool
subject(const struct view_data *v, size_t row, struct workload_key *out)
{
	*out = key_of(agent(v, row));
	return true;
}

static size_t
notes(const struct view_data *v, struct cell *cells, size_t max, struct arena *a UNUSED)
{
	const struct history_view *h = v->history;

	if (!max || !h || (!h->loading && !h->error))
		return 0;
	cells[0] = h->loading ? (struct cell){.text = "reading the history ...", .style = STYLE_ACCENT}
			      : (struct cell){.text = "the history cannot be read: :runs says why",
					      .style = STYLE_WARN};
	return 1;
}

static void
probe(struct app *app)
{
	workload_keys_probe(app, agent);
}

static const struct binding bindings[] = {
	{'p', "probe", "probe it, or the marked", KEY_WRITES | KEY_NEEDS_ROW | KEY_PLANS, probe},
};

const struct view view_probes = {
	.name = "probes",
	.aliases = "probe pr",
	.title = "probes in time",
	.columns = columns,
	.n_columns = COUNT_OF(columns),
	.bindings = bindings,
	.n_bindings = COUNT_OF(bindings),
	.empty = "no agent found",
	.rows = rows,
	.key = key,
	.fill = fill,
	.detail = detail,
	.subject = subject,
	.notes = notes,
};
