/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/reread.h"

#include <stdlib.h>

#include "base/json_scan.h"
#include "base/mem.h"
#include "decode/decode.h"

#define PARALLEL 4

struct one {
	struct reread *all;
	struct one *next;
	const struct resource *resource;
	char *path;
	struct kube_call *call; /* NULL: waits for its turn */
};

struct reread {
	struct reread_args args;
	struct one *first, **last; /* the oldest first */
	size_t n, running;
};

static void start_some(struct reread *r);

struct reread *
reread_new(const struct reread_args *args)
{
	struct reread *r = mem_alloc(sizeof(*r));

	r->args = *args;
	r->last = &r->first;
	return r;
}

static void
one_free(struct one *o)
{
	free(o->path);
	free(o);
}

static void
take_out(struct reread *r, struct one *o)
{
	struct one **at = &r->first;

	while (*at != o)
		at = &(*at)->next;
	*at = o->next;
	if (!*at)
		r->last = at;
	r->n--;
}

static bool
decode(const struct one *one, const struct kube_answer *a, struct err *e)
{
	AUTO(arena) struct arena arena = {0};
	const struct resource *r = one->resource;
	const struct reread_args *args = &one->all->args;
	AUTO(free) char *api_version = resource_api_version(r);
	const struct decode_context ctx = {.kind = r->kind, .api_version = api_version, .seen = args->seen};
	const struct json_options options = {.raw_keys = decode_raw_keys};
	struct object *object;
	struct node *tree;

	if (!json_parse(&arena, r->plural, a->body, a->body_len, 0, &options, &tree, e) ||
	    !decode_object(&ctx, NULL, tree, &object, e))
		return false;
	if (object)
		args->got(args->ctx, r, object, node_get_text(node_get(tree, "metadata"), "resourceVersion"));
	return true;
}

static void
answered(void *ctx, const struct kube_answer *a)
{
	struct one *one = ctx;
	struct reread *r = one->all;
	struct err e = a->err;

	take_out(r, one);
	r->running--;
	if (!(a->ok && decode(one, a, &e)) && a->status != 404)
		r->args.failed(r->args.ctx, one->resource, &e);
	one_free(one);
	start_some(r);
}

static void
start_some(struct reread *r)
{
	for (struct one *o = r->first; o && r->running < PARALLEL; o = o->next) {
		if (o->call)
			continue;
		r->running++;
		o->call = kube_start(r->args.kube, &(struct kube_call_args){
							   .path = o->path,
							   .flags = KUBE_RETRY,
							   .ctx = o,
							   .done = answered,
						   });
	}
}

void
reread_add(struct reread *r, const struct resource *resource, const char *namespace, const char *name)
{
	struct one *o = mem_alloc(sizeof(*o));
	struct buf path = {0};

	resource_path(&path, resource, namespace, name, NULL);
	*o = (struct one){.all = r, .resource = resource, .path = buf_take(&path)};
	*r->last = o;
	r->last = &o->next;
	r->n++;
	start_some(r);
}

size_t
reread_waiting(const struct reread *r)
{
	return r->n;
}

void
reread_free(struct reread *r)
{
	if (!r)
		return;
	for (struct one *o = r->first, *next; o; o = next) {
		next = o->next;
		kube_cancel(o->call);
		one_free(o);
	}
	free(r);
}
