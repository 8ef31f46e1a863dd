/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/pair.h"

#include <stdlib.h>
#include <string.h>

#include "base/attr.h"
#include "base/mem.h"
#include "base/str.h"
#include "fleet/endpoint.h"
#include "fleet/fleet_index.h"
#include "fleet/image.h"
#include "fleet/outside.h"

#define PROXY_NAME "pipelock.dev/proxy-name"
#define PROXY_SERVICE "pipelock.dev/proxy-service"

static bool
is_namespace(const struct fleet *f, const char *name)
{
	size_t n;

	fleet_namespace(f, name, &n);
	return n > 0;
}

/* Could a host that is no Service have been meant as one? An outside proxy is none of our business. */
static bool
looks_like_service(const struct fleet *f, const char *host)
{
	const char *second = strchr(host, '.'), *third = second ? strchr(second + 1, '.') : NULL;

	if (!second)
		return true;
	if (!third)
		return f->source.namespace || is_namespace(f, second + 1); /* which there are is not known outside of one */
	return strcmp(third, ".svc") == 0 || str_starts(third, ".svc.");
}

static void
follow_variable(const struct fleet *f, const struct workload *w, const struct container *c, const struct proxy_var *v,
		struct proxy_target *t)
{
	const struct service *s;
	struct workload *companion;

	if (v->env.state == ENV_SET)
		t->set = true;
	else if (!t->unread_in) {
		t->unread_in = c;
		t->unread = *v;
	}
	if (t->companion || v->env.state != ENV_SET || !v->url.valid || v->url.loopback)
		return;
	s = fleet_resolve_host(f, w->namespace, v->url.host);
	companion = s ? fleet_companion_behind(f, s) : NULL;
	if (companion || !t->service) {
		t->service = s;
		t->port = v->url.port;
	}
	t->companion = companion;
	if (!s && !t->missing && looks_like_service(f, v->url.host))
		t->missing = v->url.host;
}

struct proxy_target
pair_proxy_target(const struct fleet *f, const struct workload *w, struct arena *scratch)
{
	static const enum proxy_kind kinds[] = {PROXY_HTTPS, PROXY_HTTP};
	const struct pod_spec *spec = &w->template->spec;
	struct proxy_target target = {0};

	for (size_t k = 0; k < COUNT_OF(kinds); k++) {
		for (size_t i = 0; i < spec->n_containers; i++) {
			const struct container *c = &spec->containers[i];
			struct proxy_var vars[2];
			size_t n;

			if (target.companion || c->class != CONTAINER_MAIN || container_is_pipelock(c))
				continue;
			n = proxy_vars(f, w->namespace, c, kinds[k], scratch, vars);
			for (size_t v = 0; v < n; v++)
				follow_variable(f, w, c, &vars[v], &target);
		}
	}
	return target;
}

static const char *
annotation(const struct workload *w, const char *key)
{
	const char *value = labels_get(&w->object->annotations, key);

	if (!value)
		value = labels_get(&w->template->annotations, key);
	return value && *value ? value : NULL;
}

/* What an agent's annotations say. */
struct declared {
	const char *name, *host; /* as written; NULL */
	struct workload *companion;
	const struct service *service;
	int port; /* of the Service */
};

/* A companion by "name" or "namespace/name". */
static struct workload *
named_companion(const struct fleet *f, const struct workload *w, const char *name, struct arena *scratch)
{
	const char *slash = strchr(name, '/');

	if (!slash)
		return fleet_companion(f, w->namespace, name);
	return fleet_companion(f, arena_strndup(scratch, name, (size_t)(slash - name)), slash + 1);
}

/* Where name and Service disagree the Service counts: that is where traffic goes. */
static struct declared
read_annotations(const struct fleet *f, const struct workload *w, struct arena *scratch)
{
	const char *text = annotation(w, PROXY_SERVICE);
	struct declared d = {.name = annotation(w, PROXY_NAME)};
	struct workload *behind;
	struct proxy_url url;

	if (d.name)
		d.companion = named_companion(f, w, d.name, scratch);
	if (!text)
		return d;
	url = proxy_url_parse(scratch, text);
	d.host = url.host;
	d.port = url.port;
	d.service = fleet_resolve_host(f, w->namespace, d.host);
	behind = d.service ? fleet_companion_behind(f, d.service) : NULL;
	if (behind && !(d.companion && fleet_selects(d.service, d.companion)))
		d.companion = behind;
	return d;
}

static void
choose_companion(const struct fleet *f, struct workload *w, const struct declared *d, const struct proxy_target *t)
{
	w->companion = d->companion;
	w->pair_reason = PAIR_ANNOTATION;
	if (!w->companion) {
		w->companion = t->companion;
		w->pair_reason = PAIR_PROXY_HOST;
	}
	if (!w->companion && !w->pipelock) { /* a sidecar may still be what it uses */
		w->companion = fleet_only_companion(f, w->namespace);
		w->pair_reason = PAIR_ONLY_COMPANION;
	}
	if (!w->companion)
		w->pair_reason = PAIR_NONE;
}

static bool
stop_at_first(void *ctx, struct workload *w)
{
	(void)w;
	*(bool *)ctx = true;
	return false;
}

static bool
selects_nothing(const struct fleet *f, const struct service *s)
{
	bool found = false;

	fleet_selected(f, s, stop_at_first, &found);
	return !found;
}

/* A Service meant for this companion that reaches nobody: better shown as broken than left out. */
static bool
is_broken(const struct fleet *f, const struct service *s, const struct workload *companion)
{
	return s && strcmp(s->object.namespace, companion->namespace) == 0 && selects_nothing(f, s);
}

static bool
reaches_listener(const struct service *s, const struct workload *companion)
{
	int port = companion->pipelock ? companion->pipelock->listen_port : 0;

	for (size_t i = 0; i < s->n_ports; i++)
		if (port && endpoint_target(&s->ports[i], companion) == port)
			return true;
	return false;
}

const struct service *
pair_service(const struct fleet *f, const struct workload *companion)
{
	const struct service *own = fleet_service(f, companion->namespace, companion->name), *best = NULL;
	const struct service *const *services;
	size_t n;

	if (own && fleet_selects(own, companion) && reaches_listener(own, companion))
		return own;
	services = fleet_services(f, companion->namespace, &n);
	for (size_t i = 0; i < n; i++) {
		if (!fleet_selects(services[i], companion))
			continue;
		if (reaches_listener(services[i], companion))
			return services[i];
		if (!best || services[i] == own)
			best = services[i];
	}
	return best || !own || fleet_companion_behind(f, own) ? best : own;
}

struct found {
	bool known;
	const struct service *service;
};

/* What pairing keeps at hand; the arrays run beside f->workloads. */
struct pairing {
	struct fleet *f;
	struct arena scratch; /* for one agent */
	struct found *services; /* of companions: many agents may ask for the same */
	struct workload ***lists; /* where a companion's next agent goes */
};

static const struct service *
service_of_companion(struct pairing *p, const struct workload *companion)
{
	struct found *found = &p->services[companion - p->f->workloads];

	if (!found->known)
		*found = (struct found){true, pair_service(p->f, companion)};
	return found->service;
}

/* The agent's own proxy variables first, as its traffic takes them; then what the annotation says. */
static void
choose_service(struct pairing *p, struct workload *w, const struct declared *d, const struct proxy_target *t)
{
	const struct service *const named[] = {t->service, d->service};
	const int ports[] = {t->port, d->port};

	for (size_t i = 0; i < COUNT_OF(named) && !w->service; i++) {
		if (named[i] && fleet_selects(named[i], w->companion)) {
			w->service = named[i];
			w->service_port = ports[i];
		}
	}
	for (size_t i = 0; i < COUNT_OF(named) && !w->service; i++)
		if (is_broken(p->f, named[i], w->companion))
			w->service = named[i];
	if (!w->service)
		w->service = service_of_companion(p, w->companion);
}

static const char *
missing_companion(const struct declared *d, const struct proxy_target *t)
{
	if (d->host && !d->service)
		return d->host;
	return d->name && !d->companion ? d->name : t->missing;
}

static enum state
state_of(const struct fleet *f, const struct workload *w)
{
	const char *namespace;
	size_t len;

	if (w->companion)
		return STATE_MIGRATING;
	if (outside_names(f, w->wanted_companion, &namespace, &len))
		return STATE_UNKNOWN;
	return w->pipelock ? STATE_LEGACY : STATE_UNGUARDED;
}

static const struct endpoint *
find_endpoint(struct fleet *f, const struct workload *agent)
{
	struct endpoint e = endpoint_companion(agent->companion, agent->service, agent->service_port);

	return arena_copy(&f->arena, &e, sizeof(e));
}

static void
pair_agent(struct pairing *p, struct workload *w)
{
	struct proxy_target target = pair_proxy_target(p->f, w, &p->scratch);
	struct declared declared = read_annotations(p->f, w, &p->scratch);

	choose_companion(p->f, w, &declared, &target);
	if (w->companion) {
		choose_service(p, w, &declared, &target);
		w->endpoint = find_endpoint(p->f, w);
	}
	w->wanted_companion = arena_strdup(&p->f->arena, missing_companion(&declared, &target));
	w->state = state_of(p->f, w);
	arena_reset(&p->scratch);
}

/* Agents are gone through in order, so that each companion's come out sorted. */
static void
list_agents(struct pairing *p)
{
	struct fleet *f = p->f;

	for (size_t i = 0; i < f->n_agents; i++)
		if (f->agents[i]->companion)
			f->agents[i]->companion->n_agents++;
	for (size_t i = 0; i < f->n_companions; i++) {
		struct workload *c = f->companions[i];

		c->agents = p->lists[c - f->workloads] = ARENA_ARRAY(&f->arena, struct workload *, c->n_agents);
	}
	for (size_t i = 0; i < f->n_agents; i++)
		if (f->agents[i]->companion)
			*p->lists[f->agents[i]->companion - f->workloads]++ = f->agents[i];
}

void
pair_assign(struct fleet *f)
{
	struct pairing p = {.f = f};

	p.services = mem_array(f->n_workloads, sizeof(*p.services));
	p.lists = mem_array(f->n_workloads, sizeof(*p.lists));
	for (size_t i = 0; i < f->n_agents; i++)
		pair_agent(&p, f->agents[i]);
	list_agents(&p);
	arena_free(&p.scratch);
	free(p.services);
	free(p.lists);
}
