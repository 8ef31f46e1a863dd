/* SPDX-License-Identifier: Apache-2.0 */
/* The CA keys that are mounted into a Pipelock container, and whether its user can read them. */
#ifndef FLEET_CA_KEY_H
#define FLEET_CA_KEY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "fleet/fleet.h"

/*
 * `path` is tls_interception.ca_key, NULL when the config names none; `config_read` tells whether it could. Where no
 * Secret holds a file of that path, Secret files that are called like a key are taken. A Secret that is mounted whole
 * shows no names: its own name, its volume's and the mount's path tell whether it looks like a CA. If not, it counts
 * only while the config was not read, with verdict unknown. Keys of Secrets are never read. In the arena.
 */
const struct secret_mount *ca_key_find(const struct fleet *f, const struct workload *w, const struct container *c,
				       const char *path, bool config_read, struct arena *a, size_t *n);

/* "ca-key.pem", "tls.key": is a file or a key of a Secret called like a private key? */
bool ca_key_is_name(const char *name);

#endif
