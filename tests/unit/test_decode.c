/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the model keeps of real manifests: tests/decode/X.yaml or .json against tests/decode/X.want. The wanted text
 * was checked by hand; after a change of the dump or the model, look at what differs and copy it from the log.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/reader.h"
#include "base/str.h"
#include "decode/files.h"
#include "tests/decode/dump.h"
#include "tests/source.h"

static void
read_all(const char *path, struct buf *out)
{
	AUTO(reader) struct reader *in = reader_open(path, NULL);
	size_t got = 1;

	assert_non_null(in);
	while (got) {
		assert_true(reader_read(in, buf_reserve(out, 4096), 4096, &got, NULL));
		out->len += got;
	}
	buf_adds(out, "");
}

static void
dump_set(struct buf *out, const struct object_set *set)
{
	for (size_t i = 0; i < set->n; i++)
		dump_object(out, set->at[i]);
	for (size_t i = 0; i < set->n_warnings; i++)
		buf_addf(out, "warning: %s\n", set->warnings[i]);
}

static void
check_file(const char *name, const char *extension)
{
	AUTO(free) char *cases = source_path("tests/decode");
	AUTO(free) char *path = mem_printf("%s/%s%s", cases, name, extension);
	AUTO(free) char *want_path = mem_printf("%s/%s.want", cases, name);
	AUTO(buf) struct buf got = {0};
	AUTO(buf) struct buf want = {0};
	struct object_set set = {0};
	struct err e = {0};
	const char *paths[] = {path};

	if (!files_read(paths, 1, "team-a", &set, &e))
		fail_msg("%s", e.msg);
	for (size_t i = 0; i < set.n; i++)
		assert_string_equal(set.at[i]->location.path, path);
	dump_set(&got, &set);
	object_set_free(&set);
	read_all(want_path, &want);
	if (!str_eq(buf_str(&got), buf_str(&want))) {
		print_error("%s", buf_str(&got));
		fail_msg("%s is not what %s.want says", path, name);
	}
}

static void
pod_spec(void **state)
{
	(void)state;
	check_file("agent", ".yaml");
}

static void
controllers_of_every_kind(void **state)
{
	(void)state;
	check_file("workloads", ".yaml");
}

static void
services_config_maps_and_foreign_kinds(void **state)
{
	(void)state;
	check_file("others", ".yaml");
}

static void
carriage_returns_and_byte_order_mark(void **state)
{
	(void)state;
	check_file("windows", ".yaml");
}

static void
lists_in_lists(void **state)
{
	(void)state;
	check_file("lists", ".yaml");
}

static void
items_before_their_kind(void **state)
{
	(void)state;
	check_file("items-first", ".yaml");
}

static void
what_kubectl_prints_of_live_objects(void **state)
{
	(void)state;
	check_file("kubectl", ".json");
}

static void
typed_lists_of_the_api_server(void **state)
{
	(void)state;
	check_file("api", ".json");
}

/* --- one object from a string --- */

static bool
decode_text(const char *text, struct object_set *set, struct err *e)
{
	return files_read_memory("x.yaml", text, strlen(text), NULL, set, e);
}

#define POD(spec) "apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: a}\nspec: " spec "\n"
#define POD_WITH(more) POD("{containers: [{name: c, image: i}], " more "}")
#define PATCH "; if this is a patch of Kustomize, pipe `kubectl kustomize` into -f -"
#define META(more) "apiVersion: v1\nkind: Namespace\nmetadata: " more "\n"

static void
objects_that_cannot_be_are_named(void **state)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{"apiVersion: v1\nkind: Pod\n", "Pod, line 1: metadata is missing"},
		{META("{}"), "Namespace, line 3: metadata.name is missing"},
		{META("{name: ''}"), "Namespace, line 3: metadata.name is missing"},
		{META("[a]"), "Namespace, line 3: metadata: a map expected, got a list"},
		{META("{name: [a]}"), "Namespace, line 3: metadata.name: a string expected, got a list"},
		{META("{name: \"a\\0b\"}"), "Namespace, line 3: metadata.name: a NUL byte inside a text"},
		{META("{name: n, labels: {a.b/c: {d: e}}}"),
		 "Namespace n, line 3: metadata.labels[a.b/c]: a string expected, got a map"},
		{META("{name: n, generation: two}"),
		 "Namespace n, line 3: metadata.generation: a number expected, got a string"},
		{"kind: Namespace\nmetadata: {name: n}\n", "Namespace n, line 1: apiVersion is missing"},
		{POD("{containers: {name: c}}"), "Pod a/p, line 4: spec.containers: a list expected, got a map"},
		{POD("{}"), "Pod a/p, line 4: spec: no containers" PATCH},
		{POD("{containers: [c]}"), "Pod a/p, line 4: spec.containers[0]: a map expected, got a string"},
		{POD("{containers: [{name: c}]}"), "Pod a/p, line 4: spec.containers[0]: no image" PATCH},
		{POD("{containers: [{image: c}]}"), "Pod a/p, line 4: spec.containers[0].name is missing"},
		{POD("\n  containers:\n  - name: c\n    image: i\n    env:\n    - {name: A, value: 1}\n"
		     "    - name: B\n      value:\n      - b"),
		 "Pod a/p, line 12: spec.containers[0].env[1].value: a string expected, got a list"},
		{POD("{containers: [{name: c, image: i, ports: [{containerPort: 65536}]}]}"),
		 "Pod a/p, line 4: spec.containers[0].ports[0].containerPort: a whole number from 1 to 65535 expected, "
		 "got 65536"},
		{POD("{containers: [{name: c, image: i, args: [[]]}]}"),
		 "Pod a/p, line 4: spec.containers[0].args[0]: a string expected, got a list"},
		{POD_WITH("hostNetwork: 'true'"), "Pod a/p, line 4: spec.hostNetwork: true or false expected, got a string"},
		{POD_WITH("securityContext: {runAsUser: -1}"),
		 "Pod a/p, line 4: spec.securityContext.runAsUser: a whole number from 0 to 2147483647 expected, got -1"},
		{POD_WITH("securityContext: {supplementalGroups: [x]}"),
		 "Pod a/p, line 4: spec.securityContext.supplementalGroups[0]: a group id expected, got a string"},
		{POD_WITH("volumes: [{name: v, secret: {defaultMode: '0440'}}]"),
		 "Pod a/p, line 4: spec.volumes[0].secret.defaultMode: a number expected, got a string"},
		{POD_WITH("volumes: [{name: v, secret: {defaultMode: 1.5}}]"),
		 "Pod a/p, line 4: spec.volumes[0].secret.defaultMode: a whole number from 0 to 2147483647 expected, got 1.5"},
		{"apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\nspec: {replicas: three}\n",
		 "Deployment default/d, line 4: spec.replicas: a number expected, got a string"},
		{"apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\nspec: {replicas: 3}\n",
		 "Deployment default/d, line 4: spec: no pod template" PATCH},
		{"apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: d}\nspec: {jobTemplate: {}}\n",
		 "CronJob default/d, line 1: no pod template" PATCH},
		{"apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\n"
		 "spec: {selector: {matchExpressions: [{key: a, operator: Like, values: [b]}]}}\n",
		 "Deployment default/d, line 4: spec.selector.matchExpressions[0].operator: In, NotIn, Exists or DoesNotExist "
		 "expected, got Like"},
		{"apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\n"
		 "spec: {selector: {matchExpressions: [{key: a, operator: In}]}}\n",
		 "Deployment default/d, line 4: spec.selector.matchExpressions[0]: operator In needs values"},
		{"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\ndata: {a: {b: c}}\n",
		 "ConfigMap default/m, line 4: data.a: a string expected, got a map"},
		{"apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: {ports: [{port: 80, targetPort: 0}]}\n",
		 "Service default/s, line 4: spec.ports[0].targetPort: a whole number from 1 to 65535 expected, got 0"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		AUTO(free) char *want = mem_printf("x.yaml: %s", cases[i].message);
		struct object_set set = {0};
		struct err e = {0};

		if (decode_text(cases[i].text, &set, &e))
			fail_msg("accepted: %s", cases[i].text);
		assert_string_equal(e.msg, want);
		assert_int_equal(e.kind, ERR_INPUT);
		assert_int_equal(set.n, 0);
	}
}

static void
messages_show_hostile_names_safely(void **state)
{
	struct object_set set = {0};
	struct err e = {0};

	(void)state;
	assert_false(decode_text(META("{name: \"a\\e[2J\\u202e\", labels: {\"\\a\": []}}"), &set, &e));
	assert_string_equal(e.msg, "x.yaml: Namespace a\\x1b[2J\\u202e, line 3: metadata.labels.\\x07: a string "
				   "expected, got a list");
}

static const struct object *
only(const struct object_set *set)
{
	assert_int_equal(set->n, 1);
	return set->at[0];
}

static void
long_annotations_go_unless_moat_reads_them(void **state)
{
	AUTO(buf) struct buf text = {0};
	struct object_set set = {0};
	struct err e = {0};
	const char *const keys[] = {"a/long", "moat.dev/ignore", "pipelock.dev/proxy-name"};

	(void)state;
	buf_adds(&text, "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: n\n  annotations:\n    short: s\n");
	for (size_t i = 0; i < COUNT_OF(keys); i++) {
		buf_addf(&text, "    %s: ", keys[i]);
		buf_fill(&text, 'x', 1025);
		buf_addc(&text, '\n');
	}
	assert_true(decode_text(buf_str(&text), &set, &e));
	assert_null(labels_get(&only(&set)->annotations, "a/long"));
	assert_int_equal(strlen(labels_get(&only(&set)->annotations, "moat.dev/ignore")), 1025);
	assert_int_equal(strlen(labels_get(&only(&set)->annotations, "pipelock.dev/proxy-name")), 1025);
	assert_string_equal(labels_get(&only(&set)->annotations, "short"), "s");
	object_set_free(&set);
}

static void
config_text_keeps_its_nul_bytes(void **state)
{
	const char *json = "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"m\"},"
			   "\"data\":{\"k\":\"a\\u0000b\"}}";
	struct object_set set = {0};
	struct err e = {0};
	const struct config_key *key;

	(void)state;
	assert_true(decode_text(json, &set, &e));
	key = config_map_key(object_config_map(only(&set)), "k");
	assert_int_equal(key->len, 3);
	assert_memory_equal(key->text, "a\0b", 4);
	object_set_free(&set);
}

static void
managed_fields_count_in_yaml_too(void **state)
{
	const char *text = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: m\n  managedFields:\n"
			   "  - {time: '2026-01-02T00:00:00Z', fieldsV1: {'f:data': {}}}\n"
			   "  - {time: '2026-01-03T00:00:00Z', fieldsV1: {'f:binaryData': {}}}\n"
			   "  - {time: '2026-01-04T00:00:00Z', fieldsV1: {'f:metadata': {}}}\n";
	struct object_set set = {0};
	struct err e = {0};
	char at[24];

	(void)state;
	assert_true(decode_text(text, &set, &e));
	clock_format(object_config_map(only(&set))->data_changed_at, at);
	assert_string_equal(at, "2026-01-03T00:00:00Z");
	object_set_free(&set);
}

/* A fleet keeps a hundred thousand of them. */
static void
an_object_takes_no_more_than_it_needs(void **state)
{
	AUTO(free) char *path = source_path("tests/decode/agent.yaml");
	const char *paths[] = {path};
	struct object_set set = {0};
	struct err e = {0};

	(void)state;
	assert_true(files_read(paths, 1, NULL, &set, &e));
	/* The chunk's header, and what alignment leaves. */
	assert_true(arena_size(&only(&set)->memory) <= arena_used(&only(&set)->memory) + 64);
	object_set_free(&set);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pod_spec),
		cmocka_unit_test(controllers_of_every_kind),
		cmocka_unit_test(services_config_maps_and_foreign_kinds),
		cmocka_unit_test(carriage_returns_and_byte_order_mark),
		cmocka_unit_test(lists_in_lists),
		cmocka_unit_test(items_before_their_kind),
		cmocka_unit_test(what_kubectl_prints_of_live_objects),
		cmocka_unit_test(typed_lists_of_the_api_server),
		cmocka_unit_test(objects_that_cannot_be_are_named),
		cmocka_unit_test(messages_show_hostile_names_safely),
		cmocka_unit_test(long_annotations_go_unless_moat_reads_them),
		cmocka_unit_test(config_text_keeps_its_nul_bytes),
		cmocka_unit_test(managed_fields_count_in_yaml_too),
		cmocka_unit_test(an_object_takes_no_more_than_it_needs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
