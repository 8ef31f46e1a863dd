/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In place of kube/api.c, answers played by hand: the program that includes this has a kube_start of its own, which the
 * linker takes instead of the library's. A test waits for a request, then says what the server does with it. Waits
 * between tries are over at once (kube/backoff.c is played here too), but for those that a server asks for.
 */
#ifndef TESTS_CALLS_H
#define TESTS_CALLS_H

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/str.h"
#include "kube/api.h"
#include "kube/backoff.h"

#define CALLS_ENOUGH_MS 10000 /* a bound for what happens at once; never waited for */

struct kube_call {
	struct kube_call_args args;
	char *path, *accept;
	struct kube_call *next;
};

static struct {
	struct loop *loop;
	struct kube_call *open; /* the oldest first */
	size_t lists, watches, others; /* requests so far */
	int64_t wait_ms; /* between tries; 0: they are over at once */
} calls;

/* --- what the code under test calls --- */

int64_t
backoff_between(int64_t low, int64_t high)
{
	(void)high;
	return low;
}

int64_t
backoff_next(struct backoff *b)
{
	b->ms++;
	return calls.wait_ms ? calls.wait_ms : 1;
}

void
backoff_reset(struct backoff *b)
{
	b->ms = 0;
}

static void
calls_count(const char *path)
{
	if (strstr(path, "watch=1"))
		calls.watches++;
	else if (strstr(path, "limit=") || strstr(path, "fieldSelector="))
		calls.lists++;
	else
		calls.others++;
}

struct kube_call *
kube_start(struct kube *k, const struct kube_call_args *args)
{
	struct kube_call *c = mem_alloc(sizeof(*c)), **at = &calls.open;

	(void)k;
	c->args = *args;
	c->path = mem_strdup(args->path);
	c->accept = mem_strdup(args->accept);
	calls_count(c->path);
	while (*at)
		at = &(*at)->next;
	*at = c;
	return c;
}

static void
calls_take_out(struct kube_call *c)
{
	struct kube_call **at = &calls.open;

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
}

static void
calls_free(struct kube_call *c)
{
	free(c->path);
	free(c->accept);
	free(c);
}

void
kube_cancel(struct kube_call *c)
{
	if (!c)
		return;
	calls_take_out(c);
	calls_free(c);
}

/* --- what the test calls --- */

/* The oldest request that is open and has this in its path, or is just this behind a '='; NULL. */
static struct kube_call *
calls_find(const char *part)
{
	struct kube_call *c = calls.open;

	while (c && !(*part == '=' ? strcmp(c->path, part + 1) == 0 : strstr(c->path, part) != NULL))
		c = c->next;
	return c;
}

/* The same, which is waited for. */
static struct kube_call *
calls_wait(const char *part)
{
	int64_t begun = clock_ms();
	struct kube_call *c;
	struct err e;

	while (!(c = calls_find(part))) {
		if (clock_ms() - begun > CALLS_ENOUGH_MS)
			fail_msg("no request for %s", part);
		assert_true(loop_once(calls.loop, 100, &e));
	}
	return c;
}

static void
calls_end(struct kube_call *c, const struct kube_answer *answer)
{
	struct kube_answer a = *answer;

	if (!a.reason)
		a.reason = "";
	if (!a.body)
		a.body = "";
	if (!a.retry_after_ms)
		a.retry_after_ms = -1;
	a.body_len = strlen(a.body);
	calls_take_out(c);
	c->args.done(c->args.ctx, &a);
	calls_free(c);
}

/* Bytes of a good answer; false: they were refused, and the call has ended. */
static bool
calls_data(struct kube_call *c, const char *text, size_t len)
{
	AUTO(free) char *copy = malloc(len); /* exactly the bytes */
	struct kube_answer a = {.status = 200};

	memcpy(copy, text, len);
	if (c->args.data(c->args.ctx, copy, len, &a.err))
		return true;
	calls_end(c, &a);
	return false;
}

static void UNUSED
calls_text(struct kube_call *c, const char *text)
{
	assert_true(calls_data(c, text, strlen(text)));
}

static void UNUSED
calls_started(struct kube_call *c)
{
	if (c->args.started)
		c->args.started(c->args.ctx);
}

static void UNUSED
calls_whole(struct kube_call *c)
{
	calls_end(c, &(struct kube_answer){.ok = true, .status = 200});
}

/* A whole answer, collected or handed on. */
static void UNUSED
calls_answer(struct kube_call *c, const char *text)
{
	calls_started(c);
	if (!c->args.data)
		calls_end(c, &(struct kube_answer){.ok = true, .status = 200, .body = text});
	else if (calls_data(c, text, strlen(text)))
		calls_whole(c);
}

static void UNUSED
calls_refuse(struct kube_call *c, int status, const char *reason)
{
	struct kube_answer a = {.status = status, .reason = reason};

	err_set(&a.err, status == 401 || status == 403 ? ERR_DENIED : ERR_SOURCE, status, "status %d", status);
	calls_end(c, &a);
}

/* The connection is lost. */
static void UNUSED
calls_break(struct kube_call *c, int status)
{
	struct kube_answer a = {.status = status};

	err_set(&a.err, ERR_SOURCE, ECONNRESET, "connection lost");
	calls_end(c, &a);
}

static void
calls_open(void)
{
	struct err e;

	memset(&calls, 0, sizeof(calls));
	calls.loop = loop_new(&e);
}

static void
calls_close(void)
{
	assert_null(calls.open);
	loop_free(calls.loop);
}

#endif
