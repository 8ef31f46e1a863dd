/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policies of other engines (Cilium, Calico, Antrea, ...): moat does not evaluate them, but knows whom they may select, so
 * that nothing is said of those.
 */
#ifndef FLEET_FOREIGN_H
#define FLEET_FOREIGN_H

#include <stdbool.h>
#include <stddef.h>

#include "fleet/fleet.h"
#include "fleet/reach.h"

/* Pods that it may select: what could not be read of a selector is left out of it, so that it selects more. */
struct foreign_subject {
	struct selector namespaces; /* not present: the policy's own namespace, every one when it is cluster-wide */
	struct selector pods;
};

struct foreign_policy {
	struct object object;
	const struct foreign_subject *subjects; /* none: it selects no pod */
	size_t n_subjects;
};

static inline const struct foreign_policy *
object_foreign(const struct object *o)
{
	return (const struct foreign_policy *)o;
}

/* Calls fn with each that may select pods of the class, in order, until it answers false. */
void foreign_each(const struct fleet *f, const struct pod_class *c,
		  bool (*fn)(void *ctx, const struct foreign_policy *p), void *ctx);
/* The first that may select pods of the workload; NULL for none. Wants f->reach. */
const struct foreign_policy *foreign_first(const struct fleet *f, const struct workload *w);

#endif
