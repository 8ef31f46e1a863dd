/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/profiles.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/cidr.h"
#include "base/str.h"
#include "fleet/setup.h"

/* One of source_cidrs, and the place of its profile. */
struct block {
	enum ip_family family;
	struct ip_range range;
	size_t profile;
};

static size_t
count_blocks(const struct pipelock_config *c)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n_agents; i++)
		n += c->agents[i].n_source_cidrs;
	return n;
}

/* All that can be read, in the order of profiles. */
static struct block *
list_blocks(const struct pipelock_config *c, struct arena *a, size_t *n)
{
	struct block *at = ARENA_ARRAY(a, struct block, count_blocks(c));

	*n = 0;
	for (size_t i = 0; i < c->n_agents; i++) {
		for (size_t j = 0; j < c->agents[i].n_source_cidrs; j++) {
			struct block *b = &at[*n];

			b->profile = i;
			*n += cidr_parse(c->agents[i].source_cidrs[j], &b->family, &b->range);
		}
	}
	return at;
}

static int
by_first(const void *a, const void *b)
{
	const struct block *p = a, *q = b;

	if (p->family != q->family)
		return p->family < q->family ? -1 : 1;
	return ip_cmp(p->range.first, q->range.first);
}

static bool
reaches(const struct block *earlier, const struct block *b)
{
	return earlier && earlier->family == b->family && ip_cmp(b->range.first, earlier->range.last) <= 0;
}

/*
 * Marks profiles that share an address with another. Blocks come by their first address; of those before, the one that
 * reaches farthest is enough to compare with, and the farthest of another profile where that is the block's own.
 */
static void
mark_overlaps(const struct block *at, size_t n, bool *shared)
{
	const struct block *far = NULL, *other = NULL; /* of two profiles */

	for (size_t i = 0; i < n; i++) {
		const struct block *b = &at[i], *before = far && far->profile == b->profile ? other : far;

		if (reaches(before, b))
			shared[b->profile] = shared[before->profile] = true;
		if (!reaches(far, b) || ip_cmp(b->range.last, far->range.last) > 0) {
			if (far && far->profile != b->profile)
				other = far;
			far = b;
		} else if (far->profile != b->profile &&
			   (!reaches(other, b) || ip_cmp(b->range.last, other->range.last) > 0)) {
			other = b;
		}
	}
}

/* A block of all addresses tells nobody apart. */
static bool
takes_all(const struct pipelock_agent *profile)
{
	for (size_t i = 0; i < profile->n_source_cidrs; i++)
		if (str_ends(profile->source_cidrs[i], "/0"))
			return true;
	return false;
}

static bool
tells_apart(const struct pipelock_agent *profile, bool shares_addresses)
{
	if (takes_all(profile))
		return false;
	return profile->n_listeners || (profile->n_source_cidrs && !shares_addresses);
}

/* How many profiles do. */
static size_t
count_telling(const struct pipelock_config *c, struct arena *scratch)
{
	bool *shared = ARENA_ARRAY(scratch, bool, c->n_agents);
	size_t n, telling = 0;
	struct block *blocks = list_blocks(c, scratch, &n);

	if (n)
		qsort(blocks, n, sizeof(*blocks), by_first);
	mark_overlaps(blocks, n, shared);
	for (size_t i = 0; i < c->n_agents; i++)
		telling += tells_apart(&c->agents[i], shared[i]);
	return telling;
}

/*
 * Addresses of pods that run
 */

/* Where an agent's pods fall: 0 under no profile, else a place from 1. false: no pod of it has an address. */
static bool
profile_of(const struct block *blocks, size_t n, const struct live *agent, size_t *place)
{
	for (size_t i = 0; i < agent->n_pods; i++) {
		const struct pod *pod = agent->pods[i];
		enum ip_family family;
		struct ip ip;

		if (pod->finished || !pod->n_ips || !ip_parse(pod->ips[0], &family, &ip))
			continue;
		*place = 0;
		for (size_t j = 0; j < n && !*place; j++)
			if (blocks[j].family == family && ip_cmp(blocks[j].range.first, ip) <= 0 &&
			    ip_cmp(ip, blocks[j].range.last) <= 0)
				*place = blocks[j].profile + 1;
		return true;
	}
	return false;
}

/* Two agents whose addresses fall under the same profile, or both under none. */
static bool
addresses_collide(const struct fleet *f, const struct workload *companion, struct arena *scratch)
{
	const struct pipelock_config *c = &companion->pipelock->config;
	bool *taken = ARENA_ARRAY(scratch, bool, c->n_agents + 1);
	size_t n, place;
	const struct block *blocks = list_blocks(c, scratch, &n);

	for (size_t i = 0; i < companion->n_agents; i++) {
		if (!profile_of(blocks, n, fleet_live(f, companion->agents[i]), &place))
			continue;
		if (taken[place])
			return true;
		taken[place] = true;
	}
	return false;
}

static bool
has_listeners(const struct pipelock_config *c)
{
	for (size_t i = 0; i < c->n_agents; i++)
		if (c->agents[i].n_listeners)
			return true;
	return false;
}

/* All agents but one need a profile; the last has the default. */
bool
profiles_tell_apart(const struct fleet *f, const struct workload *companion, struct arena *scratch)
{
	const struct pipelock *p = companion->pipelock;

	if (companion->n_agents < 2)
		return true;
	if (!p || !setup_config_speaks(p) || count_telling(&p->config, scratch) + 1 < companion->n_agents)
		return false;
	return has_listeners(&p->config) || !addresses_collide(f, companion, scratch);
}

void
profiles_assign(struct fleet *f)
{
	AUTO(arena) struct arena scratch = {0};

	for (size_t i = 0; i < f->n_companions; i++) {
		f->companions[i]->told_apart = profiles_tell_apart(f, f->companions[i], &scratch);
		arena_reset(&scratch);
	}
}
