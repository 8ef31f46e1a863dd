/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/outside.h"

#include <string.h>

#include "base/str.h"
#include "base/vec.h"

/* Does the selector hold, by its name, to the one namespace that was read? */
static bool
is_confined(const struct selector *s, const char *namespace)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->at[i].key, REACH_NAMESPACE_NAME) == 0 && s->at[i].op == OP_IN &&
		    s->at[i].n_values == 1)
			return strcmp(s->at[i].values[0], namespace) == 0;
	return false;
}

static bool
lets_outside(const struct fleet *f, const struct policy_rule *r)
{
	for (size_t i = 0; i < r->n_peers; i++) {
		const struct policy_peer *p = &r->peers[i];

		if (p->type == PEER_PODS && p->namespaces.present && !is_confined(&p->namespaces, f->source.namespace))
			return true;
	}
	return r->n_peers == 0;
}

static bool
is_dns_only(const struct policy_rule *r)
{
	for (size_t i = 0; i < r->n_ports; i++)
		if (r->ports[i].name || r->ports[i].first != 53 || r->ports[i].last != 53)
			return false;
	return r->n_ports > 0;
}

struct outside_way
outside_way(const struct fleet *f, enum direction d, size_t class)
{
	const struct policy *const *at;
	size_t n = f->source.namespace ? reach_policies(f->reach, d, class, &at) : 0;

	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < at[i]->n_rules[d]; k++) {
			const struct policy_rule *r = &at[i]->rules[d][k];

			if (r->action == ACTION_ACCEPT && !is_dns_only(r) && lets_outside(f, r))
				return (struct outside_way){at[i], (uint32_t)k};
		}
	}
	return (struct outside_way){0};
}

bool
outside_names(const struct fleet *f, const char *host, const char **namespace, size_t *len)
{
	const char *second = f->source.namespace && host ? strchr(host, '.') : NULL;
	const char *third = second ? strchr(second + 1, '.') : NULL;

	if (!second || (third && strcmp(third, ".svc") != 0 && !str_starts(third, ".svc.")))
		return false;
	*namespace = second + 1;
	*len = third ? (size_t)(third - *namespace) : strlen(*namespace);
	return *len && (strlen(f->source.namespace) != *len || memcmp(f->source.namespace, *namespace, *len) != 0);
}

static bool
is_noted(const struct gap *at, size_t n, const char *namespace, size_t len)
{
	for (size_t i = 0; i < n; i++)
		if (strlen(at[i].namespace) == len && memcmp(at[i].namespace, namespace, len) == 0)
			return true;
	return false;
}

size_t
outside_note_companions(struct fleet *f)
{
	VEC(struct gap) gaps = {0};
	size_t before = f->n_gaps, len;
	const char *namespace;

	for (size_t i = 0; i < before; i++)
		vec_push(&gaps, f->gaps[i]);
	for (size_t i = 0; i < f->n_agents; i++) {
		const struct workload *w = f->agents[i];
		struct gap g = {.fact = (enum fact)(FACT_SERVICES | FACT_CONFIG_MAPS), .kind = "Service"};

		if (w->companion || !outside_names(f, w->wanted_companion, &namespace, &len) ||
		    is_noted(gaps.at + before, gaps.n - before, namespace, len))
			continue;
		g.namespace = arena_strndup(&f->arena, namespace, len);
		g.reason = arena_printf(&f->arena, "%s %s/%s names %s as its companion, and only namespace %s was read",
					w->kind, w->namespace, w->name, w->wanted_companion, f->source.namespace);
		vec_push(&gaps, g);
	}
	f->gaps = arena_copy(&f->arena, gaps.at, gaps.n * sizeof(*gaps.at));
	f->n_gaps = gaps.n;
	vec_free(&gaps);
	return f->n_gaps - before;
}
