/* SPDX-License-Identifier: Apache-2.0 */
/* A bare pod as somebody would create it again: its manifest made of what the server shows, and kept in a file. */
#ifndef KUBE_RECREATE_H
#define KUBE_RECREATE_H

#include <stddef.h>

#include "base/err.h"

/*
 * The pod's JSON without what the server owns or fills in: status, uid, managed fields, node, priority, ephemeral
 * containers. NULL and ERR_INPUT for what is no pod. free() it.
 */
char *recreate_manifest(const char *json, size_t len, struct err *e);
/*
 * Writes a manifest into a new file of that folder, which is made when it is not there; only its owner may read either,
 * for a manifest holds env values. Returns the path; free() it. NULL and ERR_OUTPUT.
 */
char *recreate_save(const char *folder, const char *namespace, const char *name, const char *manifest,
		    struct err *e);

#endif
