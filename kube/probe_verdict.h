/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an attempt and its control prove together. A connection is a way out, whatever else is so. Without one, only a
 * control that got through makes a wall of it: an error number says nothing, for a wall that rejects looks like a closed
 * port.
 */
#ifndef KUBE_PROBE_VERDICT_H
#define KUBE_PROBE_VERDICT_H

#include "base/buf.h"
#include "base/err.h"
#include "fleet/evidence.h"
#include "kube/probe_answer.h"
#include "kube/probe_method.h"

struct probe_finding {
	enum probe_verdict verdict;
	enum probe_control control;
};

/* The detail, one sentence or two with what to do about a failed control, is appended. */
struct probe_finding probe_verdict(const struct probe_try *t, const struct probe_answer *a, struct buf *detail);

#endif
