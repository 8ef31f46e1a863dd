/* SPDX-License-Identifier: Apache-2.0 */
/* What the user's config file says about roles and surroundings. Plain data: cli/ reads the file. */
#ifndef FLEET_SETTINGS_H
#define FLEET_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fleet/labels.h"

/* Which workloads an entry means: every field that is given has to match. NULL: any. */
struct workload_match {
	const char *namespace, *kind, *name; /* globs */
	struct selector selector; /* on the workload's or the template's labels */
};

/* What an entry may mean: a workload, or any other object, which has no template. */
struct match_subject {
	const char *namespace, *kind, *name;
	const struct labels *labels, *template_labels; /* NULL when there are none */
};

bool settings_match(const struct workload_match *m, const struct match_subject *s);

struct role_setting {
	struct workload_match match;
	int role; /* enum role */
	unsigned line;
};

struct settings {
	const struct role_setting *roles; /* the first match wins */
	size_t n_roles;
	/* Where DNS is served: pods of these labels in this namespace. NULL: k8s-app=kube-dns in kube-system. */
	const char *dns_namespace;
	struct selector dns_pods;
	/* Other workloads that agents may use as scrapers. */
	const struct workload_match *scrapers;
	size_t n_scrapers;
	/* Roles and exemptions that are set on objects count (default). false: --no-object-exemptions. */
	bool trust_objects;
	int64_t probe_max_age; /* seconds: older probes prove nothing; 0: SETTINGS_PROBE_MAX_AGE */
};

#define SETTINGS_PROBE_MAX_AGE INT64_C(604800) /* a week */

#endif
