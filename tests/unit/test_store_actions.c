/* SPDX-License-Identifier: Apache-2.0 */
/* Actions kept: begun before they happen, ended with their outcome, listed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "store/actions.h"
#include "tests/unit/store_fixture.h"

static const struct action_cluster prod = {.address = "x", .server = "https://prod:6443"};

static struct action
action(const char *name, int64_t at)
{
	return (struct action){
		.at = at,
		.duration_ms = -1,
		.who = "admin@prod (op)",
		.what = "restart",
		.target = {.namespace = "a", .name = name, .kind = "Deployment"},
		.outcome = "begun",
		.detail = "",
	};
}

static int64_t
begin(const struct action_cluster *c, const char *name, int64_t at)
{
	struct action a = action(name, at);
	int64_t id = 0;
	struct err e;

	if (!actions_begin(db, c, &a, &id, &e))
		fail_msg("%s", e.msg);
	return id;
}

static void
add_row(void *ctx, const struct action_row *r)
{
	const struct action *a = &r->action;

	buf_addf(ctx, "%lld %lld %lldms %s %s %s/%s/%s %s (%s) %s\n", (long long)r->id, (long long)a->at,
		 (long long)a->duration_ms, a->who, a->what, a->target.namespace, a->target.kind, a->target.name,
		 a->outcome, a->detail, r->server);
}

static void
assert_actions(struct action_filter filter, const char *wanted)
{
	AUTO(buf) struct buf got = {0};
	struct err e;

	if (!actions_list(db, &filter, add_row, &got, &e))
		fail_msg("%s", e.msg);
	assert_string_equal(buf_str(&got), wanted);
}

static void
begun_and_ended(void **state)
{
	int64_t x = begin(&prod, "x", 10), y = begin(&prod, "y", 20);
	struct err e;

	(void)state;
	assert_true(actions_end(db, x, 10, "done", "2 of 2 pods", 1500, &e));
	assert_true(actions_end(db, 99, 10, "done", "", 1, &e)); /* which is not there */
	assert_true(actions_end(db, y, 10, "failed", "", 1, &e)); /* another one, of a file that was moved aside */
	assert_int_equal(y, x + 1);
	/* Killed here, which is as good as another process that reads. */
	assert_query("SELECT id, outcome, duration_ms FROM actions", "1 done 1500\n2 begun -\n");
	assert_actions((struct action_filter){0},
		       "2 20 -1ms admin@prod (op) restart a/Deployment/y begun () https://prod:6443\n"
		       "1 10 1500ms admin@prod (op) restart a/Deployment/x done (2 of 2 pods) https://prod:6443\n");
}

static void
those_that_are_wanted(void **state)
{
	struct fleet *here = fleet_at(prod.address, ""), *elsewhere = fleet_at("y", "");
	struct action other = action("x", 30);
	int64_t id;
	struct err e;

	(void)state;
	begin(&prod, "x", 10);
	begin(&prod, "y", 20);
	other.target.namespace = "b";
	assert_true(actions_begin(db, &prod, &other, &id, &e));
	assert_actions((struct action_filter){.namespace = "b"},
		       "3 30 -1ms admin@prod (op) restart b/Deployment/x begun () https://prod:6443\n");
	assert_actions((struct action_filter){.namespace = "a", .name = "y"},
		       "2 20 -1ms admin@prod (op) restart a/Deployment/y begun () https://prod:6443\n");
	assert_actions((struct action_filter){.namespace = "c"}, "");
	assert_actions((struct action_filter){.fleet = here, .namespace = "b"},
		       "3 30 -1ms admin@prod (op) restart b/Deployment/x begun () https://prod:6443\n");
	assert_actions((struct action_filter){.fleet = elsewhere}, "");
	fleet_unref(here);
	fleet_unref(elsewhere);
}

/* The same cluster by its uid, wherever it is reached; without uid by where it is reached. */
static void
of_a_cluster(void **state)
{
	(void)state;
	begin(&(struct action_cluster){.uid = "u1", .address = "x", .server = "https://a"}, "x", 1);
	begin(&(struct action_cluster){.uid = "u1", .address = "y", .server = "https://b"}, "x", 2);
	begin(&(struct action_cluster){.address = "y", .server = "https://b"}, "x", 3);
	begin(&(struct action_cluster){.uid = "u2", .address = "y", .server = "https://b"}, "x", 4);
	assert_query("SELECT cluster FROM actions ORDER BY id", "1\n1\n1\n2\n");
}

static void
a_file_from_before_there_were_actions(void **state)
{
	(void)state;
	make_first_version();
	open_as(DB_READ);
	assert_actions((struct action_filter){0}, "");
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(begun_and_ended),
		TEST(those_that_are_wanted),
		TEST(of_a_cluster),
		TEST(a_file_from_before_there_were_actions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
