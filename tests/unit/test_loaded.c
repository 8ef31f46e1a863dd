/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "audit/loaded.h"
#include "base/buf.h"
#include "tests/unit/evidence_fixture.h"
#include "tests/unit/fleet_fixture.h"

/* A companion whose ConfigMap changed at 12:00:00. The mount ends in `more`; the pods follow. */
#define COMPANION(more)                                                                                             \
	"apiVersion: v1\n"                                                                                          \
	"kind: ConfigMap\n"                                                                                         \
	"metadata:\n"                                                                                               \
	"  name: config\n"                                                                                          \
	"  uid: 11111111-1111-1111-1111-111111111111\n"                                                             \
	"  creationTimestamp: \"2026-05-01T00:00:00Z\"\n"                                                           \
	"  managedFields:\n"                                                                                        \
	"  - {manager: kubectl, operation: Update, time: \"2026-05-21T12:00:00Z\", fieldsV1: {\"f:data\": {}}}\n"    \
	"data: {pipelock.yaml: \"mode: balanced\"}\n"                                                               \
	"---\n"                                                                                                     \
	"apiVersion: apps/v1\n"                                                                                     \
	"kind: Deployment\n"                                                                                        \
	"metadata: {name: pipelock, uid: 22222222-2222-2222-2222-222222222222}\n"                                   \
	"spec:\n"                                                                                                   \
	"  selector: {matchLabels: {app: pipelock}}\n"                                                              \
	"  template:\n"                                                                                             \
	"    metadata: {labels: {app: pipelock}}\n"                                                                 \
	"    spec:\n"                                                                                               \
	"      containers:\n"                                                                                       \
	"      - name: pipelock\n"                                                                                  \
	"        image: ghcr.io/luckypipewrench/pipelock:2.3.0\n"                                                   \
	"        args: [run, --config, /etc/pipelock/pipelock.yaml]\n"                                              \
	"        volumeMounts: [{name: c, " more "}]\n"                                                             \
	"      volumes: [{name: c, configMap: {name: config}}]\n"

#define DIRECTORY "mountPath: /etc/pipelock"
#define SUBPATH "mountPath: /etc/pipelock/pipelock.yaml, subPath: pipelock.yaml"

#define POD(name, state)                                                                                    \
	"---\n"                                                                                                     \
	"apiVersion: v1\n"                                                                                          \
	"kind: Pod\n"                                                                                               \
	"metadata:\n"                                                                                               \
	"  name: " name "\n"                                                                                        \
	"  labels: {app: pipelock}\n"                                                                               \
	"  ownerReferences:\n"                                                                                      \
	"  - {apiVersion: apps/v1, kind: ReplicaSet, name: pipelock-1, uid: 33, controller: true}\n"                \
	"spec: {containers: [{name: pipelock, image: \"pipelock:2.3.0\"}]}\n"                                       \
	"status:\n"                                                                                                 \
	"  phase: Running\n"                                                                                        \
	"  containerStatuses:\n"                                                                                    \
	"  - {name: pipelock, ready: true, restartCount: 0, image: x, imageID: \"\", state: {" state "}}\n"

#define SINCE(at) "running: {startedAt: \"2026-05-21T" at "Z\"}"

#define REPLICA_SET                                                                                                 \
	"---\n"                                                                                                     \
	"apiVersion: apps/v1\n"                                                                                     \
	"kind: ReplicaSet\n"                                                                                        \
	"metadata:\n"                                                                                               \
	"  name: pipelock-1\n"                                                                                      \
	"  uid: 33\n"                                                                                               \
	"  ownerReferences:\n"                                                                                      \
	"  - {apiVersion: apps/v1, kind: Deployment, name: pipelock, uid: 22222222-2222-2222-2222-222222222222,\n"  \
	"     controller: true}\n"                                                                                  \
	"spec: {selector: {matchLabels: {app: pipelock}}, template: {metadata: {labels: {app: pipelock}}, spec: "   \
	"{containers: [{name: pipelock, image: a}]}}}\n"

static enum loaded
judge(const char *companion, const char *pods)
{
	AUTO(buf) struct buf yaml = {0};
	struct fleet *f;
	enum loaded l;

	buf_addf(&yaml, "%s" REPLICA_SET "%s", companion, pods);
	f = fixture(buf_str(&yaml));
	l = loaded_config(f, fixture_workload(f, "pipelock"));
	fleet_unref(f);
	return l;
}

static void
started_before_the_change(void **state)
{
	(void)state;
	assert_int_equal(judge(COMPANION(SUBPATH), POD("p-1", SINCE("11:59:59"))), LOADED_STALE);
	/* the file follows; whether the process has looked is in its log */
	assert_int_equal(judge(COMPANION(DIRECTORY), POD("p-1", SINCE("11:59:59"))), LOADED_UNKNOWN);
}

static void
started_after_the_change(void **state)
{
	(void)state;
	assert_int_equal(judge(COMPANION(SUBPATH), POD("p-1", SINCE("12:02:00"))), LOADED_CURRENT);
	assert_int_equal(judge(COMPANION(DIRECTORY), POD("p-1", SINCE("12:02:00"))), LOADED_CURRENT);
}

/* The kubelet may not have brought the change into the pod by then. */
static void
started_too_soon_after(void **state)
{
	(void)state;
	assert_int_equal(judge(COMPANION(SUBPATH), POD("p-1", SINCE("12:01:59"))), LOADED_UNKNOWN);
	assert_int_equal(judge(COMPANION(SUBPATH), POD("p-1", SINCE("12:00:00"))), LOADED_UNKNOWN);
}

static void
the_worst_counts(void **state)
{
	(void)state;
	assert_int_equal(judge(COMPANION(SUBPATH), POD("p-1", SINCE("13:00:00")) POD("p-2", SINCE("11:00:00"))),
			 LOADED_STALE);
	assert_int_equal(judge(COMPANION(DIRECTORY), POD("p-1", SINCE("13:00:00")) POD("p-2", SINCE("11:00:00"))),
			 LOADED_UNKNOWN);
	assert_int_equal(judge(COMPANION(SUBPATH), POD("p-1", SINCE("13:00:00")) POD("p-2", "waiting: {reason: x}")),
			 LOADED_CURRENT);
}

static void
nothing_runs(void **state)
{
	(void)state;
	assert_int_equal(judge(COMPANION(SUBPATH), ""), LOADED_UNKNOWN);
	assert_int_equal(judge(COMPANION(SUBPATH), POD("p-1", "waiting: {reason: CrashLoopBackOff}")), LOADED_UNKNOWN);
}

#define OTHER "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"
#define LOG(pod, more) "# log: of=Deployment/a/pipelock pod=" pod " at=2026-05-21T13:00:00Z " more "\n"

static struct fleet *
with_logs(const char *companion, const char *pods, const char *logs)
{
	AUTO(buf) struct buf yaml = {0};
	AUTO(buf) struct buf text = {0};

	buf_addf(&yaml, "%s" REPLICA_SET "%s", companion, pods);
	buf_addf(&text, "# tiers: logs\n%s", logs);
	return evidence_prove(fixture(buf_str(&yaml)), buf_str(&text), 0);
}

/* Where a log was read it decides, of that start and of the present bytes; else times do. */
static void
what_logs_say(void **state)
{
	static const char present[] = "present";
	static const struct {
		const char *companion, *pods, *logs;
		enum loaded loaded;
		const char *hash; /* of the worst; "present" */
		size_t replicas, logged;
	} cases[] = {
		{COMPANION(DIRECTORY), POD("p-1", SINCE("11:00:00")), LOG("p-1", ""), LOADED_CURRENT, present, 1, 1},
		{COMPANION(SUBPATH), POD("p-1", SINCE("11:00:00")), LOG("p-1", ""), LOADED_CURRENT, present, 1, 1},
		{COMPANION(DIRECTORY), POD("p-1", SINCE("13:00:00")), LOG("p-1", "hash=" OTHER), LOADED_STALE, OTHER, 1, 1},
		/* the worst of several, and its hash */
		{COMPANION(DIRECTORY), POD("p-1", SINCE("11:00:00")) POD("p-2", SINCE("11:00:00")),
		 LOG("p-1", "") LOG("p-2", "hash=" OTHER), LOADED_STALE, OTHER, 2, 2},
		{COMPANION(DIRECTORY), POD("p-1", SINCE("11:00:00")) POD("p-2", SINCE("11:00:00")), LOG("p-1", ""),
		 LOADED_UNKNOWN, NULL, 2, 1},
		{COMPANION(DIRECTORY), POD("p-1", SINCE("13:00:00")) POD("p-2", SINCE("11:00:00")), LOG("p-2", ""),
		 LOADED_CURRENT, present, 2, 1},
		{COMPANION(DIRECTORY), POD("p-1", SINCE("11:00:00")) POD("p-2", "waiting: {reason: x}"), LOG("p-1", ""),
		 LOADED_CURRENT, present, 1, 1},
		/* another start, a log from before the change, one that was cut, one that tells no hash */
		{COMPANION(DIRECTORY), POD("p-1", SINCE("11:00:00")), LOG("p-1", "started=2026-05-21T10:59:59Z"),
		 LOADED_UNKNOWN, NULL, 1, 0},
		{COMPANION(DIRECTORY), POD("p-1", SINCE("11:00:00")),
		 "# log: of=Deployment/a/pipelock pod=p-1 at=2026-05-21T11:59:59Z\n", LOADED_UNKNOWN, NULL, 1, 0},
		{COMPANION(DIRECTORY), POD("p-1", SINCE("11:00:00")), LOG("p-1", "error=cut"), LOADED_UNKNOWN, NULL, 1, 0},
		{COMPANION(DIRECTORY), POD("p-1", SINCE("11:00:00")), LOG("p-1", "hash=none"), LOADED_UNKNOWN, NULL, 1, 0},
		/* then times tell */
		{COMPANION(SUBPATH), POD("p-1", SINCE("11:00:00")), LOG("p-1", "error=cut"), LOADED_STALE, NULL, 1, 0},
		{COMPANION(SUBPATH), POD("p-1", SINCE("13:00:00")), LOG("p-1", "hash=none"), LOADED_CURRENT, NULL, 1, 0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct fleet *f = with_logs(cases[i].companion, cases[i].pods, cases[i].logs);
		const struct workload *w = fixture_workload(f, "pipelock");
		struct loaded_worst worst = loaded_worst(f, w);

		if (worst.loaded != cases[i].loaded || worst.replicas != cases[i].replicas || worst.logged != cases[i].logged)
			fail_msg("case %zu: %s, %zu replicas, %zu logged", i, loaded_name(worst.loaded), worst.replicas,
				 worst.logged);
		if (cases[i].hash)
			assert_string_equal(worst.hash, cases[i].hash == present ? w->pipelock->config_hash : cases[i].hash);
		else
			assert_null(worst.hash);
		fleet_unref(f);
	}
}

/* A sighting is of a pod by its uid and its start: one of the same name that came after it is another. */
static void
whose_health(void **state)
{
	static const struct {
		const char *line;
		bool counts, good;
	} cases[] = {
		{"pod=p-1 at=2026-05-21T13:00:00Z status=healthy kill=0", true, true},
		{"pod=p-1 at=2026-05-21T13:00:00Z status=healthy", true, true},
		{"pod=p-1 at=2026-05-21T13:00:00Z status=healthy kill=1", true, false},
		{"pod=p-1 at=2026-05-21T13:00:00Z status=unhealthy http=503", true, false},
		{"pod=p-1 at=2026-05-21T13:00:00Z http=200", true, false},
		{"pod=p-1 at=2026-05-21T10:59:59Z status=healthy", false, false},
		{"pod=p-2 at=2026-05-21T13:00:00Z status=healthy", false, false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		AUTO(buf) struct buf yaml = {0};
		AUTO(buf) struct buf text = {0};
		const struct health_sighting *h;
		const struct workload *w;
		struct fleet *f;

		buf_addf(&yaml, "%s" REPLICA_SET "%s", COMPANION(DIRECTORY),
			 POD("p-1", SINCE("11:00:00")) POD("p-2", "waiting: {reason: x}"));
		buf_addf(&text, "# tiers: health\n# health: of=Deployment/a/pipelock %s\n", cases[i].line);
		f = evidence_prove(fixture(buf_str(&yaml)), buf_str(&text), 0);
		w = fixture_workload(f, "pipelock");
		for (size_t k = 0; k < 2; k++) {
			h = loaded_health(f, w, fleet_live(f, w)->pods[k]);
			assert_int_equal(h != NULL, !k && cases[i].counts);
			if (h)
				assert_int_equal(loaded_health_good(h), cases[i].good);
		}
		fleet_unref(f);
	}
}

static void
names(void **state)
{
	(void)state;
	assert_string_equal(loaded_name(LOADED_UNKNOWN), "unknown");
	assert_string_equal(loaded_name(LOADED_CURRENT), "current");
	assert_string_equal(loaded_name(LOADED_STALE), "stale");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(started_before_the_change),
		cmocka_unit_test(started_after_the_change),
		cmocka_unit_test(started_too_soon_after),
		cmocka_unit_test(the_worst_counts),
		cmocka_unit_test(nothing_runs),
		cmocka_unit_test(what_logs_say),
		cmocka_unit_test(whose_health),
		cmocka_unit_test(names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
