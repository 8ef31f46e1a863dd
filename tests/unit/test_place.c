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

#include <cmocka.h>

#include "base/attr.h"
#include "base/mem.h"
#include "base/place.h"
#include "tests/unit/folder.h"

static void
folders_are_made(void **state)
{
	struct stat st;
	struct err e = {0};

	(void)state;
	AUTO(free) char *deep = folder_path("a/b"), *middle = folder_path("a");
	AUTO(free) char *file = folder_path("a/b/file"), *below = folder_path("a/b/file/c");

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
		cmocka_unit_test_setup_teardown(folders_are_made, folder_make, folder_remove),
		cmocka_unit_test(state_is_below_home),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
