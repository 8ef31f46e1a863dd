/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "decode/kinds.h"

static const char *
decode_text(struct decoder *d, const struct node *n, size_t *len)
{
	const struct node *value = field_parsed(d, n);

	*len = 0;
	if (!value || value->type == NODE_NULL)
		return "";
	if (!node_text(value)) {
		field_fail(d, n, "a string expected, got %s", node_type_name(value));
		return "";
	}
	*len = value->len; /* a NUL inside stays: the text is data here */
	return arena_strndup(d->arena, value->text, value->len);
}

/* By name, and what was written later behind what was written before. */
static int
by_key(const void *a, const void *b)
{
	const struct config_key *x = a, *y = b;
	int order = strcmp(x->key, y->key);

	return order ? order : (x->line > y->line) - (x->line < y->line);
}

static void
decode_keys(struct decoder *d, struct config_map *m)
{
	const struct node *data = field_map(d, d->doc, "data");
	const struct node *binary = field_map(d, d->doc, "binaryData");
	struct config_key *at = FIELD_ARRAY(d, struct config_key, node_count(data) + node_count(binary));

	node_each(n, data) {
		struct config_key *k = &at[m->n_keys++];

		k->key = arena_strdup(d->arena, n->key);
		k->text = decode_text(d, n, &k->len);
		k->line = n->line;
		k->literal = n->literal;
	}
	node_each(n, binary)
		at[m->n_keys++] = (struct config_key){.key = arena_strdup(d->arena, n->key), .line = n->line};
	if (m->n_keys)
		qsort(at, m->n_keys, sizeof(*at), by_key);
	m->keys = at;
}

/* Does the entry say that its manager wrote the data? */
static bool
owns_data(const struct node *entry)
{
	const struct node *fields = node_get(entry, "fieldsV1");

	return node_get(fields, "f:data") || node_get(fields, "f:binaryData");
}

/* The newest entry counts: a manager that writes again gets a new time. */
static int64_t
decode_changed(struct decoder *d)
{
	const struct node *meta = field_map(d, d->doc, "metadata");
	const struct node *entries = field_parsed(d, node_get(meta, "managedFields"));
	int64_t newest = CLOCK_UNKNOWN;

	node_each(entry, entries) {
		int64_t at = owns_data(entry) ? field_time(d, entry, "time") : CLOCK_UNKNOWN;

		if (at > newest)
			newest = at;
	}
	if (newest == CLOCK_UNKNOWN && d->object->uid)
		return d->object->created_at;
	return newest;
}

void
config_map_decode(struct decoder *d)
{
	struct config_map *m = (struct config_map *)d->object;

	decode_keys(d, m);
	m->immutable = field_bool(d, d->doc, "immutable", false);
	m->data_changed_at = decode_changed(d);
}
