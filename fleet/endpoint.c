/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/endpoint.h"

#include <string.h>

#include "base/cidr.h"
#include "base/str.h"

int
endpoint_target(const struct service_port *p, const struct workload *w)
{
	const struct pod_spec *spec = &w->template->spec;

	if (!p->target_name)
		return p->target_port;
	for (size_t i = 0; i < spec->n_containers; i++)
		for (size_t k = 0; k < spec->containers[i].n_ports; k++)
			if (str_eq(spec->containers[i].ports[k].name, p->target_name) &&
			    str_eq(spec->containers[i].ports[k].protocol, p->protocol))
				return spec->containers[i].ports[k].port;
	return 0;
}

/* A TCP port that the container declares: that number, or with 0 the first. 0 when it does not. */
static int
declared(const struct container *c, int port)
{
	for (size_t i = 0; i < c->n_ports; i++)
		if (str_eq(c->ports[i].protocol, "TCP") && (!port || c->ports[i].port == port))
			return c->ports[i].port;
	return 0;
}

/* The same of Pipelock's container; of any where none is known to run Pipelock. */
static int
companion_declares(const struct workload *w, int port)
{
	const struct pod_spec *spec = &w->template->spec;
	int found = 0;

	if (w->pipelock)
		return declared(w->pipelock->container, port);
	for (size_t i = 0; i < spec->n_containers && !found; i++)
		found = declared(&spec->containers[i], port);
	return found;
}

static int
listen_port(const struct workload *w)
{
	return w->pipelock && w->pipelock->listen_known ? w->pipelock->listen_port : 0;
}

static bool
serves(const struct workload *w, int port)
{
	return port && (companion_declares(w, port) || listen_port(w) == port);
}

/* Is what it serves known at all? */
static bool
is_known(const struct workload *w)
{
	return companion_declares(w, 0) || listen_port(w);
}

/* "127.0.0.1:8888", "localhost:8888", "[::1]:8888" */
static bool
on_loopback(const struct workload *w)
{
	const char *listen = w->pipelock && w->pipelock->listen_known ? w->pipelock->listen : NULL;
	const char *colon = listen ? strrchr(listen, ':') : NULL;
	size_t len = colon ? (size_t)(colon - listen) : 0;
	bool brackets = len > 1 && listen[0] == '[' && listen[len - 1] == ']';
	enum ip_family family;
	char host[64];
	struct ip ip;

	if (!len || len >= sizeof(host))
		return false;
	memcpy(host, listen + brackets, len - 2 * (size_t)brackets);
	host[len - 2 * (size_t)brackets] = '\0';
	return ip_parse(host, &family, &ip) ? ip_is_loopback(family, ip) : str_eq(host, "localhost");
}

static bool
has_port(const struct service *s, int port)
{
	for (size_t i = 0; i < s->n_ports; i++)
		if (s->ports[i].port == port && str_eq(s->ports[i].protocol, "TCP"))
			return true;
	return false;
}

/* Goes through the Service's ports; of one that the agent dials it is that alone. */
static void
follow_ports(const struct workload *companion, const struct service *s, int port, struct endpoint *e)
{
	bool only = has_port(s, port);

	e->fault = ENDPOINT_WRONG_PORT;
	for (size_t i = 0; i < s->n_ports; i++) {
		const struct service_port *p = &s->ports[i];

		if (!str_eq(p->protocol, "TCP") || (only && p->port != port))
			continue;
		if (!e->port)
			e->port = p;
		if (!serves(companion, endpoint_target(p, companion)))
			continue;
		*e = (struct endpoint){ENDPOINT_OK, p, endpoint_target(p, companion)};
		return;
	}
}

struct endpoint
endpoint_companion(const struct workload *companion, const struct service *s, int port)
{
	struct endpoint e = {.fault = ENDPOINT_OK};

	e.pod_port = listen_port(companion);
	if (!e.pod_port)
		e.pod_port = companion_declares(companion, 0);
	if (!s)
		e.fault = ENDPOINT_NO_SERVICE;
	else if (!fleet_selects(s, companion))
		e.fault = ENDPOINT_SELECTS_NOTHING;
	else if (!is_known(companion))
		e.fault = ENDPOINT_UNKNOWN;
	else
		follow_ports(companion, s, port, &e);
	if (e.fault == ENDPOINT_OK && on_loopback(companion))
		e.fault = ENDPOINT_LOOPBACK;
	return e;
}

struct endpoint
endpoint_of_agent(const struct workload *agent)
{
	return *agent->endpoint;
}
