/* SPDX-License-Identifier: Apache-2.0 */
/* What is concluded from logs, files and /health; the streams are played by what stands here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "kube/exec.h"
#include "kube/logs.h"
#include "kube/portforward.h"
#include "kube/sight.h"

#define NOON INT64_C(1779364800) /* 2026-05-21T12:00:00Z */
#define SKEW 7
#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static struct loop *loop;
static const char *log_text; /* lines with their times; NULL: it cannot be read */
static size_t throttle; /* so many requests of logs are throttled */
static bool log_silent; /* its end never comes */
static int64_t log_ms; /* struct sight_args's */
static const char *exec_out; /* NULL: it cannot be run */
static const char *exec_errors = "";
static const char *health_body; /* NULL: no answer */
static int health_status;
static size_t under_way, most, asked; /* requests */
static struct buf requests; /* of logs: "since|head|tail|" */

int64_t
kube_clock_skew(const struct kube *k)
{
	(void)k;
	return SKEW;
}

/* ---- logs ---- */

struct logs {
	struct logs_args args;
	struct loop_timer *timer;
};

static void
logs_free(struct logs *l)
{
	loop_timer_remove(l->timer);
	under_way--;
	free(l);
}

static bool
is_since(const char *line, int64_t since)
{
	char text[21];
	int64_t at;

	memcpy(text, line, 20);
	text[20] = '\0';
	assert_true(clock_parse(text, &at));
	return at >= since;
}

/* The line at which the last n begin. */
static const char *
tail_of(const char *text, int64_t n)
{
	const char *at = text + strlen(text);

	while (at > text && n)
		if (*--at == '\n' && at[1])
			n--;
	return *at == '\n' ? at + 1 : at;
}

static void
answer_log(void *ctx)
{
	struct logs *l = ctx;
	struct logs_args args = l->args;
	struct err e;
	size_t room = args.head_bytes;

	logs_free(l);
	if (throttle) {
		throttle--;
		err_set(&e, ERR_SOURCE, 429, "read the log of a/p: too many requests");
		args.done(args.ctx, &e);
		return;
	}
	if (!log_text) {
		err_set(&e, ERR_DENIED, 403, "read the log of a/p: pods \"p\" is forbidden");
		args.done(args.ctx, &e);
		return;
	}
	for (const char *at = args.tail ? tail_of(log_text, args.tail) : log_text, *end; *at && room;
	     at = end + 1) {
		size_t len;

		end = strchr(at, '\n');
		len = (size_t)(end - at);
		if (args.since && !is_since(at, args.since))
			continue;
		len = len < room ? len : room;
		room -= len < room ? len + 1 : room;
		if (!args.line(args.ctx, at, len, false))
			break;
	}
	args.done(args.ctx, NULL);
}

static struct loop_timer *
soon(void (*fn)(void *ctx), void *ctx)
{
	struct loop_timer *t = loop_add_timer(loop, fn, ctx);

	loop_timer_set(t, 1);
	asked++;
	if (++under_way > most)
		most = under_way;
	return t;
}

struct logs *
logs_start(const struct logs_args *args)
{
	struct logs *l = mem_alloc(sizeof(*l));

	assert_true(args->timestamps && args->head_bytes);
	buf_adds(&requests, args->since ? "since|" : args->tail ? "tail|" : "head|");
	l->args = *args;
	l->timer = soon(answer_log, l);
	if (log_silent)
		loop_timer_cancel(l->timer);
	return l;
}

void
logs_cancel(struct logs *l)
{
	if (l)
		logs_free(l);
}

/* ---- exec ---- */

struct exec {
	struct exec_args args;
	struct loop_timer *timer;
};

static void
exec_free(struct exec *x)
{
	loop_timer_remove(x->timer);
	under_way--;
	free(x);
}

static void
answer_exec(void *ctx)
{
	struct exec *x = ctx;
	struct exec_args args = x->args;
	struct exec_result r = {.ran = exec_out != NULL,
				.status = 1,
				.out = exec_out ? exec_out : "",
				.out_len = exec_out ? strlen(exec_out) : 0,
				.errors = exec_errors,
				.errors_len = strlen(exec_errors)};

	exec_free(x);
	err_set(&r.err, ERR_DENIED, 403, "exec in a/p: forbidden");
	args.done(args.ctx, &r);
}

struct exec *
exec_start(const struct exec_args *args)
{
	struct exec *x = mem_alloc(sizeof(*x));

	assert_string_equal(args->command[0], "/pipelock");
	assert_string_equal(args->command[3], "/etc/pipelock");
	assert_non_null(args->input);
	x->args = *args;
	x->timer = soon(answer_exec, x);
	return x;
}

void
exec_cancel(struct exec *x)
{
	if (x)
		exec_free(x);
}

/* ---- port-forward ---- */

struct portforward {
	struct portforward_args args;
	struct loop_timer *timer;
};

static void
portforward_free(struct portforward *p)
{
	loop_timer_remove(p->timer);
	under_way--;
	free(p);
}

static void
answer_get(void *ctx)
{
	struct portforward *p = ctx;
	struct portforward_args args = p->args;
	struct err e;

	portforward_free(p);
	err_set(&e, ERR_SOURCE, 0, "port 8888 of a/p: no answer within 10 s");
	if (health_body)
		args.done(args.ctx, health_status, health_body, strlen(health_body), NULL);
	else
		args.done(args.ctx, 0, "", 0, &e);
}

struct portforward *
portforward_get(const struct portforward_args *args)
{
	struct portforward *p = mem_alloc(sizeof(*p));

	assert_string_equal(args->path, "/health");
	assert_int_equal(args->port, 8888);
	p->args = *args;
	p->timer = soon(answer_get, p);
	return p;
}

void
portforward_cancel(struct portforward *p)
{
	if (p)
		portforward_free(p);
}

/* ---- looking ---- */

static struct arena arena;
static struct config_sighting config;
static struct health_sighting health;
static size_t n_seen;
static bool saw_config, saw_health, is_done;

static void
on_seen(void *ctx, const struct config_sighting *c, const struct health_sighting *h)
{
	(void)ctx;
	n_seen++;
	saw_config = c != NULL;
	saw_health = h != NULL;
	if (c)
		config = config_sighting_copy(&arena, c);
	if (h)
		health = health_sighting_copy(&arena, h);
}

static void
on_done(void *ctx)
{
	(void)ctx;
	is_done = true;
}

static struct sight *
start(const struct sight_task *tasks, size_t n, size_t parallel)
{
	n_seen = most = asked = 0;
	is_done = false;
	buf_clear(&requests);
	return sight_start(&(struct sight_args){.loop = loop,
						.tasks = tasks,
						.n_tasks = n,
						.parallel = parallel,
						.log_ms = log_ms,
						.seen = on_seen,
						.done = on_done});
}

static void
run(const struct sight_task *tasks, size_t n, size_t parallel)
{
	struct err e;

	start(tasks, n, parallel);
	while (!is_done)
		if (!loop_once(loop, 5000, &e))
			fail_msg("%s", e.msg);
	assert_int_equal(under_way, 0);
}

static struct sight_task
task(bool log, bool file, bool health_too)
{
	return (struct sight_task){.workload = {"a", "p", "Pod"},
				   .pod = "p",
				   .pod_uid = "1",
				   .container = "pipelock",
				   .started_at = NOON - 3600,
				   .changed_at = NOON,
				   .log = log,
				   .file = file,
				   .health = health_too,
				   .config_path = file ? "/etc/pipelock/pipelock.yaml" : NULL,
				   .program = file ? "/pipelock" : NULL,
				   .port = health_too ? 8888 : 0};
}

static void
look(const struct sight_task *t)
{
	run(t, 1, 1);
	assert_int_equal(n_seen, 1);
}

#define AT(time) "2026-05-21T" time "Z "
#define STARTUP(hash) "{\"event\":\"startup\",\"config_hash\":\"" hash "\"}\n"
#define RELOADED(hash) "{\"event\":\"config_reload\",\"status\":\"success\",\"config_hash\":\"" hash "\"}\n"
#define NOISE "{\"event\":\"allowed\"}\n"
#define FAILED "pipelock: config reload failed: line 1: no\n"

static void
logs(void **state)
{
	static const struct {
		const char *text;
		const char *hash, *error; /* error: a part of it */
		enum reload reload;
		const char *requests;
	} cases[] = {
		/* nothing was loaded since the change: the startup holds */
		{AT("11:00:00") STARTUP(A) AT("13:00:00") NOISE, A, NULL, RELOAD_NONE, "since|head|"},
		{AT("11:00:00") STARTUP(A) AT("11:30:00") RELOADED(B), B, NULL, RELOAD_NONE, "since|head|"},
		/* reloaded since: one request is enough */
		{AT("11:00:00") STARTUP(A) AT("12:30:00") RELOADED(B), B, NULL, RELOAD_DONE, "since|"},
		/* clocks are not the same everywhere */
		{AT("11:00:00") STARTUP(A) AT("11:59:30") RELOADED(B), B, NULL, RELOAD_DONE, "since|"},
		/* the last one failed: what was loaded before holds */
		{AT("11:00:00") STARTUP(A) AT("12:30:00") FAILED, A, NULL, RELOAD_FAILED, "since|head|"},
		{AT("11:00:00") STARTUP(A) AT("12:30:00") RELOADED(B) AT("12:40:00") FAILED, B, NULL, RELOAD_FAILED,
		 "since|"},
		/* one that failed before the change says nothing of the present bytes */
		{AT("11:00:00") STARTUP(A) AT("11:30:00") FAILED, A, NULL, RELOAD_NONE, "since|head|"},
		/* what a rotation took away is not known */
		{AT("12:30:00") NOISE, NULL, "rotated and begins at 2026-05-21T12:30:00Z", RELOAD_NONE,
		 "since|head|"},
		{AT("11:30:00") NOISE AT("12:30:00") NOISE, NULL, "no startup event", RELOAD_NONE, "since|head|"},
		{AT("12:30:00") NOISE AT("12:40:00") RELOADED(B), B, NULL, RELOAD_DONE, "since|"},
		{"", NULL, "no startup event", RELOAD_NONE, "since|head|"},
		{AT("11:00:00") STARTUP(""), NULL, "no config_hash", RELOAD_NONE, "since|head|"},
		{NULL, NULL, "forbidden", RELOAD_NONE, "since|"},
	};
	struct sight_task t = task(true, false, false);

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		log_text = cases[i].text;
		look(&t);
		assert_true(saw_config && !saw_health);
		if (!str_eq(config.loaded_hash, cases[i].hash) || config.reload != cases[i].reload ||
		    !str_eq(buf_str(&requests), cases[i].requests) ||
		    (cases[i].error ? !str_has(config.log_error, cases[i].error) : config.log_error != NULL))
			fail_msg("case %zu: %s, %s, %d, %s", i, config.loaded_hash ? config.loaded_hash : "-",
				 config.log_error ? config.log_error : "-", config.reload, buf_str(&requests));
		assert_true((config.reload == RELOAD_FAILED) == (config.reload_detail != NULL));
	}
	assert_int_equal(config.at, clock_now() + SKEW);
}

/* Without a time of the change, or one before the start, the whole log counts, and is read once. */
static void
the_whole_log(void **state)
{
	struct sight_task t = task(true, false, false);

	(void)state;
	log_text = AT("11:00:00") STARTUP(A) AT("11:30:00") FAILED;
	t.changed_at = CLOCK_UNKNOWN;
	look(&t);
	assert_string_equal(config.loaded_hash, A);
	assert_int_equal(config.loaded_at, NOON - 3600);
	assert_int_equal(config.reload, RELOAD_FAILED);
	assert_string_equal(buf_str(&requests), "head|");
	t.changed_at = NOON;
	t.started_at = NOON + 5;
	look(&t);
	assert_string_equal(buf_str(&requests), "head|");
}

/* 6 MiB of requests from `time` on. */
static void
add_noise(struct buf *text, const char *time)
{
	for (size_t i = 0; i < 6 * 1024 * 1024 / 200; i++)
		buf_addf(text, "2026-05-21T%sZ {\"event\":\"allowed\",\"url\":\"%0150zu\"}\n", time, i);
}

static void
is_unknown(const char *why, const char *wanted)
{
	if (config.loaded_hash || !str_has(config.log_error, why) || !str_eq(buf_str(&requests), wanted))
		fail_msg("%s, %s, %s", config.loaded_hash ? config.loaded_hash : "-",
			 config.log_error ? config.log_error : "-", buf_str(&requests));
}

/* What the bounds cut off is never taken for nothing. */
static void
long_logs(void **state)
{
	AUTO(buf) struct buf busy = {0};
	AUTO(buf) struct buf early = {0};
	struct sight_task t = task(true, false, false);

	(void)state;
	buf_adds(&busy, AT("11:00:00") STARTUP(A));
	add_noise(&busy, "12:30:00");
	log_text = buf_str(&busy);
	look(&t);
	is_unknown("more than 4 MiB were logged since", "since|tail|");
	t.changed_at = CLOCK_UNKNOWN;
	look(&t);
	is_unknown("it is longer than 4 MiB", "head|tail|");
	t.changed_at = NOON;
	buf_adds(&busy, AT("13:00:00") RELOADED(B) AT("13:00:01") FAILED);
	log_text = buf_str(&busy);
	look(&t);
	assert_string_equal(config.loaded_hash, B);
	assert_int_equal(config.reload, RELOAD_FAILED);
	assert_string_equal(buf_str(&requests), "since|tail|");

	buf_adds(&early, AT("11:00:00") STARTUP(A));
	add_noise(&early, "11:30:00");
	buf_adds(&early, AT("11:40:00") RELOADED(B));
	log_text = buf_str(&early);
	look(&t);
	is_unknown("longer than 4 MiB up to the ConfigMap's change", "since|head|");
}

static void
a_server_that_throttles(void **state)
{
	struct sight_task t = task(true, false, false);

	(void)state;
	log_text = AT("11:00:00") STARTUP(A) AT("12:30:00") RELOADED(B);
	throttle = 1;
	look(&t);
	assert_string_equal(config.loaded_hash, B);
	assert_string_equal(buf_str(&requests), "since|since|");
	assert_int_equal(throttle, 0);
}

/* One that dribbles is never idle; a throttled one is given up while it waits for its next turn. */
static void
logs_without_an_end(void **state)
{
	struct sight_task t = task(true, true, false);

	(void)state;
	exec_out = "";
	log_ms = 20;
	log_silent = true;
	look(&t);
	assert_string_equal(config.log_error, "it was not read to its end within 1 s");
	assert_non_null(config.file_error);
	log_silent = false;
	log_text = AT("11:00:00") STARTUP(A);
	throttle = 1;
	look(&t);
	assert_string_equal(config.log_error, "it was not read to its end within 1 s");
	log_ms = 0;
	look(&t);
	assert_null(config.log_error);
}

static void
count_left(void *ctx, const struct sight_task *t)
{
	assert_true(t->log);
	++*(size_t *)ctx;
}

/* Those that are being looked at are left, too. */
static void
what_is_left(void **state)
{
	struct sight_task tasks[10];
	size_t left = 0;
	struct sight *s;
	struct err e;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(tasks); i++)
		tasks[i] = task(i != 3, false, false);
	s = start(tasks, COUNT_OF(tasks), 2);
	sight_left(s, count_left, &left);
	assert_int_equal(left, COUNT_OF(tasks) - 1);
	while (n_seen < 3)
		assert_true(loop_once(loop, 5000, &e));
	left = 0;
	sight_left(s, count_left, &left);
	assert_int_equal(left + n_seen, COUNT_OF(tasks) - 1);
	sight_cancel(s);
}

#define VIOLATIONS(list) "{\n  \"ok\": false,\n  \"violations\": [" list "]\n}\n"
#define FILE_IS(path, hash) "{\"path\": \"" path "\", \"type\": \"added\", \"actual\": \"" hash "\"}"

static void
files(void **state)
{
	static const struct {
		const char *out, *errors, *hash, *error;
	} cases[] = {
		{VIOLATIONS(FILE_IS("..2026_05_21/pipelock.yaml", A) ", " FILE_IS("other.yaml", B)), "", A, NULL},
		{VIOLATIONS(FILE_IS("pipelock.yaml", B)), "Error: integrity violations found\n", B, NULL},
		{VIOLATIONS(FILE_IS("..1/pipelock.yaml", A) ", " FILE_IS("..2/pipelock.yaml", B)), "", NULL,
		 "being changed"},
		{VIOLATIONS(FILE_IS("sub/pipelock.yaml", A)), "", NULL, "no file /etc/pipelock/pipelock.yaml"},
		{VIOLATIONS(FILE_IS("pipelock.yaml", "x")), "", NULL, "no file"},
		{"[]", "Error: unknown command\nUsage:\n", NULL, "Error: unknown command"},
		{"", "", NULL, "ended with 1 and said nothing"},
		{NULL, "", NULL, "exec in a/p: forbidden"},
	};
	struct sight_task t = task(false, true, false);

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		exec_out = cases[i].out;
		exec_errors = cases[i].errors;
		look(&t);
		assert_null(config.log_error);
		if (!str_eq(config.file_hash, cases[i].hash) ||
		    (cases[i].error ? !str_has(config.file_error, cases[i].error) : config.file_error != NULL))
			fail_msg("case %zu: %s, %s", i, config.file_hash ? config.file_hash : "-",
				 config.file_error ? config.file_error : "-");
	}
}

static void
healths(void **state)
{
	struct sight_task t = task(false, false, true);

	(void)state;
	health_status = 200;
	health_body =
		"{\"status\":\"healthy\",\"version\":\"2.3.0\",\"mode\":\"balanced\",\"uptime_seconds\":12.75,"
		"\"kill_switch_active\":false}";
	look(&t);
	assert_true(saw_health && !saw_config);
	assert_null(health.error);
	assert_string_equal(health.status, "healthy");
	assert_string_equal(health.version, "2.3.0");
	assert_string_equal(health.mode, "balanced");
	assert_int_equal(health.uptime_s, 12);
	assert_int_equal(health.kill_switch, 0);
	health_status = 503;
	health_body = "{\"status\":\"unhealthy\",\"kill_switch_active\":true,\"uptime_seconds\":\"x\",\"mode\":[]}";
	look(&t);
	assert_int_equal(health.http_status, 503);
	assert_string_equal(health.status, "unhealthy");
	assert_int_equal(health.kill_switch, 1);
	assert_int_equal(health.uptime_s, -1);
	assert_null(health.mode);
	health_status = 404;
	health_body = "not found";
	look(&t);
	assert_non_null(strstr(health.error, "HTTP 404"));
	health_body = NULL;
	look(&t);
	assert_non_null(strstr(health.error, "no answer within 10 s"));
}

static void
several_at_once_within_a_limit(void **state)
{
	struct sight_task tasks[20];

	(void)state;
	log_text = AT("11:00:00") STARTUP(A) AT("12:30:00") RELOADED(B);
	exec_out = VIOLATIONS(FILE_IS("pipelock.yaml", B));
	health_body = "{\"status\":\"healthy\"}";
	for (size_t i = 0; i < COUNT_OF(tasks); i++)
		tasks[i] = task(true, true, true);
	tasks[7] = task(false, false, false);
	run(tasks, COUNT_OF(tasks), 3);
	assert_int_equal(n_seen, COUNT_OF(tasks) - 1);
	assert_int_equal(asked, 3 * n_seen);
	assert_int_equal(most, 9);
	run(tasks, 0, 0);
	assert_int_equal(n_seen, 0);
}

static void
cancelled(void **state)
{
	struct sight_task tasks[5];
	struct sight *s;
	struct err e;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(tasks); i++)
		tasks[i] = task(true, true, true);
	sight_cancel(start(tasks, COUNT_OF(tasks), 2));
	s = start(tasks, COUNT_OF(tasks), 2);
	while (!n_seen)
		assert_true(loop_once(loop, 5000, &e));
	sight_cancel(s);
	assert_int_equal(under_way, 0);
	assert_false(is_done);
	sight_cancel(NULL);
}

static int
begin(void **state)
{
	struct err e;

	(void)state;
	loop = loop_new(&e);
	return loop ? 0 : -1;
}

static int
end(void **state)
{
	(void)state;
	loop_free(loop);
	arena_free(&arena);
	buf_free(&requests);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(logs),
		cmocka_unit_test(the_whole_log),
		cmocka_unit_test(long_logs),
		cmocka_unit_test(a_server_that_throttles),
		cmocka_unit_test(logs_without_an_end),
		cmocka_unit_test(what_is_left),
		cmocka_unit_test(files),
		cmocka_unit_test(healths),
		cmocka_unit_test(several_at_once_within_a_limit),
		cmocka_unit_test(cancelled),
	};

	setenv("MOAT_NOW", "2026-05-21T13:00:00Z", 1);
	return cmocka_run_group_tests(tests, begin, end);
}
