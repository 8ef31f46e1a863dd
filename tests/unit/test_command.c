/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/str.h"
#include "fleet/command.h"

static struct pipelock_command
taken(struct arena *a, const struct container *c, const struct shell_host *around)
{
	size_t n;
	const char *const *argv = command_line(a, c, &n);

	return command_pipelock(a, c, argv, n, around);
}

static struct pipelock_command
script(struct arena *a, const char *text)
{
	const char *command[] = {"sh", "-c"}, *args[] = {text};
	struct container c = {
		.name = "agent", .image = "x", .command = command, .n_command = 2, .args = args, .n_args = 1};

	return taken(a, &c, NULL);
}

static void
options_of_run(void **state)
{
	AUTO(arena) struct arena a = {0};
	struct pipelock_command p;

	(void)state;
	p = script(&a, "exec /opt/bin/pipelock run --config /a.yaml --listen=0.0.0.0:8888 -m strict");
	assert_int_equal(p.use, PIPELOCK_RUN);
	assert_string_equal(p.config, "/a.yaml");
	assert_string_equal(p.listen, "0.0.0.0:8888");
	assert_string_equal(p.mode, "strict");
	p = script(&a, "pipelock run -c/b.yaml -l :8888");
	assert_string_equal(p.config, "/b.yaml");
	assert_string_equal(p.listen, ":8888");
	p = script(&a, "pipelock run -c=/b.yaml --config /c.yaml");
	assert_string_equal(p.config, "/c.yaml");
	p = script(&a, "pipelock run --mcp-listen :9 --config-dir /no -- --config /not-this");
	assert_int_equal(p.use, PIPELOCK_RUN);
	assert_null(p.config);
	assert_null(p.listen);
	p = script(&a, "pipelock --verbose run --config");
	assert_int_equal(p.use, PIPELOCK_RUN);
	assert_null(p.config);
	p = script(&a, "pipelock run; other --config /no");
	assert_null(p.config);
}

static void
other_uses(void **state)
{
	static const struct {
		const char *text;
		enum pipelock_use use;
	} cases[] = {
		{"pipelock mcp proxy --config /a.yaml -- tool", PIPELOCK_OTHER},
		{"cp /usr/bin/pipelock /opt/bin/pipelock && chmod +x /opt/bin/pipelock", PIPELOCK_UNSEEN},
		{"pipelock check --config /a && exec pipelock run", PIPELOCK_RUN},
		{"pipelock run || pipelock check", PIPELOCK_RUN},
		{"pipelock run & exec python agent.py", PIPELOCK_BESIDE},
		{"pipelock run & wait", PIPELOCK_RUN},
		{"pipelock run &", PIPELOCK_RUN},
		{"pipelock --help", PIPELOCK_UNSEEN},
		{"pipelock", PIPELOCK_UNSEEN},
		{"pipelock-agent run", PIPELOCK_UNSEEN},
		{"echo pipelock run", PIPELOCK_UNSEEN},
		{"", PIPELOCK_UNSEEN},
	};
	AUTO(arena) struct arena a = {0};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		assert_int_equal(script(&a, cases[i].text).use, cases[i].use);
}

static void
args_of_the_entrypoint(void **state)
{
	AUTO(arena) struct arena a = {0};
	const char *run[] = {"run", "--config", "/a.yaml"}, *mcp[] = {"mcp", "proxy"}, *flags[] = {"--help"};
	const char *shell[] = {"sh", "-c", "pipelock run -c /b.yaml"};
	struct container c = {.name = "proxy", .image = "ghcr.io/x/pipelock:2.3", .args = run, .n_args = 3};

	(void)state;
	assert_int_equal(taken(&a, &c, NULL).use, PIPELOCK_RUN);
	assert_string_equal(taken(&a, &c, NULL).config, "/a.yaml");
	c.args = mcp, c.n_args = 2;
	assert_int_equal(taken(&a, &c, NULL).use, PIPELOCK_OTHER);
	c.args = shell, c.n_args = 3;
	assert_string_equal(taken(&a, &c, NULL).config, "/b.yaml");
	assert_string_equal(script(&a, "pipelock mcp proxy --config /m.yaml -- tool --config /no").config, "/m.yaml");
	c.args = flags, c.n_args = 1;
	assert_int_equal(taken(&a, &c, NULL).use, PIPELOCK_UNSEEN);
	c.args = run + 1, c.n_args = 2;
	assert_int_equal(taken(&a, &c, NULL).use, PIPELOCK_UNSEEN);
	assert_string_equal(taken(&a, &c, NULL).config, "/a.yaml");
	c.n_args = 0;
	assert_int_equal(taken(&a, &c, NULL).use, PIPELOCK_UNSEEN);
	c = (struct container){.name = "pipelock", .image = "registry.example/firewall", .args = run, .n_args = 3};
	assert_int_equal(taken(&a, &c, NULL).use, PIPELOCK_RUN);
	c.name = "agent";
	assert_int_equal(taken(&a, &c, NULL).use, PIPELOCK_UNSEEN);
}

static const char *
variable(void *ctx, const char *name)
{
	return strcmp(name, "CONFIG") == 0 ? ctx : NULL;
}

static const char *
file(void *ctx, const char *path)
{
	(void)ctx;
	return strcmp(path, "/scripts/start.sh") == 0 ? "exec pipelock run --config \"$CONFIG\" -l \"$LISTEN\""
						      : NULL;
}

static void
variables_and_files_around(void **state)
{
	static char config[] = "/etc/pipelock/pipelock.yaml";
	AUTO(arena) struct arena a = {0};
	const struct shell_host around = {.ctx = config, .variable = variable, .file = file};
	const char *command[] = {"/bin/sh", "/scripts/start.sh"};
	struct container c = {.name = "x", .image = "x", .command = command, .n_command = 2};
	struct pipelock_command p = taken(&a, &c, &around);

	(void)state;
	assert_int_equal(p.use, PIPELOCK_RUN);
	assert_string_equal(p.config, config);
	assert_non_null(strchr(p.listen, SHELL_UNKNOWN));
	assert_int_equal(taken(&a, &c, NULL).use, PIPELOCK_UNSEEN);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_of_run),
		cmocka_unit_test(other_uses),
		cmocka_unit_test(args_of_the_entrypoint),
		cmocka_unit_test(variables_and_files_around),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
