/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/attr.h"
#include "base/buf.h"
#include "fleet/way_out.h"
#include "tests/unit/fleet_fixture.h"

/* An agent, its companion, and what restricts the agent. */
#define AGENT(spec)                                                                                              \
	"---\n{apiVersion: apps/v1, kind: Deployment, metadata: {name: scout, labels: {moat.dev/role: agent}}, " \
	"spec: {selector: {matchLabels: {app: scout}}, template: {metadata: {labels: {app: scout}}, spec: "      \
	"{" spec "containers: [{name: c, image: i, env: [{name: HTTPS_PROXY, value: 'http://fw:8888'}]}]}}}}\n"
#define COMPANION                                                                                                  \
	"---\n{apiVersion: apps/v1, kind: Deployment, metadata: {name: fw}, spec: {selector: {matchLabels: {app: " \
	"fw}}, template: {metadata: {labels: {app: fw}}, spec: {containers: [{name: pipelock, image: pipelock, "   \
	"ports: [{containerPort: 8888}]}]}}}}\n"                                                                   \
	"---\n{apiVersion: v1, kind: Service, metadata: {name: fw}, spec: {selector: {app: fw}, ports: [{port: "   \
	"8888}]}}\n"
#define POLICY(name, rules)                                                                               \
	"---\n{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: " name "}, spec: " \
	"{podSelector: {matchLabels: {app: scout}}, policyTypes: [Egress], egress: [" rules "]}}\n"
#define TO_COMPANION "{to: [{podSelector: {matchLabels: {app: fw}}}], ports: [{port: 8888}]}, "
#define TO_BLOCK(cidr, port) "{to: [{ipBlock: {cidr: '" cidr "'}}], ports: [{port: " port "}]}, "
#define TO_NAMESPACE(port) "{to: [{podSelector: {}}], ports: [{port: " port "}]}, "
#define ADMIN_DENY(cidr)                                                                                          \
	"---\n{apiVersion: policy.networking.k8s.io/v1alpha1, kind: AdminNetworkPolicy, metadata: {name: deny}, " \
	"spec: {priority: 5, subject: {namespaces: {}}, egress: [{action: Deny, to: [{networks: ['" cidr          \
	"']}]}]}}\n"
#define CILIUM                                                                                   \
	"---\n{apiVersion: cilium.io/v2, kind: CiliumNetworkPolicy, metadata: {name: c}, spec: " \
	"{endpointSelector: "                                                                    \
	"{matchLabels: {app: scout}}, egress: [{}]}}\n"

static void
what_policies_let_out(void **state)
{
	static const struct {
		const char *yaml, *host;
		int port;
		enum way_out_verdict verdict;
		const char *policy;
		unsigned rule;
	} cases[] = {
		{AGENT("") COMPANION, "1.1.1.1", 443, WAY_OUT_UNRESTRICTED, NULL, 0},
		{AGENT("hostNetwork: true, ") COMPANION POLICY("p", ""), "1.1.1.1", 443, WAY_OUT_UNRESTRICTED, NULL,
		 0},
		{AGENT("") COMPANION POLICY("p", ""), "1.1.1.1", 443, WAY_OUT_NONE, NULL, 0},
		{AGENT("") COMPANION POLICY("p", TO_COMPANION), "1.1.1.1", 443, WAY_OUT_NONE, NULL, 0},
		{AGENT("") COMPANION POLICY("p", TO_COMPANION TO_BLOCK("1.0.0.0/8", "443")), "1.1.1.1", 443,
		 WAY_OUT_RULE, "p", 1},
		{AGENT("") COMPANION POLICY("p", TO_BLOCK("1.0.0.0/8", "80")), "1.1.1.1", 443, WAY_OUT_NONE, NULL,
		 0},
		{AGENT("") COMPANION POLICY("p", TO_BLOCK("2.0.0.0/8", "443")), "1.1.1.1", 443, WAY_OUT_NONE, NULL,
		 0},
		/* policies add up: the second one opens it */
		{AGENT("") COMPANION POLICY("p", TO_COMPANION) POLICY("q", "{}, "), "1.1.1.1", 53, WAY_OUT_RULE,
		 "q", 0},
		/* an admin policy forbids what the other allows */
		{AGENT("") COMPANION POLICY("p", "{}, ") ADMIN_DENY("1.0.0.0/8"), "1.1.1.1", 443, WAY_OUT_NONE,
		 NULL, 0},
		{AGENT("") COMPANION POLICY("p", "{}, ") ADMIN_DENY("1.0.0.0/8"), "9.9.9.9", 443, WAY_OUT_RULE, "p",
		 0},
		/* each family has its own blocks */
		{AGENT("") COMPANION POLICY("p", TO_BLOCK("0.0.0.0/0", "443")), "2606:4700::1111", 443,
		 WAY_OUT_NONE, NULL, 0},
		{AGENT("") COMPANION POLICY("p", TO_BLOCK("::/0", "443")), "2606:4700::1111", 443, WAY_OUT_RULE,
		 "p", 0},
		/* a name is any address outside */
		{AGENT("") COMPANION POLICY("p", TO_COMPANION), "example.com", 443, WAY_OUT_NONE, NULL, 0},
		{AGENT("") COMPANION POLICY("p", TO_BLOCK("2001:db8::/32", "443")), "example.com", 443,
		 WAY_OUT_RULE, "p", 0},
		/* what may be a pod of those that it may talk to */
		{AGENT("") COMPANION POLICY("p", TO_NAMESPACE("443")), "10.1.2.3", 443, WAY_OUT_UNKNOWN, NULL, 0},
		{AGENT("") COMPANION POLICY("p", TO_NAMESPACE("443")), "example.com", 443, WAY_OUT_UNKNOWN, NULL,
		 0},
		{AGENT("") COMPANION POLICY("p", TO_NAMESPACE("443")), "1.1.1.1", 443, WAY_OUT_NONE, NULL, 0},
		{AGENT("") COMPANION POLICY("p", TO_COMPANION), "10.1.2.3", 443, WAY_OUT_NONE, NULL, 0},
		{AGENT("") COMPANION POLICY("p", TO_COMPANION), "10.1.2.3", 8888, WAY_OUT_UNKNOWN, NULL, 0},
		{AGENT("") COMPANION POLICY("p", TO_COMPANION) CILIUM, "1.1.1.1", 443, WAY_OUT_UNKNOWN, NULL, 0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct fleet *f = fixture(cases[i].yaml);
		struct way_out w = way_out_find(f, fixture_workload(f, "scout"), cases[i].host, cases[i].port);

		if (w.verdict != cases[i].verdict)
			fail_msg("case %zu: %d", i, (int)w.verdict);
		assert_int_equal(w.policy != NULL, cases[i].policy != NULL);
		if (w.policy)
			assert_string_equal(w.policy->object.name, cases[i].policy);
		assert_int_equal(w.rule, cases[i].rule);
		fleet_unref(f);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_policies_let_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
