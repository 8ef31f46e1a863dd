/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may talk to what, workload by workload: the evaluator's answers about classes of pods and intervals of addresses
 * (reach.h) put together. A workload with several classes of pods may do what any of them may.
 */
#ifndef FLEET_CONNECT_H
#define FLEET_CONNECT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/cidr.h"
#include "fleet/fleet.h"
#include "fleet/ports.h"

/* A workload, or addresses outside the cluster where `workload` is NULL. */
struct connect_end {
	const struct workload *workload;
	enum ip_family family;
	struct ip_range range;
};

/* "ns/name[Kind]" or "first-last": not yet safe to show. */
void connect_end_name(struct buf *out, const struct connect_end *end);

struct connection {
	struct connect_end from, to;
	struct port_set ports; /* never empty */
};

typedef bool connect_fn(void *ctx, const struct connection *c);

/* Has it pods that policies can be about? false for a pod by itself that has run to its end. */
bool connect_counts(const struct fleet *f, const struct workload *w);
/* The workload one of whose running pods has that address, on a network of its own; NULL. */
const struct workload *connect_at(const struct fleet *f, enum ip_family family, struct ip ip);
/* Does a policy name an IPv6 block, or has a pod or Service an IPv6 address? Else the cluster is taken for one without. */
bool connect_has_ipv6(const struct fleet *f);

/*
 * Everything that a workload may talk to: addresses first, IPv4 before IPv6, disjoint and in order; then workloads in the
 * fleet's order, itself left out. One call a peer, until fn answers false. Wants f->reach. Cost follows the answer.
 */
struct connect;
struct connect *connect_new(const struct fleet *f); /* free with connect_free; the fleet has to outlive it */
void connect_free(struct connect *c); /* NULL is fine */
bool connect_from(struct connect *c, const struct workload *w, bool ipv6, connect_fn *fn, void *ctx);
/* The addresses outside that may talk to a workload. */
bool connect_external(struct connect *c, const struct workload *w, bool ipv6, connect_fn *fn, void *ctx);

/* What one end may send to the other, of which one is a workload; an address is range.first alone. */
struct port_set connect_pair(const struct fleet *f, const struct connect_end *from, const struct connect_end *to,
			     struct arena *a);

#endif
