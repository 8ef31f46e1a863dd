/* SPDX-License-Identifier: Apache-2.0 */
/* What the decoders of the single kinds share. Each fills d->object, which begins with a struct object. */
#ifndef DECODE_KINDS_H
#define DECODE_KINDS_H

#include "decode/field.h"
#include "fleet/workload.h"

/* metadata.*: name, namespace, labels, annotations, owner, times. A kind that is not namespaced has namespace "". */
void metadata_decode(struct decoder *d, bool namespaced);

struct labels labels_decode(struct decoder *d, const struct node *parent, const char *key);
/* Without what only other programs read: kubectl's last-applied-configuration and other long values. */
struct labels labels_decode_annotations(struct decoder *d, const struct node *parent, const char *key);
/* matchLabels and matchExpressions. */
struct selector selector_decode(struct decoder *d, const struct node *parent, const char *key);
/* A map of labels, as a Service has it: an empty one counts as none. */
struct selector selector_decode_map(struct decoder *d, const struct node *parent, const char *key);

void container_decode_all(struct decoder *d, const struct node *pod_spec, struct pod_spec *out);
/* Only those with ports, and of them name and ports. */
void container_decode_ports(struct decoder *d, const struct node *pod_spec, struct pod_spec *out);
void volume_decode_all(struct decoder *d, const struct node *pod_spec, struct pod_spec *out);
/* A pod's own spec, or that of a template: `parent` has metadata and spec. */
void pod_decode_spec(struct decoder *d, const struct node *parent, struct pod_spec *out);
/*
 * What no pod can be without is not there: a piece of an object, such as a Kustomize patch that lies beside what it
 * patches. Judged as it stands it would take the place of the whole and look clean.
 */
void pod_decode_incomplete(struct decoder *d, const struct node *parent, const char *missing);
struct security pod_decode_security(struct decoder *d, const struct node *parent);

void pod_decode(struct decoder *d);
void controller_decode(struct decoder *d);
void service_decode(struct decoder *d);
void config_map_decode(struct decoder *d);
void network_policy_decode(struct decoder *d);
void admin_policy_decode(struct decoder *d);

/* Policies of other engines (fleet/foreign.h): only whom they may select. */
void antrea_policy_decode(struct decoder *d);
void calico_policy_decode(struct decoder *d);
void cilium_policy_decode(struct decoder *d);
void namespace_policy_decode(struct decoder *d); /* everything in its namespace */
void pod_selector_policy_decode(struct decoder *d); /* spec.podSelector */
void subject_policy_decode(struct decoder *d); /* spec.subject */

#endif
