/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes as a kubeconfig: every context is made, or refused with an error that names the file; what is made holds
 * together, can be told to a plugin, and gives a credential.
 */
#include <string.h>

#include "base/str.h"
#include "kube/credential.h"
#include "kube/plugin.h"
#include "kube/secret.h"
#include "tests/fuzz/fuzz.h"

static void
check_error(const struct err *e)
{
	check(e->kind == ERR_INPUT || e->kind == ERR_USAGE);
	check(e->msg[0] && secret_fits_header(e->msg, strlen(e->msg)));
}

static void
check_text(const char *s)
{
	check(!s || (*s && secret_fits_header(s, strlen(s))));
}

static void
check_path(const char *s)
{
	check(!s || s[0] == '/');
}

static void
check_blob(struct kube_blob b)
{
	check(!b.data || (secret_is_pem(b.data, b.len) && b.data[b.len] == '\0'));
}

static void
check_cluster(const struct kube_cluster *c)
{
	check(str_starts(c->server, "https://") || str_starts(c->server, "http://"));
	check(!str_ends(c->server, "/"));
	check_text(c->server);
	check_text(c->proxy_url);
	check_text(c->tls_server_name);
	check_path(c->ca_path);
	check_blob(c->ca);
	check(!c->ca.data || !c->ca_path);
}

static void
check_exec(const struct kube_exec *x, const struct kube_cluster *c)
{
	struct kube_cluster without_file = *c;
	AUTO(buf) struct buf info = {0};

	check(*x->command && x->api_version && x->interactive <= KUBE_INTERACTIVE_ALWAYS);
	check(!strchr(x->command, '/') || x->command[0] == '/');
	for (size_t i = 0; i < x->n_env; i++)
		check(*x->env[i].name && x->env[i].value);
	for (size_t i = 0; i < x->n_args; i++)
		check(x->args[i] != NULL);
	without_file.ca_path = NULL;
	check(plugin_info(&info, x, &without_file, true, NULL) && buf_str(&info)[0] == '{');
}

static void
check_user(const struct kube_user *u, const struct kube_cluster *c)
{
	check_text(u->token);
	check_text(u->username);
	check_text(u->as);
	check_path(u->token_path);
	check_path(u->cert_path);
	check_path(u->key_path);
	check_blob(u->cert);
	check_blob(u->key);
	check(!(u->cert.data || u->cert_path) == !(u->key.data || u->key_path));
	for (size_t i = 0; i < u->n_as_groups; i++)
		check(u->as_groups[i] != NULL);
	for (size_t i = 0; i < u->n_as_extra; i++)
		check(u->as_extra[i].key && u->as_extra[i].value);
	if (u->exec)
		check_exec(u->exec, c);
}

static void
got(void *ctx, const struct credential_state *s, const struct err *e)
{
	unsigned *serial = ctx;

	check(!s != !e);
	if (e)
		check_error(e);
	else if (s->authorization)
		check(secret_fits_header(s->authorization, strlen(s->authorization)));
	*serial = s ? s->serial : 1;
}

/* Without running anything, and without the files that an input may name. */
static void
check_credential(const struct kube_context *x)
{
	const struct kube_user *u = x->user;
	struct credential_options opt = {0};
	struct err e = {0};
	struct credential *c = credential_new(NULL, x, &opt, &e);
	unsigned serial = 0;

	if (!c) {
		check_error(&e);
		check(u->auth_provider != NULL);
		return;
	}
	if (!u->exec && !u->token_path && !u->cert_path && !u->key_path) {
		check(!credential_get(c, got, &serial) && serial);
		check(!credential_refused(c, serial)); /* there is no other */
	}
	credential_free(c);
}

static void
check_context(struct kubeconfig *c, const char *name)
{
	struct err e = {0};
	const struct kube_context *x = kubeconfig_context(c, name, &e);

	if (!x) {
		check_error(&e);
		return;
	}
	check(!name || str_eq(x->name, name));
	check(x->cluster && x->user && x == kubeconfig_context(c, name, NULL));
	check_cluster(x->cluster);
	check_user(x->user, x->cluster);
	check_credential(x);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err e = {0};
	struct kubeconfig *c = kubeconfig_parse("/etc/kube/config", (const char *)data, size, &e);

	if (!c) {
		check_error(&e);
		check(str_starts(e.msg, "/etc/kube/config:"));
		return 0;
	}
	check_context(c, NULL);
	check_context(c, "no-such-context");
	for (size_t i = 0; i < c->n_names && i < 100; i++)
		check_context(c, c->names[i]);
	kubeconfig_free(c);
	return 0;
}
