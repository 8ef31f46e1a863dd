/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What moat probe prints, against the texts in tests/report/. MOAT_UPDATE=1 in the environment writes those anew, to
 * be read before they are committed. tests/cli.py looks at the shape of the JUnit one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cli/probe_report.h"
#include "tests/source.h"

#define AT INT64_C(1767323045) /* 2026-01-02T03:04:05Z */

#define SCOUT ((struct workload_key){"research", "scout", "Deployment"})
#define BUYER ((struct workload_key){"market", "buyer", "StatefulSet"})
#define TARGET "1.1.1.1:443"
#define RESOLVER "1.1.1.1:53"

#define RESULT(who, on, what, where, is, with, how, words, ms) \
	{                                                      \
		.ran = true,                                   \
		.result = {                                    \
			.agent = who,                          \
			.pod = on "-pod",                      \
			.node = on,                            \
			.container = "main",                   \
			.probe = what,                         \
			.target = where,                       \
			.verdict = is,                         \
			.control = with,                       \
			.method = how,                         \
			.detail = words,                       \
			.duration_ms = ms,                     \
			.at = AT,                              \
			.against = "x",                        \
		},                                             \
	}
#define NOT_RUN(who, on, what, where)                     \
	{                                                 \
		.result = {                               \
			.agent = who,                     \
			.pod = on "-pod",                 \
			.node = on,                       \
			.container = "main",              \
			.probe = what,                    \
			.target = where,                  \
			.verdict = PROBE_INCONCLUSIVE,    \
			.control = PROBE_CONTROL_SKIPPED, \
			.method = "",                     \
			.detail = "not run: interrupted", \
			.at = CLOCK_UNKNOWN,              \
			.against = "",                    \
		},                                        \
	}
#define BLOCKED(who, on, what, where)                                            \
	RESULT(who, on, what, where, PROBE_BLOCKED, PROBE_CONTROL_OK, "python3", \
	       "no answer within 4 s; the companion reaches the target", 4012)

/* Every verdict, a run that was interrupted, and words that mean no good. */
static const struct probe_row rows[] = {
	BLOCKED(BUYER, "node-a", PROBE_RAW_TCP, TARGET),
	RESULT(BUYER, "node-a", PROBE_ENV_CLEAR, TARGET, PROBE_OPEN, PROBE_CONTROL_OK, "curl", "it answered", 31),
	RESULT(BUYER, "node-a", PROBE_NO_PROXY, TARGET, PROBE_INCONCLUSIVE, PROBE_CONTROL_FAILED, "curl",
	       "the companion refuses the target: 403 <\"b&d\">\033[31m\xff\xe2\x80\xae", 1200),
	RESULT(BUYER, "node-a", PROBE_DNS_TCP, RESOLVER, PROBE_INCONCLUSIVE, PROBE_CONTROL_SKIPPED, "",
	       "the container has no program to dial with", 0),
	BLOCKED(SCOUT, "node-a", PROBE_RAW_TCP, TARGET),
	BLOCKED(SCOUT, "node-a", PROBE_ENV_CLEAR, TARGET),
	BLOCKED(SCOUT, "node-a", PROBE_NO_PROXY, TARGET),
	BLOCKED(SCOUT, "node-a", PROBE_DNS_TCP, RESOLVER),
	BLOCKED(SCOUT, "node-b", PROBE_RAW_TCP, TARGET),
	NOT_RUN(SCOUT, "node-b", PROBE_ENV_CLEAR, TARGET),
	NOT_RUN(SCOUT, "node-b", PROBE_NO_PROXY, TARGET),
	NOT_RUN(SCOUT, "node-b", PROBE_DNS_TCP, RESOLVER),
};
static const struct probe_skip skipped[] = {{{"coding", "builder", "CronJob"}, "it has no pod now"}};

#define BLOCKED_FROM 4 /* four rows that are all blocked */

static const struct probe_report everything = {rows, COUNT_OF(rows), skipped, COUNT_OF(skipped), AT};

static char *
printed(const struct probe_report *r, const char *format, const struct report_options *opt)
{
	AUTO(buf) struct buf out = {0};

	probe_report_formats.render(r, format, opt, &out);
	return buf_take(&out);
}

static void
compare(const char *name, const char *text)
{
	AUTO(free) char *path = source_path(name);
	AUTO(buf) struct buf wanted = {0};
	FILE *f;
	int c;

	if (getenv("MOAT_UPDATE")) {
		f = fopen(path, "we");
		assert_non_null(f);
		assert_true(fputs(text, f) >= 0);
		assert_int_equal(fclose(f), 0);
	}
	f = fopen(path, "re");
	assert_non_null(f);
	while ((c = getc(f)) != EOF)
		buf_addc(&wanted, (char)c);
	fclose(f);
	assert_string_equal(text, buf_str(&wanted));
}

static void
golden(void **state)
{
	static const struct {
		const char *format, *file;
		bool ascii;
	} cases[] = {
		{"table", "tests/report/probes.txt", false}, {"wide", "tests/report/probes-wide.txt", true},
		{"json", "tests/report/probes.json", false}, {"yaml", "tests/report/probes.yaml", false},
		{"junit", "tests/report/probes.xml", false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct report_options opt = {.columns = 80, .ascii = cases[i].ascii};
		AUTO(free) char *text = printed(&everything, cases[i].format, &opt);

		compare(cases[i].file, text);
	}
}

/* The schema's keys, each time, in its order; an agent that could not be probed has all its probes. */
static void
keys_of_json(void **state)
{
	static const char *const keys[] = {"namespace", "agent",       "pod",	  "node",    "container",
					   "probe",	"target",      "verdict", "control", "method",
					   "detail",	"duration_ms", "at"};
	AUTO(free) char *text = printed(&everything, "json", &(struct report_options){0});
	json_t *root = json_loads(text, 0, NULL), *probes = json_object_get(root, "probes"), *probe, *value;
	const char *key;
	size_t i;

	(void)state;
	assert_string_equal(json_string_value(json_object_get(root, "schema")), "moat.probe/v1");
	assert_int_equal(json_array_size(probes), COUNT_OF(rows) + COUNT_OF(skipped) * PROBES);
	json_array_foreach(probes, i, probe)
	{
		size_t k = 0;

		json_object_foreach(probe, key, value)
		{
			assert_true(k < COUNT_OF(keys));
			assert_string_equal(key, keys[k++]);
		}
		assert_int_equal(k, COUNT_OF(keys));
		assert_int_equal(json_is_null(json_object_get(probe, "at")), i >= COUNT_OF(rows) || !rows[i].ran);
	}
	json_decref(root);
}

static void
summaries(void **state)
{
	static const struct {
		size_t from, n, n_skipped;
		const char *summary;
	} cases[] = {
		{0, COUNT_OF(rows), 1,
		 "2 agents on 2 nodes: 6 blocked, 1 open, 2 inconclusive, 3 not run; 1 agent could not be probed"},
		{BLOCKED_FROM, 4, 0, "1 agent on 1 node: 4 blocked, 0 open, 0 inconclusive"},
		{0, 0, 0, "0 agents on 0 nodes: 0 blocked, 0 open, 0 inconclusive"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct probe_report r = {&rows[cases[i].from], cases[i].n, skipped, cases[i].n_skipped, AT};
		AUTO(buf) struct buf out = {0};

		probe_report_summary(&r, &out);
		assert_string_equal(buf_str(&out), cases[i].summary);
	}
}

/* What is said under the table never promises more than was found. */
static void
meanings(void **state)
{
	static const struct {
		size_t from, n, n_skipped;
		const char *words;
	} cases[] = {
		{0, COUNT_OF(rows), 1, "A way out was found"},
		{BLOCKED_FROM, 4, 0, "Every attempt ended at the wall"},
		{BLOCKED_FROM, 4, 1, "not everything is known"},
		{BLOCKED_FROM, 6, 0, "not everything is known"},
		{0, 0, 1, "not everything is known"},
		{0, 0, 0, "not everything is known"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct probe_report r = {&rows[cases[i].from], cases[i].n, skipped, cases[i].n_skipped, AT};
		AUTO(free) char *text = printed(&r, "table", &(struct report_options){0});

		if (!strstr(text, cases[i].words))
			fail_msg("%zu: %s", i, text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(golden),
		cmocka_unit_test(keys_of_json),
		cmocka_unit_test(summaries),
		cmocka_unit_test(meanings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
