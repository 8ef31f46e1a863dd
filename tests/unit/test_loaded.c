/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "audit/loaded.h"
#include "base/buf.h"
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
		cmocka_unit_test(names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
