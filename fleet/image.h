/* SPDX-License-Identifier: Apache-2.0 */
/* Image references taken apart, and what is known of names: helpers, VPNs, browsers, Pipelock itself. */
#ifndef FLEET_IMAGE_H
#define FLEET_IMAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "fleet/workload.h"

/* Slices of the reference; a registry's port is not taken for a tag. Missing parts have length 0. */
struct image_ref {
	const char *repository; /* everything before tag and digest */
	size_t repository_len;
	const char *name; /* the last path part: "pipelock" */
	size_t name_len;
	const char *tag;
	size_t tag_len;
	const char *digest; /* "sha256:..." */
	size_t digest_len;
};

struct image_ref image_parse(const char *image);
bool image_is(const char *image, const char *name); /* is the last path part this name? */

enum known_group { KNOWN_HELPER, KNOWN_VPN, KNOWN_BROWSER, KNOWN_GROUPS };

/* One row of the lists that `moat rules --lists` prints: a glob for the image's last path part or the container's
 * name. */
struct known {
	enum known_group group;
	const char *glob;
	const char *what; /* "log shipper" */
};

const struct known *known_list(size_t *n);
const char *known_group_name(enum known_group group);
/* The row that a container falls under, or NULL. */
const struct known *known_find(enum known_group group, const struct container *c);
bool known_has(enum known_group group, const struct container *c); /* is there one? */

/*
 * Pipelock is recognised by what a container runs: its name or its image's last path part is `pipelock` and it is a
 * main container or a native sidecar; or it runs a copied binary: command or args start a program named pipelock with
 * `run`. A container that wraps a tool with another of its commands (pipelock mcp, pipelock exec) is not, nor is an
 * init container that only copies the binary.
 */
bool container_is_pipelock(const struct container *c);
/*
 * What container_is_pipelock and known_has find, for container.sorts: nearly every rule asks, and a container does not change. Wants
 * all of the container but that. Never 0.
 */
unsigned char container_sorts(const struct container *c);

#endif
