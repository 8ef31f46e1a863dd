/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/http.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <curl/curl.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "kube/http_options.h"
#include "kube/http_words.h"

enum {
	CONNECT_MS = 20000,
	READ_SIZE = 128 * 1024, /* of curl's buffer */
	/*
	 * Calls of a pool. An API server takes 100 requests at once on an HTTP/2 connection, and for each call
	 * beyond curl opens a connection of its own; another pool shares another connection.
	 */
	POOL_CALLS = 90,
};

/*
 * Connections that may be used for each other's requests, a curl multi handle with all that belongs to it. A
 * pool is for one identity. It is retired, and takes no new calls, when its connections have become doubtful:
 * when a call on them got no answer in time. An extra one is there while the others are full. A connection of
 * http_connect has a pool of its own, so that it can be used inside any callback.
 */
struct pool {
	struct http *http;
	struct pool *next;
	CURLM *multi;
	struct loop_timer *timer; /* curl's */
	struct sock *socks;
	struct http_call *calls;
	unsigned n_calls;
	struct http_conn *conn; /* the pool's only one; NULL in a shared pool */
	unsigned identity;
	unsigned depth; /* of our functions that still need it */
	bool in_curl; /* curl calls us: handles may not be added or removed */
	bool retired;
	bool extra;
};

struct sock {
	struct sock *next;
	struct pool *pool;
	struct loop_fd *watch;
	curl_socket_t fd;
};

struct http {
	struct loop *loop;
	struct pool *pools;
	unsigned depth;
	bool dying; /* freed as soon as depth is 0 */
};

struct http_call {
	struct pool *pool;
	struct http_call *next, **prev;
	CURL *easy;
	struct curl_slist *headers, *connect_to;
	struct http_target target;
	struct loop_timer *timer; /* for the limits, and to say later what failed at once */
	int64_t start_ms, heard_ms;
	int64_t connect_ms, idle_ms, total_ms;
	int status;
	bool added; /* to the multi handle */
	bool connected, started, got_bytes;
	bool paused; /* the user wants no data */
	bool held; /* curl was told so */
	bool dead; /* cancelled or ended: no callback any more */
	bool failed; /* with err, whatever curl says */
	struct err err;
	char detail[CURL_ERROR_SIZE];
	void *ctx;
	void (*on_started)(void *ctx, struct http_call *c, int status);
	bool (*on_data)(void *ctx, const char *data, size_t len, struct err *e);
	void (*on_done)(void *ctx, int status, const struct err *e);
};

struct http_conn {
	struct pool *pool;
	CURL *easy;
	struct curl_slist *connect_to;
	struct http_target target;
	struct loop_timer *timer; /* to say later what failed at once */
	struct loop_fd *watch;
	curl_socket_t fd;
	int64_t connect_ms;
	bool open;
	struct err err;
	char detail[CURL_ERROR_SIZE];
	void *ctx;
	void (*fn)(void *ctx, struct http_conn *conn, const struct err *e);
	void *watch_ctx;
	void (*watch_fn)(void *ctx, int events);
};

/* --- Pools: curl's sockets and timer on the loop --- */

static void pool_settle(struct pool *p);

static void
pool_act(struct pool *p, curl_socket_t fd, int events)
{
	int running;

	if (p->in_curl) /* a round of the loop inside one of our callbacks: curl comes back to it */
		return;
	p->http->depth++;
	p->depth++;
	p->in_curl = true;
	curl_multi_socket_action(p->multi, fd,
				 (events & LOOP_READ ? CURL_CSELECT_IN : 0) |
					 (events & LOOP_WRITE ? CURL_CSELECT_OUT : 0),
				 &running);
	p->in_curl = false;
	p->depth--;
	pool_settle(p);
}

static void
on_socket(void *ctx, int events)
{
	struct sock *s = ctx;

	pool_act(s->pool, s->fd, events);
}

static void
on_timer(void *ctx)
{
	pool_act(ctx, CURL_SOCKET_TIMEOUT, 0);
}

static void
sock_free(struct sock *s)
{
	struct sock **at = &s->pool->socks;

	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
	loop_fd_remove(s->watch);
	free(s);
}

static int
socket_wanted(CURL *easy UNUSED, curl_socket_t fd, int what, void *ctx, void *socket_ctx)
{
	int events = (what & CURL_POLL_IN ? LOOP_READ : 0) | (what & CURL_POLL_OUT ? LOOP_WRITE : 0);
	struct pool *p = ctx;
	struct sock *s = socket_ctx;

	if (what == CURL_POLL_REMOVE) {
		if (s)
			sock_free(s);
		return 0;
	}
	if (s) {
		loop_fd_events(s->watch, events);
		return 0;
	}
	s = mem_alloc(sizeof(*s));
	s->pool = p;
	s->fd = fd;
	s->next = p->socks;
	p->socks = s;
	s->watch = loop_add_fd(p->http->loop, fd, events, on_socket, s);
	curl_multi_assign(p->multi, fd, s);
	return 0;
}

static int
timer_wanted(CURLM *multi UNUSED, long ms, void *ctx)
{
	struct pool *p = ctx;

	if (ms < 0)
		loop_timer_cancel(p->timer);
	else
		loop_timer_set(p->timer, ms);
	return 0;
}

static struct pool *
pool_new(struct http *h, unsigned identity)
{
	struct pool *p = mem_alloc(sizeof(*p));

	p->http = h;
	p->identity = identity;
	p->multi = curl_multi_init();
	if (!p->multi)
		die("no memory");
	p->timer = loop_add_timer(h->loop, on_timer, p);
	curl_multi_setopt(p->multi, CURLMOPT_SOCKETFUNCTION, socket_wanted);
	curl_multi_setopt(p->multi, CURLMOPT_SOCKETDATA, p);
	curl_multi_setopt(p->multi, CURLMOPT_TIMERFUNCTION, timer_wanted);
	curl_multi_setopt(p->multi, CURLMOPT_TIMERDATA, p);
	p->next = h->pools;
	h->pools = p;
	return p;
}

/* Its calls are gone. */
static void
pool_free(struct pool *p)
{
	struct pool **at = &p->http->pools;

	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	curl_multi_cleanup(p->multi);
	while (p->socks)
		sock_free(p->socks);
	loop_timer_remove(p->timer);
	free(p);
}

/*
 * A pool of another identity is of no use any more once nothing is under way in it: the certificate has
 * changed.
 */
static struct pool *
pool_for(struct http *h, unsigned identity)
{
	struct pool *found = NULL;
	bool full = false;

	for (struct pool *p = h->pools, *next; p; p = next) {
		bool ours = p->identity == identity && !p->retired;

		next = p->next;
		if (p->conn)
			continue;
		if (ours && p->n_calls < POOL_CALLS)
			found = found && !found->extra ? found : p;
		else if (ours)
			full = true;
		else if (!p->calls && p->depth == 0)
			pool_free(p);
	}
	if (!found) {
		found = pool_new(h, identity);
		found->extra = full;
	}
	return found;
}

/* --- Calls --- */

static void
call_link(struct http_call *c, struct pool *p)
{
	c->pool = p;
	c->prev = &p->calls;
	c->next = p->calls;
	if (c->next)
		c->next->prev = &c->next;
	p->calls = c;
	p->n_calls++;
}

static void
call_unlink(struct http_call *c)
{
	c->pool->n_calls--;
	*c->prev = c->next;
	if (c->next)
		c->next->prev = c->prev;
}

/* Not while curl is inside. */
static void
call_free(struct http_call *c)
{
	if (c->added)
		curl_multi_remove_handle(c->pool->multi, c->easy);
	call_unlink(c);
	curl_easy_cleanup(c->easy);
	curl_slist_free_all(c->headers);
	curl_slist_free_all(c->connect_to);
	http_target_free(&c->target);
	loop_timer_remove(c->timer);
	free(c);
}

/* Not while curl is inside: the last word to the user. */
static void
call_end(struct http_call *c, const struct err *e)
{
	if (c->added)
		curl_multi_remove_handle(c->pool->multi, c->easy);
	c->added = false;
	c->dead = true;
	loop_timer_cancel(c->timer);
	c->on_done(c->ctx, c->status, e); /* headers can still be asked for */
	call_free(c);
}

static void
call_done(struct http_call *c, CURLcode code)
{
	struct err e = c->err;

	if (code == CURLE_OK &&
	    !c->started) /* curl takes an answer that breaks off in its headers for a whole one */
		code = CURLE_GOT_NOTHING;
	if (!c->failed && code == CURLE_OK) {
		call_end(c, NULL);
		return;
	}
	if (!c->failed)
		http_words(c->easy, code, &c->target, c->detail, c->connect_ms, &e);
	call_end(c, &e);
}

static void conn_done(struct http_conn *c, CURLcode code);
static void conn_release(struct http_conn *c);

static void
pool_messages(struct pool *p)
{
	CURLMsg *m;
	int left;

	while (!p->http->dying && (m = curl_multi_info_read(p->multi, &left))) {
		CURLcode code = m->data.result;
		char *call = NULL;

		if (m->msg != CURLMSG_DONE)
			continue;
		if (p->conn) {
			conn_done(p->conn, code);
			continue;
		}
		curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &call);
		if (!((struct http_call *)call)->dead)
			call_done((struct http_call *)call, code);
	}
}

/* What could not be done while curl was inside: take away what was cancelled, let in what was started. */
static void
pool_catch_up(struct pool *p)
{
	for (struct http_call *c = p->calls, *next; c; c = next) {
		next = c->next;
		if (c->dead && !p->http->dying) {
			call_free(c);
		} else if (!c->dead && !c->added && !c->failed) {
			c->added = true;
			curl_multi_add_handle(p->multi, c->easy);
		}
	}
}

static bool
pool_finished(const struct pool *p)
{
	return p->depth == 0 && !p->calls && !p->conn && (p->retired || p->extra);
}

static void
http_destroy(struct http *h)
{
	for (struct pool *p; (p = h->pools);) {
		while (p->calls)
			call_free(p->calls);
		if (p->conn)
			conn_release(p->conn);
		pool_free(p);
	}
	free(h);
}

/*
 * After everything that may have changed a pool, curl not being inside. The depth of http was raised by the
 * caller.
 */
static void
pool_settle(struct pool *p)
{
	struct http *h = p->http;

	p->depth++;
	pool_catch_up(p);
	pool_messages(p);
	p->depth--;
	h->depth--;
	if (h->dying) {
		if (h->depth == 0)
			http_destroy(h);
	} else if (pool_finished(p)) {
		pool_free(p);
	}
}

static void
call_arm(struct http_call *c)
{
	int64_t due = INT64_MAX;

	if (c->total_ms)
		due = c->start_ms + c->total_ms;
	if (c->idle_ms && c->connected && !c->paused && c->heard_ms + c->idle_ms < due)
		due = c->heard_ms + c->idle_ms;
	if (due == INT64_MAX)
		loop_timer_cancel(c->timer);
	else
		loop_timer_set(c->timer, due - clock_ms());
}

/* Whatever waits behind the same connection may wait in vain: what is started from now on gets another one. */
static void
call_time_out(struct http_call *c, int64_t limit)
{
	struct err e;

	c->pool->retired = true;
	err_set(&e, ERR_SOURCE, ETIMEDOUT,
		c->started ? "nothing more came within %.3g s" : "no answer within %.3g s", (double)limit / 1000);
	http_words_where(&c->target, c->connected ? "read from" : "connect", &e);
	call_end(c, &e);
}

static void
call_resume(struct http_call *c)
{
	struct pool *p = c->pool;

	c->held = false;
	c->heard_ms = clock_ms();
	call_arm(c);
	p->in_curl = true; /* it may hand on data that it has kept */
	curl_easy_pause(c->easy, CURLPAUSE_CONT);
	p->in_curl = false;
}

static void
call_timer(void *ctx)
{
	struct http_call *c = ctx;
	struct pool *p = c->pool;
	int64_t now = clock_ms();

	if (c->dead)
		return;
	if (p->in_curl) { /* a round of the loop inside a callback */
		loop_timer_set(c->timer, 1);
		return;
	}
	p->http->depth++;
	p->depth++;
	if (c->failed)
		call_done(c, CURLE_OK);
	else if (c->held && !c->paused)
		call_resume(c);
	else if (c->total_ms && now >= c->start_ms + c->total_ms)
		call_time_out(c, c->total_ms);
	else if (c->idle_ms && c->connected && !c->paused && now >= c->heard_ms + c->idle_ms)
		call_time_out(c, c->idle_ms);
	else
		call_arm(c);
	p->depth--;
	pool_settle(p);
}

static int
connected(void *ctx, char *peer_ip UNUSED, char *local_ip UNUSED, int peer_port UNUSED, int local_port UNUSED)
{
	struct http_call *c = ctx;

	c->connected = true;
	c->heard_ms = clock_ms();
	call_arm(c);
	return CURL_PREREQFUNC_OK;
}

/*
 * One header line; the empty one ends the headers of an answer, of which there may be several (100 Continue).
 */
static size_t
header_came(char *line, size_t size, size_t n, void *ctx)
{
	struct http_call *c = ctx;
	long status = 0;

	if (c->dead)
		return 0;
	c->heard_ms = clock_ms();
	if (c->started || size * n > 2 || (*line != '\r' && *line != '\n'))
		return size * n;
	curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
	if (status < 200)
		return size * n;
	c->started = true;
	c->status = (int)status;
	if (c->on_started)
		c->on_started(c->ctx, c, c->status);
	return c->dead ? 0 : size * n;
}

static size_t
data_came(char *data, size_t size, size_t n, void *ctx)
{
	struct http_call *c = ctx;

	if (c->dead)
		return CURL_WRITEFUNC_ERROR;
	if (c->paused) {
		c->held = true;
		return CURL_WRITEFUNC_PAUSE;
	}
	c->heard_ms = clock_ms();
	if (c->on_data && !c->on_data(c->ctx, data, size * n, &c->err)) {
		c->failed = true;
		return CURL_WRITEFUNC_ERROR;
	}
	return c->dead ? CURL_WRITEFUNC_ERROR : size * n;
}

/* --- Calls of the user --- */

static void
set_callbacks(struct http_call *c)
{
	curl_easy_setopt(c->easy, CURLOPT_PRIVATE, c);
	curl_easy_setopt(c->easy, CURLOPT_PREREQFUNCTION, connected);
	curl_easy_setopt(c->easy, CURLOPT_PREREQDATA, c);
	curl_easy_setopt(c->easy, CURLOPT_HEADERFUNCTION, header_came);
	curl_easy_setopt(c->easy, CURLOPT_HEADERDATA, c);
	curl_easy_setopt(c->easy, CURLOPT_WRITEFUNCTION, data_came);
	curl_easy_setopt(c->easy, CURLOPT_WRITEDATA, c);
}

static void
add_header(struct http_call *c, const char *line)
{
	struct curl_slist *list = curl_slist_append(c->headers, line);

	if (!list)
		die("no memory");
	c->headers = list;
}

static void
set_headers(struct http_call *c, const struct http_call_args *args)
{
	if (args->peer->server_name && c->target.where) {
		AUTO(free) char *host = mem_printf("Host: %s", c->target.where);

		add_header(c, host);
	}
	for (size_t i = 0; i < args->n_headers; i++) {
		const char *line = args->headers[i];

		if (strpbrk(line, "\r\n")) /* it would be another header */
			c->failed = !err_set(&c->err, ERR_SOURCE, EINVAL, "the header %.*s has a line break in it",
					     (int)strcspn(line, ":\r\n"), line);
		add_header(c, line);
	}
	add_header(c, "Expect:");
	curl_easy_setopt(c->easy, CURLOPT_HTTPHEADER, c->headers);
}

static void
set_request(struct http_call *c, const struct http_call_args *args)
{
	curl_easy_setopt(c->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
	/*
	 * Wait for a connection that can be shared. TLS tells whether it can; else the first answer would be
	 * waited for.
	 */
	if (strncasecmp(args->url, "https:", strlen("https:")) == 0)
		curl_easy_setopt(c->easy, CURLOPT_PIPEWAIT, 1L);
	curl_easy_setopt(c->easy, CURLOPT_BUFFERSIZE, (long)READ_SIZE);
	if (args->compressed)
		curl_easy_setopt(c->easy, CURLOPT_ACCEPT_ENCODING, "gzip");
	if (args->body) {
		curl_easy_setopt(c->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)args->body_len);
		curl_easy_setopt(c->easy, CURLOPT_COPYPOSTFIELDS, args->body);
	}
	if (args->body || !str_eq(args->method, "GET"))
		curl_easy_setopt(c->easy, CURLOPT_CUSTOMREQUEST, args->method);
}

static CURL *
easy_new(void)
{
	CURL *easy = curl_easy_init();

	if (!easy)
		die("no memory");
	return easy;
}

struct http_call *
http_start(struct http *h, const struct http_call_args *args)
{
	struct http_call *c = mem_alloc(sizeof(*c));
	struct pool *p = pool_for(h, args->peer->identity);

	c->easy = easy_new();
	c->ctx = args->ctx;
	c->on_started = args->started;
	c->on_data = args->data;
	c->on_done = args->done;
	c->connect_ms = args->connect_ms ? args->connect_ms : CONNECT_MS;
	c->idle_ms = args->idle_ms;
	c->total_ms = args->total_ms;
	c->start_ms = clock_ms();
	c->timer = loop_add_timer(h->loop, call_timer, c);
	call_link(c, p);
	c->failed = !http_set_options(c->easy, args->url, args->peer, c->connect_ms, &c->target, &c->connect_to,
				      c->detail, &c->err);
	set_callbacks(c);
	set_headers(c, args);
	set_request(c, args);
	if (c->failed) {
		loop_timer_set(c->timer, 0);
		return c;
	}
	call_arm(c);
	if (!p->in_curl) {
		c->added = true;
		curl_multi_add_handle(p->multi, c->easy);
	}
	return c;
}

void
http_cancel(struct http_call *c)
{
	struct pool *p = c ? c->pool : NULL;

	if (!c || c->dead)
		return;
	c->dead = true;
	if (p->in_curl) /* pool_catch_up frees it */
		return;
	call_free(c);
	if (pool_finished(p) && !p->http->dying)
		pool_free(p);
}

const char *
http_header_at(struct http_call *c, const char *name, size_t i)
{
	struct curl_header *header;

	if (curl_easy_header(c->easy, name, i, CURLH_HEADER, -1, &header) != CURLHE_OK)
		return NULL;
	/* An empty value comes with the end of its line. */
	return header->value[strspn(header->value, " \t\r\n")] ? header->value : "";
}

const char *
http_header(struct http_call *c, const char *name)
{
	return http_header_at(c, name, 0);
}

void
http_pause(struct http_call *c, bool pause)
{
	if (c->paused == pause || c->dead)
		return;
	c->paused = pause;
	c->heard_ms = clock_ms();
	if (c->held && !pause)
		loop_timer_set(c->timer, 0);
	else
		call_arm(c);
}

/* --- Bare connections --- */

static void
conn_release(struct http_conn *c)
{
	struct pool *p = c->pool;

	loop_fd_remove(c->watch);
	c->watch = NULL;
	loop_timer_remove(c->timer);
	c->timer = NULL;
	curl_multi_remove_handle(p->multi, c->easy);
	curl_easy_cleanup(c->easy);
	curl_slist_free_all(c->connect_to);
	http_target_free(&c->target);
	c->pool = NULL;
	c->open = false;
	p->conn = NULL;
	p->retired = true;
}

void
http_conn_close(struct http_conn *c)
{
	struct pool *p = c ? c->pool : NULL;

	if (!c)
		return;
	if (p) {
		conn_release(c);
		if (p->depth == 0)
			pool_free(p);
	}
	free(c);
}

static void
conn_failed(struct http_conn *c, const struct err *e)
{
	void (*fn)(void *ctx, struct http_conn *conn, const struct err *e) = c->fn;
	void *ctx = c->ctx;

	conn_release(c);
	free(c);
	fn(ctx, NULL, e);
}

static void
conn_done(struct http_conn *c, CURLcode code)
{
	struct err e = c->err;

	if (code == CURLE_OK)
		curl_easy_getinfo(c->easy, CURLINFO_ACTIVESOCKET, &c->fd);
	if (code == CURLE_OK && c->fd != CURL_SOCKET_BAD) {
		c->open = true;
		c->fn(c->ctx, c, NULL);
		return;
	}
	http_words(c->easy, code, &c->target, c->detail, c->connect_ms, &e);
	conn_failed(c, &e);
}

static void
conn_timer(void *ctx)
{
	struct http_conn *c = ctx;
	struct pool *p = c->pool;
	struct err e = c->err;

	p->http->depth++;
	p->depth++;
	conn_failed(c, &e);
	p->depth--;
	pool_settle(p);
}

struct http_conn *
http_connect(struct http *h, const struct http_connect_args *args)
{
	struct http_conn *c = mem_alloc(sizeof(*c));

	c->pool = pool_new(h, args->peer->identity);
	c->pool->conn = c;
	c->easy = easy_new();
	c->fd = CURL_SOCKET_BAD;
	c->ctx = args->ctx;
	c->fn = args->fn;
	c->connect_ms = args->connect_ms ? args->connect_ms : CONNECT_MS;
	c->timer = loop_add_timer(h->loop, conn_timer, c);
	if (!http_set_options(c->easy, args->url, args->peer, c->connect_ms, &c->target, &c->connect_to, c->detail,
			      &c->err)) {
		loop_timer_set(c->timer, 0);
		return c;
	}
	curl_easy_setopt(c->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(c->easy, CURLOPT_CONNECT_ONLY, 1L);
	curl_multi_add_handle(c->pool->multi, c->easy);
	return c;
}

bool
http_conn_send(struct http_conn *c, const void *data, size_t len, size_t *n, struct err *e)
{
	CURLcode code;

	*n = 0;
	if (!c->open)
		return err_set(e, ERR_SOURCE, ENOTCONN, "the connection is closed");
	code = curl_easy_send(c->easy, data, len, n);
	if (code == CURLE_OK || code == CURLE_AGAIN)
		return true;
	err_set(e, ERR_SOURCE, ECONNRESET, "the connection was lost");
	return http_words_where(&c->target, "write to", e);
}

bool
http_conn_recv(struct http_conn *c, void *data, size_t len, size_t *n, bool *eof, struct err *e)
{
	CURLcode code;

	*n = 0;
	*eof = false;
	if (!c->open)
		return err_set(e, ERR_SOURCE, ENOTCONN, "the connection is closed");
	code = curl_easy_recv(c->easy, data, len, n);
	*eof = code == CURLE_OK && *n == 0;
	if (code == CURLE_OK || code == CURLE_AGAIN)
		return true;
	return http_words_lost(c->easy, &c->target, c->detail, e);
}

static void
conn_event(void *ctx, int events)
{
	struct http_conn *c = ctx;

	c->watch_fn(c->watch_ctx, events);
}

void
http_conn_watch(struct http_conn *c, int events, void (*fn)(void *ctx, int events), void *ctx)
{
	c->watch_fn = fn;
	c->watch_ctx = ctx;
	if (c->watch)
		loop_fd_events(c->watch, events);
	else if (c->open)
		c->watch = loop_add_fd(c->pool->http->loop, c->fd, events, conn_event, c);
}

/* --- All of it --- */

struct http *
http_new(struct loop *l, struct err *e)
{
	struct http *h;

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		err_set(e, ERR_SOURCE, 0, "libcurl cannot be used here");
		return NULL;
	}
	h = mem_alloc(sizeof(*h));
	h->loop = l;
	return h;
}

void
http_free(struct http *h)
{
	if (!h)
		return;
	for (struct pool *p = h->pools; p; p = p->next)
		for (struct http_call *c = p->calls; c; c = c->next)
			c->dead = true;
	h->dying = true;
	if (h->depth == 0)
		http_destroy(h);
}
