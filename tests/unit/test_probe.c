/* SPDX-License-Identifier: Apache-2.0 */
/* What a probe's programs are told, what their answers mean, and what attempt and control prove together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "kube/probe_answer.h"
#include "kube/probe_method.h"
#include "kube/probe_verdict.h"
#include "kube/resource.h"

static const struct probe_try plain = {
	.probe = PROBE_RAW_TCP,
	.target = {"1.1.1.1", 443},
	.through = {"1.1.1.1", 443},
	.proxy_host = "x-pipelock.agents.svc",
	.proxy_port = 8888,
	.dial_ms = 4000,
};

/* attempt, control, and what comes of it */
static const struct {
	const char *attempt, *control;
	enum probe_verdict verdict;
	enum probe_control judged;
	const char *words;
} verdicts[] = {
	{"connected", "200", PROBE_OPEN, PROBE_CONTROL_OK, "1.1.1.1:443 by nc: connected"},
	{"connected", "403", PROBE_OPEN, PROBE_CONTROL_FAILED, "its own rules"},
	{"connected", "timeout", PROBE_OPEN, PROBE_CONTROL_FAILED, "cannot be reached from the pod"},
	{"connected", "none", PROBE_OPEN, PROBE_CONTROL_SKIPPED, "no control"},
	{"timeout", "200", PROBE_BLOCKED, PROBE_CONTROL_OK,
	 "no answer within the time limit; the companion reaches"},
	{"timeout", "201", PROBE_BLOCKED, PROBE_CONTROL_OK, ""},
	/* a wall that rejects looks like a closed port */
	{"failed connect: Connection refused", "200", PROBE_BLOCKED, PROBE_CONTROL_OK, "by nc: refused"},
	{"failed ECONNREFUSED", "200", PROBE_BLOCKED, PROBE_CONTROL_OK, "by nc: refused"},
	{"failed EHOSTUNREACH", "200", PROBE_BLOCKED, PROBE_CONTROL_OK, "unreachable"},
	{"failed No route to host", "200", PROBE_BLOCKED, PROBE_CONTROL_OK, "unreachable"},
	{"failed nc: connect: Operation not permitted", "200", PROBE_BLOCKED, PROBE_CONTROL_OK, "not permitted"},
	/* no dial, no wall */
	{"unresolved", "200", PROBE_INCONCLUSIVE, PROBE_CONTROL_OK, "--target 1.1.1.1:443"},
	{"failed x: Name or service not known", "200", PROBE_INCONCLUSIVE, PROBE_CONTROL_OK,
	 "could not be resolved"},
	{"failed Resolving timed out after 4000 ms", "200", PROBE_INCONCLUSIVE, PROBE_CONTROL_OK, "resolved"},
	{"proxied", "200", PROBE_INCONCLUSIVE, PROBE_CONTROL_OK, "went to the companion all the same"},
	{"failed sh: nc: Permission denied", "200", PROBE_INCONCLUSIVE, PROBE_CONTROL_OK,
	 "could not be made (sh: nc: Permission denied)"},
	{"failed to start the client: Operation not permitted", "200", PROBE_INCONCLUSIVE, PROBE_CONTROL_OK,
	 "could not be made (to start the client: Operation not permitted)"},
	{"failed to start the client: spawn /usr/bin/node EACCES", "200", PROBE_INCONCLUSIVE, PROBE_CONTROL_OK,
	 "could not be made"},
	{"failed bash: /bin/bash: cannot execute: Operation not permitted", "200", PROBE_INCONCLUSIVE,
	 PROBE_CONTROL_OK, "could not be made"},
	{"failed \x1b[31mred", "200", PROBE_INCONCLUSIVE, PROBE_CONTROL_OK, "(\\x1b[31mred)"},
	{"failed ", "200", PROBE_INCONCLUSIVE, PROBE_CONTROL_OK, "could not be made;"},
	/* no control, no wall */
	{"timeout", "none", PROBE_INCONCLUSIVE, PROBE_CONTROL_SKIPPED, "without a control"},
	{"timeout", "403", PROBE_INCONCLUSIVE, PROBE_CONTROL_FAILED, "refused CONNECT to 1.1.1.1:443 (403)"},
	{"timeout", "405", PROBE_INCONCLUSIVE, PROBE_CONTROL_FAILED, "does not tunnel to 1.1.1.1:443 (405)"},
	{"timeout", "407", PROBE_INCONCLUSIVE, PROBE_CONTROL_FAILED, "wants a login"},
	{"timeout", "502", PROBE_INCONCLUSIVE, PROBE_CONTROL_FAILED, "could not reach 1.1.1.1:443 (502)"},
	{"timeout", "503", PROBE_INCONCLUSIVE, PROBE_CONTROL_FAILED, "kill switch"},
	{"timeout", "504", PROBE_INCONCLUSIVE, PROBE_CONTROL_FAILED, "no answer from 1.1.1.1:443"},
	{"timeout", "302", PROBE_INCONCLUSIVE, PROBE_CONTROL_FAILED, "neither yes nor no"},
	{"timeout", "failed Connection refused", PROBE_INCONCLUSIVE, PROBE_CONTROL_FAILED,
	 "the companion x-pipelock.agents.svc:8888 refused the connection"},
	{"timeout", "timeout", PROBE_INCONCLUSIVE, PROBE_CONTROL_FAILED,
	 "no answer within the time limit; look whether"},
	{"timeout", "silent", PROBE_INCONCLUSIVE, PROBE_CONTROL_FAILED, "took the CONNECT"},
	{"timeout", "garbled", PROBE_INCONCLUSIVE, PROBE_CONTROL_FAILED, "no HTTP proxy"},
	{"timeout", "unable", PROBE_INCONCLUSIVE, PROBE_CONTROL_FAILED, "--ephemeral IMAGE"},
	{"timeout", "unresolved", PROBE_INCONCLUSIVE, PROBE_CONTROL_FAILED, "DNS egress"},
	{"timeout", "failed what", PROBE_INCONCLUSIVE, PROBE_CONTROL_FAILED, "could not be asked (what)"},
};

static void
verdict_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(verdicts); i++) {
		AUTO(free)
		char *out = mem_printf("noise\nmoat-probe method=nc\nmoat-probe control=%s\r\nmoat-probe "
				       "attempt=%s\n",
				       verdicts[i].control, verdicts[i].attempt);
		AUTO(buf) struct buf detail = {0};
		struct probe_answer a;
		struct probe_finding f;
		struct err e;

		if (!probe_answer_parse(out, strlen(out), false, &a, &e))
			fail_msg("%s: %s", out, e.msg);
		f = probe_verdict(&plain, &a, &detail);
		if (f.verdict != verdicts[i].verdict || f.control != verdicts[i].judged ||
		    !str_has(buf_str(&detail), verdicts[i].words))
			fail_msg("%s and %s: %s, control %s: %s", verdicts[i].attempt, verdicts[i].control,
				 probe_verdict_name(f.verdict), probe_control_name(f.control), buf_str(&detail));
	}
}

/* Without somebody to go through there is no control, whatever the container says. */
static void
no_companion(void **state)
{
	static const char out[] = "moat-probe method=nc\nmoat-probe attempt=timeout\nmoat-probe control=200\n";
	AUTO(buf) struct buf detail = {0};
	struct probe_try t = plain;
	struct probe_answer a;
	struct probe_finding f;

	(void)state;
	t.proxy_host = NULL;
	assert_true(probe_answer_parse(out, strlen(out), false, &a, NULL));
	f = probe_verdict(&t, &a, &detail);
	assert_int_equal(f.verdict, PROBE_INCONCLUSIVE);
	assert_int_equal(f.control, PROBE_CONTROL_SKIPPED);
}

static const struct {
	const char *out, *words;
} no_answers[] = {
	{"", "did not answer as a probe does"},
	{"method=nc\n", "did not answer as a probe does"},
	{"moat-probe method=telnet\n", "\"method=telnet\", which no probe says"},
	{"moat-probe method=nc\nmoat-probe method=nc\n", "which no probe says"},
	{"moat-probe method=nc\n", "nothing was said of the attempt"},
	{"moat-probe method=nc\nmoat-probe attempt=timeout\n", "nothing was said of the control"},
	{"moat-probe method=nc\nmoat-probe attempt=timeout\nmoat-probe attempt=connected\n", "which no probe says"},
	{"moat-probe method=nc\nmoat-probe attempt=open\n", "which no probe says"},
	{"moat-probe method=nc\nmoat-probe attempt=200\n", "which no probe says"},
	{"moat-probe method=nc\nmoat-probe control=connected\n", "which no probe says"},
	{"moat-probe method=nc\nmoat-probe control=2000\n", "which no probe says"},
	{"moat-probe method=nc\nmoat-probe control=000\n", "which no probe says"},
	{"moat-probe method=nc\nmoat-probe control=+20\n", "which no probe says"},
	{"moat-probe \x1b[2J\n", "\\x1b[2J"},
};

static void
what_is_no_answer(void **state)
{
	AUTO(buf) struct buf large = {0};
	struct probe_answer a;
	struct err e;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(no_answers); i++) {
		if (probe_answer_parse(no_answers[i].out, strlen(no_answers[i].out), false, &a, &e))
			fail_msg("%s: taken for an answer", no_answers[i].out);
		if (!str_has(e.msg, no_answers[i].words))
			fail_msg("%s: %s", no_answers[i].out, e.msg);
	}
	assert_false(probe_answer_parse("moat-probe method=nc\0", 21, true, &a, &e)); /* NUL is no end */
	buf_adds(&large, "moat-probe method=nc\n");
	buf_fill(&large, '\n', PROBE_OUTPUT_LIMIT);
	assert_false(probe_answer_parse(large.data, large.len, true, &a, &e));
	assert_true(str_has(e.msg, "more than 8192 bytes"));
}

static void
looking_for_a_method(void **state)
{
	static const char out[] = "Welcome!\nmoat-probe method=wget";
	struct probe_answer a;

	(void)state;
	assert_true(probe_answer_parse(out, strlen(out), true, &a, NULL));
	assert_string_equal(a.method, "wget");
	assert_false(probe_answer_parse(out, strlen(out), false, &a, NULL));
}

static const struct {
	const char *host;
	bool good;
} hosts[] = {
	{"1.1.1.1", true},
	{"2606:4700:4700::1111", true},
	{"api.example.com", true},
	{"x_y.svc", true},
	{"::1", true},
	{"", false},
	{"-e", false},
	{"a b", false},
	{"a;reboot", false},
	{"$(reboot)", false},
	{"../../dev/sda", false},
	{"a\nb", false},
	{"[::1]", false},
	{"user:pass@host", false},
	{"fe80::1%eth0", false},
	{"\xc3\xa4.example", false},
	{NULL, false},
};

static void
hosts_that_are_passed_on(void **state)
{
	char longest[256];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(hosts); i++) {
		struct probe_try target = plain, proxy = plain;
		struct err e;

		target.target.host = target.through.host = hosts[i].host;
		if (probe_try_check(&target, &e) != hosts[i].good)
			fail_msg("target %s", hosts[i].host);
		proxy.proxy_host = hosts[i].host;
		if (probe_try_check(&proxy, &e) != (hosts[i].good || !hosts[i].host))
			fail_msg("companion %s", hosts[i].host);
	}
	for (size_t len = 253; len < 255; len++) {
		struct probe_try t = plain;

		memset(longest, 'a', len);
		longest[len] = '\0';
		t.target.host = longest;
		assert_int_equal(probe_try_check(&t, NULL), len == 253);
	}
	for (int port = -1; port < 65537; port += port < 2 ? 1 : 32767) {
		struct probe_try t = plain;

		t.proxy_port = port;
		assert_int_equal(probe_try_check(&t, NULL), port > 0 && port < 65536);
	}
}

/* Each argument is one of its own, and all of it goes through proxies that take 8 KiB of a request's first line. */
static void
commands(void **state)
{
	static const char *const arguments[] = {
		"env-clear", "1.1.1.1", "443", "1.1.1.1", "443", "x-pipelock.agents.svc", "8888", "5"};

	(void)state;
	for (enum probe_method m = 0; m < PROBE_METHODS; m++) {
		AUTO(arena) struct arena a = {0};
		AUTO(buf) struct buf path = {0};
		struct probe_command c, look;
		struct probe_try t = plain;

		t.probe = PROBE_ENV_CLEAR;
		t.dial_ms = 4001;
		probe_method_command(m, &t, &a, &c);
		for (size_t i = 0; i < COUNT_OF(arguments); i++)
			assert_string_equal(c.argv[c.n - COUNT_OF(arguments) + i], arguments[i]);
		resource_path(&path, resource_by_kind("Pod"), "agents", "a-long-name-of-a-pod-78f4b5d5c9-x2x4z",
			      "exec");
		for (size_t i = 0; i < c.n; i++)
			resource_query(&path, "command", c.argv[i]);
		if (path.len > 7900)
			fail_msg("%s: %zu bytes of URL", probe_method_words(m), path.len);
		probe_method_command(m, NULL, &a, &look);
		assert_int_equal(look.n, c.n);
		assert_string_equal(look.argv[look.n - COUNT_OF(arguments)], "look");
	}
}

/* dns-tcp dials one port and has the companion reach another. */
static void
tries_of_a_job(void **state)
{
	struct probe_job job = {
		.target = {"api.example.com", 443}, .dns = {"1.1.1.1", 53}, .proxy_host = "p", .proxy_port = 8888};
	struct probe_try t = probe_try_of(&job, PROBE_DNS_TCP, 1000);

	(void)state;
	assert_int_equal(t.target.port, 53);
	assert_string_equal(t.through.host, "1.1.1.1");
	assert_int_equal(t.through.port, 443);
	t = probe_try_of(&job, PROBE_NO_PROXY, 1000);
	assert_string_equal(t.through.host, "api.example.com");
	assert_string_equal(t.proxy_host, "p");
	job.no_control = true;
	assert_null(probe_try_of(&job, PROBE_NO_PROXY, 1000).proxy_host);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verdict_table),
		cmocka_unit_test(no_companion),
		cmocka_unit_test(what_is_no_answer),
		cmocka_unit_test(looking_for_a_method),
		cmocka_unit_test(hosts_that_are_passed_on),
		cmocka_unit_test(commands),
		cmocka_unit_test(tries_of_a_job),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
