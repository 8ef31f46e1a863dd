/* SPDX-License-Identifier: Apache-2.0 */
/* Node trees as text, and a sink that writes down what it is given: for tests and fuzzers of YAML and JSON. */
#ifndef TESTS_TREE_H
#define TESTS_TREE_H

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/json_scan.h"
#include "base/node.h"
#include "base/yaml.h"

static inline void
tree_string(struct buf *out, const char *s, size_t len)
{
	buf_addc(out, '"');
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)s[i];

		if (c < 0x20 || c == 0x7f)
			buf_addf(out, "\\x%02x", c);
		else if (c == '"' || c == '\\')
			buf_addf(out, "\\%c", c);
		else
			buf_addc(out, (char)c);
	}
	buf_addc(out, '"');
}

/* {"a": [1, 2.5, null], "b": <raw>} without the spaces; a float always has a point or an exponent. */
static inline void
tree_text(struct buf *out, const struct node *n)
{
	const char *separator = "";
	char real[40];

	switch ((enum node_type)n->type) {
	case NODE_NULL:
		buf_adds(out, "null");
		break;
	case NODE_BOOL:
		buf_adds(out, n->number ? "true" : "false");
		break;
	case NODE_INT:
		buf_addf(out, "%s%" PRId64, n->octal ? "octal " : "", n->number);
		break;
	case NODE_FLOAT:
		snprintf(real, sizeof(real), "%.17g", n->real);
		buf_addf(out, "%s%s", real, strpbrk(real, ".en") ? "" : ".0");
		break;
	case NODE_STRING:
		tree_string(out, n->text, n->len);
		break;
	case NODE_RAW:
		buf_addc(out, '<');
		buf_add(out, n->text, n->len);
		buf_addc(out, '>');
		break;
	case NODE_LIST:
	case NODE_MAP:
		buf_addc(out, n->type == NODE_LIST ? '[' : '{');
		node_each(member, n) {
			buf_adds(out, separator);
			separator = ",";
			if (member->key) {
				tree_string(out, member->key, strlen(member->key));
				buf_addc(out, ':');
			}
			tree_text(out, member);
		}
		buf_addc(out, n->type == NODE_LIST ? ']' : '}');
		break;
	}
}

/* Parses what is raw, so that the tree is as if nothing had been. */
static inline bool
tree_unraw(struct arena *a, struct node *n, struct err *e)
{
	const char *key = n->key;
	struct node *inner, *next = n->next;

	if (n->type == NODE_RAW) {
		if (!json_parse(a, "raw", n->text, n->len, n->line, NULL, &inner, e))
			return false;
		*n = *inner;
		n->key = key;
		n->next = next;
	} else if (n->type == NODE_LIST || n->type == NODE_MAP) {
		for (struct node *member = n->first; member; member = member->next)
			if (!tree_unraw(a, member, e))
				return false;
	}
	return true;
}

static inline bool
tree_document(void *ctx, const struct node *doc, struct err *e)
{
	struct buf *out = ctx;

	(void)e;
	buf_addf(out, "%u document ", doc->line);
	tree_text(out, doc);
	buf_addc(out, '\n');
	return true;
}

static inline bool
tree_item(void *ctx, const char *list_kind, const struct node *item, struct err *e)
{
	struct buf *out = ctx;

	(void)e;
	buf_addf(out, "%u %s item ", item->line, list_kind ? list_kind : "?");
	tree_text(out, item);
	buf_addc(out, '\n');
	return true;
}

static inline bool
tree_list_end(void *ctx, const struct node *head, size_t items, struct err *e)
{
	struct buf *out = ctx;

	(void)e;
	buf_addf(out, "%u list of %zu ", head->line, items);
	tree_text(out, head);
	buf_addc(out, '\n');
	return true;
}

static inline struct document_sink
tree_sink(struct buf *out)
{
	return (struct document_sink){out, tree_document, tree_item, tree_list_end};
}

/* Everything a stream brought, and the error it ended with, if it did. */
static inline bool
tree_finish(struct buf *out, bool ok, const struct err *e)
{
	if (!ok)
		buf_addf(out, "error %s\n", e->msg);
	return ok;
}

/* `limit`: bytes a read brings at most; `window`: bytes the scanner holds at first; 0 for the usual ones. */
static inline bool
tree_of_json(struct buf *out, const char *text, size_t len, const char *const *raw_keys, size_t limit,
	     size_t window)
{
	struct err e = {0};
	AUTO(reader) struct reader *in = reader_open_memory("x.json", text, len);
	const struct json_options opt = {.raw_keys = raw_keys, .window = window};
	const struct document_sink sink = tree_sink(out);

	reader_limit(in, limit);
	return tree_finish(out, json_stream(in, &opt, &sink, &e), &e);
}

static inline bool
tree_of_yaml(struct buf *out, const char *text, size_t len, size_t limit)
{
	struct err e = {0};
	AUTO(reader) struct reader *in = reader_open_memory("x.yaml", text, len);
	const struct document_sink sink = tree_sink(out);

	reader_limit(in, limit);
	return tree_finish(out, yaml_stream(in, &sink, &e), &e);
}

/* The bytes of a file as they are, gzip too. */
static inline bool
tree_file(struct buf *out, const char *path)
{
	FILE *in = fopen(path, "rb");
	size_t got = 1;

	if (!in)
		return false;
	while (got) {
		got = fread(buf_reserve(out, 65536), 1, 65536, in);
		out->len += got;
	}
	fclose(in);
	return true;
}

#endif
