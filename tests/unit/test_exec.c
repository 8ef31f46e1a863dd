/* SPDX-License-Identifier: Apache-2.0 */
/* exec, port-forward and logs against tests/kube/ws_server.py, where the pod's name says how the server behaves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "kube/credential.h"
#include "kube/exec.h"
#include "kube/kubeconfig.h"
#include "kube/logs.h"
#include "kube/portforward.h"
#include "kube/stream.h"
#include "tests/source.h"

#define PATIENCE_MS 20000 /* for one answer; only a test that fails waits so long */

/* A credential of two tokens: the second comes once the first was refused. */
static unsigned credential_serial, refusals;

struct credential {
	char unused;
};

struct credential *
credential_new(struct loop *l, const struct kube_context *context, const struct credential_options *opt,
	       struct err *e)
{
	(void)l, (void)context, (void)opt, (void)e;
	return mem_alloc(sizeof(struct credential));
}

void
credential_free(struct credential *c)
{
	free(c);
}

struct credential_wait *
credential_get(struct credential *c, void (*fn)(void *ctx, const struct credential_state *s, const struct err *e),
	       void *ctx)
{
	struct credential_state s = {.serial = credential_serial};

	(void)c;
	s.authorization = credential_serial == 1 ? "Bearer old" : "Bearer fresh";
	fn(ctx, &s, NULL);
	return NULL;
}

void
credential_wait_cancel(struct credential_wait *w)
{
	(void)w;
}

bool
credential_refused(struct credential *c, unsigned serial)
{
	(void)c;
	refusals++;
	if (serial != 1)
		return false;
	credential_serial = 2;
	return true;
}

void
kubeconfig_free(struct kubeconfig *c)
{
	(void)c;
}

/* The server, and a client of it. */

static struct loop *loop;
static struct kube *kube;
static struct kube_cluster cluster = {.name = "test"};
static struct kube_user user = {.name = "test"};
static const struct kube_context context = {.name = "test", .cluster = &cluster, .user = &user};
static int server_stdin;
static char url[64];

static int
start_server(void **state)
{
	AUTO(free) char *script = source_path("tests/kube/ws_server.py");
	int in[2], out[2];
	char port[16] = "";
	struct err e;

	(void)state;
	if (pipe(in) || pipe(out))
		return -1;
	if (fork() == 0) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		close(in[1]);
		close(out[0]);
		execlp("python3", "python3", script, NULL);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	server_stdin = in[1];
	if (read(out[0], port, sizeof(port) - 1) <= 0)
		return -1;
	snprintf(url, sizeof(url), "http://127.0.0.1:%d", atoi(port));
	cluster.server = url;
	credential_serial = 1;
	loop = loop_new(&e);
	kube = kube_new(loop, NULL, &context, &(struct kube_options){.request_timeout_ms = 5000}, &e);
	return kube ? 0 : -1;
}

static int
stop_server(void **state)
{
	(void)state;
	kube_free(kube);
	loop_free(loop);
	close(server_stdin);
	return 0;
}

static void
wait_for(const bool *done)
{
	int64_t until = clock_ms() + PATIENCE_MS;

	while (!*done) {
		struct err e;

		if (clock_ms() > until)
			fail_msg("nothing came within %d ms", PATIENCE_MS);
		assert_true(loop_once(loop, 100, &e));
	}
}

/* --- exec --- */

struct answer {
	bool done, ran, cut;
	int status;
	struct err err;
	struct buf out, errors;
};

static void
on_done(void *ctx, const struct exec_result *r)
{
	struct answer *a = ctx;

	assert_false(a->done);
	a->done = true;
	a->ran = r->ran;
	a->status = r->status;
	a->err = r->err;
	a->cut = r->cut;
	buf_clear(&a->out);
	buf_clear(&a->errors);
	buf_add(&a->out, r->out, r->out_len);
	buf_add(&a->errors, r->errors, r->errors_len);
}

static void
auto_answer(struct answer *a)
{
	buf_free(&a->out);
	buf_free(&a->errors);
}

static const char *const command[] = {"sh", "-c", "echo \"a&b\" %41 \xc3\xa4; exit"};

static struct exec *
begin(const char *pod, struct answer *a, const struct exec_args *more)
{
	struct exec_args args = *more;
	AUTO(free) char *namespace = mem_strdup("ns"), *name = mem_strdup(pod); /* gone once it has begun */

	args.kube = kube;
	args.loop = loop;
	args.namespace = namespace;
	args.pod = name;
	args.container = "c";
	args.command = command;
	args.n_command = COUNT_OF(command);
	args.ctx = a;
	args.done = on_done;
	return exec_start(&args);
}

static void
run(const char *pod, struct answer *a, const struct exec_args *more)
{
	begin(pod, a, more);
	wait_for(&a->done);
}

/* What clients did, as the server saw it. */
static void
has_event(const char *event)
{
	for (int i = 0; i < 50; i++) {
		AUTO(answer) struct answer a = {0};

		run("events", &a, &(struct exec_args){0});
		if (strstr(buf_str(&a.out), event))
			return;
		usleep(20000);
	}
	fail_msg("the server has not seen \"%s\"", event);
}

static void
no_event(const char *event)
{
	AUTO(answer) struct answer a = {0};

	run("events", &a, &(struct exec_args){0});
	assert_null(strstr(buf_str(&a.out), event));
}

static void
exit0(void **state)
{
	AUTO(answer) struct answer a = {0};

	(void)state;
	run("exit0", &a, &(struct exec_args){0});
	assert_true(a.ran);
	assert_int_equal(a.status, 0);
	assert_string_equal(buf_str(&a.out), "sh\n-c\necho \"a&b\" %41 \xc3\xa4; exit");
	assert_string_equal(buf_str(&a.errors), "c");
	assert_false(a.cut);
}

static const struct {
	const char *pod;
	int status;
	const char *out;
} that_run[] = {
	{"exit7", 7, ""},  {"signal", 137, ""}, {"old", 0, "old"},	  {"strict", 0, "old"},
	{"leaves", 5, ""}, {"lingers", 6, ""},	{"slow", 0, "one piece"}, {"unknown-channels", 0, "out"},
};

static void
commands_that_run(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(that_run); i++) {
		AUTO(answer) struct answer a = {0};

		run(that_run[i].pod, &a, &(struct exec_args){0});
		if (!a.ran)
			fail_msg("%s: %s", that_run[i].pod, a.err.msg);
		assert_int_equal(a.status, that_run[i].status);
		assert_string_equal(buf_str(&a.out), that_run[i].out);
	}
}

static const struct {
	const char *pod;
	enum err_kind kind;
	int code;
	const char *words;
} that_fail[] = {
	{"noprog", ERR_INPUT, 0, "\"nosuch\": executable file not found in $PATH"},
	{"runtime", ERR_SOURCE, 0, "the runtime is \\x1b[31mbroken"},
	{"forbidden", ERR_DENIED, 403, "cannot create resource \"pods/exec\""},
	{"wrong-container", ERR_INPUT, 400, "container nope is not valid"},
	{"half-allowed", ERR_DENIED, 403,
	 "forbidden; it takes the verbs get and create on pods/exec in namespace ns"},
	{"no-pod", ERR_INPUT, 404, "exec in ns/no-pod: pods \"x\" not found"},
	{"not-running", ERR_SOURCE, 500, "container not found (\"x\")"},
	{"moved", ERR_SOURCE, 302, "answered 302"},
	{"older", ERR_SOURCE, 403, "none of the protocols"},
	{"no-websocket", ERR_SOURCE, 0, "does not speak HTTP/1.1: \"220 mail"},
	{"wrong-accept", ERR_SOURCE, 0, "another request"},
	{"cut", ERR_SOURCE, 0, "the connection was cut"},
	{"reset", ERR_SOURCE, -1, "connection"},
	{"garbage", ERR_SOURCE, 0, "WebSocket frame"},
	{"text", ERR_SOURCE, 0, "sent text"},
	{"closes", ERR_SOURCE, 0, "without the command's status"},
	{"fails", ERR_SOURCE, 0, "code 1011: \"node went away\""},
	{"bad-status", ERR_SOURCE, 0, "cannot be read: \"not JSON \\x1b[2J\""},
};

static void
commands_that_fail(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(that_fail); i++) {
		AUTO(answer) struct answer a = {0};

		run(that_fail[i].pod, &a, &(struct exec_args){0});
		if (a.ran || !strstr(a.err.msg, that_fail[i].words))
			fail_msg("%s: %s", that_fail[i].pod, a.ran ? "it ran" : a.err.msg);
		if (a.err.kind != that_fail[i].kind)
			fail_msg("%s: a %s", that_fail[i].pod, err_word(a.err.kind));
		if (that_fail[i].code >= 0)
			assert_int_equal(a.err.code, that_fail[i].code);
	}
}

static void
output_kept_until_it_was_cut(void **state)
{
	AUTO(answer) struct answer a = {0};

	(void)state;
	run("cut", &a, &(struct exec_args){0});
	assert_string_equal(buf_str(&a.out), "whole");
}

static void
input(void **state)
{
	AUTO(free) char *large = mem_alloc(1000000);
	AUTO(answer) struct answer a = {0}, b = {0}, c = {0};

	(void)state;
	run("stdin", &a, &(struct exec_args){.input = "a\0b", .input_len = 3});
	assert_true(a.ran);
	assert_int_equal(a.out.len, 3);
	assert_memory_equal(a.out.data, "a\0b", 3);

	for (size_t i = 0; i < 1000000; i++)
		large[i] = (char)(i * 7 >> 3);
	run("stdin", &b, &(struct exec_args){.input = large, .input_len = 1000000, .output_limit = 2000000});
	assert_true(b.ran);
	assert_int_equal(b.out.len, 1000000);
	assert_memory_equal(b.out.data, large, 1000000);

	run("stdin", &c, &(struct exec_args){.input = "", .input_len = 0}); /* none, but closed */
	assert_true(c.ran);
	assert_int_equal(c.out.len, 0);
}

static void
input_needs_v5(void **state)
{
	static const char *const pods[] = {"old", "strict"};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(pods); i++) {
		AUTO(answer) struct answer a = {0};

		run(pods[i], &a, &(struct exec_args){.input = "x", .input_len = 1});
		assert_false(a.ran);
		assert_int_equal(a.err.kind, ERR_SOURCE);
		assert_true(strstr(a.err.msg, "v4.channel.k8s.io, which cannot end a command's input") != NULL);
	}
}

static void
big_output(void **state)
{
	AUTO(answer) struct answer a = {0}, b = {0};

	(void)state;
	run("big", &a, &(struct exec_args){0});
	assert_true(a.ran && a.cut);
	assert_int_equal(a.out.len, 256 * 1024);
	assert_string_equal(buf_str(&a.errors), "end");

	run("big", &b, &(struct exec_args){.output_limit = 100 * 32768});
	assert_true(b.ran && !b.cut);
	assert_int_equal(b.out.len, 100 * 32768);
}

static void
time_limits(void **state)
{
	AUTO(answer) struct answer a = {0}, b = {0}, c = {0};

	(void)state;
	run("asleep", &a, &(struct exec_args){.limit_ms = 300});
	assert_false(a.ran);
	assert_int_equal(a.err.kind, ERR_SOURCE);
	assert_true(strstr(a.err.msg, "did not end within 1 s") != NULL);
	assert_string_equal(buf_str(&a.out), "so far");
	has_event("closed 1000");

	run("mute", &b, &(struct exec_args){.limit_ms = 200});
	assert_true(strstr(b.err.msg, "did not end within") != NULL);
	has_event("mute one left");
	run("endless-refusal", &c, &(struct exec_args){.limit_ms = 200});
	assert_false(c.ran);
}

static void
another_credential(void **state)
{
	AUTO(answer) struct answer a = {0}, b = {0};

	(void)state;
	credential_serial = 1;
	refusals = 0;
	run("renewed", &a, &(struct exec_args){0});
	assert_true(a.ran);
	assert_int_equal(refusals, 1);

	/* Refused twice: no third try, whatever the credential says. */
	credential_serial = 1;
	refusals = 0;
	run("unauthorized", &b, &(struct exec_args){0});
	assert_false(b.ran);
	assert_int_equal(b.err.kind, ERR_DENIED);
	assert_int_equal(b.err.code, 401);
	assert_int_equal(refusals, 1);
	has_event("401\n401");
	no_event("401\n401\n401");
}

static void
cancelled(void **state)
{
	static const char *const pods[] = {"exit0", "asleep", "mute", "big", "slow", "dead"};
	struct err e;

	(void)state;
	/* After 0, 1, 2 ... rounds of the loop, so that it is caught in every state. */
	for (size_t i = 0; i < COUNT_OF(pods); i++)
		for (int rounds = 0; rounds < 12; rounds++) {
			AUTO(answer) struct answer a = {0};
			struct exec *x = begin(pods[i], &a, &(struct exec_args){0});

			for (int n = 0; n < rounds && !a.done; n++)
				assert_true(loop_once(loop, 5, &e));
			if (!a.done)
				exec_cancel(x);
			a.done = false;
			for (int n = 0; n < 3; n++)
				assert_true(loop_once(loop, 0, &e));
			assert_false(a.done);
		}
	exec_cancel(NULL);
}

static void
nobody_there(void **state)
{
	AUTO(answer) struct answer a = {0};
	struct kube *right = kube;
	struct err e;

	(void)state;
	cluster.server = "http://127.0.0.1:1";
	kube = kube_new(loop, NULL, &context, &(struct kube_options){0}, &e);
	assert_non_null(kube);
	run("exit0", &a, &(struct exec_args){0});
	assert_false(a.ran);
	assert_int_equal(a.err.kind, ERR_SOURCE);
	assert_true(strstr(a.err.msg, "127.0.0.1") != NULL);
	kube_free(kube);
	kube = right;
	cluster.server = url;
}

/* --- The stream itself --- */

struct listener {
	bool opened, done, failed;
	struct err err;
	struct stream *stream;
	bool close_on_open;
	size_t messages;
	const char *stop;
};

static void
on_opened(void *ctx, const char *protocol)
{
	struct listener *l = ctx;

	assert_string_equal(protocol, "v5.channel.k8s.io");
	l->opened = true;
	if (l->close_on_open) {
		stream_close(l->stream);
		l->done = true;
	}
}

static bool
on_message(void *ctx, unsigned channel, const char *data, size_t len, struct err *e)
{
	struct listener *l = ctx;

	(void)channel, (void)data, (void)len;
	assert_false(l->done);
	l->messages++;
	return !l->stop || err_set(e, ERR_INPUT, 0, "%s", l->stop);
}

static void
on_closed(void *ctx, const struct err *e)
{
	struct listener *l = ctx;

	assert_false(l->done);
	l->done = true;
	l->failed = e != NULL;
	if (e)
		l->err = *e;
	stream_close(l->stream); /* harmless in here */
}

static void
listen_to(const char *pod, struct listener *l, int64_t open_ms, int64_t dead_ms)
{
	static const char *const protocols[] = {"v5.channel.k8s.io"};
	AUTO(free) char *path = mem_printf("/api/v1/namespaces/ns/pods/%s/exec?command=x&container=c", pod);

	l->stream = stream_open(&(struct stream_args){.kube = kube,
						      .loop = loop,
						      .path = path,
						      .protocols = protocols,
						      .n_protocols = 1,
						      .open_ms = open_ms,
						      .dead_ms = dead_ms,
						      .ctx = l,
						      .opened = on_opened,
						      .message = on_message,
						      .closed = on_closed});
	wait_for(&l->done);
}

static void
dead_peer(void **state)
{
	struct listener l = {0};
	int64_t begun = clock_ms();

	(void)state;
	listen_to("dead", &l, 0, 300);
	assert_true(l.opened && l.failed);
	assert_true(strstr(l.err.msg, "silent for 1 s") != NULL);
	assert_true(clock_ms() - begun >= 300 && clock_ms() - begun < 5000);
}

/* A peer that answers pings lives on, however long it says nothing else. */
static void
answered_pings(void **state)
{
	struct listener l = {0};

	(void)state;
	listen_to("pinged", &l, 0, 300);
	assert_true(l.opened && !l.failed);
	assert_int_equal(l.messages, 1);
}

/*
 * What comes in after a server has closed makes it drop what it had not sent yet: so no ping while it is
 * talking.
 */
static void
no_ping_while_it_talks(void **state)
{
	struct listener l = {0};

	(void)state;
	listen_to("busy", &l, 0, 6000);
	assert_true(l.opened && !l.failed);
	assert_int_equal(l.messages, 50);
}

static void
never_opened(void **state)
{
	struct listener l = {0}, refused = {0};

	(void)state;
	listen_to("mute", &l, 200, 0);
	assert_true(!l.opened && l.failed);
	assert_true(strstr(l.err.msg, "did not answer the upgrade") != NULL);
	listen_to("endless-refusal", &refused, 300, 0); /* its status has come, and its words so far */
	assert_int_equal(refused.err.code, 503);
	assert_true(strstr(refused.err.msg, "no node") != NULL);
}

static void
closed_in_a_callback(void **state)
{
	struct listener l = {.close_on_open = true}, stopped = {.stop = "no more of that"};

	(void)state;
	listen_to("big", &l, 0, 0);
	assert_int_equal(l.messages, 0);
	listen_to("big", &stopped, 0, 0);
	assert_int_equal(stopped.messages, 1);
	assert_int_equal(stopped.err.kind, ERR_INPUT);
	assert_string_equal(stopped.err.msg, "no more of that");
}

/* --- port-forward --- */

struct reply {
	bool done;
	int status;
	struct buf body;
	struct err err;
};

static void
on_reply(void *ctx, int status, const char *body, size_t len, const struct err *e)
{
	struct reply *r = ctx;

	assert_false(r->done);
	r->done = true;
	r->status = status;
	buf_add(&r->body, body, len);
	r->err = e ? *e : (struct err){0};
}

static void
auto_reply(struct reply *r)
{
	buf_free(&r->body);
}

static void
get(const char *pod, struct reply *r, int64_t limit_ms)
{
	portforward_get(&(struct portforward_args){.kube = kube,
						   .loop = loop,
						   .namespace = "ns",
						   .pod = pod,
						   .port = 8888,
						   .path = "/health?x=1",
						   .limit_ms = limit_ms,
						   .ctx = r,
						   .done = on_reply});
	wait_for(&r->done);
}

static const struct {
	const char *pod;
	int status;
	const char *body; /* the words of the error with status 0 */
} ports[] = {
	{"health", 200,
	 "GET /health?x=1 HTTP/1.1\r\nHost: localhost:8888\r\nUser-Agent: moat\r\nAccept: */*\r\n"
	 "Connection: close\r\n\r\n"},
	{"chunked", 503, "sickness"},
	{"until-close", 200, "all of it"},
	{"bytewise", 200, "hello"},
	{"large", 0, "port 8888 of ns/large: the answer is longer than 65536 bytes"},
	{"cut", 0, "port 8888 of ns/cut: the connection was closed in the middle"},
	{"no-answer", 0, "without an answer"},
	{"garbage", 0, "does not speak HTTP/1.1"},
	{"closed", 0, "connect: connection refused"},
	{"mute", 0, "port 8888 of ns/mute: no answer within 1 s"},
	{"other-port", 0, "another port"},
	{"forbidden", 0, "the verbs get and create on pods/portforward in namespace ns"},
};

static void
ports_of_pods(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(ports); i++) {
		AUTO(reply) struct reply r = {0};

		get(ports[i].pod, &r, str_eq(ports[i].pod, "mute") ? 300 : 0);
		if (r.status != ports[i].status)
			fail_msg("%s: %d %s", ports[i].pod, r.status, r.err.msg);
		if (r.status)
			assert_string_equal(buf_str(&r.body), ports[i].body);
		else if (!strstr(r.err.msg, ports[i].body))
			fail_msg("%s: %s", ports[i].pod, r.err.msg);
		assert_int_equal(r.err.kind, str_eq(ports[i].pod, "forbidden") ? ERR_DENIED
					     : r.status			       ? ERR_NONE
									       : ERR_SOURCE);
	}
}

static void
ports_cancelled(void **state)
{
	struct err e;

	(void)state;
	for (int rounds = 0; rounds < 10; rounds++) {
		AUTO(reply) struct reply r = {0};
		struct portforward *p = portforward_get(&(struct portforward_args){.kube = kube,
										   .loop = loop,
										   .namespace = "ns",
										   .pod = "mute",
										   .port = 8888,
										   .path = "/",
										   .ctx = &r,
										   .done = on_reply});

		for (int n = 0; n < rounds; n++)
			assert_true(loop_once(loop, 5, &e));
		portforward_cancel(p);
		assert_true(loop_once(loop, 0, &e));
		assert_false(r.done);
	}
	portforward_cancel(NULL);
}

/* --- logs --- */

struct lines {
	bool done, failed;
	struct err err;
	struct buf text; /* "line|", a piece of one "piece+" */
	size_t n, enough, longest;
};

static bool
on_line(void *ctx, const char *line, size_t len, bool more)
{
	struct lines *l = ctx;

	assert_false(l->done);
	assert_false(l->enough && l->n == l->enough);
	if (len > l->longest)
		l->longest = len;
	buf_add(&l->text, line, len);
	buf_addc(&l->text, more ? '+' : '|');
	return ++l->n != l->enough;
}

static void
on_end(void *ctx, const struct err *e)
{
	struct lines *l = ctx;

	assert_false(l->done);
	l->done = true;
	l->failed = e != NULL;
	if (e)
		l->err = *e;
}

static void
auto_lines(struct lines *l)
{
	buf_free(&l->text);
}

static struct logs *
read_log(const char *pod, struct lines *l, const struct logs_args *more)
{
	struct logs_args args = *more;

	args.kube = kube;
	args.namespace = "ns";
	args.pod = pod;
	args.ctx = l;
	args.line = on_line;
	args.done = on_end;
	return logs_start(&args);
}

static void
log_is(const char *pod, const struct logs_args *args, size_t enough, const char *wanted)
{
	AUTO(lines) struct lines l = {.enough = enough};

	read_log(pod, &l, args);
	wait_for(&l.done);
	if (l.failed)
		fail_msg("%s: %s", pod, l.err.msg);
	assert_string_equal(buf_str(&l.text), wanted);
}

static void
logs_of_pods(void **state)
{
	(void)state;
	log_is("query", &(struct logs_args){.container = "c d", .tail = 10, .head_bytes = 1000, .previous = true},
	       0, "container=c d|limitBytes=1000|previous=true|tailLines=10|");
	log_is("query", &(struct logs_args){.follow = true}, 0, "follow=true|");
	log_is("query", &(struct logs_args){.since = 1779364800, .timestamps = true}, 0,
	       "sinceTime=2026-05-21T12:00:00Z|timestamps=true|");
	log_is("unended", &(struct logs_args){0}, 0, "one||two|");
	log_is("unended", &(struct logs_args){.head_bytes = 6}, 0, "one||t|");
	log_is("unended", &(struct logs_args){.head_bytes = 4}, 0, "one|");
	log_is("follow", &(struct logs_args){.follow = true}, 0, "one|two|three|");
	log_is("endless", &(struct logs_args){0}, 3, "line 0|line 1|line 2|");
	has_event("log left");
}

static void
long_lines(void **state)
{
	AUTO(lines) struct lines l = {0};

	(void)state;
	read_log("long", &l, &(struct logs_args){0});
	wait_for(&l.done);
	assert_false(l.failed);
	assert_int_equal(l.longest, 65536);
	assert_int_equal(l.n, 1 + 2 + 4);
	assert_int_equal(l.text.len, 65536 + 65537 + 200000 + 7);
	assert_int_equal(l.text.data[65536], '|');
	assert_int_equal(l.text.data[2 * 65536 + 1], '+');
}

static void
logs_that_fail(void **state)
{
	static const struct {
		const char *pod, *words, *text;
	} cases[] = {
		{"none", "read the log of ns/none: ", ""},
		{"broken", "the runtime has lost the file", ""},
		{"no-previous", "previous terminated container \"c\"", ""},
		{"cut", "read the log of ns/cut", "one|tw|"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		AUTO(lines) struct lines l = {0};

		read_log(cases[i].pod, &l, &(struct logs_args){0});
		wait_for(&l.done);
		assert_true(l.failed);
		if (!strstr(l.err.msg, cases[i].words))
			fail_msg("%s: %s", cases[i].pod, l.err.msg);
		assert_string_equal(buf_str(&l.text), cases[i].text);
	}
	no_event("log asked\nlog asked"); /* the operator is told at once */
}

static void
logs_cancelled(void **state)
{
	AUTO(lines) struct lines l = {0};
	struct logs *logs = read_log("endless", &l, &(struct logs_args){.follow = true});
	struct err e;

	(void)state;
	while (l.n < 100)
		assert_true(loop_once(loop, 100, &e));
	logs_cancel(logs);
	assert_true(loop_once(loop, 0, &e));
	assert_false(l.done);
	logs_cancel(NULL);
}

static void
good_manners(void **state)
{
	(void)state;
	no_event("without a mask");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exit0),
		cmocka_unit_test(commands_that_run),
		cmocka_unit_test(commands_that_fail),
		cmocka_unit_test(output_kept_until_it_was_cut),
		cmocka_unit_test(input),
		cmocka_unit_test(input_needs_v5),
		cmocka_unit_test(big_output),
		cmocka_unit_test(time_limits),
		cmocka_unit_test(another_credential),
		cmocka_unit_test(cancelled),
		cmocka_unit_test(nobody_there),
		cmocka_unit_test(dead_peer),
		cmocka_unit_test(answered_pings),
		cmocka_unit_test(no_ping_while_it_talks),
		cmocka_unit_test(never_opened),
		cmocka_unit_test(closed_in_a_callback),
		cmocka_unit_test(ports_of_pods),
		cmocka_unit_test(ports_cancelled),
		cmocka_unit_test(logs_of_pods),
		cmocka_unit_test(long_lines),
		cmocka_unit_test(logs_that_fail),
		cmocka_unit_test(logs_cancelled),
		cmocka_unit_test(good_manners),
	};

	return cmocka_run_group_tests(tests, start_server, stop_server);
}
