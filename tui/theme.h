/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Skins in the schema of k9s: a file made for k9s works as it is. A skin gives colours to the styles of styles.def;
 * what it leaves out comes from themes/moat.yaml, which is compiled in.
 */
#ifndef TUI_THEME_H
#define TUI_THEME_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "tui/color.h"

enum style {
#define STYLE(name, fg, bg, attrs, plain) STYLE_##name,
#include "tui/styles.def"
#undef STYLE
	STYLES
};

#define ATTR_BOLD 1u
#define ATTR_DIM 2u
#define ATTR_UNDERLINE 4u
#define ATTR_REVERSE 8u

struct style_look {
	struct color fg, bg;
	unsigned attrs;
	unsigned plain_attrs; /* instead of attrs and colours on a terminal without colours */
};

struct theme {
	struct style_look styles[STYLES];
};

/*
 * A skin by name or path. A path is what has a slash or ends in .yaml or .yml. A name is looked for in the folders
 * skins of $XDG_CONFIG_HOME/moat and of $XDG_CONFIG_HOME/k9s, then among those compiled in (moat, moat-light, mono).
 * NULL or "" is the default. An unknown name, bad YAML and a colour that does not exist are ERR_INPUT.
 */
bool theme_load(struct theme *t, const char *skin, struct err *e);
/* A skin held in memory; `name` is for messages. */
bool theme_parse(struct theme *t, const char *name, const char *text, size_t len, struct err *e);

#endif
