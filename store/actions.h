/* SPDX-License-Identifier: Apache-2.0 */
/* What moat did to a cluster: who, what, when, outcome. */
#ifndef STORE_ACTIONS_H
#define STORE_ACTIONS_H

#include <stdint.h>

#include "base/err.h"
#include "fleet/evidence.h"
#include "fleet/fleet.h"
#include "store/db.h"

struct action {
	int64_t at, duration_ms; /* seconds; -1: not ended as far as is known */
	const char *who; /* user and context as the kubeconfig has them, "admin@prod"; never a secret */
	const char *what; /* "restart", "recreate", "probe" */
	struct workload_key target;
	const char *outcome; /* "done", "failed", "refused", "begun" */
	const char *detail; /* the reason in words; "" */
};

struct action action_copy(struct arena *a, const struct action *action); /* its texts in the arena */

/* Which cluster, as the fleet's source would name it; uid NULL: not known, then the address decides. */
struct action_cluster {
	const char *uid; /* of kube-system */
	const char *address, *server; /* struct source has them */
};

/* *id is the row's. Committed when it returns: a kill afterwards loses nothing. */
bool actions_begin(struct db *d, const struct action_cluster *c, const struct action *a, int64_t *id,
		   struct err *e);
/*
 * What is known of its end. An id that is not there is no failure: the history may have been pruned, or begun anew. `at` is the
 * action's, for in a file that was begun anew somebody else's action may have the number.
 */
bool actions_end(struct db *d, int64_t id, int64_t at, const char *outcome, const char *detail, int64_t duration_ms,
		 struct err *e);

/* Which rows. NULL: any. */
struct action_filter {
	const struct fleet *fleet; /* of its cluster */
	const char *namespace, *name; /* of the target */
};

struct action_row {
	int64_t id;
	struct action action;
	const char *server; /* of the cluster, as last seen */
};

/* The newest first; what fn is given is gone when it returns. Those that never ended have their outcome of the start. */
bool actions_list(struct db *d, const struct action_filter *filter,
		  void (*fn)(void *ctx, const struct action_row *r), void *ctx, struct err *e);

#endif
