/* SPDX-License-Identifier: Apache-2.0 */
/* Threads beside the one that has the keyboard. */
#ifndef CLI_THREAD_H
#define CLI_THREAD_H

#include <pthread.h>
#include <stdbool.h>

#include "base/err.h"

/* Starts one with all signals blocked: they are the loop's, and a thread that took one would lose it. */
bool thread_start(pthread_t *thread, void *(*fn)(void *arg), void *arg, struct err *e);

#endif
