/* SPDX-License-Identifier: Apache-2.0 */
/* The console on a terminal: keys in, drawings out, on the loop. */
#ifndef TUI_CONSOLE_H
#define TUI_CONSOLE_H

#include <stdbool.h>

#include "base/err.h"
#include "base/loop.h"
#include "tui/app.h"
#include "tui/theme.h"

/*
 * Takes the terminal and runs the loop until the user quits, the terminal goes away, or SIGINT, SIGTERM or SIGHUP
 * ends it: *signo is that signal, or 0. The terminal is given back when it returns. The first drawing comes before
 * the loop runs, so before any data is there. false: there is no terminal to take, or the loop failed.
 */
bool console_run(struct loop *loop, struct app *app, const struct theme *theme, bool colors, int *signo,
		 struct err *e);

#endif
