/* SPDX-License-Identifier: Apache-2.0 */
/* A bare pod: saved, deleted, and created again. */
#include "kube/restart_state.h"

#include <inttypes.h>
#include <jansson.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "kube/recreate.h"

/* ---- a bare pod */

static void create_pod(struct restart *r);

static void
fail_created(struct restart *r, const char *problem)
{
	restart_say(r, r->at, "it was deleted, and cannot be created again: %s; kubectl create -f %s does it",
		    problem, restart_at(r)->saved);
	restart_fail(r);
}

/* The answer to a POST was lost: was it taken? */
static void
look_for_created(struct restart *r, const struct kube_answer *a)
{
	AUTO(arena) struct arena scratch = {0};
	const struct node *object;
	struct err e = a->err;

	if (a->ok && restart_parse(a, &scratch, &object, &e)) {
		restart_work(r)->uid = arena_strdup(&r->arena, node_str(node_path(object, "metadata.uid")));
		restart_wait(r);
	} else if (r->writes < RESTART_WRITE_TRIES) {
		create_pod(r);
	} else {
		if (a->status != 404)
			r->error = e;
		fail_created(r, e.msg);
	}
}

static void
look_again(struct restart *r)
{
	restart_get(r, KUBE_RETRY, look_for_created);
}

static void
created(struct restart *r, const struct kube_answer *a)
{
	AUTO(arena) struct arena scratch = {0};
	const struct node *object;
	struct err e = a->err;

	if (a->ok && restart_parse(a, &scratch, &object, &e)) {
		restart_work(r)->uid = arena_strdup(&r->arena, node_str(node_path(object, "metadata.uid")));
		restart_say(r, r->at, "created");
		restart_wait(r);
		restart_tell(r);
	} else if (restart_is_source_error(a) || a->ok || (a->status == 409 && r->writes > 1)) {
		restart_say(r, r->at, "create: no answer, trying again: %s", e.msg);
		restart_after(r, (int64_t)RESTART_POLL_MOST_MS * r->writes, look_again);
		restart_tell(r);
	} else {
		fail_created(r, e.msg);
	}
}

static void
create_pod(struct restart *r)
{
	AUTO(buf) struct buf path = {0};

	r->writes++;
	resource_path(&path, restart_work(r)->resource, restart_at(r)->target.namespace, NULL, NULL);
	resource_query(&path, "fieldManager", r->args.field_manager);
	restart_ask(r,
		    &(struct kube_call_args){
			    .method = "POST",
			    .path = buf_str(&path),
			    .body = r->manifest,
			    .body_len = strlen(r->manifest),
		    },
		    created);
}

static void delete_pod(struct restart *r);
static void look_for_end(struct restart *r);

static void
wait_for_end(struct restart *r)
{
	if (restart_out_of_time(r)) {
		restart_say(r, r->at, "it has not ended within %" PRId64 " s; its manifest is %s",
			    restart_limit_ms(r) / 1000, restart_at(r)->saved);
		restart_fail(r);
		return;
	}
	restart_after(r, RESTART_POLL_MOST_MS / 2, look_for_end);
}

static void
end_read(struct restart *r, const struct kube_answer *a)
{
	AUTO(arena) struct arena scratch = {0};
	const struct node *object;
	struct err e;

	if (a->status == 404) {
		restart_say(r, r->at, "deleted, its manifest is %s", restart_at(r)->saved);
		r->writes = 0;
		restart_tell(r);
		create_pod(r);
	} else if (!a->ok || !restart_parse(a, &scratch, &object, &e)) {
		wait_for_end(r);
	} else if (!restart_same_object(r, object)) {
		restart_say(r, r->at,
			    "it was deleted, and somebody else made another of its name; its manifest is %s",
			    restart_at(r)->saved);
		restart_fail(r);
	} else if (!node_path(object, "metadata.deletionTimestamp") && r->writes < RESTART_WRITE_TRIES) {
		delete_pod(r); /* it was not heard */
	} else {
		wait_for_end(r);
	}
}

static void
look_for_end(struct restart *r)
{
	restart_get(r, 0, end_read);
}

static void
deleted(struct restart *r, const struct kube_answer *a)
{
	struct err e = a->err;

	if (a->ok || a->status == 404) {
		restart_say(r, r->at, "waiting for it to end; its manifest is %s", restart_at(r)->saved);
		restart_tell(r);
		look_for_end(r);
	} else if (!restart_write_again(r, "delete", a, &e, look_for_end)) {
		restart_fail_answer(r, "delete", a);
	}
}

/* By uid: another pod that took its name meanwhile is left alone. */
static void
delete_pod(struct restart *r)
{
	AUTO(buf) struct buf path = {0};
	json_t *options = json_pack("{s:s, s:s, s:{s:s}}", "apiVersion", "v1", "kind", "DeleteOptions",
				    "preconditions", "uid", restart_work(r)->uid);
	AUTO(free) char *body = json_dumps(options, JSON_COMPACT);

	json_decref(options);
	if (!body) {
		restart_fail_with(r, "its uid is not text");
		return;
	}
	r->writes++;
	restart_at(r)->written = true;
	restart_path(r, &path);
	restart_ask(r,
		    &(struct kube_call_args){
			    .method = "DELETE",
			    .path = buf_str(&path),
			    .body = body,
			    .body_len = strlen(body),
		    },
		    deleted);
}

/* Saved first: from the moment it is deleted, that file is all there is of it. */
void
restart_pod(struct restart *r, const struct kube_answer *a)
{
	const struct restart_target *t = &restart_at(r)->target;
	AUTO(free) char *saved = NULL;
	struct err e;

	r->writes = 0;
	r->progress_ms = clock_ms();
	r->manifest = recreate_manifest(a->body, a->body_len, &e);
	if (r->manifest)
		saved = recreate_save(r->args.save_folder, t->namespace, t->name, r->manifest, &e);
	if (!saved) {
		restart_fail_with(r, e.msg);
		return;
	}
	restart_at(r)->saved = arena_strdup(&r->arena, saved);
	restart_say(r, r->at, "saved as %s", saved);
	restart_tell(r);
	delete_pod(r);
}
