/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exemptions: annotations moat.dev/ignore on objects and entries of the config file. Which finding each covers, and
 * which of them are inert: expired, without a reason, for a rule that does not exist, or covering nothing.
 */
#ifndef AUDIT_EXEMPT_H
#define AUDIT_EXEMPT_H

#include "audit/audit.h"

struct exempt;

/* Of the run's fleet and settings; only its scope has to be known by now. `now`: seconds. Lives in the arena. */
struct exempt *exempt_new(const struct audit_run *run, struct arena *a, int64_t now);
/*
 * The exemption that covers a finding on this object, or NULL. Of every exemption that does, `change` is added to the uses,
 * one number for each of exempt_uses: a finding that goes is counted off again.
 */
const struct suppression *exempt_find(const struct exempt *x, const struct finding *f, const struct object *o,
				      uint32_t *uses, int change);
size_t exempt_uses(const struct exempt *x);
/* When the next exemption that is in force ends, seconds; INT64_MAX for none. */
int64_t exempt_next_expiry(const struct exempt *x);
/*
 * Reports suppression-inert for those without a use; the run's present rule has to be that one. `judged` says of each of
 * rules[] whether it was judged everywhere: an exemption of one that was not may well be needed.
 */
void exempt_report_inert(const struct exempt *x, struct audit_run *run, const uint32_t *uses, const bool *judged);
/* What is set on objects in scope, sorted by namespace, name, kind; in the arena. */
const struct object_exemption *exempt_list(const struct exempt *x, size_t *n);

#endif
