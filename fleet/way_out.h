/* SPDX-License-Identifier: Apache-2.0 */
/* Do the policies of a workload let it out to one host and TCP port, and which rule does? What a probe is held against. */
#ifndef FLEET_WAY_OUT_H
#define FLEET_WAY_OUT_H

#include <stdint.h>

#include "fleet/fleet.h"
#include "fleet/policy.h"

enum way_out_verdict {
	WAY_OUT_NONE, /* no pod of it may, by its policies */
	WAY_OUT_RULE, /* a rule lets some pod of it */
	WAY_OUT_UNRESTRICTED, /* no policy restricts some pod of it */
	/* Its egress is not evaluated; or the host may be a pod behind some name or address, and pods are let through. */
	WAY_OUT_UNKNOWN,
};

struct way_out {
	enum way_out_verdict verdict;
	const struct policy *policy; /* WAY_OUT_RULE; else NULL */
	uint32_t rule; /* of it, from 0 */
};

/* An address, or a name: that stands for any address outside, since nobody knows which one it meant. */
struct way_out way_out_find(const struct fleet *f, const struct workload *w, const char *host, int port);

#endif
