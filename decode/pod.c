/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "base/str.h"
#include "decode/kinds.h"
#include "fleet/image.h"

void
pod_decode_incomplete(struct decoder *d, const struct node *parent, const char *missing)
{
	field_fail(d, parent ? parent : d->doc,
		   "no %s; if this is a patch of Kustomize, pipe `kubectl kustomize` into -f -", missing);
}

struct security
pod_decode_security(struct decoder *d, const struct node *parent)
{
	const struct node *context = field_map(d, parent, "securityContext");
	const struct node *capabilities = field_map(d, context, "capabilities");
	struct security s = {
		.run_as_user = field_count(d, context, "runAsUser", ID_UNSET),
		.run_as_group = field_count(d, context, "runAsGroup", ID_UNSET),
		.run_as_non_root = -1,
		.privileged = field_bool(d, context, "privileged", false),
		.line = field_line(parent, "securityContext"),
	};

	if (field_get(context, "runAsNonRoot"))
		s.run_as_non_root = field_bool(d, context, "runAsNonRoot", false);
	s.caps_added = field_strs(d, capabilities, "add", &s.n_caps_added);
	return s;
}

static void
decode_groups(struct decoder *d, const struct node *context, struct pod_spec *out)
{
	const struct node *list = field_list(d, context, "supplementalGroups");
	int64_t *at = FIELD_ARRAY(d, int64_t, node_count(list));

	out->supplemental_groups = at;
	node_each(n, list) {
		int64_t group = node_int(n, -1);

		if (group < 0)
			field_fail(d, n, "a group id expected, got %s", node_type_name(n));
		at[out->n_supplemental_groups++] = group;
	}
}

void
pod_decode_spec(struct decoder *d, const struct node *parent, struct pod_spec *out)
{
	const struct node *spec = field_map(d, parent, "spec");
	const struct node *context = field_map(d, spec, "securityContext");

	if (node_count(field_list(d, spec, "containers")) == 0) {
		pod_decode_incomplete(d, spec ? spec : parent, "containers");
		return;
	}
	out->line = spec->line;
	out->host_network = field_bool(d, spec, "hostNetwork", false);
	out->host_network_line = field_line(spec, "hostNetwork");
	if (d->brief) {
		container_decode_ports(d, spec, out);
		return;
	}
	out->host_pid = field_bool(d, spec, "hostPID", false);
	out->host_pid_line = field_line(spec, "hostPID");
	out->security = pod_decode_security(d, spec);
	out->fs_group = field_count(d, context, "fsGroup", ID_UNSET);
	decode_groups(d, context, out);
	container_decode_all(d, spec, out);
	volume_decode_all(d, spec, out);
}

static struct container_status
decode_status(struct decoder *d, const struct node *n)
{
	const struct node *state = field_map(d, n, "state");
	const struct node *running = field_map(d, state, "running");
	const struct node *waiting = field_map(d, state, "waiting");
	const char *image_id = field_str_or(d, n, "imageID", "");

	return (struct container_status){
		.name = field_str_or(d, n, "name", ""),
		.image_id = *image_id ? image_id : NULL,
		.ready = field_bool(d, n, "ready", false),
		.running = running != NULL,
		.started_at = field_time(d, running, "startedAt"),
		.restarts = field_count(d, n, "restartCount", 0),
		.waiting = waiting ? field_str_or(d, waiting, "reason", "") : NULL,
	};
}

static void
decode_statuses(struct decoder *d, const struct node *status, struct pod *p)
{
	static const char *const keys[] = {
		"initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses",
	};
	struct container_status *at;
	size_t n = 0;

	for (size_t i = 0; i < COUNT_OF(keys); i++)
		n += node_count(field_maps(d, status, keys[i]));
	at = FIELD_ARRAY(d, struct container_status, n);
	p->statuses = at;
	for (size_t i = 0; i < COUNT_OF(keys); i++)
		node_each(container, field_maps(d, status, keys[i]))
			at[p->n_statuses++] = decode_status(d, container);
}

static void
decode_ips(struct decoder *d, const struct node *status, struct pod *p)
{
	const struct node *list = field_maps(d, status, "podIPs");
	const char **at = FIELD_ARRAY(d, const char *, node_count(list) + 1);

	p->ips = at;
	node_each(n, list) {
		const char *ip = field_str_or(d, n, "ip", "");

		if (*ip)
			at[p->n_ips++] = ip;
	}
	if (p->n_ips)
		return;
	at[0] = field_str_or(d, status, "podIP", "");
	p->n_ips = *at[0] != '\0';
}

static bool
is_ready(struct decoder *d, const struct node *status)
{
	const struct node *conditions = field_maps(d, status, "conditions");

	node_each(n, conditions)
		if (str_eq(node_get_str(n, "type"), "Ready"))
			return str_eq(node_get_str(n, "status"), "True");
	return false;
}

/* Webhooks put containers into pods that the template of their owner does not have. */
static void
find_pipelock(struct decoder *d, struct pod *p)
{
	const struct pod_spec *s = &p->template.spec;

	for (size_t i = 0; !d->brief && !d->failed && !d->pipelock && i < s->n_containers; i++) {
		if (!container_is_pipelock(&s->containers[i]))
			continue;
		d->pipelock = arena_strdup(d->scratch, s->containers[i].name);
		d->pipelock_image = arena_strdup(d->scratch, s->containers[i].image);
	}
	p->pipelock = arena_strdup(d->arena, d->pipelock);
	p->pipelock_image = arena_strdup(d->arena, d->pipelock_image);
}

void
pod_decode(struct decoder *d)
{
	struct pod *p = (struct pod *)d->object;
	const struct node *status = field_map(d, d->doc, "status");
	const char *node = field_str_or(d, field_map(d, d->doc, "spec"), "nodeName", "");

	pod_decode_spec(d, d->doc, &p->template.spec);
	find_pipelock(d, p);
	p->template.labels = p->object.labels;
	p->template.annotations = p->object.annotations;
	p->template.line = p->template.spec.line;
	p->template.brief = d->brief;
	p->node = *node ? node : NULL;
	p->deleting = field_get(field_map(d, d->doc, "metadata"), "deletionTimestamp") != NULL;
	p->phase = field_str(d, status, "phase");
	p->has_status = p->phase != NULL; /* `kubectl create --dry-run` prints an empty one */
	if (!p->has_status)
		return;
	p->finished = str_eq(p->phase, "Succeeded") || str_eq(p->phase, "Failed");
	p->ready = is_ready(d, status);
	decode_ips(d, status, p);
	decode_statuses(d, status, p);
}
