/* SPDX-License-Identifier: Apache-2.0 */
#include "decode/field.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/json_scan.h"

#define NAME_SHOWN 253 /* of a name or key in a message; no valid one is longer */

/* --- complaints --- */

/* The way from the document to a node, innermost first. */
struct step {
	const struct step *up;
	const struct node *node;
	size_t index; /* of the node in its list */
	bool in_list;
};

static void
print_path(struct buf *out, const struct step *s)
{
	if (!s->up)
		return;
	print_path(out, s->up);
	if (s->in_list)
		buf_addf(out, "[%zu]", s->index);
	else if (strpbrk(s->node->key, "./"))
		buf_addf(out, "[%.*s]", NAME_SHOWN, s->node->key);
	else
		buf_addf(out, "%s%.*s", out->len ? "." : "", NAME_SHOWN, s->node->key);
}

static bool
find_path(struct buf *out, const struct step *at, const struct node *wanted)
{
	struct step next = {.up = at, .in_list = at->node->type == NODE_LIST};

	if (at->node == wanted) {
		print_path(out, at);
		return true;
	}
	node_each(child, at->node) {
		next.node = child;
		if (find_path(out, &next, wanted))
			return true;
		next.index++;
	}
	return false;
}

static void
print_object(struct buf *out, const struct object *o)
{
	buf_adds(out, o->kind);
	if (*o->name)
		buf_addf(out, " %.*s%s%.*s", NAME_SHOWN, o->namespace, *o->namespace ? "/" : "", NAME_SHOWN, o->name);
}

/* Everything up to the complaint itself: object, line, path. key is a member that `at` should have; may be NULL. */
static void
complain(struct decoder *d, const struct node *at, const char *key, const char *what)
{
	AUTO(buf) struct buf path = {0};
	AUTO(buf) struct buf object = {0};
	struct step root = {.node = d->doc};

	if (d->failed)
		return;
	d->failed = true;
	find_path(&path, &root, at);
	if (key)
		buf_addf(&path, "%s%s", path.len ? "." : "", key);
	print_object(&object, d->object);
	if (path.len)
		buf_adds(&path, key ? " " : ": ");
	if (d->doc->line)
		buf_addf(&object, ", line %u", at ? at->line : d->doc->line);
	err_set(d->e, ERR_INPUT, 0, "%s: %s%s", buf_str(&object), buf_str(&path), what);
}

void
field_fail(struct decoder *d, const struct node *at, const char *fmt, ...)
{
	AUTO(buf) struct buf what = {0};
	va_list ap;

	va_start(ap, fmt);
	buf_addv(&what, fmt, ap);
	va_end(ap);
	complain(d, at, NULL, buf_str(&what));
}

void
field_missing(struct decoder *d, const struct node *parent, const char *key)
{
	complain(d, parent, key, "is missing");
}

static void
wrong_type(struct decoder *d, const struct node *n, const char *wanted)
{
	field_fail(d, n, "%s expected, got %s", wanted, node_type_name(n));
}

/* --- look-ups --- */

const struct node *
field_get(const struct node *parent, const char *key)
{
	const struct node *n = node_get(parent, key);

	return n && n->type != NODE_NULL ? n : NULL;
}

unsigned
field_line(const struct node *parent, const char *key)
{
	const struct node *n = node_get(parent, key);

	return n ? n->line : 0;
}

static const struct node *
nested(struct decoder *d, const struct node *parent, const char *key, enum node_type type, const char *wanted)
{
	const struct node *n = field_get(parent, key);

	if (!n || n->type == type)
		return n;
	wrong_type(d, n, wanted);
	return NULL;
}

const struct node *
field_map(struct decoder *d, const struct node *parent, const char *key)
{
	return nested(d, parent, key, NODE_MAP, "a map");
}

const struct node *
field_list(struct decoder *d, const struct node *parent, const char *key)
{
	return nested(d, parent, key, NODE_LIST, "a list");
}

const struct node *
field_maps(struct decoder *d, const struct node *parent, const char *key)
{
	const struct node *list = field_list(d, parent, key);

	node_each(n, list) {
		if (n->type != NODE_MAP) {
			wrong_type(d, n, "a map");
			return NULL;
		}
	}
	return list;
}

/* Is the scalar there and whole? */
static bool
has_text(struct decoder *d, const struct node *n)
{
	if (!n || n->type == NODE_NULL)
		return false;
	if (!node_text(n)) {
		wrong_type(d, n, "a string");
		return false;
	}
	if (n->has_nul) {
		field_fail(d, n, "a NUL byte inside a text");
		return false;
	}
	return true;
}

const char *
field_keep(struct decoder *d, const char *text, size_t len)
{
	const unsigned char *p = (const unsigned char *)text;
	struct kept *k = &d->kept[len ? (len * 31 + p[0] + p[len / 2] * 7u + p[len - 1] * 13u) % FIELD_KEPT : 0];

	if (!k->text || k->len != len || memcmp(k->text, text, len) != 0)
		*k = (struct kept){arena_strndup(d->arena, text, len), len};
	return k->text;
}

const char *
field_scalar(struct decoder *d, const struct node *n)
{
	return has_text(d, n) ? field_keep(d, n->text, n->len) : NULL;
}

const char *
field_str(struct decoder *d, const struct node *parent, const char *key)
{
	return field_scalar(d, node_get(parent, key));
}

const char *
field_str_or(struct decoder *d, const struct node *parent, const char *key, const char *absent)
{
	const struct node *n = node_get(parent, key);

	if (!has_text(d, n) || strcmp(n->text, absent) == 0)
		return absent;
	return field_scalar(d, n);
}

const char *
field_need(struct decoder *d, const struct node *parent, const char *key)
{
	const char *text = field_str(d, parent, key);

	if (text && *text)
		return text;
	field_missing(d, parent, key);
	return "";
}

const char *const *
field_strs(struct decoder *d, const struct node *parent, const char *key, size_t *n)
{
	const struct node *list = field_list(d, parent, key);
	const char **at = FIELD_ARRAY(d, const char *, node_count(list));

	*n = 0;
	node_each(member, list) {
		const char *text = field_scalar(d, member);

		at[(*n)++] = text ? text : "";
	}
	return at;
}

bool
field_bool(struct decoder *d, const struct node *parent, const char *key, bool absent)
{
	const struct node *n = field_get(parent, key);

	if (n && n->type != NODE_BOOL)
		wrong_type(d, n, "true or false");
	return node_bool(n, absent);
}

int64_t
field_int(struct decoder *d, const struct node *parent, const char *key, int64_t absent, int64_t min, int64_t max)
{
	const struct node *n = field_get(parent, key);
	int64_t value;

	if (!n)
		return absent;
	if (n->type != NODE_INT && n->type != NODE_FLOAT) {
		wrong_type(d, n, "a number");
		return absent;
	}
	/* INT64_MIN is no answer of its own: it is out of every range asked for. */
	value = node_int(n, INT64_MIN);
	if (value >= min && value <= max)
		return value;
	field_fail(d, n, "a whole number from %" PRId64 " to %" PRId64 " expected, got %.40s", min, max, n->text);
	return absent;
}

int64_t
field_count(struct decoder *d, const struct node *parent, const char *key, int64_t absent)
{
	return field_int(d, parent, key, absent, 0, INT32_MAX);
}

int64_t
field_time(struct decoder *d, const struct node *parent, const char *key)
{
	const struct node *n = field_get(parent, key);
	int64_t seconds;

	return has_text(d, n) && clock_parse(n->text, &seconds) ? seconds : CLOCK_UNKNOWN;
}

const struct node *
field_parsed(struct decoder *d, const struct node *n)
{
	struct err why = {0};
	struct node *tree;

	if (!n || n->type != NODE_RAW)
		return n;
	if (json_parse(d->scratch, "JSON", n->text, n->len, n->line, NULL, &tree, &why))
		return tree;
	field_fail(d, n, "%s", why.msg);
	return NULL;
}
