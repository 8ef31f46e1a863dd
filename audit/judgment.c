/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/judgment.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/sha256.h"
#include "base/str.h"

static uint32_t
place_of(const struct audit_run *run, const struct workload *w)
{
	return (uint32_t)(w - run->fleet->workloads);
}

bool
run_in_scope(const struct audit_run *run, const char *namespace, const struct workload *w)
{
	if (w && (w->role == ROLE_AGENT || w->role == ROLE_COMPANION))
		return run->frame->in_scope[place_of(run, w)];
	return !run->settings->namespace || !*namespace || strcmp(run->settings->namespace, namespace) == 0;
}

/*
 * What rules call
 */

static void
add_field(struct buf *b, const char *s)
{
	size_t len = s ? strlen(s) : 0;

	buf_addf(b, "%zu:", len);
	buf_add(b, s, len);
}

static void
fingerprint(struct draft *d)
{
	struct finding *f = &d->finding;
	AUTO(buf) struct buf text = {0};
	char hex[65];

	add_field(&text, f->rule->id);
	add_field(&text, f->object.kind);
	add_field(&text, f->object.namespace);
	add_field(&text, f->object.name);
	add_field(&text, f->object.container);
	add_field(&text, d->subject);
	sha256_hex(text.data, text.len, hex);
	memcpy(f->fingerprint, hex, sizeof(f->fingerprint) - 1);
	f->fingerprint[sizeof(f->fingerprint) - 1] = '\0';
	d->print = strtoull(f->fingerprint, NULL, 16);
}

static const struct workload *
agent_of(const struct workload *w)
{
	if (!w || w->role == ROLE_AGENT)
		return w;
	return w->role == ROLE_COMPANION && w->n_agents == 1 ? w->agents[0] : NULL;
}

static enum severity
severity_of(const struct audit_run *run)
{
	const int *set = run->settings->severities;

	return set && set[run->order] >= 0 ? (enum severity)set[run->order] : run->rule->severity;
}

static struct location
location_of(const struct object *o, unsigned line)
{
	struct location l = o->location;

	if (line)
		l.line = line;
	return l;
}

void
audit_report(struct audit_run *run, const struct workload *w, const struct finding_args *args)
{
	struct arena *a = run->arena;
	const struct object *o = args->object ? args->object : w->object;
	bool own = o == (w ? w->object : NULL); /* of a foreign controller, the object is its first pod */
	struct draft d = {.object = o, .subject = "", .order = run->order, .place = run->place};
	struct finding *f = &d.finding;

	if (args->subject)
		d.subject = arena_strdup(a, args->subject);
	f->rule = run->rule;
	f->severity = severity_of(run);
	f->object.kind = own ? w->kind : o->kind;
	f->object.namespace = own ? w->namespace : o->namespace;
	f->object.name = own ? w->name : o->name;
	f->object.container = arena_strdup(a, args->container);
	if (!own || w->itself) {
		f->object.uid = o->uid;
		f->object.generation = o->generation;
	}
	f->namespace = f->object.namespace;
	if (!run_in_scope(run, f->namespace, w))
		return;
	f->agent = agent_of(w);
	f->workload = w;
	f->message = arena_strdup(a, args->message);
	f->evidence = arena_strdup(a, args->evidence);
	f->fix = args->fix ? arena_strdup(a, args->fix) : run->rule->fix;
	f->location = location_of(o, args->line);
	fingerprint(&d);
	vec_push(&run->drafts, d);
}

const char *
audit_printf(struct audit_run *run, const char *fmt, ...)
{
	const char *text;
	va_list ap;

	va_start(ap, fmt);
	text = arena_vprintf(&run->scratch, fmt, ap);
	va_end(ap);
	return text;
}

struct arena *
audit_scratch(struct audit_run *run)
{
	return &run->scratch;
}

const struct fleet *
audit_fleet(const struct audit_run *run)
{
	return run->fleet;
}

void
audit_looks_at(struct audit_run *run, const struct workload *other)
{
	vec_push(&run->lookers, (struct u32_pair){place_of(run, other), run->place});
}

static void
mark(struct audit_run *run, unsigned marks)
{
	run->marks[run->order] |= (uint8_t)marks;
	run->marked = true;
}

static void
add_gap(struct audit_run *run, enum fact fact, const char *kind, const char *namespace, const char *reason)
{
	struct arena *a = run->arena;
	struct gap g = {fact, arena_strdup(a, kind), arena_strdup(a, namespace), arena_strdup(a, reason)};

	vec_push(&run->gaps, g);
}

void
audit_unknown(struct audit_run *run, const struct workload *w, const char *kind, const char *reason)
{
	const char *namespace = w ? w->namespace : "";

	if (!run_in_scope(run, namespace, w))
		return;
	mark(run, MARK_PARTLY | MARK_UNKNOWN);
	add_gap(run, 0, kind, namespace, reason);
}

void
audit_not_applicable(struct audit_run *run, const struct workload *w, const char *reason)
{
	struct inapplicable entry = {run->rule, w, arena_strdup(run->arena, reason)};

	if (!run_in_scope(run, w->namespace, w))
		return;
	mark(run, MARK_PARTLY | MARK_INAPPLICABLE);
	vec_push(&run->inapplicable, entry);
}

/*
 * Facts: which rules can be judged, and where
 */

static bool
gap_touches(const struct gap *g, const struct workload *w)
{
	if (!*g->namespace || strcmp(g->namespace, w->namespace) == 0)
		return true;
	/* an agent without a companion may have one in the namespace that was not read */
	if (w->role == ROLE_AGENT)
		return !w->companion || strcmp(g->namespace, w->companion->namespace) == 0;
	for (size_t i = 0; i < w->n_agents; i++) {
		if (strcmp(g->namespace, w->agents[i]->namespace) == 0)
			return true;
	}
	return false;
}

/* Does what was not read of these facts concern w? Without w, the fleet: only a whole kind that is missing does. */
static bool
unreadable_for(const struct audit_run *run, unsigned facts, const struct workload *w)
{
	unsigned named = 0;

	for (size_t i = 0; i < run->fleet->n_gaps; i++) {
		const struct gap *g = &run->fleet->gaps[i];

		if (!(g->fact & facts))
			continue;
		named |= g->fact;
		if (w ? gap_touches(g, w) : !*g->namespace)
			return true;
	}
	return named != facts; /* one that no gap explains is missing everywhere */
}

struct rule_plan *
judgment_plan(struct arena *a, const struct fleet *f, const struct audit_settings *s)
{
	struct rule_plan *plan = ARENA_ARRAY(a, struct rule_plan, n_rules);

	for (size_t i = 0; i < n_rules; i++) {
		plan[i].off = s->severities && s->severities[i] == SEVERITIES;
		plan[i].not_applicable = fleet_missing_facts(f, rules[i]->needs, FACT_NOT_APPLICABLE);
		plan[i].unreadable = fleet_missing_facts(f, rules[i]->needs, FACT_UNREADABLE);
	}
	return plan;
}

/*
 * Judging one
 */

static bool
is_about(const struct rule *r, const struct workload *w)
{
	if (!w || r->scope == RULE_FLEET)
		return !w && r->scope == RULE_FLEET;
	if (r->scope == RULE_PIPELOCK)
		return w->pipelock;
	return r->scope == RULE_GUARDED || r->scope == (w->role == ROLE_AGENT ? RULE_AGENT : RULE_COMPANION);
}

static void
call_rules(struct audit_run *run, const struct workload *w)
{
	for (size_t i = 0; i < n_rules; i++) {
		const struct rule_plan *plan = &run->frame->plan[i];

		if (plan->off || plan->not_applicable || !rules[i]->run || !is_about(rules[i], w))
			continue;
		if (plan->unreadable && unreadable_for(run, plan->unreadable, w))
			continue;
		run->rule = rules[i];
		run->order = i;
		rules[i]->run(run, w);
		arena_reset(&run->scratch);
	}
}

/* By workload, reason, rule. */
static int
inapplicable_cmp(const void *a, const void *b)
{
	const struct inapplicable *p = a, *q = b;
	size_t i, j;
	int order;

	if (p->workload != q->workload) /* both are in one array, in order */
		return p->workload < q->workload ? -1 : 1;
	order = strcmp(p->reason, q->reason);
	if (order)
		return order;
	i = rule_place(p->rule);
	j = rule_place(q->rule);
	return (i > j) - (i < j);
}

static void
sort_inapplicable(struct audit_run *run)
{
	struct inapplicable *at = run->inapplicable.at;
	size_t n = 0;

	if (run->inapplicable.n)
		qsort(at, run->inapplicable.n, sizeof(*at), inapplicable_cmp);
	for (size_t i = 0; i < run->inapplicable.n; i++)
		if (!n || inapplicable_cmp(&at[n - 1], &at[i]) != 0)
			at[n++] = at[i];
	run->inapplicable.n = n;
}

static struct judgment *
begin(struct audit_run *run, struct arena *a, uint32_t place)
{
	struct judgment *j = a ? ARENA_NEW(a, struct judgment) : mem_alloc(sizeof(*j));

	j->item.refs = 1;
	j->own = !a;
	run->arena = a ? a : &j->arena;
	run->place = place;
	return j;
}

static struct judgment *
end(struct audit_run *run, struct judgment *j)
{
	struct arena *a = run->arena;

	sort_inapplicable(run);
	j->drafts = arena_copy(a, run->drafts.at, run->drafts.n * sizeof(*j->drafts));
	j->n_drafts = run->drafts.n;
	j->gaps = arena_copy(a, run->gaps.at, run->gaps.n * sizeof(*j->gaps));
	j->n_gaps = run->gaps.n;
	j->inapplicable = arena_copy(a, run->inapplicable.at, run->inapplicable.n * sizeof(*j->inapplicable));
	j->n_inapplicable = run->inapplicable.n;
	if (run->marked)
		j->marks = arena_copy(a, run->marks, n_rules);
	run->drafts.n = run->gaps.n = run->inapplicable.n = 0;
	memset(run->marks, 0, n_rules);
	run->marked = false;
	run->arena = NULL;
	return j;
}

struct judgment *
judgment_of(struct audit_run *run, const struct workload *w, struct arena *a)
{
	struct judgment *j = begin(run, a, place_of(run, w));

	call_rules(run, w);
	return end(run, j);
}

/*
 * The fleet
 */

/* The facts of a source without a gap for each: the audit says so all the same. */
static void
explain_gaps(struct audit_run *run, unsigned facts)
{
	for (size_t i = 0; i < run->fleet->n_gaps; i++)
		facts &= ~(unsigned)run->fleet->gaps[i].fact;
	for (size_t i = 0; i < FACTS; i++) {
		enum fact fact = (enum fact)(1u << i);

		if (facts & fact)
			add_gap(run, fact, fact_name(fact), "", "not read");
	}
}

static void
mark_unreadable(struct audit_run *run)
{
	for (size_t i = 0; i < n_rules; i++) {
		const struct rule_plan *plan = &run->frame->plan[i];

		if (plan->off || plan->not_applicable || !plan->unreadable)
			continue;
		run->order = i;
		mark(run, MARK_PARTLY | MARK_UNKNOWN);
		explain_gaps(run, plan->unreadable);
	}
}

/* Rules look into Pipelock's container; a companion by label alone may have none that is known. */
static void
note_unrecognised(struct audit_run *run)
{
	const struct fleet *f = run->fleet;

	for (size_t i = 0; i < f->n_companions; i++) {
		const struct workload *w = f->companions[i];
		const char *reason;

		if (w->pipelock || !run_in_scope(run, w->namespace, w))
			continue;
		reason = audit_printf(run,
				      "no container of companion %s %s/%s is known to run Pipelock, by its name or "
				      "its image's: its config and secrets are not judged",
				      w->kind, w->namespace, w->name);
		add_gap(run, FACT_WORKLOADS, w->kind, w->namespace, reason);
	}
}

/* An agent that nobody sees would be a clean report: what may be one is said. */
static void
note_unsure(struct audit_run *run)
{
	const struct fleet *f = run->fleet;

	for (size_t i = 0; i < f->n_workloads; i++) {
		const struct workload *w = &f->workloads[i];

		if (w->unsure.reason && w->role == ROLE_NONE && run_in_scope(run, w->namespace, w))
			add_gap(run, 0, w->unsure.kind, w->namespace, w->unsure.reason);
	}
}

struct judgment *
judgment_of_fleet(struct audit_run *run, struct arena *a)
{
	const struct fleet *f = run->fleet;
	struct judgment *j = begin(run, a, PLACE_FLEET);

	for (size_t i = 0; i < f->n_gaps; i++)
		add_gap(run, f->gaps[i].fact, f->gaps[i].kind, f->gaps[i].namespace, f->gaps[i].reason);
	note_unrecognised(run);
	note_unsure(run);
	mark_unreadable(run);
	call_rules(run, NULL);
	return end(run, j);
}

/*
 * Exemptions
 */

struct judgment *
judgment_of_exemptions(struct audit_run *run, struct arena *a, const uint32_t *uses, const bool *judged)
{
	struct judgment *j = begin(run, a, PLACE_INERT);
	const struct rule_plan *plan;

	run->rule = rule_find("suppression-inert");
	run->order = rule_place(run->rule);
	plan = &run->frame->plan[run->order];
	if (!plan->off && !plan->not_applicable)
		exempt_report_inert(run->frame->exempt, run, uses, judged);
	arena_reset(&run->scratch);
	return end(run, j);
}

/*
 * Comparing
 */

static bool
same_draft(const struct draft *d, const struct draft *e)
{
	const struct finding *f = &d->finding, *g = &e->finding;

	return d->print == e->print && d->order == e->order && f->severity == g->severity && f->agent == g->agent &&
	       f->workload == g->workload && f->suppressed == g->suppressed &&
	       f->location.line == g->location.line && str_eq(f->message, g->message) &&
	       str_eq(f->evidence, g->evidence) && str_eq(f->fix, g->fix);
}

static bool
same_drafts(const struct judgment *a, const struct judgment *b)
{
	if (a->n_drafts != b->n_drafts)
		return false;
	for (size_t i = 0; i < a->n_drafts; i++)
		if (!same_draft(&a->drafts[i], &b->drafts[i]))
			return false;
	return true;
}

static bool
same_gaps(const struct judgment *a, const struct judgment *b)
{
	if (a->n_gaps != b->n_gaps)
		return false;
	for (size_t i = 0; i < a->n_gaps; i++)
		if (a->gaps[i].fact != b->gaps[i].fact || strcmp(a->gaps[i].kind, b->gaps[i].kind) != 0 ||
		    strcmp(a->gaps[i].namespace, b->gaps[i].namespace) != 0 ||
		    strcmp(a->gaps[i].reason, b->gaps[i].reason) != 0)
			return false;
	return true;
}

bool
judgment_same(const struct judgment *a, const struct judgment *b)
{
	if (!a->marks != !b->marks || (a->marks && memcmp(a->marks, b->marks, n_rules) != 0) ||
	    a->n_inapplicable != b->n_inapplicable)
		return false;
	for (size_t i = 0; i < a->n_inapplicable; i++)
		if (inapplicable_cmp(&a->inapplicable[i], &b->inapplicable[i]) != 0)
			return false;
	return same_gaps(a, b) && same_drafts(a, b);
}

/*
 * Memory
 */

void
judgment_drop(struct shared_item *item)
{
	struct judgment *j = (struct judgment *)item;

	if (!j->own)
		return;
	arena_free(&j->arena);
	free(j);
}

void
run_open(struct audit_run *run, const struct fleet *f, const struct audit_settings *s,
	 const struct audit_frame *frame)
{
	*run = (struct audit_run){.fleet = f, .settings = s, .frame = frame};
	run->marks = mem_array(n_rules, sizeof(*run->marks));
}

void
run_close(struct audit_run *run)
{
	vec_free(&run->drafts);
	vec_free(&run->gaps);
	vec_free(&run->inapplicable);
	vec_free(&run->lookers);
	free(run->marks);
	arena_free(&run->scratch);
}
