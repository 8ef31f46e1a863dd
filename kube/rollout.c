/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/rollout.h"

#include <inttypes.h>
#include <string.h>

#include "base/attr.h"
#include "base/str.h"
#include "base/text.h"

static void
add_safe(struct buf *out, const char *text)
{
	text_safe(out, text, strlen(text));
}

/* The condition of that type: of status.conditions. */
static const struct node *
condition(const struct node *object, const char *type)
{
	node_each(c, node_path(object, "status.conditions"))
		if (str_eq(node_get_str(c, "type"), type))
			return c;
	return NULL;
}

static bool
condition_is(const struct node *object, const char *type, const char *status)
{
	return str_eq(node_get_str(condition(object, type), "status"), status);
}

static int64_t
count(const struct node *object, const char *path)
{
	return node_int(node_path(object, path), 0);
}

/* A number of pods: the API has 32 bits for it, so that sums cannot overflow. */
static int64_t
pods(const struct node *object, const char *path, int64_t absent)
{
	int64_t n = node_int(node_path(object, path), absent);

	return n < 0 ? 0 : n > INT32_MAX ? INT32_MAX : n;
}

/* ---- may it be restarted? */

static const char *
strategy(const struct node *object)
{
	const char *type = node_str(node_path(object, "spec.updateStrategy.type"));

	return type ? type : "RollingUpdate";
}

static bool
refused_deployment(const struct node *object, struct buf *reason)
{
	if (!node_bool(node_path(object, "spec.paused"), false))
		return false;
	buf_adds(reason, "it is paused, so nothing would be rolled out: kubectl rollout resume it first");
	return true;
}

static bool
refused_strategy(const struct node *object, struct buf *reason)
{
	if (str_eq(strategy(object), "RollingUpdate"))
		return false;
	buf_adds(reason, "its updateStrategy is ");
	add_safe(reason, strategy(object));
	buf_adds(reason, ": its pods become new ones only when somebody deletes them");
	return true;
}

static bool
refused_stateful_set(const struct node *object, struct buf *reason)
{
	int64_t partition = pods(object, "spec.updateStrategy.rollingUpdate.partition", 0);
	int64_t replicas = pods(object, "spec.replicas", 1);

	if (refused_strategy(object, reason))
		return true;
	if (partition < 1 || partition < replicas)
		return false;
	buf_addf(reason,
		 "its partition %" PRId64 " keeps all %" PRId64 " pods as they are: lower "
		 "spec.updateStrategy.rollingUpdate.partition first",
		 partition, replicas);
	return true;
}

/* ---- how far is it? */

/* Has the controller seen what was written? Until then its counts are about the time before. */
static bool
observed(const struct node *object, struct buf *text)
{
	if (count(object, "status.observedGeneration") >= count(object, "metadata.generation") &&
	    node_get(object, "status"))
		return true;
	buf_adds(text, "waiting for its controller to take it up");
	return false;
}

static void
read_deployment(const struct node *object, struct rollout *r, struct buf *text)
{
	const struct node *progress = condition(object, "Progressing"),
			  *failure = condition(object, "ReplicaFailure");
	int64_t replicas = pods(object, "status.replicas", 0);

	r->desired = pods(object, "spec.replicas", 1);
	r->updated = pods(object, "status.updatedReplicas", 0);
	r->available = pods(object, "status.availableReplicas", 0);
	r->old = replicas > r->updated ? replicas - r->updated : 0;
	if (!observed(object, text))
		return;
	if (str_eq(node_get_str(progress, "reason"), "ProgressDeadlineExceeded")) {
		r->state = ROLLOUT_FAILED;
		buf_addf(text,
			 "no progress within its deadline (ProgressDeadlineExceeded), %" PRId64 " of %" PRId64
			 " pods updated",
			 r->updated, r->desired);
	} else if (r->updated < r->desired) {
		buf_addf(text, "%" PRId64 " of %" PRId64 " pods updated", r->updated, r->desired);
	} else if (r->old) {
		buf_addf(text, "%" PRId64 " old %s to end", r->old, r->old == 1 ? "pod has" : "pods have");
	} else if (r->available < r->updated) {
		buf_addf(text, "%" PRId64 " of %" PRId64 " new pods available", r->available, r->updated);
	} else {
		r->state = ROLLOUT_DONE;
		buf_addf(text, "%" PRId64 " of %" PRId64 " pods updated and available", r->available, r->desired);
		return;
	}
	if (condition_is(object, "ReplicaFailure", "True") && node_get_str(failure, "message")) {
		buf_adds(text, "; no pod can be made: ");
		add_safe(text, node_get_str(failure, "message"));
	}
}

static void
read_stateful_set(const struct node *object, struct rollout *r, struct buf *text)
{
	int64_t partition = pods(object, "spec.updateStrategy.rollingUpdate.partition", 0);
	int64_t ready = pods(object, "status.readyReplicas", 0), wanted;
	const char *update = node_str(node_path(object, "status.updateRevision"));
	const char *current = node_str(node_path(object, "status.currentRevision"));

	r->desired = pods(object, "spec.replicas", 1);
	r->updated = pods(object, "status.updatedReplicas", 0);
	r->available = pods(object, "status.availableReplicas", ready);
	wanted = r->desired > partition ? r->desired - partition : 0;
	r->old = r->desired > r->updated ? r->desired - r->updated : 0;
	if (!observed(object, text))
		return;
	if (r->updated < wanted) {
		buf_addf(text, "%" PRId64 " of %" PRId64 " pods updated", r->updated, wanted);
	} else if (ready < r->desired || r->available < r->desired) {
		buf_addf(text, "%" PRId64 " of %" PRId64 " pods available",
			 ready < r->available ? ready : r->available, r->desired);
	} else if (!partition && !str_eq(update, current)) {
		buf_adds(text, "waiting for the new revision to be the current one");
	} else {
		r->state = ROLLOUT_DONE;
		buf_addf(text, "%" PRId64 " of %" PRId64 " pods updated and available", r->updated, r->desired);
		if (partition)
			buf_addf(text, " (partition %" PRId64 " keeps the others)", partition);
	}
}

static void
read_daemon_set(const struct node *object, struct rollout *r, struct buf *text)
{
	r->desired = pods(object, "status.desiredNumberScheduled", 0);
	r->updated = pods(object, "status.updatedNumberScheduled", 0);
	r->available = pods(object, "status.numberAvailable", 0);
	r->old = r->desired > r->updated ? r->desired - r->updated : 0;
	if (!observed(object, text))
		return;
	if (r->updated < r->desired) {
		buf_addf(text, "%" PRId64 " of %" PRId64 " pods updated", r->updated, r->desired);
	} else if (r->available < r->desired) {
		buf_addf(text, "%" PRId64 " of %" PRId64 " new pods available", r->available, r->desired);
	} else {
		r->state = ROLLOUT_DONE;
		buf_addf(text, "%" PRId64 " of %" PRId64 " pods updated and available", r->available, r->desired);
	}
}

static void
read_pod(const struct node *object, struct rollout *r, struct buf *text)
{
	const char *phase = node_str(node_path(object, "status.phase"));

	r->desired = r->updated = 1;
	r->available = condition_is(object, "Ready", "True");
	r->old = 0;
	if (str_eq(phase, "Failed")) {
		r->state = ROLLOUT_FAILED;
		buf_adds(text, "the new pod failed");
	} else if (r->available || str_eq(phase, "Succeeded")) {
		r->state = ROLLOUT_DONE;
		buf_adds(text, r->available ? "the new pod is ready" : "the new pod ran to its end");
	} else {
		buf_adds(text, "the new pod is ");
		add_safe(text, phase ? phase : "not there yet");
		buf_adds(text, ", not ready");
	}
}

/* ---- kinds */

static const struct kind {
	const char *kind;
	bool (*refused)(const struct node *object, struct buf *reason); /* NULL: it has no rollout */
	void (*read)(const struct node *object, struct rollout *r, struct buf *text);
	const char *no_rollout; /* why */
} kinds[] = {
	{"Deployment", refused_deployment, read_deployment, NULL},
	{"StatefulSet", refused_stateful_set, read_stateful_set, NULL},
	{"DaemonSet", refused_strategy, read_daemon_set, NULL},
	{"Pod", NULL, read_pod, ""},
	{"Job", NULL, NULL,
	 "a Job has no rollout: delete it and create it again, or let its next run pick the change up"},
	{"CronJob", NULL, NULL, "a CronJob has no rollout: its next run picks the change up"},
	{"ReplicaSet", NULL, NULL,
	 "a ReplicaSet has no rollout: delete its pods one by one, and it makes new ones"},
};

static const struct kind *
find_kind(const char *name)
{
	for (size_t i = 0; i < COUNT_OF(kinds); i++)
		if (str_eq(kinds[i].kind, name))
			return &kinds[i];
	return NULL;
}

bool
rollout_kind(const char *kind)
{
	const struct kind *k = find_kind(kind);

	return k && k->refused;
}

const char *
rollout_kind_refused(const char *kind)
{
	const struct kind *k = find_kind(kind);

	return k ? k->no_rollout
		 : "moat restarts Deployments, StatefulSets and DaemonSets; this belongs to another controller";
}

bool
rollout_refused(const char *kind, const struct node *object, struct buf *reason)
{
	if (node_path(object, "metadata.deletionTimestamp")) {
		buf_adds(reason, "it is being deleted");
		return true;
	}
	return find_kind(kind)->refused(object, reason);
}

bool
rollout_pod_refused(const struct node *pod, struct buf *reason)
{
	if (node_path(pod, "metadata.deletionTimestamp")) {
		buf_adds(reason, "it is being deleted");
		return true;
	}
	/* The kubelet runs it from a file of its node: what the API shows is a mirror. */
	if (node_get(node_path(pod, "metadata.annotations"), "kubernetes.io/config.mirror")) {
		buf_adds(reason, "it is a static pod, which its node runs from a file");
		return true;
	}
	node_each(owner, node_path(pod, "metadata.ownerReferences")) {
		const char *kind = node_get_str(owner, "kind"), *name = node_get_str(owner, "name");

		if (!node_bool(node_get(owner, "controller"), false))
			continue;
		buf_adds(reason, "it belongs to ");
		add_safe(reason, kind ? kind : "another object");
		buf_addc(reason, ' ');
		add_safe(reason, name ? name : "");
		buf_adds(reason, ": restart the workload, not the pod");
		return true;
	}
	return false;
}

struct rollout
rollout_read(const char *kind, const struct node *object, struct buf *text)
{
	struct rollout r = {ROLLOUT_WAITING, -1, -1, -1, -1};

	find_kind(kind)->read(object, &r, text);
	return r;
}

int64_t
rollout_deadline_ms(const struct node *object)
{
	int64_t seconds = count(object, "spec.progressDeadlineSeconds");

	return seconds > 0 && seconds < INT32_MAX ? seconds * 1000 : 0; /* INT32_MAX is how "never" is written */
}

/* ---- its pods */

static void
add_requirement(struct buf *out, const struct node *requirement)
{
	static const struct {
		const char *operator, * before, *word;
		bool values;
	} operators[] = {
		{"In", "", " in ", true},
		{"NotIn", "", " notin ", true},
		{"Exists", "", "", false},
		{"DoesNotExist", "!", "", false},
	};
	const char *key = node_get_str(requirement, "key"), *separator = "(";

	for (size_t i = 0; key && i < COUNT_OF(operators); i++) {
		if (!str_eq(node_get_str(requirement, "operator"), operators[i].operator))
			continue;
		buf_addf(out, "%s%s%s%s", out->len ? "," : "", operators[i].before, key, operators[i].word);
		if (!operators[i].values)
			continue;
		node_each(value, node_get(requirement, "values")) {
			buf_addf(out, "%s%s", separator, node_text(value) ? node_text(value) : "");
			separator = ",";
		}
		buf_addc(out, ')');
	}
}

void
rollout_selector(const struct node *object, struct buf *out)
{
	const struct node *selector = node_path(object, "spec.selector");

	node_each(label, node_get(selector, "matchLabels"))
		buf_addf(out, "%s%s=%s", out->len ? "," : "", label->key, node_text(label) ? node_text(label) : "");
	node_each(requirement, node_get(selector, "matchExpressions"))
		add_requirement(out, requirement);
}

/* Container c waits, for something that is worth telling. */
static bool
waiting_trouble(const struct node *pod, const char *list, struct buf *out)
{
	node_each(c, node_get(node_get(pod, "status"), list)) {
		const struct node *waiting = node_path(c, "state.waiting");
		const char *reason = node_get_str(waiting, "reason"), *message = node_get_str(waiting, "message");

		if (!reason || str_eq(reason, "ContainerCreating") || str_eq(reason, "PodInitializing"))
			continue;
		buf_adds(out, "container ");
		add_safe(out, node_get_str(c, "name") ? node_get_str(c, "name") : "?");
		buf_adds(out, ": ");
		add_safe(out, reason);
		if (message) {
			buf_adds(out, ", ");
			add_safe(out, message);
		}
		return true;
	}
	return false;
}

/* A condition that is not True, with its reason and message. */
static bool
condition_trouble(const struct node *pod, const char *type, struct buf *out)
{
	const struct node *c = condition(pod, type);
	const char *reason = node_get_str(c, "reason"), *message = node_get_str(c, "message");

	if (!c || condition_is(pod, type, "True") || !reason)
		return false;
	add_safe(out, reason);
	if (message) {
		buf_adds(out, ", ");
		add_safe(out, message);
	}
	return true;
}

void
rollout_pod_trouble(const struct node *pod, struct buf *out)
{
	AUTO(buf) struct buf why = {0};
	const char *name = node_str(node_path(pod, "metadata.name"));

	if (!waiting_trouble(pod, "initContainerStatuses", &why) &&
	    !waiting_trouble(pod, "containerStatuses", &why) && !condition_trouble(pod, "PodScheduled", &why) &&
	    !condition_trouble(pod, "Ready", &why))
		return;
	buf_adds(out, "pod ");
	add_safe(out, name ? name : "?");
	buf_adds(out, ": ");
	buf_add(out, why.data, why.len);
}

void
rollout_trouble(const struct node *pods, struct buf *out)
{
	const struct node *newest = NULL;
	const char *newest_time = "";

	node_each(pod, node_get(pods, "items")) {
		const char *created = node_str(node_path(pod, "metadata.creationTimestamp"));

		if (node_path(pod, "metadata.deletionTimestamp") || condition_is(pod, "Ready", "True"))
			continue;
		if (newest && strcmp(created ? created : "", newest_time) <= 0) /* RFC 3339 in UTC sorts as text */
			continue;
		newest = pod;
		newest_time = created ? created : "";
	}
	if (newest)
		rollout_pod_trouble(newest, out);
}
