/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/attr.h"
#include "base/mem.h"
#include "base/str.h"
#include "fleet/image.h"

static void
check(const char *image, const char *repository, const char *name, const char *tag, const char *digest)
{
	struct image_ref ref = image_parse(image);

	assert_int_equal(ref.repository_len, strlen(repository));
	assert_memory_equal(ref.repository, repository, ref.repository_len);
	assert_int_equal(ref.name_len, strlen(name));
	assert_memory_equal(ref.name, name, ref.name_len);
	assert_int_equal(ref.tag_len, strlen(tag));
	assert_memory_equal(ref.tag, tag, ref.tag_len);
	assert_int_equal(ref.digest_len, strlen(digest));
	assert_memory_equal(ref.digest, digest, ref.digest_len);
}

static void
references(void **state)
{
	(void)state;
	check("pipelock", "pipelock", "pipelock", "", "");
	check("pipelock:2.3.0", "pipelock", "pipelock", "2.3.0", "");
	check("ghcr.io/luckypipewrench/pipelock:2.3.0", "ghcr.io/luckypipewrench/pipelock", "pipelock", "2.3.0",
	      "");
	check("ghcr.io:443/x/pipelock", "ghcr.io:443/x/pipelock", "pipelock", "", "");
	check("ghcr.io:443/x/pipelock:v2", "ghcr.io:443/x/pipelock", "pipelock", "v2", "");
	check("x/pipelock@sha256:ab12", "x/pipelock", "pipelock", "", "sha256:ab12");
	check("localhost:5000/pipelock:2.3@sha256:ab12", "localhost:5000/pipelock", "pipelock", "2.3",
	      "sha256:ab12");
	check("REGISTRY.Example.COM/Team/pipelock", "REGISTRY.Example.COM/Team/pipelock", "pipelock", "", "");
	check("[::1]:5000/pipelock:1", "[::1]:5000/pipelock", "pipelock", "1", "");
}

static void
hostile_references(void **state)
{
	(void)state;
	check("", "", "", "", "");
	check("/", "/", "", "", "");
	check(":", "", "", "", "");
	check("@", "", "", "", "");
	check("pipelock:", "pipelock", "pipelock", "", "");
	check("pipelock@", "pipelock", "pipelock", "", "");
	check("x@a/b:c", "x", "x", "", "a/b:c");
	check("a:b:c", "a", "a", "b:c", "");
	check("a@b@c", "a", "a", "", "b@c");
	check("//pipelock///x", "//pipelock///x", "x", "", "");
}

static bool
known(enum known_group group, const char *name, const char *image)
{
	struct container c = {.name = name, .image = image};

	return known_find(group, &c) != NULL;
}

static void
known_by_image_or_name(void **state)
{
	(void)state;
	assert_true(known(KNOWN_HELPER, "logs", "cr.fluentbit.io/fluent/fluent-bit:3.0"));
	assert_true(known(KNOWN_HELPER, "fluent-bit-sidecar", "registry.example:5000/x/y@sha256:0"));
	assert_true(known(KNOWN_HELPER, "metrics", "oliver006/redis_exporter"));
	assert_true(known(KNOWN_HELPER, "istio-proxy", "docker.io/istio/proxyv2:1.22"));
	assert_true(known(KNOWN_HELPER, "m", "otel/opentelemetry-collector-contrib:0.100.0"));
	assert_true(known(KNOWN_VPN, "tunnel", "qmcgaw/gluetun:v3"));
	assert_true(known(KNOWN_VPN, "vpn", "alpine"));
	assert_true(known(KNOWN_VPN, "x", "lscr.io/linuxserver/wireguard:latest"));
	assert_true(known(KNOWN_VPN, "ts-sidecar", "ghcr.io/tailscale/tailscale:latest"));
	assert_true(known(KNOWN_VPN, "x", "ghcr.io/bubuntux/nordvpn"));
	assert_true(known(KNOWN_BROWSER, "x", "selenium/standalone-chrome:124.0"));
	assert_true(known(KNOWN_BROWSER, "x", "ghcr.io/browserless/chromium"));
	assert_true(known(KNOWN_BROWSER, "x", "mcr.microsoft.com/playwright:v1.44.0-jammy"));
	assert_true(known(KNOWN_BROWSER, "browser-driver", "registry.example/tools:1"));
	assert_true(known(KNOWN_BROWSER, "x", "chromedp/headless-shell@sha256:12"));
}

static void
false_friends(void **state)
{
	static const char *const harmless[] = {
		"chrome-agent",
		"firefox-exporter",
		"metrics-scraper",
		"vectorizer",
		"vector-store",
		"browser-use-agent",
		"agent",
		"proxy",
		"vpn-exporter",
		"headscale",
		"playwriter",
		"pipelock",
		"python",
		"node",
		"envoy-gateway-api",
		"data-exporter",
		"standalone-agent",
		"alloy-db",
		"",
		"splash-screen",
	};
	char *image;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(harmless); i++) {
		image = mem_printf("registry.example:5000/team/%s:1.2@sha256:0", harmless[i]);
		for (enum known_group group = 0; group < KNOWN_GROUPS; group++) {
			assert_false(known(group, harmless[i], "x"));
			assert_false(known(group, "x", image));
		}
		free(image);
	}
	/* what stands before the last part, in the tag or in the digest is no name */
	assert_false(known(KNOWN_BROWSER, "x", "chrome/agent:chrome"));
	assert_false(known(KNOWN_BROWSER, "x", "agent@chrome"));
}

static void
names_longer_than_any(void **state)
{
	char *image = mem_alloc(5000);

	(void)state;
	memset(image, 'a', 4990);
	memcpy(image + 4990, "-vpn", 5);
	assert_false(known(KNOWN_VPN, "x", image));
	free(image);
}

static void
lists_are_printable(void **state)
{
	size_t n;
	const struct known *list = known_list(&n);

	(void)state;
	assert_true(n > 100);
	for (size_t i = 0; i < n; i++) {
		assert_true(list[i].group < KNOWN_GROUPS);
		assert_true(list[i].what && *list[i].what);
		assert_string_not_equal(list[i].glob, "*");
		for (size_t j = 0; j < i; j++)
			assert_false(list[j].group == list[i].group && str_eq(list[j].glob, list[i].glob));
	}
	assert_string_equal(known_group_name(KNOWN_VPN), "vpn");
}

struct line {
	const char *name, *image;
	enum container_class class;
	const char *command[5], *args[5]; /* up to a NULL */
};

static bool
is_pipelock(const struct line *l)
{
	struct container c = {
		.name = l->name, .image = l->image, .class = l->class, .command = l->command, .args = l->args};

	while (c.n_command < 5 && l->command[c.n_command])
		c.n_command++;
	while (c.n_args < 5 && l->args[c.n_args])
		c.n_args++;
	return container_is_pipelock(&c);
}

static void
pipelock_itself(void **state)
{
	static const struct line lines[] = {
		{"pipelock", "registry.example/firewall", CONTAINER_MAIN, {NULL}, {NULL}},
		{"proxy", "ghcr.io/luckypipewrench/pipelock:2.3.0", CONTAINER_MAIN, {NULL}, {"run"}},
		{"proxy", "ghcr.io:443/x/pipelock", CONTAINER_MAIN, {NULL}, {NULL}},
		{"proxy", "pipelock:2.3@sha256:12", CONTAINER_SIDECAR, {NULL}, {"run", "--config", "/x"}},
		{"proxy", "pipelock", CONTAINER_MAIN, {NULL}, {"--config", "/x"}},
		{"firewall", "alpine", CONTAINER_MAIN, {"/opt/bin/pipelock"}, {"run", "--config", "/x"}},
		{"firewall", "alpine", CONTAINER_MAIN, {"sh", "-c"}, {"exec /opt/bin/pipelock run --config /x"}},
		{"firewall", "alpine", CONTAINER_SIDECAR, {"/opt/bin/pipelock", "run"}, {NULL}},
		{"firewall", "alpine", CONTAINER_MAIN, {"/sbin/tini", "--", "/pipelock", "run"}, {NULL}},
		{"pipelock", "busybox", CONTAINER_MAIN, {"sh", "/start.sh"}, {NULL}},
		{"pipelock", "busybox", CONTAINER_MAIN, {"sh", "-c", "pipelock run & pid=$!; wait $pid"}, {NULL}},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(lines); i++)
		assert_true(is_pipelock(&lines[i]));
}

static void
not_pipelock(void **state)
{
	static const struct line lines[] = {
		{"pipelock-init", "ghcr.io/luckypipewrench/pipelock-init:2.3", CONTAINER_MAIN, {NULL}, {NULL}},
		{"agent", "registry.example/pipelock-agent:1", CONTAINER_MAIN, {NULL}, {NULL}},
		{"agent", "registry.example/pipelock/agent:pipelock", CONTAINER_MAIN, {NULL}, {NULL}},
		{"pipelock", "pipelock", CONTAINER_INIT, {"cp", "/pipelock", "/opt/bin/pipelock"}, {NULL}},
		{"install", "pipelock:2.3", CONTAINER_INIT, {NULL}, {"run"}},
		{"debug", "pipelock:2.3", CONTAINER_EPHEMERAL, {NULL}, {"run"}},
		{"agent", "python:3", CONTAINER_MAIN, {"/opt/bin/pipelock", "mcp", "proxy", "--", "tool"}, {NULL}},
		{"tool", "pipelock:2.3", CONTAINER_MAIN, {NULL}, {"mcp", "proxy", "--", "tool"}},
		{"check", "pipelock:2.3", CONTAINER_MAIN, {"/pipelock"}, {"check", "--config", "/x"}},
		{"agent", "python:3", CONTAINER_MAIN, {"sh", "-c", "/opt/pipelock run & exec python a.py"}, {NULL}},
		{"agent", "python:3", CONTAINER_MAIN, {"python", "pipelock_client.py", "run"}, {NULL}},
		{"agent",
		 "python:3",
		 CONTAINER_MAIN,
		 {"sh", "-c", "until curl http://pipelock:8888; do :; done"},
		 {NULL}},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(lines); i++)
		assert_false(is_pipelock(&lines[i]));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(references),
		cmocka_unit_test(hostile_references),
		cmocka_unit_test(known_by_image_or_name),
		cmocka_unit_test(false_friends),
		cmocka_unit_test(names_longer_than_any),
		cmocka_unit_test(lists_are_printable),
		cmocka_unit_test(pipelock_itself),
		cmocka_unit_test(not_pipelock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
