/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_store FILE AGENTS RUNS: nightly runs into a history, as an audit of so many agents would write them.
 * Two findings an agent, as generated fleets have. Each night one in three hundred is gone and another one
 * there, so that in a year more have gone than there are, and as many look otherwise.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/runs.h"

#define NIGHT 86400
#define FIRST_NIGHT INT64_C(1767225600) /* 2026-01-01 */
#define FINDINGS_EACH 2
#define GONE_EACH_NIGHT 300 /* one in so many */
#define CHANGED_EACH_NIGHT 300

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

int
main(int argc, char **argv)
{
	size_t agents = argc == 4 ? (size_t)atol(argv[2]) : 0, runs = argc == 4 ? (size_t)atol(argv[3]) : 0;
	size_t n = agents * FINDINGS_EACH, made = 0;
	struct fleet fleet = {
		.source = {
			.type = SOURCE_CLUSTER, .context = "prod", .server = "https://prod:6443", .address = "x"}};
	struct finding *findings = mem_array(n, sizeof(*findings));
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
	for (size_t run = 0; run < runs; run++) {
		struct audit a = {.fleet = &fleet,
				  .findings = findings,
				  .n_findings = n,
				  .n_agents = agents,
				  .complete = true,
				  .started_at = FIRST_NIGHT + (int64_t)run * NIGHT};
		struct db *db = db_open(&(struct db_options){.path = argv[1], .use = DB_WRITE}, &e);
		int64_t id;

		if (!db || !runs_write(db, &scope, &a, &id, &e)) {
			fprintf(stderr, "bench_store: %s\n", e.msg);
			return 1;
		}
		db_close(db);
		one_night(findings, n, &made);
	}
	return 0;
}
