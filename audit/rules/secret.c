/* SPDX-License-Identifier: Apache-2.0 */
/* The key of the TLS interception's CA: readable by Pipelock, and by nobody else. */
#include <stdlib.h>
#include <string.h>

#include "audit/rules/common.h"
#include "base/str.h"
#include "fleet/image.h"

#define GOTCHA                                                                                                    \
	"Per-Pod NetworkPolicy in Practice: Migrating Five Agents in a Day, \"Gotcha 5: projected secret volume " \
	"modes\"; "

/* What fsGroup to write: the one that is set, else the user Pipelock runs as, else any. */
static int64_t
group_for(const struct secret_mount *s)
{
	if (s->fs_group > 0)
		return s->fs_group;
	return s->run_as_user > 0 ? s->run_as_user : 65534;
}

/* The item of the volume whose own mode holds for this key; NULL: the volume's mode does. */
static const struct volume_item *
item_with_mode(const struct secret_mount *s)
{
	for (size_t i = 0; i < s->volume->n_sources; i++) {
		const struct volume_source *v = &s->volume->sources[i];

		for (size_t j = 0; v->type == VOLUME_SECRET && j < v->n_items; j++)
			if (str_eq(v->name, s->secret) && str_eq(v->items[j].key, s->key) && v->items[j].mode.set)
				return &v->items[j];
	}
	return NULL;
}

/* "defaultMode: 0440 (288 in JSON) on volume pipelock-ca": the change of the mode. */
static const char *
mode_change(struct audit_run *run, const struct secret_mount *s)
{
	if (item_with_mode(s))
		return audit_printf(run, "mode: 0440 (288 in JSON) for item %s of volume %s", s->key,
				    s->volume->name);
	return audit_printf(run, "defaultMode: 0440 (288 in JSON) on volume %s", s->volume->name);
}

static const char *
secret_fix(struct audit_run *run, const struct workload *w, const struct secret_mount *s)
{
	const char *group =
		audit_printf(run, "%s.securityContext.fsGroup: %lld", rule_spec_path(w), (long long)group_for(s));

	return audit_printf(
		run,
		"In %s write %s and %s %s: the kubelet gives the file to that group, and Pipelock reads it "
		"through it whatever user it runs as.",
		rule_workload(run, w), mode_change(run, s), s->fs_group == ID_UNSET ? "add" : "keep", group);
}

/* "mode 0644 (the default, none is written), 0644 in the container; runAsUser 65534, no fsGroup" */
static const char *
secret_evidence(struct audit_run *run, const struct secret_mount *s)
{
	const char *user = s->run_as_user == ID_UNSET
				   ? "runAsUser not set"
				   : audit_printf(run, "runAsUser %lld", (long long)s->run_as_user);
	const char *group =
		s->fs_group == ID_UNSET ? "no fsGroup" : audit_printf(run, "fsGroup %lld", (long long)s->fs_group);

	return audit_printf(run, "Secret %s, key %s, at %s: mode %04o%s, %04o in the container; %s, %s", s->secret,
			    s->key, s->path, (unsigned)s->declared.value,
			    s->declared.set ? "" : " (the default, none is written)", (unsigned)s->effective, user,
			    group);
}

static void
report_secret(struct audit_run *run, const struct workload *w, const struct secret_mount *s, const char *message)
{
	audit_report(run, w,
		     &(struct finding_args){
			     .container = s->container->name,
			     .subject = audit_printf(run, "%s/%s", s->secret, s->key),
			     .line = s->declared.set ? s->declared.line : s->volume->line,
			     .message = message,
			     .evidence = secret_evidence(run, s),
			     .fix = secret_fix(run, w, s),
		     });
}

/* The config says which file is the key. Where it could not be read, not finding one by its name proves nothing. */
static void
note_unread_config(struct audit_run *run, const struct workload *w)
{
	const struct pipelock *p = w->pipelock;

	if (p->n_secrets || p->config_known || p->config_map_missing || !p->n_sources || !p->sources[0].config_map)
		return;
	if (fleet_missing_facts(audit_fleet(run), FACT_CONFIG_MAPS, FACT_UNREADABLE))
		audit_unknown(run, w, "ConfigMap",
			      audit_printf(run, "%s was not read: it says which file is the CA key of %s",
					   p->sources[0].config_map, rule_workload(run, w)));
}

/*
 * What cannot be told of a key: its mode, as the config names the key and was not read, or who reads it, as the image
 * decides. Where the config should have been read the audit is incomplete.
 */
static void
note_undecided(struct audit_run *run, const struct workload *w, const struct secret_mount *s)
{
	const char *key = audit_printf(run, "Secret %s at %s: %s", s->secret, s->path,
				       s->reason ? s->reason : "what decides is not known");

	if (s->verdict == SECRET_DEPENDS)
		audit_not_applicable(run, w,
				     audit_printf(run, "%s; securityContext.fsGroup on the pod makes it certain", key));
	else if (fleet_missing_facts(audit_fleet(run), FACT_CONFIG_MAPS, FACT_UNREADABLE))
		audit_unknown(run, w, "ConfigMap", audit_printf(run, "%s: %s", rule_workload(run, w), key));
	else
		audit_not_applicable(run, w, key);
}

/*
 * secret-mode-exposed
 */

static void
secret_mode_exposed(struct audit_run *run, const struct workload *w)
{
	const struct pipelock *p = w->pipelock;

	for (size_t i = 0; i < p->n_secrets; i++) {
		const struct secret_mount *s = &p->secrets[i];

		if (s->verdict == SECRET_UNKNOWN)
			note_undecided(run, w, s);
		if (s->verdict != SECRET_EXPOSED)
			continue;
		report_secret(run, w, s,
			      audit_printf(run,
					   "the CA key %s in container %s of %s has mode %04o: Pipelock refuses to "
					   "start with any bit of 0137",
					   s->path, s->container->name, rule_workload(run, w),
					   (unsigned)s->effective));
	}
	note_unread_config(run, w);
}

const struct rule rule_secret_mode_exposed = {
	.id = "secret-mode-exposed",
	.severity = SEV_HIGH,
	.scope = RULE_PIPELOCK,
	.needs = FACT_WORKLOADS,
	.title = "CA key with a mode that Pipelock refuses",
	.why = "Whoever reads the CA key can forge any site for the agents that trust it. Pipelock therefore "
	       "masks the file's mode with 0137 and refuses to start when a bit is left: read by others, "
	       "write by group or others, execute by anyone. 0400, 0440, 0600 and 0640 pass; 0444 and 0644 do "
	       "not, and 0644 is what holds when no mode is written. The kubelet adds 0440 where the pod has "
	       "an fsGroup, so the mode in the container may be another than the one declared.",
	.evidence = "The mode as declared and as it takes effect, the user and the fsGroup",
	.fix = "Set defaultMode: 0440 on the Secret's volume (288 in JSON) and securityContext.fsGroup on the pod.",
	.reference = GOTCHA "Pipelock internal/config/validate.go",
	.run = secret_mode_exposed,
};

/*
 * secret-unreadable
 */

static void
secret_unreadable(struct audit_run *run, const struct workload *w)
{
	const struct pipelock *p = w->pipelock;

	for (size_t i = 0; i < p->n_secrets; i++) {
		const struct secret_mount *s = &p->secrets[i];

		if (s->verdict == SECRET_UNKNOWN || s->verdict == SECRET_DEPENDS)
			note_undecided(run, w, s);
		if (s->verdict != SECRET_UNREADABLE)
			continue;
		report_secret(run, w, s,
			      audit_printf(run, "Pipelock in container %s of %s cannot read its CA key %s: %s",
					   s->container->name, rule_workload(run, w), s->path,
					   s->reason ? s->reason : "neither owner nor group is its own"));
	}
	note_unread_config(run, w);
}

const struct rule rule_secret_unreadable = {
	.id = "secret-unreadable",
	.severity = SEV_HIGH,
	.scope = RULE_PIPELOCK,
	.needs = FACT_WORKLOADS,
	.title = "CA key that Pipelock's user cannot read",
	.why = "Files of a Secret belong to root, whatever runAsUser says; only fsGroup changes their group. "
	       "Pipelock runs as an ordinary user, so a key of 0400 or 0600 without fsGroup is closed to it, "
	       "and 0440 or 0640 open only to group 0. `pipelock check` merely looks at the file and passes; "
	       "`pipelock run` then dies with permission denied. (0400 together with an fsGroup does work on "
	       "today's kubelet: it turns the mode into 0440.)",
	.evidence = "The mode as declared and as it takes effect, the user and the fsGroup",
	.fix = "Set securityContext.fsGroup on the pod and defaultMode: 0440 on the Secret's volume (288 in JSON).",
	.reference = GOTCHA "https://kubernetes.io/docs/tasks/configure-pod-container/security-context/",
	.run = secret_unreadable,
};

/*
 * secret-mode-decimal
 */

/* The decimal numbers that look like the modes people mean; 256, 288, 384, 416, 420 and 292 are what JSON needs. */
static bool
looks_octal(const struct file_mode *m)
{
	static const int traps[] = {440, 400, 600, 640, 644, 444};

	for (size_t i = 0; m->set && !m->octal && i < COUNT_OF(traps); i++)
		if (m->value == traps[i])
			return true;
	return false;
}

/* 440 read as the octal that was meant: 0440. */
static int
meant(int decimal)
{
	return decimal / 100 * 64 + decimal / 10 % 10 * 8 + decimal % 10;
}

static void
report_decimal(struct audit_run *run, const struct workload *w, const struct volume *v,
	       const struct volume_item *item)
{
	const struct file_mode *m = item ? &item->mode : &v->default_mode;
	const char *field = item ? "mode" : "defaultMode";
	const char *where = item ? audit_printf(run, "item %s of volume %s", item->key, v->name)
				 : audit_printf(run, "volume %s", v->name);

	audit_report(run, w,
		     &(struct finding_args){
			     .subject = where,
			     .line = m->line,
			     .message = audit_printf(run, "%s: %d on %s of %s is decimal: it means 0%o, not 0%d",
						     field, m->value, where, rule_workload(run, w),
						     (unsigned)m->value, m->value),
			     .evidence = audit_printf(run, "%s: %d = 0%o", field, m->value, (unsigned)m->value),
			     .fix = audit_printf(run, "On %s of %s write %s: 0%d in YAML, %d in JSON.", where,
						 rule_workload(run, w), field, m->value, meant(m->value)),
		     });
}

static void
secret_mode_decimal(struct audit_run *run, const struct workload *w)
{
	const struct pod_spec *spec = &w->template->spec;

	for (size_t i = 0; i < spec->n_volumes; i++) {
		const struct volume *v = &spec->volumes[i];

		if (looks_octal(&v->default_mode))
			report_decimal(run, w, v, NULL);
		for (size_t j = 0; j < v->n_sources; j++)
			for (size_t k = 0; k < v->sources[j].n_items; k++)
				if (looks_octal(&v->sources[j].items[k].mode))
					report_decimal(run, w, v, &v->sources[j].items[k]);
	}
}

const struct rule rule_secret_mode_decimal = {
	.id = "secret-mode-decimal",
	.severity = SEV_MEDIUM,
	.scope = RULE_GUARDED,
	.needs = FACT_WORKLOADS,
	.title = "File mode written in decimal that reads like octal",
	.why = "defaultMode is a number. YAML takes 0440 for octal, but 440 for four hundred and forty, which "
	       "is 0670: group may write. JSON knows no octal at all, so 440 there is always the wrong one. "
	       "400 becomes 0620, 600 becomes 01130, 644 becomes 01204. Pipelock refuses most of them, and "
	       "the error names a mode that nobody wrote.",
	.evidence = "The number and the mode that it means",
	.fix = "Write the leading zero in YAML (0440, 0640), or the decimal value: 0400 is 256, 0440 is 288, "
	       "0600 is 384, 0640 is 416, 0644 is 420, 0444 is 292.",
	.reference = GOTCHA "https://kubernetes.io/docs/concepts/configuration/secret/#secret-files-permissions",
	.run = secret_mode_decimal,
};

/*
 * ca-key-in-agent
 */

/* A Secret's key that some Pipelock of the namespace signs with. */
struct ca_key {
	const char *namespace, *secret, *key;
	const struct workload *owner;
};

/* Of one namespace. */
static int
by_secret(const void *a, const void *b)
{
	const struct ca_key *p = a, *q = b;
	int order = strcmp(p->secret, q->secret);

	if (!order)
		order = strcmp(p->key, q->key);
	if (!order) /* a companion is named before an agent's own sidecar */
		order = (q->owner->role == ROLE_COMPANION) - (p->owner->role == ROLE_COMPANION);
	return order ? order : (p->owner > q->owner) - (p->owner < q->owner);
}

static size_t
count_keys(const struct fleet *f)
{
	size_t n = 0;

	for (size_t i = 0; i < f->n_workloads; i++)
		n += f->workloads[i].pipelock ? f->workloads[i].pipelock->n_secrets : 0;
	return n;
}

/* Sorts those of one namespace, each once; returns how many are left. */
static size_t
sort_keys(struct ca_key *keys, size_t all)
{
	size_t n = 0;

	if (all > 1)
		qsort(keys, all, sizeof(*keys), by_secret);
	for (size_t i = 0; i < all; i++)
		if (!n || strcmp(keys[n - 1].secret, keys[i].secret) != 0 || strcmp(keys[n - 1].key, keys[i].key) != 0)
			keys[n++] = keys[i];
	return n;
}

/* All of the fleet, by namespace as workloads are, then sorted, each once. */
static struct ca_key *
collect_keys(struct audit_run *run, size_t *n)
{
	const struct fleet *f = audit_fleet(run);
	struct ca_key *keys = ARENA_ARRAY(audit_scratch(run), struct ca_key, count_keys(f));
	size_t first = 0, all = 0; /* of the namespace that is being collected */

	for (size_t i = 0; i < f->n_workloads; i++) {
		const struct workload *w = &f->workloads[i];

		if (!w->pipelock || !w->pipelock->n_secrets)
			continue;
		if (first < all && strcmp(keys[first].namespace, w->namespace) != 0)
			first = all = first + sort_keys(keys + first, all - first);
		for (size_t j = 0; j < w->pipelock->n_secrets; j++)
			if (w->pipelock->secrets[j].secret && w->pipelock->secrets[j].key)
				keys[all++] = (struct ca_key){w->namespace, w->pipelock->secrets[j].secret,
							      w->pipelock->secrets[j].key, w};
	}
	*n = first + sort_keys(keys + first, all - first);
	return keys;
}

/* Does this mount of a Secret bring the key along: among its items, and not cut off by a subPath? */
static bool
brings_key(const struct volume_mount *m, const struct volume_source *s, const char *key)
{
	const char *file = s->has_items ? NULL : key;

	for (size_t i = 0; i < s->n_items; i++)
		if (str_eq(s->items[i].key, key))
			file = s->items[i].path;
	if (!file)
		return false;
	if (m->sub_path) {
		size_t n = strlen(m->sub_path);

		return strncmp(file, m->sub_path, n) == 0 && (file[n] == '\0' || file[n] == '/');
	}
	return true;
}

struct exposure {
	struct audit_run *run;
	const struct workload *agent;
	const struct container *container;
	const struct ca_key *keys; /* those of the agent's namespace, sorted */
	size_t n_keys;
};

/* Goes on to the keys of the next agent's namespace: agents are sorted by it, as all keys are. */
static void
enter_namespace(struct exposure *x, const struct ca_key *end)
{
	const char *namespace = x->agent->namespace;

	if (x->n_keys && strcmp(x->keys[0].namespace, namespace) == 0)
		return;
	x->keys += x->n_keys;
	while (x->keys < end && strcmp(x->keys[0].namespace, namespace) < 0)
		x->keys++;
	for (x->n_keys = 0; x->keys + x->n_keys < end; x->n_keys++)
		if (strcmp(x->keys[x->n_keys].namespace, namespace) != 0)
			break;
}

/* The first key that Pipelock has in this Secret of the agent's namespace; NULL: none. */
static const struct ca_key *
first_key(const struct exposure *x, const char *secret)
{
	size_t low = 0, high = x->n_keys;

	if (!secret)
		return NULL;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(x->keys[middle].secret, secret) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low < x->n_keys && strcmp(x->keys[low].secret, secret) == 0 ? &x->keys[low] : NULL;
}

/* The next one in the same Secret; NULL. */
static const struct ca_key *
next_key(const struct exposure *x, const struct ca_key *key)
{
	const struct ca_key *next = key + 1;

	return next < x->keys + x->n_keys && strcmp(next->secret, key->secret) == 0 ? next : NULL;
}

static void
report_key(const struct exposure *x, const struct ca_key *key, const char *how, const char *fix, unsigned line)
{
	struct audit_run *run = x->run;

	audit_report(
		run, x->agent,
		&(struct finding_args){
			.container = x->container->name,
			.subject = audit_printf(run, "%s/%s", key->secret, key->key),
			.line = line,
			.message = audit_printf(
				run,
				"container %s of %s can read the CA key of %s: with it an agent forges any "
				"site that the key's clients trust",
				x->container->name, rule_workload(run, x->agent), rule_workload(run, key->owner)),
			.evidence = audit_printf(run, "Secret %s/%s, key %s, %s", key->namespace, key->secret,
						 key->key, how),
			.fix = fix,
		});
}

static void
check_source(const struct exposure *x, const struct volume_mount *m, const struct volume *v,
	     const struct volume_source *s)
{
	struct audit_run *run = x->run;

	for (const struct ca_key *key = first_key(x, s->name); key; key = next_key(x, key)) {
		if (!brings_key(m, s, key->key))
			continue;
		report_key(
			x, key,
			audit_printf(run, "through volume %s at %s%s", v->name, m->path,
				     s->has_items ? "" : " (no items: all keys of the Secret)"),
			audit_printf(run,
				     "Let volume %s of %s mount the certificate alone: items: [{key: ca.pem, path: "
				     "ca.pem}] with the name that the certificate has in Secret %s, or a ConfigMap "
				     "or Secret of its own for it. Then make a new CA: this key has been in an "
				     "agent's pod.",
				     v->name, rule_workload(run, x->agent), key->secret),
			m->line);
	}
}

static void
check_mounts(const struct exposure *x)
{
	const struct container *c = x->container;

	for (size_t i = 0; i < c->n_mounts; i++) {
		const struct volume *v = pod_spec_volume(&x->agent->template->spec, c->mounts[i].volume);

		for (size_t j = 0; v && j < v->n_sources; j++)
			if (v->sources[j].type == VOLUME_SECRET)
				check_source(x, &c->mounts[i], v, &v->sources[j]);
	}
}

static void
report_env(const struct exposure *x, const struct ca_key *key, const char *how, unsigned line)
{
	struct audit_run *run = x->run;

	report_key(x, key, how,
		   audit_printf(run,
				"Take Secret %s out of env and envFrom of container %s of %s and mount the "
				"certificate alone. Then make a new CA: this key has been in an agent's pod.",
				key->secret, x->container->name, rule_workload(run, x->agent)),
		   line);
}

/* Into the environment a key comes without a file, and no better. */
static void
check_env(const struct exposure *x)
{
	const struct container *c = x->container;
	const struct ca_key *key;

	for (size_t i = 0; i < c->n_env; i++) {
		if (c->env[i].source != ENV_SECRET)
			continue;
		for (key = first_key(x, c->env[i].ref); key; key = next_key(x, key))
			if (str_eq(c->env[i].key, key->key))
				report_env(x, key, audit_printf(x->run, "through env %s", c->env[i].name),
					   c->env[i].line);
	}
	for (size_t i = 0; i < c->n_env_from; i++)
		for (key = first_key(x, c->env_from[i].secret); key; key = next_key(x, key))
			report_env(x, key, "through envFrom", c->env_from[i].line);
}

static void
ca_key_in_agent(struct audit_run *run, const struct workload *none)
{
	const struct fleet *f = audit_fleet(run);
	struct exposure x = {.run = run};
	const struct ca_key *end;
	size_t n;

	(void)none;
	x.keys = collect_keys(run, &n);
	end = x.keys + n;
	for (size_t i = 0; i < f->n_agents; i++) {
		const struct pod_spec *s = &f->agents[i]->template->spec;

		x.agent = f->agents[i];
		enter_namespace(&x, end);
		for (size_t j = 0; x.n_keys && j < s->n_containers; j++) {
			x.container = &s->containers[j];
			if (container_is_pipelock(x.container))
				continue;
			check_mounts(&x);
			check_env(&x);
		}
	}
	for (size_t i = 0; i < f->n_companions; i++)
		if (f->companions[i]->pipelock)
			note_unread_config(run, f->companions[i]);
}

const struct rule rule_ca_key_in_agent = {
	.id = "ca-key-in-agent",
	.severity = SEV_CRITICAL,
	.scope = RULE_FLEET,
	.needs = FACT_WORKLOADS,
	.title = "Agent's pod holds the CA key of its firewall",
	.why = "An agent has to trust the certificate that Pipelock's interception signs with, so the Secret "
	       "is mounted into the agent too, and with it, unless items say otherwise, the private key. A "
	       "process that has the key can act as any site towards everything that trusts this CA, and sign "
	       "what the firewall would have stopped. The certificate is all an agent needs.",
	.evidence = "The Secret, its key, and the volume that brings it into the container",
	.fix = "Mount the certificate alone (items with its key), or keep it in a ConfigMap of its own; then "
	       "make a new CA.",
	.reference = GOTCHA
	"https://kubernetes.io/docs/concepts/configuration/secret/#using-secrets-as-files-from-a-pod",
	.run = ca_key_in_agent,
};
