/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/plugin.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/text.h"
#include "base/vec.h"
#include "kube/secret.h"

#ifdef __GLIBC__
#if __GLIBC_PREREQ(2, 34)
#define HAVE_CLOSEFROM_ACTION
#endif
#endif

#define INFO_VARIABLE "KUBERNETES_EXEC_INFO"
#define READ_AT_ONCE 16384
#define STDERR_KEPT 4096 /* bytes: its end */
#define STDERR_SHOWN 220 /* bytes of a message, of which there are 500 */
#define HINT_SHOWN 160
#define END_MS 2000 /* between SIGTERM and SIGKILL */
#define DRAIN_MS 300 /* how long a pipe may stay open that something else than the plugin holds */

enum phase {
	WAITING, /* for the terminal */
	RUNNING, /* the timer is the limit */
	ENDING, /* SIGTERM was sent */
	KILLED, /* SIGKILL was */
	DRAINING, /* it has ended, a pipe is open */
};

/* A borrowed terminal, or one that is waited for: it outlives a plugin that is freed before it was granted. */
struct loan {
	struct credential_terminal terminal;
	struct plugin *plugin; /* NULL: nobody wants it any more */
	bool granted;
};

struct pipe_end {
	int fd; /* -1: closed */
	struct loop_fd *watch;
	struct buf text;
};

struct plugin {
	struct plugin_args args;
	enum phase phase;
	struct pipe_end out, errors;
	pid_t pid; /* also of its group; 0 before the start and once it was waited for */
	struct loop_child *child;
	struct loop_timer *timer;
	int status; /* of waitpid; -1: unknown */
	struct err failure; /* why it was not started, or was ended; kind ERR_NONE otherwise */
	struct loan *loan;
	pid_t foreground; /* the terminal's group before, which is ours; 0: it was left alone */
	struct termios modes; /* these three as they were before */
	struct sigaction old_ttou, old_ttin;
};

/* ---- notes and errors */

static const char *
short_name(const struct plugin *p)
{
	const char *slash = strrchr(p->args.exec->command, '/');

	return slash ? slash + 1 : p->args.exec->command;
}

/* "waiting for kubelogin: To sign in, open https://..." */
static void
note(const struct plugin *p, const char *line, size_t len)
{
	AUTO(buf) struct buf text = {0};
	AUTO(buf) struct buf safe = {0};

	if (!p->args.note)
		return;
	buf_addf(&text, "waiting for %s%s%.*s", short_name(p), len ? ": " : "", (int)len, line);
	text_safe(&safe, text.data, text.len);
	p->args.note(p->args.note_ctx, buf_str(&safe));
}

/* What stands at the end of text, at most that many bytes, lines joined. */
static void
add_end(struct buf *out, const char *text, size_t len, size_t most)
{
	const char *end = text + len, *from;

	while (end > text && isspace((unsigned char)end[-1]))
		end--;
	from = (size_t)(end - text) > most ? end - most : text;
	if (from > text && memchr(from, '\n', (size_t)(end - from)))
		from = memchr(from, '\n', (size_t)(end - from)); /* not from the middle of a line */
	while (from < end && (isspace((unsigned char)*from) || ((unsigned char)*from & 0xc0) == 0x80))
		from++;
	for (; from < end; from++) {
		if (*from == '\n')
			buf_adds(out, " / ");
		else if (*from != '\r')
			buf_addc(out, *from);
	}
}

/* The whole message: "user dev: plugin aws ended with status 255: Token has expired (how to install it: ...)" */
static void
complete(const struct plugin *p, struct err *e)
{
	const char *hint = p->args.exec->install_hint;
	AUTO(buf) struct buf text = {0};
	int code = e->code;

	buf_addf(&text, "user %s: plugin %s %s", p->args.user, p->args.exec->command, e->msg);
	if (p->errors.text.len) {
		buf_adds(&text, ": ");
		add_end(&text, p->errors.text.data, p->errors.text.len, STDERR_SHOWN);
	}
	if (hint) {
		buf_adds(&text, " (how to install it: ");
		add_end(&text, hint, strlen(hint) > HINT_SHOWN ? HINT_SHOWN : strlen(hint), HINT_SHOWN);
		buf_addc(&text, ')');
	}
	err_set(e, ERR_DENIED, code, "%s", buf_str(&text));
}

/* ---- the terminal */

/*
 * The plugin's group has to be the foreground one, or reading would stop it; it may have been stopped by now. Ours is in the
 * background then, and whoever of it touches the terminal (the pager in `moat audit | less`) has the whole group stopped:
 * moat does not take part in that. ctrl-z is off meanwhile: the shell knows nothing of the plugin's group, and would not
 * come back.
 */
static void
lend_terminal(struct plugin *p)
{
	const struct sigaction ignore = {.sa_handler = SIG_IGN};
	pid_t before = tcgetpgrp(STDIN_FILENO);
	struct termios modes;

	if (before != getpgrp() || tcgetattr(STDIN_FILENO, &p->modes) < 0)
		return;
	p->foreground = before;
	sigaction(SIGTTOU, &ignore, &p->old_ttou);
	sigaction(SIGTTIN, &ignore, &p->old_ttin);
	modes = p->modes;
	modes.c_cc[VSUSP] = _POSIX_VDISABLE;
	tcsetattr(STDIN_FILENO, TCSADRAIN, &modes);
	tcsetpgrp(STDIN_FILENO, p->pid);
	kill(-p->pid, SIGCONT);
}

/* A plugin that was ended at a password prompt leaves the echo off. Those of our group that were stopped go on. */
static void
take_terminal_back(struct plugin *p)
{
	if (!p->foreground)
		return;
	tcsetpgrp(STDIN_FILENO, p->foreground);
	tcsetattr(STDIN_FILENO, TCSADRAIN, &p->modes);
	sigaction(SIGTTOU, &p->old_ttou, NULL);
	sigaction(SIGTTIN, &p->old_ttin, NULL);
	kill(-p->foreground, SIGCONT);
	p->foreground = 0;
}

static void
end_loan(struct plugin *p)
{
	struct loan *loan = p->loan;

	if (!loan)
		return;
	p->loan = NULL;
	loan->plugin = NULL;
	if (!loan->granted)
		return; /* granted() frees it */
	take_terminal_back(p);
	if (loan->terminal.give_back)
		loan->terminal.give_back(loan->terminal.ctx);
	free(loan);
}

/* ---- the end */

static void
close_end(struct pipe_end *end)
{
	loop_fd_remove(end->watch);
	end->watch = NULL;
	if (end->fd >= 0)
		close(end->fd);
	end->fd = -1;
}

static void
release(struct plugin *p)
{
	close_end(&p->out);
	close_end(&p->errors);
	loop_child_remove(p->child);
	loop_timer_remove(p->timer);
	end_loan(p);
	if (p->args.note)
		p->args.note(p->args.note_ctx, NULL);
	secret_wipe(&p->out.text);
	secret_wipe(&p->errors.text);
	free(p);
}

static bool
ended_well(const struct plugin *p, struct err *e)
{
	if (p->failure.kind != ERR_NONE) {
		*e = p->failure;
		return false;
	}
	if (p->status == -1)
		return err_set(e, ERR_DENIED, 0, "ended, but its exit status was lost");
	if (WIFSIGNALED(p->status))
		return err_set(e, ERR_DENIED, 128 + WTERMSIG(p->status), "was ended by signal %d (%s)",
			       WTERMSIG(p->status), strsignal(WTERMSIG(p->status)));
	if (WEXITSTATUS(p->status))
		return err_set(e, ERR_DENIED, WEXITSTATUS(p->status), "ended with status %d",
			       WEXITSTATUS(p->status));
	return true;
}

static void
finish(struct plugin *p)
{
	AUTO(arena) struct arena a = {0};
	AUTO(secret) struct buf text = p->out.text; /* the answer may point into it */
	struct plugin_args args = p->args;
	struct plugin_answer answer;
	struct err e = {0};
	bool ok = ended_well(p, &e) &&
		  plugin_parse(&a, args.exec->api_version, buf_str(&text), text.len, &answer, &e);

	p->out.text = (struct buf){0};
	if (!ok)
		complete(p, &e);
	release(p);
	args.done(args.ctx, ok ? &answer : NULL, ok ? NULL : &e);
}

static void
signal_group(const struct plugin *p, int signo)
{
	if (p->pid > 0)
		kill(-p->pid, signo);
}

/* Ends it for that reason: what it prints from now on is of no use. */
static void
end(struct plugin *p)
{
	close_end(&p->out);
	close_end(&p->errors);
	p->phase = ENDING;
	signal_group(p, SIGTERM);
	signal_group(p, SIGCONT);
	loop_timer_set(p->timer, END_MS);
}

static void
on_timer(void *ctx)
{
	struct plugin *p = ctx;

	switch (p->phase) {
	case RUNNING:
		err_set(&p->failure, ERR_DENIED, 0, "did not answer within %lld s and was ended",
			(long long)(p->args.limit_ms + 999) / 1000);
		end(p);
		break;
	case ENDING:
		signal_group(p, SIGKILL);
		p->phase = KILLED;
		loop_timer_set(p->timer, END_MS);
		break;
	case WAITING: /* it was not even started: the failure says why */
	case KILLED: /* the kernel does not let go of it */
	case DRAINING:
		finish(p);
		break;
	}
}

static void
finish_if_over(struct plugin *p)
{
	if (p->phase == DRAINING && p->out.fd < 0 && p->errors.fd < 0)
		finish(p);
}

static void
on_child(void *ctx, int status)
{
	struct plugin *p = ctx;

	p->child = NULL;
	p->status = status;
	if (p->phase != RUNNING)
		signal_group(p, SIGKILL); /* what it started, too */
	p->pid = 0;
	p->phase = DRAINING;
	loop_timer_set(p->timer, DRAIN_MS);
	finish_if_over(p);
}

/* ---- what it prints */

/* false at the end. */
static bool
read_some(struct pipe_end *pe)
{
	ssize_t got = read(pe->fd, buf_reserve(&pe->text, READ_AT_ONCE), READ_AT_ONCE);

	if (got > 0)
		pe->text.len += (size_t)got;
	else if (got == 0 || (errno != EAGAIN && errno != EINTR))
		close_end(pe);
	return pe->fd >= 0;
}

static void
on_out(void *ctx, int events UNUSED)
{
	struct plugin *p = ctx;

	if (!read_some(&p->out)) {
		finish_if_over(p);
	} else if (p->out.text.len > PLUGIN_OUTPUT_MAX) {
		err_set(&p->failure, ERR_DENIED, 0, "printed more than %d bytes and was ended", PLUGIN_OUTPUT_MAX);
		if (p->phase == RUNNING) {
			end(p);
		} else {
			close_end(&p->out);
			finish_if_over(p);
		}
	}
}

static void
note_last_line(const struct plugin *p)
{
	const struct buf *b = &p->errors.text;
	size_t len = b->len, from;

	while (len && isspace((unsigned char)b->data[len - 1]))
		len--;
	for (from = len; from && b->data[from - 1] != '\n'; from--)
		;
	if (len > from)
		note(p, b->data + from, len - from < STDERR_SHOWN ? len - from : STDERR_SHOWN);
}

static void
on_errors(void *ctx, int events UNUSED)
{
	struct plugin *p = ctx;
	struct buf *b = &p->errors.text;

	if (!read_some(&p->errors)) {
		finish_if_over(p);
		return;
	}
	if (b->len > STDERR_KEPT) {
		memmove(b->data, b->data + b->len - STDERR_KEPT, STDERR_KEPT);
		b->len = STDERR_KEPT;
	}
	note_last_line(p);
}

/* ---- the start */

static bool
is_program(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

/* Folders of PATH that are relative are passed over: what lies in the current one is not to be run by chance. */
static bool
find_program(struct arena *a, const char *command, const char **out, struct err *e)
{
	const char *path = getenv("PATH");

	if (strchr(command, '/')) {
		*out = command;
		if (is_program(command))
			return true;
		return err_set(e, ERR_DENIED, ENOENT, access(command, F_OK) ? "is not there" : "is no program");
	}
	for (path = path ? path : ""; *path; path += *path == ':') {
		size_t len = strcspn(path, ":");

		*out = arena_printf(a, "%.*s/%s", (int)len, path, command);
		if (*path == '/' && is_program(*out))
			return true;
		path += len;
	}
	return err_set(e, ERR_DENIED, ENOENT,
		       "is not on PATH: install it, or write its whole path into the kubeconfig");
}

static bool
is_set_by(const struct kube_exec *x, const char *variable)
{
	size_t len = strcspn(variable, "=");

	for (size_t i = 0; i < x->n_env; i++)
		if (strlen(x->env[i].name) == len && strncmp(x->env[i].name, variable, len) == 0)
			return true;
	return str_starts(variable, INFO_VARIABLE "=");
}

/* Ours, then the kubeconfig's, of which the last of one name counts, then what the plugin is told. */
static bool
make_environment(const struct plugin *p, struct arena *a, char ***out, struct err *e)
{
	const struct kube_exec *x = p->args.exec;
	AUTO(buf) struct buf info = {0};
	VEC(char *) env = {0};

	if (!plugin_info(&info, x, p->args.cluster, p->args.interactive, e))
		return err_wrap(e, "was not started");
	for (char **at = environ; at && *at; at++)
		if (!is_set_by(x, *at))
			vec_push(&env, *at);
	for (size_t i = 0; i < x->n_env; i++) {
		bool again = str_eq(x->env[i].name, INFO_VARIABLE);

		for (size_t j = i + 1; j < x->n_env && !again; j++)
			again = str_eq(x->env[i].name, x->env[j].name);
		if (!again)
			vec_push(&env, arena_printf(a, "%s=%s", x->env[i].name, x->env[i].value));
	}
	vec_push(&env, arena_printf(a, INFO_VARIABLE "=%s", buf_str(&info)));
	vec_push(&env, NULL);
	*out = arena_copy(a, env.at, env.n * sizeof(env.at[0]));
	vec_free(&env);
	return true;
}

static char **
make_arguments(const struct kube_exec *x, struct arena *a)
{
	char **argv = ARENA_ARRAY(a, char *, x->n_args + 2);

	argv[0] = arena_strdup(a, x->command);
	for (size_t i = 0; i < x->n_args; i++)
		argv[i + 1] = arena_strdup(a, x->args[i]);
	return argv;
}

/*
 * Signals as a program expects them. Without the terminal it gets a session of its own: it cannot write over the
 * screen, and /dev/tty fails at once where it would wait for an answer that nobody can give.
 */
static void
set_attributes(posix_spawnattr_t *attr, bool interactive)
{
	short flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
	sigset_t none, all;

	sigemptyset(&none);
	sigfillset(&all);
	sigdelset(&all, SIGKILL);
	sigdelset(&all, SIGSTOP);
	posix_spawnattr_setsigmask(attr, &none);
	posix_spawnattr_setsigdefault(attr, &all);
	posix_spawnattr_setpgroup(attr, 0);
	flags |= interactive ? POSIX_SPAWN_SETPGROUP : POSIX_SPAWN_SETSID;
	posix_spawnattr_setflags(attr, flags);
}

static void
set_files(posix_spawn_file_actions_t *files, bool interactive, int out, int errors)
{
	posix_spawn_file_actions_adddup2(files, out, STDOUT_FILENO);
	if (!interactive) {
		posix_spawn_file_actions_addopen(files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
		posix_spawn_file_actions_adddup2(files, errors, STDERR_FILENO);
	}
#ifdef HAVE_CLOSEFROM_ACTION
	/* Ours are close-on-exec; this is for those that a library opened. */
	posix_spawn_file_actions_addclosefrom_np(files, STDERR_FILENO + 1);
#endif
}

static int
spawn(struct plugin *p, const char *program, char **argv, char **env, int out, int errors)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	int code;

	posix_spawn_file_actions_init(&files);
	posix_spawnattr_init(&attr);
	set_attributes(&attr, p->args.interactive);
	set_files(&files, p->args.interactive, out, errors);
	code = posix_spawn(&p->pid, program, &files, &attr, argv, env);
	if (code)
		p->pid = 0;
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&files);
	return code;
}

/* Opens a pipe; the end that is returned is for the child. Both are above the standard ones, and -1 on failure. */
static int
open_pipe(struct pipe_end *pe)
{
	int fds[2], ours, theirs;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -1;
	ours = fcntl(fds[0], F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	theirs = fcntl(fds[1], F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	close(fds[0]);
	close(fds[1]);
	if (ours >= 0)
		fcntl(ours, F_SETFL, O_NONBLOCK);
	pe->fd = ours;
	if (ours < 0 || theirs < 0) {
		close_end(pe);
		if (theirs >= 0)
			close(theirs);
		return -1;
	}
	return theirs;
}

static bool
start_program(struct plugin *p, const char *program, char **argv, char **env, struct err *e)
{
	int out = open_pipe(&p->out), errors = -1, code = out < 0 ? errno : 0;

	if (!code && !p->args.interactive) {
		errors = open_pipe(&p->errors);
		code = errors < 0 ? errno : 0;
	}
	if (!code)
		code = spawn(p, program, argv, env, out, errors);
	if (out >= 0)
		close(out);
	if (errors >= 0)
		close(errors);
	return !code || err_sys(e, ERR_DENIED, code, "cannot be run");
}

static bool
launch(struct plugin *p, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	const char *program = NULL;
	char **env = NULL;

	return find_program(&a, p->args.exec->command, &program, e) && make_environment(p, &a, &env, e) &&
	       start_program(p, program, make_arguments(p->args.exec, &a), env, e);
}

static void
begin(struct plugin *p)
{
	if (!launch(p, &p->failure)) {
		close_end(&p->out);
		close_end(&p->errors);
		p->phase = WAITING;
		loop_timer_set(p->timer, 0);
		return;
	}
	log_info("plugin %s runs as process %d", p->args.exec->command, (int)p->pid);
	p->phase = RUNNING;
	if (p->args.interactive)
		lend_terminal(p);
	p->child = loop_add_child(p->args.loop, p->pid, on_child, p);
	p->out.watch = loop_add_fd(p->args.loop, p->out.fd, LOOP_READ, on_out, p);
	if (p->errors.fd >= 0)
		p->errors.watch = loop_add_fd(p->args.loop, p->errors.fd, LOOP_READ, on_errors, p);
	loop_timer_set(p->timer, p->args.limit_ms);
	note(p, "", 0);
}

static void
granted(void *arg)
{
	struct loan *loan = arg;

	loan->granted = true;
	if (loan->plugin) {
		begin(loan->plugin);
		return;
	}
	if (loan->terminal.give_back)
		loan->terminal.give_back(loan->terminal.ctx);
	free(loan);
}

struct plugin *
plugin_start(const struct plugin_args *args)
{
	struct plugin *p = mem_alloc(sizeof(*p));

	p->args = *args;
	p->phase = WAITING;
	p->out.fd = p->errors.fd = -1;
	p->timer = loop_add_timer(args->loop, on_timer, p);
	if (!args->interactive) {
		begin(p);
		return p;
	}
	p->loan = mem_alloc(sizeof(*p->loan));
	*p->loan = (struct loan){.terminal = args->terminal, .plugin = p};
	args->terminal.borrow(args->terminal.ctx, granted, p->loan);
	return p;
}

/* Waits for it, up to a quarter of a second, in which most programs have followed a SIGTERM. */
static void
reap(pid_t pid)
{
	const struct timespec step = {.tv_nsec = 5 * 1000 * 1000};

	for (int i = 0; i < 50; i++) {
		if (waitpid(pid, NULL, WNOHANG) != 0) {
			kill(-pid, SIGKILL); /* what it started */
			return;
		}
		nanosleep(&step, NULL);
	}
	kill(-pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

void
plugin_free(struct plugin *p)
{
	pid_t pid = p ? p->pid : 0;

	if (!p)
		return;
	signal_group(p, SIGTERM);
	signal_group(p, SIGCONT);
	loop_child_remove(p->child);
	p->child = NULL;
	if (pid > 0)
		reap(pid);
	release(p);
}
