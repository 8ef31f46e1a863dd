/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/discovery.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_scan.h"
#include "base/mem.h"
#include "base/str.h"

/* The first minor version of Kubernetes whose streaming lists are trusted: before it they were often off. */
#define STREAM_MINOR 34

#define ACCEPT                                                                  \
	"application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList," \
	"application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json"

struct discovery {
	struct discovery_args args;
	struct kube_call *groups, *version;
	struct discovered *found;
	struct err err; /* of the groups */
	bool stream;
};

/* --- what the answer says --- */

/* A version that the group's own server does not tell of now may have any kind. */
static bool
version_has(const struct node *version, const struct resource *r)
{
	const struct node *kinds = node_get(version, "resources");

	if (!kinds || str_eq(node_get_str(version, "freshness"), "Stale"))
		return true;
	node_each(kind, kinds)
		if (str_eq(node_get_str(kind, "resource"), r->plural))
			return true;
	return false;
}

/* The version that decoders know where it is served, else the first: servers put the preferred one there. */
static const char *
best_version(const struct node *versions, const struct resource *r)
{
	const char *best = NULL;

	node_each(version, versions) {
		const char *name = node_get_str(version, "version");

		if (!name || !version_has(version, r))
			continue;
		if (!best || str_eq(name, r->version))
			best = name;
	}
	return best;
}

static const struct node *
find_group(const struct node *groups, const char *name)
{
	node_each(group, groups) {
		const char *found = node_get_str(group, "name");

		if (str_eq(found ? found : node_get_str(node_get(group, "metadata"), "name"), name))
			return group;
	}
	return NULL;
}

/*
 * An APIGroupDiscoveryList, or the APIGroupList of servers before Kubernetes 1.26, which names no kinds: there a kind is
 * taken to be in every version of its group. What it does not tell stays as it is.
 */
static void
read_list(const struct node *doc, struct discovered *out, struct err *e)
{
	const struct node *groups = node_get(doc, "items");

	if (!groups)
		groups = node_get(doc, "groups");
	if (!groups || groups->type != NODE_LIST) {
		err_set(e, ERR_SOURCE, 0, "the server's list of API groups is none");
		return;
	}
	for (size_t i = 0; i < n_resources; i++) {
		const struct resource *r = &resources[i];
		const char *version = best_version(node_get(find_group(groups, r->group), "versions"), r);

		if (!r->optional)
			continue;
		out[i].absent = !version;
		if (version && strlen(version) < sizeof(out[i].version))
			snprintf(out[i].version, sizeof(out[i].version), "%s", version);
	}
}

static void
read_groups(struct discovery *d, const struct kube_answer *a)
{
	AUTO(arena) struct arena arena = {0};
	struct node *doc;

	if (json_parse(&arena, "/apis", a->body, a->body_len, 1, NULL, &doc, &d->err))
		read_list(doc, d->found, &d->err);
	else
		d->err.kind = ERR_SOURCE; /* it is no file that the operator gave */
}

static bool
has_streams(const struct kube_answer *a)
{
	AUTO(arena) struct arena arena = {0};
	struct node *doc;

	if (!a->ok || !json_parse(&arena, "/version", a->body, a->body_len, 1, NULL, &doc, NULL))
		return false;
	/* "36", or "36+" */
	return str_eq(node_get_str(doc, "major"), "1") && node_get_str(doc, "minor") &&
	       strtol(node_get_str(doc, "minor"), NULL, 10) >= STREAM_MINOR;
}

/* --- requests --- */

static void
discovery_free(struct discovery *d)
{
	free(d->found);
	free(d);
}

void
discovery_cancel(struct discovery *d)
{
	if (!d)
		return;
	kube_cancel(d->groups);
	kube_cancel(d->version);
	discovery_free(d);
}

static void
finish(struct discovery *d)
{
	if (d->groups || d->version)
		return;
	d->args.done(d->args.ctx, d->found, d->stream, d->err.kind == ERR_NONE ? NULL : &d->err);
	discovery_free(d);
}

static void
groups_done(void *ctx, const struct kube_answer *a)
{
	struct discovery *d = ctx;

	d->groups = NULL;
	if (a->ok)
		read_groups(d, a);
	else
		d->err = a->err;
	finish(d);
}

static void
version_done(void *ctx, const struct kube_answer *a)
{
	struct discovery *d = ctx;

	d->version = NULL;
	d->stream = has_streams(a);
	finish(d);
}

struct discovery *
discovery_start(const struct discovery_args *args)
{
	struct discovery *d = mem_alloc(sizeof(*d));

	d->args = *args;
	d->found = mem_array(n_resources, sizeof(d->found[0]));
	for (size_t i = 0; i < n_resources; i++)
		snprintf(d->found[i].version, sizeof(d->found[i].version), "%s", resources[i].version);
	d->groups = kube_start(
		args->kube,
		&(struct kube_call_args){.path = "/apis", .accept = ACCEPT, .ctx = d, .done = groups_done});
	d->version = kube_start(args->kube,
				&(struct kube_call_args){.path = "/version", .ctx = d, .done = version_done});
	return d;
}
