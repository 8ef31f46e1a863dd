/* SPDX-License-Identifier: Apache-2.0 */
/* The manifest steps of a migration: one agent that has done all, and what each change undoes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "fleet/steps.h"
#include "tests/unit/fleet_fixture.h"

#define DNS                                                                                                      \
	"  - to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}}]\n"              \
	"    ports: [{port: 53, protocol: UDP}]\n"

static const char migrated[] =
	"apiVersion: apps/v1\n"
	"kind: Deployment\n"
	"metadata: {name: scout, annotations: {pipelock.dev/topology: companion-proxy, pipelock.dev/proxy-name: wall}}\n"
	"spec:\n"
	"  selector: {matchLabels: {app: scout}}\n"
	"  template:\n"
	"    metadata: {labels: {app: scout}}\n"
	"    spec:\n"
	"      containers:\n"
	"      - {name: agent, image: 'a:1', env: [{name: HTTPS_PROXY, value: 'http://wall:8888'}]}\n"
	"      - {name: logs, image: 'fluent-bit:3'}\n"
	"---\n"
	"apiVersion: apps/v1\n"
	"kind: Deployment\n"
	"metadata: {name: wall}\n"
	"spec:\n"
	"  selector: {matchLabels: {app: wall}}\n"
	"  template:\n"
	"    metadata: {labels: {app: wall}}\n"
	"    spec:\n"
	"      containers:\n"
	"      - {name: pipelock, image: 'pipelock:2.3.0', args: [run, --listen, '0.0.0.0:8888'], ports: [{containerPort: 8888}]}\n"
	"---\n"
	"apiVersion: v1\n"
	"kind: Service\n"
	"metadata: {name: wall}\n"
	"spec: {selector: {app: wall}, ports: [{port: 8888}]}\n"
	"---\n"
	"apiVersion: networking.k8s.io/v1\n"
	"kind: NetworkPolicy\n"
	"metadata: {name: scout}\n"
	"spec:\n"
	"  podSelector: {matchLabels: {app: scout}}\n"
	"  policyTypes: [Egress]\n"
	"  egress:\n" DNS "  - to: [{podSelector: {matchLabels: {app: wall}}}]\n"
	"    ports: [{port: 8888}]\n"
	"---\n"
	"apiVersion: networking.k8s.io/v1\n"
	"kind: NetworkPolicy\n"
	"metadata: {name: wall}\n"
	"spec:\n"
	"  podSelector: {matchLabels: {app: wall}}\n"
	"  policyTypes: [Egress]\n"
	"  egress:\n" DNS "  - ports: [{port: 443}, {port: 80}]\n";

/* What is written differently, and the one step that this undoes. */
static const struct {
	const char *what, *from, *to;
	enum step undone;
} changes[] = {
	{"no Service", "kind: Service", "kind: Secret", STEP_COMPANION},
	{"companion without a policy", "metadata: {name: wall}\nspec:\n  podSelector: {matchLabels: {app: wall}}",
	 "metadata: {name: wall}\nspec:\n  podSelector: {matchLabels: {app: nobody}}", STEP_COMPANION_EGRESS},
	{"companion that reaches more ports", "[{port: 443}, {port: 80}]", "[{port: 443}, {port: 80}, {port: 22}]",
	 STEP_COMPANION_EGRESS},
	{"companion without 443", "[{port: 443}, {port: 80}]", "[{port: 80}]", STEP_COMPANION_EGRESS},
	{"sidecar left in", "- {name: logs, image: 'fluent-bit:3'}", "- {name: pipelock, image: 'pipelock:2.3.0', args: [run]}",
	 STEP_SIDECAR_REMOVED},
	{"a container without the variable", "image: 'fluent-bit:3'", "image: 'worker:3'", STEP_PROXY_ENV},
	{"loopback", "http://wall:8888", "http://127.0.0.1:8888", STEP_PROXY_ENV},
	{"another port", "http://wall:8888", "http://wall:3128", STEP_PROXY_ENV},
	{"wide egress", "  - to: [{podSelector: {matchLabels: {app: wall}}}]\n    ports: [{port: 8888}]", "  - {}",
	 STEP_AGENT_EGRESS},
	{"no policy", "podSelector: {matchLabels: {app: scout}}", "podSelector: {matchLabels: {app: nobody}}", STEP_AGENT_EGRESS},
};

static void
all_done(void **state UNUSED)
{
	AUTO(arena) struct arena a = {0};
	struct step_state steps[STEPS];
	struct fleet *f = fixture(migrated);
	const struct workload *w = fixture_workload(f, "scout");

	steps_of(f, w, &a, steps);
	for (int s = 0; s < STEPS; s++)
		if (!steps[s].done)
			fail_msg("%s: %s", step_name((enum step)s), steps[s].reason);
	assert_int_equal(w->state, STATE_MIGRATED);
	fleet_unref(f);
}

static char *
replaced(const char *from, const char *to)
{
	const char *at = strstr(migrated, from);

	assert_non_null(at);
	return mem_printf("%.*s%s%s", (int)(at - migrated), migrated, to, at + strlen(from));
}

static void
each_change_undoes_its_step(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT_OF(changes); i++) {
		AUTO(free) char *text = replaced(changes[i].from, changes[i].to);
		AUTO(arena) struct arena a = {0};
		struct step_state steps[STEPS];
		struct fleet *f = fixture(text);
		const struct workload *w = fixture_workload(f, "scout");

		steps_of(f, w, &a, steps);
		if (steps[changes[i].undone].done)
			fail_msg("%s: %s is still done", changes[i].what, step_name(changes[i].undone));
		assert_non_null(steps[changes[i].undone].reason);
		assert_int_equal(w->state, STATE_MIGRATING);
		fleet_unref(f);
	}
}

static void
what_was_not_read_is_not_done(void **state UNUSED)
{
	static const struct gap gap = {.fact = FACT_POLICIES, .kind = "NetworkPolicy", .namespace = "", .reason = "forbidden"};
	AUTO(arena) struct arena a = {0};
	struct step_state steps[STEPS];
	struct fleet *f = fixture_with_gaps(migrated, &gap, 1);
	const struct workload *w = fixture_workload(f, "scout");

	steps_of(f, w, &a, steps);
	assert_false(steps[STEP_COMPANION_EGRESS].done);
	assert_false(steps[STEP_AGENT_EGRESS].done);
	assert_null(w->egress);
	assert_int_equal(w->state, STATE_MIGRATING);
	fleet_unref(f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_done),
		cmocka_unit_test(each_change_undoes_its_step),
		cmocka_unit_test(what_was_not_read_is_not_done),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
