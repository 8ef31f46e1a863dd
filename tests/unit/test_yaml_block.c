/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/str.h"
#include "base/yaml_block.h"
#include "base/yaml_window.h"
#include "tests/source.h"
#include "tests/yaml_both.h"

/* --- what is taken --- */

static const char *const taken[] = {
	"a: 1",
	"a: 1\n",
	"a:  1  \n",
	"a : 1\n",
	"---\na: 1\n",
	"--- # one\na: 1\n",
	"# first\n\n   \na: 1 # one\n  # two\nb: 2\n# end",
	"a:   # comment\n  b: c\n",
	"a:\nb:\n\nc:\n",
	"a: #c\n",
	"a: b#c\n",
	"a: b #c: d\n",
	"a:\n- 1\n- 2\nb: 3\n",
	"a:\n  - 1\n  - 2\nb: 3\n",
	"a:\n- b: 1\n  c: 2\n-\n  d: 3\n-\n- e:\n  f:\n  - g\n  - h\n",
	"a:\n- - 1\n  - 2\n- - - 3\n",
	"a:\n-   b: 1\n    c: 2\n",
	"a:\n  -\n  - 1\n  -   # null\n",
	"a:\n  b:\n    c:\n      d\ne: f\n",
	"a:\n  'b'\nc:\n  \"d\"\n",
	"a: 'it''s'\nb: ''\nc: ''''\nd: 'a \"b\": c #d'\n",
	"a: \"b\"\nb: \"\"\nc: \"x: 'y' #z\"\n",
	"\"a\": 1\n'b' : 2\n\"c:d\": 3\n",
	"a: \"\\n\\t\\r\\\"\\\\\\/\\e\\a\\b\\f\\v\\ \"\n",
	"a: \"x\\ny\\n\"\nb: c\n",
	"a: 0440\nb: 0o17\nc: 0x1F\nd: yes\ne: ~\nf: null\ng: .inf\nh: 1_000\ni: 1.5e3\nj: -7\nk: +8\nl: "
	"190:20:30\n",
	"yes: 1\n0440: 2\n1.5: 3\n0x10: 4\n",
	"a: http://b:80/c?d=e&f#g\n",
	"a: b:c\nd: e,f [g] {h} !i &j *k\n",
	"a: -b\nc: --d\ne: -1\n-f: g\n",
	"a: \xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80 # \xc3\xa9\n\xc3\xbc: \"\xc2\xa0\"\n",
	"a: []\nb: {}\nc: [ ]\nd: { }\n",
	"a: [1, b, 'c', \"d\", [e, f g], {h: i, \"j\":k, l: [m]}, ]\n",
	"a: {b: 10.0.0.1:80, c: http://d}\n",
	"a:\n  [b]\nc:\n- {d: e}\n- [f]\n",
	"a: 1\na: 2\n",
	"a: |\n  b\n   c\n\n  d\ne: f\n",
	"a: |-\n  b\n\n\nc: d\n",
	"a: |+\n  b\n\n\nc: d\n",
	"a: |2\n   b\n  c\nd: e\n",
	"a: |2-\n   b\nc: d\n",
	"a: |-2\n   b\nc: d\n",
	"a: | # comment\n  b\n",
	"a: |\n\n\n  b\n",
	"a: |\n  b\n# c\nd: e\n",
	"a: |\n  b\n  # c\nd: e\n",
	"a: |\n  b\n  \tc\t\n",
	"a: |\n  ---\n  ...\n",
	"a: |\nb: c\n",
	"a: |\n\nb: c\n",
	"a: |+\n\nb: c\n",
	"a: |+\n  b\n    \n\nc: d\n",
	"a: |\n  b\n",
	"a: >\n  b\n  c\n\n  d\n   e\n   f\n  g\n\n\nh: i\n",
	"a: >-\n  b\n  c\n",
	"a: >+\n  b\n\n  \tc\n\n",
	"a: >1\n  b\n c\n d\n",
	"a:\n- |\n  b\n- >-\n  c\n  d\n- - |\n    e\n",
};

static bool
is_taken(const char *text)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf lines = {0};
	struct yaml_block b = {.arena = &a, .line = 1, .whole = true};
	const char *end;
	bool ok, cut, more;

	buf_adds(&lines, text);
	b.newline_added = !str_ends(text, "\n");
	buf_adds(&lines, b.newline_added ? "\n" : "");
	b.at = lines.data;
	b.end = lines.data + lines.len;
	end = yaml_window_check(lines.data, b.end, &cut);
	ok = end == b.end && yaml_block_open(&b, &more) && more && yaml_block_map(&b) && b.at == b.end;
	if (!ok && end == b.end)
		assert_int_equal(b.stop, YAML_BLOCK_DECLINED);
	buf_free(&b.text);
	return ok;
}

static void
agree(const char *name, const char *text, size_t len)
{
	AUTO(buf) struct buf moat = {0};
	AUTO(buf) struct buf libyaml = {0};

	if (!both_agree(&moat, &libyaml, text, len))
		fail_msg("%s:\n%s--- by libyaml:\n%s", name, buf_str(&moat), buf_str(&libyaml));
}

static void
plain_yaml_is_taken(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(taken); i++) {
		if (!is_taken(taken[i]))
			fail_msg("declined:\n%s", taken[i]);
		agree(taken[i], taken[i], strlen(taken[i]));
	}
}

/* --- what is declined --- */

static const char *const declined[] = {
	/* right, but rare */
	"- a\n- b\n",
	" a: 1\n",
	"a\n",
	"{a: 1}\n",
	"a: b\n  c\n",
	"a:\n  b\n  c\n",
	"a: 'b\n  c'\n",
	"a: \"b\n  c\"\n",
	"a: \"b\\\n  c\"\n",
	"a: \"\\u0041\"\n",
	"a: \"\\x41\\0\"\n",
	"a: &x 1\nb: *x\n",
	"a: !!str 1\n",
	"? a\n: b\n",
	"[a]: b\n",
	"<<: {a: b}\n",
	"a: [b,\n  c]\n",
	"a: [b: c]\n",
	"a: {b}\n",
	"a: {b: , c: d}\n",
	"a: [b #c]\n",
	"a:\tb\n",
	"a: b\tc\n",
	"a: b\t\n",
	"a:\n  b: c\n\t\nd: e\n",
	"a: 'b'#c\n",
	"a: |#c\n  b\n",
	"a: 1\r\nb: 2\r\n",
	"\xef\xbb\xbf"
	"a: 1\n",
	"a: \xe2\x80\xa8 b\n",
	"a: b\n...\n",
	"%YAML 1.1\n---\na: b\n",
	"--- |\n  a\n",
	"--- {a: b}\n",
	"a: |\n  b",
	"a: |+\n  b\n ",
	/* errors */
	"a: b: c\n",
	"a: b\n  c: d\n",
	"a: 1\n b: 2\n",
	"a:\n  b: 1\n c: 2\n",
	"a: - b\n",
	"a: -\n",
	"a: 1\n- b\n",
	"a:\n- b\n c\n",
	"a:\n- b: 1\n c: 2\n",
	"a: 'b\n",
	"a: \"b\n",
	"a: \"\\q\"\n",
	"a: 'b' c\n",
	"a: [b\n",
	"a: [b]]\n",
	"a: [b,, c]\n",
	"a: [,]\n",
	"a: {b: c\n",
	"a: [b:,c]\n",
	"a: %b\n",
	"a: @b\n",
	"a: `b`\n",
	"a: ,b\n",
	"a: b\nc\n",
	"a: b\n'c'\n",
	"a:b\n",
	"\"a\":b\n",
	"~: a\n",
	"a: |x\n  b\n",
	"a: |\n    \n  b\n",
	"a: |\n  b\n c\n",
	"a: |\n\tb\n",
	"a: |1\n\tb\n",
	"a: |\n  \tb\n",
	"a: \x01\n",
	"a: \xff\n",
	"a: \xed\xa0\x80\n",
	"a: \xc0\x80\n",
	"a: \x7f\n",
	"a: \xc2\x85\n",
	"a: \xe2\x82",
};

static void
the_rest_is_declined(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(declined); i++) {
		if (is_taken(declined[i]))
			fail_msg("taken:\n%s", declined[i]);
		agree(declined[i], declined[i], strlen(declined[i]));
	}
}

/* --- lists, and streams in which one way follows the other --- */

static const char *const streams[] = {
	"",
	"\n",
	"---",
	"---\n---\n",
	"--- !x",
	"# c\n--- !x\n---\na: 1\n",
	"a: 1\n---\n&x b: 2\n---\nc: 3\n---\nd: &y 4\n---\ne: 5\n",
	"a: 1\n---\nb: 'x\n  y'\n...\n---\nc: 3\n",
	"a: 'x\n---\nb: 2\n",
	"a: [x,\n---\nb: 2\n",
	"a: 1\n--- # c\n\n# d\n---\n- 1\n---\n- 2\n---\nb: 2\n",
	"a: 1\n---\nb: ]\n---\nc: 3\n",
	"a: 1\n...\nb: 2\n",
	"a: 1\n...\n---\nb: 2\n...\n",
	"a: 1\n---\n%YAML 1.1\n---\nb: 2\n",
	"kind: List\nitems:\n- a: 1\n- b: 2\n-\n- c\nmetadata:\n  x: v\n---\nd: 1\n",
	"items:\n  - a: 1\n  - b:\n    - 2\n\n\n  # c\n  - - 3\nkind: PodList\n",
	"items:\nkind: List\n",
	"items: []\nkind: List\n---\na: 1\n",
	"items: [1, 2]\n",
	"kind: Menu\nitems:\n- 1\n",
	"items:\n- 1\nitems:\n- 2\n",
	"items:\n- 1\n items: 2\n",
	"items:\n- a: 1\n b: 2\n",
	"items:\n  - a: 1\n - b: 2\n",
	"items:\n- a: 1\n- b: 2\n- &x c: 3\n- *x\nkind: List\n---\nd: 1\n---\ne: ]\n",
	"# c\nkind: List\nitems:\n\n- a: 1\n  b: |\n    x\n\n- c: 'x\n   y'\n- d: ]\n",
	"kind: List\nitems:\n  - a: 1\n  - b: 2\n  -\n    c: {d\n",
	"kind: List\nitems:\n- a: 1\nmetadata: &m {x: 1}\nother: *m\nb: 1\n---\nc: 1\n",
	"kind: List\nitems:\n- a: 1\nb: 2\nc: [\nd: 3\n",
	"kind: List\nitems:\n- a: 1\n- b: 2\n*x : 1\n",
	"kind: List\nmetadata: {x: &m 1}\nitems:\n- a: 1\n- b: *m\n",
	"kind: List\nitems:\n- a: 1\n- b: \xff\n",
	"kind: List\nitems:\n- a: 1\n...\n---\nb: 1\n",
	"kind: List\nitems:\n- a: 1\n- b: |\n   c",
};

static void
streams_agree(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(streams); i++)
		agree(streams[i], streams[i], strlen(streams[i]));
}

/* Wherever a text is cut. */
static void
beginnings_agree(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(taken); i++)
		for (size_t len = 0; len < strlen(taken[i]); len++)
			agree(taken[i], taken[i], len);
	for (size_t i = 0; i < COUNT_OF(streams); i++)
		for (size_t len = 0; len < strlen(streams[i]); len++)
			agree(streams[i], streams[i], len);
}

/* With any other byte somewhere. */
static void
changes_agree(void **state)
{
	static const char bytes[] = " \n\t:-#'\"[]{},|>&*!%@`?.a0~\\\r\xe2";

	(void)state;
	for (size_t i = 0; i < COUNT_OF(taken); i++) {
		AUTO(free) char *text = mem_strdup(taken[i]);
		size_t len = strlen(text);

		for (size_t at = 0; at < len; at++) {
			char was = text[at];

			for (size_t c = 0; c < sizeof(bytes) - 1; c++) {
				text[at] = bytes[c];
				agree(text, text, len);
			}
			text[at] = was;
		}
	}
}

static void
depth(void **state)
{
	(void)state;
	for (int levels = YAML_MAX_DEPTH - 3; levels < YAML_MAX_DEPTH + 3; levels++) {
		AUTO(buf) struct buf maps = {0};
		AUTO(buf) struct buf lists = {0};
		AUTO(buf) struct buf flow = {0};

		for (int i = 0; i < levels; i++) {
			buf_fill(&maps, ' ', (size_t)i);
			buf_adds(&maps, "a:\n");
		}
		buf_adds(&lists, "a:\n");
		for (int i = 0; i < levels; i++)
			buf_adds(&lists, "- ");
		buf_adds(&flow, "a: ");
		buf_fill(&flow, '[', (size_t)levels);
		buf_fill(&flow, ']', (size_t)levels);
		agree("maps", maps.data, maps.len);
		agree("lists", lists.data, lists.len);
		agree("flow", flow.data, flow.len);
	}
}

static void
long_keys(void **state)
{
	(void)state;
	for (size_t len = 990; len < 1040; len++) {
		AUTO(buf) struct buf text = {0};

		buf_fill(&text, 'k', len);
		buf_adds(&text, ": 1\nb: {");
		buf_fill(&text, 'k', len);
		buf_adds(&text, ": 1}\nc: [");
		buf_fill(&text, 'k', len);
		buf_adds(&text, "]\n");
		agree("long", text.data, text.len);
	}
}

/* What is larger than a window may be is libyaml's as well. */
static void
large_parts(void **state)
{
	AUTO(buf) struct buf text = {0};

	(void)state;
	buf_adds(&text, "kind: List\nitems:\n- a: 1\n- b: ");
	buf_fill(&text, 'x', YAML_WINDOW_MAX * 2);
	buf_adds(&text, "\n- c: 1\n---\nd: |\n");
	for (size_t i = 0; i < YAML_WINDOW_MAX / 4; i++)
		buf_adds(&text, "  line\n");
	buf_adds(&text, "---\ne: 1\n");
	agree("large", text.data, text.len);
}

/* --- files --- */

static size_t
files_agree(const char *folder)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;
	size_t n = 0;

	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		AUTO(free) char *path = mem_printf("%s/%s", folder, entry->d_name);
		AUTO(buf) struct buf text = {0};

		if (entry->d_name[0] == '.')
			continue;
		if (entry->d_type == DT_DIR) {
			n += files_agree(path);
		} else if (str_ends(path, ".yaml") || str_ends(path, ".yml")) {
			assert_true(tree_file(&text, path));
			agree(path, buf_str(&text), text.len);
			n++;
		}
	}
	closedir(dir);
	return n;
}

static void
all_yaml_here_agrees(void **state)
{
	static const char *const folders[] = {"tests", "demo", "themes"};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(folders); i++) {
		AUTO(free) char *path = source_path(folders[i]);

		assert_true(files_agree(path) > 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_yaml_is_taken),
		cmocka_unit_test(the_rest_is_declined),
		cmocka_unit_test(streams_agree),
		cmocka_unit_test(beginnings_agree),
		cmocka_unit_test(changes_agree),
		cmocka_unit_test(depth),
		cmocka_unit_test(long_keys),
		cmocka_unit_test(large_parts),
		cmocka_unit_test(all_yaml_here_agrees),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
