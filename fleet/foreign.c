/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/foreign.h"

#include <string.h>

static bool
selects(const struct foreign_policy *p, const struct pod_class *c)
{
	for (size_t i = 0; i < p->n_subjects; i++) {
		const struct foreign_subject *s = &p->subjects[i];

		if (s->namespaces.present && !selector_matches(&s->namespaces, c->namespace_labels))
			continue;
		if (selector_matches(&s->pods, c->labels))
			return true;
	}
	return false;
}

/* The first of the list that does not stand before the namespace. */
static size_t
first_of(const struct fleet *f, const char *namespace)
{
	size_t low = 0, high = f->n_foreign;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (strcmp(f->foreign[mid]->namespace, namespace) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

void
foreign_each(const struct fleet *f, const struct pod_class *c,
	     bool (*fn)(void *ctx, const struct foreign_policy *p), void *ctx)
{
	const char *const namespaces[] = {"", c->namespace}; /* cluster-wide ones, then its own */

	for (size_t i = 0; i < 2; i++) {
		for (size_t k = first_of(f, namespaces[i]); k < f->n_foreign; k++) {
			const struct foreign_policy *p = object_foreign(f->foreign[k]);

			if (strcmp(p->object.namespace, namespaces[i]) != 0)
				break;
			if (selects(p, c) && !fn(ctx, p))
				return;
		}
	}
}

static bool
take_first(void *ctx, const struct foreign_policy *p)
{
	*(const struct foreign_policy **)ctx = p;
	return false;
}

const struct foreign_policy *
foreign_first(const struct fleet *f, const struct workload *w)
{
	const struct foreign_policy *found = NULL;
	size_t n;
	const uint32_t *classes = f->n_foreign ? reach_classes(f->reach, w, &n) : NULL;

	for (size_t i = 0; classes && !found && i < n; i++)
		foreign_each(f, reach_class(f->reach, classes[i]), take_first, &found);
	return found;
}
