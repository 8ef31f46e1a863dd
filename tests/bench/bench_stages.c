/* SPDX-License-Identifier: Apache-2.0 */
/* Where an audit's CPU time goes: reading, the model, the policies evaluated, the rules, the report. */
#include <stdio.h>
#include <time.h>

#include "audit/audit.h"
#include "audit/report.h"
#include "base/attr.h"
#include "base/mem.h"
#include "decode/files.h"

/* Seconds of CPU since *then, which becomes now. */
static double
lap(clock_t *then)
{
	clock_t start = *then;

	*then = clock();
	return (double)(*then - start) / CLOCKS_PER_SEC;
}

/* Another set of the same objects. Locations go on pointing to the paths of the first. */
static struct object_set
share(const struct object_set *set)
{
	struct object_set copy = {0};

	for (size_t i = 0; i < set->n; i++)
		object_set_add(&copy, object_ref(set->at[i]));
	return copy;
}

int
main(int argc, char **argv)
{
	static const struct gap no_policies = {
		.fact = FACT_POLICIES, .kind = "NetworkPolicy", .namespace = "", .reason = "left out to measure the rest"
	};
	static const struct report_options options = {.columns = 80};
	const char *const *paths = (const char *const *)argv + 1;
	size_t n_paths = (size_t)argc - 1;
	struct object_set set = {0}, again;
	AUTO(buf) struct buf report = {0};
	clock_t then = clock();
	double read, model, whole, judge;
	struct fleet *without, *fleet;
	struct audit *audit;
	struct err e;

	if (!files_read(paths, n_paths, NULL, &set, &e)) {
		fprintf(stderr, "%s\n", e.msg);
		return 1;
	}
	read = lap(&then);
	again = share(&set);
	lap(&then);
	without = fleet_new(&(struct fleet_input){.objects = &again, .gaps = &no_policies, .n_gaps = 1});
	model = lap(&then);
	fleet = fleet_new(&(struct fleet_input){.objects = &set});
	whole = lap(&then);
	audit = audit_new(fleet, &(struct audit_settings){0}, fleet->read_at);
	judge = lap(&then);
	report_find("json")->render(audit, &options, &report);
	/* One line of numbers, for bench.py: seconds, then sizes. */
	printf("%.4f %.4f %.4f %.4f %.4f %zu %zu\n", read, model, whole > model ? whole - model : 0, judge, lap(&then),
	       audit->n_agents, audit->n_findings);
	audit_unref(audit);
	fleet_unref(without);
	fleet_unref(fleet);
	return 0;
}
