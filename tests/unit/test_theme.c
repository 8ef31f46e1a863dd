/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/mem.h"
#include "tests/unit/folder.h"
#include "tui/theme.h"

static void
check_color(const char *text, bool set, uint32_t rgb)
{
	struct color c = {true, 1};

	assert_true(color_parse(text, &c));
	assert_int_equal(c.set, set);
	assert_int_equal(c.rgb, rgb);
}

static void
colors(void **state)
{
	static const char *const bad[] = {"",	     "#",	   "#12345",	 "#1234567",
					  "#12345g", "background", "rgb(1,2,3)", "reddish"};
	struct color c = {true, 7};

	(void)state;
	check_color("#50fa7b", true, 0x50fa7b);
	check_color("#FFF", true, 0xffffff);
	check_color("default", false, 0);
	check_color("-", false, 0);
	check_color("aliceblue", true, 0xf0f8ff); /* the first, the last, one between */
	check_color("yellowgreen", true, 0x9acd32);
	check_color("CadetBlue", true, 0x5f9ea0);
	check_color("grey", true, 0x808080);
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		assert_false(color_parse(bad[i], &c));
	assert_int_equal(c.rgb, 7);
}

static void
nearest_colors(void **state)
{
	(void)state;
	assert_int_equal(color_nearest(0x800000, 256), 1); /* maroon is the user's own red */
	assert_int_equal(color_nearest(0x810000, 256), 88); /* what is close to it is not */
	assert_int_equal(color_nearest(0x005f87, 256), 24);
	assert_int_equal(color_nearest(0x767676, 256), 243);
	assert_int_equal(color_nearest(0xff5555, 16), 9);
	assert_int_equal(color_nearest(0x008700, 16), 2);
	assert_int_equal(color_nearest(0xd70000, 8), 1);
	assert_int_equal(color_nearest(0xffffff, 8), 7);
	assert_int_equal(color_nearest(0x000000, 8), 0);
}

static void
contrasts(void **state)
{
	(void)state;
	assert_true(color_contrast(0x000000, 0xffffff) > 20);
	assert_true(color_contrast(0xffffff, 0x000000) > 20);
	assert_true(color_contrast(0x123456, 0x123456) == 1);
}

#define PARSE(t, text, e) theme_parse(t, "skin.yaml", text, strlen(text), e)

/* Written as k9s users write theirs: anchors, aliases, keys that moat does not use, lists of colours. */
static const char skin[] = "fg: &fg \"#f8f8f2\"\n"
			   "bg: &bg \"#282a36\"\n"
			   "green: &green \"#50fa7b\"\n"
			   "orange: &orange \"#ffb86c\"\n"
			   "k9s:\n"
			   "  body:\n"
			   "    fgColor: *fg\n"
			   "    bgColor: *bg\n"
			   "    logoColor: mediumpurple\n"
			   "  frame:\n"
			   "    menu:\n"
			   "      fgColor:\n"
			   "      fgStyle: dim\n"
			   "    status:\n"
			   "      addColor: *green\n"
			   "      highlightColor: *orange\n"
			   "      errorColor: orangered\n"
			   "  views:\n"
			   "    charts:\n"
			   "      bgColor: background\n"
			   "      defaultDialColors:\n"
			   "        - linegreen\n"
			   "    table:\n"
			   "      fgColor: *fg\n"
			   "      bgColor: *bg\n"
			   "    xray:\n"
			   "      showIcons: false\n";

static void
k9s_skins(void **state)
{
	struct theme t;
	struct err e = {0};

	(void)state;
	if (!PARSE(&t, skin, &e))
		fail_msg("%s", e.msg);
	assert_int_equal(t.styles[STYLE_BODY].fg.rgb, 0xf8f8f2);
	assert_int_equal(t.styles[STYLE_LOGO].fg.rgb, 0x9370db);
	assert_int_equal(t.styles[STYLE_LOGO].bg.rgb, 0x282a36);
	assert_int_equal(t.styles[STYLE_OK].fg.rgb, 0x50fa7b);
	assert_int_equal(t.styles[STYLE_BAD].fg.rgb, 0xff4500);
	assert_int_equal(t.styles[STYLE_BAD].attrs, ATTR_BOLD);
	assert_false(t.styles[STYLE_MENU].fg.set); /* null is not given: moat's own */
	assert_int_equal(t.styles[STYLE_CURSOR].bg.rgb, 0x005f87); /* left out: moat's own */
}

/* A status that a skin lacks is taken from its own next best, before moat's. */
static void
warnings_have_a_second_choice(void **state)
{
	struct theme t;

	(void)state;
	assert_true(PARSE(&t, skin, NULL));
	assert_int_equal(t.styles[STYLE_WARN].fg.rgb, 0xffb86c);
	assert_true(PARSE(&t, "k9s: {frame: {status: {pendingColor: navy, highlightColor: red}}}", NULL));
	assert_int_equal(t.styles[STYLE_WARN].fg.rgb, 0x000080);
}

static void
check_error(const char *text, const char *want)
{
	struct theme t = {.styles[0].attrs = 77};
	struct err e = {0};

	assert_false(PARSE(&t, text, &e));
	assert_int_equal(e.kind, ERR_INPUT);
	if (!strstr(e.msg, want) || strchr(e.msg, '\x1b'))
		fail_msg("\"%s\" is not in \"%s\"", want, e.msg);
	assert_int_equal(t.styles[0].attrs, 77); /* untouched */
}

static void
bad_skins(void **state)
{
	(void)state;
	check_error("k9s:\n  body:\n    fgColor: blurple\n", "skin.yaml:3: body.fgColor: \"blurple\"");
	check_error("k9s:\n  body:\n    bgColor: [red]\n", "skin.yaml:3: body.bgColor: a list");
	check_error("k9s:\n  body:\n    fgColor: \"\\e[2J\"\n", "\\x1b[2J"); /* shown, not sent */
	check_error("", "no mapping k9s:");
	check_error("k9s: red\n", "no mapping k9s:");
	check_error("body: {}\n", "no mapping k9s:");
	check_error("k9s: {\n", "skin.yaml:");
}

static void
what_cannot_be_read_is_put_right(void **state)
{
	struct theme t;

	(void)state;
	assert_true(PARSE(&t, "k9s: {views: {table: {cursorFgColor: '#fff', cursorBgColor: '#ebdbb2'}}}", NULL));
	assert_int_equal(t.styles[STYLE_CURSOR].fg.rgb, 0x000000);
	assert_true(PARSE(&t, "k9s: {body: {fgColor: '#222', bgColor: black}}", NULL));
	assert_int_equal(t.styles[STYLE_BODY].fg.rgb, 0xffffff);
	/* a cursor that looks like any other row is turned round */
	assert_true(PARSE(&t, "k9s: {views: {table: {cursorBgColor: default}}}", NULL));
	assert_int_equal(t.styles[STYLE_CURSOR].attrs & ATTR_REVERSE, ATTR_REVERSE);
}

static void
built_in_skins(void **state)
{
	struct theme t;
	struct err e = {0};

	(void)state;
	assert_true(theme_load(&t, NULL, &e));
	assert_false(t.styles[STYLE_CELL].fg.set);
	assert_false(t.styles[STYLE_CELL].bg.set);
	assert_true(theme_load(&t, "moat-light", &e));
	assert_true(t.styles[STYLE_CELL].bg.set);
	assert_true(theme_load(&t, "mono", &e));
	for (int i = 0; i < STYLES; i++) {
		assert_false(t.styles[i].fg.set);
		assert_false(t.styles[i].bg.set);
	}
	assert_int_equal(t.styles[STYLE_BAD].attrs, ATTR_BOLD | ATTR_UNDERLINE);
	assert_false(theme_load(&t, "nosuch", &e));
	assert_non_null(strstr(e.msg, "no skin nosuch"));
	assert_non_null(strstr(e.msg, "moat, moat-light, mono"));
}

/* Of what stands on a light and of what stands on a dark terminal alike. */
static void
default_skin_is_legible_on_both(void **state)
{
	struct theme t;

	(void)state;
	assert_true(theme_load(&t, "moat", NULL));
	for (int i = 0; i < STYLES; i++) {
		const struct style_look *l = &t.styles[i];

		if (!l->fg.set)
			continue;
		assert_true(color_contrast(l->fg.rgb, l->bg.set ? l->bg.rgb : 0xffffff) > 3);
		assert_true(color_contrast(l->fg.rgb, l->bg.set ? l->bg.rgb : 0x101010) > 2.5);
	}
}

static void
make_folder(const char *path)
{
	AUTO(free) char *full = folder_path(path);

	assert_int_equal(mkdir(full, 0700), 0);
}

static void
skins_of_the_user(void **state)
{
	AUTO(free) char *path = folder_path("one.yml");
	struct theme t;
	struct err e = {0};

	(void)state;
	setenv("XDG_CONFIG_HOME", folder, 1);
	make_folder("moat");
	make_folder("moat/skins");
	make_folder("k9s");
	make_folder("k9s/skins");
	free(folder_file("k9s/skins/mine.yaml", "k9s: {body: {fgColor: red}}"));
	free(folder_file("moat/skins/moat.yaml", "k9s: {body: {fgColor: lime}}"));
	free(folder_file("one.yml", "k9s: {body: {fgColor: blue}}"));
	assert_true(theme_load(&t, "mine", &e));
	assert_int_equal(t.styles[STYLE_BODY].fg.rgb, 0xff0000);
	assert_true(theme_load(&t, "moat", &e)); /* one's own goes before the one compiled in */
	assert_int_equal(t.styles[STYLE_BODY].fg.rgb, 0x00ff00);
	assert_true(theme_load(&t, path, &e));
	assert_int_equal(t.styles[STYLE_BODY].fg.rgb, 0x0000ff);
	assert_false(theme_load(&t, "./nosuch.yaml", &e));
	assert_non_null(strstr(e.msg, "nosuch.yaml"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(colors),
		cmocka_unit_test(nearest_colors),
		cmocka_unit_test(contrasts),
		cmocka_unit_test(k9s_skins),
		cmocka_unit_test(warnings_have_a_second_choice),
		cmocka_unit_test(bad_skins),
		cmocka_unit_test(what_cannot_be_read_is_put_right),
		cmocka_unit_test(built_in_skins),
		cmocka_unit_test(default_skin_is_legible_on_both),
		cmocka_unit_test(skins_of_the_user),
	};

	return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
