/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `pipelock run` reads the file that --config names and no other: without it, it runs with built-in defaults, whatever
 * is mounted (internal/cli/runtime of Pipelock 2.3). Where the command line is not to be seen, a mounted file that is
 * called like a config is taken for the one that is read.
 */
#include "fleet/config_source.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "base/vec.h"
#include "fleet/config_map.h"
#include "fleet/env.h"
#include "fleet/image.h"
#include "fleet/mounted_file.h"

#define CONFIG_DIR "/etc/pipelock"

struct finder {
	const struct fleet *fleet;
	const struct pod_spec *spec;
	const struct container *container;
	const char *namespace;
	struct arena *arena;
	VEC(struct config_source) mounted, from_env;
};

/* ---- names ---- */

static bool
is_yaml_name(const char *name)
{
	return str_ends(name, ".yaml") || str_ends(name, ".yml");
}

static bool
is_config_name(const char *name)
{
	return is_yaml_name(name) && str_has(name, "pipelock");
}

static bool
is_config_dir(const char *dir)
{
	return strcmp(dir, CONFIG_DIR) == 0 || str_starts(dir, CONFIG_DIR "/");
}

/* A file of that name, in a folder of that path. */
static bool
looks_like_config(const char *dir, const char *name)
{
	return is_config_name(name) || (is_config_dir(dir) && is_yaml_name(name));
}

/* PIPELOCK_CONFIG_YAML and its like. */
static bool
is_config_variable(const char *name)
{
	return str_has(name, "PIPELOCK") && str_has(name, "CONFIG");
}

static bool
names_a_path(const char *variable)
{
	return str_ends(variable, "_PATH") || str_ends(variable, "_FILE") || str_ends(variable, "_DIR");
}

/* A config, as opposed to the path of one. */
static bool
looks_like_yaml(const char *text)
{
	return strchr(text, '\n') || strstr(text, ": ");
}

/* ---- mounted files ---- */

static struct config_source
source_of(const struct finder *f, const struct mounted_file *file)
{
	struct config_source s = {
		.container = f->container,
		.mount = file->mount,
		.volume = file->volume,
		.path = file->path,
	};

	if (file->source) {
		s.optional = file->source->optional;
		s.config_map = file->source->type == VOLUME_CONFIG_MAP ? file->source->name : NULL;
		s.key = s.config_map ? file->key : NULL;
	} else if (file->volume && file->volume->n_sources == 1 &&
		   file->volume->sources[0].type == VOLUME_CONFIG_MAP) {
		s.config_map = file->volume->sources[0].name;
		s.optional = file->volume->sources[0].optional;
	}
	return s;
}

static struct config_source
source_at(const struct finder *f, const char *path)
{
	struct mounted_file file = mounted_file_find(f->fleet, f->namespace, f->spec, f->container, path, f->arena);

	return source_of(f, &file);
}

static void
add_mounted(struct finder *f, const char *dir, const char *name)
{
	struct config_source s = source_at(f, path_join(f->arena, dir, name));

	for (size_t i = 0; i < f->mounted.n; i++)
		if (strcmp(f->mounted.at[i].path, s.path) == 0)
			return;
	vec_push(&f->mounted, s);
}

static void
look_into_map(struct finder *f, const struct volume_mount *m, const struct volume_source *s)
{
	const struct config_map *map;

	if (config_map_find(f->fleet, f->namespace, s->name, &map) != PRESENCE_THERE) {
		if (is_config_dir(m->path)) /* missing, or not read: as everybody calls it */
			add_mounted(f, m->path, "pipelock.yaml");
		return;
	}
	for (size_t i = 0; i < map->n_keys; i++)
		if (looks_like_config(m->path, map->keys[i].key))
			add_mounted(f, m->path, map->keys[i].key);
}

static void
look_into_source(struct finder *f, const struct volume_mount *m, const struct volume_source *s)
{
	for (size_t i = 0; i < s->n_items; i++)
		if (looks_like_config(m->path, path_name(s->items[i].path)))
			add_mounted(f, m->path, s->items[i].path);
	if (!s->has_items && s->type == VOLUME_CONFIG_MAP && s->name)
		look_into_map(f, m, s);
}

static void
look_into_mount(struct finder *f, const struct volume_mount *m)
{
	const struct volume *v = pod_spec_volume(f->spec, m->volume);

	if (mount_has_sub_path(m)) {
		const char *sub = mount_sub_path(f->fleet, f->namespace, f->container, m, f->arena);
		const char *dir = path_join(f->arena, m->path, "..");

		if (looks_like_config(dir, path_name(m->path)) || (sub && is_config_name(path_name(sub))))
			add_mounted(f, dir, path_name(m->path));
		return;
	}
	for (size_t i = 0; v && i < v->n_sources; i++)
		look_into_source(f, m, &v->sources[i]);
}

/* ---- the environment ---- */

static void
add_from_env(struct finder *f, const char *config_map, const char *key, bool optional)
{
	vec_push(&f->from_env, (struct config_source){.container = f->container,
						      .config_map = config_map,
						      .key = key,
						      .optional = optional,
						      .env = true});
}

static bool
carries_config(struct finder *f, const struct env_var *e)
{
	bool named = is_config_variable(e->name);
	struct env_value v;

	if ((e->source == ENV_CONFIG_MAP || e->source == ENV_SECRET) &&
	    (is_config_name(e->key) || (str_has(e->ref, "pipelock") && is_yaml_name(e->key))))
		return true;
	if (!named || (e->source != ENV_LITERAL && e->source != ENV_CONFIG_MAP && e->source != ENV_SECRET))
		return false;
	v = env_lookup(f->fleet, f->namespace, f->container, e->name, f->arena);
	return v.state == ENV_SET ? looks_like_yaml(v.value) : !names_a_path(e->name);
}

static void
look_into_env_from(struct finder *f, const struct env_from *from)
{
	const struct config_map *map;

	if (!from->config_map)
		return;
	if (config_map_find(f->fleet, f->namespace, from->config_map, &map) != PRESENCE_THERE) {
		if (str_has(from->config_map, "pipelock") && str_has(from->config_map, "config"))
			add_from_env(f, from->config_map, NULL, from->optional);
		return;
	}
	for (size_t i = 0; i < map->n_keys; i++) {
		const struct config_key *k = &map->keys[i];

		if (k->text && (is_config_name(k->key) ||
				(is_config_variable(arena_printf(f->arena, "%s%s", from->prefix, k->key)) &&
				 looks_like_yaml(k->text))))
			add_from_env(f, from->config_map, k->key, from->optional);
	}
}

static void
look_into_env(struct finder *f)
{
	const struct container *c = f->container;

	for (size_t i = 0; i < c->n_env; i++) {
		const struct env_var *e = &c->env[i];
		bool map = e->source == ENV_CONFIG_MAP;

		if (carries_config(f, e))
			add_from_env(f, map ? e->ref : NULL, map ? e->key : NULL, e->optional);
	}
	for (size_t i = 0; i < c->n_env_from; i++)
		look_into_env_from(f, &c->env_from[i]);
}

/* ---- the command line ---- */

static const char *
variable(void *ctx, const char *name)
{
	const struct finder *f = ctx;
	struct env_value v = env_lookup(f->fleet, f->namespace, f->container, name, f->arena);

	return v.state == ENV_SET ? v.value : NULL;
}

static const char *
file_text(void *ctx, const char *path)
{
	const struct finder *f = ctx;
	struct mounted_file file = mounted_file_find(f->fleet, f->namespace, f->spec, f->container, path, f->arena);
	size_t len;

	return mounted_file_text(f->fleet, f->namespace, &file, &len);
}

/* command and args as the kubelet starts them. What it cannot be known to put in stays as it is written. */
static struct pipelock_command
read_command(struct finder *f)
{
	const struct shell_host around = {.ctx = f, .variable = variable, .file = file_text};
	size_t n;
	const char *const *raw = command_line(f->arena, f->container, &n);
	const char **argv = ARENA_ARRAY(f->arena, const char *, n);

	for (size_t i = 0; i < n; i++) {
		argv[i] = raw[i];
		if (strstr(raw[i], "$(")) {
			struct env_value v = env_expand(f->fleet, f->namespace, f->container, raw[i], f->arena);

			argv[i] = v.state == ENV_SET ? v.value : raw[i];
		}
	}
	return command_pipelock(f->arena, f->container, argv, n, &around);
}

/* ---- which one is read ---- */

static const struct config_source *
likeliest(const struct finder *f)
{
	for (size_t i = 0; i < f->mounted.n; i++)
		if (strcmp(path_name(f->mounted.at[i].path), "pipelock.yaml") == 0)
			return &f->mounted.at[i];
	if (f->mounted.n)
		return &f->mounted.at[0];
	return f->from_env.n ? &f->from_env.at[0] : NULL;
}

/* A file that no ConfigMap or Secret holds was written by somebody: out of the environment, if a config is there. */
static bool
is_written(const struct config_source *s)
{
	return !s->mount || (s->volume && s->volume->n_sources == 0);
}

static bool
named_by_path(struct finder *f, const char *path, struct config_source *out)
{
	bool is_stream = strcmp(path, "-") == 0 || strcmp(path, "/dev/stdin") == 0;
	struct config_source s = source_at(f, path);

	if ((is_stream || is_written(&s)) && f->from_env.n)
		*out = f->from_env.at[0];
	else if (is_stream)
		return false;
	else
		*out = s;
	return true;
}

/* An image of somebody's own may take the path from its environment. */
static const char *
path_from_env(struct finder *f)
{
	static const char *const names[] = {"PIPELOCK_CONFIG", "PIPELOCK_CONFIG_FILE", "PIPELOCK_CONFIG_PATH"};

	for (size_t i = 0; i < COUNT_OF(names); i++) {
		const char *path = variable(f, names[i]);

		if (path && *path == '/' && !looks_like_yaml(path))
			return path;
	}
	return NULL;
}

/* Pipelock's own image, started as it comes: `run --listen 0.0.0.0:8888`. */
static bool
is_stock(const struct container *c)
{
	return !c->n_command && !c->n_args && image_is(c->image, "pipelock");
}

/* Fills *main and answers whether one is read; *unknown when that cannot be told. */
static bool
choose(struct finder *f, struct pipelock_command *command, struct config_source *main, bool *unknown)
{
	const char *path = command->config;
	const struct config_source *guess;

	if (!path && (command->use == PIPELOCK_RUN || command->use == PIPELOCK_BESIDE))
		return false;
	if (!path && command->use == PIPELOCK_UNSEEN)
		path = path_from_env(f);
	if (path && command_is_known(path)) {
		*unknown = !named_by_path(f, path, main);
		return !*unknown;
	}
	guess = likeliest(f);
	if (guess) {
		*main = *guess;
		return true;
	}
	*unknown = path || !is_stock(f->container);
	if (!*unknown && !command->listen)
		command->listen = "0.0.0.0:8888";
	return false;
}

/* The same one, or a file that lies beside it in one mount. */
static bool
same(const struct config_source *a, const struct config_source *b)
{
	if (a->env || b->env)
		return a->env == b->env && str_eq(a->config_map, b->config_map) && str_eq(a->key, b->key);
	return a->mount == b->mount;
}

/* The text of a config that stands in the environment as a literal. */
static const char *
literal_config(struct finder *f)
{
	for (size_t i = 0; i < f->container->n_env; i++) {
		const struct env_var *e = &f->container->env[i];

		if (e->source == ENV_LITERAL && carries_config(f, e))
			return variable(f, e->name);
	}
	return NULL;
}

/* A subPathExpr that only the kubelet can expand leads to a key that is not known. */
static bool
is_hidden(struct finder *f, const struct config_source *s)
{
	return s->mount && mount_has_sub_path(s->mount) &&
	       !mount_sub_path(f->fleet, f->namespace, f->container, s->mount, f->arena);
}

static void
read_main(struct finder *f, struct config_sources *out)
{
	const struct config_source *s = &out->at[0];
	const struct config_map *map;
	const struct config_key *key;

	if (!s->config_map) {
		out->text = s->env ? literal_config(f) : NULL;
		out->len = out->text ? strlen(out->text) : 0;
		return;
	}
	switch (config_map_find(f->fleet, f->namespace, s->config_map, &map)) {
	case PRESENCE_THERE:
		key = s->key ? config_map_key(map, s->key) : NULL;
		out->text = key ? key->text : NULL;
		out->len = key ? key->len : 0;
		out->missing = !key && !s->optional && !is_hidden(f, s);
		break;
	case PRESENCE_MISSING:
		out->missing = !s->optional;
		break;
	case PRESENCE_UNKNOWN:
		break;
	}
}

static void
collect(struct finder *f, const struct config_source *main, struct config_sources *out)
{
	struct config_source *at = ARENA_ARRAY(f->arena, struct config_source, 1 + f->mounted.n + f->from_env.n);

	out->at = at;
	if (main)
		at[out->n++] = *main;
	for (size_t i = 0; i < f->mounted.n; i++)
		if (!main || !same(main, &f->mounted.at[i]))
			at[out->n++] = f->mounted.at[i];
	for (size_t i = 0; i < f->from_env.n; i++)
		if (!main || !same(main, &f->from_env.at[i]))
			at[out->n++] = f->from_env.at[i];
}

struct config_sources
config_source_find(const struct fleet *fleet, const struct workload *w, const struct container *c, struct arena *a)
{
	struct finder f = {
		.fleet = fleet, .spec = &w->template->spec, .container = c, .namespace = w->namespace, .arena = a};
	struct config_sources out = {0};
	struct config_source main;

	for (size_t i = 0; i < c->n_mounts; i++)
		look_into_mount(&f, &c->mounts[i]);
	look_into_env(&f);
	out.command = read_command(&f);
	out.has_main = choose(&f, &out.command, &main, &out.unknown);
	collect(&f, out.has_main ? &main : NULL, &out);
	if (out.has_main)
		read_main(&f, &out);
	vec_free(&f.mounted);
	vec_free(&f.from_env);
	return out;
}

enum mount_type
config_source_type(const struct config_source *s)
{
	if (s->env)
		return MOUNT_ENV;
	if (!s->mount)
		return MOUNT_IMAGE;
	return mount_has_sub_path(s->mount) ? MOUNT_SUBPATH : MOUNT_DIRECTORY;
}
