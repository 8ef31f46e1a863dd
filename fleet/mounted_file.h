/* SPDX-License-Identifier: Apache-2.0 */
/* Out of which volume, and of which ConfigMap or Secret in it, does a file of a container come? */
#ifndef FLEET_MOUNTED_FILE_H
#define FLEET_MOUNTED_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "fleet/fleet.h"

struct mounted_file {
	const char *path; /* in the container: absolute, without "." and ".." */
	const struct volume_mount *mount; /* NULL: the image's own file */
	const struct volume *volume; /* NULL also when the pod has no volume of the mount's name */
	const struct volume_source *source; /* that holds it; NULL when none is known to */
	const struct volume_item *item; /* that puts it there; NULL when all keys are mounted */
	const char *key; /* of the source */
};

/* A relative path is taken from the root, where Pipelock's image works. */
struct mounted_file mounted_file_find(const struct fleet *f, const char *namespace, const struct pod_spec *spec,
				      const struct container *c, const char *path, struct arena *a);

/* The text, when it comes out of a ConfigMap that was read; NULL otherwise. NUL-terminated. */
const char *mounted_file_text(const struct fleet *f, const char *namespace, const struct mounted_file *file,
			      size_t *len);

/* subPath, or subPathExpr expanded; NULL without either, and when the expression holds what is not known. */
const char *mount_sub_path(const struct fleet *f, const char *namespace, const struct container *c,
			   const struct volume_mount *m, struct arena *a);
bool mount_has_sub_path(const struct volume_mount *m);

/* dir and path joined, unless path is absolute; then "." and ".." and double slashes taken out. */
char *path_join(struct arena *a, const char *dir, const char *path);
const char *path_name(const char *path); /* what follows the last slash */

#endif
