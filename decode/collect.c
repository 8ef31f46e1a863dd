/* SPDX-License-Identifier: Apache-2.0 */
#include "decode/collect.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"

static const char *
kind_of(const struct node *doc)
{
	const char *kind = node_get_str(doc, "kind");

	return kind && *kind ? kind : NULL;
}

static bool
is_list(const char *kind)
{
	return kind && str_ends(kind, "List");
}

/* --- what is no object --- */

/*
 * It says what version it is of, and has metadata, but no kind: an object that lost a line, or one whose kind is
 * misspelt. Passing it over would be a gap that nobody sees.
 */
static bool
is_broken_object(const struct node *doc)
{
	return node_get(doc, "apiVersion") && node_get(doc, "metadata");
}

static bool
no_object(struct collector *c, const struct node *doc, struct err *e)
{
	const char *what = node_type_name(doc);

	if (doc->type == NODE_MAP && is_broken_object(doc))
		return err_set(e, ERR_INPUT, 0, "%s:%u: an object without a kind", c->ctx.path, doc->line);
	if (doc->type == NODE_MAP)
		what = "a map without kind";
	if (!c->in_folder)
		return err_set(e, ERR_INPUT, 0, "%s:%u: %s, where an object with apiVersion and kind is expected",
			       c->ctx.path, doc->line, what);
	if (!c->foreign) {
		c->foreign = what;
		c->foreign_line = doc->line;
	}
	return true;
}

/* --- objects --- */

/* The first key that stood before in its map, anywhere in the tree; NULL. The parsers bound the depth. */
static const struct node *
key_twice(const struct node *n)
{
	const struct node *found = node_duplicate_key(n);

	node_each(child, n) {
		if (found)
			break;
		if (!str_eq(child->key, "managedFields")) /* the server's own, and large */
			found = key_twice(child);
	}
	return found;
}

/* The last one counts, and a reader of the manifest may have seen the first. */
static void
warn_twice(struct collector *c, const struct object *o, const struct node *doc)
{
	const struct node *key = key_twice(doc);

	if (!key || ++c->twice > COLLECT_NAMED)
		return;
	object_set_warn(c->set, "%s%s%s %s%s%s: key %.63s stands twice in one map, line %u: the last one counts",
			c->ctx.path ? c->ctx.path : "", c->ctx.path ? ": " : "", o->kind, o->namespace,
			*o->namespace ? "/" : "", o->name, key->key, node_key_line(key));
}

static bool
take_one(struct collector *c, const char *list_kind, const struct node *doc, struct err *e)
{
	struct object *object;

	if (!decode_object(&c->ctx, list_kind, doc, &object, e))
		return err_wrap(e, "%s", c->ctx.path);
	if (!object)
		return true;
	object_set_add(c->set, object);
	warn_twice(c, object, doc);
	if (c->ctx.seen)
		seen_add(c->ctx.seen);
	return true;
}

/* An item, or a list inside a list. The parsers bound the depth. */
static bool
take_item(struct collector *c, const char *list_kind, const struct node *item, struct err *e)
{
	const char *kind = kind_of(item);
	const struct node *items = node_get(item, "items");

	if (item->type == NODE_NULL)
		return true;
	if (item->type != NODE_MAP)
		return err_set(e, ERR_INPUT, 0, "%s:%u: %s in a list, where an object with apiVersion and kind is expected",
			       c->ctx.path, item->line, node_type_name(item));
	if (!kind && str_eq(list_kind, "List"))
		return err_set(e, ERR_INPUT, 0, "%s:%u: an object without a kind in a list", c->ctx.path, item->line);
	if (!is_list(kind) || !items)
		return take_one(c, list_kind, item, e);
	if (items->type != NODE_LIST && items->type != NODE_NULL)
		return err_set(e, ERR_INPUT, 0, "%s:%u: `items` is %s, where a list is expected", c->ctx.path, items->line,
			       node_type_name(items));
	node_each(nested, items)
		if (!take_item(c, kind, nested, e))
			return false;
	return true;
}

static bool
document(void *ctx, const struct node *doc, struct err *e)
{
	struct collector *c = ctx;
	bool ok;

	if (doc->type == NODE_NULL)
		return true;
	ok = kind_of(doc) ? take_item(c, NULL, doc, e) : no_object(c, doc, e);
	c->refused |= !ok;
	return ok;
}

/* --- lists whose items are delivered one by one --- */

/* An item of something that may still turn out to be no list. */
static void
hold_item(struct collector *c, const struct node *item)
{
	if (!c->open) {
		c->open = true;
		c->start = c->set->n;
	}
	if (c->held.kind != ERR_NONE)
		return;
	if (item->type == NODE_MAP && !kind_of(item))
		vec_push(&c->kindless, node_copy(&c->kept, item));
	else if (!take_item(c, NULL, item, &c->held) && c->held.kind == ERR_NONE)
		c->held.kind = ERR_INPUT;
}

static bool
item(void *ctx, const char *list_kind, const struct node *node, struct err *e)
{
	struct collector *c = ctx;
	bool ok;

	if (!list_kind) {
		hold_item(c, node);
		return true;
	}
	/* Something else that has a list of items. */
	if (!is_list(list_kind))
		return true;
	ok = take_item(c, list_kind, node, e);
	c->refused |= !ok;
	return ok;
}

static void
drop_from(struct object_set *set, size_t n)
{
	while (set->n > n)
		object_unref(set->at[--set->n]);
}

static void
close_list(struct collector *c)
{
	c->open = false;
	c->held = (struct err){0};
	c->kindless.n = 0;
	arena_free(&c->kept);
}

/* Now it is known: the list is one, and its items count. */
static bool
use_held(struct collector *c, const char *kind, struct err *e)
{
	if (c->held.kind != ERR_NONE) {
		if (e)
			*e = c->held;
		return false;
	}
	for (size_t i = 0; i < c->kindless.n; i++)
		if (!take_item(c, kind, c->kindless.at[i], e))
			return false;
	return true;
}

static bool
list_end(void *ctx, const struct node *head, size_t items, struct err *e)
{
	struct collector *c = ctx;
	const char *kind = kind_of(head);
	bool ok = true;

	(void)items;
	if (c->open && is_list(kind))
		ok = use_held(c, kind, e);
	else if (c->open)
		drop_from(c->set, c->start);
	close_list(c);
	if (!kind)
		ok = no_object(c, head, e);
	c->refused |= !ok;
	return ok;
}

struct document_sink
collect_sink(struct collector *c)
{
	return (struct document_sink){.ctx = c, .document = document, .item = item, .list_end = list_end};
}

void
collect_undo(struct collector *c, const struct collect_start *start)
{
	drop_from(c->set, start->objects);
	while (c->set->n_warnings > start->warnings)
		free(c->set->warnings[--c->set->n_warnings]);
	c->twice = start->twice;
	close_list(c);
}

void
collect_free(struct collector *c)
{
	close_list(c);
	vec_free(&c->kindless);
}
