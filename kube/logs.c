/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/logs.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "kube/resource.h"

#define LINE_LIMIT (64 * 1024)
#define FOLLOW_IDLE_MS (INT64_C(30) * 24 * 60 * 60 * 1000) /* a container may be silent for as long as it likes */

struct logs {
	struct logs_args args; /* its numbers and callbacks */
	char *what; /* for messages: "agents/x, container c" */
	struct kube_call *call;
	struct buf line; /* what came of the line that has not ended */
	size_t got;
	bool enough;
};

static void
destroy(struct logs *l)
{
	kube_cancel(l->call);
	buf_free(&l->line);
	free(l->what);
	free(l);
}

/* A piece of a line, or all of it: what waits, and what is new. false: the reader has enough. */
static bool
emit(struct logs *l, const char *data, size_t len, bool more)
{
	bool wants;

	if (!l->line.len) {
		wants = l->args.line(l->args.ctx, data, len, more);
	} else {
		buf_add(&l->line, data, len);
		wants = l->args.line(l->args.ctx, l->line.data, l->line.len, more);
		buf_clear(&l->line);
	}
	l->enough = !wants;
	return wants;
}

/* As much of the data as ends a line or fills one. Returns how much that was. */
static size_t
take_line(struct logs *l, const char *data, size_t len)
{
	const char *newline = memchr(data, '\n', len);
	size_t n = newline ? (size_t)(newline - data) : len, room = LINE_LIMIT - l->line.len;

	if (n > room) {
		emit(l, data, room, true);
		return room;
	}
	if (newline) {
		emit(l, data, n, false);
		return n + 1;
	}
	buf_add(&l->line, data, n);
	return n;
}

static bool
on_data(void *ctx, const char *data, size_t len, struct err *e)
{
	struct logs *l = ctx;

	/* The server counts the bytes as well; one that does not is not believed. */
	if (l->args.head_bytes && len > l->args.head_bytes - l->got)
		len = l->args.head_bytes - l->got;
	l->got += len;
	for (size_t at = 0; at < len && !l->enough;)
		at += take_line(l, data + at, len - at);
	if (l->args.head_bytes && l->got == l->args.head_bytes && !l->enough) {
		if (l->line.len)
			emit(l, "", 0, false);
		l->enough = true;
	}
	return !l->enough || err_set(e, ERR_NONE, 0, "enough");
}

static void
on_done(void *ctx, const struct kube_answer *a)
{
	struct logs *l = ctx;
	struct err e;

	l->call = NULL;
	if (!l->enough && l->line.len)
		emit(l, "", 0, false);
	if (a->ok || l->enough) {
		l->args.done(l->args.ctx, NULL);
	} else {
		e = a->err;
		err_wrap(&e, "read the log of %s", l->what);
		l->args.done(l->args.ctx, &e);
	}
	destroy(l);
}

static void
add_number(struct buf *path, const char *name, int64_t number)
{
	char text[24];

	if (number <= 0)
		return;
	snprintf(text, sizeof(text), "%" PRId64, number);
	resource_query(path, name, text);
}

static void
add_path(struct buf *path, const struct logs_args *args)
{
	char since[24];

	resource_path(path, resource_by_kind("Pod"), args->namespace, args->pod, "log");
	if (args->container)
		resource_query(path, "container", args->container);
	add_number(path, "tailLines", args->tail);
	add_number(path, "limitBytes", (int64_t)args->head_bytes);
	if (args->since > 0) {
		clock_format(args->since, since);
		resource_query(path, "sinceTime", since);
	}
	if (args->previous)
		resource_query(path, "previous", "true");
	if (args->timestamps)
		resource_query(path, "timestamps", "true");
	if (args->follow)
		resource_query(path, "follow", "true");
}

struct logs *
logs_start(const struct logs_args *args)
{
	AUTO(buf) struct buf path = {0};
	struct logs *l = mem_alloc(sizeof(*l));

	l->args = *args;
	l->what = mem_printf("%s/%s%s%s", args->namespace, args->pod, args->container ? ", container " : "",
			     args->container ? args->container : "");
	add_path(&path, args);
	l->call = kube_start(args->kube, &(struct kube_call_args){
						 .path = buf_str(&path),
						 .accept = "application/json, */*",
						 .flags = KUBE_LONG, /* a large log takes its time */
						 .idle_ms = args->follow ? FOLLOW_IDLE_MS : args->idle_ms,
						 .ctx = l,
						 .data = on_data,
						 .done = on_done});
	return l;
}

void
logs_cancel(struct logs *l)
{
	if (l)
		destroy(l);
}
