/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a program of kube/probe/ printed: lines "moat-probe KEY=VALUE" among whatever else the image says. The image is
 * not trusted: values are short words from fixed lists, or "failed" with a text that is only ever shown. An image that
 * lies well is believed all the same.
 */
#ifndef KUBE_PROBE_ANSWER_H
#define KUBE_PROBE_ANSWER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define PROBE_OUTPUT_LIMIT 8192 /* more than that is no answer */

enum probe_outcome {
	OUTCOME_NONE, /* nothing was said of it; the control: none was asked for */
	OUTCOME_CONNECTED, /* the control: it answered, with `status` */
	OUTCOME_REFUSED,
	OUTCOME_TIMEOUT,
	OUTCOME_UNREACHABLE,
	OUTCOME_DENIED, /* by the pod's own kernel, EPERM: a filter there */
	OUTCOME_UNRESOLVED, /* no address for the name */
	OUTCOME_PROXIED, /* attempt: the client went to the proxy all the same */
	OUTCOME_SILENT, /* control: connected, and no answer to the CONNECT within the limit */
	OUTCOME_GARBLED, /* control: an answer that is no HTTP */
	OUTCOME_UNABLE, /* control: the client there is can make none */
	OUTCOME_FAILED, /* anything else; `text` says what */
};

struct probe_side {
	bool said;
	enum probe_outcome outcome;
	int status; /* HTTP, of a control that answered */
	char text[401]; /* the program's words, safe to show; "" */
};

struct probe_answer {
	const char *method; /* "python3", "nc": a word of ours */
	struct probe_side attempt, control;
};

/*
 * false (ERR_INPUT): there is no method in it, or something that none of the programs prints. looked: only the
 * method is wanted, else both sides are.
 */
bool probe_answer_parse(const char *out, size_t len, bool looked, struct probe_answer *a, struct err *e);

#endif
