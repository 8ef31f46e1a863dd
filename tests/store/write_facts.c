/* SPDX-License-Identifier: Apache-2.0 */
/*
 * write_facts FILE ROUNDS: probes and actions into a history, as those who probe and restart write them, and a line for each
 * that is committed: "begun ID", "probes", "ended ID". Whoever kills it knows by them what has to be in the file. Each round
 * probes all agents on all nodes once, and every third one answers otherwise. Ends with 3 and a message when something cannot be
 * written.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/attr.h"
#include "store/actions.h"
#include "store/probes.h"

#define AGENTS 20
#define NODES 2

static void
answer(struct arena *a, struct probe_result *at, size_t n, int64_t round)
{
	for (size_t i = 0; i < n; i++)
		at[i] = (struct probe_result){
			.agent = {"a", arena_printf(a, "agent-%02zu", i / PROBES / NODES), "Deployment"},
			.pod = arena_printf(a, "p-%lld", (long long)round),
			.node = i / PROBES % NODES ? "node-1" : "node-0",
			.container = "c",
			.probe = (enum probe)(i % PROBES),
			.target = "1.1.1.1:443",
			.verdict = round % 3 ? PROBE_BLOCKED : PROBE_INCONCLUSIVE,
			.method = "curl",
			.detail = "timed out",
			.at = round,
			.against = "x",
		};
}

static bool
one_round(struct db *db, const struct fleet *f, int64_t round, struct err *e)
{
	const struct action_cluster cluster = {.address = f->source.address, .server = f->source.server};
	const struct action action = {.at = round,
				      .duration_ms = -1,
				      .who = "admin@prod",
				      .what = "probe",
				      .target = {"a", "agent", "Deployment"},
				      .outcome = "begun",
				      .detail = ""};
	AUTO(arena) struct arena texts = {0};
	struct probe_result at[AGENTS * NODES * PROBES];
	int64_t id;

	answer(&texts, at, COUNT_OF(at), round);
	if (!actions_begin(db, &cluster, &action, &id, e))
		return false;
	printf("begun %lld\n", (long long)id);
	fflush(stdout);
	if (!probes_write(db, f, at, COUNT_OF(at), e))
		return false;
	printf("probes\n");
	fflush(stdout);
	if (!actions_end(db, id, action.at, "done", "", 10, e))
		return false;
	printf("ended %lld\n", (long long)id);
	fflush(stdout);
	return true;
}

int
main(int argc, char **argv)
{
	struct fleet f = {
		.source = {
			.type = SOURCE_CLUSTER, .context = "prod", .server = "https://prod:6443", .address = "x"}};
	struct err e;

	if (argc != 3) {
		fprintf(stderr, "usage: write_facts FILE ROUNDS\n");
		return 2;
	}
	for (int64_t round = 1; round <= atol(argv[2]); round++) {
		struct db *db = db_open(&(struct db_options){.path = argv[1], .use = DB_WRITE}, &e);
		bool ok = db && one_round(db, &f, round, &e);

		db_close(db);
		if (!ok) {
			fprintf(stderr, "%s\n", e.msg);
			return 3;
		}
	}
	return 0;
}
