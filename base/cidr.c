/* SPDX-License-Identifier: Apache-2.0 */
#include "base/cidr.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "base/vec.h"

#define MAPPED_PREFIX 0xffffULL /* bits 32 to 47 of ::ffff:0:0/96 */

int
ip_cmp(struct ip a, struct ip b)
{
	if (a.hi != b.hi)
		return a.hi < b.hi ? -1 : 1;
	return a.lo < b.lo ? -1 : a.lo > b.lo;
}

static struct ip
ip_min(struct ip a, struct ip b)
{
	return ip_cmp(a, b) <= 0 ? a : b;
}

static struct ip
ip_max(struct ip a, struct ip b)
{
	return ip_cmp(a, b) >= 0 ? a : b;
}

struct ip
ip_after(struct ip a)
{
	a.lo++;
	a.hi += a.lo == 0;
	return a;
}

struct ip
ip_before(struct ip a)
{
	a.hi -= a.lo == 0;
	a.lo--;
	return a;
}

struct ip_range
ip_range_all(enum ip_family family)
{
	if (family == IP_V4)
		return (struct ip_range){{0, 0}, {0, UINT32_MAX}};
	return (struct ip_range){{0, 0}, {UINT64_MAX, UINT64_MAX}};
}

/* Is there no address between the end of a range and the start of one behind it? */
static bool
touches(struct ip last, struct ip first)
{
	bool at_end = last.hi == UINT64_MAX && last.lo == UINT64_MAX;

	return ip_cmp(first, last) <= 0 || (!at_end && ip_cmp(ip_after(last), first) == 0);
}

static struct ip
from_bytes(const unsigned char *bytes, size_t n)
{
	struct ip ip = {0, 0};

	for (size_t i = 0; i < n; i++) {
		ip.hi = ip.hi << 8 | ip.lo >> 56;
		ip.lo = ip.lo << 8 | bytes[i];
	}
	return ip;
}

static bool
is_mapped(struct ip ip)
{
	return ip.hi == 0 && ip.lo >> 32 == MAPPED_PREFIX;
}

/* Without the step from IPv4-mapped to IPv4. */
static bool
parse_as_written(const char *s, enum ip_family *family, struct ip *out)
{
	unsigned char bytes[16];

	if (inet_pton(AF_INET, s, bytes) == 1) {
		*family = IP_V4;
		*out = from_bytes(bytes, 4);
		return true;
	}
	if (inet_pton(AF_INET6, s, bytes) == 1) {
		*family = IP_V6;
		*out = from_bytes(bytes, 16);
		return true;
	}
	return false;
}

bool
ip_parse(const char *s, enum ip_family *family, struct ip *out)
{
	if (!s || !parse_as_written(s, family, out))
		return false;
	if (*family == IP_V6 && is_mapped(*out)) {
		*family = IP_V4;
		out->hi = 0;
		out->lo &= 0xffffffff;
	}
	return true;
}

/* The longest run of two or more zero groups, the first of equals; its length is 0 when there is none. */
static void
longest_zeros(const unsigned groups[8], int *start, int *len)
{
	*start = *len = 0;
	for (int i = 0; i < 8; i++) {
		int n = 0;

		while (i + n < 8 && groups[i + n] == 0)
			n++;
		if (n > 1 && n > *len) {
			*start = i;
			*len = n;
		}
		i += n;
	}
}

static int
format_v4(struct ip ip, char *out, size_t size)
{
	return snprintf(out, size, "%u.%u.%u.%u", (unsigned)(ip.lo >> 24 & 255), (unsigned)(ip.lo >> 16 & 255),
			(unsigned)(ip.lo >> 8 & 255), (unsigned)(ip.lo & 255));
}

static void
format_v6(struct ip ip, char out[46])
{
	unsigned groups[8];
	int start, len, at = 0;

	if (is_mapped(ip)) {
		memcpy(out, "::ffff:", 7);
		format_v4(ip, out + 7, 39);
		return;
	}
	for (int i = 0; i < 8; i++)
		groups[i] = (unsigned)((i < 4 ? ip.hi : ip.lo) >> (48 - i % 4 * 16) & 0xffff);
	longest_zeros(groups, &start, &len);
	for (int i = 0; i < 8;) {
		if (len && i == start) {
			at += snprintf(out + at, (size_t)(46 - at), "::");
			i += len;
		} else {
			bool colon = i > 0 && !(len && i == start + len);

			at += snprintf(out + at, (size_t)(46 - at), "%s%x", colon ? ":" : "", groups[i]);
			i++;
		}
	}
}

void
ip_format(enum ip_family family, struct ip ip, char out[46])
{
	if (family == IP_V4)
		format_v4(ip, out, 46);
	else
		format_v6(ip, out);
}

/* The block of the address whose last `host` bits are free, 0 to 128. */
static struct ip_range
block(struct ip ip, unsigned host)
{
	uint64_t lo = host >= 64 ? UINT64_MAX : (1ULL << host) - 1;
	uint64_t hi = host >= 128 ? UINT64_MAX : host > 64 ? (1ULL << (host - 64)) - 1 : 0;

	return (struct ip_range){{ip.hi & ~hi, ip.lo & ~lo}, {ip.hi | hi, ip.lo | lo}};
}

bool
cidr_parse(const char *s, enum ip_family *family, struct ip_range *out)
{
	const char *slash = s ? strchr(s, '/') : NULL;
	char text[INET6_ADDRSTRLEN];
	enum ip_family f;
	struct ip ip;
	int64_t bits;
	unsigned width;

	if (!slash || (size_t)(slash - s) >= sizeof(text))
		return false;
	memcpy(text, s, (size_t)(slash - s));
	text[slash - s] = '\0';
	if (!parse_as_written(text, &f, &ip) || slash[1] == '-' || !str_i64(slash + 1, &bits))
		return false;
	width = f == IP_V4 ? 32 : 128;
	if (bits > width)
		return false;
	*out = block(ip, width - (unsigned)bits);
	if (f == IP_V6 && is_mapped(ip) && bits >= 96) { /* a block of IPv4 written the long way, as Go reads it */
		f = IP_V4;
		out->first = (struct ip){0, out->first.lo & 0xffffffff};
		out->last = (struct ip){0, out->last.lo & 0xffffffff};
	}
	*family = f;
	return true;
}

void
cidr_format(enum ip_family family, struct ip_range r, char out[50])
{
	/* the bits in which the ends differ are those that the block leaves free */
	int host = __builtin_popcountll(r.first.hi ^ r.last.hi) + __builtin_popcountll(r.first.lo ^ r.last.lo);
	char ip[46];

	ip_format(family, r.first, ip);
	snprintf(out, 50, "%s/%d", ip, (family == IP_V4 ? 32 : 128) - host);
}

/* Index of the first range that ends at ip or behind it; n when none does. */
static size_t
find(const struct ip_set *set, struct ip ip)
{
	size_t low = 0, high = set->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (ip_cmp(set->at[mid].last, ip) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* Puts n ranges in the place of those from index `from` up to but not including `to`. */
static void
splice(struct ip_set *set, size_t from, size_t to, const struct ip_range *r, size_t n)
{
	size_t behind = set->n - to;

	vec_reserve(set, from + n + behind);
	if (behind)
		memmove(set->at + from + n, set->at + to, behind * sizeof(*r));
	if (n)
		memcpy(set->at + from, r, n * sizeof(*r));
	set->n = from + n + behind;
}

void
ip_set_add(struct ip_set *set, struct ip_range r)
{
	size_t from = find(set, r.first), to;

	if (from > 0 && touches(set->at[from - 1].last, r.first))
		from--;
	for (to = from; to < set->n && touches(r.last, set->at[to].first); to++) {
		r.first = ip_min(r.first, set->at[to].first);
		r.last = ip_max(r.last, set->at[to].last);
	}
	splice(set, from, to, &r, 1);
}

void
ip_set_remove(struct ip_set *set, struct ip_range r)
{
	size_t from = find(set, r.first), to = from, n = 0;
	struct ip_range rest[2];

	while (to < set->n && ip_cmp(set->at[to].first, r.last) <= 0)
		to++;
	if (from == to)
		return;
	if (ip_cmp(set->at[from].first, r.first) < 0)
		rest[n++] = (struct ip_range){set->at[from].first, ip_before(r.first)};
	if (ip_cmp(set->at[to - 1].last, r.last) > 0)
		rest[n++] = (struct ip_range){ip_after(r.last), set->at[to - 1].last};
	splice(set, from, to, rest, n);
}

/* Adds a range that starts no earlier than the last one of the set. */
static void
append(struct ip_set *set, struct ip_range r)
{
	struct ip_range *last = set->n ? &set->at[set->n - 1] : NULL;

	if (last && touches(last->last, r.first))
		last->last = ip_max(last->last, r.last);
	else
		vec_push(set, r);
}

void
ip_set_add_set(struct ip_set *set, const struct ip_set *other)
{
	struct ip_set sum = {0};
	size_t i = 0, j = 0;

	while (i < set->n || j < other->n) {
		bool mine = j == other->n || (i < set->n && ip_cmp(set->at[i].first, other->at[j].first) <= 0);

		append(&sum, mine ? set->at[i++] : other->at[j++]);
	}
	ip_set_free(set);
	*set = sum;
}

void
ip_set_intersect(struct ip_set *set, const struct ip_set *other)
{
	struct ip_set both = {0};
	size_t i = 0, j = 0;

	while (i < set->n && j < other->n) {
		struct ip_range a = set->at[i], b = other->at[j];
		struct ip_range r = {ip_max(a.first, b.first), ip_min(a.last, b.last)};

		if (ip_cmp(r.first, r.last) <= 0)
			vec_push(&both, r);
		if (ip_cmp(a.last, b.last) <= 0)
			i++;
		else
			j++;
	}
	ip_set_free(set);
	*set = both;
}

bool
ip_set_has(const struct ip_set *set, struct ip ip)
{
	return ip_set_overlaps(set, (struct ip_range){ip, ip});
}

bool
ip_set_overlaps(const struct ip_set *set, struct ip_range r)
{
	size_t i = find(set, r.first);

	return i < set->n && ip_cmp(set->at[i].first, r.last) <= 0;
}

bool
ip_set_covers(const struct ip_set *set, struct ip_range r)
{
	size_t i = find(set, r.first);

	return i < set->n && ip_cmp(set->at[i].first, r.first) <= 0 && ip_cmp(set->at[i].last, r.last) >= 0;
}

bool
ip_set_equal(const struct ip_set *a, const struct ip_set *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++) {
		if (ip_cmp(a->at[i].first, b->at[i].first) != 0 || ip_cmp(a->at[i].last, b->at[i].last) != 0)
			return false;
	}
	return true;
}

void
ip_set_free(struct ip_set *set)
{
	vec_free(set);
}

static pthread_once_t public_once = PTHREAD_ONCE_INIT;
static struct ip_set public_v4, public_v6;

/* What the IANA registries of special-purpose addresses keep out of the public internet. */
static void
build_public(void)
{
	static const char *const special[] = {
		"0.0.0.0/8",	   "10.0.0.0/8",     "100.64.0.0/10", "127.0.0.0/8",	"169.254.0.0/16",
		"172.16.0.0/12",   "192.0.0.0/24",   "192.0.2.0/24",  "192.168.0.0/16", "198.18.0.0/15",
		"198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4",   "240.0.0.0/4",	"::/128",
		"::1/128",	   "fc00::/7",	     "fe80::/10",     "ff00::/8",	"2001:db8::/32",
	};

	ip_set_add(&public_v4, block((struct ip){0, 0}, 32));
	ip_set_add(&public_v6, block((struct ip){0, 0}, 128));
	for (size_t i = 0; i < COUNT_OF(special); i++) {
		enum ip_family family;
		struct ip_range r;

		if (cidr_parse(special[i], &family, &r))
			ip_set_remove(family == IP_V4 ? &public_v4 : &public_v6, r);
	}
}

const struct ip_set *
ip_public(enum ip_family family)
{
	pthread_once(&public_once, build_public);
	return family == IP_V4 ? &public_v4 : &public_v6;
}

bool
ip_is_public(enum ip_family family, struct ip ip)
{
	return ip_set_has(ip_public(family), ip);
}

bool
ip_is_loopback(enum ip_family family, struct ip ip)
{
	return family == IP_V4 ? ip.lo >> 24 == 127 : ip.hi == 0 && ip.lo == 1;
}
