/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Evidence that stands in comments of a manifest, one thing a line, made part of the fleet that was read of it. Include it
 * behind cmocka.h.
 *
 *     # tiers: probes logs health
 *     # probe: of=Deployment/a/scout node=n1 probe=raw-tcp,no-proxy verdict=open at=2026-03-10T11:00:00Z against=now
 *     # log: of=Deployment/a/pipelock pod=pipelock-1 hash=present at=2026-03-10T11:00:00Z reload=failed words=broken YAML
 *     # health: of=Deployment/a/pipelock pod=pipelock-1 at=2026-03-10T11:00:00Z status=healthy kill=1
 *
 * A tier that is not named was not asked for. `against` is now, other or none; `hash` is present, none or digits; error=WORDS
 * stands for what could not be read. `started` is the container's own start unless it is written.
 */
#ifndef TESTS_UNIT_EVIDENCE_FIXTURE_H
#define TESTS_UNIT_EVIDENCE_FIXTURE_H

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "base/vec.h"
#include "fleet/loading.h"
#include "fleet/proof.h"

struct evidence_text {
	const struct fleet *fleet;
	unsigned withheld; /* facts that are to be unreadable all the same */
	struct arena arena;
	struct evidence_parts parts;
	VEC(struct probe_result) probes;
	VEC(struct config_sighting) configs;
	VEC(struct health_sighting) healths;
};

/* The value behind " key="; that of words and error goes to the end of the line. NULL: it is not there. */
static inline const char *
evidence_value(struct evidence_text *t, const char *line, const char *key)
{
	const char *start = arena_printf(&t->arena, " %s=", key), *s = strstr(line, start);
	bool rest = str_eq(key, "words") || str_eq(key, "error");

	if (!s)
		return NULL;
	s += strlen(start);
	return arena_strndup(&t->arena, s, rest ? strlen(s) : strcspn(s, " "));
}

static inline const char *
evidence_or(struct evidence_text *t, const char *line, const char *key, const char *otherwise)
{
	const char *value = evidence_value(t, line, key);

	return value ? value : otherwise;
}

static inline int64_t
evidence_time(struct evidence_text *t, const char *line, const char *key, int64_t otherwise)
{
	const char *text = evidence_value(t, line, key);

	if (text && !clock_parse(text, &otherwise))
		fail_msg("no time: %s", line);
	return otherwise;
}

/* of=KIND/NAMESPACE/NAME */
static inline const struct workload *
evidence_workload(struct evidence_text *t, const char *line)
{
	const char *of = evidence_or(t, line, "of", ""), *namespace = strchr(of, '/');
	const char *name = namespace ? strchr(namespace + 1, '/') : NULL;
	const struct workload *w = NULL;

	if (name)
		w = fleet_workload(t->fleet,
				   arena_strndup(&t->arena, namespace + 1, (size_t)(name - namespace - 1)),
				   arena_strndup(&t->arena, of, (size_t)(namespace - of)), name + 1);
	if (!w)
		fail_msg("no workload: %s", line);
	return w;
}

static inline const struct pod *
evidence_pod(struct evidence_text *t, const char *line, const struct workload *w)
{
	const struct live *l = fleet_live(t->fleet, w);

	for (size_t i = 0; i < l->n_pods; i++)
		if (str_eq(l->pods[i]->object.name, evidence_value(t, line, "pod")))
			return l->pods[i];
	fail_msg("no pod: %s", line);
	return NULL;
}

static inline struct workload_key
evidence_key(const struct workload *w)
{
	return (struct workload_key){w->namespace, w->name, w->kind};
}

static inline void
evidence_probe(struct evidence_text *t, const char *line)
{
	const struct workload *w = evidence_workload(t, line);
	const char *against = evidence_or(t, line, "against", "now"), *names = evidence_or(t, line, "probe", "");
	struct probe_result r = {
		.agent = evidence_key(w),
		.pod = evidence_or(t, line, "pod", "its-pod"),
		.node = evidence_or(t, line, "node", ""),
		.container = "agent",
		.target = evidence_value(t, line, "target"),
		.method = evidence_or(t, line, "method", "python3"),
		.detail = evidence_or(t, line, "words", ""),
		.duration_ms = 5,
		.at = evidence_time(t, line, "at", clock_now()),
	};
	const char *now = str_eq(against, "now") ? proof_against(t->fleet, w, &t->arena) : NULL;
	bool explicit = r.target != NULL;

	r.against = now ? now : str_eq(against, "other") ? "0123456789abcdef0123456789abcdef" : "";
	if (!probe_verdict_from_name(evidence_or(t, line, "verdict", "blocked"), &r.verdict) ||
	    !probe_control_from_name(evidence_or(t, line, "control", "ok"), &r.control))
		fail_msg("no such verdict or control: %s", line);
	for (int p = 0; p < PROBES; p++) {
		if (!str_in_list(names, probe_name((enum probe)p)))
			continue;
		r.probe = (enum probe)p;
		if (!explicit)
			r.target = p == PROBE_DNS_TCP ? "1.1.1.1:53" : "1.1.1.1:443";
		vec_push(&t->probes, r);
	}
}

static inline void
evidence_log(struct evidence_text *t, const char *line)
{
	const struct workload *w = evidence_workload(t, line);
	const struct pod *p = evidence_pod(t, line, w);
	const struct container_status *status = loading_running(p, w->pipelock->container->name);
	const char *hash = evidence_or(t, line, "hash", "present"),
		   *reload = evidence_or(t, line, "reload", "none");
	struct config_sighting s = {
		.workload = evidence_key(w),
		.pod = p->object.name,
		.pod_uid = p->object.uid ? p->object.uid : "",
		.container = w->pipelock->container->name,
		.started_at = evidence_time(t, line, "started", status ? status->started_at : CLOCK_UNKNOWN),
		.loaded_hash = str_eq(hash, "present") ? w->pipelock->config_hash
			       : str_eq(hash, "none")  ? NULL
						       : hash,
		.loaded_at = evidence_time(t, line, "loaded", CLOCK_UNKNOWN),
		.log_error = evidence_value(t, line, "error"),
		.reload_detail = evidence_value(t, line, "words"),
		.file_hash = evidence_value(t, line, "file"),
		.at = evidence_time(t, line, "at", clock_now()),
	};

	while (!str_eq(reload_name(s.reload), reload))
		s.reload++;
	if (t->withheld & FACT_LOGS) {
		s.log_error = "withheld";
		s.loaded_hash = s.reload_detail = NULL;
		s.reload = RELOAD_NONE;
	}
	vec_push(&t->configs, s);
}

static inline void
evidence_health(struct evidence_text *t, const char *line)
{
	const struct workload *w = evidence_workload(t, line);
	const struct pod *p = evidence_pod(t, line, w);
	const char *http = evidence_or(t, line, "http", "200"), *kill = evidence_value(t, line, "kill");
	struct health_sighting s = {
		.workload = evidence_key(w),
		.pod = p->object.name,
		.pod_uid = p->object.uid ? p->object.uid : "",
		.error = t->withheld & FACT_HEALTH ? "withheld" : evidence_value(t, line, "error"),
		.http_status = atoi(http),
		.status = evidence_value(t, line, "status"),
		.version = evidence_value(t, line, "version"),
		.mode = evidence_value(t, line, "mode"),
		.uptime_s = 60,
		.kill_switch = kill ? (int8_t)atoi(kill) : -1,
		.at = evidence_time(t, line, "at", clock_now()),
	};

	vec_push(&t->healths, s);
}

static inline void
evidence_tiers(struct evidence_text *t, const char *line)
{
	t->parts.has_probes = str_in_list(line, "probes");
	t->parts.has_logs = str_in_list(line, "logs");
	t->parts.has_health = str_in_list(line, "health");
	if (t->withheld & FACT_PROBES)
		t->parts.probes_error = "the history is locked";
}

static inline void
evidence_line(struct evidence_text *t, const char *line)
{
	static const struct {
		const char *start;
		void (*read)(struct evidence_text *t, const char *line);
	} sorts[] = {
		{"# tiers:", evidence_tiers},
		{"# probe:", evidence_probe},
		{"# log:", evidence_log},
		{"# health:", evidence_health},
	};

	for (size_t i = 0; i < COUNT_OF(sorts); i++)
		if (str_starts(line, sorts[i].start))
			sorts[i].read(t, line + strlen(sorts[i].start));
}

/* What the comments of a text say. evidence_unref it; NULL: no tiers are named. `withheld`: facts as if they were unreadable. */
static inline struct evidence *
evidence_fixture(const struct fleet *f, const char *text, unsigned withheld)
{
	struct evidence_text t = {.fleet = f, .withheld = withheld};
	struct evidence *e = NULL;

	for (const char *line = text, *end; line && *line; line = end ? end + 1 : NULL) {
		end = strchr(line, '\n');
		evidence_line(&t, arena_strndup(&t.arena, line, end ? (size_t)(end - line) : strlen(line)));
	}
	t.parts.probes = t.probes.at;
	t.parts.n_probes = t.probes.n;
	t.parts.configs = t.configs.at;
	t.parts.n_configs = t.configs.n;
	t.parts.healths = t.healths.at;
	t.parts.n_healths = t.healths.n;
	if (strstr(text, "# tiers:"))
		e = evidence_add(NULL, &t.parts);
	vec_free(&t.probes);
	vec_free(&t.configs);
	vec_free(&t.healths);
	arena_free(&t.arena);
	return e;
}

/* The same made part of the fleet, whose place the one that is given back takes. */
static inline struct fleet *
evidence_prove(struct fleet *f, const char *text, unsigned withheld)
{
	struct evidence *e = evidence_fixture(f, text, withheld);
	struct fleet_touched touched;
	struct fleet *proven;

	if (!e)
		return f;
	proven = fleet_prove(f, e, &touched);
	fleet_touched_free(&touched);
	evidence_unref(e);
	fleet_unref(f);
	return proven;
}

#endif
