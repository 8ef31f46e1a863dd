/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/loop.h"

#define ENOUGH_MS 10000 /* a bound for what happens at once; never waited for */

struct test {
	struct loop *loop;
	int pipe[2];
	int calls;
	int value;
	struct loop_fd *fd, *other_fd;
	struct loop_timer *timer, *other_timer;
	struct loop_signal *signal, *other_signal;
	struct loop_child *child;
	struct loop_wake *wake;
};

static int
setup(void **state)
{
	static struct test t;
	struct err e;

	memset(&t, 0, sizeof(t));
	t.loop = loop_new(&e);
	*state = &t;
	return t.loop ? pipe(t.pipe) : -1;
}

static int
teardown(void **state)
{
	struct test *t = *state;

	loop_free(t->loop);
	close(t->pipe[0]);
	close(t->pipe[1]);
	return 0;
}

static void
once(struct test *t, int timeout_ms)
{
	struct err e = {0};

	if (!loop_once(t->loop, timeout_ms, &e))
		fail_msg("%s", e.msg);
}

static void
feed(struct test *t)
{
	assert_int_equal(write(t->pipe[1], "x", 1), 1);
}

static void
on_read(void *ctx, int events)
{
	struct test *t = ctx;
	char c;

	assert_int_equal(events, LOOP_READ);
	assert_int_equal(read(t->pipe[0], &c, 1), 1);
	t->calls++;
}

static void
reads(void **state)
{
	struct test *t = *state;

	t->fd = loop_add_fd(t->loop, t->pipe[0], LOOP_READ, on_read, t);
	once(t, 0);
	assert_int_equal(t->calls, 0);
	feed(t);
	once(t, ENOUGH_MS);
	assert_int_equal(t->calls, 1);
	loop_fd_events(t->fd, 0); /* paused */
	feed(t);
	once(t, 0);
	assert_int_equal(t->calls, 1);
	loop_fd_events(t->fd, LOOP_READ);
	once(t, ENOUGH_MS);
	assert_int_equal(t->calls, 2);
	loop_fd_remove(t->fd);
	feed(t);
	once(t, 0);
	assert_int_equal(t->calls, 2);
}

static void
on_events(void *ctx, int events)
{
	struct test *t = ctx;

	t->value = events;
	t->calls++;
}

static void
writes_and_hangups(void **state)
{
	struct test *t = *state;

	loop_add_fd(t->loop, t->pipe[1], LOOP_WRITE, on_events, t);
	once(t, ENOUGH_MS);
	assert_int_equal(t->value, LOOP_WRITE);
	close(t->pipe[0]);
	t->value = 0;
	once(t, ENOUGH_MS);
	assert_int_equal(t->value, LOOP_WRITE); /* the write that follows tells of the hang-up */
	t->pipe[0] = dup(t->pipe[1]);
}

/* Both ends of the same pipe are ready; whichever comes first removes the other and itself. */
static void
remove_both(void *ctx, int events)
{
	struct test *t = ctx;

	(void)events;
	t->calls++;
	loop_fd_remove(t->fd);
	loop_fd_remove(t->other_fd);
}

static void
fds_removed_inside(void **state)
{
	struct test *t = *state;

	feed(t);
	t->fd = loop_add_fd(t->loop, t->pipe[0], LOOP_READ, remove_both, t);
	t->other_fd = loop_add_fd(t->loop, t->pipe[1], LOOP_WRITE, remove_both, t);
	once(t, ENOUGH_MS);
	assert_int_equal(t->calls, 1);
	once(t, 0);
	assert_int_equal(t->calls, 1);
	loop_fd_remove(NULL);
}

static void
pause_both(void *ctx, int events)
{
	struct test *t = ctx;

	(void)events;
	t->calls++;
	loop_fd_events(t->fd, 0);
	loop_fd_events(t->other_fd, 0);
}

static void
fds_paused_inside(void **state)
{
	struct test *t = *state;

	feed(t);
	t->fd = loop_add_fd(t->loop, t->pipe[0], LOOP_READ, pause_both, t);
	t->other_fd = loop_add_fd(t->loop, t->pipe[1], LOOP_WRITE, pause_both, t);
	once(t, ENOUGH_MS);
	once(t, 0);
	assert_int_equal(t->calls, 1);
}

/* The outer round must not report to the second handle what the inner round has already used up. */
static void
nested(void *ctx, int events)
{
	struct test *t = ctx;
	char c;

	(void)events;
	t->calls++;
	assert_int_equal(read(t->pipe[0], &c, 1), 1);
	once(t, 0);
	loop_fd_remove(t->fd);
	once(t, 0); /* an inner round does not free what the outer one holds */
}

static void
rounds_inside_rounds(void **state)
{
	struct test *t = *state;

	feed(t);
	t->fd = loop_add_fd(t->loop, t->pipe[0], LOOP_READ, nested, t);
	t->other_fd = loop_add_fd(t->loop, t->pipe[0], LOOP_READ, nested, t);
	once(t, ENOUGH_MS);
	assert_int_equal(t->calls, 1);
}

static void
count(void *ctx)
{
	((struct test *)ctx)->calls++;
}

static void
timers(void **state)
{
	struct test *t = *state;
	int64_t start = clock_ms();

	t->timer = loop_add_timer(t->loop, count, t);
	once(t, 0); /* not set */
	assert_int_equal(t->calls, 0);
	loop_timer_set(t->timer, 20);
	while (t->calls == 0)
		once(t, ENOUGH_MS);
	assert_true(clock_ms() - start >= 20);
	assert_true(clock_ms() - start < ENOUGH_MS);
	once(t, 0); /* fires once */
	assert_int_equal(t->calls, 1);
	loop_timer_set(t->timer, 0);
	loop_timer_cancel(t->timer);
	once(t, 0);
	assert_int_equal(t->calls, 1);
	loop_timer_set(t->timer, INT64_MAX);
	once(t, 0);
	assert_int_equal(t->calls, 1);
	loop_timer_set(t->timer, -5);
	once(t, ENOUGH_MS);
	assert_int_equal(t->calls, 2);
}

static void
set_again(void *ctx)
{
	struct test *t = ctx;

	t->calls++;
	loop_timer_set(t->timer, 0);
}

static void
timer_does_not_starve(void **state)
{
	struct test *t = *state;

	t->timer = loop_add_timer(t->loop, set_again, t);
	loop_timer_set(t->timer, 0);
	once(t, ENOUGH_MS);
	assert_int_equal(t->calls, 1);
	once(t, ENOUGH_MS);
	assert_int_equal(t->calls, 2);
}

static void
remove_timers(void *ctx)
{
	struct test *t = ctx;

	t->calls++;
	loop_timer_remove(t->timer);
	loop_timer_remove(t->other_timer);
}

static void
timers_removed_inside(void **state)
{
	struct test *t = *state;

	t->timer = loop_add_timer(t->loop, remove_timers, t);
	t->other_timer = loop_add_timer(t->loop, remove_timers, t);
	loop_timer_set(t->timer, 0);
	loop_timer_set(t->other_timer, 0);
	once(t, ENOUGH_MS);
	once(t, 0);
	assert_int_equal(t->calls, 1);
	loop_timer_remove(NULL);
}

static void
on_signal(void *ctx, int signo)
{
	struct test *t = ctx;

	t->calls++;
	t->value = signo;
}

static void
signals(void **state)
{
	struct test *t = *state;

	t->signal = loop_add_signal(t->loop, SIGUSR1, on_signal, t);
	t->other_signal = loop_add_signal(t->loop, SIGUSR1, on_signal, t);
	raise(SIGUSR1);
	once(t, ENOUGH_MS);
	assert_int_equal(t->calls, 2);
	assert_int_equal(t->value, SIGUSR1);
	loop_signal_remove(t->other_signal);
	raise(SIGUSR1); /* still blocked, or this would end the program */
	once(t, ENOUGH_MS);
	assert_int_equal(t->calls, 3);
}

static bool
is_blocked(int signo)
{
	sigset_t now;

	pthread_sigmask(SIG_BLOCK, NULL, &now);
	return sigismember(&now, signo) == 1;
}

static void
signal_mask_is_given_back(void **state)
{
	struct test *t = *state;

	t->signal = loop_add_signal(t->loop, SIGUSR1, on_signal, t);
	t->other_signal = loop_add_signal(t->loop, SIGUSR1, on_signal, t);
	loop_signal_remove(t->signal); /* the one that blocked it goes first */
	assert_true(is_blocked(SIGUSR1));
	loop_signal_remove(t->other_signal);
	assert_false(is_blocked(SIGUSR1));
	loop_signal_remove(NULL);
}

static void
remove_signals(void *ctx, int signo)
{
	struct test *t = ctx;

	(void)signo;
	t->calls++;
	loop_signal_remove(t->signal);
	loop_signal_remove(t->other_signal);
}

static void
signals_removed_inside(void **state)
{
	struct test *t = *state;

	t->signal = loop_add_signal(t->loop, SIGUSR1, remove_signals, t);
	t->other_signal = loop_add_signal(t->loop, SIGUSR1, remove_signals, t);
	raise(SIGUSR1);
	once(t, ENOUGH_MS);
	assert_int_equal(t->calls, 1);
}

static void
on_child(void *ctx, int status)
{
	struct test *t = ctx;

	t->calls++;
	t->value = status;
	loop_child_remove(t->child); /* it is gone already: no harm */
}

static pid_t
start_child(int status)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(status);
	assert_true(pid > 0);
	return pid;
}

static void
wait_for_child(struct test *t, int status)
{
	t->child = loop_add_child(t->loop, start_child(status), on_child, t);
	while (t->calls == 0)
		once(t, ENOUGH_MS);
	assert_true(WIFEXITED(t->value));
	assert_int_equal(WEXITSTATUS(t->value), status);
	once(t, 0);
	assert_int_equal(t->calls, 1);
}

static void
children(void **state)
{
	wait_for_child(*state, 7);
}

/* Without a free descriptor there is no pidfd, as on a kernel before 5.3. */
static void
children_without_pidfd(void **state)
{
	struct test *t = *state;
	struct rlimit old, none;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	none = old;
	none.rlim_cur = 3;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	t->child = loop_add_child(t->loop, start_child(9), on_child, t);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_true(is_blocked(SIGCHLD));
	while (t->calls == 0)
		once(t, ENOUGH_MS);
	assert_int_equal(WEXITSTATUS(t->value), 9);
}

static void
child_taken_by_somebody_else(void **state)
{
	struct test *t = *state;
	pid_t pid = start_child(0);

	t->child = loop_add_child(t->loop, pid, on_child, t);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	once(t, ENOUGH_MS);
	assert_int_equal(t->calls, 1);
	assert_int_equal(t->value, -1);
}

static void
child_removed(void **state)
{
	struct test *t = *state;
	pid_t pid = start_child(0);

	t->child = loop_add_child(t->loop, pid, on_child, t);
	loop_child_remove(t->child);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	once(t, 0);
	assert_int_equal(t->calls, 0);
	loop_child_remove(NULL);
}

static void *
wake_from_thread(void *ctx)
{
	struct test *t = ctx;

	loop_wake_up(t->wake);
	loop_wake_up(t->wake);
	return NULL;
}

static void
wakes(void **state)
{
	struct test *t = *state;
	pthread_t thread;

	t->wake = loop_add_wake(t->loop, count, t);
	assert_int_equal(pthread_create(&thread, NULL, wake_from_thread, t), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	once(t, ENOUGH_MS);
	assert_int_equal(t->calls, 1); /* two merged into one */
	once(t, 0);
	assert_int_equal(t->calls, 1);
}

static void
remove_wake(void *ctx)
{
	struct test *t = ctx;

	t->calls++;
	loop_wake_remove(t->wake);
}

static void
wake_removed_inside(void **state)
{
	struct test *t = *state;

	t->wake = loop_add_wake(t->loop, remove_wake, t);
	loop_wake_up(t->wake);
	once(t, ENOUGH_MS);
	once(t, 0);
	assert_int_equal(t->calls, 1);
	loop_wake_remove(NULL);
}

static void
stop(void *ctx)
{
	struct test *t = ctx;

	t->calls++;
	loop_stop(t->loop);
}

static void
runs_until_stopped(void **state)
{
	struct test *t = *state;
	struct err e;

	t->timer = loop_add_timer(t->loop, stop, t);
	loop_timer_set(t->timer, 0);
	assert_true(loop_run(t->loop, &e));
	loop_timer_set(t->timer, 0);
	assert_true(loop_run(t->loop, &e)); /* can be run again */
	assert_int_equal(t->calls, 2);
	loop_stop(t->loop);
	assert_true(loop_run(t->loop, &e)); /* stopped before it began */
	assert_int_equal(t->calls, 2);
}

/* Everything still registered goes with the loop; the leak checker watches. */
static void
freed_with_handles(void **state)
{
	struct test *t = *state;
	pid_t pid = start_child(0);

	loop_add_fd(t->loop, t->pipe[0], LOOP_READ, on_read, t);
	loop_add_timer(t->loop, count, t);
	loop_add_signal(t->loop, SIGUSR1, on_signal, t);
	loop_add_child(t->loop, pid, on_child, t);
	loop_add_wake(t->loop, count, t);
	loop_free(t->loop);
	t->loop = NULL;
	assert_false(is_blocked(SIGUSR1));
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(reads),
		TEST(writes_and_hangups),
		TEST(fds_removed_inside),
		TEST(fds_paused_inside),
		TEST(rounds_inside_rounds),
		TEST(timers),
		TEST(timer_does_not_starve),
		TEST(timers_removed_inside),
		TEST(signals),
		TEST(signal_mask_is_given_back),
		TEST(signals_removed_inside),
		TEST(children),
		TEST(children_without_pidfd),
		TEST(child_taken_by_somebody_else),
		TEST(child_removed),
		TEST(wakes),
		TEST(wake_removed_inside),
		TEST(runs_until_stopped),
		TEST(freed_with_handles),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
