/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All objects of a kind as they are now, page by page, an item at a time while a page comes in. A damaged page is read
 * again; a list that went out of date between two pages begins anew, the second time without pages.
 */
#ifndef KUBE_LIST_H
#define KUBE_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/loop.h"
#include "base/node.h"
#include "kube/api.h"
#include "kube/resource.h"

struct list;

struct list_end {
	bool ok; /* every page came, whole */
	struct err err;
	int status; /* of the answer that was no good; 0 */
	int64_t retry_after_ms; /* -1 */
	const char *version; /* the list's resourceVersion: where a watch goes on. Borrowed for the call; "" */
};

struct list_args {
	struct kube *kube;
	struct loop *loop;
	const struct resource *resource; /* borrowed, like the names */
	const char *namespace, *name; /* NULL: all */
	size_t page; /* objects a page; 0: 500 */
	void *ctx;
	/* A page that is read again, and a list that begins anew, bring the same items again. */
	void (*item)(void *ctx, const struct node *item);
	void (*heard)(void *ctx); /* bytes came */
	void (*done)(void *ctx, const struct list_end *end); /* it is gone after it */
};

struct list *list_start(const struct list_args *args); /* no callback from inside */
void list_cancel(struct list *l); /* NULL is fine; not from inside item and heard */

/* The path of a resource with its field selector, for lists and watches. */
void list_path(struct buf *out, const struct resource *r, const char *namespace, const char *name);
/* Does a refusal, by its HTTP status and its Status body's reason, say that the version or page is too old? */
bool list_expired(int status, const char *reason);
/* The media types to ask for, the first that the server has; NULL: JSON as usual. */
const char *list_accept(const struct resource *r, bool watch);

#endif
