/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client's side of a WebSocket with Kubernetes' channels, without I/O: bytes of the server in, messages
 * out, bytes for the server taken from it. stream.c moves the bytes; tests and fuzzers hand in recorded or made
 * up ones.
 */
#ifndef KUBE_FRAMES_H
#define KUBE_FRAMES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"

struct frames;

enum frames_state {
	FRAMES_HANDSHAKE, /* the upgrade is not answered yet */
	FRAMES_REFUSED, /* it was, by another answer: frames_refusal */
	FRAMES_OPEN,
	FRAMES_CLOSED, /* the server's close frame came */
};

struct frames_args {
	const char *target; /* of the GET: path and query */
	const char *headers; /* more of the request, each line ended by CRLF: Host has to be among them */
	const char *const *protocols; /* offered, best first */
	size_t n_protocols;
	const char *key; /* Sec-WebSocket-Key; NULL: a random one, as it has to be on a network */
	bool recorded; /* the bytes were recorded: their Sec-WebSocket-Accept answers another key; not compared */
	void *ctx;
	void (*opened)(void *ctx, const char *protocol);
	/* One message, less its channel byte; at most FRAMES_MESSAGE_MAX. false ends it all with that error. */
	bool (*message)(void *ctx, unsigned channel, const char *data, size_t len, struct err *e);
};

#define FRAMES_MESSAGE_MAX (1 << 20) /* a longer message is an error; what servers send has 32,769 bytes at most */

/* The request is among the bytes for the server at once. protocols are borrowed for as long as it lives. */
struct frames *frames_new(const struct frames_args *args);
void frames_free(struct frames *f); /* NULL is fine; never from its callbacks */

/*
 * Bytes of the server; the callbacks are called from in here. false: it broke the protocol, or message() said so;
 * nothing more may be fed then. What comes behind a close frame or a refusal is passed over.
 */
bool frames_feed(struct frames *f, const char *data, size_t len, struct err *e) MUST_USE;
/* The server's end of the connection. false: it was cut, neither closed nor refused. */
bool frames_end(struct frames *f, struct err *e) MUST_USE;
enum frames_state frames_state(const struct frames *f);
/* The status of the answer once its head is here (0 before) and what there is of its body; borrowed. */
int frames_refusal(const struct frames *f, const char **body, size_t *len);
/* Of the close frame: 1000 for a good end, 1005 when it had none; 1006 before it came. */
int frames_close_code(const struct frames *f);
const char *frames_close_reason(const struct frames *f);

/* Queued, once it is open; after a close, theirs or ours, they do nothing. */
void frames_send(struct frames *f, unsigned channel, const void *data, size_t len);
void frames_ping(struct frames *f);
void frames_close(struct frames *f); /* 1000 */
size_t frames_queued(const struct frames *f); /* bytes of messages that wait, about */
/* Bytes for the server, len 0 when there are none; borrowed until the next call. Say how many of them went. */
const char *frames_output(struct frames *f, size_t *len);
void frames_sent(struct frames *f, size_t n);

#endif
