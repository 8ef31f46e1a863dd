/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/setup.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/sha256.h"
#include "base/str.h"
#include "base/text.h"
#include "base/vec.h"
#include "fleet/ca_key.h"
#include "fleet/config_map.h"
#include "fleet/config_source.h"
#include "fleet/image.h"
#include "fleet/mounted_file.h"

#define DEFAULT_LISTEN "127.0.0.1:8888"

struct builder {
	struct fleet *fleet;
	const struct workload *workload;
	struct pipelock *out;
	VEC(struct config_source) sources;
	VEC(struct secret_mount) secrets;
};

/* The port behind the last colon; 0 for what is no port number. */
static int
port_of(const char *listen)
{
	const char *colon = strrchr(listen, ':');
	int64_t n;

	if (!colon || !isdigit((unsigned char)colon[1]) || !str_i64(colon + 1, &n) || n < 1 || n > 65535)
		return 0;
	return (int)n;
}

static void
set_listen(struct pipelock *p, const char *option)
{
	const struct pipelock_config *c = &p->config;

	p->listen = option ? option : c->listen ? c->listen : DEFAULT_LISTEN;
	p->listen_known = option ? command_is_known(option) : setup_config_speaks(p);
	p->listen_port = p->listen_known ? port_of(p->listen) : 0;
	if (!p->listen_known)
		p->listen = DEFAULT_LISTEN;
}

static void
set_hash(struct builder *b, const struct config_sources *s)
{
	char hash[65];

	if (!s->text || !s->at[0].config_map || s->at[0].env)
		return; /* what a script makes of a variable need not be the same bytes */
	sha256_hex(s->text, s->len, hash);
	b->out->config_hash = arena_strdup(&b->fleet->arena, hash);
}

/* A file that some other kind of volume holds. */
static const char *
volume_words(struct arena *a, const struct volume *v)
{
	static const char *const kinds[] = {
		[VOLUME_EMPTY_DIR] = "an emptyDir, written when the pod starts",
		[VOLUME_HOST_PATH] = "a folder of the node",
		[VOLUME_PVC] = "a persistent volume",
	};

	for (size_t i = 0; i < v->n_sources; i++)
		if (v->sources[i].type == VOLUME_SECRET)
			return arena_printf(a, "Secret %s, which is never read",
					    v->sources[i].name ? v->sources[i].name : "?");
	if ((size_t)v->type < COUNT_OF(kinds) && kinds[v->type])
		return arena_printf(a, "volume %s, %s", v->name, kinds[v->type]);
	return arena_printf(a, "volume %s, which no object holds", v->name);
}

/* The text that is wanted of a ConfigMap and is not there, though nothing is missing. */
static const char *
map_words(struct builder *b, const struct config_source *s)
{
	struct arena *a = &b->fleet->arena;
	const struct config_map *map;

	switch (config_map_find(b->fleet, b->workload->namespace, s->config_map, &map)) {
	case PRESENCE_UNKNOWN:
		return NULL;
	case PRESENCE_MISSING:
		return arena_printf(a, "its config is to come from ConfigMap %s, which is optional and not there",
				    s->config_map);
	case PRESENCE_THERE:
		break;
	}
	if (s->key && config_map_key(map, s->key))
		return arena_printf(a, "key %s of ConfigMap %s, its config, is no text", s->key, s->config_map);
	if (s->mount && s->mount->sub_path_expr)
		return arena_printf(a, "which key of ConfigMap %s is its config depends on its subPathExpr",
				    s->config_map);
	return arena_printf(a, "ConfigMap %s, which is optional, has no key for its config", s->config_map);
}

static const char *
hidden_config(struct builder *b, const struct config_sources *s)
{
	const struct config_source *main = s->at;
	struct arena *a = &b->fleet->arena;

	if (s->text || s->missing || (!s->has_main && !s->unknown))
		return NULL;
	if (!s->has_main)
		return "which config it reads cannot be told from its command line";
	if (main->config_map)
		return map_words(b, main);
	if (main->env)
		return "its config comes out of its environment, from where it is not read";
	if (!main->mount)
		return arena_printf(a, "its config %s is in its image", main->path);
	if (!main->volume)
		return arena_printf(a, "its config %s is in volume %s, which no object holds", main->path,
				    main->mount->volume);
	return arena_printf(a, "its config %s is in %s", main->path, volume_words(a, main->volume));
}

static void
set_config(struct builder *b, const struct config_sources *s)
{
	struct pipelock *p = b->out;

	pipelock_config_parse(&b->fleet->arena, s->text ? s->text : "", s->len, &p->config);
	p->config_known = s->text || (!s->has_main && !s->unknown);
	p->config_unused = !s->has_main && !s->unknown && s->n;
	p->config_map_missing = s->missing;
	p->config_hidden = hidden_config(b, s);
	if (s->has_main && s->at[0].config_map)
		config_map_find(b->fleet, b->workload->namespace, s->at[0].config_map, &p->config_map);
	set_hash(b, s);
	p->mode_option = s->command.mode && command_is_known(s->command.mode) ? s->command.mode : NULL;
	set_listen(p, s->command.listen);
}

static const char *
ca_key_path(struct builder *b, const struct config_sources *s)
{
	const char *path = b->out->config.ca_key, *config = s->has_main ? s->at[0].path : NULL;

	if (!path || *path == '/' || !config)
		return path;
	/* relative to the config's folder */
	return path_join(&b->fleet->arena, path_join(&b->fleet->arena, config, ".."), path);
}

static void
add_container(struct builder *b, const struct container *c)
{
	struct arena *a = &b->fleet->arena;
	struct config_sources s = config_source_find(b->fleet, b->workload, c, a);
	const struct secret_mount *secrets;
	size_t n;

	for (size_t i = 0; i < s.n; i++)
		vec_push(&b->sources, s.at[i]);
	if (!b->out->container) {
		b->out->container = c;
		b->out->mount = s.unknown ? MOUNT_UNKNOWN : MOUNT_NONE;
		set_config(b, &s);
	}
	secrets = ca_key_find(b->fleet, b->workload, c, ca_key_path(b, &s), setup_config_speaks(b->out), a, &n);
	for (size_t i = 0; i < n; i++)
		vec_push(&b->secrets, secrets[i]);
}

static void
set_mount_type(struct pipelock *p)
{
	for (size_t i = 0; i < p->n_sources; i++) {
		enum mount_type type = config_source_type(&p->sources[i]);

		if (p->mount == MOUNT_NONE || p->mount == type)
			p->mount = type;
		else if (p->mount != MOUNT_UNKNOWN)
			p->mount = MOUNT_MIXED;
	}
}

const struct pipelock *
pipelock_setup(struct fleet *f, const struct workload *w)
{
	const struct pod_spec *spec = &w->template->spec;
	struct builder b = {.fleet = f, .workload = w, .out = ARENA_NEW(&f->arena, struct pipelock)};

	for (size_t i = 0; i < spec->n_containers; i++)
		if (container_is_pipelock(&spec->containers[i]))
			add_container(&b, &spec->containers[i]);
	b.out->sources = arena_copy(&f->arena, b.sources.at, b.sources.n * sizeof(b.sources.at[0]));
	b.out->n_sources = b.sources.n;
	b.out->secrets = arena_copy(&f->arena, b.secrets.at, b.secrets.n * sizeof(b.secrets.at[0]));
	b.out->n_secrets = b.secrets.n;
	set_mount_type(b.out);
	vec_free(&b.sources);
	vec_free(&b.secrets);
	return b.out->container ? b.out : NULL;
}

const struct config_source *
setup_config_mounts(const struct fleet *f, const struct workload *w, const struct container *c, struct arena *a,
		    size_t *n)
{
	struct config_sources s = config_source_find(f, w, c, a);
	struct config_source *at = ARENA_ARRAY(a, struct config_source, s.n);

	*n = 0;
	for (size_t i = 0; i < s.n; i++)
		if (s.at[i].mount)
			at[(*n)++] = s.at[i];
	return at;
}

bool
setup_config_speaks(const struct pipelock *p)
{
	return p->config_known && p->config.parsed;
}

static const char *
safe(const char *text, struct arena *a)
{
	AUTO(buf) struct buf out = {0};

	text_safe(&out, text, strlen(text));
	return arena_strdup(a, buf_str(&out));
}

static const char *
config_name(const struct pipelock *p, struct arena *a)
{
	const struct config_source *s = p->n_sources ? &p->sources[0] : NULL;
	const char *text = "its config";

	if (s && s->config_map && s->key)
		text = arena_printf(a, "key %s of ConfigMap %s", s->key, s->config_map);
	else if (s && s->config_map)
		text = arena_printf(a, "ConfigMap %s", s->config_map);
	return safe(text, a);
}

/* The key is opened only where TLS is intercepted; which one, only its config says. */
static const char *
secret_refusal(const struct pipelock *p, struct arena *a)
{
	if (!setup_config_speaks(p) || !p->config.tls_interception)
		return NULL;
	for (size_t i = 0; i < p->n_secrets; i++) {
		const struct secret_mount *s = &p->secrets[i];
		const char *path = safe(s->path, a);

		if (s->verdict == SECRET_EXPOSED)
			return arena_printf(a, "its CA key %s has mode %04o, and Pipelock starts with none that has a bit of 0137",
					    path, (unsigned)s->effective);
		if (s->verdict == SECRET_UNREADABLE)
			return arena_printf(a, "it cannot read its CA key %s: %s", path,
					    s->reason ? s->reason : "neither owner nor group is its own");
	}
	return NULL;
}

const char *
setup_refusal(const struct workload *w, struct arena *a)
{
	const struct pipelock *p = w->pipelock;

	if (!p)
		return NULL;
	if (p->config_map_missing)
		return arena_printf(a, "%s is not there, so that new pods would not start", config_name(p, a));
	if (p->config_known && p->config.problem)
		return arena_printf(a, "%s is no config that Pipelock accepts: %s", config_name(p, a), p->config.problem);
	return secret_refusal(p, a);
}
