/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/settings.h"

#include "base/str.h"

static bool
glob_holds(const char *glob, const char *s)
{
	return !glob || str_glob(glob, s);
}

bool
settings_match(const struct workload_match *m, const struct match_subject *s)
{
	if (!glob_holds(m->namespace, s->namespace) || !glob_holds(m->kind, s->kind) || !glob_holds(m->name, s->name))
		return false;
	if (!m->selector.present)
		return true;
	return (s->labels && selector_matches(&m->selector, s->labels)) ||
	       (s->template_labels && selector_matches(&m->selector, s->template_labels));
}
