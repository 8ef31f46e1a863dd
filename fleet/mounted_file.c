/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/mounted_file.h"

#include <string.h>

#include "base/str.h"
#include "fleet/config_map.h"
#include "fleet/env.h"

const char *
path_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* Takes the last part off a path of parts that each begin with a slash. */
static void
drop_part(char *out, size_t *len)
{
	while (*len && out[*len - 1] != '/')
		--*len;
	if (*len)
		--*len;
}

char *
path_join(struct arena *a, const char *dir, const char *path)
{
	const char *s = *path == '/' ? path : arena_printf(a, "%s/%s", dir, path);
	char *out = arena_alloc(a, strlen(s) + 2);
	size_t len = 0;

	for (s += strspn(s, "/"); *s; s += strspn(s, "/")) {
		size_t n = strcspn(s, "/");

		if (n == 2 && memcmp(s, "..", 2) == 0) {
			drop_part(out, &len);
		} else if (n != 1 || *s != '.') {
			out[len++] = '/';
			memcpy(out + len, s, n);
			len += n;
		}
		s += n;
	}
	if (!len)
		out[len++] = '/';
	out[len] = '\0';
	return out;
}

/* What of path lies below dir: "" for dir itself, NULL when it is elsewhere. */
static const char *
below(const char *dir, const char *path)
{
	size_t len = strlen(dir);

	while (len && dir[len - 1] == '/')
		len--;
	if (strncmp(dir, path, len) != 0 || (path[len] && path[len] != '/'))
		return NULL;
	return path + len + (path[len] == '/');
}

/* The deepest mount that covers the path. */
static const struct volume_mount *
covering(const struct container *c, const char *path, const char **rest)
{
	const struct volume_mount *best = NULL;

	for (size_t i = 0; i < c->n_mounts; i++) {
		const char *r = below(c->mounts[i].path, path);

		if (r && (!best || strlen(c->mounts[i].path) > strlen(best->path))) {
			best = &c->mounts[i];
			*rest = r;
		}
	}
	return best;
}

bool
mount_has_sub_path(const struct volume_mount *m)
{
	return (m->sub_path && *m->sub_path) || (m->sub_path_expr && *m->sub_path_expr);
}

const char *
mount_sub_path(const struct fleet *f, const char *namespace, const struct container *c,
	       const struct volume_mount *m, struct arena *a)
{
	struct env_value v;

	if (m->sub_path && *m->sub_path)
		return m->sub_path;
	if (!m->sub_path_expr || !*m->sub_path_expr)
		return NULL;
	v = env_expand(f, namespace, c, m->sub_path_expr, a);
	return v.state == ENV_SET ? v.value : NULL;
}

struct place {
	const struct fleet *fleet;
	const char *namespace;
	const char *file; /* its path in the volume */
};

static const struct volume_item *
item_at(const struct volume_source *s, const char *file)
{
	for (size_t i = 0; i < s->n_items; i++)
		if (strcmp(s->items[i].path, file) == 0)
			return &s->items[i];
	return NULL;
}

/* How surely does this source, which mounts all of its keys, hold the file? 0: it does not. */
static int
likelihood(const struct place *p, const struct volume_source *s)
{
	const struct config_map *map;
	enum presence presence;

	if (s->has_items || s->type == VOLUME_OTHER || !s->name || strchr(p->file, '/'))
		return 0;
	if (s->type == VOLUME_SECRET)
		return 2; /* its keys are never read */
	presence = config_map_find(p->fleet, p->namespace, s->name, &map);
	if (presence == PRESENCE_THERE)
		return config_map_key(map, p->file) ? 4 : 1;
	return 3;
}

static void
find_source(const struct place *p, struct mounted_file *out)
{
	int best = 0;

	for (size_t i = 0; i < out->volume->n_sources; i++) {
		const struct volume_source *s = &out->volume->sources[i];
		const struct volume_item *item = s->has_items ? item_at(s, p->file) : NULL;
		int sure = item ? 5 : likelihood(p, s);

		if (sure < best || !sure) /* of two alike the later is written last */
			continue;
		best = sure;
		out->source = s;
		out->item = item;
		out->key = item ? item->key : p->file;
	}
}

struct mounted_file
mounted_file_find(const struct fleet *f, const char *namespace, const struct pod_spec *spec,
		  const struct container *c, const char *path, struct arena *a)
{
	struct mounted_file out = {.path = path_join(a, "/", path)};
	struct place p = {.fleet = f, .namespace = namespace};
	const char *rest = "";

	out.mount = covering(c, out.path, &rest);
	if (!out.mount)
		return out;
	out.volume = pod_spec_volume(spec, out.mount->volume);
	if (mount_has_sub_path(out.mount)) {
		const char *sub = mount_sub_path(f, namespace, c, out.mount, a);

		if (!sub)
			return out;
		rest = path_join(a, sub, rest);
		rest += *rest == '/';
	}
	if (str_starts(rest, "..data/"))
		rest += strlen("..data/");
	p.file = arena_strdup(a, rest);
	if (out.volume && *p.file)
		find_source(&p, &out);
	return out;
}

const char *
mounted_file_text(const struct fleet *f, const char *namespace, const struct mounted_file *file, size_t *len)
{
	const struct config_map *map;
	const struct config_key *key;

	if (!file->source || file->source->type != VOLUME_CONFIG_MAP ||
	    config_map_find(f, namespace, file->source->name, &map) != PRESENCE_THERE)
		return NULL;
	key = config_map_key(map, file->key);
	if (!key || !key->text)
		return NULL;
	*len = key->len;
	return key->text;
}
