/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "audit/baseline.h"
#include "audit/summary.h"
#include "base/clock.h"
#include "base/refs.h"
#include "base/str.h"
#include "fleet/proof.h"

/*
 * Scope
 */

static bool
agent_chosen(const struct audit_settings *s, const struct workload *w)
{
	if (s->namespace && strcmp(s->namespace, w->namespace) != 0)
		return false;
	return !s->selector.present || selector_matches(&s->selector, &w->object->labels) ||
	       selector_matches(&s->selector, &w->template->labels);
}

/* A companion is judged with its agents, wherever they are, and for itself like an agent. */
static bool
companion_chosen(const struct fleet *f, const struct audit_settings *s, const bool *in_scope,
		 const struct workload *w)
{
	for (size_t i = 0; i < w->n_agents; i++)
		if (in_scope[w->agents[i] - f->workloads])
			return true;
	return agent_chosen(s, w);
}

bool
audit_chooses(const struct audit_settings *s, const struct workload *w)
{
	bool chosen = agent_chosen(s, w);

	for (size_t i = 0; !chosen && i < w->n_agents; i++)
		chosen = agent_chosen(s, w->agents[i]);
	return chosen;
}

static struct workload **
choose(struct audit *a, struct audit_frame *frame, const struct audit_settings *s, bool companions, size_t *n_out)
{
	const struct fleet *f = a->fleet;
	struct workload **from = companions ? f->companions : f->agents;
	size_t n = companions ? f->n_companions : f->n_agents;
	struct workload **out = ARENA_ARRAY(&frame->arena, struct workload *, n);

	*n_out = 0;
	for (size_t i = 0; i < n; i++) {
		bool chosen =
			companions ? companion_chosen(f, s, frame->in_scope, from[i]) : agent_chosen(s, from[i]);

		frame->in_scope[from[i] - f->workloads] = chosen;
		if (chosen)
			out[(*n_out)++] = from[i];
	}
	return out;
}

static void
choose_scope(struct audit *a, struct audit_frame *frame, const struct audit_settings *s)
{
	a->agents = choose(a, frame, s, false, &a->n_agents);
	a->companions = choose(a, frame, s, true, &a->n_companions);
	for (size_t i = 0; i < a->n_agents; i++)
		a->states[fleet_state(a->fleet, a->agents[i])]++;
}

/*
 * The frame
 */

/* The run only has to know the scope by now. */
static void
open_exemptions(struct audit *a, struct audit_run *run, struct audit_frame *frame)
{
	frame->exempt = exempt_new(run, &frame->arena, a->started_at);
	a->next_expiry = exempt_next_expiry(frame->exempt);
	a->exemptions = exempt_list(frame->exempt, &a->exemptions_from_objects);
	a->exemptions_from_config = run->settings->n_exemptions;
}

static void
note_expiry(struct audit *a, const struct workload *agent)
{
	int64_t at = proof_expiry(a->fleet, agent);

	if (at < a->next_expiry)
		a->next_expiry = at;
}

static bool
has_probes(const struct fleet *f)
{
	return f->evidence && f->evidence->n_probes;
}

static int
pair_cmp(const void *a, const void *b)
{
	const struct u32_pair *p = a, *q = b;

	if (p->target != q->target)
		return p->target < q->target ? -1 : 1;
	return (p->place > q->place) - (p->place < q->place);
}

static void
keep_lookers(struct audit_run *run, struct audit_frame *frame)
{
	if (run->lookers.n)
		qsort(run->lookers.at, run->lookers.n, sizeof(run->lookers.at[0]), pair_cmp);
	frame->lookers = arena_copy(&frame->arena, run->lookers.at, run->lookers.n * sizeof(run->lookers.at[0]));
	frame->n_lookers = run->lookers.n;
}

/*
 * The audit
 */

static void
judge_workloads(struct audit *a, struct audit_run *run, struct arena *arena, struct workload **at, size_t n)
{
	for (size_t i = 0; i < n; i++)
		shared_array_put(a->judgments, (size_t)(at[i] - a->fleet->workloads),
				 &judgment_of(run, at[i], arena)->item);
}

/* What the summary says, where readers look for it. */
static void
show(struct audit *a, const struct audit_settings *s)
{
	const struct summary *sum = a->summary;

	a->findings = sum->findings;
	a->n_findings = sum->n_findings;
	a->gaps = sum->gaps;
	a->n_gaps = sum->n_gaps;
	a->inapplicable = sum->inapplicable;
	a->n_inapplicable = sum->n_inapplicable;
	a->not_applicable = sum->not_applicable;
	a->n_not_applicable = sum->n_not_applicable;
	a->unknown = sum->unknown;
	a->n_unknown = sum->n_unknown;
	a->n_judged = sum->n_judged;
	a->complete = !sum->n_gaps && !sum->n_unknown;
	memcpy(a->severities, sum->severities, sizeof(a->severities));
	a->suppressed = sum->suppressed;
	a->by_workload = sum->by_workload;
	if (s->baseline)
		baseline_compare(s->baseline, a, &a->summary->arena);
}

static const struct audit_settings no_settings;

struct audit *
audit_new(struct fleet *f, const struct audit_settings *s, int64_t started_at)
{
	struct audit *a = mem_alloc(sizeof(*a));
	struct audit_frame *frame = mem_alloc(sizeof(*frame));
	int64_t start = clock_ms();
	struct audit_run run;

	s = s ? s : &no_settings;
	a->refs = 1;
	a->fleet = fleet_ref(f);
	a->started_at = started_at;
	frame->refs = 1;
	a->frame = frame;
	a->fail_on_new = s->fail_on_new;
	a->restricted = s->namespace || s->selector.present;
	frame->in_scope = ARENA_ARRAY(&frame->arena, bool, f->n_workloads);
	frame->plan = judgment_plan(&frame->arena, f, s);
	choose_scope(a, frame, s);
	run_open(&run, f, s, frame);
	open_exemptions(a, &run, frame);
	frame->fleet = judgment_of_fleet(&run, &frame->arena);
	a->judgments = shared_array_new(f->n_workloads, judgment_drop);
	judge_workloads(a, &run, &frame->arena, a->agents, a->n_agents);
	judge_workloads(a, &run, &frame->arena, a->companions, a->n_companions);
	keep_lookers(&run, frame);
	a->summary = summary_new(&run, &frame->arena, a->judgments);
	for (size_t i = 0; has_probes(f) && i < a->n_agents; i++)
		note_expiry(a, a->agents[i]);
	run_close(&run);
	show(a, s);
	a->duration_ms = clock_ms() - start;
	return a;
}

/*
 * The next audit
 */

/* Whose judgment may be another: those that were touched, and those that look at the addresses of what moved. */
static void
list_places(const struct audit_frame *frame, const struct fleet_touched *touched, struct u32_list *out)
{
	for (size_t i = 0; i < touched->places.n; i++)
		vec_push(out, touched->places.at[i]);
	for (size_t i = 0; i < touched->moved.n; i++) {
		size_t low = 0, high = frame->n_lookers;

		while (low < high) {
			size_t mid = low + (high - low) / 2;

			if (frame->lookers[mid].target < touched->moved.at[i])
				low = mid + 1;
			else
				high = mid;
		}
		for (; low < frame->n_lookers && frame->lookers[low].target == touched->moved.at[i]; low++)
			vec_push(out, frame->lookers[low].place);
	}
	u32_list_sort_unique(out);
}

struct replacements {
	struct replaced *at;
	size_t n, cap;
};

/* Those that say something else now. */
static void
judge_again(struct audit *a, struct audit_run *run, const struct u32_list *places, uint32_t *uses,
	    struct replacements *out)
{
	for (size_t i = 0; i < places->n; i++) {
		struct judgment *before = (struct judgment *)shared_array_at(a->judgments, places->at[i]), *after;

		if (!before)
			continue;
		after = judgment_of(run, &a->fleet->workloads[places->at[i]], NULL);
		summary_suppress(run, after, uses);
		summary_count_off(run, before, uses);
		if (judgment_same(before, after))
			judgment_drop(&after->item);
		else
			vec_push(out, (struct replaced){places->at[i], before, after});
	}
}

/* Agents that are proved now, or no more. What an older result's end was stays noted: at worst it is looked at too soon. */
static void
count_states_again(struct audit *a, const struct fleet *before, const struct u32_list *places)
{
	for (size_t i = 0; i < places->n; i++) {
		const struct workload *w = &a->fleet->workloads[places->at[i]];

		if (w->role != ROLE_AGENT || !a->frame->in_scope[places->at[i]])
			continue;
		a->states[fleet_state(before, w)]--;
		a->states[fleet_state(a->fleet, w)]++;
		if (has_probes(a->fleet))
			note_expiry(a, w);
	}
}

static void
update(struct audit *a, const struct fleet_touched *touched, const struct audit_settings *s)
{
	const struct summary *old = a->summary;
	size_t n_uses = exempt_uses(a->frame->exempt);
	uint32_t *uses = mem_array(n_uses + 1, sizeof(*uses));
	struct replacements changed = {0};
	struct u32_list places = {0};
	struct audit_run run;

	memcpy(uses, old->uses, n_uses * sizeof(*uses));
	list_places(a->frame, touched, &places);
	run_open(&run, a->fleet, s, a->frame);
	judge_again(a, &run, &places, uses, &changed);
	if (changed.n) {
		a->summary = summary_next(old, &run, changed.at, changed.n, uses);
		show(a, s);
	} else {
		summary_ref(a->summary);
	}
	for (size_t i = 0; i < changed.n; i++)
		shared_array_put(a->judgments, changed.at[i].place, &changed.at[i].after->item);
	run_close(&run);
	vec_free(&changed);
	vec_free(&places);
	free(uses);
}

/* Is the same known of both, so that the same rules can be judged? Objects are of one source; evidence comes and goes. */
static bool
same_facts(const struct fleet *a, const struct fleet *b)
{
	if (memcmp(a->facts, b->facts, sizeof(a->facts)) != 0 || a->n_gaps != b->n_gaps)
		return false;
	for (size_t i = 0; a->gaps != b->gaps && i < a->n_gaps; i++) {
		const struct gap *g = &a->gaps[i], *h = &b->gaps[i];

		if (g->fact != h->fact || !str_eq(g->kind, h->kind) || !str_eq(g->namespace, h->namespace) ||
		    !str_eq(g->reason, h->reason))
			return false;
	}
	return true;
}

struct audit *
audit_update(struct audit *old, struct fleet *next, const struct fleet_touched *touched,
	     const struct audit_settings *s, int64_t started_at)
{
	const struct fleet *built = old->fleet->base ? old->fleet->base : old->fleet;
	int64_t start = clock_ms();
	struct audit *a;

	if (next->base != built || started_at > old->next_expiry || !same_facts(old->fleet, next))
		return NULL;
	a = mem_alloc(sizeof(*a));
	refs_copy_rest(a, old, sizeof(*a));
	a->refs = 1;
	a->fleet = fleet_ref(next);
	refs_take(&a->frame->refs);
	a->started_at = started_at;
	a->judgments = shared_array_next(old->judgments);
	count_states_again(a, old->fleet, &touched->places);
	update(a, touched, s ? s : &no_settings);
	a->duration_ms = clock_ms() - start;
	return a;
}

struct audit *
audit_ref(struct audit *a)
{
	refs_take(&a->refs);
	return a;
}

static void
unref_frame(struct audit_frame *f)
{
	if (!refs_drop(&f->refs))
		return;
	arena_free(&f->arena);
	free(f);
}

void
audit_unref(struct audit *a)
{
	if (!a || !refs_drop(&a->refs))
		return;
	summary_unref(a->summary);
	shared_array_free(a->judgments);
	unref_frame(a->frame);
	fleet_unref(a->fleet);
	free(a);
}

int
audit_exit_status(const struct audit *a, enum severity fail_on)
{
	if (!a->n_agents && !a->n_companions)
		return 3;
	for (int s = (int)fail_on; s < SEVERITIES; s++) {
		if (a->fail_on_new ? a->new_severities[s] : a->severities[s])
			return 1;
	}
	return a->complete ? 0 : 4;
}

const struct pipelock *
audit_pipelock(const struct workload *agent)
{
	return agent->companion ? agent->companion->pipelock : agent->pipelock;
}

size_t
audit_count(const struct audit *a, const struct workload *agent, size_t by_severity[SEVERITIES])
{
	const uint32_t *counts = a->by_workload[agent - a->fleet->workloads];
	size_t sum = 0;

	for (size_t i = 0; i < SEVERITIES; i++) {
		by_severity[i] = counts[i];
		sum += counts[i];
	}
	return sum;
}

bool
audit_is_about(const struct finding *f, const struct workload *agent)
{
	return f->agent == agent || f->workload == agent || (f->workload && f->workload == agent->companion);
}
