/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/proxy.h"

#include <ctype.h>
#include <string.h>

#include "base/buf.h"
#include "base/cidr.h"
#include "base/str.h"
#include "base/text.h"
#include "fleet/fleet.h"
#include "fleet/image.h"

#define LONGEST_HOST 253
#define LONGEST_SHOWN 200 /* bytes of a URL that makes no sense */

static const struct scheme {
	const char *name;
	int port; /* when the URL gives none: the scheme's, as Go, Python and Node take it */
} schemes[] = {
	{"http", 80},	   {"https", 443},   {"socks", 1080},	{"socks4", 1080},
	{"socks4a", 1080}, {"socks5", 1080}, {"socks5h", 1080},
};

static const struct scheme *
scheme_find(const char *s, size_t len)
{
	for (size_t i = 0; i < COUNT_OF(schemes); i++)
		if (strlen(schemes[i].name) == len && strncasecmp(schemes[i].name, s, len) == 0)
			return &schemes[i];
	return NULL;
}

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static char *
lower(struct arena *a, const char *s, size_t len)
{
	char *out = arena_strndup(a, s, len);

	for (char *p = out; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	return out;
}

/* For evidence where the URL makes no sense: what may be a password, all before an @, is left out. */
static const char *
shown_raw(struct arena *a, const char *url)
{
	AUTO(buf) struct buf out = {0};
	const char *at = strrchr(url, '@');
	size_t len;

	if (at) {
		buf_adds(&out, "...@");
		url = at + 1;
	}
	len = strlen(url);
	text_safe(&out, url, len > LONGEST_SHOWN ? LONGEST_SHOWN : len);
	if (len > LONGEST_SHOWN)
		buf_adds(&out, "...");
	return arena_strndup(a, buf_str(&out), out.len);
}

/* "127.1" is 127.0.0.1 to everything that resolves by inet_aton. */
static bool
is_loopback(const char *host)
{
	static const char *const names[] = {"localhost",     "localhost.localdomain", "localhost4", "localhost6",
					    "ip6-localhost", "ip6-loopback",	      "0.0.0.0",    "::"};
	enum ip_family family;
	struct ip ip;
	bool digits;

	for (size_t i = 0; i < COUNT_OF(names); i++)
		if (*host == *names[i] && strcmp(host, names[i]) == 0)
			return true;
	if (str_ends(host, ".localhost"))
		return true;
	digits = !host[strspn(host, "0123456789.")];
	if (digits && str_starts(host, "127."))
		return true;
	return (digits || strchr(host, ':')) && ip_parse(host, &family, &ip) && ip_is_loopback(family, ip);
}

static bool
is_host(const char *host)
{
	size_t len = strlen(host);

	if (!len || len > LONGEST_HOST)
		return false;
	return strspn(host, "abcdefghijklmnopqrstuvwxyz0123456789-._") == len;
}

/* "[::1]" with or without a port behind it; *rest is what follows the bracket. */
static char *
bracketed(struct arena *a, const char *s, const char **rest)
{
	const char *close = strchr(s, ']');
	enum ip_family family;
	struct ip ip;
	char *host;

	if (!close)
		return NULL;
	host = lower(a, s + 1, (size_t)(close - s) - 1);
	host[strcspn(host, "%")] = '\0'; /* a zone */
	if (!strchr(host, ':') || !ip_parse(host, &family, &ip))
		return NULL;
	*rest = close + 1;
	return host;
}

static char *
unbracketed(struct arena *a, const char *s, const char **rest)
{
	size_t len = strcspn(s, ":");
	char *host = lower(a, s, len);

	if (len > 1 && host[len - 1] == '.') /* a name that is not searched for */
		host[len - 1] = '\0';
	*rest = s + len;
	return is_host(host) ? host : NULL;
}

/* "" and ":" leave the default. */
static bool
parse_port(const char *s, int *port)
{
	int64_t n;

	if (!*s || strcmp(s, ":") == 0)
		return true;
	if (*s != ':' || !isdigit((unsigned char)s[1]) || !str_i64(s + 1, &n) || n < 1 || n > 65535)
		return false;
	*port = (int)n;
	return true;
}

/* host[:port] of a URL, its user and password taken off. */
static bool
parse_authority(struct arena *a, const char *s, struct proxy_url *out)
{
	const char *at = strrchr(s, '@'), *rest;

	if (at)
		s = at + 1;
	out->host = *s == '[' ? bracketed(a, s, &rest) : unbracketed(a, s, &rest);
	return out->host && parse_port(rest, &out->port);
}

static char *
add_number(char *out, unsigned n)
{
	if (n > 9)
		out = add_number(out, n / 10);
	*out = (char)('0' + n % 10);
	return out + 1;
}

/* Without printf: every rule on proxies comes by here for every container. */
static const char *
shown(struct arena *a, const struct scheme *scheme, const struct proxy_url *u)
{
	char text[LONGEST_HOST + sizeof("socks4a://[]:65535")], *end = stpcpy(text, scheme->name);
	bool brackets = strchr(u->host, ':');

	end = stpcpy(end, brackets ? "://[" : "://");
	end = stpcpy(end, u->host);
	end = stpcpy(end, brackets ? "]:" : ":");
	end = add_number(end, (unsigned)u->port);
	return arena_strndup(a, text, (size_t)(end - text));
}

/*
 * An @ behind the path's first slash is most likely a password with a slash in it, which clients read in different
 * ways: such a URL is refused rather than shown.
 */
struct proxy_url
proxy_url_parse(struct arena *a, const char *url)
{
	const struct scheme *scheme = &schemes[0];
	struct proxy_url u = {0};
	const char *sep, *end;

	while (is_space(*url))
		url++;
	end = url + strlen(url);
	while (end > url && is_space(end[-1]))
		end--;
	url = arena_strndup(a, url, (size_t)(end - url));
	sep = strstr(url, "://");
	if (sep)
		scheme = scheme_find(url, (size_t)(sep - url));
	if (scheme) {
		const char *authority = sep ? sep + 3 : url;
		size_t len = strcspn(authority, "/?#");

		u.port = scheme->port;
		u.valid = !strchr(authority + len, '@') && parse_authority(a, arena_strndup(a, authority, len), &u);
	}
	if (!u.valid)
		return (struct proxy_url){.shown = shown_raw(a, url)};
	u.loopback = is_loopback(u.host);
	u.shown = shown(a, scheme, &u);
	return u;
}

static const char *const names[][2] = {
	[PROXY_HTTPS] = {"HTTPS_PROXY", "https_proxy"},
	[PROXY_HTTP] = {"HTTP_PROXY", "http_proxy"},
	[PROXY_NO] = {"NO_PROXY", "no_proxy"},
};

/* Where a variable leads is judged even if its user and password come from a Secret. */
static void
read_url(struct arena *a, struct proxy_var *v)
{
	const char *text = v->env.state == ENV_SET ? v->env.value : v->env.known;
	struct proxy_url url;

	if (!text)
		return;
	url = proxy_url_parse(a, text);
	if (v->env.state != ENV_SET && !url.valid)
		return;
	v->url = url;
	v->env.state = ENV_SET;
	v->env.value = text;
}

size_t
proxy_vars(const struct fleet *f, const char *namespace, const struct container *c, enum proxy_kind kind,
	   struct arena *a, struct proxy_var out[2])
{
	size_t n = 0;

	for (size_t i = 0; i < 2; i++) {
		struct proxy_var v = {.name = names[kind][i]};

		v.env = env_lookup(f, namespace, c, v.name, a);
		if (v.env.state == ENV_ABSENT ||
		    (v.env.state == ENV_SET && !v.env.value[strspn(v.env.value, " \t")]))
			continue;
		if (kind != PROXY_NO)
			read_url(a, &v);
		out[n++] = v;
	}
	return n;
}

bool
proxy_is_client(const struct container *c)
{
	return c->class == CONTAINER_MAIN && !container_is_pipelock(c) && !known_has(KNOWN_HELPER, c) &&
	       !known_has(KNOWN_VPN, c);
}

static bool
note_companion(void *found, struct workload *w)
{
	*(bool *)found = w->role == ROLE_COMPANION;
	return !*(bool *)found;
}

static bool
has_port(const struct service *s, int port)
{
	/* a live Service without an address is headless: its name leads to the pods, on their own ports */
	bool headless = s->object.uid && !s->n_cluster_ips && str_eq(s->type, "ClusterIP");

	for (size_t i = 0; i < s->n_ports; i++) {
		if (!str_eq(s->ports[i].protocol, "TCP"))
			continue;
		if (s->ports[i].port == port || (headless && s->ports[i].target_port == port))
			return true;
	}
	return false;
}

const char *
proxy_wrong_target(const struct fleet *f, const struct workload *w, const struct proxy_url *url, struct arena *a)
{
	const struct service *s;
	bool companion = false;

	if (!url->valid)
		return "it is no URL of a proxy";
	if (url->loopback)
		return NULL; /* the sidecar, or proxy-env-loopback */
	s = fleet_resolve_host(f, w->namespace, url->host);
	if (!s)
		return arena_printf(a, "no Service has the name %s", url->host);
	if (s != w->service)
		fleet_selected(f, s, note_companion, &companion);
	if (!companion && s != w->service)
		return arena_printf(a, "Service %s/%s selects no companion", s->object.namespace, s->object.name);
	if (!has_port(s, url->port))
		return arena_printf(a, "Service %s/%s has no TCP port %d", s->object.namespace, s->object.name,
				    url->port);
	return NULL;
}
