/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/json_feed.h"
#include "base/mem.h"

/* What was fed, in words: "value {name=a} head {kind=PodList} end" or "error: ...". */
static void
print(struct buf *out, const struct node *n)
{
	const char *text = node_text(n);

	if (n->key)
		buf_addf(out, "%s=", n->key);
	if (n->type != NODE_MAP && n->type != NODE_LIST) {
		buf_adds(out, text ? text : "null");
		return;
	}
	buf_addc(out, n->type == NODE_MAP ? '{' : '[');
	node_each(child, n) {
		if (child != n->first)
			buf_addc(out, ' ');
		print(out, child);
	}
	buf_addc(out, n->type == NODE_MAP ? '}' : ']');
}

static bool
value(void *ctx, const struct node *n, UNUSED struct err *e)
{
	buf_adds(ctx, "value ");
	print(ctx, n);
	buf_addc(ctx, '\n');
	return true;
}

static bool
head(void *ctx, const struct node *n, UNUSED struct err *e)
{
	buf_adds(ctx, "head ");
	print(ctx, n);
	buf_addc(ctx, '\n');
	return true;
}

static void
feed(struct buf *out, bool items, size_t limit, const char *text, size_t len, size_t piece, size_t offset)
{
	struct json_feed *f = json_feed_new(&(struct json_feed_options){
		.name = "x", .items = items, .limit = limit, .ctx = out, .value = value, .head = head});
	struct err e = {0};
	bool ok = true;
	size_t at = 0;

	while (ok && at < len) {
		size_t next = at == 0 && offset ? offset : piece;
		/* Exactly the bytes, so that a sanitizer sees one too many being read. */
		AUTO(free) char *copy = NULL;

		if (next > len - at)
			next = len - at;
		copy = malloc(next);
		assert_non_null(copy);
		memcpy(copy, text + at, next);
		ok = json_feed_add(f, copy, next, &e);
		at += next;
	}
	ok = ok && json_feed_end(f, &e);
	buf_adds(out, ok ? "end" : "error: ");
	buf_adds(out, ok ? "" : e.msg);
	json_feed_free(f);
}

/* The same whatever the pieces are. */
static void
check(bool items, const char *text, const char *want)
{
	size_t len = strlen(text);

	for (size_t piece = 1; piece <= len + 1; piece = piece < 9 ? piece + 1 : piece * 2) {
		for (size_t offset = 0; offset <= len;
		     offset = piece > len || offset > len ? len + 1 : offset + 1) {
			AUTO(buf) struct buf out = {0};

			feed(&out, items, 0, text, len, piece, offset);
			assert_string_equal(buf_str(&out), want);
		}
	}
}

static void
test_list(UNUSED void **state)
{
	check(true,
	      "{\"kind\":\"PodList\",\"metadata\":{\"continue\":\"c]\\\"}\",\"list\":[1,[2]]},\"items\":"
	      "[{\"name\":\"a\\\\\",\"n\":12,\"deep\":{\"items\":[{},{}]}} , {\"name\":\"]}\"}], \"tail\": [3]}\n",
	      "value {name=a\\ n=12 deep={items=[{} {}]}}\n"
	      "value {name=]}}\n"
	      "head {kind=PodList metadata={continue=c]\"} list=[1 [2]]} items=[] tail=[3]}\nend");
	check(true, " {\"items\" : [ ] ,\"kind\":\"L\"}", "head {items=[] kind=L}\nend");
	check(true, "{\"kind\":\"L\",\"items\":null}", "head {kind=L items=null}\nend");
	check(true, "{\"kind\":\"Status\",\"x\":\"items\"}", "head {kind=Status x=items}\nend");
	check(true, "{\"x\":{\"items\":[1]},\"y\":[[{}]]}", "head {x={items=[1]} y=[[{}]]}\nend");
}

static void
test_values(UNUSED void **state)
{
	check(false, "{\"type\":\"ADDED\",\"object\":{\"a\":[1]}}\n{\"b\":\"\\u007b\"}{}\n",
	      "value {type=ADDED object={a=[1]}}\nvalue {b={}\nvalue {}\nend");
	check(false, "", "end");
	check(false, " \n\n ", "end");
}

static void
test_damage(UNUSED void **state)
{
	check(true, "", "error: x:1: truncated JSON: the answer ends before it began");
	check(true, "{\"items\":[{\"a\":1}",
	      "value {a=1}\nerror: x:1: truncated JSON: the answer ends inside an object");
	check(true, "{\"items\":[{\"a\":1},]}",
	      "value {a=1}\nerror: x:1: bad JSON: expected an object as an item, found ']'");
	check(true, "{\"items\":[{\"a\":1}{",
	      "value {a=1}\nerror: x:1: bad JSON: expected ',' or ']' after an item, found '{'");
	check(true, "{\"items\":[,", "error: x:1: bad JSON: expected an object as an item, found ','");
	check(true, "{\"items\":[1]}", "error: x:1: bad JSON: expected an object as an item, found '1'");
	check(true, "{\"items\":[]}x",
	      "head {items=[]}\nerror: x:1: bad JSON: expected nothing behind the list, found 'x'");
	check(true, "<html>", "error: x:1: bad JSON: expected an object, found '<'");
	check(false, "{}\n{}\n[]", "value {}\nvalue {}\nerror: x:3: bad JSON: expected an object, found '['");
	check(false, "{\"a\":}", "error: x:1: bad JSON: expected a value, found '}'");
	check(false, "{\"a\":[}]", "error: x:1: bad JSON: expected a value, found '}'");
	check(false, "{\"a\": \"b", "error: x:1: truncated JSON: the answer ends inside an object");
	check(false, "{\"a\": \"b\\", "error: x:1: truncated JSON: the answer ends inside an object");
}

static void
test_nul(UNUSED void **state)
{
	static const char inside[] = "{\"a\":\0}", text[] = "{\"a\":\"\0\"}", between[] = "{}\0{}";
	AUTO(buf) struct buf out = {0};

	feed(&out, false, 0, inside, sizeof(inside) - 1, 100, 0);
	assert_string_equal(buf_str(&out), "error: x:1: bad JSON: expected no NUL byte, found byte 0x00");
	buf_clear(&out);
	feed(&out, false, 0, text, sizeof(text) - 1, 100, 0);
	assert_string_equal(buf_str(&out), "error: x:1: bad JSON: expected no NUL byte, found byte 0x00");
	buf_clear(&out);
	feed(&out, false, 0, between, sizeof(between) - 1, 100, 0);
	assert_string_equal(buf_str(&out), "value {}\nerror: x:1: bad JSON: expected an object, found byte 0x00");
}

/* Neither a value nor what stands beside the items may fill the memory. */
static void
test_limit(UNUSED void **state)
{
	AUTO(buf) struct buf text = {0};
	AUTO(buf) struct buf out = {0};

	buf_adds(&text, "{\"a\":\"");
	buf_fill(&text, 'x', 5000);
	feed(&out, false, 1000, text.data, text.len, 100, 0);
	assert_string_equal(buf_str(&out), "error: x:1: one object of more than 1000 bytes");
	buf_clear(&out);
	feed(&out, true, 1000, text.data, text.len, 100, 0);
	assert_string_equal(buf_str(&out), "error: x:1: a list with too much beside its items");
}

static bool
refuse(UNUSED void *ctx, UNUSED const struct node *n, struct err *e)
{
	return err_set(e, ERR_SOURCE, 7, "enough");
}

static void
test_refusal(UNUSED void **state)
{
	struct json_feed *f = json_feed_new(&(struct json_feed_options){.name = "x", .value = refuse});
	struct err e = {0};

	assert_false(json_feed_add(f, "{}{}", 4, &e));
	assert_int_equal(e.code, 7);
	json_feed_free(f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_list), cmocka_unit_test(test_values), cmocka_unit_test(test_damage),
		cmocka_unit_test(test_nul),  cmocka_unit_test(test_limit),  cmocka_unit_test(test_refusal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
