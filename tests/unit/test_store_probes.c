/* SPDX-License-Identifier: Apache-2.0 */
/* Probes kept and read back: spans, the newest of each, clusters told apart, files of older versions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/str.h"
#include "store/history.h"
#include "store/probe_past.h"
#include "store/probes.h"
#include "tests/unit/damage_table.h"
#include "tests/unit/store_fixture.h"

static struct probe_result
result(const char *agent, enum probe p, enum probe_verdict v, int64_t at)
{
	return (struct probe_result){
		.agent = {.namespace = "a", .name = agent, .kind = "Deployment"},
		.pod = "x-1",
		.node = "node-1",
		.container = "agent",
		.probe = p,
		.target = "1.1.1.1:443",
		.verdict = v,
		.method = "python3",
		.detail = "connection refused",
		.duration_ms = 12,
		.at = at,
		.against = "abc",
	};
}

static void
keep(const char *address, struct probe_result r)
{
	struct fleet *f = fleet_at(address, "");
	struct err e;

	if (!probes_write(db, f, &r, 1, &e))
		fail_msg("%s", e.msg);
	fleet_unref(f);
}

static void
assert_last_of(struct fleet *f, const char *wanted)
{
	AUTO(arena) struct arena texts = {0};
	AUTO(buf) struct buf got = {0};
	struct probe_result *at;
	struct err e;
	size_t n;

	if (!probes_last(db, f, &texts, &at, &n, &e))
		fail_msg("%s", e.msg);
	fleet_unref(f);
	for (size_t i = 0; i < n; i++)
		buf_addf(&got, "%s/%s/%s %s %s %s p%d v%d c%d %s %s %s %s %lldms %lld\n", at[i].agent.namespace,
			 at[i].agent.kind, at[i].agent.name, at[i].pod, at[i].node, at[i].container, at[i].probe,
			 at[i].verdict, at[i].control, at[i].target, at[i].method, at[i].detail, at[i].against,
			 (long long)at[i].duration_ms, (long long)at[i].at);
	assert_string_equal(buf_str(&got), wanted);
}

static void
assert_last(const char *wanted)
{
	assert_last_of(fleet_at("https://c", ""), wanted);
}

static void
assert_rows(const char *wanted)
{
	assert_query(
		"SELECT ended, nr, verdict, count, first_at, last_at, against FROM probes ORDER BY agent, node, "
		"probe, nr",
		wanted);
}

static void
the_same_again_is_one_row(void **state)
{
	struct probe_result r = result("x", PROBE_RAW_TCP, PROBE_BLOCKED, 100);

	(void)state;
	keep("https://c", r);
	r.at = 200;
	r.pod = "x-2";
	r.against = "def";
	r.detail = "no route";
	r.duration_ms = 7;
	keep("https://c", r);
	assert_rows("0 1 0 2 100 200 def\n");
	assert_last("a/Deployment/x x-2 node-1 agent p0 v0 c0 1.1.1.1:443 python3 no route def 7ms 200\n");
}

static void
another_answer_is_another_row(void **state)
{
	struct probe_result r = result("x", PROBE_RAW_TCP, PROBE_BLOCKED, 100);

	(void)state;
	keep("https://c", r);
	r.at = 200;
	r.verdict = PROBE_OPEN;
	keep("https://c", r);
	keep("https://c", r); /* of equal times the later written */
	r.at = 300;
	r.control = PROBE_CONTROL_SKIPPED;
	keep("https://c", r);
	r.at = 400;
	r.target = "8.8.8.8:443";
	keep("https://c", r);
	assert_rows("1 1 0 1 100 100 \n1 2 1 2 200 200 \n1 3 1 1 300 300 \n0 4 1 1 400 400 abc\n");
	assert_last(
		"a/Deployment/x x-1 node-1 agent p0 v1 c2 8.8.8.8:443 python3 connection refused abc 12ms 400\n");
}

static void
what_is_written_late_does_not_become_the_newest(void **state)
{
	struct probe_result r = result("x", PROBE_RAW_TCP, PROBE_BLOCKED, 500);

	(void)state;
	keep("https://c", r);
	r.at = 400;
	r.against = "before";
	keep("https://c", r);
	assert_rows("0 1 0 2 400 500 abc\n");
	r.at = 300;
	r.verdict = PROBE_OPEN;
	keep("https://c", r);
	assert_rows("1 1 1 1 300 300 \n0 2 0 2 400 500 abc\n");
	r.at = 600;
	keep("https://c", r);
	assert_rows("1 1 1 1 300 300 \n1 2 0 2 400 500 \n0 3 1 1 600 600 before\n");
}

static void
the_newest_of_each_in_order(void **state)
{
	struct probe_result at[] = {
		result("y", PROBE_RAW_TCP, PROBE_OPEN, 1),
		result("x", PROBE_DNS_TCP, PROBE_INCONCLUSIVE, 2),
		result("x", PROBE_ENV_CLEAR, PROBE_BLOCKED, 3),
		result("x", PROBE_ENV_CLEAR, PROBE_BLOCKED, 4),
	};
	struct fleet *f = fleet_at("https://c", "");
	struct err e;

	(void)state;
	at[2].node = "node-0";
	at[2].method = "";
	assert_true(probes_write(db, f, at, COUNT_OF(at), &e));
	assert_true(probes_write(db, f, NULL, 0, &e));
	fleet_unref(f);
	assert_last("a/Deployment/x x-1 node-0 agent p1 v0 c0 1.1.1.1:443  connection refused abc 12ms 3\n"
		    "a/Deployment/x x-1 node-1 agent p1 v0 c0 1.1.1.1:443 python3 connection refused abc 12ms 4\n"
		    "a/Deployment/x x-1 node-1 agent p3 v2 c0 1.1.1.1:443 python3 connection refused abc 12ms 2\n"
		    "a/Deployment/y x-1 node-1 agent p0 v1 c0 1.1.1.1:443 python3 connection refused abc 12ms 1\n");
}

/* ---- in time */

static void
add_past(void *ctx, const struct probe_past *p)
{
	buf_addf(ctx, "%s %s/%s/%s", p->server, p->agent.namespace, p->agent.kind, p->agent.name);
	for (int i = 0; i < PROBES; i++) {
		buf_addc(ctx, ' ');
		for (size_t m = p->of[i].n; m > 0; m--)
			buf_addc(ctx, "boi"[p->of[i].marks[m - 1].verdict]);
		if (p->of[i].n)
			buf_addf(ctx, "@%lld", (long long)p->of[i].marks[0].at);
		else
			buf_addc(ctx, '-');
	}
	buf_addc(ctx, '\n');
}

static void
assert_past(const struct probe_filter *filter, const char *wanted)
{
	AUTO(buf) struct buf got = {0};
	struct err e;

	if (!probe_past(db, filter, add_past, &got, &e))
		fail_msg("%s", e.msg);
	assert_string_equal(buf_str(&got), wanted);
}

#define DAY 86400

/* So many nights, all the same. */
static void
keep_nights(struct probe_result r, int64_t first, int64_t last)
{
	for (int64_t night = first; night <= last; night++) {
		r.at = night * DAY;
		keep("https://c", r);
	}
}

static void
the_newest_probings_in_order(void **state)
{
	struct probe_result r = result("x", PROBE_RAW_TCP, PROBE_BLOCKED, 0);
	const struct probe_filter all = {0};

	(void)state;
	keep_nights(r, 1, 3);
	assert_past(&all, "https://c a/Deployment/x bbb@259200 - - -\n");
	r.verdict = PROBE_OPEN;
	keep_nights(r, 4, 5);
	r.verdict = PROBE_INCONCLUSIVE;
	keep_nights(r, 6, 6);
	r.verdict = PROBE_BLOCKED;
	keep_nights(r, 7, 10);
	keep_nights(result("x", PROBE_NO_PROXY, PROBE_BLOCKED, 0), 10, 10);
	keep_nights(result("y", PROBE_DNS_TCP, PROBE_OPEN, 0), 10, 30); /* more than a strip has */
	assert_past(&all, "https://c a/Deployment/x bbbooibbbb@864000 - b@864000 -\n"
			  "https://c a/Deployment/y - - - oooooooooooo@2592000\n");
	keep_nights(r, 11, 15);
	assert_past(&(struct probe_filter){.agent = "x"},
		    "https://c a/Deployment/x ooibbbbbbbbb@1296000 - b@864000 -\n");
}

/* Of nodes that were probed together the worst counts; one that is gone has no say in what came later. */
static void
nodes_together(void **state)
{
	struct probe_result one = result("x", PROBE_RAW_TCP, PROBE_BLOCKED, 0), two = one;

	(void)state;
	two.node = "node-2";
	two.verdict = PROBE_OPEN;
	keep_nights(two, 1, 2);
	two.verdict = PROBE_INCONCLUSIVE;
	keep_nights(two, 3, 3);
	keep_nights(one, 1, 6);
	assert_past(&(struct probe_filter){0}, "https://c a/Deployment/x ooibbb@518400 - - -\n");
	/* The same node again is another probing, however soon. */
	one.at = 6 * DAY + 60;
	one.verdict = PROBE_OPEN;
	keep("https://c", one);
	two.at = 6 * DAY + 70;
	two.verdict = PROBE_BLOCKED;
	keep("https://c", two);
	assert_past(&(struct probe_filter){0}, "https://c a/Deployment/x ooibbbo@518470 - - -\n");
	one.at = two.at + PROBE_PAST_TOGETHER_S;
	keep("https://c", one);
	assert_past(&(struct probe_filter){0}, "https://c a/Deployment/x ooibbboo@519070 - - -\n");
}

static void
add_span(void *ctx, const struct probe_span *s)
{
	buf_addf(ctx, "%s %s p%d %s v%d %lld x %lld..%lld %s%s\n", s->server, s->last.agent.name,
		 (int)s->last.probe, s->last.node, (int)s->last.verdict, (long long)s->count,
		 (long long)s->first_at, (long long)s->last.at, s->last.detail, s->newest ? ", newest" : "");
}

static void
assert_spans(const struct probe_filter *filter, const char *wanted)
{
	AUTO(buf) struct buf got = {0};
	struct err e;

	if (!probe_spans(db, filter, add_span, &got, &e))
		fail_msg("%s", e.msg);
	assert_string_equal(buf_str(&got), wanted);
}

static void
span_by_span(void **state)
{
	struct probe_result r = result("x", PROBE_RAW_TCP, PROBE_BLOCKED, 0);
	struct fleet *c = fleet_at("https://c", ""), *d = fleet_at("https://d", "");

	(void)state;
	keep_nights(r, 1, 3);
	r.verdict = PROBE_OPEN;
	r.detail = "connected";
	keep_nights(r, 4, 4);
	keep_nights(result("y", PROBE_DNS_TCP, PROBE_BLOCKED, 0), 4, 4);
	assert_spans(&(struct probe_filter){.namespace = "a", .agent = "x", .kind = "Deployment"},
		     "https://c x p0 node-1 v1 1 x 345600..345600 connected, newest\n"
		     "https://c x p0 node-1 v0 3 x 86400..259200 connection refused\n");
	assert_spans(&(struct probe_filter){.fleet = c, .agent = "y"},
		     "https://c y p3 node-1 v0 1 x 345600..345600 connection refused, newest\n");
	assert_spans(&(struct probe_filter){.fleet = d}, "");
	assert_past(&(struct probe_filter){.fleet = d}, "");
	assert_spans(&(struct probe_filter){.namespace = "b"}, "");
	r.at = 1;
	assert_true(probes_write(db, d, &r, 1, &(struct err){0}));
	assert_past(&(struct probe_filter){.agent = "x"}, "https://c a/Deployment/x bbbo@345600 - - -\n"
							  "https://d a/Deployment/x o@1 - - -\n");
	fleet_unref(c);
	fleet_unref(d);
}

static const char run_of_day_10[] =
	"INSERT INTO sources (cluster, namespace, selector, name) VALUES (1, '', '', 'prod');"
	"INSERT INTO runs (source, started_at, duration_ms, version, complete, agents, companions, unguarded, "
	"legacy, "
	"migrating, migrated, verified, critical, high, medium, low, info, suppressed, new, fixed, unjudged) "
	"VALUES "
	"(1, 864000, 1, '', 1, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, '');";

/* The newest word on an agent stays, but for a node that is gone. */
static void
pruned_with_the_runs(void **state)
{
	struct probe_result one = result("x", PROBE_RAW_TCP, PROBE_OPEN, 0), two = one, y = one;
	struct history_pruned removed;
	struct err e;

	(void)state;
	keep_nights(one, 1, 2);
	one.verdict = PROBE_BLOCKED;
	keep_nights(one, 3, 12);
	two.node = "node-2"; /* found a way out, and is gone */
	keep_nights(two, 3, 3);
	two.node = "node-3";
	two.verdict = PROBE_BLOCKED;
	keep_nights(two, 4, 4);
	two.probe = PROBE_NO_PROXY; /* of which no other node has anything */
	keep_nights(two, 4, 4);
	y.agent.name = "y";
	y.verdict = PROBE_BLOCKED;
	keep_nights(y, 5, 5);
	run_sql("INSERT INTO actions (cluster, at, who, what, namespace, kind, name, outcome, detail) VALUES "
		"(1, 863999, '', '', '', '', 'before', '', ''), (1, 864000, '', '', '', '', 'since', '', '');"
		"INSERT INTO sightings (cluster, namespace, kind, workload, pod, pod_uid, container, started_at, "
		"reload, "
		"count, first_at, last_at) VALUES (1, '', '', '', 'before', '', '', 1, 0, 1, 1, 863999), "
		"(1, '', '', '', 'since', '', '', 1, 0, 1, 1, 864000)");
	assert_true(history_prune(db, 1, &removed, &e)); /* there is no run: nothing says what is old */
	assert_int_equal(removed.probes + removed.actions + removed.sightings, 0);
	run_sql(run_of_day_10);
	assert_true(history_prune(db, 1, &removed, &e));
	assert_int_equal(removed.runs, 0);
	assert_int_equal(removed.probes, 2);
	assert_int_equal(removed.actions, 1);
	assert_int_equal(removed.sightings, 1);
	assert_query("SELECT agent, node, probe, ended, verdict FROM probes ORDER BY agent, node, probe",
		     "x node-1 0 0 0\nx node-2 0 0 1\nx node-3 2 0 0\ny node-1 0 0 0\n");
	assert_query("SELECT name FROM actions", "since\n");
	assert_query("SELECT pod FROM sightings", "since\n");
}

/* By kube-system's uid, so that files of the same cluster know them, too; never by the address that files have not. */
static void
clusters_are_told_apart(void **state)
{
	static const char row[] =
		"a/Deployment/x x-1 node-1 agent p0 v0 c0 1.1.1.1:443 python3 connection refused abc 12ms 1\n";
	struct probe_result r = result("x", PROBE_RAW_TCP, PROBE_BLOCKED, 1);
	struct fleet *f = fleet_at("https://c", KUBE_SYSTEM("u1"));
	struct err e;

	(void)state;
	assert_true(probes_write(db, f, &r, 1, &e));
	fleet_unref(f);
	assert_last_of(fleet_at("https://other-name", KUBE_SYSTEM("u1")), row);
	assert_last_of(fleet_at("https://c", ""), row);
	assert_last_of(fleet_at("", KUBE_SYSTEM("u1")), row);
	assert_last_of(fleet_at("https://c", KUBE_SYSTEM("u2")), "");
	assert_last_of(fleet_at("https://d", ""), "");
	assert_last_of(fleet_at("", KUBE_SYSTEM("u2")), "");
	assert_last_of(fleet_at("", ""), "");

	/* What files say of a cluster does not take its address away. */
	f = fleet_at("", KUBE_SYSTEM("u1"));
	r.at = 2;
	assert_true(probes_write(db, f, &r, 1, &e));
	fleet_unref(f);
	f = fleet_at("", KUBE_SYSTEM("u3"));
	assert_true(probes_write(db, f, &r, 1, &e));
	fleet_unref(f);
	assert_last_of(
		fleet_at("https://c", ""),
		"a/Deployment/x x-1 node-1 agent p0 v0 c0 1.1.1.1:443 python3 connection refused abc 12ms 2\n");
}

static void
a_fleet_that_names_no_cluster(void **state)
{
	struct probe_result r = result("x", PROBE_RAW_TCP, PROBE_BLOCKED, 1);
	struct fleet *f = fleet_at("", "");
	struct err e;

	(void)state;
	assert_false(probes_write(db, f, &r, 1, &e));
	assert_true(str_has(e.msg, "which cluster"));
	fleet_unref(f);
}

/* All or nothing. */
static void
one_transaction(void **state)
{
	struct probe_result at[] = {result("x", PROBE_RAW_TCP, PROBE_BLOCKED, 1),
				    result("y", PROBE_RAW_TCP, PROBE_BLOCKED, 1)};
	struct fleet *f = fleet_at("https://c", "");
	struct err e;

	(void)state;
	at[1].target = NULL; /* which the table refuses */
	assert_false(probes_write(db, f, at, 2, &e));
	fleet_unref(f);
	assert_rows("");
}

static void
a_file_from_before_there_were_probes(void **state)
{
	(void)state;
	make_first_version();
	open_as(DB_READ);
	assert_last("");
	assert_past(&(struct probe_filter){0}, "");
	open_as(DB_WRITE);
	keep("https://c", result("x", PROBE_RAW_TCP, PROBE_BLOCKED, 1));
	assert_rows("0 1 0 1 1 1 abc\n");
}

/* The file is moved aside, and what was to be written is the first of the new one. */
static void
damage_found_while_writing(void **state)
{
	struct probe_result r = result("x", PROBE_RAW_TCP, PROBE_BLOCKED, 1);

	(void)state;
	keep("https://c", r);
	r.at = 2;
	keep("https://c", r);
	damage_table(path, "probes");
	r.at = 3;
	keep("https://c", r);
	assert_rows("0 1 0 1 3 3 abc\n");
}

/* Numbers that this moat does not know are never a good answer. */
static void
numbers_of_strangers(void **state)
{
	(void)state;
	keep("https://c", result("x", PROBE_RAW_TCP, PROBE_BLOCKED, 1));
	run_sql("UPDATE probes SET verdict = 77, control = -3");
	assert_last("a/Deployment/x x-1 node-1 agent p0 v2 c2 1.1.1.1:443 python3 connection refused abc 12ms 1\n");
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(the_same_again_is_one_row),
		TEST(another_answer_is_another_row),
		TEST(what_is_written_late_does_not_become_the_newest),
		TEST(the_newest_of_each_in_order),
		TEST(the_newest_probings_in_order),
		TEST(nodes_together),
		TEST(span_by_span),
		TEST(pruned_with_the_runs),
		TEST(clusters_are_told_apart),
		TEST(a_fleet_that_names_no_cluster),
		TEST(one_transaction),
		TEST(a_file_from_before_there_were_probes),
		TEST(damage_found_while_writing),
		TEST(numbers_of_strangers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
