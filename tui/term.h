/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The terminal: the only file that knows curses. It shows a struct screen in the colours of a theme, gives bytes to
 * an input, and gives the terminal back however the program ends.
 */
#ifndef TUI_TERM_H
#define TUI_TERM_H

#include <stdbool.h>

#include "base/err.h"
#include "tui/input.h"
#include "tui/screen.h"
#include "tui/theme.h"

struct term;

/*
 * Takes the terminal over: alternate screen, raw keys, no echo. Sets the locale of characters from the environment.
 * Keys are read from standard input, or from /dev/tty where that is no terminal (`-f -`). From here until term_close
 * a crash (SEGV, BUS, FPE, ILL, ABRT) or die() gives the terminal back first. One at a time. NULL and e: standard
 * output is no terminal, or TERM is not known.
 */
struct term *term_open(const struct theme *theme, bool colors, struct err *e);
void term_close(struct term *t); /* gives the terminal back; NULL is fine */

/* Gives the terminal back for a while (another program, SIGTSTP), and takes it again. */
void term_leave(struct term *t);
void term_enter(struct term *t);

int term_fd(const struct term *t); /* readable when a key was pressed */
/* Reads what there is, without waiting. false: the terminal is gone. */
bool term_read(struct term *t, struct input *in);
/* Tells an input what this terminal sends for its keys. */
void term_teach(const struct term *t, struct input *in);
bool term_utf8(const struct term *t);
/* Fits the screen to the terminal's present size; true when it changed. */
bool term_resize(struct term *t, struct screen *s);
void term_show(struct term *t, const struct screen *s);
void term_repaint(struct term *t); /* the next term_show draws every cell, whatever the terminal shows */

#endif
