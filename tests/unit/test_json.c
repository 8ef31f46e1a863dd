/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "tests/jansson_tree.h"
#include "tests/source.h"
#include "tests/tree.h"

static const char *const raw_keys[] = {
	"status", "managedFields", "a-key-of-more-than-sixty-three-bytes-that-shares-its-bit-with-others", NULL};

/* --- one text --- */

static const struct {
	const char *json, *want;
} texts[] = {
	{"{}", "{}"},
	{" [ ] ", "[]"},
	{"\t\r\n{ \"a\" : [ 1 , 2 ] }\n", "{\"a\":[1,2]}"},
	{"\"\"", "\"\""},
	{"true", "true"},
	{"false", "false"},
	{"null", "null"},
	{"0", "0"},
	{"-0", "0"},
	{"-12", "-12"},
	{"9223372036854775807", "9223372036854775807"},
	{"-9223372036854775808", "-9223372036854775808"},
	{"9223372036854775808", "9.2233720368547758e+18"},
	{"-9223372036854775809", "-9.2233720368547758e+18"},
	{"100000000000000000000000000000000000000000000000000000000000000000000000000000000", "1e+80"},
	{"1.5", "1.5"},
	{"1.0", "1.0"},
	{"-0.0", "-0.0"},
	{"1e3", "1000.0"},
	{"1E+3", "1000.0"},
	{"25e-1", "2.5"},
	{"1e-400", "0.0"},
	{"[1,\"a\",[],{},null]", "[1,\"a\",[],{},null]"},
	{"{\"a\":1,\"a\":2}", "{\"a\":1,\"a\":2}"},
	{"{\"\":1}", "{\"\":1}"},
	{"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\\"\\\\/\\x08\\x0c\\x0a\\x0d\\x09\""},
	{"\"\\u0041\\u00e9\\u20AC\\ud83d\\ude00\"", "\"A\u00e9\u20ac\U0001f600\""},
	{"\"a\\u0000b\"", "\"a\\x00b\""},
	{"\"\u00e9\u20ac\U0001f600\"", "\"\u00e9\u20ac\U0001f600\""},
	{"\"\\uFFFF\\uffff\"", "\"\uffff\uffff\""},
	{"\"0123456789abcdef0123456789abcde\\n\"", "\"0123456789abcdef0123456789abcde\\x0a\""},
	{"{\"\\u0061\\n\":1}", "{\"a\\x0a\":1}"},
	{"\"\x7f\"", "\"\\x7f\""},
};

static void
values(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(texts); i++) {
		AUTO(buf) struct buf got = {0};
		struct arena a = {0};
		struct node *n = NULL;
		struct err e;

		if (!json_parse(&a, "x", texts[i].json, strlen(texts[i].json), 1, NULL, &n, &e))
			fail_msg("%s: %s", texts[i].json, e.msg);
		tree_text(&got, n);
		if (strcmp(got.data, texts[i].want) != 0)
			fail_msg("%s: %s instead of %s", texts[i].json, got.data, texts[i].want);
		arena_free(&a);
	}
}

#define DEPTH_10 "[[[[[[[[[["
#define DEPTH_100 DEPTH_10 DEPTH_10 DEPTH_10 DEPTH_10 DEPTH_10 DEPTH_10 DEPTH_10 DEPTH_10 DEPTH_10 DEPTH_10

static const struct {
	const char *json, *want;
} errors[] = {
	{"", "x:7: truncated JSON: the text ends before a value"},
	{" \n ", "x:8: truncated JSON: the text ends before a value"},
	{"{", "x:7: truncated JSON: the text ends inside an object"},
	{"{\"a\"", "x:7: truncated JSON: the text ends inside an object"},
	{"{\"a\":", "x:7: truncated JSON: the text ends before a value"},
	{"{\"a\":1", "x:7: truncated JSON: the text ends inside an object"},
	{"{\"a\":1,", "x:7: truncated JSON: the text ends inside an object"},
	{"[", "x:7: truncated JSON: the text ends before a value"},
	{"[\n1", "x:8: truncated JSON: the text ends inside a list"},
	{"[1,\n\n", "x:9: truncated JSON: the text ends before a value"},
	{"\"", "x:7: truncated JSON: the text ends inside a string"},
	{"\"a\\", "x:7: truncated JSON: the text ends inside a string"},
	{"\"a\\u00", "x:7: truncated JSON: the text ends inside a string"},
	{"\"\\ud83d", "x:7: truncated JSON: the text ends inside a string"},
	{"\"\\ud83d\\", "x:7: truncated JSON: the text ends inside a string"},
	{"\"\xe2\x82", "x:7: truncated JSON: the text ends inside a string"},
	{"tru", "x:7: truncated JSON: the text ends inside a word"},
	{"-", "x:7: truncated JSON: the text ends inside a number"},
	{"1.", "x:7: truncated JSON: the text ends inside a number"},
	{"1e", "x:7: truncated JSON: the text ends inside a number"},
	{"{1:2}", "x:7: bad JSON: expected a name in double quotes, found '1'"},
	{"{\"a\":1,}", "x:7: bad JSON: expected a name in double quotes, found '}'"},
	{"{\"a\" 1}", "x:7: bad JSON: expected ':' after a name, found '1'"},
	{"{\"a\":1 \"b\":2}", "x:7: bad JSON: expected ',' or '}' after a member, found '\"'"},
	{"[1 2]", "x:7: bad JSON: expected ',' or ']' after a list's member, found '2'"},
	{"[1,]", "x:7: bad JSON: expected a value, found ']'"},
	{"[,1]", "x:7: bad JSON: expected a value, found ','"},
	{"[1}", "x:7: bad JSON: expected ',' or ']' after a list's member, found '}'"},
	{"nul1", "x:7: bad JSON: expected a value, found 'n'"},
	{"True", "x:7: bad JSON: expected a value, found 'T'"},
	{"NaN", "x:7: bad JSON: expected a value, found 'N'"},
	{"'a'", "x:7: bad JSON: expected a value, found '''"},
	{"01", "x:7: bad JSON: expected nothing behind the value, found '1'"},
	{"1 2", "x:7: bad JSON: expected nothing behind the value, found '2'"},
	{"+1", "x:7: bad JSON: expected a value, found '+'"},
	{".5", "x:7: bad JSON: expected a value, found '.'"},
	{"-a", "x:7: bad JSON: expected a digit, found 'a'"},
	{"1.e", "x:7: bad JSON: expected a digit, found 'e'"},
	{"[1e+]", "x:7: bad JSON: expected a digit, found ']'"},
	{"[1e999]", "x:7: bad JSON: a number too large for a double"},
	{"\"a\nb\"",
	 "x:7: bad JSON: expected a closing quote, or an escape for a control character, found byte 0x0a"},
	{"\"\\x\"", "x:7: bad JSON: expected one of \" \\ / b f n r t u after a backslash, found 'x'"},
	{"\"\\u12g4\"", "x:7: bad JSON: \\u without four hex digits"},
	{"\"\\ud83d\"", "x:7: bad JSON: \\u with half of a surrogate pair"},
	{"\"\\ud83d\\n\"", "x:7: bad JSON: \\u with half of a surrogate pair"},
	{"\"\\ud83d\\u0041\"", "x:7: bad JSON: \\u with half of a surrogate pair"},
	{"\"\\ude00\"", "x:7: bad JSON: \\u with half of a surrogate pair"},
	{"\"\x80\"", "x:7: bad JSON: a string is not valid UTF-8"},
	{"\"\xc0\xaf\"", "x:7: bad JSON: a string is not valid UTF-8"},
	{"\"\xc3\"", "x:7: bad JSON: a string is not valid UTF-8"},
	{"\"\xe0\x80\xaf\"", "x:7: bad JSON: a string is not valid UTF-8"},
	{"\"\xed\xa0\x80\"", "x:7: bad JSON: a string is not valid UTF-8"},
	{"\"\xf0\x80\x80\xaf\"", "x:7: bad JSON: a string is not valid UTF-8"},
	{"\"\xf4\x90\x80\x80\"", "x:7: bad JSON: a string is not valid UTF-8"},
	{"\"\xf5\x80\x80\x80\"", "x:7: bad JSON: a string is not valid UTF-8"},
	{"\"\xff\"", "x:7: bad JSON: a string is not valid UTF-8"},
	{"{\"a\\u0000\":1}", "x:7: bad JSON: a NUL in a name"},
	{"\xef\xbb\xbf{}", "x:7: bad JSON: expected a value, found byte 0xef"},
	{DEPTH_100 DEPTH_100 "[", "x:7: bad JSON: nested deeper than 200 levels"},
	{"{\n\"status\":" DEPTH_100 DEPTH_100, "x:8: bad JSON: nested deeper than 200 levels"},
	{"{\"status\":[}]}", "x:7: bad JSON: expected ']', found '}'"},
	{"{\"status\":{]}}", "x:7: bad JSON: expected '}', found ']'"},
	{"{\"status\":[[", "x:7: truncated JSON: the text ends inside an object"},
	{"{\"status\":\"a", "x:7: truncated JSON: the text ends inside a string"},
	{"{\"status\":\"a\\", "x:7: truncated JSON: the text ends inside a string"},
	{"{\"status\":}", "x:7: bad JSON: expected a value, found '}'"},
	{"{\"status\":1,\"a\":b}", "x:7: bad JSON: expected a value, found 'b'"},
};

static void
errors_name_their_line(void **state)
{
	const struct json_options opt = {.raw_keys = raw_keys};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(errors); i++) {
		struct arena a = {0};
		struct node *n = NULL;
		struct err e = {0};

		if (json_parse(&a, "x", errors[i].json, strlen(errors[i].json), 7, &opt, &n, &e))
			fail_msg("%s: no error", errors[i].json);
		assert_null(n);
		assert_int_equal(e.kind, ERR_INPUT);
		if (strcmp(e.msg, errors[i].want) != 0)
			fail_msg("%s: \"%s\" instead of \"%s\"", errors[i].json, e.msg, errors[i].want);
		arena_free(&a);
	}
}

/* A NUL byte is no end of the text. */
static void
nul_bytes(void **state)
{
	static const struct {
		const char *json;
		size_t len;
		const char *want;
	} cases[] = {
		{"1\0", 2, "x:1: bad JSON: expected nothing behind the value, found byte 0x00"},
		{"[\0]", 3, "x:1: bad JSON: expected a value, found byte 0x00"},
		{"\"\0\"", 3,
		 "x:1: bad JSON: expected a closing quote, or an escape for a control character, found byte 0x00"},
		{"{\"status\":[\0]}", 14, "x:1: bad JSON: expected no NUL byte, found byte 0x00"},
		{"{\"status\":\"\0\"}", 14, "x:1: bad JSON: expected a closing quote, found byte 0x00"},
	};
	const struct json_options opt = {.raw_keys = raw_keys};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct arena a = {0};
		struct node *n;
		struct err e = {0};

		assert_false(json_parse(&a, "x", cases[i].json, cases[i].len, 1, &opt, &n, &e));
		assert_string_equal(e.msg, cases[i].want);
		arena_free(&a);
	}
}

static void
nodes_in_full(void **state)
{
	static const char text[] = "{\"s\": \"a\\u0000b\", \"n\": 12.50, \"t\": true}";
	struct arena a = {0};
	struct node *root = NULL;
	const struct node *n;
	struct err e;

	(void)state;
	assert_true(json_parse(&a, "x", text, sizeof(text) - 1, 40, NULL, &root, &e));
	assert_int_equal(root->line, 40);
	assert_null(root->key);
	assert_int_equal(root->len, 3);
	n = node_get(root, "s");
	assert_int_equal(n->line, 40);
	assert_true(n->quoted);
	assert_true(n->has_nul);
	assert_int_equal(n->len, 3);
	assert_memory_equal(n->text, "a\0b", 4);
	n = node_get(root, "n");
	assert_false(n->quoted);
	assert_false(n->has_nul);
	assert_string_equal(n->text, "12.50");
	assert_string_equal(node_get(root, "t")->text, "true");
	arena_free(&a);
}

static void
raw_values(void **state)
{
	static const char text[] =
		"{\"status\": {\"a\": [1, {\"b\": \"}]\\\"\"}]}, \"statu\": [true],"
		"\"x\": {\"managedFields\": [ ]}, \"y\": [{\"status\": -1.5}],"
		"\"a-key-of-more-than-sixty-three-bytes-that-shares-its-bit-with-others\": \"\\u00\","
		"\"a-key-of-more-than-sixty-three-bytes-that-shares-its-bit-with-another\": 1,"
		"\"\\u0073tatus\": null}";
	static const char want[] =
		"{\"status\":<{\"a\": [1, {\"b\": \"}]\\\"\"}]}>,\"statu\":[true],"
		"\"x\":{\"managedFields\":<[ ]>},\"y\":[{\"status\":<-1.5>}],"
		"\"a-key-of-more-than-sixty-three-bytes-that-shares-its-bit-with-others\":<\"\\u00\">,"
		"\"a-key-of-more-than-sixty-three-bytes-that-shares-its-bit-with-another\":1,"
		"\"status\":<null>}";
	const struct json_options opt = {.raw_keys = raw_keys};
	AUTO(buf) struct buf got = {0};
	struct arena a = {0};
	struct node *n, *inner;
	struct err e;

	(void)state;
	assert_true(json_parse(&a, "x", text, sizeof(text) - 1, 1, &opt, &n, &e));
	tree_text(&got, n);
	assert_string_equal(got.data, want);
	/* Who needs one parses it. */
	n = n->first;
	assert_true(json_parse(&a, "x", n->text, n->len, n->line, NULL, &inner, &e));
	assert_string_equal(node_get_str(node_get(inner, "a")->first->next, "b"), "}]\"");
	arena_free(&a);
}

static char *
nested(size_t depth)
{
	AUTO(buf) struct buf text = {0};

	buf_fill(&text, '[', depth);
	buf_fill(&text, ']', depth);
	return buf_take(&text);
}

static void
depth_limit(void **state)
{
	AUTO(free) char *deep = nested(JSON_MAX_DEPTH);
	AUTO(free) char *deeper = nested(JSON_MAX_DEPTH + 1);
	AUTO(free) char *deepest = nested(1000000);
	struct arena a = {0};
	struct node *n;
	struct err e;

	(void)state;
	assert_true(json_parse(&a, "x", deep, strlen(deep), 1, NULL, &n, &e));
	assert_false(json_parse(&a, "x", deeper, strlen(deeper), 1, NULL, &n, &e));
	assert_false(json_parse(&a, "x", deepest, strlen(deepest), 1, NULL, &n, &e));
	arena_free(&a);
}

/* An object with too many values ends, instead of the machine's memory. */
static void
node_limit(void **state)
{
	AUTO(buf) struct buf text = {0};
	struct arena a = {0};
	struct node *n;
	struct err e;

	(void)state;
	buf_addc(&text, '[');
	for (size_t i = 0; i <= NODE_MAX + 100; i++)
		buf_add(&text, "1,", 2);
	buf_adds(&text, "1]");
	assert_false(json_parse(&a, "x", text.data, text.len, 1, NULL, &n, &e));
	assert_string_equal(e.msg, "x:1: bad JSON: more values in one object than 5000000");
	arena_free(&a);
}

/* --- streams --- */

static const struct {
	const char *json, *want;
} streams[] = {
	{"", ""},
	{" \n\n", ""},
	{"\xef\xbb\xbf{}", "1 document {}\n"},
	{"{}{}\n[]\n 12 \"x\" null true", "1 document {}\n1 document {}\n2 document []\n3 document 12\n"
					  "3 document \"x\"\n3 document null\n3 document true\n"},
	{"12", "1 document 12\n"},
	{"{\"kind\":\"Pod\",\"spec\":{\"items\":[1]}}", "1 document {\"kind\":\"Pod\",\"spec\":{\"items\":[1]}}\n"},
	/* lists, the kind before or behind the items */
	{"{\"kind\":\"List\",\n\"items\":[\n{\"a\":1},\n\n{\"b\":2}],\"metadata\":{\"x\":\"y\"}}",
	 "3 List item {\"a\":1}\n5 List item {\"b\":2}\n1 list of 2 "
	 "{\"kind\":\"List\",\"metadata\":{\"x\":\"y\"}}\n"},
	{"\n{\"apiVersion\":\"v1\",\"items\":[{},[],3,\"s\\n\",null],\"kind\":\"PodList\"}",
	 "2 ? item {}\n2 ? item []\n2 ? item 3\n2 ? item \"s\\x0a\"\n2 ? item null\n"
	 "2 list of 5 {\"apiVersion\":\"v1\",\"kind\":\"PodList\"}\n"},
	{"{\"items\":[ ]}", "1 list of 0 {}\n"},
	{"{ \"items\" : [ 1 , 2 ] , \"n\" : 5 } 7",
	 "1 ? item 1\n1 ? item 2\n1 list of 2 {\"n\":5}\n1 document 7\n"},
	{"{\"\\u0069tems\":[1],\"k\\u0069nd\":\"List\"}", "1 ? item 1\n1 list of 1 {\"kind\":\"List\"}\n"},
	/* no lists */
	{"{\"kind\":\"Foo\",\"items\":[1]}", "1 document {\"kind\":\"Foo\",\"items\":[1]}\n"},
	{"{\"kind\":5,\"items\":[1]}", "1 document {\"kind\":5,\"items\":[1]}\n"},
	{"{\"kind\":\"List\",\"items\":null}", "1 document {\"kind\":\"List\",\"items\":null}\n"},
	{"{\"kind\":\"List\",\"items\":{\"a\":1}}", "1 document {\"kind\":\"List\",\"items\":{\"a\":1}}\n"},
	{"[{\"items\":[1]}]", "1 document [{\"items\":[1]}]\n"},
	/* what is raw, and what is kept beyond the window */
	{"{\"items\":[{\"status\":{\"a\":[]}}],\"status\":{\"b\":[1]}}",
	 "1 ? item {\"status\":<{\"a\":[]}>}\n1 list of 1 {\"status\":<{\"b\":[1]}>}\n"},
	/* damage, after what was whole */
	{"{\"items\":[1,\n2",
	 "1 ? item 1\n2 ? item 2\nerror x.json:2: truncated JSON: the file ends inside a list\n"},
	{"{\"items\":[", "error x.json:1: truncated JSON: the file ends before a value\n"},
	{"{\"items\":[1]", "1 ? item 1\nerror x.json:1: truncated JSON: the file ends inside an object\n"},
	{"{\"items\":[1],", "1 ? item 1\nerror x.json:1: truncated JSON: the file ends inside an object\n"},
	{"{\"items\":[1],}", "1 ? item 1\nerror x.json:1: bad JSON: expected a name in double quotes, found '}'\n"},
	{"{\"items\":[1 2]}",
	 "1 ? item 1\nerror x.json:1: bad JSON: expected ',' or ']' after an item, found '2'\n"},
	{"{\"items\":[1]\n]",
	 "1 ? item 1\nerror x.json:2: bad JSON: expected ',' or '}' after a member, found ']'\n"},
	{"{\"items\":[1],\"items\":[2]}", "1 ? item 1\nerror x.json:1: a list with `items` twice\n"},
	{"{\"items\":[1],\"items\":2}", "1 ? item 1\nerror x.json:1: a list with `items` twice\n"},
	{"{}\n{\"a\":\"\n\"}", "1 document {}\nerror x.json:2: bad JSON: expected a closing quote, "
			       "or an escape for a control character, found byte 0x0a\n"},
	{"{}\nx", "1 document {}\nerror x.json:2: bad JSON: expected a value, found 'x'\n"},
	{"{}]", "1 document {}\nerror x.json:1: bad JSON: expected a value, found ']'\n"},
	{"{\"a\":1e99999", "error x.json:1: truncated JSON: the file ends inside a number\n"},
};

/* With windows and reads of every small size: each byte is a window's last one once. */
static void
streams_cut_anywhere(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(streams); i++) {
		size_t len = strlen(streams[i].json);

		for (size_t window = 0; window <= len + 1; window++) {
			AUTO(buf) struct buf got = {0};

			tree_of_json(&got, streams[i].json, len, raw_keys, window % 3, window);
			if (strcmp(buf_str(&got), streams[i].want) != 0)
				fail_msg("window %zu, %s:\n%sinstead of\n%s", window, streams[i].json,
					 buf_str(&got), streams[i].want);
		}
	}
}

/* A number may go on behind the window's end: here it is too large until its exponent is known. */
static void
number_across_windows(void **state)
{
	AUTO(buf) struct buf text = {0};

	(void)state;
	buf_adds(&text, "[1");
	buf_fill(&text, '0', 400);
	buf_adds(&text, "e-400]");
	for (size_t window = 1; window < 450; window += 7) {
		AUTO(buf) struct buf got = {0};

		tree_of_json(&got, text.data, text.len, NULL, 0, window);
		assert_string_equal(got.data, "1 document [1.0]\n");
	}
}

/* Lines and items stay right over many refills of the usual window. */
static void
many_windows(void **state)
{
	enum { ITEMS = 30000 };
	AUTO(buf) struct buf text = {0};
	AUTO(buf) struct buf want = {0};
	AUTO(buf) struct buf got = {0};

	(void)state;
	buf_adds(&text, "{\n\"items\": [\n");
	for (int i = 0; i < ITEMS; i++) {
		buf_addf(&text, "  {\n    \"name\": \"item-%d\",\n    \"n\": %d\n  }%s\n", i, i,
			 i + 1 < ITEMS ? "," : "");
		buf_addf(&want, "%d ? item {\"name\":\"item-%d\",\"n\":%d}\n", 3 + 4 * i, i, i);
	}
	buf_adds(&text, "],\n\"kind\": \"List\"}\n");
	buf_addf(&want, "1 list of %d {\"kind\":\"List\"}\n", ITEMS);
	assert_true(text.len > 1000000);
	assert_true(tree_of_json(&got, text.data, text.len, NULL, 0, 0));
	assert_true(strcmp(got.data, want.data) == 0);
}

/* An item much longer than the window, in the middle of small ones. */
static void
long_item(void **state)
{
	enum { LONG = 3000000 };
	AUTO(buf) struct buf text = {0};
	AUTO(buf) struct buf want = {0};
	AUTO(buf) struct buf got = {0};

	(void)state;
	buf_adds(&text, "{\"items\":[1,\"");
	buf_fill(&text, 'x', LONG);
	buf_adds(&text, "\",2]}");
	buf_adds(&want, "1 ? item 1\n1 ? item \"");
	buf_fill(&want, 'x', LONG);
	buf_adds(&want, "\"\n1 ? item 2\n1 list of 3 {}\n");
	assert_true(tree_of_json(&got, text.data, text.len, NULL, 0, 0));
	assert_true(strcmp(got.data, want.data) == 0);
}

struct stop {
	int left;
	int calls;
};

static bool
stop_item(void *ctx, const char *kind, const struct node *item, struct err *e)
{
	struct stop *s = ctx;

	(void)kind;
	(void)item;
	s->calls++;
	return s->left-- > 0 || err_set(e, ERR_SOURCE, 0, "enough");
}

static bool
stop_document(void *ctx, const struct node *doc, struct err *e)
{
	return stop_item(ctx, NULL, doc, e);
}

static bool
stop_end(void *ctx, const struct node *head, size_t items, struct err *e)
{
	(void)items;
	return stop_item(ctx, NULL, head, e);
}

static void
sink_ends_the_stream(void **state)
{
	static const char text[] = "{} {\"items\":[1,2]} {}";

	(void)state;
	for (int calls = 0; calls < 5; calls++) {
		AUTO(reader) struct reader *in = reader_open_memory("x", text, sizeof(text) - 1);
		struct stop stop = {.left = calls};
		const struct document_sink sink = {&stop, stop_document, stop_item, stop_end};
		struct err e = {0};

		assert_false(json_stream(in, NULL, &sink, &e));
		assert_int_equal(e.kind, ERR_SOURCE);
		assert_string_equal(e.msg, "enough");
		assert_int_equal(stop.calls, calls + 1);
	}
}

/* --- jansson as the judge --- */

static void
agrees_with_jansson(const char *name, const char *text, size_t len)
{
	const char *wrong = jansson_compare(text, len);

	if (wrong)
		fail_msg("%s: %s", name, wrong);
}

static void
tables_as_jansson_reads_them(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(texts); i++)
		agrees_with_jansson(texts[i].json, texts[i].json, strlen(texts[i].json));
	for (size_t i = 0; i < COUNT_OF(errors); i++)
		if (!strstr(errors[i].json, "status")) /* jansson knows no raw keys */
			agrees_with_jansson(errors[i].json, errors[i].json, strlen(errors[i].json));
}

/* Every text of up to four of these bytes. */
static void
short_texts_as_jansson_reads_them(void **state)
{
	static const char alphabet[] = "{}[],:\"\\u01-.e \nat\xc3\xa9";
	enum { N = sizeof(alphabet) - 1 };
	char text[4];

	(void)state;
	for (size_t i = 0; i < (size_t)N * N * N * N; i++) {
		size_t rest = i;

		for (size_t j = 0; j < 4; j++, rest /= N)
			text[j] = alphabet[rest % N];
		for (size_t len = i < N ? 1 : 4; len <= 4; len += 3)
			agrees_with_jansson("a short text", text, len);
	}
}

/* Raw or not, cut anywhere or not: a text has one meaning. */
static void
one_meaning(const char *path, const struct buf *text)
{
	const struct json_options opt = {.raw_keys = raw_keys};
	AUTO(buf) struct buf whole = {0};
	struct arena a = {0};
	struct node *n, *raw;
	struct err e;

	tree_of_json(&whole, text->data, text->len, NULL, 0, 0);
	for (size_t window = 1; window < 40; window++) {
		AUTO(buf) struct buf cut = {0};

		tree_of_json(&cut, text->data, text->len, NULL, window % 5, window * window);
		if (strcmp(buf_str(&cut), buf_str(&whole)) != 0)
			fail_msg("%s: a window of %zu bytes changes it", path, window * window);
	}
	if (json_parse(&a, "x", text->data, text->len, 1, NULL, &n, &e)) {
		AUTO(buf) struct buf full = {0};
		AUTO(buf) struct buf patched = {0};

		assert_true(json_parse(&a, "x", text->data, text->len, 1, &opt, &raw, &e));
		assert_true(tree_unraw(&a, raw, &e));
		tree_text(&full, n);
		tree_text(&patched, raw);
		assert_true(strcmp(full.data, patched.data) == 0);
	}
	arena_free(&a);
}

static void
corpus(void **state)
{
	AUTO(free) char *path = source_path("tests/fuzz/corpus/json");
	DIR *dir = opendir(path);
	size_t files = 0;

	(void)state;
	if (!dir)
		fail_msg("%s: %s", path, strerror(errno));
	for (const struct dirent *entry; (entry = readdir(dir));) {
		AUTO(free) char *file = mem_printf("%s/%s", path, entry->d_name);
		AUTO(buf) struct buf text = {0};

		if (entry->d_name[0] == '.')
			continue;
		assert_true(tree_file(&text, file));
		agrees_with_jansson(file, text.data, text.len);
		one_meaning(file, &text);
		files++;
	}
	closedir(dir);
	assert_true(files > 20);
}

/* --- scans over bytes --- */

/* What stops a scan, at each place of a block and beyond its end. */
static void
byte_scans(void **state)
{
	(void)state;
	for (size_t at = 0; at < 70; at++) {
		char text[70 + BYTES_PAD] = {0};

		memset(text, ' ', at);
		text[at] = '{';
		assert_ptr_equal(bytes_skip_space(text), text + at);
		memset(text, '\n', at);
		assert_ptr_equal(bytes_skip_space(text), text + at);
		assert_int_equal(bytes_count_lines(text, text + at), at);
		memset(text, 'a', at);
		assert_ptr_equal(bytes_skip_flat(text), text + at);
		text[at] = ']';
		assert_ptr_equal(bytes_skip_flat(text), text + at);
		text[at] = '\\';
		assert_ptr_equal(bytes_skip_plain(text), text + at);
		assert_ptr_equal(bytes_skip_string(text), text + at);
		text[at] = '"';
		assert_ptr_equal(bytes_skip_plain(text), text + at);
		assert_ptr_equal(bytes_skip_string(text), text + at);
		assert_ptr_equal(bytes_skip_flat(text), text + at);
		text[at] = '\x1f';
		assert_ptr_equal(bytes_skip_plain(text), text + at);
		text[at] = '\x80';
		assert_ptr_equal(bytes_skip_plain(text), text + at);
		text[at] = '\0';
		assert_ptr_equal(bytes_skip_space(text), text);
		assert_ptr_equal(bytes_skip_plain(text), text + at);
		assert_ptr_equal(bytes_skip_string(text), text + at);
		assert_ptr_equal(bytes_skip_flat(text), text + at);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values),
		cmocka_unit_test(errors_name_their_line),
		cmocka_unit_test(nul_bytes),
		cmocka_unit_test(nodes_in_full),
		cmocka_unit_test(raw_values),
		cmocka_unit_test(depth_limit),
		cmocka_unit_test(node_limit),
		cmocka_unit_test(streams_cut_anywhere),
		cmocka_unit_test(number_across_windows),
		cmocka_unit_test(many_windows),
		cmocka_unit_test(long_item),
		cmocka_unit_test(sink_ends_the_stream),
		cmocka_unit_test(tables_as_jansson_reads_them),
		cmocka_unit_test(short_texts_as_jansson_reads_them),
		cmocka_unit_test(corpus),
		cmocka_unit_test(byte_scans),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
