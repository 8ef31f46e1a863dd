/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/summary.h"

#include <stdlib.h>
#include <string.h>

#include "base/attr.h"
#include "base/refs.h"
#include "base/str.h"

struct drafts {
	const struct draft **at;
	size_t n, cap;
};

/* A finding as it is shown: the draft's own, or one that several drafts were merged into. */
struct item {
	const struct finding *finding;
	const struct draft *draft;
};

struct items {
	struct item *at;
	size_t n, cap;
};

/*
 * Merging: one thing is said once
 */

static int
by_print(const void *a, const void *b)
{
	const struct draft *p = *(const struct draft *const *)a, *q = *(const struct draft *const *)b;
	int order;

	if (p->print != q->print)
		return p->print < q->print ? -1 : 1;
	order = strcmp(p->finding.message, q->finding.message);
	if (!order)
		order = (p->place > q->place) - (p->place < q->place);
	return order ? order : (p > q) - (p < q); /* of one judgment: as they were said */
}

/* A ConfigMap of two companions breaks a rule once, and belongs to no single agent. */
static struct finding *
merge_group(struct arena *a, const struct draft *const *at, size_t n)
{
	struct finding *f = arena_copy(a, &at[0]->finding, sizeof(*f));

	for (size_t i = 1; i < n; i++) {
		if (f->agent != at[i]->finding.agent)
			f->agent = NULL;
		if (!at[i]->finding.suppressed) /* it counts as long as one of them does */
			f->suppressed = NULL;
	}
	return f;
}

/* Sorts the drafts; findings of several go to the arena, and their drafts to `shared`. */
static void
merge(struct arena *a, struct drafts *in, struct items *out, struct drafts *shared)
{
	if (in->n)
		qsort(in->at, in->n, sizeof(in->at[0]), by_print);
	for (size_t i = 0, n; i < in->n; i += n) {
		const struct finding *f = &in->at[i]->finding;

		for (n = 1; i + n < in->n && in->at[i + n]->print == in->at[i]->print;)
			n++;
		if (n > 1)
			f = merge_group(a, in->at + i, n);
		for (size_t k = 0; n > 1 && k < n; k++)
			vec_push(shared, in->at[i + k]);
		vec_push(out, (struct item){f, in->at[i]});
	}
}

/*
 * Order
 */

static int
by_object(const struct finding *p, const struct finding *q)
{
	int order = strcmp(p->object.kind, q->object.kind);

	if (!order)
		order = strcmp(p->object.namespace, q->object.namespace);
	if (!order)
		order = strcmp(p->object.name, q->object.name);
	return order ? order : str_cmp(p->object.container, q->object.container);
}

static int
by_weight(const void *a, const void *b)
{
	const struct item *p = a, *q = b;
	const struct finding *f = p->finding, *g = q->finding;
	int order = (int)g->severity - (int)f->severity;

	if (!order)
		order = strcmp(f->namespace, g->namespace);
	if (!order)
		order = str_cmp(f->agent ? f->agent->name : NULL, g->agent ? g->agent->name : NULL);
	if (!order)
		order = (p->draft->order > q->draft->order) - (p->draft->order < q->draft->order);
	if (!order)
		order = by_object(f, g);
	if (!order)
		order = strcmp(p->draft->subject, q->draft->subject);
	return order ? order : (p->draft->print > q->draft->print) - (p->draft->print < q->draft->print);
}

static void
count(struct summary *s, const struct audit_run *run, const struct finding *f, int change)
{
	if (f->suppressed) {
		s->suppressed += (size_t)change;
		return;
	}
	s->severities[f->severity] += (size_t)change;
	if (f->agent)
		s->by_workload[f->agent - run->fleet->workloads][f->severity] += (uint32_t)change;
}

static void
make_room(struct summary *s, size_t n)
{
	s->findings = ARENA_ARRAY(&s->arena, struct finding, n);
	s->drafts = ARENA_ARRAY(&s->arena, const struct draft *, n);
	s->prints = ARENA_ARRAY(&s->arena, uint64_t, n);
}

static void
append(struct summary *s, const struct audit_run *run, const struct item *item)
{
	s->findings[s->n_findings] = *item->finding;
	s->drafts[s->n_findings] = item->draft;
	s->prints[s->n_findings] = item->draft->print;
	s->n_findings++;
	count(s, run, item->finding, 1);
}

static void
append_run(struct summary *s, const struct summary *from, size_t first, size_t n)
{
	if (!n)
		return;
	memcpy(s->findings + s->n_findings, from->findings + first, n * sizeof(*s->findings));
	memcpy(s->drafts + s->n_findings, from->drafts + first, n * sizeof(*s->drafts));
	memcpy(s->prints + s->n_findings, from->prints + first, n * sizeof(*s->prints));
	s->n_findings += n;
}

/*
 * What could not be judged
 */

static int
by_text(const struct gap *p, const struct gap *q)
{
	int order = strcmp(p->kind, q->kind);

	if (!order)
		order = strcmp(p->namespace, q->namespace);
	return order ? order : strcmp(p->reason, q->reason);
}

/* The fleet's own come first: they know the fact. */
static int
by_gap(const void *a, const void *b)
{
	const struct noted_gap *p = a, *q = b;
	uint32_t i = p->place + 2, k = q->place + 2;
	int order = by_text(&p->gap, &q->gap);

	if (!order)
		order = (i > k) - (i < k);
	return order ? order : (p->gap.fact < q->gap.fact) - (p->gap.fact > q->gap.fact);
}

static void
close_gaps(struct summary *s)
{
	if (s->n_noted)
		qsort(s->noted, s->n_noted, sizeof(*s->noted), by_gap);
	s->gaps = ARENA_ARRAY(&s->arena, struct gap, s->n_noted);
	for (size_t i = 0; i < s->n_noted; i++)
		if (!s->n_gaps || by_text(&s->gaps[s->n_gaps - 1], &s->noted[i].gap) != 0)
			s->gaps[s->n_gaps++] = s->noted[i].gap;
}

static void
note_gaps(struct summary *s, const struct judgment *j, uint32_t place)
{
	for (size_t i = 0; i < j->n_gaps; i++)
		s->noted[s->n_noted++] = (struct noted_gap){j->gaps[i], place};
}

static void
note_inapplicable(struct summary *s, const struct judgment *j)
{
	if (j->n_inapplicable)
		memcpy(s->inapplicable + s->n_inapplicable, j->inapplicable,
		       j->n_inapplicable * sizeof(*j->inapplicable));
	s->n_inapplicable += j->n_inapplicable;
}

static void
count_marks(struct summary *s, const struct judgment *j, int change)
{
	for (size_t i = 0; j->marks && i < n_rules; i++)
		for (int bit = 0; bit < 3; bit++)
			if (j->marks[i] & 1u << bit)
				s->marks[i][bit] += (uint32_t)change;
}

enum { PARTLY, UNKNOWN, INAPPLICABLE }; /* the bits of enum mark */

static bool
is_run(const struct rule_plan *plan)
{
	return !plan->off && !plan->not_applicable;
}

/* The rules of which something could not be judged, in their order. */
static void
list_rules(struct summary *s, const struct audit_run *run)
{
	s->unknown = ARENA_ARRAY(&s->arena, const struct rule *, n_rules);
	s->not_applicable = ARENA_ARRAY(&s->arena, const struct rule *, n_rules);
	for (size_t i = 0; i < n_rules; i++) {
		const struct rule_plan *plan = &run->frame->plan[i];

		s->n_judged += is_run(plan) && !s->marks[i][PARTLY];
		if (s->marks[i][UNKNOWN])
			s->unknown[s->n_unknown++] = rules[i];
		if (s->marks[i][INAPPLICABLE] || (plan->not_applicable && !plan->off))
			s->not_applicable[s->n_not_applicable++] = rules[i];
	}
}

/* Was each rule judged for all that it is about? */
static void
list_judged(const struct summary *s, const struct audit_run *run, bool *judged)
{
	for (size_t i = 0; i < n_rules; i++)
		judged[i] = is_run(&run->frame->plan[i]) && !s->marks[i][PARTLY];
}

/*
 * Exemptions
 */

void
summary_suppress(const struct audit_run *run, struct judgment *j, uint32_t *uses)
{
	for (size_t i = 0; i < j->n_drafts; i++) {
		struct draft *d = &j->drafts[i];

		d->finding.suppressed = exempt_find(run->frame->exempt, &d->finding, d->object, uses, 1);
	}
}

void
summary_count_off(const struct audit_run *run, const struct judgment *j, uint32_t *uses)
{
	for (size_t i = 0; i < j->n_drafts; i++)
		exempt_find(run->frame->exempt, &j->drafts[i].finding, j->drafts[i].object, uses, -1);
}

/*
 * The first
 */

static void
take_drafts(struct drafts *all, const struct judgment *j)
{
	for (size_t i = 0; i < j->n_drafts; i++)
		vec_push(all, &j->drafts[i]);
}

/* Calls fn with each judgment: the fleet's, then those of workloads. */
static void
each_judgment(struct summary *s, const struct audit_run *run, const struct shared_array *judgments,
	      void (*fn)(struct summary *s, const struct audit_run *run, struct judgment *j, uint32_t place,
			 void *ctx),
	      void *ctx)
{
	fn(s, run, run->frame->fleet, PLACE_FLEET, ctx);
	for (size_t i = 0; i < run->fleet->n_workloads; i++) {
		struct judgment *j = (struct judgment *)shared_array_at(judgments, i);

		if (j)
			fn(s, run, j, (uint32_t)i, ctx);
	}
}

static void
measure(struct summary *s, const struct audit_run *run UNUSED, struct judgment *j, uint32_t place UNUSED,
	void *ctx UNUSED)
{
	s->n_noted += j->n_gaps;
	s->n_inapplicable += j->n_inapplicable;
}

static void
add_judgment(struct summary *s, const struct audit_run *run, struct judgment *j, uint32_t place, void *ctx)
{
	summary_suppress(run, j, s->uses);
	note_gaps(s, j, place);
	note_inapplicable(s, j);
	count_marks(s, j, 1);
	take_drafts(ctx, j);
}

static void
order_findings(struct summary *s, struct audit_run *run, struct drafts *all)
{
	AUTO(arena) struct arena scratch = {0};
	struct items items = {0};
	struct drafts shared = {0};

	vec_reserve(&items, all->n);
	merge(&scratch, all, &items, &shared);
	if (items.n)
		qsort(items.at, items.n, sizeof(items.at[0]), by_weight);
	make_room(s, items.n);
	for (size_t i = 0; i < items.n; i++)
		append(s, run, &items.at[i]);
	s->shared = arena_copy(&s->arena, shared.at, shared.n * sizeof(shared.at[0]));
	s->n_shared = shared.n;
	vec_free(&items);
	vec_free(&shared);
}

static struct summary *
begin(const struct audit_run *run)
{
	struct summary *s = mem_alloc(sizeof(*s));

	s->refs = 1;
	s->n_workloads = run->fleet->n_workloads;
	s->by_workload = arena_array(&s->arena, s->n_workloads, sizeof(*s->by_workload));
	s->marks = arena_array(&s->arena, n_rules, sizeof(*s->marks));
	s->uses = ARENA_ARRAY(&s->arena, uint32_t, exempt_uses(run->frame->exempt));
	return s;
}

struct summary *
summary_new(struct audit_run *run, struct arena *a, const struct shared_array *judgments)
{
	struct summary *s = begin(run);
	bool *judged = ARENA_ARRAY(&s->arena, bool, n_rules);
	struct drafts all = {0};

	each_judgment(s, run, judgments, measure, NULL);
	s->noted = ARENA_ARRAY(&s->arena, struct noted_gap, s->n_noted);
	s->inapplicable = ARENA_ARRAY(&s->arena, struct inapplicable, s->n_inapplicable);
	s->n_noted = s->n_inapplicable = 0;
	each_judgment(s, run, judgments, add_judgment, &all);
	list_judged(s, run, judged);
	s->inert = judgment_of_exemptions(run, a, s->uses, judged);
	take_drafts(&all, s->inert);
	order_findings(s, run, &all);
	close_gaps(s);
	list_rules(s, run);
	vec_free(&all);
	return s;
}

/*
 * The next
 */

struct change {
	const struct summary *old;
	struct summary *s;
	struct audit_run *run;
	const struct replaced *at;
	size_t n;
	struct arena scratch;
	struct drafts in; /* what is new, and what is merged with it */
	struct u32_list out; /* findings of the old summary that go */
	uint64_t *prints; /* of all drafts that come or go, sorted, each once */
	size_t n_prints;
};

static int
u64_cmp(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void
add_prints(struct change *c, const struct judgment *j)
{
	for (size_t i = 0; i < j->n_drafts; i++)
		c->prints[c->n_prints++] = j->drafts[i].print;
}

static bool
has_print(const struct change *c, uint64_t print)
{
	return c->n_prints && bsearch(&print, c->prints, c->n_prints, sizeof(print), u64_cmp);
}

static void
list_prints(struct change *c)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n; i++)
		n += c->at[i].before->n_drafts + c->at[i].after->n_drafts;
	c->prints = ARENA_ARRAY(&c->scratch, uint64_t, n);
	for (size_t i = 0; i < c->n; i++) {
		add_prints(c, c->at[i].before);
		add_prints(c, c->at[i].after);
	}
	if (n)
		qsort(c->prints, n, sizeof(c->prints[0]), u64_cmp);
	c->n_prints = 0;
	for (size_t i = 0; i < n; i++)
		if (!c->n_prints || c->prints[c->n_prints - 1] != c->prints[i])
			c->prints[c->n_prints++] = c->prints[i];
}

static int
place_cmp(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = ((const struct replaced *)b)->place;

	return (x > y) - (x < y);
}

/* Is the judgment of that place replaced? */
static bool
goes(const struct change *c, uint32_t place)
{
	return c->n && bsearch(&place, c->at, c->n, sizeof(c->at[0]), place_cmp);
}

/* Drafts of other judgments about the same thing: found beside the findings, or among those of several. */
static void
find_out(struct change *c)
{
	uint64_t marks[64] = {0}; /* a bit for the low 12 bits of each print: most are told apart by it */

	for (size_t i = 0; i < c->n_prints; i++)
		marks[c->prints[i] >> 6 & 63] |= UINT64_C(1) << (c->prints[i] & 63);
	for (size_t i = 0; i < c->old->n_findings; i++) {
		uint64_t print = c->old->prints[i];

		if (marks[print >> 6 & 63] & UINT64_C(1) << (print & 63) && has_print(c, print))
			vec_push(&c->out, (uint32_t)i);
	}
}

static bool
is_shared(const struct summary *s, uint64_t print)
{
	size_t low = 0, high = s->n_shared;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (s->shared[mid]->print < print)
			low = mid + 1;
		else
			high = mid;
	}
	return low < s->n_shared && s->shared[low]->print == print;
}

static void
find_in(struct change *c)
{
	for (size_t i = 0; i < c->n; i++)
		take_drafts(&c->in, c->at[i].after);
	for (size_t i = 0; i < c->old->n_shared; i++)
		if (has_print(c, c->old->shared[i]->print) && !goes(c, c->old->shared[i]->place))
			vec_push(&c->in, c->old->shared[i]);
	for (size_t i = 0; i < c->out.n; i++) {
		const struct draft *d = c->old->drafts[c->out.at[i]];

		if (!is_shared(c->old, d->print) && !goes(c, d->place))
			vec_push(&c->in, d);
	}
}

/* Where it goes in the old list. */
static size_t
position(const struct summary *old, const struct item *item)
{
	size_t low = 0, high = old->n_findings;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (by_weight(&(struct item){&old->findings[mid], old->drafts[mid]}, item) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static void
splice(struct change *c, const struct items *items)
{
	const struct summary *old = c->old;
	size_t i = 0, out = 0;

	make_room(c->s, old->n_findings - c->out.n + items->n);
	for (size_t k = 0; k <= items->n; k++) {
		size_t until = k < items->n ? position(old, &items->at[k]) : old->n_findings;

		for (; out < c->out.n && c->out.at[out] < until; out++) {
			append_run(c->s, old, i, c->out.at[out] - i);
			i = c->out.at[out] + 1;
		}
		append_run(c->s, old, i, until - i);
		i = until;
		if (k < items->n)
			append(c->s, c->run, &items->at[k]);
	}
	for (size_t k = 0; k < c->out.n; k++)
		count(c->s, c->run, &old->findings[c->out.at[k]], -1);
}

static void
next_shared(struct change *c, const struct drafts *shared)
{
	struct summary *s = c->s;

	s->shared = ARENA_ARRAY(&s->arena, const struct draft *, c->old->n_shared + shared->n);
	for (size_t i = 0; i < c->old->n_shared; i++)
		if (!has_print(c, c->old->shared[i]->print))
			s->shared[s->n_shared++] = c->old->shared[i];
	for (size_t i = 0; i < shared->n; i++)
		s->shared[s->n_shared++] = shared->at[i];
	if (shared->n)
		qsort(s->shared, s->n_shared, sizeof(s->shared[0]), by_print);
}

static void
next_findings(struct change *c)
{
	struct items items = {0};
	struct drafts shared = {0};

	list_prints(c);
	find_out(c);
	find_in(c);
	merge(&c->scratch, &c->in, &items, &shared);
	if (items.n)
		qsort(items.at, items.n, sizeof(items.at[0]), by_weight);
	splice(c, &items);
	next_shared(c, &shared);
	vec_free(&items);
	vec_free(&shared);
	vec_free(&c->in);
	vec_free(&c->out);
}

static void
next_gaps(struct change *c, size_t n)
{
	struct summary *s = c->s;
	size_t more = 0;
	bool any = false;

	for (size_t i = 0; i < n; i++) {
		more += c->at[i].after->n_gaps;
		any |= c->at[i].after->n_gaps || c->at[i].before->n_gaps;
	}
	if (!any) {
		s->noted = arena_copy(&s->arena, c->old->noted, c->old->n_noted * sizeof(*s->noted));
		s->gaps = arena_copy(&s->arena, c->old->gaps, c->old->n_gaps * sizeof(*s->gaps));
		s->n_noted = c->old->n_noted;
		s->n_gaps = c->old->n_gaps;
		return;
	}
	s->noted = ARENA_ARRAY(&s->arena, struct noted_gap, c->old->n_noted + more);
	for (size_t i = 0; i < c->old->n_noted; i++)
		if (!goes(c, c->old->noted[i].place))
			s->noted[s->n_noted++] = c->old->noted[i];
	for (size_t i = 0; i < n; i++)
		note_gaps(s, c->at[i].after, c->at[i].place);
	close_gaps(s);
}

static void
next_inapplicable(struct change *c, size_t n)
{
	const struct workload *workloads = c->run->fleet->workloads;
	const struct summary *old = c->old;
	struct summary *s = c->s;
	size_t more = 0, i = 0;

	for (size_t k = 0; k < n; k++)
		more += c->at[k].after->n_inapplicable;
	s->inapplicable = ARENA_ARRAY(&s->arena, struct inapplicable, old->n_inapplicable + more);
	for (size_t k = 0; k <= n; k++) { /* places come in order */
		for (; i < old->n_inapplicable &&
		       (k == n || old->inapplicable[i].workload < &workloads[c->at[k].place]);
		     i++)
			s->inapplicable[s->n_inapplicable++] = old->inapplicable[i];
		if (k == n)
			break;
		note_inapplicable(s, c->at[k].after);
		while (i < old->n_inapplicable && old->inapplicable[i].workload == &workloads[c->at[k].place])
			i++;
	}
}

/* Is another exemption of no use now, or another rule judged everywhere? */
static bool
is_inert_anew(const struct change *c, bool *judged)
{
	bool *before = ARENA_ARRAY(&c->s->arena, bool, n_rules);
	size_t n = exempt_uses(c->run->frame->exempt);

	list_judged(c->old, c->run, before);
	list_judged(c->s, c->run, judged);
	for (size_t i = 0; i < n; i++)
		if (!c->old->uses[i] != !c->s->uses[i])
			return true;
	return n && memcmp(before, judged, n_rules * sizeof(*judged)) != 0;
}

/* The judgment of exemptions is one more that is replaced, where it may be another. */
static size_t
next_inert(struct change *c, struct replaced *at, size_t n)
{
	struct summary *s = c->s;
	bool *judged = ARENA_ARRAY(&s->arena, bool, n_rules);

	s->inert = c->old->inert;
	if (!is_inert_anew(c, judged)) {
		refs_take(&s->inert->item.refs);
		return n;
	}
	s->inert = judgment_of_exemptions(c->run, NULL, s->uses, judged);
	at[n] = (struct replaced){PLACE_INERT, c->old->inert, s->inert};
	return n + 1;
}

struct summary *
summary_next(const struct summary *old, struct audit_run *run, const struct replaced *at, size_t n,
	     const uint32_t *uses)
{
	struct change c = {.old = old, .run = run, .s = begin(run), .n = n};
	struct replaced *all = ARENA_ARRAY(&c.scratch, struct replaced, n + 1);
	struct summary *s = c.s;

	memcpy(all, at, n * sizeof(*at));
	c.at = all;
	memcpy(s->by_workload, old->by_workload, s->n_workloads * sizeof(*s->by_workload));
	memcpy(s->marks, old->marks, n_rules * sizeof(*s->marks));
	memcpy(s->uses, uses, exempt_uses(run->frame->exempt) * sizeof(*uses));
	memcpy(s->severities, old->severities, sizeof(s->severities));
	s->suppressed = old->suppressed;
	for (size_t i = 0; i < n; i++) {
		count_marks(s, at[i].before, -1);
		count_marks(s, at[i].after, 1);
	}
	c.n = next_inert(&c, all, n);
	next_findings(&c);
	next_gaps(&c, n);
	next_inapplicable(&c, n);
	list_rules(s, run);
	arena_free(&c.scratch);
	return s;
}

struct summary *
summary_ref(struct summary *s)
{
	refs_take(&s->refs);
	return s;
}

void
summary_unref(struct summary *s)
{
	if (!s || !refs_drop(&s->refs))
		return;
	if (refs_drop(&s->inert->item.refs))
		judgment_drop(&s->inert->item);
	arena_free(&s->arena);
	free(s);
}
