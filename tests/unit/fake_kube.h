/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server in a table, in place of kube/api.c: the program that includes this has a kube_start of its own, which the
 * linker takes instead of the library's. The first rule that fits answers, `times` times.
 */
#ifndef TESTS_FAKE_KUBE_H
#define TESTS_FAKE_KUBE_H

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/str.h"
#include "kube/api.h"

struct fake_rule {
	const char *method, *path; /* the path without its query */
	int status; /* 0: no answer */
	const char *body;
	const char *wants; /* part of the request's body; NULL: any */
	int times; /* 0: always */
};

static struct {
	struct loop *loop;
	struct fake_rule rules[60];
	size_t n_rules;
	struct buf log; /* "METHOD PATH?QUERY BODY\n" of each request, in order */
	size_t under_way;
} fake;

struct kube_call {
	struct kube_call_args args;
	struct fake_rule rule;
	struct loop_timer *timer;
};

static void
fake_rule(struct fake_rule rule)
{
	if (!rule.times)
		rule.times = -1;
	fake.rules[fake.n_rules++] = rule;
}

static struct fake_rule
fake_find(const struct kube_call_args *args)
{
	const char *method = args->method ? args->method : "GET";
	size_t len = strcspn(args->path, "?");

	for (size_t i = 0; i < fake.n_rules; i++) {
		struct fake_rule *r = &fake.rules[i];

		if (!r->times || !str_eq(r->method, method) || strlen(r->path) != len ||
		    strncmp(r->path, args->path, len) != 0)
			continue;
		if (r->wants && !(args->body && memmem(args->body, args->body_len, r->wants, strlen(r->wants))))
			continue;
		if (r->times > 0)
			r->times--;
		return *r;
	}
	return (struct fake_rule){.status = 404, .body = "{\"kind\":\"Status\",\"message\":\"not found\"}"};
}

static void
fake_answer(void *ctx)
{
	struct kube_call *c = ctx;
	struct kube_answer a = {
		.ok = c->rule.status >= 200 && c->rule.status < 300,
		.status = c->rule.status,
		.reason = "",
		.retry_after_ms = -1,
		.body = c->rule.body ? c->rule.body : "",
	};
	struct kube_call_args args = c->args;

	a.body_len = strlen(a.body);
	if (!a.ok)
		err_set(&a.err, a.status == 403 ? ERR_DENIED : ERR_SOURCE, a.status, "%s",
			a.status ? a.body : "connection refused");
	loop_timer_remove(c->timer);
	free(c);
	fake.under_way--;
	args.done(args.ctx, &a);
}

struct kube_call *
kube_start(struct kube *k, const struct kube_call_args *args)
{
	struct kube_call *c = mem_alloc(sizeof(*c));

	(void)k;
	c->args = *args;
	c->rule = fake_find(args);
	c->timer = loop_add_timer(fake.loop, fake_answer, c);
	loop_timer_set(c->timer, 0);
	fake.under_way++;
	buf_addf(&fake.log, "%s %s %.*s\n", args->method ? args->method : "GET", args->path, (int)args->body_len,
		 args->body ? (const char *)args->body : "");
	return c;
}

void
kube_cancel(struct kube_call *c)
{
	if (!c)
		return;
	loop_timer_remove(c->timer);
	free(c);
	fake.under_way--;
}

/* Set-up and tear-down of a test. */
static int
fake_open(void **state)
{
	struct err e;

	(void)state;
	memset(&fake, 0, sizeof(fake));
	fake.loop = loop_new(&e);
	return fake.loop ? 0 : -1;
}

static int
fake_close(void **state)
{
	(void)state;
	buf_free(&fake.log);
	loop_free(fake.loop);
	return 0;
}

#endif
