/* SPDX-License-Identifier: Apache-2.0 */
/* What a Pipelock that runs has in force, by its log and its start, and how it says it is. */
#include "audit/loaded.h"
#include "audit/rules/common.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/str.h"

#define ARTICLE                                                                                                   \
	"subPath ConfigMap Mounts Don't Hot-Reload; Per-Pod NetworkPolicy in Practice: Migrating Five Agents in " \
	"a Day, \"Gotcha 1: subPath ConfigMap mounts don't hot-reload\"; "
#define CONFIG_MAP_DOC                                                 \
	"https://kubernetes.io/docs/concepts/configuration/configmap/" \
	"#mounted-configmaps-are-updated-automatically"
#define HASH_SHOWN 12 /* digits of a hash: enough to compare by eye */

static const char *
time_text(struct audit_run *run, int64_t seconds)
{
	char text[24];

	clock_format(seconds, text);
	return audit_printf(run, "%s", text);
}

/*
 * config-stale
 */

/* How the running containers of one config stand. */
struct outlook {
	struct loaded_replica stale; /* the worst: whose log says so, else the one that started first */
	struct loaded_replica open; /* one of which neither its log nor times tell */
	size_t n_stale, n_open, n;
};

/* Of the config that `run` was started with logs tell; of others that lie about, times alone. */
static bool
replica_of(const struct fleet *f, const struct workload *w, const struct config_source *s,
	   const struct config_map *m, size_t pod, struct loaded_replica *out)
{
	const struct pod *at = fleet_live(f, w)->pods[pod];
	const struct container_status *status;

	if (s == w->pipelock->sources && m == w->pipelock->config_map && s->container == w->pipelock->container)
		return loaded_replica(f, w, pod, out);
	status = loading_running(at, s->container->name);
	if (!status)
		return false;
	*out = (struct loaded_replica){.pod = at, .started_at = status->started_at};
	out->loaded = loading_by_start(status->started_at, m->data_changed_at, s);
	return true;
}

static bool
is_worse(const struct loaded_replica *r, const struct loaded_replica *than)
{
	if (!than->pod || r->logged != than->logged)
		return !than->pod || r->logged;
	return r->started_at < than->started_at;
}

static struct outlook
look(const struct fleet *f, const struct workload *w, const struct config_source *s, const struct config_map *m)
{
	struct outlook o = {0};
	struct loaded_replica r;

	for (size_t i = 0; i < fleet_live(f, w)->n_pods; i++) {
		if (!replica_of(f, w, s, m, i, &r))
			continue;
		o.n++;
		if (r.loaded == LOADED_STALE) {
			o.n_stale++;
			if (is_worse(&r, &o.stale))
				o.stale = r;
		} else if (r.loaded == LOADED_UNKNOWN && r.started_at != CLOCK_UNKNOWN) {
			o.n_open++;
			/* of a log that could not be read there is more to say than of one that nobody asked for */
			if (!o.open.pod || (r.unread && !o.open.unread) ||
			    (!r.unread == !o.open.unread && r.started_at < o.open.started_at))
				o.open = r;
		}
	}
	return o;
}

/* How a source is held that cannot follow its ConfigMap; NULL: it can. */
static const char *
how_held(const struct config_source *s)
{
	if (s->env)
		return "an environment";
	return s->mount && (s->mount->sub_path || s->mount->sub_path_expr) ? "a subPath mount" : NULL;
}

static const char *
stale_message(struct audit_run *run, const struct workload *w, const struct config_source *s,
	      const struct loaded_replica *r)
{
	if (r->logged)
		return audit_printf(
			run,
			"container %s of %s runs an old config: by its log it has loaded other bytes than "
			"ConfigMap %s holds now",
			s->container->name, rule_workload(run, w), s->config_map);
	return audit_printf(run,
			    "container %s of %s runs an old config: ConfigMap %s changed after it started, and %s "
			    "never follows a change",
			    s->container->name, rule_workload(run, w), s->config_map, how_held(s));
}

static const char *
stale_evidence(struct audit_run *run, const struct workload *w, const struct config_source *s,
	       const struct config_map *m, const struct outlook *o)
{
	const struct loaded_replica *r = &o->stale;

	if (r->logged)
		return audit_printf(
			run,
			"ConfigMap %s/%s has sha256 %.*s; container %s of pod %s logged config_hash %.*s"
			"%s%s; %zu of %zu pods",
			w->namespace, s->config_map, HASH_SHOWN, w->pipelock->config_hash, s->container->name,
			r->pod->object.name, HASH_SHOWN, r->seen->loaded_hash,
			r->seen->loaded_at == CLOCK_UNKNOWN ? "" : " at ",
			r->seen->loaded_at == CLOCK_UNKNOWN ? "" : time_text(run, r->seen->loaded_at), o->n_stale,
			o->n);
	return audit_printf(run,
			    "ConfigMap %s/%s changed %s; container %s of pod %s has run since %s; %zu of %zu pods",
			    w->namespace, s->config_map, time_text(run, m->data_changed_at), s->container->name,
			    r->pod->object.name, time_text(run, r->started_at), o->n_stale, o->n);
}

static const char *
stale_fix(struct audit_run *run, const struct workload *w, const struct config_source *s)
{
	if (how_held(s))
		return audit_printf(run,
				    "Restart it: %s. Then mount ConfigMap %s as a directory, so that the next edit "
				    "arrives.",
				    rule_restart(run, w), s->config_map);
	return audit_printf(run,
			    "Restart it: %s. The file in its pod follows the ConfigMap, but Pipelock up to 2.3 "
			    "overlooks the swap until it is started anew or gets SIGHUP.",
			    rule_restart(run, w));
}

static void
report_stale(struct audit_run *run, const struct workload *w, const struct config_source *s,
	     const struct config_map *m, const struct outlook *o)
{
	audit_report(run, w,
		     &(struct finding_args){
			     .container = s->container->name,
			     .subject = s->config_map,
			     .line = s->mount ? s->mount->line : s->container->line,
			     .message = stale_message(run, w, s, &o->stale),
			     .evidence = stale_evidence(run, w, s, m, o),
			     .fix = stale_fix(run, w, s),
		     });
}

/* The log of a container was asked for, and what it had to tell is not there. */
static void
note_unread(struct audit_run *run, const struct workload *w, const struct loaded_replica *r)
{
	audit_unknown(run, w, "log",
		      audit_printf(run, "which config container %s of pod %s has loaded is not known: its log: %s",
				   w->pipelock->container->name, r->pod->object.name, r->unread));
}

/* Neither times nor a log say that what runs is current, and no log was asked for. */
static void
note_open(struct audit_run *run, const struct workload *w, const struct config_source *s,
	  const struct config_map *m, const struct loaded_replica *r)
{
	const char *why = r->outdated ? "its log was read before that" : "no log was read";

	if (m->data_changed_at == CLOCK_UNKNOWN)
		audit_not_applicable(run, w,
				     audit_printf(run,
						  "when ConfigMap %s changed is not known (kubectl get "
						  "--show-managed-fields tells), and no log was read",
						  s->config_map));
	else
		audit_not_applicable(
			run, w,
			audit_printf(run,
				     "ConfigMap %s changed after container %s started, or less than two "
				     "minutes before: whether it was loaded only its log says, and %s",
				     s->config_map, s->container->name, why));
}

static void
note_no_pod(struct audit_run *run, const struct workload *w, const struct config_source *s,
	    const struct config_map *m)
{
	if (how_held(s) && m->data_changed_at != CLOCK_UNKNOWN)
		audit_unknown(run, w, "Pod",
			      audit_printf(run, "no pod of %s was seen: which config it runs is not known",
					   rule_workload(run, w)));
	else
		audit_not_applicable(run, w, "no pod of it was seen: which config it runs, no log was read to say");
}

static void
check_stale(struct audit_run *run, const struct workload *w, const struct config_source *s,
	    const struct config_map *m)
{
	struct outlook o = look(audit_fleet(run), w, s, m);

	if (o.n_stale)
		report_stale(run, w, s, m, &o);
	else if (rule_pods_unseen(run, w))
		note_no_pod(run, w, s, m);
	else if (o.open.unread)
		note_unread(run, w, &o.open);
	else if (o.n_open)
		note_open(run, w, s, m, &o.open);
}

static void
config_stale(struct audit_run *run, const struct workload *w)
{
	const struct pipelock *p = w->pipelock;

	if (p->config_hidden)
		audit_not_applicable(run, w, p->config_hidden);
	for (size_t i = 0; i < p->n_sources; i++) {
		const struct config_source *s = &p->sources[i];
		const struct config_map *m =
			s->config_map ? fleet_config_map(audit_fleet(run), w->namespace, s->config_map) : NULL;

		if (m)
			check_stale(run, w, s, m);
	}
}

const struct rule rule_config_stale = {
	.id = "config-stale",
	.severity = SEV_HIGH,
	.scope = RULE_PIPELOCK,
	.needs = FACT_WORKLOADS | FACT_CONFIG_MAPS | FACT_PODS,
	.title = "Running Pipelock has not loaded the present config",
	.why = "What enforces is what the process loaded, not what the ConfigMap says. With a subPath mount "
	       "or config in the environment, every edit since the container's start is missing from it: "
	       "commits are merged, the ConfigMap is right, and the firewall still works by the old text. In "
	       "the field four edits were missing for hours, and deleting the pod was what helped. A mounted "
	       "directory brings the new file, yet Pipelock up to 2.3 does not notice. Its log says what it has "
	       "loaded: config_hash, at the start and at each reload, is the sha256 of the config's bytes. Where "
	       "that was read it decides; else times do, as far as they can.",
	.evidence = "The sha256 of the ConfigMap's bytes and the config_hash logged last; without a log, when the "
		    "ConfigMap's data last changed (its managedFields) and when the container started. Of several "
		    "replicas the worst",
	.fix = "Restart the workload, and mount the ConfigMap as a directory.",
	.reference = ARTICLE CONFIG_MAP_DOC,
	.run = config_stale,
};

/*
 * config-reload-failed
 */

static bool
reload_broke(const struct loaded_replica *r)
{
	/* a later reload, or a ConfigMap that was put back, may have made it good */
	return r->seen && !r->outdated && !(r->logged && r->loaded == LOADED_CURRENT) &&
	       (r->seen->reload == RELOAD_FAILED || r->seen->reload == RELOAD_REFUSED);
}

static const char *
reload_fix(struct audit_run *run, const struct workload *w, const struct loaded_replica *r)
{
	if (r->seen->reload == RELOAD_REFUSED)
		return audit_printf(
			run,
			"If the change is meant, restart it, for a start takes the config as it is: %s. Else "
			"undo the change in %s.",
			rule_restart(run, w), rule_config_name(run, w));
	return audit_printf(
		run,
		"Correct it in %s; pipelock check --config FILE tests it. Until then do not restart it: it "
		"would not come up again. Afterwards: %s",
		rule_config_name(run, w), rule_restart(run, w));
}

static void
report_reload(struct audit_run *run, const struct workload *w, const struct loaded_replica *r, size_t n, size_t of)
{
	const struct container *c = w->pipelock->container;
	bool refused = r->seen->reload == RELOAD_REFUSED;

	audit_report(run, w,
		     &(struct finding_args){
			     .container = c->name,
			     .line = c->line,
			     .message = audit_printf(
				     run,
				     "container %s of %s %s the last config that it was to reload: an "
				     "old one is in force",
				     c->name, rule_workload(run, w), refused ? "refused" : "could not load"),
			     .evidence = audit_printf(run, "log of pod %s: reload %s%s%s; %zu of %zu pods",
						      r->pod->object.name, reload_name(r->seen->reload),
						      r->seen->reload_detail ? ": " : "",
						      r->seen->reload_detail ? r->seen->reload_detail : "", n, of),
			     .fix = reload_fix(run, w, r),
		     });
}

/* Without its log nobody knows; a container that started well after the last change had nothing to reload. */
static void
note_reloads(struct audit_run *run, const struct workload *w, const struct loaded_replica *r)
{
	if (r->unread)
		note_unread(run, w, r);
	else
		audit_not_applicable(
			run, w,
			audit_printf(run,
				     "whether container %s failed to reload its config only its log says, "
				     "and %s",
				     w->pipelock->container->name,
				     r->outdated ? "it was read before the ConfigMap last changed"
						 : "no log was read"));
}

static void
config_reload_failed(struct audit_run *run, const struct workload *w)
{
	const struct fleet *f = audit_fleet(run);
	struct loaded_replica r, broken = {0}, open = {0};
	size_t n_broken = 0, n = 0;

	for (size_t i = 0; i < fleet_live(f, w)->n_pods; i++) {
		if (!loaded_replica(f, w, i, &r))
			continue;
		n++;
		if (reload_broke(&r)) {
			if (!n_broken++)
				broken = r;
		} else if (r.loaded == LOADED_UNKNOWN && w->pipelock->config_map &&
			   (!open.pod || (r.unread && !open.unread))) {
			open = r;
		}
	}
	if (n_broken)
		report_reload(run, w, &broken, n_broken, n);
	else if (open.pod)
		note_reloads(run, w, &open);
}

const struct rule rule_config_reload_failed = {
	.id = "config-reload-failed",
	.severity = SEV_HIGH,
	.scope = RULE_PIPELOCK,
	.needs = FACT_WORKLOADS | FACT_CONFIG_MAPS | FACT_PODS | FACT_LOGS,
	.title = "Pipelock's last reload failed: an old config is in force",
	.why = "A Pipelock that cannot read its new config, or refuses it, keeps the old one and goes on. No "
	       "metric "
	       "counts it and /health stays healthy; one line on stderr is all there is. Who made the edit sees it "
	       "in the ConfigMap and believes it is in force. A config that could not be loaded waits for the next "
	       "start, and then the companion does not come up and its agents are cut off.",
	.evidence = "Pipelock's own words in the log, and of how many pods",
	.fix = "Correct the config, test it with `pipelock check --config FILE`, then restart the workload.",
	.reference = "Pipelock docs/configuration.md, \"Strict parsing\"; internal/config/reload.go",
	.run = config_reload_failed,
};

/*
 * companion-unhealthy
 */

static const char *
health_trouble(struct audit_run *run, const struct health_sighting *h)
{
	if (h->kill_switch == 1)
		return "its kill switch is active: it lets nothing through";
	if (!str_eq(h->status, "healthy"))
		return h->status ? audit_printf(run, "its /health says %s", h->status)
				 : audit_printf(run, "its /health answers %d and gives no status", h->http_status);
	return h->http_status == 200 ? NULL : audit_printf(run, "its /health answers %d", h->http_status);
}

static void
report_health(struct audit_run *run, const struct workload *w, const struct health_sighting *h, const char *trouble,
	      size_t n, size_t of)
{
	bool killed = h->kill_switch == 1;

	audit_report(
		run, w,
		&(struct finding_args){
			.container = w->pipelock->container->name,
			.line = w->pipelock->container->line,
			.message = audit_printf(run, "%s runs, but %s", rule_workload(run, w), trouble),
			.evidence = audit_printf(run,
						 "GET /health of pod %s at %s: %d, status %s, kill switch %s; %zu "
						 "of %zu pods",
						 h->pod, time_text(run, h->at), h->http_status,
						 h->status ? h->status : "not given",
						 killed		  ? "active"
						 : h->kill_switch ? "not given"
								  : "off",
						 n, of),
			.fix = killed ? "Find out who threw it and why (config, API, SIGUSR1 or its sentinel "
					"file: any of them holds it), and only then release it where it was thrown."
				      : audit_printf(
						run,
						"Read its log: kubectl -n %s logs %s -c %s. If it is stuck: %s",
						w->namespace, h->pod, w->pipelock->container->name,
						rule_restart(run, w)),
		});
}

static void
note_health(struct audit_run *run, const struct workload *w, const struct health_sighting *failed, bool unasked)
{
	if (failed)
		audit_unknown(run, w, "health",
			      audit_printf(run, "/health of pod %s: %s", failed->pod, failed->error));
	else if (unasked)
		audit_not_applicable(run, w, "its /health was not asked for");
}

static void
companion_unhealthy(struct audit_run *run, const struct workload *w)
{
	const struct fleet *f = audit_fleet(run);
	const struct live *l = fleet_live(f, w);
	const struct health_sighting *failed = NULL, *bad = NULL;
	const char *trouble = NULL;
	size_t n_bad = 0, n = 0;
	bool unasked = false;

	for (size_t i = 0; w->pipelock && i < l->n_pods; i++) {
		const struct health_sighting *h = loaded_health(f, w, l->pods[i]);
		const char *now;

		if (!loading_running(l->pods[i], w->pipelock->container->name))
			continue;
		n++;
		now = h && !h->error ? health_trouble(run, h) : NULL;
		if (now && !n_bad++) {
			bad = h;
			trouble = now;
		}
		failed = h && h->error && !failed ? h : failed;
		unasked |= !h;
	}
	if (bad)
		report_health(run, w, bad, trouble, n_bad, n);
	else
		note_health(run, w, failed, unasked);
}

const struct rule rule_companion_unhealthy = {
	.id = "companion-unhealthy",
	.severity = SEV_HIGH,
	.scope = RULE_COMPANION,
	.needs = FACT_WORKLOADS | FACT_PODS | FACT_HEALTH,
	.title = "Companion says that it is not healthy, or its kill switch is active",
	.why = "A pod may be Ready and its Pipelock serve nobody: its watchdog found a part of it stuck (from 2.4 "
	       "on), or somebody threw the kill switch, which leaves /health, /metrics and the API answering and "
	       "refuses everything else. The agents behind it are cut off, safely; those whose policy is still "
	       "wide "
	       "go around it. /health is asked through a port-forward, so no policy is in the way.",
	.evidence = "The answer of /health: its status, and the kill switch; of how many pods",
	.fix = "Find out what is stuck in its log, or who threw the kill switch; a restart releases the first "
	       "alone.",
	.reference = "Pipelock docs/guides/health.md; docs/configuration.md, \"Kill Switch\"",
	.run = companion_unhealthy,
};
