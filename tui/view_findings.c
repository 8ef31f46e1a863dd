/* SPDX-License-Identifier: Apache-2.0 */
/* Findings: of one agent ("namespace/kind/name"), or all of them. */
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "tui/agent_cells.h"
#include "tui/agent_page.h"
#include "tui/app.h"
#include "tui/views.h"

enum column_id {
	COLUMN_SEVERITY,
	COLUMN_RULE,
	COLUMN_OBJECT,
	COLUMN_CONTAINER,
	COLUMN_MESSAGE,
};

static const struct column columns[] = {
	[COLUMN_SEVERITY] = {.name = "SEVERITY", .sort = SORT_ORDER, .descending = true, .sort_key = 'S', .sticky = true},
	[COLUMN_RULE] = {.name = "RULE", .min = 12, .shrink = 1, .sort_key = 'R', .sticky = true},
	[COLUMN_OBJECT] = {.name = "OBJECT", .min = 16, .shrink = 2, .sort_key = 'O'},
	[COLUMN_CONTAINER] = {.name = "CONTAINER", .wide = true, .sort_key = 'C'},
	[COLUMN_MESSAGE] = {.name = "MESSAGE", .min = 20, .shrink = 3},
};

/* The findings shown, in the audit's order: worst first. */
struct shown {
	const struct finding **at;
	size_t n;
};

static const struct finding *
finding(const struct view_data *v, size_t row)
{
	return ((const struct shown *)v->state)->at[row];
}

/* "namespace/kind/name", or without the kind. */
static bool
is_named(const struct workload *w, const char *arg)
{
	size_t namespace = strlen(w->namespace), kind = strlen(w->kind);

	if (strncmp(arg, w->namespace, namespace) != 0 || arg[namespace] != '/')
		return false;
	arg += namespace + 1;
	if (str_eq(arg, w->name))
		return true;
	return strncmp(arg, w->kind, kind) == 0 && arg[kind] == '/' && str_eq(arg + kind + 1, w->name);
}

static bool
load(struct view_data *v, struct err *e)
{
	const struct audit *a = v->data;
	struct shown *s = ARENA_NEW(&v->arena, struct shown);
	const struct workload *agent = NULL;

	for (size_t i = 0; i < a->n_agents && !agent; i++)
		if (is_named(a->agents[i], v->arg))
			agent = a->agents[i];
	if (*v->arg && !agent)
		return err_set(e, ERR_USAGE, 0, "no agent %s", v->arg);
	s->at = ARENA_ARRAY(&v->arena, const struct finding *, a->n_findings);
	for (size_t i = 0; i < a->n_findings; i++)
		if (!agent || audit_is_about(&a->findings[i], agent))
			s->at[s->n++] = &a->findings[i];
	v->state = s;
	return true;
}

static size_t
rows(const struct view_data *v)
{
	return ((const struct shown *)v->state)->n;
}

static const char *
key(const struct view_data *v, size_t row, struct arena *a UNUSED)
{
	return finding(v, row)->fingerprint;
}

static void
fill(const struct view_data *v, size_t row, struct cell *cells, struct arena *a)
{
	const struct finding *f = finding(v, row);

	cells[COLUMN_SEVERITY] = cell_severity(f->severity);
	if (f->suppressed) {
		cells[COLUMN_SEVERITY].text = arena_printf(a, "(%s)", cells[COLUMN_SEVERITY].text);
		cells[COLUMN_SEVERITY].style = STYLE_DIM;
	}
	cells[COLUMN_RULE].text = f->rule->id;
	cells[COLUMN_OBJECT].text = arena_printf(a, "%s %s/%s", f->object.kind, f->object.namespace, f->object.name);
	cells[COLUMN_CONTAINER].text = f->object.container;
	cells[COLUMN_MESSAGE].text = f->message;
}

static void
detail(const struct view_data *v, size_t row, struct pane *out)
{
	agent_page_finding(finding(v, row), out);
}

static const char *
argument(const void *data, size_t i, struct arena *a)
{
	const struct audit *audit = data;

	return i < audit->n_agents
		       ? arena_printf(a, "%s/%s", audit->agents[i]->namespace, audit->agents[i]->name)
		       : NULL;
}

/* "rule=config-*": a glob on the rule's id. */
static bool
filter_parse(const struct view_data *v UNUSED, const char *text, struct arena *a, void **out, struct err *e)
{
	if (!str_starts(text, "rule="))
		return true;
	if (!text[strlen("rule=")])
		return err_set(e, ERR_USAGE, 0, "which rule? rule=config-*");
	*out = arena_strdup(a, text + strlen("rule="));
	return true;
}

static bool
filter_match(const struct view_data *v, const void *filter, size_t row)
{
	return str_glob(filter, finding(v, row)->rule->id);
}

const struct view view_findings = {
	.name = "findings",
	.aliases = "fi finding",
	.title = "findings",
	.columns = columns,
	.n_columns = COUNT_OF(columns),
	.empty = "no findings",
	.load = load,
	.rows = rows,
	.key = key,
	.fill = fill,
	.detail = detail,
	.argument = argument,
	.filter_parse = filter_parse,
	.filter_match = filter_match,
};
