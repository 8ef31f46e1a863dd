/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/yaml_scalar.h"
#include "tests/tree.h"

/* --- scalars --- */

static const struct {
	const char *yaml, *want;
} scalars[] = {
	/* null */
	{"~", "null"},
	{"null", "null"},
	{"Null", "null"},
	{"NULL", "null"},
	{"nULL", "\"nULL\""},
	{"nil", "\"nil\""},
	{"none", "\"none\""},
	{"~x", "\"~x\""},
	/* booleans of YAML 1.1 */
	{"y", "true"},
	{"Y", "true"},
	{"yes", "true"},
	{"Yes", "true"},
	{"YES", "true"},
	{"yEs", "\"yEs\""},
	{"on", "true"},
	{"On", "true"},
	{"ON", "true"},
	{"oN", "\"oN\""},
	{"true", "true"},
	{"True", "true"},
	{"TRUE", "true"},
	{"tRUE", "\"tRUE\""},
	{"t", "\"t\""},
	{"n", "false"},
	{"N", "false"},
	{"no", "false"},
	{"No", "false"},
	{"NO", "false"},
	{"nO", "\"nO\""},
	{"off", "false"},
	{"Off", "false"},
	{"OFF", "false"},
	{"false", "false"},
	{"False", "false"},
	{"FALSE", "false"},
	{"f", "\"f\""},
	{"falsey", "\"falsey\""},
	{"only", "\"only\""},
	/* integers */
	{"0", "0"},
	{"-0", "0"},
	{"+7", "7"},
	{"-12", "-12"},
	{"1_000", "1000"},
	{"1__0_", "10"},
	{"_1", "\"_1\""},
	{"9223372036854775807", "9223372036854775807"},
	{"-9223372036854775808", "-9223372036854775808"},
	{"9223372036854775808", "9.2233720368547758e+18"},
	{"18446744073709551615", "1.8446744073709552e+19"},
	{"18446744073709551616", "1.8446744073709552e+19"},
	{"-9223372036854775809", "-9.2233720368547758e+18"},
	{"0x1F", "31"},
	{"0X1f", "31"},
	{"-0x10", "-16"},
	{"0x_1_0", "16"},
	{"0x7fffffffffffffff", "9223372036854775807"},
	{"-0x8000000000000000", "-9223372036854775808"},
	{"0xffffffffffffffff", "1.8446744073709552e+19"},
	{"0x10000000000000000", "\"0x10000000000000000\""},
	{"0x", "\"0x\""},
	{"0xg", "\"0xg\""},
	{"0x1.8", "\"0x1.8\""},
	{"0b1010", "10"},
	{"0B11", "3"},
	{"-0b11", "-3"},
	{"0b2", "\"0b2\""},
	{"0b", "\"0b\""},
	/* octal, of YAML 1.1 and 1.2 */
	{"0440", "octal 288"},
	{"0644", "octal 420"},
	{"0_440", "octal 288"},
	{"-0440", "octal -288"},
	{"0o440", "octal 288"},
	{"0O440", "octal 288"},
	{"00", "octal 0"},
	{"440", "440"},
	{"0o8", "\"0o8\""},
	{"0o", "\"0o\""},
	/* no octal number: a float, as in go-yaml */
	{"08", "8.0"},
	{"0999", "999.0"},
	{"0448", "448.0"},
	{"01777777777777777777777777", "1.7777777777777777e+24"},
	/* floats */
	{"1.5", "1.5"},
	{"-1.5", "-1.5"},
	{"+1.5", "1.5"},
	{"1.", "1.0"},
	{".5", "0.5"},
	{"-.5", "-0.5"},
	{"1e3", "1000.0"},
	{"1E3", "1000.0"},
	{"1.5e-1", "0.14999999999999999"},
	{"1_0.5", "10.5"},
	{"12e03", "12000.0"},
	{"1e", "\"1e\""},
	{"1e+", "\"1e+\""},
	{"1.2.3", "\"1.2.3\""},
	{".", "\".\""},
	{"..", "\"..\""},
	{"._5", "\"._5\""},
	{".e1", "\".e1\""},
	{"1e400", "\"1e400\""},
	{".inf", "inf"},
	{".Inf", "inf"},
	{".INF", "inf"},
	{"+.inf", "inf"},
	{"-.inf", "-inf"},
	{"-.INF", "-inf"},
	{".nan", "nan"},
	{".NaN", "nan"},
	{".NAN", "nan"},
	{".iNf", "\".iNf\""},
	{"inf", "\"inf\""},
	{"nan", "\"nan\""},
	{"-inf", "\"-inf\""},
	{"infinity", "\"infinity\""},
	/* strings */
	{"+", "\"+\""},
	{"--1", "\"--1\""},
	{"-+1", "\"-+1\""},
	{"1 2", "\"1 2\""},
	{"8888:8888", "\"8888:8888\""},
	{"190:20:30", "\"190:20:30\""},
	{"2001-12-14", "\"2001-12-14\""},
	{"2001-12-14t21:59:43.10-05:00", "\"2001-12-14t21:59:43.10-05:00\""},
	{"10.0.0.0/8", "\"10.0.0.0/8\""},
	{"1Gi", "\"1Gi\""},
	{"100m", "\"100m\""},
	{"1a", "\"1a\""},
	{"=", "\"=\""},
	{"<<", "\"<<\""},
	{"a b", "\"a b\""},
	{"\"\"", "\"\""},
	{"''", "\"\""},
	{"\"yes\"", "\"yes\""},
	{"'0440'", "\"0440\""},
	{"'it''s'", "\"it's\""},
	{"\"a\\x00b\\n\\u00e9\"", "\"a\\x00b\\x0a\u00e9\""},
	{"|\n  12\n", "\"12\\x0a\""},
	{"|-\n  12\n", "\"12\""},
	{">\n  a\n  b\n", "\"a b\\x0a\""},
	/* explicit tags */
	{"!!str yes", "\"yes\""},
	{"!!str 12", "\"12\""},
	{"!!str", "\"\""},
	{"!!int \"12\"", "12"},
	{"!!int '0440'", "octal 288"},
	{"!!float 1", "1.0"},
	{"!!float '1.5'", "1.5"},
	{"!!bool 'yes'", "true"},
	{"!!null ''", "null"},
	{"!!null null", "null"},
	{"!!timestamp 2001-12-14", "\"2001-12-14\""},
	{"!!binary aGVsbG8=", "\"hello\""},
	{"!!binary |\n  aGVs\n  bG8=\n", "\"hello\""},
	{"!!binary AAEC", "\"\\x00\\x01\\x02\""},
	{"!!binary ''", "\"\""},
	{"!custom 12", "\"12\""},
	{"!Ref yes", "\"yes\""},
	{"!<tag:example.com,2000:x> 1", "\"1\""},
	{"! 12", "\"12\""},
	{"!custom [1, yes]", "[1,true]"},
	{"!!set {a, b}", "{\"a\":null,\"b\":null}"},
};

static const char *
scalar_text(struct arena *a, const char *yaml)
{
	AUTO(buf) struct buf doc = {0};
	AUTO(buf) struct buf got = {0};
	struct node *n;
	struct err e;

	buf_addf(&doc, "k: %s", yaml);
	if (!yaml_parse(a, "x.yaml", doc.data, doc.len, false, &n, &e))
		fail_msg("%s: %s", yaml, e.msg);
	tree_text(&got, node_get(n, "k"));
	return arena_strdup(a, got.data);
}

static void
scalar_types(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(scalars); i++) {
		struct arena a = {0};
		const char *got = scalar_text(&a, scalars[i].yaml);

		/* The sign of nan is nobody's business. */
		if (strcmp(got + (got[0] == '-' && got[1] == 'n'), scalars[i].want) != 0)
			fail_msg("%s: %s instead of %s", scalars[i].yaml, got, scalars[i].want);
		arena_free(&a);
	}
}

static void
wrong_tags(void **state)
{
	static const char *const cases[] = {"!!int abc",       "!!int 1.5",    "!!int \"1\\02\"", "!!bool 1",
					    "!!null x",	       "!!float x",    "!!binary abc",	  "!!binary 'a$=='",
					    "!!binary 'a=b='", "!!binary ===="};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct arena a = {0};
		struct node *n = NULL;
		struct err e = {0};

		if (yaml_parse(&a, "x.yaml", cases[i], strlen(cases[i]), false, &n, &e))
			fail_msg("%s: no error", cases[i]);
		assert_true(strstr(e.msg, "x.yaml:1: a value is not what its tag tag:yaml.org,2002:"));
		assert_null(n);
		arena_free(&a);
	}
}

static void
nodes_in_full(void **state)
{
	static const char text[] = "plain: a\n"
				   "single: 'b'\n"
				   "double: \"c\\0\"\n"
				   "block: |\n"
				   "  d\n"
				   "number: 0x10\n"
				   "bool: Yes\n"
				   "nothing:\n"
				   "map:\n"
				   "\n"
				   "  list:\n"
				   "  - 1\n"
				   "  -\n"
				   "    - 2\n";
	struct arena a = {0};
	struct node *root;
	const struct node *n;
	struct err e;

	(void)state;
	assert_true(yaml_parse(&a, "x", text, sizeof(text) - 1, true, &root, &e));
	assert_int_equal(root->len, 8);
	assert_false(node_get(root, "plain")->quoted);
	assert_true(node_get(root, "single")->quoted);
	n = node_get(root, "double");
	assert_true(n->quoted);
	assert_true(n->has_nul);
	assert_int_equal(n->len, 2);
	assert_memory_equal(n->text, "c\0", 3);
	assert_true(node_get(root, "block")->quoted);
	assert_false(node_get(root, "block")->has_nul);
	assert_string_equal(node_get(root, "number")->text, "0x10");
	assert_int_equal(node_get(root, "number")->number, 16);
	assert_false(node_get(root, "number")->octal);
	assert_string_equal(node_text(node_get(root, "bool")), "Yes");
	assert_int_equal(node_get(root, "nothing")->line, 8);
	assert_int_equal(node_get(root, "map")->line, 11);
	n = node_path(root, "map.list");
	assert_int_equal(n->line, 12);
	assert_int_equal(n->first->line, 12);
	assert_int_equal(n->first->next->line, 14);
	assert_int_equal(n->first->next->first->line, 14);
	assert_null(n->first->key);
	arena_free(&a);
}

/* --- streams --- */

static const struct {
	const char *yaml, *want;
} streams[] = {
	{"", ""},
	{"# nothing\n", ""},
	{"---\n---\n# nothing\n---\n~\n", ""},
	{"a: 1\n---\nb: [2, {c: 3}]\n...\n---\n- x\n", "1 document {\"a\":1}\n3 document {\"b\":[2,{\"c\":3}]}\n"
						       "6 document [\"x\"]\n"},
	{"5\n---\ntext", "1 document 5\n3 document \"text\"\n"},
	{"{\"a\": [1, 2.5, \"x\", true, null]}", "1 document {\"a\":[1,2.5,\"x\",true,null]}\n"},
	{"%YAML 1.1\n---\na: 1\n", "3 document {\"a\":1}\n"},
	/* line ends, encodings */
	{"a: 1\r\nb:\r\n- x\r\n- z\r\n---\r\nc: |\r\n  1\r\n  2\r\n",
	 "1 document {\"a\":1,\"b\":[\"x\",\"z\"]}\n6 document {\"c\":\"1\\x0a2\\x0a\"}\n"},
	{"\xef\xbb\xbf"
	 "a: \u00e9\n",
	 "1 document {\"a\":\"\u00e9\"}\n"},
	/* keys */
	{"yes: 1\nno: 2\n5: 3\n0x10: 4\n1.5: 5\n\"on\": 6\n0440: 7\n",
	 "1 document {\"true\":1,\"false\":2,\"5\":3,\"16\":4,\"1.5\":5,\"on\":6,\"288\":7}\n"},
	{"a: 1\na: 2\n", "1 document {\"a\":1,\"a\":2}\n"},
	{"? a\n: 1\n? b\n", "1 document {\"a\":1,\"b\":null}\n"},
	/* lists */
	{"kind: List\nitems:\n- a: 1\n- [2]\n-\nmetadata: {x: v}\n",
	 "3 List item {\"a\":1}\n4 List item [2]\n5 List item null\n"
	 "1 list of 3 {\"kind\":\"List\",\"metadata\":{\"x\":\"v\"}}\n"},
	{"apiVersion: v1\nitems:\n- a: 1\nkind: PodList\n---\nb: 1\n",
	 "3 ? item {\"a\":1}\n1 list of 1 {\"apiVersion\":\"v1\",\"kind\":\"PodList\"}\n6 document {\"b\":1}\n"},
	{"items: []\n", "1 list of 0 {}\n"},
	{"{\"items\": [1, {\"b\": 2}], \"kind\": \"List\"}",
	 "1 ? item 1\n1 ? item {\"b\":2}\n1 list of 2 {\"kind\":\"List\"}\n"},
	{"kind: Menu\nitems: [1]\n", "1 document {\"kind\":\"Menu\",\"items\":[1]}\n"},
	{"kind: 5\nitems: [1]\n", "1 document {\"kind\":5,\"items\":[1]}\n"},
	{"kind: List\nitems: null\n", "1 document {\"kind\":\"List\",\"items\":null}\n"},
	{"kind: List\nitems: {a: 1}\n", "1 document {\"kind\":\"List\",\"items\":{\"a\":1}}\n"},
	{"- items: [1]\n", "1 document [{\"items\":[1]}]\n"},
	{"items: [1]\nitems: [2]\n", "1 ? item 1\nerror x.yaml:2: a list with `items` twice\n"},
	/* anchors and aliases */
	{"a: &x {b: [1, 2]}\nc: *x\nd: *x\n",
	 "1 document {\"a\":{\"b\":[1,2]},\"c\":{\"b\":[1,2]},\"d\":{\"b\":[1,2]}}\n"},
	{"a: &x 1\nb: &x 2\nc: *x\n", "1 document {\"a\":1,\"b\":2,\"c\":2}\n"},
	{"a: &x [&x 1, *x]\nb: *x\n", "1 document {\"a\":[1,1],\"b\":1}\n"},
	{"&k key: &v 1\n*v : 2\nx: *k\n", "1 document {\"key\":1,\"1\":2,\"x\":\"key\"}\n"},
	{"a: &e\nb: *e\n", "1 document {\"a\":null,\"b\":null}\n"},
	{"a: &x 1\n---\nb: *x\n", "1 document {\"a\":1}\nerror x.yaml:3: the alias *x has no anchor before it\n"},
	{"a: &x [*x]\n", "error x.yaml:1: the alias *x stands inside what it names\n"},
	{"&x\na: *x\n", "error x.yaml:2: the alias *x stands inside what it names\n"},
	/* anchors across the items of a list, which are freed one by one */
	{"items:\n- &one {a: &two [1, &three {b: c}]}\n- *one\n- {x: *two, v: *three}\nmetadata: *three\n",
	 "2 ? item {\"a\":[1,{\"b\":\"c\"}]}\n3 ? item {\"a\":[1,{\"b\":\"c\"}]}\n"
	 "4 ? item {\"x\":[1,{\"b\":\"c\"}],\"v\":{\"b\":\"c\"}}\n1 list of 3 {\"metadata\":{\"b\":\"c\"}}\n"},
	{"x: &i [1, 2]\nkind: PodList\nitems: *i\n",
	 "1 PodList item 1\n1 PodList item 2\n1 list of 2 {\"x\":[1,2],\"kind\":\"PodList\"}\n"},
	{"items: &i\n- 1\n- 2\nkind: List\nx: *i\n",
	 "2 ? item 1\n3 ? item 2\n1 list of 2 {\"kind\":\"List\",\"x\":[1,2]}\n"},
	{"x: &i {a: 1}\nitems: *i\n", "1 document {\"x\":{\"a\":1},\"items\":{\"a\":1}}\n"},
	/* merge keys */
	{"a: &a {x: 1, v: 2}\nb: {<<: *a, v: 3, z: 4}\n",
	 "1 document {\"a\":{\"x\":1,\"v\":2},\"b\":{\"v\":3,\"z\":4,\"x\":1}}\n"},
	{"b: {v: 3, <<: {x: 1, v: 2}}\n", "1 document {\"b\":{\"v\":3,\"x\":1}}\n"},
	{"b: {<<: [{x: 1, v: 2}, {x: 3, z: 4}], q: 5}\n", "1 document {\"b\":{\"q\":5,\"x\":1,\"v\":2,\"z\":4}}\n"},
	{"b: {<<: {x: 1}, <<: {x: 2, v: 3}}\n", "1 document {\"b\":{\"x\":1,\"v\":3}}\n"},
	{"a: &a {<<: {p: 1}}\nb: {<<: *a}\n", "1 document {\"a\":{\"p\":1},\"b\":{\"p\":1}}\n"},
	{"<<: {kind: Pod}\nx: 1\n", "1 document {\"x\":1,\"kind\":\"Pod\"}\n"},
	{"b: {<<: []}\n", "1 document {\"b\":{}}\n"},
	{"\"<<\": {a: 1}\n", "1 document {\"<<\":{\"a\":1}}\n"},
	{"b:\n  <<: 5\n", "error x.yaml:2: << merges maps, and this is a number\n"},
	{"b:\n  <<:\n  - {a: 1}\n  - [2]\n", "error x.yaml:4: << merges maps, and this is a list\n"},
	{"b: {<<: [[{a: 1}]]}\n", "error x.yaml:1: << merges maps, and this is a list\n"},
	/* damage */
	{"a: 1\n[x]: 2\n", "error x.yaml:2: the key of a map is a list\n"},
	{"a: 1\n? {b: c}\n: 2\n", "error x.yaml:2: the key of a map is a map: a {{ }} of a "
					"Helm chart? Pipe helm template into -f -\n"},
	{"~: 2\n", "error x.yaml:1: the key of a map is null\n"},
	{"?\n: 2\n", "error x.yaml:1: the key of a map is null\n"},
	{"a: 1\n\"b\\0\": 2\n", "error x.yaml:2: the key of a map has a NUL byte\n"},
	{"a: 1\nb: [1, 2\n", "error x.yaml:3: bad YAML: did not find expected ',' or ']', "
			     "while parsing a flow sequence that starts on line 2\n"},
	{"a: \"b\n", "error x.yaml:2: bad YAML: found unexpected end of stream, "
		     "while scanning a quoted scalar that starts on line 1\n"},
	{"a:\n\tb: 1\n", "error x.yaml:2: bad YAML: found character that cannot start any token, "
			 "while scanning for the next token that starts on line 2\n"},
	{"a: b: c\n", "error x.yaml:1: bad YAML: mapping values are not allowed in this context\n"},
	{"a: 1\n b: 2\n", "error x.yaml:2: bad YAML: mapping values are not allowed in this context\n"},
	{"a: {b: 1\n", "error x.yaml:2: bad YAML: did not find expected ',' or '}', "
		       "while parsing a flow mapping that starts on line 1\n"},
	{"a: 1\nb: 2\n\n# \xff\n", "error x.yaml:4: bad YAML: invalid leading UTF-8 octet (byte 0xff)\n"},
	{"a: 1\nb: \x01\n", "error x.yaml:2: bad YAML: control characters are not allowed (byte 0x01)\n"},
	{"a: 1\n---\nb: ]\n", "1 document {\"a\":1}\nerror x.yaml:3: bad YAML: did not find expected node content, "
			      "while parsing a block node that starts on line 3\n"},
	{"items:\n- 1\n- ]\n", "2 ? item 1\nerror x.yaml:3: bad YAML: did not find expected node content, "
			       "while parsing a block node that starts on line 3\n"},
	{"a: !x!y z\n", "error x.yaml:1: bad YAML: found undefined tag handle, "
			"while parsing a node that starts on line 1\n"},
	{"%YAML 2.0\n---\na\n", "error x.yaml:1: bad YAML: found incompatible YAML document\n"},
};

static void
streams_in_any_pieces(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(streams); i++) {
		for (size_t limit = 0; limit < 4; limit++) {
			AUTO(buf) struct buf got = {0};

			tree_of_yaml(&got, streams[i].yaml, strlen(streams[i].yaml), limit);
			if (strcmp(buf_str(&got), streams[i].want) != 0)
				fail_msg("%s:\n%sinstead of\n%s", streams[i].yaml, buf_str(&got), streams[i].want);
		}
	}
}

static void
utf16(void **state)
{
	static const char text[] = "a: [1, x]\n";
	AUTO(buf) struct buf wide = {0};
	AUTO(buf) struct buf got = {0};

	(void)state;
	buf_add(&wide, "\xff\xfe", 2);
	for (const char *p = text; *p; p++) {
		buf_addc(&wide, *p);
		buf_addc(&wide, '\0');
	}
	assert_true(tree_of_yaml(&got, wide.data, wide.len, 0));
	assert_string_equal(got.data, "1 document {\"a\":[1,\"x\"]}\n");
}

/* The line of a byte that is no text, far behind libyaml's first buffer. */
static void
line_of_a_bad_byte(void **state)
{
	(void)state;
	for (size_t limit = 0; limit < 5000; limit += 1667) {
		AUTO(buf) struct buf text = {0};
		AUTO(buf) struct buf got = {0};

		for (int i = 0; i < 20000; i++)
			buf_addf(&text, "- %d\n", i);
		buf_adds(&text, "- \xe2\x28\n");
		for (int i = 0; i < 1000; i++)
			buf_adds(&text, "- 1\n");
		assert_false(tree_of_yaml(&got, text.data, text.len, limit));
		assert_string_equal(got.data,
				    "error x.yaml:20001: bad YAML: invalid trailing UTF-8 octet (byte 0x28)\n");
	}
}

/* --- limits --- */

/* The error of a text that must be refused at once. */
static void
refused(const struct buf *text, const char *want)
{
	AUTO(buf) struct buf got = {0};
	int64_t start = clock_ms();

	assert_false(tree_of_yaml(&got, text->data, text->len, 0));
	if (strcmp(buf_str(&got), want) != 0)
		fail_msg("%.200s instead of %s", buf_str(&got), want);
	assert_true(clock_ms() - start < 2000); /* milliseconds, but the machine may be busy */
}

static void
billion_laughs(void **state)
{
	AUTO(buf) struct buf text = {0};

	(void)state;
	buf_adds(&text, "a0: &a0 [lol,lol,lol,lol,lol,lol,lol,lol,lol]\n");
	for (int i = 1; i < 20; i++) {
		buf_addf(&text, "a%d: &a%d [", i, i);
		for (int j = 0; j < 9; j++)
			buf_addf(&text, "%s*a%d", j ? "," : "", i - 1);
		buf_adds(&text, "]\n");
	}
	refused(&text, "error x.yaml:6: aliases add more than 100000 values to this document\n");
}

static void
billion_laughs_by_merging(void **state)
{
	AUTO(buf) struct buf text = {0};

	(void)state;
	buf_adds(&text, "a0: &a0 {x: {y: 1}}\n");
	for (int i = 1; i < 30; i++)
		buf_addf(&text, "a%d: &a%d {b: *a%d, c: {<<: *a%d}}\n", i, i, i - 1, i - 1);
	refused(&text, "error x.yaml:14: aliases add more than 100000 values to this document\n");
}

/* Few nodes, but a long text in each: who copies them must not run out of memory. */
static void
long_text_in_aliases(void **state)
{
	AUTO(buf) struct buf text = {0};

	(void)state;
	buf_adds(&text, "- &a ");
	buf_fill(&text, 'x', 1000000);
	buf_addc(&text, '\n');
	for (int i = 0; i < 1000; i++)
		buf_adds(&text, "- *a\n");
	refused(&text, "error x.yaml:19: aliases add more than 16 MiB of text to this document\n");
}

/* Aliases may double a document: many small ones in a long list are no attack. */
static void
many_small_aliases(void **state)
{
	AUTO(buf) struct buf text = {0};
	AUTO(buf) struct buf got = {0};

	(void)state;
	buf_adds(&text, "- &labels {app: x, tier: y}\n");
	for (int i = 0; i < 100000; i++)
		buf_adds(&text, "- {metadata: *labels, spec: 1}\n");
	assert_true(tree_of_yaml(&got, text.data, text.len, 0));
}

/* Each a name of its own, as some generators write them; a look-up must not walk through all. */
static void
many_anchors(void **state)
{
	enum { COUNT = 50000 };
	AUTO(buf) struct buf text = {0};
	AUTO(buf) struct buf got = {0};
	int64_t start = clock_ms();

	(void)state;
	buf_adds(&text, "kind: List\nitems:\n");
	for (int i = 0; i < COUNT; i++)
		buf_addf(&text, "- {labels: &id%05d {app: x%d}, selector: *id%05d}\n", i, i, i);
	for (int i = 0; i < COUNT; i++)
		buf_adds(&text, "- *id00000\n");
	assert_true(tree_of_yaml(&got, text.data, text.len, 0));
	assert_true(strstr(got.data, "\nList item {\"labels\":{\"app\":\"x77\"},\"selector\":{\"app\":\"x77\"}}") ==
		    NULL);
	assert_non_null(
		strstr(got.data, "List item {\"labels\":{\"app\":\"x77\"},\"selector\":{\"app\":\"x77\"}}\n"));
	assert_non_null(strstr(got.data, "1 list of 100000 {\"kind\":\"List\"}\n"));
	assert_true(clock_ms() - start < 10000);
}

static void
nested(struct buf *text, size_t depth, bool closed)
{
	buf_clear(text);
	buf_fill(text, '[', depth);
	if (closed)
		buf_fill(text, ']', depth);
}

static void
depth_limit(void **state)
{
	AUTO(buf) struct buf text = {0};
	AUTO(buf) struct buf got = {0};

	(void)state;
	nested(&text, YAML_MAX_DEPTH, true);
	assert_true(tree_of_yaml(&got, text.data, text.len, 0));
	nested(&text, YAML_MAX_DEPTH + 1, true);
	refused(&text, "error x.yaml:1: nested deeper than 100 levels\n");
	nested(&text, 100000, false);
	refused(&text, "error x.yaml:1: nested deeper than 100 levels\n");
	buf_clear(&text);
	for (int i = 0; i < 100000; i++)
		buf_adds(&text, "{a: ");
	refused(&text, "error x.yaml:1: nested deeper than 100 levels\n");
	buf_clear(&text);
	for (int i = 0; i < 100000; i++)
		buf_adds(&text, "- ");
	refused(&text, "error x.yaml:1: nested deeper than 100 levels\n");
	buf_clear(&text);
	for (int i = 0; i < 100000; i++)
		buf_adds(&text, "? ");
	refused(&text, "error x.yaml:1: nested deeper than 100 levels\n");
}

/* Aliases inside aliases: no level is deep as it is written. */
static void
depth_by_aliases(void **state)
{
	AUTO(buf) struct buf text = {0};

	(void)state;
	buf_adds(&text, "- &a0 [[[[[[[[[[1]]]]]]]]]]\n");
	for (int i = 1; i < 30; i++)
		buf_addf(&text, "- &a%d [[[[[[[[[[*a%d]]]]]]]]]]\n", i, i - 1);
	refused(&text, "error x.yaml:10: nested deeper than 100 levels\n");
}

/* libyaml would take minutes for these, and never ask. */
static void
directive_limit(void **state)
{
	AUTO(buf) struct buf text = {0};
	AUTO(buf) struct buf got = {0};

	(void)state;
	for (int i = 0; i < 200000; i++)
		buf_addf(&text, "%%TAG !e%d! tag:x,2000:\n", i);
	buf_adds(&text, "--- a\n");
	assert_false(tree_of_yaml(&got, text.data, text.len, 0));
	assert_non_null(strstr(got.data, ": more than 1000 directives in front of a document\n"));
}

/* Percent signs inside a document are none of that. */
static void
percent_signs(void **state)
{
	AUTO(buf) struct buf text = {0};
	AUTO(buf) struct buf got = {0};

	(void)state;
	buf_adds(&text, "a: |\n  ");
	buf_fill(&text, '%', 100000);
	buf_adds(&text, "\n---\nb: '");
	buf_fill(&text, '%', 100000);
	buf_adds(&text, "'\n");
	assert_true(tree_of_yaml(&got, text.data, text.len, 0));
}

static void
wide_merge(void **state)
{
	enum { COUNT = 40000 };
	AUTO(buf) struct buf text = {0};
	AUTO(buf) struct buf got = {0};
	int64_t start = clock_ms();

	(void)state;
	buf_adds(&text, "a: &a\n");
	for (int i = 0; i < COUNT; i++)
		buf_addf(&text, "  k%d: 1\n", i);
	buf_adds(&text, "b:\n  <<: *a\n");
	for (int i = 0; i < COUNT; i++)
		buf_addf(&text, "  j%d: 1\n", i);
	assert_true(tree_of_yaml(&got, text.data, text.len, 0));
	assert_non_null(strstr(got.data, "\"j39999\":1,\"k0\":1,\"k1\":1"));
	assert_true(clock_ms() - start < 10000);
}

/* --- one document --- */

static void
parse_case(const char *yaml, bool strict, const char *want)
{
	AUTO(buf) struct buf got = {0};
	struct arena a = {0};
	struct node *n;
	struct err e = {0};

	if (yaml_parse(&a, "pipelock.yaml", yaml, strlen(yaml), strict, &n, &e))
		tree_text(&got, n);
	else
		buf_adds(&got, e.msg);
	arena_free(&a);
	assert_string_equal(got.data, want);
}

static void
one_document(void **state)
{
	(void)state;
	parse_case("", true, "null");
	parse_case("# only a comment\n", true, "null");
	parse_case("---\n", true, "null");
	parse_case("mode: strict\n", true, "{\"mode\":\"strict\"}");
	parse_case("items: [1]\n", true, "{\"items\":[1]}");
	parse_case("a: 1\n...\n# the end\n", true, "{\"a\":1}");
	parse_case("a: 1\n---\nb: ]\n", false, "{\"a\":1}");
	parse_case("a: 1\na: 2\n", false, "{\"a\":1,\"a\":2}");
	parse_case("a: \xff", false, "pipelock.yaml:1: bad YAML: invalid leading UTF-8 octet (byte 0xff)");
	parse_case("a: 1\n\nb: \x01", false,
		   "pipelock.yaml:3: bad YAML: control characters are not allowed (byte 0x01)");
}

static void
strict_document(void **state)
{
	(void)state;
	parse_case("a: 1\n---\nb: 2\n", true,
		   "pipelock.yaml:2: a second document starts here; there may be one only");
	parse_case("a: 1\n---\n", true, "pipelock.yaml:2: a second document starts here; there may be one only");
	parse_case("a: 1\nb: 2\na: 3\n", true, "pipelock.yaml:3: the key \"a\" stands twice in one map");
	parse_case("x:\n- y:\n    b: 1\n    c: 2\n    b: 3\n", true,
		   "pipelock.yaml:5: the key \"b\" stands twice in one map");
	parse_case("a:\n  x: 1\na:\n\n  y: 2\n", true,
		   "pipelock.yaml:3: the key \"a\" stands twice in one map");
	parse_case("yes: 1\non: 2\n", true, "pipelock.yaml:2: the key \"true\" stands twice in one map");
	parse_case("a: &a {x: 1}\nb: {<<: *a, x: 2}\n", true, "{\"a\":{\"x\":1},\"b\":{\"x\":2}}");
	parse_case("\"a\\e[31m\": 1\n\"a\\e[31m\": 2\n", true,
		   "pipelock.yaml:2: the key \"a\\x1b[31m\" stands twice in one map");
}

struct stop {
	int left, calls;
};

static bool
stop_document(void *ctx, const struct node *doc, struct err *e)
{
	struct stop *s = ctx;

	(void)doc;
	s->calls++;
	return s->left-- > 0 || err_set(e, ERR_SOURCE, 0, "enough");
}

static bool
stop_item(void *ctx, const char *kind, const struct node *item, struct err *e)
{
	(void)kind;
	return stop_document(ctx, item, e);
}

static bool
stop_end(void *ctx, const struct node *head, size_t items, struct err *e)
{
	(void)items;
	return stop_document(ctx, head, e);
}

static void
sink_ends_the_stream(void **state)
{
	static const char text[] = "a: 1\n---\nitems: [1, 2]\n---\nitems: &x [3]\n---\n5\n";

	(void)state;
	for (int calls = 0; calls < 7; calls++) {
		AUTO(reader) struct reader *in = reader_open_memory("x", text, sizeof(text) - 1);
		struct stop stop = {.left = calls};
		const struct document_sink sink = {&stop, stop_document, stop_item, stop_end};
		struct err e = {0};

		assert_false(yaml_stream(in, &sink, &e));
		assert_int_equal(e.kind, ERR_SOURCE);
		assert_string_equal(e.msg, "enough");
		assert_int_equal(stop.calls, calls + 1);
	}
}

/* A damaged gzip is named as such, not as bad YAML. */
static void
read_errors(void **state)
{
	static const char cut[] = "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03";
	AUTO(buf) struct buf got = {0};

	(void)state;
	assert_false(tree_of_yaml(&got, cut, sizeof(cut) - 1, 0));
	assert_string_equal(got.data, "error x.yaml: truncated gzip: the file ends inside the compressed data\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scalar_types),
		cmocka_unit_test(wrong_tags),
		cmocka_unit_test(nodes_in_full),
		cmocka_unit_test(streams_in_any_pieces),
		cmocka_unit_test(utf16),
		cmocka_unit_test(line_of_a_bad_byte),
		cmocka_unit_test(billion_laughs),
		cmocka_unit_test(billion_laughs_by_merging),
		cmocka_unit_test(long_text_in_aliases),
		cmocka_unit_test(many_small_aliases),
		cmocka_unit_test(many_anchors),
		cmocka_unit_test(depth_limit),
		cmocka_unit_test(depth_by_aliases),
		cmocka_unit_test(directive_limit),
		cmocka_unit_test(percent_signs),
		cmocka_unit_test(wide_merge),
		cmocka_unit_test(one_document),
		cmocka_unit_test(strict_document),
		cmocka_unit_test(sink_ends_the_stream),
		cmocka_unit_test(read_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
