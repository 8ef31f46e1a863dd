/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/watch.h"

#include <stdlib.h>

#include "base/json_feed.h"
#include "base/mem.h"
#include "base/str.h"
#include "decode/decode.h"
#include "kube/backoff.h"
#include "kube/list.h"

/* The server ends a watch after so many seconds, a random number: clients must not come back together. */
#define SECONDS_MIN 300
#define SECONDS_MAX 600
/* A bookmark comes about every minute: what is silent for longer is dead. */
#define IDLE_MS 100000

struct watch {
	struct watch_args args;
	struct kube_call *call;
	struct json_feed *feed;
	struct watch_end end; /* what ended it, when that came in the stream */
	bool ended;
};

static void
watch_free(struct watch *w)
{
	json_feed_free(w->feed);
	free(w);
}

void
watch_cancel(struct watch *w)
{
	if (!w)
		return;
	kube_cancel(w->call);
	watch_free(w);
}

static bool
is_expired(int status, const char *reason, bool rv_too_large)
{
	return rv_too_large || list_expired(status, reason);
}

/* A Status inside the stream: as if the server had answered with it. */
static bool
server_error(struct watch *w, const struct watch_event *event, struct err *e)
{
	bool expired = is_expired(event->code, event->reason, event->rv_too_large);
	struct err err;

	err_set(&err, event->code == 401 || event->code == 403 ? ERR_DENIED : ERR_SOURCE, event->code,
		"watch %s: %.300s", w->args.resource->plural,
		*event->message	 ? event->message
		: *event->reason ? event->reason
				 : "an error without a message");
	w->end = (struct watch_end){
		.how = expired ? WATCH_EXPIRED : WATCH_REFUSED,
		.err = err,
		.status = event->code,
		.retry_after_ms = -1,
	};
	w->ended = true;
	if (e)
		*e = err;
	return false;
}

static bool
take_event(void *ctx, const struct node *tree, struct err *e)
{
	struct watch *w = ctx;
	struct watch_event event;

	if (!watch_event_read(tree, &event, e))
		return false;
	if (event.type == WATCH_ERROR)
		return server_error(w, &event, e);
	w->args.event(w->args.ctx, &event);
	return true;
}

static void
call_started(void *ctx)
{
	struct watch *w = ctx;

	w->args.started(w->args.ctx);
}

static bool
call_data(void *ctx, const char *data, size_t len, struct err *e)
{
	struct watch *w = ctx;
	struct err bad = {0};

	w->args.heard(w->args.ctx);
	if (json_feed_add(w->feed, data, len, &bad))
		return true;
	if (!w->ended)
		w->end = (struct watch_end){.how = WATCH_GARBAGE, .err = bad, .retry_after_ms = -1};
	w->ended = true;
	if (e)
		*e = bad;
	return false;
}

static enum watch_how
how_it_ended(const struct kube_answer *a)
{
	if (a->ok)
		return WATCH_ENDED;
	if (is_expired(a->status, a->reason, a->rv_too_large))
		return WATCH_EXPIRED;
	return a->status >= 300 ? WATCH_REFUSED : WATCH_BROKEN;
}

/* An event that is cut off at the end is as good as none: it comes again, for its version was not reached. */
static void
call_done(void *ctx, const struct kube_answer *a)
{
	struct watch *w = ctx;

	w->call = NULL;
	if (!w->ended)
		w->end = (struct watch_end){
			.how = how_it_ended(a),
			.err = a->err,
			.status = a->ok ? 0 : a->status,
			.retry_after_ms = a->retry_after_ms,
		};
	w->args.done(w->args.ctx, &w->end);
	watch_free(w);
}

static void
watch_path(struct buf *path, const struct watch_args *args)
{
	AUTO(free) char *seconds = mem_printf("%d", (int)backoff_between(SECONDS_MIN, SECONDS_MAX));

	list_path(path, args->resource, args->namespace, args->name);
	resource_query(path, "watch", "1");
	resource_query(path, "allowWatchBookmarks", "true");
	resource_query(path, "timeoutSeconds", seconds);
	if (args->version) {
		resource_query(path, "resourceVersion", args->version);
		return;
	}
	resource_query(path, "sendInitialEvents", "true");
	resource_query(path, "resourceVersionMatch", "NotOlderThan");
}

struct watch *
watch_start(const struct watch_args *args)
{
	struct watch *w = mem_alloc(sizeof(*w));
	AUTO(buf) struct buf path = {0};

	w->args = *args;
	w->feed = json_feed_new(&(struct json_feed_options){
		.name = args->resource->plural,
		.raw_keys = decode_raw_keys,
		.ctx = w,
		.value = take_event,
	});
	watch_path(&path, args);
	w->call = kube_start(args->kube, &(struct kube_call_args){
						 .path = buf_str(&path),
						 .accept = list_accept(args->resource, true),
						 .flags = KUBE_LONG,
						 .idle_ms = IDLE_MS,
						 .ctx = w,
						 .started = call_started,
						 .data = call_data,
						 .done = call_done,
					 });
	return w;
}
