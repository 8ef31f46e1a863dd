/* SPDX-License-Identifier: Apache-2.0 */
/*
 * As measured on kubelet 1.36: Secret, ConfigMap and projected files belong to root, whatever runAsUser says; with an
 * fsGroup their group is that group and their mode gains 0440; without one their group is 0. A uid that the image does
 * not know gets gid 0, one that it knows the gid of its entry.
 */
#include "fleet/modes.h"

#include <inttypes.h>

#define DEPENDS_ON_GID "%s: readable if the image gives %s gid 0, as it does for a uid it does not know"
#define NO_MEMBER "%s: %s with gid %" PRId64 " is neither owner nor group"

struct mode_user
mode_user(const struct pod_spec *pod, const struct container *c)
{
	const struct security *own = &c->security, *all = &pod->security;
	struct mode_user u = {.fs_group = pod->fs_group};

	u.uid = own->run_as_user != ID_UNSET ? own->run_as_user : all->run_as_user;
	u.gid = own->run_as_group != ID_UNSET ? own->run_as_group : all->run_as_group;
	u.non_root = (own->run_as_non_root >= 0 ? own->run_as_non_root : all->run_as_non_root) == 1;
	for (size_t i = 0; i < pod->n_supplemental_groups; i++)
		u.in_root_group |= pod->supplemental_groups[i] == 0;
	return u;
}

struct file_mode
mode_declared(const struct volume *v, const struct volume_item *item)
{
	return item && item->mode.set ? item->mode : v->default_mode;
}

int
mode_effective(struct file_mode declared, int64_t fs_group)
{
	return (declared.value & 0777) | (fs_group != ID_UNSET ? MODE_FS_GROUP : 0);
}

/* "uid 65534", "the user" */
static const char *
who(struct arena *a, struct mode_user u)
{
	if (u.uid != ID_UNSET)
		return arena_printf(a, "uid %" PRId64, u.uid);
	return u.non_root ? "a user that is not root" : "the image's user";
}

/* "0440 root:2000" */
static const char *
file(struct arena *a, int mode, struct mode_user u)
{
	if (u.fs_group == ID_UNSET)
		return arena_printf(a, "%04o root:root, no fsGroup", (unsigned)mode);
	return arena_printf(a, "%04o root:%" PRId64, (unsigned)mode, u.fs_group);
}

static const char *
refused_bits(int mode)
{
	if (mode & 0004)
		return "everybody can read it";
	if (mode & 0022)
		return mode & 0002 ? "everybody can write it" : "its group can write it";
	return "it is executable";
}

static enum secret_verdict
say(const char **reason, const char *text, enum secret_verdict verdict)
{
	*reason = text;
	return verdict;
}

/* The group bit is set and there is no fsGroup, so the group is 0: is the process in it? */
static enum secret_verdict
judge_root_group(struct arena *a, const char *mode, struct mode_user u, const char **reason)
{
	if (u.gid == 0 || u.in_root_group)
		return say(reason, arena_printf(a, "%s: %s is in group 0", mode, who(a, u)), SECRET_OK);
	if (u.gid == ID_UNSET && u.uid == ID_UNSET)
		return say(reason, arena_printf(a, "%s: readable if the image's user has gid 0", mode),
			   SECRET_DEPENDS);
	if (u.gid == ID_UNSET)
		return say(reason, arena_printf(a, DEPENDS_ON_GID, mode, who(a, u)), SECRET_DEPENDS);
	if (u.uid == ID_UNSET && !u.non_root)
		return say(reason, arena_printf(a, "%s: readable if the image's user is root", mode),
			   SECRET_DEPENDS);
	return say(reason, arena_printf(a, NO_MEMBER, mode, who(a, u), u.gid), SECRET_UNREADABLE);
}

enum secret_verdict
mode_judge(struct arena *a, int effective, struct mode_user u, const char **reason)
{
	const char *mode = file(a, effective, u);

	if (effective & MODE_REFUSED)
		return say(reason, arena_printf(a, "%s: %s, which Pipelock refuses", mode, refused_bits(effective)),
			   SECRET_EXPOSED);
	if (u.uid == 0)
		return say(reason, arena_printf(a, "%s: uid 0 owns it", mode), SECRET_OK);
	if (effective & 0040) {
		if (u.fs_group != ID_UNSET)
			return say(reason, arena_printf(a, "%s: readable by the fsGroup", mode), SECRET_OK);
		return judge_root_group(a, mode, u, reason);
	}
	if (u.uid == ID_UNSET && !u.non_root)
		return say(reason, arena_printf(a, "%s: readable if the image's user is root", mode),
			   SECRET_DEPENDS);
	return say(reason, arena_printf(a, "%s: %s is neither owner nor group", mode, who(a, u)),
		   SECRET_UNREADABLE);
}
