/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/evidence.h"

#include <stdlib.h>
#include <string.h>

#include "base/attr.h"
#include "base/mem.h"
#include "base/refs.h"
#include "base/str.h"
#include "fleet/fleet.h"

static const char *const probe_names[PROBES] = {
	[PROBE_RAW_TCP] = "raw-tcp",
	[PROBE_ENV_CLEAR] = "env-clear",
	[PROBE_NO_PROXY] = "no-proxy",
	[PROBE_DNS_TCP] = "dns-tcp",
};

static const char *const verdict_names[] = {
	[PROBE_BLOCKED] = "blocked",
	[PROBE_OPEN] = "open",
	[PROBE_INCONCLUSIVE] = "inconclusive",
};

static const char *const control_names[] = {
	[PROBE_CONTROL_OK] = "ok",
	[PROBE_CONTROL_FAILED] = "failed",
	[PROBE_CONTROL_SKIPPED] = "skipped",
};

const char *
probe_name(enum probe p)
{
	return probe_names[p];
}

const char *
probe_verdict_name(enum probe_verdict v)
{
	return verdict_names[v];
}

const char *
probe_control_name(enum probe_control c)
{
	return control_names[c];
}

const char *
reload_name(enum reload r)
{
	static const char *const names[] = {
		[RELOAD_NONE] = "none",
		[RELOAD_DONE] = "done",
		[RELOAD_FAILED] = "failed",
		[RELOAD_REFUSED] = "refused",
	};

	return names[r];
}

static bool
find_name(const char *const *names, size_t n, const char *name, unsigned *out)
{
	for (size_t i = 0; i < n; i++) {
		if (str_eq(names[i], name)) {
			*out = (unsigned)i;
			return true;
		}
	}
	return false;
}

bool
probe_from_name(const char *name, enum probe *out)
{
	return find_name(probe_names, COUNT_OF(probe_names), name, out);
}

bool
probe_verdict_from_name(const char *name, enum probe_verdict *out)
{
	return find_name(verdict_names, COUNT_OF(verdict_names), name, out);
}

bool
probe_control_from_name(const char *name, enum probe_control *out)
{
	return find_name(control_names, COUNT_OF(control_names), name, out);
}

struct workload_key
workload_key_of(const struct workload *w)
{
	return (struct workload_key){w->namespace, w->name, w->kind};
}

int
workload_key_cmp(const struct workload_key *a, const struct workload_key *b)
{
	int order = str_cmp(a->namespace, b->namespace);

	if (!order)
		order = str_cmp(a->name, b->name);
	return order ? order : str_cmp(a->kind, b->kind);
}

/*
 * The three sorts of things, by one set of functions each
 */

static int
probe_cmp(const void *a, const void *b)
{
	const struct probe_result *x = a, *y = b;
	int order = workload_key_cmp(&x->agent, &y->agent);

	if (!order)
		order = str_cmp(x->node, y->node);
	return order ? order : (int)x->probe - (int)y->probe;
}

static int
config_cmp(const void *a, const void *b)
{
	const struct config_sighting *x = a, *y = b;
	int order = workload_key_cmp(&x->workload, &y->workload);

	if (!order)
		order = str_cmp(x->pod, y->pod);
	return order ? order : str_cmp(x->container, y->container);
}

static int
health_cmp(const void *a, const void *b)
{
	const struct health_sighting *x = a, *y = b;
	int order = workload_key_cmp(&x->workload, &y->workload);

	return order ? order : str_cmp(x->pod, y->pod);
}

struct workload_key
workload_key_copy(struct arena *a, const struct workload_key *k)
{
	return (struct workload_key){arena_strdup(a, k->namespace), arena_strdup(a, k->name),
				     arena_strdup(a, k->kind)};
}

static void
copy_texts(struct arena *a, const char **texts[], size_t n)
{
	for (size_t i = 0; i < n; i++)
		*texts[i] = arena_strdup(a, *texts[i]);
}

static void
copy_probe(struct arena *a, void *item)
{
	struct probe_result *r = item;

	r->agent = workload_key_copy(a, &r->agent);
	copy_texts(a,
		   (const char **[]){&r->pod, &r->node, &r->container, &r->target, &r->method, &r->detail,
				     &r->against},
		   7);
}

struct probe_result
probe_result_copy(struct arena *a, const struct probe_result *r)
{
	struct probe_result copy = *r;

	copy_probe(a, &copy);
	return copy;
}

static void
copy_config(struct arena *a, void *item)
{
	struct config_sighting *s = item;

	s->workload = workload_key_copy(a, &s->workload);
	copy_texts(a,
		   (const char **[]){&s->pod, &s->pod_uid, &s->container, &s->loaded_hash, &s->log_error,
				     &s->reload_detail, &s->file_hash, &s->file_error},
		   8);
}

struct config_sighting
config_sighting_copy(struct arena *a, const struct config_sighting *s)
{
	struct config_sighting copy = *s;

	copy_config(a, &copy);
	return copy;
}

static void
copy_health(struct arena *a, void *item)
{
	struct health_sighting *s = item;

	s->workload = workload_key_copy(a, &s->workload);
	copy_texts(a, (const char **[]){&s->pod, &s->pod_uid, &s->error, &s->status, &s->version, &s->mode}, 6);
}

struct health_sighting
health_sighting_copy(struct arena *a, const struct health_sighting *s)
{
	struct health_sighting copy = *s;

	copy_health(a, &copy);
	return copy;
}

static int64_t
probe_at(const void *item)
{
	return ((const struct probe_result *)item)->at;
}

static int64_t
config_at(const void *item)
{
	return ((const struct config_sighting *)item)->at;
}

static int64_t
health_at(const void *item)
{
	return ((const struct health_sighting *)item)->at;
}

static bool
same_texts(const char *const *a, const char *const *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!str_eq(a[i], b[i]))
			return false;
	return true;
}

static bool
same_probe(const void *x, const void *y)
{
	const struct probe_result *a = x, *b = y;

	return a->probe == b->probe && a->verdict == b->verdict && a->control == b->control && a->at == b->at &&
	       a->duration_ms == b->duration_ms &&
	       same_texts(
		       (const char *[]){a->pod, a->node, a->container, a->target, a->method, a->detail, a->against},
		       (const char *[]){b->pod, b->node, b->container, b->target, b->method, b->detail, b->against},
		       7);
}

static bool
same_config(const void *x, const void *y)
{
	const struct config_sighting *a = x, *b = y;

	return a->started_at == b->started_at && a->loaded_at == b->loaded_at && a->reload == b->reload &&
	       a->at == b->at &&
	       same_texts((const char *[]){a->pod, a->pod_uid, a->container, a->loaded_hash, a->log_error,
					   a->reload_detail, a->file_hash, a->file_error},
			  (const char *[]){b->pod, b->pod_uid, b->container, b->loaded_hash, b->log_error,
					   b->reload_detail, b->file_hash, b->file_error},
			  8);
}

static bool
same_health(const void *x, const void *y)
{
	const struct health_sighting *a = x, *b = y;

	return a->http_status == b->http_status && a->uptime_s == b->uptime_s && a->kill_switch == b->kill_switch &&
	       a->at == b->at &&
	       same_texts((const char *[]){a->pod, a->pod_uid, a->error, a->status, a->version, a->mode},
			  (const char *[]){b->pod, b->pod_uid, b->error, b->status, b->version, b->mode}, 6);
}

struct sort {
	size_t size;
	int (*cmp)(const void *a, const void *b);
	int64_t (*at)(const void *item);
	void (*copy)(struct arena *a, void *item); /* its texts into the arena */
	bool (*same)(const void *a, const void *b);
};

static const struct sort probe_sort = {sizeof(struct probe_result), probe_cmp, probe_at, copy_probe, same_probe};
static const struct sort config_sort = {sizeof(struct config_sighting), config_cmp, config_at, copy_config,
					same_config};
static const struct sort health_sort = {sizeof(struct health_sighting), health_cmp, health_at, copy_health,
					same_health};

/*
 * The next evidence
 */

static const struct evidence nothing;

struct ranked {
	const char *item;
	const struct sort *sort;
	size_t order; /* in which it was given */
};

/* Of what is about the same the newest comes first. */
static int
ranked_cmp(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;
	int order = x->sort->cmp(x->item, y->item);
	int64_t p = x->sort->at(x->item), q = x->sort->at(y->item);

	if (order)
		return order;
	if (p != q)
		return p > q ? -1 : 1;
	return x->order > y->order ? -1 : 1;
}

/* The newest of each, copied with their texts. */
static void *
merge(struct arena *a, const struct sort *s, const void *old, size_t n_old, const void *added, size_t n_added,
      size_t *n_out)
{
	size_t n = n_old + n_added, kept = 0;
	struct ranked *ranked = mem_array(n + 1, sizeof(*ranked));
	char *out = arena_array(a, n, s->size);

	for (size_t i = 0; i < n; i++)
		ranked[i] = (struct ranked){i < n_old ? (const char *)old + i * s->size
						      : (const char *)added + (i - n_old) * s->size,
					    s, i};
	if (n_added)
		qsort(ranked, n, sizeof(*ranked), ranked_cmp);
	for (size_t i = 0; i < n; i++) {
		if (i && s->cmp(ranked[i - 1].item, ranked[i].item) == 0)
			continue;
		memcpy(out + kept * s->size, ranked[i].item, s->size);
		s->copy(a, out + kept++ * s->size);
	}
	free(ranked);
	*n_out = kept;
	return out;
}

struct evidence *
evidence_add(const struct evidence *old, const struct evidence_parts *parts)
{
	struct evidence *e = mem_alloc(sizeof(*e));
	struct arena *a = &e->arena;

	if (!old)
		old = &nothing;
	e->refs = 1;
	e->has_probes = old->has_probes || parts->has_probes;
	e->has_logs = old->has_logs || parts->has_logs;
	e->has_health = old->has_health || parts->has_health;
	/* What could be read after all is read. */
	e->probes_error = parts->has_probes ? NULL : old->probes_error;
	e->probes_error = arena_strdup(a, parts->probes_error ? parts->probes_error : e->probes_error);
	e->probes = merge(a, &probe_sort, old->probes, old->n_probes, parts->probes, parts->n_probes, &e->n_probes);
	e->configs = merge(a, &config_sort, old->configs, old->n_configs, parts->configs, parts->n_configs,
			   &e->n_configs);
	e->healths = merge(a, &health_sort, old->healths, old->n_healths, parts->healths, parts->n_healths,
			   &e->n_healths);
	return e;
}

struct evidence *
evidence_ref(struct evidence *e)
{
	if (e)
		refs_take(&e->refs);
	return e;
}

void
evidence_unref(struct evidence *e)
{
	if (!e || !refs_drop(&e->refs))
		return;
	arena_free(&e->arena);
	free(e);
}

/*
 * Look-ups. In each sort of things the key of its workload comes first.
 */

static const struct workload_key *
key_at(const void *items, size_t size, size_t i)
{
	return (const struct workload_key *)((const char *)items + i * size);
}

static const void *
slice(const void *items, size_t size, size_t n, const struct workload_key *k, size_t *out)
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (workload_key_cmp(key_at(items, size, mid), k) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	for (*out = 0; low + *out < n && workload_key_cmp(key_at(items, size, low + *out), k) == 0;)
		++*out;
	return *out ? key_at(items, size, low) : NULL;
}

const struct probe_result *
evidence_probes(const struct evidence *e, const struct workload_key *k, size_t *n)
{
	*n = 0;
	return e ? slice(e->probes, sizeof(e->probes[0]), e->n_probes, k, n) : NULL;
}

const struct config_sighting *
evidence_configs(const struct evidence *e, const struct workload_key *k, size_t *n)
{
	*n = 0;
	return e ? slice(e->configs, sizeof(e->configs[0]), e->n_configs, k, n) : NULL;
}

const struct health_sighting *
evidence_healths(const struct evidence *e, const struct workload_key *k, size_t *n)
{
	*n = 0;
	return e ? slice(e->healths, sizeof(e->healths[0]), e->n_healths, k, n) : NULL;
}

/*
 * What is different
 */

/* How many items from i on are about the same workload as that one. */
static size_t
run_of(const struct sort *s, const void *items, size_t n, size_t i)
{
	const struct workload_key *key = key_at(items, s->size, i);
	size_t end = i + 1;

	while (end < n && workload_key_cmp(key_at(items, s->size, end), key) == 0)
		end++;
	return end - i;
}

static bool
same_runs(const struct sort *s, const void *a, const void *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!s->same((const char *)a + i * s->size, (const char *)b + i * s->size))
			return false;
	return true;
}

/* Both are in order: they are walked side by side. */
static void
each_difference(const struct sort *s, const void *a, size_t n_a, const void *b, size_t n_b,
		void (*fn)(void *ctx, const struct workload_key *k), void *ctx)
{
	size_t i = 0, j = 0;

	while (i < n_a || j < n_b) {
		const struct workload_key *p = i < n_a ? key_at(a, s->size, i) : NULL;
		const struct workload_key *q = j < n_b ? key_at(b, s->size, j) : NULL;
		int order = !p ? 1 : !q ? -1 : workload_key_cmp(p, q);
		size_t of_a = order <= 0 ? run_of(s, a, n_a, i) : 0, of_b = order >= 0 ? run_of(s, b, n_b, j) : 0;

		if (of_a != of_b || !same_runs(s, p, q, of_a))
			fn(ctx, order <= 0 ? p : q);
		i += of_a;
		j += of_b;
	}
}

void
evidence_differences(const struct evidence *a, const struct evidence *b,
		     void (*fn)(void *ctx, const struct workload_key *k), void *ctx)
{
	if (!a)
		a = &nothing;
	if (!b)
		b = &nothing;
	each_difference(&probe_sort, a->probes, a->n_probes, b->probes, b->n_probes, fn, ctx);
	each_difference(&config_sort, a->configs, a->n_configs, b->configs, b->n_configs, fn, ctx);
	each_difference(&health_sort, a->healths, a->n_healths, b->healths, b->n_healths, fn, ctx);
}
