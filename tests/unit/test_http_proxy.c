/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/attr.h"
#include "kube/http_proxy.h"

static const char *const variables[] = {"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy",
					"NO_PROXY",   "no_proxy",   "ALL_PROXY"};

static void
clear(void)
{
	for (size_t i = 0; i < COUNT_OF(variables); i++)
		unsetenv(variables[i]);
}

static void
expect(const char *configured, const char *scheme, const char *host, int port, const char *want)
{
	AUTO(buf) struct buf out = {0};

	http_proxy_for(&out, configured, scheme, host, port);
	if (!buf_str(&out) || strcmp(buf_str(&out), want) != 0)
		fail_msg("%s://%s:%d: '%s', not '%s'", scheme, host, port, buf_str(&out), want);
}

static void
by_environment(void **state)
{
	(void)state;
	clear();
	expect(NULL, "https", "a.example", 443, "");
	setenv("https_proxy", "lower:3128", 1);
	expect(NULL, "https", "a.example", 443, "http://lower:3128");
	setenv("HTTPS_PROXY", "http://upper:3128", 1);
	expect(NULL, "https", "a.example", 443, "http://upper:3128");
	expect(NULL, "http", "a.example", 80, "");
	setenv("HTTP_PROXY", "https://plain:3128", 1);
	expect(NULL, "http", "a.example", 80, "https://plain:3128");
	expect(NULL, "https", "127.0.0.1", 6443, "");
	expect(NULL, "https", "localhost", 6443, "");
	expect(NULL, "https", "::1", 6443, "");
	expect("socks5://there:1080", "https", "127.0.0.1", 6443, "socks5h://there:1080");
	expect("", "https", "a.example", 443, "http://upper:3128");
	clear();
}

static const struct {
	const char *list, *host;
	int port;
	bool excepted;
} exceptions[] = {
	{"*", "a.example", 443, true},
	{"a.example", "a.example", 443, true},
	{"A.Example", "a.exaMPLE", 443, true},
	{"example", "a.example", 443, true},
	{"ample", "a.example", 443, false},
	{".a.example", "a.example", 443, false},
	{".example", "a.example", 443, true},
	{"*.example", "a.example", 443, true},
	{"*.a.example", "a.example", 443, false},
	{"b.example, a.example", "a.example", 443, true},
	{"b.example,,a.example:443", "a.example", 443, true},
	{"a.example:6443", "a.example", 443, false},
	{"10.0.0.0/8", "10.1.2.3", 443, true},
	{"10.0.0.0/8", "11.1.2.3", 443, false},
	{"10.0.0.0/8", "a.example", 443, false},
	{"10.1.2.3", "10.1.2.3", 443, true},
	{"10.1.2.3:443", "10.1.2.3", 443, true},
	{"10.1.2.3:80", "10.1.2.3", 443, false},
	{"2001:db8::/32", "2001:db8::7", 443, true},
	{"2001:db8:0::7", "2001:db8::7", 443, true},
	{"[2001:db8::7]:443", "2001:db8::7", 443, true},
	{"[2001:db8::7]:80", "2001:db8::7", 443, false},
	{"[", "a.example", 443, false},
	{":", "a.example", 443, false},
	{"", "a.example", 443, false},
};

static void
but_not_for(void **state)
{
	(void)state;
	clear();
	setenv("HTTPS_PROXY", "http://p:1", 1);
	for (size_t i = 0; i < COUNT_OF(exceptions); i++) {
		setenv(i % 2 ? "no_proxy" : "NO_PROXY", exceptions[i].list, 1);
		expect(NULL, "https", exceptions[i].host, exceptions[i].port,
		       exceptions[i].excepted ? "" : "http://p:1");
		expect("http://mine:1", "https", exceptions[i].host, exceptions[i].port, "http://mine:1");
		unsetenv("no_proxy");
		unsetenv("NO_PROXY");
	}
	clear();
}

static void
shown(void **state)
{
	static const char *const urls[][2] = {
		{"http://user:pa@ss@p.example:3128/x?y", "http://p.example:3128"},
		{"socks5h://p:1080", "socks5h://p:1080"},
		{"user:pass@p:1", "p:1"},
		{"http://p/@x", "http://p"},
		{"", ""},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(urls); i++) {
		AUTO(buf) struct buf out = {0};

		http_proxy_show(&out, urls[i][0]);
		assert_string_equal(buf_str(&out), urls[i][1]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_environment),
		cmocka_unit_test(but_not_for),
		cmocka_unit_test(shown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
