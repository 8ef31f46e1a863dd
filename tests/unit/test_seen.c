/* SPDX-License-Identifier: Apache-2.0 */
/* What belongs to a workload that was read before is kept in brief, and the workload speaks for it whatever the order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/json_scan.h"
#include "decode/decode.h"
#include "decode/files.h"
#include "fleet/fleet.h"

#define SPEC "{containers: [{name: main, image: busybox, env: [{name: A, value: b}], ports: [{name: web, containerPort: 80}]}]}"
#define OWNED(name, kind, owner)                                                                                         \
	"metadata: {name: " name ", namespace: n, labels: {app: x}, ownerReferences: [{apiVersion: apps/v1, kind: " kind \
	", name: " owner ", uid: u, controller: true}]}\n"
#define TEMPLATE "spec: {selector: {matchLabels: {app: x}}, template: {metadata: {labels: {app: x}}, spec: " SPEC "}}\n"

#define DEPLOYMENT "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d, namespace: n}\n" TEMPLATE
#define KNATIVE                                                                                                        \
	"---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d, namespace: n, ownerReferences: [{apiVersion: "  \
	"serving.knative.dev/v1, kind: Revision, name: r, uid: u, controller: true}]}\n" TEMPLATE
#define REPLICA_SET "---\napiVersion: apps/v1\nkind: ReplicaSet\n" OWNED("d-1", "Deployment", "d") TEMPLATE
#define POD "---\napiVersion: v1\nkind: Pod\n" OWNED("d-1-a", "ReplicaSet", "d-1") "spec: " SPEC "\nstatus: {phase: Running}\n"

static struct object_set
read_text(const char *text)
{
	struct object_set set = {0};
	struct err e;

	if (!files_read_memory("text", text, strlen(text), NULL, &set, &e))
		fail_msg("%s", e.msg);
	return set;
}

static bool
is_brief(const struct object_set *set, const char *kind)
{
	for (size_t i = 0; i < set->n; i++) {
		const struct object *o = set->at[i];

		if (strcmp(o->kind, kind) == 0)
			return o->type == OBJECT_POD ? object_pod(o)->template.brief : object_controller(o)->template.brief;
	}
	fail_msg("no %s", kind);
	return false;
}

/* The one workload of these documents has a whole template, and its pod its labels and ports. */
static void
check_fleet(const char *text, const char *kind, const char *name)
{
	struct object_set set = read_text(text);
	struct fleet *f = fleet_new(&(struct fleet_input){.objects = &set});
	const struct workload *w = &f->workloads[0];

	assert_int_equal(f->n_workloads, 1);
	assert_string_equal(w->kind, kind);
	assert_string_equal(w->name, name);
	assert_false(w->template->brief);
	assert_int_equal(w->template->spec.n_containers, 1);
	assert_int_equal(w->template->spec.containers[0].n_env, 1);
	assert_int_equal(fleet_live(f, w)->n_pods, 1);
	assert_string_equal(labels_get(&fleet_live(f, w)->pods[0]->template.labels, "app"), "x");
	assert_int_equal(fleet_live(f, w)->pods[0]->template.spec.n_containers, 1);
	assert_string_equal(fleet_live(f, w)->pods[0]->template.spec.containers[0].ports[0].name, "web");
	fleet_unref(f);
}

static void
test_brief(UNUSED void **state)
{
	struct object_set set = read_text(DEPLOYMENT REPLICA_SET POD);
	const struct pod *pod = object_pod(set.at[2]);

	assert_false(is_brief(&set, "Deployment"));
	assert_true(is_brief(&set, "ReplicaSet"));
	assert_true(is_brief(&set, "Pod"));
	assert_int_equal(pod->template.spec.containers[0].n_env, 0);
	assert_string_equal(pod->phase, "Running");
	object_set_free(&set);
}

/* Nothing that was read before speaks for these. */
static void
test_whole(UNUSED void **state)
{
	struct object_set set = read_text(POD REPLICA_SET DEPLOYMENT);

	assert_false(is_brief(&set, "Pod"));
	assert_false(is_brief(&set, "ReplicaSet"));
	object_set_free(&set);

	/* its ReplicaSet speaks only as long as no Deployment does */
	set = read_text(REPLICA_SET POD);
	assert_false(is_brief(&set, "ReplicaSet"));
	assert_false(is_brief(&set, "Pod"));
	object_set_free(&set);

	set = read_text(KNATIVE REPLICA_SET POD);
	assert_false(is_brief(&set, "ReplicaSet"));
	assert_false(is_brief(&set, "Pod"));
	object_set_free(&set);
}

static void
test_any_order(UNUSED void **state)
{
	static const char *const orders[] = {
		DEPLOYMENT REPLICA_SET POD, DEPLOYMENT POD REPLICA_SET, REPLICA_SET DEPLOYMENT POD,
		REPLICA_SET POD DEPLOYMENT, POD DEPLOYMENT REPLICA_SET, POD REPLICA_SET DEPLOYMENT,
	};

	for (size_t i = 0; i < COUNT_OF(orders); i++)
		check_fleet(orders[i], "Deployment", "d");
}

/* The Deployment that spoke for them is passed over for one that is part of another workload. */
static void
test_twice(UNUSED void **state)
{
	check_fleet(DEPLOYMENT REPLICA_SET POD KNATIVE, "Revision", "r");
	check_fleet(DEPLOYMENT REPLICA_SET POD DEPLOYMENT, "Deployment", "d");
}

/* A list of something else takes its items away again, and what it brought is no longer seen. */
static void
test_undone(UNUSED void **state)
{
	static const char text[] =
		"items:\n- apiVersion: apps/v1\n  kind: Deployment\n  metadata: {name: d, namespace: n}\n  " TEMPLATE
		"kind: Other\napiVersion: example.com/v1\nmetadata: {name: o}\n" REPLICA_SET POD;
	struct object_set set = read_text(text);

	assert_int_equal(set.n, 2);
	assert_false(is_brief(&set, "ReplicaSet"));
	assert_false(is_brief(&set, "Pod"));
	object_set_free(&set);
}

/* What is wrong with an object is told whatever was read before it. */
static void
test_checked(UNUSED void **state)
{
	static const char bad[] = DEPLOYMENT "---\napiVersion: apps/v1\nkind: ReplicaSet\n" OWNED("d-1", "Deployment", "d")
		"spec: {template: {spec: {containers: [{name: main}]}}}\n";
	struct object_set set = {0};
	struct err e;

	assert_false(files_read_memory("text", bad, strlen(bad), NULL, &set, &e));
	assert_non_null(strstr(e.msg, "no image"));
}

/* --- a cluster, where objects come one by one and the request says their kind --- */

static struct object *
decode_item(const struct decode_context *ctx, const char *json)
{
	AUTO(arena) struct arena a = {0};
	struct node *tree;
	struct object *o;
	struct err e;

	if (!json_parse(&a, "item", json, strlen(json), 0, NULL, &tree, &e) ||
	    !decode_object(ctx, NULL, tree, &o, &e))
		fail_msg("%s", e.msg);
	return o;
}

#define JSON_OWNER(kind, owner)                                                                                   \
	"\"ownerReferences\":[{\"apiVersion\":\"apps/v1\",\"kind\":\"" kind "\",\"name\":\"" owner \
	"\",\"uid\":\"u\",\"controller\":true}]"
#define JSON_POD                                                                                                \
	"{\"metadata\":{\"name\":\"p\",\"namespace\":\"n\"," JSON_OWNER("ReplicaSet", "d-1") "}," \
	"\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}}"

static const struct decode_context as_pod = {.kind = "Pod", .api_version = "v1"};
static const struct decode_context as_metadata = {.kind = "ReplicaSet", .api_version = "apps/v1", .metadata = true};

static void
test_metadata(UNUSED void **state)
{
	struct object *o = decode_item(&as_metadata, "{\"kind\":\"PartialObjectMetadata\",\"apiVersion\":"
						     "\"meta.k8s.io/v1\",\"metadata\":{\"name\":\"d-1\",\"namespace\":"
						     "\"n\"," JSON_OWNER("Deployment", "d") "}}");

	assert_string_equal(o->kind, "ReplicaSet");
	assert_string_equal(o->owner.name, "d");
	assert_true(object_controller(o)->template.brief);
	assert_int_equal(object_controller(o)->replicas, -1);
	object_unref(o);

	/* a server that does not know the short form sends the long one */
	o = decode_item(&as_metadata, "{\"metadata\":{\"name\":\"d-1\",\"namespace\":\"n\"},\"spec\":{\"replicas\":3,"
				      "\"template\":{\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}}}}");
	assert_true(object_controller(o)->template.brief);
	assert_int_equal(object_controller(o)->replicas, -1);
	object_unref(o);
}

static void
test_no_line_in_messages(UNUSED void **state)
{
	AUTO(arena) struct arena a = {0};
	static const char json[] = "{\"metadata\":{\"name\":\"p\"},\"spec\":{}}";
	struct node *tree;
	struct object *o;
	struct err e = {0};

	assert_true(json_parse(&a, "item", json, strlen(json), 0, NULL, &tree, &e));
	assert_false(decode_object(&as_pod, NULL, tree, &o, &e));
	assert_non_null(strstr(e.msg, "Pod default/p: spec: no containers"));
}

static const struct object *
find_in(void *ctx, const char *namespace, const char *kind, const char *name)
{
	const struct object_set *set = ctx;

	for (size_t i = 0; i < set->n; i++)
		if (strcmp(set->at[i]->namespace, namespace) == 0 && strcmp(set->at[i]->kind, kind) == 0 &&
		    strcmp(set->at[i]->name, name) == 0)
			return set->at[i];
	return NULL;
}

static bool
pod_is_brief(struct object_set *there)
{
	struct seen seen = {.find = find_in, .ctx = there};
	struct decode_context ctx = as_pod;
	struct object *pod;
	bool brief;

	ctx.seen = &seen;
	pod = decode_item(&ctx, JSON_POD);
	brief = object_pod(pod)->template.brief;
	object_unref(pod);
	return brief;
}

/* What is there now counts, not what once was. */
static void
test_found(UNUSED void **state)
{
	struct object_set there = read_text(DEPLOYMENT);

	object_set_add(&there, decode_item(&as_metadata, "{\"metadata\":{\"name\":\"d-1\",\"namespace\":\"n\"," JSON_OWNER(
								 "Deployment", "d") "}}"));
	assert_true(pod_is_brief(&there));
	/* the Deployment is gone: its ReplicaSet, of which only the metadata was read, cannot speak */
	object_unref(there.at[0]);
	there.at[0] = there.at[--there.n];
	assert_false(pod_is_brief(&there));
	object_set_free(&there);
	assert_false(pod_is_brief(&there));

	there = read_text("---\napiVersion: apps/v1\nkind: ReplicaSet\nmetadata: {name: d-1, namespace: n}\n" TEMPLATE);
	assert_true(pod_is_brief(&there));
	object_set_free(&there);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_brief), cmocka_unit_test(test_whole),  cmocka_unit_test(test_any_order),
		cmocka_unit_test(test_twice), cmocka_unit_test(test_undone), cmocka_unit_test(test_checked),
		cmocka_unit_test(test_metadata),
		cmocka_unit_test(test_no_line_in_messages),
		cmocka_unit_test(test_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
