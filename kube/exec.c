/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/exec.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "kube/exec_status.h"
#include "kube/resource.h"
#include "kube/stream.h"

#define LIMIT_MS 60000
#define OUTPUT_LIMIT (256 * 1024)
#define INPUT_PIECE (32 * 1024)
#define CLOSE_MS 3000 /* for the close frame, once the status is here */

#define V5 "v5.channel.k8s.io"

enum channel { CHANNEL_IN, CHANNEL_OUT, CHANNEL_ERRORS, CHANNEL_STATUS, CHANNEL_CLOSE = 255 };

struct exec {
	struct exec_args args; /* its numbers and callbacks */
	char *namespace, *pod;
	struct stream *stream;
	struct loop_timer *limit;
	char *input;
	struct buf out, errors, status;
	bool has_status, cut;
};

static void
destroy(struct exec *x)
{
	stream_close(x->stream);
	loop_timer_remove(x->limit);
	buf_free(&x->out);
	buf_free(&x->errors);
	buf_free(&x->status);
	free(x->input);
	free(x->namespace);
	free(x->pod);
	free(x);
}

/* The end; x is gone after it. e: it did not run. */
static void
finish(struct exec *x, int status, const struct err *e)
{
	struct exec_result r = {
		.ran = !e,
		.status = status,
		.out = buf_str(&x->out),
		.out_len = x->out.len,
		.errors = buf_str(&x->errors),
		.errors_len = x->errors.len,
		.cut = x->cut,
	};

	if (e) {
		r.err = *e;
		stream_name_rights(&r.err, "exec", x->namespace);
		err_wrap(&r.err, "exec in %s/%s", x->namespace, x->pod);
	}
	stream_close(x->stream);
	x->stream = NULL;
	x->args.done(x->args.ctx, &r);
	destroy(x);
}

static void
finish_with_status(struct exec *x)
{
	struct err e;
	int status = -1;

	if (exec_status(buf_str(&x->status), x->status.len, &status, &e))
		finish(x, status, NULL);
	else
		finish(x, -1, &e);
}

static void
on_limit(void *ctx)
{
	struct exec *x = ctx;
	struct err e;

	if (x->has_status) { /* only the close frame is missing */
		finish_with_status(x);
		return;
	}
	err_set(&e, ERR_SOURCE, 0, "the command did not end within %lld s",
		(long long)(x->args.limit_ms + 999) / 1000);
	finish(x, -1, &e);
}

static void
send_input(struct exec *x)
{
	size_t n;

	for (size_t at = 0; at < x->args.input_len; at += n) {
		n = x->args.input_len - at < INPUT_PIECE ? x->args.input_len - at : INPUT_PIECE;
		stream_send(x->stream, CHANNEL_IN, x->input + at, n);
	}
	stream_send(x->stream, CHANNEL_CLOSE, "", 1); /* the channel that is closed: 0 */
}

static void
on_opened(void *ctx, const char *protocol)
{
	struct exec *x = ctx;
	struct err e;

	if (!x->input)
		return;
	if (str_eq(protocol, V5)) {
		send_input(x);
		return;
	}
	err_set(&e, ERR_SOURCE, 0,
		"the server speaks %s, which cannot end a command's input; Kubernetes 1.30 and later can",
		protocol);
	finish(x, -1, &e);
}

static void
keep(struct exec *x, struct buf *out, const char *data, size_t len)
{
	size_t room = x->args.output_limit - out->len;

	if (len > room)
		x->cut = true;
	buf_add(out, data, len < room ? len : room);
}

static bool
on_message(void *ctx, unsigned channel, const char *data, size_t len, struct err *e)
{
	struct exec *x = ctx;

	(void)e;
	switch (channel) {
	case CHANNEL_OUT:
		keep(x, &x->out, data, len);
		break;
	case CHANNEL_ERRORS:
		keep(x, &x->errors, data, len);
		break;
	case CHANNEL_STATUS:
		if (x->has_status || !len)
			break;
		buf_add(&x->status, data, len);
		x->has_status = true;
		loop_timer_set(x->limit, CLOSE_MS);
		break;
	default: /* a channel that a later version has, or the close of one */
		break;
	}
	return true;
}

/* What is wrong with the request, as opposed to the cluster: the container, or the pod. */
static bool
is_input(int http_status)
{
	return http_status == 400 || http_status == 404;
}

static void
on_closed(void *ctx, const struct err *e)
{
	struct exec *x = ctx;
	struct err why;

	x->stream = NULL;
	if (x->has_status) { /* how the connection went down does not matter any more */
		finish_with_status(x);
		return;
	}
	if (e)
		why = *e;
	else
		err_set(&why, ERR_SOURCE, 0, "the stream ended without the command's status");
	if (is_input(why.code))
		why.kind = ERR_INPUT;
	finish(x, -1, &why);
}

static void
add_path(struct buf *path, const struct exec_args *args)
{
	resource_path(path, resource_by_kind("Pod"), args->namespace, args->pod, "exec");
	for (size_t i = 0; i < args->n_command; i++)
		resource_query(path, "command", args->command[i]);
	if (args->container)
		resource_query(path, "container", args->container);
	if (args->input)
		resource_query(path, "stdin", "true");
	resource_query(path, "stdout", "true");
	resource_query(path, "stderr", "true");
}

struct exec *
exec_start(const struct exec_args *args)
{
	static const char *const protocols[] = {V5, "v4.channel.k8s.io"};
	AUTO(buf) struct buf path = {0};
	struct exec *x = mem_alloc(sizeof(*x));

	x->args = *args;
	x->namespace = mem_strdup(args->namespace);
	x->pod = mem_strdup(args->pod);
	x->args.limit_ms = args->limit_ms ? args->limit_ms : LIMIT_MS;
	x->args.output_limit = args->output_limit ? args->output_limit : OUTPUT_LIMIT;
	if (args->input) {
		x->input = mem_alloc(args->input_len + 1);
		memcpy(x->input, args->input, args->input_len);
	}
	x->limit = loop_add_timer(args->loop, on_limit, x);
	loop_timer_set(x->limit, x->args.limit_ms);
	add_path(&path, args);
	x->stream = stream_open(&(struct stream_args){.kube = args->kube,
						      .loop = args->loop,
						      .path = buf_str(&path),
						      .protocols = protocols,
						      .n_protocols = COUNT_OF(protocols),
						      .ctx = x,
						      .opened = on_opened,
						      .message = on_message,
						      .closed = on_closed});
	return x;
}

void
exec_cancel(struct exec *x)
{
	if (x)
		destroy(x);
}
