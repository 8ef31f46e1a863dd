/* SPDX-License-Identifier: Apache-2.0 */
/* The prober against tests/kube/ws_server.py, whose pods answer as their names say. */
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
#include "kube/prober.h"
#include "tests/source.h"

#define PATIENCE_MS 20000 /* only a test that fails waits so long */

/* No credential is asked for. */

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
	(void)c;
	fn(ctx, &(struct credential_state){.authorization = "Bearer x"}, NULL);
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
	(void)c, (void)serial;
	return false;
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

/* What came of it. */

struct seen {
	struct prober *p;
	struct buf log; /* "pod probe verdict control method: detail\n", a line a result */
	size_t results, jobs;
	bool done, failed;
	struct err err;
	size_t cancel_after; /* results; 0: never */
};

static void
auto_seen(struct seen *s)
{
	buf_free(&s->log);
}

static void
on_result(void *ctx, const struct probe_result *r)
{
	struct seen *s = ctx;

	assert_false(s->done);
	assert_true(r->at > 1600000000 || clock_now() < 1600000000);
	buf_addf(&s->log, "%s %s %s %s %s %s: %s\n", r->pod, probe_name(r->probe), r->target,
		 probe_verdict_name(r->verdict), probe_control_name(r->control), r->method, r->detail);
	if (++s->results == s->cancel_after)
		prober_cancel(s->p);
}

static void
on_job(void *ctx, size_t done)
{
	struct seen *s = ctx;

	s->jobs++;
	assert_int_equal(done, s->jobs);
}

static void
on_done(void *ctx, const struct err *e)
{
	struct seen *s = ctx;

	assert_false(s->done);
	s->done = true;
	s->failed = e != NULL;
	if (e)
		s->err = *e;
}

static struct probe_job
job(const char *pod)
{
	return (struct probe_job){.agent = {"ns", pod, "Deployment"},
				  .pod = pod,
				  .node = "n1",
				  .container = "c",
				  .started_at = CLOCK_UNKNOWN,
				  .target = {"1.1.1.1", 443},
				  .dns = {"1.1.1.1", 53},
				  .proxy_host = "10.0.0.2",
				  .proxy_port = 8888,
				  .against = "x"};
}

static void
begin(struct seen *s, const struct probe_job *jobs, size_t n, const struct prober_args *more)
{
	struct prober_args args = *more;

	args.kube = kube;
	args.loop = loop;
	args.jobs = jobs;
	args.n_jobs = n;
	args.ctx = s;
	args.result = on_result;
	args.job_done = on_job;
	args.done = on_done;
	if (!args.settle_ms)
		args.settle_ms = 100;
	s->p = prober_start(&args);
	assert_int_equal(s->results, 0); /* nothing from inside the call */
}

static void
run(struct seen *s, const struct probe_job *jobs, size_t n, const struct prober_args *more)
{
	int64_t until = clock_ms() + PATIENCE_MS;
	struct err e;

	begin(s, jobs, n, more);
	while (!s->done) {
		if (clock_ms() > until)
			fail_msg("no end within %d ms, so far:\n%s", PATIENCE_MS, buf_str(&s->log));
		assert_true(loop_once(loop, 100, &e));
	}
}

static void
has(const struct seen *s, const char *line)
{
	if (!str_has(buf_str(&s->log), line))
		fail_msg("no \"%s\" in:\n%s", line, buf_str(&s->log));
}

static size_t
count(const char *text, const char *part)
{
	size_t n = 0;

	while ((text = strstr(text, part))) {
		n++;
		text++;
	}
	return n;
}

struct events {
	struct buf text;
	bool done;
};

static void
on_events(void *ctx, const struct exec_result *x)
{
	struct events *v = ctx;

	buf_add(&v->text, x->out, x->out_len);
	v->done = true;
}

/* What the server saw asked of that pod: "pod method kind" a line. */
static void
asked(const char *pod, struct buf *out)
{
	static const char *const command[] = {"x"};
	AUTO(free) char *head = mem_printf("%s ", pod);
	struct events v = {0};
	struct err e;

	exec_start(&(struct exec_args){.kube = kube,
				       .loop = loop,
				       .namespace = "ns",
				       .pod = "events",
				       .command = command,
				       .n_command = 1,
				       .ctx = &v,
				       .done = on_events});
	while (!v.done)
		assert_true(loop_once(loop, 100, &e));
	buf_addc(&v.text, '\n');
	for (const char *line = buf_str(&v.text), *end; (end = strchr(line, '\n')); line = end + 1)
		if (str_starts(line, head))
			buf_add(out, line, (size_t)(end - line) + 1);
	buf_free(&v.text);
}

static void
blocked(void **state)
{
	struct probe_job j = job("probe-blocked");
	AUTO(seen) struct seen s = {0};
	AUTO(buf) struct buf log = {0};

	(void)state;
	run(&s, &j, 1, &(struct prober_args){0});
	assert_false(s.failed);
	assert_int_equal(s.results, 4);
	assert_int_equal(s.jobs, 1);
	has(&s, "probe-blocked raw-tcp 1.1.1.1:443 blocked ok python3: a dial of 1.1.1.1:443 by python3: refused");
	has(&s, "probe-blocked env-clear 1.1.1.1:443 blocked ok python3");
	has(&s, "probe-blocked no-proxy 1.1.1.1:443 blocked ok python3");
	has(&s, "probe-blocked dns-tcp 1.1.1.1:53 blocked ok python3");
	asked("probe-blocked", &log);
	assert_int_equal(count(buf_str(&log), "python3 look"), 1);
	assert_int_equal(count(buf_str(&log), "\n"), 5);
}

static void
one_probe_alone(void **state)
{
	struct probe_job j = job("probe-blocked");
	AUTO(seen) struct seen s = {0};

	(void)state;
	run(&s, &j, 1, &(struct prober_args){.probes = 1u << PROBE_NO_PROXY});
	assert_int_equal(s.results, 1);
	has(&s, "no-proxy");
}

/* A method that is not there leads to the next; what an image has is found out once. */
static void
methods_in_their_order(void **state)
{
	struct probe_job jobs[12];
	AUTO(seen) struct seen s = {0};
	AUTO(buf) struct buf log = {0};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(jobs); i++) {
		jobs[i] = job("probe-curl-only");
		jobs[i].image = "example/agent:1";
	}
	run(&s, jobs, COUNT_OF(jobs), &(struct prober_args){.parallel = 5});
	assert_int_equal(s.results, 4 * COUNT_OF(jobs));
	assert_int_equal(count(buf_str(&s.log), "open ok curl"), 4 * COUNT_OF(jobs));
	asked("probe-curl-only", &log);
	assert_true(str_starts(buf_str(&log),
			       "probe-curl-only python3 look\nprobe-curl-only bash look\n"
			       "probe-curl-only nc look\nprobe-curl-only curl look\nprobe-curl-only curl "));
	assert_int_equal(count(buf_str(&log), " look"), 4);
	assert_int_equal(count(buf_str(&log), "\n"), 4 + 4 * COUNT_OF(jobs));
}

static const struct {
	const char *pod, *words;
} inconclusive[] = {
	{"probe-nothing", "has none of python3, bash, nc, curl, wget, perl and node"},
	{"probe-babble", "did not end: nothing was said of the control"},
	{"probe-lies", "which no probe says"},
	{"probe-flood", "more than 8192 bytes"},
	{"probe-dead-companion", "10.0.0.2:8888 refused the connection"},
	{"wrong-container", "container nope is not valid"},
	{"no-pod", "not found"},
	{"not-running", "container not found"},
	{"closes", "without the command's status"},
};

static void
that_say_nothing(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(inconclusive); i++) {
		struct probe_job j = job(inconclusive[i].pod);
		AUTO(seen) struct seen s = {0};

		run(&s, &j, 1, &(struct prober_args){.probes = 1u << PROBE_RAW_TCP});
		assert_false(s.failed);
		assert_int_equal(s.results, 1);
		has(&s, " inconclusive ");
		has(&s, inconclusive[i].words);
	}
}

/* The status of a command does not come back from everywhere. */
static void
without_a_status(void **state)
{
	struct probe_job j = job("probe-no-status");
	AUTO(seen) struct seen s = {0};

	(void)state;
	run(&s, &j, 1, &(struct prober_args){.probes = 1u << PROBE_RAW_TCP});
	has(&s, "blocked ok");
}

static void
hosts_that_are_none(void **state)
{
	struct probe_job j = job("probe-blocked");
	AUTO(seen) struct seen s = {0};

	(void)state;
	j.proxy_host = "x; reboot";
	run(&s, &j, 1, &(struct prober_args){0});
	assert_int_equal(count(buf_str(&s.log), "inconclusive skipped : the companion \"x; reboot\" is neither"),
			 4);
}

/* One refusal is enough to know, for each namespace. */
static void
forbidden(void **state)
{
	struct probe_job jobs[20];
	AUTO(seen) struct seen s = {0}, mixed = {0};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(jobs); i++)
		jobs[i] = job("half-allowed");
	run(&s, jobs, COUNT_OF(jobs), &(struct prober_args){.parallel = 1});
	assert_true(s.failed);
	assert_int_equal(s.err.kind, ERR_DENIED);
	assert_true(str_has(s.err.msg, "it takes the verbs get and create on pods/exec in namespace ns"));
	assert_int_equal(s.results, 80);
	assert_int_equal(s.jobs, 20);
	assert_int_equal(count(buf_str(&s.log), "inconclusive skipped : exec in ns/half-allowed"), 80);

	jobs[1] = job("probe-blocked");
	jobs[1].agent.namespace = "other";
	run(&mixed, jobs, 3, &(struct prober_args){.parallel = 1});
	assert_false(mixed.failed);
	assert_int_equal(mixed.results, 12);
	assert_int_equal(count(buf_str(&mixed.log), "blocked ok"), 4);
}

static void
nobody_there(void **state)
{
	struct probe_job jobs[30];
	AUTO(seen) struct seen s = {0};
	struct kube *right = kube;
	struct err e;
	int64_t begun = clock_ms();

	(void)state;
	for (size_t i = 0; i < COUNT_OF(jobs); i++)
		jobs[i] = job("probe-blocked");
	cluster.server = "http://127.0.0.1:1";
	kube = kube_new(loop, NULL, &context, &(struct kube_options){0}, &e);
	run(&s, jobs, COUNT_OF(jobs), &(struct prober_args){.parallel = 3});
	assert_true(s.failed);
	assert_int_equal(s.err.kind, ERR_SOURCE);
	assert_int_equal(s.results, 120);
	assert_int_equal(s.jobs, 30);
	assert_true(clock_ms() - begun < 10000);
	kube_free(kube);
	kube = right;
	cluster.server = url;
}

/* A connection that is lost once is tried again. */
static void
lost_once(void **state)
{
	struct probe_job j = job("probe-lost-once");
	AUTO(seen) struct seen s = {0};

	(void)state;
	run(&s, &j, 1, &(struct prober_args){.probes = 1u << PROBE_RAW_TCP});
	has(&s, "blocked ok");
}

/* A young container is waited for; what it lets out is asked again, and the last answer counts. */
static void
young_containers(void **state)
{
	struct probe_job jobs[3] = {job("probe-settles"), job("probe-open"), job("probe-settles")};
	AUTO(seen) struct seen s = {0}, old = {0};
	int64_t begun = clock_ms();

	(void)state;
	for (size_t i = 0; i < COUNT_OF(jobs); i++)
		jobs[i].started_at = clock_now() + kube_clock_skew(kube) - 4;
	jobs[2].started_at += 3600; /* another clock: no more than the time it takes to settle */
	run(&s, jobs, COUNT_OF(jobs), &(struct prober_args){.probes = 1u << PROBE_RAW_TCP, .settle_ms = 1500});
	has(&s, "probe-settles raw-tcp 1.1.1.1:443 blocked ok");
	has(&s, "s old and got out, but not any more when asked again 2 s later");
	has(&s, "probe-open raw-tcp 1.1.1.1:443 open ok");
	has(&s, "and still did when asked again");
	assert_true(clock_ms() - begun >= 1500);

	jobs[1].started_at -= 100;
	run(&old, jobs + 1, 1, &(struct prober_args){.probes = 1u << PROBE_RAW_TCP, .settle_ms = 1500});
	has(&old, "open ok");
	assert_false(str_has(buf_str(&old.log), "again"));
}

/* What got out of a young container did, also when it cannot be asked again. */
static void
young_container_that_goes(void **state)
{
	struct probe_job j = job("probe-gone");
	AUTO(seen) struct seen s = {0};

	(void)state;
	j.started_at = clock_now() + kube_clock_skew(kube) - 4;
	run(&s, &j, 1, &(struct prober_args){.probes = 1u << PROBE_RAW_TCP, .settle_ms = 1500});
	has(&s, "probe-gone raw-tcp 1.1.1.1:443 open ok python3: a dial of 1.1.1.1:443 by python3: connected");
	has(&s, "s old, and nothing came of asking again: the container answered");
}

/* The container's name is in the results, and that it stays. */
static void
ephemeral_container(void **state)
{
	struct probe_job j = job("probe-ephemeral");
	AUTO(seen) struct seen s = {0}, without = {0}, refused = {0}, none = {0};

	(void)state;
	run(&without, &j, 1, &(struct prober_args){.probes = 1u << PROBE_RAW_TCP});
	has(&without, "--ephemeral IMAGE");
	run(&s, &j, 1, &(struct prober_args){.ephemeral = "busybox:1"});
	assert_int_equal(count(buf_str(&s.log), "blocked ok nc"), 4);
	has(&s, "from the ephemeral container moat-probe-");
	j = job("probe-no-patch");
	run(&refused, &j, 1, &(struct prober_args){.ephemeral = "busybox:1"});
	has(&refused, "it takes the verb patch on pods/ephemeralcontainers in namespace ns");
	j = job("probe-bad-image");
	run(&none, &j, 1, &(struct prober_args){.ephemeral = "busybox:1"});
	has(&none, "ended at once");
}

static void
cancelled(void **state)
{
	static const char *const pods[] = {"probe-blocked", "asleep",	       "mute",
					   "probe-settles", "probe-ephemeral", "probe-nothing"};
	struct err e;

	(void)state;
	prober_cancel(NULL);
	for (size_t i = 0; i < COUNT_OF(pods); i++)
		for (int rounds = 0; rounds < 40; rounds += 4) {
			struct probe_job j = job(pods[i]);
			AUTO(seen) struct seen s = {0};
			size_t results;

			begin(&s, &j, 1, &(struct prober_args){.ephemeral = "busybox:1"});
			for (int n = 0; n < rounds && !s.done; n++)
				assert_true(loop_once(loop, 5, &e));
			if (!s.done)
				prober_cancel(s.p);
			results = s.results;
			s.done = true; /* a result from now on fails */
			for (int n = 0; n < 3; n++)
				assert_true(loop_once(loop, 0, &e));
			assert_int_equal(s.results, results);
		}
}

static void
cancelled_in_a_callback(void **state)
{
	struct probe_job jobs[3] = {job("probe-blocked"), job("probe-open"), job("wrong-container")};
	struct err e;

	(void)state;
	for (size_t after = 1; after < 12; after++) {
		AUTO(seen) struct seen s = {.cancel_after = after};
		int64_t until = clock_ms() + PATIENCE_MS;

		begin(&s, jobs, COUNT_OF(jobs), &(struct prober_args){0});
		while (s.results < after && clock_ms() < until)
			assert_true(loop_once(loop, 100, &e));
		for (int n = 0; n < 5; n++)
			assert_true(loop_once(loop, 1, &e));
		assert_int_equal(s.results, after);
		assert_false(s.done);
	}
}

static void
no_jobs(void **state)
{
	AUTO(seen) struct seen s = {0};

	(void)state;
	run(&s, NULL, 0, &(struct prober_args){0});
	assert_false(s.failed);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blocked),
		cmocka_unit_test(one_probe_alone),
		cmocka_unit_test(methods_in_their_order),
		cmocka_unit_test(that_say_nothing),
		cmocka_unit_test(without_a_status),
		cmocka_unit_test(hosts_that_are_none),
		cmocka_unit_test(forbidden),
		cmocka_unit_test(nobody_there),
		cmocka_unit_test(lost_once),
		cmocka_unit_test(young_containers),
		cmocka_unit_test(young_container_that_goes),
		cmocka_unit_test(ephemeral_container),
		cmocka_unit_test(cancelled),
		cmocka_unit_test(cancelled_in_a_callback),
		cmocka_unit_test(no_jobs),
	};

	return cmocka_run_group_tests(tests, start_server, stop_server);
}
