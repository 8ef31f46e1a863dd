/* SPDX-License-Identifier: Apache-2.0 */
/* YAML read as moat reads it, and by libyaml alone: all of both, to the last field, for tests and fuzzers. */
#ifndef TESTS_YAML_BOTH_H
#define TESTS_YAML_BOTH_H

#include "base/yaml_events.h"
#include "tests/tree.h"

#define BOTH_LARGEST (1024 * 1024) /* aliases can make a short text long: what is behind that is not compared */

/* Every field of every node, a line each. */
static inline void
both_node(struct buf *out, const struct node *n, unsigned depth)
{
	if (out->len > BOTH_LARGEST)
		return;
	buf_fill(out, ' ', depth);
	buf_addf(out, "%u-%u %u%s%s%s%s ", n->line, n->below_key, n->type, n->octal ? " octal" : "",
		 n->quoted ? " quoted" : "", n->has_nul ? " nul" : "", n->literal ? " literal" : "");
	if (n->key)
		tree_string(out, n->key, strlen(n->key));
	buf_addf(out, " %u ", n->len);
	if (n->text) {
		tree_string(out, n->text, n->len);
		buf_adds(out, n->text[n->len] ? " not ended" : "");
	}
	if (n->type == NODE_INT || n->type == NODE_BOOL)
		buf_addf(out, " %" PRId64, n->number);
	else if (n->type == NODE_FLOAT)
		buf_addf(out, " %.17g", n->real);
	buf_addc(out, '\n');
	node_each(member, n) {
		both_node(out, member, depth + 1);
	}
}

static inline bool
both_document(void *ctx, const struct node *doc, struct err *e)
{
	(void)e;
	buf_adds(ctx, "document\n");
	both_node(ctx, doc, 1);
	return true;
}

static inline bool
both_item(void *ctx, const char *list_kind, const struct node *item, struct err *e)
{
	(void)e;
	buf_addf(ctx, "item of %s\n", list_kind ? list_kind : "?");
	both_node(ctx, item, 1);
	return true;
}

static inline bool
both_list_end(void *ctx, const struct node *head, size_t items, struct err *e)
{
	(void)e;
	buf_addf(ctx, "list of %zu\n", items);
	both_node(ctx, head, 1);
	return true;
}

/* `libyaml`: by it alone. Else with so many bytes in memory at first. false: out ends in an error. */
static inline bool
both_stream(struct buf *out, const char *text, size_t len, bool libyaml, size_t window)
{
	const struct document_sink sink = {out, both_document, both_item, both_list_end};
	AUTO(reader) struct reader *in = reader_open_memory("x", text, len);
	struct err e = {0};
	bool ok = libyaml ? yaml_events_stream(in, &sink, &e) : yaml_stream_by(in, window, &sink, &e);

	if (!ok)
		buf_addf(out, "\nerror %s\n", e.msg);
	return ok;
}

static inline bool
both_parse(struct buf *out, const char *text, size_t len, bool libyaml, bool strict)
{
	AUTO(arena) struct arena a = {0};
	struct node *n;
	struct err e = {0};
	bool ok = libyaml ? yaml_events_parse(&a, "x", text, len, strict, &n, &e)
			  : yaml_parse(&a, "x", text, len, strict, &n, &e);

	if (ok)
		both_node(out, n, 0);
	else
		buf_addf(out, "\nerror %s\n", e.msg);
	return ok;
}

/* libyaml decodes ahead: how far it came before it saw bytes that are no text is an accident. */
static inline bool
both_is_bad_byte(const char *error)
{
	return strstr(error, "(byte 0x") || strstr(error, "gzip");
}

/*
 * Equal. With an error: the same one. libyaml looks a token ahead for the end of an item, so that an error there may
 * come before the item; moat may deliver that.
 */
static inline bool
both_equal(const struct buf *moat, const struct buf *libyaml)
{
	const char *a = buf_str(moat), *b = buf_str(libyaml);
	const char *error = strstr(b, "\nerror "), *error_a = strstr(a, "\nerror ");

	if (strcmp(a, b) == 0 || moat->len > BOTH_LARGEST || libyaml->len > BOTH_LARGEST)
		return true;
	if (!error || !error_a)
		return false;
	return both_is_bad_byte(error) || (strcmp(error, error_a) == 0 && strncmp(a, b, (size_t)(error - b)) == 0);
}

/* Reads it all ways. false: they differ, and out holds what was read first as moat does, then by libyaml. */
static inline bool
both_agree(struct buf *moat, struct buf *libyaml, const char *text, size_t len)
{
	const size_t windows[] = {0, 1 + len % 61, 200};
	bool ok;

	for (size_t i = 0; i < COUNT_OF(windows); i++) {
		buf_clear(moat);
		buf_clear(libyaml);
		ok = both_stream(libyaml, text, len, true, 0);
		if (both_stream(moat, text, len, false, windows[i]) != ok || !both_equal(moat, libyaml))
			return false;
	}
	for (int strict = 0; strict < 2; strict++) {
		buf_clear(moat);
		buf_clear(libyaml);
		ok = both_parse(libyaml, text, len, true, strict);
		if (both_parse(moat, text, len, false, strict) != ok || !both_equal(moat, libyaml))
			return false;
	}
	return true;
}

#endif
