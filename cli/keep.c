/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/keep.h"

#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/probes.h"
#include "store/runs.h"
#include "store/sightings.h"
#include "store/source.h"

static void
warn(void *ctx, const char *text)
{
	(void)ctx;
	fprintf(stderr, "moat: warning: %s\n", text);
}

static void
not_kept(struct err *e, const char *what)
{
	err_wrap(e, "%s", what);
	log_warn("%s", e->msg);
	warn(NULL, e->msg);
}

char *
keep_path(const struct cli *cli)
{
	return cli->db_path ? mem_strdup(cli->db_path) : db_default_path();
}

static struct db *
open_db(const struct cli *cli, enum db_use use, bool unchecked, struct err *e)
{
	AUTO(free) char *place = keep_path(cli);

	if (place && *place)
		return db_open(
			&(struct db_options){.path = place, .use = use, .unchecked = unchecked, .tell = warn}, e);
	err_set(e, ERR_USAGE, 0,
		"there is no place for the history: neither XDG_STATE_HOME nor HOME is set; name one by --db PATH");
	return NULL;
}

struct db *
keep_open(const struct cli *cli, enum db_use use, struct err *e)
{
	return open_db(cli, use, false, e);
}

static struct run_scope
scope_of(const struct cli *cli, const struct fleet *f)
{
	return (struct run_scope){.fleet = f, .namespace = cli->namespace, .selector = cli->selector};
}

/* What was seen of running Pipelocks meanwhile; files have none of it. */
static bool
keep_sightings(struct db *d, const struct fleet *f, struct err *e)
{
	return !f->evidence || sightings_write(d, f, f->evidence->configs, f->evidence->n_configs, e);
}

/* Where no agent and no companion was found nothing was audited, and nothing is said of what was there before. */
void
keep_run(const struct cli *cli, const struct audit *a)
{
	struct run_scope scope = scope_of(cli, a->fleet);
	struct err e = {0};
	struct db *d;
	int64_t id;

	if (cli->no_store || (!a->n_agents && !a->n_companions))
		return;
	d = keep_open(cli, DB_WRITE, &e);
	if (d && runs_write(d, &scope, a, &id, &e) && keep_sightings(d, a->fleet, &e))
		log_info("kept as run %lld in %s", (long long)id, db_path(d));
	else
		not_kept(&e, "this run is not in the history");
	db_close(d);
}

static bool
read_last(struct cli *cli, const struct fleet *f, enum db_use use, struct err *e)
{
	struct run_scope scope = scope_of(cli, f);
	AUTO(db) struct db *d = keep_open(cli, use, e);

	return d && runs_last(d, &scope, &cli->arena, &cli->baseline, e);
}

/*
 * A damaged history is out of the way as soon as one is opened to write: a scheduled audit shall not fail
 * from then on for what it compares with.
 */
bool
keep_last(struct cli *cli, const struct fleet *f, struct err *e)
{
	AUTO(free) char *place = keep_path(cli);

	cli->baseline = (struct baseline){0};
	if (place && access(place, F_OK) == 0 && !read_last(cli, f, DB_READ, e) &&
	    (cli->no_store || !read_last(cli, f, DB_WRITE, e)))
		return err_wrap(e, "--baseline last");
	if (!cli->baseline.name) {
		warn(NULL, "--baseline last: the history has no run of this source, so every finding is new");
		cli->baseline.name = "no earlier run";
	}
	return true;
}

struct action_cluster
keep_cluster(const struct fleet *f)
{
	const struct cluster_key key = cluster_key_of(f);

	return (struct action_cluster){key.uid, key.address, key.server};
}

/* The file is open for as long as is written to it: others may want it while a rollout takes its time. */
struct keep_action
keep_action_begin(const struct cli *cli, const struct action_cluster *c, const char *who, const char *what,
		  struct workload_key target)
{
	const struct action action = {
		.at = clock_now(),
		.duration_ms = -1,
		.who = who,
		.what = what,
		.target = target,
		.outcome = "begun",
		.detail = "",
	};
	struct keep_action kept = {.at = action.at, .started_ms = clock_ms()};
	struct err e = {0};
	struct db *d;

	if (cli->no_store)
		return kept;
	d = open_db(cli, DB_WRITE, true, &e);
	if (!d || !actions_begin(d, c, &action, &kept.id, &e))
		not_kept(&e, "what is done now is not in the history");
	db_close(d);
	return kept;
}

void
keep_action_end(const struct cli *cli, struct keep_action *a, const char *outcome, const char *detail)
{
	struct err e = {0};
	struct db *d;

	if (!a->id)
		return;
	d = open_db(cli, DB_WRITE, true, &e);
	if (!d || !actions_end(d, a->id, a->at, outcome, detail, clock_ms() - a->started_ms, &e))
		not_kept(&e, "how it ended is not in the history");
	db_close(d);
	a->id = 0;
}

void
keep_probes(const struct cli *cli, const struct fleet *f, const struct probe_result *at, size_t n)
{
	struct err e = {0};
	struct db *d;

	if (cli->no_store || !n)
		return;
	d = keep_open(cli, DB_WRITE, &e);
	if (!d || !probes_write(d, f, at, n, &e))
		not_kept(&e, "these probes are not in the history");
	db_close(d);
}
