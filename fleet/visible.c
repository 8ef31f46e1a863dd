/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/visible.h"

#include <stdlib.h>
#include <string.h>

#include "base/cidr.h"
#include "base/str.h"
#include "base/u32_list.h"
#include "base/vec.h"
#include "fleet/foreign.h"
#include "fleet/policy.h"
#include "fleet/reach_index.h"

/* An address at which a block begins, or the first behind one. */
struct bound {
	enum ip_family family;
	struct ip ip;
};

struct visible {
	const char **keys; /* of labels, sorted, each once */
	size_t n_keys;
	struct bound
		*bounds; /* sorted, each once: no block tells addresses apart that stand between the same two */
	size_t n_bounds;
};

struct keys {
	const char **at;
	size_t n, cap;
};

static int
string_cmp(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void
sort_out(struct keys *keys)
{
	size_t n = 0;

	if (keys->n)
		qsort(keys->at, keys->n, sizeof(*keys->at), string_cmp);
	for (size_t i = 0; i < keys->n; i++)
		if (!n || strcmp(keys->at[n - 1], keys->at[i]) != 0)
			keys->at[n++] = keys->at[i];
	keys->n = n;
}

/* A fleet has thousands of selectors with a handful of keys: what is the same as the last few is not added again. */
static void
add_selector(struct keys *keys, const struct selector *s)
{
	for (size_t i = 0; i < s->n; i++) {
		size_t k = keys->n, last = keys->n > 8 ? keys->n - 8 : 0;

		while (k > last && strcmp(keys->at[k - 1], s->at[i].key) != 0)
			k--;
		if (k == last)
			vec_push(keys, s->at[i].key);
	}
}

static void
add_policy(struct keys *keys, const struct policy *p)
{
	add_selector(keys, &p->pods);
	for (int d = 0; d < DIRECTIONS; d++)
		for (size_t i = 0; i < p->n_rules[d]; i++)
			for (size_t k = 0; k < p->rules[d][i].n_peers; k++)
				add_selector(keys, &p->rules[d][i].peers[k].pods);
}

static void
add_foreign(struct keys *keys, const struct foreign_policy *p)
{
	for (size_t i = 0; i < p->n_subjects; i++)
		add_selector(keys, &p->subjects[i].pods);
}

struct bounds {
	struct bound *at;
	size_t n, cap;
};

static int
bound_cmp(const void *a, const void *b)
{
	const struct bound *x = a, *y = b;

	return x->family != y->family ? (int)x->family - (int)y->family : ip_cmp(x->ip, y->ip);
}

/* Most policies have the same few blocks: see add_selector. */
static void
add_bound(struct bounds *bounds, enum ip_family family, struct ip ip)
{
	struct bound b = {family, ip};
	size_t k = bounds->n, last = bounds->n > 32 ? bounds->n - 32 : 0;

	while (k > last && bound_cmp(&bounds->at[k - 1], &b) != 0)
		k--;
	if (k == last)
		vec_push(bounds, b);
}

static void
add_range(struct bounds *bounds, enum ip_family family, struct ip_range range)
{
	add_bound(bounds, family, range.first);
	if (ip_cmp(range.last, ip_range_all(family).last) < 0)
		add_bound(bounds, family, ip_after(range.last));
}

static void
add_blocks(struct bounds *bounds, const struct policy_rule *rule)
{
	for (size_t i = 0; i < rule->n_peers; i++) {
		const struct policy_peer *p = &rule->peers[i];

		if (p->type != PEER_BLOCK)
			continue;
		add_range(bounds, p->family, p->block);
		for (size_t k = 0; k < p->n_except; k++)
			add_range(bounds, p->family, p->except[k]);
	}
}

static void
find_bounds(struct visible *v, struct fleet *f)
{
	struct bounds bounds = {0};

	for (size_t i = 0; i < f->n_policies; i++) {
		const struct policy *p = object_policy(f->policies[i]);

		for (int d = 0; d < DIRECTIONS; d++)
			for (size_t k = 0; k < p->n_rules[d]; k++)
				add_blocks(&bounds, &p->rules[d][k]);
	}
	if (bounds.n)
		qsort(bounds.at, bounds.n, sizeof(*bounds.at), bound_cmp);
	for (size_t i = 0; i < bounds.n; i++)
		if (!v->n_bounds || bound_cmp(&bounds.at[v->n_bounds - 1], &bounds.at[i]) != 0)
			bounds.at[v->n_bounds++] = bounds.at[i];
	v->bounds = arena_copy(&f->arena, bounds.at, v->n_bounds * sizeof(*bounds.at));
	vec_free(&bounds);
}

struct visible *
visible_new(struct fleet *f)
{
	struct visible *v = ARENA_NEW(&f->arena, struct visible);
	struct keys keys = {0};

	add_selector(&keys, reach_dns_selector(f->settings));
	for (size_t i = 0; i < f->n_policies; i++)
		add_policy(&keys, object_policy(f->policies[i]));
	for (size_t i = 0; i < f->n_foreign; i++)
		add_foreign(&keys, object_foreign(f->foreign[i]));
	for (size_t i = 0; i < f->n_services; i++)
		add_selector(&keys, &f->services[i]->selector);
	sort_out(&keys);
	v->keys = arena_copy(&f->arena, keys.at, keys.n * sizeof(*keys.at));
	v->n_keys = keys.n;
	vec_free(&keys);
	if (f->source.type == SOURCE_CLUSTER)
		find_bounds(v, f);
	return v;
}

/* With its length, so that no two lists of strings make the same key. */
static void
key_add(struct buf *key, const char *s)
{
	size_t len = strlen(s);

	buf_add(key, &len, sizeof(len));
	buf_add(key, s, len);
}

static void
add_ports(struct buf *key, const struct container *c)
{
	for (size_t i = 0; i < c->n_ports; i++) {
		if (!c->ports[i].name)
			continue;
		buf_addc(key, 'p');
		key_add(key, c->ports[i].name);
		key_add(key, c->ports[i].protocol);
		buf_add(key, &c->ports[i].port, sizeof(c->ports[i].port));
	}
}

void
visible_key(const struct visible *v, struct buf *key, const struct pod_template *t)
{
	size_t k = 0;

	buf_addc(key, t->spec.host_network ? 'h' : '-');
	for (size_t i = 0; i < t->labels.n; i++) { /* both lists are sorted */
		int order = -1;

		while (k < v->n_keys && (order = strcmp(v->keys[k], t->labels.at[i].key)) < 0)
			k++;
		if (k == v->n_keys)
			break;
		if (order)
			continue;
		buf_addc(key, 'l');
		key_add(key, t->labels.at[i].key);
		key_add(key, t->labels.at[i].value);
	}
	for (size_t i = 0; i < t->spec.n_containers; i++)
		add_ports(key, &t->spec.containers[i]);
}

bool
visible_label(const struct visible *v, const char *key)
{
	return v->n_keys && bsearch(&key, v->keys, v->n_keys, sizeof(*v->keys), string_cmp);
}

/* Kinds found so far, by their keys' hashes: a workload may have thousands of pods, and a selector may name each. */
struct kinds {
	struct {
		uint64_t hash;
		const struct pod_template *t; /* NULL: free */
	} * at;
	size_t mask; /* one less than there are places, a power of two */
	struct buf key, other;
};

static struct kinds
kinds_new(size_t n)
{
	struct kinds k = {.mask = 1};

	while (k.mask < 2 * n)
		k.mask *= 2;
	k.at = mem_array(k.mask, sizeof(k.at[0]));
	k.mask--;
	return k;
}

static void
kinds_free(struct kinds *k)
{
	free(k->at);
	buf_free(&k->key);
	buf_free(&k->other);
}

static bool
is_alike(struct kinds *k, const struct visible *v, const struct pod_template *t)
{
	buf_clear(&k->other);
	visible_key(v, &k->other, t);
	return k->other.len == k->key.len && memcmp(k->other.data, k->key.data, k->key.len) == 0;
}

/* false: one of its kind is there. */
static bool
kinds_add(struct kinds *k, const struct visible *v, const struct pod_template *t)
{
	uint64_t hash;
	size_t i;

	buf_clear(&k->key);
	visible_key(v, &k->key, t);
	hash = str_hash(k->key.data, k->key.len);
	for (i = hash & k->mask; k->at[i].t; i = (i + 1) & k->mask)
		if (k->at[i].hash == hash && is_alike(k, v, k->at[i].t))
			return false;
	k->at[i].hash = hash;
	k->at[i].t = t;
	return true;
}

size_t
visible_kinds(const struct visible *v, const struct live *l, const struct pod_template **out)
{
	struct kinds kinds = {0};
	size_t n = 0;

	if (l->n_pods > 1)
		kinds = kinds_new(l->n_pods);
	for (size_t i = 0; i < l->n_pods; i++) {
		const struct pod_template *t = &l->pods[i]->template;

		if (!l->pods[i]->finished && (!kinds.at || kinds_add(&kinds, v, t)))
			out[n++] = t;
	}
	kinds_free(&kinds);
	return n;
}

/* How many bounds are not above the address. */
static uint32_t
between(const struct visible *v, enum ip_family family, struct ip ip)
{
	const struct bound b = {family, ip};
	size_t low = 0, high = v->n_bounds;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (bound_cmp(&v->bounds[mid], &b) <= 0)
			low = mid + 1;
		else
			high = mid;
	}
	return (uint32_t)low;
}

/* Where the addresses of pods that have not ended stand. */
static void
add_addresses(const struct visible *v, const struct live *l, struct u32_list *out)
{
	for (size_t i = 0; i < l->n_pods; i++) {
		for (size_t k = 0; !l->pods[i]->finished && k < l->pods[i]->n_ips; k++) {
			enum ip_family family;
			struct ip ip;

			if (ip_parse(l->pods[i]->ips[k], &family, &ip))
				vec_push(out, 2 * between(v, family, ip) + (family == IP_V6));
		}
	}
	u32_list_sort_unique(out);
}

bool
visible_same_addresses(const struct visible *v, const struct live *a, const struct live *b)
{
	struct u32_list at[2] = {{0}};
	bool same;

	add_addresses(v, a, &at[0]);
	add_addresses(v, b, &at[1]);
	same = at[0].n == at[1].n && (!at[0].n || memcmp(at[0].at, at[1].at, at[0].n * sizeof(at[0].at[0])) == 0);
	vec_free(&at[0]);
	vec_free(&at[1]);
	return same;
}
