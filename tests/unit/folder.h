/* SPDX-License-Identifier: Apache-2.0 */
/* An empty folder for a test or a group of them, as set-up and tear-down of either. Include it after cmocka.h. */
#ifndef TESTS_FOLDER_H
#define TESTS_FOLDER_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/attr.h"
#include "base/mem.h"

static char folder[64];

static inline int
folder_make(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/moat-test-XXXXXX");
	return mkdtemp(folder) ? 0 : -1;
}

/* With what is in it, whatever its modes. */
static inline int
folder_remove(void **state)
{
	AUTO(free) char *command = mem_printf("chmod -R u+w '%s' && rm -r '%s'", folder, folder);

	(void)state;
	return system(command);
}

/* Of a file in it; free it. */
static inline char *
folder_path(const char *name)
{
	return mem_printf("%s/%s", folder, name);
}

/* Writes such a file, and gives its path; free it. */
static inline char *
folder_file(const char *name, const char *text)
{
	char *path = folder_path(name);
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
	return path;
}

#endif
