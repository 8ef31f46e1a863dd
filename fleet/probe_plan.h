/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is to be probed: of each agent one ready pod on each node that carries it, in the container that works, with the
 * target and the companion that the control goes through. Nothing is run here.
 */
#ifndef FLEET_PROBE_PLAN_H
#define FLEET_PROBE_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "fleet/evidence.h"
#include "fleet/fleet.h"

/* An address outside that answers on 443 and 53 nearly everywhere: what is dialled when nobody names another. */
#define PROBE_DEFAULT_HOST "1.1.1.1"
#define PROBE_DEFAULT_PORT 443

struct probe_target {
	const char *
		host; /* a name or an address, without brackets; NULL: the default, or the allowlist's in strict mode */
	int port;
};

/* "host:port", "[v6]:port"; another port than 80 or 443 is ERR_USAGE unless no_control. The host is in the arena. */
bool probe_target_parse(const char *text, bool no_control, struct arena *a, struct probe_target *out,
			struct err *e);
/* "host:port" again, an address of IPv6 in brackets; in the arena. */
const char *probe_target_text(const struct probe_target *t, struct arena *a);

struct probe_job {
	struct workload_key agent;
	const char *pod, *pod_uid, *node, *container;
	const char *image; /* that the container runs: what one of it has, all have. NULL: not known */
	int64_t started_at; /* of that container, seconds; CLOCK_UNKNOWN */
	struct probe_target target, dns; /* dns: the address of dns-tcp, port 53 */
	/* The companion's Service as the agent is told to use it (HTTPS_PROXY), else its DNS name and port; NULL: has none. */
	const char *proxy_host;
	int proxy_port;
	bool no_control;
	const char *against; /* proof_against; "" */
};

/* An agent that cannot be probed, and why ("no ready pod"). */
struct probe_skip {
	struct workload_key agent;
	const char *reason;
};

struct probe_plan {
	struct probe_job *jobs; /* in the agents' order, then by node */
	size_t n_jobs;
	struct probe_skip *skipped;
	size_t n_skipped;
};

struct probe_plan_options {
	struct probe_target target; /* of --target or the config file; host NULL: none was named */
	bool no_control;
};

/* Everything is copied into the arena: the fleet may go. */
void probe_plan_make(const struct fleet *f, struct workload *const *agents, size_t n,
		     const struct probe_plan_options *opt, struct arena *a, struct probe_plan *out);

#endif
