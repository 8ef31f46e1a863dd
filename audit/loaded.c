/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/loaded.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/str.h"

/* Of a snapshot a pod may have no uid. */
static bool
is_pod(const struct pod *p, const char *uid)
{
	return str_eq(p->object.uid ? p->object.uid : "", uid ? uid : "");
}

/* Of one workload, as the evidence has them in order. */
static int
sighting_cmp(const void *a, const void *b)
{
	const struct config_sighting *x = a, *y = b;
	int order = str_cmp(x->pod, y->pod);

	return order ? order : str_cmp(x->container, y->container);
}

static int
health_cmp(const void *a, const void *b)
{
	const struct health_sighting *x = a, *y = b;

	return str_cmp(x->pod, y->pod);
}

static const struct config_sighting *
find_sighting(const struct fleet *f, const struct workload *w, const struct pod *p, const char *container)
{
	const struct workload_key key = workload_key_of(w);
	const struct config_sighting wanted = {.pod = p->object.name, .container = container};
	size_t n;
	const struct config_sighting *at = evidence_configs(f->evidence, &key, &n);

	return n ? bsearch(&wanted, at, n, sizeof(*at), sighting_cmp) : NULL;
}

/* Does the log say which bytes were loaded, and can they be held against the ConfigMap's? */
static bool
tells(const struct pipelock *p, const struct loaded_replica *r)
{
	const struct config_sighting *s = r->seen;

	if (!s || r->outdated || s->log_error || !s->loaded_hash || !p->config_hash || p->config_unused)
		return false;
	/* what an environment becomes on its way into a file need not be the ConfigMap's bytes */
	return !p->sources[0].env || str_eq(s->loaded_hash, p->config_hash);
}

static const char *
why_unread(const struct pipelock *p, const struct loaded_replica *r)
{
	if (r->loaded != LOADED_UNKNOWN || !r->seen || r->outdated || p->config_unused || p->sources[0].env)
		return NULL;
	return r->seen->log_error;
}

bool
loaded_replica(const struct fleet *f, const struct workload *w, size_t pod, struct loaded_replica *out)
{
	const struct pod *at = fleet_live(f, w)->pods[pod];
	const struct pipelock *p = w->pipelock;
	const struct container_status *s = p ? loading_running(at, p->container->name) : NULL;
	const struct config_sighting *seen;
	int64_t changed_at;

	if (!s)
		return false;
	*out = (struct loaded_replica){.pod = at, .started_at = s->started_at};
	seen = f->evidence ? find_sighting(f, w, at, p->container->name) : NULL;
	if (seen && is_pod(at, seen->pod_uid) && seen->started_at == s->started_at)
		out->seen = seen;
	if (!p->n_sources || !p->config_map)
		return true;
	changed_at = p->config_map->data_changed_at;
	out->outdated = out->seen && changed_at != CLOCK_UNKNOWN && out->seen->at < changed_at;
	out->loaded = loading_by_start(s->started_at, changed_at, &p->sources[0]);
	out->logged = tells(p, out);
	if (out->logged)
		out->loaded = str_eq(out->seen->loaded_hash, p->config_hash) ? LOADED_CURRENT : LOADED_STALE;
	out->unread = why_unread(p, out);
	return true;
}

/* The higher the worse. */
static int
badness(enum loaded l)
{
	static const int order[] = {[LOADED_CURRENT] = 0, [LOADED_UNKNOWN] = 1, [LOADED_STALE] = 2};

	return order[l];
}

struct loaded_worst
loaded_worst(const struct fleet *f, const struct workload *w)
{
	const struct live *live = fleet_live(f, w);
	struct loaded_worst worst = {.loaded = LOADED_UNKNOWN};
	struct loaded_replica r;

	for (size_t i = 0; i < live->n_pods; i++) {
		if (!loaded_replica(f, w, i, &r))
			continue;
		if (!worst.replicas++ || badness(r.loaded) > badness(worst.loaded)) {
			worst.loaded = r.loaded;
			worst.hash = NULL;
		}
		worst.logged += r.logged;
		if (r.logged && r.loaded == worst.loaded && !worst.hash)
			worst.hash = r.seen->loaded_hash;
	}
	return worst;
}

enum loaded
loaded_config(const struct fleet *f, const struct workload *w)
{
	return loaded_worst(f, w).loaded;
}

const char *
loaded_name(enum loaded l)
{
	static const char *const names[] = {
		[LOADED_UNKNOWN] = "unknown",
		[LOADED_CURRENT] = "current",
		[LOADED_STALE] = "stale",
	};

	return names[l];
}

const struct health_sighting *
loaded_health(const struct fleet *f, const struct workload *w, const struct pod *pod)
{
	const struct workload_key key = workload_key_of(w);
	const struct container_status *s = w->pipelock ? loading_running(pod, w->pipelock->container->name) : NULL;
	const struct health_sighting wanted = {.pod = pod->object.name};
	size_t n;
	const struct health_sighting *at = evidence_healths(f->evidence, &key, &n);
	const struct health_sighting *seen = n ? bsearch(&wanted, at, n, sizeof(*at), health_cmp) : NULL;

	if (!seen || !s || !is_pod(pod, seen->pod_uid))
		return NULL;
	return s->started_at == CLOCK_UNKNOWN || s->started_at <= seen->at ? seen : NULL;
}

bool
loaded_health_good(const struct health_sighting *h)
{
	return h->http_status == 200 && str_eq(h->status, "healthy") && h->kill_switch != 1;
}
