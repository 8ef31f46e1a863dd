/* SPDX-License-Identifier: Apache-2.0 */
#include "decode/kinds.h"

#define DEFAULT_MODE 0644

/* The kinds of volume that the model tells apart. */
static const struct {
	const char *key;
	enum volume_type type;
	const char *name; /* the member that names the ConfigMap or Secret */
} types[] = {
	{"configMap", VOLUME_CONFIG_MAP, "name"},
	{"secret", VOLUME_SECRET, "secretName"},
	{"projected", VOLUME_PROJECTED, NULL},
	{"emptyDir", VOLUME_EMPTY_DIR, NULL},
	{"hostPath", VOLUME_HOST_PATH, NULL},
	{"persistentVolumeClaim", VOLUME_PVC, NULL},
	{"downwardAPI", VOLUME_OTHER, NULL},
};

static struct file_mode
decode_mode(struct decoder *d, const struct node *parent, const char *key)
{
	const struct node *n = field_get(parent, key);

	/* No check against 0777: a decimal 644 is beyond it, and there is a rule that explains that to people. */
	return (struct file_mode){
		.value = (int)field_count(d, parent, key, DEFAULT_MODE),
		.set = n != NULL,
		.octal = n && n->octal,
		.line = n ? n->line : 0,
	};
}

/* name is the member that names the object; NULL for a source that holds none. */
static struct volume_source
decode_source(struct decoder *d, const struct node *n, enum volume_type type, const char *name)
{
	const struct node *items = field_maps(d, n, "items");
	struct volume_item *at = FIELD_ARRAY(d, struct volume_item, node_count(items));
	struct volume_source s = {
		.type = type,
		.name = name ? field_str_or(d, n, name, "") : NULL,
		.optional = field_bool(d, n, "optional", false),
		.has_items = node_count(items) > 0,
		.items = at,
		.line = n->line,
	};

	node_each(item, items)
		at[s.n_items++] = (struct volume_item){
			.key = field_str_or(d, item, "key", ""),
			.path = field_str_or(d, item, "path", ""),
			.mode = decode_mode(d, item, "mode"),
			.line = item->line,
		};
	return s;
}

static struct volume_source
decode_projection(struct decoder *d, const struct node *n)
{
	const struct node *source;

	if ((source = field_map(d, n, "configMap")))
		return decode_source(d, source, VOLUME_CONFIG_MAP, "name");
	if ((source = field_map(d, n, "secret")))
		return decode_source(d, source, VOLUME_SECRET, "name"); /* not secretName here */
	source = field_map(d, n, "downwardAPI");
	return decode_source(d, source ? source : n, VOLUME_OTHER, NULL);
}

static void
decode_projected(struct decoder *d, const struct node *n, struct volume *v)
{
	const struct node *sources = field_maps(d, n, "sources");
	struct volume_source *at = FIELD_ARRAY(d, struct volume_source, node_count(sources));

	v->sources = at;
	node_each(source, sources)
		at[v->n_sources++] = decode_projection(d, source);
}

/* Another member than the name that is not null: a kind of volume that the model does not know. */
static bool
has_unknown_type(const struct node *n)
{
	node_each(member, n)
		if (member->type != NODE_NULL && member != node_get(n, "name"))
			return true;
	return false;
}

static void
decode_volume(struct decoder *d, const struct node *n, struct volume *v)
{
	v->line = n->line;
	v->name = field_need(d, n, "name");
	v->default_mode.value = DEFAULT_MODE;
	for (size_t i = 0; i < COUNT_OF(types); i++) {
		const struct node *body = field_map(d, n, types[i].key);
		struct volume_source *source;

		if (!body)
			continue;
		v->type = types[i].type;
		v->default_mode = decode_mode(d, body, "defaultMode");
		if (v->type == VOLUME_PROJECTED) {
			decode_projected(d, body, v);
		} else if (types[i].name || v->type == VOLUME_OTHER) {
			source = ARENA_NEW(d->arena, struct volume_source);
			*source = decode_source(d, body, v->type, types[i].name);
			v->sources = source;
			v->n_sources = 1;
		}
		return;
	}
	/* The API server makes an emptyDir of a volume that says nothing. */
	v->type = has_unknown_type(n) ? VOLUME_OTHER : VOLUME_EMPTY_DIR;
}

void
volume_decode_all(struct decoder *d, const struct node *pod_spec, struct pod_spec *out)
{
	const struct node *list = field_maps(d, pod_spec, "volumes");
	struct volume *at = FIELD_ARRAY(d, struct volume, node_count(list));

	out->volumes = at;
	node_each(n, list)
		decode_volume(d, n, &at[out->n_volumes++]);
}
