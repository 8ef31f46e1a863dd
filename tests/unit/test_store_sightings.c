/* SPDX-License-Identifier: Apache-2.0 */
/* What Pipelocks were seen to have loaded: kept as spans, the newest read back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/clock.h"
#include "store/sightings.h"
#include "tests/unit/store_fixture.h"

static struct config_sighting
sighting(const char *pod, int64_t at)
{
	return (struct config_sighting){
		.workload = {.namespace = "a", .name = "x-pipelock", .kind = "Deployment"},
		.pod = pod,
		.pod_uid = "u-1",
		.container = "pipelock",
		.started_at = 50,
		.loaded_hash = "abc",
		.loaded_at = 60,
		.reload = RELOAD_DONE,
		.at = at,
	};
}

static void
keep(struct config_sighting c)
{
	struct fleet *f = fleet_at("https://c", "");
	struct err e;

	if (!sightings_write(db, f, &c, 1, &e))
		fail_msg("%s", e.msg);
	fleet_unref(f);
}

static void
assert_last(const char *address, const char *wanted)
{
	struct fleet *f = fleet_at(address, "");
	AUTO(arena) struct arena texts = {0};
	AUTO(buf) struct buf got = {0};
	struct config_sighting *at;
	struct err e;
	size_t n;

	if (!sightings_last(db, f, &texts, &at, &n, &e))
		fail_msg("%s", e.msg);
	fleet_unref(f);
	for (size_t i = 0; i < n; i++) {
		const struct config_sighting *c = &at[i];

		buf_addf(&got, "%s/%s/%s %s %s %s %lld", c->workload.namespace, c->workload.kind, c->workload.name,
			 c->pod, c->pod_uid, c->container, (long long)c->started_at);
		buf_addf(&got, " log %s %lld %s reload %d %s", c->loaded_hash ? c->loaded_hash : "-",
			 c->loaded_at == CLOCK_UNKNOWN ? -1LL : (long long)c->loaded_at,
			 c->log_error ? c->log_error : "-", (int)c->reload,
			 c->reload_detail ? c->reload_detail : "-");
		buf_addf(&got, " file %s %s at %lld\n", c->file_hash ? c->file_hash : "-",
			 c->file_error ? c->file_error : "-", (long long)c->at);
	}
	assert_string_equal(buf_str(&got), wanted);
}

static void
the_same_again_is_one_row(void **state)
{
	struct config_sighting c = sighting("p-1", 100);

	(void)state;
	keep(c);
	c.at = 200;
	keep(c);
	assert_query("SELECT count, first_at, last_at FROM sightings", "2 100 200\n");
	assert_last("https://c",
		    "a/Deployment/x-pipelock p-1 u-1 pipelock 50 log abc 60 - reload 1 - file - - at 200\n");
	assert_last("https://d", "");
	assert_last("", "");
}

static void
what_is_another_row(void **state)
{
	struct config_sighting c = sighting("p-1", 100);

	(void)state;
	keep(c);
	c.loaded_hash = NULL;
	c.loaded_at = CLOCK_UNKNOWN;
	c.log_error = "forbidden";
	keep(c);
	c.log_error = "forbidden, said otherwise";
	keep(c);
	c.reload = RELOAD_REFUSED;
	c.reload_detail = "bad yaml";
	keep(c);
	c.file_error = "no such file";
	keep(c);
	c.file_error = NULL;
	c.file_hash = "def";
	keep(c);
	c.started_at = 90;
	keep(c);
	c.pod_uid = "u-2";
	keep(c);
	keep(sighting("p-0", 80));
	assert_query("SELECT count, pod, loaded_at FROM sightings ORDER BY id",
		     "1 p-1 60\n2 p-1 -\n1 p-1 -\n1 p-1 -\n1 p-1 -\n1 p-1 -\n1 p-1 -\n1 p-0 60\n");
	assert_last(
		"https://c",
		"a/Deployment/x-pipelock p-0 u-1 pipelock 50 log abc 60 - reload 1 - file - - at 80\n"
		"a/Deployment/x-pipelock p-1 u-2 pipelock 90 log - -1 forbidden, said otherwise reload 3 bad yaml "
		"file def - at 100\n");
}

static void
a_file_from_before_there_were_sightings(void **state)
{
	(void)state;
	make_first_version();
	open_as(DB_READ);
	assert_last("https://c", "");
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(the_same_again_is_one_row),
		TEST(what_is_another_row),
		TEST(a_file_from_before_there_were_sightings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
