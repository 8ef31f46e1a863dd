/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/http_words.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/attr.h"
#include "base/str.h"

void
http_target_free(struct http_target *t)
{
	free(t->where);
	free(t->proxy);
}

bool
http_words_where(const struct http_target *t, const char *what, struct err *e)
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
		return "refused: is it up, and is the address right?";
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
connect_error(CURL *easy, const struct http_target *t, const char *detail, struct err *e)
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

#define CORRECT_CA ": correct certificate-authority in the kubeconfig"
#define COMPARE_CLOCKS "compare this machine's clock with the server's"

/* X509_V_ERR_* as OpenSSL numbers them; its headers would be needed for these alone. */
static const struct {
	long code;
	const char *words;
} verify_results[] = {
	{7, "the server's certificate has a signature that is not the configured CA's" CORRECT_CA},
	{9, "the server's certificate is not valid yet: " COMPARE_CLOCKS},
	{10, "the server's certificate has expired: renew it, or " COMPARE_CLOCKS},
	{18, "the server's certificate is signed by itself, not by the configured CA" CORRECT_CA},
	{19, "the server's certificate is not signed by the configured CA" CORRECT_CA},
	{20, "the server's certificate is not signed by the configured CA" CORRECT_CA},
	{21, "the server's certificate is not signed by the configured CA" CORRECT_CA},
};

static bool
verify_error(CURL *easy, const struct http_target *t, const char *detail, struct err *e)
{
	const char *words = NULL;
	long result = 0;

	curl_easy_getinfo(easy, CURLINFO_SSL_VERIFYRESULT, &result);
	for (size_t i = 0; i < COUNT_OF(verify_results); i++) {
		if (verify_results[i].code == result)
			words = verify_results[i].words;
	}
	if (!words && str_has(detail, "subject name"))
		words = "the server's certificate is for another name: correct the server's URL, "
			"or set tls-server-name to the name that is in the certificate";
	err_set(e, ERR_SOURCE, EPROTO, "%s",
		words	  ? words
		: *detail ? detail
			  : "the server's certificate is not accepted");
	return http_words_where(t, "connect", e);
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
tls_error(const struct http_target *t, const char *detail, struct err *e)
{
	const char *words = tls_words(detail);

	if (!words)
		err_set(e, ERR_SOURCE, EPROTO, "no TLS connection: %s", *detail ? detail : "the handshake failed");
	else
		err_set(e, ERR_SOURCE, strstr(words, "handshake") ? ECONNRESET : EPROTO, "%s", words);
	return http_words_where(t, "connect", e);
}

bool
http_words_lost(CURL *easy, const struct http_target *t, const char *detail, struct err *e)
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
		return http_words_where(t, "connect", e);
	}
	/* TLS 1.3 tells what it thinks of our certificate this late. */
	if (tls_words(detail) && str_has(detail, "alert"))
		return tls_error(t, detail, e);
	/* The kernel gave up on a peer that acknowledges nothing. */
	if (code == ETIMEDOUT)
		err_set(e, ERR_SOURCE, ECONNRESET, "the connection was lost: the other end is not there any more");
	else
		err_set(e, ERR_SOURCE, ECONNRESET, "the connection was lost");
	return http_words_where(t, "read from", e);
}

static bool
proxy_error(CURL *easy, const struct http_target *t, struct err *e)
{
	long code = 0;

	curl_easy_getinfo(easy, CURLINFO_PROXY_ERROR, &code);
	err_set(e, ERR_SOURCE, EPROTO,
		"the proxy refuses (SOCKS, reason %ld of curl's list): is the name known to it, and "
		"the way there open?",
		code);
	return http_words_where(t, "connect", e);
}

static bool
name_error(const struct http_target *t, bool of_proxy, struct err *e)
{
	err_set(e, ERR_SOURCE, ENOENT,
		"its name is not known here: correct it in the kubeconfig, or see to DNS (a VPN?)");
	if (of_proxy)
		return err_wrap(e, "connect %s: look up its proxy %s", t->where, t->proxy ? t->proxy : "");
	return err_wrap(e, "look up %s", t->where);
}

static bool
no_connection(const struct http_target *t, int64_t ms, struct err *e)
{
	err_set(e, ERR_SOURCE, ETIMEDOUT, "no answer within %.3g s: is the address right, and the way there open?",
		(double)ms / 1000);
	return http_words_where(t, "connect", e);
}

bool
http_words(CURL *easy, CURLcode code, const struct http_target *t, const char *detail, int64_t connect_ms,
	   struct err *e)
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
		return http_words_where(t, "connect", e);
	case CURLE_SSL_CERTPROBLEM:
		err_set(e, ERR_SOURCE, EINVAL, "the client certificate and its key cannot be used: %s", detail);
		return http_words_where(t, "connect", e);
	case CURLE_PROXY:
		return proxy_error(easy, t, e);
	case CURLE_RECV_ERROR:
	case CURLE_SEND_ERROR:
	case CURLE_GOT_NOTHING:
	case CURLE_PARTIAL_FILE:
	case CURLE_HTTP2:
	case CURLE_HTTP2_STREAM:
		return http_words_lost(easy, t, detail, e);
	case CURLE_BAD_CONTENT_ENCODING:
		err_set(e, ERR_SOURCE, EPROTO, "the answer is damaged: %s", detail);
		return http_words_where(t, "read from", e);
	case CURLE_WEIRD_SERVER_REPLY:
	case CURLE_UNSUPPORTED_PROTOCOL:
		err_set(e, ERR_SOURCE, EPROTO, "what answers there does not speak HTTP");
		return http_words_where(t, "read from", e);
	default:
		err_set(e, ERR_SOURCE, EPROTO, "%s", *detail ? detail : curl_easy_strerror(code));
		return http_words_where(t, "talk to", e);
	}
}
