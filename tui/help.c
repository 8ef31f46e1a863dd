/* SPDX-License-Identifier: Apache-2.0 */
#include "tui/help.h"

#include <string.h>

#include "base/buf.h"
#include "base/text.h"
#include "base/vec.h"
#include "tui/frame.h"

#define GAP 3 /* blanks between two columns of help */
#define MOST_ACROSS 4 /* columns of help */

/* One line: a heading, or keys and what they do. */
struct line {
	const char *heading;
	const char *keys, *help;
};

struct lines {
	struct line *at;
	size_t n, cap;
};

static void
add_heading(struct lines *l, const char *title)
{
	if (l->n)
		vec_push(l, (struct line){0});
	vec_push(l, (struct line){.heading = title});
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
			vec_push(l, (struct line){.keys = all_keys(g, b, a), .help = b->help});
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
		vec_push(l, (struct line){.keys = arena_strdup(a, name), .help = view->columns[i].name});
	}
}

/* Where `:` leads. */
static void
add_screens(struct lines *l, const struct view *const *views, struct arena *a)
{
	if (!views || !*views)
		return;
	add_heading(l, "screens");
	for (; *views; views++)
		vec_push(l, (struct line){.keys = arena_printf(a, ":%s", (*views)->name), .help = (*views)->title});
}

static int
max_width(int width, const char *text)
{
	int other = text ? (int)text_width(text) : 0;

	return other > width ? other : width;
}

/* The lines side by side: `across` columns of `down` lines, each as wide as it needs. */
struct layout {
	int across, down;
	int keys[MOST_ACROSS], width[MOST_ACROSS];
};

static bool
fits(const struct lines *l, int columns, int across, struct layout *out)
{
	int sum = 1 - GAP;

	*out = (struct layout){.across = across, .down = ((int)l->n + across - 1) / across};
	for (int c = 0; c < across; c++) {
		int help = 0, heading = 0;

		for (int i = c * out->down; i < (int)l->n && i < (c + 1) * out->down; i++) {
			out->keys[c] = max_width(out->keys[c], l->at[i].keys);
			help = max_width(help, l->at[i].help);
			heading = max_width(heading, l->at[i].heading);
		}
		out->width[c] = out->keys[c] + 2 + help > heading ? out->keys[c] + 2 + help : heading;
		sum += out->width[c] + GAP;
	}
	return sum <= columns;
}

static void
draw_column(struct screen *s, const struct lines *l, const struct layout *layout, int c, int x, int row, int rows,
	    int first)
{
	int keys = layout->keys[c];

	for (int i = 0; i < layout->down && c * layout->down + i < (int)l->n; i++) {
		const struct line *line = &l->at[c * layout->down + i];
		int y = row + i - first;

		if (i < first || i - first >= rows)
			continue;
		if (line->heading) {
			screen_put(s, y, x, s->columns - x, STYLE_HELP_SECTION, line->heading);
		} else if (line->keys) {
			screen_put(s, y, x, keys, STYLE_HELP_KEY, line->keys);
			screen_put(s, y, x + keys + 2, s->columns - x - keys - 2, STYLE_HELP, line->help);
		}
	}
}

void
help_draw(struct screen *s, const struct key_group *groups, size_t n, const struct view *view,
	  const struct view *const *views, int row, int rows, int *first)
{
	AUTO(arena) struct arena a = {0};
	struct lines l = {0};
	struct layout layout;
	int across = MOST_ACROSS, x = 1;

	for (size_t i = 0; i < n; i++)
		add_group(&l, &groups[i], &a);
	add_sort_keys(&l, view, &a);
	add_screens(&l, views, &a);
	while (!fits(&l, s->columns, across, &layout) && across > 1)
		across--;
	*first = *first > layout.down - rows ? layout.down - rows : *first;
	*first = *first < 0 ? 0 : *first;
	for (int y = 0; y < rows; y++)
		screen_fill(s, row + y, 0, s->columns, STYLE_HELP, " ");
	for (int c = 0; c < layout.across; c++) {
		draw_column(s, &l, &layout, c, x, row, rows, *first);
		x += layout.width[c] + GAP;
	}
	frame_more(s, row, rows, *first, layout.down);
	vec_free(&l);
}

void
help_markdown(struct buf *out, const struct key_group *g)
{
	AUTO(arena) struct arena a = {0};

	if (!g->n)
		return;
	buf_addf(out, "\n## %s\n\n| key | |\n| --- | --- |\n", g->title);
	for (size_t i = 0; i < g->n; i++) {
		const struct binding *b = &g->bindings[i];

		if (!(b->flags & KEY_HIDDEN))
			buf_addf(out, "| %s | %s |\n", all_keys(g, b, &a), b->help ? b->help : b->name);
	}
}

void
help_screens_markdown(struct buf *out, const struct view *const *views)
{
	buf_adds(out, "\n## screens\n\n| command | or | |\n| --- | --- | --- |\n");
	for (; *views; views++)
		buf_addf(out, "| `:%s` | %s | %s |\n", (*views)->name, (*views)->aliases ? (*views)->aliases : "",
			 (*views)->title);
}
