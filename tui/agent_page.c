/* SPDX-License-Identifier: Apache-2.0 */
#include "tui/agent_page.h"

#include "base/buf.h"
#include "fleet/egress.h"
#include "fleet/pair.h"
#include "fleet/steps.h"
#include "tui/agent_cells.h"
#include "tui/proof_cells.h"
#include "tui/proof_page.h"

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
fact_companion(const struct fleet *f, const struct workload *agent, struct pane *out)
{
	const struct workload *c = agent->companion;
	struct cell cell = cell_companion(f, agent, &out->arena);

	page_label(out, "companion");
	pane_addf(out, cell.style, PAGE_LABEL, "%s", cell.text);
	if (c)
		pane_addf(out, STYLE_DIM, PAGE_LABEL, " (%s, Service %s, found by %s)", c->kind,
			  agent->service ? agent->service->object.name : "unknown",
			  pair_reason_text(agent->pair_reason));
	else if (agent->wanted_companion)
		pane_addf(out, STYLE_BAD, PAGE_LABEL, " (%s is named, but it does not exist)",
			  agent->wanted_companion);
	if (c)
		proof_page_pods(f, c, "", out);
}

static void
fact_config(const struct fleet *f, const struct workload *agent, struct pane *out)
{
	const struct pipelock *p = audit_pipelock(agent);
	struct cell cell = cell_config(f, agent, &out->arena);

	page_label(out, "config");
	pane_add(out, cell.style, PAGE_LABEL, cell.text);
	if (!p)
		return;
	if (p->n_sources && p->sources[0].config_map)
		pane_addf(out, STYLE_DIM, PAGE_LABEL, ", ConfigMap %s at %s", p->sources[0].config_map,
			  p->sources[0].path ? p->sources[0].path : "env");
	if (p->config_hash)
		pane_addf(out, STYLE_DIM, PAGE_LABEL, ", sha256 %.*s", HASH_SHOWN, p->config_hash);
	if (!p->config_known)
		pane_add(out, STYLE_UNKNOWN, PAGE_LABEL, ", what it says is not known");
	else if (!p->config.valid)
		pane_addf(out, STYLE_BAD, PAGE_LABEL, ", not valid: %s",
			  p->config.problem ? p->config.problem : "");
	else
		pane_addf(out, STYLE_CELL, PAGE_LABEL, ", mode %s%s, forward proxy %s", p->config.mode,
			  p->config.enforce ? "" : " (enforce: false)", p->config.forward_proxy ? "on" : "off");
}

/* Which version runs, as far as its image tells; /health knows for sure. */
static void
fact_image(const struct workload *agent, struct pane *out)
{
	const struct pipelock *p = audit_pipelock(agent);

	if (!p)
		return;
	page_label(out, "image");
	pane_add(out, STYLE_CELL, PAGE_LABEL, p->container->image);
}

static void
fact_secrets(const struct workload *agent, struct pane *out)
{
	const struct pipelock *p = audit_pipelock(agent);

	for (size_t i = 0; p && i < p->n_secrets; i++) {
		const struct secret_mount *s = &p->secrets[i];

		page_label(out, i ? "" : "CA key");
		pane_addf(out,
			  s->verdict == SECRET_OK	 ? STYLE_CELL
			  : s->verdict == SECRET_EXPOSED ? STYLE_BAD
							 : STYLE_WARN,
			  PAGE_LABEL, "%s: written %04o, in the container %04o", secret_verdict_name(s->verdict),
			  (unsigned)s->declared.value, (unsigned)s->effective);
		pane_addf(out, STYLE_DIM, PAGE_LABEL, ", Secret %s at %s", s->secret, s->path ? s->path : "?");
		if (s->verdict != SECRET_OK && s->reason)
			pane_addf(out, STYLE_DIM, PAGE_LABEL, "; %s", s->reason);
	}
}

/* As whom it is known, and whether a caller could say otherwise. */
static void
fact_identity(const struct workload *agent, struct pane *out)
{
	const struct pipelock *p = audit_pipelock(agent);
	struct cell cell = cell_identity(agent);

	page_label(out, "identity");
	pane_add(out, cell.style, PAGE_LABEL, cell.text);
	if (p && p->config_known && p->config.default_identity)
		pane_add(out, p->config.bind_identity ? STYLE_DIM : STYLE_WARN, PAGE_LABEL,
			 p->config.bind_identity ? " (bound)" : " (not bound: callers may name themselves)");
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
		page_label(out, first ? "to do" : "");
		pane_addf(out, STYLE_WARN, PAGE_LABEL, "%s: %s", step_name((enum step)i), steps[i].reason);
		first = false;
	}
}

void
agent_page_facts(const struct fleet *f, const struct workload *agent, struct pane *out)
{
	const struct workload *runs = agent->companion ? agent->companion : agent;
	struct cell state = cell_state(f, agent), egress = cell_egress(agent);

	pane_addf(out, STYLE_ACCENT, 0, "%s/%s", agent->namespace, agent->name);
	pane_addf(out, STYLE_DIM, 0, "  %s, agent by %s", agent->kind, role_reason_text(agent->role_reason));
	page_label(out, "state");
	pane_add(out, state.style, PAGE_LABEL, state.text);
	fact_steps(f, agent, out);
	proof_page_lack(f, agent, out);
	fact_companion(f, agent, out);
	fact_image(agent, out);
	page_label(out, "egress");
	pane_add(out, egress.style, PAGE_LABEL, egress.text);
	fact_config(f, agent, out);
	proof_page_config(f, runs, out);
	fact_secrets(agent, out);
	fact_identity(agent, out);
	if (audit_pipelock(agent))
		proof_page_health(f, runs, out);
	proof_page_probes(f, agent, out);
	proof_page_pods(f, agent, "pods", out);
}

/* ---- findings */

static void
paragraph(struct pane *out, const char *name, const char *text)
{
	if (!text)
		return;
	pane_newline(out);
	pane_add(out, STYLE_DIM, 0, name);
	pane_tab(out, PAGE_LABEL);
	pane_add(out, STYLE_CELL, PAGE_LABEL, text);
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
