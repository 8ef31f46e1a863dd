/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/worker.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/text.h"
#include "cli/thread.h"
#include "tui/agent_cells.h"

struct worker {
	void (*changed)(void *ctx);
	void *listener;
	struct cli *cli;
	struct loop_wake *wake;
	pthread_t thread;
	char *source; /* what is shown as the source's name */
	bool reads_stdin;

	/* The loop's thread alone. */
	struct audit *shown;
	struct err failure; /* of the last reading; ERR_NONE when it was good */
	int64_t read_at;
	bool busy;

	pthread_mutex_t lock;
	pthread_cond_t work;
	bool wanted, ending; /* for the worker */
	bool done; /* by the worker: fresh and fresh_failure are new */
	struct audit *fresh;
	struct err fresh_failure;
};

static void *
work(void *arg)
{
	struct worker *w = arg;

	pthread_mutex_lock(&w->lock);
	for (;;) {
		struct err e = {0};
		struct audit *a;

		while (!w->wanted && !w->ending)
			pthread_cond_wait(&w->work, &w->lock);
		if (w->ending)
			break;
		w->wanted = false;
		pthread_mutex_unlock(&w->lock);
		a = cli_audit(w->cli, &e);
		pthread_mutex_lock(&w->lock);
		audit_unref(w->fresh);
		w->fresh = a;
		w->fresh_failure = e;
		w->done = true;
		if (!w->ending)
			loop_wake_up(w->wake);
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

static void
tell(struct worker *w)
{
	if (w->changed)
		w->changed(w->listener);
}

/* A reading that failed leaves on the screen what was there, as stale. */
static void
arrived(void *arg)
{
	struct worker *w = arg;
	struct audit *fresh;
	bool done;

	pthread_mutex_lock(&w->lock);
	done = w->done;
	fresh = take(w->fresh);
	w->failure = w->fresh_failure;
	w->done = false;
	w->busy = w->wanted;
	pthread_mutex_unlock(&w->lock);
	if (!done)
		return;
	if (fresh) {
		audit_unref(w->shown);
		w->shown = fresh;
		w->read_at = clock_now();
	}
	tell(w);
}

static void
start(struct worker *w)
{
	pthread_mutex_lock(&w->lock);
	w->wanted = true;
	pthread_cond_signal(&w->work);
	pthread_mutex_unlock(&w->lock);
	w->busy = true;
}

static void
refresh(void *ctx)
{
	struct worker *w = ctx;

	if (w->reads_stdin)
		err_set(&w->failure, ERR_INPUT, 0, "standard input can be read only once");
	else
		start(w);
	tell(w);
}

static const void *
newest(void *ctx)
{
	return ((struct worker *)ctx)->shown;
}

static enum app_state
state_of(const struct worker *w)
{
	bool failed = w->failure.kind != ERR_NONE;

	if (!w->shown)
		return failed ? APP_FAILED : APP_LOADING;
	if (failed)
		return APP_STALE;
	return w->shown->n_agents || w->shown->n_companions ? APP_LIVE : APP_EMPTY;
}

static struct app_status
status(void *ctx)
{
	const struct worker *w = ctx;
	bool failed = w->failure.kind != ERR_NONE;

	return (struct app_status){
		.state = state_of(w),
		.source = w->source,
		.scope = w->cli->namespace ? w->cli->namespace : "all namespaces",
		.message = failed ? w->failure.msg : NULL,
		.since = w->read_at,
		.busy = w->busy,
		.read_only = w->cli->read_only,
	};
}

static size_t
summary(void *ctx, struct cell *cells, size_t max, struct arena *a)
{
	const struct worker *w = ctx;

	return w->shown ? cells_summary(w->shown, cells, max, a) : 0;
}

static char *
source_name(const struct cli *cli)
{
	AUTO(buf) struct buf name = {0};

	if (cli->demo)
		return mem_strdup("demo");
	if (cli->paths.n > 1)
		return mem_printf("%zu paths", cli->paths.n);
	text_safe(&name, cli->paths.at[0], strlen(cli->paths.at[0]));
	return buf_take(&name);
}

static bool
paths_are_there(const struct cli *cli, struct err *e)
{
	for (size_t i = 0; i < cli->paths.n; i++)
		if (!str_eq(cli->paths.at[i], "-") && access(cli->paths.at[i], R_OK) != 0)
			return err_sys(e, ERR_INPUT, errno, "%s", cli->paths.at[i]);
	return true;
}

static void
listen(void *ctx, void (*fn)(void *arg), void *arg)
{
	struct worker *w = ctx;

	w->changed = fn;
	w->listener = arg;
}

/*
 * A reading of gigabytes cannot be broken off, and nobody who quits waits for it: then the worker keeps what it works on
 * until the process ends.
 */
static void
end(void *ctx)
{
	struct worker *w = ctx;

	pthread_mutex_lock(&w->lock);
	w->ending = true;
	pthread_cond_signal(&w->work);
	pthread_mutex_unlock(&w->lock);
	loop_wake_remove(w->wake);
	if (w->busy) {
		pthread_detach(w->thread);
		return;
	}
	pthread_join(w->thread, NULL);
	audit_unref(w->fresh);
	audit_unref(w->shown);
	pthread_mutex_destroy(&w->lock);
	pthread_cond_destroy(&w->work);
	free(w->source);
	free(w);
}

bool
worker_open(struct cli *cli, struct loop *loop, struct feed *out, struct err *e)
{
	struct worker *w;

	/* A config file that is wrong, or a path that is not there, is an error before the screen is taken. */
	if (!cli_config(cli, e) || !paths_are_there(cli, e))
		return false;
	w = mem_alloc(sizeof(*w));
	w->cli = cli;
	w->source = source_name(cli);
	w->read_at = CLOCK_UNKNOWN;
	for (size_t i = 0; i < cli->paths.n; i++)
		w->reads_stdin |= str_eq(cli->paths.at[i], "-");
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->work, NULL);
	w->wake = loop_add_wake(loop, arrived, w);
	if (!thread_start(&w->thread, work, w, e)) {
		loop_wake_remove(w->wake);
		free(w->source);
		free(w);
		return false;
	}
	start(w);
	*out = (struct feed){
		.source = {.ctx = w, .data = newest, .status = status, .summary = summary, .refresh = refresh},
		.listen = listen,
		.free = end,
	};
	return true;
}
