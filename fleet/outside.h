/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A source that holds a single namespace of a cluster (source.namespace): what lies outside of it exists, and nothing is
 * known of it. Who lets such pods through, or names them, is told apart from who does not.
 */
#ifndef FLEET_OUTSIDE_H
#define FLEET_OUTSIDE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fleet/policy.h"
#include "fleet/reach.h"

/* Where pods that were not read are let through. */
struct outside_way {
	const struct policy *policy; /* NULL: none does */
	uint32_t rule; /* from 0 */
};

/*
 * The first rule, of the policies that select the class, that lets pods of other namespaces through on a port besides 53.
 * None when the whole cluster was read.
 */
struct outside_way outside_way(const struct fleet *f, enum direction d, size_t class);

/*
 * Does a host, as an agent's variables or annotations have it, mean a Service of a namespace that was not read? That
 * namespace is in *namespace then, without an end of its own.
 */
bool outside_names(const struct fleet *f, const char *host, const char **namespace, size_t *len);

/*
 * Notes a gap for each namespace outside in which an agent names its companion. After the pairs are made; returns how many
 * were added, for the facts hang on them.
 */
size_t outside_note_companions(struct fleet *f);

#endif
