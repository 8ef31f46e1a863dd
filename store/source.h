/* SPDX-License-Identifier: Apache-2.0 */
/* Which row of `sources` a scope is. */
#ifndef STORE_SOURCE_H
#define STORE_SOURCE_H

#include "store/runs.h"

/* 0 when the history has not seen it. */
bool source_find(struct db *d, const struct run_scope *scope, int64_t *id, struct err *e);
/* Added when it is not there; its name and server become the present ones. In a transaction. */
bool source_keep(struct db *d, const struct run_scope *scope, int64_t *id, struct err *e);

#endif
