/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/audit.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/baseline.h"
#include "audit/exempt.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/sha256.h"
#include "base/str.h"
#include "base/vec.h"

/* A finding and what it takes to sort and to suppress it. */
struct draft {
	struct finding finding;
	const struct object *object; /* NULL: the workload's own */
	const char *subject; /* "" for none */
	size_t order; /* the rule's place */
};

/* How far a rule was judged. */
enum judged { JUDGED_NOT, JUDGED_PARTLY, JUDGED };

struct audit_run {
	struct audit *audit;
	struct fleet *fleet;
	const struct audit_settings *settings;
	struct exempt *exempt;
	struct arena scratch;
	const struct rule *rule; /* the one that runs */
	size_t order; /* its place in rules[] */
	enum judged *judged; /* a place in rules[] each */
	bool *in_scope; /* a place in fleet->workloads each: agents and companions that are judged */
	VEC(struct draft) drafts;
	VEC(struct gap) gaps;
	VEC(const struct rule *) unknown;
	VEC(const struct rule *) not_applicable;
	VEC(struct inapplicable) inapplicable;
};

/*
 * Scope
 */

static size_t
place(const struct audit_run *run, const struct workload *w)
{
	return (size_t)(w - run->fleet->workloads);
}

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
companion_chosen(const struct audit_run *run, const struct workload *w)
{
	for (size_t i = 0; i < w->n_agents; i++) {
		if (run->in_scope[place(run, w->agents[i])])
			return true;
	}
	return agent_chosen(run->settings, w);
}

static struct workload **
choose(struct audit_run *run, struct workload **from, size_t n, bool companions, size_t *n_out)
{
	struct workload **out = ARENA_ARRAY(&run->audit->arena, struct workload *, n);

	*n_out = 0;
	for (size_t i = 0; i < n; i++) {
		bool chosen = companions ? companion_chosen(run, from[i]) : agent_chosen(run->settings, from[i]);

		run->in_scope[place(run, from[i])] = chosen;
		if (chosen)
			out[(*n_out)++] = from[i];
	}
	return out;
}

static void
choose_scope(struct audit_run *run)
{
	struct fleet *f = run->fleet;
	struct audit *a = run->audit;

	run->in_scope = ARENA_ARRAY(&a->arena, bool, f->n_workloads);
	a->agents = choose(run, f->agents, f->n_agents, false, &a->n_agents);
	a->companions = choose(run, f->companions, f->n_companions, true, &a->n_companions);
	for (size_t i = 0; i < a->n_agents; i++)
		a->states[a->agents[i]->state]++;
}

/* Agents and companions by the choice above, the rest by namespace; "" is the config file and the like. */
static bool
object_in_scope(const struct audit_run *run, const char *namespace, const struct workload *w)
{
	if (w && (w->role == ROLE_AGENT || w->role == ROLE_COMPANION))
		return run->in_scope[place(run, w)];
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
fingerprint(struct finding *f, const char *subject)
{
	AUTO(buf) struct buf text = {0};
	char hex[65];

	add_field(&text, f->rule->id);
	add_field(&text, f->object.kind);
	add_field(&text, f->object.namespace);
	add_field(&text, f->object.name);
	add_field(&text, f->object.container);
	add_field(&text, subject);
	sha256_hex(text.data, text.len, hex);
	memcpy(f->fingerprint, hex, sizeof(f->fingerprint) - 1);
	f->fingerprint[sizeof(f->fingerprint) - 1] = '\0';
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
	struct arena *a = &run->audit->arena;
	const struct object *o = args->object ? args->object : w->object;
	bool own = o == (w ? w->object : NULL); /* of a foreign controller, the object is its first pod */
	struct draft d = {.object = o, .subject = "", .order = run->order};
	struct finding *f = &d.finding;

	if (args->subject)
		d.subject = arena_strdup(a, args->subject);
	f->rule = run->rule;
	f->severity = severity_of(run);
	f->object.kind = own ? w->kind : o->kind;
	f->object.namespace = own ? w->namespace : o->namespace;
	f->object.name = own ? w->name : o->name;
	f->object.container = arena_strdup(a, args->container);
	f->namespace = f->object.namespace;
	if (!object_in_scope(run, f->namespace, w))
		return;
	f->agent = agent_of(w);
	f->workload = w;
	f->message = arena_strdup(a, args->message);
	f->evidence = arena_strdup(a, args->evidence);
	f->fix = args->fix ? arena_strdup(a, args->fix) : run->rule->fix;
	f->location = location_of(o, args->line);
	fingerprint(f, d.subject);
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

static void
mark_partly(struct audit_run *run)
{
	if (run->judged[run->order] == JUDGED)
		run->judged[run->order] = JUDGED_PARTLY;
}

static void
mark_unknown(struct audit_run *run)
{
	mark_partly(run);
	if (!run->unknown.n || run->unknown.at[run->unknown.n - 1] != run->rule)
		vec_push(&run->unknown, run->rule);
}

static void
add_gap(struct audit_run *run, enum fact fact, const char *kind, const char *namespace, const char *reason)
{
	struct arena *a = &run->audit->arena;
	struct gap g = {fact, arena_strdup(a, kind), arena_strdup(a, namespace), arena_strdup(a, reason)};

	vec_push(&run->gaps, g);
}

void
audit_unknown(struct audit_run *run, const struct workload *w, const char *kind, const char *reason)
{
	const char *namespace = w ? w->namespace : "";

	if (!object_in_scope(run, namespace, w))
		return;
	mark_unknown(run);
	add_gap(run, 0, kind, namespace, reason);
}

void
audit_not_applicable(struct audit_run *run, const struct workload *w, const char *reason)
{
	struct inapplicable entry = {run->rule, w, arena_strdup(&run->audit->arena, reason)};

	if (!object_in_scope(run, w->namespace, w))
		return;
	mark_partly(run);
	if (!run->not_applicable.n || run->not_applicable.at[run->not_applicable.n - 1] != run->rule)
		vec_push(&run->not_applicable, run->rule);
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
call(struct audit_run *run, unsigned unreadable, const struct workload *w)
{
	if (unreadable && unreadable_for(run, unreadable, w))
		return;
	run->rule->run(run, w);
	arena_reset(&run->scratch);
}

static void
call_all(struct audit_run *run, unsigned unreadable, struct workload **at, size_t n, bool with_pipelock)
{
	for (size_t i = 0; i < n; i++) {
		if (!with_pipelock || at[i]->pipelock)
			call(run, unreadable, at[i]);
	}
}

static void
run_scope(struct audit_run *run, unsigned unreadable)
{
	struct audit *a = run->audit;
	enum rule_scope scope = run->rule->scope;

	if (scope == RULE_FLEET) {
		call(run, unreadable, NULL);
		return;
	}
	if (scope != RULE_COMPANION)
		call_all(run, unreadable, a->agents, a->n_agents, scope == RULE_PIPELOCK);
	if (scope != RULE_AGENT)
		call_all(run, unreadable, a->companions, a->n_companions, scope == RULE_PIPELOCK);
}

static void
run_rule(struct audit_run *run, size_t order)
{
	const struct rule *r = rules[order];
	unsigned unreadable = fleet_missing_facts(run->fleet, r->needs, FACT_UNREADABLE);

	run->rule = r;
	run->order = order;
	if (run->settings->severities && run->settings->severities[order] == SEVERITIES)
		return; /* switched off: neither judged nor missed */
	if (fleet_missing_facts(run->fleet, r->needs, FACT_NOT_APPLICABLE)) {
		vec_push(&run->not_applicable, r);
		return;
	}
	run->judged[order] = JUDGED;
	if (unreadable) {
		mark_unknown(run);
		explain_gaps(run, unreadable);
	}
	if (r->run)
		run_scope(run, unreadable);
}

/* Rules look into Pipelock's container; a companion by label alone may have none that is known. */
static void
note_unrecognised(struct audit_run *run)
{
	const struct audit *a = run->audit;

	for (size_t i = 0; i < a->n_companions; i++) {
		const struct workload *w = a->companions[i];
		const char *reason;

		if (w->pipelock)
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

		if (w->unsure.reason && w->role == ROLE_NONE && object_in_scope(run, w->namespace, w))
			add_gap(run, 0, w->unsure.kind, w->namespace, w->unsure.reason);
	}
}

/*
 * Exemptions
 */

static bool
judged_everywhere(void *ctx, const struct rule *r)
{
	const struct audit_run *run = ctx;

	for (size_t i = 0; i < n_rules; i++) {
		if (rules[i] == r)
			return run->judged[i] == JUDGED;
	}
	return false;
}

static bool
exemption_in_scope(void *ctx, const struct object *o, const struct workload *w)
{
	return object_in_scope(ctx, w ? w->namespace : o->namespace, w);
}

static void
open_exemptions(struct audit_run *run)
{
	struct audit *a = run->audit;

	run->exempt = exempt_new(&(struct exempt_view){
		.arena = &a->arena,
		.fleet = run->fleet,
		.settings = run->settings,
		.now = a->started_at,
		.ctx = run,
		.judged = judged_everywhere,
		.in_scope = exemption_in_scope,
	});
	a->exemptions = exempt_list(run->exempt, &a->exemptions_from_objects);
	a->exemptions_from_config = run->settings->n_exemptions;
}

static void
suppress(struct audit_run *run)
{
	for (size_t i = 0; i < run->drafts.n; i++) {
		struct draft *d = &run->drafts.at[i];

		d->finding.suppressed = exempt_find(run->exempt, &d->finding, d->object);
	}
}

/* After suppress, which says what was of use. */
static void
report_inert(struct audit_run *run)
{
	for (size_t i = 0; i < n_rules; i++) {
		if (!str_eq(rules[i]->id, "suppression-inert") || run->judged[i] == JUDGED_NOT)
			continue;
		run->rule = rules[i];
		run->order = i;
		exempt_report_inert(run->exempt, run);
	}
}

/*
 * Order
 */

static int
by_fingerprint(const void *a, const void *b)
{
	const struct draft *p = a, *q = b;
	int order = strcmp(p->finding.fingerprint, q->finding.fingerprint);

	return order ? order : strcmp(p->finding.message, q->finding.message);
}

/* One thing is said once: a ConfigMap of two companions breaks a rule once, and belongs to no single agent. */
static void
merge_equal(struct audit_run *run)
{
	size_t n = 0;

	if (!run->drafts.n)
		return;
	qsort(run->drafts.at, run->drafts.n, sizeof(*run->drafts.at), by_fingerprint);
	for (size_t i = 0; i < run->drafts.n; i++) {
		struct draft *d = &run->drafts.at[i], *last = n ? &run->drafts.at[n - 1] : NULL;

		if (!last || strcmp(last->finding.fingerprint, d->finding.fingerprint) != 0) {
			run->drafts.at[n++] = *d;
			continue;
		}
		if (last->finding.agent != d->finding.agent)
			last->finding.agent = NULL;
		if (!d->finding.suppressed) /* it counts as long as one of them does */
			last->finding.suppressed = NULL;
	}
	run->drafts.n = n;
}

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
	const struct draft *p = a, *q = b;
	const struct finding *f = &p->finding, *g = &q->finding;
	int order = (int)g->severity - (int)f->severity;

	if (!order)
		order = strcmp(f->namespace, g->namespace);
	if (!order)
		order = str_cmp(f->agent ? f->agent->name : NULL, g->agent ? g->agent->name : NULL);
	if (!order)
		order = (p->order > q->order) - (p->order < q->order);
	if (!order)
		order = by_object(f, g);
	if (!order)
		order = strcmp(p->subject, q->subject);
	return order ? order : strcmp(f->fingerprint, g->fingerprint);
}

static void
close_findings(struct audit_run *run)
{
	struct audit *a = run->audit;

	merge_equal(run);
	if (run->drafts.n)
		qsort(run->drafts.at, run->drafts.n, sizeof(*run->drafts.at), by_weight);
	a->n_findings = run->drafts.n;
	a->findings = ARENA_ARRAY(&a->arena, struct finding, a->n_findings);
	a->by_workload = arena_array(&a->arena, run->fleet->n_workloads, sizeof(*a->by_workload));
	for (size_t i = 0; i < a->n_findings; i++) {
		const struct finding *f = &run->drafts.at[i].finding;

		a->findings[i] = *f;
		if (f->suppressed) {
			a->suppressed++;
			continue;
		}
		a->severities[f->severity]++;
		if (f->agent)
			a->by_workload[place(run, f->agent)][f->severity]++;
	}
}

static int
by_gap(const void *a, const void *b)
{
	const struct gap *p = a, *q = b;
	int order = strcmp(p->kind, q->kind);

	if (!order)
		order = strcmp(p->namespace, q->namespace);
	return order ? order : strcmp(p->reason, q->reason);
}

static size_t
rule_place(const struct rule *r)
{
	size_t i = 0;

	while (i < n_rules && rules[i] != r)
		i++;
	return i;
}

static int
by_workload(const void *a, const void *b)
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
close_inapplicable(struct audit_run *run)
{
	struct audit *a = run->audit;
	struct inapplicable *at = run->inapplicable.at;
	size_t n = 0;

	if (run->inapplicable.n)
		qsort(at, run->inapplicable.n, sizeof(*at), by_workload);
	for (size_t i = 0; i < run->inapplicable.n; i++) {
		if (!n || by_workload(&at[n - 1], &at[i]) != 0)
			at[n++] = at[i];
	}
	a->inapplicable = arena_copy(&a->arena, at, n * sizeof(*at));
	a->n_inapplicable = n;
	a->not_applicable = arena_copy(&a->arena, run->not_applicable.at,
				       run->not_applicable.n * sizeof(*run->not_applicable.at));
	a->n_not_applicable = run->not_applicable.n;
}

static void
close_gaps(struct audit_run *run)
{
	struct audit *a = run->audit;
	size_t n = 0;

	if (run->gaps.n)
		qsort(run->gaps.at, run->gaps.n, sizeof(*run->gaps.at), by_gap);
	for (size_t i = 0; i < run->gaps.n; i++) {
		if (!n || by_gap(&run->gaps.at[n - 1], &run->gaps.at[i]) != 0)
			run->gaps.at[n++] = run->gaps.at[i];
	}
	a->gaps = arena_copy(&a->arena, run->gaps.at, n * sizeof(*run->gaps.at));
	a->n_gaps = n;
	a->unknown = arena_copy(&a->arena, run->unknown.at, run->unknown.n * sizeof(*run->unknown.at));
	a->n_unknown = run->unknown.n;
	for (size_t i = 0; i < n_rules; i++)
		a->n_judged += run->judged[i] == JUDGED;
	a->complete = !a->n_gaps && !a->n_unknown;
}

/*
 * The audit
 */

static void
judge(struct audit_run *run)
{
	const struct fleet *f = run->fleet;

	choose_scope(run);
	open_exemptions(run);
	for (size_t i = 0; i < f->n_gaps; i++)
		add_gap(run, f->gaps[i].fact, f->gaps[i].kind, f->gaps[i].namespace, f->gaps[i].reason);
	note_unrecognised(run);
	note_unsure(run);
	for (size_t i = 0; i < n_rules; i++)
		run_rule(run, i);
	suppress(run);
	report_inert(run);
	close_findings(run);
	close_gaps(run);
	close_inapplicable(run);
	run->audit->fail_on_new = run->settings->fail_on_new;
	run->audit->restricted = run->settings->namespace || run->settings->selector.present;
	if (run->settings->baseline)
		baseline_compare(run->settings->baseline, run->audit);
}

struct audit *
audit_new(struct fleet *f, const struct audit_settings *s, int64_t started_at)
{
	static const struct audit_settings none = {0};
	struct audit *a = mem_alloc(sizeof(*a));
	int64_t start = clock_ms();
	struct audit_run run = {.audit = a, .fleet = f, .settings = s ? s : &none};

	a->refs = 1;
	a->fleet = fleet_ref(f);
	a->started_at = started_at;
	run.judged = ARENA_ARRAY(&a->arena, enum judged, n_rules);
	judge(&run);
	vec_free(&run.drafts);
	vec_free(&run.gaps);
	vec_free(&run.unknown);
	vec_free(&run.not_applicable);
	vec_free(&run.inapplicable);
	arena_free(&run.scratch);
	a->duration_ms = clock_ms() - start;
	return a;
}

struct audit *
audit_ref(struct audit *a)
{
	__atomic_add_fetch(&a->refs, 1, __ATOMIC_RELAXED);
	return a;
}

void
audit_unref(struct audit *a)
{
	if (!a || __atomic_sub_fetch(&a->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	fleet_unref(a->fleet);
	arena_free(&a->arena);
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
	const size_t *counts = a->by_workload[agent - a->fleet->workloads];
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
