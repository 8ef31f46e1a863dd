/* SPDX-License-Identifier: Apache-2.0 */
/* The checklist: a step of an agent said something of, changed, forgotten. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/str.h"
#include "store/checklist.h"
#include "tests/unit/store_fixture.h"

static void
put(struct fleet *f, const char *agent, const char *step, enum checklist_state state, const char *note)
{
	struct checklist_entry x = {.agent = {.namespace = "a", .name = agent, .kind = "Deployment"},
				    .step = step,
				    .state = state,
				    .who = "admin@prod (op)",
				    .at = 100,
				    .note = note};
	struct err e;

	if (!checklist_write(db, f, &x, &e))
		fail_msg("%s", e.msg);
}

static int64_t
forget(struct fleet *f, const struct workload_key *agent, const char *step)
{
	int64_t removed = -1;
	struct err e;

	if (!checklist_remove(db, f, agent, step, &removed, &e))
		fail_msg("%s", e.msg);
	return removed;
}

static void
assert_list(struct fleet *f, const char *wanted)
{
	AUTO(arena) struct arena texts = {0};
	AUTO(buf) struct buf got = {0};
	struct checklist_entry *at;
	struct err e;
	size_t n;

	if (!checklist_read(db, f, &texts, &at, &n, &e))
		fail_msg("%s", e.msg);
	for (size_t i = 0; i < n; i++)
		buf_addf(&got, "%s/%s/%s %s %d %s %lld (%s)\n", at[i].agent.namespace, at[i].agent.kind,
			 at[i].agent.name, at[i].step, (int)at[i].state, at[i].who, (long long)at[i].at,
			 at[i].note);
	assert_string_equal(buf_str(&got), wanted);
}

static void
said_and_said_otherwise(void **state)
{
	struct fleet *f = fleet_at("https://c", ""), *other = fleet_at("https://d", "");

	(void)state;
	put(f, "y", "shipped", CHECKLIST_NOTED, "on friday");
	put(f, "x", "shipped", CHECKLIST_TICKED, "");
	put(f, "x", "proxy-env", CHECKLIST_SKIPPED, "has none");
	assert_list(f, "a/Deployment/x proxy-env 2 admin@prod (op) 100 (has none)\n"
		       "a/Deployment/x shipped 1 admin@prod (op) 100 ()\n"
		       "a/Deployment/y shipped 0 admin@prod (op) 100 (on friday)\n");
	put(f, "x", "shipped", CHECKLIST_NOTED, "not yet");
	assert_query("SELECT step, state, note FROM checklist WHERE agent = 'x'",
		     "proxy-env 2 has none\nshipped 0 not yet\n");
	assert_list(other, "");
	fleet_unref(f);
	fleet_unref(other);
}

static void
forgotten(void **state)
{
	struct workload_key x = {.namespace = "a", .name = "x", .kind = "Deployment"};
	struct fleet *f = fleet_at("https://c", ""), *other = fleet_at("https://d", "");

	(void)state;
	put(f, "x", "shipped", CHECKLIST_TICKED, "");
	put(f, "x", "probes", CHECKLIST_TICKED, "");
	put(f, "y", "probes", CHECKLIST_TICKED, "");
	put(other, "x", "probes", CHECKLIST_TICKED, "");
	assert_int_equal(forget(f, &x, "shipped"), 1);
	assert_int_equal(forget(f, &x, "shipped"), 0);
	assert_int_equal(forget(f, &x, NULL), 1);
	assert_list(f, "a/Deployment/y probes 1 admin@prod (op) 100 ()\n");
	assert_int_equal(forget(f, NULL, NULL), 1);
	assert_list(other, "a/Deployment/x probes 1 admin@prod (op) 100 ()\n");
	fleet_unref(f);
	fleet_unref(other);
}

static void
without_a_cluster(void **state)
{
	struct checklist_entry x = {.agent = {"a", "x", "Deployment"}, .step = "probes", .who = "", .note = ""};
	struct fleet *f = fleet_at("", "");
	struct err e;

	(void)state;
	assert_false(checklist_write(db, f, &x, &e));
	assert_true(str_has(e.msg, "which cluster"));
	assert_int_equal(forget(f, NULL, NULL), 0);
	fleet_unref(f);
}

/* What a stranger has written is never taken for a step that is done. */
static void
numbers_of_strangers(void **state)
{
	struct fleet *f = fleet_at("https://c", "");

	(void)state;
	put(f, "x", "shipped", CHECKLIST_TICKED, "");
	run_sql("UPDATE checklist SET state = 9");
	assert_list(f, "a/Deployment/x shipped 0 admin@prod (op) 100 ()\n");
	make_first_version();
	open_as(DB_READ);
	assert_list(f, "");
	fleet_unref(f);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(said_and_said_otherwise),
		TEST(forgotten),
		TEST(without_a_cluster),
		TEST(numbers_of_strangers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
