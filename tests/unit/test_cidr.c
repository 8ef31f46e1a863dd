/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/cidr.h"

static void
check_ip(const char *text, enum ip_family want_family, const char *want)
{
	enum ip_family family;
	struct ip ip;
	char out[46];

	assert_true(ip_parse(text, &family, &ip));
	assert_int_equal(family, want_family);
	ip_format(family, ip, out);
	assert_string_equal(out, want);
}

static void
addresses(void **state)
{
	(void)state;
	check_ip("10.0.0.1", IP_V4, "10.0.0.1");
	check_ip("255.255.255.255", IP_V4, "255.255.255.255");
	check_ip("::", IP_V6, "::");
	check_ip("::1", IP_V6, "::1");
	check_ip("1::", IP_V6, "1::");
	check_ip("FE80:0:0:0:0:0:0:1", IP_V6, "fe80::1");
	check_ip("2001:db8:0:1:1:1:1:1", IP_V6, "2001:db8:0:1:1:1:1:1"); /* one zero group is not cut */
	check_ip("2001:0:0:1:0:0:0:1", IP_V6, "2001:0:0:1::1");
	check_ip("2001:db8::1:0:0:1", IP_V6, "2001:db8::1:0:0:1"); /* the first of equal runs */
	check_ip("::102:304", IP_V6, "::102:304");
	check_ip("::ffff:1.2.3.4", IP_V4, "1.2.3.4");
	check_ip("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", IP_V6, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
	check_ip("fd00:ec2::254", IP_V6, "fd00:ec2::254");
}

static void
bad_addresses(void **state)
{
	static const char *const bad[] = {"",	       "1.2.3",	       "1.2.3.4.5",
					  "01.2.3.4",  "1.2.3.256",    "1.2.3.4 ",
					  " 1.2.3.4",  ":::",	       "1:2:3:4:5:6:7:8:9",
					  "1::2::3",   "fe80::1%eth0", "12345::",
					  "1.2.3.4/8", "0x10.0.0.1",   "host"};
	enum ip_family family;
	struct ip ip;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		assert_false(ip_parse(bad[i], &family, &ip));
	assert_false(ip_parse(NULL, &family, &ip));
}

static struct ip_range
range(const char *text)
{
	enum ip_family family;
	struct ip_range r = {{0, 0}, {0, 0}};

	assert_true(cidr_parse(text, &family, &r));
	return r;
}

static void
add_range(struct buf *out, enum ip_family family, struct ip_range r)
{
	char first[46], last[46];

	ip_format(family, r.first, first);
	ip_format(family, r.last, last);
	buf_addf(out, "%s%s-%s", out->len ? " " : "", first, last);
}

static void
check_cidr(const char *text, enum ip_family want_family, const char *want)
{
	AUTO(buf) struct buf out = {0};
	enum ip_family family;
	struct ip_range r;

	assert_true(cidr_parse(text, &family, &r));
	assert_int_equal(family, want_family);
	add_range(&out, family, r);
	assert_string_equal(buf_str(&out), want);
}

static void
blocks_written_again(void **state)
{
	static const struct {
		const char *given, *written;
	} all[] = {
		{"0.0.0.0/0", "0.0.0.0/0"},    {"128.0.0.0/1", "128.0.0.0/1"},
		{"10.1.2.3/8", "10.0.0.0/8"},  {"8.8.8.8/32", "8.8.8.8/32"},
		{"::/0", "::/0"},	       {"FD00:0:0::1/64", "fd00::/64"},
		{"fc00::/7", "fc00::/7"},      {"::1/128", "::1/128"},
		{"2001:db8::ff00/120", "2001:db8::ff00/120"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(all); i++) {
		enum ip_family family;
		struct ip_range r;
		char text[50];

		assert_true(cidr_parse(all[i].given, &family, &r));
		cidr_format(family, r, text);
		assert_string_equal(text, all[i].written);
	}
}

static void
blocks(void **state)
{
	(void)state;
	check_cidr("10.0.0.0/8", IP_V4, "10.0.0.0-10.255.255.255");
	check_cidr("10.1.2.3/8", IP_V4, "10.0.0.0-10.255.255.255");
	check_cidr("0.0.0.0/0", IP_V4, "0.0.0.0-255.255.255.255");
	check_cidr("1.2.3.4/32", IP_V4, "1.2.3.4-1.2.3.4");
	check_cidr("::/0", IP_V6, "::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
	check_cidr("2001:db8::/32", IP_V6, "2001:db8::-2001:db8:ffff:ffff:ffff:ffff:ffff:ffff");
	check_cidr("fe80::1/64", IP_V6, "fe80::-fe80::ffff:ffff:ffff:ffff");
	check_cidr("fe80::1:2/127", IP_V6, "fe80::1:2-fe80::1:3");
	check_cidr("::1/128", IP_V6, "::1-::1");
	check_cidr("::ffff:10.0.0.0/104", IP_V4, "10.0.0.0-10.255.255.255");
}

static void
bad_blocks(void **state)
{
	static const char *const bad[] = {"",
					  "10.0.0.0",
					  "10.0.0.0/",
					  "10.0.0.0/33",
					  "10.0.0.0/-1",
					  "10.0.0.0/-0",
					  "10.0.0.0/8 ",
					  "/8",
					  "::/129",
					  "10.0.0.0/8/8",
					  "10.0.0.0/99999999999999999999",
					  "1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111/8"};
	enum ip_family family;
	struct ip_range r;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		assert_false(cidr_parse(bad[i], &family, &r));
	assert_false(cidr_parse(NULL, &family, &r));
}

static void
check_set(const struct ip_set *set, enum ip_family family, const char *want)
{
	AUTO(buf) struct buf out = {0};

	for (size_t i = 0; i < set->n; i++)
		add_range(&out, family, set->at[i]);
	assert_string_equal(buf_str(&out), want);
}

static void
sets_merge(void **state)
{
	struct ip_set s = {0};

	(void)state;
	ip_set_add(&s, range("10.0.2.0/24"));
	ip_set_add(&s, range("10.0.0.0/24"));
	check_set(&s, IP_V4, "10.0.0.0-10.0.0.255 10.0.2.0-10.0.2.255");
	ip_set_add(&s, range("10.0.1.0/24")); /* touches both */
	check_set(&s, IP_V4, "10.0.0.0-10.0.2.255");
	ip_set_add(&s, range("10.0.1.7/32")); /* inside */
	check_set(&s, IP_V4, "10.0.0.0-10.0.2.255");
	ip_set_add(&s, range("0.0.0.0/0"));
	ip_set_add(&s, range("255.255.255.255/32"));
	check_set(&s, IP_V4, "0.0.0.0-255.255.255.255");
	ip_set_free(&s);
	ip_set_add(&s, range("::/0")); /* nothing lies behind the last address */
	ip_set_add(&s, range("::1/128"));
	check_set(&s, IP_V6, "::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
	ip_set_free(&s);
}

static void
sets_remove(void **state)
{
	struct ip_set s = {0};

	(void)state;
	ip_set_add(&s, range("10.0.0.0/8"));
	ip_set_remove(&s, range("11.0.0.0/8"));
	check_set(&s, IP_V4, "10.0.0.0-10.255.255.255");
	ip_set_remove(&s, range("10.1.0.0/16")); /* the middle */
	ip_set_remove(&s, range("10.0.0.0/32")); /* an end */
	ip_set_remove(&s, range("10.255.255.255/32"));
	check_set(&s, IP_V4, "10.0.0.1-10.0.255.255 10.2.0.0-10.255.255.254");
	ip_set_remove(&s, range("0.0.0.0/0"));
	check_set(&s, IP_V4, "");
	ip_set_add(&s, range("::/0"));
	ip_set_remove(&s, range("0:0:0:1::/64")); /* borrows and carries between the halves */
	check_set(&s, IP_V6, "::-::ffff:ffff:ffff:ffff 0:0:0:2::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
	ip_set_free(&s);
}

static void
sets_combine(void **state)
{
	struct ip_set a = {0}, b = {0}, c = {0};

	(void)state;
	ip_set_add(&a, range("10.0.0.0/24"));
	ip_set_add(&a, range("10.0.4.0/24"));
	ip_set_add(&b, range("10.0.0.128/25"));
	ip_set_add(&b, range("10.0.1.0/24"));
	ip_set_add(&b, range("10.0.4.0/25"));
	ip_set_add_set(&c, &a);
	assert_true(ip_set_equal(&a, &c));
	ip_set_add_set(&c, &b);
	check_set(&c, IP_V4, "10.0.0.0-10.0.1.255 10.0.4.0-10.0.4.255");
	assert_false(ip_set_equal(&a, &c));
	ip_set_intersect(&c, &b);
	assert_true(ip_set_equal(&b, &c));
	ip_set_intersect(&c, &a);
	check_set(&c, IP_V4, "10.0.0.128-10.0.0.255 10.0.4.0-10.0.4.127");
	assert_true(ip_set_has(&c, range("10.0.4.127/32").first));
	assert_false(ip_set_has(&c, range("10.0.4.128/32").first));
	assert_true(ip_set_overlaps(&c, range("10.0.4.0/24")));
	assert_false(ip_set_covers(&c, range("10.0.4.0/24")));
	assert_true(ip_set_covers(&c, range("10.0.4.0/26")));
	assert_false(ip_set_overlaps(&c, range("10.0.2.0/24")));
	ip_set_free(&a);
	ip_set_free(&b);
	ip_set_free(&c);
}

/* The interval arithmetic against a plain bitmap of the last byte, over a fixed run of pseudo-random steps. */
static void
sets_agree_with_a_bitmap(void **state)
{
	struct ip_set s = {0};
	bool bits[256] = {0};
	uint32_t seed = 1;

	(void)state;
	for (int step = 0; step < 2000; step++) {
		unsigned first, last;
		bool put;

		seed = seed * 1664525 + 1013904223;
		first = seed >> 24;
		last = first + (seed >> 16 & 15);
		last = last > 255 ? 255 : last;
		put = seed >> 8 & 1;
		memset(bits + first, put, last - first + 1);
		(put ? ip_set_add : ip_set_remove)(&s, (struct ip_range){{0, first}, {0, last}});
		for (unsigned i = 0; i < 256; i++)
			assert_int_equal(ip_set_has(&s, (struct ip){0, i}), bits[i]);
		for (size_t i = 1; i < s.n; i++)
			assert_true(s.at[i].first.lo > s.at[i - 1].last.lo + 1);
	}
	ip_set_free(&s);
}

static bool
is_public(const char *text)
{
	enum ip_family family;
	struct ip ip;

	assert_true(ip_parse(text, &family, &ip));
	return ip_is_public(family, ip);
}

static void
public_addresses(void **state)
{
	static const char *const yes[] = {"1.1.1.1",	     "9.255.255.255",	"11.0.0.0",    "172.15.255.255",
					  "172.32.0.0",	     "100.63.255.255",	"100.128.0.0", "192.0.1.0",
					  "223.255.255.255", "2606:4700::1111", "::2",	       "fec0::1",
					  "2001:db7::1"};
	static const char *const no[] = {"0.1.2.3",
					 "10.9.9.9",
					 "100.64.0.1",
					 "127.0.0.1",
					 "169.254.169.254",
					 "172.31.255.255",
					 "192.0.0.8",
					 "192.168.0.1",
					 "198.18.0.1",
					 "203.0.113.9",
					 "224.0.0.1",
					 "255.255.255.255",
					 "::",
					 "::1",
					 "fd00:ec2::254",
					 "fe80::1",
					 "ff02::1",
					 "2001:db8::1",
					 "::ffff:10.0.0.1"};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(yes); i++)
		assert_true(is_public(yes[i]));
	for (size_t i = 0; i < COUNT_OF(no); i++)
		assert_false(is_public(no[i]));
}

static void
loopback_addresses(void **state)
{
	(void)state;
	assert_true(ip_is_loopback(IP_V4, range("127.9.9.9/32").first));
	assert_false(ip_is_loopback(IP_V4, range("128.0.0.1/32").first));
	assert_true(ip_is_loopback(IP_V6, range("::1/128").first));
	assert_false(ip_is_loopback(IP_V6, range("::2/128").first));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses),	    cmocka_unit_test(bad_addresses),
		cmocka_unit_test(blocks),
		cmocka_unit_test(blocks_written_again),	    cmocka_unit_test(bad_blocks),
		cmocka_unit_test(sets_merge),	    cmocka_unit_test(sets_remove),
		cmocka_unit_test(sets_combine),	    cmocka_unit_test(sets_agree_with_a_bitmap),
		cmocka_unit_test(public_addresses), cmocka_unit_test(loopback_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
