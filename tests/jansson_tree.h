/* SPDX-License-Identifier: Apache-2.0 */
/* Compares what json_parse makes of a text with what jansson does: for tests and the fuzzer of JSON. */
#ifndef TESTS_JANSSON_TREE_H
#define TESTS_JANSSON_TREE_H

#include <jansson.h>
#include <string.h>

#include "base/json_scan.h"
#include "base/node.h"

static inline size_t
jansson_distinct(const struct node *map)
{
	size_t count = 0;

	node_each(member, map) {
		count += node_get(map, member->key) == member;
	}
	return count;
}

static inline bool
jansson_same(const struct node *n, const json_t *j)
{
	const char *key;
	json_t *value;
	size_t i = 0;

	switch ((enum node_type)n->type) {
	case NODE_NULL:
		return json_is_null(j);
	case NODE_BOOL:
		return json_is_boolean(j) && json_is_true(j) == (n->number != 0);
	case NODE_INT:
		return json_is_integer(j) && json_integer_value(j) == n->number;
	case NODE_FLOAT:
		return json_is_real(j) && json_real_value(j) == n->real;
	case NODE_STRING:
		return json_is_string(j) && json_string_length(j) == n->len && n->text[n->len] == '\0' &&
		       memcmp(json_string_value(j), n->text, n->len) == 0;
	case NODE_LIST:
		if (!json_is_array(j) || json_array_size(j) != n->len)
			return false;
		node_each(member, n) {
			if (!jansson_same(member, json_array_get(j, i++)))
				return false;
		}
		return i == n->len;
	case NODE_MAP:
		/* The last of a name wins in jansson too. */
		if (!json_is_object(j) || json_object_size(j) != jansson_distinct(n))
			return false;
		json_object_foreach((json_t *)j, key, value)
		{
			const struct node *member = node_get(n, key);

			if (!member || !jansson_same(member, value))
				return false;
		}
		return true;
	case NODE_RAW:
		return false; /* parse it first */
	}
	return false;
}

/* NULL when both agree, or differ as json_scan.h says they do; else what is wrong. */
static inline const char *
jansson_compare(const char *text, size_t len)
{
	struct arena a = {0};
	struct node *n = NULL;
	struct err e = {0};
	json_error_t error;
	json_t *j = json_loadb(text, len, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
	bool ok = json_parse(&a, "x", text, len, 1, NULL, &n, &e);
	const char *wrong = NULL;

	if (ok && j)
		wrong = jansson_same(n, j) ? NULL : "the trees differ";
	else if (ok && json_error_code(&error) != json_error_numeric_overflow)
		wrong = "jansson refuses it";
	else if (j && !strstr(e.msg, "nested deeper") &&
		 !memchr(text, '\0', len)) /* it passes over some NUL bytes */
		wrong = "jansson accepts it";
	json_decref(j);
	arena_free(&a);
	return wrong;
}

#endif
