/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cells of every view on the demo's fleet, against a golden text in tests/views/. After a change that is meant to
 * show: MOAT_GOLDEN=write tests/unit/test_views, and read what git diff says.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "audit/audit.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/demo_probes.h"
#include "decode/files.h"
#include "tests/source.h"
#include "tui/agent_page.h"
#include "tui/proof_cells.h"
#include "tui/proof_page.h"
#include "tui/source.h"
#include "tui/views.h"

static const char *const style_names[STYLES] = {
#define STYLE(name, fg, bg, attrs, plain) [STYLE_##name] = #name,
#include "tui/styles.def"
#undef STYLE
};

static struct audit *
demo(void)
{
	static const struct settings settings = {.trust_objects = true};
	static const struct audit_settings audit_settings;
	AUTO(free) char *path = source_path("demo");
	const char *paths[] = {path};
	struct object_set set = {0};
	struct err e = {0};
	struct fleet *f, *proven;
	struct audit *a;

	if (!files_read(paths, 1, "default", &set, &e))
		fail_msg("%s", e.msg);
	f = fleet_new(&(struct fleet_input){.source = {.type = SOURCE_FILES}, .objects = &set, .settings = &settings});
	object_set_free(&set);
	proven = demo_probes(f, (const char *)demo_probes_files[0].data, &e);
	if (!proven)
		fail_msg("%s", e.msg);
	a = audit_new(proven, &audit_settings, 1779364800);
	fleet_unref(proven);
	fleet_unref(f);
	return a;
}

/* "text [STYLE]" a cell, plain ones without the style, one row a paragraph. */
static void
add_rows(struct buf *out, const struct view *view, const struct audit *a, const struct history_view *history,
	 const char *arg)
{
	struct view_data v = {.data = a, .history = history, .arg = arg};
	struct cell cells[32];
	struct err e = {0};

	assert_true(view->n_columns <= COUNT_OF(cells));
	if (view->load && !view->load(&v, &e))
		fail_msg("%s", e.msg);
	for (size_t r = 0; r < view->rows(&v); r++) {
		memset(cells, 0, sizeof(cells));
		buf_addf(out, "%s\n", view->key(&v, r, &v.arena));
		view->fill(&v, r, cells, &v.arena);
		for (size_t c = 0; c < view->n_columns; c++) {
			if (!cells[c].text)
				continue;
			buf_addf(out, "  %-10s %s", view->columns[c].name, cells[c].text);
			if (cells[c].style != STYLE_CELL)
				buf_addf(out, " [%s]", style_names[cells[c].style]);
			buf_addc(out, '\n');
		}
	}
	if (view->unload)
		view->unload(&v);
	arena_free(&v.arena);
}

static void
compare(const char *name, const struct buf *got)
{
	AUTO(free) char *below = mem_printf("tests/views/%s.txt", name);
	AUTO(free) char *path = source_path(below);
	AUTO(buf) struct buf want = {0};
	FILE *f;
	size_t n;

	if (getenv("MOAT_GOLDEN")) {
		f = fopen(path, "w");
		assert_non_null(f);
		fwrite(got->data, 1, got->len, f);
		fclose(f);
	}
	f = fopen(path, "r");
	assert_non_null(f);
	while ((n = fread(buf_reserve(&want, 4096), 1, 4096, f)) > 0)
		want.len += n;
	fclose(f);
	buf_reserve(&want, 0);
	if (strcmp(buf_str(got), buf_str(&want)) != 0) {
		fprintf(stderr, "%s now:\n%s", path, buf_str(got));
		fail_msg("%s is not what the view shows", path);
	}
}

static void
the_fleet(void **state UNUSED)
{
	AUTO(buf) struct buf got = {0};
	struct audit *a = demo();

	add_rows(&got, &view_fleet, a, NULL, "");
	compare("fleet", &got);
	audit_unref(a);
}

static void
findings_of_an_agent(void **state UNUSED)
{
	AUTO(buf) struct buf got = {0};
	struct audit *a = demo();

	add_rows(&got, &view_findings, a, NULL, "market/Deployment/buyer");
	compare("findings-buyer", &got);
	audit_unref(a);
}

static void
findings_of_nobody(void **state UNUSED)
{
	struct audit *a = demo();
	struct view_data v = {.data = a, .arg = "market/Deployment/nobody"};
	struct err e = {0};

	assert_false(view_findings.load(&v, &e));
	assert_non_null(strstr(e.msg, "nobody"));
	arena_free(&v.arena);
	audit_unref(a);
}

/* ---- what the history tells */

#define NOW INT64_C(1779372000) /* MOAT_NOW below */
#define DAY INT64_C(86400)

static const struct history_run runs[] = {
	{.id = 9,
	 .source = 1,
	 .name = "prod-eu",
	 .namespace = "",
	 .selector = "",
	 .server = "https://a",
	 .started_at = NOW - 2 * DAY,
	 .duration_ms = 12345,
	 .version = "0.1.0",
	 .complete = true,
	 .agents = 5,
	 .companions = 4,
	 .states = {[STATE_LEGACY] = 1, [STATE_VERIFIED] = 4},
	 .severities = {[SEV_CRITICAL] = 2, [SEV_HIGH] = 3, [SEV_LOW] = 7},
	 .n_new = 2,
	 .n_fixed = 1,
	 .unjudged = ""},
	{.id = 7,
	 .source = 1,
	 .name = "prod-eu",
	 .namespace = "",
	 .selector = "",
	 .server = "https://a",
	 .started_at = NOW - 3 * DAY,
	 .duration_ms = 9999,
	 .version = "0.1.0",
	 .complete = true,
	 .agents = 5,
	 .n_new = 3,
	 .unjudged = ""},
	{.id = 4,
	 .source = 2,
	 .name = "other",
	 .namespace = "a",
	 .selector = "app=x",
	 .started_at = NOW - 3 * DAY,
	 .duration_ms = 450,
	 .version = "0.1.0",
	 .complete = false,
	 .agents = 1,
	 .unjudged = ""},
};

static const struct action actions[] = {
	{.at = NOW - 60,
	 .duration_ms = 61000,
	 .who = "admin@prod-eu",
	 .what = "restart",
	 .target = {"research", "pipelock-companion", "Deployment"},
	 .outcome = "done",
	 .detail = ""},
	{.at = NOW - 7200,
	 .duration_ms = -1,
	 .who = "admin@prod-eu",
	 .what = "probe",
	 .target = {"coding", "builder", "Deployment"},
	 .outcome = "begun",
	 .detail = "interrupted"},
};

static const struct history_finding before = {.fingerprint = "aaaa",
					      .rule = "config-subpath",
					      .severity = SEV_MEDIUM,
					      .namespace = "research",
					      .kind = "Deployment",
					      .object = "pipelock-librarian",
					      .agent = "research/Deployment/librarian",
					      .message = "mounted with subPath",
					      .evidence = "subPath: a",
					      .first_run = 3,
					      .first_at = NOW - 9 * DAY,
					      .judged = true};
static const struct history_finding after = {.fingerprint = "aaaa",
					     .rule = "config-subpath",
					     .severity = SEV_HIGH,
					     .namespace = "research",
					     .kind = "Deployment",
					     .object = "pipelock-librarian",
					     .agent = "research/Deployment/librarian",
					     .message = "mounted with subPath",
					     .evidence = "subPath: b",
					     .first_run = 3,
					     .first_at = NOW - 9 * DAY,
					     .judged = true};
static const struct history_finding gone = {.fingerprint = "bbbb",
					    .rule = "probe-open",
					    .severity = SEV_CRITICAL,
					    .namespace = "coding",
					    .kind = "Deployment",
					    .object = "builder",
					    .agent = "coding/Deployment/builder",
					    .message = "a way out",
					    .first_run = 8,
					    .first_at = NOW - 3 * DAY,
					    .judged = true};

static const struct history_change changes[] = {
	{HISTORY_NEW, NULL, &gone}, {HISTORY_FIXED, &gone, NULL}, {HISTORY_CHANGED, &before, &after}};

static const struct probe_strip strips[] = {
	{.agent = {"coding", "builder", "Deployment"},
	 .of = {[PROBE_RAW_TCP] = {.marks = {MARK_BLOCKED, MARK_INCONCLUSIVE, MARK_OPEN}, .n = 3, .at = NOW - 60}}},
	{.agent = {"research", "scout", "Deployment"},
	 .of = {[PROBE_ENV_CLEAR] = {.marks = {MARK_OPEN, MARK_BLOCKED}, .n = 2, .at = NOW - 60}}},
};

static const struct history_view history = {
	.path = "/home/x/moat.db",
	.runs = runs,
	.n_runs = COUNT_OF(runs),
	.source = 1,
	.last = &runs[0],
	.actions = actions,
	.n_actions = COUNT_OF(actions),
	.strips = strips,
	.n_strips = COUNT_OF(strips),
	.changes_of = 9,
	.changes = changes,
	.n_changes = COUNT_OF(changes),
};

static void
screens_of_proof_and_history(void **state UNUSED)
{
	static const struct {
		const struct view *view;
		const char *arg;
	} at[] = {{&view_configs, ""},
		  {&view_probes, ""},
		  {&view_runs, ""},
		  {&view_changes, "9"},
		  {&view_actions, ""}};
	struct audit *a = demo();

	for (size_t i = 0; i < COUNT_OF(at); i++) {
		AUTO(buf) struct buf got = {0};

		add_rows(&got, at[i].view, at[i].view->of_history ? NULL : a, &history, at[i].arg);
		compare(at[i].view->name, &got);
	}
	audit_unref(a);
}

/* In place of rows: the error, or what is waited for; NULL for neither. */
static const char *
in_place_of_rows(const struct view *view, const struct history_view *h, const char *arg, struct arena *a)
{
	struct view_data v = {.history = h, .arg = arg};
	struct err e = {0};
	const char *text = NULL;

	if (!view->load(&v, &e))
		text = arena_strdup(a, e.msg);
	else if (view->pending)
		text = view->pending(&v, a);
	if (!text)
		assert_true(view->rows(&v) > 0);
	arena_free(&v.arena);
	return text;
}

/* No history, one that cannot be read, one that is being read, and one that was read are not the same. */
static void
a_history_that_is_not_there(void **state UNUSED)
{
	const struct history_view loading = {.path = "/home/x/moat.db", .loading = true};
	const struct history_view failed = {.path = "/home/x/moat.db",
					    .error = "open /home/x/moat.db: no such file"};
	struct history_view old = history, other = history;
	AUTO(arena) struct arena a = {0};
	static const struct view *const of_history[] = {&view_runs, &view_changes, &view_actions};

	for (size_t i = 0; i < COUNT_OF(of_history); i++) {
		const struct view *view = of_history[i];

		assert_true(view->of_history);
		assert_true(str_has(in_place_of_rows(view, NULL, "9", &a), "nothing is kept"));
		assert_true(str_has(in_place_of_rows(view, &failed, "9", &a), "no such file"));
		assert_true(str_has(in_place_of_rows(view, &loading, "9", &a), "reading /home/x/moat.db"));
		old.error = "disk full";
		assert_null(in_place_of_rows(view, &old, "9", &a)); /* rows, and a note that they are old */
	}
	other.changes_of = 0;
	assert_true(str_has(in_place_of_rows(&view_changes, &other, "9", &a), "reading what run 9 changed"));
	assert_true(str_has(in_place_of_rows(&view_changes, &other, "6", &a), "no run 6"));
	assert_true(str_has(in_place_of_rows(&view_changes, &other, "7", &a), "run 7 is the first of prod-eu"));
	assert_true(str_has(in_place_of_rows(&view_changes, &other, "x", &a), "which run?"));
}

static const char *
notes_of(const struct view *view, const struct audit *audit, const struct history_view *h, const char *arg,
	 struct arena *a)
{
	struct view_data v = {.data = audit, .history = h, .arg = arg};
	struct cell cells[4] = {0};
	AUTO(buf) struct buf text = {0};
	struct err e = {0};
	size_t n;

	assert_true(!view->load || view->load(&v, &e));
	n = view->notes(&v, cells, COUNT_OF(cells), a);
	for (size_t i = 0; i < n; i++)
		buf_addf(&text, "%s%s", i ? "; " : "", cells[i].text);
	arena_free(&v.arena);
	return arena_strdup(a, buf_str(&text));
}

static void
notes_beside_the_title(void **state UNUSED)
{
	AUTO(arena) struct arena a = {0};
	struct audit *audit = demo(), compared = *audit;
	struct history_view old = history;

	assert_string_equal(notes_of(&view_fleet, audit, NULL, "", &a), "1 old config (:configs)");
	compared.baseline = "the last run";
	compared.n_new = 2;
	compared.n_fixed = 1;
	assert_string_equal(notes_of(&view_fleet, &compared, &history, "", &a),
			    "1 old config (:configs); since the last audit: 2 new, 1 fixed");
	compared.n_new = compared.n_fixed = 0;
	assert_true(str_has(notes_of(&view_fleet, &compared, &history, "", &a), "as in the last audit"));
	old.last = NULL;
	old.error = "disk full";
	old.runs_left_out = 7;
	assert_true(str_has(notes_of(&view_fleet, &compared, &old, "", &a), "no history (:runs says why)"));
	assert_string_equal(notes_of(&view_runs, NULL, &old, "", &a),
			    "7 more are kept: moat history; not the newest: disk full");
	assert_string_equal(notes_of(&view_probes, audit, &history, "", &a), "");
	audit_unref(audit);
}

static void
add_pane(struct buf *out, const struct pane *p)
{
	for (size_t i = 0; i < p->spans.n; i++)
		buf_addf(out, "%s%s", p->spans.at[i].newline ? "\n" : "", p->spans.at[i].text);
	buf_addc(out, '\n');
}

/* What is below a table, of every row. */
static void
details_of_rows(void **state UNUSED)
{
	static const struct view *const with_details[] = {&view_configs, &view_probes, &view_changes,
							  &view_actions};
	AUTO(buf) struct buf got = {0};
	struct audit *a = demo();

	for (size_t i = 0; i < COUNT_OF(with_details); i++) {
		struct view_data v = {.data = a, .history = &history, .arg = "9"};
		struct err e = {0};

		buf_addf(&got, "%s== %s\n", i ? "\n" : "", with_details[i]->name);
		assert_true(!with_details[i]->load || with_details[i]->load(&v, &e));
		for (size_t r = 0; r < with_details[i]->rows(&v); r++) {
			AUTO(pane) struct pane p = {.columns = 80};

			with_details[i]->detail(&v, r, &p);
			add_pane(&got, &p);
		}
		arena_free(&v.arena);
	}
	compare("details", &got);
	audit_unref(a);
}

/* The page of an agent as lines, wrapped to 80 columns. */
static void
the_page_of_an_agent(void **state UNUSED)
{
	AUTO(pane) struct pane page = {.columns = 80};
	AUTO(buf) struct buf got = {0};
	struct audit *a = demo();

	for (size_t i = 0; i < a->n_agents; i++) {
		if (i) {
			pane_newline(&page);
			pane_newline(&page);
		}
		agent_page_facts(a->fleet, a->agents[i], &page);
		pane_newline(&page);
		agent_page_boundary(a->agents[i], &page);
	}
	add_pane(&got, &page);
	compare("agents", &got);
	audit_unref(a);
}

/* ---- what was seen of running Pipelocks */

/* The pod at that place of the workload's, as of its container's present start. */
static struct config_sighting
sighting(const struct fleet *f, const struct workload *w, size_t pod)
{
	struct loaded_replica r;

	assert_true(loaded_replica(f, w, pod, &r));
	return (struct config_sighting){
		.workload = {w->namespace, w->name, w->kind},
		.pod = r.pod->object.name,
		.pod_uid = r.pod->object.uid ? r.pod->object.uid : "",
		.container = w->pipelock->container->name,
		.started_at = r.started_at,
		.loaded_at = NOW - 3 * 3600,
		.at = NOW - 120,
	};
}

struct seen {
	struct audit *demo;
	struct fleet *fleet;
	const struct workload *companion;
};

/* The demo, with these parts as what is known of one companion. */
static void
see(struct seen *s, const struct evidence_parts *parts)
{
	struct evidence *e = evidence_add(s->demo->fleet->evidence, parts);
	struct fleet_touched touched;

	fleet_unref(s->fleet);
	s->fleet = fleet_prove(s->demo->fleet, e, &touched);
	fleet_touched_free(&touched);
	evidence_unref(e);
}

static void
see_config(struct seen *s, struct config_sighting c)
{
	see(s, &(struct evidence_parts){.has_logs = true, .configs = &c, .n_configs = 1});
}

static void
see_health(struct seen *s, struct health_sighting h)
{
	const struct config_sighting c = sighting(s->demo->fleet, s->companion, 0);

	h.workload = c.workload;
	h.pod = c.pod;
	h.pod_uid = c.pod_uid;
	h.at = NOW - 30;
	see(s, &(struct evidence_parts){.has_health = true, .healths = &h, .n_healths = 1});
}

static void
add_seen(struct buf *out, const struct seen *s, const char *what)
{
	AUTO(pane) struct pane p = {.columns = 80};
	struct in_force in = in_force_of(s->fleet, s->companion);
	struct cell cell = cell_in_force(&in);

	buf_addf(out, "== %s: %s [%s]\n", what, cell.text, style_names[cell.style]);
	proof_page_config(s->fleet, s->companion, &p);
	proof_page_health(s->fleet, s->companion, &p);
	add_pane(out, &p);
}

/* Mount, file and process are three things; so are unknown, old, refused and the ConfigMap's. */
static void
what_is_in_force(void **state UNUSED)
{
	struct seen s = {.demo = demo()};
	AUTO(buf) struct buf got = {0};
	struct config_sighting c;
	const char *wanted;

	s.companion = fleet_workload(s.demo->fleet, "research", "Deployment", "pipelock-companion");
	wanted = s.companion->pipelock->config_hash;
	c = sighting(s.demo->fleet, s.companion, 0);
	s.fleet = fleet_ref(s.demo->fleet);
	add_seen(&got, &s, "nobody has looked");
	c.loaded_hash = c.file_hash = wanted;
	see_config(&s, c);
	add_seen(&got, &s, "file and process have it");
	c.loaded_hash = "00112233445566778899aabbccddeeff";
	see_config(&s, c);
	add_seen(&got, &s, "the file has it, the process has not");
	c.file_hash = c.loaded_hash;
	c.reload = RELOAD_REFUSED;
	c.reload_detail = "mode downgraded\x1b[2J";
	see_config(&s, c);
	add_seen(&got, &s, "a refused reload");
	c.loaded_hash = wanted;
	see_config(&s, c);
	add_seen(&got, &s, "a refused reload of a ConfigMap that was put back");
	c.loaded_hash = c.file_hash;
	c.reload = RELOAD_FAILED;
	c.reload_detail = NULL;
	c.file_hash = NULL;
	c.file_error = "exec in pod: 403";
	see_config(&s, c);
	add_seen(&got, &s, "a failed reload, and a file that could not be read");
	c.reload = RELOAD_NONE;
	c.loaded_hash = NULL;
	c.log_error = "get log: 403";
	see_config(&s, c);
	add_seen(&got, &s, "no log");
	c.started_at--;
	see_config(&s, c);
	add_seen(&got, &s, "of an earlier start: it is void");
	see_health(&s, (struct health_sighting){.http_status = 200,
						.status = "healthy",
						.version = "2.3.0",
						.mode = "balanced",
						.uptime_s = 7300,
						.kill_switch = 0});
	add_seen(&got, &s, "healthy");
	see_health(&s, (struct health_sighting){
			       .http_status = 503, .status = "unhealthy", .uptime_s = -1, .kill_switch = 1});
	add_seen(&got, &s, "not healthy, and closed");
	see_health(&s, (struct health_sighting){
			       .http_status = 503, .status = "healthy", .uptime_s = -1, .kill_switch = 0});
	add_seen(&got, &s, "healthy by its word alone");
	see_health(&s, (struct health_sighting){
			       .http_status = 200, .status = "healthy", .uptime_s = -1, .kill_switch = -1});
	add_seen(&got, &s, "what it does not say");
	see_health(&s, (struct health_sighting){.error = "connect: refused"});
	add_seen(&got, &s, "no answer");
	compare("in-force", &got);
	fleet_unref(s.fleet);
	audit_unref(s.demo);
}

/* A verified agent, of which one probe is tried again and proves nothing this time. */
static void
what_is_lacking_to_be_verified(void **state UNUSED)
{
	struct seen s = {.demo = demo()};
	const struct workload *scout = fleet_workload(s.demo->fleet, "research", "Deployment", "scout");
	const struct workload_key key = {"research", "scout", "Deployment"};
	AUTO(pane) struct pane verified = {.columns = 80}, not = {.columns = 80};
	AUTO(buf) struct buf text = {0};
	struct probe_result again;
	size_t n;

	again = evidence_probes(s.demo->fleet->evidence, &key, &n)[PROBE_ENV_CLEAR];
	assert_int_equal(again.probe, PROBE_ENV_CLEAR);
	proof_page_lack(s.demo->fleet, scout, &verified);
	assert_int_equal(verified.lines, 0);
	again.verdict = PROBE_INCONCLUSIVE;
	again.at++;
	see(&s, &(struct evidence_parts){.has_probes = true, .probes = &again, .n_probes = 1});
	proof_page_lack(s.fleet, scout, &not);
	add_pane(&text, &not);
	assert_string_equal(buf_str(&text), "to do      probes: env-clear inconclusive\n");
	fleet_unref(s.fleet);
	audit_unref(s.demo);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_fleet),
		cmocka_unit_test(findings_of_an_agent),
		cmocka_unit_test(findings_of_nobody),
		cmocka_unit_test(the_page_of_an_agent),
		cmocka_unit_test(screens_of_proof_and_history),
		cmocka_unit_test(a_history_that_is_not_there),
		cmocka_unit_test(notes_beside_the_title),
		cmocka_unit_test(details_of_rows),
		cmocka_unit_test(what_is_in_force),
		cmocka_unit_test(what_is_lacking_to_be_verified),
	};

	setenv("MOAT_NOW", "2026-05-21T14:00:00Z", 1); /* ages */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
