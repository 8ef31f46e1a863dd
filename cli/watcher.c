/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/watcher.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/archive.h"
#include "cli/cluster.h"
#include "cli/keep.h"
#include "cli/lookout.h"
#include "cli/notices.h"
#include "cli/operations.h"
#include "cli/own_key.h"
#include "cli/pending.h"
#include "cli/thread.h"
#include "fleet/proof.h"
#include "fleet/update.h"
#include "tui/agent_cells.h"

#define GATHER_MS 200 /* changes of one moment are one fleet */
#define SHARE 5
#define LONGEST_REST_MS 5000
#define JUDGE_MS 60000 /* exemptions end though nothing changes */
#define STATUS_MS 1000 /* how often the age of what is shown is looked at */
#define EVIDENCE_MS 1000 /* what is found out within a second is one evidence */
#define HISTORY_MS 10000 /* how often it is looked whether another moat has written */

/* What both threads read: copied under the lock. */
struct watcher_status {
	enum app_state state;
	struct err err;
	int64_t heard_at; /* clock_ms; -1 */
	bool busy, insecure, wants_terminal;
	char note[160]; /* what a credential plugin is waited for */
};

/* What is on the screen now, from one thread to the other. */
struct looked_at {
	bool agent_changed, run_changed;
	struct workload_key agent; /* strings of its own; name NULL: none */
	int64_t run; /* 0: none */
};

struct watcher {
	struct cli *cli;

	/* The console's thread alone. */
	void (*changed)(void *ctx);
	void *listener;
	struct loop_wake *wake;
	struct audit *shown;
	struct watcher_status now;
	char message[sizeof(((struct err *)0)->msg) + 200];
	pthread_t thread;
	struct history_copy *copy; /* that is shown; NULL: nothing is kept */
	struct workload_key agent_on_screen; /* strings of its own; name NULL: none */
	int64_t run_on_screen;

	/* These mind the threads by themselves. */
	struct operations *operations;
	struct notices *notices;
	struct archive *archive; /* NULL: nothing is kept */

	pthread_mutex_t lock; /* of what follows */
	struct audit *fresh;
	struct history_copy *fresh_copy;
	struct watcher_status fresh_status;
	bool wants_refresh, terminal_lent, ending;
	struct looked_at looked_at;

	/* The cluster's thread alone; its loop_wake may be used by both. */
	struct loop *loop;
	struct loop_wake *nudge;
	struct kube *kube;
	struct source source;
	struct cluster *cluster;
	struct loop_timer *build, *tick;
	bool build_due;
	int64_t build_at; /* clock_ms */
	struct audit_settings settings; /* the config file's, and what the history has to compare with */
	struct history_copy *last_copy; /* where that lies, a reference; NULL */
	bool other_baseline; /* than the last audit was compared with */
	struct evidence *evidence; /* the newest, a reference; NULL: none */
	struct pending pending; /* what is not in it yet */
	struct pending unwritten; /* what of that the history has not been handed */
	struct lookout *lookout;
	int64_t run; /* whose changes are on the screen; 0 */
	int64_t history_ms; /* clock_ms when it was looked at last */
	char *who; /* for the history */
	int64_t judged_ms; /* clock_ms of the last judging */
	bool made_anew; /* the fleet of the last audit was, and nobody was told yet */
	bool outdated; /* what changed cannot be folded in: a fleet has to be made */
	int64_t made_ms, make_took_ms; /* clock_ms when the last one was, and how long it took */
	void (*granted)(void *arg); /* what waits for the terminal; NULL: nothing does */
	void *granted_arg;
	struct credential_terminal terminal;
	struct audit *built; /* a reference */
	char *gaps; /* of its fleet */
	struct arena scratch;
	struct watcher_status status;
};

/* ---- on the cluster's thread */

static void
hand_over(struct watcher *w, struct audit *a)
{
	struct audit *old = NULL;

	pthread_mutex_lock(&w->lock);
	if (a) {
		old = w->fresh;
		w->fresh = audit_ref(a);
	}
	w->fresh_status = w->status;
	if (!w->ending)
		loop_wake_up(w->wake);
	pthread_mutex_unlock(&w->lock);
	audit_unref(old);
}

/* How an operation goes, and notices, are told by the same wake as everything else. */
static void
on_news(void *ctx)
{
	hand_over(ctx, NULL);
}

static enum app_state
app_state_of(const struct watcher *w, const struct cluster_status *s)
{
	switch (s->state) {
	case CLUSTER_LOADING:
		return w->built ? APP_LIVE : APP_LOADING;
	case CLUSTER_LIVE:
		if (w->built && !w->built->n_agents && !w->built->n_companions)
			return APP_EMPTY;
		return w->built ? APP_LIVE : APP_LOADING;
	case CLUSTER_STALE:
		return w->built ? APP_STALE : APP_FAILED;
	case CLUSTER_FORBIDDEN:
		return APP_FORBIDDEN;
	case CLUSTER_FAILED:
		break;
	}
	return w->built ? APP_STALE : APP_FAILED;
}

static void
update_status(struct watcher *w)
{
	struct cluster_status s = cluster_status(w->cluster);

	w->status.state = app_state_of(w, &s);
	w->status.err = s.err;
	w->status.heard_at = s.heard_ms;
	w->status.busy = s.state == CLUSTER_LOADING;
}

/* What could not be read, as one text: is it still the same? */
static char *
gaps_text(struct watcher *w)
{
	AUTO(buf) struct buf text = {0};
	struct gap *gaps;
	size_t n = cluster_gaps(w->cluster, &w->scratch, &gaps);

	for (size_t i = 0; i < n; i++)
		buf_addf(&text, "%u %s %s %s\n", (unsigned)gaps[i].fact, gaps[i].kind, gaps[i].namespace, gaps[i].reason);
	return buf_take(&text);
}

/* A build at the latest then; one that is due sooner stands. */
static void
build_within(struct watcher *w, int64_t ms)
{
	int64_t at = clock_ms() + ms;

	if (w->build_due && w->build_at <= at)
		return;
	w->build_due = true;
	w->build_at = at;
	loop_timer_set(w->build, ms);
}

/* ---- what is known besides objects */

static struct fleet *
newest_fleet(void *ctx)
{
	const struct watcher *w = ctx;

	return w->built ? w->built->fleet : NULL;
}

static void
on_probed(void *ctx, const struct probe_result *r)
{
	struct watcher *w = ctx;

	pending_probe(&w->pending, r);
	if (w->archive)
		pending_probe(&w->unwritten, r);
	build_within(w, EVIDENCE_MS);
}

static void
on_saw(void *ctx, const struct config_sighting *config, const struct health_sighting *health)
{
	struct watcher *w = ctx;

	if (config)
		pending_config(&w->pending, config);
	if (config && w->archive)
		pending_config(&w->unwritten, config);
	if (health)
		pending_health(&w->pending, health);
	if (!config && !health)
		pending_logs_read(&w->pending);
	build_within(w, EVIDENCE_MS);
}

static void
on_restarted(void *ctx, const struct operation_target *t)
{
	lookout_restarted(((struct watcher *)ctx)->lookout, t);
}

/* The first time, and later when another moat may have written. */
static void
look_at_history(struct watcher *w, bool again)
{
	if (!w->archive || !w->built || (!again && w->last_copy))
		return;
	w->history_ms = clock_ms();
	archive_read(w->archive, w->built->fleet, w->run);
}

/* The copy goes to the screens; its probes are evidence, its last run is what findings are compared with. */
static void
take_history(struct watcher *w)
{
	struct history_copy *c = w->archive ? archive_take(w->archive) : NULL, *old = w->last_copy, *unseen;
	const char *before = old ? old->baseline.name : NULL;

	if (!c)
		return;
	if (!str_eq(before, c->baseline.name))
		w->other_baseline = true;
	w->last_copy = c;
	w->settings.baseline = c->baseline.name ? &c->baseline : NULL;
	pending_history(&w->pending, c->probes, c->n_probes, c->view.error);
	pthread_mutex_lock(&w->lock);
	unseen = w->fresh_copy;
	w->fresh_copy = history_copy_ref(c);
	pthread_mutex_unlock(&w->lock);
	history_copy_unref(unseen);
	history_copy_unref(old);
	hand_over(w, NULL);
	build_within(w, EVIDENCE_MS);
}

/* ---- the next audit */

static void
write_findings(struct watcher *w)
{
	if (w->unwritten.probes.n)
		archive_probes(w->archive, w->unwritten.probes.at, w->unwritten.probes.n);
	if (w->unwritten.configs.n)
		archive_sightings(w->archive, w->unwritten.configs.at, w->unwritten.configs.n);
	pending_clear(&w->unwritten);
}

static void
fold_evidence(struct watcher *w)
{
	struct evidence *old = w->evidence;

	write_findings(w);
	if (!w->pending.any)
		return;
	w->evidence = pending_fold(&w->pending, old);
	evidence_unref(old);
}

static void
touch_too(struct fleet_touched *all, struct fleet_touched *more)
{
	for (size_t i = 0; i < more->places.n; i++)
		vec_push(&all->places, more->places.at[i]);
	u32_list_sort_unique(&all->places);
	fleet_touched_free(more);
}

/*
 * The present fleet with what changed folded in, objects first, then what is known of them. NULL where that
 * does not do.
 */
static struct fleet *
next_fleet(struct watcher *w, const struct cluster_changes *changes, struct fleet_touched *touched)
{
	struct fleet_change *at = ARENA_ARRAY(&w->scratch, struct fleet_change, changes->n);
	struct fleet_touched proved = {0};
	struct fleet *next, *objects;

	if (clock_now() > w->built->next_expiry)
		return NULL;
	for (size_t i = 0; i < changes->n; i++)
		at[i] = (struct fleet_change){changes->at[i].before, changes->at[i].after};
	objects = fleet_update(w->built->fleet, at, changes->n, touched);
	if (!objects || !w->pending.any)
		return objects;
	fold_evidence(w);
	next = fleet_prove(objects, w->evidence, &proved);
	fleet_unref(objects);
	touch_too(touched, &proved);
	return next;
}

/*
 * The present audit with what changed folded in, the present one when nothing did; NULL: it has to be made anew.
 */
static struct audit *
update(struct watcher *w, const struct cluster_changes *changes, const char *gaps)
{
	struct fleet_touched touched = {0};
	struct audit *a = NULL;
	struct fleet *next;

	if (!w->built || changes->too_many || !str_eq(gaps, w->gaps))
		return NULL;
	if (!changes->n && !w->pending.any && !w->other_baseline && clock_ms() - w->judged_ms < JUDGE_MS)
		return audit_ref(w->built);
	next = next_fleet(w, changes, &touched);
	if (!next)
		return NULL;
	if (!w->other_baseline)
		a = audit_update(w->built, next, &touched, &w->settings, clock_now());
	if (!a)
		a = audit_new(next, &w->settings, clock_now());
	fleet_touched_free(&touched);
	fleet_unref(next);
	w->other_baseline = false;
	w->judged_ms = clock_ms();
	return a;
}

/* What is known besides objects is folded in first: a fleet that is made anew has it from its beginning. */
static struct fleet *
prove(struct watcher *w, struct fleet *f)
{
	struct fleet_touched touched;
	struct fleet *proved;

	if (!w->evidence)
		return f;
	proved = fleet_prove(f, w->evidence, &touched);
	fleet_touched_free(&touched);
	fleet_unref(f);
	return proved;
}

static struct audit *
make(struct watcher *w)
{
	struct err e = {0};
	struct fleet *f = cli_fleet_of(w->cli, &w->source, w->cluster, &e);
	struct audit *a;

	if (!f)
		return NULL;
	fold_evidence(w);
	w->evidence = pending_prune(w->evidence, f);
	f = prove(w, f);
	a = audit_new(f, &w->settings, clock_now());
	fleet_unref(f);
	w->other_baseline = false;
	return a;
}

/*
 * A fleet that is made anew again and again takes at most one part in SHARE of the time: how long to wait, at
 * most 5 s.
 */
static int64_t
rest_ms(const struct watcher *w)
{
	int64_t rest = w->make_took_ms * SHARE, past = clock_ms() - w->made_ms;

	rest = rest > LONGEST_REST_MS ? LONGEST_REST_MS : rest;
	return !w->built || past >= rest ? 0 : rest - past;
}

/* The next audit; NULL: there is none yet, or it has to wait for its turn. */
static struct audit *
next_audit(struct watcher *w)
{
	struct cluster_changes changes = {0};
	int64_t start = clock_ms(), rest;
	AUTO(free) char *gaps = gaps_text(w);
	struct audit *a = NULL;

	cluster_take_changes(w->cluster, &changes);
	if (!w->outdated)
		a = update(w, &changes, gaps);
	w->outdated = !a;
	rest = a ? 0 : rest_ms(w);
	if (rest) {
		build_within(w, rest);
	} else if (!a) {
		a = make(w);
		free(w->gaps);
		w->gaps = take(gaps);
		w->outdated = !a; /* what changed until now is in no fleet yet */
		w->made_ms = w->judged_ms = clock_ms();
		w->make_took_ms = w->made_ms - start;
		w->made_anew = a;
	}
	if (changes.n || changes.too_many)
		log_debug("%zu changes, %s in %lld ms", changes.n, rest ? "put off" : "judged",
			  (long long)(clock_ms() - start));
	cluster_changes_free(&changes);
	arena_reset(&w->scratch);
	return a;
}

/*
 * What there is now, judged. Nothing while the first lists are still coming: half a fleet would look like the
 * whole one.
 */
static void
build(void *ctx)
{
	struct watcher *w = ctx;
	struct audit *a;

	w->build_due = false;
	a = cluster_settled(w->cluster) ? next_audit(w) : NULL;
	if (a && a != w->built) {
		audit_unref(w->built);
		w->built = audit_ref(a);
	}
	update_status(w);
	hand_over(w, a);
	audit_unref(a);
	if (w->made_anew) {
		w->made_anew = false;
		lookout_fleet(w->lookout);
		look_at_history(w, false);
	}
}

static void
on_cluster(void *ctx)
{
	build_within(ctx, GATHER_MS);
}

static void
on_tick(void *ctx)
{
	struct watcher *w = ctx;
	struct watcher_status before = w->status;

	update_status(w);
	if (before.state != w->status.state || before.heard_at != w->status.heard_at || before.busy != w->status.busy)
		hand_over(w, NULL);
	if (w->built && clock_ms() - w->judged_ms >= JUDGE_MS)
		on_cluster(w);
	if (w->built && clock_ms() - w->history_ms >= HISTORY_MS)
		look_at_history(w, true);
	loop_timer_set(w->tick, STATUS_MS);
}

/* An interactive plugin: the console leaves the terminal, and says so by a nudge. */
static void
borrow_terminal(void *ctx, void (*granted)(void *arg), void *arg)
{
	struct watcher *w = ctx;

	w->granted = granted;
	w->granted_arg = arg;
	w->status.wants_terminal = true;
	hand_over(w, NULL);
}

static void
give_terminal_back(void *ctx)
{
	struct watcher *w = ctx;

	w->granted = NULL;
	w->status.wants_terminal = false;
	hand_over(w, NULL);
}

static void
on_terminal(struct watcher *w)
{
	void (*granted)(void *arg) = take(w->granted);

	if (granted)
		granted(w->granted_arg);
}

static void
on_looked_at(struct watcher *w, struct looked_at *at)
{
	if (at->agent_changed)
		lookout_look_at(w->lookout, at->agent.name ? &at->agent : NULL);
	if (at->run_changed) {
		w->run = at->run;
		look_at_history(w, true);
	}
}

static void
on_nudge(void *ctx)
{
	struct watcher *w = ctx;
	struct looked_at looked_at;
	bool refresh, lent, ending;

	pthread_mutex_lock(&w->lock);
	refresh = w->wants_refresh;
	ending = w->ending;
	lent = w->terminal_lent;
	w->wants_refresh = w->terminal_lent = false;
	looked_at = w->looked_at;
	w->looked_at = (struct looked_at){0};
	pthread_mutex_unlock(&w->lock);
	if (ending)
		loop_stop(w->loop);
	else if (refresh)
		cluster_refresh(w->cluster);
	if (lent && !ending)
		on_terminal(w);
	if (!ending) {
		on_looked_at(w, &looked_at);
		operations_act(w->operations);
		take_history(w);
	}
	own_key_free(&looked_at.agent);
}

static void
on_note(void *ctx, const char *text)
{
	struct watcher *w = ctx;

	snprintf(w->status.note, sizeof(w->status.note), "%s", text ? text : "");
	hand_over(w, NULL);
}

static void *
work(void *arg)
{
	struct watcher *w = arg;
	struct err e = {0};

	w->cluster = cluster_new(&(struct cluster_options){
		.kube = w->kube,
		.loop = w->loop,
		.namespace = w->cli->namespace,
		.watch = true,
		.ctx = w,
		.changed = on_cluster,
	});
	w->lookout = lookout_new(&(struct lookout_options){
		.kube = w->kube,
		.loop = w->loop,
		.read_only = w->cli->read_only,
		.notices = w->notices,
		.ctx = w,
		.fleet = newest_fleet,
		.saw = on_saw,
		.news = on_news,
	});
	w->build = loop_add_timer(w->loop, build, w);
	w->tick = loop_add_timer(w->loop, on_tick, w);
	loop_timer_set(w->tick, STATUS_MS);
	if (!loop_run(w->loop, &e)) {
		log_error("%s", e.msg);
		w->status.state = w->built ? APP_STALE : APP_FAILED;
		w->status.err = e;
		hand_over(w, NULL);
	}
	operations_end(w->operations);
	write_findings(w);
	lookout_free(w->lookout);
	cluster_free(w->cluster);
	return NULL;
}

/* ---- on the console's thread */

static void
tell(struct watcher *w)
{
	if (w->changed)
		w->changed(w->listener);
}

static void
arrived(void *arg)
{
	struct watcher *w = arg;
	struct history_copy *copy;
	struct audit *fresh;

	pthread_mutex_lock(&w->lock);
	fresh = take(w->fresh);
	copy = take(w->fresh_copy);
	w->now = w->fresh_status;
	pthread_mutex_unlock(&w->lock);
	if (fresh) {
		audit_unref(w->shown);
		w->shown = fresh;
	}
	if (copy) {
		history_copy_unref(w->copy);
		w->copy = copy;
	}
	operations_take(w->operations);
	tell(w);
}

static void
nudge(struct watcher *w)
{
	loop_wake_up(w->nudge);
}

static void
refresh(void *ctx)
{
	struct watcher *w = ctx;

	pthread_mutex_lock(&w->lock);
	w->wants_refresh = true;
	pthread_mutex_unlock(&w->lock);
	w->now.busy = true;
	nudge(w);
	tell(w);
}

static void
on_wish(void *ctx)
{
	nudge(ctx);
}

static void
restart(void *ctx, const struct operation_target *targets, size_t n)
{
	operations_restart(((struct watcher *)ctx)->operations, targets, n);
}

static void
probe(void *ctx, const struct operation_target *agents, size_t n)
{
	operations_probe(((struct watcher *)ctx)->operations, agents, n);
}

static void
go(void *ctx)
{
	operations_go(((struct watcher *)ctx)->operations);
}

static void
drop(void *ctx)
{
	operations_drop(((struct watcher *)ctx)->operations);
}

static struct operation
look(void *ctx)
{
	return operations_look(((struct watcher *)ctx)->operations);
}

static void
lend_terminal(void *ctx)
{
	struct watcher *w = ctx;

	pthread_mutex_lock(&w->lock);
	w->terminal_lent = true;
	pthread_mutex_unlock(&w->lock);
	nudge(w);
}

static void
look_at(void *ctx, const struct workload_key *agent)
{
	struct watcher *w = ctx;

	if (own_key_is(&w->agent_on_screen, agent))
		return;
	own_key_free(&w->agent_on_screen);
	if (agent)
		w->agent_on_screen = own_key_new(agent);
	pthread_mutex_lock(&w->lock);
	own_key_free(&w->looked_at.agent);
	if (agent)
		w->looked_at.agent = own_key_new(agent);
	w->looked_at.agent_changed = true;
	pthread_mutex_unlock(&w->lock);
	nudge(w);
}

static void
look_at_run(void *ctx, int64_t run)
{
	struct watcher *w = ctx;

	if (run == w->run_on_screen)
		return;
	w->run_on_screen = run;
	pthread_mutex_lock(&w->lock);
	w->looked_at.run = run;
	w->looked_at.run_changed = true;
	pthread_mutex_unlock(&w->lock);
	nudge(w);
}

static const struct history_view *
history(void *ctx)
{
	return &((struct watcher *)ctx)->copy->view;
}

static bool
notice(void *ctx, struct app_notice *out)
{
	return notices_take(((struct watcher *)ctx)->notices, out);
}

static const void *
newest(void *ctx)
{
	return ((struct watcher *)ctx)->shown;
}

/* One line of everything that is not as it should be. */
static const char *
message(struct watcher *w)
{
	const struct watcher_status *s = &w->now;

	if (*s->note)
		return s->note;
	if (s->err.kind != ERR_NONE)
		snprintf(w->message, sizeof(w->message), "%s%s", s->err.msg,
			 s->insecure ? "; TLS is not verified (insecure-skip-tls-verify)" : "");
	else if (s->insecure)
		snprintf(w->message, sizeof(w->message), "TLS is not verified: insecure-skip-tls-verify is set");
	else
		return NULL;
	return w->message;
}

/* A watch says nothing while nothing changes: only what is not live has an age. */
static int64_t
since(const struct watcher_status *s)
{
	if (s->heard_at < 0 || s->state == APP_LIVE || s->state == APP_EMPTY)
		return CLOCK_UNKNOWN;
	return clock_now() - (clock_ms() - s->heard_at) / 1000;
}

static struct app_status
status(void *ctx)
{
	struct watcher *w = ctx;
	const struct watcher_status *s = &w->now;

	return (struct app_status){
		.state = s->state,
		.source = kube_context(w->kube)->name,
		.scope = w->cli->namespace ? w->cli->namespace : "all namespaces",
		.message = message(w),
		.since = since(s),
		.busy = s->busy,
		.read_only = w->cli->read_only,
		.wants_terminal = s->wants_terminal,
	};
}

static size_t
summary(void *ctx, struct cell *cells, size_t max, struct arena *a)
{
	const struct watcher *w = ctx;

	return w->shown ? cells_summary(w->shown, cells, max, a) : 0;
}

static void
release(struct watcher *w)
{
	loop_wake_remove(w->wake);
	archive_free(w->archive);
	operations_free(w->operations);
	notices_free(w->notices);
	kube_free(w->kube);
	loop_free(w->loop);
	arena_free(&w->scratch);
	free(w->gaps);
	free(w->who);
	evidence_unref(w->evidence);
	pending_free(&w->pending);
	pending_free(&w->unwritten);
	history_copy_unref(w->last_copy);
	history_copy_unref(w->fresh_copy);
	history_copy_unref(w->copy);
	own_key_free(&w->agent_on_screen);
	own_key_free(&w->looked_at.agent);
	audit_unref(w->built);
	audit_unref(w->fresh);
	audit_unref(w->shown);
	pthread_mutex_destroy(&w->lock);
	free(w);
}

/* From the history's thread. */
static void
on_archive(void *ctx)
{
	struct watcher *w = ctx;

	pthread_mutex_lock(&w->lock);
	if (!w->ending) {
		loop_wake_up(w->nudge);
		loop_wake_up(w->wake);
	}
	pthread_mutex_unlock(&w->lock);
}

/* A console without a history works like any other. */
static bool
open_archive(struct watcher *w, struct err *e)
{
	AUTO(free) char *path = w->cli->no_store ? NULL : keep_path(w->cli);

	if (w->cli->no_store)
		return true;
	if (!path || !*path) {
		notices_add(w->notices, STYLE_WARN,
			    "nothing is kept: there is no place for the history (--db PATH)");
		return true;
	}
	w->copy = history_copy_none(path);
	w->archive = archive_new(
		&(struct archive_options){
			.path = path,
			.namespace = w->cli->namespace,
			.selector = w->cli->selector,
			.notices = w->notices,
			.ctx = w,
			.news = on_archive,
		},
		e);
	return w->archive != NULL;
}

/* The client is made here, so that a kubeconfig that is wrong is an error before the screen is taken. */
static bool
connect(struct watcher *w, struct err *e)
{
	struct credential_options credential = {.reluctant = true, .note = on_note, .note_ctx = w};

	w->terminal = (struct credential_terminal){w, borrow_terminal, give_terminal_back};
	if (cli_has_terminal())
		credential.terminal = &w->terminal;
	if (!cli_config(w->cli, e))
		return false;
	w->loop = loop_new(e);
	if (!w->loop)
		return false;
	w->nudge = loop_add_wake(w->loop, on_nudge, w);
	w->kube = cli_kube(w->cli, w->loop, &credential, e);
	if (!w->kube)
		return false;
	w->source = cli_source(w->cli, w->kube);
	w->settings = w->cli->config->audit;
	w->who = cli_who(w->cli, w->kube);
	w->notices = notices_new();
	if (!open_archive(w, e))
		return false;
	w->operations = operations_new(&(struct operations_options){
		.kube = w->kube,
		.loop = w->loop,
		.read_only = w->cli->read_only,
		.field_manager = w->cli->field_manager,
		.probes = &w->cli->config->probes,
		.archive = w->archive,
		.who = w->who,
		.ctx = w,
		.wish = on_wish,
		.news = on_news,
		.fleet = newest_fleet,
		.probed = on_probed,
		.restarted = on_restarted,
	});
	w->status.insecure = w->now.insecure = kube_insecure(w->kube);
	return true;
}

static void
listen(void *ctx, void (*fn)(void *arg), void *arg)
{
	struct watcher *w = ctx;

	w->changed = fn;
	w->listener = arg;
}

static void
end(void *ctx)
{
	struct watcher *w = ctx;

	pthread_mutex_lock(&w->lock);
	w->ending = true;
	pthread_mutex_unlock(&w->lock);
	nudge(w);
	pthread_join(w->thread, NULL);
	release(w);
}

bool
watcher_open(struct cli *cli, struct loop *loop, struct feed *out, struct err *e)
{
	static const struct app_operations operations = {
		.restart = restart, .probe = probe, .go = go, .drop = drop, .look = look};
	struct watcher *w = mem_alloc(sizeof(*w));

	w->cli = cli;
	w->status.heard_at = w->now.heard_at = -1;
	w->now.busy = true;
	pthread_mutex_init(&w->lock, NULL);
	w->wake = loop_add_wake(loop, arrived, w);
	if (!connect(w, e) || !thread_start(&w->thread, work, w, e)) {
		release(w);
		return false;
	}
	*out = (struct feed){
		.source =
			{
				.ctx = w,
				.data = newest,
				.status = status,
				.summary = summary,
				.refresh = refresh,
				.lend_terminal = lend_terminal,
				.operations = &operations,
				.look_at = look_at,
				.look_at_run = w->archive ? look_at_run : NULL,
				.history = w->archive ? history : NULL,
				.notice = notice,
			},
		.listen = listen,
		.free = end,
	};
	return true;
}
