/* SPDX-License-Identifier: Apache-2.0 */
/* Where a companion answers behind its Service, and what can be wrong on the way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "fleet/endpoint.h"
#include "fleet/pair.h"
#include "tests/unit/fleet_fixture.h"

/* A companion with that command line and those ports, behind a Service with those ports, or behind none. */
#define WALL                                                                                                     \
	"{apiVersion: apps/v1, kind: Deployment, metadata: {name: wall}, spec: {selector: {matchLabels: {app: "  \
	"wall}}, "                                                                                               \
	"template: {metadata: {labels: {app: wall}}, spec: {containers: [{name: pipelock, image: 'pipelock:2', " \
	"args: [run%s], "                                                                                        \
	"ports: [%s]}, {name: side, image: fluent/fluent-bit, ports: [{name: side, containerPort: 7777}]}]}}}}\n"
#define SERVICE \
	"---\n{apiVersion: v1, kind: Service, metadata: {name: wall}, spec: {selector: {app: %s}, ports: [%s]}}\n"
#define AGENT                                                                                               \
	"---\n{apiVersion: apps/v1, kind: Deployment, metadata: {name: scout, annotations: "                \
	"{pipelock.dev/topology: "                                                                          \
	"companion-proxy, pipelock.dev/proxy-name: wall}}, spec: {selector: {matchLabels: {app: scout}}, "  \
	"template: {metadata: "                                                                             \
	"{labels: {app: scout}}, spec: {containers: [{name: c, image: i, env: [{name: HTTPS_PROXY, value: " \
	"'%s'}]}]}}}}\n"

static void
faults(void **state)
{
	static const struct {
		const char *args, *ports, *selects, *service, *url;
		enum endpoint_fault fault;
		int pod_port;
	} cases[] = {
		{", --listen, ':8888'", "{containerPort: 8888}", "wall", "{port: 8888}", "http://wall:8888",
		 ENDPOINT_OK, 8888},
		{", --listen, '0.0.0.0:8888'", "", "wall", "{port: 80, targetPort: 8888}", "http://wall:80",
		 ENDPOINT_OK, 8888},
		{", --listen, '[::]:8888'", "{name: x, containerPort: 8888}", "wall", "{port: 80, targetPort: x}",
		 "http://wall:80", ENDPOINT_OK, 8888},
		/* what is written of the container and what it listens on are both served */
		{", --listen, ':8888'", "{containerPort: 9090}", "wall", "{port: 8888}", "http://wall:8888",
		 ENDPOINT_OK, 8888},
		{", --listen, ':8888'", "{containerPort: 9090}", "wall", "{port: 9090}", "http://wall:9090",
		 ENDPOINT_OK, 9090},
		/* no such port, by number, by name, of another protocol, of another container */
		{", --listen, ':8888'", "", "wall", "{port: 8888, targetPort: 8080}", "http://wall:8888",
		 ENDPOINT_WRONG_PORT, 8888},
		{", --listen, ':8888'", "{name: x, containerPort: 8888}", "wall", "{port: 80, targetPort: z}",
		 "http://wall:80", ENDPOINT_WRONG_PORT, 8888},
		{", --listen, ':8888'", "{name: x, protocol: UDP, containerPort: 8888}", "wall",
		 "{port: 80, targetPort: x}", "http://wall:80", ENDPOINT_WRONG_PORT, 8888},
		{", --listen, ':8888'", "", "wall", "{port: 80, targetPort: side}", "http://wall:80",
		 ENDPOINT_WRONG_PORT, 8888},
		{", --listen, ':8888'", "", "wall", "{protocol: UDP, port: 8888}", "http://wall:8888",
		 ENDPOINT_WRONG_PORT, 8888},
		/* of two ports the one that the agent dials counts; one that nobody dials does not matter */
		{", --listen, ':8888'", "", "wall",
		 "{name: a, port: 80, targetPort: 1}, {name: b, port: 81, targetPort: 8888}", "http://wall:80",
		 ENDPOINT_WRONG_PORT, 8888},
		{", --listen, ':8888'", "", "wall",
		 "{name: a, port: 80, targetPort: 1}, {name: b, port: 81, targetPort: 8888}", "http://wall:81",
		 ENDPOINT_OK, 8888},
		{", --listen, ':8888'", "", "wall",
		 "{name: a, port: 80, targetPort: 1}, {name: b, port: 81, targetPort: 8888}", "http://elsewhere:1",
		 ENDPOINT_OK, 8888},
		{", --listen, ':8888'", "", "other", "{port: 8888}", "http://wall:8888", ENDPOINT_SELECTS_NOTHING,
		 8888},
		{", --listen, ':8888'", "", NULL, "", "http://wall:8888", ENDPOINT_NO_SERVICE, 8888},
		/* loopback, said or by default */
		{", --listen, '127.0.0.1:8888'", "", "wall", "{port: 8888}", "http://wall:8888", ENDPOINT_LOOPBACK,
		 8888},
		{", --listen, 'localhost:8888'", "", "wall", "{port: 8888}", "http://wall:8888", ENDPOINT_LOOPBACK,
		 8888},
		{", --listen, '[::1]:8888'", "", "wall", "{port: 8888}", "http://wall:8888", ENDPOINT_LOOPBACK,
		 8888},
		{"", "{containerPort: 8888}", "wall", "{port: 8888}", "http://wall:8888", ENDPOINT_LOOPBACK, 8888},
		{", --listen, '10.0.0.1:8888'", "", "wall", "{port: 8888}", "http://wall:8888", ENDPOINT_OK, 8888},
		/* a config that nobody has seen */
		{", --config, /c/x.yaml", "", "wall", "{port: 8888}", "http://wall:8888", ENDPOINT_UNKNOWN, 0},
		{", --config, /c/x.yaml", "{containerPort: 8888}", "wall", "{port: 8888}", "http://wall:8888",
		 ENDPOINT_OK, 8888},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		char *wall = mem_printf(WALL, cases[i].args, cases[i].ports);
		char *service =
			cases[i].selects ? mem_printf(SERVICE, cases[i].selects, cases[i].service) : mem_strdup("");
		char *agent = mem_printf(AGENT, cases[i].url), *yaml = mem_printf("%s%s%s", wall, service, agent);
		struct fleet *f = fixture(yaml);
		struct endpoint e = endpoint_of_agent(fixture_workload(f, "scout"));

		if (e.fault != cases[i].fault || e.pod_port != cases[i].pod_port)
			fail_msg("case %zu: fault %d, port %d\n%s", i, (int)e.fault, e.pod_port, yaml);
		fleet_unref(f);
		free(wall);
		free(service);
		free(agent);
		free(yaml);
	}
}

static void
without_agents(void **state)
{
	char *yaml = mem_printf(WALL SERVICE, ", --listen, ':8888'", "", "wall", "{port: 80, targetPort: 8888}");
	struct fleet *f = fixture(yaml);
	const struct workload *w = fixture_workload(f, "wall");
	struct endpoint e = endpoint_companion(w, pair_service(f, w), 0);

	(void)state;
	assert_int_equal(e.fault, ENDPOINT_OK);
	assert_int_equal(e.pod_port, 8888);
	assert_int_equal(e.port->port, 80);
	fleet_unref(f);
	free(yaml);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(faults),
		cmocka_unit_test(without_agents),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
