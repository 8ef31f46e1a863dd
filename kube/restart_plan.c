/* SPDX-License-Identifier: Apache-2.0 */
/* The plan of a restart: the targets read, what is allowed asked. Nothing is written. */
#include "kube/restart_state.h"

#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "kube/rollout.h"

/* ---- the plan */

static void
refuse(struct restart *r, size_t i, const char *reason)
{
	r->steps[i].state = RESTART_REFUSED;
	restart_say(r, i, "%s", reason);
}

/* Kubernetes' names and nothing else go into a path. */
static bool
valid_name(const char *name)
{
	size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-.");

	return len && len < 254 && !name[len] && *name != '.' && *name != '-';
}

static bool
same_target(const struct restart_target *a, const struct restart_target *b)
{
	return str_eq(a->kind, b->kind) && str_eq(a->namespace, b->namespace) && str_eq(a->name, b->name);
}

/* What can be refused without asking anybody; NULL for nothing. */
static const char *
refused_unseen(const struct restart *r, size_t i)
{
	const struct restart_target *t = &r->steps[i].target;
	const char *reason = rollout_kind_refused(t->kind);

	if (r->args.read_only)
		return "moat is read-only";
	if (reason && *reason)
		return reason;
	if (!valid_name(t->name) || !valid_name(t->namespace))
		return "no object can have that name";
	for (size_t k = 0; k < i; k++)
		if (same_target(t, &r->steps[k].target))
			return "it is in the list already";
	return r->args.refusal ? r->args.refusal(r->args.ctx, t) : NULL;
}

static const char *
bare_pod_refused(const struct restart *r)
{
	if (!r->args.recreate)
		return "nothing recreates a bare pod: --recreate saves its manifest, deletes it and creates it "
		       "again";
	return r->args.save_folder ? NULL : "there is no folder to save its manifest in";
}

bool
restart_object_refused(struct restart *r, const struct node *object, struct buf *reason)
{
	const char *kind = restart_at(r)->target.kind;

	if (rollout_kind(kind))
		return rollout_refused(kind, object, reason);
	if (rollout_pod_refused(object, reason))
		return true;
	if (bare_pod_refused(r))
		buf_adds(reason, bare_pod_refused(r));
	return reason->len;
}

static void
plan_object(struct restart *r, const struct node *object)
{
	AUTO(buf) struct buf text = {0};
	struct rollout now;

	if (restart_object_refused(r, object, &text)) {
		refuse(r, r->at, buf_str(&text));
		return;
	}
	now = rollout_read(restart_at(r)->target.kind, object, &text);
	restart_at(r)->desired = now.desired;
	restart_at(r)->updated = now.updated;
	restart_at(r)->available = now.available;
	restart_at(r)->recreate = !rollout_kind(restart_at(r)->target.kind);
	restart_work(r)->uid = arena_strdup(&r->arena, node_str(node_path(object, "metadata.uid")));
	restart_work(r)->deadline_ms = rollout_deadline_ms(object);
	if (restart_at(r)->recreate)
		restart_say(r, r->at, "saved, deleted and created again");
	else if (now.state != ROLLOUT_DONE)
		restart_say(r, r->at, "as it is now: %s", buf_str(&text));
}

/* A server that does not answer does not for the others either. */
static void
plan_broken(struct restart *r, const struct err *e)
{
	r->error = *e;
	for (size_t i = r->at; i < r->n; i++)
		refuse(r, i, i == r->at ? e->msg : "not looked at: the server did not answer");
	restart_finish(r);
}

static void
plan_read(struct restart *r, const struct kube_answer *a)
{
	const struct restart_target *t = &restart_at(r)->target;
	AUTO(arena) struct arena scratch = {0};
	const struct node *object;
	struct err e = a->err;

	if (a->ok ? !restart_parse(a, &scratch, &object, &e) : restart_is_source_error(a)) {
		plan_broken(r, &e);
		return;
	}
	if (a->ok) {
		plan_object(r, object);
	} else if (a->status == 404) {
		AUTO(free)
		char *reason = mem_printf("there is no %s %s in namespace %s", t->kind, t->name, t->namespace);

		refuse(r, r->at, reason);
	} else {
		refuse(r, r->at, e.msg);
	}
	r->at++;
	restart_plan_next(r);
}

/* ---- what is allowed */

struct permission {
	const char *verb;
	bool recreate; /* for a pod that is created again; else for a rollout */
};

static const struct permission permissions[] = {
	{"patch", false},
	{"delete", true},
	{"create", true},
};

static void
permissions_asked(void *ctx)
{
	struct restart *r = ctx;

	r->access = NULL;
	for (size_t i = 0; i < r->n_questions; i++) {
		const struct access_question *q = &r->questions[i];
		struct restart_step *s = &r->steps[r->asked_by[i]];

		if (q->answer == ACCESS_YES || s->state != RESTART_PLANNED)
			continue;
		if (q->answer == ACCESS_NO)
			s->state = RESTART_REFUSED;
		restart_say(r, r->asked_by[i], "%s %s %s in namespace %s%s%s",
			    q->answer == ACCESS_NO ? "you are not allowed to" : "it is not known whether you may",
			    q->verb, q->resource, q->namespace, q->reason ? ": " : "", q->reason ? q->reason : "");
	}
	restart_finish(r);
}

static void
ask_permissions(struct restart *r)
{
	r->questions = ARENA_ARRAY(&r->arena, struct access_question, r->n * COUNT_OF(permissions));
	r->asked_by = ARENA_ARRAY(&r->arena, size_t, r->n * COUNT_OF(permissions));
	for (size_t i = 0; i < r->n; i++) {
		for (size_t k = 0; r->steps[i].state == RESTART_PLANNED && k < COUNT_OF(permissions); k++) {
			if (permissions[k].recreate != r->steps[i].recreate)
				continue;
			r->asked_by[r->n_questions] = i;
			r->questions[r->n_questions++] = (struct access_question){
				.verb = permissions[k].verb,
				.group = r->work[i].resource->group,
				.resource = r->work[i].resource->plural,
				.namespace = r->steps[i].target.namespace,
				/* create is never asked by name: no object of that name is there to grant it on */
				.name = str_eq(permissions[k].verb, "create") ? NULL : r->steps[i].target.name,
			};
		}
	}
	if (!r->n_questions) {
		restart_finish(r);
		return;
	}
	r->access = access_ask(&(struct access_args){
		.kube = r->args.kube,
		.at = r->questions,
		.n = r->n_questions,
		.arena = &r->arena,
		.ctx = r,
		.done = permissions_asked,
	});
}

void
restart_plan_next(struct restart *r)
{
	for (; r->at < r->n; r->at++) {
		const char *reason = refused_unseen(r, r->at);

		if (!reason) {
			restart_get(r, KUBE_RETRY, plan_read);
			return;
		}
		refuse(r, r->at, reason);
	}
	ask_permissions(r);
}
