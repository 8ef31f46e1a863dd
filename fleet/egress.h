/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ways out of an agent, a companion or a scraper, as its policies leave them: a shape for the table, a list for
 * evidence. Made from fleet/reach.h; the rules on egress and ingress read this and ask no policy themselves.
 */
#ifndef FLEET_EGRESS_H
#define FLEET_EGRESS_H

#include <stdbool.h>
#include <stddef.h>

#include "fleet/path.h"
#include "fleet/reach.h"

/* Widest first. DNS (port 53) is left out of the shape. */
enum egress_shape {
	SHAPE_OPEN, /* no policy with Egress selects it, or it is on the host's network */
	SHAPE_INTERNET, /* public addresses, on some port besides TCP 80 and 443 */
	SHAPE_WEB, /* public addresses, only on TCP 80 and 443 */
	SHAPE_CLUSTER, /* no public address, but more than its companion and scrapers */
	SHAPE_COMPANION_SCRAPER,
	SHAPE_COMPANION,
	SHAPE_NONE,
	SHAPES,
};

enum allow_to {
	ALLOW_ANYWHERE, /* no policy restricts it */
	ALLOW_INTERNET, /* a rule that covers public addresses */
	ALLOW_PRIVATE, /* a rule on addresses without public ones */
	ALLOW_PODS, /* a rule for more pods than are listed, and there is one besides those below */
	ALLOW_POD, /* a workload that is none of those below */
	ALLOW_SCRAPER,
	ALLOW_COMPANION,
	ALLOW_DNS, /* DNS pods on port 53 */
};

/* One policy's rule letting one kind of traffic out, both ends asked where pods are meant. */
struct allow {
	enum allow_to to;
	const struct workload *workload; /* of pods; ALLOW_PODS: one of them; NULL: addresses, assumed DNS pods */
	const char *peer; /* words for it: "a/pipelock-companion", "0.0.0.0/0", "every pod in every namespace" */
	struct port_set ports; /* never empty */
	const struct policy *policy; /* NULL: nothing restricts it */
	uint32_t rule; /* of the policy, from 0 */
	unsigned line; /* of the peer or rule; 0 unknown */
	bool more; /* it stands for many rules of the policy, of which that one is the first */
	bool metadata; /* ALLOW_PRIVATE: the cloud metadata address is in it, on a port besides 53 */
	bool exempt; /* ALLOW_PRIVATE: only the ClusterIP of its companion's Service, or of its scraper's */
	const struct workload *onward; /* ALLOW_POD, ALLOW_PODS: a pod with public egress of its own; else NULL */
};

struct egress {
	enum egress_shape shape;
	bool internet; /* a public address on a port besides 53 */
	/*
	 * Only one namespace was read, and this policy's rule lets through pods of others: NULL when none does. What is said
	 * of public addresses holds all the same; what pods it reaches is not known, nor is a shape beyond SHAPE_WEB.
	 */
	const struct policy *outside;
	uint32_t outside_rule;
	bool host_network;
	bool isolated; /* policies with Egress hold every pod of it; false is SHAPE_OPEN */
	const struct policy *const *policies; /* with Egress, that select it */
	size_t n_policies;
	const struct allow *allows; /* by kind, policy and rule */
	size_t n_allows;
	struct port_set public_ports; /* what some public address can be reached on */
	bool https; /* every pod of it can reach TCP 443 of some public address */
	struct path dns; /* to port 53 of a DNS pod, UDP or TCP */
};

/*
 * Fills w->egress of agents, companions and scrapers; it stays NULL where what decides it was not read, and where a policy
 * of another engine may have its say (w->foreign). Needs f->reach.
 */
void egress_evaluate(struct fleet *f);

/* The shape; -1 where it is not known. */
int egress_known_shape(const struct egress *e);
const char *egress_shape_name(enum egress_shape s); /* "companion+scraper" */
const char *allow_to_name(enum allow_to t); /* "internet" */

extern const struct port_set egress_web_ports; /* TCP 80 and 443 */
/* Ports besides 53, which is DNS wherever it goes; and is there none? */
struct port_set egress_less_dns(struct arena *a, const struct port_set *s);
bool egress_only_dns(const struct port_set *s);
/* None besides TCP 443 and 80, and 53. */
bool egress_only_web(const struct port_set *s);

#endif
