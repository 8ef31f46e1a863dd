/* SPDX-License-Identifier: Apache-2.0 */
/* One event of a watch, as the server sends it: {"type":"MODIFIED","object":{...}}. */
#ifndef KUBE_WATCH_EVENT_H
#define KUBE_WATCH_EVENT_H

#include <stdbool.h>

#include "base/err.h"
#include "base/node.h"

enum watch_event_type { WATCH_ADDED, WATCH_MODIFIED, WATCH_DELETED, WATCH_BOOKMARK, WATCH_ERROR };

/* Everything is borrowed from the tree. */
struct watch_event {
	enum watch_event_type type;
	const struct node *object; /* a map */
	const char *version; /* the object's resourceVersion; WATCH_ERROR: "" */
	bool initial_end; /* a bookmark: what came before is the whole list */
	int code; /* of an ERROR's Status */
	const char *reason, *message; /* likewise; "" */
	bool rv_too_large;
};

/* What is no event, or carries no version to go on from, is an error. */
bool watch_event_read(const struct node *tree, struct watch_event *out, struct err *e) MUST_USE;

#endif
