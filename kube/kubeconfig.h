/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which cluster, as which user: kubeconfig files merged as kubectl merges them, or the service account of the pod that
 * moat runs in. Tokens and keys are in here: nothing of it is ever logged or put into a message but names and paths.
 */
#ifndef KUBE_KUBECONFIG_H
#define KUBE_KUBECONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"

/* Text of a kubeconfig's *-data field, decoded; data is NULL when there is none. */
struct kube_blob {
	const char *data;
	size_t len;
};

struct kube_cluster {
	const char *name;
	const char *server; /* "https://host:port/prefix", without a slash at the end */
	const char *server_text; /* as the kubeconfig has it, for plugins; NULL: as server */
	struct kube_blob ca; /* certificate-authority-data: beats ca_path */
	const char *ca_path; /* absolute, or NULL */
	const char *tls_server_name; /* NULL: the server's own */
	const char *proxy_url; /* NULL: the environment's */
	bool insecure, disable_compression;
	const char *exec_config; /* JSON of extension client.authentication.k8s.io/exec; NULL */
};

enum kube_interactive { KUBE_INTERACTIVE_NEVER, KUBE_INTERACTIVE_IF_AVAILABLE, KUBE_INTERACTIVE_ALWAYS };

struct kube_exec_env {
	const char *name, *value;
};

/* A credential plugin. */
struct kube_exec {
	const char *api_version; /* "client.authentication.k8s.io/v1" or "/v1beta1" */
	const char *command; /* with a slash: absolute, relative to its file; else looked for on PATH */
	const char *const *args;
	size_t n_args;
	const struct kube_exec_env *env;
	size_t n_env;
	const char *install_hint; /* NULL */
	bool provide_cluster_info;
	enum kube_interactive interactive;
};

struct kube_extra {
	const char *key, *value;
};

struct kube_user {
	const char *name;
	const char *token; /* NULL */
	const char *token_path; /* beats token; read anew again and again */
	const char *username, *password; /* NULL */
	struct kube_blob cert, key; /* client-certificate-data, client-key-data: beat the paths */
	const char *cert_path, *key_path;
	const struct kube_exec *exec; /* NULL */
	const char *auth_provider; /* the name of an in-tree provider that no client has any more; NULL */
	const char *as, *as_uid; /* impersonation; NULL */
	const char *const *as_groups;
	size_t n_as_groups;
	const struct kube_extra *as_extra;
	size_t n_as_extra;
};

struct kube_context {
	const char *name; /* "in-cluster" for a service account */
	const char *namespace; /* NULL when it names none */
	const struct kube_cluster *cluster;
	const struct kube_user *user;
};

struct kubeconfig {
	struct arena arena;
	const char *current; /* current-context; NULL */
	const char *const *names; /* of all contexts, in order */
	size_t n_names;
	const char *const *files; /* that were read */
	size_t n_files;
	struct kubeconfig_entries *entries; /* kubeconfig.c's own */
};

/*
 * The files of `path` (--kubeconfig), else of $KUBECONFIG, else ~/.kube/config, merged: of two entries with one name the
 * first wins, and the first current-context. A file named by $KUBECONFIG that does not exist is passed over, one named by
 * --kubeconfig is an error. No file at all gives a config without contexts. ERR_INPUT with file and line for what is wrong.
 */
struct kubeconfig *kubeconfig_load(const char *path, struct err *e);
/* The text of one file, which is not opened: relative paths start where it would lie. For tests. */
struct kubeconfig *kubeconfig_parse(const char *file, const char *text, size_t len, struct err *e);
void kubeconfig_free(struct kubeconfig *c); /* NULL is fine */

/*
 * The context of that name, NULL: the current one; belongs to the config. What is missing or contradicts itself (no such
 * cluster, an exec plugin without apiVersion, a server that is no URL) is an error here, not when loading: kubectl lets
 * the entries that are not used be wrong. ERR_USAGE for a name that is not there, with the nearest one.
 */
const struct kube_context *kubeconfig_context(struct kubeconfig *c, const char *name, struct err *e);

/* Is a service account mounted, and KUBERNETES_SERVICE_HOST set? */
bool kubeconfig_in_cluster_available(void);
/* A config with that one context. */
struct kubeconfig *kubeconfig_in_cluster(struct err *e);
/* The same of an account mounted elsewhere: for tests. */
struct kubeconfig *kubeconfig_in_cluster_at(const char *mount, struct err *e);

#endif
