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
#include "cli/history_copy.h"
#include "cli/keep.h"
#include "cli/thread.h"
#include "tui/agent_cells.h"

struct worker {
	void (*changed)(void *ctx);
	void *listener;
	struct cli *cli;
	struct loop_wake *wake;
	pthread_t thread;
	char *source; /* what is shown as the source's name */
	char *path; /* of the history; NULL: nothing is kept */
	bool reads_stdin;

	/* The loop's thread alone. */
	struct audit *shown;
	struct history_copy *copy; /* NULL: nothing is kept */
	int64_t run_on_screen;
	struct err failure; /* of the last reading; ERR_NONE when it was good */
	int64_t read_at;
	bool busy;

	pthread_mutex_t lock;
	pthread_cond_t work;
	bool wanted, ending; /* for the worker */
	bool run_wanted;
	int64_t run; /* whose changes are wanted; 0: none */
	bool done; /* by the worker: fresh and fresh_failure are new */
	struct audit *fresh;
	struct history_copy *fresh_copy;
	struct err fresh_failure;

	/* The worker alone. */
	struct fleet *fleet; /* that was read last, a reference; NULL */
};

/* ---- the worker */

/* What the history says of that fleet; NULL: nothing is kept. */
static struct history_copy *
read_history(const struct worker *w, int64_t run)
{
	if (!w->path)
		return NULL;
	return history_copy_read(&(struct history_wanted){
		.path = w->path,
		.namespace = w->cli->namespace,
		.selector = w->cli->selector,
		.fleet = w->fleet,
		.run = run,
	});
}

/* Read, and judged against the last run that was kept of it. NULL and e: it could not be read. */
static struct audit *
read_and_judge(struct worker *w, int64_t run, struct history_copy **copy, struct err *e)
{
	int64_t started_at = clock_now();
	struct fleet *f = cli_fleet_with_evidence(w->cli, e);
	struct audit_settings settings;

	if (!f)
		return NULL;
	fleet_unref(w->fleet);
	w->fleet = f;
	settings = w->cli->config->audit;
	*copy = read_history(w, run);
	if (*copy && (*copy)->baseline.name)
		settings.baseline = &(*copy)->baseline;
	return audit_new(f, &settings, started_at);
}

static void
put_down(struct worker *w, struct audit *a, struct history_copy *copy)
{
	if (a) {
		audit_unref(w->fresh);
		w->fresh = a;
	}
	if (copy) {
		history_copy_unref(w->fresh_copy);
		w->fresh_copy = copy;
	}
	if (!w->ending)
		loop_wake_up(w->wake);
}

static void *
work(void *arg)
{
	struct worker *w = arg;

	pthread_mutex_lock(&w->lock);
	for (;;) {
		struct history_copy *copy = NULL;
		struct audit *a = NULL;
		struct err e = {0};
		int64_t run;
		bool read;

		while (!w->wanted && !w->run_wanted && !w->ending)
			pthread_cond_wait(&w->work, &w->lock);
		if (w->ending)
			break;
		read = w->wanted;
		run = w->run;
		w->wanted = w->run_wanted = false;
		pthread_mutex_unlock(&w->lock);
		if (read)
			a = read_and_judge(w, run, &copy, &e);
		else if (w->fleet)
			copy = read_history(w, run);
		pthread_mutex_lock(&w->lock);
		if (read)
			w->fresh_failure = e;
		w->done |= read;
		put_down(w, a, copy);
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
	struct history_copy *copy;
	struct audit *fresh;

	pthread_mutex_lock(&w->lock);
	fresh = take(w->fresh);
	copy = take(w->fresh_copy);
	if (w->done) {
		w->failure = w->fresh_failure;
		w->busy = w->wanted;
	}
	w->done = false;
	pthread_mutex_unlock(&w->lock);
	if (copy) {
		history_copy_unref(w->copy);
		w->copy = copy;
	}
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

static void
look_at_run(void *ctx, int64_t run)
{
	struct worker *w = ctx;

	if (run == w->run_on_screen)
		return;
	w->run_on_screen = run;
	pthread_mutex_lock(&w->lock);
	w->run = run;
	w->run_wanted = true;
	pthread_cond_signal(&w->work);
	pthread_mutex_unlock(&w->lock);
}

static const struct history_view *
history(void *ctx)
{
	return &((struct worker *)ctx)->copy->view;
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

/* Where what was kept of these files is; NULL: nothing is. The demo never meets the user's. */
static char *
history_path(const struct cli *cli)
{
	AUTO(free) char *path = cli->demo || cli->no_store ? NULL : keep_path(cli);

	return path && *path ? take(path) : NULL;
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
	history_copy_unref(w->fresh_copy);
	history_copy_unref(w->copy);
	fleet_unref(w->fleet);
	free(w->path);
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
	w->path = history_path(cli);
	w->copy = w->path ? history_copy_none(w->path) : NULL;
	w->read_at = CLOCK_UNKNOWN;
	for (size_t i = 0; i < cli->paths.n; i++)
		w->reads_stdin |= str_eq(cli->paths.at[i], "-");
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->work, NULL);
	w->wake = loop_add_wake(loop, arrived, w);
	if (!thread_start(&w->thread, work, w, e)) {
		loop_wake_remove(w->wake);
		history_copy_unref(w->copy);
		free(w->path);
		free(w->source);
		free(w);
		return false;
	}
	start(w);
	*out = (struct feed){
		.source = {.ctx = w,
			   .data = newest,
			   .status = status,
			   .summary = summary,
			   .refresh = refresh,
			   .look_at_run = w->path ? look_at_run : NULL,
			   .history = w->path ? history : NULL},
		.listen = listen,
		.free = end,
	};
	return true;
}
