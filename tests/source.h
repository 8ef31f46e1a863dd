/* SPDX-License-Identifier: Apache-2.0 */
/* Where tests find the files of the source folder. */
#ifndef TESTS_SOURCE_H
#define TESTS_SOURCE_H

#include <stdlib.h>

#include "base/mem.h"

/* Of a name below that folder; free it. make gives the folder; who runs a test by hand stands in it. */
static inline char *
source_path(const char *name)
{
	const char *srcdir = getenv("srcdir");

	return mem_printf("%s/%s", srcdir ? srcdir : ".", name);
}

#endif
