/* SPDX-License-Identifier: Apache-2.0 */
/*
 * moat.audit/v1. The document is written a member, an agent and a finding at a time, one on a line: the text follows the
 * fleet, the trees of jansson do not.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/json_write.h"
#include "audit/loaded.h"
#include "audit/baseline.h"
#include "audit/report_agents.h"
#include "audit/report_formats.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "build-config.h"
#include "fleet/egress.h"
#include "fleet/proof.h"
#include "fleet/setup.h"

#define SPILL (64 * 1024) /* bytes that are worth a write */
#define SHARED_NAMED 100 /* agents in shared_with; shared_with_total counts all */

static json_t *
need(json_t *value)
{
	if (!value)
		die("out of memory");
	return value;
}

static void
set(json_t *object, const char *key, json_t *value)
{
	if (json_object_set_new(object, key, need(value)) != 0)
		die("out of memory");
}

static void
append(json_t *array, json_t *value)
{
	if (json_array_append_new(array, need(value)) != 0)
		die("out of memory");
}

/* A cluster's strings may be anything; JSON's are UTF-8. Bad bytes become U+FFFD. */
static json_t *
repaired(const char *s)
{
	AUTO(buf) struct buf good = {0};
	const char *end = s + strlen(s);

	while (s < end) {
		const char *start = s;

		if (text_next(&s, end) != 0xfffd)
			buf_add(&good, start, (size_t)(s - start));
		else
			buf_adds(&good, "\xef\xbf\xbd");
	}
	return json_string(buf_str(&good));
}

static json_t *
string(const char *s) /* NULL is null */
{
	json_t *value = s ? json_string(s) : json_null();

	return value ? value : need(repaired(s));
}

static json_t *
time_string(int64_t seconds)
{
	char text[24];

	if (seconds == CLOCK_UNKNOWN)
		return json_null();
	clock_format(seconds, text);
	return string(text);
}

/* Counts and ids of which a negative one means that it is not known. */
static json_t *
known_integer(int64_t n)
{
	return n < 0 ? json_null() : json_integer(n);
}

static json_t *
mode_string(int mode)
{
	char text[16];

	snprintf(text, sizeof(text), "%04o", (unsigned)mode);
	return string(text);
}

/*
 * Text
 */

static void
write_value(struct buf *out, json_t *value)
{
	json_write(out, need(value));
	json_decref(value);
}

static void
write_member(struct buf *out, const char *key, json_t *value)
{
	buf_addf(out, "%s\n \"%s\": ", out->data[out->len - 1] == '{' ? "" : ",", key);
	write_value(out, value);
}

static void
open_list(struct buf *out, const char *key)
{
	buf_addf(out, ",\n \"%s\": [", key);
}

/* A buffer that was spilled ends in an item. */
static bool
is_list_empty(const struct buf *out)
{
	return out->len && out->data[out->len - 1] == '[';
}

static void
write_item(const struct report_options *opt, struct buf *out, json_t *value)
{
	buf_adds(out, is_list_empty(out) ? "\n  " : ",\n  ");
	write_value(out, value);
	if (opt && opt->spill && out->len >= SPILL)
		opt->spill(opt->spill_ctx, out);
}

static void
close_list(struct buf *out)
{
	buf_adds(out, is_list_empty(out) ? "]" : "\n ]");
}

/*
 * Head
 */

static json_t *
source_object(const struct source *s)
{
	json_t *object = need(json_object()), *paths = need(json_array());

	for (size_t i = 0; i < s->n_paths; i++)
		append(paths, string(s->paths[i]));
	set(object, "type", string(s->type == SOURCE_CLUSTER ? "cluster" : "files"));
	set(object, "context", string(s->context));
	set(object, "server", string(s->server));
	set(object, "paths", paths);
	return object;
}

static json_t *
gap_object(const struct gap *g)
{
	json_t *object = need(json_object());

	set(object, "kind", string(g->kind));
	set(object, "namespace", string(g->namespace));
	set(object, "reason", string(g->reason));
	return object;
}

static json_t *
gap_list(const struct audit *a)
{
	json_t *list = need(json_array());

	for (size_t i = 0; i < a->n_gaps; i++)
		append(list, gap_object(&a->gaps[i]));
	return list;
}

static json_t *
not_applicable_list(const struct audit *a)
{
	json_t *list = need(json_array());

	for (size_t i = 0; i < a->n_not_applicable; i++)
		append(list, string(a->not_applicable[i]->id));
	return list;
}

static json_t *
object_exemption(const struct object_exemption *e)
{
	json_t *object = need(json_object());

	set(object, "kind", string(e->kind));
	set(object, "namespace", string(e->namespace));
	set(object, "name", string(e->name));
	set(object, "key", string(e->key));
	set(object, "value", string(e->value));
	set(object, "reason", string(e->reason));
	set(object, "ignored", json_boolean(e->ignored));
	return object;
}

static json_t *
exemptions_object(const struct audit *a)
{
	json_t *object = need(json_object()), *list = need(json_array());

	for (size_t i = 0; i < a->exemptions_from_objects; i++)
		append(list, object_exemption(&a->exemptions[i]));
	set(object, "from_objects", json_integer((json_int_t)a->exemptions_from_objects));
	set(object, "from_config", json_integer((json_int_t)a->exemptions_from_config));
	set(object, "objects", list);
	return object;
}

static json_t *
summary_object(const struct audit *a)
{
	json_t *object = need(json_object()), *states = need(json_object()), *severities = need(json_object());

	for (int i = 0; i < STATES; i++)
		set(states, state_name(i), json_integer((json_int_t)a->states[i]));
	for (int i = SEVERITIES - 1; i >= 0; i--)
		set(severities, severity_name(i), json_integer((json_int_t)a->severities[i]));
	set(object, "agents", json_integer((json_int_t)a->n_agents));
	set(object, "companions", json_integer((json_int_t)a->n_companions));
	set(object, "states", states);
	set(object, "severities", severities);
	return object;
}

static json_t *
fixed_object(const struct baseline_entry *e)
{
	json_t *object = need(json_object());

	set(object, "rule", string(e->rule));
	set(object, "severity", string(e->severity));
	set(object, "object", string(e->object));
	set(object, "fingerprint", string(e->fingerprint));
	return object;
}

static json_t *
baseline_object(const struct audit *a)
{
	json_t *object, *fixed;

	if (!a->baseline)
		return json_null();
	object = need(json_object());
	fixed = need(json_array());
	for (size_t i = 0; i < a->n_fixed; i++)
		append(fixed, fixed_object(a->fixed[i]));
	set(object, "from", string(a->baseline));
	set(object, "new", json_integer((json_int_t)a->n_new));
	set(object, "known", json_integer((json_int_t)a->n_known));
	set(object, "fixed", fixed);
	return object;
}

/*
 * Agents
 */

static json_t *
companion_object(const struct fleet *f, const struct workload *agent)
{
	const struct workload *c = agent->companion;
	const struct live *l = c ? fleet_live(f, c) : NULL;
	json_t *object;

	if (!c)
		return json_null();
	object = need(json_object());
	set(object, "namespace", string(c->namespace));
	set(object, "name", string(c->name));
	set(object, "kind", string(c->kind));
	set(object, "service", string(agent->service ? agent->service->object.name : NULL));
	set(object, "ready", known_integer(l->ready));
	set(object, "desired", known_integer(l->desired));
	return object;
}

static json_t *
policy_names(const struct egress *e)
{
	json_t *list = need(json_array());

	for (size_t i = 0; i < e->n_policies; i++) {
		const struct object *o = &e->policies[i]->object;
		AUTO(free) char *name = mem_printf("%s%s%s", o->namespace, *o->namespace ? "/" : "", o->name);

		append(list, string(name));
	}
	return list;
}

static json_t *
allow_object(const struct allow *a)
{
	json_t *object = need(json_object());
	AUTO(buf) struct buf ports = {0};

	ports_format_list(&ports, &a->ports);
	set(object, "to", string(allow_to_name(a->to)));
	set(object, "peer", string(a->peer));
	set(object, "ports", string(buf_str(&ports)));
	return object;
}

static json_t *
allow_list(const struct egress *e)
{
	json_t *list = need(json_array());

	for (size_t i = 0; i < e->n_allows; i++)
		append(list, allow_object(&e->allows[i]));
	return list;
}

/* NULL: the policies were not read, or another engine may have its say. */
static json_t *
egress_object(const struct egress *e)
{
	json_t *object = need(json_object());

	set(object, "shape", string(e && egress_known_shape(e) >= 0 ? egress_shape_name(e->shape) : NULL));
	set(object, "internet", e ? json_boolean(e->internet) : json_null());
	set(object, "policies", e ? policy_names(e) : json_null());
	set(object, "allows", e ? allow_list(e) : json_null());
	return object;
}

static json_t *
config_object(const struct fleet *f, const struct workload *agent, const struct pipelock *p)
{
	struct loaded_worst worst = loaded_worst(f, agent->companion ? agent->companion : agent);
	json_t *object = need(json_object());
	const char *mount = p && p->mount != MOUNT_UNKNOWN ? mount_type_name(p->mount) : NULL;

	set(object, "mount", string(mount));
	set(object, "config_map", string(p && p->n_sources ? p->sources[0].config_map : NULL));
	set(object, "wanted_hash", string(p ? p->config_hash : NULL));
	set(object, "loaded_hash", string(worst.hash));
	set(object, "loaded", string(loaded_name(worst.loaded)));
	set(object, "stale",
	    worst.loaded == LOADED_UNKNOWN ? json_null() : json_boolean(worst.loaded == LOADED_STALE));
	return object;
}

static json_t *
secret_object(const struct secret_mount *s)
{
	json_t *object = need(json_object());

	set(object, "secret", string(s->secret));
	set(object, "path", string(s->path));
	set(object, "declared_mode", mode_string(s->declared.value));
	set(object, "effective_mode", mode_string(s->effective));
	set(object, "run_as_user", known_integer(s->run_as_user));
	set(object, "fs_group", known_integer(s->fs_group));
	set(object, "verdict", string(secret_verdict_name(s->verdict)));
	return object;
}

static json_t *
secret_list(const struct pipelock *p)
{
	json_t *list = need(json_array());

	for (size_t i = 0; p && i < p->n_secrets; i++)
		append(list, secret_object(&p->secrets[i]));
	return list;
}

/* The companion through which other agents go as the same identity, or NULL. */
static const struct workload *
shared_companion(const struct workload *agent)
{
	return agent->companion && !agent->companion->told_apart ? agent->companion : NULL;
}

/* Each of n agents would name all others: a companion of thousands would make the report grow with their square. */
static json_t *
shared_list(const struct workload *agent)
{
	const struct workload *c = shared_companion(agent);
	json_t *list = need(json_array());

	for (size_t i = 0; c && i < c->n_agents && json_array_size(list) < SHARED_NAMED; i++) {
		char *name = mem_printf("%s/%s", c->agents[i]->namespace, c->agents[i]->name);

		if (c->agents[i] != agent)
			append(list, string(name));
		free(name);
	}
	return list;
}

static json_t *
shared_total(const struct workload *agent)
{
	const struct workload *c = shared_companion(agent);

	return json_integer(c && c->n_agents ? (json_int_t)c->n_agents - 1 : 0);
}

static json_t *
identity_object(const struct workload *agent, const struct pipelock *p)
{
	json_t *object = need(json_object());
	bool read = p && setup_config_speaks(p) && p->config.valid;

	set(object, "bound", string(read ? p->config.default_identity : NULL));
	set(object, "companion_binds", read ? json_boolean(p->config.bind_identity) : json_null());
	set(object, "shared_with", shared_list(agent));
	set(object, "shared_with_total", shared_total(agent));
	return object;
}

/* All nodes together, the worst of them; `at` is the oldest where all were blocked, for that is how far the proof goes. */
static json_t *
probe_object(const struct probe_standing *st)
{
	enum probe_verdict verdict;
	json_t *object;

	if (!st->worst)
		return json_null();
	verdict = proof_verdict(st->worst);
	object = need(json_object());
	set(object, "verdict", string(probe_verdict_name(verdict)));
	set(object, "at", time_string(verdict == PROBE_BLOCKED ? st->at : st->worst->at));
	set(object, "stale", json_boolean(st->stale));
	set(object, "nodes", json_integer((json_int_t)st->nodes));
	set(object, "probed", json_integer((json_int_t)st->probed));
	return object;
}

static json_t *
probes_object(const struct fleet *f, const struct workload *agent)
{
	json_t *object = need(json_object());
	struct probe_standing all[PROBES] = {0};

	if (f->evidence)
		proof_standings(f, agent, all);
	for (int p = 0; p < PROBES_BYPASS; p++)
		set(object, probe_name((enum probe)p), probe_object(&all[p]));
	return object;
}

static json_t *
agent_object(const struct fleet *f, const struct workload *w)
{
	const struct pipelock *p = audit_pipelock(w);
	enum state state = fleet_state(f, w);
	json_t *object = need(json_object());

	set(object, "namespace", string(w->namespace));
	set(object, "name", string(w->name));
	set(object, "kind", string(w->kind));
	set(object, "state", state == STATE_UNKNOWN ? json_null() : string(state_name(state)));
	set(object, "companion", companion_object(f, w));
	set(object, "egress", egress_object(w->egress));
	set(object, "config", config_object(f, w, p));
	set(object, "secrets", secret_list(p));
	set(object, "identity", identity_object(w, p));
	set(object, "probes", probes_object(f, w));
	return object;
}

/*
 * Findings
 */

static json_t *
location_object(const struct location *l)
{
	json_t *object;

	if (!l->path)
		return json_null();
	object = need(json_object());
	set(object, "path", string(l->path));
	set(object, "line", l->line ? json_integer(l->line) : json_null());
	return object;
}

static json_t *
suppression_object(const struct suppression *s)
{
	json_t *object;

	if (!s)
		return json_null();
	object = need(json_object());
	set(object, "reason", string(s->reason));
	set(object, "owner", string(s->owner));
	set(object, "from", string(s->from));
	set(object, "expires_at", time_string(s->expires_at));
	return object;
}

static json_t *
finding_object(const struct finding *f)
{
	json_t *object = need(json_object()), *on = need(json_object());

	set(on, "kind", string(f->object.kind));
	set(on, "namespace", string(f->object.namespace));
	set(on, "name", string(f->object.name));
	set(on, "container", string(f->object.container));

	set(object, "rule", string(f->rule->id));
	set(object, "severity", string(severity_name(f->severity)));
	set(object, "namespace", string(f->namespace));
	set(object, "agent", string(f->agent ? f->agent->name : NULL));
	set(object, "object", on);
	set(object, "message", string(f->message));
	set(object, "evidence", string(f->evidence));
	set(object, "fix", string(f->fix));
	set(object, "fingerprint", string(f->fingerprint));
	set(object, "location", location_object(&f->location));
	set(object, "suppressed", suppression_object(f->suppressed));
	set(object, "novelty", string(novelty_name(f->novelty)));
	return object;
}

void
report_json(const struct audit *a, const struct report_options *opt, struct buf *out)
{
	buf_addc(out, '{');
	write_member(out, "schema", string("moat.audit/v1"));
	write_member(out, "version", string(PACKAGE_VERSION));
	write_member(out, "source", source_object(&a->fleet->source));
	write_member(out, "started_at", time_string(a->started_at));
	write_member(out, "duration_ms", json_integer(a->duration_ms));
	write_member(out, "complete", json_boolean(a->complete));
	write_member(out, "incomplete", gap_list(a));
	write_member(out, "not_applicable", not_applicable_list(a));
	write_member(out, "exemptions", exemptions_object(a));
	write_member(out, "baseline", baseline_object(a));
	write_member(out, "summary", summary_object(a));
	open_list(out, "agents");
	for (size_t i = 0; i < a->n_agents; i++)
		write_item(opt, out, agent_object(a->fleet, a->agents[i]));
	close_list(out);
	open_list(out, "findings");
	for (size_t i = 0; i < a->n_findings; i++)
		write_item(opt, out, finding_object(&a->findings[i]));
	close_list(out);
	buf_adds(out, "\n}\n");
}

/*
 * One agent in full
 */

static json_t *
result_object(const struct fleet *f, const struct workload *agent, const struct probe_result *r)
{
	json_t *object = need(json_object());

	set(object, "probe", string(probe_name(r->probe)));
	set(object, "pod", string(r->pod));
	set(object, "node", string(r->node));
	set(object, "container", string(r->container));
	set(object, "target", string(r->target));
	set(object, "verdict", string(probe_verdict_name(r->verdict)));
	set(object, "control", string(probe_control_name(r->control)));
	set(object, "method", string(r->method));
	set(object, "detail", string(r->detail));
	set(object, "duration_ms", known_integer(r->duration_ms));
	set(object, "at", time_string(r->at));
	set(object, "stale", json_boolean(proof_stale(f, agent, r)));
	return object;
}

/* The last of each node, also of those that carry the agent no more. */
static json_t *
result_list(const struct fleet *f, const struct workload *agent)
{
	const struct workload_key key = workload_key_of(agent);
	json_t *list = need(json_array());
	size_t n;
	const struct probe_result *at = evidence_probes(f->evidence, &key, &n);

	for (size_t i = 0; i < n; i++)
		append(list, result_object(f, agent, &at[i]));
	return list;
}

static json_t *
health_object(const struct health_sighting *h)
{
	json_t *object;

	if (!h)
		return json_null();
	object = need(json_object());
	set(object, "error", string(h->error));
	set(object, "http_status", h->error ? json_null() : json_integer(h->http_status));
	set(object, "status", string(h->status));
	set(object, "version", string(h->version));
	set(object, "mode", string(h->mode));
	set(object, "uptime_s", h->error ? json_null() : known_integer(h->uptime_s));
	set(object, "kill_switch_active", h->error || h->kill_switch < 0 ? json_null() : json_boolean(h->kill_switch));
	set(object, "at", time_string(h->at));
	return object;
}

static json_t *
seen_object(const struct config_sighting *s)
{
	json_t *object;

	if (!s)
		return json_null();
	object = need(json_object());
	set(object, "loaded_hash", string(s->loaded_hash));
	set(object, "loaded_at", time_string(s->loaded_at));
	set(object, "log_error", string(s->log_error));
	set(object, "reload", string(reload_name(s->reload)));
	set(object, "reload_detail", string(s->reload_detail));
	set(object, "file_hash", string(s->file_hash));
	set(object, "file_error", string(s->file_error));
	set(object, "at", time_string(s->at));
	return object;
}

/* The running Pipelocks that its traffic should pass, pod by pod. */
static json_t *
replica_list(const struct fleet *f, const struct workload *agent)
{
	const struct workload *w = agent->companion ? agent->companion : agent;
	json_t *list = need(json_array());
	struct loaded_replica r;

	for (size_t i = 0; i < fleet_live(f, w)->n_pods; i++) {
		json_t *object;

		if (!loaded_replica(f, w, i, &r))
			continue;
		object = need(json_object());
		set(object, "pod", string(r.pod->object.name));
		set(object, "node", string(r.pod->node));
		set(object, "started_at", time_string(r.started_at));
		set(object, "loaded", string(loaded_name(r.loaded)));
		set(object, "seen", seen_object(r.seen));
		set(object, "health", health_object(loaded_health(f, w, r.pod)));
		append(list, object);
	}
	return list;
}

json_t *
report_agents_json(const struct audit *a)
{
	json_t *list = need(json_array());

	for (size_t i = 0; i < a->n_agents; i++)
		append(list, agent_object(a->fleet, a->agents[i]));
	return list;
}

json_t *
report_agent_json(const struct audit *a, const struct workload *agent)
{
	json_t *object = agent_object(a->fleet, agent), *findings = need(json_array());

	for (size_t i = 0; i < a->n_findings; i++)
		if (audit_is_about(&a->findings[i], agent))
			append(findings, finding_object(&a->findings[i]));
	set(object, "probe_results", result_list(a->fleet, agent));
	set(object, "pipelocks", replica_list(a->fleet, agent));
	set(object, "findings", findings);
	return object;
}
