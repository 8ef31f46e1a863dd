/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Has a running Pipelock loaded its ConfigMap's present bytes? Its log says so exactly, where one was read of this very
 * container since the ConfigMap last changed; else times tell, as far as they can.
 */
#ifndef AUDIT_LOADED_H
#define AUDIT_LOADED_H

#include "fleet/evidence.h"
#include "fleet/fleet.h"
#include "fleet/loading.h"

/* One running Pipelock container. */
struct loaded_replica {
	const struct pod *pod;
	int64_t started_at; /* seconds; CLOCK_UNKNOWN */
	enum loaded loaded;
	bool logged; /* the log has told, not times */
	/* What was seen of this very start; NULL: nothing, or it has started anew since. */
	const struct config_sighting *seen;
	bool outdated; /* `seen` is from before the ConfigMap's last change: of the present bytes it says nothing */
	/* Neither tells, though its log was asked for: why not. Borrowed; NULL. */
	const char *unread;
};

/*
 * Of the pod at that place of fleet_live; false when it does not run the Pipelock of w, which is a companion or an agent
 * with a sidecar. Cost is a look-up.
 */
bool loaded_replica(const struct fleet *f, const struct workload *w, size_t pod, struct loaded_replica *out);

/* All of them together: the worst counts. */
struct loaded_worst {
	enum loaded loaded;
	const char *hash; /* of what that one has loaded, bare hex; NULL where only times tell */
	size_t replicas, logged; /* that run; those whose log has told */
};

struct loaded_worst loaded_worst(const struct fleet *f, const struct workload *w);
enum loaded loaded_config(const struct fleet *f, const struct workload *w); /* the same, that alone */
const char *loaded_name(enum loaded l); /* "current" */

/* What /health of that pod said since its Pipelock started; NULL: it was not asked. */
const struct health_sighting *loaded_health(const struct fleet *f, const struct workload *w, const struct pod *pod);

/* Of an answer without an error: does it say that the pod serves? */
bool loaded_health_good(const struct health_sighting *h);

#endif
