/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/str.h"
#include "fleet/proxy.h"
#include "tests/unit/fleet_fixture.h"

static void
urls(void **state)
{
	static const struct {
		const char *url, *host;
		int port;
		bool loopback;
		const char *shown;
	} cases[] = {
		{"http://pipelock:8888", "pipelock", 8888, false, "http://pipelock:8888"},
		{"http://pipelock:8888/", "pipelock", 8888, false, "http://pipelock:8888"},
		{"pipelock:8888", "pipelock", 8888, false, "http://pipelock:8888"},
		{"pipelock", "pipelock", 80, false, "http://pipelock:80"},
		{"pipelock:", "pipelock", 80, false, "http://pipelock:80"},
		{"https://pipelock", "pipelock", 443, false, "https://pipelock:443"},
		{"socks5h://pipelock", "pipelock", 1080, false, "socks5h://pipelock:1080"},
		{"HTTP://Pipelock.Research.SVC:8888", "pipelock.research.svc", 8888, false,
		 "http://pipelock.research.svc:8888"},
		{" http://pipelock:8888\n", "pipelock", 8888, false, "http://pipelock:8888"},
		{"http://pipelock.research.svc.cluster.local.:1", "pipelock.research.svc.cluster.local", 1, false,
		 "http://pipelock.research.svc.cluster.local:1"},
		{"http://user:secret@pipelock:8888", "pipelock", 8888, false, "http://pipelock:8888"},
		{"user:se@cret@pipelock:8888", "pipelock", 8888, false, "http://pipelock:8888"},
		{"http://10.0.0.7:8888?x#y", "10.0.0.7", 8888, false, "http://10.0.0.7:8888"},
		{"http://[fd00::7]:8888", "fd00::7", 8888, false, "http://[fd00::7]:8888"},
		{"http://[FE80::1%25eth0]", "fe80::1", 80, false, "http://[fe80::1]:80"},
		{"http://pipelock:65535", "pipelock", 65535, false, "http://pipelock:65535"},
		{"http://127.0.0.1:8888", "127.0.0.1", 8888, true, "http://127.0.0.1:8888"},
		{"http://127.9.9.9", "127.9.9.9", 80, true, "http://127.9.9.9:80"},
		{"http://127.1:8888", "127.1", 8888, true, "http://127.1:8888"},
		{"http://LocalHost:8888", "localhost", 8888, true, "http://localhost:8888"},
		{"http://[::1]:8888", "::1", 8888, true, "http://[::1]:8888"},
		{"http://[::ffff:127.0.0.1]:1", "::ffff:127.0.0.1", 1, true, "http://[::ffff:127.0.0.1]:1"},
		{"http://0.0.0.0:8888", "0.0.0.0", 8888, true, "http://0.0.0.0:8888"},
		{"http://x.localhost", "x.localhost", 80, true, "http://x.localhost:80"},
		{"http://localhost.example.com", "localhost.example.com", 80, false,
		 "http://localhost.example.com:80"},
		{"http://my_proxy:1", "my_proxy", 1, false, "http://my_proxy:1"},
	};
	AUTO(arena) struct arena a = {0};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct proxy_url u = proxy_url_parse(&a, cases[i].url);

		assert_true(u.valid);
		assert_string_equal(u.host, cases[i].host);
		assert_int_equal(u.port, cases[i].port);
		assert_int_equal(u.loopback, cases[i].loopback);
		assert_string_equal(u.shown, cases[i].shown);
	}
}

static void
bad_urls(void **state)
{
	static const char *const cases[][2] = {
		{"", ""},
		{"http://", "http://"},
		{"http://:8888", "http://:8888"},
		{"://x", "://x"},
		{"ftp://pipelock:1", "ftp://pipelock:1"},
		{"http://pipelock:0", "http://pipelock:0"},
		{"http://pipelock:65536", "http://pipelock:65536"},
		{"http://pipelock:99999999999999999999", "http://pipelock:99999999999999999999"},
		{"http://pipelock:+1", "http://pipelock:+1"},
		{"http://pipelock:-1", "http://pipelock:-1"},
		{"http://pipelock:80x", "http://pipelock:80x"},
		{"http://fd00::7:8888", "http://fd00::7:8888"},
		{"http://[fd00::7", "http://[fd00::7"},
		{"http://[pipelock]:1", "http://[pipelock]:1"},
		{"http://[::1]x", "http://[::1]x"},
		{"http://a b:1", "http://a b:1"},
		{"http://p\xc3\xa4:1", "http://p\xc3\xa4:1"},
		{"http://user:pa/ss@host:8888", "...@host:8888"},
		{"http://user:12/3@host:8888", "...@host:8888"},
		{"ftp://user:secret@host", "...@host"},
		{"http://a\x1b[31m", "http://a\\x1b[31m"},
	};
	AUTO(arena) struct arena a = {0};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct proxy_url u = proxy_url_parse(&a, cases[i][0]);

		assert_false(u.valid);
		assert_null(u.host);
		assert_string_equal(u.shown, cases[i][1]);
	}
}

static void
long_urls(void **state)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf b = {0};
	struct proxy_url u;

	(void)state;
	buf_adds(&b, "http://");
	buf_fill(&b, 'a', 100000);
	u = proxy_url_parse(&a, buf_str(&b));
	assert_false(u.valid);
	assert_true(strlen(u.shown) < 300);
}

static const char world[] =
	"apiVersion: v1\nkind: Pod\nmetadata: {name: p}\n"
	"spec:\n  containers:\n  - name: c\n    image: x\n    env:\n"
	"    - {name: HTTPS_PROXY, value: 'http://u:p@pipelock:8888'}\n"
	"    - {name: https_proxy, valueFrom: {secretKeyRef: {name: s, key: k}}}\n"
	"    - {name: HTTP_PROXY, value: ' '}\n"
	"    - {name: no_proxy, value: localhost}\n"
	"---\napiVersion: v1\nkind: Service\nmetadata: {name: io}\nspec: {ports: [{port: 1}]}\n"
	"---\napiVersion: v1\nkind: Service\nmetadata: {name: openai, namespace: com}\nspec: {ports: [{port: 1}]}\n"
	"---\napiVersion: v1\nkind: Namespace\nmetadata: {name: research}\n";

static void
variables(void **state)
{
	AUTO(arena) struct arena a = {0};
	struct fleet *f = fixture(world);
	const struct container *c = &fixture_workload(f, "p")->template->spec.containers[0];
	struct proxy_var v[2];

	(void)state;
	assert_int_equal(proxy_vars(f, "a", c, PROXY_HTTPS, &a, v), 2);
	assert_string_equal(v[0].name, "HTTPS_PROXY");
	assert_string_equal(v[0].url.shown, "http://pipelock:8888");
	assert_string_equal(v[1].name, "https_proxy");
	assert_int_equal(v[1].env.state, ENV_HIDDEN);
	assert_false(v[1].url.valid);
	assert_int_equal(proxy_vars(f, "a", c, PROXY_HTTP, &a, v), 0); /* empty is not set to any client */
	assert_int_equal(proxy_vars(f, "a", c, PROXY_NO, &a, v), 1);
	assert_string_equal(v[0].name, "no_proxy");
	assert_string_equal(v[0].env.value, "localhost");
	fleet_unref(f);
}

static void
narrow_lists(void **state)
{
	static const char *const cases[] = {
		"",
		" , ,",
		"localhost,127.0.0.1,.svc,.cluster.local",
		"localhost 127.0.0.1;::1",
		"svc.cluster.local",
		"*.svc,*.cluster.local,*svc.cluster.local",
		"pipelock,pipelock:8888",
		"pipelock.research",
		"pipelock.research:8888",
		"redis.data,pg.db:5432,pipelock.nowhere", /* nobody shows these namespaces */
		"pod-0.pipelock.research",
		".research",
		"pipelock.research.svc",
		"pipelock.research.svc.cluster.local.",
		"kubernetes.default,kubernetes.default.svc",
		"10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,100.64.0.0/10",
		"10.96.0.1",
		"10.0.0.1:443",
		"fd00::/8,[fd00::1]:443,fe80::1%eth0,::1",
		"169.254.169.254,169.254.0.0/16",
		"10.,192.168.,172.16.*,10.*",
		"10.0.0.1-10.0.0.9",
		"10.0.0.1/99",
		"registry.corp,git.lan,db.internal,printer.local,x.home.arpa,a.test,b.example",
		"http://pipelock.research.svc:8888",
		"$(KUBERNETES_SERVICE_HOST)",
		"<local>",
		"io",
		"openai.com", /* a Service of that name in a namespace called com: see world */
		".",
		"\x1b[31m",
	};
	AUTO(arena) struct arena a = {0};
	struct fleet *f = fixture(world);

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		assert_null(no_proxy_wide(f, "a", cases[i], &a));
	fleet_unref(f);
}

static void
wide_lists(void **state)
{
	static const char *const cases[][2] = {
		{"*", "*"},
		{"localhost,*", "*"},
		{"localhost, *.com ,x", "*.com"},
		{".com", ".com"},
		{"com", "com"},
		{".io", ".io"},
		{"*.openai.com", "*.openai.com"},
		{"*openai.org", "*openai.org"},
		{".anthropic.com", ".anthropic.com"},
		{"example.com", "example.com"},
		{"Example.COM:443", "Example.COM:443"},
		{"https://api.example.com/v1", "https://api.example.com/v1"},
		{"com.", "com."},
		{"8.8.8.8", "8.8.8.8"},
		{"8.8.8.8:53", "8.8.8.8:53"},
		{"8.8.", "8.8."},
		{"8.*", "8.*"},
		{"17*", "17*"},
		{"api.*", "api.*"},
		{"pipelock.*", "pipelock.*"},
		{"0.0.0.0/0", "0.0.0.0/0"},
		{"::/0", "::/0"},
		{"8.8.8.8/99", "8.8.8.8/99"},
		{"10.0.0.0/7", "10.0.0.0/7"},
		{"2001:4860:4860::8888", "2001:4860:4860::8888"},
		{"[2001:4860:4860::8888]:53", "[2001:4860:4860::8888]:53"},
		{"x.pipelock.nowhere", "x.pipelock.nowhere"},
		{"redis.dev", "redis.dev"},
		{"openai.io:443", "openai.io:443"},
		{"other.com", "other.com"},
		{"svc.cluster.local.evil.com", "svc.cluster.local.evil.com"},
		{"not.local.evilsvc", "not.local.evilsvc"},
		{"*.", "*."},
	};
	AUTO(arena) struct arena a = {0};
	struct fleet *f = fixture(world);

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		const char *got = no_proxy_wide(f, "b", cases[i][0], &a);

		if (!got)
			print_error("%s\n", cases[i][0]);
		assert_non_null(got);
		assert_string_equal(got, cases[i][1]);
	}
	fleet_unref(f);
}

static void
a_long_list(void **state)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf b = {0};
	struct fleet *f = fixture(world);

	(void)state;
	for (int i = 0; i < 5000; i++)
		buf_addf(&b, "host-%d.svc,", i);
	buf_fill(&b, 'a', 100000);
	assert_null(no_proxy_wide(f, "a", buf_str(&b), &a));
	buf_adds(&b, ".com");
	assert_non_null(no_proxy_wide(f, "a", buf_str(&b), &a));
	fleet_unref(f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(urls),	       cmocka_unit_test(bad_urls),     cmocka_unit_test(long_urls),
		cmocka_unit_test(variables),   cmocka_unit_test(narrow_lists), cmocka_unit_test(wide_lists),
		cmocka_unit_test(a_long_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
