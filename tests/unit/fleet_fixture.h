/* SPDX-License-Identifier: Apache-2.0 */
/* A fleet out of manifests that stand in a test, read as any other file. Include it behind cmocka.h. */
#ifndef TESTS_UNIT_FLEET_FIXTURE_H
#define TESTS_UNIT_FLEET_FIXTURE_H

#include <stdio.h>
#include <string.h>

#include "decode/files.h"
#include "fleet/fleet.h"

/* Namespace "a" where none is written. `gaps` are what could not be read. fleet_unref it. */
static inline struct fleet *
fixture_with_gaps(const char *yaml, const struct gap *gaps, size_t n_gaps)
{
	struct object_set set = {0};
	struct fleet_input in = {.objects = &set, .gaps = gaps, .n_gaps = n_gaps};
	struct fleet *f;
	struct err e;

	if (!files_read_memory("test.yaml", yaml, strlen(yaml), "a", &set, &e)) {
		fprintf(stderr, "%s\n", e.msg);
		fail();
	}
	f = fleet_new(&in);
	object_set_free(&set);
	return f;
}

static inline struct fleet *
fixture(const char *yaml)
{
	return fixture_with_gaps(yaml, NULL, 0);
}

/* The workload of that name in namespace "a", whatever its kind. */
static inline const struct workload *
fixture_workload(const struct fleet *f, const char *name)
{
	size_t n;
	const struct workload *at = fleet_namespace(f, "a", &n);

	for (size_t i = 0; i < n; i++)
		if (strcmp(at[i].name, name) == 0)
			return &at[i];
	fail();
	return NULL;
}

#endif
