/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a Pipelock has loaded is the last startup or reload in its log. Whatever is found since the ConfigMap changed is
 * the last; where nothing is, the log's head up to that time has it. A log that is too long is looked at from its end,
 * once. Each reading is bounded, and what a bound or a rotation has cut off is told as not known.
 */
#include "kube/sight.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json_scan.h"
#include "base/mem.h"
#include "base/node.h"
#include "base/str.h"
#include "kube/exec.h"
#include "kube/logs.h"
#include "kube/pipelock_log.h"
#include "kube/portforward.h"

#define PARALLEL 8
#define LOG_LIMIT \
	((size_t)4 * 1024 * 1024) /* bytes of one reading; a kubelet keeps 10 MiB of a container by default */
#define LOG_LIMIT_WORDS "4 MiB"
#define LOG_SPARE \
	((size_t)256 * 1024) /* what the server is asked for beyond that: so that a cut is ours, and noticed */
#define LOG_TAIL 2000 /* lines */
#define LOG_IDLE_MS 10000 /* a kubelet that is not there is not waited for longer */
#define LOG_MS 60000 /* for all readings of one log: one that comes byte by byte is never idle */
#define THROTTLED_TRIES 3 /* more, of a log that the server had no time for */
#define THROTTLED_MS 1000 /* before the first of them; then twice as long, and so on */
#define CLOCKS_S 60 /* how far the clocks of node and API server may be apart */
#define EXEC_MS 20000
#define HASH_LEN 64

enum reading { READING_SINCE, READING_HEAD, READING_TAIL };

struct look {
	struct sight *sight;
	const struct sight_task *task;
	struct arena arena; /* of the texts of what was seen */
	size_t pending; /* of log, file, health: those that have no answer yet */

	struct logs *logs;
	struct loop_timer *again; /* NULL: it was never throttled */
	struct loop_timer *late; /* NULL: no log is read */
	unsigned tries;
	enum reading reading;
	int64_t since; /* seconds; 0: the log is read from its beginning alone */
	size_t got; /* bytes of this reading */
	bool cut; /* it was longer than the bound */
	bool passed; /* of the head: it was read up to `since` */
	bool in_pieces; /* the line that comes is one of several pieces */
	struct pipelock_log log; /* of this reading */

	struct exec *exec;
	struct portforward *forward;
	struct config_sighting config;
	struct health_sighting health;
};

struct sight {
	struct sight_args args;
	struct look **looks; /* those under way */
	size_t n_looks, next; /* next: the first task that was not begun */
	struct loop_timer *begin; /* done is not called from within sight_start */
};

static void start_some(struct sight *s);

static int64_t
server_now(const struct sight *s)
{
	return clock_now() + kube_clock_skew(s->args.kube);
}

static void
look_free(struct look *l)
{
	logs_cancel(l->logs);
	loop_timer_remove(l->again);
	loop_timer_remove(l->late);
	exec_cancel(l->exec);
	portforward_cancel(l->forward);
	pipelock_log_free(&l->log);
	arena_free(&l->arena);
	free(l);
}

static void
sight_free(struct sight *s)
{
	loop_timer_remove(s->begin);
	free(s->looks);
	free(s);
}

/* One of the three has its answer; after the last of them the look is gone. */
static void
settle(struct look *l)
{
	struct sight *s = l->sight;
	const struct sight_task *t = l->task;

	if (--l->pending)
		return;
	for (size_t i = 0; i < s->n_looks; i++)
		if (s->looks[i] == l)
			s->looks[i] = s->looks[--s->n_looks];
	l->config.at = l->health.at = server_now(s);
	s->args.seen(s->args.ctx, t->log || t->file ? &l->config : NULL, t->health ? &l->health : NULL);
	look_free(l);
	start_some(s);
}

/* ---- the log ---- */

static void read_log(struct look *l, enum reading reading);

static bool
on_line(void *ctx, const char *line, size_t len, bool more)
{
	struct look *l = ctx;
	bool whole = !more && !l->in_pieces;

	l->in_pieces = more;
	l->got += len + !more;
	if (l->got > LOG_LIMIT) {
		l->cut = true;
		return false;
	}
	if (whole)
		pipelock_log_line(&l->log, line, len);
	l->passed = l->reading == READING_HEAD && l->since && l->log.seen && l->log.last_at != CLOCK_UNKNOWN &&
		    l->log.last_at >= l->since;
	return !l->passed;
}

static void
settle_log(struct look *l)
{
	loop_timer_cancel(l->late);
	settle(l);
}

static void
log_unknown(struct look *l, const char *why)
{
	l->config.log_error = why;
	settle_log(l);
}

static void
log_known(struct look *l)
{
	if (!*l->log.hash) {
		log_unknown(l, "it gives no config_hash, as that of old versions does not");
		return;
	}
	l->config.loaded_hash = arena_strdup(&l->arena, l->log.hash);
	l->config.loaded_at = l->log.loaded_at;
	settle_log(l);
}

static void
keep_reload(struct look *l, const struct pipelock_log *log)
{
	l->config.reload = log->reload;
	l->config.reload_detail =
		log->detail.len ? arena_strndup(&l->arena, log->detail.data, log->detail.len) : NULL;
}

/* Nothing was loaded since the change, as far as the log goes back: what was loaded before is what it runs with. */
static void
conclude_head(struct look *l)
{
	char text[24];

	if (!l->since)
		keep_reload(l, &l->log);
	if (l->cut) {
		log_unknown(l, "it is longer than " LOG_LIMIT_WORDS " up to the ConfigMap's change");
	} else if (l->log.loaded) {
		log_known(l);
	} else if (l->since && l->log.seen && (l->log.first_at == CLOCK_UNKNOWN || l->log.first_at > l->since)) {
		if (l->log.first_at == CLOCK_UNKNOWN) {
			log_unknown(l, "it says neither when it begins nor what was loaded");
			return;
		}
		clock_format(l->log.first_at, text);
		log_unknown(l, arena_printf(&l->arena,
					    "it was rotated and begins at %s, after the ConfigMap's change", text));
	} else {
		log_unknown(l, "it has no startup event: it was rotated, or is not kept as JSON on stdout");
	}
}

static void
conclude_since(struct look *l)
{
	keep_reload(l, &l->log);
	if (l->log.loaded) {
		log_known(l);
		return;
	}
	pipelock_log_free(&l->log);
	read_log(l, READING_HEAD);
}

static void
conclude_tail(struct look *l)
{
	if (!l->cut)
		keep_reload(l, &l->log);
	if (!l->cut && l->log.loaded)
		log_known(l);
	else
		log_unknown(l, l->since ? "more than " LOG_LIMIT_WORDS
					  " were logged since the ConfigMap's change, and no load stands "
					  "at the end"
					: "it is longer than " LOG_LIMIT_WORDS ", and no load stands at its end");
}

static void
on_again(void *ctx)
{
	struct look *l = ctx;

	read_log(l, l->reading);
}

/* Many logs in a row are what servers throttle. */
static bool
throttled(struct look *l, const struct err *e)
{
	if (!e || e->code != 429 || l->tries == THROTTLED_TRIES)
		return false;
	if (!l->again)
		l->again = loop_add_timer(l->sight->args.loop, on_again, l);
	pipelock_log_free(&l->log);
	loop_timer_set(l->again, (int64_t)THROTTLED_MS * ++l->tries);
	return true;
}

static void
on_log(void *ctx, const struct err *e)
{
	struct look *l = ctx;

	l->logs = NULL;
	if (throttled(l, e))
		return;
	if (e) {
		log_unknown(l, arena_strdup(&l->arena, e->msg));
		return;
	}
	if (l->reading == READING_TAIL) {
		conclude_tail(l);
	} else if (l->cut && (l->reading == READING_SINCE || !l->since)) {
		pipelock_log_free(&l->log);
		read_log(l, READING_TAIL);
	} else if (l->reading == READING_SINCE) {
		conclude_since(l);
	} else {
		conclude_head(l);
	}
}

static void
read_log(struct look *l, enum reading reading)
{
	const struct sight_task *t = l->task;
	struct logs_args args = {
		.kube = l->sight->args.kube,
		.namespace = t->workload.namespace,
		.pod = t->pod,
		.container = t->container,
		.head_bytes = LOG_LIMIT + LOG_SPARE,
		.timestamps = true,
		.idle_ms = LOG_IDLE_MS,
		.ctx = l,
		.line = on_line,
		.done = on_log,
	};

	if (reading == READING_SINCE)
		args.since = l->since;
	if (reading == READING_TAIL)
		args.tail = LOG_TAIL;
	l->reading = reading;
	l->got = 0;
	l->cut = l->passed = l->in_pieces = false;
	l->logs = logs_start(&args);
}

static void
on_late(void *ctx)
{
	struct look *l = ctx;

	logs_cancel(take(l->logs));
	if (l->again)
		loop_timer_cancel(l->again);
	log_unknown(l, arena_printf(&l->arena, "it was not read to its end within %lld s",
				    (long long)(l->sight->args.log_ms + 999) / 1000));
}

static void
start_log(struct look *l)
{
	const struct sight_task *t = l->task;

	l->late = loop_add_timer(l->sight->args.loop, on_late, l);
	loop_timer_set(l->late, l->sight->args.log_ms);
	if (t->changed_at != CLOCK_UNKNOWN && t->changed_at > CLOCKS_S &&
	    (t->started_at == CLOCK_UNKNOWN || t->started_at < t->changed_at - CLOCKS_S))
		l->since = t->changed_at - CLOCKS_S;
	read_log(l, l->since ? READING_SINCE : READING_HEAD);
}

/* ---- the file ---- */

static bool
is_hash(const char *text)
{
	return text && strlen(text) == HASH_LEN && strspn(text, "0123456789abcdef") == HASH_LEN;
}

/* Its own name, or the file behind the kubelet's link: "..2026_01_02_03_04_05.123/pipelock.yaml". */
static bool
is_file(const char *path, const char *name)
{
	const char *slash = path && str_starts(path, "..") ? strchr(path, '/') : NULL;

	return str_eq(path, name) || (slash && str_eq(slash + 1, name));
}

static void
read_violations(struct look *l, const struct node *root)
{
	const char *name = strrchr(l->task->config_path, '/') + 1, *found = NULL;

	node_each(v, node_get(root, "violations")) {
		const char *hash = node_get_str(v, "actual");

		if (!is_file(node_get_str(v, "path"), name) || !is_hash(hash))
			continue;
		if (found && strcmp(found, hash) != 0) {
			l->config.file_error = "its files are just being changed";
			return;
		}
		found = hash;
	}
	if (found)
		l->config.file_hash = arena_strdup(&l->arena, found);
	else
		l->config.file_error = arena_printf(&l->arena, "there is no file %s", l->task->config_path);
}

/* The first line, which says what is wrong. */
static const char *
first_line(struct arena *a, const char *text, size_t len)
{
	size_t n = 0;

	while (n < len && n < 200 && text[n] != '\n' && text[n] != '\r')
		n++;
	return arena_strndup(a, text, n);
}

static void
on_exec(void *ctx, const struct exec_result *r)
{
	struct look *l = ctx;
	AUTO(arena) struct arena scratch = {0};
	struct node *root;

	l->exec = NULL;
	/* It ends with 1, for nothing is as the empty manifest has it: what counts is what it prints. */
	if (json_parse(&scratch, "its answer", r->out, r->out_len, 1, NULL, &root, NULL) && root->type == NODE_MAP)
		read_violations(l, root);
	else if (!r->ran)
		l->config.file_error = arena_strdup(&l->arena, r->err.msg);
	else if (r->errors_len)
		l->config.file_error = first_line(&l->arena, r->errors, r->errors_len);
	else
		l->config.file_error = arena_printf(
			&l->arena, "%s integrity check ended with %d and said nothing that can be read",
			l->task->program, r->status);
	settle(l);
}

/* Hashes all files of the folder but keys against a manifest that knows none of them, and writes nothing. */
static void
start_exec(struct look *l)
{
	static const char manifest[] =
		"{\"version\":1,\"files\":{\"x\":{\"sha256\":\"x\"}},\"excludes\":[\"*.pem\",\"*.key\"]}\n";
	const struct sight_task *t = l->task;
	const char *folder =
		arena_strndup(&l->arena, t->config_path, (size_t)(strrchr(t->config_path, '/') - t->config_path));
	const char *const command[] = {t->program, "integrity",	 "check",     folder,
				       "--json",   "--manifest", "/dev/stdin"};

	l->exec = exec_start(&(struct exec_args){
		.kube = l->sight->args.kube,
		.loop = l->sight->args.loop,
		.namespace = t->workload.namespace,
		.pod = t->pod,
		.container = t->container,
		.command = command,
		.n_command = COUNT_OF(command),
		.input = manifest,
		.input_len = sizeof(manifest) - 1,
		.limit_ms = EXEC_MS,
		.ctx = l,
		.done = on_exec,
	});
}

/* ---- /health ---- */

static int64_t
whole_seconds(const struct node *n)
{
	if (n && n->type == NODE_FLOAT && n->real >= 0 && n->real < 1e15)
		return (int64_t)n->real;
	return node_int(n, -1) < 0 ? -1 : node_int(n, -1);
}

static int8_t
three_way(const struct node *n)
{
	return n && n->type == NODE_BOOL ? (int8_t)node_bool(n, false) : -1;
}

static const char *
kept(struct look *l, const struct node *root, const char *key)
{
	return arena_strdup(&l->arena, node_str(node_get(root, key)));
}

static void
read_health(struct look *l, int status, const char *body, size_t len)
{
	AUTO(arena) struct arena scratch = {0};
	struct health_sighting *h = &l->health;
	struct node *root;

	h->http_status = status;
	if (!json_parse(&scratch, "/health", body, len, 1, NULL, &root, NULL) ||
	    !node_str(node_get(root, "status"))) {
		h->error = arena_printf(&l->arena,
					"port %d answers GET /health with HTTP %d, and not as Pipelock does",
					l->task->port, status);
		return;
	}
	h->status = kept(l, root, "status");
	h->version = kept(l, root, "version");
	h->mode = kept(l, root, "mode");
	h->uptime_s = whole_seconds(node_get(root, "uptime_seconds"));
	h->kill_switch = three_way(node_get(root, "kill_switch_active"));
}

static void
on_health(void *ctx, int status, const char *body, size_t len, const struct err *e)
{
	struct look *l = ctx;

	l->forward = NULL;
	if (e)
		l->health.error = arena_strdup(&l->arena, e->msg);
	else
		read_health(l, status, body, len);
	settle(l);
}

/* ---- all of them ---- */

static void
start_look(struct sight *s, const struct sight_task *t)
{
	struct look *l = mem_alloc(sizeof(*l));

	*l = (struct look){
		.sight = s,
		.task = t,
		.pending = (size_t)t->log + t->file + t->health,
		.config = {.workload = t->workload,
			   .pod = t->pod,
			   .pod_uid = t->pod_uid,
			   .container = t->container,
			   .started_at = t->started_at,
			   .loaded_at = CLOCK_UNKNOWN},
		.health = {.workload = t->workload,
			   .pod = t->pod,
			   .pod_uid = t->pod_uid,
			   .uptime_s = -1,
			   .kill_switch = -1},
	};
	s->looks[s->n_looks++] = l;
	if (t->log)
		start_log(l);
	if (t->file)
		start_exec(l);
	if (t->health)
		l->forward = portforward_get(&(struct portforward_args){.kube = s->args.kube,
									.loop = s->args.loop,
									.namespace = t->workload.namespace,
									.pod = t->pod,
									.port = t->port,
									.path = "/health",
									.ctx = l,
									.done = on_health});
}

static bool
asks_something(const struct sight_task *t)
{
	return t->log || t->file || t->health;
}

static void
start_some(struct sight *s)
{
	while (s->next < s->args.n_tasks && s->n_looks < s->args.parallel) {
		const struct sight_task *t = &s->args.tasks[s->next++];

		if (asks_something(t))
			start_look(s, t);
	}
	if (!s->n_looks) {
		void (*done)(void *) = s->args.done;
		void *ctx = s->args.ctx;

		sight_free(s);
		done(ctx);
	}
}

static void
on_begin(void *ctx)
{
	start_some(ctx);
}

struct sight *
sight_start(const struct sight_args *args)
{
	struct sight *s = mem_alloc(sizeof(*s));

	*s = (struct sight){.args = *args};
	if (!s->args.parallel)
		s->args.parallel = PARALLEL;
	if (!s->args.log_ms)
		s->args.log_ms = LOG_MS;
	s->looks = mem_array(s->args.parallel, sizeof(s->looks[0]));
	s->begin = loop_add_timer(args->loop, on_begin, s);
	loop_timer_set(s->begin, 0);
	return s;
}

void
sight_cancel(struct sight *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->n_looks; i++)
		look_free(s->looks[i]);
	sight_free(s);
}

void
sight_left(const struct sight *s, void (*fn)(void *ctx, const struct sight_task *t), void *ctx)
{
	for (size_t i = 0; i < s->n_looks; i++)
		fn(ctx, s->looks[i]->task);
	for (size_t i = s->next; i < s->args.n_tasks; i++)
		if (asks_something(&s->args.tasks[i]))
			fn(ctx, &s->args.tasks[i]);
}
