/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_store FILE AGENTS RUNS: nightly runs into a history, as an audit of so many agents would write them.
 * Two findings an agent, as generated fleets have. Each night one in three hundred is gone and another one
 * there, so that in a year more have gone than there are, and as many look otherwise. Each agent is probed every night on two
 * nodes, and one answer in three hundred is another than the night before; ten workloads are restarted.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/actions.h"
#include "store/probes.h"
#include "store/runs.h"

#define NIGHT 86400
#define FIRST_NIGHT INT64_C(1767225600) /* 2026-01-01 */
#define FINDINGS_EACH 2
#define GONE_EACH_NIGHT 300 /* one in so many */
#define CHANGED_EACH_NIGHT 300
#define NODES_EACH 2
#define PROBES_EACH (NODES_EACH * PROBES)
#define ANSWERED_EACH_NIGHT 300
#define RESTARTS 10

static uint64_t
next_random(void)
{
	static uint64_t x = 88172645463325252;

	x ^= x << 13;
	x ^= x >> 7;
	return x ^= x << 17;
}

/* The n-th that was ever found: as long as those of generated fleets are, 120 and 50 letters. */
static void
make_finding(struct finding *f, size_t n)
{
	const char *name = mem_printf("castor-%07zu", n), *namespace = mem_printf("agents-%05zu", n % 1000);

	*f = (struct finding){
		.rule = rules[n % n_rules],
		.severity = rules[n % n_rules]->severity,
		.namespace = namespace,
		.object = {"NetworkPolicy", namespace, mem_printf("%s-egress", name), NULL},
		.message = mem_printf(
			"NetworkPolicy %s/%s-egress lets Deployment %s/%s reach public addresses: whatever ignores "
			"the proxy is on the internet",
			namespace, name, namespace, name),
		.evidence = mem_printf("egress rule %zu: everywhere on TCP 443, TCP 80 and UDP 53", n % 5),
	};
	snprintf(f->fingerprint, sizeof(f->fingerprint), "%016llx", (unsigned long long)next_random());
}

static void
one_night(struct finding *findings, size_t n, size_t *made)
{
	for (size_t i = 0; i < n / GONE_EACH_NIGHT; i++)
		make_finding(&findings[next_random() % n], (*made)++);
	for (size_t i = 0; i < n / CHANGED_EACH_NIGHT; i++)
		findings[next_random() % n].evidence =
			mem_printf("egress rule %zu: everywhere on TCP %zu", i % 7, (size_t)(next_random() % 9999));
}

/* The names are as long as a cloud's. */
static void
make_probe(struct probe_result *r, size_t n)
{
	size_t agent = n / PROBES_EACH, node = n / PROBES % NODES_EACH;

	*r = (struct probe_result){
		.agent = {mem_printf("agents-%05zu", agent % 1000), mem_printf("castor-%07zu", agent),
			  "Deployment"},
		.pod = mem_printf("castor-%07zu-7d9f8b6c5d-x%zu", agent, node),
		.node = mem_printf("ip-10-0-%zu-7.eu-west-1.compute.internal", (agent * NODES_EACH + node) % 250),
		.container = "agent",
		.probe = (enum probe)(n % PROBES),
		.target = n % PROBES == PROBE_DNS_TCP ? "1.1.1.1:53" : "1.1.1.1:443",
		.method = "python3",
		.detail = "python3 dialled 1.1.1.1:443 and had no answer within 4 s; by the proxy it had one",
		.duration_ms = 4012,
		.against = mem_printf("%016zx%048zx", (size_t)next_random(), agent),
	};
}

static void
one_night_of_probes(struct probe_result *probes, size_t n, int64_t at)
{
	for (size_t i = 0; i < n / ANSWERED_EACH_NIGHT; i++) {
		struct probe_result *r = &probes[next_random() % n];

		r->verdict = (enum probe_verdict)((r->verdict + 1) % (PROBE_INCONCLUSIVE + 1));
	}
	for (size_t i = 0; i < n; i++)
		probes[i].at = at + (int64_t)(i / PROBES_EACH / 10);
}

static bool
keep_actions(struct db *db, const struct fleet *f, const struct probe_result *probes, size_t n, int64_t at,
	     struct err *e)
{
	const struct action_cluster where = {.address = f->source.address, .server = f->source.server};
	bool ok = true;

	for (size_t i = 0; ok && i < RESTARTS; i++) {
		struct action a = {.at = at,
				   .duration_ms = -1,
				   .who = "admin@prod (operator)",
				   .what = "restart",
				   .target = probes[next_random() % n].agent,
				   .outcome = "begun",
				   .detail = ""};
		int64_t id;

		ok = actions_begin(db, &where, &a, &id, e) &&
		     actions_end(db, id, at, "done", "2 of 2 available", 41000, e);
	}
	return ok;
}

int
main(int argc, char **argv)
{
	size_t agents = argc == 4 ? (size_t)atol(argv[2]) : 0, runs = argc == 4 ? (size_t)atol(argv[3]) : 0;
	size_t n = agents * FINDINGS_EACH, n_probes = agents * PROBES_EACH, made = 0;
	struct fleet fleet = {
		.source = {
			.type = SOURCE_CLUSTER, .context = "prod", .server = "https://prod:6443", .address = "x"}};
	struct finding *findings = mem_array(n, sizeof(*findings));
	struct probe_result *probes = mem_array(n_probes, sizeof(*probes));
	struct run_scope scope = {.fleet = &fleet};
	struct err e;

	if (!n || !runs) {
		fprintf(stderr, "usage: bench_store FILE AGENTS RUNS\n");
		return 2;
	}
	while (made < n) {
		make_finding(&findings[made], made);
		made++;
	}
	for (size_t i = 0; i < n_probes; i++)
		make_probe(&probes[i], i);
	for (size_t run = 0; run < runs; run++) {
		struct audit a = {.fleet = &fleet,
				  .findings = findings,
				  .n_findings = n,
				  .n_agents = agents,
				  .complete = true,
				  .started_at = FIRST_NIGHT + (int64_t)run * NIGHT};
		struct db *db = db_open(&(struct db_options){.path = argv[1], .use = DB_WRITE}, &e);
		int64_t id;

		one_night_of_probes(probes, n_probes, a.started_at);
		if (!db || !runs_write(db, &scope, &a, &id, &e) ||
		    !probes_write(db, &fleet, probes, n_probes, &e) ||
		    !keep_actions(db, &fleet, probes, n_probes, a.started_at, &e)) {
			fprintf(stderr, "bench_store: %s\n", e.msg);
			return 1;
		}
		db_close(db);
		one_night(findings, n, &made);
	}
	return 0;
}
