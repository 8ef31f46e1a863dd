/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/shell.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"

static const char *
variable(void *ctx, const char *name)
{
	(void)ctx;
	return strcmp(name, "URL") == 0 ? "http://pipelock:8888/a b" : NULL;
}

static const char *
file(void *ctx, const char *path)
{
	(void)ctx;
	if (strcmp(path, "/scripts/init.sh") == 0)
		return "#!/bin/sh\nset -e\nwget \"$1\"\n";
	return strcmp(path, "/scripts/fetch.py") == 0 ? "#!/usr/bin/env python3\nimport urllib\n" : NULL;
}

static void
show(struct buf *out, const char *s)
{
	for (; *s; s++)
		buf_addc(out, *s == SHELL_UNKNOWN ? '?' : *s);
}

/* Writes commands as "word|word; word" with ? for what is not known. */
static void
command(void *ctx, const struct shell *sh, const struct shell_command *cmd)
{
	struct buf *out = ctx;

	(void)sh;
	for (size_t i = 0; i < cmd->n_words; i++) {
		if (i > 0 || out->len > 0)
			buf_adds(out, i > 0 ? "|" : "; ");
		show(out, cmd->words[i]);
	}
	if (cmd->script) {
		buf_adds(out, "<<");
		show(out, cmd->script);
	}
}

static bool
read_argv(struct buf *out, const char *const *argv, size_t n)
{
	AUTO(arena) struct arena a = {0};
	struct shell_host host = {.ctx = out, .variable = variable, .file = file, .command = command};

	return shell_read(&a, argv, n, &host);
}

static void
check_script(const char *script, const char *want)
{
	AUTO(buf) struct buf out = {0};
	const char *argv[] = {"/bin/sh", "-ec", script};

	assert_true(read_argv(&out, argv, COUNT_OF(argv)));
	assert_string_equal(buf_str(&out), want);
}

static void
check_scripts(const char *const (*cases)[2], size_t n)
{
	for (size_t i = 0; i < n; i++)
		check_script(cases[i][0], cases[i][1]);
}

static void
lists_and_pipes(void **state)
{
	static const char *const cases[][2] = {
		{"a b c", "a|b|c"},
		{"a;b\nc&&d||e|f&g", "a; b; c; d; e; f; g"},
		{"a \\\n  b\n", "a|b"},
		{"a \\\r\n  b\r\nc\r\n", "a|b; c"},
		{"(a; (b)) ; { c; d; }", "a; b; c; d"},
		{"! a", "a"},
		{"a >out 2>&1 <in b >>x 2>/dev/null", "a|b"},
		{"a &>/dev/null; b &> x c", "a; b|c"},
		{"# a\nb # c\nd#e", "b; d#e"},
		{"", ""},
		{"a;;b", "a; b"},
	};

	(void)state;
	check_scripts(cases, COUNT_OF(cases));
}

static void
quotes(void **state)
{
	static const char *const cases[][2] = {
		{"echo 'curl x; wget y' \"a b\" c\\ d", "echo|curl x; wget y|a b|c d"},
		{"a '' \"\"", "a||"},
		{"a \"x\\\"y\\n\" 'z\\'", "a|x\"y\\n|z\\"},
		{"a b\"c\"'d'", "a|bcd"},
		{"a $'x y' $\"z\"", "a|x y|z"},
		{"a '#' \"#\" \\#", "a|#|#|#"},
		{"a 'open", "a|open"},
		{"a \"open", "a|open"},
	};

	(void)state;
	check_scripts(cases, COUNT_OF(cases));
}

static void
variables(void **state)
{
	static const char *const cases[][2] = {
		{"wget \"$URL\"", "wget|http://pipelock:8888/a b"},
		{"wget $URL", "wget|http://pipelock:8888/a|b"},
		{"wget ${URL%/}x", "wget|http://pipelock:8888/a|bx"},
		{"wget $NOPE/${NOPE}", "wget|?/?"},
		{"V=1.2; wget https://x/$V.tgz", "wget|https://x/1.2.tgz"},
		{"V=1 W=$V; a \"$V\" $W", "a|1|1"},
		{"V=1; V+=2; a $V", "a|12"},
		{"V=$(uname -m); a x-$V", "uname|-m; a|x-?"},
		{"a ${NOPE:-dflt} ${NOPE-\"x y\"} ${URL:+yes}", "a|dflt|x y|yes"},
		{"a ${NOPE:-${ALSO:-deep}}", "a|deep"},
		{"A=(x y 'z'); a ${A[@]} \"${A[0]}\"", "a|x|y|z|x|y|z"},
		{"export P=http://c:1; a $P", "a|http://c:1"},
		{"read P; a $P", "a|?"},
		{"unset URL; a \"$URL\" ${URL:-x}", "a||x"},
		{"V=1 a $V", "a|?"},
		{"V=1 f() { :; }; a $V", "a|?"},
		{"V=1 sh -c 'a $V'", "a|1"},
		{"a $((1+2)) ${#URL} $? $$", "a|?|?|?|?"},
		{"a $ $/ \"$\"", "a|$|$/|$"},
		{"set -- x y; a $1 \"$@\" ${2}", "a|x|x|y|y"},
		{"a ${unclosed", "a"},
	};

	(void)state;
	check_scripts(cases, COUNT_OF(cases));
}

static void
substitutions(void **state)
{
	static const char *const cases[][2] = {
		{"a $(b \"$(c)\") d", "c; b|?; a|?|d"},
		{"a \"x $(b 'y)') z\"", "b|y); a|x ? z"},
		{"a `b \\`c\\``", "c; b|?; a|?"},
		{"diff <(a) <(b)", "a; b; diff|?|?"},
		{"echo '$(a)'", "echo|$(a)"},
		{"echo \\$(a)", "echo|$; a"},
		{"(( x = 1 )); b", "b"},
		{"[[ -n $(a) && $x =~ (b|c) ]] && d", "a; d"},
	};

	(void)state;
	check_scripts(cases, COUNT_OF(cases));
}

static void
compounds(void **state)
{
	static const char *const cases[][2] = {
		{"if a; then b; elif c\nthen d; else e; fi", "a; b; c; d; e"},
		{"until a; do sleep 1; done; while ! b; do c; done <x", "a; sleep|1; b; c"},
		{"for u in http://a http://b; do wget $u; done", "wget|http://a|http://b"},
		{"for u in http://a http://b\ndo\n wget \"$u\"\ndone", "wget|http://a|http://b"},
		{"for ((i=0;i<3;i++)); do a; done", "a"},
		{"case $(a) in\n x86_64) A=amd64 ;;\n aarch64|arm64) b ;;\n *) c\nesac\nd $A", "a; b; c; d|amd64"},
		{"case x in (a) b;; esac; c", "b; c"},
		{"f() { wget \"$1\"; }\nf http://a", "wget|http://a"},
		{"function f { a; }; b", "b"},
		{"f() { g() { a $1; }; g x; }; f", "a|x"},
		{"f() ( a )\nf", "a"},
		{"eval \"a b\"", "a|b"},
	};

	(void)state;
	check_scripts(cases, COUNT_OF(cases));
}

static void
here_documents(void **state)
{
	static const char *const cases[][2] = {
		{"cat <<EOF >x\nwget y\nEOF\na", "cat<<wget y\n; a"},
		{"cat <<'EOF'\n$(a)\nEOF\nb", "cat<<$(a)\n; b"},
		{"cat <<EOF\n$(a) \"q\" 'r'\nEOF\nb", "a; cat<<? \"q\" 'r'\n; b"},
		{"cat <<-E\n\twget\n\tE\nb", "cat<<\twget\n; b"},
		{"sh <<EOF\na b\nEOF\nc", "a|b; c"},
		{"cat <<A <<B; d\n1\nA\n2\nB\nc", "cat<<2\n; d; c"},
		{"cat <<EOF\nnever ends", "cat<<never ends"},
		{"sh -s <<< 'a b'", "a|b"},
	};

	(void)state;
	check_scripts(cases, COUNT_OF(cases));
}

static void
wrappers(void **state)
{
	static const char *const cases[][2] = {
		{"exec a", "a"},
		{"sudo -u agent -E timeout -k 5 30s /usr/bin/a b", "/usr/bin/a|b"},
		{"env -i X=1 Y=2 a", "a"},
		{"command -v a && command a", "a"},
		{"busybox wget x", "wget|x"},
		{"xargs -n 1 wget <urls", "wget"},
		{"gosu agent a", "a"},
		{"su agent -c 'a b'", "a|b"},
		{"bash -euo pipefail -c 'a'", "a"},
		{"sh -c -- 'a $0 $1' x y", "a|x|y"},
		{"/scripts/init.sh http://z", "wget|http://z"},
		{"sh /scripts/init.sh http://z", "wget|http://z"},
		{". /scripts/init.sh", "wget|?"},
		{"python3 /scripts/fetch.py", "python3|/scripts/fetch.py<<#!/usr/bin/env python3\nimport urllib\n"},
		{"sh /elsewhere.sh", "sh|/elsewhere.sh"},
		{"sudo -v", ""},
	};

	(void)state;
	check_scripts(cases, COUNT_OF(cases));
}

static void
plain_argv(void **state)
{
	AUTO(buf) struct buf out = {0};
	const char *argv[] = {"/sbin/tini", "--", "git", "clone", "https://x/$y; z"};

	(void)state;
	assert_true(read_argv(&out, argv, COUNT_OF(argv)));
	assert_string_equal(buf_str(&out), "git|clone|https://x/$y; z");
	buf_clear(&out);
	assert_true(read_argv(&out, argv, 0));
	assert_string_equal(buf_str(&out), "");
}

static char *
repeated(const char *part, size_t n, const char *tail)
{
	struct buf b = {0};

	for (size_t i = 0; i < n; i++)
		buf_adds(&b, part);
	buf_adds(&b, tail);
	return buf_take(&b);
}

/* Each of these ends soon, without a deep stack and without much memory; that is all there is to see. */
static void
hostile(void **state)
{
	static const struct {
		const char *part, *tail;
		size_t n;
	} cases[] = {
		{"$(", "", 100000},	     {"(", "", 100000},
		{"{ ", "", 100000},	     {"`", "", 100001},
		{"${a:-", "", 100000},	     {"\"$(\"", "", 50000},
		{"A=$A$A$A;", "a $A", 5000}, {"f() { f; f; f; f; }; ", "f", 1},
		{"a <<E ", "", 50000},	     {"case x in ", "", 50000},
		{"sh -c '", "", 20000},	     {"eval eval ", "", 20000},
		{"f() { ", "", 50000},	     {"A=x; A+=$A; ", "eval \"$A$A$A\"", 2000},
	};
	AUTO(buf) struct buf out = {0};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		AUTO(free) char *script = repeated(cases[i].part, cases[i].n, cases[i].tail);
		const char *argv[] = {"sh", "-c", script};

		buf_clear(&out);
		(void)!read_argv(&out, argv, COUNT_OF(argv));
		assert_true(out.len < 64 * 1024 * 1024);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists_and_pipes), cmocka_unit_test(quotes),	 cmocka_unit_test(variables),
		cmocka_unit_test(substitutions),   cmocka_unit_test(compounds),	 cmocka_unit_test(here_documents),
		cmocka_unit_test(wrappers),	   cmocka_unit_test(plain_argv), cmocka_unit_test(hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
