/* SPDX-License-Identifier: Apache-2.0 */
/* The audit for people: the verdict in the first line, findings by agent, and what is not known or does not count. */
#include <string.h>

#include "audit/baseline.h"
#include "audit/report_formats.h"
#include "audit/report_page.h"
#include "base/clock.h"
#include "base/str.h"
#include "base/text.h"
#include "fleet/egress.h"

#define DEFAULT_COLUMNS 80
#define MIN_COLUMNS 40
#define MAX_COLUMNS 120 /* longer lines are hard to read */

static const struct {
	const char *mark, *ascii;
	enum ink ink;
} looks[SEVERITIES] = {
	[SEV_CRITICAL] = {"\u2716", "X", INK_WORST},
	[SEV_HIGH] = {"\u2716", "X", INK_BAD},
	[SEV_MEDIUM] = {"\u25b2", "!", INK_WARN},
	[SEV_LOW] = {"\u2022", "-", INK_PLAIN},
	[SEV_INFO] = {"\u00b7", ".", INK_DIM},
};

/*
 * Head
 */

#define JOIN '_' /* a space at which the verdict is not broken */

static void
add_count(struct buf *to, const char **separator, size_t n, const char *what)
{
	if (!n)
		return;
	buf_addf(to, "%s%zu%c%s", *separator, n, JOIN, what);
	*separator = ", ";
}

/* "5 agents: 1 legacy, 4 migrating; 2 critical, 3 high; INCOMPLETE" */
static void
add_verdict(const struct page *p, struct buf *to)
{
	const struct audit *a = p->audit;
	const char *separator = ": ";
	size_t before;

	if (!a->n_agents && !a->n_companions) {
		buf_adds(to, "nothing was audited: no agent and no companion found");
		return;
	}
	buf_addf(to, "%zu agent%s", a->n_agents, page_plural(a->n_agents));
	for (int i = 0; i <= STATES; i++)
		add_count(to, &separator, a->states[i], state_name(i));
	if (!a->n_agents)
		buf_addf(to, ", %zu companion%s", a->n_companions, page_plural(a->n_companions));
	separator = "; ";
	before = to->len;
	for (int i = SEVERITIES - 1; i >= 0; i--)
		add_count(to, &separator, a->severities[i], severity_name(i));
	if (to->len == before)
		buf_adds(to, "; no findings");
	if (!a->complete)
		buf_adds(to, "; INCOMPLETE");
}

static enum ink
verdict_ink(const struct audit *a)
{
	if (a->severities[SEV_CRITICAL])
		return INK_WORST;
	if (a->severities[SEV_HIGH])
		return INK_BAD;
	if (!a->complete || a->severities[SEV_MEDIUM] || (!a->n_agents && !a->n_companions))
		return INK_WARN;
	/* green is what probes have proved, and of every agent */
	return a->n_agents && a->states[STATE_VERIFIED] == a->n_agents ? INK_GOOD : INK_BOLD;
}

/* "since FILE: 2 new, 5 known, 1 fixed", and what was fixed. */
static void
write_delta(const struct page *p)
{
	const struct audit *a = p->audit;
	AUTO(buf) struct buf text = {0};

	if (!a->baseline)
		return;
	buf_adds(&text, "since ");
	page_add_value(p, &text, a->baseline);
	buf_addf(&text, ": %zu new, %zu known, %zu fixed", a->n_new, a->n_known, a->n_fixed);
	page_wrap(p, &text, 0, 0);
	for (size_t i = 0; i < a->n_fixed && i < PAGE_LISTED; i++) {
		buf_clear(&text);
		buf_addf(&text, "fixed: %s  ", a->fixed[i]->rule);
		page_add_value(p, &text, a->fixed[i]->object);
		page_item(p, &text);
	}
	page_and_more(p, a->n_fixed);
}

static void
write_source(const struct page *p)
{
	const struct source *s = &p->audit->fleet->source;
	AUTO(buf) struct buf text = {0};
	char at[24];

	if (s->type == SOURCE_CLUSTER)
		page_add_value(p, &text, s->context ? s->context : s->server ? s->server : "cluster");
	else if (s->n_paths == 1)
		page_add_value(p, &text, s->paths[0]);
	else
		buf_addf(&text, "%zu paths", s->n_paths);
	clock_format(p->audit->started_at, at);
	buf_addf(&text, ", %s", at);
	page_wrap(p, &text, 0, 0);
	write_delta(p);
}

static void
write_head(const struct page *p)
{
	AUTO(buf) struct buf text = {0};
	size_t start;

	add_verdict(p, &text);
	buf_adds(p->out, page_ink(p, verdict_ink(p->audit)));
	start = p->out->len;
	text_wrap(p->out, buf_str(&text), p->columns, 0, 2);
	for (char *c = p->out->data + start; (c = strchr(c, JOIN));)
		*c = ' ';
	buf_adds(p->out, p->color ? "\033[0m" : "");
	buf_addc(p->out, '\n');
	write_source(p);
}

/*
 * Findings, by agent
 */

static void
add_object(const struct page *p, struct buf *to, const struct finding *f)
{
	page_add(p, to, f->object.kind);
	buf_addc(to, ' ');
	if (*f->object.namespace) {
		page_add(p, to, f->object.namespace);
		buf_addc(to, '/');
	}
	page_add(p, to, f->object.name);
	if (f->object.container) {
		buf_adds(to, " (");
		page_add(p, to, f->object.container);
		buf_addc(to, ')');
	}
}

static void
add_location(const struct page *p, struct buf *to, const struct location *l)
{
	page_add(p, to, l->path);
	if (l->line)
		buf_addf(to, ":%u", l->line);
}

static void
write_title(const struct page *p, const struct finding *f)
{
	AUTO(buf) struct buf text = {0};
	const char *mark = p->ascii ? looks[f->severity].ascii : looks[f->severity].mark;
	const char *severity = severity_name(f->severity);
	size_t at = 4 + 9 + strlen(f->rule->id) + 2;

	if (f->novelty == NOVELTY_NEW)
		buf_adds(&text, "NEW ");
	add_object(p, &text, f);
	buf_adds(p->out, "  ");
	page_paint(p, looks[f->severity].ink, mark);
	buf_addc(p->out, ' ');
	page_paint(p, looks[f->severity].ink, severity);
	buf_fill(p->out, ' ', 9 - strlen(severity));
	page_paint(p, INK_BOLD, f->rule->id);
	if (at + text_width(buf_str(&text)) > p->columns) {
		buf_adds(p->out, "\n    ");
		at = 4;
	} else {
		buf_adds(p->out, "  ");
	}
	page_wrap(p, &text, at, 4);
}

static void
write_finding(const struct page *p, const struct finding *f)
{
	AUTO(buf) struct buf text = {0};

	write_title(p, f);
	page_add(p, &text, f->message);
	buf_adds(p->out, "    ");
	page_wrap(p, &text, 4, 4);
	if (f->severity == SEV_INFO) /* a note: `moat explain` and -o json have the rest */
		return;
	page_field(p, "seen", f->evidence);
	page_field(p, "fix", f->fix);
	if (f->location.path) {
		buf_clear(&text);
		add_location(p, &text, &f->location);
		buf_adds(p->out, "    ");
		page_paint(p, INK_DIM, "at");
		buf_adds(p->out, "    ");
		page_wrap(p, &text, 10, 10);
	}
}

/* "research/scout  Deployment, migrating, companion pipelock-companion 1/1" */
static void
add_agent(const struct page *p, struct buf *to, const struct workload *w)
{
	const struct workload *c = w->companion;

	page_add(p, to, w->kind);
	buf_addf(to, ", %s", state_name(fleet_state(p->audit->fleet, w)));
	if (c) {
		const struct live *l = fleet_live(p->audit->fleet, c);

		buf_adds(to, ", companion ");
		if (strcmp(c->namespace, w->namespace) != 0) {
			page_add(p, to, c->namespace);
			buf_addc(to, '/');
		}
		page_add(p, to, c->name);
		if (l->ready >= 0 && l->desired >= 0)
			buf_addf(to, " %lld/%lld", (long long)l->ready, (long long)l->desired);
	}
	if (w->pipelock)
		buf_adds(to, ", Pipelock in the pod");
}

static void
add_workload(const struct page *p, struct buf *to, const struct workload *w)
{
	page_add(p, to, w->kind);
	if (w->role == ROLE_COMPANION)
		buf_addf(to, ", companion of %zu agents", w->n_agents);
	else if (w->role != ROLE_NONE)
		buf_addf(to, ", %s", role_name(w->role));
}

/* Of a group: its agent, else the workload, else the object that its first finding is about. */
static void
write_group(const struct page *p, const struct finding *f)
{
	const struct workload *w = f->agent ? f->agent : f->workload;
	AUTO(buf) struct buf name = {0};
	AUTO(buf) struct buf text = {0};

	buf_addc(p->out, '\n');
	if (!w) {
		add_object(p, &name, f);
		page_paint(p, INK_BOLD, buf_str(&name));
		buf_addc(p->out, '\n');
		return;
	}
	page_add(p, &name, w->namespace);
	buf_addc(&name, '/');
	page_add(p, &name, w->name);
	if (f->agent)
		add_agent(p, &text, w);
	else
		add_workload(p, &text, w);
	page_paint(p, INK_BOLD, buf_str(&name));
	buf_adds(p->out, "  ");
	page_wrap(p, &text, text_width(buf_str(&name)) + 2, 2);
}

static const struct workload *
owner(const struct finding *f)
{
	return f->agent ? f->agent : f->workload;
}

/*
 * Groups stand in the order of their worst finding; within one, findings keep theirs. `next` chains the findings of a
 * group, `last` holds the newest one of each workload. Findings without a workload stand alone.
 */
static void
chain(const struct audit *a, size_t *next, bool *first, size_t *last)
{
	const struct workload *base = a->fleet->workloads;

	for (size_t i = 0; i < a->n_findings; i++) {
		const struct workload *w = owner(&a->findings[i]);

		if (a->findings[i].suppressed)
			continue;
		first[i] = !w || !last[w - base];
		if (!first[i])
			next[last[w - base] - 1] = i + 1;
		if (w)
			last[w - base] = i + 1;
	}
}

static void
write_findings(const struct page *p)
{
	const struct audit *a = p->audit;
	AUTO(arena) struct arena memory = {0};
	size_t *next = ARENA_ARRAY(&memory, size_t, a->n_findings); /* places from 1, 0 for none */
	size_t *last = ARENA_ARRAY(&memory, size_t, a->fleet->n_workloads);
	bool *first = ARENA_ARRAY(&memory, bool, a->n_findings);
	size_t notes = 0; /* groups that have no more */

	chain(a, next, first, last);
	for (size_t i = 0; i < a->n_findings; i++) {
		/* the worst of a group is its first */
		if (!first[i] || (a->findings[i].severity == SEV_INFO && ++notes > PAGE_LISTED))
			continue;
		write_group(p, &a->findings[i]);
		for (size_t j = i + 1; j; j = next[j - 1])
			write_finding(p, &a->findings[j - 1]);
	}
	if (notes > PAGE_LISTED)
		buf_addf(p->out, "\n%zu more have nothing but notes (info): -o json has them all\n",
			 notes - PAGE_LISTED);
}

/*
 * What does not count, and what is not known
 */

static void
write_suppressed_one(const struct page *p, const struct finding *f)
{
	const struct suppression *s = f->suppressed;
	AUTO(buf) struct buf text = {0};
	char until[24];

	buf_addf(&text, "%s %s ", severity_name(f->severity), f->rule->id);
	add_object(p, &text, f);
	buf_adds(&text, ": ");
	page_add_value(p, &text, s->reason);
	buf_addf(&text, " (%s", s->from);
	if (s->owner) {
		buf_adds(&text, ", owner ");
		page_add_value(p, &text, s->owner);
	}
	if (s->expires_at != CLOCK_UNKNOWN) {
		clock_format(s->expires_at, until);
		buf_addf(&text, ", until %.10s", until);
	}
	buf_addc(&text, ')');
	page_item(p, &text);
}

static void
write_suppressed(const struct page *p)
{
	const struct audit *a = p->audit;

	if (!a->suppressed)
		return;
	page_heading(p, INK_BOLD, "Suppressed, not counted:");
	for (size_t i = 0; i < a->n_findings; i++) {
		if (a->findings[i].suppressed)
			write_suppressed_one(p, &a->findings[i]);
	}
}

static void
write_rules(const struct page *p, const char *what, const struct rule *const *list, size_t n)
{
	AUTO(buf) struct buf text = {0};

	if (!n)
		return;
	buf_adds(&text, what);
	for (size_t i = 0; i < n; i++)
		buf_addf(&text, "%s%s", i ? ", " : " ", list[i]->id);
	page_item(p, &text);
}

static void
write_gap(const struct page *p, const struct gap *g)
{
	AUTO(buf) struct buf text = {0};

	page_add(p, &text, g->kind);
	if (*g->namespace) {
		buf_adds(&text, " in namespace ");
		page_add(p, &text, g->namespace);
	}
	buf_adds(&text, ": ");
	page_add_value(p, &text, g->reason);
	page_item(p, &text);
}

static void
write_incomplete(const struct page *p)
{
	const struct audit *a = p->audit;

	if (a->complete)
		return;
	page_heading(p, INK_WARN, "INCOMPLETE: what could not be read, so that the rest is not known:");
	for (size_t i = 0; i < a->n_gaps && i < PAGE_LISTED; i++)
		write_gap(p, &a->gaps[i]);
	page_and_more(p, a->n_gaps);
	write_rules(p, "rules not judged, or not everywhere:", a->unknown, a->n_unknown);
}

static void
write_exemptions(const struct page *p)
{
	const struct audit *a = p->audit;

	if (!a->exemptions_from_objects)
		return;
	page_heading(p, INK_BOLD, a->exemptions[0].ignored
				     ? "Set on objects, and ignored as objects are not trusted:"
				     : "Set on objects, by whoever may edit them (--no-object-exemptions ignores it):");
	for (size_t i = 0; i < a->exemptions_from_objects && i < PAGE_LISTED; i++) {
		const struct object_exemption *e = &a->exemptions[i];
		AUTO(buf) struct buf text = {0};

		page_add(p, &text, e->kind);
		buf_addc(&text, ' ');
		page_add(p, &text, e->namespace);
		buf_addc(&text, '/');
		page_add(p, &text, e->name);
		buf_addf(&text, ", %s: ", e->key);
		page_add_value(p, &text, e->value);
		if (e->reason) {
			buf_adds(&text, ", because: ");
			page_add_value(p, &text, e->reason);
		}
		page_item(p, &text);
	}
	page_and_more(p, a->exemptions_from_objects);
}

/* "egress: 3 companion, 1 web; 1 not known": how the policies leave the agents. */
static void
write_shapes(const struct page *p)
{
	const struct audit *a = p->audit;
	size_t shapes[SHAPES] = {0}, unknown = 0;
	const char *separator = "egress of agents: ";
	AUTO(buf) struct buf text = {0};

	for (size_t i = 0; i < a->n_agents; i++) {
		const struct egress *e = a->agents[i]->egress;

		if (e && egress_known_shape(e) >= 0)
			shapes[e->shape]++;
		else
			unknown++;
	}
	for (int s = 0; s < SHAPES; s++) {
		if (!shapes[s])
			continue;
		buf_addf(&text, "%s%zu %s", separator, shapes[s], egress_shape_name(s));
		separator = ", ";
	}
	if (unknown)
		buf_addf(&text, "%s%zu not known", separator, unknown);
	if (text.len)
		page_item(p, &text);
}

/* Is the rule judged of no workload, as opposed to not of some? */
static bool
applies_nowhere(const struct audit *a, const struct rule *r)
{
	for (size_t i = 0; i < a->n_inapplicable; i++) {
		if (a->inapplicable[i].rule == r)
			return false;
	}
	return true;
}

static void
write_not_applicable(const struct page *p)
{
	const struct audit *a = p->audit;
	AUTO(arena) struct arena memory = {0};
	const struct rule **nowhere = ARENA_ARRAY(&memory, const struct rule *, a->n_not_applicable);
	size_t n = 0;

	for (size_t i = 0; i < a->n_not_applicable; i++) {
		if (applies_nowhere(a, a->not_applicable[i]))
			nowhere[n++] = a->not_applicable[i];
	}
	write_rules(p, "not applicable, this source cannot tell:", nowhere, n);
}

/* The places behind the rules of one workload that share a reason. */
static size_t
end_of_reason(const struct audit *a, size_t i)
{
	const struct inapplicable *first = &a->inapplicable[i];

	while (i < a->n_inapplicable && a->inapplicable[i].workload == first->workload &&
	       strcmp(a->inapplicable[i].reason, first->reason) == 0)
		i++;
	return i;
}

/* "Deployment a/x: its config is in its image; not judged by config-invalid, identity-missing" */
static void
write_inapplicable(const struct page *p, size_t i, size_t end)
{
	const struct inapplicable *at = p->audit->inapplicable;
	const struct workload *w = at[i].workload;
	AUTO(buf) struct buf text = {0};

	buf_addf(&text, "%s ", w->kind);
	page_add(p, &text, w->namespace);
	buf_addc(&text, '/');
	page_add(p, &text, w->name);
	buf_adds(&text, ": ");
	page_add_value(p, &text, at[i].reason);
	buf_adds(&text, "; not judged by");
	for (const char *separator = " "; i < end; i++, separator = ", ")
		buf_addf(&text, "%s%s", separator, at[i].rule->id);
	page_item(p, &text);
}

static void
write_undecided(const struct page *p)
{
	const struct audit *a = p->audit;
	const struct workload *last = NULL;
	AUTO(buf) struct buf title = {0};
	size_t workloads = 0, reasons = 0, end;

	for (size_t i = 0; i < a->n_inapplicable; i = end_of_reason(a, i)) {
		workloads += a->inapplicable[i].workload != last;
		last = a->inapplicable[i].workload;
	}
	if (!workloads)
		return;
	buf_addf(&title, "Not applicable to %zu workload%s, neither passed nor failed:", workloads, page_plural(workloads));
	page_heading(p, INK_BOLD, buf_str(&title));
	for (size_t i = 0; i < a->n_inapplicable; i = end) {
		end = end_of_reason(a, i);
		if (reasons++ < PAGE_LISTED)
			write_inapplicable(p, i, end);
	}
	if (reasons > PAGE_LISTED)
		buf_addf(p->out, "  and %zu more\n", reasons - PAGE_LISTED);
}

static void
write_judged(const struct page *p)
{
	const struct audit *a = p->audit;
	AUTO(buf) struct buf text = {0};

	page_heading(p, INK_BOLD, "Judged:");
	buf_addf(&text, "%zu rules on %zu agent%s and %zu companion%s", a->n_judged, a->n_agents, page_plural(a->n_agents),
		 a->n_companions, page_plural(a->n_companions));
	page_item(p, &text);
	write_not_applicable(p);
	write_shapes(p);
	page_proof(p);
}

static size_t
width(size_t wanted)
{
	if (!wanted)
		return DEFAULT_COLUMNS;
	return wanted < MIN_COLUMNS ? MIN_COLUMNS : wanted > MAX_COLUMNS ? MAX_COLUMNS : wanted;
}

void
report_text(const struct audit *a, const struct report_options *opt, struct buf *out)
{
	struct page p = {
		.audit = a,
		.out = out,
		.columns = width(opt->columns),
		.color = opt->color,
		.ascii = opt->ascii,
	};

	write_head(&p);
	write_findings(&p);
	write_suppressed(&p);
	write_incomplete(&p);
	write_undecided(&p);
	write_exemptions(&p);
	page_verified(&p);
	write_judged(&p);
}
