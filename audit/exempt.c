/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/exempt.h"

#include <stdlib.h>
#include <string.h>

#include "audit/judgment.h"
#include "base/clock.h"
#include "base/str.h"
#include "base/vec.h"

#define IGNORE "moat.dev/ignore"
#define REASON "moat.dev/ignore-reason"
#define ROLE "moat.dev/role"

/* One moat.dev/ignore annotation, with the labels that hold it as its key: a workload's own, its template's. */
struct tag {
	const struct labels *key;
	const struct object *object;
	const struct workload *workload; /* NULL for a policy or a ConfigMap */
	const char *value;
	struct suppression suppression; /* reason NULL: it suppresses nothing */
	const struct rule **claims; /* the rules it names that exist, each once */
	size_t n_claims;
	size_t use; /* the place of the first claim's number of uses */
	const char *unknown; /* the words that are no rule, NULL for none */
};

struct entry {
	const struct exemption_setting *setting;
	struct suppression suppression;
	bool in_force;
};

struct exempt {
	int64_t now; /* seconds, when it was made */
	bool trusted; /* objects may exempt */
	struct tag *tags; /* sorted by key */
	size_t n_tags;
	struct entry *entries;
	size_t n_entries;
	size_t n_uses; /* the entries' first, then those of the claims of each tag */
	struct object_exemption *list;
	size_t n_list;
};

/* White space is no reason. */
static const char *
reason_of(const char *text)
{
	return text && text[strspn(text, " \t\r\n")] ? text : NULL;
}

/*
 * Annotations: the rules they name
 */

/* Unknown words are named so far as they are few and short: an annotation may hold 256 KiB. */
static const char *
add_unknown(struct arena *a, const char *known, const char *word, size_t len)
{
	int shown = len > 60 ? 60 : (int)len;

	if (!known)
		return arena_printf(a, "%.*s", shown, word);
	if (strlen(known) > 200)
		return known;
	return arena_printf(a, "%s, %.*s", known, shown, word);
}

static void
add_claim(struct tag *t, const struct rule *r)
{
	for (size_t i = 0; i < t->n_claims; i++) {
		if (t->claims[i] == r)
			return;
	}
	t->claims[t->n_claims++] = r;
}

static void
read_word(struct arena *a, struct tag *t, const char *word, size_t len)
{
	char id[64] = "";
	const struct rule *r;

	if (len < sizeof(id))
		memcpy(id, word, len);
	r = rule_find(id);
	if (r)
		add_claim(t, r);
	else
		t->unknown = add_unknown(a, t->unknown, word, len);
}

static void
read_words(struct arena *a, struct tag *t)
{
	static const char separators[] = ", \t\r\n";
	const char *at = t->value + strspn(t->value, separators);

	t->claims = ARENA_ARRAY(a, const struct rule *, n_rules);
	if (!*at)
		t->unknown = "(nothing)";
	while (*at) {
		size_t len = strcspn(at, separators);

		read_word(a, t, at, len);
		at += len;
		at += strspn(at, separators);
	}
}

/*
 * What is set on objects
 */

/* Is this object, and the workload it describes (NULL for none), part of what is judged? */
static bool
in_scope(const struct audit_run *run, const struct object *o, const struct workload *w)
{
	return run_in_scope(run, w ? w->namespace : o->namespace, w);
}

struct collector {
	const struct audit_run *run;
	struct arena *arena;
	bool trusted; /* see exempt */
	VEC(struct tag) tags;
	VEC(struct object_exemption) list;
};

static void
list(struct collector *c, const struct object *o, const struct workload *w, const char *key, const char *value,
     const char *reason)
{
	struct object_exemption e = {
		.kind = w ? w->kind : o->kind,
		.namespace = w ? w->namespace : o->namespace,
		.name = w ? w->name : o->name,
		.key = key,
		.value = value,
		.reason = reason,
		.ignored = !c->trusted,
	};

	if (in_scope(c->run, o, w))
		vec_push(&c->list, e);
}

static void
collect_ignore(struct collector *c, const struct object *o, const struct workload *w,
	       const struct labels *annotations)
{
	const char *value = labels_get(annotations, IGNORE), *reason;
	struct tag t = {
		.key = annotations,
		.object = o,
		.workload = w,
		.value = value,
		.suppression = {.from = "annotation", .expires_at = CLOCK_UNKNOWN},
	};

	if (!value)
		return;
	reason = t.suppression.reason = reason_of(labels_get(annotations, REASON));
	list(c, o, w, IGNORE, value, reason);
	if (!c->trusted)
		return;
	read_words(c->arena, &t);
	vec_push(&c->tags, t);
}

static void
collect_workload(struct collector *c, const struct workload *w)
{
	const char *role = labels_get(&w->object->labels, ROLE);

	collect_ignore(c, w->object, w, &w->object->annotations);
	/* a pod is its own template */
	if (w->object->type != OBJECT_POD)
		collect_ignore(c, w->object, w, &w->template->annotations);
	if (!role)
		role = labels_get(&w->template->labels, ROLE);
	if (role)
		list(c, w->object, w, ROLE, role, NULL);
}

static int
by_key(const void *a, const void *b)
{
	const struct labels *p = ((const struct tag *)a)->key, *q = ((const struct tag *)b)->key;

	return (p > q) - (p < q);
}

static int
by_object(const void *a, const void *b)
{
	const struct object_exemption *p = a, *q = b;
	int order = strcmp(p->namespace, q->namespace);

	if (!order)
		order = strcmp(p->name, q->name);
	if (!order)
		order = strcmp(p->kind, q->kind);
	if (!order)
		order = strcmp(p->key, q->key);
	return order ? order : strcmp(p->value, q->value);
}

static void
collect(struct exempt *x, const struct audit_run *run, struct arena *a)
{
	const struct fleet *f = run->fleet;
	struct collector c = {.run = run, .arena = a, .trusted = x->trusted};

	for (size_t i = 0; i < f->n_workloads; i++)
		collect_workload(&c, &f->workloads[i]);
	for (size_t i = 0; i < f->n_config_maps; i++)
		collect_ignore(&c, &f->config_maps[i]->object, NULL, &f->config_maps[i]->object.annotations);
	for (size_t i = 0; i < f->n_policies; i++)
		collect_ignore(&c, f->policies[i], NULL, &f->policies[i]->annotations);
	for (size_t i = 0; i < f->n_foreign; i++)
		collect_ignore(&c, f->foreign[i], NULL, &f->foreign[i]->annotations);

	if (c.tags.n)
		qsort(c.tags.at, c.tags.n, sizeof(*c.tags.at), by_key);
	if (c.list.n)
		qsort(c.list.at, c.list.n, sizeof(*c.list.at), by_object);
	x->tags = arena_copy(a, c.tags.at, c.tags.n * sizeof(*c.tags.at));
	x->n_tags = c.tags.n;
	x->list = arena_copy(a, c.list.at, c.list.n * sizeof(*c.list.at));
	x->n_list = c.list.n;
	vec_free(&c.tags);
	vec_free(&c.list);
}

/*
 * What the config file says
 */

static void
take_entries(struct exempt *x, const struct audit_settings *s, struct arena *a)
{
	x->n_entries = s->n_exemptions;
	x->entries = ARENA_ARRAY(a, struct entry, x->n_entries);
	for (size_t i = 0; i < x->n_entries; i++) {
		const struct exemption_setting *e = &s->exemptions[i];
		bool expired = e->expires_at != CLOCK_UNKNOWN && e->expires_at < x->now;

		x->entries[i] = (struct entry){
			.setting = e,
			.suppression = {.reason = arena_strdup(a, e->reason),
					.owner = arena_strdup(a, e->owner),
					.from = "config",
					.expires_at = e->expires_at},
			.in_force = reason_of(e->reason) && !expired,
		};
	}
}

static bool
matches_workload(const struct workload_match *m, const struct workload *w)
{
	return settings_match(m, &(struct match_subject){
					 .namespace = w->namespace,
					 .kind = w->kind,
					 .name = w->name,
					 .labels = &w->object->labels,
					 .template_labels = &w->template->labels,
				 });
}

static bool
matches_object(const struct workload_match *m, const struct object *o)
{
	return settings_match(m, &(struct match_subject){
					 .namespace = o->namespace,
					 .kind = o->kind,
					 .name = o->name,
					 .labels = &o->labels,
				 });
}

/* By its workload, or by the very object: a policy, a ConfigMap. */
static bool
matches_finding(const struct workload_match *m, const struct finding *f, const struct object *o)
{
	return (f->workload && matches_workload(m, f->workload)) || (o && matches_object(m, o));
}

static bool
matches_anything(const struct workload_match *m, const struct fleet *f)
{
	for (size_t i = 0; i < f->n_workloads; i++) {
		if (matches_workload(m, &f->workloads[i]))
			return true;
	}
	for (size_t i = 0; i < f->n_config_maps; i++) {
		if (matches_object(m, &f->config_maps[i]->object))
			return true;
	}
	for (size_t i = 0; i < f->n_policies; i++) {
		if (matches_object(m, f->policies[i]))
			return true;
	}
	for (size_t i = 0; i < f->n_foreign; i++) {
		if (matches_object(m, f->foreign[i]))
			return true;
	}
	return false;
}

/*
 * Inert ones
 */

static void
report_tag(const struct tag *t, struct audit_run *run, const char *subject, const char *what, const char *fix)
{
	const struct workload *w = t->workload;
	const struct object *o = t->object;

	audit_report(run, w, &(struct finding_args){
		.object = w ? NULL : o,
		.subject = subject,
		.message = audit_printf(run, IGNORE " on %s %s/%s %s", w ? w->kind : o->kind, w ?
			w->namespace : o->namespace, w ? w->name : o->name, what),
		.fix = fix,
	});
}

static void
inert_claim(struct audit_run *run, const struct tag *t, const struct rule *r, bool used, const bool *judged)
{
	const char *id = r->id;

	if (str_eq(id, "suppression-inert"))
		report_tag(t, run, id, "names suppression-inert, which cannot be suppressed",
			   "Remove suppression-inert from " IGNORE "; the config file can switch the rule off.");
	else if (!t->suppression.reason)
		report_tag(t, run, id, audit_printf(run, "gives no reason, so %s is not suppressed", id),
			   "Say why in the annotation " REASON " beside it, or remove " IGNORE ".");
	else if (!used && judged[rule_place(r)])
		report_tag(t, run, id, audit_printf(run, "exempts from %s, which is not broken there", id),
			   audit_printf(run, "Remove %s from " IGNORE ".", id));
}

static void
inert_tag(struct audit_run *run, const struct tag *t, const uint32_t *uses, const bool *judged)
{
	if (t->unknown)
		report_tag(t, run, audit_printf(run, "unknown %s", t->unknown),
			   audit_printf(run, "names what is no rule: %s", t->unknown),
			   "Write ids as `moat rules` prints them, separated by commas.");
	for (size_t i = 0; i < t->n_claims; i++)
		inert_claim(run, t, t->claims[i], uses[t->use + i], judged);
}

/* In words, and the same from run to run: lines move when the file is edited. */
static const char *
describe(struct audit_run *run, const struct exemption_setting *e)
{
	const struct workload_match *m = &e->match;
	AUTO(buf) struct buf text = {0};

	buf_addf(&text, "the exemption from %s for", e->rule);
	if (m->kind)
		buf_addf(&text, " kind %s", m->kind);
	if (m->namespace)
		buf_addf(&text, " namespace %s", m->namespace);
	if (m->name)
		buf_addf(&text, " name %s", m->name);
	if (m->selector.present) {
		buf_adds(&text, " labels ");
		selector_format(&text, &m->selector);
	}
	if (!m->kind && !m->namespace && !m->name && !m->selector.present)
		buf_adds(&text, " everything");
	return audit_printf(run, "%s", buf_str(&text));
}

/* NULL when the rule, or every rule for "*", was not judged everywhere, or when only a part of the fleet was. */
static const char *
unneeded(const struct audit_run *run, const struct exemption_setting *e, const struct rule *r, const bool *judged)
{
	const struct audit_settings *s = run->settings;

	if (s->namespace || s->selector.present)
		return NULL;
	if (!matches_anything(&e->match, run->fleet))
		return "means no object that is there";
	for (size_t i = 0; !r && i < n_rules; i++) {
		if (!judged[i])
			return NULL;
	}
	return !r || judged[rule_place(r)] ? "covers no finding" : NULL;
}

/* What is wrong with an entry, and what to do; NULL when it is of use. */
static const char *
fault(struct audit_run *run, const struct entry *e, bool used, const bool *judged, const char **fix)
{
	const struct exemption_setting *s = e->setting;
	const struct rule *r = rule_find(s->rule);

	*fix = "Remove the entry.";
	if (!r && !str_eq(s->rule, "*")) {
		*fix = "Write an id as `moat rules` prints it, or remove the entry.";
		return "names what is no rule";
	}
	if (str_eq(s->rule, "suppression-inert")) {
		*fix = "Remove the entry; severities can switch the rule off.";
		return "names a rule that cannot be suppressed";
	}
	if (!reason_of(s->reason)) {
		*fix = "Give the entry a reason, or remove it.";
		return "gives no reason, so it suppresses nothing";
	}
	if (!e->in_force) {
		char day[24];

		clock_format(s->expires_at, day);
		*fix = "Remove the entry, or decide anew and give it a later expiry date.";
		return audit_printf(run, "expired at %s", day);
	}
	return used ? NULL : unneeded(run, s, r, judged);
}

static void
inert_entry(struct audit_run *run, const struct entry *e, bool used, const bool *judged)
{
	const char *fix, *what = fault(run, e, used, judged, &fix), *path = run->settings->config_path;
	const char *description;
	struct object *config;

	if (!what)
		return;
	config = ARENA_NEW(run->arena, struct object);
	config->kind = "Config";
	config->namespace = "";
	config->name = path ? arena_strdup(run->arena, path) : "";
	config->location = (struct location){.path = path ? config->name : NULL, .line = e->setting->line};
	description = describe(run, e->setting);
	audit_report(run, NULL, &(struct finding_args){
		.object = config,
		.subject = description,
		.message = audit_printf(run, "%s %s", description, what),
		.evidence = e->setting->owner ? audit_printf(run, "owner %s", e->setting->owner) :
			NULL,
		.fix = fix,
	});
}

/*
 * What the runner calls
 */

struct exempt *
exempt_new(const struct audit_run *run, struct arena *a, int64_t now)
{
	struct exempt *x = ARENA_NEW(a, struct exempt);

	x->now = now;
	x->trusted = run->fleet->settings->trust_objects;
	collect(x, run, a);
	take_entries(x, run->settings, a);
	x->n_uses = x->n_entries;
	for (size_t i = 0; i < x->n_tags; i++) {
		x->tags[i].use = x->n_uses;
		x->n_uses += x->tags[i].n_claims;
	}
	return x;
}

static const struct suppression *
find_tag(const struct exempt *x, const struct labels *key, const struct rule *r, uint32_t *uses, int change)
{
	const struct suppression *found = NULL;
	const struct tag *t;

	if (!x->n_tags)
		return NULL;
	t = bsearch(&(struct tag){.key = key}, x->tags, x->n_tags, sizeof(*x->tags), by_key);
	for (size_t i = 0; t && i < t->n_claims; i++) {
		if (t->claims[i] != r || !t->suppression.reason)
			continue;
		uses[t->use + i] += (uint32_t)change;
		found = &t->suppression;
	}
	return found;
}

const struct suppression *
exempt_find(const struct exempt *x, const struct finding *f, const struct object *o, uint32_t *uses, int change)
{
	const struct labels *keys[] = {
		o ? &o->annotations : NULL,
		f->workload ? &f->workload->object->annotations : NULL,
		f->workload ? &f->workload->template->annotations : NULL,
	};
	const struct suppression *found = NULL;

	for (size_t i = 0; i < x->n_entries; i++) {
		const struct entry *e = &x->entries[i];

		if (!e->in_force || !(str_eq(e->setting->rule, "*") || str_eq(e->setting->rule, f->rule->id)) ||
		    !matches_finding(&e->setting->match, f, o))
			continue;
		uses[i] += (uint32_t)change;
		if (!found)
			found = &e->suppression;
	}
	for (size_t i = 0; i < COUNT_OF(keys); i++) {
		const struct suppression *s = keys[i] ? find_tag(x, keys[i], f->rule, uses, change) : NULL;

		if (!found)
			found = s;
	}
	return found;
}

void
exempt_report_inert(const struct exempt *x, struct audit_run *run, const uint32_t *uses, const bool *judged)
{
	for (size_t i = 0; i < x->n_tags; i++) {
		if (in_scope(run, x->tags[i].object, x->tags[i].workload))
			inert_tag(run, &x->tags[i], uses, judged);
	}
	for (size_t i = 0; i < x->n_entries; i++)
		inert_entry(run, &x->entries[i], uses[i], judged);
}

size_t
exempt_uses(const struct exempt *x)
{
	return x->n_uses;
}

int64_t
exempt_next_expiry(const struct exempt *x)
{
	int64_t next = INT64_MAX;

	for (size_t i = 0; i < x->n_entries; i++) {
		int64_t at = x->entries[i].setting->expires_at;

		if (at != CLOCK_UNKNOWN && at >= x->now && at < next)
			next = at;
	}
	return next;
}

const struct object_exemption *
exempt_list(const struct exempt *x, size_t *n)
{
	*n = x->n_list;
	return x->list;
}

const struct rule rule_suppression_inert = {
	.id = "suppression-inert",
	.severity = SEV_LOW,
	.scope = RULE_FLEET,
	.needs = FACT_WORKLOADS,
	.title = "Exemption that suppresses nothing",
	.why = "An exemption is a decision of somebody, for a reason and for a time. One that has "
	       "expired, gives no reason, misspells its rule or covers nothing any more looks like a "
	       "decision but is none: the finding counts again although the team believes it settled, "
	       "or the exemption lies in wait and silences the next, unrelated finding of that rule. "
	       "It happens when an object is fixed or renamed and its exemption is left behind. This "
	       "rule itself cannot be suppressed, only switched off.",
	.evidence = "The annotation or the entry of the config file, and what is wrong with it",
	.fix = "Remove the exemption; or, when it is still meant, correct its rule, its match or its "
	       "date and say why (annotation moat.dev/ignore-reason, or `reason` in the config file).",
	.reference = "moat-config(5), exemptions",
	/* the runner reports it once all other findings are known */
};
