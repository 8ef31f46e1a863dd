/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/api.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/json_scan.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/node.h"
#include "base/str.h"
#include "base/vec.h"
#include "build-config.h"
#include "kube/backoff.h"

enum {
	TIMEOUT_MS = 30000,
	TRIES = 10, /* repeats of one call, ... */
	REPEAT_MS = 10 * 1000, /* ... none of them sent off later than this after the first failure */
	BACK_OFF_MS = 500, /* doubled each time */
	BACK_OFF_MAX_MS = 30000, /* Retry-After counts up to here too */
	REDIRECTS = 5,
	BODY_LIMIT = 16 * 1024 * 1024,
	ERROR_BODY_LIMIT = 64 * 1024, /* of an answer that is no 2xx */
	SHOWN = 200, /* bytes of a body that is no Status */
	WARNINGS = 100, /* different ones that are logged */
};

struct kube {
	struct loop *loop;
	struct kubeconfig *config;
	const struct kube_context *context;
	struct http *http;
	struct credential *credential;
	char *server; /* without user:password */
	char *host; /* of it: "host:port" */
	const char *prefix; /* path of the server's URL, "" for none */
	int64_t timeout_ms;
	VEC(char *) headers; /* of every request: who it is and on whose behalf */
	bool skew_known;
	int64_t skew;
	struct kube_counts counts;
	VEC(uint64_t) warned; /* hashes of Warning headers */
	struct kube_call *calls;
	struct kube_upgrade *upgrades;
};

struct kube_call {
	struct kube *kube;
	struct kube_call *next, **prev;
	struct kube_call_args args; /* its texts are copies */
	char *path; /* of the next request: another than args.path after a redirect */
	struct http_call *http;
	struct credential_wait *wait;
	struct loop_timer *timer; /* until the next try, or to say later what failed at once */
	unsigned serial; /* of the credential that was sent */
	unsigned tries, redirects;
	int64_t failed_ms; /* clock_ms of the first failure */
	bool renewed; /* a 401 was answered with a fresh credential once */
	bool paused;
	bool handed_on; /* body bytes went to data() */
	bool ending;
	int status;
	int64_t retry_after_ms;
	struct err err; /* from before a request could be sent */
	struct buf body;
};

struct kube_upgrade {
	struct kube *kube;
	struct kube_upgrade *next, **prev;
	struct kube_upgrade_args args;
	char *path;
	struct credential_wait *wait;
	struct http_conn *conn;
	struct loop_timer *timer;
	unsigned serial;
	char *authorization; /* NULL for none */
	struct err err;
};

/* --- What an answer says --- */

static bool
digits(const char *s, int n, int *out)
{
	*out = 0;
	for (int i = 0; i < n; i++) {
		if (s[i] < '0' || s[i] > '9')
			return false;
		*out = *out * 10 + s[i] - '0';
	}
	return true;
}

/* "Tue, 24 Nov 2026 07:00:00 GMT", the only form that is still sent. No strptime: it follows the locale. */
static bool
http_date(const char *s, int64_t *out)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	const char *month;
	struct tm tm = {0};

	if (strlen(s) != strlen("Tue, 24 Nov 2026 07:00:00 GMT") || !digits(s + 5, 2, &tm.tm_mday) ||
	    !digits(s + 12, 4, &tm.tm_year) || !digits(s + 17, 2, &tm.tm_hour) || !digits(s + 20, 2, &tm.tm_min) ||
	    !digits(s + 23, 2, &tm.tm_sec))
		return false;
	month = memmem(months, sizeof(months) - 1, s + 8, 3);
	if (!month || (month - months) % 3)
		return false;
	tm.tm_mon = (int)(month - months) / 3;
	tm.tm_year -= 1900;
	*out = timegm(&tm);
	return true;
}

/* The header's value, seconds or a date, in milliseconds; -1 for none that can be read. */
static int64_t
retry_after(const char *value, int64_t now)
{
	int64_t seconds;

	if (!value)
		return -1;
	if (!str_i64(value, &seconds)) {
		if (!http_date(value, &seconds))
			return -1;
		seconds = seconds > now ? seconds - now : 0;
	}
	if (seconds < 0)
		return -1;
	return seconds > INT32_MAX ? (int64_t)INT32_MAX * 1000 : seconds * 1000;
}

/* What a Status object says; texts live in the arena. */
struct status {
	const char *message, *reason, *continue_token;
	bool rv_too_large;
};

static bool
status_parse(struct arena *a, const char *body, size_t len, struct status *out)
{
	const struct node *causes;
	struct node *doc;

	if (!len || !json_parse(a, "the answer", body, len, 1, NULL, &doc, NULL) ||
	    !str_eq(node_get_str(doc, "kind"), "Status"))
		return false;
	out->message = node_get_str(doc, "message");
	out->reason = node_get_str(doc, "reason");
	out->continue_token = node_str(node_path(doc, "metadata.continue"));
	causes = node_path(doc, "details.causes");
	node_each(cause, causes) {
		if (str_eq(node_get_str(cause, "reason"), "ResourceVersionTooLarge"))
			out->rv_too_large = true;
	}
	return true;
}

static const struct {
	int status;
	const char *words; /* of an answer whose body says nothing */
} statuses[] = {
	{400, "the server does not understand the request"},
	{401, "the server does not accept the credential (Unauthorized): log in again, or correct the user in the "
	      "kubeconfig"},
	{403, "forbidden"},
	{404, "not found: the server does not have this, or its URL has a wrong path"},
	{405, "the server does not allow this"},
	{406, "the server cannot answer in the form asked for"},
	{409, "conflict: it was changed meanwhile"},
	{410, "gone: the version asked for is too old"},
	{413, "the request is too large for the server or a proxy in front of it"},
	{415, "the server does not take what was sent in this form"},
	{422, "the server refuses what was sent"},
	{429, "the server has too many requests now"},
	{500, "the server failed (500)"},
	{502, "what is in front of the server does not reach it (502 Bad Gateway)"},
	{503, "the server is not available (503)"},
	{504, "the server, or what it asks, did not answer in time (504)"},
};

static const char *
status_words(int status)
{
	for (size_t i = 0; i < COUNT_OF(statuses); i++) {
		if (statuses[i].status == status)
			return statuses[i].words;
	}
	return NULL;
}

/* Plain text in one line, shortened; nothing of a page of HTML, which a proxy made and which tells little. */
static void
add_plain(struct buf *out, const char *body, size_t len)
{
	size_t start = 0;

	while (start < len && isspace((unsigned char)body[start]))
		start++;
	if (start == len || body[start] == '<' || body[start] == '{')
		return;
	for (size_t i = start; i < len && out->len < SHOWN; i++) {
		bool space = isspace((unsigned char)body[i]);

		if (!space)
			buf_addc(out, body[i]);
		else if (out->len && out->data[out->len - 1] != ' ')
			buf_addc(out, ' ');
	}
	while (out->len && out->data[out->len - 1] == ' ')
		out->data[--out->len] = '\0';
	if (start + SHOWN < len)
		buf_adds(out, "...");
}

/* 'pods is forbidden: User "x" cannot ...' says the resource twice. */
static const char *
shorter(int status, const char *message)
{
	const char *rest = status == 403 ? strstr(message, " is forbidden: ") : NULL;

	return rest && !memchr(message, ':', (size_t)(rest - message)) ? rest + strlen(" is ") : message;
}

static bool
set_status_error(int status, const struct status *s, const char *body, size_t len, struct err *e)
{
	enum err_kind kind = status == 401 || status == 403 ? ERR_DENIED : ERR_SOURCE;
	const char *words = status_words(status);
	AUTO(buf) struct buf plain = {0};

	/* The Status of a 401 says "Unauthorized" and no more. */
	if (s && s->message && *s->message && status != 401)
		return err_set(e, kind, status, "%s", shorter(status, s->message));
	if (status != 401)
		add_plain(&plain, body, len);
	if (words && plain.len)
		return err_set(e, kind, status, "%s: %s", words, plain.data);
	if (words)
		return err_set(e, kind, status, "%s", words);
	if (status >= 300 && status < 400)
		return err_set(e, kind, status,
			       "the server sends us elsewhere (%d), which is not followed: correct its URL in the "
			       "kubeconfig",
			       status);
	return err_set(e, kind, status, "the server answers %d%s%s", status, plain.len ? ": " : "",
		       buf_str(&plain));
}

bool
kube_status_error(int status, const char *body, size_t len, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct status s = {0};
	bool is_status = status_parse(&a, body, len, &s);

	return set_status_error(status, is_status ? &s : NULL, body, len, e);
}

/* --- A request --- */

static void
free_texts(struct kube_call_args *args)
{
	free((char *)args->method);
	free((char *)args->path);
	free((char *)args->accept);
	free((char *)args->content_type);
	free((void *)args->body);
}

static void
call_free(struct kube_call *c)
{
	*c->prev = c->next;
	if (c->next)
		c->next->prev = c->prev;
	http_cancel(c->http);
	credential_wait_cancel(c->wait);
	loop_timer_remove(c->timer);
	free_texts(&c->args);
	free(c->path);
	buf_free(&c->body);
	free(c);
}

static void
call_end(struct kube_call *c, struct kube_answer *a)
{
	c->ending = true; /* kube_cancel from inside leaves it to us */
	a->status = c->status;
	a->retry_after_ms = c->retry_after_ms;
	*c->prev = c->next; /* nor does kube_free meet it */
	if (c->next)
		c->next->prev = c->prev;
	c->next = NULL;
	c->prev = &c->next;
	c->args.done(c->args.ctx, a);
	call_free(c);
}

static void
call_fail(struct kube_call *c, const struct err *e)
{
	struct kube_answer a = {.err = *e, .reason = "", .body = ""};

	call_end(c, &a);
}

static int64_t
back_off(struct kube_call *c)
{
	int64_t ms = BACK_OFF_MS;

	if (c->retry_after_ms >= 0)
		return (c->retry_after_ms < BACK_OFF_MAX_MS ? c->retry_after_ms : BACK_OFF_MAX_MS) +
		       backoff_between(0, 99);
	for (unsigned i = 1; i < c->tries && ms < BACK_OFF_MAX_MS; i++)
		ms *= 2;
	ms = ms < BACK_OFF_MAX_MS ? ms : BACK_OFF_MAX_MS;
	return ms + backoff_between(0, ms / 2 - 1);
}

static bool
worth_repeating(const struct kube_call *c, const struct err *e)
{
	static const int good[] = {429, 500, 502, 503, 504};

	if (!(c->args.flags & KUBE_RETRY) || c->handed_on || c->tries >= TRIES)
		return false;
	if (c->tries && clock_ms() - c->failed_ms > REPEAT_MS)
		return false;
	if (e)
		return e->code == ECONNRESET;
	for (size_t i = 0; i < COUNT_OF(good); i++) {
		if (c->status == good[i])
			return true;
	}
	return false;
}

static void
repeat_later(struct kube_call *c)
{
	int64_t ms;

	if (!c->tries++)
		c->failed_ms = clock_ms();
	c->kube->counts.retries++;
	ms = back_off(c);
	log_debug("%s %s: status %d, tried again in %lld ms", c->args.method, c->args.path, c->status,
		  (long long)ms);
	loop_timer_set(c->timer, ms);
}

static void call_send(struct kube_call *c);

/* The path of a redirect to the same server; NULL for one that leads elsewhere. */
static const char *
same_server(const struct kube *k, const char *location)
{
	size_t len = strlen(k->server) - strlen(k->prefix);

	if (location[0] == '/' && location[1] != '/')
		return location;
	if (strncmp(location, k->server, len) == 0 && location[len] == '/')
		return location + len;
	return NULL;
}

/* A GET that leads to another path of the same server is followed; nothing else: credentials go nowhere else. */
static bool
redirected(struct kube_call *c)
{
	const char *location = http_header(c->http, "Location");
	const char *path = location ? same_server(c->kube, location) : NULL;

	if (c->status < 300 || c->status >= 400 || !path || !str_eq(c->args.method, "GET") ||
	    c->redirects >= REDIRECTS)
		return false;
	c->redirects++;
	free(c->path);
	c->path = mem_strdup(path);
	return true;
}

static void
call_answered(struct kube_call *c)
{
	AUTO(arena) struct arena arena = {0};
	struct kube_answer a = {.reason = "", .body = ""};
	struct status s = {0};
	bool is_status;

	a.ok = c->status >= 200 && c->status < 300;
	if (a.ok) {
		a.body = buf_str(&c->body);
		a.body_len = c->body.len;
	} else {
		is_status = status_parse(&arena, buf_str(&c->body), c->body.len, &s);
		set_status_error(c->status, is_status ? &s : NULL, buf_str(&c->body), c->body.len, &a.err);
		a.reason = s.reason ? s.reason : "";
		a.rv_too_large = s.rv_too_large;
		a.continue_token = c->status == 410 ? s.continue_token : NULL;
	}
	call_end(c, &a);
}

static void
on_done(void *ctx, int status UNUSED, const struct err *e)
{
	struct kube_call *c = ctx;
	bool elsewhere = !e && redirected(c);

	c->http = NULL;
	if (elsewhere) {
		call_send(c);
	} else if (!e && c->status == 401 && !c->renewed && credential_refused(c->kube->credential, c->serial)) {
		c->renewed = true;
		call_send(c);
	} else if (worth_repeating(c, e)) {
		repeat_later(c);
	} else if (e) {
		call_fail(c, e);
	} else {
		call_answered(c);
	}
}

static void
warn_once(struct kube *k, const char *text)
{
	uint64_t hash = str_hash(text, strlen(text));

	for (size_t i = 0; i < k->warned.n; i++) {
		if (k->warned.at[i] == hash)
			return;
	}
	if (k->warned.n == WARNINGS)
		return;
	vec_push(&k->warned, hash);
	log_warn("the API server warns: %.400s", text);
}

static void
on_started(void *ctx, struct http_call *http, int status)
{
	struct kube_call *c = ctx;
	struct kube *k = c->kube;
	int64_t now = clock_now(), date;
	const char *text = http_header(http, "Date");

	c->status = status;
	if (text && http_date(text, &date)) {
		k->skew = date - now;
		k->skew_known = true;
	}
	c->retry_after_ms = retry_after(http_header(http, "Retry-After"), now + k->skew);
	for (size_t i = 0; (text = http_header_at(http, "Warning", i)); i++)
		warn_once(k, text);
	if (status >= 200 && status < 300 && c->args.started)
		c->args.started(c->args.ctx); /* which may have cancelled the call */
}

static bool
on_data(void *ctx, const char *data, size_t len, struct err *e)
{
	struct kube_call *c = ctx;
	bool good = c->status >= 200 && c->status < 300;
	size_t limit = !good ? ERROR_BODY_LIMIT : c->args.body_limit ? c->args.body_limit : BODY_LIMIT;

	c->kube->counts.bytes += len;
	if (good && c->args.data) {
		c->handed_on = true;
		return c->args.data(c->args.ctx, data, len, e); /* which may have cancelled the call */
	}
	if (len > limit - c->body.len) {
		if (good)
			return err_set(e, ERR_SOURCE, EFBIG, "the answer is larger than %zu bytes", limit);
		len = limit - c->body.len;
	}
	buf_add(&c->body, data, len);
	return true;
}

/* What a credential says about TLS, put to what the config says. */
static struct http_peer
peer_of(const struct kube *k, const struct credential_state *s)
{
	const struct kube_cluster *cluster = k->context->cluster;

	return (struct http_peer){
		.proxy = cluster->proxy_url,
		.server_name = cluster->tls_server_name,
		.ca_path = cluster->ca_path,
		.ca = cluster->ca.data,
		.ca_len = cluster->ca.len,
		.cert = s->cert.data,
		.cert_len = s->cert.len,
		.key = s->key.data,
		.key_len = s->key.len,
		.identity = s->tls_serial,
		.insecure = cluster->insecure,
	};
}

/* 0, for http's own, unless the user is less patient. */
static int64_t
connect_limit(const struct kube *k)
{
	return k->timeout_ms < TIMEOUT_MS ? k->timeout_ms : 0;
}

/* Whole time for what is small; silence for what may be long. */
static void
set_limits(const struct kube_call *c, struct http_call_args *h)
{
	const struct kube_call_args *a = &c->args;

	h->connect_ms = connect_limit(c->kube);
	h->idle_ms = a->idle_ms ? a->idle_ms : c->kube->timeout_ms;
	if (!a->data && !(a->flags & KUBE_LONG))
		h->total_ms = h->idle_ms;
}

/* The server's own prefix is put in front, but for a redirect, which names the whole path. */
static char *
url_of(const struct kube *k, const char *path, bool redirect)
{
	const char *server = k->context->cluster->server;

	if (!redirect)
		return mem_printf("%s%s", server, path);
	return mem_printf("%.*s%s", (int)(strlen(server) - strlen(k->prefix)), server, path);
}

static void
send_with(struct kube_call *c, const struct credential_state *s)
{
	const struct kube_call_args *a = &c->args;
	struct kube *k = c->kube;
	AUTO(free) char *url = url_of(k, c->path, c->redirects > 0);
	AUTO(free) char *accept = mem_printf("Accept: %s", a->accept);
	AUTO(free) char *type = mem_printf("Content-Type: %s", a->content_type);
	AUTO(free) char *authorization = mem_printf("Authorization: %s", s->authorization ? s->authorization : "");
	AUTO(free) const char **headers = mem_array(k->headers.n + 3, sizeof(*headers));
	struct http_peer peer = peer_of(k, s);
	struct http_call_args h = {
		.method = a->method,
		.url = url,
		.headers = headers,
		.body = a->body,
		.body_len = a->body_len,
		.peer = &peer,
		.compressed = !k->context->cluster->disable_compression,
		.ctx = c,
		.started = on_started,
		.data = on_data,
		.done = on_done,
	};

	for (size_t i = 0; i < k->headers.n; i++)
		headers[h.n_headers++] = k->headers.at[i];
	headers[h.n_headers++] = accept;
	if (a->body)
		headers[h.n_headers++] = type;
	if (s->authorization)
		headers[h.n_headers++] = authorization;
	set_limits(c, &h);
	c->serial = s->serial;
	c->status = 0;
	c->retry_after_ms = -1;
	buf_clear(&c->body);
	k->counts.requests++;
	log_debug("%s %s", a->method, c->path);
	c->http = http_start(k->http, &h);
	http_pause(c->http, c->paused); /* it may have been paused before it was repeated */
}

static void
on_credential(void *ctx, const struct credential_state *s, const struct err *e)
{
	struct kube_call *c = ctx;

	c->wait = NULL;
	if (!e) {
		send_with(c, s);
		return;
	}
	c->err = *e;
	loop_timer_set(c->timer, 0); /* kube_start may still be running */
}

static void
call_send(struct kube_call *c)
{
	struct credential_wait *wait = credential_get(c->kube->credential, on_credential, c);

	if (wait)
		c->wait = wait;
}

static void
on_call_timer(void *ctx)
{
	struct kube_call *c = ctx;

	if (c->err.kind != ERR_NONE)
		call_fail(c, &c->err);
	else
		call_send(c);
}

struct kube_call *
kube_start(struct kube *k, const struct kube_call_args *args)
{
	struct kube_call *c = mem_alloc(sizeof(*c));

	c->kube = k;
	c->args = *args;
	c->args.method = mem_strdup(args->method ? args->method : "GET");
	c->args.path = mem_strdup(args->path);
	c->args.accept = mem_strdup(args->accept ? args->accept : "application/json");
	c->args.content_type = mem_strdup(args->content_type ? args->content_type : "application/json");
	c->args.body = args->body ? mem_strndup(args->body, args->body_len) : NULL;
	c->path = mem_strdup(args->path);
	c->retry_after_ms = -1;
	c->timer = loop_add_timer(k->loop, on_call_timer, c);
	c->prev = &k->calls;
	c->next = k->calls;
	if (c->next)
		c->next->prev = &c->next;
	k->calls = c;
	call_send(c);
	return c;
}

void
kube_cancel(struct kube_call *c)
{
	if (c && !c->ending)
		call_free(c);
}

void
kube_pause(struct kube_call *c, bool pause)
{
	c->paused = pause;
	if (c->http)
		http_pause(c->http, pause);
}

/* --- Upgrades --- */

static void
upgrade_free(struct kube_upgrade *u)
{
	*u->prev = u->next;
	if (u->next)
		u->next->prev = u->prev;
	credential_wait_cancel(u->wait);
	http_conn_close(u->conn);
	loop_timer_remove(u->timer);
	free(u->path);
	free(u->authorization);
	free(u);
}

static void
upgrade_fail(void *ctx)
{
	struct kube_upgrade *u = ctx;
	struct kube_upgrade_args args = u->args;
	struct err e = u->err;

	upgrade_free(u);
	args.fn(args.ctx, NULL, NULL, NULL, 0, &e);
}

static void
on_connected(void *ctx, struct http_conn *conn, const struct err *e)
{
	struct kube_upgrade *u = ctx;
	struct kube *k = u->kube;
	struct kube_upgrade_args args = u->args;
	unsigned serial = u->serial;
	AUTO(free) char *target = mem_printf("%s%s", k->prefix, u->path);
	AUTO(buf) struct buf headers = {0};

	u->conn = NULL; /* it is theirs, or gone */
	if (e) {
		u->err = *e;
		upgrade_fail(u);
		return;
	}
	buf_addf(&headers, "Host: %s\r\n", k->host);
	for (size_t i = 0; i < k->headers.n; i++)
		buf_addf(&headers, "%s\r\n", k->headers.at[i]);
	if (u->authorization)
		buf_addf(&headers, "Authorization: %s\r\n", u->authorization);
	upgrade_free(u);
	k->counts.requests++;
	log_debug("upgrade %s", target);
	args.fn(args.ctx, conn, target, buf_str(&headers), serial, NULL);
}

static void
connect_with(void *ctx, const struct credential_state *s, const struct err *e)
{
	struct kube_upgrade *u = ctx;
	struct http_peer peer;
	struct http_connect_args args = {
		.url = u->kube->context->cluster->server, .peer = &peer, .ctx = u, .fn = on_connected};

	u->wait = NULL;
	if (e) {
		u->err = *e;
		loop_timer_set(u->timer, 0); /* kube_upgrade may still be running */
		return;
	}
	args.connect_ms = connect_limit(u->kube);
	peer = peer_of(u->kube, s);
	u->authorization = mem_strdup(s->authorization);
	u->serial = s->serial;
	u->conn = http_connect(u->kube->http, &args);
}

struct kube_upgrade *
kube_upgrade(struct kube *k, const struct kube_upgrade_args *args)
{
	struct kube_upgrade *u = mem_alloc(sizeof(*u));
	struct credential_wait *wait;

	u->kube = k;
	u->args = *args;
	u->path = mem_strdup(args->path);
	u->timer = loop_add_timer(k->loop, upgrade_fail, u);
	u->prev = &k->upgrades;
	u->next = k->upgrades;
	if (u->next)
		u->next->prev = &u->next;
	k->upgrades = u;
	wait = credential_get(k->credential, connect_with, u);
	if (wait)
		u->wait = wait;
	return u;
}

void
kube_upgrade_cancel(struct kube_upgrade *u)
{
	if (u)
		upgrade_free(u);
}

bool
kube_refused(struct kube *k, unsigned serial)
{
	return credential_refused(k->credential, serial);
}

/* --- The server and who asks it --- */

/* Appends "NAME: VALUE" to the headers; a line break in it would be another header. */
static bool
add_header(struct kube *k, const char *name, const char *value, struct err *e)
{
	if (strpbrk(value, "\r\n"))
		return err_set(e, ERR_INPUT, 0, "%s: a name to impersonate has a line break in it", name);
	vec_push(&k->headers, mem_printf("%s: %s", name, value));
	return true;
}

/* Keys of extra values may hold what a header's name may not: percent-encoded, as client-go does it. */
static bool
add_extra(struct kube *k, const struct kube_extra *extra, struct err *e)
{
	AUTO(buf) struct buf name = {0};

	buf_adds(&name, "Impersonate-Extra-");
	for (const unsigned char *p = (const unsigned char *)extra->key; *p; p++) {
		if (*p < 0x80 && (isalnum(*p) || strchr("!#$&'*+-.^_`|~", *p)))
			buf_addc(&name, (char)*p);
		else
			buf_addf(&name, "%%%02X", *p);
	}
	return add_header(k, buf_str(&name), extra->value, e);
}

static bool
add_groups(struct kube *k, const char *const *groups, size_t n, struct err *e)
{
	for (size_t i = 0; i < n; i++) {
		if (!add_header(k, "Impersonate-Group", groups[i], e))
			return false;
	}
	return true;
}

static bool
add_impersonation(struct kube *k, const struct kube_options *opt, struct err *e)
{
	const struct kube_user *u = k->context->user;

	if (opt->as)
		return add_header(k, "Impersonate-User", opt->as, e) &&
		       add_groups(k, opt->as_groups, opt->n_as_groups, e);
	if (opt->n_as_groups && !(u && u->as))
		return err_set(e, ERR_USAGE, 0,
			       "--as-group needs --as: a group is impersonated together with a user");
	if (!u || !u->as)
		return true;
	if (!add_header(k, "Impersonate-User", u->as, e) ||
	    (u->as_uid && !add_header(k, "Impersonate-Uid", u->as_uid, e)))
		return false;
	if (opt->n_as_groups ? !add_groups(k, opt->as_groups, opt->n_as_groups, e)
			     : !add_groups(k, u->as_groups, u->n_as_groups, e))
		return false;
	for (size_t i = 0; i < u->n_as_extra; i++) {
		if (!add_extra(k, &u->as_extra[i], e))
			return false;
	}
	return true;
}

static void
add_user_agent(struct kube *k)
{
	struct utsname system;

	if (uname(&system) == 0)
		vec_push(&k->headers,
			 mem_printf("User-Agent: moat/%s (linux/%s)", PACKAGE_VERSION, system.machine));
	else
		vec_push(&k->headers, mem_printf("User-Agent: moat/%s (linux)", PACKAGE_VERSION));
}

/* Takes the server's URL apart: what may be shown, the host, the prefix of all paths. */
static void
split_server(struct kube *k, const char *url)
{
	const char *authority = strstr(url, "://");
	const char *host, *at;
	size_t len;

	authority = authority ? authority + 3 : url;
	len = strcspn(authority, "/");
	at = memrchr(authority, '@', len);
	host = at ? at + 1 : authority;
	k->host = mem_strndup(host, len - (size_t)(host - authority));
	k->prefix = authority + len;
	k->server = mem_printf("%.*s%s%s", (int)(authority - url), url, k->host, k->prefix);
}

struct kube *
kube_new(struct loop *l, struct kubeconfig *config, const struct kube_context *context,
	 const struct kube_options *opt, struct err *e)
{
	struct kube *k = mem_alloc(sizeof(*k));

	k->loop = l;
	k->config = config;
	k->context = context;
	k->timeout_ms = opt->request_timeout_ms ? opt->request_timeout_ms : TIMEOUT_MS;
	split_server(k, context->cluster->server);
	add_user_agent(k);
	if (!add_impersonation(k, opt, e) || !(k->http = http_new(l, e)) ||
	    !(k->credential = credential_new(l, context, &opt->credential, e))) {
		kube_free(k);
		return NULL;
	}
	return k;
}

void
kube_free(struct kube *k)
{
	if (!k)
		return;
	while (k->calls)
		call_free(k->calls);
	while (k->upgrades)
		upgrade_free(k->upgrades);
	credential_free(k->credential);
	http_free(k->http);
	kubeconfig_free(k->config);
	for (size_t i = 0; i < k->headers.n; i++)
		free(k->headers.at[i]);
	vec_free(&k->headers);
	vec_free(&k->warned);
	free(k->server);
	free(k->host);
	free(k);
}

const struct kube_context *
kube_context(const struct kube *k)
{
	return k->context;
}

const char *
kube_server(const struct kube *k)
{
	return k->server;
}

bool
kube_insecure(const struct kube *k)
{
	return k->context->cluster->insecure;
}

int64_t
kube_clock_skew(const struct kube *k)
{
	return k->skew_known ? k->skew : 0;
}

struct kube_counts
kube_counts(const struct kube *k)
{
	return k->counts;
}
