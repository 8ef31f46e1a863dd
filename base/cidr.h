/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses, address ranges and sets of them, IPv4 and IPv6 kept apart. */
#ifndef BASE_CIDR_H
#define BASE_CIDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

/* Big-endian value in two halves; an IPv4 address is 32 bits in lo. */
struct ip {
	uint64_t hi, lo;
};

enum ip_family { IP_V4 = 4, IP_V6 = 6 };

/* first <= last, both inside. */
struct ip_range {
	struct ip first, last;
};

/* Sorted, disjoint, not adjacent. A zeroed struct is the empty set. Free with ip_set_free. */
struct ip_set {
	struct ip_range *at;
	size_t n, cap;
};

int ip_cmp(struct ip a, struct ip b);
/* The neighbours of an address; not to be asked for beyond the ends of its family. */
struct ip ip_after(struct ip a);
struct ip ip_before(struct ip a);
struct ip_range ip_range_all(enum ip_family family); /* every address of it */
/* Dotted quad or IPv6 text, no zone. Leading zeros in a quad are refused, as Go does. An IPv4-mapped IPv6 address
 * (::ffff:1.2.3.4) is IPv4. */
bool ip_parse(const char *s, enum ip_family *family, struct ip *out) MUST_USE;
/* Writes at most 46 bytes with the NUL; IPv6 as RFC 5952 has it. */
void ip_format(enum ip_family family, struct ip ip, char out[46]);
/* "10.0.0.0/8"; host bits are allowed and cut off, as Kubernetes does. */
bool cidr_parse(const char *s, enum ip_family *family, struct ip_range *out) MUST_USE;
/* The range of one block, as cidr_parse gives it, written so again: at most 50 bytes with the NUL. */
void cidr_format(enum ip_family family, struct ip_range r, char out[50]);

void ip_set_add(struct ip_set *set, struct ip_range r);
void ip_set_remove(struct ip_set *set, struct ip_range r);
void ip_set_add_set(struct ip_set *set, const struct ip_set *other);
void ip_set_intersect(struct ip_set *set, const struct ip_set *other);
bool ip_set_has(const struct ip_set *set, struct ip ip);
bool ip_set_overlaps(const struct ip_set *set, struct ip_range r);
bool ip_set_covers(const struct ip_set *set, struct ip_range r);
bool ip_set_equal(const struct ip_set *a, const struct ip_set *b);
void ip_set_free(struct ip_set *set);

/*
 * The public addresses: all outside RFC 1918, RFC 6598, loopback, link-local, multicast, reserved (0/8, 192.0.0.0/24,
 * the documentation and benchmark blocks, 240/4), and for IPv6 outside fc00::/7, fe80::/10, ::1, ::, ff00::/8 and
 * 2001:db8::/32. Shared and constant.
 */
const struct ip_set *ip_public(enum ip_family family);
bool ip_is_public(enum ip_family family, struct ip ip);
bool ip_is_loopback(enum ip_family family, struct ip ip);

#endif
