/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/watch_event.h"

#include "base/str.h"

static const char *const names[] = {
	[WATCH_ADDED] = "ADDED",       [WATCH_MODIFIED] = "MODIFIED", [WATCH_DELETED] = "DELETED",
	[WATCH_BOOKMARK] = "BOOKMARK", [WATCH_ERROR] = "ERROR",
};

/* A server that has not come as far as a version that it was asked for says so in a cause. */
static bool
has_cause(const struct node *status, const char *reason)
{
	node_each(cause, node_path(status, "details.causes"))
		if (str_eq(node_get_str(cause, "reason"), reason))
			return true;
	return false;
}

static void
read_status(const struct node *status, struct watch_event *out)
{
	int64_t code = node_int(node_get(status, "code"), 0);

	out->version = "";
	out->code = code > 0 && code < 1000 ? (int)code : 0;
	out->reason = node_get_text(status, "reason");
	out->message = node_get_text(status, "message");
	out->rv_too_large = has_cause(status, "ResourceVersionTooLarge");
}

bool
watch_event_read(const struct node *tree, struct watch_event *out, struct err *e)
{
	const char *type = node_get_str(tree, "type");
	const struct node *object = node_get(tree, "object");
	const struct node *meta = node_get(object, "metadata");
	struct watch_event event = {.object = object, .reason = "", .message = ""};
	size_t i = 0;

	while (i < COUNT_OF(names) && !str_eq(names[i], type))
		i++;
	if (i == COUNT_OF(names) || !object || object->type != NODE_MAP)
		return err_set(e, ERR_SOURCE, 0, "a watch event of type %.40s without sense",
			       type ? type : "(none)");
	event.type = (enum watch_event_type)i;
	if (event.type == WATCH_ERROR) {
		read_status(object, &event);
	} else {
		event.version = node_get_text(meta, "resourceVersion");
		if (!*event.version)
			return err_set(e, ERR_SOURCE, 0, "a watch event %s without a resourceVersion", type);
	}
	event.initial_end =
		event.type == WATCH_BOOKMARK &&
		str_eq(node_get_str(node_get(meta, "annotations"), "k8s.io/initial-events-end"), "true");
	*out = event;
	return true;
}
