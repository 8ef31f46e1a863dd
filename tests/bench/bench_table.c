/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a table of the console costs the thread that has the keyboard when a new audit comes: bench_table SNAPSHOT. One pod
 * of a companion changes; the table takes the next audit and is drawn. Prints milliseconds of CPU.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "audit/audit.h"
#include "base/attr.h"
#include "decode/files.h"
#include "tui/table.h"

#define ROUNDS 20

static double
cpu_ms(void)
{
	return (double)clock() * 1000 / CLOCKS_PER_SEC;
}

static struct object *
other_status(const struct pod *from)
{
	struct pod *p = (struct pod *)object_new(sizeof(*p), OBJECT_POD);
	struct arena memory = p->object.memory;

	*p = *from; /* texts are borrowed: the set lives on */
	p->object.refs = 1;
	p->object.memory = memory;
	p->ready = !p->ready;
	return &p->object;
}

/* The next audit, in which one companion's pod is another. */
static struct audit *
next_audit(struct audit *a, unsigned round)
{
	const struct fleet *f = a->fleet;
	const struct live *l = fleet_live(f, f->companions[round * 7 % f->n_companions]);
	struct object *after = l->n_pods ? other_status(l->pods[0]) : NULL;
	struct fleet_touched touched;
	struct fleet *next;
	struct audit *out = NULL;

	if (!after)
		return NULL;
	next = fleet_update(a->fleet, &(struct fleet_change){&l->pods[0]->object, after}, 1, &touched);
	if (next) {
		out = audit_update(a, next, &touched, NULL, f->read_at);
		fleet_touched_free(&touched);
	}
	fleet_unref(next);
	object_unref(after);
	return out;
}

/* Mean and worst of a table that takes audit after audit. */
static void
measure(const struct view *view, const char *what, struct audit *first, char sort, const char *filter)
{
	struct table *t = table_new(view, "");
	struct audit *now = audit_ref(first);
	AUTO(screen) struct screen s = {0};
	double start = cpu_ms(), sum = 0, worst = 0, opened;
	unsigned rounds = 0;

	screen_resize(&s, 50, 160);
	if (sort)
		table_sort_by_key(t, sort);
	table_load(t, now, NULL);
	table_set_filter(t, filter, NULL);
	table_draw(t, &s, 0, 0, 48, 160);
	opened = cpu_ms() - start;
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct audit *next = next_audit(now, i);
		double took;

		if (!next)
			continue;
		start = cpu_ms();
		table_load(t, next, NULL);
		table_draw(t, &s, 0, 0, 48, 160);
		took = cpu_ms() - start;
		sum += took;
		worst = took > worst ? took : worst;
		rounds++;
		audit_unref(now);
		now = next;
	}
	printf("%-8s %-28s %6zu rows: opened in %5.1f ms, each new audit %5.1f ms, the slowest %5.1f ms\n",
	       view->name, what, table_total(t), opened, sum / (rounds ? rounds : 1), worst);
	table_free(t);
	audit_unref(now);
}

int
main(int argc, char **argv)
{
	extern const struct view view_fleet, view_findings;
	static const struct source source = {.type = SOURCE_CLUSTER, .context = "bench"};
	const char *const paths[] = {argc > 1 ? argv[1] : ""};
	struct object_set set = {0}, kept = {0};
	struct fleet *f;
	struct audit *a;
	struct err e;

	if (!files_read(paths, 1, NULL, &set, &e)) {
		fprintf(stderr, "%s\n", e.msg);
		return 1;
	}
	for (size_t i = 0; i < set.n; i++)
		object_set_add(&kept, object_ref(set.at[i]));
	f = fleet_new(&(struct fleet_input){.source = source, .objects = &set});
	a = audit_new(f, NULL, f->read_at);
	measure(&view_fleet, "as they come", a, 0, "");
	measure(&view_fleet, "sorted by AGENT", a, 'A', "");
	measure(&view_fleet, "sorted by FINDINGS", a, 'F', "");
	measure(&view_fleet, "filtered", a, 0, "agent-9");
	measure(&view_findings, "as they come", a, 0, "");
	measure(&view_findings, "sorted by OBJECT", a, 'O', "");
	measure(&view_findings, "filtered", a, 0, "pipelock");
	audit_unref(a);
	fleet_unref(f);
	object_set_free(&kept);
	object_set_free(&set);
	return 0;
}
