/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/role_yaml.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

static struct role_rule *
find_rule(struct role_yaml *r, const char *group, const char *resource, const char *subresource)
{
	for (size_t i = 0; i < r->n_rules; i++) {
		struct role_rule *rule = &r->rules[i];

		if (str_eq(rule->group, group) && str_eq(rule->resource, resource) &&
		    str_eq(rule->subresource, subresource))
			return rule;
	}
	if (r->n_rules == r->cap_rules) {
		r->cap_rules = r->cap_rules * 2 + 8;
		r->rules = mem_grow(r->rules, r->cap_rules, sizeof(r->rules[0]));
	}
	r->rules[r->n_rules] = (struct role_rule){.group = group, .resource = resource, .subresource = subresource};
	return &r->rules[r->n_rules++];
}

void
role_yaml_add(struct role_yaml *r, const char *group, const char *resource, const char *subresource,
	      const char *verb)
{
	struct role_rule *rule = find_rule(r, group, resource, subresource);

	for (size_t i = 0; i < rule->n_verbs; i++)
		if (str_eq(rule->verbs[i], verb))
			return;
	if (rule->n_verbs < COUNT_OF(rule->verbs))
		rule->verbs[rule->n_verbs++] = verb;
}

/* In single quotes anything is text, whatever it looks like. */
static void
add_quoted(struct buf *out, const char *text)
{
	buf_addc(out, '\'');
	for (; *text; text++) {
		if (*text == '\'')
			buf_addc(out, '\'');
		buf_addc(out, (unsigned char)*text < ' ' ? '?' : *text);
	}
	buf_addc(out, '\'');
}

static void
add_head(const struct role_yaml *r, struct buf *out, const char *suffix)
{
	buf_addf(out, "apiVersion: rbac.authorization.k8s.io/v1\nkind: %s%s\nmetadata:\n  name: %s\n",
		 r->namespace ? "Role" : "ClusterRole", suffix, r->name);
	if (!r->namespace)
		return;
	buf_adds(out, "  namespace: ");
	add_quoted(out, r->namespace);
	buf_addc(out, '\n');
}

static void
add_rule(const struct role_rule *rule, struct buf *out)
{
	buf_addf(out, "- apiGroups: ['%s']\n  resources: ['%s%s%s']\n  verbs: [", rule->group, rule->resource,
		 rule->subresource ? "/" : "", rule->subresource ? rule->subresource : "");
	for (size_t i = 0; i < rule->n_verbs; i++)
		buf_addf(out, "%s'%s'", i ? ", " : "", rule->verbs[i]);
	buf_adds(out, "]\n");
}

/* "system:serviceaccount:NS:NAME" is bound as what it is. */
static void
add_subject(const char *user, struct buf *out)
{
	static const char prefix[] = "system:serviceaccount:";
	const char *namespace = str_starts(user, prefix) ? user + strlen(prefix) : NULL;
	const char *name = namespace ? strchr(namespace, ':') : NULL;

	if (!name) {
		buf_adds(out, "- kind: User\n  apiGroup: rbac.authorization.k8s.io\n  name: ");
		add_quoted(out, user);
	} else {
		AUTO(free) char *only = mem_strndup(namespace, (size_t)(name - namespace));

		buf_adds(out, "- kind: ServiceAccount\n  namespace: ");
		add_quoted(out, only);
		buf_adds(out, "\n  name: ");
		add_quoted(out, name + 1);
	}
	buf_addc(out, '\n');
}

void
role_yaml_print(const struct role_yaml *r, struct buf *out)
{
	add_head(r, out, "");
	buf_adds(out, "rules:\n");
	for (size_t i = 0; i < r->n_rules; i++)
		add_rule(&r->rules[i], out);
	if (!r->user)
		return;
	buf_adds(out, "---\n");
	add_head(r, out, "Binding");
	buf_addf(out, "roleRef:\n  apiGroup: rbac.authorization.k8s.io\n  kind: %s\n  name: %s\nsubjects:\n",
		 r->namespace ? "Role" : "ClusterRole", r->name);
	add_subject(r->user, out);
}

void
role_yaml_free(struct role_yaml *r)
{
	free(r->rules);
	r->rules = NULL;
	r->n_rules = r->cap_rules = 0;
}
