/* SPDX-License-Identifier: Apache-2.0 */
/* A workload's key with strings of its own. */
#ifndef CLI_OWN_KEY_H
#define CLI_OWN_KEY_H

#include <stdlib.h>

#include "base/mem.h"
#include "fleet/evidence.h"

static inline struct workload_key
own_key_new(const struct workload_key *k)
{
	return (struct workload_key){mem_strdup(k->namespace), mem_strdup(k->name), mem_strdup(k->kind)};
}

/* Nothing is there afterwards (name NULL), which it may be before. */
static inline void
own_key_free(struct workload_key *k)
{
	free((char *)k->namespace);
	free((char *)k->name);
	free((char *)k->kind);
	*k = (struct workload_key){0};
}

/* Are they the same, or is there none in both? b may be NULL. */
static inline bool
own_key_is(const struct workload_key *a, const struct workload_key *b)
{
	return b && a->name ? workload_key_cmp(a, b) == 0 : !b && !a->name;
}

#endif
