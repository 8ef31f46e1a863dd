/* SPDX-License-Identifier: Apache-2.0 */
/* Every object of YAML and JSON files as a tree, without the parts no decoder reads; nothing is done with them. */
#include <stdio.h>

#include "base/json_scan.h"
#include "base/str.h"
#include "base/yaml.h"

static const char *const raw_keys[] = {
	"managedFields", "kubectl.kubernetes.io/last-applied-configuration", NULL,
};

static bool
count(void *ctx, const struct node *doc, struct err *e)
{
	(void)doc;
	(void)e;
	++*(size_t *)ctx;
	return true;
}

static bool
count_item(void *ctx, const char *kind, const struct node *item, struct err *e)
{
	(void)kind;
	return count(ctx, item, e);
}

static bool
list_end(void *ctx, const struct node *head, size_t items, struct err *e)
{
	(void)ctx;
	(void)head;
	(void)items;
	(void)e;
	return true;
}

static bool
read_file(const char *path, const struct document_sink *sink, struct err *e)
{
	const struct json_options options = {.raw_keys = raw_keys};
	AUTO(reader) struct reader *in = reader_open(path, e);

	if (!in)
		return false;
	return str_ends(path, ".json") ? json_stream(in, &options, sink, e) : yaml_stream(in, sink, e);
}

int
main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		size_t n = 0;
		const struct document_sink sink = {&n, count, count_item, list_end};
		struct err e;

		if (!read_file(argv[i], &sink, &e)) {
			fprintf(stderr, "%s\n", e.msg);
			return 1;
		}
		printf("%s: %zu objects\n", argv[i], n);
	}
	return 0;
}
