/* SPDX-License-Identifier: Apache-2.0 */
#include "tui/restart_dialog.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"

#define TITLE " restart "
#define STATE_COLUMN 9 /* columns of the widest state and a blank */

enum stage {
	STAGE_OFF,
	STAGE_CHOICE, /* which of them? */
	STAGE_OPERATION, /* the plan and what became of it: the phase says more */
};

struct restart_dialog {
	const struct app_data_source *source;
	enum stage stage;
	bool hidden;
	struct dialog dialog;
	enum operation_phase phase; /* that the buttons are for */

	struct arena arena; /* of the choices */
	struct restart_choice choices[DIALOG_BUTTONS - 1]; /* the first button is Cancel */
	size_t n_choices;
	struct buf line;
};

static struct operation
look(const struct restart_dialog *r)
{
	return r->source->operations->look(r->source->ctx);
}

static void
close_dialog(struct restart_dialog *r)
{
	r->stage = STAGE_OFF;
	arena_reset(&r->arena);
}

static void
drop(struct restart_dialog *r)
{
	r->source->operations->drop(r->source->ctx);
	close_dialog(r);
}

/* The way out that does nothing to the cluster. */
static void
leave(struct restart_dialog *r)
{
	if (r->stage == STAGE_CHOICE)
		close_dialog(r);
	else if (look(r).phase == OPERATION_RUNNING)
		r->hidden = true;
	else
		drop(r);
}

/* ---- buttons */

static bool
has_more(const struct operation *o)
{
	for (size_t i = 0; i < o->n; i++)
		if (o->steps[i].state == OPERATION_STEP_PLANNED)
			return true;
	return false;
}

/* The buttons of a phase; the first does nothing to the cluster. A new phase puts the focus on it again. */
static void
offer(struct restart_dialog *r, const struct operation *o)
{
	const char *buttons[3] = {"Close"};

	if (o->phase == OPERATION_PLANNING || (o->phase == OPERATION_PLANNED && o->possible))
		buttons[0] = "Cancel";
	if (o->phase == OPERATION_PLANNED && o->possible)
		buttons[1] = "Restart";
	if (o->phase == OPERATION_RUNNING) {
		buttons[0] = "Hide";
		buttons[1] = has_more(o) ? "Stop after this one" : "Stop waiting";
	}
	dialog_open(&r->dialog, TITLE, buttons);
	r->phase = o->phase;
}

static void
plan(struct restart_dialog *r, const struct restart_choice *c)
{
	struct operation o;

	r->source->operations->restart(r->source->ctx, c->targets, c->n);
	r->stage = STAGE_OPERATION;
	o = look(r);
	offer(r, &o);
}

static void
press(struct restart_dialog *r)
{
	struct operation o = look(r);

	if (r->dialog.focus == 0) {
		leave(r);
	} else if (r->stage == STAGE_CHOICE) {
		plan(r, &r->choices[r->dialog.focus - 1]);
	} else if (o.phase == OPERATION_PLANNED && o.possible) {
		r->source->operations->go(r->source->ctx);
		restart_dialog_changed(r);
	} else if (o.phase == OPERATION_RUNNING) {
		drop(r);
	}
}

void
restart_dialog_key(struct restart_dialog *r, int key)
{
	switch (dialog_key(&r->dialog, key)) {
	case DIALOG_STAYS:
		break;
	case DIALOG_PRESSED:
		press(r);
		break;
	case DIALOG_LEFT:
		leave(r);
		break;
	}
}

/* ---- opening */

static struct restart_choice
copy_choice(struct arena *a, const struct restart_choice *c)
{
	struct operation_target *targets = ARENA_ARRAY(a, struct operation_target, c->n);

	for (size_t i = 0; i < c->n; i++)
		targets[i] = (struct operation_target){arena_strdup(a, c->targets[i].kind),
						       arena_strdup(a, c->targets[i].namespace),
						       arena_strdup(a, c->targets[i].name)};
	return (struct restart_choice){arena_strdup(a, c->label), targets, c->n};
}

void
restart_dialog_open(struct restart_dialog *r, const struct restart_choice *choices, size_t n)
{
	const char *buttons[DIALOG_BUTTONS + 1] = {"Cancel"};

	r->hidden = false;
	if (r->stage == STAGE_OPERATION)
		return;
	r->n_choices = n < COUNT_OF(r->choices) ? n : COUNT_OF(r->choices);
	for (size_t i = 0; i < r->n_choices; i++) {
		r->choices[i] = copy_choice(&r->arena, &choices[i]);
		buttons[i + 1] = r->choices[i].label;
	}
	if (n == 1) {
		plan(r, &r->choices[0]);
		return;
	}
	r->stage = STAGE_CHOICE;
	dialog_open(&r->dialog, TITLE, buttons);
}

void
restart_dialog_changed(struct restart_dialog *r)
{
	struct operation o;

	if (r->stage != STAGE_OPERATION)
		return;
	o = look(r);
	if (o.phase != r->phase)
		offer(r, &o);
}

bool
restart_dialog_shown(const struct restart_dialog *r)
{
	return r->stage != STAGE_OFF && !r->hidden;
}

/* ---- what is shown */

static const struct {
	const char *word;
	enum style style;
} states[] = {
	[OPERATION_STEP_PLANNED] = {"planned", STYLE_CELL},   [OPERATION_STEP_REFUSED] = {"refused", STYLE_WARN},
	[OPERATION_STEP_RUNNING] = {"running", STYLE_ACCENT}, [OPERATION_STEP_DONE] = {"done", STYLE_OK},
	[OPERATION_STEP_FAILED] = {"failed", STYLE_BAD},      [OPERATION_STEP_SKIPPED] = {"skipped", STYLE_DIM},
};

static void
add_target(struct pane *p, const struct operation_target *t)
{
	pane_addf(p, STYLE_CELL, STATE_COLUMN, "%s/%s", t->namespace, t->name);
	pane_addf(p, STYLE_DIM, STATE_COLUMN, " %s", t->kind);
}

static void
add_step(struct pane *p, const struct operation_step *s)
{
	pane_newline(p);
	pane_add(p, states[s->state].style, 0, states[s->state].word);
	pane_tab(p, STATE_COLUMN);
	add_target(p, &s->target);
	if (s->pods >= 0)
		pane_addf(p, STYLE_DIM, STATE_COLUMN, ", %" PRId64 " %s", s->pods, s->pods == 1 ? "pod" : "pods");
	if (*s->reason) {
		pane_newline(p);
		pane_tab(p, STATE_COLUMN);
		pane_add(p, states[s->state].style, STATE_COLUMN, s->reason);
	}
}

static const char *
headline(const struct operation *o, struct arena *a)
{
	switch (o->phase) {
	case OPERATION_NONE:
		break;
	case OPERATION_PLANNING:
		return "Looking at what is to be restarted, and at what you are allowed to ...";
	case OPERATION_PLANNED:
		if (!o->possible)
			return "This cannot be done, and nothing was changed:";
		return o->n == 1 ? "Restart this? Its pods are replaced by new ones, and waited for."
				 : arena_printf(a,
						"Restart these %zu, one after another? Each is waited for; the first that "
						"fails ends it.",
						o->n);
	case OPERATION_RUNNING:
		return "esc hides this; it goes on.";
	case OPERATION_ENDED:
		return o->failed ? "It failed:" : "Done:";
	}
	return "";
}

static void
fill(struct restart_dialog *r, struct pane *p)
{
	struct operation o;

	if (r->stage == STAGE_CHOICE) {
		pane_add(p, STYLE_CELL, 0, "What is to be restarted? The plan is shown before anything is done.");
		for (size_t i = 0; i < r->n_choices; i++) {
			const struct restart_choice *c = &r->choices[i];

			if (i == 0 && r->n_choices > 1)
				continue; /* all of the others together */
			pane_newline(p);
			pane_add(p, STYLE_DIM, 0, c->label);
			pane_tab(p, STATE_COLUMN + 2);
			if (c->n == 1)
				add_target(p, &c->targets[0]);
			else
				pane_addf(p, STYLE_CELL, 0, "%zu workloads", c->n);
		}
		return;
	}
	o = look(r);
	pane_add(p, STYLE_CELL, 0, headline(&o, &p->arena));
	for (size_t i = 0; i < o.n; i++)
		add_step(p, &o.steps[i]);
}

void
restart_dialog_draw(struct restart_dialog *r, struct screen *s, int row, int rows)
{
	AUTO(pane) struct pane p = {.columns = dialog_columns(s), .ascii = s->ascii};

	fill(r, &p);
	dialog_draw(&r->dialog, &p, s, row, rows);
}

/* The step that matters: the one that runs or failed, else the last one. */
static const struct operation_step *
main_step(const struct operation *o)
{
	for (size_t i = 0; i < o->n; i++)
		if (o->steps[i].state == OPERATION_STEP_RUNNING || o->steps[i].state == OPERATION_STEP_FAILED)
			return &o->steps[i];
	return o->n ? &o->steps[o->n - 1] : NULL;
}

/* "restart of research/scout running: 1 of 3 pods updated" */
static void
write_line(struct restart_dialog *r, const struct operation_step *s, const char *more)
{
	AUTO(buf) struct buf text = {0};

	buf_addf(&text, "restart of %s/%s %s%s%s%s", s->target.namespace, s->target.name, states[s->state].word,
		 *s->reason ? ": " : "", s->reason, more);
	buf_clear(&r->line);
	text_safe(&r->line, buf_str(&text), text.len);
}

const char *
restart_dialog_line(struct restart_dialog *r, enum style *style)
{
	const struct operation_step *s;
	struct operation o;

	if (r->stage != STAGE_OPERATION || !r->hidden)
		return NULL;
	o = look(r);
	s = main_step(&o);
	if (!s)
		return NULL;
	write_line(r, s, " (r shows it)");
	*style = states[s->state].style;
	return buf_str(&r->line);
}

bool
restart_dialog_done(struct restart_dialog *r, const char **line)
{
	struct operation o;

	if (r->stage != STAGE_OPERATION || !r->hidden)
		return false;
	o = look(r);
	if (o.phase != OPERATION_ENDED || o.failed || !o.n)
		return false;
	write_line(r, main_step(&o), "");
	*line = buf_str(&r->line);
	drop(r);
	return true;
}

struct restart_dialog *
restart_dialog_new(const struct app_data_source *source)
{
	struct restart_dialog *r = mem_alloc(sizeof(*r));

	r->source = source;
	return r;
}

void
restart_dialog_free(struct restart_dialog *r)
{
	if (!r)
		return;
	arena_free(&r->arena);
	buf_free(&r->line);
	free(r);
}
