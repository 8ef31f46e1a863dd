/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a user proves itself with, kept fresh: tokens and token files, basic auth, client certificates (read anew when
 * their files change), exec plugins (v1, v1beta1). Everything runs on the loop; a plugin runs as a child of it, one at a
 * time, within a time limit, its stderr captured.
 */
#ifndef KUBE_CREDENTIAL_H
#define KUBE_CREDENTIAL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/loop.h"
#include "kube/kubeconfig.h"

struct credential;
struct credential_wait;

struct credential_state {
	const char *authorization; /* value of the header; NULL for none */
	struct kube_blob cert, key; /* PEM; data NULL for none */
	unsigned serial; /* changes with every new credential */
	unsigned tls_serial; /* changes with the certificate: connections of an older one are not used again */
};

/*
 * How an interactive plugin gets the terminal. `borrow` calls granted(arg) on the loop's thread once it is free (a console
 * suspends itself first), give_back is called when the plugin has ended. All NULL: there is no terminal.
 */
struct credential_terminal {
	void *ctx;
	void (*borrow)(void *ctx, void (*granted)(void *arg), void *arg);
	void (*give_back)(void *ctx);
};

/* What a plugin does, for the screen: "waiting for aws-iam-authenticator". NULL: nothing any more. */
typedef void credential_note_fn(void *ctx, const char *text);

struct credential_options {
	const struct credential_terminal *terminal; /* NULL: none */
	bool reluctant; /* it is a console's: a plugin that can do without it is tried without it first */
	int64_t plugin_limit_ms; /* 0: 60 s, an interactive one five minutes */
	credential_note_fn *note; /* NULL */
	void *note_ctx;
};

/* The context is borrowed and has to outlive it. Fails on what can be known at once (an in-tree auth-provider). */
struct credential *credential_new(struct loop *l, const struct kube_context *context,
				  const struct credential_options *opt, struct err *e);
void credential_free(struct credential *c); /* ends a running plugin; waits that are open are dropped, not called */

/*
 * Calls fn with the credential, which is borrowed for that call, or with the error; at once, inside this call, when nothing
 * has to be waited for: then it returns NULL. ERR_DENIED when a plugin failed, with its exit status, the end of its stderr
 * and its installHint.
 */
struct credential_wait *credential_get(struct credential *c,
				       void (*fn)(void *ctx, const struct credential_state *s, const struct err *e),
				       void *ctx);
void credential_wait_cancel(struct credential_wait *w); /* NULL is fine; fn is not called any more */

/*
 * The server answered 401 to the credential of that serial. true: another may be had (a plugin is going to run again, a
 * file is read again), ask once more and repeat the request; false: there is no other.
 */
bool credential_refused(struct credential *c, unsigned serial);

#endif
