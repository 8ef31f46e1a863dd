/* SPDX-License-Identifier: Apache-2.0 */
/* moat restart: the plan, a yes, then one workload after another. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/place.h"
#include "base/str.h"
#include "base/text.h"
#include "base/vec.h"
#include "cli/cli.h"
#include "cli/cluster.h"
#include "cli/keep.h"
#include "kube/resource.h"
#include "kube/restart.h"

#define STATUS_FAILED 1
#define STATUS_REFUSED 2

struct run {
	struct cli *cli;
	struct loop *loop;
	struct kube *kube;
	struct fleet *fleet;
	enum table_format format;
	VEC(struct restart_target) targets; /* names are the fleet's */
	struct restart *restart;
	bool done; /* the plan is there, or all of it has ended */
	int signo; /* that ended the waiting; 0 */
	char *shown; /* the last line of progress */
	struct source source; /* of the client: which cluster it is */
	char *who;
	struct keep_action *kept; /* of each step */
};

static const char *
state_word(enum restart_step_state state)
{
	static const char *const words[] = {
		[RESTART_PLANNED] = "planned", [RESTART_REFUSED] = "refused", [RESTART_RUNNING] = "running",
		[RESTART_DONE] = "done",       [RESTART_FAILED] = "failed",   [RESTART_SKIPPED] = "skipped",
	};

	return words[state];
}

/* ---- what is meant */

/* A name with its namespace says what has to be read: "NS/..." of every name, when it is the same in all. */
static void
narrow_reading(struct cli *cli)
{
	const char *first = cli->args[0];
	size_t len = strcspn(first, "/");

	if (cli->namespace)
		return;
	for (size_t i = 0; i < cli->n_args; i++) {
		const char *name = cli->args[i], *slash = strchr(name, '/');

		/* KIND/NAME: kinds are written with a capital, namespaces never are */
		if (!slash || strncmp(name, first, len + 1) != 0 || (*name >= 'A' && *name <= 'Z'))
			return;
	}
	cli->namespace = arena_strndup(&cli->arena, first, len);
}

static bool
add_targets(struct run *r, bool companions, struct err *e)
{
	for (size_t i = 0; i < r->cli->n_args; i++) {
		const struct workload *w = cli_find_workload(r->cli, r->fleet, r->cli->args[i], e);

		if (!w)
			return false;
		if ((w->role == ROLE_COMPANION) == companions)
			vec_push(&r->targets, (struct restart_target){w->kind, w->namespace, w->name});
	}
	return true;
}

/* One that is named in full, NS/KIND/NAME or KIND/NAME with -n, needs no list of workloads to be found in. */
static bool
add_named(struct run *r)
{
	struct cli *cli = r->cli;
	const char *name = cli->args[0], *slash = strchr(name, '/'), *last = strrchr(name, '/');
	const char *namespace = cli->namespace, *kind = name;

	if (cli->n_args != 1 || !slash)
		return false;
	if (slash != last) {
		namespace = arena_strndup(&cli->arena, name, (size_t)(slash - name));
		kind = slash + 1;
	}
	kind = arena_strndup(&cli->arena, kind, (size_t)(last - kind));
	if (!namespace || !resource_by_kind(kind))
		return false;
	vec_push(&r->targets, (struct restart_target){kind, namespace, last + 1});
	return true;
}

/* Its namespace, for what a restart would come up with. Who may not read that may restart it all the same. */
static void
read_around_named(struct run *r)
{
	const char *asked = r->cli->namespace;
	struct err e;

	r->cli->namespace = r->targets.at[0].namespace;
	r->fleet = cli_cluster_read(r->cli, r->loop, r->kube, &e);
	r->cli->namespace = asked;
	if (!r->fleet)
		fprintf(stderr, "moat: warning: whether a Pipelock in it would come up again is not known: %s\n",
			e.msg);
}

/* Companions first: an agent that comes up before its firewall has no way out. */
static bool
choose(struct run *r, struct err *e)
{
	if (add_named(r)) {
		read_around_named(r);
		return true;
	}
	r->fleet = cli_cluster_read(r->cli, r->loop, r->kube, e);
	return r->fleet && add_targets(r, true, e) && add_targets(r, false, e);
}

/* ---- what is shown */

static FILE *
words_to(const struct run *r)
{
	return r->format == TABLE_TEXT ? stdout : stderr;
}

static void
add_safe(struct buf *out, const char *text)
{
	text_safe(out, text, strlen(text));
}

static void
add_target(struct buf *out, const struct restart_target *t)
{
	add_safe(out, t->kind);
	buf_addc(out, ' ');
	add_safe(out, t->namespace);
	buf_addc(out, '/');
	add_safe(out, t->name);
}

static void
print_step(const struct run *r, const struct restart_step *s)
{
	AUTO(buf) struct buf line = {0};

	buf_addf(&line, "%-8s ", state_word(s->state));
	add_target(&line, &s->target);
	if (s->state == RESTART_PLANNED && s->desired >= 0)
		buf_addf(&line, ", %" PRId64 " %s", s->desired, s->desired == 1 ? "pod" : "pods");
	if (*s->reason) {
		buf_adds(&line, ": ");
		add_safe(&line, s->reason);
	}
	fprintf(words_to(r), "%s\n", buf_str(&line));
}

static void
print_plan(const struct run *r)
{
	AUTO(buf) struct buf where = {0};
	const struct restart_step *steps;
	size_t n;

	steps = restart_steps(r->restart, &n);
	add_safe(&where, kube_context(r->kube)->name);
	buf_adds(&where, ", ");
	add_safe(&where, kube_server(r->kube));
	fprintf(words_to(r), "Restart in %s, one after another, the first failure ends it:\n", buf_str(&where));
	for (size_t i = 0; i < n; i++)
		print_step(r, &steps[i]);
	fflush(words_to(r));
}

static json_t *
step_json(const struct restart_step *s)
{
	json_t *o = json_pack("{s:s, s:s, s:s, s:s, s:s}", "kind", s->target.kind, "namespace", s->target.namespace,
			      "name", s->target.name, "state", state_word(s->state), "reason", s->reason);

	if (s->desired >= 0)
		json_object_update_new(o, json_pack("{s:I, s:I, s:I}", "pods", (json_int_t)s->desired, "updated",
						    (json_int_t)s->updated, "available", (json_int_t)s->available));
	if (s->started_ms >= 0 && s->ended_ms >= 0)
		json_object_set_new(o, "durationMs", json_integer((json_int_t)(s->ended_ms - s->started_ms)));
	if (s->saved)
		json_object_set_new(o, "saved", json_string(s->saved));
	return o;
}

/* The result as a value, for scripts: every step with what became of it. */
static bool
print_value(const struct run *r, struct err *e)
{
	AUTO(buf) struct buf out = {0};
	const struct restart_step *steps;
	json_t *list;
	size_t n;

	if (r->format == TABLE_TEXT)
		return true;
	list = json_array();
	steps = restart_steps(r->restart, &n);
	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, step_json(&steps[i]));
	output_value(&out, r->format,
		     json_pack("{s:s, s:s, s:o}", "context", kube_context(r->kube)->name, "server", kube_server(r->kube),
			       "steps", list));
	return output_stdout(&out, e);
}

/* A step is in the history from when it begins. Of a rollout that nobody waits for any more the end is not known. */
static void
keep_step(struct run *r, const struct restart_step *s, struct keep_action *kept)
{
	const struct restart_target *t = &s->target;
	struct action_cluster cluster = {.address = r->source.address, .server = r->source.server};

	if (r->fleet)
		cluster = keep_cluster(r->fleet);
	if (s->started_ms >= 0 && !kept->started_ms)
		*kept = keep_action_begin(r->cli, &cluster, r->who, s->recreate ? "recreate" : "restart",
					  (struct workload_key){t->namespace, t->name, t->kind});
	if (s->state == RESTART_DONE || s->state == RESTART_FAILED)
		keep_action_end(r->cli, kept, state_word(s->state), s->reason);
}

static void
changed(void *ctx, struct restart *restart)
{
	struct run *r = ctx;
	const struct restart_step *steps, *newest = NULL;
	AUTO(free) char *line = NULL;
	size_t n;

	steps = restart_steps(restart, &n);
	if (!r->kept)
		r->kept = mem_array(n, sizeof(*r->kept));
	for (size_t i = 0; i < n; i++) {
		keep_step(r, &steps[i], &r->kept[i]);
		if (steps[i].started_ms >= 0)
			newest = &steps[i];
	}
	if (!newest)
		return;
	line = mem_printf("%zu %d %s", (size_t)(newest - steps), (int)newest->state, newest->reason);
	if (str_eq(line, r->shown))
		return;
	print_step(r, newest);
	fflush(words_to(r));
	free(r->shown);
	r->shown = take(line);
}

static void
print_skipped(const struct run *r)
{
	const struct restart_step *steps;
	size_t n;

	steps = restart_steps(r->restart, &n);
	for (size_t i = 0; i < n; i++)
		if (steps[i].state == RESTART_SKIPPED)
			print_step(r, &steps[i]);
}

static void
done(void *ctx, struct restart *restart)
{
	(void)restart;
	((struct run *)ctx)->done = true;
}

static void
interrupted(void *ctx, int signo)
{
	((struct run *)ctx)->signo = signo;
}

/* What was begun goes on without moat; what was not begun never will. */
static void
print_what_goes_on(const struct run *r)
{
	const struct restart_step *steps;
	size_t n;

	steps = restart_steps(r->restart, &n);
	for (size_t i = 0; i < n; i++) {
		const struct restart_step *s = &steps[i];
		AUTO(buf) struct buf target = {0};

		add_target(&target, &s->target);
		if (s->state == RESTART_RUNNING && s->written && s->recreate)
			fprintf(stderr, "moat: %s was being created again: if it is gone, kubectl create -f %s\n",
				buf_str(&target), s->saved);
		else if (s->state == RESTART_RUNNING && s->written)
			fprintf(stderr, "moat: %s: its rollout goes on in the cluster\n", buf_str(&target));
		else if (s->state == RESTART_RUNNING || s->state == RESTART_PLANNED)
			fprintf(stderr, "moat: %s was not restarted\n", buf_str(&target));
	}
}

/* ---- doing it */

static const char *
refusal(void *ctx, const struct restart_target *t)
{
	struct run *r = ctx;

	return cli_restart_refusal(r->fleet, t, &r->cli->arena);
}

static bool
wait_done(struct run *r, struct err *e)
{
	r->done = false;
	while (!r->done && !r->signo)
		if (!loop_once(r->loop, -1, e))
			return false;
	return true;
}

/* The default is no. There has to be somebody to ask. */
static bool
has_yes(const struct run *r, struct err *e)
{
	char answer[16];
	size_t n;

	if (r->cli->yes)
		return true;
	if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
		return err_set(e, ERR_USAGE, 0,
			       "nothing was restarted: there is no terminal to ask on, and no --yes");
	restart_steps(r->restart, &n);
	fprintf(stderr, "Restart %s? [y/N] ", n == 1 ? "it" : "them");
	if (fgets(answer, sizeof(answer), stdin) && (str_eq(answer, "y\n") || str_eq(answer, "yes\n")))
		return true;
	return err_set(e, ERR_USAGE, 0, "nothing was restarted");
}

static int
go(struct run *r, struct err *e)
{
	struct loop_signal *sigint, *sigterm;
	bool ok;

	sigint = loop_add_signal(r->loop, SIGINT, interrupted, r);
	sigterm = loop_add_signal(r->loop, SIGTERM, interrupted, r);
	restart_go(r->restart);
	ok = wait_done(r, e);
	loop_signal_remove(sigint);
	loop_signal_remove(sigterm);
	if (!ok)
		return cli_fail(e);
	print_skipped(r);
	if (!print_value(r, e))
		return cli_fail(e);
	if (r->signo) {
		print_what_goes_on(r);
		return 128 + r->signo;
	}
	if (restart_error(r->restart))
		return cli_fail(restart_error(r->restart));
	return restart_failed(r->restart) ? STATUS_FAILED : 0;
}

static int
run(struct run *r, struct err *e)
{
	AUTO(free) char *folder = place_state("pods"); /* manifests of bare pods: beside what else moat keeps */

	if (!choose(r, e))
		return cli_fail(e);
	r->restart = restart_plan(&(struct restart_args){
		.kube = r->kube,
		.loop = r->loop,
		.targets = r->targets.at,
		.n_targets = r->targets.n,
		.recreate = r->cli->recreate,
		.save_folder = folder,
		.refusal = refusal,
		.field_manager = r->cli->field_manager,
		.limit_ms = r->cli->timeout_ms,
		.ctx = r,
		.changed = changed,
		.done = done,
	});
	if (!wait_done(r, e))
		return cli_fail(e);
	print_plan(r);
	if (restart_possible(r->restart) && has_yes(r, e))
		return go(r, e);
	if (restart_error(r->restart))
		*e = *restart_error(r->restart);
	else if (!restart_possible(r->restart))
		err_set(e, ERR_USAGE, 0,
			"nothing was restarted: what is refused has to be left out or mended first");
	if (!print_value(r, &(struct err){0}))
		return STATUS_REFUSED;
	return cli_fail(e);
}

/* What can be refused before a request. */
static bool
check(struct run *r, struct err *e)
{
	if (!r->cli->n_args)
		return err_set(e, ERR_USAGE, 0,
			       "a workload is expected: moat restart [NS/]NAME...; moat fleet lists agents");
	if (r->cli->read_only)
		return err_set(e, ERR_USAGE, 0, "--read-only: moat restarts nothing");
	if (!cli_is_live(r->cli))
		return err_set(e, ERR_USAGE, 0,
			       "moat restart works on a cluster: files (-f) have nothing to restart");
	if (!cli_table_format(r->cli, &r->format, e))
		return false;
	if (r->format == TABLE_WIDE || r->format == TABLE_NAME)
		return err_set(e, ERR_USAGE, 0, "moat restart -o: table, json or yaml");
	narrow_reading(r->cli);
	return cli_config(r->cli, e);
}

int
cmd_restart(struct cli *cli)
{
	struct run r = {.cli = cli};
	struct err e = {0};
	int status;

	if (!check(&r, &e))
		return cli_fail(&e);
	r.kube = cli_connect(cli, &r.loop, &e);
	if (r.kube) {
		cli_warn_insecure(r.kube);
		r.source = cli_source(cli, r.kube);
		r.who = cli_who(cli, r.kube);
	}
	status = r.kube ? run(&r, &e) : cli_fail(&e);
	restart_free(r.restart);
	fleet_unref(r.fleet);
	kube_free(r.kube);
	loop_free(r.loop);
	vec_free(&r.targets);
	free(r.shown);
	free(r.who);
	free(r.kept);
	return status;
}
