/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/str.h"
#include "decode/kinds.h"

static const struct {
	const char *word;
	enum selector_op op;
	bool values; /* has to have some; the others must not */
} operators[] = {
	{"In", OP_IN, true},
	{"NotIn", OP_NOT_IN, true},
	{"Exists", OP_EXISTS, false},
	{"DoesNotExist", OP_DOES_NOT_EXIST, false},
};

static struct requirement
decode_expression(struct decoder *d, const struct node *n)
{
	struct requirement r = {.key = field_need(d, n, "key")};
	const struct node *word = field_get(n, "operator");

	r.values = field_strs(d, n, "values", &r.n_values);
	for (size_t i = 0; i < COUNT_OF(operators); i++) {
		if (!str_eq(node_str(word), operators[i].word))
			continue;
		r.op = operators[i].op;
		if (operators[i].values != (r.n_values > 0))
			field_fail(d, n, "operator %s %s", operators[i].word,
				   operators[i].values ? "needs values" : "takes no values");
		return r;
	}
	if (word)
		field_fail(d, word, "In, NotIn, Exists or DoesNotExist expected, got %.100s",
			   node_str(word) ? node_str(word) : node_type_name(word));
	else
		field_missing(d, n, "operator");
	return r;
}

static struct requirement
decode_label(struct decoder *d, const struct node *n)
{
	const char **value = ARENA_NEW(d->arena, const char *);

	*value = field_scalar(d, field_parsed(d, n));
	if (!*value)
		*value = "";
	return (struct requirement){
		.key = field_keep(d, n->key, strlen(n->key)),
		.op = OP_IN,
		.values = value,
		.n_values = 1,
	};
}

struct selector
selector_decode(struct decoder *d, const struct node *parent, const char *key)
{
	const struct node *selector = field_map(d, parent, key);
	const struct node *labels = field_map(d, selector, "matchLabels");
	const struct node *expressions = field_maps(d, selector, "matchExpressions");
	struct requirement *at = FIELD_ARRAY(d, struct requirement, node_count(labels) + node_count(expressions));
	struct selector out = {.present = selector != NULL, .at = at};

	node_each(label, labels)
		at[out.n++] = decode_label(d, label);
	node_each(expression, expressions)
		at[out.n++] = decode_expression(d, expression);
	return out;
}

struct selector
selector_decode_map(struct decoder *d, const struct node *parent, const char *key)
{
	const struct node *labels = field_map(d, parent, key);
	struct requirement *at = FIELD_ARRAY(d, struct requirement, node_count(labels));
	struct selector out = {.present = node_count(labels) > 0, .at = at};

	node_each(label, labels)
		at[out.n++] = decode_label(d, label);
	return out;
}
