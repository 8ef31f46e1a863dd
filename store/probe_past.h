/* SPDX-License-Identifier: Apache-2.0 */
/* Bypass probes in time: how those of an agent went, one probing after the other, and what each of them said. */
#ifndef STORE_PROBE_PAST_H
#define STORE_PROBE_PAST_H

#include "base/err.h"
#include "fleet/evidence.h"
#include "fleet/fleet.h"
#include "store/db.h"

#define PROBE_PAST_MOST 12 /* probings */
/* Results of one probe that are not further apart, each of another node, are one probing. */
#define PROBE_PAST_TOGETHER_S 600

struct probe_filter {
	const struct fleet *fleet; /* of its cluster alone; NULL: of all in the file */
	const char *namespace, *agent, *kind; /* NULL: any */
};

/*
 * All nodes of an agent together, the worst of each probing: open before inconclusive before blocked. When the same was
 * found again and again, the file has the first and the last time: those between them are taken to be even.
 */
struct probe_past {
	const char *server; /* of the cluster, as last seen */
	struct workload_key agent;
	struct {
		size_t n;
		struct {
			int64_t at; /* seconds */
			enum probe_verdict verdict;
		} marks[PROBE_PAST_MOST]; /* the newest first */
	} of[PROBES];
};

/* By cluster, then agent; what fn is given is gone when it returns. */
bool probe_past(struct db *d, const struct probe_filter *filter, void (*fn)(void *ctx, const struct probe_past *p),
		void *ctx, struct err *e);

/* One answer after the other, that were all the same. */
struct probe_span {
	const char *server;
	struct probe_result last; /* of the last of them; against is "" when it is no longer the newest */
	int64_t count, first_at;
	bool newest; /* of its agent, node and probe */
};

/* By cluster, agent, probe, node, the newest first; what fn is given is gone when it returns. */
bool probe_spans(struct db *d, const struct probe_filter *filter, void (*fn)(void *ctx, const struct probe_span *s),
		 void *ctx, struct err *e);

#endif
