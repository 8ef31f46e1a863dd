/* SPDX-License-Identifier: Apache-2.0 */
/* The two ends of a plugin: the ExecCredential that it is given, and the one that it answers with. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json_scan.h"
#include "base/str.h"
#include "base/yaml.h"
#include "kube/plugin.h"
#include "kube/secret.h"

/* ---- what it is given */

static void
set_text(json_t *object, const char *key, const char *text)
{
	if (text && *text)
		json_object_set_new(object, key, json_string(text));
}

static bool
set_ca(json_t *object, const struct kube_cluster *c, struct err *e)
{
	AUTO(buf) struct buf encoded = {0};
	AUTO(buf) struct buf file = {0};
	struct kube_blob ca = c->ca;

	if (!ca.data && c->ca_path) {
		if (!secret_file(c->ca_path, &file, e))
			return false;
		ca = (struct kube_blob){buf_str(&file), file.len};
	}
	if (ca.len)
		secret_base64_encode(&encoded, ca.data, ca.len);
	set_text(object, "certificate-authority-data", buf_str(&encoded));
	return true;
}

static bool
set_cluster(json_t *object, const struct kube_cluster *c, struct err *e)
{
	set_text(object, "server", c->server_text ? c->server_text : c->server);
	set_text(object, "tls-server-name", c->tls_server_name);
	if (c->insecure)
		json_object_set_new(object, "insecure-skip-tls-verify", json_true());
	if (!set_ca(object, c, e))
		return false;
	set_text(object, "proxy-url", c->proxy_url);
	if (c->disable_compression)
		json_object_set_new(object, "disable-compression", json_true());
	if (c->exec_config)
		json_object_set_new(object, "config",
				    json_loads(c->exec_config, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL));
	return true;
}

bool
plugin_info(struct buf *out, const struct kube_exec *exec, const struct kube_cluster *cluster, bool interactive,
	    struct err *e)
{
	json_t *root = json_pack("{s:s, s:s, s:{s:b}}", "kind", "ExecCredential", "apiVersion", exec->api_version,
				 "spec", "interactive", interactive);
	json_t *about = json_object();
	bool ok = !exec->provide_cluster_info || set_cluster(about, cluster, e);

	if (ok) {
		char *text;

		if (exec->provide_cluster_info)
			json_object_set(json_object_get(root, "spec"), "cluster", about);
		text = json_dumps(root, JSON_COMPACT);
		buf_adds(out, text);
		free(text);
	}
	json_decref(about);
	json_decref(root);
	return ok;
}

/* ---- what it answers */

/* client-go reads YAML here as well. The parsers' own words are left out: they may quote what was printed. */
static bool
read_tree(struct arena *a, const char *text, size_t len, struct node **out, struct err *e)
{
	if (!json_parse(a, "output", text, len, 1, NULL, out, NULL) &&
	    !yaml_parse(a, "output", text, len, true, out, NULL))
		return err_set(e, ERR_DENIED, 0, "printed something that is neither JSON nor YAML");
	if ((*out)->type == NODE_NULL)
		return err_set(e, ERR_DENIED, 0, "printed nothing");
	if ((*out)->type != NODE_MAP)
		return err_set(e, ERR_DENIED, 0, "printed no ExecCredential but %s", node_type_name(*out));
	return true;
}

static bool
check_kind(const struct node *doc, const char *api_version, struct err *e)
{
	const char *kind = node_get_str(doc, "kind"), *version = node_get_str(doc, "apiVersion");

	if (!str_eq(kind, "ExecCredential"))
		return err_set(e, ERR_DENIED, 0, "printed no ExecCredential: its kind is %s",
			       kind ? "another" : "missing");
	if (str_eq(version, api_version))
		return true;
	return err_set(
		e, ERR_DENIED, 0,
		"answers in another apiVersion than the kubeconfig says, which is %s%s: write the plugin's there",
		api_version,
		version && str_ends(version, "/v1")	   ? ", the plugin's is v1"
		: version && str_ends(version, "/v1beta1") ? ", the plugin's is v1beta1"
							   : "");
}

/* NULL in *out when it is absent or empty. */
static bool
read_string(const struct node *status, const char *key, const struct node **out, struct err *e)
{
	const struct node *n = node_get(status, key);

	*out = NULL;
	if (!n || n->type == NODE_NULL || (n->type == NODE_STRING && !n->len))
		return true;
	if (n->type != NODE_STRING || n->has_nul)
		return err_set(e, ERR_DENIED, 0, "printed a status.%s that is no string", key);
	*out = n;
	return true;
}

static bool
read_pair(const struct node *cert, const struct node *key, struct plugin_answer *out, struct err *e)
{
	const char *problem;

	if (!cert != !key)
		return err_set(e, ERR_DENIED, 0, "printed %s, it takes both",
			       cert ? "a certificate without its key" : "a key without its certificate");
	if (!cert)
		return true;
	out->cert = (struct kube_blob){cert->text, cert->len};
	out->key = (struct kube_blob){key->text, key->len};
	problem = secret_pair_problem(out->cert, out->key);
	return !problem || err_set(e, ERR_DENIED, 0, "printed a certificate that cannot be used: %s", problem);
}

bool
plugin_parse(struct arena *a, const char *api_version, const char *text, size_t len, struct plugin_answer *out,
	     struct err *e)
{
	const struct node *status, *token, *cert, *key, *expires;
	struct node *doc;

	*out = (struct plugin_answer){.expires = CLOCK_UNKNOWN};
	if (!read_tree(a, text, len, &doc, e) || !check_kind(doc, api_version, e))
		return false;
	status = node_get(doc, "status");
	if (!status || status->type != NODE_MAP)
		return err_set(e, ERR_DENIED, 0, "printed an ExecCredential without a status");
	if (!read_string(status, "token", &token, e) || !read_string(status, "clientCertificateData", &cert, e) ||
	    !read_string(status, "clientKeyData", &key, e) ||
	    !read_string(status, "expirationTimestamp", &expires, e))
		return false;
	if (!token && !cert && !key)
		return err_set(e, ERR_DENIED, 0, "printed neither a token nor a certificate with its key");
	if (token && !secret_fits_header(token->text, token->len))
		return err_set(e, ERR_DENIED, 0, "printed a token with a control character or a line break in it");
	if (expires && !clock_parse(expires->text, &out->expires))
		return err_set(e, ERR_DENIED, 0, "printed a status.expirationTimestamp that is no RFC 3339 time");
	out->token = token ? token->text : NULL;
	return read_pair(cert, key, out, e);
}
