/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "base/clock.h"
#include "base/str.h"
#include "fleet/proof.h"
#include "tests/unit/fleet_fixture.h"

#define PIPELOCK                                                                                   \
	"{name: pipelock, image: 'pipelock:2.3.0', args: [run, --listen, '0.0.0.0:8888'], ports: " \
	"[{containerPort: 8888}]}"
#define AGENT "{name: agent, image: x, env: [{name: HTTPS_PROXY, value: 'http://fw:8888'}]}"

#define DEPLOYMENT(name, container)                                                                               \
	"---\n{apiVersion: apps/v1, kind: Deployment, metadata: {name: " name ", uid: " name                      \
	"-uid, generation: 1}, "                                                                                  \
	"spec: {selector: {matchLabels: {app: " name "}}, template: {metadata: {labels: {app: " name "}}, spec: " \
	"{containers: [" container "]}}}}\n"

#define POD(name, app, hash, container, node, ready)                                                           \
	"---\n{apiVersion: v1, kind: Pod, metadata: {name: " name ", uid: " name "-uid, labels: {app: " app    \
	", pod-template-hash: " hash "}, ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: " app \
	"-" hash ", uid: r, controller: true}]}, spec: {nodeName: " node ", containers: [" container           \
	"]}, status: "                                                                                         \
	"{phase: Running, conditions: [{type: Ready, status: '" ready "'}]}}\n"

#define REPLICA_SET(app, hash)                                                                                  \
	"---\n{apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: " app "-" hash                           \
	", uid: r, ownerReferences: "                                                                           \
	"[{apiVersion: apps/v1, kind: Deployment, name: " app ", uid: " app "-uid, controller: true}]}, spec: " \
	"{selector: {matchLabels: {app: " app "}}, template: {metadata: {labels: {app: " app                    \
	"}}, spec: {containers: "                                                                               \
	"[{name: a, image: b}]}}}}\n"

#define POLICY(generation)                                                                                    \
	"---\n{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: wall, uid: wall-uid, " \
	"generation: " generation                                                                             \
	"}, spec: {podSelector: {matchLabels: {app: scout}}, policyTypes: [Egress], egress: "                 \
	"[{to: [{podSelector: {matchLabels: {app: fw}}}], ports: [{port: 8888}]}]}}\n"

#define COMPANION_POLICY                                                                                         \
	"---\n{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: fw, uid: fw-uid, "        \
	"generation: 1},"                                                                                        \
	" spec: {podSelector: {matchLabels: {app: fw}}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: " \
	"0.0.0.0/0}}], ports: [{port: 443}, {port: 80}]}]}}\n"

#define SERVICE                                                                                                  \
	"---\n{apiVersion: v1, kind: Service, metadata: {name: fw}, spec: {selector: {app: fw}, ports: [{port: " \
	"8888}]}}\n"

#define FLEET(policy, companion_hash)                                                 \
	DEPLOYMENT("scout", AGENT)                                                    \
	DEPLOYMENT("fw", PIPELOCK) SERVICE POLICY(policy)                             \
	COMPANION_POLICY REPLICA_SET("scout", "1a") REPLICA_SET("fw", companion_hash) \
		POD("scout-1", "scout", "1a", AGENT, "n1", "True")                    \
			POD("scout-2", "scout", "1a", AGENT, "n2", "True")            \
				POD("scout-3", "scout", "1a", AGENT, "n3", "False")   \
					POD("fw-1", "fw", companion_hash, PIPELOCK, "n1", "True")

struct world {
	struct fleet *plain, *proven;
	const struct workload *agent;
	struct arena arena;
	const char *against;
};

static void
begin(struct world *w, const char *yaml)
{
	w->plain = fixture(yaml);
	w->agent = fixture_workload(w->plain, "scout");
	w->against = proof_against(w->plain, w->agent, &w->arena);
	assert_non_null(w->against);
	assert_int_equal(w->agent->state, STATE_MIGRATED);
}

static void
prove(struct world *w, const struct probe_result *at, size_t n)
{
	struct evidence *e =
		evidence_add(NULL, &(struct evidence_parts){.has_probes = true, .probes = at, .n_probes = n});
	struct fleet_touched touched;

	fleet_unref(w->proven);
	w->proven = fleet_prove(w->plain, e, &touched);
	assert_int_equal(touched.places.n, n > 0);
	fleet_touched_free(&touched);
	evidence_unref(e);
}

static void
end(struct world *w)
{
	fleet_unref(w->proven);
	fleet_unref(w->plain);
	arena_free(&w->arena);
}

static struct probe_result
result(const struct world *w, const char *node, enum probe p, enum probe_verdict v, enum probe_control c)
{
	return (struct probe_result){
		.agent = {"a", "scout", "Deployment"},
		.pod = "scout-1",
		.node = node,
		.container = "agent",
		.probe = p,
		.target = "1.1.1.1:443",
		.verdict = v,
		.control = c,
		.method = "python3",
		.detail = "",
		.at = clock_now() - 60,
		.against = w->against,
	};
}

/* All bypass probes blocked on both nodes that carry a ready pod. */
static size_t
all_good(const struct world *w, struct probe_result *out)
{
	size_t n = 0;

	for (int p = 0; p < PROBES_BYPASS; p++) {
		out[n++] = result(w, "n1", (enum probe)p, PROBE_BLOCKED, PROBE_CONTROL_OK);
		out[n++] = result(w, "n2", (enum probe)p, PROBE_BLOCKED, PROBE_CONTROL_OK);
	}
	return n;
}

static enum state
state_with(struct world *w, const struct probe_result *at, size_t n)
{
	prove(w, at, n);
	return fleet_state(w->proven, w->agent);
}

static void
verified_takes_all(void **state)
{
	struct world w = {0};
	struct probe_result at[16];
	size_t n;

	(void)state;
	begin(&w, FLEET("1", "2b"));
	n = all_good(&w, at);
	assert_int_equal(state_with(&w, at, n), STATE_VERIFIED);
	assert_int_equal(fleet_state(w.plain, w.agent), STATE_MIGRATED);
	assert_int_equal(state_with(&w, at, n - 1), STATE_MIGRATED);
	assert_int_equal(state_with(&w, at, 0), STATE_MIGRATED);
	at[3].verdict = PROBE_INCONCLUSIVE;
	assert_int_equal(state_with(&w, at, n), STATE_MIGRATED);
	at[3].verdict = PROBE_BLOCKED;
	at[3].control = PROBE_CONTROL_SKIPPED;
	assert_int_equal(state_with(&w, at, n), STATE_MIGRATED);
	at[3].control = PROBE_CONTROL_OK;
	at[n++] = result(&w, "n1", PROBE_DNS_TCP, PROBE_OPEN, PROBE_CONTROL_OK);
	assert_int_equal(state_with(&w, at, n), STATE_VERIFIED);
	end(&w);
}

static void
the_worst_stands(void **state)
{
	struct world w = {0};
	struct probe_result at[16];
	struct probe_standing s;
	size_t n;

	(void)state;
	begin(&w, FLEET("1", "2b"));
	n = all_good(&w, at);
	at[1].verdict = PROBE_OPEN;
	at[0].at = clock_now() - 500;
	prove(&w, at, n);
	s = proof_standing(w.proven, w.agent, PROBE_RAW_TCP);
	assert_int_equal(s.nodes, 2);
	assert_int_equal(s.probed, 2);
	assert_int_equal(s.worst->verdict, PROBE_OPEN);
	assert_string_equal(s.worst->node, "n2");
	assert_int_equal(s.at, at[0].at);
	assert_false(s.stale);
	s = proof_standing(w.proven, w.agent, PROBE_DNS_TCP);
	assert_null(s.worst);
	assert_int_equal(s.probed, 0);
	assert_int_equal(s.at, CLOCK_UNKNOWN);
	end(&w);
}

/* A way out is one wherever it was found; a wall is only where it was looked for. */
static void
nodes_that_carry_it_no_more(void **state)
{
	struct world w = {0};
	struct probe_result at[16];
	size_t n;

	(void)state;
	begin(&w, FLEET("1", "2b"));
	n = all_good(&w, at);
	at[n++] = result(&w, "n9", PROBE_RAW_TCP, PROBE_INCONCLUSIVE, PROBE_CONTROL_FAILED);
	assert_int_equal(state_with(&w, at, n), STATE_VERIFIED);
	at[n - 1].verdict = PROBE_OPEN;
	assert_int_equal(state_with(&w, at, n), STATE_MIGRATED);
	at[n - 1].against = "something else";
	assert_int_equal(state_with(&w, at, n), STATE_VERIFIED);
	end(&w);
}

static void
what_was_changed_since(void **state)
{
	static const char *const others[] = {FLEET("2", "2b"), FLEET("1", "3c")};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(others); i++) {
		struct world before = {0}, after = {0};
		struct probe_result at[16];
		size_t n;

		begin(&before, FLEET("1", "2b"));
		begin(&after, others[i]);
		assert_string_not_equal(before.against, after.against);
		n = all_good(&before, at);
		assert_int_equal(state_with(&after, at, n), STATE_MIGRATED);
		assert_true(proof_standing(after.proven, after.agent, PROBE_NO_PROXY).stale);
		end(&before);
		end(&after);
	}
}

static void
age_counts(void **state)
{
	struct world w = {0};
	struct probe_result at[16];
	size_t n;

	(void)state;
	begin(&w, FLEET("1", "2b"));
	n = all_good(&w, at);
	at[2].at = clock_now() - SETTINGS_PROBE_MAX_AGE + 50;
	assert_int_equal(state_with(&w, at, n), STATE_VERIFIED);
	assert_int_equal(proof_expiry(w.proven, w.agent), at[2].at + SETTINGS_PROBE_MAX_AGE);
	at[2].at -= 100;
	assert_int_equal(state_with(&w, at, n), STATE_MIGRATED);
	assert_int_equal(proof_expiry(w.proven, w.agent), at[0].at + SETTINGS_PROBE_MAX_AGE);
	end(&w);
}

static void
tiers_are_facts(void **state)
{
	struct world w = {0};
	struct evidence *none, *read, *failed;
	struct fleet *f;
	struct fleet_touched touched;

	(void)state;
	begin(&w, FLEET("1", "2b"));
	none = evidence_add(NULL, &(struct evidence_parts){.has_logs = true});
	failed = evidence_add(none, &(struct evidence_parts){.probes_error = "the file is locked"});
	read = evidence_add(failed, &(struct evidence_parts){.has_probes = true});
	assert_int_equal(fleet_missing_facts(w.plain, FACT_PROBES, FACT_NOT_APPLICABLE), FACT_PROBES);
	f = fleet_prove(w.plain, none, &touched);
	assert_int_equal(fleet_missing_facts(f, FACT_PROBES | FACT_LOGS, FACT_NOT_APPLICABLE), FACT_PROBES);
	fleet_touched_free(&touched);
	fleet_unref(w.proven);
	w.proven = fleet_prove(f, failed, &touched);
	fleet_touched_free(&touched);
	fleet_unref(f);
	assert_int_equal(fleet_missing_facts(w.proven, FACT_PROBES, FACT_UNREADABLE), FACT_PROBES);
	assert_int_equal(w.proven->n_gaps, w.plain->n_gaps + 1);
	assert_string_equal(w.proven->gaps[w.plain->n_gaps].reason, "the file is locked");
	f = fleet_prove(w.proven, read, &touched);
	fleet_touched_free(&touched);
	assert_int_equal(fleet_missing_facts(f, FACT_PROBES | FACT_LOGS, FACT_READ), FACT_PROBES | FACT_LOGS);
	assert_int_equal(f->n_gaps, w.plain->n_gaps);
	fleet_unref(f);
	evidence_unref(none);
	evidence_unref(read);
	evidence_unref(failed);
	end(&w);
}

static void
add_kind(void *ctx, const struct workload_key *k)
{
	strcat(ctx, k->kind);
	strcat(ctx, " ");
}

/* The kinds of the workloads of which the two say something else. */
static const char *
differences(const struct evidence *a, const struct evidence *b)
{
	static char text[200];

	*text = '\0';
	evidence_differences(a, b, add_kind, text);
	return text;
}

static void
the_newest_of_each(void **state)
{
	struct world w = {0};
	struct probe_result at[3];
	struct evidence *first, *second;
	const struct workload_key scout = {"a", "scout", "Deployment"}, other = {"a", "scout", "StatefulSet"};
	const struct probe_result *found;
	size_t n;

	(void)state;
	begin(&w, FLEET("1", "2b"));
	at[0] = at[1] = at[2] = result(&w, "n1", PROBE_RAW_TCP, PROBE_OPEN, PROBE_CONTROL_OK);
	at[1].verdict = PROBE_BLOCKED; /* of one time: the later in the array */
	at[2].at -= 10;
	at[2].verdict = PROBE_INCONCLUSIVE;
	first = evidence_add(NULL, &(struct evidence_parts){.probes = at, .n_probes = 3});
	found = evidence_probes(first, &scout, &n);
	assert_int_equal(n, 1);
	assert_int_equal(found->verdict, PROBE_BLOCKED);
	at[0].at += 1;
	at[1].agent.kind = "StatefulSet";
	second = evidence_add(first, &(struct evidence_parts){.probes = at, .n_probes = 2});
	found = evidence_probes(second, &scout, &n);
	assert_int_equal(n, 1);
	assert_int_equal(found->verdict, PROBE_OPEN);
	evidence_probes(second, &other, &n);
	assert_int_equal(n, 1);
	assert_string_equal(differences(first, second), "Deployment StatefulSet ");
	assert_string_equal(differences(second, first), "Deployment StatefulSet ");
	assert_string_equal(differences(second, second), "");
	assert_string_equal(differences(NULL, first), "Deployment ");
	assert_string_equal(differences(second, NULL), "Deployment StatefulSet ");
	assert_string_equal(differences(NULL, NULL), "");
	evidence_unref(first);
	evidence_unref(second);
	end(&w);
}

static void
names_go_both_ways(void **state)
{
	enum probe p;
	enum probe_verdict v;
	enum probe_control c;

	(void)state;
	for (int i = 0; i < PROBES; i++) {
		assert_true(probe_from_name(probe_name((enum probe)i), &p));
		assert_int_equal(p, i);
	}
	assert_true(probe_verdict_from_name("inconclusive", &v) && v == PROBE_INCONCLUSIVE);
	assert_true(probe_control_from_name("skipped", &c) && c == PROBE_CONTROL_SKIPPED);
	assert_false(probe_from_name("", &p));
	assert_false(probe_verdict_from_name("Open", &v));
}

/* Probed right after a rollout, while a pod of before is still on its way out. */
static void
pods_that_go_do_not_count(void **state)
{
	static const char yaml[] =
		FLEET("1", "2b") "---\n{apiVersion: v1, kind: Pod, metadata: {name: scout-0, uid: scout-0-uid, "
				 "deletionTimestamp: '2026-05-21T12:00:00Z', labels: {app: scout, pod-template-hash: 0a}, "
				 "ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: scout-1a, uid: r, controller: "
				 "true}]}, spec: {nodeName: n1, containers: [" AGENT "]}, status: {phase: Running}}\n";
	struct world with = {0}, without = {0};

	(void)state;
	begin(&with, yaml);
	begin(&without, FLEET("1", "2b"));
	assert_int_equal(fleet_live(with.plain, with.agent)->n_pods, 4);
	assert_string_equal(with.against, without.against);
	end(&with);
	end(&without);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verified_takes_all),
		cmocka_unit_test(the_worst_stands),
		cmocka_unit_test(nodes_that_carry_it_no_more),
		cmocka_unit_test(what_was_changed_since),
		cmocka_unit_test(age_counts),
		cmocka_unit_test(tiers_are_facts),
		cmocka_unit_test(the_newest_of_each),
		cmocka_unit_test(names_go_both_ways),
		cmocka_unit_test(pods_that_go_do_not_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
