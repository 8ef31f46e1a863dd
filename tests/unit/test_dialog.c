/* SPDX-License-Identifier: Apache-2.0 */
/* The dialog, and a restart through the console with a cluster that does as it is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "tui/app.h"
#include "tui/dialog.h"

static struct {
	struct app *app;
	struct operation operation;
	struct operation_step steps[3];
	char asked[200]; /* what restart() was called with */
	int plans, goes, drops;
	bool read_only;
} fake;

static const void *
get_data(void *ctx)
{
	return ctx;
}

static struct app_status
get_status(void *ctx)
{
	(void)ctx;
	return (struct app_status){.state = APP_LIVE, .source = "prod", .read_only = fake.read_only};
}

static void
refresh(void *ctx)
{
	(void)ctx;
}

static void
op_restart(void *ctx, const struct operation_target *targets, size_t n)
{
	(void)ctx;
	fake.plans++;
	*fake.asked = '\0';
	for (size_t i = 0; i < n; i++) {
		strcat(strcat(fake.asked, targets[i].name), " ");
		fake.steps[i] = (struct operation_step){
			.target = targets[i], .state = OPERATION_STEP_PLANNED, .reason = "", .pods = 2};
	}
	fake.operation = (struct operation){.phase = OPERATION_PLANNING, .steps = fake.steps};
}

static void
op_probe(void *ctx, const struct operation_target *agents, size_t n)
{
	op_restart(ctx, agents, n);
	fake.operation.kind = OPERATION_PROBE;
}

static void
op_go(void *ctx)
{
	(void)ctx;
	assert_int_equal(fake.operation.phase, OPERATION_PLANNED);
	fake.goes++;
	fake.operation.phase = OPERATION_RUNNING;
	fake.steps[0].state = OPERATION_STEP_RUNNING;
	fake.steps[0].reason = "1 of 2 pods updated";
}

static void
op_drop(void *ctx)
{
	(void)ctx;
	fake.drops++;
	fake.operation = (struct operation){0};
}

static struct operation
op_look(void *ctx)
{
	(void)ctx;
	return fake.operation;
}

static const struct app_operations operations = {
	.restart = op_restart, .go = op_go, .drop = op_drop, .look = op_look, .probe = op_probe};

static size_t
rows(const struct view_data *v)
{
	(void)v;
	return 2;
}

static const char *
key(const struct view_data *v, size_t row, struct arena *a)
{
	(void)v;
	(void)a;
	return row ? "lone" : "paired";
}

static void
fill(const struct view_data *v, size_t row, struct cell *cells, struct arena *a)
{
	cells[0].text = key(v, row, a);
}

static void
restart(struct app *app)
{
	const struct operation_target targets[] = {{"Deployment", "ns", "pipelock"},
						   {"StatefulSet", "ns", "scout"}};
	const struct operation_choice choices[] = {
		{"both", targets, 2}, {"companion", targets, 1}, {"agent", targets + 1, 1}};
	const struct view_data *v;
	size_t row;

	assert_true(app_selected(app, &v, &row));
	if (row)
		app_restart(app, &choices[2], 1);
	else
		app_restart(app, choices, 3);
}

static void
probe(struct app *app)
{
	const struct operation_target targets[] = {{"StatefulSet", "ns", "scout"}, {"Deployment", "ns", "builder"}};

	app_probe(app, targets, 2);
}

static const struct column columns[] = {{.name = "AGENT"}};
static const struct binding bindings[] = {
	{'r', "restart", "restart it", KEY_WRITES | KEY_NEEDS_ROW | KEY_PLANS, restart},
	{'p', "probe", "probe it", KEY_WRITES | KEY_NEEDS_ROW | KEY_PLANS, probe},
};
static const struct view view = {
	.name = "fleet",
	.title = "agents",
	.columns = columns,
	.n_columns = 1,
	.bindings = bindings,
	.n_bindings = COUNT_OF(bindings),
	.rows = rows,
	.key = key,
	.fill = fill,
};
static const struct view *const all[] = {&view, NULL};

static int
setup(void **state)
{
	memset(&fake, 0, sizeof(fake));
	fake.app = app_new(&(struct app_options){.source = {.ctx = &fake,
							    .data = get_data,
							    .status = get_status,
							    .refresh = refresh,
							    .operations = &operations},
						 .views = all,
						 .start = "fleet"});
	*state = fake.app;
	return 0;
}

static int
teardown(void **state)
{
	app_free(*state);
	return 0;
}

static bool
shows(const char *part)
{
	AUTO(screen) struct screen s = {0};
	AUTO(buf) struct buf text = {0};

	screen_resize(&s, 20, 80);
	app_draw(fake.app, &s);
	screen_text(&s, &text);
	return str_has(buf_str(&text), part);
}

static bool
comes_before(const char *one, const char *other)
{
	AUTO(screen) struct screen s = {0};
	AUTO(buf) struct buf text = {0};

	screen_resize(&s, 20, 80);
	app_draw(fake.app, &s);
	screen_text(&s, &text);
	assert_true(str_has(buf_str(&text), one) && str_has(buf_str(&text), other));
	return strstr(buf_str(&text), one) < strstr(buf_str(&text), other);
}

static void
press(int key_code)
{
	app_key(fake.app, key_code);
}

static void
arrives(enum operation_phase phase, size_t n, bool possible, bool failed)
{
	fake.operation = (struct operation){
		.phase = phase, .steps = fake.steps, .n = n, .possible = possible, .failed = failed};
	app_changed(fake.app);
}

/* The first of the choices, planned and to be confirmed. */
static void
plan_both(void)
{
	press('r');
	press(K_TAB);
	press(K_ENTER);
	arrives(OPERATION_PLANNED, 2, true, false);
}

static void
confirm(void)
{
	press(K_TAB);
	press(K_ENTER);
}

/* ---- the dialog alone */

static void
the_first_button_has_the_focus(void **state)
{
	struct dialog d;

	(void)state;
	dialog_open(&d, "restart", (const char *const[]){"Cancel", "Restart", NULL});
	assert_int_equal(d.focus, 0);
	for (const char *k = "yYrR1 oq"; *k; k++)
		assert_int_equal(dialog_key(&d, *k), DIALOG_STAYS);
	assert_int_equal(d.focus, 0);
	assert_int_equal(dialog_key(&d, K_ENTER), DIALOG_PRESSED);
	assert_int_equal(dialog_key(&d, K_TAB), DIALOG_STAYS);
	assert_int_equal(d.focus, 1);
	dialog_key(&d, K_RIGHT);
	assert_int_equal(d.focus, 0);
	dialog_key(&d, K_LEFT);
	assert_int_equal(d.focus, 1);
	dialog_key(&d, K_BACKTAB);
	assert_int_equal(d.focus, 0);
	assert_int_equal(dialog_key(&d, K_ESC), DIALOG_LEFT);
}

static void
any_size_can_be_drawn(void **state)
{
	AUTO(pane) struct pane text = {.columns = 20};
	struct dialog d;

	(void)state;
	for (int i = 0; i < 30; i++) {
		pane_add(&text, STYLE_CELL, 0, "some words of a line");
		pane_newline(&text);
	}
	for (int r = 1; r < 40; r++) {
		for (int c = 1; c < 100; c += 3) {
			AUTO(screen) struct screen s = {0};

			dialog_open(&d, "restart",
				    (const char *const[]){"Cancel", "one", "another", "third", NULL});
			screen_resize(&s, r, c);
			dialog_draw(&d, &text, &s, 0, r);
			dialog_key(&d, K_PAGE_DOWN);
			dialog_key(&d, K_LEFT);
			dialog_draw(&d, &text, &s, 0, r);
		}
	}
}

/* Whole words of buttons: what is cut looks like another one. */
static void
buttons_go_on_in_the_next_line(void **state)
{
	static const char *const buttons[] = {"Cancel", "companions, then agents", "companions", "agents", NULL};
	AUTO(screen) struct screen s = {0};
	AUTO(pane) struct pane text = {.columns = 20};
	AUTO(buf) struct buf drawn = {0};
	struct dialog d;

	(void)state;
	pane_add(&text, STYLE_CELL, 0, "Which?");
	dialog_open(&d, "restart", buttons);
	screen_resize(&s, 20, 50);
	dialog_draw(&d, &text, &s, 0, 20);
	screen_text(&s, &drawn);
	assert_true(str_has(buf_str(&drawn), "[ Cancel ]  [ companions, then agents ]"));
	assert_true(str_has(buf_str(&drawn), "[ companions ]  [ agents ]"));

	screen_resize(&s, 5, 50); /* one line of them: that with the focus */
	dialog_draw(&d, &text, &s, 0, 5);
	buf_clear(&drawn);
	screen_text(&s, &drawn);
	assert_true(str_has(buf_str(&drawn), "[ Cancel ]"));
	dialog_key(&d, K_LEFT);
	screen_clear(&s, STYLE_BODY);
	dialog_draw(&d, &text, &s, 0, 5);
	buf_clear(&drawn);
	screen_text(&s, &drawn);
	assert_true(str_has(buf_str(&drawn), "[ agents ]"));
	assert_true(str_has(buf_str(&drawn), "Which?"));
}

static void
long_texts_scroll(void **state)
{
	AUTO(screen) struct screen s = {0};
	AUTO(pane) struct pane text = {.columns = 20};
	AUTO(buf) struct buf drawn = {0};
	struct dialog d;

	(void)state;
	for (int i = 0; i < 30; i++) {
		pane_addf(&text, STYLE_CELL, 0, "line %d.", i);
		pane_newline(&text);
	}
	dialog_open(&d, "restart", (const char *const[]){"Close", NULL});
	screen_resize(&s, 12, 40);
	dialog_draw(&d, &text, &s, 0, 12);
	for (int i = 0; i < 100; i++)
		dialog_key(&d, K_DOWN);
	dialog_draw(&d, &text, &s, 0, 12);
	screen_text(&s, &drawn);
	assert_true(str_has(buf_str(&drawn), "line 29."));
	assert_false(str_has(buf_str(&drawn), "line 0."));
	assert_true(str_has(buf_str(&drawn), "\xe2\x96\xb4")); /* more above, and nothing below */
	assert_false(str_has(buf_str(&drawn), "\xe2\x96\xbe"));
	for (int i = 0; i < 100; i++)
		dialog_key(&d, 'k');
	assert_int_equal(d.first, 0);
	dialog_draw(&d, &text, &s, 0, 12);
	buf_clear(&drawn);
	screen_text(&s, &drawn);
	assert_false(str_has(buf_str(&drawn), "\xe2\x96\xb4"));
	assert_true(str_has(buf_str(&drawn), "\xe2\x96\xbe"));
}

/* ---- a restart */

static void
enter_alone_does_no_harm(void **state)
{
	(void)state;
	press('r');
	assert_true(shows("What is to be restarted?"));
	assert_true(shows("[ Cancel ]  [ both ]  [ companion ]  [ agent ]"));
	press(K_ENTER);
	assert_false(shows("What is to be restarted?"));
	assert_int_equal(fake.plans, 0);

	press('j');
	press('r'); /* this one has no companion: there is nothing to choose */
	assert_int_equal(fake.plans, 1);
	assert_string_equal(fake.asked, "scout ");
	arrives(OPERATION_PLANNED, 1, true, false);
	assert_true(shows("Restart this?"));
	press('y');
	press(K_ENTER);
	assert_int_equal(fake.goes, 0);
	assert_int_equal(fake.drops, 1);
	assert_false(shows("Restart this?"));
}

static void
companion_then_agent(void **state)
{
	(void)state;
	press('r');
	press(K_TAB);
	press(K_ENTER);
	assert_string_equal(fake.asked, "pipelock scout ");
	assert_true(shows("Looking at"));
	press(K_TAB); /* where Restart is going to be: the focus does not wait there */
	arrives(OPERATION_PLANNED, 2, true, false);
	assert_true(shows("Restart these 2, one after another?"));
	assert_true(shows("planned  ns/pipelock Deployment, 2 pods"));
	press(K_ENTER);
	assert_int_equal(fake.goes, 0);

	plan_both();
	confirm();
	assert_int_equal(fake.goes, 1);
	assert_true(shows("running  ns/pipelock"));
	assert_true(shows("1 of 2 pods updated"));
	assert_true(shows("[ Hide ]  [ Stop after this one ]"));

	press(K_ESC);
	assert_false(shows("[ Hide ]"));
	assert_true(shows("restart of ns/pipelock running (r shows it): 1 of 2 pods updated"));
	press('r');
	assert_true(shows("[ Hide ]"));
	assert_int_equal(fake.plans, 2);
	press(K_ENTER);
	fake.steps[0].state = fake.steps[1].state = OPERATION_STEP_DONE;
	fake.steps[1].reason = "2 of 2 pods updated";
	arrives(OPERATION_ENDED, 2, false, false);
	assert_true(shows("restart of ns/scout done: 2 of 2 pods updated"));
	assert_int_equal(fake.operation.phase, OPERATION_NONE);
	press('g');
	assert_false(shows("restart of"));
}

static void
a_failure_waits_to_be_seen(void **state)
{
	(void)state;
	plan_both();
	confirm();
	press(K_ESC);
	fake.steps[0] = (struct operation_step){.target = {"Deployment", "ns", "pipelock"},
						.state = OPERATION_STEP_FAILED,
						.reason = "CrashLoop\x1b[2J",
						.pods = 2};
	fake.steps[1].state = OPERATION_STEP_SKIPPED;
	arrives(OPERATION_ENDED, 2, false, true);
	press('g');
	assert_true(shows("restart of ns/pipelock failed (r shows it): CrashLoop\\x1b[2J"));
	press('r');
	assert_true(shows("It failed:"));
	assert_true(shows("skipped  ns/scout"));
	assert_true(shows("[ Close ]"));
	press(K_ENTER);
	assert_int_equal(fake.drops, 1);
	assert_false(shows("It failed:"));
}

static void
what_is_refused_cannot_be_done(void **state)
{
	(void)state;
	press('j');
	press('r');
	fake.steps[0].state = OPERATION_STEP_REFUSED;
	fake.steps[0].reason = "it is paused";
	arrives(OPERATION_PLANNED, 1, false, false);
	assert_true(shows("nothing was changed"));
	assert_true(shows("it is paused"));
	assert_false(shows("[ Restart ]"));
	press(K_TAB);
	press(K_ENTER);
	assert_int_equal(fake.goes, 0);
	assert_int_equal(fake.drops, 1);
}

static void
read_only_comes_first(void **state)
{
	(void)state;
	fake.read_only = true;
	press('r');
	assert_true(shows("read-only: will not restart it"));
	assert_false(shows("What is to be restarted?"));
	assert_int_equal(fake.plans, 0);
}

static void
stopping_goes_no_further(void **state)
{
	(void)state;
	press('j');
	press('r');
	arrives(OPERATION_PLANNED, 1, true, false);
	confirm();
	assert_true(shows("[ Stop waiting ]"));
	press(K_TAB);
	press(K_ENTER);
	assert_int_equal(fake.drops, 1);
	assert_false(shows("restart of"));
}

/* ---- probes */

static void
probes_from_the_plan_to_the_verdicts(void **state)
{
	(void)state;
	press('p');
	assert_string_equal(fake.asked, "scout builder ");
	assert_true(shows("Looking at what is to be probed"));
	fake.steps[0].reason = "1.1.1.1:443 from 2 nodes, control through pipelock.ns:8888";
	fake.steps[1] = (struct operation_step){.target = {"Deployment", "ns", "builder"},
						.state = OPERATION_STEP_SKIPPED,
						.reason = "no ready pod",
						.pods = -1};
	arrives(OPERATION_PLANNED, 2, true, false);
	fake.operation.kind = OPERATION_PROBE;
	assert_true(shows("Probe this agent?")); /* one of the two */
	assert_true(shows("planned      ns/scout StatefulSet, 2 pods"));
	assert_true(shows("1.1.1.1:443 from 2 nodes"));
	assert_true(shows("skipped      ns/builder Deployment"));
	assert_true(shows("no ready pod"));
	press(K_ENTER); /* Cancel */
	assert_int_equal(fake.goes, 0);
	assert_int_equal(fake.drops, 1);
}

static void
a_way_out_waits_to_be_seen(void **state)
{
	(void)state;
	press('p');
	arrives(OPERATION_PLANNED, 2, true, false);
	assert_true(shows("Probe these 2 agents?"));
	confirm();
	assert_int_equal(fake.goes, 1);
	fake.operation.kind = OPERATION_PROBE;
	fake.operation.done = 1;
	fake.steps[0].marks[PROBE_RAW_TCP] = MARK_BLOCKED;
	assert_true(shows("1 of 2 done."));
	assert_true(shows("raw-tcp \xe2\x9c\x94"));
	assert_true(shows("[ Hide ]  [ Stop ]"));
	press(K_ESC);
	assert_true(shows("probe: 1 of 2 done (p shows it)"));

	fake.steps[0].state = OPERATION_STEP_FAILED;
	fake.steps[0].marks[PROBE_ENV_CLEAR] = MARK_INCONCLUSIVE;
	fake.steps[1].state = OPERATION_STEP_FAILED;
	fake.steps[1].marks[PROBE_RAW_TCP] = MARK_OPEN;
	fake.steps[1].reason = "n2: 1.1.1.1:443 answered";
	arrives(OPERATION_ENDED, 2, false, true);
	fake.operation.kind = OPERATION_PROBE;
	press('g'); /* it stays */
	assert_true(shows("probe: 1 open, 1 inconclusive (p shows it)"));
	press('p');
	assert_true(shows("Done: 1 open, 1 inconclusive."));
	assert_true(shows("open         ns/builder"));
	assert_true(comes_before("open         ns/builder", "inconclusive ns/scout"));
	assert_true(shows("n2: 1.1.1.1:443 answered"));
	press(K_ENTER);
	assert_int_equal(fake.drops, 1);
}

static void
blocked_everywhere_is_a_line(void **state)
{
	(void)state;
	press('p');
	arrives(OPERATION_PLANNED, 2, true, false);
	confirm();
	press(K_ESC);
	for (size_t i = 0; i < 2; i++)
		fake.steps[i].state = OPERATION_STEP_DONE;
	fake.operation = (struct operation){
		.phase = OPERATION_ENDED, .steps = fake.steps, .n = 2, .kind = OPERATION_PROBE, .done = 2};
	app_changed(fake.app);
	assert_true(shows("probe: 2 blocked"));
	assert_int_equal(fake.operation.phase, OPERATION_NONE);
}

static void
a_server_that_cannot_be_asked(void **state)
{
	(void)state;
	press('p');
	arrives(OPERATION_PLANNED, 2, false, false);
	fake.operation.kind = OPERATION_PROBE;
	fake.operation.error = "connect 10.0.0.1:6443: refused\x1b";
	assert_true(shows("None of this can be probed"));
	assert_true(shows("refused\\x1b"));
	assert_false(shows("[ Probe ]"));
}

#define FLOW(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_button_has_the_focus),
		cmocka_unit_test(any_size_can_be_drawn),
		cmocka_unit_test(buttons_go_on_in_the_next_line),
		cmocka_unit_test(long_texts_scroll),
		FLOW(enter_alone_does_no_harm),
		FLOW(companion_then_agent),
		FLOW(a_failure_waits_to_be_seen),
		FLOW(what_is_refused_cannot_be_done),
		FLOW(read_only_comes_first),
		FLOW(stopping_goes_no_further),
		FLOW(probes_from_the_plan_to_the_verdicts),
		FLOW(a_way_out_waits_to_be_seen),
		FLOW(blocked_everywhere_is_a_line),
		FLOW(a_server_that_cannot_be_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
