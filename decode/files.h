/* SPDX-License-Identifier: Apache-2.0 */
/* The file source: manifests, kubectl's output and snapshots; files, folders, standard input, gzip. */
#ifndef DECODE_FILES_H
#define DECODE_FILES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/embed.h"
#include "base/err.h"
#include "fleet/object.h"

/*
 * Reads all paths in order. Folders are read recursively in sorted order: .yaml, .yml, .json, each also .gz; hidden
 * files, other names and what is no regular file are passed over, and a link that leads back to a folder is not
 * followed. A path that is named itself is read whatever it is; "-" is standard input, once.
 *
 * JSON and YAML are told apart by how they start: JSON is '[', or '{' and a quote. A file that starts so and is not
 * JSON is read as YAML if its name says so; standard input and other names cannot be started again.
 *
 * Kinds that the model does not keep are passed over. So is, in a folder and with a warning, a document that is no
 * Kubernetes object (a Helm chart's values, a JSON patch); in a file that was named it is an error, as for kubectl.
 *
 * The same object twice: the last wins, with a warning in the set. Any damaged file, missing path or bad object is an
 * error that names it, and *out is left alone; on success it is overwritten, so hand in an empty set. A source
 * without a single object of a known kind is not an error here. default_namespace is only used during the call.
 */
bool files_read(const char *const *paths, size_t n, const char *default_namespace, struct object_set *out,
		struct err *e) MUST_USE;

/* The same from bytes that are already here, such as the built-in demo. */
bool files_read_memory(const char *name, const void *data, size_t len, const char *default_namespace,
		       struct object_set *out, struct err *e) MUST_USE;

/* The same from files that are compiled in, all of them together. */
bool files_read_embedded(const struct embedded_file *files, const char *default_namespace, struct object_set *out,
			 struct err *e) MUST_USE;

#endif
