/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/proof.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "base/str.h"
#include "base/vec.h"
#include "fleet/live.h"
#include "fleet/reach.h"

struct texts {
	const char **at;
	size_t n, cap;
};

/*
 * What probes are made against
 */

static int
text_cmp(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* One a line, sorted, each once. */
static void
add_lines(struct buf *out, struct texts *t)
{
	if (t->n)
		qsort(t->at, t->n, sizeof(t->at[0]), text_cmp);
	for (size_t i = 0; i < t->n; i++)
		if (!i || strcmp(t->at[i], t->at[i - 1]) != 0)
			buf_addf(out, "%s\n", t->at[i]);
}

/* What template a pod was made of: by the label of whoever made it, else nobody knows of two pods that they are alike. */
static const char *
revision(const struct pod *p)
{
	static const char *const keys[] = {"pod-template-hash", "controller-revision-hash",
					   "rollouts-pod-template-hash"};

	for (size_t i = 0; i < COUNT_OF(keys); i++) {
		const char *hash = labels_get(&p->object.labels, keys[i]);

		if (hash)
			return hash;
	}
	return p->object.uid ? p->object.uid : p->object.name;
}

/*
 * A workload as it runs: false when it does not. Pods that are on their way out of a rollout are not probed, and what
 * was found beside them stands when they have gone.
 */
static bool
add_running(const struct fleet *f, const struct workload *w, struct buf *out)
{
	const struct live *l = fleet_live(f, w);
	struct texts revisions = {0};
	bool runs;

	buf_addf(out, "%s %s/%s %s\n", w->kind, w->namespace, w->name,
		 w->itself && w->object->uid ? w->object->uid : "");
	for (size_t i = 0; i < l->n_pods; i++)
		if (!l->pods[i]->finished && !l->pods[i]->deleting)
			vec_push(&revisions, revision(l->pods[i]));
	runs = revisions.n > 0;
	add_lines(out, &revisions);
	vec_free(&revisions);
	return runs;
}

static void
list_policies(const struct fleet *f, const struct workload *w, struct arena *a, struct texts *out)
{
	size_t n_classes;
	const uint32_t *classes = reach_classes(f->reach, w, &n_classes);

	for (size_t i = 0; i < n_classes; i++) {
		for (int d = 0; d < DIRECTIONS; d++) {
			const struct policy *const *at;
			size_t n = reach_policies(f->reach, (enum direction)d, classes[i], &at);

			for (size_t k = 0; k < n; k++) {
				const struct object *o = &at[k]->object;

				vec_push(out, arena_printf(a, "%s %s/%s %s %" PRId64, o->kind, o->namespace,
							   o->name, o->uid ? o->uid : "", o->generation));
			}
		}
	}
}

const char *
proof_against(const struct fleet *f, const struct workload *agent, struct arena *a)
{
	AUTO(buf) struct buf all = {0};
	struct texts policies = {0};
	char hex[65];

	if (!f->reach || !add_running(f, agent, &all))
		return NULL;
	list_policies(f, agent, a, &policies);
	if (agent->companion) {
		add_running(f, agent->companion, &all);
		list_policies(f, agent->companion, a, &policies);
	}
	add_lines(&all, &policies);
	vec_free(&policies);
	sha256_hex(all.data, all.len, hex);
	return arena_strndup(a, hex, PROOF_AGAINST);
}

/*
 * How a probe stands
 */

static int
node_cmp(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

size_t
proof_nodes(const struct fleet *f, const struct workload *agent, struct arena *a, const char *const **out)
{
	const struct live *l = fleet_live(f, agent);
	const char **at = ARENA_ARRAY(a, const char *, l->n_pods);
	size_t n = 0, kept = 0;

	for (size_t i = 0; i < l->n_pods; i++)
		if (live_is_ready(l->pods[i]) && l->pods[i]->node)
			at[n++] = l->pods[i]->node;
	if (n)
		qsort(at, n, sizeof(at[0]), node_cmp);
	for (size_t i = 0; i < n; i++)
		if (!kept || strcmp(at[kept - 1], at[i]) != 0)
			at[kept++] = at[i];
	*out = at;
	return kept;
}

static int64_t
max_age(const struct fleet *f)
{
	return f->settings->probe_max_age ? f->settings->probe_max_age : SETTINGS_PROBE_MAX_AGE;
}

bool
proof_changed(const struct fleet *f, const struct workload *agent, const struct probe_result *r)
{
	return !*r->against || !str_eq(r->against, fleet_live(f, agent)->against);
}

bool
proof_too_old(const struct fleet *f, const struct probe_result *r)
{
	return r->at < f->read_at - max_age(f);
}

bool
proof_stale(const struct fleet *f, const struct workload *agent, const struct probe_result *r)
{
	return proof_changed(f, agent, r) || proof_too_old(f, r);
}

enum probe_verdict
proof_verdict(const struct probe_result *r)
{
	return r->verdict == PROBE_BLOCKED && r->control != PROBE_CONTROL_OK ? PROBE_INCONCLUSIVE : r->verdict;
}

/* The higher the worse. */
static int
badness(const struct probe_result *r)
{
	static const int order[] = {[PROBE_BLOCKED] = 0, [PROBE_INCONCLUSIVE] = 1, [PROBE_OPEN] = 2};

	return order[proof_verdict(r)];
}

static void
add_result(struct probe_standing *s, const struct probe_result *r, bool stale, bool here)
{
	s->probed += here;
	s->stale |= stale;
	if (!s->worst || badness(r) > badness(s->worst))
		s->worst = r;
	if (s->at == CLOCK_UNKNOWN || r->at < s->at)
		s->at = r->at;
}

void
proof_standings(const struct fleet *f, const struct workload *agent, struct probe_standing out[PROBES])
{
	AUTO(arena) struct arena scratch = {0};
	const struct workload_key key = workload_key_of(agent);
	const char *const *nodes;
	size_t n, n_nodes = proof_nodes(f, agent, &scratch, &nodes);
	const struct probe_result *at = evidence_probes(f->evidence, &key, &n);

	for (int p = 0; p < PROBES; p++)
		out[p] = (struct probe_standing){.nodes = n_nodes, .at = CLOCK_UNKNOWN};
	for (size_t i = 0; i < n; i++) {
		bool stale = proof_stale(f, agent, &at[i]);
		bool here = n_nodes && bsearch(&at[i].node, nodes, n_nodes, sizeof(nodes[0]), node_cmp);

		if (here || (at[i].verdict == PROBE_OPEN && !stale))
			add_result(&out[at[i].probe], &at[i], stale, here);
	}
}

struct probe_standing
proof_standing(const struct fleet *f, const struct workload *agent, enum probe p)
{
	struct probe_standing all[PROBES];

	proof_standings(f, agent, all);
	return all[p];
}

bool
proof_verified(const struct fleet *f, const struct workload *agent)
{
	struct probe_standing all[PROBES];

	proof_standings(f, agent, all);
	for (int p = 0; p < PROBES_BYPASS; p++) {
		const struct probe_standing *s = &all[p];

		if (!s->nodes || s->probed < s->nodes || s->stale || badness(s->worst) > 0)
			return false;
	}
	return true;
}

int64_t
proof_expiry(const struct fleet *f, const struct workload *agent)
{
	const struct workload_key key = workload_key_of(agent);
	int64_t first = INT64_MAX;
	size_t n;
	const struct probe_result *at = evidence_probes(f->evidence, &key, &n);

	for (size_t i = 0; i < n; i++) {
		if (proof_too_old(f, &at[i]) || at[i].at >= INT64_MAX - max_age(f))
			continue;
		if (at[i].at + max_age(f) < first)
			first = at[i].at + max_age(f);
	}
	return first;
}

/*
 * Evidence and fleets
 */

void
proof_refresh(struct fleet *f, const struct workload *agent)
{
	AUTO(arena) struct arena scratch = {0};
	const struct workload_key key = workload_key_of(agent);
	struct live *l = live_copy(fleet_live(f, agent));
	const char *against;
	size_t n;

	evidence_probes(f->evidence, &key, &n);
	against = n ? proof_against(f, agent, &scratch) : NULL;
	memset(l->against, 0, sizeof(l->against));
	memcpy(l->against, against ? against : "", against ? strlen(against) : 0);
	shared_array_put(f->live, (size_t)(agent - f->workloads), &l->item);
	l->verified = n && proof_verified(f, agent);
}

bool
proof_same_running(const struct fleet *a, const struct fleet *b, const struct workload *w)
{
	AUTO(buf) struct buf x = {0};
	AUTO(buf) struct buf y = {0};

	add_running(a, w, &x);
	add_running(b, w, &y);
	return str_eq(buf_str(&x), buf_str(&y));
}

static enum fact_state *
fact_of(struct fleet *f, enum fact fact)
{
	return &f->facts[__builtin_ctz(fact)];
}

static void
set_facts(struct fleet *f)
{
	const struct evidence *e = f->evidence;
	const struct {
		enum fact fact;
		bool read;
	} tiers[] = {
		{FACT_PROBES, e && e->has_probes},
		{FACT_LOGS, e && e->has_logs},
		{FACT_HEALTH, e && e->has_health},
	};

	for (size_t i = 0; i < COUNT_OF(tiers); i++)
		*fact_of(f, tiers[i].fact) = tiers[i].read ? FACT_READ : FACT_NOT_APPLICABLE;
	if (e && e->probes_error)
		*fact_of(f, FACT_PROBES) = FACT_UNREADABLE;
}

/* What the objects left open, and what the history did. */
static void
set_gaps(struct fleet *f)
{
	const struct fleet *built = f->base;
	bool failed = f->evidence && f->evidence->probes_error;
	struct gap *gaps = ARENA_ARRAY(&f->arena, struct gap, built->n_gaps + 1);

	for (size_t i = 0; i < built->n_gaps; i++)
		gaps[i] = built->gaps[i];
	if (failed)
		gaps[built->n_gaps] = (struct gap){FACT_PROBES, "probe", "", f->evidence->probes_error};
	f->gaps = gaps;
	f->n_gaps = built->n_gaps + failed;
}

struct changed {
	const struct fleet *fleet;
	struct u32_list *out;
};

static void
note(void *ctx, const struct workload_key *k)
{
	struct changed *c = ctx;
	const struct workload *w = fleet_workload(c->fleet, k->namespace, k->kind, k->name);

	if (w)
		vec_push(c->out, (uint32_t)(w - c->fleet->workloads));
}

struct fleet *
fleet_prove(struct fleet *f, struct evidence *e, struct fleet_touched *out)
{
	struct fleet *next = fleet_share(f);
	struct changed c = {next, &out->places};

	*out = (struct fleet_touched){0};
	evidence_unref(next->evidence);
	next->evidence = evidence_ref(e);
	set_facts(next);
	set_gaps(next);
	evidence_differences(f->evidence, e, note, &c);
	u32_list_sort_unique(&out->places);
	for (size_t i = 0; i < out->places.n; i++)
		if (next->workloads[out->places.at[i]].role == ROLE_AGENT)
			proof_refresh(next, &next->workloads[out->places.at[i]]);
	return next;
}
