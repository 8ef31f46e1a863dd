/* SPDX-License-Identifier: Apache-2.0 */
/* What stands behind the look-ups of fleet.h. Built while a fleet is, in its arena; frozen with it. */
#ifndef FLEET_FLEET_INDEX_H
#define FLEET_FLEET_INDEX_H

#include "fleet/fleet.h"

/* Over workloads, Services and ConfigMaps: wants the lists, sorted. */
void fleet_index_build(struct fleet *f);
/* Companions once more by themselves: wants the roles that make companions. */
void fleet_index_companions(struct fleet *f);

/* The workloads of that name: one for each kind that has it. */
struct workload *fleet_named(const struct fleet *f, const char *namespace, const char *name, size_t *n);
/* The companion of that name, of whatever kind; NULL. */
struct workload *fleet_companion(const struct fleet *f, const char *namespace, const char *name);
/* The companion of a namespace that has no other one; NULL. */
struct workload *fleet_only_companion(const struct fleet *f, const char *namespace);
/* The Services of a namespace: a slice of f->services. */
const struct service *const *fleet_services(const struct fleet *f, const char *namespace, size_t *n);

#endif
