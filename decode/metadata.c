/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/str.h"
#include "decode/kinds.h"

/* Bytes; what moat itself reads is kept whatever its length. */
#define LONG_ANNOTATION 1024

static bool
worth_keeping(const struct node *annotation)
{
	if (str_starts(annotation->key, "moat.dev/") || str_starts(annotation->key, "pipelock.dev/"))
		return true;
	return annotation->len <= LONG_ANNOTATION &&
	       strcmp(annotation->key, "kubectl.kubernetes.io/last-applied-configuration") != 0;
}

static struct labels
decode_map(struct decoder *d, const struct node *map, bool (*keep)(const struct node *))
{
	struct label *at;
	size_t n = 0;

	node_each(member, map)
		n += !keep || keep(member);
	at = FIELD_ARRAY(d, struct label, n);
	n = 0;
	node_each(member, map) {
		const char *value;

		if (keep && !keep(member))
			continue;
		value = field_scalar(d, field_parsed(d, member));
		at[n++] = (struct label){
			.key = field_keep(d, member->key, strlen(member->key)),
			.value = value ? value : "",
		};
	}
	labels_sort(at, &n);
	return (struct labels){.at = at, .n = n};
}

struct labels
labels_decode(struct decoder *d, const struct node *parent, const char *key)
{
	return decode_map(d, field_map(d, parent, key), NULL);
}

struct labels
labels_decode_annotations(struct decoder *d, const struct node *parent, const char *key)
{
	return decode_map(d, field_map(d, parent, key), worth_keeping);
}

static struct owner
decode_owner(struct decoder *d, const struct node *meta)
{
	const struct node *references = field_maps(d, meta, "ownerReferences");

	node_each(reference, references) {
		if (!field_bool(d, reference, "controller", false))
			continue;
		return (struct owner){
			.api_version = field_str_or(d, reference, "apiVersion", ""),
			.kind = field_need(d, reference, "kind"),
			.name = field_need(d, reference, "name"),
			.uid = field_str(d, reference, "uid"),
		};
	}
	return (struct owner){0};
}

/* `kubectl create` makes a name of generateName; until then it is all there is to call the object by. */
static const char *
decode_name(struct decoder *d, const struct node *meta)
{
	const char *name = field_str(d, meta, "name");

	if (!name || !*name)
		name = field_str(d, meta, "generateName");
	if (name && *name)
		return name;
	field_missing(d, meta ? meta : d->doc, meta ? "name" : "metadata");
	return "";
}

static const char *
decode_namespace(struct decoder *d, const struct node *meta)
{
	const char *namespace = field_str(d, meta, "namespace");

	if (namespace && *namespace)
		return namespace;
	return arena_strdup(d->arena, d->ctx->default_namespace ? d->ctx->default_namespace : "default");
}

void
metadata_decode(struct decoder *d, bool namespaced)
{
	const struct node *meta = field_map(d, d->doc, "metadata");
	struct object *o = d->object;

	/* Name and namespace first: complaints about the rest say whose it is. */
	if (namespaced)
		o->namespace = decode_namespace(d, meta);
	o->name = decode_name(d, meta);
	o->location = (struct location){.path = d->ctx->path, .line = d->doc->line};
	o->uid = field_str(d, meta, "uid");
	o->generation = field_int(d, meta, "generation", 0, 0, INT64_MAX);
	o->created_at = field_time(d, meta, "creationTimestamp");
	o->owner = decode_owner(d, meta);
	if (!d->brief || o->type == OBJECT_POD)
		o->labels = labels_decode(d, meta, "labels");
	if (!d->brief)
		o->annotations = labels_decode_annotations(d, meta, "annotations");
}
