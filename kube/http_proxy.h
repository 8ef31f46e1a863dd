/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which proxy leads to a server: the one that was configured, else the environment's, chosen as Go programs
 * choose it.
 */
#ifndef KUBE_HTTP_PROXY_H
#define KUBE_HTTP_PROXY_H

#include <stdbool.h>

#include "base/buf.h"

/*
 * Appends the proxy's URL, with a scheme, nothing for none. A configured one is used whatever NO_PROXY says;
 * else HTTPS_PROXY or HTTP_PROXY by the scheme (either case), unless the host is loopback or NO_PROXY has it:
 * "*", names with what lies below them, addresses, CIDR blocks, each with a port where it is meant for that
 * one alone. socks5:// becomes socks5h://: the proxy looks names up, as it does for kubectl.
 */
void http_proxy_for(struct buf *out, const char *configured, const char *scheme, const char *host, int port);
/* The proxy as it may be shown: scheme, host and port, without user:password. */
void http_proxy_show(struct buf *out, const char *url);

#endif
