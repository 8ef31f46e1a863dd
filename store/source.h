/* SPDX-License-Identifier: Apache-2.0 */
/* Which row of `clusters` a cluster is, and which of `sources` a scope is. */
#ifndef STORE_SOURCE_H
#define STORE_SOURCE_H

#include "store/runs.h"

/* What a cluster is known by. */
struct cluster_key {
	const char *uid; /* of kube-system; NULL: not known */
	const char *address, *server; /* as struct source has them; "" and NULL: not known */
};

/* Of a fleet; of files too, when they have kube-system with its uid. Texts are the fleet's. */
struct cluster_key cluster_key_of(const struct fleet *f);
/* Can it be told from other clusters at all? */
bool cluster_known(const struct cluster_key *k);
/* Its row of `clusters`; 0 when the history has not seen it. */
bool cluster_find(struct db *d, const struct cluster_key *k, int64_t *id, struct err *e);
/* The same of a fleet's, to read what is kept by cluster; 0 too for a file from before such was kept. */
bool cluster_find_read(struct db *d, const struct fleet *f, int64_t *id, struct err *e);
/* Added when it is not there; its server becomes the present one. In a transaction. */
bool cluster_keep(struct db *d, const struct cluster_key *k, int64_t *id, struct err *e);

/* 0 when the history has not seen it. */
bool source_find(struct db *d, const struct run_scope *scope, int64_t *id, struct err *e);
/* Added when it is not there; its name and server become the present ones. In a transaction. */
bool source_keep(struct db *d, const struct run_scope *scope, int64_t *id, struct err *e);

#endif
