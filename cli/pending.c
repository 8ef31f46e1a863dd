/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/pending.h"

#include "base/str.h"

void
pending_probe(struct pending *p, const struct probe_result *r)
{
	vec_push(&p->probes, probe_result_copy(&p->arena, r));
	p->any = true;
}

void
pending_config(struct pending *p, const struct config_sighting *s)
{
	vec_push(&p->configs, config_sighting_copy(&p->arena, s));
	p->any = true;
}

void
pending_health(struct pending *p, const struct health_sighting *s)
{
	vec_push(&p->healths, health_sighting_copy(&p->arena, s));
	p->any = true;
}

void
pending_logs_read(struct pending *p)
{
	p->logs_read = p->any = true;
}

void
pending_history(struct pending *p, const struct probe_result *at, size_t n, const char *error)
{
	for (size_t i = 0; i < n; i++)
		pending_probe(p, &at[i]);
	p->history_read = true;
	p->probes_error = arena_strdup(&p->arena, error);
	p->any = true;
}

static void
forget(struct pending *p)
{
	vec_free(&p->probes);
	vec_free(&p->configs);
	vec_free(&p->healths);
	p->history_read = p->logs_read = p->any = false;
	p->probes_error = NULL;
}

void
pending_clear(struct pending *p)
{
	forget(p);
	arena_reset(&p->arena);
}

struct evidence *
pending_fold(struct pending *p, const struct evidence *old)
{
	struct evidence *next = evidence_add(old, &(struct evidence_parts){
							  .has_probes = p->history_read || p->probes.n > 0,
							  .has_logs = p->logs_read || p->configs.n > 0,
							  .has_health = p->healths.n > 0,
							  .probes_error = p->probes_error,
							  .probes = p->probes.at,
							  .n_probes = p->probes.n,
							  .configs = p->configs.at,
							  .n_configs = p->configs.n,
							  .healths = p->healths.at,
							  .n_healths = p->healths.n,
						  });

	pending_clear(p);
	return next;
}

static bool
is_there(const struct fleet *f, const struct workload_key *k, const char *uid)
{
	const struct workload *w = fleet_workload(f, k->namespace, k->kind, k->name);
	const struct live *live = w ? fleet_live(f, w) : NULL;

	for (size_t i = 0; live && i < live->n_pods; i++)
		if (str_eq(live->pods[i]->object.uid, uid))
			return true;
	return false;
}

/* What stays is copied; strings are the old one's until evidence_add. */
struct evidence *
pending_prune(struct evidence *e, const struct fleet *f)
{
	VEC(struct config_sighting) configs = {0};
	VEC(struct health_sighting) healths = {0};
	struct evidence *next = e;

	for (size_t i = 0; e && i < e->n_configs; i++)
		if (is_there(f, &e->configs[i].workload, e->configs[i].pod_uid))
			vec_push(&configs, e->configs[i]);
	for (size_t i = 0; e && i < e->n_healths; i++)
		if (is_there(f, &e->healths[i].workload, e->healths[i].pod_uid))
			vec_push(&healths, e->healths[i]);
	if (e && configs.n + healths.n < e->n_configs + e->n_healths) {
		next = evidence_add(NULL, &(struct evidence_parts){
						  .has_probes = e->has_probes,
						  .has_logs = e->has_logs,
						  .has_health = e->has_health,
						  .probes_error = e->probes_error,
						  .probes = e->probes,
						  .n_probes = e->n_probes,
						  .configs = configs.at,
						  .n_configs = configs.n,
						  .healths = healths.at,
						  .n_healths = healths.n,
					  });
		evidence_unref(e);
	}
	vec_free(&configs);
	vec_free(&healths);
	return next;
}

void
pending_free(struct pending *p)
{
	forget(p);
	arena_free(&p->arena);
}
