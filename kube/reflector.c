/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/reflector.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/json_scan.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "kube/backoff.h"
#include "kube/list.h"
#include "kube/watch.h"

#define FORBIDDEN_MS 60000
#define ABSENT_MS 600000
#define POLL_MS 300000 /* between lists of what may be listed but not watched */
#define GOOD_MS 120000 /* a watch that lived as long starts the waits from the shortest again */
#define HURRY_MS 500 /* within which those come that waited for the same server */
#define LIVED_MS 5000 /* one that lived as long and broke is begun again at once */
#define TRIES 5 /* of a list that nobody watches, ... */
#define TRY_MS 15000 /* ... none of them later than this after the first began */
#define SERVER_WAIT_MS 60000 /* a longer Retry-After is not believed */

struct reflector {
	struct reflector_options opt;
	char *namespace, *name, *api_version;
	struct reflector_status status;
	struct decode_context decode;
	struct list *list;
	struct watch *watch;
	struct kube_call *get;
	struct loop_timer *timer;
	void (*next)(struct reflector *r); /* what the timer is for */
	struct buf version; /* the watch goes on from here; empty: list first */
	struct backoff backoff;
	bool expired; /* a watch was refused as too old, and none has lived since */
	bool in_list; /* between begin and commit or abandon */
	bool streaming; /* that list is a watch */
	bool no_stream; /* the server refused one */
	bool may_hurry; /* RETRYING, and nobody asked for the wait that it is in */
	bool hurried; /* since it last got through */
	bool fresh; /* listed, and no watch was agreed to since */
	int64_t watch_since; /* clock_ms of when it was agreed to; -1 */
	size_t watch_events; /* of the one that is open */
	unsigned garbage; /* watches in a row that brought nothing but that */
	unsigned failures; /* in a row */
	int64_t tried_ms; /* clock_ms: when the first of them began; 0 before */
};

static void start_list(struct reflector *r);
static void start_watch(struct reflector *r);

/* --- status --- */

static void
set_state(struct reflector *r, enum reflector_state state, const struct err *e)
{
	struct reflector_status *s = &r->status;
	const char *reason = e ? e->msg : "";
	bool same = s->state == state && str_eq(s->err.msg, reason);

	if (s->state != state)
		s->since_ms = clock_ms();
	if (state == REFLECTOR_LIVE)
		r->hurried = false;
	s->state = state;
	s->err = e ? *e : (struct err){0};
	if (same)
		return;
	if (e)
		log_info("%s: %s", r->opt.resource->plural, e->msg);
	r->opt.events.changed(r->opt.events.ctx, r);
}

static void
heard(void *ctx)
{
	struct reflector *r = ctx;

	r->status.heard_ms = clock_ms();
}

static void
when(struct reflector *r, int64_t ms, void (*next)(struct reflector *r))
{
	r->next = next;
	loop_timer_set(r->timer, ms);
}

static void
timer_fired(void *ctx)
{
	struct reflector *r = ctx;

	r->next(r);
}

/* --- objects --- */

static void
put(struct reflector *r, const struct node *tree)
{
	const struct reflector_events *events = &r->opt.events;
	const struct node *meta = node_get(tree, "metadata");
	struct object *o;
	struct err e = {0};

	if (!decode_object(&r->decode, NULL, tree, &o, &e))
		events->bad(events->ctx, r, node_get_text(meta, "namespace"), node_get_text(meta, "name"), &e);
	else if (o)
		events->put(events->ctx, r, o, node_get_text(meta, "resourceVersion"));
}

static void
begin(struct reflector *r)
{
	if (r->in_list)
		return;
	r->in_list = true;
	r->opt.events.begin(r->opt.events.ctx, r);
}

static void
commit(struct reflector *r)
{
	r->in_list = false;
	r->streaming = false;
	r->status.listed = true;
	r->fresh = true;
	r->failures = 0;
	r->opt.events.commit(r->opt.events.ctx, r);
}

static void
abandon(struct reflector *r)
{
	if (!r->in_list)
		return;
	r->in_list = false;
	r->streaming = false;
	r->opt.events.abandon(r->opt.events.ctx, r);
}

static void
set_version(struct reflector *r, const char *version)
{
	buf_clear(&r->version);
	buf_adds(&r->version, version);
}

/* --- what went wrong --- */

static int64_t
wait_ms(struct reflector *r, int64_t retry_after_ms)
{
	int64_t ms = backoff_next(&r->backoff);

	if (retry_after_ms > SERVER_WAIT_MS)
		retry_after_ms = SERVER_WAIT_MS;
	return retry_after_ms > ms ? retry_after_ms + backoff_between(0, 500) : ms;
}

static void
retry(struct reflector *r, const struct err *e, int64_t retry_after_ms, void (*next)(struct reflector *r))
{
	int64_t ms = wait_ms(r, retry_after_ms);

	r->failures++;
	r->may_hurry = retry_after_ms < 0;
	if (!r->opt.watch && (r->failures >= TRIES || clock_ms() - r->tried_ms > TRY_MS))
		r->status.gave_up = true;
	else
		when(r, ms, next);
	set_state(r, REFLECTOR_RETRYING, e);
}

/* The kind is not there, so none of its objects is. */
static void
absent(struct reflector *r, const struct err *e)
{
	begin(r);
	r->in_list = false;
	r->opt.events.commit(r->opt.events.ctx, r);
	if (r->opt.watch)
		when(r, r->opt.resource->optional ? ABSENT_MS : FORBIDDEN_MS, start_list);
	set_state(r, REFLECTOR_ABSENT, e);
}

static void
forbidden(struct reflector *r, const struct err *e)
{
	abandon(r);
	if (r->opt.watch)
		when(r, FORBIDDEN_MS, start_list);
	set_state(r, REFLECTOR_FORBIDDEN, e);
}

/*
 * A kind that cannot be listed (405) is as good as none. One that every server has, and that was listed before, is not gone:
 * something that stands before the server says so, and its objects are kept.
 */
static bool
says_absent(const struct reflector *r, int status)
{
	return (status == 404 || status == 405) && (r->opt.resource->optional || !r->status.listed);
}

/* An HTTP status that says no. */
static bool
refused(struct reflector *r, int status, const struct err *e)
{
	if (status == 401 || status == 403)
		forbidden(r, e);
	else if (says_absent(r, status))
		absent(r, e);
	else
		return false;
	buf_clear(&r->version);
	return true;
}

/* --- one object by its name: who may not list namespaces may often get his own --- */

static void
look_again(struct reflector *r)
{
	if (r->opt.watch)
		when(r, FORBIDDEN_MS, start_list);
	set_state(r, REFLECTOR_DONE, NULL);
}

static void
take_one(struct reflector *r, const char *body, size_t len)
{
	AUTO(arena) struct arena arena = {0};
	const struct json_options options = {.raw_keys = decode_raw_keys};
	struct node *tree;
	struct err e = {0};

	if (!json_parse(&arena, r->opt.resource->plural, body, len, 0, &options, &tree, &e)) {
		abandon(r);
		retry(r, &e, -1, start_list);
		return;
	}
	put(r, tree);
	commit(r);
	look_again(r);
}

static void
get_done(void *ctx, const struct kube_answer *a)
{
	struct reflector *r = ctx;

	r->get = NULL;
	heard(r);
	if (a->ok) {
		take_one(r, a->body, a->body_len);
	} else if (a->status == 404) {
		commit(r);
		look_again(r);
	} else if (!refused(r, a->status, &a->err)) {
		abandon(r);
		retry(r, &a->err, a->retry_after_ms, start_list);
	}
}

static void
start_get(struct reflector *r)
{
	AUTO(buf) struct buf path = {0};

	resource_path(&path, r->opt.resource, r->namespace, r->name, NULL);
	r->get = kube_start(r->opt.kube, &(struct kube_call_args){
						 .path = buf_str(&path),
						 .ctx = r,
						 .done = get_done,
					 });
}

/* --- lists --- */

static void
list_item(void *ctx, const struct node *item)
{
	put(ctx, item);
}

static void
listed(struct reflector *r, const char *version)
{
	set_version(r, version);
	commit(r);
	if (!r->opt.watch)
		set_state(r, REFLECTOR_DONE, NULL);
	else
		start_watch(r);
}

static void
list_done(void *ctx, const struct list_end *end)
{
	struct reflector *r = ctx;

	r->list = NULL;
	if (end->ok) {
		heard(r);
		listed(r, end->version);
	} else if (end->status == 403 && r->name) {
		start_get(r);
	} else if (!refused(r, end->status, &end->err)) {
		abandon(r);
		retry(r, &end->err, end->retry_after_ms, start_list);
	}
}

static void
start_pages(struct reflector *r)
{
	r->status.lists++;
	r->list = list_start(&(struct list_args){
		.kube = r->opt.kube,
		.loop = r->opt.loop,
		.resource = r->opt.resource,
		.namespace = r->namespace,
		.name = r->name,
		.page = r->opt.page,
		.ctx = r,
		.item = list_item,
		.heard = heard,
		.done = list_done,
	});
}

/* What was wrong stays the state until the list is here: a look at what is forbidden is no news. */
static void
start_list(struct reflector *r)
{
	if (!r->failures)
		r->tried_ms = clock_ms();
	buf_clear(&r->version);
	r->status.gave_up = false;
	begin(r);
	if (r->status.state == REFLECTOR_LIVE)
		set_state(r, REFLECTOR_LISTING, NULL);
	r->streaming = r->opt.watch && r->opt.stream && !r->no_stream && !r->name;
	if (r->streaming)
		start_watch(r);
	else
		start_pages(r);
}

/* --- watches --- */

static void
watch_started(void *ctx)
{
	struct reflector *r = ctx;

	heard(r);
	r->watch_since = clock_ms();
	r->fresh = false;
	if (!r->streaming)
		set_state(r, REFLECTOR_LIVE, NULL);
}

static void
streamed(struct reflector *r)
{
	commit(r);
	r->fresh = false; /* the list is the watch, which goes on */
	set_state(r, REFLECTOR_LIVE, NULL);
}

static void
deleted(struct reflector *r, const struct node *tree)
{
	const struct node *meta = node_get(tree, "metadata");

	r->opt.events.gone(r->opt.events.ctx, r, node_get_text(meta, "namespace"), node_get_text(meta, "name"));
}

static void
watch_event(void *ctx, const struct watch_event *event)
{
	struct reflector *r = ctx;

	r->status.events++;
	r->watch_events++;
	r->garbage = 0;
	if (event->type == WATCH_DELETED)
		deleted(r, event->object);
	else if (event->type != WATCH_BOOKMARK)
		put(r, event->object);
	/* A list that is not whole yet has no version to go on from. */
	if (!r->streaming || event->initial_end)
		set_version(r, event->version);
	if (r->streaming && event->initial_end)
		streamed(r);
}

/* The server has no streaming lists, or is not able to give one now: pages then, and from now on. */
static void
stream_failed(struct reflector *r, const struct watch_end *end)
{
	log_info("%s: no streaming list: %s", r->opt.resource->plural,
		 end->how == WATCH_ENDED ? "it ended before it was whole" : end->err.msg);
	r->no_stream = true;
	r->streaming = false;
	start_pages(r);
}

static void
watch_broken(struct reflector *r, const struct watch_end *end, int64_t lived)
{
	if (lived >= LIVED_MS)
		when(r, backoff_between(0, 200),
		     start_watch); /* a connection that was lost is not yet a server that is */
	else
		retry(r, &end->err, end->retry_after_ms, start_watch);
}

/*
 * What was listed a moment ago may not be watched: it is listed now and then, and the reason stays to be seen. Else a list
 * tells what became of it; one of 401 soon, since who was known a moment ago may be again.
 */
static void
watch_refused(struct reflector *r, const struct watch_end *end)
{
	if (end->status == 401) {
		retry(r, &end->err, end->retry_after_ms, start_list);
	} else if (end->status != 403 && end->status != 404 && end->status != 405) {
		retry(r, &end->err, end->retry_after_ms, start_watch);
	} else if (r->fresh) {
		when(r, POLL_MS, start_list);
		set_state(r, REFLECTOR_DONE, &end->err);
	} else {
		when(r, 0, start_list);
	}
}

/* First from the last good version: the fault may be in one answer only. */
static void
watch_garbage(struct reflector *r, const struct watch_end *end)
{
	retry(r, &end->err, -1, ++r->garbage > 1 ? start_list : start_watch);
}

static void
watch_ended(struct reflector *r, int64_t lived)
{
	/* One that is over at once, again and again, must not become a storm of requests. */
	bool at_once = lived < LIVED_MS && !r->watch_events;

	when(r, at_once ? backoff_next(&r->backoff) : backoff_between(0, 200), start_watch);
}

static void
watch_done(void *ctx, const struct watch_end *end)
{
	struct reflector *r = ctx;
	int64_t lived = r->watch_since < 0 ? 0 : clock_ms() - r->watch_since;

	r->watch = NULL;
	if (lived >= GOOD_MS) {
		backoff_reset(&r->backoff);
		r->failures = 0;
		r->expired = false;
	}
	if (r->streaming) {
		stream_failed(r, end);
		return;
	}
	switch (end->how) {
	case WATCH_ENDED:
		watch_ended(r, lived);
		break;
	case WATCH_EXPIRED:
		/* The server answers: what it was waited for while it did not is over. */
		if (!r->expired)
			backoff_reset(&r->backoff);
		r->expired = true;
		retry(r, &end->err, end->retry_after_ms, start_list);
		break;
	case WATCH_REFUSED:
		watch_refused(r, end);
		break;
	case WATCH_BROKEN:
		watch_broken(r, end, lived);
		break;
	case WATCH_GARBAGE:
		watch_garbage(r, end);
		break;
	}
}

static void
start_watch(struct reflector *r)
{
	r->status.watches++;
	r->watch_since = -1;
	r->watch_events = 0;
	r->watch = watch_start(&(struct watch_args){
		.kube = r->opt.kube,
		.resource = r->opt.resource,
		.namespace = r->namespace,
		.name = r->name,
		.version = r->streaming ? NULL : buf_str(&r->version),
		.ctx = r,
		.started = watch_started,
		.heard = heard,
		.event = watch_event,
		.done = watch_done,
	});
}

/* --- what others call --- */

struct reflector *
reflector_new(const struct reflector_options *opt)
{
	struct reflector *r = mem_alloc(sizeof(*r));
	const struct resource *resource = opt->resource;

	r->opt = *opt;
	r->namespace = mem_strdup(opt->namespace);
	r->name = mem_strdup(opt->name);
	r->api_version = resource_api_version(resource);
	r->decode = (struct decode_context){
		.seen = opt->seen,
		.kind = resource->kind,
		.api_version = r->api_version,
		.metadata = resource->metadata,
		.default_namespace = r->namespace,
	};
	r->status.heard_ms = -1;
	r->status.since_ms = clock_ms();
	r->timer = loop_add_timer(opt->loop, timer_fired, r);
	when(r, 0, start_list);
	return r;
}

static void
stop(struct reflector *r)
{
	list_cancel(r->list);
	watch_cancel(r->watch);
	kube_cancel(r->get);
	loop_timer_cancel(r->timer);
	r->list = NULL;
	r->watch = NULL;
	r->get = NULL;
}

void
reflector_free(struct reflector *r)
{
	if (!r)
		return;
	stop(r);
	loop_timer_remove(r->timer);
	buf_free(&r->version);
	free(r->namespace);
	free(r->name);
	free(r->api_version);
	free(r);
}

struct reflector_status
reflector_status(const struct reflector *r)
{
	return r->status;
}

void
reflector_hurry(struct reflector *r)
{
	bool waits = !r->list && !r->watch && !r->get && !r->status.gave_up;

	if (r->status.state != REFLECTOR_RETRYING || !waits || !r->may_hurry || r->hurried)
		return;
	r->hurried = true;
	when(r, backoff_between(0, HURRY_MS), r->next);
}

void
reflector_relist(struct reflector *r)
{
	stop(r);
	abandon(r);
	backoff_reset(&r->backoff);
	r->failures = 0;
	when(r, 0, start_list);
}
