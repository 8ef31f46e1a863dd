/* SPDX-License-Identifier: Apache-2.0 */
/* Why one end may, or may not, talk to another: the evaluator's steps in words. */
#ifndef FLEET_EXPLAIN_H
#define FLEET_EXPLAIN_H

#include "base/buf.h"
#include "fleet/connect.h"

/*
 * The verdict on `wanted` ports first, then for each end the policies that select it and each of their rules: whether it
 * matches, and on which ports. Lines of safe text. Wants f->reach; one end is a workload.
 */
void explain_pair(const struct fleet *f, const struct connect_end *from, const struct connect_end *to,
		  const struct port_set *wanted, struct buf *out);

#endif
