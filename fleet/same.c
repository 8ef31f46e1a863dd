/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/same.h"

#include <string.h>

#include "base/attr.h"
#include "base/str.h"
#include "fleet/workload.h"

/* Where the annotations that moat reads are: a key or the domain before it. */
static const char *const read_annotations[] = {"kubernetes.io/config.mirror", "moat.dev/", "pipelock.dev/"};

static bool
is_read(const struct label *annotation)
{
	for (size_t i = 0; i < COUNT_OF(read_annotations); i++)
		if (str_starts(annotation->key, read_annotations[i]))
			return true;
	return false;
}

/* The next annotation that is read, from i on; l->n for none. */
static size_t
next_read(const struct labels *l, size_t i)
{
	while (i < l->n && !is_read(&l->at[i]))
		i++;
	return i;
}

static bool
annotations_same(const struct labels *a, const struct labels *b)
{
	size_t i = next_read(a, 0), k = next_read(b, 0);

	while (i < a->n && k < b->n && str_eq(a->at[i].key, b->at[k].key) &&
	       str_eq(a->at[i].value, b->at[k].value)) {
		i = next_read(a, i + 1);
		k = next_read(b, k + 1);
	}
	return i == a->n && k == b->n;
}

static bool
texts_same(const char *const *a, size_t n_a, const char *const *b, size_t n_b)
{
	if (n_a != n_b)
		return false;
	for (size_t i = 0; i < n_a; i++)
		if (!str_eq(a[i], b[i]))
			return false;
	return true;
}

/* Are the n elements of two lists the same, one by one? */
#define LIST_SAME(a, b, list, count, same) \
	list_same((a)->list, (a)->count, (b)->list, (b)->count, sizeof((a)->list[0]), same)

static bool
list_same(const void *a, size_t n_a, const void *b, size_t n_b, size_t size,
	  bool (*same)(const void *a, const void *b))
{
	if (n_a != n_b)
		return false;
	for (size_t i = 0; i < n_a; i++)
		if (!same((const char *)a + i * size, (const char *)b + i * size))
			return false;
	return true;
}

static bool
mode_same(const struct file_mode *a, const struct file_mode *b)
{
	return a->value == b->value && a->set == b->set && a->octal == b->octal;
}

static bool
env_same(const void *x, const void *y)
{
	const struct env_var *a = x, *b = y;

	return str_eq(a->name, b->name) && str_eq(a->value, b->value) && a->source == b->source &&
	       str_eq(a->ref, b->ref) && str_eq(a->key, b->key) && a->optional == b->optional;
}

static bool
env_from_same(const void *x, const void *y)
{
	const struct env_from *a = x, *b = y;

	return str_eq(a->prefix, b->prefix) && str_eq(a->config_map, b->config_map) &&
	       str_eq(a->secret, b->secret) && a->optional == b->optional;
}

static bool
mount_same(const void *x, const void *y)
{
	const struct volume_mount *a = x, *b = y;

	return str_eq(a->volume, b->volume) && str_eq(a->path, b->path) && str_eq(a->sub_path, b->sub_path) &&
	       str_eq(a->sub_path_expr, b->sub_path_expr) && a->read_only == b->read_only;
}

static bool
port_same(const void *x, const void *y)
{
	const struct container_port *a = x, *b = y;

	return str_eq(a->name, b->name) && str_eq(a->protocol, b->protocol) && a->port == b->port;
}

static bool
security_same(const struct security *a, const struct security *b)
{
	return a->run_as_user == b->run_as_user && a->run_as_group == b->run_as_group &&
	       a->run_as_non_root == b->run_as_non_root && a->privileged == b->privileged &&
	       texts_same(a->caps_added, a->n_caps_added, b->caps_added, b->n_caps_added);
}

static bool
container_same(const void *x, const void *y)
{
	const struct container *a = x, *b = y;

	return str_eq(a->name, b->name) && str_eq(a->image, b->image) && a->class == b->class &&
	       texts_same(a->command, a->n_command, b->command, b->n_command) &&
	       texts_same(a->args, a->n_args, b->args, b->n_args) && LIST_SAME(a, b, env, n_env, env_same) &&
	       LIST_SAME(a, b, env_from, n_env_from, env_from_same) &&
	       LIST_SAME(a, b, mounts, n_mounts, mount_same) && LIST_SAME(a, b, ports, n_ports, port_same) &&
	       security_same(&a->security, &b->security);
}

static bool
item_same(const void *x, const void *y)
{
	const struct volume_item *a = x, *b = y;

	return str_eq(a->key, b->key) && str_eq(a->path, b->path) && mode_same(&a->mode, &b->mode);
}

static bool
source_same(const void *x, const void *y)
{
	const struct volume_source *a = x, *b = y;

	return a->type == b->type && str_eq(a->name, b->name) && a->optional == b->optional &&
	       a->has_items == b->has_items && LIST_SAME(a, b, items, n_items, item_same);
}

static bool
volume_same(const void *x, const void *y)
{
	const struct volume *a = x, *b = y;

	return str_eq(a->name, b->name) && a->type == b->type && mode_same(&a->default_mode, &b->default_mode) &&
	       LIST_SAME(a, b, sources, n_sources, source_same);
}

static bool
spec_same(const struct pod_spec *a, const struct pod_spec *b)
{
	return LIST_SAME(a, b, containers, n_containers, container_same) &&
	       LIST_SAME(a, b, volumes, n_volumes, volume_same) && a->host_network == b->host_network &&
	       a->host_pid == b->host_pid && security_same(&a->security, &b->security) &&
	       a->fs_group == b->fs_group && a->n_supplemental_groups == b->n_supplemental_groups &&
	       (!a->n_supplemental_groups ||
		memcmp(a->supplemental_groups, b->supplemental_groups,
		       a->n_supplemental_groups * sizeof(a->supplemental_groups[0])) == 0);
}

static bool
template_same(const struct pod_template *a, const struct pod_template *b)
{
	return a->brief == b->brief && labels_equal(&a->labels, &b->labels) &&
	       annotations_same(&a->annotations, &b->annotations) && spec_same(&a->spec, &b->spec);
}

static bool
requirement_same(const void *x, const void *y)
{
	const struct requirement *a = x, *b = y;

	return str_eq(a->key, b->key) && a->op == b->op &&
	       texts_same(a->values, a->n_values, b->values, b->n_values);
}

static bool
selector_same(const struct selector *a, const struct selector *b)
{
	return a->present == b->present && LIST_SAME(a, b, at, n, requirement_same);
}

static bool
controller_same(const struct object *x, const struct object *y)
{
	const struct controller *a = object_controller(x), *b = object_controller(y);

	return selector_same(&a->selector, &b->selector) && a->replicas_written == b->replicas_written &&
	       a->paused == b->paused && template_same(&a->template, &b->template);
}

static bool
pod_same(const struct object *x, const struct object *y)
{
	const struct pod *a = object_pod(x), *b = object_pod(y);

	return template_same(&a->template, &b->template) && str_eq(a->pipelock, b->pipelock) &&
	       str_eq(a->pipelock_image, b->pipelock_image);
}

static bool
service_port_same(const void *x, const void *y)
{
	const struct service_port *a = x, *b = y;

	return str_eq(a->name, b->name) && str_eq(a->protocol, b->protocol) && a->port == b->port &&
	       str_eq(a->target_name, b->target_name) && a->target_port == b->target_port;
}

static bool
service_same(const struct object *x, const struct object *y)
{
	const struct service *a = object_service(x), *b = object_service(y);

	return str_eq(a->type, b->type) && str_eq(a->external_name, b->external_name) &&
	       selector_same(&a->selector, &b->selector) && LIST_SAME(a, b, ports, n_ports, service_port_same) &&
	       texts_same(a->cluster_ips, a->n_cluster_ips, b->cluster_ips, b->n_cluster_ips);
}

static bool
config_key_same(const void *x, const void *y)
{
	const struct config_key *a = x, *b = y;

	return str_eq(a->key, b->key) && a->len == b->len && !a->text == !b->text && a->literal == b->literal &&
	       (!a->text || memcmp(a->text, b->text, a->len) == 0);
}

static bool
config_map_same(const struct object *x, const struct object *y)
{
	const struct config_map *a = object_config_map(x), *b = object_config_map(y);

	return a->immutable == b->immutable && a->data_changed_at == b->data_changed_at &&
	       LIST_SAME(a, b, keys, n_keys, config_key_same);
}

static bool
namespace_same(const struct object *x UNUSED, const struct object *y UNUSED)
{
	return true;
}

bool
owner_same(const struct owner *a, const struct owner *b)
{
	return str_eq(a->api_version, b->api_version) && str_eq(a->kind, b->kind) && str_eq(a->name, b->name);
}

bool
object_same(const struct object *a, const struct object *b)
{
	static bool (*const same[OBJECT_KINDS])(const struct object *a, const struct object *b) = {
		[OBJECT_NAMESPACE] = namespace_same, [OBJECT_CONTROLLER] = controller_same, [OBJECT_POD] = pod_same,
		[OBJECT_SERVICE] = service_same,     [OBJECT_CONFIG_MAP] = config_map_same, [OBJECT_POLICY] = NULL,
	};

	if (a == b)
		return true;
	return a->type == b->type && same[a->type] && str_eq(a->kind, b->kind) && object_cmp(a, b) == 0 &&
	       str_eq(a->uid, b->uid) && a->created_at == b->created_at && labels_equal(&a->labels, &b->labels) &&
	       annotations_same(&a->annotations, &b->annotations) && owner_same(&a->owner, &b->owner) &&
	       same[a->type](a, b);
}
