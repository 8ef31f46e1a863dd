/* SPDX-License-Identifier: Apache-2.0 */
/* What app.c and app_draw.c share: the console's state, and nobody else's business. */
#ifndef TUI_APP_STATE_H
#define TUI_APP_STATE_H

#include "base/arena.h"
#include "base/buf.h"
#include "tui/app.h"
#include "tui/keys.h"
#include "tui/operation_dialog.h"
#include "tui/prompt.h"
#include "tui/table.h"

#define APP_DEPTH 16

/* What is shown in place of the table; both scroll, and esc leaves them. */
enum page { PAGE_NONE, PAGE_HELP, PAGE_DETAILS };

struct app {
	struct app_options options;
	void (*changed)(void *ctx);
	void *changed_ctx;

	struct table *stack[APP_DEPTH]; /* the last one is on top */
	size_t depth;
	struct {
		char **at;
		size_t n, cap;
	} places; /* commands that lead to where one was, oldest first */
	size_t place; /* the one shown */
	char *last_place; /* the one before */

	struct prompt prompt;
	char *filter_before; /* the filter when `/` was pressed: esc brings it back */
	const struct binding *asked; /* what a yes runs */
	struct arena names; /* of the line that completion looks at */
	bool pasting;

	struct operation_dialog *operation; /* NULL: the source's objects cannot be changed */

	enum page page;
	int page_first; /* the line at its top */
	int page_rows;
	bool no_header;
	bool ended;

	struct buf flash;
	enum style flash_style;
	int64_t flash_until; /* clock_ms() */
};

/* The view's keys, the general ones, and those that move and sort. */
#define APP_KEY_GROUPS 3
void app_key_groups(const struct app *app, struct key_group out[APP_KEY_GROUPS]);
/* Those that come first while a page is shown. */
struct key_group app_page_keys(void);

/* When no message is shown, the next that the source has to tell. */
void app_next_notice(struct app *app);

/* NULL before the first screen. */
static inline struct table *
app_top(const struct app *app)
{
	return app->depth ? app->stack[app->depth - 1] : NULL;
}

static inline const struct app_data_source *
app_source(const struct app *app)
{
	return &app->options.source;
}

#endif
