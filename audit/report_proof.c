/* SPDX-License-Identifier: Apache-2.0 */
/* What the text report says of probes, logs and /health: how far the fleet is proved, not only promised. */
#include "audit/loaded.h"
#include "audit/report_page.h"
#include "base/clock.h"
#include "fleet/proof.h"

/* The worst there is to say of an agent's three probes. */
enum proved { PROVED_BLOCKED, PROVED_STALE, PROVED_PARTLY, PROVED_NEVER, PROVED_INCONCLUSIVE, PROVED_OPEN, PROVED };

static enum proved
proved_by(const struct probe_standing all[PROBES])
{
	enum proved worst = PROVED_BLOCKED;
	size_t never = 0;

	for (int i = 0; i < PROBES_BYPASS; i++) {
		const struct probe_standing *s = &all[i];
		enum probe_verdict v = s->worst ? proof_verdict(s->worst) : PROBE_INCONCLUSIVE;
		enum proved one = !s->worst			? PROVED_PARTLY
				  : v == PROBE_OPEN		? PROVED_OPEN
				  : v == PROBE_INCONCLUSIVE	? PROVED_INCONCLUSIVE
				  : s->probed < s->nodes	? PROVED_PARTLY
				  : s->stale			? PROVED_STALE
								: PROVED_BLOCKED;

		never += !s->worst;
		worst = one > worst ? one : worst;
	}
	return never == PROBES_BYPASS ? PROVED_NEVER : worst;
}

static void
write_probes(const struct page *p)
{
	static const char *const names[PROVED] = {
		[PROVED_BLOCKED] = "blocked",
		[PROVED_STALE] = "blocked before (stale)",
		[PROVED_PARTLY] = "run in part",
		[PROVED_NEVER] = "never run",
		[PROVED_INCONCLUSIVE] = "inconclusive",
		[PROVED_OPEN] = "got out",
	};
	const struct fleet *f = p->audit->fleet;
	size_t counts[PROVED] = {0};

	if (fleet_missing_facts(f, FACT_PROBES, FACT_READ) == 0)
		return;
	for (size_t i = 0; i < p->audit->n_agents; i++) {
		struct probe_standing all[PROBES];

		proof_standings(f, p->audit->agents[i], all);
		counts[proved_by(all)]++;
	}
	page_counts(p, "bypass probes of agents: ", counts, names, PROVED);
}

/* Calls fn for each running Pipelock that is judged: companions', and agents' sidecars. */
static void
each_running(const struct audit *a, void (*fn)(void *ctx, const struct workload *w, size_t pod), void *ctx)
{
	for (size_t i = 0; i < a->n_companions + a->n_agents; i++) {
		const struct workload *w =
			i < a->n_companions ? a->companions[i] : a->agents[i - a->n_companions];

		for (size_t k = 0; w->pipelock && k < fleet_live(a->fleet, w)->n_pods; k++)
			fn(ctx, w, k);
	}
}

struct tally {
	const struct fleet *fleet;
	size_t counts[3], logged;
};

static void
count_loaded(void *ctx, const struct workload *w, size_t pod)
{
	struct tally *t = ctx;
	struct loaded_replica r;

	if (!loaded_replica(t->fleet, w, pod, &r))
		return;
	t->counts[r.loaded]++;
	t->logged += r.logged;
}

static void
write_loaded(const struct page *p)
{
	static const char *const names[] = {
		[LOADED_UNKNOWN] = "not known",
		[LOADED_CURRENT] = "the present one",
		[LOADED_STALE] = "an old one",
	};
	struct tally t = {.fleet = p->audit->fleet};
	AUTO(buf) struct buf lead = {0};

	each_running(p->audit, count_loaded, &t);
	buf_adds(&lead, "config in force, by times");
	if (t.logged)
		buf_addf(&lead, " and %zu log%s", t.logged, page_plural(t.logged));
	buf_adds(&lead, ": ");
	page_counts(p, buf_str(&lead), t.counts, names, COUNT_OF(names));
}

enum health { HEALTH_GOOD, HEALTH_BAD, HEALTH_UNKNOWN };

static void
count_health(void *ctx, const struct workload *w, size_t pod)
{
	struct tally *t = ctx;
	const struct pod *at = fleet_live(t->fleet, w)->pods[pod];
	const struct health_sighting *h = loaded_health(t->fleet, w, at);

	if (loading_running(at, w->pipelock->container->name))
		t->counts[!h || h->error ? HEALTH_UNKNOWN : loaded_health_good(h) ? HEALTH_GOOD : HEALTH_BAD]++;
}

static void
write_health(const struct page *p)
{
	static const char *const names[] = {
		[HEALTH_GOOD] = "healthy",
		[HEALTH_BAD] = "not",
		[HEALTH_UNKNOWN] = "not known",
	};
	struct tally t = {.fleet = p->audit->fleet};

	if (fleet_missing_facts(t.fleet, FACT_HEALTH, FACT_READ) == 0)
		return;
	each_running(p->audit, count_health, &t);
	page_counts(p, "Pipelocks by their /health: ", t.counts, names, COUNT_OF(names));
}

/* "research/scout: raw-tcp, env-clear, no-proxy blocked on 2 nodes, the oldest at 2026-01-02T03:04:05Z" */
static void
write_verified_one(const struct page *p, const struct workload *w)
{
	struct probe_standing all[PROBES];
	AUTO(buf) struct buf text = {0};
	int64_t oldest = INT64_MAX;
	char at[24];

	proof_standings(p->audit->fleet, w, all);
	page_add(p, &text, w->namespace);
	buf_addc(&text, '/');
	page_add(p, &text, w->name);
	buf_adds(&text, ":");
	for (int i = 0; i < PROBES_BYPASS; i++) {
		buf_addf(&text, "%s %s", i ? "," : "", probe_name((enum probe)i));
		oldest = all[i].at < oldest ? all[i].at : oldest;
	}
	clock_format(oldest, at);
	buf_addf(&text, " blocked on %zu node%s, the oldest at %s", all[0].nodes, page_plural(all[0].nodes), at);
	page_item(p, &text);
}

void
page_verified(const struct page *p)
{
	const struct audit *a = p->audit;
	size_t n = 0;

	if (!a->states[STATE_VERIFIED])
		return;
	page_heading(p, INK_GOOD, "Verified, by probes that the wall stopped and the companion let through:");
	for (size_t i = 0; i < a->n_agents && n < PAGE_LISTED; i++) {
		if (fleet_state(a->fleet, a->agents[i]) != STATE_VERIFIED)
			continue;
		write_verified_one(p, a->agents[i]);
		n++;
	}
	page_and_more(p, a->states[STATE_VERIFIED]);
}

void
page_proof(const struct page *p)
{
	write_probes(p);
	write_loaded(p);
	write_health(p);
}
