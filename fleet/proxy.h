/* SPDX-License-Identifier: Apache-2.0 */
/* Proxy variables and URLs: HTTPS_PROXY, HTTP_PROXY, NO_PROXY in either case. */
#ifndef FLEET_PROXY_H
#define FLEET_PROXY_H

#include <stdbool.h>

#include "base/arena.h"
#include "fleet/env.h"

struct fleet;
struct workload;

/* A proxy URL taken apart; without a scheme it is http. User and password are dropped. */
struct proxy_url {
	bool valid;
	const char *host; /* lower case, without brackets */
	int port; /* the scheme's default when not written */
	bool loopback; /* localhost, 127/8, ::1 */
	const char *shown; /* the URL without user and password, for evidence */
};

struct proxy_url proxy_url_parse(struct arena *a, const char *url);

/* One spelling of a variable that is set. */
struct proxy_var {
	const char *name; /* "HTTPS_PROXY", "https_proxy" */
	/*
	 * A URL of which host and port are known is ENV_SET whatever else is hidden (a password of a Secret): value
	 * then has ENV_MASK in it.
	 */
	struct env_value env;
	struct proxy_url url; /* when env.state is ENV_SET; not for NO_PROXY */
};

enum proxy_kind { PROXY_HTTPS, PROXY_HTTP, PROXY_NO };

/* The spellings of one variable that the container has: 0 to 2. */
size_t proxy_vars(const struct fleet *f, const char *namespace, const struct container *c, enum proxy_kind kind,
		  struct arena *a, struct proxy_var out[2]);

/* Whose clients are to use the proxy: main containers but Pipelock itself, log and metrics helpers and VPNs. */
bool proxy_is_client(const struct container *c);

/*
 * Why a proxy URL in that workload's env does not lead to a companion, in words made in the arena; NULL when it does. A
 * loopback address is not wrong here: it may be a sidecar's.
 */
const char *proxy_wrong_target(const struct fleet *f, const struct workload *w, const struct proxy_url *url,
			       struct arena *a);

/*
 * Does a NO_PROXY entry let a client go directly to something outside the cluster? Cluster names (.svc, .cluster.local,
 * bare host names, Services, NAME.NAMESPACE unless that ends as public names do), private and loopback addresses do
 * not. `service` names are looked up in the fleet.
 * The answer is the offending entry, in the arena; NULL when the list is narrow.
 */
const char *no_proxy_wide(const struct fleet *f, const char *namespace, const char *list, struct arena *a);

#endif
