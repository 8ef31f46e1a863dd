/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests to one API server as one user: credentials put on and renewed, 401 repeated once with a fresh one, 429 and 5xx
 * waited out where that was asked for, Status bodies turned into errors.
 */
#ifndef KUBE_API_H
#define KUBE_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/loop.h"
#include "kube/credential.h"
#include "kube/http.h"
#include "kube/kubeconfig.h"

struct kube;
struct kube_call;

struct kube_options {
	const char *as; /* --as and --as-group: in place of the context's; NULL */
	const char *const *as_groups;
	size_t n_as_groups;
	int64_t request_timeout_ms; /* longest silence of an answer, and for small requests their whole time; 0: 30 s */
	struct credential_options credential;
};

/* The config is taken over, whatever happens; the context is one of its. */
struct kube *kube_new(struct loop *l, struct kubeconfig *config, const struct kube_context *context,
		      const struct kube_options *opt, struct err *e);
void kube_free(struct kube *k); /* cancels what is under way */

const struct kube_context *kube_context(const struct kube *k);
const char *kube_server(const struct kube *k); /* as written in the config, without user:password */
bool kube_insecure(const struct kube *k); /* its certificate is not checked: say so wherever the server is named */
/* How far the server's clock is ahead of ours, in seconds, by the Date header of its last answer; 0 before the first. */
int64_t kube_clock_skew(const struct kube *k);
/* What was asked so far. For tests and the log. */
struct kube_counts {
	size_t requests, retries, bytes; /* bytes: of bodies, decompressed */
};
struct kube_counts kube_counts(const struct kube *k);

enum kube_flag {
	KUBE_RETRY = 1 << 0, /* safe to repeat: 429, 500, 502, 503, 504 and lost connections are, ten times and 10 s at most, before any
			       body was handed on; Retry-After counts, at most 30 s of it, else 0.5 s doubled, jittered */
	KUBE_LONG = 1 << 1, /* a body without an end (watch, log -f): no limit but idle_ms */
};

/* How it ended. Texts are borrowed for the call of `done`. */
struct kube_answer {
	bool ok; /* 2xx, and the whole body came */
	int status; /* 0: no answer */
	struct err err; /* ERR_SOURCE, ERR_DENIED (401, 403), ...; its code is the HTTP status, else http.h's errno */
	const char *reason; /* of the Status body: "Expired", "Forbidden", "NotFound"; "" */
	bool rv_too_large; /* 504 with cause ResourceVersionTooLarge */
	const char *continue_token; /* of a 410's Status: goes on inconsistently; NULL */
	int64_t retry_after_ms; /* -1: none */
	const char *body; /* collected; "" when it went to data() */
	size_t body_len;
};

struct kube_call_args {
	const char *method; /* NULL: "GET" */
	const char *path; /* "/api/v1/pods?limit=500": query values are encoded already (resource.h helps) */
	const char *accept; /* NULL: application/json */
	const char *content_type; /* NULL: application/json when there is a body */
	const void *body;
	size_t body_len;
	unsigned flags;
	int64_t idle_ms; /* 0: the request timeout */
	size_t body_limit; /* of a collected body, more is an error; 0: 16 MiB */
	void *ctx;
	/* The headers of a 2xx answer are here: a watch has begun, though nothing may happen for a while. NULL. */
	void (*started)(void *ctx);
	/* Body bytes of a 2xx answer as they come; NULL: they are collected for `done`. false ends the call with that error. */
	bool (*data)(void *ctx, const char *data, size_t len, struct err *e);
	void (*done)(void *ctx, const struct kube_answer *a); /* the call is gone after it */
};

struct kube_call *kube_start(struct kube *k, const struct kube_call_args *args);
void kube_cancel(struct kube_call *c); /* NULL is fine; no callback any more */
/* Stops reading until resumed: a decoder that is behind. */
void kube_pause(struct kube_call *c, bool pause);

/*
 * What stream.c needs for an upgraded connection: the connection, made with this cluster's TLS and proxy, and the headers
 * that prove who asks (Authorization, Impersonate-*, User-Agent, Host), each line ended by CRLF; borrowed for the call.
 * target is the URL's path with the server's prefix in front. retried: a 401 was seen before, with that serial.
 */
struct kube_upgrade_args {
	const char *path;
	void *ctx;
	void (*fn)(void *ctx, struct http_conn *conn, const char *target, const char *headers, unsigned serial,
		   const struct err *e);
};
struct kube_upgrade;
struct kube_upgrade *kube_upgrade(struct kube *k, const struct kube_upgrade_args *args);
void kube_upgrade_cancel(struct kube_upgrade *u); /* NULL is fine */
bool kube_refused(struct kube *k, unsigned serial); /* credential_refused, for a 401 on such a connection */

/* Turns a Status body (or plain text) into the error of that HTTP status: "read pods: pods is forbidden: ...". Returns false. */
bool kube_status_error(int status, const char *body, size_t len, struct err *e);

#endif
