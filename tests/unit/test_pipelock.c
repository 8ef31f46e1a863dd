/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/attr.h"
#include "base/buf.h"
#include "fleet/pipelock.h"

static struct arena memory;

static struct pipelock_config
parse(const char *text)
{
	struct pipelock_config c;

	pipelock_config_parse(&memory, text, strlen(text), &c);
	return c;
}

static int
forget(void **state)
{
	(void)state;
	arena_free(&memory);
	return 0;
}

static void
assert_defaults(const struct pipelock_config *c)
{
	assert_string_equal(c->mode, "balanced");
	assert_true(c->enforce);
	assert_false(c->forward_proxy);
	assert_false(c->has_api_allowlist);
	assert_null(c->listen);
	assert_null(c->default_identity);
	assert_false(c->bind_identity);
	assert_false(c->tls_interception);
	assert_null(c->ca_key);
	assert_null(c->kill_switch_listen);
	assert_false(c->has_kill_switch_token);
	assert_int_equal(c->n_agents, 0);
}

static void
defaults(void **state)
{
	static const char *const texts[] = {
		"",
		"# nothing but words\n",
		"---\n",
		"{}",
		"mode:\nenforce: ~\nforward_proxy:\nfetch_proxy: null\ntls_interception:\nkill_switch:\nagents:\n"
		"api_allowlist:\ndefault_agent_identity:\nbind_default_agent_identity: null\n",
		"forward_proxy: {enabled: null}\nfetch_proxy: {listen: ''}\nkill_switch: {api_token: '', "
		"api_listen: ''}\n",
		"future_field: [1, 2]\nfetch_proxy: {another: {x: y}}\n",
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(texts); i++) {
		struct pipelock_config c = parse(texts[i]);

		assert_true(c.valid);
		assert_true(c.parsed);
		assert_null(c.problem);
		assert_defaults(&c);
	}
}

static const char full[] = "# a companion\n"
			   "version: 1\n"
			   "mode: strict\n"
			   "enforce: no\n"
			   "api_allowlist:\n"
			   "  - '*.anthropic.com'\n"
			   "  - github.com\n"
			   "fetch_proxy:\n"
			   "  listen: 0.0.0.0:8888\n"
			   "forward_proxy: {enabled: on}\n"
			   "tls_interception:\n"
			   "  enabled: yes\n"
			   "  ca_cert: /etc/ca/ca.pem\n"
			   "  ca_key: /etc/ca/ca-key.pem\n"
			   "kill_switch:\n"
			   "  api_token: very-secret\n"
			   "  api_listen: 0.0.0.0:9090\n"
			   "default_agent_identity: research/scout\n"
			   "bind_default_agent_identity: true\n"
			   "agents:\n"
			   "  scout:\n"
			   "    source_cidrs: [10.0.0.1/32, 10.0.0.2/32]\n"
			   "  librarian:\n"
			   "    listeners: ['0.0.0.0:8890']\n"
			   "    mode: audit\n"
			   "  empty:\n";

static void
every_field(void **state)
{
	struct pipelock_config c = parse(full);

	(void)state;
	assert_true(c.valid);
	assert_string_equal(c.mode, "strict");
	assert_int_equal(c.mode_line, 3);
	assert_false(c.enforce);
	assert_int_equal(c.enforce_line, 4);
	assert_true(c.has_api_allowlist);
	assert_int_equal(c.n_api_allowlist, 2);
	assert_string_equal(c.api_allowlist[1], "github.com");
	assert_string_equal(c.listen, "0.0.0.0:8888");
	assert_int_equal(c.listen_line, 9);
	assert_true(c.forward_proxy);
	assert_int_equal(c.forward_proxy_line, 10);
	assert_true(c.tls_interception);
	assert_string_equal(c.ca_cert, "/etc/ca/ca.pem");
	assert_string_equal(c.ca_key, "/etc/ca/ca-key.pem");
	assert_int_equal(c.ca_key_line, 14);
	assert_true(c.has_kill_switch_token);
	assert_string_equal(c.kill_switch_listen, "0.0.0.0:9090");
	assert_int_equal(c.kill_switch_line, 17);
	assert_string_equal(c.default_identity, "research/scout");
	assert_int_equal(c.identity_line, 18);
	assert_true(c.bind_identity);
	assert_int_equal(c.bind_line, 19);
	assert_int_equal(c.n_agents, 3);
	assert_string_equal(c.agents[0].name, "scout");
	assert_int_equal(c.agents[0].n_source_cidrs, 2);
	assert_string_equal(c.agents[0].source_cidrs[1], "10.0.0.2/32");
	assert_int_equal(c.agents[1].n_listeners, 1);
	assert_string_equal(c.agents[1].listeners[0], "0.0.0.0:8890");
	assert_int_equal(c.agents[2].n_source_cidrs, 0);
}

static void
booleans(void **state)
{
	static const struct {
		const char *text;
		bool valid, value;
	} cases[] = {
		{"true", true, true},	  {"FALSE", true, false},    {"yes", true, true},
		{"Off", true, false},	  {"y", true, true},	     {"'yes'", true, true},
		{"\"off\"", true, false}, {"'n'", true, false},	     {"'true'", false, false},
		{"1", false, false},	  {"enabled", false, false}, {"[true]", false, false},
		{"{a: b}", false, false}, {"1.0", false, false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		char text[64];
		struct pipelock_config c;

		snprintf(text, sizeof(text), "forward_proxy:\n  enabled: %s\n", cases[i].text);
		c = parse(text);
		assert_int_equal(c.valid, cases[i].valid);
		assert_int_equal(c.forward_proxy, cases[i].value);
	}
}

/* yaml.v3 puts any scalar into a string, as it is written. */
static void
scalars_are_strings(void **state)
{
	struct pipelock_config c = parse("default_agent_identity: 0017\nfetch_proxy: {listen: 8888}\n"
					 "tls_interception: {ca_key: yes}\nkill_switch: {api_token: 123}\n"
					 "api_allowlist: [on, 1.50]\n");

	(void)state;
	assert_true(c.valid);
	assert_string_equal(c.default_identity, "0017");
	assert_string_equal(c.listen, "8888");
	assert_string_equal(c.ca_key, "yes");
	assert_true(c.has_kill_switch_token);
	assert_string_equal(c.api_allowlist[0], "on");
	assert_string_equal(c.api_allowlist[1], "1.50");
}

static void
problems(void **state)
{
	static const struct {
		const char *text, *problem;
		bool parsed;
	} cases[] = {
		{"- a\n", "line 1: the config is a list, where Pipelock wants a map", false},
		{"just words", "line 1: the config is a string, where Pipelock wants a map", false},
		{"mode: audit\n---\nmode: strict\n", NULL, false},
		{"mode: audit\nmode: strict\n", "line 2: the key \"mode\" stands twice in one map", false},
		{"x: {a: 1, a: 2}\n", "line 1: the key \"a\" stands twice in one map", false},
		{"mode: [a\n", NULL, false},
		{"mode: {a: b}\n", "line 1: mode is a map, where Pipelock wants a string", true},
		{"\nmode: permissive\n", "line 2: mode: permissive is none of strict, balanced and audit", true},
		{"mode: Strict\n", "line 1: mode: Strict is none of strict, balanced and audit", true},
		{"mode: strict\n", "line 1: mode: strict needs at least one host in api_allowlist", true},
		{"mode: strict\napi_allowlist: []\n",
		 "line 1: mode: strict needs at least one host in api_allowlist", true},
		{"mode: strict\napi_allowlist: [null, ~]\n",
		 "line 1: mode: strict needs at least one host in api_allowlist", true},
		{"enforce: maybe\n",
		 "line 1: enforce is a string, where Pipelock wants true or false, without quotes", true},
		{"fetch_proxy: 8888\n", "line 1: fetch_proxy is a number, where Pipelock wants a map", true},
		{"fetch_proxy:\n  listen: [a]\n",
		 "line 2: fetch_proxy.listen is a list, where Pipelock wants a string", true},
		{"api_allowlist: a.com\n", "line 1: api_allowlist is a string, where Pipelock wants a list", true},
		{"api_allowlist:\n- a\n- b: c\n",
		 "line 3: an entry of api_allowlist is a map, where Pipelock wants a string", true},
		{"agents: [a]\n", "line 1: agents is a list, where Pipelock wants a map", true},
		{"agents:\n  a: b\n", "line 2: agents.a is a string, where Pipelock wants a map", true},
		{"agents:\n  a: {source_cidrs: 10.0.0.0/8}\n",
		 "line 2: agents.a.source_cidrs is a string, where Pipelock wants a list", true},
		{"bind_default_agent_identity: true\n",
		 "line 1: bind_default_agent_identity: true needs default_agent_identity", true},
		{"default_agent_identity: '  '\nbind_default_agent_identity: yes\n",
		 "line 2: bind_default_agent_identity: true needs default_agent_identity", true},
		{"default_agent_identity: 'a '\n", "line 1: default_agent_identity begins or ends in a space",
		 true},
		{"kill_switch: {api_token: {a: b}}\n",
		 "line 1: kill_switch.api_token is a map, where Pipelock wants a string", true},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct pipelock_config c = parse(cases[i].text);

		assert_false(c.valid);
		assert_int_equal(c.parsed, cases[i].parsed);
		assert_non_null(c.problem);
		if (cases[i].problem)
			assert_string_equal(c.problem, cases[i].problem);
	}
}

static void
fields_beside_a_problem(void **state)
{
	struct pipelock_config c =
		parse("mode: strict\nfetch_proxy: {listen: ':8888'}\nforward_proxy: {enabled: true}\n");

	(void)state;
	assert_false(c.valid);
	assert_int_equal(c.problem_line, 1);
	assert_string_equal(c.listen, ":8888");
	assert_true(c.forward_proxy);
	assert_string_equal(c.mode, "strict");
}

static void
anchors_and_merges(void **state)
{
	struct pipelock_config c = parse("x: &on {enabled: true}\nforward_proxy:\n  <<: *on\n  idle: 3\n");

	(void)state;
	assert_true(c.valid);
	assert_true(c.forward_proxy);
}

static void
the_token_is_not_kept(void **state)
{
	AUTO(arena) struct arena a = {0};
	struct pipelock_config c;
	char *all;
	size_t size;

	(void)state;
	a.first = 4096; /* one chunk, that can be looked through */
	all = arena_alloc(&a, 1);
	pipelock_config_parse(&a, full, strlen(full), &c);
	assert_true(c.has_kill_switch_token);
	size = (size_t)((char *)arena_alloc(&a, 1) - all);
	assert_true(size < 4096);
	assert_null(memmem(all, size, "very-secret", 11));
	assert_non_null(memmem(all, size, "research/scout", 14));
}

static void
hostile_text_in_messages(void **state)
{
	struct pipelock_config c = parse("mode: \"\\e[31mred\\u202e\"\n");
	AUTO(buf) struct buf b = {0};

	(void)state;
	assert_string_equal(c.problem, "line 1: mode: \\x1b[31mred\\u202e is none of strict, balanced and audit");
	buf_adds(&b, "mode: ");
	buf_fill(&b, 'x', 100000);
	assert_true(strlen(parse(buf_str(&b)).problem) < 200);
	buf_clear(&b);
	buf_fill(&b, '[', 100000);
	assert_false(parse(buf_str(&b)).valid);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(defaults, forget),
		cmocka_unit_test_teardown(every_field, forget),
		cmocka_unit_test_teardown(booleans, forget),
		cmocka_unit_test_teardown(scalars_are_strings, forget),
		cmocka_unit_test_teardown(problems, forget),
		cmocka_unit_test_teardown(fields_beside_a_problem, forget),
		cmocka_unit_test_teardown(anchors_and_merges, forget),
		cmocka_unit_test(the_token_is_not_kept),
		cmocka_unit_test_teardown(hostile_text_in_messages, forget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
