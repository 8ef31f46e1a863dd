/* SPDX-License-Identifier: Apache-2.0 */
#include "tui/agent_cells.h"

#include <inttypes.h>
#include <string.h>

#include "base/buf.h"
#include "fleet/egress.h"
#include "tui/proof_cells.h"

static struct cell
nothing(void)
{
	return (struct cell){.text = "-", .style = STYLE_DIM};
}

static struct cell
unknown(void)
{
	return (struct cell){.text = "?", .style = STYLE_UNKNOWN};
}

/* Marks that tell the states apart without colours. */
static const struct {
	const char *text;
	enum style style;
} states[STATES] = {
	[STATE_UNGUARDED] = {"\u2717 unguarded", STYLE_BAD},  [STATE_LEGACY] = {"\u25cb legacy", STYLE_WARN},
	[STATE_MIGRATING] = {"\u25d0 migrating", STYLE_WARN}, [STATE_MIGRATED] = {"\u25d5 migrated", STYLE_CELL},
	[STATE_VERIFIED] = {"\u25cf verified", STYLE_OK},
};

struct cell
cell_state(const struct fleet *f, const struct workload *agent)
{
	enum state state = fleet_state(f, agent);

	if (state == STATE_UNKNOWN)
		return unknown();
	return (struct cell){states[state].text, states[state].style, state};
}

struct cell
cell_companion(const struct fleet *f, const struct workload *agent, struct arena *a)
{
	const struct workload *c = agent->companion;
	const struct live *l = c ? fleet_live(f, c) : NULL;

	if (!c)
		return agent->pipelock ? (struct cell){"(sidecar)", STYLE_WARN, 0} : nothing();
	if (l->ready < 0 || l->desired < 0)
		return (struct cell){c->name, STYLE_CELL, 0};
	return (struct cell){
		.text = arena_printf(a, "%s %lld/%lld", c->name, (long long)l->ready, (long long)l->desired),
		.style = !l->ready ? STYLE_BAD : l->ready < l->desired ? STYLE_WARN : STYLE_CELL,
	};
}

struct cell
cell_egress(const struct workload *agent)
{
	static const enum style styles[SHAPES] = {
		[SHAPE_OPEN] = STYLE_BAD,     [SHAPE_INTERNET] = STYLE_BAD,	    [SHAPE_WEB] = STYLE_BAD,
		[SHAPE_CLUSTER] = STYLE_WARN, [SHAPE_COMPANION_SCRAPER] = STYLE_OK, [SHAPE_COMPANION] = STYLE_OK,
		[SHAPE_NONE] = STYLE_OK,
	};
	const struct egress *e = agent->egress;

	return e && egress_known_shape(e) >= 0 ? (struct cell){egress_shape_name(e->shape), styles[e->shape], e->shape} : unknown();
}

/* How the file is mounted, and whether what runs has read it. */
struct cell
cell_config(const struct fleet *f, const struct workload *agent, struct arena *a)
{
	const struct pipelock *p = audit_pipelock(agent);
	const struct workload *runs = agent->companion ? agent->companion : agent;
	struct cell in_force;
	struct in_force in;
	bool follows;

	if (!p || p->mount == MOUNT_NONE)
		return nothing();
	if (p->mount == MOUNT_UNKNOWN)
		return unknown();
	in = in_force_of(f, runs);
	in_force = cell_in_force(&in);
	if (in_force.style == STYLE_BAD)
		return (struct cell){arena_printf(a, "%s %s", mount_type_name(p->mount), in_force.text), STYLE_BAD,
				     0};
	follows = p->mount == MOUNT_DIRECTORY || p->mount == MOUNT_IMAGE;
	return (struct cell){mount_type_name(p->mount), follows ? STYLE_CELL : STYLE_WARN, 0};
}

/* Worst last: the one of several that is shown. */
static int
badness(enum secret_verdict v)
{
	static const int order[] = {
		[SECRET_OK] = 0, [SECRET_DEPENDS] = 1, [SECRET_UNKNOWN] = 2, [SECRET_UNREADABLE] = 3, [SECRET_EXPOSED] = 4,
	};

	return order[v];
}

struct cell
cell_secrets(const struct workload *agent, struct arena *a)
{
	static const enum style styles[] = {
		[SECRET_OK] = STYLE_CELL,	  [SECRET_EXPOSED] = STYLE_BAD, [SECRET_UNREADABLE] = STYLE_BAD,
		[SECRET_DEPENDS] = STYLE_UNKNOWN, [SECRET_UNKNOWN] = STYLE_UNKNOWN,
	};
	const struct pipelock *p = audit_pipelock(agent);
	const struct secret_mount *worst = NULL;

	for (size_t i = 0; p && i < p->n_secrets; i++)
		if (!worst || badness(p->secrets[i].verdict) > badness(worst->verdict))
			worst = &p->secrets[i];
	if (!worst)
		return nothing();
	return (struct cell){
		.text = arena_printf(a, "%04o %s", (unsigned)worst->effective, secret_verdict_name(worst->verdict)),
		.style = styles[worst->verdict],
		.order = badness(worst->verdict),
	};
}

struct cell
cell_identity(const struct workload *agent)
{
	const struct pipelock *p = audit_pipelock(agent);

	if (!p)
		return nothing();
	if (!p->config_known)
		return unknown();
	if (!p->config.default_identity)
		return (struct cell){"-", STYLE_WARN, 0};
	return (struct cell){p->config.default_identity, p->config.bind_identity ? STYLE_CELL : STYLE_WARN, 0};
}

struct cell
cell_severity(enum severity s)
{
	static const enum style styles[SEVERITIES] = {
		[SEV_INFO] = STYLE_DIM, [SEV_LOW] = STYLE_CELL,	    [SEV_MEDIUM] = STYLE_WARN,
		[SEV_HIGH] = STYLE_BAD, [SEV_CRITICAL] = STYLE_BAD,
	};

	return (struct cell){severity_name(s), styles[s], s};
}

/* The two worst severities that there are, with their numbers; ordered by the worst, then by how many. */
struct cell
cell_counts(const int64_t counts[SEVERITIES], struct arena *a)
{
	AUTO(buf) struct buf text = {0};
	struct cell cell = {.text = "-", .style = STYLE_OK};
	int shown = 0;

	for (int s = SEVERITIES - 1; s >= 0; s--) {
		cell.order = cell.order * 1000 + (counts[s] > 999 ? 999 : counts[s]);
		if (!counts[s] || shown == 2)
			continue;
		if (!shown++)
			cell.style = cell_severity((enum severity)s).style;
		buf_addf(&text, "%s%" PRId64 " %s", text.len ? " " : "", counts[s],
			 severity_name((enum severity)s));
	}
	if (shown)
		cell.text = arena_strdup(a, buf_str(&text));
	return cell;
}

struct cell
cell_findings(const struct audit *audit, const struct workload *agent, struct arena *a)
{
	size_t by_severity[SEVERITIES] = {0};
	int64_t counts[SEVERITIES];

	audit_count(audit, agent, by_severity);
	for (int s = 0; s < SEVERITIES; s++)
		counts[s] = (int64_t)by_severity[s];
	return cell_counts(counts, a);
}

size_t
cells_summary(const struct audit *audit, struct cell *cells, size_t max, struct arena *a)
{
	size_t n = 0;

	if (max)
		cells[n++] = (struct cell){.text = arena_printf(a, "%zu agents", audit->n_agents)};
	for (int s = STATES - 1; s >= 0 && n < max; s--) {
		const char *mark = states[s].text;

		if (!audit->states[s])
			continue;
		/* "\u25cf 3 verified": the number goes behind the mark. */
		cells[n++] = (struct cell){
			.text = arena_printf(a, "%.*s %zu %s", (int)strcspn(mark, " "), mark, audit->states[s], state_name(s)),
			.style = states[s].style,
		};
	}
	if (audit->states[STATE_UNKNOWN] && n < max)
		cells[n++] = (struct cell){
			.text = arena_printf(a, "? %zu unknown", audit->states[STATE_UNKNOWN]),
			.style = STYLE_UNKNOWN,
		};
	return n;
}
