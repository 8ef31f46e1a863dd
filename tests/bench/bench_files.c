/* SPDX-License-Identifier: Apache-2.0 */
/* The file source alone: objects, time, memory, and what an object of each kind takes. */
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "base/attr.h"
#include "decode/files.h"

struct tally {
	const char *kind;
	size_t n, bytes;
};

static void
count(struct tally *all, size_t n, const struct object *o)
{
	for (size_t i = 0; i < n; i++) {
		if (!all[i].kind)
			all[i].kind = o->kind;
		if (strcmp(all[i].kind, o->kind) != 0)
			continue;
		all[i].n++;
		all[i].bytes += arena_size(&o->memory);
		return;
	}
}

int
main(int argc, char **argv)
{
	struct object_set set = {0};
	struct tally kinds[16] = {0};
	struct rusage usage;
	struct err e;

	if (!files_read((const char *const *)argv + 1, (size_t)argc - 1, NULL, &set, &e)) {
		fprintf(stderr, "%s\n", e.msg);
		return 1;
	}
	getrusage(RUSAGE_SELF, &usage);
	printf("%zu objects, %zu warnings, %.2f s of CPU, at most %ld MB\n", set.n, set.n_warnings,
	       (double)clock() / CLOCKS_PER_SEC, usage.ru_maxrss / 1024);
	for (size_t i = 0; i < set.n; i++)
		count(kinds, COUNT_OF(kinds), set.at[i]);
	for (size_t i = 0; i < COUNT_OF(kinds) && kinds[i].kind; i++)
		printf("%-14s %7zu of %6zu bytes\n", kinds[i].kind, kinds[i].n, kinds[i].bytes / kinds[i].n);
	object_set_free(&set);
	return 0;
}
