/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/role.h"

#include <string.h>

#include "base/attr.h"
#include "base/str.h"
#include "fleet/config_map.h"
#include "fleet/fleet_index.h"
#include "fleet/image.h"
#include "fleet/outside.h"
#include "fleet/pair.h"
#include "fleet/reach.h"

#define ROLE_LABEL "moat.dev/role"
#define TOPOLOGY "pipelock.dev/topology"
#define NAME_LABEL "app.kubernetes.io/name"
#define COMPONENT_LABEL "app.kubernetes.io/component"

static bool
give(struct workload *w, enum role role, enum role_reason reason)
{
	w->role = role;
	w->role_reason = reason;
	return true;
}

/* Is that label on the workload, or on its pods as the template makes them? */
static bool
has_label(const struct workload *w, const char *key, const char *value)
{
	return str_eq(labels_get(&w->object->labels, key), value) ||
	       str_eq(labels_get(&w->template->labels, key), value);
}

static bool
has_annotation(const struct workload *w, const char *key, const char *value)
{
	return str_eq(labels_get(&w->object->annotations, key), value) ||
	       str_eq(labels_get(&w->template->annotations, key), value);
}

static bool
by_config(const struct settings *s, struct workload *w)
{
	const struct match_subject subject = {w->namespace, w->kind, w->name, &w->object->labels,
					      &w->template->labels};

	for (size_t i = 0; i < s->n_roles; i++)
		if (settings_match(&s->roles[i].match, &subject))
			return give(w, (enum role)s->roles[i].role, ROLE_BY_CONFIG);
	for (size_t i = 0; i < s->n_scrapers; i++)
		if (settings_match(&s->scrapers[i], &subject))
			return give(w, ROLE_SCRAPER, ROLE_BY_CONFIG);
	return false;
}

static bool
parse_role(const char *word, enum role *role)
{
	for (*role = ROLE_NONE; *role <= ROLE_SCRAPER; (*role)++)
		if (strcmp(word, role_name(*role)) == 0)
			return true;
	return false;
}

/* Read even where objects are not trusted: reports list who tries. */
static bool
by_label(const struct settings *s, struct workload *w, struct object_set *set)
{
	const struct labels *const on[] = {&w->object->labels, &w->template->labels};
	const char *odd = NULL;
	enum role role = ROLE_NONE;

	for (size_t i = 0; i < COUNT_OF(on) && !w->role_label; i++) {
		const char *word = labels_get(on[i], ROLE_LABEL);

		if (word && parse_role(word, &role))
			w->role_label = word;
		else if (word && !odd)
			odd = word;
	}
	if (odd)
		object_set_warn(set,
				"%s %s/%s: label %s: %.63s is passed over: write agent, companion, scraper or none",
				w->kind, w->namespace, w->name, ROLE_LABEL, odd);
	return w->role_label && s->trust_objects && give(w, role, ROLE_BY_LABEL);
}

static bool
by_pipelock_marks(struct workload *w)
{
	if (has_annotation(w, TOPOLOGY, "companion-proxy"))
		return give(w, ROLE_AGENT, ROLE_BY_ANNOTATION);
	if (has_label(w, NAME_LABEL, "pipelock") && has_label(w, COMPONENT_LABEL, "proxy"))
		return give(w, ROLE_COMPANION, ROLE_BY_NAME_LABELS);
	return false;
}

/* Something that works in the pod, rather than serving what does. */
static bool
is_worker(const struct container *c)
{
	return c->class == CONTAINER_MAIN && !container_is_pipelock(c) && !known_has(KNOWN_VPN, c) &&
	       !known_has(KNOWN_HELPER, c);
}

static bool
by_containers(struct workload *w)
{
	const struct pod_spec *spec = &w->template->spec;
	bool pipelock = false, worker = false;

	for (size_t i = 0; i < spec->n_containers; i++) {
		pipelock = pipelock || container_is_pipelock(&spec->containers[i]);
		worker = worker || is_worker(&spec->containers[i]);
	}
	return pipelock && give(w, worker ? ROLE_AGENT : ROLE_COMPANION, ROLE_BY_CONTAINERS);
}

/* What a workload says of itself. */
static void
assign_by_itself(struct fleet *f, struct object_set *set)
{
	for (size_t i = 0; i < f->n_workloads; i++) {
		struct workload *w = &f->workloads[i];
		bool labelled = by_label(f->settings, w, set);

		if (by_config(f->settings, w) || labelled || by_pipelock_marks(w))
			continue;
		by_containers(w);
	}
}

/* What others make of it: asks which Services lead to companions, so these have to be known. */
static void
assign_by_others(struct fleet *f)
{
	AUTO(arena) struct arena scratch = {0};

	for (size_t i = 0; i < f->n_workloads; i++) {
		struct workload *w = &f->workloads[i];

		if (w->role_reason != ROLE_BY_NOTHING)
			continue;
		if (pair_proxy_target(f, w, &scratch).companion)
			give(w, ROLE_AGENT, ROLE_BY_PROXY);
		else if (has_label(w, COMPONENT_LABEL, "agent"))
			give(w, ROLE_AGENT, ROLE_BY_COMPONENT);
		arena_reset(&scratch);
	}
}

static struct workload **
list_role(struct fleet *f, enum role role, size_t *n)
{
	struct workload **list;

	*n = 0;
	for (size_t i = 0; i < f->n_workloads; i++)
		*n += f->workloads[i].role == role;
	list = ARENA_ARRAY(&f->arena, struct workload *, *n);
	*n = 0;
	for (size_t i = 0; i < f->n_workloads; i++)
		if (f->workloads[i].role == role)
			list[(*n)++] = &f->workloads[i];
	return list;
}

void
role_assign(struct fleet *f, struct object_set *set)
{
	assign_by_itself(f, set);
	fleet_index_companions(f);
	assign_by_others(f);
	f->agents = list_role(f, ROLE_AGENT, &f->n_agents);
	f->companions = list_role(f, ROLE_COMPANION, &f->n_companions);
	f->scrapers = list_role(f, ROLE_SCRAPER, &f->n_scrapers);
}

/* A companion in the workload's namespace; `idle`: one that no agent is paired with. NULL for none. */
static const struct workload *
companion_near(const struct fleet *f, const struct workload *w, bool idle)
{
	size_t n;
	const struct workload *near = fleet_namespace(f, w->namespace, &n);

	for (size_t i = 0; i < n; i++)
		if (near[i].role == ROLE_COMPANION && !(idle && near[i].n_agents))
			return &near[i];
	return NULL;
}

static void
note_unsure(struct fleet *f, struct workload *w, const char *kind, const char *why)
{
	w->unsure.kind = arena_strdup(&f->arena, kind ? kind : w->kind);
	w->unsure.reason =
		arena_printf(&f->arena,
			     "%s %s/%s may be an agent and is not judged: %s; label it moat.dev/role: agent "
			     "(or none)",
			     w->kind, w->namespace, w->name, why);
}

/*
 * Of a variable that is there it has to be said. A ConfigMap under envFrom may hold anything: it counts where a
 * companion is near, and where ConfigMaps were read at all (else the audit says that, once).
 */
static void
note_unread(struct fleet *f, struct workload *w, const struct proxy_target *t, struct arena *scratch)
{
	const struct env_value *v = &t->unread.env;

	if (v->perhaps && (!companion_near(f, w, false) || config_maps_unread(f, w->namespace)))
		return;
	note_unsure(f, w, v->kind,
		    arena_printf(scratch, "%s of container %s %s from %s", t->unread.name, t->unread_in->name,
				 v->perhaps ? "may come" : "comes", v->cause));
}

/*
 * Nearly everything takes a Secret under envFrom: that counts only where a companion without any agent stands beside,
 * so that somebody here has to be meant.
 */
static void
note_secret(struct fleet *f, struct workload *w, struct arena *scratch)
{
	const struct workload *companion = companion_near(f, w, true);
	const struct pod_spec *spec = &w->template->spec;

	for (size_t i = 0; companion && i < spec->n_containers; i++) {
		const struct container *c = &spec->containers[i];
		const char *secret = env_secret_source(c, "HTTPS_PROXY");

		if (!secret || !is_worker(c))
			continue;
		note_unsure(
			f, w, "Secret",
			arena_printf(scratch,
				     "Secret %s under envFrom of container %s, which moat does not read, could set "
				     "HTTPS_PROXY, and companion %s has no agent",
				     secret, c->name, companion->name));
		return;
	}
}

/* The companion that would make an agent of it may stand where nothing was read. */
static bool
note_outside(struct fleet *f, struct workload *w, const char *host, struct arena *scratch)
{
	const char *namespace;
	size_t len;

	if (!outside_names(f, host, &namespace, &len))
		return false;
	note_unsure(f, w, "Service",
		    arena_printf(scratch, "its proxy is %s, and only namespace %s was read", host, f->source.namespace));
	return true;
}

void
role_note_unsure(struct fleet *f)
{
	AUTO(arena) struct arena scratch = {0};

	for (size_t i = 0; (f->n_companions || f->source.namespace) && i < f->n_workloads; i++) {
		struct workload *w = &f->workloads[i];
		struct proxy_target target;

		if (w->role_reason != ROLE_BY_NOTHING)
			continue;
		target = pair_proxy_target(f, w, &scratch);
		if (target.missing && note_outside(f, w, target.missing, &scratch))
			continue;
		if (target.unread_in)
			note_unread(f, w, &target, &scratch);
		else if (!target.set)
			note_secret(f, w, &scratch);
		arena_reset(&scratch);
	}
}

static bool
is_browser(const struct workload *w)
{
	const struct pod_spec *spec = &w->template->spec;
	bool browser = false;

	for (size_t i = 0; i < spec->n_containers; i++) {
		const struct container *c = &spec->containers[i];

		if (c->class != CONTAINER_MAIN || known_has(KNOWN_HELPER, c))
			continue;
		if (!known_has(KNOWN_BROWSER, c))
			return false;
		browser = true;
	}
	return browser;
}

struct client_search {
	const struct reach *reach;
	bool found;
};

/* An agent without a policy may go anywhere: that says nothing of what it goes to. */
static bool
stop_at_agent(void *ctx, size_t class, const struct port_set *ports UNUSED)
{
	struct client_search *search = ctx;
	size_t n;
	const struct workload *const *at = reach_class_workloads(search->reach, class, &n);

	for (size_t i = 0; i < n; i++)
		search->found |=
			at[i]->role == ROLE_AGENT && reach_isolated(search->reach, DIRECTION_EGRESS, class);
	return !search->found;
}

static bool
has_client(struct fleet *f, const struct workload *w)
{
	AUTO(arena) struct arena scratch = {0};
	struct client_search search = {.reach = f->reach};
	size_t n;
	const uint32_t *classes = reach_classes(f->reach, w, &n);

	for (size_t i = 0; i < n && !search.found; i++)
		reach_each(f->reach, DIRECTION_INGRESS, classes[i], &scratch, stop_at_agent, &search);
	return search.found;
}

void
role_assign_scrapers(struct fleet *f)
{
	for (size_t i = 0; i < f->n_workloads; i++) {
		struct workload *w = &f->workloads[i];

		if (w->role_reason == ROLE_BY_NOTHING && is_browser(w) && has_client(f, w))
			give(w, ROLE_SCRAPER, ROLE_BY_POLICY);
	}
	f->scrapers = list_role(f, ROLE_SCRAPER, &f->n_scrapers);
}
