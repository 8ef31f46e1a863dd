/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/baseline.h"

#include <stdlib.h>
#include <string.h>

#include "base/json_scan.h"
#include "base/str.h"

static int
entry_cmp(const void *a, const void *b)
{
	const struct baseline_entry *x = a, *y = b;

	return strcmp(x->fingerprint, y->fingerprint);
}

static const char *
text_of(const struct node *map, const char *key)
{
	const char *text = node_get_str(map, key);

	return text ? text : "";
}

static struct baseline_entry
read_entry(struct arena *a, const struct node *finding)
{
	const struct node *object = node_get(finding, "object");
	const char *namespace = text_of(object, "namespace");

	return (struct baseline_entry){
		.fingerprint = arena_strdup(a, text_of(finding, "fingerprint")),
		.rule = arena_strdup(a, text_of(finding, "rule")),
		.severity = arena_strdup(a, text_of(finding, "severity")),
		.object = arena_printf(a, "%s %s%s%s", text_of(object, "kind"), namespace, *namespace ? "/" : "",
				       text_of(object, "name")),
	};
}

bool
baseline_parse(struct arena *a, const char *name, const char *text, size_t len, struct baseline *out, struct err *e)
{
	AUTO(arena) struct arena tree = {0};
	const struct node *findings;
	struct baseline_entry *at;
	struct node *doc;
	size_t n = 0, unique = 0;

	if (!json_parse(&tree, name, text, len, 1, NULL, &doc, e))
		return false;
	findings = node_get(doc, "findings");
	if (!str_eq(node_get_str(doc, "schema"), "moat.audit/v1") || !findings || findings->type != NODE_LIST)
		return err_set(e, ERR_INPUT, 0, "%s: this is no report of moat audit -o json", name);
	at = ARENA_ARRAY(a, struct baseline_entry, node_count(findings));
	node_each(finding, findings) {
		const struct node *suppressed = node_get(finding, "suppressed");

		if (!*text_of(finding, "fingerprint"))
			return err_set(e, ERR_INPUT, 0, "%s: a finding without a fingerprint", name);
		if (!suppressed || suppressed->type == NODE_NULL)
			at[n++] = read_entry(a, finding);
	}
	if (n)
		qsort(at, n, sizeof(*at), entry_cmp);
	for (size_t i = 0; i < n; i++)
		if (!i || entry_cmp(&at[i], &at[unique - 1]) != 0)
			at[unique++] = at[i];
	*out = (struct baseline){.name = arena_strdup(a, name), .at = at, .n = unique};
	return true;
}

static const struct baseline_entry *
find(const struct baseline *b, const char *fingerprint)
{
	struct baseline_entry key = {.fingerprint = fingerprint};

	return b->n ? bsearch(&key, b->at, b->n, sizeof(key), entry_cmp) : NULL;
}

/* Was the rule judged everywhere this time? One that this version does not know was not. */
static bool
judged(const struct audit *a, const char *rule)
{
	if (!rule_find(rule))
		return false;
	for (size_t i = 0; i < a->n_unknown; i++)
		if (str_eq(a->unknown[i]->id, rule))
			return false;
	for (size_t i = 0; i < a->n_not_applicable; i++)
		if (str_eq(a->not_applicable[i]->id, rule))
			return false;
	return true;
}

static const struct baseline_entry *
copy_entry(struct arena *memory, const struct baseline_entry *e)
{
	struct baseline_entry *copy = ARENA_NEW(memory, struct baseline_entry);

	*copy = (struct baseline_entry){
		.fingerprint = arena_strdup(memory, e->fingerprint),
		.rule = arena_strdup(memory, e->rule),
		.severity = arena_strdup(memory, e->severity),
		.object = arena_strdup(memory, e->object),
	};
	return copy;
}

void
baseline_compare(const struct baseline *b, struct audit *a, struct arena *memory)
{
	bool *seen = arena_array(memory, b->n, sizeof(*seen));
	const struct baseline_entry **fixed;

	a->baseline = arena_strdup(memory, b->name);
	a->n_known = a->n_new = a->n_fixed = 0;
	memset(a->new_severities, 0, sizeof(a->new_severities));
	for (size_t i = 0; i < a->n_findings; i++) {
		struct finding *f = &a->findings[i];
		const struct baseline_entry *known = find(b, f->fingerprint);

		f->novelty = known ? NOVELTY_KNOWN : NOVELTY_NEW;
		if (f->suppressed)
			continue;
		if (known) {
			seen[known - b->at] = true;
			a->n_known++;
		} else {
			a->new_severities[f->severity]++;
			a->n_new++;
		}
	}
	for (size_t i = 0; i < b->n; i++) {
		seen[i] = seen[i] || a->restricted || !judged(a, b->at[i].rule); /* or nothing is known of it */
		a->n_fixed += !seen[i];
	}
	fixed = ARENA_ARRAY(memory, const struct baseline_entry *, a->n_fixed);
	for (size_t i = 0, n = 0; n < a->n_fixed; i++)
		if (!seen[i])
			fixed[n++] = copy_entry(memory, &b->at[i]);
	a->fixed = fixed;
}

const char *
novelty_name(enum novelty n)
{
	static const char *const names[] = {[NOVELTY_NONE] = NULL, [NOVELTY_NEW] = "new", [NOVELTY_KNOWN] = "known"};

	return names[n];
}
