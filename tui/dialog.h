/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A question in the middle of the screen, with buttons. The first button is the one that changes nothing; it has the
 * focus when the dialog is opened, so that enter alone never does harm, and letters press no button.
 */
#ifndef TUI_DIALOG_H
#define TUI_DIALOG_H

#include <stdbool.h>
#include <stddef.h>

#include "tui/pane.h"
#include "tui/screen.h"

#define DIALOG_BUTTONS 6

struct dialog {
	const char *title; /* borrowed, and so are the buttons' texts */
	const char *buttons[DIALOG_BUTTONS];
	size_t n_buttons; /* at least 1 */
	size_t focus;
	int first; /* the line at the top of the text */
	int below; /* lines under the last that was drawn */
};

/* Buttons from the first on; NULL ends them. */
void dialog_open(struct dialog *d, const char *title, const char *const *buttons);

enum dialog_answer { DIALOG_STAYS, DIALOG_PRESSED, DIALOG_LEFT };
/* PRESSED: enter on d->focus. LEFT: esc. */
enum dialog_answer dialog_key(struct dialog *d, int key);

/* The width that a text should be made for. */
int dialog_columns(const struct screen *s);
/* In the middle of these rows. */
void dialog_draw(struct dialog *d, const struct pane *text, struct screen *s, int row, int rows);

#endif
