/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cli/pending.h"
#include "tests/unit/fleet_fixture.h"

static struct config_sighting
config_of(const char *uid, const char *hash)
{
	return (struct config_sighting){
		.workload = {"a", "fw", "Pod"},
		.pod = "fw",
		.pod_uid = uid,
		.container = "pipelock",
		.loaded_hash = hash,
		.at = 1000,
	};
}

/* What a tier was asked for is said by its being there, and by the history, however little it had. */
static void
what_was_asked_for(void **state)
{
	struct pending p = {0};
	struct evidence *none = pending_fold(&p, NULL), *history, *both;
	struct config_sighting seen = config_of("u-1", "abc");

	(void)state;
	assert_false(none->has_probes || none->has_logs || none->has_health);
	pending_history(&p, NULL, 0, NULL);
	assert_true(p.any);
	history = pending_fold(&p, none);
	assert_false(p.any);
	assert_true(history->has_probes);
	assert_null(history->probes_error);
	pending_config(&p, &seen);
	both = pending_fold(&p, history);
	assert_true(both->has_probes && both->has_logs);
	assert_int_equal(both->n_configs, 1);
	assert_string_equal(both->configs[0].loaded_hash, "abc");
	evidence_unref(none);
	evidence_unref(history);
	evidence_unref(both);
	pending_free(&p);
}

static void
a_history_that_cannot_be_read(void **state)
{
	struct pending p = {0};
	struct evidence *failed, *read;

	(void)state;
	pending_history(&p, NULL, 0, "it is damaged");
	failed = pending_fold(&p, NULL);
	assert_string_equal(failed->probes_error, "it is damaged");
	pending_history(&p, NULL, 0, NULL);
	read = pending_fold(&p, failed);
	assert_null(read->probes_error);
	evidence_unref(failed);
	evidence_unref(read);
	pending_free(&p);
}

/* A pod that is gone takes along what was seen of it; one of the same name is another. */
static void
pods_that_are_gone(void **state)
{
	struct fleet *f =
		fixture("{apiVersion: v1, kind: Pod, metadata: {name: fw, uid: u-2}, spec: {containers: [{name: "
			"pipelock, image: pipelock}]}}\n");
	struct config_sighting gone = config_of("u-1", "abc"), there = config_of("u-2", "def");
	struct health_sighting health = {.workload = gone.workload, .pod = "fw", .pod_uid = "u-1", .at = 1000};
	struct probe_result probe = {.agent = {"a", "x", "Deployment"},
				     .pod = "x",
				     .node = "n",
				     .container = "c",
				     .target = "t",
				     .method = "",
				     .detail = "",
				     .against = ""};
	struct pending p = {0};
	struct evidence *e, *same;

	(void)state;
	pending_probe(&p, &probe);
	pending_config(&p, &there);
	e = pending_fold(&p, NULL);
	same = pending_prune(e, f);
	assert_ptr_equal(same, e); /* nothing was gone */
	pending_health(&p, &health);
	e = pending_fold(&p, same);
	evidence_unref(same);
	e = pending_prune(e, f);
	assert_int_equal(e->n_healths, 0);
	assert_true(e->has_health); /* it was asked for all the same */
	assert_int_equal(e->n_configs, 1);
	assert_string_equal(e->configs[0].loaded_hash, "def");
	assert_int_equal(e->n_probes, 1);
	assert_null(pending_prune(NULL, f));
	evidence_unref(e);
	pending_free(&p);
	fleet_unref(f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_asked_for),
		cmocka_unit_test(a_history_that_cannot_be_read),
		cmocka_unit_test(pods_that_are_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
