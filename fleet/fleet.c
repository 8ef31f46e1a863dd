/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/fleet.h"

#include <stdlib.h>

#include "base/attr.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/refs.h"
#include "fleet/egress.h"
#include "fleet/fleet_index.h"
#include "fleet/gather.h"
#include "fleet/outside.h"
#include "fleet/owners.h"
#include "fleet/pair.h"
#include "fleet/profiles.h"
#include "fleet/reach.h"
#include "fleet/role.h"
#include "fleet/setup.h"
#include "fleet/steps.h"

static const struct settings default_settings = {.trust_objects = true};

static struct source
copy_source(struct arena *a, const struct source *from)
{
	struct source s = *from;
	const char **paths = ARENA_ARRAY(a, const char *, from->n_paths);

	for (size_t i = 0; i < from->n_paths; i++)
		paths[i] = arena_strdup(a, from->paths[i]);
	s.paths = paths;
	s.context = arena_strdup(a, from->context);
	s.server = arena_strdup(a, from->server);
	s.namespace = arena_strdup(a, from->namespace);
	return s;
}

static bool
has_pod_status(const struct object_set *set)
{
	for (size_t i = 0; i < set->n; i++)
		if (set->at[i]->type == OBJECT_POD && object_pod(set->at[i])->has_status)
			return true;
	return false;
}

/*
 * Kinds that a cluster has for sure: each namespace comes with a ConfigMap, and what agents are reached through are
 * Services. Files with running pods and not a single one of these are a snapshot of other kinds.
 */
static const struct {
	enum object_kind type;
	enum fact fact;
	const char *kind, *reason;
} sure_kinds[] = {
	{OBJECT_CONFIG_MAP, FACT_CONFIG_MAPS, "ConfigMap", "the source holds running Pods but not one ConfigMap"},
	{OBJECT_SERVICE, FACT_SERVICES, "Service", "the source holds running Pods but not one Service"},
};

static bool
has_kind(const struct object_set *set, enum object_kind type)
{
	for (size_t i = 0; i < set->n; i++)
		if (set->at[i]->type == type)
			return true;
	return false;
}

static bool
has_gap(const struct fleet_input *in, enum fact fact)
{
	for (size_t i = 0; i < in->n_gaps; i++)
		if ((unsigned)in->gaps[i].fact & (unsigned)fact)
			return true;
	return false;
}

/* What the reader says is missing, and the kinds that a snapshot does not have. */
static void
set_gaps(struct fleet *f, const struct fleet_input *in)
{
	bool snapshot = in->source.type == SOURCE_FILES && has_pod_status(in->objects);
	struct gap *gaps = ARENA_ARRAY(&f->arena, struct gap, in->n_gaps + COUNT_OF(sure_kinds));

	for (size_t i = 0; i < in->n_gaps; i++)
		gaps[f->n_gaps++] = (struct gap){in->gaps[i].fact, arena_strdup(&f->arena, in->gaps[i].kind),
						 arena_strdup(&f->arena, in->gaps[i].namespace),
						 arena_strdup(&f->arena, in->gaps[i].reason)};
	for (size_t i = 0; snapshot && i < COUNT_OF(sure_kinds); i++)
		if (!has_kind(in->objects, sure_kinds[i].type) && !has_gap(in, sure_kinds[i].fact))
			gaps[f->n_gaps++] =
				(struct gap){sure_kinds[i].fact, sure_kinds[i].kind, "", sure_kinds[i].reason};
	f->gaps = gaps;
}

static size_t
fact_place(enum fact fact)
{
	size_t place = 0;

	while (place < FACTS - 1 && !((unsigned)fact & 1u << place))
		place++;
	return place;
}

/* What a gap touches is not read everywhere. */
static void
apply_gaps(struct fleet *f)
{
	for (size_t i = 0; i < f->n_gaps * FACTS; i++)
		if ((unsigned)f->gaps[i / FACTS].fact & 1u << i % FACTS)
			f->facts[i % FACTS] = FACT_UNREADABLE;
}

/* What any source of objects gives; the rest is asked for by itself, by those who add it to a fleet. */
static void
set_facts(struct fleet *f, const struct object_set *set)
{
	const unsigned objects =
		FACT_WORKLOADS | FACT_SERVICES | FACT_CONFIG_MAPS | FACT_POLICIES | FACT_NAMESPACES;

	for (size_t i = 0; i < FACTS; i++)
		f->facts[i] = objects & 1u << i ? FACT_READ : FACT_NOT_APPLICABLE;
	if (has_pod_status(set))
		f->facts[fact_place(FACT_PODS)] = FACT_READ;
	apply_gaps(f);
}

static void
set_up_pipelocks(struct fleet *f)
{
	for (size_t i = 0; i < f->n_workloads; i++) {
		struct workload *w = &f->workloads[i];

		if (w->role == ROLE_AGENT || w->role == ROLE_COMPANION)
			w->pipelock = pipelock_setup(f, w);
	}
}

static void
take_warnings(struct fleet *f, const struct object_set *set)
{
	const char **warnings = ARENA_ARRAY(&f->arena, const char *, set->n_warnings);

	for (size_t i = 0; i < set->n_warnings; i++)
		warnings[i] = arena_strdup(&f->arena, set->warnings[i]);
	f->warnings = warnings;
	f->n_warnings = set->n_warnings;
}

static void
empty_set(struct fleet *f, struct object_set *set)
{
	f->paths = set->paths;
	set->paths = (struct arena){0};
	object_set_free(set);
}

/*
 * Without the policies, or without the pods' labels, nothing can be said of them: then f->reach stays NULL. Where only
 * some namespaces could not be read the rest is evaluated; rules say nothing of what a gap touches.
 */
static void
evaluate(struct fleet *f)
{
	const unsigned needs = FACT_POLICIES | FACT_WORKLOADS | FACT_NAMESPACES;
	enum fact_state *evaluated = &f->facts[fact_place(FACT_EGRESS)];

	for (size_t i = 0; i < f->n_gaps; i++)
		if (f->gaps[i].fact & needs && !*f->gaps[i].namespace)
			*evaluated = FACT_UNREADABLE;
	if (*evaluated == FACT_UNREADABLE)
		return;
	f->reach = reach_new(f);
	role_assign_scrapers(f);
	egress_evaluate(f);
	*evaluated = FACT_READ;
}

struct fleet *
fleet_new(struct fleet_input *in)
{
	struct fleet *f = mem_alloc(sizeof(*f));

	f->refs = 1;
	f->read_at = clock_now();
	f->settings = in->settings ? in->settings : &default_settings;
	f->source = copy_source(&f->arena, &in->source);
	set_gaps(f, in);
	set_facts(f, in->objects);
	gather_objects(f, in->objects);
	fleet_index_build(f);
	role_assign(f, in->objects);
	set_up_pipelocks(f);
	pair_assign(f);
	if (outside_note_companions(f))
		apply_gaps(f);
	profiles_assign(f);
	role_note_unsure(f);
	evaluate(f);
	steps_assign_states(f);
	take_warnings(f, in->objects);
	empty_set(f, in->objects);
	return f;
}

struct fleet *
fleet_ref(struct fleet *f)
{
	refs_take(&f->refs);
	return f;
}

void
fleet_unref(struct fleet *f)
{
	if (!f || !refs_drop(&f->refs))
		return;
	for (size_t i = 0; i < f->n_objects; i++)
		object_unref(f->objects[i]);
	shared_array_free(f->live);
	evidence_unref(f->evidence);
	if (f->base)
		owners_free(f->owners);
	arena_free(&f->paths);
	arena_free(&f->arena);
	fleet_unref(f->base);
	free(f);
}

unsigned
fleet_missing_facts(const struct fleet *f, unsigned needs, enum fact_state state)
{
	unsigned found = 0;

	for (size_t i = 0; i < FACTS; i++)
		if (needs & 1u << i && f->facts[i] == state)
			found |= 1u << i;
	return found;
}

/* A name of a table, "unknown" for what is none of it. */
static const char *
name_of(const char *const *names, size_t n, size_t i)
{
	return i < n && names[i] ? names[i] : "unknown";
}

#define NAME_OF(names, i) name_of(names, COUNT_OF(names), (size_t)(i))

const char *
role_name(enum role r)
{
	static const char *const names[] = {
		[ROLE_NONE] = "none",
		[ROLE_AGENT] = "agent",
		[ROLE_COMPANION] = "companion",
		[ROLE_SCRAPER] = "scraper",
	};

	return NAME_OF(names, r);
}

const char *
role_reason_text(enum role_reason r)
{
	static const char *const texts[] = {
		[ROLE_BY_NOTHING] = "nothing says otherwise",
		[ROLE_BY_CONFIG] = "config file",
		[ROLE_BY_LABEL] = "label moat.dev/role",
		[ROLE_BY_ANNOTATION] = "annotation pipelock.dev/topology",
		[ROLE_BY_NAME_LABELS] = "labels app.kubernetes.io/name and component",
		[ROLE_BY_CONTAINERS] = "runs Pipelock",
		[ROLE_BY_PROXY] = "proxy variables name a companion",
		[ROLE_BY_COMPONENT] = "label app.kubernetes.io/component",
		[ROLE_BY_POLICY] = "browsers that an agent's policy allows",
	};

	return NAME_OF(texts, r);
}

const char *
pair_reason_text(enum pair_reason r)
{
	static const char *const texts[] = {
		[PAIR_NONE] = "not paired",
		[PAIR_ANNOTATION] = "annotation",
		[PAIR_PROXY_HOST] = "proxy host",
		[PAIR_ONLY_COMPANION] = "only companion in the namespace",
	};

	return NAME_OF(texts, r);
}

const char *
state_name(enum state s)
{
	static const char *const names[STATES] = {
		[STATE_UNGUARDED] = "unguarded",
		[STATE_LEGACY] = "legacy",
		[STATE_MIGRATING] = "migrating",
		[STATE_MIGRATED] = "migrated",
		[STATE_VERIFIED] = "verified",
	};

	return NAME_OF(names, s);
}

const char *
mount_type_name(enum mount_type t)
{
	static const char *const names[] = {
		[MOUNT_NONE] = "none",
		[MOUNT_DIRECTORY] = "directory",
		[MOUNT_SUBPATH] = "subPath",
		[MOUNT_ENV] = "env",
		[MOUNT_MIXED] = "mixed",
		[MOUNT_IMAGE] = "image",
		[MOUNT_UNKNOWN] = "unknown",
	};

	return NAME_OF(names, t);
}

const char *
secret_verdict_name(enum secret_verdict v)
{
	static const char *const names[] = {
		[SECRET_OK] = "ok",
		[SECRET_EXPOSED] = "exposed",
		[SECRET_UNREADABLE] = "unreadable",
		[SECRET_DEPENDS] = "depends",
		[SECRET_UNKNOWN] = "unknown",
	};

	return NAME_OF(names, v);
}

const char *
fact_name(enum fact f)
{
	static const char *const names[FACTS] = {
		"workloads",
		"services",
		"config maps",
		"policies",
		"namespaces",
		"pods",
		"evaluated policies",
		"probes",
		"logs",
		"health",
	};

	return NAME_OF(names, fact_place(f));
}
