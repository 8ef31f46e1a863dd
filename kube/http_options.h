/* SPDX-License-Identifier: Apache-2.0 */
/* How curl connects: the server, the way there, and how each proves who it is; part of http.c. */
#ifndef KUBE_HTTP_OPTIONS_H
#define KUBE_HTTP_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include <curl/curl.h>

#include "base/err.h"
#include "kube/http.h"
#include "kube/http_words.h"

/*
 * What requests and bare connections have in common. Fills the target; *connect_to is to be freed after the
 * handle. detail is CURL_ERROR_SIZE bytes that live as long as the handle. false for a URL that cannot be
 * used: all else is told when curl connects.
 */
bool http_set_options(CURL *easy, const char *url, const struct http_peer *peer, int64_t connect_ms,
		      struct http_target *t, struct curl_slist **connect_to, char *detail, struct err *e);

#endif
