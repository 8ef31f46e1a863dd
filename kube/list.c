/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/list.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json_feed.h"
#include "base/mem.h"
#include "base/str.h"
#include "decode/decode.h"
#include "kube/backoff.h"

#define PAGE 500
#define DAMAGED_MAX 3 /* times that one page is read again, ... */
#define DAMAGED_MS 15000 /* ... none of them later than this after the first that failed */
#define EXPIRED_MAX 3 /* lists that are begun anew: with pages once more, then without */

struct list {
	struct list_args args;
	struct kube_call *call;
	struct loop_timer *timer;
	struct json_feed *feed; /* of the page that comes */
	struct buf token, next_token; /* continue: of this page and of the one behind it */
	struct buf version;
	bool refused; /* the body was no list: feed_err says why */
	struct err feed_err;
	struct backoff backoff;
	unsigned damaged, expired;
	int64_t damaged_ms; /* clock_ms: when the page came damaged for the first time */
};

void
list_path(struct buf *out, const struct resource *r, const char *namespace, const char *name)
{
	resource_path(out, r, namespace, NULL, NULL);
	if (name) {
		AUTO(free) char *selector = mem_printf("metadata.name=%s", name);

		resource_query(out, "fieldSelector", selector);
	}
}

const char *
list_accept(const struct resource *r, bool watch)
{
	if (!r->metadata)
		return NULL;
	return watch ? "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json"
		     : "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";
}

bool
list_expired(int status, const char *reason)
{
	return status == 410 || str_eq(reason, "Expired") || str_eq(reason, "Gone");
}

static void
list_free(struct list *l)
{
	loop_timer_remove(l->timer);
	json_feed_free(l->feed);
	buf_free(&l->token);
	buf_free(&l->next_token);
	buf_free(&l->version);
	free(l);
}

void
list_cancel(struct list *l)
{
	if (!l)
		return;
	kube_cancel(l->call);
	list_free(l);
}

/* --- one page --- */

static bool
take_item(void *ctx, const struct node *item, struct err *e)
{
	struct list *l = ctx;

	(void)e;
	l->args.item(l->args.ctx, item);
	return true;
}

static bool
is_list_of(const struct resource *r, const char *kind)
{
	size_t len = strlen(r->kind);

	if (str_eq(kind, "List") || (r->metadata && str_eq(kind, "PartialObjectMetadataList")))
		return true;
	return kind && strncmp(kind, r->kind, len) == 0 && str_eq(kind + len, "List");
}

static bool
take_head(void *ctx, const struct node *head, struct err *e)
{
	struct list *l = ctx;
	const struct node *meta = node_get(head, "metadata");
	const char *kind = node_get_str(head, "kind");

	if (!is_list_of(l->args.resource, kind))
		return err_set(e, ERR_SOURCE, 0, "the answer is no list of %s but %.60s", l->args.resource->plural,
			       kind ? kind : "something else");
	buf_clear(&l->next_token);
	buf_clear(&l->version);
	buf_adds(&l->next_token, node_get_text(meta, "continue"));
	buf_adds(&l->version, node_get_text(meta, "resourceVersion"));
	return true;
}

static bool
page_data(void *ctx, const char *data, size_t len, struct err *e)
{
	struct list *l = ctx;

	l->args.heard(l->args.ctx);
	if (json_feed_add(l->feed, data, len, e))
		return true;
	l->refused = true;
	if (e)
		l->feed_err = *e;
	return false;
}

static void page_done(void *ctx, const struct kube_answer *a);

static void
read_page(void *ctx)
{
	struct list *l = ctx;
	struct list_args *args = &l->args;
	AUTO(buf) struct buf path = {0};

	json_feed_free(l->feed);
	l->feed = json_feed_new(&(struct json_feed_options){
		.name = args->resource->plural,
		.raw_keys = decode_raw_keys,
		.items = true,
		.ctx = l,
		.value = take_item,
		.head = take_head,
	});
	l->refused = false;
	/* A first page that is refused is for the caller to wait for; with a later one all before it would be lost. */
	list_path(&path, args->resource, args->namespace, args->name);
	if (l->expired < 2) {
		AUTO(free) char *limit = mem_printf("%zu", args->page ? args->page : PAGE);

		resource_query(&path, "limit", limit);
	}
	if (l->token.len)
		resource_query(&path, "continue", buf_str(&l->token));
	l->call = kube_start(args->kube, &(struct kube_call_args){
						 .path = buf_str(&path),
						 .accept = list_accept(args->resource, false),
						 .flags = l->token.len ? KUBE_RETRY : 0,
						 .ctx = l,
						 .data = page_data,
						 .done = page_done,
					 });
}

/* --- all of them --- */

static void
finish(struct list *l, const struct list_end *end)
{
	l->args.done(l->args.ctx, end);
	list_free(l);
}

static void
fail(struct list *l, const struct kube_answer *a, const struct err *e)
{
	struct list_end end = {
		.err = *e,
		.status = a->ok ? 0 : a->status,
		.retry_after_ms = a->retry_after_ms,
		.version = "",
	};

	if (end.err.kind == ERR_INPUT) /* bad JSON, but in no file that the operator gave */
		end.err.kind = ERR_SOURCE;
	finish(l, &end);
}

static void
read_later(struct list *l)
{
	loop_timer_set(l->timer, backoff_next(&l->backoff));
}

/* What a page was read as so far does not count as an answer: the same page once more. */
static void
page_damaged(struct list *l, const struct kube_answer *a, const struct err *e)
{
	if (!l->damaged++)
		l->damaged_ms = clock_ms();
	if (l->damaged > DAMAGED_MAX || clock_ms() - l->damaged_ms > DAMAGED_MS)
		fail(l, a, e);
	else
		read_later(l);
}

static void
page_failed(struct list *l, const struct kube_answer *a)
{
	if (list_expired(a->status, a->reason) && l->token.len && ++l->expired < EXPIRED_MAX) {
		buf_clear(&l->token);
		read_page(l);
	} else if (l->refused) {
		page_damaged(l, a, &l->feed_err);
	} else if (a->status >= 200 && a->status < 300) {
		page_damaged(l, a, &a->err); /* broken off in the middle */
	} else {
		fail(l, a, &a->err);
	}
}

static void
page_done(void *ctx, const struct kube_answer *a)
{
	struct list *l = ctx;
	struct err e = {0};

	l->call = NULL;
	if (!a->ok) {
		page_failed(l, a);
		return;
	}
	if (!json_feed_end(l->feed, &e)) {
		page_damaged(l, a, &e);
		return;
	}
	if (!l->next_token.len) {
		finish(l, &(struct list_end){.ok = true, .version = buf_str(&l->version), .retry_after_ms = -1});
		return;
	}
	l->damaged = 0;
	buf_clear(&l->token);
	buf_adds(&l->token, buf_str(&l->next_token));
	read_page(l);
}

struct list *
list_start(const struct list_args *args)
{
	struct list *l = mem_alloc(sizeof(*l));

	l->args = *args;
	l->timer = loop_add_timer(args->loop, read_page, l);
	read_page(l);
	return l;
}
