/* SPDX-License-Identifier: Apache-2.0 */
/* What went wrong in a transfer, in the operator's words; part of http.c. */
#ifndef KUBE_HTTP_WORDS_H
#define KUBE_HTTP_WORDS_H

#include <stdbool.h>
#include <stdint.h>

#include <curl/curl.h>

#include "base/err.h"

/* Where a request goes; no user and no password. */
struct http_target {
	char *where; /* "host:port" */
	char *proxy; /* as it may be shown; NULL */
};

void http_target_free(struct http_target *t);

/*
 * All return false. The error of a transfer that ended with that code; its own code is an errno, as http.h
 * says. detail is what curl wrote into its CURLOPT_ERRORBUFFER, connect_ms the limit that it was given.
 */
bool http_words(CURL *easy, CURLcode code, const struct http_target *t, const char *detail, int64_t connect_ms,
		struct err *e);
/* The error of a connection that was lost. */
bool http_words_lost(CURL *easy, const struct http_target *t, const char *detail, struct err *e);
/* Puts "WHAT HOST:PORT: ", with the proxy if there is one, in front of an error. */
bool http_words_where(const struct http_target *t, const char *what, struct err *e);

#endif
