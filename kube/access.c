/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/access.h"

#include <assert.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_scan.h"
#include "base/mem.h"
#include "base/text.h"

#define PATH "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
#define AT_ONCE 8 /* reviews under way: enough to hide the latency, too few to be throttled for */
#define ANSWER_LIMIT (256 * 1024)

struct review {
	struct access *access;
	struct access_question *question;
	struct kube_call *call; /* NULL: not sent, or answered */
};

struct access {
	struct access_args args;
	struct review *reviews;
	size_t next; /* the first that was not sent */
	size_t under_way;
};

static void
set_reason(struct access *a, struct access_question *q, const char *text)
{
	AUTO(buf) struct buf safe = {0};

	if (!text || !*text)
		return;
	text_safe(&safe, text, strlen(text));
	q->reason = arena_strdup(a->args.arena, buf_str(&safe));
}

/* A review that says neither yes nor no, because a part of the authorizer failed, is unknown. */
static void
read_review(struct access *a, struct access_question *q, const struct kube_answer *answer)
{
	AUTO(arena) struct arena scratch = {0};
	const struct node *status;
	struct node *root;
	struct err e = {0};

	if (!json_parse(&scratch, "the access review", answer->body, answer->body_len, 1, NULL, &root, &e)) {
		set_reason(a, q, e.msg);
		return;
	}
	status = node_get(root, "status");
	if (!node_get(status, "allowed")) {
		set_reason(a, q, "the server's answer says neither yes nor no");
		return;
	}
	set_reason(a, q, node_get_str(status, "reason"));
	if (node_bool(node_get(status, "allowed"), false)) {
		q->answer = ACCESS_YES;
	} else if (node_get_str(status, "evaluationError") && !node_bool(node_get(status, "denied"), false)) {
		set_reason(a, q, node_get_str(status, "evaluationError"));
	} else {
		q->answer = ACCESS_NO;
	}
}

/*
 * A server that does not answer, after all the repeats, is not asked the rest: dozens of questions would wait as long each.
 * An answer that is an error (a 403, a 404) came at once, and the next one will.
 */
static void
failed(struct access *a, struct access_question *q, const struct kube_answer *answer)
{
	set_reason(a, q, answer->err.msg);
	if (answer->status && answer->status < 500)
		return;
	for (; a->next < a->args.n; a->next++)
		set_reason(a, a->reviews[a->next].question, answer->err.msg);
}

static void send_some(struct access *a);

static void
access_free(struct access *a)
{
	free(a->reviews);
	free(a);
}

static void
answered(void *ctx, const struct kube_answer *answer)
{
	struct review *r = ctx;
	struct access *a = r->access;

	r->call = NULL;
	a->under_way--;
	if (answer->ok)
		read_review(a, r->question, answer);
	else
		failed(a, r->question, answer);
	if (a->next < a->args.n) {
		send_some(a);
	} else if (!a->under_way) {
		void (*done)(void *) = a->args.done;
		void *done_ctx = a->args.ctx;

		access_free(a);
		done(done_ctx);
	}
}

static char *
review_body(const struct access_question *q)
{
	json_t *attributes =
		json_pack("{s:s, s:s, s:s}", "verb", q->verb, "group", q->group, "resource", q->resource);
	json_t *review;
	char *text;

	if (q->subresource)
		json_object_set_new(attributes, "subresource", json_string(q->subresource));
	if (q->namespace)
		json_object_set_new(attributes, "namespace", json_string(q->namespace));
	if (q->name)
		json_object_set_new(attributes, "name", json_string(q->name));
	review = json_pack("{s:s, s:s, s:{s:o}}", "apiVersion", "authorization.k8s.io/v1", "kind",
			   "SelfSubjectAccessReview", "spec", "resourceAttributes", attributes);
	text = review ? json_dumps(review, JSON_COMPACT) : NULL;
	json_decref(review);
	if (!text)
		die("an access review cannot be written as JSON");
	return text;
}

/* A review writes nothing, so it may be repeated although it is a POST. */
static void
send_review(struct access *a, struct review *r)
{
	AUTO(free) char *body = review_body(r->question);
	struct kube_call_args args = {
		.method = "POST",
		.path = PATH,
		.body = body,
		.body_len = strlen(body),
		.flags = KUBE_RETRY,
		.body_limit = ANSWER_LIMIT,
		.ctx = r,
		.done = answered,
	};

	a->under_way++;
	r->call = kube_start(a->args.kube, &args);
}

static void
send_some(struct access *a)
{
	while (a->next < a->args.n && a->under_way < AT_ONCE)
		send_review(a, &a->reviews[a->next++]);
}

struct access *
access_ask(const struct access_args *args)
{
	struct access *a = mem_alloc(sizeof(*a));

	assert(args->n > 0);
	a->args = *args;
	a->reviews = mem_array(args->n, sizeof(a->reviews[0]));
	for (size_t i = 0; i < args->n; i++) {
		args->at[i].answer = ACCESS_UNKNOWN;
		args->at[i].reason = NULL;
		a->reviews[i] = (struct review){.access = a, .question = &args->at[i]};
	}
	send_some(a);
	return a;
}

void
access_cancel(struct access *a)
{
	if (!a)
		return;
	for (size_t i = 0; i < a->args.n; i++)
		kube_cancel(a->reviews[i].call);
	access_free(a);
}
