/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/json_scan.h"
#include "base/log.h"
#include "base/reader.h"
#include "base/str.h"
#include "kube/api.h"
#include "tests/unit/folder.h"
#include "tests/unit/http_server.h"
#include "tests/unit/turns.h"

struct test {
	struct loop *loop;
	struct http_server server;
	struct kube *kube;
};

struct call {
	struct test *test;
	struct kube_call *kube;
	int started, done;
	bool ok, rv_too_large;
	int status;
	struct err err;
	char reason[50], token[50];
	int64_t retry_after_ms;
	struct buf body, data; /* collected, and handed on */
	bool cancel_at_start, cancel_in_data, cancel_at_end, free_at_end, free_in_data, refuse;
};

static int
setup(void **state)
{
	struct test *t = mem_alloc(sizeof(*t));
	struct err e;

	t->loop = loop_new(&e);
	*state = t;
	return t->loop ? 0 : -1;
}

static int
teardown(void **state)
{
	struct test *t = *state;

	kube_free(t->kube);
	http_server_stop(&t->server);
	loop_free(t->loop);
	free(t);
	return 0;
}

/* A kube for http://127.0.0.1:PORT and what follows; user is YAML: "{token: x}". */
static struct kube *
new_kube(struct test *t, const char *url, const char *user, const struct kube_options *opt, struct err *e)
{
	AUTO(buf) struct buf text = {0};
	const struct kube_options none = {0};
	struct kubeconfig *config;
	const struct kube_context *context;

	buf_adds(&text, "current-context: c\ncontexts: [{name: c, context: {cluster: k, user: u}}]\n");
	buf_addf(&text, "clusters: [{name: k, cluster: {server: \"%s\"}}]\nusers: [{name: u, user: %s}]\n", url,
		 user);
	config = kubeconfig_parse("config", text.data, text.len, e);
	if (!config)
		fail_msg("%s", e->msg);
	context = kubeconfig_context(config, NULL, e);
	if (!context)
		fail_msg("%s", e->msg);
	return kube_new(t->loop, config, context, opt ? opt : &none, e);
}

static void
use_as(struct test *t, const char *script, const char *path, const char *user, const struct kube_options *opt)
{
	AUTO(free) char *url = NULL;
	struct err e = {0};

	t->server = http_server_start(script);
	url = mem_printf("http://127.0.0.1:%d%s", t->server.port, path);
	t->kube = new_kube(t, url, user, opt, &e);
	if (!t->kube)
		fail_msg("%s", e.msg);
}

static void
use(struct test *t, const char *script)
{
	use_as(t, script, "", "{token: s3cr3t}", NULL);
}

static void
on_started(void *ctx)
{
	struct call *c = ctx;

	c->started++;
	if (c->cancel_at_start)
		kube_cancel(c->kube);
}

static void
free_kube(struct test *t)
{
	kube_free(t->kube);
	t->kube = NULL;
}

static bool
on_data(void *ctx, const char *data, size_t len, struct err *e)
{
	struct call *c = ctx;

	buf_add(&c->data, data, len);
	if (c->cancel_in_data)
		kube_cancel(c->kube);
	if (c->free_in_data)
		free_kube(c->test);
	return c->refuse ? err_set(e, ERR_INPUT, 7, "item 3 is no object") : true;
}

static void
on_done(void *ctx, const struct kube_answer *a)
{
	struct call *c = ctx;

	c->done++;
	c->ok = a->ok;
	c->status = a->status;
	c->err = a->err;
	c->rv_too_large = a->rv_too_large;
	c->retry_after_ms = a->retry_after_ms;
	assert_true(a->ok == (a->err.kind == ERR_NONE));
	snprintf(c->reason, sizeof(c->reason), "%s", a->reason);
	snprintf(c->token, sizeof(c->token), "%s", a->continue_token ? a->continue_token : "(none)");
	buf_add(&c->body, a->body, a->body_len);
	if (c->cancel_at_end)
		kube_cancel(c->kube);
	if (c->free_at_end)
		free_kube(c->test);
}

static void
start(struct test *t, struct call *c, struct kube_call_args args)
{
	args.ctx = c;
	args.done = on_done;
	args.started = on_started;
	c->test = t;
	c->kube = kube_start(t->kube, &args);
	assert_non_null(c->kube);
	assert_int_equal(c->done, 0);
}

static void
call_free(struct call *c)
{
	buf_free(&c->body);
	buf_free(&c->data);
	memset(c, 0, sizeof(*c));
}

static void
ask(struct test *t, struct call *c, struct kube_call_args args)
{
	call_free(c);
	start(t, c, args);
	turns_until(t->loop, &c->done);
}

static void
expect_ok(struct test *t, struct kube_call_args args, const char *body)
{
	struct call c = {0};

	ask(t, &c, args);
	if (!c.ok)
		fail_msg("%s: %s", args.path, c.err.msg);
	assert_string_equal(buf_str(args.data ? &c.data : &c.body), body);
	call_free(&c);
}

/* What the server saw so far: an array; the tree lives in the arena. */
static const struct node *
requests(struct test *t, struct arena *a)
{
	struct node *doc = NULL;
	struct call c = {0};
	struct err e;

	ask(t, &c, (struct kube_call_args){.path = "/_stats"});
	assert_true(c.ok);
	if (!json_parse(a, "stats", c.body.data, c.body.len, 1, NULL, &doc, &e))
		fail_msg("%s", e.msg);
	call_free(&c);
	return node_get(doc, "requests");
}

static const char *
header(const struct node *request, const char *name)
{
	return node_get_str(node_get(request, "headers"), name);
}

static void
what_is_sent(void **state)
{
	struct test *t = *state;
	AUTO(arena) struct arena a = {0};
	struct call c = {0};
	const struct node *request;

	use_as(t, "[{'path': '/prefix/.*', 'body': 'ok'}, {'path': '/_stats'}]", "/prefix", "{token: s3cr3t}",
	       NULL);
	expect_ok(t, (struct kube_call_args){.path = "/api/v1/pods?limit=5"}, "ok");
	ask(t, &c,
	    (struct kube_call_args){.method = "PATCH",
				    .path = "/x",
				    .accept = "application/yaml",
				    .content_type = "application/merge-patch+json",
				    .body = "{}",
				    .body_len = 2});
	assert_true(c.ok);
	ask(t, &c, (struct kube_call_args){.method = "DELETE", .path = "/x"});
	assert_true(c.ok);
	assert_int_equal(c.started, 1);
	call_free(&c);
	free_kube(t);
	{
		AUTO(free) char *url = mem_printf("http://127.0.0.1:%d", t->server.port);
		struct err e;

		t->kube = new_kube(t, url, "{}", NULL, &e);
	}
	request = requests(t, &a)->first;
	assert_string_equal(node_get_str(request, "method"), "GET");
	assert_string_equal(node_get_str(request, "path"), "/prefix/api/v1/pods?limit=5");
	assert_true(str_starts(header(request, "user-agent"), "moat/"));
	assert_non_null(strstr(header(request, "user-agent"), " (linux/"));
	assert_string_equal(header(request, "accept"), "application/json");
	assert_string_equal(header(request, "accept-encoding"), "gzip");
	assert_string_equal(header(request, "authorization"), "Bearer s3cr3t");
	assert_null(header(request, "content-type"));
	assert_null(header(request, "impersonate-user"));
	request = request->next;
	assert_string_equal(node_get_str(request, "method"), "PATCH");
	assert_string_equal(header(request, "accept"), "application/yaml");
	assert_string_equal(header(request, "content-type"), "application/merge-patch+json");
	assert_string_equal(node_get_str(request, "body"), "{}");
	assert_string_equal(node_get_str(request->next, "method"), "DELETE");
}

static void
impersonation(void **state)
{
	struct test *t = *state;
	AUTO(arena) struct arena a = {0};
	const char *groups[] = {"dev"};
	struct kube_options as = {.as = "other", .as_groups = groups, .n_as_groups = 1};
	const char user[] = "{token: x, as: jane, as-uid: u-1, as-groups: [ops], as-user-extra: {\"a/b\": [v1]}}";
	const struct node *request;
	struct err e = {0};

	use_as(t, "[{'body': 'ok'}]", "", user, NULL);
	expect_ok(t, (struct kube_call_args){.path = "/"}, "ok");
	request = requests(t, &a)->first;
	assert_string_equal(header(request, "impersonate-user"), "jane");
	assert_string_equal(header(request, "impersonate-uid"), "u-1");
	assert_string_equal(header(request, "impersonate-group"), "ops");
	assert_string_equal(header(request, "impersonate-extra-a%2fb"), "v1");
	free_kube(t);
	http_server_stop(&t->server);
	use_as(t, "[{'body': 'ok'}]", "", user, &as);
	expect_ok(t, (struct kube_call_args){.path = "/"}, "ok");
	request = requests(t, &a)->first;
	assert_string_equal(header(request, "impersonate-user"), "other");
	assert_string_equal(header(request, "impersonate-group"), "dev");
	assert_null(header(request, "impersonate-uid"));
	as.as = "a\r\nImpersonate-Group: system:masters";
	assert_null(new_kube(t, "http://127.0.0.1:1", user, &as, &e));
	assert_non_null(strstr(e.msg, "line break"));
	as.as = NULL;
	assert_null(new_kube(t, "http://127.0.0.1:1", "{token: x}", &as, &e));
	assert_non_null(strstr(e.msg, "--as-group needs --as"));
}

/* --- Errors --- */

#define STATUS(code, reason, message, more)                              \
	"{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{" more \
	"},\"status\":\"Failure\",\"message\":\"" message "\",\"reason\":\"" reason "\",\"code\":" #code "}"

static const struct {
	int status;
	const char *body;
	enum err_kind kind;
	const char *msg;
} errors[] = {
	{403,
	 STATUS(403, "Forbidden", "pods is forbidden: User \\\"viewer\\\" cannot list resource \\\"pods\\\"", ""),
	 ERR_DENIED, "forbidden: User \"viewer\" cannot list resource \"pods\""},
	{403, STATUS(403, "Forbidden", "a: x is forbidden: no", ""), ERR_DENIED, "a: x is forbidden: no"},
	{403, "", ERR_DENIED, "forbidden"},
	{401, STATUS(401, "Unauthorized", "Unauthorized", ""), ERR_DENIED,
	 "the server does not accept the credential (Unauthorized): log in again, or correct the user in the "
	 "kubeconfig"},
	{404, STATUS(404, "NotFound", "pods \\\"x\\\" not found", ""), ERR_SOURCE, "pods \"x\" not found"},
	{404, "404 page not found\n", ERR_SOURCE,
	 "not found: the server does not have this, or its URL has a wrong path: 404 page not found"},
	{502, "<html><head><title>502 Bad Gateway</title></head></html>", ERR_SOURCE,
	 "what is in front of the server does not reach it (502 Bad Gateway)"},
	{500, "  container \x1b[31mnot\nfound ", ERR_SOURCE,
	 "the server failed (500): container \\x1b[31mnot found"},
	{500, "{\"kind\":\"Status\",\"message\":", ERR_SOURCE, "the server failed (500)"},
	{500, "{\"kind\":\"Pod\",\"message\":\"no\"}", ERR_SOURCE, "the server failed (500)"},
	{418, "teapot", ERR_SOURCE, "the server answers 418: teapot"},
	{418, "", ERR_SOURCE, "the server answers 418"},
	{302, "", ERR_SOURCE,
	 "the server sends us elsewhere (302), which is not followed: correct its URL in the kubeconfig"},
};

static void
error_words(void **state)
{
	AUTO(buf) struct buf text = {0};
	struct err e;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(errors); i++) {
		assert_false(kube_status_error(errors[i].status, errors[i].body, strlen(errors[i].body), &e));
		assert_string_equal(e.msg, errors[i].msg);
		assert_int_equal(e.kind, errors[i].kind);
		assert_int_equal(e.code, errors[i].status);
	}
	buf_fill(&text, 'y', 100000);
	kube_status_error(500, text.data, text.len, &e);
	assert_true(strlen(e.msg) < 300);
	assert_true(str_ends(e.msg, "yyy..."));
}

static void
what_an_answer_says(void **state)
{
	struct test *t = *state;
	struct call c = {0};

	use(t, "[{'path': '/gone', 'status': 410, 'body': {'kind': 'Status', 'reason': 'Expired', 'message': 'too "
	       "old',"
	       "  'metadata': {'continue': 'next-token'}}},"
	       " {'path': '/large', 'status': 504, 'body': {'kind': 'Status', 'reason': 'Timeout', 'message': 'Too "
	       "large',"
	       "  'details': {'causes': [{'reason': 'ResourceVersionTooLarge', 'message': 'Too large'}]}}},"
	       " {'path': '/busy', 'status': 429, 'headers': {'Retry-After': '7'}},"
	       " {'path': '/date', 'status': 503, 'headers': {'Retry-After': 'Fri, 31 Dec 2100 23:59:59 GMT'}},"
	       " {'path': '/past', 'status': 503, 'headers': {'Retry-After': 'Fri, 31 Dec 1999 23:59:59 GMT'}},"
	       " {'path': '/odd', 'status': 503, 'headers': {'Retry-After': 'soon'}},"
	       " {'path': '/much', 'status': 500, 'fill': 1000000}]");
	ask(t, &c, (struct kube_call_args){.path = "/gone"});
	assert_false(c.ok);
	assert_int_equal(c.status, 410);
	assert_int_equal(c.err.code, 410);
	assert_string_equal(c.reason, "Expired");
	assert_string_equal(c.token, "next-token");
	assert_string_equal(c.err.msg, "too old");
	assert_int_equal(c.retry_after_ms, -1);
	assert_int_equal(c.body.len, 0);
	assert_int_equal(c.started, 0);
	ask(t, &c, (struct kube_call_args){.path = "/large"});
	assert_true(c.rv_too_large);
	assert_string_equal(c.token, "(none)");
	ask(t, &c, (struct kube_call_args){.path = "/busy"});
	assert_int_equal(c.retry_after_ms, 7000);
	assert_false(c.rv_too_large);
	ask(t, &c, (struct kube_call_args){.path = "/date"});
	assert_true(c.retry_after_ms > INT64_C(3600000) * 24 * 365);
	ask(t, &c, (struct kube_call_args){.path = "/past"});
	assert_int_equal(c.retry_after_ms, 0);
	ask(t, &c, (struct kube_call_args){.path = "/odd"});
	assert_int_equal(c.retry_after_ms, -1);
	ask(t, &c, (struct kube_call_args){.path = "/much"});
	assert_true(str_starts(c.err.msg, "the server failed (500): xxx"));
	assert_int_equal(kube_counts(t->kube).retries, 0); /* none of them was asked for twice */
	call_free(&c);
}

/* --- Trying again --- */

static void
retries(void **state)
{
	struct test *t = *state;
	struct call c = {0};
	int64_t begin;

	use(t, "[{'path': '/busy', 'times': 3, 'status': 429, 'headers': {'Retry-After': '0'}},"
	       " {'path': '/busy', 'body': 'ok'},"
	       " {'path': '/lost', 'times': 2, 'reset': true}, {'path': '/lost', 'body': 'ok'},"
	       " {'path': '/always', 'status': 503, 'headers': {'Retry-After': '0'}},"
	       " {'path': '/plain', 'times': 1, 'status': 500}, {'path': '/plain', 'body': 'ok'},"
	       " {'path': '/half', 'fill': 100, 'cut_after': 50},"
	       " {'path': '/forbidden', 'status': 403}]");
	expect_ok(t, (struct kube_call_args){.path = "/busy", .flags = KUBE_RETRY}, "ok");
	assert_int_equal(kube_counts(t->kube).requests, 4);
	assert_int_equal(kube_counts(t->kube).retries, 3);
	begin = clock_ms();
	/* Twice, since curl by itself repeats what was lost on a connection that had been used before. */
	expect_ok(t, (struct kube_call_args){.path = "/lost", .flags = KUBE_RETRY}, "ok");
	expect_ok(t, (struct kube_call_args){.path = "/plain", .flags = KUBE_RETRY}, "ok");
	assert_true(clock_ms() - begin >= 1000); /* half a second each, and some */
	ask(t, &c, (struct kube_call_args){.path = "/always", .flags = KUBE_RETRY});
	assert_int_equal(c.status, 503);
	assert_int_equal(kube_counts(t->kube).retries, 5 + 10);
	ask(t, &c, (struct kube_call_args){.path = "/half", .flags = KUBE_RETRY, .data = on_data});
	assert_int_equal(c.err.code, ECONNRESET);
	assert_int_equal(c.data.len, 50);
	ask(t, &c, (struct kube_call_args){.path = "/forbidden", .flags = KUBE_RETRY});
	assert_int_equal(c.status, 403);
	assert_int_equal(kube_counts(t->kube).retries, 5 + 10); /* neither again */
	http_server_stop(&t->server);
	ask(t, &c, (struct kube_call_args){.path = "/busy", .flags = KUBE_RETRY});
	assert_int_equal(c.err.code, ECONNREFUSED);
	assert_int_equal(c.status, 0);
	assert_int_equal(kube_counts(t->kube).retries, 5 + 10); /* who is not there is told at once */
	call_free(&c);
}

static void
pausing(void **state)
{
	struct test *t = *state;
	struct call c = {0};

	use(t, "[{'times': 1, 'status': 503, 'headers': {'Retry-After': '0'}}, {'fill': 100000}]");
	start(t, &c, (struct kube_call_args){.path = "/", .flags = KUBE_RETRY, .data = on_data});
	kube_pause(c.kube, true);
	while (!c.started)
		turn(t->loop, 100);
	turns_for(t->loop, 50);
	assert_int_equal(kube_counts(t->kube).retries, 1);
	assert_int_equal(c.data.len, 0); /* the one that was repeated is paused as well */
	kube_pause(c.kube, false);
	turns_until(t->loop, &c.done);
	assert_int_equal(c.data.len, 100000);
	call_free(&c);
}

static void
fresh_credential(void **state)
{
	struct test *t = *state;
	AUTO(free) char *path = folder_file("token", "first");
	AUTO(free) char *user = mem_printf("{tokenFile: \"%s\"}", path);
	struct call c = {0};

	use_as(t,
	       "[{'header': {'Authorization': 'Bearer first'}, 'times': 1, 'body': 'ok'},"
	       " {'header': {'Authorization': 'Bearer second'}, 'body': 'again'}, {'status': 401}]",
	       "", user, NULL);
	expect_ok(t, (struct kube_call_args){.path = "/a"}, "ok");
	free(folder_file("token", "second"));
	expect_ok(t, (struct kube_call_args){.path = "/b", .method = "POST", .body = "x", .body_len = 1}, "again");
	assert_int_equal(kube_counts(t->kube).requests, 3);
	free(folder_file("token", "third")); /* fresh, but refused too: that is all that can be done */
	{
		free_kube(t);
		http_server_stop(&t->server);
		use_as(t, "[{'status': 401, 'body': {'kind': 'Status', 'message': 'Unauthorized'}}]", "", user,
		       NULL);
		free(folder_file("token", "fourth"));
	}
	ask(t, &c, (struct kube_call_args){.path = "/c"});
	assert_int_equal(c.status, 401);
	assert_int_equal(c.err.kind, ERR_DENIED);
	assert_non_null(strstr(c.err.msg, "does not accept the credential"));
	assert_true(kube_counts(t->kube).requests <= 2);
	call_free(&c);
}

static void
no_credential(void **state)
{
	struct test *t = *state;
	struct call c = {0};

	use_as(t, "[]", "", "{tokenFile: /nowhere/token}", NULL);
	ask(t, &c, (struct kube_call_args){.path = "/"});
	assert_false(c.ok);
	assert_int_equal(c.status, 0);
	assert_non_null(strstr(c.err.msg, "/nowhere/token"));
	assert_int_equal(kube_counts(t->kube).requests, 0);
	call_free(&c);
}

/* --- Limits --- */

static void
limits(void **state)
{
	struct test *t = *state;
	struct kube_options opt = {.request_timeout_ms = 600};
	struct call c = {0};

	use_as(t,
	       "[{'path': '/slow', 'chunks': ['1', {'wait_ms': 250}, '2', {'wait_ms': 250}, '3', {'wait_ms': 250}, "
	       "'4']},"
	       " {'path': '/stall', 'stall': true}, {'path': '/big', 'fill': 5000}]",
	       "", "{token: x}", &opt);
	ask(t, &c, (struct kube_call_args){.path = "/slow"}); /* something small has a limit in all */
	assert_int_equal(c.err.code, ETIMEDOUT);
	expect_ok(t, (struct kube_call_args){.path = "/slow", .data = on_data}, "1234");
	expect_ok(t, (struct kube_call_args){.path = "/slow", .flags = KUBE_LONG}, "1234");
	ask(t, &c, (struct kube_call_args){.path = "/stall", .flags = KUBE_LONG, .idle_ms = 100});
	assert_int_equal(c.err.code, ETIMEDOUT);
	assert_non_null(strstr(c.err.msg, "no answer within 0.1 s"));
	ask(t, &c, (struct kube_call_args){.path = "/big", .body_limit = 4999});
	assert_int_equal(c.err.code, EFBIG);
	assert_false(c.ok);
	ask(t, &c, (struct kube_call_args){.path = "/big", .body_limit = 5000});
	assert_int_equal(c.body.len, 5000);
	call_free(&c);
	c.refuse = true;
	start(t, &c, (struct kube_call_args){.path = "/big", .data = on_data, .flags = KUBE_RETRY});
	turns_until(t->loop, &c.done);
	assert_string_equal(c.err.msg, "item 3 is no object");
	assert_int_equal(c.err.kind, ERR_INPUT);
	assert_int_equal(kube_counts(t->kube).retries, 0);
	call_free(&c);
}

/* --- Cancelling, and freeing while much is under way --- */

static void
cancelling(void **state)
{
	struct test *t = *state;
	struct call a = {.cancel_at_start = true}, b = {.cancel_in_data = true}, c = {.cancel_at_end = true},
		    d = {0}, e = {0};

	use(t, "[{'path': '/ok', 'fill': 200000}, {'path': '/stall', 'stall': true},"
	       " {'path': '/busy', 'status': 503, 'headers': {'Retry-After': '1'}}]");
	start(t, &a, (struct kube_call_args){.path = "/ok", .data = on_data});
	start(t, &b, (struct kube_call_args){.path = "/ok", .data = on_data});
	start(t, &c, (struct kube_call_args){.path = "/ok", .data = on_data});
	start(t, &d, (struct kube_call_args){.path = "/stall"});
	start(t, &e, (struct kube_call_args){.path = "/busy", .flags = KUBE_RETRY});
	turns_until(t->loop, &c.done);
	while (!kube_counts(t->kube).retries)
		turn(t->loop, 100);
	kube_cancel(d.kube);
	kube_cancel(e.kube); /* while it waits */
	kube_cancel(NULL);
	turns_for(t->loop, 50);
	assert_int_equal(a.done + b.done + d.done + e.done, 0);
	assert_int_equal(a.data.len, 0);
	assert_true(b.data.len > 0 && b.data.len < 200000);
	assert_int_equal(c.data.len, 200000);
	call_free(&a);
	call_free(&b);
	call_free(&c);
}

static void
freeing(void **state)
{
	struct test *t = *state;
	struct call stalled = {0}, waiting = {0}, c = {.free_at_end = true}, d = {.free_in_data = true};
	const char script[] = "[{'path': '/ok', 'fill': 200000}, {'path': '/stall', 'stall': true},"
			      " {'path': '/busy', 'status': 503, 'headers': {'Retry-After': '1'}}]";

	for (int i = 0; i < 2; i++) {
		use(t, script);
		start(t, &stalled, (struct kube_call_args){.path = "/stall"});
		start(t, &waiting, (struct kube_call_args){.path = "/busy", .flags = KUBE_RETRY});
		while (!kube_counts(t->kube).retries)
			turn(t->loop, 100);
		if (i)
			start(t, &d, (struct kube_call_args){.path = "/ok", .data = on_data});
		else
			start(t, &c, (struct kube_call_args){.path = "/ok"});
		while (t->kube)
			turn(t->loop, 100);
		turns_for(t->loop, 30);
		http_server_stop(&t->server);
	}
	assert_int_equal(c.done, 1);
	assert_int_equal(stalled.done + waiting.done + d.done, 0);
	call_free(&c);
	call_free(&d);
}

/* --- Where it goes --- */

static void
redirects(void **state)
{
	struct test *t = *state;
	AUTO(arena) struct arena arena = {0};
	struct http_server other = http_server_start("[{'body': 'stolen'}]");
	AUTO(free)
	char *script = mem_printf(
		"[{'path': '/p/a', 'status': 301, 'headers': {'Location': '/p/b'}}, {'path': '/p/b', 'body': 'ok'},"
		" {'path': '/p/out', 'status': 307, 'headers': {'Location': 'http://127.0.0.1:%d/'}},"
		" {'path': '/p/out2', 'status': 307, 'headers': {'Location': '//127.0.0.1:%d/'}},"
		" {'path': '/p/loop', 'status': 302, 'headers': {'Location': '/p/loop'}}]",
		other.port, other.port);
	const char *const outside[] = {"/out", "/out2", "/loop"};
	struct call c = {0};

	use_as(t, script, "/p", "{token: x}", NULL);
	expect_ok(t, (struct kube_call_args){.path = "/a"}, "ok");
	for (size_t i = 0; i < COUNT_OF(outside); i++) {
		ask(t, &c, (struct kube_call_args){.path = outside[i]});
		assert_false(c.ok);
		assert_non_null(strstr(c.err.msg, "which is not followed"));
	}
	ask(t, &c, (struct kube_call_args){.path = "/a", .method = "POST", .body = "x", .body_len = 1});
	assert_int_equal(c.status, 301);
	call_free(&c);
	free_kube(t);
	http_server_stop(&t->server);
	t->server = other;
	{
		AUTO(free) char *url = mem_printf("http://127.0.0.1:%d", other.port);
		struct err e;

		t->kube = new_kube(t, url, "{}", NULL, &e);
		assert_int_equal(node_count(requests(t, &arena)), 0); /* nobody went there */
	}
}

static void
secrets_stay_secret(void **state)
{
	struct test *t = *state;
	AUTO(free) char *log = folder_path("log");
	AUTO(buf) struct buf text = {0};
	AUTO(free) char *url = NULL;
	struct call c = {0};
	struct err e = {0};

	assert_true(log_open(log, LOG_DEBUG, &e));
	use(t, "[{'path': '/a', 'headers': {'Warning': ['299 - \\'old API\\'', '299 - \\'and more\\''], 'Date': "
	       "'Thu, 01 Jan 2060 00:00:00 "
	       "GMT'}},"
	       " {'path': '/b', 'status': 401}]");
	assert_int_equal(kube_clock_skew(t->kube), 0);
	ask(t, &c, (struct kube_call_args){.path = "/a"});
	ask(t, &c, (struct kube_call_args){.path = "/a"});
	assert_true(kube_clock_skew(t->kube) > INT64_C(3600) * 24 * 365);
	ask(t, &c, (struct kube_call_args){.path = "/b"});
	assert_null(strstr(c.err.msg, "s3cr3t"));
	free_kube(t);
	t->kube = new_kube(t, "http://root:s3cr3t@127.0.0.1:1/p", "{}", NULL, &e);
	assert_string_equal(kube_server(t->kube), "http://127.0.0.1:1/p");
	ask(t, &c, (struct kube_call_args){.path = "/b"});
	assert_string_equal(c.err.msg, "connect 127.0.0.1:1: refused: is it up, and is the address right?");
	assert_false(kube_insecure(t->kube));
	call_free(&c);
	log_close();
	assert_true(reader_slurp(log, 1024 * 1024, &text, &e));
	assert_non_null(strstr(buf_str(&text), "GET /a"));
	assert_null(strstr(buf_str(&text), "s3cr3t"));
	assert_non_null(strstr(buf_str(&text), "old API"));
	assert_non_null(strstr(buf_str(&text), "and more"));
	assert_null(strstr(strstr(buf_str(&text), "old API") + 1, "old API")); /* once */
}

/* --- Upgrades --- */

struct upgraded {
	int called;
	struct http_conn *conn;
	char target[100], headers[500];
	unsigned serial;
	struct err err;
};

static void
on_upgrade(void *ctx, struct http_conn *conn, const char *target, const char *headers, unsigned serial,
	   const struct err *e)
{
	struct upgraded *u = ctx;

	u->called++;
	u->conn = conn;
	u->serial = serial;
	if (e)
		u->err = *e;
	else
		snprintf(u->target, sizeof(u->target), "%s", target);
	if (!e)
		snprintf(u->headers, sizeof(u->headers), "%s", headers);
}

static void
upgrades(void **state)
{
	struct test *t = *state;
	struct upgraded a = {0}, b = {0}, c = {0};
	AUTO(free) char *host = NULL;
	struct err e;

	use_as(t, "[]", "/p", "{token: s3cr3t, as: jane}", NULL);
	kube_upgrade(t->kube, &(struct kube_upgrade_args){.path = "/exec?x=1", .ctx = &a, .fn = on_upgrade});
	kube_upgrade_cancel(
		kube_upgrade(t->kube, &(struct kube_upgrade_args){.path = "/exec", .ctx = &b, .fn = on_upgrade}));
	assert_int_equal(a.called, 0);
	turns_until(t->loop, &a.called);
	assert_non_null(a.conn);
	assert_string_equal(a.target, "/p/exec?x=1");
	host = mem_printf("Host: 127.0.0.1:%d\r\n", t->server.port);
	assert_non_null(strstr(a.headers, host));
	assert_non_null(strstr(a.headers, "Authorization: Bearer s3cr3t\r\n"));
	assert_non_null(strstr(a.headers, "Impersonate-User: jane\r\n"));
	assert_non_null(strstr(a.headers, "User-Agent: moat/"));
	assert_false(kube_refused(t->kube, a.serial)); /* a fixed token: there is no other */
	http_conn_close(a.conn);
	free_kube(t);
	t->kube = new_kube(t, "http://127.0.0.1:1", "{}", NULL, &e);
	kube_upgrade(t->kube, &(struct kube_upgrade_args){.path = "/exec", .ctx = &c, .fn = on_upgrade});
	turns_until(t->loop, &c.called);
	assert_null(c.conn);
	assert_string_equal(c.err.msg, "connect 127.0.0.1:1: refused: is it up, and is the address right?");
	kube_upgrade(t->kube, &(struct kube_upgrade_args){.path = "/exec", .ctx = &b, .fn = on_upgrade});
	free_kube(t); /* while one is under way */
	turns_for(t->loop, 20);
	assert_int_equal(b.called, 0);
}

#define test(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		test(what_is_sent),	   test(impersonation), cmocka_unit_test(error_words),
		test(what_an_answer_says), test(retries),	test(pausing),
		test(fresh_credential),	   test(no_credential), test(limits),
		test(cancelling),	   test(freeing),	test(redirects),
		test(secrets_stay_secret), test(upgrades),
	};

	return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
