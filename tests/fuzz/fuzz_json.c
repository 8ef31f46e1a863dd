/* SPDX-License-Identifier: Apache-2.0 */
/* JSON: jansson reads the same, windows of any size change nothing, and what is raw can be parsed later. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/fuzz/fuzz.h"
#include "tests/jansson_tree.h"
#include "tests/tree.h"

static const char *const raw_keys[] = {"status", "a", NULL};

static void
wrong(const char *what, const char *detail)
{
	fprintf(stderr, "%s: %s\n", what, detail);
	abort();
}

static void
check_windows(const char *text, size_t len, const char *const *raw)
{
	AUTO(buf) struct buf whole = {0};
	AUTO(buf) struct buf cut = {0};
	size_t window = 1 + len % 67;

	tree_of_json(&whole, text, len, raw, 0, 0);
	tree_of_json(&cut, text, len, raw, 1 + len % 5, window);
	/* How far the scanner came before it saw damaged gzip depends on the windows. */
	if (strcmp(buf_str(&whole), buf_str(&cut)) != 0 && !strstr(buf_str(&whole), "gzip"))
		wrong("windows change the meaning", buf_str(&cut));
}

static void
check_raw(const char *text, size_t len)
{
	const struct json_options opt = {.raw_keys = raw_keys};
	struct arena a = {0};
	struct node *full, *raw;
	struct err e;

	if (json_parse(&a, "x", text, len, 1, NULL, &full, &e)) {
		AUTO(buf) struct buf want = {0};
		AUTO(buf) struct buf got = {0};

		if (!json_parse(&a, "x", text, len, 1, &opt, &raw, &e) || !tree_unraw(&a, raw, &e))
			wrong("a raw value", e.msg);
		tree_text(&want, full);
		tree_text(&got, raw);
		if (strcmp(want.data, got.data) != 0)
			wrong("raw values change the meaning", got.data);
	}
	arena_free(&a);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	const char *difference = jansson_compare(text, size);

	if (difference)
		wrong("jansson", difference);
	check_windows(text, size, NULL);
	check_windows(text, size, raw_keys);
	check_raw(text, size);
	return 0;
}
