/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one poll loop of a thread: descriptors, timers, signals and children. Callbacks run on the thread that runs the
 * loop and must not block. Handles are freed by the loop; a handle may be removed inside any callback.
 */
#ifndef BASE_LOOP_H
#define BASE_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

struct loop;
struct loop_fd;
struct loop_timer;
struct loop_signal;
struct loop_child;

#define LOOP_READ 1
#define LOOP_WRITE 2

struct loop *loop_new(struct err *e);
void loop_free(struct loop *l); /* NULL is fine; whatever is still registered goes with it */

/* Runs until loop_stop. false when poll itself fails. */
bool loop_run(struct loop *l, struct err *e);
void loop_stop(struct loop *l);
/* One round: waits at most timeout_ms (-1: until something happens), for tests and nested waits. */
bool loop_once(struct loop *l, int timeout_ms, struct err *e);

struct loop_fd *loop_add_fd(struct loop *l, int fd, int events, void (*fn)(void *ctx, int events), void *ctx);
void loop_fd_events(struct loop_fd *h, int events); /* 0 pauses it */
void loop_fd_remove(struct loop_fd *h); /* does not close the descriptor; NULL is fine */

/* Fires once, ms after it was last set; set again from its callback for a period. */
struct loop_timer *loop_add_timer(struct loop *l, void (*fn)(void *ctx), void *ctx);
void loop_timer_set(struct loop_timer *t, int64_t ms);
void loop_timer_cancel(struct loop_timer *t); /* stays usable */
void loop_timer_remove(struct loop_timer *t);

/*
 * By signalfd: blocks the signal in this thread. Start other threads after the last of these. A child inherits what
 * is blocked: unblock it between fork and exec (POSIX_SPAWN_SETSIGMASK).
 */
struct loop_signal *loop_add_signal(struct loop *l, int signo, void (*fn)(void *ctx, int signo), void *ctx);
void loop_signal_remove(struct loop_signal *s);

/*
 * fn gets the status of waitpid once the child has ended (by pidfd, or SIGCHLD where there is none); -1 when
 * somebody else took the status. The handle goes away by itself after that one call; removing it does not end
 * the child.
 */
struct loop_child *loop_add_child(struct loop *l, pid_t pid, void (*fn)(void *ctx, int status), void *ctx);
void loop_child_remove(struct loop_child *c);

/* Wakes a loop from another thread: fn runs on the loop's thread. Wakes may merge. */
struct loop_wake;
struct loop_wake *loop_add_wake(struct loop *l, void (*fn)(void *ctx), void *ctx);
void loop_wake_up(struct loop_wake *w); /* any thread, until the loop's thread removes it */
void loop_wake_remove(struct loop_wake *w);

#endif
