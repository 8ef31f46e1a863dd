/* SPDX-License-Identifier: Apache-2.0 */
/* Which config is in force: what runs Pipelock, a row each, with the ConfigMap's hash, the file's and the process's. */
#include <string.h>

#include "audit/audit.h"
#include "base/clock.h"
#include "tui/proof_cells.h"
#include "tui/proof_page.h"
#include "tui/views.h"
#include "tui/workload_keys.h"

enum column_id {
	COLUMN_NAMESPACE,
	COLUMN_WORKLOAD,
	COLUMN_KIND,
	COLUMN_IN_FORCE,
	COLUMN_MOUNT,
	COLUMN_CONFIG_MAP,
	COLUMN_WANTED,
	COLUMN_FILE,
	COLUMN_LOADED,
	COLUMN_SINCE,
	COLUMN_PODS,
};

static const struct column columns[] = {
	[COLUMN_NAMESPACE] = {.name = "NAMESPACE", .min = 9, .shrink = 3, .sticky = true, .sort_key = 'N'},
	[COLUMN_WORKLOAD] = {.name = "WORKLOAD", .min = 14, .shrink = 1, .sticky = true, .sort_key = 'A'},
	[COLUMN_KIND] = {.name = "KIND", .wide = true, .sort_key = 'K'},
	[COLUMN_IN_FORCE] = {.name = "IN FORCE", .sort = SORT_ORDER, .descending = true, .sort_key = 'F'},
	[COLUMN_MOUNT] = {.name = "MOUNT", .sort_key = 'M'},
	[COLUMN_CONFIG_MAP] = {.name = "CONFIGMAP", .min = 12, .shrink = 4, .drop = 2, .sort_key = 'C'},
	[COLUMN_WANTED] = {.name = "WANTED", .min = 8, .shrink = 2, .drop = 1},
	[COLUMN_FILE] = {.name = "FILE", .min = 8, .shrink = 2, .drop = 3},
	[COLUMN_LOADED] = {.name = "LOADED", .min = 8, .shrink = 2},
	[COLUMN_SINCE] = {.name = "SINCE", .sort = SORT_AGE, .sort_key = 'S'},
	[COLUMN_PODS] = {.name = "PODS", .sort_key = 'P'},
};

struct shown {
	const struct workload **at; /* companions, then agents with a sidecar */
	size_t n;
};

static const struct fleet *
fleet(const struct view_data *v)
{
	return ((const struct audit *)v->data)->fleet;
}

static const struct workload *
workload(const struct view_data *v, size_t row)
{
	return ((const struct shown *)v->state)->at[row];
}

static bool
load(struct view_data *v, struct err *e UNUSED)
{
	const struct audit *a = v->data;
	struct shown *s = ARENA_NEW(&v->arena, struct shown);

	s->at = ARENA_ARRAY(&v->arena, const struct workload *, a->n_companions + a->n_agents);
	for (size_t i = 0; i < a->n_companions; i++)
		if (a->companions[i]->pipelock)
			s->at[s->n++] = a->companions[i];
	for (size_t i = 0; i < a->n_agents; i++)
		if (a->agents[i]->pipelock)
			s->at[s->n++] = a->agents[i];
	v->state = s;
	return true;
}

static size_t
rows(const struct view_data *v)
{
	return ((const struct shown *)v->state)->n;
}

static const char *
key(const struct view_data *v, size_t row, struct arena *a)
{
	const struct workload *w = workload(v, row);

	return arena_printf(a, "%s/%s/%s", w->namespace, w->kind, w->name);
}

static struct cell
cell_pods(const struct live *l, struct arena *a)
{
	if (l->ready < 0 || l->desired < 0)
		return (struct cell){.text = "?", .style = STYLE_UNKNOWN};
	return (struct cell){.text = arena_printf(a, "%lld/%lld", (long long)l->ready, (long long)l->desired),
			     .style = !l->ready		      ? STYLE_BAD
				      : l->ready < l->desired ? STYLE_WARN
							      : STYLE_CELL};
}

static void
fill(const struct view_data *v, size_t row, struct cell *cells, struct arena *a)
{
	const struct workload *w = workload(v, row);
	const struct pipelock *p = w->pipelock;
	struct in_force in = in_force_of(fleet(v), w);

	cells[COLUMN_NAMESPACE].text = w->namespace;
	cells[COLUMN_WORKLOAD].text = w->name;
	cells[COLUMN_KIND].text = w->kind;
	cells[COLUMN_IN_FORCE] = cell_in_force(&in);
	cells[COLUMN_MOUNT].text = mount_type_name(p->mount);
	cells[COLUMN_CONFIG_MAP].text = p->n_sources && p->sources[0].config_map ? p->sources[0].config_map : "-";
	cells[COLUMN_WANTED] = cell_hash(p->config_hash, NULL, a);
	cells[COLUMN_FILE] = cell_hash(in.seen ? in.seen->file_hash : NULL, p->config_hash, a);
	cells[COLUMN_LOADED] = cell_hash(in.seen ? in.seen->loaded_hash : NULL, p->config_hash, a);
	cells[COLUMN_SINCE] = cell_age(in.seen ? in.seen->loaded_at : CLOCK_UNKNOWN, a);
	cells[COLUMN_PODS] = cell_pods(fleet_live(fleet(v), w), a);
}

static void
detail(const struct view_data *v, size_t row, struct pane *out)
{
	const struct workload *w = workload(v, row);

	proof_page_config(fleet(v), w, out);
	if (!out->lines)
		pane_add(out, STYLE_UNKNOWN, 0,
			 "none of its pods is known to run: what it has loaded is not known");
	for (size_t i = 0; i < w->n_agents && i < 10; i++) {
		page_label(out, i ? "" : "serves");
		pane_addf(out, STYLE_CELL, PAGE_LABEL, "%s/%s", w->agents[i]->namespace, w->agents[i]->name);
	}
	if (w->n_agents > 10)
		pane_addf(out, STYLE_DIM, PAGE_LABEL, " and %zu more", w->n_agents - 10);
}

/* A companion's files and logs are looked at for one of its agents. */
static bool
subject(const struct view_data *v, size_t row, struct workload_key *out)
{
	const struct workload *w = workload(v, row);

	if (w->role == ROLE_COMPANION && !w->n_agents)
		return false;
	if (w->role == ROLE_COMPANION)
		w = w->agents[0];
	*out = (struct workload_key){w->namespace, w->name, w->kind};
	return true;
}

static void
restart(struct app *app)
{
	workload_keys_restart_only(app, workload);
}

static const struct binding bindings[] = {
	{'r', "restart", "restart it, or the marked", KEY_WRITES | KEY_NEEDS_ROW | KEY_PLANS, restart},
};

const struct view view_configs = {
	.name = "configs",
	.aliases = "config cfg",
	.title = "configs in force",
	.columns = columns,
	.n_columns = COUNT_OF(columns),
	.bindings = bindings,
	.n_bindings = COUNT_OF(bindings),
	.sort = "IN FORCE",
	.empty = "nothing here runs Pipelock",
	.load = load,
	.rows = rows,
	.key = key,
	.fill = fill,
	.detail = detail,
	.subject = subject,
};
