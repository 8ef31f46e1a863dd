/* SPDX-License-Identifier: Apache-2.0 */
/* The file source: manifests, kubectl's output and snapshots; files, folders, standard input, gzip. */
#ifndef DECODE_FILES_H
#define DECODE_FILES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "fleet/object.h"

/*
 * Reads all paths in order. Folders are read recursively in sorted order: .yaml, .yml, .json, each also .gz; hidden
 * files and other names are passed over. A path that is named itself is read whatever its name is; "-" is standard
 * input. JSON and YAML are told apart by the first character that is not white space, YAML taking what is not JSON.
 * The same object twice: the last wins, with a warning in the set. Any damaged file, missing path or bad object is an
 * error that names it, and *out is left alone. A source without a single object of a known kind is not an error here.
 */
bool files_read(const char *const *paths, size_t n, const char *default_namespace, struct object_set *out,
		struct err *e) MUST_USE;

/* The same from bytes that are already here, such as the built-in demo. */
bool files_read_memory(const char *name, const void *data, size_t len, const char *default_namespace,
		       struct object_set *out, struct err *e) MUST_USE;

#endif
