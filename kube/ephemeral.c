/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/ephemeral.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/json_scan.h"
#include "base/mem.h"
#include "base/node.h"
#include "base/str.h"
#include "base/text.h"
#include "kube/backoff.h"
#include "kube/resource.h"

#define PREFIX "moat-probe-"
#define LIMIT_MS 60000
#define POLL_MS 1000
#define IDLE "600" /* seconds */
#define NOBODY 65534

struct ephemeral {
	struct ephemeral_args args; /* its strings are copies */
	char *namespace, *pod, *image, *name;
	struct kube_call *call;
	struct loop_timer *timer;
	int64_t until; /* clock_ms */
	struct buf seen; /* what kept it from running at the last look */
};

static void
destroy(struct ephemeral *x)
{
	kube_cancel(x->call);
	loop_timer_remove(x->timer);
	buf_free(&x->seen);
	free(x->namespace);
	free(x->pod);
	free(x->image);
	free(x->name);
	free(x);
}

static void
finish(struct ephemeral *x, const char *container, struct err *e)
{
	if (e)
		err_wrap(e, "an ephemeral container in %s/%s", x->namespace, x->pod);
	x->args.done(x->args.ctx, container, e);
	destroy(x);
}

static void
fail(struct ephemeral *x, const struct kube_answer *a, const char *verb, const char *resource)
{
	struct err e = a->err;

	if (a->status == 403)
		err_set(&e, ERR_DENIED, 403, "%s; it takes the verb %s on %s in namespace %s", a->err.msg, verb,
			resource, x->namespace);
	finish(x, NULL, &e);
}

static bool
parse(const struct kube_answer *a, struct arena *scratch, struct node **pod, struct err *e)
{
	return json_parse(scratch, "the server's answer", a->body, a->body_len, 1, NULL, pod, e);
}

static const struct node *
status_of(const struct node *pod, const char *name)
{
	node_each(c, node_path(pod, "status.ephemeralContainerStatuses"))
		if (str_eq(node_get_str(c, "name"), name))
			return c;
	return NULL;
}

static bool
is_running(const struct node *pod, const char *name)
{
	return node_path(status_of(pod, name), "state.running");
}

/* One of an earlier time that still serves. */
static const char *
find_running(const struct node *pod, const char *image)
{
	node_each(c, node_path(pod, "spec.ephemeralContainers")) {
		const char *name = node_get_str(c, "name");

		if (name && str_starts(name, PREFIX) && str_eq(node_get_str(c, "image"), image) &&
		    is_running(pod, name))
			return name;
	}
	return NULL;
}

/* Fits the restricted level of the pod security standards. */
static char *
patch(const struct ephemeral *x)
{
	json_t *container = json_pack(
		"{s:s, s:s, s:s, s:s, s:[s,s], s:{s:b, s:b, s:b, s:b, s:i, s:i, s:{s:[s]}, s:{s:s}}}", "name",
		x->name, "image", x->image, "imagePullPolicy", "IfNotPresent", "terminationMessagePolicy", "File",
		"command", "sleep", IDLE, "securityContext", "privileged", 0, "allowPrivilegeEscalation", 0,
		"readOnlyRootFilesystem", 1, "runAsNonRoot", 1, "runAsUser", NOBODY, "runAsGroup", NOBODY,
		"capabilities", "drop", "ALL", "seccompProfile", "type", "RuntimeDefault");
	json_t *body = json_pack("{s:{s:[o]}}", "spec", "ephemeralContainers", container);
	char *text = json_dumps(body, JSON_COMPACT);

	json_decref(body);
	if (!text)
		die("no memory for a request");
	return text;
}

/* ---- until it runs */

static void
note_waiting(struct ephemeral *x, const struct node *pod)
{
	const struct node *waiting = node_path(status_of(pod, x->name), "state.waiting");
	const char *reason = node_get_str(waiting, "reason"), *message = node_get_str(waiting, "message");

	buf_clear(&x->seen);
	if (!reason)
		return;
	text_safe(&x->seen, reason, strlen(reason));
	if (message) {
		buf_adds(&x->seen, ": ");
		text_safe(&x->seen, message, strlen(message));
	}
}

static void
look_at(struct ephemeral *x, const struct node *pod)
{
	struct err e;

	if (is_running(pod, x->name)) {
		finish(x, x->name, NULL);
		return;
	}
	if (node_path(status_of(pod, x->name), "state.terminated")) {
		err_set(&e, ERR_SOURCE, 0, "it ended at once: its image has to have the program sleep");
		finish(x, NULL, &e);
		return;
	}
	note_waiting(x, pod);
	if (clock_ms() < x->until) {
		loop_timer_set(x->timer, x->args.poll_ms);
		return;
	}
	err_set(&e, ERR_SOURCE, 0, "it does not run after %" PRId64 " s%s%s", (x->args.limit_ms + 999) / 1000,
		x->seen.len ? ": " : "", buf_str(&x->seen));
	finish(x, NULL, &e);
}

static void
on_patched(void *ctx, const struct kube_answer *a)
{
	struct ephemeral *x = ctx;

	x->call = NULL;
	if (a->ok)
		loop_timer_set(x->timer, x->args.poll_ms / 4);
	else
		fail(x, a, "patch", "pods/ephemeralcontainers");
}

static void
add_it(struct ephemeral *x)
{
	AUTO(buf) struct buf path = {0};
	AUTO(free) char *body = NULL;

	/* Names of containers are for good: another number each time. */
	x->name = mem_printf(PREFIX "%06" PRIx64, (uint64_t)backoff_between(0, 0xffffff));
	body = patch(x);
	resource_path(&path, resource_by_kind("Pod"), x->namespace, x->pod, "ephemeralcontainers");
	x->call = kube_start(x->args.kube,
			     &(struct kube_call_args){.method = "PATCH",
						      .path = buf_str(&path),
						      .content_type = "application/strategic-merge-patch+json",
						      .body = body,
						      .body_len = strlen(body),
						      .ctx = x,
						      .done = on_patched});
}

static void
on_pod(void *ctx, const struct kube_answer *a)
{
	AUTO(arena) struct arena scratch = {0};
	struct ephemeral *x = ctx;
	const char *name;
	struct node *pod;
	struct err e;

	x->call = NULL;
	if (!a->ok) {
		fail(x, a, "get", "pods");
	} else if (!parse(a, &scratch, &pod, &e)) {
		finish(x, NULL, &e);
	} else if (x->name) {
		look_at(x, pod);
	} else if ((name = find_running(pod, x->image))) {
		x->name = mem_strdup(name);
		finish(x, x->name, NULL);
	} else {
		add_it(x);
	}
}

static void
ask(struct ephemeral *x)
{
	AUTO(buf) struct buf path = {0};

	resource_path(&path, resource_by_kind("Pod"), x->namespace, x->pod, NULL);
	x->call = kube_start(
		x->args.kube,
		&(struct kube_call_args){.path = buf_str(&path), .flags = KUBE_RETRY, .ctx = x, .done = on_pod});
}

static void
on_timer(void *ctx)
{
	ask(ctx);
}

struct ephemeral *
ephemeral_start(const struct ephemeral_args *args)
{
	struct ephemeral *x = mem_alloc(sizeof(*x));

	x->args = *args;
	x->namespace = mem_strdup(args->namespace);
	x->pod = mem_strdup(args->pod);
	x->image = mem_strdup(args->image);
	x->args.limit_ms = args->limit_ms ? args->limit_ms : LIMIT_MS;
	x->args.poll_ms = args->poll_ms ? args->poll_ms : POLL_MS;
	x->until = clock_ms() + x->args.limit_ms;
	x->timer = loop_add_timer(args->loop, on_timer, x);
	ask(x);
	return x;
}

void
ephemeral_cancel(struct ephemeral *x)
{
	if (x)
		destroy(x);
}
