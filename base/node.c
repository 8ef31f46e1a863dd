/* SPDX-License-Identifier: Apache-2.0 */
#include "base/node.h"

#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* Above this many members a sorted copy of the keys is cheaper than comparing each with each. */
#define FEW_MEMBERS 24

static bool
is_map(const struct node *n)
{
	return n && n->type == NODE_MAP;
}

static const struct node *
get_len(const struct node *map, const char *key, size_t len)
{
	const struct node *found = NULL;

	if (!is_map(map))
		return NULL;
	node_each(member, map) {
		if (strncmp(member->key, key, len) == 0 && member->key[len] == '\0')
			found = member;
	}
	return found;
}

const struct node *
node_get(const struct node *map, const char *key)
{
	const struct node *found = NULL;

	if (!is_map(map))
		return NULL;
	node_each(member, map) {
		/* Most keys differ in their first byte: the call is what costs. */
		if (member->key[0] == key[0] && strcmp(member->key, key) == 0)
			found = member;
	}
	return found;
}

const struct node *
node_path(const struct node *map, const char *path)
{
	while (map) {
		size_t len = strcspn(path, ".");

		map = get_len(map, path, len);
		if (path[len] == '\0')
			return map;
		path += len + 1;
	}
	return NULL;
}

const char *
node_str(const struct node *n)
{
	return n && n->type == NODE_STRING ? n->text : NULL;
}

const char *
node_text(const struct node *n)
{
	if (!n)
		return NULL;
	switch (n->type) {
	case NODE_BOOL:
	case NODE_INT:
	case NODE_FLOAT:
	case NODE_STRING:
		return n->text;
	default:
		return NULL;
	}
}

bool
node_bool(const struct node *n, bool absent)
{
	return n && n->type == NODE_BOOL ? n->number != 0 : absent;
}

int64_t
node_int(const struct node *n, int64_t absent)
{
	if (n && n->type == NODE_INT)
		return n->number;
	/* Both bounds are exact as doubles; 2^63 itself is already too large. */
	if (!n || n->type != NODE_FLOAT || !(n->real >= -9223372036854775808.0 && n->real < 9223372036854775808.0))
		return absent;
	return (double)(int64_t)n->real == n->real ? (int64_t)n->real : absent;
}

const char *
node_get_str(const struct node *map, const char *key)
{
	return node_str(node_get(map, key));
}

const char *
node_get_text(const struct node *map, const char *key)
{
	const char *text = node_get_str(map, key);

	return text ? text : "";
}

size_t
node_count(const struct node *n)
{
	return n && (n->type == NODE_LIST || n->type == NODE_MAP) ? n->len : 0;
}

/* What was left unparsed is told by its first byte. */
static enum node_type
raw_type(const struct node *n)
{
	switch (n->len ? n->text[0] : '\0') {
	case '{':
		return NODE_MAP;
	case '[':
		return NODE_LIST;
	case '"':
		return NODE_STRING;
	case 't':
	case 'f':
		return NODE_BOOL;
	case 'n':
		return NODE_NULL;
	default:
		return NODE_INT;
	}
}

const char *
node_type_name(const struct node *n)
{
	static const char *const names[] = {
		[NODE_NULL] = "null",	   [NODE_BOOL] = "a boolean",  [NODE_INT] = "a number",
		[NODE_FLOAT] = "a number", [NODE_STRING] = "a string", [NODE_LIST] = "a list",
		[NODE_MAP] = "a map",
	};

	if (!n)
		return "nothing";
	return names[n->type == NODE_RAW ? raw_type(n) : n->type];
}

struct place {
	const struct node *node;
	size_t at;
};

static int
by_key(const void *a, const void *b)
{
	const struct place *x = a, *y = b;
	int order = strcmp(x->node->key, y->node->key);

	return order ? order : (x->at > y->at) - (x->at < y->at);
}

static const struct node *
duplicate_sorted(const struct node *map)
{
	struct place *all = mem_array(map->len, sizeof(*all));
	const struct node *found = NULL;
	size_t n = 0, first = SIZE_MAX;

	for (const struct node *member = map->first; member; member = member->next, n++)
		all[n] = (struct place){member, n};
	qsort(all, n, sizeof(*all), by_key);
	for (size_t i = 1; i < n; i++) {
		if (all[i].at < first && strcmp(all[i].node->key, all[i - 1].node->key) == 0) {
			found = all[i].node;
			first = all[i].at;
		}
	}
	free(all);
	return found;
}

const struct node *
node_duplicate_key(const struct node *map)
{
	if (!is_map(map))
		return NULL;
	if (map->len > FEW_MEMBERS)
		return duplicate_sorted(map);
	node_each(member, map) {
		for (const struct node *before = map->first; before != member; before = before->next)
			if (strcmp(before->key, member->key) == 0)
				return member;
	}
	return NULL;
}

unsigned
node_key_line(const struct node *member)
{
	return member->line - member->below_key;
}

struct node *
node_copy(struct arena *a, const struct node *n)
{
	struct node *copy = arena_copy(a, n, sizeof(*n));
	struct node **tail = &copy->first;

	copy->next = NULL;
	copy->key = arena_strdup(a, n->key);
	if (n->text)
		copy->text = arena_strndup(a, n->text, n->len);
	node_each(child, n) {
		*tail = node_copy(a, child);
		tail = &(*tail)->next;
	}
	return copy;
}

bool
node_parse_real(const char *text, double *out)
{
	/* strtod wants the locale's decimal sign; numbers in documents always have a point. */
	static _Thread_local locale_t c_locale;
	double value;

	if (!c_locale)
		c_locale = newlocale(LC_ALL_MASK, "C", NULL);
	if (!c_locale)
		die("out of memory");
	value = strtod_l(text, NULL, c_locale);
	if (!isfinite(value))
		return false;
	*out = value;
	return true;
}
