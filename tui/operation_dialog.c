/* SPDX-License-Identifier: Apache-2.0 */
#include "tui/operation_dialog.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "tui/mark.h"

enum stage {
	STAGE_OFF,
	STAGE_CHOICE, /* which of them? */
	STAGE_OPERATION, /* the plan and what became of it: the phase says more */
};

struct operation_dialog {
	const struct app_data_source *source;
	enum operation_kind kind;
	enum stage stage;
	bool hidden;
	struct dialog dialog;
	enum operation_phase phase; /* that the buttons are for */

	struct arena arena; /* of the choices */
	struct operation_choice choices[DIALOG_BUTTONS - 1]; /* the first button is Cancel */
	size_t n_choices;
	struct buf line;
};

/* ---- the words of a kind */

static const struct words {
	const char *title, *go; /* the button that does it */
	const char *choose, *planning, *impossible;
	const char *shows; /* what the line of a hidden one says of the key */
	int states; /* columns of the widest state and a blank */
} words[] = {
	[OPERATION_RESTART] =
		{
			.title = " restart ",
			.go = "Restart",
			.choose = "What is to be restarted? The plan is shown before anything is done.",
			.planning = "Looking at what is to be restarted, and at what you are allowed to ...",
			.impossible = "This cannot be done, and nothing was changed:",
			.shows = " (r shows it)",
			.states = 9,
		},
	[OPERATION_PROBE] =
		{
			.title = " probe ",
			.go = "Probe",
			.choose = "Who is to be probed? The plan is shown before anything is done.",
			.planning = "Looking at what is to be probed, and at what you are allowed to ...",
			.impossible = "None of this can be probed, and nothing was tried:",
			.shows = " (p shows it)",
			.states = 13,
		},
};

static const struct words *
words_of(const struct operation_dialog *d)
{
	return &words[d->kind];
}

struct state_word {
	const char *word;
	enum style style;
};

static bool
found_open(const struct operation_step *s)
{
	for (int i = 0; i < PROBES; i++)
		if (s->marks[i] == MARK_OPEN)
			return true;
	return false;
}

/* Probes end with their verdict. */
static struct state_word
state_word(const struct operation_dialog *d, const struct operation_step *s)
{
	static const struct state_word states[] = {
		[OPERATION_STEP_PLANNED] = {"planned", STYLE_CELL},
		[OPERATION_STEP_REFUSED] = {"refused", STYLE_WARN},
		[OPERATION_STEP_RUNNING] = {"running", STYLE_ACCENT},
		[OPERATION_STEP_DONE] = {"done", STYLE_OK},
		[OPERATION_STEP_FAILED] = {"failed", STYLE_BAD},
		[OPERATION_STEP_SKIPPED] = {"skipped", STYLE_DIM},
	};

	if (d->kind == OPERATION_PROBE && s->state == OPERATION_STEP_DONE)
		return (struct state_word){"blocked", STYLE_OK};
	if (d->kind == OPERATION_PROBE && s->state == OPERATION_STEP_FAILED)
		return found_open(s) ? (struct state_word){"open", STYLE_BAD}
				     : (struct state_word){"inconclusive", STYLE_UNKNOWN};
	return states[s->state];
}

/* ---- stages */

static struct operation
look(const struct operation_dialog *d)
{
	return d->source->operations->look(d->source->ctx);
}

static void
close_dialog(struct operation_dialog *d)
{
	d->stage = STAGE_OFF;
	arena_reset(&d->arena);
}

static void
drop(struct operation_dialog *d)
{
	d->source->operations->drop(d->source->ctx);
	close_dialog(d);
}

/* The way out that does nothing to the cluster. */
static void
leave(struct operation_dialog *d)
{
	if (d->stage == STAGE_CHOICE)
		close_dialog(d);
	else if (look(d).phase == OPERATION_RUNNING)
		d->hidden = true;
	else
		drop(d);
}

static size_t
count_steps(const struct operation *o, enum operation_state state)
{
	size_t n = 0;

	for (size_t i = 0; i < o->n; i++)
		n += o->steps[i].state == state;
	return n;
}

/* What drop would do: probes are broken off, a rollout goes on in the cluster. */
static const char *
stop_button(const struct operation_dialog *d, const struct operation *o)
{
	if (d->kind == OPERATION_PROBE)
		return "Stop";
	return count_steps(o, OPERATION_STEP_PLANNED) ? "Stop after this one" : "Stop waiting";
}

/* The buttons of a phase; the first does nothing to the cluster. A new phase puts the focus on it again. */
static void
offer(struct operation_dialog *d, const struct operation *o)
{
	const char *buttons[3] = {"Close"};

	if (o->phase == OPERATION_PLANNING || (o->phase == OPERATION_PLANNED && o->possible))
		buttons[0] = "Cancel";
	if (o->phase == OPERATION_PLANNED && o->possible)
		buttons[1] = words_of(d)->go;
	if (o->phase == OPERATION_RUNNING) {
		buttons[0] = "Hide";
		buttons[1] = stop_button(d, o);
	}
	dialog_open(&d->dialog, words_of(d)->title, buttons);
	d->phase = o->phase;
}

static void
plan(struct operation_dialog *d, const struct operation_choice *c)
{
	const struct app_operations *ops = d->source->operations;
	struct operation o;

	(d->kind == OPERATION_PROBE ? ops->probe : ops->restart)(d->source->ctx, c->targets, c->n);
	d->stage = STAGE_OPERATION;
	o = look(d);
	offer(d, &o);
}

static void
press(struct operation_dialog *d)
{
	struct operation o = look(d);

	if (d->dialog.focus == 0) {
		leave(d);
	} else if (d->stage == STAGE_CHOICE) {
		plan(d, &d->choices[d->dialog.focus - 1]);
	} else if (o.phase == OPERATION_PLANNED && o.possible) {
		d->source->operations->go(d->source->ctx);
		operation_dialog_changed(d);
	} else if (o.phase == OPERATION_RUNNING) {
		drop(d);
	}
}

void
operation_dialog_key(struct operation_dialog *d, int key)
{
	switch (dialog_key(&d->dialog, key)) {
	case DIALOG_STAYS:
		break;
	case DIALOG_PRESSED:
		press(d);
		break;
	case DIALOG_LEFT:
		leave(d);
		break;
	}
}

/* ---- opening */

static struct operation_choice
copy_choice(struct arena *a, const struct operation_choice *c)
{
	struct operation_target *targets = ARENA_ARRAY(a, struct operation_target, c->n);

	for (size_t i = 0; i < c->n; i++)
		targets[i] = (struct operation_target){arena_strdup(a, c->targets[i].kind),
						       arena_strdup(a, c->targets[i].namespace),
						       arena_strdup(a, c->targets[i].name)};
	return (struct operation_choice){arena_strdup(a, c->label), targets, c->n};
}

void
operation_dialog_open(struct operation_dialog *d, enum operation_kind kind, const struct operation_choice *choices,
		      size_t n)
{
	const char *buttons[DIALOG_BUTTONS + 1] = {"Cancel"};

	d->hidden = false;
	if (d->stage == STAGE_OPERATION)
		return;
	d->kind = kind;
	d->n_choices = n < COUNT_OF(d->choices) ? n : COUNT_OF(d->choices);
	for (size_t i = 0; i < d->n_choices; i++) {
		d->choices[i] = copy_choice(&d->arena, &choices[i]);
		buttons[i + 1] = d->choices[i].label;
	}
	if (n == 1) {
		plan(d, &d->choices[0]);
		return;
	}
	d->stage = STAGE_CHOICE;
	dialog_open(&d->dialog, words_of(d)->title, buttons);
}

void
operation_dialog_changed(struct operation_dialog *d)
{
	struct operation o;

	if (d->stage != STAGE_OPERATION)
		return;
	o = look(d);
	if (o.phase != d->phase)
		offer(d, &o);
}

bool
operation_dialog_shown(const struct operation_dialog *d)
{
	return d->stage != STAGE_OFF && !d->hidden;
}

/* ---- what is shown */

static void
add_target(struct pane *p, const struct operation_target *t, int indent)
{
	pane_addf(p, STYLE_CELL, indent, "%s/%s", t->namespace, t->name);
	pane_addf(p, STYLE_DIM, indent, " %s", t->kind);
}

/* "raw-tcp ✔  env-clear ✘": what is known so far. */
static void
add_marks(struct pane *p, const struct operation_step *s, int indent)
{
	bool any = false;

	for (int i = 0; i < PROBES; i++) {
		struct cell mark = cell_mark(s->marks[i]);

		if (s->marks[i] == MARK_NONE)
			continue;
		if (!any) {
			pane_newline(p);
			pane_tab(p, indent);
		}
		pane_addf(p, STYLE_DIM, indent, "%s%s ", any ? "  " : "", probe_name((enum probe)i));
		pane_add(p, mark.style, indent, mark.text);
		any = true;
	}
}

static void
add_step(const struct operation_dialog *d, struct pane *p, const struct operation_step *s)
{
	struct state_word state = state_word(d, s);
	int indent = words_of(d)->states;

	pane_newline(p);
	pane_add(p, state.style, 0, state.word);
	pane_tab(p, indent);
	add_target(p, &s->target, indent);
	if (s->pods >= 0)
		pane_addf(p, STYLE_DIM, indent, ", %" PRId64 " %s", s->pods, s->pods == 1 ? "pod" : "pods");
	add_marks(p, s, indent);
	if (*s->reason) {
		pane_newline(p);
		pane_tab(p, indent);
		pane_add(p, state.style, indent, s->reason);
	}
}

/* What came of probes, what matters first. */
static const char *const verdicts[] = {"open",	  "inconclusive", "refused", "running",
				       "planned", "skipped",	  "blocked"};

/* "1 open, 3 blocked" */
static const char *
tally(const struct operation_dialog *d, const struct operation *o, struct arena *a)
{
	AUTO(buf) struct buf text = {0};

	for (size_t w = 0; w < COUNT_OF(verdicts); w++) {
		size_t n = 0;

		for (size_t i = 0; i < o->n; i++)
			n += strcmp(state_word(d, &o->steps[i]).word, verdicts[w]) == 0;
		if (n)
			buf_addf(&text, "%s%zu %s", text.len ? ", " : "", n, verdicts[w]);
	}
	return arena_strdup(a, buf_str(&text));
}

/* Restarts in the order in which they are done; of a hundred probes those that found a way out first. */
static void
add_steps(const struct operation_dialog *d, struct pane *p, const struct operation *o)
{
	if (d->kind == OPERATION_RESTART) {
		for (size_t i = 0; i < o->n; i++)
			add_step(d, p, &o->steps[i]);
		return;
	}
	for (size_t w = 0; w < COUNT_OF(verdicts); w++)
		for (size_t i = 0; i < o->n; i++)
			if (strcmp(state_word(d, &o->steps[i]).word, verdicts[w]) == 0)
				add_step(d, p, &o->steps[i]);
}

static const char *
restart_headline(const struct operation *o, struct arena *a)
{
	switch (o->phase) {
	case OPERATION_PLANNED:
		return o->n == 1
			       ? "Restart this? Its pods are replaced by new ones, and waited for."
			       : arena_printf(
					 a,
					 "Restart these %zu, one after another? Each is waited for; the first that "
					 "fails ends it.",
					 o->n);
	case OPERATION_RUNNING:
		return "esc hides this; it goes on.";
	case OPERATION_ENDED:
		return o->failed ? "It failed:" : "Done:";
	default:
		return "";
	}
}

static const char *
probe_headline(const struct operation_dialog *d, const struct operation *o, struct arena *a)
{
	size_t n = count_steps(o, OPERATION_STEP_PLANNED);

	switch (o->phase) {
	case OPERATION_PLANNED:
		return arena_printf(
			a,
			"Probe %s? In a pod on each node a way out past the companion is tried; nothing is "
			"written there.",
			n == 1 ? "this agent" : arena_printf(a, "these %zu agents", n));
	case OPERATION_RUNNING:
		return arena_printf(a, "%zu of %zu done. esc hides this; it goes on.", o->done, o->n);
	case OPERATION_ENDED:
		return arena_printf(a, "Done: %s.", tally(d, o, a));
	default:
		return "";
	}
}

static const char *
headline(const struct operation_dialog *d, const struct operation *o, struct arena *a)
{
	if (o->phase == OPERATION_PLANNING)
		return words_of(d)->planning;
	if (o->phase == OPERATION_PLANNED && !o->possible)
		return words_of(d)->impossible;
	return d->kind == OPERATION_PROBE ? probe_headline(d, o, a) : restart_headline(o, a);
}

static void
fill_choices(const struct operation_dialog *d, struct pane *p)
{
	int indent = words_of(d)->states + 2;

	pane_add(p, STYLE_CELL, 0, words_of(d)->choose);
	for (size_t i = d->n_choices > 1; i < d->n_choices; i++) { /* the first is all of the others together */
		const struct operation_choice *c = &d->choices[i];

		pane_newline(p);
		pane_add(p, STYLE_DIM, 0, c->label);
		pane_tab(p, indent);
		if (c->n == 1)
			add_target(p, &c->targets[0], indent);
		else
			pane_addf(p, STYLE_CELL, 0, "%zu workloads", c->n);
	}
}

static void
fill(struct operation_dialog *d, struct pane *p)
{
	struct operation o;

	if (d->stage == STAGE_CHOICE) {
		fill_choices(d, p);
		return;
	}
	o = look(d);
	pane_add(p, STYLE_CELL, 0, headline(d, &o, &p->arena));
	if (o.error) {
		pane_newline(p);
		pane_add(p, STYLE_BAD, 0, o.error);
	}
	add_steps(d, p, &o);
}

void
operation_dialog_draw(struct operation_dialog *d, struct screen *s, int row, int rows)
{
	AUTO(pane) struct pane p = {.columns = dialog_columns(s), .ascii = s->ascii};

	fill(d, &p);
	dialog_draw(&d->dialog, &p, s, row, rows);
}

/* ---- out of sight */

/* The step that matters: one that found a way out, else the first that runs or failed, else the last one. */
static const struct operation_step *
main_step(const struct operation *o)
{
	const struct operation_step *found = NULL;

	for (size_t i = 0; i < o->n; i++) {
		const struct operation_step *s = &o->steps[i];

		if (found_open(s))
			return s;
		if (!found && (s->state == OPERATION_STEP_RUNNING || s->state == OPERATION_STEP_FAILED))
			found = s;
	}
	return found ? found : &o->steps[o->n - 1];
}

/* "restart of research/scout running (r shows it): 1 of 3 pods updated", "probe: 7 of 100 done"; returns its style. */
static enum style
write_line(struct operation_dialog *d, const struct operation *o, const char *more)
{
	const struct operation_step *s = main_step(o);
	struct state_word state = state_word(d, s);
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf text = {0};

	if (d->kind == OPERATION_RESTART || o->n == 1)
		buf_addf(&text, "%s of %s/%s %s%s%s%s", d->kind == OPERATION_PROBE ? "probe" : "restart",
			 s->target.namespace, s->target.name, state.word, more, *s->reason ? ": " : "", s->reason);
	else if (o->phase == OPERATION_RUNNING)
		buf_addf(&text, "probe: %zu of %zu done%s", o->done, o->n, more);
	else
		buf_addf(&text, "probe: %s%s", tally(d, o, &a), more);
	buf_clear(&d->line);
	text_safe(&d->line, buf_str(&text), text.len);
	return o->phase == OPERATION_RUNNING ? STYLE_ACCENT : state.style;
}

const char *
operation_dialog_line(struct operation_dialog *d, enum style *style)
{
	struct operation o;

	if (d->stage != STAGE_OPERATION || !d->hidden)
		return NULL;
	o = look(d);
	if (!o.n)
		return NULL;
	*style = write_line(d, &o, words_of(d)->shows);
	return buf_str(&d->line);
}

bool
operation_dialog_done(struct operation_dialog *d, const char **line)
{
	struct operation o;

	if (d->stage != STAGE_OPERATION || !d->hidden)
		return false;
	o = look(d);
	if (o.phase != OPERATION_ENDED || o.failed || !o.n)
		return false;
	write_line(d, &o, "");
	*line = buf_str(&d->line);
	drop(d);
	return true;
}

struct operation_dialog *
operation_dialog_new(const struct app_data_source *source)
{
	struct operation_dialog *d = mem_alloc(sizeof(*d));

	d->source = source;
	return d;
}

void
operation_dialog_free(struct operation_dialog *d)
{
	if (!d)
		return;
	arena_free(&d->arena);
	buf_free(&d->line);
	free(d);
}
