/* SPDX-License-Identifier: Apache-2.0 */
/* One namespace of a cluster was read: what lies outside is not taken for what does not exist. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "audit/audit.h"
#include "base/str.h"
#include "decode/files.h"
#include "fleet/egress.h"
#include "fleet/fleet.h"

#define AGENT(proxy)                                                                                                    \
	"---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x, namespace: a, labels: {app: x, "                \
	"app.kubernetes.io/component: agent}}\nspec: {selector: {matchLabels: {app: x}}, template: {metadata: {labels: "  \
	"{app: x}}, spec: {containers: [{name: main, image: busybox, env: [{name: HTTPS_PROXY, value: '" proxy            \
	"'}]}]}}}\n"
#define COMPANION                                                                                                       \
	"---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: c, namespace: a}\nspec: {selector: {matchLabels: " \
	"{app: c}}, template: {metadata: {labels: {app: c}}, spec: {containers: [{name: pipelock, image: pipelock}]}}}\n"  \
	"---\napiVersion: v1\nkind: Service\nmetadata: {name: c, namespace: a}\nspec: {selector: {app: c}, ports: "      \
	"[{port: 8888}]}\n"
#define EGRESS(more)                                                                                                    \
	"---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: x-egress, namespace: a}\nspec: "    \
	"{podSelector: {matchLabels: {app: x}}, policyTypes: [Egress], egress: [{to: [{podSelector: {matchLabels: {app: "  \
	"c}}}], ports: [{port: 8888}]}" more "]}\n"

static struct audit *
judge(const char *yaml, const char *namespace)
{
	struct object_set set = {0};
	struct fleet_input in = {.source = {.type = SOURCE_CLUSTER, .namespace = namespace}, .objects = &set};
	struct fleet *f;
	struct audit *a;
	struct err e;

	if (!files_read_memory("test.yaml", yaml, strlen(yaml), "a", &set, &e))
		fail_msg("%s", e.msg);
	f = fleet_new(&in);
	object_set_free(&set);
	a = audit_new(f, NULL, 0);
	fleet_unref(f);
	return a;
}

static bool
is_found(const struct audit *a, const char *rule)
{
	for (size_t i = 0; i < a->n_findings; i++)
		if (str_eq(a->findings[i].rule->id, rule))
			return true;
	return false;
}

static bool
is_unknown(const struct audit *a, const char *rule)
{
	for (size_t i = 0; i < a->n_unknown; i++)
		if (str_eq(a->unknown[i]->id, rule))
			return true;
	return false;
}

/* The whole cluster says that nothing stands behind it; one namespace of it does not. */
static void
peer_outside(void **state)
{
	static const char yaml[] =
		AGENT("http://c:8888") COMPANION EGRESS(", {to: [{namespaceSelector: {matchLabels: {team: b}}}]}");
	struct audit *whole = judge(yaml, NULL), *part = judge(yaml, "a");
	const struct egress *e = part->agents[0]->egress;

	(void)state;
	assert_false(is_found(whole, "agent-egress-extra") || is_unknown(whole, "agent-egress-extra"));
	assert_int_equal(egress_known_shape(whole->agents[0]->egress), SHAPE_COMPANION);
	assert_true(is_unknown(part, "agent-egress-extra"));
	assert_true(is_unknown(part, "agent-egress-transitive"));
	assert_false(is_unknown(part, "agent-egress-internet"));
	assert_int_equal(egress_known_shape(e), -1);
	assert_int_equal(part->agents[0]->state, STATE_MIGRATING);
	assert_int_equal(audit_exit_status(part, SEV_NEVER), 4);
	audit_unref(whole);
	audit_unref(part);
}

/* The namespace by its name, and DNS: that is inside, or harmless. */
static void
peers_that_are_known(void **state)
{
	struct audit *a = judge(AGENT("http://c:8888") COMPANION EGRESS(
		", {to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: a}}}]}"
		", {to: [{namespaceSelector: {}, podSelector: {matchLabels: {k8s-app: kube-dns}}}], ports: [{port: 53, "
		"protocol: UDP}]}"), "a");

	(void)state;
	assert_false(is_unknown(a, "agent-egress-extra"));
	assert_true(egress_known_shape(a->agents[0]->egress) >= 0);
	audit_unref(a);
}

/* A way to the internet is one, whatever else is not known. */
static void
internet_stays(void **state)
{
	struct audit *a = judge(AGENT("http://c:8888") COMPANION EGRESS(
		", {to: [{namespaceSelector: {}}]}, {to: [{ipBlock: {cidr: 0.0.0.0/0}}]}"), "a");

	(void)state;
	assert_true(is_found(a, "agent-egress-internet"));
	assert_int_equal(egress_known_shape(a->agents[0]->egress), SHAPE_INTERNET);
	audit_unref(a);
}

/* Its companion is elsewhere: neither missing nor there. */
static void
companion_outside(void **state)
{
	struct audit *whole = judge(AGENT("http://c.infra.svc:8888"), NULL);
	struct audit *part = judge(AGENT("http://c.infra.svc:8888"), "a");

	(void)state;
	assert_true(is_found(whole, "no-companion"));
	assert_int_equal(part->n_agents, 1);
	assert_false(is_found(part, "no-companion"));
	assert_true(is_unknown(part, "no-companion"));
	assert_false(part->complete);
	assert_int_equal(fleet_state(whole->fleet, whole->agents[0]), STATE_UNGUARDED);
	assert_int_equal(fleet_state(part->fleet, part->agents[0]), STATE_UNKNOWN);
	assert_int_equal(part->states[STATE_UNKNOWN], 1);
	assert_int_equal(part->states[STATE_UNGUARDED], 0);
	audit_unref(whole);
	audit_unref(part);
}

/* Without a label it is an agent only by a companion that was not read: that is said. */
static void
agent_by_a_companion_outside(void **state)
{
	static const char yaml[] =
		"apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: a}\nspec: {containers: [{name: main, image: "
		"busybox, env: [{name: HTTPS_PROXY, value: 'http://c.infra:8888'}]}]}\n";
	struct audit *a = judge(yaml, "a");

	(void)state;
	assert_int_equal(a->n_agents, 0);
	assert_false(a->complete);
	assert_true(a->n_gaps == 1 && str_has(a->gaps[0].reason, "c.infra"));
	audit_unref(a);
}

static void
companion_open_to_others(void **state)
{
	static const char ingress[] =
		AGENT("http://c:8888") COMPANION
		"---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: c-in, namespace: a}\nspec: "
		"{podSelector: {matchLabels: {app: c}}, policyTypes: [Ingress], ingress: [{from: [{namespaceSelector: "
		"{matchLabels: {team: b}}}]}]}\n";
	struct audit *whole = judge(ingress, NULL), *part = judge(ingress, "a");

	(void)state;
	assert_false(is_unknown(whole, "companion-ingress-open"));
	assert_true(is_unknown(part, "companion-ingress-open"));
	audit_unref(whole);
	audit_unref(part);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(peer_outside),
		cmocka_unit_test(peers_that_are_known),
		cmocka_unit_test(internet_stays),
		cmocka_unit_test(companion_outside),
		cmocka_unit_test(agent_by_a_companion_outside),
		cmocka_unit_test(companion_open_to_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
