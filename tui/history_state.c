/* SPDX-License-Identifier: Apache-2.0 */
#include "tui/history_state.h"

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"

static bool
has_something(const struct history_view *h)
{
	return h->n_runs || h->n_actions || h->n_strips;
}

bool
history_state_load(struct view_data *v, struct err *e)
{
	const struct history_view *h = v->history;

	if (!h)
		return err_set(
			e, ERR_USAGE, 0,
			"nothing is kept of what is shown here: moat demo has no history, nor has --no-store");
	if (h->error && !has_something(h))
		return err_set(e, ERR_INPUT, 0, "%s", h->error);
	return true;
}

const char *
history_state_pending(const struct view_data *v, struct arena *a)
{
	return v->history->loading
		       ? arena_printf(a, "reading %s", v->history->path ? v->history->path : "the history")
		       : NULL;
}

size_t
history_state_notes(const struct history_view *h, size_t left_out, struct cell *cells, size_t max, struct arena *a)
{
	size_t n = 0;

	if (left_out && n < max)
		cells[n++] = (struct cell){.text = arena_printf(a, "%zu more are kept: moat history", left_out),
					   .style = STYLE_DIM};
	if (h->error && n < max)
		cells[n++] =
			(struct cell){.text = arena_printf(a, "not the newest: %s", h->error), .style = STYLE_WARN};
	return n;
}

struct cell
cell_time(int64_t at, struct arena *a)
{
	char text[24];

	clock_format(at, text);
	text[strcspn(text, "TZ")] = ' ';
	return (struct cell){.text = arena_strndup(a, text, strcspn(text, "Z"))};
}

struct cell
cell_took(int64_t ms, struct arena *a)
{
	char age[8];

	if (ms < 0)
		return (struct cell){.text = "-", .style = STYLE_DIM};
	if (ms < 10000)
		return (struct cell){
			.text = arena_printf(a, "%" PRId64 ".%" PRId64 "s", ms / 1000, ms % 1000 / 100)};
	str_age(ms / 1000, age);
	return (struct cell){.text = arena_strdup(a, age)};
}
