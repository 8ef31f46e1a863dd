/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"
#include "decode/kinds.h"

/* Where each kind keeps what the others call differently. Paths from the object; NULL where there is no such thing. */
static const struct shape {
	const char *kind;
	const char *template; /* what holds the `template` */
	bool replicas; /* spec.replicas says how many are wanted */
	/* members of status */
	const char *desired, *ready, *updated, *available;
} shapes[] = {
	{"Deployment", "spec", true, NULL, "readyReplicas", "updatedReplicas", "availableReplicas"},
	{"StatefulSet", "spec", true, NULL, "readyReplicas", "updatedReplicas", "availableReplicas"},
	{"ReplicaSet", "spec", true, NULL, "readyReplicas", NULL, "availableReplicas"},
	{"DaemonSet", "spec", false, "desiredNumberScheduled", "numberReady", "updatedNumberScheduled",
	 "numberAvailable"},
	{"Job", "spec", false, "active", "ready", NULL, NULL},
	{"CronJob", "spec.jobTemplate.spec", false, NULL, NULL, NULL, NULL},
};

static const struct shape *
shape_of(const char *kind)
{
	size_t i = 0;

	while (i + 1 < COUNT_OF(shapes) && !str_eq(shapes[i].kind, kind))
		i++;
	return &shapes[i];
}

static void
decode_template(struct decoder *d, const char *path, struct pod_template *out)
{
	const struct node *parent = node_path(d->doc, path);
	const struct node *template = field_map(d, parent, "template");
	const struct node *meta = field_map(d, template, "metadata");

	if (!template && !d->ctx->metadata) {
		pod_decode_incomplete(d, parent, "pod template");
		return;
	}
	out->brief = d->brief;
	if (template)
		out->line = template->line;
	if (d->brief)
		return;
	out->labels = labels_decode(d, meta, "labels");
	out->annotations = labels_decode_annotations(d, meta, "annotations");
	pod_decode_spec(d, template, &out->spec);
}

static int64_t
count(struct decoder *d, const struct node *status, const char *key)
{
	return key ? field_count(d, status, key, 0) : 0;
}

static void
decode_status(struct decoder *d, const struct shape *shape, struct controller *c)
{
	const struct node *status = field_map(d, d->doc, "status");

	c->has_status = node_count(status) > 0; /* `kubectl create --dry-run` prints an empty one */
	if (!c->has_status)
		return;
	c->observed_generation = field_int(d, status, "observedGeneration", 0, 0, INT64_MAX);
	c->desired = count(d, status, shape->desired);
	c->ready = count(d, status, shape->ready);
	c->updated = count(d, status, shape->updated);
	c->available = count(d, status, shape->available);
	if (shape->desired)
		c->replicas = c->desired;
}

void
controller_decode(struct decoder *d)
{
	struct controller *c = (struct controller *)d->object;
	const struct shape *shape = shape_of(d->object->kind);
	const struct node *spec = field_map(d, d->doc, "spec");

	if (!d->brief)
		c->selector = selector_decode(d, spec, "selector");
	c->replicas = shape->replicas && !d->ctx->metadata ? field_count(d, spec, "replicas", 1) : -1;
	c->replicas_written = field_get(spec, "replicas") != NULL;
	c->paused = field_bool(d, spec, "paused", false);
	decode_template(d, shape->template, &c->template);
	decode_status(d, shape, c);
}
