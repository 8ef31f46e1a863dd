/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One kind in one namespace (or all), listed and then watched for as long as it is wanted, as client-go's reflector does
 * it: pages, bookmarks, resume, 410 in every form, back-off with jitter, streaming lists where the server has them.
 * It decodes on the way, an object at a time, and never holds a page as a tree.
 */
#ifndef KUBE_REFLECTOR_H
#define KUBE_REFLECTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "decode/decode.h"
#include "fleet/object.h"
#include "kube/api.h"
#include "kube/resource.h"

struct reflector;

enum reflector_state {
	REFLECTOR_LISTING, /* the first time, or anew */
	REFLECTOR_LIVE, /* watched: what was put is what there is */
	REFLECTOR_DONE, /* listed, and not to be watched, or only looked at from time to time */
	REFLECTOR_RETRYING, /* lost: what was put may be old; err says why */
	REFLECTOR_FORBIDDEN, /* 401 or 403; tried again every minute or so where `watch` is set */
	REFLECTOR_ABSENT, /* the server does not have the kind; looked for again, if it is optional every ten minutes */
};

struct reflector_status {
	enum reflector_state state;
	struct err err; /* RETRYING, FORBIDDEN, ABSENT: the last reason; DONE: why it is not watched, if there is a reason */
	int64_t since_ms; /* clock_ms of the state's begin */
	int64_t heard_ms; /* clock_ms of the last byte or good answer; -1 before */
	bool listed; /* a whole list was read at least once */
	bool gave_up; /* RETRYING without a watch: no further try */
	size_t lists, watches, events; /* since the start */
};

/* All on the loop's thread. */
struct reflector_events {
	void *ctx;
	void (*begin)(void *ctx, struct reflector *r); /* a list begins: what is not put before commit is gone */
	/* Takes the reference; added or changed, or as it was. version: its resourceVersion, "" for none. */
	void (*put)(void *ctx, struct reflector *r, struct object *o, const char *version);
	void (*gone)(void *ctx, struct reflector *r, const char *namespace, const char *name);
	void (*commit)(void *ctx, struct reflector *r); /* the list is whole */
	void (*abandon)(void *ctx, struct reflector *r); /* the list broke off: what was put since begin stays, nothing is gone */
	/* One item that cannot be decoded takes no place; the rest goes on. A name of NULL or "": it has none that is one. */
	void (*bad)(void *ctx, struct reflector *r, const char *namespace, const char *name, const struct err *e);
	void (*changed)(void *ctx, struct reflector *r); /* the status has another state, or another reason */
};

struct reflector_options {
	struct kube *kube;
	struct loop *loop;
	const struct resource *resource;
	const char *namespace; /* NULL: all */
	const char *name; /* only that object (a Namespace, when only one may be read); NULL: all */
	bool watch;
	bool stream; /* the server has streaming lists: the first list is one */
	struct seen *seen; /* decode_context's; NULL */
	struct reflector_events events;
	size_t page; /* objects a page; 0: 500 */
};

struct reflector *reflector_new(const struct reflector_options *opt); /* starts at once */
void reflector_free(struct reflector *r); /* NULL is fine */
struct reflector_status reflector_status(const struct reflector *r);
/*
 * The server answers others: where it was lost, the next try is now, once until it has got through itself. What the server
 * asked to wait for is waited for all the same.
 */
void reflector_hurry(struct reflector *r);
void reflector_relist(struct reflector *r); /* now: ctrl-r, or an owner that was lost */

#endif
