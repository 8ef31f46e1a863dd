/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one changed pod costs while a cluster is watched: bench_update SNAPSHOT [CHANGES]. The objects of the snapshot are
 * taken for a cluster's; then pods at random get another status or give way to pods of other names and addresses, and each
 * change is folded into the next fleet and the next audit. Prints CPU and memory.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "audit/audit.h"
#include "base/attr.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/vec.h"
#include "decode/files.h"

struct world {
	struct object **at; /* one reference each */
	size_t n;
	size_t *pods; /* their places */
	size_t n_pods;
	unsigned seed;
	struct fleet *fleet;
	struct audit *audit;
	VEC(struct fleet_change) changes; /* not yet folded in */
	size_t updated, built;
	double slowest; /* ms of an update */
};

static unsigned
random_below(struct world *w, size_t n)
{
	w->seed = w->seed * 1103515245u + 12345u;
	return (unsigned)((w->seed >> 8) % n);
}

static double
cpu_ms(void)
{
	return (double)clock() * 1000 / CLOCKS_PER_SEC;
}

static double
resident_mb(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	long pages = 0;

	if (f && fscanf(f, "%*d %ld", &pages) != 1)
		pages = 0;
	if (f)
		fclose(f);
	return (double)pages * (double)sysconf(_SC_PAGESIZE) / (1024 * 1024);
}

static const char **
copy_list(struct arena *a, const char *const *at, size_t n)
{
	const char **out = ARENA_ARRAY(a, const char *, n);

	for (size_t i = 0; i < n; i++)
		out[i] = arena_strdup(a, at[i]);
	return out;
}

static const struct container *
copy_containers(struct arena *a, const struct pod_spec *from)
{
	struct container *out = ARENA_ARRAY(a, struct container, from->n_containers);

	for (size_t i = 0; i < from->n_containers; i++) {
		const struct container *c = &from->containers[i];
		struct container_port *ports = ARENA_ARRAY(a, struct container_port, c->n_ports);

		for (size_t k = 0; k < c->n_ports; k++)
			ports[k] = (struct container_port){arena_strdup(a, c->ports[k].name),
							   arena_strdup(a, c->ports[k].protocol), c->ports[k].port};
		out[i] = (struct container){.name = arena_strdup(a, c->name),
					    .image = arena_strdup(a, c->image),
					    .class = c->class,
					    .ports = ports,
					    .n_ports = c->n_ports};
	}
	return out;
}

/* A pod of its own in all that is read of a pod whose owner speaks for it: as a watch event brings it. */
static struct pod *
copy_pod(const struct pod *from)
{
	struct pod *p = (struct pod *)object_new(sizeof(*p), OBJECT_POD);
	struct arena *a = &p->object.memory;
	struct label *labels = ARENA_ARRAY(a, struct label, from->object.labels.n);
	const struct owner *owner = &from->object.owner;

	for (size_t i = 0; i < from->object.labels.n; i++)
		labels[i] = (struct label){arena_strdup(a, from->object.labels.at[i].key),
					   arena_strdup(a, from->object.labels.at[i].value)};
	p->object.kind = arena_strdup(a, from->object.kind);
	p->object.namespace = arena_strdup(a, from->object.namespace);
	p->object.name = arena_strdup(a, from->object.name);
	p->object.uid = arena_strdup(a, from->object.uid);
	p->object.created_at = from->object.created_at;
	p->object.labels = p->template.labels = (struct labels){labels, from->object.labels.n};
	p->object.owner = (struct owner){arena_strdup(a, owner->api_version), arena_strdup(a, owner->kind),
					 arena_strdup(a, owner->name), arena_strdup(a, owner->uid)};
	p->template.brief = true;
	p->template.spec.host_network = from->template.spec.host_network;
	p->template.spec.containers = copy_containers(a, &from->template.spec);
	p->template.spec.n_containers = from->template.spec.n_containers;
	p->has_status = from->has_status;
	p->phase = arena_strdup(a, from->phase);
	p->ready = from->ready;
	p->finished = from->finished;
	p->node = arena_strdup(a, from->node);
	p->ips = copy_list(a, from->ips, from->n_ips);
	p->n_ips = from->n_ips;
	p->pipelock = arena_strdup(a, from->pipelock);
	p->pipelock_image = arena_strdup(a, from->pipelock_image);
	return p;
}

/* Status, or another pod in its place. */
static struct pod *
next_pod(struct world *w, const struct pod *from)
{
	struct pod *p = copy_pod(from);
	const char **ips;

	if (random_below(w, 2)) {
		p->ready = !p->ready;
		return p;
	}
	p->object.name =
		arena_printf(&p->object.memory, "%.200s-%08x",
			     from->object.owner.name ? from->object.owner.name : "pod", random_below(w, 1u << 24));
	ips = ARENA_ARRAY(&p->object.memory, const char *, 1);
	ips[0] = arena_printf(&p->object.memory, "10.%u.%u.%u", random_below(w, 200), random_below(w, 250),
			      random_below(w, 250));
	p->ips = ips;
	p->n_ips = 1;
	return p;
}

static void
build(struct world *w)
{
	static const struct source source = {.type = SOURCE_CLUSTER, .context = "bench"};
	struct object_set set = {0};

	audit_unref(w->audit);
	fleet_unref(w->fleet);
	for (size_t i = 0; i < w->n; i++)
		object_set_add(&set, object_ref(w->at[i]));
	w->fleet = fleet_new(&(struct fleet_input){.source = source, .objects = &set});
	w->audit = audit_new(w->fleet, NULL, w->fleet->read_at);
}

/* What changed since the last fleet, into the next. */
static double
fold(struct world *w)
{
	struct fleet_touched touched;
	double start = cpu_ms();
	struct fleet *f = fleet_update(w->fleet, w->changes.at, w->changes.n, &touched);
	struct audit *a = f ? audit_update(w->audit, f, &touched, NULL, f->read_at) : NULL;

	if (a) {
		fleet_touched_free(&touched);
		audit_unref(w->audit);
		fleet_unref(w->fleet);
		w->fleet = f;
		w->audit = a;
		w->updated++;
	} else {
		fleet_unref(f);
		build(w);
		w->built++;
	}
	for (size_t i = 0; i < w->changes.n; i++)
		object_unref((struct object *)w->changes.at[i].before);
	w->changes.n = 0;
	return cpu_ms() - start;
}

/* Another name is one pod gone and another come. */
static void
change(struct world *w, size_t pod)
{
	struct object **at = &w->at[w->pods[pod]], *before = *at;

	*at = &next_pod(w, object_pod(before))->object;
	if (str_eq(before->name, (*at)->name)) {
		vec_push(&w->changes, (struct fleet_change){before, *at});
	} else {
		vec_push(&w->changes, (struct fleet_change){before, NULL});
		vec_push(&w->changes, (struct fleet_change){NULL, *at});
	}
}

static void
change_one(struct world *w)
{
	double took;

	change(w, random_below(w, w->n_pods));
	took = fold(w);
	w->slowest = took > w->slowest ? took : w->slowest;
}

static void
take_objects(struct world *w, struct object_set *set)
{
	w->n = set->n;
	w->at = mem_array(set->n, sizeof(*w->at));
	w->pods = mem_array(set->n, sizeof(*w->pods));
	for (size_t i = 0; i < set->n; i++) {
		w->at[i] = object_ref(set->at[i]);
		if (w->at[i]->type == OBJECT_POD)
			w->pods[w->n_pods++] = i;
	}
}

int
main(int argc, char **argv)
{
	const char *const paths[] = {argc > 1 ? argv[1] : ""};
	size_t changes = argc > 2 ? (size_t)atol(argv[2]) : 10000;
	struct world w = {.seed = 1};
	struct object_set set = {0};
	double start, built, begin;
	struct err e;

	if (!files_read(paths, 1, NULL, &set, &e)) {
		fprintf(stderr, "%s\n", e.msg);
		return 1;
	}
	take_objects(&w, &set);
	start = cpu_ms();
	build(&w);
	built = cpu_ms() - start;
	for (size_t i = 0; i < 2 * w.n_pods; i++) /* until most pods are others than those it was built with */
		change_one(&w);
	begin = resident_mb();
	w.updated = w.built = 0;
	w.slowest = 0;
	start = cpu_ms();
	for (size_t i = 0; i < changes && w.n_pods; i++)
		change_one(&w);
	printf("%zu objects, %zu pods, %zu findings; built in %.0f ms; %zu changes: %.3f ms each, slowest update "
	       "%.1f ms, "
	       "%zu folded in, %zu built anew; resident %.1f MB, then %.1f MB\n",
	       w.n, w.n_pods, w.audit->n_findings, built, changes, (cpu_ms() - start) / (double)changes, w.slowest,
	       w.updated, w.built, begin, resident_mb());
	for (size_t i = 0; i < w.n_pods; i++)
		change(&w, i);
	printf("all %zu pods at once: %.0f ms\n", w.n_pods, fold(&w));
	vec_free(&w.changes);
	audit_unref(w.audit);
	fleet_unref(w.fleet);
	for (size_t i = 0; i < w.n; i++)
		object_unref(w.at[i]);
	free(w.at);
	free(w.pods);
	object_set_free(&set);
	return 0;
}
