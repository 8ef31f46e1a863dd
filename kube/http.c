/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/http.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include <curl/curl.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "kube/http_proxy.h"

enum {
	CONNECT_MS = 20000,
	READ_SIZE = 128 * 1024, /* of curl's buffer */
	/*
	 * Calls of a pool. An API server takes 100 requests at once on an HTTP/2 connection, and for each call beyond curl
	 * opens a connection of its own; another pool shares another connection.
	 */
	POOL_CALLS = 90,
	KEEPALIVE_S = 15, /* of silence before TCP asks whether the peer is there, and between two such questions */
	UNACKED_MS = 30000, /* then the kernel ends a connection whose peer acknowledges nothing */
};

/*
 * Connections that may be used for each other's requests, a curl multi handle with all that belongs to it. A pool is for
 * one identity. It is retired, and takes no new calls, when its connections have become doubtful: when a call on them
 * got no answer in time. An extra one is there while the others are full. A connection of http_connect has a pool of its own, so that it can be used inside any callback.
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

/* Where a request goes, in words; no user and no password. */
struct target {
	char *where; /* "host:port" */
	char *proxy; /* as it may be shown; NULL */
};

struct http_call {
	struct pool *pool;
	struct http_call *next, **prev;
	CURL *easy;
	struct curl_slist *headers, *connect_to;
	struct target target;
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
	struct target target;
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

/* --- What went wrong, in words --- */

static bool
via(const struct target *t, const char *what, struct err *e)
{
	if (t->proxy)
		return err_wrap(e, "%s %s by way of the proxy %s", what, t->where, t->proxy);
	return err_wrap(e, "%s %s", what, t->where);
}

static const char *
errno_words(int code)
{
	switch (code) {
	case ECONNREFUSED:
		return "refused";
	case EHOSTUNREACH:
	case ENETUNREACH:
		return "no route to it from here";
	case ETIMEDOUT:
		return "no answer";
	default:
		return strerror(code);
	}
}

static bool
connect_error(CURL *easy, const struct target *t, const char *detail, struct err *e)
{
	long code = 0;

	curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &code);
	if (code)
		err_set(e, ERR_SOURCE, (int)code, "%s", errno_words((int)code));
	else
		err_set(e, ERR_SOURCE, EHOSTUNREACH, "%s", *detail ? detail : "it cannot be reached");
	if (t->proxy) /* it is the proxy that was not reached */
		return err_wrap(e, "connect %s: connect its proxy %s", t->where, t->proxy);
	return err_wrap(e, "connect %s", t->where);
}

/* X509_V_ERR_* as OpenSSL numbers them; its headers would be needed for these alone. */
static const struct {
	long code;
	const char *words;
} verify_results[] = {
	{9, "the server's certificate is not valid yet: compare this machine's clock with the server's"},
	{10, "the server's certificate has expired: renew it, or compare this machine's clock with the server's"},
	{18, "the server's certificate is signed by itself, not by the configured CA: correct "
	     "certificate-authority in the "
	     "kubeconfig"},
	{19, "the server's certificate is not signed by the configured CA: correct certificate-authority in the "
	     "kubeconfig"},
	{20, "the server's certificate is not signed by the configured CA: correct certificate-authority in the "
	     "kubeconfig"},
	{21, "the server's certificate is not signed by the configured CA: correct certificate-authority in the "
	     "kubeconfig"},
	{7, "the server's certificate has a signature that is not the configured CA's: correct "
	    "certificate-authority in the "
	    "kubeconfig"},
};

static bool
verify_error(CURL *easy, const struct target *t, const char *detail, struct err *e)
{
	const char *words = NULL;
	long result = 0;

	curl_easy_getinfo(easy, CURLINFO_SSL_VERIFYRESULT, &result);
	for (size_t i = 0; i < COUNT_OF(verify_results); i++) {
		if (verify_results[i].code == result)
			words = verify_results[i].words;
	}
	if (!words && str_has(detail, "subject name"))
		words = "the server's certificate is for another name: correct the server's URL, or set "
			"tls-server-name "
			"to the name that is in the certificate";
	err_set(e, ERR_SOURCE, EPROTO, "%s",
		words	  ? words
		: *detail ? detail
			  : "the server's certificate is not accepted");
	return via(t, "connect", e);
}

static const struct {
	const char *part, *words;
} tls_alerts[] = {
	{"wrong version number", "the server does not speak TLS on this port: is its URL http:// or another port?"},
	{"packet length too long",
	 "the server does not speak TLS on this port: is its URL http:// or another port?"},
	{"certificate required", "the server wants a client certificate, and the user of this context has none"},
	{"alert bad certificate", "the server does not accept the client certificate"},
	{"alert unknown ca", "the server does not know the CA of the client certificate"},
	{"alert certificate expired", "the client certificate has expired: get a new one from the cluster"},
	{"unexpected eof", "the server hung up during the TLS handshake"},
	{"SSL_ERROR_SYSCALL", "the connection was lost during the TLS handshake"},
	{"SSL_ERROR_ZERO_RETURN", "the server hung up during the TLS handshake"},
};

/* Words for what OpenSSL says; NULL where there are none. */
static const char *
tls_words(const char *detail)
{
	for (size_t i = 0; i < COUNT_OF(tls_alerts); i++) {
		if (str_has(detail, tls_alerts[i].part))
			return tls_alerts[i].words;
	}
	return NULL;
}

static bool
tls_error(const struct target *t, const char *detail, struct err *e)
{
	const char *words = tls_words(detail);

	if (!words)
		err_set(e, ERR_SOURCE, EPROTO, "no TLS connection: %s", *detail ? detail : "the handshake failed");
	else
		err_set(e, ERR_SOURCE, strstr(words, "handshake") ? ECONNRESET : EPROTO, "%s", words);
	return via(t, "connect", e);
}

static bool
lost_error(CURL *easy, const struct target *t, const char *detail, struct err *e)
{
	long tunnel = 0, code = 0;

	curl_easy_getinfo(easy, CURLINFO_HTTP_CONNECTCODE, &tunnel);
	curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &code);
	if (t->proxy && tunnel >= 300) {
		err_set(e, ERR_SOURCE, EPROTO, "the proxy answers %ld%s", tunnel,
			tunnel == 407
				? ": it wants a user and a password, which go into its URL (proxy-url, HTTPS_PROXY)"
			: tunnel == 403 ? ": it does not let this server be reached"
					: "");
		return via(t, "connect", e);
	}
	if (tls_words(detail) &&
	    str_has(detail, "alert")) /* TLS 1.3 tells what it thinks of our certificate this late */
		return tls_error(t, detail, e);
	/* The kernel gave up on a peer that acknowledges nothing. */
	if (code == ETIMEDOUT)
		err_set(e, ERR_SOURCE, ECONNRESET, "the connection was lost: the other end is not there any more");
	else
		err_set(e, ERR_SOURCE, ECONNRESET, "the connection was lost");
	return via(t, "read from", e);
}

static bool
proxy_error(CURL *easy, const struct target *t, struct err *e)
{
	long code = 0;

	curl_easy_getinfo(easy, CURLINFO_PROXY_ERROR, &code);
	err_set(e, ERR_SOURCE, EPROTO,
		"the proxy refuses (SOCKS, reason %ld of curl's list): is the name known to it, and "
		"the way there open?",
		code);
	return via(t, "connect", e);
}

static bool
name_error(const struct target *t, bool of_proxy, struct err *e)
{
	err_set(e, ERR_SOURCE, ENOENT,
		"its name is not known here: correct it in the kubeconfig, or see to DNS (a VPN?)");
	if (of_proxy)
		return err_wrap(e, "connect %s: look up its proxy %s", t->where, t->proxy ? t->proxy : "");
	return err_wrap(e, "look up %s", t->where);
}

static bool
no_connection(const struct target *t, int64_t ms, struct err *e)
{
	err_set(e, ERR_SOURCE, ETIMEDOUT, "no answer within %.3g s: is the address right, and the way there open?",
		(double)ms / 1000);
	return via(t, "connect", e);
}

/* The error of a transfer, in the operator's words; its code is an errno, as http.h says. */
static bool
describe(CURL *easy, CURLcode code, const struct target *t, const char *detail, int64_t connect_ms, struct err *e)
{
	switch (code) {
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY:
		return name_error(t, code == CURLE_COULDNT_RESOLVE_PROXY, e);
	case CURLE_COULDNT_CONNECT:
		return connect_error(easy, t, detail, e);
	case CURLE_OPERATION_TIMEDOUT:
		return no_connection(t, connect_ms, e);
	case CURLE_PEER_FAILED_VERIFICATION:
		return verify_error(easy, t, detail, e);
	case CURLE_SSL_CONNECT_ERROR:
		return tls_error(t, detail, e);
	case CURLE_SSL_CACERT_BADFILE:
		err_set(e, ERR_SOURCE, EINVAL, "the configured CA cannot be read: %s", detail);
		return via(t, "connect", e);
	case CURLE_SSL_CERTPROBLEM:
		err_set(e, ERR_SOURCE, EINVAL, "the client certificate and its key cannot be used: %s", detail);
		return via(t, "connect", e);
	case CURLE_PROXY:
		return proxy_error(easy, t, e);
	case CURLE_RECV_ERROR:
	case CURLE_SEND_ERROR:
	case CURLE_GOT_NOTHING:
	case CURLE_PARTIAL_FILE:
	case CURLE_HTTP2:
	case CURLE_HTTP2_STREAM:
		return lost_error(easy, t, detail, e);
	case CURLE_BAD_CONTENT_ENCODING:
		err_set(e, ERR_SOURCE, EPROTO, "the answer is damaged: %s", detail);
		return via(t, "read from", e);
	case CURLE_WEIRD_SERVER_REPLY:
	case CURLE_UNSUPPORTED_PROTOCOL:
		err_set(e, ERR_SOURCE, EPROTO, "what answers there does not speak HTTP");
		return via(t, "read from", e);
	default:
		err_set(e, ERR_SOURCE, EPROTO, "%s", *detail ? detail : curl_easy_strerror(code));
		return via(t, "talk to", e);
	}
}

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

/* A pool of another identity is of no use any more once nothing is under way in it: the certificate has changed. */
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

static void
target_free(struct target *t)
{
	free(t->where);
	free(t->proxy);
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
	target_free(&c->target);
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

	if (!c->failed && code == CURLE_OK) {
		call_end(c, NULL);
		return;
	}
	if (!c->failed)
		describe(c->easy, code, &c->target, c->detail, c->connect_ms, &e);
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

/* After everything that may have changed a pool, curl not being inside. The depth of http was raised by the caller. */
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
	via(&c->target, c->connected ? "read from" : "connect", &e);
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

/* One header line; the empty one ends the headers of an answer, of which there may be several (100 Continue). */
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

/* --- Options --- */

static int
socket_made(void *ctx UNUSED, curl_socket_t fd, curlsocktype purpose UNUSED)
{
	unsigned ms = UNACKED_MS;

	/* Where it is not known, TCP's own patience holds. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof(ms));
	return CURL_SOCKOPT_OK;
}

static void
set_blob(CURL *easy, CURLoption option, const char *data, size_t len)
{
	struct curl_blob blob = {.data = (void *)data, .len = len, .flags = CURL_BLOB_COPY};

	curl_easy_setopt(easy, option, &blob);
}

/*
 * The configured CA alone counts, for the proxy too when it is an https:// one; Debian's curl would look into the
 * system's folder of CAs as well.
 */
static void
set_trust(CURL *easy, const struct http_peer *peer)
{
	if (peer->insecure) {
		curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
		curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
		curl_easy_setopt(easy, CURLOPT_PROXY_SSL_VERIFYPEER, 0L);
		curl_easy_setopt(easy, CURLOPT_PROXY_SSL_VERIFYHOST, 0L);
		return;
	}
	if (!peer->ca && !peer->ca_path)
		return;
	curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
	curl_easy_setopt(easy, CURLOPT_PROXY_CAPATH, NULL);
	if (peer->ca) {
		set_blob(easy, CURLOPT_CAINFO_BLOB, peer->ca, peer->ca_len);
		set_blob(easy, CURLOPT_PROXY_CAINFO_BLOB, peer->ca, peer->ca_len);
	} else {
		curl_easy_setopt(easy, CURLOPT_CAINFO, peer->ca_path);
		curl_easy_setopt(easy, CURLOPT_PROXY_CAINFO, peer->ca_path);
	}
}

static void
set_identity(CURL *easy, const struct http_peer *peer)
{
	if (!peer->cert)
		return;
	curl_easy_setopt(easy, CURLOPT_SSLCERTTYPE, "PEM");
	curl_easy_setopt(easy, CURLOPT_SSLKEYTYPE, "PEM");
	set_blob(easy, CURLOPT_SSLCERT_BLOB, peer->cert, peer->cert_len);
	if (peer->key)
		set_blob(easy, CURLOPT_SSLKEY_BLOB, peer->key, peer->key_len);
}

/* The parts of a URL, each to be freed by curl. */
struct url {
	CURLU *handle;
	char *scheme, *host, *port;
};

static void
url_free(struct url *u)
{
	curl_free(u->scheme);
	curl_free(u->host);
	curl_free(u->port);
	curl_url_cleanup(u->handle);
}

static bool
url_parse(struct url *u, const char *text, struct err *e)
{
	u->handle = curl_url();
	if (!u->handle)
		die("no memory");
	if (curl_url_set(u->handle, CURLUPART_URL, text, 0) ||
	    curl_url_get(u->handle, CURLUPART_SCHEME, &u->scheme, 0) ||
	    curl_url_get(u->handle, CURLUPART_HOST, &u->host, 0) ||
	    curl_url_get(u->handle, CURLUPART_PORT, &u->port, CURLU_DEFAULT_PORT) ||
	    (strcasecmp(u->scheme, "https") != 0 && strcasecmp(u->scheme, "http") != 0))
		return err_set(e, ERR_SOURCE, EINVAL, "the server's URL is not of the form https://HOST:PORT");
	return true;
}

static void
set_proxy(CURL *easy, struct target *t, const struct url *u, const struct http_peer *peer)
{
	AUTO(buf) struct buf proxy = {0};
	AUTO(buf) struct buf shown = {0};
	AUTO(free) char *host = mem_strdup(u->host);
	size_t len = strlen(host);

	if (*host == '[' && host[len - 1] == ']') { /* an IPv6 address */
		host[len - 1] = '\0';
		memmove(host, host + 1, len - 1);
	}
	http_proxy_for(&proxy, peer->proxy, u->scheme, host, atoi(u->port));
	curl_easy_setopt(easy, CURLOPT_PROXY, buf_str(&proxy)); /* "" is none, the environment's neither */
	curl_easy_setopt(easy, CURLOPT_NOPROXY, "");
	if (!proxy.len)
		return;
	http_proxy_show(&shown, buf_str(&proxy));
	t->proxy = buf_take(&shown);
}

/* With a name for TLS of its own, the URL has that name, and curl is told to connect elsewhere. */
static void
set_url(CURL *easy, const struct url *u, const struct http_peer *peer, struct curl_slist **connect_to)
{
	AUTO(free) char *there = NULL;
	char *text = NULL;

	if (peer->server_name) {
		there = mem_printf("::%s:%s", u->host, u->port);
		*connect_to = curl_slist_append(NULL, there);
		curl_easy_setopt(easy, CURLOPT_CONNECT_TO, *connect_to);
		curl_url_set(u->handle, CURLUPART_HOST, peer->server_name, 0);
	}
	if (curl_url_get(u->handle, CURLUPART_URL, &text, 0) == CURLUE_OK)
		curl_easy_setopt(easy, CURLOPT_URL, text);
	curl_free(text);
}

/* What calls and bare connections have in common. */
static bool
set_common(CURL *easy, const char *url, const struct http_peer *peer, int64_t connect_ms, struct target *t,
	   struct curl_slist **connect_to, char *detail, struct err *e)
{
	struct url u = {0};
	bool ok = url_parse(&u, url, e);

	if (ok) {
		t->where = mem_printf("%s:%s", u.host, u.port);
		set_proxy(easy, t, &u, peer);
		set_url(easy, &u, peer, connect_to);
	}
	url_free(&u);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* or cancelling waits for a name look-up */
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)connect_ms);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, detail);
	curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, (long)KEEPALIVE_S);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, (long)KEEPALIVE_S);
	curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, socket_made);
	set_trust(easy, peer);
	set_identity(easy, peer);
	return ok;
}

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
	for (size_t i = 0; i < args->n_headers; i++)
		add_header(c, args->headers[i]);
	add_header(c, "Expect:");
	curl_easy_setopt(c->easy, CURLOPT_HTTPHEADER, c->headers);
}

static void
set_request(struct http_call *c, const struct http_call_args *args)
{
	curl_easy_setopt(c->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
	/* Wait for a connection that can be shared. TLS tells whether it can; else the first answer would be waited for. */
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
	c->failed = !set_common(c->easy, args->url, args->peer, c->connect_ms, &c->target, &c->connect_to,
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
http_header(struct http_call *c, const char *name)
{
	struct curl_header *header;

	if (curl_easy_header(c->easy, name, 0, CURLH_HEADER, -1, &header) != CURLHE_OK)
		return NULL;
	/* An empty value comes with the end of its line. */
	return header->value[strspn(header->value, " \t\r\n")] ? header->value : "";
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
	target_free(&c->target);
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
	describe(c->easy, code, &c->target, c->detail, c->connect_ms, &e);
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
	if (!set_common(c->easy, args->url, args->peer, c->connect_ms, &c->target, &c->connect_to, c->detail,
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
	return via(&c->target, "write to", e);
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
	return lost_error(c->easy, &c->target, c->detail, e);
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
