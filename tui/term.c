/* SPDX-License-Identifier: Apache-2.0 */
#include "tui/term.h"

#define NCURSES_WIDECHAR 1
#include <curses.h> /* not <term.h>, which makes macros of words such as "columns" */

#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>
#include <wchar.h>

#include "base/io.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/text.h"

/* So that a paste is told from typing; terminals that do not know it pass it over. */
#define PASTE_ON "\x1b[?2004h"
#define PASTE_OFF "\x1b[?2004l"

struct term {
	SCREEN *curses;
	int fd; /* keys are read from here */
	bool own_fd; /* it is /dev/tty, opened by us */
	FILE *tty; /* the same for curses; NULL: stdin */
	bool utf8;
	bool left; /* between term_leave and term_enter */
	int colors; /* that the terminal has: 0, 8, 16, 256 or more than that for true colour */
	bool defaults; /* -1 is the terminal's own colour */
	attr_t attrs[STYLES];
	short pairs[STYLES];
};

/* What a signal handler needs: made beforehand, so that it only has to write and to call tcsetattr. */
static struct {
	volatile sig_atomic_t armed;
	int out_fd, in_fd;
	struct termios modes; /* as they were before */
	char reset[256];
	size_t reset_len;
} rescue;

/* All that end a process by themselves and that the loop does not take. */
static const int crash_signals[] = {SIGSEGV, SIGBUS,  SIGFPE,  SIGILL,	SIGABRT, SIGQUIT, SIGTRAP,   SIGSYS,
				    SIGXCPU, SIGXFSZ, SIGUSR1, SIGUSR2, SIGALRM, SIGPROF, SIGVTALRM, SIGPOLL};
static struct sigaction before_us[COUNT_OF(crash_signals)];

/* Async-signal-safe. */
static void
rescue_terminal(void)
{
	ssize_t done UNUSED;

	if (!rescue.armed)
		return;
	rescue.armed = 0;
	done = write(rescue.out_fd, rescue.reset, rescue.reset_len);
	tcsetattr(rescue.in_fd, TCSANOW, &rescue.modes);
}

/* Whoever was there before us gets the signal next: a sanitizer, or the kernel with its core file. */
static void
on_crash(int signo)
{
	rescue_terminal();
	for (size_t i = 0; i < COUNT_OF(crash_signals); i++) {
		if (crash_signals[i] == signo)
			sigaction(signo, &before_us[i], NULL);
	}
	raise(signo);
}

static void
catch_crashes(void)
{
	static char stack[64 * 1024]; /* a handler of a stack overflow needs another stack */
	stack_t alternate = {.ss_sp = stack, .ss_size = sizeof(stack)};
	struct sigaction action = {.sa_handler = on_crash, .sa_flags = SA_ONSTACK};

	sigaltstack(&alternate, NULL);
	sigfillset(&action.sa_mask);
	for (size_t i = 0; i < COUNT_OF(crash_signals); i++)
		sigaction(crash_signals[i], &action, &before_us[i]);
	mem_on_die(rescue_terminal);
}

static void
release_crashes(void)
{
	mem_on_die(NULL);
	for (size_t i = 0; i < COUNT_OF(crash_signals); i++)
		sigaction(crash_signals[i], &before_us[i], NULL);
}

/* A capability of the terminal, NULL when it has none of that name. */
static const char *
capability(const char *name)
{
	const char *s = tigetstr((char *)(uintptr_t)name);

	return s == (char *)-1 ? NULL : s;
}

/* Without the delays ("$<5>") that terminals of iron needed. */
static void
add_reset(const char *s)
{
	while (s && *s && rescue.reset_len < sizeof(rescue.reset)) {
		if (s[0] == '$' && s[1] == '<' && strchr(s, '>'))
			s = strchr(s, '>') + 1;
		else
			rescue.reset[rescue.reset_len++] = *s++;
	}
}

/* Plain text in plain colours, a visible cursor, keys as they were, the screen that was there before. */
static void
prepare_rescue(struct term *t)
{
	static const char *const undo[] = {"sgr0", "op", "cnorm", "rmkx", "rmcup"};

	rescue.reset_len = 0;
	add_reset(PASTE_OFF);
	for (size_t i = 0; i < COUNT_OF(undo); i++)
		add_reset(capability(undo[i]));
	add_reset("\r");
	rescue.out_fd = STDOUT_FILENO;
	rescue.in_fd = t->fd;
	rescue.armed = 1;
}

/* Only "*-direct" entries can send RGB; ncurses-term has them. "xterm-256color" becomes "xterm-direct"; NULL: no. */
static const char *
direct_name(const char *name, char out[64])
{
	const char *color = getenv("COLORTERM");
	const char *tail = name ? strstr(name, "-256color") : NULL;

	if (!name || !color || (strcasecmp(color, "truecolor") != 0 && strcasecmp(color, "24bit") != 0))
		return NULL;
	if (snprintf(out, 64, "%.*s-direct", (int)(tail ? (size_t)(tail - name) : strlen(name)), name) >= 64)
		return NULL;
	return out;
}

static int
color_number(const struct term *t, struct color c, bool background)
{
	if (!c.set)
		return t->defaults ? -1 : background ? COLOR_BLACK : COLOR_WHITE;
	if (t->colors > 256) /* the first eight numbers are names there: seven shades of nearly black are black */
		return c.rgb < 8 ? 0 : (int)c.rgb;
	return color_nearest(c.rgb, t->colors);
}

static attr_t
curses_attrs(unsigned attrs)
{
	static const attr_t map[] = {A_BOLD, A_DIM, A_UNDERLINE, A_REVERSE}; /* in the order of the bits */
	attr_t out = A_NORMAL;

	for (unsigned i = 0; i < COUNT_OF(map); i++)
		out |= attrs & 1u << i ? map[i] : A_NORMAL;
	return out;
}

static void
set_style(struct term *t, int style, const struct style_look *look)
{
	int fg = color_number(t, look->fg, false), bg = color_number(t, look->bg, true);

	t->attrs[style] = curses_attrs(look->attrs);
	if (fg == bg && fg >= 0) /* they fell together: text has to be seen */
		fg = color_contrast(look->bg.rgb, 0xffffff) > color_contrast(look->bg.rgb, 0) ? COLOR_WHITE
											      : COLOR_BLACK;
	if (t->colors == 8 && fg >= 0)
		fg &= 7;
	t->pairs[style] = (short)(style + 1);
	init_extended_pair(style + 1, fg, bg); /* init_pair cannot hold an RGB */
}

static void
set_styles(struct term *t, const struct theme *theme, bool colors)
{
	t->colors = colors && has_colors() && start_color() == OK ? COLORS : 0;
	if (t->colors > 16 && t->colors < 256)
		t->colors = 16; /* 52 and 88: the cube differs, the first 16 do not */
	if (t->colors < 8 || COLOR_PAIRS <= STYLES)
		t->colors = 0;
	t->defaults = t->colors && use_default_colors() == OK;
	for (int i = 0; i < STYLES; i++) {
		if (t->colors)
			set_style(t, i, &theme->styles[i]);
		else
			t->attrs[i] = curses_attrs(theme->styles[i].plain_attrs);
	}
}

static void
send(const char *s)
{
	fflush(stdout);
	io_write_all(STDOUT_FILENO, s, strlen(s));
}

static void
set_modes(struct term *t)
{
	raw(); /* ctrl-c, ctrl-z and ctrl-s are keys here */
	noecho();
	nonl();
	keypad(stdscr, TRUE);
	leaveok(stdscr, FALSE);
	typeahead(-1); /* curses shall not look at the input: that is the loop's */
	meta(stdscr, TRUE);
	t->left = false;
	send(PASTE_ON);
}

static bool
open_input(struct term *t, struct err *e)
{
	t->fd = STDIN_FILENO;
	if (isatty(STDIN_FILENO))
		return true;
	t->fd = open("/dev/tty", O_RDWR | O_CLOEXEC);
	t->own_fd = t->fd >= 0;
	t->tty = t->fd >= 0 ? fdopen(t->fd, "r") : NULL;
	return t->tty ? true : err_sys(e, ERR_USAGE, errno, "open /dev/tty to read keys");
}

/* Curses would exit at once on SIGINT and SIGTERM, and stop on SIGTSTP behind our back: those are the loop's. */
static SCREEN *
new_screen(const char *name, FILE *keys)
{
	static const int taken[] = {SIGINT, SIGTERM, SIGTSTP, SIGWINCH};
	struct sigaction before[COUNT_OF(taken)];
	SCREEN *screen;

	for (size_t i = 0; i < COUNT_OF(taken); i++)
		sigaction(taken[i], NULL, &before[i]);
	screen = newterm(name, stdout, keys);
	for (size_t i = 0; i < COUNT_OF(taken); i++)
		sigaction(taken[i], &before[i], NULL);
	return screen;
}

static bool
start_curses(struct term *t, struct err *e)
{
	const char *name = getenv("TERM"), *better;
	FILE *keys = t->tty ? t->tty : stdin;
	char direct[64];

	if (!isatty(STDOUT_FILENO))
		return err_set(e, ERR_USAGE, 0, "standard output is no terminal: the console needs one");
	if (tcgetattr(t->fd, &rescue.modes) != 0)
		return err_sys(e, ERR_USAGE, errno, "read the modes of the terminal");
	better = direct_name(name, direct);
	if (better)
		t->curses = new_screen(better, keys);
	if (!t->curses)
		t->curses = new_screen(name, keys);
	name = name ? name : "";
	if (!t->curses)
		return err_set(e, ERR_USAGE, 0,
			       "TERM=%s is not known here: set TERM, or install its terminfo entry", name);
	if (capability("cup"))
		return true;
	endwin();
	return err_set(e, ERR_USAGE, 0,
		       "TERM=%s cannot place its cursor, and the console has to: moat audit prints a report", name);
}

static void
free_term(struct term *t)
{
	if (t->curses)
		delscreen(t->curses);
	if (t->tty)
		fclose(t->tty);
	else if (t->own_fd)
		close(t->fd);
	free(t);
}

struct term *
term_open(const struct theme *theme, bool colors, struct err *e)
{
	struct term *t = mem_alloc(sizeof(*t));

	setlocale(LC_CTYPE, "");
	t->utf8 = str_eq(nl_langinfo(CODESET), "UTF-8");
	if (!open_input(t, e) || !start_curses(t, e)) {
		free_term(t);
		return NULL;
	}
	prepare_rescue(t);
	catch_crashes();
	set_modes(t);
	set_styles(t, theme, colors);
	return t;
}

void
term_leave(struct term *t)
{
	if (t->left)
		return;
	t->left = true;
	send(PASTE_OFF);
	endwin();
	rescue.armed = 0;
	tcsetattr(t->fd, TCSADRAIN, &rescue.modes); /* to the last bit: endwin restores what curses knows of */
}

void
term_enter(struct term *t)
{
	if (!t->left)
		return;
	rescue.armed = 1;
	reset_prog_mode();
	set_modes(t);
	clearok(stdscr, TRUE);
	refresh();
}

void
term_close(struct term *t)
{
	if (!t)
		return;
	term_leave(t);
	release_crashes();
	free_term(t);
}

int
term_fd(const struct term *t)
{
	return t->fd;
}

bool
term_utf8(const struct term *t)
{
	return t->utf8;
}

bool
term_read(struct term *t, struct input *in)
{
	char bytes[4096];
	struct pollfd ready = {.fd = t->fd, .events = POLLIN};

	while (poll(&ready, 1, 0) > 0) {
		ssize_t n = read(t->fd, bytes, sizeof(bytes));

		if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN))
			return false;
		if (n > 0)
			input_add(in, bytes, (size_t)n);
		if (n < (ssize_t)sizeof(bytes))
			break;
	}
	return true;
}

static const struct {
	const char *capability;
	int key;
} key_capabilities[] = {
	{"kcuu1", K_UP},	{"kcud1", K_DOWN},	{"kcub1", K_LEFT},	 {"kcuf1", K_RIGHT},
	{"khome", K_HOME},	{"kend", K_END},	{"kpp", K_PAGE_UP},	 {"knp", K_PAGE_DOWN},
	{"kich1", K_INSERT},	{"kdch1", K_DELETE},	{"kcbt", K_BACKTAB},	 {"kri", K_SHIFT_UP},
	{"kind", K_SHIFT_DOWN}, {"kLFT", K_SHIFT_LEFT}, {"kRIT", K_SHIFT_RIGHT}, {"kf1", K_F1},
	{"kf2", K_F1 + 1},	{"kf3", K_F1 + 2},	{"kf4", K_F1 + 3},	 {"kf5", K_F1 + 4},
	{"kf6", K_F1 + 5},	{"kf7", K_F1 + 6},	{"kf8", K_F1 + 7},	 {"kf9", K_F1 + 8},
	{"kf10", K_F1 + 9},	{"kf11", K_F1 + 10},	{"kf12", K_F1 + 11},
};

void
term_teach(const struct term *t UNUSED, struct input *in)
{
	for (size_t i = 0; i < COUNT_OF(key_capabilities); i++) {
		const char *sequence = capability(key_capabilities[i].capability);

		if (sequence)
			input_learn(in, sequence, key_capabilities[i].key);
	}
}

bool
term_resize(struct term *t, struct screen *s)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row && size.ws_col &&
	    (size.ws_row != LINES || size.ws_col != COLS))
		resizeterm(size.ws_row, size.ws_col);
	s->ascii = !t->utf8;
	if (s->rows == LINES && s->columns == COLS)
		return false;
	screen_resize(s, LINES, COLS);
	return true;
}

/* The characters of a cell; a question mark where the C library thinks another width of it than we do. */
static void
cell_characters(const struct screen_cell *cell, bool utf8, wchar_t out[CCHARW_MAX])
{
	const char *s = cell->text, *end = s + strlen(s);
	size_t n = 0;

	for (uint32_t c; n < CCHARW_MAX - 1 && (c = text_next(&s, end));) {
		bool agreed = wcwidth((wchar_t)c) == text_char_width(c);

		if (c >= 0x80 && (!utf8 || !agreed)) {
			if (n == 0)
				out[n++] = L'?';
			continue; /* a mark that the library does not take for one is left out */
		}
		out[n++] = (wchar_t)c;
	}
	out[n] = L'\0';
}

static void
show_cell(const struct term *t, int row, int column, const struct screen_cell *cell)
{
	wchar_t characters[CCHARW_MAX];
	cchar_t cc;

	if (!cell->text[0]) /* the right half of a wide character, which is there already */
		return;
	cell_characters(cell, t->utf8, characters);
	if (setcchar(&cc, characters, t->attrs[cell->style], t->pairs[cell->style], NULL) == OK)
		mvadd_wch(row, column, &cc);
}

void
term_show(struct term *t, const struct screen *s)
{
	if (t->left)
		return;
	erase();
	for (int row = 0; row < s->rows; row++) {
		for (int column = 0; column < s->columns; column++)
			show_cell(t, row, column, &s->cells[(size_t)row * (size_t)s->columns + (size_t)column]);
	}
	if (s->cursor_row >= 0)
		move(s->cursor_row, s->cursor_column);
	curs_set(s->cursor_row >= 0);
	refresh();
}

void
term_repaint(struct term *t UNUSED)
{
	clearok(stdscr, TRUE);
}
