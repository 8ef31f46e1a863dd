/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a fuzzer over its corpus without libFuzzer: `make check` does it for every input that ever showed a bug. The
 * folder is the program's name behind replay_, below tests/fuzz/corpus; arguments are files to run instead.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "tests/fuzz/fuzz.h"
#include "tests/source.h"
#include "tests/tree.h"

/* As libFuzzer does it: exactly the bytes, so that a sanitizer sees one too many being read. */
static void
run(const char *path, size_t number)
{
	AUTO(buf) struct buf text = {0};
	AUTO(free) uint8_t *exact = NULL;

	if (!tree_file(&text, path)) {
		printf("not ok %zu - %s: %s\n", number, path, strerror(errno));
		return;
	}
	exact = mem_grow(NULL, text.len, 1);
	if (text.len)
		memcpy(exact, text.data, text.len);
	/* Before it runs: what crashes has been named. */
	fprintf(stderr, "%s\n", path);
	LLVMFuzzerTestOneInput(exact, text.len);
	printf("ok %zu - %s\n", number, strrchr(path, '/') ? strrchr(path, '/') + 1 : path);
}

static int
visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static int
run_folder(const char *folder)
{
	struct dirent **files;
	int n = scandir(folder, &files, visible, alphasort);

	if (n <= 0) {
		fprintf(stderr, "%s: %s\n", folder, n ? strerror(errno) : "no file");
		return 1;
	}
	printf("1..%d\n", n);
	for (int i = 0; i < n; i++) {
		AUTO(free) char *path = mem_printf("%s/%s", folder, files[i]->d_name);

		run(path, (size_t)i + 1);
		free(files[i]);
	}
	free(files);
	return 0;
}

int
main(int argc, char **argv)
{
	const char *name = strstr(argv[0], "replay_");
	AUTO(free) char *corpus = source_path("tests/fuzz/corpus");
	AUTO(free) char *folder = NULL;

	if (argc > 1) {
		printf("1..%d\n", argc - 1);
		for (int i = 1; i < argc; i++)
			run(argv[i], (size_t)i);
		return 0;
	}
	if (!name) {
		fprintf(stderr, "%s: the name does not say which corpus\n", argv[0]);
		return 2;
	}
	folder = mem_printf("%s/%s", corpus, name + strlen("replay_"));
	return run_folder(folder);
}
