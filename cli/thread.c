/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/thread.h"

#include <signal.h>

bool
thread_start(pthread_t *thread, void *(*fn)(void *arg), void *arg, struct err *e)
{
	sigset_t all, before;
	int code;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	code = pthread_create(thread, NULL, fn, arg);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return code == 0 || err_sys(e, ERR_SOURCE, code, "start a thread");
}
