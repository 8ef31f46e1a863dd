/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One HTTP/1.1 answer out of the bytes of a connection that curl does not read: the one to an upgrade, the one
 * inside a port-forward. No I/O: bytes in, the answer out, everything bounded.
 */
#ifndef KUBE_HTTP1_H
#define KUBE_HTTP1_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"

/* A zeroed struct with a body_limit awaits the first byte. */
struct http1 {
	size_t body_limit; /* bytes kept of the body; the answer ends there */
	int status; /* 0 before the head is whole */
	bool done; /* all of it is here. An answer with status 101 has no body */
	bool cut; /* done, for the body was longer than the limit */
	struct buf body;

	/* http1.c's own. */
	int state;
	int status_line; /* what the first line said */
	size_t head_len; /* bytes of heads and trailers so far */
	struct buf line;
	struct buf head; /* "Name: value", each ended by a NUL */
	uint64_t left; /* bytes of the body or its chunk that are to come */
};

/* Takes bytes until the answer is done; *used says how many were its own. false: this is no HTTP answer. */
bool http1_feed(struct http1 *h, const char *data, size_t len, size_t *used, struct err *e) MUST_USE;
/* The connection has ended. false: in the middle of the answer. */
bool http1_end(struct http1 *h, struct err *e) MUST_USE;
/* The value of the first header of that name, once status is set; NULL when there is none. */
const char *http1_header(const struct http1 *h, const char *name);
/* Has a header of that name the word in its list, whatever the case? */
bool http1_header_has(const struct http1 *h, const char *name, const char *word);
void http1_free(struct http1 *h);

#endif
