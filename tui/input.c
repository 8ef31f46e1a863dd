/* SPDX-License-Identifier: Apache-2.0 */
#include "tui/input.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

#define ESC '\x1b'
#define LONGEST 64 /* bytes of a control sequence; what is longer is noise */

void
input_learn(struct input *in, const char *sequence, int key)
{
	struct input_sequence *s = &in->learned[in->n_learned];
	size_t len = strlen(sequence);

	if (len < 2 || sequence[0] != ESC || len >= sizeof(s->text) || in->n_learned == COUNT_OF(in->learned))
		return;
	memcpy(s->text, sequence, len + 1);
	s->key = key;
	in->n_learned++;
}

void
input_add(struct input *in, const char *bytes, size_t len)
{
	buf_add(&in->bytes, bytes, len);
}

void
input_free(struct input *in)
{
	buf_free(&in->bytes);
	in->n_learned = 0;
}

/* What the bytes start with: `used` of them are `key`; used 0 means that more may come. */
struct decoded {
	size_t used;
	int key;
};

static const struct {
	char final;
	int key, shifted;
} letter_keys[] = {
	{'A', K_UP, K_SHIFT_UP},     {'B', K_DOWN, K_SHIFT_DOWN}, {'C', K_RIGHT, K_SHIFT_RIGHT},
	{'D', K_LEFT, K_SHIFT_LEFT}, {'H', K_HOME, K_HOME},	  {'F', K_END, K_END},
	{'Z', K_BACKTAB, K_BACKTAB}, {'P', K_F1, K_F1},		  {'Q', K_F1 + 1, K_F1 + 1},
	{'R', K_F1 + 2, K_F1 + 2},   {'S', K_F1 + 3, K_F1 + 3},
};

static const struct {
	int number, key;
} tilde_keys[] = {
	{1, K_HOME},	      {2, K_INSERT},	  {3, K_DELETE},  {4, K_END},	   {5, K_PAGE_UP},
	{6, K_PAGE_DOWN},     {7, K_HOME},	  {8, K_END},	  {11, K_F1},	   {12, K_F1 + 1},
	{13, K_F1 + 2},	      {14, K_F1 + 3},	  {15, K_F1 + 4}, {17, K_F1 + 5},  {18, K_F1 + 6},
	{19, K_F1 + 7},	      {20, K_F1 + 8},	  {21, K_F1 + 9}, {23, K_F1 + 10}, {24, K_F1 + 11},
	{200, K_PASTE_BEGIN}, {201, K_PASTE_END},
};

/* xterm's modifiers: 1 + (1 shift, 2 alt, 4 ctrl). Ctrl is not told apart; with alt a key means nothing. */
static int
letter_key(char final, int modifiers)
{
	int bits = modifiers > 0 ? modifiers - 1 : 0;

	for (size_t i = 0; i < COUNT_OF(letter_keys) && !(bits & 2); i++) {
		if (letter_keys[i].final == final)
			return bits & 1 ? letter_keys[i].shifted : letter_keys[i].key;
	}
	return K_NONE;
}

static int
tilde_key(int number, int modifiers)
{
	for (size_t i = 0; i < COUNT_OF(tilde_keys) && !(modifiers > 0 && (modifiers - 1) & 2); i++) {
		if (tilde_keys[i].number == number)
			return tilde_keys[i].key;
	}
	return K_NONE;
}

/* The numbers of "1;2" into at most two; the rest is of no use here. */
static void
read_numbers(const char *s, size_t len, int numbers[2])
{
	size_t n = 0;

	numbers[0] = numbers[1] = 0;
	for (size_t i = 0; i < len && n < 2; i++) {
		if (s[i] == ';')
			n++;
		else if (s[i] >= '0' && s[i] <= '9' && numbers[n] < 100000)
			numbers[n] = numbers[n] * 10 + (s[i] - '0');
	}
}

/* ESC [ parameters, intermediates and a final byte. */
static struct decoded
decode_csi(const char *s, size_t len)
{
	size_t end = 2;
	int numbers[2];

	if (len > 3 && s[2] == '[') /* F1 to F5 of the Linux console: ESC [ [ A */
		return (struct decoded){4, s[3] >= 'A' && s[3] <= 'E' ? K_F1 + (s[3] - 'A') : K_NONE};
	if (len == 3 && s[2] == '[')
		return (struct decoded){0, K_NONE};
	while (end < len && s[end] >= 0x20 && s[end] < 0x40)
		end++;
	if (end == len)
		return (struct decoded){len > LONGEST ? len : 0, K_NONE};
	read_numbers(s + 2, end - 2, numbers);
	if (s[end] < 0x40 || s[end] == 0x7f) /* no sequence after all: drop what looked like one, keep this byte */
		return (struct decoded){end, K_NONE};
	if (s[end] == '~')
		return (struct decoded){end + 1, tilde_key(numbers[0], numbers[1])};
	return (struct decoded){end + 1, letter_key(s[end], numbers[1])};
}

/* ESC O and a final byte, a modifier between them on some terminals. */
static struct decoded
decode_ss3(const char *s, size_t len)
{
	bool modified = len > 2 && s[2] >= '1' && s[2] <= '9';
	size_t end = modified ? 3 : 2;

	if (end >= len)
		return (struct decoded){0, K_NONE};
	if (s[end] == 'M') /* of the number pad */
		return (struct decoded){end + 1, K_ENTER};
	return (struct decoded){end + 1, letter_key(s[end], modified ? s[2] - '0' : 0)};
}

/* The longest learned sequence the bytes start with. used 0 and key 1: they may become one. */
static struct decoded
decode_learned(const struct input *in, const char *s, size_t len)
{
	struct decoded best = {0, K_NONE};

	for (size_t i = 0; i < in->n_learned; i++) {
		const struct input_sequence *l = &in->learned[i];
		size_t n = strlen(l->text);

		if (n <= len && n > best.used && memcmp(s, l->text, n) == 0)
			best = (struct decoded){n, l->key};
		else if (n > len && best.used == 0 && memcmp(s, l->text, len) == 0)
			best.key = 1;
	}
	return best;
}

static struct decoded
decode_escape(const struct input *in, const char *s, size_t len)
{
	struct decoded learned = decode_learned(in, s, len);

	if (learned.used || learned.key || len == 1)
		return learned.used ? learned : (struct decoded){0, K_NONE};
	if (s[1] == '[')
		return decode_csi(s, len);
	if (s[1] == 'O')
		return decode_ss3(s, len);
	if (s[1] == ESC)
		return (struct decoded){1, K_ESC};
	return (struct decoded){2, K_NONE}; /* alt */
}

/* Do the bytes break off within a character that was good so far? */
static bool
is_cut_short(const char *s, size_t len)
{
	unsigned char first = (unsigned char)s[0];
	size_t want = first < 0xc2 || first > 0xf4 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;

	for (size_t i = 1; i < len && i < want; i++) {
		if (((unsigned char)s[i] & 0xc0) != 0x80)
			return false;
	}
	return len < want;
}

static struct decoded
decode_character(const char *s, size_t len)
{
	unsigned char first = (unsigned char)s[0];
	const char *at = s;
	uint32_t c;

	if (first == 8) /* some send this for the backspace key; the others never do for another */
		return (struct decoded){1, K_BACKSPACE};
	if (!first)
		return (struct decoded){1, K_CTRL_SPACE};
	if (first < 0x80)
		return (struct decoded){1, first == '\n' ? K_ENTER : first};
	if (is_cut_short(s, len))
		return (struct decoded){0, K_NONE};
	c = text_next(&at, s + len);
	return (struct decoded){(size_t)(at - s), c == 0xfffd ? K_NONE : (int)c};
}

/* Time is up for what is incomplete: Esc was pressed, or it was noise. */
static struct decoded
decide(const char *s, size_t len)
{
	return (struct decoded){len, len == 1 && s[0] == ESC ? K_ESC : K_NONE};
}

bool
input_next(struct input *in, bool flush, int *key)
{
	const char *s = in->bytes.data;
	size_t len = in->bytes.len;
	struct decoded d;

	if (len == 0)
		return false;
	d = s[0] == ESC ? decode_escape(in, s, len) : decode_character(s, len);
	if (d.used == 0 && flush)
		d = decide(s, len);
	if (d.used == 0)
		return false;
	*key = d.key;
	memmove(in->bytes.data, s + d.used, len - d.used);
	in->bytes.len = len - d.used;
	return true;
}

bool
input_pending(const struct input *in)
{
	return in->bytes.len > 0;
}

static const struct {
	int key;
	const char *name;
} key_names[] = {
	{K_TAB, "tab"},
	{K_ENTER, "enter"},
	{K_ESC, "esc"},
	{K_BACKSPACE, "backspace"},
	{' ', "space"},
	{K_CTRL_SPACE, "ctrl-space"},
	{K_UP, "up"},
	{K_DOWN, "down"},
	{K_LEFT, "left"},
	{K_RIGHT, "right"},
	{K_HOME, "home"},
	{K_END, "end"},
	{K_PAGE_UP, "pgup"},
	{K_PAGE_DOWN, "pgdn"},
	{K_INSERT, "insert"},
	{K_DELETE, "delete"},
	{K_BACKTAB, "shift-tab"},
	{K_SHIFT_UP, "shift-up"},
	{K_SHIFT_DOWN, "shift-down"},
	{K_SHIFT_LEFT, "shift-left"},
	{K_SHIFT_RIGHT, "shift-right"},
};

void
input_key_name(int key, char out[16])
{
	for (size_t i = 0; i < COUNT_OF(key_names); i++) {
		if (key_names[i].key == key) {
			snprintf(out, 16, "%s", key_names[i].name);
			return;
		}
	}
	if (key >= K_F1 && key <= K_LAST)
		snprintf(out, 16, "f%d", key - K_F1 + 1);
	else if (key > 0 && key < 32)
		snprintf(out, 16, "ctrl-%c", key < 27 ? key + 'a' - 1 : key + '@');
	else if (key >= 'A' && key <= 'Z')
		snprintf(out, 16, "shift-%c", key + 'a' - 'A');
	else if (key > 32 && key < 127)
		snprintf(out, 16, "%c", key);
	else
		snprintf(out, 16, "U+%04X", (unsigned)key);
}
