/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/kubeconfig.h"

#include <ctype.h>
#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json_scan.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/reader.h"
#include "base/str.h"
#include "base/vec.h"
#include "base/yaml.h"
#include "kube/kubeconfig_entry.h"
#include "kube/secret.h"

#define CONFIG_MAX (16 * 1024 * 1024) /* bytes of one file: thousands of clusters with their certificates */
#define SERVICE_ACCOUNT "/var/run/secrets/kubernetes.io/serviceaccount"

enum section { CLUSTERS, USERS, CONTEXTS, N_SECTIONS };

/* A list in the file, and the words of its members: {name: ..., cluster: {...}}. */
static const struct {
	const char *list, *word;
} sections[N_SECTIONS] = {
	[CLUSTERS] = {"clusters", "cluster"},
	[USERS] = {"users", "user"},
	[CONTEXTS] = {"contexts", "context"},
};

struct kubeconfig_entries {
	struct kube_entry *by_name[N_SECTIONS];
	VEC(const char *) names, files;
};

/* ---- one file's tree into the entries */

static void
add_entry(struct kubeconfig *c, const char *file, enum section section, const struct node *item)
{
	struct kube_entry **table = &c->entries->by_name[section], *old, *en;
	const char *name = node_text(node_get(item, "name"));

	if (!name || !*name)
		return; /* nothing can refer to it */
	HASH_FIND_STR(*table, name, old);
	if (old) {
		if (old->file == file)
			log_warn("%s:%u: a second %s %s: the first counts", file, item->line,
				 sections[section].word, name);
		return;
	}
	en = ARENA_NEW(&c->arena, struct kube_entry);
	*en = (struct kube_entry){
		.name = name, .section = sections[section].word, .file = file, .line = item->line};
	en->node = node_get(item, sections[section].word);
	HASH_ADD_KEYPTR(hh, *table, en->name, strlen(en->name), en);
	if (section == CONTEXTS)
		vec_push(&c->entries->names, en->name);
}

static bool
add_section(struct kubeconfig *c, const char *file, enum section section, const struct node *list, struct err *e)
{
	const char *what = sections[section].list;

	if (!list || list->type == NODE_NULL)
		return true;
	if (list->type != NODE_LIST)
		return err_set(e, ERR_INPUT, 0, "%s:%u: %s: expected a list, found %s", file, list->line, what,
			       node_type_name(list));
	node_each(item, list) {
		if (item->type != NODE_MAP)
			return err_set(e, ERR_INPUT, 0, "%s:%u: %s: expected a map with a name, found %s", file,
				       item->line, what, node_type_name(item));
		add_entry(c, file, section, item);
	}
	return true;
}

static bool
is_config(const char *file, const struct node *doc, struct err *e)
{
	const char *version = node_get_str(doc, "apiVersion"), *kind = node_get_str(doc, "kind");

	if (doc->type != NODE_MAP && doc->type != NODE_NULL)
		return err_set(e, ERR_INPUT, 0, "%s: expected a kubeconfig, found %s", file, node_type_name(doc));
	if (kind && *kind && !str_eq(kind, "Config"))
		return err_set(e, ERR_INPUT, 0, "%s: expected a kubeconfig (kind: Config), found kind: %s", file,
			       kind);
	if (version && *version && !str_eq(version, "v1"))
		return err_set(e, ERR_INPUT, 0, "%s: expected a kubeconfig of apiVersion v1, found %s", file,
			       version);
	return true;
}

static bool
add_document(struct kubeconfig *c, const char *file, const struct node *doc, struct err *e)
{
	const char *current = node_text(node_get(doc, "current-context"));

	if (!is_config(file, doc, e))
		return false;
	for (enum section s = 0; s < N_SECTIONS; s++)
		if (!add_section(c, file, s, node_get(doc, sections[s].list), e))
			return false;
	if (current && *current && !c->current)
		c->current = current;
	return true;
}

/* JSON is YAML but for a few characters, so what looks like JSON is tried as such first. */
static bool
add_text(struct kubeconfig *c, const char *file, const char *text, size_t len, struct err *e)
{
	size_t space = 0;
	struct node *doc;

	vec_push(&c->entries->files, file);
	while (space < len && isspace((unsigned char)text[space]))
		space++;
	if (space < len && text[space] == '{' && json_parse(&c->arena, file, text, len, 1, NULL, &doc, NULL))
		return add_document(c, file, doc, e);
	return yaml_parse(&c->arena, file, text, len, false, &doc, e) && add_document(c, file, doc, e);
}

static bool
add_file(struct kubeconfig *c, const char *file, struct err *e)
{
	AUTO(secret) struct buf text = {0};

	if (!reader_slurp(file, CONFIG_MAX, &text, e))
		return false;
	return add_text(c, file, buf_str(&text), text.len, e);
}

/* ---- which files */

static const char *
absolute(struct arena *a, const char *path)
{
	AUTO(free) char *here = NULL;

	if (path[0] == '/')
		return arena_strdup(a, path);
	here = getcwd(NULL, 0);
	return arena_printf(a, "%s/%s", here ? here : ".", path);
}

static const char *
home(void)
{
	const char *path = getenv("HOME");
	const struct passwd *user = path && *path ? NULL : getpwuid(getuid());

	return user ? user->pw_dir : path;
}

/* One that is not there is no error, unlike one that may not be read. */
static bool
add_if_there(struct kubeconfig *c, const char *file, struct err *e)
{
	if (access(file, F_OK) < 0 && (errno == ENOENT || errno == ENOTDIR)) {
		log_info("no kubeconfig at %s", file);
		return true;
	}
	for (size_t i = 0; i < c->entries->files.n; i++)
		if (str_eq(c->entries->files.at[i], file))
			return true;
	return add_file(c, file, e);
}

static bool
add_list(struct kubeconfig *c, const char *list, struct err *e)
{
	while (*list) {
		size_t len = strcspn(list, ":");
		AUTO(free) char *path = mem_strndup(list, len);

		if (len && !add_if_there(c, absolute(&c->arena, path), e))
			return false;
		list += len + (list[len] == ':');
	}
	return true;
}

static bool
add_files(struct kubeconfig *c, const char *path, struct err *e)
{
	const char *list = getenv("KUBECONFIG");

	if (path && *path)
		return add_file(c, absolute(&c->arena, path), e);
	if (list && *list)
		return add_list(c, list, e);
	return !home() || add_if_there(c, arena_printf(&c->arena, "%s/.kube/config", home()), e);
}

/* ---- making and freeing */

static struct kubeconfig *
config_new(void)
{
	struct kubeconfig *c = mem_alloc(sizeof(*c));

	c->entries = mem_alloc(sizeof(*c->entries));
	return c;
}

void
kubeconfig_free(struct kubeconfig *c)
{
	if (!c)
		return;
	for (enum section s = 0; s < N_SECTIONS; s++)
		HASH_CLEAR(hh, c->entries->by_name[s]);
	vec_free(&c->entries->names);
	vec_free(&c->entries->files);
	free(c->entries);
	arena_free(&c->arena);
	free(c);
}

static struct kubeconfig *
finish(struct kubeconfig *c, bool ok)
{
	if (!ok) {
		kubeconfig_free(c);
		return NULL;
	}
	c->names = c->entries->names.at;
	c->n_names = c->entries->names.n;
	c->files = c->entries->files.at;
	c->n_files = c->entries->files.n;
	return c;
}

struct kubeconfig *
kubeconfig_load(const char *path, struct err *e)
{
	struct kubeconfig *c = config_new();

	return finish(c, add_files(c, path, e));
}

struct kubeconfig *
kubeconfig_parse(const char *file, const char *text, size_t len, struct err *e)
{
	struct kubeconfig *c = config_new();

	return finish(c, add_text(c, absolute(&c->arena, file), text, len, e));
}

/* ---- contexts */

static const char *
nearest_name(const struct kube_entry *table, const char *name)
{
	struct nearest near = {.word = name, .too_far = 3};

	for (const struct kube_entry *en = table; en; en = en->hh.next)
		nearest_offer(&near, en->name);
	return near.name;
}

static void
list_names(const struct kubeconfig *c, struct buf *out)
{
	const size_t most = 10;

	for (size_t i = 0; i < c->n_names && i < most; i++)
		buf_addf(out, "%s%s", i ? ", " : "", c->names[i]);
	if (c->n_names > most)
		buf_addf(out, " and %zu more", c->n_names - most);
}

static bool
no_config(const struct kubeconfig *c, struct err *e)
{
	const char *list = getenv("KUBECONFIG");

	if (c->n_files)
		return err_set(e, ERR_INPUT, 0,
			       "%s has no contexts: write them, or name another file with --kubeconfig",
			       c->files[0]);
	if (list && *list)
		return err_set(e, ERR_INPUT, 0,
			       "there is no kubeconfig: no file that KUBECONFIG names is there (%s)", list);
	return err_set(
		e, ERR_INPUT, 0,
		"there is no kubeconfig: neither --kubeconfig nor KUBECONFIG names one, and ~/.kube/config is not "
		"there");
}

static bool
no_context(const struct kubeconfig *c, const char *name, bool by_current, struct err *e)
{
	const char *near = nearest_name(c->entries->by_name[CONTEXTS], name);
	AUTO(buf) struct buf rest = {0};

	if (near)
		buf_addf(&rest, "did you mean %s?", near);
	else if (c->n_names)
		list_names(c, &rest);
	if (by_current)
		return err_set(e, ERR_USAGE, 0, "the current-context %s is no context of the kubeconfig%s%s", name,
			       near ? "; " : ", which has: ", buf_str(&rest));
	return err_set(e, ERR_USAGE, 0, "the kubeconfig has no context %s%s%s", name,
		       near ? "; " : ", but: ", buf_str(&rest));
}

/* The cluster or user that a context names; NULL and e. */
static struct kube_entry *
referred(const struct kubeconfig *c, const struct kube_entry *context, enum section section, const char *name,
	 struct err *e)
{
	struct kube_entry *table = c->entries->by_name[section], *en;
	const char *near;

	HASH_FIND_STR(table, name, en);
	if (en)
		return en;
	near = nearest_name(table, name);
	kube_entry_error(context, node_get(context->node, sections[section].word), e, "there is no %s %s%s%s",
			 sections[section].word, name, near ? ", did you mean " : "", near ? near : "");
	return NULL;
}

/* It becomes a part of every path that is asked for. */
static bool
good_namespace(const char *s)
{
	size_t len = strlen(s);

	for (size_t i = 0; i < len; i++)
		if (!(s[i] >= 'a' && s[i] <= 'z') && !(s[i] >= '0' && s[i] <= '9') && s[i] != '-')
			return false;
	return len > 0 && len <= 63;
}

static bool
make_context(struct kubeconfig *c, struct kube_entry *en, struct kube_context *out, struct err *e)
{
	static const struct kube_user anonymous = {.name = ""};
	const char *cluster, *user;
	struct kube_entry *cluster_entry, *user_entry;

	if (!kube_entry_text(en, "cluster", &cluster, e) || !kube_entry_text(en, "user", &user, e) ||
	    !kube_entry_text(en, "namespace", &out->namespace, e))
		return false;
	if (!cluster)
		return kube_entry_error(en, NULL, e, "names no cluster");
	if (out->namespace && !good_namespace(out->namespace))
		return kube_entry_error(en, node_get(en->node, "namespace"), e,
					"namespace: is no name of a namespace");
	cluster_entry = referred(c, en, CLUSTERS, cluster, e);
	user_entry = cluster_entry && user ? referred(c, en, USERS, user, e) : NULL;
	if (!cluster_entry || (user && !user_entry))
		return false;
	out->name = en->name;
	out->cluster = kube_entry_cluster(cluster_entry, &c->arena, e);
	out->user = user ? kube_entry_user(user_entry, &c->arena, e) : &anonymous;
	return out->cluster && out->user;
}

const struct kube_context *
kubeconfig_context(struct kubeconfig *c, const char *name, struct err *e)
{
	const char *wanted = name ? name : c->current;
	struct kube_context *out;
	struct kube_entry *en = NULL;
	AUTO(buf) struct buf names = {0};

	if (!wanted && c->n_names) {
		list_names(c, &names);
		err_set(e, ERR_USAGE, 0, "the kubeconfig has no current-context: name one with --context (%s)",
			buf_str(&names));
		return NULL;
	}
	if (wanted)
		HASH_FIND_STR(c->entries->by_name[CONTEXTS], wanted, en);
	if (!en) {
		if (c->n_names)
			no_context(c, wanted, !name, e);
		else
			no_config(c, e);
		return NULL;
	}
	if (en->made)
		return en->made;
	out = ARENA_NEW(&c->arena, struct kube_context);
	if (!make_context(c, en, out, e))
		return NULL;
	return en->made = out;
}

/* ---- in a pod */

static const char *
service_host(void)
{
	const char *host = getenv("KUBERNETES_SERVICE_HOST");

	return host && *host ? host : NULL;
}

bool
kubeconfig_in_cluster_available(void)
{
	return service_host() && access(SERVICE_ACCOUNT "/token", F_OK) == 0;
}

struct kubeconfig *
kubeconfig_in_cluster(struct err *e)
{
	return kubeconfig_in_cluster_at(SERVICE_ACCOUNT, e);
}

/* "https://[fd00::1]:443" */
static const char *
service_url(struct arena *a)
{
	const char *host = service_host(), *port = getenv("KUBERNETES_SERVICE_PORT");
	bool v6 = strchr(host, ':') && host[0] != '[';

	return arena_printf(a, "https://%s%s%s:%s", v6 ? "[" : "", host, v6 ? "]" : "",
			    port && *port ? port : "443");
}

/* NULL when the file is not there or holds no name. */
static const char *
mounted_namespace(struct arena *a, const char *mount)
{
	AUTO(free) char *path = mem_printf("%s/namespace", mount);
	AUTO(buf) struct buf text = {0};
	const char *name;

	if (!secret_file(path, &text, NULL))
		return NULL;
	name = arena_strndup(a, buf_str(&text), strcspn(buf_str(&text), " \t\r\n"));
	return good_namespace(name) ? name : NULL;
}

static void
add_service_account(struct kubeconfig *c, const char *mount, const char *token)
{
	const char *ca = arena_printf(&c->arena, "%s/ca.crt", mount);
	struct kube_cluster *cluster = ARENA_NEW(&c->arena, struct kube_cluster);
	struct kube_user *user = ARENA_NEW(&c->arena, struct kube_user);
	struct kube_context *context = ARENA_NEW(&c->arena, struct kube_context);
	struct kube_entry *en = ARENA_NEW(&c->arena, struct kube_entry);

	if (access(ca, R_OK) < 0)
		log_warn("%s cannot be read: the system's certificates count", ca);
	*cluster = (struct kube_cluster){.name = "in-cluster", .server = service_url(&c->arena)};
	cluster->ca_path = access(ca, R_OK) == 0 ? ca : NULL;
	*user = (struct kube_user){.name = "in-cluster", .token_path = token};
	*context = (struct kube_context){.name = "in-cluster", .cluster = cluster, .user = user};
	context->namespace = mounted_namespace(&c->arena, mount);
	*en = (struct kube_entry){.name = context->name, .section = "context", .file = mount, .made = context};
	HASH_ADD_KEYPTR(hh, c->entries->by_name[CONTEXTS], en->name, strlen(en->name), en);
	vec_push(&c->entries->names, en->name);
	c->current = en->name;
}

struct kubeconfig *
kubeconfig_in_cluster_at(const char *mount, struct err *e)
{
	struct kubeconfig *c;
	const char *token;

	if (!service_host()) {
		err_set(e, ERR_INPUT, 0, "not in a cluster: KUBERNETES_SERVICE_HOST is not set");
		return NULL;
	}
	c = config_new();
	token = arena_printf(&c->arena, "%s/token", mount);
	if (access(token, R_OK) < 0) {
		err_sys(e, ERR_INPUT, errno, "service account token %s", token);
		return finish(c, false);
	}
	add_service_account(c, mount, token);
	return finish(c, true);
}
