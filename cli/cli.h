/* SPDX-License-Identifier: Apache-2.0 */
/* The command line: what was asked for, and the pieces that commands share. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>

#include "audit/audit.h"
#include "audit/baseline.h"
#include "audit/report.h"
#include "base/arena.h"
#include "base/err.h"
#include "base/vec.h"
#include "cli/config_file.h"
#include "cli/output.h"

enum command_bit {
	CMD_AUDIT = 1 << 0,
	CMD_RULES = 1 << 1,
	CMD_FLEET = 1 << 2,
	CMD_SHOW = 1 << 3,
	CMD_DEMO = 1 << 4,
	CMD_OTHER = 1 << 5,
	CMD_REACH = 1 << 6,
	CMD_RESTART = 1 << 7,
	CMD_DOCTOR = 1 << 8,
	CMD_HISTORY = 1 << 9,
	CMD_CONSOLE = 1 << 10,
	CMD_PROBE = 1 << 11,
};
#define CMD_TABLES (CMD_RULES | CMD_FLEET | CMD_SHOW)
#define CMD_ALL                                                                                               \
	(CMD_AUDIT | CMD_TABLES | CMD_DEMO | CMD_OTHER | CMD_REACH | CMD_RESTART | CMD_DOCTOR | CMD_HISTORY | \
	 CMD_CONSOLE | CMD_PROBE)

/* One -o: a format, and where it goes (NULL: standard output). */
struct output {
	const char *format, *path;
};

enum color_when { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER };

struct cli {
	struct arena arena; /* as long as the program */
	const struct command *command;
	const char *const *args; /* behind the command */
	size_t n_args;

	VEC(const char *) paths; /* -f */
	VEC(struct output) outputs; /* -o */
	const char *namespace, *selector, *config_path, *log_path, *baseline_path; /* NULL when not given */
	const char *kubeconfig, *context, *as; /* NULL when not given */
	VEC(const char *) as_groups;
	int64_t request_timeout_ms; /* 0 when not given */
	bool fail_on_new, no_object_exemptions, read_only, verbose, help, version, lists, markdown;
	const char *from, *to, *port; /* moat reach; NULL when not given */
	bool explain, external_sources;
	bool yes, recreate; /* moat restart, and what follows */
	const char *field_manager; /* NULL when not given */
	int64_t timeout_ms; /* 0 when not given */
	bool all, no_control; /* moat probe, and what follows */
	const char *target, *ephemeral; /* NULL when not given */
	int64_t parallel; /* 0 when not given */
	const char *db_path; /* NULL when not given */
	bool no_store;
	bool health, no_logs; /* what is looked at beside the objects of a cluster: tiers.h */
	int64_t keep; /* moat history prune: runs of each source; 0 when not given */
	enum color_when color;
	enum severity fail_on;
	bool demo; /* the built-in fleet is the source */

	struct baseline baseline; /* read with the config file */
	struct config_file *config; /* read on demand: cli_config */
};

struct command {
	const char *name, *args, *help;
	unsigned bit;
	int (*run)(struct cli *cli); /* the exit status */
};

extern const struct command commands[];
extern const size_t n_commands;

/* Prints "moat: message" on stderr and gives the exit status that the error means. */
int cli_fail(const struct err *e);
int cli_fail_usage(const char *fmt, ...) PRINTF(1, 2);
/* Wrong usage when there are arguments behind the command. */
bool cli_no_args(const struct cli *cli, struct err *e);
/* The one -o of a command that prints a table; TABLE_TEXT without one. */
bool cli_table_format(const struct cli *cli, enum table_format *out, struct err *e);

/* The config file with the command line's restrictions folded in; read once. */
const struct config_file *cli_config(struct cli *cli, struct err *e);
/* Reads the source that the command line names; cli->config is set then. */
struct fleet *cli_fleet(struct cli *cli, struct err *e);
/* The same with what is known besides the objects (tiers.h). Slow, like the next. */
struct fleet *cli_fleet_with_evidence(struct cli *cli, struct err *e);
/* Reads the source that the command line names and judges it. Slow: the console calls it on its worker. */
struct audit *cli_audit(struct cli *cli, struct err *e);
/* What the source has to say of itself (the same object twice, ...), on stderr: for commands without a screen. */
void cli_warn(const struct fleet *f);
/* Is the source a cluster, for want of -f? */
bool cli_is_live(const struct cli *cli);

/* The console on the source of the command line, which is one. */
int cli_console(struct cli *cli);
/* The outputs that -o asks for, each format to its place. 0, or the exit status of what could not be written. */
int cli_report(struct cli *cli, const struct audit *a);
/* Shall text for standard output be coloured, and how wide and in which characters may it be? */
struct report_options cli_report_options(const struct cli *cli);

/* The agent that [NS/][KIND/]NAME means; NULL and an error that lists what fits when it is not exactly one. */
const struct workload *cli_find_agent(struct workload *const *agents, size_t n, const char *name, struct err *e);
/* The only agent of the fleet that such a name fits; NULL. */
const struct workload *cli_agent_named(const struct fleet *f, const char *name);
/* The same among all workloads; -n completes a name without a namespace. */
const struct workload *cli_find_workload(const struct cli *cli, const struct fleet *f, const char *name, struct err *e);

#define COMMAND(id, name, args, help, bit) int cmd_##id(struct cli *cli);
#include "cli/commands.def"
#undef COMMAND

#endif
