/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trees from libyaml's events. Two arenas: what an anchor names has to outlive the list item it stands in and goes to
 * the document's; everything else of an item goes to the item's. An alias shares the members of what it names, so
 * that memory follows the file; what it would be when written out is counted against YAML_MAX_ALIAS_NODES.
 */
#include "base/yaml_events.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/vec.h"
#include "base/yaml_scalar.h"

#define MAX_PART ((size_t)256 * 1024 * 1024)
#define MAX_DIRECTIVES 1000 /* in front of a document: libyaml compares each %TAG with all before it */
#define MERGE_KEY "<<"

struct amount {
	size_t nodes, bytes; /* bytes of scalars' text */
};

struct anchor {
	struct node *node;
	struct amount size; /* with its aliases written out */
	unsigned height; /* levels below it */
	bool open; /* its end was not seen yet */
};

/* In a tree (tsearch) and in the document's arena: thousands of names must not make a look-up slow. */
struct anchor_name {
	const char *name;
	struct anchor *latest; /* a name may be used again, for another node */
};

struct yaml_events {
	const char *name;
	struct yaml_events_input in;
	size_t lines_before; /* in front of the first byte */
	struct yaml_events_taken taken; /* of the first document */
	yaml_parser_t parser;
	yaml_event_t event; /* the one in hand; type YAML_NO_EVENT: none */
	bool strict; /* duplicate keys are errors */
	struct arena *document, *item;
	struct arena *arena; /* one of the two: where nodes go now */
	void *anchors; /* tree of struct anchor_name */
	struct amount own, added; /* by the document: as written, and what aliases add */
	size_t part_nodes, part_bytes; /* since the last item or document ended */
	size_t kept_nodes, kept_bytes; /* in the document's arena */
	unsigned deepest; /* level reached since the last anchor was opened */

	bool before_document; /* no event since the stream's start or the last document's end */
	size_t directives; /* at most: percent signs there */

	/* The bytes that libyaml got last, to tell the line of a bad one. */
	const unsigned char *chunk;
	size_t chunk_len, chunk_offset, chunk_line;
	bool read_failed;
	struct err *e;
};

/* --- events --- */

static size_t
line_of(const struct yaml_events *b, const yaml_mark_t *mark)
{
	return b->lines_before + mark->line + 1;
}

static size_t
event_line(const struct yaml_events *b)
{
	return line_of(b, &b->event.start_mark);
}

/* The last chunk is used up: what it was, for the line of the next one, and for the limit on directives. */
static void
chunk_end(struct yaml_events *b)
{
	const char *start = (const char *)b->chunk, *end;

	if (!b->chunk_len)
		return;
	end = start + b->chunk_len;
	b->chunk_line += bytes_count_lines(start, end);
	b->chunk_offset += b->chunk_len;
	for (const char *p = start; b->before_document && (p = memchr(p, '%', (size_t)(end - p))); p++)
		b->directives++;
}

static bool
read_chunk(struct yaml_events *b, unsigned char *out, size_t size, size_t *got)
{
	if (b->directives > MAX_DIRECTIVES)
		return err_set(b->e, ERR_INPUT, 0, "%s:%zu: more than %d directives in front of a document",
			       b->name, b->chunk_line, MAX_DIRECTIVES);
	if (b->part_bytes > MAX_PART)
		return err_set(b->e, ERR_INPUT, 0, "%s:%zu: one object is larger than 256 MiB", b->name,
			       b->chunk_line);
	return b->in.read(b->in.ctx, out, size, got, b->e);
}

/* libyaml's input. 0 is failure: e says why. */
static int
read_some(void *ctx, unsigned char *out, size_t size, size_t *got)
{
	struct yaml_events *b = ctx;

	chunk_end(b);
	b->chunk = out;
	b->chunk_len = 0;
	b->read_failed = !read_chunk(b, out, size, got);
	if (b->read_failed)
		return 0;
	b->chunk_len = *got;
	b->part_bytes += *got;
	return 1;
}

/* The line of a byte that is no text: libyaml gives its offset, at most a character before the last bytes read. */
static size_t
bad_byte_line(const struct yaml_events *b)
{
	size_t offset = b->parser.problem_offset;
	size_t inside = offset > b->chunk_offset ? offset - b->chunk_offset : 0;
	const char *start = (const char *)b->chunk;

	if (!start)
		return 1;
	if (inside > b->chunk_len)
		inside = b->chunk_len;
	return b->chunk_line + bytes_count_lines(start, start + inside);
}

static bool
parser_error(struct yaml_events *b)
{
	const yaml_parser_t *p = &b->parser;
	const char *problem = p->problem ? p->problem : "unreadable";

	if (b->read_failed)
		return false;
	if (p->error == YAML_MEMORY_ERROR)
		die("out of memory");
	if (p->error == YAML_READER_ERROR)
		return err_set(b->e, ERR_INPUT, 0, "%s:%zu: bad YAML: %s (byte 0x%02x)", b->name, bad_byte_line(b),
			       problem, (unsigned)p->problem_value);
	if (!p->context)
		return err_set(b->e, ERR_INPUT, 0, "%s:%zu: bad YAML: %s", b->name, line_of(b, &p->problem_mark),
			       problem);
	return err_set(b->e, ERR_INPUT, 0, "%s:%zu: bad YAML: %s, %s that starts on line %zu", b->name,
		       line_of(b, &p->problem_mark), problem, p->context, line_of(b, &p->context_mark));
}

static bool
next_event(struct yaml_events *b)
{
	yaml_event_delete(&b->event);
	if (!yaml_parser_parse(&b->parser, &b->event))
		return parser_error(b);
	b->before_document = b->event.type == YAML_STREAM_START_EVENT || b->event.type == YAML_DOCUMENT_END_EVENT;
	b->directives = 0;
	return true;
}

/* --- anchors and aliases --- */

static int
by_name(const void *a, const void *b)
{
	const struct anchor_name *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static const struct anchor *
find_anchor(const struct yaml_events *b, const char *name)
{
	const struct anchor_name key = {.name = name};
	struct anchor_name *const *found = tfind(&key, &b->anchors, by_name);

	return found ? (*found)->latest : NULL;
}

/* An anchor whose node is about to be read. From now on its name means that node. */
static struct anchor *
open_anchor(struct yaml_events *b, const char *name)
{
	struct anchor_name *new = ARENA_NEW(b->document, struct anchor_name);
	struct anchor *a = ARENA_NEW(b->document, struct anchor);
	struct anchor_name **entry;

	a->open = true;
	new->name = arena_strdup(b->document, name);
	b->kept_bytes += strlen(name);
	entry = tsearch(new, &b->anchors, by_name);
	if (!entry)
		die("out of memory");
	(*entry)->latest = a;
	return a;
}

/* The names themselves are the arena's. */
static void
not_owned(void *name)
{
	(void)name;
}

static void
forget_anchors(struct yaml_events *b)
{
	tdestroy(b->anchors, not_owned);
	b->anchors = NULL;
}

static struct node *
new_node(struct yaml_events *b)
{
	struct node *n;

	if (++b->part_nodes > NODE_MAX || (b->arena == b->document && ++b->kept_nodes > NODE_MAX)) {
		err_set(b->e, ERR_INPUT, 0, "%s:%zu: one object has more than %d values", b->name, event_line(b),
			NODE_MAX);
		return NULL;
	}
	n = ARENA_NEW(b->arena, struct node);
	n->line = (unsigned)event_line(b);
	b->own.nodes++;
	return n;
}

static bool
too_deep(struct yaml_events *b)
{
	return err_set(b->e, ERR_INPUT, 0, "%s:%zu: nested deeper than %d levels", b->name, event_line(b),
		       YAML_MAX_DEPTH);
}

/* Counts what an alias adds. Neither sum can overflow: each is checked before it has grown twice. */
static bool
may_add(struct yaml_events *b, const struct amount *size)
{
	b->added.nodes += size->nodes;
	b->added.bytes += size->bytes;
	if (b->added.nodes > YAML_MAX_ALIAS_NODES + b->own.nodes)
		return err_set(b->e, ERR_INPUT, 0, "%s:%zu: aliases add more than %d values to this document",
			       b->name, event_line(b), YAML_MAX_ALIAS_NODES);
	if (b->added.bytes > YAML_MAX_ALIAS_BYTES + b->own.bytes)
		return err_set(b->e, ERR_INPUT, 0, "%s:%zu: aliases add more than %d MiB of text to this document",
			       b->name, event_line(b), YAML_MAX_ALIAS_BYTES / (1024 * 1024));
	return true;
}

/* A node that shares the members of the anchor's. */
static struct node *
alias(struct yaml_events *b, unsigned depth)
{
	const char *name = (const char *)b->event.data.alias.anchor;
	const struct anchor *a = find_anchor(b, name);
	unsigned line = (unsigned)event_line(b);
	struct node *n;

	if (!a || a->open) {
		err_set(b->e, ERR_INPUT, 0,
			a ? "%s:%u: the alias *%s stands inside what it names"
			  : "%s:%u: the alias *%s has no anchor before it",
			b->name, line, name);
		return NULL;
	}
	if (!may_add(b, &a->size))
		return NULL;
	if (depth + a->height > YAML_MAX_DEPTH) {
		too_deep(b);
		return NULL;
	}
	if (b->deepest < depth + a->height)
		b->deepest = depth + a->height;
	n = new_node(b);
	if (!n)
		return NULL;
	*n = *a->node;
	n->next = NULL;
	n->key = NULL;
	n->line = line;
	return n;
}

/* --- merge keys --- */

/* A member of the map itself, or of one that it merges; `at` is the order of preference. */
struct candidate {
	const struct node *node;
	size_t at;
};

struct candidates {
	struct candidate *at;
	size_t n, cap;
};

static int
by_key(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;
	int order = strcmp(x->node->key, y->node->key);

	return order ? order : (x->at > y->at) - (x->at < y->at);
}

static int
by_place(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	return (x->at > y->at) - (x->at < y->at);
}

static void
add_members(struct candidates *all, const struct node *map)
{
	node_each(member, map) {
		struct candidate c = {member, all->n};

		vec_push(all, c);
	}
}

static bool
no_merge(struct yaml_events *b, const struct node *value)
{
	return err_set(b->e, ERR_INPUT, 0, "%s:%u: << merges maps, and this is %s", b->name, value->line,
		       node_type_name(value));
}

/* The maps that one merge key names: one, or a list of them. */
static bool
add_merge(struct yaml_events *b, struct candidates *all, const struct node *value)
{
	if (value->type == NODE_MAP) {
		add_members(all, value);
		return true;
	}
	if (value->type != NODE_LIST)
		return no_merge(b, value);
	node_each(map, value) {
		if (map->type != NODE_MAP)
			return no_merge(b, map);
		add_members(all, map);
	}
	return true;
}

/* Leaves, of what is merged, the first of each key that the map has not itself. */
static void
drop_known_keys(struct candidates *all, size_t own)
{
	const char *last = NULL;
	size_t kept = 0;

	if (!all->n)
		return;
	qsort(all->at, all->n, sizeof(all->at[0]), by_key);
	for (size_t i = 0; i < all->n; i++) {
		const struct candidate c = all->at[i];
		bool known = last && strcmp(last, c.node->key) == 0;

		last = c.node->key;
		if (!known && c.at >= own)
			all->at[kept++] = c;
	}
	all->n = kept;
	qsort(all->at, all->n, sizeof(all->at[0]), by_place);
}

/* Appends to map what its merge keys (linked by next) bring. */
static bool
merge(struct yaml_events *b, struct node *map, struct node **tail, const struct node *values)
{
	struct candidates all = {0};
	bool ok = true;

	add_members(&all, map);
	for (const struct node *v = values; ok && v; v = v->next)
		ok = add_merge(b, &all, v);
	if (ok)
		drop_known_keys(&all, map->len);
	for (size_t i = 0; ok && i < all.n; i++) {
		struct node *copy = new_node(b);

		if (!copy) {
			ok = false;
			break;
		}
		*copy = *all.at[i].node;
		copy->next = NULL;
		*tail = copy;
		tail = &copy->next;
		map->len++;
	}
	vec_free(&all);
	return ok;
}

/* --- nodes --- */

static struct node *node(struct yaml_events *b, unsigned depth);

static bool
scalar(struct yaml_events *b, struct node *n)
{
	const char *text = (const char *)b->event.data.scalar.value;
	const char *tag = (const char *)b->event.data.scalar.tag;
	size_t len = b->event.data.scalar.length;

	b->own.bytes += len;
	if (b->arena == b->document)
		b->kept_bytes += len;
	if (b->kept_bytes > MAX_PART)
		return err_set(b->e, ERR_INPUT, 0, "%s:%zu: the anchors of one document name more than 256 MiB",
			       b->name, event_line(b));
	n->literal = b->event.data.scalar.style == YAML_LITERAL_SCALAR_STYLE;
	if (yaml_scalar(b->arena, n, tag, b->event.data.scalar.plain_implicit, text, len))
		return true;
	/* The value itself may be a secret. */
	return err_set(b->e, ERR_INPUT, 0, "%s:%zu: a value is not what its tag %s says", b->name, event_line(b),
		       tag);
}

static bool
is_merge_key(const yaml_event_t *event)
{
	return event->type == YAML_SCALAR_EVENT && event->data.scalar.plain_implicit && !event->data.scalar.tag &&
	       strcmp((const char *)event->data.scalar.value, MERGE_KEY) == 0;
}

/* The key in hand. Most need no node of their own. */
static bool
key(struct yaml_events *b, unsigned depth, const char **out)
{
	size_t line = event_line(b);
	struct node plain = {0};
	const struct node *n = &plain;

	if (b->event.type == YAML_SCALAR_EVENT && !b->event.data.scalar.anchor) {
		if (!scalar(b, &plain))
			return false;
	} else {
		n = node(b, depth);
		if (!n)
			return false;
	}
	if (n->type == NODE_MAP)
		return err_set(b->e, ERR_INPUT, 0,
			       "%s:%zu: the key of a map is a map: a {{ }} of a Helm chart? Pipe helm template into -f -",
			       b->name, line);
	if (n->type == NODE_LIST || n->type == NODE_NULL)
		return err_set(b->e, ERR_INPUT, 0, "%s:%zu: the key of a map is %s", b->name, line, node_type_name(n));
	if (n->has_nul)
		return err_set(b->e, ERR_INPUT, 0, "%s:%zu: the key of a map has a NUL byte", b->name, line);
	*out = yaml_key(b->arena, n);
	return true;
}

/* A map whose members are being read. */
struct members {
	struct node *map;
	struct node **tail;
	struct node *merges, **merges_tail; /* values of merge keys, by next */
};

struct member_key {
	const char *name;
	unsigned line;
	bool is_merge;
};

static void
members_init(struct members *m, struct node *map)
{
	map->type = NODE_MAP;
	*m = (struct members){.map = map, .tail = &map->first};
	m->merges_tail = &m->merges;
}

/* The next key; the event in hand is then the first of its value. *more is false at the map's end. */
static bool
next_key(struct yaml_events *b, unsigned depth, struct member_key *k, bool *more)
{
	if (!next_event(b))
		return false;
	*more = b->event.type != YAML_MAPPING_END_EVENT;
	if (!*more)
		return true;
	k->is_merge = is_merge_key(&b->event);
	k->line = (unsigned)event_line(b);
	return key(b, depth + 1, &k->name) && next_event(b);
}

static bool
add_value(struct yaml_events *b, struct members *m, unsigned depth, const struct member_key *k)
{
	struct node *value = node(b, depth + 1);

	if (!value)
		return false;
	value->key = k->name;
	value->below_key = value->line - k->line;
	if (k->is_merge) {
		*m->merges_tail = value;
		m->merges_tail = &value->next;
	} else {
		*m->tail = value;
		m->tail = &value->next;
		m->map->len++;
	}
	return true;
}

static bool
members_end(struct yaml_events *b, struct members *m)
{
	const struct node *twice = b->strict ? node_duplicate_key(m->map) : NULL;

	if (twice)
		return err_set(b->e, ERR_INPUT, 0, "%s:%u: the key \"%s\" stands twice in one map", b->name,
			       node_key_line(twice), twice->key);
	return !m->merges || merge(b, m->map, m->tail, m->merges);
}

static bool
mapping(struct yaml_events *b, struct node *n, unsigned depth)
{
	struct members m;
	struct member_key k;
	bool more;

	members_init(&m, n);
	for (;;) {
		if (!next_key(b, depth, &k, &more))
			return false;
		if (!more)
			return members_end(b, &m);
		if (!add_value(b, &m, depth, &k))
			return false;
	}
}

static bool
sequence(struct yaml_events *b, struct node *n, unsigned depth)
{
	struct node **tail = &n->first;

	n->type = NODE_LIST;
	for (;;) {
		if (!next_event(b))
			return false;
		if (b->event.type == YAML_SEQUENCE_END_EVENT)
			return true;
		*tail = node(b, depth + 1);
		if (!*tail)
			return false;
		tail = &(*tail)->next;
		n->len++;
	}
}

/* The node that the event in hand starts, its anchor aside. */
static struct node *
bare_node(struct yaml_events *b, unsigned depth)
{
	struct node *n = new_node(b);
	bool ok;

	if (!n)
		return NULL;
	if (b->deepest < depth)
		b->deepest = depth;
	if (b->event.type == YAML_SCALAR_EVENT)
		ok = scalar(b, n);
	else if (depth > YAML_MAX_DEPTH)
		ok = too_deep(b);
	else
		ok = b->event.type == YAML_MAPPING_START_EVENT ? mapping(b, n, depth) : sequence(b, n, depth);
	return ok ? n : NULL;
}

static const char *
event_anchor(const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_SCALAR_EVENT:
		return (const char *)event->data.scalar.anchor;
	case YAML_SEQUENCE_START_EVENT:
		return (const char *)event->data.sequence_start.anchor;
	case YAML_MAPPING_START_EVENT:
		return (const char *)event->data.mapping_start.anchor;
	default:
		return NULL;
	}
}

static struct node *
anchored_node(struct yaml_events *b, unsigned depth)
{
	struct arena *outer = b->arena;
	unsigned deepest = b->deepest;
	const struct amount own = b->own, added = b->added;
	struct anchor *a = open_anchor(b, event_anchor(&b->event));

	b->arena = b->document;
	b->deepest = depth;
	a->node = bare_node(b, depth);
	b->arena = outer;
	if (!a->node)
		return NULL;
	a->size.nodes = b->own.nodes - own.nodes + b->added.nodes - added.nodes;
	a->size.bytes = b->own.bytes - own.bytes + b->added.bytes - added.bytes;
	a->height = b->deepest - depth;
	a->open = false;
	if (b->deepest < deepest)
		b->deepest = deepest;
	return a->node;
}

/* The node that the event in hand starts; its last event is in hand afterwards. NULL: e says why. */
static struct node *
node(struct yaml_events *b, unsigned depth)
{
	if (b->event.type == YAML_ALIAS_EVENT)
		return alias(b, depth);
	return event_anchor(&b->event) ? anchored_node(b, depth) : bare_node(b, depth);
}

/* --- documents --- */

bool
yaml_may_be_list(const struct node *head)
{
	const struct node *kind = node_get(head, "kind");

	return !kind || str_ends(node_str(kind), "List");
}

static void
part_end(struct yaml_events *b)
{
	b->part_nodes = b->part_bytes = 0;
}

/* What a top mapping turned out to be. */
struct list {
	bool found; /* its items were delivered */
	size_t count;
};

static bool
deliver(struct yaml_events *b, const struct document_sink *sink, const struct node *head, const struct node *item,
	struct list *list)
{
	list->count++;
	return sink->item(sink->ctx, node_get_str(head, "kind"), item, b->e);
}

/* The event in hand starts the sequence. */
static bool
stream_items(struct yaml_events *b, const struct document_sink *sink, const struct node *head, struct list *list)
{
	bool ok = true, stand_in = b->taken.items > 0;

	if (stand_in) {
		list->count = b->taken.items;
		b->own.nodes += b->taken.nodes;
		b->own.bytes += b->taken.bytes;
	}
	while (ok) {
		const struct node *item;

		if (!next_event(b))
			return false;
		if (b->event.type == YAML_SEQUENCE_END_EVENT)
			return true;
		b->arena = b->item;
		item = node(b, 3);
		b->arena = b->document;
		ok = item && (stand_in || deliver(b, sink, head, item, list));
		stand_in = false;
		arena_reset(b->item);
		part_end(b);
	}
	return false;
}

/* Items that an anchor or an alias names are in memory as a whole. */
static bool
named_items(struct yaml_events *b, const struct document_sink *sink, const struct node *head, struct list *list)
{
	const struct node *items = node(b, 2);

	if (!items)
		return false;
	node_each(item, items) {
		if (!deliver(b, sink, head, item, list))
			return false;
	}
	return true;
}

/* Is the value in hand a list that can be delivered item by item? */
static bool
is_list_items(struct yaml_events *b, const struct node *head)
{
	const struct anchor *a;

	if (!yaml_may_be_list(head))
		return false;
	if (b->event.type == YAML_SEQUENCE_START_EVENT)
		return true;
	if (b->event.type != YAML_ALIAS_EVENT)
		return false;
	a = find_anchor(b, (const char *)b->event.data.alias.anchor);
	return a && !a->open && a->node->type == NODE_LIST;
}

static bool
top_items(struct yaml_events *b, const struct document_sink *sink, const struct node *head, struct list *list)
{
	if (list->found)
		return err_set(b->e, ERR_INPUT, 0, "%s:%zu: a list with `items` twice", b->name, event_line(b));
	list->found = true;
	if (b->event.type == YAML_SEQUENCE_START_EVENT && !event_anchor(&b->event))
		return stream_items(b, sink, head, list);
	return named_items(b, sink, head, list);
}

static bool
top_mapping(struct yaml_events *b, const struct document_sink *sink)
{
	struct node *head = new_node(b);
	struct list list = {0};
	struct members m;

	if (!head)
		return false;
	if (event_anchor(&b->event))
		open_anchor(b, event_anchor(&b->event)); /* for good: an alias to it would stand inside it */
	members_init(&m, head);
	for (;;) {
		struct member_key k;
		bool more, ok;

		if (!next_key(b, 1, &k, &more))
			return false;
		if (!more)
			break;
		if (strcmp(k.name, "items") == 0 && is_list_items(b, head))
			ok = top_items(b, sink, head, &list);
		else
			ok = add_value(b, &m, 1, &k);
		if (!ok)
			return false;
	}
	if (!members_end(b, &m))
		return false;
	return list.found ? sink->list_end(sink->ctx, head, list.count, b->e)
			  : sink->document(sink->ctx, head, b->e);
}

static void
document_start(struct yaml_events *b)
{
	forget_anchors(b);
	b->own = b->added = (struct amount){0};
	b->kept_nodes = b->kept_bytes = 0;
	b->deepest = 0;
	b->arena = b->document;
	part_end(b);
}

/* The event in hand is the document's start. */
static bool
stream_document(struct yaml_events *b, const struct document_sink *sink)
{
	const struct node *root;

	arena_reset(b->document);
	document_start(b);
	if (!next_event(b))
		return false;
	if (b->event.type == YAML_MAPPING_START_EVENT)
		return top_mapping(b, sink) && next_event(b);
	root = node(b, 1);
	if (!root || (root->type != NODE_NULL && !sink->document(sink->ctx, root, b->e)))
		return false;
	return next_event(b);
}

/* --- what others call --- */

static void
events_init(struct yaml_events *b)
{
	b->chunk_line = b->lines_before + 1;
	if (!yaml_parser_initialize(&b->parser))
		die("out of memory");
	yaml_parser_set_input(&b->parser, read_some, b);
}

static void
events_done(struct yaml_events *b)
{
	yaml_event_delete(&b->event);
	yaml_parser_delete(&b->parser);
	forget_anchors(b);
}

struct yaml_events *
yaml_events_new(const char *name, const struct yaml_events_input *in, size_t lines_before, struct arena *document,
		struct arena *item)
{
	struct yaml_events *b = mem_alloc(sizeof(*b));

	b->name = name;
	b->in = *in;
	b->lines_before = lines_before;
	b->document = document;
	b->item = item;
	events_init(b);
	return b;
}

void
yaml_events_free(struct yaml_events *b)
{
	if (!b)
		return;
	events_done(b);
	free(b);
}

bool
yaml_events_document(struct yaml_events *b, const struct document_sink *sink, const struct yaml_events_taken *taken,
		     bool *more, size_t *next_line, struct err *e)
{
	b->e = e;
	*next_line = 0;
	b->taken = taken ? *taken : (struct yaml_events_taken){0};
	if (b->event.type == YAML_NO_EVENT && !next_event(b)) /* the stream's start */
		return false;
	if (!next_event(b))
		return false;
	*more = b->event.type != YAML_STREAM_END_EVENT;
	if (!*more)
		return true;
	if (!stream_document(b, sink))
		return false;
	/* What is met next ended it: in the middle of a line it is an error, which is to come. */
	if (b->event.data.document_end.implicit && !b->event.start_mark.column)
		*next_line = event_line(b);
	return true;
}

static bool
read_reader(void *ctx, unsigned char *out, size_t size, size_t *got, struct err *e)
{
	return reader_read(ctx, out, size, got, e);
}

bool
yaml_events_stream(struct reader *in, const struct document_sink *sink, struct err *e)
{
	const struct yaml_events_input input = {in, read_reader};
	struct arena document = {0}, item = {0};
	struct yaml_events *b = yaml_events_new(reader_name(in), &input, 0, &document, &item);
	bool ok = true, more = true;
	size_t next_line;

	while (ok && more)
		ok = yaml_events_document(b, sink, NULL, &more, &next_line, e);
	yaml_events_free(b);
	arena_free(&document);
	arena_free(&item);
	return ok;
}

/* The first document; with strict the only one. */
static struct node *
parse_document(struct yaml_events *b)
{
	struct node *root;

	if (!next_event(b) || !next_event(b))
		return NULL;
	document_start(b);
	if (b->event.type == YAML_STREAM_END_EVENT) {
		root = new_node(b);
		root->line = 1;
		return root;
	}
	if (!next_event(b))
		return NULL;
	root = node(b, 1);
	if (!root || !next_event(b))
		return NULL;
	if (!b->strict)
		return root;
	if (!next_event(b))
		return NULL;
	if (b->event.type == YAML_STREAM_END_EVENT)
		return root;
	err_set(b->e, ERR_INPUT, 0, "%s:%zu: a second document starts here; there may be one only", b->name,
		event_line(b));
	return NULL;
}

struct memory {
	const char *at;
	size_t left;
};

static bool
read_memory(void *ctx, unsigned char *out, size_t size, size_t *got, struct err *e)
{
	struct memory *m = ctx;

	(void)e;
	*got = size < m->left ? size : m->left;
	if (*got)
		memcpy(out, m->at, *got);
	m->at += *got;
	m->left -= *got;
	return true;
}

bool
yaml_events_parse(struct arena *a, const char *name, const char *text, size_t len, bool strict, struct node **out,
		  struct err *e)
{
	struct memory memory = {text, len};
	struct yaml_events b = {
		.name = name, .in = {&memory, read_memory}, .strict = strict, .document = a, .item = a, .e = e};
	struct node *root;

	if (len > MAX_PART)
		return err_set(e, ERR_INPUT, 0, "%s:1: a YAML text of more than 256 MiB", name);
	events_init(&b);
	root = parse_document(&b);
	events_done(&b);
	if (root)
		*out = root;
	return root != NULL;
}
