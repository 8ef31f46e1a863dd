/* SPDX-License-Identifier: Apache-2.0 */
/* Sets of ports of TCP, UDP and SCTP. Values are immutable and live in arenas; the two constants are shared. */
#ifndef FLEET_PORTS_H
#define FLEET_PORTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"

enum protocol { PROTOCOL_TCP, PROTOCOL_UDP, PROTOCOL_SCTP, PROTOCOLS };

/* 1 <= first <= last <= 65535 */
struct port_range {
	uint16_t first, last;
};

/* Sorted, disjoint and not adjacent within a protocol. */
struct port_set {
	const struct port_range *at[PROTOCOLS];
	uint16_t n[PROTOCOLS];
};

extern const struct port_set ports_none, ports_all;

struct port_set ports_one(struct arena *a, enum protocol p, uint16_t first, uint16_t last);
struct port_set ports_protocol(enum protocol p); /* every port of it */
struct port_set ports_union(struct arena *a, const struct port_set *x, const struct port_set *y);
struct port_set ports_intersect(struct arena *a, const struct port_set *x, const struct port_set *y);
struct port_set ports_minus(struct arena *a, const struct port_set *x, const struct port_set *y);

bool ports_empty(const struct port_set *s);
bool ports_is_all(const struct port_set *s);
bool ports_equal(const struct port_set *x, const struct port_set *y);
bool ports_has(const struct port_set *s, enum protocol p, uint16_t port);
bool ports_within(const struct port_set *part, const struct port_set *whole);

const char *protocol_name(enum protocol p);
bool protocol_parse(const char *name, enum protocol *out);

/* "TCP 80,443,8000-8080;UDP 53", "All Connections", "No Connections": as moat reach prints them. */
void ports_format(struct buf *out, const struct port_set *s);
/* "TCP 80,TCP 443,UDP 53", "all": one port or range an entry, as in a report's `allows`. */
void ports_format_list(struct buf *out, const struct port_set *s);

#endif
