/* SPDX-License-Identifier: Apache-2.0 */
#include "tui/theme.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/embed.h"
#include "base/node.h"
#include "base/reader.h"
#include "base/str.h"
#include "base/yaml.h"

#define DEFAULT_SKIN "moat"
#define MAX_SKIN (1024 * 1024) /* bytes of a file; real ones have 4 KiB */
#define LEGIBLE 1.5 /* the least contrast of text on its background */

extern const struct embedded_file skin_files[];

static const struct {
	const char *fg, *bg;
	unsigned attrs, plain_attrs;
} definitions[STYLES] = {
#define STYLE(name, fg, bg, attrs, plain) [STYLE_##name] = {fg, bg, attrs, plain},
#include "tui/styles.def"
#undef STYLE
};

/* Where "frame.border.fgColor" stands; NULL when the skin says nothing. */
static const struct node *
find_value(const struct node *root, const char *path, size_t len)
{
	char one[64];
	const struct node *n;

	if (len >= sizeof(one))
		return NULL;
	memcpy(one, path, len);
	one[len] = '\0';
	n = node_path(root, one);
	return n && n->type != NODE_NULL ? n : NULL;
}

/* The first of the paths that the skin has. Leaves *out alone when it has none. */
static bool
read_color(const struct node *root, const char *paths, const char *name, struct color *out, struct err *e)
{
	while (*paths) {
		size_t len = strcspn(paths, " ");
		const struct node *n = find_value(root, paths, len);
		const char *text = node_text(n);

		if (n && (!text || !color_parse(text, out)))
			return err_set(
				e, ERR_INPUT, 0,
				"%s:%u: %.*s: %s%s%s is no colour: write \"#rrggbb\", a CSS colour name or default",
				name, n->line, (int)len, paths, text ? "\"" : "", text ? text : node_type_name(n),
				text ? "\"" : "");
		if (n)
			return true;
		paths += len + (paths[len] == ' ');
	}
	return true;
}

static bool
read_styles(struct theme *t, const struct node *root, const char *name, struct err *e)
{
	for (int i = 0; i < STYLES; i++) {
		struct style_look *look = &t->styles[i];

		if (!read_color(root, definitions[i].fg, name, &look->fg, e) ||
		    !read_color(root, definitions[i].bg, name, &look->bg, e))
			return false;
		look->attrs = definitions[i].attrs;
		look->plain_attrs = definitions[i].plain_attrs;
	}
	return true;
}

static bool
same_color(struct color a, struct color b)
{
	return a.set == b.set && (!a.set || a.rgb == b.rgb);
}

/* Skins leave things out and are seldom tried on every screen: what they cannot mean is put right here. */
static void
make_legible(struct theme *t)
{
	struct style_look *cursor = &t->styles[STYLE_CURSOR];

	for (int i = 0; i < STYLES; i++) {
		struct style_look *look = &t->styles[i];

		if (!look->fg.set && !look->bg.set)
			look->attrs = look->plain_attrs;
		if (i != STYLE_BORDER && look->fg.set && look->bg.set &&
		    color_contrast(look->fg.rgb, look->bg.rgb) < LEGIBLE)
			look->fg.rgb =
				color_contrast(0x000000, look->bg.rgb) > color_contrast(0xffffff, look->bg.rgb)
					? 0x000000
					: 0xffffff;
	}
	if (same_color(cursor->bg, t->styles[STYLE_CELL].bg))
		cursor->attrs |= ATTR_REVERSE;
}

static bool
parse_over(struct theme *t, const char *name, const char *text, size_t len, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct node *doc = NULL;
	const struct node *root;

	if (!yaml_parse(&a, name, text, len, false, &doc, e))
		return false;
	root = node_get(doc, "k9s");
	if (!root || root->type != NODE_MAP)
		return err_set(e, ERR_INPUT, 0, "%s: no skin: it has no mapping k9s: at its top", name);
	return read_styles(t, root, name, e);
}

static const struct embedded_file *
find_embedded(const char *name)
{
	for (const struct embedded_file *f = skin_files; f->name; f++) {
		size_t len = strlen(f->name) - strlen(".yaml");

		if (strncmp(f->name, name, len) == 0 && name[len] == '\0')
			return f;
	}
	return NULL;
}

bool
theme_parse(struct theme *t, const char *name, const char *text, size_t len, struct err *e)
{
	const struct embedded_file *base = find_embedded(DEFAULT_SKIN);
	struct theme made = {0};

	if (!parse_over(&made, base->name, (const char *)base->data, base->len, e) ||
	    !parse_over(&made, name, text, len, e))
		return false;
	make_legible(&made);
	*t = made;
	return true;
}

static bool
read_file(const char *path, struct buf *out, struct err *e)
{
	struct reader *r = reader_open(path, e);
	bool ok = r != NULL;
	size_t got = 1;

	while (ok && got) {
		ok = reader_read(r, buf_reserve(out, 65536), 65536, &got, e);
		out->len += ok ? got : 0;
		if (ok && out->len > MAX_SKIN)
			ok = err_set(e, ERR_INPUT, 0, "%s: larger than a skin can be (%d bytes)", path, MAX_SKIN);
	}
	reader_close(r);
	return ok;
}

static bool
load_file(struct theme *t, const char *path, struct err *e)
{
	AUTO(buf) struct buf text = {0};

	return read_file(path, &text, e) && theme_parse(t, path, buf_str(&text), text.len, e);
}

/* Puts the path of PROGRAM's skin into out, if there is such a file. */
static bool
find_user_skin(const char *program, const char *name, const char *suffix, struct buf *out)
{
	const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");

	buf_clear(out);
	if (config && *config)
		buf_addf(out, "%s/%s/skins/%s%s", config, program, name, suffix);
	else if (home && *home)
		buf_addf(out, "%s/.config/%s/skins/%s%s", home, program, name, suffix);
	else
		return false;
	return access(buf_str(out), R_OK) == 0;
}

static bool
unknown_skin(const char *name, struct err *e)
{
	AUTO(buf) struct buf known = {0};

	for (const struct embedded_file *f = skin_files; f->name; f++)
		buf_addf(&known, "%s%.*s", known.len ? ", " : "", (int)(strlen(f->name) - strlen(".yaml")),
			 f->name);
	return err_set(e, ERR_INPUT, 0,
		       "no skin %s: not in the skins folder of moat's or k9s's configuration, and none of %s", name,
		       buf_str(&known));
}

bool
theme_load(struct theme *t, const char *skin, struct err *e)
{
	const char *name = skin && *skin ? skin : DEFAULT_SKIN;
	const struct embedded_file *f = find_embedded(name);
	AUTO(buf) struct buf path = {0};

	if (strchr(name, '/') || str_ends(name, ".yaml") || str_ends(name, ".yml"))
		return load_file(t, name, e);
	if (find_user_skin("moat", name, ".yaml", &path) || find_user_skin("k9s", name, ".yaml", &path) ||
	    find_user_skin("k9s", name, ".yml", &path))
		return load_file(t, buf_str(&path), e);
	return f ? theme_parse(t, f->name, (const char *)f->data, f->len, e) : unknown_skin(name, e);
}
