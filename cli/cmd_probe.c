/* SPDX-License-Identifier: Apache-2.0 */
/* moat probe: the bypass probes of some agents or of all, run, reported and kept. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/vec.h"
#include "cli/cli.h"
#include "cli/cluster.h"
#include "cli/keep.h"
#include "cli/probe_report.h"
#include "cli/role_yaml.h"
#include "kube/access.h"
#include "kube/prober.h"

#define STATUS_OPEN 1

struct run {
	struct cli *cli;
	struct loop *loop;
	struct kube *kube;
	struct fleet *fleet;
	struct arena arena;
	struct probe_plan_options options;
	VEC(struct workload *) agents;
	struct probe_plan plan;
	struct probe_report report;
	struct probe_row *rows; /* the report's: of each job its probes in order */
	struct prober *prober;
	bool waiting; /* for answers on rights, or for the probes */
	int signo; /* that ended the waiting; 0 */
	struct err failed; /* why the server could not be asked */
	size_t jobs_done;
	bool progress; /* somebody is looking */
};

/* ---- which agents */

static bool
is_selected(const struct selector *s, const struct workload *w)
{
	return !s->present || selector_matches(s, &w->object->labels) || selector_matches(s, &w->template->labels);
}

/* One that is named twice is probed once. */
static void
add_agent(struct run *r, struct workload *w)
{
	for (size_t i = 0; i < r->agents.n; i++)
		if (r->agents.at[i] == w)
			return;
	vec_push(&r->agents, w);
}

/* Workloads are sorted in the fleet: so are places of them. */
static int
by_place(const void *a, const void *b)
{
	const struct workload *x = *(struct workload *const *)a, *y = *(struct workload *const *)b;

	return (x > y) - (x < y);
}

static bool
choose_named(struct run *r, struct err *e)
{
	const struct fleet *f = r->fleet;

	for (size_t i = 0; i < r->cli->n_args; i++) {
		const struct workload *w = cli_find_agent(f->agents, f->n_agents, r->cli->args[i], e);

		if (!w)
			return false;
		add_agent(r, &f->workloads[w - f->workloads]);
	}
	qsort(r->agents.at, r->agents.n, sizeof(*r->agents.at), by_place);
	return true;
}

static bool
choose_all(struct run *r, struct err *e)
{
	const struct fleet *f = r->fleet;

	for (size_t i = 0; i < f->n_agents; i++)
		if (is_selected(&r->cli->config->audit.selector, f->agents[i]))
			vec_push(&r->agents, f->agents[i]);
	return r->agents.n ||
	       err_set(e, ERR_NOTHING, 0,
		       "there is no agent to probe here; moat explain no-companion says what makes one");
}

static bool
choose(struct run *r, struct err *e)
{
	r->fleet = cli_cluster_read(r->cli, r->loop, r->kube, e);
	if (!r->fleet || !(r->cli->all ? choose_all(r, e) : choose_named(r, e)))
		return false;
	probe_plan_make(r->fleet, r->agents.at, r->agents.n, &r->options, &r->arena, &r->plan);
	return true;
}

/* ---- may it be done? */

static bool
wait_for(struct run *r, struct err *e)
{
	while (r->waiting && !r->signo)
		if (!loop_once(r->loop, -1, e))
			return false;
	return true;
}

static const struct right {
	const char *verb, *subresource; /* of pods; NULL: pods themselves */
	bool ephemeral; /* only where containers may be added */
} rights[] = {
	{"get", "exec", false},
	{"create", "exec", false},
	{"get", NULL, true},
	{"patch", "ephemeralcontainers", true},
};

/* Those that this run needs; how many. */
static size_t
needed_rights(const struct run *r, const struct right *out[COUNT_OF(rights)])
{
	size_t n = 0;

	for (size_t i = 0; i < COUNT_OF(rights); i++)
		if (!rights[i].ephemeral || r->cli->ephemeral)
			out[n++] = &rights[i];
	return n;
}

static void
answered(void *ctx)
{
	((struct run *)ctx)->waiting = false;
}

/* What is answered of one namespace, or of all of them (NULL). */
struct grant {
	const char *namespace;
	struct access_question *at;
	size_t n;
};

static bool
has_answer(const struct grant *g, enum access_answer answer)
{
	for (size_t i = 0; i < g->n; i++)
		if (g->at[i].answer == answer)
			return true;
	return false;
}

/* Each right in each of these namespaces; NULL when it could not be waited for. */
static struct grant *
ask(struct run *r, const char *const *namespaces, size_t n, struct err *e)
{
	const struct right *needed[COUNT_OF(rights)];
	size_t n_needed = needed_rights(r, needed);
	struct access_question *q = ARENA_ARRAY(&r->arena, struct access_question, n * n_needed);
	struct grant *grants = ARENA_ARRAY(&r->arena, struct grant, n);

	for (size_t i = 0; i < n; i++) {
		grants[i] = (struct grant){namespaces[i], &q[i * n_needed], n_needed};
		for (size_t k = 0; k < n_needed; k++)
			grants[i].at[k] = (struct access_question){.verb = needed[k]->verb,
								   .group = "",
								   .resource = "pods",
								   .subresource = needed[k]->subresource,
								   .namespace = namespaces[i]};
	}
	r->waiting = true;
	access_ask(&(struct access_args){
		.kube = r->kube, .at = q, .n = n * n_needed, .arena = &r->arena, .ctx = r, .done = answered});
	return wait_for(r, e) ? grants : NULL;
}

static const char **
namespaces_of(struct run *r, size_t *n)
{
	const char **all = ARENA_ARRAY(&r->arena, const char *, r->plan.n_jobs);

	*n = 0;
	for (size_t i = 0; i < r->plan.n_jobs; i++)
		if (!*n || strcmp(all[*n - 1], r->plan.jobs[i].agent.namespace) != 0)
			all[(*n)++] = r->plan.jobs[i].agent.namespace;
	return all;
}

/* Jobs of that namespace become agents that cannot be probed. */
static void
drop_jobs(struct run *r, const char *namespace)
{
	struct probe_plan *p = &r->plan;
	struct probe_skip *skipped = ARENA_ARRAY(&r->arena, struct probe_skip, p->n_skipped + p->n_jobs);
	const struct workload_key *last = NULL;
	size_t n = 0;

	if (p->n_skipped)
		memcpy(skipped, p->skipped, p->n_skipped * sizeof(*skipped));
	p->skipped = skipped;
	for (size_t i = 0; i < p->n_jobs; i++) {
		if (strcmp(p->jobs[i].agent.namespace, namespace) != 0) {
			p->jobs[n++] = p->jobs[i];
			continue;
		}
		if (!last || workload_key_cmp(last, &p->jobs[i].agent) != 0)
			skipped[p->n_skipped++] = (struct probe_skip){
				p->jobs[i].agent,
				arena_printf(&r->arena, "no right to exec in namespace %s", namespace)};
		last = &skipped[p->n_skipped - 1].agent;
	}
	p->n_jobs = n;
}

/* The Role is the same for all of them: it is printed for the first. */
static void
say_denied(const struct run *r, const char *const *denied, size_t n)
{
	struct role_yaml role = {.name = "moat-probe", .namespace = denied[0]};
	const struct right *needed[COUNT_OF(rights)];
	size_t n_needed = needed_rights(r, needed);
	AUTO(buf) struct buf out = {0};

	for (size_t i = 0; i < n_needed; i++)
		role_yaml_add(&role, "", "pods", needed[i]->subresource, needed[i]->verb);
	role_yaml_print(&role, &out);
	fprintf(stderr, "moat: no right to run probes in namespace %s", denied[0]);
	if (n > 1)
		fprintf(stderr, " and %zu more", n - 1);
	fprintf(stderr, "; this Role, bound to the user that moat runs as, gives it%s:\n%s",
		n > 1 ? " (in each)" : "", buf_str(&out));
	role_yaml_free(&role);
}

/* Is it allowed in all namespaces at once? One question for many. */
static bool
may_everywhere(struct run *r, struct err *e)
{
	static const char *const everywhere[] = {NULL};
	const struct grant *g = ask(r, everywhere, 1, e);

	return g && !has_answer(g, ACCESS_NO) && !has_answer(g, ACCESS_UNKNOWN);
}

/*
 * Namespaces in which nothing may be executed are left out, and that is said; false when none is left. A server that
 * does not answer what is allowed will say so when it is done.
 */
static bool
check_rights(struct run *r, struct err *e)
{
	size_t n, n_denied = 0;
	const char **namespaces = namespaces_of(r, &n);
	const struct grant *grants;

	if (!n || (n > 1 && may_everywhere(r, e)))
		return true;
	grants = ask(r, namespaces, n, e);
	if (!grants)
		return false;
	for (size_t i = 0; i < n; i++)
		if (has_answer(&grants[i], ACCESS_NO))
			namespaces[n_denied++] = grants[i].namespace;
	if (!n_denied)
		return true;
	say_denied(r, namespaces, n_denied);
	for (size_t i = 0; i < n_denied; i++)
		drop_jobs(r, namespaces[i]);
	return r->plan.n_jobs ||
	       err_set(e, ERR_DENIED, 403, "nothing was probed: to exec in the agents' pods is not allowed");
}

/* ---- running them */

static struct probe_result
not_run(struct run *r, const struct probe_job *job, enum probe probe)
{
	const struct probe_target *target = probe == PROBE_DNS_TCP ? &job->dns : &job->target;

	return (struct probe_result){
		.agent = job->agent,
		.pod = job->pod,
		.node = job->node,
		.container = job->container,
		.probe = probe,
		.target = probe_target_text(target, &r->arena),
		.verdict = PROBE_INCONCLUSIVE,
		.control = PROBE_CONTROL_SKIPPED,
		.method = "",
		.detail = "not run",
		.at = CLOCK_UNKNOWN,
		.against = "",
	};
}

/* Nothing has run yet; results take the places of these. */
static void
make_rows(struct run *r)
{
	r->rows = ARENA_ARRAY(&r->arena, struct probe_row, r->plan.n_jobs * PROBES);
	for (size_t i = 0; i < r->plan.n_jobs * PROBES; i++)
		r->rows[i].result = not_run(r, &r->plan.jobs[i / PROBES], (enum probe)(i % PROBES));
	r->report = (struct probe_report){
		.rows = r->rows,
		.n = r->plan.n_jobs * PROBES,
		.skipped = r->plan.skipped,
		.n_skipped = r->plan.n_skipped,
		.started_at = clock_now(),
	};
}

static int
job_cmp(const void *key, const void *element)
{
	const struct probe_result *r = key;
	const struct probe_job *job = element;
	int c = workload_key_cmp(&r->agent, &job->agent);

	return c ? c : strcmp(r->node, job->node);
}

static void
got_result(void *ctx, const struct probe_result *from)
{
	struct run *r = ctx;
	const struct probe_job *job = bsearch(from, r->plan.jobs, r->plan.n_jobs, sizeof(*r->plan.jobs), job_cmp);
	struct probe_row *row;

	if (!job)
		return;
	row = &r->rows[(size_t)(job - r->plan.jobs) * PROBES + from->probe];
	row->ran = true;
	row->result = *from;
	row->result.agent = job->agent;
	row->result.pod = job->pod;
	row->result.node = job->node;
	row->result.container = arena_strdup(&r->arena, from->container);
	row->result.target = arena_strdup(&r->arena, from->target);
	row->result.method = arena_strdup(&r->arena, from->method);
	row->result.detail = arena_strdup(&r->arena, from->detail);
	row->result.against = arena_strdup(&r->arena, from->against);
}

#define ERASE_LINE "\r\033[K"

static void
show_progress(const struct run *r)
{
	struct probe_totals t;

	if (!r->progress)
		return;
	t = probe_report_count(&r->report);
	fprintf(stderr,
		ERASE_LINE "%zu of %zu pods probed: %zu blocked, %zu open, %zu inconclusive (ctrl-c ends it)",
		r->jobs_done, r->plan.n_jobs, t.verdicts[PROBE_BLOCKED], t.verdicts[PROBE_OPEN],
		t.verdicts[PROBE_INCONCLUSIVE]);
}

static void
got_job(void *ctx, size_t done)
{
	struct run *r = ctx;

	r->jobs_done = done;
	show_progress(r);
}

static void
got_end(void *ctx, const struct err *e)
{
	struct run *r = ctx;

	r->waiting = false;
	r->prober = NULL;
	if (e)
		r->failed = *e;
}

static void
interrupted(void *ctx, int signo)
{
	((struct run *)ctx)->signo = signo;
}

/* Options before the config file, which is before the defaults of the prober. */
static void
start(struct run *r)
{
	const struct cli *cli = r->cli;
	const struct probe_settings *s = &cli->config->probes;

	r->waiting = true;
	show_progress(r);
	r->prober = prober_start(&(struct prober_args){
		.kube = r->kube,
		.loop = r->loop,
		.jobs = r->plan.jobs,
		.n_jobs = r->plan.n_jobs,
		.parallel = (size_t)(cli->parallel ? cli->parallel : s->parallel),
		.dial_ms = cli->timeout_ms ? cli->timeout_ms : s->dial_ms,
		.ephemeral = cli->ephemeral,
		.ctx = r,
		.result = got_result,
		.job_done = got_job,
		.done = got_end,
	});
}

/* Why what has not run has not. */
static void
explain_not_run(struct run *r)
{
	const char *why = NULL;

	if (r->signo)
		why = "not run: interrupted";
	else if (r->failed.kind != ERR_NONE)
		why = arena_printf(&r->arena, "not run: %s", r->failed.msg);
	for (size_t i = 0; why && i < r->report.n; i++)
		if (!r->rows[i].ran)
			r->rows[i].result.detail = why;
}

static bool
probe_all(struct run *r, struct err *e)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
	struct loop_signal *handles[COUNT_OF(signals)];
	bool ok;

	make_rows(r);
	if (!r->plan.n_jobs)
		return true;
	for (size_t i = 0; i < COUNT_OF(signals); i++)
		handles[i] = loop_add_signal(r->loop, signals[i], interrupted, r);
	start(r);
	ok = wait_for(r, e);
	prober_cancel(take(r->prober));
	for (size_t i = 0; i < COUNT_OF(signals); i++)
		loop_signal_remove(handles[i]);
	if (r->progress)
		fputs(ERASE_LINE, stderr);
	explain_not_run(r);
	return ok;
}

/* ---- what is kept */

static struct workload_key
what_was_probed(struct run *r)
{
	if (r->agents.n == 1)
		return workload_key_of(r->agents.at[0]);
	return (struct workload_key){r->cli->namespace ? r->cli->namespace : "",
				     arena_printf(&r->arena, "%zu agents", r->agents.n), ""};
}

static void
keep(struct run *r, struct keep_action *action)
{
	struct probe_result *ran = ARENA_ARRAY(&r->arena, struct probe_result, r->report.n);
	AUTO(buf) struct buf summary = {0};
	size_t n = 0;

	for (size_t i = 0; i < r->report.n; i++)
		if (r->rows[i].ran)
			ran[n++] = r->rows[i].result;
	probe_report_summary(&r->report, &summary);
	keep_probes(r->cli, r->fleet, ran, n);
	keep_action_end(r->cli, action, r->signo || r->failed.kind != ERR_NONE ? "failed" : "done",
			buf_str(&summary));
}

/* ---- doing it */

/* An agent that was not read was not probed either; and without the policies results will prove nothing. */
static bool
say_gaps(const struct run *r)
{
	const struct fleet *f = r->fleet;

	if (!r->cli->all)
		return false;
	for (size_t i = 0; i < f->n_gaps; i++)
		fprintf(stderr, "moat: warning: not everything could be read: %s%s%s: %s\n", f->gaps[i].kind,
			*f->gaps[i].namespace ? " in " : "", f->gaps[i].namespace, f->gaps[i].reason);
	return f->n_gaps > 0;
}

static int
exit_status(const struct run *r, bool gaps)
{
	struct probe_totals t = probe_report_count(&r->report);
	int status = 0;

	if (r->signo)
		return 128 + r->signo;
	if (r->failed.kind != ERR_NONE)
		status = cli_fail(&r->failed);
	/* A way out that was seen is news, whatever became of the others. */
	if (t.verdicts[PROBE_OPEN])
		return STATUS_OPEN;
	if (status)
		return status;
	if (t.verdicts[PROBE_INCONCLUSIVE] || t.not_run || r->plan.n_skipped || gaps)
		return err_exit_status(ERR_INCOMPLETE);
	return 0;
}

static int
run(struct run *r, struct err *e)
{
	AUTO(free) char *who = cli_who(r->cli, r->kube);
	struct action_cluster cluster;
	struct keep_action action;
	int failed, status;
	bool gaps;

	if (!choose(r, e) || !check_rights(r, e))
		return cli_fail(e);
	cli_warn(r->fleet);
	gaps = say_gaps(r);
	cluster = keep_cluster(r->fleet);
	action = keep_action_begin(r->cli, &cluster, who, "probe", what_was_probed(r));
	if (!probe_all(r, e)) {
		keep_action_end(r->cli, &action, "failed", e->msg);
		return cli_fail(e);
	}
	failed = outputs_write(r->cli, &probe_report_formats, &r->report);
	keep(r, &action);
	status = exit_status(r, gaps);
	return failed ? failed : status;
}

static bool
read_options(struct run *r, struct err *e)
{
	struct cli *cli = r->cli;
	const struct config_file *c = cli_config(cli, e);

	if (!c)
		return false;
	r->options.no_control = cli->no_control;
	r->options.target = c->probes.target;
	return !cli->target || probe_target_parse(cli->target, cli->no_control, &r->arena, &r->options.target, e) ||
	       err_wrap(e, "--target");
}

/* What can be refused before a request. */
static bool
check(struct run *r, struct err *e)
{
	const struct cli *cli = r->cli;

	if (!outputs_check(cli, &probe_report_formats, e))
		return false;
	if (!cli->n_args && !cli->all)
		return err_set(e, ERR_USAGE, 0,
			       "agents are expected: moat probe [NS/]AGENT..., or --all; moat fleet lists them");
	if (cli->n_args && cli->all)
		return err_set(e, ERR_USAGE, 0, "--all, or agents by name: not both");
	if (cli->n_args && cli->selector)
		return err_set(e, ERR_USAGE, 0, "-l chooses among all agents: it goes with --all");
	if (cli->read_only)
		return err_set(e, ERR_USAGE, 0, "--read-only: moat runs nothing in pods");
	if (!cli_is_live(cli))
		return err_set(e, ERR_USAGE, 0,
			       "moat probe dials out of running pods: files (-f) have none to run anything in");
	if (cli->timeout_ms > PROBE_LONGEST_DIAL_S * 1000)
		return err_set(e, ERR_USAGE, 0, "--timeout: at most %ds, for one dial", PROBE_LONGEST_DIAL_S);
	return read_options(r, e);
}

int
cmd_probe(struct cli *cli)
{
	struct run r = {.cli = cli, .progress = isatty(STDERR_FILENO)};
	struct err e = {0};
	int status;

	if (!check(&r, &e)) {
		arena_free(&r.arena);
		return cli_fail(&e);
	}
	r.kube = cli_connect(cli, &r.loop, &e);
	if (r.kube)
		cli_warn_insecure(r.kube);
	status = r.kube ? run(&r, &e) : cli_fail(&e);
	fleet_unref(r.fleet);
	kube_free(r.kube);
	loop_free(r.loop);
	vec_free(&r.agents);
	arena_free(&r.arena);
	return status;
}
