/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/str.h"
#include "fleet/command.h"

/* Words of the command between blanks, an end as "/", one that left a command running as "&/". */
static char *
shown(const struct container *c)
{
	AUTO(arena) struct arena a = {0};
	struct command words = command_words(&a, c);
	struct buf out = {0};

	for (size_t i = 0; i < words.n; i++) {
		buf_addf(&out, "%s%s", i ? " " : "",
			 words.at[i].text	  ? words.at[i].text
			 : words.at[i].background ? "&/"
						  : "/");
	}
	return buf_take(&out);
}

static void
check_script(const char *script, const char *want)
{
	const char *command[] = {"/bin/sh", "-c", script};
	struct container c = {.name = "x", .image = "", .command = command, .n_command = 3};
	char *got = shown(&c);

	assert_true(str_starts(got, "/bin/sh -c"));
	assert_string_equal(got + strlen("/bin/sh -c"), want);
	free(got);
}

static void
plain_words_stay_whole(void **state)
{
	const char *command[] = {"/app/agent"}, *args[] = {"--greeting", "hello; world", "$(HOME)"};
	struct container c = {
		.name = "x", .image = "", .command = command, .n_command = 1, .args = args, .n_args = 3};
	char *got = shown(&c);

	(void)state;
	assert_string_equal(got, "/app/agent --greeting hello; world $(HOME)");
	free(got);
}

static void
scripts_are_split(void **state)
{
	(void)state;
	check_script("a b && c | d; e || f", " / a b / c / d / e / f");
	check_script("  one\n\n two # not this\nthree#this", " / one / two / three#this");
	check_script("serve & wait", " / serve &/ wait");
	check_script("(cd /x; ls)", " / cd /x / ls");
	check_script("", "");
	check_script(";;;", "");
	check_script("a \\\n  b", " / a b");
	check_script("a\r\nb\r\n", " / a / b");
}

static void
quotes_are_resolved(void **state)
{
	(void)state;
	check_script("echo 'a; b' \"c && d\" e\\ f", " / echo a; b c && d e f");
	check_script("x \"a \\\"b\\\" \\n\"", " / x a \"b\" \\n");
	check_script("x '' \"\"", " / x  ");
	check_script("x 'open", " / x open");
	check_script("x \"open", " / x open");
	check_script("x ${A:-b c} $D", " / x ${A:-b c} $D");
	check_script("x \\", " / x \\");
}

static void
redirections_are_left_out(void **state)
{
	(void)state;
	check_script("a > /dev/null 2>&1 b", " / a b");
	check_script("a &> log; b", " / a / b");
	check_script("a 2>err x1 <in", " / a x1");
	check_script("cat > f <<EOF\nwget http://x\nEOF\nafter", " / cat / after");
	check_script("cat <<-'END' > f\n\tcurl\n\tEND\nafter", " / cat / after");
	check_script("cat <<EOF\nnever closed", " / cat");
	check_script("x <<< word y", " / x y");
	check_script("x >", " / x");
}

static void
substitutions_follow(void **state)
{
	(void)state;
	check_script("x=$(curl -s http://a) y", " / x=$(curl -s http://a) y / curl -s http://a");
	check_script("echo `date`", " / echo `date` / date");
	check_script("a \"$(b $(c))\"", " / a $(b $(c)) / b $(c) / c");
	check_script("a $(b", " / a $(b / b");
	check_script("a `b", " / a `b / b");
	check_script("a $(", " / a $(");
}

static void
hostile_scripts_end(void **state)
{
	struct buf b = {0};

	(void)state;
	for (int i = 0; i < 20000; i++)
		buf_adds(&b, "$(`${<<;");
	{
		const char *command[] = {"sh", "-c", buf_str(&b)};
		struct container c = {.name = "x", .image = "", .command = command, .n_command = 3};
		AUTO(arena) struct arena a = {0};

		assert_true(command_words(&a, &c).n < 20000);
	}
	buf_free(&b);
}

static void
shells_and_their_options(void **state)
{
	const char *strict[] = {"bash", "-euo", "pipefail", "-c", "a; b"};
	const char *file[] = {"bash", "/start.sh", "-c", "a; b"};
	const char *passed[] = {"/bin/sh", "-c", "exec \"$@\"", "sh", "/pipelock", "run"};
	const char *behind[] = {"tini", "--", "/bin/sh", "-ec", "a && b"};
	struct container c = {.name = "x", .image = ""};
	char *got;

	(void)state;
	c.command = strict, c.n_command = COUNT_OF(strict);
	got = shown(&c);
	assert_string_equal(got, "bash -euo pipefail -c / a / b");
	free(got);
	c.command = file, c.n_command = COUNT_OF(file);
	got = shown(&c);
	assert_string_equal(got, "bash /start.sh -c a; b");
	free(got);
	c.command = passed, c.n_command = COUNT_OF(passed);
	got = shown(&c);
	assert_string_equal(got, "/bin/sh -c / exec $@ / sh /pipelock run");
	free(got);
	c.command = behind, c.n_command = COUNT_OF(behind);
	got = shown(&c);
	assert_string_equal(got, "tini -- /bin/sh -ec / a / b");
	free(got);
}

static struct pipelock_command
use(struct arena *a, const char *image, const char *script)
{
	const char *args[] = {"sh", "-c", script};
	struct container c = {.name = "agent", .image = image, .args = args, .n_args = 3};

	return command_pipelock(a, &c);
}

static void
options_of_run(void **state)
{
	AUTO(arena) struct arena a = {0};
	struct pipelock_command p;

	(void)state;
	p = use(&a, "x", "exec /opt/bin/pipelock run --config /a.yaml --listen=0.0.0.0:8888 -m strict");
	assert_int_equal(p.use, PIPELOCK_RUN);
	assert_string_equal(p.config, "/a.yaml");
	assert_string_equal(p.listen, "0.0.0.0:8888");
	assert_string_equal(p.mode, "strict");
	p = use(&a, "x", "pipelock run -c/b.yaml -l :8888");
	assert_string_equal(p.config, "/b.yaml");
	assert_string_equal(p.listen, ":8888");
	p = use(&a, "x", "pipelock run -c=/b.yaml --config /c.yaml");
	assert_string_equal(p.config, "/c.yaml");
	p = use(&a, "x", "pipelock run --mcp-listen :9 --config-dir /no -- --config /not-this");
	assert_int_equal(p.use, PIPELOCK_RUN);
	assert_null(p.config);
	assert_null(p.listen);
	p = use(&a, "x", "pipelock --verbose run --config");
	assert_int_equal(p.use, PIPELOCK_RUN);
	assert_null(p.config);
	p = use(&a, "x", "pipelock run; other --config /no");
	assert_null(p.config);
}

static void
other_uses(void **state)
{
	AUTO(arena) struct arena a = {0};

	(void)state;
	assert_int_equal(use(&a, "x", "pipelock mcp proxy --config /a.yaml -- tool").use, PIPELOCK_OTHER);
	assert_int_equal(use(&a, "x", "cp /usr/bin/pipelock /opt/bin/pipelock && chmod +x /opt/bin/pipelock").use,
			 PIPELOCK_UNSEEN);
	assert_int_equal(use(&a, "x", "pipelock check --config /a && exec pipelock run").use, PIPELOCK_RUN);
	assert_int_equal(use(&a, "x", "pipelock run & exec python agent.py").use, PIPELOCK_BESIDE);
	assert_int_equal(use(&a, "x", "pipelock run & wait").use, PIPELOCK_RUN);
	assert_int_equal(use(&a, "x", "pipelock run &").use, PIPELOCK_RUN);
	assert_int_equal(use(&a, "x", "pipelock-agent run").use, PIPELOCK_UNSEEN);
	assert_int_equal(use(&a, "ghcr.io/x/pipelock:2", "pipelock run").use, PIPELOCK_RUN);
}

static void
args_of_the_entrypoint(void **state)
{
	AUTO(arena) struct arena a = {0};
	const char *run[] = {"run", "--config", "/a.yaml"}, *mcp[] = {"mcp", "proxy"}, *flags[] = {"--help"};
	struct container c = {.name = "proxy", .image = "ghcr.io/x/pipelock:2.3", .args = run, .n_args = 3};

	(void)state;
	assert_int_equal(command_pipelock(&a, &c).use, PIPELOCK_RUN);
	assert_string_equal(command_pipelock(&a, &c).config, "/a.yaml");
	c.args = mcp, c.n_args = 2;
	assert_int_equal(command_pipelock(&a, &c).use, PIPELOCK_OTHER);
	c.args = flags, c.n_args = 1;
	assert_int_equal(command_pipelock(&a, &c).use, PIPELOCK_UNSEEN);
	c.n_args = 0;
	assert_int_equal(command_pipelock(&a, &c).use, PIPELOCK_UNSEEN);
	c = (struct container){.name = "pipelock", .image = "registry.example/firewall", .args = run, .n_args = 3};
	assert_int_equal(command_pipelock(&a, &c).use, PIPELOCK_RUN);
	c.name = "agent";
	assert_int_equal(command_pipelock(&a, &c).use, PIPELOCK_UNSEEN);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_words_stay_whole),
		cmocka_unit_test(scripts_are_split),
		cmocka_unit_test(quotes_are_resolved),
		cmocka_unit_test(redirections_are_left_out),
		cmocka_unit_test(substitutions_follow),
		cmocka_unit_test(hostile_scripts_end),
		cmocka_unit_test(shells_and_their_options),
		cmocka_unit_test(options_of_run),
		cmocka_unit_test(other_uses),
		cmocka_unit_test(args_of_the_entrypoint),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
