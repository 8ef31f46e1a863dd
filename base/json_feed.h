/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON that is pushed, in pieces cut anywhere, as a server sends it: values one after another (a watch), or the items of
 * one list (a page). Each is parsed as soon as it is whole, and only one is held; no byte is looked for twice.
 * json_scan.h is the same for what can be pulled.
 */
#ifndef BASE_JSON_FEED_H
#define BASE_JSON_FEED_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/node.h"

struct json_feed;

/* Trees are gone after the call; false ends the feeding with that error. */
struct json_feed_options {
	const char *name; /* for messages: "NAME:LINE: ..."; borrowed */
	const char *const *raw_keys; /* as json_options has them */
	bool items; /* one object, whose `items` come one by one; else any number of objects */
	size_t limit; /* bytes of a value, and of what stands beside the items; more is an error. 0: 64 MiB */
	void *ctx;
	bool (*value)(void *ctx, const struct node *value, struct err *e); /* an object, or an item */
	bool (*head)(void *ctx, const struct node *head,
		     struct err *e); /* the list, its items left out; comes last */
};

struct json_feed *json_feed_new(const struct json_feed_options *opt);
bool json_feed_add(struct json_feed *f, const char *data, size_t len, struct err *e) MUST_USE;
/* No more will come: false when that is in the middle of a value, or there was no list. */
bool json_feed_end(struct json_feed *f, struct err *e) MUST_USE;
void json_feed_free(struct json_feed *f); /* NULL is fine; not from inside its callbacks */

#endif
