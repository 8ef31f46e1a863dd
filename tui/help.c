/* SPDX-License-Identifier: Apache-2.0 */
#include "tui/help.h"

#include <string.h>

#include "base/buf.h"
#include "base/text.h"
#include "base/vec.h"

#define GAP 3 /* blanks between two columns of help */

/* One line: a heading, or keys and what they do. */
struct line {
	const char *heading;
	const char *keys, *help;
};

struct lines {
	struct line *at;
	size_t n, cap;
	int keys_width, help_width;
};

static void
add_line(struct lines *l, struct line line)
{
	int keys = line.keys ? (int)text_width(line.keys) : 0, help = line.help ? (int)text_width(line.help) : 0;

	l->keys_width = keys > l->keys_width ? keys : l->keys_width;
	l->help_width = help > l->help_width ? help : l->help_width;
	vec_push(l, line);
}

static void
add_heading(struct lines *l, const char *title)
{
	if (l->n)
		add_line(l, (struct line){0});
	add_line(l, (struct line){.heading = title});
}

/* "j, down": the key and the hidden ones of the same function. */
static const char *
all_keys(const struct key_group *g, const struct binding *b, struct arena *a)
{
	AUTO(buf) struct buf text = {0};
	char name[16];

	input_key_name(b->key, name);
	buf_adds(&text, name);
	for (size_t i = 0; i < g->n; i++) {
		const struct binding *other = &g->bindings[i];

		if (!(other->flags & KEY_HIDDEN) || other->fn != b->fn)
			continue;
		input_key_name(other->key, name);
		buf_addf(&text, ", %s", name);
	}
	return arena_strdup(a, buf_str(&text));
}

static void
add_group(struct lines *l, const struct key_group *g, struct arena *a)
{
	if (!g->n)
		return;
	add_heading(l, g->title);
	for (size_t i = 0; i < g->n; i++) {
		const struct binding *b = &g->bindings[i];

		if (!(b->flags & KEY_HIDDEN))
			add_line(l, (struct line){.keys = all_keys(g, b, a), .help = b->help});
	}
}

static void
add_sort_keys(struct lines *l, const struct view *view, struct arena *a)
{
	bool first = true;

	for (size_t i = 0; view && i < view->n_columns; i++) {
		char name[16];

		if (!view->columns[i].sort_key)
			continue;
		if (first)
			add_heading(l, "sort by (again: the other way)");
		first = false;
		input_key_name(view->columns[i].sort_key, name);
		add_line(l, (struct line){.keys = arena_strdup(a, name), .help = view->columns[i].name});
	}
}

static void
draw_line(struct screen *s, const struct lines *l, const struct line *line, int row, int column, int columns)
{
	if (line->heading) {
		screen_put(s, row, column, columns, STYLE_HELP_SECTION, line->heading);
	} else if (line->keys) {
		screen_put(s, row, column, columns, STYLE_HELP_KEY, line->keys);
		screen_put(s, row, column + l->keys_width + 2, columns - l->keys_width - 2, STYLE_HELP, line->help);
	}
}

int
help_draw(struct screen *s, const struct key_group *groups, size_t n, const struct view *view, int row, int rows,
	  int *first)
{
	AUTO(arena) struct arena a = {0};
	struct lines l = {0};
	int width, across, down;

	for (size_t i = 0; i < n; i++)
		add_group(&l, &groups[i], &a);
	add_sort_keys(&l, view, &a);
	width = l.keys_width + 2 + l.help_width + GAP;
	across = (s->columns - 1 + GAP) / width;
	across = across < 1 ? 1 : across;
	down = ((int)l.n + across - 1) / across;
	*first = *first > down - rows ? down - rows : *first;
	*first = *first < 0 ? 0 : *first;
	for (int y = 0; y < rows; y++)
		screen_fill(s, row + y, 0, s->columns, STYLE_HELP, " ");
	for (int i = 0; i < (int)l.n; i++) {
		int y = i % down - *first;

		if (y >= 0 && y < rows)
			draw_line(s, &l, &l.at[i], row + y, 1 + i / down * width,
				  across == 1 ? s->columns - 1 : width - GAP);
	}
	vec_free(&l);
	return down;
}
