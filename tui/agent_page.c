/* SPDX-License-Identifier: Apache-2.0 */
#include "tui/agent_page.h"

#include "base/buf.h"
#include "fleet/egress.h"
#include "fleet/pair.h"
#include "fleet/steps.h"
#include "tui/agent_cells.h"

#define LABEL 11 /* columns of a fact's name */
#define HASH_SHOWN 12 /* digits of a hash: enough to compare by eye */

/* ---- the boundary */

static void
arrow(struct pane *out, enum style style, const char *fill, const char *text)
{
	pane_addf(out, style, 2, " %s%s%s", fill, fill, text ? text : "");
	pane_addf(out, style, 2, "%s%s\u25b6 ", fill, fill);
}

static bool
draw_proxy(const struct workload *agent, struct pane *out)
{
	const struct workload *c = agent->companion;

	if (!c && !agent->pipelock)
		return false;
	pane_add(out, STYLE_CELL, 2, agent->name);
	if (!c) {
		arrow(out, STYLE_WARN, "\u2500", "127.0.0.1");
		pane_add(out, STYLE_WARN, 2, "pipelock (same pod: advisory)");
		return true;
	}
	arrow(out, STYLE_OK, "\u2500", agent->service ? agent->service->object.name : "proxy");
	pane_addf(out, STYLE_OK, 2, "%s/%s", c->namespace, c->name);
	if (c->egress && c->egress->internet) {
		arrow(out, STYLE_OK, "\u2500", NULL);
		pane_add(out, STYLE_OK, 2, "internet");
	}
	return true;
}

static enum style
allow_style(const struct allow *a)
{
	switch (a->to) {
	case ALLOW_ANYWHERE:
	case ALLOW_INTERNET:
		return STYLE_BAD;
	case ALLOW_PRIVATE:
		return a->metadata ? STYLE_BAD : a->exempt ? STYLE_DIM : STYLE_WARN;
	case ALLOW_PODS:
	case ALLOW_POD:
		return a->onward ? STYLE_BAD : STYLE_WARN;
	case ALLOW_SCRAPER:
	case ALLOW_COMPANION:
	case ALLOW_DNS:
		break;
	}
	return STYLE_DIM;
}

static void
draw_allow(const struct workload *agent, const struct allow *a, struct pane *out)
{
	enum style style = allow_style(a);
	AUTO(buf) struct buf ports = {0};

	ports_format_list(&ports, &a->ports);
	pane_add(out, STYLE_CELL, 2, agent->name);
	arrow(out, style, style == STYLE_DIM ? "\u2500" : "\u2550", NULL);
	pane_addf(out, style, 2, "%s: %s, %s", allow_to_name(a->to), a->peer, buf_str(&ports));
	if (a->policy)
		pane_addf(out, STYLE_DIM, 2, "  policy %s/%s, egress rule %u", a->policy->object.namespace,
			  a->policy->object.name, a->rule + 1);
	else
		pane_add(out, STYLE_DIM, 2, "  no policy restricts it");
}

void
agent_page_boundary(const struct workload *agent, struct pane *out)
{
	const struct egress *e = agent->egress;
	bool drawn = draw_proxy(agent, out);

	for (size_t i = 0; e && i < e->n_allows; i++) {
		if (drawn)
			pane_newline(out);
		draw_allow(agent, &e->allows[i], out);
		drawn = true;
	}
	if (e && e->n_allows)
		return;
	if (drawn)
		pane_newline(out);
	if (e)
		pane_add(out, STYLE_OK, 2, "no way out at all");
	else
		pane_add(out, STYLE_UNKNOWN, 2, "its ways out are not known: the policies were not read");
}

/* ---- facts */

static void
label(struct pane *out, const char *name)
{
	if (out->lines)
		pane_newline(out);
	pane_add(out, STYLE_DIM, 0, name);
	pane_tab(out, LABEL);
}

static void
fact_companion(const struct fleet *f, const struct workload *agent, struct pane *out)
{
	const struct workload *c = agent->companion;
	struct cell cell = cell_companion(f, agent, &out->arena);

	label(out, "companion");
	pane_addf(out, cell.style, LABEL, "%s", cell.text);
	if (c)
		pane_addf(out, STYLE_DIM, LABEL, " (%s, Service %s, found by %s)", c->kind,
			  agent->service ? agent->service->object.name : "unknown", pair_reason_text(agent->pair_reason));
	else if (agent->wanted_companion)
		pane_addf(out, STYLE_BAD, LABEL, " (%s is named, but it does not exist)", agent->wanted_companion);
}

static void
fact_config(const struct fleet *f, const struct workload *agent, struct pane *out)
{
	const struct pipelock *p = audit_pipelock(agent);
	struct cell cell = cell_config(f, agent, &out->arena);

	label(out, "config");
	pane_add(out, cell.style, LABEL, cell.text);
	if (!p)
		return;
	if (p->n_sources && p->sources[0].config_map)
		pane_addf(out, STYLE_DIM, LABEL, ", ConfigMap %s at %s", p->sources[0].config_map,
			  p->sources[0].path ? p->sources[0].path : "env");
	if (p->config_hash)
		pane_addf(out, STYLE_DIM, LABEL, ", sha256 %.*s", HASH_SHOWN, p->config_hash);
	if (!p->config_known)
		pane_add(out, STYLE_UNKNOWN, LABEL, ", what it says is not known");
	else if (!p->config.valid)
		pane_addf(out, STYLE_BAD, LABEL, ", not valid: %s", p->config.problem ? p->config.problem : "");
	else
		pane_addf(out, STYLE_CELL, LABEL, ", mode %s%s, forward proxy %s", p->config.mode,
			  p->config.enforce ? "" : " (enforce: false)", p->config.forward_proxy ? "on" : "off");
}

static void
fact_secrets(const struct workload *agent, struct pane *out)
{
	const struct pipelock *p = audit_pipelock(agent);

	for (size_t i = 0; p && i < p->n_secrets; i++) {
		const struct secret_mount *s = &p->secrets[i];

		label(out, i ? "" : "CA key");
		pane_addf(out, s->verdict == SECRET_OK ? STYLE_CELL : s->verdict == SECRET_EXPOSED ? STYLE_BAD : STYLE_WARN,
			  LABEL, "%s: written %04o, in the container %04o", secret_verdict_name(s->verdict),
			  (unsigned)s->declared.value, (unsigned)s->effective);
		pane_addf(out, STYLE_DIM, LABEL, ", Secret %s at %s", s->secret, s->path ? s->path : "?");
		if (s->verdict != SECRET_OK && s->reason)
			pane_addf(out, STYLE_DIM, LABEL, "; %s", s->reason);
	}
}

static void
fact_pods(const struct fleet *f, const struct workload *agent, struct pane *out)
{
	const struct live *l = fleet_live(f, agent);

	for (size_t i = 0; i < l->n_pods; i++) {
		const struct pod *p = l->pods[i];

		label(out, i ? "" : "pods");
		pane_addf(out, p->ready || p->finished ? STYLE_CELL : STYLE_WARN, LABEL, "%s %s%s", p->object.name,
			  p->phase ? p->phase : "unknown", p->ready || p->finished ? "" : ", not ready");
		if (p->node)
			pane_addf(out, STYLE_DIM, LABEL, " on %s", p->node);
	}
}

/* What is left to do until it is migrated. */
static void
fact_steps(const struct fleet *f, const struct workload *agent, struct pane *out)
{
	struct step_state steps[STEPS];
	bool first = true;

	if (!agent->companion)
		return;
	steps_of(f, agent, &out->arena, steps);
	for (int i = 0; i < STEPS; i++) {
		if (steps[i].done)
			continue;
		label(out, first ? "to do" : "");
		pane_addf(out, STYLE_WARN, LABEL, "%s: %s", step_name((enum step)i), steps[i].reason);
		first = false;
	}
}

void
agent_page_facts(const struct fleet *f, const struct workload *agent, struct pane *out)
{
	struct cell state = cell_state(agent), egress = cell_egress(agent), identity = cell_identity(agent);

	pane_addf(out, STYLE_ACCENT, 0, "%s/%s", agent->namespace, agent->name);
	pane_addf(out, STYLE_DIM, 0, "  %s, agent by %s", agent->kind, role_reason_text(agent->role_reason));
	label(out, "state");
	pane_add(out, state.style, LABEL, state.text);
	fact_steps(f, agent, out);
	fact_companion(f, agent, out);
	label(out, "egress");
	pane_add(out, egress.style, LABEL, egress.text);
	fact_config(f, agent, out);
	fact_secrets(agent, out);
	label(out, "identity");
	pane_add(out, identity.style, LABEL, identity.text);
	fact_pods(f, agent, out);
}

/* ---- findings */

static void
paragraph(struct pane *out, const char *name, const char *text)
{
	if (!text)
		return;
	pane_newline(out);
	pane_add(out, STYLE_DIM, 0, name);
	pane_tab(out, LABEL);
	pane_add(out, STYLE_CELL, LABEL, text);
}

void
agent_page_finding(const struct finding *f, struct pane *out)
{
	struct cell severity = cell_severity(f->severity);

	pane_addf(out, severity.style, 0, "%s ", severity.text);
	pane_addf(out, STYLE_ACCENT, 0, "%s", f->rule->id);
	pane_addf(out, STYLE_DIM, 0, "  %s", f->rule->title);
	paragraph(out, "  what", f->message);
	paragraph(out, "  seen", f->evidence);
	paragraph(out, "  fix", f->fix);
	if (f->location.path && f->location.line)
		paragraph(out, "  at", arena_printf(&out->arena, "%s:%u", f->location.path, f->location.line));
	else
		paragraph(out, "  at", f->location.path);
	if (f->suppressed)
		paragraph(out, "  exempt", f->suppressed->reason);
}

void
agent_page(const struct audit *audit, const struct workload *agent, struct pane *out)
{
	agent_page_facts(audit->fleet, agent, out);
	pane_newline(out);
	pane_newline(out);
	agent_page_boundary(agent, out);
	for (size_t i = 0; i < audit->n_findings; i++) {
		if (!audit_is_about(&audit->findings[i], agent))
			continue;
		pane_newline(out);
		pane_newline(out);
		agent_page_finding(&audit->findings[i], out);
	}
}
