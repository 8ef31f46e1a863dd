/* SPDX-License-Identifier: Apache-2.0 */
#include "tui/workload_keys.h"

#include "base/str.h"

/* Each once: agents may share a companion. */
static void
add_target(struct operation_target *to, size_t *n, const struct workload *w)
{
	for (size_t i = 0; i < *n; i++)
		if (str_eq(to[i].kind, w->kind) && str_eq(to[i].namespace, w->namespace) &&
		    str_eq(to[i].name, w->name))
			return;
	to[(*n)++] = (struct operation_target){w->kind, w->namespace, w->name};
}

static struct operation_target *
chosen(struct app *app, workload_of_row *at, struct arena *a, size_t *n)
{
	const struct view_data *v;
	size_t *rows, n_rows = app_chosen(app, &v, a, &rows);
	struct operation_target *targets = ARENA_ARRAY(a, struct operation_target, n_rows);

	*n = 0;
	for (size_t i = 0; i < n_rows; i++)
		add_target(targets, n, at(v, rows[i]));
	return targets;
}

void
workload_keys_probe(struct app *app, workload_of_row *at)
{
	AUTO(arena) struct arena a = {0};
	size_t n;
	struct operation_target *agents = chosen(app, at, &a, &n);

	if (n)
		app_probe(app, agents, n);
}

void
workload_keys_restart_only(struct app *app, workload_of_row *at)
{
	AUTO(arena) struct arena a = {0};
	size_t n;
	struct operation_target *targets = chosen(app, at, &a, &n);

	if (n)
		app_restart(app, &(struct operation_choice){"workloads", targets, n}, 1);
}

/* A companion's settings are read when it starts, an agent's proxy variables when that does: so in this order. */
void
workload_keys_restart(struct app *app, workload_of_row *at)
{
	AUTO(arena) struct arena a = {0};
	const struct view_data *v;
	struct operation_target *targets;
	size_t *rows, n_rows = app_chosen(app, &v, &a, &rows), n = 0, companions;
	bool one = n_rows == 1;

	targets = ARENA_ARRAY(&a, struct operation_target, 2 * n_rows);
	for (size_t i = 0; i < n_rows; i++)
		if (at(v, rows[i])->companion)
			add_target(targets, &n, at(v, rows[i])->companion);
	companions = n;
	for (size_t i = 0; i < n_rows; i++)
		add_target(targets, &n, at(v, rows[i]));
	if (!n)
		return;
	if (!companions) {
		app_restart(app, &(struct operation_choice){one ? "agent" : "agents", targets, n}, 1);
		return;
	}
	app_restart(
		app,
		(struct operation_choice[]){{one ? "companion, then agent" : "companions, then agents", targets, n},
					    {one ? "companion" : "companions", targets, companions},
					    {one ? "agent" : "agents", targets + companions, n - companions}},
		3);
}
