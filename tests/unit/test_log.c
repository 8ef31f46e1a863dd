/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"

static char path[] = "/tmp/moat-test-log-XXXXXX";
static char text[4096];

static const char *
content(void)
{
	int fd = open(path, O_RDONLY);
	ssize_t n = read(fd, text, sizeof(text) - 1);

	close(fd);
	text[n < 0 ? 0 : n] = '\0';
	return text;
}

static void
silent_until_opened(void **state)
{
	struct err e;

	(void)state;
	log_error("goes nowhere");
	assert_true(log_open(path, LOG_WARN, &e));
	assert_string_equal(content(), "");
}

static void
levels(void **state)
{
	(void)state;
	log_info("too quiet");
	log_warn("list pods: %d lost", 3);
	log_error("connect");
	assert_string_equal(content(),
			    "2026-01-02T03:04:05Z warn list pods: 3 lost\n2026-01-02T03:04:05Z error connect\n");
}

static void
one_safe_line(void **state)
{
	(void)state;
	log_error("a\nb\x1b[2J");
	assert_non_null(strstr(content(), "error a\\nb\\x1b[2J\n"));
}

static void
kept_to_its_owner(void **state)
{
	struct stat st;
	struct err e;

	(void)state;
	log_close();
	unlink(path);
	assert_true(log_open(path, LOG_DEBUG, &e));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	log_close();
	log_error("after the end");
	assert_string_equal(content(), "");
}

static void
bad_path(void **state)
{
	struct err e = {0};

	(void)state;
	assert_false(log_open("/nonexistent/moat.log", LOG_INFO, &e));
	assert_int_equal(e.kind, ERR_OUTPUT);
	assert_non_null(strstr(e.msg, "/nonexistent/moat.log"));
}

static int
setup(void **state)
{
	int fd = mkstemp(path);

	(void)state;
	setenv("MOAT_NOW", "2026-01-02T03:04:05Z", 1);
	umask(0);
	return fd < 0 ? -1 : close(fd);
}

static int
teardown(void **state)
{
	(void)state;
	return unlink(path);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(silent_until_opened), cmocka_unit_test(levels),   cmocka_unit_test(one_safe_line),
		cmocka_unit_test(kept_to_its_owner),   cmocka_unit_test(bad_path),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
