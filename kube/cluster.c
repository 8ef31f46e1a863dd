/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/cluster.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/vec.h"
#include "fleet/owners.h"
#include "fleet/workload.h"
#include "kube/backoff.h"
#include "kube/discovery.h"
#include "kube/mirror.h"
#include "kube/reread.h"

#define DISCOVER_MS 600000 /* between looks at what kinds the server has */
#define DISCOVER_TRIES 3 /* when nobody watches */
#define REFUSED_MS 60000 /* between tries when the server does not know who asks */
#define PARALLEL 4 /* first lists at a time */
#define GRACE_MS 5000 /* pods of a workload that was deleted are most often gone by then */
#define ORPHANS_MAX 200 /* objects that are read one by one; of more the whole kind is listed anew */

/* One of resources[]. */
struct kind {
	struct cluster *cluster;
	size_t place;
	struct resource resource; /* with the version that the server has */
	struct discovered found;
	struct reflector *reflector; /* NULL: not begun, or the server does not have it */
	bool lost; /* it was being tried again when it was last heard of */
	bool tried; /* its first list has come, or failed */
	bool no_get; /* may be listed, but single objects may not be read */
};

struct cluster {
	struct cluster_options opt;
	char *namespace;
	struct kind *kinds; /* n_resources of them */
	struct mirror *mirror;
	struct seen seen;
	struct reread *reread;
	struct discovery *discovery;
	struct loop_timer *discover, *orphans;
	struct backoff backoff;
	unsigned discover_failures;
	bool discovered, stream;
	bool gave_up; /* nothing was heard of the server, and nobody watches */
	struct err err; /* why nothing is known of the server */
	size_t lost_owners; /* of the mirror, when it was last looked at */
};

static void start_kinds(struct cluster *c);

static void
changed(struct cluster *c)
{
	if (c->opt.changed)
		c->opt.changed(c->opt.ctx);
}

/* --- objects --- */

static size_t
place_of(const char *kind)
{
	const struct resource *r = resource_by_kind(kind);

	return r ? (size_t)(r - resources) : n_resources;
}

/* For decoders: the workload that speaks for a pod, as it is now. */
static const struct object *
find_owner(void *ctx, const char *namespace, const char *kind, const char *name)
{
	const struct cluster *c = ctx;
	size_t place = place_of(kind);

	return place < n_resources ? mirror_find(c->mirror, place, namespace, name) : NULL;
}

static void
check_owners(struct cluster *c)
{
	size_t lost = mirror_lost_owners(c->mirror);

	if (lost == c->lost_owners)
		return;
	c->lost_owners = lost;
	loop_timer_set(c->orphans, GRACE_MS);
}

/* Something is different in the mirror, or may be. */
static void
mirrored(struct cluster *c, bool different)
{
	if (!different)
		return;
	check_owners(c);
	changed(c);
}

static void
on_begin(void *ctx, struct reflector *r)
{
	struct kind *k = ctx;

	(void)r;
	mirror_begin(k->cluster->mirror, k->place);
}

/* A bare ReplicaSet is not kept: of it only the metadata was read, and its pods say more. */
static void
on_put(void *ctx, struct reflector *r, struct object *o, const char *version)
{
	struct kind *k = ctx;
	struct mirror *m = k->cluster->mirror;
	bool different;

	(void)r;
	if (k->resource.metadata && !owners_parent(o)) {
		different = mirror_gone(m, k->place, o->namespace, o->name);
		object_unref(o);
	} else {
		different = mirror_put(m, k->place, o, version);
	}
	mirrored(k->cluster, different);
}

static void
on_gone(void *ctx, struct reflector *r, const char *namespace, const char *name)
{
	struct kind *k = ctx;

	(void)r;
	mirrored(k->cluster, mirror_gone(k->cluster->mirror, k->place, namespace, name));
}

static void
on_bad(void *ctx, struct reflector *r, const char *namespace, const char *name, const struct err *e)
{
	struct kind *k = ctx;

	(void)r;
	mirrored(k->cluster, mirror_bad(k->cluster->mirror, k->place, namespace, name, e));
}

static void
first_try_over(struct kind *k)
{
	if (k->tried)
		return;
	k->tried = true;
	start_kinds(k->cluster);
}

static void
on_commit(void *ctx, struct reflector *r)
{
	struct kind *k = ctx;

	(void)r;
	mirror_commit(k->cluster->mirror, k->place);
	first_try_over(k);
	check_owners(k->cluster);
	changed(k->cluster);
}

static void
on_abandon(void *ctx, struct reflector *r)
{
	(void)ctx;
	(void)r;
}

/* One that was lost is not any more: the others need not wait to find out that the server is there again. */
static void
found_again(struct cluster *c)
{
	for (size_t i = 0; i < n_resources; i++)
		if (c->kinds[i].reflector)
			reflector_hurry(c->kinds[i].reflector);
}

static void
on_changed(void *ctx, struct reflector *r)
{
	struct kind *k = ctx;
	enum reflector_state state = reflector_status(r).state;

	if (state != REFLECTOR_LISTING)
		first_try_over(k);
	if (k->lost && state == REFLECTOR_LIVE)
		found_again(k->cluster);
	k->lost = state == REFLECTOR_RETRYING || (k->lost && state == REFLECTOR_LISTING);
	changed(k->cluster);
}

/* --- what was kept in brief, and has lost what spoke for it --- */

struct orphans {
	const struct cluster *c;
	VEC(const struct object *) all;
};

static bool
collect_orphan(void *ctx, struct object *o)
{
	struct orphans *orphans = ctx;

	if (object_is_brief(o) && !seen_owner(&orphans->c->seen, o))
		vec_push(&orphans->all, o);
	return true;
}

/* An agent must not vanish because its pods were kept in brief: they are read once more, now in full. */
static void
read_orphans_of(struct cluster *c, struct kind *k)
{
	struct orphans orphans = {.c = c};

	mirror_each(c->mirror, k->place, collect_orphan, &orphans);
	if (orphans.all.n > ORPHANS_MAX || (k->no_get && orphans.all.n)) {
		reflector_relist(k->reflector);
		orphans.all.n = 0;
	}
	for (size_t i = 0; i < orphans.all.n; i++)
		reread_add(c->reread, &k->resource, orphans.all.at[i]->namespace, orphans.all.at[i]->name);
	vec_free(&orphans.all);
}

static void
read_orphans(void *ctx)
{
	struct cluster *c = ctx;

	if (reread_waiting(c->reread)) {
		loop_timer_set(c->orphans, GRACE_MS);
		return;
	}
	for (size_t i = 0; i < n_resources; i++) {
		struct kind *k = &c->kinds[i];

		if (k->reflector && !k->resource.metadata && k->resource.facts & FACT_WORKLOADS)
			read_orphans_of(c, k);
	}
}

/* What a watch has changed or taken away since then is known better by it. */
static void
reread_got(void *ctx, const struct resource *r, struct object *o, const char *version)
{
	struct cluster *c = ctx;
	const struct kind *k = CONTAINER_OF(r, struct kind, resource);
	const struct object *known = mirror_find(c->mirror, k->place, o->namespace, o->name);

	if (known && object_is_brief(known) && str_eq(known->uid, o->uid))
		mirrored(c, mirror_put(c->mirror, k->place, o, version));
	else
		object_unref(o);
}

/* Some may list what they may not get. */
static void
reread_failed(void *ctx, const struct resource *r, const struct err *e)
{
	struct cluster *c = ctx;
	struct kind *k = CONTAINER_OF(r, struct kind, resource);

	k->no_get |= e->kind == ERR_DENIED;
	loop_timer_set(c->orphans, GRACE_MS);
}

/* --- kinds --- */

/* What owns others comes first, so that what it speaks for can be kept in brief: 0, then 1, then 2. */
static int
stage_of(const struct resource *r)
{
	static const struct {
		const char *kind;
		int stage;
	} stages[] = {{"ReplicaSet", 1}, {"Job", 1}, {"Pod", 2}};

	for (size_t i = 0; i < COUNT_OF(stages); i++)
		if (str_eq(stages[i].kind, r->kind))
			return stages[i].stage;
	return 0;
}

/* Are all workloads of earlier stages read, as far as they can be? */
static bool
may_start(const struct cluster *c, const struct kind *k)
{
	int stage = stage_of(&k->resource);

	for (size_t i = 0; i < n_resources; i++) {
		const struct kind *other = &c->kinds[i];

		if (other->resource.facts & FACT_WORKLOADS && stage_of(&other->resource) < stage && !other->tried)
			return false;
	}
	return true;
}

static void
start_kind(struct cluster *c, struct kind *k)
{
	bool all = !c->namespace || !k->resource.namespaced;

	k->resource.version = k->found.version;
	k->reflector = reflector_new(&(struct reflector_options){
		.kube = c->opt.kube,
		.loop = c->opt.loop,
		.resource = &k->resource,
		.namespace = all ? NULL : c->namespace,
		.name = str_eq(k->resource.kind, "Namespace") ? c->namespace : NULL,
		.watch = c->opt.watch,
		.stream = c->stream,
		.seen = &c->seen,
		.events = {.ctx = k,
			   .begin = on_begin,
			   .put = on_put,
			   .gone = on_gone,
			   .commit = on_commit,
			   .abandon = on_abandon,
			   .bad = on_bad,
			   .changed = on_changed},
	});
}

static void
start_kinds(struct cluster *c)
{
	size_t running = 0;

	for (size_t i = 0; i < n_resources; i++)
		running += c->kinds[i].reflector && !c->kinds[i].tried;
	for (size_t i = 0; i < n_resources && running < PARALLEL; i++) {
		struct kind *k = &c->kinds[i];

		if (k->reflector || k->found.absent || !may_start(c, k))
			continue;
		start_kind(c, k);
		running++;
	}
}

/* The server had the kind and has it no more. */
static void
drop_kind(struct cluster *c, struct kind *k)
{
	reflector_free(take(k->reflector));
	mirror_begin(c->mirror, k->place);
	mirrored(c, mirror_commit(c->mirror, k->place));
}

/* --- discovery --- */

static void
use_discovery(struct cluster *c, const struct discovered *at)
{
	for (size_t i = 0; i < n_resources; i++) {
		struct kind *k = &c->kinds[i];

		/* A list that runs goes on in the version that it began with. */
		if (k->reflector && !at[i].absent)
			continue;
		k->found = at[i];
		if (k->found.absent && k->reflector)
			drop_kind(c, k);
		if (k->found.absent)
			k->tried = true;
	}
}

/*
 * The server is not there, or does not know who asks: then no kind needs to be asked for. Any other error is about the
 * list of kinds alone.
 */
static bool
is_hopeless(const struct err *e)
{
	return e->code < 400 || e->code == 401 || e->code == 429 || e->code >= 500;
}

/* What may go better in a moment. A wrong certificate, or a plugin that fails, is for the operator to mend. */
static bool
may_pass(const struct err *e)
{
	return e->code == ECONNRESET || e->code == ETIMEDOUT || e->code == 429 || e->code >= 500;
}

static void
discover_failed(struct cluster *c, const struct err *e)
{
	if (c->opt.watch || (may_pass(e) && ++c->discover_failures < DISCOVER_TRIES))
		loop_timer_set(c->discover, e->code == 401 ? REFUSED_MS : backoff_next(&c->backoff));
	else
		c->gave_up = true;
	changed(c);
}

static void
discover_done(void *ctx, const struct discovered *at, bool stream, const struct err *e)
{
	struct cluster *c = ctx;
	bool known = c->discovered;

	c->discovery = NULL;
	if (e && !known) {
		c->err = *e;
		if (is_hopeless(e)) {
			discover_failed(c, e);
			return;
		}
	}
	if (c->opt.watch)
		loop_timer_set(c->discover, DISCOVER_MS);
	c->discovered = true;
	c->stream = stream;
	if (!e || !known)
		use_discovery(c, at);
	if (!e)
		c->err = (struct err){0};
	start_kinds(c);
	changed(c);
}

static void
discover(void *ctx)
{
	struct cluster *c = ctx;

	discovery_cancel(c->discovery);
	c->discovery =
		discovery_start(&(struct discovery_args){.kube = c->opt.kube, .ctx = c, .done = discover_done});
}

/* --- how it is --- */

/* With one namespace only, its name is all that policies can ask of it: the API server labels it so. */
static bool
is_known_anyway(const struct cluster *c, const struct kind *k)
{
	return c->namespace && str_eq(k->resource.kind, "Namespace");
}

/* Whether an operator should know of the state that a kind is in. */
static bool
is_worth_a_word(const struct cluster *c, const struct kind *k, enum reflector_state state)
{
	switch (state) {
	case REFLECTOR_RETRYING:
		return true;
	case REFLECTOR_FORBIDDEN:
		return !is_known_anyway(c, k);
	case REFLECTOR_ABSENT:
		return !k->resource.optional;
	case REFLECTOR_DONE:
		return c->opt.watch; /* listed now and then */
	case REFLECTOR_LISTING:
	case REFLECTOR_LIVE:
		break;
	}
	return false;
}

struct tally {
	size_t forbidden_workloads, workloads; /* kinds; those that the server has */
	size_t loading, stale;
};

static void
count_kind(const struct cluster *c, const struct kind *k, struct cluster_status *out, struct tally *t)
{
	struct reflector_status s;
	bool workloads = k->resource.facts & FACT_WORKLOADS;

	if (k->found.absent) {
		out->absent++;
		return;
	}
	out->kinds++;
	t->workloads += workloads;
	out->objects += mirror_objects(c->mirror, k->place);
	out->bad += mirror_bads(c->mirror, k->place);
	if (!k->reflector) {
		t->loading++;
		return;
	}
	s = reflector_status(k->reflector);
	out->listed += s.listed;
	out->absent += s.state == REFLECTOR_ABSENT;
	out->forbidden += s.state == REFLECTOR_FORBIDDEN;
	out->retrying += s.state == REFLECTOR_RETRYING;
	t->forbidden_workloads += workloads && s.state == REFLECTOR_FORBIDDEN;
	/* What may be listed but not watched is as old as its last list. */
	t->stale += s.listed && (s.state == REFLECTOR_RETRYING ||
				 (c->opt.watch && s.state == REFLECTOR_DONE && s.err.kind != ERR_NONE));
	/* A kind that only some servers have must not keep the rest from being shown. */
	t->loading += !s.listed && !s.gave_up &&
		      (s.state == REFLECTOR_LISTING || (s.state == REFLECTOR_RETRYING && !k->resource.optional));
	if (s.listed && s.heard_ms >= 0 && (out->heard_ms < 0 || s.heard_ms < out->heard_ms))
		out->heard_ms = s.heard_ms;
	if (out->err.kind == ERR_NONE && is_worth_a_word(c, k, s.state))
		out->err = s.err;
}

struct cluster_status
cluster_status(const struct cluster *c)
{
	struct cluster_status out = {.heard_ms = -1, .err = c->err};
	struct tally t = {0};

	for (size_t i = 0; i < n_resources; i++)
		count_kind(c, &c->kinds[i], &out, &t);
	if (c->err.code == 401 || (t.workloads && t.forbidden_workloads == t.workloads))
		out.state = CLUSTER_FORBIDDEN;
	else if (!out.listed && (out.retrying || (!c->discovered && c->err.kind != ERR_NONE)))
		out.state = CLUSTER_FAILED;
	else if (t.loading)
		out.state = CLUSTER_LOADING;
	else if (t.stale)
		out.state = CLUSTER_STALE;
	else
		out.state = CLUSTER_LIVE;
	return out;
}

bool
cluster_settled(const struct cluster *c)
{
	if (!c->discovered)
		return c->gave_up;
	for (size_t i = 0; i < n_resources; i++) {
		const struct kind *k = &c->kinds[i];
		struct reflector_status s;

		if (k->found.absent)
			continue;
		if (!k->reflector)
			return false;
		s = reflector_status(k->reflector);
		/* What was listed is there to be shown, whatever becomes of its watch. */
		if (s.listed || s.gave_up || (c->opt.watch && k->resource.optional && s.state == REFLECTOR_RETRYING))
			continue;
		if (s.state == REFLECTOR_LISTING || s.state == REFLECTOR_RETRYING)
			return false;
	}
	return true;
}

bool
cluster_lacks_namespace(const struct cluster *c)
{
	const struct kind *k = &c->kinds[place_of("Namespace")];

	return c->namespace && k->reflector && reflector_status(k->reflector).listed &&
	       !mirror_objects(c->mirror, k->place);
}

static bool
add_object(void *ctx, struct object *o)
{
	object_set_add(ctx, object_ref(o));
	return true;
}

void
cluster_objects(const struct cluster *c, struct object_set *out)
{
	for (size_t i = 0; i < n_resources; i++)
		mirror_each(c->mirror, i, add_object, out);
}

/* --- gaps --- */

struct gaps {
	struct arena *arena;
	const struct kind *kind;
	VEC(struct gap) all;
};

/* One for each fact that is missing. */
static void
add_gap(struct gaps *g, const char *namespace, const char *reason)
{
	const struct resource *r = &g->kind->resource;

	for (size_t i = 0; i < FACTS; i++)
		if (r->facts & 1u << i)
			vec_push(&g->all, (struct gap){
						  .fact = (enum fact)(1u << i),
						  .kind = r->kind,
						  .namespace = arena_strdup(g->arena, namespace),
						  .reason = reason,
					  });
}

static void
add_bad(void *ctx, const char *namespace, const char *message)
{
	struct gaps *g = ctx;

	add_gap(g, namespace, arena_strdup(g->arena, message));
}

static const char *
forbidden_reason(struct arena *a, const struct kind *k, const struct err *e)
{
	const struct resource *r = &k->resource;

	if (e->code == 401)
		return arena_printf(a, "the credentials were refused: %s", e->msg);
	return arena_printf(a, "forbidden: needs list %s%s%s", r->plural, *r->group ? "." : "", r->group);
}

static void
add_gaps(struct gaps *g, const struct cluster *c, const struct kind *k)
{
	const char *namespace = c->namespace && k->resource.namespaced ? c->namespace : "";
	struct reflector_status s;

	g->kind = k;
	if (k->found.absent)
		return;
	mirror_each_bad(c->mirror, k->place, add_bad, g);
	if (!k->reflector) {
		add_gap(g, namespace,
			c->err.kind == ERR_NONE ? "not read yet" : arena_strdup(g->arena, c->err.msg));
		return;
	}
	s = reflector_status(k->reflector);
	if (s.state == REFLECTOR_FORBIDDEN && !is_known_anyway(c, k))
		add_gap(g, namespace, forbidden_reason(g->arena, k, &s.err));
	else if (s.state == REFLECTOR_ABSENT && !k->resource.optional)
		add_gap(g, namespace, arena_strdup(g->arena, s.err.msg)); /* though the server says that it has the kind */
	else if (s.state == REFLECTOR_RETRYING && !s.listed)
		add_gap(g, namespace, arena_strdup(g->arena, s.err.msg));
	else if (s.state == REFLECTOR_LISTING && !s.listed)
		add_gap(g, namespace, "not read yet");
}

size_t
cluster_gaps(const struct cluster *c, struct arena *a, struct gap **out)
{
	struct gaps g = {.arena = a};
	size_t n;

	for (size_t i = 0; i < n_resources; i++)
		add_gaps(&g, c, &c->kinds[i]);
	n = g.all.n;
	*out = n ? arena_copy(a, g.all.at, n * sizeof(g.all.at[0])) : NULL;
	vec_free(&g.all);
	return n;
}

/* --- changes --- */

void
cluster_take_changes(struct cluster *c, struct cluster_changes *out)
{
	mirror_take(c->mirror, out);
}

void
cluster_changes_free(struct cluster_changes *ch)
{
	for (size_t i = 0; i < ch->n; i++) {
		object_unref(ch->at[i].before);
		object_unref(ch->at[i].after);
	}
	vec_free(ch);
	*ch = (struct cluster_changes){0};
}

/* --- what others call --- */

struct cluster *
cluster_new(const struct cluster_options *opt)
{
	struct cluster *c = mem_alloc(sizeof(*c));

	c->opt = *opt;
	c->namespace = mem_strdup(opt->namespace);
	c->mirror = mirror_new(n_resources);
	c->seen = (struct seen){.find = find_owner, .ctx = c};
	c->reread = reread_new(&(struct reread_args){
		.kube = opt->kube, .seen = &c->seen, .ctx = c, .got = reread_got, .failed = reread_failed});
	c->kinds = mem_array(n_resources, sizeof(c->kinds[0]));
	for (size_t i = 0; i < n_resources; i++)
		c->kinds[i] = (struct kind){.cluster = c, .place = i, .resource = resources[i]};
	c->discover = loop_add_timer(opt->loop, discover, c);
	c->orphans = loop_add_timer(opt->loop, read_orphans, c);
	loop_timer_set(c->discover, 0);
	return c;
}

void
cluster_free(struct cluster *c)
{
	if (!c)
		return;
	discovery_cancel(c->discovery);
	reread_free(c->reread);
	for (size_t i = 0; i < n_resources; i++)
		reflector_free(c->kinds[i].reflector);
	loop_timer_remove(c->discover);
	loop_timer_remove(c->orphans);
	mirror_free(c->mirror);
	free(c->kinds);
	free(c->namespace);
	free(c);
}

void
cluster_refresh(struct cluster *c)
{
	for (size_t i = 0; i < n_resources; i++)
		if (c->kinds[i].reflector)
			reflector_relist(c->kinds[i].reflector);
	loop_timer_set(c->discover, 0);
}
