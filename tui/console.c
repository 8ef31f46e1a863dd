/* SPDX-License-Identifier: Apache-2.0 */
#include "tui/console.h"

#include <signal.h>

#include "tui/input.h"
#include "tui/term.h"

#define TICK_MS 1000 /* the ages in the header, and messages that go away */

struct console {
	struct loop *loop;
	struct app *app;
	struct term *term;
	struct screen screen;
	struct input input;
	struct loop_timer *esc; /* decides what a lone Esc is */
	struct loop_timer *tick;
	struct loop_fd *keys;
	bool lent; /* the terminal is another program's */
	struct loop_timer *draw; /* set to 0: draw once, however much has changed in this round */
	int signo;
};

static void
draw_soon(void *ctx)
{
	struct console *c = ctx;

	loop_timer_set(c->draw, 0);
}

/* A plugin that asks for a password has the terminal to itself; the console is back when it has ended. */
static void
lend(struct console *c)
{
	c->lent = true;
	loop_fd_events(c->keys, 0);
	term_leave(c->term);
	app_lend_terminal(c->app);
}

static void
take_back(struct console *c)
{
	c->lent = false;
	loop_fd_events(c->keys, LOOP_READ);
	term_enter(c->term);
	term_repaint(c->term);
}

static void
draw(void *ctx)
{
	struct console *c = ctx;

	if (c->lent != app_wants_terminal(c->app)) {
		if (c->lent)
			take_back(c);
		else
			lend(c);
	}
	if (c->lent)
		return;
	term_resize(c->term, &c->screen);
	app_draw(c->app, &c->screen);
	term_show(c->term, &c->screen);
}

static void
take_keys(struct console *c, bool flush)
{
	int key;

	while (input_next(&c->input, flush, &key) && !app_ended(c->app))
		app_key(c->app, key);
	if (app_ended(c->app))
		loop_stop(c->loop);
	draw_soon(c);
}

static void
on_esc_timer(void *ctx)
{
	take_keys(ctx, true);
}

static void
on_input(void *ctx, int events UNUSED)
{
	struct console *c = ctx;

	if (!term_read(c->term, &c->input)) {
		c->signo = SIGHUP;
		loop_stop(c->loop);
		return;
	}
	take_keys(c, false);
	if (input_pending(&c->input))
		loop_timer_set(c->esc, INPUT_ESC_MS);
	else
		loop_timer_cancel(c->esc);
}

static void
on_tick(void *ctx)
{
	struct console *c = ctx;

	loop_timer_set(c->tick, TICK_MS);
	draw_soon(c);
}

static void
on_resize(void *ctx, int signo UNUSED)
{
	draw_soon(ctx);
}

static void
on_end(void *ctx, int signo)
{
	struct console *c = ctx;

	c->signo = signo;
	loop_stop(c->loop);
}

/* Stopped and sent on again from outside: whoever had the terminal meanwhile may have left it in any state. */
static void
on_stop(void *ctx, int signo UNUSED)
{
	struct console *c = ctx;

	term_leave(c->term);
	raise(SIGSTOP);
}

static void
on_continue(void *ctx, int signo UNUSED)
{
	struct console *c = ctx;

	if (c->lent)
		return;
	term_leave(c->term);
	term_enter(c->term);
	term_repaint(c->term);
	draw_soon(c);
}

static const struct {
	int signo;
	void (*fn)(void *ctx, int signo);
} handled[] = {
	{SIGWINCH, on_resize}, {SIGINT, on_end},   {SIGTERM, on_end},
	{SIGHUP, on_end},      {SIGTSTP, on_stop}, {SIGCONT, on_continue},
};

/* From the first drawing to the last. */
static bool
run(struct console *c, struct err *e)
{
	struct loop_signal *signals[COUNT_OF(handled)];
	bool ok;

	c->keys = loop_add_fd(c->loop, term_fd(c->term), LOOP_READ, on_input, c);
	for (size_t i = 0; i < COUNT_OF(handled); i++)
		signals[i] = loop_add_signal(c->loop, handled[i].signo, handled[i].fn, c);
	c->esc = loop_add_timer(c->loop, on_esc_timer, c);
	c->tick = loop_add_timer(c->loop, on_tick, c);
	c->draw = loop_add_timer(c->loop, draw, c);
	app_on_change(c->app, draw_soon, c);
	draw(c);
	loop_timer_set(c->tick, TICK_MS);
	ok = loop_run(c->loop, e);
	app_on_change(c->app, NULL, NULL);
	loop_timer_remove(c->draw);
	loop_timer_remove(c->tick);
	loop_timer_remove(c->esc);
	for (size_t i = 0; i < COUNT_OF(handled); i++)
		loop_signal_remove(signals[i]);
	loop_fd_remove(c->keys);
	return ok;
}

bool
console_run(struct loop *loop, struct app *app, const struct theme *theme, bool colors, int *signo, struct err *e)
{
	struct console c = {.loop = loop, .app = app};
	bool ok;

	c.term = term_open(theme, colors, e);
	if (!c.term)
		return false;
	term_teach(c.term, &c.input);
	ok = run(&c, e);
	term_close(c.term);
	input_free(&c.input);
	screen_free(&c.screen);
	*signo = c.signo;
	return ok;
}
