/* SPDX-License-Identifier: Apache-2.0 */
/* What a mounted Secret file's mode becomes, and who can read it. */
#ifndef FLEET_MODES_H
#define FLEET_MODES_H

#include "base/arena.h"
#include "fleet/fleet.h"

#define MODE_REFUSED 0137 /* Pipelock does not start with a CA key that has any of these bits */
#define MODE_FS_GROUP 0440 /* what the kubelet adds to files of read-only volumes for an fsGroup */

/* The user of a container's process: the container's securityContext, then the pod's. */
struct mode_user {
	int64_t uid, gid; /* ID_UNSET: the image decides */
	int64_t fs_group; /* ID_UNSET */
	bool non_root; /* runAsNonRoot holds: whatever the image says, the uid is not 0 */
	bool in_root_group; /* supplementalGroups has 0 */
};

struct mode_user mode_user(const struct pod_spec *pod, const struct container *c);

/* The mode a file gets: its item's, else its volume's (defaultMode, 0644 when nobody set it). */
struct file_mode mode_declared(const struct volume *v, const struct volume_item *item); /* item may be NULL */

int mode_effective(struct file_mode declared, int64_t fs_group);

/*
 * Can the container's user read a CA key of this effective mode, and would Pipelock take it? The reason is in the
 * arena: "0400 root:root, no fsGroup: uid 65534 is neither owner nor group".
 */
enum secret_verdict mode_judge(struct arena *a, int effective, struct mode_user user, const char **reason);

#endif
