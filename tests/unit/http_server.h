/* SPDX-License-Identifier: Apache-2.0 */
/* The scripted server of tests/kube/server.py, for unit tests of what talks HTTP. Include it after cmocka.h. */
#ifndef TESTS_HTTP_SERVER_H
#define TESTS_HTTP_SERVER_H

#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "tests/source.h"

struct http_server {
	pid_t pid;
	int in, out; /* it ends when `in` is closed, so it does not outlive a test that crashed */
	int port;
	char script[64];
};

static inline void
http_server_exec(const struct http_server *s, const int in[2], const int out[2])
{
	AUTO(free) char *program = source_path("tests/kube/server.py");
	const char *python = access("/usr/bin/python3", X_OK) == 0 ? "/usr/bin/python3" : "python3";

	dup2(in[0], 0);
	dup2(out[1], 1);
	execlp(python, python, program, s->script, (char *)NULL);
	_exit(127);
}

/* The script is JSON, in which every ' is a ", so that it can be written in C. */
static inline struct http_server
http_server_start(const char *script)
{
	struct http_server s = {.script = "/tmp/moat-test-XXXXXX"};
	int in[2], out[2], file = mkstemp(s.script);
	char line[32] = "";
	size_t len = 0;

	assert_true(file >= 0);
	for (const char *p = script; *p; p++)
		assert_int_equal(write(file, *p == '\'' ? "\"" : p, 1), 1);
	close(file);
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	s.pid = fork();
	if (s.pid == 0)
		http_server_exec(&s, in, out);
	close(in[0]);
	close(out[1]);
	s.in = in[1];
	s.out = out[0];
	while (len < sizeof(line) - 1 && !strchr(line, '\n')) {
		ssize_t n = read(s.out, line + len, 1);

		if (n <= 0)
			fail_msg("tests/kube/server.py does not start; its script was %s", script);
		len += (size_t)n;
	}
	s.port = atoi(line);
	return s;
}

static inline void
http_server_stop(struct http_server *s)
{
	if (s->pid <= 0)
		return;
	close(s->in);
	waitpid(s->pid, NULL, 0);
	close(s->out);
	unlink(s->script);
	s->pid = 0;
}

#endif
