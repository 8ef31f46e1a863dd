/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/visible.h"

#include <stdlib.h>
#include <string.h>

#include "base/attr.h"
#include "base/vec.h"
#include "fleet/foreign.h"
#include "fleet/policy.h"
#include "fleet/reach_index.h"

struct visible {
	const char **keys; /* of labels, sorted, each once */
	size_t n_keys;
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

static bool
is_among(const struct visible *v, const struct pod_template *t, const struct pod_template *const *at, size_t n,
	 struct buf *key, struct buf *other)
{
	buf_clear(key);
	visible_key(v, key, t);
	for (size_t i = 0; i < n; i++) {
		buf_clear(other);
		visible_key(v, other, at[i]);
		if (other->len == key->len && memcmp(other->data, key->data, key->len) == 0)
			return true;
	}
	return false;
}

size_t
visible_kinds(const struct visible *v, const struct live *l, const struct pod_template **out)
{
	AUTO(buf) struct buf key = {0};
	AUTO(buf) struct buf other = {0};
	size_t n = 0;

	for (size_t i = 0; i < l->n_pods; i++) {
		const struct pod_template *t = &l->pods[i]->template;

		if (!l->pods[i]->finished && !(n && is_among(v, t, out, n, &key, &other)))
			out[n++] = t;
	}
	return n;
}
