/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP on the loop, by curl's multi interface: many requests on few connections (HTTP/2 where the server
 * speaks it), gzip, idle limits instead of total ones, dead peers noticed. Knows nothing of Kubernetes. All
 * callbacks come on the loop's thread, never from inside the call that started something.
 */
#ifndef KUBE_HTTP_H
#define KUBE_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/loop.h"

struct http;
struct http_call;
struct http_conn;

struct http *http_new(struct loop *l, struct err *e);
/*
 * Cancels what is under way, inside a callback too. A bare connection is dead after it, and still its owner's
 * to close.
 */
void http_free(struct http *h);

/* Where to, and how it is proved who is there. Copied. */
struct http_peer {
	const char *proxy; /* URL; NULL: the environment's HTTPS_PROXY, NO_PROXY ... */
	const char *server_name; /* for TLS; NULL: the URL's host */
	const char *ca_path; /* PEM file; NULL with no `ca`: the system's */
	const char *ca; /* PEM text: beats ca_path */
	size_t ca_len;
	const char *cert, *key; /* PEM text; NULL */
	size_t cert_len, key_len;
	unsigned identity; /* connections are shared only between calls with the same number: change it with the certificate */
	bool insecure;
};

struct http_call_args {
	const char *method; /* "GET" */
	const char *url;
	const char *const *headers; /* "Name: value" */
	size_t n_headers;
	const void *body; /* copied; NULL for none */
	size_t body_len;
	const struct http_peer *peer;
	bool compressed; /* ask for gzip */
	int64_t connect_ms; /* limit for connecting, TLS and all; 0: 20 s */
	int64_t idle_ms; /* longest silence once connected, before the first byte too; 0: none */
	int64_t total_ms; /* 0: none */
	void *ctx;
	/* Once the headers of the final answer are here. header() below may be asked from now on. NULL. */
	void (*started)(void *ctx, struct http_call *c, int status);
	/* Body bytes, decompressed. false ends the call; done is then called with that error. */
	bool (*data)(void *ctx, const char *data, size_t len, struct err *e);
	/*
	 * The end; e is NULL when the whole answer came. Its code is an errno: ECONNRESET for a connection
	 * that was lost, ECONNREFUSED and the like for one that was not made, ETIMEDOUT for a limit, EPROTO
	 * and EINVAL for what asking again does not mend. The call is gone after it.
	 */
	void (*done)(void *ctx, int status, const struct err *e);
};

/* Never NULL: what fails at once is told by done, from the loop. */
struct http_call *http_start(struct http *h, const struct http_call_args *args);
void http_cancel(struct http_call *c); /* NULL is fine; no callback any more */
/*
 * A header of the answer, "" for an empty one, NULL when it is not there; from `started` until `done` has
 * returned.
 */
const char *http_header(struct http_call *c, const char *name);
/* The same where a header may stand several times: the first is 0. */
const char *http_header_at(struct http_call *c, const char *name, size_t i);
/* Reading pauses until it is resumed; the idle limit does not count meanwhile. */
void http_pause(struct http_call *c, bool pause);

/*
 * A bare connection (TCP, proxy, TLS done) for what HTTP/1.1 is upgraded to; HTTP/2 is not offered on it.
 * `fn` gets it, which is then the caller's to close, or the error.
 */
struct http_connect_args {
	const char *url; /* scheme, host and port count */
	const struct http_peer *peer;
	int64_t connect_ms; /* 0: 20 s */
	void *ctx;
	void (*fn)(void *ctx, struct http_conn *conn, const struct err *e);
};
struct http_conn *http_connect(struct http *h, const struct http_connect_args *args); /* to cancel it: http_conn_close */
/* Neither waits. *n is 0 when nothing can be sent or has come; at the end of the stream *eof is set. */
bool http_conn_send(struct http_conn *c, const void *data, size_t len, size_t *n, struct err *e) MUST_USE;
bool http_conn_recv(struct http_conn *c, void *data, size_t len, size_t *n, bool *eof, struct err *e) MUST_USE;
/*
 * fn whenever one of the LOOP_ events is there; recv until it gives nothing before waiting, for TLS may hold
 * bytes that poll does not see. 0 pauses.
 */
void http_conn_watch(struct http_conn *c, int events, void (*fn)(void *ctx, int events), void *ctx);
void http_conn_close(struct http_conn *c); /* NULL is fine; while connecting it cancels */

#endif
