/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/ca_key.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "base/vec.h"
#include "fleet/modes.h"
#include "fleet/mounted_file.h"

struct finder {
	const struct fleet *fleet;
	const struct workload *workload;
	const struct container *container;
	bool config_read;
	struct arena *arena;
	VEC(struct secret_mount) found;
};

bool
ca_key_is_name(const char *name)
{
	static const char *const globs[] = {"*.key",	   "*-key.pem", "*_key.pem", "*.key.pem", "key.pem",
					    "private.pem", "*-key",	"*_key",     "cakey.pem", "cakey"};

	for (size_t i = 0; i < COUNT_OF(globs); i++)
		if (str_glob(globs[i], name))
			return true;
	return false;
}

/* Is the name that of a Secret, volume or folder with a CA in it? Words between dashes count: "pipelock-ca". */
static bool
looks_like_ca(const char *name)
{
	static const char *const words[] = {"ca", "tls", "mitm", "cert", "certs", "pki", "cacert", "rootca"};

	for (size_t i = 0; name && i < COUNT_OF(words); i++)
		if (str_has_word(name, words[i]))
			return true;
	return false;
}

static void
add(struct finder *f, const struct mounted_file *file, const char *key)
{
	struct mode_user user = mode_user(&f->workload->template->spec, f->container);
	struct secret_mount m = {
		.container = f->container,
		.volume = file->volume,
		.mount = file->mount,
		.secret = file->source->name,
		.key = key,
		.path = file->path,
		.declared = mode_declared(file->volume, file->item),
		.run_as_user = user.uid,
		.run_as_group = user.gid,
		.fs_group = user.fs_group,
	};

	m.effective = mode_effective(m.declared, user.fs_group);
	m.verdict = mode_judge(f->arena, m.effective, user, &m.reason);
	vec_push(&f->found, m);
}

static void
add_path(struct finder *f, const char *path)
{
	const struct workload *w = f->workload;
	struct mounted_file file =
		mounted_file_find(f->fleet, w->namespace, &w->template->spec, f->container, path, f->arena);

	if (file.source && file.source->type == VOLUME_SECRET)
		add(f, &file, file.key);
}

/* A Secret mounted whole: all of its files have one mode, so the verdict needs no name. */
static void
add_whole(struct finder *f, const struct volume_mount *m, const struct volume *v, const struct volume_source *s)
{
	struct mounted_file file = {.path = m->path, .mount = m, .volume = v, .source = s};

	if (looks_like_ca(s->name) || looks_like_ca(v->name) || looks_like_ca(m->path)) {
		add(f, &file, NULL);
	} else if (!f->config_read) {
		add(f, &file, NULL);
		f->found.at[f->found.n - 1].verdict = SECRET_UNKNOWN;
		f->found.at[f->found.n - 1].reason =
			"the config was not read, and the names of the Secret's files are not known";
	}
}

static void
look_into_mount(struct finder *f, const struct volume_mount *m)
{
	const struct volume *v = pod_spec_volume(&f->workload->template->spec, m->volume);

	for (size_t i = 0; v && i < v->n_sources; i++) {
		const struct volume_source *s = &v->sources[i];

		if (s->type != VOLUME_SECRET || !s->name)
			continue;
		if (mount_has_sub_path(m)) {
			if (ca_key_is_name(path_name(m->path)) ||
			    (m->sub_path && ca_key_is_name(path_name(m->sub_path))))
				add_path(f, m->path);
			continue;
		}
		for (size_t j = 0; j < s->n_items; j++)
			if (ca_key_is_name(s->items[j].key) || ca_key_is_name(path_name(s->items[j].path)))
				add_path(f, path_join(f->arena, m->path, s->items[j].path));
		if (!s->has_items)
			add_whole(f, m, v, s);
	}
}

const struct secret_mount *
ca_key_find(const struct fleet *fleet, const struct workload *w, const struct container *c, const char *path,
	    bool config_read, struct arena *a, size_t *n)
{
	struct finder f = {.fleet = fleet, .workload = w, .container = c, .config_read = config_read, .arena = a};
	const struct secret_mount *out;

	if (path)
		add_path(&f, path);
	for (size_t i = 0; i < c->n_mounts && !(path && f.found.n); i++)
		look_into_mount(&f, &c->mounts[i]);
	*n = f.found.n;
	out = arena_copy(a, f.found.at, *n * sizeof(*out));
	vec_free(&f.found);
	return out;
}
