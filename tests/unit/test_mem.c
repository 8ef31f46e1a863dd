/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/vec.h"

static void
never_null(void **state)
{
	static const char zeros[16];
	AUTO(free) char *a = mem_alloc(16);
	AUTO(free) char *none = mem_array(0, 8);
	AUTO(free) char *grown = mem_grow(NULL, 0, 0);

	(void)state;
	assert_memory_equal(a, zeros, 16);
	assert_non_null(none);
	assert_non_null(grown);
}

static void
strings(void **state)
{
	AUTO(free) char *part = mem_strndup("abcdef", 3);
	AUTO(free) char *text = mem_printf("%s-%d", "x", 7);

	(void)state;
	assert_null(mem_strdup(NULL));
	assert_string_equal(part, "abc");
	assert_string_equal(text, "x-7");
}

static void
vectors(void **state)
{
	VEC(int) v = {0};

	(void)state;
	for (int i = 0; i < 1000; i++)
		vec_push(&v, i);
	assert_int_equal(v.n, 1000);
	assert_int_equal(v.at[999], 999);
	vec_free(&v);
	assert_null(v.at);
}

static int out;

static void
hook(void)
{
	ssize_t done UNUSED = write(out, "hook ", 5);
}

static void
overflow(void)
{
	mem_grow(NULL, SIZE_MAX / 2, 3);
}

static void
said_so(void)
{
	die("no %s", "luck");
}

/* Runs fn in a child whose stderr is a pipe; what it said comes back in text. */
static int
run_child(void (*fn)(void), char text[64])
{
	int pipes[2], status;
	size_t len = 0;
	ssize_t n;
	pid_t pid;

	assert_int_equal(pipe(pipes), 0);
	fflush(stdout); /* or the child's exit prints it again */
	pid = fork();
	if (pid == 0) {
		out = pipes[1];
		dup2(pipes[1], STDERR_FILENO);
		mem_on_die(hook);
		fn();
		_exit(0);
	}
	close(pipes[1]);
	while ((n = read(pipes[0], text + len, 63 - len)) > 0)
		len += (size_t)n;
	text[len] = '\0';
	close(pipes[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void
dying(void **state)
{
	char text[64];

	(void)state;
	assert_int_equal(run_child(said_so, text), 70);
	assert_string_equal(text, "hook moat: no luck\n");
	assert_int_equal(run_child(overflow, text), 70);
	assert_string_equal(text, "hook moat: out of memory\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(never_null),
		cmocka_unit_test(strings),
		cmocka_unit_test(vectors),
		cmocka_unit_test(dying),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
