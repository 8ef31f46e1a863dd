/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policies of other engines, as far as it takes to know whom they may select. Nothing in them is an error: what cannot be
 * read selects everything that it could.
 */
#include <string.h>

#include "base/str.h"
#include "decode/kinds.h"
#include "fleet/foreign.h"

#define NAMESPACE_NAME "kubernetes.io/metadata.name"

static void
set_subjects(struct decoder *d, struct foreign_subject *at, size_t n)
{
	struct foreign_policy *p = (struct foreign_policy *)d->object;

	p->subjects = at;
	p->n_subjects = n;
}

static const struct node *
map_of(const struct node *parent, const char *key)
{
	const struct node *n = parent && parent->type == NODE_MAP ? field_get(parent, key) : NULL;

	return n && n->type == NODE_MAP ? n : NULL;
}

static const struct node *
list_of(const struct node *parent, const char *key)
{
	const struct node *n = parent && parent->type == NODE_MAP ? field_get(parent, key) : NULL;

	return n && n->type == NODE_LIST ? n : NULL;
}

/* ---- selectors written as Kubernetes does */

static bool
is_plain_expression(const struct node *n)
{
	const char *op = n->type == NODE_MAP ? node_get_str(n, "operator") : NULL;
	const struct node *values = op ? node_get(n, "values") : NULL;
	bool takes_values = str_eq(op, "In") || str_eq(op, "NotIn");

	if (!op || !node_get_str(n, "key") || !*node_get_str(n, "key"))
		return false;
	if (values && values->type != NODE_LIST && values->type != NODE_NULL)
		return false;
	node_each(value, values)
		if (!node_str(value))
			return false;
	return takes_values == (node_count(values) > 0) &&
	       (takes_values || str_eq(op, "Exists") || str_eq(op, "DoesNotExist"));
}

/* Only labels and expressions that mean the same everywhere. */
static bool
is_plain(const struct node *selector)
{
	const struct node *labels = map_of(selector, "matchLabels"),
			  *expressions = list_of(selector, "matchExpressions");

	if (!labels != !field_get(selector, "matchLabels") ||
	    !expressions != !field_get(selector, "matchExpressions"))
		return false;
	node_each(label, labels)
		if (label->type == NODE_MAP || label->type == NODE_LIST)
			return false;
	node_each(expression, expressions)
		if (!is_plain_expression(expression))
			return false;
	return true;
}

/* Not present when it is absent, present and empty (everything) when it is not plain. */
static struct selector
decode_loosely(struct decoder *d, const struct node *parent, const char *key)
{
	const struct node *n = map_of(parent, key);

	if (n && is_plain(n))
		return selector_decode(d, parent, key);
	return (struct selector){.present = n != NULL};
}

/* ---- Cilium: endpointSelector, whose keys may name their source and a pod's namespace */

/* The label behind a Cilium key; NULL for one that is not a label of Kubernetes. *namespace: of the namespace. */
static const char *
cilium_label(const char *key, bool *namespace)
{
	static const char labels[] = "io.cilium.k8s.namespace.labels.";

	*namespace = true;
	if (str_starts(key, "k8s:") || str_starts(key, "any:"))
		key += 4;
	if (strcmp(key, "io.kubernetes.pod.namespace") == 0)
		return NAMESPACE_NAME;
	if (str_starts(key, labels))
		return key + sizeof(labels) - 1;
	*namespace = false;
	return strchr(key, ':') || str_starts(key, "io.cilium.") || str_starts(key, "io.kubernetes.") ? NULL : key;
}

static struct foreign_subject
cilium_subject(struct decoder *d, const struct node *spec)
{
	struct selector all = decode_loosely(d, spec, "endpointSelector");
	struct requirement *namespaces = FIELD_ARRAY(d, struct requirement, all.n);
	struct requirement *pods = FIELD_ARRAY(d, struct requirement, all.n);
	struct foreign_subject s = {.namespaces = {.at = namespaces}, .pods = {.present = true, .at = pods}};

	for (size_t i = 0; i < all.n; i++) {
		struct requirement r = all.at[i];
		bool namespace;

		r.key = cilium_label(r.key, &namespace);
		if (r.key && namespace)
			namespaces[s.namespaces.n++] = r;
		else if (r.key)
			pods[s.pods.n++] = r;
	}
	s.namespaces.present = s.namespaces.n > 0;
	return s;
}

void
cilium_policy_decode(struct decoder *d)
{
	const struct node *spec = map_of(d->doc, "spec"), *specs = list_of(d->doc, "specs");
	struct foreign_subject *at = FIELD_ARRAY(d, struct foreign_subject, node_count(specs) + 1);
	size_t n = 0;

	/* a nodeSelector is about hosts */
	if (spec && !map_of(spec, "nodeSelector"))
		at[n++] = cilium_subject(d, spec);
	node_each(one, specs)
		if (one->type == NODE_MAP && !map_of(one, "nodeSelector"))
			at[n++] = cilium_subject(d, one);
	set_subjects(d, at, n);
}

/* ---- Calico: selectors are expressions; conjunctions of simple terms are read */

struct expression {
	struct decoder *d;
	const char *at;
	struct requirement *terms;
	size_t n, max;
};

static void
skip_spaces(struct expression *x)
{
	x->at += strspn(x->at, " \t\r\n");
}

static bool
take_word(struct expression *x, const char *word)
{
	skip_spaces(x);
	if (!str_starts(x->at, word))
		return false;
	x->at += strlen(word);
	return true;
}

static const char *
take_name(struct expression *x)
{
	size_t len;
	const char *name;

	skip_spaces(x);
	len = strspn(x->at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-");
	name = len ? arena_strndup(x->d->arena, x->at, len) : NULL;
	x->at += len;
	return name;
}

static const char *
take_quoted(struct expression *x)
{
	const char *end, *text;

	skip_spaces(x);
	if (*x->at != '\'' && *x->at != '"')
		return NULL;
	end = strchr(x->at + 1, *x->at);
	if (!end)
		return NULL;
	text = arena_strndup(x->d->arena, x->at + 1, (size_t)(end - x->at - 1));
	x->at = end + 1;
	return text;
}

static bool
take_values(struct expression *x, struct requirement *r)
{
	const char **values = ARENA_ARRAY(x->d->arena, const char *, strlen(x->at) / 2 + 1);

	r->values = values;
	if (!take_word(x, "{"))
		return false;
	do {
		values[r->n_values] = take_quoted(x);
		if (!values[r->n_values++])
			return false;
	} while (take_word(x, ","));
	return take_word(x, "}");
}

static bool
take_comparison(struct expression *x, struct requirement *r)
{
	static const struct {
		const char *word;
		enum selector_op op;
		bool list;
	} operators[] = {
		{"==", OP_IN, false},
		{"!=", OP_NOT_IN, false},
		{"not in", OP_NOT_IN, true},
		{"in", OP_IN, true},
	};
	const char **value;

	r->key = take_name(x);
	for (size_t i = 0; r->key && i < COUNT_OF(operators); i++) {
		if (!take_word(x, operators[i].word))
			continue;
		r->op = operators[i].op;
		if (operators[i].list)
			return take_values(x, r);
		value = ARENA_NEW(x->d->arena, const char *);
		*value = take_quoted(x);
		r->values = value;
		r->n_values = 1;
		return *value;
	}
	return false;
}

/* One term; with no key when it is all(). */
static bool
take_term(struct expression *x, struct requirement *r)
{
	bool not_has;

	if (take_word(x, "all()"))
		return true;
	not_has = take_word(x, "!has(");
	if (!not_has && !take_word(x, "has("))
		return take_comparison(x, r);
	r->op = not_has ? OP_DOES_NOT_EXIST : OP_EXISTS;
	r->key = take_name(x);
	return r->key && take_word(x, ")");
}

/* A selector of a text; one that is not understood selects everything. Names of Calico's own are left out. */
static struct selector
calico_selector(struct decoder *d, const struct node *spec, const char *key)
{
	const char *text = node_get_str(spec, key);
	struct expression x = {.d = d, .at = text};
	struct selector s = {.present = text != NULL};

	if (!text)
		return s;
	x.max = strlen(text) / 4 + 1;
	x.terms = ARENA_ARRAY(d->arena, struct requirement, x.max);
	s.at = x.terms;
	do {
		struct requirement r = {0};

		if (!take_term(&x, &r) || x.n == x.max)
			return s; /* still empty */
		if (r.key && !str_starts(r.key, "projectcalico.org/"))
			x.terms[x.n++] = r;
	} while (take_word(&x, "&&"));
	skip_spaces(&x);
	s.n = *x.at ? 0 : x.n;
	return s;
}

void
calico_policy_decode(struct decoder *d)
{
	const struct node *spec = map_of(d->doc, "spec");
	struct foreign_subject *at = FIELD_ARRAY(d, struct foreign_subject, 1);

	if (spec)
		at->pods = calico_selector(d, spec, "selector");
	if (spec && !*d->object->namespace)
		at->namespaces = calico_selector(d, spec, "namespaceSelector");
	set_subjects(d, at, 1);
}

/* ---- the rest */

void
antrea_policy_decode(struct decoder *d)
{
	const struct node *list = list_of(map_of(d->doc, "spec"), "appliedTo");
	struct foreign_subject *at = FIELD_ARRAY(d, struct foreign_subject, node_count(list) + 1);
	size_t n = 0;

	node_each(to, list) {
		at[n].namespaces = decode_loosely(d, to, "namespaceSelector");
		at[n++].pods = decode_loosely(d, to, "podSelector");
	}
	set_subjects(d, at, n ? n : 1); /* without one its rules say, each for itself */
}

/* spec.podSelector, in its own namespace. */
void
pod_selector_policy_decode(struct decoder *d)
{
	struct foreign_subject *at = FIELD_ARRAY(d, struct foreign_subject, 1);

	at->pods = decode_loosely(d, map_of(d->doc, "spec"), "podSelector");
	set_subjects(d, at, 1);
}

/* The whole namespace, or cluster. */
void
namespace_policy_decode(struct decoder *d)
{
	set_subjects(d, FIELD_ARRAY(d, struct foreign_subject, 1), 1);
}

/* spec.subject: {namespaces} or {pods: {namespaceSelector, podSelector}}. */
void
subject_policy_decode(struct decoder *d)
{
	const struct node *subject = map_of(map_of(d->doc, "spec"), "subject"), *pods = map_of(subject, "pods");
	struct foreign_subject *at = FIELD_ARRAY(d, struct foreign_subject, 1);

	at->namespaces =
		pods ? decode_loosely(d, pods, "namespaceSelector") : decode_loosely(d, subject, "namespaces");
	at->pods = decode_loosely(d, pods, "podSelector");
	set_subjects(d, at, 1);
}
