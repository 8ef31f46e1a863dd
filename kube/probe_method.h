/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a container's own tools make a bypass attempt and its control, side by side in one command: the programs of
 * kube/probe/, each passed whole as an argument, so that nothing is written into the container and nothing that comes
 * from a cluster is ever part of a program's text. What they print is for probe_answer.h.
 *
 * The arguments behind the program: the kind (look, raw, env-clear, no-proxy); host and port of the attempt; host and
 * port of the control's CONNECT; host and port of the companion, "-" for no control; the time limit of a dial in seconds.
 *   look       prints which method it is, and nothing outside is dialled
 *   raw        a TCP dial by the program itself
 *   env-clear  by a client in a subprocess with an emptied environment
 *   no-proxy   by a client in a subprocess that has the companion as proxy and the target in NO_PROXY
 */
#ifndef KUBE_PROBE_METHOD_H
#define KUBE_PROBE_METHOD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "fleet/evidence.h"
#include "fleet/probe_plan.h"

/* In the order in which they are tried. */
enum probe_method { PROBE_PYTHON3, PROBE_BASH, PROBE_NC, PROBE_CURL, PROBE_PERL, PROBE_NODE, PROBE_METHODS };

/* One attempt and its control. */
struct probe_try {
	enum probe probe;
	struct probe_target target; /* what is dialled */
	struct probe_target
		through; /* what the companion is asked to reach: the same, or its port 443 for dns-tcp */
	const char *proxy_host; /* NULL: no control */
	int proxy_port;
	int64_t dial_ms; /* rounded up to whole seconds */
};

struct probe_command {
	const char *const *argv;
	size_t n;
};

/* The try of one of a job's probes. Borrows from the job. */
struct probe_try probe_try_of(const struct probe_job *job, enum probe probe, int64_t dial_ms);
/* Names, addresses and ports that may be passed on: ERR_INPUT for any other. */
bool probe_try_check(const struct probe_try *t, struct err *e);

/* What it is in words: "curl or wget". */
const char *probe_method_words(enum probe_method m);
/* In the arena. t: NULL to look whether the method is there. probe_try_check comes first. */
void probe_method_command(enum probe_method m, const struct probe_try *t, struct arena *a,
			  struct probe_command *out);

#endif
