/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/reader.h"

static bool
read_all(struct reader *r, size_t size, struct buf *out, struct err *e)
{
	for (;;) {
		size_t got;

		if (!reader_read(r, buf_reserve(out, size), size, &got, e))
			return false;
		if (!got)
			break;
		assert_true(got <= size);
		out->len += got;
	}
	/* The end stays the end. */
	{
		size_t got = 1;

		assert_true(reader_read(r, buf_reserve(out, size), size, &got, e));
		assert_int_equal(got, 0);
	}
	return true;
}

static void
gzip(struct buf *out, const void *data, size_t len)
{
	z_stream z = {0};
	uLong bound;

	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
	bound = deflateBound(&z, len);
	z.next_in = (Bytef *)data;
	z.avail_in = (uInt)len;
	z.next_out = (Bytef *)buf_reserve(out, bound);
	z.avail_out = (uInt)bound;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	out->len += bound - z.avail_out;
	deflateEnd(&z);
}

/* Text that shrinks, and yet is no simple repetition. */
static void
sample(struct buf *out, size_t lines)
{
	unsigned state = 1;

	for (size_t i = 0; i < lines; i++) {
		state = state * 1103515245 + 12345;
		buf_addf(out, "line %zu of the sample, %u\n", i, state >> 8);
	}
}

/* What is read has to be `want`, however the bytes arrive. */
static void
check_memory(const struct buf *stored, const struct buf *want)
{
	static const size_t limits[] = {0, 1, 2, 3, 17, 4096};
	static const size_t sizes[] = {1, 7, 100000};

	for (size_t i = 0; i < COUNT_OF(limits); i++) {
		for (size_t j = 0; j < COUNT_OF(sizes); j++) {
			AUTO(reader) struct reader *r = reader_open_memory("m", stored->data, stored->len);
			AUTO(buf) struct buf got = {0};
			struct err e;

			reader_limit(r, limits[i]);
			if (!read_all(r, sizes[j], &got, &e))
				fail_msg("%s", e.msg);
			assert_int_equal(got.len, want->len);
			assert_memory_equal(buf_str(&got), buf_str(want), want->len);
		}
	}
}

static void
memory(void **state)
{
	AUTO(buf) struct buf text = {0};

	(void)state;
	check_memory(&text, &text);
	buf_addc(&text, 'x');
	check_memory(&text, &text);
	buf_clear(&text);
	buf_addc(&text, '\x1f'); /* half of gzip's magic */
	check_memory(&text, &text);
	sample(&text, 3000);
	check_memory(&text, &text);
}

static void
gzipped_memory(void **state)
{
	AUTO(buf) struct buf text = {0};
	AUTO(buf) struct buf stored = {0};

	(void)state;
	gzip(&stored, "", 0);
	check_memory(&stored, &text);
	sample(&text, 3000);
	buf_clear(&stored);
	gzip(&stored, text.data, text.len);
	assert_true(stored.len < text.len);
	check_memory(&stored, &text);
}

/* As `cat a.gz b.gz` makes them; an empty one in the middle. */
static void
gzip_members(void **state)
{
	AUTO(buf) struct buf text = {0};
	AUTO(buf) struct buf stored = {0};

	(void)state;
	sample(&text, 100);
	gzip(&stored, text.data, text.len);
	gzip(&stored, "", 0);
	gzip(&stored, "and more", 8);
	buf_adds(&text, "and more");
	check_memory(&stored, &text);
}

/* zlib may hold back output when its input is used up: a window much smaller than what one byte gives. */
static void
gzip_of_a_long_run(void **state)
{
	AUTO(buf) struct buf text = {0};
	AUTO(buf) struct buf stored = {0};

	(void)state;
	buf_fill(&text, 'a', 200000);
	gzip(&stored, text.data, text.len);
	check_memory(&stored, &text);
}

static void
expect_error(const struct buf *stored, size_t len, const char *want)
{
	for (size_t limit = 0; limit < 2; limit++) {
		AUTO(reader) struct reader *r = reader_open_memory("m.gz", stored->data, len);
		AUTO(buf) struct buf got = {0};
		struct err e = {0};

		reader_limit(r, limit);
		if (read_all(r, 4096, &got, &e))
			fail_msg("%zu bytes of %zu were read without an error", len, stored->len);
		assert_int_equal(e.kind, ERR_INPUT);
		if (!strstr(e.msg, want))
			fail_msg("\"%s\" does not say \"%s\"", e.msg, want);
	}
}

static void
truncated_gzip(void **state)
{
	AUTO(buf) struct buf text = {0};
	AUTO(buf) struct buf stored = {0};

	(void)state;
	sample(&text, 20);
	gzip(&stored, text.data, text.len);
	for (size_t len = 2; len < stored.len; len++)
		expect_error(&stored, len, "m.gz: truncated gzip");
}

static void
damaged_gzip(void **state)
{
	AUTO(buf) struct buf text = {0};
	AUTO(buf) struct buf stored = {0};

	(void)state;
	sample(&text, 20);
	gzip(&stored, text.data, text.len);
	stored.data[stored.len - 6] ^= 1; /* the checksum */
	expect_error(&stored, stored.len, "m.gz: damaged gzip: incorrect data check");
	stored.data[stored.len - 6] ^= 1;
	stored.data[2] = 9; /* the method */
	expect_error(&stored, stored.len, "m.gz: damaged gzip: unknown compression method");
}

static void
garbage_behind_gzip(void **state)
{
	AUTO(buf) struct buf stored = {0};

	(void)state;
	gzip(&stored, "text", 4);
	buf_adds(&stored, "garbage");
	expect_error(&stored, stored.len, "m.gz: data behind the end of the gzip stream");
}

static void
files(void **state)
{
	char path[] = "test_reader.XXXXXX";
	AUTO(buf) struct buf text = {0};
	AUTO(buf) struct buf stored = {0};
	AUTO(buf) struct buf got = {0};
	struct err e;
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	sample(&text, 10000);
	gzip(&stored, text.data, text.len);
	assert_int_equal(write(fd, stored.data, stored.len), stored.len);
	close(fd);
	{
		AUTO(reader) struct reader *r = reader_open(path, &e);

		unlink(path);
		assert_non_null(r);
		assert_string_equal(reader_name(r), path);
		assert_true(read_all(r, 10000, &got, &e));
	}
	assert_int_equal(got.len, text.len);
	assert_memory_equal(got.data, text.data, text.len);
}

static void
files_that_cannot_be_read(void **state)
{
	struct err e = {0};

	(void)state;
	assert_null(reader_open("no/such/file.yaml", &e));
	assert_int_equal(e.kind, ERR_INPUT);
	assert_int_equal(e.code, ENOENT);
	assert_string_equal(e.msg, "open no/such/file.yaml: No such file or directory");
	assert_null(reader_open(".", &e));
	assert_int_equal(e.kind, ERR_INPUT);
	assert_string_equal(e.msg, ".: is a directory, not a file");
	reader_close(NULL);
}

static void
interrupt(int signo)
{
	(void)signo;
}

/* Standard input is a pipe that a child fills slowly, while signals arrive. */
static void
standard_input(void **state)
{
	const struct sigaction act = {.sa_handler = interrupt}; /* no SA_RESTART: read is interrupted */
	struct sigaction old;
	int ends[2], saved = dup(STDIN_FILENO);
	AUTO(buf) struct buf got = {0};
	struct err e;
	pid_t child;

	(void)state;
	assert_int_equal(sigaction(SIGUSR1, &act, &old), 0);
	assert_int_equal(pipe(ends), 0);
	child = fork();
	if (child == 0) {
		for (int i = 0; i < 5; i++) {
			kill(getppid(), SIGUSR1);
			usleep(2000);
			if (write(ends[1], "ab", 2) != 2)
				_exit(1);
		}
		_exit(0);
	}
	close(ends[1]);
	dup2(ends[0], STDIN_FILENO);
	close(ends[0]);
	{
		AUTO(reader) struct reader *r = reader_open("-", &e);

		assert_non_null(r);
		assert_string_equal(reader_name(r), "stdin");
		assert_true(read_all(r, 100, &got, &e));
	}
	assert_string_equal(got.data, "ababababab");
	assert_true(fcntl(STDIN_FILENO, F_GETFD) >= 0); /* it is left open */
	dup2(saved, STDIN_FILENO);
	close(saved);
	waitpid(child, NULL, 0);
	sigaction(SIGUSR1, &old, NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory),
		cmocka_unit_test(gzipped_memory),
		cmocka_unit_test(gzip_members),
		cmocka_unit_test(gzip_of_a_long_run),
		cmocka_unit_test(truncated_gzip),
		cmocka_unit_test(damaged_gzip),
		cmocka_unit_test(garbage_behind_gzip),
		cmocka_unit_test(files),
		cmocka_unit_test(files_that_cannot_be_read),
		cmocka_unit_test(standard_input),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
