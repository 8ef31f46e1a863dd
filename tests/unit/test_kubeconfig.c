/* SPDX-License-Identifier: Apache-2.0 */
/* Kubeconfigs: merging, what each field means, what is refused, and that no secret gets into a message. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/attr.h"
#include "base/mem.h"
#include "base/str.h"
#include "kube/kubeconfig.h"
#include "kube/secret.h"
#include "tests/unit/folder.h"

#define PEM "LS0tLS1CRUdJTiBYLS0tLS0K" /* -----BEGIN X----- */

static struct kubeconfig *
parse(const char *text)
{
	struct err e = {0};
	struct kubeconfig *c = kubeconfig_parse("/etc/kube/config", text, strlen(text), &e);

	if (!c)
		fail_msg("%s", e.msg);
	return c;
}

static const struct kube_context *
context(struct kubeconfig *c, const char *name)
{
	struct err e = {0};
	const struct kube_context *x = kubeconfig_context(c, name, &e);

	if (!x)
		fail_msg("%s", e.msg);
	return x;
}

/* A config with one cluster and one user, whose fields are given; both texts are indented by two and end a line. */
static char *
config_of(const char *cluster, const char *user)
{
	return mem_printf("current-context: c\n"
			  "contexts: [{name: c, context: {cluster: k, user: u}}]\n"
			  "clusters:\n- name: k\n  cluster:\n%s"
			  "users:\n- name: u\n  user:\n%s",
			  cluster, user);
}

#define SERVER "    server: https://k:6443\n"

static void
refused(const char *cluster, const char *user, const char *wanted)
{
	AUTO(free) char *text = config_of(cluster, user);
	struct kubeconfig *c = parse(text);
	struct err e = {0};

	if (kubeconfig_context(c, NULL, &e))
		fail_msg("accepted: %s", text);
	if (!str_has(e.msg, wanted))
		fail_msg("%s\nnot: %s", e.msg, wanted);
	if (str_has(e.msg, "hunter2"))
		fail_msg("a secret: %s", e.msg);
	kubeconfig_free(c);
}

static void
refused_as_whole(const char *text, const char *wanted)
{
	struct err e = {0};

	assert_null(kubeconfig_parse("/k", text, strlen(text), &e));
	assert_int_equal(e.kind, ERR_INPUT);
	if (!str_has(e.msg, wanted))
		fail_msg("%s\nnot: %s", e.msg, wanted);
}

/* ---- merging */

static void
first_wins(void **state)
{
	AUTO(free)
	char *one =
		folder_file("one", "contexts: [{name: a, context: {cluster: x, user: u, namespace: first}}]\n"
				   "clusters: [{name: x, cluster: {server: 'https://one', certificate-authority: "
				   "ca.crt}}]\n");
	AUTO(free)
	char *two = folder_file(
		"two", "current-context: b\n"
		       "contexts: [{name: a, context: {cluster: x}}, {name: b, context: {cluster: y, user: u}}]\n"
		       "clusters: [{name: x, cluster: {server: 'https://two'}}, {name: y, cluster: {server: "
		       "'https://two/'}}]\n"
		       "users: [{name: u, user: {token: t}}]\n");
	AUTO(free) char *list = mem_printf(":%s:%s/missing:%s:%s", one, folder, two, one);
	AUTO(free) char *ca = folder_path("ca.crt");
	struct err e = {0};
	struct kubeconfig *c;

	(void)state;
	setenv("KUBECONFIG", list, 1);
	c = kubeconfig_load(NULL, &e);
	assert_non_null(c);
	assert_int_equal(c->n_files, 2);
	assert_string_equal(c->files[1], two);
	assert_int_equal(c->n_names, 2);
	assert_string_equal(c->names[0], "a");
	assert_string_equal(c->current, "b");
	assert_string_equal(context(c, "a")->cluster->server, "https://one");
	assert_string_equal(context(c, "a")->cluster->ca_path, ca);
	assert_string_equal(context(c, "a")->namespace, "first");
	assert_string_equal(context(c, "a")->user->token, "t");
	assert_string_equal(context(c, NULL)->cluster->server, "https://two");
	assert_string_equal(context(c, NULL)->cluster->server_text, "https://two/");
	assert_null(context(c, NULL)->namespace);
	assert_ptr_equal(context(c, "a"), context(c, "a"));
	kubeconfig_free(c);
	unsetenv("KUBECONFIG");
}

static void
which_file(void **state)
{
	AUTO(free) char *missing = folder_path("missing");
	AUTO(free) char *named = folder_file("named", "current-context: n\n");
	AUTO(free) char *home = folder_path("home");
	AUTO(free) char *dot = mem_printf("%s/.kube", home);
	AUTO(free) char *old_home = mem_strdup(getenv("HOME"));
	struct err e = {0};
	struct kubeconfig *c;

	(void)state;
	setenv("HOME", home, 1);
	assert_int_equal(mkdir(home, 0700) | mkdir(dot, 0700), 0);
	c = kubeconfig_load(NULL, &e);
	assert_int_equal(c->n_files, 0);
	assert_null(kubeconfig_context(c, NULL, &e));
	assert_true(str_has(e.msg, "~/.kube/config is not there"));
	kubeconfig_free(c);

	free(folder_file("home/.kube/config", "current-context: h\n"));
	setenv("KUBECONFIG", missing, 1);
	c = kubeconfig_load(NULL, &e);
	assert_int_equal(c->n_files, 0);
	assert_null(kubeconfig_context(c, NULL, &e));
	assert_true(str_has(e.msg, "no file that KUBECONFIG names is there"));
	kubeconfig_free(c);
	c = kubeconfig_load(named, &e);
	assert_string_equal(c->current, "n");
	kubeconfig_free(c);
	setenv("KUBECONFIG", "", 1);
	c = kubeconfig_load(NULL, &e);
	assert_string_equal(c->current, "h");
	assert_null(kubeconfig_context(c, NULL, &e));
	assert_true(str_has(e.msg, "has no contexts"));
	kubeconfig_free(c);
	unsetenv("KUBECONFIG");
	assert_null(kubeconfig_load(missing, &e));
	assert_true(str_has(e.msg, missing));
	assert_null(kubeconfig_load(folder, &e));
	setenv("HOME", old_home ? old_home : "/", 1);
}

static void
relative_paths(void **state)
{
	struct kubeconfig *c =
		parse("current-context: c\n"
		      "contexts: [{name: c, context: {cluster: k, user: u}}]\n"
		      "clusters: [{name: k, cluster: {server: h:1, certificate-authority: ../ca}}]\n"
		      "users: [{name: u, user: {tokenFile: t, client-certificate: /abs, client-key: d/k,\n"
		      "  exec: {apiVersion: client.authentication.k8s.io/v1beta1, command: ./bin/p}}}]\n");
	const struct kube_context *x = context(c, NULL);

	(void)state;
	assert_string_equal(x->cluster->ca_path, "/etc/kube/../ca");
	assert_string_equal(x->cluster->server, "https://h:1");
	assert_string_equal(x->user->token_path, "/etc/kube/t");
	assert_string_equal(x->user->cert_path, "/abs");
	assert_string_equal(x->user->key_path, "/etc/kube/d/k");
	assert_string_equal(x->user->exec->command, "/etc/kube/bin/p");
	kubeconfig_free(c);
}

static void
the_first_of_one_name(void **state)
{
	struct kubeconfig *c = parse(
		"contexts: [{name: c, context: {cluster: k}}, {name: c, context: {cluster: none}}]\n"
		"clusters: [{name: k, cluster: {server: 'http://a'}}, {name: k, cluster: {}}, {cluster: {}}]\n");

	(void)state;
	assert_int_equal(c->n_names, 1);
	assert_string_equal(context(c, "c")->cluster->server, "http://a");
	assert_string_equal(context(c, "c")->user->name, "");
	kubeconfig_free(c);
}

static void
wrong_context(const char *text, const char *name, enum err_kind kind, const char *wanted)
{
	struct kubeconfig *c = parse(text);
	struct err e = {0};

	assert_null(kubeconfig_context(c, name, &e));
	assert_int_equal(e.kind, kind);
	if (!str_has(e.msg, wanted))
		fail_msg("%s\nnot: %s", e.msg, wanted);
	kubeconfig_free(c);
}

static void
missing_ones(void **state)
{
	const char *text =
		"contexts:\n- {name: staging, context: {cluster: prot, user: u}}\n"
		"- {name: x, context: {cluster: prod, user: nobody}}\n- {name: y, context: {}}\n- {name: z}\n"
		"- {name: ns, context: {cluster: prod, namespace: ../../x}}\n"
		"clusters: [{name: prod, cluster: {server: 'https://p'}}]\n";

	(void)state;
	wrong_context(text, NULL, ERR_USAGE, "no current-context: name one with --context (staging, x, y, z, ns)");
	wrong_context(text, "stagign", ERR_USAGE, "did you mean staging?");
	wrong_context(text, "entirely-else", ERR_USAGE, "no context entirely-else, but: staging");
	wrong_context(text, "staging", ERR_INPUT,
		      "/etc/kube/config:2: context staging: there is no cluster prot, did you mean prod");
	wrong_context(text, "x", ERR_INPUT, "/etc/kube/config:3: context x: there is no user nobody");
	wrong_context(text, "y", ERR_INPUT, "names no cluster");
	wrong_context(text, "z", ERR_INPUT, "names no cluster");
	wrong_context(text, "ns", ERR_INPUT, "namespace: is no name of a namespace");
	wrong_context("current-context: gone\ncontexts: [{name: here}]\n", NULL, ERR_USAGE,
		      "current-context gone is no context of the kubeconfig, which has: here");
}

/* ---- fields */

static void
json_form(void **state)
{
	struct kubeconfig *c = parse(
		"\n{\"kind\":\"Config\",\"apiVersion\":\"v1\",\"current-context\":\"c\",\t\"contexts\":"
		"[{\"name\":\"c\",\"context\":{\"cluster\":\"k\",\"user\":\"\\ud83d\\ude00\"}}],"
		"\"clusters\":[{\"name\":\"k\",\"cluster\":{\"server\":\"https:\\/\\/k\","
		"\"insecure-skip-tls-verify\":true}}],\"users\":[{\"name\":\"\\ud83d\\ude00\",\"user\":null}]}");

	(void)state;
	assert_string_equal(context(c, NULL)->cluster->server, "https://k");
	assert_true(context(c, NULL)->cluster->insecure);
	kubeconfig_free(c);
}

static void
all_of_a_cluster(void **state)
{
	AUTO(free)
	char *text = config_of(
		SERVER
		"    certificate-authority-data: " PEM "\n    certificate-authority: /ca\n"
		"    tls-server-name: n\n    proxy-url: socks5://u:p@h:1080\n"
		"    disable-compression: true\n"
		"    extensions: [{name: other, extension: 1},\n"
		"      {name: client.authentication.k8s.io/exec, extension: {a: [1, 0440, x, .inf, yes, null]}}]\n",
		"    token: t\n");
	struct kubeconfig *c = parse(text);
	const struct kube_cluster *k = context(c, NULL)->cluster;

	(void)state;
	assert_string_equal(k->ca.data, "-----BEGIN X-----\n");
	assert_int_equal(k->ca.len, 18);
	assert_null(k->ca_path);
	assert_string_equal(k->tls_server_name, "n");
	assert_string_equal(k->proxy_url, "socks5://u:p@h:1080");
	assert_true(k->disable_compression);
	assert_false(k->insecure);
	assert_string_equal(k->exec_config, "{\"a\":[1,288,\"x\",null,true,null]}");
	kubeconfig_free(c);
}

static void
all_of_a_user(void **state)
{
	AUTO(free)
	char *text = config_of(SERVER, "    token: 0123\n    tokenFile: /t\n    client-certificate-data: " PEM
				       "\n    client-certificate: /c\n"
				       "    client-key: /k\n    as: boss\n    as-uid: '7'\n    as-groups: [a, b]\n "
				       "   as-user-extra: {x: [1, 2], y: []}\n"
				       "    exec:\n      apiVersion: client.authentication.k8s.io/v1\n      "
				       "command: aws\n      args: [eks, 5]\n"
				       "      env: [{name: A, value: b}, {name: C}]\n      interactiveMode: "
				       "Always\n      provideClusterInfo: true\n"
				       "      installHint: |\n        get it\n        there\n");
	struct kubeconfig *c = parse(text);
	const struct kube_user *u = context(c, NULL)->user;

	(void)state;
	assert_string_equal(u->token, "0123");
	assert_string_equal(u->token_path, "/t");
	assert_int_equal(u->cert.len, 18);
	assert_null(u->cert_path);
	assert_string_equal(u->key_path, "/k");
	assert_string_equal(u->as, "boss");
	assert_string_equal(u->as_uid, "7");
	assert_int_equal(u->n_as_groups, 2);
	assert_string_equal(u->as_groups[1], "b");
	assert_int_equal(u->n_as_extra, 2);
	assert_string_equal(u->as_extra[1].key, "x");
	assert_string_equal(u->as_extra[1].value, "2");
	assert_string_equal(u->exec->command, "aws");
	assert_int_equal(u->exec->n_args, 2);
	assert_string_equal(u->exec->args[1], "5");
	assert_int_equal(u->exec->n_env, 2);
	assert_string_equal(u->exec->env[1].value, "");
	assert_int_equal(u->exec->interactive, KUBE_INTERACTIVE_ALWAYS);
	assert_true(u->exec->provide_cluster_info);
	assert_string_equal(u->exec->install_hint, "get it\nthere\n");
	kubeconfig_free(c);
}

static void
wrong_clusters(void **state)
{
	static const char *const urls[] = {"https://",	   "ftp://h",
					   "https://h:0",  "https://h:65536",
					   "h:x",	   "https://[::1",
					   "https://a b",  "https://h?x=hunter2",
					   "'#'",	   "https://u:hunter2@",
					   "https://[]:1", "https://:6443"};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(urls); i++) {
		AUTO(free) char *cluster = mem_printf("    server: %s\n", urls[i]);

		refused(cluster, "", "/etc/kube/config:6: cluster k: server: is no URL");
	}
	refused("    server: ''\n", "", "cluster k: has no server");
	refused("", "", "cluster k: has no server");
	refused("    [x]\n", "", "cluster k: expected a map, found a list");
	refused("    server: [hunter2]\n", "", "server: expected a string, found a list");
	refused("    server: \"https://h\\nX: y\"\n", "", "server: contains a control character");
	refused(SERVER "    proxy-url: quic://u:hunter2@h\n", "",
		"/etc/kube/config:7: cluster k: proxy-url: is no URL");
	refused(SERVER "    insecure-skip-tls-verify: 'true'\n", "", "expected true or false, found a string");
	refused(SERVER "    certificate-authority-data: hunter2\n", "",
		"certificate-authority-data: is not valid base64");
	refused(SERVER "    certificate-authority-data: aHVudGVyMg==\n", "", "is base64, but of no PEM");
	refused(SERVER "    certificate-authority-data: {hunter2: 1}\n", "", "expected a string, found a map");
}

#define EXEC "    exec:\n      command: p\n"
#define V1BETA1 "      apiVersion: client.authentication.k8s.io/v1beta1\n"
#define V1 "      apiVersion: client.authentication.k8s.io/v1\n"

static void
wrong_users(void **state)
{
	static const struct {
		const char *user, *wanted;
	} cases[] = {
		{"    client-certificate: /c\n", "user u: has client-certificate but no client-key"},
		{"    client-key: /c\n", "user u: has client-key but no client-certificate"},
		{"    token: hunter2\n    password: hunter2\n", "keep one of them"},
		{"    token: [hunter2]\n", "/etc/kube/config:10: user u: token: expected a string, found a list"},
		{"    token: |\n      hunter2\n      hunter2\n",
		 "token: contains a control character or a line break"},
		{"    client-key-data: '*hunter2*'\n", "client-key-data: is not valid base64"},
		{"    as-groups: [a]\n", "no \"as\""},
		{"    as: x\n    as-groups: a\n", "as-groups: expected a list"},
		{"    as: x\n    as-user-extra: [a]\n", "as-user-extra: expected a map of lists"},
		{"    as: x\n    as-user-extra: {a: b}\n", "as-user-extra: expected a list of strings"},
		{"    exec: {}\n", "exec.command: is missing"},
		{"    exec: x\n", "expected a map, found a string"},
		{EXEC, "exec.apiVersion: is missing"},
		{EXEC "      apiVersion: client.authentication.k8s.io/v1alpha1\n", "gone since Kubernetes 1.24"},
		{EXEC "      apiVersion: v1\n", "exec.apiVersion: is neither"},
		{EXEC V1, "exec.interactiveMode: has to be given"},
		{EXEC V1 "      interactiveMode: Sometimes\n", "none of Never, IfAvailable and Always"},
		{EXEC V1BETA1 "      env: [{value: hunter2}]\n", "exec.env: a variable has no name"},
		{EXEC V1BETA1 "      env: {A: hunter2}\n", "exec.env: expected a list"},
		{EXEC V1BETA1 "      args: hunter2\n", "exec.args: expected a list"},
		{EXEC V1BETA1 "    auth-provider: {name: gcp}\n", "keep exec"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		refused(SERVER, cases[i].user, cases[i].wanted);
}

static void
exec_defaults(void **state)
{
	AUTO(free) char *text = config_of(SERVER, EXEC V1BETA1);
	struct kubeconfig *c = parse(text);
	const struct kube_exec *x = context(c, NULL)->user->exec;

	(void)state;
	assert_int_equal(x->interactive, KUBE_INTERACTIVE_IF_AVAILABLE);
	assert_null(x->install_hint);
	assert_false(x->provide_cluster_info);
	assert_string_equal(x->command, "p");
	kubeconfig_free(c);
}

static void
wrong_files(void **state)
{
	(void)state;
	refused_as_whole("[a]", "/k: expected a kubeconfig, found a list");
	refused_as_whole("just text", "expected a kubeconfig, found a string");
	refused_as_whole("kind: Pod\napiVersion: v1\n", "(kind: Config), found kind: Pod");
	refused_as_whole("kind: Config\napiVersion: v2\n", "of apiVersion v1, found v2");
	refused_as_whole("a: 1\nusers: {}\n", "/k:2: users: expected a list, found a map");
	refused_as_whole("contexts:\n- name: x\n- zz\n",
			 "/k:3: contexts: expected a map with a name, found a string");
	refused_as_whole("a: [\n", "/k:");
	refused_as_whole("{\"a\": [}", "/k:");
	kubeconfig_free(parse(""));
	kubeconfig_free(parse("users: null\ncontexts:\n"));
}

/* What is wrong is said when it is used. */
static void
unused_ones(void **state)
{
	struct kubeconfig *c =
		parse("contexts: [{name: good, context: {cluster: k}}, {name: bad, context: {cluster: l}}]\n"
		      "clusters: [{name: l, cluster: 5}, {name: k, cluster: {server: 'https://k'}}]\n"
		      "users: [{name: x, user: {exec: 5, token: []}}]\n");
	struct err e = {0};

	(void)state;
	context(c, "good");
	assert_null(kubeconfig_context(c, "bad", &e));
	kubeconfig_free(c);
}

/* ---- in a pod */

static void
in_cluster(void **state)
{
	AUTO(free) char *token = folder_file("token", "t\n");
	AUTO(free) char *namespace = NULL, *ca = NULL;
	struct err e = {0};
	struct kubeconfig *c;

	(void)state;
	unsetenv("KUBERNETES_SERVICE_HOST");
	assert_false(kubeconfig_in_cluster_available());
	assert_null(kubeconfig_in_cluster_at(folder, &e));
	setenv("KUBERNETES_SERVICE_HOST", "fd00::1", 1);
	setenv("KUBERNETES_SERVICE_PORT", "8443", 1);
	assert_null(kubeconfig_in_cluster_at("/nowhere", &e));
	assert_true(str_has(e.msg, "service account token /nowhere/token"));
	c = kubeconfig_in_cluster_at(folder, &e);
	assert_string_equal(context(c, NULL)->name, "in-cluster");
	assert_string_equal(context(c, "in-cluster")->cluster->server, "https://[fd00::1]:8443");
	assert_null(context(c, NULL)->cluster->ca_path);
	assert_null(context(c, NULL)->namespace);
	assert_string_equal(context(c, NULL)->user->token_path, token);
	kubeconfig_free(c);

	ca = folder_file("ca.crt", "x");
	namespace = folder_file("namespace", "agents\n");
	setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1", 1);
	c = kubeconfig_in_cluster_at(folder, &e);
	assert_string_equal(context(c, NULL)->cluster->server, "https://10.0.0.1:8443");
	assert_string_equal(context(c, NULL)->cluster->ca_path, ca);
	assert_string_equal(context(c, NULL)->namespace, "agents");
	kubeconfig_free(c);
	unsetenv("KUBERNETES_SERVICE_HOST");
	unsetenv("KUBERNETES_SERVICE_PORT");
}

/* ---- base64 */

static void
base64(void **state)
{
	static const struct {
		const char *text, *wanted; /* NULL: refused */
	} cases[] = {
		{"", ""},
		{"YQ==", "a"},
		{"YWI=", "ab"},
		{"YWJj", "abc"},
		{" YW\nJj\r\nZA == ", "abcd"},
		{"//79", "\xff\xfe\xfd"},
		{"YQ", NULL},
		{"YQ=", NULL},
		{"YQ===", NULL},
		{"====", NULL},
		{"YQ==YQ==", NULL},
		{"Y*==", NULL},
		{"YW-_", NULL},
	};
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf encoded = {0};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct kube_blob out = {0};
		bool ok = secret_base64_decode(&a, cases[i].text, strlen(cases[i].text), &out);

		assert_int_equal(ok, cases[i].wanted != NULL);
		if (ok)
			assert_string_equal(out.data, cases[i].wanted);
	}
	secret_base64_encode(&encoded, "abcd", 4);
	assert_string_equal(buf_str(&encoded), "YWJjZA==");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_wins),	    cmocka_unit_test(which_file),
		cmocka_unit_test(relative_paths),   cmocka_unit_test(the_first_of_one_name),
		cmocka_unit_test(missing_ones),	    cmocka_unit_test(json_form),
		cmocka_unit_test(all_of_a_cluster), cmocka_unit_test(all_of_a_user),
		cmocka_unit_test(wrong_clusters),   cmocka_unit_test(wrong_users),
		cmocka_unit_test(exec_defaults),    cmocka_unit_test(wrong_files),
		cmocka_unit_test(unused_ones),	    cmocka_unit_test(in_cluster),
		cmocka_unit_test(base64),
	};

	return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
