/* SPDX-License-Identifier: Apache-2.0 */
/* A Role or ClusterRole and its binding, as YAML to apply. */
#ifndef CLI_ROLE_YAML_H
#define CLI_ROLE_YAML_H

#include <stddef.h>

#include "base/buf.h"

struct role_rule {
	const char *group;
	const char *resource, *subresource; /* subresource NULL */
	const char *verbs[8];
	size_t n_verbs;
};

struct role_yaml {
	const char *name;
	const char *namespace; /* a Role in it; NULL: a ClusterRole */
	const char *user; /* as the server calls it; NULL: no binding is printed */
	struct role_rule *rules;
	size_t n_rules, cap_rules;
};

/* A verb more, beside the others of that resource. Strings are borrowed. */
void role_yaml_add(struct role_yaml *r, const char *group, const char *resource, const char *subresource,
		   const char *verb);
void role_yaml_print(const struct role_yaml *r, struct buf *out);
void role_yaml_free(struct role_yaml *r);

#endif
