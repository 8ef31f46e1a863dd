/* SPDX-License-Identifier: Apache-2.0 */
/*
 * As kubelet's makeEnvironmentVariables has it: sources of envFrom in order, a later one over an earlier one, as they
 * are; then env in order, each literal expanded from what stands before it and from the Services' variables; the last
 * entry of a name holds.
 */
#include "fleet/env.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/str.h"
#include "fleet/config_map.h"
#include "fleet/fleet.h"

/*
 * References followed for one answer, so that A=$(B)$(B), B=$(C)$(C), ... ends; and the longest string the kernel lets
 * into an environment. Beyond either the answer is "unknown".
 */
#define MAX_STEPS 256
#define MAX_VALUE (128 * 1024)

struct lookup {
	const struct fleet *fleet;
	const char *namespace;
	const struct container *container;
	struct arena *arena;
	unsigned steps;
};

static struct env_value variable(struct lookup *l, const char *name, size_t before);

static struct env_value
absent(void)
{
	return (struct env_value){.state = ENV_ABSENT};
}

static struct env_value
unread(enum env_state state, unsigned line, const char *kind, const char *cause)
{
	return (struct env_value){.state = state, .line = line, .kind = kind, .cause = cause};
}

static struct env_value
too_much(unsigned line)
{
	return unread(ENV_UNKNOWN, line, NULL, "more $(NAME) references than are followed");
}

static struct env_value
set_to(const char *value, unsigned line)
{
	return (struct env_value){.state = ENV_SET, .value = value, .line = line};
}

/* What the reference that opens at s (behind its dollar) names; its length in *used. NULL when it names nothing. */
static char *
reference(struct lookup *l, const char *s, size_t *used)
{
	const char *close = *s == '(' ? strchr(s, ')') : NULL;

	if (!close)
		return NULL;
	*used = (size_t)(close - s) + 1;
	return arena_strndup(l->arena, s + 1, (size_t)(close - s) - 1);
}

/* Appends what a reference stands for: an unresolved one stays as it is written. *worst becomes the least known. */
static void
append_variable(struct lookup *l, const char *name, size_t before, struct buf *out, struct env_value *worst)
{
	struct env_value v = variable(l, name, before);

	if (v.state == ENV_SET)
		buf_adds(out, v.value);
	else if (v.state == ENV_ABSENT)
		buf_addf(out, "$(%s)", name);
	else if (v.known)
		buf_adds(out, v.known);
	else
		buf_addc(out, ENV_MASK);
	if (v.state > worst->state)
		*worst = v;
}

/* "$$" is a dollar, "$(NAME)" a reference, any other dollar itself. */
static struct env_value
expand(struct lookup *l, const char *text, size_t before, unsigned line)
{
	AUTO(buf) struct buf out = {0};
	struct env_value worst = {.state = ENV_SET};
	const char *whole;

	while (*text) {
		size_t plain = strcspn(text, "$"), used = 0;
		char *name;

		buf_add(&out, text, plain);
		text += plain;
		if (!*text)
			break;
		name = reference(l, text + 1, &used);
		if (name) {
			if (++l->steps > MAX_STEPS)
				return too_much(line);
			append_variable(l, name, before, &out, &worst);
			text += 1 + used;
		} else {
			buf_addc(&out, '$');
			text += text[1] == '$' ? 2 : 1;
		}
		if (out.len > MAX_VALUE)
			return too_much(line);
	}
	if (out.len > MAX_VALUE)
		return too_much(line);
	whole = arena_strndup(l->arena, buf_str(&out), out.len);
	if (worst.state == ENV_SET)
		return set_to(whole, line);
	worst.line = line;
	worst.known = whole;
	return worst;
}

/* Why a ConfigMap, or one of its keys, says nothing. */
static struct env_value
unread_map(struct lookup *l, enum presence presence, const char *map, const char *key, unsigned line)
{
	const char *what = presence == PRESENCE_UNKNOWN ? "not read" : "not found";

	if (presence == PRESENCE_THERE)
		return unread(ENV_UNKNOWN, line, "ConfigMap",
			      arena_printf(l->arena, "ConfigMap %s/%s, which has no text under key %s", l->namespace, map,
					   key));
	return unread(ENV_UNKNOWN, line, "ConfigMap",
		      arena_printf(l->arena, "ConfigMap %s/%s, which was %s", l->namespace, map ? map : "(unnamed)", what));
}

/* A ConfigMap that is missing though it must not be keeps the container from starting: nobody sees a value. */
static struct env_value
from_config_map(struct lookup *l, const struct env_var *e)
{
	const struct config_map *map;
	enum presence presence = config_map_find(l->fleet, l->namespace, e->ref, &map);
	const struct config_key *key = presence == PRESENCE_THERE ? config_map_key(map, e->key) : NULL;

	if (key && key->text)
		return set_to(key->text, e->line);
	if (presence == PRESENCE_UNKNOWN || !e->optional)
		return unread_map(l, presence, e->ref, e->key, e->line);
	return absent();
}

static struct env_value
entry(struct lookup *l, size_t i)
{
	const struct env_var *e = &l->container->env[i];

	switch (e->source) {
	case ENV_LITERAL:
		if (!e->value)
			return set_to("", e->line);
		return strchr(e->value, '$') ? expand(l, e->value, i, e->line) : set_to(e->value, e->line);
	case ENV_CONFIG_MAP:
		return from_config_map(l, e);
	case ENV_FIELD:
		if (str_eq(e->key, "metadata.namespace"))
			return set_to(l->namespace, e->line);
		return unread(ENV_HIDDEN, e->line, NULL,
			      arena_printf(l->arena, "field %s of the pod, which is not known here", e->key ? e->key : ""));
	case ENV_SECRET:
		return unread(ENV_HIDDEN, e->line, "Secret",
			      arena_printf(l->arena, "Secret %s/%s, which moat does not read", l->namespace,
					   e->ref ? e->ref : "(unnamed)"));
	case ENV_RESOURCE:
	case ENV_OTHER:
		break;
	}
	return unread(ENV_HIDDEN, e->line, NULL, "a field of its container, which is not known here");
}

/* envFrom backwards, since a later source wins. Its values are taken as they are: no $(VAR) in them. */
static struct env_value
from_sources(struct lookup *l, const char *name)
{
	const struct container *c = l->container;

	for (size_t i = c->n_env_from; i-- > 0;) {
		const struct env_from *from = &c->env_from[i];
		const struct config_map *map;
		const struct config_key *key;
		enum presence presence;

		if (!from->config_map || !str_starts(name, from->prefix))
			continue;
		presence = config_map_find(l->fleet, l->namespace, from->config_map, &map);
		if (presence == PRESENCE_UNKNOWN || (presence == PRESENCE_MISSING && !from->optional)) {
			struct env_value v = unread_map(l, presence, from->config_map, NULL, from->line);

			v.perhaps = true;
			return v;
		}
		key = presence == PRESENCE_THERE ? config_map_key(map, name + strlen(from->prefix)) : NULL;
		if (key && key->text)
			return set_to(key->text, from->line);
	}
	return absent();
}

/* Does text begin with name in capitals, dashes as underscores? What follows, or NULL. */
static const char *
behind_name(const char *text, const char *name)
{
	for (; *name; name++, text++) {
		char c = *name == '-' ? '_' : (char)toupper((unsigned char)*name);

		if (*text != c)
			return NULL;
	}
	return text;
}

/* SERVICE_PORT, SERVICE_PORT_NAME: the first port, or one by its name. NULL when the text says neither. */
static const struct service_port *
port_by_variable(const struct service *s, const char *text)
{
	if (!str_starts(text, "SERVICE_PORT") || !s->n_ports)
		return NULL;
	text += strlen("SERVICE_PORT");
	if (!*text)
		return &s->ports[0];
	for (size_t i = 0; *text == '_' && i < s->n_ports; i++) {
		const char *end = s->ports[i].name ? behind_name(text + 1, s->ports[i].name) : NULL;

		if (end && !*end)
			return &s->ports[i];
	}
	return NULL;
}

/* PORT_8888_TCP_ADDR and its like, and PORT for the first port. */
static char *
link_variable(struct lookup *l, const struct service *s, const char *text, const char *ip)
{
	bool v6 = strchr(ip, ':') != NULL;

	for (size_t i = 0; i < s->n_ports; i++) {
		const struct service_port *p = &s->ports[i];
		bool udp = strcmp(p->protocol, "UDP") == 0, sctp = strcmp(p->protocol, "SCTP") == 0;
		const char *protocol = udp ? "udp" : sctp ? "sctp" : "tcp";
		char prefix[32];
		const char *rest;

		snprintf(prefix, sizeof(prefix), "PORT_%d_%s", p->port, udp ? "UDP" : sctp ? "SCTP" : "TCP");
		rest = str_starts(text, prefix) ? text + strlen(prefix) : NULL;
		if ((i == 0 && strcmp(text, "PORT") == 0) || str_eq(rest, ""))
			return arena_printf(l->arena, v6 ? "%s://[%s]:%d" : "%s://%s:%d", protocol, ip, p->port);
		if (str_eq(rest, "_ADDR"))
			return arena_strdup(l->arena, ip);
		if (str_eq(rest, "_PORT"))
			return arena_printf(l->arena, "%d", p->port);
		if (str_eq(rest, "_PROTO"))
			return arena_strdup(l->arena, protocol);
	}
	return NULL;
}

/*
 * A variable of this Service, given what follows its name. In manifests a Service has no address yet; on a cluster one
 * without an address is headless and makes no variables.
 */
static struct env_value
service_variable(struct lookup *l, const struct service *s, const char *text)
{
	const struct service_port *port = port_by_variable(s, text);
	const char *ip = s->n_cluster_ips ? s->cluster_ips[0] : NULL;
	const char *host = ip ? ip : arena_printf(l->arena, "%s.%s.svc", s->object.name, s->object.namespace);
	struct env_value v = set_to(link_variable(l, s, text, host), 0);

	if (!v.value && port)
		v.value = arena_printf(l->arena, "%d", port->port);
	if (!v.value && strcmp(text, "SERVICE_HOST") == 0)
		v.value = host;
	if (!v.value || strcmp(s->type, "ExternalName") == 0 || (!ip && s->object.uid))
		return absent();
	if (ip)
		return v;
	v = (struct env_value){.known = v.value, .state = ENV_UNKNOWN, .kind = "Service"};
	v.cause = arena_printf(l->arena, "Service %s/%s, which has no clusterIP here", s->object.namespace,
			       s->object.name);
	return v;
}

/* The variable as this Service makes it. */
static struct env_value
from_service(struct lookup *l, const struct service *s, const char *name)
{
	const char *rest = s ? behind_name(name, s->object.name) : NULL;

	return rest && *rest == '_' ? service_variable(l, s, rest + 1) : absent();
}

/* The first Service of a namespace, or where it would stand: they are sorted. */
static size_t
first_service(const struct fleet *f, const char *namespace)
{
	size_t low = 0, high = f->n_services;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (strcmp(f->services[mid]->object.namespace, namespace) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/*
 * Variables made of Services: the namespace's, and the API server's. As with enableServiceLinks, which is on unless
 * somebody switched it off.
 */
static struct env_value
from_services(struct lookup *l, const char *name)
{
	const struct fleet *f = l->fleet;

	if (!strstr(name, "_SERVICE_") && !strstr(name, "_PORT"))
		return absent();
	for (size_t i = first_service(f, l->namespace); i < f->n_services; i++) {
		struct env_value v;

		if (strcmp(f->services[i]->object.namespace, l->namespace) != 0)
			break;
		v = from_service(l, f->services[i], name);
		if (v.state != ENV_ABSENT)
			return v;
	}
	return from_service(l, fleet_service(f, "default", "kubernetes"), name);
}

/* The variable as an entry at position `before` sees it. */
static struct env_value
variable(struct lookup *l, const char *name, size_t before)
{
	struct env_value v;

	for (size_t i = before; i-- > 0;) {
		const char *other = l->container->env[i].name;

		if (*other != *name || strcmp(other, name) != 0) /* most differ in their first byte */
			continue;
		v = entry(l, i);
		if (v.state != ENV_ABSENT)
			return v;
	}
	v = from_sources(l, name);
	return v.state == ENV_ABSENT ? from_services(l, name) : v;
}

struct env_value
env_lookup(const struct fleet *f, const char *namespace, const struct container *c, const char *name,
	   struct arena *a)
{
	struct lookup l = {.fleet = f, .namespace = namespace, .container = c, .arena = a};

	return variable(&l, name, c->n_env);
}

struct env_value
env_expand(const struct fleet *f, const char *namespace, const struct container *c, const char *text,
	   struct arena *a)
{
	struct lookup l = {.fleet = f, .namespace = namespace, .container = c, .arena = a};

	return expand(&l, text, c->n_env, 0);
}

const char *
env_secret_source(const struct container *c, const char *name)
{
	for (size_t i = 0; i < c->n_env_from; i++)
		if (c->env_from[i].secret && str_starts(name, c->env_from[i].prefix))
			return c->env_from[i].secret;
	return NULL;
}
