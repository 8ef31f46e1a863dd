/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/stream.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "kube/frames.h"

#define OPEN_MS 20000
#define DEAD_MS 60000
#define PING_MS 5000
#define READ_SIZE 16384
#define READS_AT_ONCE 64 /* then the loop's other work has its turn */

/*
 * The life of a stream. Its end is told from the timer, never from inside what noticed it: so nobody is called back
 * in the middle of a call of theirs.
 */
enum state { CONNECTING, SHAKING, OPEN, ENDED };

struct stream {
	struct stream_args args;
	char *path;
	size_t first_protocol; /* offered from here on */
	enum state state;
	struct kube_upgrade *upgrade;
	unsigned serial; /* of the credential that the connection was asked with */
	bool retried; /* a 401 was answered with another credential already */
	struct http_conn *conn;
	struct frames *frames;
	struct loop_timer *timer; /* the limit of the upgrade; then the pings; then the end */
	struct loop_timer *again; /* to go on reading */
	int64_t heard_ms;
	unsigned busy; /* callbacks under way: freed once they are back */
	bool dropped; /* stream_close was called */
	bool failed;
	struct err err;
};

static void ask(struct stream *s);

static void
disconnect(struct stream *s)
{
	kube_upgrade_cancel(s->upgrade);
	s->upgrade = NULL;
	http_conn_close(s->conn);
	s->conn = NULL;
	loop_timer_cancel(s->again);
}

static void
destroy(struct stream *s)
{
	disconnect(s);
	loop_timer_remove(s->timer);
	loop_timer_remove(s->again);
	frames_free(s->frames);
	free((void *)s->args.protocols);
	free(s->path);
	free(s);
}

/* The end: with an error, or NULL for a good one. What was queued is not waited for. */
static void
end(struct stream *s, const struct err *e)
{
	if (s->state == ENDED)
		return;
	s->state = ENDED;
	s->failed = e != NULL;
	if (e)
		s->err = *e;
	disconnect(s);
	loop_timer_set(s->timer, 0);
}

/* Calls of the owner: it may close the stream in them. */

static void
on_opened(void *ctx, const char *protocol)
{
	struct stream *s = ctx;

	s->state = OPEN;
	s->heard_ms = clock_ms();
	loop_timer_set(s->timer, 0); /* the first beat sets the next */
	if (s->args.opened)
		s->args.opened(s->args.ctx, protocol);
}

static bool
on_message(void *ctx, unsigned channel, const char *data, size_t len, struct err *e)
{
	struct stream *s = ctx;

	return !s->dropped && s->args.message(s->args.ctx, channel, data, len, e) && !s->dropped;
}

/* The answer was none to an upgrade. */
static void
refused(struct stream *s)
{
	const char *body;
	size_t len;
	int status = frames_refusal(s->frames, &body, &len);
	struct err e;

	/* Once more: with another credential, or to a server that takes only one protocol at a time. */
	if (status == 401 && !s->retried && kube_refused(s->args.kube, s->serial)) {
		s->retried = true;
		ask(s);
		return;
	}
	if (status == 403 && !len && s->first_protocol + 1 < s->args.n_protocols) {
		s->first_protocol++;
		ask(s);
		return;
	}
	if (status == 403 && !len) /* who has no right to it is told so in a Status */
		err_set(&e, ERR_SOURCE, 0,
			"HTTP 403 without a reason: the server knows none of the protocols that were "
			"offered, or what is in between lets no WebSocket through");
	else if (status >= 400)
		kube_status_error(status, body, len, &e);
	else
		err_set(&e, ERR_SOURCE, status, "the server answered %d where a WebSocket was to begin", status);
	e.code = status;
	end(s, &e);
}

static void
closed(struct stream *s)
{
	int code = frames_close_code(s->frames);
	struct err e;

	if (code == 1000 || code == 1005) {
		end(s, NULL);
		return;
	}
	err_set(&e, ERR_SOURCE, 0, "the server closed the stream with code %d: \"%s\"", code,
		frames_close_reason(s->frames));
	end(s, &e);
}

static bool
flush(struct stream *s, struct err *e)
{
	const char *data;
	size_t len, n;

	while ((data = frames_output(s->frames, &len)), len) {
		if (!http_conn_send(s->conn, data, len, &n, e))
			return false;
		if (!n)
			return true;
		frames_sent(s->frames, n);
	}
	return true;
}

/* Reads what there is, some of it at a time. *more: there may be more than that. */
static bool
receive(struct stream *s, bool *more, struct err *e)
{
	char data[READ_SIZE];
	bool eof = false;
	size_t n;

	for (int i = 0; i < READS_AT_ONCE; i++) {
		if (!http_conn_recv(s->conn, data, sizeof(data), &n, &eof, e))
			return false;
		*more = n > 0;
		if (n) {
			s->heard_ms = clock_ms();
			if (!frames_feed(s->frames, data, n, e))
				return false;
		}
		if (s->dropped || frames_state(s->frames) == FRAMES_REFUSED ||
		    frames_state(s->frames) == FRAMES_CLOSED)
			return true;
		if (eof)
			return frames_end(s->frames, e);
		if (!n)
			return true;
	}
	return true;
}

static void on_events(void *ctx, int events);

static void
watch(struct stream *s)
{
	size_t len;

	frames_output(s->frames, &len);
	http_conn_watch(s->conn, len ? LOOP_READ | LOOP_WRITE : LOOP_READ, on_events, s);
}

static void
move_bytes(struct stream *s)
{
	bool more = false, good;
	struct err e = {0};

	good = receive(s, &more, &e);
	if (s->dropped || s->state == ENDED)
		return;
	if (good && frames_state(s->frames) == FRAMES_REFUSED) {
		refused(s);
		return;
	}
	if (good)
		good = flush(s, &e);
	if (!good && frames_state(s->frames) != FRAMES_CLOSED) {
		end(s, &e);
		return;
	}
	if (frames_state(s->frames) == FRAMES_CLOSED) {
		closed(s);
		return;
	}
	if (more)
		loop_timer_set(s->again, 0);
	watch(s);
}

static void
on_events(void *ctx, int events)
{
	struct stream *s = ctx;

	(void)events;
	if (!s->conn)
		return;
	s->busy++;
	move_bytes(s);
	if (!--s->busy && s->dropped)
		destroy(s);
}

static void
on_again(void *ctx)
{
	on_events(ctx, LOOP_READ);
}

static void
on_connected(void *ctx, struct http_conn *conn, const char *target, const char *headers, unsigned serial,
	     const struct err *e)
{
	struct stream *s = ctx;

	s->upgrade = NULL;
	if (!conn) {
		end(s, e);
		return;
	}
	s->conn = conn;
	s->serial = serial;
	s->state = SHAKING;
	loop_timer_set(s->timer, s->args.open_ms);
	frames_free(s->frames);
	s->frames = frames_new(&(struct frames_args){.target = target,
						     .headers = headers,
						     .protocols = s->args.protocols + s->first_protocol,
						     .n_protocols = s->args.n_protocols - s->first_protocol,
						     .ctx = s,
						     .opened = on_opened,
						     .message = on_message});
	watch(s);
}

static void
ask(struct stream *s)
{
	disconnect(s);
	loop_timer_cancel(s->timer);
	s->state = CONNECTING;
	s->upgrade = kube_upgrade(s->args.kube,
				  &(struct kube_upgrade_args){.path = s->path, .ctx = s, .fn = on_connected});
}

static void
told(struct stream *s)
{
	s->busy++; /* closing it in there is no matter */
	if (!s->dropped)
		s->args.closed(s->args.ctx, s->failed ? &s->err : NULL);
	destroy(s);
}

/*
 * Pings go out in silence alone: a server that has sent all and closed resets the connection for anything that
 * still comes in, and what was on its way to us would be lost.
 */
static void
beat(struct stream *s)
{
	int64_t dead = s->args.dead_ms, period = dead / 3 < PING_MS ? dead / 3 : PING_MS;
	int64_t silent = clock_ms() - s->heard_ms;
	struct err e;

	if (silent >= dead) {
		err_set(&e, ERR_SOURCE, 0, "the server has been silent for %lld s: the connection is given up",
			(long long)(dead + 999) / 1000);
		end(s, &e);
		return;
	}
	if (silent < period) {
		loop_timer_set(s->timer, period - silent);
		return;
	}
	loop_timer_set(s->timer, period ? period : 1);
	/* One at a time: a peer that takes nothing is not sent more and more. */
	if (frames_queued(s->frames))
		return;
	frames_ping(s->frames);
	watch(s);
}

static void
on_timer(void *ctx)
{
	struct stream *s = ctx;
	const char *body;
	size_t len;
	struct err e;

	switch (s->state) {
	case CONNECTING: /* that has limits of its own: a credential plugin may take longer */
		break;
	case SHAKING: /* a refusal without an end is one all the same */
		if (frames_refusal(s->frames, &body, &len) >= 400) {
			refused(s);
			break;
		}
		err_set(&e, ERR_SOURCE, 0, "the server did not answer the upgrade within the time limit");
		end(s, &e);
		break;
	case OPEN:
		beat(s);
		break;
	case ENDED:
		told(s);
		break;
	}
}

struct stream *
stream_open(const struct stream_args *args)
{
	struct stream *s = mem_alloc(sizeof(*s));
	const char **protocols = mem_array(args->n_protocols, sizeof(*protocols));

	assert(args->n_protocols && args->message && args->closed);
	for (size_t i = 0; i < args->n_protocols; i++)
		protocols[i] = args->protocols[i];
	s->args = *args;
	s->args.protocols = protocols;
	s->args.open_ms = args->open_ms ? args->open_ms : OPEN_MS;
	s->args.dead_ms = args->dead_ms ? args->dead_ms : DEAD_MS;
	s->path = mem_strdup(args->path);
	s->timer = loop_add_timer(args->loop, on_timer, s);
	s->again = loop_add_timer(args->loop, on_again, s);
	ask(s);
	return s;
}

void
stream_send(struct stream *s, unsigned channel, const void *data, size_t len)
{
	if (s->state != OPEN)
		return;
	frames_send(s->frames, channel, data, len);
	if (s->conn && !s->busy)
		watch(s);
}

void
stream_close(struct stream *s)
{
	struct err ignored;

	if (!s || s->dropped)
		return;
	s->dropped = true;
	/* A word to the server, if it can be had at once. */
	if (s->state == OPEN && s->conn) {
		frames_close(s->frames);
		if (!flush(s, &ignored))
			disconnect(s);
	}
	if (!s->busy)
		destroy(s);
}

void
stream_name_rights(struct err *e, const char *subresource, const char *namespace)
{
	struct err said = *e;
	size_t len = strlen(said.msg);

	if (e->kind != ERR_DENIED || e->code != 403)
		return;
	while (len && strchr(": ", said.msg[len - 1]))
		len--;
	err_set(e, ERR_DENIED, 403, "%.*s; it takes the verbs get and create on pods/%s in namespace %s", (int)len,
		said.msg, subresource, namespace);
}
