/* SPDX-License-Identifier: Apache-2.0 */
/* Runs kept and read back: what comes, goes, comes back and changes; which runs belong together. */
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include "decode/files.h"
#include "store/history.h"
#include "store/runs.h"
#include "tests/unit/damage_table.h"
#include "tests/unit/folder.h"

#define AGENT(name)                                                                                               \
	"---\napiVersion: apps/v1\nkind: Deployment\n"                                                            \
	"metadata: {name: " name ", namespace: a, labels: {app.kubernetes.io/component: agent}}\n"                \
	"spec: {selector: {matchLabels: {app: " name "}}, template: {metadata: {labels: {app: " name "}}, spec: " \
	"{containers: [{name: c, image: \"i:1\"}]}}}\n"
#define KUBE_SYSTEM(uid) "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: kube-system, uid: " uid "}\n"

static char path[96];
static struct db *db;
static struct buf told;

static void
hear(void *ctx, const char *text)
{
	(void)ctx;
	buf_addf(&told, "%s\n", text);
}

static int
setup(void **state)
{
	struct err e;

	if (folder_make(state))
		return -1;
	snprintf(path, sizeof(path), "%s/moat.db", folder);
	db = db_open(&(struct db_options){.path = path, .use = DB_WRITE, .tell = hear}, &e);
	return db ? 0 : -1;
}

static int
teardown(void **state)
{
	db_close(take(db));
	buf_free(&told);
	return folder_remove(state);
}

/* What is audited, and from where. Only `shown` is judged, so that a new rule does not change what is expected. */
struct world {
	const char *yaml;
	const char *server; /* of a cluster; NULL: the file fleet.yaml */
	const char *namespace;
	bool no_policies; /* the cluster has not let us read them */
	int severity; /* of no-companion; 0: its own */
};

static const char *const shown[] = {"no-companion", "agent-egress-open"};

static struct fleet *
fleet_of(const struct world *w)
{
	static const char *const file = "fleet.yaml";
	static const struct gap gap = {FACT_POLICIES, "NetworkPolicy", "", "forbidden"};
	struct object_set set = {0};
	struct fleet_input in = {.objects = &set, .gaps = &gap, .n_gaps = w->no_policies};
	struct fleet *f;
	struct err e;

	if (w->server) {
		in.source = (struct source){.type = SOURCE_CLUSTER, .context = "prod", .server = w->server};
		snprintf(in.source.address, sizeof(in.source.address), "%s", w->server);
	} else {
		in.source = (struct source){.type = SOURCE_FILES, .paths = &file, .n_paths = 1};
	}
	if (!files_read_memory(file, w->yaml, strlen(w->yaml), "default", &set, &e))
		fail_msg("%s", e.msg);
	f = fleet_new(&in);
	object_set_free(&set);
	return f;
}

static struct audit *
judge(const struct world *w, struct fleet *f)
{
	int *severities = mem_array(n_rules, sizeof(*severities));
	struct audit *a;

	for (size_t i = 0; i < n_rules; i++) {
		severities[i] = SEVERITIES;
		for (size_t s = 0; s < COUNT_OF(shown); s++)
			if (str_eq(rules[i]->id, shown[s]))
				severities[i] = s == 0 && w->severity ? w->severity : -1;
	}
	a = audit_new(f, &(struct audit_settings){.severities = severities}, 1000);
	free(severities);
	return a;
}

static int64_t
keep(struct world w)
{
	struct fleet *f = fleet_of(&w);
	struct audit *a = judge(&w, f);
	struct run_scope scope = {.fleet = f, .namespace = w.namespace};
	int64_t id = 0;
	struct err e;

	if (!runs_write(db, &scope, a, &id, &e))
		fail_msg("%s", e.msg);
	audit_unref(a);
	fleet_unref(f);
	return id;
}

static struct history_run
run_of(int64_t id)
{
	static struct arena texts;
	struct history_run r;
	struct err e;

	arena_free(&texts);
	if (!history_run(db, id, &texts, &r, &e))
		fail_msg("%s", e.msg);
	return r;
}

static void
add_finding(void *ctx, const struct history_finding *f)
{
	buf_addf(ctx, "%s %s first %lld since %lld last %lld%s\n", f->rule, f->object, (long long)f->first_run,
		 (long long)f->since_run, (long long)f->last_run, f->judged ? "" : " not judged");
}

static void
assert_findings(int64_t run, const char *wanted)
{
	AUTO(arena) struct arena texts = {0};
	AUTO(buf) struct buf got = {0};
	struct history_run r = run_of(run);
	struct err e;

	if (!history_findings(db, &r, &texts, add_finding, &got, &e))
		fail_msg("%s", e.msg);
	assert_string_equal(buf_str(&got), wanted);
}

static void
add_change(void *ctx, const struct history_change *c)
{
	const struct history_finding *f = c->after ? c->after : c->before;

	buf_addf(ctx, "%s %s %s\n", history_change_name(c->kind), f->rule, f->object);
}

/* Each line of `wanted`, in whatever order. */
static void
assert_diff(int64_t before, int64_t after, const char *wanted)
{
	AUTO(arena) struct arena texts = {0};
	AUTO(buf) struct buf got = {0};
	struct history_run x, y;
	struct err e;

	assert_true(history_run(db, before, &texts, &x, &e) && history_run(db, after, &texts, &y, &e));
	if (!history_diff(db, &x, &y, &texts, add_change, &got, &e))
		fail_msg("%s", e.msg);
	assert_int_equal(got.len, strlen(wanted));
	for (const char *line = wanted; *line; line = strchr(line, '\n') + 1) {
		AUTO(free) char *one = mem_strndup(line, (size_t)(strchr(line, '\n') + 1 - line));

		if (!str_has(buf_str(&got), one))
			fail_msg("no \"%s\" in \"%s\"", one, buf_str(&got));
	}
}

static const struct world one = {.yaml = AGENT("x")};
static const struct world two = {.yaml = AGENT("x") AGENT("y")};

static void
what_goes_and_comes_back(void **state)
{
	(void)state;
	assert_int_equal(keep(two), 1);
	assert_int_equal(run_of(1).n_new, 4);
	keep(two);
	keep(one);
	keep(one);
	assert_int_equal(run_of(3).n_fixed, 2);
	assert_int_equal(run_of(4).n_fixed, 0);
	assert_findings(2, "agent-egress-open x first 1 since 1 last 0\nno-companion x first 1 since 1 last 0\n"
			   "agent-egress-open y first 1 since 1 last 2\nno-companion y first 1 since 1 last 2\n");
	assert_findings(4, "agent-egress-open x first 1 since 1 last 0\nno-companion x first 1 since 1 last 0\n");
	keep(two);
	assert_int_equal(run_of(0).id, 5);
	assert_int_equal(run_of(5).n_new, 2);
	assert_findings(5, "agent-egress-open x first 1 since 1 last 0\nno-companion x first 1 since 1 last 0\n"
			   "agent-egress-open y first 1 since 5 last 0\nno-companion y first 1 since 5 last 0\n");
	assert_findings(4, "agent-egress-open x first 1 since 1 last 0\nno-companion x first 1 since 1 last 0\n");
	assert_diff(2, 4, "fixed agent-egress-open y\nfixed no-companion y\n");
	assert_diff(4, 5, "new agent-egress-open y\nnew no-companion y\n");
	assert_diff(5, 4, "fixed agent-egress-open y\nfixed no-companion y\n");
	assert_diff(2, 5, ""); /* it was gone in between, and looks as it did */
}

/* Far apart, which are read at once; and without the right to a second connection. */
static void
a_year_in_between(void **state)
{
	AUTO(free) char *away = mem_printf("%s.away", path);

	(void)state;
	keep(two);
	for (int i = 0; i < 60; i++)
		keep(one);
	keep((struct world){.yaml = AGENT("x") AGENT("z")});
	assert_diff(
		1, 62,
		"fixed agent-egress-open y\nfixed no-companion y\nnew agent-egress-open z\nnew no-companion z\n");
	assert_diff(
		62, 1,
		"new agent-egress-open y\nnew no-companion y\nfixed agent-egress-open z\nfixed no-companion z\n");
	assert_diff(2, 60, "");
	assert_int_equal(rename(path, away), 0);
	assert_diff(
		1, 62,
		"fixed agent-egress-open y\nfixed no-companion y\nnew agent-egress-open z\nnew no-companion z\n");
	assert_int_equal(rename(away, path), 0);
}

static void
what_looks_otherwise(void **state)
{
	struct world low = one;

	(void)state;
	low.severity = SEV_LOW;
	keep(one);
	keep(low);
	keep(one);
	assert_int_equal(run_of(2).n_new + run_of(2).n_fixed, 0);
	assert_int_equal(run_of(2).severities[SEV_LOW], 1);
	assert_diff(1, 2, "changed no-companion x\n");
	assert_diff(1, 3, "");
	assert_findings(2, "agent-egress-open x first 1 since 1 last 0\nno-companion x first 1 since 2 last 0\n");
}

static void
what_was_not_judged_is_taken_over(void **state)
{
	struct world with = two, without = two, then = one;

	(void)state;
	with.server = without.server = then.server = "https://c";
	without.no_policies = true;
	keep(with);
	keep(without);
	assert_int_equal(run_of(2).n_fixed, 0);
	assert_true(str_has(run_of(2).unjudged, ",agent-egress-open,"));
	assert_findings(2, "agent-egress-open x first 1 since 1 last 0 not judged\n"
			   "no-companion x first 1 since 1 last 0\n"
			   "agent-egress-open y first 1 since 1 last 0 not judged\n"
			   "no-companion y first 1 since 1 last 0\n");
	then.no_policies = true;
	keep(then); /* y is gone: what can be judged of it is */
	assert_diff(2, 3, "fixed no-companion y\n");
	then.no_policies = false;
	keep(then);
	assert_diff(3, 4, "fixed agent-egress-open y\n");
	assert_int_equal(run_of(4).n_new, 0);
}

static void
clusters_are_told_apart(void **state)
{
	const struct world no_uid = {.yaml = AGENT("x"), .server = "https://c"};
	const struct world first = {.yaml = AGENT("x") KUBE_SYSTEM("11"), .server = "https://c"};
	const struct world moved = {.yaml = AGENT("x") KUBE_SYSTEM("11"), .server = "https://other"};
	const struct world rebuilt = {.yaml = AGENT("x") KUBE_SYSTEM("22"), .server = "https://other"};
	const struct world no_uid_there = {.yaml = AGENT("x"), .server = "https://other"};
	const struct world elsewhere = {.yaml = AGENT("x"), .server = "https://d"};
	struct world narrow = first;
	int64_t source, of_rebuilt;

	(void)state;
	source = run_of(keep(no_uid)).source;
	assert_int_equal(run_of(keep(first)).source, source); /* its uid could be read this time */
	assert_int_equal(run_of(keep(moved)).source, source);
	of_rebuilt = run_of(keep(rebuilt)).source;
	assert_int_not_equal(of_rebuilt, source);
	assert_int_equal(run_of(keep(no_uid_there)).source, of_rebuilt); /* the newest at that address */
	assert_int_not_equal(run_of(keep(elsewhere)).source, source);
	narrow.namespace = "a";
	assert_int_not_equal(run_of(keep(narrow)).source, source);
	assert_int_not_equal(run_of(keep(one)).source, source);
	assert_string_equal(run_of(1).name, "prod");
	assert_string_equal(run_of(8).name, "fleet.yaml");
}

static void
the_last_run_is_a_baseline(void **state)
{
	AUTO(arena) struct arena texts = {0};
	struct fleet *f = fleet_of(&one);
	struct run_scope scope = {.fleet = f};
	struct baseline b;
	struct err e;

	(void)state;
	assert_true(runs_last(db, &scope, &texts, &b, &e));
	assert_null(b.name);
	keep(two);
	keep(one);
	assert_true(runs_last(db, &scope, &texts, &b, &e));
	assert_string_equal(b.name, "run 2 of 1970-01-01T00:16:40Z");
	assert_int_equal(b.n, 2);
	assert_string_equal(b.at[0].object, "Deployment a/x");
	assert_true(strcmp(b.at[0].fingerprint, b.at[1].fingerprint) < 0);
	fleet_unref(f);
}

#define OBJECT(uid, generation)                                                                                  \
	"---\napiVersion: apps/v1\nkind: Deployment\n"                                                           \
	"metadata: {name: x, namespace: a, uid: " uid ", generation: " generation                                \
	", labels: {app.kubernetes.io/component: agent}}\n"                                                      \
	"spec: {selector: {matchLabels: {app: x}}, template: {metadata: {labels: {app: x}}, spec: {containers: " \
	"[{name: c, "                                                                                            \
	"image: \"i:1\"}]}}}\n"

static void
add_object(void *ctx, const struct history_finding *f)
{
	buf_addf(ctx, "%s %s %lld\n", f->object, f->uid ? f->uid : "-", (long long)f->generation);
}

static void
assert_objects(int64_t run, const char *wanted)
{
	AUTO(arena) struct arena texts = {0};
	AUTO(buf) struct buf got = {0};
	struct history_run r = run_of(run);
	struct err e;

	if (!history_findings(db, &r, &texts, add_object, &got, &e))
		fail_msg("%s", e.msg);
	assert_string_equal(buf_str(&got), wanted);
}

/* As the first version left it, as far as findings go. */
static void
forget_objects(void)
{
	sqlite3 *raw;

	assert_int_equal(sqlite3_open(path, &raw), SQLITE_OK);
	assert_int_equal(
		sqlite3_exec(raw,
			     "ALTER TABLE findings DROP COLUMN uid; ALTER TABLE findings DROP COLUMN generation; "
			     "PRAGMA user_version = 1",
			     NULL, NULL, NULL),
		SQLITE_OK);
	sqlite3_close(raw);
}

/* Another object of that name is another uid, and no other finding. */
static void
which_object_it_was(void **state)
{
	struct world w = {.yaml = OBJECT("u-1", "3"), .server = "https://c"};
	struct err e;

	(void)state;
	keep(w);
	assert_objects(1, "x u-1 3\nx u-1 3\n");
	w.yaml = OBJECT("u-2", "1");
	keep(w);
	assert_int_equal(run_of(2).n_new + run_of(2).n_fixed, 0);
	assert_objects(2, "x u-2 1\nx u-2 1\n");
	w.yaml = AGENT("y");
	keep(w);
	w.yaml = OBJECT("u-3", "7"); /* it comes back */
	keep(w);
	assert_objects(4, "x u-3 7\nx u-3 7\n");
	assert_objects(3, "y - 0\ny - 0\n");

	db_close(take(db));
	forget_objects();
	db = db_open(&(struct db_options){.path = path, .use = DB_READ}, &e);
	assert_objects(4, "x - 0\nx - 0\n");
}

static void
pruning_keeps_what_is_there(void **state)
{
	const struct world other = {.yaml = AGENT("z"), .server = "https://c"};
	struct history_pruned removed;
	struct err e;

	(void)state;
	keep(two);
	keep(other);
	for (int i = 0; i < 4; i++)
		keep(one);
	assert_true(history_prune(db, 2, &removed, &e));
	assert_int_equal(removed.runs, 3);
	assert_findings(6, "agent-egress-open x first 1 since 1 last 0\nno-companion x first 1 since 1 last 0\n");
	assert_findings(2, "agent-egress-open z first 2 since 2 last 0\nno-companion z first 2 since 2 last 0\n");
	assert_false(history_run(db, 1, &(struct arena){0}, &(struct history_run){0}, &e));
	assert_int_equal(e.kind, ERR_USAGE);
	assert_int_equal(keep(two), 7);
	assert_int_equal(run_of(7).n_new, 2); /* y was forgotten, and is found for the first time */
	assert_true(history_prune(db, 100, &removed, &e));
	assert_int_equal(removed.runs, 0);
}

static void
nothing_to_tell(void *ctx, const struct history_finding *f)
{
	(void)ctx;
	fail_msg("%s", f->rule);
}

static void
nothing_changed(void *ctx, const struct history_change *c)
{
	(void)ctx;
	fail_msg("%s", history_change_name(c->kind));
}

/* Between its number's look-up and its findings: what is left of it is no answer, and not "all is fixed". */
static void
pruned_while_it_is_read(void **state)
{
	AUTO(arena) struct arena a = {0};
	struct history_run first, last;
	struct history_pruned removed;
	struct err e;

	(void)state;
	keep(two);
	keep(one);
	assert_true(history_run(db, 1, &a, &first, &e) && history_run(db, 2, &a, &last, &e));
	assert_true(history_prune(db, 1, &removed, &e));
	assert_false(history_findings(db, &first, &a, nothing_to_tell, NULL, &e));
	assert_true(str_has(e.msg, "run 1 was pruned"));
	assert_false(history_diff(db, &first, &last, &a, nothing_changed, NULL, &e));
	assert_false(history_diff(db, &last, &first, &a, nothing_changed, NULL, &e));
	assert_int_equal(e.kind, ERR_USAGE);
}

static void
damage_found_while_writing(void **state)
{
	(void)state;
	keep(two);
	damage_table(path, "runs");
	assert_int_equal(keep(two), 1);
	assert_true(str_has(buf_str(&told), "moved to"));
	assert_findings(1, "agent-egress-open x first 1 since 1 last 0\nno-companion x first 1 since 1 last 0\n"
			   "agent-egress-open y first 1 since 1 last 0\nno-companion y first 1 since 1 last 0\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(what_goes_and_comes_back),	   TEST(a_year_in_between),
		TEST(what_looks_otherwise),	   TEST(what_was_not_judged_is_taken_over),
		TEST(clusters_are_told_apart),	   TEST(the_last_run_is_a_baseline),
		TEST(pruning_keeps_what_is_there), TEST(pruned_while_it_is_read),
		TEST(which_object_it_was),	   TEST(damage_found_while_writing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
