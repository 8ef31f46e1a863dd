/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reports of small fleets, against the texts in tests/report/. MOAT_UPDATE=1 in the environment writes those anew, to
 * be read before they are committed.
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

#include "audit/report.h"
#include "audit/report_agents.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/text.h"
#include "build-config.h"
#include "decode/files.h"
#include "tests/source.h"
#include "tests/unit/evidence_fixture.h"

#define NOW INT64_C(1767323045) /* 2026-01-02T03:04:05Z */

struct world {
	struct object_set set; /* its paths outlive the fleet */
	struct settings settings;
	int *severities;
	struct audit *audit;
};

/* The texts show these rules: a new rule does not change them. */
static const char *const shown[] = {
	"sidecar-in-pod", "no-companion",		"companion-not-ready", "proxy-env-missing", "proxy-env-loopback",
	"no-proxy-wide",  "proxy-env-target",		"agent-host-network",  "companion-root",    "companion-single",
	"suppression-inert", "companion-not-enforcing",
};

static const char *const evidence_rules[] = {"probe-open", "policy-not-enforced", "config-stale", "config-reload-failed",
					     "companion-unhealthy"};

static bool all_rules; /* instead */

static bool
is_shown(const char *id)
{
	if (all_rules)
		return true;
	for (size_t i = 0; i < COUNT_OF(shown); i++) {
		if (str_eq(shown[i], id))
			return true;
	}
	return false;
}

/* `known`: comments that tell what is known besides the objects (evidence_fixture.h). */
static void
look_with(struct world *w, const char *yaml, const char *known)
{
	static const char *const path = "fleet.yaml";
	struct audit_settings judging = {0};
	struct fleet_input in = {
		.source = {.type = SOURCE_FILES, .paths = &path, .n_paths = 1},
		.objects = &w->set,
		.settings = &w->settings,
	};
	struct fleet *f;
	struct err e;

	if (!files_read_memory(path, yaml, strlen(yaml), "default", &w->set, &e))
		fail_msg("%s", e.msg);
	w->severities = mem_array(n_rules, sizeof(*w->severities));
	for (size_t i = 0; i < n_rules; i++)
		w->severities[i] = is_shown(rules[i]->id) ? -1 : SEVERITIES;
	judging.severities = w->severities;
	f = evidence_prove(fleet_new(&in), known, 0);
	w->audit = audit_new(f, &judging, NOW);
	w->audit->duration_ms = 12;
	fleet_unref(f);
}

static void
look(struct world *w, const char *yaml)
{
	look_with(w, yaml, yaml);
}

static void
auto_world(struct world *w)
{
	audit_unref(w->audit);
	object_set_free(&w->set);
	free(w->severities);
}

#define WORLD AUTO(world) struct world w = {.settings = {.trust_objects = true}}

static char *
path_of(const char *name)
{
	AUTO(free) char *folder = source_path("tests/report");

	return mem_printf("%s/%s", folder, name);
}

static char *
load(const char *name)
{
	AUTO(free) char *path = path_of(name);
	AUTO(buf) struct buf text = {0};
	FILE *in = fopen(path, "r");
	size_t got;

	if (!in)
		return buf_take(&text);
	do {
		got = fread(buf_reserve(&text, 4096), 1, 4096, in);
		text.len += got;
	} while (got);
	fclose(in);
	buf_add(&text, "", 0);
	return buf_take(&text);
}

static void
save(const char *name, const char *text)
{
	AUTO(free) char *path = path_of(name);
	FILE *out = fopen(path, "w");

	assert_non_null(out);
	fputs(text, out);
	assert_int_equal(fclose(out), 0);
}

static char *
render(const struct audit *a, const char *format, struct report_options opt)
{
	AUTO(buf) struct buf out = {0};

	report_find(format)->render(a, &opt, &out);
	assert_int_equal(strlen(buf_str(&out)), out.len);
	return buf_take(&out);
}

static void
compare(const char *name, const char *text)
{
	AUTO(free) char *wanted = NULL;

	if (getenv("MOAT_UPDATE"))
		save(name, text);
	wanted = load(name);
	assert_string_equal(text, wanted);
}

static void
look_at_file(struct world *w)
{
	AUTO(free) char *yaml = load("fleet.yaml");

	look(w, yaml);
}

/*
 * Golden texts
 */

static void
text_for_a_terminal(void **state)
{
	WORLD;
	AUTO(free) char *text = NULL;

	(void)state;
	look_at_file(&w);
	text = render(w.audit, "text", (struct report_options){.columns = 80});
	compare("fleet.txt", text);
}

static void
text_in_ascii(void **state)
{
	WORLD;
	AUTO(free) char *text = NULL;

	(void)state;
	look_at_file(&w);
	text = render(w.audit, "text", (struct report_options){.columns = 60, .ascii = true});
	compare("fleet-ascii.txt", text);
	for (const char *c = text; *c; c++)
		assert_true((unsigned char)*c < 0x80);
}

/* The version is the program's: it stands in the text as @VERSION@. */
static void
json_for_programs(void **state)
{
	WORLD;
	AUTO(free) char *text = NULL;
	AUTO(buf) struct buf generic = {0};
	const char *version;

	(void)state;
	look_at_file(&w);
	text = render(w.audit, "json", (struct report_options){0});
	version = strstr(text, "\"" PACKAGE_VERSION "\"");
	assert_non_null(version);
	buf_add(&generic, text, (size_t)(version - text));
	buf_addf(&generic, "\"@VERSION@\"%s", version + strlen(PACKAGE_VERSION) + 2);
	compare("fleet.json", buf_str(&generic));
}

/*
 * The schema
 */

static json_t *
parse(const struct audit *a)
{
	AUTO(free) char *text = render(a, "json", (struct report_options){0});
	json_error_t e;
	json_t *doc = json_loads(text, JSON_REJECT_DUPLICATES, &e);

	if (!doc)
		fail_msg("%s, line %d", e.text, e.line);
	return doc;
}

static void
has_keys(const json_t *object, const char *keys)
{
	AUTO(free) char *list = mem_strdup(keys);

	for (char *key = strtok(list, " "); key; key = strtok(NULL, " ")) {
		if (!json_object_get(object, key))
			fail_msg("no key %s", key);
	}
}

static void
keys_are_never_dropped(void **state)
{
	WORLD;
	json_t *doc, *item;
	size_t i;

	(void)state;
	look_at_file(&w);
	doc = parse(w.audit);
	has_keys(doc, "schema version source started_at duration_ms complete incomplete not_applicable exemptions "
		      "summary agents findings");
	has_keys(json_object_get(doc, "source"), "type context server paths");
	has_keys(json_object_get(json_object_get(doc, "summary"), "states"),
		 "unguarded legacy migrating migrated verified");
	has_keys(json_object_get(json_object_get(doc, "summary"), "severities"), "critical high medium low info");
	assert_int_equal(json_array_size(json_object_get(doc, "agents")), 3);
	json_array_foreach(json_object_get(doc, "agents"), i, item) {
		has_keys(item, "namespace name kind state companion egress config secrets identity probes");
		has_keys(json_object_get(item, "egress"), "shape internet policies allows");
		has_keys(json_object_get(item, "config"), "mount config_map wanted_hash loaded_hash loaded stale");
		has_keys(json_object_get(item, "identity"), "bound companion_binds shared_with shared_with_total");
		has_keys(json_object_get(item, "probes"), "raw-tcp env-clear no-proxy");
	}
	json_array_foreach(json_object_get(doc, "findings"), i, item) {
		has_keys(item, "rule severity namespace agent object message evidence fix fingerprint location suppressed");
		has_keys(json_object_get(item, "object"), "kind namespace name container");
	}
	json_decref(doc);
}

static void
an_empty_fleet(void **state)
{
	WORLD;
	AUTO(free) char *text = NULL;
	json_t *doc;

	(void)state;
	look(&w, "apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n");
	doc = parse(w.audit);
	assert_int_equal(json_array_size(json_object_get(doc, "agents")), 0);
	assert_int_equal(json_array_size(json_object_get(doc, "findings")), 0);
	json_decref(doc);
	text = render(w.audit, "text", (struct report_options){0});
	assert_true(str_starts(text, "nothing was audited: no agent and no companion found\n"));
}

/* Each of many agents behind one companion names some of the others, and counts them all. */
static void
shared_companion_is_bounded(void **state)
{
	enum { AGENTS = 150 };
	WORLD;
	AUTO(buf) struct buf yaml = {0};
	json_t *doc, *identity;

	(void)state;
	buf_adds(&yaml, "{apiVersion: apps/v1, kind: Deployment, metadata: {name: pipelock, namespace: a}, spec: {template: "
			"{spec: {containers: [{name: pipelock, image: pipelock}]}}}}\n");
	for (int i = 0; i < AGENTS; i++)
		buf_addf(&yaml, "---\n{apiVersion: apps/v1, kind: Deployment, metadata: {name: x%d, namespace: a, labels: "
			 "{moat.dev/role: agent}}, spec: {template: {spec: {containers: [{name: c, image: x}]}}}}\n", i);
	look(&w, yaml.data);
	doc = parse(w.audit);
	assert_int_equal(json_array_size(json_object_get(doc, "agents")), AGENTS);
	identity = json_object_get(json_array_get(json_object_get(doc, "agents"), 0), "identity");
	assert_int_equal(json_array_size(json_object_get(identity, "shared_with")), 100);
	assert_int_equal(json_integer_value(json_object_get(identity, "shared_with_total")), AGENTS - 1);
	json_decref(doc);
}

/*
 * What is known besides the objects
 */

static void
look_at_proof(struct world *w)
{
	AUTO(free) char *yaml = load("proof.yaml");

	look(w, yaml);
}

static void
text_of_what_is_proved(void **state)
{
	WORLD;
	AUTO(free) char *text = NULL;

	(void)state;
	look_at_proof(&w);
	text = render(w.audit, "text", (struct report_options){.columns = 80});
	compare("proof.txt", text);
}

/* Green is what probes have proved, and of all of them. */
static void
green_is_earned(void **state)
{
	static const char probed[] = "# probe: of=Deployment/research/scout node=worker-2";
	AUTO(free) char *yaml = load("proof.yaml");
	char *line = strstr(yaml, probed);

	(void)state;
	for (int proved = 1; proved >= 0; proved--) {
		WORLD;
		AUTO(free) char *text = NULL;

		look(&w, yaml);
		text = render(w.audit, "text", (struct report_options){.columns = 80, .color = true});
		assert_int_equal(str_starts(text, "\033[32m1 agent: 1 verified"), proved);
		assert_int_equal(str_has(text, "Verified, by probes"), proved);
		assert_int_equal(str_has(text, "bypass probes of agents: 1 blocked"), proved);
		assert_non_null(line);
		line[2] = 'x'; /* no probe was run on the other node */
	}
}

static const char *
text_at(const json_t *object, const char *key, const char *inner)
{
	return json_string_value(json_object_get(json_object_get(object, key), inner));
}

static void
json_of_what_is_proved(void **state)
{
	WORLD;
	json_t *doc, *agent, *probe, *config, *pipelock;

	(void)state;
	look_at_proof(&w);
	doc = parse(w.audit);
	assert_int_equal(json_integer_value(json_object_get(json_object_get(json_object_get(doc, "summary"), "states"), "verified")), 1);
	agent = json_array_get(json_object_get(doc, "agents"), 0);
	assert_string_equal(json_string_value(json_object_get(agent, "state")), "verified");
	config = json_object_get(agent, "config");
	assert_string_equal(text_at(agent, "config", "loaded"), "stale");
	assert_true(json_is_true(json_object_get(config, "stale")));
	assert_string_equal(text_at(agent, "config", "loaded_hash"),
			    "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef");
	assert_int_equal(json_object_size(json_object_get(agent, "probes")), PROBES_BYPASS);
	probe = json_object_get(json_object_get(agent, "probes"), "env-clear");
	assert_string_equal(json_string_value(json_object_get(probe, "verdict")), "blocked");
	/* how far the proof goes: the oldest of its nodes */
	assert_string_equal(json_string_value(json_object_get(probe, "at")), "2026-03-10T10:59:00Z");
	assert_true(json_is_false(json_object_get(probe, "stale")));
	assert_int_equal(json_integer_value(json_object_get(probe, "nodes")), 2);
	assert_int_equal(json_integer_value(json_object_get(probe, "probed")), 2);
	json_decref(doc);

	agent = report_agent_json(w.audit, w.audit->agents[0]);
	assert_int_equal(json_array_size(json_object_get(agent, "probe_results")), 7);
	has_keys(json_array_get(json_object_get(agent, "probe_results"), 0),
		 "probe pod node container target verdict control method detail duration_ms at stale");
	pipelock = json_array_get(json_object_get(agent, "pipelocks"), 0);
	has_keys(pipelock, "pod node started_at loaded seen health");
	assert_string_equal(text_at(pipelock, "seen", "reload"), "refused");
	assert_string_equal(text_at(pipelock, "health", "version"), "2.3.0");
	json_decref(agent);
}

/*
 * Hostile text
 */

#define HOSTILE_TEXT                                                                         \
	"apiVersion: apps/v1\n"                                                              \
	"kind: Deployment\n"                                                                 \
	"metadata:\n"                                                                        \
	"  name: \"x\\e[31m\\u202Eevil\\u0007\\x7f\"\n"                                      \
	"  namespace: \"\\u009b2J\\u200B\"\n"                                                \
	"  labels: {moat.dev/role: agent}\n"                                                 \
	"  annotations:\n"                                                                   \
	"    moat.dev/ignore: \"agent-host-network\"\n"                                      \
	"    moat.dev/ignore-reason: \"fine\\n5 agents: 5 verified; no findings\\r\\e]0;t\"\n" \
	"spec:\n"                                                                            \
	"  template:\n"                                                                      \
	"    spec:\n"                                                                        \
	"      hostNetwork: true\n"                                                          \
	"      containers: [{name: \"c\\e[2J\", image: a}]\n"

static void
is_safe(const char *text)
{
	const char *end = text + strlen(text);

	for (uint32_t c; (c = text_next(&text, end));) {
		if (c == '\n')
			continue;
		assert_true(c >= 0x20 && c != 0x7f && !(c >= 0x80 && c < 0xa0));
		assert_true(c != 0x202e && c != 0x200b && c != 0xfffd);
	}
}

static void
hostile_names_in_text(void **state)
{
	WORLD;
	AUTO(free) char *text = NULL;
	AUTO(free) char *ascii = NULL;

	(void)state;
	look(&w, HOSTILE_TEXT);
	assert_int_equal(w.audit->suppressed, 1);
	text = render(w.audit, "text", (struct report_options){.columns = 80});
	is_safe(text);
	assert_null(strstr(text, "\n5 agents"));
	assert_non_null(strstr(text, "x\\x1b[31m\\u202eevil"));
	ascii = render(w.audit, "text", (struct report_options){.columns = 80, .ascii = true});
	is_safe(ascii);
}

static void
hostile_names_in_json(void **state)
{
	WORLD;
	AUTO(free) char *text = NULL;
	json_t *doc, *agent;

	(void)state;
	look(&w, HOSTILE_TEXT);
	text = render(w.audit, "json", (struct report_options){0});
	is_safe(text);
	doc = parse(w.audit);
	agent = json_array_get(json_object_get(doc, "agents"), 0);
	assert_string_equal(json_string_value(json_object_get(agent, "name")), "x\033[31m\u202eevil\007\x7f");
	json_decref(doc);
}

/* Logs, answers and the history are nobody's word either. */
static void
hostile_evidence(void **state)
{
	static const char known[] =
		"# tiers: probes logs health\n"
		"# probe: of=Deployment/research/scout node=n\033[2J pod=\u202eevil target=1.1.1.1:443 probe=raw-tcp "
		"verdict=open method=\033]0;t\007\n"
		"# probe: of=Deployment/research/scout node=worker-1 probe=env-clear verdict=inconclusive words=\033[31m\r\x9b\n"
		"# log: of=Deployment/research/pipelock pod=pipelock-6f7d9-x2k4p hash=\033[1m reload=failed words=\033c\u200b\n"
		"# health: of=Deployment/research/pipelock pod=pipelock-6f7d9-x2k4p status=\033[5m\n";
	WORLD;
	AUTO(free) char *yaml = load("proof.yaml");
	AUTO(free) char *text = NULL;
	AUTO(free) char *json = NULL;

	(void)state;
	all_rules = true;
	look_with(&w, yaml, known);
	all_rules = false;
	text = render(w.audit, "text", (struct report_options){.columns = 80});
	is_safe(text);
	for (size_t i = 0; i < COUNT_OF(evidence_rules); i++)
		assert_non_null(strstr(text, evidence_rules[i]));
	json = render(w.audit, "json", (struct report_options){0});
	is_safe(json);
}

/* Only a cluster that breaks its own rules has such names. */
static void
bad_utf8(void **state)
{
	WORLD;
	AUTO(free) char *text = NULL;
	json_t *doc, *finding;

	(void)state;
	look_at_file(&w);
	w.audit->findings[0].message = "a\xff\xc3(\xed\xa0\x80z";
	doc = parse(w.audit);
	finding = json_array_get(json_object_get(doc, "findings"), 0);
	assert_string_equal(json_string_value(json_object_get(finding, "message")),
			    "a\ufffd\ufffd(\ufffd\ufffd\ufffdz");
	json_decref(doc);
	text = render(w.audit, "text", (struct report_options){.columns = 80});
	is_safe(text);
	assert_non_null(strstr(text, "a\\xff\\xc3("));
}

/*
 * Shape of the text
 */

static void
no_line_is_too_long(void **state)
{
	static const size_t widths[] = {40, 80, 120};
	WORLD;

	(void)state;
	look_at_file(&w);
	for (size_t i = 0; i < COUNT_OF(widths); i++) {
		AUTO(free) char *text = render(w.audit, "text", (struct report_options){.columns = widths[i]});

		for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
			if (text_width(line) > widths[i])
				fail_msg("%zu columns: %s", text_width(line), line);
		}
	}
}

static char *
without_color(const char *s)
{
	AUTO(buf) struct buf plain = {0};

	for (; *s; s++) {
		if (*s == '\033')
			s = strchr(s, 'm');
		else
			buf_addc(&plain, *s);
	}
	return buf_take(&plain);
}

static void
color_only_when_asked(void **state)
{
	WORLD;
	AUTO(free) char *plain = NULL;
	AUTO(free) char *colored = NULL;
	AUTO(free) char *stripped = NULL;

	(void)state;
	look_at_file(&w);
	plain = render(w.audit, "text", (struct report_options){.columns = 80});
	colored = render(w.audit, "text", (struct report_options){.columns = 80, .color = true});
	assert_null(strchr(plain, '\033'));
	assert_non_null(strstr(colored, "\033[1;31m"));
	stripped = without_color(colored);
	assert_string_equal(stripped, plain);
}

static void
formats_are_found_by_name(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_report_formats; i++)
		assert_ptr_equal(report_find(report_formats[i].name), &report_formats[i]);
	assert_null(report_find("xml"));
	assert_null(report_find(""));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_for_a_terminal),
		cmocka_unit_test(text_in_ascii),
		cmocka_unit_test(json_for_programs),
		cmocka_unit_test(keys_are_never_dropped),
		cmocka_unit_test(an_empty_fleet),
		cmocka_unit_test(shared_companion_is_bounded),
		cmocka_unit_test(text_of_what_is_proved),
		cmocka_unit_test(green_is_earned),
		cmocka_unit_test(json_of_what_is_proved),
		cmocka_unit_test(hostile_names_in_text),
		cmocka_unit_test(hostile_names_in_json),
		cmocka_unit_test(hostile_evidence),
		cmocka_unit_test(bad_utf8),
		cmocka_unit_test(no_line_is_too_long),
		cmocka_unit_test(color_only_when_asked),
		cmocka_unit_test(formats_are_found_by_name),
	};

	setenv("MOAT_NOW", "2026-03-10T12:00:00Z", 1); /* the hour after what proof.yaml tells of */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
