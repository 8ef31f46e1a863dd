/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What policies and Services can tell pods apart by: whether they are on the host's network, their named ports, and those
 * labels whose keys some selector of the fleet names. A hash or a number that a controller puts on each pod is none of it.
 */
#ifndef FLEET_VISIBLE_H
#define FLEET_VISIBLE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "fleet/fleet.h"

struct visible;

/* Of the fleet's policies, Services and settings; lives in its arena. */
struct visible *visible_new(struct fleet *f);
/*
 * Adds what is visible of such a pod: of two that are alike the same bytes, of others different ones. reach_build.c makes
 * keys of the same parts.
 */
void visible_key(const struct visible *v, struct buf *key, const struct pod_template *t);
/* Is a label of that key among them? */
bool visible_label(const struct visible *v, const char *key);
/* Of the pods that have not ended the first of each kind, in their order. `out` has room for all; returns how many. */
size_t visible_kinds(const struct visible *v, const struct live *l, const struct pod_template **out);

/*
 * Do all blocks of policies mean the addresses of the one if they mean those of the other? Pods without an address are
 * only like others without. Of a cluster's fleet.
 */
bool visible_same_addresses(const struct visible *v, const struct live *a, const struct live *b);

#endif
