/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes as a skin, and as what a terminal sends to the console while it is of any size; the same bytes stand in the
 * table's cells. The first two bytes are the size.
 */
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "tests/fuzz/fuzz.h"
#include "tui/app.h"

struct fake {
	const char *text;
	size_t n;
};

static const struct column columns[] = {
	{.name = "NAME", .min = 3, .shrink = 1, .sticky = true, .sort_key = 'N'},
	{.name = "AGE", .sort = SORT_AGE, .right = true, .drop = 1},
	{.name = "COUNT", .sort = SORT_ORDER, .sort_key = 'C', .wide = true},
	{.name = "NOTE", .shrink = 2},
};

static size_t
rows(const struct view_data *v)
{
	return ((const struct fake *)v->data)->n;
}

static const char *
key(const struct view_data *v, size_t row, struct arena *a)
{
	return arena_printf(a, "%zu%s", row, v->arg);
}

static void
fill(const struct view_data *v, size_t row, struct cell *cells, struct arena *a)
{
	const char *text = ((const struct fake *)v->data)->text;
	size_t len = strlen(text);

	cells[0].text = text + (len ? row * 7 % len : 0);
	cells[1].text = arena_printf(a, "%zu%c", row, "smhdy?"[row % 6]);
	cells[2] = (struct cell){.text = row % 2 ? NULL : "x", .style = STYLE_BAD, .order = (int64_t)(row % 3)};
	cells[3].text = text;
}

static void
detail(const struct view_data *v, size_t row, struct pane *out)
{
	pane_addf(out, STYLE_DIM, (int)(row % 20), "%s %zu ", ((const struct fake *)v->data)->text, row);
	pane_tab(out, 20);
	pane_add(out, STYLE_OK, 0, v->arg);
}

static void
write_something(struct app *app)
{
	app_flash(app, STYLE_OK, "written");
}

static const struct binding bindings[] = {{'r', "write", "write", KEY_WRITES | KEY_NEEDS_ROW, write_something}};

static const char *
argument(const void *data, size_t i, struct arena *a)
{
	return i < 3 ? arena_printf(a, "%zu%s", i, ((const struct fake *)data)->text) : NULL;
}

static const struct view view = {
	.name = "fleet",
	.title = "agents",
	.columns = columns,
	.n_columns = COUNT_OF(columns),
	.bindings = bindings,
	.n_bindings = COUNT_OF(bindings),
	.rows = rows,
	.key = key,
	.fill = fill,
	.detail = detail,
	.argument = argument,
};
static const struct view *const all[] = {&view, NULL};

static const void *
data_of(void *ctx)
{
	return ctx;
}

static struct app_status
status_of(void *ctx)
{
	return (struct app_status){.state = APP_LIVE, .source = ((struct fake *)ctx)->text, .since = CLOCK_UNKNOWN};
}

static void
refresh(void *ctx)
{
	((struct fake *)ctx)->n ^= 5;
}

/* Nothing on it could act on a terminal, and a wide character has both its halves. */
static void
check_screen(const struct screen *s)
{
	check(s->cursor_row < s->rows && s->cursor_column <= s->columns);
	for (int i = 0; i < s->rows * s->columns; i++) {
		const char *at = s->cells[i].text, *end = at + strlen(at);
		bool right_half = at == end;

		check(s->cells[i].style < STYLES);
		check(!right_half || (i % s->columns > 0 && s->cells[i - 1].text[0]));
		for (uint32_t c; (c = text_next(&at, end));)
			check(text_char_safe(c));
	}
}

static void
run_keys(struct fake *f, const uint8_t *data, size_t size, struct screen *s)
{
	struct app *app = app_new(&(struct app_options){
		.source = {f, data_of, status_of, NULL, refresh}, .views = all, .start = "fleet"});
	struct input in = {0};
	int pressed;

	for (size_t i = 0; i < size && !app_ended(app); i++) {
		input_add(&in, (const char *)data + i, 1);
		while (input_next(&in, data[i] == 0, &pressed) && !app_ended(app))
			app_key(app, pressed);
		if (i % 8 == 0 || i + 1 == size) {
			app_changed(app);
			app_draw(app, s);
			check_screen(s);
		}
	}
	input_free(&in);
	app_free(app);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(arena) struct arena a = {0};
	AUTO(screen) struct screen s = {0};
	struct theme theme;
	struct err e = {0};
	struct fake f = {.n = 9};

	if (size < 2)
		return 0;
	if (!theme_parse(&theme, "skin", (const char *)data + 2, size - 2, &e))
		for (const char *at = e.msg; *at; at++)
			check((unsigned char)*at >= 0x20 && *at != 0x7f);
	f.text = arena_strndup(&a, (const char *)data + 2, size - 2 < 200 ? size - 2 : 200);
	s.ascii = data[0] & 1;
	screen_resize(&s, data[0] % 60, data[1]);
	run_keys(&f, data + 2, size - 2, &s);
	return 0;
}
