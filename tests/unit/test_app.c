/* SPDX-License-Identifier: Apache-2.0 */
/* The whole console but for its terminal: keys in, text out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "tui/app.h"

struct fake {
	struct app *app;
	struct app_status status;
	bool has_data;
	int restarts, refreshes, changes, counted; /* counted: how often a view was asked for its rows */
	char looked_at[32]; /* the agent that the source was told to look at; "" for none */
	int64_t looked_at_run;
	struct history_view history;
	const char *notices[3]; /* that are still to be told; NULL ends them */
};

static const char *const agents[] = {"research/scout", "research/librarian", "coding/builder"};

static struct fake fake;

static size_t
agent_rows(const struct view_data *v)
{
	(void)v;
	fake.counted++;
	return COUNT_OF(agents);
}

static const char *
agent_key(const struct view_data *v, size_t row, struct arena *a)
{
	(void)v;
	(void)a;
	return agents[row];
}

static void
agent_fill(const struct view_data *v, size_t row, struct cell *cells, struct arena *a)
{
	(void)v;
	(void)a;
	cells[0].text = agents[row];
	cells[1] =
		(struct cell){.text = row == 2 ? "legacy" : "verified", .style = row == 2 ? STYLE_BAD : STYLE_OK};
}

static void
agent_detail(const struct view_data *v, size_t row, struct pane *out)
{
	(void)v;
	pane_addf(out, STYLE_CELL, 0, "all about %s", agents[row]);
	pane_newline(out);
	pane_add(out, STYLE_CELL, 0, "and more");
	pane_newline(out);
	pane_add(out, STYLE_CELL, 0, "and still more");
	pane_newline(out);
	pane_add(out, STYLE_CELL, 0, "the end");
}

static bool
agent_subject(const struct view_data *v, size_t row, struct workload_key *out)
{
	(void)v;
	*out = (struct workload_key){"ns", agents[row], "Deployment"};
	return true;
}

static void
open_findings(struct app *app)
{
	const struct view_data *v;
	size_t row;

	assert_true(app_selected(app, &v, &row));
	app_open(app, "findings", agents[row]);
}

static void
restart(struct app *app)
{
	fake.restarts++;
	app_flash(app, STYLE_OK, "restarted\x1b[2J");
}

static const char *
finding_argument(const void *data, size_t i, struct arena *a)
{
	(void)data;
	(void)a;
	return i < COUNT_OF(agents) ? agents[i] : NULL;
}

static bool
finding_load(struct view_data *v, struct err *e)
{
	return strchr(v->arg, '/') ? true : err_set(e, ERR_USAGE, 0, "whose findings?");
}

static size_t
finding_rows(const struct view_data *v)
{
	return str_eq(v->arg, "research/scout") ? 0 : 1;
}

static const char *
finding_key(const struct view_data *v, size_t row, struct arena *a)
{
	(void)v;
	(void)row;
	(void)a;
	return "only";
}

static void
finding_fill(const struct view_data *v, size_t row, struct cell *cells, struct arena *a)
{
	(void)row;
	cells[0].text = arena_printf(a, "sidecar-in-pod of %s", v->arg);
}

static const struct column agent_columns[] = {{.name = "AGENT", .sort_key = 'A'}, {.name = "STATE"}};
static const struct column finding_columns[] = {{.name = "RULE"}};
static const struct binding agent_bindings[] = {
	{K_ENTER, "open", "its findings", KEY_NEEDS_ROW, open_findings},
	{'r', "restart", "restart it", KEY_WRITES | KEY_NEEDS_ROW, restart},
};
static const struct view view_fleet = {
	.name = "fleet",
	.aliases = "fl",
	.title = "agents",
	.columns = agent_columns,
	.n_columns = COUNT_OF(agent_columns),
	.bindings = agent_bindings,
	.n_bindings = COUNT_OF(agent_bindings),
	.rows = agent_rows,
	.key = agent_key,
	.fill = agent_fill,
	.detail = agent_detail,
	.subject = agent_subject,
};
static const struct view view_findings = {
	.name = "findings",
	.title = "findings",
	.columns = finding_columns,
	.n_columns = COUNT_OF(finding_columns),
	.empty = "no finding: all is well",
	.load = finding_load,
	.rows = finding_rows,
	.key = finding_key,
	.fill = finding_fill,
	.argument = finding_argument,
};

/* Rows of the history: they need no fleet. */
static bool
run_load(struct view_data *v, struct err *e)
{
	assert_non_null(v->history);
	return !v->history->error || err_set(e, ERR_INPUT, 0, "%s", v->history->error);
}

static size_t
run_rows(const struct view_data *v)
{
	return v->history->n_runs;
}

static int64_t
run_of(const struct view_data *v)
{
	return *v->arg ? 7 : 0;
}

static const char *
run_pending(const struct view_data *v, struct arena *a)
{
	(void)a;
	return v->history->loading ? "reading moat.db" : NULL;
}

static size_t
run_notes(const struct view_data *v, struct cell *cells, size_t max, struct arena *a)
{
	(void)v;
	(void)a;
	assert_true(max >= 2);
	cells[0] = (struct cell){.text = "2 new\x1b[2J", .style = STYLE_WARN};
	cells[1] = (struct cell){.text = "a note that is much too long for a narrow screen"};
	return 2;
}

static const struct view view_runs = {
	.name = "runs",
	.title = "runs",
	.columns = finding_columns,
	.n_columns = COUNT_OF(finding_columns),
	.empty = "no run is kept",
	.of_history = true,
	.load = run_load,
	.rows = run_rows,
	.key = finding_key,
	.fill = finding_fill,
	.run = run_of,
	.pending = run_pending,
	.notes = run_notes,
};
static const struct view *const views[] = {&view_fleet, &view_findings, &view_runs, NULL};

static const void *
get_data(void *ctx)
{
	struct fake *f = ctx;

	return f->has_data ? f : NULL;
}

static struct app_status
get_status(void *ctx)
{
	return ((struct fake *)ctx)->status;
}

static size_t
get_summary(void *ctx, struct cell *cells, size_t max, struct arena *a)
{
	(void)a;
	if (!((struct fake *)ctx)->has_data || max < 2)
		return 0;
	cells[0] = (struct cell){.text = "3 agents"};
	cells[1] = (struct cell){.text = "1 legacy", .style = STYLE_BAD};
	return 2;
}

static void
refresh(void *ctx)
{
	((struct fake *)ctx)->refreshes++;
}

static struct operation
look(void *ctx)
{
	(void)ctx;
	return (struct operation){0};
}

static void
look_at(void *ctx, const struct workload_key *agent)
{
	struct fake *f = ctx;

	strcpy(f->looked_at, agent ? agent->name : "");
}

static void
look_at_run(void *ctx, int64_t run)
{
	((struct fake *)ctx)->looked_at_run = run;
}

static const struct history_view *
get_history(void *ctx)
{
	return &((struct fake *)ctx)->history;
}

static bool
next_notice(void *ctx, struct app_notice *out)
{
	struct fake *f = ctx;

	if (!f->notices[0])
		return false;
	*out = (struct app_notice){STYLE_WARN, f->notices[0]};
	f->notices[0] = f->notices[1];
	f->notices[1] = f->notices[2];
	return true;
}

/* Something that could be changed; test_dialog has what comes of it. */
static const struct app_operations operations = {.look = look};

static int
setup(void **state)
{
	setenv("MOAT_NOW", "2026-01-02T14:02:00Z", 1);
	setenv("TZ", "UTC", 1);
	fake = (struct fake){
		.has_data = true,
		.status = {.state = APP_LIVE, .source = "prod", .scope = "all", .since = clock_now() - 2},
	};
	fake.app = app_new(&(struct app_options){
		.source =
			{
				.ctx = &fake,
				.data = get_data,
				.status = get_status,
				.summary = get_summary,
				.refresh = refresh,
				.operations = &operations,
				.look_at = look_at,
				.look_at_run = look_at_run,
				.history = get_history,
				.notice = next_notice,
			},
		.views = views,
		.start = "fleet",
	});
	*state = fake.app;
	return 0;
}

static int
teardown(void **state)
{
	app_free(*state);
	return 0;
}

static void
type(struct app *app, const char *keys)
{
	for (; *keys; keys++)
		app_key(app, (unsigned char)*keys);
}

static void
check(struct app *app, int rows, int columns, const char *want)
{
	AUTO(screen) struct screen s = {0};
	AUTO(buf) struct buf text = {0};

	screen_resize(&s, rows, columns);
	app_draw(app, &s);
	screen_text(&s, &text);
	assert_string_equal(buf_str(&text), want);
}

/* Is that text on a screen of 80 by 12? */
static bool
shows(struct app *app, const char *part)
{
	AUTO(screen) struct screen s = {0};
	AUTO(buf) struct buf text = {0};

	screen_resize(&s, 12, 80);
	app_draw(app, &s);
	screen_text(&s, &text);
	return str_has(buf_str(&text), part);
}

static void
the_whole_screen(void **state)
{
	check(*state, 20, 60,
	      " moat  prod ▸ all   3 agents  1 legacy       live 2s  14:02\n"
	      " fleet  [3]\n"
	      "AGENT               STATE\n"
	      "research/scout      verified\n"
	      "research/librarian  verified\n"
	      "coding/builder      legacy\n"
	      "\n\n\n\n\n\n\n"
	      "────────────────────────────────────────────────────────────\n"
	      " all about research/scout\n"
	      " and more\n and still more\n the end\n\n"
	      " <enter> open  <r> restart  </> filter  <:> go to  <?> help\n");
}

static void
lines_give_way(void **state)
{
	check(*state, 5, 30,
	      " fleet  [3]          1-2 of 3\nAGENT               STATE\nresearch/scout      verified\n"
	      "research/librarian  verified\n <enter> open  <?> help\n");
	check(*state, 3, 30, "AGENT               STATE\nresearch/scout      verified\n <enter> open  <?> help\n");
	check(*state, 1, 30, "AGENT               STATE\n");
	type(*state, ":x");
	check(*state, 1, 30, ":x\n");
	app_key(*state, K_ESC);
	for (int rows = 0; rows < 9; rows++) {
		for (int columns = 0; columns < 20; columns++) {
			AUTO(screen) struct screen s = {0};

			screen_resize(&s, rows, columns);
			app_draw(*state, &s);
		}
	}
	type(*state, "\x05"); /* ctrl-e */
	assert_false(shows(*state, "moat"));
}

static void
into_a_row_and_back(void **state)
{
	type(*state, "jj\r");
	assert_true(shows(*state, " fleet   findings coding/builder  [1]"));
	assert_true(shows(*state, "sidecar-in-pod of coding/builder"));
	app_key(*state, K_ESC);
	assert_true(shows(*state, "all about") || shows(*state, " fleet  [3]"));
	type(*state, "g\r");
	assert_true(shows(*state, "no finding: all is well"));
	type(*state, "q");
	assert_false(app_ended(*state));
	type(*state, "q");
	assert_true(app_ended(*state));
}

static void
filter_as_one_types(void **state)
{
	type(*state, "/LIB");
	assert_true(shows(*state, "[1/3] </LIB>"));
	assert_false(shows(*state, "scout"));
	app_key(*state, K_BACKSPACE);
	assert_true(shows(*state, "</LI>"));
	app_key(*state, K_ENTER);
	assert_true(shows(*state, "[1/3] </LI>"));
	type(*state, "/zzz");
	assert_true(shows(*state, "no row passes the filter"));
	app_key(*state, K_ESC); /* back to the filter there was */
	assert_true(shows(*state, "[1/3] </LI>"));
	app_key(*state, K_ESC); /* and out of it */
	assert_true(shows(*state, "[3]"));
	app_key(*state, K_ESC); /* the first screen stays */
	assert_true(shows(*state, " fleet "));
	type(*state, "\x1a"); /* ctrl-z */
	assert_true(shows(*state, "[1/3] <faults>"));
	app_key(*state, K_ESC);
	assert_true(shows(*state, "[3]"));
}

static void
commands(void **state)
{
	type(*state, ":findings coding/builder\r");
	assert_true(shows(*state, " findings coding/builder  [1]"));
	app_key(*state, K_ESC); /* from another first screen home */
	assert_true(shows(*state, " fleet  [3]"));
	type(*state, ":fl /lib\r"); /* an alias, with a filter */
	assert_true(shows(*state, " fleet  [1/3] </lib>"));
	type(*state, ":flete\r");
	assert_true(shows(*state, "no command flete: did you mean fleet?"));
	type(*state, ":xyzzy\x1b");
	type(*state, ":xyzzy\r");
	assert_true(shows(*state, "no command xyzzy: tab shows"));
	type(*state, ":  \r");
	type(*state, ":findings\r");
	assert_true(shows(*state, "whose findings?"));
	type(*state, ":refresh\r");
	assert_int_equal(fake.refreshes, 1);
	type(*state, ":q\r");
	assert_true(app_ended(*state));
}

static void
completion(void **state)
{
	type(*state, ":fi\t");
	assert_true(shows(*state, ":findings\n"));
	type(*state, " research/l");
	assert_true(shows(*state, ":findings research/librarian")); /* suggested */
	type(*state, "\t\r");
	assert_true(shows(*state, "of research/librarian"));
}

static void
places(void **state)
{
	type(*state, "[");
	assert_true(shows(*state, "nothing before"));
	type(*state, "-");
	assert_true(shows(*state, "the first screen"));
	type(*state, ":findings coding/builder\r:findings research/librarian\r");
	type(*state, "[");
	assert_true(shows(*state, "of coding/builder"));
	type(*state, "[");
	assert_true(shows(*state, " fleet  [3]"));
	type(*state, "]]");
	assert_true(shows(*state, "of research/librarian"));
	type(*state, "]");
	assert_true(shows(*state, "nothing after"));
	type(*state, "-");
	assert_true(shows(*state, "of coding/builder"));
	type(*state, "-");
	assert_true(shows(*state, "of research/librarian"));
	for (int i = 0; i < 300; i++)
		type(*state, i % 2 ? ":fl\r" : ":findings a/b\r");
	type(*state, "[[[");
	assert_true(shows(*state, "of a/b"));
}

static void
deep_down(void **state)
{
	for (int i = 0; i < 40; i++)
		app_open(*state, "findings", "a/b");
	assert_true(shows(*state, "of a/b"));
	for (int i = 0; i < 15; i++)
		app_key(*state, K_ESC);
	assert_true(shows(*state, "findings a/b"));
	app_open(*state, "nosuch", "");
	assert_true(shows(*state, "there is no screen nosuch"));
}

static void
writing_is_asked_for(void **state)
{
	type(*state, "jr");
	assert_true(shows(*state, "restart it: research/librarian? [y/N]"));
	type(*state, "n");
	assert_true(shows(*state, "not done"));
	assert_int_equal(fake.restarts, 0);
	type(*state, "ry");
	assert_int_equal(fake.restarts, 1);
	assert_true(shows(*state, "restarted\\x1b[2J")); /* whatever it says, it is safe */
	fake.status.read_only = true;
	type(*state, "r");
	assert_true(shows(*state, "read-only: will not restart it"));
	type(*state, "y");
	assert_int_equal(fake.restarts, 1);
	assert_false(shows(*state, "<r> restart"));
}

static void
pasting_runs_nothing(void **state)
{
	app_key(*state, K_PASTE_BEGIN);
	type(*state, "ry:q\r");
	app_key(*state, K_PASTE_END);
	assert_int_equal(fake.restarts, 0);
	assert_false(app_ended(*state));
	type(*state, "/");
	app_key(*state, K_PASTE_BEGIN);
	type(*state, "li\rb");
	app_key(*state, K_PASTE_END);
	assert_true(shows(*state, "</lib>"));
	app_key(*state, K_ENTER);
	type(*state, "r");
	app_key(*state, K_PASTE_BEGIN);
	type(*state, "y"); /* a question is not answered by a paste */
	app_key(*state, K_PASTE_END);
	assert_int_equal(fake.restarts, 0);
}

static void
help(void **state)
{
	type(*state, "?");
	assert_true(shows(*state, " fleet   help\n"));
	assert_true(shows(*state, "restart it"));
	assert_true(shows(*state, "<esc> back"));
	type(*state, "r"); /* only what moves, and what leaves */
	assert_true(shows(*state, "restart it"));
	type(*state, "G");
	type(*state, "k");
	type(*state, "g");
	type(*state, "?");
	assert_true(shows(*state, "research/scout"));
	type(*state, ":help\r");
	assert_true(shows(*state, "restart it"));
	type(*state, ":fleet\r");
	assert_true(shows(*state, "research/scout"));
}

static void
details(void **state)
{
	type(*state, "jd");
	check(*state, 6, 40,
	      " moat  prod ▸ all   3 agents  1 legacy\n"
	      " fleet   details\n"
	      " all about research/librarian\n"
	      " and more\n"
	      " and still more                        ▾\n"
	      " <esc> back  <r> restart\n");
	type(*state, "G");
	check(*state, 5, 30,
	      " details\n and more                    ▴\n and still more\n the end\n <esc> back  <r> restart\n");
	type(*state, "k"); /* a line up, from where the end is */
	check(*state, 5, 30,
	      " details\n all about research/librarian\n and more\n and still more              ▾\n <esc> back  "
	      "<r> restart\n");
	type(*state, "q");
	assert_true(shows(*state, "<enter> open"));
	type(*state, ":findings a/b\rd"); /* a view without */
	assert_true(shows(*state, "the row says all there is"));
	fake.has_data = false;
	type(*state, ":fleet\rd");
	assert_true(shows(*state, "no row is selected"));
}

static void
states_before_data(void **state)
{
	fake.has_data = false;
	fake.status = (struct app_status){.state = APP_LOADING, .source = "prod", .since = CLOCK_UNKNOWN};
	app_changed(*state);
	assert_true(shows(*state, "reading prod"));
	assert_true(shows(*state, "loading  14:02"));
	assert_false(shows(*state, "[0]")); /* nobody knows yet */
	type(*state, "jG/x\r\x1b\rr"); /* keys find no row, and nothing breaks */
	assert_true(shows(*state, "no row is selected: cannot restart it"));
	fake.status.state = APP_FAILED;
	fake.status.message = "read pods: connect 127.0.0.1:6443: refused";
	assert_true(shows(*state, "read pods: connect 127.0.0.1:6443: refused"));
	assert_true(shows(*state, "ctrl-r tries again"));
	type(*state, "\x12");
	assert_int_equal(fake.refreshes, 1);
	fake.has_data = true;
	fake.status =
		(struct app_status){.state = APP_STALE, .source = "prod", .since = clock_now() - 120, .busy = true};
	app_changed(*state);
	assert_true(shows(*state, "stale… 2m"));
	assert_true(shows(*state, "research/scout"));
}

static void
the_source_looks_at_what_is_shown(void **state)
{
	assert_true(shows(*state, "research/scout"));
	assert_string_equal(fake.looked_at, "");
	type(*state, "jd");
	assert_true(shows(*state, "all about"));
	assert_string_equal(fake.looked_at, "research/librarian");
	type(*state, "q");
	shows(*state, "");
	assert_string_equal(fake.looked_at, "");
	type(*state, ":runs 7\r");
	shows(*state, "");
	assert_int_equal(fake.looked_at_run, 7);
	type(*state, "-");
	shows(*state, "");
	assert_int_equal(fake.looked_at_run, 0);
}

/* What may be done to a row may be done on its page; what opens something leaves the page. */
static void
keys_of_a_row_on_its_page(void **state)
{
	type(*state, "jdr");
	assert_true(shows(*state, "restart it: research/librarian?"));
	type(*state, "y");
	assert_int_equal(fake.restarts, 1);
	type(*state, "?r"); /* but not on the help's */
	assert_int_equal(fake.restarts, 1);
	type(*state, "q");
	app_open(*state, "findings", "research/scout");
	assert_true(shows(*state, "findings research/scout"));
}

static void
the_history_needs_no_fleet(void **state)
{
	fake.has_data = false;
	fake.status.state = APP_LOADING;
	fake.history = (struct history_view){.loading = true};
	app_changed(*state);
	type(*state, ":runs\r");
	assert_true(shows(*state, "reading moat.db"));
	fake.history = (struct history_view){.error = "moat.db: disk on fire"};
	type(*state, ":runs\r");
	assert_true(shows(*state, "disk on fire"));
	fake.history = (struct history_view){0};
	type(*state, ":runs\r");
	assert_true(shows(*state, "no run is kept"));
	fake.history = (struct history_view){.n_runs = 2};
	type(*state, ":runs x/y\r");
	assert_true(shows(*state, "runs x/y  [2]"));
	type(*state, ":fleet\r");
	assert_true(shows(*state, "reading prod"));
}

static void
notices_come_one_after_another(void **state)
{
	fake.notices[0] = "the history is full\x1b";
	fake.notices[1] = "and another";
	app_changed(*state);
	assert_true(shows(*state, "the history is full\\x1b"));
	assert_true(shows(*state, "the history is full")); /* it stays for a while */
	type(*state, "j");
	assert_true(shows(*state, "and another"));
	type(*state, "k");
	assert_false(shows(*state, "and another"));
}

/* What does not fit whole is left out. */
static void
notes_beside_the_title(void **state)
{
	fake.history = (struct history_view){.n_runs = 2};
	type(*state, ":runs\r");
	assert_true(shows(*state, " runs  [2]  2 new\\x1b[2J  a note that is much too long"));
	check(*state, 4, 40,
	      " runs  [2]  2 new\\x1b[2J       1-1 of 2\nRULE\nsidecar-in-pod of\n </> filter  <:> go to  <?> "
	      "help\n");
}

static void
on_change(void *ctx)
{
	((struct fake *)ctx)->changes++;
}

static void
changes_are_told(void **state)
{
	app_on_change(*state, on_change, &fake);
	app_changed(*state);
	app_flash(*state, STYLE_OK, "news");
	assert_int_equal(fake.changes, 2);
	app_on_change(*state, NULL, NULL);
	app_changed(*state);
	assert_int_equal(fake.changes, 2);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

/* A status alone costs no new rows: there may be ten thousand of them. */
static void
rows_are_asked_for_once(void **state)
{
	int before = fake.counted;

	fake.status.state = APP_STALE;
	app_changed(*state);
	assert_int_equal(fake.counted, before);
	fake.has_data = false;
	app_changed(*state);
	fake.has_data = true;
	app_changed(*state);
	assert_int_equal(fake.counted, before + 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_whole_screen),
		TEST(lines_give_way),
		TEST(into_a_row_and_back),
		TEST(filter_as_one_types),
		TEST(commands),
		TEST(completion),
		TEST(places),
		TEST(deep_down),
		TEST(writing_is_asked_for),
		TEST(pasting_runs_nothing),
		TEST(help),
		TEST(details),
		TEST(states_before_data),
		TEST(changes_are_told),
		TEST(rows_are_asked_for_once),
		TEST(the_source_looks_at_what_is_shown),
		TEST(keys_of_a_row_on_its_page),
		TEST(the_history_needs_no_fleet),
		TEST(notices_come_one_after_another),
		TEST(notes_beside_the_title),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
