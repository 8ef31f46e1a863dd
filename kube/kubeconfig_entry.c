/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/kubeconfig_entry.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "kube/secret.h"

#define EXEC_EXTENSION "client.authentication.k8s.io/exec"

bool
kube_entry_error(const struct kube_entry *en, const struct node *at, struct err *e, const char *fmt, ...)
{
	AUTO(buf) struct buf text = {0};
	va_list ap;

	va_start(ap, fmt);
	buf_addv(&text, fmt, ap);
	va_end(ap);
	return err_set(e, ERR_INPUT, 0, "%s:%u: %s %s: %s", en->file, at && at->line ? at->line : en->line,
		       en->section, en->name, buf_str(&text));
}

/* ---- fields */

static bool
absent(const struct node *n)
{
	return !n || n->type == NODE_NULL || (n->type == NODE_STRING && n->len == 0);
}

/* Never with its value: it may be a secret. `what` is the field's name. */
static bool
scalar(const struct kube_entry *en, const struct node *n, const char *what, const char **out, struct err *e)
{
	const char *text = node_text(n);

	if (!text)
		return kube_entry_error(en, n, e, "%s: expected a string, found %s", what, node_type_name(n));
	if (n->has_nul || !secret_fits_header(text, n->len))
		return kube_entry_error(en, n, e, "%s: contains a control character or a line break", what);
	*out = text;
	return true;
}

bool
kube_entry_text(const struct kube_entry *en, const char *key, const char **out, struct err *e)
{
	const struct node *n = node_get(en->node, key);

	*out = NULL;
	return absent(n) || scalar(en, n, key, out, e);
}

/* Relative paths start at the file that they stand in. */
static const char *
resolve_path(const struct kube_entry *en, struct arena *a, const char *path)
{
	const char *slash = strrchr(en->file, '/');

	if (path[0] == '/' || !slash)
		return path;
	while (path[0] == '.' && path[1] == '/')
		path += 2;
	return arena_printf(a, "%.*s/%s", (int)(slash - en->file), en->file, path);
}

enum field_type { FIELD_TEXT, FIELD_PATH, FIELD_PEM, FIELD_BOOL };

struct field {
	const char *key;
	enum field_type type;
	size_t offset; /* in the struct: a const char *, a struct kube_blob or a bool */
};

static bool
read_pem(const struct kube_entry *en, struct arena *a, const struct node *n, const char *key, struct kube_blob *out,
	 struct err *e)
{
	const char *text = node_text(n);

	if (!text)
		return kube_entry_error(en, n, e, "%s: expected a string, found %s", key, node_type_name(n));
	if (!secret_base64_decode(a, text, n->len, out))
		return kube_entry_error(en, n, e, "%s: is not valid base64", key);
	if (!secret_is_pem(out->data, out->len))
		return kube_entry_error(en, n, e, "%s: is base64, but of no PEM text (\"-----BEGIN ...\")", key);
	return true;
}

static bool
read_field(const struct kube_entry *en, struct arena *a, const struct field *f, char *to, struct err *e)
{
	const struct node *n = node_get(en->node, f->key);
	const char *text;

	if (absent(n))
		return true;
	switch (f->type) {
	case FIELD_BOOL:
		if (n->type != NODE_BOOL)
			return kube_entry_error(en, n, e, "%s: expected true or false, found %s", f->key,
						node_type_name(n));
		*(bool *)to = node_bool(n, false);
		return true;
	case FIELD_PEM:
		return read_pem(en, a, n, f->key, (struct kube_blob *)to, e);
	case FIELD_PATH:
	case FIELD_TEXT:
		break;
	}
	if (!scalar(en, n, f->key, &text, e))
		return false;
	*(const char **)to = f->type == FIELD_PATH ? resolve_path(en, a, text) : text;
	return true;
}

static bool
read_fields(const struct kube_entry *en, struct arena *a, const struct field *fields, size_t n, void *out,
	    struct err *e)
{
	if (en->node && en->node->type != NODE_MAP && en->node->type != NODE_NULL)
		return kube_entry_error(en, en->node, e, "expected a map, found %s", node_type_name(en->node));
	for (size_t i = 0; i < n; i++)
		if (!read_field(en, a, &fields[i], (char *)out + fields[i].offset, e))
			return false;
	return true;
}

/* A list of strings; null and absent are an empty one. `what` is its name for messages. */
static bool
read_strings(const struct kube_entry *en, struct arena *a, const struct node *list, const char *what,
	     const char *const **out, size_t *n_out, struct err *e)
{
	const char **at;
	size_t n = 0;

	if (absent(list))
		return true;
	if (list->type != NODE_LIST)
		return kube_entry_error(en, list, e, "%s: expected a list, found %s", what, node_type_name(list));
	at = ARENA_ARRAY(a, const char *, node_count(list));
	node_each(item, list) {
		if (!scalar(en, item, what, &at[n++], e))
			return false;
	}
	*out = at;
	*n_out = n;
	return true;
}

/* ---- clusters */

static bool
good_port(const char *s, size_t len)
{
	unsigned long port = 0;

	for (size_t i = 0; i < len; i++) {
		if (s[i] < '0' || s[i] > '9' || port > 65535)
			return false;
		port = port * 10 + (unsigned long)(s[i] - '0');
	}
	return port > 0 && port <= 65535;
}

/* "user:password@host:port", all but the host optional; an IPv6 address stands in brackets. */
static bool
good_authority(const char *s, size_t len)
{
	const char *at = memrchr(s, '@', len), *end = s + len, *host_end, *host = at ? at + 1 : s;

	if (host < end && *host == '[') {
		host_end = memchr(host, ']', (size_t)(end - host));
		if (!host_end || host_end == host + 1)
			return false;
		host_end++;
	} else {
		host_end = memchr(host, ':', (size_t)(end - host));
		if (!host_end)
			host_end = end;
	}
	if (host_end == host)
		return false;
	return host_end == end || (*host_end == ':' && good_port(host_end + 1, (size_t)(end - host_end - 1)));
}

static bool
good_url(const char *url, const char *schemes)
{
	const char *rest = strstr(url, "://");
	AUTO(free) char *scheme = rest ? mem_strndup(url, (size_t)(rest - url)) : NULL;

	if (!rest || strpbrk(url, " ?#\"<>\\^`{|}") || !str_in_list(schemes, scheme))
		return false;
	rest += strlen("://");
	return good_authority(rest, strcspn(rest, "/"));
}

/* As client-go: without a scheme it is https where anything says TLS. */
static bool
finish_server(const struct kube_entry *en, struct arena *a, struct kube_cluster *c, struct err *e)
{
	const struct node *n = node_get(en->node, "server");
	size_t len;

	if (!c->server)
		return kube_entry_error(en, n, e, "has no server: write \"server: https://HOST:PORT\"");
	c->server_text = c->server;
	if (!strstr(c->server, "://"))
		c->server = arena_printf(a, "%s://%s", c->ca.data || c->ca_path || c->insecure ? "https" : "http",
					 c->server);
	if (!good_url(c->server, "https http"))
		return kube_entry_error(en, n, e, "server: is no URL such as https://HOST:PORT");
	len = strlen(c->server);
	while (c->server[len - 1] == '/')
		len--;
	c->server = arena_strndup(a, c->server, len);
	return true;
}

static json_t *
json_of(const struct node *n)
{
	json_t *out = n->type == NODE_LIST ? json_array() : n->type == NODE_MAP ? json_object() : NULL;

	switch ((enum node_type)n->type) {
	case NODE_BOOL:
		return json_boolean(n->number);
	case NODE_INT:
		return json_integer(n->number);
	case NODE_FLOAT:
		out = json_real(n->real);
		break;
	case NODE_STRING:
		out = json_stringn(n->text, n->len);
		break;
	case NODE_LIST:
		node_each(item, n) {
			json_array_append_new(out, json_of(item));
		}
		break;
	case NODE_MAP:
		node_each(member, n) {
			json_object_set_new(out, member->key, json_of(member));
		}
		break;
	case NODE_NULL:
	case NODE_RAW:
		break;
	}
	return out ? out : json_null(); /* what JSON has no word for, too: .inf, text that is no UTF-8 */
}

/* What the cluster's entry says to plugins: an extension of any form, handed on as JSON. */
static const char *
exec_extension(const struct kube_entry *en, struct arena *a)
{
	const char *out = NULL;

	node_each(item, node_get(en->node, "extensions")) {
		const struct node *content = node_get(item, "extension");

		if (!out && content && str_eq(node_get_str(item, "name"), EXEC_EXTENSION)) {
			json_t *tree = json_of(content);
			char *text = json_dumps(tree, JSON_COMPACT | JSON_ENCODE_ANY);

			out = arena_strdup(a, text);
			free(text);
			json_decref(tree);
		}
	}
	return out;
}

const struct kube_cluster *
kube_entry_cluster(struct kube_entry *en, struct arena *a, struct err *e)
{
	static const struct field fields[] = {
		{"server", FIELD_TEXT, offsetof(struct kube_cluster, server)},
		{"certificate-authority", FIELD_PATH, offsetof(struct kube_cluster, ca_path)},
		{"certificate-authority-data", FIELD_PEM, offsetof(struct kube_cluster, ca)},
		{"tls-server-name", FIELD_TEXT, offsetof(struct kube_cluster, tls_server_name)},
		{"proxy-url", FIELD_TEXT, offsetof(struct kube_cluster, proxy_url)},
		{"insecure-skip-tls-verify", FIELD_BOOL, offsetof(struct kube_cluster, insecure)},
		{"disable-compression", FIELD_BOOL, offsetof(struct kube_cluster, disable_compression)},
	};
	struct kube_cluster *c;

	if (en->made)
		return en->made;
	c = ARENA_NEW(a, struct kube_cluster);
	c->name = en->name;
	if (!read_fields(en, a, fields, COUNT_OF(fields), c, e) || !finish_server(en, a, c, e))
		return NULL;
	if (c->proxy_url && !good_url(c->proxy_url, "http https socks5 socks5h")) {
		kube_entry_error(en, node_get(en->node, "proxy-url"), e,
				 "proxy-url: is no URL that starts with http://, https:// or socks5://");
		return NULL;
	}
	if (c->ca.data)
		c->ca_path = NULL;
	c->exec_config = exec_extension(en, a);
	return en->made = c;
}

/* ---- users */

static bool
read_exec_env(const struct kube_entry *en, struct arena *a, const struct node *list, struct kube_exec *x,
	      struct err *e)
{
	struct kube_exec_env *env = ARENA_ARRAY(a, struct kube_exec_env, node_count(list));

	if (!absent(list) && list->type != NODE_LIST)
		return kube_entry_error(en, list, e, "exec.env: expected a list, found %s", node_type_name(list));
	node_each(item, list) {
		const char *name = node_get_str(item, "name"), *value = node_text(node_get(item, "value"));

		if (!name || !*name || strchr(name, '='))
			return kube_entry_error(en, item, e, "exec.env: a variable has no name that can be used");
		env[x->n_env++] = (struct kube_exec_env){name, value ? value : ""};
	}
	x->env = env;
	return true;
}

static bool
read_interactive(const struct kube_entry *en, const struct node *exec, bool required, enum kube_interactive *out,
		 struct err *e)
{
	static const char *const words[] = {[KUBE_INTERACTIVE_NEVER] = "Never",
					    [KUBE_INTERACTIVE_IF_AVAILABLE] = "IfAvailable",
					    [KUBE_INTERACTIVE_ALWAYS] = "Always"};
	const struct node *n = node_get(exec, "interactiveMode");

	*out = KUBE_INTERACTIVE_IF_AVAILABLE;
	if (absent(n))
		return !required ||
		       kube_entry_error(en, exec, e,
					"exec.interactiveMode: has to be given with v1: Never, IfAvailable "
					"or Always");
	for (size_t i = 0; i < COUNT_OF(words); i++) {
		if (str_eq(node_str(n), words[i])) {
			*out = (enum kube_interactive)i;
			return true;
		}
	}
	return kube_entry_error(en, n, e, "exec.interactiveMode: is none of Never, IfAvailable and Always");
}

#define EXEC_GROUP "client.authentication.k8s.io/"

static bool
check_exec_version(const struct kube_entry *en, const struct node *exec, const char *version, struct err *e)
{
	const struct node *at = node_get(exec, "apiVersion");

	if (!version)
		return kube_entry_error(en, exec, e,
					"exec.apiVersion: is missing: write \"apiVersion: " EXEC_GROUP "v1\"");
	if (str_eq(version, EXEC_GROUP "v1alpha1"))
		return kube_entry_error(en, at, e,
					"exec.apiVersion: " EXEC_GROUP
					"v1alpha1 is gone since Kubernetes 1.24: update the plugin, "
					"then let it write this entry anew, or write v1beta1 or v1 here");
	if (!str_eq(version, EXEC_GROUP "v1") && !str_eq(version, EXEC_GROUP "v1beta1"))
		return kube_entry_error(en, at, e,
					"exec.apiVersion: is neither " EXEC_GROUP "v1 nor " EXEC_GROUP "v1beta1");
	return true;
}

/* client-go has the same checks; a plugin is only ever run when all of it is right. */
static bool
read_exec(const struct kube_entry *en, struct arena *a, const struct node *n, const struct kube_exec **out,
	  struct err *e)
{
	static const struct field fields[] = {
		{"apiVersion", FIELD_TEXT, offsetof(struct kube_exec, api_version)},
		{"command", FIELD_TEXT, offsetof(struct kube_exec, command)},
		{"provideClusterInfo", FIELD_BOOL, offsetof(struct kube_exec, provide_cluster_info)},
	};
	struct kube_exec *x = ARENA_NEW(a, struct kube_exec);
	struct kube_entry inner = *en;
	const char *hint = node_get_str(n, "installHint");

	inner.node = n;
	if (!read_fields(&inner, a, fields, COUNT_OF(fields), x, e))
		return false;
	if (!x->command)
		return kube_entry_error(en, n, e, "exec.command: is missing");
	if (!check_exec_version(en, n, x->api_version, e) ||
	    !read_strings(en, a, node_get(n, "args"), "exec.args", &x->args, &x->n_args, e) ||
	    !read_exec_env(en, a, node_get(n, "env"), x, e) ||
	    !read_interactive(en, n, str_ends(x->api_version, "/v1"), &x->interactive, e))
		return false;
	if (strchr(x->command, '/'))
		x->command = resolve_path(en, a, x->command);
	x->install_hint = hint && *hint ? hint : NULL;
	*out = x;
	return true;
}

static size_t
count_extra(const struct node *extra)
{
	size_t n = 0;

	node_each(values, extra) {
		n += node_count(values);
	}
	return n;
}

static bool
read_extra(const struct kube_entry *en, struct arena *a, struct kube_user *u, struct err *e)
{
	const struct node *extra = node_get(en->node, "as-user-extra");
	struct kube_extra *at = ARENA_ARRAY(a, struct kube_extra, count_extra(extra));

	if (!absent(extra) && extra->type != NODE_MAP)
		return kube_entry_error(en, extra, e, "as-user-extra: expected a map of lists, found %s",
					node_type_name(extra));
	node_each(values, extra) {
		if (!absent(values) && values->type != NODE_LIST)
			return kube_entry_error(en, values, e,
						"as-user-extra: expected a list of strings, found %s",
						node_type_name(values));
		node_each(value, values) {
			at[u->n_as_extra].key = values->key;
			if (!scalar(en, value, "as-user-extra", &at[u->n_as_extra++].value, e))
				return false;
		}
	}
	u->as_extra = at;
	return true;
}

/* What client-go refuses too. A token beside its file is fine, and so is a certificate beside one of them. */
static bool
check_user(const struct kube_entry *en, const struct kube_user *u, struct err *e)
{
	bool cert = u->cert.data || u->cert_path, key = u->key.data || u->key_path;

	if (cert && !key)
		return kube_entry_error(en, NULL, e, "has client-certificate but no client-key: add the key to it");
	if (key && !cert)
		return kube_entry_error(en, NULL, e,
					"has client-key but no client-certificate: add the certificate");
	if ((u->token || u->token_path) && (u->username || u->password))
		return kube_entry_error(en, NULL, e, "has a token and a username or password: keep one of them");
	if (u->exec && u->auth_provider)
		return kube_entry_error(en, NULL, e, "has exec and auth-provider: keep exec");
	if ((u->as_uid || u->n_as_groups || u->n_as_extra) && !u->as)
		return kube_entry_error(en, NULL, e,
					"has as-uid, as-groups or as-user-extra but no \"as\": name the user");
	return true;
}

const struct kube_user *
kube_entry_user(struct kube_entry *en, struct arena *a, struct err *e)
{
	static const struct field fields[] = {
		{"token", FIELD_TEXT, offsetof(struct kube_user, token)},
		{"tokenFile", FIELD_PATH, offsetof(struct kube_user, token_path)},
		{"username", FIELD_TEXT, offsetof(struct kube_user, username)},
		{"password", FIELD_TEXT, offsetof(struct kube_user, password)},
		{"client-certificate", FIELD_PATH, offsetof(struct kube_user, cert_path)},
		{"client-certificate-data", FIELD_PEM, offsetof(struct kube_user, cert)},
		{"client-key", FIELD_PATH, offsetof(struct kube_user, key_path)},
		{"client-key-data", FIELD_PEM, offsetof(struct kube_user, key)},
		{"as", FIELD_TEXT, offsetof(struct kube_user, as)},
		{"as-uid", FIELD_TEXT, offsetof(struct kube_user, as_uid)},
	};
	const struct node *exec = node_get(en->node, "exec"), *provider = node_get(en->node, "auth-provider");
	struct kube_user *u;

	if (en->made)
		return en->made;
	u = ARENA_NEW(a, struct kube_user);
	u->name = en->name;
	if (!read_fields(en, a, fields, COUNT_OF(fields), u, e) ||
	    !read_strings(en, a, node_get(en->node, "as-groups"), "as-groups", &u->as_groups, &u->n_as_groups, e) ||
	    !read_extra(en, a, u, e) || (!absent(exec) && !read_exec(en, a, exec, &u->exec, e)))
		return NULL;
	if (!absent(provider))
		u->auth_provider = node_get_str(provider, "name") ? node_get_str(provider, "name") : "";
	if (!check_user(en, u, e))
		return NULL;
	u->cert_path = u->cert.data ? NULL : u->cert_path;
	u->key_path = u->key.data ? NULL : u->key_path;
	return en->made = u;
}
