/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/reader.h"
#include "base/str.h"
#include "decode/files.h"

#define NAMESPACE(name) "apiVersion: v1\nkind: Namespace\nmetadata: {name: " name "}\n"
#define JSON_NAMESPACE(name) "{\"apiVersion\":\"v1\",\"kind\":\"Namespace\",\"metadata\":{\"name\":\"" name "\"}}\n"

/* Every test has a folder of its own and works inside it, so that paths are short in messages. */
static char folder[256];

static int
set_up(void **state)
{
	const char *tmp = getenv("TMPDIR");

	(void)state;
	snprintf(folder, sizeof(folder), "%.200s/moat-files-XXXXXX", tmp ? tmp : "/tmp");
	return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st, (void)type, (void)at;
	return remove(path);
}

static int
tear_down(void **state)
{
	(void)state;
	return chdir("/") == 0 ? nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS) : -1;
}

static void
put(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
	assert_int_equal(fclose(f), 0);
}

static void
put_gzip(const char *path, const char *text, size_t cut)
{
	struct stat st;
	gzFile f = gzopen(path, "w");

	assert_int_equal(gzwrite(f, text, (unsigned)strlen(text)), strlen(text));
	gzclose(f);
	assert_int_equal(stat(path, &st), 0);
	if (cut)
		assert_int_equal(truncate(path, st.st_size - (off_t)cut), 0);
}

/* Reads paths, a list that ends in NULL; the answer is "ns/name ns/name ...", then "; " and each warning. */
static void
expect(const char *const *paths, const char *want)
{
	AUTO(buf) struct buf got = {0};
	struct object_set set = {0};
	struct err e = {0};
	size_t n = 0;

	while (paths[n])
		n++;
	if (!files_read(paths, n, "default", &set, &e))
		fail_msg("%s", e.msg);
	for (size_t i = 0; i < set.n; i++)
		buf_addf(&got, "%s%s", i ? " " : "", set.at[i]->name);
	for (size_t i = 0; i < set.n_warnings; i++)
		buf_addf(&got, "; %s", set.warnings[i]);
	object_set_free(&set);
	assert_string_equal(buf_str(&got), want);
}

static void
refused(const char *const *paths, enum err_kind kind, const char *message)
{
	struct object_set set = {0};
	struct err e = {0};
	size_t n = 0;

	while (paths[n])
		n++;
	if (files_read(paths, n, "default", &set, &e))
		fail_msg("accepted; wanted: %s", message);
	assert_string_equal(e.msg, message);
	assert_int_equal(e.kind, kind);
	assert_null(set.at);
}

#define PATHS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void
folders_are_read_in_order_and_by_name(void **state)
{
	(void)state;
	mkdir("f", 0777);
	mkdir("f/b.d", 0777);
	mkdir("f/.hidden", 0777);
	put("f/c.yml", NAMESPACE("c"));
	put("f/a.yaml", NAMESPACE("a"));
	put("f/b.d/x.json", JSON_NAMESPACE("x"));
	put_gzip("f/b.d/y.yaml.gz", NAMESPACE("y"), 0);
	put_gzip("f/b.d/z.json.gz", JSON_NAMESPACE("z"), 0);
	put("f/.hidden/h.yaml", "not: [valid");
	put("f/.h.yaml", "not: [valid");
	put("f/README.md", "not: [valid");
	put("f/a.yaml~", "not: [valid");
	assert_int_equal(symlink("nowhere", "f/dead"), 0);
	assert_int_equal(mkfifo("f/pipe.yaml", 0666), 0);
	expect(PATHS("f"), "a x y z c");
	expect(PATHS("f/"), "a x y z c");
	expect(PATHS("f/c.yml", "f/b.d"), "c x y z");
}

static void
links_that_lead_back_are_not_followed(void **state)
{
	(void)state;
	mkdir("f", 0777);
	mkdir("f/a", 0777);
	put("f/a/x.yaml", NAMESPACE("x"));
	assert_int_equal(symlink("..", "f/a/up"), 0);
	assert_int_equal(symlink("a", "f/b"), 0);
	expect(PATHS("f"), "x");
}

static void
what_is_named_is_read_whatever_its_name(void **state)
{
	(void)state;
	put("values", NAMESPACE("x"));
	put(".hidden", JSON_NAMESPACE("y"));
	expect(PATHS("values", ".hidden"), "x y");
}

static void
bad_files_are_named(void **state)
{
	(void)state;
	mkdir("f", 0777);
	refused(PATHS("missing.yaml"), ERR_INPUT, "open missing.yaml: No such file or directory");
	put("f/good.yaml", NAMESPACE("x"));
	put("f/bad.yaml", "a: 1\nb: [\n");
	refused(PATHS("f"), ERR_INPUT,
		"f/bad.yaml:3: bad YAML: did not find expected node content, while parsing a flow node that starts on "
		"line 3");
	put("f/bad.yaml", NAMESPACE("x, labels: [a]"));
	refused(PATHS("f"), ERR_INPUT, "f/bad.yaml: Namespace x, line 3: metadata.labels: a map expected, got a list");
	unlink("f/bad.yaml");
	put("f/cut.json", "{\"kind\":\"List\",\"items\":[\n" JSON_NAMESPACE("x") ",{\"kind\":\n");
	refused(PATHS("f"), ERR_INPUT, "f/cut.json:4: truncated JSON: the file ends before a value");
	unlink("f/cut.json");
	put_gzip("f/cut.yaml.gz", NAMESPACE("x"), 9);
	refused(PATHS("f"), ERR_INPUT,
		"f/cut.yaml.gz: truncated gzip: the file ends inside the compressed data");
	unlink("f/cut.yaml.gz");
	assert_int_equal(symlink("nowhere", "f/dead.yaml"), 0);
	refused(PATHS("f"), ERR_INPUT, "open f/dead.yaml: No such file or directory");
}

static void
unreadable_folders_are_named(void **state)
{
	uid_t self = geteuid();

	(void)state;
	mkdir("f", 0777);
	mkdir("f/closed", 0);
	put("closed.yaml", "");
	chmod("closed.yaml", 0);
	/* Root reads everything: be nobody for a while. */
	if (self == 0)
		assert_int_equal(chmod(".", 0755) | seteuid(65534), 0);
	refused(PATHS("f"), ERR_INPUT, "read folder f/closed: Permission denied");
	refused(PATHS("closed.yaml"), ERR_INPUT, "open closed.yaml: Permission denied");
	assert_int_equal(seteuid(self), 0);
}

static void
what_is_no_object_is_passed_over_in_folders_only(void **state)
{
	(void)state;
	mkdir("f", 0777);
	put("f/values.yaml", "replicas: 2\nimage: x\n---\nmore: values\n");
	put("f/patch.yaml", "- op: replace\n  path: /spec/replicas\n");
	put("f/x.yaml", "# only a comment\n---\n" NAMESPACE("x"));
	put("f/items.yaml", "items:\n- " JSON_NAMESPACE("y"));
	expect(PATHS("f"), "x; f/items.yaml:1: passed over: a map without kind is no Kubernetes object"
			   "; f/patch.yaml:1: passed over: a list is no Kubernetes object"
			   "; f/values.yaml:1: passed over: a map without kind is no Kubernetes object");
	refused(PATHS("f/values.yaml"), ERR_INPUT,
		"f/values.yaml:1: a map without kind, where an object with apiVersion and kind is expected");
	refused(PATHS("f/patch.yaml"), ERR_INPUT,
		"f/patch.yaml:1: a list, where an object with apiVersion and kind is expected");
	put("f/broken.yaml", "apiVersion: v1\nmetadata: {name: x}\n");
	refused(PATHS("f"), ERR_INPUT, "f/broken.yaml:1: an object without a kind");
}

static void
many_files_of_something_else_are_counted(void **state)
{
	struct object_set set = {0};
	struct err e = {0};

	(void)state;
	mkdir("f", 0777);
	for (int i = 0; i < 30; i++) {
		AUTO(free) char *path = mem_printf("f/values-%02d.yaml", i);

		put(path, "a: 1\n---\nb: 2\n");
	}
	assert_true(files_read(PATHS("f"), 1, NULL, &set, &e));
	assert_int_equal(set.n_warnings, 21);
	assert_string_equal(set.warnings[19],
			    "f/values-19.yaml:1: passed over: a map without kind is no Kubernetes object");
	assert_string_equal(set.warnings[20], "10 more files hold what is no Kubernetes object");
	object_set_free(&set);
}

static void
lists_hold_objects_only(void **state)
{
	(void)state;
	put("l.yaml", "kind: List\napiVersion: v1\nitems:\n- null\n- {metadata: {name: x}}\n");
	refused(PATHS("l.yaml"), ERR_INPUT, "l.yaml:5: an object without a kind in a list");
	put("l.yaml", "items:\n- {metadata: {name: x}}\nkind: List\napiVersion: v1\n");
	refused(PATHS("l.yaml"), ERR_INPUT, "l.yaml:2: an object without a kind in a list");
	put("l.yaml", "kind: List\napiVersion: v1\nitems: [7]\n");
	refused(PATHS("l.yaml"), ERR_INPUT,
		"l.yaml:3: a number in a list, where an object with apiVersion and kind is expected");
	put("l.yaml", "kind: List\napiVersion: v1\nitems: {a: b}\n");
	refused(PATHS("l.yaml"), ERR_INPUT, "l.yaml:3: `items` is a map, where a list is expected");
	/* Wrong, but only if it is a list: that stands behind it. */
	put("l.yaml", "items:\n- {apiVersion: v1, kind: Namespace}\nkind: NamespaceList\n");
	refused(PATHS("l.yaml"), ERR_INPUT, "l.yaml: Namespace, line 2: metadata is missing");
	put("l.yaml", "items:\n- {apiVersion: v1, kind: Namespace}\nkind: Catalog\n");
	expect(PATHS("l.yaml"), "");
}

static void
an_empty_folder_is_mentioned(void **state)
{
	(void)state;
	mkdir("f", 0777);
	put("f/notes.txt", "x");
	expect(PATHS("f"), "; f: no .yaml, .yml or .json file in this folder");
	put("f/empty.yaml", "");
	expect(PATHS("f"), "");
}

static void
json_and_yaml_are_told_apart(void **state)
{
	(void)state;
	/* A map in braces is YAML as well. */
	put("flow.yaml", "{apiVersion: v1, kind: Namespace, metadata: {name: flow}}\n");
	put("quoted.yaml", "{\"apiVersion\": \"v1\", kind: Namespace, metadata: {name: quoted}}\n");
	put("two.yaml", JSON_NAMESPACE("one") "---\n" JSON_NAMESPACE("two"));
	put("two.json", "\xef\xbb\xbf \n" JSON_NAMESPACE("three") JSON_NAMESPACE("four"));
	put("spaces.yaml", "  \n\n   apiVersion: v1\n   kind: Namespace\n   metadata: {name: spaces}\n");
	expect(PATHS("flow.yaml", "quoted.yaml", "two.yaml", "two.json", "spaces.yaml"),
	       "flow quoted one two three four spaces");
	put("list.json", "[" JSON_NAMESPACE("x") "]");
	refused(PATHS("list.json"), ERR_INPUT,
		"list.json:1: a list, where an object with apiVersion and kind is expected");
	put("not.json", "{\"apiVersion\": \"v1\", kind: Namespace}\n");
	refused(PATHS("not.json"), ERR_INPUT,
		"not.json:1: bad JSON: expected a name in double quotes, found 'k'");
	/* The second reading must not hide what the first one found wrong with an object. */
	put("bad.yaml", "{\"apiVersion\": \"v1\", \"kind\": \"Namespace\", \"metadata\": []}\n");
	refused(PATHS("bad.yaml"), ERR_INPUT, "bad.yaml: Namespace, line 1: metadata: a map expected, got a list");
}

static void
a_key_that_stands_twice(void **state)
{
	(void)state;
	put("twice.yaml", "apiVersion: v1\nkind: Service\nmetadata: {name: x, namespace: a}\nspec:\n"
			  "  selector: {app: x}\n  ports: [{port: 1,\n    port: 2}]\n");
	expect(PATHS("twice.yaml"),
	       "x; twice.yaml: Service a/x: key port stands twice in one map, line 7: the last one counts");
	put("twice.json", "{\"apiVersion\":\"v1\",\"kind\":\"Namespace\","
			  "\"metadata\":{\"name\":\"y\",\"name\":\"x\"}}\n");
	expect(PATHS("twice.json"),
	       "x; twice.json: Namespace x: key name stands twice in one map, line 1: the last one counts");
	/* Read as JSON first, and then again: told once. */
	put("again.yaml", "{\"apiVersion\": \"v1\", \"kind\": \"Namespace\", "
			  "\"metadata\": {\"name\": \"y\", \"name\": \"x\"}}\n"
			  "---\n{apiVersion: v1, kind: Namespace, metadata: {name: z}}\n");
	expect(PATHS("again.yaml"),
	       "x z; again.yaml: Namespace x: key name stands twice in one map, line 1: the last one counts");
	/* A merge is not a second key, nor is the same key of another map. */
	put("merge.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: &m {name: x}\ndata: {<<: *m, name: z}\n");
	expect(PATHS("merge.yaml"), "x");
}

static void
the_last_of_the_same_object_wins(void **state)
{
	const char *two = NAMESPACE("x") "---\n" NAMESPACE("y") "---\n" NAMESPACE("x");

	(void)state;
	put("a.yaml", two);
	put("b.yaml", NAMESPACE("y"));
	expect(PATHS("a.yaml", "b.yaml"), "x y; Namespace y stands twice: b.yaml:1 counts, a.yaml:5 is passed over"
					  "; Namespace x stands twice: a.yaml:9 counts, a.yaml:1 is passed over");
	/* Named twice, it is the same file: nothing is lost. */
	expect(PATHS("b.yaml", "b.yaml"), "y");
	/* Kind and namespace tell objects apart too. */
	put("c.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: y}\n---\n"
		      "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: y, namespace: other}\n");
	expect(PATHS("b.yaml", "c.yaml"), "y y y");
}

static void
many_duplicates_are_counted(void **state)
{
	AUTO(buf) struct buf text = {0};
	struct object_set set = {0};
	struct err e = {0};

	(void)state;
	for (int i = 0; i < 100; i++)
		buf_addf(&text, NAMESPACE("n%d") "---\n", i % 50);
	assert_true(files_read_memory("m", text.data, text.len, NULL, &set, &e));
	assert_int_equal(set.n, 50);
	assert_int_equal(set.n_warnings, 21);
	assert_string_equal(set.warnings[20], "30 more objects stand twice; the last of each counts");
	object_set_free(&set);
}

/* Gives text on standard input while paths are read. */
static void
with_stdin(const char *text, const char *const *paths, const char *want, enum err_kind kind)
{
	int saved = dup(STDIN_FILENO), fd;

	put("stdin.txt", text);
	fd = open("stdin.txt", O_RDONLY);
	assert_true(fd >= 0 && dup2(fd, STDIN_FILENO) == STDIN_FILENO);
	close(fd);
	if (kind == ERR_NONE)
		expect(paths, want);
	else
		refused(paths, kind, want);
	dup2(saved, STDIN_FILENO);
	close(saved);
}

static void
standard_input_is_read_once(void **state)
{
	(void)state;
	put("f.yaml", NAMESPACE("f"));
	with_stdin(NAMESPACE("in"), PATHS("f.yaml", "-"), "f in", ERR_NONE);
	with_stdin(JSON_NAMESPACE("in"), PATHS("-"), "in", ERR_NONE);
	with_stdin(NAMESPACE("in"), PATHS("-", "-"), "-f -: standard input can be read only once", ERR_USAGE);
	with_stdin("{\"a\": b}", PATHS("-"), "stdin:1: bad JSON: expected a value, found 'b'", ERR_INPUT);
	with_stdin("a: b", PATHS("-"),
		   "stdin:1: a map without kind, where an object with apiVersion and kind is expected", ERR_INPUT);
}

static void
aliases_cannot_blow_up(void **state)
{
	AUTO(buf) struct buf text = {0};
	struct object_set set = {0};
	struct err e = {0};

	(void)state;
	buf_adds(&text, "a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
	for (int i = 1; i < 12; i++)
		buf_addf(&text, "a%d: &a%d [*a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d]\n", i, i, i - 1, i - 1,
			 i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
	assert_false(files_read_memory("laughs.yaml", text.data, text.len, NULL, &set, &e));
	assert_int_equal(e.kind, ERR_INPUT);
	assert_non_null(strstr(e.msg, "laughs.yaml:6: aliases add more than 100000 values"));
}

static void
what_was_peeked_at_is_read_too(void **state)
{
	AUTO(buf) struct buf text = {0};
	char got[3 * READER_PEEK];
	const char *ahead;
	size_t len = 0, n, peeked;

	(void)state;
	for (size_t i = 0; i < 2 * READER_PEEK; i++)
		buf_addc(&text, (char)('a' + i % 23));
	put_gzip("x.gz", buf_str(&text), 0);
	for (size_t step = 1; step < 2 * READER_PEEK; step = step * 3 + 1) {
		AUTO(reader) struct reader *in = reader_open("x.gz", NULL);

		assert_non_null(in);
		for (len = 0, n = 1; n; len += n) {
			assert_true(reader_peek(in, &ahead, &peeked, NULL));
			assert_int_equal(peeked, text.len - len < READER_PEEK ? text.len - len : READER_PEEK);
			assert_memory_equal(ahead, text.data + len, peeked);
			assert_true(reader_read(in, got + len, step, &n, NULL));
		}
		assert_int_equal(len, text.len);
		assert_memory_equal(got, text.data, len);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(folders_are_read_in_order_and_by_name),
		TEST(links_that_lead_back_are_not_followed),
		TEST(what_is_named_is_read_whatever_its_name),
		TEST(bad_files_are_named),
		TEST(unreadable_folders_are_named),
		TEST(what_is_no_object_is_passed_over_in_folders_only),
		TEST(many_files_of_something_else_are_counted),
		TEST(lists_hold_objects_only),
		TEST(an_empty_folder_is_mentioned),
		TEST(json_and_yaml_are_told_apart),
		TEST(a_key_that_stands_twice),
		TEST(the_last_of_the_same_object_wins),
		TEST(many_duplicates_are_counted),
		TEST(standard_input_is_read_once),
		TEST(aliases_cannot_blow_up),
		TEST(what_was_peeked_at_is_read_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
