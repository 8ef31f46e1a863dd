/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/update.h"

#include <stdlib.h>
#include <string.h>

#include "base/attr.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/refs.h"
#include "base/str.h"
#include "base/vec.h"
#include "fleet/egress.h"
#include "fleet/live.h"
#include "fleet/owners.h"
#include "fleet/path.h"
#include "fleet/profiles.h"
#include "fleet/proof.h"
#include "fleet/reach.h"
#include "fleet/same.h"
#include "fleet/visible.h"

/* ReplicaSets and Jobs that may come and go before the list of owners is made anew: each look-up goes through them. */
#define MAX_OWNERS_CHANGED 256

/* What happens to one workload: a pod comes, goes or is another version; its controller's numbers are others. */
struct edit {
	uint32_t place, order;
	const struct pod *before, *after;
	const struct controller *controller;
};

struct update {
	struct fleet *old, *next;
	struct fleet_touched *out;
	VEC(struct edit) edits;
	VEC(const struct object *) gone; /* ReplicaSets and Jobs */
	VEC(const struct pod *) pods; /* of the workload that is edited */
	struct arena scratch;
	int64_t reporting; /* pods with a status */
};

/*
 * Whom a change is about
 */

static bool
is_workload(const struct workload *w, const char *namespace, const char *kind, const char *name)
{
	return str_eq(w->namespace, namespace) && str_eq(w->kind, kind) && str_eq(w->name, name);
}

/* NULL: none of that key, or two, of which one only shares the name of its kind. */
static struct workload *
find_workload(const struct fleet *f, const struct membership *m)
{
	struct workload *w = m->foreign ? NULL : fleet_workload(f, m->namespace, m->kind, m->name);
	struct workload *end = f->workloads + f->n_workloads;

	if (!w || w->foreign_kind || (w > f->workloads && is_workload(w - 1, m->namespace, m->kind, m->name)) ||
	    (w + 1 < end && is_workload(w + 1, m->namespace, m->kind, m->name)))
		return NULL;
	return w;
}

/* The workload that an object is part of, by those owners; NULL likewise. */
static struct workload *
workload_of(const struct update *u, const struct owners *owners, const struct object *o)
{
	struct membership m = owners_workload(owners, o);

	return find_workload(u->old, &m);
}

static void
add_edit(struct update *u, const struct workload *w, const struct edit *e)
{
	struct edit edit = *e;

	edit.place = (uint32_t)(w - u->old->workloads);
	edit.order = (uint32_t)u->edits.n;
	vec_push(&u->edits, edit);
}

/* Another version of a controller: of a workload's own the numbers count, of one that a workload made nothing does. */
static bool
note_version(struct update *u, const struct object *before, const struct object *after)
{
	struct membership m = owners_workload(u->next->owners, after);
	const struct workload *w = find_workload(u->old, &m);

	if (!w || !w->itself)
		return false;
	if (!m.itself)
		return owner_same(&before->owner, &after->owner);
	if (!object_same(before, after))
		return false;
	add_edit(u, w, &(struct edit){.controller = object_controller(after)});
	return true;
}

/* One that came may take over pods that were held for another workload's until now. */
static bool
note_added(struct update *u, const struct object *o)
{
	struct membership m = owners_workload(u->next->owners, o);
	const struct workload *w = find_workload(u->old, &m);
	const struct object *guess = owners_guess(u->next->owners, o);

	if (m.itself || !w || !w->itself || fleet_workload(u->old, o->namespace, o->kind, o->name))
		return false;
	if (guess && workload_of(u, u->next->owners, guess) != w)
		return false;
	owners_add(u->next->owners, o);
	return true;
}

static bool
note_removed(struct update *u, const struct object *o)
{
	struct membership m = owners_workload(u->old->owners, o);
	const struct workload *w = find_workload(u->old, &m);

	if (m.itself || !w || !w->itself)
		return false;
	owners_remove(u->next->owners, o);
	vec_push(&u->gone, o);
	return true;
}

static bool
note_controller(struct update *u, const struct fleet_change *c)
{
	if (c->before && c->after)
		return note_version(u, c->before, c->after);
	return c->after ? note_added(u, c->after) : note_removed(u, c->before);
}

static bool
note_pod(struct update *u, const struct fleet_change *c)
{
	const struct workload *from = c->before ? workload_of(u, u->old->owners, c->before) : NULL;
	const struct workload *to = c->after ? workload_of(u, u->next->owners, c->after) : NULL;

	if (!from != !c->before || !to != !c->after)
		return false;
	if (from)
		add_edit(u, from, &(struct edit){.before = object_pod(c->before)});
	if (to)
		add_edit(u, to, &(struct edit){.after = object_pod(c->after)});
	return true;
}

/* Controllers first: they say whom the pods belong to. */
static bool
note_changes(struct update *u, const struct fleet_change *at, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct object *o = at[i].after ? at[i].after : at[i].before;

		if (o->type == OBJECT_CONTROLLER && !note_controller(u, &at[i]))
			return false;
		if (o->type != OBJECT_CONTROLLER && o->type != OBJECT_POD &&
		    !(at[i].before && at[i].after && object_same(at[i].before, at[i].after)))
			return false;
	}
	for (size_t i = 0; i < n; i++) {
		const struct object *o = at[i].after ? at[i].after : at[i].before;

		if (o->type == OBJECT_POD && !note_pod(u, &at[i]))
			return false;
	}
	return owners_changed(u->next->owners) <= MAX_OWNERS_CHANGED;
}

/*
 * The pods of one workload
 */

/* Where a pod of that name is, or would be. */
static size_t
find_pod(const struct update *u, const char *name, bool *found)
{
	size_t low = 0, high = u->pods.n;

	*found = false;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int order = strcmp(u->pods.at[mid]->object.name, name);

		if (order == 0) {
			*found = true;
			return mid;
		}
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static bool
take_out(struct update *u, const struct pod *p)
{
	bool found;
	size_t i = find_pod(u, p->object.name, &found);

	if (!found)
		return false;
	u->reporting -= u->pods.at[i]->has_status;
	memmove(u->pods.at + i, u->pods.at + i + 1, (--u->pods.n - i) * sizeof(u->pods.at[0]));
	return true;
}

static bool
put_in(struct update *u, const struct pod *p)
{
	bool found;
	size_t i = find_pod(u, p->object.name, &found);

	if (found)
		return false;
	vec_push(&u->pods, p);
	memmove(u->pods.at + i + 1, u->pods.at + i, (u->pods.n - 1 - i) * sizeof(u->pods.at[0]));
	u->pods.at[i] = p;
	u->reporting += p->has_status;
	return true;
}

/* A workload that speaks by one of its pods: whatever could make another one speak is too much. */
static bool
speaks_on(const struct update *u, const struct live *before)
{
	if (u->pods.n != before->n_pods)
		return false;
	for (size_t i = 0; i < u->pods.n; i++) {
		const struct pod *p = before->pods[i], *q = u->pods.at[i];

		if (p != q && (p->finished != q->finished || !object_same(&p->object, &q->object)))
			return false;
	}
	return true;
}

static struct live *
make_live(struct update *u, const struct workload *w, const struct live *before, const struct controller *c)
{
	const struct pod **pods;
	struct live *l = live_new(u->pods.n, &pods);

	for (size_t i = 0; i < u->pods.n; i++) {
		object_ref((struct object *)&u->pods.at[i]->object);
		pods[i] = u->pods.at[i];
	}
	l->desired = before->desired;
	l->ready = before->ready;
	l->counted = before->counted;
	l->verified = before->verified;
	memcpy(l->against, before->against, sizeof(l->against));
	if (w->itself && w->object->type == OBJECT_POD)
		l->desired = !u->pods.at[0]->finished;
	if (c) {
		l->desired = c->replicas < 0 ? -1 : c->replicas;
		l->ready = live_has_counts(c) ? c->ready : -1;
		l->counted = l->ready < 0;
	}
	if (l->counted)
		l->ready = live_count_ready(l);
	return l;
}

/* Do policies and Services see of its pods what they saw? */
static bool
shows_the_same(struct update *u, const struct workload *w, const struct live *l)
{
	const struct pod_template **shown = ARENA_ARRAY(&u->scratch, const struct pod_template *, l->n_pods + 1);
	size_t n = visible_kinds(u->old->visible, l, shown);
	AUTO(buf) struct buf before = {0};
	AUTO(buf) struct buf after = {0};

	if (!n)
		shown[n++] = w->template;
	for (size_t i = 0; n == w->n_shown && i < n; i++) {
		buf_clear(&before);
		buf_clear(&after);
		visible_key(u->old->visible, &before, w->shown[i]);
		visible_key(u->old->visible, &after, shown[i]);
		if (before.len != after.len || memcmp(before.data, after.data, after.len) != 0)
			return false;
	}
	return n == w->n_shown;
}

static bool
edit_pods(struct update *u, const struct edit *at, size_t n, const struct live *before, const struct controller **c)
{
	u->pods.n = 0;
	vec_reserve(&u->pods, before->n_pods + n);
	for (size_t i = 0; i < before->n_pods; i++)
		vec_push(&u->pods, before->pods[i]);
	for (size_t i = 0; i < n; i++)
		if (at[i].before && !take_out(u, at[i].before))
			return false;
	for (size_t i = 0; i < n; i++) {
		if (at[i].after && !put_in(u, at[i].after))
			return false;
		if (at[i].controller)
			*c = at[i].controller;
	}
	return true;
}

static bool
apply(struct update *u, const struct edit *at, size_t n)
{
	const struct workload *w = &u->old->workloads[at->place];
	const struct live *before = fleet_live(u->old, w);
	const struct controller *c = NULL;
	struct live *after;

	if (!edit_pods(u, at, n, before, &c))
		return false;
	if ((!w->itself || w->object->type == OBJECT_POD) && !speaks_on(u, before))
		return false;
	after = make_live(u, w, before, c);
	shared_array_put(u->next->live, at->place, &after->item);
	if (!shows_the_same(u, w, after))
		return false;
	vec_push(&u->out->places, at->place);
	if (!visible_same_addresses(u->old->visible, before, after))
		vec_push(&u->out->moved, at->place);
	return true;
}

static int
edit_cmp(const void *a, const void *b)
{
	const struct edit *x = a, *y = b;

	if (x->place != y->place)
		return x->place < y->place ? -1 : 1;
	return (x->order > y->order) - (x->order < y->order);
}

static bool
apply_edits(struct update *u)
{
	if (u->edits.n)
		qsort(u->edits.at, u->edits.n, sizeof(u->edits.at[0]), edit_cmp);
	for (size_t i = 0, n; i < u->edits.n; i += n) {
		for (n = 1; i + n < u->edits.n && u->edits.at[i + n].place == u->edits.at[i].place;)
			n++;
		if (!apply(u, u->edits.at + i, n))
			return false;
	}
	return true;
}

/*
 * What was settled when the fleet was built, and has to stand
 */

/* A controller that is gone leaves nothing behind: what it owned would be a workload of its own. */
static bool
is_let_go(const struct update *u, const struct object *o)
{
	const struct live *l = fleet_live(u->next, workload_of(u, u->old->owners, o));

	for (size_t i = 0; i < l->n_pods; i++)
		if (str_eq(l->pods[i]->object.owner.name, o->name) &&
		    str_eq(l->pods[i]->object.owner.kind, o->kind))
			return false;
	return !owners_has_child(u->next->owners, o);
}

/* Addresses of DNS pods are in every way out, and pods that policies take for one stand for each other. */
static bool
stands_alone(const struct fleet *f, const struct workload *w)
{
	size_t n, n_dns;
	const uint32_t *classes = reach_classes(f->reach, w, &n), *dns = reach_dns(f->reach, &n_dns);

	for (size_t i = 0; i < n; i++) {
		if (reach_class(f->reach, classes[i])->n_workloads > 1)
			return false;
		for (size_t k = 0; k < n_dns; k++)
			if (classes[i] == dns[k])
				return false;
	}
	return true;
}

static bool
same_path(const struct path *a, const struct path *b)
{
	return a->egress == b->egress && a->ingress == b->ingress && a->from == b->from && a->to == b->to;
}

static bool
addresses_stand(const struct fleet *f, const struct workload *w)
{
	struct path dns;

	if (!f->reach)
		return true;
	if (!stands_alone(f, w))
		return false;
	if (!w->egress)
		return true;
	dns = path_to_dns(f, w);
	return same_path(&dns, &w->egress->dns);
}

static bool
profiles_stand(struct update *u, const struct workload *w)
{
	return !w->companion || profiles_tell_apart(u->next, w->companion, &u->scratch) == w->companion->told_apart;
}

static bool
all_stands(struct update *u)
{
	const struct fleet *f = u->next;

	if ((u->reporting > 0) != (u->old->reporting > 0))
		return false;
	for (size_t i = 0; i < u->gone.n; i++)
		if (!is_let_go(u, u->gone.at[i]))
			return false;
	for (size_t i = 0; i < u->out->moved.n; i++)
		if (!addresses_stand(f, &f->workloads[u->out->moved.at[i]]))
			return false;
	for (size_t i = 0; i < u->out->places.n; i++)
		if (!profiles_stand(u, &f->workloads[u->out->places.at[i]]))
			return false;
	return true;
}

/*
 * What probes prove
 */

static void
prove_agent(struct update *u, const struct workload *agent)
{
	const struct workload_key key = workload_key_of(agent);
	size_t n;

	evidence_probes(u->next->evidence, &key, &n);
	if (!n)
		return;
	proof_refresh(u->next, agent);
	vec_push(&u->out->places, (uint32_t)(agent - u->next->workloads));
}

/* Of agents whose pods are others now, and of those whose companion runs something else. */
static void
prove_again(struct update *u)
{
	size_t n = u->out->places.n;

	if (!u->next->evidence)
		return;
	for (size_t i = 0; i < n; i++) {
		const struct workload *w = &u->next->workloads[u->out->places.at[i]];

		if (w->role == ROLE_AGENT)
			prove_agent(u, w);
		else if (w->role == ROLE_COMPANION && !proof_same_running(u->old, u->next, w))
			for (size_t k = 0; k < w->n_agents; k++)
				prove_agent(u, w->agents[k]);
	}
	u32_list_sort_unique(&u->out->places);
}

/*
 * The fleet
 */

/* Those that evidence has added lie with the fleet that was given it, which goes. */
static void
keep_gaps(struct fleet *f)
{
	if (f->gaps != f->base->gaps)
		f->gaps = arena_copy(&f->arena, f->gaps, f->n_gaps * sizeof(f->gaps[0]));
}

struct fleet *
fleet_share(struct fleet *f)
{
	struct fleet *next = mem_alloc(sizeof(*next));

	refs_copy_rest(next, f, sizeof(*next));
	next->refs = 1;
	next->base = fleet_ref(f->base ? f->base : f);
	next->arena = next->paths = (struct arena){0};
	next->objects = NULL;
	next->n_objects = 0;
	next->live = shared_array_next(f->live);
	next->owners = f->owners ? owners_next(f->owners) : NULL;
	next->evidence = evidence_ref(f->evidence);
	keep_gaps(next);
	next->read_at = clock_now();
	return next;
}

struct fleet *
fleet_update(struct fleet *f, const struct fleet_change *at, size_t n, struct fleet_touched *out)
{
	struct update u = {.old = f, .out = out, .reporting = f->reporting};
	bool done;

	*out = (struct fleet_touched){0};
	if (!f->owners)
		return NULL;
	u.next = fleet_share(f);
	done = note_changes(&u, at, n) && apply_edits(&u) && all_stands(&u);
	if (done)
		prove_again(&u);
	u.next->reporting = u.reporting;
	vec_free(&u.edits);
	vec_free(&u.gone);
	vec_free(&u.pods);
	arena_free(&u.scratch);
	if (done)
		return u.next;
	fleet_unref(u.next);
	fleet_touched_free(out);
	return NULL;
}

void
fleet_touched_free(struct fleet_touched *t)
{
	vec_free(&t->places);
	vec_free(&t->moved);
}
