/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/str.h"
#include "fleet/env.h"
#include "tests/unit/fleet_fixture.h"

#define POD "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n  - name: c\n    image: x\n"
#define MAPS                                                                       \
	"---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: one}\n"            \
	"data: {HTTPS_PROXY: 'http://one:1', NAME: from-one, DOLLAR: '$(NAME)'}\n" \
	"---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: two}\n"            \
	"data: {HTTPS_PROXY: 'http://two:2'}\nbinaryData: {NAME: 'AA=='}\n"        \
	"---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: elsewhere, namespace: b}\ndata: {A: b}\n"
#define SERVICES                                                                                               \
	"---\napiVersion: v1\nkind: Service\nmetadata: {name: pipe-lock}\n"                                    \
	"spec: {clusterIP: 10.0.0.7, ports: [{name: http-proxy, port: 8888}, {name: m, port: 9, protocol: "    \
	"UDP}]}\n"                                                                                             \
	"---\napiVersion: v1\nkind: Service\nmetadata: {name: new}\nspec: {ports: [{port: 1}]}\n"              \
	"---\napiVersion: v1\nkind: Service\nmetadata: {name: none, uid: u}\n"                                 \
	"spec: {clusterIP: None, ports: [{port: 1}]}\n"                                                        \
	"---\napiVersion: v1\nkind: Service\nmetadata: {name: out}\nspec: {type: ExternalName, externalName: " \
	"x.y}\n"                                                                                               \
	"---\napiVersion: v1\nkind: Service\nmetadata: {name: kubernetes, namespace: default}\n"               \
	"spec: {clusterIP: 10.0.0.1, ports: [{name: https, port: 443}]}\n"

static struct env_value
look(const struct fleet *f, const char *name, struct arena *a)
{
	const struct workload *w = fixture_workload(f, "p");

	return env_lookup(f, "a", &w->template->spec.containers[0], name, a);
}

static void
check_in(const char *env, const char *name, enum env_state state, const char *value)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf yaml = {0};
	struct fleet *f;
	struct env_value v;

	buf_adds(&yaml, POD);
	buf_adds(&yaml, env);
	buf_adds(&yaml, MAPS SERVICES);
	f = fixture(buf_str(&yaml));
	v = look(f, name, &a);
	assert_int_equal(v.state, state);
	if (state == ENV_SET)
		assert_string_equal(v.value, value);
	fleet_unref(f);
}

static void
literals(void **state)
{
	(void)state;
	check_in("    env: [{name: A, value: plain}]\n", "A", ENV_SET, "plain");
	check_in("    env: [{name: A, value: plain}]\n", "B", ENV_ABSENT, NULL);
	check_in("    env: [{name: A}]\n", "A", ENV_SET, "");
	check_in("    env: [{name: A, value: one}, {name: A, value: two}]\n", "A", ENV_SET, "two");
	check_in("", "A", ENV_ABSENT, NULL);
}

/* The cases of Kubernetes' own expansion. */
static void
expansion(void **state)
{
	static const char *const cases[][2] = {
		{"$(VAR_A)", "A"},
		{"___$(VAR_B)___", "___B___"},
		{"$(VAR_A)-1", "A-1"},
		{"$(VAR_A)$(VAR_B)", "AB"},
		{"$$(VAR_A)_$(VAR_A)", "$(VAR_A)_A"},
		{"$$$(VAR_A)", "$A"},
		{"$$$$(VAR_A)", "$$(VAR_A)"},
		{"f000-$$VAR_A", "f000-$VAR_A"},
		{"foo\\$(VAR_C)bar", "foo\\Cbar"},
		{"$(VAR_A", "$(VAR_A"},
		{"$$(VAR_A", "$(VAR_A"},
		{"$VAR_A", "$VAR_A"},
		{"$", "$"},
		{"$$", "$"},
		{"x$", "x$"},
		{"$(NOT_THERE)", "$(NOT_THERE)"},
		{"$()", "$()"},
		{"$($(VAR_A))", "$($(VAR_A))"},
		{"$(VAR_REF)", "A"},
		{"$(VAR_EMPTY)|", "|"},
		{"$(LATER)", "$(LATER)"},
		{"a$(VAR_A)b$$c$(VAR_B)", "aAb$cB"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		AUTO(buf) struct buf env = {0};

		buf_addf(&env,
			 "    env:\n    - {name: VAR_A, value: A}\n    - {name: VAR_B, value: B}\n"
			 "    - {name: VAR_C, value: C}\n    - {name: VAR_REF, value: $(VAR_A)}\n    - {name: "
			 "VAR_EMPTY}\n"
			 "    - name: T\n      value: '%s'\n    - {name: LATER, value: x}\n",
			 cases[i][0]);
		check_in(buf_str(&env), "T", ENV_SET, cases[i][1]);
	}
}

static void
order_counts(void **state)
{
	(void)state;
	check_in("    env: [{name: A, value: '1'}, {name: A, value: $(A)2}, {name: A, value: $(A)3}]\n", "A",
		 ENV_SET, "123");
	check_in("    env: [{name: A, value: $(A)}]\n", "A", ENV_SET, "$(A)");
	check_in("    env: [{name: A, value: $(B)}, {name: B, value: $(A)}]\n", "B", ENV_SET, "$(B)");
}

static void
config_map_keys(void **state)
{
	(void)state;
	check_in("    env: [{name: A, valueFrom: {configMapKeyRef: {name: one, key: NAME}}}]\n", "A", ENV_SET,
		 "from-one");
	check_in("    env: [{name: A, valueFrom: {configMapKeyRef: {name: one, key: DOLLAR}}}]\n", "A", ENV_SET,
		 "$(NAME)");
	check_in("    env: [{name: A, valueFrom: {configMapKeyRef: {name: one, key: NO}}}]\n", "A", ENV_UNKNOWN,
		 NULL);
	check_in("    env: [{name: A, valueFrom: {configMapKeyRef: {name: no, key: NO}}}]\n", "A", ENV_UNKNOWN,
		 NULL);
	check_in("    env: [{name: A, valueFrom: {configMapKeyRef: {name: two, key: NAME}}}]\n", "A", ENV_UNKNOWN,
		 NULL);
	check_in("    env: [{name: A, valueFrom: {configMapKeyRef: {name: elsewhere, key: A}}}]\n", "A",
		 ENV_UNKNOWN, NULL);
	check_in("    env: [{name: A, valueFrom: {configMapKeyRef: {name: no, key: NO, optional: true}}}]\n", "A",
		 ENV_ABSENT, NULL);
	check_in("    env: [{name: A, value: x}, {name: A, valueFrom: {configMapKeyRef: {name: one, key: NO, "
		 "optional: "
		 "true}}}]\n",
		 "A", ENV_SET, "x");
	check_in("    env: [{name: B, valueFrom: {configMapKeyRef: {name: one, key: NAME}}}, {name: A, value: "
		 "<$(B)>}]\n",
		 "A", ENV_SET, "<from-one>");
}

static void
whole_config_maps(void **state)
{
	(void)state;
	check_in("    envFrom: [{configMapRef: {name: one}}]\n", "HTTPS_PROXY", ENV_SET, "http://one:1");
	check_in("    envFrom: [{configMapRef: {name: one}}, {configMapRef: {name: two}}]\n", "HTTPS_PROXY",
		 ENV_SET, "http://two:2");
	check_in("    envFrom: [{configMapRef: {name: two}}, {configMapRef: {name: one}}]\n", "HTTPS_PROXY",
		 ENV_SET, "http://one:1");
	check_in("    envFrom: [{configMapRef: {name: one}}]\n", "DOLLAR", ENV_SET, "$(NAME)");
	check_in("    envFrom: [{configMapRef: {name: two}}]\n", "NAME", ENV_ABSENT, NULL);
	check_in("    envFrom: [{configMapRef: {name: one}}]\n    env: [{name: NAME, value: own}]\n", "NAME",
		 ENV_SET, "own");
	check_in("    envFrom: [{configMapRef: {name: one}}]\n    env: [{name: A, value: <$(NAME)>}]\n", "A",
		 ENV_SET, "<from-one>");
	check_in("    envFrom: [{prefix: X_, configMapRef: {name: one}}]\n", "X_NAME", ENV_SET, "from-one");
	check_in("    envFrom: [{prefix: X_, configMapRef: {name: one}}]\n", "NAME", ENV_ABSENT, NULL);
	check_in("    envFrom: [{configMapRef: {name: no}}]\n", "NAME", ENV_UNKNOWN, NULL);
	check_in("    envFrom: [{configMapRef: {name: no, optional: true}}]\n", "NAME", ENV_ABSENT, NULL);
	check_in("    envFrom: [{configMapRef: {name: one}}, {configMapRef: {name: no}}]\n", "NAME", ENV_UNKNOWN,
		 NULL);
	check_in("    envFrom: [{configMapRef: {name: no}}, {configMapRef: {name: one}}]\n", "NAME", ENV_SET,
		 "from-one");
	check_in("    envFrom: [{prefix: Y_, configMapRef: {name: no}}]\n", "NAME", ENV_ABSENT, NULL);
}

static void
what_is_not_read(void **state)
{
	(void)state;
	check_in("    env: [{name: A, valueFrom: {secretKeyRef: {name: s, key: k}}}]\n", "A", ENV_HIDDEN, NULL);
	check_in("    env: [{name: S, valueFrom: {secretKeyRef: {name: s, key: k}}}, {name: A, value: "
		 "'http://$(S)@x'}]\n",
		 "A", ENV_HIDDEN, NULL);
	check_in("    env: [{name: S, valueFrom: {secretKeyRef: {name: s, key: k}}}, {name: A, value: $$(S)}]\n",
		 "A", ENV_SET, "$(S)");
	check_in("    env: [{name: A, valueFrom: {fieldRef: {fieldPath: status.podIP}}}]\n", "A", ENV_HIDDEN, NULL);
	check_in("    env: [{name: N, valueFrom: {fieldRef: {fieldPath: metadata.namespace}}}, {name: A, value: "
		 "x.$(N)}]\n",
		 "A", ENV_SET, "x.a");
	check_in("    env: [{name: A, valueFrom: {resourceFieldRef: {resource: limits.cpu}}}]\n", "A", ENV_HIDDEN,
		 NULL);
	check_in("    envFrom: [{secretRef: {name: s}}]\n", "A", ENV_ABSENT, NULL);
	check_in("    envFrom: [{configMapRef: {name: one}}, {secretRef: {name: s}}]\n", "NAME", ENV_SET,
		 "from-one");
}

/* What is known of A, and why the rest is not. */
static void
check_known(const char *env, const char *known, const char *kind, const char *cause)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf yaml = {0};
	struct fleet *f;
	struct env_value v;

	buf_addf(&yaml, POD "%s" MAPS SERVICES, env);
	f = fixture(buf_str(&yaml));
	v = look(f, "A", &a);
	assert_true(v.state == ENV_HIDDEN || v.state == ENV_UNKNOWN);
	assert_true(known ? str_eq(v.known, known) : !v.known);
	assert_true(kind ? str_eq(v.kind, kind) : !v.kind);
	assert_string_equal(v.cause, cause);
	fleet_unref(f);
}

static void
what_is_known_of_it(void **state)
{
#define SECRET "    env:\n    - {name: S, valueFrom: {secretKeyRef: {name: s, key: k}}}\n"
#define A_IS(value) "    - {name: A, value: '" value "'}\n"
	static const char secret[] = "Secret a/s, which moat does not read";

	(void)state;
	check_known(SECRET A_IS("http://u:$(S)@x:1"), "http://u:\x1a@x:1", "Secret", secret);
	check_known(SECRET A_IS("$(S)"), "\x1a", "Secret", secret);
	check_known(SECRET "    - {name: B, value: 'u:$(S)'}\n" A_IS("$(B)@x"), "u:\x1a@x", "Secret", secret);
	check_known("    env: [{name: A, valueFrom: {secretKeyRef: {name: s, key: k}}}]\n", NULL, "Secret", secret);
	check_known("    env: [{name: A, valueFrom: {fieldRef: {fieldPath: status.hostIP}}}]\n", NULL, NULL,
		    "field status.hostIP of the pod, which is not known here");
	check_known("    env:\n" A_IS("http://$(NEW_SERVICE_HOST):$(NEW_SERVICE_PORT)"), "http://new.a.svc:1", "Service",
		    "Service a/new, which has no clusterIP here");
	check_known("    env: [{name: A, valueFrom: {configMapKeyRef: {name: no, key: k}}}]\n", NULL, "ConfigMap",
		    "ConfigMap a/no, which was not found");
	check_known("    env: [{name: A, valueFrom: {configMapKeyRef: {name: one, key: k}}}]\n", NULL, "ConfigMap",
		    "ConfigMap a/one, which has no text under key k");
	check_known("    envFrom: [{configMapRef: {name: no}}]\n", NULL, "ConfigMap",
		    "ConfigMap a/no, which was not found");
#undef SECRET
#undef A_IS
}

static void
secrets_under_env_from(void **state)
{
	struct fleet *f = fixture(POD "    envFrom: [{prefix: X_, secretRef: {name: x}}, {secretRef: {name: s}}]\n");
	const struct container *c = &fixture_workload(f, "p")->template->spec.containers[0];

	(void)state;
	assert_string_equal(env_secret_source(c, "A"), "s");
	assert_string_equal(env_secret_source(c, "X_A"), "x");
	fleet_unref(f);
}

static void
config_maps_that_could_not_be_read(void **state)
{
	static const char yaml[] =
		POD "    envFrom: [{configMapRef: {name: one, optional: true}}]\n"
		    "    env: [{name: A, valueFrom: {configMapKeyRef: {name: x, key: y, optional: true}}}]\n";
	static const struct gap everywhere = {FACT_CONFIG_MAPS, "ConfigMap", "", "forbidden"};
	static const struct gap here = {FACT_CONFIG_MAPS, "ConfigMap", "a", "forbidden"};
	static const struct gap there = {FACT_CONFIG_MAPS, "ConfigMap", "b", "forbidden"};
	static const struct gap *const gaps[] = {&everywhere, &here, &there};
	AUTO(arena) struct arena a = {0};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(gaps); i++) {
		struct fleet *f = fixture_with_gaps(yaml, gaps[i], 1);
		enum env_state want = i < 2 ? ENV_UNKNOWN : ENV_ABSENT;

		assert_int_equal(look(f, "A", &a).state, want);
		assert_int_equal(look(f, "B", &a).state, want);
		fleet_unref(f);
	}
}

static void
service_variables(void **state)
{
	static const struct {
		const char *name;
		enum env_state state;
		const char *value;
	} cases[] = {
		{"PIPE_LOCK_SERVICE_HOST", ENV_SET, "10.0.0.7"},
		{"PIPE_LOCK_SERVICE_PORT", ENV_SET, "8888"},
		{"PIPE_LOCK_SERVICE_PORT_HTTP_PROXY", ENV_SET, "8888"},
		{"PIPE_LOCK_SERVICE_PORT_M", ENV_SET, "9"},
		{"PIPE_LOCK_SERVICE_PORT_X", ENV_ABSENT, NULL},
		{"PIPE_LOCK_PORT", ENV_SET, "tcp://10.0.0.7:8888"},
		{"PIPE_LOCK_PORT_8888_TCP", ENV_SET, "tcp://10.0.0.7:8888"},
		{"PIPE_LOCK_PORT_8888_TCP_ADDR", ENV_SET, "10.0.0.7"},
		{"PIPE_LOCK_PORT_8888_TCP_PORT", ENV_SET, "8888"},
		{"PIPE_LOCK_PORT_9_UDP_PROTO", ENV_SET, "udp"},
		{"PIPE_LOCK_PORT_9_TCP", ENV_ABSENT, NULL},
		{"pipe_lock_SERVICE_HOST", ENV_ABSENT, NULL},
		{"NEW_SERVICE_HOST", ENV_UNKNOWN, NULL},
		{"NONE_SERVICE_HOST", ENV_ABSENT, NULL},
		{"OUT_SERVICE_HOST", ENV_ABSENT, NULL},
		{"OTHER_SERVICE_HOST", ENV_ABSENT, NULL},
		{"KUBERNETES_SERVICE_HOST", ENV_SET, "10.0.0.1"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		check_in("", cases[i].name, cases[i].state, cases[i].value);
	check_in("    env: [{name: A, value: 'http://$(PIPE_LOCK_SERVICE_HOST):$(PIPE_LOCK_SERVICE_PORT)'}]\n", "A",
		 ENV_SET, "http://10.0.0.7:8888");
	check_in("    env: [{name: PIPE_LOCK_SERVICE_HOST, value: own}]\n", "PIPE_LOCK_SERVICE_HOST", ENV_SET,
		 "own");
}

/* Each variable twice the one before: without a limit this is 2^64 bytes. */
static void
bombs(void **state)
{
	AUTO(buf) struct buf env = {0};

	(void)state;
	buf_adds(&env, "    env:\n    - {name: V0, value: x}\n");
	for (int i = 1; i < 64; i++)
		buf_addf(&env, "    - {name: V%d, value: $(V%d)$(V%d)}\n", i, i - 1, i - 1);
	check_in(buf_str(&env), "V63", ENV_UNKNOWN, NULL);
	check_in(buf_str(&env), "V3", ENV_SET, "xxxxxxxx");
	buf_clear(&env);
	buf_adds(&env, "    env:\n    - {name: A, value: ");
	buf_fill(&env, 'x', 100000);
	buf_adds(&env, "}\n    - {name: B, value: $(A)$(A)}\n");
	check_in(buf_str(&env), "B", ENV_UNKNOWN, NULL);
}

static void
lines(void **state)
{
	AUTO(arena) struct arena a = {0};
	struct fleet *f = fixture(
		POD
		"    envFrom:\n    - configMapRef: {name: one}\n    env:\n    - name: A\n      value: b\n" MAPS);

	(void)state;
	assert_int_equal(look(f, "A", &a).line, 11);
	assert_int_equal(look(f, "NAME", &a).line, 9);
	fleet_unref(f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(literals),
		cmocka_unit_test(expansion),
		cmocka_unit_test(order_counts),
		cmocka_unit_test(config_map_keys),
		cmocka_unit_test(whole_config_maps),
		cmocka_unit_test(what_is_not_read),
		cmocka_unit_test(what_is_known_of_it),
		cmocka_unit_test(secrets_under_env_from),
		cmocka_unit_test(config_maps_that_could_not_be_read),
		cmocka_unit_test(service_variables),
		cmocka_unit_test(bombs),
		cmocka_unit_test(lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
