/* SPDX-License-Identifier: Apache-2.0 */
#include "base/loop.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

/*
 * The head of every handle. Removing only marks it dead: a round in progress, or one further out when rounds are
 * nested, may still point to it. The outermost round sweeps the dead away at its end.
 */
struct handle {
	struct loop *loop;
	struct handle *next;
	bool dead;
};

struct loop_fd {
	struct handle h;
	int fd, events;
	void (*fn)(void *ctx, int events);
	void *ctx;
};

struct loop_timer {
	struct handle h;
	int64_t due; /* clock_ms(); -1 when it is not set */
	unsigned long set_in; /* the timer phase in which it was set */
	void (*fn)(void *ctx);
	void *ctx;
};

struct loop_signal {
	struct handle h;
	int signo;
	bool blocked_here; /* we blocked it: the last one unblocks it */
	void (*fn)(void *ctx, int signo);
	void *ctx;
};

struct loop_child {
	struct handle h;
	pid_t pid;
	int pidfd; /* -1: found by SIGCHLD */
	struct loop_fd *watch;
	void (*fn)(void *ctx, int status);
	void *ctx;
};

struct loop_wake {
	struct handle h;
	int eventfd;
	struct loop_fd *watch;
	void (*fn)(void *ctx);
	void *ctx;
};

enum { FDS, TIMERS, SIGNALS, CHILDREN, WAKES, N_LISTS };

struct loop {
	struct handle *lists[N_LISTS];
	int signal_fd;
	sigset_t signals; /* what signal_fd reports */
	struct loop_fd *signal_watch;
	struct loop_signal *sigchld; /* for children without a pidfd */
	bool check_children; /* a child may have ended before SIGCHLD was watched */
	unsigned depth; /* rounds in progress */
	unsigned long rounds; /* rounds begun; tells an outer round that an inner one ran */
	unsigned long phase; /* of timers, from 1 */
	bool stop;
	bool dirty; /* something is dead */
};

static void *
add(struct loop *l, int list, void *handle)
{
	struct handle *h = handle;

	h->loop = l;
	h->next = l->lists[list];
	l->lists[list] = h;
	return handle;
}

static void
sweep(struct loop *l)
{
	if (!l->dirty)
		return;
	l->dirty = false;
	for (int list = 0; list < N_LISTS; list++) {
		struct handle **at = &l->lists[list];

		while (*at) {
			struct handle *h = *at;

			if (h->dead) {
				*at = h->next;
				free(h);
			} else {
				at = &h->next;
			}
		}
	}
}

/* false when it was dead already. */
static bool
bury(struct handle *h)
{
	if (h->dead)
		return false;
	h->dead = true;
	h->loop->dirty = true;
	return true;
}

/* Outside a round nothing points to the dead. */
static void
sweep_if_idle(struct loop *l)
{
	if (l->depth == 0)
		sweep(l);
}

struct loop_fd *
loop_add_fd(struct loop *l, int fd, int events, void (*fn)(void *ctx, int events), void *ctx)
{
	struct loop_fd *h = mem_alloc(sizeof(*h));

	h->fd = fd;
	h->events = events;
	h->fn = fn;
	h->ctx = ctx;
	return add(l, FDS, h);
}

void
loop_fd_events(struct loop_fd *h, int events)
{
	h->events = events;
}

void
loop_fd_remove(struct loop_fd *h)
{
	if (h && bury(&h->h))
		sweep_if_idle(h->h.loop);
}

struct loop_timer *
loop_add_timer(struct loop *l, void (*fn)(void *ctx), void *ctx)
{
	struct loop_timer *t = mem_alloc(sizeof(*t));

	t->due = -1;
	t->fn = fn;
	t->ctx = ctx;
	return add(l, TIMERS, t);
}

void
loop_timer_set(struct loop_timer *t, int64_t ms)
{
	int64_t now = clock_ms();

	t->due = ms <= 0 ? now : ms > INT64_MAX - now ? INT64_MAX : now + ms;
	t->set_in = t->h.loop->phase;
}

void
loop_timer_cancel(struct loop_timer *t)
{
	t->due = -1;
}

void
loop_timer_remove(struct loop_timer *t)
{
	if (t && bury(&t->h))
		sweep_if_idle(t->h.loop);
}

/* The live timer that is due first, NULL when none is. `not_in` leaves out those set in that phase, 0 none. */
static struct loop_timer *
first_timer(const struct loop *l, unsigned long not_in)
{
	struct loop_timer *first = NULL;

	for (struct handle *h = l->lists[TIMERS]; h; h = h->next) {
		struct loop_timer *t = (struct loop_timer *)h;

		if (!h->dead && t->due >= 0 && t->set_in != not_in && (!first || t->due < first->due))
			first = t;
	}
	return first;
}

/* A timer that its own callback sets again, even to 0 ms, waits for the next round: descriptors get their turn. */
static void
run_timers(struct loop *l)
{
	unsigned long phase = ++l->phase;
	int64_t now = clock_ms();
	struct loop_timer *t;

	while ((t = first_timer(l, phase)) && t->due <= now) {
		t->due = -1;
		t->fn(t->ctx);
	}
}

static void
dispatch_signal(struct loop *l, int signo)
{
	for (struct handle *h = l->lists[SIGNALS]; h; h = h->next) {
		struct loop_signal *s = (struct loop_signal *)h;

		if (!h->dead && s->signo == signo)
			s->fn(s->ctx, signo);
	}
}

static void
on_signal_fd(void *ctx, int events UNUSED)
{
	struct loop *l = ctx;
	struct signalfd_siginfo info;

	while (read(l->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
		dispatch_signal(l, (int)info.ssi_signo);
}

static bool
signal_in_use(const struct loop *l, int signo)
{
	for (struct handle *h = l->lists[SIGNALS]; h; h = h->next) {
		if (!h->dead && ((struct loop_signal *)h)->signo == signo)
			return true;
	}
	return false;
}

static bool
set_signal_mask(int how, int signo)
{
	sigset_t one, old;

	sigemptyset(&one);
	sigaddset(&one, signo);
	pthread_sigmask(how, &one, &old);
	return sigismember(&old, signo) == 1;
}

struct loop_signal *
loop_add_signal(struct loop *l, int signo, void (*fn)(void *ctx, int signo), void *ctx)
{
	struct loop_signal *s = mem_alloc(sizeof(*s));

	s->signo = signo;
	s->fn = fn;
	s->ctx = ctx;
	s->blocked_here = !set_signal_mask(SIG_BLOCK, signo);
	sigaddset(&l->signals, signo);
	signalfd(l->signal_fd, &l->signals, 0);
	return add(l, SIGNALS, s);
}

/* The duty to unblock passes on to another handle of the same signal. */
static void
hand_over(const struct loop *l, const struct loop_signal *from)
{
	for (struct handle *h = l->lists[SIGNALS]; h; h = h->next) {
		struct loop_signal *s = (struct loop_signal *)h;

		if (!h->dead && s->signo == from->signo)
			s->blocked_here |= from->blocked_here;
	}
}

void
loop_signal_remove(struct loop_signal *s)
{
	struct loop *l = s ? s->h.loop : NULL;

	if (!s || !bury(&s->h))
		return;
	if (signal_in_use(l, s->signo)) {
		hand_over(l, s);
	} else {
		sigdelset(&l->signals, s->signo);
		signalfd(l->signal_fd, &l->signals, 0);
		if (s->blocked_here)
			set_signal_mask(SIG_UNBLOCK, s->signo);
	}
	sweep_if_idle(l);
}

static void
close_child(struct loop_child *c)
{
	if (c->watch)
		bury(&c->watch->h);
	c->watch = NULL;
	if (c->pidfd >= 0)
		close(c->pidfd);
	c->pidfd = -1;
}

/* The handle is dead before its callback runs: it fires once. */
static void
check_child(struct loop_child *c)
{
	int status = -1;
	pid_t got;

	do
		got = waitpid(c->pid, &status, WNOHANG);
	while (got < 0 && errno == EINTR);
	if (got == 0)
		return;
	bury(&c->h);
	close_child(c);
	c->fn(c->ctx, got == c->pid ? status : -1);
}

static void
on_pidfd(void *ctx, int events UNUSED)
{
	check_child(ctx);
}

static void
check_children(struct loop *l)
{
	l->check_children = false;
	for (struct handle *h = l->lists[CHILDREN]; h; h = h->next) {
		struct loop_child *c = (struct loop_child *)h;

		if (!h->dead && c->pidfd < 0)
			check_child(c);
	}
}

static void
on_sigchld(void *ctx, int signo UNUSED)
{
	check_children(ctx);
}

static int
open_pidfd(pid_t pid)
{
#ifdef SYS_pidfd_open
	return (int)syscall(SYS_pidfd_open, pid, 0); /* sets close-on-exec */
#else
	(void)pid;
	return -1;
#endif
}

struct loop_child *
loop_add_child(struct loop *l, pid_t pid, void (*fn)(void *ctx, int status), void *ctx)
{
	struct loop_child *c = mem_alloc(sizeof(*c));

	c->pid = pid;
	c->fn = fn;
	c->ctx = ctx;
	c->pidfd = open_pidfd(pid);
	if (c->pidfd >= 0) {
		c->watch = loop_add_fd(l, c->pidfd, LOOP_READ, on_pidfd, c);
	} else {
		if (!l->sigchld)
			l->sigchld = loop_add_signal(l, SIGCHLD, on_sigchld, l);
		l->check_children = true;
	}
	return add(l, CHILDREN, c);
}

void
loop_child_remove(struct loop_child *c)
{
	if (!c || !bury(&c->h))
		return;
	close_child(c);
	sweep_if_idle(c->h.loop);
}

static void
on_eventfd(void *ctx, int events UNUSED)
{
	struct loop_wake *w = ctx;
	uint64_t count;

	if (read(w->eventfd, &count, sizeof(count)) == (ssize_t)sizeof(count))
		w->fn(w->ctx);
}

struct loop_wake *
loop_add_wake(struct loop *l, void (*fn)(void *ctx), void *ctx)
{
	struct loop_wake *w = mem_alloc(sizeof(*w));

	w->eventfd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (w->eventfd < 0)
		die("eventfd: %s", strerror(errno));
	w->fn = fn;
	w->ctx = ctx;
	w->watch = loop_add_fd(l, w->eventfd, LOOP_READ, on_eventfd, w);
	return add(l, WAKES, w);
}

/* The only failure is a full counter: then the loop is awake anyway. */
void
loop_wake_up(struct loop_wake *w)
{
	const uint64_t one = 1;
	ssize_t done UNUSED = write(w->eventfd, &one, sizeof(one));
}

void
loop_wake_remove(struct loop_wake *w)
{
	if (!w || !bury(&w->h))
		return;
	bury(&w->watch->h);
	close(w->eventfd);
	sweep_if_idle(w->h.loop);
}

static int
wait_ms(const struct loop *l, int limit)
{
	const struct loop_timer *t = first_timer(l, 0);
	int64_t left = t ? t->due - clock_ms() : -1;

	if (l->check_children)
		return 0;
	if (!t)
		return limit;
	left = left < 0 ? 0 : left > INT_MAX ? INT_MAX : left;
	return limit >= 0 && limit < left ? limit : (int)left;
}

static size_t
count_fds(const struct loop *l)
{
	size_t n = 0;

	for (struct handle *h = l->lists[FDS]; h; h = h->next)
		n += !h->dead;
	return n;
}

/* A paused descriptor is left out, or a hang-up on it would keep poll from sleeping. */
static void
collect(const struct loop *l, struct pollfd *polls, struct loop_fd **handles)
{
	for (struct handle *h = l->lists[FDS]; h; h = h->next) {
		struct loop_fd *f = (struct loop_fd *)h;

		if (h->dead)
			continue;
		polls->fd = f->events ? f->fd : -1;
		polls->events =
			(short)((f->events & LOOP_READ ? POLLIN : 0) | (f->events & LOOP_WRITE ? POLLOUT : 0));
		polls->revents = 0;
		polls++;
		*handles++ = f;
	}
}

/* Errors and hang-ups go to whoever waits for anything: the read or write that follows tells what it is. */
static void
dispatch_fd(struct loop_fd *f, int revents)
{
	const int trouble = POLLHUP | POLLERR | POLLNVAL;
	int events = 0;

	if (revents & (POLLIN | trouble))
		events |= LOOP_READ;
	if (revents & (POLLOUT | trouble))
		events |= LOOP_WRITE;
	events &= f->events; /* a callback before this one may have paused it */
	if (events)
		f->fn(f->ctx, events);
}

/*
 * Ends early when a callback ran a round of its own: what is left may no longer be true, and poll tells again.
 */
static void
dispatch_fds(struct loop *l, const struct pollfd *polls, struct loop_fd *const *handles, size_t n)
{
	unsigned long round = l->rounds;

	for (size_t i = 0; i < n && l->rounds == round; i++) {
		if (polls[i].revents && !handles[i]->h.dead)
			dispatch_fd(handles[i], polls[i].revents);
	}
}

static bool
run_round(struct loop *l, int timeout_ms, struct err *e)
{
	size_t n = count_fds(l);
	AUTO(free) struct pollfd *polls = mem_array(n, sizeof(*polls));
	AUTO(free) struct loop_fd **handles = mem_array(n, sizeof(*handles));
	int ready;

	collect(l, polls, handles);
	ready = poll(polls, n, wait_ms(l, timeout_ms));
	if (ready < 0 && errno != EINTR && errno != EAGAIN)
		return err_sys(e, ERR_SOURCE, errno, "wait for events");
	if (l->check_children)
		check_children(l);
	if (ready > 0)
		dispatch_fds(l, polls, handles, n);
	run_timers(l);
	return true;
}

bool
loop_once(struct loop *l, int timeout_ms, struct err *e)
{
	bool ok;

	l->depth++;
	l->rounds++;
	ok = run_round(l, timeout_ms, e);
	l->depth--;
	sweep_if_idle(l);
	return ok;
}

bool
loop_run(struct loop *l, struct err *e)
{
	while (!l->stop) {
		if (!loop_once(l, -1, e))
			return false;
	}
	l->stop = false;
	return true;
}

void
loop_stop(struct loop *l)
{
	l->stop = true;
}

struct loop *
loop_new(struct err *e)
{
	struct loop *l = mem_alloc(sizeof(*l));

	l->phase = 1;
	sigemptyset(&l->signals);
	l->signal_fd = signalfd(-1, &l->signals, SFD_NONBLOCK | SFD_CLOEXEC);
	if (l->signal_fd < 0) {
		err_sys(e, ERR_SOURCE, errno, "signalfd");
		free(l);
		return NULL;
	}
	l->signal_watch = loop_add_fd(l, l->signal_fd, LOOP_READ, on_signal_fd, l);
	return l;
}

void
loop_free(struct loop *l)
{
	if (!l)
		return;
	assert(l->depth == 0);
	while (l->lists[WAKES])
		loop_wake_remove((struct loop_wake *)l->lists[WAKES]);
	while (l->lists[CHILDREN])
		loop_child_remove((struct loop_child *)l->lists[CHILDREN]);
	while (l->lists[SIGNALS])
		loop_signal_remove((struct loop_signal *)l->lists[SIGNALS]);
	while (l->lists[TIMERS])
		loop_timer_remove((struct loop_timer *)l->lists[TIMERS]);
	while (l->lists[FDS])
		loop_fd_remove((struct loop_fd *)l->lists[FDS]);
	close(l->signal_fd);
	free(l);
}
