/* SPDX-License-Identifier: Apache-2.0 */
#include "tui/app_state.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/text.h"
#include "base/vec.h"
#include "tui/help.h"
#include "tui/input.h"

#define MAX_PLACES 100
#define FLASH_MS 5000

static void
set_flash(struct app *app, enum style style, const char *text, size_t len)
{
	buf_clear(&app->flash);
	text_safe(&app->flash, text, len);
	app->flash_style = style;
	app->flash_until = clock_ms() + FLASH_MS;
}

void
app_flash(struct app *app, enum style style, const char *fmt, ...)
{
	AUTO(buf) struct buf text = {0};
	va_list ap;

	va_start(ap, fmt);
	buf_addv(&text, fmt, ap);
	va_end(ap);
	set_flash(app, style, buf_str(&text), text.len);
	if (app->changed)
		app->changed(app->changed_ctx);
}

bool
app_selected(struct app *app, const struct view_data **data, size_t *row)
{
	struct table *t = app_top(app);

	*data = t ? table_data(t) : NULL;
	return *data && table_selected(t, row);
}

size_t
app_chosen(struct app *app, const struct view_data **data, struct arena *a, size_t **rows)
{
	size_t row, n;

	if (!app_selected(app, data, &row))
		return 0;
	n = table_marked(app_top(app), a, rows);
	if (n)
		return n;
	*rows = ARENA_ARRAY(a, size_t, 1);
	(*rows)[0] = row;
	return 1;
}

/* Going to places */

static bool
has_word(const char *list, const char *word)
{
	return list && str_in_list(list, word);
}

static const struct view *
find_view(const struct app *app, const char *name)
{
	for (const struct view *const *v = app->options.views; *v; v++) {
		if (str_eq((*v)->name, name) || has_word((*v)->aliases, name))
			return *v;
	}
	return NULL;
}

static const void *
newest_data(const struct app *app)
{
	return app_source(app)->data(app_source(app)->ctx);
}

static const struct history_view *
newest_history(const struct app *app)
{
	return app_source(app)->history ? app_source(app)->history(app_source(app)->ctx) : NULL;
}

static void
pop(struct app *app)
{
	table_free(app->stack[--app->depth]);
}

static void
push(struct app *app, const struct view *view, const char *arg)
{
	struct table *t = table_new(view, arg);

	if (app->depth == APP_DEPTH) { /* nobody goes that deep; the oldest is forgotten */
		table_free(app->stack[0]);
		memmove(app->stack, app->stack + 1, --app->depth * sizeof(app->stack[0]));
	}
	app->stack[app->depth++] = t;
	table_load(t, newest_data(app), newest_history(app));
}

/* Remembers the place one is at now, for [, ] and -. Going somewhere new ends the way forward. */
static void
remember_place(struct app *app, const char *view, const char *arg)
{
	AUTO(free) char *place = mem_printf("%s%s%s", view, *arg ? " " : "", arg);

	if (app->places.n && str_eq(app->places.at[app->place], place))
		return;
	if (app->places.n) {
		free(app->last_place);
		app->last_place = mem_strdup(app->places.at[app->place]);
	}
	while (app->places.n > (app->places.n ? app->place + 1 : 0))
		free(app->places.at[--app->places.n]);
	if (app->places.n == MAX_PLACES) {
		free(app->places.at[0]);
		memmove(app->places.at, app->places.at + 1, --app->places.n * sizeof(app->places.at[0]));
	}
	vec_push(&app->places, take(place));
	app->place = app->places.n - 1;
}

void
app_open(struct app *app, const char *view, const char *arg)
{
	const struct view *v = find_view(app, view);

	if (!v) {
		app_flash(app, STYLE_BAD, "there is no screen %s", view);
		return;
	}
	app->page = PAGE_NONE;
	push(app, v, arg);
	remember_place(app, v->name, arg);
}

void
app_restart(struct app *app, const struct operation_choice *choices, size_t n)
{
	if (app->operation)
		operation_dialog_open(app->operation, OPERATION_RESTART, choices, n);
}

void
app_probe(struct app *app, const struct operation_target *agents, size_t n)
{
	if (!app->operation || !app_source(app)->operations->probe)
		app_flash(app, STYLE_WARN, "nothing can be probed here");
	else
		operation_dialog_open(app->operation, OPERATION_PROBE,
				      &(struct operation_choice){"agents", agents, n}, 1);
}

void
app_quit(struct app *app)
{
	app->ended = true;
}

/* Commands */

struct command {
	const char *names; /* the first is the one that completion offers */
	void (*fn)(struct app *app);
};

static void
show_help(struct app *app)
{
	app->page = PAGE_HELP;
	app->page_first = 0;
}

static void
refresh(struct app *app)
{
	app_source(app)->refresh(app_source(app)->ctx);
}

static const struct command commands[] = {
	{"help h ?", show_help},
	{"quit q q! qa exit", app_quit},
	{"refresh", refresh},
};

static void
unknown_command(struct app *app, const char *word)
{
	struct nearest near = {.word = word, .too_far = 3};

	for (const struct view *const *v = app->options.views; *v; v++)
		nearest_offer(&near, (*v)->name);
	for (size_t i = 0; i < COUNT_OF(commands); i++)
		nearest_offer(&near, arena_strndup(&app->names, commands[i].names, strcspn(commands[i].names, " ")));
	if (near.name)
		app_flash(app, STYLE_BAD, "no command %s: did you mean %s?", word, near.name);
	else
		app_flash(app, STYLE_BAD, "no command %s: tab shows those there are", word);
}

static void
set_filter(struct app *app, const char *text)
{
	struct err e = {0};

	if (app_top(app) && !table_set_filter(app_top(app), text, &e))
		app_flash(app, STYLE_BAD, "%s", e.msg);
}

/* "view argument /filter": the last two may be missing. */
static void
go(struct app *app, const struct view *view, char *rest)
{
	char *filter = rest[0] == '/' ? rest : strstr(rest, " /");
	const char *text = NULL;
	size_t len;

	if (filter) {
		text = filter + (*filter == ' ') + 1;
		*filter = '\0';
	}
	for (len = strlen(rest); len && rest[len - 1] == ' '; len--)
		rest[len - 1] = '\0';
	while (app->depth)
		pop(app);
	push(app, view, rest);
	if (text)
		set_filter(app, text);
}

static void
run_command(struct app *app, const char *line, bool remember)
{
	AUTO(free) char *copy = mem_strdup(line + strspn(line, " "));
	size_t len = strcspn(copy, " ");
	char *rest = copy + len + strspn(copy + len, " ");
	const struct view *view;

	copy[len] = '\0';
	if (!*copy)
		return;
	for (size_t i = 0; i < COUNT_OF(commands); i++) {
		if (has_word(commands[i].names, copy)) {
			commands[i].fn(app);
			return;
		}
	}
	view = find_view(app, copy);
	if (!view) {
		unknown_command(app, copy);
		return;
	}
	app->page = PAGE_NONE;
	go(app, view, rest);
	if (remember)
		remember_place(app, view->name, table_arg(app_top(app)));
}

void
app_command(struct app *app, const char *line)
{
	run_command(app, line, true);
}

/* The i-th of the names that start with what is typed: views in their order, then commands. */
static const char *
complete_name(struct app *app, const char *typed, size_t i)
{
	for (const struct view *const *v = app->options.views; *v; v++) {
		if (str_starts((*v)->name, typed) && i-- == 0)
			return (*v)->name;
	}
	for (size_t c = 0; c < COUNT_OF(commands); c++) {
		if (str_starts(commands[c].names, typed) && i-- == 0)
			return arena_strndup(&app->names, commands[c].names, strcspn(commands[c].names, " "));
	}
	return NULL;
}

static const char *
complete_argument(struct app *app, const char *typed, const char *arg, size_t i)
{
	AUTO(free) char *name = mem_strndup(typed, strcspn(typed, " "));
	const struct view *view = find_view(app, name);
	const void *data = newest_data(app);
	const char *candidate;

	if (!view || !view->argument || !data)
		return NULL;
	for (size_t n = 0; (candidate = view->argument(data, n, &app->names)); n++) {
		if (str_starts(candidate, arg) && i-- == 0)
			return arena_printf(&app->names, "%.*s%s", (int)(arg - typed), typed, candidate);
	}
	return NULL;
}

static const char *
complete(void *ctx, const char *typed, size_t i)
{
	struct app *app = ctx;
	size_t word = strcspn(typed, " ");

	if (i == 0)
		arena_reset(&app->names);
	if (!typed[word])
		return complete_name(app, typed, i);
	return complete_argument(app, typed, typed + word + strspn(typed + word, " "), i);
}

/* What the keys of the frame do */

static void
ask_command(struct app *app)
{
	prompt_open(&app->prompt, PROMPT_COMMAND, "");
}

static void
ask_filter(struct app *app)
{
	if (!app_top(app))
		return;
	free(app->filter_before);
	app->filter_before = mem_strdup(table_filter(app_top(app)));
	prompt_open(&app->prompt, PROMPT_FILTER, app->filter_before);
}

/* What narrows the table goes first, then the screen; the first screen stays. */
static void
clear_or_back(struct app *app)
{
	struct table *t = app_top(app);

	if (!t)
		return;
	if (*table_filter(t))
		set_filter(app, "");
	else if (table_faults(t))
		table_set_faults(t, false);
	else if (app->depth > 1)
		pop(app);
	else if (!str_eq(table_view(t)->name, find_view(app, app->options.start)->name))
		run_command(app, app->options.start, true);
}

static void
back_or_quit(struct app *app)
{
	if (app->depth > 1)
		pop(app);
	else
		app_quit(app);
}

static void
toggle_faults(struct app *app)
{
	if (app_top(app))
		table_set_faults(app_top(app), !table_faults(app_top(app)));
}

static void
mark_row(struct app *app)
{
	table_mark(app_top(app));
}

static void
mark_range(struct app *app)
{
	table_mark_range(app_top(app));
}

static void
unmark(struct app *app)
{
	if (app_top(app))
		table_unmark(app_top(app));
}

static void
toggle_wide(struct app *app)
{
	if (app_top(app))
		table_set_wide(app_top(app), !table_wide(app_top(app)));
}

static void
toggle_header(struct app *app)
{
	app->no_header = !app->no_header;
}

static void
go_to_place(struct app *app, size_t place)
{
	free(app->last_place);
	app->last_place = mem_strdup(app->places.at[app->place]);
	app->place = place;
	run_command(app, app->places.at[place], false);
}

static void
older_place(struct app *app)
{
	if (app->place > 0)
		go_to_place(app, app->place - 1);
	else
		app_flash(app, STYLE_DIM, "there is nothing before this screen");
}

static void
newer_place(struct app *app)
{
	if (app->place + 1 < app->places.n)
		go_to_place(app, app->place + 1);
	else
		app_flash(app, STYLE_DIM, "there is nothing after this screen");
}

static void
last_place(struct app *app)
{
	AUTO(free) char *line = mem_strdup(app->last_place);

	if (line)
		run_command(app, line, true);
	else
		app_flash(app, STYLE_DIM, "this is the first screen");
}

static void
move(struct app *app, long rows)
{
	if (app->page)
		app->page_first += (int)rows;
	else if (app_top(app))
		table_move(app_top(app), rows);
}

static void
go_down(struct app *app)
{
	move(app, 1);
}

static void
go_up(struct app *app)
{
	move(app, -1);
}

static void
page(struct app *app, int pages)
{
	if (app->page)
		app->page_first += pages * app->page_rows;
	else if (app_top(app))
		table_move_page(app_top(app), pages);
}

static void
page_down(struct app *app)
{
	page(app, 1);
}

static void
page_up(struct app *app)
{
	page(app, -1);
}

static void
go_first(struct app *app)
{
	app->page_first = 0;
	if (app_top(app) && !app->page)
		table_move_first(app_top(app));
}

static void
go_last(struct app *app)
{
	app->page_first = 100000; /* drawing knows where the end is */
	if (app_top(app) && !app->page)
		table_move_last(app_top(app));
}

static void
scroll_left(struct app *app)
{
	if (app_top(app))
		table_scroll(app_top(app), -1);
}

static void
scroll_right(struct app *app)
{
	if (app_top(app))
		table_scroll(app_top(app), 1);
}

static void
sort_left(struct app *app)
{
	if (app_top(app))
		table_sort_next(app_top(app), -1);
}

static void
sort_right(struct app *app)
{
	if (app_top(app))
		table_sort_next(app_top(app), 1);
}

static void
sort_ascending(struct app *app)
{
	if (app_top(app))
		table_sort_direction(app_top(app), false);
}

static void
sort_descending(struct app *app)
{
	if (app_top(app))
		table_sort_direction(app_top(app), true);
}

static void
show_details(struct app *app)
{
	if (table_view(app_top(app))->detail || table_view(app_top(app))->page) {
		app->page = PAGE_DETAILS;
		app->page_first = 0;
	} else {
		app_flash(app, STYLE_DIM, "the row says all there is");
	}
}

static void
close_page(struct app *app)
{
	app->page = PAGE_NONE;
}

/* k9s's meanings of the keys. */
static const struct binding general[] = {
	{'/', "filter", "filter: text, !not, -f fuzzy", 0, ask_filter},
	{':', "go to", "command: screen, help, quit", 0, ask_command},
	{'?', "help", "this page", 0, show_help},
	{'d', "details", "all of the row's details", KEY_NEEDS_ROW, show_details},
	{K_ENTER, NULL, NULL, KEY_HIDDEN | KEY_NEEDS_ROW, show_details},
	{K_ESC, NULL, "clear the filter, or back", 0, clear_or_back},
	{'q', NULL, "back, at last quit", 0, back_or_quit},
	{K_CTRL('c'), NULL, "quit", 0, app_quit},
	{K_CTRL('r'), NULL, "read again", 0, refresh},
	{' ', NULL, "mark or unmark", KEY_NEEDS_ROW, mark_row},
	{K_CTRL_SPACE, NULL, "mark up to here", KEY_NEEDS_ROW, mark_range},
	{K_CTRL('\\'), NULL, "unmark all", 0, unmark},
	{K_CTRL('z'), NULL, "faults only", 0, toggle_faults},
	{K_CTRL('w'), NULL, "more columns", 0, toggle_wide},
	{K_CTRL('e'), NULL, "header line", 0, toggle_header},
	{'[', NULL, "screen before", 0, older_place},
	{']', NULL, "screen after", 0, newer_place},
	{'-', NULL, "last screen", 0, last_place},
};

static const struct binding moving[] = {
	{'j', NULL, "down", 0, go_down},
	{K_DOWN, NULL, NULL, KEY_HIDDEN, go_down},
	{'k', NULL, "up", 0, go_up},
	{K_UP, NULL, NULL, KEY_HIDDEN, go_up},
	{'h', NULL, "columns to the left", 0, scroll_left},
	{K_LEFT, NULL, NULL, KEY_HIDDEN, scroll_left},
	{'l', NULL, "columns to the right", 0, scroll_right},
	{K_RIGHT, NULL, NULL, KEY_HIDDEN, scroll_right},
	{'g', NULL, "first row", 0, go_first},
	{K_HOME, NULL, NULL, KEY_HIDDEN, go_first},
	{'G', NULL, "last row", 0, go_last},
	{K_END, NULL, NULL, KEY_HIDDEN, go_last},
	{K_CTRL('f'), NULL, "page down", 0, page_down},
	{K_PAGE_DOWN, NULL, NULL, KEY_HIDDEN, page_down},
	{K_CTRL('b'), NULL, "page up", 0, page_up},
	{K_PAGE_UP, NULL, NULL, KEY_HIDDEN, page_up},
	{K_SHIFT_LEFT, NULL, "sort one column left", 0, sort_left},
	{K_SHIFT_RIGHT, NULL, "sort one column right", 0, sort_right},
	{K_SHIFT_UP, NULL, "sort upwards", 0, sort_ascending},
	{K_SHIFT_DOWN, NULL, "sort downwards", 0, sort_descending},
};

/* While a page is shown, these come first. */
static const struct binding in_page[] = {
	{K_ESC, "back", "close this page", 0, close_page}, {'q', NULL, NULL, KEY_HIDDEN, close_page},
	{'?', NULL, NULL, KEY_HIDDEN, close_page},	   {'d', NULL, NULL, KEY_HIDDEN, close_page},
	{K_ENTER, NULL, NULL, KEY_HIDDEN, close_page},
};

void
app_key_groups(const struct app *app, struct key_group out[APP_KEY_GROUPS])
{
	const struct view *view = app_top(app) ? table_view(app_top(app)) : NULL;

	out[0] = view ? (struct key_group){view->title, view->bindings, view->n_bindings} : (struct key_group){0};
	out[1] = (struct key_group){"general", general, COUNT_OF(general)};
	out[2] = (struct key_group){"moving and sorting", moving, COUNT_OF(moving)};
}

struct key_group
app_page_keys(void)
{
	return (struct key_group){"page", in_page, COUNT_OF(in_page)};
}

void
app_keys_markdown(const struct view *const *views, struct buf *out)
{
	const struct key_group shared[] = {
		{"general", general, COUNT_OF(general)},
		{"moving and sorting", moving, COUNT_OF(moving)},
		{"in a page", in_page, COUNT_OF(in_page)},
	};

	buf_adds(out, "# Keys\n\nPrinted by `moat console --markdown`; `?` in the console shows those of the screen at hand.\n");
	help_screens_markdown(out, views);
	for (size_t i = 0; views[i]; i++)
		help_markdown(out, &(struct key_group){views[i]->title, views[i]->bindings, views[i]->n_bindings});
	for (size_t i = 0; i < COUNT_OF(shared); i++)
		help_markdown(out, &shared[i]);
}

/* Keys */

static void
ask_first(struct app *app, const struct binding *b)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf question = {0};
	const struct view_data *data;
	size_t row;

	text_safe(&question, b->help ? b->help : b->name, strlen(b->help ? b->help : b->name));
	if (b->flags & KEY_NEEDS_ROW && app_selected(app, &data, &row)) {
		const struct view *view = table_view(app_top(app));
		const char *key = view->key(data, row, &a);

		buf_adds(&question, ": ");
		text_safe(&question, key, strlen(key));
	}
	buf_addc(&question, '?');
	app->asked = b;
	prompt_ask(&app->prompt, buf_str(&question));
}

static void
run_binding(struct app *app, const struct binding *b)
{
	const struct view_data *data;
	size_t row;
	struct keys_state state = {
		.read_only = app_source(app)->status(app_source(app)->ctx).read_only,
		.files = !app_source(app)->operations,
		.has_row = app_selected(app, &data, &row),
	};
	struct err e;

	switch (keys_judge(b, &state, &e)) {
	case KEYS_RUN:
		b->fn(app);
		break;
	case KEYS_ASK:
		ask_first(app, b);
		break;
	case KEYS_REFUSE:
		app_flash(app, STYLE_WARN, "%s", e.msg);
		break;
	}
}

static void
command_key(struct app *app, int key)
{
	struct key_group groups[APP_KEY_GROUPS];
	const struct binding *b = NULL;

	app_key_groups(app, groups);
	if (app->page) {
		struct key_group page = app_page_keys();
		/* What may be done to a row may be done to the one that the page tells of. */
		bool row = app->page == PAGE_DETAILS;

		b = keys_find(&page, 1, key);
		if (!b && key != '/') /* of the rest, what moves, and what leaves */
			b = keys_find(groups + !row, APP_KEY_GROUPS - !row, key);
	} else {
		b = keys_find(groups, APP_KEY_GROUPS, key);
	}
	if (b)
		run_binding(app, b);
	else if (!app->page && app_top(app))
		table_sort_by_key(app_top(app), key);
}

static void
command_done(struct app *app)
{
	AUTO(free) char *line = mem_strdup(buf_str(&app->prompt.text));

	if (line[strspn(line, " ")])
		prompt_remember(&app->prompt, line);
	app_command(app, line);
}

static void
prompt_done(struct app *app, enum prompt_mode mode)
{
	if (mode == PROMPT_COMMAND)
		command_done(app);
	else if (mode == PROMPT_CONFIRM)
		app->asked->fn(app);
}

static void
prompt_cancelled(struct app *app, enum prompt_mode mode)
{
	if (mode == PROMPT_FILTER)
		set_filter(app, app->filter_before);
	else if (mode == PROMPT_CONFIRM)
		app_flash(app, STYLE_DIM, "not done");
}

static void
prompt_took_key(struct app *app, int key)
{
	enum prompt_mode mode = app->prompt.mode;

	switch (prompt_key(&app->prompt, key)) {
	case PROMPT_EDITED:
		if (mode == PROMPT_FILTER)
			set_filter(app, buf_str(&app->prompt.text));
		break;
	case PROMPT_DONE:
		prompt_done(app, mode);
		break;
	case PROMPT_CANCELLED:
		prompt_cancelled(app, mode);
		break;
	}
}

void
app_key(struct app *app, int key)
{
	if (key == K_PASTE_BEGIN || key == K_PASTE_END) {
		app->pasting = key == K_PASTE_BEGIN;
		return;
	}
	/* What is pasted is text for a prompt, never a run of commands. */
	if (key == K_NONE ||
	    (app->pasting && (key < ' ' || app->prompt.mode == PROMPT_OFF || app->prompt.mode == PROMPT_CONFIRM)))
		return;
	app->flash_until = 0;
	if (app->operation && operation_dialog_shown(app->operation))
		operation_dialog_key(app->operation, key);
	else if (app->prompt.mode != PROMPT_OFF)
		prompt_took_key(app, key);
	else
		command_key(app, key);
}

bool
app_wants_terminal(const struct app *app)
{
	return app_source(app)->lend_terminal && app_source(app)->status(app_source(app)->ctx).wants_terminal;
}

void
app_lend_terminal(struct app *app)
{
	app_source(app)->lend_terminal(app_source(app)->ctx);
}

bool
app_ended(const struct app *app)
{
	return app->ended;
}

/* One at a time, each for as long as a message stays. */
void
app_next_notice(struct app *app)
{
	struct app_notice n;

	if (clock_ms() < app->flash_until || !app_source(app)->notice ||
	    !app_source(app)->notice(app_source(app)->ctx, &n))
		return;
	set_flash(app, n.style, n.text, strlen(n.text));
}

void
app_changed(struct app *app)
{
	const void *data = newest_data(app);
	const struct history_view *history = newest_history(app);
	const char *line;

	if (app->operation) {
		operation_dialog_changed(app->operation);
		if (operation_dialog_done(app->operation, &line))
			app_flash(app, STYLE_OK, "%s", line);
	}
	for (size_t i = 0; i < app->depth; i++)
		if (!table_is_of(app->stack[i], data, history))
			table_load(app->stack[i], data, history);
	if (app->changed)
		app->changed(app->changed_ctx);
}

void
app_on_change(struct app *app, void (*fn)(void *ctx), void *ctx)
{
	app->changed = fn;
	app->changed_ctx = ctx;
}

struct app *
app_new(const struct app_options *options)
{
	struct app *app = mem_alloc(sizeof(*app));

	app->options = *options;
	app->prompt.complete = complete;
	app->prompt.complete_ctx = app;
	if (options->source.operations)
		app->operation = operation_dialog_new(&app->options.source);
	app_command(app, options->start);
	return app;
}

void
app_free(struct app *app)
{
	if (!app)
		return;
	while (app->depth)
		pop(app);
	for (size_t i = 0; i < app->places.n; i++)
		free(app->places.at[i]);
	vec_free(&app->places);
	free(app->last_place);
	free(app->filter_before);
	operation_dialog_free(app->operation);
	prompt_free(&app->prompt);
	arena_free(&app->names);
	buf_free(&app->flash);
	free(app);
}
