/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One probe by one method, run right here instead of in a container; what moat makes of it goes to stdout:
 * probe_one METHOD PROBE HOST:PORT PROXY_HOST:PORT|- SECONDS. Exit 3: the method is not there.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "kube/probe_answer.h"
#include "kube/probe_method.h"
#include "kube/probe_verdict.h"

static int
usage(void)
{
	fprintf(stderr, "usage: probe_one METHOD look|PROBE HOST:PORT PROXY_HOST:PORT|- SECONDS\n");
	return 2;
}

/* At the last colon. */
static struct probe_target
split(char *text)
{
	char *colon = strrchr(text, ':');

	if (!colon)
		exit(usage());
	*colon = '\0';
	return (struct probe_target){text, atoi(colon + 1)};
}

static int
run(const struct probe_command *c, struct buf *out)
{
	int from[2], status;
	char data[4096];
	ssize_t n;

	if (pipe(from))
		die("pipe");
	if (fork() == 0) {
		char **argv = mem_array(c->n + 1, sizeof(*argv));

		for (size_t i = 0; i < c->n; i++)
			argv[i] = mem_strdup(c->argv[i]);
		close(0);
		dup2(from[1], 1);
		close(from[0]);
		close(from[1]);
		execvp(argv[0], argv);
		_exit(127);
	}
	close(from[1]);
	while ((n = read(from[0], data, sizeof(data))) > 0)
		buf_add(out, data, (size_t)n);
	close(from[0]);
	wait(&status);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static bool
find_method(const char *name, enum probe_method *m)
{
	for (*m = 0; *m < PROBE_METHODS; ++*m)
		if (strstr(probe_method_words(*m), name))
			return true;
	return false;
}

int
main(int argc, char **argv)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf out = {0};
	AUTO(buf) struct buf detail = {0};
	struct probe_try t = {0};
	struct probe_command command;
	struct probe_answer answer;
	struct probe_finding f;
	enum probe_method method;
	struct err e;
	int64_t begun = clock_ms();
	bool look = argc > 2 && strcmp(argv[2], "look") == 0;

	if (argc != 6 || !find_method(argv[1], &method) || !(look || probe_from_name(argv[2], &t.probe)))
		return usage();
	t.target = t.through = split(argv[3]);
	if (t.probe == PROBE_DNS_TCP)
		t.through.port = 443;
	if (strcmp(argv[4], "-") != 0) {
		struct probe_target proxy = split(argv[4]);

		t.proxy_host = proxy.host;
		t.proxy_port = proxy.port;
	}
	t.dial_ms = atoi(argv[5]) * 1000;
	if (!probe_try_check(&t, &e)) {
		printf("refused: %s\n", e.msg);
		return 1;
	}
	probe_method_command(method, look ? NULL : &t, &a, &command);
	if (run(&command, &out) == 127)
		return 3;
	if (getenv("PROBE_RAW"))
		fputs(buf_str(&out), stderr);
	if (!probe_answer_parse(buf_str(&out), out.len, look, &answer, &e)) {
		printf("unreadable: %s\n", e.msg);
		return 1;
	}
	if (look) {
		printf("%s\n", answer.method);
		return 0;
	}
	f = probe_verdict(&t, &answer, &detail);
	printf("%s %s %s %lld %s\n", answer.method, probe_verdict_name(f.verdict), probe_control_name(f.control),
	       (long long)(clock_ms() - begun), buf_str(&detail));
	return 0;
}
