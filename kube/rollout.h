/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an object of the API says about being restarted: may it be, how far is the rollout, why does it not go on. The
 * rules are those of `kubectl rollout`. Objects come as trees; nothing here talks to a server.
 */
#ifndef KUBE_ROLLOUT_H
#define KUBE_ROLLOUT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/node.h"

#define ROLLOUT_ANNOTATION "kubectl.kubernetes.io/restartedAt"

enum rollout_state { ROLLOUT_WAITING, ROLLOUT_DONE, ROLLOUT_FAILED };

struct rollout {
	enum rollout_state state;
	int64_t desired, updated, available; /* pods; -1: the object does not say */
	int64_t old; /* pods of before that are still there; -1 likewise */
};

/* Deployment, StatefulSet, DaemonSet: what has a rollout. */
bool rollout_kind(const char *kind);
/* Why objects of a kind without a rollout are not restarted, in words; "" for a Pod, which rollout_pod_refused judges. */
const char *rollout_kind_refused(const char *kind);
/* May not be restarted (paused, OnDelete, ...): true, and the reason is appended. */
bool rollout_refused(const char *kind, const struct node *object, struct buf *reason);
/* The same for a pod that is to be deleted and created again. */
bool rollout_pod_refused(const struct node *pod, struct buf *reason);

/*
 * How far it is, judged against the object's own generation: what was patched has to be read again before. Appends one
 * line to `text`: "1 of 3 pods updated". For a Pod: is it ready?
 */
struct rollout rollout_read(const char *kind, const struct node *object, struct buf *text);
/* Milliseconds without progress after which the object's controller gives up; 0: it never does. */
int64_t rollout_deadline_ms(const struct node *object);

/* The object's selector as a query value: "app=x,tier in (a,b)"; "" when it has none. */
void rollout_selector(const struct node *object, struct buf *out);
/* What keeps the newest pod of a PodList that is not ready from being it; appends nothing when nothing does. */
void rollout_trouble(const struct node *pods, struct buf *out);
/* The same of one pod. */
void rollout_pod_trouble(const struct node *pod, struct buf *out);

#endif
