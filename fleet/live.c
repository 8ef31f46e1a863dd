/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/live.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

struct live *
live_new(size_t n_pods, const struct pod ***pods)
{
	struct live *l = mem_alloc(sizeof(*l) + n_pods * sizeof(**pods));

	l->item.refs = 1;
	l->own = true;
	l->n_pods = n_pods;
	*pods = (const struct pod **)(l + 1);
	l->pods = *pods;
	return l;
}

struct live *
live_copy(const struct live *l)
{
	const struct pod **pods;
	struct live *copy = live_new(l->n_pods, &pods);

	for (size_t i = 0; i < l->n_pods; i++) {
		object_ref((struct object *)&l->pods[i]->object);
		pods[i] = l->pods[i];
	}
	copy->desired = l->desired;
	copy->ready = l->ready;
	copy->counted = l->counted;
	copy->verified = l->verified;
	memcpy(copy->against, l->against, sizeof(copy->against));
	return copy;
}

void
live_drop(struct shared_item *item)
{
	struct live *l = (struct live *)item;

	if (!l->own)
		return; /* it lies in the arena of the fleet that it was built with, and so do its pods' references */
	for (size_t i = 0; i < l->n_pods; i++)
		object_unref((struct object *)&l->pods[i]->object);
	free(l);
}

bool
live_is_ready(const struct pod *p)
{
	return p->ready && !p->finished && !p->deleting;
}

int64_t
live_count_ready(const struct live *l)
{
	int64_t ready = -1;

	for (size_t i = 0; i < l->n_pods; i++) {
		const struct pod *p = l->pods[i];

		if (!p->has_status)
			continue;
		if (ready < 0)
			ready = 0;
		ready += live_is_ready(p);
	}
	return ready;
}

bool
live_has_counts(const struct controller *c)
{
	static const char *const kinds[] = {"DaemonSet", "Deployment", "ReplicaSet", "StatefulSet"};

	for (size_t i = 0; c->has_status && i < COUNT_OF(kinds); i++)
		if (str_eq(kinds[i], c->object.kind))
			return true;
	return false;
}
