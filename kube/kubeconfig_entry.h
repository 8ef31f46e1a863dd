/* SPDX-License-Identifier: Apache-2.0 */
/* The clusters and users of a kubeconfig, out of their trees: for kubeconfig.c alone. */
#ifndef KUBE_KUBECONFIG_ENTRY_H
#define KUBE_KUBECONFIG_ENTRY_H

#include <uthash.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/node.h"
#include "kube/kubeconfig.h"

/* A named member of clusters, users or contexts. All of it lives in the config's arena. */
struct kube_entry {
	const char *name;
	const char *section; /* "cluster", "user", "context": the word for messages */
	const char *file; /* absolute */
	unsigned line;
	const struct node *node; /* what is in the entry, NULL when there is nothing */
	const void *made; /* the struct that was made of it, once it was asked for */
	UT_hash_handle hh;
};

/* "FILE:LINE: user dev: " and the message; `at` is the field it is about, NULL for the entry. Returns false. */
bool kube_entry_error(const struct kube_entry *en, const struct node *at, struct err *e, const char *fmt, ...)
	PRINTF(4, 5);

/* A scalar's text; NULL in *out when it is absent or empty. Other types and control characters are errors. */
bool kube_entry_text(const struct kube_entry *en, const char *key, const char **out, struct err *e);

/* NULL and e for what is missing or contradicts itself. */
const struct kube_cluster *kube_entry_cluster(struct kube_entry *en, struct arena *a, struct err *e);
const struct kube_user *kube_entry_user(struct kube_entry *en, struct arena *a, struct err *e);

#endif
