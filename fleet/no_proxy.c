/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NO_PROXY has no standard. An entry is read in the widest way that a common client reads it: a name matches what ends
 * in it as well (Go, curl, Python), a star stands for anything (Java, Node), a range or a beginning of an address for
 * its addresses (Go, .NET).
 */
#include <ctype.h>
#include <string.h>

#include "base/cidr.h"
#include "base/str.h"
#include "fleet/fleet.h"
#include "fleet/proxy.h"
#include "fleet/top_level.h"

/* Ends of names that no public resolver answers. */
static const char *const private_ends[] = {
	"svc",	    "cluster.local", /* the cluster itself */
	"local",    "localhost",     "internal",    "test",
	"invalid",  "example",	     "home.arpa", /* RFC 6761, 6762, 8375; ICANN */
	"lan",	    "home",	     "corp",	    "mail",
	"intranet", "private",	     "localdomain", /* never delegated, and widely used */
};

/* Single labels that are ends of public names, whatever else somebody may call so. */
static const char *const public_ends[] = {"com", "net", "org", "edu", "gov", "mil", "int", "io",
					  "ai",	 "co",	"us",  "uk",  "de",  "eu",  "cn",  "jp"};

/* Always there, whether or not the source shows them. */
static const char *const given_namespaces[] = {"default", "kube-system", "kube-public", "kube-node-lease"};

#define IN_LIST(word, list) in_list(word, list, COUNT_OF(list))

static bool
in_list(const char *word, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(word, list[i]) == 0)
			return true;
	return false;
}

/* Does name equal end, or end in it at a dot? */
static bool
ends_in(const char *name, const char *end)
{
	size_t len = strlen(name), n = strlen(end);

	return str_ends(name, end) && (len == n || name[len - n - 1] == '.');
}

static bool
is_private_name(const char *name)
{
	for (size_t i = 0; i < COUNT_OF(private_ends); i++)
		if (ends_in(name, private_ends[i]))
			return true;
	return false;
}

static bool
is_namespace(const struct fleet *f, const char *name)
{
	size_t n;

	if (IN_LIST(name, given_namespaces))
		return true;
	if (fleet_namespace(f, name, &n) && n)
		return true;
	for (size_t i = 0; i < f->n_namespaces; i++)
		if (strcmp(f->namespaces[i]->name, name) == 0)
			return true;
	return false;
}

/*
 * service.namespace, or pod.service.namespace; a namespace that is called like a public end has to have the Service.
 * Two labels with an end that is no public one are a Service too, of a namespace that was not shown.
 */
static bool
is_service_name(const struct fleet *f, const char *name)
{
	const char *dot = strrchr(name, '.'), *namespace = dot + 1, *first = dot;
	char service[64];

	while (first > name && first[-1] != '.')
		first--;
	if ((size_t)(dot - first) >= sizeof(service))
		return false;
	memcpy(service, first, (size_t)(dot - first));
	service[dot - first] = '\0';
	if (fleet_service(f, namespace, service))
		return true;
	return top_level_missing(name) || (is_namespace(f, namespace) && !IN_LIST(namespace, public_ends));
}

/* `under`: what lies below the name is meant, not the name itself (".com", "*.com"). */
static bool
is_wide_name(const struct fleet *f, const char *namespace, const char *name, bool under)
{
	if (is_private_name(name) || isdigit((unsigned char)name[strlen(name) - 1]))
		return false; /* no end of a public name ends in a digit */
	if (strchr(name, '.'))
		return (under && IN_LIST(strrchr(name, '.') + 1, public_ends)) || !is_service_name(f, name);
	if (fleet_service(f, namespace, name))
		return under && !is_namespace(f, name);
	if (IN_LIST(name, public_ends))
		return true;
	return under && !is_namespace(f, name);
}

/* A range that is neither private, nor loopback, nor otherwise without a place in the internet. */
static bool
is_wide_range(enum ip_family family, struct ip_range range)
{
	return ip_set_overlaps(ip_public(family), range);
}

/*
 * "10." "192.168.*" "172.16.*.*": the beginning of an address, as a range. Whole numbers only: "17*" also matches
 * 170.0.0.1 and is left to be judged as a name. false when it is no such thing.
 */
static bool
parse_beginning(const char *s, struct ip_range *out)
{
	uint64_t address = 0;
	int parts = 0;

	while (isdigit((unsigned char)*s) && parts < 4) {
		size_t len = strspn(s, "0123456789");
		char number[4];
		int64_t n;

		if (len > 3 || s[len] != '.')
			return false;
		memcpy(number, s, len);
		number[len] = '\0';
		if (!str_i64(number, &n) || n > 255)
			return false;
		address = address << 8 | (uint64_t)n;
		parts++;
		s += len + 1;
	}
	if (!parts || parts == 4 || strspn(s, "*.") != strlen(s))
		return false;
	out->first = (struct ip){0, address << (8 * (4 - parts))};
	out->last = (struct ip){0, out->first.lo | ((UINT64_C(1) << (8 * (4 - parts))) - 1)};
	return true;
}

/* An address or a range of them. false when the entry is a name. */
static bool
parse_range(const char *s, enum ip_family *family, struct ip_range *out)
{
	struct ip ip;

	if (strchr(s, '/'))
		return cidr_parse(s, family, out);
	if (ip_parse(s, family, &ip)) {
		*out = (struct ip_range){ip, ip};
		return true;
	}
	*family = IP_V4;
	return parse_beginning(s, out);
}

/* Takes a port off: "name:443", "10.0.0.1:443", "[::1]:443"; brackets too. An IPv6 address keeps its colons. */
static void
cut_port(char **entry)
{
	char *s = *entry, *colon = strchr(s, ':');

	if (*s == '[') {
		s[strcspn(s, "]")] = '\0';
		*entry = s + 1;
	} else if (colon && !strchr(colon + 1, ':')) {
		*colon = '\0';
	}
}

/* A copy in lower case, without the scheme and path that people paste along. */
static char *
plain(struct arena *a, const char *entry, size_t len)
{
	char *s = arena_strndup(a, entry, len), *scheme = strstr(s, "://");

	for (char *p = s; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	if (scheme) {
		s = scheme + 3;
		s[strcspn(s, "/")] = '\0';
	}
	return s;
}

/* What follows the last star, less the label that the star may begin in: "*.com" and "*openai.com" reach all of com. */
static char *
behind_star(char *star)
{
	char *dot = strchr(star, '.');

	return dot ? dot : star + strlen(star);
}

static bool
is_wide(const struct fleet *f, const char *namespace, char *s)
{
	enum ip_family family;
	struct ip_range range;
	char *star, *last;
	bool under;

	if (parse_range(s, &family, &range))
		return is_wide_range(family, range);
	cut_port(&s);
	s[strcspn(s, "/")] = '\0'; /* a range that is none is compared as a name, if at all */
	if (parse_range(s, &family, &range))
		return is_wide_range(family, range);
	star = strrchr(s, '*');
	under = star || *s == '.';
	s = star ? behind_star(star) : s;
	s += strspn(s, ".");
	for (last = s + strlen(s); last > s && last[-1] == '.'; last--)
		last[-1] = '\0';
	if (!*s)
		return star != NULL; /* "*", "*.", "api.*" */
	return is_wide_name(f, namespace, s, under);
}

const char *
no_proxy_wide(const struct fleet *f, const char *namespace, const char *list, struct arena *a)
{
	static const char separators[] = ", \t\r\n;";

	for (list += strspn(list, separators); *list; list += strspn(list, separators)) {
		size_t len = strcspn(list, separators);

		if (is_wide(f, namespace, plain(a, list, len)))
			return arena_strndup(a, list, len);
		list += len;
	}
	return NULL;
}
