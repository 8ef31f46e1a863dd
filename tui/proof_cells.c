/* SPDX-License-Identifier: Apache-2.0 */
#include "tui/proof_cells.h"

#include "audit/loaded.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/str.h"

struct cell
cell_age(int64_t at, struct arena *a)
{
	int64_t now = clock_now();
	char age[8];

	if (at == CLOCK_UNKNOWN)
		return (struct cell){.text = "?", .style = STYLE_UNKNOWN};
	str_age(now > at ? now - at : 0, age);
	return (struct cell){.text = arena_strdup(a, age)};
}

/* ---- probes */

enum probe_mark
proof_result_mark(const struct probe_result *r)
{
	static const enum probe_mark marks[] = {
		[PROBE_BLOCKED] = MARK_BLOCKED,
		[PROBE_OPEN] = MARK_OPEN,
		[PROBE_INCONCLUSIVE] = MARK_INCONCLUSIVE,
	};

	return marks[proof_verdict(r)];
}

enum probe_mark
proof_mark(const struct probe_standing *s)
{
	return s->worst ? proof_result_mark(s->worst) : MARK_NONE;
}

/* The three together. The higher the worse: what they are sorted by. */
enum standing {
	STANDING_BLOCKED,
	STANDING_STALE,
	STANDING_PARTLY, /* not on every node, or not all of them */
	STANDING_INCONCLUSIVE,
	STANDING_WAS_OPEN, /* and something has changed since */
	STANDING_OPEN,
};

static enum standing
standing_of(const struct probe_standing *s)
{
	switch (proof_mark(s)) {
	case MARK_OPEN:
		return s->stale ? STANDING_WAS_OPEN : STANDING_OPEN;
	case MARK_INCONCLUSIVE:
		return STANDING_INCONCLUSIVE;
	case MARK_NONE:
		return STANDING_PARTLY;
	case MARK_BLOCKED:
		break;
	}
	if (s->probed < s->nodes)
		return STANDING_PARTLY;
	return s->stale ? STANDING_STALE : STANDING_BLOCKED;
}

struct cell
cell_probes(const struct fleet *f, const struct workload *agent, struct arena *a)
{
	static const enum style styles[] = {
		[STANDING_BLOCKED] = STYLE_OK,	  [STANDING_STALE] = STYLE_DIM,
		[STANDING_PARTLY] = STYLE_WARN,	  [STANDING_INCONCLUSIVE] = STYLE_UNKNOWN,
		[STANDING_WAS_OPEN] = STYLE_WARN, [STANDING_OPEN] = STYLE_BAD,
	};
	struct probe_standing at[PROBES];
	enum standing worst = STANDING_BLOCKED;
	int64_t oldest = CLOCK_UNKNOWN;
	size_t nodes = 0, probed = SIZE_MAX;
	AUTO(buf) struct buf text = {0};
	bool stale = false;

	if (!f->evidence || !f->evidence->n_probes)
		return f->evidence && f->evidence->probes_error
			       ? (struct cell){.text = "?", .style = STYLE_UNKNOWN, .order = STANDING_PARTLY}
			       : (struct cell){.text = "-", .style = STYLE_DIM, .order = STANDING_PARTLY};
	proof_standings(f, agent, at);
	for (int p = 0; p < PROBES_BYPASS; p++) {
		struct probe_standing s = at[p];
		enum standing now = standing_of(&s);

		worst = now > worst ? now : worst;
		stale |= s.stale;
		nodes = s.nodes;
		probed = s.worst && s.probed < probed ? s.probed : probed;
		if (s.at != CLOCK_UNKNOWN && (oldest == CLOCK_UNKNOWN || s.at < oldest))
			oldest = s.at;
		buf_adds(&text, cell_mark(proof_mark(&s)).text);
	}
	if (oldest == CLOCK_UNKNOWN)
		return (struct cell){.text = "-", .style = STYLE_DIM, .order = STANDING_PARTLY};
	if (probed < nodes)
		buf_addf(&text, " %zu/%zu", probed, nodes);
	buf_addf(&text, " %s%s", cell_age(oldest, a).text, stale ? " stale" : "");
	return (struct cell){arena_strdup(a, buf_str(&text)), styles[worst], worst};
}

/* ---- the config in force */

/* A later reload, or a ConfigMap that was put back, may have made it good. */
static bool
reload_broke(const struct loaded_replica *r)
{
	return !r->outdated && !(r->logged && r->loaded == LOADED_CURRENT) &&
	       (r->seen->reload == RELOAD_FAILED || r->seen->reload == RELOAD_REFUSED);
}

/* Who says most: a reload that did not go on, then one that has something else loaded, then any. */
static int
weight(const struct loaded_replica *r)
{
	if (!r->seen)
		return 0;
	if (reload_broke(r))
		return 3;
	return r->loaded == LOADED_STALE ? 2 : 1;
}

struct in_force
in_force_of(const struct fleet *f, const struct workload *w)
{
	const struct live *l = fleet_live(f, w);
	struct in_force in = {.loaded = loaded_config(f, w)};
	struct loaded_replica r;
	int best = 0;

	for (size_t i = 0; f->evidence && f->evidence->n_configs && i < l->n_pods; i++) {
		if (!loaded_replica(f, w, i, &r) || weight(&r) <= best)
			continue;
		best = weight(&r);
		in.seen = r.seen;
		in.reload = best == 3 ? r.seen->reload : RELOAD_NONE;
	}
	return in;
}

struct cell
cell_in_force(const struct in_force *in)
{
	static const struct cell cells[] = {
		[LOADED_CURRENT] = {.text = "current", .style = STYLE_OK, .order = 0},
		[LOADED_UNKNOWN] = {.text = "?", .style = STYLE_UNKNOWN, .order = 1},
		[LOADED_STALE] = {.text = "stale", .style = STYLE_BAD, .order = 2},
	};

	if (in->reload == RELOAD_FAILED)
		return (struct cell){.text = "reload failed", .style = STYLE_BAD, .order = 3};
	if (in->reload == RELOAD_REFUSED)
		return (struct cell){.text = "reload refused", .style = STYLE_BAD, .order = 3};
	return cells[in->loaded];
}

struct cell
cell_hash(const char *hash, const char *wanted, struct arena *a)
{
	if (!hash)
		return (struct cell){.text = "?", .style = STYLE_UNKNOWN};
	return (struct cell){
		.text = arena_printf(a, "%.*s", HASH_SHOWN, hash),
		.style = !wanted		? STYLE_CELL
			 : str_eq(hash, wanted) ? STYLE_OK
						: STYLE_BAD,
	};
}
