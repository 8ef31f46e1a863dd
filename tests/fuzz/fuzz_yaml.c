/* SPDX-License-Identifier: Apache-2.0 */
/* YAML: every node can be visited, reads of any size change nothing, and strict is only ever stricter. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/str.h"
#include "tests/fuzz/fuzz.h"
#include "tests/tree.h"

#define TEXT_SEEN 64 /* of each scalar: aliases may repeat long ones often */
#define ROOM (64 * 1024)

/* What was delivered, as one number; trees written out would be too long. */
struct sum {
	uint64_t hash;
	size_t nodes;
	bool bad_bytes; /* decoding runs ahead: how far it came before it saw them depends on the reads */
};

static void
mix(struct sum *s, const void *data, size_t len)
{
	s->hash = s->hash * 1099511628211u ^ str_hash(data, len < TEXT_SEEN ? len : TEXT_SEEN);
}

static void
visit(struct sum *s, const struct node *n)
{
	s->nodes++;
	mix(s, &n->type, sizeof(n->type));
	mix(s, &n->line, sizeof(n->line));
	if (n->key)
		mix(s, n->key, strlen(n->key));
	if (node_text(n)) {
		if (n->text[n->len] != '\0')
			abort();
		mix(s, n->text, n->len);
	}
	if (n->type == NODE_INT || n->type == NODE_BOOL)
		mix(s, &n->number, sizeof(n->number));
	node_each(member, n) {
		visit(s, member);
	}
}

static bool
document(void *ctx, const struct node *doc, struct err *e)
{
	(void)e;
	visit(ctx, doc);
	return true;
}

static bool
item(void *ctx, const char *list_kind, const struct node *n, struct err *e)
{
	(void)e;
	if (list_kind)
		mix(ctx, list_kind, strlen(list_kind));
	visit(ctx, n);
	return true;
}

static bool
list_end(void *ctx, const struct node *head, size_t items, struct err *e)
{
	(void)e;
	mix(ctx, &items, sizeof(items));
	visit(ctx, head);
	return true;
}

static struct sum
sum_of_stream(const uint8_t *data, size_t size, size_t limit)
{
	struct sum sum = {0};
	const struct document_sink sink = {&sum, document, item, list_end};
	AUTO(reader) struct reader *in = reader_open_memory("x", data, size);
	struct err e = {0};

	reader_limit(in, limit);
	if (!yaml_stream(in, &sink, &e)) {
		if (e.kind != ERR_INPUT || strncmp(e.msg, "x:", 2) != 0)
			abort();
		mix(&sum, e.msg, strlen(e.msg));
		sum.bad_bytes = strstr(e.msg, "(byte 0x") || strstr(e.msg, "gzip");
	}
	return sum;
}

static bool
sum_of_document(const uint8_t *data, size_t size, bool strict, struct sum *sum)
{
	struct arena a = {0};
	struct node *n;
	struct err e = {0};
	bool ok = yaml_parse(&a, "x", (const char *)data, size, strict, &n, &e);

	if (ok)
		visit(sum, n);
	else if (e.kind != ERR_INPUT || strncmp(e.msg, "x:", 2) != 0)
		abort();
	arena_free(&a);
	return ok;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sum whole, pieces, strict = {0}, lax = {0};

	if (size > ROOM)
		return 0;
	whole = sum_of_stream(data, size, 0);
	pieces = sum_of_stream(data, size, 1 + size % 7);
	if (!whole.bad_bytes && !pieces.bad_bytes && (whole.hash != pieces.hash || whole.nodes != pieces.nodes)) {
		fprintf(stderr, "reads of %zu bytes change the meaning\n", 1 + size % 7);
		abort();
	}
	if (sum_of_document(data, size, true, &strict) &&
	    (!sum_of_document(data, size, false, &lax) || strict.hash != lax.hash)) {
		fprintf(stderr, "what is right for strict is wrong without\n");
		abort();
	}
	return 0;
}
