/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every rule is held against tests/rules/ID/: bad-* break it, good-* do not, and without a fact that it needs it gives
 * no answer. tests/rules/README.md says how a case tells what it expects.
 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "audit/audit.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/str.h"
#include "base/vec.h"
#include "decode/files.h"
#include "tests/source.h"
#include "tests/unit/evidence_fixture.h"

#define TIERS (FACT_PROBES | FACT_LOGS | FACT_HEALTH) /* what a case's comments say (evidence_fixture.h) */
#define NOW "2026-03-10T12:00:00Z" /* where a case does not say */

/* What stands in a case's `# expect:` line; NULL for what it leaves open. */
struct expectation {
	const char *object, *container, *agent, *says;
};

struct rule_case {
	const struct rule *rule;
	char *name, *path;
	bool bad;
	enum fact withheld; /* 0: none */
	enum fact unasked; /* a tier of evidence; 0: none */
};

typedef VEC(struct rule_case) cases;

static char *
dir_of(const struct rule *r)
{
	AUTO(free) char *all = source_path("tests/rules");

	return mem_printf("%s/%s", all, r->id);
}

/*
 * What a case expects
 */

static char *
read_text(const char *path)
{
	FILE *f = fopen(path, "r");
	struct buf b = {0};
	size_t n;

	if (!f)
		return NULL;
	do {
		n = fread(buf_reserve(&b, 4096), 1, 4096, f);
		b.len += n;
	} while (n > 0);
	fclose(f);
	return buf_take(&b);
}

/* The comment lines of a case: its own, or those in a file beside it, since JSON has none. */
static char *
read_expectations(const char *path)
{
	AUTO(free) char *beside = mem_printf("%s.expect", path);
	char *text = read_text(beside);

	return text ? text : read_text(path);
}

/* Cuts "KEY=value" out of a line, in place. The value ends at a blank; that of says= at the end of the line. */
static const char *
cut_value(char *line, const char *key)
{
	AUTO(free) char *start = mem_printf(" %s=", key);
	char *s = strstr(line, start), *value;

	if (!s)
		return NULL;
	value = s + strlen(start);
	if (strcmp(key, "says") != 0)
		value[strcspn(value, " ")] = '\0';
	*s = '\0';
	return value;
}

static size_t
parse_expectations(char *text, struct expectation *out, size_t max, char **now)
{
	size_t n = 0;
	char *save = NULL;

	for (char *line = strtok_r(text, "\n", &save); line && line[0] == '#'; line = strtok_r(NULL, "\n", &save)) {
		struct expectation x = {0};

		if (str_starts(line, "# now: "))
			*now = line + strlen("# now: ");
		if (!str_starts(line, "# expect: "))
			continue;
		assert_true(n < max);
		x.says = cut_value(line, "says");
		x.agent = cut_value(line, "agent");
		x.container = cut_value(line, "container");
		x.object = cut_value(line, "object");
		out[n++] = x;
	}
	return n;
}

/* A good case may say "# unknown": there is no answer. All others have one. */
static bool
unknown_expected(const char *path)
{
	AUTO(free) char *text = read_text(path);

	return str_has(text, "# unknown\n");
}

static bool
is_listed(const struct rule *const *at, size_t n, const struct rule *r)
{
	for (size_t i = 0; i < n; i++)
		if (at[i] == r)
			return true;
	return false;
}

/* A good case may say "# not applicable: WORDS", of the reason: then the rule cannot be judged for a workload of it. */
static void
check_applies(const struct audit *a, const struct rule_case *c)
{
	static const char mark[] = "# not applicable: ";
	AUTO(free) char *text = read_text(c->path);
	char *words = text ? strstr(text, mark) : NULL;
	size_t n = 0, hits = 0;

	if (words) {
		words += strlen(mark);
		words[strcspn(words, "\n")] = '\0';
	}
	for (size_t i = 0; i < a->n_inapplicable; i++) {
		if (a->inapplicable[i].rule != c->rule)
			continue;
		fprintf(stderr, "  not applicable to %s: %s\n", a->inapplicable[i].workload->name,
			a->inapplicable[i].reason);
		n++;
		hits += words && str_has(a->inapplicable[i].reason, words);
	}
	assert_int_equal(n, hits);
	assert_int_equal(hits > 0, words != NULL);
	if (words) {
		assert_true(is_listed(a->not_applicable, a->n_not_applicable, c->rule));
		assert_true(a->complete);
	}
}

/* The lines that a case marks with "# <--" are those of its findings. */
static size_t
marked_lines(const char *path, unsigned *out, size_t max)
{
	AUTO(free) char *text = read_text(path);
	unsigned line = 1;
	size_t n = 0;

	for (const char *s = text; s && *s; line++) {
		const char *end = strchr(s, '\n'), *mark = strstr(s, "# <--");

		if (mark && (!end || mark < end)) {
			assert_true(n < max);
			out[n++] = line;
		}
		s = end ? end + 1 : "";
	}
	return n;
}

/*
 * Judging
 */

static struct fleet *
read_case(const struct rule_case *c)
{
	struct gap gap = {c->withheld, "Thing", "", "forbidden"};
	bool of_objects = c->withheld && !(c->withheld & TIERS);
	struct object_set set = {0};
	const char *paths[] = {c->path};
	struct fleet *f;
	struct err e;

	if (!files_read(paths, 1, "default", &set, &e))
		fail_msg("%s", e.msg);
	f = fleet_new(&(struct fleet_input){.source = {.type = SOURCE_FILES, .paths = paths, .n_paths = 1},
					    .objects = &set,
					    .gaps = &gap,
					    .n_gaps = of_objects});
	object_set_free(&set);
	return f;
}

static struct audit *
judge(const struct rule_case *c)
{
	AUTO(free) char *text = read_expectations(c->path);
	struct fleet *f = read_case(c);
	struct audit *a;

	if (!c->unasked)
		f = evidence_prove(f, text, c->withheld);
	a = audit_new(f, NULL, clock_now());
	fleet_unref(f);
	return a;
}

static bool
agent_is(const struct finding *f, const char *name)
{
	AUTO(free) char *have = f->agent ? mem_printf("%s/%s", f->agent->namespace, f->agent->name) : NULL;

	return strcmp(name, "null") == 0 ? !have : str_eq(have, name);
}

static bool
says(const struct finding *f, const char *text)
{
	return str_has(f->message, text) || str_has(f->evidence, text) || str_has(f->fix, text);
}

static bool
fits(const struct finding *f, const struct expectation *x)
{
	AUTO(free) char *object = mem_printf("%s/%s/%s", f->object.kind, f->object.namespace, f->object.name);

	if (x->object && strcmp(object, x->object) != 0)
		return false;
	if (x->container && !str_eq(strcmp(x->container, "null") == 0 ? NULL : x->container, f->object.container))
		return false;
	return (!x->agent || agent_is(f, x->agent)) && (!x->says || says(f, x->says));
}

static void
show(const struct finding *f)
{
	fprintf(stderr, "  %s %s/%s/%s container=%s agent=%s line=%u\n    %s\n    %s\n    %s\n", f->rule->id,
		f->object.kind, f->object.namespace, f->object.name,
		f->object.container ? f->object.container : "null", f->agent ? f->agent->name : "null",
		f->location.line, f->message, f->evidence ? f->evidence : "-", f->fix);
}

/* Findings of the case's rule. */
static size_t
findings_of(const struct audit *a, const struct rule *r, const struct finding **out, size_t max)
{
	size_t n = 0;

	for (size_t i = 0; i < a->n_findings; i++) {
		if (a->findings[i].rule != r)
			continue;
		assert_true(n < max);
		out[n++] = &a->findings[i];
	}
	return n;
}

/* What every finding owes its reader. */
static void
check_words(const struct finding *f)
{
	assert_true(f->message && strlen(f->message) > 20);
	assert_true(f->fix && strlen(f->fix) > 20);
	assert_false(str_has(f->message, "(null)") || str_has(f->fix, "(null)") || str_has(f->evidence, "(null)"));
	assert_non_null(f->location.path);
	assert_true(f->location.line > 0);
}

static void
check_wanted(const struct finding *const *found, size_t n, const struct expectation *wanted, size_t n_wanted)
{
	if (!n_wanted)
		return;
	for (size_t i = 0; i < n_wanted; i++) {
		size_t hits = 0;

		for (size_t j = 0; j < n; j++)
			hits += fits(found[j], &wanted[i]);
		if (hits != 1)
			fail_msg("%zu findings fit expectation %zu", hits, i + 1);
	}
	assert_int_equal(n, n_wanted);
}

static void
check_lines(const struct finding *const *found, size_t n, const unsigned *lines, size_t n_lines)
{
	for (size_t i = 0; i < n_lines; i++) {
		size_t hits = 0;

		for (size_t j = 0; j < n; j++)
			hits += found[j]->location.line == lines[i];
		if (!hits)
			fail_msg("no finding at line %u", lines[i]);
	}
	for (size_t j = 0; n_lines && j < n; j++) {
		size_t hits = 0;

		for (size_t i = 0; i < n_lines; i++)
			hits += found[j]->location.line == lines[i];
		if (!hits)
			fail_msg("a finding at line %u, which is not marked", found[j]->location.line);
	}
}

static void
run_case(void **state)
{
	const struct rule_case *c = *state;
	AUTO(free) char *text = read_expectations(c->path);
	const struct finding *found[64];
	struct expectation wanted[64];
	unsigned lines[64];
	char *now = (char *)NOW;
	size_t n_wanted = parse_expectations(text, wanted, COUNT_OF(wanted), &now), n;
	bool unknown = unknown_expected(c->path);
	struct audit *a;

	setenv("MOAT_NOW", now, 1);
	a = judge(c);
	n = findings_of(a, c->rule, found, COUNT_OF(found));
	for (size_t i = 0; i < n; i++)
		show(found[i]);
	if (c->bad) {
		assert_true(n > 0);
		check_wanted(found, n, wanted, n_wanted);
		check_lines(found, n, lines, marked_lines(c->path, lines, COUNT_OF(lines)));
		for (size_t i = 0; i < n; i++)
			check_words(found[i]);
	} else {
		assert_int_equal(n, 0);
		assert_int_equal(is_listed(a->unknown, a->n_unknown, c->rule), unknown);
		check_applies(a, c);
	}
	audit_unref(a);
}

/* A fact that could not be read: no finding, no pass, and an audit that says so. */
static void
run_withheld(void **state)
{
	const struct rule_case *c = *state;
	const struct finding *found[64];
	struct audit *a;

	setenv("MOAT_NOW", NOW, 1);
	a = judge(c);
	if (c->rule->run) /* else the runner reports of what it did read: an exemption without a reason is one for sure */
		assert_int_equal(findings_of(a, c->rule, found, COUNT_OF(found)), 0);
	assert_true(is_listed(a->unknown, a->n_unknown, c->rule));
	assert_false(is_listed(a->not_applicable, a->n_not_applicable, c->rule));
	assert_false(a->complete);
	assert_true(a->n_gaps > 0);
	audit_unref(a);
}

/* A tier of evidence that was not asked for: the rule is not applicable, which is neither a pass nor a gap. */
static void
run_unasked(void **state)
{
	const struct rule_case *c = *state;
	const struct finding *found[64];
	struct audit *a;

	setenv("MOAT_NOW", NOW, 1);
	a = judge(c);
	assert_int_equal(findings_of(a, c->rule, found, COUNT_OF(found)), 0);
	assert_true(is_listed(a->not_applicable, a->n_not_applicable, c->rule));
	assert_false(is_listed(a->unknown, a->n_unknown, c->rule));
	audit_unref(a);
}

/* Two of each kind, and words for `moat explain`. */
static void
run_rule(void **state)
{
	const struct rule_case *c = *state;
	AUTO(free) char *dir = dir_of(c->rule);
	size_t bad = 0, good = 0;
	DIR *d = opendir(dir);

	if (!d)
		fail_msg("%s: no cases", dir);
	for (const struct dirent *entry = readdir(d); entry; entry = readdir(d)) {
		if (str_ends(entry->d_name, ".expect"))
			continue;
		bad += str_starts(entry->d_name, "bad-");
		good += str_starts(entry->d_name, "good-");
	}
	closedir(d);
	assert_true(bad >= 2);
	assert_true(good >= 2);
	assert_true(c->rule->title && strlen(c->rule->title) > 10 && strlen(c->rule->title) < 80);
	assert_true(c->rule->why && strlen(c->rule->why) > 100);
	assert_true(c->rule->evidence && c->rule->fix && c->rule->reference);
}

/* A folder whose rule was renamed would be walked by nobody. */
static void
run_folders(void **state)
{
	AUTO(free) char *all = source_path("tests/rules");
	DIR *d = opendir(all);

	(void)state;
	assert_non_null(d);
	for (const struct dirent *entry = readdir(d); entry; entry = readdir(d))
		if (entry->d_name[0] != '.' && !strchr(entry->d_name, '.') && !rule_find(entry->d_name))
			fail_msg("tests/rules/%s: no such rule", entry->d_name);
	closedir(d);
}

/*
 * The list of tests
 */

static void
add(cases *all, struct rule_case c, const char *suffix)
{
	c.name = mem_printf("%s %s", c.rule->id, suffix);
	vec_push(all, c);
}

static int
is_case(const struct dirent *entry)
{
	return (str_starts(entry->d_name, "bad-") || str_starts(entry->d_name, "good-")) &&
	       !str_ends(entry->d_name, ".expect");
}

static void
add_files(cases *all, const struct rule *r)
{
	AUTO(free) char *dir = dir_of(r);
	struct dirent **entries;
	int n = scandir(dir, &entries, is_case, alphasort);

	for (int i = 0; i < n; i++) {
		struct rule_case c = {.rule = r, .bad = entries[i]->d_name[0] == 'b'};

		c.path = mem_printf("%s/%s", dir, entries[i]->d_name);
		add(all, c, entries[i]->d_name);
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
}

static void
add_without(cases *all, struct rule_case c, const char *path, enum fact fact)
{
	AUTO(free) char *suffix = mem_printf("without %s", fact_name(fact));
	AUTO(free) char *unasked = mem_printf("where nobody asked for %s", fact_name(fact));

	c.withheld = fact;
	c.path = mem_strdup(path);
	add(all, c, suffix);
	if (!(fact & TIERS))
		return;
	c.withheld = 0;
	c.unasked = fact;
	c.path = mem_strdup(path);
	add(all, c, unasked);
}

/* For each fact that the rule needs its first bad case, less that fact. */
static void
add_withheld(cases *all, size_t from)
{
	size_t end = all->n;

	for (size_t i = from; i < end; i++) {
		struct rule_case c = all->at[i];

		if (!c.bad)
			continue;
		for (unsigned fact = 1; fact < 1u << FACTS; fact <<= 1)
			if (c.rule->needs & fact)
				add_without(all, c, all->at[i].path, (enum fact)fact);
		return;
	}
}

static struct CMUnitTest
test_of(struct rule_case *c)
{
	CMUnitTestFunction run = !c->path     ? run_rule
				 : c->withheld ? run_withheld
				 : c->unasked  ? run_unasked
					       : run_case;

	return (struct CMUnitTest){.name = c->name, .test_func = run, .initial_state = c};
}

int
main(void)
{
	cases all = {0};
	VEC(struct CMUnitTest) tests = {0};
	int failed;

	for (size_t i = 0; i < n_rules; i++) {
		size_t from;

		add(&all, (struct rule_case){.rule = rules[i]}, "has cases and words");
		from = all.n;
		add_files(&all, rules[i]);
		add_withheld(&all, from);
	}
	vec_push(&tests, (struct CMUnitTest)cmocka_unit_test(run_folders));
	for (size_t i = 0; i < all.n; i++)
		vec_push(&tests, test_of(&all.at[i]));
	failed = _cmocka_run_group_tests("rules", tests.at, tests.n, NULL, NULL);
	for (size_t i = 0; i < all.n; i++) {
		free(all.at[i].name);
		free(all.at[i].path);
	}
	vec_free(&all);
	vec_free(&tests);
	return failed;
}
