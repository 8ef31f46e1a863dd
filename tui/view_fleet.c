/* SPDX-License-Identifier: Apache-2.0 */
/* The fleet: one row an agent. `moat fleet` prints the same cells. */
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "base/vec.h"
#include "tui/agent_cells.h"
#include "tui/agent_page.h"
#include "tui/app.h"
#include "tui/proof_cells.h"
#include "tui/views.h"
#include "tui/workload_keys.h"

enum column_id {
	COLUMN_NAMESPACE,
	COLUMN_AGENT,
	COLUMN_KIND,
	COLUMN_STATE,
	COLUMN_COMPANION,
	COLUMN_EGRESS,
	COLUMN_CONFIG,
	COLUMN_SECRETS,
	COLUMN_IDENTITY,
	COLUMN_PROBES,
	COLUMN_FINDINGS,
};

static const struct column columns[] = {
	[COLUMN_NAMESPACE] = {.name = "NAMESPACE", .min = 9, .shrink = 3, .sticky = true, .sort_key = 'N'},
	[COLUMN_AGENT] = {.name = "AGENT", .min = 14, .shrink = 1, .sticky = true, .sort_key = 'A'},
	[COLUMN_KIND] = {.name = "KIND", .wide = true, .sort_key = 'K'},
	[COLUMN_STATE] = {.name = "STATE", .sort = SORT_ORDER, .sort_key = 'S'},
	[COLUMN_COMPANION] = {.name = "COMPANION", .min = 12, .shrink = 4, .drop = 1, .sort_key = 'O'},
	[COLUMN_EGRESS] = {.name = "EGRESS", .min = 9, .shrink = 1, .sort = SORT_ORDER, .sort_key = 'E'},
	[COLUMN_CONFIG] = {.name = "CONFIG", .min = 13, .shrink = 1, .drop = 2, .sort_key = 'C'},
	[COLUMN_SECRETS] = {.name = "SECRETS",
			    .min = 7,
			    .shrink = 1,
			    .drop = 3,
			    .sort = SORT_ORDER,
			    .descending = true,
			    .sort_key = 'M'},
	[COLUMN_IDENTITY] = {.name = "IDENTITY", .min = 8, .shrink = 5, .drop = 4, .sort_key = 'I'},
	[COLUMN_PROBES] = {.name = "PROBES", .sort = SORT_ORDER, .descending = true, .sort_key = 'P'},
	[COLUMN_FINDINGS] = {.name = "FINDINGS", .sort = SORT_ORDER, .descending = true, .sort_key = 'F'},
};

static const struct workload *
agent(const struct view_data *v, size_t row)
{
	return ((const struct audit *)v->data)->agents[row];
}

static size_t
rows(const struct view_data *v)
{
	return ((const struct audit *)v->data)->n_agents;
}

struct counted {
	size_t old_configs; /* workloads whose running Pipelock is found not to have the present config */
};

static int
compare_pointers(const void *a, const void *b)
{
	uintptr_t x = (uintptr_t) * (const void *const *)a, y = (uintptr_t) * (const void *const *)b;

	return (x > y) - (x < y);
}

/* From the findings: to look at every companion again would cost milliseconds with every change. */
static bool
load(struct view_data *v, struct err *e UNUSED)
{
	const struct rule *stale = rule_find("config-stale"), *broken = rule_find("config-reload-failed");
	const struct audit *audit = v->data;
	struct counted *c = ARENA_NEW(&v->arena, struct counted);
	VEC(const void *) found = {0};

	for (size_t i = 0; i < audit->n_findings; i++) {
		const struct finding *f = &audit->findings[i];

		if ((f->rule == stale || f->rule == broken) && !f->suppressed)
			vec_push(&found, f->workload);
	}
	if (found.n)
		qsort(found.at, found.n, sizeof(found.at[0]), compare_pointers);
	for (size_t i = 0; i < found.n; i++)
		c->old_configs += !i || found.at[i] != found.at[i - 1];
	vec_free(&found);
	v->state = c;
	return true;
}

/* Short: both notes have to fit beside the title on 80 columns. */
static struct cell
cell_since(const struct audit *audit, struct arena *a)
{
	if (!audit->n_new && !audit->n_fixed)
		return (struct cell){.text = "as in the last audit", .style = STYLE_DIM};
	return (struct cell){
		.text = arena_printf(a, "since the last audit: %zu new, %zu fixed", audit->n_new, audit->n_fixed),
		.style = audit->n_new ? STYLE_WARN : STYLE_OK,
	};
}

static size_t
notes(const struct view_data *v, struct cell *cells, size_t max, struct arena *a)
{
	const struct counted *c = v->state;
	const struct audit *audit = v->data;
	size_t n = 0;

	if (c->old_configs && n < max)
		cells[n++] = (struct cell){.text = arena_printf(a, "%zu old config%s (:configs)", c->old_configs,
								c->old_configs == 1 ? "" : "s"),
					   .style = STYLE_BAD};
	if (v->history && v->history->last && audit->baseline && n < max)
		cells[n++] = cell_since(audit, a);
	else if (v->history && v->history->error && n < max)
		cells[n++] = (struct cell){.text = "no history (:runs says why)", .style = STYLE_WARN};
	return n;
}

/* "namespace/kind/name": what :findings and :agent take as well. */
static const char *
key(const struct view_data *v, size_t row, struct arena *a)
{
	const struct workload *w = agent(v, row);

	return arena_printf(a, "%s/%s/%s", w->namespace, w->kind, w->name);
}

static void
fill(const struct view_data *v, size_t row, struct cell *cells, struct arena *a)
{
	const struct workload *w = agent(v, row);
	const struct audit *audit = v->data;

	cells[COLUMN_NAMESPACE].text = w->namespace;
	cells[COLUMN_AGENT].text = w->name;
	cells[COLUMN_KIND].text = w->kind;
	cells[COLUMN_STATE] = cell_state(audit->fleet, w);
	cells[COLUMN_COMPANION] = cell_companion(audit->fleet, w, a);
	cells[COLUMN_EGRESS] = cell_egress(w);
	cells[COLUMN_CONFIG] = cell_config(audit->fleet, w, a);
	cells[COLUMN_SECRETS] = cell_secrets(w, a);
	cells[COLUMN_IDENTITY] = cell_identity(w);
	cells[COLUMN_PROBES] = cell_probes(audit->fleet, w, a);
	cells[COLUMN_FINDINGS] = cell_findings(audit, w, a);
}

static void
detail(const struct view_data *v, size_t row, struct pane *out)
{
	agent_page_boundary(agent(v, row), out);
}

/* Facts, then the boundary: the findings are a table of their own. */
static void
page(const struct view_data *v, size_t row, struct pane *out)
{
	agent_page_facts(((const struct audit *)v->data)->fleet, agent(v, row), out);
	pane_newline(out);
	pane_newline(out);
	agent_page_boundary(agent(v, row), out);
}

static bool
subject(const struct view_data *v, size_t row, struct workload_key *out)
{
	const struct workload *w = agent(v, row);

	*out = (struct workload_key){w->namespace, w->name, w->kind};
	return true;
}

/* "-l app=x": kubectl's label selector, on the workload's labels or its template's. */
static bool
filter_parse(const struct view_data *v UNUSED, const char *text, struct arena *a, void **out, struct err *e)
{
	struct selector selector;

	if (!str_eq(text, "-l") && !str_starts(text, "-l "))
		return true;
	if (!selector_parse(a, text + strlen("-l"), &selector, e))
		return false;
	*out = arena_copy(a, &selector, sizeof(selector));
	return true;
}

static bool
filter_match(const struct view_data *v, const void *filter, size_t row)
{
	const struct workload *w = agent(v, row);

	return selector_matches(filter, &w->object->labels) || selector_matches(filter, &w->template->labels);
}

static void
open_findings(struct app *app)
{
	AUTO(arena) struct arena a = {0};
	const struct view_data *v;
	size_t row;

	if (app_selected(app, &v, &row))
		app_open(app, "findings", key(v, row, &a));
}

static void
open_all_findings(struct app *app)
{
	app_open(app, "findings", "");
}

static void
restart(struct app *app)
{
	workload_keys_restart(app, agent);
}

static void
probe(struct app *app)
{
	workload_keys_probe(app, agent);
}

static const struct binding bindings[] = {
	{K_ENTER, "findings", "show its findings", KEY_NEEDS_ROW, open_findings},
	{'f', "all findings", "show all findings", 0, open_all_findings},
	{'p', "probe", "probe it, or the marked", KEY_WRITES | KEY_NEEDS_ROW | KEY_PLANS, probe},
	{'r', "restart", "restart it, or the marked", KEY_WRITES | KEY_NEEDS_ROW | KEY_PLANS, restart},
};

const struct view view_fleet = {
	.name = "fleet",
	.aliases = "fl agents agent",
	.title = "agents",
	.columns = columns,
	.n_columns = COUNT_OF(columns),
	.bindings = bindings,
	.n_bindings = COUNT_OF(bindings),
	.empty = "no agent found: moat.dev/role: agent on a workload makes it one",
	.load = load,
	.rows = rows,
	.key = key,
	.fill = fill,
	.detail = detail,
	.page = page,
	.subject = subject,
	.notes = notes,
	.filter_parse = filter_parse,
	.filter_match = filter_match,
};
