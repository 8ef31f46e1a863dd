/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/portforward.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "kube/http1.h"
#include "kube/resource.h"
#include "kube/stream.h"

#define LIMIT_MS 10000
#define BODY_LIMIT (64 * 1024)
#define ERROR_LIMIT 1024

enum channel { CHANNEL_DATA, CHANNEL_ERROR, CHANNELS };

struct portforward {
	struct portforward_args args; /* its numbers and callbacks */
	char *namespace, *pod, *path;
	struct stream *stream;
	struct loop_timer *limit;
	struct {
		unsigned char at[2];
		size_t n;
	} port[CHANNELS]; /* each channel begins with the port, as little-endian uint16 */
	struct http1 answer;
	struct buf error;
};

static void
destroy(struct portforward *p)
{
	stream_close(p->stream);
	loop_timer_remove(p->limit);
	http1_free(&p->answer);
	buf_free(&p->error);
	free(p->path);
	free(p->namespace);
	free(p->pod);
	free(p);
}

/* The end; p is gone after it. e NULL: the answer is whole. */
static void
finish(struct portforward *p, const struct err *e)
{
	struct err why;

	stream_close(p->stream);
	p->stream = NULL;
	if (e) {
		why = *e;
		stream_name_rights(&why, "portforward", p->namespace);
		err_wrap(&why, "port %d of %s/%s", p->args.port, p->namespace, p->pod);
		p->args.done(p->args.ctx, 0, "", 0, &why);
	} else {
		p->args.done(p->args.ctx, p->answer.status, buf_str(&p->answer.body), p->answer.body.len, NULL);
	}
	destroy(p);
}

static void
on_limit(void *ctx)
{
	struct portforward *p = ctx;
	struct err e;

	err_set(&e, ERR_SOURCE, 0, "no answer within %lld s", (long long)(p->args.limit_ms + 999) / 1000);
	finish(p, &e);
}

static void
on_opened(void *ctx, const char *protocol)
{
	AUTO(buf) struct buf request = {0};
	struct portforward *p = ctx;

	(void)protocol;
	buf_addf(&request,
		 "GET %s HTTP/1.1\r\nHost: localhost:%d\r\nUser-Agent: moat\r\nAccept: */*\r\n"
		 "Connection: close\r\n\r\n",
		 p->path, p->args.port);
	stream_send(p->stream, CHANNEL_DATA, request.data, request.len);
}

/* What the API server says about the forwarding itself, in words. */
static bool
forwarding_failed(struct portforward *p, struct err *e)
{
	size_t len = p->error.len;

	while (len && strchr("\r\n ", p->error.data[len - 1]))
		len--;
	return err_set(e, ERR_SOURCE, 0, "%.*s", (int)len, buf_str(&p->error));
}

static bool
take_data(struct portforward *p, const char *data, size_t len, struct err *e)
{
	size_t used;

	if (!http1_feed(&p->answer, data, len, &used, e))
		return false;
	if (p->answer.cut)
		return err_set(e, ERR_SOURCE, 0, "the answer is longer than %zu bytes", p->args.body_limit);
	return true;
}

static bool
on_message(void *ctx, unsigned channel, const char *data, size_t len, struct err *e)
{
	struct portforward *p = ctx;

	if (channel >= CHANNELS)
		return true;
	for (; len && p->port[channel].n < 2; data++, len--)
		p->port[channel].at[p->port[channel].n++] = (unsigned char)*data;
	if (p->port[channel].n < 2 || !len)
		return true;
	if (p->port[channel].at[0] + p->port[channel].at[1] * 256 != p->args.port)
		return err_set(e, ERR_SOURCE, 0, "the server forwards another port than was asked for");
	if (channel == CHANNEL_ERROR) {
		buf_add(&p->error, data, len < ERROR_LIMIT ? len : ERROR_LIMIT);
		return forwarding_failed(p, e);
	}
	if (!take_data(p, data, len, e))
		return false;
	if (p->answer.done)
		finish(p, NULL);
	return true;
}

static void
on_closed(void *ctx, const struct err *e)
{
	struct portforward *p = ctx;
	struct err why;

	p->stream = NULL;
	if (e) {
		finish(p, e);
		return;
	}
	finish(p, http1_end(&p->answer, &why) ? NULL : &why);
}

static void
add_path(struct buf *path, const struct portforward_args *args)
{
	char port[12];

	snprintf(port, sizeof(port), "%d", args->port);
	resource_path(path, resource_by_kind("Pod"), args->namespace, args->pod, "portforward");
	resource_query(path, "ports", port);
}

struct portforward *
portforward_get(const struct portforward_args *args)
{
	static const char *const protocols[] = {"v4.channel.k8s.io"};
	AUTO(buf) struct buf path = {0};
	struct portforward *p = mem_alloc(sizeof(*p));

	p->args = *args;
	p->args.limit_ms = args->limit_ms ? args->limit_ms : LIMIT_MS;
	p->args.body_limit = args->body_limit ? args->body_limit : BODY_LIMIT;
	p->answer.body_limit = p->args.body_limit;
	p->path = mem_strdup(args->path);
	p->namespace = mem_strdup(args->namespace);
	p->pod = mem_strdup(args->pod);
	p->limit = loop_add_timer(args->loop, on_limit, p);
	loop_timer_set(p->limit, p->args.limit_ms);
	add_path(&path, args);
	p->stream = stream_open(&(struct stream_args){.kube = args->kube,
						      .loop = args->loop,
						      .path = buf_str(&path),
						      .protocols = protocols,
						      .n_protocols = COUNT_OF(protocols),
						      .ctx = p,
						      .opened = on_opened,
						      .message = on_message,
						      .closed = on_closed});
	return p;
}

void
portforward_cancel(struct portforward *p)
{
	if (p)
		destroy(p);
}
