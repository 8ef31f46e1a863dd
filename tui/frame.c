/* SPDX-License-Identifier: Apache-2.0 */
#include "tui/frame.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/str.h"
#include "base/text.h"
#include "tui/pane.h"

#define RULE "\xe2\x94\x80"
#define INTO "\xe2\x96\xb8"
#define ABOVE "\xe2\x96\xb4"
#define BELOW "\xe2\x96\xbe"
#define BUSY "\xe2\x80\xa6"
#define ROOM_FOR_STATE 24 /* columns that the left of the header keeps before the right one shows */

/* Pieces of one line, in several styles. */
struct pieces {
	struct {
		enum style style;
		char text[64];
	} at[8];
	size_t n;
	int width;
};

static void
add_piece(struct pieces *p, enum style style, const char *before, const char *text)
{
	char *out = p->at[p->n].text;

	snprintf(out, sizeof(p->at[0].text), "%s%s", before, text);
	p->at[p->n++].style = style;
	p->width += (int)text_width(out);
}

static void
put_pieces(struct screen *s, int row, int column, const struct pieces *p)
{
	for (size_t i = 0; i < p->n; i++)
		column += screen_put(s, row, column, s->columns - column, p->at[i].style, p->at[i].text);
}

static void
add_state(struct pieces *p, const struct app_status *status)
{
	static const struct {
		enum style style;
		const char *word;
	} states[] = {
		[APP_LOADING] = {STYLE_ACCENT, "loading"},
		[APP_LIVE] = {STYLE_OK, "live"},
		[APP_STALE] = {STYLE_WARN, "stale"},
		[APP_FAILED] = {STYLE_BAD, "failed"},
		[APP_FORBIDDEN] = {STYLE_BAD, "forbidden"},
		[APP_EMPTY] = {STYLE_WARN, "empty"},
	};
	char age[8], text[32];

	if (status->read_only)
		add_piece(p, STYLE_INFO_LABEL, "  ", "read-only");
	snprintf(text, sizeof(text), "%s%s", states[status->state].word, status->busy ? BUSY : "");
	add_piece(p, states[status->state].style, "  ", text);
	if (status->since != CLOCK_UNKNOWN) {
		str_age(clock_now() - status->since, age);
		add_piece(p, STYLE_INFO_LABEL, " ", age);
	}
}

static void
add_time_of_day(struct pieces *p)
{
	time_t now = (time_t)clock_now();
	struct tm tm;
	char text[8];

	localtime_r(&now, &tm);
	strftime(text, sizeof(text), "%H:%M", &tm);
	add_piece(p, STYLE_INFO, "  ", text);
	add_piece(p, STYLE_INFO, " ", "");
}

static int
summary_width(const struct cell *cells, size_t n)
{
	int width = 0;

	for (size_t i = 0; i < n; i++)
		width += 2 + (int)text_width(cells[i].text ? cells[i].text : "");
	return width;
}

/* The words that fit whole into the columns up to `end`. */
static void
put_summary(struct screen *s, int row, int column, int end, const struct cell *cells, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int width = (int)text_width(cells[i].text ? cells[i].text : "");

		if (column + 2 + width > end)
			return;
		column += 2 +
			  screen_put(s, row, column + 2, width, cells[i].style, cells[i].text ? cells[i].text : "");
	}
}

/* A name that is longer than that many columns loses its begin: of an ARN or a project's path the end tells. */
static int
put_end_of(struct screen *s, int row, int column, int columns, const char *text)
{
	int cut = (int)text_width(text) - columns, used;
	const char *end = text + strlen(text);

	if (cut <= 0 || columns < 2)
		return screen_put(s, row, column, columns, STYLE_INFO, text);
	for (int gone = 0; gone <= cut && text < end;)
		gone += text_char_width(text_next(&text, end));
	used = screen_put(s, row, column, 1, STYLE_INFO, BUSY);
	return used + screen_put(s, row, column + used, columns - used, STYLE_INFO, text);
}

void
frame_header(struct screen *s, int row, const struct app_status *status, const struct cell *summary, size_t n)
{
	struct pieces right = {0};
	int end = s->columns, column = 0, room;

	screen_fill(s, row, 0, s->columns, STYLE_BODY, " ");
	add_state(&right, status);
	add_time_of_day(&right);
	if (s->columns - right.width >= ROOM_FOR_STATE) {
		end = s->columns - right.width;
		put_pieces(s, row, end, &right);
	}
	column += screen_put(s, row, column, end - column, STYLE_LOGO, " moat ");
	column += screen_put(s, row, column, end - column, STYLE_INFO, " ");
	room = end - column - 1 - summary_width(summary, n);
	if (room < (end - column) / 2)
		room = (end - column) / 2;
	column += put_end_of(s, row, column, room, status->source ? status->source : "");
	/* How the fleet is counts for more than where it is. */
	if (status->scope && column + 3 + (int)text_width(status->scope) + 1 + summary_width(summary, n) <= end) {
		column += screen_put(s, row, column, end - column, STYLE_INFO_LABEL, " " INTO " ");
		column += screen_put(s, row, column, end - column, STYLE_INFO, status->scope);
	}
	put_summary(s, row, column + 1, end, summary, n);
}

/* The oldest give way where there is too little room; the present one is always there. */
static int
put_crumbs(struct screen *s, int row, const struct frame_title *title)
{
	int width = 0, column = 0;
	size_t first = title->n_crumbs;

	while (first > 0) {
		int more = (int)text_width(title->crumbs[first - 1]) + 3;

		if (width + more > s->columns / 2 && first < title->n_crumbs)
			break;
		width += more;
		first--;
	}
	for (size_t i = first; i < title->n_crumbs; i++) {
		enum style style = i == title->n_crumbs - 1 ? STYLE_CRUMB_ACTIVE : STYLE_CRUMB;

		column += screen_put(s, row, column, s->columns - column, style, " ");
		column += screen_put(s, row, column, s->columns - column, style, title->crumbs[i]);
		column += screen_put(s, row, column, s->columns - column, style, " ");
		column += screen_put(s, row, column, s->columns - column, STYLE_TITLE, " ");
	}
	return column;
}

static int
put_tag(struct screen *s, int row, int column, enum style style, const char *before, const char *text,
	const char *behind)
{
	int start = column;

	column += screen_put(s, row, column, s->columns - column, style, before);
	column += screen_put(s, row, column, s->columns - column, style, text);
	column += screen_put(s, row, column, s->columns - column, style, behind);
	column += screen_put(s, row, column, s->columns - column, STYLE_TITLE, " ");
	return column - start;
}

/* As many as fit whole: half a number would be another one. */
static void
put_notes(struct screen *s, int row, int column, int end, const struct frame_title *title)
{
	for (size_t i = 0; i < title->n_notes; i++) {
		AUTO(buf) struct buf text = {0};
		int width;

		text_safe(&text, title->notes[i].text, strlen(title->notes[i].text));
		width = (int)text_width(buf_str(&text));
		if (column + 1 + width >= end)
			return;
		column += 1 + screen_put(s, row, column + 1, width, title->notes[i].style, buf_str(&text)) + 1;
	}
}

static void
put_rows(struct screen *s, int row, int column, const struct frame_title *title)
{
	char counter[64], range[64];
	int end;

	if (title->shown == title->total)
		snprintf(counter, sizeof(counter), "%zu", title->total);
	else
		snprintf(counter, sizeof(counter), "%zu/%zu", title->shown, title->total);
	column += put_tag(s, row, column, STYLE_COUNTER, "[", counter, "]");
	if (title->marked) {
		snprintf(range, sizeof(range), "%zu", title->marked);
		column += put_tag(s, row, column, STYLE_FILTER, "<", range, " marked>");
	}
	if (title->faults)
		column += put_tag(s, row, column, STYLE_FILTER, "<", "faults", ">");
	if (*title->filter)
		column += put_tag(s, row, column, STYLE_FILTER, "</", title->filter, ">");
	if (title->wide)
		column += put_tag(s, row, column, STYLE_COUNTER, "", "wide", "");
	snprintf(range, sizeof(range), "%zu-%zu of %zu ", title->first, title->last, title->shown);
	end = s->columns - (int)strlen(range);
	if ((title->first > 1 || title->last < title->shown) && column < end)
		screen_put(s, row, end, (int)strlen(range), STYLE_TITLE, range);
	else
		end = s->columns;
	put_notes(s, row, column, end, title);
}

void
frame_title(struct screen *s, int row, const struct frame_title *title)
{
	int column;

	screen_fill(s, row, 0, s->columns, STYLE_TITLE, " ");
	column = put_crumbs(s, row, title);
	if (title->rows)
		put_rows(s, row, column, title);
}

static int
hint_width(const struct binding *b)
{
	char key[16];

	input_key_name(b->key, key);
	return (int)(strlen(key) + strlen(b->name)) + 5; /* "<key> name  " */
}

static int
put_hint(struct screen *s, int row, int column, const struct binding *b)
{
	int start = column;
	char key[16];

	input_key_name(b->key, key);
	column += screen_put(s, row, column, s->columns - column, STYLE_MENU_KEY, "<");
	column += screen_put(s, row, column, s->columns - column, STYLE_MENU_KEY, key);
	column += screen_put(s, row, column, s->columns - column, STYLE_MENU_KEY, "> ");
	column += screen_put(s, row, column, s->columns - column, STYLE_MENU, b->name);
	return column - start + 2;
}

static bool
is_hinted(const struct binding *b, bool read_only)
{
	return b->name && !(b->flags & KEY_HIDDEN) && !(read_only && b->flags & KEY_WRITES);
}

void
frame_hints(struct screen *s, int row, const struct key_group *groups, size_t n, bool read_only)
{
	const struct binding *help = keys_find(groups, n, '?');
	int column = 1, end;

	help = help && is_hinted(help, read_only) ? help : NULL;
	end = s->columns - (help ? hint_width(help) - 2 : 0);
	screen_fill(s, row, 0, s->columns, STYLE_BODY, " ");
	for (size_t g = 0; g < n; g++) {
		for (size_t i = 0; i < groups[g].n; i++) {
			const struct binding *b = &groups[g].bindings[i];

			if (is_hinted(b, read_only) && b != help && keys_find(groups, n, b->key) == b &&
			    column + hint_width(b) <= end)
				column += put_hint(s, row, column, b);
		}
	}
	if (help)
		put_hint(s, row, column, help);
}

static void
put_question(struct screen *s, int row, const struct prompt *p)
{
	int column = screen_put(s, row, 0, s->columns, STYLE_PROMPT, p->question);

	column += screen_put(s, row, column, s->columns - column, STYLE_PROMPT, " [y/N] ");
	s->cursor_row = row;
	s->cursor_column = column < s->columns ? column : s->columns - 1;
}

/* The start of the part that is shown, so that the cursor is in sight. */
static const char *
visible_part(const struct prompt *p, int columns, int *cursor)
{
	const char *start = buf_str(&p->text), *end = start + p->text.len;
	AUTO(buf) struct buf left = {0};

	buf_add(&left, start, p->cursor);
	*cursor = (int)text_width(buf_str(&left));
	while (*cursor >= columns && *cursor > 0)
		*cursor -= text_char_width(text_next(&start, end));
	return start;
}

void
frame_prompt(struct screen *s, int row, const struct prompt *p)
{
	const char *text;
	int column, cursor;

	screen_fill(s, row, 0, s->columns, STYLE_PROMPT, " ");
	if (p->mode == PROMPT_CONFIRM) {
		put_question(s, row, p);
		return;
	}
	column = screen_put(s, row, 0, s->columns, STYLE_PROMPT, p->mode == PROMPT_COMMAND ? ":" : "/");
	text = visible_part(p, s->columns - column, &cursor);
	s->cursor_row = row;
	s->cursor_column = column + cursor;
	column += screen_put(s, row, column, s->columns - column, STYLE_PROMPT, text);
	screen_put(s, row, column, s->columns - column, STYLE_SUGGEST, prompt_suggestion(p));
}

void
frame_message(struct screen *s, int row, int rows, enum style style, const char *text, const char *hint)
{
	AUTO(pane) struct pane p = {.columns = s->columns > 84 ? 80 : s->columns - 4};
	int above = rows > 6 ? 2 : 0;

	if (p.columns < 1)
		p.columns = s->columns;
	pane_add(&p, style, 0, text);
	if (hint) {
		pane_newline(&p);
		pane_add(&p, STYLE_DIM, 0, hint);
	}
	pane_draw(&p, s, row + above, (s->columns - p.columns) / 2, rows - above, p.columns, 0);
}

void
frame_more(struct screen *s, int row, int rows, int first, int lines)
{
	if (first > 0)
		screen_put(s, row, s->columns - 1, 1, STYLE_BORDER, ABOVE);
	if (first + rows < lines)
		screen_put(s, row + rows - 1, s->columns - 1, 1, STYLE_BORDER, BELOW);
}

void
frame_rule(struct screen *s, int row, int below)
{
	char more[32];
	int width;

	screen_fill(s, row, 0, s->columns, STYLE_BORDER, RULE);
	if (below <= 0)
		return;
	snprintf(more, sizeof(more), " %s %d more ", BELOW, below);
	width = (int)text_width(more);
	screen_put(s, row, s->columns - width - 1, width, STYLE_BORDER, more);
}
