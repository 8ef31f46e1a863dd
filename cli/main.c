/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <getopt.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/text.h"
#include "build-config.h"
#include "cli/cli.h"

enum option_id {
#define OPTION(id, short_name, name, arg, where, help) OPT_##id,
#include "cli/options.def"
#undef OPTION
	N_OPTIONS,
};

#define ALL CMD_ALL
static const struct option_info {
	char short_name;
	const char *name, *arg;
	unsigned where;
	const char *help;
} options[] = {
#define OPTION(id, short_name, name, arg, where, help) {short_name, name, arg, where, help},
#include "cli/options.def"
#undef OPTION
};
#undef ALL

/* getopt's return for an option: above every character. */
#define OPTION_BASE 256
#define HELP_COLUMN 30

const struct command commands[] = {
#define COMMAND(id, name, args, help, bit) {name, args, help, bit, cmd_##id},
#include "cli/commands.def"
#undef COMMAND
};
const size_t n_commands = COUNT_OF(commands);

static void
add_option_help(struct buf *out, const struct option_info *o)
{
	size_t start = out->len;

	if (o->short_name)
		buf_addf(out, "  -%c, --%s", o->short_name, o->name);
	else
		buf_addf(out, "      --%s", o->name);
	if (o->arg)
		buf_addf(out, " %s", o->arg);
	if (out->len - start < HELP_COLUMN)
		buf_fill(out, ' ', HELP_COLUMN - (out->len - start));
	else
		buf_addf(out, "\n%*s", HELP_COLUMN, "");
	text_wrap(out, o->help, 80, HELP_COLUMN, HELP_COLUMN);
	buf_addc(out, '\n');
}

/* Help for one command, or for all of moat when it is NULL. */
static void
print_help(const struct command *c)
{
	AUTO(buf) struct buf out = {0};

	if (c) {
		buf_addf(&out, "Usage: moat %s [options]%s%s\n\n  %s\n\nOptions:\n", c->name, *c->args ? " " : "", c->args,
			 c->help);
	} else {
		buf_adds(&out, "Usage: moat [options] [command] [arguments]\n\n"
			       "Is each AI agent really walled in behind its firewall, and how do you know?\n\nCommands:\n");
		for (size_t i = 0; i < n_commands; i++) {
			AUTO(free) char *call = mem_printf("%s %s", commands[i].name, commands[i].args);

			buf_addf(&out, "  %-28s%s\n", call, commands[i].help);
		}
		buf_adds(&out, "\nOptions:\n");
	}
	for (size_t i = 0; i < N_OPTIONS; i++)
		if (!c || (options[i].where & c->bit))
			add_option_help(&out, &options[i]);
	if (!c)
		buf_adds(&out, "\nExit status: 0 fine; 1 findings at or above --fail-on; 2 wrong usage or unreadable input;\n"
			       "3 the source failed or holds no agent and no companion; 4 the answer is incomplete.\n");
	fputs(buf_str(&out), stdout);
}

static bool
set_color(struct cli *cli, const char *when, struct err *e)
{
	static const char *const words[] = {"auto", "always", "never"};

	for (size_t i = 0; i < COUNT_OF(words); i++) {
		if (str_eq(when, words[i])) {
			cli->color = (enum color_when)i;
			return true;
		}
	}
	return err_set(e, ERR_USAGE, 0, "--color %s: auto, always or never is expected", when);
}

static bool
set_fail_on(struct cli *cli, const char *word, struct err *e)
{
	if (str_eq(word, "never")) {
		cli->fail_on = SEV_NEVER;
		return true;
	}
	return severity_parse(word, &cli->fail_on) ||
	       err_set(e, ERR_USAGE, 0, "--fail-on %s: info, low, medium, high, critical or never is expected", word);
}

static bool
set_time(int64_t *out_ms, const char *option, const char *text, struct err *e)
{
	int64_t seconds;

	if (!str_duration(text, &seconds) || seconds <= 0 || seconds > 24 * 3600)
		return err_set(e, ERR_USAGE, 0, "--%s %s: a time such as 45s or 2m is expected", option, text);
	*out_ms = seconds * 1000;
	return true;
}

static bool
set_keep(struct cli *cli, const char *text, struct err *e)
{
	return (str_i64(text, &cli->keep) && cli->keep > 0) ||
	       err_set(e, ERR_USAGE, 0, "--keep %s: a number of runs from 1 on is expected", text);
}

static bool
set_parallel(struct cli *cli, const char *text, struct err *e)
{
	return (str_i64(text, &cli->parallel) && cli->parallel >= 1 && cli->parallel <= PROBE_MOST_PARALLEL) ||
	       err_set(e, ERR_USAGE, 0, "--parallel %s: a number from 1 to %d is expected", text,
		       PROBE_MOST_PARALLEL);
}

static bool
add_output(struct cli *cli, const char *arg, struct err *e)
{
	const char *path = strchr(arg, '=');
	struct output o = {.format = arena_strndup(&cli->arena, arg, path ? (size_t)(path - arg) : strlen(arg)),
			   .path = path ? path + 1 : NULL};

	if (path && !path[1])
		return err_set(e, ERR_USAGE, 0, "-o %s: a file name is missing behind =", arg);
	vec_push(&cli->outputs, o);
	return true;
}

static bool
set_option(struct cli *cli, enum option_id id, const char *arg, struct err *e)
{
	switch (id) {
	case OPT_FILENAME:
		vec_push(&cli->paths, arg);
		return true;
	case OPT_KUBECONFIG:
		cli->kubeconfig = arg;
		return true;
	case OPT_CONTEXT:
		cli->context = arg;
		return true;
	case OPT_AS:
		cli->as = arg;
		return true;
	case OPT_AS_GROUP:
		vec_push(&cli->as_groups, arg);
		return true;
	case OPT_REQUEST_TIMEOUT:
		return set_time(&cli->request_timeout_ms, "request-timeout", arg, e);
	case OPT_NAMESPACE:
		cli->namespace = arg;
		return true;
	case OPT_ALL_NAMESPACES:
		cli->namespace = NULL;
		return true;
	case OPT_SELECTOR:
		cli->selector = arg;
		return true;
	case OPT_CONFIG:
		cli->config_path = arg;
		return true;
	case OPT_NO_OBJECT_EXEMPTIONS:
		cli->no_object_exemptions = true;
		return true;
	case OPT_READ_ONLY:
		cli->read_only = true;
		return true;
	case OPT_COLOR:
		return set_color(cli, arg, e);
	case OPT_OUTPUT:
		return add_output(cli, arg, e);
	case OPT_FAIL_ON:
		return set_fail_on(cli, arg, e);
	case OPT_BASELINE:
		cli->baseline_path = arg;
		return true;
	case OPT_FAIL_ON_NEW:
		cli->fail_on_new = true;
		return true;
	case OPT_DB:
		cli->db_path = arg;
		return true;
	case OPT_NO_STORE:
		cli->no_store = true;
		return true;
	case OPT_HEALTH:
		cli->health = true;
		return true;
	case OPT_NO_LOGS:
		cli->no_logs = true;
		return true;
	case OPT_KEEP:
		return set_keep(cli, arg, e);
	case OPT_FROM:
		cli->from = arg;
		return true;
	case OPT_TO:
		cli->to = arg;
		return true;
	case OPT_PORT:
		cli->port = arg;
		return true;
	case OPT_WHY:
		cli->explain = true;
		return true;
	case OPT_EXTERNAL_SOURCES:
		cli->external_sources = true;
		return true;
	case OPT_YES:
		cli->yes = true;
		return true;
	case OPT_RECREATE:
		cli->recreate = true;
		return true;
	case OPT_FIELD_MANAGER:
		cli->field_manager = arg;
		return true;
	case OPT_TIMEOUT:
		return set_time(&cli->timeout_ms, "timeout", arg, e);
	case OPT_ALL_AGENTS:
		cli->all = true;
		return true;
	case OPT_TARGET:
		cli->target = arg;
		return true;
	case OPT_NO_CONTROL:
		cli->no_control = true;
		return true;
	case OPT_PARALLEL:
		return set_parallel(cli, arg, e);
	case OPT_EPHEMERAL:
		cli->ephemeral = arg;
		return true;
	case OPT_LISTS:
		cli->lists = true;
		return true;
	case OPT_MARKDOWN:
		cli->markdown = true;
		return true;
	case OPT_LOG_FILE:
		cli->log_path = arg;
		return true;
	case OPT_VERBOSE:
		cli->verbose = true;
		return true;
	case OPT_HELP:
		cli->help = true;
		return true;
	case OPT_VERSION:
		cli->version = true;
		return true;
	case N_OPTIONS:
		break;
	}
	return true;
}

static bool
find_command(struct cli *cli, const char *name, struct err *e)
{
	struct nearest near = {.word = name, .too_far = 3};

	for (size_t i = 0; i < n_commands; i++) {
		if (str_eq(commands[i].name, name)) {
			cli->command = &commands[i];
			return true;
		}
		nearest_offer(&near, commands[i].name);
	}
	if (near.name)
		return err_set(e, ERR_USAGE, 0, "unknown command \"%s\"; did you mean \"%s\"?", name, near.name);
	return err_set(e, ERR_USAGE, 0, "unknown command \"%s\"; moat --help lists them", name);
}

/* Options of another command than the one that was given are wrong usage, not ignored. */
static bool
check_options(const struct cli *cli, unsigned long long seen, struct err *e)
{
	for (size_t i = 0; i < N_OPTIONS; i++)
		if ((seen >> i & 1) && !(options[i].where & cli->command->bit))
			return err_set(e, ERR_USAGE, 0, "--%s is no option of moat %s", options[i].name, cli->command->name);
	return true;
}

static bool
parse(struct cli *cli, int argc, char **argv, struct err *e)
{
	struct option longs[N_OPTIONS + 1] = {0};
	char shorts[2 * N_OPTIONS + 3] = ":";
	unsigned long long seen = 0;
	int c;

	_Static_assert(N_OPTIONS <= 64, "one bit an option");
	for (size_t i = 0; i < N_OPTIONS; i++) {
		const struct option_info *o = &options[i];

		longs[i] = (struct option){o->name, o->arg ? required_argument : no_argument, NULL, OPTION_BASE + (int)i};
		if (o->short_name)
			sprintf(shorts + strlen(shorts), "%c%s", o->short_name, o->arg ? ":" : "");
	}
	opterr = 0;
	while ((c = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
		size_t id = (size_t)(c - OPTION_BASE);

		if (c == ':')
			return err_set(e, ERR_USAGE, 0, "%s: an argument is missing", argv[optind - 1]);
		if (c == '?')
			return err_set(e, ERR_USAGE, 0, "unknown option %s; moat --help lists them", argv[optind - 1]);
		if (c < OPTION_BASE)
			for (id = 0; options[id].short_name != c;)
				id++;
		seen |= 1ULL << id;
		if (!set_option(cli, (enum option_id)id, optarg, e))
			return false;
	}
	if (optind < argc && !find_command(cli, argv[optind++], e))
		return false;
	cli->args = (const char *const *)argv + optind;
	cli->n_args = (size_t)(argc - optind);
	return cli->help || cli->version || check_options(cli, seen, e);
}

static void
cli_free(struct cli *cli)
{
	vec_free(&cli->paths);
	vec_free(&cli->outputs);
	vec_free(&cli->as_groups);
	config_file_free(cli->config);
	arena_free(&cli->arena);
}

/* Something behind descriptors 0 to 2, so that no file of ours is taken for one of them. */
static void
open_standard_descriptors(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd < 0)
		exit(70);
	close(fd);
}

int
main(int argc, char **argv)
{
	struct cli cli = {.fail_on = SEV_HIGH, .command = &commands[0]};
	struct err e = {0};
	int status;

	open_standard_descriptors();
	setlocale(LC_ALL, "");
	signal(SIGPIPE, SIG_IGN);
	if (!parse(&cli, argc, argv, &e)) {
		status = cli_fail(&e);
	} else if (cli.version) {
		puts("moat " PACKAGE_VERSION);
		status = 0;
	} else if (cli.help) {
		print_help(cli.command == &commands[0] ? NULL : cli.command);
		status = 0;
	} else if (cli.log_path && !log_open(cli.log_path, cli.verbose ? LOG_DEBUG : LOG_INFO, &e)) {
		status = cli_fail(&e);
	} else {
		status = cli.command->run(&cli);
	}
	if (fflush(stdout) != 0 && status == 0)
		status = err_exit_status(ERR_OUTPUT);
	cli_free(&cli);
	log_close();
	return status;
}
