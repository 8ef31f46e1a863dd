/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a server sends for a list or a watch: the first byte says which, and where it is cut. In pieces it has to give
 * what it gives in one, and everything that is an event or an item is decoded and looked at.
 */
#include <stdlib.h>
#include <string.h>

#include "base/json_feed.h"
#include "base/mem.h"
#include "decode/decode.h"
#include "kube/watch_event.h"
#include "tests/decode/dump.h"
#include "tests/fuzz/fuzz.h"

static const struct decode_context kinds[] = {
	{.kind = "Pod", .api_version = "v1"},
	{.kind = "ReplicaSet", .api_version = "apps/v1", .metadata = true},
	{.kind = "ConfigMap", .api_version = "v1"},
	{.kind = "CiliumNetworkPolicy", .api_version = "cilium.io/v2"},
};

struct taken {
	const struct decode_context *kind;
	bool items;
	struct buf out;
};

static void
check_message(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			abort(); /* would act on a terminal */
}

static void
take_object(struct taken *t, const struct node *tree)
{
	struct object *o = NULL;
	struct err e = {0};

	if (!decode_object(t->kind, NULL, tree, &o, &e)) {
		check_message(e.msg);
		buf_addf(&t->out, "bad: %s\n", e.msg);
	} else if (o) {
		dump_object(&t->out, o);
		object_unref(o);
	}
}

static bool
take_value(void *ctx, const struct node *tree, struct err *e)
{
	struct taken *t = ctx;
	struct watch_event event;

	if (t->items) {
		take_object(t, tree);
		return true;
	}
	if (!watch_event_read(tree, &event, e))
		return false;
	buf_addf(&t->out, "event %d %s %d %d %s %s\n", event.type, event.version, event.initial_end, event.code,
		 event.reason, event.message);
	if (event.type == WATCH_ADDED || event.type == WATCH_MODIFIED)
		take_object(t, event.object);
	return true;
}

static bool
take_head(void *ctx, const struct node *head, struct err *e)
{
	struct taken *t = ctx;
	const char *kind = node_get_str(head, "kind");

	(void)e;
	buf_addf(&t->out, "head %s\n", kind ? kind : "");
	return true;
}

/* The pieces are as long as some bytes of the text itself say; 0: one piece. */
static void
feed(struct taken *t, const uint8_t *data, size_t size, unsigned cut)
{
	struct json_feed *f = json_feed_new(&(struct json_feed_options){.name = "watch",
									.raw_keys = decode_raw_keys,
									.items = t->items,
									.ctx = t,
									.value = take_value,
									.head = take_head});
	struct err e = {0};
	bool ok = true;
	size_t at = 0;

	while (ok && at < size) {
		size_t len = cut ? (data[at] % cut) + 1 : size;
		AUTO(free) char *copy = NULL;

		if (len > size - at)
			len = size - at;
		copy = mem_grow(NULL, len, 1);
		memcpy(copy, data + at, len);
		ok = json_feed_add(f, copy, len, &e);
		at += len;
	}
	ok = ok && json_feed_end(f, &e);
	check_message(e.msg);
	buf_adds(&t->out, ok ? "end" : "error");
	json_feed_free(f);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct taken whole = {0}, pieces = {0};

	if (!size)
		return 0;
	whole.items = pieces.items = data[0] & 1;
	whole.kind = pieces.kind = &kinds[(data[0] >> 1) % COUNT_OF(kinds)];
	feed(&whole, data + 1, size - 1, 0);
	feed(&pieces, data + 1, size - 1, (data[0] >> 3) + 1);
	if (whole.out.len != pieces.out.len || memcmp(whole.out.data, pieces.out.data, whole.out.len) != 0)
		abort();
	buf_free(&whole.out);
	buf_free(&pieces.out);
	return 0;
}
