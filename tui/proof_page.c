/* SPDX-License-Identifier: Apache-2.0 */
#include "tui/proof_page.h"

#include <inttypes.h>

#include "audit/audit.h"
#include "base/clock.h"
#include "base/str.h"
#include "tui/proof_cells.h"

#define MOST_LINES 20 /* nodes or pods of which each is told alone */

void
page_label(struct pane *out, const char *name)
{
	if (out->lines)
		pane_newline(out);
	pane_add(out, STYLE_DIM, 0, name);
	pane_tab(out, PAGE_LABEL);
}

static void
add_ago(struct pane *out, const char *before, int64_t at)
{
	pane_addf(out, STYLE_DIM, PAGE_LABEL, "%s%s ago", before, cell_age(at, &out->arena).text);
}

static void
and_more(struct pane *out, size_t n)
{
	if (n <= MOST_LINES)
		return;
	page_label(out, "");
	pane_addf(out, STYLE_DIM, PAGE_LABEL, "  and %zu more", n - MOST_LINES);
}

/* ---- probes */

static size_t
count_results(const struct probe_result *at, size_t n, enum probe p)
{
	size_t found = 0;

	for (size_t i = 0; i < n; i++)
		found += at[i].probe == p;
	return found;
}

/* "blocked on 2 of 3 nodes, 12m ago" */
static void
add_standing(struct pane *out, enum probe p, const struct probe_standing *s, size_t results)
{
	enum probe_mark mark = proof_mark(s);
	struct cell cell = cell_mark(mark);

	pane_addf(out, cell.style, PAGE_LABEL, "%s %s", cell.text, probe_name(p));
	pane_tab(out, PAGE_LABEL + 12);
	if (mark == MARK_NONE) {
		pane_add(out, STYLE_DIM, PAGE_LABEL, results ? "not on a node that carries it now" : "never run");
		return;
	}
	pane_add(out, cell.style, PAGE_LABEL, probe_verdict_name(proof_verdict(s->worst)));
	if (s->probed < s->nodes)
		pane_addf(out, STYLE_WARN, PAGE_LABEL, " on %zu of %zu nodes", s->probed, s->nodes);
	else if (s->nodes > 1)
		pane_addf(out, STYLE_CELL, PAGE_LABEL, " on all of %zu nodes", s->nodes);
	if (results > 1)
		add_ago(out, ", ", s->at);
	if (s->stale)
		pane_add(out, STYLE_WARN, PAGE_LABEL, ", stale");
}

/* "✔ worker-1: 1.1.1.1:443 by python3, control ok, 12m ago: no answer" */
static void
add_result(struct pane *out, const struct fleet *f, const struct workload *agent, const struct probe_result *r)
{
	struct cell mark = cell_mark(proof_result_mark(r));
	int indent = PAGE_LABEL + 4;

	page_label(out, "");
	pane_addf(out, mark.style, indent, "  %s ", mark.text);
	pane_addf(out, STYLE_CELL, indent, "%s: %s%s%s", *r->node ? r->node : r->pod, r->target,
		  *r->method ? " by " : "", r->method);
	pane_addf(out, r->control == PROBE_CONTROL_OK ? STYLE_CELL : STYLE_WARN, indent, ", control %s",
		  probe_control_name(r->control));
	add_ago(out, ", ", r->at);
	if (proof_changed(f, agent, r))
		pane_add(out, STYLE_WARN, indent, ", before the present template, policies or companion");
	else if (proof_too_old(f, r))
		pane_add(out, STYLE_WARN, indent, ", too long ago to count");
	if (*r->detail)
		pane_addf(out, STYLE_DIM, indent, ": %s", r->detail);
}

/* The bad ones first, for of many not all are told. */
static void
add_results(struct pane *out, const struct fleet *f, const struct workload *agent, const struct probe_result *at,
	    size_t n, enum probe p)
{
	static const enum probe_mark order[] = {MARK_OPEN, MARK_INCONCLUSIVE, MARK_BLOCKED};
	size_t told = 0;

	for (size_t m = 0; m < COUNT_OF(order); m++)
		for (size_t i = 0; i < n; i++)
			if (at[i].probe == p && proof_result_mark(&at[i]) == order[m] && told++ < MOST_LINES)
				add_result(out, f, agent, &at[i]);
	and_more(out, told);
}

void
proof_page_probes(const struct fleet *f, const struct workload *agent, struct pane *out)
{
	const struct workload_key key = {agent->namespace, agent->name, agent->kind};
	struct probe_standing standings[PROBES];
	size_t n;
	const struct probe_result *at = evidence_probes(f->evidence, &key, &n);

	if (f->evidence && f->evidence->probes_error) {
		page_label(out, "probes");
		pane_addf(out, STYLE_UNKNOWN, PAGE_LABEL, "not known: %s", f->evidence->probes_error);
	}
	if (!n) {
		page_label(out, f->evidence && f->evidence->probes_error ? "" : "probes");
		pane_add(out, STYLE_DIM, PAGE_LABEL, "none is known to have been run");
		return;
	}
	proof_standings(f, agent, standings);
	for (int p = 0; p < PROBES; p++) {
		page_label(out, p ? "" : "probes");
		add_standing(out, (enum probe)p, &standings[p], count_results(at, n, (enum probe)p));
		add_results(out, f, agent, at, n, (enum probe)p);
	}
}

/* What keeps a probe from counting; NULL: nothing. */
static const char *
lack_of(const struct probe_standing *s, struct arena *a)
{
	if (!s->worst)
		return "never run";
	if (proof_verdict(s->worst) != PROBE_BLOCKED)
		return probe_verdict_name(proof_verdict(s->worst));
	if (s->probed < s->nodes)
		return arena_printf(a, "run on %zu of %zu nodes", s->probed, s->nodes);
	return s->stale ? "stale" : NULL;
}

void
proof_page_lack(const struct fleet *f, const struct workload *agent, struct pane *out)
{
	struct probe_standing standings[PROBES];
	const char *lacks[PROBES_BYPASS];
	bool same = true, first = true;

	if (fleet_state(f, agent) != STATE_MIGRATED)
		return;
	proof_standings(f, agent, standings);
	page_label(out, "to do");
	if (!standings[0].nodes) {
		pane_add(out, STYLE_WARN, PAGE_LABEL, "probes: no ready pod is known that could be probed");
		return;
	}
	for (int p = 0; p < PROBES_BYPASS; p++) {
		lacks[p] = lack_of(&standings[p], &out->arena);
		same &= str_eq(lacks[p], lacks[0]);
	}
	if (same) {
		pane_addf(out, STYLE_WARN, PAGE_LABEL, "probes: %s", lacks[0] ? lacks[0] : "not known to count");
		return;
	}
	pane_add(out, STYLE_WARN, PAGE_LABEL, "probes: ");
	for (int p = 0; p < PROBES_BYPASS; p++) {
		if (!lacks[p])
			continue;
		pane_addf(out, STYLE_WARN, PAGE_LABEL, "%s%s %s", first ? "" : ", ", probe_name((enum probe)p), lacks[p]);
		first = false;
	}
}

/* ---- the config in force */

/* "loaded e956430f633e 3h ago": green when it is the ConfigMap's. */
static void
add_hash(struct pane *out, const char *what, const char *hash, const char *wanted)
{
	struct cell cell = cell_hash(hash, wanted, &out->arena);

	pane_addf(out, STYLE_DIM, PAGE_LABEL, "%s ", what);
	pane_add(out, cell.style, PAGE_LABEL, cell.text);
	if (hash && wanted)
		pane_add(out, cell.style, PAGE_LABEL,
			 str_eq(hash, wanted) ? " (the ConfigMap's)" : " (not the ConfigMap's)");
}

static void
add_file(struct pane *out, const struct config_sighting *s, const char *wanted)
{
	if (s->file_hash)
		add_hash(out, ", file", s->file_hash, wanted);
	else if (s->file_error)
		pane_addf(out, STYLE_UNKNOWN, PAGE_LABEL, ", file not read: %s", s->file_error);
}

/* Where the log does not tell: what its container's start says of the ConfigMap's last change. */
static void
add_by_start(struct pane *out, const struct loaded_replica *r)
{
	static const struct {
		const char *text;
		enum style style;
	} words[] = {
		[LOADED_CURRENT] = {"started after the last change, so with the present config", STYLE_CELL},
		[LOADED_STALE] = {"started before the last change, and its mount does not follow", STYLE_BAD},
		[LOADED_UNKNOWN] = {"what it has loaded is not known", STYLE_UNKNOWN},
	};

	pane_add(out, words[r->loaded].style, PAGE_LABEL, words[r->loaded].text);
}

static void
add_replica(struct pane *out, const struct loaded_replica *r, const char *wanted)
{
	const struct config_sighting *s = r->seen;

	if (s && s->loaded_hash) {
		add_hash(out, "loaded", s->loaded_hash, wanted);
		if (s->loaded_at != CLOCK_UNKNOWN)
			add_ago(out, " ", s->loaded_at);
	}
	if (!r->logged) {
		pane_add(out, STYLE_CELL, PAGE_LABEL, s && s->loaded_hash ? ", " : "");
		add_by_start(out, r);
	}
	if (!s)
		return;
	if (s->log_error)
		pane_addf(out, STYLE_UNKNOWN, PAGE_LABEL, ", log not read: %s", s->log_error);
	add_file(out, s, wanted);
	if (s->reload == RELOAD_FAILED || s->reload == RELOAD_REFUSED)
		pane_addf(out, STYLE_BAD, PAGE_LABEL, ", the last reload %s%s%s",
			  s->reload == RELOAD_FAILED ? "failed" : "was refused", s->reload_detail ? ": " : "",
			  s->reload_detail ? s->reload_detail : "");
	add_ago(out, r->outdated ? "; seen before the last change, " : "; seen ", s->at);
}

void
proof_page_config(const struct fleet *f, const struct workload *w, struct pane *out)
{
	const struct live *l = fleet_live(f, w);
	struct loaded_replica r;
	size_t told = 0;

	for (size_t i = 0; w->pipelock && i < l->n_pods; i++) {
		if (!loaded_replica(f, w, i, &r) || told++ >= MOST_LINES)
			continue;
		page_label(out, told == 1 ? "in force" : "");
		pane_addf(out, STYLE_CELL, PAGE_LABEL, "%s: ", r.pod->object.name);
		add_replica(out, &r, w->pipelock->config_hash);
	}
	and_more(out, told);
}

/* ---- /health */

static void
add_health(struct pane *out, const struct health_sighting *h)
{
	bool answers = h->http_status == 200, well = answers && str_eq(h->status, "healthy");

	pane_addf(out, STYLE_CELL, PAGE_LABEL, "%s: ", h->pod);
	if (h->error) {
		pane_addf(out, STYLE_UNKNOWN, PAGE_LABEL, "not known: %s", h->error);
	} else {
		pane_add(out, well ? STYLE_OK : STYLE_BAD, PAGE_LABEL, h->status ? h->status : "no status");
		if (!answers)
			pane_addf(out, STYLE_BAD, PAGE_LABEL, " (HTTP %d)", h->http_status);
		pane_addf(out, STYLE_CELL, PAGE_LABEL, ", version %s, mode %s, up %s",
			  h->version ? h->version : "?", h->mode ? h->mode : "?",
			  h->uptime_s < 0 ? "?" : cell_age(clock_now() - h->uptime_s, &out->arena).text);
		if (h->kill_switch < 0)
			pane_add(out, STYLE_UNKNOWN, PAGE_LABEL, ", kill switch ?");
		else
			pane_add(out, h->kill_switch ? STYLE_BAD : STYLE_CELL, PAGE_LABEL,
				 h->kill_switch ? ", kill switch active" : ", kill switch off");
	}
	add_ago(out, "; seen ", h->at);
}

void
proof_page_health(const struct fleet *f, const struct workload *w, struct pane *out)
{
	const struct live *l = fleet_live(f, w);
	size_t told = 0;

	for (size_t i = 0; w->pipelock && i < l->n_pods; i++) {
		const struct health_sighting *h = loaded_health(f, w, l->pods[i]);

		if (!h || told++ >= MOST_LINES)
			continue;
		page_label(out, told == 1 ? "health" : "");
		add_health(out, h);
	}
	and_more(out, told);
	if (!told && w->pipelock && f->source.type == SOURCE_CLUSTER) {
		page_label(out, "health");
		pane_add(out, STYLE_UNKNOWN, PAGE_LABEL, "not known: it was not asked");
	}
}

/* ---- pods */

void
proof_page_pods(const struct fleet *f, const struct workload *w, const char *name, struct pane *out)
{
	const struct live *l = fleet_live(f, w);

	for (size_t i = 0; i < l->n_pods && i < MOST_LINES; i++) {
		const struct pod *p = l->pods[i];

		page_label(out, i ? "" : name);
		pane_addf(out, p->ready || p->finished ? STYLE_CELL : STYLE_WARN, PAGE_LABEL, "%s %s%s",
			  p->object.name, p->phase ? p->phase : "unknown",
			  p->ready || p->finished ? "" : ", not ready");
		if (p->node)
			pane_addf(out, STYLE_DIM, PAGE_LABEL, " on %s", p->node);
	}
	and_more(out, l->n_pods);
}
