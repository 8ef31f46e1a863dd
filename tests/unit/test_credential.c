/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Credentials kept fresh. Plugins are small shell scripts in a folder of the test's own; each appends a line to the
 * file `runs` there, so that runs can be counted.
 */
#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/reader.h"
#include "base/str.h"
#include "kube/credential.h"
#include "kube/plugin.h"
#include "tests/unit/folder.h"

#define ENOUGH_MS 20000 /* a bound; never waited for */
#define V1 "client.authentication.k8s.io/v1"
#define V1BETA1 "client.authentication.k8s.io/v1beta1"

struct test {
	struct loop *loop;
	struct kube_cluster cluster;
	struct kube_user user;
	struct kube_exec exec;
	struct kube_context context;
	struct credential_options opt;
	struct credential *credential;
	struct credential_wait *wait;

	/* The last answer. */
	int answers;
	char *authorization, *cert;
	unsigned serial, tls_serial;
	struct err err;
	char *note; /* the last one that was a text */
	bool note_over;
};

/* ---- files */

static char *
put(const char *name, const char *text, mode_t mode)
{
	AUTO(free) char *before = folder_path(name);
	char *path;

	unlink(before); /* another inode, as who replaces a file does it */
	path = folder_file(name, text);
	assert_int_equal(chmod(path, mode), 0);
	return path;
}

static char *
slurp(const char *name)
{
	AUTO(free) char *path = folder_path(name);
	AUTO(buf) struct buf text = {0};

	reader_slurp(path, 65536, &text, NULL);
	return buf_take(&text);
}

static int
runs(void)
{
	AUTO(free) char *text = slurp("runs");
	int n = 0;

	for (const char *p = text; *p; p++)
		n += *p == '\n';
	return n;
}

/* ---- a certificate and its key */

static EVP_PKEY *
new_key(void)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");

	assert_non_null(key);
	return key;
}

static char *
bio_text(BIO *bio)
{
	char *data;
	long len = BIO_get_mem_data(bio, &data);
	char *text = mem_strndup(data, (size_t)len);

	BIO_free(bio);
	return text;
}

static void
make_pair(const char *passphrase, char **cert, char **key)
{
	EVP_PKEY *k = new_key();
	X509 *x = X509_new();
	BIO *cert_out = BIO_new(BIO_s_mem()), *key_out = BIO_new(BIO_s_mem());

	X509_gmtime_adj(X509_getm_notBefore(x), 0);
	X509_gmtime_adj(X509_getm_notAfter(x), 3600);
	X509_set_pubkey(x, k);
	assert_true(X509_sign(x, k, EVP_sha256()) > 0);
	assert_int_equal(PEM_write_bio_X509(cert_out, x), 1);
	assert_int_equal(PEM_write_bio_PrivateKey(key_out, k, passphrase ? EVP_aes_128_cbc() : NULL, NULL, 0, NULL,
						  (void *)(uintptr_t)passphrase),
			 1);
	*cert = bio_text(cert_out);
	*key = bio_text(key_out);
	X509_free(x);
	EVP_PKEY_free(k);
}

/* ---- asking */

static void
forget(struct test *t)
{
	free(t->authorization);
	free(t->cert);
	t->authorization = t->cert = NULL;
	memset(&t->err, 0, sizeof(t->err));
}

static void
on_answer(void *ctx, const struct credential_state *s, const struct err *e)
{
	struct test *t = ctx;

	assert_true(!s != !e);
	forget(t);
	t->answers++;
	t->wait = NULL;
	if (e) {
		t->err = *e;
		return;
	}
	t->authorization = mem_strdup(s->authorization);
	t->cert = s->cert.data ? mem_strndup(s->cert.data, s->cert.len) : NULL;
	t->serial = s->serial;
	t->tls_serial = s->tls_serial;
}

static void
on_note(void *ctx, const char *text)
{
	struct test *t = ctx;

	t->note_over = !text;
	if (text) {
		free(t->note);
		t->note = mem_strdup(text);
	}
}

static struct test *
begin(void)
{
	struct test *t = mem_alloc(sizeof(*t));
	struct err e;

	free(put("runs", "", 0600));
	t->loop = loop_new(&e);
	t->cluster = (struct kube_cluster){.name = "k", .server = "https://k:6443"};
	t->user.name = "dev";
	t->exec.api_version = V1;
	t->context = (struct kube_context){.name = "c", .cluster = &t->cluster, .user = &t->user};
	t->opt.note = on_note;
	t->opt.note_ctx = t;
	return t;
}

static void
open_credential(struct test *t)
{
	struct err e = {0};

	t->credential = credential_new(t->loop, &t->context, &t->opt, &e);
	if (!t->credential)
		fail_msg("%s", e.msg);
}

static void
finish(struct test *t)
{
	credential_free(t->credential);
	loop_free(t->loop);
	forget(t);
	free(t->note);
	free(t);
}

static void
run_until(struct test *t, int answers)
{
	int64_t until = clock_ms() + ENOUGH_MS;
	struct err e = {0};

	while (t->answers < answers) {
		assert_true(clock_ms() < until);
		assert_true(loop_once(t->loop, 100, &e));
	}
	assert_int_equal(t->answers, answers);
}

/* Asks, and waits for the answer. */
static void
ask(struct test *t)
{
	int before = t->answers;

	if (!t->credential)
		open_credential(t);
	t->wait = credential_get(t->credential, on_answer, t);
	run_until(t, before + 1);
}

static void
authorized(struct test *t, const char *wanted)
{
	ask(t);
	if (t->err.kind != ERR_NONE)
		fail_msg("%s", t->err.msg);
	if (!str_eq(t->authorization, wanted))
		fail_msg("%s\nnot: %s", t->authorization ? t->authorization : "none", wanted ? wanted : "none");
}

static void
said(const struct test *t, const char *wanted)
{
	if (!str_has(t->err.msg, wanted))
		fail_msg("%s\nnot: %s", t->err.msg, wanted);
	if (str_has(t->err.msg, "hunter2"))
		fail_msg("a secret: %s", t->err.msg);
}

static void
refused(struct test *t, enum err_kind kind, const char *wanted)
{
	ask(t);
	assert_int_equal(t->err.kind, kind);
	said(t, wanted);
}

/* ---- what needs no plugin */

static void
fixed_ones(void **state)
{
	struct test *t = begin();

	(void)state;
	authorized(t, NULL);
	assert_false(credential_refused(t->credential, t->serial));
	finish(t);

	t = begin();
	t->user.token = "hunter2";
	authorized(t, "Bearer hunter2");
	assert_false(credential_refused(t->credential, t->serial));
	finish(t);

	t = begin();
	t->user.username = "me";
	t->user.password = "pass:word";
	authorized(t, "Basic bWU6cGFzczp3b3Jk");
	finish(t);
}

static void
old_providers(void **state)
{
	struct test *t = begin();

	(void)state;
	t->user.auth_provider = "gcp";
	assert_null(credential_new(t->loop, &t->context, &t->opt, &t->err));
	said(t,
	     "auth-provider gcp is gone since Kubernetes 1.26: let your provider's tool write the kubeconfig anew");
	finish(t);
}

static void
token_files(void **state)
{
	struct test *t = begin();
	AUTO(free) char *path = folder_path("token");
	unsigned serial;

	(void)state;
	t->user.token_path = path;
	unlink(path);
	refused(t, ERR_INPUT, "user dev: open /tmp/");
	free(put("token", " \n", 0600));
	refused(t, ERR_INPUT, "is empty");
	free(put("token", "hunter2\nhunter2\n", 0600));
	refused(t, ERR_INPUT, "holds more than a token");
	free(put("token", "one\n", 0600));
	authorized(t, "Bearer one");
	serial = t->serial;
	free(put("token", "two\n", 0600));
	authorized(t, "Bearer one"); /* it is not time yet */
	assert_int_equal(t->serial, serial);
	assert_true(credential_refused(t->credential, serial));
	authorized(t, "Bearer two");
	assert_int_not_equal(t->serial, serial);
	assert_true(credential_refused(t->credential, serial)); /* it is a newer one already */
	assert_false(credential_refused(t->credential, t->serial)); /* the file has no other */
	unlink(path);
	assert_false(credential_refused(t->credential, t->serial));
	authorized(t, "Bearer two");
	finish(t);

	t = begin(); /* without the file, the token beside it */
	t->user.token_path = path;
	t->user.token = "beside";
	authorized(t, "Bearer beside");
	free(put("token", "file\n", 0600));
	assert_true(credential_refused(t->credential, t->serial));
	authorized(t, "Bearer file");
	finish(t);

	t = begin();
	t->user.token_path = "/dev/zero";
	refused(t, ERR_INPUT, "/dev/zero is no regular file");
	finish(t);
}

static void
certificate_files(void **state)
{
	struct test *t = begin();
	AUTO(free) char *cert = NULL, *key = NULL, *cert2 = NULL, *key2 = NULL, *cert_path = NULL, *key_path = NULL;
	unsigned tls_serial;

	(void)state;
	make_pair(NULL, &cert, &key);
	make_pair(NULL, &cert2, &key2);
	cert_path = put("cert", cert, 0600);
	key_path = put("key", key2, 0600);
	t->user.cert_path = cert_path;
	t->user.key_path = key_path;
	refused(t, ERR_INPUT, "the key does not belong to the certificate");
	said(t, key_path);
	free(put("key", key, 0600));
	authorized(t, NULL);
	assert_string_equal(t->cert, cert);
	tls_serial = t->tls_serial;
	free(put("cert", cert2, 0600)); /* half of the change */
	authorized(t, NULL);
	assert_string_equal(t->cert, cert);
	assert_int_equal(t->tls_serial, tls_serial);
	free(put("key", key2, 0600));
	authorized(t, NULL);
	assert_string_equal(t->cert, cert2);
	assert_int_not_equal(t->tls_serial, tls_serial);
	assert_false(credential_refused(t->credential, t->serial));
	unlink(key_path);
	authorized(t, NULL);
	assert_string_equal(t->cert, cert2);
	finish(t);
}

static void
certificates_in_the_config(void **state)
{
	struct test *t = begin();
	AUTO(free) char *cert = NULL, *key = NULL, *locked = NULL, *other = NULL;

	(void)state;
	make_pair(NULL, &cert, &key);
	make_pair("hunter2", &other, &locked);
	t->user.token = "t";
	t->user.cert = (struct kube_blob){cert, strlen(cert)};
	t->user.key = (struct kube_blob){key, strlen(key)};
	authorized(t, "Bearer t");
	assert_string_equal(t->cert, cert);
	finish(t);

	t = begin();
	t->user.cert = (struct kube_blob){cert, strlen(cert)};
	t->user.key = (struct kube_blob){locked, strlen(locked)};
	refused(t, ERR_INPUT, "the key is encrypted");
	finish(t);

	t = begin();
	t->user.cert = (struct kube_blob){key, strlen(key)};
	t->user.key = (struct kube_blob){key, strlen(key)};
	refused(t, ERR_INPUT,
		"client-certificate in the kubeconfig, client-key in the kubeconfig: the certificate is no PEM");
	finish(t);
}

/* ---- plugins */

#define COUNT "echo run >>\"${0%/*}/runs\"\n"
#define ANSWER(version, status) \
	"echo '{\"apiVersion\":\"" version "\",\"kind\":\"ExecCredential\",\"status\":{" status "}}'\n"

/* A test with such a plugin; `script` follows the line that counts. */
static struct test *
with_plugin(const char *script)
{
	struct test *t = begin();
	AUTO(free) char *text = mem_printf("%s%s", "#!/bin/sh\n" COUNT, script);

	t->exec.command = put("plugin", text, 0700);
	t->user.exec = &t->exec;
	return t;
}

static void
finish_plugin(struct test *t)
{
	char *command = (char *)(uintptr_t)t->exec.command;

	finish(t);
	free(command);
}

static void
good_plugin(void **state)
{
	struct test *t = with_plugin("echo hello >&2\n" ANSWER(V1, "\"token\":\"one\""));
	unsigned serial;

	(void)state;
	authorized(t, "Bearer one");
	assert_string_equal(t->note, "waiting for plugin: hello");
	assert_true(t->note_over);
	serial = t->serial;
	authorized(t, "Bearer one");
	assert_int_equal(t->serial, serial);
	assert_int_equal(runs(), 1);

	assert_true(credential_refused(t->credential, serial));
	assert_true(credential_refused(t->credential, serial)); /* another request of that time */
	authorized(t, "Bearer one");
	assert_int_not_equal(t->serial, serial);
	assert_int_equal(runs(), 2);
	assert_true(credential_refused(t->credential, serial));
	authorized(t, "Bearer one");
	assert_int_equal(runs(), 2);
	/* The new one too: it does not run again and again. */
	assert_false(credential_refused(t->credential, t->serial));
	finish_plugin(t);
}

static void
one_at_a_time(void **state)
{
	struct test *t = with_plugin(ANSWER(V1, "\"token\":\"one\""));
	struct credential_wait *dropped;

	(void)state;
	open_credential(t);
	assert_non_null(credential_get(t->credential, on_answer, t));
	dropped = credential_get(t->credential, on_answer, t);
	assert_non_null(credential_get(t->credential, on_answer, t));
	credential_wait_cancel(dropped);
	credential_wait_cancel(NULL);
	run_until(t, 2);
	assert_int_equal(runs(), 1);
	finish_plugin(t);
}

static void
free_inside(void *ctx, const struct credential_state *s, const struct err *e)
{
	struct test *t = ctx;

	(void)e;
	assert_non_null(s);
	t->answers++;
	credential_free(take(t->credential));
}

static void
ask_inside(void *ctx, const struct credential_state *s, const struct err *e)
{
	struct test *t = ctx;

	(void)s, (void)e;
	t->answers++;
	credential_refused(t->credential, s->serial);
	assert_non_null(credential_get(t->credential, free_inside, t));
}

static void
freed_inside_an_answer(void **state)
{
	struct test *t = with_plugin(ANSWER(V1, "\"token\":\"one\""));

	(void)state;
	open_credential(t);
	assert_non_null(credential_get(t->credential, ask_inside, t));
	run_until(t, 2);
	assert_int_equal(runs(), 2);
	open_credential(t);
	assert_non_null(credential_get(t->credential, free_inside, t));
	assert_non_null(credential_get(t->credential, on_answer, t)); /* dropped */
	run_until(t, 3);
	finish_plugin(t);
}

static void
failing_plugins(void **state)
{
	static const struct {
		const char *script, *wanted;
	} cases[] = {
		{"exit 3\n", "plugin ended with status 3"},
		{"echo 'first \033[31m' >&2; echo 'Token has expired' >&2; exit 1\n",
		 "ended with status 1: first \\x1b[31m / Token has expired"},
		{"kill -9 $$\n", "was ended by signal 9 (Killed)"},
		{"", "printed nothing"},
		{"echo 'Please log in: hunter2'\n", "its kind is missing"},
		{"echo hunter2\n", "printed no ExecCredential but a string"},
		{"echo '{\"token\": \"hunter2\"'\n", "neither JSON nor YAML"},
		{"echo '{\"kind\":\"Pod\"}'\n", "its kind is another"},
		{"echo '{\"kind\":\"ExecCredential\"}'\n",
		 "another apiVersion than the kubeconfig says, which is " V1},
		{ANSWER(V1BETA1, "\"token\":\"hunter2\""), "the plugin's is v1beta1"},
		{"echo '{\"kind\":\"ExecCredential\",\"apiVersion\":\"" V1 "\"}'\n", "without a status"},
		{ANSWER(V1, ""), "neither a token nor a certificate"},
		{ANSWER(V1, "\"token\":5"), "status.token that is no string"},
		{ANSWER(V1, "\"token\":\"hunter2\\u000aX: y\""), "control character"},
		{ANSWER(V1, "\"token\":\"hunter2\",\"expirationTimestamp\":\"hunter2\""), "no RFC 3339 time"},
		{ANSWER(V1, "\"clientCertificateData\":\"hunter2\""), "a certificate without its key"},
		{ANSWER(V1, "\"clientKeyData\":\"hunter2\""), "a key without its certificate"},
		{ANSWER(V1, "\"clientKeyData\":\"hunter2\",\"clientCertificateData\":\"hunter2\""),
		 "a certificate that cannot be used: the certificate is no PEM certificate"},
		{"head -c 1100000 /dev/zero\n", "printed more than 1048576 bytes"},
		{"while :; do echo hunter2; done\n", "printed more than 1048576 bytes"},
		{"head -c 1000000 /dev/zero | tr '\\0' x >&2; echo >&2; echo the end >&2; exit 1\n",
		 "status 1: the end"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct test *t = with_plugin(cases[i].script);

		refused(t, ERR_DENIED, cases[i].wanted);
		said(t, "user dev: plugin /tmp/");
		assert_true(t->note_over);
		ask(t); /* at once the same again, without a run */
		said(t, cases[i].wanted);
		assert_int_equal(runs(), 1);
		finish_plugin(t);
	}
}

static void
missing_plugins(void **state)
{
	struct test *t = begin();

	(void)state;
	t->user.exec = &t->exec;
	t->exec.command = "moat-test-no-such-plugin";
	t->exec.install_hint = "get it from\nhttps://example.org\n";
	refused(t, ERR_DENIED,
		"user dev: plugin moat-test-no-such-plugin is not on PATH: install it, or write its whole path "
		"into the kubeconfig "
		"(how to install it: get it from / https://example.org)");
	finish(t);

	t = begin();
	t->user.exec = &t->exec;
	t->exec.command = "/nowhere/plugin";
	refused(t, ERR_DENIED, "/nowhere/plugin is not there");
	finish(t);

	t = begin();
	t->user.exec = &t->exec;
	t->exec.command = put("plugin", "", 0600);
	refused(t, ERR_DENIED, "is no program");
	finish_plugin(t);

	t = with_plugin("");
	free(put("plugin", "#!/nowhere/sh\n", 0700));
	refused(t, ERR_DENIED, "cannot be run: No such file");
	finish_plugin(t);
}

static void
found_on_path(void **state)
{
	struct test *t = with_plugin(ANSWER(V1, "\"token\":\"one\""));
	AUTO(free) char *old = mem_strdup(getenv("PATH"));
	AUTO(free) char *path = mem_printf(":.:%s:%s", folder, old);
	AUTO(free) char *whole = (char *)(uintptr_t)t->exec.command;

	(void)state;
	t->exec.command = "plugin";
	setenv("PATH", path, 1);
	authorized(t, "Bearer one");
	finish(t);
	/* Not by a relative folder. */
	t = begin();
	t->user.exec = &t->exec;
	t->exec.command = "plugin";
	setenv("PATH", ".:", 1);
	assert_int_equal(chdir(folder), 0);
	refused(t, ERR_DENIED, "is not on PATH");
	setenv("PATH", old, 1);
	assert_int_equal(chdir("/"), 0);
	finish(t);
}

static void
certificate_plugins(void **state)
{
	AUTO(free) char *cert = NULL, *key = NULL, *text = NULL, *cert2 = NULL, *key2 = NULL, *second = NULL;
	struct test *t = with_plugin("echo 'kind: ExecCredential\napiVersion: " V1 "'\ncat \"${0%/*}/status\"\n");
	unsigned serial, tls_serial;

	(void)state;
	make_pair(NULL, &cert, &key);
	make_pair(NULL, &cert2, &key2);
	for (char *p = cert; *p; p++)
		*p = *p == '\n' ? '@' : *p;
	for (char *p = key; *p; p++)
		*p = *p == '\n' ? '@' : *p;
	text = mem_printf("status: {clientCertificateData: \"%s\", clientKeyData: \"%s\"}\n", cert, key);
	for (char *p; (p = strchr(text, '@'));) { /* as YAML has a line break in quotes */
		char *longer = mem_printf("%.*s\\n%s", (int)(p - text), text, p + 1);

		free(text);
		text = longer;
	}
	free(put("status", text, 0600));
	authorized(t, NULL);
	assert_true(str_starts(t->cert, "-----BEGIN CERTIFICATE-----\n"));
	serial = t->serial;
	tls_serial = t->tls_serial;
	credential_refused(t->credential, serial);
	authorized(t, NULL); /* the same again */
	assert_int_not_equal(t->serial, serial);
	assert_int_equal(t->tls_serial, tls_serial);
	finish_plugin(t);
}

static void
expiry(void **state)
{
	char soon[24], late[24];
	AUTO(free) char *text = NULL;
	struct test *t;

	(void)state;
	clock_format(clock_now() + 3600, late);
	clock_format(clock_now() - 3600, soon);
	text = mem_printf(ANSWER(V1, "\"token\":\"a\",\"expirationTimestamp\":\"%s\""), late);
	t = with_plugin(text);
	authorized(t, "Bearer a");
	authorized(t, "Bearer a");
	assert_int_equal(runs(), 1);
	finish_plugin(t);

	/* One that has expired is tried, for clocks differ, but not got anew for every request. */
	free(text);
	text = mem_printf(ANSWER(V1, "\"token\":\"b\",\"expirationTimestamp\":\"%s\""), soon);
	t = with_plugin(text);
	authorized(t, "Bearer b");
	authorized(t, "Bearer b");
	assert_int_equal(runs(), 1);
	assert_true(credential_refused(t->credential, t->serial));
	authorized(t, "Bearer b");
	assert_int_equal(runs(), 2);
	finish_plugin(t);
}

static void
a_token_needs_no_plugin(void **state)
{
	struct test *t = with_plugin(ANSWER(V1, "\"token\":\"one\""));

	(void)state;
	t->user.token = "mine";
	authorized(t, "Bearer mine");
	assert_int_equal(runs(), 0);
	finish_plugin(t);
}

/* Does such a process still run? A zombie does not. */
static bool
runs_still(const char *pid_file)
{
	AUTO(free) char *text = slurp(pid_file);
	AUTO(free) char *path = mem_printf("/proc/%ld/stat", strtol(text, NULL, 10));
	FILE *in = fopen(path, "re");
	char state = 'X';

	assert_true(strtol(text, NULL, 10) > 1);
	if (!in)
		return false;
	if (fscanf(in, "%*d (%*[^)]) %c", &state) != 1)
		state = 'X';
	fclose(in);
	return state != 'Z' && state != 'X';
}

static void
gone_soon(const char *pid_file)
{
	int64_t until = clock_ms() + ENOUGH_MS;

	while (runs_still(pid_file)) {
		assert_true(clock_ms() < until);
		usleep(10000);
	}
}

static void
time_limits(void **state)
{
	static const char *const scripts[] = {
		"echo asleep >&2; sleep 600 & echo $! >\"${0%/*}/child\"; wait\n",
		"echo asleep >&2; exec >&- 2>&-; sleep 600 & echo $! >\"${0%/*}/child\"; wait\n",
		"echo asleep >&2; trap '' TERM; sleep 600 & echo $! >\"${0%/*}/child\"; while :; do sleep 1; "
		"done\n",
		"echo asleep >&2; sleep 600 & echo $! >\"${0%/*}/child\"; kill -STOP $$\n",
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(scripts); i++) {
		struct test *t = with_plugin(scripts[i]);
		sigset_t blocked, before;

		sigfillset(&blocked);
		sigprocmask(SIG_BLOCK, &blocked, &before); /* it is not to inherit that */
		t->opt.plugin_limit_ms = 400;
		refused(t, ERR_DENIED, "did not answer within 1 s and was ended: asleep");
		sigprocmask(SIG_SETMASK, &before, NULL);
		gone_soon("child");
		finish_plugin(t);
	}
}

static void
freed_while_it_runs(void **state)
{
	static const char *const scripts[] = {
		"sleep 600 & echo $! >\"${0%/*}/child\"; echo $$ >\"${0%/*}/self\"; echo ready >&2; wait\n",
		"trap '' TERM; sleep 600 & echo $! >\"${0%/*}/child\"; echo $$ >\"${0%/*}/self\"; echo ready >&2;"
		"while :; do sleep 1; done\n",
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(scripts); i++) {
		struct test *t = with_plugin(scripts[i]);
		struct err e = {0};
		int64_t since;

		open_credential(t);
		credential_get(t->credential, on_answer, t);
		while (!str_has(t->note, "ready"))
			assert_true(loop_once(t->loop, 100, &e));
		since = clock_ms();
		credential_free(take(t->credential));
		assert_true(clock_ms() - since < 2000);
		gone_soon("self");
		gone_soon("child");
		assert_true(t->note_over);
		assert_int_equal(t->answers, 0);
		finish_plugin(t);
	}
}

/* What it leaves behind holds its stdout open: nobody waits for that. */
static void
leaves_something_behind(void **state)
{
	struct test *t = with_plugin("sleep 600 & echo $! >\"${0%/*}/child\"\n" ANSWER(V1, "\"token\":\"one\""));
	AUTO(free) char *pid = NULL;
	int64_t since = clock_ms();

	(void)state;
	authorized(t, "Bearer one");
	assert_true(clock_ms() - since < 10000);
	assert_true(runs_still("child")); /* a browser, an agent: not ours to end */
	pid = slurp("child");
	kill((pid_t)strtol(pid, NULL, 10), SIGKILL);
	finish_plugin(t);
}

/* ---- what a plugin finds */

static void
its_environment(void **state)
{
	static const struct kube_exec_env env[] = {
		{"A", "1"}, {"MOAT_TEST", "theirs"}, {"A", "2"}, {"KUBERNETES_EXEC_INFO", "no"}, {"E", ""}};
	static const char *const args[] = {"a b", ""};
	struct test *t = with_plugin(
		"{ env | grep -c '^A='; echo \"$A $MOAT_TEST $MOAT_KEPT $E|$#|$1|$2\"; [ -t 0 ] || wc -c; "
		"[ -e /proc/$$/fd/50 ] && echo leaked; echo \"$KUBERNETES_EXEC_INFO\"; } "
		">\"${0%/*}/seen\"\n" ANSWER(V1, "\"token\":\"one\""));
	AUTO(free) char *seen = NULL;
	int leak = open("/dev/null", O_RDONLY);

	(void)state;
	assert_int_equal(dup2(leak, 50), 50);
	setenv("MOAT_TEST", "ours", 1);
	setenv("MOAT_KEPT", "kept", 1);
	setenv("KUBERNETES_EXEC_INFO", "no", 1);
	t->exec.env = env;
	t->exec.n_env = COUNT_OF(env);
	t->exec.args = args;
	t->exec.n_args = COUNT_OF(args);
	authorized(t, "Bearer one");
	seen = slurp("seen");
	assert_string_equal(seen, "1\n2 theirs kept |2|a b|\n0\n"
				  "{\"kind\":\"ExecCredential\",\"apiVersion\":\"" V1
				  "\",\"spec\":{\"interactive\":false}}\n");
	unsetenv("KUBERNETES_EXEC_INFO");
	close(50);
	close(leak);
	finish_plugin(t);
}

static void
info(void **state)
{
	struct kube_exec x = {.api_version = V1BETA1, .provide_cluster_info = true};
	struct kube_cluster c = {.server = "https://k:6443/p",
				 .ca = {"abc", 3},
				 .tls_server_name = "n",
				 .proxy_url = "http://p",
				 .insecure = true,
				 .disable_compression = true,
				 .exec_config = "{\"a\":[1,null]}"};
	AUTO(buf) struct buf out = {0};
	AUTO(buf) struct buf from_file = {0};
	AUTO(free) char *ca = put("ca", "abcd", 0600);
	struct err e = {0};

	(void)state;
	assert_true(plugin_info(&out, &x, &c, true, &e));
	assert_string_equal(
		buf_str(&out),
		"{\"kind\":\"ExecCredential\",\"apiVersion\":\"" V1BETA1 "\",\"spec\":{\"interactive\":true,"
		"\"cluster\":{\"server\":\"https://k:6443/p\",\"tls-server-name\":\"n\","
		"\"insecure-skip-tls-verify\":true,\"certificate-authority-data\":\"YWJj\","
		"\"proxy-url\":\"http://p\",\"disable-compression\":true,\"config\":{\"a\":[1,null]}}}}");
	c = (struct kube_cluster){.server = "https://k", .server_text = "k/", .ca_path = ca, .exec_config = "5"};
	assert_true(plugin_info(&from_file, &x, &c, false, &e));
	assert_string_equal(buf_str(&from_file),
			    "{\"kind\":\"ExecCredential\",\"apiVersion\":\"" V1BETA1
			    "\",\"spec\":{\"interactive\":false,"
			    "\"cluster\":{\"server\":\"k/\",\"certificate-authority-data\":\"YWJjZA==\","
			    "\"config\":5}}}");
	c.ca_path = "/nowhere/ca";
	assert_false(plugin_info(&out, &x, &c, false, &e));
	assert_true(str_has(e.msg, "/nowhere/ca"));
}

/* ---- the terminal */

struct terminal {
	struct loop_timer *timer;
	void (*granted)(void *arg);
	void *arg;
	int lent, given_back;
};

static void
grant(void *ctx)
{
	struct terminal *m = ctx;

	m->lent++;
	m->granted(m->arg);
}

static void
borrow(void *ctx, void (*fn)(void *arg), void *arg)
{
	struct terminal *m = ctx;

	m->granted = fn;
	m->arg = arg;
	loop_timer_set(m->timer, 10); /* the screen has to be taken down first */
}

static void
give_back(void *ctx)
{
	((struct terminal *)ctx)->given_back++;
}

static void
without_a_terminal(void **state)
{
	struct test *t = with_plugin("[ -t 0 ] || echo no tty >&2\n" ANSWER(V1, "\"token\":\"one\""));
	int null = open("/dev/null", O_RDONLY), old = dup(STDIN_FILENO);
	struct terminal m = {.timer = loop_add_timer(t->loop, grant, &m)};
	const struct credential_terminal terminal = {&m, borrow, give_back};

	(void)state;
	dup2(null, STDIN_FILENO);
	t->opt.terminal = &terminal;
	t->exec.interactive = KUBE_INTERACTIVE_ALWAYS;
	refused(t, ERR_DENIED, "needs a terminal (interactiveMode: Always), and there is none");
	assert_int_equal(runs(), 0);
	credential_free(take(t->credential));
	t->exec.interactive = KUBE_INTERACTIVE_IF_AVAILABLE;
	authorized(t, "Bearer one");
	assert_int_equal(m.lent, 0);
	dup2(old, STDIN_FILENO);
	close(old);
	close(null);
	finish_plugin(t);
}

/* In a process that has a terminal of its own; exits with the number of the check that failed. */
#define CHECK(n, holds)           \
	do {                      \
		if (!(holds))     \
			_exit(n); \
	} while (0)

/* Another of our group, such as a pager: it touches the terminal while the plugin has it, which stops it. */
static pid_t
start_neighbour(void)
{
	pid_t pid = fork();
	struct termios modes;

	if (pid)
		return pid;
	alarm(ENOUGH_MS / 1000);
	while (tcgetpgrp(STDIN_FILENO) == getpgrp())
		usleep(1000);
	free(put("neighbour", "", 0600)); /* the plugin waits for it */
	_exit(tcgetattr(STDIN_FILENO, &modes) || tcsetattr(STDIN_FILENO, TCSADRAIN, &modes));
}

static void
on_terminal(struct test *t)
{
	pid_t neighbour = start_neighbour();
	int status = -1;
	struct terminal m = {.timer = loop_add_timer(t->loop, grant, &m)};
	const struct credential_terminal terminal = {&m, borrow, give_back};
	struct err e = {0};

	t->opt.terminal = &terminal;
	t->exec.interactive = KUBE_INTERACTIVE_IF_AVAILABLE;
	open_credential(t);
	credential_get(t->credential, on_answer, t);
	while (!t->answers)
		loop_once(t->loop, 100, &e);
	CHECK(1, str_eq(t->authorization, "Bearer typed"));
	CHECK(2, m.lent == 1 && m.given_back == 1);
	CHECK(3, tcgetpgrp(STDIN_FILENO) == getpgrp());
	CHECK(7, waitpid(neighbour, &status, 0) == neighbour && status == 0);
	/* The renewal is tried without it; this plugin fails then, and gets it. */
	credential_refused(t->credential, t->serial);
	credential_get(t->credential, on_answer, t);
	while (t->answers < 2)
		loop_once(t->loop, 100, &e);
	CHECK(4, str_eq(t->authorization, "Bearer again"));
	CHECK(5, m.lent == 2 && m.given_back == 2 && runs() == 3);
	/* Freed before the terminal was granted: it is given back all the same. */
	credential_free(t->credential);
	open_credential(t);
	t->exec.interactive = KUBE_INTERACTIVE_ALWAYS;
	credential_get(t->credential, on_answer, t);
	credential_free(t->credential);
	while (m.given_back < 3)
		loop_once(t->loop, 100, &e);
	CHECK(6, m.lent == 3 && runs() == 3 && t->answers == 2);
	_exit(0);
}

/* Runs it in the foreground, in a group of its own. */
static void
as_a_shell(struct test *t)
{
	pid_t job = fork();
	int status = -1;

	if (job == 0) {
		alarm(ENOUGH_MS / 1000);
		setpgid(0, 0);
		while (tcgetpgrp(STDIN_FILENO) != getpgrp())
			usleep(1000);
		on_terminal(t);
	}
	setpgid(job, job);
	tcsetpgrp(STDIN_FILENO, job);
	if (waitpid(job, &status, WUNTRACED) == job && WIFSTOPPED(status))
		kill(-job, SIGKILL);
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 99);
}

static void
with_a_terminal(void **state)
{
	struct test *t =
		with_plugin("[ -t 0 ] && [ -t 2 ] || exit 7\n"
			    "case $KUBERNETES_EXEC_INFO in *'\"interactive\":true'*) ;; *) exit 8;; esac\n"
			    "while [ ! -e \"${0%/*}/neighbour\" ]; do sleep 0.01; done\n"
			    "printf 'code? ' >&2; read -r code || exit 9\n"
			    "echo \"{\\\"apiVersion\\\":\\\"" V1 "\\\",\\\"kind\\\":\\\"ExecCredential\\\","
			    "\\\"status\\\":{\\\"token\\\":\\\"$code\\\"}}\"\n");
	int master, status = -1;
	char echo[4096];
	pid_t pid = forkpty(&master, NULL, NULL, NULL);

	(void)state;
	if (pid == 0)
		as_a_shell(t);
	assert_true(pid > 0);
	assert_int_equal(write(master, "typed\nagain\n", 12), 12);
	while (read(master, echo, sizeof(echo)) > 0)
		;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	close(master);
	finish_plugin(t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fixed_ones),
		cmocka_unit_test(old_providers),
		cmocka_unit_test(token_files),
		cmocka_unit_test(certificate_files),
		cmocka_unit_test(certificates_in_the_config),
		cmocka_unit_test(good_plugin),
		cmocka_unit_test(one_at_a_time),
		cmocka_unit_test(freed_inside_an_answer),
		cmocka_unit_test(failing_plugins),
		cmocka_unit_test(missing_plugins),
		cmocka_unit_test(found_on_path),
		cmocka_unit_test(certificate_plugins),
		cmocka_unit_test(expiry),
		cmocka_unit_test(a_token_needs_no_plugin),
		cmocka_unit_test(time_limits),
		cmocka_unit_test(freed_while_it_runs),
		cmocka_unit_test(leaves_something_behind),
		cmocka_unit_test(its_environment),
		cmocka_unit_test(info),
		cmocka_unit_test(without_a_terminal),
		cmocka_unit_test(with_a_terminal),
	};

	return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
