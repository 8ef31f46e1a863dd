/* SPDX-License-Identifier: Apache-2.0 */
/* From the command line to a judged fleet. */
#include <errno.h>
#include <langinfo.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/embed.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/reader.h"
#include "base/str.h"
#include "base/vec.h"
#include "cli/cli.h"
#include "cli/cluster.h"
#include "cli/demo_probes.h"
#include "cli/keep.h"
#include "cli/tiers.h"
#include "decode/files.h"

#define LARGEST_BASELINE (512 * 1024 * 1024)

extern const struct embedded_file demo_files[];

int
cli_fail(const struct err *e)
{
	fprintf(stderr, "moat: %s\n", e->msg);
	return err_exit_status(e->kind);
}

int
cli_fail_usage(const char *fmt, ...)
{
	AUTO(buf) struct buf text = {0};
	struct err e;
	va_list ap;

	va_start(ap, fmt);
	buf_addv(&text, fmt, ap);
	va_end(ap);
	err_set(&e, ERR_USAGE, 0, "%s", buf_str(&text));
	return cli_fail(&e);
}

bool
cli_no_args(const struct cli *cli, struct err *e)
{
	if (!cli->n_args)
		return true;
	return err_set(e, ERR_USAGE, 0, "moat %s takes no arguments: \"%s\"", cli->command->name, cli->args[0]);
}

bool
cli_table_format(const struct cli *cli, enum table_format *out, struct err *e)
{
	*out = TABLE_TEXT;
	if (!cli->outputs.n)
		return true;
	if (cli->outputs.n > 1 || cli->outputs.at[0].path)
		return err_set(e, ERR_USAGE, 0, "moat %s takes one -o, without a file", cli->command->name);
	return table_format_parse(cli->outputs.at[0].format, out, e);
}

/* A file of that name is "./last". */
static bool
wants_last_run(const struct cli *cli)
{
	return str_eq(cli->baseline_path, "last");
}

static bool
read_baseline(struct cli *cli, struct audit_settings *settings, struct err *e)
{
	AUTO(buf) struct buf text = {0};

	settings->fail_on_new = cli->fail_on_new;
	if (cli->fail_on_new && !cli->baseline_path)
		return err_set(e, ERR_USAGE, 0, "--fail-on-new needs --baseline FILE, or --baseline last: new since when?");
	if (!cli->baseline_path)
		return true;
	if (wants_last_run(cli)) {
		settings->baseline = &cli->baseline; /* read by cli_audit, which knows of which cluster */
		return true;
	}
	if (!reader_slurp(cli->baseline_path, LARGEST_BASELINE, &text, e) ||
	    !baseline_parse(&cli->arena, cli->baseline_path, buf_str(&text), text.len, &cli->baseline, e))
		return false;
	settings->baseline = &cli->baseline;
	return true;
}

const struct config_file *
cli_config(struct cli *cli, struct err *e)
{
	struct config_file *c = cli->config;

	if (c)
		return c;
	c = config_file_read(cli->config_path, e);
	if (!c)
		return NULL;
	if (cli->no_object_exemptions)
		c->fleet.trust_objects = false;
	c->audit.namespace = cli->namespace;
	if (cli->selector && !selector_parse(&c->arena, cli->selector, &c->audit.selector, e)) {
		config_file_free(c);
		err_wrap(e, "-l %s", cli->selector);
		e->kind = ERR_USAGE;
		return NULL;
	}
	if (!read_baseline(cli, &c->audit, e)) {
		config_file_free(c);
		return NULL;
	}
	return cli->config = c;
}

bool
cli_is_live(const struct cli *cli)
{
	return !cli->demo && !cli->paths.n;
}

static bool
read_objects(const struct cli *cli, struct object_set *set, struct err *e)
{
	if (cli->demo)
		return files_read_embedded(demo_files, "default", set, e);
	return files_read(cli->paths.at, cli->paths.n, cli->namespace ? cli->namespace : "default", set, e);
}

/* The built-in fleet has probes as well; takes the reference. */
static struct fleet *
prove_demo(struct fleet *f, struct err *e)
{
	struct fleet *next = demo_probes(f, (const char *)demo_probes_files[0].data, e);

	fleet_unref(f);
	return next;
}

static struct fleet *
read_files(struct cli *cli, struct err *e)
{
	static const char *const demo_path[] = {"demo"};
	struct object_set set = {0};
	struct fleet *fleet;

	if (!read_objects(cli, &set, e)) {
		object_set_free(&set);
		return NULL;
	}
	fleet = fleet_new(&(struct fleet_input){
		.source = {.type = SOURCE_FILES,
			   .paths = cli->demo ? demo_path : cli->paths.at,
			   .n_paths = cli->demo ? 1 : cli->paths.n},
		.objects = &set,
		.settings = &cli->config->fleet,
	});
	object_set_free(&set);
	return cli->demo ? prove_demo(fleet, e) : fleet;
}

struct fleet *
cli_fleet(struct cli *cli, struct err *e)
{
	if (!cli_config(cli, e))
		return NULL;
	return cli_is_live(cli) ? cli_cluster_fleet(cli, false, e) : read_files(cli, e);
}

struct fleet *
cli_fleet_with_evidence(struct cli *cli, struct err *e)
{
	struct fleet *f;

	if (!cli_config(cli, e))
		return NULL;
	if (cli_is_live(cli))
		return cli_cluster_fleet(cli, true, e);
	if (cli->health) {
		err_set(e, ERR_USAGE, 0, "--health asks Pipelocks that run: files (-f) have none");
		return NULL;
	}
	f = read_files(cli, e);
	return f && !cli->demo ? tiers_add(cli, f, NULL, NULL) : f; /* the demo's is built in */
}

struct audit *
cli_audit(struct cli *cli, struct err *e)
{
	int64_t started_at = clock_now();
	struct fleet *fleet = cli_fleet_with_evidence(cli, e);
	struct audit *a;

	if (!fleet)
		return NULL;
	if (wants_last_run(cli) && !keep_last(cli, fleet, e)) {
		fleet_unref(fleet);
		return NULL;
	}
	a = audit_new(fleet, &cli->config->audit, started_at);
	fleet_unref(fleet);
	log_info("judged %zu agents and %zu companions in %lld ms: %zu findings", a->n_agents, a->n_companions,
		 (long long)a->duration_ms, a->n_findings);
	return a;
}

void
cli_warn(const struct fleet *f)
{
	for (size_t i = 0; i < f->n_warnings; i++)
		fprintf(stderr, "moat: warning: %s\n", f->warnings[i]);
}

struct report_options
cli_report_options(const struct cli *cli)
{
	const char *no_color = getenv("NO_COLOR"), *columns = getenv("COLUMNS"), *term = getenv("TERM");
	bool terminal = isatty(STDOUT_FILENO);
	struct report_options opt = {.columns = 80, .ascii = !str_eq(nl_langinfo(CODESET), "UTF-8")};
	struct winsize size;
	int64_t n;

	if (cli->color == COLOR_AUTO)
		opt.color = terminal && !(no_color && *no_color) && !str_eq(term, "dumb");
	else
		opt.color = cli->color == COLOR_ALWAYS;
	if (terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col)
		opt.columns = size.ws_col;
	else if (columns && str_i64(columns, &n) && n > 0 && n < 10000)
		opt.columns = (size_t)n;
	return opt;
}

/* "[NS/][KIND/]NAME", split. */
struct workload_name {
	char *copy;
	const char *parts[3];
	size_t n_parts; /* 0: too many */
};

static struct workload_name
split_name(const char *text)
{
	struct workload_name n = {.copy = mem_strdup(text)};

	n.parts[n.n_parts++] = n.copy;
	for (char *p = n.copy; *p; p++) {
		if (*p != '/')
			continue;
		if (n.n_parts == COUNT_OF(n.parts)) {
			n.n_parts = 0;
			break;
		}
		*p = '\0';
		n.parts[n.n_parts++] = p + 1;
	}
	return n;
}

static bool
fits(const struct workload *w, const char *namespace, const char *kind, const char *name)
{
	return str_eq(w->name, name) && (!namespace || str_eq(w->namespace, namespace)) &&
	       (!kind || strcasecmp(w->kind, kind) == 0);
}

/* With one slash the first part is a namespace or a kind, whichever fits. */
static bool
name_fits(const struct workload_name *n, const struct workload *w)
{
	const char *const *p = n->parts;

	switch (n->n_parts) {
	case 1:
		return fits(w, NULL, NULL, p[0]);
	case 2:
		return fits(w, p[0], NULL, p[1]) || fits(w, NULL, p[0], p[1]);
	case 3:
		return fits(w, p[0], p[1], p[2]);
	default:
		return false;
	}
}

typedef VEC(const struct workload *) found_list;

/* The one that was found; else an error that lists them. `plural` is what was looked for. */
static const struct workload *
only_one(const found_list *found, const char *name, const char *plural, struct err *e)
{
	AUTO(buf) struct buf list = {0};

	if (found->n == 1)
		return found->at[0];
	for (size_t i = 0; i < found->n; i++)
		buf_addf(&list, "%s%s/%s/%s", i ? ", " : "", found->at[i]->namespace, found->at[i]->kind, found->at[i]->name);
	err_set(e, ERR_USAGE, 0, "\"%s\" fits %zu %s, say which: %s", name, found->n, plural, buf_str(&list));
	return NULL;
}

const struct workload *
cli_find_agent(struct workload *const *agents, size_t n_agents, const char *name, struct err *e)
{
	struct workload_name n = split_name(name);
	const struct workload *w = NULL;
	found_list found = {0};

	for (size_t i = 0; i < n_agents; i++)
		if (name_fits(&n, agents[i]))
			vec_push(&found, agents[i]);
	if (found.n)
		w = only_one(&found, name, "agents", e);
	else
		err_set(e, ERR_USAGE, 0, "no agent \"%s\" here; moat fleet lists them", name);
	free(n.copy);
	vec_free(&found);
	return w;
}

const struct workload *
cli_agent_named(const struct fleet *f, const char *name)
{
	struct workload_name n = split_name(name);
	const struct workload *found = NULL;
	size_t n_found = 0;

	for (size_t i = 0; i < f->n_agents; i++) {
		if (!name_fits(&n, f->agents[i]))
			continue;
		found = f->agents[i];
		n_found++;
	}
	free(n.copy);
	return n_found == 1 ? found : NULL;
}

const struct workload *
cli_find_workload(const struct cli *cli, const struct fleet *f, const char *name, struct err *e)
{
	struct workload_name n = split_name(name);
	const struct workload *w = NULL;
	found_list found = {0};

	for (size_t i = 0; i < f->n_workloads; i++) {
		const struct workload *one = &f->workloads[i];

		/* -n completes a name that says no namespace. */
		if (name_fits(&n, one) && (!cli->namespace || n.n_parts == 3 || str_eq(one->namespace, cli->namespace) ||
					   (n.n_parts == 2 && str_eq(one->namespace, n.parts[0]))))
			vec_push(&found, one);
	}
	if (found.n)
		w = only_one(&found, name, "workloads", e);
	else
		err_set(e, ERR_USAGE, 0, "no workload \"%s\" here; moat fleet lists the agents, moat reach all that may talk", name);
	free(n.copy);
	vec_free(&found);
	return w;
}
