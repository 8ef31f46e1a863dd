/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/json_scan.h"
#include "base/reader.h"
#include "base/str.h"
#include "kube/http.h"
#include "tests/unit/http_server.h"
#include "tests/unit/turns.h"

/* One call and what it told. */
struct call {
	struct test *test;
	struct http_call *http;
	int started, done; /* times */
	int status;
	bool failed;
	struct err err;
	struct buf body;
	char header[100];
	size_t cancel_after; /* bytes of body; 0: never */
	size_t refuse_after;
	bool cancel_at_start, cancel_at_end;
	bool pause_inside; /* after each piece */
	bool start_another; /* from inside data */
	struct call *other; /* cancelled from inside data */
	bool free_all; /* http_free from inside data */
	bool free_all_at_end;
};

struct test {
	struct loop *loop;
	struct http *http;
	struct http_server server;
	struct http_peer peer;
	struct call more;
	char *text[4]; /* certificates */
	const char *scheme;
	int64_t idle_ms, total_ms, connect_ms;
	const char *extra_header; /* NULL: none */
	bool compressed;
};

static int
setup(void **state)
{
	struct test *t = mem_alloc(sizeof(*t));
	struct err e;

	t->loop = loop_new(&e);
	t->http = http_new(t->loop, &e);
	t->scheme = "http";
	*state = t;
	return t->loop && t->http ? 0 : -1;
}

static int
teardown(void **state)
{
	struct test *t = *state;

	http_free(t->http);
	http_server_stop(&t->server);
	loop_free(t->loop);
	buf_free(&t->more.body);
	for (size_t i = 0; i < COUNT_OF(t->text); i++)
		free(t->text[i]);
	free(t);
	return 0;
}

static void start(struct test *t, struct call *c, const char *path);

static void
on_started(void *ctx, struct http_call *http, int status)
{
	struct call *c = ctx;
	const char *value = http_header(http, "x-test");

	c->started++;
	c->status = status;
	snprintf(c->header, sizeof(c->header), "%s", value ? value : "(none)");
	assert_null(http_header(http, "X-Not-There"));
	if (c->cancel_at_start)
		http_cancel(c->http);
}

static bool
on_data(void *ctx, const char *data, size_t len, struct err *e)
{
	struct call *c = ctx;

	assert_int_equal(c->started, 1);
	buf_add(&c->body, data, len);
	if (c->start_another) {
		c->start_another = false;
		start(c->test, &c->test->more, "/more");
		assert_int_equal(c->test->more.done, 0);
	}
	if (c->pause_inside)
		http_pause(c->http, true);
	if (c->other)
		http_cancel(c->other->http);
	c->other = NULL;
	if (c->cancel_after && c->body.len >= c->cancel_after)
		http_cancel(c->http);
	if (c->free_all) {
		http_free(c->test->http);
		c->test->http = NULL;
	}
	if (c->refuse_after && c->body.len >= c->refuse_after)
		return err_set(e, ERR_INPUT, 7, "enough of that");
	return true;
}

static void
on_done(void *ctx, int status, const struct err *e)
{
	struct call *c = ctx;

	c->done++;
	assert_int_equal(status, c->status);
	c->failed = e != NULL;
	if (e)
		c->err = *e;
	if (c->started)
		assert_non_null(http_header(c->http, "Content-Type"));
	if (c->cancel_at_end)
		http_cancel(c->http);
	if (c->free_all_at_end) {
		http_free(c->test->http);
		c->test->http = NULL;
	}
	c->http = NULL;
}

static void
start_as(struct test *t, struct call *c, const char *method, const char *path, const char *body)
{
	AUTO(free)
	char *url = path[0] == '/' ? mem_printf("%s://127.0.0.1:%d%s", t->scheme, t->server.port, path)
				   : mem_strdup(path);
	const char *headers[] = {"Accept: text/plain", "X-Number: 7", t->extra_header};
	struct http_call_args args = {
		.method = method,
		.url = url,
		.headers = headers,
		.n_headers = t->extra_header ? 3 : 2,
		.body = body,
		.body_len = body ? strlen(body) : 0,
		.peer = &t->peer,
		.compressed = t->compressed,
		.connect_ms = t->connect_ms,
		.idle_ms = t->idle_ms,
		.total_ms = t->total_ms,
		.ctx = c,
		.started = on_started,
		.data = on_data,
		.done = on_done,
	};

	c->test = t;
	c->http = http_start(t->http, &args);
	assert_non_null(c->http);
	assert_int_equal(c->started + c->done, 0);
}

static void
start(struct test *t, struct call *c, const char *path)
{
	start_as(t, c, "GET", path, NULL);
}

static struct call
get(struct test *t, const char *path)
{
	struct call c = {0};

	start(t, &c, path);
	turns_until(t->loop, &c.done);
	return c;
}

static void
expect_ok(struct test *t, const char *path, const char *body)
{
	struct call c = get(t, path);

	if (c.failed)
		fail_msg("%s: %s", path, c.err.msg);
	assert_int_equal(c.status, 200);
	assert_string_equal(buf_str(&c.body), body);
	buf_free(&c.body);
}

static struct err
expect_error(struct test *t, const char *path, int code, const char *part)
{
	struct call c = get(t, path);

	if (!c.failed)
		fail_msg("%s: status %d, no error", path, c.status);
	if (c.err.code != code || !strstr(c.err.msg, part))
		fail_msg("%s: code %d, not %d: '%s' should hold '%s'", path, c.err.code, code, c.err.msg, part);
	buf_free(&c.body);
	return c.err;
}

/* What the server saw; the tree lives in the arena. */
static const struct node *
stats(struct test *t, struct arena *a)
{
	struct call c = get(t, "/_stats");
	struct node *doc = NULL;
	struct err e;

	assert_false(c.failed);
	if (!json_parse(a, "stats", c.body.data, c.body.len, 1, NULL, &doc, &e))
		fail_msg("%s", e.msg);
	buf_free(&c.body);
	return doc;
}

static void
expect_connections(struct test *t, int64_t n)
{
	AUTO(arena) struct arena a = {0};

	assert_int_equal(node_int(node_get(stats(t, &a), "connections"), -1), n);
}

static void
answers(void **state)
{
	struct test *t = *state;
	AUTO(arena) struct arena a = {0};
	const struct node *request;
	struct call c = {0};

	t->server = http_server_start("[{'path': '/plain', 'body': 'hello', 'headers': {'X-Test': 'yes'}},"
				      " {'path': '/empty', 'headers': {'X-Test': ''}},"
				      " {'path': '/chunks', 'chunks': ['a', {'wait_ms': 30}, 'b', 'c']},"
				      " {'path': '/gone', 'status': 410, 'body': 'too old'},"
				      " {'method': 'PATCH', 'path': '/patch', 'status': 201, 'body': 'made'}]");
	c = get(t, "/plain");
	assert_string_equal(c.header, "yes");
	assert_string_equal(buf_str(&c.body), "hello");
	buf_free(&c.body);
	c = get(t, "/empty");
	assert_string_equal(c.header, "");
	expect_ok(t, "/chunks", "abc");
	c = get(t, "/gone");
	assert_false(c.failed); /* a status is an answer */
	assert_int_equal(c.status, 410);
	assert_string_equal(buf_str(&c.body), "too old");
	buf_free(&c.body);
	memset(&c, 0, sizeof(c));
	start_as(t, &c, "PATCH", "/patch", "{\"a\": 1}");
	turns_until(t->loop, &c.done);
	assert_int_equal(c.status, 201);
	buf_free(&c.body);
	request = node_path(stats(t, &a), "requests");
	request = request->first->next->next->next->next;
	assert_string_equal(node_get_str(request, "method"), "PATCH");
	assert_string_equal(node_get_str(request, "body"), "{\"a\": 1}");
	assert_string_equal(node_get_str(node_get(request, "headers"), "x-number"), "7");
	assert_null(node_get_str(node_get(request, "headers"), "accept-encoding"));
	expect_connections(t, 1); /* one connection served them all */
}

/* A value with a line break in it goes nowhere, and is not shown: it may be a token. */
static void
header_in_header(void **state)
{
	struct test *t = *state;
	struct call c = {0};

	t->server = http_server_start("[{'body': 'ok'}]");
	t->extra_header = "Authorization: Bearer x\r\nX-Evil: 1";
	start(t, &c, "/");
	turns_until(t->loop, &c.done);
	assert_int_equal(c.err.code, EINVAL);
	assert_string_equal(c.err.msg, "the header Authorization has a line break in it");
	t->extra_header = NULL;
	expect_connections(t, 1); /* that of this question */
}

static void
compression(void **state)
{
	struct test *t = *state;
	AUTO(arena) struct arena a = {0};
	struct call c;

	t->server = http_server_start(
		"[{'path': '/zip', 'fill': 3000000, 'gzip': true, 'chunked': true},"
		" {'path': '/torn', 'fill': 3000000, 'gzip': true, 'cut_after': 2000},"
		" {'path': '/bad', 'body': 'not gzip', 'headers': {'Content-Encoding': 'gzip'}}]");
	t->compressed = true;
	c = get(t, "/zip");
	assert_false(c.failed);
	assert_int_equal(c.body.len, 3000000);
	buf_free(&c.body);
	expect_error(t, "/torn", ECONNRESET, "the connection was lost");
	expect_error(t, "/bad", EPROTO, "the answer is damaged");
	assert_string_equal(
		node_get_str(node_get(node_get(stats(t, &a), "requests")->first, "headers"), "accept-encoding"),
		"gzip");
}

static void
broken_answers(void **state)
{
	struct test *t = *state;

	t->server = http_server_start("[{'path': '/reset', 'reset': true}, {'path': '/drop', 'drop': true},"
				      " {'path': '/half', 'fill': 100, 'cut_after': 50},"
				      " {'path': '/half-chunk', 'chunked': true, 'fill': 100, 'cut_after': 50},"
				      " {'path': '/half-head', 'raw': 'HTTP/1.1 200 OK\\r\\nConte'},"
				      " {'path': '/garbage', 'raw': 'SSH-2.0-OpenSSH_9.2\\r\\n'},"
				      " {'path': '/bad-chunk', 'raw': 'HTTP/1.1 200 OK\\r\\nContent-Type: x\\r\\n"
				      "Transfer-Encoding: chunked\\r\\n\\r\\nzz\\r\\n'},"
				      " {'path': '/ok', 'body': 'ok'}]");
	expect_error(t, "/reset", ECONNRESET, "read from 127.0.0.1:");
	expect_error(t, "/drop", ECONNRESET, "the connection was lost");
	expect_error(t, "/half", ECONNRESET, "the connection was lost");
	expect_error(t, "/half-chunk", ECONNRESET, "the connection was lost");
	expect_error(t, "/garbage", EPROTO, "does not speak HTTP");
	expect_error(t, "/bad-chunk", ECONNRESET, "the connection was lost");
	expect_ok(t, "/ok", "ok");
}

/* Wherever an answer breaks off, that is an error, never a shorter answer. */
static void
cut_everywhere(void **state)
{
	static const char answer[] =
		"HTTP/1.1 200 OK\\r\\nContent-Type: text/plain\\r\\nTransfer-Encoding: chunked\\r\\n"
		"\\r\\n5\\r\\nhello\\r\\n6\\r\\n there\\r\\n0\\r\\n\\r\\n";
	struct test *t = *state;
	AUTO(buf) struct buf script = {0};
	size_t len = strlen(answer);

	buf_addc(&script, '[');
	for (size_t i = 0; i <= len; i++) {
		if (i == 0 || answer[i - 1] != '\\') /* not in the middle of an escape */
			buf_addf(&script, "{'path': '/%zu', 'raw': '%.*s'},", i, (int)i, answer);
	}
	buf_adds(&script, "{}]");
	t->server = http_server_start(script.data);
	for (size_t i = 0; i <= len; i++) {
		AUTO(free) char *path = mem_printf("/%zu", i);
		struct call c;

		if (i && answer[i - 1] == '\\')
			continue;
		c = get(t, path);
		/* All is there when no more than the last newline is missing. */
		if (c.failed != (i < len - strlen("\\n")) ||
		    (!c.failed && strcmp(buf_str(&c.body), "hello there") != 0))
			fail_msg("cut after %zu of %zu: %s, body '%s'", i, len, c.failed ? c.err.msg : "no error",
				 buf_str(&c.body));
		buf_free(&c.body);
	}
}

static void
limits(void **state)
{
	struct test *t = *state;
	struct call slow = {0};

	t->server =
		http_server_start("[{'path': '/stall', 'stall': true},"
				  " {'path': '/half', 'fill': 100, 'stall_after': 50},"
				  " {'path': '/slow', 'chunks': ['1', {'wait_ms': 150}, '2', {'wait_ms': 150}, '3',"
				  "  {'wait_ms': 150}, '4', {'wait_ms': 150}, '5']},"
				  " {'path': '/ok', 'body': 'ok'}]");
	t->idle_ms = 500;
	expect_error(t, "/stall", ETIMEDOUT, "no answer within 0.5 s");
	expect_error(t, "/half", ETIMEDOUT, "nothing more came within 0.5 s");
	expect_ok(t, "/slow", "12345"); /* longer than the limit in all, never silent for so long */
	t->total_ms = 400;
	t->idle_ms = 0;
	expect_error(t, "/slow", ETIMEDOUT, "nothing more came within 0.4 s");
	t->total_ms = 0;
	t->idle_ms = 500;
	start(t, &slow, "/slow");
	while (!slow.body.len)
		turn(t->loop, 100);
	http_pause(slow.http, true);
	turns_for(t->loop, 900); /* a pause is no silence */
	assert_int_equal(slow.done, 0);
	assert_int_equal(slow.body.len, 1);
	http_pause(slow.http, false);
	assert_int_equal(slow.body.len, 1); /* nothing from inside */
	turns_until(t->loop, &slow.done);
	assert_string_equal(buf_str(&slow.body), "12345");
	buf_free(&slow.body);
}

/* A reader that stops in the middle of a compressed body, again and again, gets all of it in order. */
static void
pausing_inside(void **state)
{
	struct test *t = *state;
	const char *const paths[] = {"/zip", "/plain"};

	t->server = http_server_start("[{'path': '/zip', 'fill': 3000000, 'gzip': true, 'chunked': true},"
				      " {'path': '/plain', 'fill': 3000000}]");
	t->compressed = true;
	for (size_t i = 0; i < COUNT_OF(paths); i++) {
		struct call c = {.pause_inside = true};
		size_t before;

		start(t, &c, paths[i]);
		while (!c.done) {
			turn(t->loop, 10);
			before = c.body.len;
			if (!c.done)
				http_pause(c.http, false);
			assert_int_equal(c.body.len, before);
		}
		assert_false(c.failed);
		assert_int_equal(c.body.len, 3000000);
		buf_free(&c.body);
	}
}

static void
cancelling(void **state)
{
	struct test *t = *state;
	struct call a = {.cancel_after = 1}, b = {.cancel_at_start = true}, c = {.cancel_at_end = true}, d = {0};
	struct call e = {.other = &d}, f = {.refuse_after = 100};

	t->server = http_server_start("[{'path': '/big', 'fill': 3000000}, {'path': '/stall', 'stall': true},"
				      " {'path': '/ok', 'body': 'ok'}]");
	start(t, &a, "/big");
	start(t, &b, "/ok");
	start(t, &c, "/ok");
	turns_until(t->loop, &c.done);
	start(t, &d, "/stall");
	start(t, &e, "/big");
	turns_until(t->loop, &e.done);
	assert_int_equal(e.body.len, 3000000);
	start(t, &f, "/big");
	turns_until(t->loop, &f.done);
	assert_true(f.failed);
	assert_int_equal(f.err.kind, ERR_INPUT);
	assert_int_equal(f.err.code, 7);
	assert_string_equal(f.err.msg, "enough of that");
	turns_for(t->loop, 50);
	assert_int_equal(a.done + b.done + d.done, 0);
	assert_true(a.body.len < 3000000);
	memset(&d, 0, sizeof(d));
	start(t, &d, "/ok"); /* and before it was sent */
	http_cancel(d.http);
	http_cancel(NULL);
	turns_for(t->loop, 20);
	assert_int_equal(d.done, 0);
	buf_free(&a.body);
	buf_free(&b.body);
	buf_free(&c.body);
	buf_free(&e.body);
	buf_free(&f.body);
}

static void
starting_inside(void **state)
{
	struct test *t = *state;
	struct call c = {.start_another = true};

	t->server = http_server_start("[{'path': '/first', 'body': '1'}, {'path': '/more', 'body': '2'}]");
	start(t, &c, "/first");
	turns_until(t->loop, &c.done);
	turns_until(t->loop, &t->more.done);
	assert_string_equal(buf_str(&t->more.body), "2");
	buf_free(&c.body);
}

static void
freeing_inside(void **state)
{
	struct test *t = *state;
	struct call a = {.free_all = true}, b = {0}, c = {.free_all_at_end = true};
	struct err e;

	t->server = http_server_start("[{'path': '/big', 'fill': 1000000}, {'path': '/stall', 'stall': true}]");
	start(t, &b, "/stall");
	start(t, &a, "/big");
	while (t->http)
		turn(t->loop, 100);
	turns_for(t->loop, 30);
	assert_int_equal(a.done + b.done, 0);
	t->http = http_new(t->loop, &e);
	start(t, &b, "/stall");
	start(t, &c, "/big");
	turns_until(t->loop, &c.done);
	assert_null(t->http);
	turns_for(t->loop, 30);
	assert_int_equal(b.done, 0);
	buf_free(&a.body);
	buf_free(&c.body);
}

static void
unreachable(void **state)
{
	struct test *t = *state;
	struct err e;

	e = expect_error(t, "http://127.0.0.1:1/", ECONNREFUSED, "");
	assert_string_equal(e.msg, "connect 127.0.0.1:1: refused: is it up, and is the address right?");
	expect_error(t, "http://user:secret@moat.invalid/", ENOENT, "look up moat.invalid:80: ");
	expect_error(t, "gopher://127.0.0.1/", EINVAL, "https://HOST:PORT");
	expect_error(t, "http://", EINVAL, "https://HOST:PORT");
}

/* A port that takes connections and says nothing: TLS never comes about. */
static void
connect_limit(void **state)
{
	struct test *t = *state;

	t->server = http_server_start("{'mute': true, 'routes': []}");
	t->scheme = "https";
	t->connect_ms = 200;
	expect_error(t, "/", ETIMEDOUT, "no answer within 0.2 s");
}

static char *
source_text(const char *name)
{
	AUTO(free) char *path = source_path(name);
	AUTO(buf) struct buf text = {0};
	struct err e;

	if (!reader_slurp(path, 65536, &text, &e))
		fail_msg("%s", e.msg);
	return buf_take(&text);
}

static void
tls_peer(struct test *t, const char *ca, const char *cert, const char *key)
{
	const char *names[] = {ca, cert, key};

	for (size_t i = 0; i < COUNT_OF(names); i++) {
		free(t->text[i]);
		t->text[i] = names[i] ? source_text(names[i]) : NULL;
	}
	t->scheme = "https";
	t->peer.ca = t->text[0];
	t->peer.ca_len = ca ? strlen(t->text[0]) : 0;
	t->peer.cert = t->text[1];
	t->peer.cert_len = cert ? strlen(t->text[1]) : 0;
	t->peer.key = t->text[2];
	t->peer.key_len = key ? strlen(t->text[2]) : 0;
}

#define PKI "tests/kube/pki/"

static void
tls(void **state)
{
	struct test *t = *state;

	t->server = http_server_start("{'tls': true, 'routes': [{'body': 'ok'}]}");
	tls_peer(t, PKI "ca.crt", NULL, NULL);
	expect_ok(t, "/", "ok");
	t->peer.server_name = "kubernetes.example";
	expect_ok(t, "/", "ok");
	t->peer.server_name = "elsewhere.example";
	expect_error(t, "/", EPROTO, "for another name");
	t->peer.server_name = NULL;
	tls_peer(t, PKI "other-ca.crt", NULL, NULL);
	expect_error(t, "/", EPROTO, "not signed by the configured CA");
	t->peer.insecure = true;
	expect_ok(t, "/", "ok");
	t->peer.insecure = false;
	expect_error(t, "/", EPROTO, "not signed by the configured CA"); /* the unchecked connection is not used */
	tls_peer(t, PKI "make.sh", NULL, NULL);
	expect_error(t, "/", EINVAL, "CA");
	t->scheme = "http";
	expect_error(t, "/", ECONNRESET, "connection was lost");
}

static void
expired_certificate(void **state)
{
	struct test *t = *state;

	t->server = http_server_start("{'tls': true, 'certificate': 'expired', 'routes': []}");
	tls_peer(t, PKI "ca.crt", NULL, NULL);
	expect_error(t, "/", EPROTO, "has expired");
}

static void
client_certificates(void **state)
{
	struct test *t = *state;

	t->server = http_server_start("{'tls': true, 'client_ca': true, 'routes': [{'body': 'ok'}]}");
	tls_peer(t, PKI "ca.crt", NULL, NULL);
	expect_error(t, "/", EPROTO, "the server wants a client certificate");
	tls_peer(t, PKI "ca.crt", PKI "client.crt", PKI "client.key");
	t->peer.identity = 1;
	expect_ok(t, "/", "ok");
	expect_ok(t, "/", "ok");
	expect_connections(t, 2);
	tls_peer(t, PKI "ca.crt", PKI "client2.crt", PKI "client2.key");
	t->peer.identity = 2;
	expect_ok(t, "/", "ok");
	expect_connections(t, 3);
	tls_peer(t, PKI "ca.crt", PKI "stranger.crt", PKI "stranger.key");
	t->peer.identity = 3;
	expect_error(t, "/", EPROTO, "the server does not know the CA of the client certificate");
	tls_peer(t, PKI "ca.crt", PKI "client.crt", PKI "client2.key");
	t->peer.identity = 4;
	expect_error(t, "/", EINVAL, "the client certificate and its key cannot be used");
}

/* Over HTTP/1.1 one that does not answer holds up nobody else, with TLS or without. */
static void
no_waiting_behind(void **state)
{
	struct test *t = *state;

	for (int i = 0; i < 2; i++) {
		struct call stalled = {0};

		t->server = http_server_start(
			i ? "{'tls': true, 'routes': [{'path': '/stall', 'stall': true}, {'body': 'ok'}]}"
			  : "[{'path': '/stall', 'stall': true}, {'body': 'ok'}]");
		if (i)
			tls_peer(t, PKI "ca.crt", NULL, NULL);
		start(t, &stalled, "/stall");
		expect_ok(t, "/", "ok");
		assert_int_equal(stalled.done, 0);
		http_cancel(stalled.http);
		http_server_stop(&t->server);
	}
}

/* A number is all that tells identities apart where TLS does not: tokens over plain HTTP. */
static void
identities(void **state)
{
	struct test *t = *state;

	t->server = http_server_start("[{'body': 'ok'}]");
	t->peer.identity = 1;
	expect_ok(t, "/", "ok");
	expect_ok(t, "/", "ok");
	expect_connections(t, 1);
	t->peer.identity = 2;
	expect_ok(t, "/", "ok");
	expect_connections(t, 2);
}

static void
many_at_once(void **state)
{
	enum { N = 200 }; /* more than one pool takes */
	struct test *t = *state;
	static struct call calls[N];

	memset(calls, 0, sizeof(calls));
	t->server = http_server_start("[{'path': '/[0-9]+', 'delay_ms': 20, 'fill': 1000}]");
	for (int i = 0; i < N; i++) {
		AUTO(free) char *path = mem_printf("/%d", i);

		start(t, &calls[i], path);
	}
	for (int i = 0; i < N; i++) {
		turns_until(t->loop, &calls[i].done);
		assert_int_equal(calls[i].body.len, 1000);
		buf_free(&calls[i].body);
	}
}

/* --- Proxies --- */

static void
proxies(void **state)
{
	struct test *t = *state;
	struct http_server proxy =
		http_server_start("[{'method': 'CONNECT', 'path': 'blocked.*', 'status': 403},"
				  " {'method': 'CONNECT', 'path': 'auth.*', 'status': 407},"
				  " {'method': 'CONNECT|SOCKS5', 'path': '127.*', 'tunnel': true},"
				  " {'method': 'GET', 'path': 'http://.*', 'body': 'by proxy'}]");
	AUTO(free) char *http = mem_printf("http://me:secret@127.0.0.1:%d", proxy.port);
	AUTO(free) char *socks = mem_printf("socks5://127.0.0.1:%d", proxy.port);
	struct err e;

	t->server = http_server_start("{'tls': true, 'routes': [{'body': 'ok'}]}");
	tls_peer(t, PKI "ca.crt", NULL, NULL);
	t->peer.proxy = http;
	expect_ok(t, "/", "ok");
	e = expect_error(t, "https://blocked.example/", EPROTO, "the proxy answers 403");
	assert_non_null(strstr(e.msg, "connect blocked.example:443 by way of the proxy http://127.0.0.1:"));
	assert_null(strstr(e.msg, "secret"));
	expect_error(t, "https://auth.example/", EPROTO, "the proxy answers 407: it wants a user and a password");
	expect_ok(t, "http://plain.example/", "by proxy");
	t->peer.proxy = socks;
	expect_ok(t, "/", "ok");
	expect_error(t, "https://blocked.example/", EPROTO, "the proxy refuses");
	t->peer.proxy = "http://127.0.0.1:1";
	e = expect_error(t, "https://a.example/", ECONNREFUSED, "");
	assert_string_equal(e.msg, "connect a.example:443: connect its proxy http://127.0.0.1:1: refused: is it up, and is the address right?");
	t->peer.proxy = "http://me:secret@proxy.invalid:3128";
	e = expect_error(t, "https://a.example/", ENOENT, "look up its proxy http://proxy.invalid:3128");
	assert_null(strstr(e.msg, "secret"));
	http_server_stop(&proxy);
}

/* --- Bare connections --- */

struct bare {
	struct test *test;
	struct http_conn *conn;
	int called;
	struct err err;
	struct buf got;
	bool eof;
};

static void
on_connected(void *ctx, struct http_conn *conn, const struct err *e)
{
	struct bare *b = ctx;

	b->called++;
	b->conn = conn;
	assert_true(!conn == !!e);
	if (e)
		b->err = *e;
}

static void
drain(void *ctx, int events)
{
	struct bare *b = ctx;
	char data[1000];
	struct err e;
	size_t n;

	assert_int_equal(events, LOOP_READ);
	do {
		if (!http_conn_recv(b->conn, data, sizeof(data), &n, &b->eof, &e))
			fail_msg("%s", e.msg);
		buf_add(&b->got, data, n);
	} while (n);
	if (b->eof)
		http_conn_watch(b->conn, 0, drain, b);
}

static void
bare_connect(struct test *t, struct bare *b)
{
	AUTO(free) char *url = mem_printf("%s://127.0.0.1:%d/prefix", t->scheme, t->server.port);
	struct http_connect_args args = {.url = url, .peer = &t->peer, .ctx = b, .fn = on_connected};

	b->test = t;
	b->conn = http_connect(t->http, &args);
	assert_int_equal(b->called, 0);
}

static void
bare_connections(void **state)
{
	struct test *t = *state;
	const char request[] = "GET /x HTTP/1.1\r\nHost: x\r\n\r\n";
	struct bare b = {0}, gone = {0}, refused = {0};
	int64_t end = clock_ms() + TURNS_ENOUGH_MS;
	struct err e;
	size_t n;

	t->server =
		http_server_start("{'tls': true, 'client_ca': true, 'routes': [{'fill': 50000, 'close': true}]}");
	tls_peer(t, PKI "ca.crt", PKI "client.crt", PKI "client.key");
	bare_connect(t, &b);
	bare_connect(t, &gone);
	http_conn_close(gone.conn); /* while it is connecting */
	turns_until(t->loop, &b.called);
	assert_non_null(b.conn);
	assert_true(http_conn_send(b.conn, request, strlen(request), &n, &e));
	assert_int_equal(n, strlen(request));
	http_conn_watch(b.conn, LOOP_READ, drain, &b);
	while (!b.eof && clock_ms() < end)
		turn(t->loop, 100);
	assert_true(b.eof);
	assert_true(str_starts(buf_str(&b.got), "HTTP/1.1 200 OK\r\n"));
	assert_true(b.got.len > 50000);
	http_conn_close(b.conn);
	assert_int_equal(gone.called, 0);
	tls_peer(t, PKI "other-ca.crt", NULL, NULL);
	bare_connect(t, &refused);
	turns_until(t->loop, &refused.called);
	assert_non_null(strstr(refused.err.msg, "not signed by the configured CA"));
	buf_free(&b.got);
}

/* Its owner may close it after all else is gone, open or not. */
static void
bare_and_freed(void **state)
{
	struct test *t = *state;
	struct bare open = {0}, opening = {0};
	struct err e;
	size_t n;

	t->server = http_server_start("[]");
	bare_connect(t, &open);
	while (!open.called)
		turn(t->loop, 100);
	http_conn_watch(open.conn, LOOP_READ, drain, &open);
	bare_connect(t, &opening);
	http_free(t->http);
	t->http = NULL;
	turns_for(t->loop, 20);
	assert_int_equal(opening.called, 0);
	assert_false(http_conn_send(open.conn, "x", 1, &n, &e));
	http_conn_close(open.conn);
	http_conn_close(opening.conn);
	http_conn_close(NULL);
}

#define test(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		test(answers),
		test(header_in_header),
		test(compression),
		test(broken_answers),
		test(cut_everywhere),
		test(limits),
		test(pausing_inside),
		test(cancelling),
		test(starting_inside),
		test(freeing_inside),
		test(unreachable),
		test(connect_limit),
		test(tls),
		test(expired_certificate),
		test(client_certificates),
		test(no_waiting_behind),
		test(identities),
		test(many_at_once),
		test(proxies),
		test(bare_connections),
		test(bare_and_freed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
