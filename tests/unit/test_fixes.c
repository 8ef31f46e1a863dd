/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a finding of the network rules says to write is written, and the finding is gone: for each bad case of rules whose
 * fix is a policy, a rule or a Service to add. What replaces something at least has to be YAML that reads as a rule.
 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "audit/audit.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "decode/files.h"
#include "fleet/policy.h"
#include "tests/source.h"

static const char *const rules_tested[] = {
	"agent-companion-blocked", "agent-egress-internet",  "agent-egress-open",     "companion-egress-blocked",
	"companion-egress-open",   "companion-ingress-open", "companion-unreachable", "dns-blocked",
	"dns-unrestricted",	   "scraper-egress",	     "scraper-unreachable",
};

/* Read and judged: a case, and what is written behind it. NULL: it cannot be read. */
static struct audit *
judge(const char *path, const char *more)
{
	AUTO(buf) struct buf text = {0};
	struct object_set set = {0};
	struct audit *a;
	struct fleet *f;
	struct err e = {0};
	FILE *in = fopen(path, "r");
	size_t n;

	assert_non_null(in);
	do {
		n = fread(buf_reserve(&text, 4096), 1, 4096, in);
		text.len += n;
	} while (n);
	fclose(in);
	buf_adds(&text, more);
	if (!files_read_memory(path, text.data, text.len, "default", &set, &e)) {
		fprintf(stderr, "%s\n", e.msg);
		return NULL;
	}
	f = fleet_new(&(struct fleet_input){.source = {.type = SOURCE_FILES}, .objects = &set});
	object_set_free(&set);
	a = audit_new(f, NULL, clock_now());
	fleet_unref(f);
	return a;
}

/* The map in flow style that starts there: up to the brace that closes it. */
static char *
map_at(const char *start)
{
	int depth = 0;
	bool quoted = false;

	for (const char *s = start; *s; s++) {
		quoted ^= *s == '\'';
		depth += quoted ? 0 : (*s == '{') - (*s == '}');
		if (!depth)
			return mem_printf("%.*s", (int)(s - start + 1), start);
	}
	return NULL;
}

static const struct policy *
policy_of(const struct audit *a, const struct finding *f)
{
	for (size_t i = 0; i < a->fleet->n_policies; i++)
		if (str_eq(a->fleet->policies[i]->name, f->object.name) &&
		    str_eq(a->fleet->policies[i]->namespace, f->object.namespace))
			return object_policy(a->fleet->policies[i]);
	fail_msg("%s: a rule is to be added, and the object is no policy", f->rule->id);
	return NULL;
}

/* Policies add up: a rule is as good in another policy for the same pods. */
static void
add_rule(struct buf *out, const struct policy *p, const char *direction, const char *rule)
{
	static const char *const operators[] = {"In", "NotIn", "Exists", "DoesNotExist"};

	buf_addf(out,
		 "\n---\n{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: fix-%zu, "
		 "namespace: %s}, "
		 "spec: {podSelector: {matchExpressions: [",
		 out->len, p->object.namespace);
	for (size_t i = 0; i < p->pods.n; i++) {
		buf_addf(out, "{key: '%s', operator: %s, values: [", p->pods.at[i].key,
			 operators[p->pods.at[i].op]);
		for (size_t k = 0; k < p->pods.at[i].n_values; k++)
			buf_addf(out, "'%s', ", p->pods.at[i].values[k]);
		buf_adds(out, "]}, ");
	}
	buf_addf(out, "]}, policyTypes: [%s], %s: [%s]}}\n",
		 strcmp(direction, "egress") == 0 ? "Egress" : "Ingress", direction, rule);
}

/* All that the fix says to add, as documents. false: it says something else too. */
static bool
apply(const struct audit *a, const struct finding *f, struct buf *out)
{
	static const char *const directions[] = {"egress", "ingress"};
	bool all = false;

	for (const char *at = f->fix; (at = strstr(at, "{apiVersion: ")); at++) {
		AUTO(free) char *map = map_at(at);

		assert_non_null(map);
		buf_addf(out, "\n---\n%s\n", map);
		all = true;
	}
	for (size_t i = 0; i < COUNT_OF(directions); i++) {
		AUTO(free) char *words = mem_printf(" add to %s: {", directions[i]);
		const char *at = strstr(f->fix, words);
		AUTO(free) char *map = at ? map_at(at + strlen(words) - 1) : NULL;

		if (!at)
			continue;
		assert_non_null(map);
		add_rule(out, policy_of(a, f), directions[i], map);
		all = true;
	}
	return all;
}

/* "replace it by {...}": in place of the rule. Here only that it reads as one. */
static void
check_replacement(const struct audit *judged, const struct finding *f, const char *path)
{
	const char *at = strstr(f->fix, " by {");
	AUTO(free) char *map = at ? map_at(at + strlen(" by ")) : NULL;
	AUTO(buf) struct buf more = {0};
	struct audit *a;

	if (!at || str_has(f->fix, "LABELS OF"))
		return;
	assert_non_null(map);
	add_rule(&more, policy_of(judged, f), str_starts(map, "{from") ? "ingress" : "egress", map);
	a = judge(path, buf_str(&more));
	assert_non_null(a);
	audit_unref(a);
}

static size_t
count(const struct audit *a, const char *rule)
{
	size_t n = 0;

	for (size_t i = 0; i < a->n_findings; i++)
		n += strcmp(a->findings[i].rule->id, rule) == 0;
	return n;
}

static size_t applied;

static void
check_case(const char *rule, const char *path)
{
	AUTO(buf) struct buf more = {0};
	struct audit *before = judge(path, ""), *after;
	bool whole = true;

	assert_non_null(before);
	for (size_t i = 0; i < before->n_findings; i++) {
		if (strcmp(before->findings[i].rule->id, rule) != 0)
			continue;
		whole &= apply(before, &before->findings[i], &more);
		check_replacement(before, &before->findings[i], path);
	}
	audit_unref(before);
	if (!more.len)
		return;
	after = judge(path, buf_str(&more));
	if (!after || (whole && count(after, rule)))
		fail_msg("%s: %s\n%s", path, after ? "it still breaks the rule" : "it cannot be read",
			 buf_str(&more));
	applied += whole;
	audit_unref(after);
}

static void
fixes(void **state)
{
	AUTO(free) char *cases = source_path("tests/rules");

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rules_tested); i++) {
		AUTO(free) char *folder = mem_printf("%s/%s", cases, rules_tested[i]);
		DIR *d = opendir(folder);

		assert_non_null(d);
		for (const struct dirent *entry = readdir(d); entry; entry = readdir(d)) {
			AUTO(free) char *path = mem_printf("%s/%s", folder, entry->d_name);

			if (str_starts(entry->d_name, "bad-") && str_ends(entry->d_name, ".yaml"))
				check_case(rules_tested[i], path);
		}
		closedir(d);
	}
	assert_true(applied > 30);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(fixes)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
