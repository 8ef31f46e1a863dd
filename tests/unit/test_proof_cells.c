/* SPDX-License-Identifier: Apache-2.0 */
/* How the probes of an agent stand, in a cell: an agent on two nodes, and what is known of each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/str.h"
#include "tests/unit/fleet_fixture.h"
#include "tui/proof_cells.h"

#define BLOCKED "\u2714"
#define OPEN "\u2718"
#define DAY INT64_C(86400)

#define POD(name, node)                                                                                            \
	"---\n{apiVersion: v1, kind: Pod, metadata: {name: " name ", uid: " name ", labels: {app: scout, "        \
	"controller-revision-hash: r1}, ownerReferences: [{apiVersion: apps/v1, kind: StatefulSet, name: scout, " \
	"uid: s, controller: true}]}, spec: {nodeName: " node ", containers: [{name: a, image: b}]}, status: "    \
	"{phase: Running, conditions: [{type: Ready, status: 'True'}]}}\n"

static const char yaml[] =
	"{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: scout, uid: s, labels: {moat.dev/role: agent}}, spec: "
	"{selector: {matchLabels: {app: scout}}, template: {metadata: {labels: {app: scout}}, spec: {containers: [{name: "
	"a, image: b}]}}}}\n" POD("scout-0", "n1") POD("scout-1", "n2");

static struct {
	struct fleet *plain;
	const struct workload *agent;
	const char *against;
	struct arena arena;
	struct probe_result at[2 * PROBES_BYPASS]; /* n1, n2 of each probe */
} world;

static int
setup(void **state)
{
	(void)state;
	setenv("MOAT_NOW", "2026-05-21T14:00:00Z", 1);
	world.plain = fixture(yaml);
	world.agent = fixture_workload(world.plain, "scout");
	world.against = proof_against(world.plain, world.agent, &world.arena);
	assert_non_null(world.against);
	for (int i = 0; i < 2 * PROBES_BYPASS; i++)
		world.at[i] = (struct probe_result){
			.agent = {"a", "scout", "StatefulSet"},
			.pod = i % 2 ? "scout-1" : "scout-0",
			.node = i % 2 ? "n2" : "n1",
			.container = "a",
			.probe = (enum probe)(i / 2),
			.target = "1.1.1.1:443",
			.verdict = PROBE_BLOCKED,
			.control = PROBE_CONTROL_OK,
			.method = "nc",
			.detail = "",
			.at = clock_now() - 60 * (i + 1),
			.against = world.against,
		};
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	fleet_unref(world.plain);
	arena_free(&world.arena);
	return 0;
}

static struct cell
cell_with(const struct evidence_parts *parts)
{
	struct evidence *e = evidence_add(NULL, parts);
	struct fleet_touched touched;
	struct fleet *f = fleet_prove(world.plain, e, &touched);
	struct cell cell = cell_probes(f, world.agent, &world.arena);

	fleet_touched_free(&touched);
	fleet_unref(f);
	evidence_unref(e);
	return cell;
}

static struct cell
cell_of(size_t n)
{
	return cell_with(&(struct evidence_parts){.has_probes = true, .probes = world.at, .n_probes = n});
}

static void
is(struct cell got, const char *text, enum style style)
{
	assert_string_equal(got.text, text);
	assert_int_equal(got.style, style);
}

static void
all_nodes_together(void **state)
{
	(void)state;
	is(cell_of(0), "-", STYLE_DIM);
	is(cell_of(2), BLOCKED "-- 2m", STYLE_WARN);
	is(cell_of(5), BLOCKED BLOCKED BLOCKED " 1/2 5m", STYLE_WARN);
	is(cell_of(6), BLOCKED BLOCKED BLOCKED " 6m", STYLE_OK); /* the oldest */
	world.at[3].verdict = PROBE_OPEN;
	is(cell_of(6), BLOCKED OPEN BLOCKED " 6m", STYLE_BAD);
	world.at[3].verdict = PROBE_INCONCLUSIVE;
	is(cell_of(6), BLOCKED "?" BLOCKED " 6m", STYLE_UNKNOWN);
	world.at[3].verdict = PROBE_BLOCKED;
	world.at[3].control = PROBE_CONTROL_FAILED;
	is(cell_of(6), BLOCKED "?" BLOCKED " 6m", STYLE_UNKNOWN);
}

static void
what_proves_nothing_any_more(void **state)
{
	(void)state;
	world.at[4].against = "another template";
	is(cell_of(6), BLOCKED BLOCKED BLOCKED " 6m stale", STYLE_DIM);
	world.at[4].against = world.against;
	world.at[4].at = clock_now() - 8 * DAY;
	is(cell_of(6), BLOCKED BLOCKED BLOCKED " 8d stale", STYLE_DIM);
	world.at[4].verdict = PROBE_OPEN; /* it was: nobody has seen that it is not any more */
	is(cell_of(6), BLOCKED BLOCKED OPEN " 8d stale", STYLE_WARN);
}

/* The worst comes first when it is sorted downwards. */
static void
the_order_is_how_bad_it_is(void **state)
{
	int64_t never, partly, good, stale, unclear, open;

	(void)state;
	never = cell_of(0).order;
	partly = cell_of(5).order;
	good = cell_of(6).order;
	world.at[0].against = "";
	stale = cell_of(6).order;
	world.at[0].against = world.against;
	world.at[0].verdict = PROBE_INCONCLUSIVE;
	unclear = cell_of(6).order;
	world.at[0].verdict = PROBE_OPEN;
	open = cell_of(6).order;
	assert_true(good < stale && stale < partly && partly == never && partly < unclear && unclear < open);
}

static void
a_history_that_cannot_be_read(void **state)
{
	(void)state;
	is(cell_with(&(struct evidence_parts){.probes_error = "open moat.db: denied"}), "?", STYLE_UNKNOWN);
	is(cell_probes(world.plain, world.agent, &world.arena), "-", STYLE_DIM);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(all_nodes_together),
		TEST(what_proves_nothing_any_more),
		TEST(the_order_is_how_bad_it_is),
		TEST(a_history_that_cannot_be_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
