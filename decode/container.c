/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/str.h"
#include "decode/kinds.h"
#include "fleet/image.h"

#define MAX_PORT 65535

static const struct {
	const char *key;
	enum env_source source;
	const char *ref, *part; /* the members that name the object, and the part of it */
} env_sources[] = {
	{"configMapKeyRef", ENV_CONFIG_MAP, "name", "key"},
	{"secretKeyRef", ENV_SECRET, "name", "key"},
	{"fieldRef", ENV_FIELD, NULL, "fieldPath"},
	{"resourceFieldRef", ENV_RESOURCE, NULL, NULL},
};

static void
decode_value_from(struct decoder *d, const struct node *from, struct env_var *v)
{
	v->source = ENV_OTHER;
	for (size_t i = 0; i < COUNT_OF(env_sources); i++) {
		const struct node *source = field_map(d, from, env_sources[i].key);

		if (!source)
			continue;
		v->source = env_sources[i].source;
		if (env_sources[i].part)
			v->key = field_str_or(d, source, env_sources[i].part, "");
		if (env_sources[i].ref) {
			v->ref = field_str_or(d, source, env_sources[i].ref, "");
			v->optional = field_bool(d, source, "optional", false);
		}
		return;
	}
}

static void
decode_env(struct decoder *d, const struct node *container, struct container *c)
{
	const struct node *list = field_maps(d, container, "env");
	struct env_var *at = FIELD_ARRAY(d, struct env_var, node_count(list));

	c->env = at;
	node_each(n, list) {
		const struct node *from = field_map(d, n, "valueFrom");
		struct env_var *v = &at[c->n_env++];

		v->line = n->line;
		v->name = field_need(d, n, "name");
		if (from)
			decode_value_from(d, from, v);
		else
			v->value = field_str_or(d, n, "value", "");
	}
}

static void
decode_env_from(struct decoder *d, const struct node *container, struct container *c)
{
	const struct node *list = field_maps(d, container, "envFrom");
	struct env_from *at = FIELD_ARRAY(d, struct env_from, node_count(list));

	c->env_from = at;
	node_each(n, list) {
		const struct node *map = field_map(d, n, "configMapRef"), *secret = field_map(d, n, "secretRef");

		if (!map && !secret)
			continue; /* a source of a newer Kubernetes */
		at[c->n_env_from++] = (struct env_from){
			.prefix = field_str_or(d, n, "prefix", ""),
			.config_map = map ? field_str_or(d, map, "name", "") : NULL,
			.secret = map ? NULL : field_str_or(d, secret, "name", ""),
			.optional = field_bool(d, map ? map : secret, "optional", false),
			.line = n->line,
		};
	}
}

static const char *
decode_mount_path(struct decoder *d, const struct node *mount)
{
	const char *path = field_str_or(d, mount, "mountPath", "");
	size_t len = strlen(path);

	if (len < 2 || path[len - 1] != '/')
		return path;
	while (len > 1 && path[len - 1] == '/')
		len--;
	return arena_strndup(d->arena, path, len);
}

/* An empty subPath means the volume's root, like none. */
static const char *
decode_sub_path(struct decoder *d, const struct node *mount, const char *key)
{
	const char *path = field_str_or(d, mount, key, "");

	return *path ? path : NULL;
}

static void
decode_mounts(struct decoder *d, const struct node *container, struct container *c)
{
	const struct node *list = field_maps(d, container, "volumeMounts");
	struct volume_mount *at = FIELD_ARRAY(d, struct volume_mount, node_count(list));

	c->mounts = at;
	node_each(n, list)
		at[c->n_mounts++] = (struct volume_mount){
			.volume = field_str_or(d, n, "name", ""),
			.path = decode_mount_path(d, n),
			.sub_path = decode_sub_path(d, n, "subPath"),
			.sub_path_expr = decode_sub_path(d, n, "subPathExpr"),
			.read_only = field_bool(d, n, "readOnly", false),
			.line = n->line,
		};
}

static void
decode_ports(struct decoder *d, const struct node *container, struct container *c)
{
	const struct node *list = field_maps(d, container, "ports");
	struct container_port *at = FIELD_ARRAY(d, struct container_port, node_count(list));

	c->ports = at;
	node_each(n, list)
		at[c->n_ports++] = (struct container_port){
			.name = field_str(d, n, "name"),
			.protocol = field_str_or(d, n, "protocol", "TCP"),
			.port = (int)field_int(d, n, "containerPort", 0, 1, MAX_PORT),
		};
}

static void
decode_container(struct decoder *d, const struct node *n, enum container_class class, struct container *c)
{
	/* A native sidecar: started before the main containers, and never waited for. */
	if (class == CONTAINER_INIT && str_eq(node_get_str(n, "restartPolicy"), "Always"))
		class = CONTAINER_SIDECAR;
	c->class = class;
	c->line = n->line;
	c->image_line = field_line(n, "image");
	c->name = field_need(d, n, "name");
	c->image = field_str_or(d, n, "image", "");
	if (!*c->image)
		pod_decode_incomplete(d, n, "image");
	c->command = field_strs(d, n, "command", &c->n_command);
	c->args = field_strs(d, n, "args", &c->n_args);
	decode_env(d, n, c);
	decode_env_from(d, n, c);
	decode_mounts(d, n, c);
	decode_ports(d, n, c);
	c->security = pod_decode_security(d, n);
	c->sorts = container_sorts(c);
}

static const struct {
	const char *key;
	enum container_class class;
} lists[] = {
	{"initContainers", CONTAINER_INIT},
	{"containers", CONTAINER_MAIN},
	{"ephemeralContainers", CONTAINER_EPHEMERAL},
};

void
container_decode_all(struct decoder *d, const struct node *pod_spec, struct pod_spec *out)
{
	const struct node *list[COUNT_OF(lists)];
	struct container *at;
	size_t n = 0;

	for (size_t i = 0; i < COUNT_OF(lists); i++) {
		list[i] = field_maps(d, pod_spec, lists[i].key);
		n += node_count(list[i]);
	}
	at = FIELD_ARRAY(d, struct container, n);
	out->containers = at;
	for (size_t i = 0; i < COUNT_OF(lists); i++)
		node_each(container, list[i])
			decode_container(d, container, lists[i].class, &at[out->n_containers++]);
}

void
container_decode_ports(struct decoder *d, const struct node *pod_spec, struct pod_spec *out)
{
	struct container *at;
	size_t n = 0;

	for (size_t i = 0; i < COUNT_OF(lists); i++)
		node_each(container, field_maps(d, pod_spec, lists[i].key))
			n += node_count(field_list(d, container, "ports")) > 0;
	at = FIELD_ARRAY(d, struct container, n);
	out->containers = at;
	for (size_t i = 0; i < COUNT_OF(lists); i++) {
		node_each(container, field_maps(d, pod_spec, lists[i].key)) {
			struct container *c = &at[out->n_containers];

			if (node_count(field_list(d, container, "ports")) == 0)
				continue;
			c->class = lists[i].class;
			c->name = field_need(d, container, "name");
			c->image = "";
			decode_ports(d, container, c);
			out->n_containers++;
		}
	}
}
