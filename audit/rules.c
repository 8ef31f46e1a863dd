/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/rule.h"

#include "base/str.h"

#define RULE(name) extern const struct rule rule_##name;
#include "audit/rules.def"
#undef RULE

const struct rule *const rules[] = {
#define RULE(name) &rule_##name,
#include "audit/rules.def"
#undef RULE
};

const size_t n_rules = COUNT_OF(rules);

const struct rule *
rule_find(const char *id)
{
	for (size_t i = 0; i < n_rules; i++) {
		if (str_eq(rules[i]->id, id))
			return rules[i];
	}
	return NULL;
}

size_t
rule_place(const struct rule *r)
{
	size_t i = 0;

	while (i < n_rules && rules[i] != r)
		i++;
	return i;
}
