/* SPDX-License-Identifier: Apache-2.0 */
/* One watch: events of a kind from a version on, until the server ends it, it breaks, or falls silent. */
#ifndef KUBE_WATCH_H
#define KUBE_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "kube/api.h"
#include "kube/resource.h"
#include "kube/watch_event.h"

struct watch;

enum watch_how {
	WATCH_ENDED, /* as it should: go on from the last version */
	WATCH_EXPIRED, /* that version is not known any more, or not yet: list anew */
	WATCH_REFUSED, /* an HTTP status said no: `status` */
	WATCH_BROKEN, /* the connection failed, or fell silent */
	WATCH_GARBAGE, /* what came was no watch event */
};

struct watch_end {
	enum watch_how how;
	struct err err; /* but for WATCH_ENDED */
	int status; /* of an answer or of an ERROR event; 0 */
	int64_t retry_after_ms; /* -1 */
};

struct watch_args {
	struct kube *kube;
	const struct resource *resource; /* borrowed, it has to outlive the watch */
	const char *namespace, *name; /* NULL: all */
	const char *version; /* NULL: what there is comes first, as ADDED, and a bookmark behind it (a streaming list) */
	void *ctx;
	void (*started)(void *ctx); /* the server has agreed */
	void (*heard)(void *ctx); /* bytes came */
	void (*event)(void *ctx, const struct watch_event *event); /* no ERROR */
	void (*done)(void *ctx, const struct watch_end *end); /* it is gone after it */
};

struct watch *watch_start(const struct watch_args *args); /* no callback from inside */
void watch_cancel(struct watch *w); /* NULL is fine; not from inside started, heard and event */

#endif
