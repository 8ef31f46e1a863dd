/* SPDX-License-Identifier: Apache-2.0 */
/* The Pipelock config, as far as moat reads it. */
#ifndef FLEET_PIPELOCK_H
#define FLEET_PIPELOCK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"

/* One profile under `agents:`. */
struct pipelock_agent {
	const char *name;
	const char *const *source_cidrs, *const *listeners;
	size_t n_source_cidrs, n_listeners;
};

/* Where a field's value stands in the text, lines from 1; 0 when the default holds. */
struct pipelock_config {
	bool parsed; /* the text is YAML of the right shape: the fields below are its own, not what stands in for them */
	bool valid;
	char *problem; /* why it is not valid: what and where, safe to show; NULL when valid */
	unsigned problem_line;

	const char *mode; /* "balanced" when not written */
	bool enforce; /* true when not written */
	bool has_api_allowlist;
	const char *const *api_allowlist;
	size_t n_api_allowlist;
	bool forward_proxy; /* forward_proxy.enabled, false when not written */
	const char *listen; /* fetch_proxy.listen; NULL when not written */
	const char *default_identity; /* default_agent_identity; NULL when not written or empty */
	bool bind_identity; /* bind_default_agent_identity */
	bool tls_interception;
	const char *ca_cert, *ca_key; /* tls_interception.*; NULL when not written */
	const char *kill_switch_listen; /* kill_switch.api_listen; NULL when not written or empty */
	bool has_kill_switch_token; /* kill_switch.api_token is set; its value is never kept */
	const struct pipelock_agent *agents;
	size_t n_agents;
	unsigned mode_line, enforce_line, forward_proxy_line, listen_line, identity_line, bind_line, ca_key_line,
		kill_switch_line;
};

/*
 * Reads strictly, as Pipelock does: one document, no key twice, the fields above of the right type, `mode: strict`
 * only with an api_allowlist, no binding of an identity that is not named. What is wrong goes into `problem`; fields
 * that could be read are filled all the same. Unknown fields are passed over: the newest Pipelock may know them.
 */
void pipelock_config_parse(struct arena *a, const char *text, size_t len, struct pipelock_config *out);

#endif
