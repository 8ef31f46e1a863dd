/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/http_proxy.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cidr.h"
#include "base/mem.h"
#include "base/str.h"

static const char *
either(const char *upper, const char *lower)
{
	const char *value = getenv(upper);

	if (!value || !*value)
		value = getenv(lower);
	return value && *value ? value : NULL;
}

static bool
loopback(const char *host)
{
	enum ip_family family;
	struct ip ip;

	if (strcasecmp(host, "localhost") == 0)
		return true;
	return ip_parse(host, &family, &ip) && ip_is_loopback(family, ip);
}

/* false where the entry is no block, or no address is asked for. */
static bool
in_block(const char *entry, const char *host)
{
	enum ip_family family, of;
	struct ip_range range;
	struct ip ip;

	return cidr_parse(entry, &family, &range) && ip_parse(host, &of, &ip) && of == family &&
	       ip_cmp(range.first, ip) <= 0 && ip_cmp(ip, range.last) <= 0;
}

/* "example.com" is itself and what lies below it; ".example.com" and "*.example.com" only what lies below. */
static bool
in_domain(const char *entry, const char *host)
{
	size_t entry_len, host_len = strlen(host);

	if (strncmp(entry, "*.", 2) == 0)
		entry++;
	entry_len = strlen(entry);
	if (entry_len > host_len || strcasecmp(host + host_len - entry_len, entry) != 0)
		return false;
	if (*entry == '.')
		return host_len > entry_len;
	return host_len == entry_len || host[host_len - entry_len - 1] == '.';
}

/* Takes ":port" off an entry; false when it is for another port. */
static bool
for_port(char *entry, int port)
{
	char *colon = strrchr(entry, ':');
	int64_t number;

	if (!colon || (strchr(entry, ':') != colon && colon[-1] != ']') || !str_i64(colon + 1, &number))
		return true; /* no port; an IPv6 address has several colons */
	*colon = '\0';
	return number == port;
}

static bool
same_address(const char *entry, const char *host)
{
	enum ip_family family, of;
	struct ip a, b;

	return ip_parse(entry, &family, &a) && ip_parse(host, &of, &b) && family == of && ip_cmp(a, b) == 0;
}

static bool
entry_matches(char *entry, const char *host, int port)
{
	size_t len;

	if (!*entry)
		return false;
	if (str_eq(entry, "*") || in_block(entry, host))
		return true;
	if (!for_port(entry, port))
		return false;
	len = strlen(entry);
	if (*entry == '[' && entry[len - 1] == ']') {
		entry[len - 1] = '\0';
		entry++;
	}
	return same_address(entry, host) || in_domain(entry, host);
}

static bool
excepted(const char *host, int port)
{
	AUTO(free) char *list = mem_strdup(either("NO_PROXY", "no_proxy"));
	char *rest = list, *entry;

	while ((entry = strsep(&rest, ", \t"))) {
		if (entry_matches(entry, host, port))
			return true;
	}
	return false;
}

void
http_proxy_for(struct buf *out, const char *configured, const char *scheme, const char *host, int port)
{
	const char *proxy = configured && *configured ? configured : NULL;

	if (!proxy && !loopback(host) && !excepted(host, port))
		proxy = str_eq(scheme, "https") ? either("HTTPS_PROXY", "https_proxy")
						: either("HTTP_PROXY", "http_proxy");
	if (!proxy)
		return;
	if (str_starts(proxy, "socks5://")) {
		buf_adds(out, "socks5h");
		proxy += strlen("socks5");
	} else if (!str_has(proxy, "://")) {
		buf_adds(out, "http://");
	}
	buf_adds(out, proxy);
}

void
http_proxy_show(struct buf *out, const char *url)
{
	const char *host = strstr(url, "://");
	size_t authority;
	const char *at;

	host = host ? host + 3 : url;
	buf_add(out, url, (size_t)(host - url));
	authority = strcspn(host, "/?#");
	at = memrchr(host, '@', authority);
	if (at) {
		authority -= (size_t)(at + 1 - host);
		host = at + 1;
	}
	buf_add(out, host, authority);
}
