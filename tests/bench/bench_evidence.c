/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What evidence costs: bench_evidence SNAPSHOT. Every agent has its four probes on each node that carries it, every running
 * Pipelock a log and a /health that were read. Prints CPU: the audit without and with all of that, how it is made part of a
 * fleet, and what one more probing costs while a cluster is watched.
 */
#include <stdio.h>
#include <time.h>

#include "audit/audit.h"
#include "audit/report.h"
#include "base/attr.h"
#include "base/clock.h"
#include "base/vec.h"
#include "decode/files.h"
#include "fleet/loading.h"
#include "fleet/proof.h"

#define AGAIN 1000 /* probings of one agent, one after another */

struct all {
	VEC(struct probe_result) probes;
	VEC(struct config_sighting) configs;
	VEC(struct health_sighting) healths;
	struct arena arena;
};

static double
ms_since(clock_t *then)
{
	clock_t start = *then;

	*then = clock();
	return (double)(*then - start) * 1000 / CLOCKS_PER_SEC;
}

static void
probe(struct all *all, const struct fleet *f, const struct workload *w)
{
	const char *const *nodes, *against = proof_against(f, w, &all->arena);
	size_t n = proof_nodes(f, w, &all->arena, &nodes);

	for (size_t i = 0; i < n * PROBES; i++)
		vec_push(&all->probes,
			 (struct probe_result){
				 .agent = {w->namespace, w->name, w->kind},
				 .pod = "pod",
				 .node = nodes[i / PROBES],
				 .container = "agent",
				 .probe = (enum probe)(i % PROBES),
				 .target = "1.1.1.1:443",
				 .method = "python3",
				 .detail = "no answer in 3 s; the same target answers through the companion",
				 .at = f->read_at,
				 .against = against ? against : "",
			 });
}

static void
look_at(struct all *all, const struct fleet *f, const struct workload *w)
{
	const struct live *l = fleet_live(f, w);

	for (size_t i = 0; w->pipelock && i < l->n_pods; i++) {
		const struct container_status *s = loading_running(l->pods[i], w->pipelock->container->name);
		const char *uid = l->pods[i]->object.uid ? l->pods[i]->object.uid : "";
		const struct workload_key key = {w->namespace, w->name, w->kind};

		if (!s)
			continue;
		vec_push(&all->configs, (struct config_sighting){
						.workload = key,
						.pod = l->pods[i]->object.name,
						.pod_uid = uid,
						.container = s->name,
						.started_at = s->started_at,
						.loaded_hash = w->pipelock->config_hash,
						.loaded_at = CLOCK_UNKNOWN,
						.at = f->read_at,
					});
		vec_push(&all->healths, (struct health_sighting){
						.workload = key,
						.pod = l->pods[i]->object.name,
						.pod_uid = uid,
						.http_status = 200,
						.status = "healthy",
						.at = f->read_at,
					});
	}
}

static struct evidence *
gather(struct all *all, const struct fleet *f)
{
	for (size_t i = 0; i < f->n_agents; i++)
		probe(all, f, f->agents[i]);
	for (size_t i = 0; i < f->n_workloads; i++)
		look_at(all, f, &f->workloads[i]);
	return evidence_add(NULL, &(struct evidence_parts){
					  .has_probes = true,
					  .has_logs = true,
					  .has_health = true,
					  .probes = all->probes.at,
					  .n_probes = all->probes.n,
					  .configs = all->configs.at,
					  .n_configs = all->configs.n,
					  .healths = all->healths.at,
					  .n_healths = all->healths.n,
				  });
}

/* One agent is probed again: new evidence, the next fleet, the next audit. */
static struct audit *
probe_again(struct audit *a, struct all *all, size_t i)
{
	struct probe_result r = all->probes.at[i % all->probes.n];
	struct evidence *e;
	struct fleet_touched touched;
	struct fleet *next;
	struct audit *b;

	r.at++;
	r.verdict = (enum probe_verdict)(i % 3);
	e = evidence_add(a->fleet->evidence, &(struct evidence_parts){.probes = &r, .n_probes = 1});
	next = fleet_prove(a->fleet, e, &touched);
	b = audit_update(a, next, &touched, NULL, a->started_at);
	fleet_touched_free(&touched);
	evidence_unref(e);
	fleet_unref(next);
	audit_unref(a);
	return b;
}

int
main(int argc, char **argv)
{
	static const struct report_options options = {0};
	struct object_set set = {0};
	AUTO(buf) struct buf report = {0};
	struct all all = {0};
	struct fleet_touched touched;
	struct fleet *f, *proven;
	struct audit *a, *b;
	struct evidence *e;
	struct err err;
	clock_t then;

	if (argc != 2 || !files_read((const char *const *)argv + 1, 1, NULL, &set, &err)) {
		fprintf(stderr, "%s\n", argc != 2 ? "bench_evidence SNAPSHOT" : err.msg);
		return 1;
	}
	f = fleet_new(&(struct fleet_input){.objects = &set});
	then = clock();
	a = audit_new(f, NULL, f->read_at);
	printf("%zu agents, judged without evidence: %.1f ms\n", a->n_agents, ms_since(&then));
	e = gather(&all, f);
	printf("%zu probes, %zu logs, %zu healths gathered: %.1f ms\n", all.probes.n, all.configs.n, all.healths.n,
	       ms_since(&then));
	proven = fleet_prove(f, e, &touched);
	printf("made part of the fleet, %zu workloads: %.1f ms\n", touched.places.n, ms_since(&then));
	b = audit_new(proven, NULL, proven->read_at);
	printf("judged with it, %zu verified: %.1f ms\n", b->states[STATE_VERIFIED], ms_since(&then));
	report_find("json")->render(b, &options, &report);
	printf("as JSON: %.1f ms\n", ms_since(&then));
	for (size_t i = 0; b && all.probes.n && i < AGAIN; i++)
		b = probe_again(b, &all, i * 7);
	printf("each of %d more probings: %.2f ms\n", AGAIN, ms_since(&then) / AGAIN);
	audit_unref(a);
	audit_unref(b);
	fleet_touched_free(&touched);
	evidence_unref(e);
	fleet_unref(proven);
	fleet_unref(f);
	vec_free(&all.probes);
	vec_free(&all.configs);
	vec_free(&all.healths);
	arena_free(&all.arena);
	return 0;
}
