/* SPDX-License-Identifier: Apache-2.0 */
/*
 * WebSocket to a pod by way of the API server: exec, port-forward. Binary messages of channels; the first byte
 * is the channel. libwslay frames them. Pings on its own, notices a dead peer, answers plain-text and JSON
 * refusals.
 */
#ifndef KUBE_STREAM_H
#define KUBE_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/loop.h"
#include "kube/api.h"

struct stream;

struct stream_args {
	struct kube *kube;
	struct loop *loop;
	const char *path; /* with its query */
	const char *const *protocols; /* wanted, best first: "v5.channel.k8s.io", "v4.channel.k8s.io" */
	size_t n_protocols;
	int64_t open_ms; /* for the answer to the upgrade, once connected; 0: 20 s */
	int64_t dead_ms; /* without a byte, pings are sent every 5 s; 0: 60 s */
	void *ctx;
	void (*opened)(void *ctx, const char *protocol);
	/* One message, less its channel byte. false ends the stream with that error. */
	bool (*message)(void *ctx, unsigned channel, const char *data, size_t len, struct err *e);
	/*
	 * The end: e is NULL after a close frame with code 1000 or none. The stream is gone after it. err.code
	 * is the HTTP status of a refusal.
	 */
	void (*closed)(void *ctx, const struct err *e);
};

/* protocols have to outlive it; close it before kube_free. */
struct stream *stream_open(const struct stream_args *args);
/* Queued, once it is open. */
void stream_send(struct stream *s, unsigned channel, const void *data, size_t len);
void stream_close(struct stream *s); /* NULL is fine; no callback any more */
/*
 * Adds to the error of a refusal for lack of rights which ones it takes: for who has one of the two, servers do
 * not say.
 */
void stream_name_rights(struct err *e, const char *subresource, const char *namespace);

#endif
