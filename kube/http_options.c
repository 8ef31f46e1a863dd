/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/http_options.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "base/mem.h"
#include "kube/http_proxy.h"

enum {
	KEEPALIVE_S = 15, /* of silence before TCP asks whether the peer is there, and between two such questions */
	UNACKED_MS = 30000, /* then the kernel ends a connection whose peer acknowledges nothing */
};

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
set_proxy(CURL *easy, struct http_target *t, const struct url *u, const struct http_peer *peer)
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

bool
http_set_options(CURL *easy, const char *url, const struct http_peer *peer, int64_t connect_ms,
		 struct http_target *t, struct curl_slist **connect_to, char *detail, struct err *e)
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
	curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2); /* or newer */
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
