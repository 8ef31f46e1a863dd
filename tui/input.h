/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes of a terminal into keys. A lone Esc and the start of a sequence look the same: input_pending tells that time
 * has to decide, the caller waits INPUT_ESC_MS on its loop and then asks with `flush`.
 */
#ifndef TUI_INPUT_H
#define TUI_INPUT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

#define INPUT_ESC_MS 25

/* A key is a Unicode character, a control character (CTRL('r'), Enter is CTRL('m')), or one of these. */
enum key {
	K_NONE = 0, /* a sequence that means nothing here */
	K_TAB = 9,
	K_ENTER = 13,
	K_ESC = 27,
	K_BACKSPACE = 127,
	K_UP = 0x110000,
	K_DOWN,
	K_LEFT,
	K_RIGHT,
	K_HOME,
	K_END,
	K_PAGE_UP,
	K_PAGE_DOWN,
	K_INSERT,
	K_DELETE,
	K_BACKTAB,
	K_SHIFT_UP,
	K_SHIFT_DOWN,
	K_SHIFT_LEFT,
	K_SHIFT_RIGHT,
	K_CTRL_SPACE, /* a NUL byte */
	K_PASTE_BEGIN, /* bracketed paste: what follows was not typed */
	K_PASTE_END,
	K_F1, /* K_F1 + 11 is F12 */
	K_LAST = K_F1 + 11,
};

#define K_CTRL(c) ((c)&0x1f)

struct input_sequence {
	char text[12];
	int key;
};

/* A zeroed struct is ready. */
struct input {
	struct buf bytes; /* not decoded yet */
	struct input_sequence learned[64]; /* of this terminal, from terminfo */
	size_t n_learned;
};

/* A sequence that this terminal sends for a key, beside those all send. Only sequences that start with Esc count. */
void input_learn(struct input *in, const char *sequence, int key);
void input_add(struct input *in, const char *bytes, size_t len);
/*
 * The next key; false when there is none, or when it is not complete. With flush what is incomplete is decided: an
 * Esc is an Esc. Alt with a key gives K_NONE.
 */
bool input_next(struct input *in, bool flush, int *key);
bool input_pending(const struct input *in); /* after input_next said false: something waits for more, or for time */
void input_free(struct input *in);

/* "ctrl-r", "enter", "shift-left", "A", ...: for footers and help. At most 16 bytes with the NUL. */
void input_key_name(int key, char out[16]);

#endif
