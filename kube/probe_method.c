/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/probe_method.h"

#include <assert.h>
#include <string.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/embed.h"
#include "base/str.h"

#define HOST_MOST 253
#define ARGS 8 /* behind the program */
#define PREFIX_MOST 6

extern const struct embedded_file probe_files[];

static const struct method {
	const char *words, *file;
	const char *more; /* the file behind it; NULL */
	const char *prefix[PREFIX_MOST]; /* the command up to the program's text */
	const char *then; /* between the text and the arguments; NULL */
	const char *comment; /* what begins a line of comment */
	bool indented; /* what a line is indented by means something */
} methods[] = {
	/*
	 * -I -S: neither the environment nor modules in the working directory change what it does. -B: images whose library
	 * has no compiled files do not get them by this.
	 */
	[PROBE_PYTHON3] = {"python3",
			   "probe.py",
			   NULL,
			   {"python3", "-I", "-S", "-B", "-c", "import sys;exec(sys.argv[1])"},
			   NULL,
			   "#",
			   true},
	/* -p: no file named by BASH_ENV, no functions from the environment. */
	[PROBE_BASH] = {"bash", "probe.bash", NULL, {"bash", "-p", "-c"}, "moat-probe", "#", false},
	[PROBE_NC] = {"nc", "probe-nc.sh", "probe.sh", {"sh", "-c"}, "moat-probe", "#", false},
	[PROBE_CURL] = {"curl or wget", "probe-curl.sh", "probe.sh", {"sh", "-c"}, "moat-probe", "#", false},
	[PROBE_PERL] =
		{"perl", "probe.pl", NULL, {"perl", "-e", "eval $ARGV[0]; die $@ if $@", "--"}, NULL, "#", false},
	[PROBE_NODE] = {"node", "probe.js", NULL, {"node", "-e", "eval(process.argv[1])", "--"}, NULL, "//", false},
};

static const char *const kinds[] = {
	[PROBE_RAW_TCP] = "raw",
	[PROBE_ENV_CLEAR] = "env-clear",
	[PROBE_NO_PROXY] = "no-proxy",
	[PROBE_DNS_TCP] = "raw",
};

struct probe_try
probe_try_of(const struct probe_job *job, enum probe probe, int64_t dial_ms)
{
	struct probe_try t = {
		.probe = probe,
		.target = job->target,
		.through = job->target,
		.proxy_host = job->no_control ? NULL : job->proxy_host,
		.proxy_port = job->proxy_port,
		.dial_ms = dial_ms,
	};

	if (probe == PROBE_DNS_TCP) {
		t.target = job->dns;
		t.through = (struct probe_target){job->dns.host, 443};
	}
	return t;
}

/* Letters, digits, and what names and addresses have between them: nothing takes that for an option or a command. */
static bool
is_host(const char *s)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.:_-";
	size_t len = s ? strlen(s) : 0;

	return len && len <= HOST_MOST && strspn(s, allowed) == len && s[0] != '-';
}

static bool
check(const char *what, const char *host, int port, struct err *e)
{
	if (!is_host(host))
		return err_set(e, ERR_INPUT, 0, "%s \"%.300s\" is neither a host name nor an address", what,
			       host ? host : "");
	if (port < 1 || port > 65535)
		return err_set(e, ERR_INPUT, 0, "%s has port %d: a port is between 1 and 65535", what, port);
	return true;
}

bool
probe_try_check(const struct probe_try *t, struct err *e)
{
	return check("the target", t->target.host, t->target.port, e) &&
	       check("the target", t->through.host, t->through.port, e) &&
	       (!t->proxy_host || check("the companion", t->proxy_host, t->proxy_port, e));
}

const char *
probe_method_words(enum probe_method m)
{
	return methods[m].words;
}

/* A file without its comments and what else only people need: it travels in a URL. */
static void
add_file(const struct method *m, const char *name, struct buf *out)
{
	const struct embedded_file *f = probe_files;
	size_t comment = strlen(m->comment), indent;

	while (f->name && !str_eq(f->name, name))
		f++;
	assert(f->name);
	for (const char *line = (const char *)f->data, *end = line + f->len, *next; line < end; line = next) {
		const char *newline = memchr(line, '\n', (size_t)(end - line));

		next = newline ? newline + 1 : end;
		indent = strspn(line, "\t ");
		if (strncmp(line + indent, m->comment, comment) == 0)
			continue;
		if (!m->indented)
			line += indent;
		buf_add(out, line, (size_t)(next - line));
	}
}

static const char *
source(const struct method *m, struct arena *a)
{
	AUTO(buf) struct buf out = {0};

	add_file(m, m->file, &out);
	if (m->more)
		add_file(m, m->more, &out);
	return arena_strdup(a, buf_str(&out));
}

void
probe_method_command(enum probe_method m, const struct probe_try *t, struct arena *a, struct probe_command *out)
{
	const char **argv = ARENA_ARRAY(a, const char *, PREFIX_MOST + 2 + ARGS);
	size_t n = 0;

	while (n < PREFIX_MOST && methods[m].prefix[n]) {
		argv[n] = methods[m].prefix[n];
		n++;
	}
	argv[n++] = source(&methods[m], a);
	if (methods[m].then)
		argv[n++] = methods[m].then;
	if (t) {
		argv[n++] = kinds[t->probe];
		argv[n++] = t->target.host;
		argv[n++] = arena_printf(a, "%d", t->target.port);
		argv[n++] = t->through.host;
		argv[n++] = arena_printf(a, "%d", t->through.port);
		argv[n++] = t->proxy_host ? t->proxy_host : "-";
		argv[n++] = arena_printf(a, "%d", t->proxy_host ? t->proxy_port : 0);
		argv[n++] = arena_printf(a, "%d", (int)((t->dial_ms + 999) / 1000));
	} else {
		static const char *const look[ARGS] = {"look", "-", "0", "-", "0", "-", "0", "1"};

		memcpy(argv + n, look, sizeof(look));
		n += ARGS;
	}
	out->argv = argv;
	out->n = n;
}
