/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/archive.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/attr.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/vec.h"
#include "cli/pending.h"
#include "cli/thread.h"
#include "store/probes.h"
#include "store/sightings.h"
#include "store/source.h"

#define KEEP_OPEN_S 2 /* what comes soon after is written without opening it again */
#define RETRY_S 20
#define MOST_JOBS 4096 /* that wait to be written: more are given up, the oldest first */

enum job_kind { JOB_PROBES, JOB_SIGHTINGS, JOB_BEGIN, JOB_END };

/* Something to be written, in memory of its own. */
struct job {
	struct job *next;
	enum job_kind kind;
	struct arena arena;
	const struct probe_result *probes;
	size_t n_probes;
	const struct config_sighting *sightings;
	size_t n_sightings;
	struct action action; /* of an end: outcome, detail and duration_ms alone */
	unsigned number; /* of the action */
};

struct job_list {
	struct job *first, *last;
	size_t n;
};

/* Which rows actions of this session are, until they have ended. */
struct begun {
	unsigned number;
	int64_t id, at;
};

/* As the file was when it was read: what tells that somebody has written. */
struct signature {
	dev_t device;
	ino_t inode;
	struct {
		off_t size;
		struct timespec at;
	} file, log;
};

struct archive {
	struct archive_options opt;
	char *path;
	pthread_t thread;
	unsigned last_action; /* the callers' alone */

	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t work;
	struct job_list jobs;
	size_t given_up;
	struct fleet *fleet; /* that says which cluster it is, a reference; NULL before the first */
	int64_t run;
	bool to_read;
	struct history_copy *fresh;
	bool ending;

	/* Its own thread alone. */
	struct db *db; /* open to write; NULL */
	VEC(struct begun) begun;
	bool failing; /* and it was told */
	time_t retry_at; /* monotonic; what waits is not tried before */
	struct signature seen;
	bool has_seen;
	int64_t seen_run;
};

/* ---- jobs */

static void
job_free(struct job *j)
{
	arena_free(&j->arena);
	free(j);
}

static struct job *
shift(struct job_list *l)
{
	struct job *j = l->first;

	if (!j)
		return NULL;
	l->first = j->next;
	if (!l->first)
		l->last = NULL;
	l->n--;
	return j;
}

static void
push(struct job_list *l, struct job *j)
{
	if (l->last)
		l->last->next = j;
	else
		l->first = j;
	l->last = j;
	l->n++;
}

static struct job *
job_new(enum job_kind kind)
{
	struct job *j = mem_alloc(sizeof(*j));

	j->kind = kind;
	return j;
}

static void
hand_over(struct archive *a, struct job *j)
{
	struct job *dropped = NULL;

	pthread_mutex_lock(&a->lock);
	push(&a->jobs, j);
	if (a->jobs.n > MOST_JOBS) {
		dropped = shift(&a->jobs);
		a->given_up++;
	}
	pthread_cond_signal(&a->work);
	pthread_mutex_unlock(&a->lock);
	if (dropped)
		job_free(dropped);
}

void
archive_probes(struct archive *a, const struct probe_result *at, size_t n)
{
	struct job *j = job_new(JOB_PROBES);
	struct probe_result *copy = ARENA_ARRAY(&j->arena, struct probe_result, n);

	for (size_t i = 0; i < n; i++)
		copy[i] = probe_result_copy(&j->arena, &at[i]);
	j->probes = copy;
	j->n_probes = n;
	hand_over(a, j);
}

void
archive_sightings(struct archive *a, const struct config_sighting *at, size_t n)
{
	struct job *j = job_new(JOB_SIGHTINGS);
	struct config_sighting *copy = ARENA_ARRAY(&j->arena, struct config_sighting, n);

	for (size_t i = 0; i < n; i++)
		copy[i] = config_sighting_copy(&j->arena, &at[i]);
	j->sightings = copy;
	j->n_sightings = n;
	hand_over(a, j);
}

unsigned
archive_begin(struct archive *a, const struct action *action)
{
	struct job *j = job_new(JOB_BEGIN);

	j->number = ++a->last_action;
	j->action = action_copy(&j->arena, action);
	hand_over(a, j);
	return a->last_action;
}

void
archive_end(struct archive *a, unsigned action, const char *outcome, const char *detail, int64_t duration_ms)
{
	struct job *j = job_new(JOB_END);

	j->number = action;
	j->action = (struct action){
		.outcome = arena_strdup(&j->arena, outcome),
		.detail = arena_strdup(&j->arena, detail),
		.duration_ms = duration_ms,
	};
	hand_over(a, j);
}

/* ---- writing, on its thread */

static time_t
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

static void
on_tell(void *ctx, const char *text)
{
	struct archive *a = ctx;

	notices_add(a->opt.notices, STYLE_WARN, "%s", text);
	a->opt.news(a->opt.ctx);
}

static bool
begin(struct archive *a, const struct fleet *f, const struct job *j, struct err *e)
{
	struct cluster_key key = cluster_key_of(f);
	struct action_cluster cluster = {key.uid, key.address, key.server};
	int64_t id;

	if (!actions_begin(a->db, &cluster, &j->action, &id, e))
		return false;
	vec_push(&a->begun, (struct begun){j->number, id, j->action.at});
	return true;
}

/* One whose beginning was given up is in no row. */
static bool
end(struct archive *a, const struct job *j, struct err *e)
{
	for (size_t i = 0; i < a->begun.n; i++) {
		const struct begun *b = &a->begun.at[i];

		if (b->number != j->number)
			continue;
		if (!actions_end(a->db, b->id, b->at, j->action.outcome, j->action.detail, j->action.duration_ms,
				 e))
			return false;
		a->begun.at[i] = a->begun.at[--a->begun.n];
		return true;
	}
	return true;
}

static bool
write_job(struct archive *a, const struct fleet *f, const struct job *j, struct err *e)
{
	switch (j->kind) {
	case JOB_PROBES:
		return probes_write(a->db, f, j->probes, j->n_probes, e);
	case JOB_SIGHTINGS:
		return sightings_write(a->db, f, j->sightings, j->n_sightings, e);
	case JOB_BEGIN:
		return begin(a, f, j, e);
	case JOB_END:
		return end(a, j, e);
	}
	return false;
}

static bool
open_db(struct archive *a, struct err *e)
{
	if (!a->db)
		a->db = db_open(&(struct db_options){.path = a->path, .use = DB_WRITE, .tell = on_tell, .ctx = a},
				e);
	return a->db != NULL;
}

static void
close_db(struct archive *a)
{
	db_close(take(a->db));
}

/* In order; what is left in the list could not be written, and e says why. */
static bool
write_all(struct archive *a, const struct fleet *f, struct job_list *jobs, struct err *e)
{
	while (jobs->first) {
		if (!open_db(a, e))
			return false;
		/* Rows of a file that was damaged and is gone have no end; what is written now goes into the new one. */
		if (!write_job(a, f, jobs->first, e) && !(db_renew(a->db, e) && write_job(a, f, jobs->first, e)))
			return false;
		job_free(shift(jobs));
	}
	return true;
}

static void
tell_failure(struct archive *a, const struct err *e)
{
	log_warn("history: %s", e->msg);
	if (a->failing)
		return;
	a->failing = true;
	notices_add(a->opt.notices, STYLE_BAD, "what moat does now is not in the history: %s", e->msg);
	a->opt.news(a->opt.ctx);
}

static void
tell_recovery(struct archive *a)
{
	if (!a->failing)
		return;
	a->failing = false;
	notices_add(a->opt.notices, STYLE_OK, "the history is written again");
	a->opt.news(a->opt.ctx);
}

static void
work_off(struct archive *a, const struct fleet *f, struct job_list *jobs)
{
	struct err e = {0};

	if (write_all(a, f, jobs, &e)) {
		tell_recovery(a);
		return;
	}
	tell_failure(a, &e);
	close_db(a);
	a->retry_at = now() + RETRY_S;
}

/* ---- reading, on its thread */

static void
look_at_file(const char *path, off_t *size, struct timespec *at, struct stat *st)
{
	if (stat(path, st) != 0)
		*st = (struct stat){0};
	*size = st->st_size;
	*at = st->st_mtim;
}

static struct signature
signature_of(const char *path)
{
	AUTO(free) char *log = mem_printf("%s-wal", path);
	struct signature s;
	struct stat st;

	memset(&s, 0, sizeof(s)); /* compared as bytes */
	look_at_file(log, &s.log.size, &s.log.at, &st);
	look_at_file(path, &s.file.size, &s.file.at, &st);
	s.device = st.st_dev;
	s.inode = st.st_ino;
	return s;
}

/* What changes while it is read is read again the next time. */
static void
read_anew(struct archive *a, const struct fleet *f, int64_t run)
{
	struct signature is = signature_of(a->path);
	struct history_copy *c, *old;

	if (a->has_seen && run == a->seen_run && memcmp(&is, &a->seen, sizeof(is)) == 0)
		return;
	c = history_copy_read(&(struct history_wanted){
		.path = a->path,
		.namespace = a->opt.namespace,
		.selector = a->opt.selector,
		.fleet = f,
		.run = run,
	});
	a->seen = is;
	a->has_seen = !c->view.error;
	a->seen_run = run;
	pthread_mutex_lock(&a->lock);
	old = a->fresh;
	a->fresh = c;
	pthread_mutex_unlock(&a->lock);
	history_copy_unref(old);
	a->opt.news(a->opt.ctx);
}

/* ---- the thread */

static bool
may_write(const struct archive *a)
{
	return a->jobs.first && (a->ending || now() >= a->retry_at);
}

/* Until there is something to do, or time to close the file or to try again. Holds the lock. */
static void
wait_for_work(struct archive *a)
{
	while (!a->ending && !a->to_read && !may_write(a)) {
		struct timespec until = {.tv_sec = a->db ? now() + KEEP_OPEN_S : a->retry_at};

		if (!a->db && !a->jobs.first) {
			pthread_cond_wait(&a->work, &a->lock);
		} else if (pthread_cond_timedwait(&a->work, &a->lock, &until) == ETIMEDOUT && a->db) {
			pthread_mutex_unlock(&a->lock);
			close_db(a);
			pthread_mutex_lock(&a->lock);
		}
	}
}

/* Puts back, before what came meanwhile, what could not be written. */
static void
put_back(struct archive *a, struct job_list *left)
{
	struct job *j;

	while ((j = shift(&a->jobs)) != NULL) {
		j->next = NULL;
		push(left, j);
	}
	a->jobs = *left;
}

static void *
work(void *arg)
{
	struct archive *a = arg;

	pthread_mutex_lock(&a->lock);
	for (;;) {
		struct job_list jobs = {0};
		struct fleet *f;
		int64_t run;
		bool ending, reads;

		wait_for_work(a);
		if (may_write(a)) {
			jobs = a->jobs;
			a->jobs = (struct job_list){0};
		}
		f = a->fleet ? fleet_ref(a->fleet) : NULL;
		run = a->run;
		reads = a->to_read && !a->ending;
		a->to_read = false;
		ending = a->ending;
		pthread_mutex_unlock(&a->lock);
		if (jobs.first)
			work_off(a, f, &jobs);
		if (reads)
			read_anew(a, f, run);
		fleet_unref(f);
		pthread_mutex_lock(&a->lock);
		put_back(a, &jobs);
		if (ending)
			break;
	}
	pthread_mutex_unlock(&a->lock);
	close_db(a);
	return NULL;
}

/* ---- the callers */

void
archive_read(struct archive *a, struct fleet *f, int64_t run)
{
	struct fleet *old;

	pthread_mutex_lock(&a->lock);
	old = a->fleet;
	a->fleet = fleet_ref(f);
	a->run = run;
	a->to_read = true;
	pthread_cond_signal(&a->work);
	pthread_mutex_unlock(&a->lock);
	fleet_unref(old);
}

struct history_copy *
archive_take(struct archive *a)
{
	struct history_copy *c;

	pthread_mutex_lock(&a->lock);
	c = take(a->fresh);
	pthread_mutex_unlock(&a->lock);
	return c;
}

struct archive *
archive_new(const struct archive_options *opt, struct err *e)
{
	struct archive *a = mem_alloc(sizeof(*a));
	pthread_condattr_t clock;

	a->opt = *opt;
	a->path = mem_strdup(opt->path);
	pthread_mutex_init(&a->lock, NULL);
	pthread_condattr_init(&clock);
	pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	pthread_cond_init(&a->work, &clock);
	pthread_condattr_destroy(&clock);
	if (thread_start(&a->thread, work, a, e))
		return a;
	free(a->path);
	free(a);
	return NULL;
}

void
archive_free(struct archive *a)
{
	struct job *j;

	if (!a)
		return;
	pthread_mutex_lock(&a->lock);
	a->ending = true;
	pthread_cond_signal(&a->work);
	pthread_mutex_unlock(&a->lock);
	pthread_join(a->thread, NULL);
	a->given_up += a->jobs.n;
	if (a->given_up)
		fprintf(stderr,
			"moat: warning: %zu of what was done is not in the history %s: it could not be written\n",
			a->given_up, a->path);
	while ((j = shift(&a->jobs)) != NULL)
		job_free(j);
	fleet_unref(a->fleet);
	history_copy_unref(a->fresh);
	vec_free(&a->begun);
	free(a->path);
	pthread_mutex_destroy(&a->lock);
	pthread_cond_destroy(&a->work);
	free(a);
}
