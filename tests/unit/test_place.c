/* SPDX-License-Identifier: Apache-2.0 */
/* Folders are made for nobody else to look into, all that are missing; what is in the way is named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/attr.h"
#include "base/mem.h"
#include "base/place.h"

static void
folders_are_made(void **state)
{
	char root[] = "/tmp/moat-place-XXXXXX";
	struct stat st;
	struct err e = {0};

	(void)state;
	assert_non_null(mkdtemp(root));
	AUTO(free) char *deep = mem_printf("%s/a/b", root), *middle = mem_printf("%s/a", root);
	AUTO(free) char *file = mem_printf("%s/a/b/file", root), *below = mem_printf("%s/a/b/file/c", root);

	assert_true(place_make_folders(deep, &e));
	assert_true(place_make_folders(deep, &e)); /* there already */
	assert_int_equal(stat(middle, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_int_equal(stat(deep, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	fclose(fopen(file, "w"));
	assert_false(place_make_folders(below, &e));
	assert_non_null(strstr(e.msg, below));
	assert_int_equal(e.kind, ERR_OUTPUT);
	unlink(file);
	rmdir(deep);
	rmdir(middle);
	rmdir(root);
}

static void
state_is_below_home(void **state)
{
	(void)state;
	setenv("HOME", "/home/op", 1);
	unsetenv("XDG_STATE_HOME");
	AUTO(free) char *home = place_state("x");
	setenv("XDG_STATE_HOME", "relative", 1);
	AUTO(free) char *relative = place_state("x");
	setenv("XDG_STATE_HOME", "/var/state", 1);
	AUTO(free) char *xdg = place_state("x");
	unsetenv("XDG_STATE_HOME");
	unsetenv("HOME");

	assert_string_equal(home, "/home/op/.local/state/moat/x");
	assert_string_equal(relative, home);
	assert_string_equal(xdg, "/var/state/moat/x");
	assert_null(place_state("x"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(folders_are_made),
		cmocka_unit_test(state_is_below_home),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
