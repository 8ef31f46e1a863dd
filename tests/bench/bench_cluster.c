/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cluster source alone: bench_cluster [SECONDS [NAMESPACE]] reads the cluster of $KUBECONFIG, says what it took, and
 * with SECONDS goes on to watch it for so long. MOAT_LOG names a file for the log.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include "base/attr.h"
#include "base/clock.h"
#include "base/log.h"
#include "kube/cluster.h"

struct bench {
	struct loop *loop;
	struct cluster *cluster;
	struct kube *kube;
	bool watch, read;
	int64_t begun;
	struct loop_timer *end;
	size_t changes;
};

static void
say(const struct bench *b, const char *what)
{
	static const char *const states[] = {"loading", "live", "stale", "forbidden", "failed"};
	struct cluster_status s = cluster_status(b->cluster);
	struct kube_counts counts = kube_counts(b->kube);
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	printf("%s: %s, %zu objects, %zu bad; %zu kinds, %zu listed, %zu forbidden, %zu retrying, %zu absent; "
	       "%.2f s, %.2f s of CPU, at most %ld MB; %zu requests, %zu MB, %zu changes; %s\n",
	       what, states[s.state], s.objects, s.bad, s.kinds, s.listed, s.forbidden, s.retrying, s.absent,
	       (double)(clock_ms() - b->begun) / 1000, (double)clock() / CLOCKS_PER_SEC, usage.ru_maxrss / 1024,
	       counts.requests, counts.bytes >> 20, b->changes, s.err.msg);
	fflush(stdout);
}

static void
over(void *ctx)
{
	struct bench *b = ctx;

	loop_stop(b->loop);
}

static void
changed(void *ctx)
{
	struct bench *b = ctx;
	struct cluster_changes changes;

	if (b->read) {
		cluster_take_changes(b->cluster, &changes);
		b->changes += changes.n;
		cluster_changes_free(&changes);
		return;
	}
	if (b->watch ? cluster_status(b->cluster).state != CLUSTER_LIVE : !cluster_settled(b->cluster))
		return;
	b->read = true;
	say(b, "read");
	if (!b->watch)
		over(b);
}

static void
print_gaps(const struct bench *b)
{
	AUTO(arena) struct arena a = {0};
	struct gap *gaps;
	size_t n = cluster_gaps(b->cluster, &a, &gaps);

	for (size_t i = 0; i < n; i++)
		printf("gap: %s %s: %s\n", gaps[i].kind, gaps[i].namespace, gaps[i].reason);
}

int
main(int argc, char **argv)
{
	int64_t seconds = argc > 1 ? strtoll(argv[1], NULL, 10) : 0;
	struct bench b = {.begun = clock_ms(), .watch = seconds > 0};
	const struct kube_context *context;
	struct kubeconfig *config;
	struct err e = {0};

	if ((getenv("MOAT_LOG") && !log_open(getenv("MOAT_LOG"), LOG_DEBUG, &e)) || !(b.loop = loop_new(&e)) ||
	    !(config = kubeconfig_load(NULL, &e)) || !(context = kubeconfig_context(config, NULL, &e)) ||
	    !(b.kube = kube_new(b.loop, config, context, &(struct kube_options){0}, &e))) {
		fprintf(stderr, "%s\n", e.msg);
		return 1;
	}
	b.cluster = cluster_new(&(struct cluster_options){.kube = b.kube,
							  .loop = b.loop,
							  .namespace = argc > 2 ? argv[2] : NULL,
							  .watch = b.watch,
							  .ctx = &b,
							  .changed = changed});
	b.end = loop_add_timer(b.loop, over, &b);
	if (b.watch)
		loop_timer_set(b.end, seconds * 1000);
	if (!loop_run(b.loop, &e))
		fprintf(stderr, "%s\n", e.msg);
	say(&b, "end");
	print_gaps(&b);
	cluster_free(b.cluster);
	kube_free(b.kube);
	loop_free(b.loop);
	return 0;
}
